// SPDX-License-Identifier: GPL-2.0
/*
 * Opening a log: which header counts, whose it is, and how far the records go. The
 * region may hold anything (I9): everything is checked before it is believed, and a
 * walk always ends.
 */
#include <linux/build_bug.h>
#include <linux/lockdep.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include "log_priv.h"

static void harp_log_uuid(char out[37], const void *uuid)
{
	static const char hex[] = "0123456789abcdef";
	const u8 *b = uuid;
	u32 i;

	for (i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*out++ = '-';
		*out++ = hex[b[i] >> 4];
		*out++ = hex[b[i] & 15];
	}
	*out = 0;
}

/* Is it ours? Says whose it is and who we are when it is not. */
static int harp_log_check_owner(struct harp_log *log, const struct harp_region_hdr *h,
				struct harp_log_found *found)
{
	char theirs[37], ours[37];

	if (memcmp(h->group, &log->group, sizeof(h->group))) {
		harp_log_uuid(theirs, h->group);
		harp_log_uuid(ours, &log->group);
		scnprintf(found->why, sizeof(found->why), "group %s, not %s", theirs, ours);
		return -EBUSY;
	}
	if (h->member != log->member) {
		scnprintf(found->why, sizeof(found->why), "log of member %u, not %u",
			  h->member, log->member);
		return -EBUSY;
	}
	if (le64_to_cpu(h->lineage) != log->lineage) {
		scnprintf(found->why, sizeof(found->why), "lineage %016llx, not %016llx",
			  le64_to_cpu(h->lineage), log->lineage);
		return -EBUSY;
	}
	return 0;
}

/*
 * Of the sound copies the one with the higher number. Copies them out first: what is
 * checked is what is used. 0: none is sound, 1: *@h is it, negative: a person decides.
 */
static int harp_log_read_headers(struct harp_log *log, struct harp_region_hdr *h,
				 struct harp_log_found *found)
{
	struct harp_region_hdr *copy;
	const char *why[2] = { "", "" };
	int err[2], best = -1, i;

	copy = kmalloc(HARP_REGION_HDR_STRIDE, GFP_KERNEL);
	if (!copy)
		return -ENOMEM;
	for (i = 0; i < 2; i++) {
		memcpy(copy, (u8 *)log->region->base + i * HARP_REGION_HDR_STRIDE,
		       HARP_REGION_HDR_STRIDE);
		err[i] = harp_region_check(copy, log->region->size, &why[i]);
		if (err[i] == -EPROTO && best < 0)
			scnprintf(found->why, sizeof(found->why),
				  "a region of format %u, not %u",
				  le32_to_cpu(copy->version), HARP_REGION_VERSION);
		if (err[i] == -ERANGE && best < 0)
			scnprintf(found->why, sizeof(found->why),
				  "a region of %llu bytes, not %llu",
				  le64_to_cpu(copy->region_size), log->region->size);
		if (err[i] || (best >= 0 && le64_to_cpu(copy->seq) < le64_to_cpu(h->seq)))
			continue;
		best = i;
		*h = *copy;
	}
	kfree(copy);
	if (best >= 0) {
		log->copy = best;
		log->seq = le64_to_cpu(h->seq);
		return 1;
	}
	if (err[0] != -EBADMSG || err[1] != -EBADMSG)
		return -EBUSY;
	scnprintf(found->why, sizeof(found->why), "header copies: %s; %s", why[0], why[1]);
	return 0;
}

static void harp_log_load(struct harp_log *log, const struct harp_region_hdr *h,
			  struct harp_log_found *found)
{
	struct harp_log_state st = { };

	st.pos.base = le64_to_cpu(h->base);
	st.pos.top = st.pos.base - 1;
	st.pos.wm = le64_to_cpu(h->wm);
	st.pos.lb = le64_to_cpu(h->lb);
	st.pos.formed = le64_to_cpu(h->formed);
	st.pos.anchor_view = le64_to_cpu(h->anchor_view);
	st.pos.anchor_crc = le32_to_cpu(h->anchor_crc);
	st.pos.top_view = st.pos.anchor_view;
	st.pos.top_crc = st.pos.anchor_crc;
	st.pos.complete = h->flags & HARP_REGION_COMPLETE;
	st.pos.size = log->ring_size;
	st.base_off = le64_to_cpu(h->base_off);
	st.head_off = st.base_off;
	st.applying_first = le64_to_cpu(h->applying_first);
	st.applying_count = le32_to_cpu(h->applying_count);
	log->formatted = true;
	harp_log_publish(log, &st);

