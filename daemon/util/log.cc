/* SPDX-License-Identifier: GPL-2.0 */
#include "util/log.hh"

#include <atomic>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>
#include <vector>

namespace harp {

namespace {

std::atomic<int> max_level{static_cast<int>(log_level::info)};
std::function<void(const timeline_event &)> event_sink;

/* systemd.exec(5): stderr is the journal's iff its device and inode are those named. */
bool stderr_is_journal() {
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat st {};
    if (stream == nullptr || fstat(STDERR_FILENO, &st) < 0) {
        return false;
    }
    return fmt::format("{}:{}", st.st_dev, st.st_ino) == stream;
}

bool to_journal() {
    static const bool yes = stderr_is_journal();
    return yes;
}

void to_stderr(std::string_view text) {
    std::string line = fmt::format("harpd: {}\n", text);
    [[maybe_unused]] ssize_t n = write(STDERR_FILENO, line.data(), line.size());
}

} // namespace

void log_set_level(log_level level) {
    max_level = static_cast<int>(level);
}

void log_line(log_level level, std::string_view text) {
    if (static_cast<int>(level) > max_level) {
        return;
    }
    if (!to_journal()) {
        to_stderr(text);
        return;
    }
    sd_journal_send("PRIORITY=%d", static_cast<int>(level), "MESSAGE=%.*s",
                    static_cast<int>(text.size()), text.data(), nullptr);
}

void log_events_to(std::function<void(const timeline_event &)> sink) {
    event_sink = std::move(sink);
}

void log_event(std::string_view what, std::string_view group,
               std::initializer_list<log_field> fields) {
    struct timespec now {};
    clock_gettime(CLOCK_REALTIME, &now);
    long long ns = now.tv_sec * 1000000000LL + now.tv_nsec;
    if (event_sink) {
        timeline_event e{std::string(what), static_cast<uint64_t>(ns), std::string(group), {}};
        for (const auto &[key, value] : fields) {
            e.fields.emplace_back(key, value);
        }
        event_sink(e);
    }
    std::string line = fmt::format("harp-event: what={} time_ns={} group={}", what, ns, group);
    std::vector<std::string> entries = {fmt::format("HARP_EVENT={}", what),
                                        fmt::format("HARP_TIME_NS={}", ns),
                                        fmt::format("HARP_GROUP={}", group)};
    for (const auto &[key, value] : fields) {
        bool plain = value.find_first_of(" \"\n") == std::string::npos && !value.empty();
        std::string shown = value;
        for (char &c : shown) {
            c = (c == '\n' || c == '"') ? '\'' : c;
        }
        line += plain ? fmt::format(" {}={}", key, shown) : fmt::format(" {}=\"{}\"", key, shown);
        std::string upper(key);
        for (char &c : upper) {
            c = static_cast<char>(toupper(static_cast<unsigned char>(c)));
        }
        entries.push_back(fmt::format("HARP_{}={}", upper, value));
    }
    if (!to_journal()) {
        to_stderr(line);
        return;
    }
    entries.push_back("MESSAGE=" + line);
    entries.push_back(fmt::format("PRIORITY={}", static_cast<int>(log_level::notice)));
    std::vector<struct iovec> iov;
    iov.reserve(entries.size());
    for (std::string &e : entries) {
        iov.push_back({e.data(), e.size()});
    }
    sd_journal_sendv(iov.data(), static_cast<int>(iov.size()));
}

} // namespace harp
