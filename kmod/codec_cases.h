/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Cases of the record codec: run by KUnit (codec_test.c) and, under the sanitizers, by
 * harpd's unit tests. C that is also C++. A case returns NULL or what failed.
 */
#ifndef HARP_CODEC_CASES_H
#define HARP_CODEC_CASES_H

#include "codec.h"

#define HARP_CASE_STR_(x) #x
#define HARP_CASE_STR(x) HARP_CASE_STR_(x)
#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#endif
/* checkpatch dislikes a return in a macro; it is what a failed check is for. */
#define HARP_CHECK(cond) \
	do { \
		if (!(cond)) \
			return "line " HARP_CASE_STR(__LINE__) ": " #cond; \
	} while (0)

#define HARP_SAMPLE_CAP	8192U	/* every sample record fits */

/* @buf and @buf2: two 8-byte aligned buffers of HARP_SAMPLE_CAP bytes. */
struct harp_codec_case {
	const char *name;
	const char *(*run)(u8 *buf, u8 *buf2);
};

static const u8 harp_sample_types[] = {
	HARP_REC_NOOP, HARP_REC_VIEW, HARP_REC_VOID, HARP_REC_CREATE, HARP_REC_MKDIR,
	HARP_REC_SYMLINK, HARP_REC_LINK, HARP_REC_UNLINK, HARP_REC_RMDIR, HARP_REC_RENAME,
	HARP_REC_EXCHANGE, HARP_REC_SETATTR, HARP_REC_WRITE, HARP_REC_XATTR, HARP_REC_RELEASE,
};

static inline void harp_sample_inode(struct harp_builder *b, u8 role, u64 fid, u32 mode)
{
	struct harp_sec_inode *s = harp_build_inode(b, role, fid);

	if (!s)
		return;
	s->mode = cpu_to_le32(mode);
	s->nlink = cpu_to_le32(1);
	s->size = cpu_to_le64(5);
	s->ctime.sec = cpu_to_le64(1700000000);
	s->ctime.nsec = cpu_to_le32(999999999);
}

static inline void harp_sample_view(struct harp_builder *b, u64 view, u64 lineage, u64 s,
				    u64 view_of_s)
{
	struct harp_sec_view v;
	u64 voids[2] = { 1, s };

	memset(&v, 0, sizeof(v));
	v.view = cpu_to_le64(view);
	v.lineage = cpu_to_le64(lineage);
	v.primary_inc = cpu_to_le64(3);
	v.backup_inc = cpu_to_le64(4);
	v.s = cpu_to_le64(s);
	v.view_of_s = cpu_to_le64(view_of_s);
	v.primary = 0;
	v.backup = 1;
	v.promise_ms = cpu_to_le32(1000);
	harp_build_view(b, &v, voids, s ? 2 : 0);
}

/* The sections of a sound record of @type. */
static inline void harp_sample_sections(struct harp_builder *b, u8 type)
{
	struct harp_sec_req *req;
	void *data;

	if (type == HARP_REC_VIEW)
		harp_sample_view(b, 9, 77, 41, 4);
	if (type < HARP_REC_CREATE)
		return;
	harp_sample_inode(b, HARP_ROLE_OBJECT, 20, type == HARP_REC_MKDIR ? 040755 : 0100644);
	if (type <= HARP_REC_EXCHANGE) {
		harp_sample_inode(b, HARP_ROLE_DIR, 1, 040755);
		harp_build_name(b, 1, "name", 4, type == HARP_REC_CREATE ? 0 : 20, 20);
	}
	if (type == HARP_REC_SYMLINK)
		harp_build_symlink(b, "target", 6);
	if (type == HARP_REC_RENAME)
		harp_sample_inode(b, HARP_ROLE_NEWDIR, 16, 040700);
	if (type == HARP_REC_RENAME || type == HARP_REC_EXCHANGE) {
		harp_sample_inode(b, HARP_ROLE_REPLACED, 21, 0120777);
		harp_build_name(b, 16, "other", 5, 21, 20);
	}
	if (type == HARP_REC_WRITE && harp_build_data(b, 4096, 5, &data))
		memcpy(data, "hello", 5);
	if (type == HARP_REC_XATTR)
		harp_build_xattr(b, HARP_ROLE_OBJECT, "user.a", "value", 5, 0);
	if (type == HARP_REC_SETATTR) {
		req = harp_build_req(b);
		if (req)
			req->family = cpu_to_le16(10);
	}
}

/* A sound, sealed record; NULL when it could not be built. */
static inline struct harp_rec_hdr *harp_sample(u8 type, u8 *buf)
{
	struct harp_rec_hdr *rec = (struct harp_rec_hdr *)buf;
	struct harp_builder b;

	harp_build_begin(&b, buf, HARP_SAMPLE_CAP, type);
	harp_sample_sections(&b, type);
	if (harp_build_finish(&b))
		return NULL;
	harp_rec_seal(rec, 42, 9, 77, 1700000000000000000ULL, 0x12345678);
	return rec;
}

