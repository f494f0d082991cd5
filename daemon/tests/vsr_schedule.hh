/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A random schedule, all of it from its seed: clients, faults of every kind at random moments,
 * the invariants after every event (vsr_checker.hh), what the clients were told at the end
 * (vsr_history.hh), and when the faults have stopped, service again.
 */
#pragma once

#include "vsr_clients.hh"

namespace harp::vsr::test {

/* Which faults a schedule leans on; a broken rule needs its own kind of trouble. */
enum class bias {
    any,
    hard,
    soft,
    partition,
    kill,
    witness,
    leave,
    acks,     /* that take long */
    stale,    /* who serves is cut off, and clients go on asking it */
    unserved, /* one enters a view, the other not, and the one loses its memory */
    pause,
    hidden,         /* pauses that a primary's clock does not show: forbidden with leases by time */
    hidden_confirm, /* the same, with lease=confirm */
    hidden_other,   /* of those who are none */
    power           /* goes with a warning, or comes back after one */
};

/* What schedules have been through. */
struct coverage {
    uint64_t schedules = 0;
    uint64_t events = 0;
    uint64_t views = 0;
    uint64_t takeovers = 0; /* fences asked for under a live lease */
    uint64_t truncations = 0;
    uint64_t lossy = 0; /* AGREEs of members without their logs */
    uint64_t fed = 0;
    uint64_t returns = 0;
    uint64_t leaves = 0;
    uint64_t reads = 0;
    uint64_t writes = 0;
    uint64_t late = 0;    /* writes answered in a later view */
    uint64_t served = 0;  /* when the faults had stopped */
    uint64_t stopped = 0; /* for no whole log was left */
    uint64_t deaf = 0;    /* whose primary then heard nobody any more */
    uint64_t sealed = 0;  /* members whose power went when their logs were sealed */

    void add(const coverage &o) {
        for (auto field :
             {&coverage::schedules, &coverage::events, &coverage::views, &coverage::takeovers,
              &coverage::truncations, &coverage::lossy, &coverage::fed, &coverage::returns,
              &coverage::leaves, &coverage::reads, &coverage::writes, &coverage::late,
              &coverage::served, &coverage::stopped, &coverage::deaf, &coverage::sealed}) {
            this->*field += o.*field;
        }
    }
    std::string text() const {
        return fmt::format(
                "{} schedules, {} events, {} views, {} fences asked for under a live lease, {} "
                "truncations, {} AGREEs without a log, {} records fed, {} returns, {} reads, {} "
                "writes, {} of them answered in a later view, {} sealed logs; then {} served, {} "
                "had no whole log left, {} lost a deaf primary",
                schedules, events, views, takeovers, truncations, lossy, fed, returns, reads,
                writes, late, sealed, served, stopped, deaf);
    }
};

class schedule {
public:
    static constexpr duration_t length = 3s;

    schedule(uint64_t seed, broken_rule broken, bias lean)
        : lean_(lean), w_(configure(seed, broken, lean)),
          clients_(w_, lean == bias::hidden_confirm) {}

    /* Empty, or what is wrong. */
    std::string run() {
        if (hidden()) {
            w_.check().look_away();
        }
        w_.maybe_discard_ = w_.below(2) == 0;
        w_.start_all();
        w_.serves_within(3s);
        const time_point_t end = w_.now() + length;
        while (w_.now() < end && w_.violation().empty()) {
            w_.run_for(w_.some({}, 250ms));
            some_work();
            if (w_.below(2) == 0) {
                some_fault();
            }
        }
        if (w_.violation().empty()) {
            calm();
        }
        return w_.violation();
    }
    coverage covered() const {
        coverage c = seen_;
        c.schedules = 1;
        c.events = w_.events();
        c.views = w_.views();
        c.takeovers = w_.takeovers();
        c.truncations = w_.cuts();
        c.lossy = w_.lossy();
        c.fed = w_.fed();
        c.returns = w_.returns();
        c.leaves = w_.leaves();
        c.reads = clients_.reads();
        c.writes = clients_.writes();
        c.late = clients_.late();
        c.sealed = w_.cut_sealed();
        return c;
    }

private:
    static world_config configure(uint64_t seed, broken_rule broken, bias lean) {
        world_config c;
        c.seed = seed;
        c.broken = broken;
        c.applies_later = true;
        std::mt19937_64 rng(seed * 7919);
        c.drift = rng() % 2 == 0;
        c.loss = rng() % 3 == 0 ? 0.1 : 0.0;
        c.twice = rng() % 2 == 0 ? 0.1 : 0.0;
        c.late = rng() % 2 == 0 ? 0.05 : 0.0;
        c.kept = rng() % 2 == 0 ? 0.1 : 0.0;
        if (lean == bias::acks) {
            c.loss = 0;
        }
        return c;
    }

