// SPDX-License-Identifier: GPL-2.0
/*
 * The life of a mount. A mount is a view of a replica: the replica was made by the
 * first one and lives on when the last is gone.
 */
#include <linux/crc32c.h>
#include <linux/fs_context.h>
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/statfs.h>
#include <linux/xattr.h>
#include "lower.h"
#include "vfs.h"

#define HARP_XFS_SYMLINK_MAX	1023
/* System V's device numbers, and what xfs_vn_mknod() leaves of them. */
#define HARP_XFS_MAJOR_MAX	0x1ff
#define HARP_XFS_MINOR_MAX	0x3ffff
/* XFS_ACL_MAX_ENTRIES(): 12 bytes each, in an attribute. */
#define HARP_XFS_ACL_MAX	((XATTR_SIZE_MAX - 4) / 12)
#define HARP_EXT4_LINK_MAX	65000
/* What ext4's attribute block keeps for itself: header and end mark. */
#define HARP_EXT4_XATTR_HEAD	36
#define HARP_RELEASE_WORKERS	8

static struct kmem_cache *harp_inode_cache;

/* ----------------------------------------------------------------------- inodes */

static struct inode *harp_alloc_inode(struct super_block *sb)
{
	struct harp_inode *hi = alloc_inode_sb(sb, harp_inode_cache, GFP_KERNEL);

	if (!hi)
		return NULL;
	memset(&hi->decided, 0, sizeof(hi->decided));
	hi->last_index = 0;
	hi->generation = 0;
	hi->stale = false;
	hi->dying = false;
	hi->state = HARP_STATE_LIVE;
	hi->node = NULL;
	hi->parent = 0;
	hi->release = NULL;
	INIT_LIST_HEAD(&hi->files);
	return &hi->vfs;
}

static void harp_free_inode(struct inode *inode)
{
	kmem_cache_free(harp_inode_cache, harp_i(inode));
}

static void harp_inode_once(void *p)
{
	struct harp_inode *hi = p;

	mutex_init(&hi->append_mutex);
	spin_lock_init(&hi->files_lock);
	inode_init_once(&hi->vfs);
}

/**
 * harp_super_init() - module load
 *
 * Context: process context.
 * Return: 0 or -ENOMEM.
 */
int harp_super_init(void)
{
	harp_inode_cache = kmem_cache_create("harp_inode", sizeof(struct harp_inode), 0,
					     SLAB_RECLAIM_ACCOUNT | SLAB_ACCOUNT,
					     harp_inode_once);
	return harp_inode_cache ? 0 : -ENOMEM;
}

/**
 * harp_super_exit() - module unload
 *
 * Context: process context, sleeps.
 */
void harp_super_exit(void)
{
	rcu_barrier();		/* inodes are freed by RCU */
	kmem_cache_destroy(harp_inode_cache);
}

/* ------------------------------------------------------------- RELEASE, failures */

/**
 * harp_is_releasing() - is a parked file on its way out?
 * @hs: the mount
 * @fid: which file
 *
 * Context: any.
 * Return: whether its RELEASE is under way: nobody may use it again.
 */
bool harp_is_releasing(struct harp_sb *hs, u64 fid)
{
	struct harp_release *rel;
	bool found = false;

	spin_lock(&hs->lock);
	list_for_each_entry(rel, &hs->releasing, list)
		found |= rel->fid == fid;
	spin_unlock(&hs->lock);
	return found;
}

static int harp_release_record(struct harp_release *rel)
{
	struct harp_op_object *o;
	struct harp_op op;
	u32 generation;
	int err;

	err = harp_enter_generation(rel->hs->r, &generation);
	if (err)
		return err;
	err = harp_op_begin(&op, rel->hs, generation, HARP_REC_RELEASE, 0);
	if (err)
		goto out;
	o = harp_op_add_fid(&op, HARP_ROLE_OBJECT, rel->fid);
	err = harp_op_lock(&op);
	if (err)
		goto out;
	o->a = rel->attrs;
	o->a.nlink = 0;
	o->a.state = HARP_STATE_GONE;
	if (timespec64_compare(&op.now, &o->a.ctime) <= 0)
		op.now = timespec64_add(o->a.ctime, (struct timespec64){ .tv_nsec = 1 });
	err = harp_op_append(&op);
	if (!err)
		err = harp_op_wait(&op);
out:
	harp_op_end(&op);
	return err;
}

