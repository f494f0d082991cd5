/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Cases of the log: run by KUnit (log_test.c) and, over the model of memory of
 * daemon/tests/port, by harpd's unit tests. C that is also C++. "Reopen" stands for a
 * soft reboot: all that is left is the memory. A case returns NULL or what failed.
 *
 * The includer defines harp_case_region(): a borrowed region over some memory.
 */
#ifndef HARP_LOG_CASES_H
#define HARP_LOG_CASES_H

#include "codec_cases.h"
#include "region.h"

static struct harp_region *harp_case_region(void *mem, u64 size);

#define HARP_CASE_LINEAGE	77
#define HARP_CASE_VIEW		4
#define HARP_CASE_SIZE		HARP_REGION_MIN
#define HARP_CASE_RING		(HARP_CASE_SIZE - HARP_REGION_RING_OFF)
#define HARP_CASE_REC		4096U	/* a record of the usual length */

/**
 * struct harp_log_env - what a case works on
 * @mem: HARP_CASE_SIZE bytes, zero, page aligned
 * @buf: HARP_REC_MAX bytes, 8-byte aligned
 * @log: open or NULL; the runner closes it
 * @found: what opening it found
 * @tag: part of the data of records, tells one history from another
 */
struct harp_log_env {
	u8 *mem;
	u8 *buf;
	struct harp_log *log;
	struct harp_log_found found;
	u8 tag;
};

struct harp_log_case {
	const char *name;
	const char *(*run)(struct harp_log_env *e);
};

static const uuid_t harp_case_group = { { 0xaa, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 } };

static inline void env_close(struct harp_log_env *e)
{
	if (e->log)
		harp_log_close(e->log);
	e->log = NULL;
}

static inline int env_open_as(struct harp_log_env *e, const uuid_t *group, u8 member,
			      u64 lineage, u64 size)
{
	struct harp_log *log;

	env_close(e);
	log = harp_log_attach(harp_case_region(e->mem, size), group, member, lineage, 1, 8,
			      &e->found);
	if (IS_ERR(log))
		return PTR_ERR(log);
	e->log = log;
	return 0;
}

static inline int env_open(struct harp_log_env *e)
{
	return env_open_as(e, &harp_case_group, 1, HARP_CASE_LINEAGE, HARP_CASE_SIZE);
}

static inline int env_format(struct harp_log_env *e, u64 base, u64 anchor_view, u32 anchor_crc,
			     u64 formed, bool complete)
{
	int err;

	mutex_lock(harp_log_mutex(e->log));
	err = harp_log_format(e->log, base, anchor_view, anchor_crc, formed, complete);
	mutex_unlock(harp_log_mutex(e->log));
	return err;
}

/* A finished write record of @len bytes in all, whose data tell index and history. */
static inline struct harp_rec_hdr *env_make(struct harp_log_env *e, u64 index, u32 len)
{
	struct harp_builder b;
	void *data = NULL;

	harp_build_begin(&b, e->buf, HARP_REC_MAX, HARP_REC_WRITE);
	harp_sample_inode(&b, HARP_ROLE_OBJECT, 20, 0100644);
	if (harp_build_data(&b, index * 4096, len - 216, &data))
		memset(data, (u8)(index * 7 + e->tag), len - 216);
	return harp_build_finish(&b) ? NULL : (struct harp_rec_hdr *)e->buf;
}

static inline int env_append_cost(struct harp_log_env *e, u32 len, u64 view, u64 cost)
{
	struct harp_rec_hdr *rec = env_make(e, harp_log_top(e->log) + 1, len);
	u64 index = 0;
	int err;

	if (!rec)
		return -EINVAL;
	mutex_lock(harp_log_mutex(e->log));
	err = harp_log_append(e->log, rec, view, 1700000000, cost, &index);
	mutex_unlock(harp_log_mutex(e->log));
	return err ? err : (index == harp_log_top(e->log) ? 0 : -ERANGE);
}

static inline int env_append(struct harp_log_env *e, u32 len)
{
	return env_append_cost(e, len, HARP_CASE_VIEW, 0);
}

static inline int env_append_n(struct harp_log_env *e, u32 n)
{
	int err = 0;

	while (!err && n--)
		err = env_append(e, HARP_CASE_REC);
	return err;
}

static inline int env_append_view_as(struct harp_log_env *e, u64 view, u64 in_body, u64 s,
				     u64 view_of_s)
{
	struct harp_builder b;
	u64 index;
	int err;

	harp_build_begin(&b, e->buf, HARP_REC_MAX, HARP_REC_VIEW);
	harp_sample_view(&b, in_body, HARP_CASE_LINEAGE, s, view_of_s);
	err = harp_build_finish(&b);
	if (err)
		return err;
	mutex_lock(harp_log_mutex(e->log));
	err = harp_log_append(e->log, (struct harp_rec_hdr *)e->buf, view, 1, 0, &index);
	mutex_unlock(harp_log_mutex(e->log));
	return err;
}

static inline int env_append_view(struct harp_log_env *e, u64 view)
{
	u64 s = harp_log_top(e->log);

	return env_append_view_as(e, view, view, s, harp_log_view_at(e->log, s));
}

static inline int env_append_raw(struct harp_log_env *e, const struct harp_rec_hdr *rec)
{
	int err;

	mutex_lock(harp_log_mutex(e->log));
	err = harp_log_append_raw(e->log, rec);
	mutex_unlock(harp_log_mutex(e->log));
	return err;
}

