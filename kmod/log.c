// SPDX-License-Identifier: GPL-2.0
/*
 * The log's ring: append, cut, discard, and the header that vouches for it. The order
 * of stores is the whole point here: what must survive is in memory before anything
 * that relies on it is (protocol findings 1, 2 and 5).
 */
#include <linux/lockdep.h>
#include <linux/math64.h>
#include <linux/slab.h>
#include "log_priv.h"

#define HARP_MARK_LEN	sizeof(struct harp_log_mark)

/* ---------------------------------------------------------- stores and state */

/**
 * harp_log_store_header() - store a header in the copy that does not count, and flush
 * @log: the log
 * @st: what it is to say
 *
 * Context: log->mutex held, or the log is not yet known to others.
 */
void harp_log_store_header(struct harp_log *log, const struct harp_log_state *st)
{
	struct harp_region_hdr h;

	memset(&h, 0, sizeof(h));
	memcpy(h.group, &log->group, sizeof(h.group));
	h.lineage = cpu_to_le64(log->lineage);
	h.member = log->member;
	h.flags = st->pos.complete ? HARP_REGION_COMPLETE : 0;
	h.epoch = cpu_to_le32(log->epoch);
	h.seq = cpu_to_le64(++log->seq);
	h.region_size = cpu_to_le64(log->region->size);
	h.ring_size = cpu_to_le64(log->ring_size);
	h.formed = cpu_to_le64(st->pos.formed);
	h.base = cpu_to_le64(st->pos.base);
	h.base_off = cpu_to_le64(st->base_off);
	h.anchor_view = cpu_to_le64(st->pos.anchor_view);
	h.anchor_crc = cpu_to_le32(st->pos.anchor_crc);
	h.applying_first = cpu_to_le64(st->applying_first);
	h.applying_count = cpu_to_le32(st->applying_count);
	h.wm = cpu_to_le64(st->pos.wm);
	h.lb = cpu_to_le64(st->pos.lb);
	h.top = cpu_to_le64(st->pos.top);
	h.inc = cpu_to_le64(log->inc);
	harp_region_seal(&h);
	/* Never the copy that counts: a crash may tear this store. */
	log->copy = !log->copy;
	harp_region_store((u8 *)log->region->base + log->copy * HARP_REGION_HDR_STRIDE,
			  &h, sizeof(h));
	harp_region_flush();
}

/**
 * harp_log_store_mark() - store a pad or end mark; the caller flushes
 * @log: the log
 * @off: where in the ring
 * @magic: HARP_PAD_MAGIC or HARP_END_MAGIC
 *
 * Context: as harp_log_store_header().
 */
void harp_log_store_mark(struct harp_log *log, u64 off, u32 magic)
{
	struct harp_log_mark mark = { .magic = cpu_to_le32(magic) };

	harp_region_store(log->ring + off, &mark, sizeof(mark));
}

/**
 * harp_log_publish() - make a new state the log's state
 * @log: the log
 * @st: the state; what a header says of it is flushed
 *
 * Context: as harp_log_store_header().
 */
void harp_log_publish(struct harp_log *log, const struct harp_log_state *st)
{
	unsigned long flags;

	spin_lock_irqsave(&log->lock, flags);
	log->st = *st;
	log->st.pos.used = harp_log_used(log, st);
	WRITE_ONCE(log->base, st->pos.base);
	/* Pairs with harp_log_get(): whoever sees the index sees its entry and record. */
	smp_store_release(&log->top, st->pos.top);
	spin_unlock_irqrestore(&log->lock, flags);
}

/**
 * harp_log_used() - bytes between tail and head, pads included
 * @log: the log
 * @st: the state
 *
 * Head and tail are the same only when nothing is between them: the end mark after
 * the head is always kept free.
 *
 * Context: Any.
 * Return: bytes.
 */
u64 harp_log_used(const struct harp_log *log, const struct harp_log_state *st)
{
	if (st->head_off >= st->base_off)
		return st->head_off - st->base_off;
	return st->head_off + log->ring_size - st->base_off;
}

/*
 * Where would a record of @len bytes go? -ENOSPC when it, the pad before it and the
 * end mark after it do not fit.
 */
