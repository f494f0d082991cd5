// SPDX-License-Identifier: GPL-2.0
/*
 * The gate (protocol G1, finding 15): where the lease binds.
 *
 * Many replies never enter the file system (kernel-notes 4), and a thread that
 * was stopped after its check sends later. So the group's own network device is
 * watched: at the moment a frame is about to leave it, or has come in, it passes
 * only while this member serves and holds the lease; ARP, RST and all. Nothing has
 * to happen for the gate to shut: it asks the clock for every frame.
 */
#include <linux/ktime.h>
#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/seq_file.h>
#include <net/net_namespace.h>
#include "dataplane.h"

/**
 * struct harp_gate - hooks on the device of a group
 * @r: the replica
 * @list: all gates, for the notifier; RTNL
 * @dev: the device, or NULL when not bound; RTNL; no reference: the notifier lets go
 * @net: its namespace, as long as the hooks are there; RTNL
 * @closed: the replica is ending: no device any more; RTNL
 * @ops: ingress and egress
 * @passed: frames let through, by hook
 * @dropped: frames dropped, by hook
 * @last_out: CLOCK_BOOTTIME of the last frame let out
 */
struct harp_gate {
	struct harp_replica *r;
	struct list_head list;
	struct net_device *dev;
	struct net *net;
	bool closed;
	struct nf_hook_ops ops[2];
	atomic64_t passed[2], dropped[2];
	s64 last_out;
};

enum { HARP_GATE_IN, HARP_GATE_OUT };

static LIST_HEAD(harp_gates);

/**
 * harp_gate_open() - may a frame of the group pass now (G1)?
 * @r: the replica
 *
 * Without locks: replica.serving falls with every fence and every view's end.
 *
 * Context: any.
 * Return: true iff serving, primary and lease valid.
 */
bool harp_gate_open(struct harp_replica *r)
{
	return READ_ONCE(r->serving) && READ_ONCE(r->role) == HARP_ROLE_PRIMARY &&
	       harp_lease_valid(r);
}

static unsigned int harp_gate_frame(struct harp_gate *g, int way)
{
	if (!harp_gate_open(g->r)) {
		atomic64_inc(&g->dropped[way]);
		return NF_DROP;
	}
	atomic64_inc(&g->passed[way]);
	if (way == HARP_GATE_OUT)
		WRITE_ONCE(g->last_out, ktime_get_boottime_ns());
	return NF_ACCEPT;
}

static unsigned int harp_gate_in(void *priv, struct sk_buff *skb,
				 const struct nf_hook_state *state)
{
	return harp_gate_frame(priv, HARP_GATE_IN);
}

static unsigned int harp_gate_out(void *priv, struct sk_buff *skb,
				  const struct nf_hook_state *state)
{
	return harp_gate_frame(priv, HARP_GATE_OUT);
}

/**
 * harp_gate_alloc() - a gate that is not bound
 * @r: the replica
 *
 * Context: process context.
 * Return: 0 or -ENOMEM.
 */
int harp_gate_alloc(struct harp_replica *r)
{
	static const struct nf_hook_ops ops[2] = {
		[HARP_GATE_IN] = {
			.hook = harp_gate_in,
			.pf = NFPROTO_NETDEV,
			.hooknum = NF_NETDEV_INGRESS,
			.priority = INT_MIN,
		},
		[HARP_GATE_OUT] = {
			.hook = harp_gate_out,
			.pf = NFPROTO_NETDEV,
			.hooknum = NF_NETDEV_EGRESS,
			/* The last word on this device, whose queue is none (macvlan). */
			.priority = INT_MAX,
		},
	};
	struct harp_gate *g = kzalloc(sizeof(*g), GFP_KERNEL);
	int i;

	if (!g)
		return -ENOMEM;
	g->r = r;
	INIT_LIST_HEAD(&g->list);
	for (i = 0; i < 2; i++) {
		g->ops[i] = ops[i];
		g->ops[i].priv = g;
	}
	r->gate = g;
	return 0;
}

static void harp_gate_unhook(struct harp_gate *g)
{
	ASSERT_RTNL();
	if (!g->net)
		return;
	WRITE_ONCE(g->dev, NULL);
	nf_unregister_net_hooks(g->net, g->ops, 2);
	list_del_init(&g->list);
	g->net = NULL;
}

/**
 * harp_gate_close() - let go of the device, for good: frames pass it unwatched
 * @r: the replica, not serving
 *
 * Context: process context, takes RTNL.
 */
void harp_gate_close(struct harp_replica *r)
{
	if (!r->gate)
		return;
	rtnl_lock();
	r->gate->closed = true;
	harp_gate_unhook(r->gate);
	rtnl_unlock();
}

/**
 * harp_gate_free() - the end of a gate
 * @r: the replica
 *
 * Context: process context, takes RTNL.
 */
void harp_gate_free(struct harp_replica *r)
{
	if (!r->gate)
		return;
	harp_gate_close(r);
	/* A hook may be running yet: unregistering does not wait for it. */
	synchronize_rcu();
	kfree(r->gate);
	r->gate = NULL;
}

