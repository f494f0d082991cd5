// SPDX-License-Identifier: GPL-2.0
/*
 * Replicas: made by the first mount, found by group and member, ended by
 * REPLICA_DEL (protocol S1, S3).
 */
#include <linux/debugfs.h>
#include <linux/fs_context.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <net/net_namespace.h>
#include "dataplane.h"

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
	r->confirm = p->confirm;
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
	seq_printf(m, "wait_confirm %llu\n", (u64)atomic64_read(&r->n_wait_confirm));
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
	harp_fault_debugfs(r, r->links->dir);
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
	else if (r->confirm != p->confirm)
		what = "lease";
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
	harp_fault_end(r);
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

/* ------------------------------------------------------------------ the module */

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
