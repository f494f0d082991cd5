/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of the data plane (replica.c view.c feed.c seal.c commit.c lease.c link.c
 * gate.c netlink*.c) share with each other and with nobody else, but for harp_leave().
 */
#ifndef HARP_DATAPLANE_H
#define HARP_DATAPLANE_H

#include <linux/workqueue.h>
#include "fault.h"
#include "harp.h"

struct dentry;
struct file;
struct genl_info;
struct harp_link;
struct net_device;
struct netlink_ext_ack;
struct sk_buff;

/*
 * Promises are numbered; a number is given at most every Δ / 32, so that the
 * time each was given need be kept for the last 2 Δ only (protocol L2).
 */
#define HARP_PROMISE_STEPS	32
#define HARP_PROMISE_RING	(4 * HARP_PROMISE_STEPS)

/**
 * struct harp_feed - what a member that is in no view is fed (C1)
 * @on: it is, just now
 * @peer: slot of who feeds it
 * @peer_inc: whose incarnation this is
 * @view: whose history it is
 * @cp: the view's CP, as told
 * @ap: its primary's AP, as told
 * @upto: records up to it may be stored before they are committed: START's s; 0: none
 * @redo: the first CP told, or @upto, is the last record an earlier life may have applied
 */
struct harp_feed {
	bool on, redo;
	u8 peer;
	u64 peer_inc, view, cp, ap, upto;
};

/**
 * struct harp_links - the data plane's own state of a replica
 * @r: the replica
 * @mutex: serialises LINK_ADD, LINK_DROP, VIEW_START, FEED, LOG_LOAD and the end: outside
 *	log->mutex
 * @cur: the link to the partner, or NULL; @mutex to change, @lock to look
 * @closed: the replica is ending: no link and no view any more; @mutex
 * @lock: protects @cur for those without @mutex
 * @tx_wq: senders sleep here: something to send, or the link ended
 * @rx_wq: receivers sleep here until this member is in a view with their peer
 * @commit_wq: harp_wait_committed()
 * @lease_work: notices that the lease has ended (the gate does not depend on it)
 * @discard_work: D1: has log->mutex to take
 * @dir: debugfs
 *
 * The rest is protected by replica.lock.
 *
 * @intact: the region's half of "intact" (protocol.rst, "State")
 * @filling: backup without the records up to s + 1 yet: the primary sends them
 * @expect: section of the VIEW record that must come at s + 1
 * @feed: changes with log->mutex held as well
 * @fed: @feed has been on since this object was last in a view
 * @started: the backup's first ACK >= s + 1 has come (N3)
 * @peer_left: LEAVE from the partner in this view
 * @peer_no_control: the partner said so last
 * @lease_armed: @lease_work is scheduled
 * @lease_lost: told so
 * @high: ring above the high mark, not yet below the low one
 * @promise_to: beneficiary of replica.promise_until
 * @view_began: when this object entered the view
 * @peer_served: when the primary last said that it serves, or @view_began
 * @given: when promise number n was first given, at n % HARP_PROMISE_RING
 * @woken: waiters up to this index have been woken
 * @release_seq: grows with every release
 * @higher_told: highest view reported by HARP_EVENT_HIGHER_VIEW
 * @n_sent: messages sent
 * @n_acks: ACKs taken
 * @fault: fault points
 */
struct harp_links {
	struct harp_replica *r;
	struct mutex mutex;		/* see above */
	struct harp_link *cur;
	bool closed;
	spinlock_t lock;		/* see above */
	wait_queue_head_t tx_wq, rx_wq, commit_wq;
	struct delayed_work lease_work;
	struct work_struct discard_work;
	struct dentry *dir;

	bool intact, filling, started, peer_left, peer_no_control;
	bool lease_armed, lease_lost, high, fed;
	struct harp_feed feed;
	u8 promise_to;
	struct harp_sec_view expect;
	ktime_t view_began, peer_served;
	ktime_t given[HARP_PROMISE_RING];
	u64 woken, release_seq, higher_told;
	atomic64_t n_sent, n_acks;
	struct harp_fault_point fault[HARP_FAULTS];
};

