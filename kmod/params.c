// SPDX-License-Identifier: GPL-2.0
/*
 * Mount options (fs_context). Every option is checked by itself when it is read, and
 * all of them together when the mount is made; each refusal names the option and
 * what was expected.
 */
#include <linux/ctype.h>
#include <linux/fs_context.h>
#include <linux/fs_parser.h>
#include <linux/magic.h>
#include <linux/namei.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/user_namespace.h>
#include "vfs.h"

enum harp_opt {
	HARP_OPT_SOURCE, HARP_OPT_GROUP, HARP_OPT_UUID, HARP_OPT_MEMBER, HARP_OPT_INC,
	HARP_OPT_LINEAGE, HARP_OPT_EPOCH, HARP_OPT_HOLD, HARP_OPT_REGION, HARP_OPT_LEASE,
	HARP_OPT_INIT,
};

/* All strings: the kernel's own parsers would not say what was expected. */
const struct fs_parameter_spec harp_parameters[] = {
	fsparam_string("source",	HARP_OPT_SOURCE),
	fsparam_string("group",		HARP_OPT_GROUP),
	fsparam_string("uuid",		HARP_OPT_UUID),
	fsparam_string("member",	HARP_OPT_MEMBER),
	fsparam_string("inc",		HARP_OPT_INC),
	fsparam_string("lineage",	HARP_OPT_LINEAGE),
	fsparam_string("epoch",		HARP_OPT_EPOCH),
	fsparam_string("hold",		HARP_OPT_HOLD),
	fsparam_string("region",	HARP_OPT_REGION),
	fsparam_string("lease",		HARP_OPT_LEASE),
	fsparam_flag("init",		HARP_OPT_INIT),
	{ }
};

static const char * const harp_opt_names[] = {
	[HARP_OPT_SOURCE] = "source", [HARP_OPT_GROUP] = "group", [HARP_OPT_UUID] = "uuid",
	[HARP_OPT_MEMBER] = "member", [HARP_OPT_INC] = "inc",
	[HARP_OPT_LINEAGE] = "lineage", [HARP_OPT_EPOCH] = "epoch",
	[HARP_OPT_HOLD] = "hold", [HARP_OPT_REGION] = "region",
	[HARP_OPT_LEASE] = "lease", [HARP_OPT_INIT] = "init",
};

/**
 * struct harp_options - options on their way to a mount
 * @p: what they say
 * @group: p.group points here
 * @seen: bit per enum harp_opt
 */
struct harp_options {
	struct harp_replica_params p;
	char group[HARP_GROUP_NAME_MAX + 1];
	unsigned long seen;
};

/* ------------------------------------------------------------------- each by itself */

static int harp_opt_group(struct fs_context *fc, struct harp_options *o, const char *s)
{
	size_t i, len = strlen(s);

	if (!len || len > HARP_GROUP_NAME_MAX)
		return invalfc(fc, "group=%s: expected 1 to %d characters", s,
			       HARP_GROUP_NAME_MAX);
	for (i = 0; i < len; i++)
		if (!islower(s[i]) && !isdigit(s[i]) && s[i] != '-')
			return invalfc(fc, "group=%s: expected a-z, 0-9 and - only", s);
	strscpy(o->group, s, sizeof(o->group));
	o->p.group = o->group;
	return 0;
}

static int harp_opt_number(struct fs_context *fc, const char *name, const char *s, u64 min,
			   u64 max, u64 *value)
{
	if (kstrtou64(s, 0, value) || *value < min || *value > max)
		return invalfc(fc, "%s=%s: expected a number from %llu to %llu", name, s, min,
			       max);
	return 0;
}

/* A size with an optional K, M or G; the whole string. */
static int harp_opt_size(struct fs_context *fc, const char *s, u64 *size)
{
	char *end;

	*size = isdigit(*s) ? memparse(s, &end) : 0;
	if (!*size || *end)
		return invalfc(fc, "region: %s: expected a size such as 256M", s);
	if (*size < HARP_REGION_MIN || *size > HARP_REGION_MAX || !PAGE_ALIGNED(*size))
		return invalfc(fc, "region: %s: expected %luM to %luG, a multiple of %lu", s,
			       HARP_REGION_MIN >> 20, HARP_REGION_MAX >> 30, PAGE_SIZE);
	return 0;
}

