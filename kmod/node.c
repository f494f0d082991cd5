// SPDX-License-Identifier: GPL-2.0
/*
 * Nodes: files of the lower, found by fid and kept.
 *
 * The way from a fid to its inode, each step verified by the fid xattr:
 *
 *	cache		the node is there
 *	row		its lower handle, decoded by the lower's export operations
 *	orphans/<fid>	parked, or made and not yet placed
 *
 * A row says what is gone, and what was never given has none: those, and no others,
 * are -ESTALE. What cannot be found otherwise is "try later" (kernel-notes 8).
 *
 * References: the cache holds one while the node is hashed. A node with no other
 * stays on the LRU; one of a fid that is gone leaves at once, so that the lower
 * can free the inode. node->lower never changes while somebody holds the node: a
 * name that goes unhashes the dentry but leaves it with its inode.
 */
#include <linux/file.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include "lower.h"
#include "node.h"

static const struct rhashtable_params harp_node_params = {
	.key_len = sizeof(u64),
	.key_offset = offsetof(struct harp_node, fid),
	.head_offset = offsetof(struct harp_node, hash),
	.automatic_shrinking = true,
};

/* ------------------------------------------------------------------ the objects */

/*
 * The node is out of the cache, and this is its last reference: nobody else knows it.
 * Index_lock must not be taken for what that leaves to do: reclaim comes here, and the
 * lock is held across reading the lower's directories, whose own locks reclaim knows.
 */
static void harp_node_free(struct harp_node *n)
{
	struct harp_lnode *ln = harp_lnode(n);

	harp_index_end(ln);
	harp_node_drop_wfile(n);
	dput(n->lower);
	mutex_destroy(&n->lock);
	mutex_destroy(&ln->index_lock);
	kfree_rcu(ln, rcu);
}

static struct harp_node *harp_node_alloc(struct harp_replica *r, const struct harp_row *row,
					 struct dentry *lower)
{
	struct harp_lnode *ln = kzalloc(sizeof(*ln), GFP_KERNEL);
	struct harp_node *n;
	int words = HARP_ROW_FH_MAX / sizeof(u32), type;

	if (!ln)
		return ERR_PTR(-ENOMEM);
	type = harp_do_encode_fh(lower, ln->fh, &words);
	if (type < 0 || type == FILEID_INVALID) {
		kfree(ln);
		return ERR_PTR(-EOVERFLOW);
	}
	ln->fh_type = type;
	ln->fh_words = words;
	n = &ln->n;
	n->fid = row->fid;
	n->lower = dget(lower);
	n->r = r;
	n->ctime = row->ctime;
	n->btime = row->btime;
	n->parent = row->parent;
	n->state = row->state;
	refcount_set(&n->ref, 2);	/* the cache's and the caller's */
	mutex_init(&n->lock);
	mutex_init(&ln->index_lock);
	INIT_LIST_HEAD(&n->lru);
	INIT_LIST_HEAD(&n->dirty);
	INIT_LIST_HEAD(&ln->wlru);
	INIT_LIST_HEAD(&ln->index_lru);
	return n;
}

/* ------------------------------------------------------------------- the cache */

/* Out of the cache, whose reference is the last: free it after nodes.lock. */
static void harp_node_unhash(struct harp_nodes *ns, struct harp_node *n)
{
	lockdep_assert_held(&ns->lock);
	WARN_ON_ONCE(!list_empty(&n->dirty));
	rhashtable_remove_fast(&ns->hash, &n->hash, harp_node_params);
	/* Nobody may find its index any more either (harp_index_oldest()). */
	list_del_init(&harp_lnode(n)->index_lru);
	if (!list_empty(&n->lru)) {
		list_del_init(&n->lru);
		ns->nr_lru--;
	}
	ns->evicted++;
}

/* With nodes.lock held: a hit, referenced. */
static struct harp_node *harp_node_hit(struct harp_nodes *ns, u64 fid)
{
	struct harp_node *n = rhashtable_lookup_fast(&ns->hash, &fid, harp_node_params);

	lockdep_assert_held(&ns->lock);
	if (!n)
		return NULL;
	refcount_inc(&n->ref);
	if (!list_empty(&n->lru)) {
		list_del_init(&n->lru);
		ns->nr_lru--;
	}
	return n;
}

