/* SPDX-License-Identifier: GPL-2.0 */
#include "vsr/core_impl.hh"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <utility>

namespace harp::vsr {

/* A command that was not answered for this long is asked again under a new token. */
static constexpr duration_t reask_after = 2s;

core::core(config cfg, disk_state disk, const object_report &report, time_point_t now)
    : impl_(std::make_unique<impl>(std::move(cfg), std::move(disk), report, now)) {
    impl_->pump();
}
core::~core() = default;
core::core(core &&) noexcept = default;
core &core::operator=(core &&) noexcept = default;

void core::step(time_point_t now, const message &msg) {
    impl_->now_ = now;
    impl_->step(msg);
    impl_->pump();
}
void core::on_kernel(time_point_t now, const kernel_event &event) {
    impl_->now_ = now;
    impl_->on_kernel(event);
    impl_->pump();
}
void core::on_disk(time_point_t now, const disk_done &done) {
    impl_->now_ = now;
    impl_->on_disk(done);
    impl_->pump();
}
void core::on_service(time_point_t now, const service_drained &done) {
    impl_->now_ = now;
    impl_->on_service(done);
    impl_->pump();
}
void core::on_power(time_point_t now, const power_news &news) {
    impl_->now_ = now;
    impl_->on_power(news);
    impl_->pump();
}
void core::on_sealed(time_point_t now, const seal_done &done) {
    impl_->now_ = now;
    impl_->on_sealed(done);
    impl_->pump();
}
void core::tick(time_point_t now) {
    impl_->now_ = now;
    impl_->tick();
    impl_->pump();
}
result<void> core::request(time_point_t now, const local_request &what) {
    impl_->now_ = now;
    auto r = impl_->request(what);
    impl_->pump();
    return r;
}
output core::take_output() {
    return std::exchange(impl_->out_, {});
}
time_point_t core::next_deadline() const {
    return impl_->next_deadline();
}
status_report core::status(time_point_t now) const {
    return impl_->status(now);
}
const counters &core::counts() const {
    return impl_->counts_;
}
const disk_state &core::disk() const {
    return impl_->durable_;
}
member_state core::state() const {
    return impl_->state();
}
bool core::handing_over() const {
    return impl_->switchover_.has_value();
}

/* ---- start (S1, S2) ---- */

core::impl::impl(config cfg, disk_state disk, const object_report &report, time_point_t now)
    : cfg_(std::move(cfg)), disk_(std::move(disk)), durable_(disk_), now_(now), report_(report),
      report_at_(now), written_snapshot_(disk_), wait_(cfg_.times.wait), next_try_(now),
      next_status_(now) {
    report_.log = tidy(report.log);
    if (disk_.group != cfg_.group || disk_.self != cfg_.self || disk_.members != cfg_.members) {
        become_failed("the state file belongs to another group or member",
                      "compare the configuration with `harpctl group create`");
    } else if (report.inc > disk_.inc) {
        become_failed(
                fmt::format("the state file went back: it knows incarnation {}, the replica is {}",
                            disk_.inc.value(), report.inc.value()),
                "a restored state file votes twice: replace this member");
    } else if (!report.inc) {
        begin_new_life();
    } else if (report.inc == disk_.inc) {
        go_on(report);
    } else {
        another_life(report.inc);
    }
}

void core::impl::another_life(incarnation_t found) {
    become_failed(fmt::format("a replica of incarnation {} is attached, and this is incarnation {}",
                              found.value(), disk_.inc.value()),
                  "unmount the replica or restart this machine");
}

void core::impl::begin_new_life() {
    ++disk_.inc;
    dirty_ = true;
    set_phase(phase::starting{});
    if (cfg_.broken == broken_rule::resume_view && disk_.view && disk_.view->has(cfg_.self)) {
        disk_.inc = std::max(disk_.inc - 1, incarnation_t(1));
    }
}

/* harpd restarted, the object lives on: what had been proposed is forgotten. */
void core::impl::go_on(const object_report &report) {
    seen_ = std::max(report.fence, disk_.agreed);
    if (report.formed > disk_.formed && report.view_of_formed) {
        disk_.formed = report.formed;
        disk_.view = report.view_of_formed;
        dirty_ = true;
    }
    next_try_ = now_ + own_wait();
    service_on_ = me().is_data(); /* an earlier harpd may have left it on */
    if (report.hold_left > duration_t::zero()) {
        set_phase(phase::holding{now_ + report.hold_left});
        return;
    }
    if (report.current_role == role::none || report.view < report.fence) {
        set_link(std::nullopt);
        set_phase(phase::outside{});
        return;
    }
    /*
     * Our disk has the VIEW record since before ACKs could leave (V6); the log may have
     * discarded it, or, where the kernel still fills up, not have it yet.
     */
    const auto names_view = [&](const std::optional<view_record> &r) {
        return r && r->view == report.view;
    };
    if (!names_view(report.view_of_formed) && !names_view(disk_.view)) {
        ask_kernel(cmd_leave{report.view}); /* it ended within V6, and nothing says who is in it */
        set_link(std::nullopt);
        set_phase(phase::outside{});
        return;
    }
    const view_record record = names_view(report.view_of_formed) ? *report.view_of_formed
                                                                 : *disk_.view;
    next_try_ = now_;
    bool ungated = report.current_role == role::primary && !report.serving && !report.gate_bound;
    if (durable_.formed != record.view || ungated) {
        /* It ended within V6: what follows the header is still to be done, in its order. */
        phase::adopting a;
        a.what.record = record;
        a.at = durable_.formed != record.view ? phase::adopting::step::disk
                                              : phase::adopting::step::role;
        a.deadline = now_ + cfg_.times.give_up_adopt;
        a.next_ask = now_;
        set_phase(a);
        tick_adopting();
        return;
    }
    if (report.current_role == role::primary) {
        phase::primary p;
        p.record = record;
        p.entered = p.next_ask = now_;
        p.serve_by = now_ + cfg_.times.start_limit;
        set_phase(p);
        if (report.serving) {
            now_serving();
        }
    } else {
        set_phase(phase::backup{record, now_, now_, now_, false});
        give_up_service(fmt::format("{} is primary", who(record.primary.slot).name));
    }
    slot_t other = record.primary.slot == cfg_.self ? record.backup.slot : record.primary.slot;
    set_link(link_wanted{other, record.view, record.primary.slot == cfg_.self});
}

/* S1: inc is on disk. An earlier life may have promised Δ until the moment it ended. */
void core::impl::attached(const object_report &report) {
    if (report.inc != disk_.inc) {
        another_life(report.inc); /* a mount was there: what it promised and holds is its own */
        return;
    }
    take_report(report);
    note_suspects();
    seen_ = std::max({seen_, report.fence, disk_.agreed});
    if (report.formed > disk_.formed && report.view_of_formed) {
        disk_.formed = report.formed; /* S1: formed := max(disk, region) */
        disk_.view = report.view_of_formed;
        dirty_ = true;
    }
    next_try_ = now_ + report.hold_left + own_wait();
    if (cfg_.broken == broken_rule::resume_view && disk_.view && disk_.view->has(cfg_.self)) {
        phase::adopting a;
        a.what.record = *disk_.view;
        a.at = phase::adopting::step::role;
        a.deadline = now_ + cfg_.times.give_up_adopt;
        a.next_ask = now_;
        set_phase(a);
        return;
    }
    if (report.hold_left > duration_t::zero()) {
        set_phase(phase::holding{now_ + report.hold_left});
    } else {
        set_phase(phase::outside{});
    }
    note_line(note::level::info,
              fmt::format("incarnation {} starts, last view formed {}, log {}", disk_.inc.value(),
                          disk_.formed.value(), report.intact ? "whole" : "not whole"));
    if (!power_why_.empty()) {
        begin_sealing(); /* it was told before there was anything to seal */
    }
}

void core::impl::set_phase(phase_t next) {
    phase_ = std::move(next);
    out_.status_changed = true;
    silent_ = partner_left_ = false;
    if (!in<phase::outside>()) {
        set_feed(std::nullopt);
    }
}

void core::impl::become_failed(std::string why, std::string advice) {
    note_line(note::level::error, why);
    if (const view_record *r = current_record()) {
        ask_kernel(cmd_leave{r->view}); /* else its kernel serves on, with what is parked in it */
    }
    set_phase(phase::failed{std::move(why), std::move(advice)});
    set_link(std::nullopt);
    give_up_service("this member takes part in nothing more");
}

void core::impl::note_line(note::level severity, std::string text) {
    out_.notes.push_back({severity, std::move(text)});
}

void core::impl::take_report(const object_report &report) {
    report_ = report;
    report_.log = tidy(report.log);
    report_at_ = now_;
    skip_settled();
}

/* ---- messages ---- */

bool core::impl::check_header(const message &msg) {
    const auto &h = msg.header;
    if (h.group != cfg_.group) {
        ++counts_.wrong_group;
        return false;
    }
    if (h.lineage != disk_.lineage) {
        ++counts_.wrong_lineage;
        return false;
    }
    if (h.epoch != disk_.epoch) {
        ++counts_.wrong_epoch;
        return false;
    }
    if (h.sender.value() >= member_count || h.sender == cfg_.self ||
        who(h.sender).id != h.sender_id) {
        ++counts_.wrong_sender;
        return false;
    }
    auto &seen = disk_.peer_inc[h.sender.value()];
    auto &p = peers_[h.sender.value()];
    if (h.inc < seen || !h.inc) {
        ++counts_.old_incarnation;
        if (!std::exchange(p.told_old, true)) {
            note_line(
                    note::level::warning,
                    fmt::format("{} speaks as incarnation {}, {} has been seen: late messages, or "
                                "its disk went back",
                                who(h.sender).name, h.inc.value(), seen.value()));
        }
        return false;
    }
    if (h.inc > seen) {
        seen = h.inc; /* finding 26: kept, so that a member that went back is known */
        dirty_ = true;
        p = peer{};
    }
    return true;
}

void core::impl::step(const message &msg) {
    if (in<phase::starting>() || in<phase::failed>() || !check_header(msg)) {
        return;
    }
    auto &p = peers_[msg.header.sender.value()];
    if (!p.heard || now_ - *p.heard > cfg_.times.detect) {
        /* Somebody is back: what failed for want of it may be tried soon. */
        next_try_ = std::min(next_try_, now_ + cfg_.times.wait + (own_wait() - wait_));
        p.since = now_;
        out_.status_changed = true;
    }
    p.heard = now_;
    seen_ = std::max(seen_, msg.header.view);
    std::visit([&](const auto &body) { hear(msg.header, body); }, msg.body);
}

void core::impl::send(slot_t to, view_t view, message_body body) {
    assert(durable_.inc == disk_.inc); /* S1: no message before inc is on disk */
    message m;
    m.header = {cfg_.group, disk_.lineage, disk_.epoch, cfg_.self, me().id, disk_.inc, view};
    m.body = std::move(body);
    out_.messages.push_back({to, std::move(m)});
}

void core::impl::send_others(view_t view, const message_body &body) {
    for (const auto &m : cfg_.members) {
        if (m.slot != cfg_.self) {
            send(m.slot, view, body);
        }
    }
}

/* ---- commands and completions ---- */

token_t core::impl::ask_kernel(kernel_command_body body) {
    token_t token(++last_token_);
    out_.kernel.push_back({token, std::move(body)});
    return token;
}

void core::impl::ask(kernel_command_body body) {
    token_t token = ask_kernel(body);
    command_ = command_op{token, std::move(body), now_};
}

void core::impl::reask_lost() {
    if (fence_ && now_ - fence_->asked >= reask_after) {
        fence_->token = ask_kernel(cmd_fence{fence_->view, fence_->by});
        fence_->asked = now_;
    }
    if (command_ && now_ - command_->asked >= reask_after) {
        ask(command_->body);
    }
}

void core::impl::on_kernel(const kernel_event &event) {
    if (in<phase::failed>()) {
        return;
    }
    std::visit([&](const auto &fact) { on_fact(fact); }, event);
}

void core::impl::on_done(const command_done &done) {
    if (fence_ && done.token == fence_->token) {
        fence_op op = *fence_;
        fence_.reset();
        if (done.report) {
            take_report(*done.report);
            seen_ = std::max(seen_, done.report->fence);
        }
        op.by == cfg_.self ? own_fence_done(op, done) : other_fence_done(op, done);
        return;
    }
    if (!command_ || done.token != command_->token) {
        ++counts_.stale_token;
        return;
    }
    kernel_command_body body = std::move(command_->body);
    command_.reset();
    if (done.report) {
        take_report(*done.report);
    }
    if (std::get_if<cmd_attach>(&body)) {
        if (done.ok) {
            attached(*done.report);
        } else {
            become_failed("the replica cannot be attached: " + done.text,
                          "look at the kernel log, then restart harpd");
        }
    } else if (std::get_if<cmd_adopt>(&body)) {
        adopt_done(done);
    } else if (std::get_if<cmd_seal>(&body)) {
        object_sealed(done);
    } else if (const auto *enter = std::get_if<cmd_enter>(&body)) {
        if (in<phase::adopting>() && as<phase::adopting>().what.record == enter->record) {
            if (done.ok) {
                entered();
            } else if (done.why == refusal::retry) {
                as<phase::adopting>().next_ask = now_ + cfg_.times.retry;
            } else {
                adoption_failed(done.text);
            }
        }
    } else if (const auto *serve = std::get_if<cmd_serve>(&body)) {
        if (in<phase::primary>() && as<phase::primary>().record.view == serve->view) {
            serve_done(done);
        }
    }
}

/* ---- disk ---- */

void core::impl::on_disk(const disk_done &done) {
    if (!writing_ || done.token != writing_) {
        ++counts_.stale_token;
        return;
    }
    writing_ = token_t();
    if (!done.what) {
        become_failed("the state file cannot be written: " + done.what.error().text,
                      "mend the disk of the state directory, then restart harpd");
        return;
    }
    durable_ = written_snapshot_;
    written();
}

/* Whatever waited for the disk looks whether it has what it needs. */
void core::impl::written() {
    if (in<phase::starting>() && !as<phase::starting>().attaching && durable_.inc == disk_.inc) {
        as<phase::starting>().attaching = true;
        duration_t hold{};
        if (disk_.formed || disk_.agreed) {
            hold = disk_.view ? disk_.view->promise : promise_cap;
        }
        if (cfg_.broken == broken_rule::no_hold) {
            hold = {};
        }
        auto seal = disk_.seal;
        if (seal && cfg_.broken == broken_rule::seal_not_cleared) {
            seal->formed = disk_.formed;
        }
        ask(cmd_attach{disk_.inc, disk_.agreed, disk_.formed, seal, hold});
    }
    if (in<phase::proposing>() && !as<phase::proposing>().written &&
        durable_.agreed == as<phase::proposing>().view) {
        as<phase::proposing>().written = true;
        collect();
    }
    agree_written();
    formed_written();
    seal_written();
}

void core::impl::pump() {
    watch_switchover();
    if (dirty_ && !writing_ && !in<phase::failed>()) {
        dirty_ = false;
        writing_ = token_t(++last_token_);
        written_snapshot_ = disk_;
        out_.persist = disk_write{writing_, disk_};
    }
}

/* ---- time ---- */

void core::impl::tick() {
    if (in<phase::failed>()) {
        return;
    }
    reask_lost();
    if (in<phase::starting>()) {
        return;
    }
    if (in<phase::holding>() && now_ >= as<phase::holding>().until) {
        set_phase(phase::outside{});
    }
    if (in<phase::proposing>()) {
        tick_proposing();
    } else if (in<phase::outside>()) {
        tick_outside();
    } else if (in<phase::agreed>() && now_ >= bound_until_) {
        /* V7: the coordinator died, or START is lost. P after T, B after T + δ. */
        next_try_ = now_ + own_wait();
        set_phase(phase::outside{});
    } else if (in<phase::adopting>()) {
        tick_adopting();
    } else if (in<phase::primary>()) {
        tick_primary();
    } else if (in<phase::backup>()) {
        tick_backup();
    }
    tick_starts();
    if (now_ >= next_status_) {
        beat();
    }
}

/*
 * When tick() has something to do. Each condition here is one of tick()'s: a time that
 * it passes over would wake the member again and again, for nothing.
 */
time_point_t core::impl::next_deadline() const {
    time_point_t at = now_ + cfg_.times.status_interval;
    if (in<phase::failed>()) {
        return at;
    }
    auto sooner = [&](time_point_t t) { at = std::min(at, t); };
    if (fence_) {
        sooner(fence_->asked + reask_after);
    }
    if (command_) {
        sooner(command_->asked + reask_after);
    }
    if (!in<phase::starting>()) {
        sooner(next_status_);
        if (start_) {
            sooner(start_->next_send);
        }
        if (switchover_ && switchover_->until) {
            sooner(*switchover_->until);
        }
        sooner(phase_deadline());
    }
    /* What is already due is due at once, but never in the past: the clock goes on. */
    return std::max(at, now_ + std::chrono::milliseconds(1));
}

time_point_t core::impl::phase_deadline() const {
    constexpr auto never = time_point_t::max();
    bool may_try = !fence_ && may_propose() && can_hope();
    if (in<phase::holding>()) {
        return as<phase::holding>().until;
    }
    if (in<phase::proposing>()) {
        const auto &p = as<phase::proposing>();
        return p.written ? std::min({p.deadline, p.next_send, p.third_until.value_or(never)})
                         : never;
    }
    if (in<phase::outside>()) {
        return may_try ? next_try_ : never;
    }
    if (in<phase::agreed>()) {
        return bound_until_;
    }
    if (in<phase::adopting>()) {
        const auto &a = as<phase::adopting>();
        return command_ ? a.deadline : std::min(a.deadline, a.next_ask);
    }
    if (in<phase::primary>()) {
        return primary_deadline(may_try);
    }
    if (in<phase::backup>()) {
        const auto &b = as<phase::backup>();
        return std::min(b.heard ? never : b.next_started, silent_ && may_try ? next_try_ : never);
    }
    return never;
}

time_point_t core::impl::primary_deadline(bool may_try) const {
    constexpr auto never = time_point_t::max();
    const auto &p = as<phase::primary>();
    if (p.serving) {
        return silent_ && may_try ? next_try_ : never;
    }
    time_point_t at = p.started && !command_ ? p.next_ask : never;
    if (may_try) {
        auto until = backup_adopts() ? p.entered + cfg_.times.give_up_adopt : now_;
        at = std::min(at, std::max({p.serve_by, next_try_, until}));
    }
    return at;
}

} // namespace harp::vsr
