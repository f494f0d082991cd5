/* SPDX-License-Identifier: GPL-2.0 */
/* One core, driven by hand: messages, completions and ticks in, outputs out. */
#pragma once

#include "vsr_world.hh"

#include <gtest/gtest.h>

/* Not harp::vsr::test's: vsr_rig.hh has a record_of() of its own. */
namespace harp::vsr::test::by_hand {

inline config make_config(slot_t self) {
    config c;
    c.group = make_group();
    c.members = make_members();
    c.self = self;
    c.times = quick_timings();
    return c;
}

inline view_record record_of(uint64_t view, slot_t primary, slot_t backup, uint64_t s = 0,
                             uint64_t view_of_s = 0, uint64_t inc = 1) {
    view_record r;
    r.view = view_t(view);
    r.epoch = epoch_t(1);
    r.lineage = lineage_t(77);
    r.primary = {primary, incarnation_t(inc)};
    r.backup = {backup, incarnation_t(inc)};
    r.promise = quick_timings().promise;
    r.s = index_t(s);
    r.view_of_s = view_t(view_of_s);
    return r;
}

/* What a member that formed view 4 = {P, B} with records 1 … top has on disk and in its object. */
inline disk_state settled_disk(slot_t self) {
    disk_state d = make_disk(self);
    d.inc = incarnation_t(1);
    d.agreed = d.formed = view_t(4);
    d.view = record_of(4, slot_p, slot_b);
    d.peer_inc = {incarnation_t(1), incarnation_t(1), incarnation_t(1)};
    return d;
}
inline object_report settled_report(uint64_t top = 10) {
    object_report r;
    r.inc = incarnation_t(1);
    r.fence = r.formed = view_t(4);
    r.view_of_formed = record_of(4, slot_p, slot_b);
    r.complete = r.intact = true;
    r.log = {index_t(1), {}, index_t(top), {{view_t(4), index_t(1)}}};
    r.ap = r.cp = index_t(top);
    r.free_bytes = 1 << 20;
    return r;
}

/* Of the primary of view 4; @lease_held: and its backup answers. */
inline object_report serving_report(bool lease_held) {
    object_report r = settled_report();
    r.current_role = role::primary;
    r.view = view_t(4);
    r.serving = true;
    r.lease_held = lease_held;
    return r;
}

/* Of the backup of view 4. */
inline object_report backup_report() {
    object_report r = settled_report();
    r.current_role = role::backup;
    r.view = view_t(4);
    return r;
}

/* A core with its owner's duties done by hand. Outputs pile up until looked at. */
struct one {
    one(config cfg, disk_state disk, object_report found)
        : c(std::move(cfg), std::move(disk), found, now), report(std::move(found)) {
        gather();
    }

