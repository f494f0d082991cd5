/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A witness's harpd in this process, on loopback: what it does with what strangers and
 * mistaken peers send to its ports, and with files that are not what they should be.
 */
#include "cluster/copy_piece.hh"
#include "cluster/outline.hh"
#include "node.hh"
#include "util/json.hh"
#include "vsr/wire.hh"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

namespace harp {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using namespace vsr;
using cluster::greeting;
using cluster::greeting_kind;

class node_ports : public testing::Test {
protected:
    void SetUp() override {
        dir_ = smaller_disk() + "harp-node-" + std::to_string(getpid());
        fs::remove_all(dir_);
        fs::create_directories(dir_ + "/etc/groups");
        fs::create_directories(dir_ + "/lib/g");
        port_ = static_cast<uint16_t>(20000 + getpid() % 12000);
        group_ = "name = \"g\"\npromise_ms = 400\ndetect_ms = 600\n";
        const char *roles[] = {"primary", "backup", "witness"};
        for (int i = 0; i < 3; i++) {
            group_ += fmt::format("[[member]]\nname = \"m{}\"\nrole = \"{}\"\n"
                                  "addresses = [\"127.0.8.{}\"]\ncontrol_port = {}\n"
                                  "record_port = {}\n",
                                  i, roles[i], i + 1, port_, port_);
            group_ += i < 2 ? "lower = { device = \"/dev/none\", type = \"ext4\" }\n"
                              "region = \"mem:4M\"\n"
                            : "log_size = \"16M\"\n";
            state_.members[static_cast<size_t>(i)] = {
                    member_id(static_cast<uint32_t>(i) + 1), slot_t(static_cast<uint8_t>(i)),
                    static_cast<member_kind>(i), fmt::format("m{}", i)};
        }
        group_ += "[service]\naddresses = [\"10.9.9.9/24\"]\nparent = \"lo\"\n"
                  "[[export]]\nclient = \"*\"\n";
        state_.group = random_uuid();
        state_.epoch = epoch_t(1);
        state_.lineage = lineage_t(77);
        state_.self = slot_t(2);
    }
    void TearDown() override {
        node_.reset();
        fs::remove_all(dir_);
    }

    /* There are logs that are too large for it, as a rule. */
    static std::string smaller_disk() {
        const std::string memory = "/dev/shm/", usual = testing::TempDir();
        std::error_code none;
        const auto room = fs::space(memory, none).available;
        return !none && room < fs::space(usual).available && access(memory.c_str(), W_OK) == 0
                       ? memory
                       : usual;
    }

    std::string group_file() const { return dir_ + "/etc/groups/g.toml"; }
    std::string state_dir() const { return dir_ + "/lib/g"; }
    void start() {
        std::ofstream(group_file()) << group_;
        if (!fs::exists(state_dir() + "/state.0")) {
            ASSERT_TRUE(cluster::state_file(state_dir()).store(state_).ok());
        }
        restart();
    }
    void restart() {
        node_.reset();
        config::node_config c;
        c.name = "m2";
        c.listen = {"127.0.8.3"};
        c.control_port = c.record_port = port_;
        auto n = node::make(loop_, c, {dir_ + "/etc", dir_ + "/lib", dir_ + "/run"},
                            [this](const backend_request &r) { return make_part(r); });
        ASSERT_TRUE(n.ok()) << n.error().text;
        node_ = std::move(*n);
    }
    virtual result<backend> make_part(const backend_request &r) { return make_backend(r); }
    bool wait(const std::function<bool()> &done) {
        auto end = boottime_now() + 10s;
        while (!done() && boottime_now() < end) {
            loop_.turn(20ms);
        }
        return done();
    }
    json status() const { return json::parse(node_->status()); }
    json group_status() const { return status()["groups"].at(0); }
    uint64_t refused(const char *what) const { return status()["refused"][what].get<uint64_t>(); }
    uint64_t group_refused(const char *what) const {
        return group_status()["refused"][what].get<uint64_t>();
    }

    /* ---- the control port ---- */

