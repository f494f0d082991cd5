/* SPDX-License-Identifier: GPL-2.0 */
/* The core, one rule a test. */
#include "vsr_by_hand.hh"

namespace harp::vsr::test {

using namespace by_hand;

TEST(vsr_core, the_incarnation_is_on_disk_before_anything_is_said_or_asked) {
    one m(make_config(slot_p), make_disk(slot_p), {});
    EXPECT_EQ(m.c.state(), member_state::starting);
    m.hear(slot_b, view_t(5), propose{});
    m.pass(3s);
    EXPECT_TRUE(m.sent.empty());
    EXPECT_TRUE(m.asked.empty());
    ASSERT_EQ(m.writes.size(), 1U);
    EXPECT_EQ(m.writes[0].state.inc, incarnation_t(1));
    m.disk_done();
    ASSERT_NE(m.asked_for<cmd_attach>(), nullptr);
    EXPECT_EQ(m.asked_for<cmd_attach>()->inc, incarnation_t(1));
}

TEST(vsr_core, a_member_that_was_never_in_a_view_has_nothing_to_wait_for) {
    one m(make_config(slot_p), make_disk(slot_p), {});
    m.disk_done();
    EXPECT_EQ(m.asked_for<cmd_attach>()->hold, 0ns);
}

TEST(vsr_core, a_new_life_holds_for_the_promise_of_its_last_view) {
    one m(make_config(slot_b), settled_disk(slot_b), {});
    m.disk_done();
    const auto *attach = m.asked_for<cmd_attach>();
    ASSERT_NE(attach, nullptr);
    EXPECT_EQ(attach->inc, incarnation_t(2));
    EXPECT_EQ(attach->fence, view_t(4));
    EXPECT_EQ(attach->hold, quick_timings().promise);
    disk_state unknown = settled_disk(slot_b);
    unknown.formed = {};
    unknown.view.reset();
    one n(make_config(slot_b), unknown, {});
    n.disk_done();
    EXPECT_EQ(n.asked_for<cmd_attach>()->hold, promise_cap) << "agreed, and no VIEW record known";
}

TEST(vsr_core, while_it_holds_a_member_neither_agrees_nor_proposes) {
    one m(make_config(slot_b), settled_disk(slot_b), {});
    m.disk_done();
    m.report = settled_report();
    m.report.inc = incarnation_t(2);
    m.report.hold_left = 400ms;
    m.answer<cmd_attach>();
    EXPECT_EQ(m.c.state(), member_state::holding);
    m.hear(slot_p, view_t(8), propose{});
    EXPECT_EQ(m.asked_for<cmd_fence>(), nullptr);
    ASSERT_NE(m.said<nack>(slot_p), nullptr);
    EXPECT_EQ(m.said<nack>(slot_p)->why, nack_reason::hold);
    EXPECT_EQ(m.said<nack>(slot_p)->time_left, 400ms);
    m.report.hold_left = {};
    m.pass(400ms);
    m.hear(slot_p, view_t(8), propose{});
    EXPECT_NE(m.asked_for<cmd_fence>(), nullptr);
}

TEST(vsr_core, a_restarted_data_member_says_what_it_holds_and_tries_to_make_a_view) {
    for (bool whole : {true, false}) {
        one m(make_config(slot_b), settled_disk(slot_b), {});
        m.disk_done();
        m.report = settled_report();
        m.report.inc = incarnation_t(2);
        m.report.intact = whole;
        m.answer<cmd_attach>();
        EXPECT_EQ(m.c.state(), member_state::outside);
        auto s = m.c.status(m.now);
        EXPECT_EQ(s.headline, whole ? "in no view: its log of view 4 is whole"
                                    : "in no view: its log of view 4 is not whole");
        EXPECT_NE(s.why_not_serving.find("no other member is heard"), std::string::npos);
        EXPECT_EQ(s.advice, "") << "it does what there is to do by itself";
        m.until_it_proposes();
        ASSERT_NE(m.asked_for<cmd_fence>(), nullptr);
        const view_t own = m.asked_for<cmd_fence>()->view;
        m.fence_granted(own.value());
        m.disk_done();
        ASSERT_NE(m.said<propose>(slot_w), nullptr);
    }
}

TEST(vsr_core, a_member_outside_says_that_it_comes_back_when_somebody_serves) {
    disk_state d = settled_disk(slot_b);
    d.inc = incarnation_t(2);
    object_report r = settled_report();
    r.inc = incarnation_t(2);
    one m(make_config(slot_b), d, r);
    status_beat live;
    live.current_role = role::primary;
    live.serving = true;
    live.live_primary = slot_p;
    live.live_view = view_t(8);
    m.hear(slot_p, view_t(8), live);
    m.pass(quick_timings().status_interval);
    EXPECT_EQ(m.c.state(), member_state::returning);
    auto s = m.c.status(m.now);
    EXPECT_NE(s.headline.find("comes back"), std::string::npos) << s.headline;
    EXPECT_EQ(s.why_not_serving, "alfa serves without this member");
    EXPECT_EQ(s.advice, "");
    ASSERT_NE(m.said<status_beat>(slot_p), nullptr);
    EXPECT_TRUE(m.said<status_beat>(slot_p)->comes_back);
    EXPECT_FALSE(m.said<status_beat>(slot_p)->needs_copy);
}

TEST(vsr_core, a_member_that_needs_a_copy_says_so_and_not_that_it_comes_back) {
    object_report r = settled_report();
    r.needs_copy = true;
    one m(make_config(slot_b), settled_disk(slot_b), r);
    auto s = m.c.status(m.now);
    EXPECT_EQ(s.headline, "in no view: its files must be copied anew");
    EXPECT_NE(s.advice.find("copied anew"), std::string::npos);
    status_beat live;
    live.current_role = role::primary;
    live.serving = true;
    live.live_primary = slot_p;
    live.live_view = view_t(8);
    m.hear(slot_p, view_t(8), live);
    m.pass(quick_timings().status_interval);
    EXPECT_EQ(m.c.state(), member_state::outside);
    s = m.c.status(m.now);
    EXPECT_EQ(s.headline, "in no view: its files must be copied anew");
    EXPECT_EQ(s.why_not_serving, "alfa serves without this member");
    EXPECT_NE(s.advice.find("copied anew"), std::string::npos);
    ASSERT_NE(m.said<status_beat>(slot_p), nullptr);
    EXPECT_FALSE(m.said<status_beat>(slot_p)->comes_back);
    EXPECT_TRUE(m.said<status_beat>(slot_p)->needs_copy);
}

TEST(vsr_core, a_primary_says_what_it_would_not_survive_while_a_data_member_is_outside) {
    disk_state d = settled_disk(slot_p);
    d.agreed = d.formed = view_t(8);
    d.view = record_of(8, slot_p, slot_w, 10, 4);
    object_report r = serving_report(true);
    r.fence = r.formed = r.view = view_t(8);
    r.view_of_formed = d.view;
    one m(make_config(slot_p), d, r);
    auto says = [&] { return m.c.status(m.now).not_survived; };
    EXPECT_EQ(says(), "bravo is not heard: the next failure stops the group");
    status_beat b;
    m.hear(slot_b, view_t(4), b);
    EXPECT_EQ(says(), "bravo is outside the view: a failure of alfa stops the group");
    b.comes_back = true;
    m.hear(slot_b, view_t(4), b);
    EXPECT_EQ(says(), "bravo is coming back: until then a failure of alfa stops the group");
    b.comes_back = false;
    b.needs_copy = true;
    m.hear(slot_b, view_t(4), b);
    EXPECT_EQ(says(),
              "bravo needs a copy of the files: the next failure of a member stops the group");
}

TEST(vsr_core, a_restarted_harpd_is_no_new_life_and_goes_on_in_its_view) {
    one m(make_config(slot_p), settled_disk(slot_p), serving_report(true));
    EXPECT_TRUE(m.writes.empty()) << "no incarnation is spent";
    EXPECT_EQ(m.c.state(), member_state::serving);
    EXPECT_TRUE(m.told<service_serve>());
    ASSERT_TRUE(m.link);
    EXPECT_EQ(m.link->peer, slot_b);
    EXPECT_TRUE(m.link->connects);
}

TEST(vsr_core, a_restarted_harpd_goes_on_when_the_log_has_discarded_its_view_record) {
    for (role as : {role::primary, role::backup}) {
        object_report r = settled_report();
        r.current_role = as;
        r.view = view_t(4);
        r.serving = r.lease_held = as == role::primary;
        r.log = {r.log.top + 1, view_t(4), r.log.top, {}};
        r.view_of_formed.reset();
        slot_t self = as == role::primary ? slot_p : slot_b;
        one m(make_config(self), settled_disk(self), r);
        EXPECT_EQ(m.c.state(),
                  as == role::primary ? member_state::serving : member_state::backing_up);
        EXPECT_TRUE(m.link) << "the record link goes on as well";
    }
}

TEST(vsr_core, a_restarted_harpd_that_finds_its_object_fenced_is_in_no_view) {
    object_report r = settled_report();
    r.fence = view_t(9);
    one m(make_config(slot_p), settled_disk(slot_p), r);
    EXPECT_EQ(m.c.state(), member_state::outside);
    m.until_it_proposes();
    ASSERT_NE(m.asked_for<cmd_fence>(), nullptr);
    EXPECT_GT(m.asked_for<cmd_fence>()->view, view_t(9)) << "above what it may have promised";
}

TEST(vsr_core, a_state_file_that_went_back_takes_part_in_nothing) {
    object_report r = settled_report();
    r.inc = incarnation_t(7);
    one m(make_config(slot_p), settled_disk(slot_p), r);
    EXPECT_EQ(m.c.state(), member_state::failed);
    m.hear(slot_b, view_t(9), propose{});
    m.pass(2s);
    EXPECT_TRUE(m.sent.empty());
    EXPECT_NE(m.c.status(m.now).advice.find("replace"), std::string::npos);
}

TEST(vsr_core, an_agree_is_fence_then_disk_then_word) {
    one m = restarted_harpd(slot_w);
    m.hear(slot_b, view_t(9), propose{});
    EXPECT_TRUE(m.writes.empty());
    EXPECT_EQ(m.said<agree>(slot_b), nullptr);
    ASSERT_NE(m.asked_for<cmd_fence>(), nullptr);
    EXPECT_EQ(m.asked_for<cmd_fence>()->by, slot_b);
    m.fence_granted(9);
    ASSERT_EQ(m.writes.size(), 1U);
    EXPECT_EQ(m.writes[0].state.agreed, view_t(9));
    EXPECT_EQ(m.said<agree>(slot_b), nullptr);
    m.disk_done();
    ASSERT_NE(m.said<agree>(slot_b), nullptr);
    EXPECT_EQ(m.said<agree>(slot_b)->formed, view_t(4));
    EXPECT_EQ(m.said<agree>(slot_b)->log.top, index_t(10));
    EXPECT_EQ(m.last_view, view_t(9));
}

TEST(vsr_core, a_refused_fence_is_a_nack_with_the_time_left) {
    one m = restarted_harpd(slot_b);
    m.hear(slot_p, view_t(8), propose{});
    m.answer<cmd_fence>(false, refusal::promise, 250ms);
    ASSERT_NE(m.said<nack>(slot_p), nullptr);
    EXPECT_EQ(m.said<nack>(slot_p)->why, nack_reason::promise);
    EXPECT_EQ(m.said<nack>(slot_p)->time_left, 250ms);
    EXPECT_EQ(m.c.disk().agreed, view_t(4));
}

TEST(vsr_core, a_view_not_above_what_was_agreed_is_refused_without_asking_the_object) {
    one m = restarted_harpd(slot_w);
    m.hear(slot_p, view_t(4), propose{});
    EXPECT_EQ(m.asked_for<cmd_fence>(), nullptr);
    ASSERT_NE(m.said<nack>(slot_p), nullptr);
    EXPECT_EQ(m.said<nack>(slot_p)->why, nack_reason::not_higher);
    EXPECT_EQ(m.said<nack>(slot_p)->agreed, view_t(4));
}

TEST(vsr_core, a_view_number_without_the_proposers_slot_is_malformed) {
    one m = restarted_harpd(slot_w);
    m.hear(slot_p, view_t(9), propose{});
    EXPECT_EQ(m.asked_for<cmd_fence>(), nullptr);
    EXPECT_EQ(m.c.counts().malformed, 1U);
}

TEST(vsr_core, a_repeated_propose_gets_the_same_agree) {
    one m = restarted_harpd(slot_w);
    m.hear(slot_b, view_t(9), propose{});
    m.fence_granted(9);
    m.disk_done();
    agree first = *m.said<agree>(slot_b);
    m.sent.clear();
    m.hear(slot_b, view_t(9), propose{});
    ASSERT_NE(m.said<agree>(slot_b), nullptr);
    EXPECT_EQ(*m.said<agree>(slot_b), first);
    EXPECT_EQ(m.asked_for<cmd_fence>(), nullptr);
}

/* HARP_A_VIEWS: the newest 64 of a log, beside its real base. */
TEST(vsr_core, an_agree_of_more_views_than_the_kernel_tells_can_be_taken) {
    disk_state d = settled_disk(slot_p);
    object_report found = settled_report(100);
    found.log.starts.clear();
    for (uint64_t i = 1; i <= 64; ++i) {
        found.log.starts.push_back({view_t(4 * i), index_t(20 + i)});
    }
    found.fence = found.formed = d.agreed = d.formed = view_t(256);
    found.view_of_formed = d.view = record_of(256, slot_p, slot_b);
    one m(make_config(slot_p), d, found);
    m.hear(slot_b, view_t(261), propose{});
    m.fence_granted(261);
    ASSERT_TRUE(m.disk_done());
    const agree *said = m.said<agree>(slot_b);
    ASSERT_NE(said, nullptr);
    auto valid = validate(said->log);
    ASSERT_TRUE(valid.ok()) << valid.error().text;
    EXPECT_EQ(said->log.anchor(), (position{index_t(21), view_t(4)}));
    EXPECT_EQ(said->log.top, index_t(100));
}

TEST(vsr_core, a_member_that_agreed_is_bound_to_that_coordinator_for_t_win) {
    one m = restarted_harpd(slot_w);
    m.hear(slot_b, view_t(9), propose{});
    m.fence_granted(9);
    m.disk_done();
    m.hear(slot_p, view_t(12), propose{});
    ASSERT_NE(m.said<nack>(slot_p), nullptr);
    EXPECT_EQ(m.said<nack>(slot_p)->why, nack_reason::bound);
    EXPECT_EQ(m.asked_for<cmd_fence>(), nullptr);
    m.pass(quick_timings().window);
    m.hear(slot_p, view_t(12), propose{});
    EXPECT_NE(m.asked_for<cmd_fence>(), nullptr);
}

TEST(vsr_core, a_backup_under_promise_names_the_live_primary) {
    object_report r = backup_report();
    r.promise_left = 300ms;
    one m(make_config(slot_b), settled_disk(slot_b), r);
    m.hear(slot_p, view_t(8), propose{});
    m.answer<cmd_fence>(false, refusal::promise, 300ms);
    ASSERT_NE(m.said<nack>(slot_p), nullptr);
    EXPECT_EQ(m.said<nack>(slot_p)->live_primary, slot_p);
    EXPECT_EQ(m.said<nack>(slot_p)->live_view, view_t(4));
}

TEST(vsr_core, a_proposal_is_fence_then_disk_then_word_with_its_own_slot_in_the_number) {
    one m = restarted_harpd(slot_b);
    m.until_it_proposes();
    ASSERT_NE(m.asked_for<cmd_fence>(), nullptr);
    EXPECT_EQ(m.asked_for<cmd_fence>()->view, view_t(9));
    EXPECT_EQ(m.asked_for<cmd_fence>()->by, slot_b);
    EXPECT_EQ(m.said<propose>(slot_w), nullptr);
    m.fence_granted(9);
    EXPECT_EQ(m.said<propose>(slot_w), nullptr);
    m.disk_done();
    ASSERT_NE(m.said<propose>(slot_w), nullptr);
    EXPECT_NE(m.said<propose>(slot_p), nullptr) << "to both";
}

TEST(vsr_core, a_proposal_is_above_every_number_heard_of) {
    one m = restarted_harpd(slot_b);
    m.hear(slot_p, view_t(40), nack{view_t(40), nack_reason::not_higher, {}, {}, {}, ""});
    m.until_it_proposes();
    EXPECT_EQ(m.asked_for<cmd_fence>()->view, view_t(45));
}

TEST(vsr_core, a_witness_never_proposes) {
    one m = restarted_harpd(slot_w);
    for (int i = 0; i < 30; ++i) {
        m.hear(slot_p, view_t(4), status_beat{});
        m.hear(slot_b, view_t(4), status_beat{});
        m.pass(200ms);
    }
    EXPECT_EQ(m.asked_for<cmd_fence>(), nullptr);
}

TEST(vsr_core, nobody_proposes_while_another_answers_for_a_live_primary) {
    one m = restarted_harpd(slot_b);
    status_beat live;
    live.live_primary = slot_p;
    live.live_view = view_t(8);
    for (int i = 0; i < 20; ++i) {
        m.hear(slot_w, view_t(8), live);
        m.pass(200ms);
    }
    EXPECT_EQ(m.asked_for<cmd_fence>(), nullptr);
    EXPECT_NE(m.c.status(m.now).why_not_serving.find("alfa serves"), std::string::npos);
}

TEST(vsr_core, a_witness_in_no_view_says_that_it_stands_by_and_who_serves) {
    disk_state d = make_disk(slot_w);
    d.inc = incarnation_t(1);
    object_report found;
    found.inc = incarnation_t(1);
    one m(make_config(slot_w), d, found);
    EXPECT_NE(m.c.status(m.now).headline.find("nobody serves"), std::string::npos);
    status_beat p;
    p.current_role = role::primary;
    p.live_primary = slot_p;
    p.live_view = view_t(8);
    m.hear(slot_p, view_t(8), p);
    status_beat b = p;
    b.current_role = role::backup;
    m.hear(slot_b, view_t(8), b);
    auto s = m.c.status(m.now);
    EXPECT_EQ(s.headline, "stands by: alfa serves");
    EXPECT_EQ(s.why_not_serving, "") << "nothing is wrong";
    EXPECT_EQ(s.view, view_t(8));
    EXPECT_EQ(s.primary, slot_p);
    EXPECT_EQ(s.backup, slot_b);
    EXPECT_FALSE(s.serving);
}

TEST(vsr_core, nobody_proposes_when_nobody_is_heard) {
    one m = restarted_harpd(slot_b);
    m.pass(5s);
    EXPECT_EQ(m.asked_for<cmd_fence>(), nullptr);
    EXPECT_NE(m.c.status(m.now).why_not_serving.find("no other member is heard"),
              std::string::npos);
}

TEST(vsr_core, a_member_that_needs_a_copy_does_not_propose) {
    object_report r = settled_report();
    r.needs_copy = true;
    one m(make_config(slot_b), settled_disk(slot_b), r);
    m.until_it_proposes();
    EXPECT_EQ(m.asked_for<cmd_fence>(), nullptr);
}

TEST(vsr_core, a_nack_that_names_a_live_primary_ends_the_proposal) {
    one m = restarted_harpd(slot_b);
    m.until_it_proposes();
    m.fence_granted(9);
    m.disk_done();
    EXPECT_EQ(m.c.state(), member_state::proposing);
    m.hear(slot_w, view_t(9), nack{view_t(8), nack_reason::promise, 300ms, slot_p, view_t(8), ""});
    EXPECT_EQ(m.c.state(), member_state::outside);
}

TEST(vsr_core, two_agrees_and_t_third_make_a_start) {
    one m = restarted_harpd(slot_b);
    m.until_it_proposes();
    m.fence_granted(9);
    m.disk_done();
    m.hear(slot_w, view_t(9), m.vote(0, 0));
    EXPECT_EQ(m.said<start>(slot_w), nullptr) << "the third may still come";
    m.pass(quick_timings().third);
    const auto *s = m.said<start>(slot_w);
    ASSERT_NE(s, nullptr);
    EXPECT_EQ(s->record.primary.slot, slot_b);
    EXPECT_EQ(s->record.backup.slot, slot_w);
    EXPECT_EQ(s->record.s, index_t(10));
    ASSERT_NE(m.asked_for<cmd_adopt>(), nullptr);
    EXPECT_EQ(m.asked_for<cmd_adopt>()->match, (position{index_t(10), view_t(4)}));
}

TEST(vsr_core, three_agrees_decide_at_once) {
    one m = restarted_harpd(slot_p);
    m.until_it_proposes();
    m.fence_granted(8);
    m.disk_done();
    m.hear(slot_w, view_t(8), m.vote(0, 0));
    m.hear(slot_b, view_t(8), m.vote(4, 10));
    ASSERT_NE(m.said<start>(slot_b), nullptr);
    EXPECT_EQ(m.said<start>(slot_w), nullptr) << "not a member of the view";
}

TEST(vsr_core, an_agree_for_another_view_number_is_not_counted) {
    one m = restarted_harpd(slot_p);
    m.until_it_proposes();
    m.fence_granted(8);
    m.disk_done();
    m.hear(slot_b, view_t(4), m.vote(4, 10));
    m.pass(quick_timings().third + 10ms);
    EXPECT_EQ(m.said<start>(slot_b), nullptr);
}

TEST(vsr_core, t_doubles_with_every_failure) {
    one m = restarted_harpd(slot_p);
    std::vector<time_point_t> tries;
    for (int i = 0; i < 400 && tries.size() < 4; ++i) {
        m.hear(slot_w, view_t(0), status_beat{});
        m.pass(20ms);
        if (const auto *f = m.asked_for<cmd_fence>()) {
            tries.push_back(m.now);
            m.fence_granted(f->view.value());
            m.disk_done();
        }
    }
    ASSERT_EQ(tries.size(), 4U);
    EXPECT_GT(tries[2] - tries[1], tries[1] - tries[0] + 150ms);
    EXPECT_GT(tries[3] - tries[2], tries[2] - tries[1] + 150ms);
}

TEST(vsr_core, a_start_that_was_not_agreed_to_is_ignored) {
    one m = restarted_harpd(slot_b);
    struct start s;
    s.record = record_of(8, slot_p, slot_b, 10, 4);
    s.reach = m.report.log;
    m.hear(slot_p, view_t(8), s);
    EXPECT_EQ(m.asked_for<cmd_adopt>(), nullptr);
}

TEST(vsr_core, a_start_for_another_life_is_ignored) {
    one m = restarted_harpd(slot_b);
    m.hear(slot_p, view_t(8), propose{});
    m.fence_granted(8);
    m.disk_done();
    struct start s;
    s.record = record_of(8, slot_p, slot_b, 10, 4, 2);
    s.reach = m.report.log;
    m.hear(slot_p, view_t(8), s);
    EXPECT_EQ(m.asked_for<cmd_adopt>(), nullptr);
    EXPECT_EQ(m.c.counts().malformed, 1U);
}

TEST(vsr_core, a_start_is_log_then_disk_then_role_then_started) {
    one m = restarted_harpd(slot_b);
    m.hear(slot_p, view_t(8), propose{});
    m.fence_granted(8);
    m.disk_done();
    struct start s;
    s.record = record_of(8, slot_p, slot_b, 10, 4);
    s.donor = slot_p;
    s.reach = m.report.log;
    s.sources = {{slot_p, index_t(1), index_t(10)}};
    m.hear(slot_p, view_t(8), s);
    ASSERT_NE(m.asked_for<cmd_adopt>(), nullptr);
    EXPECT_TRUE(m.writes.empty());
    m.report.formed = view_t(8);
    m.report.view_of_formed = s.record;
    m.answer<cmd_adopt>();
    EXPECT_EQ(m.asked_for<cmd_enter>(), nullptr);
    ASSERT_EQ(m.writes.size(), 1U);
    EXPECT_EQ(m.writes[0].state.formed, view_t(8));
    EXPECT_EQ(m.writes[0].state.view, s.record);
    m.disk_done();
    ASSERT_NE(m.asked_for<cmd_enter>(), nullptr);
    EXPECT_EQ(m.asked_for<cmd_enter>()->as, role::backup);
    EXPECT_EQ(m.said<started>(slot_p), nullptr);
    m.answer<cmd_enter>();
    ASSERT_NE(m.said<started>(slot_p), nullptr);
    EXPECT_EQ(m.c.state(), member_state::backing_up);
    ASSERT_TRUE(m.link);
    EXPECT_FALSE(m.link->connects) << "the primary connects";
}

/* A START by @coordinator for the primary of view 4, whose log has records 1 … 10. */
static one deposed_and_chosen_again(uint64_t s, std::vector<view_start> starts) {
    one m(make_config(slot_p), settled_disk(slot_p), serving_report(true));
    m.hear(slot_b, view_t(9), propose{});
    m.fence_granted(9);
    m.disk_done();
    struct start what;
    what.record = record_of(9, slot_p, slot_b, s, starts.back().view.value());
    what.donor = slot_b;
    what.reach = {index_t(1), {}, index_t(s), std::move(starts)};
    what.sources = {{slot_b, index_t(1), index_t(s)}};
    m.hear(slot_b, view_t(9), what);
    return m;
}

/* It could not hear, and another served meanwhile; what is parked here is not in START's log. */
TEST(vsr_core, a_primary_chosen_again_over_others_records_gives_its_service_up_first) {
    one m = deposed_and_chosen_again(15, {{view_t(4), index_t(1)}, {view_t(8), index_t(9)}});
    ASSERT_NE(m.asked_for<cmd_adopt>(), nullptr);
    EXPECT_EQ(m.asked_for<cmd_adopt>()->match, (position{index_t(8), view_t(4)}));
    EXPECT_TRUE(m.told<service_give_up>());
    /* And without others' records, where some of its own go. */
    one n = deposed_and_chosen_again(8, {{view_t(4), index_t(1)}});
    ASSERT_NE(n.asked_for<cmd_adopt>(), nullptr);
    EXPECT_TRUE(n.told<service_give_up>());
}

/* V8: its own log goes on, and what is parked in it is answered. */
TEST(vsr_core, a_primary_whose_log_goes_on_keeps_its_service) {
    one m = deposed_and_chosen_again(10, {{view_t(4), index_t(1)}});
    ASSERT_NE(m.asked_for<cmd_adopt>(), nullptr);
    EXPECT_FALSE(m.told<service_give_up>());
}

TEST(vsr_core, a_role_that_cannot_be_taken_yet_is_asked_for_again) {
    one m = restarted_harpd(slot_p);
    follow_start(m, 9, slot_b, record_of(9, slot_p, slot_b, 10, 4));
    m.answer<cmd_enter>(false, refusal::retry); /* the gate is not bound yet */
    EXPECT_EQ(m.c.state(), member_state::adopting);
    EXPECT_EQ(m.asked_for<cmd_enter>(), nullptr);
    m.pass(100ms);
    ASSERT_NE(m.asked_for<cmd_enter>(), nullptr);
    m.answer<cmd_enter>();
    EXPECT_EQ(m.c.state(), member_state::waiting);
}

TEST(vsr_core, started_is_repeated_until_the_primary_has_heard_it) {
    one m = restarted_harpd(slot_b);
    follow_start(m, 8, slot_p, record_of(8, slot_p, slot_b, 10, 4));
    m.answer<cmd_enter>();
    m.sent.clear();
    m.pass(200ms);
    EXPECT_NE(m.said<started>(slot_p), nullptr);
    status_beat s;
    s.started_heard = true;
    m.hear(slot_p, view_t(8), s);
    m.sent.clear();
    m.pass(500ms);
    EXPECT_EQ(m.said<started>(slot_p), nullptr);
}

TEST(vsr_core, a_primary_does_not_serve_before_started) {
    one m = restarted_harpd(slot_p);
    follow_start(m, 9, slot_b, record_of(9, slot_p, slot_b, 10, 4));
    m.answer<cmd_enter>();
    EXPECT_EQ(m.c.state(), member_state::waiting);
    m.pass(300ms);
    EXPECT_EQ(m.asked_for<cmd_serve>(), nullptr);
    EXPECT_NE(m.c.status(m.now).why_not_serving.find("bravo"), std::string::npos);
    m.hear(slot_b, view_t(9), started{incarnation_t(1)});
    ASSERT_NE(m.asked_for<cmd_serve>(), nullptr);
    EXPECT_FALSE(m.told<service_serve>()) << "addresses only after serving (finding 15)";
    m.answer<cmd_serve>(false, refusal::retry);
    m.pass(100ms);
    ASSERT_NE(m.asked_for<cmd_serve>(), nullptr) << "the lease may come a moment later";
    m.answer<cmd_serve>();
    EXPECT_TRUE(m.told<service_serve>());
    EXPECT_EQ(m.c.state(), member_state::serving);
}

TEST(vsr_core, started_of_another_life_or_member_is_not_counted) {
    one m = restarted_harpd(slot_p);
    follow_start(m, 9, slot_b, record_of(9, slot_p, slot_b, 10, 4));
    m.answer<cmd_enter>();
    m.hear(slot_w, view_t(9), started{incarnation_t(1)});
    m.hear(slot_b, view_t(8), started{incarnation_t(1)});
    m.hear(slot_b, view_t(9), started{incarnation_t(2)});
    m.hear(slot_b, view_t(9), started{incarnation_t(1)}, 2);
    EXPECT_EQ(m.asked_for<cmd_serve>(), nullptr);
}

TEST(vsr_core, an_ack_on_the_record_link_counts_as_started) {
    one m = restarted_harpd(slot_p);
    follow_start(m, 9, slot_b, record_of(9, slot_p, slot_b, 10, 4));
    m.answer<cmd_enter>();
    m.c.on_kernel(m.now, started_seen{view_t(9), incarnation_t(1)});
    m.gather();
    EXPECT_NE(m.asked_for<cmd_serve>(), nullptr);
}

TEST(vsr_core, watermarks_tell_what_a_lost_multicast_would_have) {
    one m = restarted_harpd(slot_p);
    follow_start(m, 9, slot_b, record_of(9, slot_p, slot_b, 10, 4));
    m.answer<cmd_enter>();
    watermarks w;
    w.report = m.report;
    w.report.current_role = role::primary;
    w.report.view = view_t(9);
    w.acked = index_t(11);
    m.c.on_kernel(m.now, w);
    m.gather();
    EXPECT_NE(m.asked_for<cmd_serve>(), nullptr);
}

TEST(vsr_core, a_primary_whose_view_does_not_come_to_serve_proposes_again) {
    one m = restarted_harpd(slot_p);
    follow_start(m, 9, slot_b, record_of(9, slot_p, slot_b, 10, 4));
    m.answer<cmd_enter>();
    for (int i = 0; i < 20 && m.asked_for<cmd_fence>() == nullptr; ++i) {
        m.hear(slot_b, view_t(9), status_beat{});
        m.pass(100ms);
    }
    EXPECT_NE(m.asked_for<cmd_fence>(), nullptr);
}

TEST(vsr_core, a_backup_proposes_when_its_primary_is_silent_on_the_record_link) {
    object_report r = backup_report();
    one m(make_config(slot_b), settled_disk(slot_b), r);
    watermarks w;
    w.report = r;
    w.partner_heard = m.now;
    m.hear(slot_p, view_t(4), status_beat{});
    m.pass(300ms);
    m.hear(slot_w, view_t(0), status_beat{});
    m.c.on_kernel(m.now, w);
    m.gather();
    EXPECT_EQ(m.asked_for<cmd_fence>(), nullptr) << "not yet T_detect";
    m.now += 150ms;
    m.hear(slot_p, view_t(4), status_beat{});
    m.c.on_kernel(m.now, w);
    m.gather();
    EXPECT_NE(m.asked_for<cmd_fence>(), nullptr) << "heartbeats of harpd are no beats";
}

TEST(vsr_core, a_backup_refused_by_its_own_promise_tries_again_when_it_has_run_out) {
    object_report r = backup_report();
    one m(make_config(slot_b), settled_disk(slot_b), r);
    watermarks w;
    w.report = r;
    w.partner_heard = m.now;
    m.pass(450ms);
    m.hear(slot_w, view_t(0), status_beat{});
    m.c.on_kernel(m.now, w);
    m.gather();
    m.answer<cmd_fence>(false, refusal::promise, 130ms);
    m.pass(120ms);
    EXPECT_EQ(m.asked_for<cmd_fence>(), nullptr);
    m.pass(20ms);
    EXPECT_NE(m.asked_for<cmd_fence>(), nullptr);
}

TEST(vsr_core, a_backup_proposes_when_its_primary_beats_but_earns_no_promise) {
    object_report r = backup_report();
    one m(make_config(slot_b), settled_disk(slot_b), r);
    time_point_t began = m.now;
    while (m.asked_for<cmd_fence>() == nullptr && m.now < began + 5s) {
        m.now += 100ms;
        m.hear(slot_w, view_t(0), status_beat{});
        watermarks w;
        w.report = r;
        w.partner_heard = m.now;
        w.report.promise_left = m.now < began + 2s ? 300ms : 0ns;
        m.c.on_kernel(m.now, w);
        m.gather();
    }
    ASSERT_NE(m.asked_for<cmd_fence>(), nullptr);
    EXPECT_GE(m.now, began + 2s + quick_timings().detect - 100ms);
}

/* How long until a primary whose backup answers, but promises nothing from @from on, proposes. */
static duration_t proposes_without_lease(slot_t backup, duration_t from) {
    disk_state d = settled_disk(slot_p);
    d.view = record_of(4, slot_p, backup);
    object_report r = serving_report(true);
    r.view_of_formed = d.view;
    one m(make_config(slot_p), d, r);
    const time_point_t began = m.now;
    while (m.asked_for<cmd_fence>() == nullptr && m.now < began + 8s) {
        m.now += 100ms;
        for (slot_t s : {slot_b, slot_w}) {
            m.hear(s, view_t(s == backup ? 4 : 0), status_beat{});
        }
        watermarks w;
        w.report = r;
        w.partner_heard = m.now;
        w.report.lease_held = m.now < began + from;
        m.c.on_kernel(m.now, w);
        m.gather();
    }
    return m.now - began;
}

/* L2: the witness promises it nothing any more, and does not propose. */
TEST(vsr_core, a_primary_proposes_when_the_witness_answers_but_gives_no_lease) {
    const duration_t patience = 2 * quick_timings().promise;
    EXPECT_GE(proposes_without_lease(slot_w, 2s), 2s + patience - 100ms);
    EXPECT_LE(proposes_without_lease(slot_w, 2s), 2s + patience + 200ms);
    EXPECT_GE(proposes_without_lease(slot_w, 0s), patience) << "also of a harpd that restarted";
}

/* Who died of a record is backup all the same, and does not propose either. */
TEST(vsr_core, a_data_backup_that_gives_no_lease_is_left_time_to_propose_itself) {
    const duration_t patience = 4 * quick_timings().promise;
    EXPECT_GE(proposes_without_lease(slot_b, 2s), 2s + patience - 100ms);
    EXPECT_LE(proposes_without_lease(slot_b, 2s), 2s + patience + 200ms);
}

TEST(vsr_core, stale_answers_are_ignored) {
    one m = restarted_harpd(slot_b);
    m.hear(slot_p, view_t(8), propose{});
    command_done d;
    d.token = token_t(9999);
    d.ok = true;
    m.c.on_kernel(m.now, d);
    m.c.on_disk(m.now, {token_t(9999), {}});
    m.gather();
    EXPECT_TRUE(m.writes.empty());
    EXPECT_EQ(m.c.counts().stale_token, 2U);
}

TEST(vsr_core, a_command_whose_answer_is_lost_is_asked_again_under_a_new_token) {
    one m = restarted_harpd(slot_b);
    m.hear(slot_p, view_t(8), propose{});
    ASSERT_EQ(m.asked.size(), 1U);
    token_t first = m.asked[0].token;
    m.pass(2100ms);
    ASSERT_EQ(m.asked.size(), 2U);
    EXPECT_NE(m.asked[1].token, first);
    EXPECT_EQ(m.asked[1].body, m.asked[0].body);
    m.fence_granted(8); /* the first answer, late: stale */
    EXPECT_TRUE(m.writes.empty());
    m.fence_granted(8);
    EXPECT_EQ(m.writes.size(), 1U);
}

TEST(vsr_core, a_state_file_that_cannot_be_written_stops_the_member) {
    one m = restarted_harpd(slot_b);
    m.hear(slot_p, view_t(8), propose{});
    m.fence_granted(8);
    ASSERT_EQ(m.writes.size(), 1U);
    m.c.on_disk(m.now, {m.writes[0].token, fail(EIO, "no space")});
    m.gather();
    EXPECT_EQ(m.c.state(), member_state::failed);
    EXPECT_EQ(m.said<agree>(slot_p), nullptr);
    EXPECT_NE(m.c.status(m.now).headline.find("no space"), std::string::npos);
}

/* Its kernel would serve on with nobody to look after it, and keep what is parked. */
TEST(vsr_core, a_primary_that_stops_for_good_leaves_its_view) {
    one m(make_config(slot_p), settled_disk(slot_p), serving_report(true));
    m.hear(slot_b, view_t(4), status_beat{}, 5); /* something to write */
    ASSERT_EQ(m.writes.size(), 1U);
    m.c.on_disk(m.now, {m.writes[0].token, fail(EIO, "no space")});
    m.gather();
    EXPECT_EQ(m.c.state(), member_state::failed);
    ASSERT_NE(m.asked_for<cmd_leave>(), nullptr);
    EXPECT_EQ(m.asked_for<cmd_leave>()->view, view_t(4));
    EXPECT_TRUE(m.told<service_give_up>());
}

/* A mount of an earlier life was found where this one's was to be made (S1). */
TEST(vsr_core, a_replica_of_another_life_is_not_taken_for_its_own) {
    one m(make_config(slot_b), settled_disk(slot_b), {});
    m.disk_done();
    m.report = settled_report();
    m.answer<cmd_attach>();
    EXPECT_EQ(m.c.state(), member_state::failed);
    auto s = m.c.status(m.now);
    EXPECT_NE(s.headline.find("replica of incarnation 1 is attached"), std::string::npos)
            << s.headline;
    EXPECT_NE(s.advice.find("unmount"), std::string::npos);
}

/* V6: header, disk, role: where an earlier harpd ended, this one goes on. */
TEST(vsr_core, a_restarted_harpd_writes_formed_before_its_role_speaks) {
    disk_state d = settled_disk(slot_b);
    d.formed = {};
    d.view.reset();
    object_report r = backup_report();
    one m(make_config(slot_b), d, r);
    EXPECT_FALSE(m.link) << "an ACK must not leave before disk.formed";
    EXPECT_EQ(m.asked_for<cmd_enter>(), nullptr);
    m.pass(300ms);
    EXPECT_FALSE(m.link);
    EXPECT_EQ(m.said<started>(slot_p), nullptr);
    ASSERT_EQ(m.writes.size(), 1U);
    EXPECT_EQ(m.writes[0].state.formed, view_t(4));
    m.disk_done();
    ASSERT_NE(m.asked_for<cmd_enter>(), nullptr);
    m.answer<cmd_enter>();
    EXPECT_EQ(m.c.state(), member_state::backing_up);
    EXPECT_TRUE(m.link);
    EXPECT_NE(m.said<started>(slot_p), nullptr);
}

/*
 * The kernel takes the role before it has all records, and its header names the view
 * when they have come: until then the log's last VIEW record is an earlier one.
 */
TEST(vsr_core, a_restarted_harpd_goes_on_as_a_backup_that_is_still_being_filled) {
    disk_state d = settled_disk(slot_b);
    d.agreed = d.formed = view_t(9);
    d.view = record_of(9, slot_p, slot_b, 12, 4);
    object_report r = backup_report();
    r.fence = r.view = view_t(9);
    r.intact = false;
    one m(make_config(slot_b), d, r);
    EXPECT_EQ(m.c.state(), member_state::backing_up);
    ASSERT_TRUE(m.link);
    EXPECT_EQ(*m.link, (link_wanted{slot_p, view_t(9), false}));
    EXPECT_EQ(m.asked_for<cmd_leave>(), nullptr);
}

/* Nobody knows who else is in it: the role was taken and is not on disk. */
TEST(vsr_core, a_restarted_harpd_leaves_a_view_it_has_no_record_of) {
    object_report r = backup_report();
    r.fence = r.view = view_t(9);
    one m(make_config(slot_b), settled_disk(slot_b), r);
    EXPECT_EQ(m.c.state(), member_state::outside);
    ASSERT_NE(m.asked_for<cmd_leave>(), nullptr);
    EXPECT_EQ(m.asked_for<cmd_leave>()->view, view_t(9));
    r.fence = view_t(12); /* fenced, it is in none */
    r.current_role = role::none;
    r.view = {};
    one fenced(make_config(slot_b), settled_disk(slot_b), r);
    EXPECT_EQ(fenced.asked_for<cmd_leave>(), nullptr);
}

TEST(vsr_core, a_restarted_harpd_binds_the_gate_that_is_not_bound) {
    object_report r = settled_report();
    r.current_role = role::primary;
    r.view = view_t(4);
    one m(make_config(slot_p), settled_disk(slot_p), r);
    ASSERT_NE(m.asked_for<cmd_enter>(), nullptr);
    EXPECT_EQ(m.asked_for<cmd_enter>()->as, role::primary);
    r.gate_bound = m.report.gate_bound = true;
    m.answer<cmd_enter>();
    EXPECT_TRUE(m.link);
    m.hear(slot_b, view_t(4), started{incarnation_t(1)});
    EXPECT_NE(m.asked_for<cmd_serve>(), nullptr);
    one again(make_config(slot_p), settled_disk(slot_p), r);
    EXPECT_EQ(again.asked_for<cmd_enter>(), nullptr) << "it is bound";
    EXPECT_TRUE(again.link);
}

/* The object tells it by the promise it has given, and that runs out before. */
TEST(vsr_core, a_backup_waits_for_as_long_as_it_was_told_to) {
    config c = make_config(slot_b);
    c.times.detect = 1s;
    object_report r = backup_report();
    one m(c, settled_disk(slot_b), r);
    auto marks = [&](std::optional<time_point_t> heard) {
        m.hear(slot_w, view_t(0), status_beat{});
        watermarks w;
        w.report = r;
        w.report.promise_left = heard ? quick_timings().promise : 0ms;
        w.partner_heard = heard;
        m.c.on_kernel(m.now, w);
        m.gather();
    };
    m.pass(3s);
    marks(m.now);
    m.pass(900ms);
    marks(std::nullopt);
    EXPECT_EQ(m.asked_for<cmd_fence>(), nullptr) << "its promise is over, detect_ms is not";
    m.pass(150ms);
    marks(std::nullopt);
    EXPECT_NE(m.asked_for<cmd_fence>(), nullptr);
}

TEST(vsr_core, messages_are_checked_in_order_and_counted) {
    one m = restarted_harpd(slot_b);
    message good;
    good.header = {make_group(), lineage_t(77),    epoch_t(1), slot_p,
                   member_id(1), incarnation_t(1), view_t(8)};
    good.body = propose{};
    auto bad = good;
    bad.header.group[3] = 9;
    bad.header.lineage = lineage_t(1); /* the group is looked at first */
    m.c.step(m.now, bad);
    bad = good;
    bad.header.lineage = lineage_t(1);
    bad.header.epoch = epoch_t(2);
    m.c.step(m.now, bad);
    bad = good;
    bad.header.epoch = epoch_t(2);
    m.c.step(m.now, bad);
    bad = good;
    bad.header.sender = slot_t(3);
    m.c.step(m.now, bad);
    bad = good;
    bad.header.sender_id = member_id(5);
    m.c.step(m.now, bad);
    bad = good;
    bad.header.sender = slot_b;
    m.c.step(m.now, bad);
    m.gather();
    EXPECT_EQ(m.c.counts().wrong_group, 1U);
    EXPECT_EQ(m.c.counts().wrong_lineage, 1U);
    EXPECT_EQ(m.c.counts().wrong_epoch, 1U);
    EXPECT_EQ(m.c.counts().wrong_sender, 3U);
    EXPECT_TRUE(m.asked.empty());
}

TEST(vsr_core, the_highest_incarnation_of_a_peer_is_kept_on_disk_and_lower_ones_refused) {
    one m = restarted_harpd(slot_b);
    m.hear(slot_p, view_t(4), status_beat{}, 5);
    ASSERT_EQ(m.writes.size(), 1U);
    EXPECT_EQ(m.writes[0].state.peer_inc[0], incarnation_t(5));
    m.hear(slot_p, view_t(8), propose{}, 4);
    EXPECT_EQ(m.c.counts().old_incarnation, 1U);
    EXPECT_EQ(m.asked_for<cmd_fence>(), nullptr);
}

TEST(vsr_core, a_seal_is_cleared_on_disk_before_anything_is_appended) {
    disk_state d = settled_disk(slot_b);
    d.seal = seal_note{view_t(4), index_t(10)};
    one m(make_config(slot_b), d, settled_report());
    m.hear(slot_p, view_t(8), propose{});
    m.fence_granted(8);
    m.disk_done();
    struct start s;
    s.record = record_of(8, slot_p, slot_b, 10, 4);
    s.donor = slot_p;
    s.reach = m.report.log;
    m.hear(slot_p, view_t(8), s);
    EXPECT_EQ(m.asked_for<cmd_adopt>(), nullptr);
    ASSERT_EQ(m.writes.size(), 1U);
    EXPECT_FALSE(m.writes[0].state.seal);
    m.disk_done();
    EXPECT_NE(m.asked_for<cmd_adopt>(), nullptr);
}

TEST(vsr_core, the_link_to_a_member_that_lacks_nothing_comes_with_the_role) {
    one m = restarted_harpd(slot_b);
    follow_start(m, 8, slot_p, record_of(8, slot_p, slot_b, 10, 4));
    EXPECT_FALSE(m.link) << "an ACK must not leave before disk.formed";
    m.answer<cmd_enter>();
    EXPECT_TRUE(m.link);
}

} // namespace harp::vsr::test
