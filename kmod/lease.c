// SPDX-License-Identifier: GPL-2.0
/*
 * Promise, lease and fence (protocol L1-L5, S1, finding 7).
 *
 * The backup promises for Δ from the receipt of a message not to enter a view
 * that its primary did not itself propose; the primary's lease ends 0.9 Δ after
 * it *sent* that message. Whatever the network does in between, the lease ends
 * before the promise while the two clocks' rates differ by less than 2 %.
 *
 * All times are CLOCK_BOOTTIME: a suspended machine's lease runs out.
 */
#include <linux/ktime.h>
#include <linux/harp_netlink.h>
#include "dataplane.h"
#include "trace.h"

static ktime_t harp_delta(const struct harp_replica *r)
{
	return ms_to_ktime(r->promise_ms);
}

static u32 harp_ms_until(ktime_t until, ktime_t now)
{
	s64 left = ktime_to_ns(ktime_sub(until, now));

	return left > 0 ? min_t(s64, DIV_ROUND_UP_ULL(left, NSEC_PER_MSEC), U32_MAX) : 0;
}

/**
 * harp_in_view() - is this member in a view that it has not fenced?
 * @r: the replica
 *
 * Context: replica.lock held.
 * Return: true when it may send, store, ack and promise in replica.view.
 */
bool harp_in_view(const struct harp_replica *r)
{
	lockdep_assert_held(&r->lock);
	return r->role != HARP_ROLE_NONE_ && r->fence <= r->view;
}

/**
 * harp_touched() - has harpd been heard within H (protocol G2, finding 14)?
 * @r: the replica
 * @now: CLOCK_BOOTTIME
 *
 * Context: any.
 * Return: false when harpd has been silent for too long.
 */
bool harp_touched(const struct harp_replica *r, ktime_t now)
{
	return ktime_before(now, ktime_add_ms(READ_ONCE(r->touched), HARP_TOUCH_LIMIT_MS));
}

/**
 * harp_lease_valid() - may an answer leave now, as far as the lease goes?
 * @r: the replica
 *
 * Context: any.
 * Return: true while the lease runs.
 */
bool harp_lease_valid(struct harp_replica *r)
{
	return ktime_before(ktime_get_boottime(), READ_ONCE(r->lease_until));
}

/**
 * harp_lease_extend() - L3 on given times
 * @r: the replica
 * @sent: when the message was sent whose ACK carried the promise
 * @now: the time
 *
 * Context: replica.lock held.
 * Return: true when the time counts and the lease runs now.
 */
bool harp_lease_extend(struct harp_replica *r, ktime_t sent, ktime_t now)
{
	ktime_t until;

	lockdep_assert_held(&r->lock);
	/* Not sent in this view by this object, or not yet: no time of ours. */
	if (ktime_after(sent, now) || ktime_before(sent, r->links->view_began))
		return false;
	until = ktime_add_ns(sent, div_u64((u64)r->promise_ms * NSEC_PER_MSEC * HARP_LEASE_PCT,
					   100));
	if (ktime_after(until, r->lease_until))
		WRITE_ONCE(r->lease_until, until);
	return ktime_before(now, r->lease_until);
}

static void harp_lease_arm(struct harp_replica *r, ktime_t now)
{
	u32 ms = harp_ms_until(r->lease_until, now);

	queue_delayed_work(system_highpri_wq, &r->links->lease_work, msecs_to_jiffies(ms) + 1);
}

/**
 * harp_lease_renew() - a promise has come back (L3)
 * @r: the replica
 * @t_sent_ns: the echoed send time
 *
 * A primary whose harpd is silent takes no more promises, so its lease ends (G2).
 *
 * Who looks at the clock without replica.lock may have seen the lease end that is found
 * running here: what follows from its end is undone whenever it runs, not only when it
 * had ended by this clock.
 *
 * Context: process context, takes replica.lock.
 */