static inline int env_cut(struct harp_log_env *e, u64 m)
{
	int err;

	mutex_lock(harp_log_mutex(e->log));
	err = harp_log_cut(e->log, m);
	mutex_unlock(harp_log_mutex(e->log));
	return err;
}

static inline void env_discard(struct harp_log_env *e, u64 index)
{
	mutex_lock(harp_log_mutex(e->log));
	harp_log_discard(e->log, index);
	mutex_unlock(harp_log_mutex(e->log));
}

static inline void env_set_wm(struct harp_log_env *e, u64 wm)
{
	mutex_lock(harp_log_mutex(e->log));
	harp_log_set_wm(e->log, wm);
	mutex_unlock(harp_log_mutex(e->log));
}

static inline void env_set_formed(struct harp_log_env *e, u64 formed, bool complete, u64 wm)
{
	mutex_lock(harp_log_mutex(e->log));
	harp_log_set_formed(e->log, formed, complete, wm);
	mutex_unlock(harp_log_mutex(e->log));
}

/* A log of view 4, VIEW record at 1, and @n records after it, all committed. */
static inline int env_start(struct harp_log_env *e, u32 n)
{
	int err = env_open(e);

	err = err ? err : env_format(e, 1, 0, 0, 0, false);
	err = err ? err : env_append_view(e, HARP_CASE_VIEW);
	if (err)
		return err;
	env_set_formed(e, HARP_CASE_VIEW, true, 1);
	err = env_append_n(e, n);
	env_set_wm(e, n + 1);
	return err;
}

/* Is the record sound and of this history? */
static inline bool env_has(struct harp_log_env *e, u64 index)
{
	const struct harp_rec_hdr *hdr = harp_log_get(e->log, index);
	struct harp_rec rec;

	return hdr && !harp_rec_parse(hdr, HARP_REC_MAX, &rec, NULL) && rec.index == index &&
	       (rec.type == HARP_REC_VIEW || *(const u8 *)rec.data == (u8)(index * 7 + e->tag));
}

static inline u8 *env_bytes(struct harp_log_env *e, u64 index)
{
	return (u8 *)harp_log_get(e->log, index);
}

static inline bool env_lossy(const struct harp_log_env *e)
{
	return e->found.walked < e->found.wm;
}

static inline bool env_says(const struct harp_log_env *e, const char *what)
{
	return strstr(e->found.why, what);
}

/* ---------------------------------------------------------------------- cases */

static const char *log_case_fresh(struct harp_log_env *e)
{
	struct harp_log_pos pos;
	u32 i;

	HARP_CHECK(env_open(e) == 0);
	HARP_CHECK(e->found.fresh && !e->found.valid && !e->found.complete);
	for (i = 0; i < HARP_CASE_SIZE; i++)
		HARP_CHECK(!e->mem[i]);
	HARP_CHECK(env_append(e, HARP_CASE_REC) == -EINVAL);
	HARP_CHECK(env_cut(e, 0) == -EINVAL);
	HARP_CHECK(env_format(e, 0, 0, 0, 0, false) == -EINVAL);
	HARP_CHECK(env_format(e, 1, 3, 0, 0, false) == -EINVAL);
	HARP_CHECK(env_format(e, 1, 0, 0, 0, false) == 0);
	HARP_CHECK(env_open(e) == 0);
	HARP_CHECK(!e->found.fresh && e->found.valid && !e->found.complete);
	HARP_CHECK(e->found.base == 1 && e->found.walked == 0 && e->found.wm == 0);
	harp_log_pos(e->log, &pos);
	HARP_CHECK(pos.base == 1 && pos.top == 0 && !pos.used && pos.size == HARP_CASE_RING);
	HARP_CHECK(!harp_log_get(e->log, 0) && !harp_log_get(e->log, 1));
	return NULL;
}

static const char *log_case_reopen(struct harp_log_env *e)
{
	struct harp_log_pos pos;
	u64 views[4], firsts[4], i;

	HARP_CHECK(env_start(e, 600) == 0);
	HARP_CHECK(env_open(e) == 0);
	HARP_CHECK(e->found.valid && e->found.complete && e->found.formed == HARP_CASE_VIEW);
	HARP_CHECK(e->found.base == 1 && e->found.walked == 601 && e->found.wm == 601);
	HARP_CHECK(!e->found.why[0]);
	for (i = 1; i <= 601; i++)
		HARP_CHECK(env_has(e, i));
	HARP_CHECK(!harp_log_get(e->log, 602));
	harp_log_pos(e->log, &pos);
	HARP_CHECK(pos.top == 601 && pos.top_view == HARP_CASE_VIEW && pos.complete);
	HARP_CHECK(pos.top_crc == le32_to_cpu(harp_log_get(e->log, 601)->crc));
	HARP_CHECK(pos.used == le32_to_cpu(harp_log_get(e->log, 1)->len) + 600 * HARP_CASE_REC);
	HARP_CHECK(harp_log_fill(e->log) == pos.used * 100 / HARP_CASE_RING);
	HARP_CHECK(harp_log_views(e->log, views, firsts, 4) == 1);
	HARP_CHECK(views[0] == HARP_CASE_VIEW && firsts[0] == 1);
	/* It goes on where it was. */
	HARP_CHECK(env_append_n(e, 3) == 0 && env_open(e) == 0);
	HARP_CHECK(e->found.walked == 604 && e->found.wm == 601 && env_has(e, 604));
	return NULL;
}

