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
#include "dataplane.h"
#include "netlink.h"

#define HARP_VIEW_MIN		sizeof(struct harp_sec_view)
#define HARP_VIEW_MAX		(HARP_VIEW_MIN + HARP_VOIDS_MAX * sizeof(__le64))
#define HARP_EVENT_TEXT_MAX	128

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

/* ---------------------------------------------------------------------- helpers */

/**
 * harp_need() - is the attribute there?
 * @info: the request
 * @attr: enum harp_nl_attr
 * @text: what extack says if not: that it is missing, and what was expected
 *
 * Context: any.
 * Return: true if it is.
 */
bool harp_need(struct genl_info *info, int attr, const char *text)
{
	if (info->attrs[attr])
		return true;
	/* NL_SET_ERR_MSG() takes literals only. */
	info->extack->_msg = text;
	return false;
}

/**
 * harp_nl_replica() - the replica that a request is about
 * @info: the request
 *
 * Context: process.
 * Return: the replica, to be put, or ERR_PTR(-EINVAL) or ERR_PTR(-ENOENT), and extack says why.
 */
struct harp_replica *harp_nl_replica(struct genl_info *info)
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

/**
 * harp_nl_reply() - the reply to a verb: the replica's state
 * @info: the request
 * @r: the replica
 * @result: RESULT, or negative for none
 * @left: what a fence waits for, in ms; told with a result
 *
 * Context: process; takes replica.lock and log->mutex.
 * Return: 0 or a negative errno.
 */
int harp_nl_reply(struct genl_info *info, struct harp_replica *r, int result, u32 left)
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

struct genl_family harp_genl_family __ro_after_init = {
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
