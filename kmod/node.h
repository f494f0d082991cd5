/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of the lower side (lower.c rows.c node.c dirindex.c entry.c apply.c redo.c
 * sync.c space.c copynote.c copywrite.c copyend.c) share with each other; others use harp.h.
 */
#ifndef HARP_NODE_H
#define HARP_NODE_H

#include <linux/errseq.h>
#include <linux/rhashtable.h>
#include <linux/siphash.h>
#include <linux/xarray.h>
#include "compat/lower_shrinker.h"
#include "copy.h"
#include "harp.h"

struct fid;

/* Bounds of this side. */
#define HARP_NODES_IDLE_MAX	16384		/* unreferenced nodes, each pins a lower inode */
#define HARP_NODES_DIRTY_MAX	8192		/* rows not yet written; then apply writes them */
#define HARP_WFILES_MAX		256		/* lower files that apply keeps open */
#define HARP_APPLY_BATCH	64		/* records noted as being applied at a time (N4) */
#define HARP_SYNC_PERIOD	(5 * HZ)
#define HARP_RESERVE_MAX	(64 * 1048576ULL)	/* bytes set aside on the lower */
#define HARP_RESERVE_MIN	1048576ULL
#define HARP_RESERVE_INODES	64

/* ------------------------------------------------------------- rows, on disk */
#define HARP_ROW_SIZE		64
#define HARP_ROW_MAGIC		0x7248		/* "Hr" */
#define HARP_ROW_VERSION	1
#define HARP_ROW_FH_MAX		16

/**
 * struct harp_row_disk - what .harp/rows keeps of a fid, at its slot times 64
 * @magic: HARP_ROW_MAGIC; all zero: never written
 * @version: HARP_ROW_VERSION
 * @state: HARP_STATE_*
 * @fh_type: type of the lower handle
 * @fh_words: its length in 32-bit words, at most 4
 * @fid_high: the fid's high 16 bits (the slot is its low 48)
 * @fh: lower handle, without parent
 * @ctime_sec: ctime, seconds
 * @btime_sec: btime, seconds
 * @ctime_nsec: ctime, nanoseconds
 * @btime_nsec: btime, nanoseconds
 * @parent: fid of the directory that a directory is in, else 0
 * @reserved: zero
 * @crc: crc32c of the row with this field zero
 */
struct harp_row_disk {
	__le16 magic;
	__u8 version;
	__u8 state;
	__u8 fh_type;
	__u8 fh_words;
	__le16 fid_high;
	__u8 fh[HARP_ROW_FH_MAX];
	__le64 ctime_sec;
	__le64 btime_sec;
	__le32 ctime_nsec;
	__le32 btime_nsec;
	__le64 parent;
	__le32 reserved;
	__le32 crc;
};

static_assert(sizeof(struct harp_row_disk) == HARP_ROW_SIZE);

#define HARP_ROWS_MAGIC		0x53574f5250524148ULL	/* "HARPROWS" */
#define HARP_ROWS_VERSION	1

/**
 * struct harp_rows_head - slot 0 of .harp/rows
 * @magic: HARP_ROWS_MAGIC
 * @version: HARP_ROWS_VERSION
 * @len: sizeof(struct harp_rows_head)
 * @group: the group's UUID
 * @lineage: history
 * @next: neither this fid nor a higher one has been given, as of the LB note
 * @reserved: zero
 * @crc: crc32c of this with the field zero
 */
struct harp_rows_head {
	__le64 magic;
	__le32 version;
	__le32 len;
	__u8 group[16];
	__le64 lineage;
	__le64 next;
	__u8 reserved[12];
	__le32 crc;
};

static_assert(sizeof(struct harp_rows_head) == HARP_ROW_SIZE);

#define HARP_LB_MAGIC		0x45544f4e5f424c48ULL	/* "HLB_NOTE" */
#define HARP_LB_VERSION		1
#define HARP_LB_STRIDE		4096			/* two copies, written in turn */

