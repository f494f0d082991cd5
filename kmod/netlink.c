// SPDX-License-Identifier: GPL-2.0
/*
 * The generic netlink family "harp" (Documentation/netlink/specs/harp.yaml): how
 * harpd steers a replica. It decides nothing by itself; each verb is one call into
 * the data plane, and each refusal says in extack what was expected.
 */
#include <linux/file.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/harp_netlink.h>
#include <net/genetlink.h>
#include <net/net_namespace.h>
#include "copy.h"
#include "dataplane.h"

#define HARP_LOG_READ_MAX	65528U	/* bytes in one attribute, and of records in a reply */
#define HARP_VIEW_MIN		sizeof(struct harp_sec_view)
#define HARP_VIEW_MAX		(HARP_VIEW_MIN + HARP_VOIDS_MAX * sizeof(__le64))
#define HARP_VIEWS_TOLD_MAX	64U
#define HARP_REPLY_MORE		128U	/* bytes of a reply besides its records */
#define HARP_EVENT_TEXT_MAX	128

static struct genl_family harp_genl_family;

static const struct genl_multicast_group harp_mcgrps[] = {
	{ .name = HARP_GENL_MCGRP_EVENTS },
};

#define HARP_POLICY_NAME \
	[HARP_A_GROUP] = { .type = NLA_NUL_STRING, .len = HARP_GROUP_NAME_MAX }, \
	[HARP_A_MEMBER] = NLA_POLICY_MAX(NLA_U8, HARP_MEMBERS - 1)

static const struct nla_policy harp_name_policy[HARP_A_MEMBER + 1] = {
	HARP_POLICY_NAME,
};

static const struct nla_policy harp_del_policy[HARP_A_LINEAGE + 1] = {
	HARP_POLICY_NAME,
	[HARP_A_LINEAGE] = { .type = NLA_U64 },
};

static const struct nla_policy harp_fence_policy[HARP_A_BY + 1] = {
	HARP_POLICY_NAME,
	[HARP_A_VIEW] = NLA_POLICY_MIN(NLA_U64, 1),
	[HARP_A_BY] = NLA_POLICY_MAX(NLA_U8, HARP_MEMBERS - 1),
};

static const struct nla_policy harp_view_policy[HARP_A_CRC_OF_S + 1] = {
	HARP_POLICY_NAME,
	[HARP_A_VIEW_RECORD] = NLA_POLICY_RANGE(NLA_BINARY, HARP_VIEW_MIN, HARP_VIEW_MAX),
	[HARP_A_MATCH] = { .type = NLA_U64 },
	[HARP_A_CRC_OF_S] = { .type = NLA_U32 },
};

static const struct nla_policy harp_feed_policy[HARP_A_FEED_UPTO + 1] = {
	HARP_POLICY_NAME,
	[HARP_A_VIEW] = NLA_POLICY_MIN(NLA_U64, 1),
	[HARP_A_PEER] = NLA_POLICY_MAX(NLA_U8, HARP_MEMBERS - 1),
	[HARP_A_MATCH] = { .type = NLA_U64 },
	[HARP_A_PEER_INC] = NLA_POLICY_MIN(NLA_U64, 1),
	[HARP_A_FEED_UPTO] = { .type = NLA_U64 },
};

static const struct nla_policy harp_link_policy[HARP_A_FD + 1] = {
	HARP_POLICY_NAME,
	[HARP_A_PEER] = NLA_POLICY_MAX(NLA_U8, HARP_MEMBERS - 1),
	[HARP_A_FD] = NLA_POLICY_MIN(NLA_S32, 0),
};

static const struct nla_policy harp_load_policy[HARP_A_FD + 1] = {
	HARP_POLICY_NAME,
	[HARP_A_FD] = NLA_POLICY_MIN(NLA_S32, 0),
};

static const struct nla_policy harp_gate_policy[HARP_A_IFINDEX + 1] = {
	HARP_POLICY_NAME,
	[HARP_A_IFINDEX] = NLA_POLICY_MIN(NLA_U32, 1),
};

static const struct nla_policy harp_log_policy[HARP_A_COUNT + 1] = {
	HARP_POLICY_NAME,
	[HARP_A_INDEX] = NLA_POLICY_MIN(NLA_U64, 1),
	[HARP_A_COUNT] = NLA_POLICY_MIN(NLA_U32, 1),
};