/* Many laps of records of many lengths, and a soft reboot now and then. */
static const char *log_case_laps(struct harp_log_env *e)
{
	u32 seed = 1, full = 0, len, i;
	struct harp_log_pos pos;
	u64 oldest;
	int err;

	HARP_CHECK(env_start(e, 0) == 0);
	for (i = 0; i < 400; i++) {
		seed = seed * 1103515245u + 12345u;
		len = 224 + (seed >> 16) % 60000 / 8 * 8;
		while ((err = env_append(e, len)) == -ENOSPC) {
			full++;
			harp_log_pos(e->log, &pos);
			HARP_CHECK(pos.used + len + 8 > HARP_CASE_RING / 2);
			env_set_wm(e, pos.top);
			env_discard(e, pos.base + (seed >> 20) % 8);
		}
		HARP_CHECK(err == 0);
		if (i % 16)
			continue;
		env_set_wm(e, harp_log_top(e->log));
		HARP_CHECK(env_open(e) == 0);
		HARP_CHECK(!env_lossy(e) && !e->found.why[0]);
		for (oldest = e->found.base; oldest <= e->found.walked; oldest++)
			HARP_CHECK(env_has(e, oldest));
		HARP_CHECK(!harp_log_get(e->log, e->found.base - 1));
	}
	HARP_CHECK(full > 20);
	return NULL;
}

/* The last record before the ring's end fits to the byte; the next begins at 0. */
static const char *log_case_exact_end(struct harp_log_env *e)
{
	struct harp_log_pos pos;
	u32 half = HARP_CASE_RING / 4 / 8 * 8, left;

	HARP_CHECK(env_start(e, 0) == 0);
	HARP_CHECK(!env_append(e, half) && !env_append(e, half) && !env_append(e, half));
	harp_log_pos(e->log, &pos);
	left = HARP_CASE_RING - pos.used;
	/* No room for the end mark behind it while the tail is at 0. */
	HARP_CHECK(env_append(e, left) == -ENOSPC);
	HARP_CHECK(env_append(e, left - 8) == 0);
	HARP_CHECK(env_append(e, 224) == -ENOSPC);
	HARP_CHECK(env_cut(e, 4) == 0);
	env_discard(e, 1);
	HARP_CHECK(env_append(e, left) == 0);
	HARP_CHECK(env_open(e) == 0 && e->found.walked == 5 && !e->found.why[0]);
	env_discard(e, 2);
	HARP_CHECK(env_append(e, 224) == 0);
	HARP_CHECK((u8 *)harp_log_get(e->log, 6) == e->mem + HARP_REGION_RING_OFF);
	HARP_CHECK(env_open(e) == 0 && e->found.walked == 6 && env_has(e, 6));
	return NULL;
}

/* Never committed: a bad record above the watermark is where the log ends. */
static const char *log_case_torn_tail(struct harp_log_env *e)
{
	HARP_CHECK(env_start(e, 10) == 0);
	HARP_CHECK(env_append_n(e, 2) == 0);
	env_bytes(e, 13)[100] ^= 1;
	HARP_CHECK(env_open(e) == 0);
	HARP_CHECK(e->found.walked == 12 && e->found.wm == 11 && !env_lossy(e));
	HARP_CHECK(env_says(e, "record 13 ") && env_says(e, "checksum of the payload"));
	e->tag = 1;
	HARP_CHECK(env_append_n(e, 1) == 0 && env_open(e) == 0);
	HARP_CHECK(e->found.walked == 13 && !e->found.why[0] && env_has(e, 13));
	return NULL;
}

/* Finding 1: a bad record in the middle looks like the end, and is a loss. */
static const char *log_case_volatile_loss(struct harp_log_env *e)
{
	struct harp_log_pos pos;

	HARP_CHECK(env_start(e, 100) == 0);
	env_bytes(e, 51)[8] ^= 1;
	HARP_CHECK(env_open(e) == 0);
	HARP_CHECK(e->found.walked == 50 && e->found.wm == 101 && env_lossy(e));
	HARP_CHECK(env_says(e, "record 51 ") && env_says(e, "checksum of the header"));
	/* Nothing may be appended over the hole. */
	HARP_CHECK(env_append_n(e, 1) == -EUCLEAN);
	env_set_wm(e, 200);
	HARP_CHECK(env_open(e) == 0 && env_lossy(e));
	/* Finding 2: nor does a cut make the log whole, if the machine goes down after it. */
	HARP_CHECK(env_cut(e, 50) == 0);
	HARP_CHECK(env_open(e) == 0 && e->found.walked == 50 && !e->found.complete);
	HARP_CHECK(env_append_n(e, 1) == 0);
	HARP_CHECK(env_open(e) == 0 && e->found.walked == 51 && !e->found.complete);
	env_set_formed(e, HARP_CASE_VIEW, true, 51);
	HARP_CHECK(env_open(e) == 0 && e->found.complete && !env_lossy(e));
	harp_log_pos(e->log, &pos);
	HARP_CHECK(pos.top == 51 && pos.wm == 51 && pos.complete);
	return NULL;
}

/* An end mark below the watermark is a loss, too. */
static const char *log_case_end_below_wm(struct harp_log_env *e)
{
	__le32 end = cpu_to_le32(HARP_END_MAGIC);

	HARP_CHECK(env_start(e, 10) == 0);
	memcpy(env_bytes(e, 9), &end, sizeof(end));
	HARP_CHECK(env_open(e) == 0);
	HARP_CHECK(e->found.walked == 8 && env_lossy(e) && env_says(e, "watermark"));
	return NULL;
}

