// SPDX-License-Identifier: GPL-2.0
/* KUnit: the order of names that both copies must agree on (I7), and costs. */
#include <kunit/test.h>
#include <linux/sort.h>
#include "node.h"

static const u8 raw_key[UUID_SIZE] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };

static void test_key(siphash_key_t *key)
{
	uuid_t group;

	import_uuid(&group, raw_key);
	harp_index_key(&group, key);
}

/* SipHash-2-4 by its definition, computed elsewhere: a cookie outlives any kernel. */
static void hash_is_what_it_always_was(struct kunit *test)
{
	char longest[HARP_NAME_MAX];
	siphash_key_t key;

	test_key(&key);
	memset(longest, 'x', sizeof(longest));
	KUNIT_EXPECT_EQ(test, harp_name_hash(&key, "a", 1), 0x15d1f474d388a465ULL);
	KUNIT_EXPECT_EQ(test, harp_name_hash(&key, "hello", 5), 0x27d9cc2bb3efc0ULL);
	KUNIT_EXPECT_EQ(test, harp_name_hash(&key, "Makefile", 8), 0x5ee42d9902ebf35dULL);
	KUNIT_EXPECT_EQ(test, harp_name_hash(&key, longest, sizeof(longest)),
			0x782792a8db56a7a7ULL);
}

static int cmp_u64(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

static void hash_is_a_cookie_and_spreads(struct kunit *test)
{
	const u32 n = 10000;
	u64 *hash = kvmalloc_array(n, sizeof(*hash), GFP_KERNEL);
	siphash_key_t key;
	char name[16];
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, hash);
	test_key(&key);
	for (i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "file%u", i);
		hash[i] = harp_name_hash(&key, name, strlen(name));
		KUNIT_EXPECT_GE(test, hash[i], 3ULL);
		KUNIT_EXPECT_LE(test, hash[i], (u64)S64_MAX);
	}
	sort(hash, n, sizeof(*hash), cmp_u64, NULL);
	for (i = 1; i < n; i++)
		KUNIT_EXPECT_NE(test, hash[i - 1], hash[i]);
	kvfree(hash);
}

static void hash_depends_on_the_group(struct kunit *test)
{
	siphash_key_t key, other;

	test_key(&key);
	other = key;
	other.key[1] ^= 1;
	KUNIT_EXPECT_NE(test, harp_name_hash(&key, "a", 1), harp_name_hash(&other, "a", 1));
}

static u64 cost_of(struct kunit *test, u8 type, u32 data)
{
	u8 *buf = kvzalloc(HARP_REC_MAX, GFP_KERNEL);
	struct harp_builder b;
	void *p = NULL;
	u64 cost;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	harp_build_begin(&b, buf, HARP_REC_MAX, type);
	harp_build_inode(&b, HARP_ROLE_OBJECT, 16);
	if (data)
		harp_build_data(&b, 0, data, &p);
	cost = harp_space_cost(&b);
	kvfree(buf);
	return cost;
}

static void cost_covers_the_data_and_never_refuses_removal(struct kunit *test)
{
	KUNIT_EXPECT_GE(test, cost_of(test, HARP_REC_WRITE, 4096), 2 * 4096ULL);
	KUNIT_EXPECT_GT(test, cost_of(test, HARP_REC_WRITE, HARP_DATA_MAX), (u64)HARP_DATA_MAX);
	KUNIT_EXPECT_GT(test, cost_of(test, HARP_REC_CREATE, 0), 4096ULL);
	KUNIT_EXPECT_EQ(test, cost_of(test, HARP_REC_CREATE, 0) & 1, 1ULL);
	KUNIT_EXPECT_EQ(test, cost_of(test, HARP_REC_LINK, 0) & 1, 0ULL);
	KUNIT_EXPECT_EQ(test, cost_of(test, HARP_REC_UNLINK, 0), 0ULL);
	KUNIT_EXPECT_EQ(test, cost_of(test, HARP_REC_RMDIR, 0), 0ULL);
	KUNIT_EXPECT_EQ(test, cost_of(test, HARP_REC_RELEASE, 0), 0ULL);
}

static struct kunit_case harp_order_cases[] = {
	KUNIT_CASE(hash_is_what_it_always_was),
	KUNIT_CASE(hash_is_a_cookie_and_spreads),
	KUNIT_CASE(hash_depends_on_the_group),
	KUNIT_CASE(cost_covers_the_data_and_never_refuses_removal),
	{}
};

static struct kunit_suite harp_order_suite = {
	.name = "harp_order",
	.test_cases = harp_order_cases,
};

kunit_test_suite(harp_order_suite);
