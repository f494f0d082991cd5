/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The log: a ring of records in a region of memory (harp_region.h). Pure with
 * respect to VFS and sockets. The caller serialises every function that
 * changes the log (append, cut, discard, format, set_*) with log->mutex, held.
 * Readers of a record between base and top need no lock: a record in that range
 * never moves, and its bytes are reused only after harp_log_discard() or
 * harp_log_cut(). Whoever discards or cuts knows that nobody reads those records any
 * more: discarded ones are applied and on the lower, cut ones were never committed
 * and their view's threads have stopped.
 */
#ifndef HARP_LOG_H
#define HARP_LOG_H

#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/uuid.h>
#include <linux/wait.h>
#include <linux/harp_netlink.h>
#include "codec.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct harp_region_spec - where a log lives (mount option region=)
 * @kind: which of the three
 * @start: physical address (memmap)
 * @size: bytes, HARP_REGION_MIN … HARP_REGION_MAX, a multiple of the page size;
 *	  0 with a label: what the label has
 * @label: reserve_mem= label
 */
struct harp_region_spec {
	enum harp_region_kind kind;
	u64 start;
	u64 size;
	char label[32];
};

/**
 * struct harp_log_found - what opening a region found (protocol.rst, "State")
 * @fresh: no valid header of any group: never formatted
 * @valid: header valid and group, member, lineage ours
 * @complete: header says the whole log of @formed is here
 * @formed: the last view whose START the log adopted
 * @base: index of the oldest record kept
 * @walked: last index that the walk reached (base - 1 when none)
 * @wm: the header's watermark; @walked < @wm is volatile loss
 * @lb: lower bound, a hint
 * @applying_first: first of the records that were being applied (N4): the suspects
 * @applying_count: how many, 0 none
 * @why: when the walk or header failed, what and where, for people
 */
struct harp_log_found {
	bool fresh, valid, complete;
	u64 formed, base, walked, wm, lb;
	u64 applying_first;
	u32 applying_count;
	char why[96];
};

struct harp_log;

/**
 * struct harp_log_pos - a log's positions, a consistent snapshot
 */
struct harp_log_pos {
	u64 base, top, wm, lb, formed;
	u64 top_view, anchor_view;
	u32 top_crc, anchor_crc;
	u64 used, size;		/* bytes of the ring */
	bool complete;
};

/*
 * Map the region and look at what is in it; nothing is written. A header of another
 * group, member or lineage, or of another size or version, is -EBUSY (I9): a person
 * decides; @found->why names both. On success the log is readable where @found says
 * so; harp_log_format() or, when @found->valid, normal use follows. @found is
 * filled in after an error, too.
 */
struct harp_log *harp_log_open(const struct harp_region_spec *spec, const uuid_t *group,
			       u8 member, u64 lineage, u32 epoch, u64 inc,
			       struct harp_log_found *found);
void harp_log_close(struct harp_log *log);
void harp_log_wipe(struct harp_log *log);

/*
 * Start empty: base given, complete as told, wm = base - 1 (S3). @anchor_view 0 with
 * @base > 1: nothing is known about the record before; the first one is then taken
 * without a look at its chain.
 */
int __must_check harp_log_format(struct harp_log *log, u64 base, u64 anchor_view, u32 anchor_crc,
				 u64 formed, bool complete);

struct mutex *harp_log_mutex(struct harp_log *log);
wait_queue_head_t *harp_log_space_wq(struct harp_log *log);	/* woken by discard */

/*
 * Seal @rec (finished by the builder) as the next record and store it; on
 * return it is in memory that survives (flushed). Nothing sleeps between index
 * and complete. -ENOSPC when the ring has no room: wait on space_wq. -ENOMEM:
 * nothing was logged. -EUCLEAN: the log has lost records (top < wm) and must be cut
 * first. -EINVAL: the view falls, or rises at what is not a VIEW record that fits.
 * @cost_bytes: what the record may take of a lower's space (space.c), summed per
 * index.
 */
int __must_check harp_log_append(struct harp_log *log, struct harp_rec_hdr *rec, u64 view,
				 u64 time_ns, u64 cost_bytes, u64 *index);
/*
 * Store a record made elsewhere (backup): verified whole by the caller; its place
 * (index, chain, lineage, view) is checked here: -EBADMSG. Else as harp_log_append().
 */
int __must_check harp_log_append_raw(struct harp_log *log, const struct harp_rec_hdr *rec);
/* The record at @index; NULL when not in base..top. See above for how long it stays. */
const struct harp_rec_hdr *harp_log_get(struct harp_log *log, u64 index);
/*
 * Sum of costs up to and including @index since open; for (a, b]: cost(b) - cost(a).
 * Records that were not appended by harp_log_append() count nothing; an index below
 * base - 1 is taken as base - 1, one above top as top.
 */
u64 harp_log_cost(struct harp_log *log, u64 index);
void harp_log_pos(struct harp_log *log, struct harp_log_pos *pos);	/* any context */
u64 harp_log_top(struct harp_log *log);
u64 harp_log_view_at(struct harp_log *log, u64 index);	/* base-1 gives the anchor's; 0 unknown */
/* [view -> first index] in base..top, at most @max entries; returns how many there are. */
u32 harp_log_views(struct harp_log *log, u64 *views, u64 *firsts, u32 max);

/*
 * Drop everything after @m: lowers wm to @m first, flush, then an end mark. A log
 * that had lost records (top < wm) is not complete any more from then on: else a
 * soft reboot would make the loss look whole (finding 2). @m = top is a cut, too: it
 * may be followed by bytes that look like records. -EINVAL: @m not in base-1..top.
 */
int __must_check harp_log_cut(struct harp_log *log, u64 m);
/* Discard up to and including @index: the header is stored and flushed before a byte is reused. */
void harp_log_discard(struct harp_log *log, u64 index);
void harp_log_set_wm(struct harp_log *log, u64 wm);		/* only grows; at most top */
void harp_log_set_lb(struct harp_log *log, u64 lb);
/* One header: a START was adopted (V6), or the log stopped counting (@complete false). */
void harp_log_set_formed(struct harp_log *log, u64 formed, bool complete, u64 wm);
void harp_log_set_applying(struct harp_log *log, u64 first, u32 count);
/*
 * Does a VIEW record that the log holds, of a later view, say that the record at @index is
 * nothing (P2)? One that was discarded is on the disk, and so is what it was about.
 */
bool harp_log_void(struct harp_log *log, u64 index);
/* Per cent of the ring in use. */
u32 harp_log_fill(struct harp_log *log);

#ifdef __cplusplus
}
#endif

#endif /* HARP_LOG_H */
