// SPDX-License-Identifier: GPL-2.0
/*
 * Space is an outcome too: it is refused before a record is made, by
 * a pessimistic count against both copies, so that a committed record can always be
 * applied. What the count misses is what the reserve is for, a file that is given up
 * when applying finds no room; until it is whole again the group refuses to grow.
 */
#include <linux/file.h>
#include <linux/jiffies.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/harp_netlink.h>
#include "lower.h"
#include "node.h"
#include "dataplane.h"

#define HARP_COST_BLOCK		4096ULL
/*
 * Low bit of a cost: takes an inode. Costs are multiples of the block otherwise, and
 * of their sums only the bytes are used.
 */
#define HARP_COST_INODE		1ULL
/* Blocks, by what a step may dirty or allocate on ext4 or XFS. */
#define HARP_COST_NAME		4	/* a directory's leaf and index, both split */
#define HARP_COST_OBJECT	4	/* inode chunk, xattr block, row, hint */
#define HARP_COST_EXTENT	3	/* a level of the extent tree, split */
#define HARP_SAMPLE_AGE		HZ
/*
 * XFS sets aside what a transaction takes at worst before it begins, and says ENOSPC when
 * there is not as much, though it needs few of them: blocks that never count as free. (A
 * rename is the greediest: two directories of greatest depth.)
 */
#define HARP_XFS_HEADROOM	128

/* ------------------------------------------------------------------------- costs */

/**
 * harp_space_cost() - what a record may take of a lower, at most
 * @b: the record, finished
 *
 * Context: any.
 * Return: bytes; 0 for what gives space back, which is never refused.
 */
u64 harp_space_cost(const struct harp_builder *b)
{
	const struct harp_rec_hdr *hdr = b->buf;
	u64 data = round_up((u64)b->len, HARP_COST_BLOCK);

	switch (hdr->type) {
	case HARP_REC_CREATE:
	case HARP_REC_MKDIR:
	case HARP_REC_SYMLINK:
		return data + (HARP_COST_NAME + HARP_COST_OBJECT) * HARP_COST_BLOCK +
		       HARP_COST_INODE;
	case HARP_REC_LINK:
	case HARP_REC_RENAME:
	case HARP_REC_EXCHANGE:
		return HARP_COST_NAME * HARP_COST_BLOCK;
	case HARP_REC_WRITE:
		return data + (1 + HARP_COST_EXTENT) * HARP_COST_BLOCK;
	case HARP_REC_XATTR:
		return data + HARP_COST_BLOCK;
	case HARP_REC_SETATTR:
		/* Growing makes a hole; an xattr of this size is an ACL's. */
		return b->len > HARP_COST_BLOCK ? data : 0;
	default:
		return 0;
	}
}

/* ------------------------------------------------------------------------ sampling */

static int harp_space_sample(struct harp_lower *lw)
{
	const struct cred *old = override_creds(lw->r->cred);
	u64 ap = READ_ONCE(lw->r->ap), cost = harp_log_cost(lw->r->log, ap);
	struct harp_space *s = &lw->space;
	struct kstatfs st;
	u64 blocks;
	int err;

	err = harp_do_statfs(&lw->r->lower_root, &st);
	revert_creds(old);
	if (err)
		return err;
	blocks = st.f_bavail;
	if (st.f_type == XFS_SUPER_MAGIC)
		blocks -= min_t(u64, blocks, HARP_XFS_HEADROOM);
	spin_lock(&s->lock);
	s->free_bytes = blocks * st.f_bsize;
	s->free_inodes = st.f_ffree;
	/* Records applied during the call may or may not be in it: count them again. */
	s->at_index = ap;
	s->at_cost = cost;
	s->taken = jiffies | 1;
	spin_unlock(&s->lock);
	return 0;
}

static bool harp_space_stale(struct harp_lower *lw)
{
	unsigned long taken = READ_ONCE(lw->space.taken);

	return !taken || time_after(jiffies, taken + HARP_SAMPLE_AGE);
}

/**
 * harp_space_free() - what this lower can still take, its reserve not counted
 * @r: the replica
 * @bytes: the result
 * @inodes: the result
 *
 * Context: process context.
 */
void harp_space_free(struct harp_replica *r, u64 *bytes, u64 *inodes)
{
	struct harp_lower *lw = harp_lower(r);
	struct harp_space *s = &lw->space;

	/* Told with an AP, it must not be from before that (a backup knows no costs). */
	if ((harp_space_stale(lw) || READ_ONCE(s->at_index) != READ_ONCE(r->ap)) &&
	    harp_space_sample(lw))
		pr_warn_ratelimited("harp: %s/%u: statfs of the lower fails\n", r->group,
				    r->member);
	spin_lock(&s->lock);
	/* A reserve that was given up is owed: growth stops on both sides. */
	*bytes = s->released ? 0 : s->free_bytes;
	*inodes = s->released ? 0 : s->free_inodes;
	spin_unlock(&s->lock);
}

