/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The view-change core: one member's half of the protocol, and nothing else. It
 * holds no clock, socket, file or thread. Its owner feeds it inputs, each with the
 * time it happened at, then fetches one struct output and carries it out:
 *
 *	core c(config, disk, report, now);
 *	for (;;) {
 *		carry_out(c.take_output());
 *		wait for an input or for c.next_deadline();
 *		c.step(...) | c.on_kernel(...) | c.on_disk(...) | c.tick(...);
 *	}
 *
 * Why an output struct and no callbacks: nothing can call back into a half-changed
 * core, and a test sees exactly what a machine would do.
 *
 * Order (protocol, finding 4: fence, disk, speak; header, disk, role, STARTED):
 * the core itself waits for each completion before it asks for what depends on it.
 * So everything in one output may be carried out at once and in any order; the
 * owner's only duties are that a disk write is reported done only after fsync, and
 * in the order written, and that a kernel command is reported done only when it is.
 */
#pragma once

#include "util/result.hh"
#include "vsr/kernel.hh"

#include <map>
#include <memory>

namespace harp::vsr {

using namespace std::chrono_literals;

struct timings {
    duration_t promise = 2s;       /* Δ of views this member coordinates, <= Δcap */
    duration_t detect = 2s;        /* T_detect >= Δ */
    duration_t window = 3s;        /* T_win: bound to a coordinator this long */
    duration_t wait = 1s;          /* T: before P proposes (again) */
    duration_t wait_extra = 500ms; /* δ: B waits T + δ */
    duration_t wait_max = 10s;     /* T doubles up to this */
    duration_t wait_reset = 60s;   /* of service until T is itself again */
    duration_t third = 300ms;      /* T_third: for the third AGREE */
    duration_t retry = 200ms;      /* repeats of PROPOSE, START, STARTED, serve */
    duration_t status_interval = 500ms;
    duration_t give_up_adopt = 30s; /* an adopt that long has failed */
    duration_t start_limit = 5s;    /* from START until the view must serve, fetching excepted */
    duration_t catch_up = 10s;      /* a switchover waits so long for a backup that lags */
    duration_t stable = 5s;         /* T_stable: contact unbroken so long before a return */
    duration_t stable_max = 600s;   /* doubled per exclusion in the last hour, up to this */
    duration_t return_limit = 1s;   /* clients wait no longer than that for one who returns */
};

/* The compiled-in bound a new life holds for when it knows no Δ (rule S1). */
inline constexpr duration_t promise_cap = std::chrono::milliseconds(HARP_PROMISE_CAP_MS);

struct config {
    group_id group{};
    member_table members;
    slot_t self;
    timings times;
    uint64_t lag_limit = 1024;              /* records; rule V5, when another view can form */
    uint64_t space_min = 0;                 /* bytes W needs to be newly taken as backup */
    bool stop_at_suspects = false;          /* N4: at the first death, and on both copies */
    broken_rule broken = broken_rule::none; /* tests only */
};

struct outgoing {
    slot_t to;
    message msg;
};

struct disk_write {
    token_t token;
    disk_state state;
};

/* The record link this member wants; harpd connects when connects is set. */
struct link_wanted {
    slot_t peer;
    view_t view;
    bool connects = false; /* the primary connects, the backup accepts */

    bool operator==(const link_wanted &) const = default;
};

/*
 * C1: the history this member wants to be fed while it is in no view, and from whom. The
 * owner finds out where the logs part, and tries again as long as it is wanted.
 */
struct feed_wanted {
    slot_t from;
    view_t view;

    bool operator==(const feed_wanted &) const = default;
};

/*
 * What the group's service is to do. Serve: addresses up, ARP/NA, nfsd. Idempotent;
 * a primary that goes on in a new view is told again. Give up: design.rst, "A group's
 * service". Drain: before a switchover, answered by service_drained.
 */
struct service_serve {
    view_t view;
    bool operator==(const service_serve &) const = default;
};
struct service_give_up {
    std::string reason;
    bool operator==(const service_give_up &) const = default;
};
struct service_drain {
    token_t token;
    bool operator==(const service_drain &) const = default;
};
using service_command = std::variant<service_serve, service_give_up, service_drain>;

/*
 * P1: the log as the object holds it at present, of the view @formed, is to outlive a loss of
 * power. Answered by seal_done when all that takes is on the disk; but for the word in the
 * state file that it counts, which the core itself writes after that.
 */
struct seal_wanted {
    token_t token;
    view_t formed;
    log_summary log;      /* what a walk would find: no record of a later view */
    uint32_t top_crc = 0; /* checksum of record log.top; 0: not known, or there is none */

