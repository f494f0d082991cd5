/* SPDX-License-Identifier: GPL-2.0 */
/* C1: a data member that was away takes the history it missed, and then its place. */
#include "vsr_by_hand.hh"

namespace harp::vsr::test {

namespace {

world_config plain() {
    return {};
}

/* A group that served ten records and goes on without @gone. */
class without : public world {
public:
    without(slot_t gone, crash_kind kind, world_config c = plain()) : world(c), gone_(gone) {
        start_all();
        EXPECT_TRUE(serves_within(3s)) << violation();
        work(slot_p, 10);
        crash(gone, kind);
        EXPECT_TRUE(run_until(now() + 3s, [&] {
            auto s = server();
            return s && *s == stays() && replica(*s).view().backup.slot == slot_w;
        })) << violation();
        work(stays(), 20);
    }
    slot_t stays() const { return gone_ == slot_p ? slot_b : slot_p; }
    void work(slot_t s, int n) {
        for (int i = 0; i < n; ++i) {
            EXPECT_TRUE(write(s));
        }
        index_t top = replica(s).log().top;
        EXPECT_TRUE(run_until(now() + 2s, [&] { return at(s).up && replica(s).cp() >= top; }))
                << violation();
    }
    /* {P, B} serves, P first. */
    bool whole_within(duration_t d) {
        return run_until(now() + d, [&] {
            return server() == slot_p && replica(slot_p).view().backup.slot == slot_b;
        });
    }
    bool fed_within(duration_t d) {
        return run_until(now() + d, [&] {
            return at(gone_).up && replica(gone_).report(now()).fed &&
                   replica(gone_).log().top == replica(stays()).log().top;
        });
    }
    member_state state(slot_t s) { return brain(s).state(); }
    std::string headline(slot_t s) { return brain(s).status(local(at(s))).headline; }
    size_t told(slot_t s, std::string_view what) {
        size_t n = 0;
        for (const auto &line : at(s).notes) {
            n += line.find(what) != std::string::npos ? 1 : 0;
        }
        return n;
    }

private:
    slot_t gone_;
};

bool same_end(world &w, slot_t a, slot_t b) {
    const auto &la = w.replica(a).log();
    const auto &lb = w.replica(b).log();
    return la.top == lb.top && view_at(la, la.top) == view_at(lb, lb.top);
}

} // namespace

TEST(vsr_return, a_primary_whose_log_survived_is_fed_and_serves_again) {
    without w(slot_p, crash_kind::soft);
    const index_t before = w.replica(slot_b).log().top;
    w.start(slot_p);
    ASSERT_TRUE(w.fed_within(3s)) << w.violation();
    EXPECT_EQ(w.server(), slot_b) << "the service goes on meanwhile";
    EXPECT_EQ(w.state(slot_p), member_state::returning);
    EXPECT_NE(w.headline(slot_p).find("comes back"), std::string::npos) << w.headline(slot_p);
    EXPECT_TRUE(w.replica(slot_p).report(w.now()).intact) << "nothing of its own log has gone";
    ASSERT_TRUE(w.whole_within(3s)) << w.violation();
    EXPECT_GE(w.replica(slot_p).log().top, before);
    EXPECT_EQ(w.replica(slot_w).current_role(), role::none);
    EXPECT_TRUE(w.run_until(w.now() + 1s, [&] {
        return w.at(slot_p).service && !w.at(slot_b).service;
    })) << w.violation();
    w.work(slot_p, 3);
    EXPECT_TRUE(same_end(w, slot_p, slot_b));
}

TEST(vsr_return, one_that_lost_its_log_is_fed_from_its_disk_on) {
    without w(slot_p, crash_kind::hard);
    w.start(slot_p);
    ASSERT_TRUE(w.whole_within(6s)) << w.violation();
    w.work(slot_p, 3);
}

TEST(vsr_return, a_backup_comes_back_and_its_primary_serves_on) {
    without w(slot_b, crash_kind::soft);
    w.start(slot_b);
    ASSERT_TRUE(w.whole_within(5s)) << w.violation();
    EXPECT_EQ(w.told(slot_p, "switchover"), 0);
    w.work(slot_p, 3);
    EXPECT_TRUE(same_end(w, slot_p, slot_b));
}

TEST(vsr_return, what_only_the_one_who_was_away_holds_goes) {
    world w(plain());
    w.start_all();
    ASSERT_TRUE(w.serves_within(3s));
    ASSERT_TRUE(w.write(slot_p));
    w.run_for(200ms);
    w.isolate(slot_p);
    for (int i = 0; i < 5; ++i) {
        ASSERT_TRUE(w.write(slot_p)) << "its lease still holds";
    }
    const position lost{w.replica(slot_p).log().top, w.replica(slot_p).view().view};
    ASSERT_TRUE(w.serves_within(4s, slot_b)) << w.violation();
    for (int i = 0; i < 9; ++i) {
        ASSERT_TRUE(w.write(slot_b));
    }
    w.heal();
    ASSERT_TRUE(w.run_until(w.now() + 6s, [&] { return w.server() == slot_p; })) << w.violation();
    EXPECT_NE(view_at(w.replica(slot_p).log(), lost.index), lost.view);
}

TEST(vsr_return, it_happens_while_clients_write) {
    without w(slot_p, crash_kind::soft);
    w.start(slot_p);
    const time_point_t end = w.now() + 8s;
    uint64_t written = 0;
    while (w.now() < end && w.violation().empty() && w.server() != slot_p) {
        /* As nfsd: nothing begins while the service rests. */
        const bool rests = w.told(slot_b, "comes back (") != 0;
        written += !rests && w.write(slot_b) ? 1 : 0;
        w.run_for(3ms);
    }
    EXPECT_EQ(w.violation(), "");
    EXPECT_EQ(w.server(), slot_p);
    EXPECT_GT(written, 50U);
}

TEST(vsr_return, not_before_contact_was_unbroken_for_t_stable) {
    world_config c = plain();
    c.times.stable = 3s;
    without w(slot_p, crash_kind::soft, c);
    w.start(slot_p);
    ASSERT_TRUE(w.fed_within(3s)) << w.violation();
    EXPECT_FALSE(w.whole_within(1500ms));
    EXPECT_TRUE(w.whole_within(3s)) << w.violation();
}

TEST(vsr_return, each_further_exclusion_doubles_t_stable) {
    without w(slot_b, crash_kind::soft);
    duration_t before{};
    for (int i = 0; i < 4; ++i) {
        w.start(slot_b);
        const time_point_t began = w.now();
        ASSERT_TRUE(w.whole_within(20s)) << w.violation();
        const duration_t took = w.now() - began;
        if (i > 1) {
            EXPECT_GT(took, before + before / 3) << i;
        }
        before = took;
        w.crash(slot_b, crash_kind::soft);
        ASSERT_TRUE(w.run_until(w.now() + 4s, [&] {
            return w.server() == slot_p && w.replica(slot_p).view().backup.slot == slot_w;
        })) << w.violation();
    }
}

TEST(vsr_return, one_that_dies_while_the_service_rests_keeps_it_waiting_for_a_second_at_most) {
    without w(slot_p, crash_kind::soft);
    w.start(slot_p);
    ASSERT_TRUE(w.run_until(w.now() + 5s, [&] { return w.told(slot_b, "comes back (") != 0; }));
    w.crash(slot_p, crash_kind::soft);
    w.run_for(2 * quick_timings().return_limit + 200ms);
    EXPECT_EQ(w.violation(), "");
    EXPECT_EQ(w.server(), slot_b);
    EXPECT_TRUE(w.at(slot_b).service);
}

TEST(vsr_return, a_return_that_came_to_nothing_is_not_tried_again_at_once) {
    world_config c = plain();
    c.times.return_limit = 60ms;
    c.times.stable = 1500ms;
    without w(slot_b, crash_kind::soft, c);
    w.start(slot_b);
    const auto tried = [&] { return w.told(slot_p, "comes back ("); };
    ASSERT_TRUE(w.run_until(w.now() + 5s, [&] { return tried() == 1; })) << w.violation();
    w.pause(slot_b, 250ms); /* too long to agree, too short to be missed */
    const time_point_t failed = w.now();
    ASSERT_TRUE(w.run_until(w.now() + 8s, [&] { return tried() == 2; })) << w.violation();
    EXPECT_GE(w.now() - failed, 2 * c.times.stable);
    EXPECT_TRUE(w.whole_within(3s)) << w.violation();
}

TEST(vsr_return, a_restarted_harpd_goes_on_returning) {
    without w(slot_p, crash_kind::soft);
    w.start(slot_p);
    ASSERT_TRUE(w.fed_within(3s)) << w.violation();
    w.kill_harpd(slot_p);
    w.run_for(100ms);
    w.start_harpd(slot_p);
    EXPECT_TRUE(w.whole_within(4s)) << w.violation();
}

TEST(vsr_return, the_primary_feeds_where_the_witness_is_not_heard) {
    without w(slot_p, crash_kind::soft);
    w.cut_both(slot_p, slot_w);
    w.start(slot_p);
    EXPECT_TRUE(w.fed_within(3s)) << w.violation();
    EXPECT_TRUE(w.whole_within(4s)) << w.violation();
}

TEST(vsr_return, a_fed_member_that_crashes_has_the_log_it_had_before) {
    without w(slot_p, crash_kind::soft);
    w.cut_both(slot_p, slot_b); /* it can be fed, and not ask for its place */
    w.start(slot_p);
    w.run_for(100ms);
    const index_t old = w.replica(slot_p).log().top;
    ASSERT_TRUE(w.fed_within(3s)) << w.violation();
    ASSERT_GT(w.replica(slot_p).log().top, old);
    w.crash(slot_p, crash_kind::soft);
    w.start(slot_p);
    w.run_for(100ms);
    EXPECT_EQ(w.violation(), "");
    EXPECT_TRUE(w.replica(slot_p).report(w.now()).intact);
    EXPECT_EQ(w.replica(slot_p).log().top, old);
    w.heal();
    EXPECT_TRUE(w.whole_within(6s)) << w.violation();
}

TEST(vsr_return, one_whose_files_are_not_to_be_trusted_is_not_fed) {
    without w(slot_p, crash_kind::soft);
    w.start(slot_p);
    w.replica(slot_p).set_needs_copy(true);
    w.run_for(3s);
    EXPECT_EQ(w.fed(), 0U);
    EXPECT_EQ(w.server(), slot_b);
}

} // namespace harp::vsr::test
