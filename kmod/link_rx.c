// SPDX-License-Identifier: GPL-2.0
/*
 * The record link's receiver: takes messages off the socket, trusts nothing in them
 * (I9), and does what they say. See link.c.
 */
#include <linux/ktime.h>
#include <linux/socket.h>
#include <linux/harp_netlink.h>
#include "link.h"
#include "trace.h"

union harp_wire_body {
	struct harp_wire_hello hello;
	struct harp_wire_rec rec;
	struct harp_wire_ack ack;
};

static void harp_link_counted(struct harp_link *l, const char *why)
{
	atomic64_inc(&l->r->n_refused);
	pr_warn_ratelimited("harp: %s/%u: message from member %u refused: %s\n", l->r->group,
			    l->r->member, l->peer, why);
}

static int harp_link_recv(struct harp_link *l, void *buf, size_t len)
{
	struct kvec iov = { .iov_base = buf, .iov_len = len };
	struct msghdr msg = { .msg_flags = MSG_WAITALL | MSG_NOSIGNAL };
	int ret;

	iov_iter_kvec(&msg.msg_iter, READ, &iov, 1, len);
	while (msg_data_left(&msg)) {
		if (harp_link_over(l))
			return -EPIPE;
		ret = sock_recvmsg(l->sock, &msg, msg.msg_flags);
		if (ret < 0)
			return ret;
		if (!ret)
			return -ECONNRESET;
	}
	return 0;
}

static void harp_link_is_up(struct harp_link *l)
{
	if (l->up)
		return;
	WRITE_ONCE(l->up, true);
	harp_event(l->r, HARP_EVENT_LINK_UP, l->peer, NULL);
}

/* Primary: where does the backup's log end? It must be a point of ours. */
static const char *harp_take_hello(struct harp_link *l, const struct harp_wire_hello *m)
{
	struct harp_replica *r = l->r;
	u64 top = le64_to_cpu(m->top), lb = le64_to_cpu(m->lb), ap = le64_to_cpu(m->ap);
	u32 crc, ring = le32_to_cpu(m->ring);
	const struct harp_rec_hdr *rec;
	struct harp_log_pos pos;
	const char *why = NULL;

	mutex_lock(harp_log_mutex(r->log));
	harp_log_pos(r->log, &pos);
	rec = harp_log_get(r->log, top);
	crc = rec ? le32_to_cpu(rec->crc) : pos.anchor_crc;
	if (READ_ONCE(l->next))
		why = "second HELLO on one link";
	else if (top + 1 < pos.base || top > pos.top)
		why = "HELLO: top is not within the log";
	else if (top < READ_ONCE(r->acked))
		why = "HELLO: records that were acked are gone";
	else if (top && !m->view_of_top)
		why = "HELLO: the view of the backup's last record is not known";
	else if (harp_log_view_at(r->log, top) != le64_to_cpu(m->view_of_top) ||
		 crc != le32_to_cpu(m->crc_of_top))
		why = "HELLO: the backup's last record is not ours";
	else if (lb > top || ap > top)
		why = "HELLO: LB or AP beyond top";
	else if (ring && ring < pos.size / HARP_WIRE_RING_UNIT)
		why = "HELLO: the backup's log region is smaller than ours: give both one size";
	mutex_unlock(harp_log_mutex(r->log));
	if (why)
		return why;
	spin_lock(&r->lock);
	r->peer_lb = max(r->peer_lb, lb);
	r->peer_ap = max(r->peer_ap, ap);
	spin_unlock(&r->lock);
	mutex_lock(&l->tx_mutex);
	WRITE_ONCE(l->next, top + 1);
	/* The first beat goes at once: it brings the first promise. */
	l->sent_serving = !READ_ONCE(r->serving);
	mutex_unlock(&l->tx_mutex);
	harp_link_is_up(l);
	harp_link_kick(r);
	return NULL;
}

