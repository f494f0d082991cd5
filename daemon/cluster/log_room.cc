/* SPDX-License-Identifier: GPL-2.0 */
#include "cluster/log_room.hh"

#include "util/text.hh"

#include <algorithm>
#include <fmt/format.h>

namespace harp::cluster {

namespace {

/* What the log must have become emptier by, before a level counts as left. */
constexpr uint64_t ease_pct = 5;

/* Of sizes up to HARP_REGION_MAX: no product overflows. */
uint64_t percent_of(uint64_t part, uint64_t whole) {
    return part * 100 / whole;
}

} // namespace

std::string_view to_string(log_room::level l) {
    switch (l) {
    case log_room::level::filling:
        return "filling";
    case log_room::level::scarce:
        return "scarce";
    case log_room::level::full:
        return "full";
    default:
        return "ample";
    }
}

log_room::level log_room::at(uint64_t used) const {
    const uint64_t left = size_ - std::min(used, size_);
    return left < std::min(config_.go_on_min, config_.begin_min) ? level::full
           : left < config_.begin_min                            ? level::scarce
           : percent_of(used, size_) >= config_.warn_pct         ? level::filling
                                                                 : level::ample;
}

bool log_room::look(uint64_t used, uint64_t size) {
    if (size == 0) {
        return false;
    }
    used_ = used;
    size_ = size;
    const level was = level_;
    /* Up at once; down only as far as a log that is so much fuller would be. */
    level_ = std::max(at(used), std::min(was, at(used + size * ease_pct / 100)));
    return level_ != was;
}

std::string log_room::say(const std::string &absent) const {
    if (level_ == level::ample) {
        return {};
    }
    const std::string figure = fmt::format("the log of {} is {} % full, {} are left",
                                           config_.member, percent_of(used_, size_),
                                           format_size(size_ - std::min(used_, size_)));
    if (!absent.empty()) {
        return level_ == level::full
                       ? fmt::format("{}: the group stops until {} is back; bring it back", figure,
                                     absent)
                       : fmt::format("{}: it grows until {} is back; bring it back before the log "
                                     "is full, for then the group stops",
                                     figure, absent);
    }
    return level_ == level::filling
                   ? figure + ": so much less can it take when it stands in again"
                   : fmt::format("{}, and with less than {} it does not begin to stand in: a "
                                 "failure of a file server stops the group",
                                 figure, format_size(config_.begin_min));
}

} // namespace harp::cluster
