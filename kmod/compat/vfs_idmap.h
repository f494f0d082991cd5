/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Linux 6.3 gave the VFS a type of its own for a mount's owner mapping, struct
 * mnt_idmap. Before, the same argument was a struct user_namespace. Harp passes it
 * through and never looks inside, so another tag is all it takes.
 */
#ifndef HARP_COMPAT_VFS_IDMAP_H
#define HARP_COMPAT_VFS_IDMAP_H

#ifndef HARP_HAVE_MNT_IDMAP
#include <linux/fs.h>
#include <linux/user_namespace.h>

#define mnt_idmap user_namespace
#define nop_mnt_idmap init_user_ns
#else
#include <linux/mnt_idmapping.h>
#endif

#endif /* HARP_COMPAT_VFS_IDMAP_H */