	found->valid = true;
	found->complete = st.pos.complete;
	found->formed = st.pos.formed;
	found->base = st.pos.base;
	found->wm = st.pos.wm;
	found->lb = st.pos.lb;
	found->applying_first = st.applying_first;
	found->applying_count = st.applying_count;
}

/*
 * The record after @st, if there is one. 1: *@rec, at *@off; 0: the end, with *@why
 * NULL at an end mark.
 */
static int harp_log_next(const struct harp_log *log, const struct harp_log_state *st,
			 struct harp_rec *rec, u64 *off, const char **why)
{
	const struct harp_log_mark *mark = (const struct harp_log_mark *)(log->ring + st->head_off);
	u64 pad = 0;

	*off = st->head_off;
	if (le32_to_cpu(mark->magic) == HARP_PAD_MAGIC && *off) {
		pad = log->ring_size - *off;
		*off = 0;
		mark = (const struct harp_log_mark *)log->ring;
	}
	*why = NULL;
	if (le32_to_cpu(mark->magic) == HARP_END_MAGIC)
		return 0;
	if (harp_rec_parse(mark, log->ring_size - *off, rec, why))
		return 0;
	*why = harp_log_follows(log, &st->pos, rec->hdr);
	if (*why)
		return 0;
	*why = "its view is above the one formed";
	if (rec->view > st->pos.formed)
		return 0;
	/* As an append keeps it, so that a walk never laps its own tail. */
	*why = "it reaches into the tail";
	if (harp_log_used(log, st) + pad + le32_to_cpu(rec->hdr->len) + sizeof(*mark) >
	    log->ring_size)
		return 0;
	return 1;
}

/* Read what is there, from the tail on, until it stops making sense (finding 5). */
static int harp_log_walk(struct harp_log *log, struct harp_log_found *found)
{
	struct harp_log_state st = log->st;
	struct harp_rec rec;
	const char *why;
	u64 off;
	int err;

	while (harp_log_next(log, &st, &rec, &off, &why)) {
		err = harp_log_prepare(log, rec.index);
		if (err)
			return err;
		harp_log_enter(log, &st, rec.hdr, off, 0);
		cond_resched();
	}
	found->walked = st.pos.top;
	if (why)
		scnprintf(found->why, sizeof(found->why), "record %llu at ring offset %llu: %s",
			  st.pos.top + 1, off, why);
	else if (st.pos.top < st.pos.wm)
		scnprintf(found->why, sizeof(found->why),
			  "record %llu is the last, the watermark says %llu", st.pos.top,
			  st.pos.wm);
	harp_log_publish(log, &st);
	return 0;
}

/**
 * harp_log_attach() - make a log of a mapped region, and see what is in it
 * @region: the region; the log's from here on, also after an error
 * @group: whose log it is to be
 * @member: slot
 * @lineage: history
 * @epoch: membership, for headers stored from now on
 * @inc: incarnation, likewise
 * @found: set
 *
 * Context: Process context, may sleep.
 * Return: the log or an ERR_PTR: -EBUSY (another's region), -ENOMEM.
 */
struct harp_log *harp_log_attach(struct harp_region *region, const uuid_t *group, u8 member,
				 u64 lineage, u32 epoch, u64 inc, struct harp_log_found *found)
{
	struct harp_region_hdr h;
	struct harp_log *log;
	int err;

	memset(found, 0, sizeof(*found));
	log = kzalloc(sizeof(*log), GFP_KERNEL);
	if (!log) {
		harp_region_unmap(region);
		return ERR_PTR(-ENOMEM);
	}
	mutex_init(&log->mutex);
	spin_lock_init(&log->lock);
	init_waitqueue_head(&log->space_wq);
	xa_init(&log->chunks);
	log->region = region;
	log->ring = (u8 *)region->base + HARP_REGION_RING_OFF;
	log->ring_size = region->size - HARP_REGION_RING_OFF;
	log->group = *group;
	log->member = member;
	log->lineage = lineage;
	log->epoch = epoch;
	log->inc = inc;

	err = harp_log_read_headers(log, &h, found);
	if (err < 0)
		goto out_close;
	if (!err) {
		struct harp_log_state st = { };

		found->fresh = true;
		st.pos.base = 1;
		st.pos.size = log->ring_size;
		harp_log_publish(log, &st);
		return log;
	}
	err = harp_log_check_owner(log, &h, found);
	if (err)
		goto out_close;
	harp_log_load(log, &h, found);
	err = harp_log_walk(log, found);
	if (err)
		goto out_close;
	return log;

out_close:
	harp_log_close(log);
	return ERR_PTR(err);
}

