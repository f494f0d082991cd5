// SPDX-License-Identifier: GPL-2.0
#include "net/rtnl.hh"

#include <linux/if_addr.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/ipvlan.h>
#include <netlink/route/link/macvlan.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>

namespace harp::net {

namespace {

template <auto Free>
struct freer {
    template <typename T>
    void operator()(T *p) const {
        Free(p);
    }
};

using link_ptr = std::unique_ptr<rtnl_link, freer<rtnl_link_put>>;
using addr_ptr = std::unique_ptr<rtnl_addr, freer<rtnl_addr_put>>;
using nladdr_ptr = std::unique_ptr<nl_addr, freer<nl_addr_put>>;
using route_ptr = std::unique_ptr<rtnl_route, freer<rtnl_route_put>>;
using cache_ptr = std::unique_ptr<nl_cache, freer<nl_cache_free>>;

/* libnl's own codes, to errno's numbers. */
int to_errno(int nl) {
    switch (-nl) {
    case NLE_EXIST:
        return EEXIST;
    case NLE_OBJ_NOTFOUND:
    case NLE_NODEV:
        return ENODEV;
    case NLE_NOADDR:
        return EADDRNOTAVAIL;
    case NLE_PERM:
        return EPERM;
    case NLE_BUSY:
        return EBUSY;
    case NLE_NOMEM:
        return ENOMEM;
    case NLE_OPNOTSUPP:
        return EOPNOTSUPP;
    case NLE_RANGE:
        return ERANGE;
    default:
        return EINVAL;
    }
}

failure nl_failure(int code, const std::string &what) {
    return fail(to_errno(code), fmt::format("{}: {}", what, nl_geterror(code)));
}

failure no_memory() {
    return fail(ENOMEM, "out of memory for a netlink message");
}

link_info info_of(rtnl_link *link) {
    link_info info;
    info.index = static_cast<unsigned>(rtnl_link_get_ifindex(link));
    info.name = rtnl_link_get_name(link) ? rtnl_link_get_name(link) : "";
    info.kind = rtnl_link_get_type(link) ? rtnl_link_get_type(link) : "";
    info.lower = static_cast<unsigned>(std::max(0, rtnl_link_get_link(link)));
    info.up = rtnl_link_get_flags(link) & IFF_UP;
    info.running = rtnl_link_get_flags(link) & IFF_RUNNING;
    nl_addr *mac = rtnl_link_get_addr(link);
    if (mac && nl_addr_get_len(mac) == info.mac.bytes.size()) {
        memcpy(info.mac.bytes.data(), nl_addr_get_binary_addr(mac), info.mac.bytes.size());
    }
    return info;
}

nladdr_ptr build(const ip_address &a, int length) {
    nladdr_ptr addr(nl_addr_build(a.family, a.bytes.data(), a.size()));
    if (addr) {
        nl_addr_set_prefixlen(addr.get(), length);
    }
    return addr;
}

result<addr_ptr> address_of(unsigned index, const ip_prefix &prefix) {
    addr_ptr addr(rtnl_addr_alloc());
    nladdr_ptr local = build(prefix.address, prefix.length);
    if (!addr || !local) {
        return no_memory();
    }
    rtnl_addr_set_ifindex(addr.get(), static_cast<int>(index));
    if (const int rc = rtnl_addr_set_local(addr.get(), local.get()); rc < 0) {
        return nl_failure(rc, prefix.to_string());
    }
    return addr;
}

} // namespace

void rtnl::socket_free::operator()(nl_sock *sk) const {
    nl_socket_free(sk);
}

result<rtnl> rtnl::open() {
    rtnl r(nl_socket_alloc());
    if (!r.sk_) {
        return no_memory();
    }
    if (const int rc = nl_connect(r.sk_.get(), NETLINK_ROUTE); rc < 0) {
        return nl_failure(rc, "rtnetlink");
    }
    return r;
}

result<std::optional<link_info>> rtnl::find(const std::string &name) {
    rtnl_link *found = nullptr;
    const int rc = rtnl_link_get_kernel(sk_.get(), 0, name.c_str(), &found);
    if (rc == -NLE_NODEV || rc == -NLE_OBJ_NOTFOUND) {
        return std::optional<link_info>{};
    }
    if (rc < 0) {
        return nl_failure(rc, fmt::format("looking for the interface {}", name));
    }
    link_ptr link(found);
    return std::optional<link_info>(info_of(link.get()));
}

result<void> rtnl::add_vlan(const vlan_spec &spec) {
    const bool ipvlan = spec.kind == vlan_kind::ipvlan_l2;
    link_ptr link(ipvlan ? rtnl_link_ipvlan_alloc() : rtnl_link_macvlan_alloc());
    if (!link) {
        return no_memory();
    }
    rtnl_link_set_name(link.get(), spec.name.c_str());
    rtnl_link_set_link(link.get(), static_cast<int>(spec.parent));
    rtnl_link_set_ns_fd(link.get(), spec.netns);
    int rc = 0;
    if (ipvlan) {
        rc = rtnl_link_ipvlan_set_mode(link.get(),
                                       static_cast<uint16_t>(rtnl_link_ipvlan_str2mode("l2")));
    } else {
        nladdr_ptr mac(nl_addr_build(AF_LLC, spec.mac.bytes.data(), spec.mac.bytes.size()));
        if (!mac) {
            return no_memory();
        }
        rtnl_link_set_addr(link.get(), mac.get());
        rc = rtnl_link_macvlan_set_mode(
                link.get(),
                static_cast<uint32_t>(rtnl_link_macvlan_str2mode(
                        spec.kind == vlan_kind::macvlan_bridge ? "bridge" : "private")));
    }
    if (rc < 0) {
        return nl_failure(rc, spec.name);
    }
    rc = rtnl_link_add(sk_.get(), link.get(), NLM_F_CREATE | NLM_F_EXCL);
    if (rc < 0) {
        return nl_failure(
                rc, fmt::format("making the {} {}", ipvlan ? "ipvlan" : "macvlan", spec.name));
    }
    return {};
}

result<void> rtnl::remove_link(unsigned index) {
    link_ptr link(rtnl_link_alloc());
    if (!link) {
        return no_memory();
    }
    rtnl_link_set_ifindex(link.get(), static_cast<int>(index));
    if (const int rc = rtnl_link_delete(sk_.get(), link.get()); rc < 0) {
        return nl_failure(rc, "removing the group's link");
    }
    return {};
}

result<void> rtnl::set_up(unsigned index, bool up) {
    link_ptr link(rtnl_link_alloc()), change(rtnl_link_alloc());
    if (!link || !change) {
        return no_memory();
    }
    rtnl_link_set_ifindex(link.get(), static_cast<int>(index));
    if (up) {
        rtnl_link_set_flags(change.get(), IFF_UP);
    } else {
        rtnl_link_unset_flags(change.get(), IFF_UP);
    }
    const int rc = rtnl_link_change(sk_.get(), link.get(), change.get(), 0);
    if (up && rc == -NLE_EXIST) {
        /* macvlan_open() says EADDRINUSE, which libnl calls "Object exists". */
        return fail(EADDRINUSE, fmt::format("setting link {} up: another interface on the same "
                                            "parent is up with this MAC address",
                                            index));
    }
    if (rc < 0) {
        return nl_failure(rc, fmt::format("setting link {} {}", index, up ? "up" : "down"));
    }
    return {};
}

result<std::vector<ip_prefix>> rtnl::addresses(unsigned index) {
    nl_cache *raw = nullptr;
    if (const int rc = rtnl_addr_alloc_cache(sk_.get(), &raw); rc < 0) {
        return nl_failure(rc, "listing addresses");
    }
    cache_ptr cache(raw);
    std::vector<ip_prefix> out;
    for (nl_object *o = nl_cache_get_first(raw); o; o = nl_cache_get_next(o)) {
        auto *addr = reinterpret_cast<rtnl_addr *>(o);
        nl_addr *local = rtnl_addr_get_local(addr);
        if (rtnl_addr_get_ifindex(addr) != static_cast<int>(index) || !local) {
            continue;
        }
        ip_prefix p;
        p.address.family = nl_addr_get_family(local);
        if (nl_addr_get_len(local) != p.address.size()) {
            continue;
        }
        memcpy(p.address.bytes.data(), nl_addr_get_binary_addr(local), p.address.size());
        p.length = static_cast<uint8_t>(rtnl_addr_get_prefixlen(addr));
        out.push_back(p);
    }
    return out;
}

result<void> rtnl::add_address(unsigned index, const ip_prefix &prefix) {
    auto addr = address_of(index, prefix);
    if (!addr) {
        return addr.error();
    }
    if (prefix.address.family == AF_INET6) {
        rtnl_addr_set_flags(addr->get(), IFA_F_NODAD);
    }
    const int rc = rtnl_addr_add(sk_.get(), addr->get(), 0);
    if (rc < 0 && rc != -NLE_EXIST) {
        return nl_failure(rc, fmt::format("adding {}", prefix.to_string()));
    }
    return {};
}

result<void> rtnl::remove_address(unsigned index, const ip_prefix &prefix) {
    auto addr = address_of(index, prefix);
    if (!addr) {
        return addr.error();
    }
    const int rc = rtnl_addr_delete(sk_.get(), addr->get(), 0);
    if (rc < 0 && rc != -NLE_NOADDR) {
        return nl_failure(rc, fmt::format("removing {}", prefix.to_string()));
    }
    return {};
}

result<void> rtnl::add_default_route(unsigned index, const ip_address &gateway) {
    route_ptr route(rtnl_route_alloc());
    rtnl_nexthop *hop = rtnl_route_nh_alloc();
    ip_address any;
    any.family = gateway.family;
    nladdr_ptr everything = build(any, 0),
               via = build(gateway, static_cast<int>(gateway.size() * 8));
    if (!route || !hop || !everything || !via) {
        if (hop) {
            rtnl_route_nh_free(hop);
        }
        return no_memory();
    }
    rtnl_route_set_family(route.get(), static_cast<uint8_t>(gateway.family));
    rtnl_route_set_dst(route.get(), everything.get());
    rtnl_route_nh_set_ifindex(hop, static_cast<int>(index));
    rtnl_route_nh_set_gateway(hop, via.get());
    rtnl_route_add_nexthop(route.get(), hop); /* takes hop over */
    const int rc = rtnl_route_add(sk_.get(), route.get(), NLM_F_CREATE | NLM_F_REPLACE);
    if (rc < 0) {
        return nl_failure(rc, fmt::format("adding the route by {}", gateway.to_string()));
    }
    return {};
}

} // namespace harp::net