static const struct nla_policy harp_copy_policy[HARP_A_COPY_END + 1] = {
	HARP_POLICY_NAME,
	[HARP_A_COPY_PASS] = NLA_POLICY_MAX(NLA_U8, HARP_NL_COPY_ENTRIES),
	[HARP_A_COPY_FID] = NLA_POLICY_MIN(NLA_U64, 1),
	[HARP_A_COPY_AT] = { .type = NLA_U64 },
	[HARP_A_COPY_END] = { .type = NLA_U64 },
};

static const struct nla_policy harp_copy_write_policy[HARP_A_COPY_NEXT_AT + 1] = {
	HARP_POLICY_NAME,
	[HARP_A_INDEX] = NLA_POLICY_MIN(NLA_U64, 1),
	[HARP_A_RECORDS] = { .type = NLA_BINARY },
	[HARP_A_COPY_PASS] = NLA_POLICY_MAX(NLA_U8, HARP_NL_COPY_ENTRIES),
	[HARP_A_COPY_FID] = NLA_POLICY_MIN(NLA_U64, 1),
	[HARP_A_COPY_AT] = { .type = NLA_U64 },
	[HARP_A_COPY_END] = { .type = NLA_U64 },
	[HARP_A_COPY_FROM] = { .type = NLA_U64 },
	[HARP_A_COPY_NEXT_PASS] = NLA_POLICY_MAX(NLA_U8, HARP_NL_COPY_DONE),
	[HARP_A_COPY_NEXT_FID] = NLA_POLICY_MIN(NLA_U64, 1),
	[HARP_A_COPY_NEXT_AT] = { .type = NLA_U64 },
};

/* ------------------------------------------------------------------------ state */

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

static int harp_put_u64(struct sk_buff *skb, int attr, u64 value)
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

static int harp_put_state(struct sk_buff *skb, struct harp_replica *r, const u32 *left)
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

/* ---------------------------------------------------------------------- helpers */

/* Is the attribute there? If not, @text says so, and what was expected. */
static bool harp_need(struct genl_info *info, int attr, const char *text)
{
	if (info->attrs[attr])
		return true;
	/* NL_SET_ERR_MSG() takes literals only. */
	info->extack->_msg = text;
	return false;
}

static struct harp_replica *harp_nl_replica(struct genl_info *info)
{
	struct harp_replica *r;

	if (!harp_need(info, HARP_A_GROUP, "GROUP is missing: expected the group's name") ||
	    !harp_need(info, HARP_A_MEMBER, "MEMBER is missing: expected a member's slot"))
		return ERR_PTR(-EINVAL);
	r = harp_replica_find(nla_data(info->attrs[HARP_A_GROUP]),
			      nla_get_u8(info->attrs[HARP_A_MEMBER]));
	if (r)
		return r;
	NL_SET_ERR_MSG(info->extack, "no replica of this GROUP and MEMBER is in this kernel");
	return ERR_PTR(-ENOENT);
}

/* The reply to a verb: the state; RESULT and time left when @result >= 0. */
static int harp_nl_reply(struct genl_info *info, struct harp_replica *r, int result, u32 left)
{
	struct sk_buff *skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	void *hdr;
	int err = -EMSGSIZE;

	if (!skb)
		return -ENOMEM;
	hdr = genlmsg_put_reply(skb, info, &harp_genl_family, 0, info->genlhdr->cmd);
	if (!hdr)
		goto out_free;
	err = harp_put_state(skb, r, result >= 0 ? &left : NULL);
	if (!err && result >= 0)
		err = nla_put_u8(skb, HARP_A_RESULT, result);
	if (err)
		goto out_free;
	genlmsg_end(skb, hdr);
	return genlmsg_reply(skb, info);

out_free:
	nlmsg_free(skb);
	return err;
}

/* ------------------------------------------------------------------------ verbs */

static int harp_nl_replica_get(struct sk_buff *skb, struct genl_info *info)
{
	struct harp_replica *r = harp_nl_replica(info);
	int err;

	if (IS_ERR(r))
		return PTR_ERR(r);
	err = harp_nl_reply(info, r, -1, 0);
	harp_replica_put(r);
	return err;
}

