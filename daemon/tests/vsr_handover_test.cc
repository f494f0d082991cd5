/* SPDX-License-Identifier: GPL-2.0 */
/* The core at a person's word: switchover, and leaving for good. */
#include "vsr_by_hand.hh"

namespace harp::vsr::test {

using namespace by_hand;

namespace {

/* A primary that serves with B, @behind records ahead of it. */
struct primary_with_backup : one {
    explicit primary_with_backup(uint64_t behind = 0, uint64_t top = 5000)
        : one(make_config(slot_p), settled_disk(slot_p), serving(top)) {
        backup_says(top - behind);
    }
    static object_report serving(uint64_t top) {
        object_report r = settled_report(top);
        r.current_role = role::primary;
        r.view = view_t(4);
        r.serving = r.lease_held = true;
        return r;
    }
    void backup_says(uint64_t ap, bool serves = false, uint64_t formed = 4) {
        status_beat s;
        s.top = report.log.top;
        s.ap = index_t(ap);
        s.serving = serves;
        hear(slot_b, view_t(formed), s);
    }
    /* Time passes, and B is heard to be where it was. */
    void pass_with_backup_at(uint64_t ap, duration_t d) {
        for (const time_point_t end = now + d; now < end;) {
            backup_says(ap);
            pass(std::min<duration_t>(100ms, end - now));
        }
    }
    result<void> ask() {
        auto r = c.request(now, want_switchover{slot_b});
        gather();
        return r;
    }
    void at_rest() {
        ASSERT_TRUE(told<service_drain>());
        c.on_service(now, {std::get<service_drain>(service.back()).token});
        gather();
    }
    agree vote_lagging(uint64_t ap) {
        agree a = vote(4, report.log.top.value());
        a.ap = index_t(ap);
        return a;
    }
    /* Fenced, and all three agree; START is out. */
    void agreed_by_all(uint64_t ap_of_b) {
        fence_granted(8);
        disk_done();
        hear(slot_w, view_t(8), vote(0, 0));
        hear(slot_b, view_t(8), vote_lagging(ap_of_b));
        ASSERT_NE(said<struct start>(slot_b), nullptr);
    }
    /* V6, as the START that is out says. */
    void follow() {
        const view_record r = said<struct start>(slot_b)->record;
        report.formed = r.view;
        report.view_of_formed = r;
        answer<cmd_adopt>();
        while (disk_done()) {}
        answer<cmd_enter>();
    }
    std::string no_switchover() {
        return !switchover ? "no end yet" : *switchover ? "it was" : switchover->error().text;
    }
};

const uint64_t limit = config().lag_limit;

} // namespace

TEST(vsr_handover, a_switchover_needs_the_serving_primary_and_its_data_backup) {
    one idle = restarted_harpd(slot_p);
    EXPECT_FALSE(idle.c.request(idle.now, want_switchover{slot_b}).ok());
    primary_with_backup m;
    EXPECT_FALSE(m.c.request(m.now, want_switchover{slot_p}).ok());
    EXPECT_FALSE(m.c.request(m.now, want_switchover{slot_w}).ok());
    ASSERT_TRUE(m.ask().ok());
    EXPECT_FALSE(m.ask().ok()) << "one is under way";
    EXPECT_EQ(m.asked_for<cmd_fence>(), nullptr) << "comes to rest first";
    m.at_rest();
    ASSERT_NE(m.asked_for<cmd_fence>(), nullptr);
    m.fence_granted(8);
    m.disk_done();
    EXPECT_EQ(m.said<propose>(slot_b)->prefer, slot_b);
    EXPECT_TRUE(m.said<propose>(slot_b)->voluntary);
    m.hear(slot_w, view_t(8), m.vote(0, 0));
    m.pass(quick_timings().third + 10ms);
    EXPECT_EQ(m.said<start>(slot_w), nullptr) << "the one that is to serve may be slow";
    m.hear(slot_b, view_t(8), m.vote(4, 5000));
    ASSERT_NE(m.said<start>(slot_b), nullptr);
    EXPECT_EQ(m.said<start>(slot_b)->record.primary.slot, slot_b);
}

TEST(vsr_handover, a_switchover_has_been_when_the_other_serves) {
    primary_with_backup m;
    ASSERT_TRUE(m.ask().ok());
    m.at_rest();
    m.agreed_by_all(5000);
    m.follow();
    EXPECT_EQ(m.c.state(), member_state::backing_up);
    m.backup_says(5000, false, 8);
    EXPECT_EQ(m.no_switchover(), "no end yet");
    m.backup_says(5000, true, 8);
    EXPECT_EQ(m.no_switchover(), "it was");
}

TEST(vsr_handover, a_primary_that_does_not_come_to_serve_is_told) {
    primary_with_backup m;
    ASSERT_TRUE(m.ask().ok());
    m.at_rest();
    m.agreed_by_all(5000);
    m.follow();
    m.pass(quick_timings().give_up_adopt + 300ms);
    EXPECT_NE(m.no_switchover().find("bravo is primary of view 8, and does not serve yet"),
              std::string::npos)
            << m.no_switchover();
}

TEST(vsr_handover, a_backup_that_lags_is_waited_for_while_the_service_goes_on) {
    primary_with_backup m(limit + 1);
    ASSERT_TRUE(m.ask().ok());
    m.pass_with_backup_at(5000 - limit - 1, 2s);
    EXPECT_FALSE(m.told<service_drain>());
    m.backup_says(5000 - limit);
    EXPECT_TRUE(m.told<service_drain>());
    m.backup_says(5000 - limit - 1); /* what was under way has been appended */
    m.at_rest();
    EXPECT_EQ(m.asked_for<cmd_fence>(), nullptr);
    m.backup_says(5000 - limit);
    EXPECT_NE(m.asked_for<cmd_fence>(), nullptr);
}

TEST(vsr_handover, a_backup_that_does_not_catch_up_ends_it_with_the_reason) {
    primary_with_backup m(limit + 1);
    ASSERT_TRUE(m.ask().ok());
    m.pass_with_backup_at(5000 - limit - 1, config().times.catch_up + 300ms);
    EXPECT_EQ(m.no_switchover(), "bravo is 1025 records behind, and was waited for (10 s); alfa "
                                 "serves on");
    EXPECT_FALSE(m.told<service_drain>());
    EXPECT_EQ(m.c.state(), member_state::serving);
    EXPECT_FALSE(m.c.handing_over());
    m.backup_says(5000);
    EXPECT_FALSE(m.told<service_drain>()) << "it is over";
}

/* Its kernel acknowledges, but its harpd would not agree, and be left outside. */
TEST(vsr_handover, a_backup_whose_harpd_is_not_heard_is_not_proposed_to) {
    primary_with_backup m;
    m.pass(quick_timings().detect + 300ms);
    ASSERT_TRUE(m.ask().ok());
    m.pass(config().times.catch_up + 300ms);
    EXPECT_EQ(m.no_switchover(), "bravo is not heard, and was waited for (10 s); alfa serves on");
    EXPECT_EQ(m.asked_for<cmd_fence>(), nullptr);
}

/* What was heard of it was older than its AGREE. */
TEST(vsr_handover, a_backup_that_lags_when_it_agrees_stays_the_backup) {
    primary_with_backup m;
    ASSERT_TRUE(m.ask().ok());
    m.at_rest();
    m.agreed_by_all(5000 - limit - 1);
    const view_record r = m.said<start>(slot_b)->record;
    EXPECT_EQ(r.primary.slot, slot_p);
    EXPECT_EQ(r.backup.slot, slot_b);
    EXPECT_EQ(m.said<start>(slot_w), nullptr);
    m.follow();
    EXPECT_EQ(m.no_switchover(),
              "bravo: 1025 records behind; alfa serves on, with bravo as backup");
}

TEST(vsr_handover, it_goes_on_without_a_backup_that_does_not_answer_for_a_whole_window) {
    primary_with_backup m;
    ASSERT_TRUE(m.ask().ok());
    m.at_rest();
    m.fence_granted(8);
    m.disk_done();
    m.hear(slot_w, view_t(8), m.vote(0, 0));
    m.pass(quick_timings().window - 10ms);
    EXPECT_EQ(m.said<start>(slot_w), nullptr) << "its disk may be slow";
    m.pass(20ms);
    ASSERT_NE(m.said<start>(slot_w), nullptr);
    EXPECT_EQ(m.said<start>(slot_w)->record.primary.slot, slot_p);
}

/* Its service is drained by then, and it is the one that serves. */
TEST(vsr_handover, a_switchover_that_comes_to_nothing_ends_with_the_service_where_it_was) {
    for (bool other_proposes : {true, false}) {
        primary_with_backup m;
        ASSERT_TRUE(m.ask().ok());
        token_t drained = std::get<service_drain>(m.service.back()).token;
        if (other_proposes) {
            m.hear(slot_b, view_t(9), propose{});
        }
        m.service.clear();
        m.c.on_service(m.now, {drained});
        m.gather();
        EXPECT_EQ(m.told<service_serve>(), other_proposes);
        m.answer<cmd_fence>(false, refusal::promise, 100ms);
        EXPECT_TRUE(m.told<service_serve>());
        EXPECT_EQ(m.c.state(), member_state::serving);
        EXPECT_TRUE(m.switchover && !*m.switchover);
    }
}

TEST(vsr_handover, a_service_that_does_not_come_to_rest_goes_on) {
    primary_with_backup m;
    ASSERT_TRUE(m.ask().ok());
    m.pass_with_backup_at(5000, quick_timings().start_limit + 300ms);
    EXPECT_NE(m.no_switchover().find("the service does not come to rest"), std::string::npos)
            << m.no_switchover();
    EXPECT_TRUE(m.told<service_serve>());
    EXPECT_EQ(m.asked_for<cmd_fence>(), nullptr);
}

TEST(vsr_handover, a_change_of_view_that_comes_first_ends_it) {
    primary_with_backup m(limit + 1);
    ASSERT_TRUE(m.ask().ok());
    m.c.on_kernel(m.now, media_failure{"EIO at record 9"});
    m.gather();
    EXPECT_EQ(m.no_switchover(), "another change of view came first");
}

TEST(vsr_handover, a_primary_that_leaves_hands_over_first) {
    primary_with_backup m;
    ASSERT_TRUE(m.c.request(m.now, want_leave{}).ok());
    m.gather();
    EXPECT_TRUE(m.c.handing_over());
    m.at_rest();
    m.agreed_by_all(5000);
    m.follow();
    EXPECT_EQ(m.c.state(), member_state::leaving);
    EXPECT_FALSE(m.c.handing_over());
    EXPECT_EQ(m.no_switchover(), "it was");
}

/* With it gone, {B, W} would lack nothing but a member that serves. */
TEST(vsr_handover, a_primary_that_cannot_hand_over_does_not_leave) {
    primary_with_backup m(limit + 1);
    ASSERT_TRUE(m.c.request(m.now, want_leave{}).ok());
    m.pass_with_backup_at(5000 - limit - 1, config().times.catch_up + 300ms);
    EXPECT_FALSE(m.c.handing_over());
    EXPECT_EQ(m.c.state(), member_state::serving);
    EXPECT_EQ(m.asked_for<cmd_leave>(), nullptr);
    EXPECT_FALSE(m.told<service_give_up>());
}

TEST(vsr_handover, a_primary_that_is_out_of_the_view_leaves_all_the_same) {
    primary_with_backup m(limit + 1);
    ASSERT_TRUE(m.c.request(m.now, want_leave{}).ok());
    m.gather();
    m.c.on_kernel(m.now, media_failure{"EIO at record 9"});
    m.gather();
    EXPECT_EQ(m.c.state(), member_state::leaving);
}

TEST(vsr_handover, a_primary_whose_group_ends_hands_nothing_over) {
    primary_with_backup m;
    ASSERT_TRUE(m.ask().ok());
    ASSERT_TRUE(m.c.request(m.now, want_leave{.hand_over = false}).ok());
    m.gather();
    EXPECT_NE(m.asked_for<cmd_leave>(), nullptr);
    EXPECT_EQ(m.c.state(), member_state::leaving);
    EXPECT_TRUE(m.switchover.has_value()) << "whoever asked for it is told";
}

/* What the new primary lacks is its own AP, and its partner is well. */
TEST(vsr_handover, a_backup_whose_link_carries_is_not_left_out_for_its_primarys_slowness) {
    for (bool carries : {true, false}) {
        object_report r = serving_report(false);
        r.serving = false;
        r.gate_bound = true;
        one m(make_config(slot_p), settled_disk(slot_p), r);
        const time_point_t end = m.now + quick_timings().start_limit + 1s;
        while (m.asked_for<cmd_fence>() == nullptr && m.now < end) {
            watermarks w;
            w.report = r;
            w.acked = index_t(11);
            if (carries) {
                w.partner_heard = m.now;
            }
            m.c.on_kernel(m.now, w);
            m.hear(slot_b, view_t(4), status_beat{});
            m.hear(slot_w, view_t(0), status_beat{});
            m.pass(50ms);
        }
        ASSERT_NE(m.asked_for<cmd_fence>(), nullptr);
        m.fence_granted(m.asked_for<cmd_fence>()->view.value());
        while (m.disk_done()) {}
        ASSERT_NE(m.said<propose>(slot_b), nullptr);
        const view_t view = m.last_view;
        m.hear(slot_b, view, m.vote(4, 10));
        m.hear(slot_w, view, m.vote(0, 0));
        EXPECT_EQ(m.said<start>(slot_b) != nullptr, carries);
        EXPECT_EQ(m.said<start>(slot_w) != nullptr, !carries);
    }
}

} // namespace harp::vsr::test
