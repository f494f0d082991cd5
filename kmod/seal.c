// SPDX-License-Identifier: GPL-2.0
/*
 * LOG_LOAD (protocol P1): the log that harpd wrote to a disk when the power was about to go
 * comes back into a region that has lost it. That the disk's state says that this seal counts
 * is harpd's to know; here it is looked at whether it is a whole log of this member, record by
 * record, with the rules of a walk. The region counts only when all of it is there: until then
 * its header says that it is not complete.
 *
 * All of it comes in one call, from a file: a load that ends half-way leaves an empty region,
 * and there is no state of one that another verb would have to know of.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/netlink.h>
#include <linux/slab.h>
#include "dataplane.h"
#include "seal_hdr.h"

/**
 * struct harp_seal - a sealed log on its way in
 * @r: the replica
 * @file: where it comes from
 * @at: how far it has been read
 * @end: where its records end
 * @hdr: its header, checked
 * @buf: a record, of HARP_REC_MAX bytes at most
 * @seen: fids and times of its records
 * @why: what is wrong, for a person
 */
struct harp_seal {
	struct harp_replica *r;
	struct file *file;
	loff_t at, end;
	struct harp_seal_hdr hdr;
	void *buf;
	struct harp_seen seen;
	const char *why;
};

static int harp_seal_read(struct harp_seal *s, void *to, size_t len)
{
	ssize_t n;

	while (len) {
		n = kernel_read(s->file, to, len, &s->at);
		if (n < 0) {
			s->why = "the sealed log cannot be read";
			return n;
		}
		if (!n) {
			s->why = "the sealed log is too short";
			return -EBADMSG;
		}
		to += n;
		len -= n;
	}
	return 0;
}

static int harp_seal_read_hdr(struct harp_seal *s)
{
	struct harp_replica *r = s->r;
	const struct harp_seal_hdr *h = &s->hdr;
	int err;

	err = harp_seal_read(s, &s->hdr, sizeof(s->hdr));
	if (!err)
		err = harp_seal_hdr_check(h, &s->why);
	if (err)
		return err;
	if (memcmp(h->group, &r->uuid, sizeof(h->group)))
		s->why = "the sealed log is another group's";
	else if (le64_to_cpu(h->lineage) != r->lineage)
		s->why = "the sealed log is of another lineage";
	else if (le32_to_cpu(h->epoch) != r->epoch)
		s->why = "the sealed log is of another epoch";
	else if (h->member != r->member)
		s->why = "the sealed log is another member's";
	if (s->why)
		return -EINVAL;
	s->end = s->at + le64_to_cpu(h->bytes);
	if (i_size_read(file_inode(s->file)) != s->end) {
		s->why = "the sealed log is not as long as its header says";
		return -EBADMSG;
	}
	return 0;
}

/* The next record into @s->buf, whole and sound by itself. */
static int harp_seal_read_rec(struct harp_seal *s, struct harp_rec *rec)
{
	const struct harp_rec_hdr *hdr = s->buf;
	u32 len;
	int err;

	if (s->end - s->at < (loff_t)sizeof(*hdr)) {
		s->why = "the sealed log ends before its last record";
		return -EBADMSG;
	}
	err = harp_seal_read(s, s->buf, sizeof(*hdr));
	if (err)
		return err;
	err = harp_rec_check_header(hdr, sizeof(*hdr), NULL);
	if (err)
		goto damaged;
	len = le32_to_cpu(hdr->len);
	if (len < sizeof(*hdr) || len > HARP_REC_MAX ||
	    len - sizeof(*hdr) > (u64)(s->end - s->at)) {
		s->why = "a record of the sealed log is longer than there is of it";
		return -EBADMSG;
	}
	err = harp_seal_read(s, s->buf + sizeof(*hdr), len - sizeof(*hdr));
	if (err)
		return err;
	err = harp_rec_parse(s->buf, len, rec, NULL);
	if (!err)
		return 0;
damaged:
	s->why = "a record of the sealed log is damaged";
	return err;
}

static int harp_seal_store(struct harp_seal *s, const struct harp_rec *rec)
{
	int err;

	/* A walk would end there, and so a restart would find less than is taken here. */
	if (rec->view > le64_to_cpu(s->hdr.formed)) {
		s->why = "a record of a later view than the sealed log's";
		return -EBADMSG;
	}
	mutex_lock(harp_log_mutex(s->r->log));
	err = harp_log_append_raw(s->r->log, s->buf);
	mutex_unlock(harp_log_mutex(s->r->log));
	if (err == -EBADMSG)
		s->why = "a record of the sealed log does not follow the one before";
	else if (err == -ENOSPC)
		s->why = "the sealed log does not fit into the region";
	else if (err)
		s->why = "a record of the sealed log cannot be stored";
	if (!err)
		harp_seen_add(&s->seen, rec);
	return err;
}

