// SPDX-License-Identifier: GPL-2.0
/*
 * Names: lookup, and everything that makes, moves or removes one.
 *
 * The VFS holds the directories' i_rwsem until the record is applied, so a
 * directory's decided and committed names are the same to whoever holds it; and a
 * name in the dcache is true as long as the generation is (harp_d_revalidate()).
 */
#include <linux/fs.h>
#include <linux/kdev_t.h>
#include <linux/namei.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <linux/slab.h>
#include "lower.h"
#include "vfs.h"

/* ----------------------------------------------------------------------- dentry */

static int harp_d_init(struct dentry *dentry)
{
	dentry->d_time = 0;
	return 0;
}

/* The name is true in @generation. */
static void harp_d_stamp(struct dentry *dentry, u32 generation)
{
	if (!IS_ERR_OR_NULL(dentry))
		dentry->d_time = generation;
}

/*
 * The VFS looked the name up before this member was asked to change it: is what it found
 * of the generation in which the change is decided? Else: try later, and look again.
 */
static int harp_d_check(const struct dentry *dentry, u32 generation)
{
	return READ_ONCE(dentry->d_time) == generation ? 0 : -ETIMEDOUT;
}

static int harp_d_revalidate(struct dentry *dentry, unsigned int flags)
{
	struct harp_replica *r = harp_s(dentry->d_sb)->r;
	u32 generation = READ_ONCE(dentry->d_time);
	int err;

	if (likely(harp_may_answer_now(r, generation)))
		return 1;
	if (flags & LOOKUP_RCU)
		return -ECHILD;
	err = harp_recheck(r);
	if (err)
		return err;
	return READ_ONCE(r->generation) == generation || IS_ROOT(dentry);
}

HARP_D_REVALIDATE_THUNK(harp_d_revalidate_op, harp_d_revalidate)

const struct dentry_operations harp_dentry_ops = {
	.d_init		= harp_d_init,
	.d_revalidate	= harp_d_revalidate_op,
};

static struct dentry *harp_lookup(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	struct harp_replica *r = harp_r(dir);
	struct harp_node *parent, *node;
	struct inode *inode = NULL;
	struct dentry *found;
	u32 generation;
	int err;

	if (dentry->d_name.len > HARP_NAME_MAX)
		return ERR_PTR(-ENAMETOOLONG);
	err = harp_inode_enter_op(dir, &generation);
	if (err)
		return ERR_PTR(err);
	parent = harp_inode_node(dir);
	if (IS_ERR(parent))
		return ERR_CAST(parent);
	node = harp_node_lookup(parent, dentry->d_name.name, dentry->d_name.len);
	if (!IS_ERR(node))
		inode = harp_iget_node(dir->i_sb, node);
	else if (node != ERR_PTR(-ENOENT))
		inode = ERR_CAST(node);
	err = harp_recheck(r);
	if (err) {
		if (!IS_ERR_OR_NULL(inode))
			iput(inode);
		return ERR_PTR(err);
	}
	harp_d_stamp(dentry, generation);
	found = d_splice_alias(inode, dentry);
	harp_d_stamp(found, generation);
	return found;
}

/* Room for one more name in a directory whose lock is held: -ENOSPC before it is logged. */
static int harp_dir_room(struct inode *dir)
{
	struct harp_node *node = harp_inode_node(dir);
	int err = IS_ERR(node) ? PTR_ERR(node) : harp_space_name(node);

	return harp_refusal(harp_r(dir), err);
}

/* ----------------------------------------------------------------------- making */

/**
 * struct harp_make - what making an object needs
 * @type: HARP_REC_CREATE, _MKDIR or _SYMLINK
 * @mode: type and permissions as the VFS has them
 * @rdev: device of a special file
 * @target: of a symbolic link
 * @acl: access ACL in xattr form, from the directory's default ACL, or NULL
 * @dacl: default ACL in xattr form, or NULL
 * @acl_len: bytes of @acl
 * @dacl_len: bytes of @dacl
 */
struct harp_make {
	u8 type;
	umode_t mode;
	dev_t rdev;
	const char *target;
	void *acl, *dacl;
	u32 acl_len, dacl_len;
};

