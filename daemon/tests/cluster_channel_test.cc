/* SPDX-License-Identifier: GPL-2.0 */
/* Calling a record port: from which address, and what becomes of calls that fail. */
#include "cluster/channel.hh"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

namespace harp::cluster {
namespace {

using namespace std::chrono_literals;

class record_port : public testing::Test {
protected:
    void SetUp() override {
        port_ = static_cast<uint16_t>(20000 + getpid() % 12000);
        const endpoint member = *make_endpoint("127.0.7.42", 0);
        auto l = record_listener::make(
                loop_, {"127.0.7.1"}, port_,
                [member](const endpoint &from) { return from.same_host(member); },
                [this](caller who) {
                    from_ = who.from;
                    reply(who.socket, {0, "welcome"});
                });
        ASSERT_TRUE(l.ok()) << l.error().text;
        listener_ = std::move(*l);
    }
    route way(const std::string &to, const std::string &from) {
        return {*make_endpoint(to, port_), *make_endpoint(from, 0)};
    }
    /* What a call over these routes ends with. */
    result<dialler::granted> call(std::vector<route> routes, duration_t limit = 5s) {
        std::optional<result<dialler::granted>> got;
        dialler d(loop_, std::move(routes), {}, "", limit,
                  [&](result<dialler::granted> r) { got = std::move(r); });
        auto end = boottime_now() + 10s;
        while (!got && boottime_now() < end) {
            loop_.turn(20ms);
        }
        return got ? std::move(*got) : fail(ETIMEDOUT, "the call never ended");
    }

    /* Calls that come through and then say nothing. */
    std::vector<unique_fd> silent(size_t count, const std::string &from) {
        std::vector<unique_fd> out;
        for (size_t i = 0; i < count; i++) {
            unique_fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
            auto here = *make_endpoint(from, 0);
            auto there = *make_endpoint("127.0.7.1", port_);
            EXPECT_TRUE(bind_reserved(fd.get(), here).ok());
            EXPECT_EQ(connect(fd.get(), reinterpret_cast<sockaddr *>(&there.address), there.length),
                      0);
            out.push_back(std::move(fd));
            loop_.turn(0ms);
        }
        return out;
    }
    /* Until the listener has hung up on it. */
    bool hung_up(const unique_fd &fd) {
        auto end = boottime_now() + 10s;
        while (boottime_now() < end) {
            char byte = 0;
            ssize_t n = recv(fd.get(), &byte, 1, MSG_DONTWAIT);
            if (n == 0 || (n < 0 && errno != EAGAIN)) {
                return true;
            }
            loop_.turn(20ms);
        }
        return false;
    }