    slot_t anybody() { return slot_t(static_cast<uint8_t>(w_.below(member_count))); }
    slot_t data_member() { return w_.below(2) == 0 ? slot_p : slot_b; }

    void some_work() {
        for (slot_t s : {slot_p, slot_b}) {
            uint64_t n = w_.below(4);
            while (n-- > 0 && w_.write(s)) {}
        }
        if (w_.below(3) == 0) {
            w_.sync_later(anybody());
        }
    }

    /* Everybody is up, and everything carries. */
    void repair() {
        w_.heal();
        for (slot_t s : {slot_p, slot_b, slot_w}) {
            w_.delay_acks(s, {});
            if (!w_.at(s).up) {
                w_.start(s);
            } else if (!w_.at(s).brain) {
                w_.start_harpd(s);
            }
        }
    }
    void restart_later(slot_t s) {
        w_.run_for(w_.below(2) == 0 ? w_.some({}, 80ms) : w_.some({}, 1500ms));
        if (!w_.at(s).up) {
            w_.start(s);
        }
    }
    void crash(slot_t s, crash_kind kind) {
        if (!w_.at(s).up) {
            return;
        }
        w_.crash(s, kind);
        if (kind == crash_kind::soft && w_.below(5) == 0 && !w_.at(s).store.entries.empty()) {
            auto &e = w_.at(s).store.entries;
            w_.damage(s, index_t(e.begin()->first + w_.below(e.size())));
        } else if (kind == crash_kind::soft && w_.below(3) == 0) {
            w_.tear(s);
        }
        if (w_.below(4) != 0) {
            restart_later(s);
        }
    }
    void kill_harpd(slot_t s) {
        w_.kill_harpd(s);
        restart_later(s);
        if (w_.at(s).up && !w_.at(s).brain) {
            w_.start_harpd(s);
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
        auto server = w_.server();
        if (!server || w_.replica(slot_w).current_role() != role::backup) {
            w_.isolate(data_member());
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
    /* Who serves is cut off, in one direction or both; the others go on, and clients ask it. */
    void leave_the_server_alone() {
        auto server = w_.server();
        if (!server) {
            return;
        }
        for (slot_t s : {slot_p, slot_b, slot_w}) {
            if (s != *server) {
                w_.cut(s, *server);
                if (w_.below(3) != 0) {
                    w_.cut(*server, s);
                }
            }
        }
        w_.run_for(w_.some(300ms, 1500ms));
        if (w_.below(2) == 0) {
            w_.heal();
            w_.run_for(w_.some({}, 300ms));
        }
    }
    void crash_where_one_alone_has_entered() {
        const auto server = w_.server();
        if (!server) {
            repair();
            return;
        }
        w_.isolate(*server);
        std::optional<slot_t> alone;
        w_.run_until(w_.now() + 2s, [&] {
            for (slot_t s : {slot_p, slot_b}) {
                const auto &d = w_.at(s).disk;
                const slot_t other = d.view && d.view->primary.slot != s ? d.view->primary.slot
                                     : d.view                            ? d.view->backup.slot
                                                                         : s;
                if (w_.at(s).up && s != *server && w_.at(other).disk.formed < d.formed) {
                    alone = s;
                }
            }
            return alone.has_value();
        });
        if (alone) {
            w_.crash(*alone, crash_kind::hard);
            w_.start(*alone);
            w_.run_for(w_.some(500ms, 2500ms));
        }
        w_.heal();
        w_.run_for(w_.some({}, 1500ms));
    }
    void delay_acks() {
        for (slot_t s : {slot_p, slot_b, slot_w}) {
            w_.delay_acks(s, w_.below(3) == 0 ? duration_t() : w_.some(20ms, 380ms));
        }
    }
    bool hidden() const { return lean_ == bias::hidden || lean_ == bias::hidden_confirm; }
    /* A hidden one forgets what a primary must not: see bias. */
    void pause(slot_t s) {
        const bool waits = w_.now() < w_.at(s).paused_until;
        const bool others = lean_ == bias::hidden_other && w_.at(s).up && !waits &&
                            w_.replica(s).current_role() != role::primary && !w_.at(s).service &&
                            w_.replica(s).adopting() == nullptr;
        w_.pause(s, 1ms * (50 + w_.below(1500)), (hidden() && !waits) || others);
    }
    /* P1: it goes everywhere at about the same time, and nearly all are told before. */
    void lose_power() {
        repair();
        for (slot_t s : {slot_p, slot_b, slot_w}) {
            if (w_.below(8) != 0) {
                w_.warn(s, true);
                w_.run_for(w_.some({}, 60ms));
            }
        }
        if (w_.below(4) == 0) {
            w_.run_for(w_.some({}, 200ms));
            power_stays();
            return;
        }
        w_.run_until(w_.now() + 2s, [this] {
            const auto waits = [this](slot_t s) {
                return w_.at(s).up && w_.brain(s).state() == member_state::sealing;
            };
            return !waits(slot_p) && !waits(slot_b) && !waits(slot_w);
        });
        for (slot_t s : {slot_p, slot_b, slot_w}) {
            w_.crash(s, crash_kind::hard);
        }
        w_.run_for(w_.some({}, 300ms));
        for (slot_t s : {slot_w, slot_b, slot_p}) {
            w_.start(s);
            w_.run_for(w_.some({}, 100ms));
        }
    }
    /* Finding 20: after all that is sealed comes more; and then it goes without a word. */
    void power_stays() {
        for (slot_t s : {slot_p, slot_b, slot_w}) {
            w_.warn(s, false);
        }
        if (w_.below(2) == 0 || !w_.serves_within(3s)) {
            return;
        }
        for (int i = 0; i < 5; ++i) {
            some_work();
            w_.run_for(w_.some({}, 200ms));
        }
        w_.crash(slot_p, crash_kind::hard);
        w_.crash(slot_b, crash_kind::hard);
        w_.run_for(w_.some({}, 100ms));
        w_.start(slot_p);
        w_.start(slot_b);
    }
    void leaned_fault(slot_t target) {
        switch (lean_) {
        case bias::witness:
            w_.at(slot_w).up ? witness_trouble() : repair();
            break;
        case bias::leave:
            w_.leave_by_itself(target);
            break;
        case bias::hard:
            crash(target, crash_kind::hard);
            break;
        case bias::soft:
            crash(target, crash_kind::soft);
            break;
        case bias::kill:
            kill_harpd(target);
            break;
        case bias::acks:
            w_.below(3) == 0 ? leave_the_server_alone() : delay_acks();
            break;
        case bias::unserved:
            crash_where_one_alone_has_entered();
            break;
        case bias::stale:
            leave_the_server_alone();
            break;
        case bias::power:
            lose_power();
            break;
        case bias::pause:
        case bias::hidden:
        case bias::hidden_confirm:
        case bias::hidden_other:
            pause(target);
            break;
        default:
            cut_something();
        }
    }
    void some_fault() {
        auto server = w_.server();
        slot_t target = server && w_.below(2) == 0 ? *server : anybody();
        if (lean_ != bias::any && w_.below(3) != 0) {
            leaned_fault(target);
            return;
        }
        switch (w_.below(17)) {
        case 0:
        case 1:
            crash(target, crash_kind::hard);
            break;
        case 2:
        case 3:
        case 4:
            crash(target, crash_kind::soft);
            break;
        case 5:
            kill_harpd(target);
            break;
        case 14: /* an object goes, and another comes: a module loaded anew, a file system mounted
                  */
            crash(target, crash_kind::process);
            break;
        case 6:
        case 7:
        case 8:
            cut_something();
            break;
        case 9:
        case 10:
            leave_the_server_alone();
            break;
        case 11:
            pause(target);
            break;
        case 12:
            w_.replay();
            break;
        case 13:
            delay_acks();
            break;
        default:
            repair();
        }
    }

    /* ---- no fault any more ---- */

    void calm() {
        repair();
        w_.calm();
        if (w_.below(4) == 0) {
            w_.crash(anybody(), crash_kind::soft); /* two are enough */
            w_.run_for(1s);
        }
        const bool hope = can_serve();
        w_.run_for(500ms); /* whoever serves by what was promised before */
        const bool served = w_.serves_within(20s);
        if (!w_.violation().empty()) {
            return;
        }
        if (!served && hope) {
            w_.check().broke("nobody serves, two are up at least, and a whole log is there");
            return;
        }
        ++(served ? seen_.served : seen_.stopped);
        w_.run_for(200ms);
        if (const auto s = w_.server(); s && w_.violation().empty()) {
            clients_.end(*s);
        }
        if (const auto what = clients_.wrong(); !what.empty()) {
            w_.check().broke(what);
        } else if (served && w_.below(8) == 0) {
            deafen();
        } else if (served && w_.below(8) == 0) {
            rest();
        }
    }
    /* Members find their places, and keep them. */
    void rest() {
        repair();
        w_.run_for(3s);
        const uint64_t before = w_.views();
        /* Where P serves with B there is no better view; else one of them may yet return. */
        const bool best = w_.server() == slot_p && w_.replica(slot_p).view().backup.slot == slot_b;
        w_.run_for(6s);
        if (w_.views() > before + (best ? 0 : 2)) {
            w_.check().broke(
                    fmt::format("{} views within 6 s, and nothing fails", w_.views() - before));
        }
    }
    /* L2: who hears nothing keeps the service from nobody. */
    void deafen() {
        const auto whole = [this] {
            const auto s = w_.server();
            if (!s) {
                return false;
            }
            const slot_t backup = w_.replica(*s).view().backup.slot;
            return backup != slot_w && w_.replica(backup).current_role() == role::backup;
        };
        repair();
        w_.run_for(1s); /* who has just come back holds still */
        if (!w_.run_until(w_.now() + 3s, whole)) {
            return;
        }
        const slot_t deaf = *w_.server();
        for (slot_t s : {slot_p, slot_b, slot_w}) {
            if (s != deaf) {
                w_.cut(s, deaf);
            }
        }
        ++seen_.deaf;
        const auto other = [&] {
            const auto s = w_.server();
            return s && *s != deaf;
        };
        if (!w_.run_until(w_.now() + 15s, other)) {
            w_.check().broke("nobody serves in place of a primary that hears nothing");
        }
    }
    /*
     * Of those who are up: is a whole log of the highest view that any of them formed there, and
     * do their logs reach back to the disks of two, or of one beside the witness?
     */
    bool can_serve() {
        std::vector<node *> up;
        view_t formed;
        for (slot_t s : {slot_p, slot_b, slot_w}) {
            if (w_.at(s).up) {
                up.push_back(&w_.at(s));
                formed = std::max({formed, w_.at(s).disk.formed, region_formed(s)});
            }
        }
        node *donor = nullptr;
        for (node *n : up) {
            if (n->replica->intact() && region_formed(n->slot) == formed &&
                (!donor || n->replica->log().top > donor->replica->log().top)) {
                donor = n;
            }
        }
        if (!donor) {
            return false;
        }
        std::vector<candidate_log> others;
        for (const node *n : up) {
            if (n != donor) {
                others.push_back({n->slot, &n->replica->log()});
            }
        }
        const index_t base = extend_reach({donor->slot, &donor->replica->log()}, others).log.base;
        const auto able = std::count_if(up.begin(), up.end(), [&](const node *n) {
            return n->slot != slot_w && base <= n->files.durable() + 1;
        });
        return able >= (w_.at(slot_w).up ? 1 : 2);
    }
    view_t region_formed(slot_t s) { return w_.replica(s).report(w_.local(w_.at(s))).formed; }

    bias lean_;
    world w_;
    clients clients_;
    coverage seen_;
};

struct outcome {
    std::string violation; /* of the last schedule, if any */
    coverage covered;
};

/* Until one breaks something. */
inline outcome run_schedules(uint64_t first, uint64_t count, broken_rule broken = broken_rule::none,
                             bias lean = bias::any) {
    outcome out;
    for (uint64_t seed = first; seed < first + count && out.violation.empty(); ++seed) {
        schedule s(seed, broken, lean);
        out.violation = s.run();
        out.covered.add(s.covered());
    }
    return out;
}

/* What a seed leans on, so that it alone says all. */
inline bias lean_of(uint64_t seed) {
    constexpr bias leans[] = {bias::hard,     bias::soft,  bias::partition,    bias::kill,
                              bias::witness,  bias::leave, bias::acks,         bias::stale,
                              bias::unserved, bias::pause, bias::hidden_other, bias::hidden_confirm,
                              bias::power};
    return seed % 2 != 0 ? bias::any : leans[seed / 2 % std::size(leans)];
}

inline outcome run_seeds(uint64_t first, uint64_t count) {
    outcome out;
    for (uint64_t seed = first; seed - first < count && out.violation.empty(); ++seed) {
        outcome one = run_schedules(seed, 1, broken_rule::none, lean_of(seed));
        out.violation = std::move(one.violation);
        out.covered.add(one.covered);
    }
    return out;
}

} // namespace harp::vsr::test