/* To xattr form. Takes over @acl. */
static int harp_acl_value(struct posix_acl *acl, void **value, u32 *len)
{
	int err = -ENOMEM, size;

	if (!acl)
		return 0;
	size = posix_acl_xattr_size(acl->a_count);
	*value = kmalloc(size, GFP_KERNEL);
	if (*value)
		err = posix_acl_to_xattr(&init_user_ns, acl, *value, size);
	*len = size;
	posix_acl_release(acl);
	return err < 0 ? err : 0;
}

/* The directory's default ACL decides mode and ACLs, else the umask the mode. */
static int harp_make_acls(struct inode *dir, struct harp_make *m)
{
	struct posix_acl *acl = NULL, *dacl = NULL;
	int err, err2;

	err = posix_acl_create(dir, &m->mode, &dacl, &acl);
	if (err)
		return err;
	err = harp_acl_value(acl, &m->acl, &m->acl_len);
	err2 = harp_acl_value(dacl, &m->dacl, &m->dacl_len);
	if (err || err2)
		return err ?: err2;
	if (m->acl_len + m->dacl_len)
		return harp_xattr_fits(dir, NULL, m->acl_len + m->dacl_len);
	return 0;
}

static void harp_make_decide(struct harp_op *op, struct harp_op_object *o,
			     struct harp_op_object *d, const struct harp_make *m)
{
	struct inode *dir = d->inode;

	harp_attrs_new(&o->a, dir, m->mode);
	o->a.rdev = m->rdev;
	if (m->target)
		o->a.size = strlen(m->target);
	if (S_ISDIR(m->mode)) {
		o->a.parent = harp_fid(dir);
		d->a.nlink++;
	}
	o->attrs = HARP_ATTR_MODE | HARP_ATTR_UID | HARP_ATTR_GID | HARP_ATTR_ATIME |
		   HARP_ATTR_MTIME;
	o->a.atime = op->now;
	o->a.mtime = op->now;
	o->a.btime = op->now;
	o->a.ctime = op->now;
	d->a.mtime = op->now;
	d->attrs = HARP_ATTR_MTIME;
}

static int harp_make_record(struct harp_op *op, struct inode *dir, struct dentry *dentry,
			    const struct harp_make *m, struct harp_op_object *o)
{
	struct harp_op_object *d = harp_op_add(op, HARP_ROLE_DIR, dir);
	int err;

	harp_build_name(&op->b, harp_fid(dir), dentry->d_name.name, dentry->d_name.len, 0,
			o->fid);
	if (m->target)
		harp_build_symlink(&op->b, m->target, strlen(m->target));
	if (m->acl)
		harp_build_xattr(&op->b, HARP_ROLE_OBJECT, XATTR_NAME_POSIX_ACL_ACCESS, m->acl,
				 m->acl_len, 0);
	if (m->dacl)
		harp_build_xattr(&op->b, HARP_ROLE_OBJECT, XATTR_NAME_POSIX_ACL_DEFAULT,
				 m->dacl, m->dacl_len, 0);
	err = harp_op_lock(op);
	if (err)
		return err;
	harp_make_decide(op, o, d, m);
	err = harp_op_append(op);
	return err ?: harp_op_wait(op);
}

static int harp_make(struct inode *dir, struct dentry *dentry, struct harp_make *m)
{
	u32 generation, extra;
	struct harp_op_object *o;
	struct inode *inode;
	struct harp_op op;
	u64 fid;
	int err;

	err = harp_inode_enter_op(dir, &generation);
	if (!err)
		err = harp_d_check(dentry, generation);
	if (!err)
		err = harp_dir_room(dir);
	if (err)
		return err;
	fid = harp_new_fid(harp_r(dir));
	if (!fid)
		return -ENOSPC;
	err = harp_make_acls(dir, m);
	if (err)
		goto out;
	extra = 256 + m->acl_len + m->dacl_len + (m->target ? strlen(m->target) : 0);
	err = harp_op_begin(&op, harp_s(dir->i_sb), generation, m->type, extra);
	if (err)
		goto out;
	o = harp_op_add_fid(&op, HARP_ROLE_OBJECT, fid);
	err = -ENOMEM;
	inode = harp_inode_new(dir->i_sb, fid);
	if (!inode)
		goto out_end;
	err = harp_make_record(&op, dir, dentry, m, o);
	if (err) {
		iget_failed(inode);
		goto out_end;
	}
	harp_inode_born(inode, &o->a, &op.at);
	d_instantiate_new(dentry, inode);
out_end:
	harp_op_end(&op);
out:
	kfree(m->acl);
	kfree(m->dacl);
	return err;
}

