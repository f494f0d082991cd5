// SPDX-License-Identifier: GPL-2.0
/*
 * The network side against a real kernel, in network namespaces of the test's own:
 * a "switch side" v1 and the group's link on v0, in a namespace pinned under a
 * directory of the test's. Skipped without root, veth or macvlan.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <optional>

#include "net/announce.hh"
#include "net/netns.hh"
#include "net/rtnl.hh"
#include "net/sysctl.hh"
#include "net/tcp.hh"

namespace harp::net {
namespace {

const mac_address group_mac{{0x02, 0x48, 0x41, 0x00, 0x00, 0x07}};

std::string why_not; /* the machine's reason to skip */

class net_real : public ::testing::Test {
protected:
    static void SetUpTestSuite() {
        /* The mount namespace too: pins must not be seen outside. */
        if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0) {
            why_not = "needs root";
            return;
        }
        if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0 ||
            mount("t", "/mnt", "tmpfs", 0, nullptr) < 0) {
            why_not = "needs a mount namespace";
            return;
        }
        if (system("ip link set lo up && ip link add v0 type veth peer name v1 && "
                   "ip link set v0 up && ip link set v1 up && "
                   "ip addr add 192.0.2.1/24 dev v1 && "
                   "ip addr add 2001:db8::1/64 dev v1 nodad 2>/dev/null") != 0) {
            why_not = "this kernel has no veth";
            return;
        }
        if (system("ip link add probe link v0 type macvlan mode bridge 2>/dev/null && "
                   "ip link del probe") != 0) {
            why_not = "this kernel has no macvlan";
        }
    }

    void SetUp() override {
        if (!why_not.empty()) {
            GTEST_SKIP() << why_not;
        }
        dir_ = "/mnt/ns";
        mkdir(dir_.c_str(), 0755);
        files_ = ns_files::under(dir_);
        ASSERT_TRUE(make_pin_dir(dir_).ok());
        auto made = make_namespaces(files_, "g1");
        ASSERT_TRUE(made.ok()) << made.error().text;
    }

    /*
     * The link first, as a teardown does: a namespace ends some time after its last
     * user, and until then its link keeps the MAC address from the next one.
     */
    void TearDown() override {
        if (!why_not.empty()) {
            return;
        }
        auto r = within_netns(files_.net, []() -> result<void> {
            auto nl = rtnl::open();
            auto link = nl->find(group_link);
            return link && *link ? nl->remove_link((*link)->index) : result<void>();
        });
        EXPECT_TRUE(r.ok()) << r.error().text;
        EXPECT_TRUE(unpin(files_).ok());
    }

    /* The group's link, up, with addresses, as a takeover leaves it. */
    void bring_up() {
        auto here = rtnl::open();
        ASSERT_TRUE(here.ok());
        auto parent = here->find("v0");
        ASSERT_TRUE(parent.ok() && *parent);
        auto ns = open_netns(files_.net);
        ASSERT_TRUE(ns.ok());
        auto added = here->add_vlan(
                {group_link, (*parent)->index, vlan_kind::macvlan_bridge, group_mac, ns->get()});
        ASSERT_TRUE(added.ok()) << added.error().text;
        auto r = within_netns(files_.net, []() -> result<void> {
            for (const auto &s : required_sysctls()) {
                if (auto set = set_sysctl(s); !set) {
                    return set;
                }
            }
            auto there = rtnl::open();
            auto link = there->find(group_link);
            if (!link || !*link) {
                return fail(ENODEV, "no link");
            }
            if (auto up = there->set_up((*link)->index, true); !up) {
                return up;
            }
            for (const char *a : {"192.0.2.10/24", "2001:db8::10/64"}) {
                if (auto add = there->add_address((*link)->index, parse_prefix(a).value()); !add) {
                    return add;
                }
            }
            return {};
        });
        ASSERT_TRUE(r.ok()) << r.error().text;
    }

    std::string dir_;
    ns_files files_;
};

