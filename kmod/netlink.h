/* SPDX-License-Identifier: GPL-2.0 */
/* What netlink.c, netlink_state.c and netlink_records.c share with nobody else. */
#ifndef HARP_NETLINK_PRIVATE_H
#define HARP_NETLINK_PRIVATE_H

#include <net/genetlink.h>

struct harp_replica;

extern struct genl_family harp_genl_family;

/* netlink.c */
bool __must_check harp_need(struct genl_info *info, int attr, const char *text);
struct harp_replica * __must_check harp_nl_replica(struct genl_info *info);
int __must_check harp_nl_reply(struct genl_info *info, struct harp_replica *r, int result,
			       u32 left);

/* netlink_state.c */
int __must_check harp_put_u64(struct sk_buff *skb, int attr, u64 value);
int __must_check harp_put_state(struct sk_buff *skb, struct harp_replica *r, const u32 *left);

/* netlink_records.c */
int __must_check harp_nl_log_read(struct sk_buff *skb, struct genl_info *info);
int __must_check harp_nl_copy_read(struct sk_buff *skb, struct genl_info *info);
int __must_check harp_nl_copy_write(struct sk_buff *skb, struct genl_info *info);

#endif
