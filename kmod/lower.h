/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every call on the lower file system, one wrapper each: the call and one
 * pr_debug (switch on with dynamic_debug). Nothing else in the module calls vfs_*
 * on a lower. All are called under replica.cred; those that modify need
 * mnt_want_write(), and the locks that the VFS call of the same name needs.
 */
#ifndef HARP_LOWER_H
#define HARP_LOWER_H

#include <linux/blkdev.h>
#include <linux/falloc.h>
#include <linux/mm.h>
#include <linux/statfs.h>
#include <linux/uio.h>
#include "compat/lower_vfs.h"

#define HARP_XATTR_HIDDEN	"trusted.harp."
#define HARP_XATTR_FID		HARP_XATTR_HIDDEN "fid"

static inline struct dentry *harp_do_lookup(struct dentry *dir, const char *name, u32 len)
{
	struct dentry *dentry = harp_lower_lookup(dir, name, len);

	pr_debug("lookup(%pd2, %.*s) = %i\n", dir, len, name, PTR_ERR_OR_ZERO(dentry));
	return dentry;
}

static inline struct dentry *harp_do_lookup_unlocked(struct dentry *dir, const char *name,
						     u32 len)
{
	struct dentry *dentry = harp_lower_lookup_unlocked(dir, name, len);

	pr_debug("lookup_unlocked(%pd2, %.*s) = %i\n", dir, len, name,
		 PTR_ERR_OR_ZERO(dentry));
	return dentry;
}

static inline int harp_do_create(struct vfsmount *mnt, struct dentry *dir,
				 struct dentry *dentry, umode_t mode)
{
	int err = vfs_create(harp_lower_idmap(mnt), d_inode(dir), dentry, mode, true);

	pr_debug("create(%pd2, 0%o) = %i\n", dentry, mode, err);
	return err;
}

static inline struct dentry *harp_do_mkdir(struct vfsmount *mnt, struct dentry *dir,
					   struct dentry *dentry, umode_t mode)
{
	struct dentry *made = harp_lower_mkdir(harp_lower_idmap(mnt), d_inode(dir), dentry,
					       mode);

	pr_debug("mkdir(in %pd2, 0%o) = %i\n", dir, mode, PTR_ERR_OR_ZERO(made));
	return made;
}

static inline int harp_do_mknod(struct vfsmount *mnt, struct dentry *dir,
				struct dentry *dentry, umode_t mode, dev_t dev)
{
	int err = vfs_mknod(harp_lower_idmap(mnt), d_inode(dir), dentry, mode, dev);

	pr_debug("mknod(%pd2, 0%o, %u:%u) = %i\n", dentry, mode, MAJOR(dev), MINOR(dev), err);
	return err;
}

static inline int harp_do_symlink(struct vfsmount *mnt, struct dentry *dir,
				  struct dentry *dentry, const char *target)
{
	int err = vfs_symlink(harp_lower_idmap(mnt), d_inode(dir), dentry, target);

	pr_debug("symlink(%s, %pd2) = %i\n", target, dentry, err);
	return err;
}

static inline int harp_do_link(struct vfsmount *mnt, struct dentry *old, struct dentry *dir,
			       struct dentry *new)
{
	int err = vfs_link(old, harp_lower_idmap(mnt), d_inode(dir), new, NULL);

	pr_debug("link(%pd2, %pd2) = %i\n", old, new, err);
	return err;
}

static inline int harp_do_unlink(struct vfsmount *mnt, struct dentry *dir,
				 struct dentry *dentry)
{
	int err = vfs_unlink(harp_lower_idmap(mnt), d_inode(dir), dentry, NULL);

	pr_debug("unlink(%pd2) = %i\n", dentry, err);
	return err;
}

static inline int harp_do_rmdir(struct vfsmount *mnt, struct dentry *dir,
				struct dentry *dentry)
{
	int err = vfs_rmdir(harp_lower_idmap(mnt), d_inode(dir), dentry);

	pr_debug("rmdir(%pd2) = %i\n", dentry, err);
	return err;
}