/* Checksums made to fit whatever the bytes are now: only the values themselves are wrong. */
static inline void harp_sample_resum(struct harp_rec_hdr *rec, u32 bytes)
{
	rec->payload_crc = cpu_to_le32(harp_crc32c(0, rec + 1, bytes - sizeof(*rec)));
	harp_rec_seal(rec, le64_to_cpu(rec->index), le64_to_cpu(rec->view),
		      le64_to_cpu(rec->lineage), le64_to_cpu(rec->time_ns),
		      le32_to_cpu(rec->prev_crc));
}

static const char *codec_case_crc32c(u8 *buf, u8 *buf2)
{
	(void)buf;
	(void)buf2;
	HARP_CHECK(harp_crc32c(0, "123456789", 9) == 0xe3069283);
	HARP_CHECK(harp_crc32c(harp_crc32c(0, "1234", 4), "56789", 5) == 0xe3069283);
	HARP_CHECK(harp_crc32c(0, "", 0) == 0);
	return NULL;
}

static const char *codec_case_round_trip(u8 *buf, u8 *buf2)
{
	const struct harp_rec_hdr *hdr;
	struct harp_rec rec;
	u32 i;

	(void)buf2;
	for (i = 0; i < sizeof(harp_sample_types); i++) {
		hdr = harp_sample(harp_sample_types[i], buf);
		HARP_CHECK(hdr);
		HARP_CHECK(harp_rec_parse(buf, HARP_SAMPLE_CAP, &rec, NULL) == 0);
		HARP_CHECK(rec.hdr == hdr && rec.type == harp_sample_types[i]);
		HARP_CHECK(rec.index == 42 && rec.view == 9);
		HARP_CHECK(rec.time_ns == 1700000000000000000ULL);
		HARP_CHECK(harp_rec_type_name(rec.type)[0] != '?');
	}
	HARP_CHECK(harp_rec_type_name(4)[0] == '?' && harp_rec_type_name(28)[0] == '?');
	return NULL;
}

static const char *codec_case_fields(u8 *buf, u8 *buf2)
{
	struct harp_rec rec;

	(void)buf2;
	HARP_CHECK(harp_sample(HARP_REC_RENAME, buf));
	HARP_CHECK(harp_rec_parse(buf, HARP_SAMPLE_CAP, &rec, NULL) == 0);
	HARP_CHECK(rec.ninode == 4 && rec.nname == 2);
	HARP_CHECK(le64_to_cpu(harp_rec_inode(&rec, HARP_ROLE_OBJECT)->fid) == 20);
	HARP_CHECK(le64_to_cpu(harp_rec_inode(&rec, HARP_ROLE_NEWDIR)->fid) == 16);
	HARP_CHECK(le64_to_cpu(harp_rec_inode(&rec, HARP_ROLE_REPLACED)->fid) == 21);
	HARP_CHECK(!harp_rec_inode(&rec, 0));
	HARP_CHECK(harp_name_len(rec.name[1]) == 5);
	HARP_CHECK(!memcmp(harp_name_str(rec.name[1]), "other", 5));
	HARP_CHECK(le64_to_cpu(rec.name[1]->expect) == 21);

	HARP_CHECK(harp_sample(HARP_REC_WRITE, buf));
	HARP_CHECK(harp_rec_parse(buf, HARP_SAMPLE_CAP, &rec, NULL) == 0);
	HARP_CHECK(le64_to_cpu(rec.data_sec->offset) == 4096 && !memcmp(rec.data, "hello", 5));

	HARP_CHECK(harp_sample(HARP_REC_XATTR, buf));
	HARP_CHECK(harp_rec_parse(buf, HARP_SAMPLE_CAP, &rec, NULL) == 0);
	HARP_CHECK(rec.nxattr == 1 && !strcmp(harp_xattr_name(rec.xattr[0]), "user.a"));
	HARP_CHECK(!memcmp(harp_xattr_value(rec.xattr[0]), "value", 5));

	HARP_CHECK(harp_sample(HARP_REC_SYMLINK, buf));
	HARP_CHECK(harp_rec_parse(buf, HARP_SAMPLE_CAP, &rec, NULL) == 0);
	HARP_CHECK(harp_symlink_len(rec.symlink) == 6);
	HARP_CHECK(!memcmp(harp_symlink_target(rec.symlink), "target", 6));

	HARP_CHECK(harp_sample(HARP_REC_VIEW, buf));
	HARP_CHECK(harp_rec_parse(buf, HARP_SAMPLE_CAP, &rec, NULL) == 0);
	HARP_CHECK(le16_to_cpu(rec.view_sec->nvoid) == 2 && le64_to_cpu(rec.view_sec->s) == 41);
	return NULL;
}

/* The bytes are an ABI between members of different builds: a change must be seen. */
static const char *codec_case_golden(u8 *buf, u8 *buf2)
{
	const struct harp_rec_hdr *hdr = harp_sample(HARP_REC_RENAME, buf);

	(void)buf2;
	HARP_CHECK(hdr);
	HARP_CHECK(le32_to_cpu(hdr->len) == 656);
	HARP_CHECK(le32_to_cpu(hdr->payload_crc) == 0x90990b68);
	HARP_CHECK(le32_to_cpu(hdr->crc) == 0x3c6c8938);
	return NULL;
}

