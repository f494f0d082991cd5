// SPDX-License-Identifier: GPL-2.0
/*
 * The record codec (codec.h). Everything that is parsed here may come from a resumed
 * region, a peer or a fuzzer (I9): lengths are checked before what they delimit, and
 * values before they reach anybody who would believe them.
 */
#include "codec.h"

#ifndef __KERNEL__
#include "util/crc32c.h" /* daemon's */
#endif

#define HARP_HDR_LEN	((u32)sizeof(struct harp_rec_hdr))
#define HARP_OFF_MAX	0x7fffffffffffffffULL	/* a loff_t */
#define HARP_AF_INET	2			/* as on Linux; the record is for Linux only */
#define HARP_AF_INET6	10

static int bad(const char **why, const char *what)
{
	if (why)
		*why = what;
	return -EBADMSG;
}

static u32 harp_round8(u32 len)
{
	return (len + HARP_REC_ALIGN - 1) & ~(HARP_REC_ALIGN - 1);
}

/**
 * harp_crc32c() - checksum of some bytes
 * @crc: 0, or the checksum of the bytes before these
 * @p: the bytes
 * @len: how many
 *
 * Context: Any.
 * Return: the CRC-32C of all bytes so far.
 */
u32 harp_crc32c(u32 crc, const void *p, size_t len)
{
#ifdef __KERNEL__
	return ~crc32c(~crc, p, len);
#else
	return harp_user_crc32c(crc, p, len);
#endif
}

/* The checksum of a structure whose last member is the checksum itself, taken as zero. */
static u32 harp_crc_of_hdr(const void *hdr, size_t len)
{
	static const __le32 zero;

	return harp_crc32c(harp_crc32c(0, hdr, len - sizeof(zero)), &zero, sizeof(zero));
}

/* ------------------------------------------------------------------ building */

/**
 * harp_build_begin() - start a record
 * @b: the builder
 * @buf: where the record goes, 8-byte aligned
 * @cap: bytes there
 * @type: enum harp_rec_type
 *
 * Context: Any.
 */
void harp_build_begin(struct harp_builder *b, void *buf, u32 cap, u8 type)
{
	struct harp_rec_hdr *hdr = (struct harp_rec_hdr *)buf;

	b->buf = buf;
	b->cap = cap;
	b->len = HARP_HDR_LEN;
	b->nsec = 0;
	b->err = 0;
	if (cap < HARP_HDR_LEN) {
		b->err = -EMSGSIZE;
		return;
	}
	memset(hdr, 0, sizeof(*hdr));
	hdr->magic = cpu_to_le32(HARP_REC_MAGIC);
	hdr->version = HARP_REC_VERSION;
	hdr->type = type;
}

/*
 * Room for a section of @fixed bytes (zeroed) and @more bytes after them, padded. The
 * bounds of @more are the caller's; what does not fit the record is found here.
 */
static void *harp_build_section(struct harp_builder *b, u16 type, u32 fixed, u32 more)
{
	struct harp_sec_hdr *sec;
	u32 len = fixed + more, room;

	if (b->err)
		return NULL;
	room = (b->cap < HARP_REC_MAX ? b->cap : HARP_REC_MAX) - b->len;
	if (b->nsec >= HARP_REC_SECTIONS_MAX || len > room || harp_round8(len) > room) {
		b->err = -EMSGSIZE;
		return NULL;
	}
	sec = (struct harp_sec_hdr *)((u8 *)b->buf + b->len);
	memset(sec, 0, fixed);
	memset((u8 *)sec + len, 0, harp_round8(len) - len);
	sec->type = cpu_to_le16(type);
	sec->len = cpu_to_le32(len);
	b->len += harp_round8(len);
	b->nsec++;
	return sec;
}

/**
 * harp_build_inode() - add the state of an inode after the operation
 * @b: the builder
 * @role: HARP_ROLE_*
 * @fid: which inode
 *
 * Context: Any.
 * Return: the section, zero but for @role and @fid, or NULL with @b->err set.
 */
struct harp_sec_inode *harp_build_inode(struct harp_builder *b, u8 role, u64 fid)
{
	struct harp_sec_inode *s;

	s = (struct harp_sec_inode *)harp_build_section(b, HARP_SEC_INODE, sizeof(*s), 0);
	if (s) {
		s->role = role;
		s->fid = cpu_to_le64(fid);
	}
	return s;
}

/**
 * harp_build_name() - add a directory entry
 * @b: the builder
 * @dir: fid of the directory
 * @name: the name, not NUL-terminated
 * @len: its length
 * @expect: fid that was under it, 0 for none
 * @put: fid that is under it afterwards, 0 for none
 *
 * Context: Any.
 * Return: the section or NULL with @b->err set.
 */
