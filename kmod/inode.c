// SPDX-License-Identifier: GPL-2.0
/*
 * Inodes: found by fid, loaded from the lower once, then kept up by records: the
 * decided attributes by whoever appends, the committed ones by the apply thread.
 */
#include <linux/iversion.h>
#include <linux/mm.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <linux/security.h>
#include <linux/slab.h>
#include "vfs.h"

/* ------------------------------------------------------ committed state in, out */

/*
 * The committed attributes. They change together, so that nobody is told the size before
 * a record with the change attribute after it, and keeps it (I7). What nfsd reads of the
 * VFS's fields directly (kernel-notes 9) it only compares.
 */
static void harp_set_committed(struct inode *inode, const struct harp_attrs *a)
{
	struct harp_inode *hi = harp_i(inode);

	spin_lock(&inode->i_lock);
	inode->i_mode = a->mode;
	inode->i_uid = make_kuid(&init_user_ns, a->uid);
	inode->i_gid = make_kgid(&init_user_ns, a->gid);
	if (inode->i_nlink != a->nlink)
		set_nlink(inode, a->nlink);
	inode_set_atime_to_ts(inode, a->atime);
	inode_set_mtime_to_ts(inode, a->mtime);
	i_size_write(inode, S_ISDIR(a->mode) ? HARP_DIR_SIZE : a->size);
	hi->btime = a->btime;
	WRITE_ONCE(hi->parent, a->parent);
	WRITE_ONCE(hi->state, a->state);
	inode_set_ctime_to_ts(inode, a->ctime);
	spin_unlock(&inode->i_lock);
}

/* Of one moment: the apply thread changes the node's part of them under its lock. */
static void harp_attrs_of_lower(struct harp_attrs *a, struct harp_node *node)
{
	const struct inode *lower = d_inode(node->lower);

	memset(a, 0, sizeof(*a));
	mutex_lock(&node->lock);
	a->mode = lower->i_mode;
	a->nlink = lower->i_nlink;
	a->uid = from_kuid(&init_user_ns, lower->i_uid);
	a->gid = from_kgid(&init_user_ns, lower->i_gid);
	a->rdev = lower->i_rdev;
	if (S_ISREG(a->mode) || S_ISLNK(a->mode))
		a->size = i_size_read(lower);
	a->atime = inode_get_atime(lower);
	a->mtime = inode_get_mtime(lower);
	a->ctime = node->ctime;
	a->btime = node->btime;
	a->parent = node->parent;
	a->state = node->state;
	mutex_unlock(&node->lock);
	/* A parked file has a name of ours on the lower. */
	if (a->state != HARP_STATE_LIVE)
		a->nlink = 0;
}

static struct timespec64 harp_time_from(const struct harp_time *t)
{
	return (struct timespec64){
		.tv_sec = le64_to_cpu(t->sec),
		.tv_nsec = le32_to_cpu(t->nsec),
	};
}

static void harp_attrs_of_record(struct harp_attrs *a, const struct harp_sec_inode *s)
{
	memset(a, 0, sizeof(*a));
	a->mode = le32_to_cpu(s->mode);
	a->nlink = le32_to_cpu(s->nlink);
	a->uid = le32_to_cpu(s->uid);
	a->gid = le32_to_cpu(s->gid);
	a->rdev = new_decode_dev(le32_to_cpu(s->rdev));
	a->size = le64_to_cpu(s->size);
	a->parent = le64_to_cpu(s->parent);
	a->atime = harp_time_from(&s->atime);
	a->mtime = harp_time_from(&s->mtime);
	a->ctime = harp_time_from(&s->ctime);
	a->btime = harp_time_from(&s->btime);
	a->state = s->state;
}

static int harp_inode_test(struct inode *inode, void *arg)
{
	return inode->i_ino == *(u64 *)arg;
}

static int harp_inode_set(struct inode *inode, void *arg)
{
	inode->i_ino = *(u64 *)arg;
	harp_i(inode)->writing = false;
	return 0;
}

