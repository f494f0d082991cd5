// SPDX-License-Identifier: GPL-2.0
/* KUnit: promise, lease and fence on given times (protocol L1-L4, S1). */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <net/net_namespace.h>
#include "dataplane.h"

#define T0	ms_to_ktime(1000000)
#define DELTA	1000			/* Δ in ms */

static ktime_t at(s64 ms)
{
	return ktime_add_ms(T0, ms);
}

/* A member of a view that began at T0; without lower, socket and threads. */
static struct harp_replica *member_in(struct kunit *test, enum harp_role role)
{
	struct harp_replica_params p = {
		.group = "kunit-lease",
		.member = role == HARP_ROLE_PRIMARY ? 0 : 1,
		.lineage = 5,
		.inc = 7,
		.region = { .kind = HARP_REGION_MEM, .size = HARP_REGION_MIN },
		.net = &init_net,
	};
	struct harp_replica *r = harp_replica_alloc(&p);

	KUNIT_ASSERT_NOT_NULL(test, r);
	test->priv = r;
	r->log = harp_log_open(&p.region, &r->uuid, r->member, 5, 0, 7, &r->found);
	KUNIT_ASSERT_FALSE(test, IS_ERR(r->log));
	r->hold_until = 0;
	r->role = role;
	r->view = 4;
	r->fence = 4;
	r->peer = !r->member;
	r->promise_ms = DELTA;
	r->links->view_began = T0;
	r->links->peer_served = T0;
	return r;
}

static void lease_exit(struct kunit *test)
{
	struct harp_replica *r = test->priv;

	if (!r)
		return;
	if (IS_ERR(r->log))
		r->log = NULL;
	harp_replica_put(r);
}

static int fence(struct harp_replica *r, u64 view, u8 by, ktime_t now, u32 *left)
{
	int err;

	mutex_lock(harp_log_mutex(r->log));
	spin_lock(&r->lock);
	err = harp_fence_locked(r, view, by, now, left);
	spin_unlock(&r->lock);
	mutex_unlock(harp_log_mutex(r->log));
	return err;
}

static u64 promise(struct harp_replica *r, ktime_t now, u64 heard, bool serving)
{
	u64 no;

	spin_lock(&r->lock);
	no = harp_promise_give(r, now, heard, serving);
	spin_unlock(&r->lock);
	return no;
}

static bool extend(struct harp_replica *r, ktime_t sent, ktime_t now)
{
	bool runs;

	spin_lock(&r->lock);
	runs = harp_lease_extend(r, sent, now);
	spin_unlock(&r->lock);
	return runs;
}

static void lease_counts_from_the_send_time(struct kunit *test)
{
	struct harp_replica *r = member_in(test, HARP_ROLE_PRIMARY);

	KUNIT_EXPECT_TRUE(test, extend(r, at(100), at(500)));
	KUNIT_EXPECT_EQ(test, r->lease_until, at(100 + DELTA * 9 / 10));
	/* An older message's ACK takes nothing away. */
	KUNIT_EXPECT_TRUE(test, extend(r, at(50), at(510)));
	KUNIT_EXPECT_EQ(test, r->lease_until, at(1000));
	/* So late that it gives nothing any more. */
	KUNIT_EXPECT_FALSE(test, extend(r, at(200), at(5000)));
	/* After the end it is gained anew. */
	KUNIT_EXPECT_TRUE(test, extend(r, at(4900), at(5000)));
}

static void lease_takes_no_time_that_is_not_its_own(struct kunit *test)
{
	struct harp_replica *r = member_in(test, HARP_ROLE_PRIMARY);

	KUNIT_EXPECT_FALSE(test, extend(r, at(600), at(500)));	/* the future */
	KUNIT_EXPECT_FALSE(test, extend(r, at(-1), at(500)));	/* before the view */
	KUNIT_EXPECT_EQ(test, r->lease_until, 0);
}

