/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Three members in memory: core, replica object, log store, state file and network
 * as separate actors with queues between them, on one true clock; each member's own
 * clock may run fast or slow. Everything follows from the seed. After every event the
 * invariants are looked at; the first broken one is kept in violation().
 */
#pragma once

#include "vsr/core.hh"
#include "vsr/object.hh"

#include <fmt/format.h>

#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <random>
#include <set>

namespace harp::vsr::test {

inline constexpr slot_t slot_p{0};
inline constexpr slot_t slot_b{1};
inline constexpr slot_t slot_w{2};

inline member_table make_members() {
    member_table m;
    m[0] = {member_id(1), slot_p, member_kind::primary, "alfa"};
    m[1] = {member_id(2), slot_b, member_kind::backup, "bravo"};
    m[2] = {member_id(3), slot_w, member_kind::witness, "whisky"};
    return m;
}

inline group_id make_group() {
    group_id g{};
    g[0] = 0x42;
    return g;
}

/* What `group create` writes. */
inline disk_state make_disk(slot_t self) {
    disk_state d;
    d.group = make_group();
    d.epoch = epoch_t(1);
    d.lineage = lineage_t(77);
    d.members = make_members();
    d.self = self;
    return d;
}

inline timings quick_timings() {
    timings t;
    t.promise = 400ms;
    t.detect = 400ms;
    t.window = 500ms;
    t.wait = 200ms;
    t.wait_extra = 150ms;
    t.wait_max = 1600ms;
    t.third = 60ms;
    t.retry = 80ms;
    t.status_interval = 250ms;
    t.give_up_adopt = 3s;
    t.start_limit = 900ms;
    t.stable = 500ms;
    t.return_limit = 400ms;
    return t;
}

struct entry {
    view_t view;
    uint64_t payload = 0;
    bool is_view = false;
    uint32_t prev_crc = 0; /* the chain */

    uint32_t crc() const {
        uint64_t h = (payload ^ (uint64_t{prev_crc} << 32)) * 0x9e3779b97f4a7c15;
        return static_cast<uint32_t>(h >> 32) | 1; /* 0: not known */
    }
};

/* A region (or the witness's file) that outlives its object as the crash allows. */
class memory_store : public log_store {
public:
    bool valid = false;
    bool same_boot = true;
    index_t fsynced;
    std::optional<index_t> damaged;
    bool header_fails = false;
    log_header header;
    log_header on_disk; /* W: what a power cut leaves of the header */
    uint32_t anchor_crc = 0;
    std::map<uint64_t, entry> entries;

