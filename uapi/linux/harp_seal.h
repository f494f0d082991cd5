/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/*
 * A sealed log: what harpd writes of a region to a disk when the power is about to go, and
 * LOG_LOAD reads back (protocol P1). This header, then the records @base … @top as they were
 * in the region, one behind the other.
 */
#ifndef _UAPI_LINUX_HARP_SEAL_H
#define _UAPI_LINUX_HARP_SEAL_H

#include <linux/types.h>

#define HARP_SEAL_MAGIC		0x4c41455350524148ULL	/* "HARPSEAL" */
#define HARP_SEAL_VERSION	1

/**
 * struct harp_seal_hdr - what was sealed
 * @magic: HARP_SEAL_MAGIC
 * @version: HARP_SEAL_VERSION
 * @len: sizeof(struct harp_seal_hdr)
 * @group: the group's UUID
 * @lineage: history
 * @formed: the view whose whole log this is
 * @base: index of the oldest record
 * @top: index of the last one, @base - 1 when there is none
 * @anchor_view: view of record @base - 1 (0 for index 0, or not known)
 * @bytes: of all records
 * @anchor_crc: crc of record @base - 1 (0 for index 0, or not known)
 * @epoch: membership
 * @member: member slot
 * @reserved: zero
 * @crc: crc32c of the header with this field zero
 */
struct harp_seal_hdr {
	__le64 magic;
	__le32 version;
	__le32 len;
	__u8 group[16];
	__le64 lineage;
	__le64 formed;
	__le64 base;
	__le64 top;
	__le64 anchor_view;
	__le64 bytes;
	__le32 anchor_crc;
	__le32 epoch;
	__u8 member;
	__u8 reserved[3];
	__le32 crc;
};

#ifdef __cplusplus
#define _Static_assert static_assert
#endif
_Static_assert(sizeof(struct harp_seal_hdr) == 96, "harp_seal_hdr");
_Static_assert(__builtin_offsetof(struct harp_seal_hdr, lineage) == 32, "lineage");
_Static_assert(__builtin_offsetof(struct harp_seal_hdr, anchor_crc) == 80, "anchor_crc");
_Static_assert(__builtin_offsetof(struct harp_seal_hdr, crc) == 92, "crc");
#ifdef __cplusplus
#undef _Static_assert
#endif

#endif /* _UAPI_LINUX_HARP_SEAL_H */
