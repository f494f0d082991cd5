/* SPDX-License-Identifier: GPL-2.0 */
/*
 * At a person's word: the switchover (V1's voluntary change) and leaving for good. The
 * service goes on until the backup has caught up, comes to rest, and then the view changes;
 * each step has its end, and how it ended is told.
 */
#include "vsr/core_impl.hh"

#include <fmt/format.h>

#include <algorithm>

namespace harp::vsr {

namespace {

std::string seconds_of(duration_t d) {
    return fmt::format("{} s", std::chrono::duration_cast<std::chrono::seconds>(d).count());
}

} // namespace

result<void> core::impl::request(const local_request &what) {
    if (const auto *over = std::get_if<want_switchover>(&what)) {
        auto may = may_hand_over(over->to);
        if (may) {
            begin_switchover(over->to, false);
        }
        return may;
    }
    if (const auto *records = std::get_if<want_skip>(&what)) {
        return skip(*records);
    }
    if (in<phase::starting>() || in<phase::failed>()) {
        return {};
    }
    if (in<phase::sealing>()) {
        as<phase::sealing>().leaves = true; /* it is out of every view; its log comes first */
        return {};
    }
    const bool hand_over = std::get_if<want_leave>(&what)->hand_over;
    if (hand_over && switchover_) {
        switchover_->leaves = true;
    } else if (hand_over && in<phase::primary>() && as<phase::primary>().serving && !silent_ &&
               who(as<phase::primary>().record.backup.slot).is_data()) {
        begin_switchover(as<phase::primary>().record.backup.slot, true);
    } else {
        leave_now();
    }
    return {};
}

result<void> core::impl::may_hand_over(slot_t to) const {
    if (!in<phase::primary>() || !as<phase::primary>().serving) {
        return fail(EPERM, "only the serving primary can hand over; ask it");
    }
    if (to == cfg_.self) {
        return fail(EALREADY, "it is the primary already");
    }
    if (to.value() >= member_count || to != as<phase::primary>().record.backup.slot ||
        !who(to).is_data()) {
        return fail(EHOSTUNREACH, "only the backup of the present view can take over, and only "
                                  "if it holds the files");
    }
    if (switchover_ || fence_) {
        return fail(EBUSY, "a view change is under way");
    }
    if (silent_) {
        return fail(ETIMEDOUT, "the backup is silent");
    }
    return {};
}

void core::impl::leave_now() {
    if (const view_record *r = current_record()) {
        ask_kernel(cmd_leave{r->view});
    }
    set_phase(phase::leaving{});
    set_link(std::nullopt);
    give_up_service("this member leaves");
    beat();
}

void core::impl::begin_switchover(slot_t to, bool leaves) {
    switchover_op o;
    o.to = to;
    o.leaves = leaves;
    o.from = as<phase::primary>().record.view;
    o.at = switchover_op::step::catching_up;
    o.until = now_ + cfg_.times.catch_up;
    switchover_ = std::move(o);
}

/*
 * V5 would refuse it as primary, or not hear of it; and what it has yet to apply, clients
 * would wait for (V8).
 */
std::string core::impl::not_ready(slot_t to) const {
    const auto &s = peers_[to.value()].status;
    if (silent_ || !fresh(to, now_)) {
        return fmt::format("{} is not heard", who(to).name);
    }
    const index_t top = std::max(report_.log.top, s.top);
    const uint64_t lag = top - std::min(top, std::max(s.ap, s.lb));
    return lag > cfg_.lag_limit ? fmt::format("{} is {} records behind", who(to).name, lag)
                                : std::string();
}

void core::impl::on_service(const service_drained &done) {
    if (switchover_ && switchover_->at == switchover_op::step::draining &&
        switchover_->drain == done.token) {
        switchover_->at = switchover_op::step::at_rest;
        switchover_->rested = now_;
    }
}

void core::impl::watch_switchover() {
    using step = switchover_op::step;
    if (!switchover_) {
        return;
    }
    auto &o = *switchover_;
    if (o.at == step::changing) {
        watch_change();
        return;
    }
    const auto *p = std::get_if<phase::primary>(&phase_);
    if (!p || !p->serving || p->record.view != o.from) {
        end_switchover(fail(EBUSY, "another change of view came first"));
        return;
    }
    std::string waits = o.at == step::draining ? "the service does not come to rest"
                                               : not_ready(o.to);
    if (waits.empty() && o.at == step::at_rest && o.returns && !at_rest_with(o.to)) {
        waits = fmt::format("{} lacks the last records", who(o.to).name);
    }
    if (!waits.empty()) {
        if (now_ >= *o.until) {
            end_switchover(
                    fail(ETIMEDOUT,
                         fmt::format("{}, and was waited for ({}); {} serves on", waits,
                                     seconds_of(o.at == step::catching_up ? cfg_.times.catch_up
                                                : o.returns               ? cfg_.times.return_limit
                                                                          : cfg_.times.start_limit),
                                     me().name)));
        }
    } else if (o.at == step::catching_up) {
        o.at = step::draining;
        o.drain = token_t(++last_token_);
        o.until = now_ + (o.returns ? cfg_.times.return_limit : cfg_.times.start_limit);
        out_.service.emplace_back(service_drain{o.drain});
    } else {
        o.at = step::changing;
        o.until.reset();
        if (!propose(true, {o.to, o.returns ? std::optional(o.to) : std::nullopt})) {
            end_switchover(fail(EBUSY, "another change of view is under way"));
        }
    }
}

/* The rules of every change of view bound it; here it is only looked at. */
void core::impl::watch_change() {
    const auto &o = *switchover_;
    const bool proposing = in<phase::proposing>() && as<phase::proposing>().voluntary;
    if ((fence_ && fence_->voluntary) || proposing || in<phase::adopting>()) {
        return;
    }
    if (in<phase::leaving>()) {
        end_switchover({});
        return;
    }
    if (const auto *b = std::get_if<phase::backup>(&phase_); b && b->record.primary.slot == o.to) {
        const auto &other = peers_[o.to.value()];
        if (other.formed == b->record.view && other.status.serving) {
            end_switchover({});
        } else if (now_ - b->entered >= cfg_.times.give_up_adopt) {
            end_switchover(fail(ETIMEDOUT, fmt::format("{} is primary of view {}, and does not "
                                                       "serve yet",
                                                       who(o.to).name, b->record.view.value())));
        }
        return;
    }
    if (const auto *p = std::get_if<phase::primary>(&phase_); p && p->record.view != o.from) {
        end_switchover(fail(EHOSTUNREACH,
                            fmt::format("{}; {} serves on, with {} as backup",
                                        o.passed_over.empty() ? who(o.to).name + " did not answer"
                                                              : o.passed_over,
                                        me().name, who(p->record.backup.slot).name)));
        return;
    }
    end_switchover(fail(EAGAIN, last_failure_.empty() ? "another change of view came first"
                                                      : last_failure_));
}

void core::impl::end_switchover(result<void> how) {
    const switchover_op o = std::move(*switchover_);
    switchover_.reset();
    if (!how) {
        last_failure_ = how.error().text;
        note_line(note::level::warning,
                  (o.returns ? "no return: " : "no switchover: ") + how.error().text);
        if (o.returns) {
            excluded(o.to);
        }
        const auto *p = std::get_if<phase::primary>(&phase_);
        if (p && p->serving && o.at != switchover_op::step::catching_up) {
            out_.service.emplace_back(service_serve{p->record.view}); /* it was drained */
        }
        if (o.leaves && p) {
            note_line(note::level::error, fmt::format("{} does not leave", me().name));
        } else if (o.leaves && !in<phase::failed>()) {
            leave_now();
        }
    }
    if (!o.returns) {
        out_.switchover = std::move(how);
    }
    out_.status_changed = true;
}

} // namespace harp::vsr