    loop loop_;
    uint16_t port_ = 0;
    std::unique_ptr<record_listener> listener_;
    endpoint from_;
};

/* The other side takes a member at its configured address only. */
TEST_F(record_port, a_call_comes_from_the_address_it_is_to_come_from) {
    auto r = call({way("127.0.7.1", "127.0.7.42")});
    ASSERT_TRUE(r.ok()) << r.error().text;
    EXPECT_EQ(r->text, "welcome");
    EXPECT_TRUE(from_.same_host(*make_endpoint("127.0.7.42", 0))) << from_.to_string();
}

TEST_F(record_port, the_next_route_is_tried_when_one_fails) {
    /* Nobody listens at .2; 192.0.2.1 is not this machine's. */
    auto r = call({way("127.0.7.2", "127.0.7.42"), way("127.0.7.1", "192.0.2.1"),
                   way("127.0.7.1", "127.0.7.43")});
    ASSERT_TRUE(r.ok()) << r.error().text;
    EXPECT_TRUE(from_.same_host(*make_endpoint("127.0.7.43", 0))) << from_.to_string();
}

/* One network swallows what is sent; the other is well. */
TEST_F(record_port, a_route_that_never_answers_leaves_time_for_the_next) {
    auto hole = *make_endpoint("127.0.7.3", port_);
    std::vector<unique_fd> sockets;
    sockets.emplace_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(bind(sockets[0].get(), reinterpret_cast<sockaddr *>(&hole.address), hole.length), 0);
    ASSERT_EQ(listen(sockets[0].get(), 0), 0);
    for (int i = 0; i < 4; i++) { /* its queue is full: it takes no further SYN */
        sockets.emplace_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        (void)connect(sockets.back().get(), reinterpret_cast<sockaddr *>(&hole.address),
                      hole.length);
    }
    auto r = call({way("127.0.7.3", "127.0.7.42"), way("127.0.7.1", "127.0.7.43")}, 1s);
    ASSERT_TRUE(r.ok()) << r.error().text;
    EXPECT_TRUE(from_.same_host(*make_endpoint("127.0.7.43", 0))) << from_.to_string();
    r = call({way("127.0.7.3", "127.0.7.42")}, 200ms);
    ASSERT_FALSE(r.ok());
    EXPECT_EQ(r.error().code, ETIMEDOUT);
}

TEST_F(record_port, an_address_that_this_machine_has_not_is_named) {
    auto r = call({way("127.0.7.1", "192.0.2.1")});
    ASSERT_FALSE(r.ok());
    EXPECT_NE(r.error().text.find("calling from 192.0.2.1"), std::string::npos) << r.error().text;
}

/* More of them than may wait for their greeting at a time. */
TEST_F(record_port, strangers_that_say_nothing_keep_nobody_out) {
    auto flood = silent(100, "127.0.7.66");
    EXPECT_TRUE(hung_up(flood.front())) << "the oldest made room";
    EXPECT_TRUE(call({way("127.0.7.1", "127.0.7.42")}).ok()) << "a member";
    EXPECT_TRUE(call({way("127.0.7.1", "127.0.7.43")}).ok()) << "who is in no group yet";
    EXPECT_GE(listener_->refused(), 68U);
}

TEST_F(record_port, a_member_that_has_not_greeted_yet_is_not_put_out_by_strangers) {
    auto member = silent(1, "127.0.7.42");
    auto flood = silent(100, "127.0.7.66");
    EXPECT_TRUE(hung_up(flood.front()));
    greeting hello;
    auto bytes = encode(hello);
    ASSERT_EQ(send(member[0].get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
    auto end = boottime_now() + 10s;
    uint8_t buf[answer_bytes];
    while (recv(member[0].get(), buf, sizeof(buf), MSG_DONTWAIT) < 0 && boottime_now() < end) {
        loop_.turn(20ms);
    }
    EXPECT_TRUE(from_.same_host(*make_endpoint("127.0.7.42", 0))) << "it was answered";
}

TEST_F(record_port, without_any_route_a_call_ends_at_once) {
    auto r = call({});
    ASSERT_FALSE(r.ok());
    EXPECT_EQ(r.error().code, EHOSTUNREACH);
}

/* A machine with several addresses in a network: the peer knows but one of them. */
TEST(control_port, what_is_sent_comes_from_the_address_it_is_to_come_from) {
    for (const auto &[there, here] :
         {std::pair("127.0.7.1", "127.0.7.55"), std::pair("::1", "::1")}) {
        loop l;
        auto channel = control_channel::make(l, {}, 0, [](auto &&, const endpoint &) {});
        ASSERT_TRUE(channel.ok()) << channel.error().text;
        auto to = *make_endpoint(there, 0);
        unique_fd fd(socket(to.address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        if (bind(fd.get(), reinterpret_cast<sockaddr *>(&to.address), to.length) != 0) {
            continue; /* a kernel without IPv6 */
        }
        ASSERT_EQ(getsockname(fd.get(), reinterpret_cast<sockaddr *>(&to.address), &to.length), 0);
        timeval limit{5, 0};
        setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
        (*channel)->send(to, *make_endpoint(here, 0), {1, 2, 3});
        char buf[8];
        endpoint from;
        from.length = sizeof(from.address);
        EXPECT_EQ(recvfrom(fd.get(), buf, sizeof(buf), 0,
                           reinterpret_cast<sockaddr *>(&from.address), &from.length),
                  3);
        EXPECT_TRUE(from.same_host(*make_endpoint(here, 0))) << from.to_string();
    }
}

} // namespace
} // namespace harp::cluster
