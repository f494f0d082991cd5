// SPDX-License-Identifier: GPL-2.0
/*
 * Replicas: made by the first mount, found by group and member, ended by
 * REPLICA_DEL; and the one way into a view, VIEW_START (protocol S1-S3, V6).
 */
#include <linux/debugfs.h>
#include <linux/fs_context.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/netlink.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <net/net_namespace.h>
#include "dataplane.h"
#include "trace.h"

/*
 * Protects the two lists, no more: every verb looks up its replica, those that keep a
 * lease included, and must not wait for what a mount or an end waits for.
 */
static DEFINE_SPINLOCK(harp_replicas_lock);
static LIST_HEAD(harp_replicas);
static LIST_HEAD(harp_names_taken);
static DECLARE_WAIT_QUEUE_HEAD(harp_names_wq);

/**
 * struct harp_name - a replica that is being made or is ending, on somebody's stack
 * @list: in harp_names_taken
 * @group: its group's name
 * @member: its slot
 */
struct harp_name {
	struct list_head list;
	const char *group;
	u8 member;
};

static struct dentry *harp_debugfs;

/* ------------------------------------------------------------- reference counts */

static void harp_links_free(struct harp_links *ls)
{
	if (!ls)
		return;
	cancel_delayed_work_sync(&ls->lease_work);
	cancel_work_sync(&ls->discard_work);
	kfree(ls);
}

static void harp_replica_free(struct kref *ref)
{
	struct harp_replica *r = container_of(ref, struct harp_replica, ref);

	harp_gate_free(r);
	harp_links_free(r->links);
	harp_lower_close(r);
	if (!IS_ERR_OR_NULL(r->log))
		harp_log_close(r->log);
	path_put(&r->lower_root);
	put_net(r->net);
	kfree(r);
	module_put(THIS_MODULE);
}

/**
 * harp_replica_get() - take a reference
 * @r: the replica
 *
 * Context: any.
 */
void harp_replica_get(struct harp_replica *r)
{
	kref_get(&r->ref);
}

/**
 * harp_replica_put() - give a reference back
 * @r: the replica
 *
 * Context: process context, may sleep; not from the replica's own threads.
 */
void harp_replica_put(struct harp_replica *r)
{
	kref_put(&r->ref, harp_replica_free);
}

static struct harp_links *harp_links_alloc(struct harp_replica *r)
{
	struct harp_links *ls = kzalloc(sizeof(*ls), GFP_KERNEL);

	if (!ls)
		return NULL;
	ls->r = r;
	mutex_init(&ls->mutex);
	spin_lock_init(&ls->lock);
	init_waitqueue_head(&ls->tx_wq);
	init_waitqueue_head(&ls->rx_wq);
	init_waitqueue_head(&ls->commit_wq);
	INIT_DELAYED_WORK(&ls->lease_work, harp_lease_work);
	INIT_WORK(&ls->discard_work, harp_discard_work);
	ls->promise_to = HARP_MEMBERS;
	return ls;
}

/**
 * harp_replica_alloc() - a replica object without log, lower and threads
 * @p: what the mount said
 *
 * A new object is a new incarnation: it is in no view, and no AGREE may come
 * from it before the hold has passed (S1, finding 8).
 *
 * Context: process context.
 * Return: the replica with one reference, or NULL.
 */
struct harp_replica *harp_replica_alloc(const struct harp_replica_params *p)
{
	struct harp_replica *r = kzalloc(sizeof(*r), GFP_KERNEL);
	ktime_t now = ktime_get_boottime();
	unsigned int i;

	if (!r)
		return NULL;
	kref_init(&r->ref);
	__module_get(THIS_MODULE);
	INIT_LIST_HEAD(&r->list);
	init_rwsem(&r->sb_rwsem);
	spin_lock_init(&r->lock);
	init_waitqueue_head(&r->serve_wq);
	init_waitqueue_head(&r->apply_wq);
	for (i = 0; i < HARP_WAITQS; i++)
		init_waitqueue_head(&r->wait_wq[i]);
	strscpy(r->group, p->group, sizeof(r->group));
	r->uuid = p->uuid;
	r->member = p->member;
	r->epoch = p->epoch;
	r->lineage = p->lineage;
	r->inc = p->inc;
	r->region = p->region;
	r->net = get_net(p->net);
	r->lower_root = p->lower;
	path_get(&r->lower_root);
	r->touched = now;
	r->hold_ms = p->hold_ms;
	r->hold_until = ktime_add_ms(now, p->hold_ms);
	r->next_fid = HARP_FID_FIRST;
	r->links = harp_links_alloc(r);
	if (!r->links || harp_gate_alloc(r)) {
		harp_replica_put(r);
		return NULL;
	}
	return r;
}

