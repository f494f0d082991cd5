// SPDX-License-Identifier: GPL-2.0
/* KUnit: what a write-back error of the lower is to an LB pass (N6, I10). */
#include <kunit/test.h>
#include "node.h"

/* Also one that says "later" elsewhere: the page it was about is clean now. */
static void every_writeback_error_is_final(struct kunit *test)
{
	static const int errors[] = { -EIO, -ENOSPC, -ENOMEM, -EINTR };
	struct super_block *sb = kunit_kzalloc(test, sizeof(*sb), GFP_KERNEL);
	errseq_t seen;
	int i, err;

	KUNIT_ASSERT_NOT_NULL(test, sb);
	seen = errseq_sample(&sb->s_wb_err);
	KUNIT_EXPECT_EQ(test, harp_sync_written(sb, &seen), 0);
	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		errseq_set(&sb->s_wb_err, errors[i]);
		err = harp_sync_written(sb, &seen);
		KUNIT_EXPECT_LT(test, err, 0);
		KUNIT_EXPECT_NE(test, err, -ENOMEM);
		KUNIT_EXPECT_NE(test, err, -EINTR);
		/* Told once: who passed over it would not hear of it again. */
		KUNIT_EXPECT_EQ(test, harp_sync_written(sb, &seen), 0);
	}
}

static struct kunit_case harp_sync_cases[] = {
	KUNIT_CASE(every_writeback_error_is_final),
	{}
};

static struct kunit_suite harp_sync_suite = {
	.name = "harp_sync",
	.test_cases = harp_sync_cases,
};

kunit_test_suite(harp_sync_suite);
