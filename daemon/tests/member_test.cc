/* SPDX-License-Identifier: GPL-2.0 */
/* A member whose kernel and service do what a test wants: what it makes of their failures. */
#include "member.hh"

#include "codec.h"
#include "linux/harp_netlink.h"
#include "util/json.hh"
#include "util/log.hh"
#include "util/text.hh"

#include <filesystem>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

namespace harp {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using namespace vsr;

/* Serves in view 4, or backs up, whatever it is told; some of that is noted. */
class serving_replica final : public knl::replica {
public:
    serving_replica(const disk_state &disk, const knl::replica_facts &facts,
                    std::vector<std::string> &told, token_t *seal = nullptr)
        : facts_(facts), told_(told), seal_(seal) {
        report_.inc = disk.inc;
        report_.fence = report_.view = view_t(4);
        report_.formed = disk.formed;
        report_.view_of_formed = disk.view;
        const bool serves = disk.view && disk.view->primary.slot == disk.self;
        report_.current_role = serves ? role::primary : role::backup;
        report_.complete = report_.intact = true;
        report_.serving = report_.lease_held = report_.gate_bound = serves;
        report_.log = {index_t(1), {}, index_t(1), {{view_t(4), index_t(1)}}};
    }
    object_report found() override { return report_; }
    void execute(kernel_command c) override {
        if (std::holds_alternative<cmd_leave>(c.body)) {
            told_.emplace_back("leave");
        }
        if (std::holds_alternative<cmd_seal>(c.body) && seal_ != nullptr) {
            told_.emplace_back("seal");
            *seal_ = c.token;
        }
    }
    void touch() override {}
    void poll() override {}
    void give_link(unique_fd, link_wanted) override {}
    void drop_link() override { told_.emplace_back("drop link"); }
    knl::replica_facts facts() const override { return facts_; }
    void destroy(std::function<void(result<void>)> done) override {
        told_.emplace_back("destroy");
        done({});
    }

private:
    const knl::replica_facts &facts_;
    std::vector<std::string> &told_;
    token_t *seal_; /* where the token of the last cmd_seal goes */
    object_report report_;
};

/* Ends each start and stop as it is told to, and counts them. */
struct service_log {
    bool starts_fail = false;
    bool stops_fail = false;
    int starts = 0;
    int stops = 0;
    int ended = 0; /* of both */
    bool clears_fail = false;
    std::vector<std::string> told; /* of the rest */
    std::vector<net::connection> woken;
    std::vector<net::connection> clients; /* are connected to it */
    int asked = 0;                        /* who they are */
};

class scripted_service final : public service_port {
public:
    scripted_service(loop &l, service_log &log) : loop_(l), log_(log) {}
    void start(std::vector<net::connection> clients, done_fn done) override {
        log_.starts++;
        log_.woken = std::move(clients);
        end(log_.starts_fail, std::move(done));
    }
    void stop(bool, done_fn done) override {
        log_.stops++;
        end(log_.stops_fail, std::move(done));
    }
    std::vector<net::connection> clients() const override {
        log_.asked++;
        return log_.clients;
    }
    void unmount(done_fn done) override { note("unmount", std::move(done)); }
    void teardown(done_fn done) override { note("teardown", std::move(done)); }
    void clear_lower(done_fn done) override {
        log_.clears_fail ? end(true, std::move(done)) : note("clear lower", std::move(done));
    }
    std::string describe() const override { return "scripted"; }

private:
    void note(const char *what, done_fn done) {
        log_.told.emplace_back(what);
        end(false, std::move(done));
    }
    void end(bool fails, done_fn done) {
        loop_.post([this, fails, done = std::move(done)] {
            done(fails ? result<void>(fail(EIO, "as the test wants it")) : result<void>());
            log_.ended++;
        });
    }
    loop &loop_;
    service_log &log_;
};

class member_service : public testing::Test {
protected:
    void SetUp() override {
        dir_ = testing::TempDir() + "harp-member-" + std::to_string(getpid());
        fs::remove_all(dir_);
        fs::create_directories(dir_ + "/g");
        auto doc = config::parse_document("g.toml", text());
        ASSERT_TRUE(doc.ok());
        auto group = config::read_group(*doc);
        ASSERT_TRUE(group.ok()) << group.error().text;
        group_ = *group;
        disk_.group = random_uuid();
        disk_.epoch = epoch_t(1);
        disk_.lineage = lineage_t(77);
        disk_.self = slot_t(0);
        for (uint8_t i = 0; i < member_count; i++) {
            disk_.members[i] = {member_id(i + 1u), slot_t(i), static_cast<member_kind>(i),
                                fmt::format("m{}", i)};
        }
        disk_.inc = incarnation_t(1);
        disk_.agreed = disk_.formed = view_t(4);
        view_record v;
        v.view = view_t(4);
        v.epoch = disk_.epoch;
        v.lineage = disk_.lineage;
        v.primary = {slot_t(0), incarnation_t(1)};
        v.backup = {slot_t(1), incarnation_t(1)};
        v.promise = 400ms;
        disk_.view = v;
    }
    void TearDown() override {
        member_.reset();
        control_.reset();
        fs::remove_all(dir_);
    }
    static std::string text() {
        std::string t = "name = \"g\"\npromise_ms = 400\ndetect_ms = 600\n";
        const char *roles[] = {"primary", "backup", "witness"};
        for (int i = 0; i < 3; i++) {
            t += fmt::format("[[member]]\nname = \"m{}\"\nrole = \"{}\"\n"
                             "addresses = [\"127.0.6.{}\"]\n",
                             i, roles[i], i + 1);
            t += i < 2 ? "lower = { device = \"/dev/none\", type = \"ext4\" }\n"
                         "region = \"mem:4M\"\n"
                       : "log_size = \"32M\"\n";
        }
        return t + "[service]\naddresses = [\"10.9.9.9/24\"]\nparent = \"lo\"\n"
                   "[[export]]\nclient = \"*\"\n";
    }
    /* An earlier harpd's group goes on: it serves, and its service is started. */
    void start() {
        make();
        ASSERT_TRUE(wait([this] { return log_.starts > 0; }));
    }
    void make() {
        ASSERT_TRUE(cluster::state_file(dir_ + "/g").store(disk_).ok());
        auto control = cluster::control_channel::make(
                loop_, {"127.0.6.1"}, static_cast<uint16_t>(20000 + getpid() % 12000),
                [](const std::vector<uint8_t> &, const cluster::endpoint &) {});
        ASSERT_TRUE(control.ok()) << control.error().text;
        control_ = std::move(*control);
        member_env env;
        env.events = &loop_;
        env.control = control_.get();
        env.state_dir = env.run_dir = dir_;
        env.status_changed = [] {};
        env.make_backend = [this](const backend_request &r) -> result<backend> {
            hooks_ = r.hooks;
            backend b;
            b.replica = std::make_unique<serving_replica>(r.disk, facts_, told_, &seal_);
            b.read_log = [this](index_t, index_t) { return record(); };
            b.service = std::make_unique<scripted_service>(*r.events, log_);
            b.read_copy = [](const cluster::copy_cursor &at) {
                cluster::copy_piece p;
                p.next = {HARP_NL_COPY_DONE, at.fid, 0, 99};
                p.index = index_t(41);
                return p;
            };
            return b;
        };
        auto m = group_member::make(std::move(env), group_, disk_.self);
        ASSERT_TRUE(m.ok()) << m.error().text;
        member_ = std::move(*m);
    }
    bool wait(const std::function<bool()> &done) {
        auto end = boottime_now() + 10s;
        while (!done() && boottime_now() < end) {
            loop_.turn(20ms);
        }
        return done();
    }
    result<void> dissolve(group_member::ending how) {
        std::optional<result<void>> out;
        member_->dissolve(how, [&](const result<void> &r) { out = r; });
        EXPECT_TRUE(wait([&] { return out.has_value(); }));
        return out.value_or(fail(ETIMEDOUT, "no end"));
    }
    /* The one in its log. */
    result<std::vector<uint8_t>> record() const {
        std::vector<uint64_t> buf(512);
        harp_builder b{};
        harp_build_begin(&b, buf.data(), 4096, HARP_REC_NOOP);
        EXPECT_EQ(harp_build_finish(&b), 0);
        harp_rec_seal(static_cast<harp_rec_hdr *>(b.buf), 1, 4, disk_.lineage.value(), 1, 0);
        const auto *p = static_cast<const uint8_t *>(b.buf);
        return std::vector<uint8_t>(p, p + b.len);
    }
    /* Its kernel stands still, in no view. */
    void kernel_is_fenced() {
        command_done done;
        done.token = seal_;
        done.ok = true;
        done.report = serving_replica(disk_, facts_, told_).found();
        done.report->fence = view_t(5);
        done.report->current_role = role::none;
        done.report->view = view_t();
        done.report->serving = done.report->lease_held = false;
        hooks_.event(done);
    }
    bool quiet() {
        member_->leave();
        return wait([this] { return member_->quiet(); });
    }

