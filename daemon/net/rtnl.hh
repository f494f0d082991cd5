/* SPDX-License-Identifier: GPL-2.0 */
/* Links, addresses and routes of the calling thread's network namespace (rtnetlink). */
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/address.hh"
#include "util/result.hh"

struct nl_sock;

namespace harp::net {

/* The group's link in the group's namespace. */
inline constexpr const char *group_link = "harp0";

struct link_info {
    unsigned index = 0;
    std::string name;
    std::string kind; /* "macvlan", "ipvlan", "" for a real device */
    mac_address mac;
    unsigned lower = 0; /* the parent's ifindex in the parent's namespace, or 0 */
    bool up = false;    /* administratively */
    bool running = false;
};

enum class vlan_kind { macvlan_bridge, macvlan_private, ipvlan_l2 };

struct vlan_spec {
    std::string name;
    unsigned parent = 0; /* ifindex in the calling thread's namespace */
    vlan_kind kind = vlan_kind::macvlan_bridge;
    mac_address mac; /* not for ipvlan */
    int netns = -1;  /* where it is put; open file of a network namespace */
};

class rtnl {
public:
    static result<rtnl> open();

    result<std::optional<link_info>> find(const std::string &name);
    /* The new link is down and in spec.netns. */
    result<void> add_vlan(const vlan_spec &spec);
    result<void> remove_link(unsigned index);
    result<void> set_up(unsigned index, bool up);
    result<std::vector<ip_prefix>> addresses(unsigned index);
    /*
     * Without duplicate address detection, which holds an IPv6 address back for a
     * second (kernel-notes 46). There already: no error.
     */
    result<void> add_address(unsigned index, const ip_prefix &prefix);
    result<void> remove_address(unsigned index, const ip_prefix &prefix);
    result<void> add_default_route(unsigned index, const ip_address &gateway);

private:
    struct socket_free {
        void operator()(nl_sock *sk) const;
    };
    explicit rtnl(nl_sock *sk) : sk_(sk) {}
    std::unique_ptr<nl_sock, socket_free> sk_;
};

} // namespace harp::net
