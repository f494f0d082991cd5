/* SPDX-License-Identifier: GPL-2.0 */
#include "cluster/records.hh"

#include "codec.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>

namespace harp::cluster {

result<record_run> check_records(std::span<const uint8_t> bytes, index_t after, uint32_t prev_crc,
                                 bool check_first, lineage_t lineage) {
    record_run out;
    out.first = after + 1;
    out.last = after;
    out.crc = prev_crc;
    size_t at = 0;
    bool check = check_first;
    while (at < bytes.size()) {
        harp_rec rec{};
        const char *why = "";
        if (harp_rec_check_header(&bytes[at], bytes.size() - at, &why) != 0) {
            return fail(EBADMSG, fmt::format("record {}: {}", out.last.value() + 1, why));
        }
        const auto *hdr = reinterpret_cast<const harp_rec_hdr *>(&bytes[at]);
        size_t len = le32_to_cpu(hdr->len);
        if (len > bytes.size() - at || harp_rec_parse(hdr, len, &rec, &why) != 0) {
            return fail(EBADMSG, fmt::format("record {}: {}", out.last.value() + 1, why));
        }
        if (rec.index != out.last.value() + 1 || le64_to_cpu(hdr->lineage) != lineage.value()) {
            return fail(EBADMSG, fmt::format("record {} of another place or lineage", rec.index));
        }
        if (check && le32_to_cpu(hdr->prev_crc) != out.crc) {
            return fail(EBADMSG,
                        fmt::format("record {} is not chained to the one before", rec.index));
        }
        check = true;
        ++out.last;
        out.crc = le32_to_cpu(hdr->crc);
        if (out.starts.empty() || out.starts.back().view != view_t(rec.view)) {
            out.starts.push_back({view_t(rec.view), out.last});
        }
        at += len;
        out.ends.push_back(at);
    }
    return out;
}

result<size_t> whole_records(std::span<const uint8_t> bytes, uint64_t count, size_t limit) {
    size_t out = 0;
    for (; count != 0; count--) {
        const auto rest = bytes.subspan(out);
        const char *why = "";
        const int err = harp_rec_check_header(rest.data(), rest.size(), &why);
        if (err == -EAGAIN) {
            break;
        }
        if (err != 0) {
            return out != 0 ? result<size_t>(out) : result<size_t>(fail(EBADMSG, why));
        }
        const size_t len = le32_to_cpu(reinterpret_cast<const harp_rec_hdr *>(rest.data())->len);
        if (len > rest.size() || (out != 0 && out + len > limit)) {
            break;
        }
        out += len;
    }
    return out;
}

uint64_t count_records(std::span<const uint8_t> bytes) {
    uint64_t n = 0;
    for (size_t at = 0; at + sizeof(harp_rec_hdr) <= bytes.size(); n++) {
        harp_rec_hdr hdr{};
        memcpy(&hdr, &bytes[at], sizeof(hdr));
        at += std::max<size_t>(le32_to_cpu(hdr.len), sizeof(hdr));
    }
    return n;
}

} // namespace harp::cluster
