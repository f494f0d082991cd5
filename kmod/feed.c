// SPDX-License-Identifier: GPL-2.0
/*
 * FEED (protocol C1): a member that is in no view takes the history of one that serves, so
 * that little is left to be done when it comes back. It stands aside all the while: it
 * promises nothing, what it acknowledges counts for nothing, and fence, role, view and
 * formed stay as they were. What it is fed is committed, so it is applied up to what the
 * view's primary is said to have applied (I3).
 *
 * Before a view that it is to enter it can also be fed what START's log has above that, up to
 * START's s (V6). This is stored and no more: CP is what was told, so nothing of it is applied,
 * and a START that decides otherwise cuts it.
 *
 * The log of the last view that the member entered is not given up for it, unless it and
 * the history differ: what is fed comes after the watermark, which stays, and a walk ends
 * at the first VIEW record above "formed", as if nothing had been fed (finding 2).
 */
#include <linux/netlink.h>
#include "copy.h"
#include "dataplane.h"

/**
 * harp_feed_end() - no record is taken any more
 * @r: the replica
 *
 * What was told in the feed ends with it: apply stands still.
 *
 * Context: log->mutex and replica.lock held, so that no store is under way; whoever lets
 * go of them calls harp_wake_all().
 * Return: true when the member was fed until now.
 */
bool harp_feed_end(struct harp_replica *r)
{
	struct harp_feed *feed = &r->links->feed;

	lockdep_assert_held(harp_log_mutex(r->log));
	lockdep_assert_held(&r->lock);
	if (!feed->on)
		return false;
	WRITE_ONCE(feed->on, false);
	r->told_cp = 0;
	r->told_ap = 0;
	return true;
}

/* Out of every view, and with nobody who waits for what may be cut. */
static int harp_feed_check_state(struct harp_replica *r, const struct harp_feed *feed,
				 struct netlink_ext_ack *extack)
{
	bool in_view, released, failed;
	struct harp_log_pos pos;
	u64 fence;

	harp_log_pos(r->log, &pos);
	spin_lock(&r->lock);
	in_view = harp_in_view(r);
	released = r->released;
	failed = r->media_failure;
	fence = r->fence;
	spin_unlock(&r->lock);
	if (in_view) {
		NL_SET_ERR_MSG(extack, "this member is in a view: FENCE or LEAVE first");
		return -EBUSY;
	}
	if (failed) {
		NL_SET_ERR_MSG(extack, "the lower has failed: this member needs a copy");
		return -EIO;
	}
	if (feed->view <= r->view || feed->view <= pos.formed) {
		NL_SET_ERR_MSG(extack, "VIEW: not above this member's last");
		return -ESTALE;
	}
	/* Its START comes too late: a later view's decides. */
	if (feed->upto && feed->view < fence) {
		NL_SET_ERR_MSG(extack, "FEED_UPTO: VIEW is below the fence");
		return -ESTALE;
	}
	/* Who was released is on its way out, and gets no success (G3). */
	if (!released && harp_parked(r)) {
		NL_SET_ERR_MSG(extack, "operations are parked: RELEASE first");
		return -EBUSY;
	}
	return 0;
}

/*
 * A log that ends before what is on the disk: what was fed is not in a walk after a
 * restart, but its effects are there. None of it is needed, and it begins again after LB.
 */
static bool harp_feed_restarts(struct harp_replica *r, u64 match)
{
	u64 lb = READ_ONCE(r->lb);

	if (match != lb || lb != READ_ONCE(r->ap))
		return false;
	/* What the log has is of what was on the disk before the copy. */
	return lb > harp_log_top(r->log) || harp_copy_goes_on(r);
}

/* Where the history begins to be new, compared with the log: as in harp_view_check_log(). */
static int harp_feed_check_log(struct harp_replica *r, u64 match, struct netlink_ext_ack *extack)
{
	struct harp_log_pos pos;

	harp_log_pos(r->log, &pos);
	if (READ_ONCE(r->copying) == HARP_NL_COPYING_PIECES) {
		NL_SET_ERR_MSG(extack, "a copy onto the lower has not ended: go on with it");
		return -ENODATA;
	}
	if (harp_feed_restarts(r, match))
		return 0;
	if (pos.base > READ_ONCE(r->lb) + 1) {
		NL_SET_ERR_MSG(extack, "the log begins after LB + 1: this member needs a copy");
		return -ENODATA;
	}
	if (match + 1 < pos.base || match > pos.top) {
		NL_SET_ERR_MSG(extack, "MATCH: expected base - 1 to top of the log");
		return -ERANGE;
	}
	if (match < READ_ONCE(r->ap) || match < min(READ_ONCE(r->cp), pos.top)) {
		NL_SET_ERR_MSG(extack, "MATCH: would cut what is committed or applied");
		return -EINVAL;
	}
	return 0;
}

static int harp_feed_check(struct harp_replica *r, const struct harp_feed *feed, u64 match,
			   struct netlink_ext_ack *extack)
{
	lockdep_assert_held(&r->links->mutex);
	lockdep_assert_held(harp_log_mutex(r->log));
	if (r->links->closed) {
		NL_SET_ERR_MSG(extack, "the replica is ending");
		return -ENODEV;
	}
	if (feed->peer >= HARP_MEMBERS || feed->peer == r->member) {
		NL_SET_ERR_MSG(extack, "PEER: expected the slot of another member, below 3");
		return -EINVAL;
	}
	if (feed->upto && (feed->upto < match || feed->upto >= HARP_INDEX_MAX)) {
		NL_SET_ERR_MSG(extack, "FEED_UPTO: expected MATCH to the last index but one");
		return -ERANGE;
	}
	return harp_feed_check_state(r, feed, extack) ?:
	       harp_feed_check_log(r, match, extack);
}

