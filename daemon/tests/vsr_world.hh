/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Three members in memory: core, replica object, log store, state file and network
 * as separate actors with queues between them, on one true clock; each member's own
 * clock may run fast or slow. Everything follows from the seed. After every event the
 * invariants are looked at; the first broken one is kept in violation().
 */
#pragma once

#include "vsr_checker.hh"

#include <cstdlib>
#include <functional>
#include <random>

namespace harp::vsr::test {

struct world_config {
    uint64_t seed = 1;
    broken_rule broken = broken_rule::none;
    double loss = 0.0;
    double twice = 0.0;
    double late = 0.0; /* probability that a copy arrives much later */
    double kept = 0.0; /* that a copy is kept, for replay() */
    bool drift = false;
    bool applies_later = false;              /* an apply thread of its own */
    std::optional<size_t> witness_room = {}; /* records that its file takes */
    timings times = quick_timings();
};

/* What uses the members from outside: told of all that concerns it. */
class load {
public:
    virtual ~load() = default;
    virtual void stepped() = 0;          /* an event has run */
    virtual void released(slot_t s) = 0; /* G3: its parked operations */
    virtual void crashed(slot_t s) = 0;
};

class world {
public:
    using node = test::node;

    explicit world(world_config cfg) : cfg_(cfg), rng_(cfg.seed) {
        for (uint8_t i = 0; i < member_count; ++i) {
            node &n = nodes_[i];
            n.slot = slot_t(i);
            n.disk = make_disk(n.slot);
            n.store.broken = cfg.broken;
            n.rate = cfg.drift ? 0.96 + 0.08 * uniform() : 1.0;
            n.offset = 1s * (1 + i);
        }
    }

    /* ---- what tests do ---- */

    void start_all() {
        for (auto &n : nodes_) {
            start(n.slot);
        }
    }

    void start(slot_t s) {
        node &n = at(s);
        ++n.life;
        n.up = true;
        n.store.sealed = n.sealed;
        object_config oc{make_members(), s, 10s, cfg_.broken, cfg_.applies_later};
        n.replica = std::make_unique<object>(oc, n.store);
        if (s == slot_w) {
            n.replica->set_space(witness_room(), 0);
        } else {
            n.replica->set_lb(n.files.durable());
        }
        n.entered.clear();
        n.applying = false;
        n.fetching.reset();
        n.feed.reset();
        start_harpd(s);
        poll(s, n.life);
        link_timer(s, n.life);
    }

    void start_harpd(slot_t s) {
        node &n = at(s);
        ++n.harpd_life;
        config cc;
        cc.group = make_group();
        cc.members = make_members();
        cc.self = s;
        cc.times = cfg_.times;
        cc.broken = cfg_.broken;
        cc.space_min = cfg_.witness_room.value_or(0) / 16;
        n.tick_at = {};
        n.brain = std::make_unique<core>(cc, n.disk, n.replica->report(local(n)), local(n));
        carry_out(s);
    }

    void crash(slot_t s, crash_kind kind) {
        node &n = at(s);
        if (!n.up) {
            return;
        }
        say(n, fmt::format("crash, kind {}", static_cast<int>(kind)));
        cut_sealed_ += kind == crash_kind::hard && n.is_sealed() ? 1 : 0;
        n.whole_at_crash = (kind != crash_kind::hard && n.replica->inc() && n.replica->intact()) ||
                           n.is_sealed();
        n.up = false;
        ++n.life;
        ++n.harpd_life;
        n.brain.reset();
        n.replica.reset();
        n.link.reset();
        n.service.reset();
        if (kind == crash_kind::hard && s != slot_w) {
            n.store = memory_store();
            n.store.broken = cfg_.broken;
        } else if (kind == crash_kind::hard) {
            n.store.same_boot = false; /* the file keeps what was fsynced, and perhaps more */
            if (below(2) == 0) {
                n.store.header = n.store.on_disk;
            }
            uint64_t kept = n.store.fsynced.value() + below(n.store.entries.size() + 1);
            n.store.entries.erase(n.store.entries.upper_bound(kept), n.store.entries.end());
        }
        n.store.syncing.reset();
        n.files.crash([this](uint64_t m) { return below(m); });
        if (load_) {
            load_->crashed(s);
        }
    }
    /* While it is down: bytes of its log go. */
    void damage(slot_t s, index_t at_record) {
        at(s).store.damaged = at_record;
        at(s).whole_at_crash = false;
        at(s).damaged = true;
    }
    /* What was not yet under the watermark may be there in part. */
    void tear(slot_t s) {
        auto &e = at(s).store.entries;
        auto first = e.upper_bound(at(s).store.header.wm.value());
        std::advance(first, below(static_cast<uint64_t>(std::distance(first, e.end())) + 1));
        e.erase(first, e.end());
    }

