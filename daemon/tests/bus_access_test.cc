/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who may change something. The bus's own policy (bus/org.harp.Harp1.conf) is not in force
 * here: harpd must refuse by itself.
 */
#include "bus/server.hh"
#include "private_bus.hh"
#include "util/fd.hh"
#include "util/loop.hh"

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <gtest/gtest.h>
#include <optional>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace harp::bus {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr uid_t nobody = 65534;

class access : public testing::Test {
protected:
    void SetUp() override {
        if (getuid() != 0) {
            GTEST_SKIP() << "needs root, to be somebody else";
        }
        if (!private_bus::is_installed()) {
            GTEST_SKIP() << "dbus-daemon is not installed";
        }
        dir_ = testing::TempDir() + "harp-bus-" + std::to_string(getpid());
        bus_.emplace(dir_);
        /* Where everybody can run it, whoever may read the tree it was made in. */
        fs::copy_file(fs::read_symlink("/proc/self/exe").parent_path().parent_path() / "harpctl",
                      dir_ + "/harpctl");
        api a;
        a.status = [this] {
            if (server_) {
                server_->event(R"({"what":"serving","time_ns":1,"group":"g","fields":{}})");
            }
            return std::string(R"({"groups":[]})");
        };
        a.group_create = [this](const std::string &, const api::text_fn &done) { called(done); };
        a.group_delete = [this](const std::string &, bool, const api::text_fn &done) {
            called(done);
        };
        a.switchover = [this](const std::string &, const std::string &, const api::text_fn &done) {
            called(done);
        };
        a.log_skip = [this](const std::string &, const std::vector<uint64_t> &records, bool ask,
                            const api::text_fn &done) {
            skipped_ = records;
            asked_only_ = ask;
            called(done);
        };
        auto made = server::make(loop_.raw(), bus_->address(), std::move(a));
        ASSERT_TRUE(made.ok()) << made.error().text;
        server_ = std::move(*made);
    }
    void TearDown() override {
        server_.reset();
        bus_.reset();
    }

    void called(const api::text_fn &done) {
        calls_++;
        done(refuses_.empty() ? result<std::string>(std::string("{}")) : fail(EBUSY, refuses_));
    }

    /* What harpctl says, and its exit status, run by @who. */
    std::string harpctl(uid_t who, std::vector<const char *> words) {
        int fds[2];
        EXPECT_EQ(pipe(fds), 0);
        pid_t pid = fork();
        if (pid == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            dup2(fds[1], STDOUT_FILENO);
            dup2(fds[1], STDERR_FILENO);
            close(fds[0]);
            if (who != 0 && (setgid(who) != 0 || setuid(who) != 0)) {
                _exit(127);
            }
            words.insert(words.begin(), {"harpctl", "--bus", bus_->address().c_str()});
            words.push_back(nullptr);
            execv((dir_ + "/harpctl").c_str(), const_cast<char **>(words.data()));
            _exit(127);
        }
        close(fds[1]);
        unique_fd out(fds[0]);
        std::string said;
        bool over = false;
        auto end = boottime_now() + 20s;
        while (!over && boottime_now() < end) {
            loop_.turn(10ms);
            pollfd p{out.get(), POLLIN, 0};
            if (poll(&p, 1, 0) > 0) {
                char buf[4096];
                ssize_t n = read(out.get(), buf, sizeof(buf));
                over = n <= 0;
                said.append(buf, n > 0 ? static_cast<size_t>(n) : 0);
            }
        }
        int status = 0;
        kill(pid, over ? 0 : SIGKILL);
        waitpid(pid, &status, 0);
        return said + "exit " + std::to_string(WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    }

    std::string dir_;
    std::optional<private_bus> bus_;
    loop loop_;
    std::unique_ptr<server> server_;
    int calls_ = 0;
    std::vector<uint64_t> skipped_;
    bool asked_only_ = false;
    std::string refuses_;
};

const std::vector<std::vector<const char *>> changes = {
        {"group", "create", "g"},
        {"group", "delete", "g"},
        {"group", "delete", "--force", "g"},
        {"switchover", "g", "b"},
        {"log", "skip", "g", "7", "9", "--yes"},
};

} // namespace

TEST_F(access, anybody_may_read) {
    EXPECT_EQ(harpctl(nobody, {"status"}), "no groups\nexit 0");
}

TEST_F(access, anybody_may_follow_what_happens) {
    const std::string said = harpctl(nobody, {"events", "--json", "-n", "1"});
    EXPECT_EQ(said, R"({"what":"serving","time_ns":1,"group":"g","fields":{}})"
                    "\nexit 0");
}

TEST_F(access, who_follows_is_told_that_nobody_is_there) {
    server_.reset();
    const std::string said = harpctl(nobody, {"events"});
    EXPECT_TRUE(said.starts_with("harpctl: harpd does not run on this machine")) << said;
    EXPECT_TRUE(said.ends_with("exit 1")) << said;
}

TEST_F(access, only_root_may_change) {
    for (const auto &words : changes) {
        const std::string said = harpctl(nobody, words);
        EXPECT_TRUE(said.starts_with("harpctl: only root may do this (try sudo)\n")) << said;
        EXPECT_TRUE(said.ends_with("exit 1")) << said;
    }
    EXPECT_EQ(calls_, 0);
}

TEST_F(access, root_may_change) {
    int before = 0;
    for (const auto &words : changes) {
        std::string said = harpctl(0, words);
        EXPECT_GT(calls_, before) << words[0] << ": " << said;
        before = calls_;
    }
}

/* Not "under way": what it says has happened. */
TEST_F(access, a_switchover_is_told_when_it_has_been) {
    EXPECT_EQ(harpctl(0, {"switchover", "g"}), "group g: its backup serves now\nexit 0");
    EXPECT_EQ(harpctl(0, {"switchover", "g", "b"}), "group g: b serves now\nexit 0");
    refuses_ = "b is 1025 records behind";
    const std::string said = harpctl(0, {"switchover", "g", "b"});
    EXPECT_TRUE(said.starts_with("harpctl: b is 1025 records behind\n")) << said;
    EXPECT_TRUE(said.ends_with("exit 1")) << said;
}

/* First whether it may be, then a look at the records: nothing is skipped unseen. */
TEST_F(access, a_skip_is_asked_for_and_looked_at_first) {
    std::string said = harpctl(0, {"log", "skip", "g", "7", "9", "--yes"});
    EXPECT_EQ(said, "harpctl: no group 'g' on this machine; there is none\n"
                    "harpctl: nothing was skipped\nexit 1");
    EXPECT_EQ(skipped_, (std::vector<uint64_t>{7, 9}));
    EXPECT_TRUE(asked_only_);
    EXPECT_EQ(calls_, 1);
    refuses_ = "b serves";
    said = harpctl(0, {"log", "skip", "g", "7"});
    EXPECT_EQ(said, "harpctl: b serves\nexit 1");
}

} // namespace harp::bus
