// SPDX-License-Identifier: GPL-2.0
/*
 * Opening a lower: is it one on which the promises can be kept, is it laid out, is it
 * ours? Everything that is refused is named with what was expected, because it is a
 * person who reads it.
 *
 *	tree/			the share's root, fid 1
 *	.harp/rows		see rows.c
 *	.harp/ino2fid		see rows.c
 *	.harp/lb		LB note (sync.c); written last, so what has one is whole
 *	.harp/copy		copynote.c; not there unless a copy was begun
 *	.harp/orphans/		files without a name, and objects being made
 *	.harp/reserve		space.c
 */
#include <linux/buffer_head.h>
#include <linux/file.h>
#include <linux/fileattr.h>
#include <linux/fs_context.h>
#include <linux/magic.h>
#include <linux/quota.h>
#include <linux/sched/mm.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include "lower.h"
#include "node.h"

#define HARP_DIR	".harp"
#define HARP_TREE	"tree"
#define HARP_LOST_FOUND	"lost+found"

/* ---------------------------------------------------------------- what it must be */

/*
 * ext4's superblock as it is on the disk, 1024 bytes from the start: what the kernel
 * does not tell, the disk does (fs/ext4/ext4.h, struct ext4_super_block).
 */
#define HARP_EXT4_SB_OFFSET		1024
#define HARP_EXT4_INODE_SIZE		88	/* __le16 */
#define HARP_EXT4_FEATURE_COMPAT	92	/* __le32 */
#define HARP_EXT4_FEATURE_INCOMPAT	96	/* __le32 */
#define HARP_EXT4_FEATURE_RO_COMPAT	100	/* __le32 */
#define HARP_EXT4_JOURNAL_INUM		224	/* __le32 */
#define HARP_EXT4_HAS_JOURNAL		0x0004
#define HARP_EXT4_FAST_COMMIT		0x0400
#define HARP_EXT4_EXTENTS		0x0040
#define HARP_EXT4_BIGALLOC		0x0200
#define HARP_EXT4_ENCRYPT		0x10000
#define HARP_EXT4_CASEFOLD		0x20000
#define HARP_EXT4_LARGE_DIR		0x4000

/* XFS's, at the very start (struct xfs_dsb). */
#define HARP_XFS_VERSION		100	/* __be16, the number in the low 4 bits */
#define HARP_XFS_RBLOCKS		16	/* __be64 */
#define HARP_XFS_LOGSTART		48	/* __be64, 0: the log is elsewhere */

static bool harp_is_ext4(const struct super_block *sb)
{
	return sb->s_magic == EXT4_SUPER_MAGIC && !strcmp(sb->s_type->name, "ext4");
}

static const char *harp_check_ext4(const u8 *disk)
{
	u32 compat = le32_to_cpup((const __le32 *)(disk + HARP_EXT4_FEATURE_COMPAT));
	u32 incompat = le32_to_cpup((const __le32 *)(disk + HARP_EXT4_FEATURE_INCOMPAT));
	u32 ro_compat = le32_to_cpup((const __le32 *)(disk + HARP_EXT4_FEATURE_RO_COMPAT));

	if (!(compat & HARP_EXT4_HAS_JOURNAL))
		return "ext4 without a journal; needs one (tune2fs -O has_journal)";
	if (!le32_to_cpup((const __le32 *)(disk + HARP_EXT4_JOURNAL_INUM)))
		return "ext4 with an external journal; needs an internal one";
	if (compat & HARP_EXT4_FAST_COMMIT)
		return "ext4 with fast_commit; needs it off (tune2fs -O ^fast_commit)";
	if (le16_to_cpup((const __le16 *)(disk + HARP_EXT4_INODE_SIZE)) < 256)
		return "ext4 with 128-byte inodes; needs 256 bytes or more (mkfs.ext4 -I 256)";
	/* Its files end before s_maxbytes: a truncate beyond would be logged, not applied. */
	if (!(incompat & HARP_EXT4_EXTENTS))
		return "ext4 without extents; needs them (mkfs.ext4 -O extent)";
	/* One byte takes a cluster; space is counted in blocks. */
	if (ro_compat & HARP_EXT4_BIGALLOC)
		return "ext4 with bigalloc; needs it off";
	if (incompat & HARP_EXT4_CASEFOLD)
		return "ext4 with casefold; needs names that are bytes";
	if (incompat & HARP_EXT4_ENCRYPT)
		return "ext4 with encrypt; needs it off";
	return NULL;
}