static int harp_log_place(const struct harp_log *log, const struct harp_log_state *st,
			  u32 len, u64 *off)
{
	u64 free = log->ring_size - harp_log_used(log, st);
	u64 to_end = log->ring_size - st->head_off;
	u64 pad = len > to_end ? to_end : 0;

	if (pad + len + HARP_MARK_LEN > free)
		return -ENOSPC;
	*off = pad ? 0 : st->head_off;
	return 0;
}

/* ------------------------------------------------------------------- entries */

static struct harp_log_entry *harp_log_entry(const struct harp_log *log, u64 index)
{
	u32 i;
	u64 n = div_u64_rem(index, HARP_LOG_CHUNK, &i);
	struct harp_log_chunk *chunk = xa_load((struct xarray *)&log->chunks, n);

	return chunk ? &chunk->e[i] : NULL;
}

/**
 * harp_log_prepare() - memory for the entry of a record, before it has an index
 * @log: the log
 * @index: the index that it will get
 *
 * Context: as harp_log_store_header(); may sleep. GFP_NOIO: the lower's write-back
 * may be waiting for us.
 * Return: 0 or -ENOMEM.
 */
int harp_log_prepare(struct harp_log *log, u64 index)
{
	u64 n = div_u64(index, HARP_LOG_CHUNK);
	struct harp_log_chunk *chunk;
	int err;

	if (log->nviews == log->views_cap) {
		u32 cap = log->views_cap ? 2 * log->views_cap : 16;
		struct harp_log_view *views, *old = log->views;
		unsigned long flags;

		views = kcalloc(cap, sizeof(*views), GFP_NOIO);
		if (!views)
			return -ENOMEM;
		spin_lock_irqsave(&log->lock, flags);
		if (log->nviews)
			memcpy(views, old, log->nviews * sizeof(*views));
		log->views = views;
		log->views_cap = cap;
		spin_unlock_irqrestore(&log->lock, flags);
		kfree(old);
	}
	if (xa_load(&log->chunks, n))
		return 0;
	chunk = kzalloc(sizeof(*chunk), GFP_NOIO);
	if (!chunk)
		return -ENOMEM;
	err = xa_err(xa_store(&log->chunks, n, chunk, GFP_NOIO));
	if (err)
		kfree(chunk);
	return err;
}

/**
 * harp_log_enter() - note a record that is in the ring as the new top of a state
 * @log: the log; harp_log_prepare() was called
 * @st: the state to move on
 * @rec: the record, whose place harp_log_follows() has found right
 * @off: where it is
 * @cost: what it may take of a lower's space
 *
 * Context: as harp_log_store_header().
 */
void harp_log_enter(struct harp_log *log, struct harp_log_state *st,
		    const struct harp_rec_hdr *rec, u64 off, u64 cost)
{
	u64 index = le64_to_cpu(rec->index), view = le64_to_cpu(rec->view), end;
	struct harp_log_entry *e = harp_log_entry(log, index);
	unsigned long flags;

	cost += index == st->pos.base ? st->base_cost : harp_log_entry(log, index - 1)->cost;
	spin_lock_irqsave(&log->lock, flags);
	e->cost = cost;
	WRITE_ONCE(e->off, off);
	if (!log->nviews || log->views[log->nviews - 1].view < view) {
		log->views[log->nviews].view = view;
		log->views[log->nviews++].first = index;
	}
	spin_unlock_irqrestore(&log->lock, flags);

	st->pos.top = index;
	st->pos.top_view = view;
	st->pos.top_crc = le32_to_cpu(rec->crc);
	end = off + le32_to_cpu(rec->len);
	st->head_off = end == log->ring_size ? 0 : end;
}

/* Chunks wholly below @below are not looked at any more; readers may still be. */
static void harp_log_free_chunks(struct harp_log *log, u64 below)
{
	u64 end = div_u64(below, HARP_LOG_CHUNK);
	struct harp_log_chunk *chunk;
	unsigned long n;

	xa_for_each(&log->chunks, n, chunk) {
		if (n >= end)
			break;
		xa_erase(&log->chunks, n);
		kfree_rcu(chunk, rcu);
	}
}

/**
 * harp_log_forget() - drop what is known about the records in the ring
 * @log: the log
 *
 * Context: as harp_log_store_header().
 */
void harp_log_forget(struct harp_log *log)
{
	unsigned long flags;

	harp_log_free_chunks(log, U64_MAX);
	spin_lock_irqsave(&log->lock, flags);
	log->nviews = 0;
	spin_unlock_irqrestore(&log->lock, flags);
}

/* ------------------------------------------------------------------ appending */

