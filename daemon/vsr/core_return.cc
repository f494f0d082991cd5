/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Coming back (C1; protocol findings 13 and 23). A data member in no view that hears somebody
 * serve takes that view's history meanwhile, so that little is left to do when the view
 * changes; then it asks for its place (REQUEST). The primary that serves proposes the change,
 * when contact was unbroken for T_stable; where the service is to move, it rests first.
 */
#include "vsr/core_impl.hh"

#include <fmt/format.h>

#include <algorithm>

namespace harp::vsr {

/* Exclusions longer ago are forgiven. */
static constexpr duration_t exclusion_memory = std::chrono::hours(1);

/* ---- who returns ---- */

bool core::impl::may_return() const {
    return me().is_data() && !report_.needs_copy;
}

/* Its backup holds the view's whole log and serves nobody; else the primary itself. */
feed_wanted core::impl::feeder_of(const served_view &serving) const {
    for (const auto &m : cfg_.members) {
        const auto &p = peers_[m.slot.value()];
        if (m.slot != cfg_.self && m.slot != serving.primary && fresh(m.slot, now_) &&
            p.formed == serving.view && p.status.current_role == role::backup) {
            return {m.slot, serving.view};
        }
    }
    return {serving.primary, serving.view};
}

/* Committed records that are not applied here yet; nothing as long as the logs are not one. */
std::optional<uint64_t> core::impl::behind(const served_view &serving) const {
    const auto &p = peers_[serving.primary.value()];
    if (report_.fed != serving.view || !fresh(serving.primary, now_) || p.formed != serving.view) {
        return std::nullopt;
    }
    const index_t cp = p.status.cp;
    const index_t on_disk = std::max(report_.ap, report_.lb);
    return cp - std::min(cp, std::min(std::max(report_.log.top, report_.lb), on_disk));
}

void core::impl::set_feed(std::optional<feed_wanted> wanted) {
    if (feed_ == wanted) {
        return;
    }
    feed_ = wanted;
    pace_ = {};
    told_top_ = index_t();
    out_.feed = wanted;
    out_.status_changed = true;
}

void core::impl::follow(const served_view &serving) {
    /* One that the others have not missed yet has nothing to learn from them. */
    if (!may_return() || serving.view <= disk_.formed) {
        set_feed(std::nullopt);
        return;
    }
    if (report_.current_role != role::none) {
        ask_kernel(cmd_leave{report_.view}); /* entered after this member had given up on it */
    }
    if (disk_.seal && cfg_.broken != broken_rule::seal_not_cleared) {
        /* P1: what is fed comes after, or in place of, what is sealed. */
        disk_.seal.reset();
        dirty_ = true;
    }
    if (durable_.seal && cfg_.broken != broken_rule::seal_not_cleared) {
        set_feed(std::nullopt);
        return; /* until the disk says so: a tick comes soon */
    }
    set_feed(feeder_of(serving));
    const auto lag = behind(serving);
    if (lag && *lag <= cfg_.lag_limit && now_ >= next_request_) {
        next_request_ = now_ + cfg_.times.status_interval;
        send(serving.primary, serving.view, vsr::request{"wants its place back", *lag});
    }
}

/* A watermarks report outside of a view: how the feed goes. */
void core::impl::fed() {
    const auto serving = live_primary();
    const auto lag = feed_ && serving ? behind(*serving) : std::nullopt;
    if (!lag) {
        return;
    }
    if (now_ - pace_.at >= std::chrono::seconds(1)) {
        const double seconds = std::chrono::duration<double>(now_ - pace_.at).count();
        pace_.closing = pace_.at == time_point_t() || *lag > pace_.lag
                                ? 0
                                : static_cast<double>(pace_.lag - *lag) / seconds;
        pace_.at = now_;
        pace_.lag = *lag;
        out_.status_changed = true;
    }
    /* The primary may be waiting for just this, at rest. */
    if (*lag == 0 && report_.log.top != told_top_) {
        told_top_ = report_.log.top;
        beat(serving->primary, true);
    }
}

std::string core::impl::return_headline() const {
    const auto serving = live_primary();
    if (!serving) {
        return "in no view";
    }
    const std::string where = fmt::format("view {} of {}", serving->view.value(),
                                          who(serving->primary).name);
    const auto lag = behind(*serving);
    if (!lag) {
        return fmt::format("comes back: takes up the log of {} from {}", where,
                           who(feed_->from).name);
    }
    if (*lag <= cfg_.lag_limit) {
        return fmt::format("comes back: has caught up with {} and asks for its place", where);
    }
    std::string text = fmt::format("comes back: {} records behind {}", *lag, where);
    if (pace_.closing > 0) {
        text += fmt::format(", {:.0f} s more at this pace",
                            static_cast<double>(*lag) / pace_.closing);
    }
    return text;
}

/* ---- the primary that serves ---- */

void core::impl::excluded(slot_t slot) {
    auto &times = exclusions_[slot.value()];
    std::erase_if(times, [&](time_point_t t) { return now_ - t >= exclusion_memory; });
    times.push_back(now_);
    peers_[slot.value()].since = now_; /* T_stable counts anew */
}

/* T_stable: the first exclusion is free, each further one within an hour doubles it. */
duration_t core::impl::stable_for(slot_t slot) const {
    duration_t d = cfg_.times.stable;
    const auto &times = exclusions_[slot.value()];
    const auto recent = std::count_if(times.begin(), times.end(),
                                      [&](time_point_t t) { return now_ - t < exclusion_memory; });
    for (auto i = recent; i > 1 && d < cfg_.times.stable_max; --i) {
        d = std::min(2 * d, cfg_.times.stable_max);
    }
    return d;
}

void core::impl::hear(const message_header &h, const struct request &r) {
    const auto *p = std::get_if<phase::primary>(&phase_);
    if (!p || !p->serving || p->record.view != h.view || p->record.has(h.sender) ||
        !who(h.sender).is_data()) {
        ++counts_.lower_view;
        return;
    }
    /* It repeats itself: what stands in the way now may not soon. */
    const bool stable = now_ - peers_[h.sender.value()].since >= stable_for(h.sender);
    if (!stable || switchover_ || fence_ || silent_) {
        return;
    }
    note_line(note::level::info, fmt::format("{} comes back ({}, {} records behind)",
                                             who(h.sender).name, r.reason, r.lag));
    begin_return(h.sender);
}

void core::impl::begin_return(slot_t slot) {
    if (who(slot).kind == member_kind::primary) {
        begin_switchover(slot, false);
        switchover_->returns = true;
    } else if (!propose(true, {std::nullopt, slot})) {
        excluded(slot);
    }
}

/*
 * The service rests, so the log ends somewhere. Nothing is left to be sent to the one who
 * returns, and be waited for by clients, when it has all of that.
 */
bool core::impl::at_rest_with(slot_t to) {
    auto &o = *switchover_;
    if (report_at_ <= o.rested || report_.cp < report_.log.top) {
        return false;
    }
    if (!o.rest_told) {
        o.rest_told = true;
        beat();
    }
    const auto &s = peers_[to.value()].status;
    return s.top == report_.log.top && std::max(s.ap, s.lb) >= s.top;
}

} // namespace harp::vsr