/* Finding 7: with clocks 2 % apart, and any delay, the lease ends before the promise. */
static void lease_ends_before_the_promise(struct kunit *test)
{
	struct harp_replica *p = member_in(test, HARP_ROLE_PRIMARY);
	struct harp_replica *b = member_in(test, HARP_ROLE_BACKUP);
	s64 delay, fast_ns, slow_ns;

	for (delay = 0; delay < 800; delay += 100) {
		p->lease_until = 0;
		b->promise_until = 0;
		b->promise_no = 0;
		extend(p, at(0), at(delay));
		KUNIT_ASSERT_NE(test, promise(b, at(delay), 0, true), 0ULL);
		/* Worst: the promise's clock runs fast, the lease's slowly. */
		slow_ns = ktime_to_ns(ktime_sub(p->lease_until, T0)) / 98 * 100;
		fast_ns = delay * NSEC_PER_MSEC +
			  ktime_to_ns(ktime_sub(b->promise_until, at(delay))) / 102 * 100;
		KUNIT_EXPECT_LT(test, slow_ns, fast_ns);
	}
	harp_replica_put(p);
}

/**
 * struct parked - an operation that waits for the lease
 * @r: the replica
 * @err: what it was told
 * @done: when it was
 */
struct parked {
	struct harp_replica *r;
	int err;
	struct completion done;
};

static int enters(void *arg)
{
	struct parked *p = arg;

	p->err = harp_enter(p->r);
	complete(&p->done);
	return 0;
}

/* A primary that serves, in a view of this kernel's time, with a lease that runs. */
static struct harp_replica *serving(struct kunit *test)
{
	struct harp_replica *r = member_in(test, HARP_ROLE_PRIMARY);

	r->links->view_began = 0;
	r->serving = true;
	r->lease_until = ktime_add_ms(ktime_get_boottime(), 1000 * DELTA);
	return r;
}

/* It looked just after the end, and the renewal, though it came later, just before it. */
static void renewal_wakes_who_saw_the_lease_end(struct kunit *test)
{
	struct harp_replica *r = serving(test);
	ktime_t until = r->lease_until;
	struct parked p = { .r = r };
	struct task_struct *t;

	init_completion(&p.done);
	r->lease_until = 0;
	t = kthread_run(enters, &p, "harp-parked");
	KUNIT_ASSERT_FALSE(test, IS_ERR(t));
	while (READ_ONCE(t->__state) != TASK_IDLE)
		msleep(20);
	WRITE_ONCE(r->lease_until, until);
	harp_lease_renew(r, ktime_get_boottime_ns());
	if (!wait_for_completion_timeout(&p.done, 10 * HZ)) {
		KUNIT_FAIL(test, "it still sleeps, in a lease that runs");
		wake_up_all(&r->serve_wq);
		wait_for_completion(&p.done);
	}
	KUNIT_EXPECT_EQ(test, p.err, 0);
}

static int rechecks(void *arg)
{
	struct parked *p = arg;

	p->err = harp_recheck(p->r);
	complete(&p->done);
	return 0;
}

static bool answered(struct parked *p)
{
	/* A jiffy and more: who sleeps still has looked. */
	return wait_for_completion_timeout(&p->done, 3);
}

/* lease=confirm: the lease alone is no answer; an ACK is, of what was sent later than it came. */
static void answers_wait_for_what_is_sent_after_them(struct kunit *test)
{
	struct harp_replica *r = serving(test);
	struct parked p = { .r = r };
	struct task_struct *t;
	u64 before, wanted;

	KUNIT_EXPECT_EQ(test, harp_recheck(r), 0);	/* lease=time */
	r->confirm = true;
	before = ktime_get_boottime_ns();
	init_completion(&p.done);
	t = kthread_run(rechecks, &p, "harp-confirm");
	KUNIT_ASSERT_FALSE(test, IS_ERR(t));
	while (READ_ONCE(t->__state) != TASK_IDLE)
		msleep(20);
	wanted = atomic64_read(&r->confirm_wanted);
	KUNIT_EXPECT_GE(test, wanted, before);
	harp_lease_confirm(r, before);
	KUNIT_EXPECT_FALSE(test, answered(&p));
	/* Which was first? */
	harp_lease_confirm(r, wanted);
	KUNIT_EXPECT_FALSE(test, answered(&p));
	/* Of times to come nothing is acked. */
	harp_lease_confirm(r, ktime_get_boottime_ns() + NSEC_PER_SEC * 3600);
	KUNIT_EXPECT_FALSE(test, answered(&p));
	/* What was sent in an earlier view was another backup's to ack. */
	r->links->view_began = ktime_add_ms(ktime_get_boottime(), 3600 * 1000);
	harp_lease_confirm(r, ktime_get_boottime_ns());
	KUNIT_EXPECT_FALSE(test, answered(&p));
	r->links->view_began = 0;
	harp_lease_confirm(r, ktime_get_boottime_ns());
	if (!wait_for_completion_timeout(&p.done, 10 * HZ)) {
		KUNIT_FAIL(test, "it still sleeps, and what it waits for was acked");
		r->links->release_seq++;
		wake_up_all(&r->serve_wq);
		wait_for_completion(&p.done);
	}
	KUNIT_EXPECT_EQ(test, p.err, 0);
}

