// SPDX-License-Identifier: GPL-2.0
/*
 * Extended attributes and POSIX ACLs: read from the lower, changed by records.
 *
 * trusted.harp.* is ours and does not exist for anybody else. security.evm and
 * security.ima hold hashes over what differs between the copies: refused.
 */
#include <linux/cred.h>
#include <linux/mm.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <linux/slab.h>
#include <linux/xattr.h>
#include "lower.h"
#include "vfs.h"

/* An entry of ext4's xattr block besides name and value, rounded up. */
#define HARP_XATTR_ENTRY	24

static bool harp_xattr_hidden(const char *name)
{
	return !strncmp(name, HARP_XATTR_HIDDEN, strlen(HARP_XATTR_HIDDEN)) ||
	       !strcmp(name, XATTR_NAME_EVM) || !strcmp(name, XATTR_NAME_IMA);
}

static ssize_t harp_lower_getxattr(struct inode *inode, const char *name, void *value,
				   size_t size)
{
	struct harp_node *node = harp_inode_node(inode);
	const struct cred *old_cred;
	ssize_t ret;

	if (IS_ERR(node))
		return PTR_ERR(node);
	old_cred = override_creds(harp_r(inode)->cred);
	ret = harp_do_getxattr(harp_r(inode)->lower_root.mnt, node->lower, name, value, size);
	revert_creds(old_cred);
	return ret < 0 ? harp_lower_error(harp_r(inode), ret, "getxattr") : ret;
}

/**
 * harp_has_caps() - does a write take capabilities away?
 * @inode: the file
 *
 * Context: process context, may sleep.
 * Return: 1, 0, or an error.
 */
int harp_has_caps(struct inode *inode)
{
	ssize_t ret = harp_lower_getxattr(inode, XATTR_NAME_CAPS, NULL, 0);

	if (ret == -ENODATA || ret == -EOPNOTSUPP)
		return 0;
	return ret < 0 ? ret : ret > 0;
}

/* All names, ours too, in a buffer that the caller kvfree()s. */
static ssize_t harp_lower_listxattr(struct inode *inode, char **list)
{
	struct harp_node *node = harp_inode_node(inode);
	const struct cred *old_cred;
	ssize_t len;

	*list = NULL;
	if (IS_ERR(node))
		return PTR_ERR(node);
	old_cred = override_creds(harp_r(inode)->cred);
	len = harp_do_listxattr(node->lower, NULL, 0);
	if (len > 0) {
		*list = kvmalloc(XATTR_LIST_MAX, GFP_KERNEL);
		len = *list ? harp_do_listxattr(node->lower, *list, XATTR_LIST_MAX) :
			      -ENOMEM;
	}
	revert_creds(old_cred);
	return len < 0 ? harp_lower_error(harp_r(inode), len, "listxattr") : len;
}

/**
 * harp_xattr_fits() - can a lower hold one more extended attribute?
 * @inode: the file; with @name NULL: a directory on whose lower a file is to be made
 * @name: attribute to be set or replaced
 * @size: bytes of its value
 *
 * ext4 keeps a file's attributes in one block and says ENOSPC when they do not fit.
 * That must be known before the record is made (kernel-notes 17). Counted as if
 * nothing fitted into the inode itself.
 *
 * Context: process context; the inode is locked.
 * Return: 0, -ENOSPC, or a lower's error.
 */
int harp_xattr_fits(struct inode *inode, const char *name, size_t size)
{
	u32 room = harp_s(inode->i_sb)->xattr_room;
	size_t sum = size + 2 * HARP_XATTR_ENTRY;
	ssize_t len, value;
	char *list, *at;

	if (!room)
		return 0;
	if (!name)
		return sum > room ? -ENOSPC : 0;
	sum = HARP_XATTR_ENTRY + ALIGN(strlen(name), 4) + ALIGN(size, 4);
	len = harp_lower_listxattr(inode, &list);
	for (at = list; at < list + max_t(ssize_t, len, 0); at += strlen(at) + 1) {
		/* The fid was the first, and is in the inode. */
		if (!strcmp(at, name) || harp_xattr_hidden(at))
			continue;
		value = harp_lower_getxattr(inode, at, NULL, 0);
		if (value == -ENODATA)
			continue;
		if (value < 0) {
			len = value;
			break;
		}
		sum += HARP_XATTR_ENTRY + ALIGN(strlen(at), 4) + ALIGN(value, 4);
	}
	kvfree(list);
	if (len < 0)
		return len;
	return sum > room ? -ENOSPC : 0;
}

