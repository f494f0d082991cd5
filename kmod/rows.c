// SPDX-License-Identifier: GPL-2.0
/*
 * .harp/rows: what a lower cannot hold as we decide it (ctime, btime, a directory's
 * parent) and the way from a fid to its lower inode; 64 bytes per fid ever given,
 * sparse. .harp/ino2fid: the way back, for readdir.
 *
 * Both are file data and not ordered with the lower's names and inodes: after a
 * crash a row may be older or newer than the inode it tells of. So a row only
 * leads to an inode, and the fid in the inode's xattr decides (node.c). Rows are
 * cached in nodes and written before each LB pass (sync.c); what a crash takes with
 * it, redo from LB gives again.
 */
#include <linux/crc32c.h>
#include <linux/sched/mm.h>
#include "lower.h"
#include "node.h"

/* ------------------------------------------------------------------ the format */

/**
 * harp_crc_but_last() - checksum of what ends with one
 * @p: what
 * @len: its bytes, the __le32 at the end among them
 *
 * Context: any.
 * Return: crc32c of it with the field zero.
 */
u32 harp_crc_but_last(const void *p, size_t len)
{
	static const __le32 zero;
	u32 crc = crc32c(~0U, p, len - sizeof(zero));

	return ~crc32c(crc, &zero, sizeof(zero));
}

/**
 * harp_row_encode() - a row as it is stored
 * @row: what to store
 * @disk: where
 *
 * Context: any.
 */
void harp_row_encode(const struct harp_row *row, struct harp_row_disk *disk)
{
	memset(disk, 0, sizeof(*disk));
	disk->magic = cpu_to_le16(HARP_ROW_MAGIC);
	disk->version = HARP_ROW_VERSION;
	disk->state = row->state;
	disk->fh_type = row->fh_type;
	disk->fh_words = row->fh_words;
	disk->fid_high = cpu_to_le16(row->fid >> 48);
	memcpy(disk->fh, row->fh, row->fh_words * sizeof(u32));
	disk->ctime_sec = cpu_to_le64(row->ctime.tv_sec);
	disk->ctime_nsec = cpu_to_le32(row->ctime.tv_nsec);
	disk->btime_sec = cpu_to_le64(row->btime.tv_sec);
	disk->btime_nsec = cpu_to_le32(row->btime.tv_nsec);
	disk->parent = cpu_to_le64(row->parent);
	disk->crc = cpu_to_le32(harp_crc_but_last(disk, sizeof(*disk)));
}

static bool harp_row_in_bounds(const struct harp_row_disk *disk)
{
	return disk->state <= HARP_STATE_GONE &&
	       disk->fh_words * sizeof(u32) <= HARP_ROW_FH_MAX &&
	       le32_to_cpu(disk->ctime_nsec) < NSEC_PER_SEC &&
	       le32_to_cpu(disk->btime_nsec) < NSEC_PER_SEC;
}

/**
 * harp_row_decode() - a stored row, checked (I9)
 * @disk: as read
 * @fid: whose row it should be
 * @row: the result
 *
 * Context: any.
 * Return: 0; -ENODATA: never written, or of another fid of the slot; -EUCLEAN:
 * damaged.
 */
int harp_row_decode(const struct harp_row_disk *disk, u64 fid, struct harp_row *row)
{
	if (!memchr_inv(disk, 0, sizeof(*disk)))
		return -ENODATA;
	if (le16_to_cpu(disk->magic) != HARP_ROW_MAGIC || disk->version != HARP_ROW_VERSION ||
	    le32_to_cpu(disk->crc) != harp_crc_but_last(disk, sizeof(*disk)) ||
	    !harp_row_in_bounds(disk))
		return -EUCLEAN;
	if (le16_to_cpu(disk->fid_high) != fid >> 48)
		return -ENODATA;
	memset(row, 0, sizeof(*row));
	row->fid = fid;
	row->parent = le64_to_cpu(disk->parent);
	row->state = disk->state;
	row->fh_type = disk->fh_type;
	row->fh_words = disk->fh_words;
	memcpy(row->fh, disk->fh, sizeof(row->fh));
	row->ctime.tv_sec = (s64)le64_to_cpu(disk->ctime_sec);
	row->ctime.tv_nsec = le32_to_cpu(disk->ctime_nsec);
	row->btime.tv_sec = (s64)le64_to_cpu(disk->btime_sec);
	row->btime.tv_nsec = le32_to_cpu(disk->btime_nsec);
	return 0;
}

