/* SPDX-License-Identifier: GPL-2.0 */
/* harpctl and harpd as programs: what they do with arguments and files that are wrong. */
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

namespace fs = std::filesystem;

struct outcome {
    int status = -1;
    std::string text; /* both streams */
};

/* This program is OUT/check/bin/NAME; those are OUT/check/harpctl and OUT/check/harpd. */
outcome run(const std::string &command) {
    const std::string bin = fs::read_symlink("/proc/self/exe").parent_path().parent_path();
    const std::string line = "HARP_BUS=unix:path=/nonexistent/bus exec " + bin + "/" + command +
                             " 2>&1 </dev/null";
    outcome out;
    FILE *p = popen(line.c_str(), "r");
    if (p == nullptr) {
        return out;
    }
    char buf[4096];
    for (size_t n = 0; (n = fread(buf, 1, sizeof(buf), p)) != 0;) {
        out.text.append(buf, n);
    }
    int status = pclose(p);
    out.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
    return out;
}

class programs : public testing::Test {
protected:
    void SetUp() override {
        dir_ = testing::TempDir() + "harp-args-" + std::to_string(getpid());
        fs::remove_all(dir_);
        fs::create_directories(dir_);
    }
    void TearDown() override { fs::remove_all(dir_); }
    std::string file(const std::string &name, const std::string &content) {
        std::ofstream(dir_ + "/" + name) << content;
        return dir_ + "/" + name;
    }
    /* Ends with an error of its own, not by a signal, and says this. */
    static void says(const std::string &command, const std::string &words) {
        outcome o = run(command);
        EXPECT_NE(o.status, 0) << command;
        EXPECT_LT(o.status, 126) << command << ": " << o.text;
        EXPECT_NE(o.text.find(words), std::string::npos) << command << " said: " << o.text;
    }
    std::string dir_;
};

} // namespace

TEST_F(programs, harpctl_says_what_is_wrong_with_its_arguments) {
    const std::string all =
            "group create, group delete, status, events, switchover, sync, log show, log skip, "
            "selftest soft-reboot";
    says("harpctl", "expected a command: " + all);
    says("harpctl --bus none", "expected a command: " + all);
    says("harpctl frobnicate", "'frobnicate' is not a command; there are: " + all);
    says("harpctl frobnicate --now", "'frobnicate' is not a command; there are: " + all);
    says("harpctl --frobnicate", "'--frobnicate' is not an option before the command");
    says("harpctl --json status", "'--json' is not an option before the command");
    says("harpctl --bus", "--bus");
    says("harpctl status --jsn", "'--jsn' is not an option of status");
    says("harpctl status --jsn", "`harpctl status --help` tells more");
    says("harpctl status one two", "'two' is one argument too many for status");
    says("harpctl group", "expected a command: group create, group delete");
    says("harpctl group destroy g",
         "'group destroy' is not a command; there are: group create, group delete");
    says("harpctl group create", "NAME is required");
    says("harpctl group create g --config", "--config");
    says("harpctl group create g --config /etc/harp/groups/h.toml",
         "expected a file g.toml in harpd's groups directory");
    says("harpctl switchover", "NAME is required");
    says("harpctl switchover", "`harpctl switchover --help` tells more");
    says("harpctl switchover g beta gamma", "'gamma' is one argument too many for switchover");
    says("harpctl log show g --count many", "many");
    says("harpctl log show g --from -1", "--from");
    says("harpctl log show g --count 0", "--count");
    says("harpctl log show", "NAME is required");
    says("harpctl selftest", "expected a command: selftest soft-reboot");
    says("harpctl selftest soft-reboot", "NAME is required");
    says("harpctl selftest soft-reboot g --now",
         "'--now' is not an option of selftest soft-reboot");
    says("harpctl log skip", "NAME is required");
    says("harpctl log skip g", "INDEX is required");
    says("harpctl log skip g 0", "INDEX");
    EXPECT_EQ(run("harpctl frobnicate").status, 2) << "as harpctl(1) has it";
}

TEST_F(programs, harpctl_helps) {
    EXPECT_EQ(run("harpctl --help").status, 0);
    EXPECT_NE(run("harpctl --help").text.find("switchover"), std::string::npos);
    EXPECT_EQ(run("harpctl log show --help").status, 0);
    EXPECT_NE(run("harpctl log show --help").text.find("--count"), std::string::npos);
}

TEST_F(programs, harpctl_without_harpd_says_so) {
    says("harpctl status", "harpctl: ");
    says("harpctl switchover g", "`harpctl status` shows who serves");
    EXPECT_EQ(run("harpctl --version").status, 0);
    EXPECT_EQ(run("harpctl --version").text.rfind("harpctl ", 0), 0u);
}

TEST_F(programs, a_file_that_is_no_log_is_not_shown_as_one) {
    says("harpctl log show " + dir_ + "/none", "No such file");
    says("harpctl log show " + file("empty", ""), "harpctl: ");
    says("harpctl log show " + file("text", std::string(100000, 'x')), "harpctl: ");
}

TEST_F(programs, harpd_names_what_it_does_not_know) {
    says("harpd --frobnicate", "frobnicate");
    says("harpd --config", "config");
    says("harpd one", "Usage: harpd");
    EXPECT_EQ(run("harpd --version").status, 0);
}

TEST_F(programs, harpd_does_not_start_on_a_configuration_it_cannot_read) {
    const std::string start = "harpd --bus none --config " + dir_ + " --state " + dir_ +
                              "/lib --run " + dir_ + "/run";
    file("harp.toml", "name = \"alpha\"\nlisten = [\"127.0.");
    says(start, "harp.toml:2:");
    file("harp.toml", "name = \"alpha\"\ncolour = \"green\"\n");
    says(start, "harp.toml:2: unknown key 'colour'");
    file("harp.toml", "name = 5\n");
    says(start, "harp.toml:1: name: found the number 5, expected ");
}
