// SPDX-License-Identifier: GPL-2.0
/*
 * The record link (protocol N1-N3, L1, L2; harp_wire.h): harpd connects a stream
 * socket and hands it in, as with nbd; two threads of ours own it from then on.
 *
 *	primary		tx: waits for HELLO, then REC and BEAT	rx: HELLO, ACK
 *	backup		tx: HELLO, then ACK when LB or AP moved	rx: REC; acks it
 *	fed (C1)	as backup
 *
 * A link belongs to one view, or one feed. It may be added before that is: then both
 * threads wait for it. Whatever goes wrong with the stream ends the link, never
 * the view: harpd is told and makes a new one, and the primary goes on after the
 * backup's top.
 */
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/net.h>
#include <linux/netlink.h>
#include <linux/sched/mm.h>
#include <linux/tcp.h>
#include <linux/harp_netlink.h>
#include <net/sock.h>
#include <net/tcp.h>
#include <net/tcp_states.h>
#include "link.h"
#include "trace.h"

#define HARP_TX_RECORDS		62		/* records in one message, at most */
#define HARP_TX_BYTES		(256U * 1024)	/* … and bytes, unless one is longer */
#define HARP_TELL_MS		10		/* CP and AP alone are told after this */
#define HARP_FREE_MS		100		/* how old the free space told may be */
#define HARP_FREE_CLOSE		BIT_ULL(30)	/* unless there is less than this, bytes, */
#define HARP_FREE_INODES_CLOSE	BIT_ULL(17)	/* or this */
#define HARP_LEAVE_WAIT		(HZ / 2)
#define HARP_FEED_BEAT		(HZ / 2)	/* a member that is fed tells where it is */

static void harp_link_wake(struct harp_replica *r)
{
	wake_up_all(&r->links->rx_wq);
	wake_up_all(&r->links->tx_wq);
	wake_up_all(harp_log_space_wq(r->log));
}

static void harp_link_kill(struct harp_link *l)
{
	WRITE_ONCE(l->dead, true);
	kernel_sock_shutdown(l->sock, SHUT_RDWR);
	harp_link_wake(l->r);
}

/**
 * harp_link_fail() - the stream cannot be used any more: tell harpd, once
 * @l: the link
 * @why: what happened
 * @err: errno, or 0
 *
 * Context: process context.
 */
void harp_link_fail(struct harp_link *l, const char *why, int err)
{
	char text[96];

	if (xchg(&l->dead, true))
		return;
	if (err)
		snprintf(text, sizeof(text), "%s (%pe)", why, ERR_PTR(err));
	else
		strscpy(text, why, sizeof(text));
	pr_info_ratelimited("harp: %s/%u: link to member %u: %s\n", l->r->group, l->r->member,
			    l->peer, text);
	harp_link_kill(l);
	harp_event(l->r, HARP_EVENT_LINK_DEAD, l->peer, text);
}

/**
 * harp_link_live() - is this link the one of a view that is still on?
 * @l: the link
 *
 * Context: replica.lock held.
 * Return: true when what comes on it counts.
 */
bool harp_link_live(struct harp_link *l)
{
	const struct harp_feed *feed = &l->r->links->feed;

	if (l->feed)
		return feed->on && feed->view == l->view && feed->peer == l->peer;
	return harp_in_view(l->r) && l->r->view == l->view && l->r->peer == l->peer;
}

/**
 * harp_link_stores() - is this a link whose records are stored here?
 * @l: the link
 *
 * Context: replica.lock held.
 * Return: true in a view's backup, and in a member that is fed.
 */
bool harp_link_stores(struct harp_link *l)
{
	return harp_link_live(l) && (l->feed || l->r->role == HARP_ROLE_BACKUP);
}

/**
 * harp_link_begin() - take the link up in the view or feed, if there is one with this partner
 * @l: the link
 *
 * Context: process context, takes replica.lock.
 * Return: true when it is in use.
 */
bool harp_link_begin(struct harp_link *l)
{
	struct harp_replica *r = l->r;
	const struct harp_feed *feed = &r->links->feed;
	bool live;

	spin_lock(&r->lock);
	if (!l->used && harp_in_view(r) && r->peer == l->peer) {
		l->used = true;
		l->view = r->view;
	} else if (!l->used && feed->on && feed->peer == l->peer) {
		l->used = true;
		WRITE_ONCE(l->feed, true);
		l->view = feed->view;
		l->upto = feed->upto;
	}
	live = l->used;
	spin_unlock(&r->lock);
	return live;
}