/* The same for who tells: "lost" is not left standing over a lease that runs. */
static void renewal_takes_back_that_the_lease_was_lost(struct kunit *test)
{
	struct harp_replica *r = serving(test);

	r->links->lease_lost = true;
	harp_lease_renew(r, ktime_get_boottime_ns());
	KUNIT_EXPECT_FALSE(test, r->links->lease_lost);
}

static void promise_needs_to_be_heard(struct kunit *test)
{
	struct harp_replica *r = member_in(test, HARP_ROLE_BACKUP);
	u64 first, later;

	/* A young view: nothing can have been heard yet. */
	first = promise(r, at(10), 0, true);
	KUNIT_EXPECT_EQ(test, first, 1ULL);
	KUNIT_EXPECT_EQ(test, r->promise_until, at(10 + DELTA));
	/* Many messages, one number: the step is Δ / 32. */
	KUNIT_EXPECT_EQ(test, promise(r, at(20), 0, true), first);
	KUNIT_EXPECT_EQ(test, r->promise_until, at(20 + DELTA));
	later = promise(r, at(100), first, true);
	KUNIT_EXPECT_GT(test, later, first);
	/* The view is not young any more: only a number given within 2 Δ counts. */
	KUNIT_EXPECT_NE(test, promise(r, at(2050), later, true), 0ULL);
	KUNIT_EXPECT_EQ(test, promise(r, at(2100), first, true), 0ULL);
	KUNIT_EXPECT_EQ(test, promise(r, at(2100), 0, true), 0ULL);
	/* One that was never given proves nothing. */
	KUNIT_EXPECT_EQ(test, promise(r, at(2100), 1000, true), 0ULL);
	KUNIT_EXPECT_EQ(test, r->promise_until, at(2050 + DELTA));
}

static void promise_needs_a_primary_that_serves(struct kunit *test)
{
	struct harp_replica *r = member_in(test, HARP_ROLE_BACKUP);
	u64 no = 0;
	int ms;

	for (ms = 0; ms < 2 * DELTA; ms += 100) {
		no = promise(r, at(ms), no, false);
		KUNIT_EXPECT_NE(test, no, 0ULL);
	}
	KUNIT_EXPECT_EQ(test, promise(r, at(2 * DELTA), no, false), 0ULL);
	KUNIT_EXPECT_NE(test, promise(r, at(2 * DELTA + 1), no, true), 0ULL);
}

static void fence_waits_for_a_promise_to_another(struct kunit *test)
{
	struct harp_replica *r = member_in(test, HARP_ROLE_BACKUP);
	u32 left;

	promise(r, at(0), 0, true);
	KUNIT_EXPECT_EQ(test, fence(r, 9, 1, at(300), &left), -EBUSY);
	KUNIT_EXPECT_EQ(test, left, 700U);
	KUNIT_EXPECT_EQ(test, r->fence, 4ULL);
	KUNIT_EXPECT_EQ(test, fence(r, 10, 2, at(999), &left), -EBUSY);
	/* Its beneficiary may have it at once, and then it binds nobody. */
	KUNIT_EXPECT_EQ(test, fence(r, 8, 0, at(300), &left), 0);
	KUNIT_EXPECT_EQ(test, r->fence, 8ULL);
}

static void fence_succeeds_when_the_promise_has_ended(struct kunit *test)
{
	struct harp_replica *r = member_in(test, HARP_ROLE_BACKUP);
	u32 left;

	promise(r, at(0), 0, true);
	KUNIT_EXPECT_EQ(test, fence(r, 9, 1, at(DELTA), &left), 0);
	KUNIT_EXPECT_EQ(test, left, 0U);
	spin_lock(&r->lock);
	KUNIT_EXPECT_FALSE(test, harp_in_view(r));
	spin_unlock(&r->lock);
}

static void fence_heeds_leave(struct kunit *test)
{
	struct harp_replica *r = member_in(test, HARP_ROLE_BACKUP);
	u32 left;

	promise(r, at(0), 0, true);
	r->links->peer_left = true;
	KUNIT_EXPECT_EQ(test, fence(r, 9, 1, at(1), &left), 0);
}