/**
 * harp_lb_encode() - an LB note as it is stored
 * @r: whose
 * @seq: number of the note
 * @lb: lower bound
 * @note: where
 *
 * Context: any.
 */
void harp_lb_encode(const struct harp_replica *r, u64 seq, u64 lb, struct harp_lb_note *note)
{
	memset(note, 0, sizeof(*note));
	note->magic = cpu_to_le64(HARP_LB_MAGIC);
	note->version = cpu_to_le32(HARP_LB_VERSION);
	note->len = cpu_to_le32(sizeof(*note));
	export_uuid(note->group, &r->uuid);
	note->lineage = cpu_to_le64(r->lineage);
	note->seq = cpu_to_le64(seq);
	note->lb = cpu_to_le64(lb);
	note->member = r->member;
	note->crc = cpu_to_le32(harp_crc_but_last(note, sizeof(*note)));
}

/**
 * harp_lb_valid() - is it an LB note, of whomever?
 * @note: as read
 *
 * Context: any.
 * Return: true if its magic, version, length and checksum are right.
 */
bool harp_lb_valid(const struct harp_lb_note *note)
{
	return le64_to_cpu(note->magic) == HARP_LB_MAGIC &&
	       le32_to_cpu(note->version) == HARP_LB_VERSION &&
	       le32_to_cpu(note->len) == sizeof(*note) &&
	       le32_to_cpu(note->crc) == harp_crc_but_last(note, sizeof(*note));
}

/* --------------------------------------------------------------------- the file */

static loff_t harp_row_pos(u64 fid)
{
	return (loff_t)(fid & HARP_FID_SLOT_MASK) * HARP_ROW_SIZE;
}

/* Exactly @len bytes, zeroes beyond the end of file. */
static int harp_read_full(struct file *file, void *buf, size_t len, loff_t pos)
{
	ssize_t n;

	while (len) {
		n = harp_do_read(file, buf, len, pos);
		if (n < 0)
			return n;
		if (!n) {
			memset(buf, 0, len);
			return 0;
		}
		buf += n;
		pos += n;
		len -= n;
	}
	return 0;
}

/**
 * harp_write_full() - write all of a buffer
 * @file: to where
 * @buf: from where
 * @len: how much
 * @pos: at which offset
 *
 * Context: process context, under the lower's cred.
 * Return: 0 or -errno.
 */
int harp_write_full(struct file *file, const void *buf, size_t len, loff_t pos)
{
	ssize_t n;

	while (len) {
		n = harp_do_write(file, buf, len, pos);
		if (n < 0)
			return n;
		if (!n)
			return -EIO;
		buf += n;
		pos += n;
		len -= n;
	}
	return 0;
}

/**
 * harp_rows_read() - the row of a fid
 * @lw: the lower
 * @fid: whose; slot 0 is the file's head and belongs to no fid
 * @row: the result
 *
 * Context: process context, under the lower's cred.
 * Return: 0; as harp_row_decode(); or the lower's error.
 */
int harp_rows_read(struct harp_lower *lw, u64 fid, struct harp_row *row)
{
	struct harp_row_disk disk;
	int err;

	if (!harp_fid_possible(fid))
		return -ENODATA;
	err = harp_read_full(lw->rows.file, &disk, sizeof(disk), harp_row_pos(fid));
	return err ?: harp_row_decode(&disk, fid, row);
}

/**
 * harp_rows_write() - store a row
 * @lw: the lower
 * @row: what; its fid is a possible one, as all are that the codec and harp_fid_read() let in
 *
 * Context: process context, under the lower's cred.
 * Return: 0 or the lower's error.
 */
int harp_rows_write(struct harp_lower *lw, const struct harp_row *row)
{
	struct harp_row_disk disk;

	harp_row_encode(row, &disk);
	return harp_write_full(lw->rows.file, &disk, sizeof(disk), harp_row_pos(row->fid));
}

/**
 * harp_rows_write_node() - store a node's row now
 * @n: the node; its lock is held
 *
 * Context: process context, under the lower's cred.
 * Return: 0 or the lower's error.
 */
int harp_rows_write_node(struct harp_node *n)
{
	struct harp_lnode *ln = harp_lnode(n);
	struct harp_row row = {
		.fid = n->fid, .parent = n->parent, .state = n->state,
		.fh_type = ln->fh_type, .fh_words = ln->fh_words,
		.ctime = n->ctime, .btime = n->btime,
	};

	lockdep_assert_held(&n->lock);
	memcpy(row.fh, ln->fh, sizeof(row.fh));
	return harp_rows_write(harp_lower(n->r), &row);
}

