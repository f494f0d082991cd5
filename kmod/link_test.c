// SPDX-License-Identifier: GPL-2.0
/* KUnit: what a backup says of its log, on a link without threads (N2). */
#include <kunit/test.h>
#include <linux/net.h>
#include <linux/un.h>
#include <net/net_namespace.h>
#include <net/sock.h>
#include "dataplane.h"
#include "link.h"

#define VIEW	4

/**
 * struct ends - a backup's link, and what its primary would hold
 * @r: the backup
 * @link: its link
 * @far: the other end of the link's socket
 */
struct ends {
	struct harp_replica *r;
	struct harp_link link;
	struct socket *far;
};

static void append(struct kunit *test, struct harp_replica *r)
{
	struct harp_builder b;
	char buf[256];
	u64 index;
	int err;

	harp_build_begin(&b, buf, sizeof(buf), HARP_REC_NOOP);
	KUNIT_ASSERT_EQ(test, harp_build_finish(&b), 0);
	mutex_lock(harp_log_mutex(r->log));
	err = harp_log_append(r->log, b.buf, VIEW, 1, 0, &index);
	mutex_unlock(harp_log_mutex(r->log));
	KUNIT_ASSERT_EQ(test, err, 0);
}

static int link_init(struct kunit *test)
{
	struct harp_replica_params p = {
		.group = "kunit-link",
		.member = 1,
		.lineage = 5,
		.inc = 7,
		.region = { .kind = HARP_REGION_MEM, .size = HARP_REGION_MIN },
		.net = &init_net,
	};
	struct ends *e = kunit_kzalloc(test, sizeof(*e), GFP_KERNEL);
	struct harp_replica *r;
	int err;

	KUNIT_ASSERT_NOT_NULL(test, e);
	test->priv = e;
	r = harp_replica_alloc(&p);
	KUNIT_ASSERT_NOT_NULL(test, r);
	e->r = r;
	r->log = harp_log_open(&p.region, &r->uuid, r->member, 5, 0, 7, &r->found);
	KUNIT_ASSERT_FALSE(test, IS_ERR(r->log));
	mutex_lock(harp_log_mutex(r->log));
	/* As if discarded up to a record of this view. */
	err = harp_log_format(r->log, 10, VIEW, 0, VIEW, true);
	mutex_unlock(harp_log_mutex(r->log));
	KUNIT_ASSERT_EQ(test, err, 0);
	r->role = HARP_ROLE_BACKUP;
	r->view = VIEW;
	r->fence = VIEW;
	r->peer = 0;
	r->promise_ms = 1000;

	e->link.r = r;
	mutex_init(&e->link.tx_mutex);
	KUNIT_ASSERT_TRUE(test, harp_link_begin(&e->link));
	KUNIT_ASSERT_EQ(test, sock_create_kern(&init_net, AF_UNIX, SOCK_STREAM, 0,
					       &e->link.sock), 0);
	KUNIT_ASSERT_EQ(test, sock_create_kern(&init_net, AF_UNIX, SOCK_STREAM, 0, &e->far), 0);
	return e->far->ops->socketpair(e->far, e->link.sock);
}

static void link_exit(struct kunit *test)
{
	struct ends *e = test->priv;

	if (!e || !e->r)
		return;
	if (e->link.sock)
		sock_release(e->link.sock);
	if (e->far)
		sock_release(e->far);
	if (IS_ERR(e->r->log))
		e->r->log = NULL;
	harp_replica_put(e->r);
}

/* Send an ACK that nothing caused but time, and take it at the other end. */
static u64 acked(struct kunit *test, struct ends *e)
{
	struct {
		struct harp_wire_hdr hdr;
		struct harp_wire_ack ack;
	} __packed m = { };
	struct kvec iov = { .iov_base = &m, .iov_len = sizeof(m) };
	struct msghdr msg = { .msg_flags = MSG_WAITALL };
	int err;

	/* There is no lower to ask for its room. */
	e->link.free_at = ktime_get_boottime();
	e->link.free_bytes = U64_MAX;
	e->link.free_inodes = U64_MAX;
	mutex_lock(&e->link.tx_mutex);
	err = harp_send_ack(&e->link, 0, 0);
	mutex_unlock(&e->link.tx_mutex);
	KUNIT_ASSERT_EQ(test, err, 0);
	KUNIT_ASSERT_EQ(test, kernel_recvmsg(e->far, &msg, &iov, 1, sizeof(m), MSG_DONTWAIT),
			(int)sizeof(m));
	KUNIT_ASSERT_EQ(test, (int)m.hdr.type, HARP_WIRE_ACK);
	return le64_to_cpu(m.ack.n);
}

/* Records are stored one by one and the watermark follows: until then nobody may rely on them. */
static void ack_stays_below_the_watermark(struct kunit *test)
{
	struct ends *e = test->priv;

	append(test, e->r);
	append(test, e->r);
	KUNIT_EXPECT_EQ(test, acked(test, e), 9ULL);
	mutex_lock(harp_log_mutex(e->r->log));
	harp_log_set_wm(e->r->log, 11);
	mutex_unlock(harp_log_mutex(e->r->log));
	KUNIT_EXPECT_EQ(test, acked(test, e), 11ULL);
}

static struct kunit_case link_cases[] = {
	KUNIT_CASE(ack_stays_below_the_watermark),
	{}
};

static struct kunit_suite link_suite = {
	.name = "harp_link",
	.init = link_init,
	.exit = link_exit,
	.test_cases = link_cases,
};

kunit_test_suite(link_suite);