static void fence_waits_for_the_own_lease(struct kunit *test)
{
	struct harp_replica *r = member_in(test, HARP_ROLE_PRIMARY);
	u32 left;

	r->serving = true;
	extend(r, at(0), at(0));
	KUNIT_EXPECT_EQ(test, fence(r, 9, 1, at(100), &left), -EBUSY);
	KUNIT_EXPECT_EQ(test, left, 800U);
	KUNIT_EXPECT_TRUE(test, r->serving);
	/* What it proposes itself it may enter. */
	KUNIT_EXPECT_EQ(test, fence(r, 8, 0, at(100), &left), 0);
	KUNIT_EXPECT_FALSE(test, r->serving);
}

static void fence_waits_for_the_hold(struct kunit *test)
{
	struct harp_replica *r = member_in(test, HARP_ROLE_NONE_);
	u32 left;

	r->hold_until = at(500);
	KUNIT_EXPECT_EQ(test, fence(r, 8, r->member, at(499), &left), -EBUSY);
	KUNIT_EXPECT_EQ(test, left, 1U);
	KUNIT_EXPECT_EQ(test, fence(r, 8, r->member, at(500), &left), 0);
}

static void fence_is_never_lowered(struct kunit *test)
{
	struct harp_replica *r = member_in(test, HARP_ROLE_NONE_);
	u32 left;

	KUNIT_EXPECT_EQ(test, fence(r, 9, 1, at(0), &left), 0);
	KUNIT_EXPECT_EQ(test, fence(r, 8, 0, at(0), &left), -EINVAL);
	KUNIT_EXPECT_EQ(test, fence(r, 9, 1, at(0), &left), 0);
	KUNIT_EXPECT_EQ(test, r->fence, 9ULL);
}

/* A promise outlives the giver's own leaving: view + 1 must not come for free. */
static void leave_keeps_the_promise(struct kunit *test)
{
	struct harp_replica *r = member_in(test, HARP_ROLE_BACKUP);
	u32 left;

	promise(r, at(0), 0, true);
	harp_leave(r);
	KUNIT_EXPECT_EQ(test, r->fence, 5ULL);
	KUNIT_EXPECT_EQ(test, fence(r, 5, 1, at(10), &left), -EBUSY);
	KUNIT_EXPECT_EQ(test, left, (u32)DELTA - 10);
}

static void gate_follows_serving_and_lease(struct kunit *test)
{
	struct harp_replica *r = member_in(test, HARP_ROLE_PRIMARY);

	KUNIT_EXPECT_FALSE(test, harp_gate_open(r));
	r->serving = true;
	KUNIT_EXPECT_FALSE(test, harp_gate_open(r));
	r->lease_until = ktime_add_ms(ktime_get_boottime(), 100000);
	KUNIT_EXPECT_TRUE(test, harp_gate_open(r));
	harp_leave(r);
	KUNIT_EXPECT_FALSE(test, harp_gate_open(r));
}

static struct kunit_case lease_cases[] = {
	KUNIT_CASE(lease_counts_from_the_send_time),
	KUNIT_CASE(lease_takes_no_time_that_is_not_its_own),
	KUNIT_CASE(lease_ends_before_the_promise),
	KUNIT_CASE(renewal_wakes_who_saw_the_lease_end),
	KUNIT_CASE(answers_wait_for_what_is_sent_after_them),
	KUNIT_CASE(renewal_takes_back_that_the_lease_was_lost),
	KUNIT_CASE(promise_needs_to_be_heard),
	KUNIT_CASE(promise_needs_a_primary_that_serves),
	KUNIT_CASE(fence_waits_for_a_promise_to_another),
	KUNIT_CASE(fence_succeeds_when_the_promise_has_ended),
	KUNIT_CASE(fence_heeds_leave),
	KUNIT_CASE(fence_waits_for_the_own_lease),
	KUNIT_CASE(fence_waits_for_the_hold),
	KUNIT_CASE(fence_is_never_lowered),
	KUNIT_CASE(leave_keeps_the_promise),
	KUNIT_CASE(gate_follows_serving_and_lease),
	{}
};

static struct kunit_suite lease_suite = {
	.name = "harp_lease",
	.exit = lease_exit,
	.test_cases = lease_cases,
};

kunit_test_suite(lease_suite);