/* Finding 5: what was cut does not come back. */
static const char *log_case_cut(struct harp_log_env *e)
{
	u64 views[4], firsts[4];
	struct harp_log_pos pos;

	HARP_CHECK(env_start(e, 20) == 0);
	HARP_CHECK(env_cut(e, 22) == -EINVAL);
	HARP_CHECK(env_cut(e, 15) == 0);
	harp_log_pos(e->log, &pos);
	HARP_CHECK(pos.top == 15 && pos.wm == 15 && pos.complete);
	HARP_CHECK(!harp_log_get(e->log, 16));
	HARP_CHECK(env_open(e) == 0);
	HARP_CHECK(e->found.walked == 15 && !env_lossy(e) && !e->found.why[0]);
	/* Another history of the same lengths: nothing of the old one fits behind it. */
	e->tag = 1;
	HARP_CHECK(env_append_view(e, 9) == 0);
	env_set_formed(e, 9, true, 16);
	HARP_CHECK(env_append_cost(e, HARP_CASE_REC, 9, 0) == 0);
	HARP_CHECK(env_open(e) == 0 && e->found.walked == 17 && !e->found.why[0]);
	HARP_CHECK(harp_log_views(e->log, views, firsts, 4) == 2);
	HARP_CHECK(views[1] == 9 && firsts[1] == 16);
	HARP_CHECK(harp_log_view_at(e->log, 15) == 4 && harp_log_view_at(e->log, 16) == 9);
	HARP_CHECK(env_cut(e, 15) == 0 && harp_log_views(e->log, views, firsts, 4) == 1);
	HARP_CHECK(env_cut(e, 0) == 0);
	HARP_CHECK(env_open(e) == 0 && e->found.walked == 0 && !e->found.why[0]);
	HARP_CHECK(harp_log_views(e->log, views, firsts, 4) == 0);
	return NULL;
}

/*
 * A crash within the adoption of a START: VIEW record appended, header not yet. It is
 * not walked; cut at the top must make sure that it never will be.
 */
static const char *log_case_cut_at_top(struct harp_log_env *e)
{
	HARP_CHECK(env_start(e, 5) == 0);
	HARP_CHECK(env_append_view(e, 9) == 0);
	HARP_CHECK(env_open(e) == 0);
	HARP_CHECK(e->found.walked == 6 && !env_lossy(e) && env_says(e, "above the one formed"));
	HARP_CHECK(env_cut(e, 6) == 0);
	env_set_formed(e, 13, true, 6);
	HARP_CHECK(env_open(e) == 0);
	HARP_CHECK(e->found.walked == 6 && !e->found.why[0]);
	return NULL;
}

/* A record was put at 0 behind a pad, then cut: a smaller one goes there. */
static const char *log_case_cut_behind_pad(struct harp_log_env *e)
{
	u32 quarter = HARP_CASE_RING / 4 / 8 * 8;	/* with the VIEW record, three fit */
	struct harp_log_pos pos;

	HARP_CHECK(env_start(e, 0) == 0);
	HARP_CHECK(!env_append(e, quarter) && !env_append(e, quarter) && !env_append(e, quarter));
	HARP_CHECK(env_append(e, quarter / 2) == 0);
	env_set_wm(e, 5);
	env_discard(e, 3);
	HARP_CHECK(env_append(e, quarter) == 0);
	HARP_CHECK(env_bytes(e, 6) == e->mem + HARP_REGION_RING_OFF);
	HARP_CHECK(env_cut(e, 5) == 0 && env_open(e) == 0);
	HARP_CHECK(e->found.walked == 5 && !e->found.why[0]);
	HARP_CHECK(env_append(e, 224) == 0 && env_append(e, 224) == 0);
	HARP_CHECK(env_open(e) == 0 && e->found.walked == 7 && !e->found.why[0]);
	HARP_CHECK(env_cut(e, 5) == 0);
	env_discard(e, 5);
	HARP_CHECK(env_append(e, quarter) == 0 && env_append(e, quarter) == 0);
	HARP_CHECK(env_open(e) == 0 && e->found.base == 6 && e->found.walked == 7);
	/* All cut, the tail still before the pad: the room between is not free. */
	env_discard(e, 7);
	HARP_CHECK(env_append(e, quarter + 8) == 0);
	env_discard(e, 8);
	HARP_CHECK(env_append(e, quarter) == 0 && env_append(e, quarter) == 0);
	HARP_CHECK(env_bytes(e, 9) == e->mem + HARP_REGION_RING_OFF);
	HARP_CHECK(env_cut(e, 8) == 0);
	harp_log_pos(e->log, &pos);
	HARP_CHECK(pos.top == 8 && pos.used > quarter / 2 && pos.used < quarter);
	HARP_CHECK(!env_append(e, quarter) && !env_append(e, quarter) && !env_append(e, quarter));
	HARP_CHECK(env_append(e, quarter) == -ENOSPC);
	HARP_CHECK(env_open(e) == 0 && e->found.walked == 11 && !e->found.why[0]);
	return NULL;
}