    void kill_harpd(slot_t s) {
        if (s == slot_w) {
            crash(s, crash_kind::process);
            return;
        }
        node &n = at(s);
        if (n.up) {
            ++n.harpd_life;
            n.brain.reset();
        }
    }

    /* P1: its machine hears that the power goes, or that it stays. */
    void warn(slot_t s, bool goes) {
        node &n = at(s);
        if (n.up && n.brain && now_ >= n.paused_until) {
            n.brain->on_power(local(n), {goes, "the UPS is low"});
            carry_out(s);
        }
    }

    /* N6. */
    void fail_lower(slot_t s) {
        node &n = at(s);
        n.replica->set_needs_copy(true);
        leave_by_itself(s);
        n.brain->on_kernel(local(n), media_failure{"EIO"});
        carry_out(s);
    }
    /* Its replica gives its view up of its own accord. */
    void leave_by_itself(slot_t s) {
        node &n = at(s);
        if (n.up && n.replica->current_role() != role::none) {
            execute(n, {token_t(), cmd_leave{n.replica->view().view}});
        }
    }

    void cut(slot_t from, slot_t to) { cut_[from.value()][to.value()] = true; }
    void cut_both(slot_t a, slot_t b) {
        cut(a, b);
        cut(b, a);
    }
    void isolate(slot_t s) {
        for (auto &n : nodes_) {
            if (n.slot != s) {
                cut_both(s, n.slot);
            }
        }
    }
    void heal() { cut_ = {}; }
    /* From here on the network does what it should. */
    void calm() { cfg_.loss = cfg_.twice = cfg_.late = cfg_.kept = 0; }
    void pause(slot_t s, duration_t d, bool hidden = false) { at(s).pause(now_, now_ + d, hidden); }
    /* The ACKs that @s sends from now on take so much longer. */
    void delay_acks(slot_t s, duration_t by) { ack_delay_[s.value()] = by; }
    /* Messages of any time and life come once more. */
    void replay() {
        for (auto &k : kept_) {
            after(some(1ms, 60ms), k.to, k.deliver);
        }
    }

    bool run_for(duration_t d) {
        return run_until(now_ + d, [] { return false; });
    }
    /* Runs until @stop holds; false when the time ran out or an invariant broke. */
    template <typename Stop>
    bool run_until(time_point_t end, Stop stop) {
        while (violation().empty()) {
            if (stop()) {
                return true;
            }
            if (queue_.empty() || queue_.front().at > end) {
                now_ = end;
                return false;
            }
            std::pop_heap(queue_.begin(), queue_.end());
            event e = std::move(queue_.back());
            queue_.pop_back();
            now_ = std::max(now_, e.at);
            if (e.target && now_ < at(*e.target).paused_until) {
                e.at = at(*e.target).paused_until;
                push(std::move(e));
                continue;
            }
            ++events_;
            e.run();
            check_.look();
            apply();
            if (load_) {
                load_->stepped();
            }
        }
        return false;
    }
    bool serves_within(duration_t d) {
        return run_until(now_ + d, [this] { return server().has_value(); });
    }
    bool serves_within(duration_t d, slot_t who) {
        return run_until(now_ + d, [this, who] { return server() == who; });
    }

    /* Who would answer a client at this moment. */
    std::optional<slot_t> server() {
        for (auto &n : nodes_) {
            if (check_.answers(n)) {
                return n.slot;
            }
        }
        return std::nullopt;
    }

