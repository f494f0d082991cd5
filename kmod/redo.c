// SPDX-License-Identifier: GPL-2.0
/*
 * What redo has to know before its first record (I4, kernel-notes 24, 25, 27).
 *
 * A replica that is made on a lower which was in use begins at its LB, but an earlier
 * life may have applied more, and of that a crash leaves any part: names that are ahead
 * of the records, and rows (file data, in no order with names) that are ahead or behind
 * of both. No earlier life has applied a record above s of this object's first view, or, if
 * it is fed before that, above CP as of then. So before the first record of (LB, s] is
 * applied, these records are read once:
 *
 *  - which fids die in them: of such a one that is not on the lower nothing is made, and
 *    what else is said of it is skipped; of one that is there, contents and xattrs are;
 *  - which directories get a place in them, and where last: only such a one can give way
 *    to another, for it is put back (kernel-notes 23);
 *  - every name in them is looked up on the lower. Whatever file is found there has its
 *    row made good, for a row that is not there, or says "gone" of a file that is not yet,
 *    would let apply make a second one, or leave the first. A file whose row may not be
 *    right was made, or died, after LB: so the names it can be under are in the records.
 *
 * Redo waits until all of these records are committed: what a view change could still cut
 * says nothing about the lower.
 */
#include <linux/kthread.h>
#include <linux/xarray.h>
#include "dataplane.h"
#include "lower.h"
#include "node.h"

/**
 * harp_redoing() - could an earlier life have applied the record after AP?
 * @r: the replica
 *
 * Context: apply thread; others get what was true a moment ago.
 * Return: true up to s of the first view of this object, or CP of its first feed.
 */
bool harp_redoing(const struct harp_replica *r)
{
	return READ_ONCE(r->ap) < READ_ONCE(r->redo_to);
}

/**
 * harp_redo_dies() - is a fid gone at the end of redo?
 * @r: the replica
 * @fid: which
 *
 * Context: apply thread.
 * Return: true while redoing, when one of the records to redo says so.
 */
bool harp_redo_dies(const struct harp_replica *r, u64 fid)
{
	return harp_redoing(r) && xa_load(&harp_lower(r)->dying, fid);
}

/**
 * harp_redo_moves() - is a fid put under a name again?
 * @r: the replica
 * @fid: which
 *
 * Context: apply thread.
 * Return: true while redoing, when a record after the one being applied does it.
 */
bool harp_redo_moves(const struct harp_replica *r, u64 fid)
{
	void *last = harp_redoing(r) ? xa_load(&harp_lower(r)->moving, fid) : NULL;

	return last && xa_to_value(last) > READ_ONCE(r->ap) + 1;
}

/* An object of the lower that has @fid, whatever its row says; @parked: in orphans/. */
static int harp_redo_found(struct harp_replica *r, u64 fid, struct dentry *lower, bool parked,
			   bool *news)
{
	struct harp_node *n = harp_node_load(r, fid);
	struct harp_row row;
	int err;

	if (n == ERR_PTR(-ENOENT) || n == ERR_PTR(-ESTALE)) {
		err = harp_rows_read(harp_lower(r), fid, &row);
		if (err && err != -ENODATA && err != -EUCLEAN)
			return err;
		if (err) {
			memset(&row, 0, sizeof(row));
			row.fid = fid;
			row.ctime = harp_lower_ctime(d_inode(lower));
			row.btime = row.ctime;
		}
		row.state = parked ? HARP_STATE_PARKED : HARP_STATE_LIVE;
		n = harp_node_make(r, &row, lower);
		*news = true;
	}
	if (IS_ERR(n))
		return PTR_ERR(n);
	/* Two files of one fid. */
	err = d_inode(n->lower) == d_inode(lower) ? 0 : -EUCLEAN;
	harp_node_put(n);
	return err;
}

/* A fid that a record is about, when it is nowhere but in orphans/. */
static int harp_redo_parked(struct harp_replica *r, u64 fid, bool *news)
{
	struct harp_node *n = harp_node_load(r, fid);
	struct dentry *lower;
	int err;

	if (!IS_ERR(n)) {
		harp_node_put(n);
		return 0;
	}
	/* -ENOENT: that was looked for there already. */
	if (n != ERR_PTR(-ESTALE))
		return n == ERR_PTR(-ENOENT) ? 0 : PTR_ERR(n);
	lower = harp_orphan_find(harp_lower(r), fid);
	if (IS_ERR(lower))
		return lower == ERR_PTR(-ENOENT) ? 0 : PTR_ERR(lower);
	err = harp_redo_found(r, fid, lower, true, news);
	dput(lower);
	return err;
}