void harp_lease_renew(struct harp_replica *r, u64 t_sent_ns)
{
	struct harp_links *ls = r->links;
	bool runs = false, back = false;
	ktime_t now;

	if (t_sent_ns > KTIME_MAX)
		return;
	spin_lock(&r->lock);
	now = ktime_get_boottime();
	if (r->role == HARP_ROLE_PRIMARY && harp_in_view(r) && harp_touched(r, now))
		runs = harp_lease_extend(r, ns_to_ktime(t_sent_ns), now);
	if (runs) {
		back = ls->lease_lost;
		ls->lease_lost = false;
	}
	if (runs && !ls->lease_armed) {
		ls->lease_armed = true;
		harp_lease_arm(r, now);
	}
	spin_unlock(&r->lock);
	if (!runs)
		return;
	if (back)
		harp_event(r, HARP_EVENT_LEASE_BACK, r->view, NULL);
	/* After the lease was set; who parks looks at it when in the queue: harp_park(). */
	if (wq_has_sleeper(&r->serve_wq))
		wake_up_all(&r->serve_wq);
	harp_try_serve(r);
}

/**
 * harp_lease_confirm() - the backup has acked, so it was in the view then (lease=confirm)
 * @r: the replica
 * @t_sent_ns: the echoed send time of what it acked
 *
 * Context: process context, takes replica.lock.
 */
void harp_lease_confirm(struct harp_replica *r, u64 t_sent_ns)
{
	ktime_t now = ktime_get_boottime();

	if (!r->confirm || t_sent_ns > (u64)ktime_to_ns(now))
		return;
	spin_lock(&r->lock);
	/* Not of an earlier view: who acked that one says nothing of this one's backup. */
	if (r->role == HARP_ROLE_PRIMARY && harp_in_view(r) &&
	    !ktime_before(ns_to_ktime(t_sent_ns), r->links->view_began))
		WRITE_ONCE(r->confirmed, max(r->confirmed, t_sent_ns));
	spin_unlock(&r->lock);
	if (wq_has_sleeper(&r->serve_wq))
		wake_up_all(&r->serve_wq);
	/* For whoever came after that was sent. */
	harp_link_kick(r);
}

/**
 * harp_lease_work() - tell when the lease has ended
 * @work: harp_links.lease_work
 *
 * Only tells: the gate and the operations look at the clock themselves. Armed
 * once and moved along here, so that a renewal costs no timer.
 *
 * Context: work queue.
 */
void harp_lease_work(struct work_struct *work)
{
	struct harp_links *ls = container_of(to_delayed_work(work), struct harp_links, lease_work);
	struct harp_replica *r = ls->r;
	ktime_t now = ktime_get_boottime();
	bool lost = false;
	u64 view;

	spin_lock(&r->lock);
	view = r->view;
	if (ktime_before(now, r->lease_until)) {
		harp_lease_arm(r, now);
	} else {
		ls->lease_armed = false;
		lost = r->role == HARP_ROLE_PRIMARY && harp_in_view(r);
		ls->lease_lost = lost;
	}
	spin_unlock(&r->lock);
	if (lost)
		harp_event(r, HARP_EVENT_LEASE_LOST, view, NULL);
}

/**
 * harp_promise_give() - L2: promise, or not
 * @r: the replica, backup in its view
 * @now: when the primary's message was taken
 * @heard: number of the last promise the primary says it has heard, 0 none
 * @serving: the primary says it serves
 *
 * A primary that does not hear us (finding 11) or does not serve (finding 13)
 * for 2 Δ gets none, or it would keep us quiet for ever.
 *
 * Context: replica.lock held.
 * Return: the promise's number, 0 for no promise.
 */
u64 harp_promise_give(struct harp_replica *r, ktime_t now, u64 heard, bool serving)
{
	struct harp_links *ls = r->links;
	ktime_t delta = harp_delta(r), old = ktime_sub(now, 2 * delta);
	bool young = ktime_after(ls->view_began, old), heard_lately = false;
	ktime_t *last;

	lockdep_assert_held(&r->lock);
	if (serving)
		ls->peer_served = now;
	/* What the ring no longer holds was given long ago. */
	if (heard && heard <= r->promise_no && r->promise_no - heard < HARP_PROMISE_RING)
		heard_lately = ktime_after(ls->given[heard % HARP_PROMISE_RING], old);
	if (!young && !heard_lately)
		return 0;
	if (!ktime_after(ls->peer_served, old))
		return 0;

	last = &ls->given[r->promise_no % HARP_PROMISE_RING];
	if (!r->promise_no || ktime_sub(now, *last) >= div_u64(delta, HARP_PROMISE_STEPS)) {
		r->promise_no++;
		ls->given[r->promise_no % HARP_PROMISE_RING] = now;
	}
	r->heard = heard;
	ls->promise_to = r->peer;
	r->promise_until = ktime_add(now, delta);
	return r->promise_no;
}

