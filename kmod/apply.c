// SPDX-License-Identifier: GPL-2.0
/*
 * Applying records to the lower: the same calls on both copies and in redo.
 *
 * A record states outcomes, so applying is making it so, in this order: the object
 * exists (made in orphans/, whole with fid, xattrs and attributes), the names hold
 * what they should (entry.c), xattrs and data are in place, then attributes and the
 * row of every inode the record touches get the record's values. Each step may
 * already be done (I4; redo.c has what comes before). What a record says of a fid that
 * is gone is skipped: it dies in a later record that the lower has already seen
 * (kernel-notes 25, 27).
 *
 * One thread per replica, no lock of the VFS side's, ever.
 */
#include <linux/fs_struct.h>
#include <linux/kthread.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include "dataplane.h"
#include "lower.h"
#include "node.h"

/* Could the lower be ahead of what is being applied? */
static bool harp_apply_behind(const struct harp_replica *r)
{
	return harp_redoing(r) || harp_copying(r);
}

/**
 * harp_apply_node() - what a section or a name is about
 * @r: the replica
 * @fid: which
 * @n: set to its node, referenced; NULL: it is gone, or is yet to come
 *
 * Context: apply thread, or who takes a copy; under the lower's cred.
 * Return: 0; -EUCLEAN: it is not there, and should be; or the lower's error.
 */
int harp_apply_node(struct harp_replica *r, u64 fid, struct harp_node **n)
{
	int err = 0;

	*n = harp_node_load(r, fid);
	if (!IS_ERR(*n))
		return 0;
	if (*n != ERR_PTR(-ESTALE) && *n != ERR_PTR(-ENOENT))
		return PTR_ERR(*n);
	if (*n == ERR_PTR(-ENOENT) && !harp_redo_dies(r, fid))
		/* Given once, not gone, and not there: the lower is not what it should be. */
		err = harp_copying(r) ? harp_rows_owe(harp_lower(r), fid) : -EUCLEAN;
	if (err)
		return err;
	atomic64_inc(&harp_lower(r)->n_skipped);
	*n = NULL;
	return 0;
}

/* For contents and extended attributes: nobody reads those of what dies (kernel-notes 25). */
static int harp_apply_node_kept(struct harp_replica *r, u64 fid, struct harp_node **n)
{
	if (!harp_redo_dies(r, fid))
		return harp_apply_node(r, fid, n);
	atomic64_inc(&harp_lower(r)->n_skipped);
	*n = NULL;
	return 0;
}

static void harp_apply_put(struct harp_node *n)
{
	if (n)
		harp_node_put(n);
}

/* ------------------------------------------------------------------- attributes */

static void harp_attr_diff(const struct inode *inode, const struct harp_sec_inode *sec,
			   u16 which, struct iattr *ia)
{
	umode_t mode = le32_to_cpu(sec->mode);
	struct timespec64 t;

	if ((which & HARP_ATTR_MODE) && !S_ISLNK(inode->i_mode) &&
	    (inode->i_mode ^ mode) & S_IALLUGO) {
		ia->ia_valid |= ATTR_MODE;
		ia->ia_mode = (inode->i_mode & S_IFMT) | (mode & S_IALLUGO);
	}
	ia->ia_uid = make_kuid(&init_user_ns, le32_to_cpu(sec->uid));
	if ((which & HARP_ATTR_UID) && !uid_eq(ia->ia_uid, inode->i_uid))
		ia->ia_valid |= ATTR_UID;
	ia->ia_gid = make_kgid(&init_user_ns, le32_to_cpu(sec->gid));
	if ((which & HARP_ATTR_GID) && !gid_eq(ia->ia_gid, inode->i_gid))
		ia->ia_valid |= ATTR_GID;
	ia->ia_size = le64_to_cpu(sec->size);
	if ((which & HARP_ATTR_SIZE) && S_ISREG(inode->i_mode) &&
	    ia->ia_size != i_size_read(inode))
		ia->ia_valid |= ATTR_SIZE;
	ia->ia_atime = harp_time_get(&sec->atime);
	t = harp_lower_atime(inode);
	if ((which & HARP_ATTR_ATIME) && !timespec64_equal(&t, &ia->ia_atime))
		ia->ia_valid |= ATTR_ATIME | ATTR_ATIME_SET;
	ia->ia_mtime = harp_time_get(&sec->mtime);
	t = harp_lower_mtime(inode);
	/* Left to itself, a lower that truncates takes the time from its own clock. */
	if (((which & HARP_ATTR_MTIME) && !timespec64_equal(&t, &ia->ia_mtime)) ||
	    ia->ia_valid & ATTR_SIZE)
		ia->ia_valid |= ATTR_MTIME | ATTR_MTIME_SET;
}

