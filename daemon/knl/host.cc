/* SPDX-License-Identifier: GPL-2.0 */
#include "knl/host.hh"

#include "util/fd.hh"
#include "util/text.hh"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <linux/fs.h>
#include <optional>
#include <sys/ioctl.h>
#include <unistd.h>

namespace harp::knl {

namespace {

using config::region_config;

/* TCG Platform Reset Attack Mitigation; Linux sets it at each boot (libstub/tpm.c). */
constexpr const char *clear_request =
        "MemoryOverwriteRequestControl-e20939be-32d4-41be-a150-897f85d49829";
/* A variable in efivarfs: its attributes, then what it holds. */
constexpr size_t attribute_bytes = 4;

/* As the kernel's memparse(): 64M, 0x20000000, 1048576K. */
std::optional<uint64_t> mem_number(std::string_view &text) {
    int base = 10;
    if (text.starts_with("0x") || text.starts_with("0X")) {
        base = 16;
        text.remove_prefix(2);
    }
    uint64_t v = 0;
    auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), v, base);
    if (ec != std::errc()) {
        return std::nullopt;
    }
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    constexpr std::string_view units = "KMGT";
    auto unit = text.empty() ? std::string_view::npos
                             : units.find(static_cast<char>(
                                       toupper(static_cast<unsigned char>(text.front()))));
    if (unit != std::string_view::npos) {
        text.remove_prefix(1);
        v <<= 10 * (unit + 1);
    }
    return v;
}

/* memmap=SIZE$ADDRESS[,SIZE$ADDRESS...]: is all of @region in one of them? */
bool kept_free(const region_config &region, std::string_view cmdline) {
    for (std::string_view word : boot_arguments(cmdline, "memmap")) {
        while (!word.empty()) {
            auto size = mem_number(word);
            bool reserved = size && word.starts_with('$');
            word.remove_prefix(reserved ? 1 : 0);
            auto start = reserved ? mem_number(word) : std::nullopt;
            if (start && *start <= region.start && region.start - *start <= *size &&
                region.size <= *size - (region.start - *start)) {
                return true;
            }
            auto comma = word.find(',');
            word.remove_prefix(comma == std::string_view::npos ? word.size() : comma + 1);
        }
    }
    return false;
}

std::string memory_kept(const region_config &region, const host_paths &at) {
    const std::string cmdline = read_file(at.proc + "/cmdline").value_or("");
    if (region.what == region_config::kind::memmap && !kept_free(region, cmdline)) {
        return fmt::format("the kernel was started without memmap={}${:#x}, which keeps the "
                           "memory of the log free",
                           region.size % (1u << 20) == 0 ? fmt::format("{}M", region.size >> 20)
                                                         : fmt::format("{}K", region.size >> 10),
                           region.start);
    }
    auto bytes = config::region_bytes(region, cmdline);
    return bytes ? std::string() : bytes.error().text;
}

std::string variables(const host_paths &at) {
    return at.sys + "/firmware/efi/efivars";
}

/* The variable, if it asks for memory to be cleared. */
std::optional<std::string> asked_to_clear(const host_paths &at) {
    auto value = read_file(variables(at) + "/" + clear_request, 64);
    if (!value || value->size() <= attribute_bytes || ((*value)[attribute_bytes] & 1) == 0) {
        return std::nullopt;
    }
    return *value;
}

/* efivarfs makes immutable what a machine may not boot without; a write needs it off. */
class mutable_file {
public:
    explicit mutable_file(const std::string &path) : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
        if (fd_ && ioctl(fd_.get(), FS_IOC_GETFLAGS, &flags_) == 0 &&
            (flags_ & FS_IMMUTABLE_FL) != 0) {
            set(flags_ & ~FS_IMMUTABLE_FL);
        } else {
            flags_ = 0;
        }
    }
    ~mutable_file() {
        if (flags_ != 0) {
            set(flags_);
        }
    }
    mutable_file(const mutable_file &) = delete;
    mutable_file &operator=(const mutable_file &) = delete;

