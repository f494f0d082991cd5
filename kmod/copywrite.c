// SPDX-License-Identifier: GPL-2.0
/*
 * A copy of the file state, written to a lower that was laid out for it (protocol C2). The
 * pieces are those of copy.c, taken as they were given: answer by answer, each with the cursor
 * that it was asked for, so that none is left out or taken for another.
 *
 *	objects	are made in orphans/, under their fids, with all that their pieces say
 *	names	put there what is in orphans/, or is at another name by now: the files were
 *		not still, so a name may hold something else already, or be in a loop with
 *		another directory (entry.c)
 *
 * All can be done again: what a piece says is an outcome. So the copy goes on after a crash
 * from the place that the copy note tells, and the sync thread moves that on as it does LB.
 * Names come when all objects, with their rows, are on the disk: an object that is not in
 * orphans/ any more is found by its row.
 *
 * With the last piece the lower is given the index a; the records after that are fed to it,
 * and up to e redone by the same tolerant steps (apply.c, copyend.c).
 */
#include <linux/netlink.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include "copy.h"
#include "dataplane.h"
#include "lower.h"
#include "node.h"

#define HARP_NO_PIECE	1		/* of what the lower has; the lower's errors are negative */

static struct harp_copying *harp_copy_of(const struct harp_copy_write *w)
{
	return &harp_lower(w->r)->copy;
}

static int harp_cursor_cmp(const struct harp_copy_cursor *a, const struct harp_copy_cursor *b)
{
	if (a->pass != b->pass)
		return a->pass < b->pass ? -1 : 1;
	if (a->fid != b->fid)
		return a->fid < b->fid ? -1 : 1;
	return a->at < b->at ? -1 : a->at > b->at;
}

/* -------------------------------------------------------------------- may it be written? */

static int harp_copy_check_state(const struct harp_copy_write *w, struct netlink_ext_ack *extack)
{
	struct harp_replica *r = w->r;
	bool out, failed;

	lockdep_assert_held(&r->links->mutex);
	spin_lock(&r->lock);
	out = !harp_in_view(r) && !r->links->feed.on;
	failed = r->media_failure;
	spin_unlock(&r->lock);
	if (r->links->closed) {
		NL_SET_ERR_MSG(extack, "the replica is ending");
		return -ENODEV;
	}
	if (!out) {
		NL_SET_ERR_MSG(extack, "this member is in a view, or is fed: its files are in use");
		return -EBUSY;
	}
	if (failed) {
		NL_SET_ERR_MSG(extack, "the lower has failed: expected another, laid out anew");
		return -EIO;
	}
	return 0;
}

static int harp_copy_check_bounds(const struct harp_copy_write *w,
				  struct netlink_ext_ack *extack)
{
	const struct harp_copy_cursor *next = &w->next;

	if (w->end < HARP_FID_FIRST ||
	    (w->end > HARP_FID_FIRST && !harp_fid_possible(w->end - 1))) {
		NL_SET_ERR_MSG(extack, "COPY_END: expected 16, or one more than a fid");
		return -ERANGE;
	}
	if (w->index < w->from || w->index >= HARP_INDEX_MAX) {
		NL_SET_ERR_MSG(extack, "INDEX: expected COPY_FROM to the last index but one");
		return -ERANGE;
	}
	if (harp_cursor_cmp(&w->cur, next) >= 0 ||
	    (next->pass == HARP_NL_COPY_DONE ? next->at || next->fid != HARP_FID_ROOT :
	     !harp_fid_possible(next->fid) || next->fid >= w->end)) {
		NL_SET_ERR_MSG(extack, "COPY_NEXT: expected the reply's cursor, after the asked");
		return -ERANGE;
	}
	return 0;
}