static const char *log_case_raw(struct harp_log_env *e)
{
	struct harp_rec_hdr *rec;
	struct harp_log_pos pos;

	HARP_CHECK(env_start(e, 5) == 0);
	harp_log_pos(e->log, &pos);
	rec = env_make(e, 7, HARP_CASE_REC);
	harp_rec_seal(rec, 8, 4, HARP_CASE_LINEAGE, 1, pos.top_crc);
	HARP_CHECK(env_append_raw(e, rec) == -EBADMSG);		/* index */
	harp_rec_seal(rec, 6, 4, HARP_CASE_LINEAGE, 1, pos.top_crc);
	HARP_CHECK(env_append_raw(e, rec) == -EBADMSG);
	harp_rec_seal(rec, 7, 4, HARP_CASE_LINEAGE, 1, pos.top_crc ^ 1);
	HARP_CHECK(env_append_raw(e, rec) == -EBADMSG);		/* chain */
	harp_rec_seal(rec, 7, 4, HARP_CASE_LINEAGE + 1, 1, pos.top_crc);
	HARP_CHECK(env_append_raw(e, rec) == -EBADMSG);		/* lineage */
	harp_rec_seal(rec, 7, 3, HARP_CASE_LINEAGE, 1, pos.top_crc);
	HARP_CHECK(env_append_raw(e, rec) == -EBADMSG);		/* view falls */
	harp_rec_seal(rec, 7, 5, HARP_CASE_LINEAGE, 1, pos.top_crc);
	HARP_CHECK(env_append_raw(e, rec) == -EBADMSG);		/* view rises */
	rec->len = cpu_to_le32(HARP_REC_MAX + 8);
	HARP_CHECK(env_append_raw(e, rec) == -EINVAL);
	rec->len = cpu_to_le32(HARP_CASE_REC);
	harp_rec_seal(rec, 7, 4, HARP_CASE_LINEAGE, 1, pos.top_crc);
	HARP_CHECK(env_append_raw(e, rec) == 0);
	HARP_CHECK(env_append_raw(e, rec) == -EBADMSG);		/* twice */
	HARP_CHECK(env_open(e) == 0 && e->found.walked == 7 && env_has(e, 7));
	return NULL;
}

/* The view rises at a VIEW record that says where it stands, and nowhere else. */
static const char *log_case_views(struct harp_log_env *e)
{
	u64 views[2], firsts[2], view;

	HARP_CHECK(env_start(e, 3) == 0);
	HARP_CHECK(env_append_cost(e, HARP_CASE_REC, 9, 0) == -EINVAL);
	HARP_CHECK(env_append_cost(e, HARP_CASE_REC, 3, 0) == -EINVAL);
	HARP_CHECK(env_append_cost(e, HARP_CASE_REC, 0, 0) == -EINVAL);
	HARP_CHECK(env_append_view_as(e, 9, 9, 3, 4) == -EINVAL);	/* another s */
	HARP_CHECK(env_append_view_as(e, 9, 9, 4, 3) == -EINVAL);	/* another view of s */
	HARP_CHECK(env_append_view_as(e, 9, 13, 4, 4) == -EINVAL);	/* another view */
	HARP_CHECK(env_append_view_as(e, 4, 4, 4, 3) == -EINVAL);	/* the same again */
	HARP_CHECK(harp_log_top(e->log) == 4);
	for (view = 9; view < 9 + 40; view += 2) {
		HARP_CHECK(env_append_view(e, view) == 0);
		HARP_CHECK(env_append_cost(e, HARP_CASE_REC, view, 0) == 0);
	}
	env_set_formed(e, 47, true, 44);
	HARP_CHECK(env_open(e) == 0 && e->found.walked == 44);
	HARP_CHECK(harp_log_views(e->log, views, firsts, 2) == 21);
	HARP_CHECK(views[0] == 45 && firsts[0] == 41 && views[1] == 47 && firsts[1] == 43);
	/* A discarded VIEW record leaves its view to what is kept of it. */
	env_discard(e, 41);
	HARP_CHECK(harp_log_views(e->log, views, firsts, 2) == 2);
	HARP_CHECK(views[0] == 45 && firsts[0] == 42);
	HARP_CHECK(harp_log_view_at(e->log, 42) == 45 && harp_log_view_at(e->log, 41) == 45);
	HARP_CHECK(harp_log_view_at(e->log, 40) == 0 && harp_log_view_at(e->log, 45) == 0);
	HARP_CHECK(env_open(e) == 0 && e->found.base == 42 && e->found.walked == 44);
	HARP_CHECK(harp_log_views(e->log, views, firsts, 2) == 2 && firsts[0] == 42);
	return NULL;
}

/* Of the sample's VIEW record, with these indices void. */
static inline int env_append_voids(struct harp_log_env *e, u64 view, const u64 *voids, u32 n)
{
	u64 s = harp_log_top(e->log), index;
	struct harp_sec_view v = { };
	struct harp_builder b;
	int err;

	harp_build_begin(&b, e->buf, HARP_REC_MAX, HARP_REC_VIEW);
	v.view = cpu_to_le64(view);
	v.lineage = cpu_to_le64(HARP_CASE_LINEAGE);
	v.s = cpu_to_le64(s);
	v.view_of_s = cpu_to_le64(harp_log_view_at(e->log, s));
	v.backup = 1;
	v.promise_ms = cpu_to_le32(HARP_PROMISE_MIN_MS);
	harp_build_view(&b, &v, voids, n);
	err = harp_build_finish(&b);
	if (err)
		return err;
	mutex_lock(harp_log_mutex(e->log));
	err = harp_log_append(e->log, (struct harp_rec_hdr *)e->buf, view, 1, 0, &index);
	mutex_unlock(harp_log_mutex(e->log));
	return err;
}

