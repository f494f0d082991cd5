// SPDX-License-Identifier: GPL-2.0
/*
 * The one way into a view, VIEW_START (protocol S2, V6), and what ends parked operations
 * on a member that is out of one, RELEASE (G3).
 */
#include <linux/ktime.h>
#include <linux/netlink.h>
#include <linux/slab.h>
#include "dataplane.h"
#include "trace.h"

static int harp_view_check_sec(struct harp_replica *r, const struct harp_sec_view *v, u32 len,
			       struct netlink_ext_ack *extack)
{
	const __le64 *voids = (const __le64 *)(v + 1);
	u32 nvoid, promise, i;

	if (len < sizeof(*v) || le16_to_cpu(v->sec.type) != HARP_SEC_VIEW ||
	    le32_to_cpu(v->sec.len) != len || v->sec.reserved || v->reserved) {
		NL_SET_ERR_MSG(extack, "VIEW_RECORD: not a struct harp_sec_view of its own length");
		return -EINVAL;
	}
	nvoid = le16_to_cpu(v->nvoid);
	if (nvoid > HARP_VOIDS_MAX || len != sizeof(*v) + nvoid * sizeof(*voids)) {
		NL_SET_ERR_MSG(extack, "VIEW_RECORD: too many void indices, or too few");
		return -EINVAL;
	}
	for (i = 0; i < nvoid; i++) {
		if (!voids[i] || le64_to_cpu(voids[i]) > le64_to_cpu(v->s)) {
			NL_SET_ERR_MSG(extack, "VIEW_RECORD: a void index must be of 1 to s");
			return -ERANGE;
		}
	}
	if (le64_to_cpu(v->lineage) != r->lineage) {
		NL_SET_ERR_MSG(extack, "VIEW_RECORD: lineage is not this replica's");
		return -EINVAL;
	}
	if (le32_to_cpu(v->epoch) != r->epoch) {
		NL_SET_ERR_MSG(extack, "VIEW_RECORD: epoch is not this replica's");
		return -EINVAL;
	}
	promise = le32_to_cpu(v->promise_ms);
	if (promise < HARP_PROMISE_MIN_MS || promise > HARP_PROMISE_CAP_MS) {
		NL_SET_ERR_MSG(extack, "VIEW_RECORD: expected promise_ms of 100 to 10000");
		return -ERANGE;
	}
	if (le64_to_cpu(v->s) >= HARP_INDEX_MAX) {
		NL_SET_ERR_MSG(extack, "VIEW_RECORD: s is beyond the last index");
		return -ERANGE;
	}
	if (v->primary >= HARP_MEMBERS || v->backup >= HARP_MEMBERS || v->primary == v->backup) {
		NL_SET_ERR_MSG(extack, "VIEW_RECORD: primary and backup must be two slots below 3");
		return -EINVAL;
	}
	if (v->primary != r->member && v->backup != r->member) {
		NL_SET_ERR_MSG(extack, "VIEW_RECORD: this member is neither primary nor backup");
		return -EINVAL;
	}
	/* S2, finding 3: another life of this member was meant. */
	if (le64_to_cpu(v->primary == r->member ? v->primary_inc : v->backup_inc) != r->inc) {
		NL_SET_ERR_MSG(extack, "VIEW_RECORD: incarnation is not this object's");
		return -ESTALE;
	}
	return 0;
}

/*
 * All up to s is on the disk, and the log has nothing of it, nor the checksum to which the
 * VIEW record is chained: it was lost, or what was fed is not in a walk (C1). START says it.
 * What was fed for an earlier START may follow (V6), and goes.
 */
static bool harp_view_anchors(struct harp_replica *r, const struct harp_log_pos *pos, u64 s,
			      u64 match)
{
	return s && match == s && s == READ_ONCE(r->lb) && s == READ_ONCE(r->ap) &&
	       (pos->top < s || (pos->base == s + 1 && !pos->anchor_view));
}