static int harp_create(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry,
		       umode_t mode, bool excl)
{
	struct harp_make m = {
		.type = HARP_REC_CREATE,
		.mode = (mode & S_IALLUGO) | S_IFREG,
	};

	return harp_make(dir, dentry, &m);
}

static int harp_mknod(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry,
		      umode_t mode, dev_t rdev)
{
	struct harp_make m = { .type = HARP_REC_CREATE, .mode = mode, .rdev = rdev };
	struct harp_sb *hs = harp_s(dir->i_sb);

	if (!S_ISCHR(mode) && !S_ISBLK(mode))
		m.rdev = 0;
	/* What the lower would refuse must not be logged first. */
	if (MAJOR(m.rdev) > hs->major_max || MINOR(m.rdev) > hs->minor_max)
		return -EINVAL;
	return harp_make(dir, dentry, &m);
}

static struct dentry *harp_mkdir(struct mnt_idmap *idmap, struct inode *dir,
				 struct dentry *dentry, umode_t mode)
{
	struct harp_make m = {
		.type = HARP_REC_MKDIR,
		.mode = (mode & S_IALLUGO) | S_IFDIR,
	};

	return ERR_PTR(harp_make(dir, dentry, &m));
}

HARP_MKDIR_THUNK(harp_mkdir_op, harp_mkdir)

static int harp_symlink(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry,
			const char *target)
{
	struct harp_make m = {
		.type = HARP_REC_SYMLINK,
		.mode = S_IFLNK | 0777,
		.target = target,
	};

	if (!*target)
		return -ENOENT;
	if (strlen(target) > harp_s(dir->i_sb)->symlink_max)
		return -ENAMETOOLONG;
	return harp_make(dir, dentry, &m);
}

static int harp_link(struct dentry *old, struct inode *dir, struct dentry *dentry)
{
	struct inode *inode = d_inode(old);
	struct harp_op_object *o, *d;
	struct harp_op op;
	u32 generation;
	int err;

	err = harp_inode_enter_op(dir, &generation);
	if (!err)
		err = harp_d_check(dentry, generation);
	if (!err)
		err = harp_inode_enter(inode);
	if (!err)
		err = harp_dir_room(dir);
	if (err)
		return err;
	err = harp_op_begin(&op, harp_s(dir->i_sb), generation, HARP_REC_LINK, 256);
	if (err)
		return err;
	o = harp_op_add(&op, HARP_ROLE_OBJECT, inode);
	d = harp_op_add(&op, HARP_ROLE_DIR, dir);
	harp_build_name(&op.b, harp_fid(dir), dentry->d_name.name, dentry->d_name.len, 0,
			o->fid);
	err = harp_op_lock(&op);
	if (err)
		goto out;
	o->a.nlink++;
	d->a.mtime = op.now;
	d->attrs = HARP_ATTR_MTIME;
	err = harp_op_append(&op);
	if (!err)
		err = harp_op_wait(&op);
	if (err)
		goto out;
	ihold(inode);
	d_instantiate(dentry, inode);
out:
	harp_op_end(&op);
	return err;
}

/* --------------------------------------------------------------------- removing */

/**
 * struct harp_doomed - an inode that loses a name
 * @dentry: the name
 * @inode: the inode
 * @dropped: the name was taken out of the dcache's hash
 */
struct harp_doomed {
	struct dentry *dentry;
	struct inode *inode;
	bool dropped;
};

/*
 * Is the caller the last to use a file that is about to lose its last name? Then it
 * will be gone; otherwise it is parked until its last user is done. Counts that are
 * too high only park it for a moment.
 *
 * From here on nobody new comes: not by name (unhashed: a lookup waits for the
 * directory's lock), not by handle (dying: try later).
 *
 * @dentries, @inodes: references that the caller's callers hold.
 */