/* Bring those attributes in @which that differ to the record's values. */
static int harp_apply_attrs(struct harp_node *n, const struct harp_sec_inode *sec, u16 which)
{
	struct vfsmount *mnt = n->r->lower_root.mnt;
	struct inode *inode = d_inode(n->lower);
	struct iattr ia = { .ia_valid = 0 };
	int err;

	lockdep_assert_held(&n->lock);
	harp_attr_diff(inode, sec, which, &ia);
	if (!ia.ia_valid)
		return 0;
	err = mnt_want_write(mnt);
	if (err)
		return err;
	inode_lock(inode);
	err = harp_do_setattr(mnt, n->lower, &ia);
	inode_unlock(inode);
	mnt_drop_write(mnt);
	return err;
}

/* ------------------------------------------------------------------------ xattrs */

static bool harp_is_acl(const char *name)
{
	return !strcmp(name, XATTR_NAME_POSIX_ACL_ACCESS) ||
	       !strcmp(name, XATTR_NAME_POSIX_ACL_DEFAULT);
}

static int harp_apply_acl(struct vfsmount *mnt, struct harp_node *n,
			  const struct harp_sec_xattr *x)
{
	struct posix_acl *acl = NULL;
	int err;

	if (!(le16_to_cpu(x->flags) & HARP_XATTR_REMOVE)) {
		acl = posix_acl_from_xattr(&init_user_ns, harp_xattr_value(x),
					   le32_to_cpu(x->value_len));
		if (IS_ERR(acl))
			return PTR_ERR(acl);
	}
	err = harp_do_set_acl(mnt, n->lower, harp_xattr_name(x), acl);
	posix_acl_release(acl);
	return err;
}

static int harp_remove_xattr(struct vfsmount *mnt, struct harp_node *n, const char *name)
{
	int err = harp_do_removexattr(mnt, n->lower, name);

	return err == -ENODATA ? 0 : err;
}

static int harp_apply_xattr(struct harp_node *n, const struct harp_sec_xattr *x)
{
	struct vfsmount *mnt = n->r->lower_root.mnt;
	const char *name = harp_xattr_name(x);
	int err;

	/* Ours alone; no member makes such a record (I9). */
	if (!strncmp(name, "trusted.harp.", 13))
		return -EUCLEAN;
	err = mnt_want_write(mnt);
	if (err)
		return err;
	if (harp_is_acl(name))
		err = harp_apply_acl(mnt, n, x);
	else if (le16_to_cpu(x->flags) & HARP_XATTR_REMOVE)
		err = harp_remove_xattr(mnt, n, name);
	else
		err = harp_do_setxattr(mnt, n->lower, name, harp_xattr_value(x),
				       le32_to_cpu(x->value_len));
	mnt_drop_write(mnt);
	return err;
}

/* All xattr sections of the inode with @role; an ACL may change the mode on the way. */
static int harp_apply_xattrs(struct harp_node *n, const struct harp_rec *rec, u8 role)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < rec->nxattr && !err; i++)
		if (rec->xattr[i]->role == role)
			err = harp_apply_xattr(n, rec->xattr[i]);
	return err;
}

static int harp_apply_capgone(struct harp_node *n)
{
	struct vfsmount *mnt = n->r->lower_root.mnt;
	int err = mnt_want_write(mnt);

	if (err)
		return err;
	err = harp_remove_xattr(mnt, n, XATTR_NAME_CAPS);
	mnt_drop_write(mnt);
	return err;
}

/* ------------------------------------------------------- each inode's part of a record */

