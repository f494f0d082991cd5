/* SPDX-License-Identifier: GPL-2.0 */
/* What the group's network namespace needs of the kernel's network switches. */
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "util/result.hh"

namespace harp::net {

struct sysctl {
    std::string name; /* "net.ipv4.conf.all.arp_ignore" */
    std::string value;

    bool operator==(const sysctl &) const = default;
};

/* For the namespace, before the link is there: "default" is what a link is born with. */
std::vector<sysctl> required_sysctls();

/* Names may hold a-z, 0-9, '_', '-' and single dots: no way out of /proc/sys. */
result<std::string> sysctl_path(std::string_view name);
/* Writes and reads back. A switch this kernel does not have (no IPv6): no error. */
result<void> set_sysctl(const sysctl &s);

} // namespace harp::net