/* What arrives on v1, of frames from the group's MAC. */
class capture {
public:
    capture() : fd_(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL))) {
        sockaddr_ll at{};
        at.sll_family = AF_PACKET;
        at.sll_protocol = htons(ETH_P_ALL);
        at.sll_ifindex = static_cast<int>(if_nametoindex("v1"));
        EXPECT_EQ(bind(fd_.get(), reinterpret_cast<sockaddr *>(&at), sizeof(at)), 0);
    }
    /* Until @n came, or nothing for a while. */
    std::vector<frame> take(size_t n) {
        std::vector<frame> out;
        pollfd p{fd_.get(), POLLIN, 0};
        while (out.size() < n && poll(&p, 1, 300) > 0) {
            frame f(2048);
            const ssize_t size = recv(fd_.get(), f.data(), f.size(), 0);
            if (size >= 12 &&
                std::equal(group_mac.bytes.begin(), group_mac.bytes.end(), f.begin() + 6)) {
                f.resize(static_cast<size_t>(size));
                out.push_back(std::move(f));
            }
        }
        return out;
    }

private:
    unique_fd fd_;
};

TEST_F(net_real, the_three_namespaces_are_new_and_pinned) {
    EXPECT_TRUE(is_pinned(files_.net));
    EXPECT_TRUE(is_pinned(files_.mnt));
    EXPECT_TRUE(is_pinned(files_.uts));
    const pid_t pid = fork();
    if (pid == 0) {
        char name[64] = "";
        if (!enter(files_) || gethostname(name, sizeof(name)) < 0) {
            _exit(1);
        }
        _exit(std::string(name) == "g1" && if_nametoindex("v0") == 0 ? 0 : 2);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    EXPECT_EQ(status, 0);
    /* The caller stayed where it was. */
    EXPECT_NE(if_nametoindex("v0"), 0u);
}

void run_on(int processor) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<unsigned>(processor), &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
}

/* Linux 6.18: a namespace made later, on another processor, may have the lower number. */
TEST_F(net_real, namespaces_are_pinned_whichever_processor_numbers_them) {
    cpu_set_t all;
    ASSERT_EQ(sched_getaffinity(0, sizeof(all), &all), 0);
    std::vector<int> processors;
    for (int i = 0; i < CPU_SETSIZE; i++) {
        if (CPU_ISSET(static_cast<unsigned>(i), &all)) {
            processors.push_back(i);
        }
    }
    if (processors.size() < 2) {
        GTEST_SKIP() << "one processor only";
    }
    const std::string dir = "/mnt/numbers";
    mkdir(dir.c_str(), 0755);
    for (auto [ours, theirs] :
         {std::pair{processors[0], processors[1]}, std::pair{processors[1], processors[0]}}) {
        const pid_t pid = fork();
        if (pid == 0) {
            run_on(ours);
            bool ok = unshare(CLONE_NEWNS) == 0 && make_pin_dir(dir).ok();
            run_on(theirs);
            auto made = make_namespaces(ns_files::under(dir), "g2");
            if (!made) {
                fprintf(stderr, "%s\n", made.error().text.c_str());
            }
            _exit(ok && made && unpin(ns_files::under(dir)) ? 0 : 1);
        }
        int status = -1;
        waitpid(pid, &status, 0);
        EXPECT_EQ(status, 0) << "our namespace of processor " << ours << ", theirs of " << theirs;
    }
}

TEST_F(net_real, a_pin_dir_is_made_once) {
    const std::string dir = "/mnt/again";
    mkdir(dir.c_str(), 0755);
    EXPECT_TRUE(make_pin_dir(dir).ok());
    EXPECT_TRUE(make_pin_dir(dir).ok());
    EXPECT_EQ(umount(dir.c_str()), 0);
    EXPECT_NE(umount(dir.c_str()), 0) << "mounted twice";
}