    void gather() {
        output o = c.take_output();
        for (auto &m : o.messages) {
            sent.push_back(m);
        }
        if (o.persist) {
            writes.push_back(*o.persist);
        }
        for (auto &k : o.kernel) {
            asked.push_back(k);
        }
        if (o.link) {
            link = *o.link;
        }
        for (auto &s : o.service) {
            service.push_back(s);
        }
        if (o.feed) {
            feed = *o.feed;
        }
        if (o.seal) {
            seal = o.seal;
        }
        if (o.switchover) {
            switchover = o.switchover;
        }
    }
    void hear(slot_t from, view_t view, message_body body, uint64_t inc = 1) {
        message m;
        m.header = {make_group(),
                    lineage_t(77),
                    epoch_t(1),
                    from,
                    make_members()[from.value()].id,
                    incarnation_t(inc),
                    view};
        m.body = std::move(body);
        c.step(now, m);
        gather();
    }
    void tick(duration_t d = {}) {
        now += d;
        c.tick(now);
        gather();
    }
    /* Time passes, in steps the core asked for. */
    void pass(duration_t d) {
        int in_a_row = 0;
        for (time_point_t end = now + d; now < end;) {
            time_point_t due = c.next_deadline();
            in_a_row = due <= now + 1ms ? in_a_row + 1 : 0;
            ASSERT_LT(in_a_row, 10) << "wakes again and again, for nothing";
            now = std::min(end, std::max(now + 1ms, due));
            tick();
        }
    }
    bool disk_done() {
        if (writes.empty()) {
            return false;
        }
        disk_write w = writes.front();
        writes.erase(writes.begin());
        c.on_disk(now, {w.token, {}});
        gather();
        return true;
    }
    template <typename Cmd>
    const Cmd *asked_for() {
        for (auto &k : asked) {
            if (const auto *cmd = std::get_if<Cmd>(&k.body)) {
                return cmd;
            }
        }
        return nullptr;
    }
    /* Answers the oldest command of that kind. */
    template <typename Cmd>
    void answer(bool ok = true, refusal why = refusal::none, duration_t left = {}) {
        for (auto it = asked.begin(); it != asked.end(); ++it) {
            if (!std::get_if<Cmd>(&it->body)) {
                continue;
            }
            command_done d;
            d.token = it->token;
            d.ok = ok;
            d.why = why;
            d.time_left = left;
            d.report = report;
            asked.erase(it);
            c.on_kernel(now, d);
            gather();
            return;
        }
        FAIL() << "no such command was asked";
    }
    template <typename Body>
    const Body *said(slot_t to) {
        for (auto it = sent.rbegin(); it != sent.rend(); ++it) {
            if (it->to == to) {
                if (const auto *b = std::get_if<Body>(&it->msg.body)) {
                    last_view = it->msg.header.view;
                    return b;
                }
            }
        }
        return nullptr;
    }
    template <typename Service>
    bool told() {
        return std::any_of(service.begin(), service.end(), [](const service_command &s) {
            return std::holds_alternative<Service>(s);
        });
    }
    void fence_granted(uint64_t view) {
        report.fence = view_t(view);
        report.current_role = role::none;
        report.view = {};
        report.promise_left = {};
        answer<cmd_fence>();
    }
    /* A data member in no view, hearing the two others; proposes as soon as it may. */
    void until_it_proposes() {
        for (int i = 0; i < 50 && asked_for<cmd_fence>() == nullptr; ++i) {
            hear(slot_w, view_t(0), status_beat{});
            hear(c.disk().self == slot_p ? slot_b : slot_p, view_t(4), status_beat{});
            pass(50ms);
        }
    }
    agree vote(uint64_t formed, uint64_t top) {
        agree a;
        a.formed = view_t(formed);
        if (formed != 0) {
            a.view = record_of(formed, slot_p, slot_b);
            a.log = {index_t(1), {}, index_t(top), {{view_t(formed), index_t(1)}}};
            a.ap = index_t(top);
        }
        a.intact = true;
        a.free_bytes = 1 << 20;
        return a;
    }

    time_point_t now{100s};
    core c;
    object_report report;
    std::vector<outgoing> sent;
    std::vector<disk_write> writes;
    std::vector<kernel_command> asked;
    std::optional<link_wanted> link;
    std::vector<service_command> service;
    std::optional<feed_wanted> feed;
    std::optional<seal_wanted> seal;
    std::optional<result<void>> switchover;
    view_t last_view;
};

inline one restarted_harpd(slot_t self) {
    return one(make_config(self), settled_disk(self), settled_report());
}

/* Through V3 and V6 up to where the role is asked for. */
inline void follow_start(one &m, uint64_t view, slot_t coordinator, const view_record &record) {
    m.hear(coordinator, view_t(view), propose{});
    m.fence_granted(view);
    ASSERT_TRUE(m.disk_done());
    struct start s;
    s.record = record;
    s.donor = record.primary.slot;
    s.reach = m.report.log;
    s.reach.top = record.s;
    s.sources = {{record.primary.slot, s.reach.base, record.s}};
    m.hear(coordinator, view_t(view), s);
    ASSERT_NE(m.asked_for<cmd_adopt>(), nullptr);
    m.report.formed = record.view;
    m.report.view_of_formed = record;
    m.answer<cmd_adopt>();
    while (m.disk_done()) {}
}

} // namespace harp::vsr::test::by_hand
