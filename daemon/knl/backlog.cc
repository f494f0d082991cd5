/* SPDX-License-Identifier: GPL-2.0 */
#include "knl/backlog.hh"

#include "linux/harp_limits.h"

#include <algorithm>
#include <fmt/format.h>

namespace harp::knl {

using namespace vsr;

namespace {

/* A disk that has not taken one record for so long is in somebody's way. */
constexpr duration_t slow_after = std::chrono::seconds(3);

/* How far a member applies (N4). */
index_t may_apply(const replica_facts &f, const object_report &r) {
    switch (r.current_role) {
    case role::primary:
        return r.serving ? r.cp : r.ap;
    case role::backup:
        return std::min(r.cp, index_t(f.peer_ap));
    default:
        return r.ap;
    }
}

/* The module's harp_lags(). Half of the ring is the backup's to apply: operations wait. */
bool backup_lags(const replica_facts &f, const object_report &r) {
    const index_t ap(f.peer_ap);
    if (!ap || ap >= r.log.top || r.log.empty()) {
        return false; /* a witness, which applies nothing, says 0 */
    }
    const auto kept = static_cast<double>(r.log.top + 1 - r.log.base);
    const double behind = std::min(static_cast<double>(r.log.top - ap), kept);
    return static_cast<double>(f.ring_used) * behind / kept > static_cast<double>(f.ring_size) / 2;
}

/* The module's harp_full(), of the longest record. */
bool might_not_fit(const replica_facts &f) {
    const uint64_t margin = std::min<uint64_t>(HARP_REC_MAX, f.ring_size / 8);
    return f.ring_used + HARP_REC_MAX + margin > f.ring_size;
}

/* D1: the log is kept for the disk that has least of it. */
std::string kept_for(const replica_facts &f, const object_report &r, const std::string &self,
                     const std::string &partner) {
    const index_t other(f.peer_lb);
    const std::string whose = r.lb < other   ? fmt::format("disk of {}", self)
                              : other < r.lb ? fmt::format("disk of {}", partner)
                                             : fmt::format("disks of {} and {}", self, partner);
    return fmt::format("{}: the log is {} % full, and {} records of it are not there yet", whose,
                       f.ring_used * 100 / f.ring_size, r.log.top - std::min(r.lb, other));
}

} // namespace

void backlog::look(time_point_t now, const replica_facts &f, const object_report &r) {
    const index_t next = r.ap + 1;
    if (may_apply(f, r) < next) {
        applying_.reset();
    } else if (!applying_ || applying_->index != next) {
        applying_ = one_record{next, now, now};
    } else {
        applying_->seen = now;
    }
    /* The kernel counts who begins to wait; they go on when the oldest record goes. */
    if (f.wait_full != waits_) {
        waits_ = f.wait_full;
        base_ = r.log.base;
    }
}

std::string backlog::say(const replica_facts &f, const object_report &r, const std::string &self,
                         const std::string &partner) const {
    if (r.current_role == role::none || f.ring_size == 0) {
        return {};
    }
    const bool primary = r.current_role == role::primary;
    if (applying_ && applying_->seen - applying_->since >= slow_after) {
        using std::chrono::seconds;
        return fmt::format(
                "{} of {}{} has been taking record {} for {} s",
                primary ? "operations wait for the disk" : "the disk", self, primary ? ": it" : "",
                applying_->index.value(),
                std::chrono::duration_cast<seconds>(applying_->seen - applying_->since).count());
    }
    if (primary && backup_lags(f, r)) {
        return fmt::format("operations wait for the disk of {}, or its processor: it has {} "
                           "records to apply, half of the log",
                           partner, r.log.top - index_t(f.peer_ap));
    }
    if (primary && base_ == r.log.base && might_not_fit(f)) {
        return "operations wait for the " + kept_for(f, r, self, partner);
    }
    return f.ring_used * 100 >= f.ring_size * HARP_REGION_HIGH_PCT
                   ? "the " + kept_for(f, r, self, partner)
                   : std::string();
}

} // namespace harp::knl
