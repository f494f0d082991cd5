/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The replica object in user space: fence, promise, lease, hold and the log's
 * outline, with the rules S, N, L and V6 as far as they live in the object. The
 * witness runs it in harpd; the tests run it as the model of the kernel's, its
 * primary half included.
 *
 * Like the core it has no clock and does no I/O but through log_store, which it
 * calls synchronously, in the order that protocol finding 4 gives. It is not
 * thread safe: the owner holds one lock around it. A witness whose disk stalls
 * must not stall its promises (finding 18), so storing records is split: accept()
 * checks and may already promise, the owner writes in a thread of its own, and
 * stored() acknowledges.
 */
#pragma once

#include "vsr/kernel.hh"
#include "vsr/match.hh"

#include <deque>
#include <utility>

namespace harp::vsr {

/* The header of a log file or region, as far as rules look at it. */
struct log_header {
    view_t formed;
    std::optional<view_record> view; /* the VIEW record of formed */
    bool complete = false;
    index_t base{1};
    view_t anchor_view;
    index_t wm;
    /*
     * W, finding 18: set before the first ACK of a view, cleared when the view is over
     * and all is fsynced. A wm that was raised and not fsynced goes back with the power,
     * together with the records it stood for; this flag does not.
     */
    bool unsynced = false;

    bool operator==(const log_header &) const = default;
};

/* What opening a log found: the header, and the walk from base. */
struct log_found {
    bool valid = false; /* header valid; group, member and lineage ours */
    log_header header;
    log_summary walked;
    bool same_boot = true; /* memory is what the last life left; W: boot_id is ours */
    index_t fsynced;       /* W: everything up to here survives a power cut */
    std::string why;       /* what is wrong, for a person */
};

/*
 * The log itself. Each call returns when its effect survives the end of this
 * process. An error makes the object fail the command it serves.
 */
class log_store {
public:
    virtual ~log_store() = default;

    virtual log_found inspect() = 0;
    /* Where formed, complete or unsynced change: when it survives a power cut (fsync). */
    virtual result<void> store_header(const log_header &header) = 0;
    /* The end mark first (finding 5): a cut suffix must never be walked again. */
    virtual result<void> cut_after(index_t top) = 0;
    /* Drops everything; the next record is @base. The header says complete = 0 already. */
    virtual result<void> restart_at(index_t base, log_anchor anchor) = 0;
    virtual result<void> append_view(const view_record &record) = 0;
    /*
     * P1: the log as it was sealed, which was kept apart from it, takes its place. An error
     * has changed nothing.
     */
    virtual result<log_found> unseal(const seal_note &) {
        return fail(ENOENT, "nothing was sealed apart from the log itself");
    }
    /* Of the last record that was stored, or the anchor's; 0: not known. */
    virtual uint32_t top_crc() const = 0;
};

/* REC or BEAT, as decoded from struct harp_wire_hdr and harp_wire_rec. */
struct link_records {
    slot_t sender;
    incarnation_t inc;
    view_t view;
    position prev;
    index_t last;                   /* prev.index: a BEAT */
    std::vector<view_start> starts; /* of the records, first one included; empty: BEAT */
    index_t cp;
    index_t ap;
    index_t lb;
    time_point_t t{}; /* the sender's clock: only ever echoed */
    uint64_t heard = 0;
    bool serving = false;
};

struct link_ack {
    slot_t sender;
    incarnation_t inc;
    view_t view;
    index_t n;
    time_point_t t{};
    uint64_t promise = 0; /* 0: none */
    index_t lb;
    index_t ap;
    uint64_t free_bytes = 0;
    uint64_t free_inodes = 0;
    bool no_control = false;
};

/* accept() says what to write, if anything, and what to answer at once. */
struct accepted {
    index_t first; /* write first..last (a part of what came), then call stored(last) */
    index_t last;  /* below first: nothing to write */
    std::optional<link_ack> ack;
};

struct object_config {
    member_table members;
    slot_t self;
    duration_t touch_limit = std::chrono::milliseconds(HARP_TOUCH_LIMIT_MS); /* H */
    broken_rule broken = broken_rule::none;                                  /* tests only */
    /* Tests: what may be applied is when applied() says so, not at once. */
    bool applies_later = false;
};

class object {
public:
    object(object_config cfg, log_store &store);

    /* Answers (command_done) and facts come out of take_events(). */
    void execute(time_point_t now, const kernel_command &command);
    void tick(time_point_t now);
    void touch(time_point_t now) { touched_ = now; }
    std::vector<kernel_event> take_events();
    object_report report(time_point_t now) const;
    watermarks marks(time_point_t now) const;

    /* Backup's half (N2, L2), and filling up while adopting. EAGAIN: send HELLO again. */
    result<accepted> accept(time_point_t now, const link_records &rec);
    /* Records got by FETCH/RECS while adopting; same contract, no ACK. */
    result<accepted> accept_fill(time_point_t now, slot_t from, position prev, index_t last,
                                 const std::vector<view_start> &starts);
    /*
     * C1, a model of the kernel's FEED for tests: out of every view, take the committed
     * records of @view after @match; what differs goes first, and complete with it. Ended
     * by a fence and by adopting.
     */
    result<void> feed(view_t view, position match);
    /* What of it is new to the log, to be written and then stored(). */
    result<accepted> accept_feed(view_t view, position prev, index_t last,
                                 const std::vector<view_start> &starts, index_t cp, index_t ap);
    /* What is to be fetched next, while adopting and not whole. */
    std::optional<log_source> wants() const;
    const start *adopting() const { return adopting_ ? &adopting_->what.what : nullptr; }
    /* Records up to @last are in the file. ACK to be sent, if one is due. */
    std::optional<link_ack> stored(time_point_t now, index_t last);
    /*
     * The owner could not write what accept() gave it, or not sync what it wrote. A log
     * that is only full (ENOSPC) keeps what it has; else nothing of it is to be trusted.
     */
    void store_failed(const failure &why);
    void on_leave(slot_t sender, incarnation_t inc, view_t view);
    /* W: fsynced. Tests: the data member's LB note. */
    void set_lb(index_t lb);
    void set_space(uint64_t bytes, uint64_t inodes);
    void set_needs_copy(bool yes) { needs_copy_ = yes; }
    /* N4: how far the lower may go, and how far it has come. */
    index_t may_apply() const noexcept { return applies_to_; }
    void applied(index_t upto);