    message beat(uint8_t from) const {
        message m;
        m.header.group = state_.group;
        m.header.lineage = state_.lineage;
        m.header.epoch = state_.epoch;
        m.header.sender = slot_t(from);
        m.header.sender_id = member_id(from + 1u);
        m.header.inc = incarnation_t(1);
        m.body = status_beat{};
        return m;
    }
    void say(const std::string &from, const std::vector<uint8_t> &bytes) {
        say(from, port_, bytes);
    }
    void say(const std::string &from, uint16_t port, const std::vector<uint8_t> &bytes) {
        unique_fd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        auto me = cluster::make_endpoint(from, port);
        auto to = cluster::make_endpoint("127.0.8.3", port_);
        ASSERT_EQ(bind(fd.get(), reinterpret_cast<sockaddr *>(&me->address), me->length), 0);
        ASSERT_EQ(sendto(fd.get(), bytes.data(), bytes.size(), 0,
                         reinterpret_cast<sockaddr *>(&to->address), to->length),
                  static_cast<ssize_t>(bytes.size()));
    }

    /* ---- the record port ---- */

    /* Who may have which port. */
    enum class user { root, any };

    unique_fd call(const std::string &from, user who = user::root) {
        unique_fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        auto me = cluster::make_endpoint(from, 0), to = cluster::make_endpoint("127.0.8.3", port_);
        if (who == user::root) {
            EXPECT_TRUE(cluster::bind_reserved(fd.get(), *me).ok());
        } else {
            EXPECT_EQ(bind(fd.get(), reinterpret_cast<sockaddr *>(&me->address), me->length), 0);
        }
        EXPECT_EQ(connect(fd.get(), reinterpret_cast<sockaddr *>(&to->address), to->length), 0);
        return fd;
    }
    /* What comes until the other side hangs up. */
    std::vector<uint8_t> all_of(const unique_fd &fd) {
        std::vector<uint8_t> out;
        bool over = false;
        EXPECT_TRUE(wait([&] {
            uint8_t buf[4096];
            ssize_t n = recv(fd.get(), buf, sizeof(buf), MSG_DONTWAIT);
            over = n == 0 || (n < 0 && errno != EAGAIN);
            out.insert(out.end(), buf, buf + std::max<ssize_t>(n, 0));
            return over;
        }));
        return out;
    }
    greeting hello(greeting_kind kind) const {
        greeting g;
        g.kind = kind;
        g.sender = slot_t(0);
        g.group = state_.group;
        g.lineage = state_.lineage;
        g.epoch = state_.epoch;
        g.inc = incarnation_t(1);
        g.view = view_t(4);
        g.first = g.last = index_t(1);
        return g;
    }
    /* The answer's code to a greeting (and a body) from an address. */
    int answer_to(const std::string &from, const greeting &g, const std::string &body = "",
                  user who = user::root) {
        unique_fd fd = call(from, who);
        auto bytes = cluster::encode(g);
        bytes.insert(bytes.end(), body.begin(), body.end());
        EXPECT_EQ(send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(bytes.size()));
        auto got = all_of(fd);
        size_t text = 0;
        got.resize(std::min(got.size(), cluster::answer_bytes));
        auto a = cluster::decode_answer(got, text);
        return a ? a->code : -1;
    }
    int ask(const std::string &from, const std::string &body, user who = user::root) {
        auto g = hello(greeting_kind::admin);
        g.body_bytes = static_cast<uint32_t>(body.size());
        return answer_to(from, g, body, who);
    }
    /* What m0 asks for `group delete`. */
    json deletion(bool force) const {
        return {{"op", "delete"},
                {"group", "g"},
                {"uuid", format_uuid(state_.group)},
                {"force", force}};
    }
    void is_cut_off(const std::vector<uint8_t> &bytes) {
        uint64_t before = refused("connections");
        unique_fd fd = call("127.0.8.1");
        ASSERT_EQ(send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(bytes.size()));
        shutdown(fd.get(), SHUT_WR);
        EXPECT_TRUE(all_of(fd).empty());
        EXPECT_EQ(refused("connections"), before + 1);
    }

    std::string dir_, group_;
    uint16_t port_ = 0;
    disk_state state_;
    loop loop_;
    std::unique_ptr<node> node_;
};

} // namespace