    std::string dir_;
    config::group_config group_;
    disk_state disk_;
    loop loop_;
    service_log log_;
    knl::replica_facts facts_;
    std::vector<std::string> told_; /* its kernel */
    token_t seal_;                  /* its kernel was asked with */
    knl::replica::hooks hooks_;
    std::unique_ptr<cluster::control_channel> control_;
    std::unique_ptr<group_member> member_;
};

/* Half of it may be up: an address, nfsd. */
TEST_F(member_service, what_did_not_start_is_stopped_when_the_member_is_deposed) {
    log_.starts_fail = true;
    start();
    ASSERT_TRUE(wait([this] { return log_.ended > 1; })) << "tried again";
    EXPECT_EQ(log_.stops, 0);
    hooks_.event(media_failure{"as the test wants it"});
    EXPECT_TRUE(wait([this] { return log_.stops > 0; }));
    EXPECT_TRUE(quiet());
}

TEST_F(member_service, what_did_not_stop_is_stopped_again) {
    start();
    log_.stops_fail = true;
    hooks_.event(media_failure{"as the test wants it"});
    ASSERT_TRUE(wait([this] { return log_.stops > 1; }));
    EXPECT_FALSE(member_->quiet());
    log_.stops_fail = false;
    EXPECT_TRUE(quiet());
}

TEST_F(member_service, who_asked_for_a_switchover_is_told_how_it_ended_and_not_before) {
    start();
    std::vector<result<void>> told;
    auto ask = [&](const char *to) {
        member_->switchover(to, [&](const result<void> &r) { told.push_back(r); });
    };
    ask("nobody");
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].error().text, "'nobody' is no member of g");
    ask("m2");
    ASSERT_EQ(told.size(), 2U);
    EXPECT_FALSE(told[1].ok()) << "a witness";
    ask(""); /* its backup, which is not heard: it is waited for */
    ASSERT_EQ(told.size(), 2U);
    EXPECT_TRUE(member_->handing_over());
    EXPECT_FALSE(member_->stays());
    ask("m1");
    ASSERT_EQ(told.size(), 3U);
    EXPECT_EQ(told[2].error().text, "a view change is under way");
    EXPECT_EQ(log_.stops, 0) << "the service goes on meanwhile";
    hooks_.event(media_failure{"as the test wants it"});
    ASSERT_TRUE(wait([&] { return told.size() == 4; }));
    EXPECT_EQ(told[3].error().text, "another change of view came first");
    EXPECT_FALSE(member_->handing_over());
}