/* Attributes whose lower value a record of this kind may have disturbed. */
static u16 harp_attrs_of(const struct harp_rec *rec, const struct harp_sec_inode *sec)
{
	u16 which = le16_to_cpu(sec->attrs);

	/* A name coming or going: the lower's clock is in the directory's mtime. */
	if (S_ISDIR(le32_to_cpu(sec->mode)))
		which |= HARP_ATTR_MTIME;
	if (rec->type == HARP_REC_WRITE && sec->role == HARP_ROLE_OBJECT)
		which |= HARP_ATTR_SIZE | HARP_ATTR_MTIME;
	/* Setting an ACL sets the mode; the record's is the one decided. */
	if (rec->nxattr && sec->role == HARP_ROLE_OBJECT)
		which |= HARP_ATTR_MODE;
	if (rec->type >= HARP_REC_CREATE && rec->type <= HARP_REC_SYMLINK &&
	    sec->role == HARP_ROLE_OBJECT)
		which |= HARP_ATTR_MODE | HARP_ATTR_UID | HARP_ATTR_GID | HARP_ATTR_ATIME |
			 HARP_ATTR_MTIME;
	return which;
}

/*
 * Link counts are the lower's own. They agree but for redo, which passes through
 * states of its own; a parked name that is one too many goes.
 */
static int harp_apply_nlink(struct harp_node *n, const struct harp_sec_inode *sec)
{
	struct harp_lower *lw = harp_lower(n->r);
	struct inode *inode = d_inode(n->lower);
	u32 want = le32_to_cpu(sec->nlink);
	int err;

	if (S_ISDIR(inode->i_mode)) {
		/* ext4 stops counting at 65,000 and says 1. */
		if (sec->state != HARP_STATE_LIVE || inode->i_nlink == 1)
			return 0;
	} else {
		want += sec->state == HARP_STATE_PARKED;
		if (sec->state == HARP_STATE_LIVE && inode->i_nlink > want) {
			err = harp_orphan_drop(lw, n->fid);
			if (err)
				return err;
		}
	}
	if (inode->i_nlink == want || harp_apply_behind(n->r))
		return 0;
	atomic64_inc(&lw->n_nlink);
	pr_warn_ratelimited("harp: %s/%u: fid %llx has %u names on the lower, its record says %u\n",
			    n->r->group, n->r->member, n->fid, inode->i_nlink, want);
	return 0;
}

/* The last user of a fid is gone; what else holds the node lets go of it soon. */
static int harp_apply_gone(struct harp_node *n)
{
	lockdep_assert_held(&n->lock);
	WRITE_ONCE(n->state, HARP_STATE_GONE);
	harp_node_clean(n);
	harp_node_drop_wfile(n);
	harp_index_drop(harp_lnode(n));
	return harp_rows_write_node(n);
}

static int harp_apply_section_locked(struct harp_node *n, const struct harp_rec *rec,
				     const struct harp_sec_inode *sec)
{
	int err = 0;

	lockdep_assert_held(&n->lock);
	n->ctime = harp_time_get(&sec->ctime);
	n->btime = harp_time_get(&sec->btime);
	if (S_ISDIR(le32_to_cpu(sec->mode)))
		n->parent = le64_to_cpu(sec->parent);
	if (sec->state == HARP_STATE_GONE)
		return harp_apply_gone(n);
	WRITE_ONCE(n->state, sec->state);
	if (le16_to_cpu(sec->attrs) & HARP_ATTR_CAPGONE)
		err = harp_apply_capgone(n);
	if (!err)
		err = harp_apply_nlink(n, sec);
	if (!err)
		err = harp_apply_attrs(n, sec, harp_attrs_of(rec, sec));
	harp_node_dirty(n);
	return err;
}

/* The row of a gone fid leads nowhere, and says so for ever: -ESTALE. */
static int harp_apply_section_gone(struct harp_replica *r, const struct harp_sec_inode *sec)
{
	struct harp_row row = {
		.fid = le64_to_cpu(sec->fid),
		.state = HARP_STATE_GONE,
		.ctime = harp_time_get(&sec->ctime),
		.btime = harp_time_get(&sec->btime),
	};

	return harp_rows_write(harp_lower(r), &row);
}

static int harp_apply_section(struct harp_replica *r, const struct harp_rec *rec,
			      const struct harp_sec_inode *sec)
{
	u64 fid = le64_to_cpu(sec->fid);
	struct harp_node *n;
	int err;

	if (sec->state == HARP_STATE_GONE) {
		/* Moved there by what was redone before, or made and not yet placed. */
		err = harp_apply_behind(r) ? harp_orphan_clear(harp_lower(r), fid) : 0;
		if (err)
			return err;
		n = harp_node_peek(r, fid);
		/* Row, then look again: who makes a node after that reads the row. */
		err = n ? 0 : harp_apply_section_gone(r, sec);
		n = n || err ? n : harp_node_peek(r, fid);
		if (!n)
			return err;
	} else {
		err = harp_apply_node(r, fid, &n);
		if (err || !n)
			return err;
	}
	mutex_lock(&n->lock);
	err = harp_apply_section_locked(n, rec, sec);
	mutex_unlock(&n->lock);
	harp_node_put(n);
	return err;
}