/**
 * struct harp_lb_note - .harp/lb: how far this lower is durable (protocol N6)
 * @magic: HARP_LB_MAGIC
 * @version: HARP_LB_VERSION
 * @len: sizeof(struct harp_lb_note)
 * @group: the group's UUID
 * @lineage: history
 * @seq: grows with every note; the valid copy with the higher one counts
 * @lb: every record up to it has its effects on this disk
 * @member: slot of the member whose lower this is
 * @reserved: zero
 * @crc: crc32c of this with the field zero
 */
struct harp_lb_note {
	__le64 magic;
	__le32 version;
	__le32 len;
	__u8 group[16];
	__le64 lineage;
	__le64 seq;
	__le64 lb;
	__u8 member;
	__u8 reserved[3];
	__le32 crc;
};

static_assert(sizeof(struct harp_lb_note) == 64);

#define HARP_COPY_NOTE_MAGIC	0x45544f4e5f504348ULL	/* "HCP_NOTE" */
#define HARP_COPY_NOTE_VERSION	1
#define HARP_COPY_NOTE_STRIDE	4096			/* two copies, written in turn */

/**
 * struct harp_copying - a copy of the file state onto this lower (C2)
 * @file: .harp/copy, opened O_DSYNC; NULL: none was ever begun
 * @seq: of the last note; who makes LB passes
 * @at: how far it has come; replica.lock to change
 * @noted: what the last note says; who makes LB passes, replica.lock to change
 * @pos: where within @at.fid the next piece begins; links.mutex
 */
struct harp_copying {
	struct file *file;
	u64 seq;
	struct harp_copy_place at, noted;
	u64 pos;
};

/**
 * struct harp_copy_note - .harp/copy: a place, durable
 * @magic: HARP_COPY_NOTE_MAGIC
 * @version: HARP_COPY_NOTE_VERSION
 * @len: sizeof(struct harp_copy_note)
 * @group: the group's UUID
 * @lineage: history
 * @seq: from 1, grows with every note; the valid copy with the higher one counts
 * @from: this and what follows as in struct harp_copy_place
 * @upto: likewise
 * @end: likewise
 * @fid: likewise
 * @state: likewise
 * @pass: likewise
 * @member: slot of the member whose lower this is
 * @reserved: zero
 * @crc: crc32c of this with the field zero
 */
struct harp_copy_note {
	__le64 magic;
	__le32 version;
	__le32 len;
	__u8 group[16];
	__le64 lineage;
	__le64 seq;
	__le64 from;
	__le64 upto;
	__le64 end;
	__le64 fid;
	__u8 state;
	__u8 pass;
	__u8 member;
	__u8 reserved;
	__le32 crc;
};

static_assert(sizeof(struct harp_copy_note) == 88);

/**
 * struct harp_row - a row, decoded
 */
struct harp_row {
	u64 fid, parent;
	u8 state, fh_type, fh_words;
	u8 fh[HARP_ROW_FH_MAX];
	struct timespec64 ctime, btime;
};

/* -------------------------------------------------------------- in memory */
/**
 * struct harp_lnode - a node and what only the lower side knows of it
 * @n: the node; its ref counts the cache as one
 * @rcu: for freeing
 * @wlru: nodes with a wfile; nodes.lock
 * @fh_type: lower handle, for the row
 * @fh_words: its length
 * @fh: its bytes
 * @index_lock: @index; taken before any lock of the lower, held across a build
 * @index: sorted names of a directory, or NULL
 * @index_lru: nodes with an index; nodes.lock
 */
struct harp_lnode {
	struct harp_node n;
	struct rcu_head rcu;
	struct list_head wlru;
	u8 fh_type, fh_words;
	u8 fh[HARP_ROW_FH_MAX];
	struct mutex index_lock;	/* as above */
	struct harp_dirindex *index;
	struct list_head index_lru;
};

