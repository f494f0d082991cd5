// SPDX-License-Identifier: GPL-2.0
/*
 * The order of names in a directory, the same on both copies (I7): by a 63-bit keyed
 * hash of the name, then by the name. A directory that is read gets an index, a
 * red-black tree of its names, which stays for the next READDIR (nfsd opens the
 * directory anew for each) and is kept up by apply. Indexes are bounded and are
 * given up oldest first, also under memory pressure.
 *
 * index_lock is held across a build, outside the lower's locks. Apply changes the
 * lower first, then, without any lock of the lower, the index: a build in between
 * has seen the change or not, and setting or deleting the name makes it right.
 *
 * Apply hardly ever waits for a build: the VFS locks a directory that is read, and one that
 * changes until that is applied. Only exportfs, in search of a name that the lower's dentry
 * does not tell, reads without that lock.
 */
#include <linux/file.h>
#include <linux/limits.h>
#include <linux/moduleparam.h>
#include <linux/rbtree.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include "lower.h"
#include "node.h"

#define HARP_HASH_FIRST	3	/* 0, 1, 2: start, ".", ".." */

static unsigned int harp_index_names = 1048576;
module_param_named(index_names, harp_index_names, uint, 0644);
MODULE_PARM_DESC(index_names,
		 "names kept in the sorted indexes of a replica's directories (default 1048576)");

/**
 * struct harp_dirindex - the names of a directory
 * @tree: of struct harp_index_entry, by (hash, name)
 * @nr: how many
 */
struct harp_dirindex {
	struct rb_root tree;
	unsigned int nr;
};

struct harp_index_entry {
	union {
		struct rb_node rb;
		struct harp_index_entry *next;	/* while the index is being built */
	};
	u64 hash;
	u64 fid;		/* lower inode number while being built */
	u8 d_type;
	u8 len;
	char name[];
};

static_assert(HARP_NAME_MAX <= U8_MAX);

/* ------------------------------------------------------------------- the order */

/**
 * harp_index_key() - the key of a group's order
 * @group: the group's UUID, the same on all members
 * @key: the result
 *
 * Context: any.
 */
void harp_index_key(const uuid_t *group, siphash_key_t *key)
{
	__le64 raw[2];

	export_uuid((u8 *)raw, group);
	key->key[0] = le64_to_cpu(raw[0]);
	key->key[1] = le64_to_cpu(raw[1]);
}

/**
 * harp_name_hash() - where a name stands in its directory
 * @key: of the group
 * @name: the name
 * @len: its length
 *
 * Context: any.
 * Return: HARP_HASH_FIRST … S64_MAX.
 */
u64 harp_name_hash(const siphash_key_t *key, const char *name, u32 len)
{
	u64 hash = siphash(name, len, key) >> 1;

	return hash < HARP_HASH_FIRST ? hash + HARP_HASH_FIRST : hash;
}

static int harp_index_cmp(u64 hash, const char *name, u32 len,
			  const struct harp_index_entry *e)
{
	int d;

	if (hash != e->hash)
		return hash < e->hash ? -1 : 1;
	d = memcmp(name, e->name, min_t(u32, len, e->len));
	return d ?: (int)len - e->len;
}

/* ---------------------------------------------------------------------- the tree */

static struct harp_index_entry *harp_index_entry(struct rb_node *rb)
{
	return rb_entry_safe(rb, struct harp_index_entry, rb);
}

static struct harp_index_entry *harp_index_find(struct harp_dirindex *ix, u64 hash,
						const char *name, u32 len)
{
	struct rb_node *rb = ix->tree.rb_node;
	int d;

	while (rb) {
		d = harp_index_cmp(hash, name, len, harp_index_entry(rb));
		if (!d)
			return harp_index_entry(rb);
		rb = d < 0 ? rb->rb_left : rb->rb_right;
	}
	return NULL;
}

/* The first entry after (@hash, @name); with @len 0 the first of @hash. */
static struct harp_index_entry *harp_index_after(struct harp_dirindex *ix, u64 hash,
						 const char *name, u32 len)
{
	struct harp_index_entry *best = NULL, *e;
	struct rb_node *rb = ix->tree.rb_node;

	while (rb) {
		e = harp_index_entry(rb);
		if (harp_index_cmp(hash, name, len, e) < 0) {
			best = e;
			rb = rb->rb_left;
		} else {
			rb = rb->rb_right;
		}
	}
	return best;
}