    /* A client modifies something at @s. */
    bool write(slot_t s) {
        node &n = at(s);
        return n.up && now_ >= n.paused_until && append(n, ++payload_, {}).has_value();
    }
    uint64_t next_payload() { return ++payload_; }
    /* As N1 has it; nothing while this member may not answer. */
    std::optional<position> append(node &n, uint64_t payload, std::optional<uint8_t> file) {
        auto got = n.replica->append(local(n));
        if (!got) {
            return std::nullopt;
        }
        entry e{got->view, payload, false, n.store.top_crc(), file};
        n.store.put(got->index, e);
        check_.remember(got->index, e);
        return *got;
    }
    void sync(slot_t s) {
        node &n = at(s);
        if (!n.up) {
            return;
        }
        if (s == slot_w) {
            n.store.begin_sync(n.replica->log().top);
            synced(n);
        } else {
            n.files.sync(n.replica->ap());
            n.replica->set_lb(n.files.durable());
        }
    }
    /* The same, and it takes its time. */
    void sync_later(slot_t s) {
        node &n = at(s);
        if (!n.up || !n.replica->inc()) {
            return;
        }
        const duration_t takes = some(2ms, 80ms);
        if (s == slot_w) {
            n.store.begin_sync(n.replica->log().top);
            after(takes, s, guarded(s, [this](node &k) { synced(k); }));
            return;
        }
        const index_t upto = n.replica->ap();
        if (cfg_.broken == broken_rule::lb_before_durable) {
            n.replica->set_lb(upto);
        }
        after(takes, s, guarded(s, [upto](node &k) { k.files.sync(upto); }));
        after(takes + some(10us, 3ms), s, guarded(s, [upto](node &k) { k.replica->set_lb(upto); }));
    }
    void discard(slot_t s) {
        node &n = at(s);
        if (n.up && n.replica->inc()) {
            for (index_t upto = n.replica->log().top; upto >= n.replica->log().base;
                 upto = upto - 1) {
                if (n.replica->may_discard(upto)) {
                    check_.discarded(n, n.replica->log().base, upto);
                    n.replica->discard(upto);
                    break;
                }
            }
        }
    }

    node &at(slot_t s) { return nodes_[s.value()]; }
    core &brain(slot_t s) { return *at(s).brain; }
    object &replica(slot_t s) { return *at(s).replica; }
    const std::string &violation() const { return check_.violation(); }
    checker &check() { return check_; }
    void set_load(load *user) { load_ = user; }
    broken_rule broken() const { return cfg_.broken; }
    time_point_t now() const { return now_; }
    time_point_t local(const node &n) const { return n.local(now_); }
    uint64_t below(uint64_t n) { return n == 0 ? 0 : rng_() % n; }
    double uniform() { return static_cast<double>(rng_() >> 11) * 0x1.0p-53; }
    duration_t some(duration_t low, duration_t high) {
        return low + duration_t(static_cast<int64_t>(uniform() *
                                                     static_cast<double>((high - low).count())));
    }
    void after(duration_t d, std::optional<slot_t> target, std::function<void()> run) {
        push({now_ + d, ++order_, target, std::move(run)});
    }
    index_t committed_top() const { return check_.committed_top(); }
    uint64_t events() const { return events_; }
    uint64_t takeovers() const { return takeovers_; }
    uint64_t cuts() const { return cuts_; }
    uint64_t leaves() const { return leaves_; }
    uint64_t fed() const { return fed_; }
    uint64_t returns() const { return returns_; }
    uint64_t lossy() const { return lossy_; }
    uint64_t cut_sealed() const { return cut_sealed_; }
    uint64_t views() const { return check_.views(); }

private:
    struct event {
        time_point_t at;
        uint64_t order;
        std::optional<slot_t> target;
        std::function<void()> run;
        bool operator<(const event &o) const {
            return at != o.at ? at > o.at : order > o.order; /* of a heap the smallest first */
        }
    };

