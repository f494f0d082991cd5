/* SPDX-License-Identifier: GPL-2.0 */
/* Logs in outline, and what a coordinator decides from AGREEs (V4, V5). */
#include "linux/harp_limits.h"
#include "vsr/decide.hh"

#include <gtest/gtest.h>

namespace harp::vsr::test {

namespace {

constexpr slot_t p_slot{0};
constexpr slot_t b_slot{1};
constexpr slot_t w_slot{2};

member_table members() {
    member_table m;
    m[0] = {member_id(1), p_slot, member_kind::primary, "alfa"};
    m[1] = {member_id(2), b_slot, member_kind::backup, "bravo"};
    m[2] = {member_id(3), w_slot, member_kind::witness, "whisky"};
    return m;
}
const member_table table = members();

/* log_of(top, {{view, first}, …}): from index 1. */
log_summary log_of(uint64_t top, std::vector<std::pair<uint64_t, uint64_t>> starts,
                   uint64_t base = 1, uint64_t anchor = 0) {
    log_summary l;
    l.base = index_t(base);
    l.anchor_view = view_t(anchor);
    l.top = index_t(top);
    for (auto [v, i] : starts) {
        l.starts.push_back({view_t(v), index_t(i)});
    }
    EXPECT_TRUE(validate(l).ok());
    return l;
}

view_record record_of(uint64_t view, slot_t primary, slot_t backup) {
    view_record r;
    r.view = view_t(view);
    r.primary = {primary, incarnation_t(1)};
    r.backup = {backup, incarnation_t(1)};
    r.promise = std::chrono::seconds(1);
    return r;
}

/* An AGREE of a member whose last formed view is @formed, {primary, backup}. */
vote vote_of(slot_t who, uint64_t formed, log_summary log, slot_t primary = p_slot,
             slot_t backup = b_slot) {
    vote v;
    v.member = who;
    v.inc = incarnation_t(1);
    v.what.formed = view_t(formed);
    if (formed != 0) {
        v.what.view = record_of(formed, primary, backup);
    }
    v.what.intact = true;
    v.what.log = std::move(log);
    v.what.ap = v.what.log.top;
    v.what.lb = v.what.log.base - 1;
    v.what.free_bytes = 1 << 20;
    return v;
}

decide_input input(std::vector<vote> votes, uint64_t view = 100) {
    decide_input in;
    in.members = &table;
    in.votes = std::move(votes);
    in.view = view_t(view);
    in.epoch = epoch_t(1);
    in.lineage = lineage_t(7);
    in.promise = std::chrono::seconds(1);
    in.lag_limit = 100;
    return in;
}

} // namespace

TEST(vsr_match, two_logs_of_one_history_match_at_the_end_of_the_shorter) {
    auto a = log_of(960, {{4, 1}});
    auto b = log_of(950, {{4, 1}});
    EXPECT_EQ(match_point(a, b, index_t(1000)), (position{index_t(950), view_t(4)}));
    EXPECT_EQ(match_point(a, b, index_t(900)), (position{index_t(900), view_t(4)}));
}

TEST(vsr_match, records_that_a_later_view_replaced_do_not_match) {
    auto old = log_of(960, {{4, 1}});
    auto now = log_of(955, {{4, 1}, {9, 951}});
    EXPECT_EQ(match_point(old, now, index_t(955)), (position{index_t(950), view_t(4)}));
    EXPECT_EQ(match_point(now, old, index_t(955)), (position{index_t(950), view_t(4)}));
}

TEST(vsr_match, interleaved_views_match_where_both_last_agree) {
    auto a = log_of(40, {{4, 1}, {8, 11}, {20, 21}});
    auto b = log_of(40, {{4, 1}, {8, 11}, {13, 16}, {17, 31}});
    EXPECT_EQ(match_point(a, b, index_t(40)), (position{index_t(15), view_t(8)}));
}

TEST(vsr_match, logs_that_do_not_touch_do_not_match) {
    auto a = log_of(10, {{4, 1}});
    auto b = log_of(30, {{8, 20}}, 20, 8);
    EXPECT_EQ(match_point(a, b, index_t(30)), std::nullopt);
}

TEST(vsr_match, a_log_whose_records_are_all_discarded_matches_by_its_anchor) {
    auto empty = log_of(50, {}, 51, 4);
    auto full = log_of(60, {{4, 1}});
    EXPECT_EQ(match_point(empty, full, index_t(60)), (position{index_t(50), view_t(4)}));
}

TEST(vsr_match, an_anchor_nobody_knows_matches_nothing) {
    auto a = log_of(50, {}, 51, 0);
    auto b = log_of(50, {}, 51, 0);
    EXPECT_EQ(match_point(a, b, index_t(50)), std::nullopt);
}

TEST(vsr_match, a_lost_log_that_was_filled_for_a_view_that_never_was_goes_on_after_its_disk) {
    const auto own = log_of(60, {{8, 51}}, 51, 0);
    const auto now = log_of(70, {{4, 1}, {12, 51}});
    EXPECT_EQ(match_point(own, now, index_t(70)), std::nullopt);
    EXPECT_EQ(continue_point(own, index_t(50), now, index_t(70)),
              (position{index_t(50), view_t(4)}));
    EXPECT_EQ(continue_point(own, index_t(50), now, index_t(50)),
              (position{index_t(50), view_t(4)}));
    /* Nothing is known of records above what is on the disk, or they are not to be had. */
    EXPECT_EQ(continue_point(own, index_t(49), now, index_t(70)), std::nullopt);
    EXPECT_EQ(continue_point(own, index_t(50), now, index_t(49)), std::nullopt);
    EXPECT_EQ(continue_point(own, index_t(50), log_of(70, {{12, 61}}, 61, 12), index_t(70)),
              std::nullopt);
    /* What is in common stays. */
    EXPECT_EQ(
            continue_point(own, index_t(50), log_of(70, {{4, 1}, {8, 51}, {12, 56}}), index_t(70)),
            (position{index_t(55), view_t(8)}));
}

TEST(vsr_match, two_empty_logs_from_the_beginning_match_at_nothing) {
    auto a = log_of(0, {});
    EXPECT_EQ(match_point(a, a, index_t(0)), position{});
}

TEST(vsr_match, reach_is_extended_downwards_by_a_log_that_matches_at_the_base) {
    auto donor = log_of(60, {{4, 41}}, 41, 4);
    auto older = log_of(45, {{2, 11}, {4, 30}}, 11, 2);
    std::vector<candidate_log> others{{w_slot, &older}};
    auto reach = extend_reach({p_slot, &donor}, others);
    EXPECT_EQ(reach.log, log_of(60, {{2, 11}, {4, 30}}, 11, 2));
    ASSERT_EQ(reach.sources.size(), 2U);
    EXPECT_EQ(reach.sources[1], (log_source{w_slot, index_t(11), index_t(40)}));
}

TEST(vsr_match, reach_is_not_extended_by_another_history) {
    auto donor = log_of(60, {{9, 41}}, 41, 9);
    auto other = log_of(45, {{4, 11}}, 11, 4);
    std::vector<candidate_log> others{{w_slot, &other}};
    EXPECT_EQ(extend_reach({p_slot, &donor}, others).log, donor);
}

TEST(vsr_match, a_log_of_too_many_views_is_told_from_its_newest_part) {
    log_summary l;
    for (uint64_t i = 1; i <= max_view_starts + 10; ++i) {
        extend_summary(l, view_t(4 * i), index_t(i), index_t(i));
    }
    EXPECT_EQ(l.base, index_t(1)) << "the object has all of it";
    l = tidy(l);
    EXPECT_TRUE(validate(l).ok());
    EXPECT_EQ(l.starts.size(), max_view_starts);
    EXPECT_EQ(l.base, index_t(11));
    EXPECT_EQ(l.anchor_view, view_t(40));
}

TEST(vsr_match, an_outline_told_with_discarded_views_is_tidied) {
    log_summary told{index_t(50), view_t(4), index_t(90), {}};
    told.starts = {{view_t(4), index_t(1)}, {view_t(8), index_t(30)}, {view_t(13), index_t(70)}};
    told.anchor_view = view_t(8);
    auto l = tidy(told);
    EXPECT_TRUE(validate(l).ok());
    EXPECT_EQ(l, log_of(90, {{8, 50}, {13, 70}}, 50, 8));
    told.base = index_t(91);
    told.anchor_view = view_t(13);
    EXPECT_TRUE(validate(tidy(told)).ok()) << "all discarded";
}

/* As a kernel does that tells the newest 64 views of a log, and its real base. */
TEST(vsr_match, an_outline_without_its_oldest_views_is_told_as_if_they_were_discarded) {
    log_summary told{index_t(1), view_t(), index_t(90), {}};
    told.starts = {{view_t(8), index_t(30)}, {view_t(13), index_t(70)}, {view_t(17), index_t(80)}};
    auto l = tidy(told);
    EXPECT_TRUE(validate(l).ok());
    EXPECT_EQ(l, log_of(90, {{13, 70}, {17, 80}}, 70, 8));
    EXPECT_EQ(view_at(l, index_t(69)), view_t(8)) << "it still matches at its anchor";
    EXPECT_EQ(view_at(l, index_t(50)), std::nullopt);
    told.starts = {{view_t(8), index_t(30)}};
    l = tidy(told);
    EXPECT_TRUE(validate(l).ok());
    EXPECT_EQ(l, log_of(90, {{8, 30}}, 30, 0)) << "a view nobody knows matches nothing";
}

TEST(vsr_match, an_outline_that_cannot_be_is_refused) {
    log_summary l;
    l.top = index_t(10);
    EXPECT_FALSE(validate(l).ok()) << "records without views";
    l.starts = {{view_t(8), index_t(1)}, {view_t(4), index_t(5)}};
    EXPECT_FALSE(validate(l).ok()) << "views fall";
    l.starts = {{view_t(4), index_t(2)}};
    EXPECT_FALSE(validate(l).ok()) << "does not begin at base";
    l.starts = {{view_t(4), index_t(1)}, {view_t(8), index_t(11)}};
    EXPECT_FALSE(validate(l).ok()) << "a view begins after top";
    l = {};
    l.base = index_t(0);
    EXPECT_FALSE(validate(l).ok()) << "base 0";
}

TEST(vsr_decide, one_member_alone_makes_no_view) {
    EXPECT_FALSE(decide(input({vote_of(p_slot, 4, log_of(9, {{4, 1}}))})).ok());
}

TEST(vsr_decide, the_first_view_is_primary_with_backup) {
    auto d = decide(
            input({vote_of(b_slot, 0, {}), vote_of(p_slot, 0, {}), vote_of(w_slot, 0, {})}));
    ASSERT_TRUE(d.ok());
    EXPECT_EQ(d->record.primary.slot, p_slot);
    EXPECT_EQ(d->record.backup.slot, b_slot);
    EXPECT_EQ(d->record.s, index_t(0));
    EXPECT_EQ(d->record.view_of_s, view_t(0));
    EXPECT_TRUE(validate(d->record).ok());
}

TEST(vsr_decide, the_first_view_waits_for_both_data_members) {
    auto d = decide(input({vote_of(p_slot, 0, {}), vote_of(w_slot, 0, {})}));
    ASSERT_FALSE(d.ok());
    EXPECT_NE(d.error().text.find("bravo"), std::string::npos);
}

TEST(vsr_decide, a_member_never_in_a_view_and_yet_not_empty_is_refused) {
    auto strange = vote_of(b_slot, 0, log_of(5, {{4, 1}}));
    EXPECT_FALSE(decide(input({vote_of(p_slot, 0, {}), strange})).ok());
}

TEST(vsr_decide, the_log_of_the_highest_formed_view_is_chosen_though_another_is_longer) {
    auto longer = vote_of(p_slot, 4, log_of(960, {{4, 1}}));
    auto newer = vote_of(b_slot, 9, log_of(951, {{4, 1}, {9, 951}}), b_slot, w_slot);
    auto in = input({longer, newer});
    auto d = decide(in);
    ASSERT_FALSE(d.ok() && d->donor != b_slot);
    in.votes[0].what.ap = index_t(950); /* what it applied is committed */
    d = decide(in);
    ASSERT_TRUE(d.ok()) << d.error().text;
    EXPECT_EQ(d->donor, b_slot);
    EXPECT_EQ(d->record.s, index_t(951));
}

TEST(vsr_decide, figure_8_the_views_of_last_records_are_never_compared) {
    /* {B, W} = 9 served, and its records are all discarded; P has view 4's longer log. */
    auto p = vote_of(p_slot, 4, log_of(960, {{4, 1}}));
    p.what.ap = index_t(940);
    auto b = vote_of(b_slot, 9, log_of(955, {}, 956, 9), b_slot, w_slot);
    b.what.lb = b.what.ap = index_t(955);
    auto w = vote_of(w_slot, 9, log_of(955, {{4, 900}, {9, 951}}, 900, 4), b_slot, w_slot);
    auto in = input({p, b, w});
    auto d = decide(in);
    ASSERT_TRUE(d.ok()) << d.error().text;
    EXPECT_NE(d->donor, p_slot);
    EXPECT_EQ(d->record.s, index_t(955));
}

TEST(vsr_decide, the_longest_of_the_intact_logs_of_that_view_is_chosen) {
    auto p = vote_of(p_slot, 4, log_of(997, {{4, 1}}));
    auto b = vote_of(b_slot, 4, log_of(1000, {{4, 1}}));
    auto in = input({p, b});
    auto d = decide(in);
    ASSERT_TRUE(d.ok());
    EXPECT_EQ(d->donor, b_slot);
    EXPECT_EQ(d->record.s, index_t(1000));
    EXPECT_EQ(d->record.primary.slot, p_slot);
}

TEST(vsr_decide, of_equal_logs_the_coming_primary_gives_its_own) {
    auto d = decide(input(
            {vote_of(b_slot, 4, log_of(9, {{4, 1}})), vote_of(p_slot, 4, log_of(9, {{4, 1}}))}));
    ASSERT_TRUE(d.ok());
    EXPECT_EQ(d->donor, p_slot);
}

TEST(vsr_decide, a_lost_log_of_the_highest_view_stops_everything_and_names_its_members) {
    auto p = vote_of(p_slot, 4, log_of(950, {{4, 1}}));
    p.what.intact = false;
    auto w = vote_of(w_slot, 0, {});
    auto d = decide(input({p, w}));
    ASSERT_FALSE(d.ok());
    EXPECT_NE(d.error().text.find("alfa and bravo"), std::string::npos) << d.error().text;
}

TEST(vsr_decide, a_view_that_never_served_still_counts_when_only_two_agree) {
    /* Served 8 = {P, B}; B formed 17 alone, lost its memory; W says formed = 0. */
    auto b = vote_of(b_slot, 17, {}, b_slot, w_slot);
    b.what.intact = false;
    auto d = decide(input({b, vote_of(w_slot, 0, {})}));
    EXPECT_FALSE(d.ok());
}

TEST(vsr_decide, a_lost_view_that_its_other_member_never_entered_is_left_out_when_all_agree) {
    auto p = vote_of(p_slot, 8, log_of(50, {{8, 1}}));
    auto b = vote_of(b_slot, 17, {}, b_slot, w_slot);
    b.what.intact = false;
    auto in = input({p, b, vote_of(w_slot, 0, {})});
    auto d = decide(in);
    ASSERT_TRUE(d.ok()) << d.error().text;
    EXPECT_EQ(d->donor, p_slot);
}

TEST(vsr_decide, a_lost_view_that_both_its_members_entered_is_never_left_out) {
    auto p = vote_of(p_slot, 8, log_of(50, {{8, 1}}));
    auto b = vote_of(b_slot, 17, {}, b_slot, w_slot);
    auto w = vote_of(w_slot, 17, {}, b_slot, w_slot);
    b.what.intact = w.what.intact = false;
    EXPECT_FALSE(decide(input({p, b, w})).ok());
}

TEST(vsr_decide, backup_takes_over_with_the_witness_when_the_primary_is_gone) {
    auto d = decide(input({vote_of(b_slot, 4, log_of(50, {{4, 1}})), vote_of(w_slot, 0, {})}));
    ASSERT_TRUE(d.ok()) << d.error().text;
    EXPECT_EQ(d->record.primary.slot, b_slot);
    EXPECT_EQ(d->record.backup.slot, w_slot);
    EXPECT_EQ(d->record.s, index_t(50));
    EXPECT_EQ(d->record.view_of_s, view_t(4));
}

TEST(vsr_decide, a_member_that_needs_a_copy_neither_serves_nor_backs_up) {
    auto p = vote_of(p_slot, 4, log_of(50, {{4, 1}}));
    p.what.needs_copy = true;
    auto b = vote_of(b_slot, 4, log_of(50, {{4, 1}}));
    auto d = decide(input({p, b, vote_of(w_slot, 0, {})}));
    ASSERT_TRUE(d.ok());
    EXPECT_EQ(d->record.primary.slot, b_slot);
    EXPECT_EQ(d->record.backup.slot, w_slot);
    EXPECT_FALSE(decide(input({p, b})).ok());
}

/* Its region was lost with its power; what it lacks is sent from its disk on (V6). */
TEST(vsr_decide, a_member_without_its_log_has_its_place_where_the_logs_at_hand_reach_its_disk) {
    auto p = vote_of(p_slot, 4, log_of(30, {}, 31, 0));
    p.what.intact = false;
    auto b = vote_of(b_slot, 4, log_of(52, {{4, 31}}, 31, 4));
    for (const auto &votes : {std::vector{p, b}, std::vector{p, b, vote_of(w_slot, 0, {})}}) {
        auto d = decide(input(votes));
        ASSERT_TRUE(d.ok()) << d.error().text;
        EXPECT_EQ(d->donor, b_slot);
        EXPECT_EQ(d->record.primary.slot, p_slot);
        EXPECT_EQ(d->record.backup.slot, b_slot);
        EXPECT_EQ(d->record.s, index_t(52));
    }
    p.what.lb = p.what.ap = index_t(29);
    auto with_witness = decide(input({p, b, vote_of(w_slot, 0, {})}));
    ASSERT_TRUE(with_witness.ok()) << with_witness.error().text;
    EXPECT_EQ(with_witness->record.primary.slot, b_slot);
    EXPECT_EQ(with_witness->record.backup.slot, w_slot);
    auto alone = decide(input({p, b}));
    ASSERT_FALSE(alone.ok());
    EXPECT_NE(alone.error().text.find("alfa: "), std::string::npos) << alone.error().text;
}

/* B was cut off at 100; P went on with W and discarded up to 150. W has all of it. */
TEST(vsr_decide, a_data_backup_is_one_that_the_logs_at_hand_can_fill) {
    auto b = vote_of(b_slot, 4, log_of(100, {{4, 1}}));
    b.what.lb = index_t(100);
    auto p = vote_of(p_slot, 9, log_of(180, {{9, 151}}, 151, 9), p_slot, w_slot);
    auto w = vote_of(w_slot, 9, log_of(180, {{4, 1}, {9, 101}}), p_slot, w_slot);
    auto d = decide(input({p, b, w}));
    ASSERT_TRUE(d.ok()) << d.error().text;
    EXPECT_EQ(d->record.backup.slot, b_slot);
    EXPECT_EQ(d->sources.back(), (log_source{w_slot, index_t(1), index_t(150)}));
    auto alone = decide(input({p, b}));
    ASSERT_FALSE(alone.ok());
    EXPECT_NE(alone.error().text.find("bravo: "), std::string::npos) << alone.error().text;

    p.what.log = log_of(180, {{9, 101}}, 101, 4);
    alone = decide(input({p, b}));
    ASSERT_TRUE(alone.ok()) << alone.error().text;
    EXPECT_EQ(alone->record.backup.slot, b_slot) << "the record before the base is known, too";
    p.what.log = log_of(180, {{9, 102}}, 102, 9);
    EXPECT_FALSE(decide(input({p, b})).ok());
}

TEST(vsr_decide, a_member_that_has_to_give_records_up_is_in_the_view_and_its_log_not_chosen) {
    auto p = vote_of(p_slot, 4, log_of(960, {{4, 1}}));
    p.what.ap = index_t(950);
    auto b = vote_of(b_slot, 9, log_of(955, {{4, 1}, {9, 951}}), b_slot, w_slot);
    auto w = vote_of(w_slot, 9, log_of(955, {{4, 1}, {9, 951}}), b_slot, w_slot);
    auto d = decide(input({p, b, w}));
    ASSERT_TRUE(d.ok()) << d.error().text;
    EXPECT_EQ(d->record.primary.slot, p_slot);
    EXPECT_EQ(d->record.backup.slot, b_slot);
    EXPECT_NE(d->donor, p_slot);
    EXPECT_EQ(d->record.s, index_t(955));
    EXPECT_EQ(match_point(p.what.log, d->reach, d->record.s), (position{index_t(950), view_t(4)}));
}

TEST(vsr_decide, a_disk_older_than_every_log_needs_a_copy) {
    auto p = vote_of(p_slot, 4, log_of(50, {{4, 1}}));
    p.what.lb = p.what.ap = index_t(10);
    auto b = vote_of(b_slot, 8, log_of(90, {{8, 40}}, 40, 8), b_slot, w_slot);
    auto w = vote_of(w_slot, 8, log_of(90, {{8, 40}}, 40, 8), b_slot, w_slot);
    auto in = input({p, b, w});
    auto d = decide(in);
    ASSERT_TRUE(d.ok());
    EXPECT_EQ(d->record.primary.slot, b_slot);
    /* The witness kept more: now its disk can be brought up to date. */
    in.votes[2].what.log = log_of(90, {{4, 5}, {8, 40}}, 5, 4);
    in.votes[1].what.log.anchor_view = view_t(4);
    in.votes[1].what.log.starts = {{view_t(8), index_t(40)}};
    in.votes[0].what.log = log_of(39, {{4, 1}});
    in.lag_limit = 1000;
    d = decide(in);
    ASSERT_TRUE(d.ok()) << d.error().text;
    EXPECT_EQ(d->record.primary.slot, p_slot);
    EXPECT_EQ(d->reach.base, index_t(1));
}

/* The VIEW record at s + 1 is chained to record s, and all that such a member has is its disk. */
TEST(vsr_decide, one_whose_log_has_nothing_of_s_is_told_what_the_view_follows) {
    auto p = vote_of(p_slot, 4, log_of(50, {{4, 1}}));
    p.what.top_crc = 0x5678;
    auto b = vote_of(b_slot, 4, log_of(50, {}, 51, 0));
    b.what.intact = false;
    b.what.lb = b.what.ap = index_t(50);
    auto d = decide(input({p, b, vote_of(w_slot, 0, {})}));
    ASSERT_TRUE(d.ok()) << d.error().text;
    EXPECT_EQ(d->record.backup.slot, b_slot);
    EXPECT_EQ(d->crc_of_s, 0x5678U);
    std::string passed_over;
    p.what.top_crc = 0;
    d = decide(input({p, b, vote_of(w_slot, 0, {})}), &passed_over);
    ASSERT_TRUE(d.ok()) << d.error().text;
    EXPECT_EQ(d->record.backup.slot, w_slot) << "it has the whole log sent";
    EXPECT_NE(passed_over.find("bravo: lost its log"), std::string::npos) << passed_over;
    p.what.log = log_of(50, {}, 51, 4);
    p.what.lb = p.what.ap = index_t(50);
    d = decide(input({p, vote_of(w_slot, 0, {})}));
    EXPECT_FALSE(d.ok()) << "nothing is sent, and nobody knows what the view follows";
    p.what.top_crc = 0x5678;
    d = decide(input({p, vote_of(w_slot, 0, {})}));
    ASSERT_TRUE(d.ok()) << d.error().text;
    b.what.log = log_of(50, {}, 51, 3);
    EXPECT_FALSE(decide(input({p, b})).ok()) << "its disk has another record 50";
    p.what.top_crc = 0;
    p.what.log = log_of(51, {{4, 1}});
    b.what.log = log_of(50, {}, 51, 0);
    d = decide(input({p, b, vote_of(w_slot, 0, {})}));
    ASSERT_TRUE(d.ok()) << d.error().text;
    EXPECT_EQ(d->record.backup.slot, b_slot) << "it is sent record 51, and that is chained";
    b.what.log = log_of(50, {}, 51, 4);
    p.what.log = log_of(50, {{4, 1}});
    d = decide(input({p, b, vote_of(w_slot, 0, {})}));
    ASSERT_TRUE(d.ok()) << d.error().text;
    EXPECT_EQ(d->record.backup.slot, b_slot) << "it discarded record 50, and knows it";
}

TEST(vsr_decide, a_lagging_member_is_passed_over_unless_nothing_else_can_form) {
    auto p = vote_of(p_slot, 4, log_of(500, {{4, 1}}));
    auto b = vote_of(b_slot, 4, log_of(500, {{4, 1}}));
    b.what.ap = index_t(100);
    auto with_witness = decide(input({p, b, vote_of(w_slot, 0, {})}));
    ASSERT_TRUE(with_witness.ok());
    EXPECT_EQ(with_witness->record.backup.slot, w_slot);
    auto without = decide(input({p, b}));
    ASSERT_TRUE(without.ok());
    EXPECT_EQ(without->record.backup.slot, b_slot);
}

TEST(vsr_decide, a_switchover_makes_the_member_asked_for_primary) {
    auto in = input(
            {vote_of(p_slot, 4, log_of(50, {{4, 1}})), vote_of(b_slot, 4, log_of(50, {{4, 1}}))});
    in.prefer = b_slot;
    auto d = decide(in);
    ASSERT_TRUE(d.ok());
    EXPECT_EQ(d->record.primary.slot, b_slot);
    EXPECT_EQ(d->record.backup.slot, p_slot);
    in.prefer = w_slot;
    EXPECT_EQ(decide(in)->record.primary.slot, p_slot) << "a witness is never primary";
}

/* Outside it would have to come back (C1), and W's log would fill until then. */
TEST(vsr_decide, a_switchover_throws_nobody_out) {
    auto p = vote_of(p_slot, 4, log_of(500, {{4, 1}}));
    auto b = vote_of(b_slot, 4, log_of(500, {{4, 1}}));
    auto w = vote_of(w_slot, 0, {});
    b.what.ap = index_t(100);
    auto in = input({p, b, w});
    in.prefer = b_slot;
    std::string passed_over;
    auto d = decide(in, &passed_over);
    ASSERT_TRUE(d.ok());
    EXPECT_EQ(d->record.primary.slot, p_slot) << "it serves on";
    EXPECT_EQ(d->record.backup.slot, b_slot);
    EXPECT_EQ(passed_over, "bravo: 400 records behind");

    in.votes[1].what.ap = index_t(500);
    EXPECT_EQ(decide(in)->record.primary.slot, b_slot);
    in.votes[0].what.ap = index_t(100);
    d = decide(in);
    EXPECT_EQ(d->record.primary.slot, b_slot) << "that the old primary lags is no reason";
    EXPECT_EQ(d->record.backup.slot, p_slot);

    /* {B, P} cannot be, but {P, B} can: it is what they were. */
    in.votes[0].what.ring = 64 << 20;
    in.votes[1].what.ring = 128 << 20;
    d = decide(in, &passed_over);
    EXPECT_EQ(d->record.primary.slot, p_slot);
    EXPECT_EQ(d->record.backup.slot, b_slot);
    EXPECT_NE(passed_over.find("alfa: its log region holds"), std::string::npos) << passed_over;

    /* And so the other way round: the one that serves is the coordinator, B. */
    in = input({p, b, w}, 101);
    in.votes[0].what.ap = index_t(100);
    in.votes[1].what.ap = index_t(500);
    in.prefer = p_slot;
    d = decide(in);
    EXPECT_EQ(d->record.primary.slot, b_slot);
    EXPECT_EQ(d->record.backup.slot, p_slot);
}

TEST(vsr_decide, a_backup_that_just_failed_is_the_last_choice) {
    auto in = input({vote_of(p_slot, 4, log_of(50, {{4, 1}})),
                     vote_of(b_slot, 4, log_of(50, {{4, 1}})), vote_of(w_slot, 0, {})});
    in.avoid_backup = b_slot;
    EXPECT_EQ(decide(in)->record.backup.slot, w_slot);
    in.votes.pop_back();
    EXPECT_EQ(decide(in)->record.backup.slot, b_slot);
}

TEST(vsr_decide, a_witness_without_room_is_no_backup) {
    auto in = input({vote_of(b_slot, 4, log_of(50, {{4, 1}})), vote_of(w_slot, 0, {})});
    in.space_min = 1ULL << 40;
    EXPECT_FALSE(decide(in).ok());
}

/* It has the log already: what it has room for is all that the group can still write. */
TEST(vsr_decide, a_witness_that_stands_in_goes_on_until_its_log_is_full) {
    auto log = log_of(50, {{4, 1}, {8, 40}});
    auto p = vote_of(p_slot, 8, log, p_slot, w_slot);
    auto w = vote_of(w_slot, 8, log_of(48, {{4, 1}, {8, 40}}), p_slot, w_slot);
    auto decided = [&] {
        auto in = input({p, w});
        in.space_min = 1ULL << 30;
        return decide(in);
    };
    w.what.free_bytes = HARP_REC_OVERHEAD_MAX + HARP_WIRE_BATCH_MAX;
    auto d = decided();
    ASSERT_TRUE(d.ok()) << d.error().text;
    EXPECT_EQ(d->record.backup.slot, w_slot);
    w.what.free_bytes--;
    ASSERT_FALSE(decided().ok()) << "not even for what one message may bring";
    EXPECT_EQ(decided().error().text, "whisky: has no room for a log");
    w.what.free_bytes++;
    w.what.intact = false;
    EXPECT_FALSE(decided().ok()) << "it would have to take the whole log";
    w.what.intact = true;
    w.what.formed = view_t(4);
    w.what.view = record_of(4, p_slot, w_slot);
    EXPECT_FALSE(decided().ok()) << "of an earlier view";
}

TEST(vsr_decide, a_backup_whose_region_is_smaller_than_the_primarys_is_passed_over) {
    auto log = log_of(10, {{4, 1}});
    auto p = vote_of(p_slot, 4, log);
    auto b = vote_of(b_slot, 4, log);
    auto w = vote_of(w_slot, 0, {});
    p.what.ring = 16 << 20;
    b.what.ring = 8 << 20;
    std::string passed_over;
    auto r = decide(input({p, b, w}), &passed_over);
    ASSERT_TRUE(r.ok());
    EXPECT_EQ(r->record.primary.slot, p_slot);
    EXPECT_EQ(r->record.backup.slot, w_slot);
    EXPECT_EQ(passed_over,
              "bravo: its log region holds 8.0 MiB, expected at least alfa's 16.0 MiB");
    auto two = decide(input({p, b}));
    ASSERT_FALSE(two.ok());
    EXPECT_EQ(two.error().text,
              "bravo: its log region holds 8.0 MiB, expected at least alfa's 16.0 MiB");
    auto turned = input({p, b});
    turned.prefer = b_slot;
    EXPECT_TRUE(decide(turned).ok()) << "the larger one backs the smaller one up";
    b.what.ring = (16 << 20) - 4096;
    EXPECT_FALSE(decide(input({p, b})).ok()) << "less by the unit that HELLO tells it in";
    b.what.ring = 0;
    EXPECT_TRUE(decide(input({p, b})).ok()) << "not told";
}

TEST(vsr_decide, the_first_view_says_which_region_is_too_small) {
    auto p = vote_of(p_slot, 0, log_of(0, {}));
    auto b = vote_of(b_slot, 0, log_of(0, {}));
    p.what.ring = b.what.ring = 8 << 20;
    EXPECT_TRUE(decide(input({p, b})).ok());
    p.what.ring = 64 << 20;
    auto r = decide(input({p, b}));
    ASSERT_FALSE(r.ok());
    EXPECT_EQ(r.error().text,
              "bravo: its log region holds 8.0 MiB, expected at least alfa's 64.0 MiB");
}

TEST(vsr_decide, a_member_that_died_of_a_record_may_back_up_but_not_serve) {
    auto p = vote_of(p_slot, 4, log_of(50, {{4, 1}}));
    p.what.poisoned = true;
    auto b = vote_of(b_slot, 4, log_of(50, {{4, 1}}));
    auto d = decide(input({p, b}));
    ASSERT_TRUE(d.ok());
    EXPECT_EQ(d->record.primary.slot, b_slot);
    EXPECT_EQ(d->record.backup.slot, p_slot);
}

/* P2: whoever asked, the VIEW record says it to both. */
TEST(vsr_decide, what_a_person_skips_is_void_in_the_next_view) {
    auto p = vote_of(p_slot, 4, log_of(50, {{4, 1}}));
    auto b = vote_of(b_slot, 4, log_of(50, {{4, 1}}));
    p.what.ap = b.what.ap = p.what.lb = b.what.lb = index_t(20);
    EXPECT_TRUE(decide(input({p, b}))->record.voids.empty());
    p.what.skip = {index_t(31), index_t(33)};
    b.what.skip = {index_t(21), index_t(33), index_t(51)};
    auto d = decide(input({p, b}));
    ASSERT_TRUE(d.ok());
    EXPECT_EQ(d->record.voids, (std::vector{index_t(21), index_t(31), index_t(33)}))
            << "51 is not in the log";
    EXPECT_TRUE(validate(d->record).ok());
}

TEST(vsr_decide, what_one_copy_has_applied_the_other_does_not_skip) {
    auto p = vote_of(p_slot, 4, log_of(50, {{4, 1}}));
    auto b = vote_of(b_slot, 4, log_of(50, {{4, 1}}));
    p.what.ap = p.what.lb = index_t(20);
    b.what.ap = index_t(31);
    p.what.skip = {index_t(31), index_t(32)};
    std::string passed_over;
    auto d = decide(input({p, b}), &passed_over);
    ASSERT_TRUE(d.ok());
    EXPECT_EQ(d->record.voids, std::vector{index_t(32)});
    EXPECT_EQ(passed_over, "record 31 is not skipped: bravo has applied it");
    /* Of a witness nothing is applied. */
    auto w = vote_of(w_slot, 4, log_of(50, {{4, 1}}));
    w.what.ap = index_t(50);
    w.what.free_bytes = 1ULL << 40;
    EXPECT_EQ(decide(input({p, w}))->record.voids.size(), 2U);
}

TEST(vsr_decide, no_more_is_void_than_a_view_record_holds) {
    auto p = vote_of(p_slot, 4, log_of(50, {{4, 1}}));
    auto b = vote_of(b_slot, 4, log_of(50, {{4, 1}}));
    for (uint64_t i = 0; i < max_voids; i++) {
        p.what.skip.emplace_back(10 + i);
        b.what.skip.emplace_back(11 + i);
    }
    p.what.ap = b.what.ap = p.what.lb = b.what.lb = index_t(9);
    auto d = decide(input({p, b}));
    ASSERT_TRUE(d.ok());
    EXPECT_EQ(d->record.voids.size(), max_voids);
    EXPECT_EQ(d->record.voids.front(), index_t(10));
}

TEST(vsr_decide, who_died_of_what_is_void_now_may_serve) {
    auto p = vote_of(p_slot, 4, log_of(50, {{4, 1}}));
    auto b = vote_of(b_slot, 4, log_of(50, {{4, 1}}));
    p.what.ap = b.what.ap = p.what.lb = b.what.lb = index_t(20);
    for (auto *a : {&p.what, &b.what}) {
        a->poisoned = true;
        a->suspects = record_range{index_t(31), index_t(33)};
    }
    EXPECT_EQ(decide(input({p, b})).error().text,
              "alfa: died of a record it was applying; bravo: died of a record it was applying");
    b.what.skip = {index_t(34)};
    EXPECT_FALSE(decide(input({p, b})).ok()) << "that is none of them";
    b.what.skip = {index_t(33)};
    auto d = decide(input({p, b}));
    ASSERT_TRUE(d.ok()) << d.error().text;
    EXPECT_EQ(d->record.primary.slot, p_slot);
}

/* suspects = "stop": a new primary stops before what another has died of. */
TEST(vsr_decide, what_one_has_died_of_the_other_tries_or_not) {
    auto p = vote_of(p_slot, 4, log_of(50, {{4, 1}}));
    auto b = vote_of(b_slot, 4, log_of(50, {{4, 1}}));
    p.what.ap = b.what.ap = p.what.lb = b.what.lb = index_t(20);
    p.what.poisoned = true;
    p.what.suspects = record_range{index_t(31), index_t(33)};
    ASSERT_TRUE(decide(input({p, b})).ok()) << "suspects = \"try\"";
    p.what.stop = b.what.stop = true;
    EXPECT_EQ(decide(input({p, b})).error().text,
              "alfa: died of a record it was applying; bravo: would apply what alfa may have died "
              "of");
    b.what.ap = index_t(33);
    EXPECT_TRUE(decide(input({p, b})).ok()) << "it has applied them, and lives";
    b.what.ap = index_t(20);
    p.what.skip = {index_t(31)};
    EXPECT_TRUE(decide(input({p, b})).ok());
}

} // namespace harp::vsr::test
