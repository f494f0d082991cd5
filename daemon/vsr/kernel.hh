/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the core asks of its replica object (the kernel's; on the witness
 * vsr/object.hh) and what it is told by it.
 *
 * A command carries a token and is answered by exactly one command_done with
 * the same token; until then the core asks nothing else of that kind. An answer
 * whose token is not the one waited for is stale and ignored, so answers may be
 * late, doubled or lost (a lost one is asked again under a new token: every
 * command is idempotent).
 */
#pragma once

#include "vsr/message.hh"

#include <string>
#include <variant>

namespace harp::vsr {

/*
 * S1: a new life. Only after inc is on disk. The object takes the incarnation,
 * sets fence := max(fence, this), holds for @hold from now, and judges `intact`
 * against @formed and @seal. Refused when an incarnation >= inc is attached.
 */
struct cmd_attach {
    incarnation_t inc;
    view_t fence;
    view_t formed; /* the disk's */
    std::optional<seal_note> seal;
    duration_t hold{};

    bool operator==(const cmd_attach &) const = default;
};

/* L4, one atomic step in the object. Granted: nothing below view happens any more. */
struct cmd_fence {
    view_t view;
    slot_t by; /* the proposer; a promise to it does not stand in its way */

    bool operator==(const cmd_fence &) const = default;
};

/*
 * V6, the log's part: lower wm to @match, cut after it, get what is missing up to
 * record.s from @sources (a primary's own stream will do), append the VIEW record,
 * store header{formed = view, complete = 1, base, anchor, wm = s + 1}, flush.
 * Done only when all that is so, however long it takes. No role is taken yet and
 * no ACK leaves: disk.formed comes first. A cmd_fence for a higher view ends it
 * (answered with ok = false).
 */
struct cmd_adopt {
    start what;
    position match;    /* m: highest record in common with what.reach, at most s */
    index_t keep_from; /* the base to have afterwards; above match + 1: start afresh there */

    bool operator==(const cmd_adopt &) const = default;
};

/*
 * V6, the role: only after disk.formed. The primary binds its gate and starts
 * sending (HELLO, REC, BEAT; not serving); the backup acks, which counts as STARTED.
 * `retry` while e.g. the gate cannot be bound yet.
 */
struct cmd_enter {
    view_record record;
    role as = role::none;

    bool operator==(const cmd_enter &) const = default;
};

/*
 * V8 on the primary: STARTED is here. CP := s + 1, apply to s, and serve once the
 * lease is held and the gate bound. Answered ok when serving; ok = false with
 * reason `retry` while something is still missing (text says what).
 */
struct cmd_serve {
    view_t view;

    bool operator==(const cmd_serve &) const = default;
};

/* L4: fence itself and tell the backup LEAVE, which ends its promise. */
struct cmd_leave {
    view_t view;

    bool operator==(const cmd_leave &) const = default;
};

/*
 * P1: the log is to stay what it is. As cmd_leave, whatever the object is in or about to
 * enter: the role ends (the partner is told LEAVE), so do adopting and being fed, and nothing
 * below @above happens here any more. Never refused: nothing is agreed to by it, and a promise
 * that runs goes on running.
 */
struct cmd_seal {
    view_t above;

    bool operator==(const cmd_seal &) const = default;
};

using kernel_command_body =
        std::variant<cmd_attach, cmd_fence, cmd_adopt, cmd_enter, cmd_serve, cmd_leave, cmd_seal>;

struct kernel_command {
    token_t token;
    kernel_command_body body;

    bool operator==(const kernel_command &) const = default;
};

enum class refusal : uint8_t {
    none = 0,
    promise, /* runs for time_left */
    lease,   /* the object itself holds a valid lease */
    hold,    /* new life, time_left */
    fenced,  /* fence is above the view asked for; report.fence says where */
    retry,   /* not yet; ask again */
    failed,  /* will not work; text says why */
};

struct command_done {
    token_t token;
    bool ok = false;
    refusal why = refusal::none;
    duration_t time_left{};
    std::string text;
    std::optional<object_report> report; /* always present when ok */
};

/*
 * Facts. A multicast may be lost, so everything here can also be read off a
 * watermarks report, which harpd asks for at least once a second.
 */
struct watermarks {
    object_report report;
    /* The partner's last REC/BEAT/ACK in report.view, if any. */
    std::optional<time_point_t> partner_heard;
    index_t acked; /* primary: highest ACK of the backup's life in this view */
    bool partner_no_control = false;
};
struct lease_changed {
    view_t view;
    bool held = false;
};
struct link_changed {
    slot_t peer;
    view_t view;
    bool up = false;
    std::string text;
};
struct higher_view {
    view_t view;
    slot_t from;
};
/* N3: an ACK >= s + 1 of the backup's life in view. */
struct started_seen {
    view_t view;
    incarnation_t backup_inc;
};
struct partner_no_control {
    view_t view;
};
/* L4: the partner's LEAVE came on the record link: it has fenced itself out of view. */
struct partner_left {
    view_t view;
};
/* N6: the object has fenced itself and told LEAVE; the lower is not to be trusted. */
struct media_failure {
    std::string text;
};

using kernel_event =
        std::variant<command_done, watermarks, lease_changed, link_changed, higher_view,
                     started_seen, partner_no_control, partner_left, media_failure>;

} // namespace harp::vsr