/* Where START says that the log must end: is that so? */
static int harp_view_check_top(struct harp_replica *r, const struct harp_sec_view *v,
			       const struct harp_view_from *from, struct netlink_ext_ack *extack)
{
	u64 s = le64_to_cpu(v->s);
	const struct harp_rec_hdr *rec;
	struct harp_log_pos pos;

	harp_log_pos(r->log, &pos);
	if (harp_view_anchors(r, &pos, s, from->match)) {
		if (from->crc_known)
			return 0;
		NL_SET_ERR_MSG(extack, "CRC_OF_S is missing: this log does not hold record s");
		return -ENODATA;
	}
	if (from->match > pos.top) {
		NL_SET_ERR_MSG(extack, "MATCH: expected base - 1 to top of the log, and at most s");
		return -ERANGE;
	}
	if (!s || from->match != s)
		return 0;
	if (harp_log_view_at(r->log, s) != le64_to_cpu(v->view_of_s)) {
		NL_SET_ERR_MSG(extack, "VIEW_RECORD: view_of_s is not the view of record s here");
		return -EINVAL;
	}
	rec = harp_log_get(r->log, s);
	if (from->crc_known &&
	    from->crc_of_s != (rec ? le32_to_cpu(rec->crc) : pos.anchor_crc)) {
		NL_SET_ERR_MSG(extack, "CRC_OF_S: not the checksum of record s here");
		return -EINVAL;
	}
	return 0;
}

/* P2: what was applied here as a record cannot be nothing any more. */
static int harp_view_check_voids(struct harp_replica *r, const struct harp_sec_view *v,
				 struct netlink_ext_ack *extack)
{
	const __le64 *voids = (const __le64 *)(v + 1);
	u32 nvoid = le16_to_cpu(v->nvoid), i;

	for (i = 0; i < nvoid; i++) {
		u64 index = le64_to_cpu(voids[i]);

		if (index <= READ_ONCE(r->ap) && !harp_log_void(r->log, index)) {
			NL_SET_ERR_MSG(extack, "VIEW_RECORD: a void record was applied here");
			return -EINVAL;
		}
	}
	/* Whoever waits for such a record would be told that it was done. */
	if (nvoid && harp_parked(r)) {
		NL_SET_ERR_MSG(extack, "void records and parked operations: RELEASE first");
		return -EBUSY;
	}
	return 0;
}

/* Where the view would begin, compared with the log (V6). */
static int harp_view_check_log(struct harp_replica *r, const struct harp_sec_view *v,
			       const struct harp_view_from *from, struct netlink_ext_ack *extack)
{
	u64 s = le64_to_cpu(v->s), view = le64_to_cpu(v->view), match = from->match;
	struct harp_log_pos pos;

	if (harp_copy_goes_on(r)) {
		NL_SET_ERR_MSG(extack, "a copy onto the lower has not ended: go on with it");
		return -ENODATA;
	}
	harp_log_pos(r->log, &pos);
	if (view <= r->view || view <= pos.formed) {
		NL_SET_ERR_MSG(extack, "VIEW_RECORD: view not above this member's last");
		return -ESTALE;
	}
	if (match + 1 < pos.base || match > s) {
		NL_SET_ERR_MSG(extack, "MATCH: expected base - 1 to top of the log, and at most s");
		return -ERANGE;
	}
	if (match < READ_ONCE(r->ap) || match < min(READ_ONCE(r->cp), pos.top)) {
		NL_SET_ERR_MSG(extack, "MATCH: would cut what is committed or applied");
		return -EINVAL;
	}
	if (pos.base > r->lb + 1) {
		NL_SET_ERR_MSG(extack, "the log begins after LB + 1: this member needs a copy");
		return -ENODATA;
	}
	/* A backup is sent what it lacks, the VIEW record too (harp_fill_done()). */
	if (match < s && v->primary == r->member) {
		NL_SET_ERR_MSG(extack, "records after MATCH up to s are missing here");
		return -ENODATA;
	}
	return harp_view_check_voids(r, v, extack) ?: harp_view_check_top(r, v, from, extack);
}

/*
 * Cut, append the VIEW record, store the header: the region's part of V6. A backup
 * that lacks records only cuts; its header names the view when they have come.
 */
static int harp_view_log(struct harp_replica *r, const struct harp_sec_view *v,
			 const struct harp_view_from *from, struct harp_builder *b)
{
	u64 s = le64_to_cpu(v->s), view = le64_to_cpu(v->view), match = from->match, index;
	struct harp_log_pos pos;
	int err;

	harp_log_pos(r->log, &pos);
	if (harp_view_anchors(r, &pos, s, match))
		err = harp_log_format(r->log, s + 1, le64_to_cpu(v->view_of_s), from->crc_of_s,
				      pos.formed, false);
	else
		/* Also at the top: what was lost after it (top < wm) is only so given up. */
		err = harp_log_cut(r->log, match);
	if (err)
		return err;
	harp_fault(r, HARP_FAULT_CUT);
	if (match < s)
		return 0;
	/* Every member writes the same bytes: no time but 0, no cost. */
	err = harp_log_append(r->log, b->buf, view, 0, 0, &index);
	if (err)
		return err;
	if (WARN_ON_ONCE(index != s + 1))
		return -EIO;
	harp_fault(r, HARP_FAULT_VIEW_RECORD);
	harp_log_set_formed(r->log, view, true, s + 1);
	return 0;
}

