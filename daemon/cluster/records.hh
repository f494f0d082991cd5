/* SPDX-License-Identifier: GPL-2.0 */
/* Whole records as bytes, checked with the codec: their shape for the rules. */
#pragma once

#include "util/result.hh"
#include "vsr/types.hh"

#include <cstdint>
#include <span>
#include <vector>

namespace harp::cluster {

struct record_run {
    index_t first;
    index_t last;                        /* below first: none */
    uint32_t crc = 0;                    /* of the last one; the chain goes on from it */
    std::vector<vsr::view_start> starts; /* of the records, the first one included */
    std::vector<size_t> ends;            /* where each ends in the bytes */
};

/*
 * Each record is parsed whole, numbered @after + 1 and on, and chained: its prev_crc is
 * the crc of the one before (@prev_crc for the first; checked when @check_first). @bytes
 * is aligned to 8 and at most HARP_WIRE_BATCH_MAX long.
 */
result<record_run> check_records(std::span<const uint8_t> bytes, index_t after, uint32_t prev_crc,
                                 bool check_first, lineage_t lineage);

/*
 * The length of the whole records in front of @bytes: at most @count of them, and together
 * at most @limit long unless the first is longer. 0: none yet. An error: what is in front is
 * none. Their headers alone are looked at.
 */
result<size_t> whole_records(std::span<const uint8_t> bytes, uint64_t count, size_t limit);

/* How many whole records these bytes are; their headers have been checked. */
uint64_t count_records(std::span<const uint8_t> bytes);

} // namespace harp::cluster