    void push(event e) {
        queue_.push_back(std::move(e));
        std::push_heap(queue_.begin(), queue_.end());
    }
    void synced(node &n) {
        if (n.store.end_sync()) {
            n.replica->set_lb(n.store.fsynced);
        }
    }
    /* The apply threads, and what the lowers have of it. */
    void apply() {
        for (node &n : nodes_) {
            if (!n.up || n.slot == slot_w) {
                continue;
            }
            if (!n.applying && n.replica->may_apply() > n.replica->ap()) {
                n.applying = true;
                after(below(16) == 0 ? some(5ms, 120ms) : some(50us, 3ms), n.slot,
                      guarded(n.slot, [this](node &k) {
                          k.applying = false;
                          if (const index_t to = k.replica->may_apply(); to > k.replica->ap()) {
                              k.replica->applied(to - below(to - k.replica->ap()));
                          }
                      }));
            }
            for (index_t i = n.files.applied() + 1; i <= n.replica->ap(); ++i) {
                check_.applied(n, i);
                auto it = n.store.entries.find(i.value());
                n.files.apply(i, it == n.store.entries.end() ? nullptr : &it->second);
            }
        }
    }

    /* HARP_VSR_TRACE=1 tells the story of a seed that failed. */
    void say(const node &n, std::string_view what) const {
        if (trace_) {
            auto log = n.replica ? n.replica->log() : log_summary();
            fmt::print("{:6.1f} ms {:6} fence {} log {}..{} cp {}: {}\n",
                       static_cast<double>(now_.time_since_epoch().count()) / 1e6, n.name(),
                       n.replica ? n.replica->report(local(n)).fence.value() : 0, log.base.value(),
                       log.top.value(), n.replica ? n.replica->cp().value() : 0, what);
        }
    }

    /* ---- network ---- */

    void transmit(slot_t from, slot_t to, std::function<void()> deliver) {
        if (uniform() < cfg_.kept) {
            keep(to, deliver);
        }
        if (cut_[from.value()][to.value()] || uniform() < cfg_.loss) {
            return;
        }
        after(some(1ms, 8ms), to, deliver);
        if (uniform() < cfg_.twice) {
            after(some(1ms, 60ms), to, deliver);
        }
        if (uniform() < cfg_.late) {
            after(some(200ms, 3s), to, deliver);
        }
    }
    /* The record link keeps order, as a stream does. */
    void link_send(slot_t from, slot_t to, std::function<void()> deliver, duration_t longer = {}) {
        if (uniform() < cfg_.kept / 4) {
            keep(to, deliver);
        }
        if (cut_[from.value()][to.value()] || uniform() < cfg_.loss) {
            return;
        }
        time_point_t when = now_ + some(500us, 6ms) + longer;
        auto &last = link_last_[from.value()][to.value()];
        last = std::max(last + 1us, when);
        after(last - now_, to, std::move(deliver));
    }
    void keep(slot_t to, const std::function<void()> &deliver) {
        static constexpr size_t limit = 24;
        if (kept_.size() < limit) {
            kept_.push_back({to, deliver});
        } else {
            kept_[below(limit)] = {to, deliver};
        }
    }

    /* ---- a member's own queues ---- */

    template <typename F>
    std::function<void()> guarded(slot_t s, F f) {
        return [this, s, life = at(s).life, f] {
            if (at(s).up && at(s).life == life) {
                f(at(s));
            }
        };
    }
    template <typename F>
    std::function<void()> to_brain(slot_t s, F f) {
        return [this, s, life = at(s).harpd_life, f] {
            if (at(s).up && at(s).brain && at(s).harpd_life == life) {
                f(at(s));
                carry_out(s);
            }
        };
    }

