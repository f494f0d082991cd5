/* SPDX-License-Identifier: GPL-2.0 */
/* One replica object, its log and its clock. */
#pragma once

#include "vsr_world.hh"

#include <gtest/gtest.h>

namespace harp::vsr::test::objects {

inline constexpr duration_t delta = 1s;

inline view_record record_of(uint64_t view, slot_t primary, slot_t backup, uint64_t s = 0,
                             uint64_t view_of_s = 0) {
    view_record r;
    r.view = view_t(view);
    r.epoch = epoch_t(1);
    r.lineage = lineage_t(77);
    r.primary = {primary, incarnation_t(1)};
    r.backup = {backup, incarnation_t(1)};
    r.promise = delta;
    r.s = index_t(s);
    r.view_of_s = view_t(view_of_s);
    return r;
}

inline start start_of(const view_record &r, log_summary reach) {
    struct start s;
    s.record = r;
    s.donor = r.primary.slot;
    s.sources = {{r.primary.slot, reach.base, reach.top}};
    s.reach = std::move(reach);
    return s;
}

/* One object, its log and its clock. */
struct rig {
    explicit rig(slot_t self, broken_rule broken = broken_rule::none, bool applies_later = false)
        : obj({make_members(), self, 10s, broken, applies_later}, store) {}

    command_done run(kernel_command_body body) {
        obj.execute(now, {token_t(++token), std::move(body)});
        return take(token_t(token));
    }
    /* The answer to @want; ok stays false and the token 0 when there is none yet. */
    command_done take(token_t want) {
        command_done found;
        for (auto &e : obj.take_events()) {
            auto *d = std::get_if<command_done>(&e);
            if (d != nullptr && d->token == want) {
                found = *d;
            } else {
                facts.push_back(e);
            }
        }
        return found;
    }
    command_done attach(duration_t hold = {}, uint64_t formed = 0) {
        return run(cmd_attach{incarnation_t(1), view_t(formed), view_t(formed), {}, hold});
    }
    command_done fence(uint64_t view, slot_t by) { return run(cmd_fence{view_t(view), by}); }
    command_done adopt(const view_record &r, log_summary reach, position match,
                       uint64_t keep_from) {
        return run(cmd_adopt{start_of(r, std::move(reach)), match, index_t(keep_from)});
    }
    /* Into the first view of a new group, as r says. */
    void enter_first(const view_record &r, role as) {
        attach();
        ASSERT_TRUE(fence(r.view.value(), r.primary.slot).ok);
        ASSERT_TRUE(adopt(r, {}, {}, 1).ok);
        ASSERT_TRUE(run(cmd_enter{r, as}).ok);
    }
    link_records beat(const view_record &r, bool serving = true, uint64_t heard = 0) {
        link_records b;
        b.sender = r.primary.slot;
        b.inc = r.primary.inc;
        b.view = r.view;
        b.prev = {obj.log().top, *view_at(obj.log(), obj.log().top)};
        b.last = b.prev.index;
        b.t = now;
        b.heard = heard;
        b.serving = serving;
        return b;
    }
    link_records batch(const view_record &r, uint64_t n) {
        link_records b = beat(r);
        b.last = b.prev.index + n;
        b.starts = {{r.view, b.prev.index + 1}};
        return b;
    }
    /* Accept and store; the ACK that counts. */
    std::optional<link_ack> take_batch(const link_records &b) {
        auto got = obj.accept(now, b);
        if (!got) {
            return std::nullopt;
        }
        for (index_t i = got->first; i <= got->last; ++i) {
            store.put(i, {b.view, i.value(), false});
        }
        return obj.stored(now, got->last);
    }
    link_ack ack(const view_record &r, uint64_t n, time_point_t t, uint64_t promise = 1) {
        link_ack a;
        a.sender = r.backup.slot;
        a.inc = r.backup.inc;
        a.view = r.view;
        a.n = index_t(n);
        a.t = t;
        a.promise = promise;
        return a;
    }

    memory_store store;
    object obj;
    time_point_t now{100s};
    uint64_t token = 0;
    std::vector<kernel_event> facts;
};

inline const view_record view_pb = record_of(4, slot_p, slot_b);
inline const view_record view_pw = record_of(4, slot_p, slot_w);

} // namespace harp::vsr::test::objects
