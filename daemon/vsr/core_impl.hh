/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Inside the core: one struct per phase, so that what belongs to one cannot be
 * looked at in another. Not for use outside daemon/vsr/core*.cc.
 */
#pragma once

#include "vsr/core.hh"
#include "vsr/decide.hh"

namespace harp::vsr {

/* What a voluntary change is for. */
struct wish {
    std::optional<slot_t> primary; /* who is to be */
    std::optional<slot_t> member;  /* who is to be in the view: waited for a little */
};

namespace phase {

/* S1: incarnation to disk, then attach. Says nothing. */
struct starting {
    bool attaching = false;
};
/* S1: until a promise of the earlier life has run out. */
struct holding {
    time_point_t until;
};
struct outside {};
/* V2, V4: the object is fenced for view; this member coordinates. */
struct proposing {
    view_t view;
    bool voluntary = false;
    wish who;
    bool written = false; /* agreed is on disk: may speak */
    time_point_t deadline;
    time_point_t next_send;
    std::optional<time_point_t> third_until;
    std::vector<vote> votes;
    std::array<bool, member_count> refused{};
    std::string failure;
};
/* V3: fenced for another's view; agreed is not on disk yet. */
struct agreeing {
    view_t view;
    slot_t coordinator;
    object_report report;
};
/* V3, V7: AGREE is out. */
struct agreed {
    view_t view;
    slot_t coordinator;
    agree body;
};
/* V6. */
struct adopting {
    start what;
    enum class step : uint8_t { seal, log, disk, role } at = step::log;
    time_point_t deadline;
    time_point_t next_ask;
    position match;
};
struct primary {
    view_record record;
    bool started = false;
    bool serving = false;
    time_point_t entered;
    time_point_t serve_by;
    time_point_t next_ask;
    time_point_t partner_heard{}; /* as the object told it last */
    time_point_t leased{};        /* last seen to have a lease */
};
struct backup {
    view_record record;
    time_point_t entered;
    time_point_t promised; /* last seen to have a promise running */
    time_point_t next_started;
    bool heard = false; /* the primary has STARTED */
    time_point_t partner_heard{};
};
struct leaving {};
/*
 * P1. The object stands still, the log is written apart, the state file says that it counts;
 * then nothing until the power is back, and the state file says that it does not.
 */
struct sealing {
    enum class step : uint8_t { object, old, log, disk, done, clear } at = step::object;
    seal_wanted what;    /* from log on its writing is under way */
    bool leaves = false; /* it was about to leave for good */
    std::string why;     /* the power goes */
    std::string failure; /* nothing is sealed, and why */
};
struct failed {
    std::string why;
    std::string advice;
};

} // namespace phase

using phase_t = std::variant<phase::starting, phase::holding, phase::outside, phase::proposing,
                             phase::agreeing, phase::agreed, phase::adopting, phase::primary,
                             phase::backup, phase::leaving, phase::sealing, phase::failed>;

class core::impl {
public:
    impl(config cfg, disk_state disk, const object_report &report, time_point_t now);

    /* core.cc: inputs */
    void step(const message &msg);
    void on_kernel(const kernel_event &event);
    void on_disk(const disk_done &done);
    void on_service(const service_drained &done);
    void on_power(const power_news &news);
    void on_sealed(const seal_done &done);
    void tick();
    result<void> request(const local_request &what);
    void pump(); /* after every input */
    time_point_t next_deadline() const;
    time_point_t phase_deadline() const;
    time_point_t primary_deadline(bool may_try) const;
    status_report status(time_point_t now) const;
    member_state state() const;

    config cfg_;
    disk_state disk_;    /* as wished */
    disk_state durable_; /* as reported written */
    counters counts_;
    output out_;
    time_point_t now_;

