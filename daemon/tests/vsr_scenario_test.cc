/* SPDX-License-Identifier: GPL-2.0 */
/* Whole stories of three members, each told by its name. */
#include "vsr_world.hh"

#include <gtest/gtest.h>

namespace harp::vsr::test {

namespace {

world_config plain() {
    return {};
}

/* A served group with some committed records. */
class served : public world {
public:
    explicit served(world_config c) : world(c) {
        start_all();
        EXPECT_TRUE(serves_within(3s)) << violation();
        work(slot_p, 10);
    }
    void work(slot_t s, int n) {
        for (int i = 0; i < n; ++i) {
            EXPECT_TRUE(write(s));
        }
        index_t top = replica(s).log().top;
        EXPECT_TRUE(run_until(now() + 2s, [&] { return at(s).up && replica(s).cp() >= top; }))
                << violation();
    }
    view_t view(slot_t s) { return replica(s).view().view; }
};

} // namespace

TEST(vsr_scenario, a_new_group_forms_primary_with_backup) {
    world w(plain());
    w.start_all();
    ASSERT_TRUE(w.serves_within(3s)) << w.violation();
    EXPECT_EQ(w.server(), slot_p);
    EXPECT_EQ(w.replica(slot_b).current_role(), role::backup);
    EXPECT_EQ(w.replica(slot_w).current_role(), role::none);
}

TEST(vsr_scenario, a_new_group_waits_for_its_backup_and_then_forms_soon) {
    world w(plain());
    w.start(slot_p);
    w.start(slot_w);
    EXPECT_FALSE(w.serves_within(8s)) << "the first view is {P, B}";
    w.start(slot_b);
    EXPECT_TRUE(w.serves_within(1500ms)) << w.violation();
    EXPECT_EQ(w.replica(slot_p).view().backup.slot, slot_b);
}

TEST(vsr_scenario, the_backup_takes_over_with_the_witness_and_nothing_is_lost) {
    served w(plain());
    index_t kept = w.committed_top();
    w.crash(slot_p, crash_kind::soft);
    ASSERT_TRUE(w.serves_within(3s, slot_b)) << w.violation();
    EXPECT_GE(w.replica(slot_b).cp(), kept);
    EXPECT_EQ(w.replica(slot_w).current_role(), role::backup);
    w.work(slot_b, 5);
    EXPECT_TRUE(w.at(slot_b).service);
}

TEST(vsr_scenario, the_primary_goes_on_with_the_witness_when_its_backup_dies) {
    served w(plain());
    w.crash(slot_b, crash_kind::hard);
    ASSERT_TRUE(w.run_until(w.now() + 3s, [&] {
        return w.server() == slot_p && w.replica(slot_p).view().backup.slot == slot_w;
    })) << w.violation();
    w.work(slot_p, 5);
    EXPECT_EQ(w.replica(slot_w).log().top, w.replica(slot_p).log().top);
}

/* All is on both disks, and the logs hold nothing: the view's first record follows none of them. */
static void rest(world &w) {
    ASSERT_TRUE(w.run_until(w.now() + 3s, [&] {
        for (slot_t s : {slot_p, slot_b}) {
            w.sync(s);
        }
        return w.replica(slot_b).report(w.now()).lb == w.committed_top();
    }));
    w.run_for(500ms);
    for (slot_t s : {slot_p, slot_b}) {
        w.discard(s);
        EXPECT_TRUE(w.replica(s).log().empty());
    }
}

TEST(vsr_scenario, an_idle_backup_that_loses_its_power_is_missed_by_nobody) {
    served w(plain());
    rest(w);
    w.crash(slot_b, crash_kind::hard);
    ASSERT_TRUE(w.run_until(w.now() + 3s, [&] {
        return w.server() == slot_p && w.replica(slot_p).view().backup.slot == slot_w;
    })) << w.violation();
    w.start(slot_b);
    ASSERT_TRUE(w.run_until(w.now() + 10s, [&] {
        return w.server() == slot_p && w.replica(slot_p).view().backup.slot == slot_b;
    })) << w.violation();
    w.work(slot_p, 5);
}

TEST(vsr_scenario, a_whole_log_and_a_disk_that_has_all_of_it_make_a_view) {
    served w(plain());
    w.crash(slot_b, crash_kind::soft);
    ASSERT_TRUE(w.run_until(w.now() + 3s, [&] {
        return w.server() == slot_p && w.replica(slot_p).view().backup.slot == slot_w;
    })) << w.violation();
    w.sync(slot_p);
    w.crash(slot_p, crash_kind::hard);
    w.start(slot_p);
    ASSERT_TRUE(w.serves_within(10s, slot_p)) << w.violation();
    EXPECT_EQ(w.replica(slot_p).view().backup.slot, slot_w);
    w.work(slot_p, 5);
}

TEST(vsr_scenario, the_death_of_an_idle_witness_changes_nothing_but_status) {
    served w(plain());
    view_t before = w.view(slot_p);
    w.crash(slot_w, crash_kind::hard);
    ASSERT_FALSE(w.run_until(w.now() + 3s, [&] { return w.server() != slot_p; }));
    EXPECT_EQ(w.violation(), "");
    EXPECT_EQ(w.view(slot_p), before);
    auto s = w.brain(slot_p).status(w.local(w.at(slot_p)));
    EXPECT_NE(s.not_survived.find("whisky"), std::string::npos) << s.not_survived;
}

TEST(vsr_scenario, an_isolated_primary_stops_before_the_other_side_serves) {
    served w(plain());
    w.isolate(slot_p);
    ASSERT_TRUE(w.serves_within(1ms, slot_p));
    ASSERT_TRUE(w.serves_within(3s, slot_b)) << w.violation();
    EXPECT_FALSE(w.replica(slot_p).may_answer(w.local(w.at(slot_p))));
}

TEST(vsr_scenario, a_primary_that_can_speak_but_not_hear_is_taken_over) {
    served w(plain());
    w.cut(slot_b, slot_p);
    w.cut(slot_w, slot_p);
    ASSERT_TRUE(w.serves_within(5s, slot_b)) << w.violation();
}

TEST(vsr_scenario, a_primary_that_can_hear_but_not_speak_is_taken_over) {
    served w(plain());
    w.cut(slot_p, slot_b);
    w.cut(slot_p, slot_w);
    ASSERT_TRUE(w.serves_within(5s, slot_b)) << w.violation();
}

TEST(vsr_scenario, a_healed_primary_gives_its_service_up_and_then_comes_back_once) {
    served w(plain());
    w.isolate(slot_p);
    ASSERT_TRUE(w.serves_within(3s, slot_b)) << w.violation();
    w.work(slot_b, 3);
    view_t view = w.view(slot_b);
    w.heal();
    ASSERT_TRUE(w.run_until(w.now() + 3s, [&] { return !w.at(slot_p).service; })) << w.violation();
    EXPECT_EQ(w.server(), slot_b) << "its own is given up before it has its place";
    EXPECT_EQ(w.view(slot_b), view);
    ASSERT_TRUE(w.serves_within(6s, slot_p)) << w.violation();
    EXPECT_EQ(w.replica(slot_p).view().backup.slot, slot_b);
    view = w.view(slot_p);
    w.run_for(5s);
    EXPECT_EQ(w.violation(), "");
    EXPECT_EQ(w.server(), slot_p);
    EXPECT_EQ(w.view(slot_p), view) << "no flapping";
    EXPECT_TRUE(w.at(slot_p).service);
    EXPECT_FALSE(w.at(slot_b).service);
}

/* {P, W} serves, B was cut off, and P has discarded what B lacks: only W has it. */
class discarded : public served {
public:
    explicit discarded(world_config c) : served(c) {
        isolate(slot_b);
        EXPECT_TRUE(run_until(now() + 3s, [&] {
            return server() == slot_p && replica(slot_p).view().backup.slot == slot_w;
        })) << violation();
        const index_t lacks = replica(slot_b).log().top + 1;
        work(slot_p, 20);
        sync(slot_p);
        sync(slot_w);
        work(slot_p, 5); /* its ACKs tell W's LB */
        discard(slot_p);
        EXPECT_GT(replica(slot_p).log().base, lacks);
    }
    bool whole_within(duration_t d) {
        return run_until(now() + d, [&] {
            return server() == slot_p && replica(slot_p).view().backup.slot == slot_b;
        });
    }
};

TEST(vsr_scenario, a_healed_backup_is_fed_by_the_witness_where_its_primary_has_discarded) {
    discarded w(plain());
    w.heal();
    ASSERT_TRUE(w.run_until(w.now() + 2s, [&] {
        return w.replica(slot_b).log().top == w.replica(slot_p).log().top;
    })) << w.violation();
    EXPECT_EQ(w.brain(slot_b).state(), member_state::returning);
    EXPECT_EQ(w.replica(slot_p).view().backup.slot, slot_w) << "before it has its place";
    ASSERT_TRUE(w.whole_within(3s)) << w.violation();
    EXPECT_TRUE(w.replica(slot_b).report(w.now()).intact);
    w.work(slot_p, 3);
}

/* The view changes before it has had anything: START says who has what (V6). */
TEST(vsr_scenario, a_healed_backup_is_filled_from_the_witness_when_the_view_changes_first) {
    world_config c = plain();
    c.times.stable = 60s; /* it is not because it asks */
    discarded w(c);
    w.cut(slot_w, slot_b);
    w.heal();
    w.cut(slot_w, slot_b);
    w.run_for(100ms);
    const index_t lacks = w.replica(slot_b).log().top + 1;
    EXPECT_LT(lacks, w.replica(slot_p).log().base) << "P cannot feed it";
    w.kill_harpd(slot_w);
    w.run_for(20ms);
    w.start(slot_w);
    w.heal();
    ASSERT_TRUE(w.whole_within(3s)) << w.violation();
    EXPECT_TRUE(w.replica(slot_b).report(w.now()).intact);
    w.work(slot_p, 3);
}

/* Nothing counts that two members do not have; clients wait, and then go on. */
TEST(vsr_scenario, behind_a_full_witness_nothing_is_committed_until_the_backup_is_back) {
    world_config c = plain();
    c.witness_room = 48;
    served w(c);
    w.isolate(slot_b);
    ASSERT_TRUE(w.run_until(w.now() + 3s, [&] {
        return w.server() == slot_p && w.replica(slot_p).view().backup.slot == slot_w;
    })) << w.violation();
    for (int i = 0; i < 100; ++i) {
        (void)w.write(slot_p);
        w.run_for(10ms);
    }
    w.run_for(1s);
    const index_t kept = w.committed_top();
    EXPECT_LE(w.at(slot_w).store.entries.size(), 49u) << "48, and a VIEW record";
    EXPECT_GT(w.replica(slot_p).log().top, kept) << "what it did not take counts for nothing";
    w.run_for(10s);
    EXPECT_EQ(w.committed_top(), kept) << "not with one copy of it";
    w.heal();
    ASSERT_TRUE(w.run_until(w.now() + 30s, [&] {
        return w.server() == slot_p && w.replica(slot_p).view().backup.slot == slot_b;
    })) << w.violation();
    EXPECT_GE(w.replica(slot_p).cp(), kept);
    w.work(slot_p, 5);
    EXPECT_EQ(w.violation(), "");
}

TEST(vsr_scenario, a_healed_backup_has_its_place_again_without_any_failure) {
    served w(plain());
    w.isolate(slot_b);
    ASSERT_TRUE(w.run_until(w.now() + 3s, [&] {
        return w.server() == slot_p && w.replica(slot_p).view().backup.slot == slot_w;
    })) << w.violation();
    w.work(slot_p, 20);
    const time_point_t healed = w.now();
    w.heal();
    ASSERT_TRUE(w.run_until(w.now() + 3s, [&] {
        return w.server() == slot_p && w.replica(slot_p).view().backup.slot == slot_b;
    })) << w.violation();
    EXPECT_GE(w.now() - healed, quick_timings().stable);
    w.work(slot_p, 3);
    EXPECT_EQ(w.replica(slot_b).log().top, w.replica(slot_p).log().top);
}

TEST(vsr_scenario, a_cut_between_primary_and_backup_does_not_make_the_address_wander) {
    served w(plain());
    w.cut_both(slot_p, slot_b);
    ASSERT_TRUE(w.run_until(w.now() + 4s, [&] {
        return w.server().has_value() && w.view(*w.server()) > view_t(4);
    })) << w.violation();
    slot_t server = *w.server();
    view_t view = w.view(server);
    w.run_for(10s);
    EXPECT_EQ(w.violation(), "");
    EXPECT_EQ(w.server(), server);
    EXPECT_EQ(w.view(server), view);
}

TEST(vsr_scenario, a_restarted_member_never_resumes_its_view) {
    served w(plain());
    view_t before = w.view(slot_p);
    w.crash(slot_p, crash_kind::hard);
    w.run_for(20ms);
    w.start(slot_p);
    w.run_for(300ms);
    EXPECT_EQ(w.replica(slot_p).current_role(), role::none);
    /* It was back before the others had missed it: the next view has it again. */
    ASSERT_TRUE(w.run_until(w.now() + 3s, [&] {
        return w.server() && w.view(*w.server()) > before;
    })) << w.violation();
    ASSERT_TRUE(w.run_until(w.now() + 6s, [&] {
        return w.server() == slot_p && w.replica(slot_p).view().backup.slot == slot_b;
    })) << w.violation();
    EXPECT_FALSE(w.at(slot_p).entered.empty());
    for (uint64_t entered : w.at(slot_p).entered) {
        EXPECT_GT(entered, before.value());
    }
}

TEST(vsr_scenario, for_a_restarted_backup_the_witness_stands_in_until_it_is_back) {
    served w(plain());
    w.crash(slot_b, crash_kind::soft);
    ASSERT_TRUE(w.run_until(w.now() + 4s, [&] {
        return w.server() == slot_p && w.replica(slot_p).view().backup.slot == slot_w;
    })) << w.violation();
    w.start(slot_b);
    auto not_survived = [&] { return w.brain(slot_p).status(w.local(w.at(slot_p))).not_survived; };
    ASSERT_TRUE(w.run_until(w.now() + 2s, [&] {
        return not_survived() ==
               "bravo is coming back: until then a failure of alfa stops the group";
    })) << not_survived();
    EXPECT_EQ(w.replica(slot_p).view().backup.slot, slot_w);
    ASSERT_TRUE(w.run_until(w.now() + 6s, [&] {
        return w.server() == slot_p && w.replica(slot_p).view().backup.slot == slot_b;
    })) << w.violation();
    EXPECT_EQ(not_survived(), "");
}

TEST(vsr_scenario, harpd_of_the_primary_dies_and_the_kernel_goes_on_serving) {
    served w(plain());
    view_t view = w.view(slot_p);
    w.kill_harpd(slot_p);
    ASSERT_FALSE(w.run_until(w.now() + 3s, [&] { return w.server() != slot_p; }));
    w.start_harpd(slot_p);
    w.run_for(1s);
    EXPECT_EQ(w.violation(), "");
    EXPECT_EQ(w.view(slot_p), view);
    EXPECT_EQ(w.brain(slot_p).state(), member_state::serving);
}

TEST(vsr_scenario, harpd_of_the_primary_dies_for_good_and_the_backup_takes_over) {
    served w(plain());
    w.kill_harpd(slot_p);
    ASSERT_TRUE(w.serves_within(15s, slot_b)) << w.violation();
}

TEST(vsr_scenario, a_promoted_witness_that_is_killed_comes_back_into_a_new_view) {
    served w(plain());
    w.crash(slot_b, crash_kind::hard);
    ASSERT_TRUE(w.run_until(w.now() + 3s, [&] {
        return w.server() == slot_p && w.replica(slot_p).view().backup.slot == slot_w;
    }));
    view_t view = w.view(slot_p);
    w.kill_harpd(slot_w);
    w.run_for(50ms);
    w.start(slot_w);
    ASSERT_TRUE(w.run_until(w.now() + 5s, [&] {
        return w.server() == slot_p && w.view(slot_p) > view;
    })) << w.violation();
    w.work(slot_p, 3);
}

TEST(vsr_scenario, a_witness_back_in_50_ms_does_not_forget_its_promise) {
    /* Finding 8: {B, W} serves, W is killed and back at once, P asks W. */
    served w(plain());
    w.isolate(slot_p);
    ASSERT_TRUE(w.serves_within(3s, slot_b));
    w.heal();
    w.cut_both(slot_p, slot_b);
    w.kill_harpd(slot_w);
    w.run_for(20ms);
    w.start(slot_w);
    w.run_for(8s);
    EXPECT_EQ(w.violation(), "");
}

TEST(vsr_scenario, a_switchover_moves_the_service_and_loses_nothing) {
    served w(plain());
    ASSERT_TRUE(w.brain(slot_p).request(w.local(w.at(slot_p)), want_switchover{slot_b}).ok());
    ASSERT_TRUE(w.serves_within(2s, slot_b)) << w.violation();
    EXPECT_EQ(w.replica(slot_p).current_role(), role::backup);
    EXPECT_FALSE(w.at(slot_p).service);
    w.work(slot_b, 3);
    ASSERT_TRUE(w.brain(slot_b).request(w.local(w.at(slot_b)), want_switchover{slot_p}).ok());
    EXPECT_TRUE(w.serves_within(2s, slot_p)) << w.violation();
}

/*
 * To rest, fence, state file, PROPOSE, the other's fence: 32 ms at most with the delays of
 * this world. A lease is renewed every Δ/4, so that of 0.9 Δ waiting would take 0.6 Δ at least.
 */
TEST(vsr_scenario, in_a_switchover_nobody_waits_for_a_lease) {
    for (uint64_t seed = 1; seed <= 20; ++seed) {
        world_config c = plain();
        c.seed = seed;
        served w(c);
        view_t before = w.view(slot_p);
        ASSERT_TRUE(w.brain(slot_p).request(w.local(w.at(slot_p)), want_switchover{slot_b}).ok());
        ASSERT_TRUE(w.run_until(
                w.now() + quick_timings().promise / 5,
                [&] { return w.replica(slot_b).report(w.local(w.at(slot_b))).fence > before; }))
                << "seed " << seed << w.violation();
    }
}

TEST(vsr_scenario, a_primary_that_leaves_hands_over_first) {
    served w(plain());
    ASSERT_TRUE(w.brain(slot_p).request(w.local(w.at(slot_p)), want_leave{}).ok());
    ASSERT_TRUE(w.serves_within(3s, slot_b)) << w.violation();
    EXPECT_EQ(w.brain(slot_p).state(), member_state::leaving);
    ASSERT_TRUE(w.run_until(w.now() + 3s, [&] {
        return w.server() == slot_b && w.replica(slot_b).view().backup.slot == slot_w;
    })) << w.violation();
}

/* LEAVE goes over the link that the same step gives up. */
TEST(vsr_scenario, a_backup_that_leaves_tells_its_primary) {
    served w(plain());
    ASSERT_TRUE(w.brain(slot_b).request(w.local(w.at(slot_b)), want_leave{}).ok());
    ASSERT_TRUE(w.run_until(w.now() + 3s, [&] {
        return w.server() == slot_p && w.replica(slot_p).view().backup.slot == slot_w;
    })) << w.violation();
    EXPECT_EQ(w.leaves(), 1U);
    EXPECT_FALSE(w.at(slot_b).link);
}

TEST(vsr_scenario, a_member_whose_lower_fails_is_replaced_before_its_silence_tells) {
    for (slot_t gone : {slot_p, slot_b}) {
        slot_t stays = gone == slot_p ? slot_b : slot_p;
        served w(plain());
        index_t kept = w.committed_top();
        w.run_for(quick_timings().window); /* V7: nobody is bound any more */
        time_point_t left = w.now();
        w.fail_lower(gone);
        ASSERT_TRUE(w.run_until(w.now() + 3s, [&] {
            return w.server() == stays && w.replica(stays).view().backup.slot == slot_w;
        })) << w.violation();
        EXPECT_LT(w.now() - left, quick_timings().detect) << gone.value();
        EXPECT_GE(w.replica(stays).cp(), kept);
        w.work(stays, 5);
        w.run_for(1s);
        EXPECT_FALSE(w.at(gone).service) << gone.value();
        EXPECT_EQ(w.brain(gone).status(w.local(w.at(gone))).headline,
                  "in no view: media failure: EIO");
    }
}

TEST(vsr_scenario, a_paused_primary_serves_nothing_when_it_wakes) {
    served w(plain());
    const time_point_t wakes = w.now() + 3s;
    w.pause(slot_p, 3s);
    ASSERT_TRUE(w.serves_within(3s, slot_b)) << w.violation();
    w.work(slot_b, 3);
    view_t theirs = w.view(slot_b);
    ASSERT_LT(w.now(), wakes);
    w.run_for(wakes + quick_timings().stable / 2 - w.now());
    EXPECT_EQ(w.violation(), "");
    EXPECT_EQ(w.server(), slot_b);
    EXPECT_EQ(w.view(slot_b), theirs);
    ASSERT_TRUE(w.serves_within(6s, slot_p)) << w.violation();
    EXPECT_GT(w.view(slot_p), theirs) << "in a view of its own";
}

TEST(vsr_scenario, both_data_members_panic_and_find_their_logs_in_memory) {
    served w(plain());
    index_t kept = w.committed_top();
    w.crash(slot_p, crash_kind::soft);
    w.crash(slot_b, crash_kind::soft);
    w.run_for(500ms);
    w.start(slot_p);
    w.start(slot_b);
    ASSERT_TRUE(w.serves_within(5s)) << w.violation();
    EXPECT_GE(w.replica(*w.server()).cp(), kept);
}

TEST(vsr_scenario, all_three_lose_power_and_nothing_is_served_from_what_is_left) {
    served w(plain());
    for (slot_t s : {slot_p, slot_b, slot_w}) {
        w.crash(s, crash_kind::hard);
    }
    for (slot_t s : {slot_p, slot_b, slot_w}) {
        w.start(s);
    }
    EXPECT_FALSE(w.serves_within(8s));
    EXPECT_EQ(w.violation(), "");
    auto s = w.brain(slot_p).status(w.local(w.at(slot_p)));
    EXPECT_NE(s.why_not_serving.find("alfa and bravo"), std::string::npos) << s.why_not_serving;
}

TEST(vsr_scenario, a_member_that_lost_its_memory_is_filled_up_before_it_counts) {
    served w(plain());
    w.crash(slot_b, crash_kind::hard);
    ASSERT_TRUE(w.run_until(w.now() + 3s, [&] {
        return w.server() == slot_p && w.replica(slot_p).view().backup.slot == slot_w;
    }));
    w.work(slot_p, 5);
    w.start(slot_b);
    w.run_for(1s);
    w.crash(slot_p, crash_kind::soft);
    ASSERT_TRUE(w.serves_within(6s, slot_b)) << w.violation();
    EXPECT_GE(w.replica(slot_b).cp(), w.committed_top());
}

TEST(vsr_scenario, a_lossy_network_lets_the_group_form_and_serve) {
    world_config c = plain();
    c.loss = 0.2;
    c.twice = 0.2;
    c.late = 0.1;
    world w(c);
    w.start_all();
    EXPECT_TRUE(w.serves_within(10s)) << w.violation();
}

TEST(vsr_scenario, clocks_that_drift_apart_do_not_make_two_servers) {
    for (uint64_t seed = 1; seed <= 20; ++seed) {
        world_config c = plain();
        c.seed = seed;
        c.drift = true;
        world w(c);
        w.start_all();
        ASSERT_TRUE(w.serves_within(3s));
        w.isolate(slot_p);
        ASSERT_TRUE(w.serves_within(4s, slot_b)) << w.violation();
    }
}

} // namespace harp::vsr::test