static struct harp_node *harp_node_find(struct harp_nodes *ns, u64 fid)
{
	struct harp_node *n;

	spin_lock(&ns->lock);
	n = harp_node_hit(ns, fid);
	spin_unlock(&ns->lock);
	return n;
}

/*
 * Put a node made from @row into the cache; when another got there first, that one
 * is returned. @evicted: nodes.evicted before @row was read: if it moved, a newer
 * row may have been written since, and -EAGAIN says to begin anew.
 */
static struct harp_node *harp_node_add(struct harp_replica *r, const struct harp_row *row,
				       struct dentry *lower, u64 evicted)
{
	struct harp_nodes *ns = r->nodes;
	struct harp_node *n = harp_node_alloc(r, row, lower), *old;
	int err = 0;

	if (IS_ERR(n))
		return n;
	spin_lock(&ns->lock);
	old = harp_node_hit(ns, row->fid);
	if (!old && ns->evicted != evicted)
		err = -EAGAIN;
	else if (!old)
		err = rhashtable_insert_fast(&ns->hash, &n->hash, harp_node_params);
	spin_unlock(&ns->lock);
	/* It grows, and had no memory for that just now: no fault of the lower's. */
	if (err == -EBUSY)
		err = -ENOMEM;
	if (!old && !err)
		return n;
	harp_node_free(n);
	return old ?: ERR_PTR(err);
}

/**
 * harp_node_hold() - take another reference
 * @n: a node that the caller holds
 *
 * Context: any.
 */
void harp_node_hold(struct harp_node *n)
{
	refcount_inc(&n->ref);
}

/**
 * harp_node_put() - give a reference back
 * @n: the node
 *
 * Context: process context; may end in the lower's eviction of an inode.
 */
void harp_node_put(struct harp_node *n)
{
	struct harp_nodes *ns = n->r->nodes;
	struct harp_node *victim = NULL;

	spin_lock(&ns->lock);
	refcount_dec(&n->ref);
	if (refcount_read(&n->ref) == 1) {
		if (n->state == HARP_STATE_GONE) {
			victim = n;
		} else {
			list_add_tail(&n->lru, &ns->lru);
			if (++ns->nr_lru > HARP_NODES_IDLE_MAX)
				victim = list_first_entry(&ns->lru, struct harp_node, lru);
		}
		if (victim)
			harp_node_unhash(ns, victim);
	}
	spin_unlock(&ns->lock);
	if (victim)
		harp_node_free(victim);
}

/**
 * harp_node_dirty() - the node's row is to be written by the next LB pass
 * @n: a node that the caller holds
 *
 * Context: process context, takes nodes.lock.
 */
void harp_node_dirty(struct harp_node *n)
{
	struct harp_nodes *ns = n->r->nodes;

	spin_lock(&ns->lock);
	if (list_empty(&n->dirty)) {
		refcount_inc(&n->ref);
		list_add_tail(&n->dirty, &ns->dirty);
		ns->nr_dirty++;
	}
	spin_unlock(&ns->lock);
}

/**
 * harp_node_clean() - the node's row has been written, or need not be
 * @n: a node that the caller holds
 *
 * Context: process context, takes nodes.lock.
 */
void harp_node_clean(struct harp_node *n)
{
	struct harp_nodes *ns = n->r->nodes;

	spin_lock(&ns->lock);
	if (!list_empty(&n->dirty)) {
		list_del_init(&n->dirty);
		ns->nr_dirty--;
		refcount_dec(&n->ref);	/* not the last: the caller has one */
	}
	spin_unlock(&ns->lock);
}

/* --------------------------------------------------------------- identification */

/**
 * harp_fid_read() - the fid of a lower object
 * @lower: which
 * @fid: the result
 *
 * Context: process context, under the lower's cred.
 * Return: 0; -ENODATA: it has none that a file can have (I9); or the lower's error.
 */
int harp_fid_read(struct dentry *lower, u64 *fid)
{
	__le64 v;
	ssize_t len = harp_do_getxattr_raw(lower, HARP_XATTR_FID, &v, sizeof(v));

	if (len < 0)
		return len;
	if (len != sizeof(v))
		return -ENODATA;
	*fid = le64_to_cpu(v);
	return harp_fid_possible(*fid) ? 0 : -ENODATA;
}

