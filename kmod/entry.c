// SPDX-License-Identifier: GPL-2.0
/*
 * Names on the lower as registers: entry(directory, name) := fid or none.
 *
 * Each step can be done again, also on a lower that is ahead of the record, as
 * the lower's own journal leaves it after a crash (I4, kernel-notes 21-24, 30):
 *
 *  - a name is taken away only if it holds the fid that the record means;
 *  - a name that is to hold a fid and holds another loses that one to orphans/, as
 *    "mv X(f9) B; mv B C; mv A(f1) B" redone from the start finds B = f1;
 *  - the last name of what the record says lives is never removed but parked;
 *  - what is done already is success.
 *
 * The first attempt is always the plain one, a single call on the lower; only when
 * that finds something else than the record expects are the longer ways taken.
 *
 * All run in the apply thread under the lower's cred, with no lock held. Nobody else
 * modifies the lower, so what a look without lock tells stays true.
 */
#include <linux/dcache.h>
#include <linux/slab.h>
#include "lower.h"
#include "node.h"

#define HARP_FID_FOREIGN	U64_MAX		/* an object without a fid */
#define HARP_NOT_SO		1		/* the names hold something else */
#define HARP_PUT_TRIES		4
#define HARP_XATTR_PLACE	HARP_XATTR_HIDDEN "place"

/**
 * struct harp_spot - a name in a directory of the lower
 */
struct harp_spot {
	struct dentry *dir;
	const char *name;
	u32 len;
};

static struct harp_spot harp_spot_of(struct harp_node *dir, const struct harp_sec_name *name)
{
	return (struct harp_spot){ .dir = dir->lower, .name = harp_name_str(name),
				   .len = harp_name_len(name) };
}

/* @buf: HARP_ORPHAN_NAME_LEN + 1 bytes that outlive the spot. */
static struct harp_spot harp_spot_orphan(struct harp_lower *lw, char *buf, u64 fid)
{
	harp_orphan_name(buf, fid);
	return (struct harp_spot){ .dir = lw->r->orphans.dentry, .name = buf,
				   .len = HARP_ORPHAN_NAME_LEN };
}

static struct vfsmount *harp_mnt(struct harp_lower *lw)
{
	return lw->r->lower_root.mnt;
}

static unsigned int harp_dtype(struct harp_node *n)
{
	return (d_inode(n->lower)->i_mode >> 12) & 15;
}

static bool harp_is_dir(struct harp_node *n)
{
	return d_is_dir(n->lower);
}

/* What a dentry stands for: a fid, HARP_FID_NONE or HARP_FID_FOREIGN. */
static int harp_fid_at(struct dentry *dentry, u64 *fid)
{
	int err;

	*fid = HARP_FID_NONE;
	if (d_is_negative(dentry))
		return 0;
	err = harp_fid_read(dentry, fid);
	if (err == -ENODATA) {
		*fid = HARP_FID_FOREIGN;
		err = 0;
	}
	return err;
}

static int harp_spot_look(const struct harp_spot *s, u64 *fid)
{
	struct dentry *dentry = harp_do_lookup_unlocked(s->dir, s->name, s->len);
	int err;

	if (IS_ERR(dentry))
		return PTR_ERR(dentry);
	err = harp_fid_at(dentry, fid);
	dput(dentry);
	return err;
}

/* --------------------------------------------------------------- single lower calls */

static int harp_spot_rename(struct harp_lower *lw, const struct harp_spot *from, u64 ffid,
			    const struct harp_spot *to, u64 tfid, unsigned int flags,
			    struct dentry *trap)
{
	struct dentry *old, *new;
	u64 f = 0, t = 0;
	int err;

	old = harp_do_lookup(from->dir, from->name, from->len);
	if (IS_ERR(old))
		return PTR_ERR(old);
	new = harp_do_lookup(to->dir, to->name, to->len);
	if (IS_ERR(new)) {
		err = PTR_ERR(new);
		goto out_old;
	}
	err = harp_fid_at(old, &f) ?: harp_fid_at(new, &t);
	if (err)
		goto out_new;
	err = HARP_NOT_SO;
	if (f != ffid || t != tfid)
		goto out_new;
	err = -ELOOP;
	if (old == trap || new == trap)
		goto out_new;
	err = harp_do_rename(harp_mnt(lw), from->dir, old, to->dir, new, flags);
out_new:
	dput(new);
out_old:
	dput(old);
	return err;
}