/**
 * harp_inode_committed() - a record was applied: its attributes are committed
 * @r: the replica
 * @rec: the record
 *
 * Context: the apply thread, before AP moves. Takes sb_rwsem for reading and no
 * lock of an operation, because operations wait for AP with theirs held.
 */
void harp_inode_committed(struct harp_replica *r, const struct harp_rec *rec)
{
	unsigned int i;

	down_read(&r->sb_rwsem);
	for (i = 0; r->sb && i < rec->ninode; i++) {
		const struct harp_sec_inode *s = rec->inode[i];
		u64 fid = le64_to_cpu(s->fid);
		struct harp_attrs a;
		struct inode *inode;

		/* Without waiting: one that is being made is waiting for us. */
		inode = ilookup5_nowait(r->sb, fid, harp_inode_test, &fid);
		if (!inode)
			continue;
		harp_attrs_of_record(&a, s);
		harp_set_committed(inode, &a);
		if (rec->nxattr && s->role == rec->xattr[0]->role)
			forget_all_cached_acls(inode);
		iput(inode);
	}
	up_read(&r->sb_rwsem);
}

/**
 * harp_super_generation() - the role changed: let go of what is cached from before
 * @r: the replica, whose generation is new already
 *
 * Attributes and names are reloaded when next used (harp_inode_enter(),
 * d_revalidate); lower files are dropped now (kernel-notes 13).
 *
 * Context: process context, takes sb_rwsem for reading.
 */
void harp_super_generation(struct harp_replica *r)
{
	struct inode *inode, *last = NULL;

	down_read(&r->sb_rwsem);
	if (!r->sb) {
		up_read(&r->sb_rwsem);
		return;
	}
	spin_lock(&r->sb->s_inode_list_lock);
	list_for_each_entry(inode, &r->sb->s_inodes, i_sb_list) {
		spin_lock(&inode->i_lock);
		if (inode->i_state & (I_FREEING | I_WILL_FREE | I_NEW)) {
			spin_unlock(&inode->i_lock);
			continue;
		}
		__iget(inode);
		spin_unlock(&inode->i_lock);
		spin_unlock(&r->sb->s_inode_list_lock);
		iput(last);
		last = inode;
		harp_files_drop(inode);
		forget_all_cached_acls(inode);
		cond_resched();
		spin_lock(&r->sb->s_inode_list_lock);
	}
	spin_unlock(&r->sb->s_inode_list_lock);
	iput(last);
	/*
	 * A file handle leads past d_revalidate: what is still below a parent of an earlier
	 * generation would answer for "..", and stand in the way of its own lookup.
	 */
	shrink_dcache_sb(r->sb);
	up_read(&r->sb_rwsem);
}

/* --------------------------------------------------------------- finding, making */

static void harp_inode_ops(struct inode *inode, dev_t rdev)
{
	switch (inode->i_mode & S_IFMT) {
	case S_IFREG:
		inode->i_op = &harp_file_iops;
		inode->i_fop = &harp_file_fops;
		break;
	case S_IFDIR:
		inode->i_op = &harp_dir_iops;
		inode->i_fop = &harp_dir_fops;
		break;
	case S_IFLNK:
		inode->i_op = &harp_symlink_iops;
		break;
	default:
		inode->i_op = &harp_special_iops;
		init_special_inode(inode, inode->i_mode, rdev);
	}
	/* Times change by records only. */
	inode->i_flags |= S_NOATIME | S_NOCMTIME;
}

/* The state is of @generation. */
static void harp_set_generation(struct harp_inode *hi, u32 generation)
{
	/* Pairs with harp_generation(): who sees this sees all of the state. */
	smp_store_release(&hi->generation, generation);
}

static void harp_inode_load(struct inode *inode, const struct harp_attrs *a, u32 generation)
{
	struct harp_inode *hi = harp_i(inode);

	hi->decided = *a;
	harp_set_committed(inode, a);
	inode->i_generation = 0;
	harp_set_generation(hi, generation);
}