/**
 * harp_orphan_name() - the name a fid is parked under
 * @buf: room for HARP_ORPHAN_NAME_LEN + 1 bytes
 * @fid: which
 *
 * Context: any.
 */
void harp_orphan_name(char *buf, u64 fid)
{
	snprintf(buf, HARP_ORPHAN_NAME_LEN + 1, "%016llx", fid);
}

/**
 * harp_orphan_find() - look for a parked object
 * @lw: the lower
 * @fid: which
 *
 * Context: process context, under the lower's cred, orphans not locked.
 * Return: its dentry; -ENOENT when it is not there or is not yet that fid's; or the
 * lower's error.
 */
struct dentry *harp_orphan_find(struct harp_lower *lw, u64 fid)
{
	char name[HARP_ORPHAN_NAME_LEN + 1];
	struct dentry *dentry;
	u64 found;
	int err;

	harp_orphan_name(name, fid);
	dentry = harp_do_lookup_unlocked(lw->r->orphans.dentry, name, HARP_ORPHAN_NAME_LEN);
	if (IS_ERR(dentry))
		return dentry;
	err = d_is_negative(dentry) ? -ENOENT : harp_fid_read(dentry, &found);
	if (err == -ENODATA || (!err && found != fid))
		err = -ENOENT;
	if (!err)
		return dentry;
	dput(dentry);
	return ERR_PTR(err);
}

/* The object that a row leads to, if the object says so as well; else -ENOENT. */
static struct dentry *harp_node_decode(struct harp_replica *r, struct harp_row *row)
{
	struct dentry *dentry;
	u64 fid;
	int err;

	if (row->fid == HARP_FID_ROOT)
		return dget(r->tree.dentry);
	if (!row->fh_words)
		return ERR_PTR(-ENOENT);
	dentry = harp_do_decode_fh(r->lower_root.mnt, row->fh, row->fh_words, row->fh_type);
	if (!dentry || dentry == ERR_PTR(-ESTALE) || dentry == ERR_PTR(-EINVAL))
		return ERR_PTR(-ENOENT);
	if (IS_ERR(dentry))
		return dentry;
	err = harp_fid_read(dentry, &fid);
	if (err == -ENODATA || (!err && fid != row->fid))
		err = -ENOENT;
	if (!err)
		return dentry;
	dput(dentry);
	return ERR_PTR(err);
}

/* The row of an object that was found without one: what the lower knows of it. */
static void harp_row_from_lower(struct harp_row *row, u64 fid, struct dentry *lower)
{
	memset(row, 0, sizeof(*row));
	row->fid = fid;
	row->ctime = harp_lower_ctime(d_inode(lower));
	row->btime = row->ctime;
}

/* One try of harp_node_load(); -EAGAIN when the cache lost a node meanwhile. */
static struct harp_node *harp_node_load_once(struct harp_replica *r, u64 fid)
{
	struct harp_lower *lw = harp_lower(r);
	u64 evicted = READ_ONCE(r->nodes->evicted);
	bool no_row = false;
	struct dentry *lower;
	struct harp_node *n;
	struct harp_row row;
	int err;

	err = harp_rows_read(lw, fid, &row);
	if (err == -ENODATA || err == -EUCLEAN) {
		no_row = true;
		lower = ERR_PTR(-ENOENT);
	} else {
		if (!err && row.state == HARP_STATE_GONE)
			err = -ESTALE;
		if (err)
			return ERR_PTR(err);
		lower = harp_node_decode(r, &row);
	}
	if (lower == ERR_PTR(-ENOENT)) {
		atomic64_inc(&lw->n_search);
		lower = harp_orphan_find(lw, fid);
	}
	if (IS_ERR(lower)) {
		/* It may have gone since its row was read. */
		if (lower == ERR_PTR(-ENOENT) && !harp_rows_read(lw, fid, &row) &&
		    row.state == HARP_STATE_GONE)
			return ERR_PTR(-ESTALE);
		return ERR_CAST(lower);
	}
	if (no_row)
		harp_row_from_lower(&row, fid, lower);
	n = harp_node_add(r, &row, lower, evicted);
	dput(lower);
	if (IS_ERR(n))
		return n;
	if (no_row)
		harp_node_dirty(n);
	else if (!harp_rows_read(lw, fid, &row) && row.state == HARP_STATE_GONE)
		/* Apply wrote that row before it looked for a node, and found none. */
		WRITE_ONCE(n->state, HARP_STATE_GONE);
	return n;
}