TEST_F(node_ports, datagrams_that_are_no_messages_are_counted_and_nothing_else) {
    start();
    auto good = encode(beat(0));
    auto version = good, checksum = good;
    version[4] = wire_version + 1;
    checksum.back() ^= 1;
    uint64_t n = 0;
    for (const auto &bytes : {std::vector<uint8_t>(1000, 0x5a), std::vector<uint8_t>{}, version,
                              checksum, std::vector<uint8_t>(good.begin(), good.end() - 1)}) {
        say("127.0.8.1", bytes);
        n++;
        EXPECT_TRUE(wait([&] { return refused("malformed") == n; })) << n;
    }
    auto text = group_status()["members"].at(0);
    EXPECT_FALSE(text.contains("role")) << "nothing of it was believed";
    say("127.0.8.1", good);
    EXPECT_TRUE(wait([&] { return group_status()["members"].at(0).contains("role"); }));
}

TEST_F(node_ports, a_member_of_another_version_is_named_until_it_speaks_ours) {
    start();
    ASSERT_TRUE(wait([&] { return group_status()["state"] == "outside"; }));
    auto versions = [&] { return group_status()["versions"].get<std::string>(); };
    auto other = encode(beat(0));
    other[4] = 7;
    say("127.0.8.99", other);
    EXPECT_TRUE(wait([&] { return refused("malformed") == 1; }));
    EXPECT_EQ(versions(), "") << "nobody's address";
    say("127.0.8.1", other);
    EXPECT_TRUE(wait([&] { return !versions().empty(); }));
    EXPECT_EQ(versions(), fmt::format("m0's harpd speaks version 7 of the control messages, this "
                                      "one version {}: give all members one version of harp",
                                      wire_version));
    say("127.0.8.1", encode(beat(0)));
    EXPECT_TRUE(wait([&] { return versions().empty(); }));
}

TEST_F(node_ports, messages_of_another_group_lineage_epoch_or_address_are_counted_each) {
    start();
    ASSERT_TRUE(wait([&] { return group_status()["state"] == "outside"; }));
    auto m = beat(0);
    m.header.group[0] ^= 1;
    say("127.0.8.1", encode(m));
    EXPECT_TRUE(wait([&] { return refused("unknown_group") == 1; }));
    m = beat(0);
    m.header.lineage = lineage_t(78);
    say("127.0.8.1", encode(m));
    EXPECT_TRUE(wait([&] { return group_refused("wrong_lineage") == 1; }));
    m = beat(0);
    m.header.epoch = epoch_t(2);
    say("127.0.8.1", encode(m));
    EXPECT_TRUE(wait([&] { return group_refused("wrong_epoch") == 1; }));
    /* Another member's, or nobody's, address. */
    say("127.0.8.2", encode(beat(0)));
    EXPECT_TRUE(wait([&] { return group_refused("wrong_address") == 1; }));
    say("127.0.8.99", encode(beat(0)));
    EXPECT_TRUE(wait([&] { return group_refused("wrong_address") == 2; }));
    m = beat(0);
    m.header.inc = incarnation_t();
    say("127.0.8.1", encode(m));
    EXPECT_TRUE(wait([&] { return group_refused("old_incarnation") == 1; }));
    auto p = group_status()["members"].at(0);
    EXPECT_FALSE(p.contains("role")) << "nothing of it is shown";
    EXPECT_EQ(p["networks"].at(0)["heard_ms"], -1);
}

TEST_F(node_ports, the_record_port_hangs_up_on_what_is_no_greeting) {
    start();
    auto good = cluster::encode(hello(greeting_kind::link));
    auto version = good, checksum = good;
    version[4]++;
    checksum[60] ^= 1;
    is_cut_off(std::vector<uint8_t>(300, 0x5a));
    is_cut_off(version);
    is_cut_off(checksum);
    is_cut_off({good.begin(), good.end() - 1});
    is_cut_off({});
    auto huge = hello(greeting_kind::admin);
    huge.body_bytes = cluster::admin_max + 1;
    is_cut_off(cluster::encode(huge));
}