static int harp_nl_replica_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct harp_replica *r;
	void *hdr;
	int err = 0;

	while (!err && (r = harp_replica_nth(cb->args[0]))) {
		hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
				  &harp_genl_family, NLM_F_MULTI, HARP_CMD_REPLICA_GET);
		err = hdr ? harp_put_state(skb, r, NULL) : -EMSGSIZE;
		harp_replica_put(r);
		if (!err) {
			genlmsg_end(skb, hdr);
			cb->args[0]++;
		} else if (hdr) {
			genlmsg_cancel(skb, hdr);
		}
	}
	return err && !skb->len ? err : skb->len;
}

static int harp_nl_replica_del(struct sk_buff *skb, struct genl_info *info)
{
	struct harp_replica *r = harp_nl_replica(info);
	struct nlattr *wipe;
	int err;

	if (IS_ERR(r))
		return PTR_ERR(r);
	wipe = info->attrs[HARP_A_LINEAGE];
	if (wipe && nla_get_u64(wipe) != r->lineage) {
		NL_SET_ERR_MSG(info->extack, "LINEAGE is not this replica's: its log stays");
		harp_replica_put(r);
		return -EINVAL;
	}
	err = harp_replica_del(r, wipe);
	if (err == -EBUSY)
		NL_SET_ERR_MSG(info->extack, "the replica is mounted: expected umount first");
	else if (err)
		NL_SET_ERR_MSG(info->extack, "the replica has ended already");
	harp_replica_put(r);
	return err;
}

static int harp_nl_fence(struct sk_buff *skb, struct genl_info *info)
{
	struct harp_replica *r;
	u32 left;
	int err;

	if (!harp_need(info, HARP_A_VIEW, "VIEW is missing: expected the view proposed") ||
	    !harp_need(info, HARP_A_BY, "BY is missing: expected the proposer's slot"))
		return -EINVAL;
	r = harp_nl_replica(info);
	if (IS_ERR(r))
		return PTR_ERR(r);
	err = harp_fence(r, nla_get_u64(info->attrs[HARP_A_VIEW]),
			 nla_get_u8(info->attrs[HARP_A_BY]), &left);
	if (err && err != -EBUSY)
		NL_SET_ERR_MSG(info->extack, "VIEW: below the fence, which is never lowered");
	else
		err = harp_nl_reply(info, r, !err, left);
	harp_replica_put(r);
	return err;
}

static int harp_nl_view_start(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *rec, *crc = info->attrs[HARP_A_CRC_OF_S];
	struct harp_view_from from = { };
	struct harp_replica *r;
	void *copy;
	int err;

	if (!harp_need(info, HARP_A_VIEW_RECORD, "VIEW_RECORD is missing: a harp_sec_view") ||
	    !harp_need(info, HARP_A_MATCH, "MATCH is missing: expected the last index in common"))
		return -EINVAL;
	r = harp_nl_replica(info);
	if (IS_ERR(r))
		return PTR_ERR(r);
	rec = info->attrs[HARP_A_VIEW_RECORD];
	/* Attributes are aligned to 4, the section's numbers to 8. */
	copy = kmemdup(nla_data(rec), nla_len(rec), GFP_KERNEL);
	err = -ENOMEM;
	from.match = nla_get_u64(info->attrs[HARP_A_MATCH]);
	from.crc_known = crc;
	from.crc_of_s = crc ? nla_get_u32(crc) : 0;
	if (copy)
		err = harp_view_start(r, copy, nla_len(rec), &from, info->extack);
	kfree(copy);
	if (!err)
		err = harp_nl_reply(info, r, -1, 0);
	harp_replica_put(r);
	return err;
}

