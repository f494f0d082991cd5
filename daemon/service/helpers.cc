// SPDX-License-Identifier: GPL-2.0
#include "service/helpers.hh"

#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include <fmt/format.h>

#include "service/child.hh"

namespace harp::service {

namespace {

using std::chrono::milliseconds;
using clock = std::chrono::steady_clock;

failure errno_failure(const std::string &what) {
    const int code = errno;
    return fail(code, fmt::format("{}: {}", what, strerror(code)));
}

/* Does one of @pid's open files lead to something with @part in its name? */
bool has_open(pid_t pid, std::string_view part) {
    const std::string dir = fmt::format("/proc/{}/fd", pid);
    DIR *d = opendir(dir.c_str());
    bool found = false;
    while (const dirent *e = d ? readdir(d) : nullptr) {
        char to[512];
        const ssize_t n = readlinkat(dirfd(d), e->d_name, to, sizeof(to));
        if (n > 0 && std::string_view(to, static_cast<size_t>(n)).find(part) != std::string::npos) {
            found = true;
            break;
        }
    }
    if (d) {
        closedir(d);
    }
    return found;
}

bool answers_tcp(uint16_t port) {
    net::unique_fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return fd && connect(fd.get(), reinterpret_cast<sockaddr *>(&to), sizeof(to)) == 0;
}

bool answers_local(const char *path) {
    net::unique_fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    strncpy(to.sun_path, path, sizeof(to.sun_path) - 1);
    return fd && connect(fd.get(), reinterpret_cast<sockaddr *>(&to), sizeof(to)) == 0;
}

/* Inside the group's namespaces: is it of use already? */
bool is_ready(const config &c, const std::string &name, pid_t pid) {
    if (name == "rpcbind") {
        return answers_local("/run/rpcbind.sock") && answers_tcp(111);
    }
    if (name == "statd") {
        return answers_tcp(c.nfsd.statd_port);
    }
    if (name == "nfsdcld") {
        /* It watches for nfsd's pipe; the pipe itself comes with nfsd's threads. */
        return has_open(pid, "inotify") || has_open(pid, "rpc_pipefs/nfsd/cld");
    }
    return has_open(pid, "nfsd.export/channel") &&
           (!c.serves_v3() || answers_tcp(c.nfsd.mountd_port));
}

bool is_zombie(pid_t p) {
    const auto stat = read_text(AT_FDCWD, fmt::format("/proc/{}/stat", p));
    const size_t at = stat.ok() ? stat->rfind(") ") : std::string::npos;
    return at == std::string::npos || at + 2 >= stat->size() || (*stat)[at + 2] == 'Z';
}

result<void> note_pid(int run_fd, const std::string &name, pid_t pid) {
    return write_text(run_fd, name + ".pid", fmt::format("{} {}\n", pid, start_time(pid)),
                      O_CREAT | O_TRUNC);
}

/* The process noted when it was started, if it still is that process. */
pid_t noted_pid(const context &ctx, const std::string &name) {
    const auto text = read_text(ctx.run_fd, name + ".pid");
    if (!text) {
        return 0;
    }
    char *end = nullptr;
    const pid_t p = static_cast<pid_t>(strtol(text->c_str(), &end, 10));
    const uint64_t start = strtoull(end, nullptr, 10);
    return p > 0 && start != 0 && start_time(p) == start && !is_zombie(p) ? p : 0;
}

class exec_control final : public helper_control {
public:
    explicit exec_control(const context &ctx) : ctx_(ctx) {}

    result<void> start(const std::string &name) override {
        const auto argv = helper_argv(*ctx_.c, name);
        const pid_t middle = fork();
        if (middle < 0) {
            return errno_failure("fork");
        }
        if (middle == 0) {
            leave_behind(name, argv);
        }
        int status = 0;
        while (waitpid(middle, &status, 0) < 0 && errno == EINTR) {}
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            return fail(EIO, fmt::format("starting {} did not work", name));
        }
        return {};
    }

    result<void> stop(const std::string &name) override {
        const pid_t p = pid(name);
        if (p > 0) {
            kill(p, SIGTERM);
            const auto end = clock::now() + milliseconds(2000);
            while (pid(name) == p && clock::now() < end) {
                std::this_thread::sleep_for(milliseconds(10));
            }
            if (pid(name) == p) {
                kill(p, SIGKILL);
            }
        }
        return {};
    }

