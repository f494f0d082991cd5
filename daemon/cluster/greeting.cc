/* SPDX-License-Identifier: GPL-2.0 */
#include "cluster/greeting.hh"

#include "cluster/copy_piece.hh"
#include "codec.h"
#include "util/le.hh"

#include <cstring>
#include <fmt/format.h>

namespace harp::cluster {

namespace {

constexpr uint32_t greeting_magic = 0x47524148; /* "HARG" */
constexpr uint32_t answer_magic = 0x41524148;   /* "HARA" */
constexpr uint8_t version = 1;

} // namespace

std::vector<uint8_t> encode(const greeting &g) {
    std::vector<uint8_t> out(greeting_bytes);
    put_le(out, 0, greeting_magic);
    out[4] = version;
    out[5] = static_cast<uint8_t>(g.kind);
    out[6] = g.sender.value();
    memcpy(&out[8], g.group.data(), g.group.size());
    put_le(out, 24, g.lineage.value());
    put_le(out, 32, g.epoch.value());
    put_le(out, 36, g.body_bytes);
    put_le(out, 40, g.inc.value());
    put_le(out, 48, g.view.value());
    put_le(out, 56, g.first.value());
    put_le(out, 64, g.last.value());
    put_le(out, 76, harp_crc32c(0, out.data(), 76));
    return out;
}

result<greeting> decode_greeting(std::span<const uint8_t> in) {
    if (in.size() != greeting_bytes || get_le<uint32_t>(in, 0) != greeting_magic) {
        return fail(EBADMSG, "not a greeting");
    }
    if (in[4] != version) {
        return fail(EPROTONOSUPPORT, fmt::format("greeting of version {}, expected 1", in[4]));
    }
    if (get_le<uint32_t>(in, 76) != harp_crc32c(0, in.data(), 76)) {
        return fail(EBADMSG, "greeting with a wrong checksum");
    }
    greeting g;
    g.kind = static_cast<greeting_kind>(in[5]);
    g.sender = slot_t(in[6]);
    memcpy(g.group.data(), &in[8], g.group.size());
    g.lineage = lineage_t(get_le<uint64_t>(in, 24));
    g.epoch = epoch_t(get_le<uint32_t>(in, 32));
    g.body_bytes = get_le<uint32_t>(in, 36);
    g.inc = incarnation_t(get_le<uint64_t>(in, 40));
    g.view = view_t(get_le<uint64_t>(in, 48));
    g.first = index_t(get_le<uint64_t>(in, 56));
    g.last = index_t(get_le<uint64_t>(in, 64));
    if (in[5] < 1 || in[5] > 5 || g.sender.value() >= vsr::member_count) {
        return fail(EBADMSG, "greeting of an unknown kind or sender");
    }
    const size_t body_max = g.kind == greeting_kind::admin  ? admin_max
                            : g.kind == greeting_kind::copy ? copy_cursor_bytes
                                                            : 0;
    if (g.body_bytes > body_max) {
        return fail(EMSGSIZE, "greeting announces a body that is too long");
    }
    if (g.kind == greeting_kind::fetch && (!g.first || g.last < g.first)) {
        return fail(EBADMSG, "greeting asks for no records");
    }
    return g;
}

std::vector<uint8_t> encode(const answer &a) {
    std::string_view text(a.text);
    text = text.substr(0, admin_max);
    std::vector<uint8_t> out(answer_bytes + text.size());
    put_le(out, 0, answer_magic);
    out[4] = version;
    out[5] = a.code;
    put_le(out, 8, static_cast<uint32_t>(text.size()));
    memcpy(out.data() + answer_bytes, text.data(), text.size());
    return out;
}

result<answer> decode_answer(std::span<const uint8_t> in, size_t &text_bytes) {
    if (in.size() != answer_bytes || get_le<uint32_t>(in, 0) != answer_magic || in[4] != version) {
        return fail(EBADMSG, "no answer of a record port");
    }
    text_bytes = get_le<uint32_t>(in, 8);
    if (text_bytes > admin_max) {
        return fail(EMSGSIZE, "answer is too long");
    }
    answer a;
    a.code = in[5];
    return a;
}

} // namespace harp::cluster
