// SPDX-License-Identifier: GPL-2.0
/* What goes on the wire, byte by byte, against hand-checked frames. */
#include <gtest/gtest.h>

#include "net/announce.hh"
#include "net/sysctl.hh"
#include "net/tcp.hh"

namespace harp::net {
namespace {

const mac_address mac{{0x02, 0x48, 0x41, 0x00, 0x00, 0x01}};

std::string hex(std::span<const uint8_t> bytes) {
    static const char digits[] = "0123456789abcdef";
    std::string out;
    for (const uint8_t b : bytes) {
        out += digits[b >> 4];
        out += digits[b & 15];
    }
    return out;
}

/* The Internet checksum over data that holds its own comes to 0xffff. */
uint16_t ones_sum(std::span<const uint8_t> bytes, uint32_t sum) {
    for (size_t i = 0; i + 1 < bytes.size(); i += 2) {
        sum += static_cast<uint32_t>(bytes[i] << 8 | bytes[i + 1]);
    }
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return static_cast<uint16_t>(sum);
}

TEST(net_frames, arp_in_both_forms) {
    const auto a = parse_ip("192.0.2.10").value();
    const std::string body = "024841000001c000020a" /* sender */
                             "024841000001c000020a" /* target */
                             "000000000000000000000000000000000000";
    const std::string head = "ffffffffffff024841000001080600010800060400";
    EXPECT_EQ(hex(arp_request(mac, a)), head + "01" + body);
    EXPECT_EQ(hex(arp_reply(mac, a)), head + "02" + body);
}

TEST(net_frames, neighbour_advertisement) {
    const auto a = parse_ip("2001:db8::10").value();
    const auto f = neighbour_advertisement(mac, a);
    ASSERT_EQ(f.size(), 86u);
    EXPECT_EQ(hex(std::span(f).first(22)), "333300000001024841000001"
                                           "86dd60000000002"
                                           "03aff");
    EXPECT_EQ(hex(std::span(f).subspan(22, 32)), "20010db8000000000000000000000010"
                                                 "ff020000000000000000000000000001");
    EXPECT_EQ(hex(std::span(f).subspan(54, 2)), "8800");
    EXPECT_EQ(hex(std::span(f).subspan(58)), "2000000020010db8000000000000000000000010"
                                             "0201024841000001");
    /* Pseudo header: both addresses, length 32, next header 58. */
    EXPECT_EQ(ones_sum(std::span(f).subspan(22), 32 + 58), 0xffff);
}

TEST(net_frames, each_address_is_announced) {
    const std::vector<ip_prefix> both = {parse_prefix("192.0.2.10/24").value(),
                                         parse_prefix("2001:db8::10/64").value()};
    EXPECT_EQ(announcements(mac, both).size(), 3u);
    EXPECT_TRUE(announcements(mac, {}).empty());
}

TEST(net_frames, the_schedule_starts_at_once_and_spreads) {
    EXPECT_EQ(announce_schedule.front().count(), 0);
    for (size_t i = 1; i < announce_schedule.size(); i++) {
        EXPECT_GT(announce_schedule[i], announce_schedule[i - 1]);
    }
}

TEST(net_frames, tickle_is_a_lone_valid_ack) {
    const connection c4{parse_ip("192.0.2.10").value(), 2049, parse_ip("192.0.2.7").value(), 801};
    const auto p = tickle_segment(c4);
    ASSERT_EQ(p.size(), 40u);
    EXPECT_EQ(ones_sum(std::span(p).first(20), 0), 0xffff);
    EXPECT_EQ(ones_sum(std::span(p).subspan(12), 6 + 20), 0xffff);
    EXPECT_EQ(hex(std::span(p).subspan(12, 8)), "c000020ac0000207");
    EXPECT_EQ(hex(std::span(p).subspan(20, 4)), "08010321");
    EXPECT_EQ(hex(std::span(p).subspan(24, 10)), "00000000000000005010");

    const connection c6{parse_ip("2001:db8::10").value(), 2049, parse_ip("2001:db8::7").value(),
                        801};
    const auto q = tickle_segment(c6);
    ASSERT_EQ(q.size(), 60u);
    EXPECT_EQ(ones_sum(std::span(q).subspan(8), 6 + 20), 0xffff);
}

TEST(net_frames, connections_survive_a_heartbeat) {
    const connection c4{parse_ip("192.0.2.10").value(), 2049, parse_ip("192.0.2.7").value(), 801};
    const connection c6{parse_ip("2001:db8::10").value(), 2049, parse_ip("2001:db8::7").value(), 1};
    const std::vector<connection> both{c4, c6};
    const std::string bytes = pack_connections(both, 1000);
    EXPECT_EQ(bytes.size(), 13u + 37u);
    EXPECT_EQ(unpack_connections(bytes).value(), both);
    EXPECT_EQ(unpack_connections(pack_connections(both, 13)).value(), std::vector{c4});
    EXPECT_TRUE(unpack_connections("").value().empty());
    for (size_t i = 1; i < bytes.size(); i++) {
        /* Cut anywhere but between two. */
        EXPECT_EQ(unpack_connections(std::string_view(bytes).substr(0, i)).ok(), i == 13) << i;
    }
    EXPECT_FALSE(unpack_connections("5" + bytes.substr(1)).ok());
    std::string zero_port = bytes.substr(0, 13);
    zero_port[5] = zero_port[6] = 0;
    EXPECT_FALSE(unpack_connections(zero_port).ok());
    std::string many;
    for (size_t i = 0; i <= connections_max; i++) {
        many += bytes.substr(0, 13);
    }
    EXPECT_FALSE(unpack_connections(many).ok());
    EXPECT_TRUE(unpack_connections(std::string_view(many).substr(13)).ok());
}

TEST(net_frames, sysctl_names_stay_under_proc_sys) {
    EXPECT_EQ(sysctl_path("net.ipv4.conf.all.rp_filter").value(),
              "/proc/sys/net/ipv4/conf/all/rp_filter");
    for (const char *name :
         {"", ".", "net..x", ".net", "net.", "net/../../etc/passwd", "net.x y"}) {
        EXPECT_FALSE(sysctl_path(name).ok()) << name;
    }
    for (const auto &s : required_sysctls()) {
        EXPECT_TRUE(sysctl_path(s.name).ok()) << s.name;
    }
}

} // namespace
} // namespace harp::net
