// SPDX-License-Identifier: GPL-2.0
/*
 * cac2f8b8d8b5 ("fs: rename current get acl method"), Linux 6.2.
 * Needs-export: get_inode_acl
 */
#include <linux/fs.h>
#include <linux/posix_acl.h>

static struct posix_acl *probe_get(struct inode *inode, int type, bool rcu)
{
	return get_inode_acl(inode, type);
}

extern const struct inode_operations probe_iops;
const struct inode_operations probe_iops = {
	.get_inode_acl = probe_get,
};
