// SPDX-License-Identifier: GPL-2.0
/* KUnit: VIEW_START, ACKs, release on a replica without lower and link (V6, N3, G3). */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/netlink.h>
#include <net/net_namespace.h>
#include "dataplane.h"
#include "node.h"
#include "test_view.h"

static struct harp_replica *made[2];

static struct harp_replica *replica(struct kunit *test, u8 member)
{
	struct harp_replica_params p = {
		.group = "kunit-views",
		.member = member,
		.lineage = LINEAGE,
		.epoch = 3,
		.inc = 70 + member,
		.region = { .kind = HARP_REGION_MEM, .size = HARP_REGION_MIN },
		.net = &init_net,
	};
	struct harp_replica *r = harp_replica_alloc(&p);
	int err;

	KUNIT_ASSERT_NOT_NULL(test, r);
	made[member] = r;
	r->log = harp_log_open(&p.region, &r->uuid, member, LINEAGE, 3, p.inc, &r->found);
	KUNIT_ASSERT_FALSE(test, IS_ERR(r->log));
	mutex_lock(harp_log_mutex(r->log));
	err = harp_log_format(r->log, 1, 0, 0, 0, true);
	mutex_unlock(harp_log_mutex(r->log));
	KUNIT_ASSERT_EQ(test, err, 0);
	return r;
}

static void replica_exit(struct kunit *test)
{
	int i;

	for (i = 0; i < 2; i++) {
		if (!made[i])
			continue;
		if (IS_ERR(made[i]->log))
			made[i]->log = NULL;
		made[i]->nodes = NULL;		/* fake_lower() */
		harp_replica_put(made[i]);
		made[i] = NULL;
	}
}

static int start(struct harp_replica *r, const struct harp_sec_view *v, u64 match)
{
	const struct harp_view_from from = { .match = match };
	struct netlink_ext_ack extack = { };
	int err = harp_view_start(r, v, sizeof(*v), &from, &extack);

	/* Whoever is refused is told why. */
	return err && !extack._msg ? -ENOMSG : err;
}

static u64 append_noop(struct kunit *test, struct harp_replica *r)
{
	struct harp_builder b;
	u64 index = 0;
	void *buf = kunit_kzalloc(test, 256, GFP_KERNEL);
	int err;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	harp_build_begin(&b, buf, 256, HARP_REC_NOOP);
	KUNIT_ASSERT_EQ(test, harp_build_finish(&b), 0);
	mutex_lock(harp_log_mutex(r->log));
	err = harp_log_append(r->log, b.buf, r->view, 1, 0, &index);
	mutex_unlock(harp_log_mutex(r->log));
	KUNIT_ASSERT_EQ(test, err, 0);
	return index;
}

struct bad_view {
	const char *what;
	void (*spoil)(struct harp_sec_view *v);
	int err;
};

static void spoil_type(struct harp_sec_view *v)
{
	v->sec.type = 0;
}

static void spoil_len(struct harp_sec_view *v)
{
	v->sec.len = cpu_to_le32(64);
}

static void spoil_nvoid(struct harp_sec_view *v)
{
	v->nvoid = cpu_to_le16(1);
}

static void spoil_lineage(struct harp_sec_view *v)
{
	v->lineage = cpu_to_le64(6);
}

static void spoil_epoch(struct harp_sec_view *v)
{
	v->epoch = cpu_to_le32(2);
}

static void spoil_inc(struct harp_sec_view *v)
{
	v->primary_inc = cpu_to_le64(69);
}

static void spoil_promise_short(struct harp_sec_view *v)
{
	v->promise_ms = cpu_to_le32(HARP_PROMISE_MIN_MS - 1);
}

static void spoil_promise_long(struct harp_sec_view *v)
{
	v->promise_ms = cpu_to_le32(HARP_PROMISE_CAP_MS + 1);
}

static void spoil_roles_equal(struct harp_sec_view *v)
{
	v->backup = 0;
}

static void spoil_slot(struct harp_sec_view *v)
{
	v->backup = HARP_MEMBERS;
}

static void spoil_not_me(struct harp_sec_view *v)
{
	v->primary = 2;
}

static void spoil_s(struct harp_sec_view *v)
{
	v->s = cpu_to_le64(1);
}

static void spoil_s_wraps(struct harp_sec_view *v)
{
	v->s = cpu_to_le64(U64_MAX);
	/* As a backup: it may lack records. */
	v->primary = 1;
	v->backup = 0;
	v->primary_inc = cpu_to_le64(71);
	v->backup_inc = cpu_to_le64(70);
}

static void spoil_view(struct harp_sec_view *v)
{
	v->view = 0;
}