/* ---------------------------------------------------------------------- sending */

static int harp_link_send(struct harp_link *l, struct kvec *iov, unsigned int n, size_t len)
{
	struct msghdr msg = { .msg_flags = MSG_NOSIGNAL };
	int ret;

	lockdep_assert_held(&l->tx_mutex);
	iov_iter_kvec(&msg.msg_iter, WRITE, iov, n, len);
	while (msg_data_left(&msg)) {
		if (READ_ONCE(l->dead))
			return -EPIPE;
		ret = sock_sendmsg(l->sock, &msg);
		if (ret < 0)
			return ret;
		if (!ret)
			return -EPIPE;
	}
	atomic64_inc(&l->r->links->n_sent);
	l->sent_at = ktime_get_boottime();
	return 0;
}

static void harp_link_header(struct harp_link *l, struct harp_wire_hdr *h, u8 type, u64 view)
{
	struct harp_replica *r = l->r;

	memset(h, 0, sizeof(*h));
	h->type = type;
	h->epoch = cpu_to_le32(r->epoch);
	export_uuid(h->group, &r->uuid);
	h->lineage = cpu_to_le64(r->lineage);
	h->inc = cpu_to_le64(r->inc);
	h->view = cpu_to_le64(view);
	h->sender = r->member;
}

static int harp_send_hello(struct harp_link *l)
{
	struct harp_replica *r = l->r;
	struct harp_wire_hello body = { };
	struct harp_wire_hdr hdr;
	struct harp_log_pos pos;
	struct kvec iov[2] = {
		{ .iov_base = &hdr, .iov_len = sizeof(hdr) },
		{ .iov_base = &body, .iov_len = sizeof(body) },
	};

	harp_log_pos(r->log, &pos);
	body.top = cpu_to_le64(pos.top);
	body.view_of_top = cpu_to_le64(pos.top_view);
	body.crc_of_top = cpu_to_le32(pos.top_crc);
	body.ring = cpu_to_le32(pos.size / HARP_WIRE_RING_UNIT);
	body.lb = cpu_to_le64(READ_ONCE(r->lb));
	body.ap = cpu_to_le64(READ_ONCE(r->ap));
	harp_link_header(l, &hdr, HARP_WIRE_HELLO, l->view);
	harp_wire_seal(&hdr, &body, 0);
	return harp_link_send(l, iov, 2, sizeof(hdr) + sizeof(body));
}

static int harp_send_leave(struct harp_link *l)
{
	struct harp_wire_hdr hdr;
	struct kvec iov = { .iov_base = &hdr, .iov_len = sizeof(hdr) };

	harp_link_header(l, &hdr, HARP_WIRE_LEAVE, l->leave_view);
	harp_wire_seal(&hdr, NULL, 0);
	return harp_link_send(l, &iov, 1, sizeof(hdr));
}

/**
 * harp_send_ack() - backup: how far the log goes here (N2), and what else there is to say
 * @l: the link, tx_mutex held
 * @t: of the REC this answers
 * @promise: number of the promise it carries, 0 none
 *
 * Context: process context.
 * Return: 0; -ESTALE: fenced meanwhile, nothing was sent; or the socket's error.
 */