struct harp_sec_name *harp_build_name(struct harp_builder *b, u64 dir, const char *name,
				      u32 len, u64 expect, u64 put)
{
	struct harp_sec_name *s;

	if (len > HARP_NAME_MAX) {
		b->err = b->err ? b->err : -EMSGSIZE;
		return NULL;
	}
	s = (struct harp_sec_name *)harp_build_section(b, HARP_SEC_NAME, sizeof(*s), len);
	if (s) {
		s->dir = cpu_to_le64(dir);
		s->expect = cpu_to_le64(expect);
		s->put = cpu_to_le64(put);
		memcpy(s + 1, name, len);
	}
	return s;
}

/**
 * harp_build_data() - add room for written bytes
 * @b: the builder
 * @offset: where in the file they go
 * @len: how many
 * @data: set to where the caller puts them, before harp_build_finish()
 *
 * Context: Any.
 * Return: the section or NULL with @b->err set.
 */
struct harp_sec_data *harp_build_data(struct harp_builder *b, u64 offset, u32 len,
				      void **data)
{
	struct harp_sec_data *s;

	if (len > HARP_DATA_MAX) {
		b->err = b->err ? b->err : -EMSGSIZE;
		return NULL;
	}
	s = (struct harp_sec_data *)harp_build_section(b, HARP_SEC_DATA, sizeof(*s), len);
	if (s) {
		s->offset = cpu_to_le64(offset);
		s->len = cpu_to_le32(len);
		*data = s + 1;
	}
	return s;
}

/**
 * harp_build_xattr() - add one extended attribute
 * @b: the builder
 * @role: of the inode it belongs to
 * @name: full name ("user.x"), NUL-terminated
 * @value: the value; may be NULL when @value_len is 0
 * @value_len: bytes of it
 * @flags: HARP_XATTR_REMOVE or 0
 *
 * Context: Any.
 * Return: the section or NULL with @b->err set.
 */
struct harp_sec_xattr *harp_build_xattr(struct harp_builder *b, u8 role, const char *name,
					const void *value, u32 value_len, u16 flags)
{
	size_t name_len = strlen(name);
	struct harp_sec_xattr *s;

	if (name_len > HARP_XATTR_NAME_MAX || value_len > HARP_XATTR_SIZE_MAX) {
		b->err = b->err ? b->err : -EMSGSIZE;
		return NULL;
	}
	s = (struct harp_sec_xattr *)harp_build_section(b, HARP_SEC_XATTR, sizeof(*s),
							name_len + 1 + value_len);
	if (s) {
		s->role = role;
		s->flags = cpu_to_le16(flags);
		s->name_len = cpu_to_le16(name_len);
		s->value_len = cpu_to_le32(value_len);
		memcpy(s + 1, name, name_len + 1);
		if (value_len)
			memcpy((char *)(s + 1) + name_len + 1, value, value_len);
	}
	return s;
}

/**
 * harp_build_symlink() - add the target of a symbolic link
 * @b: the builder
 * @target: the target, not NUL-terminated
 * @len: its length
 *
 * Context: Any.
 * Return: the section or NULL with @b->err set.
 */
struct harp_sec_symlink *harp_build_symlink(struct harp_builder *b, const char *target,
					    u32 len)
{
	struct harp_sec_symlink *s;

	if (len > HARP_SYMLINK_MAX) {
		b->err = b->err ? b->err : -EMSGSIZE;
		return NULL;
	}
	s = (struct harp_sec_symlink *)harp_build_section(b, HARP_SEC_SYMLINK, sizeof(*s), len);
	if (s)
		memcpy(s + 1, target, len);
	return s;
}

/**
 * harp_build_req() - add the identity of the NFS request
 * @b: the builder
 *
 * Context: Any.
 * Return: the section, zero, for the caller to fill, or NULL with @b->err set.
 */
struct harp_sec_req *harp_build_req(struct harp_builder *b)
{
	return (struct harp_sec_req *)harp_build_section(b, HARP_SEC_REQ,
							 sizeof(struct harp_sec_req), 0);
}

/**
 * harp_build_view() - add the body of a VIEW record
 * @b: the builder
 * @v: its values; the section header and nvoid are not looked at
 * @voids: indices of records that are nothing (P2)
 * @nvoid: how many
 *
 * Context: Any.
 * Return: the section or NULL with @b->err set.
 */