TEST_F(member_service, a_group_that_ends_ends_its_switchover) {
    start();
    std::optional<result<void>> told;
    member_->switchover("m1", [&](const result<void> &r) { told = r; });
    EXPECT_FALSE(told.has_value());
    EXPECT_TRUE(dissolve(group_member::ending::keep_files).ok());
    ASSERT_TRUE(told.has_value());
    EXPECT_FALSE(told->ok());
}

TEST_F(member_service, its_status_says_what_its_kernel_may_have_died_of) {
    start();
    watermarks marks{serving_replica(disk_, facts_, told_).found(), {}, {}, false};
    hooks_.event(marks);
    EXPECT_EQ(member_->status()["suspects"], "") << "it has applied them since";
    marks.report.suspects = record_range{index_t(41), index_t(43)};
    hooks_.event(marks);
    EXPECT_EQ(member_->status()["suspects"],
              "it was applying records 41 to 43 when it ended: harpctl log show g --from 41 -n 3");
    marks.report.suspects->last = index_t(41);
    hooks_.event(marks);
    EXPECT_EQ(member_->status()["suspects"],
              "it was applying record 41 when it ended: harpctl log show g --from 41 -n 1");
}

TEST_F(member_service, its_status_says_whose_disk_holds_operations_up) {
    start();
    EXPECT_EQ(member_->status()["disks"], "");
    watermarks full{serving_replica(disk_, facts_, told_).found(), {}, {}, false};
    full.report.log.top = full.report.lb = full.report.ap = full.report.cp = index_t(900);
    facts_.ring_size = facts_.ring_used = 4 << 20;
    facts_.wait_full = 1;
    facts_.peer_lb = 300;
    hooks_.event(full);
    EXPECT_EQ(member_->status()["disks"],
              "operations wait for the disk of m1: the log is 100 % full, and 600 records of it "
              "are not there yet");
}