/* P2: what is void is so in every walk, for as long as its VIEW record is there. */
static const char *log_case_void(struct harp_log_env *e)
{
	static const u64 first[] = { 3, 5 }, second[] = { 4, 8 };

	HARP_CHECK(env_start(e, 6) == 0);
	HARP_CHECK(!harp_log_void(e->log, 3));
	HARP_CHECK(env_append_voids(e, 9, first, 2) == 0);		/* record 8 */
	HARP_CHECK(env_append_cost(e, HARP_CASE_REC, 9, 0) == 0);
	HARP_CHECK(env_append_voids(e, 13, second, 2) == 0);		/* record 10 */
	HARP_CHECK(harp_log_void(e->log, 3) && harp_log_void(e->log, 5));
	HARP_CHECK(harp_log_void(e->log, 4) && harp_log_void(e->log, 8));
	HARP_CHECK(!harp_log_void(e->log, 2) && !harp_log_void(e->log, 6));
	HARP_CHECK(!harp_log_void(e->log, 9) && !harp_log_void(e->log, 10));
	HARP_CHECK(!harp_log_void(e->log, 0) && !harp_log_void(e->log, 99));
	env_set_formed(e, 13, true, 10);
	HARP_CHECK(env_open(e) == 0 && e->found.walked == 10);
	HARP_CHECK(harp_log_void(e->log, 3) && harp_log_void(e->log, 4));
	/* It goes with the view that said so. */
	HARP_CHECK(env_cut(e, 9) == 0);
	HARP_CHECK(harp_log_void(e->log, 3) && !harp_log_void(e->log, 4));
	env_discard(e, 4);
	HARP_CHECK(harp_log_void(e->log, 5) && !harp_log_void(e->log, 6));
	return NULL;
}

static const char *log_case_discard(struct harp_log_env *e)
{
	struct harp_log_pos pos;
	u64 views[1], firsts[1];
	u32 crc;

	HARP_CHECK(env_start(e, 10) == 0);
	env_discard(e, 0);
	HARP_CHECK(harp_log_get(e->log, 1));
	env_discard(e, 4);
	HARP_CHECK(!harp_log_get(e->log, 4) && env_has(e, 5));
	HARP_CHECK(env_open(e) == 0 && e->found.base == 5 && e->found.walked == 11);
	/* All of it: base - 1 must still be known, to match a partner's log. */
	crc = le32_to_cpu(harp_log_get(e->log, 11)->crc);
	env_discard(e, 99);
	HARP_CHECK(env_open(e) == 0);
	HARP_CHECK(e->found.base == 12 && e->found.walked == 11 && e->found.wm == 11);
	harp_log_pos(e->log, &pos);
	HARP_CHECK(pos.anchor_view == 4 && pos.anchor_crc == crc && pos.top_crc == crc);
	HARP_CHECK(!pos.used && harp_log_view_at(e->log, 11) == 4);
	HARP_CHECK(harp_log_views(e->log, views, firsts, 1) == 0);
	HARP_CHECK(env_cut(e, 10) == -EINVAL && env_cut(e, 11) == 0);
	HARP_CHECK(env_append_n(e, 1) == 0 && env_open(e) == 0 && e->found.walked == 12);
	/* Discarding what is above the watermark raises it: a log is never below itself. */
	env_discard(e, 12);
	HARP_CHECK(env_open(e) == 0 && e->found.base == 13 && e->found.wm == 12);
	return NULL;
}

/* Old bytes where the ring starts anew are of an index, chain and view that fit. */
static const char *log_case_format_over(struct harp_log_env *e)
{
	u32 i;

	HARP_CHECK(env_start(e, 10) == 0);
	HARP_CHECK(env_format(e, 1, 0, 0, HARP_CASE_VIEW, false) == 0);
	HARP_CHECK(harp_log_top(e->log) == 0 && !harp_log_get(e->log, 1));
	HARP_CHECK(env_open(e) == 0 && e->found.walked == 0 && !e->found.why[0]);
	/* And neither header copy remembers. */
	for (i = 0; i < 2; i++) {
		e->mem[i * HARP_REGION_HDR_STRIDE + 50] ^= 1;
		HARP_CHECK(env_open(e) == 0 && e->found.valid && !e->found.complete);
		HARP_CHECK(e->found.walked == 0 && e->found.wm == 0);
		e->mem[i * HARP_REGION_HDR_STRIDE + 50] ^= 1;
	}
	return NULL;
}

static const char *log_case_headers(struct harp_log_env *e)
{
	const u32 stride = HARP_REGION_HDR_STRIDE;
	u32 newest;

	HARP_CHECK(env_start(e, 10) == 0);
	env_set_wm(e, 11);
	HARP_CHECK(env_append_n(e, 1) == 0);
	env_set_wm(e, 12);
	/* The newer counts; without it, the one before, which is never the one stored to. */
	newest = memcmp(e->mem + 48, e->mem + stride + 48, 1) > 0 ? 0 : stride;
	HARP_CHECK(env_open(e) == 0 && e->found.wm == 12);
	e->mem[newest + 120] ^= 1;
	HARP_CHECK(env_open(e) == 0 && e->found.valid && e->found.wm == 11);
	HARP_CHECK(e->found.walked == 12 && e->found.complete);
	env_set_wm(e, 12);
	e->mem[(stride - newest) + 120] ^= 1;
	HARP_CHECK(env_open(e) == 0 && e->found.valid && e->found.wm == 12);
	/* None: as if never formatted, but why tells. */
	e->mem[newest + 120] ^= 1;
	HARP_CHECK(env_open(e) == 0 && e->found.fresh && !e->found.valid);
	HARP_CHECK(env_says(e, "checksum of the header"));
	return NULL;
}

