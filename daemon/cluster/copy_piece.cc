/* SPDX-License-Identifier: GPL-2.0 */
#include "cluster/copy_piece.hh"

#include "codec.h"
#include "linux/harp_limits.h"
#include "linux/harp_netlink.h"
#include "util/le.hh"

#include <cstring>
#include <fmt/format.h>

namespace harp::cluster {

namespace {

constexpr uint32_t magic = 0x43524148; /* "HARC" */
constexpr uint8_t version = 1;
constexpr size_t crc_of_records = 52;
constexpr size_t crc_of_header = 60;

} // namespace

bool copy_cursor::done() const noexcept {
    return pass == HARP_NL_COPY_DONE;
}

std::string encode(const copy_cursor &at) {
    std::vector<uint8_t> out(copy_cursor_bytes);
    out[0] = at.pass;
    put_le(out, 8, at.fid);
    put_le(out, 16, at.at);
    put_le(out, 24, at.end);
    return {out.begin(), out.end()};
}

result<copy_cursor> decode_copy_cursor(std::string_view bytes) {
    const std::vector<uint8_t> in(bytes.begin(), bytes.end());
    if (in.size() != copy_cursor_bytes || (get_le<uint64_t>(in, 0) >> 8) != 0 ||
        in[0] >= HARP_NL_COPY_DONE) {
        return fail(EBADMSG, "not a place where a copy goes on");
    }
    return copy_cursor{in[0], get_le<uint64_t>(in, 8), get_le<uint64_t>(in, 16),
                       get_le<uint64_t>(in, 24)};
}

std::vector<uint8_t> encode(const copy_piece &p) {
    std::vector<uint8_t> out(copy_header_bytes + p.records.size());
    put_le(out, 0, magic);
    out[4] = version;
    out[5] = p.next.pass;
    put_le(out, 8, static_cast<uint32_t>(p.records.size()));
    put_le(out, 12, p.count);
    put_le(out, 16, p.index.value());
    put_le(out, 24, p.next.end);
    put_le(out, 32, p.next.fid);
    put_le(out, 40, p.next.at);
    put_le(out, crc_of_records, harp_crc32c(0, p.records.data(), p.records.size()));
    put_le(out, crc_of_header, harp_crc32c(0, out.data(), crc_of_header));
    if (!p.records.empty()) {
        memcpy(out.data() + copy_header_bytes, p.records.data(), p.records.size());
    }
    return out;
}

result<copy_piece> decode_copy_header(std::span<const uint8_t> in) {
    if (in.size() != copy_header_bytes || get_le<uint32_t>(in, 0) != magic) {
        return fail(EBADMSG, "not a piece of a copy");
    }
    if (in[4] != version) {
        return fail(EPROTONOSUPPORT,
                    fmt::format("piece of a copy of version {}, expected {}", in[4], version));
    }
    if (get_le<uint32_t>(in, crc_of_header) != harp_crc32c(0, in.data(), crc_of_header)) {
        return fail(EBADMSG, "piece of a copy with a wrong checksum");
    }
    const auto bytes = get_le<uint32_t>(in, 8);
    copy_piece p;
    p.next = {in[5], get_le<uint64_t>(in, 32), get_le<uint64_t>(in, 40), get_le<uint64_t>(in, 24)};
    p.count = get_le<uint32_t>(in, 12);
    p.index = index_t(get_le<uint64_t>(in, 16));
    if (bytes > HARP_REC_MAX) {
        return fail(EMSGSIZE, fmt::format("piece of a copy of {} bytes, expected at most {}", bytes,
                                          HARP_REC_MAX));
    }
    if (p.next.pass > HARP_NL_COPY_DONE || (bytes == 0) != (p.count == 0)) {
        return fail(EBADMSG, "piece of a copy that contradicts itself");
    }
    p.records.resize(bytes);
    return p;
}

result<void> check_copy_records(std::span<const uint8_t> header, std::span<const uint8_t> records) {
    if (get_le<uint32_t>(header, crc_of_records) !=
        harp_crc32c(0, records.data(), records.size())) {
        return fail(EBADMSG, "records of a copy with a wrong checksum");
    }
    return {};
}

} // namespace harp::cluster
