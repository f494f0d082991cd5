// SPDX-License-Identifier: GPL-2.0
/*
 * File handles and the rest of what nfsd asks for.
 *
 * A handle is the fid with a mark of whose it is, the same from either copy (I7):
 *
 *	__le32 magic and version	HARP_FH_MAGIC
 *	__le32 hash of the group's UUID
 *	__le64 fid
 *	__le64 fid of a parent		type HARP_FILEID_PARENT only
 *
 * Fids are never reused, so there is no generation number. What a client makes up is
 * -ESTALE; only a fid known to be gone, or never given, is (kernel-notes 8).
 */
#include <linux/exportfs.h>
#include <linux/dcache.h>
#include <linux/slab.h>
#include "vfs.h"

#define HARP_FH_MAGIC		0x48524601U	/* "HRF", version 1 */
#define HARP_FILEID		0xa7
#define HARP_FILEID_PARENT	0xa8

/**
 * struct harp_fh - a file handle
 * @magic: HARP_FH_MAGIC
 * @group: harp_sb.group_hash
 * @fid: the file
 * @parent: a directory it is in; type HARP_FILEID_PARENT
 */
struct harp_fh {
	__le32 magic;
	__le32 group;
	__le64 fid;
	__le64 parent;
} __packed;

#define HARP_FH_WORDS		(offsetof(struct harp_fh, parent) / 4)
#define HARP_FH_PARENT_WORDS	(sizeof(struct harp_fh) / 4)

static int harp_encode_fh(struct inode *inode, u32 *fh, int *max_len, struct inode *parent)
{
	struct harp_fh *h = (struct harp_fh *)fh;
	int len = parent ? HARP_FH_PARENT_WORDS : HARP_FH_WORDS;

	static_assert(sizeof(struct harp_fh) == 24);
	if (*max_len < len) {
		*max_len = len;
		return FILEID_INVALID;
	}
	*max_len = len;
	h->magic = cpu_to_le32(HARP_FH_MAGIC);
	h->group = cpu_to_le32(harp_s(inode->i_sb)->group_hash);
	h->fid = cpu_to_le64(harp_fid(inode));
	if (!parent)
		return HARP_FILEID;
	h->parent = cpu_to_le64(harp_fid(parent));
	return HARP_FILEID_PARENT;
}

static struct dentry *harp_refuse_handle(struct harp_replica *r, int type, int words)
{
	atomic64_inc(&r->n_bad_handle);
	pr_warn_ratelimited("harp: %s/%u: a handle of type %#x, %i words, is not of this group\n",
			    r->group, r->member, type, words);
	return ERR_PTR(-ESTALE);
}

/* Everything in a handle comes from a client. NULL: not a handle of this mount. */
static const struct harp_fh *harp_fh_of(struct super_block *sb, const struct fid *fid,
					int words, int type)
{
	const struct harp_fh *h = (const struct harp_fh *)fid;
	bool has_parent = type == HARP_FILEID_PARENT;

	if (type != HARP_FILEID && !has_parent)
		return NULL;
	if (words < (has_parent ? (int)HARP_FH_PARENT_WORDS : (int)HARP_FH_WORDS))
		return NULL;
	if (le32_to_cpu(h->magic) != HARP_FH_MAGIC ||
	    le32_to_cpu(h->group) != harp_s(sb)->group_hash)
		return NULL;
	return h;
}

static struct dentry *harp_dentry_of(struct super_block *sb, u64 fid)
{
	struct harp_replica *r = harp_s(sb)->r;
	struct dentry *dentry;
	struct inode *inode;
	u32 generation;
	int err;

	if (!fid)
		return ERR_PTR(-ESTALE);
	err = harp_enter_generation(r, &generation);
	if (err)
		return ERR_PTR(err == -ESTALE ? -ETIMEDOUT : err);
	inode = harp_iget(sb, fid);
	if (!IS_ERR(inode)) {
		err = harp_inode_enter(inode);
		if (err) {
			iput(inode);
			inode = ERR_PTR(err);
		}
	}
	err = harp_recheck(r);
	if (err) {
		if (!IS_ERR(inode))
			iput(inode);
		return ERR_PTR(err == -ESTALE ? -ETIMEDOUT : err);
	}
	dentry = d_obtain_alias(inode);
	if (!IS_ERR(dentry) && !dentry->d_time)
		dentry->d_time = generation;
	return dentry;
}

