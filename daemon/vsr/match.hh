/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Comparing logs in outline. (index, view) names one record, and a record's
 * predecessors are the same wherever it is found, so two logs that agree at one
 * index agree below it as well: a match point is all there is to know.
 */
#pragma once

#include "util/result.hh"
#include "vsr/message.hh"

#include <span>

namespace harp::vsr {

/* Holds the invariants of log_summary? The error says which one it breaks. */
result<void> validate(const log_summary &log);
/* Is this a VIEW record that could have been made? */
result<void> validate(const view_record &record);

/*
 * @log as it may be told, from an object that tells where views began even when those
 * records are discarded, tells of more views than may be told, or of the newest alone.
 */
log_summary tidy(log_summary log);

/* The view of record @at, for base - 1 <= at <= top. */
std::optional<view_t> view_at(const log_summary &log, index_t at);

/* Highest record in common, not above @limit. Nothing: the logs do not touch. */
std::optional<position> match_point(const log_summary &a, const log_summary &b, index_t limit);

/*
 * Where @own, of a member whose disk has all up to @lb, can be continued from @theirs: the
 * match point; or @lb, where the log holds nothing beyond, or nothing that is in common and does
 * not know what its first record followed (it was lost, and filled for a view that did not come
 * about), for what is on the disk was committed and is in every later history. Nothing: the
 * records between are not to be had.
 */
std::optional<position> continue_point(const log_summary &own, index_t lb,
                                       const log_summary &theirs, index_t limit);

/* @log without what lies above @top; base and anchor stay. */
log_summary cut_summary(const log_summary &log, index_t top);
/* @log without what lies below @base (base - 1 <= log.top, base >= log.base). */
log_summary drop_below(const log_summary &log, index_t base);
/* Appends records @first .. @last of @view. Requires first == top + 1. */
void extend_summary(log_summary &log, view_t view, index_t first, index_t last);

struct candidate_log {
    slot_t member;
    const log_summary *log = nullptr;
};

struct reach_of {
    log_summary log;
    std::vector<log_source> sources;
};

/*
 * V4: the donor's log, extended downwards by each of @others that matches it just
 * below its base.
 */
reach_of extend_reach(const candidate_log &donor, std::span<const candidate_log> others);

} // namespace harp::vsr