/* The oldest dirty node, off the list; its reference is the caller's. */
static struct harp_node *harp_rows_next_dirty(struct harp_lower *lw)
{
	struct harp_nodes *ns = &lw->nodes;
	struct harp_node *n;

	spin_lock(&ns->lock);
	n = list_first_entry_or_null(&ns->dirty, struct harp_node, dirty);
	if (n) {
		list_del_init(&n->dirty);
		ns->nr_dirty--;
	}
	spin_unlock(&ns->lock);
	return n;
}

/**
 * harp_rows_flush() - write the rows that are dirty now
 * @lw: the lower
 * @max: at most so many; those that became dirty last may stay
 *
 * A row made dirty meanwhile joins the end of the list, so those that were there at the
 * start are written when as many have been. They are counted under rows.flush: whoever
 * holds it has one off the list, and may put it back at the end.
 *
 * Context: process context, under the lower's cred; takes each node's lock.
 * Return: 0 or the lower's error.
 */
int harp_rows_flush(struct harp_lower *lw, unsigned int max)
{
	struct harp_node *n;
	int err = 0;

	mutex_lock(&lw->rows.flush);
	max = min(max, READ_ONCE(lw->nodes.nr_dirty));
	while (max-- && !err && (n = harp_rows_next_dirty(lw))) {
		mutex_lock(&n->lock);
		err = harp_rows_write_node(n);
		mutex_unlock(&n->lock);
		if (err)
			harp_node_dirty(n);
		harp_node_put(n);
	}
	mutex_unlock(&lw->rows.flush);
	return err;
}

/**
 * harp_rows_head_read() - check the row file's head and learn the next fid
 * @lw: the lower
 * @why: set to what is wrong with it
 *
 * Context: process context, under the lower's cred.
 * Return: 0, -EUCLEAN, -EBUSY (another group's), or the lower's error.
 */
int harp_rows_head_read(struct harp_lower *lw, const char **why)
{
	struct harp_rows_head h;
	uuid_t group;
	int err;

	err = harp_read_full(lw->rows.file, &h, sizeof(h), 0);
	if (err) {
		*why = "cannot be read";
		return err;
	}
	*why = "is damaged";
	if (le64_to_cpu(h.magic) != HARP_ROWS_MAGIC ||
	    le32_to_cpu(h.version) != HARP_ROWS_VERSION ||
	    le32_to_cpu(h.len) != sizeof(h) ||
	    le32_to_cpu(h.crc) != harp_crc_but_last(&h, sizeof(h)))
		return -EUCLEAN;
	import_uuid(&group, h.group);
	*why = "belongs to another group";
	if (!uuid_equal(&group, &lw->r->uuid))
		return -EBUSY;
	*why = "belongs to another lineage";
	if (le64_to_cpu(h.lineage) != lw->r->lineage)
		return -EBUSY;
	lw->rows.next = max(le64_to_cpu(h.next), HARP_FID_FIRST);
	return 0;
}

/**
 * harp_rows_head_write() - store the row file's head
 * @lw: the lower
 *
 * Context: process context, under the lower's cred.
 * Return: 0 or the lower's error.
 */
int harp_rows_head_write(struct harp_lower *lw)
{
	struct harp_rows_head h = {
		.magic = cpu_to_le64(HARP_ROWS_MAGIC),
		.version = cpu_to_le32(HARP_ROWS_VERSION),
		.len = cpu_to_le32(sizeof(h)),
		.lineage = cpu_to_le64(lw->r->lineage),
		.next = cpu_to_le64(READ_ONCE(lw->rows.next)),
	};

	export_uuid(h.group, &lw->r->uuid);
	h.crc = cpu_to_le32(harp_crc_but_last(&h, sizeof(h)));
	return harp_write_full(lw->rows.file, &h, sizeof(h), 0);
}

/**
 * harp_fid_note() - a record gave this fid
 * @lw: the lower
 * @fid: which
 *
 * Context: apply thread or start, process context.
 */
void harp_fid_note(struct harp_lower *lw, u64 fid)
{
	struct harp_replica *r = lw->r;

	if (fid < lw->rows.next)
		return;
	WRITE_ONCE(lw->rows.next, fid + 1);
	spin_lock(&r->lock);
	if (r->next_fid <= fid)
		r->next_fid = fid + 1;
	spin_unlock(&r->lock);
}

