// SPDX-License-Identifier: GPL-2.0
/*
 * Harp: a replicated file system under stock nfsd (Documentation/design.rst).
 */
#include <linux/fs.h>
#include <linux/fs_parser.h>
#include <net/genetlink.h>
#include <linux/module.h>
#include "dataplane.h"
#include "vfs.h"

static int __init harp_init(void)
{
	int err;

	harp_replicas_init();
	err = harp_gate_init();
	if (err)
		goto out_replicas;
	err = harp_netlink_init();
	if (err)
		goto out_gate;
	err = harp_super_init();
	if (err)
		goto out_netlink;
	err = register_filesystem(&harp_fs_type);
	if (err)
		goto out_super;
	return 0;

out_super:
	harp_super_exit();
out_netlink:
	harp_netlink_exit();
out_gate:
	harp_gate_exit();
out_replicas:
	harp_replicas_exit();
	return err;
}

static void __exit harp_exit(void)
{
	unregister_filesystem(&harp_fs_type);
	harp_super_exit();
	harp_netlink_exit();
	harp_gate_exit();
	harp_replicas_exit();
}

module_init(harp_init);
module_exit(harp_exit);

MODULE_DESCRIPTION("Harp: a replicated file system");
MODULE_LICENSE("GPL");
MODULE_ALIAS_FS("harp");
MODULE_ALIAS_GENL_FAMILY("harp");
