/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Telling the network where an address lives now: gratuitous ARP, in both forms
 * (some hosts heed only requests, some only replies), and unsolicited neighbour
 * advertisements; repeated, because a switch or a host may miss one.
 */
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

#include "net/address.hh"
#include "net/fd.hh"
#include "util/result.hh"

namespace harp::net {

/* After the first burst at once. */
inline constexpr std::array<std::chrono::milliseconds, 8> announce_schedule = {
        std::chrono::milliseconds(0),     std::chrono::milliseconds(100),
        std::chrono::milliseconds(500),   std::chrono::milliseconds(1000),
        std::chrono::milliseconds(2000),  std::chrono::milliseconds(5000),
        std::chrono::milliseconds(10000), std::chrono::milliseconds(30000)};
/* Then for as long as we serve: heals a table poisoned by somebody else. */
inline constexpr std::chrono::seconds announce_refresh{60};

using frame = std::vector<uint8_t>;

/* RFC 5944 4.6: sender and target are the address; a request and a reply. */
frame arp_request(const mac_address &mac, const ip_address &address);
frame arp_reply(const mac_address &mac, const ip_address &address);
/* RFC 4861 7.2.6, Override set, to all nodes. */
frame neighbour_advertisement(const mac_address &mac, const ip_address &address);
std::vector<frame> announcements(const mac_address &mac, std::span<const ip_prefix> addresses);

/* Sends whole Ethernet frames on one link. Works from any namespace once open. */
class announcer {
public:
    static result<announcer> open(unsigned ifindex);
    /* All are tried; the first failure is returned. */
    result<void> send(std::span<const frame> frames);

private:
    announcer(unique_fd fd, unsigned ifindex) : fd_(std::move(fd)), ifindex_(ifindex) {}
    unique_fd fd_;
    unsigned ifindex_;
};

} // namespace harp::net
