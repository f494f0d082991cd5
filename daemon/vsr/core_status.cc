/* SPDX-License-Identifier: GPL-2.0 */
/* What a member says of itself: heartbeats, and `harpctl status` in plain words. */
#include "vsr/core_impl.hh"

#include <fmt/format.h>

#include <algorithm>

namespace harp::vsr {

std::string_view to_string(member_state state) {
    switch (state) {
    case member_state::starting:
        return "starting";
    case member_state::holding:
        return "holding";
    case member_state::outside:
        return "outside";
    case member_state::returning:
        return "returning";
    case member_state::proposing:
        return "proposing";
    case member_state::agreed:
        return "agreed";
    case member_state::adopting:
        return "adopting";
    case member_state::waiting:
        return "waiting";
    case member_state::serving:
        return "serving";
    case member_state::backing_up:
        return "backup";
    case member_state::leaving:
        return "leaving";
    case member_state::sealing:
        return "sealing";
    case member_state::sealed:
        return "sealed";
    case member_state::failed:
        return "failed";
    }
    return "unknown";
}

std::string_view message_name(const message_body &body) {
    static constexpr std::string_view names[] = {"PROPOSE", "AGREE",  "NACK",  "START", "STARTED",
                                                 "REQUEST", "STATUS", "FETCH", "RECS"};
    return names[body.index()];
}

member_state core::impl::state() const {
    switch (phase_.index()) {
    case 0:
        return member_state::starting;
    case 1:
        return member_state::holding;
    case 2:
        return feed_ ? member_state::returning : member_state::outside;
    case 3:
        return member_state::proposing;
    case 4:
    case 5:
        return member_state::agreed;
    case 6:
        return member_state::adopting;
    case 7:
        return as<phase::primary>().serving ? member_state::serving : member_state::waiting;
    case 8:
        return member_state::backing_up;
    case 9:
        return member_state::leaving;
    case 10: {
        using step = phase::sealing::step;
        const auto &s = as<phase::sealing>();
        return s.at == step::done ? member_state::sealed : member_state::sealing;
    }
    default:
        return member_state::failed;
    }
}

bool core::impl::fresh(slot_t slot, time_point_t now) const {
    const auto &p = peers_[slot.value()];
    duration_t limit = std::max(cfg_.times.detect, 2 * cfg_.times.status_interval);
    return p.heard && now - *p.heard < limit;
}

void core::impl::beat(std::optional<slot_t> only, bool answer) {
    status_beat s;
    s.current_role = report_.current_role;
    s.lease_held = report_.lease_held;
    s.leaving = in<phase::leaving>() || in<phase::sealing>();
    s.comes_back = state() == member_state::returning;
    s.needs_copy = report_.needs_copy;
    s.wants_answer = !answer && in<phase::outside>();
    s.agreed = disk_.agreed;
    s.top = report_.log.top;
    s.cp = report_.cp;
    s.ap = report_.ap;
    s.lb = report_.lb;
    s.free_bytes = report_.free_bytes;
    if (in<phase::primary>()) {
        const auto &p = as<phase::primary>();
        s.serving = p.serving;
        s.started_heard = p.started;
        if (p.serving && report_.lease_held) {
            s.live_primary = cfg_.self;
            s.live_view = p.record.view;
        }
    } else if (in<phase::backup>() && report_.promise_left > now_ - report_at_) {
        s.live_primary = as<phase::backup>().record.primary.slot;
        s.live_view = as<phase::backup>().record.view;
    }
    s.text = headline(now_);
    if (s.text.size() > max_text) {
        s.text.resize(max_text);
    }
    /* durable: what others may build on, e.g. that START was followed */
    if (only) {
        send(*only, durable_.formed, std::move(s));
        return;
    }
    next_status_ = now_ + cfg_.times.status_interval;
    send_others(durable_.formed, s);
}

static std::string milliseconds_of(duration_t d) {
    return fmt::format("{} ms", std::chrono::duration_cast<std::chrono::milliseconds>(d).count());
}

std::string core::impl::headline(time_point_t now) const {
    auto pair = [&](const view_record &r) {
        return fmt::format("view {}: {} with {}", r.view.value(), who(r.primary.slot).name,
                           who(r.backup.slot).name);
    };
    switch (state()) {
    case member_state::starting:
        return "starting: writes its incarnation and attaches the replica";
    case member_state::holding:
        return fmt::format("restarted: waits {} until its earlier promises have run out",
                           milliseconds_of(as<phase::holding>().until - now));
    case member_state::returning:
        return return_headline();
    case member_state::outside:
        if (!me().is_data()) {
            auto live = live_primary();
            return live ? fmt::format("stands by: {} serves", who(live->primary).name)
                        : "stands by: nobody serves";
        }
        return !left_why_.empty()   ? "in no view: " + left_why_
               : report_.needs_copy ? "in no view: its files must be copied anew"
               : !disk_.formed
                       ? "in no view yet: the group has never formed one"
                       : fmt::format("in no view: its log of view {} is {}", disk_.formed.value(),
                                     report_.intact ? "whole" : "not whole");
    case member_state::proposing:
        return fmt::format("proposes view {}", as<phase::proposing>().view.value());
    case member_state::agreed:
        return fmt::format("has agreed to view {}", disk_.agreed.value());
    case member_state::adopting:
        return fmt::format("enters {}", pair(as<phase::adopting>().what.record));
    case member_state::waiting:
        return fmt::format("{}, not serving yet", pair(as<phase::primary>().record));
    case member_state::serving:
        return fmt::format("{}, serving{}", pair(as<phase::primary>().record),
                           report_.lease_held ? "" : ", but the lease has run out");
    case member_state::backing_up:
        return fmt::format("{}, backing up", pair(as<phase::backup>().record));
    case member_state::leaving:
        return "leaving";
    case member_state::sealing:
    case member_state::sealed:
        return seal_headline();
    default:
        return "failed: " + as<phase::failed>().why;
    }
}

std::string core::impl::outside_reason(time_point_t now) const {
    std::string others;
    size_t heard = 0;
    for (const auto &m : cfg_.members) {
        if (m.slot == cfg_.self) {
            continue;
        }
        if (fresh(m.slot, now)) {
            ++heard;
            others += fmt::format("{}{}: {}", others.empty() ? "" : "; ", m.name,
                                  peers_[m.slot.value()].status.text);
        } else {
            others += fmt::format("{}{} is not heard", others.empty() ? "" : "; ", m.name);
        }
    }
    if (auto live = live_primary()) {
        if (!me().is_data()) {
            return {}; /* it has no other place while both data members are in the view */
        }
        std::string text = fmt::format("{} serves without this member", who(live->primary).name);
        return left_why_.empty() ? text : left_why_ + "; " + text;
    }
    if (!left_why_.empty()) {
        return fmt::format("{} ({})", left_why_, others);
    }
    if (const std::string why = stopped_by(); !why.empty()) {
        return fmt::format("{}, and it does not try them again by itself ({})", why, others);
    }
    if (heard == 0) {
        return "no other member is heard: " + others;
    }
    return last_failure_.empty() ? others : last_failure_ + " (" + others + ")";
}

std::string core::impl::not_survived(time_point_t now) const {
    const view_record *r = current_record();
    if (!r) {
        return {};
    }
    for (const auto &m : cfg_.members) {
        if (r->has(m.slot)) {
            continue;
        }
        const auto &s = peers_[m.slot.value()].status;
        const std::string &files = who(r->primary.slot).name;
        if (!fresh(m.slot, now)) {
            return fmt::format("{} is not heard: the next failure stops the group", m.name);
        }
        if (s.needs_copy) {
            return fmt::format("{} needs a copy of the files: the next failure of a member stops "
                               "the group",
                               m.name);
        }
        if (m.is_data()) {
            return fmt::format(
                    "{} is {} a failure of {} stops the group", m.name,
                    s.comes_back ? "coming back: until then" : "outside the view:", files);
        }
    }
    return {};
}

/* Outside of a view: the one that others are heard to be in, else the last formed. */
void core::impl::tell_view(status_report &out, time_point_t now) const {
    out.view = disk_.formed;
    auto live = live_primary();
    if (!live) {
        return;
    }
    out.view = std::max(out.view, live->view);
    out.primary = live->primary;
    for (const auto &m : cfg_.members) {
        const auto &p = peers_[m.slot.value()];
        if (m.slot != cfg_.self && fresh(m.slot, now) && p.formed == out.view &&
            p.status.current_role == role::backup) {
            out.backup = m.slot;
        }
    }
}

status_report core::impl::status(time_point_t now) const {
    status_report out;
    out.state = state();
    out.headline = headline(now);
    out.not_survived = not_survived(now);
    if (const view_record *r = current_record()) {
        out.view = r->view;
        out.primary = r->primary.slot;
        out.backup = r->backup.slot;
    } else {
        tell_view(out, now);
    }
    out.serving = in<phase::primary>() && as<phase::primary>().serving && report_.lease_held;
    if (in<phase::failed>()) {
        out.why_not_serving = as<phase::failed>().why;
        out.advice = as<phase::failed>().advice;
    } else if (in<phase::primary>() && !out.serving) {
        const auto &p = as<phase::primary>();
        std::string_view b = who(p.record.backup.slot).name;
        out.why_not_serving = !p.started ? fmt::format("waits for {} to enter the view", b)
                              : !p.serving
                                      ? fmt::format("waits for {}'s promise: {}", b, last_failure_)
                                      : fmt::format("{} does not renew its promise", b);
    } else if (in<phase::backup>()) {
        out.why_not_serving = silent_ ? last_failure_ : std::string();
    } else if (in<phase::outside>()) {
        out.why_not_serving = outside_reason(now);
        if (report_.needs_copy) {
            out.advice = copy_advice;
        } else if (!stopped_by().empty() && !live_primary()) {
            out.advice = skip_advice;
        }
    } else if (in<phase::proposing>()) {
        out.why_not_serving = as<phase::proposing>().failure;
    }
    return out;
}

} // namespace harp::vsr
