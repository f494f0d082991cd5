/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/*
 * The log region: memory outside the kernel's own allocation that keeps its
 * content over a soft reboot (Documentation/protocol.rst, "The log region").
 *
 *	offset 0	header copy 0	(HARP_REGION_HDR_STRIDE bytes)
 *	offset 4096	header copy 1
 *	offset 8192	the ring of records, to the end of the region
 *
 * The copy with the valid checksum and the higher @seq counts; a store goes to
 * the other copy, is flushed to memory, and only then counts itself. A record
 * never wraps: where it would not fit before the ring's end, a pad mark fills
 * the rest and the record starts at ring offset 0. After the last record comes
 * an end mark.
 */
#ifndef _UAPI_LINUX_HARP_REGION_H
#define _UAPI_LINUX_HARP_REGION_H

#include <linux/types.h>

#define HARP_REGION_MAGIC	0x4e47524550524148ULL	/* "HARPERGN" */
#define HARP_REGION_VERSION	1
#define HARP_REGION_HDR_STRIDE	4096
#define HARP_REGION_RING_OFF	8192

#define HARP_PAD_MAGIC		0x44415048U	/* "HPAD": skip to ring offset 0 */
#define HARP_END_MAGIC		0x444e4548U	/* "HEND": the walk ends here */

#define HARP_REGION_COMPLETE	1	/* holds the whole log of the view @formed */

/**
 * struct harp_region_hdr - one header copy
 * @magic: HARP_REGION_MAGIC
 * @version: HARP_REGION_VERSION
 * @len: sizeof(struct harp_region_hdr)
 * @group: the group's UUID
 * @lineage: history
 * @member: member slot
 * @flags: HARP_REGION_COMPLETE
 * @reserved0: zero
 * @epoch: membership
 * @seq: grows by one with every store of a header
 * @region_size: bytes of the whole region
 * @ring_size: bytes of the ring
 * @formed: the last view whose START this log adopted
 * @base: index of the oldest record kept (the tail)
 * @base_off: its offset in the ring
 * @anchor_view: view of record @base - 1 (0 for index 0)
 * @anchor_crc: crc of record @base - 1 (0 for index 0)
 * @applying_count: number of records from @applying_first being applied, 0 none
 * @applying_first: index
 * @wm: watermark: a walk that ends below it is volatile loss
 * @lb: lower bound, a hint; the truth is the note on the lower
 * @top: top when this header was stored, a hint
 * @inc: incarnation that stored it
 * @reserved1: zero
 * @crc: crc32c of the header with this field zero
 */
struct harp_region_hdr {
	__le64 magic;
	__le32 version;
	__le32 len;
	__u8 group[16];
	__le64 lineage;
	__u8 member;
	__u8 flags;
	__le16 reserved0;
	__le32 epoch;
	__le64 seq;
	__le64 region_size;
	__le64 ring_size;
	__le64 formed;
	__le64 base;
	__le64 base_off;
	__le64 anchor_view;
	__le32 anchor_crc;
	__le32 applying_count;
	__le64 applying_first;
	__le64 wm;
	__le64 lb;
	__le64 top;
	__le64 inc;
	__le32 reserved1;
	__le32 crc;
};

#ifdef __cplusplus
#define _Static_assert static_assert
#endif
_Static_assert(sizeof(struct harp_region_hdr) == 160, "harp_region_hdr");
_Static_assert(__builtin_offsetof(struct harp_region_hdr, seq) == 48, "seq");
_Static_assert(__builtin_offsetof(struct harp_region_hdr, crc) == 156, "crc");
#ifdef __cplusplus
#undef _Static_assert
#endif

#endif /* _UAPI_LINUX_HARP_REGION_H */
