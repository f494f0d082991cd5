/* SPDX-License-Identifier: GPL-2.0 */
/* The coordinator: V1, V2, V4, V7. */
#include "vsr/core_impl.hh"

#include <fmt/format.h>

#include <algorithm>

namespace harp::vsr {

/* V1: P or B; never W; not while its files or its log forbid it. */
bool core::impl::may_propose() const {
    return me().is_data() && !report_.needs_copy && !poisoned(report_);
}

/* Is anybody there with whom a view could be made? Saves view numbers and fsyncs. */
bool core::impl::can_hope() const {
    for (const auto &m : cfg_.members) {
        if (m.slot == cfg_.self || !fresh(m.slot, now_)) {
            continue;
        }
        /* The first view of a group is {P, B}: see decide_first(). */
        if (m.is_data() || disk_.formed) {
            return true;
        }
    }
    return false;
}

/* V7: P after T, B after T + δ. */
duration_t core::impl::own_wait() const {
    return me().kind == member_kind::primary ? wait_ : wait_ + cfg_.times.wait_extra;
}

/* V2: a number above all that was agreed, formed or NACKed; then the object first. */
bool core::impl::propose(bool voluntary, wish whom) {
    /* V7: bound, until the view it agreed to has come to be, or T_win is over. */
    bool bound = bound_to_ && *bound_to_ != cfg_.self && now_ < bound_until_ && !current_record();
    if (fence_ || !may_propose() || bound) {
        return false;
    }
    view_t highest = std::max({disk_.agreed, disk_.formed, seen_, report_.fence});
    uint64_t round = highest.value() / 4 + 1;
    uint64_t slot = cfg_.broken == broken_rule::equal_view_numbers ? 0 : cfg_.self.value();
    view_t view(4 * round + slot);
    ++counts_.proposals;
    token_t token = ask_kernel(cmd_fence{view, cfg_.self});
    fence_ = fence_op{token, view, cfg_.self, voluntary, whom, now_};
    return true;
}

void core::impl::own_fence_done(const fence_op &op, const command_done &done) {
    if (!done.ok) {
        /* L4: a promise, ours to somebody, or a hold: try when it is over. */
        next_try_ = now_ + std::max(done.time_left, cfg_.times.retry);
        last_failure_ = "its own replica refuses: " + done.text;
        return;
    }
    if (op.view <= disk_.agreed || in<phase::leaving>() || in<phase::sealing>()) {
        return; /* agreed to another meanwhile; the fence stands, that is all */
    }
    phase::proposing p;
    p.view = op.view;
    p.voluntary = op.voluntary;
    p.who = op.who;
    command_.reset();
    set_link(std::nullopt);
    set_phase(std::move(p));
    disk_.agreed = op.view;
    dirty_ = true;
    bound_to_ = cfg_.self;
    bound_until_ = now_ + cfg_.times.window;
}

/* agreed is on disk: speak, and count the own AGREE. */
void core::impl::collect() {
    auto &p = as<phase::proposing>();
    p.deadline = now_ + cfg_.times.window;
    bound_until_ = p.deadline;
    p.next_send = now_ + cfg_.times.retry;
    p.votes.push_back({cfg_.self, disk_.inc, make_agree(report_)});
    send_others(p.view, vsr::propose{p.voluntary, p.who.primary});
}

void core::impl::hear(const message_header &h, const agree &a) {
    if (!validate(a.log) || (a.view && (!validate(*a.view) || a.view->view != a.formed)) ||
        (a.formed && !a.view) || (a.suspects && a.suspects->last < a.suspects->first)) {
        ++counts_.malformed;
        return;
    }
    if (!in<phase::proposing>() || !as<phase::proposing>().written ||
        as<phase::proposing>().view != h.view) {
        ++counts_.lower_view;
        return;
    }
    auto &p = as<phase::proposing>();
    for (const auto &v : p.votes) {
        if (v.member == h.sender) {
            return;
        }
    }
    p.votes.push_back({h.sender, h.inc, a});
    if (p.votes.size() == 2) {
        /*
         * Without the one that is to serve, a switchover would leave it outside for good;
         * it was alive when the service was drained, and may have a slow disk.
         */
        auto lacks = [&](std::optional<slot_t> s) {
            return s && h.sender != *s && cfg_.self != *s;
        };
        /* Who returns was alive a moment ago as well, but clients wait for it. */
        p.third_until = lacks(p.who.member)    ? now_ + cfg_.times.return_limit
                        : lacks(p.who.primary) ? p.deadline
                                               : now_ + cfg_.times.third;
    }
    if (p.votes.size() == member_count) {
        try_decide(false);
    }
}

void core::impl::hear(const message_header &h, const nack &n) {
    seen_ = std::max(seen_, n.agreed);
    if (!in<phase::proposing>() || as<phase::proposing>().view != h.view) {
        return;
    }
    auto &p = as<phase::proposing>();
    if (n.live_primary && *n.live_primary != cfg_.self && n.live_view > disk_.formed) {
        /* V7: stop proposing, become a returner of it. */
        auto &word = peers_[h.sender.value()].status;
        word.live_primary = n.live_primary;
        word.live_view = n.live_view;
        proposal_failed(fmt::format("{} serves in view {}", who(*n.live_primary).name,
                                    n.live_view.value()));
        return;
    }
    p.failure = fmt::format("{} refuses: {}", who(h.sender).name, n.text);
    if (n.why == nack_reason::not_higher) {
        p.refused[h.sender.value()] = true;
        size_t left = std::count(p.refused.begin(), p.refused.end(), false);
        if (left < 2) {
            proposal_failed(p.failure);
        }
    }
}

void core::impl::tick_proposing() {
    auto &p = as<phase::proposing>();
    if (!p.written) {
        return;
    }
    if (p.third_until && now_ >= *p.third_until) {
        p.third_until.reset();
        try_decide(false);
        if (!in<phase::proposing>()) {
            return;
        }
    }
    if (now_ >= p.deadline) {
        try_decide(true);
        return;
    }
    if (now_ >= p.next_send) {
        p.next_send = now_ + cfg_.times.retry;
        for (const auto &m : cfg_.members) {
            bool voted = std::any_of(p.votes.begin(), p.votes.end(),
                                     [&](const vote &v) { return v.member == m.slot; });
            if (!voted && !p.refused[m.slot.value()]) {
                send(m.slot, p.view, vsr::propose{p.voluntary, p.who.primary});
            }
        }
    }
}

void core::impl::try_decide(bool last_chance) {
    auto &p = as<phase::proposing>();
    decide_input in;
    in.members = &cfg_.members;
    in.votes = p.votes;
    in.view = p.view;
    in.epoch = disk_.epoch;
    in.lineage = disk_.lineage;
    in.promise = cfg_.times.promise;
    in.prefer = p.who.primary;
    in.avoid_backup = avoid_backup_;
    in.lag_limit = cfg_.lag_limit;
    in.space_min = cfg_.space_min;
    in.broken = cfg_.broken;
    std::string passed_over;
    auto decided = decide(in, &passed_over);
    if (decided) {
        send_start(*decided, passed_over);
    } else if (last_chance || p.votes.size() == member_count) {
        proposal_failed(p.votes.size() < 2 && !p.failure.empty() ? p.failure
                                                                 : decided.error().text);
    }
}

/* One decision per view number: a coordinator that restarts has forgotten it. */
void core::impl::send_start(const start &what, const std::string &passed_over) {
    start_op op;
    op.what = what;
    op.until = now_ + cfg_.times.window + cfg_.times.start_limit;
    op.next_send = now_ + cfg_.times.retry;
    for (slot_t s : {what.record.primary.slot, what.record.backup.slot}) {
        if (s != cfg_.self) {
            op.pending[s.value()] = true;
            send(s, what.record.view, what);
        }
    }
    start_ = op;
    if (in<phase::proposing>()) {
        if (const auto member = as<phase::proposing>().who.member;
            member && !what.record.has(*member)) {
            excluded(*member); /* clients have waited for nothing: not soon again */
        }
    }
    if (switchover_) {
        switchover_->passed_over = passed_over;
    }
    for (index_t at : what.record.voids) {
        note_line(note::level::warning,
                  fmt::format("view {} makes record {} nothing: the copies are to be verified",
                              what.record.view.value(), at.value()));
    }
    note_line(note::level::info,
              fmt::format("starts view {}: {} with {}, log to {}{}{}", what.record.view.value(),
                          who(what.record.primary.slot).name, who(what.record.backup.slot).name,
                          what.record.s.value(), passed_over.empty() ? "" : "; passed over ",
                          passed_over));
    if (what.record.has(cfg_.self)) {
        adopt(what);
    } else {
        next_try_ = now_ + cfg_.times.window + own_wait();
        set_phase(phase::outside{});
    }
}

void core::impl::tick_starts() {
    if (!start_) {
        return;
    }
    bool any = false;
    for (size_t i = 0; i < member_count; ++i) {
        start_->pending[i] = start_->pending[i] && peers_[i].formed < start_->what.record.view;
        any = any || start_->pending[i];
    }
    if (!any || now_ >= start_->until || disk_.agreed != start_->what.record.view) {
        start_.reset();
        return;
    }
    if (now_ < start_->next_send) {
        return;
    }
    start_->next_send = now_ + cfg_.times.retry;
    for (size_t i = 0; i < member_count; ++i) {
        if (start_->pending[i]) {
            send(cfg_.members[i].slot, start_->what.record.view, start_->what);
        }
    }
}

/* V7: T doubles per failure, up to its limit. */
void core::impl::proposal_failed(std::string why) {
    if (in<phase::proposing>() && as<phase::proposing>().who.member) {
        excluded(*as<phase::proposing>().who.member);
    }
    note_line(note::level::warning, "no view: " + why);
    last_failure_ = std::move(why);
    wait_ = std::min(2 * wait_, cfg_.times.wait_max);
    next_try_ = now_ + own_wait();
    set_phase(phase::outside{});
}

std::optional<core::impl::served_view> core::impl::live_primary() const {
    std::optional<served_view> best;
    for (const auto &m : cfg_.members) {
        const auto &p = peers_[m.slot.value()];
        if (m.slot != cfg_.self && fresh(m.slot, now_) && p.status.live_primary &&
            *p.status.live_primary != cfg_.self && (!best || p.status.live_view > best->view)) {
            best = served_view{*p.status.live_primary, p.status.live_view};
        }
    }
    return best;
}

/* V1: in no view, and nobody answered STATUS with a live primary. */
void core::impl::tick_outside() {
    if (auto serving = live_primary()) {
        give_up_service(fmt::format("{} serves", who(serving->primary).name));
        /* When that primary goes silent, T counts from then. */
        next_try_ = now_ + own_wait();
        follow(*serving);
        return;
    }
    set_feed(std::nullopt);
    if (now_ >= next_try_ && can_hope()) {
        next_try_ = now_ + own_wait();
        propose(false, {});
    }
}

} // namespace harp::vsr