static int harp_apply_sections(struct harp_replica *r, const struct harp_rec *rec)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < rec->ninode && !err; i++)
		err = harp_apply_section(r, rec, rec->inode[i]);
	return err;
}

/* --------------------------------------------------------------------- the operations */

/* Its target, for a symbolic link: of the record, or of a piece, which has it as data. */
static char *harp_object_target(const struct harp_rec *rec, const struct harp_sec_inode *sec)
{
	const char *target = rec->data;
	u32 len;

	if (!S_ISLNK(le32_to_cpu(sec->mode)))
		return NULL;
	if (rec->symlink) {
		target = harp_symlink_target(rec->symlink);
		len = harp_symlink_len(rec->symlink);
	} else if (rec->data_sec) {
		len = le32_to_cpu(rec->data_sec->len);
	} else {
		return ERR_PTR(-EUCLEAN);
	}
	return kmemdup_nul(target, len, GFP_KERNEL) ?: ERR_PTR(-ENOMEM);
}

/* Make the object of a creating record, still in orphans/. */
static int harp_object_create(struct harp_replica *r, const struct harp_rec *rec,
			      const struct harp_sec_inode *sec, struct harp_node **res)
{
	struct harp_row row = {
		.fid = le64_to_cpu(sec->fid),
		.ctime = harp_time_get(&sec->ctime),
		.btime = harp_time_get(&sec->btime),
		.parent = S_ISDIR(le32_to_cpu(sec->mode)) ? le64_to_cpu(sec->parent) : 0,
	};
	char *target = harp_object_target(rec, sec);
	struct dentry *lower;
	struct harp_node *n;

	if (IS_ERR(target))
		return PTR_ERR(target);
	lower = harp_orphan_make(harp_lower(r), sec, target);
	kfree(target);
	if (IS_ERR(lower))
		return PTR_ERR(lower);
	n = harp_node_make(r, &row, lower);
	dput(lower);
	if (IS_ERR(n))
		return PTR_ERR(n);
	*res = n;
	return 0;
}

/**
 * harp_apply_object() - the object of a creating record, or of a piece of a copy
 * @r: the replica
 * @rec: the record
 * @sec: its section of the object
 * @n: set to its node, referenced, with what @rec says of it; NULL: it is gone
 *
 * It is found, from an earlier try, in redo or from a copy, or is made in orphans/.
 *
 * Context: apply thread, or who takes a copy; under the lower's cred.
 * Return: 0 or -errno.
 */
int harp_apply_object(struct harp_replica *r, const struct harp_rec *rec,
		      const struct harp_sec_inode *sec, struct harp_node **n)
{
	struct harp_lower *lw = harp_lower(r);
	u64 fid = le64_to_cpu(sec->fid);
	int err;

	/* Also when nothing is made of it: the head may be older than the fid's end. */
	harp_fid_note(lw, fid);
	*n = harp_node_load(r, fid);
	if (*n == ERR_PTR(-ESTALE) || (*n == ERR_PTR(-ENOENT) && harp_redo_dies(r, fid))) {
		atomic64_inc(&lw->n_skipped);
		*n = NULL;
		return 0;
	}
	if (*n == ERR_PTR(-ENOENT)) {
		err = harp_object_create(r, rec, sec, n);
		if (err)
			return err;
	} else if (IS_ERR(*n)) {
		return PTR_ERR(*n);
	}
	mutex_lock(&(*n)->lock);
	/* Of one found, too: an earlier try may have ended before this, a crash taken it. */
	err = harp_ino2fid_set(lw, d_inode((*n)->lower)->i_ino, fid) ?:
	      harp_apply_xattrs(*n, rec, HARP_ROLE_OBJECT) ?:
	      harp_apply_attrs(*n, sec, harp_attrs_of(rec, sec));
	mutex_unlock(&(*n)->lock);
	if (err)
		harp_node_put(*n);
	return err;
}