/* The one thing that may raise the view (finding 5), and it must say where it stands. */
static const char *harp_log_view_follows(const struct harp_log *log,
					 const struct harp_log_pos *pos,
					 const struct harp_rec_hdr *rec)
{
	const struct harp_sec_view *v = (const struct harp_sec_view *)(rec + 1);

	if (le32_to_cpu(rec->len) < sizeof(*rec) + sizeof(*v))
		return "a VIEW record without its body";
	if (v->view != rec->view || le64_to_cpu(v->lineage) != log->lineage)
		return "a VIEW record of another view or lineage than it says";
	if (le64_to_cpu(v->s) != pos->top)
		return "a VIEW record that belongs elsewhere";
	if (harp_log_anchored(pos) && le64_to_cpu(v->view_of_s) != pos->top_view)
		return "a VIEW record after another view than it says";
	return NULL;
}

/**
 * harp_log_follows() - may this record come after these positions?
 * @log: the log
 * @pos: its positions
 * @rec: a sealed record, checked by itself
 *
 * One rule for what is appended, what is received and what a walk finds: the log
 * never takes what it would not find again.
 *
 * Context: Any.
 * Return: NULL, or what is wrong.
 */
const char *harp_log_follows(const struct harp_log *log, const struct harp_log_pos *pos,
			     const struct harp_rec_hdr *rec)
{
	u64 view = le64_to_cpu(rec->view);

	if (le64_to_cpu(rec->index) != pos->top + 1)
		return "not the next index";
	if (le64_to_cpu(rec->lineage) != log->lineage)
		return "another lineage";
	if (rec->type == HARP_REC_VIEW) {
		const char *why = harp_log_view_follows(log, pos, rec);

		if (why)
			return why;
	}
	if (!harp_log_anchored(pos))
		return NULL;
	if (le32_to_cpu(rec->prev_crc) != pos->top_crc)
		return "chained to another record";
	if (view < pos->top_view)
		return "the view falls";
	if (view > pos->top_view && rec->type != HARP_REC_VIEW)
		return "the view rises without a VIEW record";
	if (view == pos->top_view && rec->type == HARP_REC_VIEW)
		return "a second VIEW record of one view";
	return NULL;
}

/* Everything that can fail or sleep, before the record has an index. */
static int harp_log_admit(struct harp_log *log, const struct harp_rec_hdr *rec, u64 *off)
{
	u32 len = le32_to_cpu(rec->len);
	int err;

	lockdep_assert_held(&log->mutex);
	if (!log->formatted || len < sizeof(*rec) || len > HARP_REC_MAX ||
	    len % HARP_REC_ALIGN || log->st.pos.top >= HARP_INDEX_MAX)
		return -EINVAL;
	/* Appending past a hole would make the loss look whole after a reboot (finding 2). */
	if (log->st.pos.top < log->st.pos.wm)
		return -EUCLEAN;
	err = harp_log_place(log, &log->st, len, off);
	if (err)
		return err;
	return harp_log_prepare(log, log->st.pos.top + 1);
}

static void harp_log_store(struct harp_log *log, const struct harp_rec_hdr *rec, u64 off,
			   u64 cost)
{
	struct harp_log_state st = log->st;

	harp_region_store(log->ring + off, rec, le32_to_cpu(rec->len));
	harp_log_enter(log, &st, rec, off, cost);
	harp_log_store_mark(log, st.head_off, HARP_END_MAGIC);
	if (off != log->st.head_off)
		harp_log_store_mark(log, log->st.head_off, HARP_PAD_MAGIC);
	harp_region_flush();
	harp_log_publish(log, &st);
}

/**
 * harp_log_append() - seal a finished record as the next one and store it
 * @log: the log
 * @rec: the record, finished by harp_build_finish(); its header is completed
 * @view: the view it is made in
 * @time_ns: the primary's clock
 * @cost_bytes: what it may take of a lower's space
 * @index: set to its number
 *
 * Context: Process context, log->mutex held; may sleep for memory.
 * Return: 0; -ENOSPC; -ENOMEM; -EUCLEAN when the log has lost records; -EINVAL.
 */
