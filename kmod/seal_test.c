// SPDX-License-Identifier: GPL-2.0
/* KUnit: LOG_LOAD on a replica without lower and link (P1). */
#include <kunit/test.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/netlink.h>
#include <linux/shmem_fs.h>
#include <net/net_namespace.h>
#include "dataplane.h"
#include "seal_hdr.h"
#include "test_view.h"

#define FORMED		4	/* the view whose log is sealed: records 1 to RECORDS */
#define RECORDS		4
#define IMAGE_MAX	4096

/* A sealed log, as it would be in a file. */
struct image {
	u8 bytes[IMAGE_MAX] __aligned(8);
	size_t len;
	size_t last;	/* where the last record begins */
};

static struct harp_replica *made;

static void seal_exit(struct kunit *test)
{
	if (!made)
		return;
	if (IS_ERR(made->log))
		made->log = NULL;
	harp_replica_put(made);
	made = NULL;
}

static struct harp_replica *replica(struct kunit *test, u64 lb, bool complete)
{
	struct harp_replica_params p = {
		.group = "kunit-seal",
		.lineage = LINEAGE,
		.epoch = 3,
		.inc = 70,
		.region = { .kind = HARP_REGION_MEM, .size = HARP_REGION_MIN },
		.net = &init_net,
	};
	struct harp_replica *r;
	int err;

	seal_exit(test);
	r = harp_replica_alloc(&p);
	KUNIT_ASSERT_NOT_NULL(test, r);
	made = r;
	r->log = harp_log_open(&p.region, &r->uuid, 0, LINEAGE, 3, p.inc, &r->found);
	KUNIT_ASSERT_FALSE(test, IS_ERR(r->log));
	mutex_lock(harp_log_mutex(r->log));
	err = harp_log_format(r->log, lb + 1, 0, 0, 0, complete);
	mutex_unlock(harp_log_mutex(r->log));
	KUNIT_ASSERT_EQ(test, err, 0);
	r->lb = lb;
	r->ap = lb;
	r->cp = lb;
	r->links->intact = complete;
	return r;
}

static int enter(struct harp_replica *r, u64 view)
{
	struct harp_sec_view v = view_of(view, 0, 0);
	const struct harp_view_from from = { };
	struct netlink_ext_ack extack = { };

	return harp_view_start(r, &v, sizeof(v), &from, &extack);
}

static void append_noops(struct kunit *test, struct harp_replica *r, unsigned int n)
{
	struct harp_builder b;
	char buf[256] __aligned(8);
	u64 index;
	int err;

	while (n--) {
		harp_build_begin(&b, buf, sizeof(buf), HARP_REC_NOOP);
		KUNIT_ASSERT_EQ(test, harp_build_finish(&b), 0);
		mutex_lock(harp_log_mutex(r->log));
		err = harp_log_append(r->log, b.buf, FORMED, 1, 0, &index);
		mutex_unlock(harp_log_mutex(r->log));
		KUNIT_ASSERT_EQ(test, err, 0);
	}
}

static struct harp_seal_hdr *hdr_of(struct image *im)
{
	return (struct harp_seal_hdr *)im->bytes;
}

/* As harpd writes it, of a member in view FORMED. */
static struct image *image(struct kunit *test)
{
	struct image *im = kunit_kzalloc(test, sizeof(*im), GFP_KERNEL);
	struct harp_replica *r = replica(test, 0, true);
	const struct harp_rec_hdr *rec;
	struct harp_seal_hdr *h;
	u64 i;

