// SPDX-License-Identifier: GPL-2.0
/*
 * Fault points: /sys/kernel/debug/harp/GROUP-MEMBER/fault.
 *
 * Reading it gives a line for each point. "POINT panic [N]" written to it lets the kernel
 * panic when POINT is reached for the Nth time from then on, "POINT count" counts only, and
 * "POINT off" ends both. For tests: root's file, and a locked-down kernel lets nobody open it.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>
#include "dataplane.h"

#define HARP_FAULT_COMMAND_MAX	64

DEFINE_STATIC_KEY_FALSE(harp_faults_armed);

/* What arms and ends, of all replicas: nobody needs it fast. */
static DEFINE_MUTEX(harp_faults_lock);

static const char * const harp_fault_names[HARP_FAULTS] = {
	[HARP_FAULT_APPENDED] = "appended",
	[HARP_FAULT_SENT] = "sent",
	[HARP_FAULT_STORED] = "stored",
	[HARP_FAULT_ACKED] = "acked",
	[HARP_FAULT_COMMITTED] = "committed",
	[HARP_FAULT_APPLYING] = "applying",
	[HARP_FAULT_APPLIED] = "applied",
	[HARP_FAULT_ANSWERED] = "answered",
	[HARP_FAULT_SYNCED] = "synced",
	[HARP_FAULT_LB_NOTED] = "lb-noted",
	[HARP_FAULT_DISCARDED] = "discarded",
	[HARP_FAULT_FENCED] = "fenced",
	[HARP_FAULT_CUT] = "cut",
	[HARP_FAULT_VIEW_RECORD] = "view-record",
	[HARP_FAULT_ENTERED] = "entered",
	[HARP_FAULT_SERVING] = "serving",
	[HARP_FAULT_FED] = "fed",
	[HARP_FAULT_REDO] = "redo",
	[HARP_FAULT_LOADED] = "loaded",
};

/**
 * harp_fault_reached() - a point was reached, and some are armed
 * @r: whose
 * @fault: which
 *
 * Context: any.
 */
void harp_fault_reached(struct harp_replica *r, enum harp_fault fault)
{
	struct harp_fault_point *p = &r->links->fault[fault];

	if (!READ_ONCE(p->counts))
		return;
	atomic64_inc(&p->reached);
	if (atomic_dec_if_positive(&p->left) == 0)
		panic("harp: %s/%u: fault point %s", r->group, r->member, harp_fault_names[fault]);
}

static int harp_fault_show(struct seq_file *m, void *v)
{
	struct harp_replica *r = m->private;
	int i;

	for (i = 0; i < HARP_FAULTS; i++) {
		struct harp_fault_point *p = &r->links->fault[i];
		int left = atomic_read(&p->left);

		seq_printf(m, "%s ", harp_fault_names[i]);
		if (left > 0)
			seq_printf(m, "panic %d", left);
		else
			seq_puts(m, READ_ONCE(p->counts) ? "count" : "off");
		seq_printf(m, " reached %llu\n", (u64)atomic64_read(&p->reached));
	}
	return 0;
}

static int harp_fault_open(struct inode *inode, struct file *file)
{
	return single_open(file, harp_fault_show, inode->i_private);
}

static void harp_fault_set(struct harp_fault_point *p, bool counts, int left)
{
	lockdep_assert_held(&harp_faults_lock);
	if (counts && !p->counts)
		static_branch_inc(&harp_faults_armed);
	else if (!counts && p->counts)
		static_branch_dec(&harp_faults_armed);
	if (counts && !p->counts)
		atomic64_set(&p->reached, 0);
	atomic_set(&p->left, left);
	WRITE_ONCE(p->counts, counts);
}

/* "POINT off|count|panic [N]". */
static int harp_fault_command(struct harp_replica *r, char *command)
{
	char *rest = strim(command), *name = strsep(&rest, " "), *action = strsep(&rest, " ");
	int i = match_string(harp_fault_names, HARP_FAULTS, name);
	bool panics = action && !strcmp(action, "panic");
	int left = panics;

	if (i < 0 || !action || (rest && (!panics || kstrtoint(rest, 10, &left) || left < 1)))
		return -EINVAL;
	if (!panics && strcmp(action, "count") && strcmp(action, "off"))
		return -EINVAL;
	harp_fault_set(&r->links->fault[i], strcmp(action, "off"), left);
	return 0;
}

static ssize_t harp_fault_write(struct file *file, const char __user *from, size_t len,
				loff_t *pos)
{
	struct harp_replica *r = ((struct seq_file *)file->private_data)->private;
	char command[HARP_FAULT_COMMAND_MAX] = "";
	int err;

	if (len >= sizeof(command))
		return -EINVAL;
	if (copy_from_user(command, from, len))
		return -EFAULT;
	mutex_lock(&harp_faults_lock);
	err = harp_fault_command(r, command);
	mutex_unlock(&harp_faults_lock);
	return err ?: len;
}

static const struct file_operations harp_fault_fops = {
	.owner = THIS_MODULE,
	.open = harp_fault_open,
	.read = seq_read,
	.write = harp_fault_write,
	.llseek = seq_lseek,
	.release = single_release,
};

/**
 * harp_fault_debugfs() - the file of a replica
 * @r: the replica
 * @dir: its directory
 *
 * Context: process context.
 */
void harp_fault_debugfs(struct harp_replica *r, struct dentry *dir)
{
	debugfs_create_file("fault", 0600, dir, r, &harp_fault_fops);
}

/**
 * harp_fault_end() - the replica ends
 * @r: the replica, whose file has gone
 *
 * Context: process context, sleeps.
 */
void harp_fault_end(struct harp_replica *r)
{
	int i;

	mutex_lock(&harp_faults_lock);
	for (i = 0; i < HARP_FAULTS; i++)
		harp_fault_set(&r->links->fault[i], false, 0);
	mutex_unlock(&harp_faults_lock);
}
