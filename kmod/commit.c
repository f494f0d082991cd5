// SPDX-License-Identifier: GPL-2.0
/*
 * Admission, append, commit and waiting (protocol N1, N3, N5, V8, D1).
 *
 * An operation passes harp_enter(), harp_append() and harp_wait_applied(). What
 * moves it on: the sender ships the record (link.c), the backup's ACK moves CP
 * (harp_primary_ack()), the apply thread moves AP and calls
 * harp_commit_advance(), which wakes it.
 */
#include <linux/ktime.h>
#include <linux/sched.h>
#include <linux/harp_netlink.h>
#include "dataplane.h"
#include "trace.h"

/* Both halves of N5; replica.serving implies primary and not fenced. */
static bool harp_may_answer(struct harp_replica *r)
{
	/* Pairs with harp_try_serve(): what it saw of the view is seen here. */
	return smp_load_acquire(&r->serving) && harp_lease_valid(r);
}

/*
 * What a waiting operation waits for is over, one way or another: -EAGAIN to go
 * on waiting. @seq: harp_links.release_seq when it began.
 */
static int harp_admit(struct harp_replica *r, u64 seq)
{
	if (READ_ONCE(r->links->release_seq) != seq)
		return -ESTALE;
	if (harp_may_answer(r))
		return 0;
	return READ_ONCE(r->role) == HARP_ROLE_PRIMARY ? -EAGAIN : -ETIMEDOUT;
}

/*
 * Park until this member serves. A primary that is fenced, or whose lease has
 * lapsed, may go on in a next view or a moment: nothing is answered meanwhile.
 */
static int harp_park(struct harp_replica *r, u64 seq)
{
	int err;

	if (READ_ONCE(r->serving))
		atomic64_inc(&r->n_wait_lease);
	wait_event_idle(r->serve_wq, (err = harp_admit(r, seq)) != -EAGAIN);
	if (err == -ESTALE)
		atomic64_inc(&r->n_released);
	return err;
}

/**
 * harp_enter() - admission of an operation (N5)
 * @r: the replica
 *
 * Context: process context; may sleep (TASK_IDLE) until serving or released.
 * Return: 0; -ETIMEDOUT: not the primary (nfsd: try later); -ESTALE: released (G3).
 */
int harp_enter(struct harp_replica *r)
{
	int err;
	u64 seq;

	if (likely(harp_may_answer(r)))
		return 0;
	seq = READ_ONCE(r->links->release_seq);
	err = harp_admit(r, seq);
	return err == -EAGAIN ? harp_park(r, seq) : err;
}

/**
 * harp_enter_generation() - admission of a modification
 * @r: the replica
 * @generation: set to the one that is being served
 *
 * Context: as harp_enter().
 * Return: as harp_enter().
 */
int harp_enter_generation(struct harp_replica *r, u32 *generation)
{
	int err;

	do {
		*generation = READ_ONCE(r->generation);
		/* Not served before it is read: pairs with harp_view_adopt(). */
		smp_rmb();
		err = harp_enter(r);
	} while (!err && READ_ONCE(r->generation) != *generation);
	return err;
}

/* As harp_admit(), and the backup was still in the view @since then. */
static int harp_admit_confirmed(struct harp_replica *r, u64 since, u64 seq)
{
	int err = harp_admit(r, seq);

	if (err)
		return err;
	/* Not at the same time: which of both was first? */
	return READ_ONCE(r->confirmed) > since ? 0 : -EAGAIN;
}

/*
 * lease=confirm: a clock that was stopped, and does not show it, says that the lease runs
 * while another has long served. So the backup has the word: it acks nothing once it has
 * agreed to another view, and no other serves before that. One round trip is for all who
 * wait when it begins.
 */
