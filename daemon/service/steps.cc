// SPDX-License-Identifier: GPL-2.0
#include "service/steps.hh"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "net/rtnl.hh"
#include "net/sysctl.hh"
#include "net/tcp.hh"
#include "service/helpers.hh"
#include "util/json.hh"

namespace harp::service {

namespace {

/* One per host, whatever the groups: who starts nfsd's threads (do_nfsd_threads). */
constexpr const char *host_lock_file = "/run/lock/harp-nfsd.lock";

result<std::string> do_modules(const step &s) {
    std::string text;
    for (const auto &module : s.detail) {
        if (access(fmt::format("/sys/module/{}", module).c_str(), F_OK) == 0) {
            continue;
        }
        std::string name = module;
        char modprobe[] = "modprobe", quiet[] = "-q";
        char *argv[] = {modprobe, quiet, name.data(), nullptr};
        char *envp[] = {nullptr};
        pid_t pid = 0;
        int status = 0;
        if (posix_spawn(&pid, "/sbin/modprobe", nullptr, nullptr, argv, envp) != 0) {
            return fail(ENOENT, "modprobe is not there");
        }
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
        /* Built in, or not needed after all: what needs it says so better. */
        text += fmt::format("{}{}{}", text.empty() ? "" : ", ", module,
                            status == 0 ? "" : " not loaded");
    }
    return text;
}

result<std::string> do_namespaces(const context &ctx) {
    const std::string base = ctx.c->run_dir + "/ns", dir = base + "/" + ctx.c->group;
    for (const auto &d : {ctx.c->run_dir, base}) {
        if (mkdir(d.c_str(), 0755) < 0 && errno != EEXIST) {
            return fail(errno, fmt::format("{}: {}", d, strerror(errno)));
        }
    }
    if (auto r = net::make_pin_dir(base); !r) {
        return r.error();
    }
    if (mkdir(dir.c_str(), 0755) < 0 && errno != EEXIST) {
        return fail(errno, fmt::format("{}: {}", dir, strerror(errno)));
    }
    if (net::is_pinned(ctx.ns.net) && net::is_pinned(ctx.ns.mnt) && net::is_pinned(ctx.ns.uts)) {
        return std::string("found");
    }
    /* Some of three: an earlier life died while making them. Nothing can live in them yet. */
    if (auto r = net::unpin(ctx.ns); !r) {
        return r.error();
    }
    if (auto r = net::make_namespaces(ctx.ns, ctx.c->group); !r) {
        return r.error();
    }
    return std::string("made");
}

result<std::string> do_loopback() {
    auto nl = net::rtnl::open();
    if (!nl) {
        return nl.error();
    }
    auto lo = nl->find("lo");
    if (!lo) {
        return lo.error();
    }
    if (!*lo) {
        return fail(ENODEV, "a network namespace without lo");
    }
    if (auto r = nl->set_up((*lo)->index, true); !r) {
        return r.error();
    }
    return std::string();
}

result<std::string> do_sysctls() {
    for (const auto &s : net::required_sysctls()) {
        if (auto r = net::set_sysctl(s); !r) {
            return r.error();
        }
    }
    return std::string();
}

result<net::link_info> group_link(net::rtnl &nl) {
    auto link = nl.find(net::group_link);
    if (!link) {
        return link.error();
    }
    if (!*link) {
        return fail(ENODEV, fmt::format("the group's link {} is not there", net::group_link));
    }
    return **link;
}

/* What is wrong with a link found there; "" when it is as configured. */
std::string mismatch(const config &c, const net::link_info &found, unsigned parent) {
    const char *kind = c.link.mode == mac_mode::own ? "ipvlan" : "macvlan";
    if (found.kind != kind) {
        return fmt::format("it is a {}, not a {}", found.kind, kind);
    }
    if (found.lower != parent) {
        return "it sits on another interface";
    }
    if (c.link.mode == mac_mode::group && found.mac != c.link.mac) {
        return fmt::format("its MAC is {}", found.mac.to_string());
    }
    return "";
}

/* From the host's namespace, where the parent is. */
result<std::string> do_link(const context &ctx) {
    const auto &l = ctx.c->link;
    auto here = net::rtnl::open();
    if (!here) {
        return here.error();
    }
    auto parent = here->find(l.parent);
    if (!parent) {
        return parent.error();
    }
    if (!*parent) {
        return fail(ENODEV, fmt::format("there is no interface {}", l.parent));
    }
    std::optional<net::link_info> found;
    std::string wrong;
    auto r = net::within_netns(ctx.ns.net, [&]() -> result<void> {
        auto there = net::rtnl::open();
        if (!there) {
            return there.error();
        }
        auto link = there->find(net::group_link);
        if (!link) {
            return link.error();
        }
        found = *link;
        wrong = found ? mismatch(*ctx.c, *found, (*parent)->index) : "";
        if (wrong.empty()) {
            return {};
        }
        if (found->up) {
            return fail(EBUSY, fmt::format("the group's link is up and {}", wrong));
        }
        return there->remove_link(found->index);
    });
    if (!r) {
        return r.error();
    }
    if (found && wrong.empty()) {
        return fmt::format("found, index {}", found->index);
    }
    auto ns = net::open_netns(ctx.ns.net);
    if (!ns) {
        return ns.error();
    }
    net::vlan_spec spec;
    spec.name = net::group_link;
    spec.parent = (*parent)->index;
    spec.kind = l.mode == mac_mode::own             ? net::vlan_kind::ipvlan_l2
                : l.macvlan == macvlan_mode::bridge ? net::vlan_kind::macvlan_bridge
                                                    : net::vlan_kind::macvlan_private;
    spec.mac = l.mac;
    spec.netns = ns->get();
    if (auto made = here->add_vlan(spec); !made) {
        return fail(
                made.error().code,
                fmt::format("{}{}", made.error().text,
                            made.error().code == EOPNOTSUPP ? " (does this kernel have it?)" : ""));
    }
    return fmt::format("made{}{}", wrong.empty() ? "" : " anew, for ", wrong) +
           ((*parent)->up ? "" : fmt::format("; its parent {} is down", l.parent));
}

result<std::string> set_link(bool up) {
    auto nl = net::rtnl::open();
    if (!nl) {
        return nl.error();
    }
    auto link = group_link(*nl);
    if (!link && !up && link.error().code == ENODEV) {
        return std::string("not there");
    }
    if (!link) {
        return link.error();
    }
    if (auto r = nl->set_up(link->index, up); !r) {
        return r.error();
    }
    if (!up) {
        return std::string();
    }
    auto now = group_link(*nl);
    return std::string(now.ok() && !now->running ? "no carrier: is the parent up?" : "");
}

bool link_local(const net::ip_prefix &p) {
    return p.address.family == AF_INET6 && p.address.bytes[0] == 0xfe &&
           (p.address.bytes[1] & 0xc0) == 0x80;
}

result<std::string> do_addresses(const config &c) {
    auto nl = net::rtnl::open();
    if (!nl) {
        return nl.error();
    }
    auto link = group_link(*nl);
    if (!link) {
        return link.error();
    }
    auto present = nl->addresses(link->index);
    if (!present) {
        return present.error();
    }
    const auto &wanted = c.link.addresses;
    for (const auto &p : *present) {
        if (!link_local(p) && std::find(wanted.begin(), wanted.end(), p) == wanted.end()) {
            if (auto r = nl->remove_address(link->index, p); !r) {
                return r.error();
            }
        }
    }
    for (const auto &p : wanted) {
        if (std::find(present->begin(), present->end(), p) != present->end()) {
            continue;
        }
        if (auto r = nl->add_address(link->index, p); !r) {
            return r.error();
        }
    }
    return std::string();
}

result<std::string> do_routes(const config &c) {
    auto nl = net::rtnl::open();
    if (!nl) {
        return nl.error();
    }
    auto link = group_link(*nl);
    if (!link) {
        return link.error();
    }
    for (const auto &g : c.link.gateways) {
        if (auto r = nl->add_default_route(link->index, g); !r) {
            return r.error();
        }
    }
    return std::string();
}

result<std::string> do_link_remove() {
    auto nl = net::rtnl::open();
    if (!nl) {
        return nl.error();
    }
    auto link = nl->find(net::group_link);
    if (!link) {
        return link.error();
    }
    if (!*link) {
        return std::string("not there");
    }
    if (auto r = nl->remove_link((*link)->index); !r) {
        return r.error();
    }
    return std::string();
}

result<std::string> do_namespaces_remove(const context &ctx) {
    if (auto r = net::unpin(ctx.ns); !r) {
        return r.error();
    }
    const std::string dir = fmt::format("{}/ns/{}", ctx.c->run_dir, ctx.c->group);
    if (rmdir(dir.c_str()) < 0 && errno != ENOENT) {
        return fail(errno, fmt::format("{}: {}", dir, strerror(errno)));
    }
    return std::string();
}

/* detail: the helpers' names. */
result<std::string> do_helpers_start(const context &ctx, const step &s) {
    std::string text;
    for (const auto &name : s.detail) {
        auto r = do_helper_start(ctx, name, s.deadline);
        if (!r) {
            return r;
        }
        text += fmt::format("{}{}", text.empty() ? "" : "; ", *r);
    }
    return text;
}

result<std::string> counted(result<size_t> n, const char *what) {
    if (!n) {
        return n.error();
    }
    return fmt::format("{} {}", *n, what);
}

/* Has nothing to do where there is nothing. */
bool takes_down(action a) {
    return a == action::link_down || a == action::destroy_sockets || a == action::exports_flush ||
           a == action::nfsd_drain || a == action::nfsd_stop || a == action::umount_harp ||
           a == action::clear_lower || a == action::umount_lower || a == action::link_remove;
}

result<std::string> inside(const context &ctx, const step &s, int host_lock) {
    switch (s.what) {
    case action::mounts:
        return do_mounts(ctx);
    case action::loopback:
        return do_loopback();
    case action::sysctls:
        return do_sysctls();
    case action::mount_lower:
        return do_mount_lower(ctx);
    case action::mount_harp:
        return do_mount_harp(ctx);
    case action::exports:
        return do_exports(ctx);
    case action::nfsd_settle:
        return do_nfsd_settle(ctx);
    case action::nfsd_setup:
        return do_nfsd_setup(ctx);
    case action::nfsd_listen:
        return do_nfsd_listen(ctx);
    case action::nfsd_threads:
        return do_nfsd_threads(ctx, host_lock);
    case action::link_up:
        return set_link(true);
    case action::addresses:
        return do_addresses(*ctx.c);
    case action::routes:
        return do_routes(*ctx.c);
    case action::tickle:
        return counted(net::tickle(ctx.start.clients), "clients");
    case action::link_down:
        return set_link(false);
    case action::destroy_sockets:
        return counted(net::destroy_all(), "sockets");
    case action::exports_flush:
        return do_exports_flush();
    case action::nfsd_drain:
        return do_nfsd_drain(ctx, s.deadline);
    case action::nfsd_stop:
        return do_nfsd_stop(ctx);
    case action::clear_lower:
        return do_clear_lower(ctx);
    case action::umount_harp:
    case action::umount_lower:
        return do_umount(s.detail.at(0), s.deadline);
    case action::link_remove:
        return do_link_remove();
    default:
        return fail(ENOSYS, fmt::format("{} is not a step of its own", name_of(s.what)));
    }
}

} // namespace

bool is_inside(action a) {
    switch (a) {
    case action::modules:
    case action::namespaces:
    case action::link:
    case action::helper_start:
    case action::helper_stop:
    case action::namespaces_remove:
    case action::announce:
    case action::quiet:
    case action::release:
        return false;
    default:
        return true;
    }
}

void carry_out_inside(const context &ctx, std::span<const step> steps,
                      const std::function<bool(const result<std::string> &)> &said) {
    const bool there = net::is_pinned(ctx.ns.net);
    const net::unique_fd host_lock(open(host_lock_file, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    const auto entered = there ? net::enter(ctx.ns)
                               : result<void>(fail(ENOENT, "the group's namespaces are not there"));
    for (const auto &s : steps) {
        if (!entered && (there || !takes_down(s.what))) {
            said(entered.error());
            return;
        }
        if (!said(entered.ok() ? inside(ctx, s, host_lock.get()) : std::string("not prepared"))) {
            return;
        }
    }
}

result<std::string> carry_out(const context &ctx, const step &s) {
    switch (s.what) {
    case action::modules:
        return do_modules(s);
    case action::namespaces:
        return do_namespaces(ctx);
    case action::link:
        return do_link(ctx);
    case action::helper_start:
        return do_helpers_start(ctx, s);
    case action::helper_stop:
        return do_helper_stop(ctx, s.detail.at(0), s.deadline);
    case action::namespaces_remove:
        return do_namespaces_remove(ctx);
    default:
        break;
    }
    result<std::string> r = fail(ECHILD, "nothing was done");
    carry_out_inside(ctx, std::span(&s, 1), [&](const result<std::string> &one) {
        r = one;
        return true;
    });
    return r;
}

namespace {

bool has_all(net::rtnl &nl, unsigned index, const std::vector<net::ip_prefix> &wanted) {
    const auto present = nl.addresses(index);
    return present.ok() && std::all_of(wanted.begin(), wanted.end(), [&](const auto &p) {
               return std::find(present->begin(), present->end(), p) != present->end();
           });
}

} // namespace

observed observe_now(const context &ctx) {
    observed o;
    if (!net::is_pinned(ctx.ns.net) || !net::is_pinned(ctx.ns.mnt) || !net::is_pinned(ctx.ns.uts)) {
        return o;
    }
    auto control = helpers_for(ctx);
    for (const auto &name : helpers_of(*ctx.c)) {
        if (control->pid(name) > 0) {
            o.helpers.push_back(name);
        }
    }
    if (!net::enter(ctx.ns)) {
        return o;
    }
    const auto pipefs = mounted_at("/run/rpc_pipefs");
    o.prepared = pipefs.ok() && pipefs->source == fmt::format("harp-{}", ctx.c->group);
    const auto lower = mounted_at(ctx.c->lower_path());
    const auto harp = mounted_at(ctx.c->export_path);
    o.lower_mounted = lower.ok();
    /* The host may have something of its own there; a "bind" shows the lower itself. */
    o.harp_mounted = harp.ok() &&
                     (harp->type == "harp" || (lower.ok() && harp->source == lower->source));
    if (auto nl = net::rtnl::open(); nl.ok()) {
        auto link = group_link(*nl);
        o.prepared = o.prepared && link.ok();
        o.link_up = link.ok() && link->up;
        o.addresses = link.ok() && has_all(*nl, link->index, ctx.c->link.addresses);
    }
    if (o.prepared) {
        o.threads = nfsd_thread_count().value_or(0);
    }
    if (o.threads > 0 && !o.link_up) {
        const auto busy = nfsd_busy(ctx);
        o.stuck = busy.count;
        o.stuck_where = busy.where;
    }
    return o;
}

std::string observed_to_json(const observed &o) {
    return json{{"prepared", o.prepared},
                {"lower_mounted", o.lower_mounted},
                {"harp_mounted", o.harp_mounted},
                {"link_up", o.link_up},
                {"addresses", o.addresses},
                {"threads", o.threads},
                {"stuck", o.stuck},
                {"stuck_where", o.stuck_where},
                {"helpers", o.helpers}}
            .dump();
}

result<observed> observed_from_json(std::string_view text) {
    try {
        const json j = json::parse(text);
        observed o;
        j.at("prepared").get_to(o.prepared);
        j.at("lower_mounted").get_to(o.lower_mounted);
        j.at("harp_mounted").get_to(o.harp_mounted);
        j.at("link_up").get_to(o.link_up);
        j.at("addresses").get_to(o.addresses);
        j.at("threads").get_to(o.threads);
        j.at("stuck").get_to(o.stuck);
        j.at("stuck_where").get_to(o.stuck_where);
        j.at("helpers").get_to(o.helpers);
        return o;
    } catch (const json::exception &e) {
        return fail(EBADMSG, e.what());
    }
}

} // namespace harp::service
