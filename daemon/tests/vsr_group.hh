/* SPDX-License-Identifier: GPL-2.0 */
/* The group that tests are about: its members, what `group create` writes, quick timings. */
#pragma once

#include "vsr/core.hh"

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

} // namespace harp::vsr::test
