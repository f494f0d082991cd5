// SPDX-License-Identifier: GPL-2.0
/*
 * 620c266f3949 ("fhandle: relax open_by_handle_at() permission checks"), Linux 6.11:
 * exportfs_decode_fh_raw() takes flags.
 */
#include <linux/exportfs.h>

struct dentry *probe(struct vfsmount *mnt, struct fid *fid);
struct dentry *probe(struct vfsmount *mnt, struct fid *fid)
{
	unsigned int flags = 0;

	return exportfs_decode_fh_raw(mnt, fid, 2, 1, flags,
				      (int (*)(void *, struct dentry *))NULL, NULL);
}