/* In view 4 the witness is m1's backup: m0 is out. */
TEST_F(member_service, a_witness_that_stands_in_warns_long_before_its_log_is_full) {
    disk_.self = slot_t(2);
    disk_.view->primary.slot = slot_t(1);
    disk_.view->backup.slot = slot_t(2);
    std::vector<std::string> events;
    log_events_to([&events](const timeline_event &e) {
        if (e.what == "log-room") {
            events.push_back(e.fields[0].second + ": " + e.fields[3].second);
        }
    });
    make();
    watermarks marks{serving_replica(disk_, facts_, told_).found(), {}, {}, false};
    facts_.ring_size = 32 << 20;
    auto filled = [&](uint64_t used) {
        facts_.ring_used = used;
        hooks_.event(marks);
        return member_->status()["disks"];
    };
    EXPECT_EQ(filled(15 << 20), "");
    EXPECT_TRUE(events.empty());
    const std::string half = "the log of m2 is 50 % full, 16.0 MiB are left: it grows until m0 is "
                             "back; bring it back before the log is full, for then the group stops";
    EXPECT_EQ(filled(16 << 20), half);
    EXPECT_EQ(events, std::vector<std::string>{"filling: " + half});
    filled(17 << 20);
    EXPECT_EQ(events.size(), 1u) << "once";
    EXPECT_EQ(filled(0), "");
    EXPECT_EQ(events.back(), "ample: ");
    log_events_to(nullptr);
}

using calls = std::vector<std::string>;

/* The kernel sends LEAVE on the link it has. */
TEST_F(member_service, a_member_that_leaves_keeps_its_link_until_that_is_told) {
    start();
    watermarks later_life;
    later_life.report.inc = incarnation_t(9);
    hooks_.event(later_life);
    EXPECT_EQ(told_, (calls{"leave", "drop link"}));
}

/* P1: the file before the state that names it, and after it. */
TEST_F(member_service, a_warning_has_its_log_written_and_the_state_say_so) {
    start();
    const cluster::seal_file file(dir_ + "/g");
    member_->power({true, "the UPS is low"});
    EXPECT_EQ(told_, (calls{"seal", "drop link"}));
    EXPECT_FALSE(member_->sealed());
    EXPECT_TRUE(wait([this] { return log_.stops > 0; }));
    EXPECT_FALSE(member_->sealed()) << "its kernel may still append";
    kernel_is_fenced();
    ASSERT_TRUE(wait([this] { return member_->sealed(); }));
    EXPECT_TRUE(wait([this] { return member_->quiet(); })) << "nothing keeps harpd";
    const seal_note sealed{view_t(4), index_t(1)};
    auto disk = cluster::state_file(dir_ + "/g").load();
    ASSERT_TRUE(disk.ok());
    EXPECT_EQ(disk->seal, sealed);
    EXPECT_TRUE(file.open(sealed).ok());
    member_->power({false, ""});
    EXPECT_TRUE(wait([&] { return !fs::exists(file.path()); }));
    disk = cluster::state_file(dir_ + "/g").load();
    ASSERT_TRUE(disk.ok());
    EXPECT_FALSE(disk->seal);
}

TEST_F(member_service, a_log_that_cannot_be_written_is_named_and_not_waited_for) {
    start();
    fs::create_directories(dir_ + "/g/sealed.new"); /* where the file would be made */
    member_->power({true, "the UPS is low"});
    kernel_is_fenced();
    ASSERT_TRUE(wait([this] { return member_->sealed(); }));
    EXPECT_NE(member_->status()["headline"].get<std::string>().find("sealed.new"),
              std::string::npos)
            << member_->status()["headline"];
    auto disk = cluster::state_file(dir_ + "/g").load();
    ASSERT_TRUE(disk.ok());
    EXPECT_FALSE(disk->seal);
}

/* Of an earlier harpd, which ended before the state named it; nobody would read it. */
TEST_F(member_service, a_sealed_log_that_no_state_names_goes) {
    const cluster::seal_file file(dir_ + "/g");
    fs::create_directories(dir_ + "/g");
    ASSERT_TRUE(file.store({}, {}, {}).ok());
    start();
    EXPECT_TRUE(wait([&] { return !fs::exists(file.path()); }));
}

TEST_F(member_service, what_an_earlier_harpd_left_of_an_unknown_view_is_left) {
    disk_.agreed = disk_.formed = view_t(3);
    disk_.view->view = view_t(3);
    facts_.link_up = true;
    make();
    EXPECT_EQ(told_, (calls{"leave", "drop link"}));
}

