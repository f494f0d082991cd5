// SPDX-License-Identifier: GPL-2.0
#include "net/netns.hh"

#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <optional>

#include <fmt/format.h>

namespace harp::net {

namespace {

failure errno_failure(const std::string &what) {
    const int code = errno;
    return fail(code, fmt::format("{}: {}", what, strerror(code)));
}

result<void> touch(const std::string &path) {
    unique_fd fd(open(path.c_str(), O_CREAT | O_CLOEXEC | O_RDONLY | O_NOFOLLOW, 0444));
    if (!fd) {
        return errno_failure(path);
    }
    return {};
}

/* In the child: makes the namespaces, says so, and stays until they are pinned. */
[[noreturn]] void hold_namespaces(int said, int leave, const std::string &nodename,
                                  std::optional<unsigned> processor) {
    if (processor) {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(*processor, &one);
        (void)sched_setaffinity(0, sizeof(one), &one); /* it is offline: as good as any other */
    }
    int code = 0;
    if (unshare(CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWUTS) < 0 ||
        mount("none", "/", nullptr, MS_REC | MS_SLAVE, nullptr) < 0 ||
        sethostname(nodename.c_str(), nodename.size()) < 0) {
        code = errno;
    }
    char byte = 0;
    if (write(said, &code, sizeof(code)) == static_cast<ssize_t>(sizeof(code))) {
        /* Ends when the parent closes its side, whatever became of the parent. */
        while (read(leave, &byte, 1) < 0 && errno == EINTR) {}
    }
    _exit(0);
}

result<void> pin(pid_t pid, const char *kind, const std::string &path) {
    if (auto r = touch(path); !r) {
        return r;
    }
    const std::string source = fmt::format("/proc/{}/ns/{}", pid, kind);
    if (mount(source.c_str(), path.c_str(), nullptr, MS_BIND, nullptr) < 0) {
        return errno_failure(fmt::format("pinning a namespace at {}", path));
    }
    return {};
}

} // namespace

ns_files ns_files::under(const std::string &dir) {
    return {dir + "/net", dir + "/mnt", dir + "/uts"};
}

bool is_pinned(const std::string &path) {
    struct statfs st {};
    return statfs(path.c_str(), &st) == 0 && st.f_type == NSFS_MAGIC;
}

result<void> make_pin_dir(const std::string &dir) {
    /*
     * MS_PRIVATE fails with EINVAL exactly where there is no mount point: the
     * question and the repair in one call.
     */
    if (mount("none", dir.c_str(), nullptr, MS_PRIVATE, nullptr) == 0) {
        return {};
    }
    if (errno != EINVAL) {
        return errno_failure(fmt::format("making {} private", dir));
    }
    if (mount(dir.c_str(), dir.c_str(), nullptr, MS_BIND, nullptr) < 0 ||
        mount("none", dir.c_str(), nullptr, MS_PRIVATE, nullptr) < 0) {
        return errno_failure(fmt::format("making {} a private mount", dir));
    }
    return {};
}

namespace {

result<void> make_namespaces_on(const ns_files &at, const std::string &nodename,
                                std::optional<unsigned> processor) {
    int said[2], leave[2];
    if (pipe2(said, O_CLOEXEC) < 0) {
        return errno_failure("pipe");
    }
    unique_fd said_r(said[0]), said_w(said[1]);
    if (pipe2(leave, O_CLOEXEC) < 0) {
        return errno_failure("pipe");
    }
    unique_fd leave_r(leave[0]), leave_w(leave[1]);

    const pid_t pid = fork();
    if (pid < 0) {
        return errno_failure("fork");
    }
    if (pid == 0) {
        leave_w.reset();
        hold_namespaces(said_w.get(), leave_r.get(), nodename, processor);
    }
    said_w.reset();
    int code = ECHILD;
    if (read(said_r.get(), &code, sizeof(code)) != static_cast<ssize_t>(sizeof(code))) {
        code = ECHILD;
    }
    result<void> r;
    if (code != 0) {
        r = fail(code, fmt::format("making the group's namespaces: {}", strerror(code)));
    }
    for (const auto &[kind, path] :
         {std::pair{"net", at.net}, std::pair{"uts", at.uts}, std::pair{"mnt", at.mnt}}) {
        if (r.ok()) {
            r = pin(pid, kind, path);
        }
    }
    leave_w.reset();
    while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {}
    if (!r) {
        (void)unpin(at);
    }
    return r;
}

} // namespace

/*
 * The kernel pins a mount namespace only from one with a lower number (mnt_ns_loop();
 * EINVAL), and since 6.18 each processor numbers namespaces from a share of its own. On
 * the processor that numbered ours a later number is higher, so one of them will do.
 */
result<void> make_namespaces(const ns_files &at, const std::string &nodename) {
    auto r = make_namespaces_on(at, nodename, std::nullopt);
    const int processors = std::min(get_nprocs_conf(), CPU_SETSIZE);
    for (int i = 0; i < processors && !r && r.error().code == EINVAL; i++) {
        r = make_namespaces_on(at, nodename, static_cast<unsigned>(i));
    }
    return r;
}

result<void> unpin(const ns_files &at) {
    result<void> r;
    for (const auto &path : {at.net, at.mnt, at.uts}) {
        while (is_pinned(path)) {
            if (umount2(path.c_str(), MNT_DETACH) < 0) {
                r = errno_failure(fmt::format("forgetting the namespace {}", path));
                break;
            }
        }
        if (!is_pinned(path) && unlink(path.c_str()) < 0 && errno != ENOENT) {
            r = errno_failure(path);
        }
    }
    return r;
}

result<void> enter(const ns_files &at) {
    unique_fd fds[3];
    const std::pair<const std::string *, int> kinds[3] = {
            {&at.net, CLONE_NEWNET}, {&at.uts, CLONE_NEWUTS}, {&at.mnt, CLONE_NEWNS}};
    for (int i = 0; i < 3; i++) {
        fds[i].reset(open(kinds[i].first->c_str(), O_RDONLY | O_CLOEXEC));
        if (!fds[i]) {
            return errno_failure(*kinds[i].first);
        }
    }
    for (int i = 0; i < 3; i++) {
        if (setns(fds[i].get(), kinds[i].second) < 0) {
            return errno_failure(fmt::format("entering {}", *kinds[i].first));
        }
    }
    return {};
}

result<unique_fd> current_netns() {
    return open_netns("/proc/thread-self/ns/net");
}

result<unique_fd> open_netns(const std::string &path) {
    unique_fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) {
        return errno_failure(path);
    }
    return fd;
}

result<void> set_netns(int fd) {
    if (setns(fd, CLONE_NEWNET) < 0) {
        return errno_failure("entering a network namespace");
    }
    return {};
}

result<void> within_netns(const std::string &path, const std::function<result<void>()> &body) {
    auto home = current_netns();
    if (!home) {
        return home.error();
    }
    auto there = open_netns(path);
    if (!there) {
        return there.error();
    }
    if (auto r = set_netns(there->get()); !r) {
        return r;
    }
    auto r = body();
    if (auto back = set_netns(home->get()); !back) {
        /* Going on in the wrong network would be worse than ending. */
        abort();
    }
    return r;
}

} // namespace harp::net
