/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Datagrams on the control port that the view-change core has nothing to do with.
 * All little endian.
 *
 *	offset	bytes
 *	0	4	magic "HARN"
 *	4	1	version
 *	5	1	kind: 1 CLIENTS
 *	6	1	sender's slot
 *	7	1	0
 *	8	16	group
 *	24	8	lineage
 *	32	8	sender's incarnation
 *	40	8	view
 *	48	4	bytes of body
 *	52	4	crc32c of header (this field 0) and body
 *
 * CLIENTS: who is connected to the serving primary's nfsd (net::pack_connections), so
 * that whoever takes over can wake clients that are deep in TCP's back-off.
 */
#pragma once

#include "util/result.hh"
#include "vsr/types.hh"

#include <span>
#include <string>
#include <vector>

namespace harp::cluster {

enum class notice_kind : uint8_t { clients = 1 };

struct notice {
    notice_kind kind = notice_kind::clients;
    slot_t sender;
    vsr::group_id group{};
    lineage_t lineage;
    incarnation_t inc;
    view_t view;
    std::string body;

    bool operator==(const notice &) const = default;
};

inline constexpr size_t notice_header_bytes = 56;
inline constexpr size_t notice_body_max = 32 * 1024;

/* Does this datagram want to be one? */
bool is_notice(std::span<const uint8_t> bytes);
std::vector<uint8_t> encode(const notice &n);
result<notice> decode_notice(std::span<const uint8_t> bytes);

} // namespace harp::cluster