static int harp_xattr_get(const struct xattr_handler *handler, struct dentry *dentry,
			  struct inode *inode, const char *name, void *buffer, size_t size)
{
	ssize_t ret;
	int err;

	name = xattr_full_name(handler, name);
	err = harp_xattr_hidden(name) ? -ENODATA : harp_inode_enter(inode);
	if (err)
		return err;
	ret = harp_lower_getxattr(inode, name, buffer, size);
	err = harp_recheck(harp_r(inode));
	return err ?: ret;
}

/* What XATTR_CREATE and XATTR_REPLACE ask, and whether there is room. */
static int harp_xattr_decide(struct inode *inode, const char *name, const void *value,
			     size_t size, int flags)
{
	ssize_t old = harp_lower_getxattr(inode, name, NULL, 0);

	if (old < 0 && old != -ENODATA)
		return old;
	if (old == -ENODATA && (!value || (flags & XATTR_REPLACE)))
		return -ENODATA;
	if (old >= 0 && (flags & XATTR_CREATE))
		return -EEXIST;
	return value ? harp_xattr_fits(inode, name, size) : 0;
}

/* @mode: the mode that an ACL brings with it, or 0. */
static int harp_xattr_record(struct inode *inode, u32 generation, const char *name,
			     const void *value, size_t size, umode_t mode)
{
	struct harp_op_object *o;
	struct harp_op op;
	int err;

	err = harp_op_begin(&op, harp_s(inode->i_sb), generation, HARP_REC_XATTR, size + 512);
	if (err)
		goto out;
	o = harp_op_add(&op, HARP_ROLE_OBJECT, inode);
	harp_build_xattr(&op.b, HARP_ROLE_OBJECT, name, value, size,
			 value ? 0 : HARP_XATTR_REMOVE);
	err = harp_op_lock(&op);
	if (err)
		goto out;
	if (mode) {
		o->a.mode = mode;
		o->attrs = HARP_ATTR_MODE;
	}
	err = harp_op_append(&op);
	if (!err)
		err = harp_op_wait(&op);
out:
	harp_op_end(&op);
	return err;
}

static int harp_xattr_set(const struct xattr_handler *handler, struct mnt_idmap *idmap,
			  struct dentry *dentry, struct inode *inode, const char *name,
			  const void *value, size_t size, int flags)
{
	u32 generation;
	int err;

	name = xattr_full_name(handler, name);
	if (harp_xattr_hidden(name))
		return -EPERM;
	if (strlen(name) > HARP_XATTR_NAME_MAX)
		return -ERANGE;
	if (size > HARP_XATTR_SIZE_MAX)
		return -E2BIG;
	err = harp_inode_enter_op(inode, &generation);
	if (!err)
		err = harp_refusal(harp_r(inode),
				   harp_xattr_decide(inode, name, value, size, flags));
	return err ?: harp_xattr_record(inode, generation, name, value, size, 0);
}

/* May the caller see that it exists? The lower was asked with our privileges. */
static bool harp_xattr_listed(const char *name)
{
	if (harp_xattr_hidden(name))
		return false;
	return strncmp(name, XATTR_TRUSTED_PREFIX, XATTR_TRUSTED_PREFIX_LEN) ||
	       ns_capable_noaudit(&init_user_ns, CAP_SYS_ADMIN);
}

/**
 * harp_listxattr() - names of extended attributes
 * @dentry: of what
 * @list: where they go, NUL-terminated each
 * @size: bytes of @list; 0 to learn how many it takes
 *
 * Context: process context, may sleep.
 * Return: bytes, -ERANGE, or as harp_inode_enter().
 */
ssize_t harp_listxattr(struct dentry *dentry, char *list, size_t size)
{
	struct inode *inode = d_inode(dentry);
	ssize_t len, used = 0;
	char *all, *at;
	int err;

	err = harp_inode_enter(inode);
	if (err)
		return err;
	len = harp_lower_listxattr(inode, &all);
	for (at = all; at < all + max_t(ssize_t, len, 0); at += strlen(at) + 1) {
		size_t n = strlen(at) + 1;

		if (!harp_xattr_listed(at))
			continue;
		if (size) {
			if (used + n > size) {
				len = -ERANGE;
				break;
			}
			memcpy(list + used, at, n);
		}
		used += n;
	}
	kvfree(all);
	err = harp_recheck(harp_r(inode));
	if (err)
		return err;
	return len < 0 ? len : used;
}

