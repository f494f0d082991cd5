// SPDX-License-Identifier: GPL-2.0
#include "service/child.hh"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>

namespace harp::service {

namespace {

constexpr size_t text_max = 60000;

void say(int fd, int code, std::string_view text) {
    std::string out(reinterpret_cast<const char *>(&code), sizeof(code));
    out += text.substr(0, text_max);
    size_t at = 0;
    while (at < out.size()) {
        const ssize_t n = write(fd, out.data() + at, out.size() - at);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return;
        }
        at += static_cast<size_t>(n);
    }
}

std::string slurp(int fd) {
    std::string all;
    std::array<char, 4096> buffer;
    for (;;) {
        const ssize_t n = read(fd, buffer.data(), buffer.size());
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0 || all.size() > text_max + sizeof(int)) {
            return all;
        }
        all.append(buffer.data(), static_cast<size_t>(n));
    }
}

} // namespace

result<child> child::spawn(const body_fn &body) {
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
        auto r = body();
        if (r.ok()) {
            say(out.get(), 0, *r);
        } else {
            say(out.get(), r.error().code ? r.error().code : EIO, r.error().text);
        }
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

result<std::string> child::collect() {
    /* Reads to the end of the pipe: the body has ended, or has closed it by dying. */
    const std::string all = slurp(out_.get());
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    int code = 0;
    if (all.size() < sizeof(code)) {
        return fail(ECHILD, fmt::format("the step's process died (status {:#x})", status));
    }
    memcpy(&code, all.data(), sizeof(code));
    std::string text = all.substr(sizeof(code));
    if (code != 0) {
        return fail(code, std::move(text));
    }
    return text;
}

std::string child::abandon() {
    const std::string where = wait_channel(pid_);
    kill(pid_, SIGKILL);
    /* reap_all() gets it if it ever ends. */
    pid_ = -1;
    out_.reset();
    return where;
}

std::string wait_channel(pid_t pid) {
    net::unique_fd fd(open(fmt::format("/proc/{}/wchan", pid).c_str(), O_RDONLY | O_CLOEXEC));
    std::array<char, 128> name{};
    if (!fd || read(fd.get(), name.data(), name.size() - 1) <= 0 || name[0] == '0') {
        return "";
    }
    return name.data();
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
    while (waitpid(-1, nullptr, WNOHANG) > 0) {
    }
}

} // namespace harp::service