/**
 * harp_fid_was_given() - could a record that was applied have given this fid?
 * @lw: the lower
 * @fid: which
 *
 * Context: any.
 * Return: false only for one that no file ever had.
 */
bool harp_fid_was_given(const struct harp_lower *lw, u64 fid)
{
	return harp_fid_possible(fid) && fid < READ_ONCE(lw->rows.next);
}

/* ------------------------------------------------------------------ fids that are owed */

/**
 * harp_rows_owe() - something is said of a fid that is not on the lower (C2)
 * @lw: the lower, onto which a copy goes on
 * @fid: which
 *
 * A record that is yet to be redone makes it, or says that it is gone; until then its row
 * is that of a live fid that leads nowhere. It is where a crash leaves it, as all rows are.
 *
 * Context: process context, under the lower's cred.
 * Return: 0; -EUCLEAN: it was here, and is not any more; or the lower's error.
 */
int harp_rows_owe(struct harp_lower *lw, u64 fid)
{
	struct harp_row row;
	int err;

	err = harp_rows_read(lw, fid, &row);
	if (!err)
		return row.fh_words ? -EUCLEAN : 0;
	if (err != -ENODATA)
		return err;
	memset(&row, 0, sizeof(row));
	row.fid = fid;
	row.state = HARP_STATE_LIVE;
	return harp_rows_write(lw, &row);
}

static int harp_row_owed(const struct harp_row_disk *disk, u64 slot, u64 *fid)
{
	struct harp_row row;
	int err;

	*fid = (u64)le16_to_cpu(disk->fid_high) << 48 | slot;
	err = harp_row_decode(disk, *fid, &row);
	if (err)
		return err == -ENODATA ? 0 : err;
	return row.state != HARP_STATE_GONE && !row.fh_words ? -EUCLEAN : 0;
}

/**
 * harp_rows_owed() - is there any fid of which something was said, and it never came?
 * @lw: the lower
 * @fid: set to the first one that there is
 *
 * Context: apply thread, under the lower's cred; takes rows.flush.
 * Return: 0: none; -EUCLEAN: @fid, or its row is damaged; or the lower's error.
 */
int harp_rows_owed(struct harp_lower *lw, u64 *fid)
{
	const u64 end = READ_ONCE(lw->rows.next) & HARP_FID_SLOT_MASK;
	struct harp_row_disk disk;
	int err = harp_rows_flush(lw, UINT_MAX);
	u64 slot;

	for (slot = HARP_FID_FIRST; !err && slot < end; slot++) {
		err = harp_read_full(lw->rows.file, &disk, sizeof(disk), harp_row_pos(slot));
		if (!err)
			err = harp_row_owed(&disk, slot, fid);
		cond_resched();
	}
	return err;
}

/* --------------------------------------------------------- lower inode to fid */

/**
 * harp_ino2fid_set() - remember which fid a lower inode number has
 * @lw: the lower
 * @ino: lower inode number
 * @fid: its fid
 *
 * Context: process context, under the lower's cred.
 * Return: 0 or the lower's error.
 */
int harp_ino2fid_set(struct harp_lower *lw, u64 ino, u64 fid)
{
	__le64 v = cpu_to_le64(fid);

	/* A number too big for a file offset goes without the hint. */
	if (ino > S64_MAX / sizeof(v) - 1 ||
	    ino * sizeof(v) >= lw->r->lower_root.mnt->mnt_sb->s_maxbytes - sizeof(v))
		return 0;
	return harp_write_full(lw->rows.ino2fid, &v, sizeof(v), ino * sizeof(v));
}

/**
 * harp_ino2fid_get() - which fid has a lower inode number?
 * @lw: the lower
 * @ino: lower inode number
 *
 * Context: process context, under the lower's cred.
 * Return: the fid, or HARP_FID_NONE when the file does not tell.
 */
u64 harp_ino2fid_get(struct harp_lower *lw, u64 ino)
{
	__le64 v;
	u64 fid;

	if (ino > S64_MAX / sizeof(v) - 1 ||
	    harp_read_full(lw->rows.ino2fid, &v, sizeof(v), ino * sizeof(v)))
		return HARP_FID_NONE;
	fid = le64_to_cpu(v);
	return harp_fid_was_given(lw, fid) ? fid : HARP_FID_NONE;
}
