/* SPDX-License-Identifier: GPL-2.0 */
#include "ctl/events.hh"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

using harp::json;
using harp::ctl::event_lines;

namespace {

constexpr uint64_t second = 1000000000;
constexpr uint64_t at = 1732222222 * second + 5000000;

std::string status_of(const std::string &group, const std::string &mine,
                      const std::string &theirs) {
    return R"({"groups":[{"name":")" + group + R"(","headline":")" + mine +
           R"(","members":[{"name":"a","self":true},{"name":"b","self":false,"text":")" + theirs +
           R"("}]}]})";
}

std::string event_of(const std::string &group) {
    return R"({"what":"serving","time_ns":1732222222005000000,"group":")" + group +
           R"(","fields":{"view":"9","why":""}})";
}

class events : public testing::Test {
protected:
    void SetUp() override {
        setenv("TZ", "UTC", 1);
        tzset();
    }
};

} // namespace

TEST_F(events, an_event_is_a_line_for_people) {
    event_lines lines("", false);
    EXPECT_EQ(lines.event(event_of("data")), "2024-11-21 20:50:22.005  data: serving  view 9");
}

TEST_F(events, or_an_object_for_programs) {
    event_lines lines("", true);
    EXPECT_EQ(lines.event(event_of("data")), event_of("data"));
    const auto said = lines.status(status_of("data", "view 9: a serves", ""), at);
    ASSERT_EQ(said.size(), 1U);
    const json j = json::parse_or_null(said[0]);
    EXPECT_EQ(j.value("what", ""), "status");
    EXPECT_EQ(j.value("group", ""), "data");
    EXPECT_EQ(j.value("member", ""), "a");
    EXPECT_EQ(j.value("text", ""), "view 9: a serves");
    EXPECT_EQ(j.value("time_ns", uint64_t{0}), at);
}

TEST_F(events, of_one_group_alone_where_that_is_asked_for) {
    event_lines lines("data", false);
    EXPECT_FALSE(lines.event(event_of("other")));
    EXPECT_TRUE(lines.event(event_of("data")));
    EXPECT_TRUE(lines.status(status_of("other", "view 4", "view 4"), at).empty());
    EXPECT_EQ(lines.status(status_of("data", "view 4", "view 4"), at).size(), 2U);
}

TEST_F(events, a_member_is_told_of_when_it_says_something_else) {
    event_lines lines("", false);
    const auto first = lines.status(status_of("data", "view 9: a serves", "view 9: backup"), at);
    ASSERT_EQ(first.size(), 2U);
    EXPECT_EQ(first[1], "2024-11-21 20:50:22.005  data: b: view 9: backup");
    EXPECT_TRUE(lines.status(status_of("data", "view 9: a serves", "view 9: backup"), at).empty());
    const auto then = lines.status(status_of("data", "view 9: a serves", "fenced"), at + 1);
    ASSERT_EQ(then.size(), 1U);
    EXPECT_NE(then[0].find("b: fenced"), std::string::npos);
    /* Not heard any more: it says nothing, which is no news of its own. */
    EXPECT_TRUE(lines.status(status_of("data", "view 9: a serves", ""), at + 2).empty());
}

TEST_F(events, numbers_that_run_are_told_once_a_second) {
    event_lines lines("", false);
    uint64_t told = 0;
    for (uint64_t i = 0; i < 40; ++i) { /* 100 ms apart */
        const auto text = "comes back: " + std::to_string(i) + " of 2590 records";
        told += lines.status(status_of("data", "", text), at + i * second / 10).size();
    }
    EXPECT_EQ(told, 4U);
    EXPECT_EQ(lines.again_ns(), second / 10) << "the last of them is to be told as well";
    EXPECT_EQ(lines.status(status_of("data", "", "comes back: 39 of 2590 records"), at + 4 * second)
                      .size(),
              1U);
    EXPECT_EQ(lines.again_ns(), 0U);
    EXPECT_EQ(lines.status(status_of("data", "", "backing up"), at + 4 * second).size(), 1U);
}

TEST_F(events, what_cannot_be_read_is_no_line) {
    event_lines lines("", false);
    for (const char *bad : {"", "{", "[]", "7", R"({"what":"x"})", R"({"what":"x","time_ns":-1})",
                            R"({"what":"x","time_ns":"now"})"}) {
        EXPECT_FALSE(lines.event(bad)) << bad;
        EXPECT_TRUE(lines.status(bad, at).empty()) << bad;
    }
    EXPECT_TRUE(lines.status(R"({"groups":[{"members":[{"name":"a"}]}]})", at).empty());
}