/* A copy begins at its beginning, on a lower that has nothing. */
static int harp_copy_check_new(const struct harp_copy_write *w, struct netlink_ext_ack *extack)
{
	struct harp_copy_cursor begin = { .pass = HARP_NL_COPY_OBJECTS, .fid = HARP_FID_ROOT };
	struct harp_replica *r = w->r;
	int err;

	if (READ_ONCE(r->view) || READ_ONCE(r->lb) || READ_ONCE(r->ap)) {
		NL_SET_ERR_MSG(extack, "the lower was in use: expected one just laid out (init)");
		return -ENOTEMPTY;
	}
	err = harp_lower_bare(harp_lower(r));
	if (err) {
		NL_SET_ERR_MSG(extack, "the lower holds files: expected one just laid out (init)");
		return err;
	}
	if (harp_cursor_cmp(&w->cur, &begin)) {
		NL_SET_ERR_MSG(extack, "COPY_PASS, COPY_FID, COPY_AT: a copy begins at 0, 1 and 0");
		return -ERANGE;
	}
	return 0;
}

static int harp_copy_check_place(const struct harp_copy_write *w, struct netlink_ext_ack *extack)
{
	struct harp_copying *c = harp_copy_of(w);

	switch (c->at.state) {
	case HARP_NL_COPYING_NONE:
		return harp_copy_check_new(w, extack);
	case HARP_NL_COPYING_PIECES:
		break;
	default:
		NL_SET_ERR_MSG(extack, "all pieces of the copy are here");
		return -EALREADY;
	}
	if (w->from != c->at.from || w->end != c->at.end) {
		NL_SET_ERR_MSG(extack, "COPY_FROM, COPY_END: not those of the copy that was begun");
		return -EINVAL;
	}
	if (w->cur.pass != c->at.pass || w->cur.fid != c->at.fid ||
	    (w->cur.at && w->cur.at != c->pos)) {
		NL_SET_ERR_MSG(extack, "COPY_PASS, _FID, _AT: expected what REPLICA_GET tells");
		return -ERANGE;
	}
	return 0;
}

/* ------------------------------------------------------------------ are these its pieces? */

static const char *harp_piece_symlink(const struct harp_rec *rec)
{
	u32 len = le32_to_cpu(rec->data_sec->len);

	if (rec->data_sec->offset || len > HARP_SYMLINK_MAX || memchr(rec->data, 0, len))
		return "RECORDS: not the target of a symbolic link";
	return NULL;
}

static const char *harp_piece_object(const struct harp_rec *rec, struct harp_copy_cursor *at)
{
	const struct harp_sec_inode *sec = rec->inode[0];
	u32 mode = le32_to_cpu(sec->mode);
	unsigned int i;

	at->pass = HARP_NL_COPY_OBJECTS;
	at->fid = le64_to_cpu(sec->fid);
	if (at->fid == HARP_FID_ROOT && (!S_ISDIR(mode) || sec->state != HARP_STATE_LIVE))
		return "RECORDS: the root is no live directory";
	if (rec->type == HARP_REC_SETATTR && S_ISLNK(mode))
		return "RECORDS: a symbolic link without its target";
	if (rec->type == HARP_REC_WRITE && !S_ISREG(mode) && !S_ISLNK(mode))
		return "RECORDS: data of what has none";
	for (i = 0; i < rec->nxattr; i++)
		if (!strncmp(harp_xattr_name(rec->xattr[i]), HARP_XATTR_HIDDEN,
			     strlen(HARP_XATTR_HIDDEN)) || rec->xattr[i]->flags)
			return "RECORDS: an xattr that no piece has";
	return rec->type == HARP_REC_WRITE && S_ISLNK(mode) ? harp_piece_symlink(rec) : NULL;
}

static const char *harp_piece_name(const struct harp_rec *rec, struct harp_copy_cursor *at)
{
	const struct harp_sec_inode *dir = harp_rec_inode(rec, HARP_ROLE_DIR);
	u64 put = le64_to_cpu(rec->name[0]->put);

	at->pass = HARP_NL_COPY_ENTRIES;
	at->fid = le64_to_cpu(rec->name[0]->dir);
	if (!S_ISDIR(le32_to_cpu(dir->mode)) || le64_to_cpu(dir->fid) != at->fid)
		return "RECORDS: a name that is in no directory";
	if (put != le64_to_cpu(harp_rec_inode(rec, HARP_ROLE_OBJECT)->fid) ||
	    put == HARP_FID_NONE || put == HARP_FID_ROOT || put == at->fid)
		return "RECORDS: a name that leads to nothing it can";
	return NULL;
}

