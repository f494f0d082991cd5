/* SPDX-License-Identifier: GPL-2.0 */
#include "util/loop.hh"
#include "util/text.hh"

#include <gtest/gtest.h>
#include <unistd.h>

using namespace harp;
using namespace std::chrono_literals;

TEST(text, uuid_round_trips) {
    auto u = parse_uuid("01234567-89ab-4def-8123-456789abcdef");
    ASSERT_TRUE(u.ok());
    EXPECT_EQ(format_uuid(*u), "01234567-89ab-4def-8123-456789abcdef");
    EXPECT_FALSE(parse_uuid("01234567-89ab-4def-8123-456789abcde").ok());
    EXPECT_FALSE(parse_uuid("01234567089ab-4def-8123-456789abcdef").ok());
    EXPECT_FALSE(parse_uuid("01234567-89ab-4def-8123-456789abcdeg").ok());
    EXPECT_FALSE(parse_uuid("").ok());
    EXPECT_NE(random_uuid(), random_uuid());
}

TEST(text, names) {
    EXPECT_TRUE(is_name("data-1"));
    EXPECT_FALSE(is_name(""));
    EXPECT_FALSE(is_name("-x"));
    EXPECT_FALSE(is_name("a/b"));
    EXPECT_FALSE(is_name("Data"));
    EXPECT_FALSE(is_name(std::string(33, 'a')));
    EXPECT_TRUE(is_name(std::string(32, 'a')));
}

TEST(text, boot_arguments) {
    const std::string line =
            "ro memmap=64M$0x40000000,1M$0x1000 xmemmap=1 memmapped=2 quiet memmap=\n";
    const std::vector<std::string_view> wanted = {"64M$0x40000000,1M$0x1000", ""};
    EXPECT_EQ(boot_arguments(line, "memmap"), wanted);
    EXPECT_TRUE(boot_arguments(line, "reserve_mem").empty());
    EXPECT_TRUE(boot_arguments("", "ro").empty());
}

TEST(text, sizes) {
    EXPECT_EQ(parse_size("64M").value_or(0), 64u << 20);
    EXPECT_EQ(parse_size("4096").value_or(0), 4096u);
    EXPECT_FALSE(parse_size("64MB").ok());
    EXPECT_FALSE(parse_size("").ok());
    EXPECT_FALSE(parse_size("99999999999G").ok());
    EXPECT_FALSE(parse_size("-1").ok());
}

TEST(text, a_file_is_replaced_whole) {
    std::string dir = testing::TempDir() + "harp-text-" + std::to_string(getpid());
    ASSERT_TRUE(make_dirs(dir + "/a/b").ok());
    ASSERT_TRUE(replace_file(dir + "/a/b/f", "one").ok());
    ASSERT_TRUE(replace_file(dir + "/a/b/f", "two").ok());
    EXPECT_EQ(read_file(dir + "/a/b/f").value_or(""), "two");
    EXPECT_FALSE(read_file(dir + "/a/b/f", 2).ok());
    EXPECT_FALSE(read_file(dir + "/none").ok());
}

TEST(loop, timers_posts_and_workers_meet_in_the_loop) {
    loop l;
    worker w("test");
    int posted = 0;
    int fired = 0;
    auto timer = l.timer([&] { fired++; });
    timer.set_time(boottime_now() + 5ms);
    w.run([&] { l.post([&] { posted++; }); });
    auto end = boottime_now() + 5s;
    while ((posted == 0 || fired == 0) && boottime_now() < end) {
        l.turn(10ms);
    }
    EXPECT_EQ(posted, 1);
    EXPECT_EQ(fired, 1);
}

TEST(loop, a_source_may_end_itself_in_its_callback) {
    loop l;
    int pipefd[2];
    ASSERT_EQ(pipe(pipefd), 0);
    unique_fd r(pipefd[0]);
    unique_fd wr(pipefd[1]);
    int seen = 0;
    event_source s;
    s = l.watch(r.get(), 1 /* EPOLLIN */, [&](uint32_t) {
        seen++;
        s.reset();
    });
    ASSERT_EQ(write(wr.get(), "x", 1), 1);
    l.turn(100ms);
    l.turn(1ms);
    EXPECT_EQ(seen, 1);
}