static const struct bad_view bad_views[] = {
	{ "type", spoil_type, -EINVAL },
	{ "length", spoil_len, -EINVAL },
	{ "voids that are not there", spoil_nvoid, -EINVAL },
	{ "lineage", spoil_lineage, -EINVAL },
	{ "epoch", spoil_epoch, -EINVAL },
	{ "incarnation", spoil_inc, -ESTALE },
	{ "short promise", spoil_promise_short, -ERANGE },
	{ "long promise", spoil_promise_long, -ERANGE },
	{ "primary is backup", spoil_roles_equal, -EINVAL },
	{ "slot", spoil_slot, -EINVAL },
	{ "not a member", spoil_not_me, -EINVAL },
	{ "records missing", spoil_s, -ENODATA },
	{ "the last index of all", spoil_s_wraps, -ERANGE },
	{ "view 0", spoil_view, -EINVAL },
};

static void bad_view_name(const struct bad_view *b, char *desc)
{
	strscpy(desc, b->what, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(bad_view, bad_views, bad_view_name);

static void view_start_refuses(struct kunit *test)
{
	const struct bad_view *bad = test->param_value;
	struct harp_replica *r = replica(test, 0);
	struct harp_sec_view v = view_of(4, 0, 0);

	bad->spoil(&v);
	KUNIT_EXPECT_EQ(test, start(r, &v, 0), bad->err);
	KUNIT_EXPECT_EQ(test, (int)r->role, HARP_ROLE_NONE_);
	KUNIT_EXPECT_EQ(test, harp_log_top(r->log), 0ULL);
	KUNIT_EXPECT_EQ(test, r->fence, 0ULL);
}

static void view_start_is_the_same_on_both(struct kunit *test)
{
	struct harp_replica *p = replica(test, 0), *b = replica(test, 1);
	struct harp_sec_view v = view_of(4, 0, 0);
	const struct harp_rec_hdr *one, *two;
	struct harp_log_pos pos;

	KUNIT_EXPECT_EQ(test, start(p, &v, 0), 0);
	KUNIT_EXPECT_EQ(test, start(b, &v, 0), 0);
	KUNIT_EXPECT_EQ(test, (int)p->role, HARP_ROLE_PRIMARY);
	KUNIT_EXPECT_EQ(test, (int)b->role, HARP_ROLE_BACKUP);
	KUNIT_EXPECT_EQ(test, p->peer_inc, 71ULL);
	KUNIT_EXPECT_EQ(test, p->generation, 1U);
	one = harp_log_get(p->log, 1);
	two = harp_log_get(b->log, 1);
	KUNIT_ASSERT_NOT_NULL(test, one);
	KUNIT_ASSERT_NOT_NULL(test, two);
	KUNIT_ASSERT_EQ(test, one->len, two->len);
	KUNIT_EXPECT_EQ(test, memcmp(one, two, le32_to_cpu(one->len)), 0);
	harp_log_pos(b->log, &pos);
	KUNIT_EXPECT_EQ(test, pos.formed, 4ULL);
	KUNIT_EXPECT_EQ(test, pos.wm, 1ULL);
	KUNIT_EXPECT_TRUE(test, pos.complete);
	KUNIT_EXPECT_FALSE(test, p->serving);
	/* The same view again is an old one (S2). */
	KUNIT_EXPECT_EQ(test, start(p, &v, 0), -ESTALE);
}

struct view_voids {
	struct harp_sec_view v;
	__le64 voids[2];
};

static int start_voids(struct harp_replica *r, struct view_voids *vv, u64 first, u64 second,
		       u64 match)
{
	const struct harp_view_from from = { .match = match };
	struct netlink_ext_ack extack = { };
	int err;

	vv->v.nvoid = cpu_to_le16(2);
	vv->v.sec.len = cpu_to_le32(sizeof(*vv));
	vv->voids[0] = cpu_to_le64(first);
	vv->voids[1] = cpu_to_le64(second);
	err = harp_view_start(r, &vv->v, sizeof(*vv), &from, &extack);
	return err && !extack._msg ? -ENOMSG : err;
}

/* P2: a view may make records nothing that nobody here has applied. */
static void view_start_voids_records(struct kunit *test)
{
	struct harp_replica *r = replica(test, 0), *b = replica(test, 1);
	struct harp_sec_view v = view_of(4, 0, 0);
	struct view_voids vv = { .v = view_of(8, 4, 4) };
	const struct harp_rec_hdr *one, *two;
	u32 generation, left;
	int i;

	KUNIT_ASSERT_EQ(test, start(r, &v, 0), 0);
	KUNIT_ASSERT_EQ(test, start(b, &v, 0), 0);
	for (i = 2; i <= 4; i++) {
		KUNIT_ASSERT_EQ(test, append_noop(test, r), (u64)i);
		mutex_lock(harp_log_mutex(b->log));
		KUNIT_ASSERT_EQ(test, harp_log_append_raw(b->log, harp_log_get(r->log, i)), 0);
		mutex_unlock(harp_log_mutex(b->log));
	}
	KUNIT_ASSERT_EQ(test, harp_fence(r, 7, 0, &left), 0);
	KUNIT_ASSERT_EQ(test, harp_fence(b, 7, 0, &left), 0);
	generation = r->generation;
	r->ap = 2;
	b->ap = 1;
	KUNIT_EXPECT_EQ(test, start_voids(r, &vv, 0, 3, 4), -ERANGE);
	KUNIT_EXPECT_EQ(test, start_voids(r, &vv, 3, 5, 4), -ERANGE);
	/* It is in the lower: the copies would not be the same. */
	KUNIT_EXPECT_EQ(test, start_voids(r, &vv, 2, 3, 4), -EINVAL);
	KUNIT_EXPECT_EQ(test, r->view, 4ULL);
	KUNIT_EXPECT_EQ(test, harp_log_top(r->log), 4ULL);
	KUNIT_ASSERT_EQ(test, start_voids(r, &vv, 3, 4, 4), 0);
	KUNIT_ASSERT_EQ(test, start_voids(b, &vv, 3, 4, 4), 0);
	/* What was decided on them is void, too. */
	KUNIT_EXPECT_EQ(test, r->generation, generation + 1);
	KUNIT_EXPECT_FALSE(test, harp_log_void(r->log, 2));
	KUNIT_EXPECT_TRUE(test, harp_log_void(r->log, 3));
	KUNIT_EXPECT_TRUE(test, harp_log_void(b->log, 4));
	one = harp_log_get(r->log, 5);
	two = harp_log_get(b->log, 5);
	KUNIT_ASSERT_NOT_NULL(test, one);
	KUNIT_ASSERT_NOT_NULL(test, two);
	KUNIT_EXPECT_EQ(test, one->crc, two->crc);
	/* A later view may say it again, past them. */
	r->ap = 5;
	vv.v = view_of(12, 5, 8);
	KUNIT_ASSERT_EQ(test, harp_fence(r, 11, 0, &left), 0);
	KUNIT_EXPECT_EQ(test, start_voids(r, &vv, 3, 4, 5), 0);
}

static void view_start_heeds_fence_and_promise(struct kunit *test)
{
	struct harp_replica *r = replica(test, 1);
	struct harp_sec_view v = view_of(4, 0, 0);
	u32 left;

	KUNIT_ASSERT_EQ(test, harp_fence(r, 8, 0, &left), 0);
	KUNIT_EXPECT_EQ(test, start(r, &v, 0), -EINVAL);
	v = view_of(8, 0, 0);
	r->hold_until = ktime_add_ms(ktime_get_boottime(), 100000);
	KUNIT_EXPECT_EQ(test, start(r, &v, 0), -EBUSY);
	r->hold_until = 0;
	KUNIT_EXPECT_EQ(test, start(r, &v, 0), 0);
}

/* The uncommitted rest of an earlier view goes; what is committed must not. */
static void view_start_cuts(struct kunit *test)
{
	struct harp_replica *r = replica(test, 0);
	struct harp_sec_view v = view_of(4, 0, 0);
	u32 generation;

	KUNIT_ASSERT_EQ(test, start(r, &v, 0), 0);
	KUNIT_ASSERT_EQ(test, append_noop(test, r), 2ULL);
	KUNIT_ASSERT_EQ(test, append_noop(test, r), 3ULL);
	harp_primary_ack(r, 2, 4);
	KUNIT_ASSERT_EQ(test, r->cp, 2ULL);
	generation = r->generation;
	v = view_of(8, 1, 4);
	KUNIT_EXPECT_EQ(test, start(r, &v, 1), -EINVAL);
	v = view_of(8, 2, 3);		/* not the view of record 2 here */
	KUNIT_EXPECT_EQ(test, start(r, &v, 2), -EINVAL);
	v = view_of(8, 2, 4);
	KUNIT_EXPECT_EQ(test, start(r, &v, 2), 0);
	KUNIT_EXPECT_EQ(test, harp_log_top(r->log), 3ULL);
	KUNIT_EXPECT_EQ(test, harp_log_view_at(r->log, 3), 8ULL);
	/* Primary before and after, but record 3 was decided upon: caches are void. */
	KUNIT_EXPECT_EQ(test, r->generation, generation + 1);
	KUNIT_EXPECT_EQ(test, r->cp, 2ULL);
}

/* As a loss of power leaves it: all up to @lb is on the disk, the log says nothing of it. */
static void lose_log(struct kunit *test, struct harp_replica *r, u64 base, u64 lb)
{
	mutex_lock(harp_log_mutex(r->log));
	KUNIT_ASSERT_EQ(test, harp_log_format(r->log, base, 0, 0, 0, false), 0);
	mutex_unlock(harp_log_mutex(r->log));
	r->lb = lb;
	r->ap = lb;
}

/* The VIEW record is chained to record s also where only the disk has that one. */
static void view_start_on_a_lost_log(struct kunit *test)
{
	struct harp_replica *p = replica(test, 0), *b = replica(test, 1);
	struct harp_view_from from = { .match = 3 };
	struct harp_sec_view v = view_of(4, 0, 0);
	struct netlink_ext_ack extack = { };
	const struct harp_rec_hdr *one, *two;
	u64 base;

	KUNIT_ASSERT_EQ(test, start(p, &v, 0), 0);
	append_noop(test, p);
	KUNIT_ASSERT_EQ(test, append_noop(test, p), 3ULL);
	from.crc_of_s = le32_to_cpu(harp_log_get(p->log, 3)->crc);
	v = view_of(8, 3, 4);
	/* It begins after LB; or holds what was applied before that, and then less was found. */
	for (base = 4; base; base -= 2) {
		lose_log(test, b, base, 3);
		from.crc_known = false;
		KUNIT_EXPECT_EQ(test, harp_view_start(b, &v, sizeof(v), &from, &extack),
				-ENODATA);
		KUNIT_EXPECT_EQ(test, harp_log_top(b->log), base - 1);
	}
	from.crc_known = true;
	KUNIT_ASSERT_EQ(test, harp_view_start(b, &v, sizeof(v), &from, &extack), 0);
	/* Who holds record s knows better than to believe anything of it. */
	from.crc_of_s ^= 1;
	KUNIT_EXPECT_EQ(test, harp_view_start(p, &v, sizeof(v), &from, &extack), -EINVAL);
	from.crc_of_s ^= 1;
	KUNIT_ASSERT_EQ(test, harp_view_start(p, &v, sizeof(v), &from, &extack), 0);
	one = harp_log_get(p->log, 4);
	two = harp_log_get(b->log, 4);
	KUNIT_ASSERT_NOT_NULL(test, one);
	KUNIT_ASSERT_NOT_NULL(test, two);
	KUNIT_EXPECT_EQ(test, memcmp(one, two, le32_to_cpu(one->len)), 0);
	KUNIT_EXPECT_EQ(test, harp_log_view_at(b->log, 3), 4ULL);
	/* What is on the disk only in part is not s: the records between are missing. */
	lose_log(test, b, 3, 2);
	KUNIT_EXPECT_EQ(test, start(b, &v, 3), -ESTALE);
	v = view_of(12, 3, 4);
	KUNIT_EXPECT_EQ(test, start(b, &v, 3), -ERANGE);
}

/* What was decided on records that are gone is void, though no view came of the START. */
static void view_start_fails_after_its_cut(struct kunit *test)
{
	struct harp_replica *r = replica(test, 0);
	struct harp_sec_view v = view_of(4, 0, 0);
	struct harp_builder b;
	char buf[256];
	u32 generation;
	u64 top;
	int err;

	KUNIT_ASSERT_EQ(test, start(r, &v, 0), 0);
	harp_build_begin(&b, buf, sizeof(buf), HARP_REC_NOOP);
	KUNIT_ASSERT_EQ(test, harp_build_finish(&b), 0);
	do {
		mutex_lock(harp_log_mutex(r->log));
		err = harp_log_append(r->log, b.buf, 4, 1, 0, &top);
		mutex_unlock(harp_log_mutex(r->log));
	} while (!err);
	KUNIT_ASSERT_EQ(test, err, -ENOSPC);
	/* Where a no-op was, no VIEW record fits. */
	top = harp_log_top(r->log);
	generation = r->generation;
	v = view_of(8, top - 1, 4);
	KUNIT_EXPECT_EQ(test, start(r, &v, top - 1), -ENOSPC);
	KUNIT_EXPECT_EQ(test, harp_log_top(r->log), top - 1);
	KUNIT_EXPECT_NE(test, r->generation, generation);
}

static void ack_commits_from_started_on(struct kunit *test)
{
	struct harp_replica *r = replica(test, 0);
	struct harp_sec_view v = view_of(4, 0, 0);
	struct harp_log_pos pos;

	KUNIT_ASSERT_EQ(test, start(r, &v, 0), 0);
	append_noop(test, r);
	append_noop(test, r);
	harp_primary_ack(r, 0, 4);
	KUNIT_EXPECT_FALSE(test, r->links->started);
	KUNIT_EXPECT_EQ(test, r->cp, 0ULL);
	harp_primary_ack(r, 2, 3);		/* of another view */
	KUNIT_EXPECT_EQ(test, r->cp, 0ULL);
	harp_primary_ack(r, 2, 4);
	KUNIT_EXPECT_TRUE(test, r->links->started);
	KUNIT_EXPECT_EQ(test, r->cp, 2ULL);
	harp_log_pos(r->log, &pos);
	KUNIT_EXPECT_EQ(test, pos.wm, 2ULL);
	harp_primary_ack(r, 1, 4);		/* late */
	KUNIT_EXPECT_EQ(test, r->cp, 2ULL);
	harp_primary_ack(r, 99, 4);		/* never beyond top */
	KUNIT_EXPECT_EQ(test, r->cp, 3ULL);
}

/* Finding 9, (iii): after the fence nothing of the view commits. */
static void fence_stops_commit(struct kunit *test)
{
	struct harp_replica *r = replica(test, 0);
	struct harp_sec_view v = view_of(4, 0, 0);
	u32 left;

	KUNIT_ASSERT_EQ(test, start(r, &v, 0), 0);
	append_noop(test, r);
	harp_primary_ack(r, 1, 4);
	KUNIT_ASSERT_EQ(test, harp_fence(r, 8, 0, &left), 0);
	harp_primary_ack(r, 2, 4);
	KUNIT_EXPECT_EQ(test, r->cp, 1ULL);
}

static void release_is_for_the_deposed(struct kunit *test)
{
	struct harp_replica *r = replica(test, 0);
	struct harp_sec_view v = view_of(4, 0, 0);
	struct netlink_ext_ack extack = { };
	struct harp_at at = { .view = 4, .generation = 1 };

	KUNIT_ASSERT_EQ(test, start(r, &v, 0), 0);
	at.index = append_noop(test, r);
	KUNIT_EXPECT_EQ(test, harp_release(r, &extack), -EBUSY);
	KUNIT_EXPECT_NOT_NULL(test, extack._msg);
	harp_leave(r);
	KUNIT_EXPECT_EQ(test, harp_release(r, &extack), 0);
	KUNIT_EXPECT_EQ(test, harp_wait_applied(r, &at), -ESTALE);
	KUNIT_EXPECT_EQ(test, harp_wait_index(r, at.index, at.generation), -ESTALE);
	KUNIT_EXPECT_EQ(test, harp_wait_committed(r, at.index, at.generation), -ESTALE);
	KUNIT_EXPECT_EQ(test, harp_enter(r), -ETIMEDOUT);
	KUNIT_EXPECT_FALSE(test, harp_is_primary(r));
}

/* As if STARTED, applied and promised: what follows is decided by a serving primary. */
static void serve(struct harp_replica *r)
{
	harp_primary_ack(r, r->s + 1, r->view);
	r->ap = r->cp;
	r->links->woken = r->ap;
	r->lease_until = ktime_add_ms(ktime_get_boottime(), 100000);
	/* As harp_try_serve(). */
	smp_store_release(&r->serving, true);
}

static int append(struct kunit *test, struct harp_replica *r, u32 generation,
		  struct harp_at *at)
{
	void *buf = kunit_kzalloc(test, 256, GFP_KERNEL);
	struct harp_builder b;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	harp_build_begin(&b, buf, 256, HARP_REC_NOOP);
	KUNIT_ASSERT_EQ(test, harp_build_finish(&b), 0);
	return harp_append(r, &b, generation, at);
}

/* N1, V8: what was decided by a primary that was deposed is not logged by its successor. */
static void append_is_of_its_generation(struct kunit *test)
{
	struct harp_replica *r = replica(test, 0);
	struct harp_sec_view v = view_of(4, 0, 0);
	struct netlink_ext_ack extack = { };
	u32 before, after, left;
	struct harp_at at;

	KUNIT_ASSERT_EQ(test, start(r, &v, 0), 0);
	serve(r);
	KUNIT_ASSERT_EQ(test, harp_enter_generation(r, &before), 0);
	KUNIT_EXPECT_EQ(test, append(test, r, before, &at), 0);
	KUNIT_EXPECT_EQ(test, at.index, 2ULL);
	KUNIT_EXPECT_EQ(test, at.view, 4ULL);

	/* A new view with another backup, the same primary: what it decided holds. */
	r->lease_until = 0;
	KUNIT_ASSERT_EQ(test, harp_fence(r, 8, 0, &left), 0);
	v = view_of(8, 2, 4);
	KUNIT_ASSERT_EQ(test, start(r, &v, 2), 0);
	serve(r);
	KUNIT_EXPECT_EQ(test, append(test, r, before, &at), 0);
	KUNIT_EXPECT_EQ(test, at.view, 8ULL);

	harp_leave(r);
	KUNIT_ASSERT_EQ(test, harp_release(r, &extack), 0);
	KUNIT_EXPECT_EQ(test, append(test, r, before, &at), -ETIMEDOUT);
	v = view_of(12, 4, 8);
	KUNIT_ASSERT_EQ(test, start(r, &v, 4), 0);
	serve(r);
	KUNIT_EXPECT_EQ(test, append(test, r, before, &at), -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, harp_log_top(r->log), 5ULL);
	KUNIT_ASSERT_EQ(test, harp_enter_generation(r, &after), 0);
	KUNIT_EXPECT_NE(test, after, before);
	KUNIT_EXPECT_EQ(test, append(test, r, after, &at), 0);
	KUNIT_EXPECT_EQ(test, at.index, 6ULL);
}

/* Two records, 2 and 3, of view 4; then view 8, which keeps those up to @match. */
static void append_two_and_cut(struct kunit *test, struct harp_replica *r, struct harp_at at[2],
			       u64 match)
{
	struct harp_sec_view v = view_of(4, 0, 0);
	u32 generation, left;
	int i;

	KUNIT_ASSERT_EQ(test, start(r, &v, 0), 0);
	serve(r);
	KUNIT_ASSERT_EQ(test, harp_enter_generation(r, &generation), 0);
	for (i = 0; i < 2; i++)
		KUNIT_ASSERT_EQ(test, append(test, r, generation, &at[i]), 0);
	r->lease_until = 0;
	KUNIT_ASSERT_EQ(test, harp_fence(r, 8, 0, &left), 0);
	v = view_of(8, match, 4);
	KUNIT_ASSERT_EQ(test, start(r, &v, match), 0);
	serve(r);
}

/* V6: a record that was cut is not the one that has its number now. */
static void wait_knows_its_record(struct kunit *test)
{
	struct harp_replica *r = replica(test, 0);
	struct harp_at at[2], *kept = &at[0], *cut = &at[1];

	append_two_and_cut(test, r, at, 2);
	KUNIT_ASSERT_EQ(test, kept->index, 2ULL);
	KUNIT_ASSERT_GE(test, r->ap, cut->index);
	KUNIT_EXPECT_EQ(test, harp_wait_applied(r, kept), 0);
	KUNIT_EXPECT_EQ(test, harp_wait_applied(r, cut), -ESTALE);
}

/* The same when the member that appended it comes back as backup. */
static void backup_wait_knows_its_record(struct kunit *test)
{
	struct harp_replica *r = replica(test, 0);
	struct harp_sec_view v = view_of(4, 0, 0);
	u32 generation, left;
	struct harp_at cut;

	KUNIT_ASSERT_EQ(test, start(r, &v, 0), 0);
	serve(r);
	KUNIT_ASSERT_EQ(test, harp_enter_generation(r, &generation), 0);
	KUNIT_ASSERT_EQ(test, append(test, r, generation, &cut), 0);
	r->lease_until = 0;
	KUNIT_ASSERT_EQ(test, harp_fence(r, 9, 1, &left), 0);
	v = view_of(9, 1, 4);
	swap(v.primary, v.backup);
	swap(v.primary_inc, v.backup_inc);
	KUNIT_ASSERT_EQ(test, start(r, &v, 1), 0);
	KUNIT_ASSERT_EQ(test, harp_log_top(r->log), cut.index);
	r->ap = cut.index;
	KUNIT_EXPECT_EQ(test, harp_wait_applied(r, &cut), -ESTALE);
}

static void backup_admits_nobody(struct kunit *test)
{
	struct harp_replica *r = replica(test, 1);
	struct harp_sec_view v = view_of(4, 0, 0);

	KUNIT_EXPECT_EQ(test, harp_enter(r), -ETIMEDOUT);
	KUNIT_ASSERT_EQ(test, start(r, &v, 0), 0);
	KUNIT_EXPECT_EQ(test, harp_enter(r), -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, harp_recheck(r), -ETIMEDOUT);
}

static void times_and_fids_never_come_again(struct kunit *test)
{
	struct harp_replica *r = replica(test, 0);
	u64 now = harp_now_ns(r), fid = harp_new_fid(r);

	KUNIT_EXPECT_GE(test, fid, HARP_FID_FIRST);
	KUNIT_EXPECT_GT(test, harp_new_fid(r), fid);
	/* Nor one that no lower has a row for. */
	r->next_fid = HARP_FID_SLOT_MAX;
	KUNIT_EXPECT_EQ(test, harp_new_fid(r), HARP_FID_SLOT_MAX);
	KUNIT_EXPECT_EQ(test, harp_new_fid(r), HARP_FID_NONE);
	KUNIT_EXPECT_EQ(test, harp_new_fid(r), HARP_FID_NONE);
	/* Another primary's clock was ahead of ours (kernel-notes 61). */
	r->last_time_ns = now + 3600 * NSEC_PER_SEC;
	KUNIT_EXPECT_EQ(test, harp_now_ns(r), now + 3600 * NSEC_PER_SEC + 1);
}

/* A number that was given in a generation that is over may never come again. */
static void waits_end_with_their_generation(struct kunit *test)
{
	struct harp_replica *r = replica(test, 0);
	struct harp_at at[2], *cut = &at[1];
	u32 generation;

	/* Everything after record 1 goes; the new view's record takes the first's number. */
	append_two_and_cut(test, r, at, 1);
	generation = cut->generation;
	KUNIT_ASSERT_LT(test, r->ap, cut->index);
	KUNIT_EXPECT_EQ(test, harp_wait_index(r, cut->index, generation), -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, harp_wait_committed(r, cut->index, generation), -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, harp_wait_applied(r, cut), -ESTALE);
	KUNIT_EXPECT_EQ(test, harp_wait_index(r, 1, generation), 0);
}

/**
 * struct writer - one of two that want the last room
 * @r: the replica
 * @b: its record
 * @generation: in which it was decided
 * @err: what became of it
 * @done: when that is known
 */
struct writer {
	struct harp_replica *r;
	struct harp_builder b;
	u32 generation;
	int err;
	struct completion done;
};

static int writes(void *arg)
{
	struct writer *w = arg;
	struct harp_at at;

	w->err = harp_append(w->r, &w->b, w->generation, &at);
	complete(&w->done);
	return 0;
}

static void build_write(struct kunit *test, struct writer *w, u32 len)
{
	u32 cap = HARP_REC_OVERHEAD_MAX + len;
	void *buf = kunit_kzalloc(test, cap, GFP_KERNEL), *data;
	struct harp_sec_inode *s;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	harp_build_begin(&w->b, buf, cap, HARP_REC_WRITE);
	s = harp_build_inode(&w->b, HARP_ROLE_OBJECT, HARP_FID_FIRST);
	KUNIT_ASSERT_NOT_NULL(test, s);
	s->mode = cpu_to_le32(S_IFREG | 0600);
	s->nlink = cpu_to_le32(1);
	s->state = HARP_STATE_LIVE;
	s->size = cpu_to_le64(len);
	KUNIT_ASSERT_NOT_NULL(test, harp_build_data(&w->b, 0, len, &data));
	KUNIT_ASSERT_EQ(test, harp_build_finish(&w->b), 0);
}

/* A lower that looks as if it had been looked at a moment ago, and had room. */
static void fake_lower(struct kunit *test, struct harp_replica *r)
{
	struct harp_lower *lw = kunit_kzalloc(test, sizeof(*lw), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, lw);
	lw->r = r;
	spin_lock_init(&lw->space.lock);
	mutex_init(&lw->space.change);
	lw->space.free_bytes = 1ULL << 40;
	lw->space.free_inodes = 1ULL << 20;
	lw->space.taken = (jiffies + 600 * HZ) | 1;
	r->nodes = &lw->nodes;
}

/* What two have seen free only one gets: it is looked at once more under log->mutex. */
static void last_room_goes_to_one(struct kunit *test)
{
	struct harp_replica *r = replica(test, 0);
	struct harp_sec_view v = view_of(4, 0, 0);
	struct task_struct *t[2];
	struct writer w[2] = { };
	u64 cost;
	int i;

	KUNIT_ASSERT_EQ(test, start(r, &v, 0), 0);
	serve(r);
	fake_lower(test, r);
	for (i = 0; i < 2; i++) {
		w[i].r = r;
		w[i].generation = r->generation;
		init_completion(&w[i].done);
		build_write(test, &w[i], 5000);
	}
	cost = harp_space_cost(&w[0].b);
	KUNIT_ASSERT_GT(test, cost, 0ULL);
	r->peer_free_bytes = cost + cost / 2;
	r->peer_free_inodes = U64_MAX;

	mutex_lock(harp_log_mutex(r->log));
	for (i = 0; i < 2; i++) {
		t[i] = kthread_run(writes, &w[i], "harp-writer");
		if (IS_ERR(t[i])) {
			complete(&w[i].done);
			continue;
		}
		/* Until it waits for log->mutex: it has found room by then. */
		while (READ_ONCE(t[i]->__state) != TASK_UNINTERRUPTIBLE)
			msleep(20);
	}
	mutex_unlock(harp_log_mutex(r->log));
	for (i = 0; i < 2; i++) {
		wait_for_completion(&w[i].done);
		KUNIT_EXPECT_FALSE(test, IS_ERR(t[i]));
	}
	KUNIT_EXPECT_EQ(test, min(w[0].err, w[1].err), -ENOSPC);
	KUNIT_EXPECT_EQ(test, max(w[0].err, w[1].err), 0);
	KUNIT_EXPECT_EQ(test, harp_log_top(r->log), 2ULL);
}

/**
 * struct lower_step - a lower that fails some times
 * @left: how many more
 * @err: with what
 * @calls: how often it was asked
 */
struct lower_step {
	int left, err, calls;
};

static int lower_fails(struct harp_replica *r, const void *arg)
{
	struct lower_step *s = (struct lower_step *)arg;

	s->calls++;
	return s->left-- > 0 ? s->err : 0;
}

/* No room, and meanwhile the other thread gives the reserve up for its own sake. */
static int lower_is_made_room(struct harp_replica *r, const void *arg)
{
	struct harp_space *s = &harp_lower(r)->space;
	struct lower_step *step = (struct lower_step *)arg;

	if (!step->calls) {
		s->released = true;
		s->freed++;
	}
	return lower_fails(r, arg);
}

/* The reserve is apply's as well as the LB pass's, whoever of them comes to it first. */
static void apply_has_the_room_another_made(struct kunit *test)
{
	struct harp_replica *r = replica(test, 0);
	struct harp_sec_view v = view_of(4, 0, 0);
	struct lower_step s = { .left = 1, .err = -ENOSPC };

	fake_lower(test, r);
	KUNIT_ASSERT_EQ(test, start(r, &v, 0), 0);
	KUNIT_EXPECT_EQ(test, harp_apply_insist(r, lower_is_made_room, &s, "row", 7), 0);
	KUNIT_EXPECT_EQ(test, s.calls, 2);
	KUNIT_EXPECT_FALSE(test, r->media_failure);
	/* Tried with that room, and there is none: no reserve is left to give. */
	s = (struct lower_step){ .left = 1, .err = -ENOSPC };
	KUNIT_EXPECT_EQ(test, harp_apply_insist(r, lower_fails, &s, "row", 7), -ENOSPC);
	KUNIT_EXPECT_EQ(test, s.calls, 1);
	KUNIT_EXPECT_TRUE(test, r->media_failure);
}

/* Records and rows alike: want of memory passes. */
static void apply_waits_errors_out(struct kunit *test)
{
	static const int passing[] = { -ENOMEM, -EINTR, -EAGAIN, -ERESTARTSYS };
	struct harp_replica *r = replica(test, 0);
	int i;

	fake_lower(test, r);
	for (i = 0; i < ARRAY_SIZE(passing); i++) {
		struct lower_step s = { .left = 3, .err = passing[i] };

		KUNIT_EXPECT_EQ(test, harp_apply_insist(r, lower_fails, &s, "row", 7), 0);
		KUNIT_EXPECT_EQ(test, s.calls, 4);
	}
	KUNIT_EXPECT_FALSE(test, r->media_failure);
}

/* REPLICA_DEL and a verb that found the replica just before: nothing may begin any more. */
static void an_ending_replica_begins_nothing(struct kunit *test)
{
	struct harp_replica *r = replica(test, 0);
	struct harp_sec_view v = view_of(4, 0, 0);
	struct netlink_ext_ack extack = { };

	KUNIT_EXPECT_EQ(test, harp_gate_bind(r, &init_net, LOOPBACK_IFINDEX, &extack), 0);
	KUNIT_EXPECT_TRUE(test, harp_gate_bound(r));
	harp_links_close(r);
	KUNIT_EXPECT_EQ(test, start(r, &v, 0), -ENODEV);
	KUNIT_EXPECT_EQ(test, (int)r->role, HARP_ROLE_NONE_);
	harp_gate_close(r);
	KUNIT_EXPECT_FALSE(test, harp_gate_bound(r));
	KUNIT_EXPECT_EQ(test, harp_gate_bind(r, &init_net, LOOPBACK_IFINDEX, &extack), -ENODEV);
	KUNIT_EXPECT_FALSE(test, harp_gate_bound(r));
}

/* The last reference takes the hooks along, whoever has it. */
static void a_bound_gate_ends_with_its_replica(struct kunit *test)
{
	struct harp_replica *r = replica(test, 0);
	struct netlink_ext_ack extack = { };

	KUNIT_EXPECT_EQ(test, harp_gate_bind(r, &init_net, LOOPBACK_IFINDEX, &extack), 0);
}

/* N6: an error that does not pass ends this member's part in the view, at once. */
static void apply_gives_up_on_media_errors(struct kunit *test)
{
	struct harp_replica *r = replica(test, 0);
	struct harp_sec_view v = view_of(4, 0, 0);
	struct lower_step s = { .left = 3, .err = -EIO };

	fake_lower(test, r);
	KUNIT_ASSERT_EQ(test, start(r, &v, 0), 0);
	KUNIT_EXPECT_EQ(test, harp_apply_insist(r, lower_fails, &s, "row", 7), -EIO);
	KUNIT_EXPECT_EQ(test, s.calls, 1);
	KUNIT_EXPECT_TRUE(test, r->media_failure);
	KUNIT_EXPECT_GT(test, r->fence, r->view);
}

static struct kunit_case replica_cases[] = {
	KUNIT_CASE_PARAM(view_start_refuses, bad_view_gen_params),
	KUNIT_CASE(view_start_is_the_same_on_both),
	KUNIT_CASE(view_start_voids_records),
	KUNIT_CASE(view_start_heeds_fence_and_promise),
	KUNIT_CASE(view_start_cuts),
	KUNIT_CASE(view_start_on_a_lost_log),
	KUNIT_CASE(view_start_fails_after_its_cut),
	KUNIT_CASE(ack_commits_from_started_on),
	KUNIT_CASE(fence_stops_commit),
	KUNIT_CASE(release_is_for_the_deposed),
	KUNIT_CASE(append_is_of_its_generation),
	KUNIT_CASE(wait_knows_its_record),
	KUNIT_CASE(backup_wait_knows_its_record),
	KUNIT_CASE(waits_end_with_their_generation),
	KUNIT_CASE(last_room_goes_to_one),
	KUNIT_CASE(apply_has_the_room_another_made),
	KUNIT_CASE(apply_waits_errors_out),
	KUNIT_CASE(apply_gives_up_on_media_errors),
	KUNIT_CASE(backup_admits_nobody),
	KUNIT_CASE(an_ending_replica_begins_nothing),
	KUNIT_CASE(a_bound_gate_ends_with_its_replica),
	KUNIT_CASE(times_and_fids_never_come_again),
	{}
};

static struct kunit_suite replica_suite = {
	.name = "harp_replica",
	.exit = replica_exit,
	.test_cases = replica_cases,
};

kunit_test_suite(replica_suite);
