/* SPDX-License-Identifier: GPL-2.0 */
/* Private to log.c and log_open.c. */
#ifndef HARP_LOG_PRIV_H
#define HARP_LOG_PRIV_H

#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/xarray.h>
#include "region.h"

/* Where a record is, and the costs of all up to it: found by index without a lock. */
struct harp_log_entry {
	u64 off;
	u64 cost;
};

#define HARP_LOG_CHUNK	254U	/* entries: a chunk fits a page */

struct harp_log_chunk {
	struct rcu_head rcu;
	struct harp_log_entry e[HARP_LOG_CHUNK];
};

/* A view and the first record of it that the log has. */
struct harp_log_view {
	u64 view, first;
};

/**
 * struct harp_log_state - what a header says, and where the next record goes
 * @pos: positions
 * @base_off: where a walk begins, ring offset
 * @head_off: where the next record or the pad before it goes: the end mark is there
 * @base_cost: costs up to and including the record at base - 1
 * @applying_first: suspects (N4)
 * @applying_count: how many, 0 none
 */
struct harp_log_state {
	struct harp_log_pos pos;
	u64 base_off, head_off, base_cost;
	u64 applying_first;
	u32 applying_count;
};

/**
 * struct harp_log - a log in its region
 * @mutex: held by whoever changes the log
 * @lock: with @mutex, around each change of @st and @views; alone it suffices to read
 * @st: the state; a change is stored and flushed in a header first, where it is in one
 * @base: of @st.pos, for readers without a lock
 * @top: of @st.pos, for readers without a lock
 * @space_wq: woken when room was made
 * @region: the memory
 * @ring: first byte of the ring
 * @ring_size: bytes of it
 * @formatted: has a header of ours
 * @copy: header copy that counts (0 or 1)
 * @seq: its number
 * @group: whose log it is, for headers
 * @member: whose log it is
 * @lineage: whose log it is
 * @epoch: membership, for headers
 * @inc: incarnation, for headers
 * @chunks: index / HARP_LOG_CHUNK to struct harp_log_chunk
 * @views: views in base..top, ascending
 * @nviews: how many
 * @views_cap: room in @views
 */
struct harp_log {
	struct mutex mutex;		/* changes of the log */
	spinlock_t lock;		/* st and views, for readers */
	struct harp_log_state st;
	u64 base, top;
	wait_queue_head_t space_wq;
	struct harp_region *region;
	u8 *ring;
	u64 ring_size;
	bool formatted;
	u8 copy;
	u64 seq;
	uuid_t group;
	u8 member;
	u64 lineage;
	u32 epoch;
	u64 inc;
	struct xarray chunks;
	struct harp_log_view *views;
	u32 nviews, views_cap;
};

/* A mark in the ring: HARP_PAD_MAGIC or HARP_END_MAGIC. */
struct harp_log_mark {
	__le32 magic;
	__le32 zero;
};

/*
 * Only of record 1 is it known for sure that nothing was before it. A log that starts
 * higher may not know the view of the record before its base (a fresh region after
 * the memory was lost): then its first record is taken as it comes.
 */
static inline bool harp_log_anchored(const struct harp_log_pos *pos)
{
	return pos->top >= pos->base || pos->base == 1 || pos->anchor_view;
}

void harp_log_store_header(struct harp_log *log, const struct harp_log_state *st);
void harp_log_store_mark(struct harp_log *log, u64 off, u32 magic);
void harp_log_publish(struct harp_log *log, const struct harp_log_state *st);
int harp_log_prepare(struct harp_log *log, u64 index);
void harp_log_enter(struct harp_log *log, struct harp_log_state *st,
		    const struct harp_rec_hdr *rec, u64 off, u64 cost);
const char *harp_log_follows(const struct harp_log *log, const struct harp_log_pos *pos,
			     const struct harp_rec_hdr *rec);
void harp_log_forget(struct harp_log *log);
u64 harp_log_used(const struct harp_log *log, const struct harp_log_state *st);

#endif /* HARP_LOG_PRIV_H */
