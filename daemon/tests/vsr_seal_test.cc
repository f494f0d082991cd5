/* SPDX-License-Identifier: GPL-2.0 */
/* P1: the power goes with a warning. The core by hand, and the object. */
#include "vsr_by_hand.hh"
#include "vsr_rig.hh"

namespace harp::vsr::test {

using by_hand::backup_report;
using by_hand::make_config;
using by_hand::one;
using by_hand::restarted_harpd;
using by_hand::serving_report;
using by_hand::settled_disk;
using by_hand::settled_report;
using objects::rig;
using objects::view_pb;

namespace {

void warn(one &m, bool goes) {
    m.c.on_power(m.now, {goes, "the UPS is low"});
    m.gather();
}

void object_is_fenced(one &m) {
    const auto *cmd = m.asked_for<cmd_seal>();
    ASSERT_NE(cmd, nullptr);
    m.report.fence = std::max(m.report.fence, cmd->above);
    m.report.current_role = role::none;
    m.report.view = {};
    m.report.serving = m.report.lease_held = false;
    m.answer<cmd_seal>();
}

void log_is_written(one &m, result<void> what = {}) {
    ASSERT_TRUE(m.seal);
    const token_t token = m.seal->token;
    m.seal.reset();
    m.c.on_sealed(m.now, {token, std::move(what)});
    m.gather();
}

void seal_it(one &m) {
    warn(m, true);
    object_is_fenced(m);
    log_is_written(m);
    while (m.disk_done()) {}
    ASSERT_EQ(m.c.state(), member_state::sealed);
}

} // namespace

TEST(vsr_seal, fence_then_log_then_the_word_that_it_counts) {
    one m(make_config(slot_p), settled_disk(slot_p), serving_report(true));
    warn(m, true);
    EXPECT_EQ(m.c.state(), member_state::sealing);
    EXPECT_TRUE(m.told<service_give_up>());
    EXPECT_FALSE(m.seal) << "the log may still grow";
    object_is_fenced(m);
    ASSERT_TRUE(m.seal);
    EXPECT_EQ(m.seal->formed, view_t(4));
    EXPECT_EQ(m.seal->log, m.report.log);
    EXPECT_TRUE(m.writes.empty()) << "the log is not on the disk";
    log_is_written(m);
    ASSERT_EQ(m.writes.size(), 1U);
    EXPECT_EQ(m.writes[0].state.seal, (seal_note{view_t(4), index_t(10)}));
    EXPECT_EQ(m.c.state(), member_state::sealing) << "the state file does not say so yet";
    m.disk_done();
    EXPECT_EQ(m.c.state(), member_state::sealed);
    EXPECT_EQ(m.c.status(m.now).headline, "sealed: waits for the power to go (the UPS is low)");
}

TEST(vsr_seal, the_fence_is_above_all_that_was_agreed_to) {
    disk_state d = settled_disk(slot_b);
    d.agreed = view_t(14);
    one m(make_config(slot_b), d, backup_report());
    warn(m, true);
    ASSERT_NE(m.asked_for<cmd_seal>(), nullptr);
    EXPECT_GT(m.asked_for<cmd_seal>()->above, view_t(14));
}

TEST(vsr_seal, one_that_is_sealed_takes_part_in_nothing) {
    one m(make_config(slot_b), settled_disk(slot_b), backup_report());
    seal_it(m);
    m.hear(slot_p, view_t(16), propose{});
    const auto *no = m.said<nack>(slot_p);
    ASSERT_NE(no, nullptr);
    EXPECT_EQ(no->text, "its power goes");
    EXPECT_EQ(m.asked_for<cmd_fence>(), nullptr);
    const auto *beat = m.said<status_beat>(slot_p);
    ASSERT_NE(beat, nullptr);
    EXPECT_TRUE(beat->leaving) << "nobody waits for its silence";
    m.until_it_proposes();
    EXPECT_EQ(m.asked_for<cmd_fence>(), nullptr);
}

TEST(vsr_seal, when_the_power_stays_the_seal_goes_from_the_disk_first) {
    one m(make_config(slot_p), settled_disk(slot_p), serving_report(true));
    seal_it(m);
    warn(m, false);
    ASSERT_EQ(m.writes.size(), 1U);
    EXPECT_FALSE(m.writes[0].state.seal);
    EXPECT_EQ(m.c.state(), member_state::sealing);
    m.hear(slot_b, view_t(17), propose{});
    EXPECT_EQ(m.asked_for<cmd_fence>(), nullptr) << "the disk still says that it counts";
    m.disk_done();
    EXPECT_EQ(m.c.state(), member_state::outside);
    m.until_it_proposes();
    ASSERT_NE(m.asked_for<cmd_fence>(), nullptr);
    EXPECT_GT(m.asked_for<cmd_fence>()->view, m.report.fence) << "the seal's fence stays behind";
}

/* The write of the seal is under way when the power comes back. */
TEST(vsr_seal, a_seal_that_is_just_being_written_is_cleared_as_well) {
    one m(make_config(slot_p), settled_disk(slot_p), serving_report(true));
    warn(m, true);
    object_is_fenced(m);
    log_is_written(m);
    warn(m, false);
    ASSERT_EQ(m.writes.size(), 1U);
    EXPECT_TRUE(m.writes[0].state.seal);
    m.disk_done();
    EXPECT_EQ(m.c.state(), member_state::sealing);
    ASSERT_EQ(m.writes.size(), 1U);
    EXPECT_FALSE(m.writes[0].state.seal);
    m.disk_done();
    EXPECT_EQ(m.c.state(), member_state::outside);
}

TEST(vsr_seal, what_is_told_of_a_log_that_is_not_wanted_any_more_is_ignored) {
    one m(make_config(slot_p), settled_disk(slot_p), serving_report(true));
    warn(m, true);
    object_is_fenced(m);
    warn(m, false);
    log_is_written(m);
    while (m.disk_done()) {}
    EXPECT_EQ(m.c.state(), member_state::outside);
    EXPECT_FALSE(m.c.disk().seal);
}

TEST(vsr_seal, a_log_that_is_not_whole_is_not_sealed) {
    object_report r = settled_report();
    r.intact = false;
    one m(make_config(slot_b), settled_disk(slot_b), r);
    warn(m, true);
    object_is_fenced(m);
    EXPECT_FALSE(m.seal);
    EXPECT_EQ(m.c.state(), member_state::sealed) << "there is nothing to wait for";
    EXPECT_EQ(m.c.status(m.now).headline, "the UPS is low, and its log is not sealed: it is not "
                                          "whole");
    while (m.disk_done()) {}
    EXPECT_FALSE(m.c.disk().seal);
}

TEST(vsr_seal, a_log_that_cannot_be_written_is_not_sealed) {
    one m(make_config(slot_p), settled_disk(slot_p), serving_report(true));
    warn(m, true);
    object_is_fenced(m);
    log_is_written(m, fail(ENOSPC, "no room in /var/lib/harp"));
    while (m.disk_done()) {}
    EXPECT_FALSE(m.c.disk().seal);
    EXPECT_NE(m.c.status(m.now).headline.find("no room in /var/lib/harp"), std::string::npos);
}

/* Fed in no view (C1): at its start a walk ends at the first VIEW record above formed. */
TEST(vsr_seal, records_of_later_views_are_no_part_of_it) {
    object_report r = settled_report(15);
    r.log.starts.push_back({view_t(8), index_t(11)});
    one m(make_config(slot_b), settled_disk(slot_b), r);
    warn(m, true);
    object_is_fenced(m);
    ASSERT_TRUE(m.seal);
    EXPECT_EQ(m.seal->log, settled_report(10).log);
    log_is_written(m);
    ASSERT_FALSE(m.writes.empty());
    EXPECT_EQ(m.writes.back().state.seal, (seal_note{view_t(4), index_t(10)}));
}

TEST(vsr_seal, it_is_cleared_on_disk_before_the_member_is_fed) {
    disk_state d = settled_disk(slot_b);
    d.seal = seal_note{view_t(4), index_t(10)};
    one m(make_config(slot_b), d, settled_report());
    status_beat s;
    s.live_primary = slot_p;
    s.live_view = view_t(8);
    s.serving = true;
    m.hear(slot_p, view_t(8), s);
    m.pass(quick_timings().status_interval);
    EXPECT_FALSE(m.feed);
    ASSERT_FALSE(m.writes.empty());
    EXPECT_FALSE(m.writes.back().state.seal);
    while (m.disk_done()) {}
    m.hear(slot_p, view_t(8), s);
    m.pass(quick_timings().status_interval);
    EXPECT_TRUE(m.feed);
}

/* Started again on the battery: nothing has happened to what is sealed. */
TEST(vsr_seal, a_seal_that_still_counts_is_not_made_anew) {
    disk_state d = settled_disk(slot_b);
    d.seal = seal_note{view_t(4), index_t(10)};
    one m(make_config(slot_b), d, settled_report());
    warn(m, true);
    object_is_fenced(m);
    EXPECT_FALSE(m.seal);
    EXPECT_TRUE(m.writes.empty());
    EXPECT_EQ(m.c.state(), member_state::sealed);
}

/* One that does not fit the log any more goes first: no file that is named is written over. */
TEST(vsr_seal, an_old_seal_is_cleared_before_the_next_one_is_written) {
    disk_state d = settled_disk(slot_b);
    d.seal = seal_note{view_t(4), index_t(9)};
    one m(make_config(slot_b), d, settled_report());
    warn(m, true);
    object_is_fenced(m);
    EXPECT_FALSE(m.seal);
    ASSERT_EQ(m.writes.size(), 1U);
    EXPECT_FALSE(m.writes[0].state.seal);
    m.disk_done();
    log_is_written(m);
    while (m.disk_done()) {}
    EXPECT_EQ(m.c.disk().seal, (seal_note{view_t(4), index_t(10)}));
}

TEST(vsr_seal, a_warning_before_the_replica_is_there_is_not_forgotten) {
    disk_state d = settled_disk(slot_b);
    one m(make_config(slot_b), d, {});
    warn(m, true);
    EXPECT_EQ(m.c.state(), member_state::starting);
    m.disk_done();
    m.report = settled_report();
    m.report.inc = incarnation_t(2);
    m.report.hold_left = 1s;
    m.answer<cmd_attach>();
    EXPECT_EQ(m.c.state(), member_state::sealing);
    EXPECT_NE(m.asked_for<cmd_seal>(), nullptr);
}

TEST(vsr_seal, one_that_leaves_for_good_leaves_when_the_power_is_back) {
    one m(make_config(slot_b), settled_disk(slot_b), backup_report());
    seal_it(m);
    EXPECT_TRUE(m.c.request(m.now, want_leave{}));
    EXPECT_EQ(m.c.state(), member_state::sealed);
    warn(m, false);
    while (m.disk_done()) {}
    EXPECT_EQ(m.c.state(), member_state::leaving);
}

TEST(vsr_seal, told_twice_it_is_done_once) {
    one m(make_config(slot_p), settled_disk(slot_p), serving_report(true));
    seal_it(m);
    warn(m, true);
    EXPECT_EQ(m.c.state(), member_state::sealed);
    EXPECT_EQ(m.asked_for<cmd_seal>(), nullptr);
    one other = restarted_harpd(slot_b);
    warn(other, false);
    EXPECT_EQ(other.c.state(), member_state::outside);
    EXPECT_TRUE(other.writes.empty());
}

TEST(vsr_seal, an_object_ends_its_role_whatever_it_has_promised) {
    rig r(slot_b);
    r.enter_first(view_pb, role::backup);
    ASSERT_TRUE(r.take_batch(r.batch(view_pb, 3)));
    const index_t top = r.obj.log().top;
    const auto promised = r.obj.promise_until();
    EXPECT_TRUE(r.run(cmd_seal{view_t(9)}).ok);
    EXPECT_EQ(r.obj.current_role(), role::none);
    EXPECT_EQ(r.obj.report(r.now).fence, view_t(9));
    EXPECT_EQ(r.obj.promise_until(), promised) << "its lease may run yet";
    EXPECT_FALSE(r.take_batch(r.batch(view_pb, 1)));
    EXPECT_EQ(r.obj.log().top, top);
}

TEST(vsr_seal, what_was_sealed_apart_takes_the_place_of_a_lost_log) {
    rig r(slot_b);
    r.enter_first(view_pb, role::backup);
    ASSERT_TRUE(r.take_batch(r.batch(view_pb, 3)));
    const log_summary log = r.obj.log();
    auto restart = [&](seal_note seal, view_t formed) {
        rig again(slot_b);
        again.store.sealed = r.store.apart(log.top);
        EXPECT_TRUE(again.run(cmd_attach{incarnation_t(2), view_t(4), formed, seal, {}}).ok);
        return std::pair(again.obj.intact(), again.obj.log());
    };
    const auto back = restart({view_t(4), log.top}, view_t(4));
    EXPECT_TRUE(back.first);
    EXPECT_EQ(back.second, log);
    EXPECT_FALSE(restart({view_t(4), log.top}, view_t(8)).first) << "a later view was formed";
    EXPECT_FALSE(restart({view_t(4), log.top - 1}, view_t(4)).first) << "another file";
}

} // namespace harp::vsr::test