static const char *harp_check_xfs(const u8 *disk)
{
	/* Its ACLs, names' types and times have other bounds. */
	if ((be16_to_cpup((const __be16 *)(disk + HARP_XFS_VERSION)) & 0xf) < 5)
		return "XFS of format version 4; needs version 5 (mkfs.xfs -m crc=1)";
	if (be64_to_cpup((const __be64 *)(disk + HARP_XFS_RBLOCKS)))
		return "XFS with a realtime device; needs none";
	if (!be64_to_cpup((const __be64 *)(disk + HARP_XFS_LOGSTART)))
		return "XFS with an external log; needs an internal one";
	return NULL;
}

static const char *harp_check_disk(struct super_block *sb, bool ext4)
{
	unsigned int offset = ext4 ? HARP_EXT4_SB_OFFSET : 0;
	struct buffer_head *bh;
	const char *why;

	bh = sb_bread(sb, offset / sb->s_blocksize);
	if (!bh)
		return "cannot read its superblock";
	offset %= sb->s_blocksize;
	why = ext4 ? harp_check_ext4(bh->b_data + offset) : harp_check_xfs(bh->b_data + offset);
	brelse(bh);
	return why;
}

/* Options that turn a flush into nothing, as /proc/mounts shows them. */
static const char *harp_check_options(struct super_block *sb, struct dentry *root)
{
	struct seq_file m = { .size = PAGE_SIZE };
	const char *why = NULL;

	if (!sb->s_op->show_options)
		return NULL;
	m.buf = kzalloc(m.size, GFP_KERNEL);
	if (!m.buf)
		return "out of memory";
	if (sb->s_op->show_options(&m, root))
		why = "cannot tell its options";
	else if (strnstr(m.buf, "nobarrier", m.count) || strnstr(m.buf, "barrier=0", m.count))
		why = "mounted nobarrier; needs barriers";
	else if (strnstr(m.buf, "max_dir_size_kb=", m.count))
		/* A directory that applying finds full is a media failure. */
		why = "mounted with max_dir_size_kb; needs directories without a bound";
	kfree(m.buf);
	return why;
}

/* Applying a committed record cannot be refused for an owner's sake. */
static const char *harp_check_quota(struct super_block *sb)
{
	struct qc_state st = { };
	int i;

	if (!sb->s_qcop || !sb->s_qcop->get_state || sb->s_qcop->get_state(sb, &st))
		return NULL;
	for (i = 0; i < ARRAY_SIZE(st.s_state); i++)
		if (st.s_state[i].flags & (QCI_ACCT_ENABLED | QCI_LIMITS_ENFORCED))
			return "with quotas; needs them off";
	return NULL;
}

/* A file that takes more than it is asked for takes more than is counted. */
static const char *harp_check_hints(struct dentry *root)
{
	struct fileattr fa = { };

	if (!vfs_fileattr_get(root, &fa) && (fa.fsx_xflags & FS_XFLAG_EXTSZINHERIT))
		return "with an extent size for new files; needs none (-d extszinherit=0)";
	return NULL;
}

static const char *harp_check_sb(const struct path *path)
{
	struct super_block *sb = path->mnt->mnt_sb;
	bool ext4 = harp_is_ext4(sb);
	const char *why;

	if (!ext4 && (sb->s_magic != XFS_SUPER_MAGIC || strcmp(sb->s_type->name, "xfs")))
		return "expected ext4 or xfs";
	if (path->dentry != sb->s_root)
		return "not the root of its file system; needs the whole of it";
	if (sb_rdonly(sb) || __mnt_is_readonly(path->mnt))
		return "read-only; needs to be written";
	if (is_idmapped_mnt(path->mnt) || sb->s_user_ns != &init_user_ns)
		return "mapped to other owners; needs the initial user namespace";
	if (!sb->s_bdev || !sb->s_export_op || !sb->s_export_op->fh_to_dentry)
		return "without device or file handles";
	why = harp_check_disk(sb, ext4);
	return why ?: harp_check_options(sb, path->dentry) ?: harp_check_quota(sb) ?:
	       harp_check_hints(path->dentry);
}

