/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/*
 * The event record: a modification's outcome, complete enough to redo it
 * without looking at anything else (Documentation/protocol.rst, "The record").
 *
 * A record is a header followed by sections; everything is little endian, the
 * header and each section start at a multiple of 8, padding is zero. One codec
 * (kmod/codec.c) serves kernel, witness, tools and fuzzers.
 *
 *	+--------------+-----------+-----------+-- ...
 *	| harp_rec_hdr | section 0 | section 1 |
 *	+--------------+-----------+-----------+-- ...
 */
#ifndef _UAPI_LINUX_HARP_RECORD_H
#define _UAPI_LINUX_HARP_RECORD_H

#include <linux/types.h>

#define HARP_REC_MAGIC		0x43524148U	/* "HARC" */
#define HARP_REC_VERSION	1

/**
 * enum harp_rec_type - what kind of modification a record is the outcome of
 * @HARP_REC_NOOP: nothing; keeps an index
 * @HARP_REC_VIEW: first record of a view (section HARP_SEC_VIEW)
 * @HARP_REC_VOID: a record that was made pointless; same index, view, identity
 * @HARP_REC_CREATE: regular file, and all of mknod (mode in the inode section)
 * @HARP_REC_MKDIR: directory
 * @HARP_REC_SYMLINK: symbolic link (section HARP_SEC_SYMLINK)
 * @HARP_REC_LINK: another name for an inode
 * @HARP_REC_UNLINK: a name goes; the inode may live on, be parked, or be gone
 * @HARP_REC_RMDIR: an empty directory goes
 * @HARP_REC_RENAME: one name moves, over another or not
 * @HARP_REC_EXCHANGE: two names swap their inodes (RENAME_EXCHANGE)
 * @HARP_REC_SETATTR: attributes; a truncation when the size changes
 * @HARP_REC_WRITE: bytes of a regular file (section HARP_SEC_DATA)
 * @HARP_REC_XATTR: one extended attribute set or removed (ACLs are this)
 * @HARP_REC_RELEASE: a parked inode is let go: its last user is gone
 */
enum harp_rec_type {
	HARP_REC_NOOP		= 1,
	HARP_REC_VIEW		= 2,
	HARP_REC_VOID		= 3,
	HARP_REC_CREATE		= 16,
	HARP_REC_MKDIR		= 17,
	HARP_REC_SYMLINK	= 18,
	HARP_REC_LINK		= 19,
	HARP_REC_UNLINK		= 20,
	HARP_REC_RMDIR		= 21,
	HARP_REC_RENAME		= 22,
	HARP_REC_EXCHANGE	= 23,
	HARP_REC_SETATTR	= 24,
	HARP_REC_WRITE		= 25,
	HARP_REC_XATTR		= 26,
	HARP_REC_RELEASE	= 27,
};

/**
 * struct harp_rec_hdr - header of a record
 * @magic: HARP_REC_MAGIC
 * @version: HARP_REC_VERSION
 * @type: enum harp_rec_type
 * @flags: none defined; zero
 * @len: bytes of header and sections, a multiple of HARP_REC_ALIGN
 * @nsec: number of sections
 * @payload_crc: crc32c of everything after the header
 * @prev_crc: @crc of the record at @index - 1 (the chain); 0 for index 1
 * @index: this record's number in the group's log, from 1
 * @view: the view it was made in; never changed afterwards
 * @time_ns: the primary's clock when it was made, ns since the epoch (UTC)
 * @lineage: the history it belongs to
 * @reserved: zero
 * @crc: crc32c of the header with this field zero
 */
struct harp_rec_hdr {
	__le32 magic;
	__u8 version;
	__u8 type;
	__le16 flags;
	__le32 len;
	__le32 nsec;
	__le32 payload_crc;
	__le32 prev_crc;
	__le64 index;
	__le64 view;
	__le64 time_ns;
	__le64 lineage;
	__le32 reserved;
	__le32 crc;
};

/**
 * enum harp_sec_type - kinds of section
 * @HARP_SEC_INODE: state of one touched inode after the operation
 * @HARP_SEC_NAME: one directory entry: what was expected there, what is put
 * @HARP_SEC_DATA: bytes written
 * @HARP_SEC_XATTR: one extended attribute, whole value
 * @HARP_SEC_SYMLINK: target of a symbolic link, without NUL
 * @HARP_SEC_REQ: identity of the NFS request that caused it
 * @HARP_SEC_VIEW: body of a VIEW record
 */
enum harp_sec_type {
	HARP_SEC_INODE		= 1,
	HARP_SEC_NAME		= 2,
	HARP_SEC_DATA		= 3,
	HARP_SEC_XATTR		= 4,
	HARP_SEC_SYMLINK	= 5,
	HARP_SEC_REQ		= 6,
	HARP_SEC_VIEW		= 7,
};

