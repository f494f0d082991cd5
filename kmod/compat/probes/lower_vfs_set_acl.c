// SPDX-License-Identifier: GPL-2.0
/*
 * e93fd9a1e2b1 ("acl: add vfs_set_acl()"), Linux 6.2 (with an idmap since 6.3):
 * POSIX ACLs have calls of their own, vfs_setxattr() no longer takes them.
 * Needs-export: vfs_set_acl
 */
#include <linux/fs.h>
#include <linux/mount.h>
#include <linux/posix_acl.h>

int probe(struct vfsmount *mnt, struct dentry *dentry, struct posix_acl *acl);
int probe(struct vfsmount *mnt, struct dentry *dentry, struct posix_acl *acl)
{
	return vfs_set_acl(mnt_idmap(mnt), dentry, "system.posix_acl_access", acl);
}
