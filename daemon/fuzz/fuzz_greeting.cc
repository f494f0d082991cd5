/* SPDX-License-Identifier: GPL-2.0 */
/* What a stranger may send to the ports, control messages excepted, and a disk hold as state. */
#include "cluster/greeting.hh"
#include "cluster/notice.hh"
#include "cluster/outline.hh"
#include "cluster/records.hh"
#include "cluster/state_file.hh"
#include "codec.h"
#include "net/tcp.hh"

#include <cstdlib>
#include <cstring>
#include <fmt/format.h>
#include <vector>

namespace {

using namespace harp;

/* Behind its checksum, which is put right first. */
void notice(std::span<const uint8_t> in) {
    constexpr size_t crc_at = cluster::notice_header_bytes - 4;
    std::vector<uint8_t> bytes(in.begin(), in.end());
    if (bytes.size() >= cluster::notice_header_bytes) {
        memset(&bytes[crc_at], 0, 4);
        uint32_t crc = cpu_to_le32(harp_crc32c(0, bytes.data(), bytes.size()));
        memcpy(&bytes[crc_at], &crc, 4);
    }
    auto n = cluster::decode_notice(bytes);
    if (!n) {
        return;
    }
    if (cluster::encode(*n) != bytes) {
        abort();
    }
    auto clients = net::unpack_connections(n->body);
    if (clients && !net::unpack_connections(net::pack_connections(*clients, n->body.size()))) {
        abort();
    }
}

/* As a file, and as what follows a header that fits it. */
void state(std::string_view in) {
    const uint64_t seq = 5;
    std::string whole = fmt::format("harp-state 1 {} {} {:08x}\n", seq, in.size(),
                                    harp_crc32c(seq, in.data(), in.size()));
    whole += in;
    for (std::string_view text : {in, std::string_view(whole)}) {
        auto s = cluster::decode_state(text);
        if (!s) {
            continue;
        }
        auto again = cluster::decode_state(cluster::encode_state(s->state, s->seq));
        if (!again || again->seq != s->seq || again->state != s->state) {
            abort();
        }
    }
}

void outline(const std::string &text) {
    auto o = cluster::decode_outline(text);
    if (o && cluster::decode_outline(cluster::encode(*o)).value_or({}) != *o) {
        abort();
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    std::span<const uint8_t> in(data, size);
    notice(in);
    auto g = cluster::decode_greeting(in);
    if (g && cluster::decode_greeting(cluster::encode(*g)).value_or({}) != *g) {
        abort(); /* what is accepted must say the same when said again */
    }
    size_t text = 0;
    (void)cluster::decode_answer(in, text);
    state({reinterpret_cast<const char *>(data), size});
    outline({reinterpret_cast<const char *>(data), size});
    std::vector<uint64_t> aligned(size / 8 + 1);
    if (size != 0) {
        memcpy(aligned.data(), data, size);
    }
    (void)cluster::check_records({reinterpret_cast<const uint8_t *>(aligned.data()), size},
                                 index_t(0), 0, false, lineage_t(1));
    return 0;
}
