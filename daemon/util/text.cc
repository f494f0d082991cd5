/* SPDX-License-Identifier: GPL-2.0 */
#include "util/text.hh"

#include "linux/harp_limits.h"
#include "util/fd.hh"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>

namespace harp {

std::string errno_text(int err) {
    char buf[128];
    return strerror_r(err, buf, sizeof(buf)); /* the GNU one: returns the text */
}

failure fail_errno(std::string_view what) {
    int err = errno;
    return fail(err, fmt::format("{}: {}", what, errno_text(err)));
}

result<uuid_bytes> parse_uuid(std::string_view text) {
    uuid_bytes out{};
    size_t digits = 0;
    for (size_t i = 0; i < text.size(); i++) {
        bool dash_place = i == 8 || i == 13 || i == 18 || i == 23;
        unsigned value = 0;
        if (dash_place) {
            if (text[i] != '-') {
                break;
            }
            continue;
        }
        auto [end, ec] = std::from_chars(&text[i], &text[i] + 1, value, 16);
        if (ec != std::errc() || digits >= 32) {
            break;
        }
        out[digits / 2] = static_cast<uint8_t>(out[digits / 2] << 4 | value);
        digits++;
    }
    if (digits != 32 || text.size() != 36) {
        return fail(EINVAL, fmt::format("'{}' is not a UUID (8-4-4-4-12 hexadecimal digits)",
                                        text.substr(0, 64)));
    }
    return out;
}

std::string format_uuid(const uuid_bytes &u) {
    std::string out;
    for (size_t i = 0; i < u.size(); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            out += '-';
        }
        out += fmt::format("{:02x}", u[i]);
    }
    return out;
}

uint64_t random_u64() {
    uint64_t out = 0;
    while (getrandom(&out, sizeof(out), 0) != sizeof(out)) {}
    return out;
}

uuid_bytes random_uuid() {
    uuid_bytes out{};
    while (getrandom(out.data(), out.size(), 0) != static_cast<ssize_t>(out.size())) {}
    out[6] = (out[6] & 0x0f) | 0x40;
    out[8] = (out[8] & 0x3f) | 0x80;
    return out;
}

bool is_name(std::string_view text) {
    if (text.empty() || text.size() > HARP_GROUP_NAME_MAX || text[0] == '-') {
        return false;
    }
    for (char c : text) {
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) {
            return false;
        }
    }
    return true;
}

result<uint64_t> parse_size(std::string_view text) {
    uint64_t value = 0;
    auto bad = [&] {
        return fail(EINVAL, fmt::format("'{}' is not a size (a number, then K, M, G or nothing)",
                                        text.substr(0, 64)));
    };
    auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (ec != std::errc()) {
        return bad();
    }
    std::string_view unit(end, static_cast<size_t>(text.data() + text.size() - end));
    unsigned shift = 0;
    if (unit == "K" || unit == "k") {
        shift = 10;
    } else if (unit == "M") {
        shift = 20;
    } else if (unit == "G") {
        shift = 30;
    } else if (!unit.empty()) {
        return bad();
    }
    if (value > (UINT64_MAX >> shift)) {
        return bad();
    }
    return value << shift;
}

std::string format_size(uint64_t bytes) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    double v = static_cast<double>(bytes);
    size_t u = 0;
    while (v >= 1024 && u + 1 < std::size(units)) {
        v /= 1024;
        u++;
    }
    return u == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", v, units[u]);
}

result<std::string> read_file(const std::string &path, size_t max) {
    unique_fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) {
        return fail_errno(path);
    }
    std::string out;
    char buf[16384];
    for (;;) {
        ssize_t n = read(fd.get(), buf, sizeof(buf));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return fail_errno(path);
        }
        if (n == 0) {
            return out;
        }
        out.append(buf, static_cast<size_t>(n));
        if (out.size() > max) {
            return fail(EFBIG, fmt::format("{}: larger than {} bytes", path, max));
        }
    }
}

result<void> fsync_dir(const std::string &path) {
    unique_fd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd || fsync(fd.get()) < 0) {
        return fail_errno(path);
    }
    return {};
}

result<void> replace_file(const std::string &path, std::string_view content, unsigned mode) {
    std::string temp = path + ".new";
    unique_fd fd(open(temp.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
    if (!fd) {
        return fail_errno(temp);
    }
    while (!content.empty()) {
        ssize_t n = write(fd.get(), content.data(), content.size());
        if (n < 0) {
            return fail_errno(temp);
        }
        content.remove_prefix(static_cast<size_t>(n));
    }
    if (fsync(fd.get()) < 0 || rename(temp.c_str(), path.c_str()) < 0) {
        return fail_errno(path);
    }
    auto slash = path.rfind('/');
    return fsync_dir(slash == std::string::npos ? "." : path.substr(0, slash + 1));
}

result<void> make_dirs(const std::string &path, unsigned mode) {
    for (size_t i = 1; i <= path.size(); i++) {
        if (i != path.size() && path[i] != '/') {
            continue;
        }
        std::string part = path.substr(0, i);
        if (mkdir(part.c_str(), mode) < 0 && errno != EEXIST) {
            return fail_errno(part);
        }
    }
    return {};
}

std::vector<std::string_view> boot_arguments(std::string_view cmdline, std::string_view key) {
    std::vector<std::string_view> out;
    for (size_t at = 0; at < cmdline.size();) {
        size_t end = std::min(cmdline.find_first_of(" \n", at), cmdline.size());
        std::string_view word = cmdline.substr(at, end - at);
        at = end + 1;
        if (word.starts_with(key) && word.substr(key.size()).starts_with('=')) {
            out.push_back(word.substr(key.size() + 1));
        }
    }
    return out;
}

std::string boot_id() {
    auto text = read_file("/proc/sys/kernel/random/boot_id", 64);
    std::string out = text.ok() ? *text : std::string();
    while (!out.empty() && isspace(static_cast<unsigned char>(out.back()))) {
        out.pop_back();
    }
    return out;
}

} // namespace harp
