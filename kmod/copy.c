// SPDX-License-Identifier: GPL-2.0
/*
 * The file state, read in pieces for a member that needs a copy (protocol C2), while this
 * member serves.
 *
 * A piece is a record that is in no log: built, checked and parsed by the same codec. Two
 * passes over all fids below an end, in ascending order:
 *
 *	objects   SETATTR	all attributes, and up to eight xattrs
 *		  WRITE		the same of a symbolic link, whose target is the data
 *		  XATTR		further xattrs
 *		  WRITE		data of a regular file; holes are left out
 *	entries   LINK		one name in a directory, and the directory's attributes; of
 *				what is under the name, fid and type only
 *
 * The reader keeps the place: a cursor of pass, fid and a position within that. Each answer
 * has the next one, and nothing here remembers a reader; who was interrupted goes on from
 * the last whole fid. Xattrs and names have their keyed hash for a position, so that none is
 * left out because another came or went.
 *
 * Nothing keeps the files still. A piece is read between two moments, and what tore it is in
 * a record that was committed by the second: that one's index is in the piece, and whoever
 * redoes all records from before the first piece up to the last index makes it whole
 * (finding 23).
 */
#include <linux/file.h>
#include <linux/netlink.h>
#include <linux/posix_acl.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include "copy.h"
#include "dataplane.h"
#include "lower.h"
#include "node.h"

/*
 * An answer is sent with the first piece that makes it so long: but for one with long
 * xattrs it is below what a socket's receive buffer holds by default, and so room is left
 * for the ACK, too.
 */
#define HARP_COPY_ENOUGH	(32U * 1024)
#define HARP_COPY_DATA		(64U * 1024)		/* in one piece */
#define HARP_COPY_NAMES		(16U * 1024)		/* of a directory, at a time */
#define HARP_COPY_LOOK		65536U			/* fids looked at for one answer */
#define HARP_COPY_XATTRS	8U			/* in one record */
#define HARP_COPY_WAIT		HZ			/* for a record to be applied */
#define HARP_COPY_AT_DATA	BIT_ULL(63)		/* and an offset, else a hash */

#define HARP_COPY_FULL		1			/* the cursor says where to go on */

/**
 * struct harp_copy_name - a directory entry, collected
 * @hash: where it stands
 * @len: bytes of @name
 * @name: not NUL-terminated
 */
struct harp_copy_name {
	u64 hash;
	u32 len;
	char name[];
};

/* ---------------------------------------------------------------------- pieces */

static void harp_copy_begin(struct harp_copy *c, struct harp_builder *b, u8 type)
{
	harp_build_begin(b, c->buf + c->used, HARP_REC_MAX - c->used, type);
}

/* 0; HARP_COPY_FULL when it is for the next answer; or -errno. */
static int harp_copy_add(struct harp_copy *c, struct harp_builder *b)
{
	int err = harp_build_finish(b);

	if (err == -EMSGSIZE && c->used)
		return HARP_COPY_FULL;
	if (err)
		return err;
	c->used += b->len;
	c->count++;
	return 0;
}

static bool harp_copy_enough(const struct harp_copy *c)
{
	return c->used >= HARP_COPY_ENOUGH;
}

/* All of them get the place and time of the read. */
static void harp_copy_seal(struct harp_copy *c, u64 index, u64 view)
{
	u64 now = harp_now_ns(c->r);
	struct harp_rec_hdr *hdr;
	u32 at;

	for (at = 0; at < c->used; at += le32_to_cpu(hdr->len)) {
		hdr = c->buf + at;
		harp_rec_seal(hdr, index, view, c->r->lineage, now, 0);
	}
}

static void harp_copy_time(struct harp_time *to, struct timespec64 t)
{
	to->sec = cpu_to_le64(t.tv_sec);
	to->nsec = cpu_to_le32(t.tv_nsec);
}

