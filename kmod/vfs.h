/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of the VFS side share with each other and with nobody else.
 *
 * An inode has two sets of attributes (kernel-notes 12):
 *   decided	after its last appended record: harp_inode.decided, under
 *		append_mutex; outcomes are decided on it
 *   committed	after its last applied record: the VFS inode's own fields; set
 *		by the apply thread (harp_inode_committed()), all at once under
 *		i_lock; answers come from it
 * Whoever appends a record that touches an inode holds its append_mutex from
 * reading the decided set until the record has its index, so the decided set
 * always is that of the highest index.
 */
#ifndef HARP_VFS_H
#define HARP_VFS_H

#include <linux/exportfs.h>
#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/fs_parser.h>
#include <linux/workqueue.h>
#include "compat/vfs_ops.h"
#include "harp.h"

/* Sizes of a directory differ between lowers: everyone is told this one. */
#define HARP_DIR_SIZE		4096
#define HARP_BLOCK_SIZE		4096
#define HARP_OP_OBJECTS		4
#define HARP_STEP_SLOTS		1024

/**
 * struct harp_attrs - attributes of an inode, as a record carries them
 * @mode: type and permission bits
 * @nlink: number of names
 * @uid: owner, in the initial user namespace
 * @gid: group, in the initial user namespace
 * @rdev: device of a special file
 * @size: bytes; 0 unless a regular file or symbolic link
 * @parent: directory that a directory is in
 * @atime: access
 * @mtime: modification
 * @ctime: change
 * @btime: birth
 * @state: HARP_STATE_*
 */
struct harp_attrs {
	umode_t mode;
	u32 nlink, uid, gid;
	dev_t rdev;
	u64 size, parent;
	struct timespec64 atime, mtime, ctime, btime;
	u8 state;
};

/**
 * struct harp_release - a RELEASE record to be written (harp_evict_inode())
 * @work: does it
 * @list: in harp_sb.releasing while it is under way
 * @hs: the mount
 * @fid: which file
 * @attrs: its decided attributes when it was last seen
 */
struct harp_release {
	struct work_struct work;
	struct list_head list;
	struct harp_sb *hs;
	u64 fid;
	struct harp_attrs attrs;
};

/**
 * struct harp_inode - an inode of a harp mount
 * @append_mutex: see above
 * @decided: decided attributes; @append_mutex
 * @last_index: last record that touches it; @append_mutex to change
 * @generation: replica.generation that the state is of; set last, see harp_generation()
 * @stale: found to be gone when it was reloaded
 * @writing: a write holds the VFS's lock of the inode; it does not wait for a commit then
 * @dying: an unlink that leaves no user is being decided; i_lock
 * @state: committed HARP_STATE_*
 * @node: the lower, or NULL until first needed; set once
 * @btime: committed; i_lock
 * @parent: committed
 * @files_lock: protects @files and harp_file.lower
 * @files: open files (struct harp_file)
 * @release: preallocated, so that evict need not allocate
 * @vfs: the VFS's part; its fields are the committed attributes
 */
struct harp_inode {
	struct mutex append_mutex;	/* decided, last_index */
	struct harp_attrs decided;
	u64 last_index;
	u32 generation;
	bool stale, writing, dying;
	u8 state;
	struct harp_node *node;
	struct timespec64 btime;
	u64 parent;
	spinlock_t files_lock;		/* files */
	struct list_head files;
	struct harp_release *release;
	struct inode vfs;
};

/**
 * struct harp_step - how many modifications an nfsd thread's request has made
 * @owner: the thread's svc_rqst
 * @xid: its current request
 * @began: when that one came: not all clients' numbers differ, nor all requests'
 * @step: next step number
 */
struct harp_step {
	void *owner;
	u32 xid;
	ktime_t began;
	u16 step;
};

