// SPDX-License-Identifier: GPL-2.0
/* 0d72b92883c6 ("fs: pass the request_mask to generic_fillattr"), Linux 6.6. */
#include <linux/fs.h>

void probe(struct mnt_idmap *idmap, struct inode *inode, struct kstat *stat);
void probe(struct mnt_idmap *idmap, struct inode *inode, struct kstat *stat)
{
	generic_fillattr(idmap, STATX_BASIC_STATS, inode, stat);
}
