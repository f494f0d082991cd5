/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The deterministic simulator (vsr_schedule.hh) at full speed: `make simulate`.
 *
 * usage: simulate [--check] [--seeds FROM[-TO]] [--mutant NAME] [--list]
 *
 * --check: what `make check` wants; so many schedules, what they have been through, and each
 * broken rule, which must be noticed. --seeds: those schedules, of which each is wholly given by
 * its seed. --mutant: one broken rule. HARP_VSR_TRACE=1 tells the story of a seed. The output is
 * KTAP; the status is 0 when nothing was wrong.
 */
#include "vsr_mutants.hh"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <string_view>

namespace harp::vsr::test {

namespace {

constexpr uint64_t checked_schedules = 24000;
constexpr uint64_t batch_size = 2000;
constexpr uint64_t batches_most = 100;

class ktap {
public:
    explicit ktap(size_t planned) { fmt::print("KTAP version 1\n1..{}\n", planned); }
    void result(bool good, std::string_view name, std::string_view why = {}) {
        fmt::print("{} {} {}{}{}\n", good ? "ok" : "not ok", ++number_, name,
                   why.empty() ? "" : ": ", why);
        failed_ += good ? 0 : 1;
        std::fflush(stdout);
    }
    int status() const { return failed_ == 0 ? 0 : 1; }

private:
    size_t number_ = 0;
    size_t failed_ = 0;
};

struct seed_range {
    uint64_t first = 1;
    uint64_t last = checked_schedules;

    uint64_t count() const { return last - first + 1; }
    uint64_t batch() const {
        return std::max(batch_size, (count() + batches_most - 1) / batches_most);
    }
    size_t batches() const { return (count() + batch() - 1) / batch(); }
};

std::optional<seed_range> parse_range(std::string_view text) {
    seed_range r;
    const char *const end = text.data() + text.size();
    auto first = std::from_chars(text.data(), end, r.first);
    if (first.ec != std::errc()) {
        return std::nullopt;
    }
    r.last = r.first;
    if (first.ptr != end) {
        if (*first.ptr != '-') {
            return std::nullopt;
        }
        auto last = std::from_chars(first.ptr + 1, end, r.last);
        if (last.ec != std::errc() || last.ptr != end) {
            return std::nullopt;
        }
    }
    /* As many schedules as a lifetime has no room for are no range either. */
    return r.last >= r.first && r.last < UINT64_MAX ? std::optional(r) : std::nullopt;
}

coverage run_range(const seed_range &r, ktap &out) {
    coverage all;
    for (uint64_t first = r.first; first <= r.last; first += r.batch()) {
        const uint64_t count = std::min(r.batch(), r.last - first + 1);
        const auto began = std::chrono::steady_clock::now();
        const outcome o = run_seeds(first, count);
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
        all.add(o.covered);
        if (!o.violation.empty()) {
            fmt::print("# HARP_VSR_TRACE=1 make simulate SEEDS={} tells its story\n",
                       first + o.covered.schedules - 1);
        }
        out.result(o.violation.empty(),
                   fmt::format("seeds {}-{}, {:.1f} s", first, first + count - 1, took.count()),
                   o.violation);
    }
    fmt::print("# {}\n", all.text());
    return all;
}

/* Schedules that never get anywhere prove nothing: a third of what they usually come to. */
std::string not_covered(const coverage &c) {
    struct least {
        const char *what;
        uint64_t seen;
        double each; /* schedule */
    };
    for (const least &l : {least{"fences asked for under a live lease", c.takeovers, 0.08},
                           {"truncations", c.truncations, 0.03},
                           {"AGREEs without a log", c.lossy, 1},
                           {"views", c.views, 1.5},
                           {"returns", c.returns, 0.08},
                           {"records fed", c.fed, 4},
                           {"reads", c.reads, 10},
                           {"writes", c.writes, 10},
                           {"writes answered in a later view", c.late, 0.5},
                           {"groups that served at the end", c.served, 0.7},
                           {"deaf primaries", c.deaf, 0.03},
                           {"sealed logs that outlive their power", c.sealed, 0.02}}) {
        if (static_cast<double>(l.seen) < l.each * static_cast<double>(c.schedules)) {
            return fmt::format("{} {} in {} schedules, expected {} in each at least", l.seen,
                               l.what, c.schedules, l.each);
        }
    }
    return {};
}

void run_mutant(const mutant &m, ktap &out) {
    const outcome o = run_schedules(1, m.budget, m.rule, m.lean);
    const bool noticed = !o.violation.empty();
    if (noticed) {
        fmt::print("# {}: after {} schedules of {}: {}\n", m.name, o.covered.schedules, m.budget,
                   o.violation);
    }
    out.result(noticed, fmt::format("broken: {} is noticed", m.name),
               noticed ? "" : fmt::format("nothing was wrong in {} schedules", m.budget));
}

int check_all() {
    const seed_range r;
    ktap out(r.batches() + 1 + std::size(mutants));
    const auto missing = not_covered(run_range(r, out));
    out.result(missing.empty(), "the schedules go everywhere", missing);
    for (const mutant &m : mutants) {
        run_mutant(m, out);
    }
    return out.status();
}

int usage() {
    fmt::print(stderr, "usage: simulate [--check] [--seeds FROM[-TO]] [--mutant NAME] [--list]\n");
    return 2;
}

int run(const std::vector<std::string_view> &args) {
    if (args.size() == 1 && args[0] == "--check") {
        return check_all();
    }
    if (args.size() == 1 && args[0] == "--list") {
        for (const mutant &m : mutants) {
            fmt::print("{}\n", m.name);
        }
        return 0;
    }
    if (args.size() == 2 && args[0] == "--seeds") {
        const auto r = parse_range(args[1]);
        if (!r) {
            fmt::print(stderr, "simulate: --seeds {}: expected FROM or FROM-TO\n", args[1]);
            return 2;
        }
        ktap out(r->batches());
        run_range(*r, out);
        return out.status();
    }
    if (args.size() == 2 && args[0] == "--mutant") {
        for (const mutant &m : mutants) {
            if (args[1] == m.name) {
                ktap out(1);
                run_mutant(m, out);
                return out.status();
            }
        }
        fmt::print(stderr, "simulate: no mutant {}; --list tells which there are\n", args[1]);
        return 2;
    }
    return usage();
}

} // namespace

} // namespace harp::vsr::test

int main(int argc, char **argv) {
    return harp::vsr::test::run({argv + 1, argv + argc});
}
