/* SPDX-License-Identifier: GPL-2.0 */
/* TCP connections of a namespace: listed, destroyed (sock_diag), and tickled. */
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/address.hh"
#include "util/result.hh"

namespace harp::net {

/* Connections to @local_port that are established; at most @limit. */
result<std::vector<connection>> established(uint16_t local_port, size_t limit);

/*
 * SOCK_DESTROY for every TCP socket of the calling thread's namespace that is not
 * listening (protocol G3: before parked operations are released, so that no
 * reply finds a socket to leave by). Returns how many.
 */
result<size_t> destroy_all();

/*
 * Tells clients that their connection is gone: an ACK from us that fits nothing
 * makes the client answer with its true sequence number, and our TCP, knowing no such
 * connection, resets it. Without it a client deep in its retransmission back-off
 * (0.2, 0.4, … 6.4 s …) would not notice for as long again as the outage
 * lasted. The service must be listening, for the client reconnects at once.
 */
result<size_t> tickle(std::span<const connection> clients);

/*
 * Connections as bytes, for a heartbeat: as many as fit in @bytes_max. What comes
 * from a peer is checked: families, lengths, ports, at most connections_max.
 */
inline constexpr size_t connections_max = 1024;
std::string pack_connections(std::span<const connection> clients, size_t bytes_max);
result<std::vector<connection>> unpack_connections(std::string_view bytes);

/* The segment tickle() sends, IP header included; for IPv4 and IPv6. */
std::vector<uint8_t> tickle_segment(const connection &c);

} // namespace harp::net