static int harp_apply_create(struct harp_replica *r, const struct harp_rec *rec)
{
	const struct harp_sec_inode *sec = harp_rec_inode(rec, HARP_ROLE_OBJECT);
	struct harp_node *n, *dir;
	int err;

	if (!sec || rec->nname != 1)
		return -EUCLEAN;
	err = harp_apply_object(r, rec, sec, &n);
	if (err || !n)
		return err;
	err = harp_apply_node(r, le64_to_cpu(rec->name[0]->dir), &dir);
	if (err)
		goto out;
	if (dir)
		err = harp_entry_create(dir, rec->name[0], n);
	harp_apply_put(dir);
out:
	harp_node_put(n);
	return err;
}

static int harp_apply_link(struct harp_replica *r, const struct harp_rec *rec)
{
	struct harp_node *n, *dir;
	int err;

	if (rec->nname != 1)
		return -EUCLEAN;
	err = harp_apply_node(r, le64_to_cpu(rec->name[0]->put), &n);
	if (err || !n)
		return err;
	err = harp_apply_node(r, le64_to_cpu(rec->name[0]->dir), &dir);
	if (err)
		goto out;
	if (dir)
		err = harp_entry_link(dir, rec->name[0], n);
	harp_apply_put(dir);
out:
	harp_node_put(n);
	return err;
}

/* UNLINK and RMDIR. */
static int harp_apply_remove(struct harp_replica *r, const struct harp_rec *rec)
{
	const struct harp_sec_inode *sec = harp_rec_inode(rec, HARP_ROLE_OBJECT);
	struct harp_node *dir;
	u64 fid;
	int err;

	if (!sec || rec->nname != 1)
		return -EUCLEAN;
	fid = le64_to_cpu(sec->fid);
	err = harp_apply_node(r, le64_to_cpu(rec->name[0]->dir), &dir);
	if (err)
		return err;
	if (dir) {
		err = harp_entry_drop(dir, rec->name[0], fid, sec->state);
		harp_node_put(dir);
	}
	/* Displaced earlier, it dies here nevertheless. */
	if (!err && !dir && sec->state == HARP_STATE_GONE)
		err = harp_orphan_drop(harp_lower(r), fid);
	return err;
}

/* What moved is gone by now; what it replaced has lost that name nevertheless. */
static int harp_apply_replaced(struct harp_replica *r, const struct harp_rec *rec,
			       const struct harp_sec_inode *sec)
{
	struct harp_node *dir;
	int err;

	if (!sec)
		return 0;
	err = harp_apply_node(r, le64_to_cpu(rec->name[1]->dir), &dir);
	if (err || !dir)
		return err;
	err = harp_entry_drop(dir, rec->name[1], le64_to_cpu(sec->fid), sec->state);
	harp_node_put(dir);
	return err;
}

static int harp_apply_rename(struct harp_replica *r, const struct harp_rec *rec)
{
	const struct harp_sec_inode *sec = harp_rec_inode(rec, HARP_ROLE_REPLACED);
	struct harp_node *n, *odir = NULL, *ndir = NULL;
	u8 state = sec ? sec->state : HARP_STATE_GONE;
	int err;

	if (rec->nname != 2)
		return -EUCLEAN;
	err = harp_apply_node(r, le64_to_cpu(rec->name[1]->put), &n);
	if (err)
		return err;
	if (!n)
		return harp_apply_replaced(r, rec, sec);
	err = harp_apply_node(r, le64_to_cpu(rec->name[0]->dir), &odir);
	if (err)
		goto out_n;
	err = harp_apply_node(r, le64_to_cpu(rec->name[1]->dir), &ndir);
	if (err)
		goto out_odir;
	err = harp_entry_move(odir, rec->name[0], ndir, rec->name[1], n, state);
	harp_apply_put(ndir);
out_odir:
	harp_apply_put(odir);
out_n:
	harp_node_put(n);
	return err;
}