    /* Primary's half, a model of the kernel's for tests. */
    result<position> append(time_point_t now); /* the owner stores it before anything else */
    void on_ack(time_point_t now, const link_ack &ack);
    void on_hello(slot_t sender, incarnation_t inc, index_t top);
    std::optional<link_records> make_records(time_point_t now); /* REC or BEAT */
    bool may_answer(time_point_t now) const;                    /* G1/L3: the gate is open */
    bool may_discard(index_t upto) const;                       /* D1 */
    void discard(index_t upto);

    bool active() const noexcept { return role_ != role::none && view_.view >= fence_; }
    role current_role() const noexcept { return active() ? role_ : role::none; }
    const log_summary &log() const noexcept { return log_; }
    const view_record &view() const noexcept { return view_; }
    bool serving() const noexcept { return active() && serving_; }
    index_t cp() const noexcept { return cp_; }
    index_t ap() const noexcept { return ap_; }
    time_point_t promise_until() const noexcept { return promise_until_; }
    time_point_t lease_until() const noexcept { return lease_until_; }
    /* When, by the own clock, the last of what the backup has answered was sent (N5). */
    time_point_t confirmed() const noexcept { return confirmed_; }
    time_point_t hold_until() const noexcept { return hold_until_; }
    incarnation_t inc() const noexcept { return inc_; }
    bool intact() const noexcept { return intact_; }
    view_t fed() const noexcept { return fed_; }

private:
    struct adoption {
        token_t token;
        cmd_adopt what;
    };
    struct given {
        uint64_t number;
        time_point_t at;
    };

    void run(time_point_t now, token_t token, const cmd_attach &cmd);
    void run(time_point_t now, token_t token, const cmd_fence &cmd);
    void run(time_point_t now, token_t token, const cmd_adopt &cmd);
    void run(time_point_t now, token_t token, const cmd_enter &cmd);
    void run(time_point_t now, token_t token, const cmd_serve &cmd);
    void run(time_point_t now, token_t token, const cmd_leave &cmd);
    void run(time_point_t now, token_t token, const cmd_seal &cmd);
    void done(time_point_t now, token_t token);
    void refuse(time_point_t now, token_t token, refusal why, std::string text,
                duration_t left = {});
    std::optional<refusal> fence_refused(time_point_t now, const cmd_fence &cmd,
                                         duration_t &left) const;
    bool judge_intact(const log_found &found, const cmd_attach &cmd) const;
    result<void> prepare_log(const cmd_adopt &cmd);
    result<void> chain_to_s(const start &what);
    void finish_adoption(time_point_t now);
    result<void> store_header();
    bool promise_due(time_point_t now, const link_records &rec);
    void forget_synced();
    link_ack make_ack(time_point_t now, const link_records &rec);
    result<void> check_records(const link_records &rec) const;
    index_t told(const link_records &rec) const;
    void apply_to(index_t upto);
    bool lease_valid(time_point_t now) const noexcept;
    bool is_witness() const { return !cfg_.members[cfg_.self.value()].is_data(); }

    object_config cfg_;
    log_store &store_;
    std::vector<kernel_event> events_;

    incarnation_t inc_;
    view_t fence_;
    role role_ = role::none;
    view_record view_; /* of role_ */
    log_header header_;
    log_summary log_;
    bool intact_ = false;
    bool needs_copy_ = false;
    index_t accepted_top_; /* log_.top and what the owner is still writing */
    log_summary accepted_; /* log_ as it will be when that is done */
    std::optional<adoption> adopting_;
    view_t fed_;
    std::optional<link_records> owed_; /* the last REC whose ACK waits for stored() */

    /* Promise, as backup. */
    time_point_t hold_until_{};
    time_point_t promise_until_{};
    slot_t beneficiary_;
    time_point_t began_{};  /* this view, here */
    time_point_t served_{}; /* the primary said so last */
    uint64_t promise_no_ = 0;
    std::deque<given> given_; /* within 2Δ; at most 2 * 16 + 2 */

    /* Lease, as primary. */
    time_point_t lease_until_{};
    time_point_t confirmed_{};
    bool lease_told_ = false;
    uint64_t heard_ = 0;
    index_t acked_;
    index_t next_send_;
    bool started_ = false;
    bool serving_ = false;
    bool partner_no_control_ = false;

    std::optional<time_point_t> partner_heard_;
    time_point_t touched_{};
    index_t cp_;
    index_t ap_;
    index_t applies_to_;
    index_t lb_;
    index_t partner_lb_;
    uint64_t free_bytes_ = 0;
    uint64_t free_inodes_ = 0;
};

} // namespace harp::vsr
