// SPDX-License-Identifier: GPL-2.0
/* KUnit: a reader who comes back with a cookie gets every name, however hashes collide. */
#include <kunit/test.h>
#include "vfs.h"

#define NAMES	400
#define SOME	100	/* most of what fits into a batch, less than all */

/**
 * struct reader - a reader of a directory that is made up: name i has hash[i]
 * @ctx: as the VFS has it
 * @hash: growing
 * @seen: how often each was handed out
 */
struct reader {
	struct dir_context ctx;
	u64 hash[NAMES];
	unsigned int seen[NAMES];
};

static bool reader_actor(struct dir_context *ctx, const char *name, int len, loff_t pos,
			 u64 ino, unsigned int d_type)
{
	struct reader *r = container_of(ctx, struct reader, ctx);

	r->seen[ino]++;
	return true;
}

/* As harp_iterate() reads, with what is made up for an index. */
static void read_all(struct kunit *test, struct reader *r)
{
	struct harp_batch batch;
	char *buf, name[16];
	unsigned int i, n = 0;

	buf = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, buf);
	r->ctx.actor = reader_actor;
	do {
		batch = (struct harp_batch){ .buf = buf };
		for (i = 0; i < NAMES; i++) {
			if (r->hash[i] < r->ctx.pos)
				continue;
			snprintf(name, sizeof(name), "name%u", i);
			if (!harp_batch_add(&batch, r->hash[i], name, strlen(name), i, DT_REG))
				break;
		}
		KUNIT_EXPECT_TRUE(test, harp_batch_emit(&r->ctx, &batch));
		KUNIT_ASSERT_LT(test, n++, NAMES);
	} while (batch.full);
}

static struct reader *new_reader(struct kunit *test)
{
	struct reader *r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, r);
	return r;
}

static void expect_once(struct kunit *test, const struct reader *r)
{
	unsigned int i;

	for (i = 0; i < NAMES; i++)
		KUNIT_ASSERT_EQ_MSG(test, r->seen[i], 1, "name %u", i);
}

static void every_name_is_read_once(struct kunit *test)
{
	struct reader *r = new_reader(test);
	unsigned int i;

	for (i = 0; i < NAMES; i++)
		r->hash[i] = 3 + i;
	read_all(test, r);
	expect_once(test, r);
}

/* In runs of several lengths, so that ends of batches fall into some. */
static void no_name_is_lost_where_hashes_collide(struct kunit *test)
{
	static const unsigned int length[] = { 3, 7, SOME };
	struct reader *r;
	unsigned int i, k;

	for (k = 0; k < ARRAY_SIZE(length); k++) {
		r = new_reader(test);
		for (i = 0; i < NAMES; i++)
			r->hash[i] = 3 + i / length[k];
		read_all(test, r);
		expect_once(test, r);
	}
}

/* What does not fit is lost, but what comes after is not, and it ends. */
static void too_many_collisions_are_passed(struct kunit *test)
{
	struct reader *r = new_reader(test);
	unsigned int i;

	for (i = 0; i < NAMES; i++)
		r->hash[i] = i + 1 < NAMES ? 3 : 4;
	read_all(test, r);
	KUNIT_EXPECT_EQ(test, r->seen[0], 1);
	KUNIT_EXPECT_EQ(test, r->seen[SOME], 1);
	KUNIT_EXPECT_EQ(test, r->seen[NAMES - 2], 0);
	KUNIT_EXPECT_EQ(test, r->seen[NAMES - 1], 1);
}

static struct kunit_case harp_dir_cases[] = {
	KUNIT_CASE(every_name_is_read_once),
	KUNIT_CASE(no_name_is_lost_where_hashes_collide),
	KUNIT_CASE(too_many_collisions_are_passed),
	{}
};

static struct kunit_suite harp_dir_suite = {
	.name = "harp_dir",
	.test_cases = harp_dir_cases,
};

kunit_test_suite(harp_dir_suite);