/**
 * struct harp_rows - the row file and its companion
 * @file: .harp/rows
 * @ino2fid: .harp/ino2fid: le64 per lower inode number, a hint
 * @next: one more than the highest fid known to be given
 * @flush: held while dirty rows are written, so that an LB pass does not overlook one
 *	   that apply is about to write
 */
struct harp_rows {
	struct mutex flush;		/* outside node.lock */
	struct file *file, *ino2fid;
	u64 next;
};

/**
 * struct harp_nodes - the cache of nodes of a replica
 * @hash: by fid
 * @lock: leaf; hash changes, the lists, references going to and from one
 * @lru: nodes that only the cache refers to
 * @nr_lru: how many
 * @dirty: nodes whose row is to be written; each holds a reference
 * @nr_dirty: how many
 * @wfiles: nodes with an open lower file, oldest first
 * @nr_wfiles: how many
 * @indexes: nodes with a directory index, oldest first
 * @nr_entries: names in all of them
 * @evicted: grows whenever a node leaves the cache
 * @shrinker: gives up idle nodes and indexes
 * @index_key: siphash key of the order of names: the group's UUID (I7)
 */
struct harp_nodes {
	struct rhashtable hash;
	spinlock_t lock;		/* as above */
	struct list_head lru, dirty, wfiles, indexes;
	unsigned int nr_lru, nr_dirty, nr_wfiles;
	atomic_t nr_entries;
	u64 evicted;
	struct harp_shrinker shrinker;
	siphash_key_t index_key;
};

/**
 * struct harp_sync - LB passes
 * @wq: the thread sleeps here; so do those who wait for a pass
 * @wanted: number of the last pass that somebody asked for; this and what follows
 *	    under wq.lock
 * @running: number of the pass that runs, 0 none
 * @done: number of the last pass that ended
 * @err: its result
 * @lb: .harp/lb, opened O_DSYNC
 * @seq: of the last note
 * @wb_err: s_wb_err of the lower as last seen
 */
struct harp_sync {
	wait_queue_head_t wq;
	u64 wanted, running, done;
	int err;
	struct file *lb;
	u64 seq;
	errseq_t wb_err;
};

/**
 * struct harp_space - what the lower can take
 * @lock: leaf; the sample
 * @free_bytes: free to us at the sample, the reserve not counted
 * @free_inodes: likewise
 * @at_index: AP when it was taken
 * @at_cost: sum of costs up to there
 * @taken: when (jiffies); 0 never
 * @reserve: .harp/reserve
 * @reserve_bytes: its size when whole
 * @released: the reserve was given up for a committed record: growth is refused; @change
 *	      and @lock to change
 * @change: held while the reserve is given up or made whole; outside the lower's locks
 * @freed: how often it has been given up, room made and all; @change to change
 * @dir_max: bytes of a directory from which on it gets no more names; 0: no bound
 */
struct harp_space {
	spinlock_t lock;		/* as above */
	u64 free_bytes, free_inodes, at_index, at_cost;
	unsigned long taken;
	struct file *reserve;
	u64 reserve_bytes;
	bool released;
	struct mutex change;		/* as above */
	u32 freed;
	u64 dir_max;
};

/**
 * struct harp_lower - the lower side of a replica
 * @copy: a copy of the file state onto it
 * @dying: fids that are gone at the end of redo (redo.c)
 * @moving: by fid, the last record to redo that puts it under a name
 * @n_search: fids that had to be searched for because their row did not lead to them
 * @n_skipped: steps of records about fids that are gone
 * @n_parked: occupants of a name moved aside because a record put another there
 * @n_nlink: link counts that differed from the record's
 * @n_foreign: objects on the lower without a fid
 * @n_index: directory indexes built
 */
struct harp_lower {
	struct harp_replica *r;
	struct harp_rows rows;
	struct harp_nodes nodes;
	struct harp_sync sync;
	struct harp_space space;
	struct harp_copying copy;
	struct dentry *dir;			/* .harp */
	struct xarray dying, moving;
	atomic64_t n_search, n_skipped, n_parked, n_nlink, n_foreign;
	atomic64_t n_index;
};