/*
 * Rename if @from holds @ffid and @to holds @tfid: 0. HARP_NOT_SO when they do not;
 * -ELOOP when one is above the other.
 */
static int harp_spot_move(struct harp_lower *lw, const struct harp_spot *from, u64 ffid,
			  const struct harp_spot *to, u64 tfid, unsigned int flags)
{
	struct dentry *trap;
	int err = mnt_want_write(harp_mnt(lw));

	if (err)
		return err;
	trap = lock_rename(from->dir, to->dir);
	if (IS_ERR(trap)) {
		err = PTR_ERR(trap);
	} else {
		err = harp_spot_rename(lw, from, ffid, to, tfid, flags, trap);
		unlock_rename(from->dir, to->dir);
	}
	mnt_drop_write(harp_mnt(lw));
	return err;
}

/* Link @old to @s if nothing is there: 0, or HARP_NOT_SO. */
static int harp_spot_link(struct harp_lower *lw, struct dentry *old, const struct harp_spot *s)
{
	struct dentry *new;
	int err = mnt_want_write(harp_mnt(lw));

	if (err)
		return err;
	inode_lock_nested(d_inode(s->dir), I_MUTEX_PARENT);
	new = harp_do_lookup(s->dir, s->name, s->len);
	if (IS_ERR(new)) {
		err = PTR_ERR(new);
		goto out;
	}
	err = d_is_positive(new) ? HARP_NOT_SO : harp_do_link(harp_mnt(lw), old, s->dir, new);
	dput(new);
out:
	inode_unlock(d_inode(s->dir));
	mnt_drop_write(harp_mnt(lw));
	return err;
}

/*
 * Remove the name if it holds @fid: 0. HARP_NOT_SO when it does not; with @keep, also
 * when it is the last name of a file.
 */
static int harp_spot_remove(struct harp_lower *lw, const struct harp_spot *s, u64 fid, bool keep)
{
	struct dentry *dentry;
	u64 found = 0;
	int err = mnt_want_write(harp_mnt(lw));

	if (err)
		return err;
	inode_lock_nested(d_inode(s->dir), I_MUTEX_PARENT);
	dentry = harp_do_lookup(s->dir, s->name, s->len);
	if (IS_ERR(dentry)) {
		err = PTR_ERR(dentry);
		goto out;
	}
	err = harp_fid_at(dentry, &found);
	if (err)
		goto out_put;
	if (found != fid)
		err = HARP_NOT_SO;
	else if (d_is_dir(dentry))
		err = harp_do_rmdir(harp_mnt(lw), s->dir, dentry);
	else if (keep && d_inode(dentry)->i_nlink == 1)
		err = HARP_NOT_SO;
	else
		err = harp_do_unlink(harp_mnt(lw), s->dir, dentry);
out_put:
	dput(dentry);
out:
	inode_unlock(d_inode(s->dir));
	mnt_drop_write(harp_mnt(lw));
	return err;
}

/* ------------------------------------------------------------------ parking */

/* If @s holds @fid, make orphans/@fid its name instead. */
static int harp_spot_park(struct harp_lower *lw, const struct harp_spot *s, u64 fid)
{
	char buf[HARP_ORPHAN_NAME_LEN + 1];
	struct harp_spot orphan = harp_spot_orphan(lw, buf, fid);
	int err;

	err = harp_spot_move(lw, s, fid, &orphan, HARP_FID_NONE, 0);
	if (err != HARP_NOT_SO)
		return err;
	/* Not there: done. Parked as well: then this name is one too many. */
	err = harp_spot_remove(lw, s, fid, true);
	return err == HARP_NOT_SO ? 0 : err;
}

/*
 * What a rename is about to replace lives on, parked or (@live) under another name
 * that may not be there yet: a file gets its parked name first, so that the rename
 * itself replaces; a directory has to leave. *@left: fid that @s holds afterwards.
 */