/**
 * struct harp_sec_hdr - header of a section
 * @type: enum harp_sec_type
 * @reserved: zero
 * @len: bytes of this header and the body, before padding to 8
 */
struct harp_sec_hdr {
	__le16 type;
	__le16 reserved;
	__le32 len;
};

/* Role of an inode section within its record. */
#define HARP_ROLE_OBJECT	1	/* what the operation is about */
#define HARP_ROLE_DIR		2	/* (old) parent */
#define HARP_ROLE_NEWDIR	3	/* new parent of a rename, when another */
#define HARP_ROLE_REPLACED	4	/* what a rename replaced, or an exchange's other */

/* What became of an inode. */
#define HARP_STATE_LIVE		0	/* has a name */
#define HARP_STATE_PARKED	1	/* no name, still in use: kept under its fid */
#define HARP_STATE_GONE		2	/* no name, no user: removed */

/* Which lower attributes of the inode this record changed. */
#define HARP_ATTR_MODE		0x01
#define HARP_ATTR_UID		0x02
#define HARP_ATTR_GID		0x04
#define HARP_ATTR_SIZE		0x08
#define HARP_ATTR_ATIME		0x10
#define HARP_ATTR_MTIME		0x20
#define HARP_ATTR_CAPGONE	0x40	/* security.capability was stripped (kill-priv) */
#define HARP_ATTR_ALL		0x7f

/**
 * struct harp_time - a time stamp
 * @sec: seconds since the epoch, signed
 * @nsec: nanoseconds, 0 … 999999999
 * @reserved: zero
 */
struct harp_time {
	__le64 sec;
	__le32 nsec;
	__le32 reserved;
};

/**
 * struct harp_sec_inode - section HARP_SEC_INODE
 * @sec: section header
 * @role: HARP_ROLE_*
 * @state: HARP_STATE_* after the operation
 * @attrs: HARP_ATTR_* that this record changed
 * @fid: identity, the same on both copies
 * @parent: fid of the directory it is in (directories only; 0 otherwise)
 * @mode: type and permission bits after
 * @nlink: number of names after
 * @uid: owner after, in the initial user namespace
 * @gid: group after, in the initial user namespace
 * @rdev: device number of a special file (new_encode_dev()), else 0
 * @reserved: zero
 * @size_before: size before, bytes
 * @size: size after, bytes (regular files and symbolic links; else 0)
 * @atime: after
 * @mtime: after
 * @ctime: after; grows strictly with every record of the inode. The change
 *	   attribute is a function of it
 * @btime: time of birth
 */
struct harp_sec_inode {
	struct harp_sec_hdr sec;
	__u8 role;
	__u8 state;
	__le16 attrs;
	__le32 mode;
	__le64 fid;
	__le64 parent;
	__le32 nlink;
	__le32 uid;
	__le32 gid;
	__le32 rdev;
	__le64 size_before;
	__le64 size;
	struct harp_time atime;
	struct harp_time mtime;
	struct harp_time ctime;
	struct harp_time btime;
};

/**
 * struct harp_sec_name - section HARP_SEC_NAME, followed by the name
 * @sec: section header; the name's length is @sec.len - sizeof(*this)
 * @dir: fid of the directory
 * @expect: fid that was under the name, 0 for none
 * @put: fid that is under it afterwards, 0 for none
 */
struct harp_sec_name {
	struct harp_sec_hdr sec;
	__le64 dir;
	__le64 expect;
	__le64 put;
};

/**
 * struct harp_sec_data - section HARP_SEC_DATA, followed by the bytes
 * @sec: section header
 * @offset: where in the file, bytes
 * @len: how many bytes follow, at most HARP_DATA_MAX
 * @reserved: zero
 */
struct harp_sec_data {
	struct harp_sec_hdr sec;
	__le64 offset;
	__le32 len;
	__le32 reserved;
};

#define HARP_XATTR_REMOVE	1

/**
 * struct harp_sec_xattr - section HARP_SEC_XATTR, followed by name and value
 * @sec: section header
 * @flags: HARP_XATTR_REMOVE or 0
 * @name_len: bytes of the full name ("user.x"), no NUL
 * @value_len: bytes of the value
 * @role: HARP_ROLE_* of the inode it belongs to
 * @reserved: zero
 */
struct harp_sec_xattr {
	struct harp_sec_hdr sec;
	__le16 flags;
	__le16 name_len;
	__le32 value_len;
	__u8 role;
	__u8 reserved[7];
};

/**
 * struct harp_sec_symlink - section HARP_SEC_SYMLINK, followed by the target
 * @sec: section header; the target's length is @sec.len - sizeof(*this)
 */