struct harp_sec_view *harp_build_view(struct harp_builder *b, const struct harp_sec_view *v,
				      const u64 *voids, u32 nvoid)
{
	struct harp_sec_view *s;
	struct harp_sec_hdr sec;
	__le64 *to;
	u32 i;

	if (nvoid > HARP_VOIDS_MAX) {
		b->err = b->err ? b->err : -EMSGSIZE;
		return NULL;
	}
	s = (struct harp_sec_view *)harp_build_section(b, HARP_SEC_VIEW, sizeof(*s),
						       nvoid * sizeof(*to));
	if (!s)
		return NULL;
	sec = s->sec;
	*s = *v;
	s->sec = sec;
	s->nvoid = cpu_to_le16(nvoid);
	to = (__le64 *)(s + 1);
	for (i = 0; i < nvoid; i++)
		to[i] = cpu_to_le64(voids[i]);
	return s;
}

/* ------------------------------------------------------------------- parsing */

static bool all_zero(const u8 *p, u32 len)
{
	while (len--)
		if (*p++)
			return false;
	return true;
}

static bool harp_time_ok(const struct harp_time *t)
{
	return le32_to_cpu(t->nsec) < 1000000000U && !t->reserved;
}

/* A fid, or that there is none. */
static bool harp_fid_or_none(__le64 fid)
{
	return !fid || harp_fid_possible(le64_to_cpu(fid));
}

static bool harp_mode_ok(u32 mode)
{
	/* FIFO, character, directory, block, regular, symbolic link, socket */
	static const u16 types = 1 << 1 | 1 << 2 | 1 << 4 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 12;

	return mode <= 0177777 && (types >> (mode >> 12) & 1);
}

static int harp_parse_inode(struct harp_rec *out, const struct harp_sec_inode *s, u32 len,
			    const char **why)
{
	u32 i;

	if (len != sizeof(*s))
		return bad(why, "inode section: length");
	if (s->role < HARP_ROLE_OBJECT || s->role > HARP_ROLE_REPLACED)
		return bad(why, "inode section: role");
	for (i = 0; i < out->ninode; i++)
		if (out->inode[i]->role == s->role)
			return bad(why, "two inode sections of one role");
	if (s->state > HARP_STATE_GONE)
		return bad(why, "inode section: state");
	if (le16_to_cpu(s->attrs) & ~HARP_ATTR_ALL)
		return bad(why, "inode section: attrs");
	if (!harp_fid_possible(le64_to_cpu(s->fid)))
		return bad(why, "inode section: no possible fid");
	if (!harp_fid_or_none(s->parent))
		return bad(why, "inode section: parent");
	if (!harp_mode_ok(le32_to_cpu(s->mode)))
		return bad(why, "inode section: mode");
	if (le64_to_cpu(s->size) > HARP_OFF_MAX || le64_to_cpu(s->size_before) > HARP_OFF_MAX)
		return bad(why, "inode section: size");
	if (!harp_time_ok(&s->atime) || !harp_time_ok(&s->mtime) ||
	    !harp_time_ok(&s->ctime) || !harp_time_ok(&s->btime))
		return bad(why, "inode section: time");
	out->inode[out->ninode++] = s;
	return 0;
}

static int harp_parse_name(struct harp_rec *out, const struct harp_sec_name *s, u32 len,
			   const char **why)
{
	const char *name = (const char *)(s + 1);
	u32 n;

	if (len <= sizeof(*s) || len - sizeof(*s) > HARP_NAME_MAX)
		return bad(why, "name section: length");
	n = len - sizeof(*s);
	if (out->nname == 2)
		return bad(why, "more than two name sections");
	if (!harp_fid_possible(le64_to_cpu(s->dir)))
		return bad(why, "name section: no possible directory");
	if (!harp_fid_or_none(s->expect) || !harp_fid_or_none(s->put))
		return bad(why, "name section: fid");
	if (memchr(name, '/', n) || memchr(name, 0, n))
		return bad(why, "name section: slash or NUL in the name");
	if (name[0] == '.' && (n == 1 || (n == 2 && name[1] == '.')))
		return bad(why, "name section: dot or dot-dot");
	out->name[out->nname++] = s;
	return 0;
}

static int harp_parse_data(struct harp_rec *out, const struct harp_sec_data *s, u32 len,
			   const char **why)
{
	u32 n;

	if (len < sizeof(*s))
		return bad(why, "data section: length");
	n = le32_to_cpu(s->len);
	if (!n || n > HARP_DATA_MAX || n != len - sizeof(*s))
		return bad(why, "data section: length");
	if (out->data_sec)
		return bad(why, "more than one data section");
	if (s->reserved || le64_to_cpu(s->offset) > HARP_OFF_MAX - n)
		return bad(why, "data section: offset");
	out->data_sec = s;
	out->data = s + 1;
	return 0;
}

