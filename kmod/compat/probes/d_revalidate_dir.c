// SPDX-License-Identifier: GPL-2.0
/* 5be1fa8abd7b ("Pass parent directory inode and expected name to ->d_revalidate()"), 6.14. */
#include <linux/dcache.h>

int probe(struct inode *dir, const struct qstr *name, struct dentry *dentry);
int probe(struct inode *dir, const struct qstr *name, struct dentry *dentry)
{
	return dentry->d_op->d_revalidate(dir, name, dentry, 0);
}