static int harp_nl_feed(struct sk_buff *skb, struct genl_info *info)
{
	struct harp_feed feed = { };
	struct harp_replica *r;
	int err;

	if (!harp_need(info, HARP_A_VIEW, "VIEW is missing: expected the view that serves") ||
	    !harp_need(info, HARP_A_PEER, "PEER is missing: expected the slot of who feeds") ||
	    !harp_need(info, HARP_A_PEER_INC, "PEER_INC is missing: expected its incarnation") ||
	    !harp_need(info, HARP_A_MATCH, "MATCH is missing: expected the last index in common"))
		return -EINVAL;
	r = harp_nl_replica(info);
	if (IS_ERR(r))
		return PTR_ERR(r);
	feed.view = nla_get_u64(info->attrs[HARP_A_VIEW]);
	feed.peer = nla_get_u8(info->attrs[HARP_A_PEER]);
	feed.peer_inc = nla_get_u64(info->attrs[HARP_A_PEER_INC]);
	if (info->attrs[HARP_A_FEED_UPTO])
		feed.upto = nla_get_u64(info->attrs[HARP_A_FEED_UPTO]);
	err = harp_feed(r, &feed, nla_get_u64(info->attrs[HARP_A_MATCH]), info->extack);
	if (!err)
		err = harp_nl_reply(info, r, -1, 0);
	harp_replica_put(r);
	return err;
}

static int harp_nl_link_add(struct sk_buff *skb, struct genl_info *info)
{
	struct harp_replica *r;
	int err;

	if (!harp_need(info, HARP_A_FD, "FD is missing: expected a connected stream socket") ||
	    !harp_need(info, HARP_A_PEER, "PEER is missing: expected the partner's slot"))
		return -EINVAL;
	r = harp_nl_replica(info);
	if (IS_ERR(r))
		return PTR_ERR(r);
	/* Verbs run in the caller's context, so its descriptors can be looked up. */
	err = harp_link_add(r, genl_info_net(info), nla_get_s32(info->attrs[HARP_A_FD]),
			    nla_get_u8(info->attrs[HARP_A_PEER]), info->extack);
	harp_replica_put(r);
	return err;
}

static int harp_nl_log_load(struct sk_buff *skb, struct genl_info *info)
{
	struct harp_replica *r;
	struct file *file;
	int err;

	if (!harp_need(info, HARP_A_FD, "FD is missing: expected the file of a sealed log"))
		return -EINVAL;
	file = fget(nla_get_s32(info->attrs[HARP_A_FD]));
	if (!file) {
		NL_SET_ERR_MSG(info->extack, "FD: not an open file of the caller");
		return -EBADF;
	}
	r = harp_nl_replica(info);
	if (IS_ERR(r)) {
		err = PTR_ERR(r);
		goto out_file;
	}
	err = harp_seal_load(r, file, info->extack);
	if (!err)
		err = harp_nl_reply(info, r, -1, 0);
	harp_replica_put(r);
out_file:
	fput(file);
	return err;
}

static int harp_nl_link_drop(struct sk_buff *skb, struct genl_info *info)
{
	struct harp_replica *r = harp_nl_replica(info);
	int err;

	if (IS_ERR(r))
		return PTR_ERR(r);
	err = harp_link_drop(r);
	if (err)
		NL_SET_ERR_MSG(info->extack, "there is no link to drop");
	harp_replica_put(r);
	return err;
}

static int harp_nl_gate_bind(struct sk_buff *skb, struct genl_info *info)
{
	struct harp_replica *r;
	int err;

	if (!harp_need(info, HARP_A_IFINDEX, "IFINDEX is missing: expected the group's device"))
		return -EINVAL;
	r = harp_nl_replica(info);
	if (IS_ERR(r))
		return PTR_ERR(r);
	err = harp_gate_bind(r, genl_info_net(info), nla_get_u32(info->attrs[HARP_A_IFINDEX]),
			     info->extack);
	harp_replica_put(r);
	return err;
}

static int harp_nl_touch(struct sk_buff *skb, struct genl_info *info)
{
	struct harp_replica *r = harp_nl_replica(info);

	if (IS_ERR(r))
		return PTR_ERR(r);
	WRITE_ONCE(r->touched, ktime_get_boottime());
	harp_replica_put(r);
	return 0;
}

static int harp_nl_leave(struct sk_buff *skb, struct genl_info *info)
{
	struct harp_replica *r = harp_nl_replica(info);
	int err;

	if (IS_ERR(r))
		return PTR_ERR(r);
	harp_leave(r);
	err = harp_nl_reply(info, r, -1, 0);
	harp_replica_put(r);
	return err;
}

static int harp_nl_release(struct sk_buff *skb, struct genl_info *info)
{
	struct harp_replica *r = harp_nl_replica(info);
	int err;

	if (IS_ERR(r))
		return PTR_ERR(r);
	err = harp_release(r, info->extack);
	harp_replica_put(r);
	return err;
}

