/* SPDX-License-Identifier: GPL-2.0 */
#include "cluster/notice.hh"

#include "codec.h"

#include <cstring>

namespace harp::cluster {

namespace {

constexpr uint32_t magic = 0x4e524148; /* "HARN" */
constexpr uint8_t version = 1;

struct wire {
    __le32 magic;
    uint8_t version;
    uint8_t kind;
    uint8_t sender;
    uint8_t zero;
    uint8_t group[16];
    __le64 lineage;
    __le64 inc;
    __le64 view;
    __le32 len;
    __le32 crc;
};
static_assert(sizeof(wire) == notice_header_bytes);

uint32_t sum(wire w, const void *body, size_t len) {
    w.crc = 0;
    return harp_crc32c(harp_crc32c(0, &w, sizeof(w)), body, len);
}

} // namespace

bool is_notice(std::span<const uint8_t> bytes) {
    uint32_t m = 0;
    if (bytes.size() < sizeof(m)) {
        return false;
    }
    memcpy(&m, bytes.data(), sizeof(m));
    return le32_to_cpu(m) == magic;
}

std::vector<uint8_t> encode(const notice &n) {
    wire w{};
    w.magic = cpu_to_le32(magic);
    w.version = version;
    w.kind = static_cast<uint8_t>(n.kind);
    w.sender = n.sender.value();
    memcpy(w.group, n.group.data(), n.group.size());
    w.lineage = cpu_to_le64(n.lineage.value());
    w.inc = cpu_to_le64(n.inc.value());
    w.view = cpu_to_le64(n.view.value());
    w.len = cpu_to_le32(static_cast<uint32_t>(n.body.size()));
    w.crc = cpu_to_le32(sum(w, n.body.data(), n.body.size()));
    std::vector<uint8_t> out(sizeof(w) + n.body.size());
    memcpy(out.data(), &w, sizeof(w));
    memcpy(out.data() + sizeof(w), n.body.data(), n.body.size());
    return out;
}

result<notice> decode_notice(std::span<const uint8_t> bytes) {
    wire w{};
    if (bytes.size() < sizeof(w)) {
        return fail(EBADMSG, "notice is too short");
    }
    memcpy(&w, bytes.data(), sizeof(w));
    auto body = bytes.subspan(sizeof(w));
    if (le32_to_cpu(w.magic) != magic || w.version != version ||
        w.kind != static_cast<uint8_t>(notice_kind::clients) || w.sender >= vsr::member_count ||
        w.zero != 0) {
        return fail(EBADMSG, "notice of an unknown kind, version or sender");
    }
    if (body.size() != le32_to_cpu(w.len) || body.size() > notice_body_max) {
        return fail(EBADMSG, "notice of a wrong length");
    }
    if (le32_to_cpu(w.crc) != sum(w, body.data(), body.size())) {
        return fail(EBADMSG, "notice with a wrong checksum");
    }
    notice n;
    n.kind = static_cast<notice_kind>(w.kind);
    n.sender = slot_t(w.sender);
    memcpy(n.group.data(), w.group, n.group.size());
    n.lineage = lineage_t(le64_to_cpu(w.lineage));
    n.inc = incarnation_t(le64_to_cpu(w.inc));
    n.view = view_t(le64_to_cpu(w.view));
    n.body.assign(body.begin(), body.end());
    return n;
}

} // namespace harp::cluster