int harp_send_ack(struct harp_link *l, u64 t, u64 promise)
{
	struct harp_replica *r = l->r;
	ktime_t now = ktime_get_boottime();
	struct harp_wire_ack body = { };
	struct harp_wire_hdr hdr;
	struct kvec iov[2] = {
		{ .iov_base = &hdr, .iov_len = sizeof(hdr) },
		{ .iov_base = &body, .iov_len = sizeof(body) },
	};
	u32 flags = promise ? HARP_ACK_F_PROMISE : 0;
	struct harp_log_pos pos;
	bool live;
	u64 ap;

	lockdep_assert_held(&l->tx_mutex);
	/*
	 * AP first: what is applied while we look then counts twice at the primary,
	 * not never. A lower that is nearly full is looked at whenever AP has moved.
	 */
	ap = READ_ONCE(r->ap);
	if (!l->free_at || ktime_ms_delta(now, l->free_at) > HARP_FREE_MS ||
	    (ap != l->sent_ap && (l->free_bytes < HARP_FREE_CLOSE ||
				  l->free_inodes < HARP_FREE_INODES_CLOSE))) {
		harp_space_free(r, &l->free_bytes, &l->free_inodes);
		l->free_at = now;
	}
	if (!harp_touched(r, now))
		flags |= HARP_ACK_F_NO_CONTROL;
	/*
	 * Not TOP: the receiver may just be storing, and what is above the watermark a
	 * restart could lose without knowing (finding 1). A feed is no such promise.
	 */
	harp_log_pos(r->log, &pos);
	body.n = cpu_to_le64(l->feed ? pos.top : pos.wm);
	spin_lock(&r->lock);
	live = harp_link_stores(l);
	l->sent_lb = min(r->lb, ap);
	l->sent_ap = ap;
	spin_unlock(&r->lock);
	/* After the fence nothing of the view is acked. */
	if (!live)
		return -ESTALE;
	body.t = cpu_to_le64(t);
	body.promise = cpu_to_le64(promise);
	body.lb = cpu_to_le64(l->sent_lb);
	body.ap = cpu_to_le64(l->sent_ap);
	body.free_bytes = cpu_to_le64(l->free_bytes);
	body.free_inodes = cpu_to_le64(l->free_inodes);
	body.flags = cpu_to_le32(flags);
	harp_link_header(l, &hdr, HARP_WIRE_ACK, l->view);
	harp_wire_seal(&hdr, &body, 0);
	trace_harp_ack(r, le64_to_cpu(body.n), promise);
	return harp_link_send(l, iov, 2, sizeof(hdr) + sizeof(body));
}

/*
 * Whole records from @from on, straight from the ring: they stay where they are
 * until the backup has acked them (harp_discard_work()).
 */
static unsigned int harp_tx_gather(struct harp_link *l, struct kvec *iov, u64 from, u32 *bytes)
{
	struct harp_log *log = l->r->log;
	const struct harp_rec_hdr *rec;
	u64 top = harp_log_top(log);
	unsigned int n = 0;
	u32 len;

	for (*bytes = 0; n < HARP_TX_RECORDS && from + n <= top; n++) {
		rec = harp_log_get(log, from + n);
		if (!rec)
			break;
		len = le32_to_cpu(rec->len);
		if (n && *bytes + len > HARP_TX_BYTES)
			break;
		iov[n].iov_base = (void *)rec;
		iov[n].iov_len = len;
		*bytes += len;
	}
	return n;
}

/* REC with what there is to send, else BEAT (L1). -ESTALE: not the time to. */
static int harp_send_rec(struct harp_link *l, struct kvec *iov)
{
	struct harp_replica *r = l->r;
	struct harp_wire_rec body = { };
	struct harp_wire_hdr hdr;
	unsigned int n;
	bool live;
	u32 bytes;
	int err;

	lockdep_assert_held(&l->tx_mutex);
	n = harp_tx_gather(l, iov + 2, l->next, &bytes);
	spin_lock(&r->lock);
	live = harp_link_live(l) && r->role == HARP_ROLE_PRIMARY;
	l->sent_cp = r->cp;
	l->sent_ap = r->ap;
	l->sent_lb = r->lb;
	l->sent_serving = r->serving;
	body.heard = cpu_to_le64(r->heard);
	spin_unlock(&r->lock);
	/* G2: a primary whose harpd is silent lets its lease end. */
	if (!live || !harp_touched(r, ktime_get_boottime()))
		return -ESTALE;
	body.prev_index = cpu_to_le64(l->next - 1);
	body.prev_view = cpu_to_le64(harp_log_view_at(r->log, l->next - 1));
	body.cp = cpu_to_le64(l->sent_cp);
	body.ap = cpu_to_le64(l->sent_ap);
	body.lb = cpu_to_le64(l->sent_lb);
	WRITE_ONCE(l->sent_t, ktime_get_boottime_ns());
	body.t = cpu_to_le64(l->sent_t);
	body.nrec = cpu_to_le32(n);
	body.flags = cpu_to_le32(l->sent_serving ? HARP_REC_F_SERVING : 0);
	harp_link_header(l, &hdr, HARP_WIRE_REC, l->view);
	harp_wire_seal(&hdr, &body, bytes);
	iov[0] = (struct kvec){ .iov_base = &hdr, .iov_len = sizeof(hdr) };
	iov[1] = (struct kvec){ .iov_base = &body, .iov_len = sizeof(body) };
	trace_harp_send(r, l->next - 1, n, bytes);
	/* Before it leaves: an ACK must not overtake it. */
	WRITE_ONCE(l->next, l->next + n);
	err = harp_link_send(l, iov, n + 2, sizeof(hdr) + sizeof(body) + bytes);
	if (!err && n)
		harp_fault(r, HARP_FAULT_SENT);
	return err;
}

