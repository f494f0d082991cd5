/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Private types of the harp module and the contracts between its parts.
 *
 *   VFS side     super.c params.c inode.c namei.c dir.c file.c xattr.c export.c op.c
 *		  decides outcomes under the VFS's locks, makes records, waits.
 *   data plane   replica.c view.c feed.c seal.c commit.c link.c link_rx.c lease.c gate.c
 *		  netlink.c netlink_state.c netlink_records.c log.c log_open.c region.c codec.c
 *		  logs, ships, commits; role, fence, lease; knows no file system.
 *   lower side   lower.c node.c dirindex.c rows.c entry.c apply.c redo.c sync.c space.c
 *		  copy.c copynote.c copywrite.c copyend.c
 *		  applies records to the lower; knows no harp inode, takes no harp
 *		  VFS lock.
 *
 * Lock order, outermost first:
 *
 *   s_vfs_rename_mutex(harp) > i_rwsem(harp) > harp_inode.append_mutex
 *     > log->mutex > replica.lock (spin)
 *   apply and sync threads: rows.flush > node.lock > sb_writers(lower) > i_rwsem(lower)
 *   replica.lock and inode->i_lock are leaves.
 *   harp_faults_lock (fault.c) is taken with none of these.
 *   harp_links.mutex > log->mutex; LOG_LOAD reads a file that is not harp's with the first.
 *   Nothing waits for commit or apply while holding log->mutex.
 */
#ifndef HARP_H
#define HARP_H

#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/harp_netlink.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/path.h>
#include <linux/rhashtable-types.h>
#include <linux/uuid.h>
#include <linux/wait.h>
#include "codec.h"
#include "log.h"

#define HARP_SUPER_MAGIC	0x68617270	/* "harp" */
#define HARP_WAITQS		64

enum harp_role {
	HARP_ROLE_NONE_ = 0,		/* numbers are netlink ABI: harp_netlink.h */
	HARP_ROLE_PRIMARY,
	HARP_ROLE_BACKUP,
};

struct harp_links;
struct seq_file;
struct harp_gate;
struct harp_rows;
struct harp_nodes;
struct harp_dirindex;

/**
 * struct harp_replica - one member's copy of one group, in this kernel
 *
 * Everything hangs off it, nothing is global but the list of replicas, so
 * several (of one group, even) live in one kernel. It is made by the first
 * mount and outlives it; REPLICA_DEL over netlink ends it.
 */
struct harp_replica {
	struct kref ref;
	struct list_head list;			/* harp_replicas_lock (replica.c) */
	char group[HARP_GROUP_NAME_MAX + 1];
	uuid_t uuid;
	u8 member;
	u32 epoch;
	u64 lineage;
	u64 inc;				/* incarnation, given at mount (S1) */
	struct net *net;			/* events are multicast there */
	struct super_block *sb;			/* the mount, or NULL; sb_rwsem */
	struct rw_semaphore sb_rwsem;

	/* The log. */
	struct harp_log *log;
	struct harp_region_spec region;
	struct harp_log_found found;

	/* Object state (protocol.rst, "State"). */
	spinlock_t lock;
	enum harp_role role;
	u8 peer;				/* partner's slot in the view */
	u64 peer_inc;
	u64 view, fence;
	u64 s;					/* VIEW record is at s + 1 */
	u32 promise_ms, hold_ms;
	bool serving;				/* V8 */
	bool released;				/* parked operations return -ESTALE */
	bool media_failure;
	u8 copying;				/* enum harp_nl_copying, as noted */
	bool confirm;				/* lease=confirm: see harp_recheck() */
	u64 cp;					/* commit point */
	u64 ap;					/* application point */
	u64 lb;					/* lower bound (durable, N6) */
	u64 redo_to;				/* an earlier life may have applied so far */
	bool redo_ready;			/* harp_redo_prepare() */
	u64 void_late;				/* applied here and void since: link_rx.c */
	u64 acked, peer_ap, peer_lb;
	u64 told_cp, told_ap;			/* as backup, or fed: what may be applied */
	u64 peer_free_bytes, peer_free_inodes;
	ktime_t promise_until, lease_until, hold_until, touched;	/* CLOCK_BOOTTIME */
	u64 promise_no, heard;
	atomic64_t confirm_wanted;		/* an ACK of what is sent from then on, ns */
	u64 confirmed;				/* send time of the latest that was acked, ns */
	u32 generation;				/* grows with every promotion */
	u64 last_time_ns;			/* times never go back (kernel-notes 61) */
	u64 next_fid;				/* primary only; under lock */

	wait_queue_head_t serve_wq;		/* serving, lease, release changed */
	wait_queue_head_t wait_wq[HARP_WAITQS];	/* by index: applied, or released */
	wait_queue_head_t apply_wq;		/* the apply thread */
	struct task_struct *apply_task, *sync_task;

	struct harp_links *links;
	struct harp_gate *gate;

