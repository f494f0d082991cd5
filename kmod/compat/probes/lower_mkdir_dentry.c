// SPDX-License-Identifier: GPL-2.0
/*
 * c54b386969a5 ("VFS: Change vfs_mkdir() to return the dentry."), Linux 6.15: it
 * also puts the dentry that it was given when it fails.
 */
#include <linux/fs.h>
#include <linux/mount.h>

struct dentry *probe(struct vfsmount *mnt, struct inode *dir, struct dentry *dentry);
struct dentry *probe(struct vfsmount *mnt, struct inode *dir, struct dentry *dentry)
{
	struct dentry *made;

	made = vfs_mkdir(mnt_idmap(mnt), dir, dentry, 0);
	return made;
}