static bool harp_doom(struct harp_doomed *doomed, unsigned int dentries, unsigned int inodes)
{
	struct dentry *dentry = doomed->dentry;
	struct inode *inode = doomed->inode;
	bool used;

	spin_lock(&dentry->d_lock);
	used = dentry->d_lockref.count > dentries;
	if (!used && !d_unhashed(dentry)) {
		__d_drop(dentry);
		doomed->dropped = true;
	}
	spin_unlock(&dentry->d_lock);
	if (used)
		return false;
	spin_lock(&inode->i_lock);
	used = atomic_read(&inode->i_count) > inodes;
	if (!used)
		WRITE_ONCE(harp_i(inode)->dying, true);
	spin_unlock(&inode->i_lock);
	return !used;
}

/* It did not come to it: everything as before. */
static void harp_undoom(struct harp_doomed *doomed)
{
	WRITE_ONCE(harp_i(doomed->inode)->dying, false);
	if (doomed->dropped)
		d_rehash(doomed->dentry);
}

/* A parked file's RELEASE must not need memory. */
static int harp_prepare_release(struct inode *inode)
{
	struct harp_inode *hi = harp_i(inode);
	struct harp_release *rel;

	if (READ_ONCE(hi->release))
		return 0;
	rel = kzalloc(sizeof(*rel), GFP_KERNEL);
	if (!rel)
		return -ENOMEM;
	if (cmpxchg(&hi->release, NULL, rel))
		kfree(rel);
	return 0;
}

/* @o loses its name: the attributes after it. A directory without a name is gone. */
static void harp_unname(struct harp_op_object *o, struct harp_doomed *doomed,
			unsigned int dentries, unsigned int inodes)
{
	if (S_ISDIR(o->a.mode)) {
		o->a.nlink = 0;
		o->a.state = HARP_STATE_GONE;
		return;
	}
	if (o->a.nlink)
		o->a.nlink--;
	if (!o->a.nlink)
		o->a.state = harp_doom(doomed, dentries, inodes) ? HARP_STATE_GONE :
								   HARP_STATE_PARKED;
}

/* -ENOTEMPTY unless the directory is empty; its lock is held. */
static int harp_dir_empty(struct inode *inode)
{
	struct harp_node *node;

	if (inode->i_nlink > 2)
		return -ENOTEMPTY;
	node = harp_inode_node(inode);
	return IS_ERR(node) ? PTR_ERR(node) : harp_node_empty(node);
}

static int harp_remove(struct inode *dir, struct dentry *dentry, u32 generation, u8 type)
{
	struct inode *inode = d_inode(dentry);
	struct harp_doomed doomed = { .dentry = dentry, .inode = inode };
	struct harp_op_object *o, *d;
	struct harp_op op;
	int err;

	err = harp_op_begin(&op, harp_s(dir->i_sb), generation, type, 256);
	if (err)
		goto out;
	o = harp_op_add(&op, HARP_ROLE_OBJECT, inode);
	d = harp_op_add(&op, HARP_ROLE_DIR, dir);
	harp_build_name(&op.b, harp_fid(dir), dentry->d_name.name, dentry->d_name.len,
			o->fid, 0);
	err = harp_op_lock(&op);
	if (err)
		goto out;
	/* vfs_unlink()'s callers hold the inode once, besides the dentry. */
	harp_unname(o, &doomed, 1, 2);
	d->a.mtime = op.now;
	d->attrs = HARP_ATTR_MTIME;
	if (S_ISDIR(inode->i_mode))
		d->a.nlink--;
	err = harp_op_append(&op);
	if (err)
		harp_undoom(&doomed);
	else
		err = harp_op_wait(&op);
out:
	harp_op_end(&op);
	return err;
}

static int harp_remove_enter(struct inode *dir, struct dentry *dentry, u32 *generation)
{
	int err;

	err = harp_inode_enter_op(dir, generation);
	if (!err)
		err = harp_d_check(dentry, *generation);
	return err ?: harp_inode_enter(d_inode(dentry));
}

