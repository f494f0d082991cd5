// SPDX-License-Identifier: GPL-2.0
/* The group's nfsd, by the files of its nfsd file system. */
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <thread>

#include <fmt/format.h>

#include "service/child.hh"
#include "service/steps.hh"

namespace harp::service {

namespace {

using std::chrono::milliseconds;

constexpr const char *threads_file = "/proc/fs/nfsd/threads";
constexpr const char *ports_file = "/proc/fs/nfsd/portlist";
constexpr const char *thread_list = "nfsd.threads"; /* under run_fd: "PID START\n"… */
/* Under run_fd: nfsd is of a view that ended, and waits to be stopped. */
constexpr const char *stopping_mark = "nfsd.stopping";
constexpr const char *etab = "/var/lib/nfs/etab";
/* As rpc.nfsd has it; nfsd's listener for a thousand clients coming back at once. */
constexpr int backlog = 128;

failure errno_failure(const std::string &what) {
    const int code = errno;
    return fail(code, fmt::format("{}: {}", what, strerror(code)));
}

struct kthread {
    pid_t pid;
    uint64_t start;

    auto operator<=>(const kthread &) const = default;
};

/* Every nfsd thread of this machine: they are the kernel's, of no namespace. */
std::set<kthread> all_nfsd_threads() {
    std::set<kthread> out;
    DIR *dir = opendir("/proc");
    if (!dir) {
        return out;
    }
    while (const dirent *e = readdir(dir)) {
        const pid_t pid = static_cast<pid_t>(strtol(e->d_name, nullptr, 10));
        if (pid <= 0) {
            continue;
        }
        const auto comm = read_text(AT_FDCWD, fmt::format("/proc/{}/comm", pid));
        /* A kernel thread has no command line. */
        if (comm.ok() && *comm == "nfsd\n" &&
            read_text(AT_FDCWD, fmt::format("/proc/{}/cmdline", pid)).value_or("x").empty()) {
            out.insert({pid, start_time(pid)});
        }
    }
    closedir(dir);
    return out;
}

/* The group's, as noted when they were started; all there are where nothing was noted. */
std::set<kthread> group_threads(const context &ctx) {
    const auto text = read_text(ctx.run_fd, thread_list);
    if (!text || text->empty()) {
        return nfsd_thread_count().value_or(0) ? all_nfsd_threads() : std::set<kthread>{};
    }
    std::set<kthread> out;
    const char *p = text->c_str();
    while (*p) {
        char *end = nullptr;
        const pid_t pid = static_cast<pid_t>(strtol(p, &end, 10));
        const uint64_t start = strtoull(end, &end, 10);
        if (end == p || pid <= 0) {
            break;
        }
        if (start_time(pid) == start) {
            out.insert({pid, start});
        }
        p = *end == '\n' ? end + 1 : end;
    }
    return out;
}

result<bool> has_sockets() {
    auto text = read_text(AT_FDCWD, ports_file);
    if (!text) {
        return text.error();
    }
    return !text->empty();
}

result<void> listen_on(int family, uint16_t port) {
    net::unique_fd fd(socket(family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP));
    if (!fd) {
        /* A kernel without IPv6 serves IPv4. */
        return family == AF_INET6 && errno == EAFNOSUPPORT ? result<void>()
                                                           : errno_failure("nfsd's socket");
    }
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    const bool six = family == AF_INET6;
    const int on = 1;
    if (setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        (six && setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0) ||
        bind(fd.get(), six ? reinterpret_cast<sockaddr *>(&v6) : reinterpret_cast<sockaddr *>(&v4),
             six ? sizeof(v6) : sizeof(v4)) < 0 ||
        listen(fd.get(), backlog) < 0) {
        return errno_failure(fmt::format("listening on TCP port {}", port));
    }
    /* nfsd takes a reference of its own and registers with the group's rpcbind. */
    if (auto r = write_text(AT_FDCWD, ports_file, fmt::format("{}\n", fd.get())); !r) {
        return fail(r.error().code, fmt::format("nfsd does not take its {} socket: {}",
                                                six ? "IPv6" : "IPv4", strerror(r.error().code)));
    }
    return {};
}

result<void> write_number(const char *name, uint64_t value) {
    return write_text(AT_FDCWD, fmt::format("/proc/fs/nfsd/{}", name), fmt::format("{}\n", value));
}

result<void> flush_caches() {
    /* A time in the future: everything cached up to now is out of date. */
    for (const char *cache : {"auth.unix.ip", "auth.unix.gid", "nfsd.fh", "nfsd.export"}) {
        auto r = write_text(AT_FDCWD, fmt::format("/proc/net/rpc/{}/flush", cache),
                            fmt::format("{}\n", time(nullptr) + 1));
        if (!r && r.error().code != ENOENT) {
            return r;
        }
    }
    return {};
}

/* Read by mountd at its next upcall; whole or not at all. */
result<void> replace_etab(std::string_view text) {
    const std::string tmp = fmt::format("{}.harp", etab);
    if (auto r = write_text(AT_FDCWD, tmp, text, O_CREAT | O_TRUNC); !r) {
        return r;
    }
    if (rename(tmp.c_str(), etab) < 0) {
        return errno_failure(etab);
    }
    return {};
}

} // namespace

result<unsigned> nfsd_thread_count() {
    auto text = read_text(AT_FDCWD, threads_file);
    if (!text) {
        return text.error();
    }
    return static_cast<unsigned>(strtoul(text->c_str(), nullptr, 10));
}

busy_threads nfsd_busy(const context &ctx) {
    busy_threads out;
    for (const auto &t : group_threads(ctx)) {
        const auto place = place_of(t.pid);
        if (place.in_request && out.count++ == 0) {
            out.where = fmt::format("pid {}: {}", t.pid,
                                    place.where.empty() ? "running" : place.where);
        }
    }
    return out;
}

result<std::string> do_exports(const context &ctx) {
    if (auto r = replace_etab(exports_table(*ctx.c)); !r) {
        return r.error();
    }
    if (auto r = flush_caches(); !r) {
        return r.error();
    }
    return fmt::format("{} clients", ctx.c->clients.size());
}

result<std::string> do_exports_flush() {
    const auto table = replace_etab("");
    if (auto r = flush_caches(); !r) {
        return r.error();
    }
    if (!table) {
        return table.error();
    }
    return std::string();
}

result<std::string> do_nfsd_settle(const context &ctx) {
    auto threads = nfsd_thread_count();
    if (!threads) {
        return threads.error();
    }
    auto sockets = has_sockets();
    if (!sockets) {
        return sockets.error();
    }
    if (*threads > 0 && faccessat(ctx.run_fd, stopping_mark, F_OK, 0) == 0) {
        /* Its clients' state is of a view that ended: stopped first, if it can be. */
        if (auto r = do_nfsd_drain(ctx, milliseconds(1000)); !r) {
            return r;
        }
        return do_nfsd_stop(ctx);
    }
    if (*threads > 0) {
        return fmt::format("adopted: {} threads run", *threads);
    }
    if (!*sockets) {
        return std::string();
    }
    /* Sockets and no thread: a start that did not end. Only "0 threads" drops them. */
    if (auto r = write_text(AT_FDCWD, threads_file, "0\n"); !r) {
        return r.error();
    }
    unlinkat(ctx.run_fd, thread_list, 0);
    return std::string("sockets without threads were dropped");
}

result<std::string> do_nfsd_setup(const context &ctx) {
    const auto &n = ctx.c->nfsd;
    auto threads = nfsd_thread_count();
    if (!threads) {
        return threads.error();
    }
    if (*threads > 0) {
        return std::string("runs already"); /* none of these can change then */
    }
    auto r = write_text(AT_FDCWD, "/proc/fs/nfsd/versions", versions_line(*ctx.c) + "\n");
    if (r.ok()) {
        r = write_number("max_block_size", n.max_block_size);
    }
    if (r.ok() && ctx.c->serves_v4()) {
        r = write_number("nfsv4leasetime", static_cast<uint64_t>(n.lease.count()));
    }
    if (r.ok() && ctx.c->serves_v4()) {
        r = write_number("nfsv4gracetime", static_cast<uint64_t>(n.grace.count()));
    }
    if (!r) {
        return r.error();
    }
    return read_text(AT_FDCWD, "/proc/fs/nfsd/versions");
}

result<std::string> do_nfsd_listen(const context &ctx) {
    auto sockets = has_sockets();
    if (!sockets) {
        return sockets.error();
    }
    if (*sockets) {
        return std::string("listens already");
    }
    for (const int family : {AF_INET, AF_INET6}) {
        if (auto r = listen_on(family, ctx.c->nfsd.port); !r) {
            return r.error();
        }
    }
    return std::string();
}

result<std::string> do_nfsd_threads(const context &ctx, int host_lock) {
    auto now = nfsd_thread_count();
    if (!now) {
        return now.error();
    }
    if (*now == ctx.c->nfsd.threads) {
        return fmt::format("{} run already", *now);
    }
    /*
     * The kernel does not say whose an nfsd thread is. Those that come to be while
     * we start ours, one group at a time on this machine, are ours.
     */
    if (host_lock >= 0 && flock(host_lock, LOCK_EX) < 0) {
        return errno_failure("the host's nfsd lock");
    }
    const auto before = all_nfsd_threads();
    if (auto r = write_number("threads", ctx.c->nfsd.threads); !r) {
        return fail(r.error().code, fmt::format("starting nfsd: {}", strerror(r.error().code)));
    }
    auto mine = group_threads(ctx);
    if (*now == 0) {
        mine.clear();
    }
    for (const auto &t : all_nfsd_threads()) {
        if (!before.contains(t)) {
            mine.insert(t);
        }
    }
    std::string list;
    for (const auto &t : mine) {
        list += fmt::format("{} {}\n", t.pid, t.start);
    }
    if (auto r = write_text(ctx.run_fd, thread_list, list, O_CREAT | O_TRUNC); !r) {
        return r.error();
    }
    return fmt::format("{} threads", mine.size());
}

result<std::string> do_nfsd_drain(const context &ctx, milliseconds patience) {
    using clock = std::chrono::steady_clock;
    const auto end = clock::now() + patience * 9 / 10;
    if (nfsd_thread_count().value_or(0) == 0) {
        return std::string("no threads");
    }
    if (auto r = write_text(ctx.run_fd, stopping_mark, "", O_CREAT | O_TRUNC); !r) {
        return r.error();
    }
    for (;;) {
        const auto busy = nfsd_busy(ctx);
        if (busy.count == 0) {
            return std::string();
        }
        if (clock::now() >= end) {
            return fail(EBUSY, fmt::format("{} nfsd threads are stuck in a request ({}): something "
                                           "underneath does not answer; they are stopped when "
                                           "they come back",
                                           busy.count, busy.where));
        }
        /* A thread's way out of a request is nothing one can wait for. */
        std::this_thread::sleep_for(milliseconds(10));
    }
}

result<std::string> do_nfsd_stop(const context &ctx) {
    auto threads = nfsd_thread_count();
    if (!threads && threads.error().code == ENOENT) {
        return std::string("no nfsd here");
    }
    if (!threads) {
        return threads.error();
    }
    auto sockets = has_sockets();
    if (!sockets) {
        return sockets.error();
    }
    if (*threads == 0 && !*sockets) {
        unlinkat(ctx.run_fd, thread_list, 0);
        unlinkat(ctx.run_fd, stopping_mark, 0);
        return std::string("did not run");
    }
    if (auto r = write_text(AT_FDCWD, threads_file, "0\n"); !r) {
        return r.error();
    }
    auto left = nfsd_thread_count();
    if (!left || *left > 0) {
        return fail(EBUSY, "nfsd's threads are still there after they were stopped");
    }
    unlinkat(ctx.run_fd, thread_list, 0);
    unlinkat(ctx.run_fd, stopping_mark, 0);
    return fmt::format("{} threads ended", *threads);
}

} // namespace harp::service