/**
 * harp_inode_new() - reserve the inode of a file about to be made
 * @sb: the mount
 * @fid: its new identity
 *
 * Made before the record is, so that nothing can fail after it.
 *
 * Context: process context, may sleep.
 * Return: an inode that others wait for, or NULL when out of memory.
 */
struct inode *harp_inode_new(struct super_block *sb, u64 fid)
{
	struct inode *inode;

	inode = iget5_locked(sb, fid, harp_inode_test, harp_inode_set, &fid);
	if (inode && WARN_ON_ONCE(!(inode->i_state & I_NEW))) {
		iput(inode);
		return NULL;
	}
	return inode;
}

/**
 * harp_inode_born() - the file of harp_inode_new() exists
 * @inode: the inode
 * @a: its attributes
 * @at: record that made it
 *
 * Others wait for it until it has its dentry (d_instantiate_new()): fids are guessed easily,
 * and who came by one's handle in between would give a directory a second dentry.
 *
 * Context: process context.
 */
void harp_inode_born(struct inode *inode, const struct harp_attrs *a, const struct harp_at *at)
{
	harp_inode_load(inode, a, at->generation);
	harp_i(inode)->last_index = at->index;
	harp_inode_ops(inode, a->rdev);
	/* It has no capabilities yet: the first write need not look. */
	if (S_ISREG(a->mode) && !is_sxid(a->mode))
		inode->i_flags |= S_NOSEC;
}

/* An inode from the cache: is it one that may be given out? */
static struct inode *harp_iget_cached(struct inode *inode)
{
	struct harp_inode *hi = harp_i(inode);
	int err = 0;

	if (is_bad_inode(inode) || READ_ONCE(hi->stale) ||
	    READ_ONCE(hi->state) == HARP_STATE_GONE)
		err = -ESTALE;
	else if (READ_ONCE(hi->dying) &&
		 harp_generation(hi) == READ_ONCE(harp_r(inode)->generation))
		err = -ETIMEDOUT;	/* not decided yet: try later */
	if (!err)
		return inode;
	iput(inode);
	return ERR_PTR(err);
}

/*
 * What may be loaded now is of this generation; 0, of none, while this member does not
 * serve: its lower may lack what it has to apply first (V8).
 */
static u32 harp_served_generation(struct harp_replica *r)
{
	u32 generation = READ_ONCE(r->generation);

	/* As in harp_enter_generation(). */
	smp_rmb();
	/* Pairs with harp_try_serve(). */
	return smp_load_acquire(&r->serving) ? generation : 0;
}

/* @node's reference goes to the inode, or is dropped. */
static struct inode *harp_iget_load(struct super_block *sb, struct harp_node *node)
{
	u32 generation = harp_served_generation(harp_s(sb)->r);
	u64 fid = node->fid;
	struct harp_inode *hi;
	struct harp_attrs a;
	struct inode *inode;

	inode = iget5_locked(sb, fid, harp_inode_test, harp_inode_set, &fid);
	if (!inode) {
		harp_node_put(node);
		return ERR_PTR(-ENOMEM);
	}
	if (!(inode->i_state & I_NEW)) {
		harp_node_put(node);
		return harp_iget_cached(inode);
	}
	hi = harp_i(inode);
	hi->node = node;
	if (node->state == HARP_STATE_GONE || harp_is_releasing(harp_s(sb), fid)) {
		iget_failed(inode);
		return ERR_PTR(-ESTALE);
	}
	if (node->state == HARP_STATE_PARKED) {
		hi->release = kzalloc(sizeof(*hi->release), GFP_KERNEL);
		if (!hi->release) {
			iget_failed(inode);
			return ERR_PTR(-ENOMEM);
		}
	}
	harp_attrs_of_lower(&a, node);
	harp_inode_load(inode, &a, generation);
	harp_inode_ops(inode, a.rdev);
	unlock_new_inode(inode);
	return inode;
}