/*
 * How large a directory may become, bytes; 0: no bound. ext4's index of names has two
 * levels, with large_dir three; where the nodes of all of them are full a name finds no
 * room, though the disk has some (ext4_dx_add_entry()). The root has about block / 8
 * entries then, and each node below it half as many at least, for full ones are split. The
 * bound is half the leaves that this makes: the other copy hashes names with another seed,
 * so its directory is not of quite the same size.
 */
static u64 harp_lower_dir_max(struct super_block *sb)
{
	u64 fanout = sb->s_blocksize / 16, leaves = fanout * fanout;
	struct buffer_head *bh;
	const u8 *disk;

	if (!harp_is_ext4(sb))
		return 0;
	bh = sb_bread(sb, HARP_EXT4_SB_OFFSET / sb->s_blocksize);
	if (bh) {
		disk = bh->b_data + HARP_EXT4_SB_OFFSET % sb->s_blocksize;
		if (le32_to_cpup((const __le32 *)(disk + HARP_EXT4_FEATURE_INCOMPAT)) &
		    HARP_EXT4_LARGE_DIR)
			leaves *= fanout;
		brelse(bh);
	}
	return leaves * sb->s_blocksize;
}

/* ------------------------------------------------------------------ small helpers */

/* A name right below @dir, made if @mode is not 0; the dentry, positive. */
static struct dentry *harp_lower_child(struct harp_lower *lw, struct dentry *dir,
				       const char *name, umode_t mode)
{
	struct vfsmount *mnt = lw->r->lower_root.mnt;
	struct dentry *dentry;
	int err;

	err = mnt_want_write(mnt);
	if (err)
		return ERR_PTR(err);
	inode_lock_nested(d_inode(dir), I_MUTEX_PARENT);
	dentry = harp_do_lookup(dir, name, strlen(name));
	if (IS_ERR(dentry) || d_is_positive(dentry))
		goto out;
	if (S_ISDIR(mode)) {
		dentry = harp_do_mkdir(mnt, dir, dentry, mode & 0777);
		goto out;
	}
	err = mode ? harp_do_create(mnt, dir, dentry, mode) : -ENOENT;
	if (err) {
		dput(dentry);
		dentry = ERR_PTR(err);
	}
out:
	inode_unlock(d_inode(dir));
	mnt_drop_write(mnt);
	return dentry;
}

static struct file *harp_lower_file(struct harp_lower *lw, const char *name, bool make,
				    int flags)
{
	struct dentry *dentry = harp_lower_child(lw, lw->dir, name, make ? S_IFREG | 0600 : 0);
	struct file *file;

	if (IS_ERR(dentry))
		return ERR_CAST(dentry);
	file = d_is_reg(dentry) ? harp_do_open(lw->r->lower_root.mnt, dentry, O_RDWR | flags,
					       lw->r->cred) : ERR_PTR(-EUCLEAN);
	dput(dentry);
	return file;
}

struct harp_list {
	struct dir_context ctx;
	bool top, again, other;
};