    void carry_out(slot_t s) {
        node &n = at(s);
        output out = n.brain->take_output();
        for (auto &m : out.messages) {
            const auto *vote = std::get_if<agree>(&m.msg.body);
            lossy_ += vote != nullptr && !vote->intact ? 1 : 0;
            transmit(s, m.to, [this, to = m.to, msg = m.msg] {
                node &t = at(to);
                if (t.up && t.brain) {
                    t.brain->step(local(t), msg);
                    carry_out(to);
                }
            });
        }
        if (out.persist) {
            write_disk(s, *out.persist);
        }
        if (out.link && *out.link) {
            n.link = *out.link;
        }
        duration_t last{};
        for (auto &c : out.kernel) {
            duration_t d = some(100us, 3ms);
            last = std::max(last, d);
            after(d, s, guarded(s, [this, c](node &k) { execute(k, c); }));
        }
        if (out.link && !*out.link) {
            after(last, s, guarded(s, [ended = n.link](node &k) {
                      k.link = k.link == ended ? std::nullopt : k.link;
                  }));
        }
        if (out.feed) {
            n.feed = *out.feed;
            feed_step(s, n.life, ++n.feed_no);
        }
        for (auto &c : out.service) {
            serve(n, c);
        }
        if (out.seal) {
            seal(n, *out.seal);
        }
        for (auto &line : out.notes) {
            n.notes.push_back(line.text);
            returns_ += line.text.find(" comes back (") != std::string::npos ? 1 : 0;
            say(n, line.text);
        }
        time_point_t due = n.brain->next_deadline();
        if (n.tick_at == time_point_t() || due < n.tick_at || n.tick_at <= local(n)) {
            n.tick_at = due;
            after(n.true_time(due - local(n)) + 1us, s, to_brain(s, [this, due](node &k) {
                      /* After a pause that its clock did not show it comes too early. */
                      k.tick_at = k.tick_at == due ? time_point_t() : k.tick_at;
                      k.brain->tick(local(k));
                      bool again = k.brain->next_deadline() <= local(k) + 1ms;
                      k.ticks_in_a_row = again ? k.ticks_in_a_row + 1 : 0;
                      if (k.ticks_in_a_row > 20) {
                          check_.broke(
                                  fmt::format("{} wakes again and again, for nothing", k.name()));
                      }
                  }));
        }
    }

    void serve(node &n, const service_command &c) {
        if (const auto *serve = std::get_if<service_serve>(&c)) {
            n.service = serve->view;
        } else if (std::get_if<service_give_up>(&c)) {
            n.service.reset();
            if (load_) {
                load_->released(n.slot);
            }
        } else {
            token_t token = std::get_if<service_drain>(&c)->token;
            after(2ms, n.slot, to_brain(n.slot, [this, token](node &k) {
                      k.brain->on_service(local(k), {token});
                  }));
        }
    }

    void write_disk(slot_t s, const disk_write &w) {
        /* In two steps: a crash between them leaves it written but not reported. */
        duration_t d = some(1ms, 12ms);
        after(d, s, guarded(s, [w](node &k) { k.disk = w.state; }));
        after(d + some(10us, 2ms), s, to_brain(s, [this, w](node &k) {
                  k.brain->on_disk(local(k), {w.token, {}});
              }));
    }

    /* The file is there before it is told, and perhaps never is told. */
    void seal(node &n, const seal_wanted &want) {
        const duration_t d = some(1ms, 60ms);
        if (n.slot == slot_w) {
            n.store.begin_sync(n.replica->log().top);
            after(d, n.slot, guarded(n.slot, [this](node &k) { synced(k); }));
        } else {
            after(d, n.slot, guarded(n.slot, [top = want.log.top, no = ++n.seal_no](node &k) {
                      if (no == k.seal_no) {
                          k.sealed = k.store.apart(top);
                      }
                  }));
        }
        after(d + some(10us, 2ms), n.slot, to_brain(n.slot, [this, t = want.token](node &k) {
                  k.brain->on_sealed(local(k), {t, {}});
              }));
    }