static int harp_spot_keep(struct harp_lower *lw, const struct harp_spot *s, u64 fid, bool live,
			  u64 *left)
{
	char buf[HARP_ORPHAN_NAME_LEN + 1];
	struct harp_spot orphan = harp_spot_orphan(lw, buf, fid);
	struct dentry *dentry;
	u64 found;
	int err;

	dentry = harp_do_lookup_unlocked(s->dir, s->name, s->len);
	if (IS_ERR(dentry))
		return PTR_ERR(dentry);
	err = harp_fid_at(dentry, &found);
	if (!err && found == fid && d_is_dir(dentry)) {
		*left = HARP_FID_NONE;
		err = harp_spot_move(lw, s, fid, &orphan, HARP_FID_NONE, 0);
	} else if (!err && found == fid && !(live && d_inode(dentry)->i_nlink > 1)) {
		err = harp_spot_link(lw, dentry, &orphan);
	}
	dput(dentry);
	return err == HARP_NOT_SO ? 0 : err;
}

/**
 * harp_orphan_drop() - remove the parked name of a fid, if there is one
 * @lw: the lower
 * @fid: which
 *
 * Context: apply thread, under the lower's cred.
 * Return: 0 or the lower's error.
 */
int harp_orphan_drop(struct harp_lower *lw, u64 fid)
{
	char buf[HARP_ORPHAN_NAME_LEN + 1];
	struct harp_spot orphan = harp_spot_orphan(lw, buf, fid);
	int err = harp_spot_remove(lw, &orphan, fid, false);

	return err == HARP_NOT_SO ? 0 : err;
}

/**
 * harp_orphan_clear() - remove the parked name of a fid, in redo
 * @lw: the lower
 * @fid: which
 *
 * What is under it may also be without a fid yet: a crash came between making it and that.
 *
 * Context: apply thread, under the lower's cred.
 * Return: 0 or the lower's error.
 */
int harp_orphan_clear(struct harp_lower *lw, u64 fid)
{
	char buf[HARP_ORPHAN_NAME_LEN + 1];
	struct harp_spot orphan = harp_spot_orphan(lw, buf, fid);
	int err = harp_spot_remove(lw, &orphan, fid, false);

	if (err == HARP_NOT_SO)
		err = harp_spot_remove(lw, &orphan, HARP_FID_FOREIGN, false);
	return err == HARP_NOT_SO ? 0 : err;
}

/* ------------------------------------------------ directories that are to come back */

/**
 * struct harp_place - where a directory was that had to give way while a copy goes on
 * @dir: fid of the directory it was in
 * @name: its name there, without NUL
 */
struct harp_place {
	__le64 dir;
	char name[HARP_NAME_MAX];
};

static_assert(sizeof(struct harp_place) == ALIGN(sizeof(__le64) + HARP_NAME_MAX, 8));

/* In an xattr, so that a crash leaves it with the directory. */
static int harp_place_note(struct harp_lower *lw, struct dentry *dentry,
			   const struct harp_spot *at)
{
	struct harp_place place;
	u64 dir;
	int err = harp_fid_at(at->dir, &dir);

	if (err || dir == HARP_FID_FOREIGN)
		return err ?: -EUCLEAN;
	if (at->len > sizeof(place.name))
		return -ENAMETOOLONG;
	place.dir = cpu_to_le64(dir);
	memcpy(place.name, at->name, at->len);
	err = mnt_want_write(harp_mnt(lw));
	if (err)
		return err;
	err = harp_do_setxattr(harp_mnt(lw), dentry, HARP_XATTR_PLACE, &place,
			       offsetof(struct harp_place, name) + at->len);
	mnt_drop_write(harp_mnt(lw));
	return err;
}

/* Nothing of it is said any more: it has a place. */
static int harp_place_forget(struct harp_lower *lw, struct dentry *dentry)
{
	int err = mnt_want_write(harp_mnt(lw));

	if (err)
		return err;
	err = harp_do_removexattr(harp_mnt(lw), dentry, HARP_XATTR_PLACE);
	mnt_drop_write(harp_mnt(lw));
	return err == -ENODATA ? 0 : err;
}

/* No record may say the directory's mtime again: it is what it was before a step of ours. */
static int harp_dir_mtime(struct harp_lower *lw, struct dentry *dir, struct timespec64 mtime)
{
	struct iattr ia = { .ia_valid = ATTR_MTIME | ATTR_MTIME_SET, .ia_mtime = mtime };
	int err = mnt_want_write(harp_mnt(lw));

	if (err)
		return err;
	inode_lock(d_inode(dir));
	err = harp_do_setattr(harp_mnt(lw), dir, &ia);
	inode_unlock(d_inode(dir));
	mnt_drop_write(harp_mnt(lw));
	return err;
}