/**
 * harp_get_acl() - an ACL, for the VFS's cache
 * @inode: the inode
 * @type: ACL_TYPE_*
 * @rcu: called in an RCU walk
 *
 * Also reached without a permission check before it (getxattr(2), nfsd's GETACL).
 *
 * Context: process context, may sleep unless @rcu.
 * Return: the ACL, NULL when there is none, or an error.
 */
struct posix_acl *harp_get_acl(struct inode *inode, int type, bool rcu)
{
	const struct cred *old_cred;
	struct harp_node *node;
	struct posix_acl *acl;
	int err;

	if (rcu)
		return ERR_PTR(-ECHILD);
	err = harp_enter(harp_r(inode));
	if (err)
		return ERR_PTR(err);
	node = harp_inode_node(inode);
	if (IS_ERR(node))
		return ERR_CAST(node);
	old_cred = override_creds(harp_r(inode)->cred);
	acl = harp_do_get_acl(node->lower, type);
	revert_creds(old_cred);
	if (IS_ERR(acl))
		return ERR_PTR(harp_lower_error(harp_r(inode), PTR_ERR(acl), "get ACL"));
	err = harp_recheck(harp_r(inode));
	if (err) {
		posix_acl_release(acl);
		return ERR_PTR(err);
	}
	return acl;
}

/**
 * harp_set_acl() - set or remove an ACL
 * @idmap: of the mount
 * @inode: the inode
 * @acl: the ACL, NULL to remove it
 * @type: ACL_TYPE_*
 *
 * One record for the ACL and the mode that follows from it.
 *
 * Context: process context, sleeps; the VFS holds the inode's lock and has checked
 * the caller's right and the ACL.
 * Return: 0 or an error.
 */
int harp_set_acl(struct mnt_idmap *idmap, struct inode *inode, struct posix_acl *acl, int type)
{
	const char *name = type == ACL_TYPE_ACCESS ? XATTR_NAME_POSIX_ACL_ACCESS :
						     XATTR_NAME_POSIX_ACL_DEFAULT;
	void *value = NULL;
	umode_t mode = 0;
	int err, size = 0;
	u32 generation;

	err = harp_inode_enter_op(inode, &generation);
	if (!err)
		err = harp_inode_settle(inode, generation);
	if (!err && acl && type == ACL_TYPE_ACCESS)
		err = posix_acl_update_mode(idmap, inode, &mode, &acl);
	if (err)
		return err;
	if (acl) {
		/* What the lower would refuse must not be logged first. */
		if (acl->a_count > harp_s(inode->i_sb)->acl_max)
			return -E2BIG;
		size = posix_acl_xattr_size(acl->a_count);
		value = kmalloc(size, GFP_KERNEL);
		if (!value)
			return -ENOMEM;
		err = posix_acl_to_xattr(&init_user_ns, acl, value, size);
		if (err >= 0)
			err = harp_refusal(harp_r(inode), harp_xattr_fits(inode, name, size));
		if (err)
			goto out;
	}
	err = harp_xattr_record(inode, generation, name, value, size, mode);
out:
	kfree(value);
	return err;
}

/* By prefix: nfsd looks for "user." to know whether there are user attributes at all. */
static const struct xattr_handler harp_user_xattrs = {
	.prefix	= XATTR_USER_PREFIX,
	.get	= harp_xattr_get,
	.set	= harp_xattr_set,
};

static const struct xattr_handler harp_trusted_xattrs = {
	.prefix	= XATTR_TRUSTED_PREFIX,
	.get	= harp_xattr_get,
	.set	= harp_xattr_set,
};

static const struct xattr_handler harp_security_xattrs = {
	.prefix	= XATTR_SECURITY_PREFIX,
	.get	= harp_xattr_get,
	.set	= harp_xattr_set,
};

const struct xattr_handler * const harp_xattr_handlers[] = {
	&harp_user_xattrs,
	&harp_trusted_xattrs,
	&harp_security_xattrs,
	HARP_ACL_XATTR_HANDLERS
	NULL
};