static int harp_confirm(struct harp_replica *r)
{
	u64 since = ktime_get_boottime_ns(), seq = READ_ONCE(r->links->release_seq);
	s64 wanted = atomic64_read(&r->confirm_wanted);
	int err;

	while (wanted < (s64)since &&
	       !atomic64_try_cmpxchg(&r->confirm_wanted, &wanted, since))
		;
	atomic64_inc(&r->n_wait_confirm);
	harp_link_kick(r);
	wait_event_idle(r->serve_wq, (err = harp_admit_confirmed(r, since, seq)) != -EAGAIN);
	if (err == -ESTALE)
		atomic64_inc(&r->n_released);
	return err;
}

/**
 * harp_recheck() - before an answer from state leaves (N5)
 * @r: the replica
 *
 * An answer that was true when it was decided is still one that a read of that
 * moment may give, if this member is still, or again, the one to answer.
 *
 * Context: process context; sleeps when not serving or without lease, and with
 * lease=confirm.
 * Return: as harp_enter().
 */
int harp_recheck(struct harp_replica *r)
{
	return r->confirm ? harp_confirm(r) : harp_enter(r);
}

/* Bytes of the ring that the backup has yet to apply, by the average record. */
static u64 harp_lag_bytes(const struct harp_log_pos *pos, u64 peer_ap)
{
	u64 kept = pos->top + 1 - pos->base;

	if (!kept || peer_ap >= pos->top)
		return 0;
	return mul_u64_u64_div_u64(pos->used, min(pos->top - peer_ap, kept), kept);
}

/*
 * Redo at takeover is part of the outage (kernel-notes 19): the backup may lag by
 * half of the ring at most. A partner that says AP 0 applies nothing (a witness).
 */
static bool harp_lags(struct harp_replica *r)
{
	u64 peer_ap = READ_ONCE(r->peer_ap);
	struct harp_log_pos pos;

	if (!peer_ap)
		return false;
	harp_log_pos(r->log, &pos);
	return harp_lag_bytes(&pos, peer_ap) > pos.size / 2;
}

/*
 * The backup's ring holds the same records, but pads them elsewhere: what is the
 * last to fit here might not fit there, and it would fall silent. One record's worth
 * stays free.
 */
static bool harp_full(const struct harp_log_pos *pos, u32 len)
{
	u64 margin = min_t(u64, HARP_REC_MAX, pos->size / 8);

	return pos->used + len + margin > pos->size;
}

/*
 * Is the ring that full? Also where the longest record might not fit: it needs room in one
 * piece, which there is for certain when twice as much is free. In a ring that small the
 * primary waits below the mark, and for the other member's lower as well (D1), which is
 * not asked by anybody: so each of them has to see it for itself.
 */
static bool harp_fills(struct harp_log *log, u32 pct)
{
	struct harp_log_pos pos;

	harp_log_pos(log, &pos);
	return pos.used * 100 >= pos.size * pct || pos.size - pos.used < 2 * HARP_REC_MAX;
}

/**
 * harp_check_fill() - ask for write-back when the ring passes the high mark
 * @r: the replica
 *
 * Between the marks each LB pass asks for the next one (harp_discard_work()).
 *
 * Context: process context, takes replica.lock.
 */
void harp_check_fill(struct harp_replica *r)
{
	struct harp_links *ls = r->links;
	bool told = false;

	if (READ_ONCE(ls->high) || !harp_fills(r->log, HARP_REGION_HIGH_PCT))
		return;
	spin_lock(&r->lock);
	if (!ls->high) {
		WRITE_ONCE(ls->high, true);
		told = true;
	}
	spin_unlock(&r->lock);
	if (!told)
		return;
	harp_event(r, HARP_EVENT_LOG_HIGH, harp_log_fill(r->log), NULL);
	harp_sync_kick(r, false);
}

/* Wait for the tail to move on, or for this member not to be the one any more. */
static void harp_wait_space(struct harp_replica *r, u64 base, bool lag)
{
	struct harp_log_pos pos;

	atomic64_inc(&r->n_wait_full);
	harp_sync_kick(r, false);
	wait_event_idle(*harp_log_space_wq(r->log),
			(harp_log_pos(r->log, &pos), pos.base != base) ||
			(lag && !harp_lags(r)) || !READ_ONCE(r->serving));
}

