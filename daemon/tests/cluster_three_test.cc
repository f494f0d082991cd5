/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Three harpds as three processes on loopback: real sockets, real state files, a real
 * witness; only the data members' kernels are models. A view forms, records commit, a
 * member is killed, the others go on, and nothing committed is lost.
 */
#include "fake_data.hh"
#include "node.hh"
#include "util/log.hh"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>

namespace harp {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using namespace vsr;

class no_service final : public service_port {
public:
    explicit no_service(loop &l) : loop_(l) {}
    void start(std::vector<net::connection>, done_fn done) override { soon(done); }
    void stop(bool, done_fn done) override { soon(done); }
    void unmount(done_fn done) override { soon(done); }
    void clear_lower(done_fn done) override { soon(done); }
    void teardown(done_fn done) override { soon(done); }
    std::string describe() const override { return "none"; }

private:
    void soon(const done_fn &done) {
        loop_.post([done] { done({}); });
    }
    loop &loop_;
};

result<backend> fake_backend(const backend_request &r) {
    if (!r.group->members[r.self.value()].is_data()) {
        return make_backend(r);
    }
    backend b;
    auto fake = std::make_unique<test::fake_data>(*r.events, r.disk, r.hooks);
    /* The model is not thread-safe; the test's FETCHes come while it stands fenced. */
    b.read_log = [f = fake.get()](index_t first, index_t last) { return f->read(first, last); };
    b.replica = std::move(fake);
    b.service = std::make_unique<no_service>(*r.events);
    return b;
}

/* One harpd in a child; its lines come through a pipe. */
struct process {
    pid_t pid = -1;
    unique_fd out;
    std::string text;

    void pump(int ms) {
        pollfd p{out.get(), POLLIN, 0};
        if (poll(&p, 1, ms) > 0) {
            char buf[4096];
            ssize_t n = read(out.get(), buf, sizeof(buf));
            text.append(buf, n > 0 ? static_cast<size_t>(n) : 0);
        }
    }
    uint64_t last_number(const std::string &key) const {
        auto at = text.rfind(key);
        return at == std::string::npos ? 0 : std::stoull(text.substr(at + key.size()));
    }
};

class three : public testing::Test {
protected:
    void SetUp() override {
        dir = testing::TempDir() + "harp-three-" + std::to_string(getpid());
        fs::remove_all(dir);
        port = static_cast<uint16_t>(20000 + getpid() % 12000); /* below those for callers */
        std::string group = group_text();
        disk_state s;
        s.group = random_uuid();
        s.epoch = epoch_t(1);
        s.lineage = lineage_t(77);
        for (uint8_t i = 0; i < member_count; i++) {
            s.members[i] = {member_id(i + 1u), slot_t(i), static_cast<member_kind>(i), name(i)};
        }
        for (uint8_t i = 0; i < member_count; i++) {
            fs::create_directories(config(i) + "/groups");
            fs::create_directories(state(i) + "/g");
            std::ofstream(config(i) + "/groups/g.toml") << group;
            std::ofstream(config(i) + "/harp.toml")
                    << fmt::format("name = \"{}\"\nlisten = [\"127.0.9.{}\"]\ncontrol_port = {}\n"
                                   "record_port = {}\npanic_timeout = 0\n",
                                   name(i), i + 1, port, port);
            s.self = slot_t(i);
            ASSERT_TRUE(cluster::state_file(state(i) + "/g").store(s).ok());
        }
    }
    void TearDown() override {
        for (auto &p : nodes) {
            stop(p);
        }
        if (HasFailure()) {
            for (const auto &p : nodes) {
                fprintf(stderr, "---- one node said:\n%s\n", p.text.c_str());
            }
        }
        fs::remove_all(dir);
    }

    static std::string name(int i) { return fmt::format("m{}", i); }
    std::string config(int i) const { return fmt::format("{}/{}/etc", dir, i); }
    std::string state(int i) const { return fmt::format("{}/{}/lib", dir, i); }

    std::string group_text() const {
        /* On a busy machine a process may wait a second for its turn; a member that is
           taken for dead would change the view under the test. */
        std::string t = "name = \"g\"\npromise_ms = 1500\ndetect_ms = 3000\n";
        const char *roles[] = {"primary", "backup", "witness"};
        for (int i = 0; i < 3; i++) {
            t += fmt::format("[[member]]\nname = \"{}\"\nrole = \"{}\"\n"
                             "addresses = [\"127.0.9.{}\"]\ncontrol_port = {}\nrecord_port = {}\n",
                             name(i), roles[i], i + 1, port, port);
            t += i < 2 ? "lower = { device = \"/dev/none\", type = \"ext4\" }\nregion = "
                         "\"mem:4M\"\n"
                       : "log_size = \"16M\"\n";
        }
        return t + "[service]\naddresses = [\"10.9.9.9/24\"]\nparent = \"lo\"\n"
                   "[[export]]\nclient = \"*\"\n";
    }

