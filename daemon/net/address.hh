/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Addresses as a person writes them: "192.0.2.10/24", "2001:db8::10/64",
 * "02:48:41:00:00:01". Parsing is strict: nothing is guessed, no host bits
 * beyond the family, no multicast, no zero address.
 */
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "util/result.hh"

namespace harp::net {

struct mac_address {
    std::array<uint8_t, 6> bytes{};

    auto operator<=>(const mac_address &) const = default;
    bool unicast() const noexcept { return (bytes[0] & 1) == 0; }
    bool zero() const noexcept { return *this == mac_address{}; }
    std::string to_string() const;
};

result<mac_address> parse_mac(std::string_view text);
/* A locally administered unicast MAC, a function of the group's uuid alone. */
mac_address mac_of_group(std::span<const uint8_t, 16> uuid);

struct ip_address {
    int family = 0; /* AF_INET or AF_INET6 */
    std::array<uint8_t, 16> bytes{};

    auto operator<=>(const ip_address &) const = default;
    size_t size() const noexcept;
    std::string to_string() const;
};

struct ip_prefix {
    ip_address address;
    uint8_t length = 0;

    auto operator<=>(const ip_prefix &) const = default;
    std::string to_string() const;
};

result<ip_address> parse_ip(std::string_view text);
/* The length is required: an address without one is somebody's mistake. */
result<ip_prefix> parse_prefix(std::string_view text);

/* One TCP connection of a client, as the server sees it. */
struct connection {
    ip_address local;
    uint16_t local_port = 0;
    ip_address peer;
    uint16_t peer_port = 0;

    auto operator<=>(const connection &) const = default;
};

} // namespace harp::net
