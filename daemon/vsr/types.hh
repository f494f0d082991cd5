/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The nouns of the view-change core: members, logs in outline, the VIEW record,
 * and a member's disk state. Words and letters are those of
 * Documentation/protocol.rst.
 */
#pragma once

#include "linux/harp_limits.h"
#include "util/strong.hh"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace harp::vsr {

inline constexpr size_t member_count = HARP_MEMBERS;
/* Of a log that spans more views than this only the newest part is told (log_summary). */
inline constexpr size_t max_view_starts = 128;
inline constexpr size_t max_voids = HARP_VOIDS_MAX;
/* One sentence from a peer or a kernel, for a person; longer ones are cut. */
inline constexpr size_t max_text = 255;

using group_id = std::array<uint8_t, 16>;

/* What a member was made for. What it does at the moment is its role. */
enum class member_kind : uint8_t { primary = 0, backup = 1, witness = 2 };
enum class role : uint8_t { none = 0, primary = 1, backup = 2 };

struct member {
    member_id id;
    slot_t slot;
    member_kind kind = member_kind::witness;
    std::string name; /* for status text only */

    bool is_data() const noexcept { return kind != member_kind::witness; }
    bool operator==(const member &) const = default;
};

using member_table = std::array<member, member_count>; /* by slot */

/* (index, view) names one record for ever. */
struct position {
    index_t index;
    view_t view;

    bool operator==(const position &) const = default;
};

/* The records from @first on were made in @view, up to the next entry. */
struct view_start {
    view_t view;
    index_t first;

    bool operator==(const view_start &) const = default;
};

/*
 * A log in outline: records base..top and which view each was made in.
 * Invariants: base >= 1; top >= base - 1; starts ascend strictly in view and
 * first; the first entry begins at base when the log has records; none when not.
 * anchor is the record before base: (base - 1, its view), view 0 for index 0.
 * Of too many views, or more than its kernel tells, it is told to others from its newest
 * part (tidy), as if the rest were discarded: that can only make a member wait or copy.
 */
struct log_summary {
    index_t base{1};
    view_t anchor_view;
    index_t top;
    std::vector<view_start> starts;

    bool operator==(const log_summary &) const = default;
    position anchor() const noexcept { return {base - 1, anchor_view}; }
    bool empty() const noexcept { return top < base; }
};

/* What a log begins after: the record before its base. */
struct log_anchor {
    view_t view;
    uint32_t crc = 0; /* 0: not known, or there is none; the first record's prev_crc says it */

    bool operator==(const log_anchor &) const = default;
};

struct member_life {
    slot_t slot;
    incarnation_t inc;

    bool operator==(const member_life &) const = default;
};

/*
 * The VIEW record, first of its view, at index s + 1 (struct harp_sec_view). Every
 * member writes it itself and all must write the same bytes (the next record's
 * prev_crc covers them), so its header's time_ns is 0.
 */
struct view_record {
    view_t view;
    epoch_t epoch;
    lineage_t lineage;
    member_life primary;
    member_life backup;
    duration_t promise{}; /* Δ, whole milliseconds */
    index_t s;
    view_t view_of_s;
    std::vector<index_t> voids;

    bool operator==(const view_record &) const = default;
    index_t index() const noexcept { return s + 1; }
    bool has(slot_t slot) const noexcept { return primary.slot == slot || backup.slot == slot; }
};

struct record_range {
    index_t first;
    index_t last;

    bool operator==(const record_range &) const = default;
    bool overlaps(const record_range &other) const noexcept {
        return first <= other.last && other.first <= last;
    }
    bool has(index_t at) const noexcept { return first <= at && at <= last; }
};

/* N4: so many kernels of this member in a row have ended while they applied these. */
struct suspect_note {
    record_range records;
    uint32_t deaths = 0;

    bool operator==(const suspect_note &) const = default;
};

/* A matching seal makes a log of this view whole (rule P1). */
struct seal_note {
    view_t formed;
    index_t top;

    bool operator==(const seal_note &) const = default;
};

/*
 * What harpd keeps on disk for a member, in two checksummed copies (protocol.rst,
 * "State"). The disk says what a member may vote for; the region what it holds.
 * `group create` writes formed = agreed = 0, inc = 0, no view, a lineage and an
 * epoch; for the first view see V5.
 */