TEST_F(node_ports, a_greeting_of_the_wrong_place_is_told_so) {
    start();
    ASSERT_TRUE(wait([&] { return group_status()["state"] == "outside"; }));
    auto g = hello(greeting_kind::link);
    g.group[0] ^= 1;
    EXPECT_EQ(answer_to("127.0.8.1", g), ENOENT);
    EXPECT_EQ(answer_to("127.0.8.2", hello(greeting_kind::link)), EACCES);
    EXPECT_EQ(group_refused("wrong_address"), 1u);
    g = hello(greeting_kind::link);
    g.lineage = lineage_t(78);
    EXPECT_EQ(answer_to("127.0.8.1", g), ESTALE);
    g = hello(greeting_kind::link);
    g.epoch = epoch_t(2);
    EXPECT_EQ(answer_to("127.0.8.1", g), ESTALE);
    EXPECT_EQ(answer_to("127.0.8.1", hello(greeting_kind::link)), EAGAIN) << "no view, no link";
}

TEST_F(node_ports, who_does_not_serve_gives_no_copy) {
    start();
    ASSERT_TRUE(wait([&] { return group_status()["state"] == "outside"; }));
    const std::string at = cluster::encode(cluster::copy_cursor{});
    auto g = hello(greeting_kind::copy);
    EXPECT_EQ(answer_to("127.0.8.1", g), EBADMSG) << "from where on?";
    g.body_bytes = static_cast<uint32_t>(at.size());
    EXPECT_EQ(answer_to("127.0.8.1", g, at), EAGAIN);
    EXPECT_EQ(answer_to("127.0.8.1", g, std::string(at.size(), '\xff')), EBADMSG);
}

TEST_F(node_ports, a_member_tells_another_what_log_it_has) {
    start();
    ASSERT_TRUE(wait([&] { return group_status()["state"] == "outside"; }));
    const auto ask_for_it = [&] {
        unique_fd fd = call("127.0.8.1");
        auto bytes = cluster::encode(hello(greeting_kind::outline));
        EXPECT_EQ(send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(bytes.size()));
        auto got = all_of(fd);
        const auto begin = got.begin() + std::min(got.size(), cluster::answer_bytes);
        size_t length = 0;
        auto head = cluster::decode_answer({got.begin(), begin}, length);
        std::string text(begin, got.end());
        EXPECT_EQ(text.size(), length);
        return head && head->code == 0 ? cluster::decode_outline(text)
                                       : fail(head ? head->code : EBADMSG, text);
    };
    auto told = ask_for_it();
    EXPECT_TRUE(wait([&] {
        told = ask_for_it();
        return told.ok() || told.error().code != EAGAIN;
    }));
    ASSERT_TRUE(told.ok()) << told.error().text;
    EXPECT_EQ(told->inc, incarnation_t(1));
    EXPECT_EQ(told->view, view_t());
    EXPECT_EQ(told->log, log_summary());
    EXPECT_EQ(answer_to("127.0.8.2", hello(greeting_kind::outline)), EACCES);
}

TEST_F(node_ports, a_request_that_is_none_is_refused) {
    start();
    EXPECT_EQ(ask("127.0.8.1", "no json"), EBADMSG);
    EXPECT_EQ(ask("127.0.8.1", R"({"op": 3, "group": "g"})"), EBADMSG);
    EXPECT_EQ(ask("127.0.8.1", R"({"op": "delete", "group": "../g"})"), EINVAL);
    EXPECT_EQ(ask("127.0.8.99", R"({"op": "delete", "group": "g"})"), EACCES);
    EXPECT_NE(ask("127.0.8.1", R"({"op": "explode", "group": "g"})"), 0);
    EXPECT_EQ(group_status()["name"], "g") << "it is still there";
}

