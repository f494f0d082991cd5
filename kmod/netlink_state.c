// SPDX-License-Identifier: GPL-2.0
/*
 * What a replica tells of itself over netlink (netlink.c): REPLICA_GET's reply and
 * that of every verb that changes it.
 */
#include <linux/ktime.h>
#include <linux/slab.h>
#include <linux/harp_netlink.h>
#include "copy.h"
#include "dataplane.h"
#include "netlink.h"

#define HARP_VIEWS_TOLD_MAX	64U

/* A snapshot of what a replica knows; taken under replica.lock, told without. */
struct harp_nl_state {
	struct harp_log_pos pos;
	u8 role, peer;
	bool serving, intact, media_failure, mounted, peer_no_control;
	u64 view, fence, cp, ap, lb, acked, peer_ap, peer_lb, peer_free;
	u64 free_bytes, free_inodes;
	struct harp_feed feed;
	struct harp_copy_place copy;
	u8 copying;
	u32 promise_ms;
	ktime_t now, lease, promise, hold;
};

static void harp_nl_snapshot(struct harp_replica *r, struct harp_nl_state *st)
{
	harp_space_free(r, &st->free_bytes, &st->free_inodes);
	st->mounted = READ_ONCE(r->sb);
	spin_lock(&r->lock);
	harp_log_pos(r->log, &st->pos);
	st->now = ktime_get_boottime();
	st->role = r->role;
	st->peer = r->peer;
	st->serving = r->serving;
	st->intact = r->links->intact;
	st->media_failure = r->media_failure;
	st->peer_no_control = r->links->peer_no_control;
	st->view = r->view;
	st->fence = r->fence;
	st->cp = r->cp;
	st->ap = r->ap;
	st->lb = r->lb;
	st->acked = r->acked;
	st->peer_ap = r->peer_ap;
	st->peer_lb = r->peer_lb;
	st->peer_free = r->peer_free_bytes;
	if (r->links->feed.on)
		st->feed = r->links->feed;
	else
		memset(&st->feed, 0, sizeof(st->feed));
	st->copying = r->copying;
	harp_copy_told(r, &st->copy);
	st->promise_ms = r->promise_ms;
	st->lease = r->lease_until;
	st->promise = r->promise_until;
	st->hold = r->hold_until;
	spin_unlock(&r->lock);
}

static s32 harp_nl_ms(ktime_t until, ktime_t now)
{
	return clamp_t(s64, ktime_ms_delta(until, now), S32_MIN, S32_MAX);
}

/**
 * harp_put_u64() - put a number of 64 bits, aligned
 * @skb: the message
 * @attr: enum harp_nl_attr
 * @value: the number
 *
 * Context: any.
 * Return: 0 or -EMSGSIZE.
 */
int harp_put_u64(struct sk_buff *skb, int attr, u64 value)
{
	return nla_put_u64_64bit(skb, attr, value, HARP_A_PAD);
}

static int harp_put_identity(struct sk_buff *skb, struct harp_replica *r)
{
	if (nla_put_string(skb, HARP_A_GROUP, r->group) ||
	    nla_put_u8(skb, HARP_A_MEMBER, r->member) ||
	    nla_put(skb, HARP_A_UUID, sizeof(r->uuid), &r->uuid) ||
	    nla_put_u32(skb, HARP_A_EPOCH, r->epoch) ||
	    harp_put_u64(skb, HARP_A_LINEAGE, r->lineage) ||
	    harp_put_u64(skb, HARP_A_INC, r->inc))
		return -EMSGSIZE;
	return 0;
}

