// SPDX-License-Identifier: GPL-2.0
#include "net/address.hh"

#include <gtest/gtest.h>
#include <sys/socket.h>

namespace harp::net {
namespace {

TEST(net_address, mac_round_trip) {
    auto mac = parse_mac("02:48:41:0a:ff:01");
    ASSERT_TRUE(mac.ok());
    EXPECT_EQ(mac->to_string(), "02:48:41:0a:ff:01");
    EXPECT_TRUE(parse_mac("02:48:41:0A:FF:01").ok());
}

TEST(net_address, bad_macs_are_refused) {
    for (const char *text :
         {"", "02:48:41:0a:ff", "02:48:41:0a:ff:0", "02-48-41-0a-ff-01", "02:48:41:0a:ff:0g",
          "02:48:41:0a:ff:01:", "01:48:41:0a:ff:01", "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"}) {
        EXPECT_FALSE(parse_mac(text).ok()) << text;
    }
}

TEST(net_address, a_group_has_its_own_unicast_local_mac) {
    std::array<uint8_t, 16> a{}, b{};
    b[15] = 1;
    const auto x = mac_of_group(a), y = mac_of_group(b);
    EXPECT_EQ(x, mac_of_group(a));
    EXPECT_NE(x, y);
    for (const auto &m : {x, y}) {
        EXPECT_TRUE(m.unicast());
        EXPECT_EQ(m.bytes[0] & 3, 2);
    }
}

TEST(net_address, prefixes) {
    auto v4 = parse_prefix("192.0.2.10/24");
    ASSERT_TRUE(v4.ok());
    EXPECT_EQ(v4->address.family, AF_INET);
    EXPECT_EQ(v4->length, 24);
    EXPECT_EQ(v4->to_string(), "192.0.2.10/24");
    auto v6 = parse_prefix("2001:DB8::10/64");
    ASSERT_TRUE(v6.ok());
    EXPECT_EQ(v6->to_string(), "2001:db8::10/64");
    EXPECT_TRUE(parse_prefix("192.0.2.10/32").ok());
    EXPECT_TRUE(parse_prefix("2001:db8::1/128").ok());
}

TEST(net_address, bad_prefixes_are_refused) {
    using namespace std::string_view_literals;
    for (const auto text :
         {""sv, "192.0.2.10"sv, "192.0.2.10/"sv, "192.0.2.10/0"sv, "192.0.2.10/33"sv,
          "192.0.2.10/-1"sv, "192.0.2.10/24 "sv, "192.0.2/24"sv, "192.0.2.10/2x"sv,
          "2001:db8::1/129"sv, "224.0.0.1/24"sv, "ff02::1/64"sv, "0.0.0.0/8"sv, "::/64"sv,
          "eth0/24"sv, "192.0.2.10/99999999999"sv, "192.0.2.10\0x/24"sv}) {
        EXPECT_FALSE(parse_prefix(text).ok()) << text;
    }
}

} // namespace
} // namespace harp::net
