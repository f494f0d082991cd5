/* SPDX-License-Identifier: GPL-2.0 */
/* A member of a view: V3, V6, V8, and what happens inside the view. */
#include "vsr/core_impl.hh"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

namespace harp::vsr {

/* ---- V3: PROPOSE ---- */

void core::impl::send_nack(slot_t to, view_t view, nack_reason why, duration_t left,
                           std::string text) {
    nack n;
    n.agreed = std::max(disk_.agreed, report_.fence);
    n.why = why;
    n.time_left = left;
    n.text = std::move(text);
    if (in<phase::primary>() && as<phase::primary>().serving && report_.lease_held) {
        n.live_primary = cfg_.self;
        n.live_view = as<phase::primary>().record.view;
    } else if (in<phase::backup>() && report_.promise_left > now_ - report_at_) {
        n.live_primary = as<phase::backup>().record.primary.slot;
        n.live_view = as<phase::backup>().record.view;
    }
    send(to, view, std::move(n));
}

void core::impl::hear(const message_header &h, const struct propose &) {
    if (h.view.value() % 4 != h.sender.value() && cfg_.broken != broken_rule::equal_view_numbers) {
        ++counts_.malformed; /* v = 4n + the coordinator's slot (finding 12) */
        return;
    }
    if (in<phase::leaving>() || in<phase::sealing>()) {
        send_nack(h.sender, h.view, nack_reason::not_member, {},
                  in<phase::leaving>() ? "is leaving" : "its power goes");
        return;
    }
    if (in<phase::holding>()) {
        send_nack(h.sender, h.view, nack_reason::hold, as<phase::holding>().until - now_,
                  "restarted, and waits until its earlier promises have run out");
        return;
    }
    bool twice = cfg_.broken == broken_rule::equal_view_numbers && h.view == disk_.agreed;
    if (h.view <= disk_.agreed && !twice) {
        if (in<phase::agreed>() && as<phase::agreed>().view == h.view &&
            as<phase::agreed>().coordinator == h.sender) {
            send(h.sender, h.view, as<phase::agreed>().body); /* it was lost: say it again */
        } else if (!in<phase::agreeing>() && !in<phase::adopting>()) {
            ++counts_.lower_view;
            send_nack(h.sender, h.view, nack_reason::not_higher, {},
                      fmt::format("has agreed to view {}", disk_.agreed.value()));
        }
        return;
    }
    /* V7. In a view its primary may always ask: it is the one the promise is for. */
    const view_record *r = current_record();
    bool own_primary = r && r->primary.slot == h.sender;
    if (bound_to_ && *bound_to_ != h.sender && now_ < bound_until_ && !own_primary && !twice) {
        send_nack(h.sender, h.view, nack_reason::bound, bound_until_ - now_,
                  fmt::format("has agreed with {}", who(*bound_to_).name));
        return;
    }
    if (fence_) {
        return; /* one at a time; the proposer repeats */
    }
    if (cfg_.broken == broken_rule::agree_without_fence) {
        fence_op op{{}, h.view, h.sender, false, {}, now_};
        command_done done;
        done.ok = true;
        other_fence_done(op, done);
        return;
    }
    token_t token = ask_kernel(cmd_fence{h.view, h.sender});
    fence_ = fence_op{token, h.view, h.sender, false, {}, now_};
}

void core::impl::other_fence_done(const fence_op &op, const command_done &done) {
    if (!done.ok) {
        nack_reason why = nack_reason::object_error;
        switch (done.why) {
        case refusal::promise:
            why = nack_reason::promise;
            break;
        case refusal::lease:
            why = nack_reason::lease;
            break;
        case refusal::hold:
            why = nack_reason::hold;
            break;
        case refusal::fenced:
            why = nack_reason::not_higher;
            break;
        default:
            break;
        }
        send_nack(op.by, op.view, why, done.time_left, done.text);
        return;
    }
    bool twice = cfg_.broken == broken_rule::equal_view_numbers && op.view == disk_.agreed;
    if ((op.view <= disk_.agreed && !twice) || in<phase::leaving>() || in<phase::sealing>()) {
        return;
    }
    /* The object is fenced: whatever this member was in is over; operations stay parked. */
    command_.reset();
    set_link(std::nullopt);
    set_phase(phase::agreeing{op.view, op.by, report_});
    disk_.agreed = op.view;
    dirty_ = true;
    bound_to_ = op.by;
    bound_until_ = now_ + cfg_.times.window;
}

agree core::impl::make_agree(const object_report &report) const {
    agree a;
    a.formed = disk_.formed;
    a.view = disk_.view;
    if (report.formed > a.formed && report.view_of_formed) {
        a.formed = report.formed;
        a.view = report.view_of_formed;
    }
    a.intact = report.intact && report.formed >= disk_.formed;
    a.needs_copy = report.needs_copy;
    a.poisoned = poisoned(report);
    a.stop = cfg_.stop_at_suspects;
    if (a.poisoned) {
        a.suspects = report.suspects;
    }
    a.skip = disk_.skip;
    a.log = report.log;
    a.top_crc = report.top_crc;
    a.lb = report.lb;
    a.ap = report.ap;
    a.free_bytes = report.free_bytes;
    a.ring = report.ring;
    return a;
}

/* fence, disk, speak (finding 4). */
void core::impl::agree_written() {
    if (!in<phase::agreeing>() || durable_.agreed < as<phase::agreeing>().view) {
        return;
    }
    auto a = as<phase::agreeing>();
    agree body = make_agree(a.report);
    bound_until_ = now_ + cfg_.times.window;
    send(a.coordinator, a.view, body);
    set_phase(phase::agreed{a.view, a.coordinator, std::move(body)});
}

/* ---- V6: START ---- */

result<void> core::impl::check_start(const message_header &h, const start &s) const {
    const view_record &r = s.record;
    if (auto v = validate(r); !v) {
        return v;
    }
    if (auto v = validate(s.reach); !v) {
        return v;
    }
    if (r.view != h.view || r.epoch != disk_.epoch || r.lineage != disk_.lineage ||
        s.reach.top != r.s || view_at(s.reach, r.s) != r.view_of_s ||
        s.sources.size() > member_count || s.donor.value() >= member_count) {
        return fail(EPROTO, "START contradicts itself");
    }
    const member_life &mine = r.primary.slot == cfg_.self ? r.primary : r.backup;
    if (mine.slot != cfg_.self || mine.inc != disk_.inc) {
        return fail(ESTALE, "START is for another life or member");
    }
    return {};
}

void core::impl::hear(const message_header &h, const start &s) {
    bool waits = in<phase::agreed>() || in<phase::outside>();
    if (!waits || h.view != durable_.agreed || h.view <= disk_.formed) {
        ++counts_.lower_view;
        return;
    }
    if (!check_start(h, s)) {
        ++counts_.malformed;
        return;
    }
    adopt(s);
}

void core::impl::adopt(const start &what) {
    phase::adopting a;
    a.what = what;
    a.deadline = now_ + cfg_.times.give_up_adopt;
    a.next_ask = now_ + cfg_.times.retry;
    if (disk_.seal && cfg_.broken != broken_rule::seal_not_cleared) {
        /* P1: a seal is cleared on disk before anything is appended or acked. */
        disk_.seal.reset();
        dirty_ = true;
        a.at = phase::adopting::step::seal;
        set_phase(std::move(a));
        return;
    }
    set_phase(std::move(a));
    if (cfg_.broken == broken_rule::disk_before_region) {
        disk_.formed = what.record.view;
        disk_.view = what.record;
        dirty_ = true;
    }
    ask_adopt();
}

void core::impl::ask_adopt() {
    auto &a = as<phase::adopting>();
    const start &what = a.what;
    cmd_adopt cmd;
    cmd.what = what;
    auto match = me().is_data() ? continue_point(report_.log, report_.lb, what.reach, what.record.s)
                                : match_point(report_.log, what.reach, what.record.s);
    if (match) {
        cmd.match = *match;
    }
    if (me().is_data()) {
        /* V6: a data member keeps from LB + 1; what its log lacks is fetched. */
        cmd.keep_from = report_.lb + 1;
    } else {
        cmd.keep_from = match && report_.intact ? report_.log.base : what.reach.base;
    }
    a.match = cmd.match;
    /*
     * It served, and others' records come before its own next ones, or some of its own go: what is
     * parked on those is answered by nobody (G3), though this member may be to serve again.
     */
    if (a.match.index != report_.log.top || a.match.index != what.record.s) {
        give_up_service("what it had not committed may go");
    }
    ask(std::move(cmd));
}

void core::impl::adopt_done(const command_done &done) {
    if (!in<phase::adopting>() || as<phase::adopting>().at != phase::adopting::step::log) {
        return;
    }
    auto &a = as<phase::adopting>();
    if (!done.ok) {
        if (done.why == refusal::retry) {
            a.next_ask = now_ + cfg_.times.retry;
            return;
        }
        adoption_failed(done.text);
        return;
    }
    /* header, disk, role, STARTED (finding 4) */
    a.at = phase::adopting::step::disk;
    disk_.formed = a.what.record.view;
    disk_.view = a.what.record;
    dirty_ = true;
    if (me().is_data() && !a.what.record.voids.empty()) {
        mark_unverified(a.what.record);
    }
    if (cfg_.broken == broken_rule::started_before_disk) {
        durable_.formed = disk_.formed;
        formed_written();
    }
}

void core::impl::formed_written() {
    if (!in<phase::adopting>()) {
        return;
    }
    auto &a = as<phase::adopting>();
    if (a.at == phase::adopting::step::seal && !durable_.seal) {
        a.at = phase::adopting::step::log;
        ask_adopt();
    } else if (a.at == phase::adopting::step::disk && durable_.formed == a.what.record.view) {
        a.at = phase::adopting::step::role;
        role r = a.what.record.primary.slot == cfg_.self ? role::primary : role::backup;
        ask(cmd_enter{a.what.record, r});
    }
}

void core::impl::adoption_failed(const std::string &why) {
    proposal_failed("START could not be followed: " + why);
}

void core::impl::tick_adopting() {
    auto &a = as<phase::adopting>();
    if (now_ >= a.deadline) {
        command_.reset();
        adoption_failed("the records it lacks did not come");
        return;
    }
    if (command_ || now_ < a.next_ask) {
        return;
    }
    a.next_ask = now_ + cfg_.times.retry;
    if (a.at == phase::adopting::step::log) {
        ask_adopt();
    } else if (a.at == phase::adopting::step::role) {
        role r = a.what.record.primary.slot == cfg_.self ? role::primary : role::backup;
        ask(cmd_enter{a.what.record, r});
    }
}

void core::impl::entered() {
    auto a = as<phase::adopting>();
    const view_record &r = a.what.record;
    ++counts_.views_entered;
    left_why_.clear();
    next_try_ = now_;
    bool first = r.primary.slot == cfg_.self;
    slot_t other = first ? r.backup.slot : r.primary.slot;
    set_link(link_wanted{other, r.view, first});
    if (first) {
        phase::primary p;
        p.record = r;
        p.entered = p.next_ask = now_;
        p.serve_by = now_ + cfg_.times.start_limit;
        p.started = cfg_.broken == broken_rule::serve_before_started;
        set_phase(std::move(p));
        tick_primary();
    } else {
        set_phase(phase::backup{r, now_, now_, now_, false});
        if (switchover_ && switchover_->leaves) {
            set_phase(phase::leaving{});
        }
        give_up_service(fmt::format("{} is primary of view {}", who(other).name, r.view.value()));
        if (in<phase::backup>()) {
            tick_backup();
        }
    }
    beat();
}

/* ---- V8: STARTED, serving ---- */

void core::impl::hear(const message_header &h, const started &s) {
    if (!in<phase::primary>()) {
        ++counts_.lower_view;
        return;
    }
    const auto &p = as<phase::primary>();
    if (h.view != p.record.view || h.sender != p.record.backup.slot ||
        h.inc != p.record.backup.inc || s.primary_inc != disk_.inc) {
        ++counts_.lower_view;
        return;
    }
    heard_started();
    beat(h.sender); /* "heard": the backup may stop repeating it */
}

void core::impl::heard_started() {
    auto &p = as<phase::primary>();
    if (p.started) {
        return;
    }
    p.started = true;
    p.next_ask = now_;
    tick_primary();
}

void core::impl::serve_done(const command_done &done) {
    auto &p = as<phase::primary>();
    if (done.ok) {
        now_serving();
        return;
    }
    p.next_ask = now_ + cfg_.times.retry;
    last_failure_ = done.text;
}

void core::impl::now_serving() {
    auto &p = as<phase::primary>();
    if (p.serving) {
        return;
    }
    p.started = p.serving = true;
    p.leased = now_;
    avoid_backup_.reset();
    last_failure_.clear();
    service_on_ = true;
    out_.service.emplace_back(service_serve{p.record.view});
    out_.status_changed = true;
    note_line(note::level::info, fmt::format("serves in view {}", p.record.view.value()));
    beat();
}

/* The backup of the own view is alive and still takes over what it lacks. */
bool core::impl::backup_adopts() const {
    const auto &p = as<phase::primary>();
    const auto &b = peers_[p.record.backup.slot.value()];
    return fresh(p.record.backup.slot, now_) && b.formed < p.record.view &&
           now_ - p.entered < cfg_.times.give_up_adopt;
}

void core::impl::tick_primary() {
    auto &p = as<phase::primary>();
    if (p.serving && now_ - p.entered >= cfg_.times.wait_reset) {
        wait_ = cfg_.times.wait;
    }
    if (!p.serving) {
        if (p.started && !command_ && now_ >= p.next_ask) {
            ask(cmd_serve{p.record.view});
        }
        if (now_ >= p.serve_by && !backup_adopts() && now_ >= next_try_ && can_hope()) {
            /*
             * It agreed and yet the link does not carry: the witness next time. Where it does,
             * what lacks is this member's own, and no reason to leave the other one outside.
             */
            if (who(p.record.backup.slot).is_data() &&
                now_ - p.partner_heard >= cfg_.times.detect) {
                avoid_backup_ = p.record.backup.slot;
            }
            next_try_ = now_ + own_wait();
            propose(false, {});
        }
    } else if (silent_) {
        const bool heard = now_ - p.partner_heard < cfg_.times.detect;
        partner_lost(partner_left_         ? "its backup has left the view"
                     : heard && unleased() ? "its backup promises nothing any more"
                                           : "its backup is silent");
    }
}

void core::impl::tick_backup() {
    auto &b = as<phase::backup>();
    if (now_ - b.entered >= cfg_.times.wait_reset) {
        wait_ = cfg_.times.wait;
    }
    if (!b.heard && now_ >= b.next_started) {
        b.next_started = now_ + cfg_.times.retry;
        send(b.record.primary.slot, b.record.view, started{b.record.primary.inc});
    }
    if (silent_) {
        partner_lost(partner_left_ ? "its primary has left the view" : "its primary is silent");
    }
}

const view_record *core::impl::current_record() const {
    if (in<phase::primary>()) {
        return &as<phase::primary>().record;
    }
    if (in<phase::backup>()) {
        return &as<phase::backup>().record;
    }
    return nullptr;
}

/* V1: involuntary, when the partner was silent for T_detect on the record link. */
void core::impl::partner_lost(const std::string &why) {
    last_failure_ = why;
    if (now_ < next_try_ || fence_ || !may_propose() || !can_hope()) {
        return;
    }
    next_try_ = now_ + cfg_.times.retry;
    if (propose(false, {})) {
        const view_record &r = *current_record();
        excluded(r.primary.slot == cfg_.self ? r.backup.slot : r.primary.slot);
    }
}

/* ---- facts ---- */

void core::impl::on_fact(const watermarks &fact) {
    if (in<phase::starting>()) {
        return;
    }
    if (fact.report.inc != disk_.inc) {
        if (fact.report.inc > disk_.inc) {
            become_failed("the replica has a life this harpd knows nothing of",
                          "is another harpd running for this group?");
        }
        return;
    }
    bool was_copying = report_.needs_copy;
    take_report(fact.report);
    seen_ = std::max(seen_, fact.report.fence);
    if (fact.report.needs_copy && !was_copying) {
        on_fact(media_failure{"the lower file system is not to be trusted"});
        return;
    }
    const view_record *r = current_record();
    if (!r) {
        fed();
        return;
    }
    if (fact.report.fence > r->view) {
        /* With a fence under way its answer says what this is; else nobody here has asked. */
        if (!fence_) {
            left_by_itself(fmt::format("its replica has left view {} by itself, see the kernel's "
                                       "log",
                                       r->view.value()));
        }
        return;
    }
    bool primary = in<phase::primary>();
    if (primary && fact.acked >= r->index()) {
        heard_started();
    }
    if (primary && fact.report.serving) {
        now_serving();
    }
    if (fact.report.current_role == role::none) {
        return; /* taken before the role was; the next one says more */
    }
    slot_t other = primary ? r->backup.slot : r->primary.slot;
    time_point_t entered = primary ? as<phase::primary>().entered : as<phase::backup>().entered;
    const auto &p = peers_[other.value()];
    /* A promise or lease that has run out tells no time any more. */
    time_point_t &told = primary ? as<phase::primary>().partner_heard
                                 : as<phase::backup>().partner_heard;
    told = fact.partner_heard.value_or(told);
    time_point_t heard = std::max(entered, told);
    bool still_adopting = p.formed < r->view && fresh(other, now_) &&
                          now_ - entered < cfg_.times.give_up_adopt;
    if (primary && (fact.report.lease_held || !fact.report.serving)) {
        as<phase::primary>().leased = now_;
    }
    bool leaving = p.status.leaving && fresh(other, now_);
    bool was_silent = silent_;
    bool gone = leaving || partner_left_ || (primary && fact.partner_no_control) ||
                now_ - heard >= cfg_.times.detect ||
                (primary ? unleased() : unpromised(fact.report));
    silent_ = !still_adopting && gone;
    if (silent_ != was_silent) {
        out_.status_changed = true;
    }
    primary ? tick_primary() : tick_backup();
}

/*
 * A primary that beats but hears nothing (finding 11), or that never comes to serve, is
 * given no promise any more (L2). It can hold no lease: that is as good as silence.
 */
bool core::impl::unpromised(const object_report &report) {
    auto &b = as<phase::backup>();
    if (report.promise_left > duration_t::zero()) {
        b.promised = now_;
    }
    return now_ - b.promised >= cfg_.times.detect &&
           now_ - b.entered >= 2 * b.record.promise + cfg_.times.detect;
}

/*
 * L2, the other side: a backup that has heard of no promise for so long gives none any more. The
 * witness never proposes; a data member does, unless it may not, and is left the time for it.
 */
bool core::impl::unleased() const {
    const auto &p = as<phase::primary>();
    const duration_t patience = (who(p.record.backup.slot).is_data() ? 4 : 2) * p.record.promise;
    return p.serving && now_ - p.leased >= patience;
}

void core::impl::on_fact(const lease_changed &fact) {
    if (in<phase::primary>() && as<phase::primary>().record.view == fact.view) {
        report_.lease_held = fact.held;
        out_.status_changed = true;
        if (fact.held && as<phase::primary>().started && !as<phase::primary>().serving) {
            as<phase::primary>().next_ask = now_;
            tick_primary();
        }
    }
}

void core::impl::on_fact(const link_changed &fact) {
    note_line(fact.up ? note::level::info : note::level::warning,
              fmt::format("record link with {} is {}{}{}", who(fact.peer).name,
                          fact.up ? "up" : "down", fact.text.empty() ? "" : ": ", fact.text));
    out_.status_changed = true;
}

void core::impl::on_fact(const higher_view &fact) {
    seen_ = std::max(seen_, fact.view);
}

void core::impl::on_fact(const started_seen &fact) {
    if (in<phase::primary>() && as<phase::primary>().record.view == fact.view &&
        as<phase::primary>().record.backup.inc == fact.backup_inc) {
        heard_started();
    }
}

/* G2: its harpd is wedged or dead; it could not take over. Treated as silent. */
void core::impl::on_fact(const struct partner_no_control &fact) {
    if (in<phase::primary>() && as<phase::primary>().record.view == fact.view &&
        as<phase::primary>().serving) {
        silent_ = true;
        partner_lost("harpd of its backup is silent");
    }
}

/* L4: it promises and acknowledges nothing more; no reason to wait for its silence. */
void core::impl::on_fact(const struct partner_left &fact) {
    const view_record *r = current_record();
    if (!r || r->view != fact.view || partner_left_) {
        return;
    }
    partner_left_ = silent_ = true;
    out_.status_changed = true;
    if (in<phase::primary>()) {
        as<phase::primary>().serve_by = now_;
        tick_primary();
    } else {
        tick_backup();
    }
}

/* N6: the object has fenced itself and told LEAVE. */
void core::impl::on_fact(const media_failure &fact) {
    report_.needs_copy = true;
    std::string why = "media failure: " + fact.text;
    if (why != left_why_) { /* a poll may have told it before, in fewer words */
        left_by_itself(std::move(why));
    }
}

/* The kernel's gate is shut and the partner told; harpd's half of giving up remains. */
void core::impl::left_by_itself(std::string why) {
    note_line(note::level::error, why);
    left_why_ = std::move(why);
    out_.status_changed = true;
    if (current_record()) {
        leave_view();
    }
    give_up_service(left_why_);
}

void core::impl::leave_view() {
    command_.reset();
    set_link(std::nullopt);
    next_try_ = now_ + cfg_.times.retry;
    set_phase(phase::outside{});
}

/* Others serve in a later view: this one is over, and its kernel can be fed (C1). */
void core::impl::deposed(slot_t by, view_t view) {
    if (const view_record *r = current_record()) {
        ask_kernel(cmd_leave{r->view});
        leave_view();
    }
    give_up_service(fmt::format("{} serves in view {}", who(by).name, view.value()));
}

void core::impl::set_link(std::optional<link_wanted> wanted) {
    if (link_ && *link_ == wanted) {
        return;
    }
    link_ = wanted;
    out_.link = wanted;
}

void core::impl::give_up_service(const std::string &why) {
    if (service_on_) {
        service_on_ = false;
        out_.service.emplace_back(service_give_up{why});
    }
}

void core::impl::hear(const message_header &h, const status_beat &s) {
    auto &p = peers_[h.sender.value()];
    p.formed = h.view;
    p.status = s;
    if (s.wants_answer) {
        beat(h.sender, true);
    }
    if (in<phase::backup>()) {
        auto &b = as<phase::backup>();
        if (h.sender == b.record.primary.slot && h.view == b.record.view &&
            (s.serving || s.started_heard)) {
            b.heard = true;
        }
    }
    const view_record *r = current_record();
    view_t mine = r ? r->view : disk_.formed;
    bool settled = r || in<phase::outside>();
    if (settled && s.live_primary && *s.live_primary != cfg_.self && s.live_view > mine &&
        !fence_) {
        deposed(*s.live_primary, s.live_view);
    }
}

} // namespace harp::vsr