	KUNIT_ASSERT_NOT_NULL(test, im);
	KUNIT_ASSERT_EQ(test, enter(r, FORMED), 0);
	append_noops(test, r, RECORDS - 1);
	im->len = sizeof(*h);
	for (i = 1; i <= RECORDS; i++) {
		rec = harp_log_get(r->log, i);
		KUNIT_ASSERT_NOT_NULL(test, rec);
		KUNIT_ASSERT_LE(test, im->len + le32_to_cpu(rec->len), sizeof(im->bytes));
		im->last = im->len;
		memcpy(im->bytes + im->len, rec, le32_to_cpu(rec->len));
		im->len += le32_to_cpu(rec->len);
	}
	h = hdr_of(im);
	memcpy(h->group, &r->uuid, sizeof(h->group));
	h->lineage = cpu_to_le64(LINEAGE);
	h->formed = cpu_to_le64(FORMED);
	h->base = cpu_to_le64(1);
	h->top = cpu_to_le64(RECORDS);
	h->bytes = cpu_to_le64(im->len - sizeof(*h));
	h->epoch = cpu_to_le32(3);
	harp_seal_hdr_finish(h);
	return im;
}

static int load(struct kunit *test, struct harp_replica *r, const struct image *im)
{
	struct netlink_ext_ack extack = { };
	struct file *file = shmem_file_setup("harp-seal", 0, 0);
	loff_t at = 0;
	int err;

	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	KUNIT_ASSERT_EQ(test, kernel_write(file, im->bytes, im->len, &at), (ssize_t)im->len);
	err = harp_seal_load(r, file, &extack);
	fput(file);
	/* Whoever is refused is told why. */
	return err && !extack._msg ? -ENOMSG : err;
}

static void expect_empty(struct kunit *test, struct harp_replica *r, u64 lb)
{
	struct harp_log_pos pos;

	harp_log_pos(r->log, &pos);
	KUNIT_EXPECT_FALSE(test, r->links->intact);
	KUNIT_EXPECT_FALSE(test, pos.complete);
	KUNIT_EXPECT_EQ(test, pos.base, lb + 1);
	KUNIT_EXPECT_EQ(test, pos.top, lb);
	KUNIT_EXPECT_EQ(test, pos.formed, 0ULL);
}

static void a_sealed_log_is_whole_again(struct kunit *test)
{
	struct image *im = image(test);
	struct harp_replica *r = replica(test, 2, false);
	struct harp_log_pos pos;

	KUNIT_ASSERT_EQ(test, load(test, r, im), 0);
	harp_log_pos(r->log, &pos);
	KUNIT_EXPECT_TRUE(test, r->links->intact);
	KUNIT_EXPECT_TRUE(test, pos.complete);
	KUNIT_EXPECT_EQ(test, pos.base, 1ULL);
	KUNIT_EXPECT_EQ(test, pos.top, (u64)RECORDS);
	KUNIT_EXPECT_EQ(test, pos.wm, (u64)RECORDS);
	KUNIT_EXPECT_EQ(test, pos.formed, (u64)FORMED);
	KUNIT_EXPECT_EQ(test, harp_log_view_at(r->log, RECORDS), (u64)FORMED);
	/* LB is the disk's, and has nothing to do with it. */
	KUNIT_EXPECT_EQ(test, r->ap, 2ULL);
	KUNIT_EXPECT_EQ(test, load(test, r, im), -EBUSY);
}

static void a_log_that_was_on_the_disk_is_sealed_without_records(struct kunit *test)
{
	struct image *im = image(test);
	struct harp_replica *r = replica(test, RECORDS, false);
	struct harp_seal_hdr *h = hdr_of(im);
	struct harp_log_pos pos;

	h->base = cpu_to_le64(RECORDS + 1);
	h->anchor_view = cpu_to_le64(FORMED);
	h->anchor_crc = ((struct harp_rec_hdr *)(im->bytes + im->last))->crc;
	h->bytes = 0;
	harp_seal_hdr_finish(h);
	im->len = sizeof(*h);
	KUNIT_ASSERT_EQ(test, load(test, r, im), 0);
	harp_log_pos(r->log, &pos);
	KUNIT_EXPECT_TRUE(test, r->links->intact);
	KUNIT_EXPECT_EQ(test, pos.top, (u64)RECORDS);
	KUNIT_EXPECT_EQ(test, pos.top_view, (u64)FORMED);
	KUNIT_EXPECT_EQ(test, pos.top_crc, le32_to_cpu(h->anchor_crc));
}

