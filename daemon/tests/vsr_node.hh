/* SPDX-License-Identifier: GPL-2.0 */
/* A member: what of it outlives which failure, what runs on it, and its clock. */
#pragma once

#include "vsr_group.hh"
#include "vsr_lower.hh"

#include <memory>
#include <set>

namespace harp::vsr::test {

enum class crash_kind { soft, hard, process };

struct node {
    slot_t slot;
    bool up = false;
    uint64_t life = 0;       /* of the machine or, on W, the process */
    uint64_t harpd_life = 0; /* of the core */
    disk_state disk;         /* durable */
    memory_store store;
    lower files;                      /* its durable() is the LB note's */
    std::optional<sealed_log> sealed; /* a file beside the state */
    uint64_t seal_no = 0;             /* of the wish for it: the last one's comes last */
    std::unique_ptr<object> replica;
    std::unique_ptr<core> brain;
    std::optional<link_wanted> link;
    std::optional<view_t> service; /* told to serve */
    time_point_t paused_until{};
    double rate = 1.0;
    duration_t offset{};
    time_point_t tick_at{};
    unsigned ticks_in_a_row = 0; /* each within 1 ms of the one before */
    bool applying = false;       /* its apply thread is at work */
    time_point_t stored_at{};    /* what it was last given to store */
    std::optional<time_point_t> fetching;
    std::optional<feed_wanted> feed;
    uint64_t feed_no = 0; /* of the wish */
    std::vector<std::string> notes;
    std::set<uint64_t> entered;  /* views, in this life */
    bool damaged = false;        /* its log has been, once */
    bool whole_at_crash = false; /* its log was, and its memory outlived the crash */

    /* P1: a cut of the power takes nothing of its log. */
    bool is_sealed() const {
        return up && brain && brain->state() == member_state::sealed && disk.seal &&
               disk.seal->formed == disk.formed && replica->intact();
    }

    const std::string &name() const { return disk.members[slot.value()].name; }
    /* What its clock shows at @now; of a pause that is hidden from it, it shows nothing. */
    time_point_t local(time_point_t now) const {
        const duration_t hidden = lost_ + std::max(duration_t(),
                                                   std::min(now, hidden_until_) - hidden_from_);
        return time_point_t(offset + scaled((now - hidden).time_since_epoch(), rate));
    }
    /* How long it takes until that clock has gone on by @wait. */
    duration_t true_time(duration_t wait) const { return scaled(wait, 1 / rate); }
    void pause(time_point_t from, time_point_t until, bool hidden) {
        paused_until = std::max(paused_until, until);
        if (hidden && from < hidden_until_) {
            hidden_until_ = std::max(hidden_until_, until);
        } else if (hidden) {
            lost_ += std::max(duration_t(), hidden_until_ - hidden_from_);
            hidden_from_ = from;
            hidden_until_ = until;
        }
    }

private:
    static duration_t scaled(duration_t d, double by) {
        return duration_t(static_cast<int64_t>(static_cast<double>(d.count()) * by));
    }

    duration_t lost_{}; /* in hidden pauses before the last */
    time_point_t hidden_from_{};
    time_point_t hidden_until_{};
};

using node_table = std::array<node, member_count>; /* by slot */

} // namespace harp::vsr::test