/**
 * harp_fence_locked() - L4 on a given time
 * @r: the replica
 * @view: refuse every view below
 * @by: slot of the member that proposes @view
 * @now: the time
 * @left_ms: on -EBUSY, how long what forbids it still runs
 *
 * Context: log->mutex and replica.lock held, so that no append or store is under way.
 * Return: 0; -EBUSY: a hold, a promise to another or our own lease runs; -EINVAL:
 * @view is below the fence in force.
 */
int harp_fence_locked(struct harp_replica *r, u64 view, u8 by, ktime_t now, u32 *left_ms)
{
	struct harp_links *ls = r->links;
	ktime_t until = r->hold_until;

	lockdep_assert_held(&r->lock);
	lockdep_assert_held(harp_log_mutex(r->log));
	*left_ms = 0;
	if (view < r->fence)
		return -EINVAL;
	if (by != ls->promise_to && !ls->peer_left && ktime_after(r->promise_until, until))
		until = r->promise_until;
	if (by != r->member && ktime_after(r->lease_until, until))
		until = r->lease_until;
	if (ktime_before(now, until)) {
		*left_ms = harp_ms_until(until, now);
		return -EBUSY;
	}
	/* What it says of this log from now on must stay true: nothing is fed any more (C1). */
	if (view > r->fence)
		harp_feed_end(r);
	WRITE_ONCE(r->fence, view);
	/* Closes the gate with it (G1): the store is seen before the verb's reply. */
	smp_store_mb(r->serving, r->fence <= r->view && r->serving);
	return 0;
}

/**
 * harp_fence() - L4: stop acks, promises, appends and serving for every view below
 * @r: the replica
 * @view: refuse every view below
 * @by: slot of the member that proposes @view
 * @left_ms: on -EBUSY, how long what forbids it still runs
 *
 * One atomic step (finding 9): log->mutex keeps out an append or a store half
 * done, replica.lock a promise or an ACK being made.
 *
 * Context: process context, takes log->mutex and replica.lock.
 * Return: as harp_fence_locked().
 */
int harp_fence(struct harp_replica *r, u64 view, u8 by, u32 *left_ms)
{
	int err;

	mutex_lock(harp_log_mutex(r->log));
	spin_lock(&r->lock);
	err = harp_fence_locked(r, view, by, ktime_get_boottime(), left_ms);
	spin_unlock(&r->lock);
	mutex_unlock(harp_log_mutex(r->log));
	trace_harp_fence(r, view, by, err);
	if (!err) {
		harp_fault(r, HARP_FAULT_FENCED);
		harp_wake_all(r);
	}
	return err;
}

/**
 * harp_leave() - fence this member out of its view and tell the partner
 * @r: the replica
 *
 * For the LEAVE verb and for a media failure (N6). Our own lease ends with it and
 * the partner need not wait for its promise (L4); a promise that *we* gave stands. A member
 * that is fed is not any more (C1).
 *
 * Context: process context, takes log->mutex and replica.lock.
 */
void harp_leave(struct harp_replica *r)
{
	u64 view = 0;
	bool fed;

	mutex_lock(harp_log_mutex(r->log));
	spin_lock(&r->lock);
	fed = harp_feed_end(r);
	if (harp_in_view(r)) {
		view = r->view;
		WRITE_ONCE(r->fence, view + 1);
		/* As in harp_fence_locked(). */
		smp_store_mb(r->serving, false);
		WRITE_ONCE(r->lease_until, 0);
	}
	spin_unlock(&r->lock);
	mutex_unlock(harp_log_mutex(r->log));
	if (view)
		trace_harp_fence(r, view + 1, r->member, 0);
	if (view || fed)
		harp_wake_all(r);
	if (!view)
		return;
	harp_link_leave(r, view);
}
