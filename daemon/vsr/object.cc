/* SPDX-License-Identifier: GPL-2.0 */
#include "vsr/object.hh"

#include <algorithm>
#include <cassert>
#include <cerrno>

namespace harp::vsr {

object::object(object_config cfg, log_store &store) : cfg_(std::move(cfg)), store_(store) {}

std::vector<kernel_event> object::take_events() {
    return std::exchange(events_, {});
}

void object::done(time_point_t now, token_t token) {
    command_done answer;
    answer.token = token;
    answer.ok = true;
    answer.report = report(now);
    events_.emplace_back(std::move(answer));
}

void object::refuse(time_point_t now, token_t token, refusal why, std::string text,
                    duration_t left) {
    command_done answer;
    answer.token = token;
    answer.why = why;
    answer.time_left = left;
    answer.text = std::move(text);
    answer.report = report(now);
    events_.emplace_back(std::move(answer));
}

void object::execute(time_point_t now, const kernel_command &command) {
    std::visit([&](const auto &body) { run(now, command.token, body); }, command.body);
}

/* Protocol, "Region header": intact. W's tail counts after a boot only if it was on disk. */
bool object::judge_intact(const log_found &found, const cmd_attach &cmd) const {
    if (!found.valid || found.header.formed < cmd.formed) {
        return false;
    }
    if (!found.header.complete && cfg_.broken != broken_rule::fresh_region_complete) {
        return false;
    }
    if (found.walked.top < found.header.wm && cfg_.broken != broken_rule::no_watermark) {
        return false;
    }
    bool sealed = cmd.seal && cmd.seal->formed == cmd.formed && found.header.formed == cmd.formed &&
                  found.walked.top >= cmd.seal->top;
    bool on_disk = !found.header.unsynced && found.fsynced >= found.header.wm;
    return found.same_boot || sealed || on_disk ||
           cfg_.broken == broken_rule::witness_tail_after_boot;
}

void object::run(time_point_t now, token_t token, const cmd_attach &cmd) {
    if (inc_ == cmd.inc) {
        return done(now, token);
    }
    if (inc_ > cmd.inc) {
        return refuse(now, token, refusal::failed, "a later incarnation is attached");
    }
    log_found found = store_.inspect();
    if (cmd.seal && cmd.seal->formed == cmd.formed && !judge_intact(found, cmd)) {
        if (auto sealed = store_.unseal(*cmd.seal)) {
            found = std::move(*sealed);
        }
    }
    if (!found.valid) {
        /* S3: nothing is known of what was here. */
        found.header = {};
        found.header.base = lb_ + 1;
        found.header.wm = lb_;
        found.walked = {found.header.base, {}, lb_, {}};
        found.header.complete = cfg_.broken == broken_rule::fresh_region_complete;
        found.header.formed = cfg_.broken == broken_rule::fresh_region_complete ? cmd.formed
                                                                                : view_t();
        found.valid = true;
        if (auto r = store_.restart_at(found.header.base, {}); !r) {
            return refuse(now, token, refusal::failed, r.error().text);
        }
    }
    intact_ = judge_intact(found, cmd);
    header_ = found.header;
    log_ = found.walked;
    if (!intact_) {
        /* Finding 2: a second restart must not launder what this one found missing. */
        header_.complete = false;
    }
    header_.wm = std::min(header_.wm, log_.top);
    if (auto r = store_.store_header(header_); !r) {
        return refuse(now, token, refusal::failed, r.error().text);
    }
    inc_ = cmd.inc;
    fence_ = std::max(fence_, cmd.fence);
    hold_until_ = now + cmd.hold;
    touched_ = now;
    accepted_ = log_;
    accepted_top_ = log_.top;
    done(now, token);
}

std::optional<refusal> object::fence_refused(time_point_t now, const cmd_fence &cmd,
                                             duration_t &left) const {
    if (cfg_.broken == broken_rule::check_then_fence) {
        return std::nullopt; /* the asker has looked before */
    }
    if (now < hold_until_) {
        left = hold_until_ - now;
        return refusal::hold;
    }
    if (now < promise_until_ && cmd.by != beneficiary_ &&
        cfg_.broken != broken_rule::promise_ignored) {
        left = promise_until_ - now;
        return refusal::promise;
    }
    if (active() && role_ == role::primary && lease_valid(now) && cmd.by != cfg_.self) {
        left = lease_until_ - now;
        return refusal::lease;
    }
    return std::nullopt;
}

/* L4, the one atomic step (finding 9). */
void object::run(time_point_t now, token_t token, const cmd_fence &cmd) {
    if (!inc_) {
        return refuse(now, token, refusal::failed, "no incarnation attached");
    }
    if (cmd.view < fence_ || cmd.view <= header_.formed) {
        return refuse(now, token, refusal::fenced, "fenced at a higher view");
    }
    duration_t left{};
    if (auto why = fence_refused(now, cmd, left)) {
        return refuse(now, token, *why, "a promise, lease or hold runs", left);
    }
    if (adopting_) {
        refuse(now, adopting_->token, refusal::fenced, "fenced while adopting");
        adopting_.reset();
    }
    fence_ = cmd.view;
    fed_ = view_t();
    /* It proposes, so its own object is fenced: it serves no older view any more. */
    promise_until_ = std::min(promise_until_, now);
    lease_until_ = std::min(lease_until_, now);
    serving_ = false;
    owed_.reset();
    done(now, token);
}

result<void> object::store_header() {
    header_.base = log_.base;
    header_.anchor_view = log_.anchor_view;
    return store_.store_header(header_);
}

/* The witness's LB is its file's (D2): it goes back with the file. */
void object::forget_synced() {
    if (is_witness()) {
        lb_ = std::min(lb_, log_.top);
    }
}

/* V6: lower wm, cut after the match point; or start afresh where nothing matches. */
result<void> object::prepare_log(const cmd_adopt &cmd) {
    bool connected = cmd.keep_from <= cmd.match.index + 1 &&
                     view_at(log_, cmd.match.index) == cmd.match.view;
    if (connected) {
        header_.wm = std::min(header_.wm, cmd.match.index);
        if (auto r = store_header(); !r) {
            return r;
        }
        if (auto r = store_.cut_after(cmd.match.index); !r) {
            return r;
        }
        log_ = cut_summary(log_, cmd.match.index);
        forget_synced();
        return {};
    }
    auto anchor = view_at(cmd.what.reach, cmd.keep_from - 1);
    if (!anchor) {
        return fail(EPROTO, "the match list does not reach down to the base wanted");
    }
    /* Not whole until START is adopted: complete = 0 before anything is dropped. */
    intact_ = false;
    header_.complete = false;
    header_.wm = cmd.keep_from - 1;
    log_ = {cmd.keep_from, *anchor, cmd.keep_from - 1, {}};
    forget_synced();
    if (auto r = store_header(); !r) {
        return r;
    }
    return store_.restart_at(log_.base, {log_.anchor_view});
}

/* What the VIEW record follows: a log that begins after record s is told that one's checksum. */
result<void> object::chain_to_s(const start &what) {
    const index_t s = what.record.s;
    if (!s || log_.top != s) {
        return {};
    }
    const uint32_t own = store_.top_crc();
    if (own == 0 && log_.empty() && what.crc_of_s != 0) {
        return store_.restart_at(log_.base, {log_.anchor_view, what.crc_of_s});
    }
    if (own == 0) {
        return fail(EPROTO,
                    "START does not tell the checksum of record " + std::to_string(s.value()));
    }
    if (what.crc_of_s != 0 && what.crc_of_s != own) {
        return fail(EPROTO,
                    "record " + std::to_string(s.value()) + " here is not the one START names");
    }
    return {};
}

void object::run(time_point_t now, token_t token, const cmd_adopt &cmd) {
    const view_record &record = cmd.what.record;
    if (header_.formed == record.view && header_.view == record) {
        return done(now, token);
    }
    if (adopting_ && adopting_->what.what.record == record) {
        adopting_->token = token; /* asked again: the first asking is forgotten */
        return;
    }
    if (record.view < fence_ || record.view <= header_.formed) {
        return refuse(now, token, refusal::fenced, "fenced at a higher view");
    }
    if (accepted_top_ != log_.top) {
        return refuse(now, token, refusal::retry, "records are being written");
    }
    const member_life &me = record.primary.slot == cfg_.self ? record.primary : record.backup;
    if (me.slot != cfg_.self || me.inc != inc_) {
        return refuse(now, token, refusal::failed, "the VIEW record names another incarnation");
    }
    if (cmd.what.donor == cfg_.self && cmd.match.index != record.s) {
        /* The asker looked at an older state of this log, which is the one chosen. */
        return refuse(now, token, refusal::retry, "the chosen log is this one, and is longer");
    }
    /* Finding 24: an applied record is never rolled back. */
    if (!is_witness() && (ap_ > record.s || ap_ > std::max(cmd.match.index, lb_))) {
        return refuse(now, token, refusal::failed, "applied records are not in the chosen log");
    }
    if (!is_witness() && cmd.match.index > std::max(log_.top, lb_)) {
        return refuse(now, token, refusal::failed, "the log has changed since it was looked at");
    }
    if (auto r = prepare_log(cmd); !r) {
        return refuse(now, token, refusal::failed, r.error().text);
    }
    if (auto r = chain_to_s(cmd.what); !r) {
        return refuse(now, token, refusal::failed, r.error().text);
    }
    fence_ = record.view;
    fed_ = view_t();
    serving_ = false;
    accepted_ = log_;
    accepted_top_ = log_.top;
    adopting_ = adoption{token, cmd};
    if (log_.top == record.s) {
        finish_adoption(now);
    }
}

void object::finish_adoption(time_point_t now) {
    assert(adopting_ && log_.top == adopting_->what.what.record.s);
    const token_t token = adopting_->token;
    const view_record record = adopting_->what.what.record;
    adopting_.reset();
    if (auto r = store_.append_view(record); !r) {
        return refuse(now, token, refusal::failed, r.error().text);
    }
    extend_summary(log_, record.view, record.index(), record.index());
    accepted_ = log_;
    accepted_top_ = log_.top;
    header_.formed = record.view;
    header_.view = record;
    header_.complete = true;
    header_.wm = record.index();
    if (auto r = store_header(); !r) {
        return refuse(now, token, refusal::failed, r.error().text);
    }
    intact_ = true;
    done(now, token);
}

void object::run(time_point_t now, token_t token, const cmd_enter &cmd) {
    const view_record &record = cmd.record;
    if (record.view < fence_ || header_.formed != record.view) {
        return refuse(now, token, refusal::fenced, "not the view of this log");
    }
    if (active() && view_.view == record.view && role_ == cmd.as) {
        return done(now, token);
    }
    if (is_witness() && cmd.as == role::backup) {
        header_.unsynced = true;
        if (auto r = store_header(); !r) {
            return refuse(now, token, refusal::failed, r.error().text);
        }
    }
    view_ = record;
    role_ = cmd.as;
    began_ = now;
    served_ = now;
    given_.clear();
    promise_no_ = 0;
    heard_ = 0;
    acked_ = index_t();
    next_send_ = index_t();
    started_ = serving_ = lease_told_ = partner_no_control_ = false;
    partner_lb_ = index_t();
    lease_until_ = confirmed_ = time_point_t();
    partner_heard_ = now;
    applies_to_ = ap_;
    done(now, token);
}

void object::run(time_point_t now, token_t token, const cmd_serve &cmd) {
    if (!active() || role_ != role::primary || view_.view != cmd.view) {
        return refuse(now, token, refusal::fenced, "not the primary of that view");
    }
    /* The core has STARTED: the backup holds the log up to s + 1 on its own header. */
    acked_ = std::max(acked_, view_.index());
    started_ = true;
    cp_ = std::max(cp_, view_.index());
    header_.wm = std::max(header_.wm, view_.index());
    (void)store_header();
    apply_to(cp_);
    if (ap_ < view_.s) {
        return refuse(now, token, refusal::retry, "applies what was committed before");
    }
    if (!lease_valid(now) && cfg_.broken != broken_rule::serve_before_started) {
        return refuse(now, token, refusal::retry, "no lease from the backup yet");
    }
    if (cfg_.broken == broken_rule::serve_before_started) {
        lease_until_ = std::max(lease_until_, now + view_.promise * HARP_LEASE_PCT / 100);
    }
    serving_ = true;
    done(now, token);
}

void object::run(time_point_t now, token_t token, const cmd_leave &cmd) {
    if (view_.view == cmd.view && active()) {
        fence_ = std::max(fence_, cmd.view + 1);
        serving_ = false;
        lease_until_ = std::min(lease_until_, now);
    }
    done(now, token);
}

void object::run(time_point_t now, token_t token, const cmd_seal &cmd) {
    if (!inc_) {
        return refuse(now, token, refusal::failed, "no incarnation attached");
    }
    if (adopting_) {
        refuse(now, adopting_->token, refusal::fenced, "fenced while adopting");
        adopting_.reset();
    }
    fence_ = std::max({fence_, cmd.above, view_.view + 1});
    fed_ = view_t();
    serving_ = false;
    lease_until_ = std::min(lease_until_, now);
    owed_.reset();
    done(now, token);
}

void object::tick(time_point_t now) {
    if (!active() || role_ != role::primary) {
        return;
    }
    bool held = lease_valid(now);
    if (held != lease_told_) {
        lease_told_ = held;
        events_.emplace_back(lease_changed{view_.view, held});
    }
}

object_report object::report(time_point_t now) const {
    object_report out;
    out.inc = inc_;
    out.fence = fence_;
    out.current_role = current_role();
    out.view = active() ? view_.view : view_t();
    out.fed = fed_;
    out.serving = serving();
    out.lease_held = active() && role_ == role::primary && lease_valid(now);
    out.promise_left = std::max(duration_t::zero(), promise_until_ - now);
    out.hold_left = std::max(duration_t::zero(), hold_until_ - now);
    out.formed = header_.formed;
    /* A region does not keep it: it is read from the log (knl/kernel.cc). */
    if (is_witness() || (header_.view && header_.view->index() >= log_.base)) {
        out.view_of_formed = header_.view;
    }
    out.complete = header_.complete;
    out.intact = intact_;
    out.log = log_;
    /* While records are being written the store is ahead of the log. */
    out.top_crc = accepted_top_ == log_.top ? store_.top_crc() : 0;
    out.wm = header_.wm;
    out.cp = cp_;
    out.ap = ap_;
    out.lb = lb_;
    out.needs_copy = needs_copy_;
    out.gate_bound = role_ == role::primary;
    out.free_bytes = free_bytes_;
    out.free_inodes = free_inodes_;
    return out;
}

watermarks object::marks(time_point_t now) const {
    watermarks out;
    out.report = report(now);
    if (active()) {
        out.partner_heard = partner_heard_;
        out.acked = acked_;
        out.partner_no_control = partner_no_control_;
    }
    return out;
}

/* ---- the backup's half ---- */

result<void> object::check_records(const link_records &rec) const {
    index_t first = rec.prev.index + 1;
    if (rec.last < rec.prev.index) {
        return fail(EPROTO, "records end before they begin");
    }
    if ((rec.last == rec.prev.index) != rec.starts.empty()) {
        return fail(EPROTO, "records and their views do not fit");
    }
    view_t view = rec.prev.view;
    for (const auto &s : rec.starts) {
        bool is_first = &s == &rec.starts.front();
        if (is_first ? s.first != first || s.view < view : s.first <= first || s.view <= view) {
            return fail(EPROTO, "records' views do not ascend");
        }
        if (s.first > rec.last) {
            return fail(EPROTO, "records' views go beyond them");
        }
        first = s.first;
        view = s.view;
    }
    if (view > rec.view) {
        return fail(EPROTO, "records of a later view than the sender's");
    }
    return {};
}

static void extend_by(log_summary &log, const std::vector<view_start> &starts, index_t last) {
    for (size_t i = 0; i < starts.size(); ++i) {
        index_t first = std::max(starts[i].first, log.top + 1);
        index_t end = i + 1 < starts.size() ? starts[i + 1].first - 1 : last;
        end = std::min(end, last);
        if (first <= end) {
            extend_summary(log, starts[i].view, first, end);
        }
    }
}

result<accepted> object::accept_fill(time_point_t, slot_t from, position prev, index_t last,
                                     const std::vector<view_start> &starts) {
    if (!adopting_) {
        return fail(EPERM, "not adopting a view");
    }
    const start &what = adopting_->what.what;
    bool known = std::any_of(what.sources.begin(), what.sources.end(),
                             [&](const log_source &s) { return s.member == from; });
    if (!known && from != what.record.primary.slot) {
        return fail(EPERM, "not a source of this START");
    }
    link_records shape;
    shape.view = what.record.view;
    shape.prev = prev;
    shape.last = last;
    shape.starts = starts;
    if (auto r = check_records(shape); !r) {
        return r.error();
    }
    if (prev.index != accepted_top_ || view_at(accepted_, prev.index) != prev.view) {
        return fail(EAGAIN, "records do not follow the log's top");
    }
    /* The VIEW record itself came in START; it is appended here when s is reached. */
    last = std::min(last, what.record.s);
    index_t first = accepted_top_ + 1;
    for (const auto &s : starts) {
        if (s.first <= last && view_at(what.reach, s.first) != s.view) {
            return fail(EPROTO, "records are not those START promised");
        }
    }
    extend_by(accepted_, starts, last);
    accepted_top_ = std::max(accepted_top_, last);
    return accepted{first, last, std::nullopt};
}

/* As kmod/feed.c: the log of the last view stays what it was where nothing of it goes. */
result<void> object::feed(view_t view, position match) {
    if (active() || adopting_ || accepted_top_ != log_.top || view <= header_.formed) {
        return fail(EBUSY, "in a view, or records are being written");
    }
    /* It ends below what is on the disk, or begins there and does not know what was before (S3). */
    const bool unanchored = lb_ && log_.base == lb_ + 1 && !log_.anchor_view;
    const bool restarts = match.index == lb_ && lb_ == ap_ && (lb_ > log_.top || unanchored);
    if (!restarts && (view_at(log_, match.index) != match.view || match.index < ap_)) {
        return fail(EINVAL, "would cut what is applied");
    }
    if (match.index != log_.top) {
        intact_ = false;
        header_.complete = false;
        header_.wm = std::min(header_.wm, match.index);
        if (auto r = store_header(); !r) {
            return r;
        }
    }
    if (restarts) {
        /* FEED does not say what record @match is: only START does, when it is the log's end. */
        log_ = {match.index + 1, view_t(), match.index, {}};
        if (auto r = store_.restart_at(log_.base, {}); !r) {
            return r;
        }
    } else {
        if (auto r = store_.cut_after(match.index); !r) {
            return r;
        }
        log_ = cut_summary(log_, match.index);
    }
    accepted_ = log_;
    accepted_top_ = log_.top;
    applies_to_ = ap_;
    fed_ = view;
    return {};
}

result<accepted> object::accept_feed(view_t view, position prev, index_t last,
                                     const std::vector<view_start> &starts, index_t cp,
                                     index_t ap) {
    if (!fed_ || view != fed_) {
        return fail(ESTALE, "not fed this view");
    }
    link_records shape;
    shape.view = view;
    shape.prev = prev;
    shape.last = last;
    shape.starts = starts;
    if (auto r = check_records(shape); !r) {
        return r.error();
    }
    if (last > cp) {
        return fail(EPROTO, "a record that is not committed, to a member in no view");
    }
    if (prev.index != accepted_top_ || view_at(accepted_, prev.index) != prev.view) {
        return fail(EAGAIN, "records do not follow the log's top");
    }
    accepted out{accepted_top_ + 1, last, std::nullopt};
    extend_by(accepted_, starts, last);
    accepted_top_ = last;
    apply_to(std::min({cp, ap, log_.top}));
    return out;
}

/* N4 of a data member in a view, as backup. */
index_t object::told(const link_records &rec) const {
    const index_t both = std::min(rec.cp, log_.top);
    return cfg_.broken == broken_rule::apply_beyond_told ? both : std::min(both, rec.ap);
}

void object::apply_to(index_t upto) {
    applies_to_ = std::max(applies_to_, upto);
    if (!cfg_.applies_later) {
        applied(applies_to_);
    }
}

void object::applied(index_t upto) {
    ap_ = std::max(ap_, std::min(upto, applies_to_));
}

std::optional<log_source> object::wants() const {
    if (!adopting_ || accepted_top_ != log_.top) {
        return std::nullopt;
    }
    const start &what = adopting_->what.what;
    index_t first = log_.top + 1;
    for (const auto &source : what.sources) {
        if (source.first <= first && first <= source.last && source.member != cfg_.self) {
            return log_source{source.member, first, std::min(source.last, what.record.s)};
        }
    }
    return std::nullopt;
}

bool object::promise_due(time_point_t now, const link_records &rec) {
    const duration_t twice = 2 * view_.promise;
    while (!given_.empty() && now - given_.front().at >= twice) {
        given_.pop_front();
    }
    if (rec.serving) {
        served_ = now;
    }
    bool young = now - began_ < twice;
    bool hears = young || cfg_.broken == broken_rule::renew_to_deaf ||
                 std::any_of(given_.begin(), given_.end(),
                             [&](const given &g) { return g.number == rec.heard; });
    bool serves = now - served_ < twice;
    return hears && serves;
}

link_ack object::make_ack(time_point_t now, const link_records &rec) {
    link_ack ack;
    ack.sender = cfg_.self;
    ack.inc = inc_;
    ack.view = view_.view;
    ack.n = log_.top;
    ack.t = rec.t;
    /* The file's sync runs beside: it may have covered what is not acked yet. */
    ack.lb = std::min(lb_, log_.top);
    ack.ap = ap_;
    ack.free_bytes = free_bytes_;
    ack.free_inodes = free_inodes_;
    ack.no_control = now - touched_ >= cfg_.touch_limit;
    return ack;
}

result<accepted> object::accept(time_point_t now, const link_records &rec) {
    if (adopting_ && rec.view == adopting_->what.what.record.view) {
        const auto &primary = adopting_->what.what.record.primary;
        if (rec.sender != primary.slot || rec.inc != primary.inc) {
            return fail(ESTALE, "records of another incarnation");
        }
        return accept_fill(now, rec.sender, rec.prev, rec.last, rec.starts);
    }
    if (rec.view > std::max(view_.view, fence_)) {
        events_.emplace_back(higher_view{rec.view, rec.sender});
        return fail(EPERM, "records of a higher view");
    }
    if (!active() || role_ != role::backup || rec.view != view_.view) {
        return fail(ESTALE, "records of a view this member is not the backup of");
    }
    if (rec.sender != view_.primary.slot || rec.inc != view_.primary.inc) {
        return fail(ESTALE, "records of another incarnation");
    }
    if (auto r = check_records(rec); !r) {
        return r.error();
    }
    if (rec.prev.index != accepted_top_ || view_at(accepted_, rec.prev.index) != rec.prev.view) {
        return fail(EAGAIN, "records do not follow the log's top");
    }
    partner_heard_ = now;
    partner_lb_ = std::max(partner_lb_, rec.lb);
    cp_ = std::max(cp_, std::min(rec.cp, log_.top));
    if (!is_witness()) {
        apply_to(told(rec));
    }
    bool give = promise_due(now, rec);
    link_ack ack = make_ack(now, rec);
    if (give) {
        if (given_.empty() || now - given_.back().at >= view_.promise / 16) {
            given_.push_back({++promise_no_, now});
        }
        ack.promise = given_.back().number;
        promise_until_ = std::max(promise_until_, now + view_.promise);
        beneficiary_ = view_.primary.slot;
    }
    accepted out{accepted_top_ + 1, rec.last, ack};
    if (rec.last > accepted_top_) {
        extend_by(accepted_, rec.starts, rec.last);
        accepted_top_ = rec.last;
        owed_ = rec;
    }
    return out;
}

std::optional<link_ack> object::stored(time_point_t now, index_t last) {
    if (last <= log_.top || last > accepted_top_) {
        return std::nullopt;
    }
    log_ = cut_summary(accepted_, last);
    if (adopting_) {
        if (log_.top == adopting_->what.what.record.s) {
            finish_adoption(now);
        }
        return std::nullopt;
    }
    /* Fenced meanwhile: the file holds them, but nothing of the old view counts now. */
    if (!active() || role_ != role::backup || !owed_) {
        return std::nullopt;
    }
    header_.wm = std::max(header_.wm, last);
    if (auto r = store_header(); !r) {
        store_failed(r.error());
        return std::nullopt;
    }
    cp_ = std::max(cp_, std::min(owed_->cp, log_.top));
    if (!is_witness()) {
        apply_to(told(*owed_));
    }
    return make_ack(now, *owed_);
}

void object::store_failed(const failure &why) {
    accepted_ = log_;
    accepted_top_ = log_.top;
    owed_.reset();
    if (why.code != ENOSPC) {
        /* N6: out of the view, and no log for another one to begin with. */
        intact_ = false;
        header_.complete = false;
        if (active()) {
            fence_ = view_.view + 1;
        }
    }
    events_.emplace_back(media_failure{why.text});
}

void object::on_leave(slot_t sender, incarnation_t inc, view_t view) {
    const member_life &partner = role_ == role::primary ? view_.backup : view_.primary;
    if (active() && view_.view == view && partner == member_life{sender, inc}) {
        events_.emplace_back(partner_left{view});
    }
    if (view_.view == view && sender == beneficiary_ && view_.primary.slot == sender &&
        view_.primary.inc == inc) {
        promise_until_ = time_point_t();
        partner_heard_ = time_point_t();
    }
}

void object::set_lb(index_t lb) {
    if (is_witness()) {
        /* D2: what was fsynced and then cut, and written anew, is not durable. */
        lb_ = lb;
        if (header_.unsynced && !active() && lb_ >= log_.top) {
            header_.unsynced = false;
            if (auto r = store_header(); !r) {
                header_.unsynced = true; /* as it may be on disk */
                store_failed(r.error());
            }
        }
        return;
    }
    lb_ = std::max(lb_, lb);
    /* S2's LB note tells a new life of a data member where its lower stands. */
    ap_ = std::max(ap_, lb_);
}

void object::set_space(uint64_t bytes, uint64_t inodes) {
    free_bytes_ = bytes;
    free_inodes_ = inodes;
}

/* ---- the primary's half: the kernel's, modelled ---- */

bool object::lease_valid(time_point_t now) const noexcept {
    return now < lease_until_ ||
           (cfg_.broken == broken_rule::lease_never_ends && lease_until_ != time_point_t());
}

bool object::may_answer(time_point_t now) const {
    return serving() && role_ == role::primary && lease_valid(now);
}

result<position> object::append(time_point_t now) {
    if (!may_answer(now)) {
        return fail(EAGAIN, "not serving under a lease");
    }
    index_t at = log_.top + 1;
    extend_summary(log_, view_.view, at, at);
    accepted_ = log_;
    accepted_top_ = log_.top;
    return position{at, view_.view};
}

std::optional<link_records> object::make_records(time_point_t now) {
    if (!active() || role_ != role::primary || !next_send_ || now - touched_ >= cfg_.touch_limit) {
        return std::nullopt;
    }
    link_records rec;
    rec.sender = cfg_.self;
    rec.inc = inc_;
    rec.view = view_.view;
    auto prev_view = view_at(log_, next_send_ - 1);
    if (!prev_view) {
        return std::nullopt;
    }
    rec.prev = {next_send_ - 1, *prev_view};
    rec.last = log_.top;
    if (rec.last > rec.prev.index) {
        rec.starts = drop_below(log_, next_send_).starts;
    }
    rec.cp = cp_;
    rec.ap = ap_;
    rec.lb = lb_;
    rec.t = now;
    rec.heard = heard_;
    rec.serving = serving_;
    next_send_ = log_.top + 1;
    return rec;
}

void object::on_hello(slot_t sender, incarnation_t inc, index_t top) {
    if (!active() || role_ != role::primary || sender != view_.backup.slot ||
        inc != view_.backup.inc || top > log_.top || top + 1 < log_.base) {
        return;
    }
    next_send_ = top + 1;
}

void object::on_ack(time_point_t now, const link_ack &ack) {
    if (!active() || role_ != role::primary || ack.view != view_.view ||
        ack.sender != view_.backup.slot) {
        return;
    }
    if (ack.inc != view_.backup.inc && cfg_.broken != broken_rule::ack_of_old_incarnation) {
        return;
    }
    partner_heard_ = now;
    confirmed_ = std::max(confirmed_, ack.t);
    partner_lb_ = std::max(partner_lb_, ack.lb);
    partner_no_control_ = ack.no_control;
    acked_ = std::max(acked_, std::min(ack.n, log_.top));
    if (acked_ >= view_.index()) {
        header_.wm = std::max(header_.wm, acked_);
        (void)store_header(); /* wm reaches memory before anything counts as committed */
        cp_ = std::max(cp_, acked_);
        apply_to(cp_);
        if (!started_) {
            started_ = true;
            events_.emplace_back(started_seen{view_.view, ack.inc});
        }
    }
    if (ack.promise != 0) {
        heard_ = ack.promise;
        /* L3: from the question's send time, never from the answer's receipt (finding 7). */
        time_point_t from = cfg_.broken == broken_rule::lease_from_receipt ? now : ack.t;
        const int pct = cfg_.broken == broken_rule::no_lease_margin ? 100 : HARP_LEASE_PCT;
        lease_until_ = std::max(lease_until_, from + view_.promise * pct / 100);
    }
    tick(now);
}

bool object::may_discard(index_t upto) const {
    if (is_witness()) {
        return cfg_.broken == broken_rule::witness_drops_log && !active() && upto <= log_.top;
    }
    const index_t theirs = cfg_.broken == broken_rule::discard_own_lb ? lb_ : partner_lb_;
    return active() && upto <= std::min(lb_, theirs) && upto <= log_.top;
}

void object::discard(index_t upto) {
    if (may_discard(upto) && upto >= log_.base) {
        log_ = drop_below(log_, upto + 1);
        accepted_ = drop_below(accepted_, upto + 1);
        (void)store_header();
    }
}

} // namespace harp::vsr
