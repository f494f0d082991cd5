// SPDX-License-Identifier: GPL-2.0
/*
 * The verbs of netlink.c that carry records or pieces of the file state, too long
 * for one attribute.
 */
#include <linux/mm.h>
#include <linux/harp_netlink.h>
#include "copy.h"
#include "dataplane.h"
#include "netlink.h"

#define HARP_LOG_READ_MAX	65528U	/* bytes in one attribute, and of records in a reply */
#define HARP_REPLY_MORE		128U	/* bytes of a reply besides its records */

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

/**
 * harp_nl_log_read() - LOG_READ: records from INDEX on, as many as one reply holds
 * @skb: the request
 * @info: its attributes
 *
 * Context: process; takes log->mutex.
 * Return: 0 once the reply is on its way, or a negative errno.
 */
int harp_nl_log_read(struct sk_buff *skb, struct genl_info *info)
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

/**
 * harp_nl_copy_read() - COPY_READ: the next piece of the file state
 * @skb: the request
 * @info: its attributes
 *
 * Context: process; reads the lower.
 * Return: 0 once the reply is on its way, or a negative errno.
 */
int harp_nl_copy_read(struct sk_buff *skb, struct genl_info *info)
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

/**
 * harp_nl_copy_write() - COPY_WRITE: what a COPY_READ elsewhere answered is written here
 * @skb: the request
 * @info: its attributes
 *
 * Context: process; writes the lower.
 * Return: 0 once the reply is on its way, or a negative errno.
 */
int harp_nl_copy_write(struct sk_buff *skb, struct genl_info *info)
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