/* ------------------------------------------------------------------------ checking */

static bool harp_space_fits(u64 free, u64 pending, u64 cost)
{
	return free > pending && free - pending >= cost;
}

/* The sample is of a moment before now, so TOP is asked for after it. */
static int harp_space_check_own(struct harp_replica *r, u64 cost)
{
	struct harp_space *s = &harp_lower(r)->space;
	u64 bytes, inodes, at, at_cost, top;
	bool released;

	spin_lock(&s->lock);
	bytes = s->free_bytes;
	inodes = s->free_inodes;
	at = s->at_index;
	at_cost = s->at_cost;
	released = s->released;
	spin_unlock(&s->lock);
	top = harp_log_top(r->log);
	if (released || !harp_space_fits(bytes, harp_log_cost(r->log, top) - at_cost, cost))
		return -ENOSPC;
	if ((cost & HARP_COST_INODE) && !harp_space_fits(inodes, top - at + HARP_RESERVE_INODES, 1))
		return -ENOSPC;
	return 0;
}

/* The peer's report is as of its AP. A witness reports no bound (~0). */
static int harp_space_check_peer(struct harp_replica *r, u64 cost)
{
	u64 bytes, inodes, ap, top;

	spin_lock(&r->lock);
	bytes = r->peer_free_bytes;
	inodes = r->peer_free_inodes;
	ap = r->peer_ap;
	spin_unlock(&r->lock);
	top = harp_log_top(r->log);
	ap = min(ap, top);
	if (bytes != U64_MAX &&
	    !harp_space_fits(bytes, harp_log_cost(r->log, top) - harp_log_cost(r->log, ap), cost))
		return -ENOSPC;
	if (inodes != U64_MAX && (cost & HARP_COST_INODE) &&
	    !harp_space_fits(inodes, top - ap + HARP_RESERVE_INODES, 1))
		return -ENOSPC;
	return 0;
}

/**
 * harp_space_holds() - does what harp_space_check() found still hold?
 * @r: the replica
 * @cost: of harp_space_cost()
 *
 * Looks at no lower, so a refusal may be due to an old sample.
 *
 * Context: any; with log->mutex held the answer stays true until it is let go.
 * Return: true when both lowers take this much more.
 */
bool harp_space_holds(struct harp_replica *r, u64 cost)
{
	return !cost || (!harp_space_check_own(r, cost) && !harp_space_check_peer(r, cost));
}

/**
 * harp_space_check() - would both lowers take this much more?
 * @r: the replica
 * @cost: of harp_space_cost()
 *
 * Context: process context.
 * Return: 0 or -ENOSPC.
 */
int harp_space_check(struct harp_replica *r, u64 cost)
{
	struct harp_lower *lw = harp_lower(r);

	if (!cost)
		return 0;
	if (harp_space_stale(lw) && harp_space_sample(lw))
		return -ENOSPC;
	/* An old sample says less than there is. */
	if (harp_space_check_own(r, cost) &&
	    (harp_space_sample(lw) || harp_space_check_own(r, cost)))
		return -ENOSPC;
	return harp_space_check_peer(r, cost);
}

/**
 * harp_space_name() - would a directory take one more name?
 * @dir: the directory; the caller has the harp inode's lock, so that none is on its way
 *
 * The file system's room is not all that a name needs: see harp_lower_dir_max().
 *
 * Context: any.
 * Return: 0 or -ENOSPC.
 */
int harp_space_name(const struct harp_node *dir)
{
	u64 max = harp_lower(dir->r)->space.dir_max;

	return max && i_size_read(d_inode(dir->lower)) >= max ? -ENOSPC : 0;
}

/* ------------------------------------------------------------------------ the reserve */

static int harp_reserve_resize(struct harp_lower *lw, u64 bytes)
{
	struct vfsmount *mnt = lw->r->lower_root.mnt;
	struct dentry *dentry = lw->space.reserve->f_path.dentry;
	struct iattr ia = { .ia_valid = ATTR_SIZE, .ia_size = bytes };
	int err;

	if (bytes)
		return harp_do_fallocate(lw->space.reserve, bytes);
	err = mnt_want_write(mnt);
	if (err)
		return err;
	inode_lock(d_inode(dentry));
	err = harp_do_setattr(mnt, dentry, &ia);
	inode_unlock(d_inode(dentry));
	mnt_drop_write(mnt);
	return err;
}

/**
 * harp_space_open() - set the reserve aside
 * @lw: the lower, space.reserve open
 * @dir_max: bytes of a directory from which on it gets no more names; 0: no bound
 *
 * Context: process context, under the lower's cred.
 * Return: 0; -ENOSPC: the lower is too full to be used; or its error.
 */