static int harp_apply_exchange(struct harp_replica *r, const struct harp_rec *rec)
{
	struct harp_node *node[4] = {};
	u64 fid[4];
	int i, err = 0;

	if (rec->nname != 2)
		return -EUCLEAN;
	fid[0] = le64_to_cpu(rec->name[0]->dir);
	fid[1] = le64_to_cpu(rec->name[1]->dir);
	fid[2] = le64_to_cpu(rec->name[1]->put);	/* was under name 0 */
	fid[3] = le64_to_cpu(rec->name[0]->put);
	for (i = 0; i < 4 && !err; i++)
		err = harp_apply_node(r, fid[i], &node[i]);
	if (!err && node[2] && node[3])
		err = harp_entry_swap(node[0], rec->name[0], node[1], rec->name[1], node[2],
				      node[3]);
	/* The other one is gone by now, which is no reason to stay. */
	else if (!err && node[2])
		err = harp_entry_move(node[0], rec->name[0], node[1], rec->name[1], node[2],
				      HARP_STATE_LIVE);
	else if (!err && node[3])
		err = harp_entry_move(node[1], rec->name[1], node[0], rec->name[0], node[3],
				      HARP_STATE_LIVE);
	while (i--)
		if (!IS_ERR(node[i]))
			harp_apply_put(node[i]);
	return err;
}

static int harp_apply_write(struct harp_replica *r, const struct harp_rec *rec)
{
	const struct harp_sec_inode *sec = harp_rec_inode(rec, HARP_ROLE_OBJECT);
	struct harp_node *n;
	struct file *file;
	int err;

	if (!sec || !rec->data_sec)
		return -EUCLEAN;
	err = harp_apply_node_kept(r, le64_to_cpu(sec->fid), &n);
	if (err || !n)
		return err;
	mutex_lock(&n->lock);
	file = harp_node_wfile(n);
	if (IS_ERR(file))
		err = PTR_ERR(file);
	else
		err = harp_write_full(file, rec->data, le32_to_cpu(rec->data_sec->len),
				      le64_to_cpu(rec->data_sec->offset));
	mutex_unlock(&n->lock);
	harp_node_put(n);
	return err;
}

static int harp_apply_xattr_rec(struct harp_replica *r, const struct harp_rec *rec)
{
	struct harp_node *n;
	unsigned int i;
	int err = 0;

	for (i = 0; i < rec->ninode && !err; i++) {
		err = harp_apply_node_kept(r, le64_to_cpu(rec->inode[i]->fid), &n);
		if (err || !n)
			continue;
		mutex_lock(&n->lock);
		err = harp_apply_xattrs(n, rec, rec->inode[i]->role);
		mutex_unlock(&n->lock);
		harp_node_put(n);
	}
	return err;
}

static int harp_apply_release(struct harp_replica *r, const struct harp_rec *rec)
{
	const struct harp_sec_inode *sec = harp_rec_inode(rec, HARP_ROLE_OBJECT);

	return sec ? harp_orphan_drop(harp_lower(r), le64_to_cpu(sec->fid)) : -EUCLEAN;
}

/**
 * harp_apply_record() - make the lower what a record says
 * @r: the replica
 * @rec: the record, parsed
 *
 * Context: apply thread, under the lower's cred, nofs.
 * Return: 0, also when it was so already; -EUCLEAN: the lower is not what it should
 * be; or the lower's error, and applying it again goes on where this stopped.
 */
int harp_apply_record(struct harp_replica *r, const struct harp_rec *rec)
{
	int err;

	switch (rec->type) {
	case HARP_REC_NOOP:
	case HARP_REC_VIEW:
	case HARP_REC_VOID:
		return 0;
	case HARP_REC_CREATE:
	case HARP_REC_MKDIR:
	case HARP_REC_SYMLINK:
		err = harp_apply_create(r, rec);
		break;
	case HARP_REC_LINK:
		err = harp_apply_link(r, rec);
		break;
	case HARP_REC_UNLINK:
	case HARP_REC_RMDIR:
		err = harp_apply_remove(r, rec);
		break;
	case HARP_REC_RENAME:
		err = harp_apply_rename(r, rec);
		break;
	case HARP_REC_EXCHANGE:
		err = harp_apply_exchange(r, rec);
		break;
	case HARP_REC_SETATTR:
		err = harp_apply_xattr_rec(r, rec);
		break;
	case HARP_REC_WRITE:
		err = harp_apply_write(r, rec);
		break;
	case HARP_REC_XATTR:
		err = harp_apply_xattr_rec(r, rec);
		break;
	case HARP_REC_RELEASE:
		err = harp_apply_release(r, rec);
		break;
	default:
		return -EUCLEAN;
	}
	return err ?: harp_apply_sections(r, rec);
}

/* ------------------------------------------------------------------------ the thread */

/* What this member is to its records: one that is fed (C1) applies as a backup does. */
static enum harp_role harp_apply_role(const struct harp_replica *r)
{
	lockdep_assert_held(&r->lock);
	if (r->media_failure)
		return HARP_ROLE_NONE_;
	return r->links->feed.on ? HARP_ROLE_BACKUP : r->role;
}

