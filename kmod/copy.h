/* SPDX-License-Identifier: GPL-2.0 */
/* The file state in pieces (copy.c, copywrite.c), between netlink and the lower. */
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

/* Of all pieces of one answer: COPY_READ never gives more. */
#define HARP_COPY_MAX	HARP_REC_MAX

/**
 * struct harp_copy_cursor - a place in the file state
 * @pass: enum harp_nl_copy_pass
 * @fid: the fid to go on from
 * @at: where within it; 0: its beginning
 */
struct harp_copy_cursor {
	u8 pass;
	u64 fid, at;
};

/**
 * struct harp_copy_write - one answer to a reader of the file state, for the reader's lower
 * @r: whose lower
 * @from: a: nothing of a record up to it is missing in any piece of the copy
 * @end: of the copy: neither this fid nor a higher one is in a piece
 * @index: nothing of a record above it is in these pieces
 * @cur: what was asked for
 * @next: where to go on
 * @buf: whole records
 * @len: bytes of them
 */
struct harp_copy_write {
	struct harp_replica *r;
	u64 from, end, index;
	struct harp_copy_cursor cur, next;
	const void *buf;
	u32 len;
};

/**
 * struct harp_copy_place - how far a copy onto a lower has come
 * @from: a; nothing of a record up to it is missing in a piece
 * @upto: e so far; nothing of a record above it is in a piece
 * @end: neither this fid nor a higher one is in a piece
 * @fid: the first fid of @pass of which not all is on the disk
 * @state: enum harp_nl_copying; in a note never HARP_NL_COPYING_NONE
 * @pass: enum harp_nl_copy_pass
 */
struct harp_copy_place {
	u64 from, upto, end, fid;
	u8 state, pass;
};

void harp_copy_told(const struct harp_replica *r, struct harp_copy_place *at);
int __must_check harp_copy_write(const struct harp_copy_write *w,
				 struct netlink_ext_ack *extack);

#endif /* HARP_COPY_H */