/**
 * harp_iget() - the inode with a fid
 * @sb: the mount
 * @fid: identity
 *
 * Context: process context, may sleep.
 * Return: the inode, or -ESTALE (known to be gone), -ETIMEDOUT (try later), -ENOMEM.
 */
struct inode *harp_iget(struct super_block *sb, u64 fid)
{
	struct harp_node *node;
	struct inode *inode;

	inode = ilookup5(sb, fid, harp_inode_test, &fid);
	if (inode)
		return harp_iget_cached(inode);
	node = harp_node_get(harp_s(sb)->r, fid);
	return IS_ERR(node) ? ERR_CAST(node) : harp_iget_load(sb, node);
}

/**
 * harp_iget_node() - the inode of a node
 * @sb: the mount
 * @node: the node; its reference is taken over
 *
 * Context: process context, may sleep.
 * Return: as harp_iget().
 */
struct inode *harp_iget_node(struct super_block *sb, struct harp_node *node)
{
	return harp_iget_load(sb, node);
}

/**
 * harp_inode_node() - the lower of an inode
 * @inode: the inode
 *
 * Context: process context, may sleep.
 * Return: the node, good as long as the inode is; or -ESTALE, -ETIMEDOUT, -ENOMEM.
 */
struct harp_node *harp_inode_node(struct inode *inode)
{
	struct harp_inode *hi = harp_i(inode);
	struct harp_node *node = READ_ONCE(hi->node);

	if (likely(node))
		return node;
	node = harp_node_get(harp_r(inode), harp_fid(inode));
	if (IS_ERR(node))
		return node;
	if (cmpxchg(&hi->node, NULL, node))
		harp_node_put(node);
	return hi->node;
}

/* ------------------------------------------------------------ admission, reload */

/**
 * harp_inode_reload() - load the state again when it is of an older generation
 * @inode: the inode, append_mutex held
 * @generation: of harp_enter_generation()
 *
 * A primary that served in this generation had applied all that came before it (V8), so
 * the lower holds the state.
 *
 * Context: process context, may sleep.
 * Return: 0; -ESTALE: the file is gone; -ETIMEDOUT: the generation is over; or as
 * harp_inode_node().
 */
int harp_inode_reload(struct inode *inode, u32 generation)
{
	struct harp_inode *hi = harp_i(inode);
	struct harp_node *node;
	struct harp_attrs a;

	lockdep_assert_held(&hi->append_mutex);
	if (likely(hi->generation == generation))
		return hi->stale ? -ESTALE : 0;
	/* The inode's state may be of a newer one. */
	if (READ_ONCE(harp_r(inode)->generation) != generation)
		return -ETIMEDOUT;
	node = harp_inode_node(inode);
	if (node == ERR_PTR(-ESTALE) || (!IS_ERR(node) && node->state == HARP_STATE_GONE)) {
		WRITE_ONCE(hi->stale, true);
		clear_nlink(inode);
		harp_set_generation(hi, generation);
		return -ESTALE;
	}
	if (IS_ERR(node))
		return PTR_ERR(node);
	/*
	 * All of it, whatever the number of the last record: what that one and others
	 * decided was cut, or stands before a VIEW record that this member had to apply
	 * up to before it served (V8), so it is on the lower.
	 */
	harp_attrs_of_lower(&a, node);
	hi->last_index = 0;
	WRITE_ONCE(hi->dying, false);
	inode->i_flags &= ~S_NOSEC;
	forget_all_cached_acls(inode);
	harp_inode_load(inode, &a, generation);
	return 0;
}

/**
 * harp_inode_enter_op() - admission of a modification of an inode
 * @inode: the inode
 * @generation: set: what is decided from here on is decided in it
 *
 * Context: process context, may sleep; the append_mutex is not held.
 * Return: 0, or as harp_enter() and harp_inode_reload().
 */
