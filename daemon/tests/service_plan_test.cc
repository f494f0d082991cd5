// SPDX-License-Identifier: GPL-2.0
/* The order of things, as text: a change of order shows as a change here. */
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <algorithm>

#include "service/child.hh"
#include "service/plan.hh"
#include "service/steps.hh"

namespace harp::service {
namespace {

config golden() {
    config c;
    c.group = "g1";
    c.link.parent = "eth0";
    c.link.mac = net::parse_mac("02:48:41:00:00:01").value();
    c.link.addresses = {net::parse_prefix("192.0.2.10/24").value(),
                        net::parse_prefix("2001:db8::10/64").value()};
    c.link.gateways = {net::parse_ip("192.0.2.1").value()};
    c.export_path = "/srv/g1";
    c.clients = {{"192.0.2.0/24", "rw,no_root_squash"}, {"@ro", ""}};
    return c;
}

TEST(service_plan, start) {
    EXPECT_EQ(to_text(plan_start(golden(), {{net::connection{}}})),
              R"(helper-start        60000 ms
    rpcbind
    statd
    nfsdcld
    mountd
exports             10000 ms
    /srv/g1	192.0.2.0/24(rw,no_root_squash,sync,no_subtree_check,fsid=0)
/srv/g1	@ro(ro,root_squash,sync,no_subtree_check,fsid=0)

nfsd-settle         15000 ms
nfsd-setup          10000 ms
    versions -2 +3 -4.0 +4.1 +4.2
    max_block_size 1048576
    nfsv4leasetime 10
    nfsv4gracetime 10
nfsd-listen         10000 ms
    tcp 0.0.0.0:2049
    tcp [::]:2049
nfsd-threads        15000 ms
    32
link-up             10000 ms
    harp0
addresses           10000 ms
    192.0.2.10/24
    2001:db8::10/64
routes              10000 ms  goes on
    192.0.2.1
announce            10000 ms  goes on
tickle              10000 ms  goes on
    1 clients
)");
}

TEST(service_plan, stop) {
    const std::string giving_up = R"(quiet                5000 ms  goes on
link-down            5000 ms
    harp0
destroy-sockets      5000 ms
release              5000 ms  goes on
exports-flush        5000 ms  goes on
nfsd-drain           2000 ms
nfsd-stop           15000 ms
)";
    const std::string umount = R"(helper-stop         15000 ms  goes on
    mountd
helper-stop         15000 ms  goes on
    nfsdcld
helper-stop         15000 ms  goes on
    statd
helper-stop         15000 ms  goes on
    rpcbind
umount-harp         15000 ms
    /srv/g1
)";
    EXPECT_EQ(to_text(plan_stop(golden(), {})), giving_up);
    EXPECT_EQ(to_text(plan_stop(golden(), {.umount = true})), giving_up + umount);
    const auto handing_over = plan_stop(golden(), {.release = false});
    EXPECT_TRUE(std::none_of(handing_over.begin(), handing_over.end(),
                             [](const step &s) { return s.what == action::release; }));
    EXPECT_EQ(handing_over.size() + 1, plan_stop(golden(), {}).size());
    EXPECT_EQ(to_text(plan_stop(golden(), {.teardown = true})),
              giving_up + umount + R"(umount-lower        15000 ms
    /run/harp/lower
link-remove         10000 ms  goes on
    harp0
namespaces-remove   10000 ms
    /run/harp/ns/g1
)");
}

TEST(service_plan, clear_lower) {
    EXPECT_EQ(to_text(plan_clear_lower(golden())), R"(clear-lower         15000 ms
    /run/harp/lower
)");
}

size_t place(const plan &p, action a) {
    return static_cast<size_t>(
            std::find_if(p.begin(), p.end(), [a](const step &s) { return s.what == a; }) -
            p.begin());
}

TEST(service_plan, the_orders_that_matter) {
    const auto start = plan_start(golden(), {});
    /* kernel-notes 46: a SYN finds a listener; 48: threads only with the helpers there. */
    EXPECT_LT(place(start, action::nfsd_listen), place(start, action::link_up));
    EXPECT_LT(place(start, action::exports), place(start, action::link_up));
    EXPECT_LT(place(start, action::helper_start), place(start, action::nfsd_threads));
    EXPECT_LT(place(start, action::nfsd_setup), place(start, action::nfsd_listen));
    EXPECT_LT(place(start, action::addresses), place(start, action::announce));

    const auto stop = plan_stop(golden(), {});
    /* Protocol G3; design.rst, "A group's service". */
    EXPECT_LT(place(stop, action::link_down), place(stop, action::destroy_sockets));
    EXPECT_LT(place(stop, action::destroy_sockets), place(stop, action::release));
    EXPECT_LT(place(stop, action::release), place(stop, action::exports_flush));
    EXPECT_LT(place(stop, action::nfsd_drain), place(stop, action::nfsd_stop));
    /*
     * Nothing is released while an answer could leave (G3); and a thread that is stuck keeps
     * nfsd's mutex from being taken. Nothing else keeps the rest from being done.
     */
    const std::vector<action> needed{action::link_down, action::destroy_sockets, action::nfsd_drain,
                                     action::nfsd_stop};
    for (const auto &s : stop) {
        const bool must = std::find(needed.begin(), needed.end(), s.what) != needed.end();
        EXPECT_EQ(s.then, must ? on_failure::end : on_failure::go_on) << name_of(s.what);
    }
}