static int harp_parse_xattr(struct harp_rec *out, const struct harp_sec_xattr *s, u32 len,
			    const char **why)
{
	u32 name_len, value_len;
	const char *name = (const char *)(s + 1);

	if (len < sizeof(*s))
		return bad(why, "xattr section: length");
	name_len = le16_to_cpu(s->name_len);
	value_len = le32_to_cpu(s->value_len);
	if (!name_len || name_len > HARP_XATTR_NAME_MAX || value_len > HARP_XATTR_SIZE_MAX ||
	    len != sizeof(*s) + name_len + 1 + value_len)
		return bad(why, "xattr section: length");
	if (out->nxattr == 8)
		return bad(why, "more than eight xattr sections");
	if (memchr(name, 0, name_len + 1) != name + name_len)
		return bad(why, "xattr section: NUL in the name, or none after it");
	if (le16_to_cpu(s->flags) & ~HARP_XATTR_REMOVE ||
	    !all_zero(s->reserved, sizeof(s->reserved)))
		return bad(why, "xattr section: flags");
	if (s->flags && value_len)
		return bad(why, "xattr section: a value for a removal");
	out->xattr[out->nxattr++] = s;
	return 0;
}

static int harp_parse_symlink(struct harp_rec *out, const struct harp_sec_symlink *s, u32 len,
			      const char **why)
{
	if (len <= sizeof(*s) || len - sizeof(*s) > HARP_SYMLINK_MAX)
		return bad(why, "symlink section: length");
	if (out->symlink)
		return bad(why, "more than one symlink section");
	if (memchr(s + 1, 0, len - sizeof(*s)))
		return bad(why, "symlink section: NUL in the target");
	out->symlink = s;
	return 0;
}

static int harp_parse_req(struct harp_rec *out, const struct harp_sec_req *s, u32 len,
			  const char **why)
{
	u16 family;

	if (len != sizeof(*s))
		return bad(why, "request section: length");
	if (out->req)
		return bad(why, "more than one request section");
	family = le16_to_cpu(s->family);
	if ((family != HARP_AF_INET && family != HARP_AF_INET6) || s->reserved)
		return bad(why, "request section: address family");
	out->req = s;
	return 0;
}

static int harp_parse_view(struct harp_rec *out, const struct harp_sec_view *s, u32 len,
			   const char **why)
{
	const __le64 *voids = (const __le64 *)(s + 1);
	u32 i, n, ms;

	if (len < sizeof(*s))
		return bad(why, "view section: length");
	n = le16_to_cpu(s->nvoid);
	if (n > HARP_VOIDS_MAX || len != sizeof(*s) + n * sizeof(*voids))
		return bad(why, "view section: length");
	if (out->view_sec)
		return bad(why, "more than one view section");
	if (s->primary >= HARP_MEMBERS || s->backup >= HARP_MEMBERS || s->primary == s->backup)
		return bad(why, "view section: members");
	/* The view of s is not always known: a forced view starts from an LB alone (P2). */
	if (!s->view || (s->view_of_s && !s->s) ||
	    le64_to_cpu(s->view_of_s) >= le64_to_cpu(s->view))
		return bad(why, "view section: views");
	ms = le32_to_cpu(s->promise_ms);
	if (ms < HARP_PROMISE_MIN_MS || ms > HARP_PROMISE_CAP_MS || s->reserved)
		return bad(why, "view section: promise");
	for (i = 0; i < n; i++)
		if (!voids[i] || le64_to_cpu(voids[i]) > le64_to_cpu(s->s))
			return bad(why, "view section: void index");
	out->view_sec = s;
	return 0;
}

static int harp_parse_section(struct harp_rec *out, const struct harp_sec_hdr *sec, u32 len,
			      const char **why)
{
	switch (le16_to_cpu(sec->type)) {
	case HARP_SEC_INODE:
		return harp_parse_inode(out, (const struct harp_sec_inode *)sec, len, why);
	case HARP_SEC_NAME:
		return harp_parse_name(out, (const struct harp_sec_name *)sec, len, why);
	case HARP_SEC_DATA:
		return harp_parse_data(out, (const struct harp_sec_data *)sec, len, why);
	case HARP_SEC_XATTR:
		return harp_parse_xattr(out, (const struct harp_sec_xattr *)sec, len, why);
	case HARP_SEC_SYMLINK:
		return harp_parse_symlink(out, (const struct harp_sec_symlink *)sec, len, why);
	case HARP_SEC_REQ:
		return harp_parse_req(out, (const struct harp_sec_req *)sec, len, why);
	case HARP_SEC_VIEW:
		return harp_parse_view(out, (const struct harp_sec_view *)sec, len, why);
	default:
		return bad(why, "section of an unknown type");
	}
}

#define R(role)	(1 << HARP_ROLE_##role)