/* I9: another's log is not touched, and a person is told whose it is and whose it is not. */
static const char *log_case_not_ours(struct harp_log_env *e)
{
	static const uuid_t other = { { 0xbb } };
	struct harp_region_hdr *h = (struct harp_region_hdr *)e->mem;
	u32 crc, i;

	HARP_CHECK(env_start(e, 10) == 0);
	crc = harp_crc32c(0, e->mem, HARP_CASE_SIZE);
	HARP_CHECK(env_open_as(e, &other, 1, HARP_CASE_LINEAGE, HARP_CASE_SIZE) == -EBUSY);
	HARP_CHECK(env_says(e, "aa020304-0506-0708-090a-0b0c0d0e0f00"));
	HARP_CHECK(env_says(e, "not bb000000-"));
	HARP_CHECK(env_open_as(e, &harp_case_group, 2, 77, HARP_CASE_SIZE) == -EBUSY);
	HARP_CHECK(env_says(e, "member 1, not 2"));
	HARP_CHECK(env_open_as(e, &harp_case_group, 1, 78, HARP_CASE_SIZE) == -EBUSY);
	HARP_CHECK(env_says(e, "lineage 000000000000004d, not 000000000000004e"));
	HARP_CHECK(env_open_as(e, &harp_case_group, 1, 77, HARP_CASE_SIZE - 4096) == -EBUSY);
	HARP_CHECK(env_says(e, "4194304 bytes, not 4190208"));
	HARP_CHECK(crc == harp_crc32c(0, e->mem, HARP_CASE_SIZE));
	HARP_CHECK(env_open(e) == 0 && e->found.valid);
	harp_log_wipe(e->log);				/* a deleted group's: anybody's */
	HARP_CHECK(env_open_as(e, &other, 2, 78, HARP_CASE_SIZE) == 0 && e->found.fresh);
	HARP_CHECK(env_start(e, 10) == 0);
	for (i = 0; i < 2; i++) {
		h = (struct harp_region_hdr *)(e->mem + i * HARP_REGION_HDR_STRIDE);
		h->version = cpu_to_le32(2);
		h->crc = 0;
		crc = harp_crc32c(0, h, sizeof(*h));
		h->crc = cpu_to_le32(crc);
	}
	HARP_CHECK(env_open(e) == -EBUSY && env_says(e, "format 2, not 1"));
	return NULL;
}

static const char *log_case_setters(struct harp_log_env *e)
{
	struct harp_log_pos pos;

	HARP_CHECK(env_start(e, 10) == 0);
	env_set_wm(e, 5);				/* only grows */
	HARP_CHECK(env_open(e) == 0 && e->found.wm == 11);
	HARP_CHECK(env_append_n(e, 1) == 0);
	env_set_wm(e, 99);				/* not above top */
	mutex_lock(harp_log_mutex(e->log));
	harp_log_set_lb(e->log, 6);
	harp_log_set_applying(e->log, 7, 2);
	mutex_unlock(harp_log_mutex(e->log));
	HARP_CHECK(env_open(e) == 0 && e->found.wm == 12 && e->found.lb == 6);
	HARP_CHECK(e->found.applying_first == 7 && e->found.applying_count == 2);
	env_set_formed(e, 9, false, 99);
	HARP_CHECK(env_open(e) == 0 && e->found.formed == 9 && !e->found.complete);
	HARP_CHECK(e->found.wm == 12 && e->found.applying_count == 2);
	env_set_formed(e, 9, true, 3);
	harp_log_pos(e->log, &pos);
	HARP_CHECK(pos.formed == 9 && pos.complete && pos.wm == 3 && pos.lb == 6);
	mutex_lock(harp_log_mutex(e->log));
	harp_log_set_applying(e->log, 9, 0);
	mutex_unlock(harp_log_mutex(e->log));
	HARP_CHECK(env_open(e) == 0 && !e->found.applying_first && !e->found.applying_count);
	return NULL;
}

static const char *log_case_costs(struct harp_log_env *e)
{
	u64 i;

	HARP_CHECK(env_start(e, 1) == 0);
	for (i = 3; i <= 600; i++)
		HARP_CHECK(env_append_cost(e, 224, HARP_CASE_VIEW, i) == 0);
	HARP_CHECK(harp_log_cost(e->log, 2) == 0);
	HARP_CHECK(harp_log_cost(e->log, 600) - harp_log_cost(e->log, 300) == (301 + 600) * 150);
	env_discard(e, 299);
	HARP_CHECK(harp_log_cost(e->log, 600) - harp_log_cost(e->log, 300) == (301 + 600) * 150);
	HARP_CHECK(harp_log_cost(e->log, 300) - harp_log_cost(e->log, 299) == 300);
	HARP_CHECK(harp_log_cost(e->log, 0) == harp_log_cost(e->log, 299));
	HARP_CHECK(harp_log_cost(e->log, 999) == harp_log_cost(e->log, 600));
	env_discard(e, 600);
	HARP_CHECK(env_append_cost(e, 224, HARP_CASE_VIEW, 5) == 0);
	HARP_CHECK(harp_log_cost(e->log, 601) - harp_log_cost(e->log, 600) == 5);
	return NULL;
}