/**
 * harp_release_work() - log that a parked file has no user any more
 * @work: harp_release.work
 *
 * When this member is not the one to say so, the file stays parked. Nobody reaps such
 * files yet (kernel-notes 26).
 *
 * Context: work queue.
 */
void harp_release_work(struct work_struct *work)
{
	struct harp_release *rel = container_of(work, struct harp_release, work);
	int err = harp_release_record(rel);

	if (err)
		pr_debug("harp: %s: fid %llx stays parked: %d\n", rel->hs->r->group, rel->fid,
			 err);
	spin_lock(&rel->hs->lock);
	list_del(&rel->list);
	spin_unlock(&rel->hs->lock);
	kfree(rel);
}

/* ----------------------------------------------------------------------- statfs */

/* One record's worth of either copy must always fit: the smaller one counts (I7). */
static int harp_statfs(struct dentry *dentry, struct kstatfs *st)
{
	struct harp_replica *r = harp_s(dentry->d_sb)->r;
	u64 bytes, inodes, peer_bytes, peer_inodes;
	bool primary = harp_is_primary(r);
	u64 total;
	int err;

	err = primary ? harp_enter(r) : 0;
	if (!err)
		err = harp_do_statfs(&r->lower_root, st);
	if (err)
		return err;
	harp_space_free(r, &bytes, &inodes);
	spin_lock(&r->lock);
	peer_bytes = r->peer_free_bytes;
	peer_inodes = r->peer_free_inodes;
	spin_unlock(&r->lock);
	/* Who serves has had the partner's ACK, and what that says; a witness has no bound. */
	if (primary) {
		bytes = min(bytes, peer_bytes);
		inodes = min(inodes, peer_inodes);
	}
	total = st->f_blocks * (st->f_frsize ?: st->f_bsize);
	st->f_type = HARP_SUPER_MAGIC;
	st->f_bsize = HARP_BLOCK_SIZE;
	st->f_frsize = HARP_BLOCK_SIZE;
	st->f_blocks = total / HARP_BLOCK_SIZE;
	st->f_bfree = min_t(u64, bytes / HARP_BLOCK_SIZE, st->f_blocks);
	st->f_bavail = st->f_bfree;
	st->f_ffree = min_t(u64, st->f_ffree, inodes);
	st->f_fsid = uuid_to_fsid(r->uuid.b);
	st->f_namelen = min_t(long, st->f_namelen, HARP_NAME_MAX);
	return primary ? harp_recheck(r) : 0;
}

static const struct super_operations harp_super_ops = {
	.alloc_inode	= harp_alloc_inode,
	.free_inode	= harp_free_inode,
	.drop_inode	= generic_drop_inode,
	.evict_inode	= harp_evict_inode,
	.statfs		= harp_statfs,
	.show_options	= harp_show_options,
};

/* ------------------------------------------------------------------- mount, umount */

/* What an outcome depends on is the lower's (kernel-notes 55). */
static void harp_super_limits(struct harp_sb *hs, struct super_block *sb,
			      const struct super_block *lower)
{
	sb->s_maxbytes = lower->s_maxbytes;
	sb->s_time_min = lower->s_time_min;
	sb->s_time_max = lower->s_time_max;
	sb->s_time_gran = 1;
	sb->s_max_links = lower->s_max_links;
	hs->symlink_max = HARP_SYMLINK_MAX;
	hs->major_max = MAJOR(~0U);
	hs->minor_max = MINORMASK;
	hs->acl_max = U32_MAX;
	switch (lower->s_magic) {
	case EXT4_SUPER_MAGIC:
		hs->symlink_max = min_t(u32, hs->symlink_max, lower->s_blocksize - 1);
		hs->xattr_room = lower->s_blocksize - HARP_EXT4_XATTR_HEAD;
		/* It counts itself, and stops counting a directory's links above it. */
		sb->s_max_links = HARP_EXT4_LINK_MAX;
		break;
	case XFS_SUPER_MAGIC:
		hs->symlink_max = HARP_XFS_SYMLINK_MAX;
		hs->major_max = HARP_XFS_MAJOR_MAX;
		hs->minor_max = HARP_XFS_MINOR_MAX;
		hs->acl_max = HARP_XFS_ACL_MAX;
		break;
	}
}

