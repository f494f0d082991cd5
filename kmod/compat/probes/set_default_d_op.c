// SPDX-License-Identifier: GPL-2.0
/*
 * 05fb0e666495 ("new helper: set_default_d_op()"), Linux 6.17.
 * Needs-export: set_default_d_op
 */
#include <linux/fs.h>

void probe(struct super_block *sb, const struct dentry_operations *ops);
void probe(struct super_block *sb, const struct dentry_operations *ops)
{
	set_default_d_op(sb, ops);
}
