/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a group's service is made of, as harpd's configuration states it. A plain
 * value: check() says what is wrong with it before anything is touched.
 */
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "net/address.hh"
#include "util/result.hh"

namespace harp::service {

enum class mac_mode {
    group, /* a macvlan carrying the group's MAC: the MAC moves with the address */
    own,   /* an ipvlan: the parent's own MAC, gratuitous ARP/NA alone */
};

enum class macvlan_mode {
    bridge,   /* groups on one host reach each other */
    isolated, /* the kernel's "private" */
};

enum class helper_backend {
    systemd, /* template units harp-*@GROUP.service: they survive harpd */
    exec,    /* forked and left alone; for machines without systemd */
};

/* One line of an exports file without the path: who, and with what options. */
struct export_client {
    std::string client;  /* "*", "192.0.2.0/24", "@netgroup", a name */
    std::string options; /* "rw,no_root_squash"; sync, no_subtree_check, fsid=0 are ours */
};

struct link_config {
    std::string parent;
    mac_mode mode = mac_mode::group;
    net::mac_address mac; /* used with mac_mode::group */
    macvlan_mode macvlan = macvlan_mode::bridge;
    std::vector<net::ip_prefix> addresses;
    std::vector<net::ip_address> gateways; /* at most one per family */
};

struct nfsd_config {
    unsigned threads = 32;                                   /* kernel-notes 62 */
    std::vector<std::string> versions = {"3", "4.1", "4.2"}; /* of 3, 4.0, 4.1, 4.2 */
    uint32_t max_block_size = 1024 * 1024; /* kernel-notes 44: equal on both members */
    std::chrono::seconds lease{10};        /* the kernel's floor is 10 s (kernel-notes 40) */
    std::chrono::seconds grace{10};
    uint16_t port = 2049;
    uint16_t mountd_port = 20048;
    uint16_t statd_port = 20049;
};

struct config {
    std::string group; /* [a-z0-9-], at most HARP_GROUP_NAME_MAX bytes: the namespaces' nodename */
    link_config link;
    nfsd_config nfsd;
    std::string export_path; /* absolute; the harp mount's place, and the NFSv4 root */
    std::vector<export_client> clients;
    helper_backend helpers = helper_backend::systemd;
    std::string run_dir = "/run/harp";       /* namespaces are pinned under run_dir/ns/GROUP */
    std::string state_dir = "/var/lib/harp"; /* state_dir/GROUP/nfs is the group's /var/lib/nfs */

    bool has_version(std::string_view v) const;
    bool serves_v3() const { return has_version("3"); }
    bool serves_v4() const;
    /* Paths inside the group's mount namespace. */
    std::string lower_path() const { return "/run/harp/lower"; }
};

/* Everything that can be said without looking at the machine. */
result<void> check(const config &c);
/* "rw,no_root_squash" → the line nfsd gets; refuses async, subtree_check, fsid=, … */
result<std::string> export_options(std::string_view options);

std::string to_json(const config &c);
result<config> from_json(std::string_view text);

} // namespace harp::service
