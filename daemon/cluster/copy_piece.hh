/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The file state in pieces (C2), between two harpds: each piece is what one COPY_READ of the
 * source's kernel said, for COPY_WRITE of the target's. All little endian.
 *
 *	offset	bytes
 *	0	4	magic "HARC"
 *	4	1	version
 *	5	1	pass of the cursor after it (enum harp_nl_copy_pass)
 *	6	2	0
 *	8	4	bytes of records that follow
 *	12	4	how many records
 *	16	8	nothing of a record above this index is in them
 *	24	8	neither this fid nor a higher one is in the copy
 *	32	8	cursor after it: fid
 *	40	8	and where within it
 *	48	4	0
 *	52	4	crc32c of the records
 *	56	4	0
 *	60	4	crc32c of the 60 bytes before
 */
#pragma once

#include "util/result.hh"
#include "util/strong.hh"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace harp::cluster {

/* Where a copy goes on: what COPY_READ is asked for. */
struct copy_cursor {
    uint8_t pass = 0; /* enum harp_nl_copy_pass */
    uint64_t fid = 1;
    uint64_t at = 0;  /* within fid; 0: its beginning */
    uint64_t end = 0; /* of the copy; 0: not known yet */

    bool done() const noexcept;
    bool operator==(const copy_cursor &) const = default;
};

/*
 * As a COPY's greeting carries it: pass, 7 bytes 0, fid, at, end.
 */
inline constexpr size_t copy_cursor_bytes = 32;
std::string encode(const copy_cursor &at);
result<copy_cursor> decode_copy_cursor(std::string_view bytes);

struct copy_piece {
    copy_cursor next;
    index_t index;
    uint32_t count = 0;
    std::vector<uint8_t> records;

    bool operator==(const copy_piece &) const = default;
};

inline constexpr size_t copy_header_bytes = 64;

/* The header and the records. */
std::vector<uint8_t> encode(const copy_piece &p);
/* Of a header alone: records is as long as what follows it is to be, and zero. */
result<copy_piece> decode_copy_header(std::span<const uint8_t> header);
/* Are these the records that belong to that header? */
result<void> check_copy_records(std::span<const uint8_t> header, std::span<const uint8_t> records);

} // namespace harp::cluster