/* @last: pass and fid of the one before. */
static const char *harp_piece_check(const struct harp_copy_write *w, const struct harp_rec *rec,
				    struct harp_copy_cursor *last)
{
	struct harp_copy_cursor at = { };
	const char *why;

	if (le64_to_cpu(rec->hdr->lineage) != w->r->lineage)
		return "RECORDS: a piece of another lineage";
	if (rec->index != w->index)
		return "RECORDS: a piece of another index than INDEX";
	switch (rec->type) {
	case HARP_REC_SETATTR:
	case HARP_REC_WRITE:
	case HARP_REC_XATTR:
		why = harp_piece_object(rec, &at);
		break;
	case HARP_REC_LINK:
		why = harp_piece_name(rec, &at);
		break;
	default:
		why = "RECORDS: a record that is no piece";
	}
	if (why)
		return why;
	if (harp_cursor_cmp(&at, last) < 0 || harp_cursor_cmp(&at, &w->next) > 0 ||
	    at.fid >= w->end)
		return "RECORDS: a piece that is not between both cursors";
	*last = at;
	return NULL;
}

/* All of them, before the first is written: what is refused leaves nothing behind (I9). */
static int harp_copy_check_pieces(const struct harp_copy_write *w,
				  struct netlink_ext_ack *extack)
{
	struct harp_copy_cursor last = { .pass = w->cur.pass, .fid = w->cur.fid };
	const char *why = "RECORDS";
	struct harp_rec rec;
	u32 off;

	for (off = 0; off < w->len; off += le32_to_cpu(rec.hdr->len)) {
		if (!harp_rec_parse(w->buf + off, w->len - off, &rec, &why))
			why = harp_piece_check(w, &rec, &last);
		if (why) {
			/* NL_SET_ERR_MSG() takes literals only. */
			extack->_msg = why;
			return -EBADMSG;
		}
		cond_resched();
	}
	return 0;
}

/* ------------------------------------------------------------------------------- writing */

static int harp_piece_caps(struct harp_node *n, const struct harp_rec *rec)
{
	char value[XATTR_CAPS_SZ];
	struct vfsmount *mnt = n->r->lower_root.mnt;
	ssize_t len;
	int err;

	len = harp_do_getxattr_raw(n->lower, XATTR_NAME_CAPS, value, sizeof(value));
	err = harp_apply_record(n->r, rec);
	if (err || len == -ENODATA || len == -EOPNOTSUPP)
		return err;
	if (len < 0)
		return len;
	err = mnt_want_write(mnt);
	if (err)
		return err;
	err = harp_do_setxattr(mnt, n->lower, XATTR_NAME_CAPS, value, len);
	mnt_drop_write(mnt);
	return err;
}

/* More of an object that is there. */
static int harp_piece_more(struct harp_replica *r, const struct harp_rec *rec)
{
	const struct harp_sec_inode *sec = rec->inode[0];
	struct harp_node *n = harp_node_load(r, le64_to_cpu(sec->fid));
	int err;

	if (n == ERR_PTR(-ENOENT) || n == ERR_PTR(-ESTALE))
		return HARP_NO_PIECE;
	if (IS_ERR(n))
		return PTR_ERR(n);
	if ((d_inode(n->lower)->i_mode ^ le32_to_cpu(sec->mode)) & S_IFMT)
		err = HARP_NO_PIECE;
	else if (rec->type == HARP_REC_WRITE)
		/* Data takes a file's capabilities away, which no piece has logged. */
		err = harp_piece_caps(n, rec);
	else
		err = harp_apply_record(r, rec);
	harp_node_put(n);
	return err;
}

/* What begins an object: all its attributes, and of a symbolic link the target. */
static int harp_piece_begin(struct harp_replica *r, const struct harp_rec *rec)
{
	struct harp_rec attrs = *rec;
	struct harp_node *n;
	bool same;
	int err;

	err = harp_apply_object(r, rec, rec->inode[0], &n);
	if (err)
		return err;
	if (!n)
		return HARP_NO_PIECE;
	same = !((d_inode(n->lower)->i_mode ^ le32_to_cpu(rec->inode[0]->mode)) & S_IFMT);
	harp_node_put(n);
	if (!same)
		return HARP_NO_PIECE;
	attrs.type = HARP_REC_SETATTR;
	return harp_apply_record(r, &attrs);
}