/* Attributes of one moment: apply changes them under the node's lock. */
static void harp_copy_inode(struct harp_node *n, u8 role, struct harp_builder *b)
{
	struct harp_sec_inode *s = harp_build_inode(b, role, n->fid);
	const struct inode *lower = d_inode(n->lower);

	if (!s)
		return;
	mutex_lock(&n->lock);
	s->state = n->state;
	s->attrs = cpu_to_le16(HARP_ATTR_ALL & ~HARP_ATTR_CAPGONE);
	s->parent = cpu_to_le64(S_ISDIR(lower->i_mode) ? n->parent : 0);
	s->mode = cpu_to_le32(lower->i_mode);
	s->nlink = cpu_to_le32(n->state == HARP_STATE_LIVE ? lower->i_nlink : 0);
	s->uid = cpu_to_le32(from_kuid(&init_user_ns, lower->i_uid));
	s->gid = cpu_to_le32(from_kgid(&init_user_ns, lower->i_gid));
	s->rdev = cpu_to_le32(new_encode_dev(lower->i_rdev));
	if (S_ISREG(lower->i_mode) || S_ISLNK(lower->i_mode))
		s->size = cpu_to_le64(i_size_read(lower));
	s->size_before = s->size;
	harp_copy_time(&s->atime, harp_lower_atime(lower));
	harp_copy_time(&s->mtime, harp_lower_mtime(lower));
	harp_copy_time(&s->ctime, n->ctime);
	harp_copy_time(&s->btime, n->btime);
	mutex_unlock(&n->lock);
}

/* ---------------------------------------------------------------------- xattrs */

static int harp_copy_acl_type(const char *name)
{
	if (!strcmp(name, XATTR_NAME_POSIX_ACL_ACCESS))
		return ACL_TYPE_ACCESS;
	return strcmp(name, XATTR_NAME_POSIX_ACL_DEFAULT) ? 0 : ACL_TYPE_DEFAULT;
}

/* Its length; -ENODATA: it has gone. */
static ssize_t harp_copy_acl(struct harp_copy *c, struct harp_node *n, int type)
{
	struct posix_acl *acl = harp_do_get_acl(n->lower, type);
	size_t size;
	ssize_t len;

	if (IS_ERR_OR_NULL(acl))
		return PTR_ERR(acl) ?: -ENODATA;
	size = posix_acl_xattr_size(acl->a_count);
	len = size > HARP_XATTR_SIZE_MAX ? -E2BIG :
	      posix_acl_to_xattr(&init_user_ns, acl, c->value, size);
	posix_acl_release(acl);
	/* Some kernels answer with 0. */
	return len < 0 ? len : size;
}

static ssize_t harp_copy_value(struct harp_copy *c, struct harp_node *n, const char *name)
{
	int type = harp_copy_acl_type(name);

	if (type)
		return harp_copy_acl(c, n, type);
	return harp_do_getxattr(c->r->lower_root.mnt, n->lower, name, c->value,
				HARP_XATTR_SIZE_MAX);
}

/* Ours, and what differs between the copies (xattr.c). */
static bool harp_copy_hidden(const char *name)
{
	return !strncmp(name, HARP_XATTR_HIDDEN, strlen(HARP_XATTR_HIDDEN)) ||
	       !strcmp(name, XATTR_NAME_EVM) || !strcmp(name, XATTR_NAME_IMA);
}

/*
 * The first name of the list at or after *@hash and after @last, if that is not NULL, in
 * the order of (hash, name). *@hash: its hash.
 */
static const char *harp_copy_next_xattr(struct harp_copy *c, ssize_t len, u64 *hash,
					const char *last)
{
	const siphash_key_t *key = &harp_lower(c->r)->nodes.index_key;
	const char *at, *best = NULL;
	u64 from = *hash, h;

	for (at = c->list; at < c->list + len; at += strlen(at) + 1) {
		if (harp_copy_hidden(at))
			continue;
		h = harp_name_hash(key, at, strlen(at));
		if (h < from || (h == from && last && strcmp(at, last) <= 0))
			continue;
		if (best && (h > *hash || (h == *hash && strcmp(at, best) > 0)))
			continue;
		best = at;
		*hash = h;
	}
	return best;
}

/**
 * struct harp_copy_xattrs - xattrs on their way into records
 * @n: whose
 * @b: the record that is being built
 * @open: there is one
 * @nr: xattrs in it
 */
struct harp_copy_xattrs {
	struct harp_node *n;
	struct harp_builder b;
	bool open;
	u32 nr;
};

static int harp_copy_xattrs_close(struct harp_copy *c, struct harp_copy_xattrs *x)
{
	if (!x->open)
		return 0;
	x->open = false;
	return harp_copy_add(c, &x->b);
}

