// SPDX-License-Identifier: GPL-2.0
/*
 * Reading directories: in the order of a keyed hash of the names, which both copies
 * share (harp_node_iterate()). A cookie is the hash of the next entry; 0 is the
 * start, 1 comes after ".", 2 after "..".
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include "vfs.h"

/**
 * struct harp_dirent - an entry on its way to the reader
 * @hash: its cookie
 * @fid: what it names
 * @type: DT_*
 * @len: bytes of @name
 * @name: not NUL-terminated
 */
struct harp_dirent {
	u64 hash, fid;
	u8 type, len;
	char name[];
};

/*
 * No room for an entry with @hash. A cookie leads to a hash, not to one of several names
 * with it: such a run goes out whole, in the next batch. One that is longer than a batch
 * goes out without its rest, because no cookie would lead there.
 */
static void harp_batch_close(struct harp_batch *batch, u64 hash)
{
	batch->full = true;
	if (!batch->used || hash != batch->last)
		return;
	if (batch->run)
		batch->used = batch->run;
	else
		pr_warn_ratelimited("harp: too many names with hash %llx in a directory\n", hash);
}

/**
 * harp_batch_add() - an entry for a batch: a harp_dir_fn
 * @arg: the batch
 * @hash: of the name
 * @name: the name
 * @len: its length
 * @fid: what it names
 * @d_type: DT_* of that
 *
 * Context: Any.
 * Return: false when it is full.
 */
bool harp_batch_add(void *arg, u64 hash, const char *name, u32 len, u64 fid,
		    unsigned int d_type)
{
	struct harp_batch *batch = arg;
	u32 size = ALIGN(sizeof(struct harp_dirent) + len, 8);
	struct harp_dirent *e = (struct harp_dirent *)(batch->buf + batch->used);

	if (size > PAGE_SIZE - batch->used) {
		harp_batch_close(batch, hash);
		return false;
	}
	e->hash = hash;
	e->fid = fid;
	e->type = d_type;
	e->len = len;
	memcpy(e->name, name, len);
	if (hash != batch->last) {
		batch->last = hash;
		batch->run = batch->used;
	}
	batch->used += size;
	return true;
}

/**
 * harp_batch_emit() - hand a batch to the reader
 * @ctx: the reader
 * @batch: the batch
 *
 * Context: process context; may fault.
 * Return: false when the reader has had enough.
 */
bool harp_batch_emit(struct dir_context *ctx, const struct harp_batch *batch)
{
	u32 at = 0;

	while (at < batch->used) {
		const struct harp_dirent *e = (void *)(batch->buf + at);

		ctx->pos = e->hash;
		if (!dir_emit(ctx, e->name, e->len, e->fid, e->type))
			return false;
		ctx->pos = e->hash + 1;
		at += ALIGN(sizeof(*e) + e->len, 8);
	}
	return true;
}

static bool harp_emit_dots(struct inode *dir, struct dir_context *ctx)
{
	u64 parent = READ_ONCE(harp_i(dir)->parent);

	if (ctx->pos < 0)
		return false;
	if (ctx->pos == 0) {
		if (!dir_emit(ctx, ".", 1, harp_fid(dir), DT_DIR))
			return false;
		ctx->pos = 1;
	}
	if (ctx->pos == 1) {
		if (harp_fid(dir) == HARP_FID_ROOT || !parent)
			parent = harp_fid(dir);
		if (!dir_emit(ctx, "..", 2, parent, DT_DIR))
			return false;
		ctx->pos = 2;
	}
	return true;
}

static int harp_iterate(struct file *file, struct dir_context *ctx)
{
	struct inode *dir = file_inode(file);
	struct harp_batch batch;
	struct harp_node *node;
	char *buf;
	int err;

	err = harp_inode_enter(dir);
	if (err)
		return err;
	node = harp_inode_node(dir);
	if (IS_ERR(node))
		return PTR_ERR(node);
	if (!harp_emit_dots(dir, ctx))
		return 0;
	buf = (char *)__get_free_page(GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	do {
		batch = (struct harp_batch){ .buf = buf };
		err = harp_node_iterate(node, max_t(u64, ctx->pos, 3), harp_batch_add, &batch);
		if (!err)
			err = harp_recheck(harp_r(dir));
	} while (!err && harp_batch_emit(ctx, &batch) && batch.full);
	free_page((unsigned long)buf);
	return err;
}

/* Cookies have 63 bits, whatever the lower's limits are. */
static loff_t harp_dir_llseek(struct file *file, loff_t offset, int whence)
{
	return generic_file_llseek_size(file, offset, whence, LLONG_MAX, LLONG_MAX);
}

static int harp_dir_open(struct inode *inode, struct file *file)
{
	return harp_inode_enter(inode);
}

const struct file_operations harp_dir_fops = {
	.open		= harp_dir_open,
	.read		= generic_read_dir,
	.iterate_shared	= harp_iterate,
	.llseek		= harp_dir_llseek,
	.fsync		= harp_fsync,
	.setlease	= simple_nosetlease,
};