/**
 * struct harp_shape - which sections a record of a type has
 * @name: the type, for people
 * @must: roles of inodes it has
 * @may: further roles it can have
 * @names: number of name sections
 * @data: it has a data section
 * @symlink: it has a symlink section
 * @view: it has a view section
 * @xattr: it has at least one xattr section
 */
struct harp_shape {
	const char *name;
	u8 must, may, names;
	bool data, symlink, view, xattr;
};

/* Ordered as enum harp_rec_type from 16 on; the three before are apart. */
static const struct harp_shape harp_shape_noop = { "noop", 0, 0, 0, false, false, false, false };
static const struct harp_shape harp_shape_view = { "view", 0, 0, 0, false, false, true, false };
static const struct harp_shape harp_shape_void = { "void", 0, 0, 0, false, false, false, false };
static const struct harp_shape harp_shapes[] = {
	{ "create", R(OBJECT) | R(DIR), 0, 1, false, false, false, false },
	{ "mkdir", R(OBJECT) | R(DIR), 0, 1, false, false, false, false },
	{ "symlink", R(OBJECT) | R(DIR), 0, 1, false, true, false, false },
	{ "link", R(OBJECT) | R(DIR), 0, 1, false, false, false, false },
	{ "unlink", R(OBJECT) | R(DIR), 0, 1, false, false, false, false },
	{ "rmdir", R(OBJECT) | R(DIR), 0, 1, false, false, false, false },
	{ "rename", R(OBJECT) | R(DIR), R(NEWDIR) | R(REPLACED), 2, false, false, false, false },
	{ "exchange", R(OBJECT) | R(DIR) | R(REPLACED), R(NEWDIR), 2, false, false, false, false },
	{ "setattr", R(OBJECT), 0, 0, false, false, false, false },
	{ "write", R(OBJECT), 0, 0, true, false, false, false },
	{ "xattr", R(OBJECT), 0, 0, false, false, false, true },
	{ "release", R(OBJECT), 0, 0, false, false, false, false },
};

#undef R

static const struct harp_shape *harp_shape_of(u8 type)
{
	switch (type) {
	case HARP_REC_NOOP:
		return &harp_shape_noop;
	case HARP_REC_VIEW:
		return &harp_shape_view;
	case HARP_REC_VOID:
		return &harp_shape_void;
	default:
		if (type < HARP_REC_CREATE || type > HARP_REC_RELEASE)
			return NULL;
		return &harp_shapes[type - HARP_REC_CREATE];
	}
}

/**
 * harp_rec_type_name() - the name of a type of record, for people
 * @type: enum harp_rec_type, or anything
 *
 * Context: Any.
 * Return: "create" and the like, or "?".
 */
const char *harp_rec_type_name(u8 type)
{
	const struct harp_shape *shape = harp_shape_of(type);

	return shape ? shape->name : "?";
}

/* Does the record have the sections of its type, and only those? */
static int harp_check_shape(const struct harp_rec *rec, const struct harp_shape *shape,
			    const char **why)
{
	u8 roles = 0;
	u32 i;

	for (i = 0; i < rec->ninode; i++)
		roles |= 1 << rec->inode[i]->role;
	if ((roles & shape->must) != shape->must || roles & ~(shape->must | shape->may))
		return bad(why, "inode sections do not fit the type");
	if (rec->nname != shape->names)
		return bad(why, "name sections do not fit the type");
	if (!rec->data_sec == shape->data)
		return bad(why, "data section does not fit the type");
	if (!rec->symlink == shape->symlink)
		return bad(why, "symlink section does not fit the type");
	if (!rec->view_sec == shape->view)
		return bad(why, "view section does not fit the type");
	if (shape->xattr && !rec->nxattr)
		return bad(why, "no xattr section");
	for (i = 0; i < rec->nxattr; i++)
		if (rec->xattr[i]->role > HARP_ROLE_REPLACED ||
		    !(roles & 1 << rec->xattr[i]->role))
			return bad(why, "xattr section of an inode that is not there");
	return 0;
}

/* All sections of the record at @hdr, whose type, len and nsec are within bounds. */
static int harp_parse_sections(const struct harp_rec_hdr *hdr, struct harp_rec *out,
			       const char **why)
{
	const u8 *p = (const u8 *)(hdr + 1);
	u32 left = le32_to_cpu(hdr->len) - HARP_HDR_LEN;
	u32 nsec = le32_to_cpu(hdr->nsec), i;
	int err;

	for (i = 0; i < nsec; i++) {
		const struct harp_sec_hdr *sec = (const struct harp_sec_hdr *)p;
		u32 len;

		if (left < sizeof(*sec))
			return bad(why, "a section begins past the end");
		len = le32_to_cpu(sec->len);
		/* Both are multiples of 8 then: rounding @len up stays within @left. */
		if (len < sizeof(*sec) || len > left || sec->reserved)
			return bad(why, "a section's header");
		if (!all_zero(p + len, harp_round8(len) - len))
			return bad(why, "padding is not zero");
		err = harp_parse_section(out, sec, len, why);
		if (err)
			return err;
		p += harp_round8(len);
		left -= harp_round8(len);
	}
	if (left)
		return bad(why, "bytes after the last section");
	return harp_check_shape(out, harp_shape_of(hdr->type), why);
}