static int harp_unlink(struct inode *dir, struct dentry *dentry)
{
	u32 generation;
	int err;

	err = harp_remove_enter(dir, dentry, &generation);
	if (!err)
		err = harp_prepare_release(d_inode(dentry));
	return err ?: harp_remove(dir, dentry, generation, HARP_REC_UNLINK);
}

static int harp_rmdir(struct inode *dir, struct dentry *dentry)
{
	u32 generation;
	int err;

	err = harp_remove_enter(dir, dentry, &generation);
	if (!err)
		err = harp_refusal(harp_r(dir), harp_dir_empty(d_inode(dentry)));
	return err ?: harp_remove(dir, dentry, generation, HARP_REC_RMDIR);
}

/* ----------------------------------------------------------------------- moving */

/**
 * struct harp_move - a rename or exchange on its way
 * @old_dir: directory of the name that moves
 * @new_dir: directory it moves to
 * @old: the name that moves
 * @new: the name it becomes
 * @exchange: the two swap
 * @o: object of what moves
 * @t: object of what is at @new, or NULL
 * @od: object of @old_dir
 * @nd: object of @new_dir, or @od
 * @doomed: what is at @new
 */
struct harp_move {
	struct inode *old_dir, *new_dir;
	struct dentry *old, *new;
	bool exchange;
	struct harp_op_object *o, *t, *od, *nd;
	struct harp_doomed doomed;
};

/* Subdirectories count in their parent's links. */
static void harp_move_links(struct harp_move *m)
{
	if (S_ISDIR(m->o->a.mode)) {
		m->od->a.nlink--;
		m->nd->a.nlink++;
		m->o->a.parent = harp_fid(m->new_dir);
	}
	if (!m->t)
		return;
	if (S_ISDIR(m->t->a.mode)) {
		m->nd->a.nlink--;
		if (m->exchange) {
			m->od->a.nlink++;
			m->t->a.parent = harp_fid(m->old_dir);
		}
	}
}

static void harp_move_decide(struct harp_op *op, struct harp_move *m)
{
	harp_move_links(m);
	/* vfs_rename() holds the new name once more; nobody holds its inode. */
	if (m->t && !m->exchange)
		harp_unname(m->t, &m->doomed, 2, 1);
	m->od->a.mtime = op->now;
	m->od->attrs = HARP_ATTR_MTIME;
	m->nd->a.mtime = op->now;
	m->nd->attrs = HARP_ATTR_MTIME;
}

static void harp_move_sections(struct harp_op *op, struct harp_move *m)
{
	const struct qstr *from = &m->old->d_name, *to = &m->new->d_name;
	struct inode *target = d_inode(m->new);

	m->o = harp_op_add(op, HARP_ROLE_OBJECT, d_inode(m->old));
	m->od = harp_op_add(op, HARP_ROLE_DIR, m->old_dir);
	m->nd = m->old_dir == m->new_dir ? m->od :
		harp_op_add(op, HARP_ROLE_NEWDIR, m->new_dir);
	if (target)
		m->t = harp_op_add(op, HARP_ROLE_REPLACED, target);
	harp_build_name(&op->b, m->od->fid, from->name, from->len, m->o->fid,
			m->exchange ? m->t->fid : 0);
	harp_build_name(&op->b, m->nd->fid, to->name, to->len, m->t ? m->t->fid : 0,
			m->o->fid);
}

/*
 * Would @what come to be below itself? The VFS has looked at the dentries, but those of
 * directories that somebody holds may stand where they stood in an earlier generation. The
 * lower's do not: renames between directories come one by one, each applied before the next.
 */
static int harp_move_loop(struct inode *what, struct inode *into)
{
	struct harp_node *node, *dir;

	if (!S_ISDIR(what->i_mode))
		return 0;
	node = harp_inode_node(what);
	if (IS_ERR(node))
		return PTR_ERR(node);
	dir = harp_inode_node(into);
	if (IS_ERR(dir))
		return PTR_ERR(dir);
	return is_subdir(dir->lower, node->lower) ? -EINVAL : 0;
}

static int harp_move_loops(struct harp_move *m)
{
	int err;

	if (m->old_dir == m->new_dir)
		return 0;
	err = harp_move_loop(d_inode(m->old), m->new_dir);
	if (!err && m->exchange)
		err = harp_move_loop(d_inode(m->new), m->old_dir);
	return harp_refusal(harp_r(m->old_dir), err);
}