/**
 * harp_node_peek() - a node that is in the cache
 * @r: the replica
 * @fid: which
 *
 * Context: process context.
 * Return: the node, referenced, or NULL.
 */
struct harp_node *harp_node_peek(struct harp_replica *r, u64 fid)
{
	return harp_node_find(r->nodes, fid);
}

/**
 * harp_node_load() - a node by fid, with the reason when there is none
 * @r: the replica
 * @fid: which
 *
 * Context: process context, under the lower's cred, no lock of the lower held.
 * Return: the node, referenced; -ESTALE: gone; -ENOENT: nowhere to be found, or
 * never given; or the lower's error.
 */
struct harp_node *harp_node_load(struct harp_replica *r, u64 fid)
{
	struct harp_node *n = harp_node_find(r->nodes, fid);

	while (!n || n == ERR_PTR(-EAGAIN))
		n = harp_node_load_once(r, fid);
	if (!IS_ERR(n) && READ_ONCE(n->state) == HARP_STATE_GONE) {
		harp_node_put(n);
		return ERR_PTR(-ESTALE);
	}
	return n;
}

/**
 * harp_node_get() - a node by fid
 * @r: the replica
 * @fid: which, from a file handle perhaps
 *
 * Context: process context; no lock of the lower held.
 * Return: the node, referenced; -ESTALE only for a fid known to be gone or never
 * given; -ENOMEM; any other trouble is -ETIMEDOUT: try later (kernel-notes 8).
 */
struct harp_node *harp_node_get(struct harp_replica *r, u64 fid)
{
	unsigned int nofs = memalloc_nofs_save();
	const struct cred *old = override_creds(r->cred);
	struct harp_node *n;

	n = harp_node_load(r, fid);
	revert_creds(old);
	memalloc_nofs_restore(nofs);
	if (!IS_ERR(n) || n == ERR_PTR(-ESTALE) || n == ERR_PTR(-ENOMEM))
		return n;
	if (n == ERR_PTR(-ENOENT) && !harp_fid_was_given(harp_lower(r), fid))
		return ERR_PTR(-ESTALE);
	if (harp_fid_was_given(harp_lower(r), fid))
		harp_lower_error(r, PTR_ERR(n), "inode");
	pr_warn_ratelimited("harp: %s/%u: fid %llx cannot be found: %pe\n", r->group, r->member,
			    fid, n);
	return ERR_PTR(-ETIMEDOUT);
}

static struct harp_node *harp_node_of_dentry_once(struct harp_replica *r, u64 fid,
						  struct dentry *lower)
{
	u64 evicted = READ_ONCE(r->nodes->evicted);
	struct harp_row row;
	struct harp_node *n;
	int err;

	err = harp_rows_read(harp_lower(r), fid, &row);
	if (err && err != -ENODATA && err != -EUCLEAN)
		return ERR_PTR(err);
	if (!err && row.state == HARP_STATE_GONE)
		return ERR_PTR(-ESTALE);
	if (err)
		harp_row_from_lower(&row, fid, lower);
	n = harp_node_add(r, &row, lower, evicted);
	if (!IS_ERR(n) && err)
		harp_node_dirty(n);
	return n;
}

/**
 * harp_node_of_dentry() - the node of a lower object that was found by name
 * @r: the replica
 * @fid: the fid that was read from it
 * @lower: the object
 *
 * Context: process context, under the lower's cred, no lock of the lower held.
 * Return: the node, referenced; -ESTALE: gone meanwhile; or -errno of the lower.
 */
struct harp_node *harp_node_of_dentry(struct harp_replica *r, u64 fid, struct dentry *lower)
{
	struct harp_node *n = harp_node_find(r->nodes, fid);

	while (!n || n == ERR_PTR(-EAGAIN))
		n = harp_node_of_dentry_once(r, fid, lower);
	return n;
}