/* @missing: a directory that may be found yet, by another name. */
static int harp_redo_name(struct harp_replica *r, const struct harp_sec_name *name, bool *missing,
			  bool *news)
{
	struct harp_node *dir = harp_node_load(r, le64_to_cpu(name->dir));
	struct dentry *lower;
	int err = 0;
	u64 fid;

	if (dir == ERR_PTR(-ENOENT) || dir == ERR_PTR(-ESTALE)) {
		*missing = true;
		return 0;
	}
	if (IS_ERR(dir))
		return PTR_ERR(dir);
	lower = harp_do_lookup_unlocked(dir->lower, harp_name_str(name), harp_name_len(name));
	if (IS_ERR(lower)) {
		err = PTR_ERR(lower);
		goto out;
	}
	if (d_is_positive(lower)) {
		err = harp_fid_read(lower, &fid);
		if (!err)
			err = harp_redo_found(r, fid, lower, false, news);
		else if (err == -ENODATA)
			err = 0;	/* for whoever is to put something there */
	}
	dput(lower);
out:
	harp_node_put(dir);
	return err;
}

static int harp_redo_look(struct harp_replica *r, const struct harp_rec *rec, bool *missing,
			  bool *news)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < rec->ninode && !err; i++)
		err = harp_redo_parked(r, le64_to_cpu(rec->inode[i]->fid), news);
	for (i = 0; i < rec->nname && !err; i++)
		err = harp_redo_name(r, rec->name[i], missing, news);
	return err;
}

static int harp_redo_note_dying(struct harp_replica *r, const struct harp_rec *rec)
{
	struct xarray *dying = &harp_lower(r)->dying;
	unsigned int i;
	int err = 0;

	for (i = 0; i < rec->ninode && !err; i++)
		if (rec->inode[i]->state == HARP_STATE_GONE)
			err = xa_err(xa_store(dying, le64_to_cpu(rec->inode[i]->fid),
					      xa_mk_value(1), GFP_KERNEL));
	return err;
}

static int harp_redo_note_moving(struct harp_replica *r, const struct harp_rec *rec)
{
	struct xarray *moving = &harp_lower(r)->moving;
	unsigned int i;
	int err = 0;
	u64 fid;

	for (i = 0; i < rec->nname && !err; i++) {
		fid = le64_to_cpu(rec->name[i]->put);
		if (fid)
			err = xa_err(xa_store(moving, fid, xa_mk_value(rec->index), GFP_KERNEL));
	}
	return err;
}

/* All records to redo once; a directory may be found by a name in a later record only. */
static int harp_redo_pass(struct harp_replica *r, u64 to, bool first, bool *again)
{
	struct harp_lower *lw = harp_lower(r);
	bool missing = false, news = false;
	const struct harp_rec_hdr *hdr;
	const char *why = NULL;
	struct harp_rec rec;
	int err = 0;
	u64 i;

	for (i = READ_ONCE(r->ap) + 1; i <= to && !err; i++) {
		if (kthread_should_stop())
			return -EINTR;
		hdr = harp_log_get(r->log, i);
		if (!hdr || harp_rec_parse(hdr, le32_to_cpu(hdr->len), &rec, &why))
			return -EUCLEAN;
		/* A void record changes nothing, but what it did once may be found (P2). */
		if (first && !harp_log_void(r->log, i))
			err = harp_redo_note_dying(r, &rec) ?: harp_redo_note_moving(r, &rec);
		if (!err)
			err = harp_redo_look(r, &rec, &missing, &news);
		if (!err && READ_ONCE(lw->nodes.nr_dirty) > HARP_NODES_DIRTY_MAX)
			err = harp_rows_flush(lw, HARP_NODES_DIRTY_MAX / 2);
		cond_resched();
	}
	*again = missing && news;
	return err;
}

static int harp_redo_prepare_step(struct harp_replica *r, const void *arg)
{
	u64 to = *(const u64 *)arg;
	bool first = true, again;
	int err;

	do {
		err = harp_redo_pass(r, to, first, &again);
		first = false;
	} while (!err && again);
	return err;
}

/**
 * harp_redo_prepare() - read the records to redo, if there are any and it was not done
 * @r: the replica; harp_apply_limit() is above AP, so all of them are committed
 *
 * Context: apply thread, under the lower's cred, nofs.
 * Return: 0; or the lower's error: a media failure now, unless the thread is to stop.
 */
int harp_redo_prepare(struct harp_replica *r)
{
	u64 to = READ_ONCE(r->redo_to);
	int err;

	if (!harp_redoing(r) || READ_ONCE(r->redo_ready))
		return 0;
	err = harp_apply_insist(r, harp_redo_prepare_step, &to, "redo", to);
	if (err)
		return err;
	harp_fault(r, HARP_FAULT_REDO);
	/* Committed, so no later view begins before it. */
	spin_lock(&r->lock);
	WRITE_ONCE(r->redo_ready, true);
	spin_unlock(&r->lock);
	return 0;
}

/**
 * harp_redo_end() - what redo needed, no longer
 * @r: the replica, its lower open
 *
 * Context: apply thread, or the end of the lower.
 */
void harp_redo_end(struct harp_replica *r)
{
	xa_destroy(&harp_lower(r)->dying);
	xa_destroy(&harp_lower(r)->moving);
}