/* ----------------------------------------------------------------- sender thread */

/*
 * lease=confirm: somebody wants an ACK of what is sent now. What was sent and is not acked
 * yet comes first: then one message is for all who came meanwhile.
 */
static bool harp_tx_to_confirm(struct harp_link *l)
{
	u64 sent = READ_ONCE(l->sent_t);

	return (u64)atomic64_read(&l->r->confirm_wanted) >= sent &&
	       READ_ONCE(l->r->confirmed) >= sent;
}

/* Something to send that must not wait for the next beat. */
static bool harp_tx_work(struct harp_link *l)
{
	struct harp_replica *r = l->r;

	if (harp_link_fenced(l) || (!READ_ONCE(l->feed) && READ_ONCE(r->view) != l->view))
		return false;
	if (!harp_link_primary(l))
		return READ_ONCE(r->lb) != l->sent_lb;
	/* Until HELLO has said where to begin there is nothing to say. */
	if (!READ_ONCE(l->next))
		return false;
	return harp_log_top(r->log) >= READ_ONCE(l->next) || READ_ONCE(r->lb) != l->sent_lb ||
	       READ_ONCE(r->serving) != l->sent_serving || harp_tx_to_confirm(l);
}

static bool harp_tx_urgent(struct harp_link *l)
{
	return harp_link_over(l) || READ_ONCE(l->leave) || harp_tx_work(l);
}

static bool harp_tx_to_tell(struct harp_link *l)
{
	return READ_ONCE(l->r->ap) != l->sent_ap ||
	       (harp_link_primary(l) && READ_ONCE(l->r->cp) != l->sent_cp);
}

/* L1: at most Δ / 4 between two; Δ / 5 leaves room for a coarse tick. */
static unsigned long harp_tx_beat(struct harp_link *l)
{
	if (READ_ONCE(l->feed))
		return HARP_FEED_BEAT;
	return max(1UL, msecs_to_jiffies(READ_ONCE(l->r->promise_ms) / 5));
}

/* @sent: CP and AP were told when this message left; what follows it moves them. */
static long harp_tx_timeout(struct harp_link *l)
{
	bool soon = harp_tx_to_tell(l) ||
		    (harp_link_primary(l) && l->sent_ap < harp_log_top(l->r->log));

	return soon ? min(harp_tx_beat(l), max(1UL, msecs_to_jiffies(HARP_TELL_MS))) :
		      harp_tx_beat(l);
}

static int harp_tx_once(struct harp_link *l, struct kvec *iov, bool urgent)
{
	bool due = ktime_ms_delta(ktime_get_boottime(), l->sent_at) >=
		   jiffies_to_msecs(harp_tx_beat(l));
	int err = 0;

	mutex_lock(&l->tx_mutex);
	if (READ_ONCE(l->leave)) {
		err = harp_send_leave(l);
		WRITE_ONCE(l->leave, false);
		wake_up_all(&l->r->links->rx_wq);
	} else if (!urgent && !due && !harp_tx_to_tell(l)) {
		err = 0;
	} else if (!harp_link_primary(l)) {
		err = harp_send_ack(l, l->last_t, 0);
	} else if (l->next) {
		err = harp_send_rec(l, iov);
	}
	mutex_unlock(&l->tx_mutex);
	return err;
}

/**
 * harp_link_thread_begin() - what both threads of a link need
 *
 * Context: the thread; it ends with these settings.
 */
void harp_link_thread_begin(void)
{
	/* Must make progress when the machine is full of dirty pages (kernel-notes 56). */
	memalloc_nofs_save();
	memalloc_noreclaim_save();
	current->flags |= PF_LOCAL_THROTTLE;
	/* Death is judged by beats: a busy machine must not delay them (finding 14). */
	sched_set_fifo_low(current);
}