/* False when the name is there already. */
static bool harp_index_insert(struct harp_dirindex *ix, struct harp_index_entry *new)
{
	struct rb_node **link = &ix->tree.rb_node, *parent = NULL;
	int d;

	while (*link) {
		parent = *link;
		d = harp_index_cmp(new->hash, new->name, new->len, harp_index_entry(parent));
		if (!d)
			return false;
		link = d < 0 ? &parent->rb_left : &parent->rb_right;
	}
	rb_link_node(&new->rb, parent, link);
	rb_insert_color(&new->rb, &ix->tree);
	ix->nr++;
	return true;
}

static struct harp_index_entry *harp_index_new(struct harp_lower *lw, const char *name,
					       u32 len, u64 fid, unsigned int d_type)
{
	struct harp_index_entry *e;

	if (len > HARP_NAME_MAX)
		return NULL;
	e = kmalloc(struct_size(e, name, len), GFP_KERNEL);
	if (!e)
		return NULL;
	e->hash = harp_name_hash(&lw->nodes.index_key, name, len);
	e->fid = fid;
	e->d_type = d_type;
	e->len = len;
	memcpy(e->name, name, len);
	return e;
}

static void harp_index_free(struct harp_dirindex *ix)
{
	struct harp_index_entry *e, *next;

	rbtree_postorder_for_each_entry_safe(e, next, &ix->tree, rb)
		kfree(e);
	kfree(ix);
}

/* ---------------------------------------------------------------------- building */

/**
 * struct harp_index_build - names of a lower directory, collected but not yet resolved
 * @ctx: the lower's reader
 * @lw: the lower
 * @head: the names
 * @tail: where the next one goes
 * @room: how many more are wanted
 * @again: the lower had some
 * @err: what went wrong
 */
struct harp_index_build {
	struct dir_context ctx;
	struct harp_lower *lw;
	struct harp_index_entry *head, **tail;
	unsigned int room;
	bool again;
	int err;
};

