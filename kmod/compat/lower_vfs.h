/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between kernels in the calls on the lower file system. Used by
 * lower.h alone, which has one wrapper per call.
 */
#ifndef HARP_COMPAT_LOWER_VFS_H
#define HARP_COMPAT_LOWER_VFS_H

#include <linux/exportfs.h>
#include <linux/fs.h>
#include <linux/mount.h>
#include <linux/namei.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <linux/slab.h>
#include <linux/xattr.h>
#include "vfs_ops.h"

#ifdef HARP_HAVE_LOWER_MNT_IDMAP
typedef struct mnt_idmap *harp_lower_idmap_t;

static inline harp_lower_idmap_t harp_lower_idmap(const struct vfsmount *mnt)
{
	return mnt_idmap(mnt);
}
#else
typedef struct user_namespace *harp_lower_idmap_t;

static inline harp_lower_idmap_t harp_lower_idmap(const struct vfsmount *mnt)
{
	return mnt_user_ns(mnt);
}
#endif

static inline int harp_lower_rename(harp_lower_idmap_t idmap, struct dentry *old_dir,
				    struct dentry *old, struct dentry *new_dir,
				    struct dentry *new, unsigned int flags)
{
	struct renamedata rd = {
#if defined(HARP_HAVE_LOWER_RENAMEDATA_ONE_IDMAP)
		.mnt_idmap = idmap,
		.old_parent = old_dir,
		.new_parent = new_dir,
#elif defined(HARP_HAVE_LOWER_MNT_IDMAP)
		.old_mnt_idmap = idmap,
		.new_mnt_idmap = idmap,
		.old_dir = d_inode(old_dir),
		.new_dir = d_inode(new_dir),
#else
		.old_mnt_userns = idmap,
		.new_mnt_userns = idmap,
		.old_dir = d_inode(old_dir),
		.new_dir = d_inode(new_dir),
#endif
		.old_dentry = old,
		.new_dentry = new,
		.flags = flags,
	};

	return vfs_rename(&rd);
}

/* The newest form: the dentry that became the directory; consumed on failure. */
static inline struct dentry *harp_lower_mkdir(harp_lower_idmap_t idmap, struct inode *dir,
					      struct dentry *dentry, umode_t mode)
{
#ifdef HARP_HAVE_LOWER_MKDIR_DENTRY
	return vfs_mkdir(idmap, dir, dentry, mode);
#else
	int err = vfs_mkdir(idmap, dir, dentry, mode);

	if (!err)
		return dentry;
	dput(dentry);
	return ERR_PTR(err);
#endif
}

#ifdef HARP_HAVE_LOWER_LOOKUP_NOPERM
#define harp_lower_lookup(dir, name, len) \
	lookup_noperm(&QSTR_LEN(name, len), dir)
#define harp_lower_lookup_unlocked(dir, name, len) \
	lookup_noperm_unlocked(&QSTR_LEN(name, len), dir)
#else
#define harp_lower_lookup(dir, name, len)	lookup_one_len(name, dir, len)
#define harp_lower_lookup_unlocked(dir, name, len) \
	lookup_one_len_unlocked(name, dir, len)
#endif

static inline struct dentry *harp_lower_decode_fh(struct vfsmount *mnt, struct fid *fid,
						  int words, int type,
						  int (*ok)(void *, struct dentry *))
{
#ifdef HARP_HAVE_LOWER_DECODE_FH_FLAGS
	return exportfs_decode_fh_raw(mnt, fid, words, type, 0, ok, NULL);
#else
	return exportfs_decode_fh_raw(mnt, fid, words, type, ok, NULL);
#endif
}

/* @acl: NULL removes. Takes the inode's lock. */
static inline int harp_lower_set_acl(harp_lower_idmap_t idmap, struct dentry *dentry,
				     const char *name, struct posix_acl *acl)
{
#ifdef HARP_HAVE_LOWER_VFS_SET_ACL
	return acl ? vfs_set_acl(idmap, dentry, name, acl) :
		     vfs_remove_acl(idmap, dentry, name);
#else
	int type = !strcmp(name, XATTR_NAME_POSIX_ACL_DEFAULT) ? ACL_TYPE_DEFAULT :
								 ACL_TYPE_ACCESS;
	int err;

	inode_lock(d_inode(dentry));
	err = set_posix_acl(idmap, d_inode(dentry), type, acl);
	inode_unlock(d_inode(dentry));
	return err;
#endif
}

static inline struct timespec64 harp_lower_atime(const struct inode *inode)
{
#ifdef HARP_HAVE_LOWER_TIMES
	return inode_get_atime(inode);
#else
	return inode->i_atime;
#endif
}

static inline struct timespec64 harp_lower_mtime(const struct inode *inode)
{
#ifdef HARP_HAVE_LOWER_TIMES
	return inode_get_mtime(inode);
#else
	return inode->i_mtime;
#endif
}

static inline struct timespec64 harp_lower_ctime(const struct inode *inode)
{
#ifdef HARP_HAVE_LOWER_TIMES
	return inode_get_ctime(inode);
#else
	return inode->i_ctime;
#endif
}

#endif /* HARP_COMPAT_LOWER_VFS_H */
