/* SPDX-License-Identifier: GPL-2.0 */
/* Inode attributes: times, generic_fillattr(), change cookie, permissions. */
#ifndef HARP_COMPAT_VFS_INODE_H
#define HARP_COMPAT_VFS_INODE_H

#include <linux/fs.h>
#include <linux/stat.h>
#include "vfs_idmap.h"

#ifndef HARP_HAVE_INODE_GET_MTIME
static inline struct timespec64 inode_get_atime(const struct inode *inode)
{
	return inode->i_atime;
}

static inline struct timespec64 inode_get_mtime(const struct inode *inode)
{
	return inode->i_mtime;
}

static inline struct timespec64 inode_set_atime_to_ts(struct inode *inode, struct timespec64 ts)
{
	inode->i_atime = ts;
	return ts;
}

static inline struct timespec64 inode_set_mtime_to_ts(struct inode *inode, struct timespec64 ts)
{
	inode->i_mtime = ts;
	return ts;
}
#endif

/* Linux 6.6 added the request mask. */
static inline void harp_fillattr(struct mnt_idmap *idmap, u32 request_mask, struct inode *inode,
				 struct kstat *stat)
{
#ifdef HARP_HAVE_FILLATTR_REQUEST_MASK
	generic_fillattr(idmap, request_mask, inode, stat);
#else
	generic_fillattr(idmap, inode, stat);
#endif
}

/*
 * Linux 6.3: the change attribute travels in kstat. Before, nfsd makes it of the ctime there:
 * so does the caller, and it is the same whichever kernel a member has (I7).
 */
static inline void harp_stat_change(struct kstat *stat, u64 change)
{
#ifdef HARP_HAVE_CHANGE_COOKIE
	stat->change_cookie = change;
	stat->result_mask |= STATX_CHANGE_COOKIE;
	stat->attributes |= STATX_ATTR_CHANGE_MONOTONIC;
	stat->attributes_mask |= STATX_ATTR_CHANGE_MONOTONIC;
#endif
}

#ifndef HARP_HAVE_SUPER_SET_UUID
#include <linux/uuid.h>

static inline void super_set_uuid(struct super_block *sb, const u8 *uuid, unsigned int len)
{
	memcpy(&sb->s_uuid, uuid, min_t(unsigned int, len, sizeof(sb->s_uuid)));
}
#endif

#endif /* HARP_COMPAT_VFS_INODE_H */