static int harp_move_enter(struct harp_move *m, u32 *generation)
{
	struct inode *target = d_inode(m->new);
	int err;

	err = harp_inode_enter_op(m->old_dir, generation);
	if (!err)
		err = harp_d_check(m->old, *generation);
	if (!err)
		err = harp_d_check(m->new, *generation);
	if (!err)
		err = harp_inode_enter(m->new_dir);
	if (!err)
		err = harp_inode_enter(d_inode(m->old));
	if (!err)
		err = harp_move_loops(m);
	if (err)
		return err;
	if (!target)
		return harp_dir_room(m->new_dir);
	err = harp_inode_enter(target);
	if (err || m->exchange)
		return err;
	if (!S_ISDIR(target->i_mode))
		return harp_prepare_release(target);
	return harp_refusal(harp_r(target), harp_dir_empty(target));
}

static int harp_rename(struct mnt_idmap *idmap, struct inode *old_dir, struct dentry *old,
		       struct inode *new_dir, struct dentry *new, unsigned int flags)
{
	struct harp_move m = {
		.old_dir = old_dir, .new_dir = new_dir, .old = old, .new = new,
		.exchange = flags & RENAME_EXCHANGE,
		.doomed = { .dentry = new, .inode = d_inode(new) },
	};
	struct harp_op op;
	u32 generation;
	int err;

	if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	err = harp_move_enter(&m, &generation);
	if (err)
		return err;
	err = harp_op_begin(&op, harp_s(old_dir->i_sb), generation,
			    m.exchange ? HARP_REC_EXCHANGE : HARP_REC_RENAME, 512);
	if (err)
		goto out;
	harp_move_sections(&op, &m);
	err = harp_op_lock(&op);
	if (err)
		goto out;
	harp_move_decide(&op, &m);
	err = harp_op_append(&op);
	if (!err)
		err = harp_op_wait(&op);
	else if (m.t && !m.exchange)
		harp_undoom(&m.doomed);
out:
	harp_op_end(&op);
	return err;
}

/* --------------------------------------------------------------------- get_link */

static const char *harp_get_link(struct dentry *dentry, struct inode *inode,
				 struct delayed_call *done)
{
	struct harp_replica *r = harp_r(inode);
	const struct cred *old_cred;
	struct harp_node *node;
	const char *link;
	int err;

	if (!dentry)
		return ERR_PTR(-ECHILD);
	err = harp_inode_enter(inode);
	if (err)
		return ERR_PTR(err);
	node = harp_inode_node(inode);
	if (IS_ERR(node))
		return ERR_CAST(node);
	old_cred = override_creds(r->cred);
	link = harp_do_get_link(node->lower, done);
	revert_creds(old_cred);
	if (IS_ERR(link))
		return ERR_PTR(harp_lower_error(r, PTR_ERR(link), "readlink"));
	err = harp_recheck(r);
	if (!err)
		return link;
	/* Not every caller lets go of what an error comes with. */
	do_delayed_call(done);
	clear_delayed_call(done);
	return ERR_PTR(err);
}

HARP_SET_ACL_THUNK(harp_set_acl_op, harp_set_acl)

const struct inode_operations harp_dir_iops = {
	.lookup		= harp_lookup,
	.create		= harp_create,
	.mknod		= harp_mknod,
	.mkdir		= harp_mkdir_op,
	.symlink	= harp_symlink,
	.link		= harp_link,
	.unlink		= harp_unlink,
	.rmdir		= harp_rmdir,
	.rename		= harp_rename,
	.getattr	= harp_getattr,
	.setattr	= harp_setattr,
	.permission	= harp_permission,
	.listxattr	= harp_listxattr,
	.get_inode_acl	= harp_get_acl,
	.set_acl	= harp_set_acl_op,
};

const struct inode_operations harp_symlink_iops = {
	.get_link	= harp_get_link,
	.getattr	= harp_getattr,
	.setattr	= harp_setattr,
	.permission	= harp_permission,
	.listxattr	= harp_listxattr,
};
