// SPDX-License-Identifier: GPL-2.0
/*
 * Regular files. Reading goes to the lower's page cache through a lower file per
 * open file; harp has no pages of its own. Writing makes records.
 */
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/splice.h>
#include <linux/uio.h>
#include "lower.h"
#include "vfs.h"

/**
 * struct harp_file - an open file
 * @list: in harp_inode.files
 * @lower: for reading, opened when first needed; harp_inode.files_lock
 */
struct harp_file {
	struct list_head list;
	struct file *lower;
};

static int harp_open(struct inode *inode, struct file *file)
{
	struct harp_inode *hi = harp_i(inode);
	struct harp_file *hf;
	int err;

	err = harp_inode_enter(inode);
	if (err)
		return err;
	hf = kzalloc(sizeof(*hf), GFP_KERNEL);
	if (!hf)
		return -ENOMEM;
	spin_lock(&hi->files_lock);
	list_add(&hf->list, &hi->files);
	spin_unlock(&hi->files_lock);
	file->private_data = hf;
	/* Accepted, and treated as any other: nothing is cached but by the lower. */
	file->f_mode |= FMODE_CAN_ODIRECT;
	return 0;
}

static int harp_release_file(struct inode *inode, struct file *file)
{
	struct harp_inode *hi = harp_i(inode);
	struct harp_file *hf = file->private_data;

	spin_lock(&hi->files_lock);
	list_del(&hf->list);
	spin_unlock(&hi->files_lock);
	if (hf->lower)
		fput(hf->lower);
	kfree(hf);
	return 0;
}

/**
 * harp_files_drop() - close the lower files of an inode's open files
 * @inode: the inode
 *
 * They are opened again when next needed.
 *
 * Context: process context, may sleep.
 */
void harp_files_drop(struct inode *inode)
{
	struct harp_inode *hi = harp_i(inode);
	struct harp_file *hf;
	struct file *lower;

	do {
		lower = NULL;
		spin_lock(&hi->files_lock);
		list_for_each_entry(hf, &hi->files, list) {
			if (!hf->lower)
				continue;
			lower = hf->lower;
			hf->lower = NULL;
			break;
		}
		spin_unlock(&hi->files_lock);
		if (lower)
			fput(lower);
	} while (lower);
}

/* The lower file to read from; the caller drops its reference. */
static struct file *harp_lower_file(struct file *file)
{
	struct inode *inode = file_inode(file);
	struct harp_inode *hi = harp_i(inode);
	struct harp_file *hf = file->private_data;
	struct file *lower, *mine;
	struct harp_node *node;

	spin_lock(&hi->files_lock);
	lower = hf->lower ? get_file(hf->lower) : NULL;
	spin_unlock(&hi->files_lock);
	if (lower)
		return lower;
	node = harp_inode_node(inode);
	if (IS_ERR(node))
		return ERR_CAST(node);
	mine = harp_node_open(node, O_RDONLY | O_LARGEFILE | O_NOATIME);
	if (IS_ERR(mine))
		return ERR_PTR(harp_lower_error(harp_r(inode), PTR_ERR(mine), "open"));
	spin_lock(&hi->files_lock);
	if (!hf->lower)
		hf->lower = get_file(mine);
	lower = get_file(hf->lower);
	spin_unlock(&hi->files_lock);
	fput(mine);
	return lower;
}

/* ---------------------------------------------------------------------- reading */

static struct file *harp_read_begin(struct file *file)
{
	int err = harp_inode_enter(file_inode(file));

	return err ? ERR_PTR(err) : harp_lower_file(file);
}

/* What was read may leave if this member still is the one to answer. */
static ssize_t harp_read_end(struct file *file, struct file *lower, ssize_t ret)
{
	struct harp_replica *r = harp_r(file_inode(file));
	int err;

	fput(lower);
	if (ret < 0)
		return harp_lower_error(r, ret, "read");
	err = harp_recheck(r);
	return err ?: ret;
}

static ssize_t harp_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct file *file = iocb->ki_filp, *lower;
	const struct cred *old_cred;
	ssize_t ret;

	if (iocb->ki_flags & IOCB_NOWAIT)
		return -EAGAIN;
	if (!iov_iter_count(to))
		return 0;
	lower = harp_read_begin(file);
	if (IS_ERR(lower))
		return PTR_ERR(lower);
	old_cred = override_creds(harp_r(file_inode(file))->cred);
	ret = harp_do_read_iter(lower, to, iocb->ki_pos);
	revert_creds(old_cred);
	ret = harp_read_end(file, lower, ret);
	if (ret > 0)
		iocb->ki_pos += ret;
	return ret;
}

/* nfsd reads this way: the lower's pages go to the socket. */
static ssize_t harp_splice_read(struct file *file, loff_t *pos, struct pipe_inode_info *pipe,
				size_t len, unsigned int flags)
{
	const struct cred *old_cred;
	struct file *lower;
	ssize_t ret;

	lower = harp_read_begin(file);
	if (IS_ERR(lower))
		return PTR_ERR(lower);
	old_cred = override_creds(harp_r(file_inode(file))->cred);
	ret = harp_do_splice_read(lower, pos, pipe, len, flags);
	revert_creds(old_cred);
	return harp_read_end(file, lower, ret);
}