/**
 * harp_apply_limit() - how far may this member apply (N4, I2, I3)?
 * @r: the replica
 *
 * Context: process context, takes replica.lock.
 * Return: the last record that may be applied now; at or below AP: none.
 */
u64 harp_apply_limit(struct harp_replica *r)
{
	u64 limit;

	spin_lock(&r->lock);
	switch (harp_apply_role(r)) {
	case HARP_ROLE_PRIMARY:
		/*
		 * Not before STARTED: a record that killed the primary before must be
		 * in the log of this view's backup before we try it (finding 19).
		 */
		limit = r->links->started ? r->cp : r->ap;
		break;
	case HARP_ROLE_BACKUP:
		limit = min(r->told_cp, r->told_ap);
		break;
	default:
		limit = r->ap;
	}
	/* Redo begins when all of it is here and cannot be cut any more (redo.c). */
	if (r->ap < r->redo_to && !r->redo_ready && r->cp < r->redo_to)
		limit = r->ap;
	spin_unlock(&r->lock);
	return limit;
}

static void harp_apply_note(struct harp_replica *r, u64 first, u32 count)
{
	mutex_lock(harp_log_mutex(r->log));
	harp_log_set_applying(r->log, first, count);
	mutex_unlock(harp_log_mutex(r->log));
}

/*
 * Errors that pass are waited out; one that says "no room" costs the reserve, once
 * (kernel-notes 17). 0: try again; else what remains.
 *
 * @freed: of harp_space_freed(), from before the step.
 */
static int harp_apply_retry(struct harp_replica *r, int err, unsigned int tries, u32 freed)
{
	switch (err) {
	case -ENOMEM:
	case -EINTR:
	case -EAGAIN:
	case -ERESTARTSYS:
		wait_event_idle_timeout(r->apply_wq, kthread_should_stop(),
					min(1 + tries, (unsigned int)HZ));
		return kthread_should_stop() ? err : 0;
	case -ENOSPC:
	case -EDQUOT:
		return harp_space_release(harp_lower(r), freed);
	default:
		return err;
	}
}

/**
 * harp_apply_insist() - take a step that must not fail
 * @r: the replica
 * @step: changes the lower; may be tried again after it has failed halfway
 * @arg: its argument
 * @what: it is called in a media failure
 * @index: the record it is about
 *
 * Context: apply thread, under the lower's cred.
 * Return: 0; or the lower's error: a media failure now, unless the thread is to stop.
 */
int harp_apply_insist(struct harp_replica *r, harp_apply_step step, const void *arg,
		      const char *what, u64 index)
{
	unsigned int tries = 0;
	u32 freed;
	int err;

	do {
		freed = harp_space_freed(harp_lower(r));
		err = step(r, arg);
	} while (err && !harp_apply_retry(r, err, tries++, freed));
	if (err && !kthread_should_stop())
		harp_media_failure(r, err, what, index);
	return err;
}

static int harp_apply_record_step(struct harp_replica *r, const void *rec)
{
	return harp_apply_record(r, rec);
}

static int harp_apply_one(struct harp_replica *r, u64 index)
{
	const struct harp_rec_hdr *hdr = harp_log_get(r->log, index);
	const char *why = "not in the log";
	struct harp_rec rec;
	bool nothing;
	int err = 0;

	if (!hdr || harp_rec_parse(hdr, le32_to_cpu(hdr->len), &rec, &why)) {
		harp_media_failure(r, -EUCLEAN, why, index);
		return -EUCLEAN;
	}
	nothing = harp_log_void(r->log, index);
	if (nothing)
		pr_warn("harp: %s/%u: record %llu (%s) was skipped on a person's word\n", r->group,
			r->member, index, harp_rec_type_name(rec.type));
	else
		err = harp_apply_insist(r, harp_apply_record_step, &rec,
					harp_rec_type_name(rec.type), index);
	if (err)
		return err;
	harp_fault(r, HARP_FAULT_APPLIED);
	if (!nothing && harp_is_primary(r))
		harp_inode_committed(r, &rec);
	spin_lock(&r->lock);
	WRITE_ONCE(r->ap, index);
	spin_unlock(&r->lock);
	/* Pairs with harp_void_late(): one of the two sees the other's. */
	smp_mb();
	if (!nothing && harp_log_void(r->log, index)) {
		harp_media_failure(r, -EUCLEAN, "applied, and void in a later view", index);
		return -EUCLEAN;
	}
	harp_commit_advance(r);
	return 0;
}