/* ------------------------------------------------------------------ what is refused */

static void spoil_magic(struct image *im)
{
	im->bytes[0] ^= 1;
}

static void spoil_hdr(struct image *im)
{
	im->bytes[offsetof(struct harp_seal_hdr, anchor_view)] ^= 1;
}

static void spoil_version(struct image *im)
{
	hdr_of(im)->version = cpu_to_le32(HARP_SEAL_VERSION + 1);
}

static void spoil_group(struct image *im)
{
	hdr_of(im)->group[3] ^= 1;
	harp_seal_hdr_finish(hdr_of(im));
}

static void spoil_lineage(struct image *im)
{
	hdr_of(im)->lineage = cpu_to_le64(LINEAGE + 1);
	harp_seal_hdr_finish(hdr_of(im));
}

static void spoil_epoch(struct image *im)
{
	hdr_of(im)->epoch = cpu_to_le32(4);
	harp_seal_hdr_finish(hdr_of(im));
}

static void spoil_member(struct image *im)
{
	hdr_of(im)->member = 1;
	harp_seal_hdr_finish(hdr_of(im));
}

static void spoil_member_range(struct image *im)
{
	hdr_of(im)->member = HARP_MEMBERS;
	harp_seal_hdr_finish(hdr_of(im));
}

static void spoil_formed(struct image *im)
{
	hdr_of(im)->formed = 0;
	harp_seal_hdr_finish(hdr_of(im));
}

static void spoil_formed_below(struct image *im)
{
	hdr_of(im)->formed = cpu_to_le64(FORMED - 1);
	harp_seal_hdr_finish(hdr_of(im));
}

static void spoil_base(struct image *im)
{
	hdr_of(im)->base = cpu_to_le64(RECORDS + 2);
	harp_seal_hdr_finish(hdr_of(im));
}

static void spoil_base_within(struct image *im)
{
	hdr_of(im)->base = cpu_to_le64(2);
	harp_seal_hdr_finish(hdr_of(im));
}

static void spoil_top_above(struct image *im)
{
	hdr_of(im)->top = cpu_to_le64(RECORDS + 1);
	harp_seal_hdr_finish(hdr_of(im));
}

static void spoil_top_below(struct image *im)
{
	hdr_of(im)->top = cpu_to_le64(RECORDS - 1);
	harp_seal_hdr_finish(hdr_of(im));
}

static void spoil_anchor(struct image *im)
{
	hdr_of(im)->anchor_view = cpu_to_le64(3);
	harp_seal_hdr_finish(hdr_of(im));
}

static void spoil_bytes(struct image *im)
{
	hdr_of(im)->bytes = cpu_to_le64(im->len - sizeof(struct harp_seal_hdr) - 8);
	harp_seal_hdr_finish(hdr_of(im));
}

static void cut_hdr(struct image *im)
{
	im->len = sizeof(struct harp_seal_hdr) - 1;
}

static void cut_tail(struct image *im)
{
	im->len -= 8;
}

static void lengthen(struct image *im)
{
	im->len += 8;
}

/* The last one is not there, and nothing says so but the header's top. */
static void drop_last(struct image *im)
{
	im->len = im->last;
	hdr_of(im)->bytes = cpu_to_le64(im->len - sizeof(struct harp_seal_hdr));
	harp_seal_hdr_finish(hdr_of(im));
}

static void spoil_rec_hdr(struct image *im)
{
	im->bytes[im->last + offsetof(struct harp_rec_hdr, view)] ^= 1;
}

/* The record before it, once more in its place. */
static void twice(struct image *im)
{
	size_t len = im->len - im->last;

	memcpy(im->bytes + im->last, im->bytes + im->last - len, len);
}