int harp_space_open(struct harp_lower *lw, u64 dir_max)
{
	struct harp_space *s = &lw->space;
	struct kstatfs st;
	int err;

	spin_lock_init(&s->lock);
	mutex_init(&s->change);
	s->dir_max = dir_max;
	err = harp_do_statfs(&lw->r->lower_root, &st);
	if (err)
		return err;
	s->reserve_bytes = clamp_t(u64, st.f_blocks * st.f_bsize / 100, HARP_RESERVE_MIN,
				   HARP_RESERVE_MAX);
	return harp_reserve_resize(lw, s->reserve_bytes);
}

/**
 * harp_space_freed() - how often the reserve has been given up
 * @lw: the lower
 *
 * Context: any; before a step that may find no room.
 * Return: what harp_space_release() wants to know then.
 */
u32 harp_space_freed(const struct harp_lower *lw)
{
	return READ_ONCE(lw->space.freed);
}

static int harp_reserve_give_up(struct harp_lower *lw)
{
	struct harp_space *s = &lw->space;
	int err;

	lockdep_assert_held(&s->change);
	spin_lock(&s->lock);
	s->released = true;
	spin_unlock(&s->lock);
	pr_warn("harp: %s/%u: the lower is full: its reserve goes to what is committed, the group refuses to grow\n",
		lw->r->group, lw->r->member);
	err = harp_reserve_resize(lw, 0);
	/* Freed blocks can be used when the journal has committed. */
	if (!err)
		err = harp_do_syncfs(lw->r->lower_root.mnt->mnt_sb);
	if (!err)
		WRITE_ONCE(s->freed, s->freed + 1);
	return err;
}

/**
 * harp_space_release() - give the reserve up for what is committed
 * @lw: the lower
 * @freed: of harp_space_freed(), from before what found no room was tried
 *
 * Two may come at a time, apply and the LB pass: the second waits, and the room is its, too.
 *
 * Context: apply or sync thread, under the lower's cred, no lock of the lower held.
 * Return: 0: there may be room now; -ENOSPC: there was no more room when it was tried;
 * or the lower's error.
 */
int harp_space_release(struct harp_lower *lw, u32 freed)
{
	struct harp_space *s = &lw->space;
	int err;

	mutex_lock(&s->change);
	if (s->freed != freed)
		err = 0;
	else
		err = s->released ? -ENOSPC : harp_reserve_give_up(lw);
	mutex_unlock(&s->change);
	return err;
}

static void harp_reserve_restore(struct harp_lower *lw)
{
	struct harp_space *s = &lw->space;

	lockdep_assert_held(&s->change);
	if (!s->released || harp_space_sample(lw) || s->free_bytes < 2 * s->reserve_bytes ||
	    harp_reserve_resize(lw, s->reserve_bytes))
		return;
	spin_lock(&s->lock);
	s->released = false;
	spin_unlock(&s->lock);
	pr_info("harp: %s/%u: the lower has room again\n", lw->r->group, lw->r->member);
}

/**
 * harp_space_tend() - make a reserve that was given up whole again
 * @lw: the lower
 *
 * Context: sync thread, under the lower's cred.
 */
void harp_space_tend(struct harp_lower *lw)
{
	struct harp_space *s = &lw->space;

	if (!READ_ONCE(s->released) || lw->r->media_failure)
		return;
	mutex_lock(&s->change);
	harp_reserve_restore(lw);
	mutex_unlock(&s->change);
}

/**
 * harp_media_failure() - the lower cannot be trusted any more (N6)
 * @r: the replica
 * @err: what happened
 * @what: to what
 * @index: at or up to which record
 *
 * Context: process context; leaves the view, once.
 */
void harp_media_failure(struct harp_replica *r, int err, const char *what, u64 index)
{
	char text[96];
	bool first;

	spin_lock(&r->lock);
	first = !r->media_failure;
	r->media_failure = true;
	spin_unlock(&r->lock);
	if (!first)
		return;
	snprintf(text, sizeof(text), "%s: %pe", what, ERR_PTR(err));
	pr_err("harp: %s/%u: media failure at record %llu: %s\n", r->group, r->member, index,
	       text);
	harp_event(r, HARP_EVENT_MEDIA_FAILURE, index, text);
	harp_leave(r);
}

/**
 * harp_lower_error() - what a lower's error while reading is to the caller
 * @r: the replica
 * @err: the error
 * @what: what was tried
 *
 * A lower that cannot be read is a media failure: this member leaves the view, and
 * the caller tries again, at the other.
 *
 * Context: process context.
 * Return: @err, or -ETIMEDOUT.
 */
int harp_lower_error(struct harp_replica *r, int err, const char *what)
{
	switch (err) {
	case -EIO:
	case -EUCLEAN:
	case -EBADMSG:
		harp_media_failure(r, err, what, 0);
		return -ETIMEDOUT;
	default:
		return err;
	}
}
