// SPDX-License-Identifier: GPL-2.0
/*
 * LB passes (protocol N6, kernel-notes 3): everything up to AP reaches the disk, and
 * only what was proved to is noted.
 *
 * sync_filesystem() alone does not say so: data errors are not in its result, a
 * file system gone read-only succeeds, and XFS with nothing to log flushes no device
 * cache. So LB moves only if it returned 0, the device's cache was flushed, no
 * write-back error has come since the lower was opened, and the lower can still be
 * written. The note itself is O_DSYNC, and is told only when it is on the disk.
 */
#include <linux/kthread.h>
#include <linux/sched/mm.h>
#include "fault.h"
#include "lower.h"
#include "node.h"

static struct super_block *harp_lower_sb(struct harp_lower *lw)
{
	return lw->r->lower_root.mnt->mnt_sb;
}

/* Says nothing about the disk: LB stays, and the next pass tries again. */
static bool harp_sync_again(int err)
{
	return err == -ENOMEM || err == -EINTR;
}

/**
 * harp_lb_write() - note on the disk how far this lower is durable
 * @lw: the lower
 * @lb: lower bound
 *
 * Context: process context, under the lower's cred; one caller at a time.
 * Return: 0 or the lower's error.
 */
int harp_lb_write(struct harp_lower *lw, u64 lb)
{
	struct harp_lb_note note;
	u64 seq = lw->sync.seq + 1;
	int err;

	harp_lb_encode(lw->r, seq, lb, &note);
	err = harp_write_full(lw->sync.lb, &note, sizeof(note), (seq & 1) * HARP_LB_STRIDE);
	if (!err)
		lw->sync.seq = seq;
	return err;
}

/**
 * harp_sync_open() - read the LB note
 * @lw: the lower, sync.lb open
 * @lb: set to what it says
 * @why: set to what is wrong
 *
 * Context: process context, under the lower's cred.
 * Return: 0; -ENODATA: there is none; -EBUSY: another's; or the lower's error.
 */
int harp_sync_open(struct harp_lower *lw, u64 *lb, const char **why)
{
	struct harp_lb_note note, best = {};
	uuid_t group;
	ssize_t n;
	int i;

	lw->sync.wb_err = errseq_sample(&harp_lower_sb(lw)->s_wb_err);
	*why = "there is no valid LB note";
	for (i = 0; i < 2; i++) {
		n = harp_do_read(lw->sync.lb, &note, sizeof(note), i * HARP_LB_STRIDE);
		if (n < 0)
			return n;
		if (n == sizeof(note) && harp_lb_valid(&note) &&
		    le64_to_cpu(note.seq) > le64_to_cpu(best.seq))
			best = note;
	}
	if (!best.seq)
		return -ENODATA;
	import_uuid(&group, best.group);
	*why = "it belongs to another group";
	if (!uuid_equal(&group, &lw->r->uuid))
		return -EBUSY;
	*why = "it belongs to another lineage of this group";
	if (le64_to_cpu(best.lineage) != lw->r->lineage)
		return -EBUSY;
	*why = "it belongs to another member of this group";
	if (best.member != lw->r->member)
		return -EBUSY;
	lw->sync.seq = le64_to_cpu(best.seq);
	*lb = le64_to_cpu(best.lb);
	return 0;
}

/**
 * harp_sync_written() - has all that was written back reached the disk?
 * @sb: the lower
 * @seen: its s_wb_err as of the last time
 *
 * An error is told here once, so there is no trying again, whatever its number says:
 * data is lost.
 *
 * Context: any.
 * Return: 0 or an error that does not pass.
 */
int harp_sync_written(struct super_block *sb, errseq_t *seen)
{
	int err = errseq_check_and_advance(&sb->s_wb_err, seen);

	return harp_sync_again(err) ? -EIO : err;
}

/**
 * harp_sync_rows() - every row of what has been applied, and the head, to their file
 * @lw: the lower
 *
 * Context: process context, under the lower's cred; takes rows.flush.
 * Return: 0 or the lower's error.
 */
int harp_sync_rows(struct harp_lower *lw)
{
	return harp_rows_flush(lw, UINT_MAX) ?: harp_rows_head_write(lw);
}

/* Everything dirty to the disk, or the reason why that is not certain. */
static int harp_sync_lower(struct harp_lower *lw, const char **what)
{
	struct super_block *sb = harp_lower_sb(lw);
	u32 freed = harp_space_freed(lw);
	int err;

	*what = "row file";
	err = harp_sync_rows(lw);
	/* They belong to what is committed, as records do: the reserve is theirs, too. */
	if ((err == -ENOSPC || err == -EDQUOT) && !harp_space_release(lw, freed))
		err = harp_sync_rows(lw);
	if (err)
		return err;
	*what = "sync of the lower";
	err = harp_do_syncfs(sb);
	if (err)
		return err;
	*what = "cache flush of the lower's device";
	err = harp_do_flush_device(sb);
	if (err)
		return err;
	*what = "write-back of the lower";
	err = harp_sync_written(sb, &lw->sync.wb_err);
	if (err)
		return err;
	*what = "the lower, read-only now";
	return sb_rdonly(sb) ? -EROFS : 0;
}

