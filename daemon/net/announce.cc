// SPDX-License-Identifier: GPL-2.0
#include "net/announce.hh"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

namespace harp::net {

namespace {

constexpr mac_address broadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
/* 33:33 and the last four bytes of ff02::1 (RFC 2464, 7). */
constexpr mac_address all_nodes_mac{{0x33, 0x33, 0, 0, 0, 1}};

void put16(frame &f, uint16_t v) {
    f.push_back(static_cast<uint8_t>(v >> 8));
    f.push_back(static_cast<uint8_t>(v));
}

template <typename Bytes>
void put(frame &f, const Bytes &bytes, size_t n) {
    f.insert(f.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n));
}

frame ethernet(const mac_address &to, const mac_address &from, uint16_t type) {
    frame f;
    put(f, to.bytes, 6);
    put(f, from.bytes, 6);
    put16(f, type);
    return f;
}

frame arp(uint16_t operation, const mac_address &mac, const ip_address &address) {
    frame f = ethernet(broadcast, mac, ETH_P_ARP);
    put16(f, 1); /* Ethernet */
    put16(f, ETH_P_IP);
    f.push_back(6);
    f.push_back(4);
    put16(f, operation);
    put(f, mac.bytes, 6);
    put(f, address.bytes, 4);
    /* The target's hardware address has no meaning here; ours, as RFC 5227 replies do. */
    put(f, mac.bytes, 6);
    put(f, address.bytes, 4);
    f.resize(ETH_ZLEN, 0);
    return f;
}

uint16_t icmp6_checksum(std::span<const uint8_t> addresses, std::span<const uint8_t> payload) {
    uint32_t sum = static_cast<uint32_t>(payload.size()) + 58; /* pseudo header */
    const auto add = [&sum](std::span<const uint8_t> bytes) {
        for (size_t i = 0; i + 1 < bytes.size(); i += 2) {
            sum += static_cast<uint32_t>(bytes[i] << 8 | bytes[i + 1]);
        }
    };
    add(addresses);
    add(payload);
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return static_cast<uint16_t>(~sum);
}

} // namespace

frame arp_request(const mac_address &mac, const ip_address &address) {
    return arp(1, mac, address);
}

frame arp_reply(const mac_address &mac, const ip_address &address) {
    return arp(2, mac, address);
}

frame neighbour_advertisement(const mac_address &mac, const ip_address &address) {
    constexpr size_t ip_at = ETH_HLEN, icmp_at = ip_at + 40;
    constexpr uint16_t icmp_size = 32;
    ip_address all_nodes;
    all_nodes.bytes[0] = 0xff;
    all_nodes.bytes[1] = 0x02;
    all_nodes.bytes[15] = 1;

    frame f = ethernet(all_nodes_mac, mac, ETH_P_IPV6);
    put(f, std::array<uint8_t, 4>{0x60, 0, 0, 0}, 4);
    put16(f, icmp_size);
    f.push_back(58);  /* ICMPv6 */
    f.push_back(255); /* RFC 4861: anything less was forwarded, and is ignored */
    put(f, address.bytes, 16);
    put(f, all_nodes.bytes, 16);
    put(f, std::array<uint8_t, 4>{136, 0, 0, 0}, 4);  /* checksum below */
    put(f, std::array<uint8_t, 4>{0x20, 0, 0, 0}, 4); /* O: override */
    put(f, address.bytes, 16);
    f.push_back(2); /* target link-layer address, in units of 8 bytes: */
    f.push_back(1);
    put(f, mac.bytes, 6);

    const std::span<const uint8_t> all(f);
    const uint16_t sum = icmp6_checksum(all.subspan(ip_at + 8, 32), all.subspan(icmp_at));
    f[icmp_at + 2] = static_cast<uint8_t>(sum >> 8);
    f[icmp_at + 3] = static_cast<uint8_t>(sum);
    return f;
}

std::vector<frame> announcements(const mac_address &mac, std::span<const ip_prefix> addresses) {
    std::vector<frame> out;
    for (const auto &p : addresses) {
        if (p.address.family == AF_INET) {
            out.push_back(arp_request(mac, p.address));
            out.push_back(arp_reply(mac, p.address));
        } else {
            out.push_back(neighbour_advertisement(mac, p.address));
        }
    }
    return out;
}

result<announcer> announcer::open(unsigned ifindex) {
    /* Protocol 0: it sends and never receives. */
    unique_fd fd(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) {
        const int code = errno;
        return fail(code, fmt::format("packet socket: {}", strerror(code)));
    }
    return announcer(std::move(fd), ifindex);
}

result<void> announcer::send(std::span<const frame> frames) {
    result<void> r;
    for (const auto &f : frames) {
        sockaddr_ll to{};
        to.sll_family = AF_PACKET;
        to.sll_ifindex = static_cast<int>(ifindex_);
        to.sll_halen = 6;
        memcpy(to.sll_addr, f.data(), 6);
        if (sendto(fd_.get(), f.data(), f.size(), 0, reinterpret_cast<const sockaddr *>(&to),
                   sizeof(to)) < 0 &&
            r.ok()) {
            const int code = errno;
            r = fail(code, fmt::format("announcing: {}", strerror(code)));
        }
    }
    return r;
}

} // namespace harp::net
