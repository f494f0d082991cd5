// SPDX-License-Identifier: GPL-2.0
/* KUnit: rows and LB notes as they are stored. */
#include <kunit/test.h>
#include <linux/crc32c.h>
#include "node.h"

#define TEST_FID	((3ULL << 48) | 0x1234)

static const struct harp_row sample = {
	.fid = TEST_FID,
	.parent = 0x77,
	.state = HARP_STATE_PARKED,
	.fh_type = 0x81,
	.fh_words = 3,
	.fh = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 },
	.ctime = { .tv_sec = -5, .tv_nsec = 999999999 },
	.btime = { .tv_sec = 4102444800LL, .tv_nsec = 1 },
};

/* A row that was changed on purpose, with a checksum that is right again. */
static void reseal(struct harp_row_disk *disk)
{
	disk->crc = 0;
	disk->crc = cpu_to_le32(~crc32c(~0U, disk, sizeof(*disk)));
}

static void row_comes_back(struct kunit *test)
{
	struct harp_row_disk disk;
	struct harp_row row;

	harp_row_encode(&sample, &disk);
	KUNIT_ASSERT_EQ(test, harp_row_decode(&disk, TEST_FID, &row), 0);
	KUNIT_EXPECT_EQ(test, row.fid, TEST_FID);
	KUNIT_EXPECT_EQ(test, row.parent, sample.parent);
	KUNIT_EXPECT_EQ(test, row.state, sample.state);
	KUNIT_EXPECT_EQ(test, row.fh_type, sample.fh_type);
	KUNIT_EXPECT_EQ(test, row.fh_words, sample.fh_words);
	KUNIT_EXPECT_EQ(test, memcmp(row.fh, sample.fh, sizeof(row.fh)), 0);
	KUNIT_EXPECT_TRUE(test, timespec64_equal(&row.ctime, &sample.ctime));
	KUNIT_EXPECT_TRUE(test, timespec64_equal(&row.btime, &sample.btime));
}

static void row_never_written_is_no_data(struct kunit *test)
{
	struct harp_row_disk disk = {};
	struct harp_row row;

	KUNIT_EXPECT_EQ(test, harp_row_decode(&disk, TEST_FID, &row), -ENODATA);
}

static void row_of_another_fid_of_the_slot_is_no_data(struct kunit *test)
{
	struct harp_row_disk disk;
	struct harp_row row;

	harp_row_encode(&sample, &disk);
	KUNIT_EXPECT_EQ(test, harp_row_decode(&disk, TEST_FID + (1ULL << 48), &row), -ENODATA);
}

static void row_with_any_bit_flipped_is_refused(struct kunit *test)
{
	struct harp_row_disk disk;
	struct harp_row row;
	unsigned int bit;

	for (bit = 0; bit < 8 * sizeof(disk); bit++) {
		harp_row_encode(&sample, &disk);
		((u8 *)&disk)[bit / 8] ^= 1 << (bit % 8);
		KUNIT_EXPECT_EQ_MSG(test, harp_row_decode(&disk, TEST_FID, &row), -EUCLEAN,
				    "bit %u", bit);
	}
}

static void row_out_of_bounds_is_refused(struct kunit *test)
{
	struct harp_row_disk disk;
	struct harp_row row;

	harp_row_encode(&sample, &disk);
	reseal(&disk);
	KUNIT_EXPECT_EQ(test, harp_row_decode(&disk, TEST_FID, &row), 0);
	disk.fh_words = 5;
	reseal(&disk);
	KUNIT_EXPECT_EQ(test, harp_row_decode(&disk, TEST_FID, &row), -EUCLEAN);
	harp_row_encode(&sample, &disk);
	disk.state = HARP_STATE_GONE + 1;
	reseal(&disk);
	KUNIT_EXPECT_EQ(test, harp_row_decode(&disk, TEST_FID, &row), -EUCLEAN);
	harp_row_encode(&sample, &disk);
	disk.btime_nsec = cpu_to_le32(NSEC_PER_SEC);
	reseal(&disk);
	KUNIT_EXPECT_EQ(test, harp_row_decode(&disk, TEST_FID, &row), -EUCLEAN);
}

static void lb_note_is_valid_until_touched(struct kunit *test)
{
	struct harp_replica *r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);
	struct harp_lb_note note;
	unsigned int bit;

	KUNIT_ASSERT_NOT_NULL(test, r);
	r->lineage = 7;
	r->member = 1;
	harp_lb_encode(r, 12, 345, &note);
	KUNIT_EXPECT_TRUE(test, harp_lb_valid(&note));
	KUNIT_EXPECT_EQ(test, le64_to_cpu(note.lb), 345ULL);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(note.seq), 12ULL);
	for (bit = 0; bit < 8 * sizeof(note); bit++) {
		((u8 *)&note)[bit / 8] ^= 1 << (bit % 8);
		KUNIT_EXPECT_FALSE_MSG(test, harp_lb_valid(&note), "bit %u", bit);
		((u8 *)&note)[bit / 8] ^= 1 << (bit % 8);
	}
}

static struct kunit_case harp_rows_cases[] = {
	KUNIT_CASE(row_comes_back),
	KUNIT_CASE(row_never_written_is_no_data),
	KUNIT_CASE(row_of_another_fid_of_the_slot_is_no_data),
	KUNIT_CASE(row_with_any_bit_flipped_is_refused),
	KUNIT_CASE(row_out_of_bounds_is_refused),
	KUNIT_CASE(lb_note_is_valid_until_touched),
	{}
};

static struct kunit_suite harp_rows_suite = {
	.name = "harp_rows",
	.test_cases = harp_rows_cases,
};

kunit_test_suite(harp_rows_suite);
