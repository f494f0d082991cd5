/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Random schedules: faults of every kind at random moments, invariants after every
 * event (vsr_world.hh), and at the end, when the faults have stopped, service again.
 * Then the same with one rule broken at a time: the schedules must notice. A failing
 * seed is printed; HARP_VSR_SEED=N runs that one alone, HARP_VSR_RUNS=N so many.
 */
#include "vsr_world.hh"

#include <gtest/gtest.h>

#include <cstdlib>

namespace harp::vsr::test {

namespace {

constexpr uint64_t default_runs = 2000;
constexpr duration_t schedule_length = 3s;

uint64_t from_env(const char *name, uint64_t otherwise) {
    const char *text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

struct seeds {
    uint64_t first;
    uint64_t runs;
    bool alone; /* the one that was asked for: says nothing of what all cover */
};

seeds seeds_from(uint64_t first, uint64_t share) {
    uint64_t only = from_env("HARP_VSR_SEED", 0);
    if (only != 0) {
        return {only, 1, true};
    }
    return {first, from_env("HARP_VSR_RUNS", default_runs) / share, false};
}

/* Which faults a batch of schedules leans on; a mutant needs its own kind of trouble. */
enum class bias { any, hard, soft, partition, kill, witness, leave };

class schedule {
public:
    schedule(uint64_t seed, broken_rule broken, bias lean)
        : lean_(lean), w_(configure(seed, broken)) {}

    void run() {
        w_.maybe_discard_ = w_.below(2) == 0;
        w_.start_all();
        w_.serves_within(3s);
        time_point_t end = w_.now() + schedule_length;
        while (w_.now() < end && w_.violation().empty()) {
            w_.run_for(duration_t(static_cast<int64_t>(w_.uniform() * 250e6)));
            some_work();
            if (w_.below(2) == 0) {
                some_fault();
            }
        }
    }

    /* Faults stop; everybody is up. Does the group serve again? */
    bool recovers() {
        w_.heal();
        for (slot_t s : {slot_p, slot_b, slot_w}) {
            if (!w_.at(s).up) {
                w_.start(s);
            } else if (!w_.at(s).brain) {
                w_.start_harpd(s);
            }
        }
        return w_.serves_within(20s);
    }
    /* Is a whole log of the highest view anybody formed still there? */
    bool log_survives() {
        view_t formed;
        for (slot_t s : {slot_p, slot_b, slot_w}) {
            formed = std::max(
                    {formed, w_.at(s).disk.formed, w_.replica(s).report(w_.now()).formed});
        }
        for (slot_t s : {slot_p, slot_b, slot_w}) {
            auto r = w_.replica(s).report(w_.now());
            if (r.intact && r.formed == formed && w_.at(s).disk.formed <= formed) {
                return true;
            }
        }
        return false;
    }

    world &w() { return w_; }

private:
    static world_config configure(uint64_t seed, broken_rule broken) {
        world_config c;
        c.seed = seed;
        c.broken = broken;
        std::mt19937_64 rng(seed * 7919);
        c.drift = rng() % 2 == 0;
        c.loss = rng() % 3 == 0 ? 0.1 : 0.0;
        c.twice = rng() % 2 == 0 ? 0.1 : 0.0;
        c.late = rng() % 2 == 0 ? 0.05 : 0.0;
        return c;
    }

    slot_t anybody() { return slot_t(static_cast<uint8_t>(w_.below(member_count))); }

    void some_work() {
        for (slot_t s : {slot_p, slot_b}) {
            uint64_t n = w_.below(4);
            while (n-- > 0 && w_.write(s)) {}
        }
        if (w_.below(3) == 0) {
            w_.sync(anybody());
        }
    }

    void restart_later(slot_t s) {
        duration_t d(static_cast<int64_t>(w_.uniform() * (w_.below(2) == 0 ? 80e6 : 1500e6)));
        w_.run_for(d);
        if (!w_.at(s).up) {
            w_.start(s);
        }
    }

    void crash(slot_t s, crash_kind kind) {
        w_.crash(s, kind);
        if (kind == crash_kind::soft && w_.below(5) == 0 && !w_.at(s).store.entries.empty()) {
            auto &e = w_.at(s).store.entries;
            w_.at(s).store.damaged = index_t(e.begin()->first + w_.below(e.size()));
        }
        if (w_.below(4) != 0) {
            restart_later(s);
        }
    }

    void cut_something() {
        auto server = w_.server();
        uint64_t what = w_.below(6);
        if (what < 2 && server) {
            w_.isolate(*server);
        } else if (what == 2) {
            w_.isolate(anybody());
        } else {
            slot_t a = anybody();
            slot_t b = anybody();
            what < 5 ? w_.cut(a, b) : w_.cut_both(a, b);
        }
    }

    /* The witness loses power while it is all that is left beside a primary that dies, too. */
    void witness_trouble() {
        slot_t data = w_.below(2) == 0 ? slot_p : slot_b;
        auto server = w_.server();
        if (!server || w_.replica(slot_w).current_role() != role::backup) {
            w_.isolate(data);
            return;
        }
        for (int i = 0; i < 5; ++i) {
            w_.write(*server);
        }
        w_.run_for(30ms);
        w_.crash(slot_w, crash_kind::hard);
        w_.start(slot_w);
        w_.crash(*server, crash_kind::hard);
        w_.heal();
    }

    void some_fault() {
        auto server = w_.server();
        slot_t target = server && w_.below(2) == 0 ? *server : anybody();
        uint64_t dice = w_.below(12);
        bool leaned = lean_ != bias::any && w_.below(3) != 0;
        if (leaned && lean_ == bias::witness && w_.at(slot_w).up) {
            witness_trouble();
        } else if (leaned && lean_ == bias::leave) {
            w_.leave_by_itself(target);
        } else if (leaned ? lean_ == bias::hard : dice < 2) {
            crash(target, crash_kind::hard);
        } else if (leaned ? lean_ == bias::soft : dice < 4) {
            crash(target, crash_kind::soft);
        } else if (leaned ? lean_ == bias::kill : dice < 5) {
            w_.kill_harpd(target);
            restart_later(target);
            if (w_.at(target).up && !w_.at(target).brain) {
                w_.start_harpd(target);
            }
        } else if (leaned ? lean_ == bias::partition : dice < 9) {
            cut_something();
        } else if (dice < 10) {
            w_.pause(target, 1ms * (50 + w_.below(1500)));
        } else {
            w_.heal();
            for (slot_t s : {slot_p, slot_b, slot_w}) {
                if (!w_.at(s).up) {
                    w_.start(s);
                } else if (!w_.at(s).brain) {
                    w_.start_harpd(s);
                }
            }
        }
    }

    bias lean_;
    world w_;
};

struct batch {
    std::string violation;
    uint64_t runs = 0;
    uint64_t views = 0;
    uint64_t takeovers = 0;
    uint64_t cuts = 0;
    uint64_t fed = 0;
    uint64_t returns = 0;
    uint64_t events = 0;
};

batch run_batch(uint64_t first, uint64_t runs, broken_rule broken, bias lean) {
    batch out;
    for (uint64_t seed = first; seed < first + runs; ++seed) {
        schedule s(seed, broken, lean);
        s.run();
        ++out.runs;
        out.views += s.w().views();
        out.takeovers += s.w().takeovers();
        out.cuts += s.w().cuts();
        out.fed += s.w().fed();
        out.returns += s.w().returns();
        out.events += s.w().events();
        if (!s.w().violation().empty()) {
            out.violation = s.w().violation();
            break;
        }
    }
    return out;
}

} // namespace

TEST(vsr_random, random_schedules_break_no_invariant) {
    const auto [first, runs, alone] = seeds_from(1, 1);
    batch b = run_batch(first, runs, broken_rule::none, bias::any);
    EXPECT_EQ(b.violation, "");
    EXPECT_EQ(b.runs, runs);
    RecordProperty("views", std::to_string(b.views));
    fmt::print("{} schedules, {} events, {} views, {} fences under a live lease, {} truncations, "
               "{} records fed, {} returns\n",
               b.runs, b.events, b.views, b.takeovers, b.cuts, b.fed, b.returns);
    if (!alone) {
        /* Coverage: schedules that never get anywhere prove nothing. */
        EXPECT_GT(b.views, runs * 3 / 2);
        EXPECT_GT(b.takeovers, runs / 40);
        EXPECT_GT(b.cuts, runs / 50);
        EXPECT_GT(b.fed, runs / 50);
        EXPECT_GT(b.returns, runs / 50);
    }
}

TEST(vsr_random, when_faults_stop_and_a_whole_log_is_left_the_group_serves) {
    const seeds all = seeds_from(100001, 20);
    uint64_t recovered = 0;
    for (uint64_t seed = all.first; seed < all.first + all.runs; ++seed) {
        schedule s(seed, broken_rule::none, bias::any);
        s.run();
        ASSERT_EQ(s.w().violation(), "");
        bool served = s.recovers();
        ASSERT_EQ(s.w().violation(), "");
        recovered += served ? 1 : 0;
        EXPECT_TRUE(served || !s.log_survives()) << "seed " << seed;
    }
    EXPECT_GT(recovered, all.runs / 2);
}

/* As the kernel does at a media failure; but these may return. */
TEST(vsr_random, replicas_that_leave_by_themselves_break_nothing_and_are_followed) {
    const auto [first, runs, alone] = seeds_from(200001, 10);
    uint64_t leaves = 0;
    for (uint64_t seed = first; seed < first + runs; ++seed) {
        schedule s(seed, broken_rule::none, bias::leave);
        s.run();
        ASSERT_EQ(s.w().violation(), "");
        bool served = s.recovers();
        ASSERT_EQ(s.w().violation(), "");
        EXPECT_TRUE(served || !s.log_survives()) << "seed " << seed;
        leaves += s.w().leaves();
    }
    EXPECT_TRUE(alone || leaves > runs) << leaves;
}

struct mutant {
    const char *name;
    broken_rule rule;
    bias lean;
    uint64_t budget; /* schedules within which it must be caught */
};

static void PrintTo(const mutant &m, std::ostream *out) {
    *out << m.name;
}

class vsr_mutant : public testing::TestWithParam<mutant> {};

TEST_P(vsr_mutant, is_caught) {
    const mutant &m = GetParam();
    batch b = run_batch(1, m.budget, m.rule, m.lean);
    EXPECT_NE(b.violation, "") << m.name << " survived " << b.runs << " schedules";
    fmt::print("{}: caught after {} schedules: {}\n", m.name, b.runs, b.violation);
}

INSTANTIATE_TEST_SUITE_P(
        vsr_random, vsr_mutant,
        testing::Values(
                mutant{"resume_view", broken_rule::resume_view, bias::soft, 3000},
                mutant{"equal_view_numbers", broken_rule::equal_view_numbers, bias::partition,
                       1000},
                mutant{"serve_before_started", broken_rule::serve_before_started, bias::any, 3000},
                mutant{"agree_without_fence", broken_rule::agree_without_fence, bias::any, 3000},
                mutant{"no_hold", broken_rule::no_hold, bias::kill, 3000},
                mutant{"count_lossy", broken_rule::count_lossy, bias::hard, 3000},
                mutant{"longest_log", broken_rule::longest_log, bias::partition, 3000},
                mutant{"choose_by_last_record", broken_rule::choose_by_last_record, bias::any,
                       1000},
                mutant{"fresh_region_complete", broken_rule::fresh_region_complete, bias::hard,
                       400},
                mutant{"no_watermark", broken_rule::no_watermark, bias::soft, 3000},
                mutant{"started_before_disk", broken_rule::started_before_disk, bias::any, 3000},
                mutant{"promise_ignored", broken_rule::promise_ignored, bias::partition, 3000},
                mutant{"feed_uncommitted", broken_rule::feed_uncommitted, bias::soft, 3000},
                mutant{"lease_from_receipt", broken_rule::lease_from_receipt, bias::partition,
                       2000},
                mutant{"witness_tail_after_boot", broken_rule::witness_tail_after_boot,
                       bias::witness, 3000}),
        [](const auto &which) { return std::string(which.param.name); });

} // namespace harp::vsr::test