    pid_t pid(const std::string &name) override { return noted_pid(ctx_, name); }

private:
    /* In the middle process: its child becomes init's, and the helper. */
    [[noreturn]] void leave_behind(const std::string &name, const std::vector<std::string> &argv) {
        setsid();
        const int log = openat(ctx_.run_fd, (name + ".log").c_str(),
                               O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
        const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        const int keep = dup(ctx_.run_fd);
        if (!net::enter(ctx_.ns)) {
            _exit(1);
        }
        const pid_t p = fork();
        if (p != 0) {
            _exit(p > 0 && note_pid(keep, name, p).ok() ? 0 : 1);
        }
        if (dup2(null, 0) < 0 || dup2(log >= 0 ? log : null, 1) < 0 || dup2(1, 2) < 0) {
            _exit(126);
        }
        close_range(3, ~0U, 0);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, nullptr);
        for (const int sig : {SIGPIPE, SIGCHLD, SIGTERM, SIGINT, SIGHUP}) {
            signal(sig, SIG_DFL);
        }
        if (chdir("/") < 0) {
            _exit(126);
        }
        std::vector<char *> args;
        for (const auto &a : argv) {
            args.push_back(const_cast<char *>(a.c_str()));
        }
        args.push_back(nullptr);
        execv(args[0], args.data());
        _exit(127);
    }

    context ctx_;
};

/* Asks @ready in the group's namespaces, which this process does not enter. */
result<std::string> wait_ready(const context &ctx, helper_control &control, const std::string &name,
                               clock::time_point end) {
    for (;;) {
        const pid_t pid = control.pid(name);
        if (pid > 0) {
            auto asked = child::spawn([&]() -> result<std::string> {
                if (auto r = net::enter(ctx.ns); !r) {
                    return r.error();
                }
                /* Asked again inside: a fork an attempt would be dear. */
                while (clock::now() < end && start_time(pid) != 0) {
                    if (is_ready(*ctx.c, name, pid)) {
                        return fmt::format("pid {}", pid);
                    }
                    std::this_thread::sleep_for(milliseconds(10));
                }
                return fail(EAGAIN, "not ready");
            });
            if (!asked) {
                return asked.error();
            }
            if (auto r = asked->collect(); r.ok() || r.error().code != EAGAIN) {
                return r;
            }
        }
        if (clock::now() >= end) {
            return fail(ETIMEDOUT, fmt::format("{} {}", name,
                                               pid > 0 ? "runs but is of no use yet"
                                                       : "does not stay running"));
        }
        std::this_thread::sleep_for(milliseconds(10));
    }
}

} // namespace

std::unique_ptr<helper_control> exec_helpers(const context &ctx) {
    return std::make_unique<exec_control>(ctx);
}

std::unique_ptr<helper_control> helpers_for(const context &ctx) {
    return ctx.c->helpers == helper_backend::systemd ? systemd_helpers(ctx) : exec_helpers(ctx);
}

pid_t helper_pid(const context &ctx, const std::string &name) {
    return helpers_for(ctx)->pid(name);
}

result<std::string> do_helper_start(const context &ctx, const std::string &name,
                                    milliseconds deadline) {
    const auto end = clock::now() + deadline * 9 / 10;
    /* The note spares a takeover the questions to systemd. */
    if (const pid_t pid = noted_pid(ctx, name); pid > 0) {
        return fmt::format("{} found, pid {}", name, pid);
    }
    auto control = helpers_for(ctx);
    if (auto r = control->start(name); !r) {
        return r.error();
    }
    auto ready = wait_ready(ctx, *control, name, end);
    if (!ready) {
        return ready;
    }
    if (auto r = note_pid(ctx.run_fd, name, control->pid(name)); !r) {
        return r.error();
    }
    return fmt::format("{} started, {}", name, *ready);
}

result<std::string> do_helper_stop(const context &ctx, const std::string &name,
                                   milliseconds deadline) {
    auto control = helpers_for(ctx);
    const auto end = clock::now() + deadline * 9 / 10;
    if (auto r = control->stop(name); !r) {
        return r.error();
    }
    while (control->pid(name) > 0) {
        if (clock::now() >= end) {
            return fail(EBUSY, fmt::format("{} does not end", name));
        }
        std::this_thread::sleep_for(milliseconds(10));
    }
    return name;
}

} // namespace harp::service