/* Both file servers restarted at once: nobody tells who was connected. */
TEST_F(member_service, whom_an_earlier_harpd_knew_to_be_connected_is_woken) {
    const net::connection client{net::parse_ip("10.9.9.9").value(), 2049,
                                 net::parse_ip("10.9.9.1").value(), 700};
    cluster::client_list list(dir_ + "/g");
    ASSERT_TRUE(list.update({client}));
    ASSERT_TRUE(list.store().ok());
    start();
    EXPECT_EQ(log_.woken, std::vector{client});
}

TEST_F(member_service, who_serves_gives_a_copy_of_its_files) {
    start();
    watermarks marks{serving_replica(disk_, facts_, told_).found(), {}, {}, false};
    marks.report.ap = index_t(40);
    hooks_.event(marks);
    int ends[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    unique_fd mine(ends[0]);
    cluster::caller who;
    who.socket = unique_fd(ends[1]);
    who.hello.kind = cluster::greeting_kind::copy;
    who.hello.sender = slot_t(1);
    who.hello.group = disk_.group;
    who.hello.lineage = disk_.lineage;
    who.hello.epoch = disk_.epoch;
    who.hello.inc = incarnation_t(1);
    who.body = encode(cluster::copy_cursor{});
    who.from = cluster::make_endpoint("127.0.6.2", 700).value();
    member_->on_caller(std::move(who));
    const std::string said = R"({"from":40})";
    std::vector<uint8_t> bytes(cluster::answer_bytes + said.size());
    ASSERT_EQ(recv(mine.get(), bytes.data(), bytes.size(), MSG_WAITALL),
              static_cast<ssize_t>(bytes.size()));
    EXPECT_EQ(std::string(bytes.begin() + cluster::answer_bytes, bytes.end()), said);
    std::vector<cluster::copy_piece> pieces;
    auto taken = cluster::take_copy(
            mine.get(), {}, 5000,
            [&](const cluster::copy_cursor &, const cluster::copy_piece &p) -> result<void> {
                pieces.push_back(p);
                return {};
            });
    EXPECT_TRUE(taken.ok());
    ASSERT_EQ(pieces.size(), 1U);
    EXPECT_EQ(pieces[0].index, index_t(41));
}

TEST_F(member_service, a_list_of_clients_that_could_not_be_stored_is_stored_later) {
    fs::create_directory(dir_ + "/g/clients");
    log_.clients = {
            {net::parse_ip("10.9.9.9").value(), 2049, net::parse_ip("10.9.9.1").value(), 700}};
    start();
    ASSERT_TRUE(wait([this] { return log_.asked > 3; })) << "it was tried, and could not be";
    EXPECT_TRUE(fs::is_directory(dir_ + "/g/clients"));
    fs::remove(dir_ + "/g/clients");
    EXPECT_TRUE(wait([this] {
        cluster::client_list list(dir_ + "/g");
        return list.load().ok() && list.clients() == log_.clients;
    }));
}

TEST_F(member_service, a_list_of_clients_that_is_damaged_stops_nothing) {
    ASSERT_TRUE(replace_file(dir_ + "/g/clients", "harp-clients 1\n").ok());
    start();
    EXPECT_TRUE(log_.woken.empty());
}

TEST_F(member_service, a_deleted_group_keeps_its_files) {
    start();
    EXPECT_TRUE(dissolve(group_member::ending::keep_files).ok());
    EXPECT_EQ(log_.told, (calls{"unmount", "teardown"}));
    EXPECT_FALSE(fs::exists(dir_ + "/g"));
}

/* While the replica lives it holds what is to go; once it is unmounted it is too late. */
TEST_F(member_service, a_creation_that_failed_clears_the_lower_once_the_replica_has_gone) {
    start();
    log_.clears_fail = true;
    EXPECT_EQ(dissolve(group_member::ending::undo).error().text, "as the test wants it");
    EXPECT_EQ(told_.back(), "destroy");
    EXPECT_EQ(log_.told, (calls{"unmount"})) << "it can be tried again";
    EXPECT_TRUE(fs::exists(dir_ + "/g"));
    log_.clears_fail = false;
    EXPECT_TRUE(dissolve(group_member::ending::undo).ok());
    EXPECT_EQ(log_.told, (calls{"unmount", "unmount", "clear lower", "teardown"}));
    EXPECT_FALSE(fs::exists(dir_ + "/g"));
}

TEST_F(member_service, a_witness_that_is_nearly_full_is_no_backup) {
    EXPECT_EQ(core_config(disk_, group_).space_min, 2u << 20) << "of 32M";
}

} // namespace
} // namespace harp