/**
 * harp_node_make() - the node of an object that apply has just made
 * @r: the replica
 * @row: times, parent and state
 * @lower: the object
 *
 * Context: apply thread, under the lower's cred.
 * Return: the node, referenced and dirty, or -errno.
 */
struct harp_node *harp_node_make(struct harp_replica *r, const struct harp_row *row,
				 struct dentry *lower)
{
	struct harp_node *n;

	do {
		n = harp_node_add(r, row, lower, READ_ONCE(r->nodes->evicted));
	} while (n == ERR_PTR(-EAGAIN));
	if (!IS_ERR(n))
		harp_node_dirty(n);
	return n;
}

/**
 * harp_node_lookup() - a node by name
 * @dir: directory
 * @name: name, without NUL
 * @len: its length
 *
 * Context: process context; takes the lower directory's lock shared.
 * Return: the node, referenced; -ENOENT; -ENOMEM; any other trouble is -ETIMEDOUT.
 */
struct harp_node *harp_node_lookup(struct harp_node *dir, const char *name, u32 len)
{
	struct harp_replica *r = dir->r;
	unsigned int nofs = memalloc_nofs_save();
	const struct cred *old = override_creds(r->cred);
	struct dentry *lower;
	struct harp_node *n;
	u64 fid;
	int err;

	lower = harp_do_lookup_unlocked(dir->lower, name, len);
	if (IS_ERR(lower)) {
		n = ERR_CAST(lower);
		goto out;
	}
	err = d_is_negative(lower) ? -ENOENT : harp_fid_read(lower, &fid);
	if (err == -ENODATA)
		atomic64_inc(&harp_lower(r)->n_foreign);
	n = err ? ERR_PTR(err) : harp_node_of_dentry(r, fid, lower);
	if (n == ERR_PTR(-ESTALE))
		n = ERR_PTR(-ENOENT);
	dput(lower);
out:
	revert_creds(old);
	memalloc_nofs_restore(nofs);
	if (!IS_ERR(n) || n == ERR_PTR(-ENOENT) || n == ERR_PTR(-ENOMEM))
		return n;
	pr_warn_ratelimited("harp: %s/%u: lookup in %llx fails on the lower: %pe\n", r->group,
			    r->member, dir->fid, n);
	harp_lower_error(r, PTR_ERR(n), "lookup");
	return ERR_PTR(-ETIMEDOUT);
}

/* ------------------------------------------------------------------ lower files */

/**
 * harp_node_open() - a lower file for reading
 * @n: the node
 * @flags: O_RDONLY and what else dentry_open() knows
 *
 * Context: process context.
 * Return: the file, the caller's to fput(); or -errno.
 */
struct file *harp_node_open(struct harp_node *n, int flags)
{
	const struct cred *old = override_creds(n->r->cred);
	struct file *file = harp_do_open(n->r->lower_root.mnt, n->lower, flags, n->r->cred);

	revert_creds(old);
	return file;
}

/* Take a node's file out of the list; nodes.lock held. */
static struct file *harp_wfile_take(struct harp_nodes *ns, struct harp_node *n)
{
	struct file *file = n->wfile;

	lockdep_assert_held(&ns->lock);
	if (!file)
		return NULL;
	n->wfile = NULL;
	list_del_init(&harp_lnode(n)->wlru);
	ns->nr_wfiles--;
	return file;
}

/**
 * harp_node_drop_wfile() - close apply's file of a node
 * @n: the node
 *
 * Context: apply thread, or the node's end.
 */
void harp_node_drop_wfile(struct harp_node *n)
{
	struct harp_nodes *ns = n->r->nodes;
	struct file *file;

	spin_lock(&ns->lock);
	file = harp_wfile_take(ns, n);
	spin_unlock(&ns->lock);
	if (file)
		fput(file);
}

/**
 * harp_node_wfile() - apply's lower file for writing, opened at need
 * @n: a regular file's node; its lock is held
 *
 * The lower must not make up times: the record has them (kernel-notes 9).
 *
 * Context: apply thread, under the lower's cred.
 * Return: the file, valid while @n->lock is held; or -errno.
 */