/* --------------------------------------------------------------------- finding */

static struct harp_replica *harp_replica_lookup(const char *group, u8 member)
{
	struct harp_replica *r;

	lockdep_assert_held(&harp_replicas_lock);
	list_for_each_entry(r, &harp_replicas, list)
		if (r->member == member && !strcmp(r->group, group))
			return r;
	return NULL;
}

/**
 * harp_replica_nth() - the live replicas, one by one
 * @n: how many have been seen
 *
 * One that comes or goes meanwhile may be told twice or not at all, as in any dump.
 *
 * Context: process context.
 * Return: the next replica with a reference, or NULL after the last.
 */
struct harp_replica *harp_replica_nth(unsigned long n)
{
	struct harp_replica *r;

	spin_lock(&harp_replicas_lock);
	list_for_each_entry(r, &harp_replicas, list) {
		if (n--)
			continue;
		harp_replica_get(r);
		spin_unlock(&harp_replicas_lock);
		return r;
	}
	spin_unlock(&harp_replicas_lock);
	return NULL;
}

/**
 * harp_replica_find() - find a live replica
 * @group: the group's name
 * @member: slot
 *
 * Context: process context.
 * Return: the replica with a reference, or NULL.
 */
struct harp_replica *harp_replica_find(const char *group, u8 member)
{
	struct harp_replica *r;

	spin_lock(&harp_replicas_lock);
	r = harp_replica_lookup(group, member);
	if (r)
		harp_replica_get(r);
	spin_unlock(&harp_replicas_lock);
	return r;
}

/**
 * harp_is_primary() - is this member the primary of its view?
 * @r: the replica
 *
 * Context: any.
 * Return: true also while it is fenced or without lease: harp_enter() tells more.
 */
bool harp_is_primary(struct harp_replica *r)
{
	return READ_ONCE(r->role) == HARP_ROLE_PRIMARY;
}

/* ---------------------------------------------------------------------- making */

/**
 * harp_seen_add() - remember the fids and the time of a record
 * @seen: what has been remembered
 * @rec: a record, verified
 *
 * Context: any.
 */
void harp_seen_add(struct harp_seen *seen, const struct harp_rec *rec)
{
	unsigned int i;

	for (i = 0; i < rec->ninode; i++)
		seen->fid = max_t(u64, seen->fid, le64_to_cpu(rec->inode[i]->fid));
	seen->time_ns = max_t(u64, seen->time_ns, rec->time_ns);
}

/**
 * harp_seen_note() - no fid of a record in the log may be given again, no time either
 * @r: the replica
 * @seen: of records that are in the log now
 *
 * Context: process context, takes replica.lock.
 */
void harp_seen_note(struct harp_replica *r, const struct harp_seen *seen)
{
	spin_lock(&r->lock);
	if (seen->fid >= r->next_fid)
		r->next_fid = seen->fid + 1;
	r->last_time_ns = max(r->last_time_ns, seen->time_ns);
	spin_unlock(&r->lock);
}

/* What was found in the log counts for fids and times, applied or not. */
static int harp_replica_scan(struct harp_replica *r, struct fs_context *fc)
{
	const struct harp_rec_hdr *hdr;
	struct harp_seen seen = { };
	const char *why = NULL;
	struct harp_log_pos pos;
	struct harp_rec rec;
	u64 i;

	harp_log_pos(r->log, &pos);
	for (i = pos.base; i <= pos.top; i++) {
		hdr = harp_log_get(r->log, i);
		if (!hdr || harp_rec_parse(hdr, le32_to_cpu(hdr->len), &rec, &why)) {
			errorf(fc, "harp: record %llu of the region: %s", i, why ?: "not there");
			return -EIO;
		}
		harp_seen_add(&seen, &rec);
	}
	harp_seen_note(r, &seen);
	return 0;
}

static int harp_replica_open(struct harp_replica *r, const struct harp_replica_params *p,
			     struct fs_context *fc)
{
	struct harp_log_found *found = &r->found;
	struct harp_log *log;
	int err;

