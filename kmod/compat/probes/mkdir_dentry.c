// SPDX-License-Identifier: GPL-2.0
/* 88d5baf69082 ("Change inode_operations.mkdir to return struct dentry *"), Linux 6.15. */
#include <linux/fs.h>

struct dentry *probe(struct inode *dir, struct dentry *dentry);
struct dentry *probe(struct inode *dir, struct dentry *dentry)
{
	return dir->i_op->mkdir(NULL, dir, dentry, 0755);
}