/* The notes of what the pass has proved. A copy's is the last: it may say that LB counts. */
static int harp_sync_note(struct harp_lower *lw, u64 n, const struct harp_copy_place *at,
			  const char **what)
{
	int err = 0;

	*what = "LB note";
	if (n != READ_ONCE(lw->r->lb))
		err = harp_lb_write(lw, n);
	if (err || harp_copy_note_is(lw, at))
		return err;
	*what = "copy note";
	return harp_copy_note_write(lw, at);
}

/**
 * harp_sync_pass() - one LB pass
 * @lw: the lower
 *
 * Of a lower onto which a copy is made it notes how far that has come, too.
 *
 * Context: sync thread, or the end of the replica; under the lower's cred.
 * Return: 0; -ENOMEM or -EINTR: LB stays; or the lower's error, a media failure.
 */
int harp_sync_pass(struct harp_lower *lw)
{
	struct harp_replica *r = lw->r;
	const char *what = "LB note";
	struct harp_copy_place at;
	int err;
	u64 n;

	if (r->media_failure)
		return -EIO;
	spin_lock(&r->lock);
	n = r->ap;
	at = lw->copy.at;
	spin_unlock(&r->lock);
	if (n == READ_ONCE(r->lb) && harp_copy_note_is(lw, &at))
		return 0;
	err = harp_sync_lower(lw, &what);
	if (!err) {
		harp_fault(r, HARP_FAULT_SYNCED);
		err = harp_sync_note(lw, n, &at, &what);
	}
	if (harp_sync_again(err))
		return err;
	if (err) {
		harp_media_failure(r, err, what, n);
		return err;
	}
	harp_fault(r, HARP_FAULT_LB_NOTED);
	spin_lock(&r->lock);
	WRITE_ONCE(r->lb, n);
	WRITE_ONCE(r->copying, at.state);
	spin_unlock(&r->lock);
	/* The last record that the copy needs may have been applied before. */
	if (harp_copy_due(r))
		wake_up_all(&r->apply_wq);
	mutex_lock(harp_log_mutex(r->log));
	harp_log_set_lb(r->log, n);
	mutex_unlock(harp_log_mutex(r->log));
	harp_commit_advance(r);
	harp_link_kick(r);
	return 0;
}

static void harp_sync_round(struct harp_lower *lw)
{
	struct harp_sync *s = &lw->sync;
	int err;

	spin_lock_irq(&s->wq.lock);
	s->running = s->done + 1;
	spin_unlock_irq(&s->wq.lock);
	err = harp_sync_pass(lw);
	harp_space_tend(lw);
	spin_lock_irq(&s->wq.lock);
	s->err = err;
	WRITE_ONCE(s->done, s->running);
	s->running = 0;
	wake_up_all_locked(&s->wq);
	spin_unlock_irq(&s->wq.lock);
}

/**
 * harp_sync_thread() - makes an LB pass every HARP_SYNC_PERIOD, or when asked
 * @arg: the replica
 *
 * Context: kernel thread.
 * Return: 0.
 */
int harp_sync_thread(void *arg)
{
	struct harp_replica *r = arg;
	struct harp_lower *lw = harp_lower(r);
	struct harp_sync *s = &lw->sync;
	const struct cred *old = override_creds(r->cred);
	unsigned int nofs = memalloc_nofs_save();

	current->flags |= PF_LOCAL_THROTTLE;
	while (!kthread_should_stop()) {
		wait_event_idle_timeout(s->wq, kthread_should_stop() ||
					READ_ONCE(s->wanted) > READ_ONCE(s->done),
					HARP_SYNC_PERIOD);
		if (!kthread_should_stop())
			harp_sync_round(lw);
	}
	/* Apply has ended before: this leaves nothing to redo at a clean end. */
	harp_sync_round(lw);
	spin_lock_irq(&s->wq.lock);
	WRITE_ONCE(s->done, U64_MAX);
	wake_up_all_locked(&s->wq);
	spin_unlock_irq(&s->wq.lock);
	memalloc_nofs_restore(nofs);
	revert_creds(old);
	return 0;
}

/**
 * harp_sync_kick() - ask for an LB pass that begins after now
 * @r: the replica
 * @wait: wait until it has ended
 *
 * Context: process context; with @wait it sleeps, without it may hold replica.lock.
 * Return: 0, or with @wait the pass's error.
 */
int harp_sync_kick(struct harp_replica *r, bool wait)
{
	struct harp_sync *s = &harp_lower(r)->sync;
	unsigned long flags;
	u64 pass;
	int err;

	spin_lock_irqsave(&s->wq.lock, flags);
	/* One that runs now began before it was asked for. */
	pass = (s->running ?: s->done) + 1;
	WRITE_ONCE(s->wanted, max(s->wanted, pass));
	wake_up_all_locked(&s->wq);
	spin_unlock_irqrestore(&s->wq.lock, flags);
	if (!wait)
		return 0;
	wait_event_idle(s->wq, READ_ONCE(s->done) >= pass);
	spin_lock_irqsave(&s->wq.lock, flags);
	err = s->err;
	spin_unlock_irqrestore(&s->wq.lock, flags);
	return err;
}
