/* SPDX-License-Identifier: GPL-2.0 */
/* The core when a member leaves its view: its own replica, its partner, its disk. */
#include "vsr_by_hand.hh"

namespace harp::vsr::test {

using namespace by_hand;

TEST(vsr_core, a_member_that_goes_away_on_purpose_counts_as_silent_at_once) {
    object_report r = backup_report();
    one m(make_config(slot_b), settled_disk(slot_b), r);
    status_beat s;
    s.leaving = true;
    m.hear(slot_p, view_t(4), s);
    m.hear(slot_w, view_t(0), status_beat{});
    watermarks w;
    w.report = r;
    w.partner_heard = m.now;
    m.c.on_kernel(m.now, w);
    m.gather();
    EXPECT_NE(m.asked_for<cmd_fence>(), nullptr);
}

TEST(vsr_core, a_primary_whose_backup_has_no_control_moves_on) {
    one m(make_config(slot_p), settled_disk(slot_p), serving_report(true));
    m.hear(slot_w, view_t(0), status_beat{});
    m.c.on_kernel(m.now, partner_no_control{view_t(4)});
    m.gather();
    EXPECT_NE(m.asked_for<cmd_fence>(), nullptr);
}

TEST(vsr_core, a_primary_alone_keeps_its_view_and_waits) {
    object_report r = serving_report(false);
    one m(make_config(slot_p), settled_disk(slot_p), r);
    watermarks w;
    w.report = r;
    w.partner_heard = m.now;
    m.pass(2s);
    m.c.on_kernel(m.now, w);
    m.gather();
    EXPECT_EQ(m.asked_for<cmd_fence>(), nullptr) << "a view number and two fsyncs for nothing";
    EXPECT_FALSE(m.c.status(m.now).serving);
    EXPECT_FALSE(m.c.status(m.now).why_not_serving.empty());
}

TEST(vsr_core, a_deposed_primary_gives_its_service_up) {
    object_report r = serving_report(false);
    one m(make_config(slot_p), settled_disk(slot_p), r);
    status_beat s;
    s.live_primary = slot_b;
    s.live_view = view_t(9);
    m.hear(slot_b, view_t(9), s);
    EXPECT_NE(m.asked_for<cmd_leave>(), nullptr);
    EXPECT_TRUE(m.told<service_give_up>());
    EXPECT_EQ(m.c.state(), member_state::outside);
}

/* Its kernel would take no history of the others as long as it is in a view. */
TEST(vsr_core, a_backup_that_was_left_behind_leaves_its_view_and_comes_back) {
    one m(make_config(slot_b), settled_disk(slot_b), backup_report());
    status_beat s;
    s.live_primary = slot_p;
    s.live_view = view_t(8);
    m.hear(slot_p, view_t(8), s);
    ASSERT_NE(m.asked_for<cmd_leave>(), nullptr);
    EXPECT_EQ(m.asked_for<cmd_leave>()->view, view_t(4));
    m.pass(quick_timings().status_interval);
    EXPECT_EQ(m.c.state(), member_state::returning);
}

TEST(vsr_core, a_primary_that_goes_on_in_the_next_view_gives_nothing_up) {
    one m(make_config(slot_p), settled_disk(slot_p), serving_report(true));
    follow_start(m, 9, slot_b, record_of(9, slot_p, slot_w, 10, 4));
    m.answer<cmd_enter>();
    m.hear(slot_w, view_t(9), started{incarnation_t(1)});
    m.answer<cmd_serve>();
    EXPECT_FALSE(m.told<service_give_up>());
}

TEST(vsr_core, a_media_failure_takes_the_member_out_of_the_view) {
    object_report r = serving_report(false);
    one m(make_config(slot_p), settled_disk(slot_p), r);
    m.c.on_kernel(m.now, media_failure{"EIO at record 9"});
    m.gather();
    EXPECT_TRUE(m.told<service_give_up>());
    EXPECT_EQ(m.c.state(), member_state::outside);
    EXPECT_NE(m.c.status(m.now).headline.find("EIO at record 9"), std::string::npos);
    status_beat other; /* status goes on saying so when another serves, and after a poll */
    other.live_primary = slot_b;
    other.live_view = view_t(13);
    m.hear(slot_b, view_t(13), other);
    watermarks w;
    w.report = r;
    w.report.fence = view_t(5);
    w.report.needs_copy = true;
    m.c.on_kernel(m.now, w);
    m.gather();
    EXPECT_EQ(m.c.status(m.now).why_not_serving,
              "media failure: EIO at record 9; bravo serves without this member");
    EXPECT_FALSE(m.c.status(m.now).advice.empty());
    m.until_it_proposes();
    EXPECT_EQ(m.asked_for<cmd_fence>(), nullptr);
}

TEST(vsr_core, a_poll_that_overtakes_the_news_of_a_media_failure_does_not_hide_it) {
    object_report r = serving_report(true);
    one m(make_config(slot_p), settled_disk(slot_p), r);
    watermarks w;
    w.report = r;
    w.report.fence = view_t(5);
    w.report.needs_copy = true;
    m.c.on_kernel(m.now, w);
    m.c.on_kernel(m.now, media_failure{"EIO at record 9"});
    m.c.on_kernel(m.now, w);
    m.gather();
    EXPECT_TRUE(m.told<service_give_up>());
    EXPECT_EQ(m.c.status(m.now).headline, "in no view: media failure: EIO at record 9");
}

/* Nobody asked for the fence: the kernel gave up, and no event came through. */
TEST(vsr_core, a_replica_that_left_by_itself_takes_the_service_with_it) {
    object_report r = serving_report(true);
    one m(make_config(slot_p), settled_disk(slot_p), r);
    m.gather();
    watermarks w;
    w.report = r;
    w.report.serving = w.report.lease_held = false;
    w.report.current_role = role::none;
    w.report.fence = view_t(5);
    m.c.on_kernel(m.now, w);
    m.gather();
    EXPECT_TRUE(m.told<service_give_up>());
    EXPECT_EQ(m.c.state(), member_state::outside);
    EXPECT_NE(m.c.status(m.now).why_not_serving.find("has left view 4 by itself"),
              std::string::npos)
            << m.c.status(m.now).why_not_serving;
}

TEST(vsr_core, a_fence_of_its_own_is_not_taken_for_the_kernel_giving_up) {
    object_report r = serving_report(true);
    one m(make_config(slot_p), settled_disk(slot_p), r);
    m.hear(slot_w, view_t(0), status_beat{});
    m.c.on_kernel(m.now, partner_no_control{view_t(4)});
    m.gather();
    ASSERT_NE(m.asked_for<cmd_fence>(), nullptr);
    watermarks w;
    w.report = r;
    w.report.fence = m.asked_for<cmd_fence>()->view;
    m.c.on_kernel(m.now, w);
    m.gather();
    EXPECT_FALSE(m.told<service_give_up>()) << "the same primary may go on";
    EXPECT_EQ(m.c.state(), member_state::serving) << "until the answer is here";
}

TEST(vsr_core, a_partner_that_leaves_is_not_waited_for) {
    for (slot_t self : {slot_p, slot_b}) {
        object_report r = self == slot_b ? backup_report() : serving_report(true);
        one m(make_config(self), settled_disk(self), r);
        m.hear(slot_w, view_t(0), status_beat{});
        m.c.on_kernel(m.now, partner_left{view_t(3)});
        m.gather();
        EXPECT_EQ(m.asked_for<cmd_fence>(), nullptr) << "an earlier view's";
        m.c.on_kernel(m.now, partner_left{view_t(4)});
        m.gather();
        EXPECT_NE(m.asked_for<cmd_fence>(), nullptr) << self.value();
        EXPECT_EQ(m.told<service_give_up>(), self == slot_b) << "a primary may go on";
    }
}

TEST(vsr_core, a_partner_that_left_stays_gone_until_the_next_view) {
    object_report r = backup_report();
    one m(make_config(slot_b), settled_disk(slot_b), r);
    m.c.on_kernel(m.now, partner_left{view_t(4)});
    watermarks w; /* heard just now, and yet gone */
    w.report = r;
    w.report.promise_left = 1s;
    w.partner_heard = m.now;
    m.c.on_kernel(m.now, w);
    m.gather();
    EXPECT_EQ(m.asked_for<cmd_fence>(), nullptr) << "nobody to make a view with";
    EXPECT_EQ(m.c.status(m.now).why_not_serving, "its primary has left the view");
    m.hear(slot_w, view_t(0), status_beat{});
    m.pass(500ms);
    EXPECT_NE(m.asked_for<cmd_fence>(), nullptr);
}

} // namespace harp::vsr::test