struct disk_state {
    group_id group{};
    epoch_t epoch;
    lineage_t lineage;
    member_table members;
    slot_t self;
    incarnation_t inc;
    view_t agreed;
    view_t formed;
    std::optional<view_record> view; /* the VIEW record of formed */
    std::optional<seal_note> seal;
    std::optional<suspect_note> suspects;
    /* P2: a person wants these void in the next view; ascending, none of them applied here. */
    std::vector<index_t> skip;
    /* Void in a view this member was in: the copies are to be compared; the newest. */
    std::vector<index_t> unverified;
    std::array<incarnation_t, member_count> peer_inc{}; /* highest seen, by slot */

    bool operator==(const disk_state &) const = default;
};

/*
 * What a replica object says of itself and its region: in the answer to attach,
 * fence and adopt, and with every watermark report.
 */
struct object_report {
    incarnation_t inc; /* 0: never attached; it answers nothing and promises nothing */
    view_t fence;
    role current_role = role::none;
    view_t view; /* of the role; 0 with role none */
    view_t fed;  /* whose history it is fed, being in none (C1); 0: not fed */
    bool serving = false;
    bool lease_held = false;
    duration_t promise_left{}; /* to the beneficiary: the primary of view */
    duration_t hold_left{};

    view_t formed; /* the region's */
    std::optional<view_record> view_of_formed;
    bool complete = false;
    bool intact = false; /* the whole predicate of "Region header", disk.formed included */
    log_summary log;
    uint32_t top_crc = 0; /* checksum of record log.top; 0: not known, or there is none */
    index_t wm;
    index_t cp;
    index_t ap;
    index_t lb;
    bool needs_copy = false;
    /* What the kernel before this one was applying at its end, while AP is below (finding 19). */
    std::optional<record_range> suspects;
    bool gate_bound = false;
    uint64_t free_bytes = 0;
    uint64_t free_inodes = 0;
    uint64_t ring = 0; /* bytes for records in the region; 0: not told */

    bool operator==(const object_report &) const = default;
};

/*
 * Rules that can be broken on purpose, to show that the tests notice. Only tests
 * set anything but none.
 */
enum class broken_rule : uint8_t {
    none,
    resume_view,             /* S2: a restarted member goes on in its old view */
    equal_view_numbers,      /* finding 12: v without slot, and AGREE at v = agreed */
    serve_before_started,    /* V8 without STARTED */
    agree_without_fence,     /* V3 without the object */
    no_hold,                 /* S1: a new life forgets its promise */
    count_lossy,             /* V4: a log that is not intact may be chosen */
    longest_log,             /* V4: longest log, whatever was formed */
    lease_from_receipt,      /* L3: 0.9Δ from the answer instead of the question */
    no_watermark,            /* N2: a walk that ends early is taken for the end */
    fresh_region_complete,   /* S3: an empty region counts as a whole log */
    choose_by_last_record,   /* V4: F from the last record's view (figure 8) */
    started_before_disk,     /* V6: STARTED before disk.formed */
    promise_ignored,         /* L4: a fence is granted under a live promise */
    ack_of_old_incarnation,  /* N3: an ACK of an earlier life counts */
    witness_tail_after_boot, /* D2: W's tail counts though never fsynced */
    renew_to_deaf,           /* L2: promises to a primary that hears nothing */
    feed_uncommitted,        /* C1: a member in no view is given what may yet be cut */
    discount_unserved_view,  /* V4's exception with two AGREEs (finding 6) */
    disk_before_region,      /* V6: disk.formed before the log is that view's (finding 4) */
    cut_without_view_record, /* V6: neither end mark nor VIEW record (finding 5) */
    check_then_fence,        /* L4: looks at the promise, and then fences (finding 9) */
    no_lease_margin,         /* L3: Δ instead of 0.9Δ */
    read_without_lease,      /* N5: who serves answers reads, leased or not */
    lease_never_ends,        /* L3 */
    discard_own_lb,          /* D1: the partner's disk does not count */
    lb_before_durable,       /* N6: LB is told when its sync pass begins */
    witness_drops_log,       /* D2: at demotion */
    apply_beyond_told,       /* N4, I3: the primary's AP does not count */
    error_while_parked,      /* G3: who is released is told that nothing happened */
    seal_not_cleared,        /* P1: what was sealed counts, whatever was formed since */
};

} // namespace harp::vsr