/* A name for @n instead of its parked one, if it has that; as harp_spot_move(). */
static int harp_spot_unpark(struct harp_lower *lw, struct harp_node *n, const struct harp_spot *to)
{
	char buf[HARP_ORPHAN_NAME_LEN + 1];
	struct harp_spot orphan = harp_spot_orphan(lw, buf, n->fid);
	int err = harp_spot_move(lw, &orphan, n->fid, to, HARP_FID_NONE, 0);

	if (!err && harp_is_dir(n) && harp_copying(lw->r))
		err = harp_place_forget(lw, n->lower);
	return err;
}

/* Where @n was; -EUCLEAN: nothing says so. */
static int harp_place_read(struct harp_node *n, struct harp_place *place, u32 *len)
{
	ssize_t size = harp_do_getxattr_raw(n->lower, HARP_XATTR_PLACE, place, sizeof(*place));

	if (size == -ENODATA || size == -ERANGE)
		return -EUCLEAN;
	if (size < 0)
		return size;
	if (size <= offsetof(struct harp_place, name) ||
	    size > offsetof(struct harp_place, name) + HARP_NAME_MAX)
		return -EUCLEAN;
	*len = size - offsetof(struct harp_place, name);
	return 0;
}

/**
 * harp_entry_back() - a parked directory goes back to where it was
 * @n: the directory; no record has put it anywhere since it had to give way
 *
 * Context: apply thread, at the end of a copy, under the lower's cred.
 * Return: 0; -EUCLEAN: nothing says where that is, or something else is there; or the
 * lower's error.
 */
int harp_entry_back(struct harp_node *n)
{
	struct harp_lower *lw = harp_lower(n->r);
	struct timespec64 mtime;
	struct harp_place place;
	struct harp_node *dir;
	struct harp_spot to;
	u64 found;
	int err;

	err = harp_place_read(n, &place, &to.len);
	if (err)
		return err;
	dir = harp_node_load(n->r, le64_to_cpu(place.dir));
	if (IS_ERR(dir))
		return dir == ERR_PTR(-ENOENT) || dir == ERR_PTR(-ESTALE) ? -EUCLEAN :
									    PTR_ERR(dir);
	to.dir = dir->lower;
	to.name = place.name;
	mtime = harp_lower_mtime(d_inode(dir->lower));
	harp_index_drop(harp_lnode(dir));
	err = harp_spot_look(&to, &found);
	if (!err && found == HARP_FID_NONE)
		err = harp_spot_unpark(lw, n, &to) ?: harp_dir_mtime(lw, dir->lower, mtime);
	else if (!err)
		err = -EUCLEAN;
	harp_node_put(dir);
	return err == HARP_NOT_SO || err == -ELOOP ? -EUCLEAN : err;
}

/* --------------------------------------------------------------------- making */

/* In orphans, locked: make the object; returns its dentry, @dentry is consumed. */
static struct dentry *harp_object_make(struct harp_lower *lw, struct dentry *dentry,
				       const struct harp_sec_inode *sec, const char *target)
{
	struct dentry *dir = lw->r->orphans.dentry;
	umode_t mode = le32_to_cpu(sec->mode);
	int err;

	switch (mode & S_IFMT) {
	case S_IFDIR:
		return harp_do_mkdir(harp_mnt(lw), dir, dentry, mode & 01777);
	case S_IFREG:
		err = harp_do_create(harp_mnt(lw), dir, dentry, mode);
		break;
	case S_IFLNK:
		err = target ? harp_do_symlink(harp_mnt(lw), dir, dentry, target) : -EUCLEAN;
		break;
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		err = harp_do_mknod(harp_mnt(lw), dir, dentry, mode,
				    new_decode_dev(le32_to_cpu(sec->rdev)));
		break;
	default:
		err = -EUCLEAN;
	}
	if (!err)
		return dentry;
	dput(dentry);
	return ERR_PTR(err);
}

/* A crash came between an object and its fid: nothing knows it yet. */
static int harp_object_unmake(struct harp_lower *lw, struct dentry *dentry)
{
	struct dentry *dir = lw->r->orphans.dentry;

	return d_is_dir(dentry) ? harp_do_rmdir(harp_mnt(lw), dir, dentry) :
				  harp_do_unlink(harp_mnt(lw), dir, dentry);
}

