/* SPDX-License-Identifier: GPL-2.0 */
/*
 * V4 and V5 as a pure function: from the AGREEs of two or three members to the
 * view to be started, or to one sentence that says why there can be none.
 */
#pragma once

#include "linux/harp_limits.h"
#include "linux/harp_wire.h"
#include "vsr/match.hh"

namespace harp::vsr {

/* What a log takes that has just room for a view: its VIEW record and one message. */
inline constexpr uint64_t standing_in_min = HARP_REC_OVERHEAD_MAX + HARP_WIRE_BATCH_MAX;

struct vote {
    slot_t member;
    incarnation_t inc;
    agree what;
};

struct decide_input {
    const member_table *members = nullptr;
    std::vector<vote> votes; /* at most one a member; the coordinator's own included */
    view_t view;
    epoch_t epoch;
    lineage_t lineage;
    duration_t promise{};
    std::optional<slot_t> prefer; /* a switchover's primary, when eligible */
    /* The data member that just failed as backup though it agreed: last choice. */
    std::optional<slot_t> avoid_backup;
    uint64_t lag_limit = 0;
    uint64_t space_min = 0; /* of a witness that is to take the whole log */
    broken_rule broken = broken_rule::none;
};

/* @passed_over: who could not be what it was made for, and why; empty: nobody. */
result<start> decide(const decide_input &in, std::string *passed_over = nullptr);

/* AGREE of a member that was in no view ever: its log is empty by definition. */
bool never_formed(const agree &a);

} // namespace harp::vsr
