// SPDX-License-Identifier: GPL-2.0
/*
 * The end of a copy of the file state (protocol C2, finding 23): when the last record that
 * is in any piece has been redone, the lower is the state of that record, or the copy is
 * void. What is left to be looked at then:
 *
 *  - a directory that had to give way, and that no record has put anywhere, goes back;
 *  - a file that had to give way, and has a name besides, loses the parked one;
 *  - nothing that has a name to be at is parked;
 *  - nothing was said of a fid that has neither come nor gone.
 *
 * Then the lower is synced, and the copy note says that the copy has ended, before any later
 * record is applied: redo after a crash, too, knows which of both it is in.
 */
#include <linux/file.h>
#include <linux/harp_netlink.h>
#include <linux/xarray.h>
#include "dataplane.h"
#include "lower.h"
#include "node.h"

/**
 * harp_copying() - is what is applied a copy's, or a record that makes one whole?
 * @r: the replica
 *
 * Context: apply thread, or who takes pieces.
 * Return: true from the first piece up to the last record that is in any.
 */
bool harp_copying(const struct harp_replica *r)
{
	u8 state = READ_ONCE(harp_lower(r)->copy.at.state);

	return state == HARP_NL_COPYING_PIECES || state == HARP_NL_COPYING_LOG;
}

/**
 * harp_copy_due() - is all that a copy needs redone?
 * @r: the replica
 *
 * Context: any.
 * Return: true when harp_copy_end() is to be called before anything more is applied.
 */
bool harp_copy_due(const struct harp_replica *r)
{
	const struct harp_copy_place *at = &harp_lower(r)->copy.at;

	return READ_ONCE(r->copying) == HARP_NL_COPYING_LOG &&
	       READ_ONCE(at->state) == HARP_NL_COPYING_LOG &&
	       READ_ONCE(r->ap) >= READ_ONCE(at->upto) && !READ_ONCE(r->media_failure);
}

/**
 * harp_copy_told() - how far a copy onto a lower has come
 * @r: whose lower
 * @at: the result
 *
 * Context: replica.lock held.
 */
void harp_copy_told(const struct harp_replica *r, struct harp_copy_place *at)
{
	lockdep_assert_held(&r->lock);
	*at = harp_lower(r)->copy.at;
}

/* --------------------------------------------------------------------- what is parked */

/**
 * struct harp_parked - the names in orphans/, collected
 * @ctx: for the lower
 * @fids: what they are
 * @again: there were some
 * @err: why not all are
 */
struct harp_parked {
	struct dir_context ctx;
	struct xarray fids;
	bool again;
	int err;
};

/* Only collects: the directory is locked. */
static bool harp_parked_actor(struct dir_context *ctx, const char *name, int len, loff_t pos,
			      u64 ino, unsigned int d_type)
{
	struct harp_parked *p = container_of(ctx, struct harp_parked, ctx);
	char word[HARP_ORPHAN_NAME_LEN + 1] = { };
	u64 fid;

	p->again = true;
	if (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')))
		return true;
	p->err = -EUCLEAN;
	if (len != HARP_ORPHAN_NAME_LEN)
		return false;
	memcpy(word, name, len);
	if (kstrtou64(word, 16, &fid) || !harp_fid_possible(fid))
		return false;
	p->err = xa_err(xa_store(&p->fids, fid, xa_mk_value(1), GFP_KERNEL));
	return !p->err;
}

static int harp_parked_collect(struct harp_lower *lw, struct harp_parked *p)
{
	struct file *file;
	int err;

	file = harp_do_open(lw->r->lower_root.mnt, lw->r->orphans.dentry, O_RDONLY | O_DIRECTORY,
			    lw->r->cred);
	if (IS_ERR(file))
		return PTR_ERR(file);
	do {
		p->again = false;
		err = harp_do_iterate(file, &p->ctx) ?: p->err;
	} while (!err && p->again);
	fput(file);
	return err;
}

static int harp_copy_end_parked(struct harp_replica *r, u64 fid)
{
	struct harp_node *n = harp_node_load(r, fid);
	const struct inode *lower;
	int err = 0;

	/* It died before it had come, or a crash was between its end and its name's. */
	if (n == ERR_PTR(-ESTALE))
		return harp_orphan_clear(harp_lower(r), fid);
	if (IS_ERR(n))
		return n == ERR_PTR(-ENOENT) ? -EUCLEAN : PTR_ERR(n);
	lower = d_inode(n->lower);
	if (n->state == HARP_STATE_LIVE && S_ISDIR(lower->i_mode))
		err = harp_entry_back(n);
	else if (n->state == HARP_STATE_LIVE)
		err = lower->i_nlink > 1 ? harp_orphan_drop(harp_lower(r), fid) : -EUCLEAN;
	harp_node_put(n);
	if (err == -EUCLEAN)
		pr_err("harp: %s/%u: the copy is void: fid %llx has no name\n", r->group,
		       r->member, fid);
	return err;
}

static int harp_copy_end_names(struct harp_replica *r)
{
	struct harp_parked p = { .ctx.actor = harp_parked_actor };
	unsigned long fid;
	void *entry;
	int err;

	xa_init(&p.fids);
	err = harp_parked_collect(harp_lower(r), &p);
	if (!err) {
		xa_for_each(&p.fids, fid, entry) {
			err = harp_copy_end_parked(r, fid);
			if (err)
				break;
			cond_resched();
		}
	}
	xa_destroy(&p.fids);
	return err;
}

/* ----------------------------------------------------------------------------- the end */

static int harp_copy_end_fids(struct harp_replica *r)
{
	u64 fid = HARP_FID_NONE;
	int err = harp_rows_owed(harp_lower(r), &fid);

	if (err == -EUCLEAN)
		pr_err("harp: %s/%u: the copy is void: fid %llx is missing\n", r->group,
		       r->member, fid);
	return err;
}

static int harp_copy_end_step(struct harp_replica *r, const void *unused)
{
	int err;

	if (harp_copying(r)) {
		err = harp_copy_end_names(r) ?: harp_copy_end_fids(r);
		if (err)
			return err;
		spin_lock(&r->lock);
		WRITE_ONCE(harp_lower(r)->copy.at.state, HARP_NL_COPYING_ENDED);
		spin_unlock(&r->lock);
	}
	/* No later record is applied before the note says so. */
	return harp_sync_kick(r, true);
}

/**
 * harp_copy_end() - the last record of a copy has been redone
 * @r: the replica; harp_copy_due()
 *
 * Context: apply thread, under the lower's cred, nofs. Afterwards the copy is not due any
 * more: it has ended, or is void, a media failure.
 */
void harp_copy_end(struct harp_replica *r)
{
	u64 upto = READ_ONCE(harp_lower(r)->copy.at.upto);

	if (!harp_apply_insist(r, harp_copy_end_step, NULL, "copy", upto))
		pr_info("harp: %s/%u: the copy has ended at record %llu\n", r->group, r->member,
			upto);
}