static int harp_nl_sync(struct sk_buff *skb, struct genl_info *info)
{
	struct harp_replica *r = harp_nl_replica(info);
	int err;

	if (IS_ERR(r))
		return PTR_ERR(r);
	err = harp_sync_kick(r, true);
	if (err)
		NL_SET_ERR_MSG(info->extack, "the lower's write-back failed");
	harp_replica_put(r);
	return err;
}

/* How many records from @index on go into one reply, and their bytes; at least one. */
static u32 harp_count_records(struct harp_replica *r, u64 index, u32 count, u32 *len)
{
	const struct harp_rec_hdr *rec;
	u32 n;

	lockdep_assert_held(harp_log_mutex(r->log));
	for (n = 0, *len = 0; n < count; n++) {
		rec = harp_log_get(r->log, index + n);
		if (!rec || (n && *len + le32_to_cpu(rec->len) > HARP_LOG_READ_MAX))
			break;
		*len += le32_to_cpu(rec->len);
	}
	return n;
}

/*
 * An attribute's length has 16 bits: a record that is longer comes in several
 * RECORDS, to be joined by the reader. Ends in whole records in any case.
 */
static int harp_put_record(struct sk_buff *skb, const void *rec, u32 len)
{
	u32 off, part;

	for (off = 0; off < len; off += part) {
		part = min(len - off, HARP_LOG_READ_MAX);
		if (nla_put(skb, HARP_A_RECORDS, part, rec + off))
			return -EMSGSIZE;
	}
	return 0;
}

static int harp_put_records(struct sk_buff *skb, struct harp_replica *r, u64 index, u32 n)
{
	const struct harp_rec_hdr *rec;
	int err = 0;
	u32 i;

	lockdep_assert_held(harp_log_mutex(r->log));
	for (i = 0; i < n && !err; i++) {
		rec = harp_log_get(r->log, index + i);
		err = harp_put_record(skb, rec, le32_to_cpu(rec->len));
	}
	return err;
}

/* Room for the records, each with its attribute headers. */
static struct sk_buff *harp_log_reply(u32 n, u32 len)
{
	u32 attrs = n + len / HARP_LOG_READ_MAX + 1;

	return genlmsg_new(len + attrs * 2 * NLA_HDRLEN + HARP_REPLY_MORE,
			   GFP_KERNEL | __GFP_NOWARN);
}

/*
 * How many records, at most @count, from @index on go into one reply, and their bytes; or
 * -errno.
 */
static int harp_log_read_size(struct genl_info *info, struct harp_replica *r, u64 index,
			      u32 *count, u32 *len)
{
	struct harp_log_pos pos;

	harp_log_pos(r->log, &pos);
	if (index < pos.base || index > pos.top) {
		NL_SET_ERR_MSG(info->extack, "INDEX: not in the log; expected BASE to TOP");
		return -ERANGE;
	}
	*count = harp_count_records(r, index, *count, len);
	return 0;
}

static int harp_log_read_fill(struct genl_info *info, struct harp_replica *r, u64 index,
			      u32 count, u32 room, struct sk_buff *skb)
{
	u32 len;
	void *hdr;
	int err;

	err = harp_log_read_size(info, r, index, &count, &len);
	if (err)
		return err;
	/* Cut meanwhile, and others have their numbers. */
	if (len > room)
		return -EAGAIN;
	hdr = genlmsg_put_reply(skb, info, &harp_genl_family, 0, HARP_CMD_LOG_READ);
	err = hdr ? harp_put_u64(skb, HARP_A_INDEX, index) : -EMSGSIZE;
	err = err ?: nla_put_u32(skb, HARP_A_COUNT, count);
	err = err ?: harp_put_records(skb, r, index, count);
	if (!err)
		genlmsg_end(skb, hdr);
	return err;
}

/*
 * log->mutex is held while records are copied, so that none is discarded, and not while
 * memory is sought for them: reclaim may wait for a lower, and that for the log.
 */
