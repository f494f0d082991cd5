// SPDX-License-Identifier: GPL-2.0
/* KUnit: what an LB pass makes of write-back errors and of unwritten rows (N6, I10). */
#include <kunit/test.h>
#include <linux/anon_inodes.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/kthread.h>
#include <linux/uio.h>
#include "node.h"

#define TEST_ROWS	2

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

/**
 * struct rows_file - a row file whose first write waits, and fails
 * @first: there has been one
 * @waits: it waits
 * @go: until this
 * @written: bit n: row n is in the file
 */
struct rows_file {
	bool first;
	struct completion waits, go;
	unsigned long written;
};

static ssize_t rows_write(struct kiocb *iocb, struct iov_iter *from)
{
	struct rows_file *f = iocb->ki_filp->private_data;
	size_t len = iov_iter_count(from);

	if (!f->first) {
		f->first = true;
		complete(&f->waits);
		wait_for_completion(&f->go);
		return -ENOMEM;
	}
	__set_bit(div_u64(iocb->ki_pos, HARP_ROW_SIZE), &f->written);
	iov_iter_advance(from, len);
	return len;
}

static const struct file_operations rows_fops = {
	.owner = THIS_MODULE,
	.write_iter = rows_write,
};

/**
 * struct flusher - a thread that writes rows
 * @lw: the lower
 * @flush: how
 * @err: what became of it
 * @done: when that is known
 */
struct flusher {
	struct harp_lower *lw;
	int (*flush)(struct harp_lower *lw);
	int err;
	struct completion done;
};

static int flushes(void *arg)
{
	struct flusher *f = arg;

	f->err = f->flush(f->lw);
	complete(&f->done);
	return 0;
}

static struct task_struct *flusher_run(struct kunit *test, struct flusher *f)
{
	struct task_struct *t;

	init_completion(&f->done);
	t = kthread_run(flushes, f, "harp-flusher");
	KUNIT_ASSERT_FALSE(test, IS_ERR(t));
	return t;
}

static int flush_one(struct harp_lower *lw)
{
	return harp_rows_flush(lw, 1);
}

/* A lower of nothing but dirty nodes and @file. */
static struct harp_lower *lower_of(struct kunit *test, struct file *file)
{
	struct harp_replica *r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);
	struct harp_lower *lw = kunit_kzalloc(test, sizeof(*lw), GFP_KERNEL);
	struct harp_lnode *ln;
	int i;

	KUNIT_ASSERT_NOT_NULL(test, r);
	KUNIT_ASSERT_NOT_NULL(test, lw);
	lw->r = r;
	lw->rows.file = file;
	mutex_init(&lw->rows.flush);
	spin_lock_init(&lw->nodes.lock);
	INIT_LIST_HEAD(&lw->nodes.dirty);
	r->nodes = &lw->nodes;
	for (i = 0; i < TEST_ROWS; i++) {
		ln = kunit_kzalloc(test, sizeof(*ln), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, ln);
		ln->n.fid = HARP_FID_FIRST + i;
		ln->n.r = r;
		mutex_init(&ln->n.lock);
		INIT_LIST_HEAD(&ln->n.dirty);
		refcount_set(&ln->n.ref, 2);
		harp_node_dirty(&ln->n);
	}
	return lw;
}

/* One that apply could not write just now, and has put back, is of those before LB, too. */
static void a_row_put_back_is_written_as_well(struct kunit *test)
{
	struct rows_file f = { };
	struct file *file = anon_inode_getfile("harp-rows", &rows_fops, &f, O_WRONLY);
	struct flusher apply = { .flush = flush_one }, sync = { .flush = harp_sync_rows };
	struct task_struct *t;

	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	init_completion(&f.waits);
	init_completion(&f.go);
	apply.lw = lower_of(test, file);
	sync.lw = apply.lw;
	flusher_run(test, &apply);
	wait_for_completion(&f.waits);
	t = flusher_run(test, &sync);
	/* Until it waits for the other: whatever it counts before, it has counted. */
	while (READ_ONCE(t->__state) != TASK_UNINTERRUPTIBLE)
		msleep(20);
	complete(&f.go);
	wait_for_completion(&apply.done);
	wait_for_completion(&sync.done);
	KUNIT_EXPECT_EQ(test, apply.err, -ENOMEM);
	KUNIT_EXPECT_EQ(test, sync.err, 0);
	KUNIT_EXPECT_EQ(test, apply.lw->nodes.nr_dirty, 0U);
	/* The head, and both rows. */
	KUNIT_EXPECT_EQ(test, f.written, BIT(0) | GENMASK(HARP_FID_FIRST + TEST_ROWS - 1,
							  HARP_FID_FIRST));
	fput(file);
}

static struct kunit_case harp_sync_cases[] = {
	KUNIT_CASE(every_writeback_error_is_final),
	KUNIT_CASE(a_row_put_back_is_written_as_well),
	{}
};

static struct kunit_suite harp_sync_suite = {
	.name = "harp_sync",
	.test_cases = harp_sync_cases,
};

kunit_test_suite(harp_sync_suite);