static int harp_opt_memmap(struct fs_context *fc, struct harp_region_spec *spec, char *s)
{
	char *end;
	int err;

	spec->kind = HARP_REGION_MEMMAP;
	spec->start = isdigit(*s) ? memparse(s, &end) : 0;
	if (!spec->start || *end != ':')
		return invalfc(fc, "region=memmap:%s: expected memmap:ADDRESS:SIZE", s);
	err = harp_opt_size(fc, end + 1, &spec->size);
	if (err)
		return err;
	if (!PAGE_ALIGNED(spec->start) || spec->start + spec->size < spec->start)
		return invalfc(fc, "region=memmap:%s: expected an address at a page", s);
	return 0;
}

static int harp_opt_region(struct fs_context *fc, struct harp_options *o, char *s)
{
	struct harp_region_spec *spec = &o->p.region;

	memset(spec, 0, sizeof(*spec));
	if (!strncmp(s, "mem:", 4)) {
		spec->kind = HARP_REGION_MEM;
		return harp_opt_size(fc, s + 4, &spec->size);
	}
	if (!strncmp(s, "memmap:", 7))
		return harp_opt_memmap(fc, spec, s + 7);
	if (!strncmp(s, "reserve:", 8)) {
		spec->kind = HARP_REGION_RESERVE;
		if (!s[8] || strlen(s + 8) >= sizeof(spec->label))
			return invalfc(fc, "region=%s: expected reserve:LABEL, 1 to %zu characters",
				       s, sizeof(spec->label) - 1);
		strscpy(spec->label, s + 8, sizeof(spec->label));
		return 0;
	}
	return invalfc(fc, "region=%s: expected mem:SIZE, memmap:ADDRESS:SIZE or reserve:LABEL",
		       s);
}

static int harp_opt_lease(struct fs_context *fc, struct harp_options *o, const char *s)
{
	o->p.confirm = !strcmp(s, "confirm");
	if (!o->p.confirm && strcmp(s, "time"))
		return invalfc(fc, "lease=%s: expected time or confirm", s);
	return 0;
}

static int harp_opt_value(struct fs_context *fc, struct harp_options *o, enum harp_opt opt,
			  char *s)
{
	u64 n = 0;
	int err;

	switch (opt) {
	case HARP_OPT_GROUP:
		return harp_opt_group(fc, o, s);
	case HARP_OPT_UUID:
		if (strlen(s) != UUID_STRING_LEN || uuid_parse(s, &o->p.uuid))
			return invalfc(fc, "uuid=%s: expected 8-4-4-4-12 hexadecimal digits", s);
		if (uuid_is_null(&o->p.uuid))
			return invalfc(fc, "uuid=%s: expected one that is not zero", s);
		return 0;
	case HARP_OPT_MEMBER:
		err = harp_opt_number(fc, "member", s, 0, HARP_MEMBERS - 1, &n);
		o->p.member = n;
		return err;
	case HARP_OPT_INC:
		return harp_opt_number(fc, "inc", s, 1, U64_MAX, &o->p.inc);
	case HARP_OPT_LINEAGE:
		return harp_opt_number(fc, "lineage", s, 1, U64_MAX, &o->p.lineage);
	case HARP_OPT_EPOCH:
		err = harp_opt_number(fc, "epoch", s, 1, U32_MAX, &n);
		o->p.epoch = n;
		return err;
	case HARP_OPT_HOLD:
		err = harp_opt_number(fc, "hold", s, 0, 10 * HARP_PROMISE_CAP_MS, &n);
		o->p.hold_ms = n;
		return err;
	case HARP_OPT_REGION:
		return harp_opt_region(fc, o, s);
	case HARP_OPT_LEASE:
		return harp_opt_lease(fc, o, s);
	default:
		return -EINVAL;
	}
}

