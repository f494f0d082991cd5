/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Entries of the VFS's tables whose signature changed. The bodies have the newest
 * one; where a kernel calls with another, a thunk made here stands in the table.
 */
#ifndef HARP_COMPAT_VFS_OPS_H
#define HARP_COMPAT_VFS_OPS_H

#include <linux/dcache.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <linux/xattr.h>
#include "vfs_inode.h"

/* Linux 6.2: ->get_acl became ->get_inode_acl, get_acl() get_inode_acl(). */
#ifndef HARP_HAVE_GET_INODE_ACL
#define get_inode_acl get_acl
#endif

/* Linux 6.2: ->set_acl takes the dentry. */
#ifdef HARP_HAVE_SET_ACL_DENTRY
#define HARP_SET_ACL_THUNK(thunk, body)							\
static int thunk(struct mnt_idmap *idmap, struct dentry *dentry, struct posix_acl *acl,	\
		 int type)								\
{											\
	return body(idmap, d_inode(dentry), acl, type);					\
}
#else
#define HARP_SET_ACL_THUNK(thunk, body)							\
static int thunk(struct mnt_idmap *idmap, struct inode *inode, struct posix_acl *acl,	\
		 int type)								\
{											\
	return body(idmap, inode, acl, type);						\
}
#endif

/* Linux 6.14: ->d_revalidate is told the directory and the name. */
#ifdef HARP_HAVE_D_REVALIDATE_DIR
#define HARP_D_REVALIDATE_THUNK(thunk, body)						\
static int thunk(struct inode *dir, const struct qstr *name, struct dentry *dentry,	\
		 unsigned int flags)							\
{											\
	return body(dentry, flags);							\
}
#else
#define HARP_D_REVALIDATE_THUNK(thunk, body)						\
static int thunk(struct dentry *dentry, unsigned int flags)				\
{											\
	return body(dentry, flags);							\
}
#endif

/* Linux 6.15: ->mkdir returns a dentry. */
#ifdef HARP_HAVE_MKDIR_DENTRY
#define HARP_MKDIR_THUNK(thunk, body)							\
static struct dentry *thunk(struct mnt_idmap *idmap, struct inode *dir,			\
			    struct dentry *dentry, umode_t mode)			\
{											\
	return body(idmap, dir, dentry, mode);						\
}
#else
#define HARP_MKDIR_THUNK(thunk, body)							\
static int thunk(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry,	\
		 umode_t mode)								\
{											\
	return PTR_ERR_OR_ZERO(body(idmap, dir, dentry, mode));				\
}
#endif

/* Linux 6.4: ACLs no longer go through xattr handlers. */
#ifdef HARP_HAVE_POSIX_ACL_HANDLERS
#define HARP_ACL_XATTR_HANDLERS	\
	&posix_acl_access_xattr_handler, &posix_acl_default_xattr_handler,
#else
#define HARP_ACL_XATTR_HANDLERS
#endif

/* Linux 6.6: super_block.s_xattr points to constant pointers. */
static inline void harp_set_xattr_handlers(struct super_block *sb,
					   const struct xattr_handler * const *handlers)
{
#ifdef HARP_HAVE_CONST_S_XATTR
	sb->s_xattr = handlers;
#else
	sb->s_xattr = (const struct xattr_handler **)handlers;
#endif
}

/* Linux 6.17: s_d_op is set by a function. */
#ifndef HARP_HAVE_SET_DEFAULT_D_OP
static inline void set_default_d_op(struct super_block *sb, const struct dentry_operations *ops)
{
	sb->s_d_op = ops;
}
#endif

#endif /* HARP_COMPAT_VFS_OPS_H */
