// SPDX-License-Identifier: GPL-2.0
/*
 * .harp/copy: how far the copy of the file state onto this lower has come (protocol C2).
 *
 * It is there once a copy has begun. Until that has ended, what is on the lower is the
 * state of no index, and the member enters no view. As with the LB note there are two
 * places, written in turn, and the valid note with the higher number counts. Bytes of which
 * none is a note are not taken for "no copy": the lower is refused.
 */
#include <linux/fs.h>
#include <linux/harp_netlink.h>
#include "codec.h"
#include "lower.h"
#include "node.h"

/**
 * harp_copy_note_encode() - a copy note as it is stored
 * @r: whose
 * @seq: number of the note
 * @at: how far the copy has come
 * @note: where
 *
 * Context: any.
 */
void harp_copy_note_encode(const struct harp_replica *r, u64 seq,
			   const struct harp_copy_place *at, struct harp_copy_note *note)
{
	memset(note, 0, sizeof(*note));
	note->magic = cpu_to_le64(HARP_COPY_NOTE_MAGIC);
	note->version = cpu_to_le32(HARP_COPY_NOTE_VERSION);
	note->len = cpu_to_le32(sizeof(*note));
	export_uuid(note->group, &r->uuid);
	note->lineage = cpu_to_le64(r->lineage);
	note->seq = cpu_to_le64(seq);
	note->from = cpu_to_le64(at->from);
	note->upto = cpu_to_le64(at->upto);
	note->end = cpu_to_le64(at->end);
	note->fid = cpu_to_le64(at->fid);
	note->state = at->state;
	note->pass = at->pass;
	note->member = r->member;
	note->crc = cpu_to_le32(harp_crc_but_last(note, sizeof(*note)));
}

static bool harp_copy_place_sound(const struct harp_copy_place *at)
{
	if (at->from > at->upto || at->upto > HARP_INDEX_MAX || at->end < HARP_FID_FIRST)
		return false;
	switch (at->state) {
	case HARP_NL_COPYING_PIECES:
		return at->pass < HARP_NL_COPY_DONE && harp_fid_possible(at->fid) &&
		       at->fid < at->end;
	case HARP_NL_COPYING_LOG:
	case HARP_NL_COPYING_ENDED:
		return at->pass == HARP_NL_COPY_DONE;
	default:
		return false;
	}
}

/**
 * harp_copy_note_decode() - what a copy note says, of whomever
 * @note: as read
 * @at: set to how far the copy has come
 *
 * Context: any.
 * Return: 0; -ENODATA: no note, or damaged; -EUCLEAN: a sound one that says what cannot be.
 */
int harp_copy_note_decode(const struct harp_copy_note *note, struct harp_copy_place *at)
{
	if (le64_to_cpu(note->magic) != HARP_COPY_NOTE_MAGIC ||
	    le32_to_cpu(note->version) != HARP_COPY_NOTE_VERSION ||
	    le32_to_cpu(note->len) != sizeof(*note) || !note->seq ||
	    le32_to_cpu(note->crc) != harp_crc_but_last(note, sizeof(*note)))
		return -ENODATA;
	*at = (struct harp_copy_place){
		.from = le64_to_cpu(note->from),
		.upto = le64_to_cpu(note->upto),
		.end = le64_to_cpu(note->end),
		.fid = le64_to_cpu(note->fid),
		.state = note->state,
		.pass = note->pass,
	};
	return note->reserved || !harp_copy_place_sound(at) ? -EUCLEAN : 0;
}

static bool harp_copy_note_ours(const struct harp_replica *r, const struct harp_copy_note *note)
{
	uuid_t group;

	import_uuid(&group, note->group);
	return uuid_equal(&group, &r->uuid) && note->member == r->member &&
	       le64_to_cpu(note->lineage) == r->lineage;
}

/**
 * harp_copy_note_read() - how far a copy onto this lower has come
 * @lw: the lower, copy.file open; copy.at and copy.noted are set to what it says: state
 *	HARP_NL_COPYING_NONE when nothing was ever written
 * @why: set to what is wrong
 *
 * Context: process context, under the lower's cred; nobody else knows the lower yet.
 * Return: 0; -EUCLEAN: damaged; -EBUSY: another's; or the lower's error.
 */
int harp_copy_note_read(struct harp_lower *lw, const char **why)
{
	struct harp_copy_note note, best = {};
	struct harp_copying *c = &lw->copy;
	struct harp_copy_place any;
	bool written = false;
	ssize_t n;
	int i;

	*why = "cannot be read";
	for (i = 0; i < 2; i++) {
		n = harp_do_read(c->file, &note, sizeof(note), i * HARP_COPY_NOTE_STRIDE);
		if (n < 0)
			return n;
		written = written || n;
		if (n == sizeof(note) && harp_copy_note_decode(&note, &any) != -ENODATA &&
		    le64_to_cpu(note.seq) > le64_to_cpu(best.seq))
			best = note;
	}
	if (!written)
		return 0;
	*why = "holds no valid copy note";
	if (!best.seq || harp_copy_note_decode(&best, &any))
		return -EUCLEAN;
	*why = "belongs to another group, member or lineage";
	if (!harp_copy_note_ours(lw->r, &best))
		return -EBUSY;
	c->seq = le64_to_cpu(best.seq);
	c->at = any;
	c->noted = any;
	return 0;
}

/**
 * harp_copy_note_is() - does the last note say just this?
 * @lw: the lower
 * @at: how far the copy has come
 *
 * Context: any.
 * Return: true when no new note is needed.
 */
bool harp_copy_note_is(const struct harp_lower *lw, const struct harp_copy_place *at)
{
	const struct harp_copy_place *noted = &lw->copy.noted;

	return at->from == noted->from && at->upto == noted->upto && at->end == noted->end &&
	       at->fid == noted->fid && at->state == noted->state && at->pass == noted->pass;
}

/**
 * harp_copy_note_write() - note on the disk how far the copy has come
 * @lw: the lower, copy.file open
 * @at: what is on the disk, proved as for an LB note
 *
 * Context: who makes LB passes, under the lower's cred.
 * Return: 0 or the lower's error.
 */
int harp_copy_note_write(struct harp_lower *lw, const struct harp_copy_place *at)
{
	struct harp_copying *c = &lw->copy;
	struct harp_copy_note note;
	u64 seq = c->seq + 1;
	int err;

	harp_copy_note_encode(lw->r, seq, at, &note);
	err = harp_write_full(c->file, &note, sizeof(note), (seq & 1) * HARP_COPY_NOTE_STRIDE);
	if (err)
		return err;
	c->seq = seq;
	spin_lock(&lw->r->lock);
	c->noted = *at;
	spin_unlock(&lw->r->lock);
	return 0;
}