/* A user of a member's machine has its address, and can read the group's file. */
TEST_F(node_ports, a_call_from_a_port_that_any_user_may_have_is_refused) {
    start();
    ASSERT_TRUE(wait([&] { return group_status()["state"] == "outside"; }));
    EXPECT_EQ(ask("127.0.8.1", deletion(true).dump(), user::any), EACCES);
    EXPECT_EQ(answer_to("127.0.8.1", hello(greeting_kind::link), "", user::any), EACCES);
    EXPECT_EQ(refused("connections"), 2u);
    ASSERT_EQ(status()["groups"].size(), 1u);
    EXPECT_EQ(ask("127.0.8.1", deletion(true).dump()), 0) << "harpd's own call";
    EXPECT_TRUE(wait([&] { return status()["groups"].size() == 0; }));
}

TEST_F(node_ports, a_message_that_is_not_from_a_harpds_port_is_refused) {
    start();
    ASSERT_TRUE(wait([&] { return group_status()["state"] == "outside"; }));
    say("127.0.8.1", 0, encode(beat(0)));
    EXPECT_TRUE(wait([&] { return group_refused("wrong_address") == 1; }));
    EXPECT_FALSE(group_status()["members"].at(0).contains("role"));
}

TEST_F(node_ports, a_deletion_names_the_group_and_ends_no_service_without_force) {
    start();
    ASSERT_TRUE(wait([&] { return group_status()["state"] == "outside"; }));
    auto other = deletion(true);
    other["uuid"] = format_uuid(random_uuid());
    EXPECT_EQ(ask("127.0.8.1", other.dump()), EINVAL);
    auto m = beat(0);
    std::get<status_beat>(m.body).serving = true;
    say("127.0.8.1", encode(m));
    ASSERT_TRUE(wait([&] { return group_status()["members"].at(0).contains("role"); }));
    EXPECT_EQ(ask("127.0.8.1", deletion(false).dump()), EBUSY);
    std::optional<result<std::string>> here;
    node_->group_delete("g", false, [&](const result<std::string> &r) { here = r; });
    ASSERT_TRUE(wait([&] { return here.has_value(); }));
    EXPECT_EQ(here->error().text, "group g is served by m0; --force ends it all the same");
    ASSERT_EQ(status()["groups"].size(), 1u);
    EXPECT_EQ(ask("127.0.8.1", deletion(true).dump()), 0);
    EXPECT_TRUE(wait([&] { return status()["groups"].size() == 0; }));
}

/* It is the running group that ends: what its file says by now is the next one's. */
TEST_F(node_ports, a_group_whose_file_was_changed_since_is_deleted) {
    start();
    ASSERT_TRUE(wait([&] { return group_status()["state"] == "outside"; }));
    std::ofstream(group_file()) << "name = \"g\"\n[[member]]\n";
    EXPECT_EQ(ask("127.0.8.99", deletion(true).dump()), EACCES) << "no member's address";
    ASSERT_EQ(status()["groups"].size(), 1u);
    EXPECT_EQ(ask("127.0.8.1", deletion(true).dump()), 0);
    EXPECT_TRUE(wait([&] { return status()["groups"].size() == 0; }));
}

/* Of which the kernel says that it cannot be attached. */
class refused_replica final : public knl::replica {
public:
    refused_replica(loop &l, hooks h) : loop_(l), hooks_(std::move(h)) {}
    object_report found() override { return {}; }
    void execute(kernel_command c) override {
        command_done done;
        done.token = c.token;
        done.ok = !std::holds_alternative<cmd_attach>(c.body);
        done.text = "the lower has quotas";
        loop_.post([this, done] { hooks_.event(done); });
    }
    void touch() override {}
    void poll() override {}
    void give_link(unique_fd, link_wanted) override {}
    void drop_link() override {}
    knl::replica_facts facts() const override { return {}; }
    void destroy(std::function<void(result<void>)> done) override { done({}); }

private:
    loop &loop_;
    hooks hooks_;
};

