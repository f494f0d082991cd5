/* SPDX-License-Identifier: GPL-2.0 */
/*
 * /etc/harp/groups/NAME.toml: one replica group, the same file on its three
 * machines. Slots follow roles: primary 0, backup 1, witness 2.
 */
#pragma once

#include "config/document.hh"
#include "config/node.hh"
#include "service/config.hh"
#include "util/text.hh"
#include "vsr/types.hh"

#include <array>
#include <optional>

namespace harp::config {

/* Where a data member's log lives; the text goes to mount's region= as it is. */
struct region_config {
    enum class kind : uint8_t { mem, memmap, reserve } what = kind::mem;
    uint64_t start = 0; /* memmap */
    uint64_t size = 0;  /* mem, memmap */
    std::string label;  /* reserve */
    std::string text;
    uint32_t line = 0;
};

struct member_config {
    std::string name;
    vsr::member_kind kind = vsr::member_kind::witness;
    std::vector<std::string> addresses; /* one for each network, in the same order */
    uint16_t control_port = default_control_port;
    uint16_t record_port = default_record_port;
    /* Data members. */
    std::string device;
    std::string fs_type;
    std::string fs_options;
    uint32_t fs_options_line = 0;
    region_config region;
    std::string parent; /* interface under the group's link */
    /* The witness. */
    uint64_t log_size = 256u << 20;
    uint32_t log_size_line = 0;
    unsigned log_warn_pct = 50; /* of it: from here on status says that it fills up */

    bool is_data() const noexcept { return kind != vsr::member_kind::witness; }
};

struct group_config {
    std::string file;
    std::string name;
    std::optional<uuid_bytes> uuid;
    uint32_t promise_ms = 2000;
    uint32_t detect_ms = 2000;
    bool confirms = false;                                /* lease = "confirm" */
    bool stop_at_suspects = false;                        /* suspects = "stop" */
    std::array<member_config, vsr::member_count> members; /* by slot */
    service::config service; /* parent, group, run_dir and the like are filled in later */
    bool mac_given = false;
    uint32_t digest = 0; /* crc32c of the file: members compare it */
    /* "FILE:LINE: …": of members that differ. A group that was made with it runs. */
    std::vector<std::string> unfit;

    result<void> may_be_made() const;
    std::optional<slot_t> slot_of(const std::string &node) const;
};

result<group_config> read_group(const document &doc);
result<group_config> load_group(const std::string &path);
result<region_config> parse_region(std::string_view text);
/* Its bytes; a label's by the kernel's command line (/proc/cmdline). */
result<uint64_t> region_bytes(const region_config &region, std::string_view cmdline);

} // namespace harp::config