/*
 * N1 in one step with respect to fence() and VIEW_START: all need log->mutex. What was
 * decided before this member was deposed, or its log cut, is not what it would decide
 * now.
 */
static int harp_append_locked(struct harp_replica *r, struct harp_rec_hdr *rec, u64 cost,
			      struct harp_at *at)
{
	int err;

	lockdep_assert_held(harp_log_mutex(r->log));
	spin_lock(&r->lock);
	err = harp_admit(r, at->release_seq);
	if (!err && r->generation != at->generation)
		err = -ETIMEDOUT;
	at->view = r->view;
	spin_unlock(&r->lock);
	/* Again, now that nobody else can append: many may have seen the same last room. */
	if (!err && !harp_space_holds(r, cost))
		err = -EAGAIN;
	if (err)
		return err;
	return harp_log_append(r->log, rec, at->view, harp_now_ns(r), cost, &at->index);
}

/**
 * harp_append() - log a finished record (N1)
 * @r: the replica
 * @b: builder whose record is finished
 * @generation: of harp_enter_generation(), before the outcome was decided
 * @at: set to where the record is
 *
 * Context: process context; may sleep without any replica-wide lock, for the lease
 * and for room in the ring.
 * Return: 0: the record exists, whatever becomes of the caller; -ENOSPC: the lowers
 * could not take it, nothing was logged; -ETIMEDOUT, -ESTALE: as harp_enter();
 * -ETIMEDOUT, too, when the outcome was decided in another generation.
 */
int harp_append(struct harp_replica *r, struct harp_builder *b, u32 generation,
		struct harp_at *at)
{
	struct harp_rec_hdr *rec = b->buf;
	u64 cost = harp_space_cost(b);
	struct harp_log_pos pos;
	bool lag;
	int err;

	if (WARN_ON_ONCE(b->err))
		return b->err;
	at->generation = generation;
	at->release_seq = READ_ONCE(r->links->release_seq);
	for (;;) {
		err = harp_admit(r, at->release_seq);
		if (err == -EAGAIN)
			err = harp_park(r, at->release_seq);
		if (!err)
			err = harp_space_check(r, cost);
		if (err)
			return err;
		lag = harp_lags(r);
		mutex_lock(harp_log_mutex(r->log));
		harp_log_pos(r->log, &pos);
		err = lag || harp_full(&pos, b->len) ? -ENOSPC :
		      harp_append_locked(r, rec, cost, at);
		mutex_unlock(harp_log_mutex(r->log));
		if (err == -ENOSPC)
			harp_wait_space(r, pos.base, lag);
		else if (err != -EAGAIN)
			break;
	}
	/* A log that refuses what was built for it is a bug; nfsd knows few errors. */
	if (WARN_ON_ONCE(err && err != -ENOMEM && err != -ETIMEDOUT && err != -ESTALE))
		return -EIO;
	if (err)
		return err;
	trace_harp_append(r, at->index, b->len);
	harp_fault(r, HARP_FAULT_APPENDED);
	harp_link_kick(r);
	harp_check_fill(r);
	return 0;
}

/*
 * May the record at @at->index be another than the one meant, or none? A cut changes the
 * generation. What the log has discarded since then may have been another: no success
 * without knowing. Without a view in @at nothing is known of an older generation's.
 */
static bool harp_is_lost(struct harp_replica *r, const struct harp_at *at)
{
	if (likely(READ_ONCE(r->generation) == at->generation))
		return false;
	return !at->view || harp_log_view_at(r->log, at->index) != at->view;
}

static bool harp_is_released(struct harp_replica *r, const struct harp_at *at)
{
	return READ_ONCE(r->released) || READ_ONCE(r->links->release_seq) != at->release_seq;
}