/* HARP_COPY_FULL: it goes into the next answer. */
static int harp_copy_xattr(struct harp_copy *c, struct harp_copy_xattrs *x, const char *name,
			   u32 len)
{
	struct harp_builder old;
	int err;

	if (x->open && x->nr == HARP_COPY_XATTRS) {
		err = harp_copy_xattrs_close(c, x);
		if (err)
			return err;
	}
	if (!x->open) {
		if (harp_copy_enough(c))
			return HARP_COPY_FULL;
		harp_copy_begin(c, &x->b, HARP_REC_XATTR);
		harp_copy_inode(x->n, HARP_ROLE_OBJECT, &x->b);
		x->open = true;
		x->nr = 0;
	}
	old = x->b;
	harp_build_xattr(&x->b, HARP_ROLE_OBJECT, name, c->value, len, 0);
	if (x->b.err == -EMSGSIZE && (c->used || x->nr)) {
		x->b = old;
		/* An XATTR record of none is no record. */
		if (!x->nr && ((struct harp_rec_hdr *)x->b.buf)->type == HARP_REC_XATTR)
			x->open = false;
		return harp_copy_xattrs_close(c, x) ?: HARP_COPY_FULL;
	}
	x->nr++;
	return x->b.err;
}

/* All xattrs from the cursor on, the first of them into the record that is open. */
static int harp_copy_xattrs(struct harp_copy *c, struct harp_copy_xattrs *x)
{
	const char *name = NULL;
	u64 hash = c->at;
	ssize_t len, size;
	int err;

	len = harp_do_listxattr(x->n->lower, c->list, XATTR_LIST_MAX);
	if (len == -EOPNOTSUPP)
		len = 0;
	if (len < 0)
		return len;
	while ((name = harp_copy_next_xattr(c, len, &hash, name))) {
		size = harp_copy_value(c, x->n, name);
		if (size == -ENODATA)
			continue;
		err = size < 0 ? size : harp_copy_xattr(c, x, name, size);
		/* Names of one hash that do not fit one answer would be read for ever. */
		if (err == HARP_COPY_FULL && hash == c->at)
			return -E2BIG;
		if (err) {
			c->at = hash;
			return err;
		}
		cond_resched();
	}
	return harp_copy_xattrs_close(c, x);
}

/* --------------------------------------------------------------------- objects */

static int harp_copy_target(struct harp_copy *c, struct harp_node *n, struct harp_builder *b)
{
	DEFINE_DELAYED_CALL(done);
	const char *target = harp_do_get_link(n->lower, &done);
	void *data;
	int err = PTR_ERR_OR_ZERO(target);

	if (!err && strlen(target) > HARP_SYMLINK_MAX)
		err = -EUCLEAN;
	if (!err && harp_build_data(b, 0, strlen(target), &data))
		memcpy(data, target, strlen(target));
	do_delayed_call(&done);
	return err;
}

/* The state of a fid, then its xattrs. */
static int harp_copy_state(struct harp_copy *c, struct harp_node *n)
{
	bool symlink = d_is_symlink(n->lower);
	struct harp_copy_xattrs x = { .n = n };
	int err;

	if (!c->at) {
		if (harp_copy_enough(c))
			return HARP_COPY_FULL;
		harp_copy_begin(c, &x.b, symlink ? HARP_REC_WRITE : HARP_REC_SETATTR);
		x.open = true;
		harp_copy_inode(n, HARP_ROLE_OBJECT, &x.b);
		err = symlink ? harp_copy_target(c, n, &x.b) : 0;
		if (err)
			return err;
		if (x.b.err)
			return harp_copy_add(c, &x.b);
	}
	return harp_copy_xattrs(c, &x);
}

/* One piece from @pos on, at most @len bytes; *@got: how many there were. */
static int harp_copy_extent(struct harp_copy *c, struct harp_node *n, struct file *file,
			    loff_t pos, u32 len, u32 *got)
{
	struct harp_builder b;
	void *data = NULL;
	ssize_t done;

	/* Shorter than it was, for it is being truncated: then the rest is another piece. */
	for (;; len = done) {
		*got = 0;
		harp_copy_begin(c, &b, HARP_REC_WRITE);
		harp_copy_inode(n, HARP_ROLE_OBJECT, &b);
		harp_build_data(&b, pos, len, &data);
		if (b.err)
			return harp_copy_add(c, &b);
		done = harp_do_read(file, data, len, pos);
		if (done <= 0)
			return done;
		if (done == len)
			break;
	}
	*got = len;
	return harp_copy_add(c, &b);
}

