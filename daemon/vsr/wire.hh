/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Control messages as bytes. All little endian.
 *
 *	offset	bytes
 *	0	4	magic "HARC"
 *	4	1	version
 *	5	1	type: 1 PROPOSE, 2 AGREE, 3 NACK, 4 START, 5 STARTED, 6 REQUEST,
 *			7 STATUS, 8 FETCH, 9 RECS; 10 … 15 kept for COPY
 *	6	2	flags, 0
 *	8	4	bytes after this header
 *	12	4	epoch
 *	16	16	group
 *	32	8	lineage
 *	40	1	sender's slot
 *	41	3	0
 *	44	4	sender's member id
 *	48	8	sender's incarnation
 *	56	8	view
 *	64	4	crc32c of header (this field 0) and body
 *	68	4	0
 *
 * Framing is checked here (magic, version, type, length, checksum, body); group,
 * lineage, epoch, sender, incarnation and view, in that order, by the core.
 */
#pragma once

#include "util/result.hh"
#include "vsr/message.hh"

#include <span>

namespace harp::vsr {

inline constexpr size_t wire_header_bytes = 72;
inline constexpr uint8_t wire_version = 5;
/* The largest body: RECS with a whole batch. Every other one fits wire_small_max. */
inline constexpr size_t wire_small_max = 16 * 1024;
inline constexpr size_t wire_body_max = HARP_WIRE_BATCH_MAX + 256;

/* Why bytes were refused; one counter each. Rides in failure::code. */
enum class wire_fault : int {
    too_short = 1,
    magic,
    version,
    type,
    flags,
    length,
    checksum,
    body,
};
inline constexpr size_t wire_fault_count = 8;
wire_fault fault_of(const failure &f);
std::string_view to_string(wire_fault fault);

std::vector<uint8_t> encode(const message &msg);
result<message> decode(std::span<const uint8_t> bytes);

/* Of bytes refused for their version, which has its place in every one. */
uint8_t version_of(std::span<const uint8_t> bytes);

/*
 * For a stream: how long is the message that begins here, header included?
 * Needs wire_header_bytes; checks magic, version and length, no more.
 */
result<size_t> message_bytes(std::span<const uint8_t> header);

uint32_t crc32c(std::span<const uint8_t> bytes, uint32_t seed = 0);

} // namespace harp::vsr
