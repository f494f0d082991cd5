/* SPDX-License-Identifier: GPL-2.0 */
/* Whole stories of three members, each told by its name. */
#include "vsr_world.hh"

#include <gtest/gtest.h>

namespace harp::vsr::test {

static world_config plain(bool allow_return = false) {
    world_config c;
    c.allow_return = allow_return;
    return c;
}

TEST(vsr_scenario, a_new_group_forms_primary_with_backup) {
    world w(plain());
    w.start_all();
    ASSERT_TRUE(w.serves_within(3s)) << w.violation();
    EXPECT_EQ(w.server(), slot_p);
    EXPECT_EQ(w.replica(slot_b).current_role(), role::backup);
    EXPECT_EQ(w.replica(slot_w).current_role(), role::none);
}

} // namespace harp::vsr::test