static int harp_copy_extents(struct harp_copy *c, struct harp_node *n, struct file *file)
{
	loff_t pos = c->at & ~HARP_COPY_AT_DATA, end;
	u32 got;
	int err;

	for (;;) {
		pos = harp_do_llseek(file, pos, SEEK_DATA);
		if (pos < 0)
			return pos == -ENXIO ? 0 : pos;
		end = harp_do_llseek(file, pos, SEEK_HOLE);
		if (end < 0)
			return end == -ENXIO ? 0 : end;
		c->at = HARP_COPY_AT_DATA | pos;
		if (harp_copy_enough(c))
			return HARP_COPY_FULL;
		err = harp_copy_extent(c, n, file, pos, min_t(loff_t, end - pos, HARP_COPY_DATA),
				       &got);
		if (err)
			return err;
		/* It ends here now. */
		if (!got)
			return 0;
		pos += got;
	}
}

static int harp_copy_data(struct harp_copy *c, struct harp_node *n)
{
	struct file *file;
	int err;

	file = harp_do_open(c->r->lower_root.mnt, n->lower, O_RDONLY, c->r->cred);
	if (IS_ERR(file))
		return PTR_ERR(file);
	err = harp_copy_extents(c, n, file);
	fput(file);
	return err;
}

static int harp_copy_object(struct harp_copy *c, struct harp_node *n)
{
	int err = 0;

	if (!(c->at & HARP_COPY_AT_DATA)) {
		err = harp_copy_state(c, n);
		if (!err)
			c->at = HARP_COPY_AT_DATA;
	}
	return err ?: d_is_reg(n->lower) ? harp_copy_data(c, n) : 0;
}

/* --------------------------------------------------------------------- entries */

/* Only collects: a harp_dir_fn. */
static bool harp_copy_collect(void *arg, u64 hash, const char *name, u32 len, u64 fid,
			      unsigned int d_type)
{
	struct harp_copy *c = arg;
	u32 size = ALIGN(sizeof(struct harp_copy_name) + len, 8);
	struct harp_copy_name *e = c->names + c->names_used;

	if (size > HARP_COPY_NAMES - c->names_used) {
		c->names_full = true;
		return false;
	}
	e->hash = hash;
	e->len = len;
	memcpy(e->name, name, len);
	c->names_used += size;
	return true;
}

/* What is under the name now; nothing is no piece. */
static int harp_copy_entry(struct harp_copy *c, struct harp_node *dir,
			   const struct harp_copy_name *e)
{
	struct dentry *lower = harp_do_lookup_unlocked(dir->lower, e->name, e->len);
	struct harp_sec_inode *s;
	struct harp_builder b;
	u64 fid = 0;
	int err;

	if (IS_ERR(lower))
		return PTR_ERR(lower);
	err = d_is_negative(lower) ? -ENODATA : harp_fid_read(lower, &fid);
	if (!err) {
		harp_copy_begin(c, &b, HARP_REC_LINK);
		s = harp_build_inode(&b, HARP_ROLE_OBJECT, fid);
		if (s)
			s->mode = cpu_to_le32(d_inode(lower)->i_mode & S_IFMT);
		harp_copy_inode(dir, HARP_ROLE_DIR, &b);
		harp_build_name(&b, dir->fid, e->name, e->len, HARP_FID_NONE, fid);
		err = harp_copy_add(c, &b);
	}
	dput(lower);
	return err == -ENODATA ? 0 : err;
}

/* What was collected; the cursor stays at the last of it. */
static int harp_copy_batch(struct harp_copy *c, struct harp_node *dir, u64 from)
{
	struct harp_copy_name *e;
	int err = 0;
	u32 at;

	for (at = 0; !err && at < c->names_used; at += ALIGN(sizeof(*e) + e->len, 8)) {
		e = c->names + at;
		c->at = e->hash;
		err = harp_copy_enough(c) ? HARP_COPY_FULL : harp_copy_entry(c, dir, e);
		/* As for xattrs. */
		if (err == HARP_COPY_FULL && e->hash == from)
			err = -E2BIG;
	}
	return err;
}