    void execute(node &n, const kernel_command &c) {
        if (cfg_.broken == broken_rule::check_then_fence && std::get_if<cmd_fence>(&c.body)) {
            return look_then_fence(n, c);
        }
        if (n.slot == slot_w) {
            n.replica->set_space(witness_room(), 0);
        }
        carry_out(n, c);
    }
    /* Finding 9: harpd sees that nothing is in the way, and tells its kernel after that. */
    void look_then_fence(node &n, const kernel_command &c) {
        const auto r = n.replica->report(local(n));
        const bool own = std::get<cmd_fence>(c.body).by == n.slot;
        if (r.promise_left > duration_t::zero() || r.hold_left > duration_t::zero() ||
            (r.lease_held && !own)) {
            return; /* asked again later */
        }
        after(some(1ms, 30ms), n.slot, guarded(n.slot, [this, c](node &k) { carry_out(k, c); }));
    }
    void carry_out(node &n, const kernel_command &c) {
        if (const auto *adopt = std::get_if<cmd_adopt>(&c.body)) {
            check_.started(adopt->what);
            if (adopt->match.index < n.replica->log().top) {
                ++cuts_;
            }
        }
        if (const auto *enter = std::get_if<cmd_enter>(&c.body)) {
            check_.entered(n, enter->record);
        }
        bool lease_elsewhere = server().has_value();
        const auto *leave = std::get_if<cmd_leave>(&c.body);
        /* As the kernel does; the witness sends none. */
        const view_t left = n.replica->current_role() == role::none ? view_t()
                                                                    : n.replica->view().view;
        const bool leaves = std::get_if<cmd_seal>(&c.body) != nullptr ||
                            (leave != nullptr && leave->view == left);
        bool tells = leaves && left && n.slot != slot_w && n.link && n.link->view == left;
        n.replica->execute(local(n), c);
        if (std::get_if<cmd_attach>(&c.body) != nullptr && n.replica->inc()) {
            check_.attached(n);
            n.whole_at_crash = false;
        }
        if (std::get_if<cmd_enter>(&c.body) != nullptr && n.replica->current_role() != role::none) {
            n.entered.insert(n.replica->view().view.value());
        }
        if (tells) {
            tell_leave(n);
        }
        static constexpr const char *names[] = {"attach", "fence", "adopt", "enter",
                                                "serve",  nullptr, "seal"};
        if (leave == nullptr) {
            say(n, fmt::format("asked to {}", names[c.body.index()]));
        }
        if (std::get_if<cmd_fence>(&c.body) != nullptr && lease_elsewhere) {
            ++takeovers_;
        }
        report_events(n);
    }
    void report_events(node &n) {
        for (auto &e : n.replica->take_events()) {
            bool answer = std::holds_alternative<command_done>(e);
            if (!answer && uniform() < 0.2) {
                continue; /* a multicast may be lost */
            }
            after(some(50us, 2ms), n.slot,
                  to_brain(n.slot, [this, e](node &k) { k.brain->on_kernel(local(k), e); }));
        }
    }
    /* harpd's poll of its object. */
    void poll(slot_t s, uint64_t life) {
        node &n = at(s);
        if (!n.up || n.life != life) {
            return;
        }
        if (n.brain) {
            n.replica->touch(local(n));
            n.brain->on_kernel(local(n), n.replica->marks(local(n)));
            carry_out(s);
        }
        fill(n);
        if (cfg_.broken == broken_rule::witness_drops_log && s == slot_w) {
            drop_when_demoted(n);
        }
        after(150ms, s, [this, s, life] { poll(s, life); });
    }

    void drop_when_demoted(node &w) {
        const auto serving = server();
        if (serving && at(*serving).replica->view().backup.slot != slot_w &&
            w.replica->current_role() == role::none) {
            discard(slot_w);
        }
    }

    /* ---- record link and fetching ---- */

