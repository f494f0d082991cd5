/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the log of a file server holds that is not on a disk yet, whose disk that is,
 * and whether operations wait for it: the sentence of `harpctl status`.
 */
#pragma once

#include "knl/replica.hh"

#include <optional>
#include <string>

namespace harp::knl {

class backlog {
public:
    /* At each report of the replica, with its facts of the same moment. */
    void look(time_point_t now, const replica_facts &f, const vsr::object_report &r);
    /* Of what was looked at last; empty: nothing that a person need know. */
    std::string say(const replica_facts &f, const vsr::object_report &r, const std::string &self,
                    const std::string &partner) const;

private:
    /* A record that is being applied, and since when. */
    struct one_record {
        index_t index;
        time_point_t since;
        time_point_t seen;
    };
    std::optional<one_record> applying_;
    uint64_t waits_ = 0;          /* operations that began to wait for room */
    std::optional<index_t> base_; /* of the log when the last of them began */
};

} // namespace harp::knl