static inline struct harp_lower *harp_lower(const struct harp_replica *r)
{
	return container_of(r->nodes, struct harp_lower, nodes);
}

static inline struct harp_lnode *harp_lnode(struct harp_node *n)
{
	return container_of(n, struct harp_lnode, n);
}

static inline struct timespec64 harp_time_get(const struct harp_time *t)
{
	return (struct timespec64){ .tv_sec = (s64)le64_to_cpu(t->sec),
				    .tv_nsec = le32_to_cpu(t->nsec) };
}

/* ------------------------------------------------------------------- rows.c */
void harp_row_encode(const struct harp_row *row, struct harp_row_disk *disk);
int __must_check harp_row_decode(const struct harp_row_disk *disk, u64 fid,
				 struct harp_row *row);
u32 harp_crc_but_last(const void *p, size_t len);
void harp_lb_encode(const struct harp_replica *r, u64 seq, u64 lb, struct harp_lb_note *note);
bool harp_lb_valid(const struct harp_lb_note *note);
int __must_check harp_write_full(struct file *file, const void *buf, size_t len, loff_t pos);
int __must_check harp_rows_read(struct harp_lower *lw, u64 fid, struct harp_row *row);
int __must_check harp_rows_write(struct harp_lower *lw, const struct harp_row *row);
int __must_check harp_rows_write_node(struct harp_node *n);
int __must_check harp_rows_flush(struct harp_lower *lw, unsigned int max);
int __must_check harp_rows_head_read(struct harp_lower *lw, const char **why);
int __must_check harp_rows_head_write(struct harp_lower *lw);
int __must_check harp_rows_owe(struct harp_lower *lw, u64 fid);
int __must_check harp_rows_owed(struct harp_lower *lw, u64 *fid);
int __must_check harp_ino2fid_set(struct harp_lower *lw, u64 ino, u64 fid);
u64 harp_ino2fid_get(struct harp_lower *lw, u64 ino);
bool harp_fid_was_given(const struct harp_lower *lw, u64 fid);
void harp_fid_note(struct harp_lower *lw, u64 fid);

/* --------------------------------------------------------------- copynote.c */
void harp_copy_note_encode(const struct harp_replica *r, u64 seq,
			   const struct harp_copy_place *at, struct harp_copy_note *note);
int __must_check harp_copy_note_decode(const struct harp_copy_note *note,
				       struct harp_copy_place *at);
int __must_check harp_copy_note_read(struct harp_lower *lw, const char **why);
int __must_check harp_copy_note_write(struct harp_lower *lw, const struct harp_copy_place *at);
bool harp_copy_note_is(const struct harp_lower *lw, const struct harp_copy_place *at);

/* ---------------------------------------------------------------- copyend.c */
bool harp_copying(const struct harp_replica *r);
bool harp_copy_due(const struct harp_replica *r);
void harp_copy_end(struct harp_replica *r);

/* ------------------------------------------------------------------ lower.c */
int __must_check harp_lower_bare(struct harp_lower *lw);
int __must_check harp_lower_copy_file(struct harp_lower *lw, bool make);

/* ------------------------------------------------------------------- node.c */
int __must_check harp_nodes_init(struct harp_lower *lw);
void harp_nodes_exit(struct harp_lower *lw);
int __must_check harp_fid_read(struct dentry *lower, u64 *fid);
void harp_orphan_name(char *buf, u64 fid);
#define HARP_ORPHAN_NAME_LEN	16
struct dentry *harp_orphan_find(struct harp_lower *lw, u64 fid);
struct harp_node *harp_node_peek(struct harp_replica *r, u64 fid);
struct harp_node *harp_node_load(struct harp_replica *r, u64 fid);
struct harp_node *harp_node_of_dentry(struct harp_replica *r, u64 fid, struct dentry *lower);
struct harp_node *harp_node_make(struct harp_replica *r, const struct harp_row *row,
				 struct dentry *lower);