    log_found inspect() override {
        log_found f;
        f.valid = valid;
        f.header = header;
        f.same_boot = same_boot;
        f.fsynced = fsynced;
        f.walked = {header.base, header.anchor_view, header.base - 1, {}};
        view_t before = header.anchor_view;
        for (uint64_t i = header.base.value(); valid; ++i) {
            auto it = entries.find(i);
            bool good = it != entries.end() && damaged != index_t(i) &&
                        it->second.view <= header.formed && it->second.view >= before &&
                        (it->second.view == before || it->second.is_view);
            if (!good) {
                break;
            }
            extend_summary(f.walked, it->second.view, index_t(i), index_t(i));
            before = it->second.view;
        }
        /* Opening a log puts an end mark after the walk. */
        entries.erase(entries.upper_bound(f.walked.top.value()), entries.end());
        damaged.reset();
        return f;
    }
    result<void> store_header(const log_header &h) override {
        if (header_fails) {
            return fail(EIO, "the header cannot be written");
        }
        if (h.formed != header.formed || h.complete != header.complete ||
            h.unsynced != header.unsynced) {
            on_disk = h;
        }
        header = h;
        valid = true;
        if (auto before = entries.find(h.base.value() - 1); before != entries.end()) {
            anchor_crc = before->second.crc();
        }
        entries.erase(entries.begin(), entries.lower_bound(h.base.value()));
        return {};
    }
    result<void> cut_after(index_t top) override {
        entries.erase(entries.upper_bound(top.value()), entries.end());
        fsynced = std::min(fsynced, top);
        return {};
    }
    result<void> restart_at(index_t base, log_anchor anchor) override {
        entries.clear();
        header.base = base;
        header.anchor_view = anchor.view;
        anchor_crc = anchor.crc;
        fsynced = index_t();
        return {};
    }
    result<void> append_view(const view_record &r) override {
        put(r.index(), {r.view, 1000000 * r.view.value(), true, top_crc()});
        return {};
    }
    uint32_t top_crc() const override {
        return entries.empty() ? anchor_crc : entries.rbegin()->second.crc();
    }
    /* Does @e follow the last record? Of a log that was begun anew the first one says. */
    bool follows(const entry &e) const { return top_crc() == 0 || top_crc() == e.prev_crc; }
    void put(index_t at, entry e) {
        if (entries.empty()) {
            anchor_crc = e.prev_crc;
        }
        entries[at.value()] = e;
    }
};

enum class crash_kind { soft, hard, process };

struct world_config {
    uint64_t seed = 1;
    broken_rule broken = broken_rule::none;
    double loss = 0.0;
    double twice = 0.0;
    double late = 0.0; /* probability that a copy arrives much later */
    bool drift = false;
    timings times = quick_timings();
};

class world {
public:
    struct node {
        slot_t slot;
        bool up = false;
        uint64_t life = 0;       /* of the machine or, on W, the process */
        uint64_t harpd_life = 0; /* of the core */
        disk_state disk;         /* durable */
        memory_store store;
        index_t lb; /* the LB note in the private lower */
        std::unique_ptr<object> replica;
        std::unique_ptr<core> brain;
        std::optional<link_wanted> link;
        std::optional<view_t> service; /* told to serve */
        time_point_t paused_until{};
        double rate = 1.0;
        duration_t offset{};
        time_point_t tick_at{};
        unsigned ticks_in_a_row = 0; /* each within 1 ms of the one before */
        std::optional<time_point_t> fetching;
        std::optional<feed_wanted> feed;
        uint64_t feed_no = 0; /* of the wish */
        std::vector<std::string> notes;
        std::set<uint64_t> entered; /* views, this life */
    };