static struct dentry *harp_orphan_make_locked(struct harp_lower *lw, const char *name,
					      const struct harp_sec_inode *sec,
					      const char *target)
{
	struct dentry *dir = lw->r->orphans.dentry, *dentry;
	__le64 fid = sec->fid;
	int err;

	dentry = harp_do_lookup(dir, name, HARP_ORPHAN_NAME_LEN);
	if (!IS_ERR(dentry) && d_is_positive(dentry)) {
		err = harp_object_unmake(lw, dentry);
		dput(dentry);
		if (err)
			return ERR_PTR(err);
		dentry = harp_do_lookup(dir, name, HARP_ORPHAN_NAME_LEN);
	}
	if (IS_ERR(dentry))
		return dentry;
	dentry = harp_object_make(lw, dentry, sec, target);
	if (IS_ERR(dentry))
		return dentry;
	err = harp_do_setxattr(harp_mnt(lw), dentry, HARP_XATTR_FID, &fid, sizeof(fid));
	if (!err)
		return dentry;
	if (harp_object_unmake(lw, dentry))
		pr_warn_ratelimited("harp: cannot remove %pd2 again\n", dentry);
	dput(dentry);
	return ERR_PTR(err);
}

/**
 * harp_orphan_make() - make an object under its parked name, with its fid
 * @lw: the lower
 * @sec: what to make; harp_orphan_find() has not found it
 * @target: of a symbolic link, else NULL
 *
 * Object and fid are two transactions of the lower; here nobody sees it with the one
 * and without the other (kernel-notes 30).
 *
 * Context: apply thread, under the lower's cred. Mode and owners are the caller's to set.
 * Return: its dentry, or -errno.
 */
struct dentry *harp_orphan_make(struct harp_lower *lw, const struct harp_sec_inode *sec,
				const char *target)
{
	struct inode *dir = d_inode(lw->r->orphans.dentry);
	char name[HARP_ORPHAN_NAME_LEN + 1];
	struct dentry *dentry;
	int err;

	harp_orphan_name(name, le64_to_cpu(sec->fid));
	err = mnt_want_write(harp_mnt(lw));
	if (err)
		return ERR_PTR(err);
	inode_lock_nested(dir, I_MUTEX_PARENT);
	dentry = harp_orphan_make_locked(lw, name, sec, target);
	inode_unlock(dir);
	mnt_drop_write(harp_mnt(lw));
	return dentry;
}

/* ----------------------------------------------------------------------- placing */

/* Bring @n to @s, which holds nothing, from wherever it is. */
static int harp_spot_place(struct harp_lower *lw, const struct harp_spot *s, struct harp_node *n)
{
	struct name_snapshot name;
	struct harp_spot from;
	int err;

	err = harp_spot_unpark(lw, n, s);
	if (err != HARP_NOT_SO)
		return err;
	if (!harp_is_dir(n))
		return harp_spot_link(lw, n->lower, s);
	take_dentry_name_snapshot(&name, n->lower);
	from.dir = dget_parent(n->lower);
	from.name = name.name.name;
	from.len = name.name.len;
	err = harp_spot_move(lw, &from, n->fid, s, HARP_FID_NONE, 0);
	dput(from.dir);
	release_dentry_name_snapshot(&name);
	return err;
}

/* A directory that has to give way to a would-be loop: park it under its fid. */
static int harp_dir_park(struct harp_lower *lw, struct dentry *dir, u64 fid)
{
	bool back = harp_copying(lw->r);
	struct name_snapshot name;
	struct timespec64 mtime;
	struct harp_spot from;
	int err = 0;

	atomic64_inc(&lw->n_parked);
	take_dentry_name_snapshot(&name, dir);
	from.dir = dget_parent(dir);
	from.name = name.name.name;
	from.len = name.name.len;
	mtime = harp_lower_mtime(d_inode(from.dir));
	if (back)
		err = harp_place_note(lw, dir, &from);
	if (!err)
		err = harp_spot_park(lw, &from, fid);
	if (!err && back)
		err = harp_dir_mtime(lw, from.dir, mtime);
	dput(from.dir);
	release_dentry_name_snapshot(&name);
	return err;
}

/*
 * @dir, which @n is to be put into, is below it. When this was recorded it was not, so of it
 * and what is above it, up to @n, one at least got its place in a later record: that one is
 * parked until then. The others stay where they are, for no record may bring them back.
 *
 * While a copy goes on not all these records may be at hand. Any of them will do then, for
 * its place is noted, and what no record has put elsewhere by the copy's end goes back.
 */