/**
 * struct harp_sb - a mount of a replica
 * @r: the replica; the mount holds a reference
 * @sb: the VFS's part
 * @group_hash: of the group's UUID, in file handles
 * @symlink_max: longest target that the lower takes
 * @major_max: highest major device number that the lower takes
 * @minor_max: highest minor one
 * @acl_max: most entries of an ACL that the lower takes
 * @xattr_room: bytes that a file's extended attributes may take together; 0: no limit
 * @release_wq: RELEASE records
 * @lock: protects @releasing and @steps
 * @releasing: fids on their way out
 * @steps: open-addressed by svc_rqst
 */
struct harp_sb {
	struct harp_replica *r;
	struct super_block *sb;
	u32 group_hash;
	u32 symlink_max;
	u32 major_max, minor_max;
	u32 acl_max;
	u32 xattr_room;
	struct workqueue_struct *release_wq;
	spinlock_t lock;		/* releasing, steps */
	struct list_head releasing;
	struct harp_step steps[HARP_STEP_SLOTS];
};

static inline struct harp_inode *harp_i(const struct inode *inode)
{
	return container_of(inode, struct harp_inode, vfs);
}

static inline struct harp_sb *harp_s(const struct super_block *sb)
{
	return sb->s_fs_info;
}

static inline struct harp_replica *harp_r(const struct inode *inode)
{
	return harp_s(inode->i_sb)->r;
}

static inline u64 harp_fid(const struct inode *inode)
{
	return inode->i_ino;
}

/* Without append_mutex: the state read after this is of that generation, or newer. */
static inline u32 harp_generation(const struct harp_inode *hi)
{
	/* Pairs with harp_set_generation(). */
	return smp_load_acquire(&hi->generation);
}

/*
 * Without waiting: may this member answer from state of @generation? RCU walks ask, and of
 * cached names the VFS answers itself: EEXIST, ENOENT. With lease=confirm each waits.
 */
static inline bool harp_may_answer_now(struct harp_replica *r, u32 generation)
{
	if (r->confirm)
		return false;
	/* Pairs with harp_try_serve(): who sees serving sees what was applied before. */
	return smp_load_acquire(&r->serving) && READ_ONCE(r->generation) == generation &&
	       harp_lease_valid(r);
}

/* -------------------------------------------------------------------- params.c */
int harp_init_fs_context(struct fs_context *fc);
extern const struct fs_parameter_spec harp_parameters[];
int harp_show_options(struct seq_file *m, struct dentry *root);

/* --------------------------------------------------------------------- super.c */
int harp_get_tree(struct fs_context *fc, struct harp_replica *r);
int __must_check harp_super_init(void);
void harp_super_exit(void);
bool harp_is_releasing(struct harp_sb *hs, u64 fid);
void harp_release_work(struct work_struct *work);

/* --------------------------------------------------------------------- inode.c */
extern const struct inode_operations harp_file_iops, harp_dir_iops, harp_symlink_iops,
	harp_special_iops;
struct inode *harp_iget(struct super_block *sb, u64 fid);
struct inode *harp_iget_node(struct super_block *sb, struct harp_node *node);
/*
 * A new inode, not yet there for others: harp_inode_born() and d_instantiate_new(), or
 * iget_failed() follows.
 */
struct inode *harp_inode_new(struct super_block *sb, u64 fid);
void harp_inode_born(struct inode *inode, const struct harp_attrs *a, const struct harp_at *at);
/* Reference to the lower: valid as long as the inode is. */
struct harp_node *harp_inode_node(struct inode *inode);
int __must_check harp_inode_reload(struct inode *inode, u32 generation); /* append_mutex held */
/* Admission of an operation on @inode: serving, and the inode not from before. */
int __must_check harp_inode_enter(struct inode *inode);
/* The same for a modification: harp_op_begin() wants the generation. */
int __must_check harp_inode_enter_op(struct inode *inode, u32 *generation);
int __must_check harp_inode_settle(struct inode *inode, u32 generation);
void harp_evict_inode(struct inode *inode);
int harp_getattr(struct mnt_idmap *idmap, const struct path *path, struct kstat *stat,
		 u32 request_mask, unsigned int flags);
int harp_setattr(struct mnt_idmap *idmap, struct dentry *dentry, struct iattr *attr);
int harp_permission(struct mnt_idmap *idmap, struct inode *inode, int mask);