/* No single bit of a record can change unseen. */
static const char *codec_case_bit_flips(u8 *buf, u8 *buf2)
{
	struct harp_rec rec;
	u32 i, bit, len;

	for (i = 0; i < sizeof(harp_sample_types); i++) {
		HARP_CHECK(harp_sample(harp_sample_types[i], buf2));
		len = le32_to_cpu(((struct harp_rec_hdr *)buf2)->len);
		memcpy(buf, buf2, len);
		for (bit = 0; bit < len * 8; bit++) {
			buf[bit / 8] ^= 1 << bit % 8;
			HARP_CHECK(harp_rec_parse(buf, HARP_SAMPLE_CAP, &rec, NULL) != 0);
			HARP_CHECK(!rec.hdr && !rec.ninode);
			buf[bit / 8] ^= 1 << bit % 8;
		}
		HARP_CHECK(harp_rec_parse(buf, HARP_SAMPLE_CAP, &rec, NULL) == 0);
	}
	return NULL;
}

/* A stream gives a record in pieces; no piece is mistaken for the whole. */
static const char *codec_case_cut_short(u8 *buf, u8 *buf2)
{
	struct harp_rec rec;
	u32 i, n, len;

	(void)buf2;
	for (i = 0; i < sizeof(harp_sample_types); i++) {
		HARP_CHECK(harp_sample(harp_sample_types[i], buf));
		len = le32_to_cpu(((struct harp_rec_hdr *)buf)->len);
		for (n = 0; n < len; n++)
			HARP_CHECK(harp_rec_parse(buf, n, &rec, NULL) == -EAGAIN);
		HARP_CHECK(harp_rec_check_header(buf, 63, NULL) == -EAGAIN);
		HARP_CHECK(harp_rec_check_header(buf, 64, NULL) == 0);
		HARP_CHECK(harp_rec_parse(buf + 4, len, &rec, NULL) == -EBADMSG);
	}
	return NULL;
}

/**
 * struct harp_damage - a value that no reader may accept, under right checksums
 * @name: for people
 * @type: the sample record
 * @at: offset of the value
 * @size: bytes of it
 * @value: what is put there, little endian
 * @why: what the parser says
 */
struct harp_damage {
	const char *name;
	u8 type;
	u16 at;
	u8 size;
	u64 value;
	const char *why;
};