/* The object's part of V6. Returns whether what VFS inodes cache is void. */
static bool harp_view_adopt(struct harp_replica *r, const struct harp_sec_view *v, bool cut,
			    bool fill)
{
	bool primary = v->primary == r->member, was = r->role == HARP_ROLE_PRIMARY;
	struct harp_links *ls = r->links;

	lockdep_assert_held(&r->lock);
	/* No record that an earlier life of this member has applied is above s. */
	if (!r->redo_ready && (!r->view || r->ap < r->redo_to))
		WRITE_ONCE(r->redo_to, le64_to_cpu(v->s));
	WRITE_ONCE(r->role, primary ? HARP_ROLE_PRIMARY : HARP_ROLE_BACKUP);
	r->peer = primary ? v->backup : v->primary;
	r->peer_inc = le64_to_cpu(primary ? v->backup_inc : v->primary_inc);
	WRITE_ONCE(r->view, le64_to_cpu(v->view));
	WRITE_ONCE(r->fence, max(r->fence, r->view));
	r->s = le64_to_cpu(v->s);
	r->promise_ms = le32_to_cpu(v->promise_ms);
	WRITE_ONCE(r->serving, false);
	WRITE_ONCE(r->released, false);
	r->acked = 0;
	r->peer_ap = 0;
	r->peer_lb = 0;
	r->told_cp = 0;
	r->told_ap = 0;
	r->promise_until = 0;
	WRITE_ONCE(r->lease_until, 0);
	r->promise_no = 0;
	r->heard = 0;
	ls->promise_to = HARP_MEMBERS;
	ls->started = false;
	ls->peer_left = false;
	ls->peer_no_control = false;
	ls->lease_lost = false;
	ls->filling = fill;
	ls->intact = !fill;
	ls->expect = *v;
	ls->view_began = ktime_get_boottime();
	ls->peer_served = ls->view_began;
	memset(ls->given, 0, sizeof(ls->given));
	/* Others' records were applied here since it was primary. */
	was = was && !ls->fed;
	ls->fed = false;
	if (cut || (primary && !was))
		/*
		 * After "not serving", before anything of the new view is applied or served:
		 * pairs with harp_enter_generation() and harp_wait_applied().
		 */
		smp_store_release(&r->generation, r->generation + 1);
	return primary != was || cut;
}

static int harp_view_build(struct harp_builder *b, const struct harp_sec_view *v)
{
	const __le64 *from = (const __le64 *)(v + 1);
	u32 nvoid = le16_to_cpu(v->nvoid), i;
	const u32 cap = HARP_REC_OVERHEAD_MAX;
	void *buf = kzalloc(cap, GFP_KERNEL);
	u64 voids[HARP_VOIDS_MAX];

	if (!buf)
		return -ENOMEM;
	harp_build_begin(b, buf, cap, HARP_REC_VIEW);
	for (i = 0; i < nvoid; i++)
		voids[i] = le64_to_cpu(from[i]);
	harp_build_view(b, v, voids, nvoid);
	return harp_build_finish(b);
}

/**
 * harp_parked() - does an operation wait for a record to be committed and applied?
 * @r: the replica
 *
 * Context: any.
 * Return: true also while one that was released is on its way out.
 */
bool harp_parked(struct harp_replica *r)
{
	unsigned int i;

	for (i = 0; i < HARP_WAITQS; i++)
		if (wq_has_sleeper(&r->wait_wq[i]))
			return true;
	return false;
}

/* What was decided on records that are cut is void, also when no view comes of it. */
static bool harp_view_give_up(struct harp_replica *r, u64 match)
{
	if (harp_log_top(r->log) > match)
		return false;
	spin_lock(&r->lock);
	/* As in harp_view_adopt(). */
	smp_store_release(&r->generation, r->generation + 1);
	spin_unlock(&r->lock);
	return true;
}

