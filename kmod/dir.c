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

/**
 * struct harp_batch - entries collected under the index's lock, told without it
 * @buf: a page
 * @used: bytes of it
 * @full: an entry did not fit
 */
struct harp_batch {
	char *buf;
	u32 used;
	bool full;
};

static bool harp_collect(void *arg, u64 hash, const char *name, u32 len, u64 fid,
			 unsigned int d_type)
{
	struct harp_batch *batch = arg;
	u32 size = ALIGN(sizeof(struct harp_dirent) + len, 8);
	struct harp_dirent *e = (struct harp_dirent *)(batch->buf + batch->used);

	if (size > PAGE_SIZE - batch->used) {
		batch->full = true;
		return false;
	}
	e->hash = hash;
	e->fid = fid;
	e->type = d_type;
	e->len = len;
	memcpy(e->name, name, len);
	batch->used += size;
	return true;
}

/* Returns false when the reader has had enough. */
static bool harp_emit_batch(struct dir_context *ctx, const struct harp_batch *batch)
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
	struct harp_batch batch = { };
	struct harp_node *node;
	int err;

	err = harp_inode_enter(dir);
	if (err)
		return err;
	node = harp_inode_node(dir);
	if (IS_ERR(node))
		return PTR_ERR(node);
	if (!harp_emit_dots(dir, ctx))
		return 0;
	batch.buf = (char *)__get_free_page(GFP_KERNEL);
	if (!batch.buf)
		return -ENOMEM;
	do {
		batch.used = 0;
		batch.full = false;
		err = harp_node_iterate(node, max_t(u64, ctx->pos, 3), harp_collect, &batch);
		if (!err)
			err = harp_recheck(harp_r(dir));
	} while (!err && harp_emit_batch(ctx, &batch) && batch.full);
	free_page((unsigned long)batch.buf);
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
