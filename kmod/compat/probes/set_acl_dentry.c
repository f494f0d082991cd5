// SPDX-License-Identifier: GPL-2.0
/*
 * 138060ba92b3 ("fs: pass dentry to set acl method"), Linux 6.2. Either kind of
 * first argument will do here: the probe is about the second.
 */
#include <linux/fs.h>
#include <linux/posix_acl.h>

int probe(const struct inode_operations *iops, struct dentry *dentry, struct posix_acl *acl);
int probe(const struct inode_operations *iops, struct dentry *dentry, struct posix_acl *acl)
{
	return iops->set_acl(NULL, dentry, acl, ACL_TYPE_ACCESS);
}
