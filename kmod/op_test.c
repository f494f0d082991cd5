// SPDX-License-Identifier: GPL-2.0
/* KUnit: the step numbers of requests (kernel-notes 34). */
#include <kunit/test.h>
#include <linux/slab.h>
#include "vfs.h"

/* As many as an nfsd that is started anew day after day may have had. */
#define THREADS	(3 * HARP_STEP_SLOTS)

static struct harp_sb *mount_of(struct kunit *test)
{
	struct harp_sb *hs = kunit_kzalloc(test, sizeof(*hs), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, hs);
	spin_lock_init(&hs->lock);
	return hs;
}

static void *thread(unsigned long n)
{
	/* Where a slab would put it: only the address counts. */
	return (void *)(PAGE_OFFSET + n * SZ_4K);
}

static void steps_count_within_a_request(struct kunit *test)
{
	struct harp_sb *hs = mount_of(test);
	u16 i;

	for (i = 0; i < 5; i++) {
		KUNIT_EXPECT_EQ(test, harp_next_step(hs, thread(1), 70, 1), i);
		KUNIT_EXPECT_EQ(test, harp_next_step(hs, thread(2), 70, 1), i);
	}
	KUNIT_EXPECT_EQ(test, harp_next_step(hs, thread(1), 71, 1), (u16)0);
	KUNIT_EXPECT_EQ(test, harp_next_step(hs, thread(2), 70, 1), (u16)5);
}

/* Another client's of the same number; or the same again, whose answer was forgotten. */
static void steps_begin_anew_with_a_request(struct kunit *test)
{
	struct harp_sb *hs = mount_of(test);

	KUNIT_EXPECT_EQ(test, harp_next_step(hs, thread(1), 70, 1), (u16)0);
	KUNIT_EXPECT_EQ(test, harp_next_step(hs, thread(1), 70, 1), (u16)1);
	KUNIT_EXPECT_EQ(test, harp_next_step(hs, thread(1), 70, 2), (u16)0);
	KUNIT_EXPECT_EQ(test, harp_next_step(hs, thread(1), 70, 2), (u16)1);
}

static void steps_count_after_many_threads(struct kunit *test)
{
	struct harp_sb *hs = mount_of(test);
	unsigned long n, wrong = 0;
	u16 i;

	for (n = 0; n < THREADS; n++)
		for (i = 0; i < 3; i++)
			wrong += harp_next_step(hs, thread(n), n, 1) != i;
	KUNIT_EXPECT_EQ(test, wrong, 0UL);
}

static struct kunit_case op_cases[] = {
	KUNIT_CASE(steps_count_within_a_request),
	KUNIT_CASE(steps_begin_anew_with_a_request),
	KUNIT_CASE(steps_count_after_many_threads),
	{}
};

static struct kunit_suite op_suite = {
	.name = "harp_op",
	.test_cases = op_cases,
};

kunit_test_suite(op_suite);