/* Primary: N3, L3, and what the backup says of itself. */
static const char *harp_take_ack(struct harp_link *l, const struct harp_wire_ack *m)
{
	struct harp_replica *r = l->r;
	struct harp_links *ls = r->links;
	u64 n = le64_to_cpu(m->n), lb = le64_to_cpu(m->lb), ap = le64_to_cpu(m->ap);
	u32 flags = le32_to_cpu(m->flags);
	bool lb_moved = false, silent = false;

	if (n >= READ_ONCE(l->next))
		return "ACK of a record that was not sent";
	if (lb > n || ap > n)
		return "ACK: LB or AP beyond the record acked";
	atomic64_inc(&ls->n_acks);
	if (flags & HARP_ACK_F_PROMISE)
		harp_lease_renew(r, le64_to_cpu(m->t));
	harp_lease_confirm(r, le64_to_cpu(m->t));
	spin_lock(&r->lock);
	if (!harp_link_live(l)) {
		spin_unlock(&r->lock);
		return NULL;
	}
	if (flags & HARP_ACK_F_PROMISE)
		r->heard = max(r->heard, le64_to_cpu(m->promise));
	lb_moved = lb > r->peer_lb;
	r->peer_lb = max(r->peer_lb, lb);
	WRITE_ONCE(r->peer_ap, max(r->peer_ap, ap));
	r->peer_free_bytes = le64_to_cpu(m->free_bytes);
	r->peer_free_inodes = le64_to_cpu(m->free_inodes);
	silent = (flags & HARP_ACK_F_NO_CONTROL) && !ls->peer_no_control;
	ls->peer_no_control = flags & HARP_ACK_F_NO_CONTROL;
	spin_unlock(&r->lock);
	if (silent)
		harp_event(r, HARP_EVENT_NO_CONTROL, l->peer, NULL);
	harp_primary_ack(r, n, l->view);
	if (lb_moved)
		harp_commit_advance(r);
	return NULL;
}

/*
 * After s + 1 all records are of this view. Up to there they come only to a backup
 * that lacked them when the view began: older ones, then the VIEW record of START.
 */
static const char *harp_check_place(struct harp_link *l, const struct harp_rec *rec)
{
	struct harp_replica *r = l->r;
	struct harp_sec_view expect;
	bool filling;
	u64 s;

	spin_lock(&r->lock);
	filling = r->links->filling;
	expect = r->links->expect;
	s = r->s;
	spin_unlock(&r->lock);
	if (rec->index <= s + 1 && !filling)
		return "REC: a record from before the view";
	if (rec->index <= s)
		return rec->view < l->view ? NULL : "REC: a record of another view";
	if (rec->view != l->view)
		return "REC: a record of another view";
	if (!rec->view_sec != (rec->index > s + 1))
		return "REC: a VIEW record where none is due, or none where one is";
	if (rec->view_sec && memcmp(rec->view_sec, &expect, sizeof(expect)))
		return "REC: not the VIEW record of START";
	return NULL;
}

/*
 * Verify every record of a message before the first is stored (N2, I9). What is refused
 * here leaves nothing behind: @seen counts when records have been stored. That each
 * follows from the one before it (prev_crc) is seen when it is stored.
 */
static const char *harp_check_records(struct harp_link *l, const struct harp_wire_rec *m,
				      u32 len, struct harp_seen *seen)
{
	u64 index = le64_to_cpu(m->prev_index);
	u32 i, n = le32_to_cpu(m->nrec), off = 0;
	const char *why = "records";
	struct harp_rec rec;

	for (i = 0; i < n; i++) {
		if (off >= len || harp_rec_parse(l->buf + off, len - off, &rec, &why))
			return why;
		if (rec.index != ++index)
			return "REC: a record out of order";
		if (le64_to_cpu(rec.hdr->lineage) != l->r->lineage)
			return "REC: a record of another lineage";
		why = l->feed ? harp_feed_refuses(l->view, max(le64_to_cpu(m->cp), l->upto), &rec) :
				harp_check_place(l, &rec);
		if (why)
			return why;
		harp_seen_add(seen, &rec);
		off += le32_to_cpu(rec.hdr->len);
	}
	return off == len ? NULL : "REC: bytes after the last record";
}

/* V6 ends: the VIEW record is here, and with it the whole log of the view. */
static void harp_fill_done(struct harp_replica *r)
{
	u64 top = harp_log_top(r->log);
	bool done;

	lockdep_assert_held(harp_log_mutex(r->log));
	spin_lock(&r->lock);
	done = r->links->filling && top >= r->s + 1;
	spin_unlock(&r->lock);
	if (!done)
		return;
	harp_log_set_formed(r->log, r->view, true, top);
	spin_lock(&r->lock);
	r->links->filling = false;
	r->links->intact = true;
	spin_unlock(&r->lock);
}