/* Sections of the samples: the object's inode at 64; then, by type, the one at 192. */
static const struct harp_damage harp_damages[] = {
	{ "magic", HARP_REC_NOOP, 0, 4, 0x44415048, "no record: wrong magic" },
	{ "version", HARP_REC_NOOP, 4, 1, 2, "another version" },
	{ "type 0", HARP_REC_NOOP, 5, 1, 0, "unknown type" },
	{ "type 4", HARP_REC_NOOP, 5, 1, 4, "unknown type" },
	{ "type 15", HARP_REC_NOOP, 5, 1, 15, "unknown type" },
	{ "type 28", HARP_REC_NOOP, 5, 1, 28, "unknown type" },
	{ "flags", HARP_REC_NOOP, 6, 2, 1, "reserved bits set" },
	{ "len 0", HARP_REC_NOOP, 8, 4, 0, "length out of bounds" },
	{ "len 72", HARP_REC_NOOP, 8, 4, 65, "length out of bounds" },
	{ "len huge", HARP_REC_NOOP, 8, 4, HARP_REC_MAX + 8, "length out of bounds" },
	{ "len max", HARP_REC_NOOP, 8, 4, 0xfffffff8, "length out of bounds" },
	{ "nsec", HARP_REC_NOOP, 12, 4, 17, "too many sections" },
	{ "one section too few", HARP_REC_WRITE, 12, 4, 1, "bytes after the last section" },
	{ "one section too many", HARP_REC_WRITE, 12, 4, 3, "a section begins past the end" },
	{ "index 0", HARP_REC_NOOP, 24, 8, 0, "no index or no view" },
	{ "index negative", HARP_REC_NOOP, 24, 8, 1ULL << 63, "no index or no view" },
	{ "view 0", HARP_REC_NOOP, 32, 8, 0, "no index or no view" },
	{ "chain of the first", HARP_REC_NOOP, 24, 8, 1, "chained to a record before the first" },
	{ "reserved", HARP_REC_NOOP, 56, 4, 1, "reserved bits set" },

	{ "section type", HARP_REC_WRITE, 64, 2, 99, "section of an unknown type" },
	{ "section reserved", HARP_REC_WRITE, 66, 2, 1, "a section's header" },
	{ "section len 0", HARP_REC_WRITE, 68, 4, 0, "a section's header" },
	{ "section len past the end", HARP_REC_WRITE, 68, 4, 169, "a section's header" },
	{ "section len max", HARP_REC_WRITE, 68, 4, 0xffffffff, "a section's header" },
	{ "section len misplaced", HARP_REC_WRITE, 68, 4, 120, "inode section: length" },
	{ "padding", HARP_REC_WRITE, 221, 1, 1, "padding is not zero" },

	{ "role 0", HARP_REC_WRITE, 72, 1, 0, "inode section: role" },
	{ "role 5", HARP_REC_WRITE, 72, 1, 5, "inode section: role" },
	{ "role not of the type", HARP_REC_WRITE, 72, 1, 2,
	  "inode sections do not fit the type" },
	{ "two of one role", HARP_REC_CREATE, 200, 1, 1, "two inode sections of one role" },
	{ "state", HARP_REC_WRITE, 73, 1, 3, "inode section: state" },
	{ "attrs", HARP_REC_WRITE, 74, 2, 0x80, "inode section: attrs" },
	{ "mode without a type", HARP_REC_WRITE, 76, 4, 0644, "inode section: mode" },
	{ "mode of no type", HARP_REC_WRITE, 76, 4, 0030644, "inode section: mode" },
	{ "mode too big", HARP_REC_WRITE, 76, 4, 0x108000, "inode section: mode" },
	{ "fid 0", HARP_REC_WRITE, 80, 8, 0, "inode section: no possible fid" },
	{ "fid of the head's row", HARP_REC_RELEASE, 80, 8, 1ULL << 48,
	  "inode section: no possible fid" },
	{ "fid that is nobody's", HARP_REC_WRITE, 80, 8, HARP_FID_FIRST - 1,
	  "inode section: no possible fid" },
	{ "fid of another root", HARP_REC_WRITE, 80, 8, 1ULL << 48 | HARP_FID_ROOT,
	  "inode section: no possible fid" },
	{ "fid beyond all rows", HARP_REC_WRITE, 80, 8, HARP_FID_SLOT_MAX + 1,
	  "inode section: no possible fid" },
	{ "fid of all ones", HARP_REC_RELEASE, 80, 8, ~0ULL, "inode section: no possible fid" },
	{ "parent", HARP_REC_MKDIR, 88, 8, 1ULL << 48, "inode section: parent" },
	{ "size before", HARP_REC_WRITE, 112, 8, 1ULL << 63, "inode section: size" },
	{ "size", HARP_REC_WRITE, 120, 8, ~0ULL, "inode section: size" },
	{ "atime", HARP_REC_WRITE, 136, 4, 1000000000, "inode section: time" },
	{ "mtime reserved", HARP_REC_WRITE, 156, 4, 1, "inode section: time" },
	{ "ctime", HARP_REC_WRITE, 168, 4, 0xffffffff, "inode section: time" },
	{ "btime", HARP_REC_WRITE, 184, 4, 1000000000, "inode section: time" },

	{ "data beyond the section", HARP_REC_WRITE, 208, 4, 6, "data section: length" },
	{ "data less than the section", HARP_REC_WRITE, 208, 4, 4, "data section: length" },
	{ "data too long", HARP_REC_WRITE, 208, 4, HARP_DATA_MAX + 1, "data section: length" },
	{ "data offset", HARP_REC_WRITE, 200, 8, (1ULL << 63) - 5, "data section: offset" },
	{ "data offset wraps", HARP_REC_WRITE, 200, 8, ~0ULL - 2, "data section: offset" },
	{ "data reserved", HARP_REC_WRITE, 212, 4, 1, "data section: offset" },
	{ "data of another type", HARP_REC_WRITE, 5, 1, HARP_REC_SETATTR,
	  "data section does not fit the type" },
	{ "write without data", HARP_REC_RELEASE, 5, 1, HARP_REC_WRITE,
	  "data section does not fit the type" },

	{ "name empty", HARP_REC_CREATE, 324, 4, 32, "name section: length" },
	{ "name section short", HARP_REC_CREATE, 324, 4, 24, "name section: length" },
	{ "name with a slash", HARP_REC_CREATE, 353, 1, '/',
	  "name section: slash or NUL in the name" },
	{ "name with a NUL", HARP_REC_CREATE, 355, 1, 0,
	  "name section: slash or NUL in the name" },
	{ "name in no directory", HARP_REC_CREATE, 328, 8, 0,
	  "name section: no possible directory" },
	{ "name in the head's row", HARP_REC_CREATE, 328, 8, 1ULL << 48,
	  "name section: no possible directory" },
	{ "name of the head's row before", HARP_REC_CREATE, 336, 8, 1ULL << 48,
	  "name section: fid" },
	{ "name of what is beyond all rows", HARP_REC_CREATE, 344, 8, HARP_FID_SLOT_MAX + 1,
	  "name section: fid" },
	{ "names missing", HARP_REC_CREATE, 5, 1, HARP_REC_RENAME,
	  "name sections do not fit the type" },
	{ "directory missing", HARP_REC_RELEASE, 5, 1, HARP_REC_UNLINK,
	  "inode sections do not fit the type" },
	{ "target missing", HARP_REC_CREATE, 5, 1, HARP_REC_SYMLINK,
	  "symlink section does not fit the type" },
	{ "target of another type", HARP_REC_SYMLINK, 5, 1, HARP_REC_MKDIR,
	  "symlink section does not fit the type" },
	{ "target with a NUL", HARP_REC_SYMLINK, 370, 1, 0, "symlink section: NUL in the target" },

	{ "xattr name 0", HARP_REC_XATTR, 202, 2, 0, "xattr section: length" },
	{ "xattr name too long", HARP_REC_XATTR, 202, 2, 256, "xattr section: length" },
	{ "xattr name shorter", HARP_REC_XATTR, 202, 2, 5, "xattr section: length" },
	{ "xattr value longer", HARP_REC_XATTR, 204, 4, 6, "xattr section: length" },
	{ "xattr value max", HARP_REC_XATTR, 204, 4, 0xffffffff, "xattr section: length" },
	{ "xattr flags", HARP_REC_XATTR, 200, 2, 2, "xattr section: flags" },
	{ "xattr removed with a value", HARP_REC_XATTR, 200, 2, 1,
	  "xattr section: a value for a removal" },
	{ "xattr reserved", HARP_REC_XATTR, 215, 1, 1, "xattr section: flags" },
	{ "xattr name without end", HARP_REC_XATTR, 222, 1, 'x',
	  "xattr section: NUL in the name, or none after it" },
	{ "xattr name with a NUL", HARP_REC_XATTR, 218, 1, 0,
	  "xattr section: NUL in the name, or none after it" },
	{ "xattr of nobody", HARP_REC_XATTR, 208, 1, 2,
	  "xattr section of an inode that is not there" },
	{ "xattr of role 255", HARP_REC_XATTR, 208, 1, 255,
	  "xattr section of an inode that is not there" },
	{ "xattr missing", HARP_REC_RELEASE, 5, 1, HARP_REC_XATTR, "no xattr section" },

	{ "request family", HARP_REC_SETATTR, 200, 2, 3, "request section: address family" },
	{ "request reserved", HARP_REC_SETATTR, 220, 4, 1, "request section: address family" },

	{ "view 0 in the body", HARP_REC_VIEW, 72, 8, 0, "view section: views" },
	{ "view of s 0 is unknown but s 0 has none", HARP_REC_VIEW, 104, 8, 0,
	  "view section: views" },
	{ "view of s above", HARP_REC_VIEW, 112, 8, 9, "view section: views" },
	{ "primary", HARP_REC_VIEW, 124, 1, 3, "view section: members" },
	{ "backup is primary", HARP_REC_VIEW, 125, 1, 0, "view section: members" },
	{ "voids beyond the section", HARP_REC_VIEW, 126, 2, 3, "view section: length" },
	{ "voids too many", HARP_REC_VIEW, 126, 2, 0xffff, "view section: length" },
	{ "void index above s", HARP_REC_VIEW, 136, 8, 42, "view section: void index" },
	{ "void index 0", HARP_REC_VIEW, 144, 8, 0, "view section: void index" },
	{ "promise short", HARP_REC_VIEW, 128, 4, 99, "view section: promise" },
	{ "promise long", HARP_REC_VIEW, 128, 4, 10001, "view section: promise" },
	{ "view of another type", HARP_REC_VIEW, 5, 1, HARP_REC_NOOP,
	  "view section does not fit the type" },
	{ "view without its body", HARP_REC_NOOP, 5, 1, HARP_REC_VIEW,
	  "view section does not fit the type" },
};

