// SPDX-License-Identifier: GPL-2.0
#include "service/child.hh"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>

namespace harp::service {

namespace {

constexpr size_t text_max = 60000;

struct frame_head {
    int32_t code;
    uint32_t size;
};

bool write_all(int fd, const void *data, size_t size) {
    const char *at = static_cast<const char *>(data);
    while (size > 0) {
        const ssize_t n = write(fd, at, size);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        at += n;
        size -= static_cast<size_t>(n);
    }
    return true;
}

bool read_all(int fd, void *data, size_t size) {
    char *at = static_cast<char *>(data);
    while (size > 0) {
        const ssize_t n = read(fd, at, size);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        at += n;
        size -= static_cast<size_t>(n);
    }
    return true;
}

void say(int fd, const result<std::string> &r) {
    const std::string &text = r.ok() ? *r : r.error().text;
    const frame_head head{r.ok() ? 0 : (r.error().code ? r.error().code : EIO),
                          static_cast<uint32_t>(std::min(text.size(), text_max))};
    /* Nobody listens any more: then nobody misses it. */
    (void)(write_all(fd, &head, sizeof(head)) && write_all(fd, text.data(), head.size));
}

} // namespace

result<child> child::spawn(const body_fn &body) {
    return spawn_many([&](const say_fn &tell) { tell(body()); });
}

result<child> child::spawn_many(const std::function<void(const say_fn &)> &body) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return fail(errno, "pipe");
    }
    net::unique_fd in(ends[0]), out(ends[1]);
    const pid_t pid = fork();
    if (pid < 0) {
        const int code = errno;
        return fail(code, fmt::format("fork: {}", strerror(code)));
    }
    if (pid == 0) {
        in.reset();
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        body([&](const result<std::string> &r) { say(out.get(), r); });
        _exit(0);
    }
    return child(pid, std::move(in));
}

child::child(child &&o) noexcept : pid_(std::exchange(o.pid_, -1)), out_(std::move(o.out_)) {}

child::~child() {
    if (pid_ > 0) {
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, WNOHANG);
    }
}

result<std::string> child::next() {
    frame_head head{};
    if (!read_all(out_.get(), &head, sizeof(head)) || head.size > text_max) {
        return fail(ECHILD, "the step's process died");
    }
    std::string text(head.size, '\0');
    if (!read_all(out_.get(), text.data(), text.size())) {
        return fail(ECHILD, "the step's process died");
    }
    if (head.code != 0) {
        return fail(head.code, std::move(text));
    }
    return text;
}

void child::finish() {
    while (pid_ > 0 && waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {}
    pid_ = -1;
}

result<std::string> child::collect() {
    auto r = next();
    finish();
    return r;
}

std::string child::abandon() {
    const std::string where = place_of(pid_).where;
    kill(pid_, SIGKILL);
    /* reap_all() gets it if it ever ends. */
    pid_ = -1;
    out_.reset();
    return where;
}

kernel_place place_from_stack(std::string_view stack) {
    /* How one sleeps, not where. */
    static constexpr std::array<std::string_view, 6> scheduler = {
            "__switch_to",      "__schedule",  "schedule",
            "schedule_timeout", "io_schedule", "io_schedule_timeout"};
    kernel_place out;
    while (!stack.empty()) {
        const size_t end = std::min(stack.find('\n'), stack.size());
        std::string_view name = stack.substr(0, end);
        stack.remove_prefix(std::min(end + 1, stack.size()));
        const size_t blank = name.find(' ');
        name = blank == std::string_view::npos ? "" : name.substr(blank + 1);
        name = name.substr(0, name.find('+'));
        if (name.empty()) {
            continue;
        }
        out.known = true;
        out.in_request |= name == "svc_process" || name == "nfsd_dispatch";
        if (out.where.empty() &&
            std::find(scheduler.begin(), scheduler.end(), name) == scheduler.end()) {
            out.where = name;
        }
    }
    return out;
}

kernel_place place_of(pid_t pid) {
    std::array<char, 8192> text{};
    net::unique_fd fd(open(fmt::format("/proc/{}/stack", pid).c_str(), O_RDONLY | O_CLOEXEC));
    if (fd && read(fd.get(), text.data(), text.size() - 1) > 0) {
        if (auto place = place_from_stack(text.data()); place.known) {
            return place;
        }
    }
    /* A kernel without stack traces: one name, and an nfsd thread at rest is in svc_…(). */
    kernel_place out;
    text.fill(0);
    fd.reset(open(fmt::format("/proc/{}/wchan", pid).c_str(), O_RDONLY | O_CLOEXEC));
    if (fd && read(fd.get(), text.data(), text.size() - 1) > 0 && text[0] != '0') {
        out.known = true;
        out.where = text.data();
        out.in_request = !out.where.starts_with("svc_");
    }
    return out;
}

uint64_t start_time(pid_t pid) {
    net::unique_fd fd(open(fmt::format("/proc/{}/stat", pid).c_str(), O_RDONLY | O_CLOEXEC));
    std::array<char, 1024> buffer{};
    if (!fd || read(fd.get(), buffer.data(), buffer.size() - 1) <= 0) {
        return 0;
    }
    /* The name, field 2, may hold blanks and brackets: count from its last bracket. */
    const char *p = strrchr(buffer.data(), ')');
    for (int field = 2; p && field < 22; field++) {
        p = strchr(p + 1, ' ');
    }
    return p ? strtoull(p, nullptr, 10) : 0;
}

void reap_all() {
    while (waitpid(-1, nullptr, WNOHANG) > 0) {}
}

} // namespace harp::service
