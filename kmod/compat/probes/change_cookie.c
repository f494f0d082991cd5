// SPDX-License-Identifier: GPL-2.0
/* a1175d6b1bda ("vfs: plumb i_version handling into struct kstat"), Linux 6.3. */
#include <linux/stat.h>

void probe(struct kstat *stat);
void probe(struct kstat *stat)
{
	stat->change_cookie = 1;
	stat->result_mask |= STATX_CHANGE_COOKIE;
	stat->attributes |= STATX_ATTR_CHANGE_MONOTONIC;
}