/* NULL or what failed of one of harp_damages. */
static inline const char *harp_check_damage(const struct harp_damage *d, u8 *buf)
{
	struct harp_rec_hdr *hdr = harp_sample(d->type, buf);
	const char *why = "";
	struct harp_rec rec;
	u32 bytes, i;

	HARP_CHECK(hdr);
	bytes = le32_to_cpu(hdr->len);
	for (i = 0; i < d->size; i++)
		buf[d->at + i] = d->value >> 8 * i;
	harp_sample_resum(hdr, bytes);
	HARP_CHECK(harp_rec_parse(buf, HARP_SAMPLE_CAP, &rec, &why) == -EBADMSG);
	if (strcmp(why, d->why))
		return why;
	HARP_CHECK(!rec.hdr);
	return NULL;
}

/* What every lower has a row for is taken, up to the last. */
static const char *codec_case_fids(u8 *buf, u8 *buf2)
{
	static const u64 fids[] = {
		HARP_FID_ROOT, HARP_FID_FIRST, HARP_FID_SLOT_MAX, 1ULL << 48 | HARP_FID_FIRST,
		0xffffULL << 48 | HARP_FID_SLOT_MAX,
	};
	struct harp_builder b;
	u32 i;

	(void)buf2;
	for (i = 0; i < ARRAY_SIZE(fids); i++) {
		harp_build_begin(&b, buf, HARP_SAMPLE_CAP, HARP_REC_UNLINK);
		harp_sample_inode(&b, HARP_ROLE_OBJECT, fids[i], 0100644);
		harp_sample_inode(&b, HARP_ROLE_DIR, fids[i], 040755);
		harp_build_name(&b, fids[i], "name", 4, fids[i], 0);
		HARP_CHECK(harp_build_finish(&b) == 0);
	}
	return NULL;
}