static int harp_loop_break(struct harp_node *dir, struct harp_node *n)
{
	struct dentry *at = dget(dir->lower), *parent;
	u64 fid = dir->fid;
	int err = 0;

	while (!harp_copying(dir->r) && at != n->lower && !IS_ROOT(at)) {
		err = harp_fid_at(at, &fid);
		if (err || harp_redo_moves(dir->r, fid))
			break;
		parent = dget_parent(at);
		dput(at);
		at = parent;
	}
	if (!err && (at == n->lower || IS_ROOT(at)))
		err = -EUCLEAN;
	if (!err)
		err = harp_dir_park(harp_lower(dir->r), at, fid);
	dput(at);
	return err;
}

/**
 * harp_entry_put() - entry(@dir, @name) := @n, whatever is there and wherever @n is
 * @dir: directory
 * @name: name
 * @n: what is to be under it
 *
 * A file that has other names keeps them; a directory moves.
 *
 * Context: apply thread, under the lower's cred.
 * Return: 0 or -errno; -EUCLEAN when the lower holds what it cannot.
 */
int harp_entry_put(struct harp_node *dir, const struct harp_sec_name *name, struct harp_node *n)
{
	struct harp_lower *lw = harp_lower(dir->r);
	struct harp_spot s = harp_spot_of(dir, name);
	int tries, err = 0;
	u64 found;

	harp_index_drop(harp_lnode(dir));
	for (tries = 0; tries < HARP_PUT_TRIES; tries++) {
		err = harp_spot_look(&s, &found);
		if (err || found == n->fid)
			return err;
		if (found == HARP_FID_FOREIGN)
			return -EUCLEAN;
		if (found != HARP_FID_NONE) {
			atomic64_inc(&lw->n_parked);
			err = harp_spot_park(lw, &s, found);
		} else {
			err = harp_spot_place(lw, &s, n);
		}
		if (err == -ELOOP)
			err = harp_loop_break(dir, n);
		if (err < 0)
			return err;
	}
	return -EUCLEAN;
}

/**
 * harp_entry_create() - place what was just made
 * @dir: directory
 * @name: name
 * @n: the new object, in orphans/
 *
 * Context: apply thread, under the lower's cred.
 * Return: as harp_entry_put().
 */
int harp_entry_create(struct harp_node *dir, const struct harp_sec_name *name,
		      struct harp_node *n)
{
	struct harp_spot to = harp_spot_of(dir, name);
	int err = harp_spot_unpark(harp_lower(dir->r), n, &to);

	if (err == HARP_NOT_SO || err == -ELOOP)
		return harp_entry_put(dir, name, n);
	if (!err)
		harp_index_set(dir, to.name, to.len, n->fid, harp_dtype(n));
	return err;
}

/**
 * harp_entry_link() - another name for a file
 * @dir: directory
 * @name: name
 * @n: the file
 *
 * Context: apply thread, under the lower's cred.
 * Return: as harp_entry_put().
 */
int harp_entry_link(struct harp_node *dir, const struct harp_sec_name *name, struct harp_node *n)
{
	struct harp_spot s = harp_spot_of(dir, name);
	int err = HARP_NOT_SO;

	if (n->state == HARP_STATE_LIVE)
		err = harp_spot_link(harp_lower(dir->r), n->lower, &s);
	if (err == HARP_NOT_SO || err == -ENOENT)
		return harp_entry_put(dir, name, n);
	if (!err)
		harp_index_set(dir, s.name, s.len, n->fid, harp_dtype(n));
	return err;
}

/**
 * harp_entry_drop() - entry(@dir, @name) := none, if it holds @fid
 * @dir: directory
 * @name: name
 * @fid: what is to go from there
 * @state: HARP_STATE_* of @fid after the record
 *
 * Context: apply thread, under the lower's cred.
 * Return: 0, also when the name held something else; or -errno.
 */