/* The witness makes a group; the data members' harpds say what a test wants. */
class node_creation : public node_ports {
protected:
    void SetUp() override {
        node_ports::SetUp();
        fs::remove_all(state_dir());
        std::ofstream(group_file()) << group_;
        restart();
        for (size_t i = 0; i < peers_.size(); i++) {
            auto l = cluster::record_listener::make(
                    loop_, {fmt::format("127.0.8.{}", i + 1)}, port_,
                    [](const cluster::endpoint &) { return true; },
                    [this, i](const cluster::caller &who) { asked(i, who); });
            ASSERT_TRUE(l.ok()) << l.error().text;
            peers_[i] = std::move(*l);
        }
    }
    void TearDown() override {
        for (auto &p : peers_) {
            p.reset();
        }
        node_ports::TearDown();
    }
    void asked(size_t i, const cluster::caller &who) {
        json j = json::parse_or_null(who.body);
        std::string what = fmt::format("{} m{}", j["op"].get<std::string>(), i);
        bool made = fs::exists(state_dir() + "/state.0");
        said_.push_back(what + (made ? "" : " (nothing at m2)"));
        cluster::reply(who.socket, refuses_.contains(what) ? cluster::answer{EIO, refuses_.at(what)}
                                                           : cluster::answer{0, "{}"});
    }
    /* The words of the refusal, or "made". */
    std::string create() {
        said_.clear();
        std::optional<result<std::string>> r;
        node_->group_create("g", [&](const result<std::string> &x) { r = x; });
        EXPECT_TRUE(wait([&] { return r.has_value(); }));
        return !r ? "no answer" : *r ? "made" : r->error().text;
    }
    using list = std::vector<std::string>;
    list after_the_probes() const {
        return {said_.begin() + std::min<ptrdiff_t>(2, static_cast<ptrdiff_t>(said_.size())),
                said_.end()};
    }

    result<backend> make_part(const backend_request &r) override {
        auto b = make_backend(r);
        if (b && attach_fails_) {
            b->replica = std::make_unique<refused_replica>(loop_, r.hooks);
        }
        return b;
    }

    std::array<std::unique_ptr<cluster::record_listener>, 2> peers_;
    bool attach_fails_ = false;
    std::map<std::string, std::string> refuses_;
    list said_;
};

/* A data member lays its lower out: it is asked when the others have made their parts. */
TEST_F(node_creation, the_witness_is_the_first_to_make_its_part) {
    EXPECT_EQ(create(), "made");
    EXPECT_EQ(after_the_probes(), (list{"create m1", "create m0"}));
    EXPECT_EQ(status()["groups"].size(), 1u);
}

TEST_F(node_creation, what_was_made_is_taken_back_and_can_be_made_again) {
    refuses_["create m1"] = "its disk is full";
    EXPECT_EQ(create(), "m1: its disk is full\nnothing was created");
    EXPECT_EQ(after_the_probes().front(), "create m1");
    EXPECT_EQ(std::count(said_.begin(), said_.end(), "create m0"), 0) << "nothing to take back";
    EXPECT_EQ(status()["groups"].size(), 0u);
    EXPECT_FALSE(fs::exists(state_dir()));
    refuses_.clear();
    EXPECT_EQ(create(), "made");
}

TEST_F(node_creation, a_part_that_cannot_be_made_leaves_no_state) {
    fs::create_directories(state_dir() + "/log");
    const auto said = create();
    EXPECT_TRUE(said.starts_with("m2: " + state_dir() + "/log: ")) << said;
    EXPECT_TRUE(said.ends_with("\nnothing was created")) << said;
    EXPECT_EQ(after_the_probes(), list{}) << "nobody else was asked to make anything";
    fs::remove(state_dir() + "/log");
    EXPECT_TRUE(fs::is_empty(state_dir()));
    EXPECT_EQ(create(), "made");
}

/* Some of what a replica needs only the kernel can say. */
TEST_F(node_creation, a_part_that_cannot_be_attached_is_not_made) {
    attach_fails_ = true;
    EXPECT_EQ(create(), "m2: the replica cannot be attached: the lower has quotas\n"
                        "nothing was created");
    EXPECT_EQ(after_the_probes(), list{});
    EXPECT_EQ(status()["groups"].size(), 0u);
    EXPECT_FALSE(fs::exists(state_dir()));
    attach_fails_ = false;
    EXPECT_EQ(create(), "made");
}

