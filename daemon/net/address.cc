// SPDX-License-Identifier: GPL-2.0
#include "net/address.hh"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <charconv>
#include <cstring>

#include <fmt/format.h>

namespace harp::net {

namespace {

int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

bool is_multicast(const ip_address &a) {
    return a.family == AF_INET ? (a.bytes[0] & 0xf0) == 0xe0 : a.bytes[0] == 0xff;
}

bool is_any(const ip_address &a) {
    for (size_t i = 0; i < a.size(); i++) {
        if (a.bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

} // namespace

std::string mac_address::to_string() const {
    return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", bytes[0], bytes[1], bytes[2],
                       bytes[3], bytes[4], bytes[5]);
}

result<mac_address> parse_mac(std::string_view text) {
    const auto bad = [&](const char *why) {
        return fail(EINVAL, fmt::format("'{}' is not a MAC address: {}", text, why));
    };
    if (text.size() != 17) {
        return bad("expected six pairs of hexadecimal digits separated by colons");
    }
    mac_address mac;
    for (size_t i = 0; i < 6; i++) {
        const int high = hex_digit(text[i * 3]);
        const int low = hex_digit(text[i * 3 + 1]);
        if (high < 0 || low < 0 || (i < 5 && text[i * 3 + 2] != ':')) {
            return bad("expected six pairs of hexadecimal digits separated by colons");
        }
        mac.bytes[i] = static_cast<uint8_t>(high << 4 | low);
    }
    if (!mac.unicast()) {
        return bad("it is a multicast address");
    }
    if (mac.zero()) {
        return bad("it is zero");
    }
    return mac;
}

mac_address mac_of_group(std::span<const uint8_t, 16> uuid) {
    /* FNV-1a over the uuid: spread, not secrecy, is what is wanted. */
    uint64_t hash = 0xcbf29ce484222325ULL;
    for (const uint8_t byte : uuid) {
        hash = (hash ^ byte) * 0x100000001b3ULL;
    }
    mac_address mac;
    mac.bytes[0] = 0x02; /* locally administered, unicast */
    for (size_t i = 1; i < 6; i++) {
        mac.bytes[i] = static_cast<uint8_t>(hash >> (8 * i));
    }
    return mac;
}

size_t ip_address::size() const noexcept {
    return family == AF_INET6 ? 16 : 4;
}

std::string ip_address::to_string() const {
    char text[INET6_ADDRSTRLEN] = "";
    if (family != AF_INET && family != AF_INET6) {
        return "none";
    }
    inet_ntop(family, bytes.data(), text, sizeof(text));
    return text;
}

std::string ip_prefix::to_string() const {
    return fmt::format("{}/{}", address.to_string(), length);
}

result<ip_address> parse_ip(std::string_view text) {
    const std::string copy(text);
    ip_address a;
    a.family = text.find(':') != std::string_view::npos ? AF_INET6 : AF_INET;
    /* A NUL in the middle would let inet_pton accept what is before it. */
    if (copy.size() != std::strlen(copy.c_str()) ||
        inet_pton(a.family, copy.c_str(), a.bytes.data()) != 1) {
        return fail(EINVAL, fmt::format("'{}' is not an IPv4 or IPv6 address", text));
    }
    if (is_multicast(a) || is_any(a)) {
        return fail(EINVAL, fmt::format("'{}' cannot be a host's address", text));
    }
    return a;
}

result<ip_prefix> parse_prefix(std::string_view text) {
    const size_t slash = text.find('/');
    if (slash == std::string_view::npos) {
        return fail(EINVAL, fmt::format("'{}' has no prefix length: expected something like "
                                        "192.0.2.10/24 or 2001:db8::10/64",
                                        text));
    }
    auto address = parse_ip(text.substr(0, slash));
    if (!address) {
        return address.error();
    }
    const std::string_view digits = text.substr(slash + 1);
    unsigned length = 0;
    const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
    const unsigned longest = static_cast<unsigned>(address->size() * 8);
    if (ec != std::errc() || end != digits.data() + digits.size() || length == 0 ||
        length > longest) {
        return fail(EINVAL, fmt::format("'{}': the prefix length must be 1 to {}", text, longest));
    }
    return ip_prefix{*address, static_cast<uint8_t>(length)};
}

} // namespace harp::net
