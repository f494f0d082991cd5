/* SPDX-License-Identifier: GPL-2.0 */
/* What two lowers are compared by before a group is made, on images that mkfs made. */
#include "cluster/lower_probe.hh"
#include "util/text.hh"

#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <unistd.h>

using namespace harp;
using cluster::compare_lowers;
using cluster::lower_traits;
using cluster::read_traits;
namespace fs = std::filesystem;

namespace {

class lowers : public testing::Test {
protected:
    void SetUp() override {
        dir_ = testing::TempDir() + "harp-lower-" + std::to_string(getpid());
        fs::remove_all(dir_);
        fs::create_directories(dir_);
    }
    void TearDown() override { fs::remove_all(dir_); }

    /* The head of an image, or "" where there is no such mkfs here. */
    std::string made(const std::string &mkfs, const char *size) {
        const std::string path = dir_ + "/" + std::to_string(images_++);
        const std::string line = "truncate -s " + std::string(size) + " " + path +
                                 " && PATH=$PATH" + ":/sbin:/usr/sbin " + mkfs + " " + path + " >" +
                                 dir_ + "/said 2>&1";
        if (system(line.c_str()) != 0) {
            return "";
        }
        auto head = read_file(path, 1u << 30);
        return head ? head->substr(0, 4096) : "";
    }
    std::string ext4(const std::string &options) {
        return made("mkfs.ext4 -q -F " + options, "8M");
    }
    /* What is said of two ext4s made so. */
    std::string difference(const std::string &one, const std::string &other) {
        auto a = read_traits(ext4(one), "ext4"), b = read_traits(ext4(other), "ext4");
        if (!a || !b) {
            return "not made";
        }
        return compare_lowers("alpha", *a, "beta", *b);
    }

    std::string dir_;
    int images_ = 0;
};

} // namespace

TEST_F(lowers, made_alike_they_do_not_differ) {
    if (ext4("").empty()) {
        GTEST_SKIP() << "no mkfs.ext4 here";
    }
    EXPECT_EQ(difference("", ""), "");
    EXPECT_EQ(difference("-L one", "-L two -U random"), "") << "nothing depends on these";
}

/* A layout that was taken back has left it: each file system notes its first attribute. */
TEST_F(lowers, that_one_had_an_extended_attribute_once_is_no_difference) {
    if (ext4("").empty()) {
        GTEST_SKIP() << "no mkfs.ext4 here";
    }
    EXPECT_EQ(difference("-O ^ext_attr", ""), "");
    std::string xfs = made("mkfs.xfs -q -f", "320M");
    if (xfs.empty()) {
        GTEST_SKIP() << "no mkfs.xfs here";
    }
    auto a = read_traits(xfs, "xfs");
    xfs[101] = static_cast<char>(xfs[101] | 0x10); /* XFS_SB_VERSION_ATTRBIT */
    auto b = read_traits(xfs, "xfs");
    ASSERT_TRUE(a.ok() && b.ok());
    EXPECT_EQ(compare_lowers("alpha", *a, "beta", *b), "");
}

TEST_F(lowers, made_differently_they_are_told_apart_by_name_and_value) {
    if (ext4("").empty()) {
        GTEST_SKIP() << "no mkfs.ext4 here";
    }
    EXPECT_EQ(difference("-b 1024", "-b 4096"), "block size: alpha has 1024, beta has 4096");
    EXPECT_EQ(difference("-I 256", "-I 512"), "inode size: alpha has 256, beta has 512");
    EXPECT_NE(difference("-O ^dir_nlink", "").find("ro-compat features"), std::string::npos);
    EXPECT_NE(difference("-O ^extent,^64bit,^metadata_csum", "").find("incompat features"),
              std::string::npos);
}

TEST_F(lowers, another_file_system_or_none_is_named) {
    std::string head = ext4("");
    if (head.empty()) {
        GTEST_SKIP() << "no mkfs.ext4 here";
    }
    EXPECT_EQ(read_traits(head, "xfs").error().text, "found an ext file system on the device, "
                                                     "expected xfs");
    EXPECT_EQ(read_traits(std::string(4096, '\0'), "ext4").error().text,
              "found no file system that Harp knows on the device, expected ext4");
    EXPECT_FALSE(read_traits(head.substr(0, 2000), "ext4").ok());
    std::string xfs = made("mkfs.xfs -q -f", "320M");
    if (!xfs.empty()) {
        auto a = read_traits(head, "ext4"), b = read_traits(xfs, "xfs");
        ASSERT_TRUE(a.ok() && b.ok());
        EXPECT_NE(
                compare_lowers("alpha", *a, "beta", *b).find("type: alpha has ext4, beta has xfs"),
                std::string::npos);
    }
}

/* A superblock of random bytes behind the magic: read, never believed further. */
TEST_F(lowers, a_damaged_superblock_is_read_within_its_bounds) {
    std::string head(4096, '\xff');
    head[1024 + 56] = '\x53';
    head[1024 + 57] = '\xef';
    head[1024 + 24] = 2; /* the block size's shift */
    head[1024 + 25] = head[1024 + 26] = head[1024 + 27] = 0;
    EXPECT_TRUE(read_traits(head, "ext4").ok());
    head[1024 + 24] = '\xff'; /* no shift a number could bear */
    EXPECT_FALSE(read_traits(head, "ext4").ok());
    head.replace(0, 4, "XFSB");
    head[1024 + 56] = 0;
    EXPECT_TRUE(read_traits(head, "xfs").ok());
}

TEST_F(lowers, a_device_that_cannot_be_read_is_named) {
    auto r = cluster::probe_lower(dir_ + "/none", "ext4", dir_ + "/mnt");
    ASSERT_FALSE(r.ok());
    EXPECT_NE(r.error().text.find("/none"), std::string::npos);
}
