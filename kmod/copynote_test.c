// SPDX-License-Identifier: GPL-2.0
/* KUnit: copy notes as they are stored. */
#include <kunit/test.h>
#include <linux/harp_netlink.h>
#include "node.h"

static const struct harp_copy_place sample = {
	.from = 1000,
	.upto = 1234,
	.end = 0x500,
	.fid = 0x123,
	.state = HARP_NL_COPYING_PIECES,
	.pass = HARP_NL_COPY_ENTRIES,
};

static struct harp_replica *owner(struct kunit *test)
{
	struct harp_replica *r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, r);
	r->lineage = 7;
	r->member = 1;
	return r;
}

static int through(struct kunit *test, const struct harp_copy_place *in)
{
	struct harp_copy_place out;
	struct harp_copy_note note;

	harp_copy_note_encode(owner(test), 1, in, &note);
	return harp_copy_note_decode(&note, &out);
}

static void copy_note_comes_back(struct kunit *test)
{
	struct harp_copy_place out;
	struct harp_copy_note note;

	harp_copy_note_encode(owner(test), 12, &sample, &note);
	KUNIT_ASSERT_EQ(test, harp_copy_note_decode(&note, &out), 0);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(note.seq), 12ULL);
	KUNIT_EXPECT_EQ(test, out.from, sample.from);
	KUNIT_EXPECT_EQ(test, out.upto, sample.upto);
	KUNIT_EXPECT_EQ(test, out.end, sample.end);
	KUNIT_EXPECT_EQ(test, out.fid, sample.fid);
	KUNIT_EXPECT_EQ(test, out.state, sample.state);
	KUNIT_EXPECT_EQ(test, out.pass, sample.pass);
}

static void copy_note_with_any_bit_flipped_is_none(struct kunit *test)
{
	struct harp_copy_place out;
	struct harp_copy_note note;
	unsigned int bit;

	harp_copy_note_encode(owner(test), 12, &sample, &note);
	for (bit = 0; bit < 8 * sizeof(note); bit++) {
		((u8 *)&note)[bit / 8] ^= 1 << (bit % 8);
		KUNIT_EXPECT_EQ_MSG(test, harp_copy_note_decode(&note, &out), -ENODATA,
				    "bit %u", bit);
		((u8 *)&note)[bit / 8] ^= 1 << (bit % 8);
	}
}

static void copy_note_of_what_cannot_be_is_refused(struct kunit *test)
{
	struct harp_copy_place at = sample;

	at.upto = at.from - 1;
	KUNIT_EXPECT_EQ(test, through(test, &at), -EUCLEAN);
	at = sample;
	at.upto = U64_MAX;
	KUNIT_EXPECT_EQ(test, through(test, &at), -EUCLEAN);
	at = sample;
	at.fid = at.end;
	KUNIT_EXPECT_EQ(test, through(test, &at), -EUCLEAN);
	at = sample;
	at.fid = 0;
	KUNIT_EXPECT_EQ(test, through(test, &at), -EUCLEAN);
	at = sample;
	at.end = 0;
	KUNIT_EXPECT_EQ(test, through(test, &at), -EUCLEAN);
	at = sample;
	at.state = HARP_NL_COPYING_NONE;
	KUNIT_EXPECT_EQ(test, through(test, &at), -EUCLEAN);
	at = sample;
	at.state = HARP_NL_COPYING_ENDED + 1;
	KUNIT_EXPECT_EQ(test, through(test, &at), -EUCLEAN);
}

static void copy_note_has_the_pass_of_its_state(struct kunit *test)
{
	struct harp_copy_place at = sample;

	at.pass = HARP_NL_COPY_DONE;
	KUNIT_EXPECT_EQ(test, through(test, &at), -EUCLEAN);
	at.state = HARP_NL_COPYING_LOG;
	KUNIT_EXPECT_EQ(test, through(test, &at), 0);
	at.state = HARP_NL_COPYING_ENDED;
	KUNIT_EXPECT_EQ(test, through(test, &at), 0);
	at.pass = HARP_NL_COPY_OBJECTS;
	KUNIT_EXPECT_EQ(test, through(test, &at), -EUCLEAN);
}

static struct kunit_case harp_copynote_cases[] = {
	KUNIT_CASE(copy_note_comes_back),
	KUNIT_CASE(copy_note_with_any_bit_flipped_is_none),
	KUNIT_CASE(copy_note_of_what_cannot_be_is_refused),
	KUNIT_CASE(copy_note_has_the_pass_of_its_state),
	{}
};

static struct kunit_suite harp_copynote_suite = {
	.name = "harp_copynote",
	.test_cases = harp_copynote_cases,
};

kunit_test_suite(harp_copynote_suite);