static inline int harp_do_rename(struct vfsmount *mnt, struct dentry *old_dir,
				 struct dentry *old, struct dentry *new_dir,
				 struct dentry *new, unsigned int flags)
{
	int err = harp_lower_rename(harp_lower_idmap(mnt), old_dir, old, new_dir, new, flags);

	pr_debug("rename(%pd2, %pd2, %#x) = %i\n", old, new, flags, err);
	return err;
}

/* The inode's lock is held. */
static inline int harp_do_setattr(struct vfsmount *mnt, struct dentry *dentry,
				  struct iattr *attr)
{
	int err = notify_change(harp_lower_idmap(mnt), dentry, attr, NULL);

	pr_debug("setattr(%pd2, %#x) = %i\n", dentry, attr->ia_valid, err);
	return err;
}

/* What is ours: no security module is asked. */
static inline ssize_t harp_do_getxattr_raw(struct dentry *dentry, const char *name, void *value,
					   size_t size)
{
	ssize_t len = __vfs_getxattr(dentry, d_inode(dentry), name, value, size);

	pr_debug("getxattr_raw(%pd2, %s) = %zi\n", dentry, name, len);
	return len;
}

static inline ssize_t harp_do_getxattr(struct vfsmount *mnt, struct dentry *dentry,
				       const char *name, void *value, size_t size)
{
	ssize_t len = vfs_getxattr(harp_lower_idmap(mnt), dentry, name, value, size);

	pr_debug("getxattr(%pd2, %s) = %zi\n", dentry, name, len);
	return len;
}

static inline ssize_t harp_do_listxattr(struct dentry *dentry, char *list, size_t size)
{
	ssize_t len = vfs_listxattr(dentry, list, size);

	pr_debug("listxattr(%pd2, %zu) = %zi\n", dentry, size, len);
	return len;
}

static inline int harp_do_setxattr(struct vfsmount *mnt, struct dentry *dentry,
				   const char *name, const void *value, size_t size)
{
	int err = vfs_setxattr(harp_lower_idmap(mnt), dentry, name, value, size, 0);

	pr_debug("setxattr(%pd2, %s, %zu) = %i\n", dentry, name, size, err);
	return err;
}

static inline int harp_do_removexattr(struct vfsmount *mnt, struct dentry *dentry,
				      const char *name)
{
	int err = vfs_removexattr(harp_lower_idmap(mnt), dentry, name);

	pr_debug("removexattr(%pd2, %s) = %i\n", dentry, name, err);
	return err;
}

/* NULL when there is none. */
static inline struct posix_acl *harp_do_get_acl(struct dentry *dentry, int type)
{
	struct posix_acl *acl = get_inode_acl(d_inode(dentry), type);

	pr_debug("get_acl(%pd2, %#x) = %i\n", dentry, type, PTR_ERR_OR_ZERO(acl));
	return acl;
}

/* @acl: NULL removes it. */
static inline int harp_do_set_acl(struct vfsmount *mnt, struct dentry *dentry,
				  const char *name, struct posix_acl *acl)
{
	int err = harp_lower_set_acl(harp_lower_idmap(mnt), dentry, name, acl);

	pr_debug("set_acl(%pd2, %s, %s) = %i\n", dentry, name, acl ? "set" : "remove", err);
	return err;
}

static inline struct file *harp_do_open(struct vfsmount *mnt, struct dentry *dentry, int flags,
					const struct cred *cred)
{
	struct path path = { .mnt = mnt, .dentry = dentry };
	struct file *file = dentry_open(&path, flags | O_LARGEFILE | O_NOATIME, cred);

	pr_debug("open(%pd2, %#x) = %i\n", dentry, flags, PTR_ERR_OR_ZERO(file));
	return file;
}

static inline ssize_t harp_do_read(struct file *file, void *buf, size_t len, loff_t pos)
{
	ssize_t n = kernel_read(file, buf, len, &pos);

	pr_debug("read(%pD2, %zu, %lld) = %zi\n", file, len, pos, n);
	return n;
}

/* To where the reader wants it, from @pos on. */
static inline ssize_t harp_do_read_iter(struct file *file, struct iov_iter *to, loff_t pos)
{
	struct kiocb kio;
	ssize_t n;

	init_sync_kiocb(&kio, file);
	kio.ki_pos = pos;
	n = file->f_op->read_iter(&kio, to);
	pr_debug("read_iter(%pD2, %lld) = %zi\n", file, pos, n);
	return n;
}