static struct sk_buff *harp_log_read(struct genl_info *info, struct harp_replica *r, u64 index,
				     u32 count)
{
	struct sk_buff *skb;
	u32 len;
	int err;

	mutex_lock(harp_log_mutex(r->log));
	err = harp_log_read_size(info, r, index, &count, &len);
	mutex_unlock(harp_log_mutex(r->log));
	if (err)
		return ERR_PTR(err);
	skb = harp_log_reply(count, len);
	if (!skb)
		return ERR_PTR(-ENOMEM);
	mutex_lock(harp_log_mutex(r->log));
	err = harp_log_read_fill(info, r, index, count, len, skb);
	mutex_unlock(harp_log_mutex(r->log));
	if (!err)
		return skb;
	nlmsg_free(skb);
	return ERR_PTR(err);
}

static int harp_nl_log_read(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *count = info->attrs[HARP_A_COUNT];
	struct harp_replica *r;
	struct sk_buff *reply;
	int err;

	if (!harp_need(info, HARP_A_INDEX, "INDEX is missing: expected the first record's index"))
		return -EINVAL;
	r = harp_nl_replica(info);
	if (IS_ERR(r))
		return PTR_ERR(r);
	do {
		reply = harp_log_read(info, r, nla_get_u64(info->attrs[HARP_A_INDEX]),
				      count ? nla_get_u32(count) : U32_MAX);
	} while (reply == ERR_PTR(-EAGAIN));
	err = IS_ERR(reply) ? PTR_ERR(reply) : genlmsg_reply(reply, info);
	harp_replica_put(r);
	return err;
}

static int harp_put_copy(struct sk_buff *skb, const struct harp_copy *c)
{
	if (harp_put_u64(skb, HARP_A_INDEX, c->index) ||
	    nla_put_u32(skb, HARP_A_COUNT, c->count) ||
	    nla_put_u8(skb, HARP_A_COPY_PASS, c->pass) ||
	    harp_put_u64(skb, HARP_A_COPY_FID, c->fid) ||
	    harp_put_u64(skb, HARP_A_COPY_AT, c->at) ||
	    harp_put_u64(skb, HARP_A_COPY_END, c->end))
		return -EMSGSIZE;
	return harp_put_record(skb, c->buf, c->used);
}

static int harp_copy_reply(struct genl_info *info, const struct harp_copy *c)
{
	struct sk_buff *skb = harp_log_reply(1, c->used);
	void *hdr;
	int err;

	if (!skb)
		return -ENOMEM;
	hdr = genlmsg_put_reply(skb, info, &harp_genl_family, 0, HARP_CMD_COPY_READ);
	err = hdr ? harp_put_copy(skb, c) : -EMSGSIZE;
	if (err) {
		nlmsg_free(skb);
		return err;
	}
	genlmsg_end(skb, hdr);
	return genlmsg_reply(skb, info);
}

static int harp_nl_copy_read(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *end = info->attrs[HARP_A_COPY_END];
	struct harp_copy c = { };
	int err;

	if (!harp_need(info, HARP_A_COPY_PASS, "COPY_PASS is missing: expected a pass") ||
	    !harp_need(info, HARP_A_COPY_FID, "COPY_FID is missing: expected 1 to begin with") ||
	    !harp_need(info, HARP_A_COPY_AT, "COPY_AT is missing: expected 0 to begin with"))
		return -EINVAL;
	c.r = harp_nl_replica(info);
	if (IS_ERR(c.r))
		return PTR_ERR(c.r);
	c.pass = nla_get_u8(info->attrs[HARP_A_COPY_PASS]);
	c.fid = nla_get_u64(info->attrs[HARP_A_COPY_FID]);
	c.at = nla_get_u64(info->attrs[HARP_A_COPY_AT]);
	c.end = end ? nla_get_u64(end) : 0;
	err = harp_copy_read(&c, info->extack) ?: harp_copy_reply(info, &c);
	harp_copy_free(&c);
	harp_replica_put(c.r);
	return err;
}