static int harp_parse_param(struct fs_context *fc, struct fs_parameter *param)
{
	struct harp_options *o = fc->fs_private;
	struct fs_parse_result result;
	int opt;

	opt = fs_parse(fc, harp_parameters, param, &result);
	if (opt < 0)
		return opt;
	if (opt == HARP_OPT_SOURCE) {
		if (fc->source)
			return invalfc(fc, "source: given twice");
		fc->source = param->string;
		param->string = NULL;
		return 0;
	}
	/* A remount is given those of /proc/mounts first, then what it was asked for. */
	if (test_bit(opt, &o->seen) && fc->purpose != FS_CONTEXT_FOR_RECONFIGURE)
		return invalfc(fc, "%s: given twice", harp_opt_names[opt]);
	__set_bit(opt, &o->seen);
	if (opt == HARP_OPT_INIT) {
		o->p.init = true;
		return 0;
	}
	return harp_opt_value(fc, o, opt, param->string);
}

/* --------------------------------------------------------------------- all together */

static int harp_need_options(struct fs_context *fc, const struct harp_options *o)
{
	static const enum harp_opt needed[] = {
		HARP_OPT_GROUP, HARP_OPT_UUID, HARP_OPT_MEMBER, HARP_OPT_INC,
		HARP_OPT_LINEAGE, HARP_OPT_HOLD, HARP_OPT_REGION,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(needed); i++)
		if (!test_bit(needed[i], &o->seen))
			return invalfc(fc, "%s=: missing", harp_opt_names[needed[i]]);
	if (!fc->source || !*fc->source)
		return invalfc(fc, "source: missing; expected the lower's mount point");
	return 0;
}

static int harp_check_lower(struct fs_context *fc, const struct path *lower)
{
	const struct super_block *sb = lower->mnt->mnt_sb;

	if (lower->dentry != lower->mnt->mnt_root)
		return invalfc(fc, "source=%s: expected a mount point", fc->source);
	if (sb->s_magic != EXT4_SUPER_MAGIC && strcmp(sb->s_type->name, "xfs"))
		return invalfc(fc, "source=%s is %s: expected ext4 or xfs", fc->source,
			       sb->s_type->name);
	if (sb_rdonly(sb) || (lower->mnt->mnt_flags & MNT_READONLY))
		return invalfc(fc, "source=%s is read-only: expected rw", fc->source);
	if (!(sb->s_flags & SB_POSIXACL))
		return invalfc(fc, "source=%s has no POSIX ACLs: expected acl", fc->source);
	if (sb->s_user_ns != &init_user_ns || sb->s_stack_depth + 1 > FILESYSTEM_MAX_STACK_DEPTH)
		return invalfc(fc, "source=%s: expected a file system on a device", fc->source);
	return 0;
}

static int harp_get_tree_fc(struct fs_context *fc)
{
	struct harp_options *o = fc->fs_private;
	struct harp_replica *r;
	int err;

	err = harp_need_options(fc, o);
	if (err)
		return err;
	if (fc->user_ns != &init_user_ns) {
		errorfc(fc, "expected the initial user namespace");
		return -EPERM;
	}
	if (!test_bit(HARP_OPT_EPOCH, &o->seen))
		o->p.epoch = 1;
	o->p.net = fc->net_ns;
	err = kern_path(fc->source, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &o->p.lower);
	if (err) {
		errorfc(fc, "source=%s: expected a directory (error %d)", fc->source, err);
		return err;
	}
	err = harp_check_lower(fc, &o->p.lower);
	if (err)
		return err;
	r = harp_replica_mount(&o->p, fc);
	if (IS_ERR(r))
		return PTR_ERR(r);
	if (r->region.kind == HARP_REGION_MEM)
		pr_notice("harp: %s: member %u: region=mem: log does not survive a soft reboot\n",
			  r->group, r->member);
	return harp_get_tree(fc, r);
}

