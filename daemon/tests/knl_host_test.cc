/* SPDX-License-Identifier: GPL-2.0 */
/* Warnings about a machine, from a /proc and a /sys made up. */
#include "knl/host.hh"
#include "util/fd.hh"
#include "util/text.hh"

#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace harp::knl {
namespace {

namespace fs = std::filesystem;

class machine : public testing::Test {
protected:
    void SetUp() override {
        dir_ = testing::TempDir() + "harp-host-" + std::to_string(getpid());
        fs::remove_all(dir_);
        at_ = {dir_ + "/proc", dir_ + "/sys"};
        put("proc/cmdline", "BOOT_IMAGE=/vmlinuz ro memmap=64M$0x20000000 panic=10\n");
        put("proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu vme sse2\nbugs\t\t:\n");
        put("proc/sys/kernel/panic", "10\n");
        put("sys/devices/system/clocksource/clocksource0/current_clocksource", "kvm-clock\n");
    }
    void TearDown() override { fs::remove_all(dir_); }
    void put(const std::string &path, const std::string &content) {
        fs::create_directories(fs::path(dir_ + "/" + path).parent_path());
        std::ofstream(dir_ + "/" + path) << content;
    }
    std::vector<std::string> of(const char *region = "memmap:0x20000000:64M") {
        auto r = config::parse_region(region);
        EXPECT_TRUE(r.ok()) << region;
        return host_warnings(*r, confirm_, at_);
    }
    void variable(char value) {
        put("sys/firmware/efi/efivars/"
            "MemoryOverwriteRequestControl-e20939be-32d4-41be-a150-897f85d49829",
            std::string("\x07\0\0\0", 4) + value);
    }
    std::string variable_path() const {
        return dir_ + "/sys/firmware/efi/efivars/"
                      "MemoryOverwriteRequestControl-e20939be-32d4-41be-a150-897f85d49829";
    }
    /* While no file can be written; the limit stops root, too. */
    template <typename Do>
    auto written_nothing(Do &&what) {
        auto was = signal(SIGXFSZ, SIG_IGN);
        rlimit limit{};
        EXPECT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
        const rlimit none{0, limit.rlim_max};
        EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &none), 0);
        auto said = what();
        EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
        signal(SIGXFSZ, was);
        return said;
    }
    /* Exactly one, which says this. */
    void warns(const std::vector<std::string> &found, const std::string &words) {
        ASSERT_EQ(found.size(), 1U);
        EXPECT_NE(found[0].find(words), std::string::npos) << found[0];
    }

    std::string dir_;
    confirm_mode confirm_;
    host_paths at_;
};

TEST_F(machine, a_sound_one_is_not_complained_about) {
    EXPECT_TRUE(of().empty()) << of()[0];
    EXPECT_TRUE(of("mem:8M").empty());
}

TEST_F(machine, the_range_must_be_kept_free) {
    for (const char *line :
         {"quiet", "memmap=64M@0x20000000", "memmap=32M$0x20000000", "memmap=64M$0x30000000",
          "memmap=64M0x20000000", "memmap=$0x20000000", "xmemmap=64M$0x20000000"}) {
        put("proc/cmdline", line);
        warns(of(), "without memmap=64M$0x20000000");
    }
    for (const char *line :
         {"memmap=65536K$512M", "memmap=1G$0x10000000", "memmap=4K$0x1000,64M$0x20000000",
          "memmap=4K$0x1000 memmap=0x4000000$0x20000000"}) {
        put("proc/cmdline", line);
        EXPECT_TRUE(of().empty()) << line;
    }
    fs::remove(dir_ + "/proc/cmdline");
    warns(of(), "without memmap=64M$0x20000000");
}

TEST_F(machine, the_label_must_be_reserved) {
    warns(of("reserve:harp"), "without reserve_mem=SIZE:ALIGNMENT:harp");
    put("proc/cmdline", "reserve_mem=64M:4096:harp");
    EXPECT_TRUE(of("reserve:harp").empty());
}

TEST_F(machine, a_panic_must_end) {
    put("proc/sys/kernel/panic", "0\n");
    warns(of(), "kernel.panic is 0");
    put("proc/sys/kernel/panic", "-1\n");
    EXPECT_TRUE(of().empty()) << "at once";
}

TEST_F(machine, a_panic_that_nobody_set_an_end_to_is_given_one) {
    const std::string setting = dir_ + "/proc/sys/kernel/panic";
    EXPECT_FALSE(set_panic_timeout(20, at_).value_or(true)) << "somebody did";
    EXPECT_EQ(read_file(setting).value_or(""), "10\n");
    put("proc/sys/kernel/panic", "0\n");
    EXPECT_FALSE(set_panic_timeout(0, at_).value_or(true)) << "not asked for";
    EXPECT_EQ(read_file(setting).value_or(""), "0\n");
    EXPECT_TRUE(set_panic_timeout(20, at_).value_or(false));
    EXPECT_EQ(read_file(setting).value_or(""), "20\n");
    EXPECT_TRUE(of().empty());
}

