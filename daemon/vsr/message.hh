/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Control messages between the cores (protocol.rst, "Between harpds"). Each
 * goes over every network there is; losing, doubling and reordering them is harmless.
 * wire.hh turns them into bytes.
 */
#pragma once

#include "vsr/types.hh"

#include <string_view>
#include <variant>

namespace harp::vsr {

/* In every message; checked in this order, refused and counted on mismatch. */
struct message_header {
    group_id group{};
    lineage_t lineage;
    epoch_t epoch;
    slot_t sender;
    member_id sender_id;
    incarnation_t inc;
    view_t view; /* what the message is about; for STATUS the sender's formed */

    bool operator==(const message_header &) const = default;
};

/* V2. A switchover names who is to be primary; otherwise V5 alone decides. */
struct propose {
    bool voluntary = false;
    std::optional<slot_t> prefer;

    bool operator==(const propose &) const = default;
};

/* V3. Everything a coordinator must know of a member, as it stands fenced. */
struct agree {
    view_t formed;
    std::optional<view_record> view; /* the VIEW record of formed */
    bool intact = false;
    bool needs_copy = false;
    bool poisoned = false;
    bool stop = false; /* nobody shall try what it is poisoned by (suspects = "stop") */
    std::optional<record_range> suspects; /* what it is poisoned by */
    std::vector<index_t> skip;            /* P2: to be void, at most max_voids */
    log_summary log;
    uint32_t top_crc = 0; /* checksum of record log.top; 0: not known, or there is none */
    index_t lb;
    index_t ap;
    uint64_t free_bytes = 0;
    uint64_t ring = 0; /* bytes for records in its region; 0: a witness */

    bool operator==(const agree &) const = default;
};

enum class nack_reason : uint8_t {
    not_higher = 1,   /* v <= agreed */
    bound = 2,        /* to another coordinator, for time_left */
    promise = 3,      /* a promise runs, for time_left */
    lease = 4,        /* the sender is a live primary itself */
    hold = 5,         /* a new life waits Δ, for time_left */
    object_error = 6, /* the replica object cannot be fenced; text says why */
    not_member = 7,   /* other epoch, or no replica */
};

struct nack {
    view_t agreed;
    nack_reason why = nack_reason::not_higher;
    duration_t time_left{};
    std::optional<slot_t> live_primary;
    view_t live_view;
    std::string text;

    bool operator==(const nack &) const = default;
};

/* Where records first..last can be had from; the donor's own part comes first. */
struct log_source {
    slot_t member;
    index_t first;
    index_t last;

    bool operator==(const log_source &) const = default;
};

/* V4/V5: the decision. reach is the "match list": the donor's log, extended downwards. */
struct start {
    view_record record;
    uint32_t crc_of_s = 0; /* the VIEW record is chained to it; 0: not known, or s is 0 */
    slot_t donor;
    log_summary reach;
    std::vector<log_source> sources; /* at most member_count */

    bool operator==(const start &) const = default;
};

/* V6. Repeated until heard. */
struct started {
    incarnation_t primary_inc; /* the life it is meant for */

    bool operator==(const started &) const = default;
};

/* V1: a caught-up member asks the serving primary for a voluntary change. */
struct request {
    std::string reason;
    uint64_t lag = 0; /* records */

    bool operator==(const request &) const = default;
};

/* The heartbeat, and the answer to "who serves?". */
struct status_beat {
    role current_role = role::none;
    bool serving = false;
    bool lease_held = false;
    bool leaving = false;    /* going away on purpose: counts as silent at once */
    bool comes_back = false; /* in no view, and wants its place (rule C1) */
    bool needs_copy = false; /* so it does not */
    bool no_control = false;
    bool wants_answer = false;
    view_t agreed;
    /* The primary this member vouches for: itself, or the one it promised to. */
    std::optional<slot_t> live_primary;
    view_t live_view;
    /* STARTED of this view's backup has been heard; the backup may stop repeating. */
    bool started_heard = false;
    index_t top;
    index_t cp;
    index_t ap;
    index_t lb;
    uint64_t free_bytes = 0;
    std::string text; /* headline of status, so that any member can show all three */

    bool operator==(const status_beat &) const = default;
};

/* Records over the control path, for who cannot use the record link (rule V6). */
inline constexpr uint32_t max_fetch_bytes = HARP_WIRE_BATCH_MAX;

struct fetch {
    index_t first;
    index_t last;
    uint32_t max_bytes = max_fetch_bytes;

    bool operator==(const fetch &) const = default;
};

struct records {
    index_t first;
    index_t last;
    position prev;
    std::vector<uint8_t> bytes; /* whole records, as in the log */

    bool operator==(const records &) const = default;
};

using message_body =
        std::variant<propose, agree, nack, start, started, request, status_beat, fetch, records>;

struct message {
    message_header header;
    message_body body;

    bool operator==(const message &) const = default;
};

std::string_view message_name(const message_body &body);

} // namespace harp::vsr