    explicit world(world_config cfg) : cfg_(cfg), rng_(cfg.seed) {
        for (uint8_t i = 0; i < member_count; ++i) {
            node &n = nodes_[i];
            n.slot = slot_t(i);
            n.disk = make_disk(n.slot);
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
        object_config oc{make_members(), s, 10s, cfg_.broken};
        n.replica = std::make_unique<object>(oc, n.store);
        if (s == slot_w) {
            n.replica->set_space(1 << 30, 0);
        } else {
            n.replica->set_lb(n.lb);
        }
        n.entered.clear();
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
        n.up = false;
        ++n.life;
        ++n.harpd_life;
        n.brain.reset();
        n.replica.reset();
        n.link.reset();
        n.service.reset();
        if (kind == crash_kind::hard && s != slot_w) {
            n.store = memory_store();
        } else if (kind == crash_kind::hard) {
            n.store.same_boot = false; /* the file keeps what was fsynced, and perhaps more */
            if (below(2) == 0) {
                n.store.header = n.store.on_disk;
            }
            uint64_t kept = n.store.fsynced.value() + below(n.store.entries.size() + 1);
            n.store.entries.erase(n.store.entries.upper_bound(kept), n.store.entries.end());
        } else if (kind == crash_kind::process || s == slot_w) {
            n.store.same_boot = true;
        }
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
    void pause(slot_t s, duration_t d) { at(s).paused_until = now_ + d; }

    bool run_for(duration_t d) {
        return run_until(now_ + d, [] { return false; });
    }
    /* Runs until @stop holds; false when the time ran out or an invariant broke. */
    template <typename Stop>
    bool run_until(time_point_t end, Stop stop) {
        while (violation_.empty()) {
            if (stop()) {
                return true;
            }
            if (queue_.empty() || queue_.top().at > end) {
                now_ = end;
                return false;
            }
            event e = queue_.top();
            queue_.pop();
            now_ = std::max(now_, e.at);
            if (e.target && now_ < at(*e.target).paused_until) {
                e.at = at(*e.target).paused_until;
                queue_.push(e);
                continue;
            }
            ++events_;
            e.run();
            check();
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
            if (answers(n)) {
                return n.slot;
            }
        }
        return std::nullopt;
    }

    /* A client modifies something at @s. */
    bool write(slot_t s) {
        node &n = at(s);
        if (!n.up || now_ < n.paused_until) {
            return false;
        }
        auto got = n.replica->append(local(n));
        if (!got) {
            return false;
        }
        entry e{got->view, ++payload_, false, n.store.top_crc()};
        n.store.put(got->index, e);
        remember(got->index, e);
        return true;
    }
    void sync(slot_t s) {
        node &n = at(s);
        if (!n.up) {
            return;
        }
        if (s == slot_w) {
            n.store.fsynced = n.replica->log().top;
            n.store.on_disk = n.store.header;
            n.replica->set_lb(n.store.fsynced);
        } else {
            n.lb = std::max(n.lb, n.replica->ap());
            n.replica->set_lb(n.lb);
        }
    }
    void discard(slot_t s) {
        node &n = at(s);
        if (n.up && s != slot_w) {
            for (index_t upto = n.replica->log().top; upto >= n.replica->log().base;
                 upto = upto - 1) {
                if (n.replica->may_discard(upto)) {
                    n.replica->discard(upto);
                    break;
                }
            }
        }
    }

    node &at(slot_t s) { return nodes_[s.value()]; }
    core &brain(slot_t s) { return *at(s).brain; }
    object &replica(slot_t s) { return *at(s).replica; }
    const std::string &violation() const { return violation_; }
    time_point_t now() const { return now_; }
    time_point_t local(const node &n) const {
        auto ns = static_cast<double>(now_.time_since_epoch().count()) * n.rate;
        return time_point_t(n.offset + duration_t(static_cast<int64_t>(ns)));
    }
    uint64_t below(uint64_t n) { return n == 0 ? 0 : rng_() % n; }
    double uniform() { return static_cast<double>(rng_() >> 11) * 0x1.0p-53; }
    index_t committed_top() const {
        return committed_.empty() ? index_t() : index_t(committed_.rbegin()->first);
    }
    uint64_t events() const { return events_; }
    uint64_t takeovers() const { return takeovers_; }
    uint64_t cuts() const { return cuts_; }
    uint64_t leaves() const { return leaves_; }
    uint64_t fed() const { return fed_; }
    uint64_t returns() const { return returns_; }
    uint64_t views() const { return records_.size(); }

private:
    struct event {
        time_point_t at;
        uint64_t order;
        std::optional<slot_t> target;
        std::function<void()> run;
        bool operator<(const event &o) const {
            return at != o.at ? at > o.at : order > o.order; /* priority_queue: smallest first */
        }
    };

    void after(duration_t d, std::optional<slot_t> target, std::function<void()> run) {
        queue_.push({now_ + d, ++order_, target, std::move(run)});
    }
    duration_t some(duration_t low, duration_t high) {
        return low + duration_t(static_cast<int64_t>(uniform() *
                                                     static_cast<double>((high - low).count())));
    }
    void broke(std::string what) {
        if (violation_.empty()) {
            violation_ = fmt::format("seed {} at {} ms: {}", cfg_.seed,
                                     now_.time_since_epoch().count() / 1000000, what);
        }
    }

    /* HARP_VSR_TRACE=1 tells the story of a seed that failed. */
    void say(const node &n, std::string_view what) const {
        if (trace_) {
            auto log = n.replica ? n.replica->log() : log_summary();
            fmt::print("{:6.1f} ms {:6} fence {} log {}..{} cp {}: {}\n",
                       static_cast<double>(now_.time_since_epoch().count()) / 1e6,
                       n.disk.members[n.slot.value()].name,
                       n.replica ? n.replica->report(local(n)).fence.value() : 0, log.base.value(),
                       log.top.value(), n.replica ? n.replica->cp().value() : 0, what);
        }
    }

    /* ---- network ---- */

    void transmit(slot_t from, slot_t to, std::function<void()> deliver) {
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
    void link_send(slot_t from, slot_t to, std::function<void()> deliver) {
        if (cut_[from.value()][to.value()] || uniform() < cfg_.loss) {
            return;
        }
        time_point_t when = now_ + some(500us, 6ms);
        auto &last = link_last_[from.value()][to.value()];
        last = std::max(last + 1us, when);
        after(last - now_, to, std::move(deliver));
    }

    /* ---- a member's own queues ---- */

    template <typename F>
    auto guarded(slot_t s, F f) {
        return [this, s, life = at(s).life, f] {
            if (at(s).up && at(s).life == life) {
                f(at(s));
            }
        };
    }
    template <typename F>
    auto to_brain(slot_t s, F f) {
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
        for (auto &line : out.notes) {
            n.notes.push_back(line.text);
            returns_ += line.text.find(" comes back (") != std::string::npos ? 1 : 0;
            say(n, line.text);
        }
        time_point_t due = n.brain->next_deadline();
        if (n.tick_at == time_point_t() || due < n.tick_at || n.tick_at <= local(n)) {
            n.tick_at = due;
            auto wait = duration_t(
                    static_cast<int64_t>(static_cast<double>((due - local(n)).count()) / n.rate));
            after(wait + 1us, s, to_brain(s, [this](node &k) {
                      k.brain->tick(local(k));
                      bool again = k.brain->next_deadline() <= local(k) + 1ms;
                      k.ticks_in_a_row = again ? k.ticks_in_a_row + 1 : 0;
                      if (k.ticks_in_a_row > 20) {
                          broke(fmt::format("{} wakes again and again, for nothing",
                                            k.slot.value()));
                      }
                  }));
        }
    }

    void serve(node &n, const service_command &c) {
        if (const auto *serve = std::get_if<service_serve>(&c)) {
            n.service = serve->view;
        } else if (std::get_if<service_give_up>(&c)) {
            n.service.reset();
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

    void execute(node &n, const kernel_command &c) {
        if (const auto *adopt = std::get_if<cmd_adopt>(&c.body)) {
            check_start(adopt->what);
            if (adopt->match.index < n.replica->log().top) {
                ++cuts_;
            }
        }
        if (const auto *enter = std::get_if<cmd_enter>(&c.body)) {
            check_enter(n, enter->record);
        }
        bool lease_elsewhere = server().has_value();
        const auto *leave = std::get_if<cmd_leave>(&c.body);
        /* As the kernel does; the witness sends none. */
        bool tells = leave && n.slot != slot_w && n.replica->current_role() != role::none &&
                     n.replica->view().view == leave->view && n.link && n.link->view == leave->view;
        n.replica->execute(local(n), c);
        if (tells) {
            tell_leave(n);
        }
        if (c.body.index() != 5) {
            static constexpr const char *names[] = {"attach", "fence", "adopt", "enter", "serve"};
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
        after(150ms, s, [this, s, life] { poll(s, life); });
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
                          check_chain(at(to), from, view, top, crc);
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
            data.emplace_back(i, n.store.entries.at(i.value()));
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
    void store_later(node &n, const std::vector<std::pair<index_t, entry>> &data, index_t first,
                     index_t last) {
        if (last < first) {
            return;
        }
        after(some(50us, 3ms), n.slot, guarded(n.slot, [this, data, first, last](node &k) {
                  /* The object may have been cut meanwhile: only what still follows. */
                  for (const auto &[i, e] : data) {
                      if (i >= first && i <= last && i == k.replica->log().top + 1) {
                          if (!k.store.follows(e)) {
                              broke(fmt::format("record {} does not follow {}'s", i.value(),
                                                k.disk.members[k.slot.value()].name));
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
        link_send(n.slot, to, [this, to, ack] {
            node &t = at(to);
            if (t.up) {
                t.replica->on_ack(local(t), ack);
                note_commits(t);
                report_events(t);
                if (maybe_discard_) {
                    discard(to);
                }
            }
        });
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
            check_fill(at(me), source, w);
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
            auto it = committed_.find(i.value());
            if (it == committed_.end() ? i > committed_top() : it->second != e.view) {
                broke(fmt::format("{} is fed record {} of view {}, which is not committed",
                                  n.disk.members[n.slot.value()].name, i.value(), e.view.value()));
            }
        }
        fed_ += data.size();
        store_later(n, data, got->first, got->last);
    }

    /* ---- invariants ---- */

    bool answers(node &n) {
        /* A paused machine sends nothing; its replies would leave when it goes on. */
        return n.up && now_ >= n.paused_until && n.replica->may_answer(local(n));
    }
    void remember(index_t i, const entry &e) {
        auto [it, fresh] = made_.try_emplace({i.value(), e.view.value()}, e.payload);
        if (!fresh && it->second != e.payload) {
            broke(fmt::format("(index {}, view {}) names two records", i.value(), e.view.value()));
        }
    }
    void note_commits(node &n) {
        auto &seen = noted_[n.slot.value()];
        if (n.replica->current_role() != role::primary) {
            return;
        }
        const auto &log = n.replica->log();
        view_t view = n.replica->view().view;
        if (seen.view != view) {
            seen = {log.base - 1, view};
        }
        for (index_t i = std::max(log.base, seen.index + 1); i <= n.replica->cp(); ++i) {
            view_t v = view_at(log, i).value_or(view_t());
            auto [it, fresh] = committed_.try_emplace(i.value(), v);
            if (fresh) {
                committed_in_[i.value()] = view;
            }
            if (!fresh && it->second != v) {
                broke(fmt::format("record {} was committed in view {}, and again in view {}",
                                  i.value(), it->second.value(), v.value()));
            }
            seen.index = i;
        }
    }
    /* What HELLO compares: the backup's last record and the primary's under its index. */
    void check_chain(node &p, slot_t from, view_t view, index_t top, uint32_t crc) {
        const auto mine = p.store.entries.find(top.value());
        if (p.replica->current_role() == role::primary && p.replica->view().view == view &&
            mine != p.store.entries.end() && crc != mine->second.crc()) {
            broke(fmt::format("{}'s record {} in view {} is not {}'s",
                              at(from).disk.members[from.value()].name, top.value(), view.value(),
                              p.disk.members[p.slot.value()].name));
        }
    }
    void check_start(const struct start &what) {
        auto [it, fresh] = records_.try_emplace(what.record.view.value(), what.record);
        if (!fresh && !(it->second == what.record)) {
            broke(fmt::format("view {} is started twice, differently", what.record.view.value()));
        }
        if (!fresh) {
            return;
        }
        /*
         * All that earlier views committed. A START of a proposal that a later view has
         * overtaken need not know of that one: its members have agreed past it.
         */
        for (const auto &[i, v] : committed_) {
            if (committed_in_.at(i) < what.record.view && index_t(i) >= what.reach.base &&
                view_at(what.reach, index_t(i)) != v) {
                broke(fmt::format("START of view {} lacks committed record {} of view {}",
                                  what.record.view.value(), i, v.value()));
                return;
            }
        }
    }
    /* V5, D1: a source that is in the view itself still has what @n lacks. */
    void check_fill(node &n, node &source, const log_source &want) {
        const struct start *what = n.up ? n.replica->adopting() : nullptr;
        if (!what || n.replica->wants() != want ||
            source.replica->report(local(source)).formed != what->record.view) {
            return; /* an old question, or it has not cut its own log yet */
        }
        if (source.replica->log().base > want.first) {
            broke(fmt::format("{} is to have record {} in view {} from {}, which has discarded it",
                              n.disk.members[n.slot.value()].name, want.first.value(),
                              what->record.view.value(),
                              source.disk.members[source.slot.value()].name));
        }
    }
    void check_enter(node &n, const view_record &r) {
        const member_life &mine = r.primary.slot == n.slot ? r.primary : r.backup;
        if (mine.slot != n.slot || mine.inc != n.disk.inc || !records_.contains(r.view.value())) {
            broke(fmt::format("{} enters view {} that is not its own life's",
                              n.disk.members[n.slot.value()].name, r.view.value()));
        }
        if (n.disk.formed < r.view) {
            broke(fmt::format("{} takes a role in view {} before its disk says so",
                              n.disk.members[n.slot.value()].name, r.view.value()));
        }
    }
    void check() {
        node *serving = nullptr;
        for (auto &n : nodes_) {
            if (n.up) {
                note_commits(n);
            }
            if (!answers(n)) {
                continue;
            }
            if (serving) {
                broke(fmt::format("{} (view {}) and {} (view {}) both answer",
                                  serving->disk.members[serving->slot.value()].name,
                                  serving->replica->view().view.value(),
                                  n.disk.members[n.slot.value()].name,
                                  n.replica->view().view.value()));
                return;
            }
            serving = &n;
        }
        if (serving) {
            check_lease(*serving);
            check_fresh(*serving);
        }
    }
    /* While a lease holds, its promise does, on the giver's own clock. */
    void check_lease(node &p) {
        const auto &b = p.replica->view().backup;
        node &giver = at(b.slot);
        if (!giver.up) {
            return;
        }
        auto r = giver.replica->report(local(giver));
        bool same = r.inc == b.inc;
        if (same ? r.promise_left <= duration_t::zero()
                 : r.inc && r.hold_left <= duration_t::zero()) {
            broke(fmt::format("{} serves in view {} after {}'s promise",
                              p.disk.members[p.slot.value()].name, p.replica->view().view.value(),
                              giver.disk.members[giver.slot.value()].name));
        }
    }
    /* I6: whoever answers has every committed record. */
    void check_fresh(node &p) {
        if (committed_.empty()) {
            return;
        }
        auto [i, v] = *committed_.rbegin();
        const auto &log = p.replica->log();
        if (index_t(i) >= log.base && view_at(log, index_t(i)) != v) {
            broke(fmt::format("{} answers in view {} without committed record {} of view {}",
                              p.disk.members[p.slot.value()].name, p.replica->view().view.value(),
                              i, v.value()));
        }
    }

public:
    bool maybe_discard_ = false;

private:
    world_config cfg_;
    std::mt19937_64 rng_;
    std::array<node, member_count> nodes_;
    std::priority_queue<event> queue_;
    time_point_t now_{};
    uint64_t order_ = 0;
    uint64_t events_ = 0;
    uint64_t takeovers_ = 0;
    uint64_t cuts_ = 0;
    uint64_t leaves_ = 0; /* heard by the partner */
    uint64_t fed_ = 0;    /* records */
    uint64_t returns_ = 0;
    uint64_t payload_ = 0;
    std::array<std::array<bool, member_count>, member_count> cut_{};
    std::array<std::array<time_point_t, member_count>, member_count> link_last_{};
    std::map<std::pair<uint64_t, uint64_t>, uint64_t> made_;
    std::map<uint64_t, view_t> committed_;    /* index: the record's view */
    std::map<uint64_t, view_t> committed_in_; /* index: the view that committed it first */
    std::array<position, member_count> noted_{};
    std::map<uint64_t, view_record> records_;
    std::string violation_;
    bool trace_ = std::getenv("HARP_VSR_TRACE") != nullptr;
};

} // namespace harp::vsr::test
