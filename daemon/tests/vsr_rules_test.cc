/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Rules of the protocol, each by its name, that vsr_core_test and vsr_object_test leave
 * open; the table in Documentation/protocol.rst says where every one is tested.
 */
#include "vsr_by_hand.hh"
#include "vsr_rig.hh"

namespace harp::vsr::test {

namespace by_hand {

/* The region was told of view 8 and the disk was not: the crash came between. */
TEST(vsr_rules, S1_formed_is_the_greater_of_the_disks_and_the_regions) {
    one m(make_config(slot_p), settled_disk(slot_p), {});
    m.disk_done();
    m.report = settled_report();
    m.report.inc = incarnation_t(2);
    m.report.formed = m.report.fence = view_t(8);
    m.report.view_of_formed = record_of(8, slot_p, slot_b, 10, 4);
    m.answer<cmd_attach>();
    ASSERT_FALSE(m.writes.empty());
    EXPECT_EQ(m.writes.front().state.formed, view_t(8));
    EXPECT_EQ(m.writes.front().state.view, record_of(8, slot_p, slot_b, 10, 4));
    m.disk_done();
    m.hear(slot_b, view_t(13), propose{});
    m.fence_granted(13);
    m.disk_done();
    ASSERT_NE(m.said<agree>(slot_b), nullptr);
    EXPECT_EQ(m.said<agree>(slot_b)->formed, view_t(8));
}

TEST(vsr_rules, S2_what_a_restarted_harpd_had_proposed_is_forgotten) {
    disk_state d = settled_disk(slot_b);
    d.agreed = view_t(9); /* its own proposal: fenced, written, perhaps said */
    object_report r = settled_report();
    r.fence = view_t(9);
    one m(make_config(slot_b), d, r);
    EXPECT_EQ(m.c.state(), member_state::outside);
    m.hear(slot_w, view_t(9), m.vote(0, 0));
    m.hear(slot_p, view_t(9), m.vote(4, 10));
    m.pass(quick_timings().third);
    EXPECT_EQ(m.said<start>(slot_w), nullptr);
    EXPECT_EQ(m.said<start>(slot_p), nullptr);
    m.until_it_proposes();
    ASSERT_NE(m.asked_for<cmd_fence>(), nullptr);
    EXPECT_GT(m.asked_for<cmd_fence>()->view, view_t(9));
}

TEST(vsr_rules, V1_a_member_that_died_of_a_record_does_not_propose) {
    object_report r = settled_report();
    disk_state d = settled_disk(slot_b);
    r.suspects = record_range{index_t(7), index_t(9)};
    d.suspects = suspect_note{*r.suspects, 2};
    one m(make_config(slot_b), d, r);
    m.until_it_proposes();
    EXPECT_EQ(m.asked_for<cmd_fence>(), nullptr);
    d.suspects->deaths = 1;
    one first_time(make_config(slot_b), d, r);
    first_time.until_it_proposes();
    EXPECT_NE(first_time.asked_for<cmd_fence>(), nullptr) << "it need not have died of them";
    d.suspects->deaths = 2;
    r.suspects.reset();
    one past(make_config(slot_b), d, r);
    past.until_it_proposes();
    EXPECT_NE(past.asked_for<cmd_fence>(), nullptr) << "its AP is past them";
}

/* suspects = "stop": the first death is enough. */
TEST(vsr_rules, N4_a_group_may_stop_at_the_first_death) {
    object_report r = settled_report();
    disk_state d = settled_disk(slot_b);
    r.suspects = record_range{index_t(7), index_t(9)};
    d.suspects = suspect_note{*r.suspects, 1};
    config c = make_config(slot_b);
    c.stop_at_suspects = true;
    one m(c, d, r);
    m.until_it_proposes();
    EXPECT_EQ(m.asked_for<cmd_fence>(), nullptr);
    EXPECT_EQ(m.c.status(m.now).advice, skip_advice);
}

namespace {

/* A member that stands still before records 7 to 9, of which 3 are applied. */
one poisoned_member() {
    object_report r = settled_report();
    disk_state d = settled_disk(slot_b);
    r.ap = r.lb = index_t(3);
    r.suspects = record_range{index_t(7), index_t(9)};
    d.suspects = suspect_note{*r.suspects, 2};
    return one(make_config(slot_b), d, r);
}

} // namespace

TEST(vsr_rules, P2_only_what_its_kernel_may_have_died_of_is_skipped) {
    one m = poisoned_member();
    const auto says = [&m](std::vector<index_t> of) {
        auto r = m.c.request(m.now, want_skip{std::move(of), false});
        m.gather();
        while (m.disk_done()) {}
        return r ? std::string() : r.error().text;
    };
    EXPECT_EQ(says({}), "no record is named");
    EXPECT_EQ(says({index_t(7), index_t(10)}),
              "record 10 is none of those that its kernel was applying when it ended: records 7 to "
              "9");
    EXPECT_TRUE(m.c.disk().skip.empty());
    EXPECT_TRUE(m.c.request(m.now, want_skip{{index_t(7)}, true}).ok());
    EXPECT_TRUE(m.c.disk().skip.empty()) << "it was only asked whether it may";
    EXPECT_EQ(says({index_t(9), index_t(7)}), "");
    EXPECT_EQ(says({index_t(7)}), "") << "again";
    EXPECT_EQ(m.c.disk().skip, (std::vector{index_t(7), index_t(9)}));
    one clean(make_config(slot_b), settled_disk(slot_b), settled_report());
    EXPECT_EQ(clean.c.request(clean.now, want_skip{{index_t(7)}, false}).error().text,
              "this member's kernel was applying nothing when it ended");
    one witness(make_config(slot_w), settled_disk(slot_w), settled_report());
    EXPECT_FALSE(witness.c.request(witness.now, want_skip{{index_t(7)}, false}).ok());
}

TEST(vsr_rules, P2_nothing_is_skipped_while_another_serves) {
    one m = poisoned_member();
    status_beat s;
    s.live_primary = slot_p;
    s.live_view = view_t(8);
    m.hear(slot_p, view_t(8), s);
    auto r = m.c.request(m.now, want_skip{{index_t(7)}, false});
    ASSERT_FALSE(r.ok());
    EXPECT_EQ(r.error().code, EBUSY);
    EXPECT_TRUE(m.c.disk().skip.empty());
}

TEST(vsr_rules, P2_a_member_that_skips_proposes_and_its_view_says_it) {
    one m = poisoned_member();
    m.until_it_proposes();
    ASSERT_EQ(m.asked_for<cmd_fence>(), nullptr);
    EXPECT_EQ(m.c.status(m.now).advice, skip_advice);
    ASSERT_TRUE(m.c.request(m.now, want_skip{{index_t(8)}, false}).ok());
    m.gather();
    while (m.disk_done()) {}
    EXPECT_NE(m.c.status(m.now).advice, skip_advice);
    m.until_it_proposes();
    ASSERT_NE(m.asked_for<cmd_fence>(), nullptr);
    const view_t v = m.asked_for<cmd_fence>()->view;
    m.fence_granted(v.value());
    while (m.disk_done()) {}
    agree a = m.vote(4, 10);
    m.hear(slot_w, v, a);
    m.pass(quick_timings().third);
    const auto *adopt = m.asked_for<cmd_adopt>();
    ASSERT_NE(adopt, nullptr);
    EXPECT_EQ(adopt->what.record.voids, std::vector{index_t(8)});
    m.answer<cmd_adopt>();
    while (m.disk_done()) {}
    EXPECT_EQ(m.c.disk().unverified, std::vector{index_t(8)});
    EXPECT_EQ(m.c.disk().skip, std::vector{index_t(8)}) << "until it is past it";
    watermarks marks{m.report, {}, {}, false};
    marks.report.ap = index_t(8);
    m.c.on_kernel(m.now, marks);
    m.gather();
    while (m.disk_done()) {}
    EXPECT_TRUE(m.c.disk().skip.empty());
    EXPECT_EQ(m.c.disk().unverified, std::vector{index_t(8)});
}

/* N4: the same records in two lives one after the other; others are new ones. */
TEST(vsr_rules, N4_deaths_over_the_same_records_are_counted_from_life_to_life) {
    disk_state d = settled_disk(slot_b);
    const auto next_life = [&d](std::optional<record_range> suspects) {
        one m(make_config(slot_b), d, {});
        m.disk_done();
        m.report = settled_report();
        m.report.inc = m.c.disk().inc;
        m.report.suspects = suspects;
        m.answer<cmd_attach>();
        while (m.disk_done()) {}
        d = m.c.disk();
        return d.suspects ? d.suspects->deaths : 0;
    };
    EXPECT_EQ(next_life(record_range{index_t(7), index_t(9)}), 1U);
    EXPECT_EQ(next_life(record_range{index_t(9), index_t(12)}), 2U);
    EXPECT_EQ(next_life(record_range{index_t(13), index_t(14)}), 1U);
    EXPECT_EQ(next_life(record_range{index_t(13), index_t(13)}), 2U);
    EXPECT_EQ(next_life(std::nullopt), 0U);
}

/* Of a dead primary it hears of no AP: waiting until it lags no more would be for ever. */
TEST(vsr_rules, V1_a_backup_that_lags_proposes_all_the_same) {
    const config c = make_config(slot_b);
    object_report r = settled_report(5 * c.lag_limit);
    r.ap = index_t(10);
    one m(c, settled_disk(slot_b), r);
    m.until_it_proposes();
    EXPECT_NE(m.asked_for<cmd_fence>(), nullptr);
}

/* How long a member in no view waits with everybody there. */
static duration_t waits(slot_t self) {
    one m(make_config(self), settled_disk(self), settled_report());
    const time_point_t began = m.now;
    while (m.asked_for<cmd_fence>() == nullptr && m.now < began + 5s) {
        for (slot_t s : {slot_p, slot_b, slot_w}) {
            if (s != self) {
                m.hear(s, view_t(4), status_beat{});
            }
        }
        m.pass(5ms);
    }
    return m.now - began;
}

TEST(vsr_rules, V7_the_primary_proposes_after_T_and_the_backup_after_T_and_delta) {
    const timings t = quick_timings();
    EXPECT_GE(waits(slot_p), t.wait);
    EXPECT_LE(waits(slot_p), t.wait + 20ms);
    EXPECT_GE(waits(slot_b), t.wait + t.wait_extra);
    EXPECT_LE(waits(slot_b), t.wait + t.wait_extra + 20ms);
}

/* How long P waits when the coordinator it agreed with has gone. */
static duration_t waits_after_lost_coordinator(one &m, uint64_t view) {
    m.hear(slot_b, view_t(view), propose{});
    m.fence_granted(view);
    while (m.disk_done()) {}
    const time_point_t began = m.now;
    while (m.asked_for<cmd_fence>() == nullptr && m.now < began + 10s) {
        m.hear(slot_w, view_t(0), status_beat{});
        m.pass(5ms);
    }
    return m.now - began;
}

TEST(vsr_rules, V7_T_is_itself_again_after_60_s_of_service) {
    const timings t = quick_timings();
    one m = restarted_harpd(slot_p);
    for (int failures = 0; failures < 3;) {
        m.hear(slot_w, view_t(0), status_beat{});
        m.pass(20ms);
        if (const auto *f = m.asked_for<cmd_fence>()) {
            failures++;
            m.fence_granted(f->view.value());
            while (m.disk_done()) {}
        }
    }
    m.pass(t.window + 10ms); /* the third one fails, too */
    m.report = settled_report();
    m.report.fence = m.c.disk().agreed;
    const uint64_t first = m.report.fence.value() / 4 * 4 + 5;
    EXPECT_GT(waits_after_lost_coordinator(m, first), t.window + 4 * t.wait) << "T has grown";

    one n = restarted_harpd(slot_p);
    for (int failures = 0; failures < 3;) {
        n.hear(slot_w, view_t(0), status_beat{});
        n.pass(20ms);
        if (const auto *f = n.asked_for<cmd_fence>()) {
            failures++;
            n.fence_granted(f->view.value());
            while (n.disk_done()) {}
        }
    }
    n.pass(t.window + 10ms);
    n.report = settled_report();
    n.report.fence = n.c.disk().agreed;
    const uint64_t view = n.report.fence.value() / 4 * 4 + 5;
    follow_start(n, view, slot_b, record_of(view, slot_p, slot_b, 10, 4));
    n.answer<cmd_enter>();
    n.hear(slot_b, view_t(view), started{incarnation_t(1)});
    n.answer<cmd_serve>();
    ASSERT_EQ(n.c.state(), member_state::serving);
    n.pass(t.wait_reset + 1s);
    EXPECT_LE(waits_after_lost_coordinator(n, view + 4), t.window + t.wait + 20ms);
}

} // namespace by_hand

namespace objects {

/* Primary of view 4 with records 2 … 1 + @n, serving. */
static void serve_with(rig &r, const view_record &v, uint64_t n) {
    r.enter_first(v, role::primary);
    r.obj.on_ack(r.now, r.ack(v, 1, r.now));
    ASSERT_TRUE(r.run(cmd_serve{v.view}).ok);
    for (; n != 0; --n) {
        auto at = r.obj.append(r.now);
        ASSERT_TRUE(at.ok());
        r.store.put(at->index, {at->view, n, false});
    }
}

TEST(vsr_rules, N2_after_a_lost_link_the_primary_goes_on_behind_the_backups_top) {
    rig r(slot_p);
    serve_with(r, view_pb, 5); /* 2 … 6 */
    EXPECT_FALSE(r.obj.make_records(r.now)) << "nothing before HELLO";
    r.obj.on_hello(slot_b, incarnation_t(1), index_t(1));
    EXPECT_EQ(r.obj.make_records(r.now)->last, index_t(6));
    /* A new socket: it had stored up to 3. */
    r.obj.on_hello(slot_b, incarnation_t(1), index_t(3));
    auto again = r.obj.make_records(r.now);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->prev, (position{index_t(3), view_t(4)}));
    EXPECT_EQ(again->last, index_t(6));
    /* Not the backup's, or not of this log. */
    r.obj.on_hello(slot_w, incarnation_t(1), index_t(2));
    r.obj.on_hello(slot_b, incarnation_t(2), index_t(2));
    r.obj.on_hello(slot_b, incarnation_t(1), index_t(7));
    EXPECT_EQ(r.obj.make_records(r.now)->prev.index, index_t(6));
}

TEST(vsr_rules, N3_the_watermark_is_in_the_header_when_a_record_counts_as_committed) {
    rig r(slot_p);
    serve_with(r, view_pb, 5);
    EXPECT_EQ(r.obj.cp(), index_t(1));
    EXPECT_EQ(r.store.header.wm, index_t(1));
    r.obj.on_ack(r.now, r.ack(view_pb, 4, r.now));
    EXPECT_EQ(r.obj.cp(), index_t(4));
    EXPECT_EQ(r.store.header.wm, index_t(4));
    r.obj.on_ack(r.now, r.ack(view_pb, 2, r.now)); /* a late one */
    EXPECT_EQ(r.obj.cp(), index_t(4));
    EXPECT_EQ(r.store.header.wm, index_t(4));
}

TEST(vsr_rules, N3_an_ack_beyond_the_top_commits_no_more_than_there_is) {
    rig r(slot_p);
    serve_with(r, view_pb, 5);
    r.obj.on_ack(r.now, r.ack(view_pb, 1000, r.now));
    EXPECT_EQ(r.obj.cp(), index_t(6));
    EXPECT_EQ(r.store.header.wm, index_t(6));
}

TEST(vsr_rules, L1_a_beat_tells_when_it_was_sent_and_what_promise_was_heard) {
    rig r(slot_p);
    serve_with(r, view_pb, 0);
    r.obj.on_hello(slot_b, incarnation_t(1), index_t(1));
    r.obj.on_ack(r.now, r.ack(view_pb, 1, r.now, 17));
    r.now += delta / 4;
    auto beat = r.obj.make_records(r.now);
    ASSERT_TRUE(beat);
    EXPECT_EQ(beat->last, beat->prev.index) << "without records it is a BEAT";
    EXPECT_EQ(beat->t, r.now);
    EXPECT_EQ(beat->heard, 17U);
    EXPECT_TRUE(beat->serving);
}

TEST(vsr_rules, L2_a_promise_lasts_for_delta_and_echoes_the_senders_time) {
    rig r(slot_b);
    r.enter_first(view_pb, role::backup);
    auto b = r.beat(view_pb);
    b.t = time_point_t(42s); /* the primary's clock is its own */
    auto got = r.obj.accept(r.now, b);
    ASSERT_TRUE(got.ok() && got->ack);
    EXPECT_EQ(got->ack->t, time_point_t(42s));
    EXPECT_NE(got->ack->promise, 0U);
    EXPECT_EQ(r.obj.promise_until(), r.now + delta);
}

TEST(vsr_rules, L3_a_shorter_answer_does_not_shorten_the_lease) {
    rig r(slot_p);
    r.enter_first(view_pb, role::primary);
    const time_point_t early = r.now;
    r.now += delta / 2;
    r.obj.on_ack(r.now, r.ack(view_pb, 1, r.now));
    r.obj.on_ack(r.now, r.ack(view_pb, 1, early));
    EXPECT_EQ(r.obj.lease_until(), r.now + delta * 9 / 10);
}

TEST(vsr_rules, L5_a_witness_promises_only_while_it_is_a_backup) {
    rig r(slot_w);
    r.attach();
    ASSERT_TRUE(r.fence(4, slot_p).ok);
    ASSERT_TRUE(r.adopt(view_pw, {}, {}, 1).ok);
    EXPECT_FALSE(r.obj.accept(r.now, r.beat(view_pw)).ok()) << "adopted, not yet entered";
    EXPECT_LE(r.obj.promise_until(), r.now);
    ASSERT_TRUE(r.run(cmd_enter{view_pw, role::backup}).ok);
    ASSERT_TRUE(r.obj.accept(r.now, r.beat(view_pw)).ok());
    EXPECT_EQ(r.obj.promise_until(), r.now + delta);
    r.now += 2 * delta;
    ASSERT_TRUE(r.fence(9, slot_b).ok);
    EXPECT_FALSE(r.obj.accept(r.now, r.beat(view_pw)).ok()) << "fenced: it is none any more";
    EXPECT_LE(r.obj.promise_until(), r.now);
}

TEST(vsr_rules, G1_nothing_is_answered_unless_serving_and_leased) {
    rig r(slot_p);
    r.enter_first(view_pb, role::primary);
    r.obj.on_ack(r.now, r.ack(view_pb, 1, r.now));
    EXPECT_FALSE(r.obj.may_answer(r.now)) << "leased, not serving";
    ASSERT_TRUE(r.run(cmd_serve{view_t(4)}).ok);
    EXPECT_TRUE(r.obj.may_answer(r.now));
    r.now += delta * 9 / 10;
    EXPECT_FALSE(r.obj.may_answer(r.now)) << "the lease is over, and nobody was asked";
    r.obj.on_ack(r.now, r.ack(view_pb, 1, r.now));
    EXPECT_TRUE(r.obj.may_answer(r.now)) << "back in the same view";
    rig b(slot_b);
    b.enter_first(view_pb, role::backup);
    EXPECT_FALSE(b.obj.may_answer(b.now));
}

} // namespace objects

} // namespace harp::vsr::test