/*
 * Give up what differs. The header says first that the log is not whole any more: else a
 * restart would find what is left of it, and what was fed, and take that for whole.
 */
static int harp_feed_match(struct harp_replica *r, u64 match)
{
	struct harp_log_pos pos;

	harp_log_pos(r->log, &pos);
	if (match != pos.top) {
		harp_log_set_formed(r->log, pos.formed, false, pos.wm);
		spin_lock(&r->lock);
		r->links->intact = false;
		spin_unlock(&r->lock);
	}
	/* Also at the top: bytes that look like records may follow it. */
	if (match <= pos.top && !harp_feed_restarts(r, match))
		return harp_log_cut(r->log, match);
	return harp_log_format(r->log, match + 1, 0, 0, pos.formed, false);
}

static int harp_feed_begin(struct harp_replica *r, const struct harp_feed *feed, u64 match,
			   bool *reload)
{
	struct harp_links *ls = r->links;
	int err;

	lockdep_assert_held(harp_log_mutex(r->log));
	*reload = match < harp_log_top(r->log);
	spin_lock(&r->lock);
	harp_feed_end(r);
	spin_unlock(&r->lock);
	err = harp_feed_match(r, match);
	if (WARN_ON_ONCE(err))
		return err;
	spin_lock(&r->lock);
	r->told_cp = 0;
	r->told_ap = 0;
	ls->feed = *feed;
	/* As in harp_view_adopt(): how far it goes is the first thing told. */
	ls->feed.redo = !r->redo_ready && (!r->view || r->ap < r->redo_to);
	WRITE_ONCE(ls->feed.on, true);
	ls->fed = true;
	if (*reload) {
		/* What was decided on records that are cut is void: as in harp_view_adopt(). */
		smp_store_release(&r->generation, r->generation + 1);
	}
	spin_unlock(&r->lock);
	return 0;
}

/**
 * harp_feed() - take the records of a view that serves, without being in it (C1)
 * @r: the replica
 * @feed: the view, and who feeds it
 * @match: highest record this log has in common with the view's
 * @extack: why not
 *
 * A feed that was on ends, and so does its link; a link added before this one waits for it.
 *
 * Context: process context, sleeps.
 * Return: 0 or a negative errno, and nothing has changed.
 */
int harp_feed(struct harp_replica *r, const struct harp_feed *feed, u64 match,
	      struct netlink_ext_ack *extack)
{
	bool reload = false;
	int err;

	mutex_lock(&r->links->mutex);
	mutex_lock(harp_log_mutex(r->log));
	err = harp_feed_check(r, feed, match, extack);
	mutex_unlock(harp_log_mutex(r->log));
	if (err)
		goto out;
	/* Its threads take log->mutex. */
	harp_link_stop_used(r);
	mutex_lock(harp_log_mutex(r->log));
	err = harp_feed_check(r, feed, match, extack);
	if (!err)
		err = harp_feed_begin(r, feed, match, &reload);
	mutex_unlock(harp_log_mutex(r->log));
	if (!err) {
		harp_fault(r, HARP_FAULT_FED);
		harp_wake_all(r);
	}
out:
	mutex_unlock(&r->links->mutex);
	if (reload)
		harp_super_generation(r);
	return err;
}

/**
 * harp_feed_told() - how far the view has come
 * @r: the replica, which is fed
 * @cp: the view's CP
 * @ap: its primary's AP
 *
 * Context: replica.lock held.
 */
void harp_feed_told(struct harp_replica *r, u64 cp, u64 ap)
{
	struct harp_feed *feed = &r->links->feed;
	struct harp_copy_place copy;

	lockdep_assert_held(&r->lock);
	feed->cp = max(feed->cp, cp);
	feed->ap = max(feed->ap, ap);
	/*
	 * No record that an earlier life of this member has applied is above what is committed.
	 * Before START nobody need know of all that is; but none of that is above START's s.
	 */
	if (feed->redo)
		WRITE_ONCE(r->redo_to, max(cp, feed->upto));
	/* Nor above a copy's e: the lower is to be the state of that, what dies later included. */
	if (feed->redo && r->copying == HARP_NL_COPYING_LOG) {
		harp_copy_told(r, &copy);
		WRITE_ONCE(r->redo_to, min(r->redo_to, copy.upto));
	}
	feed->redo = false;
}

/**
 * harp_feed_full() - the log takes no more, and nothing of it can go
 * @r: the replica, which is fed
 *
 * Redo begins when all of it is here (redo.c). What is committed by now may be more than the
 * log holds; but what an earlier life has applied, from LB + 1 on, was in its log, which had
 * no more room than this one.
 *
 * Context: replica.lock held.
 */
void harp_feed_full(struct harp_replica *r)
{
	struct harp_log_pos pos;

	lockdep_assert_held(&r->lock);
	harp_log_pos(r->log, &pos);
	/* What is on the disk goes first. */
	if (r->ap < r->redo_to && !r->redo_ready && pos.base > r->lb)
		WRITE_ONCE(r->redo_to, min(r->redo_to, pos.top));
}

/**
 * harp_feed_refuses() - may a record be fed?
 * @view: the view whose history it is said to be of
 * @upto: the last record that it may be: CP told with it, or more before a START
 * @rec: the record, sound by itself
 *
 * That it follows the log's top is seen when it is stored.
 *
 * Context: any.
 * Return: NULL, or what is wrong.
 */
const char *harp_feed_refuses(u64 view, u64 upto, const struct harp_rec *rec)
{
	if (rec->view > view)
		return "REC: a record of a later view";
	/* Nobody asks who holds it here: what a view may yet cut has no place (finding 23). */
	if (rec->index > upto)
		return "REC: a record that is not committed, to a member in no view";
	return NULL;
}