/* One name; then the directory is what the piece says, and not what putting it there made. */
static int harp_piece_put(struct harp_replica *r, const struct harp_rec *rec)
{
	struct harp_rec attrs = { .hdr = rec->hdr, .type = HARP_REC_SETATTR, .ninode = 1 };
	struct harp_node *dir, *n;
	int err;

	/* Neither is there when a record made it that is yet to be redone, which says the rest. */
	err = harp_apply_node(r, le64_to_cpu(rec->name[0]->dir), &dir);
	if (err)
		return err;
	err = harp_apply_node(r, le64_to_cpu(rec->name[0]->put), &n);
	if (!err && n && dir)
		err = d_is_dir(dir->lower) ? harp_entry_put(dir, rec->name[0], n) : HARP_NO_PIECE;
	if (!err && dir) {
		attrs.inode[0] = harp_rec_inode(rec, HARP_ROLE_DIR);
		err = harp_apply_record(r, &attrs);
	}
	if (!IS_ERR_OR_NULL(n))
		harp_node_put(n);
	if (dir)
		harp_node_put(dir);
	return err;
}

static int harp_piece(struct harp_replica *r, const struct harp_rec *rec)
{
	if (rec->type == HARP_REC_LINK)
		return harp_rec_inode(rec, HARP_ROLE_DIR)->state == HARP_STATE_GONE ? 0 :
		       harp_piece_put(r, rec);
	/* It was read while it went: a record says so, too. */
	if (rec->inode[0]->state == HARP_STATE_GONE)
		return 0;
	if (rec->type == HARP_REC_SETATTR || S_ISLNK(le32_to_cpu(rec->inode[0]->mode)))
		return rec->type == HARP_REC_XATTR ? harp_piece_more(r, rec) :
						     harp_piece_begin(r, rec);
	return harp_piece_more(r, rec);
}

/* The sync thread notes it next, if it gets that far. */
static void harp_copy_move(struct harp_replica *r, const struct harp_copy_cursor *to, u64 index)
{
	struct harp_copying *c = &harp_lower(r)->copy;

	lockdep_assert_held(&r->links->mutex);
	spin_lock(&r->lock);
	c->at.upto = max(c->at.upto, index);
	c->at.pass = to->pass;
	c->at.fid = to->fid;
	if (to->pass == HARP_NL_COPY_DONE) {
		/* Nothing was applied here before, and no LB noted. */
		WRITE_ONCE(r->ap, c->at.from);
		WRITE_ONCE(r->cp, c->at.from);
		r->links->woken = c->at.from;
		WRITE_ONCE(c->at.state, HARP_NL_COPYING_LOG);
	}
	spin_unlock(&r->lock);
	c->pos = to->at;
}

/* Before the first name all objects are on the disk, and the note says so. */
static int harp_copy_names_begin(const struct harp_copy_write *w)
{
	struct harp_copy_cursor names = { .pass = HARP_NL_COPY_ENTRIES, .fid = HARP_FID_ROOT };
	struct harp_copying *c = harp_copy_of(w);

	if (c->noted.pass == HARP_NL_COPY_ENTRIES)
		return 0;
	if (c->at.pass == HARP_NL_COPY_OBJECTS)
		harp_copy_move(w->r, &names, w->index);
	return harp_sync_kick(w->r, true);
}

static int harp_copy_pieces(const struct harp_copy_write *w)
{
	struct harp_lower *lw = harp_lower(w->r);
	struct harp_rec rec;
	int err = 0;
	u32 off;

	for (off = 0; off < w->len && !err; off += le32_to_cpu(rec.hdr->len)) {
		if (fatal_signal_pending(current))
			return -EINTR;
		err = harp_rec_parse(w->buf + off, w->len - off, &rec, NULL);
		if (err)
			return err;
		if (rec.type == HARP_REC_LINK)
			err = harp_copy_names_begin(w);
		if (!err)
			err = harp_piece(w->r, &rec);
		if (!err && READ_ONCE(lw->nodes.nr_dirty) > HARP_NODES_DIRTY_MAX)
			err = harp_rows_flush(lw, HARP_NODES_DIRTY_MAX / 2);
		cond_resched();
	}
	return err;
}

