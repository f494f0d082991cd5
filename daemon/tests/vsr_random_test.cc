/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Some of the simulator's schedules under the sanitizers. The many, and the broken rules that
 * they must notice, are simulate.cc's.
 */
#include "vsr_mutants.hh"

#include <gtest/gtest.h>

namespace harp::vsr::test {

TEST(vsr_random, random_schedules_break_no_invariant) {
    constexpr uint64_t schedules = 300;
    const outcome o = run_seeds(1, schedules);
    EXPECT_EQ(o.violation, "");
    EXPECT_EQ(o.covered.schedules, schedules);
    fmt::print("{}\n", o.covered.text());
}

TEST(vsr_random, a_seed_says_all_of_its_schedule) {
    for (uint64_t seed : {7U, 8U, 9U}) {
        EXPECT_EQ(run_seeds(seed, 1).covered.text(), run_seeds(seed, 1).covered.text());
    }
}

/* As the kernel does at a media failure; but these may return. */
TEST(vsr_random, replicas_that_leave_by_themselves_break_nothing_and_are_followed) {
    const outcome o = run_schedules(200001, 60, broken_rule::none, bias::leave);
    EXPECT_EQ(o.violation, "");
    EXPECT_GT(o.covered.leaves, o.covered.schedules);
}

/* Of a promise's giver a hidden pause only makes the promise longer. */
TEST(vsr_random, pauses_that_no_primary_misses_may_be_hidden) {
    EXPECT_EQ(run_schedules(300001, 60, broken_rule::none, bias::hidden_other).violation, "");
}

/* P1: and whose log was sealed has it whole when it starts again (checker::attached). */
TEST(vsr_random, power_that_goes_with_a_warning_takes_nothing) {
    const outcome o = run_schedules(400001, 60, broken_rule::none, bias::power);
    EXPECT_EQ(o.violation, "");
    EXPECT_GT(o.covered.sealed, o.covered.schedules);
}

TEST(vsr_random, a_broken_rule_is_noticed) {
    for (const mutant &m : mutants) {
        if (m.budget <= 200) {
            EXPECT_NE(run_schedules(1, m.budget, m.rule, m.lean).violation, "") << m.name;
        }
    }
}

} // namespace harp::vsr::test