int harp_log_append(struct harp_log *log, struct harp_rec_hdr *rec, u64 view, u64 time_ns,
		    u64 cost_bytes, u64 *index)
{
	u64 off;
	int err;

	err = harp_log_admit(log, rec, &off);
	if (err)
		return err;
	harp_rec_seal(rec, log->st.pos.top + 1, view, log->lineage, time_ns, log->st.pos.top_crc);
	if (!view || harp_log_follows(log, &log->st.pos, rec))
		return -EINVAL;
	*index = log->st.pos.top + 1;
	harp_log_store(log, rec, off, cost_bytes);
	return 0;
}

/**
 * harp_log_append_raw() - store a record made elsewhere
 * @log: the log
 * @rec: the record, found sound by harp_rec_parse()
 *
 * Context: Process context, log->mutex held; may sleep for memory.
 * Return: 0; -EBADMSG when it does not follow the top; -ENOSPC; -ENOMEM; -EUCLEAN;
 * -EINVAL.
 */
int harp_log_append_raw(struct harp_log *log, const struct harp_rec_hdr *rec)
{
	u64 off;
	int err;

	err = harp_log_admit(log, rec, &off);
	if (err)
		return err;
	if (harp_log_follows(log, &log->st.pos, rec))
		return -EBADMSG;
	harp_log_store(log, rec, off, 0);
	return 0;
}

/* ------------------------------------------------------------------- dropping */

/**
 * harp_log_cut() - drop the records after one
 * @log: the log
 * @m: the last record that stays, base - 1 for none
 *
 * Context: Process context, log->mutex held.
 * Return: 0 or -EINVAL.
 */
int harp_log_cut(struct harp_log *log, u64 m)
{
	struct harp_log_state st = log->st;
	unsigned long flags;

	lockdep_assert_held(&log->mutex);
	if (!log->formatted || m + 1 < st.pos.base || m > st.pos.top)
		return -EINVAL;
	if (st.pos.top < st.pos.wm)
		st.pos.complete = false;
	if (m < st.pos.top)
		st.head_off = harp_log_entry(log, m + 1)->off;
	if (m < st.pos.base) {
		st.pos.top_view = st.pos.anchor_view;
		st.pos.top_crc = st.pos.anchor_crc;
	} else {
		st.pos.top_view = harp_log_view_at(log, m);
		st.pos.top_crc = le32_to_cpu(harp_log_get(log, m)->crc);
	}
	st.pos.top = m;
	st.pos.wm = min(st.pos.wm, m);

	/* First the watermark, or a crash in between is a false loss (finding 4). */
	harp_log_store_header(log, &st);
	harp_log_publish(log, &st);
	spin_lock_irqsave(&log->lock, flags);
	while (log->nviews && log->views[log->nviews - 1].first > m)
		log->nviews--;
	spin_unlock_irqrestore(&log->lock, flags);
	harp_log_store_mark(log, st.head_off, HARP_END_MAGIC);
	harp_region_flush();
	wake_up_all(&log->space_wq);
	return 0;
}

/**
 * harp_log_discard() - let the oldest records go
 * @log: the log
 * @index: the last that goes; what is above top is not looked at
 *
 * Context: Process context, log->mutex held.
 */
void harp_log_discard(struct harp_log *log, u64 index)
{
	struct harp_log_state st = log->st;
	unsigned long flags;

	lockdep_assert_held(&log->mutex);
	index = min(index, st.pos.top);
	if (!log->formatted || index < st.pos.base)
		return;
	st.pos.anchor_view = harp_log_view_at(log, index);
	st.pos.anchor_crc = le32_to_cpu(harp_log_get(log, index)->crc);
	st.base_cost = harp_log_cost(log, index);
	st.pos.base = index + 1;
	st.pos.wm = max(st.pos.wm, index);
	st.base_off = index < st.pos.top ? harp_log_entry(log, index + 1)->off : st.head_off;

	/* Published, and so free to be written over, only when a flushed header says so. */
	harp_log_store_header(log, &st);
	harp_log_publish(log, &st);
	spin_lock_irqsave(&log->lock, flags);
	if (index == st.pos.top) {
		log->nviews = 0;
	} else {
		u32 gone = 0;

		while (gone + 1 < log->nviews && log->views[gone + 1].first <= st.pos.base)
			gone++;
		log->nviews -= gone;
		memmove(log->views, log->views + gone, log->nviews * sizeof(*log->views));
	}
	spin_unlock_irqrestore(&log->lock, flags);
	harp_log_free_chunks(log, st.pos.base);
	wake_up_all(&log->space_wq);
}

/* ------------------------------------------------------------- header's fields */