TEST_F(net_real, the_link_carries_the_groups_mac_and_addresses_at_once) {
    bring_up();
    auto r = within_netns(files_.net, []() -> result<void> {
        auto nl = rtnl::open();
        auto link = nl->find(group_link);
        EXPECT_TRUE(link.ok() && *link);
        EXPECT_EQ((*link)->kind, "macvlan");
        EXPECT_EQ((*link)->mac, group_mac);
        EXPECT_TRUE((*link)->up);
        auto have = nl->addresses((*link)->index);
        EXPECT_TRUE(have.ok());
        for (const char *a : {"192.0.2.10/24", "2001:db8::10/64"}) {
            EXPECT_NE(std::find(have->begin(), have->end(), parse_prefix(a).value()), have->end());
        }
        /* Not tentative: a socket can have it now. */
        unique_fd fd(socket(AF_INET6, SOCK_STREAM, 0));
        sockaddr_in6 at{};
        at.sin6_family = AF_INET6;
        inet_pton(AF_INET6, "2001:db8::10", &at.sin6_addr);
        EXPECT_EQ(bind(fd.get(), reinterpret_cast<sockaddr *>(&at), sizeof(at)), 0);
        /* Again is no error; taken away twice neither. */
        const auto p = parse_prefix("192.0.2.10/24").value();
        EXPECT_TRUE(nl->add_address((*link)->index, p).ok());
        EXPECT_TRUE(nl->remove_address((*link)->index, p).ok());
        EXPECT_TRUE(nl->remove_address((*link)->index, p).ok());
        return {};
    });
    EXPECT_TRUE(r.ok());
}

/* Another group was given the same MAC, or one that is being torn down still has it. */
TEST_F(net_real, a_mac_that_is_taken_is_named_as_the_reason) {
    bring_up();
    auto here = rtnl::open();
    auto own = open_netns("/proc/self/ns/net");
    ASSERT_TRUE(here.ok() && own.ok());
    const unsigned parent = (*here->find("v0"))->index;
    ASSERT_TRUE(here->add_vlan({"second", parent, vlan_kind::macvlan_bridge, group_mac, own->get()})
                        .ok());
    const unsigned index = (*here->find("second"))->index;
    auto up = here->set_up(index, true);
    ASSERT_FALSE(up.ok());
    EXPECT_EQ(up.error().code, EADDRINUSE);
    EXPECT_NE(up.error().text.find("with this MAC address"), std::string::npos) << up.error().text;
    EXPECT_TRUE(here->remove_link(index).ok());
}

TEST_F(net_real, what_is_not_there_is_said) {
    auto nl = rtnl::open();
    ASSERT_TRUE(nl.ok());
    auto none = nl->find("nosuchlink");
    ASSERT_TRUE(none.ok());
    EXPECT_FALSE(*none);
    auto ns = open_netns(files_.net);
    auto added = nl->add_vlan({group_link, 9999, vlan_kind::macvlan_bridge, group_mac, ns->get()});
    EXPECT_FALSE(added.ok());
    EXPECT_FALSE(nl->set_up(9999, true).ok());
    EXPECT_FALSE(open_netns("/mnt/nothing").ok());
    EXPECT_EQ(within_netns("/mnt/nothing", []() -> result<void> { return {}; }).error().code,
              ENOENT);
}

TEST_F(net_real, announcements_reach_the_wire_and_none_with_the_link_down) {
    bring_up();
    const std::vector<ip_prefix> both = {parse_prefix("192.0.2.10/24").value(),
                                         parse_prefix("2001:db8::10/64").value()};
    const auto frames = announcements(group_mac, both);
    std::optional<announcer> a;
    unsigned index = 0;
    auto opened = within_netns(files_.net, [&]() -> result<void> {
        auto nl = rtnl::open();
        index = (*nl->find(group_link))->index;
        auto o = announcer::open(index);
        if (!o) {
            return o.error();
        }
        a.emplace(std::move(*o));
        return {};
    });
    ASSERT_TRUE(opened.ok());
    capture wire;
    ASSERT_TRUE(a->send(frames).ok());
    const auto seen = wire.take(20);
    for (const auto &f : frames) {
        EXPECT_NE(std::find(seen.begin(), seen.end(), f), seen.end());
    }
    auto down = within_netns(files_.net,
                             [&]() -> result<void> { return rtnl::open()->set_up(index, false); });
    ASSERT_TRUE(down.ok());
    (void)wire.take(100);
    EXPECT_FALSE(a->send(frames).ok());
    EXPECT_TRUE(wire.take(1).empty());
}

/* A listener inside, a client on the switch side, connected; @within runs inside. */
struct established_pair {
    unique_fd listener, served, client;
};