    bool operator==(const seal_wanted &) const = default;
};

/* A line for the journal; the core logs nothing itself. */
struct note {
    enum class level : uint8_t { info, warning, error } severity = level::info;
    std::string text;
};

struct output {
    std::vector<outgoing> messages;
    std::optional<disk_write> persist; /* at most one is under way */
    std::vector<kernel_command> kernel;
    /* Set when the wish changed; empty inside: none. New before the commands, ended after. */
    std::optional<std::optional<link_wanted>> link;
    /* Set when the wish changed; empty inside: none. */
    std::optional<std::optional<feed_wanted>> feed;
    std::vector<service_command> service;
    std::optional<seal_wanted> seal;
    /* How the switchover asked for has ended: the other serves, or why it does not. */
    std::optional<result<void>> switchover;
    std::vector<note> notes;
    bool status_changed = false;

    bool empty() const noexcept {
        return messages.empty() && !persist && kernel.empty() && !link && !feed &&
               service.empty() && !seal && !switchover && notes.empty() && !status_changed;
    }
};

struct disk_done {
    token_t token;
    result<void> what; /* an error: the member takes part in nothing more and says so */
};

struct service_drained {
    token_t token;
};

struct seal_done {
    token_t token;
    result<void> what; /* an error: the log is not sealed, and the member says so */
};

/* Of the machine: it is about to go, or is there to stay again after all. */
struct power_news {
    bool goes = false;
    std::string why; /* for a person: "the UPS is low" */
};

struct want_switchover {
    slot_t to;
};
/*
 * A clean stop, for good. A primary whose backup holds the files hands over first, if it may;
 * when that comes to nothing it does not leave.
 */
struct want_leave {
    bool hand_over = true;
};
/* P2: these suspects of this member are to be nothing, for both copies, in the next view. */
struct want_skip {
    std::vector<index_t> records;
    bool ask_only = false; /* only whether it may be */
};
using local_request = std::variant<want_switchover, want_leave, want_skip>;

enum class member_state : uint8_t {
    starting,  /* incarnation to disk, attach */
    holding,   /* S1: waits until a promise of its earlier life has run out */
    outside,   /* in no view */
    returning, /* and wants its place back: somebody serves (rule C1) */
    proposing,
    agreed,   /* bound to a coordinator */
    adopting, /* START accepted */
    waiting,  /* primary: role taken, not serving yet */
    serving,
    backing_up,
    leaving,
    sealing, /* the power goes: its log to disk (rule P1) */
    sealed,  /* that is done, or cannot be: waits for the end */
    failed,  /* takes part in nothing; a person must look */
};
std::string_view to_string(member_state state);

/* For `harpctl status`: plain words, one line each, empty when there is nothing to say. */
struct status_report {
    member_state state = member_state::starting;
    view_t view;
    std::optional<slot_t> primary;
    std::optional<slot_t> backup;
    bool serving = false;
    std::string headline;
    std::string why_not_serving; /* which member or promise it waits for */
    std::string not_survived;    /* what failure would stop the group now */
    std::string advice;          /* what to do */
};

/* To a person whose member cannot take up what it missed (C2). */
inline constexpr std::string_view copy_advice =
        "its files must be copied anew, which is not in this version: the group goes on without "
        "this member, or is made anew";

/* To a person whose group stands still before a record that kills kernels (P2). */
inline constexpr std::string_view skip_advice =
        "look at the records that suspects names; where one of them is to blame, harpctl log skip "
        "makes it nothing for both copies";

/* Refused messages, by the first check that failed. */
struct counters {
    uint64_t wrong_group = 0;
    uint64_t wrong_lineage = 0;
    uint64_t wrong_epoch = 0;
    uint64_t wrong_sender = 0;
    uint64_t old_incarnation = 0;
    uint64_t lower_view = 0;
    uint64_t stale_token = 0;
    uint64_t malformed = 0; /* decodes, but cannot be */
    uint64_t proposals = 0;
    uint64_t views_entered = 0;
};

class core {
public:
    /*
     * @report is the replica object as found: with inc == disk.inc the core goes on
     * (harpd restarted, S2); otherwise a new life begins (S1).
     */
    core(config cfg, disk_state disk, const object_report &report, time_point_t now);
    ~core();
    core(core &&) noexcept;
    core &operator=(core &&) noexcept;

    void step(time_point_t now, const message &msg);
    void on_kernel(time_point_t now, const kernel_event &event);
    void on_disk(time_point_t now, const disk_done &done);
    void on_service(time_point_t now, const service_drained &done);
    /* P1. Told again it changes nothing. */
    void on_power(time_point_t now, const power_news &news);
    void on_sealed(time_point_t now, const seal_done &done);
    void tick(time_point_t now);
    /*
     * An error says at once why not; a success is only "under way": how a switchover ends,
     * that of a leave included, is told in output::switchover.
     */
    result<void> request(time_point_t now, const local_request &what);
    bool handing_over() const;

    output take_output();
    /* The latest time at which tick() must be called if nothing else happens. */
    time_point_t next_deadline() const;

    status_report status(time_point_t now) const;
    const counters &counts() const;
    const disk_state &disk() const; /* as last reported written */
    member_state state() const;

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

} // namespace harp::vsr