/* @left: what a fence waits for, if not only the promise. */
static int harp_put_view(struct sk_buff *skb, struct harp_replica *r,
			 const struct harp_nl_state *st, const u32 *left)
{
	u32 wait = left ? *left : max(harp_nl_ms(st->promise, st->now), 0);

	if (nla_put_u8(skb, HARP_A_ROLE, st->role) ||
	    harp_put_u64(skb, HARP_A_VIEW, st->view) ||
	    harp_put_u64(skb, HARP_A_FENCE, st->fence) ||
	    nla_put_u8(skb, HARP_A_SERVING, st->serving) ||
	    nla_put_u8(skb, HARP_A_PEER, st->peer) ||
	    nla_put_u8(skb, HARP_A_INTACT, st->intact) ||
	    nla_put_u8(skb, HARP_A_MEDIA_FAILURE, st->media_failure) ||
	    nla_put_u8(skb, HARP_A_LINK_UP, harp_link_up(r)) ||
	    nla_put_u8(skb, HARP_A_GATE_BOUND, harp_gate_bound(r)) ||
	    nla_put_u8(skb, HARP_A_MOUNTED, st->mounted) ||
	    nla_put_u8(skb, HARP_A_PEER_NO_CONTROL, st->peer_no_control) ||
	    nla_put_u32(skb, HARP_A_LEASE_LEFT_MS, (u32)harp_nl_ms(st->lease, st->now)) ||
	    nla_put_u32(skb, HARP_A_TIME_LEFT_MS, wait) ||
	    nla_put_u32(skb, HARP_A_HOLD_LEFT_MS, max(harp_nl_ms(st->hold, st->now), 0)) ||
	    nla_put_u32(skb, HARP_A_PROMISE_MS, st->promise_ms))
		return -EMSGSIZE;
	return 0;
}

static int harp_put_log(struct sk_buff *skb, const struct harp_nl_state *st)
{
	const struct harp_log_pos *pos = &st->pos;

	if (harp_put_u64(skb, HARP_A_FORMED, pos->formed) ||
	    harp_put_u64(skb, HARP_A_BASE, pos->base) ||
	    harp_put_u64(skb, HARP_A_ANCHOR_VIEW, pos->anchor_view) ||
	    harp_put_u64(skb, HARP_A_TOP, pos->top) ||
	    harp_put_u64(skb, HARP_A_TOP_VIEW, pos->top_view) ||
	    nla_put_u32(skb, HARP_A_TOP_CRC, pos->top_crc) ||
	    harp_put_u64(skb, HARP_A_WM, pos->wm) ||
	    nla_put_u8(skb, HARP_A_COMPLETE, pos->complete) ||
	    harp_put_u64(skb, HARP_A_RING_USED, pos->used) ||
	    harp_put_u64(skb, HARP_A_RING_SIZE, pos->size) ||
	    harp_put_u64(skb, HARP_A_CP, st->cp) ||
	    harp_put_u64(skb, HARP_A_AP, st->ap) ||
	    harp_put_u64(skb, HARP_A_LB, st->lb) ||
	    harp_put_u64(skb, HARP_A_ACKED, st->acked) ||
	    harp_put_u64(skb, HARP_A_PEER_AP, st->peer_ap) ||
	    harp_put_u64(skb, HARP_A_PEER_LB, st->peer_lb) ||
	    harp_put_u64(skb, HARP_A_FREE_BYTES, st->free_bytes) ||
	    harp_put_u64(skb, HARP_A_PEER_FREE_BYTES, st->peer_free))
		return -EMSGSIZE;
	return 0;
}

static int harp_put_found(struct sk_buff *skb, struct harp_replica *r)
{
	const struct harp_log_found *f = &r->found;

	if (nla_put_u8(skb, HARP_A_REGION_KIND, r->region.kind) ||
	    nla_put_string(skb, HARP_A_REGION_WHY, f->why) ||
	    nla_put_u8(skb, HARP_A_FOUND_FRESH, f->fresh) ||
	    harp_put_u64(skb, HARP_A_FOUND_WALKED, f->walked) ||
	    harp_put_u64(skb, HARP_A_FOUND_WM, f->wm) ||
	    harp_put_u64(skb, HARP_A_APPLYING_FIRST, f->applying_first) ||
	    nla_put_u32(skb, HARP_A_APPLYING_COUNT, f->applying_count) ||
	    harp_put_u64(skb, HARP_A_WAIT_FULL, atomic64_read(&r->n_wait_full)) ||
	    harp_put_u64(skb, HARP_A_WAIT_LEASE, atomic64_read(&r->n_wait_lease)) ||
	    nla_put_u8(skb, HARP_A_LEASE_CONFIRM, r->confirm) ||
	    harp_put_u64(skb, HARP_A_WAIT_CONFIRM, atomic64_read(&r->n_wait_confirm)) ||
	    harp_put_u64(skb, HARP_A_REFUSED, atomic64_read(&r->n_refused)) ||
	    harp_put_u64(skb, HARP_A_RELEASED, atomic64_read(&r->n_released)))
		return -EMSGSIZE;
	return 0;
}

