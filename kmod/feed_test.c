// SPDX-License-Identifier: GPL-2.0
/* KUnit: FEED on a replica without lower and link (C1). */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/netlink.h>
#include <net/net_namespace.h>
#include "dataplane.h"
#include "log_priv.h"
#include "test_view.h"

#define FORMED		4	/* the view this member was in */
#define SERVING		9	/* the one that serves without it */
#define ENTERED		12	/* the one that it is to enter */
#define FEEDER		2
#define FEEDER_INC	72

static struct harp_replica *made;

static void format(struct kunit *test, struct harp_replica *r, u64 base)
{
	int err;

	mutex_lock(harp_log_mutex(r->log));
	err = harp_log_format(r->log, base, 0, 0, 0, base == 1);
	mutex_unlock(harp_log_mutex(r->log));
	KUNIT_ASSERT_EQ(test, err, 0);
}

/* Its log is empty and whole, or begins after @lb with nothing known of what was before. */
static struct harp_replica *replica(struct kunit *test, u64 lb)
{
	struct harp_replica_params p = {
		.group = "kunit-feed",
		.lineage = LINEAGE,
		.epoch = 3,
		.inc = 70,
		.region = { .kind = HARP_REGION_MEM, .size = HARP_REGION_MIN },
		.net = &init_net,
	};
	struct harp_replica *r = harp_replica_alloc(&p);

	KUNIT_ASSERT_NOT_NULL(test, r);
	made = r;
	r->log = harp_log_open(&p.region, &r->uuid, 0, LINEAGE, 3, p.inc, &r->found);
	KUNIT_ASSERT_FALSE(test, IS_ERR(r->log));
	format(test, r, lb + 1);
	r->lb = lb;
	r->ap = lb;
	r->cp = lb;
	r->links->intact = !lb;
	return r;
}

static void replica_exit(struct kunit *test)
{
	if (!made)
		return;
	if (IS_ERR(made->log))
		made->log = NULL;
	harp_replica_put(made);
	made = NULL;
}

static int append(struct harp_replica *r, struct harp_builder *b, u64 view)
{
	u64 index;
	int err = harp_build_finish(b);

	mutex_lock(harp_log_mutex(r->log));
	err = err ?: harp_log_append(r->log, b->buf, view, 1, 0, &index);
	mutex_unlock(harp_log_mutex(r->log));
	return err;
}

static void append_noops(struct kunit *test, struct harp_replica *r, u64 view, unsigned int n)
{
	struct harp_builder b;
	char buf[256];

	while (n--) {
		harp_build_begin(&b, buf, sizeof(buf), HARP_REC_NOOP);
		KUNIT_ASSERT_EQ(test, append(r, &b, view), 0);
	}
}

/* As it comes from the feeder. */
static void append_view(struct kunit *test, struct harp_replica *r, u64 view)
{
	u64 top = harp_log_top(r->log);
	struct harp_sec_view v = view_of(view, top, harp_log_view_at(r->log, top));
	struct harp_builder b;
	char buf[512];

	harp_build_begin(&b, buf, sizeof(buf), HARP_REC_VIEW);
	harp_build_view(&b, &v, NULL, 0);
	KUNIT_ASSERT_EQ(test, append(r, &b, view), 0);
}

static int start(struct harp_replica *r, const struct harp_sec_view *v, u64 match)
{
	const struct harp_view_from from = { .match = match };
	struct netlink_ext_ack extack = { };
	int err = harp_view_start(r, v, sizeof(*v), &from, &extack);

	/* Whoever is refused is told why. */
	return err && !extack._msg ? -ENOMSG : err;
}

/*
 * This member was the primary of view FORMED, whose log has records 1 to 4; up to 3 they
 * are committed, up to 2 applied. It has fenced itself.
 */
static struct harp_replica *deposed(struct kunit *test)
{
	struct harp_replica *r = replica(test, 0);
	struct harp_sec_view v = view_of(FORMED, 0, 0);
	u32 left;

	KUNIT_ASSERT_EQ(test, start(r, &v, 0), 0);
	append_noops(test, r, FORMED, 3);
	harp_primary_ack(r, 3, FORMED);
	KUNIT_ASSERT_EQ(test, r->cp, 3ULL);
	r->ap = 2;
	r->links->woken = 2;
	KUNIT_ASSERT_EQ(test, harp_fence(r, SERVING - 1, 0, &left), 0);
	return r;
}

static int feed_as(struct harp_replica *r, u64 view, u8 peer, u64 match, u64 upto)
{
	struct harp_feed feed = {
		.view = view,
		.peer = peer,
		.peer_inc = FEEDER_INC,
		.upto = upto,
	};
	struct netlink_ext_ack extack = { };
	int err = harp_feed(r, &feed, match, &extack);

	/* Whoever is refused is told why. */
	return err && !extack._msg ? -ENOMSG : err;
}