/**
 * harp_build_finish() - end of building: lengths and the payload's checksum
 * @b: the builder
 *
 * Checks the sections as a reader will: a record that one member can build and
 * another refuses would stop the group.
 *
 * Context: Any.
 * Return: 0, or the first error of the building, or -EINVAL.
 */
int harp_build_finish(struct harp_builder *b)
{
	struct harp_rec_hdr *hdr = (struct harp_rec_hdr *)b->buf;
	struct harp_rec rec;

	if (b->err)
		return b->err;
	hdr->len = cpu_to_le32(b->len);
	hdr->nsec = cpu_to_le32(b->nsec);
	memset(&rec, 0, sizeof(rec));
	if (!harp_shape_of(hdr->type) || harp_parse_sections(hdr, &rec, NULL)) {
		b->err = -EINVAL;
		return b->err;
	}
	hdr->payload_crc = cpu_to_le32(harp_crc32c(0, hdr + 1, b->len - HARP_HDR_LEN));
	return 0;
}

/**
 * harp_rec_seal() - give a finished record its place in a log
 * @rec: the record, finished
 * @index: its number
 * @view: the view it is made in
 * @lineage: the history
 * @time_ns: the primary's clock
 * @prev_crc: crc of the record before, 0 for index 1
 *
 * Context: Any.
 */
void harp_rec_seal(struct harp_rec_hdr *rec, u64 index, u64 view, u64 lineage, u64 time_ns,
		   u32 prev_crc)
{
	rec->index = cpu_to_le64(index);
	rec->view = cpu_to_le64(view);
	rec->lineage = cpu_to_le64(lineage);
	rec->time_ns = cpu_to_le64(time_ns);
	rec->prev_crc = cpu_to_le32(prev_crc);
	rec->crc = cpu_to_le32(harp_crc_of_hdr(rec, sizeof(*rec)));
}

/**
 * harp_rec_check_header() - is this the header of a record?
 * @p: where it should be, 8-byte aligned
 * @avail: bytes that may be read there
 * @why: set to what is wrong, if not NULL
 *
 * Context: Any.
 * Return: 0, -EAGAIN when @avail is too small to tell, -EBADMSG.
 */
int harp_rec_check_header(const void *p, size_t avail, const char **why)
{
	const struct harp_rec_hdr *hdr = (const struct harp_rec_hdr *)p;
	u32 len;

	if ((uintptr_t)p % HARP_REC_ALIGN)
		return bad(why, "not aligned");
	if (avail < sizeof(*hdr)) {
		bad(why, "cut short within the header");
		return -EAGAIN;
	}
	if (le32_to_cpu(hdr->magic) != HARP_REC_MAGIC)
		return bad(why, "no record: wrong magic");
	if (le32_to_cpu(hdr->crc) != harp_crc_of_hdr(hdr, sizeof(*hdr)))
		return bad(why, "checksum of the header");
	if (hdr->version != HARP_REC_VERSION)
		return bad(why, "another version");
	len = le32_to_cpu(hdr->len);
	if (len < HARP_HDR_LEN || len > HARP_REC_MAX || len % HARP_REC_ALIGN)
		return bad(why, "length out of bounds");
	if (le32_to_cpu(hdr->nsec) > HARP_REC_SECTIONS_MAX)
		return bad(why, "too many sections");
	if (!harp_shape_of(hdr->type))
		return bad(why, "unknown type");
	if (hdr->flags || hdr->reserved)
		return bad(why, "reserved bits set");
	if (!hdr->index || le64_to_cpu(hdr->index) > HARP_INDEX_MAX || !hdr->view)
		return bad(why, "no index or no view");
	if (le64_to_cpu(hdr->index) == 1 && hdr->prev_crc)
		return bad(why, "chained to a record before the first");
	return 0;
}

/**
 * harp_rec_parse() - verify a whole record and find its sections
 * @p: the record, 8-byte aligned
 * @len: bytes that may be read there
 * @out: set; points into @p; all zero after an error
 * @why: set to what is wrong, if not NULL
 *
 * Context: Any.
 * Return: 0, -EAGAIN when @len is too small, -EBADMSG.
 */