/* Nobody waits for a number that only a record of a later view may get, if any. */
static int harp_wait_for(struct harp_replica *r, wait_queue_head_t *wq, const u64 *point,
			 const struct harp_at *at)
{
	wait_event_idle(*wq, READ_ONCE(*point) >= at->index || harp_is_released(r, at) ||
			harp_is_lost(r, at));
	if (READ_ONCE(*point) >= at->index)
		return 0;
	if (!at->view && !harp_is_released(r, at))
		return -ETIMEDOUT;
	atomic64_inc(&r->n_released);
	return -ESTALE;
}

/**
 * harp_wait_applied() - wait until a record is committed and applied here
 * @r: the replica
 * @at: the record, of harp_append()
 *
 * Context: process context, sleeps (TASK_IDLE).
 * Return: 0, or -ESTALE when released first (G3): the record may commit yet; also
 * when it was cut from the log.
 */
int harp_wait_applied(struct harp_replica *r, const struct harp_at *at)
{
	int err = harp_wait_for(r, &r->wait_wq[at->index % HARP_WAITQS], &r->ap, at);

	/* AP was looked at first: pairs with harp_view_adopt(). */
	smp_rmb();
	if (!err && unlikely(READ_ONCE(r->links->release_seq) != at->release_seq ||
			     harp_is_lost(r, at))) {
		atomic64_inc(&r->n_released);
		err = -ESTALE;
	}
	if (!err)
		harp_fault(r, HARP_FAULT_ANSWERED);
	return err;
}

static struct harp_at harp_at_index(struct harp_replica *r, u64 index, u32 generation)
{
	return (struct harp_at) {
		.index = index,
		.generation = generation,
		.release_seq = READ_ONCE(r->links->release_seq),
	};
}

/**
 * harp_wait_index() - wait until all records up to one are applied here
 * @r: the replica
 * @index: the record, whichever has that number
 * @generation: in which it got that number
 *
 * Context: process context, sleeps (TASK_IDLE).
 * Return: 0; -ESTALE when released first (G3); -ETIMEDOUT when the generation is over,
 * and with it perhaps the record.
 */
int harp_wait_index(struct harp_replica *r, u64 index, u32 generation)
{
	struct harp_at at = harp_at_index(r, index, generation);

	return harp_wait_for(r, &r->wait_wq[index % HARP_WAITQS], &r->ap, &at);
}

/**
 * harp_wait_committed() - wait until a record is committed
 * @r: the replica
 * @index: the record
 * @generation: in which it got that number
 *
 * Context: process context, sleeps (TASK_IDLE).
 * Return: as harp_wait_index().
 */
int harp_wait_committed(struct harp_replica *r, u64 index, u32 generation)
{
	struct harp_at at = harp_at_index(r, index, generation);

	return harp_wait_for(r, &r->links->commit_wq, &r->cp, &at);
}

/**
 * harp_wake_all() - role, fence, serving or release changed: everyone looks again
 * @r: the replica
 *
 * Context: process context.
 */
void harp_wake_all(struct harp_replica *r)
{
	unsigned int i;

	wake_up_all(&r->serve_wq);
	for (i = 0; i < HARP_WAITQS; i++)
		wake_up_all(&r->wait_wq[i]);
	wake_up_all(&r->links->commit_wq);
	wake_up_all(harp_log_space_wq(r->log));
	wake_up_all(&r->apply_wq);
	wake_up_all(&r->links->rx_wq);
	wake_up_all(&r->links->tx_wq);
}

/**
 * harp_try_serve() - V8: begin to serve when everything it takes is there
 * @r: the replica
 *
 * Context: process context, takes replica.lock.
 */
void harp_try_serve(struct harp_replica *r)
{
	bool now_serving = false;
	u64 view;

	if (READ_ONCE(r->serving) || READ_ONCE(r->role) != HARP_ROLE_PRIMARY)
		return;
	spin_lock(&r->lock);
	view = r->view;
	if (!r->serving && r->role == HARP_ROLE_PRIMARY && harp_in_view(r) &&
	    r->links->started && r->cp >= r->s + 1 && r->ap >= r->s && harp_gate_bound(r) &&
	    !r->media_failure && harp_lease_valid(r)) {
		/* Pairs with harp_may_answer(). */
		smp_store_release(&r->serving, true);
		now_serving = true;
	}
	spin_unlock(&r->lock);
	if (!now_serving)
		return;
	trace_harp_view(r, view, r->s);
	harp_fault(r, HARP_FAULT_SERVING);
	harp_event(r, HARP_EVENT_SERVING, view, NULL);
	harp_wake_all(r);
}

