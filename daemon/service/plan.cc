// SPDX-License-Identifier: GPL-2.0
#include "service/plan.hh"

#include <sys/mount.h>

#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "net/rtnl.hh"
#include "net/sysctl.hh"

namespace harp::service {

namespace {

using std::chrono::milliseconds;

/*
 * Deadlines are for machines ten times slower than any server (emulators): they
 * end what hangs, they are not what is expected.
 */
constexpr milliseconds quick{10000};
constexpr milliseconds slow{15000};
constexpr milliseconds helper_deadline{60000}; /* without it there is no service anyway */
/* Of giving up, before the release: what is parked waits for it. */
constexpr milliseconds brisk{5000};
constexpr milliseconds mount_deadline{120000}; /* a journal is replayed */

step make(action what, milliseconds deadline, std::vector<std::string> detail = {},
          on_failure then = on_failure::end) {
    return step{what, deadline, then, std::move(detail)};
}

std::vector<std::string> link_detail(const config &c) {
    const auto &l = c.link;
    if (l.mode == mac_mode::own) {
        return {fmt::format("{} ipvlan l2 on {}", net::group_link, l.parent)};
    }
    return {fmt::format("{} macvlan {} on {} mac {}", net::group_link,
                        l.macvlan == macvlan_mode::bridge ? "bridge" : "private", l.parent,
                        l.mac.to_string())};
}

void add_helpers(const config &c, plan &p, action what, on_failure then) {
    auto names = helpers_of(c);
    if (what == action::helper_stop) {
        names = {names.rbegin(), names.rend()};
    }
    for (const auto &name : names) {
        std::vector<std::string> detail{name};
        p.push_back(make(what, what == action::helper_start ? helper_deadline : slow,
                         std::move(detail), then));
    }
}

/* The helpers see it mounted: they go first. */
void add_umount_harp(const config &c, plan &p, milliseconds deadline) {
    add_helpers(c, p, action::helper_stop, on_failure::go_on);
    p.push_back(make(action::umount_harp, deadline, {c.export_path}));
}

template <typename List>
std::vector<std::string> texts(const List &list) {
    std::vector<std::string> out;
    for (const auto &x : list) {
        out.push_back(x.to_string());
    }
    return out;
}

} // namespace

std::string_view name_of(action a) {
    switch (a) {
    case action::modules:
        return "modules";
    case action::namespaces:
        return "namespaces";
    case action::mounts:
        return "mounts";
    case action::loopback:
        return "loopback";
    case action::sysctls:
        return "sysctls";
    case action::link:
        return "link";
    case action::helper_start:
        return "helper-start";
    case action::mount_lower:
        return "mount-lower";
    case action::mount_harp:
        return "mount-harp";
    case action::exports:
        return "exports";
    case action::nfsd_settle:
        return "nfsd-settle";
    case action::nfsd_setup:
        return "nfsd-setup";
    case action::nfsd_listen:
        return "nfsd-listen";
    case action::nfsd_threads:
        return "nfsd-threads";
    case action::link_up:
        return "link-up";
    case action::addresses:
        return "addresses";
    case action::routes:
        return "routes";
    case action::announce:
        return "announce";
    case action::tickle:
        return "tickle";
    case action::quiet:
        return "quiet";
    case action::link_down:
        return "link-down";
    case action::destroy_sockets:
        return "destroy-sockets";
    case action::release:
        return "release";
    case action::exports_flush:
        return "exports-flush";
    case action::nfsd_drain:
        return "nfsd-drain";
    case action::nfsd_stop:
        return "nfsd-stop";
    case action::helper_stop:
        return "helper-stop";
    case action::umount_harp:
        return "umount-harp";
    case action::clear_lower:
        return "clear-lower";
    case action::umount_lower:
        return "umount-lower";
    case action::link_remove:
        return "link-remove";
    case action::namespaces_remove:
        return "namespaces-remove";
    }
    return "?";
}

std::string to_text(const plan &p) {
    std::string out;
    for (const auto &s : p) {
        out += fmt::format("{:<18}{:>7} ms{}", name_of(s.what), s.deadline.count(),
                           s.then == on_failure::go_on ? "  goes on" : "");
        for (const auto &d : s.detail) {
            out += fmt::format("\n    {}", d);
        }
        out += '\n';
    }
    return out;
}

std::vector<std::string> helpers_of(const config &c) {
    std::vector<std::string> out;
    if (c.serves_v3()) {
        out.push_back("rpcbind"); /* before whoever registers with it */
        out.push_back("statd");
    }
    if (c.serves_v4()) {
        out.push_back("nfsdcld"); /* before nfsd's threads: else a second and a grace period */
    }
    out.push_back("mountd");
    return out;
}

plan plan_prepare(const config &c) {
    plan p;
    p.push_back(make(action::modules, helper_deadline,
                     {"nfsd", c.link.mode == mac_mode::own ? "ipvlan" : "macvlan", "tcp_diag"},
                     on_failure::go_on));
    p.push_back(
            make(action::namespaces, quick,
                 {fmt::format("{}/ns/{}", c.run_dir, c.group), fmt::format("uts {}", c.group)}));
    p.push_back(make(action::mounts, slow,
                     {fmt::format("{}/{}/nfs at /var/lib/nfs", c.state_dir, c.group),
                      "tmpfs at /run", "rpc_pipefs at /run/rpc_pipefs", "nfsd at /proc/fs/nfsd"}));
    p.push_back(make(action::loopback, quick));
    std::vector<std::string> sysctls;
    for (const auto &s : net::required_sysctls()) {
        sysctls.push_back(fmt::format("{} = {}", s.name, s.value));
    }
    p.push_back(make(action::sysctls, quick, std::move(sysctls)));
    p.push_back(make(action::link, quick, link_detail(c)));
    add_helpers(c, p, action::helper_start, on_failure::end);
    return p;
}

plan plan_mount_lower(const config &c, const mount_args &args) {
    const auto o = lower_mount_options(args);
    return {make(action::mount_lower, mount_deadline,
                 {args.source, args.type, c.lower_path(),
                  fmt::format("flags {:#x} data {}", o.flags, o.data.empty() ? "-" : o.data)})};
}

plan plan_mount_harp(const config &c, const mount_args &args) {
    return {make(action::mount_harp, mount_deadline,
                 {c.lower_path(), c.export_path, args.options})};
}

plan plan_clear_lower(const config &c) {
    return {make(action::clear_lower, slow, {c.lower_path()})};
}

plan plan_umount(const config &c, milliseconds deadline) {
    plan p;
    add_umount_harp(c, p, deadline);
    p.push_back(make(action::umount_lower, deadline, {c.lower_path()}));
    return p;
}

plan plan_start(const config &c, const start_args &args) {
    plan p;
    p.push_back(make(action::helper_start, helper_deadline,
                     helpers_of(c))); /* that run: nothing to do */
    p.push_back(make(action::exports, quick, {exports_table(c)}));
    p.push_back(make(action::nfsd_settle, slow));
    p.push_back(make(action::nfsd_setup, quick,
                     {fmt::format("versions {}", versions_line(c)),
                      fmt::format("max_block_size {}", c.nfsd.max_block_size),
                      fmt::format("nfsv4leasetime {}", c.nfsd.lease.count()),
                      fmt::format("nfsv4gracetime {}", c.nfsd.grace.count())}));
    /* Before the link: a client's SYN must find a listener, a RST makes it back off. */
    p.push_back(make(
            action::nfsd_listen, quick,
            {fmt::format("tcp 0.0.0.0:{}", c.nfsd.port), fmt::format("tcp [::]:{}", c.nfsd.port)}));
    p.push_back(make(action::nfsd_threads, slow, {fmt::format("{}", c.nfsd.threads)}));
    p.push_back(make(action::link_up, quick, {net::group_link}));
    p.push_back(make(action::addresses, quick, texts(c.link.addresses)));
    if (!c.link.gateways.empty()) {
        /* Clients of the own subnet are served without it. */
        p.push_back(make(action::routes, quick, texts(c.link.gateways), on_failure::go_on));
    }
    p.push_back(make(action::announce, quick, {}, on_failure::go_on));
    if (!args.clients.empty()) {
        p.push_back(make(action::tickle, quick, {fmt::format("{} clients", args.clients.size())},
                         on_failure::go_on));
    }
    return p;
}

/*
 * As design.rst has it: link down, release (but not in a switchover, for which the rest is the
 * same, with its reason there), exports flushed, threads stopped, namespace gone;
 * every step is tried whatever became of the one before, but for two. What is parked is let go
 * only when nothing can carry its answer away (protocol G3); and nfsd_stop, which takes nfsd's
 * global mutex and waits under it for each thread, is done only when nfsd_drain has seen all
 * of them idle. What ends early is tried again from its beginning.
 */
plan plan_stop(const config &c, const stop_args &args) {
    plan p;
    const auto go_on = on_failure::go_on;
    p.push_back(make(action::quiet, brisk, {}, go_on));
    p.push_back(make(action::link_down, brisk, {net::group_link}));
    p.push_back(make(action::destroy_sockets, brisk));
    if (args.release) {
        p.push_back(make(action::release, brisk, {}, go_on));
    }
    p.push_back(make(action::exports_flush, brisk, {}, go_on));
    p.push_back(make(action::nfsd_drain, args.patience));
    p.push_back(make(action::nfsd_stop, slow));
    if (args.umount || args.teardown) {
        add_umount_harp(c, p, slow);
    }
    if (args.teardown) {
        p.push_back(make(action::umount_lower, slow, {c.lower_path()}));
        p.push_back(make(action::link_remove, quick, {net::group_link}, go_on));
        p.push_back(make(action::namespaces_remove, quick,
                         {fmt::format("{}/ns/{}", c.run_dir, c.group)}));
    }
    return p;
}

std::string versions_line(const config &c) {
    std::string line = "-2";
    line += c.serves_v3() ? " +3" : " -3";
    /* "+4" or "-4" by themselves would switch every minor version. */
    for (const char *v : {"4.0", "4.1", "4.2"}) {
        line += fmt::format(" {}{}", c.has_version(v) ? '+' : '-', v);
    }
    return line;
}

std::string exports_table(const config &c) {
    std::string out;
    for (const auto &x : c.clients) {
        /* check() was there before: options that are refused do not get here. */
        out += fmt::format("{}\t{}({})\n", c.export_path, x.client,
                           export_options(x.options).value_or("ro,sync,no_subtree_check,fsid=0"));
    }
    return out;
}

std::vector<std::string> helper_argv(const config &c, const std::string &helper) {
    if (helper == "rpcbind") {
        return {"/usr/sbin/rpcbind", "-f", "-w"};
    }
    if (helper == "statd") {
        /* Notifying clients (sm-notify) needs a state directory both members share. */
        return {"/usr/sbin/rpc.statd", "-F", "--no-notify", "--port",
                fmt::format("{}", c.nfsd.statd_port)};
    }
    if (helper == "nfsdcld") {
        return {"/usr/sbin/nfsdcld", "-F"};
    }
    std::vector<std::string> argv{"/usr/sbin/rpc.mountd",
                                  "-F",
                                  "--port",
                                  fmt::format("{}", c.nfsd.mountd_port),
                                  "-N",
                                  "2"};
    if (!c.serves_v3()) {
        argv.insert(argv.end(), {"-N", "3"}); /* and so nothing is registered with rpcbind */
    }
    if (!c.serves_v4()) {
        argv.insert(argv.end(), {"-N", "4"});
    }
    return argv;
}

std::string helper_environment(const config &c) {
    std::string out = "# Written by harpd; read by harp-*@.service.\n";
    for (const auto &name : {"rpcbind", "statd", "nfsdcld", "mountd"}) {
        auto argv = helper_argv(c, name);
        argv.erase(argv.begin());
        std::string key(name);
        for (char &ch : key) {
            ch = static_cast<char>(ch - 'a' + 'A');
        }
        out += fmt::format("HARP_{}_ARGS={}\n", key, fmt::join(argv, " "));
    }
    return out;
}

mount_flags split_mount_options(std::string_view options) {
    struct known {
        std::string_view name;
        unsigned long set, clear;
    };
    static constexpr std::array<known, 11> table = {{{"ro", MS_RDONLY, 0},
                                                     {"rw", 0, MS_RDONLY},
                                                     {"noatime", MS_NOATIME, MS_RELATIME},
                                                     {"relatime", MS_RELATIME, MS_NOATIME},
                                                     {"nodiratime", MS_NODIRATIME, 0},
                                                     {"nosuid", MS_NOSUID, 0},
                                                     {"nodev", MS_NODEV, 0},
                                                     {"noexec", MS_NOEXEC, 0},
                                                     {"sync", MS_SYNCHRONOUS, 0},
                                                     {"dirsync", MS_DIRSYNC, 0},
                                                     {"lazytime", MS_LAZYTIME, 0}}};
    mount_flags out;
    while (!options.empty()) {
        const size_t comma = options.find(',');
        const std::string_view one = options.substr(0, comma);
        options = comma == std::string_view::npos ? "" : options.substr(comma + 1);
        bool flag = one.empty();
        for (const auto &k : table) {
            if (k.name == one) {
                out.flags = (out.flags & ~k.clear) | k.set;
                flag = true;
            }
        }
        if (!flag) {
            out.data += fmt::format("{}{}", out.data.empty() ? "" : ",", one);
        }
    }
    return out;
}

mount_flags lower_mount_options(const mount_args &args) {
    mount_flags out = split_mount_options(args.options);
    /* atime is not logged; a disk's error must be seen (kernel-notes 3) and not panic. */
    out.flags |= MS_NOATIME;
    if (args.type == "ext4" && out.data.find("errors=") == std::string::npos) {
        out.data += fmt::format("{}errors=remount-ro", out.data.empty() ? "" : ",");
    }
    return out;
}

} // namespace harp::service
