// SPDX-License-Identifier: GPL-2.0
/* Must not compile: an undeclared function is an error, not a warning. */
#include <linux/fs.h>

int probe(struct inode *inode);
int probe(struct inode *inode)
{
	return harp_no_kernel_has_this_function(inode);
}
