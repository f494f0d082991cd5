// SPDX-License-Identifier: GPL-2.0
/*
 * bc9241367aac ("VFS: change old_dir and new_dir in struct renamedata to dentrys"),
 * Linux 6.17, and the commit after it that left one idmap in struct renamedata.
 */
#include <linux/fs.h>
#include <linux/mount.h>

int probe(struct vfsmount *mnt, struct dentry *dir);
int probe(struct vfsmount *mnt, struct dentry *dir)
{
	struct renamedata rd = { .mnt_idmap = mnt_idmap(mnt), .old_parent = dir };

	return vfs_rename(&rd);
}