static int harp_fill_super(struct super_block *sb, struct harp_sb *hs)
{
	struct super_block *lower = hs->r->lower_root.mnt->mnt_sb;
	struct inode *root;
	int err;

	hs->sb = sb;
	sb->s_magic = HARP_SUPER_MAGIC;
	sb->s_blocksize = HARP_BLOCK_SIZE;
	sb->s_blocksize_bits = ilog2(HARP_BLOCK_SIZE);
	sb->s_stack_depth = lower->s_stack_depth + 1;
	sb->s_op = &harp_super_ops;
	sb->s_export_op = &harp_export_ops;
	sb->s_flags |= SB_NOATIME | SB_NOSEC | (lower->s_flags & SB_POSIXACL);
	harp_set_xattr_handlers(sb, harp_xattr_handlers);
	set_default_d_op(sb, &harp_dentry_ops);
	super_set_uuid(sb, hs->r->uuid.b, sizeof(hs->r->uuid.b));
	harp_super_limits(hs, sb, lower);

	err = harp_replica_take_sb(hs->r, sb);
	if (err)
		return err;
	root = harp_iget(sb, HARP_FID_ROOT);
	if (IS_ERR(root))
		return PTR_ERR(root);
	sb->s_root = d_make_root(root);
	if (!sb->s_root)
		return -ENOMEM;
	sb->s_flags |= SB_ACTIVE;
	return 0;
}

static struct harp_sb *harp_sb_alloc(struct harp_replica *r)
{
	struct harp_sb *hs = kvzalloc(sizeof(*hs), GFP_KERNEL);

	if (!hs)
		return NULL;
	hs->release_wq = alloc_workqueue("harp-release-%s", WQ_UNBOUND, HARP_RELEASE_WORKERS,
					 r->group);
	if (!hs->release_wq) {
		kvfree(hs);
		return NULL;
	}
	hs->r = r;
	hs->group_hash = crc32c(~0U, r->uuid.b, sizeof(r->uuid.b));
	spin_lock_init(&hs->lock);
	INIT_LIST_HEAD(&hs->releasing);
	return hs;
}

/* RELEASE records under way come to their end first: committed, or released. */
static void harp_sb_free(struct harp_sb *hs)
{
	destroy_workqueue(hs->release_wq);
	harp_replica_put(hs->r);
	kvfree(hs);
}

static int harp_same_replica(struct super_block *sb, struct fs_context *fc)
{
	return harp_s(sb)->r == ((struct harp_sb *)fc->s_fs_info)->r;
}

/**
 * harp_get_tree() - make or find the mount of a replica
 * @fc: the mount's context
 * @r: the replica; the reference is taken over
 *
 * Context: process context, may sleep.
 * Return: 0 or an error.
 */
int harp_get_tree(struct fs_context *fc, struct harp_replica *r)
{
	struct harp_sb *hs = harp_sb_alloc(r);
	struct super_block *sb;
	int err;

	if (!hs) {
		harp_replica_put(r);
		return -ENOMEM;
	}
	fc->s_fs_info = hs;
	sb = sget_fc(fc, harp_same_replica, set_anon_super_fc);
	if (fc->s_fs_info) {
		/* Not taken: there was one, or none could be made. */
		fc->s_fs_info = NULL;
		harp_sb_free(hs);
	}
	if (IS_ERR(sb))
		return PTR_ERR(sb);
	if (!sb->s_root) {
		err = harp_fill_super(sb, hs);
		if (err) {
			deactivate_locked_super(sb);
			return err;
		}
	}
	fc->root = dget(sb->s_root);
	return 0;
}

/* The replica lives on: its record link, its log, its lower. */
static void harp_kill_sb(struct super_block *sb)
{
	struct harp_sb *hs = harp_s(sb);

	down_write(&hs->r->sb_rwsem);
	if (hs->r->sb == sb)
		hs->r->sb = NULL;
	up_write(&hs->r->sb_rwsem);
	kill_anon_super(sb);
	synchronize_rcu();	/* path walks look at it */
	harp_sb_free(hs);
}

struct file_system_type harp_fs_type = {
	.owner			= THIS_MODULE,
	.name			= "harp",
	.init_fs_context	= harp_init_fs_context,
	.parameters		= harp_parameters,
	.kill_sb		= harp_kill_sb,
};