/**
 * harp_link_thread_end() - wait to be stopped
 * @l: the link
 *
 * Context: the thread.
 */
void harp_link_thread_end(struct harp_link *l)
{
	wait_event_idle(l->r->links->tx_wq, kthread_should_stop());
}

static int harp_link_tx(void *arg)
{
	struct harp_link *l = arg;
	struct harp_links *ls = l->r->links;
	struct kvec *iov;
	bool urgent;
	int err = 0;

	harp_link_thread_begin();
	iov = kcalloc(HARP_TX_RECORDS + 2, sizeof(*iov), GFP_KERNEL);
	if (!iov) {
		harp_link_fail(l, "no memory to send", -ENOMEM);
		goto out;
	}
	wait_event_idle(ls->tx_wq, harp_link_over(l) || harp_link_begin(l));
	if (!harp_link_over(l) && !harp_link_primary(l)) {
		mutex_lock(&l->tx_mutex);
		err = harp_send_hello(l);
		mutex_unlock(&l->tx_mutex);
	}
	while (!err && !harp_link_over(l)) {
		urgent = wait_event_idle_timeout(ls->tx_wq, harp_tx_urgent(l),
						 harp_tx_timeout(l)) &&
			 harp_tx_urgent(l);
		if (harp_link_over(l))
			break;
		err = harp_tx_once(l, iov, urgent);
		if (err == -ESTALE) {	/* fenced or untouched: silence, the link stays */
			err = 0;
			wait_event_idle_timeout(ls->tx_wq,
						harp_link_over(l) || READ_ONCE(l->leave),
						harp_tx_beat(l));
		}
	}
	if (err)
		harp_link_fail(l, "cannot send", err);
out:
	harp_link_thread_end(l);
	kfree(iov);
	return 0;
}

/* ------------------------------------------------------------------ adding, ending */

/*
 * Kernel-notes 63. The namespaces that are stated: the mount's, and the one that the caller
 * speaks from. A socket of any other, a container's say, came into its hands by mistake,
 * and whoever owns that network could end the link or listen to it.
 */
static int harp_link_vet(struct harp_replica *r, struct net *net, struct socket *sock,
			 struct netlink_ext_ack *extack)
{
	const struct proto_ops *ops = READ_ONCE(sock->ops);
	struct sock *sk = sock->sk;

	if (!net_eq(sock_net(sk), net) && !net_eq(sock_net(sk), r->net)) {
		NL_SET_ERR_MSG(extack,
			       "FD: of another network namespace than the caller's and the mount's");
		return -EPERM;
	}

	if (sock->type != SOCK_STREAM) {
		NL_SET_ERR_MSG(extack, "FD: not a stream socket");
		return -EPROTOTYPE;
	}
	if (sk->sk_family != AF_INET && sk->sk_family != AF_INET6 && sk->sk_family != AF_UNIX) {
		NL_SET_ERR_MSG(extack, "FD: expected an IPv4, IPv6 or unix socket");
		return -EAFNOSUPPORT;
	}
	if (sk->sk_family != AF_UNIX && sk->sk_protocol != IPPROTO_TCP) {
		NL_SET_ERR_MSG(extack, "FD: expected TCP");
		return -EPROTONOSUPPORT;
	}
	/* Without it a link could not be ended (as nbd). */
	if (ops->shutdown == sock_no_shutdown) {
		NL_SET_ERR_MSG(extack, "FD: this kind of socket has no shutdown");
		return -EOPNOTSUPP;
	}
	/* Unix sockets use TCP's states too; a listening or half-closed one is neither. */
	if (READ_ONCE(sk->sk_state) != TCP_ESTABLISHED || READ_ONCE(sk->sk_shutdown)) {
		NL_SET_ERR_MSG(extack, "FD: the socket is not connected");
		return -ENOTCONN;
	}
	return 0;
}

static void harp_link_setup(struct socket *sock)
{
	struct sock *sk = sock->sk;

	sk->sk_allocation = GFP_NOIO | __GFP_MEMALLOC;
	sk_set_memalloc(sk);
	/* The threads end by shutdown(), not by a timeout that harpd may have set. */
	sk->sk_rcvtimeo = MAX_SCHEDULE_TIMEOUT;
	sk->sk_sndtimeo = MAX_SCHEDULE_TIMEOUT;
	if (sk->sk_family != AF_UNIX)
		tcp_sock_set_nodelay(sk);
}