    void start(int i) {
        int fds[2];
        ASSERT_EQ(pipe2(fds, O_CLOEXEC), 0);
        pid_t pid = fork();
        if (pid == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            dup2(fds[1], STDERR_FILENO);
            run(i);
        }
        close(fds[1]);
        nodes[static_cast<size_t>(i)] = {pid, unique_fd(fds[0]), ""};
    }
    [[noreturn]] void run(int i) {
        loop l;
        auto c = config::load_node(config(i) + "/harp.toml");
        node_paths paths{config(i), state(i), fmt::format("{}/{}/run", dir, i)};
        auto n = c ? node::make(l, *c, paths, fake_backend)
                   : result<std::unique_ptr<node>>(c.error());
        if (!n) {
            fprintf(stderr, "harpd: %s\n", n.error().text.c_str());
            _exit(1);
        }
        _exit(l.run());
    }
    static void stop(process &p) {
        if (p.pid > 0) {
            kill(p.pid, SIGKILL);
            waitpid(p.pid, nullptr, 0);
            p.pid = -1;
            for (int k = 0; k < 100 && p.out; k++) {
                p.pump(0);
            }
        }
    }
    void start_all() {
        for (int i = 0; i < 3; i++) {
            start(i);
        }
    }
    /* Waits for the condition, reading what the nodes say; false after @limit. */
    bool wait(const std::function<bool()> &done, std::chrono::milliseconds limit = 30s) {
        auto end = boottime_now() + limit;
        while (!done()) {
            if (boottime_now() > end) {
                return false;
            }
            for (auto &p : nodes) {
                if (p.pid > 0) {
                    p.pump(5);
                }
            }
        }
        return true;
    }
    bool serves(int i, const std::string &backup) {
        const auto &t = nodes[static_cast<size_t>(i)].text;
        auto at = t.rfind("what=view-formed");
        return at != std::string::npos && t.find("primary=" + name(i), at) != std::string::npos &&
               t.find("backup=" + backup, at) != std::string::npos &&
               t.find("what=serving", at) != std::string::npos;
    }
    bool commits(int i, uint64_t more) {
        auto &p = nodes[static_cast<size_t>(i)];
        return p.last_number("cp=") >= more;
    }

    std::string dir;
    uint16_t port = 0;
    std::array<process, 3> nodes;
};

} // namespace

TEST_F(three, the_designated_pair_forms_a_view_and_commits) {
    start_all();
    ASSERT_TRUE(wait([&] { return serves(0, "m1"); }));
    ASSERT_TRUE(wait([&] { return commits(0, 20); }));
}

TEST_F(three, the_primary_is_killed_and_the_backup_goes_on_with_the_witness) {
    start_all();
    ASSERT_TRUE(wait([&] { return serves(0, "m1") && commits(0, 20); }));
    stop(nodes[0]);
    uint64_t committed = nodes[0].last_number("cp=");
    auto before = boottime_now();
    ASSERT_TRUE(wait([&] { return serves(1, "m2"); }));
    auto outage = std::chrono::duration_cast<std::chrono::milliseconds>(boottime_now() - before);
    fprintf(stderr, "# outage %lld ms\n", static_cast<long long>(outage.count()));
    ASSERT_TRUE(wait([&] { return commits(1, committed + 20); }));
    EXPECT_NE(nodes[1].text.find("what=detected"), std::string::npos);
    EXPECT_NE(nodes[1].text.find("what=proposed"), std::string::npos);
    EXPECT_NE(nodes[1].text.find("what=addresses-up"), std::string::npos);
}

TEST_F(three, the_backup_is_killed_and_the_primary_goes_on_with_the_witness) {
    start_all();
    ASSERT_TRUE(wait([&] { return serves(0, "m1") && commits(0, 20); }));
    stop(nodes[1]);
    ASSERT_TRUE(wait([&] { return serves(0, "m2"); }));
    uint64_t now = nodes[0].last_number("cp=");
    ASSERT_TRUE(wait([&] { return commits(0, now + 20); }));
}

TEST_F(three, without_a_second_member_nobody_serves) {
    start_all();
    ASSERT_TRUE(wait([&] { return serves(0, "m1") && commits(0, 20); }));
    stop(nodes[2]);
    uint64_t now = nodes[0].last_number("cp=");
    ASSERT_TRUE(wait([&] { return commits(0, now + 20); })) << "the witness is not needed";
    stop(nodes[0]);
    EXPECT_FALSE(wait([&] { return serves(1, "m2"); }, 8s));
    EXPECT_NE(nodes[1].text.find("record link with m0 is down"), std::string::npos);
    start(2);
    ASSERT_TRUE(wait([&] { return serves(1, "m2"); })) << "two are enough again";
}

TEST_F(three, a_killed_witness_comes_back_as_a_new_life_and_can_back_up) {
    start_all();
    ASSERT_TRUE(wait([&] { return serves(0, "m1") && commits(0, 20); }));
    stop(nodes[2]);
    start(2);
    ASSERT_TRUE(wait([&] { return nodes[2].text.find("to=outside") != std::string::npos; }));
    stop(nodes[0]);
    ASSERT_TRUE(wait([&] { return serves(1, "m2"); }));
}

} // namespace harp