static void harp_log_set(struct harp_log *log, const struct harp_log_state *st)
{
	lockdep_assert_held(&log->mutex);
	if (!log->formatted)
		return;
	harp_log_store_header(log, st);
	harp_log_publish(log, st);
}

/**
 * harp_log_set_wm() - raise the watermark
 * @log: the log
 * @wm: index that the log must reach to be whole, from now on; at most top
 *
 * Context: Process context, log->mutex held.
 */
void harp_log_set_wm(struct harp_log *log, u64 wm)
{
	struct harp_log_state st;

	lockdep_assert_held(&log->mutex);
	st = log->st;
	wm = min(wm, st.pos.top);
	if (wm <= st.pos.wm)
		return;
	st.pos.wm = wm;
	harp_log_set(log, &st);
}

/**
 * harp_log_set_lb() - note the lower bound, a hint for people and restarts
 * @log: the log
 * @lb: lower bound
 *
 * Context: Process context, log->mutex held.
 */
void harp_log_set_lb(struct harp_log *log, u64 lb)
{
	struct harp_log_state st = log->st;

	st.pos.lb = lb;
	harp_log_set(log, &st);
}

/**
 * harp_log_set_formed() - note the view that this log is the log of
 * @log: the log
 * @formed: the view whose START was adopted
 * @complete: it holds the whole log of that view
 * @wm: watermark; at most top
 *
 * Context: Process context, log->mutex held.
 */
void harp_log_set_formed(struct harp_log *log, u64 formed, bool complete, u64 wm)
{
	struct harp_log_state st = log->st;

	st.pos.formed = formed;
	st.pos.complete = complete;
	st.pos.wm = max(min(wm, st.pos.top), st.pos.base - 1);
	harp_log_set(log, &st);
}

/**
 * harp_log_set_applying() - note which records are being applied (N4)
 * @log: the log
 * @first: the first
 * @count: how many, 0 none
 *
 * Context: Process context, log->mutex held.
 */
void harp_log_set_applying(struct harp_log *log, u64 first, u32 count)
{
	struct harp_log_state st = log->st;

	st.applying_first = count ? first : 0;
	st.applying_count = count;
	harp_log_set(log, &st);
}

/* -------------------------------------------------------------------- reading */

/**
 * harp_log_mutex() - what serialises changes of a log
 * @log: the log
 *
 * Context: Any.
 * Return: the mutex.
 */
struct mutex *harp_log_mutex(struct harp_log *log)
{
	return &log->mutex;
}

/**
 * harp_log_space_wq() - where to wait for room
 * @log: the log
 *
 * Context: Any.
 * Return: the wait queue, woken when records were discarded or cut.
 */
wait_queue_head_t *harp_log_space_wq(struct harp_log *log)
{
	return &log->space_wq;
}

/**
 * harp_log_get() - a record
 * @log: the log
 * @index: its number
 *
 * Context: Any; no lock needed.
 * Return: the record, which stays until it is discarded or cut, or NULL when the log
 * does not have it.
 */
const struct harp_rec_hdr *harp_log_get(struct harp_log *log, u64 index)
{
	const struct harp_rec_hdr *rec = NULL;
	struct harp_log_entry *e;

	/* Pairs with harp_log_publish(). */
	if (index > smp_load_acquire(&log->top) || index < READ_ONCE(log->base))
		return NULL;
	rcu_read_lock();
	e = harp_log_entry(log, index);
	if (e)
		rec = (const struct harp_rec_hdr *)(log->ring + READ_ONCE(e->off));
	rcu_read_unlock();
	return rec;
}

/* Of a VIEW record that the log holds: does it void @index? */
static bool harp_log_voids(const struct harp_rec_hdr *hdr, u64 index)
{
	const __le64 *voids;
	struct harp_rec rec;
	const char *why;
	u32 i, n;

	if (harp_rec_parse(hdr, le32_to_cpu(hdr->len), &rec, &why) || !rec.view_sec)
		return false;
	voids = (const __le64 *)(rec.view_sec + 1);
	n = le16_to_cpu(rec.view_sec->nvoid);
	for (i = 0; i < n; i++)
		if (le64_to_cpu(voids[i]) == index)
			return true;
	return false;
}

/**
 * harp_log_void() - has a later view made a record nothing (P2)?
 * @log: the log
 * @index: the record
 *
 * Context: Any.
 * Return: true when the VIEW record of a later view, here, says so.
 */