static int harp_copy_entries(struct harp_copy *c, struct harp_node *dir)
{
	u64 from = c->at, first;
	int err = 0;

	if (!d_is_dir(dir->lower))
		return 0;
	do {
		/* Empty, and its end is in a record that is being applied. */
		if (IS_DEADDIR(d_inode(dir->lower)))
			return 0;
		first = c->at;
		c->names_used = 0;
		c->names_full = false;
		err = harp_node_iterate(dir, max_t(u64, first, 3), harp_copy_collect, c);
		if (!err)
			err = harp_copy_batch(c, dir, from);
		/* From the last one's hash on again: there may be others that have it. */
		if (!err && c->names_full && c->at == first)
			err = -E2BIG;
	} while (!err && c->names_full);
	return err < 0 && IS_DEADDIR(d_inode(dir->lower)) ? 0 : err;
}

/* ------------------------------------------------------------------------ fids */

/* The object, or -ESTALE: it is gone, never was, or is yet to be made by a record. */
static struct harp_node *harp_copy_load(struct harp_copy *c)
{
	struct harp_node *n = harp_node_load(c->r, c->fid);
	struct harp_row row;
	int err;

	if (n != ERR_PTR(-ENOENT))
		return n;
	err = harp_rows_read(harp_lower(c->r), c->fid, &row);
	if (err == -ENODATA || (!err && row.state == HARP_STATE_GONE))
		return ERR_PTR(-ESTALE);
	return ERR_PTR(err && err != -EUCLEAN ? err : -ENOENT);
}

/* Until what is committed by now is applied; not for long, the reader may ask again. */
static int harp_copy_wait(struct harp_replica *r)
{
	u64 cp = READ_ONCE(r->cp);
	long left = wait_event_killable_timeout(r->wait_wq[cp % HARP_WAITQS],
						READ_ONCE(r->ap) >= cp, HARP_COPY_WAIT);

	if (left > 0)
		return 0;
	return left ? -EINTR : -EAGAIN;
}

/*
 * A row that says it is there, and nothing there: a record that makes it or ends it is being
 * applied. When that is done it is one or the other; a later one can only end it.
 */
static struct harp_node *harp_copy_settle(struct harp_copy *c)
{
	struct harp_node *n = ERR_PTR(-ENOENT);
	unsigned int turn;
	int err;

	for (turn = 0; turn < 2 && n == ERR_PTR(-ENOENT); turn++) {
		err = harp_copy_wait(c->r);
		n = err ? ERR_PTR(err) : harp_copy_load(c);
	}
	return n;
}

/* What there is of one fid from the cursor on; nothing when it is gone. */
static int harp_copy_fid(struct harp_copy *c)
{
	struct harp_node *n = harp_copy_load(c);
	int err;

	if (n == ERR_PTR(-ENOENT)) {
		n = harp_copy_settle(c);
		if (n == ERR_PTR(-ENOENT))
			pr_warn_ratelimited("harp: %s/%u: copy: fid %llx has a row and cannot be found\n",
					    c->r->group, c->r->member, c->fid);
	}
	if (n == ERR_PTR(-ESTALE))
		return 0;
	if (IS_ERR(n))
		return PTR_ERR(n);
	err = c->pass == HARP_NL_COPY_OBJECTS ? harp_copy_object(c, n) : harp_copy_entries(c, n);
	harp_node_put(n);
	return err;
}

/* The next fid that may be one, or the next pass. */
static void harp_copy_next(struct harp_copy *c)
{
	c->at = 0;
	c->fid = c->fid < HARP_FID_FIRST ? HARP_FID_FIRST : c->fid + 1;
	if (c->fid < c->end)
		return;
	c->fid = HARP_FID_ROOT;
	c->pass++;
}

static int harp_copy_fids(struct harp_copy *c)
{
	u32 looked;
	int err;

	for (looked = 0; c->pass < HARP_NL_COPY_DONE && looked < HARP_COPY_LOOK; looked++) {
		if (harp_copy_enough(c))
			break;
		if (fatal_signal_pending(current))
			return -EINTR;
		err = harp_copy_fid(c);
		if (err)
			return err == HARP_COPY_FULL ? 0 : err;
		harp_copy_next(c);
		cond_resched();
	}
	return 0;
}