    void link_timer(slot_t s, uint64_t life) {
        node &n = at(s);
        if (!n.up || n.life != life) {
            return;
        }
        n.replica->tick(local(n));
        report_events(n);
        if (n.replica->current_role() == role::primary) {
            send_records(n);
        } else if (n.replica->current_role() == role::backup && n.link && !n.link->connects) {
            if (!n.replica->marks(local(n)).partner_heard ||
                local(n) - *n.replica->marks(local(n)).partner_heard > cfg_.times.promise / 2 ||
                n.replica->promise_until() <= local(n)) {
                hello(n);
            }
        }
        after(cfg_.times.promise / 4, s, [this, s, life] { link_timer(s, life); });
    }
    void hello(node &n) {
        const auto &v = n.replica->view();
        link_send(n.slot, v.primary.slot,
                  [this, to = v.primary.slot, from = n.slot, inc = n.replica->report(local(n)).inc,
                   top = n.replica->log().top, view = v.view, crc = n.store.top_crc()] {
                      if (at(to).up) {
                          check_.chained(at(to), from, view, top, crc);
                          at(to).replica->on_hello(from, inc, top);
                          send_records(at(to));
                      }
                  });
    }
    void tell_leave(node &n) {
        const auto &v = n.replica->view();
        bool first = v.primary.slot == n.slot;
        slot_t to = first ? v.backup.slot : v.primary.slot;
        link_send(n.slot, to, [this, to, mine = first ? v.primary : v.backup, view = v.view] {
            if (at(to).up) {
                ++leaves_;
                at(to).replica->on_leave(mine.slot, mine.inc, view);
                report_events(at(to));
            }
        });
    }
    void send_records(node &n) {
        auto rec = n.replica->make_records(local(n));
        if (!rec) {
            return;
        }
        std::vector<std::pair<index_t, entry>> data;
        for (index_t i = rec->prev.index + 1; i <= rec->last; ++i) {
            if (auto it = n.store.entries.find(i.value()); it != n.store.entries.end()) {
                data.emplace_back(i, it->second);
            }
        }
        slot_t to = n.replica->view().backup.slot;
        link_send(n.slot, to, [this, to, r = *rec, data] { receive(at(to), r, data); });
    }
    void receive(node &n, const link_records &r,
                 const std::vector<std::pair<index_t, entry>> &data) {
        if (!n.up) {
            return;
        }
        auto got = n.replica->accept(local(n), r);
        report_events(n);
        if (!got) {
            if (got.error().code == EAGAIN) {
                hello(n);
            }
            return;
        }
        if (got->ack) {
            send_ack(n, *got->ack);
        }
        store_later(n, data, got->first, got->last);
    }
    uint64_t witness_room() {
        const size_t held = at(slot_w).store.entries.size();
        return !cfg_.witness_room ? 1 << 30
                                  : *cfg_.witness_room - std::min(*cfg_.witness_room, held);
    }
    void store_later(node &n, const std::vector<std::pair<index_t, entry>> &data, index_t first,
                     index_t last) {
        if (last < first) {
            return;
        }
        /* One thread stores, in the order in which it was told to. */
        n.stored_at = std::max(n.stored_at + 1us, now_ + some(50us, 3ms));
        after(n.stored_at - now_, n.slot, guarded(n.slot, [this, data, first, last](node &k) {
                  /* The object may have been cut meanwhile: only what still follows. */
                  for (const auto &[i, e] : data) {
                      if (i >= first && i <= last && i == k.replica->log().top + 1) {
                          if (k.slot == slot_w && witness_room() == 0) {
                              k.replica->store_failed(fail(ENOSPC, "the witness's log is full"));
                              report_events(k);
                              break;
                          }
                          if (!k.store.follows(e)) {
                              check_.broke(fmt::format("record {} does not follow {}'s", i.value(),
                                                       k.name()));
                          }
                          k.store.put(i, e);
                          auto ack = k.replica->stored(local(k), i);
                          report_events(k);
                          if (ack && i == last) {
                              send_ack(k, *ack);
                          }
                      }
                  }
                  if (maybe_discard_) {
                      discard(k.slot);
                  }
              }));
    }
    void send_ack(node &n, const link_ack &ack) {
        slot_t to = n.replica->view().primary.slot;
        link_send(
                n.slot, to,
                [this, to, ack] {
                    node &t = at(to);
                    if (t.up) {
                        t.replica->on_ack(local(t), ack);
                        check_.note_commits(t);
                        report_events(t);
                        if (maybe_discard_) {
                            discard(to);
                        }
                    }
                },
                ack_delay_[n.slot.value()]);
    }
    void fill(node &n) {
        auto want = n.replica->wants();
        if (!want || (n.fetching && now_ - *n.fetching < 60ms)) {
            return;
        }
        n.fetching = now_;
        slot_t me = n.slot;
        transmit(me, want->member, [this, me, w = *want] {
            node &source = at(w.member);
            if (!source.up) {
                return;
            }
            check_.filled(at(me), source, w);
            if (!view_at(source.replica->log(), w.first - 1)) {
                return;
            }
            std::vector<std::pair<index_t, entry>> data;
            std::vector<view_start> starts;
            position prev{w.first - 1, *view_at(source.replica->log(), w.first - 1)};
            for (index_t i = w.first; i <= w.last && source.store.entries.contains(i.value());
                 ++i) {
                const entry &e = source.store.entries.at(i.value());
                if (starts.empty() || starts.back().view != e.view) {
                    starts.push_back({e.view, i});
                }
                data.emplace_back(i, e);
            }
            if (data.empty()) {
                return;
            }
            transmit(w.member, me, [this, me, from = w.member, prev, data, starts] {
                node &k = at(me);
                if (!k.up) {
                    return;
                }
                auto got = k.replica->accept_fill(local(k), from, prev, data.back().first, starts);
                if (got) {
                    k.fetching.reset();
                    store_later(k, data, got->first, got->last);
                }
            });
        });
    }