    /* A person's switchover, from the word until its end is known. */
    struct switchover_op {
        slot_t to;
        bool leaves = false; /* this member, when it is done */
        view_t from;         /* the view in which it was asked for */
        /* The backup catches up; the service comes to rest, and is; the view changes. */
        enum class step : uint8_t { catching_up, draining, at_rest, changing } at;
        std::optional<time_point_t> until; /* of this step; changing ends by itself */
        token_t drain;
        std::string passed_over; /* V5's reasons */
        /* To one who is in no view yet, and was asked for by itself (V1, C1). */
        bool returns = false;
        time_point_t rested;    /* when the service came to rest */
        bool rest_told = false; /* and where the log ended then */
    };
    std::optional<switchover_op> switchover_;

private:
    struct peer {
        std::optional<time_point_t> heard;
        status_beat status;
        view_t formed;
        bool told_old = false;
        time_point_t since; /* contact is unbroken */
    };
    struct fence_op {
        token_t token;
        view_t view;
        slot_t by;
        bool voluntary = false;
        wish who;
        time_point_t asked;
    };
    struct command_op {
        token_t token;
        kernel_command_body body;
        time_point_t asked;
    };
    struct start_op {
        start what;
        std::array<bool, member_count> pending{};
        time_point_t until;
        time_point_t next_send;
    };

    template <typename Phase>
    bool in() const {
        return std::holds_alternative<Phase>(phase_);
    }
    template <typename Phase>
    Phase &as() {
        return *std::get_if<Phase>(&phase_);
    }
    template <typename Phase>
    const Phase &as() const {
        return *std::get_if<Phase>(&phase_);
    }

    /* core.cc: start, messages, commands, disk */
    void begin_new_life();
    void go_on(const object_report &report);
    void attached(const object_report &report);
    void set_phase(phase_t next);
    void another_life(incarnation_t found);
    void become_failed(std::string why, std::string advice);
    void note_line(note::level severity, std::string text);
    bool check_header(const message &msg);
    void send(slot_t to, view_t view, message_body body);
    void send_others(view_t view, const message_body &body);
    token_t ask_kernel(kernel_command_body body);
    void ask(kernel_command_body body); /* the one pending command but fences */
    void on_done(const command_done &done);
    void on_fact(const watermarks &fact);
    void on_fact(const lease_changed &fact);
    void on_fact(const link_changed &fact);
    void on_fact(const higher_view &fact);
    void on_fact(const started_seen &fact);
    void on_fact(const partner_no_control &fact);
    void on_fact(const partner_left &fact);
    void on_fact(const media_failure &fact);
    void on_fact(const command_done &fact) { on_done(fact); }
    void reask_lost();
    void written();
    void take_report(const object_report &report);
    const member &me() const { return cfg_.members[cfg_.self.value()]; }
    const member &who(slot_t s) const { return cfg_.members[s.value()]; }

    /* core_skip.cc: N4's suspects, and P2 */
    void note_suspects();
    bool poisoned(const object_report &report) const;
    std::string stopped_by() const; /* empty: it is not poisoned */
    result<void> may_skip(const want_skip &what) const;
    result<void> skip(const want_skip &what);
    void skip_settled();
    void mark_unverified(const view_record &record);

    /* core_propose.cc: V1, V2, V4, V7 */
    bool may_propose() const;
    bool can_hope() const;
    duration_t own_wait() const;
    /* False: nothing was proposed. */
    bool propose(bool voluntary, wish who);
    void own_fence_done(const fence_op &op, const command_done &done);
    void collect();
    void try_decide(bool last_chance);
    void send_start(const start &what, const std::string &passed_over);
    void proposal_failed(std::string why);
    void hear(const message_header &h, const agree &a);
    void hear(const message_header &h, const nack &n);
    void tick_proposing();
    void tick_outside();
    void tick_starts();
    struct served_view {
        slot_t primary;
        view_t view;
    };
    std::optional<served_view> live_primary() const; /* another one, by fresh word of somebody */