int harp_rec_parse(const void *p, size_t len, struct harp_rec *out, const char **why)
{
	const struct harp_rec_hdr *hdr = (const struct harp_rec_hdr *)p;
	u32 rec_len;
	int err;

	memset(out, 0, sizeof(*out));
	err = harp_rec_check_header(p, len, why);
	if (err)
		return err;
	rec_len = le32_to_cpu(hdr->len);
	if (len < rec_len) {
		bad(why, "cut short");
		return -EAGAIN;
	}
	if (le32_to_cpu(hdr->payload_crc) != harp_crc32c(0, hdr + 1, rec_len - HARP_HDR_LEN))
		return bad(why, "checksum of the payload");
	err = harp_parse_sections(hdr, out, why);
	if (err) {
		memset(out, 0, sizeof(*out));
		return err;
	}
	out->hdr = hdr;
	out->type = hdr->type;
	out->index = le64_to_cpu(hdr->index);
	out->view = le64_to_cpu(hdr->view);
	out->time_ns = le64_to_cpu(hdr->time_ns);
	return 0;
}

/**
 * harp_rec_inode() - the inode of a record that plays a role
 * @rec: a parsed record
 * @role: HARP_ROLE_*
 *
 * Context: Any.
 * Return: its section or NULL.
 */
const struct harp_sec_inode *harp_rec_inode(const struct harp_rec *rec, u8 role)
{
	u32 i;

	for (i = 0; i < rec->ninode; i++)
		if (rec->inode[i]->role == role)
			return rec->inode[i];
	return NULL;
}

/* --------------------------------------------------------------- record link */

/**
 * harp_wire_body_size() - size of a message's fixed body
 * @type: enum harp_wire_type, or anything
 *
 * Context: Any.
 * Return: bytes, or ~0U when there is no such type.
 */
u32 harp_wire_body_size(u8 type)
{
	switch (type) {
	case HARP_WIRE_HELLO:
		return sizeof(struct harp_wire_hello);
	case HARP_WIRE_REC:
		return sizeof(struct harp_wire_rec);
	case HARP_WIRE_ACK:
		return sizeof(struct harp_wire_ack);
	case HARP_WIRE_LEAVE:
		return 0;
	default:
		return ~0U;
	}
}

static u32 harp_wire_crc(const struct harp_wire_hdr *h, const void *body)
{
	u32 crc = harp_crc_of_hdr(h, sizeof(*h)), size = harp_wire_body_size(h->type);

	return size ? harp_crc32c(crc, body, size) : crc;
}

/**
 * harp_wire_seal() - finish a message
 * @h: its header; type, epoch, group, lineage, inc, view and sender are set
 * @body: its fixed body, or NULL for LEAVE
 * @records_len: bytes of records that follow
 *
 * Context: Any.
 */
void harp_wire_seal(struct harp_wire_hdr *h, const void *body, u32 records_len)
{
	h->magic = cpu_to_le32(HARP_WIRE_MAGIC);
	h->version = HARP_WIRE_VERSION;
	h->flags = 0;
	memset(h->reserved, 0, sizeof(h->reserved));
	h->len = cpu_to_le32(harp_wire_body_size(h->type) + records_len);
	h->crc = cpu_to_le32(harp_wire_crc(h, body));
}

/**
 * harp_wire_check_header() - how much follows, and may it?
 * @h: a header as received
 * @why: set to what is wrong, if not NULL
 *
 * Nothing in it can be trusted before harp_wire_check_body() but its length.
 *
 * Context: Any.
 * Return: 0, -EBADMSG, or -EPROTO for another version.
 */
int harp_wire_check_header(const struct harp_wire_hdr *h, const char **why)
{
	u32 size, len;

	if (le32_to_cpu(h->magic) != HARP_WIRE_MAGIC)
		return bad(why, "no message: wrong magic");
	if (h->version != HARP_WIRE_VERSION) {
		bad(why, "another version");
		return -EPROTO;
	}
	size = harp_wire_body_size(h->type);
	if (size == ~0U)
		return bad(why, "unknown type");
	len = le32_to_cpu(h->len);
	if (len < size || (h->type != HARP_WIRE_REC && len != size) ||
	    len - size > HARP_WIRE_BATCH_MAX || len % HARP_REC_ALIGN)
		return bad(why, "length out of bounds");
	if (h->flags || !all_zero(h->reserved, sizeof(h->reserved)))
		return bad(why, "reserved bits set");
	if (h->sender >= HARP_MEMBERS)
		return bad(why, "no such member");
	return 0;
}

/**
 * harp_wire_check_body() - verify a message, its records excepted
 * @h: the header, which harp_wire_check_header() has accepted
 * @body: its fixed body, 8-byte aligned
 * @why: set to what is wrong, if not NULL
 *
 * Context: Any.
 * Return: 0 or -EBADMSG.
 */
