/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Rules broken one at a time, and within how many schedules that must be noticed: some ten
 * times as many as it took, so that no other change of the code makes it a matter of luck.
 */
#pragma once

#include "vsr_schedule.hh"

namespace harp::vsr::test {

struct mutant {
    const char *name;
    broken_rule rule;
    bias lean;
    uint64_t budget;
};

/* Of ack_of_old_incarnation vsr_object_test takes care: views are unique, so nobody else can. */
inline constexpr mutant mutants[] = {
        {"resume_view", broken_rule::resume_view, bias::soft, 400},
        {"equal_view_numbers", broken_rule::equal_view_numbers, bias::partition, 1000},
        {"serve_before_started", broken_rule::serve_before_started, bias::any, 100},
        {"agree_without_fence", broken_rule::agree_without_fence, bias::any, 1500},
        {"no_hold", broken_rule::no_hold, bias::any, 400},
        {"count_lossy", broken_rule::count_lossy, bias::any, 400},
        {"longest_log", broken_rule::longest_log, bias::any, 500},
        {"lease_from_receipt", broken_rule::lease_from_receipt, bias::acks, 300},
        {"no_watermark", broken_rule::no_watermark, bias::soft, 1000},
        {"fresh_region_complete", broken_rule::fresh_region_complete, bias::any, 400},
        {"choose_by_last_record", broken_rule::choose_by_last_record, bias::any, 1500},
        {"started_before_disk", broken_rule::started_before_disk, bias::any, 100},
        {"promise_ignored", broken_rule::promise_ignored, bias::partition, 1500},
        {"witness_tail_after_boot", broken_rule::witness_tail_after_boot, bias::witness, 1000},
        {"renew_to_deaf", broken_rule::renew_to_deaf, bias::any, 1000},
        {"feed_uncommitted", broken_rule::feed_uncommitted, bias::any, 300},
        {"discount_unserved_view", broken_rule::discount_unserved_view, bias::unserved, 3000},
        {"disk_before_region", broken_rule::disk_before_region, bias::leave, 1500},
        {"cut_without_view_record", broken_rule::cut_without_view_record, bias::soft, 200},
        {"check_then_fence", broken_rule::check_then_fence, bias::pause, 1500},
        {"no_lease_margin", broken_rule::no_lease_margin, bias::partition, 500},
        {"read_without_lease", broken_rule::read_without_lease, bias::stale, 500},
        {"lease_never_ends", broken_rule::lease_never_ends, bias::any, 300},
        {"discard_own_lb", broken_rule::discard_own_lb, bias::any, 200},
        {"lb_before_durable", broken_rule::lb_before_durable, bias::leave, 500},
        {"witness_drops_log", broken_rule::witness_drops_log, bias::any, 200},
        {"apply_beyond_told", broken_rule::apply_beyond_told, bias::any, 200},
        {"error_while_parked", broken_rule::error_while_parked, bias::any, 300},
        {"seal_not_cleared", broken_rule::seal_not_cleared, bias::power, 200},
        /* Finding 10, no rule of ours: what clients are told shows it, and nothing else is asked.
         */
        {"hidden_pause", broken_rule::none, bias::hidden, 1000},
};

} // namespace harp::vsr::test