static int harp_view_start_locked(struct harp_replica *r, const struct harp_sec_view *v,
				  const struct harp_view_from *from, struct harp_builder *b,
				  bool *reload, struct netlink_ext_ack *extack)
{
	u64 view = le64_to_cpu(v->view), match = from->match;
	bool cut;
	u32 left;
	int err;

	lockdep_assert_held(harp_log_mutex(r->log));
	err = harp_view_check_log(r, v, from, extack);
	if (err)
		return err;
	/* V6: agreed = v. The coordinator's slot is in the number (finding 12). */
	spin_lock(&r->lock);
	err = harp_fence_locked(r, view, view % 4, ktime_get_boottime(), &left);
	spin_unlock(&r->lock);
	if (err == -EBUSY)
		NL_SET_ERR_MSG(extack, "a promise, hold or lease still runs: FENCE first");
	else if (err)
		NL_SET_ERR_MSG(extack, "VIEW_RECORD: view is below the fence in force");
	if (err)
		return err;
	/* What was decided on a record that is nothing now is as void as if it had been cut. */
	cut = harp_log_top(r->log) > match || v->nvoid;
	/* Their records would go and their indices be given again (V8, G3). */
	if (cut && harp_parked(r)) {
		NL_SET_ERR_MSG(extack, "operations are parked on records to be cut: RELEASE first");
		return -EBUSY;
	}
	err = harp_view_log(r, v, from, b);
	if (err) {
		NL_SET_ERR_MSG(extack, "cannot write the VIEW record to the log");
		*reload = cut && harp_view_give_up(r, match);
		return err;
	}
	spin_lock(&r->lock);
	*reload = harp_view_adopt(r, v, cut, match < le64_to_cpu(v->s));
	spin_unlock(&r->lock);
	return 0;
}

/**
 * harp_view_start() - adopt a START (V6)
 * @r: the replica
 * @v: section of the VIEW record
 * @len: its length with void indices
 * @from: what of the log stays, and what follows it
 * @extack: why not
 *
 * A link that is added before harpd's own state file says "formed" would let ACKs
 * speak of a view that a power cut forgets (finding 4): harpd adds it afterwards.
 * Links of an earlier view end here, and so does a feed (C1).
 *
 * Context: process context, sleeps.
 * Return: 0 or a negative errno; then links of an earlier view and feeds have ended all the
 * same, the fence may be raised, and records above the match may have gone.
 */
int harp_view_start(struct harp_replica *r, const struct harp_sec_view *v, u32 len,
		    const struct harp_view_from *from, struct netlink_ext_ack *extack)
{
	struct harp_builder b = { };
	bool reload = false;
	int err;

	err = harp_view_check_sec(r, v, len, extack);
	if (err)
		return err;
	err = harp_view_build(&b, v);
	if (err) {
		NL_SET_ERR_MSG(extack, "VIEW_RECORD: no VIEW record can be made of it");
		goto out;
	}
	mutex_lock(&r->links->mutex);
	if (r->links->closed) {
		NL_SET_ERR_MSG(extack, "the replica is ending");
		err = -ENODEV;
		goto out_unlock;
	}
	harp_link_stop_used(r);
	mutex_lock(harp_log_mutex(r->log));
	spin_lock(&r->lock);
	harp_feed_end(r);
	spin_unlock(&r->lock);
	err = harp_view_start_locked(r, v, from, &b, &reload, extack);
	mutex_unlock(harp_log_mutex(r->log));
out_unlock:
	mutex_unlock(&r->links->mutex);
	if (!err) {
		trace_harp_view(r, le64_to_cpu(v->view), le64_to_cpu(v->s));
		harp_fault(r, HARP_FAULT_ENTERED);
	}
	if (reload)
		harp_super_generation(r);
	if (!err || reload)
		harp_wake_all(r);
out:
	kfree(b.buf);
	return err;
}

/**
 * harp_release() - G3: parked operations return -ESTALE
 * @r: the replica
 * @extack: why not
 *
 * The caller has shut the gate and destroyed the namespace's sockets: none of
 * these answers leaves the machine.
 *
 * Context: process context.
 * Return: 0; -EBUSY while this member may still commit their records.
 */
int harp_release(struct harp_replica *r, struct netlink_ext_ack *extack)
{
	bool demoted = false;

	spin_lock(&r->lock);
	if (r->role == HARP_ROLE_PRIMARY && r->fence <= r->view) {
		spin_unlock(&r->lock);
		NL_SET_ERR_MSG(extack, "primary and not fenced: FENCE or LEAVE first");
		return -EBUSY;
	}
	if (r->role == HARP_ROLE_PRIMARY) {
		WRITE_ONCE(r->role, HARP_ROLE_NONE_);
		demoted = true;
	}
	WRITE_ONCE(r->released, true);
	WRITE_ONCE(r->links->release_seq, r->links->release_seq + 1);
	spin_unlock(&r->lock);
	harp_wake_all(r);
	if (demoted)
		harp_super_generation(r);
	return 0;
}