/* ------------------------------------------------------------------ replica.c */
/**
 * struct harp_seen - the highest fid and time of some records
 * @fid: highest fid that any of them names
 * @time_ns: highest time
 */
struct harp_seen {
	u64 fid, time_ns;
};

void harp_replicas_init(void);
void harp_replicas_exit(void);

struct harp_replica *harp_replica_nth(unsigned long n);
struct harp_replica *harp_replica_alloc(const struct harp_replica_params *p);
void harp_seen_add(struct harp_seen *seen, const struct harp_rec *rec);
void harp_seen_note(struct harp_replica *r, const struct harp_seen *seen);

/* --------------------------------------------------------------------- view.c */
/**
 * struct harp_view_from - what a view is begun from (V6)
 * @match: highest record this log has in common with the view's, at most s
 * @crc_known: whether START says the next
 * @crc_of_s: checksum of record s, to which the VIEW record is chained
 */
struct harp_view_from {
	u64 match;
	bool crc_known;
	u32 crc_of_s;
};

int __must_check harp_view_start(struct harp_replica *r, const struct harp_sec_view *v, u32 len,
				 const struct harp_view_from *from, struct netlink_ext_ack *extack);
int __must_check harp_release(struct harp_replica *r, struct netlink_ext_ack *extack);

bool harp_parked(struct harp_replica *r);

/* --------------------------------------------------------------------- feed.c */
int __must_check harp_feed(struct harp_replica *r, const struct harp_feed *feed, u64 match,
			   struct netlink_ext_ack *extack);
bool harp_feed_end(struct harp_replica *r);
void harp_feed_told(struct harp_replica *r, u64 cp, u64 ap);
void harp_feed_full(struct harp_replica *r);
const char *harp_feed_refuses(u64 view, u64 upto, const struct harp_rec *rec);

/* --------------------------------------------------------------------- seal.c */
int __must_check harp_seal_load(struct harp_replica *r, struct file *file,
				struct netlink_ext_ack *extack);

/* -------------------------------------------------------------------- apply.c */
u64 harp_apply_limit(struct harp_replica *r);

/* ------------------------------------------------------------------- commit.c */
void harp_try_serve(struct harp_replica *r);
void harp_wake_all(struct harp_replica *r);
void harp_discard_work(struct work_struct *work);
void harp_check_fill(struct harp_replica *r);
void harp_primary_ack(struct harp_replica *r, u64 n, u64 view);

/* -------------------------------------------------------------------- lease.c */
bool harp_in_view(const struct harp_replica *r);
bool harp_touched(const struct harp_replica *r, ktime_t now);
u64 harp_promise_give(struct harp_replica *r, ktime_t now, u64 heard, bool serving);
bool harp_lease_extend(struct harp_replica *r, ktime_t sent, ktime_t now);
int __must_check harp_fence_locked(struct harp_replica *r, u64 view, u8 by, ktime_t now,
				   u32 *left_ms);
int __must_check harp_fence(struct harp_replica *r, u64 view, u8 by, u32 *left_ms);
void harp_lease_work(struct work_struct *work);
/* Fence this member out of its view, for good, and tell the partner (L4, N6). */
void harp_leave(struct harp_replica *r);

/* --------------------------------------------------------------------- link.c */
int __must_check harp_link_add(struct harp_replica *r, struct net *net, int fd, u8 peer,
			       struct netlink_ext_ack *extack);
int __must_check harp_link_drop(struct harp_replica *r);
void harp_link_stop_used(struct harp_replica *r);
void harp_link_leave(struct harp_replica *r, u64 view);
bool harp_link_up(struct harp_replica *r);

/* --------------------------------------------------------------------- gate.c */
int __must_check harp_gate_init(void);
void harp_gate_exit(void);
int __must_check harp_gate_alloc(struct harp_replica *r);
void harp_gate_close(struct harp_replica *r);
void harp_gate_free(struct harp_replica *r);
int __must_check harp_gate_bind(struct harp_replica *r, struct net *net, u32 ifindex,
				struct netlink_ext_ack *extack);
bool harp_gate_bound(struct harp_replica *r);
void harp_gate_show(struct harp_replica *r, struct seq_file *m);

#endif /* HARP_DATAPLANE_H */