    /* ---- being fed (C1) ---- */

    void feed_step(slot_t s, uint64_t life, uint64_t no) {
        node &n = at(s);
        if (!n.up || n.life != life || n.feed_no != no || !n.feed) {
            return;
        }
        if (n.brain) {
            ask_feeder(n, *n.feed);
        }
        after(some(20ms, 60ms), s, [this, s, life, no] { feed_step(s, life, no); });
    }
    /* harpd asks for the outline each time, and fetches what is committed by then. */
    void ask_feeder(node &n, const feed_wanted &want) {
        transmit(n.slot, want.from, [this, me = n.slot, want] {
            node &source = at(want.from);
            if (!source.up || source.replica->report(local(source)).view != want.view) {
                return;
            }
            const index_t cp = cfg_.broken == broken_rule::feed_uncommitted
                                       ? source.replica->log().top
                                       : source.replica->cp();
            index_t ap;
            for (node &p : nodes_) {
                if (p.up && p.replica->current_role() == role::primary &&
                    p.replica->view().view == want.view) {
                    ap = p.replica->ap();
                }
            }
            auto records = source.store.entries;
            transmit(want.from, me, [this, me, want, cp, ap, log = source.replica->log(), records] {
                node &k = at(me);
                if (k.up && k.feed == want) {
                    take_feed(k, want.view, log, cp, ap, records);
                }
            });
        });
    }
    void take_feed(node &n, view_t view, const log_summary &theirs, index_t cp, index_t ap,
                   const std::map<uint64_t, entry> &records) {
        auto r = n.replica->report(local(n));
        if (r.fed != view) {
            auto match = continue_point(r.log, r.lb, theirs, std::min(cp, theirs.top));
            if (!match || !n.replica->feed(view, *match)) {
                return;
            }
            say(n, fmt::format("is fed view {} after {}", view.value(), match->index.value()));
        }
        const auto &log = n.replica->log();
        position prev{log.top, view_at(log, log.top).value_or(log.anchor_view)};
        const index_t last = std::min(cp, theirs.top);
        std::vector<std::pair<index_t, entry>> data;
        for (index_t i = prev.index + 1; i <= last && records.contains(i.value()); ++i) {
            data.emplace_back(i, records.at(i.value()));
        }
        std::vector<view_start> starts;
        for (const auto &[i, e] : data) {
            if (starts.empty() || starts.back().view != e.view) {
                starts.push_back({e.view, i});
            }
        }
        auto got = n.replica->accept_feed(view, prev, data.empty() ? prev.index : data.back().first,
                                          starts, cp, ap);
        if (!got) {
            return;
        }
        for (const auto &[i, e] : data) {
            check_.fed(n, i, e.view);
        }
        fed_ += data.size();
        store_later(n, data, got->first, got->last);
    }

public:
    bool maybe_discard_ = false;

private:
    world_config cfg_;
    std::mt19937_64 rng_;
    std::array<node, member_count> nodes_;
    std::vector<event> queue_; /* a heap */
    time_point_t now_{};
    checker check_{nodes_, now_, cfg_.seed};
    load *load_ = nullptr;
    struct kept_message {
        slot_t to;
        std::function<void()> deliver;
    };
    std::vector<kept_message> kept_;
    std::array<duration_t, member_count> ack_delay_{};
    uint64_t order_ = 0;
    uint64_t events_ = 0;
    uint64_t takeovers_ = 0; /* that were asked for while a lease held */
    uint64_t cuts_ = 0;
    uint64_t leaves_ = 0; /* heard by the partner */
    uint64_t fed_ = 0;    /* records */
    uint64_t returns_ = 0;
    uint64_t lossy_ = 0;      /* AGREEs of members that had lost their logs */
    uint64_t cut_sealed_ = 0; /* members whose power went when their logs were sealed */
    uint64_t payload_ = 0;
    std::array<std::array<bool, member_count>, member_count> cut_{};
    std::array<std::array<time_point_t, member_count>, member_count> link_last_{};
    bool trace_ = std::getenv("HARP_VSR_TRACE") != nullptr;
};

} // namespace harp::vsr::test