/* The view in which this member serves, or 0. */
static u64 harp_copy_serves(struct harp_replica *r, u64 *cp)
{
	u64 view = 0;

	spin_lock(&r->lock);
	if (r->role == HARP_ROLE_PRIMARY && r->serving && r->fence <= r->view &&
	    !r->media_failure)
		view = r->view;
	*cp = r->cp;
	spin_unlock(&r->lock);
	return view;
}

/* @err is what reading the lower ended with. */
static int harp_copy_failed(struct harp_replica *r, int err, struct netlink_ext_ack *extack)
{
	switch (err) {
	case -ENOMEM:
	case -EINTR:
		return err;
	case -E2BIG:
		NL_SET_ERR_MSG(extack, "more names or xattrs of one hash than an answer holds");
		return err;
	case -EAGAIN:
		NL_SET_ERR_MSG(extack, "a record of a file is still being applied: ask again");
		return err;
	case -ENOENT:
		NL_SET_ERR_MSG(extack, "a file that has a row cannot be found; its fid was logged");
		return err;
	default:
		NL_SET_ERR_MSG(extack, "the lower cannot be read");
		return harp_lower_error(r, err, "copy");
	}
}

static int harp_copy_check(struct harp_copy *c, struct netlink_ext_ack *extack)
{
	u64 next = READ_ONCE(harp_lower(c->r)->rows.next);

	if (!c->end)
		c->end = next;
	if (c->end < HARP_FID_FIRST || c->end > next) {
		NL_SET_ERR_MSG(extack, "COPY_END: expected 16 to the next fid to be given");
		return -ERANGE;
	}
	if (!harp_fid_possible(c->fid) || c->fid >= c->end) {
		NL_SET_ERR_MSG(extack, "COPY_FID: expected 1, or 16 to below COPY_END");
		return -ERANGE;
	}
	if (c->pass == HARP_NL_COPY_ENTRIES && c->at & HARP_COPY_AT_DATA) {
		NL_SET_ERR_MSG(extack, "COPY_AT: not a position in a directory");
		return -ERANGE;
	}
	return 0;
}

static int harp_copy_alloc(struct harp_copy *c)
{
	c->buf = kvmalloc(HARP_REC_MAX, GFP_KERNEL);
	c->value = kvmalloc(HARP_XATTR_SIZE_MAX, GFP_KERNEL);
	c->list = kvmalloc(XATTR_LIST_MAX, GFP_KERNEL);
	c->names = kvmalloc(HARP_COPY_NAMES, GFP_KERNEL);
	return c->buf && c->value && c->list && c->names ? 0 : -ENOMEM;
}

/**
 * harp_copy_free() - give back what harp_copy_read() took
 * @c: the answer
 *
 * Context: process context.
 */
void harp_copy_free(struct harp_copy *c)
{
	kvfree(c->buf);
	kvfree(c->value);
	kvfree(c->list);
	kvfree(c->names);
}

/**
 * harp_copy_read() - the next pieces of the file state (C2)
 * @c: cursor in, from a user; out: where to go on, and the pieces
 * @extack: why not
 *
 * Context: process context, sleeps; no lock held. harp_copy_free() in any case.
 * Return: 0 or -errno; -EAGAIN: this member does not serve (any more).
 */
int harp_copy_read(struct harp_copy *c, struct netlink_ext_ack *extack)
{
	struct harp_replica *r = c->r;
	const struct cred *old;
	unsigned int nofs;
	u64 view, cp;
	int err;

	err = harp_copy_check(c, extack) ?: harp_copy_alloc(c);
	if (err)
		return err;
	view = harp_copy_serves(r, &cp);
	if (view) {
		nofs = memalloc_nofs_save();
		old = override_creds(r->cred);
		err = harp_copy_fids(c);
		revert_creds(old);
		memalloc_nofs_restore(nofs);
		if (err)
			return harp_copy_failed(r, err, extack);
	}
	/* What was applied meanwhile, or is now, is committed. */
	if (!view || view != harp_copy_serves(r, &cp)) {
		NL_SET_ERR_MSG(extack, "expected the primary, serving: read on from that");
		return -EAGAIN;
	}
	c->index = cp;
	harp_copy_seal(c, cp, view);
	return 0;
}