int harp_inode_enter_op(struct inode *inode, u32 *generation)
{
	struct harp_inode *hi = harp_i(inode);
	struct harp_replica *r = harp_r(inode);
	int err;

	err = harp_enter_generation(r, generation);
	if (err)
		return err;
	if (likely(harp_generation(hi) == *generation))
		return READ_ONCE(hi->stale) ? -ESTALE : 0;
	mutex_lock(&hi->append_mutex);
	err = harp_inode_reload(inode, *generation);
	mutex_unlock(&hi->append_mutex);
	return err ?: harp_recheck(r);
}

/**
 * harp_inode_enter() - admission of an operation on an inode
 * @inode: the inode
 *
 * Context: process context, may sleep; the append_mutex is not held.
 * Return: 0, or as harp_enter() and harp_inode_reload().
 */
int harp_inode_enter(struct inode *inode)
{
	u32 generation;

	return harp_inode_enter_op(inode, &generation);
}

/**
 * harp_inode_settle() - wait until what was decided for an inode is committed
 * @inode: the inode; locked by the VFS, no write joins
 * @generation: of harp_inode_enter_op()
 *
 * The VFS's checks look at the committed attributes only.
 *
 * Context: process context, sleeps.
 * Return: 0, or as harp_wait_index().
 */
int harp_inode_settle(struct inode *inode, u32 generation)
{
	u64 index = READ_ONCE(harp_i(inode)->last_index);

	return index ? harp_wait_index(harp_r(inode), index, generation) : 0;
}

/**
 * harp_permission() - may the caller
 * @idmap: of the mount
 * @inode: the inode
 * @mask: MAY_*
 *
 * Context: process context, or an RCU walk, as @mask says.
 * Return: 0, -EACCES, -ECHILD, or as harp_inode_enter().
 */
int harp_permission(struct mnt_idmap *idmap, struct inode *inode, int mask)
{
	struct harp_replica *r = harp_r(inode);
	int err, answer;

	if (mask & MAY_NOT_BLOCK) {
		if (!harp_may_answer_now(r, harp_generation(harp_i(inode))))
			return -ECHILD;
		return generic_permission(idmap, inode, mask);
	}
	err = harp_inode_enter(inode);
	if (err)
		return err;
	answer = generic_permission(idmap, inode, mask);
	err = harp_recheck(r);
	return err ?: answer;
}

/* ---------------------------------------------------------------------- getattr */

/* The committed attributes, of one moment. */
static void harp_fill(struct mnt_idmap *idmap, struct inode *inode, struct kstat *stat,
		      u32 request_mask)
{
	/* Pairs with harp_set_committed(). */
	spin_lock(&inode->i_lock);
	harp_fillattr(idmap, request_mask, inode, stat);
	stat->btime = harp_i(inode)->btime;
	spin_unlock(&inode->i_lock);
	stat->result_mask |= STATX_BTIME;
	stat->blksize = HARP_BLOCK_SIZE;
	stat->blocks = S_ISREG(stat->mode) || S_ISDIR(stat->mode) ?
		       round_up(stat->size, HARP_BLOCK_SIZE) >> 9 : 0;
	harp_stat_change(stat, time_to_chattr(&stat->ctime));
}

/*
 * nfsd asks for a file's attributes with its lock held, does what was asked for, and asks
 * again: its client takes the two for what was right before and right after, and keeps what
 * it has cached if that is of the first. A write lets go of the lock before it is committed,
 * so that one may be in between: it has to be committed first.
 *
 * Who holds the lock is not to be seen, but if it is a write. A request that finds it held
 * otherwise waits for a commit as well, as the holder does. Apply takes no such lock.
 */
static int harp_getattr_settle(struct inode *inode, u32 generation)
{
	if (!S_ISREG(inode->i_mode) || !inode_is_locked(inode) ||
	    READ_ONCE(harp_i(inode)->writing) || !harp_is_nfsd())
		return 0;
	return harp_inode_settle(inode, generation);
}