void connect_pair(const ns_files &files, established_pair &p) {
    auto r = within_netns(files.net, [&]() -> result<void> {
        p.listener.reset(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_port = htons(2049);
        const int on = 1;
        setsockopt(p.listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        if (bind(p.listener.get(), reinterpret_cast<sockaddr *>(&at), sizeof(at)) < 0 ||
            listen(p.listener.get(), 5) < 0) {
            return fail(errno, "listen");
        }
        return {};
    });
    ASSERT_TRUE(r.ok());
    p.client.reset(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(2049);
    inet_pton(AF_INET, "192.0.2.10", &to.sin_addr);
    ASSERT_EQ(connect(p.client.get(), reinterpret_cast<sockaddr *>(&to), sizeof(to)), 0);
    p.served.reset(accept(p.listener.get(), nullptr, nullptr));
    ASSERT_TRUE(p.served);
}

TEST_F(net_real, connections_are_listed_and_destroyed_without_a_word_on_the_wire) {
    bring_up();
    established_pair p;
    connect_pair(files_, p);
    auto down = within_netns(files_.net, []() -> result<void> {
        auto found = established(2049, 10);
        EXPECT_TRUE(found.ok());
        EXPECT_EQ(found->size(), 1u);
        EXPECT_EQ(found->at(0).peer.to_string(), "192.0.2.1");
        EXPECT_EQ(established(2049, 0)->size(), 0u);
        EXPECT_EQ(established(2050, 10)->size(), 0u);
        auto nl = rtnl::open();
        return nl->set_up((*nl->find(group_link))->index, false);
    });
    ASSERT_TRUE(down.ok());
    capture wire;
    result<size_t> gone = size_t{0};
    (void)within_netns(files_.net, [&]() -> result<void> {
        gone = destroy_all();
        EXPECT_EQ(established(2049, 10)->size(), 0u);
        return {};
    });
    if (!gone.ok() && gone.error().code == EOPNOTSUPP) {
        GTEST_SKIP() << "this kernel has no INET_DIAG_DESTROY";
    }
    ASSERT_TRUE(gone.ok()) << gone.error().text;
    EXPECT_EQ(*gone, 1u);
    EXPECT_TRUE(wire.take(1).empty());
    /* What the server still had to say has nowhere to go. */
    char byte = 'x';
    EXPECT_LT(send(p.served.get(), &byte, 1, MSG_NOSIGNAL), 0);
}

TEST_F(net_real, a_tickled_client_learns_that_its_connection_is_gone) {
    bring_up();
    established_pair p;
    connect_pair(files_, p);
    std::vector<connection> clients;
    auto r = within_netns(files_.net, [&]() -> result<void> {
        clients = established(2049, 10).value();
        /* Link down, so that the closing itself tells the client nothing. */
        auto nl = rtnl::open();
        const unsigned index = (*nl->find(group_link))->index;
        if (auto d = nl->set_up(index, false); !d) {
            return d;
        }
        return {};
    });
    ASSERT_TRUE(r.ok());
    ASSERT_EQ(clients.size(), 1u);
    bool destroyed = false;
    r = within_netns(files_.net, [&]() -> result<void> {
        destroyed = destroy_all().ok();
        auto nl = rtnl::open();
        const unsigned index = (*nl->find(group_link))->index;
        if (auto up = nl->set_up(index, true); !up) {
            return up;
        }
        return nl->add_address(index, parse_prefix("192.0.2.10/24").value());
    });
    ASSERT_TRUE(r.ok());
    if (!destroyed) {
        GTEST_SKIP() << "this kernel has no INET_DIAG_DESTROY";
    }
    pollfd waiting{p.client.get(), POLLIN, 0};
    ASSERT_EQ(poll(&waiting, 1, 300), 0) << "the client knew before it was told";
    (void)within_netns(files_.net, [&]() -> result<void> {
        auto sent = tickle(clients);
        EXPECT_TRUE(sent.ok());
        EXPECT_EQ(sent.value_or(0), 1u);
        return {};
    });
    ASSERT_EQ(poll(&waiting, 1, 5000), 1);
    char byte = 0;
    EXPECT_LT(recv(p.client.get(), &byte, 1, 0), 0);
    EXPECT_EQ(errno, ECONNRESET);
}

} // namespace
} // namespace harp::net