/*
 * A mapping that may be written and is shared would bypass the log (I8); any other
 * is one of the lower file, as overlayfs does it.
 */
static int harp_mmap(struct file *file, struct vm_area_struct *vma)
{
	const struct cred *old_cred;
	struct file *lower;
	int err;

	if ((vma->vm_flags & (VM_SHARED | VM_MAYWRITE)) == (VM_SHARED | VM_MAYWRITE))
		return -EINVAL;
	lower = harp_read_begin(file);
	if (IS_ERR(lower))
		return PTR_ERR(lower);
	old_cred = override_creds(harp_r(file_inode(file))->cred);
	err = harp_do_mmap(lower, vma);
	revert_creds(old_cred);
	fput(lower);
	return err;
}

static loff_t harp_seek_data(struct file *file, loff_t offset, int whence)
{
	const struct cred *old_cred;
	struct file *lower;
	loff_t ret;

	lower = harp_read_begin(file);
	if (IS_ERR(lower))
		return PTR_ERR(lower);
	old_cred = override_creds(harp_r(file_inode(file))->cred);
	ret = harp_do_llseek(lower, offset, whence);
	revert_creds(old_cred);
	ret = harp_read_end(file, lower, ret);
	return ret < 0 ? ret : vfs_setpos(file, ret, file_inode(file)->i_sb->s_maxbytes);
}

static loff_t harp_llseek(struct file *file, loff_t offset, int whence)
{
	int err;

	if (whence == SEEK_DATA || whence == SEEK_HOLE)
		return harp_seek_data(file, offset, whence);
	err = harp_inode_enter(file_inode(file));
	return err ?: generic_file_llseek(file, offset, whence);
}

/* ---------------------------------------------------------------------- writing */

/**
 * struct harp_write - a write, of one record or several
 * @op: the record under way
 * @inode: the file
 * @pos: where the next byte goes
 * @room: bytes that limits leave
 * @kill: ATTR_KILL_* that the write entails
 * @generation: in which it is decided
 * @at: last record appended
 */
struct harp_write {
	struct harp_op op;
	struct inode *inode;
	loff_t pos;
	u64 room;
	unsigned int kill;
	u32 generation;
	struct harp_at at;
};

/*
 * One record's worth of the caller's data, into the record: before an index is
 * taken, because it may fault (kernel-notes 14). Returns bytes copied.
 */
static ssize_t harp_write_copy(struct harp_write *w, struct iov_iter *from)
{
	u32 len = min_t(size_t, iov_iter_count(from), HARP_DATA_MAX);
	struct harp_sec_data *s;
	size_t copied;
	void *data;
	int err;

	err = harp_op_begin(&w->op, harp_s(w->inode->i_sb), w->generation, HARP_REC_WRITE, len);
	if (err)
		return err;
	harp_op_add(&w->op, HARP_ROLE_OBJECT, w->inode);
	s = harp_build_data(&w->op.b, 0, len, &data);
	if (!s)
		return w->op.b.err;
	copied = copy_from_iter(data, len, from);
	return copied ?: -EFAULT;
}

/* @len of the copied bytes count: limits may leave less. */
static void harp_write_trim(struct harp_write *w, u32 len)
{
	struct harp_sec_data *s = NULL;
	struct harp_builder *b = &w->op.b;
	u32 at = sizeof(struct harp_rec_hdr) + sizeof(struct harp_sec_inode), old;

	s = b->buf + at;
	s->offset = cpu_to_le64(w->pos);
	old = le32_to_cpu(s->len);
	if (len == old)
		return;
	s->len = cpu_to_le32(len);
	s->sec.len = cpu_to_le32(sizeof(*s) + len);
	/* It is the last section so far; what follows the bytes is padding. */
	b->len = at + ALIGN(sizeof(*s) + len, HARP_REC_ALIGN);
	memset((char *)(s + 1) + len, 0, b->len - at - sizeof(*s) - len);
}

/* As generic_write_check_limits(), on the decided size. */
static int harp_write_limits(struct harp_write *w, struct file *file)
{
	loff_t max = file->f_flags & O_LARGEFILE ? w->inode->i_sb->s_maxbytes : MAX_NON_LFS;
	unsigned long limit = rlimit(RLIMIT_FSIZE);

	if (limit != RLIM_INFINITY) {
		if (w->pos >= limit) {
			send_sig(SIGXFSZ, current, 0);
			return -EFBIG;
		}
		max = min_t(u64, max, limit);
	}
	if (w->pos >= max)
		return -EFBIG;
	w->room = max - w->pos;
	return 0;
}

/*
 * A write takes setuid, setgid and capabilities away (kernel-notes 31): the same
 * record says so. As file_remove_privs(), which would make a record of its own.
 */