/* What may stand in an empty lower, or beside tree/ left by an init that broke off. */
static bool harp_list_actor(struct dir_context *ctx, const char *name, int len, loff_t pos,
			    u64 ino, unsigned int d_type)
{
	struct harp_list *l = container_of(ctx, struct harp_list, ctx);
	static const char * const ours[] = { HARP_LOST_FOUND, HARP_DIR, HARP_TREE };
	unsigned int i;

	l->again = true;
	if (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')))
		return true;
	for (i = 0; l->top && i < ARRAY_SIZE(ours); i++)
		if (strlen(ours[i]) == len && !memcmp(name, ours[i], len))
			return true;
	l->other = true;
	return false;
}

/* Nothing in @dir but, in the root (@top), our own names? 0 or -ENOTEMPTY. */
static int harp_lower_empty(struct harp_lower *lw, struct dentry *dir, bool top)
{
	struct harp_list l = { .ctx.actor = harp_list_actor, .top = top };
	struct file *file;
	int err;

	file = harp_do_open(lw->r->lower_root.mnt, dir, O_RDONLY | O_DIRECTORY, lw->r->cred);
	if (IS_ERR(file))
		return PTR_ERR(file);
	do {
		l.again = false;
		err = harp_do_iterate(file, &l.ctx);
	} while (!err && !l.other && l.again);
	fput(file);
	return err ?: l.other ? -ENOTEMPTY : 0;
}

/* ------------------------------------------------------------------------ layout */

static int harp_lower_files(struct harp_lower *lw, bool make)
{
	struct file **file[] = { &lw->rows.file, &lw->rows.ino2fid, &lw->space.reserve,
				 &lw->sync.lb };
	static const char * const name[] = { "rows", "ino2fid", "reserve", "lb" };
	unsigned int i;
	struct file *f;

	for (i = 0; i < ARRAY_SIZE(file); i++) {
		f = harp_lower_file(lw, name[i], make, i == 3 ? O_DSYNC : 0);
		if (IS_ERR(f))
			return PTR_ERR(f);
		*file[i] = f;
	}
	return 0;
}

static int harp_lower_dirs(struct harp_lower *lw, bool make)
{
	struct harp_replica *r = lw->r;
	struct dentry *dentry;

	dentry = harp_lower_child(lw, r->lower_root.dentry, HARP_DIR, make ? S_IFDIR | 0700 : 0);
	if (IS_ERR(dentry))
		return PTR_ERR(dentry);
	lw->dir = dentry;
	dentry = harp_lower_child(lw, r->lower_root.dentry, HARP_TREE, make ? S_IFDIR | 0755 : 0);
	if (IS_ERR(dentry))
		return PTR_ERR(dentry);
	r->tree.dentry = dentry;
	r->tree.mnt = mntget(r->lower_root.mnt);
	dentry = harp_lower_child(lw, lw->dir, "orphans", make ? S_IFDIR | 0700 : 0);
	if (IS_ERR(dentry))
		return PTR_ERR(dentry);
	r->orphans.dentry = dentry;
	r->orphans.mnt = mntget(r->lower_root.mnt);
	return d_is_dir(lw->dir) && d_is_dir(r->tree.dentry) && d_is_dir(dentry) ? 0 : -EUCLEAN;
}

/* The root is the same on both copies from the start: epoch times, mode 0755, root's. */
static int harp_lower_root_init(struct harp_lower *lw)
{
	struct vfsmount *mnt = lw->r->lower_root.mnt;
	struct dentry *tree = lw->r->tree.dentry;
	__le64 fid = cpu_to_le64(HARP_FID_ROOT);
	struct iattr ia = {
		.ia_valid = ATTR_MODE | ATTR_UID | ATTR_GID | ATTR_ATIME | ATTR_ATIME_SET |
			    ATTR_MTIME | ATTR_MTIME_SET,
		.ia_mode = S_IFDIR | 0755,
		.ia_uid = GLOBAL_ROOT_UID,
		.ia_gid = GLOBAL_ROOT_GID,
	};
	int err = mnt_want_write(mnt);

	if (err)
		return err;
	err = harp_do_setxattr(mnt, tree, HARP_XATTR_FID, &fid, sizeof(fid));
	if (!err) {
		inode_lock(d_inode(tree));
		err = harp_do_setattr(mnt, tree, &ia);
		inode_unlock(d_inode(tree));
	}
	mnt_drop_write(mnt);
	return err ?: harp_ino2fid_set(lw, d_inode(tree)->i_ino, HARP_FID_ROOT);
}

/* The root's node writes its own row; then everything to the disk, and the note last. */
static int harp_lower_init(struct harp_lower *lw)
{
	struct harp_row row = { .fid = HARP_FID_ROOT };
	struct harp_node *n;
	int err;

	lw->rows.next = HARP_FID_FIRST;
	err = harp_lower_root_init(lw);
	if (err)
		return err;
	n = harp_node_make(lw->r, &row, lw->r->tree.dentry);
	if (IS_ERR(n))
		return PTR_ERR(n);
	harp_node_put(n);
	err = harp_rows_flush(lw, 1) ?: harp_rows_head_write(lw) ?:
	      harp_do_syncfs(lw->r->lower_root.mnt->mnt_sb);
	return err ?: harp_lb_write(lw, 0);
}

/* ----------------------------------------------------------------------- opening */

static int harp_lower_lay_out(struct harp_lower *lw, struct fs_context *fc)
{
	u64 lb;
	const char *why;
	int err;

	err = harp_lower_empty(lw, lw->r->lower_root.dentry, true);
	if (err) {
		errorf(fc, "harp: init: the lower is not empty (only lost+found may be there)");
		return err;
	}
	err = harp_lower_dirs(lw, true) ?: harp_lower_files(lw, true);
	if (err) {
		errorf(fc, "harp: init: cannot make the layout: %pe", ERR_PTR(err));
		return err;
	}
	err = harp_sync_open(lw, &lb, &why);
	if (err != -ENODATA) {
		errorf(fc, "harp: init: the lower is laid out already (%s); mount without init",
		       err ? why : "it is this member's");
		return err == -EBUSY || !err ? -EEXIST : err;
	}
	err = harp_lower_empty(lw, lw->r->tree.dentry, false) ?:
	      harp_lower_empty(lw, lw->r->orphans.dentry, false);
	if (err) {
		errorf(fc, "harp: init: tree/ or .harp/orphans/ holds something");
		return err;
	}
	err = harp_lower_init(lw);
	if (err)
		errorf(fc, "harp: init: cannot lay the lower out: %pe", ERR_PTR(err));
	return err;
}

/**
 * harp_lower_copy_file() - open .harp/copy
 * @lw: the lower
 * @make: make it if it is not there
 *
 * Context: process context, under the lower's cred.
 * Return: 0; -ENOENT: it is not there; or the lower's error.
 */
int harp_lower_copy_file(struct harp_lower *lw, bool make)
{
	struct file *file;

	if (lw->copy.file)
		return 0;
	file = harp_lower_file(lw, "copy", make, O_DSYNC);
	if (IS_ERR(file))
		return PTR_ERR(file);
	lw->copy.file = file;
	return 0;
}

/**
 * harp_lower_bare() - is this lower as it was laid out?
 * @lw: the lower
 *
 * Context: process context, under the lower's cred.
 * Return: 0; -ENOTEMPTY when a fid was given, or anything is there; or the lower's error.
 */
int harp_lower_bare(struct harp_lower *lw)
{
	if (READ_ONCE(lw->rows.next) > HARP_FID_FIRST)
		return -ENOTEMPTY;
	return harp_lower_empty(lw, lw->r->tree.dentry, false) ?:
	       harp_lower_empty(lw, lw->r->orphans.dentry, false);
}

/* Is what is here the state of an index, or has a copy onto it not ended? */
static int harp_lower_copying(struct harp_lower *lw, const char **why)
{
	int err = harp_lower_copy_file(lw, false);

	*why = "is not a file that can be opened";
	if (err)
		return err == -ENOENT ? 0 : err;
	return harp_copy_note_read(lw, why);
}

static int harp_lower_load(struct harp_lower *lw, struct fs_context *fc)
{
	const char *why = "tree/ or .harp/ is missing or not what it should be";
	u64 fid = 0, lb = 0;
	int err;

	err = harp_lower_dirs(lw, false) ?: harp_lower_files(lw, false);
	if (err) {
		errorf(fc, "harp: the lower is not laid out: %s (%pe); use init for an empty one",
		       why, ERR_PTR(err));
		return err;
	}
	err = harp_sync_open(lw, &lb, &why);
	if (err) {
		errorf(fc, "harp: .harp/lb: %s; expected group %pUb member %u lineage %llu", why,
		       &lw->r->uuid, lw->r->member, lw->r->lineage);
		return err;
	}
	err = harp_lower_copying(lw, &why);
	if (err) {
		errorf(fc, "harp: the lower's .harp/copy %s (%pe); this member needs a copy", why,
		       ERR_PTR(err));
		return err;
	}
	err = harp_rows_head_read(lw, &why);
	if (err) {
		errorf(fc, "harp: the lower's .harp/rows %s", why);
		return err;
	}
	err = harp_fid_read(lw->r->tree.dentry, &fid);
	if (err || fid != HARP_FID_ROOT) {
		errorf(fc, "harp: the lower's tree/ is not fid 1 (%llu, %pe)", fid, ERR_PTR(err));
		return err ?: -EUCLEAN;
	}
	spin_lock(&lw->r->lock);
	lw->r->lb = lb;
	lw->r->copying = lw->copy.noted.state;
	lw->r->next_fid = max(lw->r->next_fid, lw->rows.next);
	spin_unlock(&lw->r->lock);
	return 0;
}

static int harp_lower_open_locked(struct harp_replica *r, bool init, struct fs_context *fc)
{
	struct harp_lower *lw = harp_lower(r);
	int err;

	err = init ? harp_lower_lay_out(lw, fc) : harp_lower_load(lw, fc);
	if (err)
		return err;
	err = harp_space_open(lw, harp_lower_dir_max(r->lower_root.mnt->mnt_sb));
	if (err)
		errorf(fc, "harp: cannot set .harp/reserve aside on the lower: %pe", ERR_PTR(err));
	return err;
}

/**
 * harp_lower_open() - check, lay out and open the lower of a replica
 * @r: the replica; lower_root is set
 * @init: lay out an empty one
 * @fc: where reasons go
 *
 * Sets lb and next_fid. harp_lower_close() is to be called also after a failure.
 *
 * Context: process context.
 * Return: 0 or -errno, explained in @fc.
 */
int harp_lower_open(struct harp_replica *r, bool init, struct fs_context *fc)
{
	const char *why = harp_check_sb(&r->lower_root);
	struct harp_lower *lw;
	const struct cred *old;
	unsigned int nofs;
	int err;

	if (why) {
		errorf(fc, "harp: lower %s on %s: %s", r->lower_root.mnt->mnt_sb->s_type->name,
		       r->lower_root.mnt->mnt_sb->s_id, why);
		return -EINVAL;
	}
	r->cred = prepare_kernel_cred(&init_task);
	if (!r->cred)
		return -ENOMEM;
	lw = kzalloc(sizeof(*lw), GFP_KERNEL);
	if (!lw)
		return -ENOMEM;
	lw->r = r;
	mutex_init(&lw->rows.flush);
	xa_init(&lw->dying);
	xa_init(&lw->moving);
	init_waitqueue_head(&lw->sync.wq);
	err = harp_nodes_init(lw);
	if (err) {
		kfree(lw);
		return err;
	}
	r->nodes = &lw->nodes;
	r->rows = &lw->rows;
	/* Like all work on the lower: reclaim may want the locks of a harp inode. */
	nofs = memalloc_nofs_save();
	old = override_creds(r->cred);
	err = harp_lower_open_locked(r, init, fc);
	revert_creds(old);
	memalloc_nofs_restore(nofs);
	return err;
}

static void harp_lower_fput(struct file *file)
{
	if (file)
		fput(file);
}

/**
 * harp_lower_close() - let go of the lower
 * @r: the replica; its threads have ended and nobody holds a node
 *
 * Context: process context.
 */
void harp_lower_close(struct harp_replica *r)
{
	struct harp_lower *lw;

	if (r->nodes) {
		lw = harp_lower(r);
		harp_redo_end(r);
		harp_nodes_exit(lw);
		harp_lower_fput(lw->rows.file);
		harp_lower_fput(lw->rows.ino2fid);
		harp_lower_fput(lw->space.reserve);
		harp_lower_fput(lw->sync.lb);
		harp_lower_fput(lw->copy.file);
		dput(lw->dir);
		path_put(&r->tree);
		path_put(&r->orphans);
		r->nodes = NULL;
		r->rows = NULL;
		kfree(lw);
	}
	if (r->cred)
		put_cred(r->cred);
	r->cred = NULL;
	/* What kernel threads put is put later; the lower is to be unmountable now. */
	flush_delayed_fput();
}

/**
 * harp_lower_show() - counters of the lower side, for tests and for people
 * @r: the replica, its lower open
 * @m: where to
 *
 * Context: process context.
 */
void harp_lower_show(const struct harp_replica *r, struct seq_file *m)
{
	const struct harp_lower *lw = harp_lower(r);

	seq_printf(m, "fids_searched %llu\n", (u64)atomic64_read(&lw->n_search));
	seq_printf(m, "steps_skipped %llu\n", (u64)atomic64_read(&lw->n_skipped));
	seq_printf(m, "occupants_parked %llu\n", (u64)atomic64_read(&lw->n_parked));
	seq_printf(m, "nlink_set %llu\n", (u64)atomic64_read(&lw->n_nlink));
	seq_printf(m, "without_fid %llu\n", (u64)atomic64_read(&lw->n_foreign));
	seq_printf(m, "indexes_built %llu\n", (u64)atomic64_read(&lw->n_index));
}