static const char *codec_case_names(u8 *buf, u8 *buf2)
{
	static const struct {
		const char *name;
		u32 len;
		int err;
	} names[] = {
		{ "a", 1, 0 }, { "...", 3, 0 }, { "..a", 3, 0 }, { ".a", 2, 0 },
		{ ".", 1, -EINVAL }, { "..", 2, -EINVAL }, { "a/b", 3, -EINVAL },
		{ "a\0b", 3, -EINVAL }, { "", 0, -EINVAL },
	};
	struct harp_builder b;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		harp_build_begin(&b, buf, HARP_SAMPLE_CAP, HARP_REC_UNLINK);
		harp_sample_inode(&b, HARP_ROLE_OBJECT, 20, 0100644);
		harp_sample_inode(&b, HARP_ROLE_DIR, 1, 040755);
		harp_build_name(&b, 1, names[i].name, names[i].len, 20, 0);
		HARP_CHECK(harp_build_finish(&b) == names[i].err);
	}
	memset(buf2, 'n', 256);
	harp_build_begin(&b, buf, HARP_SAMPLE_CAP, HARP_REC_UNLINK);
	HARP_CHECK(harp_build_name(&b, 1, (const char *)buf2, 255, 20, 0));
	HARP_CHECK(!harp_build_name(&b, 1, (const char *)buf2, 256, 20, 0));
	HARP_CHECK(harp_build_finish(&b) == -EMSGSIZE);
	return NULL;
}

static const char *codec_case_builder_bounds(u8 *buf, u8 *buf2)
{
	struct harp_builder b;
	struct harp_rec rec;
	void *data = NULL;
	u32 i;

	/* Full to the last byte, and one byte less. */
	harp_build_begin(&b, buf, 64 + 128 + 24 + 8, HARP_REC_WRITE);
	harp_sample_inode(&b, HARP_ROLE_OBJECT, 20, 0100644);
	HARP_CHECK(harp_build_data(&b, 0, 8, &data));
	memcpy(data, "12345678", 8);
	HARP_CHECK(harp_build_finish(&b) == 0 && b.len == 224);
	memset(buf2, 0xee, 256);
	harp_build_begin(&b, buf2, 64 + 128 + 24 + 7, HARP_REC_WRITE);
	harp_sample_inode(&b, HARP_ROLE_OBJECT, 20, 0100644);
	HARP_CHECK(!harp_build_data(&b, 0, 7, &data));
	HARP_CHECK(b.err == -EMSGSIZE && buf2[223] == 0xee);
	/* The first error stays, and nothing is added after it. */
	HARP_CHECK(!harp_build_inode(&b, HARP_ROLE_DIR, 1) && !harp_build_req(&b));
	HARP_CHECK(harp_build_finish(&b) == -EMSGSIZE);
	harp_build_begin(&b, buf2, 63, HARP_REC_NOOP);
	HARP_CHECK(harp_build_finish(&b) == -EMSGSIZE);

	harp_build_begin(&b, buf, HARP_SAMPLE_CAP, HARP_REC_XATTR);
	for (i = 0; i < HARP_REC_SECTIONS_MAX; i++)
		HARP_CHECK(harp_build_req(&b));
	HARP_CHECK(!harp_build_req(&b) && b.err == -EMSGSIZE);

	harp_build_begin(&b, buf, HARP_SAMPLE_CAP, HARP_REC_WRITE);
	HARP_CHECK(!harp_build_data(&b, 0, HARP_DATA_MAX + 1, &data) && b.err == -EMSGSIZE);
	harp_build_begin(&b, buf, HARP_SAMPLE_CAP, HARP_REC_WRITE);
	HARP_CHECK(!harp_build_data(&b, 0, 0xfffffff0, &data) && b.err == -EMSGSIZE);
	harp_build_begin(&b, buf, HARP_SAMPLE_CAP, HARP_REC_XATTR);
	HARP_CHECK(!harp_build_xattr(&b, 1, "user.a", buf, HARP_XATTR_SIZE_MAX + 1, 0));
	HARP_CHECK(b.err == -EMSGSIZE);
	harp_build_begin(&b, buf, HARP_SAMPLE_CAP, HARP_REC_SYMLINK);
	HARP_CHECK(!harp_build_symlink(&b, (char *)buf2, HARP_SYMLINK_MAX + 1));
	HARP_CHECK(b.err == -EMSGSIZE);

	/* What is left over from the buffer's last use does not show. */
	memset(buf, 0xff, HARP_SAMPLE_CAP);
	HARP_CHECK(harp_sample(HARP_REC_SETATTR, buf));
	HARP_CHECK(harp_rec_parse(buf, HARP_SAMPLE_CAP, &rec, NULL) == 0);
	return NULL;
}

/* What a member can build but not read would stop the group: it is not built. */
static const char *codec_case_builder_shape(u8 *buf, u8 *buf2)
{
	struct harp_builder b;
	u32 i;

	(void)buf2;
	for (i = 3; i < sizeof(harp_sample_types); i++) {
		harp_build_begin(&b, buf, HARP_SAMPLE_CAP, harp_sample_types[i]);
		HARP_CHECK(harp_build_finish(&b) == -EINVAL);
	}
	harp_build_begin(&b, buf, HARP_SAMPLE_CAP, HARP_REC_NOOP);
	harp_sample_inode(&b, HARP_ROLE_OBJECT, 20, 0100644);
	HARP_CHECK(harp_build_finish(&b) == -EINVAL);
	harp_build_begin(&b, buf, HARP_SAMPLE_CAP, 99);
	HARP_CHECK(harp_build_finish(&b) == -EINVAL);
	harp_build_begin(&b, buf, HARP_SAMPLE_CAP, HARP_REC_SETATTR);
	harp_build_inode(&b, HARP_ROLE_OBJECT, 20);	/* no mode */
	HARP_CHECK(harp_build_finish(&b) == -EINVAL);
	return NULL;
}