static int harp_gate_hook(struct harp_gate *g, struct net *net, struct net_device *dev)
{
	int i, err;

	for (i = 0; i < 2; i++)
		g->ops[i].dev = dev;
	err = nf_register_net_hooks(net, g->ops, 2);
	if (err)
		return err;
	WRITE_ONCE(g->dev, dev);
	g->net = net;
	list_add(&g->list, &harp_gates);
	return 0;
}

/**
 * harp_gate_bind() - watch a device from now on (G1)
 * @r: the replica
 * @net: the namespace it is in
 * @ifindex: its number there
 * @extack: why not
 *
 * The device that was bound is let go of first: the gate of a member that serves cannot
 * be moved, and when this fails it has none, and will not serve.
 *
 * Context: process context, takes RTNL.
 * Return: 0 or a negative errno.
 */
int harp_gate_bind(struct harp_replica *r, struct net *net, u32 ifindex,
		   struct netlink_ext_ack *extack)
{
	struct harp_gate *g = r->gate;
	struct net_device *dev;
	int err = 0;

	rtnl_lock();
	if (g->closed) {
		NL_SET_ERR_MSG(extack, "the replica is ending");
		err = -ENODEV;
		goto out;
	}
	dev = __dev_get_by_index(net, ifindex);
	if (!dev) {
		NL_SET_ERR_MSG(extack, "IFINDEX: no such device in the caller's network namespace");
		err = -ENODEV;
		goto out;
	}
	if (dev->reg_state != NETREG_REGISTERED) {
		NL_SET_ERR_MSG(extack, "IFINDEX: the device is going away");
		err = -ENODEV;
		goto out;
	}
	if (g->dev == dev)
		goto out;
	/* Nobody begins to serve until the new one is watched. */
	spin_lock(&r->lock);
	if (r->serving)
		err = -EBUSY;
	else
		WRITE_ONCE(g->dev, NULL);
	spin_unlock(&r->lock);
	if (err) {
		NL_SET_ERR_MSG(extack, "the gate of a member that serves cannot be moved");
		goto out;
	}
	harp_gate_unhook(g);
	err = harp_gate_hook(g, net, dev);
	if (err)
		NL_SET_ERR_MSG(extack, "cannot hook it: NETFILTER_INGRESS and _EGRESS needed");
out:
	rtnl_unlock();
	if (!err)
		harp_try_serve(r);
	return err;
}

/**
 * harp_gate_bound() - is there a device behind the gate?
 * @r: the replica
 *
 * Context: any.
 * Return: true when bound.
 */
bool harp_gate_bound(struct harp_replica *r)
{
	return READ_ONCE(r->gate->dev);
}

/**
 * harp_gate_show() - counters, for tests and for people
 * @r: the replica
 * @m: where to
 *
 * Context: process context.
 */
void harp_gate_show(struct harp_replica *r, struct seq_file *m)
{
	struct harp_gate *g = r->gate;

	seq_printf(m, "gate_bound %d\n", harp_gate_bound(r));
	seq_printf(m, "gate_open %d\n", harp_gate_open(r));
	seq_printf(m, "gate_in_passed %llu\n", (u64)atomic64_read(&g->passed[HARP_GATE_IN]));
	seq_printf(m, "gate_in_dropped %llu\n", (u64)atomic64_read(&g->dropped[HARP_GATE_IN]));
	seq_printf(m, "gate_out_passed %llu\n", (u64)atomic64_read(&g->passed[HARP_GATE_OUT]));
	seq_printf(m, "gate_out_dropped %llu\n", (u64)atomic64_read(&g->dropped[HARP_GATE_OUT]));
	seq_printf(m, "gate_last_out_ns %lld\n", READ_ONCE(g->last_out));
}

/* A device that is unregistered, or moves to another namespace, must take no hook along. */
static int harp_gate_event(struct notifier_block *nb, unsigned long event, void *ptr)
{
	struct net_device *dev = netdev_notifier_info_to_dev(ptr);
	struct harp_gate *g, *next;

	if (event != NETDEV_UNREGISTER)
		return NOTIFY_DONE;
	list_for_each_entry_safe(g, next, &harp_gates, list) {
		if (g->dev != dev)
			continue;
		pr_info("harp: %s/%u: device %s of the gate is gone\n", g->r->group,
			g->r->member, netdev_name(dev));
		spin_lock(&g->r->lock);
		WRITE_ONCE(g->dev, NULL);
		/* V8, I5: whatever takes its place would be unwatched. As a fence does. */
		smp_store_mb(g->r->serving, false);
		spin_unlock(&g->r->lock);
		harp_gate_unhook(g);
		harp_wake_all(g->r);
	}
	return NOTIFY_DONE;
}

static struct notifier_block harp_gate_nb = {
	.notifier_call = harp_gate_event,
};

/**
 * harp_gate_init() - watch for devices that go
 *
 * Context: module load.
 * Return: 0 or a negative errno.
 */
int harp_gate_init(void)
{
	return register_netdevice_notifier(&harp_gate_nb);
}

/**
 * harp_gate_exit() - undo harp_gate_init()
 *
 * Context: module unload.
 */
void harp_gate_exit(void)
{
	unregister_netdevice_notifier(&harp_gate_nb);
}