/*
 * P2: @v, of a VIEW record that is new here, makes a record nothing that was applied here: this
 * copy is not the other's any more. The apply thread says so, for it may be at that record.
 */
static void harp_void_late(struct harp_replica *r, const struct harp_sec_view *v, u64 known)
{
	const __le64 *voids = (const __le64 *)(v + 1);
	u32 n = le16_to_cpu(v->nvoid), i;

	/* Pairs with harp_apply_one(). */
	smp_mb();
	for (i = 0; i < n; i++)
		if (!(known & BIT_ULL(i)) && le64_to_cpu(voids[i]) <= READ_ONCE(r->ap))
			WRITE_ONCE(r->void_late, le64_to_cpu(voids[i]));
	if (READ_ONCE(r->void_late))
		wake_up_all(&r->apply_wq);
}

/* Of the records that @v makes nothing: which were nothing before? */
static u64 harp_void_known(struct harp_replica *r, const struct harp_sec_view *v)
{
	const __le64 *voids = (const __le64 *)(v + 1);
	u32 n = le16_to_cpu(v->nvoid), i;
	u64 known = 0;

	static_assert(HARP_VOIDS_MAX <= 64, "a bit each");
	for (i = 0; i < n; i++)
		if (harp_log_void(r->log, le64_to_cpu(voids[i])))
			known |= BIT_ULL(i);
	return known;
}

static int harp_store_one(struct harp_replica *r, const struct harp_rec_hdr *hdr)
{
	struct harp_rec rec;
	const char *why;
	u64 known;
	int err;

	if (hdr->type != HARP_REC_VIEW)
		return harp_log_append_raw(r->log, hdr);
	if (harp_rec_parse(hdr, le32_to_cpu(hdr->len), &rec, &why))
		return -EBADMSG;
	known = harp_void_known(r, rec.view_sec);
	err = harp_log_append_raw(r->log, hdr);
	if (!err)
		harp_void_late(r, rec.view_sec, known);
	return err;
}

/* Store from *@off on while there is room; log->mutex held. */
static int harp_store_some(struct harp_link *l, u32 len, u32 *off, const struct harp_seen *seen)
{
	struct harp_replica *r = l->r;
	const struct harp_rec_hdr *rec;
	u32 before = *off;
	bool live;
	int err = 0;

	spin_lock(&r->lock);
	live = harp_link_stores(l);
	spin_unlock(&r->lock);
	if (!live)
		return -ESTALE;
	while (*off < len) {
		rec = l->buf + *off;
		err = harp_store_one(r, rec);
		if (err)
			break;
		*off += le32_to_cpu(rec->len);
	}
	/*
	 * Stored and flushed first, then the watermark, then the ACK (finding 1). What ends
	 * a filling is acked when the header says so. What is fed is above the watermark: the
	 * header speaks of the last view's log, and a walk does not find it (C1).
	 */
	if (*off > before)
		harp_seen_note(r, seen);
	if (*off > before && !l->feed) {
		harp_fill_done(r);
		harp_log_set_wm(r->log, harp_log_top(r->log));
	}
	return err;
}

/*
 * Does the message go on where the log ends? Of a log that has yet to get its first record
 * nothing may be known but the index before it; only a feed begins so.
 */
static bool harp_follows_top(struct harp_link *l, const struct harp_log_pos *pos,
			     const struct harp_wire_rec *m)
{
	bool known = !l->feed || pos->top_view || !pos->top;

	return pos->top == le64_to_cpu(m->prev_index) &&
	       (!known || pos->top_view == le64_to_cpu(m->prev_view));
}

/* N4: what this log has of it may be applied. */
static void harp_link_told(struct harp_link *l, const struct harp_wire_rec *m)
{
	u64 cp = le64_to_cpu(m->cp), ap = le64_to_cpu(m->ap);
	struct harp_replica *r = l->r;

	lockdep_assert_held(&r->lock);
	r->told_cp = max(r->told_cp, min(cp, harp_log_top(r->log)));
	r->told_ap = max(r->told_ap, min(ap, r->told_cp));
	WRITE_ONCE(r->cp, max(r->cp, r->told_cp));
	if (l->feed)
		harp_feed_told(r, cp, ap);
	else
		r->peer_ap = max(r->peer_ap, ap);
}