/* Its answer may have been lost, and its part be there. */
TEST_F(node_creation, the_member_that_failed_takes_its_part_back_as_well) {
    refuses_["create m0"] = "it did not answer";
    EXPECT_EQ(create(), "m0: it did not answer\nnothing was created");
    for (const char *undo : {"undo m0", "undo m1"}) {
        EXPECT_EQ(std::count_if(said_.begin(), said_.end(),
                                [undo](const auto &s) { return s.starts_with(undo); }),
                  1)
                << undo;
    }
}

TEST_F(node_creation, what_could_not_be_taken_back_is_told) {
    refuses_["create m0"] = "no";
    refuses_["undo m1"] = "tree/ holds 'x'";
    EXPECT_EQ(create(), "m0: no\nm1: tree/ holds 'x'; what was made there stays until "
                        "`harpctl group delete g` is given there");
    EXPECT_EQ(status()["groups"].size(), 0u);
}

TEST_F(node_creation, a_witness_without_room_for_its_log_is_no_member) {
    auto free = fs::space(dir_).available;
    if (free > 63ull << 30) {
        GTEST_SKIP() << "no log would be too large for this disk";
    }
    const auto want = (free / 4096 << 12) + (1u << 30);
    group_.replace(group_.find("\"16M\""), 5, fmt::format("\"{}\"", want));
    std::ofstream(group_file()) << group_;
    const auto said = create();
    EXPECT_TRUE(said.starts_with(fmt::format("m2: no room for the log in {}: log_size is {}, ",
                                             dir_ + "/lib", format_size(want))))
            << said;
    EXPECT_NE(said.find(" are free\nnothing was created"), std::string::npos) << said;
    EXPECT_EQ(after_the_probes(), list{});
}

TEST_F(node_creation, a_member_whose_ports_are_others_refuses_before_anything_is_made) {
    auto at = group_.rfind("control_port = ");
    group_.replace(at, group_.find('\n', at) - at, "control_port = 1");
    std::ofstream(group_file()) << group_;
    const auto said = create();
    EXPECT_NE(said.find("expected the same in both"), std::string::npos) << said;
    EXPECT_EQ(after_the_probes(), list{});
}

TEST_F(node_creation, only_the_creation_that_made_it_takes_it_back) {
    ASSERT_EQ(create(), "made");
    peers_[0].reset();
    json undo = {{"op", "undo"}, {"group", "g"}, {"lineage", 1}};
    undo["uuid"] = group_status()["uuid"];
    EXPECT_EQ(ask("127.0.8.1", undo.dump()), 0) << "there is nothing of it here";
    EXPECT_EQ(status()["groups"].size(), 1u);
}

/* I10: what cannot run is in status, with the file and what is wrong with it. */
class node_files : public node_ports {
protected:
    void says(const std::string &words) {
        json g = group_status();
        EXPECT_EQ(g["name"], "g");
        EXPECT_EQ(g["state"], "cannot run");
        EXPECT_FALSE(g["serving"].get<bool>());
        std::optional<result<std::string>> deleted;
        node_->group_delete("g", true, [&](const result<std::string> &r) { deleted = r; });
        ASSERT_TRUE(deleted && !*deleted);
        EXPECT_EQ(deleted->error().code, EBUSY) << "it is there, and its state stays";
        EXPECT_NE(deleted->error().text.find(words), std::string::npos) << deleted->error().text;
        EXPECT_NE(g["headline"].get<std::string>().find(words), std::string::npos) << g["headline"];
    }
};

TEST_F(node_files, a_truncated_configuration) {
    group_.resize(group_.find("[service]"));
    start();
    says("g.toml:");
}

TEST_F(node_files, a_configuration_that_names_others) {
    group_.replace(group_.find("\"m1\""), 4, "\"mx\"");
    start();
    says("member 1 was created as 'm1', found 'mx'");
}

TEST_F(node_files, a_configuration_of_another_group) {
    group_ = fmt::format("uuid = \"{}\"\n", format_uuid(random_uuid())) + group_;
    start();
    says("uuid is not that of the group as it was created");
}

