/* SPDX-License-Identifier: GPL-2.0 */
/* The replica object: fence, promise, lease, hold and log, one rule a test. */
#include "vsr_rig.hh"

namespace harp::vsr::test {

using namespace objects;

TEST(vsr_object, a_fresh_region_is_no_whole_log) {
    rig r(slot_p);
    auto d = r.attach({}, 4);
    ASSERT_TRUE(d.ok);
    EXPECT_FALSE(d.report->intact);
    EXPECT_FALSE(d.report->complete);
}

TEST(vsr_object, only_adopting_a_start_makes_a_log_complete) {
    rig r(slot_b);
    r.attach();
    ASSERT_TRUE(r.fence(4, slot_p).ok);
    auto d = r.adopt(view_pb, {}, {}, 1);
    ASSERT_TRUE(d.ok);
    EXPECT_TRUE(d.report->complete);
    EXPECT_TRUE(d.report->intact);
    EXPECT_EQ(d.report->formed, view_t(4));
    EXPECT_EQ(d.report->log.top, index_t(1));
    EXPECT_EQ(d.report->wm, index_t(1));
    EXPECT_TRUE(r.store.entries.at(1).is_view);
}

TEST(vsr_object, a_log_that_ends_below_its_watermark_is_lost_and_stays_lost) {
    memory_store kept;
    {
        rig r(slot_b);
        r.enter_first(view_pb, role::backup);
        ASSERT_TRUE(r.take_batch(r.batch(view_pb, 9)));
        kept = r.store;
    }
    kept.damaged = index_t(5);
    rig again(slot_b);
    again.store = kept;
    auto d = again.run(cmd_attach{incarnation_t(2), view_t(4), view_t(4), {}, {}});
    EXPECT_FALSE(d.report->intact);
    EXPECT_EQ(d.report->log.top, index_t(4));
    /* Finding 2: the next restart finds a tidy log, and must not believe it. */
    rig third(slot_b);
    third.store = again.store;
    d = third.run(cmd_attach{incarnation_t(3), view_t(4), view_t(4), {}, {}});
    EXPECT_FALSE(d.report->intact);
}

TEST(vsr_object, a_torn_record_above_the_watermark_only_ends_the_log) {
    rig r(slot_b);
    r.enter_first(view_pb, role::backup);
    ASSERT_TRUE(r.take_batch(r.batch(view_pb, 3)));
    r.store.put(index_t(5), {view_t(4), 5, false});
    rig again(slot_b);
    again.store = r.store;
    again.store.damaged = index_t(5);
    auto d = again.run(cmd_attach{incarnation_t(2), view_t(4), view_t(4), {}, {}});
    EXPECT_TRUE(d.report->intact);
    EXPECT_EQ(d.report->log.top, index_t(4));
}

TEST(vsr_object, a_region_older_than_the_disk_is_no_whole_log) {
    rig r(slot_b);
    r.enter_first(view_pb, role::backup);
    rig again(slot_b);
    again.store = r.store;
    auto d = again.run(cmd_attach{incarnation_t(2), view_t(8), view_t(8), {}, {}});
    EXPECT_FALSE(d.report->intact);
}

TEST(vsr_object, a_new_life_grants_no_fence_before_its_hold_ends) {
    rig r(slot_b);
    r.attach(delta);
    auto d = r.fence(4, slot_p);
    EXPECT_FALSE(d.ok);
    EXPECT_EQ(d.why, refusal::hold);
    EXPECT_EQ(d.time_left, delta);
    r.now += delta;
    EXPECT_TRUE(r.fence(4, slot_p).ok);
}

TEST(vsr_object, a_fence_is_never_lowered) {
    rig r(slot_b);
    r.attach();
    ASSERT_TRUE(r.fence(8, slot_p).ok);
    EXPECT_EQ(r.fence(5, slot_b).why, refusal::fenced);
    EXPECT_TRUE(r.fence(8, slot_p).ok) << "the same again is no new fence";
}

TEST(vsr_object, a_promise_holds_off_all_but_its_beneficiary) {
    rig r(slot_b);
    r.enter_first(view_pb, role::backup);
    auto got = r.obj.accept(r.now, r.beat(view_pb));
    ASSERT_TRUE(got.ok());
    EXPECT_NE(got->ack->promise, 0U);
    r.now += delta / 2;
    auto d = r.fence(5, slot_b);
    EXPECT_EQ(d.why, refusal::promise);
    EXPECT_EQ(d.time_left, delta / 2);
    EXPECT_TRUE(r.fence(8, slot_p).ok);
}

TEST(vsr_object, a_promise_that_ran_out_holds_off_nobody) {
    rig r(slot_b);
    r.enter_first(view_pb, role::backup);
    ASSERT_TRUE(r.obj.accept(r.now, r.beat(view_pb)).ok());
    r.now += delta;
    EXPECT_TRUE(r.fence(5, slot_b).ok);
}

TEST(vsr_object, leave_of_the_beneficiary_ends_the_promise) {
    rig r(slot_b);
    r.enter_first(view_pb, role::backup);
    ASSERT_TRUE(r.obj.accept(r.now, r.beat(view_pb)).ok());
    r.obj.on_leave(slot_p, incarnation_t(9), view_t(4));
    EXPECT_FALSE(r.fence(5, slot_b).ok) << "another life's LEAVE";
    auto told = [&] {
        auto events = r.obj.take_events();
        return std::any_of(events.begin(), events.end(), [](const kernel_event &e) {
            return std::holds_alternative<partner_left>(e);
        });
    };
    EXPECT_FALSE(told());
    r.obj.on_leave(slot_p, incarnation_t(1), view_t(4));
    EXPECT_TRUE(told());
    EXPECT_TRUE(r.fence(5, slot_b).ok);
}

TEST(vsr_object, a_member_with_a_valid_lease_is_fenced_by_itself_alone) {
    rig r(slot_p);
    r.enter_first(view_pb, role::primary);
    r.obj.on_ack(r.now, r.ack(view_pb, 1, r.now));
    EXPECT_EQ(r.fence(5, slot_b).why, refusal::lease);
    EXPECT_TRUE(r.fence(8, slot_p).ok);
}

TEST(vsr_object, after_a_fence_nothing_of_the_old_view_is_taken_or_acked) {
    rig r(slot_b);
    r.enter_first(view_pb, role::backup);
    auto got = r.obj.accept(r.now, r.batch(view_pb, 2));
    ASSERT_TRUE(got.ok());
    ASSERT_TRUE(r.fence(8, slot_p).ok);
    EXPECT_FALSE(r.obj.stored(r.now, got->last)) << "written late: no ACK";
    EXPECT_FALSE(r.obj.accept(r.now, r.beat(view_pb)).ok());
    EXPECT_EQ(r.obj.report(r.now).wm, index_t(1));
}

TEST(vsr_object, after_its_own_fence_a_primary_answers_nothing) {
    rig r(slot_p);
    r.enter_first(view_pb, role::primary);
    r.obj.on_ack(r.now, r.ack(view_pb, 1, r.now));
    ASSERT_TRUE(r.run(cmd_serve{view_t(4)}).ok);
    ASSERT_TRUE(r.obj.may_answer(r.now));
    ASSERT_TRUE(r.fence(8, slot_p).ok);
    EXPECT_FALSE(r.obj.may_answer(r.now));
    EXPECT_FALSE(r.obj.append(r.now).ok());
}

TEST(vsr_object, the_lease_counts_from_the_question_not_from_the_answer) {
    rig r(slot_p);
    r.enter_first(view_pb, role::primary);
    time_point_t asked = r.now;
    r.now += delta / 2;
    r.obj.on_ack(r.now, r.ack(view_pb, 1, asked));
    EXPECT_EQ(r.obj.lease_until(), asked + delta * 9 / 10);
}

TEST(vsr_object, an_ack_without_promise_gives_no_lease) {
    rig r(slot_p);
    r.enter_first(view_pb, role::primary);
    r.obj.on_ack(r.now, r.ack(view_pb, 1, r.now, 0));
    EXPECT_FALSE(r.obj.report(r.now).lease_held);
    EXPECT_EQ(r.run(cmd_serve{view_t(4)}).why, refusal::retry);
}

TEST(vsr_object, an_ack_of_another_incarnation_counts_for_nothing) {
    rig r(slot_p);
    r.enter_first(view_pb, role::primary);
    auto a = r.ack(view_pb, 1, r.now);
    a.inc = incarnation_t(2);
    r.obj.on_ack(r.now, a);
    EXPECT_EQ(r.obj.cp(), index_t(0));
    EXPECT_FALSE(r.obj.report(r.now).lease_held);
    rig broken(slot_p, broken_rule::ack_of_old_incarnation);
    broken.enter_first(view_pb, role::primary);
    broken.obj.on_ack(broken.now, a);
    EXPECT_EQ(broken.obj.cp(), index_t(1)) << "this test can fail";
}

TEST(vsr_object, the_first_ack_of_the_view_record_counts_as_started) {
    rig r(slot_p);
    r.enter_first(view_pb, role::primary);
    r.obj.on_ack(r.now, r.ack(view_pb, 0, r.now));
    EXPECT_EQ(r.obj.cp(), index_t(0)) << "below s + 1 nothing commits";
    r.obj.on_ack(r.now, r.ack(view_pb, 1, r.now));
    EXPECT_EQ(r.obj.cp(), index_t(1));
    r.take({});
    bool told = std::any_of(r.facts.begin(), r.facts.end(), [](const kernel_event &e) {
        return std::holds_alternative<started_seen>(e);
    });
    EXPECT_TRUE(told);
}

TEST(vsr_object, an_append_needs_serving_and_a_lease) {
    rig r(slot_p);
    r.enter_first(view_pb, role::primary);
    EXPECT_FALSE(r.obj.append(r.now).ok());
    r.obj.on_ack(r.now, r.ack(view_pb, 1, r.now));
    ASSERT_TRUE(r.run(cmd_serve{view_t(4)}).ok);
    EXPECT_TRUE(r.obj.append(r.now).ok());
    r.now += delta;
    EXPECT_FALSE(r.obj.append(r.now).ok());
}

TEST(vsr_object, records_of_another_life_or_view_are_refused) {
    rig r(slot_b);
    r.enter_first(view_pb, role::backup);
    auto b = r.batch(view_pb, 1);
    b.inc = incarnation_t(2);
    EXPECT_FALSE(r.obj.accept(r.now, b).ok());
    b = r.batch(view_pb, 1);
    b.sender = slot_w;
    EXPECT_FALSE(r.obj.accept(r.now, b).ok());
    b = r.batch(view_pb, 1);
    b.view = view_t(3);
    EXPECT_FALSE(r.obj.accept(r.now, b).ok());
}

TEST(vsr_object, records_of_a_higher_view_are_refused_and_told) {
    rig r(slot_b);
    r.enter_first(view_pb, role::backup);
    auto b = r.batch(view_pb, 1);
    b.view = view_t(12);
    EXPECT_FALSE(r.obj.accept(r.now, b).ok());
    r.take({});
    ASSERT_FALSE(r.facts.empty());
    EXPECT_EQ(std::get_if<higher_view>(&r.facts.back())->view, view_t(12));
}

TEST(vsr_object, records_with_a_gap_are_asked_for_again) {
    rig r(slot_b);
    r.enter_first(view_pb, role::backup);
    auto b = r.batch(view_pb, 1);
    b.prev.index = index_t(5);
    b.last = index_t(6);
    b.starts = {{view_t(4), index_t(6)}};
    auto got = r.obj.accept(r.now, b);
    ASSERT_FALSE(got.ok());
    EXPECT_EQ(got.error().code, EAGAIN);
}

TEST(vsr_object, records_that_cannot_be_are_refused) {
    rig r(slot_b);
    r.enter_first(view_pb, role::backup);
    auto b = r.batch(view_pb, 2);
    b.starts = {{view_t(9), index_t(2)}};
    EXPECT_EQ(r.obj.accept(r.now, b).error().code, EPROTO) << "of a later view than the sender's";
    b.starts = {{view_t(4), index_t(3)}};
    EXPECT_EQ(r.obj.accept(r.now, b).error().code, EPROTO) << "do not begin where they should";
    b.starts.clear();
    EXPECT_EQ(r.obj.accept(r.now, b).error().code, EPROTO) << "records without views";
}

TEST(vsr_object, the_watermark_rises_before_the_ack) {
    rig r(slot_b);
    r.enter_first(view_pb, role::backup);
    auto ack = r.take_batch(r.batch(view_pb, 3));
    ASSERT_TRUE(ack);
    EXPECT_EQ(ack->n, index_t(4));
    EXPECT_EQ(r.store.header.wm, index_t(4));
}

TEST(vsr_object, while_records_are_being_written_a_promise_is_given_but_no_ack_of_them) {
    rig r(slot_w);
    r.enter_first(view_pw, role::backup);
    auto got = r.obj.accept(r.now, r.batch(view_pw, 5));
    ASSERT_TRUE(got.ok());
    EXPECT_NE(got->ack->promise, 0U);
    EXPECT_EQ(got->ack->n, index_t(1));
}

TEST(vsr_object, no_promise_for_a_primary_that_does_not_hear) {
    for (broken_rule broken : {broken_rule::none, broken_rule::renew_to_deaf}) {
        rig r(slot_b, broken);
        r.enter_first(view_pb, role::backup);
        auto promise = [&](uint64_t heard) {
            return r.obj.accept(r.now, r.beat(view_pb, true, heard))->ack->promise;
        };
        EXPECT_NE(promise(0), 0U) << "the view is young";
        r.now += delta;
        uint64_t last = promise(0);
        EXPECT_NE(last, 0U);
        r.now += delta + 1ms;
        EXPECT_NE(promise(last), 0U) << "heard one given lately";
        r.now += delta;
        EXPECT_EQ(promise(0) != 0U, broken != broken_rule::none) << "hears nothing";
    }
}

TEST(vsr_object, no_promise_for_a_primary_that_has_not_served_for_twice_delta) {
    rig r(slot_b);
    r.enter_first(view_pb, role::backup);
    uint64_t last = 0;
    for (int i = 0; i < 7; ++i) {
        last = r.obj.accept(r.now, r.beat(view_pb, false, last))->ack->promise;
        EXPECT_NE(last, 0U);
        r.now += delta / 4;
    }
    r.now += delta / 4;
    EXPECT_EQ(r.obj.accept(r.now, r.beat(view_pb, false, last))->ack->promise, 0U);
}

TEST(vsr_object, a_backup_whose_harpd_is_silent_says_no_control) {
    rig r(slot_b);
    r.enter_first(view_pb, role::backup);
    EXPECT_FALSE(r.obj.accept(r.now, r.beat(view_pb))->ack->no_control);
    r.now += 10s;
    EXPECT_TRUE(r.obj.accept(r.now, r.beat(view_pb))->ack->no_control);
    r.obj.touch(r.now);
    EXPECT_FALSE(r.obj.accept(r.now, r.beat(view_pb))->ack->no_control);
}

TEST(vsr_object, a_primary_whose_harpd_is_silent_stops_beating) {
    rig r(slot_p);
    r.enter_first(view_pb, role::primary);
    r.obj.on_hello(slot_b, incarnation_t(1), index_t(1));
    EXPECT_TRUE(r.obj.make_records(r.now));
    r.now += 10s;
    EXPECT_FALSE(r.obj.make_records(r.now));
}

TEST(vsr_object, a_start_of_a_matching_log_cuts_after_the_match_and_adds_the_view_record) {
    rig r(slot_b);
    r.enter_first(view_pb, role::backup);
    ASSERT_TRUE(r.take_batch(r.batch(view_pb, 5))); /* records 2 … 6 of view 4 */
    r.now += delta;
    ASSERT_TRUE(r.fence(9, slot_b).ok);
    auto next = record_of(9, slot_b, slot_w, 4, 4);
    log_summary reach{index_t(1), {}, index_t(4), {{view_t(4), index_t(1)}}};
    auto d = r.adopt(next, reach, {index_t(4), view_t(4)}, 1);
    ASSERT_TRUE(d.ok) << d.text;
    EXPECT_EQ(d.report->log.top, index_t(5));
    EXPECT_EQ(r.store.entries.at(5).view, view_t(9));
    EXPECT_FALSE(r.store.entries.contains(6)) << "a cut suffix must never be walked again";
    EXPECT_EQ(r.store.header.wm, index_t(5));
}

TEST(vsr_object, what_start_says_is_missing_is_fetched_before_the_log_is_complete) {
    rig r(slot_w);
    r.attach();
    ASSERT_TRUE(r.fence(9, slot_b).ok);
    auto next = record_of(9, slot_b, slot_w, 6, 4);
    log_summary reach{index_t(3), view_t(4), index_t(6), {{view_t(4), index_t(3)}}};
    r.obj.execute(r.now, {token_t(50), cmd_adopt{start_of(next, reach), {}, index_t(3)}});
    EXPECT_FALSE(r.take(token_t(50)).ok);
    EXPECT_FALSE(r.store.header.complete);
    auto want = r.obj.wants();
    ASSERT_TRUE(want);
    EXPECT_EQ(*want, (log_source{slot_b, index_t(3), index_t(6)}));
    auto got = r.obj.accept_fill(r.now, slot_b, {index_t(2), view_t(4)}, index_t(6),
                                 {{view_t(4), index_t(3)}});
    ASSERT_TRUE(got.ok()) << got.error().text;
    EXPECT_FALSE(r.obj.stored(r.now, index_t(6))) << "no ACK before the role";
    auto d = r.take(token_t(50));
    ASSERT_TRUE(d.ok);
    EXPECT_EQ(d.report->log.top, index_t(7));
    EXPECT_EQ(d.report->log.base, index_t(3));
    EXPECT_TRUE(r.store.header.complete);
}

TEST(vsr_object, records_that_are_not_those_start_promised_do_not_fill_a_log) {
    rig r(slot_w);
    r.attach();
    ASSERT_TRUE(r.fence(9, slot_b).ok);
    auto next = record_of(9, slot_b, slot_w, 6, 4);
    log_summary reach{index_t(3), view_t(4), index_t(6), {{view_t(4), index_t(3)}}};
    r.obj.execute(r.now, {token_t(50), cmd_adopt{start_of(next, reach), {}, index_t(3)}});
    EXPECT_FALSE(r.obj.accept_fill(r.now, slot_b, {index_t(2), view_t(4)}, index_t(6),
                                   {{view_t(8), index_t(3)}})
                         .ok());
    EXPECT_FALSE(r.obj.accept_fill(r.now, slot_p, {index_t(2), view_t(4)}, index_t(6),
                                   {{view_t(4), index_t(3)}})
                         .ok())
            << "not a source";
}

TEST(vsr_object, a_fence_ends_an_adoption_that_still_fetches) {
    rig r(slot_w);
    r.attach();
    ASSERT_TRUE(r.fence(9, slot_b).ok);
    auto next = record_of(9, slot_b, slot_w, 6, 4);
    log_summary reach{index_t(3), view_t(4), index_t(6), {{view_t(4), index_t(3)}}};
    r.obj.execute(r.now, {token_t(50), cmd_adopt{start_of(next, reach), {}, index_t(3)}});
    EXPECT_FALSE(r.take(token_t(50)).ok);
    EXPECT_TRUE(r.fence(12, slot_p).ok);
    EXPECT_FALSE(r.obj.wants());
}

TEST(vsr_object, an_applied_record_is_never_cut) {
    rig r(slot_b);
    r.enter_first(view_pb, role::backup);
    auto b = r.batch(view_pb, 5);
    b.cp = b.ap = index_t(6);
    ASSERT_TRUE(r.take_batch(b));
    EXPECT_EQ(r.obj.ap(), index_t(6));
    r.now += delta;
    ASSERT_TRUE(r.fence(9, slot_b).ok);
    log_summary reach{index_t(1), {}, index_t(4), {{view_t(4), index_t(1)}}};
    auto d = r.adopt(record_of(9, slot_b, slot_w, 4, 4), reach, {index_t(4), view_t(4)}, 1);
    EXPECT_FALSE(d.ok);
    EXPECT_EQ(d.why, refusal::failed);
    EXPECT_TRUE(r.store.entries.contains(6));
}

TEST(vsr_object, a_match_beyond_the_logs_top_is_refused_as_the_kernel_does) {
    rig r(slot_b);
    r.enter_first(view_pb, role::backup);
    ASSERT_TRUE(r.take_batch(r.batch(view_pb, 5)));
    r.now += delta;
    ASSERT_TRUE(r.fence(9, slot_b).ok);
    log_summary reach{index_t(1), {}, index_t(8), {{view_t(4), index_t(1)}}};
    auto d = r.adopt(record_of(9, slot_p, slot_b, 8, 4), reach, {index_t(7), view_t(4)}, 1);
    EXPECT_FALSE(d.ok);
    EXPECT_EQ(d.why, refusal::failed);
    EXPECT_EQ(r.obj.log().top, index_t(6)) << "and nothing has gone";
}

TEST(vsr_object, what_may_be_applied_waits_for_who_applies) {
    rig r(slot_b, broken_rule::none, true);
    r.enter_first(view_pb, role::backup);
    auto b = r.batch(view_pb, 5);
    b.cp = index_t(6);
    b.ap = index_t(4);
    ASSERT_TRUE(r.take_batch(b));
    EXPECT_EQ(r.obj.may_apply(), index_t(4)) << "min(CP, AP), as told";
    EXPECT_EQ(r.obj.ap(), index_t());
    r.obj.applied(index_t(3));
    EXPECT_EQ(r.obj.ap(), index_t(3));
    r.obj.applied(index_t(6));
    EXPECT_EQ(r.obj.ap(), index_t(4)) << "and never beyond";
}

TEST(vsr_object, nobody_serves_before_all_is_applied_that_was_committed_before) {
    rig r(slot_b, broken_rule::none, true);
    r.enter_first(view_pb, role::backup);
    ASSERT_TRUE(r.take_batch(r.batch(view_pb, 5)));
    r.now += delta;
    ASSERT_TRUE(r.fence(9, slot_b).ok);
    const auto next = record_of(9, slot_b, slot_w, 6, 4);
    ASSERT_TRUE(r.adopt(next, r.obj.log(), {index_t(6), view_t(4)}, 1).ok);
    ASSERT_TRUE(r.run(cmd_enter{next, role::primary}).ok);
    r.obj.on_ack(r.now, r.ack(next, 7, r.now));
    auto d = r.run(cmd_serve{view_t(9)});
    EXPECT_FALSE(d.ok);
    EXPECT_EQ(d.why, refusal::retry);
    r.obj.applied(index_t(6));
    EXPECT_TRUE(r.run(cmd_serve{view_t(9)}).ok);
}

TEST(vsr_object, a_start_for_another_life_is_not_adopted) {
    rig r(slot_b);
    r.run(cmd_attach{incarnation_t(2), {}, {}, {}, {}});
    ASSERT_TRUE(r.fence(4, slot_p).ok);
    EXPECT_FALSE(r.adopt(view_pb, {}, {}, 1).ok);
}

TEST(vsr_object, a_backup_never_applies_beyond_what_the_primary_told) {
    rig r(slot_b);
    r.enter_first(view_pb, role::backup);
    auto b = r.batch(view_pb, 5);
    b.cp = index_t(6);
    b.ap = index_t(3);
    ASSERT_TRUE(r.take_batch(b));
    EXPECT_EQ(r.obj.ap(), index_t(3));
}

TEST(vsr_object, a_data_member_discards_no_more_than_both_disks_hold) {
    rig r(slot_b);
    r.enter_first(view_pb, role::backup);
    auto b = r.batch(view_pb, 9);
    b.cp = b.ap = index_t(10);
    b.lb = index_t(4);
    ASSERT_TRUE(r.take_batch(b));
    r.obj.set_lb(index_t(8));
    EXPECT_TRUE(r.obj.may_discard(index_t(4)));
    EXPECT_FALSE(r.obj.may_discard(index_t(5)));
    ASSERT_TRUE(r.fence(8, slot_p).ok);
    EXPECT_FALSE(r.obj.may_discard(index_t(4))) << "never outside a view";
}

TEST(vsr_object, a_witness_discards_nothing) {
    rig r(slot_w);
    r.enter_first(view_pw, role::backup);
    r.obj.set_lb(index_t(1));
    EXPECT_FALSE(r.obj.may_discard(index_t(1)));
}

/* What a message cannot tell of a log is not discarded: the file's header says where it begins. */
TEST(vsr_object, a_witness_of_very_many_views_keeps_its_log_whole) {
    rig r(slot_w);
    view_record view = view_pw;
    r.enter_first(view, role::backup);
    for (size_t i = 0; i < max_view_starts + 10; ++i) {
        const position top{r.obj.log().top, view.view};
        view = record_of(view.view.value() + 4, slot_p, slot_w, top.index.value(),
                         top.view.value());
        ASSERT_TRUE(r.fence(view.view.value(), slot_p).ok);
        ASSERT_TRUE(r.adopt(view, tidy(r.obj.log()), top, 1).ok);
        ASSERT_TRUE(r.run(cmd_enter{view, role::backup}).ok);
    }
    EXPECT_EQ(r.store.header.base, index_t(1));
    rig again(slot_w);
    again.store = r.store;
    auto d = again.run(cmd_attach{incarnation_t(2), view.view, view.view, {}, {}});
    EXPECT_TRUE(d.report->intact);
    EXPECT_EQ(d.report->log.base, index_t(1));
    EXPECT_TRUE(validate(tidy(d.report->log)).ok());
}

/* Nothing may build on it: what a power cut leaves still says "not synced", and so does it. */
TEST(vsr_object, a_witness_that_cannot_say_that_all_is_synced_says_that_it_failed) {
    rig r(slot_w);
    r.enter_first(view_pw, role::backup);
    ASSERT_TRUE(r.take_batch(r.batch(view_pw, 3)));
    ASSERT_TRUE(r.fence(8, slot_p).ok);
    r.facts.clear();
    r.store.header_fails = true;
    r.store.fsynced = index_t(4);
    r.obj.set_lb(index_t(4));
    EXPECT_TRUE(r.store.header.unsynced);
    EXPECT_FALSE(r.obj.report(r.now).intact);
    auto told = r.obj.take_events();
    ASSERT_EQ(told.size(), 1U);
    ASSERT_NE(std::get_if<media_failure>(&told[0]), nullptr);
    EXPECT_EQ(std::get<media_failure>(told[0]).text, "the header cannot be written");
    r.store.header_fails = false;
    r.obj.set_lb(index_t(4));
    EXPECT_FALSE(r.store.header.unsynced) << "it is tried again";
    EXPECT_FALSE(r.store.header.complete) << "and is no whole log any more";
}

TEST(vsr_object, a_witness_claims_no_more_durable_than_it_acks) {
    rig r(slot_w);
    r.enter_first(view_pw, role::backup);
    auto got = r.obj.accept(r.now, r.batch(view_pw, 3));
    ASSERT_TRUE(got);
    r.obj.set_lb(index_t(4)); /* written and synced, not yet told to the object */
    auto promise = r.beat(view_pw);
    promise.prev = {index_t(4), view_pw.view};
    promise.last = index_t(4);
    auto beat = r.obj.accept(r.now, promise);
    ASSERT_TRUE(beat);
    EXPECT_EQ(beat->ack->n, index_t(1));
    EXPECT_EQ(beat->ack->lb, index_t(1)) << "the primary drops a link that says otherwise";
}

TEST(vsr_object, what_a_witness_cut_is_not_durable_any_more) {
    rig r(slot_w);
    r.enter_first(view_pw, role::backup);
    ASSERT_TRUE(r.take_batch(r.batch(view_pw, 5)));
    r.obj.set_lb(index_t(6));
    r.now += delta;
    ASSERT_TRUE(r.fence(8, slot_p).ok);
    auto next = record_of(8, slot_p, slot_w, 3, 4);
    log_summary reach{index_t(1), {}, index_t(3), {{view_t(4), index_t(1)}}};
    ASSERT_TRUE(r.adopt(next, reach, {index_t(3), view_t(4)}, 1).ok);
    ASSERT_TRUE(r.run(cmd_enter{next, role::backup}).ok);
    auto ack = r.take_batch(r.batch(next, 4));
    ASSERT_TRUE(ack);
    EXPECT_EQ(ack->n, index_t(8));
    EXPECT_LE(ack->lb, index_t(3)) << "4 to 6 were written anew";
}

TEST(vsr_object, a_witness_process_that_is_killed_finds_its_log_whole) {
    rig r(slot_w);
    r.enter_first(view_pw, role::backup);
    ASSERT_TRUE(r.take_batch(r.batch(view_pw, 3)));
    rig again(slot_w);
    again.store = r.store;
    EXPECT_TRUE(
            again.run(cmd_attach{incarnation_t(2), view_t(4), view_t(4), {}, {}}).report->intact);
}

TEST(vsr_object, a_witness_that_lost_power_while_promoted_has_lost_its_log) {
    rig r(slot_w);
    r.enter_first(view_pw, role::backup);
    ASSERT_TRUE(r.take_batch(r.batch(view_pw, 3)));
    EXPECT_TRUE(r.store.on_disk.unsynced) << "durable before the first ACK";
    rig again(slot_w);
    again.store = r.store;
    again.store.same_boot = false;
    again.store.header = r.store.on_disk; /* the old watermark fits what is left of the log */
    again.store.entries.erase(again.store.entries.upper_bound(1), again.store.entries.end());
    again.store.fsynced = index_t(1);
    EXPECT_FALSE(
            again.run(cmd_attach{incarnation_t(2), view_t(4), view_t(4), {}, {}}).report->intact);
}

TEST(vsr_object, a_witness_whose_view_is_over_and_fsynced_survives_a_power_cut) {
    rig r(slot_w);
    r.enter_first(view_pw, role::backup);
    ASSERT_TRUE(r.take_batch(r.batch(view_pw, 3)));
    ASSERT_TRUE(r.fence(8, slot_p).ok);
    r.store.fsynced = index_t(4);
    r.obj.set_lb(index_t(4));
    rig again(slot_w);
    again.store = r.store;
    again.store.same_boot = false;
    EXPECT_TRUE(
            again.run(cmd_attach{incarnation_t(2), view_t(4), view_t(4), {}, {}}).report->intact);
}

/* A match list made from marks that were told before the last records came. */
TEST(vsr_object, the_chosen_log_is_not_cut_by_its_own_start) {
    rig r(slot_w);
    r.enter_first(view_pw, role::backup);
    ASSERT_TRUE(r.take_batch(r.batch(view_pw, 3)));
    ASSERT_TRUE(r.fence(8, slot_p).ok);
    view_record next = view_pw;
    next.view = view_t(8);
    next.s = index_t(4);
    next.view_of_s = view_t(4);
    start what;
    what.record = next;
    what.donor = slot_w;
    what.reach = r.obj.log();
    auto d = r.run(cmd_adopt{what, {index_t(2), view_t(4)}, index_t(1)});
    EXPECT_FALSE(d.ok);
    EXPECT_EQ(d.why, refusal::retry);
    EXPECT_EQ(r.obj.log().top, index_t(4));
    EXPECT_TRUE(r.run(cmd_adopt{what, {index_t(4), view_t(4)}, index_t(1)}).ok);
    EXPECT_EQ(r.obj.log().top, index_t(5));
}

TEST(vsr_object, a_seal_of_the_view_on_disk_makes_a_log_whole) {
    rig r(slot_w);
    r.enter_first(view_pw, role::backup);
    ASSERT_TRUE(r.take_batch(r.batch(view_pw, 3)));
    auto sealed = [&](uint64_t formed, uint64_t top) {
        rig again(slot_w);
        again.store = r.store;
        again.store.same_boot = false;
        return again
                .run(cmd_attach{incarnation_t(2),
                                view_t(4),
                                view_t(4),
                                seal_note{view_t(formed), index_t(top)},
                                {}})
                .report->intact;
    };
    EXPECT_TRUE(sealed(4, 4));
    EXPECT_FALSE(sealed(3, 4)) << "an old seal";
    EXPECT_FALSE(sealed(4, 5)) << "more was sealed than is here";
}

TEST(vsr_object, entering_again_changes_nothing_and_an_older_incarnation_is_not_attached) {
    rig r(slot_p);
    r.enter_first(view_pb, role::primary);
    r.obj.on_ack(r.now, r.ack(view_pb, 1, r.now));
    EXPECT_TRUE(r.run(cmd_enter{view_pb, role::primary}).ok);
    EXPECT_TRUE(r.obj.report(r.now).lease_held);
    EXPECT_TRUE(r.attach().ok) << "the same again";
    EXPECT_FALSE(r.run(cmd_attach{incarnation_t(0), {}, {}, {}, {}}).ok);
}

TEST(vsr_object, leaving_fences_the_member_itself) {
    rig r(slot_p);
    r.enter_first(view_pb, role::primary);
    r.obj.on_ack(r.now, r.ack(view_pb, 1, r.now));
    ASSERT_TRUE(r.run(cmd_serve{view_t(4)}).ok);
    EXPECT_TRUE(r.run(cmd_leave{view_t(4)}).ok);
    EXPECT_FALSE(r.obj.may_answer(r.now));
    EXPECT_GT(r.obj.report(r.now).fence, view_t(4));
}

} // namespace harp::vsr::test
