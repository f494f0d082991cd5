/* SPDX-License-Identifier: GPL-2.0 */
/* Who waits for whose disk, from what a replica says of itself. */
#include "knl/backlog.hh"

#include <gtest/gtest.h>

namespace harp::knl {
namespace {

using namespace std::chrono_literals;
using namespace vsr;

constexpr uint64_t mib = 1 << 20;

/* A ring of 64 MiB with records 101 to 1100, of which each disk has up to 300. */
struct one_log {
    explicit one_log(role as = role::primary) {
        r.current_role = as;
        r.serving = as == role::primary;
        r.log.base = index_t(101);
        r.log.top = r.cp = r.ap = index_t(1100);
        r.lb = index_t(300);
        f.ring_size = 64 * mib;
        f.ring_used = 8 * mib;
        f.peer_ap = 1100;
        f.peer_lb = 300;
    }
    std::string look(duration_t later = 0s) {
        now += later;
        b.look(now, f, r);
        return b.say(f, r, "a", "b");
    }

    replica_facts f;
    object_report r;
    backlog b;
    time_point_t now{1000s};
};

TEST(backlog, of_a_log_that_has_room_nothing_is_said) {
    one_log l;
    EXPECT_EQ(l.look(), "");
    l.f.ring_used = 41 * mib; /* 64 % */
    EXPECT_EQ(l.look(), "");
    l.f.ring_size = 0; /* no replica */
    EXPECT_EQ(l.look(), "");
}

TEST(backlog, from_the_high_mark_on_it_says_for_which_disk_the_log_is_kept) {
    one_log l;
    l.f.ring_used = 42 * mib;
    EXPECT_EQ(l.look(), "the disks of a and b: the log is 65 % full, and 800 records of it are not "
                        "there yet");
    l.f.peer_lb = 1000;
    EXPECT_EQ(l.look(), "the disk of a: the log is 65 % full, and 800 records of it are not there "
                        "yet");
    l.f.peer_lb = 200;
    EXPECT_EQ(l.look(), "the disk of b: the log is 65 % full, and 900 records of it are not there "
                        "yet");
    l.r.current_role = role::none;
    EXPECT_EQ(l.look(), "") << "of a log that nobody adds to";
}

TEST(backlog, operations_wait_from_the_time_that_one_began_to_until_the_log_moves_on) {
    one_log l;
    l.f.ring_used = 63 * mib;
    l.f.peer_lb = 200;
    EXPECT_EQ(l.look().rfind("the disk of b: the log is 98 % full", 0), 0U) << "none waits yet";
    l.f.wait_full = 1;
    for (int polls = 0; polls < 3; polls++) {
        EXPECT_EQ(l.look(250ms),
                  "operations wait for the disk of b: the log is 98 % full, and 900 records of it "
                  "are not there yet");
    }
    l.r.log.base = index_t(150);
    EXPECT_EQ(l.look().rfind("the disk of b", 0), 0U) << "they went on";
    l.f.wait_full = 2;
    EXPECT_EQ(l.look().rfind("operations wait", 0), 0U);
    l.f.ring_used = 8 * mib;
    EXPECT_EQ(l.look(), "") << "a wait for another reason, that is over";
}

TEST(backlog, operations_wait_for_a_backup_that_has_half_of_the_log_to_apply) {
    one_log l;
    l.f.ring_used = 40 * mib;
    l.f.peer_ap = 400; /* 700 of 1000 records, 28 MiB */
    EXPECT_EQ(l.look(), "");
    l.f.peer_ap = 200; /* 36 MiB */
    EXPECT_EQ(l.look(), "operations wait for the disk of b, or its processor: it has 900 records "
                        "to apply, half of the log");
    l.f.peer_ap = 0; /* a witness */
    EXPECT_EQ(l.look(), "");
}

TEST(backlog, a_disk_that_does_not_take_one_record_is_named) {
    one_log l;
    l.r.ap = index_t(1000);
    EXPECT_EQ(l.look(), "");
    EXPECT_EQ(l.look(2900ms), "");
    EXPECT_EQ(l.look(100ms), "operations wait for the disk of a: it has been taking record 1001 "
                             "for 3 s");
    EXPECT_EQ(l.look(9s), "operations wait for the disk of a: it has been taking record 1001 for "
                          "12 s");
    l.r.ap = index_t(1001);
    EXPECT_EQ(l.look(1s), "");
    l.r.ap = l.r.cp;
    EXPECT_EQ(l.look(9s), "");
    EXPECT_EQ(l.look(9s), "") << "there is nothing to apply";
    l.r.cp = index_t(1101);
    EXPECT_EQ(l.look(9s), "") << "there is, since now";
}

TEST(backlog, a_backup_speaks_of_its_own_disk) {
    one_log l(role::backup);
    l.r.ap = index_t(1000);
    (void)l.look();
    EXPECT_EQ(l.look(12s), "the disk of a has been taking record 1001 for 12 s");
    l.f.peer_ap = 1000; /* the primary's: no more may be applied */
    EXPECT_EQ(l.look(12s), "");
}

} // namespace
} // namespace harp::knl
