/* SPDX-License-Identifier: GPL-2.0 */
#include "util/fault.hh"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <set>
#include <string>
#include <unistd.h>

using namespace harp;

namespace {

class faults : public testing::Test {
protected:
    faults() {
        std::string name = testing::TempDir() + "harp-fault-XXXXXX";
        EXPECT_NE(mkdtemp(name.data()), nullptr);
        dir_ = name;
    }
    ~faults() override { std::filesystem::remove_all(dir_); }

    std::string armed(fault at) {
        const std::string path = dir_ + "/" + std::string(to_string(at));
        std::ofstream(path).close();
        return path;
    }
    /* In a process of its own, whose first look at the environment this is. */
    void reach(fault at) {
        setenv("HARP_FAULT_DIR", dir_.c_str(), 1);
        fault_point(at);
        _exit(0);
    }

    std::string dir_;
};

} // namespace

TEST_F(faults, each_name_is_its_own) {
    std::set<std::string_view> seen;
    for (uint8_t i = 0; i < static_cast<uint8_t>(fault::count_); i++) {
        const auto name = to_string(fault(i));
        EXPECT_TRUE(seen.insert(name).second) << name;
        EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz-"), name.npos) << name;
    }
}

TEST_F(faults, it_dies_once_where_it_is_asked_to) {
    const std::string path = armed(fault::stored);
    EXPECT_EXIT(reach(fault::half_stored), testing::ExitedWithCode(0), "");
    EXPECT_TRUE(std::filesystem::exists(path));
    EXPECT_EXIT(reach(fault::stored), testing::KilledBySignal(SIGKILL), "");
    EXPECT_FALSE(std::filesystem::exists(path));
    EXPECT_EXIT(reach(fault::stored), testing::ExitedWithCode(0), "");
}

TEST_F(faults, nobody_dies_whose_environment_does_not_say_so) {
    const std::string path = armed(fault::stored);
    ASSERT_EQ(getenv("HARP_FAULT_DIR"), nullptr);
    fault_point(fault::stored);
    EXPECT_TRUE(std::filesystem::exists(path));
}
