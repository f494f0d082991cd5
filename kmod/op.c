// SPDX-License-Identifier: GPL-2.0
/*
 * One modification on its way from decision to answer (design.rst, "The life of a
 * modification"): collects the inodes it touches, takes their decided attributes,
 * gives it a time, fills the record with the attributes after it, appends, and makes
 * them the decided ones.
 */
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/hash.h>
#include <linux/kdev_t.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/sunrpc/svc.h>
#include "vfs.h"

/* Header, four inode sections, two names, a request: with room to spare. */
#define HARP_OP_BASE	2048

/**
 * harp_op_begin() - begin a modification
 * @op: the operation; harp_op_end() must follow, also on failure
 * @hs: the mount
 * @generation: of harp_inode_enter_op(), before anything was decided
 * @type: HARP_REC_*
 * @extra: bytes that data, xattrs or a symlink's target will take
 *
 * Context: process context, may sleep.
 * Return: 0 or -ENOMEM.
 */
int harp_op_begin(struct harp_op *op, struct harp_sb *hs, u32 generation, u8 type, u32 extra)
{
	u32 cap = HARP_OP_BASE + extra;
	void *buf;

	memset(op, 0, sizeof(*op));
	op->hs = hs;
	op->generation = generation;
	buf = kvmalloc(cap, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	harp_build_begin(&op->b, buf, cap, type);
	return 0;
}

static struct harp_op_object *harp_op_object(struct harp_op *op, u8 role, u64 fid)
{
	struct harp_op_object *o = &op->obj[op->nobj++];

	o->role = role;
	o->fid = fid;
	o->sec = harp_build_inode(&op->b, role, fid);
	return o;
}

/**
 * harp_op_add() - an inode that the operation touches
 * @op: the operation
 * @role: HARP_ROLE_*
 * @inode: the inode; the caller keeps it
 *
 * Context: Any.
 * Return: its object, filled by harp_op_lock().
 */
struct harp_op_object *harp_op_add(struct harp_op *op, u8 role, struct inode *inode)
{
	struct harp_op_object *o = harp_op_object(op, role, harp_fid(inode));

	o->inode = inode;
	return o;
}

/**
 * harp_op_add_fid() - a file without an inode: a new one, or a released one
 * @op: the operation
 * @role: HARP_ROLE_*
 * @fid: its identity
 *
 * Context: Any.
 * Return: its object, for the caller to fill.
 */
struct harp_op_object *harp_op_add_fid(struct harp_op *op, u8 role, u64 fid)
{
	return harp_op_object(op, role, fid);
}

static void harp_op_unlock(struct harp_op *op)
{
	unsigned int i;

	if (!op->locked)
		return;
	for (i = 0; i < op->nobj; i++)
		if (op->obj[i].inode)
			mutex_unlock(&harp_i(op->obj[i].inode)->append_mutex);
	op->locked = false;
}

/* By growing fid, whatever the roles: two operations never wait for each other. */
static void harp_op_lock_inodes(struct harp_op *op)
{
	unsigned int i, n;
	u64 last = 0;

	for (n = 0; n < op->nobj; n++) {
		struct harp_op_object *next = NULL;

		for (i = 0; i < op->nobj; i++) {
			struct harp_op_object *o = &op->obj[i];

			if (o->inode && o->fid > last && (!next || o->fid < next->fid))
				next = o;
		}
		if (!next)
			break;
		mutex_lock_nested(&harp_i(next->inode)->append_mutex, n);
		last = next->fid;
	}
	op->locked = true;
}

static struct timespec64 harp_after(struct timespec64 t)
{
	return timespec64_add(t, (struct timespec64){ .tv_nsec = 1 });
}

/**
 * harp_op_lock() - hold the decided state still and look at it
 * @op: the operation, all of whose inodes were added
 *
 * Fills the objects' attributes and op->now, which is later than each ctime.
 *
 * Context: process context, may sleep.
 * Return: 0; -ESTALE when an inode is gone; -ETIMEDOUT when the generation is over; a
 * lower's error.
 */
int harp_op_lock(struct harp_op *op)
{
	unsigned int i;
	int err;

	harp_op_lock_inodes(op);
	op->now = ns_to_timespec64(harp_now_ns(op->hs->r));
	for (i = 0; i < op->nobj; i++) {
		struct harp_op_object *o = &op->obj[i];

		if (!o->inode)
			continue;
		err = harp_inode_reload(o->inode, op->generation);
		if (err)
			return err;
		o->a = harp_i(o->inode)->decided;
		o->size_before = o->a.size;
		if (timespec64_compare(&op->now, &o->a.ctime) <= 0)
			op->now = harp_after(o->a.ctime);
	}
	return 0;
}

static struct harp_time harp_time_of(struct timespec64 t)
{
	return (struct harp_time){
		.sec = cpu_to_le64(t.tv_sec),
		.nsec = cpu_to_le32(t.tv_nsec),
	};
}

static void harp_op_fill(struct harp_op *op, struct harp_op_object *o)
{
	struct harp_sec_inode *s = o->sec;
	const struct harp_attrs *a = &o->a;

	o->a.ctime = op->now;
	s->state = a->state;
	s->attrs = cpu_to_le16(o->attrs);
	s->mode = cpu_to_le32(a->mode);
	s->parent = cpu_to_le64(a->parent);
	s->nlink = cpu_to_le32(a->nlink);
	s->uid = cpu_to_le32(a->uid);
	s->gid = cpu_to_le32(a->gid);
	s->rdev = cpu_to_le32(new_encode_dev(a->rdev));
	s->size_before = cpu_to_le64(o->size_before);
	s->size = cpu_to_le64(a->size);
	s->atime = harp_time_of(a->atime);
	s->mtime = harp_time_of(a->mtime);
	s->ctime = harp_time_of(a->ctime);
	s->btime = harp_time_of(a->btime);
}

/*
 * The nfsd request that this thread serves, or NULL. nfsd's threads carry their
 * svc_rqst as kthread data (kernel-notes 33); each step is checked, because any
 * kernel thread may call into a file system.
 */
static struct svc_rqst *harp_current_rqst(void)
{
	struct svc_rqst *rq;

	if (!(current->flags & PF_KTHREAD) || strcmp(current->comm, "nfsd"))
		return NULL;
	rq = kthread_data(current);
	return rq && rq->rq_task == current ? rq : NULL;
}

/**
 * harp_is_nfsd() - does this thread serve an NFS request?
 *
 * Context: Any.
 * Return: whether it does.
 */
bool harp_is_nfsd(void)
{
	return harp_current_rqst();
}

/**
 * harp_next_step() - how many modifications has this request made before?
 * @hs: the mount
 * @owner: the thread that serves it
 * @xid: the request
 * @began: when it came
 *
 * A thread keeps its slot until threads begun later need it: those that have ended do not
 * say so.
 *
 * Context: any.
 * Return: 0 for its first.
 */
u16 harp_next_step(struct harp_sb *hs, void *owner, u32 xid, ktime_t began)
{
	u32 at = hash_ptr(owner, ilog2(HARP_STEP_SLOTS)), i;
	struct harp_step *s = &hs->steps[at], *near;
	u16 step;

	spin_lock(&hs->lock);
	for (i = 0; i < 16; i++) {
		near = &hs->steps[(at + i) % HARP_STEP_SLOTS];
		if (!near->owner || near->owner == owner) {
			s = near;
			break;
		}
	}
	if (s->owner != owner || s->xid != xid || s->began != began)
		*s = (struct harp_step){ .owner = owner, .xid = xid, .began = began };
	step = s->step++;
	spin_unlock(&hs->lock);
	return step;
}

/* Who asked (kernel-notes 34): client address without port, xid, call, step. */
static void harp_op_req(struct harp_op *op)
{
	struct svc_rqst *rq = harp_current_rqst();
	struct harp_sec_req *s;
	struct sockaddr *addr;

	if (!rq)
		return;
	addr = svc_addr(rq);
	if (addr->sa_family != AF_INET && addr->sa_family != AF_INET6)
		return;
	s = harp_build_req(&op->b);
	if (!s)
		return;
	s->family = cpu_to_le16(addr->sa_family);
	s->step = cpu_to_le16(harp_next_step(op->hs, rq, be32_to_cpu(rq->rq_xid), rq->rq_stime));
	s->xid = cpu_to_le32(be32_to_cpu(rq->rq_xid));
	s->prog = cpu_to_le32(rq->rq_prog);
	s->vers = cpu_to_le32(rq->rq_vers);
	s->proc = cpu_to_le32(rq->rq_proc);
	if (addr->sa_family == AF_INET)
		memcpy(s->addr, &svc_addr_in(rq)->sin_addr, 4);
	else
		memcpy(s->addr, &svc_addr_in6(rq)->sin6_addr, 16);
}

/**
 * harp_op_append() - log the operation; the objects' attributes become the decided ones
 * @op: the operation, locked, its objects as they are after it
 *
 * Context: process context; waits for room in the log, holding the append_mutexes
 * only, which the apply thread never takes.
 * Return: 0: the record exists; or what harp_append() says, and nothing happened.
 */
int harp_op_append(struct harp_op *op)
{
	unsigned int i;
	int err;

	for (i = 0; i < op->nobj && !op->b.err; i++)
		harp_op_fill(op, &op->obj[i]);
	harp_op_req(op);
	err = harp_build_finish(&op->b);
	if (!err)
		err = harp_append(op->hs->r, &op->b, op->generation, &op->at);
	else
		err = WARN_ON_ONCE(err != -EMSGSIZE) ? err : -EFBIG;
	if (!err) {
		for (i = 0; i < op->nobj; i++) {
			struct harp_op_object *o = &op->obj[i];

			if (!o->inode)
				continue;
			lockdep_assert_held(&harp_i(o->inode)->append_mutex);
			harp_i(o->inode)->decided = o->a;
			harp_i(o->inode)->last_index = op->at.index;
		}
	}
	harp_op_unlock(op);
	return err;
}

/**
 * harp_op_wait() - wait until the operation is committed and applied here
 * @op: the operation, appended
 *
 * Context: process context, sleeps.
 * Return: 0, or -ESTALE when released first, or cut.
 */
int harp_op_wait(struct harp_op *op)
{
	return harp_wait_applied(op->hs->r, &op->at);
}

/**
 * harp_op_end() - let go of what the operation holds
 * @op: the operation, at any stage after harp_op_begin()
 *
 * Context: process context.
 */
void harp_op_end(struct harp_op *op)
{
	harp_op_unlock(op);
	kvfree(op->b.buf);
}

/**
 * harp_attrs_new() - attributes of a new object, but for its times
 * @a: what is filled
 * @dir: directory it is made in
 * @mode: type and permissions, after umask or the directory's default ACL
 *
 * The rules of inode_init_owner(); vfs_create() and its like have stripped the
 * setgid bit where they must.
 *
 * Context: the caller's fsuid and fsgid count.
 */
void harp_attrs_new(struct harp_attrs *a, const struct inode *dir, umode_t mode)
{
	memset(a, 0, sizeof(*a));
	a->uid = from_kuid(&init_user_ns, current_fsuid());
	a->gid = from_kgid(&init_user_ns, current_fsgid());
	if (dir->i_mode & S_ISGID) {
		a->gid = from_kgid(&init_user_ns, dir->i_gid);
		if (S_ISDIR(mode))
			mode |= S_ISGID;
	}
	a->mode = mode;
	a->nlink = S_ISDIR(mode) ? 2 : 1;
	a->state = HARP_STATE_LIVE;
}
