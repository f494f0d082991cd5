// SPDX-License-Identifier: GPL-2.0
/*
 * Until 0c95c025a02e ("fs: drop unused posix acl handlers"), Linux 6.4, ACLs are set
 * and read through xattr handlers.
 * Needs-export: posix_acl_access_xattr_handler
 */
#include <linux/fs.h>
#include <linux/posix_acl_xattr.h>

const struct xattr_handler *probe(void);
const struct xattr_handler *probe(void)
{
	return &posix_acl_access_xattr_handler;
}