	/* The lower. */
	struct path lower_root;			/* as mounted: holds "tree" and ".harp" */
	struct path tree;			/* the share's root, fid 1 */
	struct path orphans;			/* .harp/orphans: parked files */
	const struct cred *cred;		/* every lower call is made under it */
	struct harp_rows *rows;
	struct harp_nodes *nodes;
	atomic64_t n_wait_full, n_wait_lease, n_refused, n_released;	/* counters */
	atomic64_t n_wait_confirm;
	atomic64_t n_bad_handle;
};

/* Has a copy of the file state onto this lower been begun and not ended (C2)? Any context. */
static inline bool harp_copy_goes_on(const struct harp_replica *r)
{
	u8 copying = READ_ONCE(r->copying);

	return copying == HARP_NL_COPYING_PIECES || copying == HARP_NL_COPYING_LOG;
}

/* Numbers in harp_netlink.h describe the same roles. */
struct harp_replica_params {
	const char *group;
	uuid_t uuid;
	u8 member;
	u32 epoch;
	u64 lineage;
	u64 inc;
	u32 hold_ms;				/* S1: no AGREE before this has passed */
	bool confirm;				/* lease=confirm */
	struct harp_region_spec region;
	struct path lower;
	bool init;				/* lay out an empty lower */
	struct net *net;
};

/* ------------------------------------------------------------------ replica.c */
/*
 * Find or make; both return a reference. A second mount of a live replica with
 * other parameters is -EBUSY.
 */
struct harp_replica *harp_replica_mount(const struct harp_replica_params *p,
					struct fs_context *fc_for_errors);
struct harp_replica *harp_replica_find(const char *group, u8 member);
void harp_replica_get(struct harp_replica *r);
void harp_replica_put(struct harp_replica *r);
int __must_check harp_replica_take_sb(struct harp_replica *r, struct super_block *sb);
int __must_check harp_replica_del(struct harp_replica *r, bool wipe);	/* -EBUSY while mounted */
bool harp_is_primary(struct harp_replica *r);

/**
 * struct harp_at - where a record was logged, and by whom
 * @index: the record's number
 * @view: view it was appended in: after a cut another record may have the number
 * @generation: replica.generation then
 * @release_seq: releases before it was decided (G3)
 */
struct harp_at {
	u64 index, view, release_seq;
	u32 generation;
};

/* ------------------------------------------------------------------- commit.c */
/*
 * Admission (N5). Wait (TASK_IDLE) until this member serves and its lease is
 * valid. 0, or -ETIMEDOUT when it is not the primary (nfsd: try later), or
 * -ESTALE after a release (G3).
 */
int __must_check harp_enter(struct harp_replica *r);
/*
 * Admission of a modification: what is decided from here on is decided in
 * @generation, and harp_append() logs it in no other.
 */
int __must_check harp_enter_generation(struct harp_replica *r, u32 *generation);
/*
 * The same check without waiting unless the lease has lapsed: before an answer
 * from state leaves. Same returns.
 */
int __must_check harp_recheck(struct harp_replica *r);

/* No, too, is an answer from state: @err, or what the check says; 0 goes on to be logged. */
static inline int __must_check harp_refusal(struct harp_replica *r, int err)
{
	return err ? harp_recheck(r) ?: err : 0;
}

/*
 * Log a finished record (N1). Waits for space in the ring and for serving; holds
 * no replica-wide lock while it does. @at: where it is. After 0 the record
 * exists whatever happens to the caller. -ENOSPC: the lowers could not take it
 * (space.c), nothing was logged. -ESTALE, -ETIMEDOUT as harp_enter(); -ETIMEDOUT, too,
 * when this member's state is not that of @generation any more.
 */
int __must_check harp_append(struct harp_replica *r, struct harp_builder *b, u32 generation,
			     struct harp_at *at);
/* Wait until this record is committed and applied here: 0; released or cut: -ESTALE. */
int __must_check harp_wait_applied(struct harp_replica *r, const struct harp_at *at);
/*
 * The same for whatever record got that number in @generation; -ETIMEDOUT when another has
 * begun: the record may have been cut, and the number may never come.
 */
int __must_check harp_wait_index(struct harp_replica *r, u64 index, u32 generation);
int __must_check harp_wait_committed(struct harp_replica *r, u64 index, u32 generation);
/* CP, AP, told limits moved: called with replica.lock NOT held. */
void harp_commit_advance(struct harp_replica *r);
/* A strictly growing wall clock for records, ns (kernel-notes 61). */
u64 harp_now_ns(struct harp_replica *r);
u64 harp_new_fid(struct harp_replica *r);

/* ----------------------------------------------------------- lease.c, link.c */
bool harp_lease_valid(struct harp_replica *r);			/* any context */
void harp_lease_renew(struct harp_replica *r, u64 t_sent_ns);	/* L3 */
void harp_lease_confirm(struct harp_replica *r, u64 t_sent_ns);
void harp_links_init(struct harp_replica *r);
void harp_links_close(struct harp_replica *r);
void harp_links_exit(struct harp_replica *r);
/* The sender has something to do: a record was appended, AP or LB moved. */
void harp_link_kick(struct harp_replica *r);