/**
 * harp_primary_ack() - N3: the backup's log holds everything up to @n
 * @r: the replica
 * @n: index told by the ACK
 * @view: view of the ACK
 *
 * Context: process context, takes log->mutex and replica.lock.
 */
void harp_primary_ack(struct harp_replica *r, u64 n, u64 view)
{
	struct harp_links *ls = r->links;
	bool started = false, moved = false, ours;

	mutex_lock(harp_log_mutex(r->log));
	n = min(n, harp_log_top(r->log));
	spin_lock(&r->lock);
	/* Stays true while log->mutex is held: a fence or a new view needs it. */
	ours = r->role == HARP_ROLE_PRIMARY && harp_in_view(r) && r->view == view;
	spin_unlock(&r->lock);
	if (ours && n > r->cp)
		harp_log_set_wm(r->log, n);
	spin_lock(&r->lock);
	if (ours) {
		r->acked = max(r->acked, n);
		started = !ls->started && n >= r->s + 1;
		ls->started |= started;
		/* STARTED commits everything up to s + 1; nothing is committed before it. */
		if (ls->started && n > r->cp) {
			WRITE_ONCE(r->cp, n);
			moved = true;
		}
	}
	spin_unlock(&r->lock);
	mutex_unlock(harp_log_mutex(r->log));
	if (started)
		harp_event(r, HARP_EVENT_STARTED, view, NULL);
	if (moved) {
		trace_harp_commit(r, n);
		harp_fault(r, HARP_FAULT_COMMITTED);
		harp_commit_advance(r);
	} else if (started) {
		harp_try_serve(r);
	}
	if (wq_has_sleeper(harp_log_space_wq(r->log)))
		wake_up_all(harp_log_space_wq(r->log));
}

/*
 * Above the mark one LB pass follows another, as long as each can gain something: one that
 * was asked for before anything was applied has not.
 */
static bool harp_wants_pass(const struct harp_replica *r)
{
	lockdep_assert_held(&r->lock);
	return r->links->high && r->lb < r->ap;
}

/*
 * C1: a member that is fed has no partner whose disk it could wait for, and no need to let
 * anything go before it wants for room. Up to which record it may.
 */
static u64 harp_feed_discards(const struct harp_replica *r)
{
	lockdep_assert_held(&r->lock);
	return r->links->feed.on && harp_fills(r->log, HARP_REGION_LOW_PCT) ? r->lb : 0;
}

/*
 * The last view's log ends when no record of it, nor the one before, is left to begin a
 * walk with: the header says so before (finding 2).
 */
static void harp_feed_gives_up(struct harp_replica *r, u64 upto)
{
	struct harp_log_pos pos;

	lockdep_assert_held(harp_log_mutex(r->log));
	harp_log_pos(r->log, &pos);
	if (!pos.complete || harp_log_view_at(r->log, min(upto, pos.top)) <= pos.formed)
		return;
	harp_log_set_formed(r->log, pos.formed, false, pos.wm);
	spin_lock(&r->lock);
	r->links->intact = false;
	spin_unlock(&r->lock);
}

/**
 * harp_commit_advance() - CP, AP, LB or what was told of them moved
 * @r: the replica
 *
 * Context: process context, replica.lock not held.
 */