/* As where /proc/sys is read-only. */
TEST_F(machine, a_panic_that_cannot_be_given_an_end_is_not_said_to_have_one) {
    put("proc/sys/kernel/panic", "0\n");
    auto set = written_nothing([&] { return set_panic_timeout(20, at_); });
    ASSERT_FALSE(set.ok());
    EXPECT_NE(set.error().text.find("sys/kernel/panic"), std::string::npos) << set.error().text;
    EXPECT_EQ(of().size(), 1U);
}

TEST_F(machine, firmware_that_clears_memory_is_named) {
    fs::create_directories(dir_ + "/sys/firmware/efi/efivars");
    warns(of(), "mount efivarfs");
    put("sys/firmware/efi/efivars/BootOrder-8be4df61-93ca-11d2-aa0d-00e098032b8c", "x");
    EXPECT_TRUE(of().empty()) << "the firmware has no such thing";
    variable(0);
    EXPECT_TRUE(of().empty());
    variable(1);
    warns(of(), "MemoryOverwriteRequestControl");
    EXPECT_TRUE(of("mem:8M").empty()) << "plain memory is lost in any case";
    variable(0x11);
    warns(of(), "MemoryOverwriteRequestControl");
}

TEST_F(machine, firmware_is_asked_to_keep_memory) {
    EXPECT_FALSE(keep_memory(at_).value_or(true)) << "no EFI";
    put("sys/firmware/efi/efivars/BootOrder-8be4df61-93ca-11d2-aa0d-00e098032b8c", "x");
    EXPECT_FALSE(keep_memory(at_).value_or(true)) << "no such variable";
    variable(0x10);
    EXPECT_FALSE(keep_memory(at_).value_or(true)) << "nobody has asked";
    variable(0x11);
    EXPECT_TRUE(keep_memory(at_).value_or(false));
    EXPECT_EQ(read_file(variable_path()).value_or(""), std::string("\x07\0\0\0\x10", 5));
    EXPECT_TRUE(of().empty());
}

/* As efivarfs has it. */
TEST_F(machine, a_variable_that_is_immutable_is_changed_and_stays_so) {
    variable(1);
    unique_fd fd(open(variable_path().c_str(), O_RDONLY | O_CLOEXEC));
    int flags = 0;
    bool able = ioctl(fd.get(), FS_IOC_GETFLAGS, &flags) == 0;
    int immutable = flags | FS_IMMUTABLE_FL;
    if (!able || ioctl(fd.get(), FS_IOC_SETFLAGS, &immutable) != 0) {
        GTEST_SKIP() << "no immutable files in " << dir_ << " for this user";
    }
    EXPECT_TRUE(keep_memory(at_).value_or(false));
    int now = 0;
    EXPECT_EQ(ioctl(fd.get(), FS_IOC_GETFLAGS, &now), 0);
    EXPECT_EQ(ioctl(fd.get(), FS_IOC_SETFLAGS, &flags), 0);
    EXPECT_NE(now & FS_IMMUTABLE_FL, 0);
    EXPECT_TRUE(of().empty());
}

TEST_F(machine, firmware_that_cannot_be_asked_is_said_to_clear) {
    variable(1);
    EXPECT_FALSE(written_nothing([&] { return keep_memory(at_).ok(); }));
    warns(of(), "MemoryOverwriteRequestControl");
}

TEST_F(machine, a_virtual_one_is_told_apart) {
    put("proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu hypervisor\nbugs\t\t: hypervisor_x\n");
    warns(of(), "a virtual one, with the clock kvm-clock: hand over before");
    put("proc/cpuinfo",
        "processor\t: 0\nmodel name\t: a hypervisor \nflags\t\t: fpu xhypervisor\n");
    EXPECT_TRUE(of().empty());
}

TEST_F(machine, a_virtual_one_may_be_paused_where_each_answer_is_confirmed) {
    put("proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu hypervisor\n");
    EXPECT_EQ(of().size(), 1U);
    confirm_ = {true, true};
    EXPECT_TRUE(of().empty());
}

TEST_F(machine, a_lease_that_is_not_the_replicas_counts_when_it_is_mounted_anew) {
    put("proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu hypervisor\n");
    confirm_ = {true, false};
    ASSERT_EQ(of().size(), 2U) << "its pauses are not seen, whatever is wanted";
    EXPECT_NE(of()[1].find("has lease = \"confirm\", but the replica was mounted with \"time\""),
              std::string::npos)
            << of()[1];
    confirm_ = {false, true};
    warns(of(), "has lease = \"time\", but the replica was mounted with \"confirm\"");
}

} // namespace
} // namespace harp::knl