/**
 * harp_getattr() - stat
 * @idmap: of the mount
 * @path: what
 * @stat: filled
 * @request_mask: STATX_*
 * @flags: AT_STATX_*
 *
 * Blocks follow from the size: those of the lowers differ (I7).
 *
 * Context: process context, may sleep.
 * Return: 0, or as harp_inode_enter_op() and harp_inode_settle().
 */
int harp_getattr(struct mnt_idmap *idmap, const struct path *path, struct kstat *stat,
		 u32 request_mask, unsigned int flags)
{
	struct inode *inode = d_inode(path->dentry);
	struct harp_replica *r = harp_r(inode);
	u32 generation;
	int err;

	/* A mount that is not the primary's can be looked at from outside. */
	if (harp_fid(inode) == HARP_FID_ROOT && !harp_is_primary(r)) {
		harp_fill(idmap, inode, stat, request_mask);
		return 0;
	}
	err = harp_inode_enter_op(inode, &generation);
	if (!err)
		err = harp_getattr_settle(inode, generation);
	if (err)
		return err;
	harp_fill(idmap, inode, stat, request_mask);
	return harp_recheck(r);
}

/* ---------------------------------------------------------------------- setattr */

/*
 * A mode change touches the ACL as well (posix_acl_chmod()): the same record sets
 * both. @value: to be freed; NULL when there is no ACL.
 */
static int harp_chmod_acl(struct inode *inode, umode_t mode, void **value, u32 *len)
{
	struct posix_acl *acl;
	int err, size;

	*value = NULL;
	if (!IS_POSIXACL(inode) || S_ISLNK(mode))
		return 0;
	acl = get_inode_acl(inode, ACL_TYPE_ACCESS);
	if (IS_ERR_OR_NULL(acl))
		return acl == ERR_PTR(-EOPNOTSUPP) ? 0 : PTR_ERR_OR_ZERO(acl);
	err = __posix_acl_chmod(&acl, GFP_KERNEL, mode);
	if (err)
		return err;		/* the ACL has been released */
	size = posix_acl_xattr_size(acl->a_count);
	*value = kmalloc(size, GFP_KERNEL);
	err = -ENOMEM;
	if (*value)
		err = posix_acl_to_xattr(&init_user_ns, acl, *value, size);
	*len = size;
	posix_acl_release(acl);
	return err < 0 ? err : 0;
}

/* What setattr_copy() and a file system's truncate do, to decided attributes. */
static void harp_setattr_decide(struct harp_op *op, struct harp_op_object *o,
				const struct iattr *attr, struct mnt_idmap *idmap)
{
	unsigned int valid = attr->ia_valid;
	struct harp_attrs *a = &o->a;

	if (valid & ATTR_UID) {
		a->uid = from_kuid(&init_user_ns, attr->ia_uid);
		o->attrs |= HARP_ATTR_UID;
	}
	if (valid & ATTR_GID) {
		a->gid = from_kgid(&init_user_ns, attr->ia_gid);
		o->attrs |= HARP_ATTR_GID;
	}
	if (valid & ATTR_MODE) {
		a->mode = (a->mode & S_IFMT) | (attr->ia_mode & S_IALLUGO);
		o->attrs |= HARP_ATTR_MODE;
	}
	if (valid & ATTR_SIZE) {
		if (attr->ia_size != a->size)
			valid |= ATTR_MTIME;
		a->size = attr->ia_size;
		o->attrs |= HARP_ATTR_SIZE;
	}
	if (valid & ATTR_ATIME) {
		a->atime = valid & ATTR_ATIME_SET ? attr->ia_atime : op->now;
		o->attrs |= HARP_ATTR_ATIME;
	}
	if (valid & ATTR_MTIME) {
		a->mtime = valid & ATTR_MTIME_SET ? attr->ia_mtime : op->now;
		o->attrs |= HARP_ATTR_MTIME;
	}
	if (valid & ATTR_KILL_PRIV)
		o->attrs |= HARP_ATTR_CAPGONE;
}