int harp_wire_check_body(const struct harp_wire_hdr *h, const void *body, const char **why)
{
	u32 records = le32_to_cpu(h->len) - harp_wire_body_size(h->type), nrec;
	const struct harp_wire_hello *hello = (const struct harp_wire_hello *)body;
	const struct harp_wire_rec *rec = (const struct harp_wire_rec *)body;
	const struct harp_wire_ack *ack = (const struct harp_wire_ack *)body;

	if (le32_to_cpu(h->crc) != harp_wire_crc(h, body))
		return bad(why, "checksum of the message");
	switch (h->type) {
	case HARP_WIRE_HELLO:
		if (!hello->top && hello->view_of_top)
			return bad(why, "HELLO: top");
		break;
	case HARP_WIRE_REC:
		nrec = le32_to_cpu(rec->nrec);
		if (le32_to_cpu(rec->flags) & ~(HARP_REC_F_SERVING | HARP_REC_F_FEED))
			return bad(why, "REC: flags");
		if (!nrec != !records || nrec > records / HARP_HDR_LEN)
			return bad(why, "REC: number of records");
		break;
	case HARP_WIRE_ACK:
		if (le32_to_cpu(ack->flags) & ~(HARP_ACK_F_PROMISE | HARP_ACK_F_NO_CONTROL) ||
		    ack->reserved)
			return bad(why, "ACK: flags");
		if (!(le32_to_cpu(ack->flags) & HARP_ACK_F_PROMISE) != !ack->promise)
			return bad(why, "ACK: promise");
		break;
	}
	return 0;
}

/* -------------------------------------------------------------------- region */

/**
 * harp_region_seal() - finish a header copy of a region
 * @h: the header; everything but magic, version, len and crc is set
 *
 * Context: Any.
 */
void harp_region_seal(struct harp_region_hdr *h)
{
	h->magic = cpu_to_le64(HARP_REGION_MAGIC);
	h->version = cpu_to_le32(HARP_REGION_VERSION);
	h->len = cpu_to_le32(sizeof(*h));
	h->reserved0 = 0;
	h->reserved1 = 0;
	h->crc = cpu_to_le32(harp_crc_of_hdr(h, sizeof(*h)));
}

/**
 * harp_region_check() - is this a header of a region, consistent in itself?
 * @h: one header copy; HARP_REGION_HDR_STRIDE bytes may be read
 * @region_size: bytes of the region it was found in, or 0 to ask the header alone
 * @why: set to what is wrong, if not NULL
 *
 * The checksum is a header's last four bytes in every version, so that a header of
 * another one is told from damage and not written over.
 *
 * Context: Any.
 * Return: 0, -EBADMSG, -EPROTO (sound, of another version), -ERANGE (sound, of a
 * region of another size).
 */
int harp_region_check(const struct harp_region_hdr *h, u64 region_size, const char **why)
{
	u64 size, ring, base, wm;
	u32 len;
	__le32 crc;

	if (le64_to_cpu(h->magic) != HARP_REGION_MAGIC)
		return bad(why, "no header");
	len = le32_to_cpu(h->len);
	if (len < 64 || len > HARP_REGION_HDR_STRIDE)
		return bad(why, "length of the header");
	memcpy(&crc, (const u8 *)h + len - sizeof(crc), sizeof(crc));
	if (le32_to_cpu(crc) != harp_crc_of_hdr(h, len))
		return bad(why, "checksum of the header");
	if (le32_to_cpu(h->version) != HARP_REGION_VERSION || len != sizeof(*h)) {
		bad(why, "another version");
		return -EPROTO;
	}
	size = le64_to_cpu(h->region_size);
	ring = le64_to_cpu(h->ring_size);
	base = le64_to_cpu(h->base);
	wm = le64_to_cpu(h->wm);
	if (size < HARP_REGION_MIN || size > HARP_REGION_MAX ||
	    ring != size - HARP_REGION_RING_OFF || ring % HARP_REC_ALIGN)
		return bad(why, "size of the ring");
	if (!base || base > HARP_INDEX_MAX || wm > HARP_INDEX_MAX || wm + 1 < base)
		return bad(why, "base or watermark");
	if (le64_to_cpu(h->base_off) >= ring || le64_to_cpu(h->base_off) % HARP_REC_ALIGN)
		return bad(why, "offset of the tail");
	if (h->member >= HARP_MEMBERS || h->flags & ~HARP_REGION_COMPLETE ||
	    h->reserved0 || h->reserved1)
		return bad(why, "member or flags");
	if (base == 1 && (h->anchor_view || h->anchor_crc))
		return bad(why, "anchor before the first record");
	if (region_size && size != region_size) {
		bad(why, "another size");
		return -ERANGE;
	}
	return 0;
}