struct file *harp_node_wfile(struct harp_node *n)
{
	struct harp_nodes *ns = n->r->nodes;
	struct harp_node *victim = NULL;
	struct file *file = n->wfile, *old = NULL;

	lockdep_assert_held(&n->lock);
	if (!file) {
		file = harp_do_open(n->r->lower_root.mnt, n->lower, O_WRONLY, n->r->cred);
		if (IS_ERR(file))
			return file;
		spin_lock(&file->f_lock);
		file->f_mode |= FMODE_NOCMTIME;
		spin_unlock(&file->f_lock);
	}
	spin_lock(&ns->lock);
	if (!n->wfile) {
		n->wfile = file;
		ns->nr_wfiles++;
		if (ns->nr_wfiles > HARP_WFILES_MAX) {
			victim = &list_first_entry(&ns->wfiles, struct harp_lnode, wlru)->n;
			old = harp_wfile_take(ns, victim);
		}
	}
	list_move_tail(&harp_lnode(n)->wlru, &ns->wfiles);
	spin_unlock(&ns->lock);
	if (old)
		fput(old);
	return file;
}

/* --------------------------------------------------------------- memory pressure */

static unsigned long harp_nodes_count(void *arg)
{
	struct harp_lower *lw = arg;

	return READ_ONCE(lw->nodes.nr_lru) + atomic_read(&lw->nodes.nr_entries);
}

static unsigned long harp_nodes_evict(struct harp_lower *lw, unsigned long nr)
{
	struct harp_nodes *ns = &lw->nodes;
	unsigned long freed = 0;
	struct harp_node *n;

	while (freed < nr) {
		spin_lock(&ns->lock);
		n = list_first_entry_or_null(&ns->lru, struct harp_node, lru);
		if (n)
			harp_node_unhash(ns, n);
		spin_unlock(&ns->lock);
		if (!n)
			break;
		harp_node_free(n);
		freed++;
		cond_resched();
	}
	return freed;
}

static unsigned long harp_nodes_scan(void *arg, unsigned long nr)
{
	struct harp_lower *lw = arg;
	unsigned long freed = harp_index_shrink(lw, nr);

	if (freed < nr)
		freed += harp_nodes_evict(lw, nr - freed);
	return freed;
}

/**
 * harp_nodes_init() - an empty cache
 * @lw: the lower
 *
 * Context: process context.
 * Return: 0 or -ENOMEM.
 */
int harp_nodes_init(struct harp_lower *lw)
{
	struct harp_nodes *ns = &lw->nodes;
	int err;

	spin_lock_init(&ns->lock);
	INIT_LIST_HEAD(&ns->lru);
	INIT_LIST_HEAD(&ns->dirty);
	INIT_LIST_HEAD(&ns->wfiles);
	INIT_LIST_HEAD(&ns->indexes);
	harp_index_key(&lw->r->uuid, &ns->index_key);
	err = rhashtable_init(&ns->hash, &harp_node_params);
	if (err)
		return err;
	ns->shrinker.count = harp_nodes_count;
	ns->shrinker.scan = harp_nodes_scan;
	ns->shrinker.arg = lw;
	err = harp_shrinker_register(&ns->shrinker, "node");
	if (err)
		rhashtable_destroy(&ns->hash);
	return err;
}

static void harp_node_leaked(void *ptr, void *arg)
{
	struct harp_node *n = ptr;

	WARN(1, "harp: node %llx still has %u references", n->fid, refcount_read(&n->ref));
}

/**
 * harp_nodes_exit() - end the cache; nobody holds a node any more
 * @lw: the lower
 *
 * Context: process context.
 */
void harp_nodes_exit(struct harp_lower *lw)
{
	struct harp_nodes *ns = &lw->nodes;
	struct harp_node *n, *next;

	harp_shrinker_unregister(&ns->shrinker);
	/* After a media failure rows stay unwritten; the log or a copy has them. */
	list_for_each_entry_safe(n, next, &ns->dirty, dirty) {
		list_del_init(&n->dirty);
		ns->nr_dirty--;
		harp_node_put(n);
	}
	harp_nodes_evict(lw, ULONG_MAX);
	rhashtable_free_and_destroy(&ns->hash, harp_node_leaked, NULL);
}