/* One of an earlier version of harp, say. */
TEST_F(node_files, a_group_that_would_not_be_made_today_runs_and_is_complained_of) {
    const std::string lower = "type = \"ext4\" }\nregion = \"mem:4M\"";
    group_.replace(group_.rfind(lower), lower.size(),
                   "type = \"ext4\", options = \"discard\" }\nregion = \"mem:8M\"");
    start();
    ASSERT_TRUE(wait([&] { return group_status()["state"] == "outside"; }));
    auto said = group_status()["config"];
    ASSERT_EQ(said.size(), 2u);
    EXPECT_NE(said.at(0).get<std::string>().find("g.toml:18: lower: member 'm1' has the options "
                                                 "'discard', expected those"),
              std::string::npos)
            << said.at(0);
    EXPECT_NE(said.at(1).get<std::string>().find("region: found 'mem:8M'"), std::string::npos);
    std::optional<result<std::string>> made;
    node_->group_create("g", [&](const result<std::string> &r) { made = r; });
    ASSERT_TRUE(made && !*made);
    EXPECT_EQ(made->error().text,
              said.at(0).get<std::string>() + "\n" + said.at(1).get<std::string>());
}

TEST_F(node_files, ports_that_are_others_than_harp_toml_says) {
    auto at = group_.rfind("control_port = ");
    group_.replace(at, group_.find('\n', at) - at, "control_port = 1");
    start();
    says("expected the same in both");
}

TEST_F(node_files, a_state_file_of_which_both_copies_are_damaged) {
    start();
    node_.reset();
    for (const char *copy : {"/state.0", "/state.1"}) {
        fs::resize_file(state_dir() + copy, 50);
    }
    restart();
    says("the state of group g cannot be read");
}

/* It would run without the groups that it does not see, and say that there are none. */
TEST_F(node_files, a_directory_of_states_that_cannot_be_read) {
    const std::string lib = dir_ + "/lib";
    ASSERT_EQ(chmod(lib.c_str(), 0311), 0);
    const uid_t before = geteuid();
    /* Root may read everything. */
    ASSERT_EQ(seteuid(before == 0 ? 65534 : before), 0);
    config::node_config c;
    c.name = "m2";
    c.listen = {"127.0.8.3"};
    c.control_port = c.record_port = port_;
    auto n = node::make(loop_, c, {dir_ + "/etc", lib, dir_}, make_backend);
    ASSERT_EQ(seteuid(before), 0);
    ASSERT_FALSE(n.ok());
    EXPECT_EQ(n.error().text, lib + ": Permission denied");
}

TEST_F(node_files, one_damaged_copy_of_the_state_is_survived) {
    start();
    node_.reset();
    fs::resize_file(state_dir() + "/state.1", 50);
    restart();
    EXPECT_TRUE(wait([&] { return group_status()["state"] == "outside"; }));
}

/*
 * Finding 26: a state file from a backup. The witness that starts from it does not know;
 * its peers do, for they keep the highest incarnation they have seen, and refuse it.
 */
TEST_F(node_files, an_older_state_file_is_an_older_life_to_its_peers) {
    state_.inc = incarnation_t(7);
    start();
    ASSERT_TRUE(wait([&] { return group_status()["incarnation"] == 8; }));
    ASSERT_TRUE(wait([&] { return group_status()["state"] == "outside"; }));
    auto m = beat(0);
    m.header.inc = incarnation_t(5);
    say("127.0.8.1", encode(m));
    ASSERT_TRUE(wait([&] { return group_status()["members"].at(0)["inc"] == 5; }));
    m.header.inc = incarnation_t(4);
    say("127.0.8.1", encode(m));
    EXPECT_TRUE(wait([&] { return group_refused("old_incarnation") == 1; }));
    /* Also by the harpd that comes after this one: it is on disk. */
    restart();
    ASSERT_TRUE(wait([&] { return group_status()["incarnation"] == 9; }));
    ASSERT_TRUE(wait([&] { return group_status()["state"] == "outside"; }));
    say("127.0.8.1", encode(m));
    EXPECT_TRUE(wait([&] { return group_refused("old_incarnation") == 1; }));
    EXPECT_EQ(answer_to("127.0.8.1",
                        [&] {
                            auto g = hello(greeting_kind::link);
                            g.inc = incarnation_t(4);
                            return g;
                        }()),
              ESTALE);
}

} // namespace harp