/* Empty, and not to be taken for whole (S3). */
static int harp_seal_format(struct harp_seal *s, u64 base, u64 view, u32 crc, u64 formed)
{
	struct harp_log *log = s->r->log;
	int err;

	mutex_lock(harp_log_mutex(log));
	err = harp_log_format(log, base, view, crc, formed, false);
	mutex_unlock(harp_log_mutex(log));
	if (err)
		s->why = "the region cannot be formatted";
	return err;
}

static int harp_seal_records(struct harp_seal *s)
{
	struct harp_rec rec;
	u64 i;
	int err = 0;

	for (i = le64_to_cpu(s->hdr.base); i <= le64_to_cpu(s->hdr.top) && !err; i++) {
		err = harp_seal_read_rec(s, &rec);
		if (!err)
			err = harp_seal_store(s, &rec);
		cond_resched();
		if (!err && fatal_signal_pending(current)) {
			s->why = "interrupted";
			err = -EINTR;
		}
	}
	if (!err && s->at != s->end) {
		s->why = "the sealed log goes on after its last record";
		err = -EBADMSG;
	}
	return err;
}

/* From here on it is this region's own log, as if memory had kept it. */
static void harp_seal_whole(struct harp_seal *s)
{
	struct harp_replica *r = s->r;

	mutex_lock(harp_log_mutex(r->log));
	harp_log_set_formed(r->log, le64_to_cpu(s->hdr.formed), true, le64_to_cpu(s->hdr.top));
	spin_lock(&r->lock);
	r->links->intact = true;
	spin_unlock(&r->lock);
	mutex_unlock(harp_log_mutex(r->log));
	harp_seen_note(r, &s->seen);
}

/* Only where nothing that counts is lost by it: a log that is not whole, and is not used. */
static int harp_seal_check(struct harp_seal *s)
{
	struct harp_replica *r = s->r;

	lockdep_assert_held(&r->links->mutex);
	if (r->links->closed) {
		s->why = "the replica is ending";
		return -ENODEV;
	}
	spin_lock(&r->lock);
	if (r->view || r->links->fed || r->links->feed.on)
		s->why = "this object has been in a view or was fed: its log is newer";
	else if (r->links->intact)
		s->why = "the log in the region is whole: nothing is to be read back";
	spin_unlock(&r->lock);
	return s->why ? -EBUSY : 0;
}

static int harp_seal_take(struct harp_seal *s)
{
	const struct harp_seal_hdr *h = &s->hdr;
	int err, again;

	err = harp_seal_check(s);
	if (!err)
		err = harp_seal_read_hdr(s);
	if (err)
		return err;
	/* With "formed" below any view until it is whole: a load that is cut off is none. */
	err = harp_seal_format(s, le64_to_cpu(h->base), le64_to_cpu(h->anchor_view),
			       le32_to_cpu(h->anchor_crc), 0);
	if (!err)
		err = harp_seal_records(s);
	if (!err) {
		harp_fault(s->r, HARP_FAULT_LOADED);
		harp_seal_whole(s);
		return 0;
	}
	again = harp_seal_format(s, READ_ONCE(s->r->lb) + 1, 0, 0, 0);
	return again ?: err;
}

/* Reading must end by itself, and wait for nothing that waits for this replica. */
static const char *harp_seal_refuses(struct file *file)
{
	struct inode *inode = file_inode(file);

	if (!S_ISREG(inode->i_mode) || !(file->f_mode & FMODE_READ))
		return "FD: expected a regular file, open for reading";
	if (inode->i_sb->s_type == &harp_fs_type)
		return "FD: a sealed log is not read from harp itself";
	return NULL;
}

/**
 * harp_seal_load() - take a sealed log into a region that has lost its own (P1)
 * @r: the replica
 * @file: the sealed log
 * @extack: why not
 *
 * Context: process context, sleeps; takes links.mutex, and log->mutex within.
 * Return: 0, and the log is whole; or a negative errno, and the region is as it was
 * (refused before anything of it is touched: -EBUSY, -EINVAL, -EPROTO, or what reading the
 * header says) or empty and not whole.
 */
int harp_seal_load(struct harp_replica *r, struct file *file, struct netlink_ext_ack *extack)
{
	struct harp_seal s = { .r = r, .file = file };
	int err = -EINVAL;

	s.why = harp_seal_refuses(file);
	if (s.why)
		goto out;
	s.buf = kvmalloc(HARP_REC_MAX, GFP_KERNEL);
	if (!s.buf)
		return -ENOMEM;
	mutex_lock(&r->links->mutex);
	err = harp_seal_take(&s);
	mutex_unlock(&r->links->mutex);
	kvfree(s.buf);
out:
	if (err && extack)
		extack->_msg = s.why ?: "the sealed log cannot be read back";
	return err;
}