/*
 * No room before what is here is applied and on the disk; and a new view, or a feed, may not
 * have told yet that it may be. The message follows what is here, so what it says holds.
 */
static void harp_make_room(struct harp_link *l, const struct harp_wire_rec *m)
{
	struct harp_replica *r = l->r;

	atomic64_inc(&r->n_wait_full);
	spin_lock(&r->lock);
	if (harp_link_stores(l))
		harp_link_told(l, m);
	if (harp_link_stores(l) && l->feed)
		harp_feed_full(r);
	spin_unlock(&r->lock);
	harp_commit_advance(r);
	harp_check_fill(r);
	harp_sync_kick(r, false);
	queue_work(system_unbound_wq, &r->links->discard_work);
}

static const char *harp_store(struct harp_link *l, const struct harp_wire_rec *m, u32 len,
			      const struct harp_seen *seen)
{
	struct harp_replica *r = l->r;
	struct harp_log_pos pos, then;
	bool first = true;
	u32 off = 0;
	int err;

	do {
		mutex_lock(harp_log_mutex(r->log));
		harp_log_pos(r->log, &then);
		if (first && !harp_follows_top(l, &then, m)) {
			mutex_unlock(harp_log_mutex(r->log));
			return "REC: does not follow this log's top";
		}
		first = false;
		err = harp_store_some(l, len, &off, seen);
		mutex_unlock(harp_log_mutex(r->log));
		if (err == -ENOSPC) {
			harp_make_room(l, m);
			wait_event_idle(*harp_log_space_wq(r->log),
					(harp_log_pos(r->log, &pos), pos.base != then.base) ||
					harp_link_over(l) || harp_link_fenced(l));
		}
	} while (err == -ENOSPC && !harp_link_over(l));
	if (err == -ESTALE)
		return NULL;	/* fenced: not stored, not acked, not an error */
	return err ? "REC: the log does not take it" : NULL;
}

/* Backup: N2 and L2. A member that is fed: C1. */
static const char *harp_take_rec(struct harp_link *l, const struct harp_wire_rec *m, u32 len)
{
	struct harp_replica *r = l->r;
	ktime_t now = ktime_get_boottime();
	u64 lb = le64_to_cpu(m->lb), promise = 0;
	u32 flags = le32_to_cpu(m->flags);
	struct harp_seen seen = { };
	const char *why;
	bool live;
	int err;

	if (l->feed != !!(flags & HARP_REC_F_FEED))
		return l->feed ? "REC: not for a member that is fed" :
				 "REC: only for a member that is fed";
	why = harp_check_records(l, m, len, &seen);
	if (why)
		return why;
	spin_lock(&r->lock);
	live = harp_link_stores(l);
	/* Room first: what the primary has on its disk we may be keeping for it. */
	if (live && !l->feed && lb > r->peer_lb)
		r->peer_lb = lb;
	spin_unlock(&r->lock);
	why = live ? harp_store(l, m, len, &seen) : NULL;
	if (why)
		return why;
	if (len)
		harp_fault(r, HARP_FAULT_STORED);
	harp_link_is_up(l);

	spin_lock(&r->lock);
	live = harp_link_stores(l);
	if (live)
		harp_link_told(l, m);
	if (live && !l->feed)
		promise = harp_promise_give(r, now, le64_to_cpu(m->heard),
					    flags & HARP_REC_F_SERVING);
	spin_unlock(&r->lock);
	if (!live) {
		harp_link_counted(l, "this member has fenced the view");
		return NULL;
	}
	mutex_lock(&l->tx_mutex);
	l->last_t = le64_to_cpu(m->t);
	err = harp_send_ack(l, l->last_t, promise);
	mutex_unlock(&l->tx_mutex);
	if (!err && len)
		harp_fault(r, HARP_FAULT_ACKED);
	harp_commit_advance(r);
	if (len)
		harp_check_fill(r);
	return err && err != -ESTALE ? "cannot send an ACK" : NULL;
}

static void harp_take_leave(struct harp_link *l)
{
	struct harp_replica *r = l->r;

	spin_lock(&r->lock);
	if (r->view == l->view)
		r->links->peer_left = true;
	spin_unlock(&r->lock);
	harp_event(r, HARP_EVENT_LEAVE, l->view, NULL);
}