private:
    /* Where that fails the write does, too, and says so. */
    void set(int flags) { (void)ioctl(fd_.get(), FS_IOC_SETFLAGS, &flags); }

    unique_fd fd_;
    int flags_ = 0;
};

std::string firmware(const host_paths &at) {
    std::error_code ec;
    if (!std::filesystem::exists(at.sys + "/firmware/efi", ec)) {
        return {};
    }
    const std::string vars = variables(at);
    if (std::filesystem::is_empty(vars, ec) || ec) {
        return "whether the firmware clears memory at a reset cannot be told: mount efivarfs on "
               "/sys/firmware/efi/efivars";
    }
    if (!asked_to_clear(at)) {
        return {};
    }
    return "the firmware is asked to clear memory after a crash (MemoryOverwriteRequestControl): "
           "this member's log may then be lost as by a power cut; try it (operations guide)";
}

std::string hypervisor(const host_paths &at) {
    const std::string cpu = read_file(at.proc + "/cpuinfo").value_or("");
    auto flags = cpu.find("\nflags");
    auto line = flags == std::string::npos ? ""
                                           : cpu.substr(flags, cpu.find('\n', flags + 1) - flags);
    if ((line + " ").find(" hypervisor ") == std::string::npos) {
        return {};
    }
    auto clock = read_file(at.sys + "/devices/system/clocksource/clocksource0/current_clocksource")
                         .value_or("unknown\n");
    clock.erase(std::min(clock.find('\n'), clock.size()));
    return fmt::format("a virtual one, with the clock {}: hand over before it is paused, saved or "
                       "migrated, or set lease = \"confirm\" (operations guide)",
                       clock);
}

std::string panic_setting(const host_paths &at) {
    return at.proc + "/sys/kernel/panic";
}

bool panics_for_ever(const host_paths &at) {
    auto now = read_file(panic_setting(at), 64);
    return now && now->substr(0, now->find('\n')) == "0";
}

} // namespace

result<bool> set_panic_timeout(int seconds, const host_paths &at) {
    if (seconds == 0 || !panics_for_ever(at)) {
        return false;
    }
    const std::string path = panic_setting(at);
    const std::string text = fmt::format("{}\n", seconds);
    unique_fd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!fd || write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
        return fail_errno(path);
    }
    return true;
}

result<bool> keep_memory(const host_paths &at) {
    auto value = asked_to_clear(at);
    if (!value) {
        return false;
    }
    const std::string path = variables(at) + "/" + clear_request;
    (*value)[attribute_bytes] = static_cast<char>((*value)[attribute_bytes] & ~1);
    mutable_file unlocked(path);
    /* The whole of it at once, as efivarfs wants it. */
    unique_fd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!fd ||
        write(fd.get(), value->data(), value->size()) != static_cast<ssize_t>(value->size())) {
        return fail_errno(path);
    }
    if (asked_to_clear(at)) {
        return fail(EPERM, path + ": the firmware does not let it be changed");
    }
    return true;
}

std::vector<std::string> host_warnings(const region_config &region, confirm_mode confirm,
                                       const host_paths &at) {
    std::vector<std::string> out;
    auto add = [&](std::string text) {
        if (!text.empty()) {
            out.push_back(std::move(text));
        }
    };
    add(memory_kept(region, at));
    if (panics_for_ever(at)) {
        add("kernel.panic is 0: after a panic it does not come back by itself; set panic_timeout "
            "in harp.toml");
    }
    if (region.what != region_config::kind::mem) {
        add(firmware(at));
    }
    if (!confirm.mounted) {
        add(hypervisor(at));
    }
    if (confirm.wanted != confirm.mounted) {
        auto name = [](bool confirms) { return confirms ? "confirm" : "time"; };
        add(fmt::format("the group has lease = \"{}\", but the replica was mounted with \"{}\" and "
                        "goes on so: hand over, then restart this machine",
                        name(confirm.wanted), name(confirm.mounted)));
    }
    return out;
}

} // namespace harp::knl