/**
 * harp_log_open() - map a region and make a log of it
 * @spec: where it is
 * @group: whose log it is to be
 * @member: slot
 * @lineage: history
 * @epoch: membership, for headers stored from now on
 * @inc: incarnation, likewise
 * @found: set, also after an error: @found->why
 *
 * Context: Process context, may sleep.
 * Return: the log or an ERR_PTR: as harp_region_map() and harp_log_attach().
 */
struct harp_log *harp_log_open(const struct harp_region_spec *spec, const uuid_t *group,
			       u8 member, u64 lineage, u32 epoch, u64 inc,
			       struct harp_log_found *found)
{
	struct harp_region *region;

	memset(found, 0, sizeof(*found));
	region = harp_region_map(spec, found->why, sizeof(found->why));
	if (IS_ERR(region))
		return ERR_CAST(region);
	return harp_log_attach(region, group, member, lineage, epoch, inc, found);
}

/**
 * harp_log_close() - end of a log's use; what is in the region stays as it is
 * @log: the log, which nobody else uses any more
 *
 * Context: Process context, may sleep.
 */
void harp_log_close(struct harp_log *log)
{
	harp_log_forget(log);
	xa_destroy(&log->chunks);
	harp_region_unmap(log->region);
	kfree(log->views);
	kfree(log);
}

/**
 * harp_log_wipe() - the region holds no log any more: any group may have it
 * @log: the log, whose replica has ended; only its close may follow
 *
 * Context: Process context, may sleep.
 */
void harp_log_wipe(struct harp_log *log)
{
	static const u8 nothing[256];
	u64 off;

	/* Two headers. */
	static_assert(HARP_REGION_RING_OFF % sizeof(nothing) == 0, "in whole steps");
	mutex_lock(&log->mutex);
	for (off = 0; off < HARP_REGION_RING_OFF; off += sizeof(nothing))
		harp_region_store(log->region->base + off, nothing, sizeof(nothing));
	harp_region_flush();
	mutex_unlock(&log->mutex);
}

/**
 * harp_log_format() - start a log without records
 * @log: the log; what it held is gone
 * @base: index of the first record that will be in it, at least 1
 * @anchor_view: view of the record before, 0 if that is not known or there is none
 * @anchor_crc: its crc
 * @formed: view formed
 * @complete: whether this is the whole log of that view
 *
 * Context: Process context, log->mutex held.
 * Return: 0 or -EINVAL.
 */
int harp_log_format(struct harp_log *log, u64 base, u64 anchor_view, u32 anchor_crc,
		    u64 formed, bool complete)
{
	struct harp_log_state st = { };

	lockdep_assert_held(&log->mutex);
	if (!base || base > HARP_INDEX_MAX || (base == 1 && (anchor_view || anchor_crc)))
		return -EINVAL;
	st.pos.base = base;
	st.pos.top = base - 1;
	st.pos.wm = base - 1;
	st.pos.formed = formed;
	st.pos.anchor_view = anchor_view;
	st.pos.anchor_crc = anchor_crc;
	st.pos.top_view = anchor_view;
	st.pos.top_crc = anchor_crc;
	st.pos.complete = complete;
	st.pos.size = log->ring_size;

	/* Before a header says that the ring starts here, nothing may follow (finding 5). */
	harp_log_store_mark(log, 0, HARP_END_MAGIC);
	harp_region_flush();
	harp_log_publish(log, &st);
	harp_log_forget(log);
	/* Twice: neither copy may speak of what was here before. */
	harp_log_store_header(log, &st);
	harp_log_store_header(log, &st);
	log->formatted = true;
	return 0;
}