static const char *harp_dispatch(struct harp_link *l, const struct harp_wire_hdr *h,
				 const union harp_wire_body *b, u32 len)
{
	bool primary = harp_link_primary(l);

	if (h->type == HARP_WIRE_LEAVE && !l->feed)
		harp_take_leave(l);
	else if (h->type == HARP_WIRE_HELLO && primary)
		return harp_take_hello(l, &b->hello);
	else if (h->type == HARP_WIRE_ACK && primary)
		return harp_take_ack(l, &b->ack);
	else if (h->type == HARP_WIRE_REC && !primary)
		return harp_take_rec(l, &b->rec, len);
	else
		return "a message that is not for this role";
	return NULL;
}

/* Who speaks? Checked in the protocol's order; the view comes last, see below. */
static const char *harp_check_sender(struct harp_link *l, const struct harp_wire_hdr *h)
{
	struct harp_replica *r = l->r;
	uuid_t group;
	u64 inc;

	import_uuid(&group, h->group);
	spin_lock(&r->lock);
	inc = l->feed ? r->links->feed.peer_inc : r->peer_inc;
	spin_unlock(&r->lock);
	if (!uuid_equal(&group, &r->uuid))
		return "another group";
	if (le64_to_cpu(h->lineage) != r->lineage)
		return "another lineage";
	if (le32_to_cpu(h->epoch) != r->epoch)
		return "another epoch";
	if (h->sender != l->peer)
		return "another sender";
	if (le64_to_cpu(h->inc) != inc)
		return "another incarnation";
	return NULL;
}

/* Is the message of our view? A lower one is refused, a higher one told. */
static bool harp_check_view(struct harp_link *l, const struct harp_wire_hdr *h)
{
	u64 view = le64_to_cpu(h->view);
	struct harp_links *ls = l->r->links;
	bool tell = false;

	if (view == l->view && (l->feed || READ_ONCE(l->r->view) == view))
		return true;
	if (view > l->view) {
		spin_lock(&l->r->lock);
		tell = view > ls->higher_told;
		ls->higher_told = max(ls->higher_told, view);
		spin_unlock(&l->r->lock);
	}
	if (tell)
		harp_event(l->r, HARP_EVENT_HIGHER_VIEW, view, NULL);
	harp_link_counted(l, view > l->view ? "a higher view" : "a lower view");
	return false;
}

/* One message. NULL: go on; else why the stream is of no use any more. */
static const char *harp_rx_one(struct harp_link *l, int *err)
{
	union harp_wire_body body;
	struct harp_wire_hdr hdr;
	const char *why = NULL;
	u32 fixed, len;

	*err = harp_link_recv(l, &hdr, sizeof(hdr));
	if (*err)
		return "the connection ended";
	if (harp_wire_check_header(&hdr, &why))
		goto refuse;
	fixed = harp_wire_body_size(hdr.type);
	len = le32_to_cpu(hdr.len);
	if (fixed > sizeof(body) || len < fixed || len - fixed > HARP_WIRE_BATCH_MAX) {
		why = "length";
		goto refuse;
	}
	*err = harp_link_recv(l, &body, fixed);
	if (*err)
		return "the connection ended within a message";
	if (harp_wire_check_body(&hdr, &body, &why))
		goto refuse;
	why = harp_check_sender(l, &hdr);
	if (why)
		goto refuse;
	len -= fixed;
	*err = len ? harp_link_recv(l, l->buf, len) : 0;
	if (*err)
		return "the connection ended within a message";
	if (!harp_check_view(l, &hdr))
		return NULL;
	why = harp_dispatch(l, &hdr, &body, len);
	if (!why)
		return NULL;
refuse:
	harp_link_counted(l, why);
	return why;
}

/**
 * harp_link_rx() - receiver thread
 * @arg: the link
 *
 * Context: kernel thread.
 * Return: 0.
 */
int harp_link_rx(void *arg)
{
	struct harp_link *l = arg;
	const char *why = NULL;
	int err = 0;

	harp_link_thread_begin();
	wait_event_idle(l->r->links->rx_wq, harp_link_over(l) || harp_link_begin(l));
	while (!why && !harp_link_over(l))
		why = harp_rx_one(l, &err);
	if (why)
		harp_link_fail(l, why, err);
	harp_link_thread_end(l);
	return 0;
}
