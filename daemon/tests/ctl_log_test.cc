/* SPDX-License-Identifier: GPL-2.0 */
/* Which records of a log are shown while others come and go. */
#include "ctl/log_show.hh"

#include "linux/harp_record.h"

#include <cstring>
#include <endian.h>
#include <gtest/gtest.h>

using namespace harp;

namespace {

using list = std::vector<std::string>;

/* A kernel's log: at most two records an answer; what a test wants happens before each. */
class log_show : public testing::Test {
protected:
    ctl::log_source source() {
        ctl::log_source s;
        s.look = [this]() -> result<ctl::log_source::ends> {
            looks_++;
            return ends_;
        };
        s.read = [this](uint64_t index, uint64_t count) -> result<std::vector<uint8_t>> {
            if (before_read_) {
                before_read_(++reads_);
            }
            if (index < ends_.base || index > ends_.top || broken_) {
                return fail(ERANGE, "INDEX: not in the log; expected BASE to TOP");
            }
            std::vector<uint8_t> out;
            for (uint64_t i = index; i <= std::min({index + 1, index + count - 1, ends_.top});
                 i++) {
                harp_rec_hdr h{};
                h.index = htole64(i);
                h.len = htole32(sizeof(h) + 8);
                const auto *p = reinterpret_cast<const uint8_t *>(&h);
                out.insert(out.end(), p, p + sizeof(h));
                out.insert(out.end(), 8, 0);
            }
            return out;
        };
        return s;
    }
    /* The numbers of those that are shown; what is said goes to said_. */
    std::vector<uint64_t> shown(uint64_t from, uint64_t count) {
        std::vector<uint64_t> out;
        result_ = ctl::walk_log(
                source(), from, count,
                [&](std::span<const uint8_t> bytes) {
                    harp_rec_hdr h{};
                    memcpy(&h, bytes.data(), sizeof(h));
                    out.push_back(le64toh(h.index));
                    return true;
                },
                [this](const std::string &text) { said_.push_back(text); });
        return out;
    }
    using numbers = std::vector<uint64_t>;

    ctl::log_source::ends ends_{11, 20};
    std::function<void(int)> before_read_;
    bool broken_ = false;
    int reads_ = 0, looks_ = 0;
    list said_;
    result<void> result_;
};

} // namespace

TEST_F(log_show, the_newest_that_are_there_are_shown) {
    using ctl::first_shown;
    EXPECT_EQ(first_shown(0, 20, 1, 101), 81u);
    EXPECT_EQ(first_shown(0, 20, 95, 101), 95u) << "what both disks have is not kept";
    EXPECT_EQ(first_shown(0, 20, 1, 11), 1u);
    EXPECT_EQ(first_shown(0, 20, 11, 11), 11u) << "an empty log";
    EXPECT_EQ(first_shown(7, 20, 95, 101), 7u) << "as it was asked for";
    EXPECT_EQ(shown(0, 3), (numbers{18, 19, 20}));
    EXPECT_EQ(shown(12, 3), (numbers{12, 13, 14}));
    EXPECT_EQ(shown(18, 20), (numbers{18, 19, 20}));
    EXPECT_EQ(said_, list{});
    EXPECT_TRUE(result_.ok());
}

TEST_F(log_show, what_is_discarded_meanwhile_is_passed_over_and_told) {
    before_read_ = [this](int n) { ends_.base = n == 2 ? 17 : ends_.base; };
    EXPECT_EQ(shown(11, 6), (numbers{11, 12, 17, 18, 19, 20}));
    EXPECT_EQ(said_, list{"records 13 to 16 are not kept any more"});
    EXPECT_TRUE(result_.ok());
}

TEST_F(log_show, what_was_discarded_before_is_too) {
    EXPECT_EQ(shown(7, 2), (numbers{11, 12}));
    EXPECT_EQ(said_, list{"records 7 to 10 are not kept any more"});
}

TEST_F(log_show, a_log_that_is_emptied_meanwhile_ends) {
    before_read_ = [this](int) { ends_ = {21, 20}; };
    EXPECT_EQ(shown(0, 20), numbers{});
    EXPECT_EQ(said_, list{"records 11 to 20 are not kept any more"});
    EXPECT_TRUE(result_.ok());
}

TEST_F(log_show, an_empty_log_is_told) {
    ends_ = {21, 20};
    EXPECT_EQ(shown(0, 20), numbers{});
    EXPECT_EQ(said_, list{"the log is empty; its next record is 21"});
    EXPECT_TRUE(result_.ok());
}

TEST_F(log_show, that_there_is_nothing_to_show_is_told) {
    EXPECT_EQ(shown(21, 20), numbers{});
    EXPECT_EQ(said_, list{"no record from 21 on: the log holds 11 to 20"});
    EXPECT_TRUE(result_.ok());
}

TEST_F(log_show, a_record_that_is_there_and_refused_is_an_error) {
    broken_ = true;
    EXPECT_EQ(shown(0, 20), numbers{});
    EXPECT_EQ(result_.error().code, ERANGE);
    EXPECT_EQ(looks_, 2);
}