/* All that came as RECORDS, joined; *@len bytes of it. */
static void *harp_nl_records(struct genl_info *info, u32 *len)
{
	const struct nlattr *nla;
	void *buf;
	int left;

	*len = 0;
	nlmsg_for_each_attr(nla, info->nlhdr, GENL_HDRLEN, left)
		if (nla_type(nla) == HARP_A_RECORDS)
			*len = min_t(u64, (u64)*len + nla_len(nla), HARP_COPY_MAX + 1);
	if (*len > HARP_COPY_MAX) {
		NL_SET_ERR_MSG(info->extack, "RECORDS: more than one answer to COPY_READ has");
		return ERR_PTR(-EMSGSIZE);
	}
	buf = kvmalloc(max(*len, 1U), GFP_KERNEL);
	if (!buf)
		return ERR_PTR(-ENOMEM);
	*len = 0;
	nlmsg_for_each_attr(nla, info->nlhdr, GENL_HDRLEN, left) {
		if (nla_type(nla) != HARP_A_RECORDS)
			continue;
		memcpy(buf + *len, nla_data(nla), nla_len(nla));
		*len += nla_len(nla);
	}
	return buf;
}

static int harp_nl_copy_write_check(struct genl_info *info)
{
	if (!harp_need(info, HARP_A_INDEX, "INDEX is missing: expected the reply's") ||
	    !harp_need(info, HARP_A_COPY_FROM, "COPY_FROM is missing: expected a") ||
	    !harp_need(info, HARP_A_COPY_END, "COPY_END is missing: expected the reply's") ||
	    !harp_need(info, HARP_A_COPY_PASS, "COPY_PASS is missing: expected the request's") ||
	    !harp_need(info, HARP_A_COPY_FID, "COPY_FID is missing: expected the request's") ||
	    !harp_need(info, HARP_A_COPY_AT, "COPY_AT is missing: expected the request's") ||
	    !harp_need(info, HARP_A_COPY_NEXT_PASS,
		       "COPY_NEXT_PASS is missing: expected the reply's pass") ||
	    !harp_need(info, HARP_A_COPY_NEXT_FID,
		       "COPY_NEXT_FID is missing: expected the reply's fid") ||
	    !harp_need(info, HARP_A_COPY_NEXT_AT,
		       "COPY_NEXT_AT is missing: expected the reply's position"))
		return -EINVAL;
	return 0;
}

static int harp_nl_copy_write(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr **a = info->attrs;
	struct harp_copy_write w = { };
	void *records;
	int err;

	err = harp_nl_copy_write_check(info);
	if (err)
		return err;
	w.r = harp_nl_replica(info);
	if (IS_ERR(w.r))
		return PTR_ERR(w.r);
	w.from = nla_get_u64(a[HARP_A_COPY_FROM]);
	w.end = nla_get_u64(a[HARP_A_COPY_END]);
	w.index = nla_get_u64(a[HARP_A_INDEX]);
	w.cur.pass = nla_get_u8(a[HARP_A_COPY_PASS]);
	w.cur.fid = nla_get_u64(a[HARP_A_COPY_FID]);
	w.cur.at = nla_get_u64(a[HARP_A_COPY_AT]);
	w.next.pass = nla_get_u8(a[HARP_A_COPY_NEXT_PASS]);
	w.next.fid = nla_get_u64(a[HARP_A_COPY_NEXT_FID]);
	w.next.at = nla_get_u64(a[HARP_A_COPY_NEXT_AT]);
	records = harp_nl_records(info, &w.len);
	err = PTR_ERR_OR_ZERO(records);
	if (!err) {
		w.buf = records;
		err = harp_copy_write(&w, info->extack);
		kvfree(records);
	}
	if (!err)
		err = harp_nl_reply(info, w.r, -1, 0);
	harp_replica_put(w.r);
	return err;
}

/* ----------------------------------------------------------------------- events */

/**
 * harp_event() - multicast an event to the replica's network namespace
 * @r: the replica
 * @event: enum harp_nl_event
 * @value: what it is about
 * @text: more, or NULL
 *
 * Lost when nobody listens or memory is short: REPLICA_GET always tells the state.
 *
 * Context: any.
 */
