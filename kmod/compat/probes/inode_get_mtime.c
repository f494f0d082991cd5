// SPDX-License-Identifier: GPL-2.0
/* 077c212f0344 ("fs: new accessor methods for atime and mtime"), Linux 6.7. */
#include <linux/fs.h>

void probe(struct inode *inode);
void probe(struct inode *inode)
{
	inode_set_mtime_to_ts(inode, inode_get_mtime(inode));
	inode_set_atime_to_ts(inode, inode_get_atime(inode));
}