bool harp_log_void(struct harp_log *log, u64 index)
{
	const struct harp_log_entry *e;
	unsigned long flags;
	bool found = false;
	u64 first;
	u32 i;

	spin_lock_irqsave(&log->lock, flags);
	for (i = log->nviews; i && !found; i--) {
		first = log->views[i - 1].first;
		/* One that is below base was discarded, one above top has just been cut. */
		if (first <= index || first < log->st.pos.base)
			break;
		e = first <= log->st.pos.top ? harp_log_entry(log, first) : NULL;
		if (e)
			found = harp_log_voids((const struct harp_rec_hdr *)(log->ring + e->off),
					       index);
	}
	spin_unlock_irqrestore(&log->lock, flags);
	return found;
}

/**
 * harp_log_cost() - costs of the records up to one
 * @log: the log
 * @index: that one
 *
 * Context: Any.
 * Return: the sum since the log was opened.
 */
u64 harp_log_cost(struct harp_log *log, u64 index)
{
	unsigned long flags;
	u64 cost;

	spin_lock_irqsave(&log->lock, flags);
	index = min(index, log->st.pos.top);
	if (index < log->st.pos.base)
		cost = log->st.base_cost;
	else
		cost = harp_log_entry(log, index)->cost;
	spin_unlock_irqrestore(&log->lock, flags);
	return cost;
}

/**
 * harp_log_pos() - a log's positions, all of one moment
 * @log: the log
 * @pos: set
 *
 * Context: Any.
 */
void harp_log_pos(struct harp_log *log, struct harp_log_pos *pos)
{
	unsigned long flags;

	spin_lock_irqsave(&log->lock, flags);
	*pos = log->st.pos;
	spin_unlock_irqrestore(&log->lock, flags);
}

/**
 * harp_log_top() - index of the last record
 * @log: the log
 *
 * Context: Any.
 * Return: the index; base - 1 when the log is empty.
 */
u64 harp_log_top(struct harp_log *log)
{
	/* Pairs with harp_log_publish(). */
	return smp_load_acquire(&log->top);
}

/**
 * harp_log_view_at() - the view that a record was made in
 * @log: the log
 * @index: the record, or base - 1: the anchor
 *
 * Context: Any.
 * Return: the view, 0 when it is not known.
 */
u64 harp_log_view_at(struct harp_log *log, u64 index)
{
	unsigned long flags;
	u64 view = 0;
	u32 i;

	spin_lock_irqsave(&log->lock, flags);
	if (index + 1 == log->st.pos.base) {
		view = log->st.pos.anchor_view;
	} else if (index >= log->st.pos.base && index <= log->st.pos.top) {
		for (i = log->nviews; i && !view; i--)
			if (log->views[i - 1].first <= index)
				view = log->views[i - 1].view;
	}
	spin_unlock_irqrestore(&log->lock, flags);
	return view;
}

/**
 * harp_log_views() - the views of a log and the first record of each
 * @log: the log
 * @views: set, ascending, the newest @max of them
 * @firsts: set: the first index of each in base..top
 * @max: room in both
 *
 * Context: Any.
 * Return: how many views there are, which may be more than @max.
 */
u32 harp_log_views(struct harp_log *log, u64 *views, u64 *firsts, u32 max)
{
	unsigned long flags;
	u32 from = 0, to, skip, i;

	spin_lock_irqsave(&log->lock, flags);
	to = log->nviews;
	/* What is being entered or cut is not there, nor what is being discarded. */
	while (to && log->views[to - 1].first > log->st.pos.top)
		to--;
	while (from + 1 < to && log->views[from + 1].first <= log->st.pos.base)
		from++;
	if (log->st.pos.top < log->st.pos.base)
		to = from;
	skip = from + (to - from > max ? to - from - max : 0);
	for (i = skip; i < to; i++) {
		views[i - skip] = log->views[i].view;
		firsts[i - skip] = max(log->views[i].first, log->st.pos.base);
	}
	spin_unlock_irqrestore(&log->lock, flags);
	return to - from;
}

/**
 * harp_log_fill() - how full is the ring?
 * @log: the log
 *
 * Context: Any.
 * Return: per cent.
 */
u32 harp_log_fill(struct harp_log *log)
{
	struct harp_log_pos pos;

	harp_log_pos(log, &pos);
	return pos.size ? div64_u64(pos.used * 100, pos.size) : 0;
}