TEST(service_plan, nothing_is_started_before_takeover) {
    for (const auto &s : plan_prepare(golden())) {
        EXPECT_NE(s.what, action::nfsd_threads);
        EXPECT_NE(s.what, action::link_up);
        EXPECT_NE(s.what, action::addresses);
    }
}

TEST(service_plan, helpers_follow_the_versions) {
    config c = golden();
    c.nfsd.versions = {"4.2"};
    EXPECT_EQ(helpers_of(c), (std::vector<std::string>{"nfsdcld", "mountd"}));
    EXPECT_EQ(versions_line(c), "-2 -3 -4.0 -4.1 +4.2");
    c.nfsd.versions = {"3"};
    EXPECT_EQ(helpers_of(c), (std::vector<std::string>{"rpcbind", "statd", "mountd"}));
    EXPECT_EQ(versions_line(c), "-2 +3 -4.0 -4.1 -4.2");
}

TEST(service_plan, mac_own_is_an_ipvlan) {
    config c = golden();
    c.link.mode = mac_mode::own;
    EXPECT_NE(to_text(plan_prepare(c)).find("harp0 ipvlan l2 on eth0"), std::string::npos);
}

TEST(service_plan, units_and_exec_start_the_same) {
    EXPECT_EQ(helper_environment(golden()), "# Written by harpd; read by harp-*@.service.\n"
                                            "HARP_RPCBIND_ARGS=-f -w\n"
                                            "HARP_STATD_ARGS=-F --no-notify --port 20049\n"
                                            "HARP_NFSDCLD_ARGS=-F\n"
                                            "HARP_MOUNTD_ARGS=-F --port 20048 -N 2\n");
}

TEST(service_plan, mount_options) {
    EXPECT_EQ(split_mount_options("ro,noatime,commit=5,data=ordered"),
              (mount_flags{MS_RDONLY | MS_NOATIME, "commit=5,data=ordered"}));
    EXPECT_EQ(split_mount_options("ro,rw"), (mount_flags{0, ""}));
    EXPECT_EQ(lower_mount_options({"/dev/x", "ext4", ""}),
              (mount_flags{MS_NOATIME, "errors=remount-ro"}));
    EXPECT_EQ(lower_mount_options({"/dev/x", "ext4", "errors=panic"}),
              (mount_flags{MS_NOATIME, "errors=panic"}));
    EXPECT_EQ(lower_mount_options({"/dev/x", "xfs", "logbsize=256k"}),
              (mount_flags{MS_NOATIME, "logbsize=256k"}));
}

TEST(service_plan, a_threads_stack_says_whether_it_is_inside_a_request) {
    const auto idle = place_from_stack("[<0>] svc_recv+0x2b0/0x6bb [sunrpc]\n"
                                       "[<0>] nfsd+0xc2/0xfd [nfsd]\n");
    EXPECT_TRUE(idle.known);
    EXPECT_FALSE(idle.in_request);
    const auto busy = place_from_stack("[<0>] __switch_to+0x50/0x7f\n"
                                       "[<0>] schedule+0xc8/0x115\n"
                                       "[<0>] percpu_rwsem_wait+0xef/0xf1\n"
                                       "[<0>] nfsd_dispatch+0x1c2/0x227 [nfsd]\n"
                                       "[<0>] svc_process+0x1/0x2 [sunrpc]\n");
    EXPECT_TRUE(busy.in_request);
    EXPECT_EQ(busy.where, "percpu_rwsem_wait");
    EXPECT_FALSE(place_from_stack("").known);
    EXPECT_FALSE(place_from_stack("\n\n").known);
}

TEST(service_plan, mountinfo) {
    const auto all = parse_mountinfo(
            "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
            "40 22 0:35 / /run/a\\040b rw master:3 propagate_from:2 - tmpfs harp-g1 rw,size=1k\n"
            "garbage\n"
            "41 22 0:35 / /x rw -\n");
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[0].point, "/");
    EXPECT_EQ(all[0].source, "/dev/sda1");
    EXPECT_EQ(all[1].point, "/run/a b");
    EXPECT_EQ(all[1].type, "tmpfs");
    EXPECT_EQ(all[1].source, "harp-g1");
}

} // namespace
} // namespace harp::service
