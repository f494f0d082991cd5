/* SPDX-License-Identifier: GPL-2.0 */
/* The file state in pieces (copy.c), between netlink and the lower. */
#ifndef HARP_COPY_H
#define HARP_COPY_H

#include <linux/harp_netlink.h>
#include "harp.h"

struct netlink_ext_ack;

/**
 * struct harp_copy - one answer to a reader of the file state, and its cursor
 * @r: whose
 * @pass: enum harp_nl_copy_pass
 * @fid: the fid to read on from
 * @at: where within it; 0: its beginning
 * @end: neither this fid nor a higher one is read; 0: the next one to be given
 * @index: nothing of a record above it is in the pieces
 * @buf: whole records
 * @used: bytes of them
 * @count: how many
 * @value: room for an xattr's value
 * @list: room for the names of a file's xattrs
 * @names: entries of a directory
 * @names_used: bytes of them
 * @names_full: there was no room for more
 */
struct harp_copy {
	struct harp_replica *r;
	u8 pass;
	u64 fid, at, end, index;
	void *buf;
	u32 used, count;
	void *value;
	char *list;
	void *names;
	u32 names_used;
	bool names_full;
};

int __must_check harp_copy_read(struct harp_copy *c, struct netlink_ext_ack *extack);
void harp_copy_free(struct harp_copy *c);

#endif /* HARP_COPY_H */
