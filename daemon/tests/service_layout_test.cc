// SPDX-License-Identifier: GPL-2.0
/* What a failed creation takes back from a lower, and what it never touches. */
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <unistd.h>

#include "service/steps.hh"

namespace harp::service {
namespace {

namespace fs = std::filesystem;

/* As kmod/lower.c lays it out. */
class layout : public testing::Test {
protected:
    void SetUp() override {
        root_ = testing::TempDir() + "harp-layout-" + std::to_string(getpid());
        fs::remove_all(root_);
        for (const char *dir : {"lost+found", "tree", ".harp/orphans"}) {
            fs::create_directories(root_ + "/" + dir);
        }
        for (const char *file : {"rows", "ino2fid", "lb", "reserve"}) {
            write(std::string(".harp/") + file);
        }
    }
    void TearDown() override { fs::remove_all(root_); }
    void write(const std::string &name) const { std::ofstream(root_ + "/" + name) << "x"; }
    std::set<std::string> left() const {
        std::set<std::string> out;
        for (const auto &e : fs::recursive_directory_iterator(root_)) {
            out.insert(e.path().lexically_relative(root_));
        }
        return out;
    }
    void is_refused(const std::string &said) const {
        const auto before = left();
        auto r = remove_layout(root_);
        ASSERT_FALSE(r.ok());
        EXPECT_EQ(r.error().code, ENOTEMPTY);
        EXPECT_EQ(r.error().text, root_ + said);
        EXPECT_EQ(left(), before) << "nothing is touched";
    }

    std::string root_;
};

} // namespace

TEST_F(layout, one_that_was_never_used_goes) {
    auto r = remove_layout(root_);
    EXPECT_TRUE(r.ok()) << r.error().text;
    EXPECT_EQ(left(), (std::set<std::string>{"lost+found"}));
    EXPECT_TRUE(remove_layout(root_).ok()) << "nothing there, nothing to do";
}

TEST_F(layout, one_that_broke_off_goes) {
    fs::remove(root_ + "/.harp/lb");
    fs::remove(root_ + "/.harp/orphans");
    fs::remove(root_ + "/tree");
    EXPECT_TRUE(remove_layout(root_).ok());
    EXPECT_EQ(left(), (std::set<std::string>{"lost+found"}));
}

TEST_F(layout, a_share_with_a_file_stays_whole) {
    write("tree/x");
    is_refused("/tree holds 'x' and is left as it is");
}

TEST_F(layout, a_file_without_a_name_is_a_file) {
    write(".harp/orphans/7");
    is_refused("/.harp/orphans holds '7' and is left as it is");
}

TEST_F(layout, what_is_not_harps_stays) {
    write("notes");
    is_refused(" holds 'notes' and is left as it is");
    fs::remove(root_ + "/notes");
    write(".harp/other");
    is_refused("/.harp holds 'other' and is left as it is");
}

} // namespace harp::service