static int feed(struct harp_replica *r, u64 match)
{
	return feed_as(r, SERVING, FEEDER, match, 0);
}

/* For START of view ENTERED. */
static int feed_upto(struct harp_replica *r, u64 match, u64 upto)
{
	return feed_as(r, ENTERED, FEEDER, match, upto);
}

static void tell(struct harp_replica *r, u64 cp, u64 ap)
{
	spin_lock(&r->lock);
	r->told_cp = min(cp, harp_log_top(r->log));
	r->told_ap = min(ap, r->told_cp);
	r->cp = max(r->cp, r->told_cp);
	harp_feed_told(r, cp, ap);
	spin_unlock(&r->lock);
}

static struct harp_log_pos pos_of(struct harp_replica *r)
{
	struct harp_log_pos pos;

	harp_log_pos(r->log, &pos);
	return pos;
}

/* ---------------------------------------------------------------------- refusals */

struct bad_feed {
	const char *what;
	void (*spoil)(struct harp_replica *r);
	u64 view, match;
	u8 peer;
	int err;
	u64 upto;
};

static void spoil_media(struct harp_replica *r)
{
	r->media_failure = true;
}

static void spoil_fence(struct harp_replica *r)
{
	r->fence = r->view;
}

static void spoil_start(struct harp_replica *r)
{
	r->fence = SERVING + 1;
}

/* The header knows of a view that this object was not in. */
static void spoil_life(struct harp_replica *r)
{
	r->view = 0;
}

/* The header does not know of it yet. */
static void spoil_filling(struct harp_replica *r)
{
	r->view = FORMED + 2;
}

static void spoil_end(struct harp_replica *r)
{
	harp_links_close(r);
}

/* The log begins at 3: what is before it is on the disk, or is not. */
static void spoil_base(struct harp_replica *r)
{
	mutex_lock(harp_log_mutex(r->log));
	harp_log_discard(r->log, 2);
	mutex_unlock(harp_log_mutex(r->log));
}

static void spoil_base_and_lb(struct harp_replica *r)
{
	spoil_base(r);
	r->lb = 2;
}

static void spoil_all_applied(struct harp_replica *r)
{
	r->cp = 4;
	r->ap = 4;
}

static const struct bad_feed bad_feeds[] = {
	{ "in a view", spoil_fence, SERVING, 4, FEEDER, -EBUSY },
	{ "the lower has failed", spoil_media, SERVING, 4, FEEDER, -EIO },
	{ "ending", spoil_end, SERVING, 4, FEEDER, -ENODEV },
	{ "by itself", NULL, SERVING, 4, 0, -EINVAL },
	{ "by nobody", NULL, SERVING, 4, HARP_MEMBERS, -EINVAL },
	{ "its own view", NULL, FORMED, 4, FEEDER, -ESTALE },
	{ "an older view", NULL, FORMED - 1, 4, FEEDER, -ESTALE },
	{ "an earlier life's view", spoil_life, FORMED, 4, FEEDER, -ESTALE },
	{ "a view to be formed", spoil_filling, FORMED + 2, 4, FEEDER, -ESTALE },
	{ "beyond top", NULL, SERVING, 5, FEEDER, -ERANGE },
	{ "the last index of all", NULL, SERVING, U64_MAX, FEEDER, -ERANGE },
	{ "below base - 1", spoil_base_and_lb, SERVING, 1, FEEDER, -ERANGE },
	{ "below CP", NULL, SERVING, 2, FEEDER, -EINVAL },
	{ "below AP", spoil_all_applied, SERVING, 3, FEEDER, -EINVAL },
	{ "a gap after LB", spoil_base, SERVING, 4, FEEDER, -ENODATA },
	{ "up to below MATCH", NULL, SERVING, 4, FEEDER, -ERANGE, 3 },
	{ "up to the last index", NULL, SERVING, 4, FEEDER, -ERANGE, HARP_INDEX_MAX },
	{ "for an old START", spoil_start, SERVING, 4, FEEDER, -ESTALE, 4 },
};