/* The lower's pages themselves go into @pipe. */
static inline ssize_t harp_do_splice_read(struct file *file, loff_t *pos,
					  struct pipe_inode_info *pipe, size_t len,
					  unsigned int flags)
{
	ssize_t n = -EINVAL;

	if (file->f_op->splice_read)
		n = file->f_op->splice_read(file, pos, pipe, len, flags);
	pr_debug("splice_read(%pD2, %zu) = %zi\n", file, len, n);
	return n;
}

/* @vma becomes one of @file. */
static inline int harp_do_mmap(struct file *file, struct vm_area_struct *vma)
{
	int err = -ENODEV;

	if (file->f_op->mmap) {
		vma_set_file(vma, file);
		err = call_mmap(file, vma);
	}
	pr_debug("mmap(%pD2) = %i\n", file, err);
	return err;
}

static inline loff_t harp_do_llseek(struct file *file, loff_t offset, int whence)
{
	loff_t at = vfs_llseek(file, offset, whence);

	pr_debug("llseek(%pD2, %lld, %i) = %lld\n", file, offset, whence, at);
	return at;
}

static inline const char *harp_do_get_link(struct dentry *dentry, struct delayed_call *done)
{
	const char *link = vfs_get_link(dentry, done);

	pr_debug("get_link(%pd2) = %i\n", dentry, PTR_ERR_OR_ZERO(link));
	return link;
}

static inline ssize_t harp_do_write(struct file *file, const void *buf, size_t len, loff_t pos)
{
	ssize_t n = kernel_write(file, buf, len, &pos);

	pr_debug("write(%pD2, %zu, %lld) = %zi\n", file, len, pos, n);
	return n;
}

static inline int harp_do_iterate(struct file *file, struct dir_context *ctx)
{
	int err = iterate_dir(file, ctx);

	pr_debug("iterate(%pD2, %lld) = %i\n", file, ctx->pos, err);
	return err;
}

static inline int harp_do_fallocate(struct file *file, loff_t len)
{
	int err = vfs_fallocate(file, 0, 0, len);

	pr_debug("fallocate(%pD2, %lld) = %i\n", file, len, err);
	return err;
}

static inline int harp_do_statfs(const struct path *path, struct kstatfs *st)
{
	int err = vfs_statfs(path, st);

	pr_debug("statfs(%pd2) = %i\n", path->dentry, err);
	return err;
}

/* Everything dirty of the file system, and its journal; not the device's cache. */
static inline int harp_do_syncfs(struct super_block *sb)
{
	int err;

	down_read(&sb->s_umount);
	err = sync_filesystem(sb);
	up_read(&sb->s_umount);
	pr_debug("syncfs(%s) = %i\n", sb->s_id, err);
	return err;
}

static inline int harp_do_flush_device(struct super_block *sb)
{
	int err = blkdev_issue_flush(sb->s_bdev);

	pr_debug("flush(%s) = %i\n", sb->s_id, err);
	return err;
}

/* @words: room in and length of @fh, in 32-bit words. Returns the type. */
static inline int harp_do_encode_fh(struct dentry *dentry, void *fh, int *words)
{
	int type = exportfs_encode_fh(dentry, fh, words, 0);

	pr_debug("encode_fh(%pd2) = %i, %i words\n", dentry, type, *words);
	return type;
}

/* Any alias of a file will do; a directory comes connected. */
static inline int harp_lower_any_alias(void *unused, struct dentry *dentry)
{
	return 1;
}

static inline struct dentry *harp_do_decode_fh(struct vfsmount *mnt, void *fh, int words,
					       int type)
{
	struct dentry *dentry = harp_lower_decode_fh(mnt, fh, words, type,
						     harp_lower_any_alias);

	pr_debug("decode_fh(type %i, %i words) = %i\n", type, words,
		 PTR_ERR_OR_ZERO(dentry));
	return dentry;
}

#endif /* HARP_LOWER_H */
