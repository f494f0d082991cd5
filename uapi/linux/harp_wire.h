/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/*
 * The record link: what the primary's kernel and its backup (another kernel,
 * or the promoted witness) say to each other over the connected stream socket
 * that harpd hands in. All little endian. Each message is a header, a body of
 * fixed size by type, and for REC the bytes of whole records.
 *
 * Checked in this order, refused and counted on mismatch: magic, version, len,
 * crc, group, lineage, epoch, sender, inc, view. A lower view is refused, a
 * higher one told to harpd (protocol.rst, "The record link").
 *
 * A member that is in no view is fed a view's history in the same messages (C1): it
 * stands for the backup, who feeds it for the primary, and "view" is the view fed.
 */
#ifndef _UAPI_LINUX_HARP_WIRE_H
#define _UAPI_LINUX_HARP_WIRE_H

#include <linux/types.h>

#define HARP_WIRE_MAGIC		0x4c524148U	/* "HARL" */
#define HARP_WIRE_VERSION	1

/**
 * enum harp_wire_type - messages of the record link
 * @HARP_WIRE_HELLO: backup to primary, first on every new socket: where its log is
 * @HARP_WIRE_REC: primary to backup: records; without any it is a BEAT
 * @HARP_WIRE_ACK: backup to primary: logged to here; may carry a promise
 * @HARP_WIRE_LEAVE: either way: the sender has fenced itself and leaves the view
 */
enum harp_wire_type {
	HARP_WIRE_HELLO	= 1,
	HARP_WIRE_REC	= 2,
	HARP_WIRE_ACK	= 3,
	HARP_WIRE_LEAVE	= 4,
};

/**
 * struct harp_wire_hdr - header of a message
 * @magic: HARP_WIRE_MAGIC
 * @version: HARP_WIRE_VERSION
 * @type: enum harp_wire_type
 * @flags: zero
 * @len: bytes after this header
 * @epoch: membership
 * @group: the group's UUID
 * @lineage: history
 * @inc: incarnation of the sender
 * @view: view of the sender
 * @sender: member slot
 * @reserved: zero
 * @crc: crc32c of header (this field zero) and fixed body; records carry their own
 */
struct harp_wire_hdr {
	__le32 magic;
	__u8 version;
	__u8 type;
	__le16 flags;
	__le32 len;
	__le32 epoch;
	__u8 group[16];
	__le64 lineage;
	__le64 inc;
	__le64 view;
	__u8 sender;
	__u8 reserved[3];
	__le32 crc;
};

/**
 * struct harp_wire_hello - body of HELLO
 * @top: last index in the backup's log
 * @view_of_top: its view (0 for index 0; in a feed also for a record that is on the
 *	member's disk, but was never in its log: nothing is known of it but the index)
 * @crc_of_top: its header crc (0 where the view is); the chain goes on from it
 * @ring: bytes of its ring, in units of 4096; 0: not told. A ring smaller than the
 *	primary's would fill up before the primary waits, and is refused
 * @lb: the backup's LB
 * @ap: the backup's AP
 */
struct harp_wire_hello {
	__le64 top;
	__le64 view_of_top;
	__le32 crc_of_top;
	__le32 ring;
	__le64 lb;
	__le64 ap;
};

#define HARP_WIRE_RING_UNIT	4096

#define HARP_REC_F_SERVING	1	/* the primary serves */
#define HARP_REC_F_FEED		2	/* to a member in no view: committed records only (C1) */

/**
 * struct harp_wire_rec - fixed body of REC, followed by @nrec whole records
 * @prev_index: index before the first record (for a BEAT: the last one sent)
 * @prev_view: its view
 * @cp: the primary's commit point
 * @ap: the primary's application point
 * @lb: the primary's lower bound
 * @t: send time on the primary's CLOCK_BOOTTIME, ns; only ever echoed
 * @heard: number of the last promise the primary has heard, 0 none
 * @nrec: records that follow
 * @flags: HARP_REC_F_*
 */
struct harp_wire_rec {
	__le64 prev_index;
	__le64 prev_view;
	__le64 cp;
	__le64 ap;
	__le64 lb;
	__le64 t;
	__le64 heard;
	__le32 nrec;
	__le32 flags;
};

#define HARP_ACK_F_PROMISE	1	/* carries promise number @promise for the REC sent at @t */
#define HARP_ACK_F_NO_CONTROL	2	/* the backup's harpd has been silent for H */

/**
 * struct harp_wire_ack - body of ACK
 * @n: the backup holds every record up to this one, for certain: its watermark; in a
 *	feed its top, which counts for nothing
 * @t: @t of the REC this answers
 * @promise: number of the promise, from 1 in each view
 * @lb: the backup's LB
 * @ap: the backup's AP
 * @free_bytes: bytes its lower can still take, its reserve not counted
 * @free_inodes: inodes its lower can still take
 * @flags: HARP_ACK_F_*
 * @reserved: zero
 */
struct harp_wire_ack {
	__le64 n;
	__le64 t;
	__le64 promise;
	__le64 lb;
	__le64 ap;
	__le64 free_bytes;
	__le64 free_inodes;
	__le32 flags;
	__le32 reserved;
};

#ifdef __cplusplus
#define _Static_assert static_assert
#endif
_Static_assert(sizeof(struct harp_wire_hdr) == 64, "harp_wire_hdr");
_Static_assert(__builtin_offsetof(struct harp_wire_hdr, group) == 16, "group");
_Static_assert(__builtin_offsetof(struct harp_wire_hdr, view) == 48, "view");
_Static_assert(__builtin_offsetof(struct harp_wire_hdr, crc) == 60, "crc");
_Static_assert(sizeof(struct harp_wire_hello) == 40, "harp_wire_hello");
_Static_assert(sizeof(struct harp_wire_rec) == 64, "harp_wire_rec");
_Static_assert(sizeof(struct harp_wire_ack) == 64, "harp_wire_ack");
#ifdef __cplusplus
#undef _Static_assert
#endif

#endif /* _UAPI_LINUX_HARP_WIRE_H */