	log = harp_log_open(&p->region, &r->uuid, r->member, r->lineage, r->epoch, r->inc, found);
	if (IS_ERR(log)) {
		errorf(fc, "harp: region=: cannot use it: %s", found->why);
		return PTR_ERR(log);
	}
	r->log = log;
	err = harp_lower_open(r, p->init, fc);
	if (err)
		return err;
	if (found->valid) {
		r->links->intact = found->complete && found->walked >= found->wm;
	} else {
		/*
		 * S3: what a fresh region lacks nobody knows, unless the group is only
		 * now being made: then the empty log from index 1 is the whole log.
		 */
		r->links->intact = p->init && !r->lb;
		mutex_lock(harp_log_mutex(log));
		err = harp_log_format(log, r->lb + 1, 0, 0, 0, r->links->intact);
		mutex_unlock(harp_log_mutex(log));
		if (err) {
			errorf(fc, "harp: region=: cannot format it: %pe", ERR_PTR(err));
			return err;
		}
	}
	r->ap = r->lb;
	r->cp = r->ap;
	r->links->woken = r->ap;
	return harp_replica_scan(r, fc);
}

static int harp_counters_show(struct seq_file *m, void *v)
{
	struct harp_replica *r = m->private;

	seq_printf(m, "sent %llu\n", (u64)atomic64_read(&r->links->n_sent));
	seq_printf(m, "acks %llu\n", (u64)atomic64_read(&r->links->n_acks));
	seq_printf(m, "refused %llu\n", (u64)atomic64_read(&r->n_refused));
	seq_printf(m, "bad_handles %llu\n", (u64)atomic64_read(&r->n_bad_handle));
	seq_printf(m, "released %llu\n", (u64)atomic64_read(&r->n_released));
	seq_printf(m, "wait_full %llu\n", (u64)atomic64_read(&r->n_wait_full));
	seq_printf(m, "wait_lease %llu\n", (u64)atomic64_read(&r->n_wait_lease));
	/* Ends on CLOCK_BOOTTIME: in one kernel a test can compare two members'. */
	seq_printf(m, "lease_until_ns %lld\n", ktime_to_ns(READ_ONCE(r->lease_until)));
	seq_printf(m, "promise_until_ns %lld\n", ktime_to_ns(READ_ONCE(r->promise_until)));
	harp_gate_show(r, m);
	harp_lower_show(r, m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(harp_counters);

static void harp_replica_debugfs(struct harp_replica *r)
{
	char name[HARP_GROUP_NAME_MAX + 8];

	snprintf(name, sizeof(name), "%s-%u", r->group, r->member);
	r->links->dir = debugfs_create_dir(name, harp_debugfs);
	debugfs_create_file("counters", 0400, r->links->dir, r, &harp_counters_fops);
}

static struct harp_replica *harp_replica_make(const struct harp_replica_params *p,
					      struct fs_context *fc)
{
	struct harp_replica *r = harp_replica_alloc(p);
	int err;

	if (!r)
		return ERR_PTR(-ENOMEM);
	err = harp_replica_open(r, p, fc);
	if (err)
		goto out_put;
	harp_links_init(r);
	err = harp_apply_start(r);
	if (err)
		goto out_links;
	harp_replica_debugfs(r);
	return r;

out_links:
	harp_links_exit(r);
out_put:
	harp_replica_put(r);
	return ERR_PTR(err);
}

/* A second mount must mean the same replica. */
static int harp_replica_same(struct harp_replica *r, const struct harp_replica_params *p,
			     struct fs_context *fc)
{
	const char *what = NULL;

	if (!uuid_equal(&r->uuid, &p->uuid))
		what = "uuid";
	else if (r->inc != p->inc)
		what = "inc";
	else if (r->lineage != p->lineage)
		what = "lineage";
	else if (r->epoch != p->epoch)
		what = "epoch";
	else if (r->region.kind != p->region.kind || r->region.size != p->region.size ||
		 r->region.start != p->region.start ||
		 strncmp(r->region.label, p->region.label, sizeof(r->region.label)))
		what = "region";
	else if (r->lower_root.dentry != p->lower.dentry)
		what = "lower directory";
	if (!what)
		return 0;
	errorf(fc, "harp: group %s member %u is live in this kernel with another %s",
	       r->group, r->member, what);
	return -EBUSY;
}

static bool harp_name_is_taken(const char *group, u8 member)
{
	struct harp_name *n;

	lockdep_assert_held(&harp_replicas_lock);
	list_for_each_entry(n, &harp_names_taken, list)
		if (n->member == member && !strcmp(n->group, group))
			return true;
	return false;
}

static bool harp_name_is_free(const struct harp_name *name)
{
	bool taken;

	spin_lock(&harp_replicas_lock);
	taken = harp_name_is_taken(name->group, name->member);
	spin_unlock(&harp_replicas_lock);
	return !taken;
}

static void harp_name_give(struct harp_name *name)
{
	lockdep_assert_held(&harp_replicas_lock);
	list_del(&name->list);
	wake_up_all(&harp_names_wq);
}

/*
 * The live replica of @name, referenced; or NULL, and the name is the caller's, who makes
 * one: so there is one of each, and others of that name wait for it, and for no other.
 */
static struct harp_replica *harp_name_take(struct harp_name *name)
{
	struct harp_replica *r;

	spin_lock(&harp_replicas_lock);
	while (harp_name_is_taken(name->group, name->member)) {
		spin_unlock(&harp_replicas_lock);
		if (wait_event_killable(harp_names_wq, harp_name_is_free(name)))
			return ERR_PTR(-EINTR);
		spin_lock(&harp_replicas_lock);
	}
	r = harp_replica_lookup(name->group, name->member);
	if (r)
		harp_replica_get(r);
	else
		list_add(&name->list, &harp_names_taken);
	spin_unlock(&harp_replicas_lock);
	return r;
}

/**
 * harp_replica_mount() - find or make the replica of a mount
 * @p: what the mount said
 * @fc: for errors
 *
 * Context: process context; waits for another mount of this replica.
 * Return: the replica with a reference, or an ERR_PTR(); -EBUSY when a live one
 * was made with other parameters.
 */
struct harp_replica *harp_replica_mount(const struct harp_replica_params *p,
					struct fs_context *fc)
{
	struct harp_name name = { .group = p->group, .member = p->member };
	struct harp_replica *r = harp_name_take(&name);
	int err;

	if (IS_ERR(r))
		return r;
	if (r) {
		err = harp_replica_same(r, p, fc);
		if (!err)
			return r;
		harp_replica_put(r);
		return ERR_PTR(err);
	}
	r = harp_replica_make(p, fc);
	spin_lock(&harp_replicas_lock);
	if (!IS_ERR(r)) {
		list_add_tail(&r->list, &harp_replicas);
		harp_replica_get(r);
	}
	harp_name_give(&name);
	spin_unlock(&harp_replicas_lock);
	return r;
}

/**
 * harp_replica_take_sb() - this replica is mounted
 * @r: the replica
 * @sb: the mount's
 *
 * Context: process context, takes sb_rwsem.
 * Return: 0; -ENODEV when it has ended since harp_replica_mount() found it.
 */
int harp_replica_take_sb(struct harp_replica *r, struct super_block *sb)
{
	int err = 0;

	down_write(&r->sb_rwsem);
	spin_lock(&harp_replicas_lock);
	if (list_empty(&r->list))
		err = -ENODEV;
	else
		r->sb = sb;
	spin_unlock(&harp_replicas_lock);
	up_write(&r->sb_rwsem);
	return err;
}

/**
 * harp_replica_del() - end a replica
 * @r: the replica; the caller has a reference
 * @wipe: the log in its region ends, too
 *
 * Its name stays taken until its threads have ended: two replicas of one name would
 * write to one lower.
 *
 * Context: process context, sleeps.
 * Return: 0; -EBUSY while mounted; -ENODEV when it has ended already.
 */
int harp_replica_del(struct harp_replica *r, bool wipe)
{
	struct harp_name name = { .group = r->group, .member = r->member };
	int err = 0;

	down_read(&r->sb_rwsem);
	spin_lock(&harp_replicas_lock);
	if (r->sb) {
		err = -EBUSY;
	} else if (list_empty(&r->list)) {
		err = -ENODEV;
	} else {
		list_del_init(&r->list);
		list_add(&name.list, &harp_names_taken);
	}
	spin_unlock(&harp_replicas_lock);
	up_read(&r->sb_rwsem);
	if (err)
		return err;

	debugfs_remove_recursive(r->links->dir);
	harp_links_close(r);
	harp_leave(r);
	/* What an umount may have parked would wait for threads that end now. */
	WARN_ON(harp_release(r, NULL));
	harp_links_exit(r);
	harp_apply_stop(r);
	harp_gate_close(r);
	if (wipe)
		harp_log_wipe(r->log);
	spin_lock(&harp_replicas_lock);
	harp_name_give(&name);
	spin_unlock(&harp_replicas_lock);
	harp_replica_put(r);
	return 0;
}

/* ------------------------------------------------------------------------ views */

static int harp_view_check_sec(struct harp_replica *r, const struct harp_sec_view *v, u32 len,
			       struct netlink_ext_ack *extack)
{
	u32 nvoid, promise;

	if (len < sizeof(*v) || le16_to_cpu(v->sec.type) != HARP_SEC_VIEW ||
	    le32_to_cpu(v->sec.len) != len || v->sec.reserved || v->reserved) {
		NL_SET_ERR_MSG(extack, "VIEW_RECORD: not a struct harp_sec_view of its own length");
		return -EINVAL;
	}
	nvoid = le16_to_cpu(v->nvoid);
	if (nvoid || len != sizeof(*v)) {
		NL_SET_ERR_MSG(extack, "VIEW_RECORD: void indices are not supported");
		return -EOPNOTSUPP;
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

/* Where the view would begin, compared with the log (V6). */
static int harp_view_check_log(struct harp_replica *r, const struct harp_sec_view *v, u64 match,
			       struct netlink_ext_ack *extack)
{
	u64 s = le64_to_cpu(v->s), view = le64_to_cpu(v->view), known;
	struct harp_log_pos pos;

	harp_log_pos(r->log, &pos);
	if (view <= r->view || view <= pos.formed) {
		NL_SET_ERR_MSG(extack, "VIEW_RECORD: view not above this member's last");
		return -ESTALE;
	}
	if (match + 1 < pos.base || match > pos.top || match > s) {
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
	known = match == s ? harp_log_view_at(r->log, s) : 0;
	if (s && known && known != le64_to_cpu(v->view_of_s)) {
		NL_SET_ERR_MSG(extack, "VIEW_RECORD: view_of_s is not the view of record s here");
		return -EINVAL;
	}
	return 0;
}

/*
 * Cut, append the VIEW record, store the header: the region's part of V6. A backup
 * that lacks records only cuts; its header names the view when they have come.
 */
static int harp_view_log(struct harp_replica *r, const struct harp_sec_view *v, u64 match,
			 struct harp_builder *b)
{
	u64 s = le64_to_cpu(v->s), view = le64_to_cpu(v->view), index;
	int err;

	/* Also at the top: what was lost after it (top < wm) is only so given up. */
	err = harp_log_cut(r->log, match);
	if (err)
		return err;
	if (match < s)
		return 0;
	/* Every member writes the same bytes: no time but 0, no cost. */
	err = harp_log_append(r->log, b->buf, view, 0, 0, &index);
	if (err)
		return err;
	if (WARN_ON_ONCE(index != s + 1))
		return -EIO;
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
	const u32 cap = HARP_REC_OVERHEAD_MAX;
	void *buf = kzalloc(cap, GFP_KERNEL);

	if (!buf)
		return -ENOMEM;
	harp_build_begin(b, buf, cap, HARP_REC_VIEW);
	harp_build_view(b, v, NULL, 0);
	return harp_build_finish(b);
}

static bool harp_parked(struct harp_replica *r)
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
				  u64 match, struct harp_builder *b, bool *reload,
				  struct netlink_ext_ack *extack)
{
	u64 view = le64_to_cpu(v->view);
	bool cut;
	u32 left;
	int err;

	lockdep_assert_held(harp_log_mutex(r->log));
	err = harp_view_check_log(r, v, match, extack);
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
	cut = harp_log_top(r->log) > match;
	/* Their records would go and their indices be given again (V8, G3). */
	if (cut && harp_parked(r)) {
		NL_SET_ERR_MSG(extack, "operations are parked on records to be cut: RELEASE first");
		return -EBUSY;
	}
	err = harp_view_log(r, v, match, b);
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
 * @match: highest record this log has in common with the view's
 * @extack: why not
 *
 * A link that is added before harpd's own state file says "formed" would let ACKs
 * speak of a view that a power cut forgets (finding 4): harpd adds it afterwards.
 * Links of an earlier view end here.
 *
 * Context: process context, sleeps.
 * Return: 0 or a negative errno; then links of an earlier view have ended all the same,
 * the fence may be raised, and records above @match may have gone.
 */
int harp_view_start(struct harp_replica *r, const struct harp_sec_view *v, u32 len, u64 match,
		    struct netlink_ext_ack *extack)
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
	err = harp_view_start_locked(r, v, match, &b, &reload, extack);
	mutex_unlock(harp_log_mutex(r->log));
out_unlock:
	mutex_unlock(&r->links->mutex);
	if (!err)
		trace_harp_view(r, le64_to_cpu(v->view), le64_to_cpu(v->s));
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

/**
 * harp_replicas_init() - debugfs of the module
 *
 * Context: module load.
 */
void harp_replicas_init(void)
{
	harp_debugfs = debugfs_create_dir("harp", NULL);
}

/**
 * harp_replicas_exit() - undo harp_replicas_init()
 *
 * Context: module unload; no replica is left, each pins the module.
 */
void harp_replicas_exit(void)
{
	debugfs_remove_recursive(harp_debugfs);
}