static int harp_apply_rows_step(struct harp_replica *r, const void *unused)
{
	return harp_rows_flush(harp_lower(r), HARP_NODES_DIRTY_MAX / 2);
}

/*
 * How many at once? What an earlier life may have died of is noted record by record, so that
 * where this one dies as well the note is of that record alone (N4).
 */
static u32 harp_apply_count(const struct harp_replica *r, u64 first, u64 limit)
{
	const struct harp_log_found *f = &r->found;
	u64 count = min_t(u64, limit + 1 - first, HARP_APPLY_BATCH);

	if (!f->applying_count || first >= f->applying_first + f->applying_count)
		return count;
	return first < f->applying_first ? min(count, f->applying_first - first) : 1;
}

static void harp_apply_batch(struct harp_replica *r, u64 limit)
{
	struct harp_lower *lw = harp_lower(r);
	u64 first = READ_ONCE(r->ap) + 1, i;
	u32 count = harp_apply_count(r, first, limit);
	u64 late = READ_ONCE(r->void_late);

	if (late) {
		WRITE_ONCE(r->void_late, 0);
		harp_media_failure(r, -EUCLEAN, "applied, and void in a later view", late);
		return;
	}
	if (harp_redo_prepare(r))
		return;
	harp_apply_note(r, first, count);
	harp_fault(r, HARP_FAULT_APPLYING);
	for (i = first; i < first + count; i++) {
		/* A feed may have ended meanwhile, or the copy is to end first. */
		if (harp_apply_limit(r) < i || harp_copy_due(r))
			break;
		if (harp_apply_one(r, i))
			return;		/* the note stays: a suspect */
	}
	if (harp_apply_limit(r) < i || harp_copy_due(r))
		harp_apply_note(r, 0, 0);
	if (!harp_redoing(r))
		harp_redo_end(r);
	harp_link_kick(r);
	/* Too many rows wait for the next LB pass. */
	if (READ_ONCE(lw->nodes.nr_dirty) > HARP_NODES_DIRTY_MAX)
		harp_apply_insist(r, harp_apply_rows_step, NULL, "row", i - 1);
}

static int harp_apply_thread(void *arg)
{
	struct harp_replica *r = arg;
	const struct cred *old = override_creds(r->cred);
	unsigned int nofs = memalloc_nofs_save();
	u64 limit;

	/* Else the lower's writeback may wait for itself in a full machine. */
	current->flags |= PF_LOCAL_THROTTLE;
	while (!kthread_should_stop()) {
		wait_event_idle(r->apply_wq, kthread_should_stop() || harp_copy_due(r) ||
				READ_ONCE(r->void_late) ||
				harp_apply_limit(r) > READ_ONCE(r->ap));
		if (kthread_should_stop())
			break;
		limit = harp_apply_limit(r);
		if (harp_copy_due(r))
			harp_copy_end(r);
		else if (READ_ONCE(r->void_late) || limit > READ_ONCE(r->ap))
			harp_apply_batch(r, limit);
	}
	memalloc_nofs_restore(nofs);
	revert_creds(old);
	return 0;
}

/**
 * harp_apply_start() - start the apply and sync threads
 * @r: the replica, its log and lower open
 *
 * Context: process context.
 * Return: 0 or -errno.
 */
int harp_apply_start(struct harp_replica *r)
{
	struct task_struct *t;

	t = kthread_run(harp_sync_thread, r, "harp_sync/%.8s", r->group);
	if (IS_ERR(t))
		return PTR_ERR(t);
	r->sync_task = t;
	t = kthread_run(harp_apply_thread, r, "harp_apply/%.8s", r->group);
	if (IS_ERR(t)) {
		harp_apply_stop(r);
		return PTR_ERR(t);
	}
	r->apply_task = t;
	return 0;
}

/**
 * harp_apply_stop() - end both threads
 * @r: the replica
 *
 * Context: process context; waits for the record being applied.
 */
void harp_apply_stop(struct harp_replica *r)
{
	if (r->apply_task)
		kthread_stop(r->apply_task);
	r->apply_task = NULL;
	if (r->sync_task)
		kthread_stop(r->sync_task);
	r->sync_task = NULL;
}
