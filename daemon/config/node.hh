/* SPDX-License-Identifier: GPL-2.0 */
/* /etc/harp/harp.toml: what harpd must know of the machine it runs on. */
#pragma once

#include "config/document.hh"

#include <cstdint>
#include <string>

namespace harp::config {

inline constexpr uint16_t default_control_port = 7423; /* UDP: heartbeats, view changes */
inline constexpr uint16_t default_record_port = 7424;  /* TCP: record links */

struct node_config {
    std::string name;                /* as group files call this machine */
    std::vector<std::string> listen; /* empty: every address */
    uint16_t control_port = default_control_port;
    uint16_t record_port = default_record_port;
    std::string log_level = "info"; /* error, warning, info, debug */
    std::string ups = "low";        /* that counts as loss of power: critical, on-battery, never */
    bool seal_at_shutdown = true;   /* logind's shutdown is one, too */
    int panic_timeout = 10;         /* s: set as kernel.panic where that is 0; 0 leaves it alone */
    bool keep_memory = true;        /* firmware is told not to clear it after a crash */
};

result<node_config> read_node(const document &doc, const std::string &hostname);
/* A missing file is a node with defaults. */
result<node_config> load_node(const std::string &path);

} // namespace harp::config
