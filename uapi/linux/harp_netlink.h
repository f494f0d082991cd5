/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Generic netlink family "harp"; described by Documentation/netlink/specs/harp.yaml. */
#ifndef _UAPI_LINUX_HARP_NETLINK_H
#define _UAPI_LINUX_HARP_NETLINK_H

#define HARP_GENL_NAME		"harp"
#define HARP_GENL_VERSION	1
#define HARP_GENL_MCGRP_EVENTS	"events"

/*
 * Commands. Each names its replica by GROUP and MEMBER. All but REPLICA_GET need
 * CAP_NET_ADMIN; LOG_READ too, because records hold what users wrote.
 *
 * REPLICA_GET  do, dump. Reply: every state attribute below.
 * REPLICA_DEL  the replica ends; -EBUSY while mounted. With LINEAGE, which must be its
 *		own, the region's log ends as well: any group may have the region.
 * FENCE        VIEW, BY (slot). Atomic (L4). Reply RESULT=1 and the state, or
 *		RESULT=0, TIME_LEFT_MS, and the state.
 * VIEW_START   VIEW_RECORD (a struct harp_sec_view and its void indices), MATCH, and
 *		CRC_OF_S for a log that does not hold record s: cut after MATCH, append the
 *		VIEW record at s+1, adopt (V6).
 * LINK_ADD     FD (connected stream socket of the caller's network namespace or of the
 *		mount's), PEER (slot).
 * LINK_DROP    the link to the partner ends.
 * GATE_BIND    IFINDEX, in the network namespace of the calling socket (G1).
 * TOUCH        harpd is alive (finding 14); once a second.
 * LEAVE        fence itself and send LEAVE; reply: the state.
 * RELEASE      parked operations return -ESTALE (G3); only when not primary or fenced.
 * SYNC         one LB pass; returns when it ended.
 * LOG_READ     INDEX, COUNT: reply RECORDS (whole records), possibly fewer; a record of
 *		more than 64 KiB comes as several RECORDS in one message.
 * EVENT        multicast only.
 * FEED         VIEW, PEER, PEER_INC, MATCH: out of every view, take the records after MATCH
 *		of the history of VIEW, which serves, from member PEER (C1). With FEED_UPTO,
 *		before VIEW_START of VIEW: up to there also what is not committed. Reply: the
 *		state.
 * COPY_READ    COPY_PASS, COPY_FID, COPY_AT, COPY_END: pieces of the file state from there on
 *		(C2), as records that are in no log; only while serving. Reply: RECORDS, COUNT,
 *		INDEX, and the four: where to go on.
 * LOG_LOAD     FD, a regular file: a sealed log (harp_seal.h) into a region that has lost its
 *		own, before this object was in any view (P1). Reply: the state.
 */
enum harp_nl_cmd {
	HARP_CMD_UNSPEC,
	HARP_CMD_REPLICA_GET,
	HARP_CMD_REPLICA_DEL,
	HARP_CMD_FENCE,
	HARP_CMD_VIEW_START,
	HARP_CMD_LINK_ADD,
	HARP_CMD_LINK_DROP,
	HARP_CMD_GATE_BIND,
	HARP_CMD_TOUCH,
	HARP_CMD_LEAVE,
	HARP_CMD_RELEASE,
	HARP_CMD_SYNC,
	HARP_CMD_LOG_READ,
	HARP_CMD_EVENT,
	HARP_CMD_FEED,
	HARP_CMD_COPY_READ,
	HARP_CMD_COPY_WRITE,
	HARP_CMD_LOG_LOAD,
	__HARP_CMD_MAX
};

#define HARP_CMD_MAX (__HARP_CMD_MAX - 1)

enum harp_nl_role {
	HARP_NL_ROLE_NONE,
	HARP_NL_ROLE_PRIMARY,
	HARP_NL_ROLE_BACKUP,
};

enum harp_nl_event {
	HARP_EVENT_LINK_DEAD = 1,	/* TEXT why */
	HARP_EVENT_LINK_UP,
	HARP_EVENT_LEASE_LOST,
	HARP_EVENT_LEASE_BACK,
	HARP_EVENT_SERVING,		/* VALUE view */
	HARP_EVENT_STARTED,		/* VALUE view: first ACK >= s+1 of the backup */
	HARP_EVENT_HIGHER_VIEW,		/* VALUE the view seen */
	HARP_EVENT_LEAVE,		/* the partner left, VALUE view */
	HARP_EVENT_NO_CONTROL,		/* the backup's harpd is silent */
	HARP_EVENT_MEDIA_FAILURE,	/* VALUE index, TEXT what */
	HARP_EVENT_LOG_HIGH,		/* fill passed the high mark, VALUE per cent */
};

enum harp_region_kind {
	HARP_REGION_MEM,	/* plain memory: gone with the kernel; the mount says so */
	HARP_REGION_MEMMAP,	/* a physical range kept free with memmap= */
	HARP_REGION_RESERVE,	/* reserve_mem=, found by its label (Linux >= 6.12) */
};

/* The passes of a copy (C2). */
enum harp_nl_copy_pass {
	HARP_NL_COPY_OBJECTS,	/* every fid with attributes, xattrs and data */
	HARP_NL_COPY_ENTRIES,	/* the names in every directory */
	HARP_NL_COPY_DONE,
};