void harp_commit_advance(struct harp_replica *r)
{
	struct harp_links *ls = r->links;
	struct harp_log_pos pos;
	u64 from, ap, cp, i, limit, apply;
	bool behind;

	spin_lock(&r->lock);
	ap = r->ap;
	cp = r->cp;
	apply = r->role == HARP_ROLE_BACKUP || ls->feed.on ? min(r->told_cp, r->told_ap) : cp;
	from = ls->woken;
	ls->woken = max(ls->woken, ap);
	limit = min(r->lb, r->peer_lb);
	if (!harp_in_view(r))
		limit = harp_feed_discards(r);
	behind = harp_wants_pass(r);
	spin_unlock(&r->lock);
	if (behind)
		harp_sync_kick(r, false);
	WARN_ON_ONCE(ap > cp);
	if (ap > from)
		trace_harp_apply(r, ap);

	if (ap > from + HARP_WAITQS)
		from = ap - HARP_WAITQS;
	for (i = from + 1; i <= ap; i++)
		wake_up_all(&r->wait_wq[i % HARP_WAITQS]);
	if (wq_has_sleeper(&ls->commit_wq))
		wake_up_all(&ls->commit_wq);
	if (apply > ap && wq_has_sleeper(&r->apply_wq))
		wake_up_all(&r->apply_wq);
	harp_try_serve(r);
	harp_log_pos(r->log, &pos);
	if (limit >= pos.base)
		queue_work(system_unbound_wq, &ls->discard_work);
}

/**
 * harp_discard_work() - D1: what both lowers hold durably need not be kept
 * @work: harp_links.discard_work
 *
 * Never while fenced: what an AGREE said of this log must stay true. A member that is fed
 * makes room for itself; the fence before its next AGREE ends that.
 *
 * Context: work queue, takes log->mutex and replica.lock.
 */
void harp_discard_work(struct work_struct *work)
{
	struct harp_links *ls = container_of(work, struct harp_links, discard_work);
	struct harp_replica *r = ls->r;
	struct harp_log_pos pos;
	bool more = false, low;
	u64 upto = 0;

	mutex_lock(harp_log_mutex(r->log));
	harp_log_pos(r->log, &pos);
	spin_lock(&r->lock);
	if (harp_in_view(r)) {
		upto = min3(r->lb, r->peer_lb, r->ap);
		/* A link made anew starts after what the backup has acked. */
		if (r->role == HARP_ROLE_PRIMARY)
			upto = min(upto, r->acked);
	} else {
		upto = harp_feed_discards(r);
	}
	spin_unlock(&r->lock);
	if (upto >= pos.base) {
		harp_feed_gives_up(r, upto);
		harp_log_discard(r->log, upto);
		trace_harp_discard(r, upto);
		harp_fault(r, HARP_FAULT_DISCARDED);
	}
	mutex_unlock(harp_log_mutex(r->log));

	low = !harp_fills(r->log, HARP_REGION_LOW_PCT);
	spin_lock(&r->lock);
	if (ls->high && low)
		WRITE_ONCE(ls->high, false);
	more = harp_wants_pass(r);
	spin_unlock(&r->lock);
	if (more)
		harp_sync_kick(r, false);
}

/**
 * harp_now_ns() - a clock for records that never stands still or goes back
 * @r: the replica
 *
 * Later than every record in the log, also when this member's wall clock is
 * behind that of the primary before it (kernel-notes 61).
 *
 * Context: process context, takes replica.lock.
 * Return: ns since the epoch.
 */
u64 harp_now_ns(struct harp_replica *r)
{
	u64 now = ktime_get_real_ns();

	spin_lock(&r->lock);
	if (now <= r->last_time_ns)
		now = r->last_time_ns + 1;
	r->last_time_ns = now;
	spin_unlock(&r->lock);
	return now;
}

/**
 * harp_new_fid() - an identity never given before (kernel-notes 60)
 * @r: the replica
 *
 * Context: process context, takes replica.lock.
 * Return: the fid; HARP_FID_NONE when all have been given.
 */
u64 harp_new_fid(struct harp_replica *r)
{
	u64 fid = HARP_FID_NONE;

	spin_lock(&r->lock);
	if (harp_fid_possible(r->next_fid))
		fid = r->next_fid++;
	spin_unlock(&r->lock);
	return fid;
}