static int harp_write_privs(struct harp_write *w)
{
	struct inode *inode = w->inode;
	int need;

	w->kill = 0;
	if (IS_NOSEC(inode))
		return 0;
	if (is_sxid(inode->i_mode) || is_sxid(READ_ONCE(harp_i(inode)->decided.mode))) {
		need = harp_inode_settle(inode, w->generation);
		if (need)
			return need;
		w->kill = setattr_should_drop_suidgid(&nop_mnt_idmap, inode);
	}
	need = harp_has_caps(inode);
	if (need < 0)
		return need;
	if (need)
		w->kill |= ATTR_KILL_PRIV;
	if (!w->kill && !is_sxid(inode->i_mode))
		inode->i_flags |= S_NOSEC;
	return 0;
}

static void harp_write_decide(struct harp_write *w, u32 len)
{
	struct harp_op_object *o = &w->op.obj[0];
	umode_t mode = o->a.mode;

	if (w->kill & ATTR_KILL_SUID)
		mode &= ~S_ISUID;
	if (w->kill & ATTR_KILL_SGID)
		mode &= ~S_ISGID;
	if (mode != o->a.mode)
		o->attrs |= HARP_ATTR_MODE;
	if (w->kill & ATTR_KILL_PRIV)
		o->attrs |= HARP_ATTR_CAPGONE;
	o->a.mode = mode;
	if (w->pos + len > o->a.size) {
		o->a.size = w->pos + len;
		o->attrs |= HARP_ATTR_SIZE;
	}
	o->a.mtime = w->op.now;
	o->attrs |= HARP_ATTR_MTIME;
}

/* Append the record whose @len bytes were copied; ends the operation. */
static ssize_t harp_write_append(struct harp_write *w, u32 len)
{
	int err;

	len = min_t(u64, len, w->room);
	err = harp_op_lock(&w->op);
	if (!err) {
		harp_write_trim(w, len);
		harp_write_decide(w, len);
		err = harp_op_append(&w->op);
	}
	if (err)
		return err;
	w->at = w->op.at;
	w->pos += len;
	w->room -= len;
	w->kill = 0;
	return len;
}

/* The inode is locked, @copied bytes of the first record are there. */
static ssize_t harp_write_locked(struct harp_write *w, struct kiocb *iocb, struct iov_iter *from,
				 u32 copied)
{
	ssize_t done = 0, n;
	int err;

	w->pos = iocb->ki_flags & IOCB_APPEND ? READ_ONCE(harp_i(w->inode)->decided.size) :
						iocb->ki_pos;
	err = harp_write_limits(w, iocb->ki_filp);
	if (!err)
		err = harp_write_privs(w);
	if (err)
		return err;
	for (;;) {
		n = harp_write_append(w, copied);
		if (n < 0)
			return done ?: n;
		done += n;
		if (!iov_iter_count(from) || !w->room)
			return done;
		harp_op_end(&w->op);
		n = harp_write_copy(w, from);
		if (n < 0)
			return done;
		copied = n;
	}
}

/*
 * The inode's lock is held over all of a write's records, so that writes do not
 * mix, but not while waiting for their commit. Callers hold sb_start_write().
 */
static ssize_t harp_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	struct harp_write w = { .inode = inode };
	ssize_t ret, copied;
	int err;

	if (iocb->ki_flags & IOCB_NOWAIT)
		return -EAGAIN;
	if (!iov_iter_count(from))
		return 0;
	err = harp_inode_enter_op(inode, &w.generation);
	if (err)
		return err;
	copied = harp_write_copy(&w, from);
	ret = copied;
	if (copied > 0) {
		inode_lock(inode);
		WRITE_ONCE(harp_i(inode)->writing, true);
		ret = harp_write_locked(&w, iocb, from, copied);
		WRITE_ONCE(harp_i(inode)->writing, false);
		inode_unlock(inode);
	}
	harp_op_end(&w.op);
	if (ret <= 0)
		return ret;
	err = harp_wait_applied(harp_r(inode), &w.at);
	if (err)
		return err;
	iocb->ki_pos = w.pos;
	return ret;
}

/**
 * harp_fsync() - what was answered is stable: wait for what was not yet
 * @file: the file
 * @start: not looked at
 * @end: not looked at
 * @datasync: not looked at
 *
 * Context: process context, sleeps.
 * Return: 0, or as harp_inode_enter() and harp_wait_committed().
 */
int harp_fsync(struct file *file, loff_t start, loff_t end, int datasync)
{
	struct inode *inode = file_inode(file);
	u32 generation;
	int err;

	err = harp_inode_enter_op(inode, &generation);
	return err ?: harp_wait_committed(harp_r(inode), READ_ONCE(harp_i(inode)->last_index),
					  generation);
}

const struct file_operations harp_file_fops = {
	.open		= harp_open,
	.release	= harp_release_file,
	.llseek		= harp_llseek,
	.read_iter	= harp_read_iter,
	.write_iter	= harp_write_iter,
	.splice_read	= harp_splice_read,
	.splice_write	= iter_file_splice_write,
	.mmap		= harp_mmap,
	.fsync		= harp_fsync,
	.setlease	= simple_nosetlease,
};