static const struct refusal {
	const char *name;
	void (*spoil)(struct image *im);
	int err;
} refusals[] = {
	{ "magic", spoil_magic, -EBADMSG },
	{ "a bit of the header", spoil_hdr, -EBADMSG },
	{ "version", spoil_version, -EPROTO },
	{ "another group", spoil_group, -EINVAL },
	{ "another lineage", spoil_lineage, -EINVAL },
	{ "another epoch", spoil_epoch, -EINVAL },
	{ "another member", spoil_member, -EINVAL },
	{ "no member", spoil_member_range, -EBADMSG },
	{ "no view", spoil_formed, -EBADMSG },
	{ "records of a later view", spoil_formed_below, -EBADMSG },
	{ "base above top", spoil_base, -EBADMSG },
	{ "base is another record's", spoil_base_within, -EBADMSG },
	{ "top above the last record", spoil_top_above, -EBADMSG },
	{ "records after top", spoil_top_below, -EBADMSG },
	{ "an anchor before the first record", spoil_anchor, -EBADMSG },
	{ "fewer bytes than there are", spoil_bytes, -EBADMSG },
	{ "cut in the header", cut_hdr, -EBADMSG },
	{ "cut in a record", cut_tail, -EBADMSG },
	{ "too long", lengthen, -EBADMSG },
	{ "a record is missing", drop_last, -EBADMSG },
	{ "a bit of a record", spoil_rec_hdr, -EBADMSG },
	{ "a record comes twice", twice, -EBADMSG },
};

static void refusal_name(const struct refusal *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(refusal, refusals, refusal_name);

static void what_is_wrong_is_refused_and_leaves_an_empty_log(struct kunit *test)
{
	const struct refusal *c = test->param_value;
	struct image *good = image(test), *im = image(test);
	struct harp_replica *r = replica(test, 2, false);

	c->spoil(im);
	KUNIT_EXPECT_EQ(test, load(test, r, im), c->err);
	expect_empty(test, r, 2);
	/* And nothing of the attempt stands in the way of a good one. */
	KUNIT_EXPECT_EQ(test, load(test, r, good), 0);
}

static void a_log_that_is_whole_stays(struct kunit *test)
{
	struct image *im = image(test);
	struct harp_replica *r = replica(test, 0, true);
	struct harp_log_pos pos;

	KUNIT_EXPECT_EQ(test, load(test, r, im), -EBUSY);
	harp_log_pos(r->log, &pos);
	KUNIT_EXPECT_EQ(test, pos.top, 0ULL);
	KUNIT_EXPECT_TRUE(test, r->links->intact);
}

static void one_that_has_been_in_a_view_takes_none(struct kunit *test)
{
	struct image *im = image(test);
	struct harp_replica *r = replica(test, 0, true);

	KUNIT_ASSERT_EQ(test, enter(r, FORMED), 0);
	harp_leave(r);
	r->links->intact = false;
	KUNIT_EXPECT_EQ(test, load(test, r, im), -EBUSY);
	KUNIT_EXPECT_EQ(test, harp_log_top(r->log), 1ULL);
}

static void one_that_was_fed_takes_none(struct kunit *test)
{
	struct image *im = image(test);
	struct harp_replica *r = replica(test, 2, false);

	r->links->fed = true;
	KUNIT_EXPECT_EQ(test, load(test, r, im), -EBUSY);
}

static struct kunit_case seal_cases[] = {
	KUNIT_CASE(a_sealed_log_is_whole_again),
	KUNIT_CASE(a_log_that_was_on_the_disk_is_sealed_without_records),
	KUNIT_CASE_PARAM(what_is_wrong_is_refused_and_leaves_an_empty_log, refusal_gen_params),
	KUNIT_CASE(a_log_that_is_whole_stays),
	KUNIT_CASE(one_that_has_been_in_a_view_takes_none),
	KUNIT_CASE(one_that_was_fed_takes_none),
	{}
};

static struct kunit_suite seal_suite = {
	.name = "harp_seal",
	.exit = seal_exit,
	.test_cases = seal_cases,
};

kunit_test_suite(seal_suite);
