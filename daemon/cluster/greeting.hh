/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What opens every connection to a record port, before anything else is said:
 * who calls, about which group, for what. All little endian.
 *
 *	offset	bytes
 *	0	4	magic "HARG"
 *	4	1	version
 *	5	1	kind: 1 LINK, 2 FETCH, 3 ADMIN, 4 OUTLINE, 5 COPY
 *	6	1	sender's slot
 *	7	1	0
 *	8	16	group
 *	24	8	lineage
 *	32	4	epoch
 *	36	4	bytes of body that follow (ADMIN; COPY: a cursor, copy_piece.hh)
 *	40	8	sender's incarnation
 *	48	8	view (LINK: of the link)
 *	56	8	first index (FETCH)
 *	64	8	last index (FETCH)
 *	72	4	0
 *	76	4	crc32c of the 76 bytes before
 *
 * The answer: magic "HARA", version, code (0: granted), 2 bytes 0, bytes of text, text.
 * After a granted LINK the stream is the kernels'; after a granted FETCH whole records
 * follow until the end of the stream; after a granted COPY pieces of the file state
 * (copy_piece.hh). OUTLINE is answered with text alone (outline.hh).
 */
#pragma once

#include "util/result.hh"
#include "vsr/types.hh"

#include <span>
#include <string>
#include <vector>

namespace harp::cluster {

enum class greeting_kind : uint8_t { link = 1, fetch = 2, admin = 3, outline = 4, copy = 5 };

struct greeting {
    greeting_kind kind = greeting_kind::link;
    slot_t sender;
    vsr::group_id group{};
    lineage_t lineage;
    epoch_t epoch;
    incarnation_t inc;
    view_t view;
    index_t first;
    index_t last;
    uint32_t body_bytes = 0;

    bool operator==(const greeting &) const = default;
};

struct answer {
    uint8_t code = 0; /* 0: granted; else an errno below 256 */
    std::string text;
};

inline constexpr size_t greeting_bytes = 80;
inline constexpr size_t answer_bytes = 12;
inline constexpr size_t admin_max = 64 * 1024;

std::vector<uint8_t> encode(const greeting &g);
result<greeting> decode_greeting(std::span<const uint8_t> bytes);
std::vector<uint8_t> encode(const answer &a);
/* The fixed part; @text_bytes follow. */
result<answer> decode_answer(std::span<const uint8_t> bytes, size_t &text_bytes);

} // namespace harp::cluster