/* notify_change() has turned suid and sgid removal into a mode; caps are ours. */
static int harp_setattr_prepare(struct mnt_idmap *idmap, struct dentry *dentry,
				struct iattr *attr)
{
	unsigned int kill = attr->ia_valid & ATTR_KILL_PRIV;
	int err;

	attr->ia_valid &= ~ATTR_KILL_PRIV;
	err = setattr_prepare(idmap, dentry, attr);
	attr->ia_valid |= kill;
	return err;
}

/**
 * harp_setattr() - change attributes
 * @idmap: of the mount
 * @dentry: of what
 * @attr: which
 *
 * Context: process context, sleeps; the VFS holds the inode's lock.
 * Return: 0 or an error.
 */
int harp_setattr(struct mnt_idmap *idmap, struct dentry *dentry, struct iattr *attr)
{
	struct inode *inode = d_inode(dentry);
	struct harp_op_object *o;
	void *acl = NULL;
	u32 acl_len = 0, generation;
	struct harp_op op;
	int err;

	err = harp_inode_enter_op(inode, &generation);
	if (!err)
		err = harp_inode_settle(inode, generation);
	if (!err)
		err = harp_setattr_prepare(idmap, dentry, attr);
	if (!err && (attr->ia_valid & ATTR_MODE))
		err = harp_chmod_acl(inode, attr->ia_mode, &acl, &acl_len);
	if (err)
		return err;

	err = harp_op_begin(&op, harp_s(inode->i_sb), generation, HARP_REC_SETATTR,
			    acl_len + 128);
	if (err)
		goto out;
	o = harp_op_add(&op, HARP_ROLE_OBJECT, inode);
	if (acl)
		harp_build_xattr(&op.b, HARP_ROLE_OBJECT, XATTR_NAME_POSIX_ACL_ACCESS, acl,
				 acl_len, 0);
	err = harp_op_lock(&op);
	if (err)
		goto out_end;
	harp_setattr_decide(&op, o, attr, idmap);
	err = harp_op_append(&op);
	if (!err)
		err = harp_op_wait(&op);
out_end:
	harp_op_end(&op);
out:
	kfree(acl);
	return err;
}

/* ------------------------------------------------------------------------ evict */

/**
 * harp_evict_inode() - the VFS forgets an inode
 * @inode: the inode
 *
 * A parked file has no user now: a RELEASE record follows, from a work queue,
 * because nothing may wait for a commit here (the apply thread comes this way too).
 *
 * Context: process context.
 */
void harp_evict_inode(struct inode *inode)
{
	struct harp_inode *hi = harp_i(inode);
	struct harp_sb *hs = harp_s(inode->i_sb);
	struct harp_release *rel = hi->release;

	truncate_inode_pages_final(&inode->i_data);
	clear_inode(inode);
	hi->release = NULL;
	if (rel && hi->state == HARP_STATE_PARKED && !hi->stale) {
		INIT_WORK(&rel->work, harp_release_work);
		rel->hs = hs;
		rel->fid = harp_fid(inode);
		rel->attrs = hi->decided;
		spin_lock(&hs->lock);
		list_add(&rel->list, &hs->releasing);
		spin_unlock(&hs->lock);
		queue_work(hs->release_wq, &rel->work);
	} else {
		kfree(rel);
	}
	if (hi->node)
		harp_node_put(hi->node);
	hi->node = NULL;
}

HARP_SET_ACL_THUNK(harp_set_acl_op, harp_set_acl)

const struct inode_operations harp_file_iops = {
	.getattr	= harp_getattr,
	.setattr	= harp_setattr,
	.permission	= harp_permission,
	.listxattr	= harp_listxattr,
	.get_inode_acl	= harp_get_acl,
	.set_acl	= harp_set_acl_op,
};

const struct inode_operations harp_special_iops = {
	.getattr	= harp_getattr,
	.setattr	= harp_setattr,
	.permission	= harp_permission,
	.listxattr	= harp_listxattr,
	.get_inode_acl	= harp_get_acl,
	.set_acl	= harp_set_acl_op,
};