static void bad_feed_name(const struct bad_feed *b, char *desc)
{
	strscpy(desc, b->what, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(bad_feed, bad_feeds, bad_feed_name);

static void feed_refuses(struct kunit *test)
{
	const struct bad_feed *bad = test->param_value;
	struct harp_replica *r = deposed(test);
	struct harp_log_pos before, after;

	if (bad->spoil)
		bad->spoil(r);
	before = pos_of(r);
	KUNIT_EXPECT_EQ(test, feed_as(r, bad->view, bad->peer, bad->match, bad->upto), bad->err);
	after = pos_of(r);
	KUNIT_EXPECT_EQ(test, memcmp(&before, &after, sizeof(before)), 0);
	KUNIT_EXPECT_FALSE(test, r->links->feed.on);
	KUNIT_EXPECT_TRUE(test, r->links->intact);
}

/* A refusal leaves the feed that is on as it is. */
static void refused_feed_ends_none(struct kunit *test)
{
	struct harp_replica *r = deposed(test);

	KUNIT_ASSERT_EQ(test, feed(r, 4), 0);
	tell(r, 4, 3);
	KUNIT_EXPECT_EQ(test, feed_as(r, SERVING + 4, 1, 5, 0), -ERANGE);
	KUNIT_EXPECT_TRUE(test, r->links->feed.on);
	KUNIT_EXPECT_EQ(test, r->links->feed.peer, FEEDER);
	KUNIT_EXPECT_EQ(test, harp_apply_limit(r), 3ULL);
}

/**
 * struct waiter - an operation that waits for its record
 * @r: the replica
 * @at: the record
 * @err: what became of it
 * @done: when that is known
 */
struct waiter {
	struct harp_replica *r;
	struct harp_at at;
	int err;
	struct completion done;
};

static int waits(void *arg)
{
	struct waiter *w = arg;

	w->err = harp_wait_applied(w->r, &w->at);
	complete(&w->done);
	return 0;
}

/* Whoever waits for a record might see another take its number. */
static void feed_wants_nobody_parked(struct kunit *test)
{
	struct harp_replica *r = deposed(test);
	struct netlink_ext_ack extack = { };
	struct waiter w = {
		.r = r,
		.at = { .index = 4, .view = FORMED, .generation = r->generation },
	};
	struct task_struct *t;

	init_completion(&w.done);
	t = kthread_run(waits, &w, "harp-waiter");
	KUNIT_ASSERT_FALSE(test, IS_ERR(t));
	while (!harp_parked(r))
		msleep(20);
	KUNIT_EXPECT_EQ(test, feed(r, 3), -EBUSY);
	KUNIT_EXPECT_EQ(test, feed(r, 4), -EBUSY);
	KUNIT_EXPECT_EQ(test, harp_log_top(r->log), 4ULL);
	KUNIT_EXPECT_EQ(test, harp_release(r, &extack), 0);
	/* It may not have gone yet, but gets no success any more. */
	KUNIT_EXPECT_EQ(test, feed(r, 3), 0);
	wait_for_completion(&w.done);
	KUNIT_EXPECT_EQ(test, w.err, -ESTALE);
}

static void feed_refuses_records(struct kunit *test)
{
	struct harp_rec rec = { .index = 7, .view = SERVING };

	KUNIT_EXPECT_NULL(test, harp_feed_refuses(SERVING, 7, &rec));
	KUNIT_EXPECT_NOT_NULL(test, harp_feed_refuses(SERVING, 6, &rec));
	KUNIT_EXPECT_NOT_NULL(test, harp_feed_refuses(SERVING - 1, 7, &rec));
	rec.view = FORMED;
	KUNIT_EXPECT_NULL(test, harp_feed_refuses(SERVING, 7, &rec));
}

/* -------------------------------------------------------------- the log of the last view */

static void feed_leaves_the_old_log_whole(struct kunit *test)
{
	struct harp_replica *r = deposed(test);
	struct harp_log_pos before = pos_of(r), after;
	u32 generation = r->generation;
	u64 fence = r->fence;

	KUNIT_ASSERT_EQ(test, feed(r, 4), 0);
	append_view(test, r, SERVING);
	append_noops(test, r, SERVING, 2);
	after = pos_of(r);
	KUNIT_EXPECT_EQ(test, after.top, 7ULL);
	KUNIT_EXPECT_EQ(test, after.wm, before.wm);
	KUNIT_EXPECT_EQ(test, after.formed, (u64)FORMED);
	KUNIT_EXPECT_TRUE(test, after.complete);
	KUNIT_EXPECT_TRUE(test, r->links->intact);
	KUNIT_EXPECT_EQ(test, r->generation, generation);
	KUNIT_EXPECT_EQ(test, r->fence, fence);
	KUNIT_EXPECT_EQ(test, r->view, (u64)FORMED);
	KUNIT_EXPECT_EQ(test, (int)r->role, HARP_ROLE_PRIMARY);
}

static bool header_says_complete(struct harp_replica *r, int copy)
{
	const struct harp_region_hdr *h = r->log->region->base + copy * HARP_REGION_HDR_STRIDE;

	return h->flags & HARP_REGION_COMPLETE;
}

/* Finding 2: neither header that is left of a cut says that the log is whole. */
static void feed_says_so_before_it_cuts(struct kunit *test)
{
	struct harp_replica *r = deposed(test);
	u32 generation = r->generation;
	struct harp_log_pos pos;

	KUNIT_ASSERT_TRUE(test, header_says_complete(r, r->log->copy));
	KUNIT_ASSERT_EQ(test, feed(r, 3), 0);
	KUNIT_EXPECT_FALSE(test, header_says_complete(r, 0));
	KUNIT_EXPECT_FALSE(test, header_says_complete(r, 1));
	pos = pos_of(r);
	KUNIT_EXPECT_EQ(test, pos.top, 3ULL);
	KUNIT_EXPECT_EQ(test, pos.formed, (u64)FORMED);
	KUNIT_EXPECT_FALSE(test, pos.complete);
	KUNIT_EXPECT_FALSE(test, r->links->intact);
	/* Record 4 was decided upon: what is cached is void. */
	KUNIT_EXPECT_EQ(test, r->generation, generation + 1);
	/* And a second one at the top does not mend it. */
	KUNIT_ASSERT_EQ(test, feed(r, 3), 0);
	KUNIT_EXPECT_FALSE(test, pos_of(r).complete);
	KUNIT_EXPECT_FALSE(test, r->links->intact);
}

static void fill(struct kunit *test, struct harp_replica *r, u64 view, u32 pct)
{
	u32 len = 64 << 10, cap = HARP_REC_OVERHEAD_MAX + len;
	void *buf = kunit_kzalloc(test, cap, GFP_KERNEL), *data;
	struct harp_sec_inode *s;
	struct harp_builder b;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	while (harp_log_fill(r->log) < pct) {
		harp_build_begin(&b, buf, cap, HARP_REC_WRITE);
		s = harp_build_inode(&b, HARP_ROLE_OBJECT, HARP_FID_FIRST);
		KUNIT_ASSERT_NOT_NULL(test, s);
		s->mode = cpu_to_le32(S_IFREG | 0600);
		s->nlink = cpu_to_le32(1);
		s->state = HARP_STATE_LIVE;
		s->size = cpu_to_le64(len);
		KUNIT_ASSERT_NOT_NULL(test, harp_build_data(&b, 0, len, &data));
		KUNIT_ASSERT_EQ(test, append(r, &b, view), 0);
	}
}

static void durable(struct harp_replica *r, u64 lb)
{
	r->ap = max(r->ap, lb);
	r->lb = lb;
	harp_discard_work(&r->links->discard_work);
}

/* Room is made when it is wanted, of what is on the disk; the header says first what ends. */
static void feed_discards_for_room(struct kunit *test)
{
	struct harp_replica *r = deposed(test);
	u64 top;

	KUNIT_ASSERT_EQ(test, feed(r, 4), 0);
	append_view(test, r, SERVING);
	fill(test, r, SERVING, HARP_REGION_LOW_PCT / 2);
	top = harp_log_top(r->log);
	tell(r, top, top);
	durable(r, 4);
	KUNIT_EXPECT_EQ(test, pos_of(r).base, 1ULL);
	fill(test, r, SERVING, HARP_REGION_LOW_PCT);
	top = harp_log_top(r->log);
	tell(r, top, top);
	/* What is applied is not on the disk yet. */
	r->ap = top;
	/* The last record of the old log is where a walk would begin: nothing of it is lost. */
	durable(r, 4);
	KUNIT_EXPECT_EQ(test, pos_of(r).base, 5ULL);
	KUNIT_EXPECT_TRUE(test, pos_of(r).complete);
	KUNIT_EXPECT_TRUE(test, r->links->intact);
	/* From here on a walk would find nothing, and not know that it has lost anything. */
	durable(r, 5);
	KUNIT_EXPECT_EQ(test, pos_of(r).base, 6ULL);
	KUNIT_EXPECT_FALSE(test, header_says_complete(r, 0));
	KUNIT_EXPECT_FALSE(test, header_says_complete(r, 1));
	KUNIT_EXPECT_FALSE(test, r->links->intact);
	durable(r, top);
	KUNIT_EXPECT_EQ(test, pos_of(r).base, top + 1);
	/* Only while it is fed. */
	fill(test, r, SERVING, HARP_REGION_LOW_PCT);
	harp_leave(r);
	durable(r, harp_log_top(r->log));
	KUNIT_EXPECT_EQ(test, pos_of(r).base, top + 1);
}

/* S3: what is not in the log is on the disk, and that is all that is known. */
static void feed_fills_a_fresh_log(struct kunit *test)
{
	struct harp_replica *r = replica(test, 7);

	KUNIT_EXPECT_EQ(test, feed(r, 6), -ERANGE);
	KUNIT_EXPECT_EQ(test, feed(r, 8), -ERANGE);
	KUNIT_ASSERT_EQ(test, feed(r, 7), 0);
	append_noops(test, r, SERVING, 2);
	KUNIT_EXPECT_EQ(test, pos_of(r).base, 8ULL);
	KUNIT_EXPECT_EQ(test, pos_of(r).top, 9ULL);
	KUNIT_EXPECT_FALSE(test, pos_of(r).complete);
	KUNIT_EXPECT_FALSE(test, r->links->intact);
}

/*
 * What was fed, applied and synced is not in the log that a restart finds: its files are
 * ahead of it.
 */
static void feed_starts_the_log_again_after_lb(struct kunit *test)
{
	struct harp_replica *r = deposed(test);
	struct harp_log_pos pos;

	r->lb = 9;
	r->ap = 9;
	r->cp = 9;
	KUNIT_EXPECT_EQ(test, feed(r, 4), -EINVAL);
	KUNIT_EXPECT_EQ(test, feed(r, 8), -ERANGE);
	KUNIT_EXPECT_EQ(test, feed(r, 10), -ERANGE);
	/* What comes after LB is needed, if it is applied. */
	r->ap = 10;
	r->cp = 10;
	KUNIT_EXPECT_EQ(test, feed(r, 9), -ERANGE);
	r->ap = 9;
	r->cp = 9;
	KUNIT_EXPECT_TRUE(test, pos_of(r).complete);
	KUNIT_ASSERT_EQ(test, feed(r, 9), 0);
	pos = pos_of(r);
	KUNIT_EXPECT_EQ(test, pos.base, 10ULL);
	KUNIT_EXPECT_EQ(test, pos.top, 9ULL);
	KUNIT_EXPECT_EQ(test, pos.formed, (u64)FORMED);
	KUNIT_EXPECT_FALSE(test, header_says_complete(r, 0));
	KUNIT_EXPECT_FALSE(test, header_says_complete(r, 1));
	KUNIT_EXPECT_FALSE(test, r->links->intact);
	append_noops(test, r, SERVING, 1);
	KUNIT_EXPECT_EQ(test, pos_of(r).top, 10ULL);
}

/* -------------------------------------------------------------------- its end, and apply */

/* N4, I3: as far as both were told; and no further when it is over. */
static void feed_applies_what_was_told(struct kunit *test)
{
	struct harp_replica *r = deposed(test);

	KUNIT_ASSERT_EQ(test, feed(r, 4), 0);
	KUNIT_EXPECT_LE(test, harp_apply_limit(r), r->ap);
	tell(r, 4, 3);
	KUNIT_EXPECT_EQ(test, harp_apply_limit(r), 3ULL);
	tell(r, 3, 4);
	KUNIT_EXPECT_EQ(test, harp_apply_limit(r), 3ULL);
	/* Of another feed nothing is told yet. */
	KUNIT_ASSERT_EQ(test, feed(r, 4), 0);
	KUNIT_EXPECT_LE(test, harp_apply_limit(r), r->ap);
	tell(r, 4, 4);
	r->media_failure = true;
	KUNIT_EXPECT_LE(test, harp_apply_limit(r), r->ap);
}

/* I4: what an earlier life may have applied is redone when all of it is here. */
static void feed_redoes(struct kunit *test)
{
	struct harp_replica *r = replica(test, 7);

	KUNIT_ASSERT_EQ(test, feed(r, 7), 0);
	append_noops(test, r, SERVING, 2);
	tell(r, 20, 20);
	KUNIT_EXPECT_EQ(test, r->redo_to, 20ULL);
	KUNIT_EXPECT_LE(test, harp_apply_limit(r), r->ap);
	/* It is not what has been committed since. */
	tell(r, 30, 30);
	KUNIT_EXPECT_EQ(test, r->redo_to, 20ULL);
	append_noops(test, r, SERVING, 12);
	tell(r, 30, 30);
	KUNIT_EXPECT_EQ(test, harp_apply_limit(r), 21ULL);
	/* Of what began, and did not come to redo, another feed knows better. */
	KUNIT_ASSERT_EQ(test, feed(r, 21), 0);
	tell(r, 40, 40);
	KUNIT_EXPECT_EQ(test, r->redo_to, 40ULL);
	KUNIT_EXPECT_LE(test, harp_apply_limit(r), r->ap);
	/* And it was all in a log of this size. */
	spin_lock(&r->lock);
	harp_feed_full(r);
	spin_unlock(&r->lock);
	KUNIT_EXPECT_EQ(test, harp_apply_limit(r), 21ULL);
	r->redo_ready = true;
	KUNIT_ASSERT_EQ(test, feed(r, 21), 0);
	tell(r, 50, 50);
	KUNIT_EXPECT_EQ(test, r->redo_to, 21ULL);
}

/* Room that can be made is made first. */
static void feed_redo_waits_for_room(struct kunit *test)
{
	struct harp_replica *r = replica(test, 0);

	append_view(test, r, FORMED);
	append_noops(test, r, FORMED, 2);
	r->lb = 2;
	r->ap = 2;
	r->cp = 2;
	KUNIT_ASSERT_EQ(test, feed(r, 3), 0);
	tell(r, 9, 9);
	spin_lock(&r->lock);
	harp_feed_full(r);
	KUNIT_EXPECT_EQ(test, r->redo_to, 9ULL);
	spin_unlock(&r->lock);
	spoil_base(r);
	spin_lock(&r->lock);
	harp_feed_full(r);
	KUNIT_EXPECT_EQ(test, r->redo_to, 3ULL);
	spin_unlock(&r->lock);
}

static void end_by_fence(struct kunit *test, struct harp_replica *r)
{
	u32 left;

	/* Who asks again for the view it is fenced at changes nothing. */
	KUNIT_EXPECT_EQ(test, harp_fence(r, r->fence, 0, &left), 0);
	KUNIT_EXPECT_TRUE(test, r->links->feed.on);
	KUNIT_EXPECT_EQ(test, harp_fence(r, r->fence - 1, 0, &left), -EINVAL);
	KUNIT_EXPECT_TRUE(test, r->links->feed.on);
	/* A refused one does not, either. */
	r->hold_until = ktime_add_ms(ktime_get_boottime(), 100000);
	KUNIT_EXPECT_EQ(test, harp_fence(r, r->fence + 4, 0, &left), -EBUSY);
	KUNIT_EXPECT_TRUE(test, r->links->feed.on);
	r->hold_until = 0;
	KUNIT_EXPECT_EQ(test, harp_fence(r, r->fence + 4, 0, &left), 0);
}

static void end_by_leave(struct kunit *test, struct harp_replica *r)
{
	harp_leave(r);
}

static void end_by_media(struct kunit *test, struct harp_replica *r)
{
	harp_media_failure(r, -EIO, "test", 3);
}

static void end_by_start(struct kunit *test, struct harp_replica *r)
{
	struct harp_sec_view v = view_of(12, 9, FORMED);

	/* Records are missing here: refused, but the feed is over. */
	KUNIT_EXPECT_EQ(test, start(r, &v, 4), -ENODATA);
}

struct feed_end {
	const char *what;
	void (*end)(struct kunit *test, struct harp_replica *r);
};

static const struct feed_end feed_ends[] = {
	{ "a fence", end_by_fence },
	{ "LEAVE", end_by_leave },
	{ "a media failure", end_by_media },
	{ "VIEW_START", end_by_start },
};

static void feed_end_name(const struct feed_end *e, char *desc)
{
	strscpy(desc, e->what, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(feed_end, feed_ends, feed_end_name);

static void feed_ends_at(struct kunit *test)
{
	const struct feed_end *e = test->param_value;
	struct harp_replica *r = deposed(test);
	struct netlink_ext_ack extack = { };

	KUNIT_ASSERT_EQ(test, harp_release(r, &extack), 0);
	/* Who was a backup might go on as one. */
	r->role = HARP_ROLE_BACKUP;
	KUNIT_ASSERT_EQ(test, feed(r, 4), 0);
	tell(r, 4, 4);
	KUNIT_ASSERT_EQ(test, harp_apply_limit(r), 4ULL);
	e->end(test, r);
	KUNIT_EXPECT_FALSE(test, r->links->feed.on);
	KUNIT_EXPECT_LE(test, harp_apply_limit(r), r->ap);
}

/* A member that was primary and is again has not seen what was applied in between. */
static void start_after_a_feed(struct kunit *test)
{
	struct harp_replica *r = deposed(test);
	u32 generation = r->generation;
	struct harp_sec_view v;

	KUNIT_ASSERT_EQ(test, feed(r, 4), 0);
	append_view(test, r, SERVING);
	tell(r, 5, 5);
	r->ap = 5;
	r->links->woken = 5;
	v = view_of(12, 5, SERVING);
	KUNIT_ASSERT_EQ(test, start(r, &v, 5), 0);
	KUNIT_EXPECT_EQ(test, r->generation, generation + 1);
	KUNIT_EXPECT_EQ(test, pos_of(r).formed, 12ULL);
	KUNIT_EXPECT_EQ(test, pos_of(r).wm, 6ULL);
	KUNIT_EXPECT_TRUE(test, pos_of(r).complete);
	KUNIT_EXPECT_TRUE(test, r->links->intact);
	/* Primary before and after, and nothing in between: what it has cached holds. */
	harp_leave(r);
	v = view_of(16, 6, 12);
	KUNIT_ASSERT_EQ(test, start(r, &v, 6), 0);
	KUNIT_EXPECT_EQ(test, r->generation, generation + 1);
}

/* -------------------------------------------------------------------- what START is to commit */

/* All that START has is here, up to 8; of it only 4 is known to be committed. */
static struct harp_replica *fed_before_start(struct kunit *test)
{
	struct harp_replica *r = deposed(test);

	KUNIT_ASSERT_EQ(test, feed_upto(r, 4, 8), 0);
	append_view(test, r, SERVING);
	append_noops(test, r, SERVING, 3);
	tell(r, 4, 4);
	return r;
}

static struct harp_sec_view as_backup(struct harp_sec_view v)
{
	swap(v.primary, v.backup);
	swap(v.primary_inc, v.backup_inc);
	return v;
}

static void upto_commits_nothing(struct kunit *test)
{
	struct harp_replica *r = fed_before_start(test);

	KUNIT_EXPECT_EQ(test, r->cp, 4ULL);
	KUNIT_EXPECT_EQ(test, harp_apply_limit(r), 4ULL);
	KUNIT_EXPECT_EQ(test, pos_of(r).formed, (u64)FORMED);
	/* Whoever else feeds it knows better. */
	KUNIT_EXPECT_EQ(test, feed_upto(r, 3, 8), -EINVAL);
	KUNIT_EXPECT_EQ(test, feed_upto(r, 6, 6), 0);
	KUNIT_EXPECT_EQ(test, harp_log_top(r->log), 6ULL);
	KUNIT_EXPECT_EQ(test, feed_as(r, ENTERED, 1, 6, 0), 0);
	KUNIT_EXPECT_EQ(test, r->links->feed.upto, 0ULL);
	/* A feed of what is committed may also come after a view that was not. */
	r->fence = ENTERED + 1;
	KUNIT_EXPECT_EQ(test, feed_upto(r, 6, 0), 0);
	KUNIT_EXPECT_EQ(test, feed_upto(r, 6, 6), -ESTALE);
}

static void expect_entered(struct kunit *test, struct harp_replica *r, u64 s)
{
	struct harp_log_pos pos = pos_of(r);

	KUNIT_EXPECT_FALSE(test, r->links->feed.on);
	KUNIT_EXPECT_FALSE(test, r->links->filling);
	KUNIT_EXPECT_TRUE(test, r->links->intact);
	KUNIT_EXPECT_TRUE(test, pos.complete);
	KUNIT_EXPECT_EQ(test, pos.formed, (u64)ENTERED);
	KUNIT_EXPECT_EQ(test, pos.top, s + 1);
	KUNIT_EXPECT_EQ(test, pos.wm, s + 1);
	/* Nothing is committed by it. */
	KUNIT_EXPECT_EQ(test, r->cp, 4ULL);
	KUNIT_EXPECT_LE(test, harp_apply_limit(r), r->ap);
}

static void upto_then_primary(struct kunit *test)
{
	struct harp_replica *r = fed_before_start(test);
	struct harp_sec_view v = view_of(ENTERED, 8, SERVING);

	KUNIT_ASSERT_EQ(test, start(r, &v, 8), 0);
	expect_entered(test, r, 8);
	harp_primary_ack(r, 8, ENTERED);
	KUNIT_EXPECT_LE(test, harp_apply_limit(r), r->ap);
	harp_primary_ack(r, 9, ENTERED);
	KUNIT_EXPECT_EQ(test, harp_apply_limit(r), 9ULL);
}

static void upto_then_backup(struct kunit *test)
{
	struct harp_replica *r = fed_before_start(test);
	struct harp_sec_view v = as_backup(view_of(ENTERED, 8, SERVING));

	KUNIT_ASSERT_EQ(test, start(r, &v, 8), 0);
	expect_entered(test, r, 8);
}

/* START decides, whatever was fed before. */
static void upto_then_cut(struct kunit *test)
{
	struct harp_replica *r = fed_before_start(test);
	struct harp_sec_view v = view_of(ENTERED, 6, SERVING);
	u32 generation = r->generation;

	KUNIT_ASSERT_EQ(test, start(r, &v, 3), -EINVAL);
	KUNIT_ASSERT_EQ(test, start(r, &v, 6), 0);
	expect_entered(test, r, 6);
	KUNIT_EXPECT_EQ(test, r->generation, generation + 1);
}

/* A lost log, and records after it of a START that came to nothing: the next one begins at LB. */
static void upto_then_cut_to_a_lost_end(struct kunit *test)
{
	struct harp_view_from from = { .match = 7, .crc_of_s = 0x5eed };
	struct harp_replica *r = replica(test, 7);
	struct harp_sec_view v = as_backup(view_of(ENTERED, 7, FORMED));
	struct netlink_ext_ack extack = { };

	KUNIT_ASSERT_EQ(test, feed_upto(r, 7, 12), 0);
	append_noops(test, r, SERVING, 5);
	KUNIT_EXPECT_EQ(test, harp_view_start(r, &v, sizeof(v), &from, &extack), -ENODATA);
	KUNIT_EXPECT_EQ(test, pos_of(r).top, 12ULL);
	from.crc_known = true;
	/* What was applied of them is not given up. */
	r->ap = 8;
	KUNIT_EXPECT_EQ(test, harp_view_start(r, &v, sizeof(v), &from, &extack), -EINVAL);
	r->ap = 7;
	KUNIT_ASSERT_EQ(test, harp_view_start(r, &v, sizeof(v), &from, &extack), 0);
	KUNIT_EXPECT_EQ(test, pos_of(r).base, 8ULL);
	KUNIT_EXPECT_EQ(test, pos_of(r).top, 8ULL);
	KUNIT_EXPECT_EQ(test, harp_log_view_at(r->log, 7), (u64)FORMED);
	KUNIT_EXPECT_EQ(test, harp_log_view_at(r->log, 8), (u64)ENTERED);
	KUNIT_EXPECT_TRUE(test, pos_of(r).complete);
}

/* I4: what is not known to be committed may have been applied by an earlier life. */
static void upto_redoes(struct kunit *test)
{
	struct harp_replica *r = replica(test, 7);
	struct harp_sec_view v = view_of(ENTERED, 10, SERVING);

	KUNIT_ASSERT_EQ(test, feed_upto(r, 7, 12), 0);
	append_noops(test, r, SERVING, 5);
	tell(r, 8, 8);
	KUNIT_EXPECT_EQ(test, r->cp, 8ULL);
	KUNIT_EXPECT_EQ(test, r->redo_to, 12ULL);
	KUNIT_EXPECT_LE(test, harp_apply_limit(r), r->ap);
	KUNIT_ASSERT_EQ(test, feed_upto(r, 12, 13), 0);
	tell(r, 9, 9);
	KUNIT_EXPECT_EQ(test, r->redo_to, 13ULL);
	/* A full log ends it, but commits nothing. */
	spin_lock(&r->lock);
	harp_feed_full(r);
	spin_unlock(&r->lock);
	KUNIT_EXPECT_EQ(test, r->redo_to, 12ULL);
	KUNIT_EXPECT_LE(test, harp_apply_limit(r), r->ap);
	KUNIT_ASSERT_EQ(test, start(r, &v, 10), 0);
	KUNIT_EXPECT_EQ(test, r->redo_to, 10ULL);
	KUNIT_EXPECT_LE(test, harp_apply_limit(r), r->ap);
	harp_primary_ack(r, 11, ENTERED);
	KUNIT_EXPECT_EQ(test, harp_apply_limit(r), 11ULL);
}

/* What is said to be committed may be more. */
static void upto_redoes_what_was_told(struct kunit *test)
{
	struct harp_replica *r = replica(test, 7);

	KUNIT_ASSERT_EQ(test, feed_upto(r, 7, 9), 0);
	append_noops(test, r, SERVING, 5);
	tell(r, 12, 12);
	KUNIT_EXPECT_EQ(test, r->redo_to, 12ULL);
	KUNIT_EXPECT_EQ(test, harp_apply_limit(r), 12ULL);
}

static struct kunit_case feed_cases[] = {
	KUNIT_CASE_PARAM(feed_refuses, bad_feed_gen_params),
	KUNIT_CASE(refused_feed_ends_none),
	KUNIT_CASE(feed_wants_nobody_parked),
	KUNIT_CASE(feed_refuses_records),
	KUNIT_CASE(feed_leaves_the_old_log_whole),
	KUNIT_CASE(feed_says_so_before_it_cuts),
	KUNIT_CASE(feed_discards_for_room),
	KUNIT_CASE(feed_fills_a_fresh_log),
	KUNIT_CASE(feed_starts_the_log_again_after_lb),
	KUNIT_CASE(feed_applies_what_was_told),
	KUNIT_CASE(feed_redoes),
	KUNIT_CASE(feed_redo_waits_for_room),
	KUNIT_CASE_PARAM(feed_ends_at, feed_end_gen_params),
	KUNIT_CASE(start_after_a_feed),
	KUNIT_CASE(upto_commits_nothing),
	KUNIT_CASE(upto_then_primary),
	KUNIT_CASE(upto_then_backup),
	KUNIT_CASE(upto_then_cut),
	KUNIT_CASE(upto_then_cut_to_a_lost_end),
	KUNIT_CASE(upto_redoes),
	KUNIT_CASE(upto_redoes_what_was_told),
	{}
};

static struct kunit_suite feed_suite = {
	.name = "harp_feed",
	.exit = replica_exit,
	.test_cases = feed_cases,
};

kunit_test_suite(feed_suite);