/* Threads are stopped or were never started. */
static void harp_link_free(struct harp_link *l)
{
	if (l->sock) {
		sk_clear_memalloc(l->sock->sk);
		sockfd_put(l->sock);
	}
	kvfree(l->buf);
	kfree(l);
}

/* links->mutex held; the threads take log->mutex, so it must not be held. */
static void harp_link_stop(struct harp_link *l)
{
	struct harp_links *ls = l->r->links;

	spin_lock(&ls->lock);
	if (ls->cur == l)
		ls->cur = NULL;
	spin_unlock(&ls->lock);
	harp_link_kill(l);
	if (!IS_ERR_OR_NULL(l->tx)) {
		kthread_stop(l->tx);
		put_task_struct(l->tx);
	}
	if (!IS_ERR_OR_NULL(l->rx)) {
		kthread_stop(l->rx);
		put_task_struct(l->rx);
	}
	harp_link_free(l);
}

static struct task_struct *harp_link_thread(int (*fn)(void *), struct harp_link *l,
					    const char *what)
{
	struct task_struct *t = kthread_create(fn, l, "harp-%s/%s", what, l->r->group);

	if (!IS_ERR(t))
		get_task_struct(t);
	return t;
}

static int harp_link_start(struct harp_link *l)
{
	l->rx = harp_link_thread(harp_link_rx, l, "rx");
	if (IS_ERR(l->rx))
		return PTR_ERR(l->rx);
	l->tx = harp_link_thread(harp_link_tx, l, "tx");
	if (IS_ERR(l->tx))
		return PTR_ERR(l->tx);
	wake_up_process(l->rx);
	wake_up_process(l->tx);
	return 0;
}

static int harp_link_check_peer(struct harp_replica *r, u8 peer, struct netlink_ext_ack *extack)
{
	const struct harp_feed *feed = &r->links->feed;
	bool wrong;

	if (peer >= HARP_MEMBERS || peer == r->member) {
		NL_SET_ERR_MSG(extack, "PEER: expected the slot of another member, below 3");
		return -EINVAL;
	}
	spin_lock(&r->lock);
	wrong = (harp_in_view(r) && r->peer != peer) || (feed->on && feed->peer != peer);
	spin_unlock(&r->lock);
	if (wrong) {
		NL_SET_ERR_MSG(extack, "PEER: not this member's partner in the view or feed");
		return -EINVAL;
	}
	return 0;
}

/**
 * harp_link_add() - take over a connected socket as the link to a partner
 * @r: the replica
 * @net: the network namespace that the caller speaks from
 * @fd: of the calling process
 * @peer: the partner's slot
 * @extack: why not
 *
 * The link that was there ends.
 *
 * Context: process context, of the process that owns @fd.
 * Return: 0 or a negative errno.
 */
int harp_link_add(struct harp_replica *r, struct net *net, int fd, u8 peer,
		  struct netlink_ext_ack *extack)
{
	struct harp_links *ls = r->links;
	struct harp_link *l;
	int err;

	err = harp_link_check_peer(r, peer, extack);
	if (err)
		return err;
	l = kzalloc(sizeof(*l), GFP_KERNEL);
	if (!l)
		return -ENOMEM;
	l->r = r;
	l->peer = peer;
	mutex_init(&l->tx_mutex);
	err = -ENOMEM;
	l->buf = kvmalloc(HARP_WIRE_BATCH_MAX, GFP_KERNEL);
	if (!l->buf)
		goto out_free;
	l->sock = sockfd_lookup(fd, &err);
	if (!l->sock) {
		NL_SET_ERR_MSG(extack, "FD: not an open socket of the caller");
		goto out_free;
	}
	err = harp_link_vet(r, net, l->sock, extack);
	if (err) {
		sockfd_put(l->sock);
		l->sock = NULL;
		goto out_free;
	}
	harp_link_setup(l->sock);