int harp_entry_drop(struct harp_node *dir, const struct harp_sec_name *name, u64 fid, u8 state)
{
	struct harp_lower *lw = harp_lower(dir->r);
	struct harp_spot s = harp_spot_of(dir, name);
	u64 found;
	int err;

	if (state == HARP_STATE_PARKED) {
		err = harp_spot_park(lw, &s, fid);
	} else {
		err = harp_spot_remove(lw, &s, fid, state == HARP_STATE_LIVE);
		if (err == HARP_NOT_SO)
			err = harp_spot_park(lw, &s, fid);
	}
	if (err)
		return err;
	/* Ahead of the record, the name may be another's by now. */
	err = harp_spot_look(&s, &found);
	if (!err && found == HARP_FID_NONE)
		harp_index_del(dir, s.name, s.len);
	else if (!err)
		harp_index_drop(harp_lnode(dir));
	return err;
}

/* The long way of a rename: the new name, then the old one, each for itself. */
static int harp_entry_move_slow(struct harp_node *odir, const struct harp_sec_name *from,
				struct harp_node *ndir, const struct harp_sec_name *to,
				struct harp_node *n, u8 replaced_state)
{
	u64 replaced = le64_to_cpu(to->expect);
	u8 state = HARP_STATE_LIVE;
	int err;

	/* What went into a directory that is gone by now came out again before. */
	if (!ndir && harp_is_dir(n))
		state = HARP_STATE_PARKED;
	err = ndir ? harp_entry_put(ndir, to, n) : 0;
	if (!err && odir)
		err = harp_entry_drop(odir, from, n->fid, state);
	if (!err && replaced && replaced_state == HARP_STATE_GONE)
		err = harp_orphan_drop(harp_lower(n->r), replaced);
	return err;
}

/**
 * harp_entry_move() - a rename
 * @odir: old directory, or NULL when it is gone by now
 * @from: old name
 * @ndir: new directory, or NULL when it is gone by now
 * @to: new name; @to->expect is what it replaces
 * @n: what moves
 * @replaced_state: HARP_STATE_* of what is replaced
 *
 * Context: apply thread, under the lower's cred.
 * Return: as harp_entry_put().
 */
int harp_entry_move(struct harp_node *odir, const struct harp_sec_name *from,
		    struct harp_node *ndir, const struct harp_sec_name *to,
		    struct harp_node *n, u8 replaced_state)
{
	struct harp_lower *lw = harp_lower(n->r);
	u64 replaced = le64_to_cpu(to->expect);
	struct harp_spot f, t;
	int err = 0;

	if (!odir || !ndir)
		return harp_entry_move_slow(odir, from, ndir, to, n, replaced_state);
	f = harp_spot_of(odir, from);
	t = harp_spot_of(ndir, to);
	if (replaced && replaced_state != HARP_STATE_GONE)
		err = harp_spot_keep(lw, &t, replaced, replaced_state == HARP_STATE_LIVE,
				     &replaced);
	if (!err)
		err = harp_spot_move(lw, &f, n->fid, &t, replaced, 0);
	if (err == HARP_NOT_SO || err == -ELOOP)
		return harp_entry_move_slow(odir, from, ndir, to, n, replaced_state);
	if (err)
		return err;
	harp_index_del(odir, f.name, f.len);
	harp_index_set(ndir, t.name, t.len, n->fid, harp_dtype(n));
	return 0;
}

/**
 * harp_entry_swap() - two names exchange what is under them
 * @adir: directory of the first
 * @a: first name; @na was there
 * @bdir: directory of the second
 * @b: second name; @nb was there
 * @na: what is under @b afterwards
 * @nb: what is under @a afterwards
 *
 * Context: apply thread, under the lower's cred.
 * Return: as harp_entry_put().
 */
int harp_entry_swap(struct harp_node *adir, const struct harp_sec_name *a,
		    struct harp_node *bdir, const struct harp_sec_name *b,
		    struct harp_node *na, struct harp_node *nb)
{
	struct harp_spot sa, sb;
	int err = HARP_NOT_SO;

	if (adir && bdir) {
		sa = harp_spot_of(adir, a);
		sb = harp_spot_of(bdir, b);
		err = harp_spot_move(harp_lower(na->r), &sa, na->fid, &sb, nb->fid,
				     RENAME_EXCHANGE);
	}
	if (err == HARP_NOT_SO || err == -ELOOP) {
		err = adir ? harp_entry_put(adir, a, nb) : 0;
		return err ?: bdir ? harp_entry_put(bdir, b, na) : 0;
	}
	if (err)
		return err;
	harp_index_set(adir, sa.name, sa.len, nb->fid, harp_dtype(nb));
	harp_index_set(bdir, sb.name, sb.len, na->fid, harp_dtype(na));
	return 0;
}
