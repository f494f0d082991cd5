// SPDX-License-Identifier: GPL-2.0
/* Must compile: the probes' flags and headers are usable at all. */
#include <linux/fs.h>
#include <linux/module.h>

int probe(struct inode *inode);
int probe(struct inode *inode)
{
	return S_ISREG(inode->i_mode);
}