/* After the memory was lost nobody knows the record before base. */
static const char *log_case_unanchored(struct harp_log_env *e)
{
	struct harp_rec_hdr *rec;

	HARP_CHECK(env_open(e) == 0 && env_format(e, 501, 0, 0, 9, false) == 0);
	rec = env_make(e, 501, HARP_CASE_REC);
	harp_rec_seal(rec, 502, 9, HARP_CASE_LINEAGE, 1, 0x1234);
	HARP_CHECK(env_append_raw(e, rec) == -EBADMSG);
	harp_rec_seal(rec, 501, 9, HARP_CASE_LINEAGE, 1, 0x1234);
	HARP_CHECK(env_append_raw(e, rec) == 0);
	HARP_CHECK(harp_log_view_at(e->log, 500) == 0 && harp_log_view_at(e->log, 501) == 9);
	HARP_CHECK(env_open(e) == 0 && e->found.walked == 501 && env_has(e, 501));
	/* From the second record on the chain holds. */
	rec = env_make(e, 502, HARP_CASE_REC);
	harp_rec_seal(rec, 502, 9, HARP_CASE_LINEAGE, 1, 0x1234);
	HARP_CHECK(env_append_raw(e, rec) == -EBADMSG);
	/* With an anchor it holds from the first. */
	HARP_CHECK(env_format(e, 501, 9, 0x1234, 9, false) == 0);
	rec = env_make(e, 501, HARP_CASE_REC);
	harp_rec_seal(rec, 501, 9, HARP_CASE_LINEAGE, 1, 0x1235);
	HARP_CHECK(env_append_raw(e, rec) == -EBADMSG);
	harp_rec_seal(rec, 501, 9, HARP_CASE_LINEAGE, 1, 0x1234);
	HARP_CHECK(env_append_raw(e, rec) == 0);
	return NULL;
}

/* Bytes of the ring forged by hand: sound records that no append would have left so. */
static const char *log_case_forged(struct harp_log_env *e)
{
	static const struct {
		const char *why;
		u64 index, view, lineage;
		u32 chain;
	} forged[] = {
		{ "not the next index", 14, 4, HARP_CASE_LINEAGE, 0 },
		{ "not the next index", 12, 4, HARP_CASE_LINEAGE, 0 },
		{ "chained to another record", 13, 4, HARP_CASE_LINEAGE, 1 },
		{ "another lineage", 13, 4, HARP_CASE_LINEAGE + 1, 0 },
		{ "the view falls", 13, 3, HARP_CASE_LINEAGE, 0 },
		{ "the view rises without a VIEW record", 13, 5, HARP_CASE_LINEAGE, 0 },
	};
	struct harp_log_pos pos;
	struct harp_rec_hdr *rec;
	u32 i;

	HARP_CHECK(env_start(e, 11) == 0);
	env_set_formed(e, 99, true, 12);
	HARP_CHECK(env_append_n(e, 1) == 0);
	for (i = 0; i < ARRAY_SIZE(forged); i++) {
		harp_log_pos(e->log, &pos);
		HARP_CHECK(pos.top == 13);
		rec = (struct harp_rec_hdr *)env_bytes(e, 13);
		harp_rec_seal(rec, forged[i].index, forged[i].view, forged[i].lineage, 1,
			      le32_to_cpu(harp_log_get(e->log, 12)->crc) ^ forged[i].chain);
		HARP_CHECK(env_open(e) == 0 && e->found.walked == 12);
		HARP_CHECK(env_says(e, forged[i].why));
		HARP_CHECK(env_append_n(e, 1) == 0);
	}
	/* The walk must not believe a header's length, nor a pad at the ring's start. */
	memset(env_bytes(e, 13), 0, 64);
	HARP_CHECK(env_open(e) == 0 && e->found.walked == 12 && env_says(e, "wrong magic"));
	return NULL;
}

/* Sound records up to the very tail: the ring looks empty to whoever does not count. */
static const char *log_case_lap(struct harp_log_env *e)
{
	struct harp_log_pos pos;
	struct harp_rec_hdr *rec;
	u32 len;

	HARP_CHECK(env_start(e, 800) == 0);
	harp_log_pos(e->log, &pos);
	len = HARP_CASE_RING - pos.used;
	rec = env_make(e, 802, len);
	HARP_CHECK(rec);
	harp_rec_seal(rec, 802, 4, HARP_CASE_LINEAGE, 1, pos.top_crc);
	memcpy(e->mem + HARP_REGION_RING_OFF + pos.used, rec, len);
	HARP_CHECK(env_open(e) == 0);
	HARP_CHECK(e->found.walked == 801 && env_says(e, "reaches into the tail"));
	/* A pad where the ring starts would send the walk round and round. */
	env_discard(e, 801);
	HARP_CHECK(env_append(e, HARP_DATA_MAX) == 0);
	((__le32 *)(e->mem + HARP_REGION_RING_OFF))[0] = cpu_to_le32(HARP_PAD_MAGIC);
	HARP_CHECK(env_open(e) == 0 && e->found.walked == 801);
	return NULL;
}

static const struct harp_log_case harp_log_cases[] = {
	{ "fresh", log_case_fresh },
	{ "reopen", log_case_reopen },
	{ "laps", log_case_laps },
	{ "exact_end", log_case_exact_end },
	{ "torn_tail", log_case_torn_tail },
	{ "volatile_loss", log_case_volatile_loss },
	{ "end_below_wm", log_case_end_below_wm },
	{ "cut", log_case_cut },
	{ "cut_at_top", log_case_cut_at_top },
	{ "cut_behind_pad", log_case_cut_behind_pad },
	{ "raw", log_case_raw },
	{ "views", log_case_views },
	{ "void", log_case_void },
	{ "discard", log_case_discard },
	{ "format_over", log_case_format_over },
	{ "headers", log_case_headers },
	{ "not_ours", log_case_not_ours },
	{ "setters", log_case_setters },
	{ "costs", log_case_costs },
	{ "unanchored", log_case_unanchored },
	{ "forged", log_case_forged },
	{ "lap", log_case_lap },
};

#endif /* HARP_LOG_CASES_H */