/* ------------------------------------------------------------------------ remount */

static bool harp_same_region(const struct harp_region_spec *a, const struct harp_region_spec *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == HARP_REGION_RESERVE)
		return !strcmp(a->label, b->label);
	return a->start == b->start && a->size == b->size;
}

/* mount -o remount repeats the options of /proc/mounts: they may be repeated. */
static int harp_reconfigure(struct fs_context *fc)
{
	const struct harp_options *o = fc->fs_private;
	const struct harp_replica *r = harp_s(fc->root->d_sb)->r;
	const struct harp_replica_params *p = &o->p;
	unsigned int i;
	bool same[ARRAY_SIZE(harp_opt_names)] = {
		[HARP_OPT_SOURCE] = true,
		[HARP_OPT_GROUP] = p->group && !strcmp(p->group, r->group),
		[HARP_OPT_UUID] = uuid_equal(&p->uuid, &r->uuid),
		[HARP_OPT_MEMBER] = p->member == r->member,
		[HARP_OPT_INC] = p->inc == r->inc,
		[HARP_OPT_LINEAGE] = p->lineage == r->lineage,
		[HARP_OPT_EPOCH] = p->epoch == r->epoch,
		[HARP_OPT_HOLD] = p->hold_ms == r->hold_ms,
		[HARP_OPT_REGION] = harp_same_region(&p->region, &r->region),
		[HARP_OPT_LEASE] = p->confirm == r->confirm,
		[HARP_OPT_INIT] = true,
	};

	for (i = 0; i < ARRAY_SIZE(same); i++)
		if (test_bit(i, &o->seen) && !same[i])
			return invalfc(fc, "%s: cannot be changed by a remount",
				       harp_opt_names[i]);
	return 0;
}

static void harp_free_fc(struct fs_context *fc)
{
	struct harp_options *o = fc->fs_private;

	if (o) {
		path_put(&o->p.lower);
		kfree(o);
	}
}

static const struct fs_context_operations harp_context_ops = {
	.free		= harp_free_fc,
	.parse_param	= harp_parse_param,
	.get_tree	= harp_get_tree_fc,
	.reconfigure	= harp_reconfigure,
};

/**
 * harp_init_fs_context() - a mount, or remount, begins
 * @fc: its context
 *
 * Context: process context.
 * Return: 0 or -ENOMEM.
 */
int harp_init_fs_context(struct fs_context *fc)
{
	struct harp_options *o = kzalloc(sizeof(*o), GFP_KERNEL);

	if (!o)
		return -ENOMEM;
	fc->fs_private = o;
	fc->ops = &harp_context_ops;
	return 0;
}

static void harp_show_region(struct seq_file *m, const struct harp_region_spec *spec)
{
	switch (spec->kind) {
	case HARP_REGION_MEM:
		seq_printf(m, ",region=mem:%llu", spec->size);
		break;
	case HARP_REGION_MEMMAP:
		seq_printf(m, ",region=memmap:0x%llx:%llu", spec->start, spec->size);
		break;
	case HARP_REGION_RESERVE:
		seq_puts(m, ",region=reserve:");
		seq_escape(m, spec->label, ", \t\n\\");
		break;
	}
}

/**
 * harp_show_options() - options in /proc/mounts, those that a mount takes
 * @m: where they go
 * @root: of the mount
 *
 * Context: process context.
 * Return: 0.
 */
int harp_show_options(struct seq_file *m, struct dentry *root)
{
	const struct harp_replica *r = harp_s(root->d_sb)->r;

	seq_show_option(m, "group", r->group);
	seq_printf(m, ",uuid=%pU,member=%u,inc=%llu,lineage=%llu,epoch=%u,hold=%u", &r->uuid,
		   r->member, r->inc, r->lineage, r->epoch, r->hold_ms);
	harp_show_region(m, &r->region);
	seq_printf(m, ",lease=%s", r->confirm ? "confirm" : "time");
	return 0;
}
