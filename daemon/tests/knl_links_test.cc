/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The replica's record links, with this file in genl.cc's place: a kernel that grants or
 * refuses a fence as the test wants it and tells which verbs it was asked.
 */
#include "knl/kernel.hh"
#include "linux/harp_netlink.h"

#include <atomic>
#include <gtest/gtest.h>
#include <sys/socket.h>

namespace harp::knl {
namespace {

using namespace std::chrono_literals;
using namespace vsr;

/* What request() was given is not looked at but for the verb: it is all that matters here. */
thread_local uint8_t verb;
std::atomic<bool> grants;
std::atomic<int> links_added;

} // namespace

request::request(uint8_t cmd, const std::string &, uint8_t) {
    verb = cmd;
}
request &request::u8(int, uint8_t) {
    return *this;
}
request &request::u32(int, uint32_t) {
    return *this;
}
request &request::u64(int, uint64_t) {
    return *this;
}
request &request::bytes(int, const void *, size_t) {
    return *this;
}

result<genl> genl::open() {
    return genl();
}
genl::genl(genl &&) noexcept = default;
genl &genl::operator=(genl &&) noexcept = default;
genl::~genl() = default;
result<unique_fd> genl::subscribe() {
    return fail(EOPNOTSUPP, "no events here");
}
result<attributes> genl::call(request) {
    attributes a;
    if (verb == HARP_CMD_LINK_ADD) {
        links_added++;
    } else if (verb == HARP_CMD_FENCE && !grants) {
        a.present[HARP_A_RESULT] = true; /* 0: a promise runs */
    }
    return a;
}
bool read_events(int, const std::function<void(const attributes &)> &) {
    return true;
}

namespace {

class links : public testing::Test {
protected:
    void SetUp() override {
        links_added = 0;
        service::config c;
        c.group = "g";
        c.link.parent = "lo";
        c.link.mac = net::mac_of_group(group_id{1});
        c.link.addresses = {*net::parse_prefix("10.9.9.9/24")};
        c.export_path = "/srv/g";
        c.clients = {{"*", "rw"}};
        auto svc = service::service::make(loop_.raw(), c, {});
        ASSERT_TRUE(svc.ok()) << svc.error().text;
        service_ = std::move(*svc);
        kernel_config k;
        k.group = "g";
        k.self = slot_t(1);
        replica_ = std::make_unique<kernel_replica>(
                loop_, k, *service_,
                kernel_replica::hooks{[this](const kernel_event &e) {
                                          answers_ += std::holds_alternative<command_done>(e);
                                      },
                                      {}});
        view_record record;
        record.view = view_t(4);
        run(cmd_enter{record, role::backup});
    }
    void TearDown() override {
        replica_.reset();
        service_.reset();
    }
    bool wait(const std::function<bool()> &done) {
        auto end = boottime_now() + 10s;
        while (!done() && boottime_now() < end) {
            loop_.turn(20ms);
        }
        return done();
    }
    void run(kernel_command_body body) {
        int before = answers_;
        replica_->execute({token_t(++token_), std::move(body)});
        ASSERT_TRUE(wait([&] { return answers_ > before; }));
    }
    void give_link(uint64_t view) {
        replica_->give_link(unique_fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)),
                            {slot_t(0), view_t(view), false});
    }
    /* Everything that was asked for is done when this is. */
    void settle() { run(cmd_serve{view_t(4)}); }

    loop loop_;
    std::unique_ptr<service::service> service_;
    std::unique_ptr<kernel_replica> replica_;
    int answers_ = 0;
    uint64_t token_ = 0;
};

} // namespace

TEST_F(links, a_fence_that_is_refused_leaves_the_view_its_link) {
    grants = false;
    run(cmd_fence{view_t(8), slot_t(0)});
    give_link(4);
    EXPECT_TRUE(wait([] { return links_added == 1; }));
}

TEST_F(links, a_fence_that_is_granted_ends_those_of_older_views_only) {
    grants = true;
    run(cmd_fence{view_t(8), slot_t(0)});
    give_link(4);
    settle();
    EXPECT_EQ(links_added, 0);
    give_link(8); /* it may come before START is adopted */
    run(cmd_leave{view_t(4)});
    view_record record;
    record.view = view_t(8);
    run(cmd_enter{record, role::backup});
    EXPECT_TRUE(wait([] { return links_added == 1; }));
}

} // namespace harp::knl
