/* SPDX-License-Identifier: GPL-2.0 */
/* Fault points: moments at which a test lets this machine fail (fault.c). */
#ifndef HARP_FAULT_H
#define HARP_FAULT_H

#include <linux/jump_label.h>
#include <linux/types.h>

struct dentry;
struct harp_replica;

/**
 * enum harp_fault - the points, in the order a record passes them, then a view's
 * @HARP_FAULT_APPENDED: primary: the record is in the log, and nobody was told
 * @HARP_FAULT_SENT: primary: it was given to the link
 * @HARP_FAULT_STORED: backup, or fed: it is in the log, and no ACK was sent
 * @HARP_FAULT_ACKED: backup, or fed: an ACK was sent
 * @HARP_FAULT_COMMITTED: primary: CP is above it; it is not applied
 * @HARP_FAULT_APPLYING: it is noted as a suspect; the lower was not touched
 * @HARP_FAULT_APPLIED: the lower has it; AP does not say so
 * @HARP_FAULT_ANSWERED: primary: an operation returns to its caller
 * @HARP_FAULT_SYNCED: the lower is on its disk; the LB note is the old one
 * @HARP_FAULT_LB_NOTED: the LB note is written; the log's header says the old one
 * @HARP_FAULT_DISCARDED: records went, as both disks hold them
 * @HARP_FAULT_FENCED: the fence was raised
 * @HARP_FAULT_CUT: VIEW_START: the log was cut; the VIEW record is not there
 * @HARP_FAULT_VIEW_RECORD: VIEW_START: it is there; the header names the old view
 * @HARP_FAULT_ENTERED: VIEW_START is done; nothing was sent in the view
 * @HARP_FAULT_SERVING: primary: may answer from now on
 * @HARP_FAULT_FED: FEED was taken; nothing was stored of it
 * @HARP_FAULT_REDO: the records to redo were read; none is redone
 * @HARP_FAULT_LOADED: LOG_LOAD: all records are there; the header says that they are not
 * @HARP_FAULTS: how many
 */
enum harp_fault {
	HARP_FAULT_APPENDED,
	HARP_FAULT_SENT,
	HARP_FAULT_STORED,
	HARP_FAULT_ACKED,
	HARP_FAULT_COMMITTED,
	HARP_FAULT_APPLYING,
	HARP_FAULT_APPLIED,
	HARP_FAULT_ANSWERED,
	HARP_FAULT_SYNCED,
	HARP_FAULT_LB_NOTED,
	HARP_FAULT_DISCARDED,
	HARP_FAULT_FENCED,
	HARP_FAULT_CUT,
	HARP_FAULT_VIEW_RECORD,
	HARP_FAULT_ENTERED,
	HARP_FAULT_SERVING,
	HARP_FAULT_FED,
	HARP_FAULT_REDO,
	HARP_FAULT_LOADED,
	HARP_FAULTS,
};

/**
 * struct harp_fault_point - one point of one replica
 * @left: reached that often from now on, it panics; 0: it does not
 * @counts: it is counted how often it is reached
 * @reached: how often
 */
struct harp_fault_point {
	atomic_t left;
	bool counts;
	atomic64_t reached;
};

DECLARE_STATIC_KEY_FALSE(harp_faults_armed);

void harp_fault_reached(struct harp_replica *r, enum harp_fault fault);
void harp_fault_debugfs(struct harp_replica *r, struct dentry *dir);
void harp_fault_end(struct harp_replica *r);

/* Costs nothing while no replica of this kernel has a point armed. Context: any. */
static inline void harp_fault(struct harp_replica *r, enum harp_fault fault)
{
	if (static_branch_unlikely(&harp_faults_armed))
		harp_fault_reached(r, fault);
}

#endif /* HARP_FAULT_H */
