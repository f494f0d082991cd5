// SPDX-License-Identifier: GPL-2.0
/*
 * 077c212f0344 ("fs: new accessor methods for atime and mtime"), Linux 6.7, and
 * 9b6304c1d537 for ctime, Linux 6.6 (also in stable 6.1).
 */
#include <linux/fs.h>

bool probe(const struct inode *inode);
bool probe(const struct inode *inode)
{
	struct timespec64 a = inode_get_atime(inode), m = inode_get_mtime(inode);

	return timespec64_equal(&a, &m);
}