/* Where a copy onto a lower stands (C2). */
enum harp_nl_copying {
	HARP_NL_COPYING_NONE,	/* none was ever begun */
	HARP_NL_COPYING_PIECES,	/* pieces are taken */
	HARP_NL_COPYING_LOG,	/* all are here; records up to COPY_UPTO are to be redone */
	HARP_NL_COPYING_ENDED,
};

/* Attributes; u64 unless said. */
enum harp_nl_attr {
	HARP_A_UNSPEC,
	HARP_A_PAD,
	HARP_A_GROUP,		/* string */
	HARP_A_MEMBER,		/* u8, slot */
	HARP_A_UUID,		/* 16 bytes */
	HARP_A_EPOCH,		/* u32 */
	HARP_A_LINEAGE,
	HARP_A_INC,
	HARP_A_ROLE,		/* u8, enum harp_nl_role */
	HARP_A_VIEW,
	HARP_A_FENCE,
	HARP_A_SERVING,		/* u8 */
	HARP_A_FORMED,
	HARP_A_BASE,
	HARP_A_ANCHOR_VIEW,
	HARP_A_TOP,
	HARP_A_TOP_VIEW,
	HARP_A_WM,
	HARP_A_CP,
	HARP_A_AP,
	HARP_A_LB,
	HARP_A_ACKED,
	HARP_A_PEER_AP,
	HARP_A_PEER_LB,
	HARP_A_PEER,		/* u8, slot */
	HARP_A_INTACT,		/* u8: the log counts (protocol.rst, "State"), the region's half */
	HARP_A_COMPLETE,	/* u8 */
	HARP_A_MEDIA_FAILURE,	/* u8 */
	HARP_A_LINK_UP,		/* u8 */
	HARP_A_LEASE_LEFT_MS,	/* s32 as u32; negative: ended */
	HARP_A_TIME_LEFT_MS,	/* u32 */
	HARP_A_HOLD_LEFT_MS,	/* u32 */
	HARP_A_PROMISE_MS,	/* u32 */
	HARP_A_RESULT,		/* u8 */
	HARP_A_BY,		/* u8, slot */
	HARP_A_VIEW_RECORD,	/* struct harp_sec_view + voids */
	HARP_A_MATCH,
	HARP_A_FD,		/* s32 */
	HARP_A_IFINDEX,		/* u32 */
	HARP_A_INDEX,
	HARP_A_COUNT,		/* u32 */
	HARP_A_RECORDS,		/* binary */
	HARP_A_EVENT,		/* u32, enum harp_nl_event */
	HARP_A_VALUE,
	HARP_A_TEXT,		/* string */
	HARP_A_REGION_KIND,	/* u8, enum harp_region_kind */
	HARP_A_REGION_WHY,	/* string: what opening the region found */
	HARP_A_FOUND_FRESH,	/* u8 */
	HARP_A_FOUND_WALKED,
	HARP_A_FOUND_WM,
	HARP_A_RING_USED,
	HARP_A_RING_SIZE,
	HARP_A_FREE_BYTES,
	HARP_A_PEER_FREE_BYTES,
	HARP_A_WAIT_FULL,	/* operations that waited for room in the log */
	HARP_A_WAIT_LEASE,
	HARP_A_REFUSED,		/* messages refused */
	HARP_A_RELEASED,
	HARP_A_VIEWS,		/* array of {u64 view, u64 first index}, little endian */
	HARP_A_GATE_BOUND,	/* u8 */
	HARP_A_MOUNTED,		/* u8 */
	HARP_A_APPLYING_FIRST,
	HARP_A_APPLYING_COUNT,	/* u32 */
	HARP_A_PEER_NO_CONTROL,	/* u8: the backup said last that its harpd is silent */
	HARP_A_PEER_INC,	/* incarnation of PEER */
	HARP_A_FEED_VIEW,	/* whose history this member is fed, 0: none */
	HARP_A_FEED_PEER,	/* u8, slot of who feeds it */
	HARP_A_FEED_CP,		/* as told in this feed */
	HARP_A_FEED_AP,		/* as told in this feed */
	HARP_A_FEED_UPTO,	/* records up to it may be fed uncommitted, 0: none */
	HARP_A_TOP_CRC,		/* u32: crc of record TOP, 0: not known, or there is none */
	HARP_A_CRC_OF_S,	/* u32: crc of record s, to which VIEW_RECORD is chained */
	HARP_A_COPY_PASS,	/* u8, enum harp_nl_copy_pass */
	HARP_A_COPY_FID,
	HARP_A_COPY_AT,		/* where within COPY_FID; 0: its beginning */
	HARP_A_COPY_END,	/* fids from it on are not read */
	HARP_A_LEASE_CONFIRM,	/* u8: each answer waits for the backup's word */
	HARP_A_WAIT_CONFIRM,	/* answers that waited for it */
	HARP_A_COPYING,		/* u8, enum harp_nl_copying */
	HARP_A_COPY_FROM,	/* a: nothing of a record up to it is missing in a piece */
	HARP_A_COPY_UPTO,	/* e: nothing of a record above it is in a piece */
	HARP_A_COPY_NEXT_PASS,	/* as COPY_PASS, and so on: where the next pieces begin */
	HARP_A_COPY_NEXT_FID,
	HARP_A_COPY_NEXT_AT,
	__HARP_A_MAX
};

#define HARP_A_MAX (__HARP_A_MAX - 1)

#endif /* _UAPI_LINUX_HARP_NETLINK_H */