static struct dentry *harp_fh_to_dentry(struct super_block *sb, struct fid *fid, int words,
					int type)
{
	const struct harp_fh *h = harp_fh_of(sb, fid, words, type);
	u64 n = h ? le64_to_cpu(h->fid) : 0;

	return harp_fid_possible(n) ? harp_dentry_of(sb, n) :
				      harp_refuse_handle(harp_s(sb)->r, type, words);
}

static struct dentry *harp_fh_to_parent(struct super_block *sb, struct fid *fid, int words,
					int type)
{
	const struct harp_fh *h = harp_fh_of(sb, fid, words, type);
	u64 n = h && type == HARP_FILEID_PARENT ? le64_to_cpu(h->parent) : 0;

	/* Nothing is wrong with one that names no parent. */
	if (h && type == HARP_FILEID)
		return NULL;
	return harp_fid_possible(n) ? harp_dentry_of(sb, n) :
				      harp_refuse_handle(harp_s(sb)->r, type, words);
}

static struct dentry *harp_get_parent(struct dentry *child)
{
	struct inode *inode = d_inode(child);
	int err;

	err = harp_inode_enter(inode);
	if (err)
		return ERR_PTR(err);
	return harp_dentry_of(inode->i_sb, READ_ONCE(harp_i(inode)->parent));
}

/* Search for @fid; its name goes to @name, NAME_MAX + 1 bytes. */
struct harp_name_search {
	u64 fid;
	char *name;
	bool found;
};

static bool harp_name_match(void *arg, u64 hash, const char *name, u32 len, u64 fid,
			    unsigned int d_type)
{
	struct harp_name_search *s = arg;

	if (fid != s->fid || len > NAME_MAX)
		return true;
	memcpy(s->name, name, len);
	s->name[len] = 0;
	s->found = true;
	return false;
}

/* The name that the lower's dentry has is likely the one: does it still lead there? */
static bool harp_name_by_lower(struct harp_node *dir, struct harp_node *node, char *name)
{
	struct name_snapshot snap;
	struct harp_node *found;
	bool same = false;

	take_dentry_name_snapshot(&snap, node->lower);
	if (snap.name.len && snap.name.len <= NAME_MAX) {
		found = harp_node_lookup(dir, snap.name.name, snap.name.len);
		if (!IS_ERR(found)) {
			same = found->fid == node->fid;
			harp_node_put(found);
		}
	}
	if (same) {
		memcpy(name, snap.name.name, snap.name.len);
		name[snap.name.len] = 0;
	}
	release_dentry_name_snapshot(&snap);
	return same;
}

static int harp_get_name(struct dentry *parent, char *name, struct dentry *child)
{
	struct inode *dir = d_inode(parent), *inode = d_inode(child);
	struct harp_name_search s = { .fid = harp_fid(inode), .name = name };
	struct harp_node *node, *of;
	int err;

	err = harp_inode_enter(dir);
	if (err)
		return err;
	node = harp_inode_node(dir);
	if (IS_ERR(node))
		return PTR_ERR(node);
	of = harp_inode_node(inode);
	if (IS_ERR(of))
		return PTR_ERR(of);
	if (harp_name_by_lower(node, of, name))
		return 0;
	err = harp_node_iterate(node, 0, harp_name_match, &s);
	return err ?: (s.found ? 0 : -ENOENT);
}

/*
 * Each operation has waited inside itself; this checks (kernel-notes 11). What another has
 * appended since then may go with a generation that ends; that is not this caller's.
 */
static int harp_commit_metadata(struct inode *inode)
{
	struct harp_inode *hi = harp_i(inode);
	u32 generation;
	u64 index;
	int err;

	mutex_lock(&hi->append_mutex);
	generation = hi->generation;
	index = hi->last_index;
	mutex_unlock(&hi->append_mutex);
	err = harp_wait_committed(harp_r(inode), index, generation);
	return err == -ETIMEDOUT ? 0 : err;
}

/*
 * Up to Linux 6.2 nfsd would take the change attribute from ->fetch_iversion, after the
 * other attributes and not of the same moment: without the hook it is made of their ctime.
 */
const struct export_operations harp_export_ops = {
	.encode_fh	= harp_encode_fh,
	.fh_to_dentry	= harp_fh_to_dentry,
	.fh_to_parent	= harp_fh_to_parent,
	.get_parent	= harp_get_parent,
	.get_name	= harp_get_name,
	.commit_metadata = harp_commit_metadata,
	.flags		= EXPORT_OP_NOSUBTREECHK,
};