	mutex_lock(&ls->mutex);
	if (ls->cur)
		harp_link_stop(ls->cur);
	err = ls->closed ? -ENODEV : harp_link_start(l);
	if (err) {
		harp_link_stop(l);
	} else {
		spin_lock(&ls->lock);
		ls->cur = l;
		spin_unlock(&ls->lock);
	}
	mutex_unlock(&ls->mutex);
	return err;

out_free:
	harp_link_free(l);
	return err;
}

/**
 * harp_link_drop() - end the link to the partner
 * @r: the replica
 *
 * Context: process context, sleeps.
 * Return: 0, or -ENOTCONN when there is none.
 */
int harp_link_drop(struct harp_replica *r)
{
	struct harp_links *ls = r->links;
	int err = -ENOTCONN;

	mutex_lock(&ls->mutex);
	if (ls->cur) {
		harp_link_stop(ls->cur);
		err = 0;
	}
	mutex_unlock(&ls->mutex);
	return err;
}

/**
 * harp_link_stop_used() - a view or feed ends: so does its link
 * @r: the replica
 *
 * Context: process context; links->mutex held, log->mutex not.
 */
void harp_link_stop_used(struct harp_replica *r)
{
	struct harp_links *ls = r->links;
	bool used;

	lockdep_assert_held(&ls->mutex);
	if (!ls->cur)
		return;
	spin_lock(&r->lock);
	used = ls->cur->used;
	spin_unlock(&r->lock);
	if (used || READ_ONCE(ls->cur->dead))
		harp_link_stop(ls->cur);
}

/**
 * harp_link_leave() - send LEAVE, if there is a link to send it on
 * @r: the replica, which has fenced itself
 * @view: the view left
 *
 * Context: process context; waits a moment for it to be on its way.
 */
void harp_link_leave(struct harp_replica *r, u64 view)
{
	struct harp_links *ls = r->links;
	struct harp_link *l;

	mutex_lock(&ls->mutex);
	l = ls->cur;
	if (l && !READ_ONCE(l->dead)) {
		l->leave_view = view;
		/* The sender that sees it sees the view. */
		smp_store_release(&l->leave, true);
		wake_up_all(&ls->tx_wq);
		wait_event_idle_timeout(ls->rx_wq, !READ_ONCE(l->leave) || READ_ONCE(l->dead),
					HARP_LEAVE_WAIT);
	}
	mutex_unlock(&ls->mutex);
}

/**
 * harp_link_up() - has the partner been heard on the link?
 * @r: the replica
 *
 * Context: any.
 * Return: true while the link is there and in use.
 */
bool harp_link_up(struct harp_replica *r)
{
	struct harp_links *ls = r->links;
	bool up;

	spin_lock(&ls->lock);
	up = ls->cur && READ_ONCE(ls->cur->up) && !READ_ONCE(ls->cur->dead);
	spin_unlock(&ls->lock);
	return up;
}

/**
 * harp_link_kick() - the sender may have something to do
 * @r: the replica
 *
 * Called for every record appended and applied: looks before it wakes.
 *
 * Context: process context.
 */
void harp_link_kick(struct harp_replica *r)
{
	struct harp_links *ls = r->links;
	bool work;

	if (!wq_has_sleeper(&ls->tx_wq))
		return;
	spin_lock(&ls->lock);
	work = ls->cur && harp_tx_work(ls->cur);
	spin_unlock(&ls->lock);
	if (work)
		wake_up_all(&ls->tx_wq);
}

/**
 * harp_links_init() - a new replica has no link
 * @r: the replica
 *
 * Context: process context.
 */
void harp_links_init(struct harp_replica *r)
{
	r->links->closed = false;
}

/**
 * harp_links_close() - the replica ends: from now on no link and no view begins
 * @r: the replica
 *
 * Context: process context, sleeps.
 */
void harp_links_close(struct harp_replica *r)
{
	mutex_lock(&r->links->mutex);
	r->links->closed = true;
	mutex_unlock(&r->links->mutex);
}

/**
 * harp_links_exit() - the replica ends: so does its link, and none can be added
 * @r: the replica
 *
 * Context: process context, sleeps.
 */
void harp_links_exit(struct harp_replica *r)
{
	struct harp_links *ls = r->links;

	mutex_lock(&ls->mutex);
	ls->closed = true;
	if (ls->cur)
		harp_link_stop(ls->cur);
	mutex_unlock(&ls->mutex);
}
