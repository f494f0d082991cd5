// SPDX-License-Identifier: GPL-2.0
/*
 * abf08576afe3 ("fs: port vfs_*() helpers to struct mnt_idmap"), Linux 6.3: the
 * calls on a file system's objects take a mount's idmap, not a user namespace.
 */
#include <linux/fs.h>
#include <linux/mount.h>

int probe(struct vfsmount *mnt, struct inode *dir, struct dentry *dentry);
int probe(struct vfsmount *mnt, struct inode *dir, struct dentry *dentry)
{
	struct mnt_idmap *idmap = mnt_idmap(mnt);
	struct renamedata rd = { .old_mnt_idmap = idmap, .new_mnt_idmap = idmap };

	return vfs_create(idmap, dir, dentry, 0, true) + vfs_rename(&rd);
}