struct harp_sec_symlink {
	struct harp_sec_hdr sec;
};

/**
 * struct harp_sec_req - section HARP_SEC_REQ: who asked
 * @sec: section header
 * @family: AF_INET or AF_INET6
 * @step: which modification within the request, from 0
 * @xid: RPC transaction id, host order as a number
 * @prog: RPC program
 * @vers: program version
 * @proc: procedure
 * @reserved: zero
 * @addr: client address, no port; IPv4 in the first four bytes
 */
struct harp_sec_req {
	struct harp_sec_hdr sec;
	__le16 family;
	__le16 step;
	__le32 xid;
	__le32 prog;
	__le32 vers;
	__le32 proc;
	__le32 reserved;
	__u8 addr[16];
};

/**
 * struct harp_sec_view - section HARP_SEC_VIEW, followed by void indices (__le64)
 * @sec: section header
 * @view: number of the view this begins
 * @lineage: history
 * @primary_inc: incarnation of the primary
 * @backup_inc: incarnation of the backup
 * @s: index of the last record before this one
 * @view_of_s: view of that record; 0 when s is 0
 * @epoch: membership
 * @primary: member slot (0 … HARP_MEMBERS - 1)
 * @backup: member slot
 * @nvoid: number of void indices that follow, at most HARP_VOIDS_MAX
 * @promise_ms: Δ, the promise's length
 * @reserved: zero
 */
struct harp_sec_view {
	struct harp_sec_hdr sec;
	__le64 view;
	__le64 lineage;
	__le64 primary_inc;
	__le64 backup_inc;
	__le64 s;
	__le64 view_of_s;
	__le32 epoch;
	__u8 primary;
	__u8 backup;
	__le16 nvoid;
	__le32 promise_ms;
	__le32 reserved;
};

/*
 * Fids. The high 16 bits are the lineage's ordinal, the low 48 a counter, which ends at
 * HARP_FID_SLOT_MAX. Of those below the first one given only the root's is any file's.
 */
#define HARP_FID_NONE		0ULL
#define HARP_FID_ROOT		1ULL	/* the share's root directory */
#define HARP_FID_FIRST		16ULL	/* first fid given to a user's file */
#define HARP_FID_SLOT_MASK	((1ULL << 48) - 1)

#define HARP_ASSERT_OFF(s, f, o) \
	_Static_assert(__builtin_offsetof(struct s, f) == (o), #s "." #f)
#ifdef __cplusplus
#define _Static_assert static_assert
#endif
_Static_assert(sizeof(struct harp_rec_hdr) == 64, "harp_rec_hdr");
HARP_ASSERT_OFF(harp_rec_hdr, len, 8);
HARP_ASSERT_OFF(harp_rec_hdr, payload_crc, 16);
HARP_ASSERT_OFF(harp_rec_hdr, index, 24);
HARP_ASSERT_OFF(harp_rec_hdr, view, 32);
HARP_ASSERT_OFF(harp_rec_hdr, time_ns, 40);
HARP_ASSERT_OFF(harp_rec_hdr, lineage, 48);
HARP_ASSERT_OFF(harp_rec_hdr, crc, 60);
_Static_assert(sizeof(struct harp_sec_hdr) == 8, "harp_sec_hdr");
_Static_assert(sizeof(struct harp_time) == 16, "harp_time");
_Static_assert(sizeof(struct harp_sec_inode) == 128, "harp_sec_inode");
HARP_ASSERT_OFF(harp_sec_inode, mode, 12);
HARP_ASSERT_OFF(harp_sec_inode, fid, 16);
HARP_ASSERT_OFF(harp_sec_inode, nlink, 32);
HARP_ASSERT_OFF(harp_sec_inode, size_before, 48);
HARP_ASSERT_OFF(harp_sec_inode, atime, 64);
HARP_ASSERT_OFF(harp_sec_inode, btime, 112);
_Static_assert(sizeof(struct harp_sec_name) == 32, "harp_sec_name");
_Static_assert(sizeof(struct harp_sec_data) == 24, "harp_sec_data");
_Static_assert(sizeof(struct harp_sec_xattr) == 24, "harp_sec_xattr");
_Static_assert(sizeof(struct harp_sec_symlink) == 8, "harp_sec_symlink");
_Static_assert(sizeof(struct harp_sec_req) == 48, "harp_sec_req");
_Static_assert(sizeof(struct harp_sec_view) == 72, "harp_sec_view");
HARP_ASSERT_OFF(harp_sec_view, epoch, 56);
HARP_ASSERT_OFF(harp_sec_view, promise_ms, 64);
#ifdef __cplusplus
#undef _Static_assert
#endif

#endif /* _UAPI_LINUX_HARP_RECORD_H */
