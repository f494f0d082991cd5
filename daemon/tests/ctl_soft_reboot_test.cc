/* SPDX-License-Identifier: GPL-2.0 */
#include "ctl/soft_reboot.hh"

#include <gtest/gtest.h>

namespace harp::ctl {
namespace {

using outcome = memory_verdict::outcome;

const panic_note before{"boot-one", 1732222222000000000, 7, 4000};
const region_found whole{8, false, 4010, 4000, "record 4011 at ring offset 64: not the next index"};

/* A data member's, whose group another serves. */
json status_of(const std::string &key, const json &value) {
    json group{{"name", "data"},
               {"kind", "backup"},
               {"serving", false},
               {"not_survived", ""},
               {"replica", {{"region", "memmap"}}}};
    group[key] = value;
    json other{{"name", "other"}, {"kind", "witness"}, {"serving", false}};
    json groups = json::array();
    groups.push_back(other);
    groups.push_back(group);
    return {{"groups", groups}};
}

void refuses(const json &status, const std::string &words) {
    auto r = may_panic(status, "data", 10);
    ASSERT_FALSE(r.ok());
    EXPECT_NE(r.error().text.find(words), std::string::npos) << r.error().text;
}

TEST(soft_reboot, a_note_is_read_as_it_was_written) {
    auto note = read_panic_note(to_text(before));
    ASSERT_TRUE(note.ok()) << note.error().text;
    EXPECT_EQ(note->boot, before.boot);
    EXPECT_EQ(note->time_ns, before.time_ns);
    EXPECT_EQ(note->inc, before.inc);
    EXPECT_EQ(note->wm, before.wm);
}

TEST(soft_reboot, another_file_is_no_note) {
    for (const char *bad :
         {"", "{", "[]", "7", R"({"what":"harp soft-reboot note 1"})",
          R"({"what":"harp soft-reboot note 2","boot":"b","time_ns":1,"inc":1,"wm":1})",
          R"({"what":"harp soft-reboot note 1","boot":"b","time_ns":1,"inc":-1,"wm":1})",
          R"({"what":"harp soft-reboot note 1","boot":"b","inc":1,"wm":1})"}) {
        EXPECT_FALSE(read_panic_note(bad).ok()) << bad;
    }
}

TEST(soft_reboot, a_log_that_is_found_whole_was_kept) {
    EXPECT_EQ(judge_memory(before, "boot-two", whole).what, outcome::kept);
    EXPECT_EQ(judge_memory(before, "boot-two", whole).text,
              "memory is kept: the log was found whole, up to record 4010");
}

TEST(soft_reboot, an_empty_region_was_cleared) {
    region_found found = whole;
    found.fresh = true;
    found.why = "header copies: no header; no header";
    const auto verdict = judge_memory(before, "boot-two", found);
    EXPECT_EQ(verdict.what, outcome::lost);
    EXPECT_EQ(verdict.text, "memory was not kept: there is no log in the region; header copies: "
                            "no header; no header");
}

TEST(soft_reboot, less_than_the_watermark_is_a_loss) {
    region_found found = whole;
    found.walked = 3999;
    EXPECT_EQ(judge_memory(before, "boot-two", found).what, outcome::lost);
    /* A header of earlier: of a write that did not reach memory. */
    found = whole;
    found.wm = 3999;
    EXPECT_EQ(judge_memory(before, "boot-two", found).what, outcome::lost);
}

TEST(soft_reboot, what_another_boot_found_says_nothing) {
    EXPECT_EQ(judge_memory(before, "boot-one", whole).what, outcome::unknown);
    region_found found = whole;
    found.inc = before.inc;
    EXPECT_EQ(judge_memory(before, "boot-two", found).what, outcome::unknown);
    found.inc = before.inc + 2;
    EXPECT_EQ(judge_memory(before, "boot-two", found).what, outcome::unknown);
}

TEST(soft_reboot, a_machine_that_is_needed_does_not_panic) {
    EXPECT_TRUE(may_panic(status_of("state", "backup"), "data", 10).ok());
    refuses(status_of("serving", true), "group data is served here: harpctl switchover data");
    refuses(status_of("not_survived", "of a: the witness is not heard"),
            "group data: of a: the witness is not heard");
    refuses(status_of("kind", "witness"), "a witness has its log in a file");
    refuses(status_of("replica", {{"region", "plain memory: gone with the kernel"}}),
            "the log is in plain memory: gone with the kernel: no soft reboot keeps it");
    auto r = may_panic(status_of("state", "backup"), "data", 0);
    ASSERT_FALSE(r.ok());
    EXPECT_NE(r.error().text.find("kernel.panic is 0"), std::string::npos);
}

TEST(soft_reboot, nor_for_a_group_that_was_not_named) {
    json status = status_of("serving", true);
    EXPECT_FALSE(may_panic(status, "other", 10).ok());
}

} // namespace
} // namespace harp::ctl