/* ------------------------------------------------------------ lower.c, node.c */
/**
 * struct harp_node - a file of the lower, known by its fid
 *
 * Both roles use nodes; a harp inode holds one. Bounded LRU of unreferenced ones.
 * ctime, btime and parent live in the row (rows.c), cached here.
 */
struct harp_node {
	u64 fid;
	refcount_t ref;
	struct dentry *lower;		/* pinned; an alias good for any lower call */
	struct mutex lock;		/* apply and row write-back of this node */
	struct rhash_head hash;
	struct list_head lru;
	struct list_head dirty;		/* row to be written by the next LB pass */
	struct harp_replica *r;
	struct timespec64 ctime, btime;
	u64 parent;			/* directories */
	u8 state;			/* HARP_STATE_* */
	struct file *wfile;		/* apply's cached lower file, or NULL */
};

/* Open/lay out the lower of a replica (tree, .harp/...); compare and load. */
int __must_check harp_lower_open(struct harp_replica *r, bool init, struct fs_context *fc);
void harp_lower_close(struct harp_replica *r);
void harp_lower_show(const struct harp_replica *r, struct seq_file *m);
/*
 * By fid: -ESTALE only for a fid known to be gone or never given; a lower error is
 * -ETIMEDOUT (kernel-notes 8).
 */
struct harp_node *harp_node_get(struct harp_replica *r, u64 fid);
void harp_node_hold(struct harp_node *n);
void harp_node_put(struct harp_node *n);
/* By name in a directory of the lower: -ENOENT when there is none. */
struct harp_node *harp_node_lookup(struct harp_node *dir, const char *name, u32 len);
/*
 * Iterate a directory in the order both copies share (keyed name hash). Calls
 * @fn for entries with hash >= @from, ascending, until it returns false. Cookies
 * 0..2 are kept for start, "." and "..": hashes are >= 3 and <= S64_MAX. nodes keep a
 * bounded, shrinkable index per directory, kept up by apply.
 */
typedef bool (*harp_dir_fn)(void *arg, u64 hash, const char *name, u32 len, u64 fid,
			    unsigned int d_type);
int __must_check harp_node_iterate(struct harp_node *dir, u64 from, harp_dir_fn fn, void *arg);
/* 0 when nothing is in a directory, -ENOTEMPTY when something is. */
int __must_check harp_node_empty(struct harp_node *dir);
/* A lower file for reading (or -errno); caller fput()s. */
struct file *harp_node_open(struct harp_node *n, int flags);

/* -------------------------------------------------------------------- apply.c */
int __must_check harp_apply_start(struct harp_replica *r);	/* apply and sync threads */
void harp_apply_stop(struct harp_replica *r);
/* Apply one record to the lower (primary, backup and redo alike). */
int __must_check harp_apply_record(struct harp_replica *r, const struct harp_rec *rec);

/* --------------------------------------------------------------------- sync.c */
/* Ask for an LB pass now; wait for it when @wait. 0 or the lower's error. */
int harp_sync_kick(struct harp_replica *r, bool wait);

/* -------------------------------------------------------------------- space.c */
/* Pessimistic cost of a record on a lower, bytes. */
u64 harp_space_cost(const struct harp_builder *b);
/* Would a directory of the lower take one more name? 0 or -ENOSPC. */
int __must_check harp_space_name(const struct harp_node *dir);
/* Would both lowers take @cost more? 0 or -ENOSPC. */
int __must_check harp_space_check(struct harp_replica *r, u64 cost);
/* The same without looking at a lower, true until log->mutex is let go. */
bool harp_space_holds(struct harp_replica *r, u64 cost);
/* What this lower can still take, its reserve not counted. */
void harp_space_free(struct harp_replica *r, u64 *bytes, u64 *inodes);
/* The lower cannot be trusted any more: fence, LEAVE, tell harpd (N6). */
void harp_media_failure(struct harp_replica *r, int err, const char *what, u64 index);
int harp_lower_error(struct harp_replica *r, int err, const char *what);

/* -------------------------------------------------------------------- inode.c */
/*
 * The committed state: called by the apply thread after record was applied and
 * before AP moves; sets the VFS fields of the cached harp inodes it touches. Takes
 * no i_rwsem.
 */
void harp_inode_committed(struct harp_replica *r, const struct harp_rec *rec);
/* Role changed (promotion or demotion): generation is already new. Drops lower files. */
void harp_super_generation(struct harp_replica *r);

/* --------------------------------------------------------- netlink.c, gate.c */
int __must_check harp_netlink_init(void);
void harp_netlink_exit(void);
/* Multicast an event (enum harp_nl_event) with an index and a text; any context. */
void harp_event(struct harp_replica *r, u32 event, u64 value, const char *text);
/* G1: true iff a frame may leave now: serving, primary, lease valid. Any context. */
bool harp_gate_open(struct harp_replica *r);

extern struct file_system_type harp_fs_type;

#endif /* HARP_H */