static inline u32 harp_sample_wire(u8 type, struct harp_wire_hdr *h, u8 *body, u32 records)
{
	struct harp_wire_ack *ack = (struct harp_wire_ack *)body;
	struct harp_wire_rec *rec = (struct harp_wire_rec *)body;

	memset(h, 0, sizeof(*h));
	memset(body, 0, 64);
	h->type = type;
	h->sender = 1;
	h->view = cpu_to_le64(9);
	if (type == HARP_WIRE_REC)
		rec->nrec = cpu_to_le32(records / 64);
	if (type == HARP_WIRE_ACK) {
		ack->flags = cpu_to_le32(HARP_ACK_F_PROMISE);
		ack->promise = cpu_to_le64(3);
	}
	harp_wire_seal(h, body, records);
	return harp_wire_body_size(type);
}

static const char *codec_case_wire(u8 *buf, u8 *buf2)
{
	struct harp_wire_hdr *h = (struct harp_wire_hdr *)buf;
	u8 type;
	u32 bit, size;

	for (type = HARP_WIRE_HELLO; type <= HARP_WIRE_LEAVE; type++) {
		size = harp_sample_wire(type, h, buf2, type == HARP_WIRE_REC ? 128 : 0);
		HARP_CHECK(harp_wire_check_header(h, NULL) == 0);
		HARP_CHECK(harp_wire_check_body(h, buf2, NULL) == 0);
		for (bit = 0; bit < size * 8; bit++) {
			buf2[bit / 8] ^= 1 << bit % 8;
			HARP_CHECK(harp_wire_check_body(h, buf2, NULL) == -EBADMSG);
			buf2[bit / 8] ^= 1 << bit % 8;
		}
		for (bit = 0; bit < sizeof(*h) * 8; bit++) {
			buf[bit / 8] ^= 1 << bit % 8;
			HARP_CHECK(harp_wire_check_header(h, NULL) ||
				   harp_wire_check_body(h, buf2, NULL));
			buf[bit / 8] ^= 1 << bit % 8;
		}
	}
	HARP_CHECK(harp_wire_body_size(0) == ~0U && harp_wire_body_size(5) == ~0U);
	return NULL;
}

static const char *codec_case_wire_bounds(u8 *buf, u8 *buf2)
{
	struct harp_wire_hdr *h = (struct harp_wire_hdr *)buf;
	struct harp_wire_rec *rec = (struct harp_wire_rec *)buf2;
	struct harp_wire_ack *ack = (struct harp_wire_ack *)buf2;
	struct harp_wire_hello *hello = (struct harp_wire_hello *)buf2;

	harp_sample_wire(HARP_WIRE_REC, h, buf2, HARP_WIRE_BATCH_MAX);
	HARP_CHECK(harp_wire_check_header(h, NULL) == 0);
	h->len = cpu_to_le32(64 + HARP_WIRE_BATCH_MAX + 8);
	HARP_CHECK(harp_wire_check_header(h, NULL) == -EBADMSG);
	h->len = cpu_to_le32(56);
	HARP_CHECK(harp_wire_check_header(h, NULL) == -EBADMSG);
	h->len = cpu_to_le32(68);
	HARP_CHECK(harp_wire_check_header(h, NULL) == -EBADMSG);
	h->version = 2;
	HARP_CHECK(harp_wire_check_header(h, NULL) == -EPROTO);

	harp_sample_wire(HARP_WIRE_ACK, h, buf2, 8);	/* only REC carries records */
	HARP_CHECK(harp_wire_check_header(h, NULL) == -EBADMSG);
	harp_sample_wire(HARP_WIRE_ACK, h, buf2, 0);
	ack->promise = 0;
	harp_wire_seal(h, buf2, 0);
	HARP_CHECK(harp_wire_check_body(h, buf2, NULL) == -EBADMSG);

	/* More records than their bytes can be, none with bytes, some without. */
	harp_sample_wire(HARP_WIRE_REC, h, buf2, 128);
	rec->nrec = cpu_to_le32(3);
	harp_wire_seal(h, buf2, 128);
	HARP_CHECK(harp_wire_check_body(h, buf2, NULL) == -EBADMSG);
	rec->nrec = 0;
	harp_wire_seal(h, buf2, 128);
	HARP_CHECK(harp_wire_check_body(h, buf2, NULL) == -EBADMSG);
	rec->nrec = cpu_to_le32(1);
	harp_wire_seal(h, buf2, 0);
	HARP_CHECK(harp_wire_check_body(h, buf2, NULL) == -EBADMSG);

	harp_sample_wire(HARP_WIRE_HELLO, h, buf2, 0);
	hello->top = cpu_to_le64(7);			/* and its view is not known */
	harp_wire_seal(h, buf2, 0);
	HARP_CHECK(harp_wire_check_body(h, buf2, NULL) == 0);
	hello->top = 0;
	hello->view_of_top = cpu_to_le64(4);
	harp_wire_seal(h, buf2, 0);
	HARP_CHECK(harp_wire_check_body(h, buf2, NULL) == -EBADMSG);

	harp_sample_wire(HARP_WIRE_REC, h, buf2, 0);
	rec->flags = cpu_to_le32(HARP_REC_F_SERVING | HARP_REC_F_FEED);
	harp_wire_seal(h, buf2, 0);
	HARP_CHECK(harp_wire_check_body(h, buf2, NULL) == 0);
	rec->flags = cpu_to_le32(HARP_REC_F_FEED << 1);
	harp_wire_seal(h, buf2, 0);
	HARP_CHECK(harp_wire_check_body(h, buf2, NULL) == -EBADMSG);
	return NULL;
}