/* Under the lower directory's lock: only collect. */
static bool harp_index_actor(struct dir_context *ctx, const char *name, int len, loff_t pos,
			     u64 ino, unsigned int d_type)
{
	struct harp_index_build *b = container_of(ctx, struct harp_index_build, ctx);
	struct harp_index_entry *e;

	if (!b->room)
		return false;
	b->again = true;
	if (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')))
		return true;
	e = harp_index_new(b->lw, name, len, ino, d_type);
	if (!e) {
		b->err = -ENOMEM;
		return false;
	}
	*b->tail = e;
	b->tail = &e->next;
	b->room--;
	return true;
}

static struct file *harp_index_open(struct harp_node *dir)
{
	return harp_do_open(dir->r->lower_root.mnt, dir->lower, O_RDONLY | O_DIRECTORY,
			    dir->r->cred);
}

/* The next @b->room names. */
static int harp_index_collect(struct file *file, struct harp_index_build *b)
{
	int err;

	do {
		b->again = false;
		err = harp_do_iterate(file, &b->ctx);
	} while (!err && !b->err && b->again && b->room);
	*b->tail = NULL;
	return err ?: b->err;
}

static void harp_index_forget(struct harp_index_build *b)
{
	struct harp_index_entry *e;

	while ((e = b->head)) {
		b->head = e->next;
		kfree(e);
	}
	b->tail = &b->head;
}

/* Lower inode number to fid: by the hint, else by the object itself. */
static int harp_index_resolve(struct harp_node *dir, struct harp_index_entry *e)
{
	struct harp_lower *lw = harp_lower(dir->r);
	u64 fid = harp_ino2fid_get(lw, e->fid);
	struct dentry *lower;
	int err;

	if (fid == HARP_FID_NONE) {
		lower = harp_do_lookup_unlocked(dir->lower, e->name, e->len);
		if (IS_ERR(lower))
			return PTR_ERR(lower);
		err = d_is_negative(lower) ? -ENOENT : harp_fid_read(lower, &fid);
		dput(lower);
		if (err)
			return err;
	}
	e->fid = fid;
	return 0;
}

static int harp_index_fill(struct harp_node *dir, struct harp_dirindex *ix,
			   struct harp_index_build *b)
{
	struct harp_index_entry *e, *next = b->head;
	int err;

	while ((e = next)) {
		next = e->next;
		b->head = next;
		err = harp_index_resolve(dir, e);
		if (err == -ENODATA)
			atomic64_inc(&b->lw->n_foreign);
		/* Without a fid it is not ours; without a name it has just gone. */
		if (err || !harp_index_insert(ix, e))
			kfree(e);
		if (err && err != -ENODATA && err != -ENOENT)
			return err;
		cond_resched();
	}
	return 0;
}

static void harp_index_account(struct harp_lnode *ln, struct harp_dirindex *ix)
{
	struct harp_nodes *ns = ln->n.r->nodes;

	atomic_add(ix->nr, &ns->nr_entries);
	spin_lock(&ns->lock);
	list_add_tail(&ln->index_lru, &ns->indexes);
	spin_unlock(&ns->lock);
}

static int harp_index_make(struct harp_node *dir)
{
	struct harp_lnode *ln = harp_lnode(dir);
	struct harp_index_build b = {
		.ctx.actor = harp_index_actor,
		.lw = harp_lower(dir->r),
		.tail = &b.head,
		.room = UINT_MAX,
	};
	struct harp_dirindex *ix;
	struct file *file;
	int err;

	lockdep_assert_held(&ln->index_lock);
	ix = kzalloc(sizeof(*ix), GFP_KERNEL);
	if (!ix)
		return -ENOMEM;
	ix->tree = RB_ROOT;
	file = harp_index_open(dir);
	err = PTR_ERR_OR_ZERO(file);
	if (!err) {
		err = harp_index_collect(file, &b);
		fput(file);
	}
	if (!err)
		err = harp_index_fill(dir, ix, &b);
	harp_index_forget(&b);
	if (err) {
		harp_index_free(ix);
		return err;
	}
	atomic64_inc(&b.lw->n_index);
	ln->index = ix;
	harp_index_account(ln, ix);
	return 0;
}

/* ------------------------------------------------------------------- giving it up */

/**
 * harp_index_end() - give up the index of a node that nobody else can reach
 * @ln: the node
 *
 * Without index_lock: who holds that has a reference to the node, or finds the node on
 * nodes.indexes, which it has left together with the cache (harp_node_unhash()). What
 * the last of them did to the index is seen: each gave its reference back under
 * nodes.lock.
 *
 * Context: process context, reclaim too; @ln is out of the cache, or its index_lock is
 * held.
 * Return: how many names were freed.
 */
unsigned int harp_index_end(struct harp_lnode *ln)
{
	struct harp_nodes *ns = ln->n.r->nodes;
	struct harp_dirindex *ix = ln->index;
	unsigned int nr;

	if (!ix)
		return 0;
	nr = ix->nr;
	ln->index = NULL;
	spin_lock(&ns->lock);
	list_del_init(&ln->index_lru);
	spin_unlock(&ns->lock);
	atomic_sub(nr, &ns->nr_entries);
	harp_index_free(ix);
	return nr;
}

static unsigned int harp_index_drop_locked(struct harp_lnode *ln)
{
	lockdep_assert_held(&ln->index_lock);
	return harp_index_end(ln);
}

/**
 * harp_index_drop() - forget a directory's index
 * @ln: the node; the caller holds it
 *
 * Context: process context, not reclaim.
 */
void harp_index_drop(struct harp_lnode *ln)
{
	mutex_lock(&ln->index_lock);
	harp_index_drop_locked(ln);
	mutex_unlock(&ln->index_lock);
}

/*
 * The oldest index that nobody is using, its lock taken and its node held.
 *
 * @keep: not the newest, which was used last
 */
static struct harp_lnode *harp_index_oldest(struct harp_nodes *ns, bool keep)
{
	struct harp_lnode *ln, *found = NULL;

	spin_lock(&ns->lock);
	list_for_each_entry(ln, &ns->indexes, index_lru) {
		if (keep && list_is_last(&ln->index_lru, &ns->indexes))
			break;
		if (!mutex_trylock(&ln->index_lock))
			continue;
		/* On this list it is in the cache, so it has at least that reference. */
		refcount_inc(&ln->n.ref);
		if (!list_empty(&ln->n.lru)) {
			list_del_init(&ln->n.lru);
			ns->nr_lru--;
		}
		found = ln;
		break;
	}
	spin_unlock(&ns->lock);
	return found;
}

static unsigned long harp_index_give_up(struct harp_lower *lw, unsigned long nr, bool keep)
{
	unsigned long freed = 0;
	struct harp_lnode *ln;

	while (freed < nr && (ln = harp_index_oldest(&lw->nodes, keep))) {
		freed += harp_index_drop_locked(ln);
		mutex_unlock(&ln->index_lock);
		harp_node_put(&ln->n);
	}
	return freed;
}

/**
 * harp_index_shrink() - give up indexes, oldest first
 * @lw: the lower
 * @nr: names to free
 *
 * Context: process context; waits for no lock.
 * Return: how many names were freed, perhaps more or less than @nr.
 */
unsigned long harp_index_shrink(struct harp_lower *lw, unsigned long nr)
{
	return harp_index_give_up(lw, nr, false);
}

/*
 * The one used last stays, whatever its size: each batch of a READDIR would build it anew,
 * with its directory's apply waiting, and the memory it takes is needed for that in any
 * case. When memory is short the shrinker takes it.
 */
static void harp_index_bound(struct harp_lower *lw)
{
	unsigned int nr = atomic_read(&lw->nodes.nr_entries), max = READ_ONCE(harp_index_names);

	if (nr > max)
		harp_index_give_up(lw, nr - max, true);
}

/* ------------------------------------------------------------------- keeping it up */

/**
 * harp_index_set() - a name in a directory is now this
 * @dir: the directory
 * @name: the name
 * @len: its length
 * @fid: what is under it
 * @d_type: DT_* of that
 *
 * Context: apply thread, no lock of the lower held.
 */
void harp_index_set(struct harp_node *dir, const char *name, u32 len, u64 fid,
		    unsigned int d_type)
{
	struct harp_lnode *ln = harp_lnode(dir);
	struct harp_lower *lw = harp_lower(dir->r);
	struct harp_index_entry *e;
	u64 hash;

	mutex_lock(&ln->index_lock);
	if (!ln->index)
		goto out;
	hash = harp_name_hash(&lw->nodes.index_key, name, len);
	e = harp_index_find(ln->index, hash, name, len);
	if (e) {
		e->fid = fid;
		e->d_type = d_type;
		goto out;
	}
	e = harp_index_new(lw, name, len, fid, d_type);
	if (!e) {
		/* The next reader makes a new one. */
		harp_index_drop_locked(ln);
		goto out;
	}
	harp_index_insert(ln->index, e);
	atomic_inc(&lw->nodes.nr_entries);
out:
	mutex_unlock(&ln->index_lock);
}

/**
 * harp_index_del() - a name in a directory is no more
 * @dir: the directory
 * @name: the name
 * @len: its length
 *
 * Context: apply thread, no lock of the lower held.
 */
void harp_index_del(struct harp_node *dir, const char *name, u32 len)
{
	struct harp_lnode *ln = harp_lnode(dir);
	struct harp_nodes *ns = dir->r->nodes;
	struct harp_index_entry *e;

	mutex_lock(&ln->index_lock);
	e = ln->index ? harp_index_find(ln->index, harp_name_hash(&ns->index_key, name, len),
					name, len) : NULL;
	if (e) {
		rb_erase(&e->rb, &ln->index->tree);
		ln->index->nr--;
		atomic_dec(&ns->nr_entries);
		kfree(e);
	}
	mutex_unlock(&ln->index_lock);
}

/* ------------------------------------------------------------------------ reading */

#define HARP_INDEX_BATCH	8192	/* bytes copied out at a time */

struct harp_index_copy {
	u64 hash, fid;
	u8 d_type, len;
	char name[];
} __aligned(8);

/* Copy what follows (@hash, @name) into @buf; returns bytes used, 0 at the end. */
static int harp_index_batch(struct harp_node *dir, u64 hash, const char *name, u32 len,
			    void *buf)
{
	struct harp_lnode *ln = harp_lnode(dir);
	struct harp_index_copy *c;
	struct harp_index_entry *e;
	int used = 0, size, err = 0;

	mutex_lock(&ln->index_lock);
	if (!ln->index)
		err = harp_index_make(dir);
	if (err)
		goto out;
	spin_lock(&dir->r->nodes->lock);
	list_move_tail(&ln->index_lru, &dir->r->nodes->indexes);
	spin_unlock(&dir->r->nodes->lock);
	for (e = harp_index_after(ln->index, hash, name, len); e;
	     e = harp_index_entry(rb_next(&e->rb))) {
		size = ALIGN(sizeof(*c) + e->len, __alignof__(*c));
		if (used + size > HARP_INDEX_BATCH)
			break;
		c = buf + used;
		c->hash = e->hash;
		c->fid = e->fid;
		c->d_type = e->d_type;
		c->len = e->len;
		memcpy(c->name, e->name, e->len);
		used += size;
	}
out:
	mutex_unlock(&ln->index_lock);
	return err ?: used;
}

/* Hand a batch out; the last entry handed out, or NULL when @fn had enough. */
static struct harp_index_copy *harp_index_emit(void *buf, int used, harp_dir_fn fn, void *arg)
{
	struct harp_index_copy *c = buf;
	int off = 0;

	while (off < used) {
		c = buf + off;
		if (!fn(arg, c->hash, c->name, c->len, c->fid, c->d_type))
			return NULL;
		off += ALIGN(sizeof(*c) + c->len, __alignof__(*c));
	}
	return c;
}

/* What became of reading @dir, for the VFS. */
static int harp_index_answer(struct harp_node *dir, int err)
{
	if (!err || err == -ENOMEM || err == -ENOTEMPTY)
		return err;
	pr_warn_ratelimited("harp: %s/%u: readdir of %llx fails on the lower: %pe\n",
			    dir->r->group, dir->r->member, dir->fid, ERR_PTR(err));
	harp_lower_error(dir->r, err, "readdir");
	return -ETIMEDOUT;
}

#define HARP_INDEX_FEW	16

/* Is one of the names that were collected ours? They are used up. */
static int harp_index_ours(struct harp_node *dir, struct harp_index_build *b)
{
	struct harp_index_entry *e;
	int err = 0;

	for (e = b->head; e; e = e->next) {
		err = harp_index_resolve(dir, e);
		if (err != -ENODATA && err != -ENOENT)
			break;
		err = 0;
	}
	harp_index_forget(b);
	return e && !err ? -ENOTEMPTY : err;
}

static int harp_index_empty(struct harp_node *dir)
{
	struct harp_index_build b = {
		.ctx.actor = harp_index_actor,
		.lw = harp_lower(dir->r),
		.tail = &b.head,
	};
	struct file *file = harp_index_open(dir);
	int err;

	if (IS_ERR(file))
		return PTR_ERR(file);
	do {
		b.room = HARP_INDEX_FEW;
		err = harp_index_collect(file, &b);
		if (!err)
			err = harp_index_ours(dir, &b);
	} while (!err && !b.room);
	harp_index_forget(&b);
	fput(file);
	return err;
}

/**
 * harp_node_empty() - has a directory no names?
 * @dir: the directory, in which nothing changes meanwhile
 *
 * Reads no further than to the first, and makes no index.
 *
 * Context: process context, may sleep.
 * Return: 0; -ENOTEMPTY; -ENOMEM; any other trouble is -ETIMEDOUT.
 */
int harp_node_empty(struct harp_node *dir)
{
	unsigned int nofs = memalloc_nofs_save();
	const struct cred *old = override_creds(dir->r->cred);
	int err = harp_index_empty(dir);

	revert_creds(old);
	memalloc_nofs_restore(nofs);
	return harp_index_answer(dir, err);
}

/**
 * harp_node_iterate() - read a directory in the order both copies share
 * @dir: the directory
 * @from: first hash wanted
 * @fn: called for each entry until it returns false; may fault
 * @arg: its argument
 *
 * No lock is held while @fn runs: it may copy to user memory that is a file of this
 * very file system.
 *
 * Context: process context.
 * Return: 0; -ENOMEM; any other trouble is -ETIMEDOUT.
 */
int harp_node_iterate(struct harp_node *dir, u64 from, harp_dir_fn fn, void *arg)
{
	const struct cred *old;
	struct harp_index_copy *last;
	char name[HARP_NAME_MAX];
	unsigned int nofs;
	u32 len = 0;
	void *buf;
	int used;

	buf = kmalloc(HARP_INDEX_BATCH, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	for (;;) {
		nofs = memalloc_nofs_save();
		old = override_creds(dir->r->cred);
		used = harp_index_batch(dir, from, name, len, buf);
		revert_creds(old);
		memalloc_nofs_restore(nofs);
		if (used <= 0)
			break;
		last = harp_index_emit(buf, used, fn, arg);
		if (!last)
			break;
		from = last->hash;
		len = last->len;
		memcpy(name, last->name, len);
	}
	kfree(buf);
	harp_index_bound(harp_lower(dir->r));
	return harp_index_answer(dir, min(used, 0));
}
