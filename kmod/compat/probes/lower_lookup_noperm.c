// SPDX-License-Identifier: GPL-2.0
/*
 * fa6fe07d1536 ("VFS: rename lookup_one_len family to lookup_noperm and remove
 * permission check"), Linux 6.16.
 */
#include <linux/namei.h>

struct dentry *probe(struct dentry *dir);
struct dentry *probe(struct dentry *dir)
{
	return lookup_noperm(&QSTR_LEN("x", 1), dir);
}