void harp_node_dirty(struct harp_node *n);
void harp_node_clean(struct harp_node *n);
struct file *harp_node_wfile(struct harp_node *n);
void harp_node_drop_wfile(struct harp_node *n);

/* --------------------------------------------------------------- dirindex.c */
u64 harp_name_hash(const siphash_key_t *key, const char *name, u32 len);
void harp_index_key(const uuid_t *group, siphash_key_t *key);
void harp_index_set(struct harp_node *dir, const char *name, u32 len, u64 fid,
		    unsigned int d_type);
void harp_index_del(struct harp_node *dir, const char *name, u32 len);
void harp_index_drop(struct harp_lnode *ln);
unsigned int harp_index_end(struct harp_lnode *ln);
unsigned long harp_index_shrink(struct harp_lower *lw, unsigned long nr);

/* ------------------------------------------------------------------ entry.c */
int __must_check harp_entry_create(struct harp_node *dir, const struct harp_sec_name *name,
				   struct harp_node *n);
int __must_check harp_entry_link(struct harp_node *dir, const struct harp_sec_name *name,
				 struct harp_node *n);
int __must_check harp_entry_put(struct harp_node *dir, const struct harp_sec_name *name,
				struct harp_node *n);
int __must_check harp_entry_drop(struct harp_node *dir, const struct harp_sec_name *name,
				 u64 fid, u8 state);
int __must_check harp_entry_move(struct harp_node *odir, const struct harp_sec_name *from,
				 struct harp_node *ndir, const struct harp_sec_name *to,
				 struct harp_node *n, u8 replaced_state);
int __must_check harp_entry_back(struct harp_node *n);
int __must_check harp_entry_swap(struct harp_node *adir, const struct harp_sec_name *a,
				 struct harp_node *bdir, const struct harp_sec_name *b,
				 struct harp_node *na, struct harp_node *nb);
int __must_check harp_orphan_drop(struct harp_lower *lw, u64 fid);
int __must_check harp_orphan_clear(struct harp_lower *lw, u64 fid);
struct dentry *harp_orphan_make(struct harp_lower *lw, const struct harp_sec_inode *sec,
				const char *target);

/* ------------------------------------------------------------------ apply.c */
typedef int (*harp_apply_step)(struct harp_replica *r, const void *arg);
int harp_apply_insist(struct harp_replica *r, harp_apply_step step, const void *arg,
		      const char *what, u64 index);
int __must_check harp_apply_object(struct harp_replica *r, const struct harp_rec *rec,
				   const struct harp_sec_inode *sec, struct harp_node **n);
int __must_check harp_apply_node(struct harp_replica *r, u64 fid, struct harp_node **n);

/* ------------------------------------------------------------------- redo.c */
bool harp_redoing(const struct harp_replica *r);
bool harp_redo_dies(const struct harp_replica *r, u64 fid);
bool harp_redo_moves(const struct harp_replica *r, u64 fid);
int __must_check harp_redo_prepare(struct harp_replica *r);
void harp_redo_end(struct harp_replica *r);

/* ------------------------------------------------------------------- sync.c */
int harp_sync_thread(void *arg);
int __must_check harp_sync_written(struct super_block *sb, errseq_t *seen);
int __must_check harp_sync_rows(struct harp_lower *lw);
int __must_check harp_sync_pass(struct harp_lower *lw);
int __must_check harp_sync_open(struct harp_lower *lw, u64 *lb, const char **why);
int __must_check harp_lb_write(struct harp_lower *lw, u64 lb);

/* ------------------------------------------------------------------ space.c */
int __must_check harp_space_open(struct harp_lower *lw, u64 dir_max);
u32 harp_space_freed(const struct harp_lower *lw);
int __must_check harp_space_release(struct harp_lower *lw, u32 freed);
void harp_space_tend(struct harp_lower *lw);

#endif /* HARP_NODE_H */