static int harp_put_feed(struct sk_buff *skb, const struct harp_feed *feed)
{
	if (harp_put_u64(skb, HARP_A_FEED_VIEW, feed->view) ||
	    nla_put_u8(skb, HARP_A_FEED_PEER, feed->peer) ||
	    harp_put_u64(skb, HARP_A_FEED_CP, feed->cp) ||
	    harp_put_u64(skb, HARP_A_FEED_AP, feed->ap) ||
	    harp_put_u64(skb, HARP_A_FEED_UPTO, feed->upto))
		return -EMSGSIZE;
	return 0;
}

/* Where within COPY_FID its last writer stopped, that one knows: others begin with the fid. */
static int harp_put_copying(struct sk_buff *skb, const struct harp_nl_state *st)
{
	const struct harp_copy_place *at = &st->copy;

	if (nla_put_u8(skb, HARP_A_COPYING, st->copying) ||
	    harp_put_u64(skb, HARP_A_COPY_FROM, at->from) ||
	    harp_put_u64(skb, HARP_A_COPY_UPTO, at->upto) ||
	    harp_put_u64(skb, HARP_A_COPY_END, at->end) ||
	    nla_put_u8(skb, HARP_A_COPY_PASS, at->pass) ||
	    harp_put_u64(skb, HARP_A_COPY_FID, at->fid))
		return -EMSGSIZE;
	return 0;
}

/* [view -> first index] of the log, newest part if there are too many to tell. */
static int harp_put_views(struct sk_buff *skb, struct harp_replica *r)
{
	u64 *views, *firsts;
	struct nlattr *nla;
	__le64 pair[2];
	u32 i, n;
	int err = -EMSGSIZE;

	views = kcalloc(2 * HARP_VIEWS_TOLD_MAX, sizeof(*views), GFP_KERNEL);
	if (!views)
		return -ENOMEM;
	firsts = views + HARP_VIEWS_TOLD_MAX;
	n = min(harp_log_views(r->log, views, firsts, HARP_VIEWS_TOLD_MAX), HARP_VIEWS_TOLD_MAX);
	nla = nla_reserve(skb, HARP_A_VIEWS, n * sizeof(pair));
	if (!nla)
		goto out;
	for (i = 0; i < n; i++) {
		pair[0] = cpu_to_le64(views[i]);
		pair[1] = cpu_to_le64(firsts[i]);
		memcpy(nla_data(nla) + i * sizeof(pair), pair, sizeof(pair));
	}
	err = 0;
out:
	kfree(views);
	return err;
}

/**
 * harp_put_state() - put all that is told of a replica
 * @skb: the message
 * @r: the replica
 * @left: what a fence waits for, in ms, or NULL for what is left of the promise
 *
 * Context: process; takes replica.lock and log->mutex.
 * Return: 0, -EMSGSIZE or -ENOMEM.
 */
int harp_put_state(struct sk_buff *skb, struct harp_replica *r, const u32 *left)
{
	struct harp_nl_state st;
	int err;

	harp_nl_snapshot(r, &st);
	err = harp_put_identity(skb, r);
	err = err ?: harp_put_view(skb, r, &st, left);
	err = err ?: harp_put_log(skb, &st);
	err = err ?: harp_put_found(skb, r);
	err = err ?: harp_put_feed(skb, &st.feed);
	err = err ?: harp_put_copying(skb, &st);
	return err ?: harp_put_views(skb, r);
}
