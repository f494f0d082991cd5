// SPDX-License-Identifier: GPL-2.0
/*
 * abf08576afe3 ("fs: port vfs_*() helpers to struct mnt_idmap") and its series,
 * Linux 6.3: a type of its own instead of struct user_namespace.
 */
#include <linux/fs.h>

int probe(struct mnt_idmap *idmap, struct inode *inode);
int probe(struct mnt_idmap *idmap, struct inode *inode)
{
	return generic_permission(idmap, inode, MAY_READ);
}
