/* SPDX-License-Identifier: GPL-2.0 */
/* What link.c and link_rx.c share. */
#ifndef HARP_LINK_H
#define HARP_LINK_H

#include <linux/kthread.h>
#include <linux/net.h>
#include "dataplane.h"

/**
 * struct harp_link - one socket to a partner
 * @r: the replica
 * @sock: the socket; its file reference is ours
 * @peer: the partner's slot
 * @rx: receiver thread
 * @tx: sender thread
 * @dead: no use any more; the threads wait to be stopped
 * @used: has begun to speak in @view; replica.lock
 * @feed: it belongs to a feed, @view is whose history that is; with @used
 * @view: the view it belongs to
 * @upto: feed: records up to it are taken before they are committed; with @used
 * @up: the partner has been heard
 * @leave: LEAVE of @leave_view is to be sent
 * @leave_view: the view left
 * @tx_mutex: one message at a time on the socket, and the members below
 * @next: primary: the record to send next
 * @sent_cp: told last
 * @sent_ap: told last
 * @sent_lb: told last
 * @sent_serving: told last
 * @sent_t: when REC or BEAT was sent last, ns (lease=confirm)
 * @sent_at: when something was last sent
 * @last_t: backup: send time of the last message taken
 * @free_at: when @free_bytes was looked up
 * @free_bytes: what our lower can take
 * @free_inodes: what our lower can take
 * @buf: records of the message being received, HARP_WIRE_BATCH_MAX bytes
 */
struct harp_link {
	struct harp_replica *r;
	struct socket *sock;
	u8 peer;
	struct task_struct *rx, *tx;
	bool dead, used, feed, up, leave;
	u64 view, upto, leave_view;

	struct mutex tx_mutex;		/* see above */
	u64 next;
	u64 sent_cp, sent_ap, sent_lb;
	bool sent_serving;
	u64 sent_t;
	ktime_t sent_at, free_at;
	u64 last_t, free_bytes, free_inodes;

	void *buf;
};

static inline bool harp_link_over(struct harp_link *l)
{
	return READ_ONCE(l->dead) || kthread_should_stop();
}

static inline bool harp_link_primary(struct harp_link *l)
{
	return !READ_ONCE(l->feed) && READ_ONCE(l->r->role) == HARP_ROLE_PRIMARY;
}

/* Without a lock: is it certain that nothing counts on this link any more? */
static inline bool harp_link_fenced(struct harp_link *l)
{
	if (READ_ONCE(l->feed))
		return !READ_ONCE(l->r->links->feed.on);
	return READ_ONCE(l->r->fence) > l->view;
}

/* --------------------------------------------------------------------- link.c */
void harp_link_fail(struct harp_link *l, const char *why, int err);
bool harp_link_live(struct harp_link *l);
bool harp_link_stores(struct harp_link *l);
bool harp_link_begin(struct harp_link *l);
void harp_link_thread_begin(void);
void harp_link_thread_end(struct harp_link *l);
int __must_check harp_send_ack(struct harp_link *l, u64 t, u64 promise);

/* ------------------------------------------------------------------ link_rx.c */
int harp_link_rx(void *arg);

#endif /* HARP_LINK_H */
