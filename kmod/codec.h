/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The record codec: builds, seals, checks and parses records (harp_record.h)
 * and the fixed parts of record-link messages (harp_wire.h). Pure: no locks, no
 * allocation, no kernel state; the same source is built into the module, harpd,
 * harpctl and the fuzzers (codec_port.h supplies crc32c and byte order there).
 */
#ifndef HARP_CODEC_H
#define HARP_CODEC_H

#include "codec_port.h"
#include <linux/harp_limits.h>
#include <linux/harp_record.h>
#include <linux/harp_region.h>
#include <linux/harp_wire.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HARP_INDEX_MAX	0x7fffffffffffffffULL	/* room for sums, and for -1 */

/* CRC-32C as in iSCSI ("123456789" gives 0xe3069283); @crc: 0, or that of the bytes before. */
u32 harp_crc32c(u32 crc, const void *p, size_t len);

/**
 * struct harp_builder - a record under construction in a caller's buffer
 * @buf: the buffer, 8-byte aligned; starts with the struct harp_rec_hdr
 * @cap: its size in bytes
 * @len: bytes used so far
 * @nsec: sections so far
 * @err: first error (-EMSGSIZE when @cap or a bound is exceeded), sticky
 */
struct harp_builder {
	void *buf;
	u32 cap;
	u32 len;
	u32 nsec;
	int err;
};

void harp_build_begin(struct harp_builder *b, void *buf, u32 cap, u8 type);
/* Each returns the section inside @buf, or NULL with @b->err set. */
struct harp_sec_inode *harp_build_inode(struct harp_builder *b, u8 role, u64 fid);
struct harp_sec_name *harp_build_name(struct harp_builder *b, u64 dir, const char *name,
				      u32 len, u64 expect, u64 put);
/* Room for @len bytes of data; *@data is where they go. */
struct harp_sec_data *harp_build_data(struct harp_builder *b, u64 offset, u32 len,
				      void **data);
struct harp_sec_xattr *harp_build_xattr(struct harp_builder *b, u8 role, const char *name,
					const void *value, u32 value_len, u16 flags);
struct harp_sec_symlink *harp_build_symlink(struct harp_builder *b, const char *target,
					    u32 len);
struct harp_sec_req *harp_build_req(struct harp_builder *b);
struct harp_sec_view *harp_build_view(struct harp_builder *b, const struct harp_sec_view *v,
				      const u64 *voids, u32 nvoid);
/*
 * Sets len, nsec and payload_crc. Returns 0, @b->err, or -EINVAL when the sections
 * are not what the record's type asks for or hold a value that no reader would
 * accept: what passes here parses everywhere. The payload must not change after.
 */
int __must_check harp_build_finish(struct harp_builder *b);
/* Gives a finished record its place; the last step, cheap: only the header is summed. */
void harp_rec_seal(struct harp_rec_hdr *rec, u64 index, u64 view, u64 lineage, u64 time_ns,
		   u32 prev_crc);

/**
 * struct harp_rec - a parsed, wholly verified record; points into its bytes
 * @data: bytes of the (one) data section, or NULL
 */
struct harp_rec {
	const struct harp_rec_hdr *hdr;
	u64 index, view, time_ns;
	u8 type;
	u8 ninode, nname, nxattr;
	const struct harp_sec_inode *inode[4];
	const struct harp_sec_name *name[2];
	const struct harp_sec_xattr *xattr[8];
	const struct harp_sec_data *data_sec;
	const void *data;
	const struct harp_sec_symlink *symlink;
	const struct harp_sec_req *req;
	const struct harp_sec_view *view_sec;
};

/*
 * Checks magic, version, bounds and the header's checksum only: enough to know
 * how long the record is (the record itself may be longer than @avail). @p: 8-byte
 * aligned; @avail: bytes readable there. Returns 0, -EAGAIN when @avail is smaller
 * than a header, or -EBADMSG; *@why then names what is wrong.
 */
int __must_check harp_rec_check_header(const void *p, size_t avail, const char **why);
/*
 * As above, and the payload's checksum and every section: the record is safe to
 * use. -EAGAIN when @len is smaller than the record; more than the record is fine.
 */
int __must_check harp_rec_parse(const void *p, size_t len, struct harp_rec *out,
				const char **why);
/* The inode section with @role, or NULL. */
const struct harp_sec_inode *harp_rec_inode(const struct harp_rec *rec, u8 role);
static inline u32 harp_name_len(const struct harp_sec_name *n)
{
	return le32_to_cpu(n->sec.len) - sizeof(*n);
}

static inline const char *harp_name_str(const struct harp_sec_name *n)
{
	return (const char *)(n + 1);	/* not NUL-terminated */
}

static inline const char *harp_xattr_name(const struct harp_sec_xattr *x)
{
	return (const char *)(x + 1);	/* followed by a NUL, then the value */
}

static inline const void *harp_xattr_value(const struct harp_sec_xattr *x)
{
	return (const char *)(x + 1) + le16_to_cpu(x->name_len) + 1;
}

static inline const char *harp_symlink_target(const struct harp_sec_symlink *s)
{
	return (const char *)(s + 1);	/* not NUL-terminated */
}

static inline u32 harp_symlink_len(const struct harp_sec_symlink *s)
{
	return le32_to_cpu(s->sec.len) - sizeof(*s);
}

/* Can a file have this fid? No other has a place of its own in a lower's row file. */
static inline bool harp_fid_possible(u64 fid)
{
	u64 slot = fid & HARP_FID_SLOT_MASK;

	return fid == HARP_FID_ROOT || (slot >= HARP_FID_FIRST && slot <= HARP_FID_SLOT_MAX);
}

/* Name of a record type for people ("create"), or "?" */
const char *harp_rec_type_name(u8 type);

/* Record-link messages. @body: sizeof per type. seal: sets magic, version, len, crc. */
u32 harp_wire_body_size(u8 type);	/* 0 for LEAVE; ~0U for an unknown type */
/* @records_len: bytes of records after the body (REC only). */
void harp_wire_seal(struct harp_wire_hdr *h, const void *body, u32 records_len);
/* Bounds and magic only, before the body is there: 0 or -EBADMSG/-EPROTO. */
int __must_check harp_wire_check_header(const struct harp_wire_hdr *h, const char **why);
int __must_check harp_wire_check_body(const struct harp_wire_hdr *h, const void *body,
				      const char **why);
/* Region header copies. */
void harp_region_seal(struct harp_region_hdr *h);
/*
 * @region_size: bytes of the region, or 0 to take the header's word for it. 0;
 * -EBADMSG: no header, or damaged; -EPROTO: a sound header of another version;
 * -ERANGE: sound, but of a region of another size.
 */
int __must_check harp_region_check(const struct harp_region_hdr *h, u64 region_size,
				   const char **why);

#ifdef __cplusplus
}
#endif

#endif /* HARP_CODEC_H */
