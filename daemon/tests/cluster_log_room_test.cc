/* SPDX-License-Identifier: GPL-2.0 */
/* When a witness's log is said to be filling, and what is said. */
#include "cluster/log_room.hh"

#include <gtest/gtest.h>

namespace harp {
namespace {

using cluster::log_room;
using level = log_room::level;

constexpr uint64_t mib = 1u << 20;
constexpr uint64_t size = 100 * mib;

log_room watched() {
    return log_room({60, 7 * mib, 2 * mib, "w"});
}

TEST(log_room, each_level_begins_where_its_figure_says) {
    for (auto [used, want] :
         {std::pair(uint64_t(0), level::ample), std::pair(60 * mib - 1, level::ample),
          std::pair(60 * mib, level::filling), std::pair(93 * mib, level::filling),
          std::pair(93 * mib + 1, level::scarce), std::pair(98 * mib, level::scarce),
          std::pair(98 * mib + 1, level::full), std::pair(size + 1, level::full)}) {
        log_room room = watched();
        EXPECT_EQ(room.look(used, size), want != level::ample) << used;
        EXPECT_EQ(room.now(), want) << used;
    }
}

TEST(log_room, a_level_is_told_once_and_left_when_there_is_clearly_more_room) {
    log_room room = watched();
    EXPECT_TRUE(room.look(60 * mib, size));
    EXPECT_FALSE(room.look(61 * mib, size));
    EXPECT_FALSE(room.look(59 * mib, size)) << "to and fro about the line is no news";
    EXPECT_FALSE(room.look(60 * mib, size));
    EXPECT_TRUE(room.look(94 * mib, size));
    EXPECT_FALSE(room.look(89 * mib, size));
    EXPECT_EQ(room.now(), level::scarce);
    EXPECT_TRUE(room.look(88 * mib, size));
    EXPECT_EQ(room.now(), level::filling);
    EXPECT_TRUE(room.look(54 * mib, size));
    EXPECT_EQ(room.now(), level::ample);
    EXPECT_TRUE(room.look(99 * mib, size));
    EXPECT_TRUE(room.look(0, size)) << "a log that begins anew";
    EXPECT_EQ(room.now(), level::ample);
}

TEST(log_room, of_a_log_that_nothing_is_known_of_nothing_is_said) {
    log_room room = watched();
    EXPECT_FALSE(room.look(0, 0));
    EXPECT_EQ(room.say("b"), "");
}

TEST(log_room, the_figure_is_said_with_what_to_do) {
    log_room room = watched();
    room.look(10 * mib, size);
    EXPECT_EQ(room.say("b"), "");
    room.look(71 * mib, size);
    EXPECT_EQ(room.say("b"), "the log of w is 71 % full, 29.0 MiB are left: it grows until b is "
                             "back; bring it back before the log is full, for then the group "
                             "stops");
    EXPECT_EQ(room.say(""), "the log of w is 71 % full, 29.0 MiB are left: so much less can it "
                            "take when it stands in again");
    room.look(99 * mib, size);
    EXPECT_EQ(room.say("b"), "the log of w is 99 % full, 1.0 MiB are left: the group stops until b "
                             "is back; bring it back");
    EXPECT_EQ(room.say(""), "the log of w is 99 % full, 1.0 MiB are left, and with less than 7.0 "
                            "MiB it does not begin to stand in: a failure of a file server stops "
                            "the group");
}

} // namespace
} // namespace harp