    /* core_view.cc: V3, V6, V8 */
    void hear(const message_header &h, const struct propose &p);
    void hear(const message_header &h, const start &s);
    void hear(const message_header &h, const started &s);
    void hear(const message_header &h, const status_beat &s);
    void hear(const message_header &, const fetch &) {}   /* bulk data is the owner's */
    void hear(const message_header &, const records &) {} /* business, not the core's */
    void send_nack(slot_t to, view_t view, nack_reason why, duration_t left = {},
                   std::string text = {});
    void other_fence_done(const fence_op &op, const command_done &done);
    void agree_written();
    agree make_agree(const object_report &report) const;
    result<void> check_start(const message_header &h, const start &s) const;
    void adopt(const start &what);
    void ask_adopt();
    void adopt_done(const command_done &done);
    void adoption_failed(const std::string &why);
    void formed_written();
    void entered();
    void heard_started();
    void serve_done(const command_done &done);
    void now_serving();
    void partner_lost(const std::string &why);
    void deposed(slot_t primary, view_t view);
    bool unpromised(const object_report &report);
    bool unleased() const;
    void leave_view();
    void left_by_itself(std::string why);
    void set_link(std::optional<link_wanted> wanted);
    void give_up_service(const std::string &why);
    bool backup_adopts() const;
    void tick_primary();
    void tick_backup();
    void tick_adopting();
    const view_record *current_record() const;

    /* core_handover.cc: switchover and leaving, at a person's word */
    result<void> may_hand_over(slot_t to) const;
    void begin_switchover(slot_t to, bool leaves);
    std::string not_ready(slot_t to) const; /* empty: it is */
    void watch_switchover();
    void watch_change();
    void end_switchover(result<void> how);
    void leave_now();

    /* core_seal.cc: P1 */
    void begin_sealing();
    void object_sealed(const command_done &done);
    void write_log();
    void seal_written();
    void seal_failed(std::string why);
    void power_is_back();
    std::string seal_headline() const;

    /* core_return.cc: C1, and V1's REQUEST */
    bool may_return() const;
    feed_wanted feeder_of(const served_view &serving) const;
    std::optional<uint64_t> behind(const served_view &serving) const;
    void set_feed(std::optional<feed_wanted> wanted);
    void follow(const served_view &serving);
    void fed();
    std::string return_headline() const;
    void hear(const message_header &h, const struct request &r);
    void excluded(slot_t slot);
    duration_t stable_for(slot_t slot) const;
    void begin_return(slot_t slot);
    bool at_rest_with(slot_t to);

    /* core_status.cc */
    void beat(std::optional<slot_t> only = std::nullopt, bool answer = false);
    bool fresh(slot_t slot, time_point_t now) const;
    std::string outside_reason(time_point_t now) const;
    void tell_view(status_report &out, time_point_t now) const;
    std::string headline(time_point_t now) const;
    std::string not_survived(time_point_t now) const;

    phase_t phase_;
    object_report report_;
    time_point_t report_at_;
    std::array<peer, member_count> peers_;
    uint64_t last_token_ = 0;
    bool dirty_ = false;
    token_t writing_;
    disk_state written_snapshot_;
    std::optional<fence_op> fence_;
    std::optional<command_op> command_;
    std::optional<start_op> start_;
    std::optional<slot_t> bound_to_;
    time_point_t bound_until_;
    view_t seen_;     /* highest view number heard of */
    duration_t wait_; /* T, doubled per failure */
    time_point_t next_try_;
    time_point_t next_status_;
    bool silent_ = false;       /* the partner in this view is */
    bool partner_left_ = false; /* of this view, so its kernel told ours */
    std::optional<slot_t> avoid_backup_;
    std::optional<std::optional<link_wanted>> link_;
    std::optional<feed_wanted> feed_;
    time_point_t next_request_;
    index_t told_top_; /* the log's, when the primary was told last that it is whole */
    struct {
        time_point_t at;
        uint64_t lag = 0;
        double closing = 0; /* records a second */
    } pace_;
    /* Of the last hour, of the data members: when they were left out of a view. */
    std::array<std::vector<time_point_t>, member_count> exclusions_;
    bool service_on_ = false;
    std::string last_failure_;
    std::string power_why_; /* the power goes; empty: it stays */
    std::string left_why_;  /* this member's replica left the last view by itself */
};

} // namespace harp::vsr