/*
 * From here on the member is in no view and is not fed before the copy has ended. An empty log
 * of a lower that was just laid out is not the whole log of its group.
 */
static int harp_copy_begin(const struct harp_copy_write *w)
{
	struct harp_replica *r = w->r;
	struct harp_copying *c = harp_copy_of(w);
	struct harp_log_pos pos;
	int err;

	if (c->at.state == HARP_NL_COPYING_NONE) {
		err = harp_lower_copy_file(harp_lower(r), true);
		if (err)
			return err;
		mutex_lock(harp_log_mutex(r->log));
		harp_log_pos(r->log, &pos);
		if (!pos.top && !pos.formed)
			harp_log_set_formed(r->log, 0, false, pos.wm);
		spin_lock(&r->lock);
		if (!pos.top && !pos.formed)
			r->links->intact = false;
		c->at = (struct harp_copy_place){
			.from = w->from, .upto = w->index, .end = w->end, .fid = HARP_FID_ROOT,
			.state = HARP_NL_COPYING_PIECES, .pass = HARP_NL_COPY_OBJECTS,
		};
		WRITE_ONCE(r->copying, HARP_NL_COPYING_PIECES);
		spin_unlock(&r->lock);
		mutex_unlock(harp_log_mutex(r->log));
	}
	/* Nothing is written before it is noted that something may be. */
	return c->noted.state == HARP_NL_COPYING_PIECES ? 0 : harp_sync_kick(r, true);
}

static int harp_copy_take(const struct harp_copy_write *w)
{
	int err = harp_copy_begin(w) ?: harp_copy_pieces(w);

	if (!err && w->next.pass == HARP_NL_COPY_DONE)
		harp_fid_note(harp_lower(w->r), w->end - 1);
	if (!err) {
		harp_copy_move(w->r, &w->next, w->index);
		if (w->next.pass == HARP_NL_COPY_DONE)
			err = harp_sync_kick(w->r, true);
	}
	return err;
}

static int harp_copy_refused(struct harp_replica *r, int err, struct netlink_ext_ack *extack)
{
	switch (err) {
	case -ENOMEM:
	case -EINTR:
		return err;
	case HARP_NO_PIECE:
		NL_SET_ERR_MSG(extack, "RECORDS: more of what is not here, or of another type");
		return -EBADMSG;
	case -ENOSPC:
	case -EDQUOT:
		NL_SET_ERR_MSG(extack, "the lower has no room for the copy: it stays where it is");
		return err;
	default:
		NL_SET_ERR_MSG(extack, "the lower cannot be written");
		return harp_lower_error(r, err, "copy");
	}
}

/**
 * harp_copy_write() - pieces of the file state of a member that serves (C2)
 * @w: the answer to COPY_READ, and what was asked for
 * @extack: why not
 *
 * Context: process context, sleeps; no lock held.
 * Return: 0; or -errno: the copy is where REPLICA_GET says, and pieces may have been
 * written that are to be written again.
 */
int harp_copy_write(const struct harp_copy_write *w, struct netlink_ext_ack *extack)
{
	struct harp_replica *r = w->r;
	const struct cred *old;
	unsigned int nofs;
	int err;

	mutex_lock(&r->links->mutex);
	nofs = memalloc_nofs_save();
	old = override_creds(r->cred);
	err = harp_copy_check_state(w, extack) ?: harp_copy_check_bounds(w, extack) ?:
	      harp_copy_check_place(w, extack) ?: harp_copy_check_pieces(w, extack);
	if (!err) {
		err = harp_copy_take(w);
		if (err)
			err = harp_copy_refused(r, err, extack);
	}
	revert_creds(old);
	memalloc_nofs_restore(nofs);
	mutex_unlock(&r->links->mutex);
	return err;
}