/* --------------------------------------------------------------------- namei.c */
extern const struct dentry_operations harp_dentry_ops;

/* ---------------------------------------------------------------- dir.c file.c */
extern const struct file_operations harp_dir_fops, harp_file_fops;
int harp_fsync(struct file *file, loff_t start, loff_t end, int datasync);
void harp_files_drop(struct inode *inode);

/**
 * struct harp_batch - entries collected under the index's lock, told without it
 * @buf: a page
 * @used: bytes of it
 * @run: where those with hash @last begin
 * @last: hash of the last entry
 * @full: an entry did not fit
 */
struct harp_batch {
	char *buf;
	u32 used, run;
	u64 last;
	bool full;
};

bool harp_batch_add(void *arg, u64 hash, const char *name, u32 len, u64 fid,
		    unsigned int d_type);
bool harp_batch_emit(struct dir_context *ctx, const struct harp_batch *batch);

/* --------------------------------------------------------------------- xattr.c */
extern const struct xattr_handler * const harp_xattr_handlers[];
ssize_t harp_listxattr(struct dentry *dentry, char *list, size_t size);
struct posix_acl *harp_get_acl(struct inode *inode, int type, bool rcu);
int harp_set_acl(struct mnt_idmap *idmap, struct inode *inode, struct posix_acl *acl,
		 int type);
int __must_check harp_has_caps(struct inode *inode);
/* -ENOSPC when @inode's lower might not hold @name with @size bytes as well. */
int __must_check harp_xattr_fits(struct inode *inode, const char *name, size_t size);

/* -------------------------------------------------------------------- export.c */
extern const struct export_operations harp_export_ops;

/* ------------------------------------------------------------------------ op.c */
/**
 * struct harp_op_object - an inode that an operation touches
 * @inode: the inode; NULL for one that has none (new, released)
 * @role: HARP_ROLE_*
 * @fid: identity
 * @attrs: HARP_ATTR_* that changed
 * @size_before: decided size before
 * @a: attributes: before (from harp_op_lock()), then after the operation
 * @sec: where they go in the record
 */
struct harp_op_object {
	struct inode *inode;
	u8 role;
	u64 fid;
	u16 attrs;
	u64 size_before;
	struct harp_attrs a;
	struct harp_sec_inode *sec;
};

/**
 * struct harp_op - one modification on its way
 * @hs: the mount
 * @b: its record
 * @obj: inodes it touches; their sections come first in the record
 * @nobj: how many
 * @locked: append_mutexes held
 * @generation: in which it is decided: it is appended in that one or not at all
 * @now: its time: later than the ctime of every inode it touches
 * @at: where its record is
 */
struct harp_op {
	struct harp_sb *hs;
	struct harp_builder b;
	struct harp_op_object obj[HARP_OP_OBJECTS];
	unsigned int nobj;
	bool locked;
	u32 generation;
	struct timespec64 now;
	struct harp_at at;
};

/*
 * In this order: begin; add…; sections of the record; lock; change obj[].a;
 * append (unlocks); wait; end (always).
 */
int __must_check harp_op_begin(struct harp_op *op, struct harp_sb *hs, u32 generation, u8 type,
			       u32 extra);
struct harp_op_object *harp_op_add(struct harp_op *op, u8 role, struct inode *inode);
struct harp_op_object *harp_op_add_fid(struct harp_op *op, u8 role, u64 fid);
int __must_check harp_op_lock(struct harp_op *op);
int __must_check harp_op_append(struct harp_op *op);
int __must_check harp_op_wait(struct harp_op *op);
void harp_op_end(struct harp_op *op);

bool harp_is_nfsd(void);
u16 harp_next_step(struct harp_sb *hs, void *owner, u32 xid, ktime_t began);

/* Attributes of a new object in @dir, as inode_init_owner() and umask have it. */
void harp_attrs_new(struct harp_attrs *a, const struct inode *dir, umode_t mode);

#endif /* HARP_VFS_H */
