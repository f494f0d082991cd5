/* SPDX-License-Identifier: GPL-2.0 */
/* What the simulator's clients are told is judged by: it must take what is right and no more. */
#include "vsr_history.hh"

#include <gtest/gtest.h>
#include <random>

namespace harp::vsr::test {

TEST(vsr_history, one_after_the_other_is_right) {
    history h;
    h.read(0, 1, 2);
    h.wrote(7, 3);
    h.write_done(7, 4);
    h.read(7, 5, 6);
    h.wrote(8, 7);
    h.write_done(8, 8);
    h.read(8, 9, 10);
    EXPECT_EQ(h.wrong(), "");
    h.read(7, 11, 12);
    EXPECT_NE(h.wrong(), "") << "what was overwritten";
}

TEST(vsr_history, a_stale_read_is_wrong_and_one_that_overlaps_the_write_is_not) {
    history h;
    h.wrote(7, 1);
    h.write_done(7, 2);
    h.wrote(8, 3);
    h.read(7, 4, 5);
    h.read(8, 6, 7);
    h.write_done(8, 9);
    EXPECT_EQ(h.wrong(), "");
    h.read(7, 8, 10);
    EXPECT_NE(h.wrong(), "") << "8 was read before, and 7 only before that";
}

TEST(vsr_history, an_answered_write_that_nobody_can_have_seen_is_wrong) {
    history h;
    h.read(0, 1, 2);
    h.wrote(7, 3);
    h.write_done(7, 4);
    h.read(0, 5, 6);
    EXPECT_NE(h.wrong(), "");
}

TEST(vsr_history, a_write_without_an_answer_may_have_happened_or_not_or_late) {
    history h;
    h.wrote(7, 1);
    h.read(0, 2, 3);
    EXPECT_EQ(h.wrong(), "") << "it has not";
    h.wrote(8, 4);
    h.write_done(8, 5);
    h.read(8, 6, 7);
    h.read(7, 8, 9);
    EXPECT_EQ(h.wrong(), "") << "it has now";
    h.read(8, 10, 11);
    EXPECT_NE(h.wrong(), "") << "and once only";
}

TEST(vsr_history, what_was_said_not_to_have_happened_is_never_read) {
    history h;
    h.wrote(7, 1);
    h.write_failed(7);
    h.read(0, 2, 3);
    EXPECT_EQ(h.wrong(), "");
    h.read(7, 4, 5);
    EXPECT_NE(h.wrong(), "");
}

TEST(vsr_history, nothing_is_read_that_nobody_wrote_or_before_it_was) {
    history h;
    h.read(7, 1, 2);
    EXPECT_NE(h.wrong(), "");
    history early;
    early.read(7, 1, 2);
    early.wrote(7, 3);
    EXPECT_NE(early.wrong(), "");
}

namespace {

/* The same by trying each order: few operations only. */
struct asked {
    bool writes;
    uint64_t value;
    uint64_t from;
    uint64_t to;
};

bool explained(const std::vector<asked> &ops, std::vector<bool> &done, size_t left,
               uint64_t value) {
    bool all = true; /* what has no answer need not happen */
    for (size_t i = 0; i < ops.size(); ++i) {
        all = all && (done[i] || ops[i].to == history::never);
    }
    if (all) {
        return true;
    }
    for (size_t i = 0; i < ops.size(); ++i) {
        bool first = !done[i] && (ops[i].writes || ops[i].value == value);
        for (size_t k = 0; k < ops.size() && first; ++k) {
            first = done[k] || k == i || ops[k].to > ops[i].from;
        }
        if (first) {
            done[i] = true;
            if (explained(ops, done, left - 1, ops[i].writes ? ops[i].value : value)) {
                return true;
            }
            done[i] = false;
        }
    }
    return false;
}

} // namespace

TEST(vsr_history, it_says_what_trying_every_order_says) {
    std::mt19937_64 rng(1);
    size_t right = 0, wrong = 0;
    for (int round = 0; round < 4000; ++round) {
        const size_t count = 3 + rng() % 4;
        std::vector<uint64_t> stamps(2 * count);
        for (size_t i = 0; i < stamps.size(); ++i) {
            stamps[i] = i + 1;
        }
        std::shuffle(stamps.begin(), stamps.end(), rng);
        std::vector<asked> ops;
        uint64_t written = 0;
        for (size_t i = 0; i < count; ++i) {
            asked a{rng() % 2 == 0, 0, stamps[2 * i], stamps[2 * i + 1]};
            if (a.from > a.to) {
                std::swap(a.from, a.to);
            }
            a.value = a.writes ? ++written : 0;
            a.to = a.writes && rng() % 4 == 0 ? history::never : a.to;
            ops.push_back(a);
        }
        history h;
        for (auto &a : ops) {
            a.value = a.writes ? a.value : rng() % (written + 1);
            if (a.writes) {
                h.wrote(a.value, a.from);
                if (a.to != history::never) {
                    h.write_done(a.value, a.to);
                }
            }
        }
        for (const auto &a : ops) {
            if (!a.writes) {
                h.read(a.value, a.from, a.to);
            }
        }
        std::vector<bool> done(ops.size());
        const bool good = explained(ops, done, ops.size(), 0);
        ASSERT_EQ(h.wrong().empty(), good) << "round " << round << ": " << h.wrong();
        (good ? right : wrong) += 1;
    }
    EXPECT_GT(right, 500U);
    EXPECT_GT(wrong, 500U);
}

} // namespace harp::vsr::test