static inline void harp_sample_region(struct harp_region_hdr *h)
{
	memset(h, 0, HARP_REGION_HDR_STRIDE);
	h->region_size = cpu_to_le64(HARP_REGION_MIN);
	h->ring_size = cpu_to_le64(HARP_REGION_MIN - HARP_REGION_RING_OFF);
	h->base = cpu_to_le64(5);
	h->base_off = cpu_to_le64(64);
	h->wm = cpu_to_le64(4);
	h->anchor_view = cpu_to_le64(4);
	harp_region_seal(h);
}

static const char *codec_case_region(u8 *buf, u8 *buf2)
{
	static const struct {
		u16 at;
		u8 size;
		u64 value;
		int err;
	} fields[] = {
		{ 64, 8, HARP_REGION_MIN, -EBADMSG },			/* ring_size */
		{ 64, 8, HARP_REGION_MIN - HARP_REGION_RING_OFF - 8, -EBADMSG },
		{ 56, 8, HARP_REGION_MIN + 4096, -EBADMSG },		/* region_size alone */
		{ 80, 8, 0, -EBADMSG },					/* base */
		{ 80, 8, 6, -EBADMSG },					/* wm below base - 1 */
		{ 80, 8, 1ULL << 63, -EBADMSG },
		{ 88, 8, HARP_REGION_MIN - HARP_REGION_RING_OFF, -EBADMSG },	/* base_off */
		{ 88, 8, 65, -EBADMSG },
		{ 88, 8, HARP_REGION_MIN - HARP_REGION_RING_OFF - 8, 0 },
		{ 120, 8, ~0ULL, -EBADMSG },				/* wm */
		{ 120, 8, 100, 0 },
		{ 40, 1, 3, -EBADMSG },					/* member */
		{ 41, 1, 2, -EBADMSG },					/* flags */
		{ 42, 2, 1, -EBADMSG },					/* reserved0 */
		{ 152, 4, 1, -EBADMSG },				/* reserved1 */
		{ 80, 8, 1, -EBADMSG },					/* anchor of the first */
		{ 8, 4, 2, -EPROTO },					/* version */
	};
	struct harp_region_hdr *h = (struct harp_region_hdr *)buf;
	u32 i, k, crc;

	(void)buf2;
	harp_sample_region(h);
	HARP_CHECK(harp_region_check(h, HARP_REGION_MIN, NULL) == 0);
	HARP_CHECK(harp_region_check(h, 0, NULL) == 0);
	HARP_CHECK(harp_region_check(h, HARP_REGION_MIN + 4096, NULL) == -ERANGE);
	for (i = 0; i < sizeof(*h) * 8; i++) {
		buf[i / 8] ^= 1 << i % 8;
		HARP_CHECK(harp_region_check(h, HARP_REGION_MIN, NULL) == -EBADMSG);
		buf[i / 8] ^= 1 << i % 8;
	}
	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		harp_sample_region(h);
		for (k = 0; k < fields[i].size; k++)
			buf[fields[i].at + k] = fields[i].value >> 8 * k;
		h->crc = 0;
		crc = harp_crc32c(0, h, sizeof(*h));
		h->crc = cpu_to_le32(crc);
		HARP_CHECK(harp_region_check(h, HARP_REGION_MIN, NULL) == fields[i].err);
	}
	return NULL;
}

static const struct harp_codec_case harp_codec_cases[] = {
	{ "crc32c", codec_case_crc32c },
	{ "round_trip", codec_case_round_trip },
	{ "fields", codec_case_fields },
	{ "golden", codec_case_golden },
	{ "bit_flips", codec_case_bit_flips },
	{ "cut_short", codec_case_cut_short },
	{ "fids", codec_case_fids },
	{ "names", codec_case_names },
	{ "builder_bounds", codec_case_builder_bounds },
	{ "builder_shape", codec_case_builder_shape },
	{ "wire", codec_case_wire },
	{ "wire_bounds", codec_case_wire_bounds },
	{ "region", codec_case_region },
};

#endif /* HARP_CODEC_CASES_H */