void harp_event(struct harp_replica *r, u32 event, u64 value, const char *text)
{
	struct sk_buff *skb = genlmsg_new(HARP_EVENT_TEXT_MAX + 256, GFP_ATOMIC);
	char cut[HARP_EVENT_TEXT_MAX];
	void *hdr;

	if (!skb)
		return;
	hdr = genlmsg_put(skb, 0, 0, &harp_genl_family, 0, HARP_CMD_EVENT);
	if (!hdr)
		goto out_free;
	if (nla_put_string(skb, HARP_A_GROUP, r->group) ||
	    nla_put_u8(skb, HARP_A_MEMBER, r->member) ||
	    nla_put_u32(skb, HARP_A_EVENT, event) ||
	    harp_put_u64(skb, HARP_A_VIEW, READ_ONCE(r->view)) ||
	    harp_put_u64(skb, HARP_A_VALUE, value))
		goto out_free;
	if (text) {
		strscpy(cut, text, sizeof(cut));
		if (nla_put_string(skb, HARP_A_TEXT, cut))
			goto out_free;
	}
	genlmsg_end(skb, hdr);
	genlmsg_multicast_netns(&harp_genl_family, r->net, skb, 0, 0, GFP_ATOMIC);
	return;

out_free:
	nlmsg_free(skb);
}

/* ----------------------------------------------------------------------- family */

#define HARP_OP(_cmd, _doit, _policy, _max) {				\
	.cmd = HARP_CMD_##_cmd,						\
	.doit = _doit,							\
	.policy = _policy,						\
	.maxattr = _max,						\
	.flags = GENL_ADMIN_PERM,					\
}

static const struct genl_ops harp_genl_ops[] = {
	{
		.cmd = HARP_CMD_REPLICA_GET,
		.doit = harp_nl_replica_get,
		.dumpit = harp_nl_replica_dump,
		.policy = harp_name_policy,
		.maxattr = HARP_A_MEMBER,
	},
	HARP_OP(REPLICA_DEL, harp_nl_replica_del, harp_del_policy, HARP_A_LINEAGE),
	HARP_OP(FENCE, harp_nl_fence, harp_fence_policy, HARP_A_BY),
	HARP_OP(VIEW_START, harp_nl_view_start, harp_view_policy, HARP_A_CRC_OF_S),
	HARP_OP(FEED, harp_nl_feed, harp_feed_policy, HARP_A_FEED_UPTO),
	HARP_OP(LINK_ADD, harp_nl_link_add, harp_link_policy, HARP_A_FD),
	HARP_OP(LINK_DROP, harp_nl_link_drop, harp_name_policy, HARP_A_MEMBER),
	HARP_OP(GATE_BIND, harp_nl_gate_bind, harp_gate_policy, HARP_A_IFINDEX),
	HARP_OP(TOUCH, harp_nl_touch, harp_name_policy, HARP_A_MEMBER),
	HARP_OP(LEAVE, harp_nl_leave, harp_name_policy, HARP_A_MEMBER),
	HARP_OP(RELEASE, harp_nl_release, harp_name_policy, HARP_A_MEMBER),
	HARP_OP(SYNC, harp_nl_sync, harp_name_policy, HARP_A_MEMBER),
	/* Records hold users' data: not for everyone to read. */
	HARP_OP(LOG_READ, harp_nl_log_read, harp_log_policy, HARP_A_COUNT),
	HARP_OP(COPY_READ, harp_nl_copy_read, harp_copy_policy, HARP_A_COPY_END),
	HARP_OP(COPY_WRITE, harp_nl_copy_write, harp_copy_write_policy, HARP_A_COPY_NEXT_AT),
	HARP_OP(LOG_LOAD, harp_nl_log_load, harp_load_policy, HARP_A_FD),
};

static struct genl_family harp_genl_family __ro_after_init = {
	.name = HARP_GENL_NAME,
	.version = HARP_GENL_VERSION,
	.maxattr = HARP_A_MAX,
	.netnsok = true,
	/* SYNC and VIEW_START sleep for long; each verb does its own locking. */
	.parallel_ops = true,
	.module = THIS_MODULE,
	.ops = harp_genl_ops,
	.n_ops = ARRAY_SIZE(harp_genl_ops),
	.resv_start_op = HARP_CMD_MAX + 1,
	.mcgrps = harp_mcgrps,
	.n_mcgrps = ARRAY_SIZE(harp_mcgrps),
};

/**
 * harp_netlink_init() - register the family
 *
 * Context: module load.
 * Return: 0 or a negative errno.
 */
int __init harp_netlink_init(void)
{
	return genl_register_family(&harp_genl_family);
}

/**
 * harp_netlink_exit() - unregister the family
 *
 * Context: module unload.
 */
void harp_netlink_exit(void)
{
	genl_unregister_family(&harp_genl_family);
}
