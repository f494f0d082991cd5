/* SPDX-License-Identifier: GPL-2.0 */
/* Control messages as bytes: what is written is read, and nothing else is. */
#include "vsr/wire.hh"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <random>
#include <set>

namespace harp::vsr::test {

namespace {

message with(message_body body) {
    message m;
    m.header.group[0] = 1;
    m.header.group[15] = 16;
    m.header.lineage = lineage_t(0x1122334455667788);
    m.header.epoch = epoch_t(3);
    m.header.sender = slot_t(2);
    m.header.sender_id = member_id(9);
    m.header.inc = incarnation_t(12);
    m.header.view = view_t(41);
    m.body = std::move(body);
    return m;
}

log_summary some_log() {
    return {index_t(5),
            view_t(4),
            index_t(90),
            {{view_t(8), index_t(5)}, {view_t(13), index_t(40)}}};
}

view_record some_view() {
    view_record r;
    r.view = view_t(41);
    r.epoch = epoch_t(3);
    r.lineage = lineage_t(77);
    r.primary = {slot_t(1), incarnation_t(4)};
    r.backup = {slot_t(2), incarnation_t(5)};
    r.promise = std::chrono::milliseconds(400);
    r.s = index_t(90);
    r.view_of_s = view_t(13);
    r.voids = {index_t(17), index_t(18)};
    return r;
}

std::vector<message> one_of_each() {
    agree a;
    a.formed = view_t(13);
    a.view = some_view();
    a.intact = a.poisoned = a.stop = true;
    a.suspects = record_range{index_t(81), index_t(83)};
    a.skip = {index_t(82), index_t(83)};
    a.log = some_log();
    a.top_crc = 0xdeadbeef;
    a.lb = index_t(7);
    a.ap = index_t(80);
    a.free_bytes = 1ULL << 40;
    a.ring = 64 << 20;
    start s;
    s.record = some_view();
    s.crc_of_s = 0x12345678;
    s.donor = slot_t(1);
    s.reach = some_log();
    s.sources = {{slot_t(1), index_t(5), index_t(90)}, {slot_t(0), index_t(1), index_t(4)}};
    status_beat b;
    b.current_role = role::backup;
    b.leaving = b.needs_copy = b.wants_answer = true;
    b.live_primary = slot_t(0);
    b.live_view = view_t(40);
    b.top = index_t(9);
    b.text = "view 40: alfa with bravo, backing up";
    records r;
    r.first = index_t(5);
    r.last = index_t(6);
    r.prev = {index_t(4), view_t(4)};
    r.bytes = {1, 2, 3};
    return {with(propose{true, slot_t(1)}),
            with(propose{}),
            with(a),
            with(agree{}),
            with(nack{view_t(40), nack_reason::lease, std::chrono::milliseconds(250), slot_t(0),
                      view_t(36), "a lease runs"}),
            with(s),
            with(started{incarnation_t(4)}),
            with(request{"caught up", 3}),
            with(b),
            with(fetch{index_t(1), index_t(9), 4096}),
            with(r)};
}

/* Puts the right checksum over changed bytes, so that the check behind it is reached. */
void seal(std::vector<uint8_t> &bytes) {
    for (size_t i = 64; i < 68; ++i) {
        bytes[i] = 0;
    }
    uint32_t crc = crc32c(std::span(bytes).subspan(wire_header_bytes),
                          crc32c(std::span(bytes).first(wire_header_bytes)));
    for (size_t i = 0; i < 4; ++i) {
        bytes[64 + i] = static_cast<uint8_t>(crc >> (8 * i));
    }
}

wire_fault fault(const std::vector<uint8_t> &bytes) {
    auto r = decode(bytes);
    EXPECT_FALSE(r.ok());
    return r.ok() ? wire_fault{} : fault_of(r.error());
}

} // namespace

TEST(vsr_wire, every_message_comes_back_as_it_went) {
    for (const auto &m : one_of_each()) {
        auto bytes = encode(m);
        auto back = decode(bytes);
        ASSERT_TRUE(back.ok()) << message_name(m.body) << ": " << back.error().text;
        EXPECT_EQ(*back, m) << message_name(m.body);
        EXPECT_EQ(*message_bytes(bytes), bytes.size());
    }
}

TEST(vsr_wire, the_checksum_is_crc32c) {
    const char *text = "123456789";
    std::span bytes(reinterpret_cast<const uint8_t *>(text), 9);
    EXPECT_EQ(crc32c(bytes), 0xe3069283U);
}

TEST(vsr_wire, every_truncation_is_refused) {
    for (const auto &m : one_of_each()) {
        auto bytes = encode(m);
        for (size_t n = 0; n < bytes.size(); ++n) {
            ASSERT_FALSE(decode(std::span(bytes).first(n)).ok()) << n;
        }
        /* Also when length and checksum are made to fit. */
        for (size_t n = wire_header_bytes; n < bytes.size(); ++n) {
            std::vector<uint8_t> cut(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(n));
            uint32_t length = static_cast<uint32_t>(n - wire_header_bytes);
            for (size_t i = 0; i < 4; ++i) {
                cut[8 + i] = static_cast<uint8_t>(length >> (8 * i));
            }
            seal(cut);
            ASSERT_EQ(fault(cut), wire_fault::body) << message_name(m.body) << " " << n;
        }
    }
}

TEST(vsr_wire, every_flipped_bit_is_refused) {
    for (const auto &m : one_of_each()) {
        auto bytes = encode(m);
        for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
            bytes[bit / 8] ^= static_cast<uint8_t>(1U << (bit % 8));
            ASSERT_FALSE(decode(bytes).ok()) << message_name(m.body) << " bit " << bit;
            bytes[bit / 8] ^= static_cast<uint8_t>(1U << (bit % 8));
        }
    }
}

TEST(vsr_wire, each_fault_has_its_name) {
    auto good = encode(with(started{incarnation_t(4)}));
    auto bad = good;
    bad[0] ^= 1;
    EXPECT_EQ(fault(bad), wire_fault::magic);
    bad = good;
    bad[4] = wire_version + 1;
    EXPECT_EQ(fault(bad), wire_fault::version);
    bad = good;
    bad[5] = 0;
    EXPECT_EQ(fault(bad), wire_fault::type);
    bad[5] = 12;
    EXPECT_EQ(fault(bad), wire_fault::type);
    bad = good;
    bad[6] = 1;
    EXPECT_EQ(fault(bad), wire_fault::flags);
    bad = good;
    bad[11] = 0x7f;
    EXPECT_EQ(fault(bad), wire_fault::length);
    bad = good;
    bad.back() ^= 1;
    EXPECT_EQ(fault(bad), wire_fault::checksum);
    bad = good;
    bad[41] = 1;
    seal(bad);
    EXPECT_EQ(fault(bad), wire_fault::flags);
    bad.resize(10);
    EXPECT_EQ(fault(bad), wire_fault::too_short);
    EXPECT_EQ(to_string(wire_fault::checksum), "wrong checksum");
}

TEST(vsr_wire, lengths_beyond_their_bounds_are_refused_before_anything_is_allocated) {
    auto bytes = encode(with(request{"x", 1}));
    bytes[wire_header_bytes] = 0xff;
    bytes[wire_header_bytes + 1] = 0xff;
    seal(bytes);
    EXPECT_EQ(fault(bytes), wire_fault::body);
    bytes = encode(with(agree{}));
    /* formed 8, no view 1, five flags: then the number of records to be skipped */
    size_t at = wire_header_bytes + 8 + 1 + 5;
    bytes[at] = 0xff;
    seal(bytes);
    EXPECT_EQ(fault(bytes), wire_fault::body);
    bytes = encode(with(agree{}));
    /* none 2, base, anchor, top: then the number of views */
    at += 2 + 24;
    bytes[at] = 0xff;
    bytes[at + 1] = 0xff;
    seal(bytes);
    EXPECT_EQ(fault(bytes), wire_fault::body);
}

TEST(vsr_wire, values_out_of_range_are_refused) {
    auto bytes = encode(with(propose{}));
    bytes[wire_header_bytes] = 2; /* a flag */
    seal(bytes);
    EXPECT_EQ(fault(bytes), wire_fault::body);
    bytes = encode(with(propose{}));
    bytes[wire_header_bytes + 1] = 3; /* a slot */
    seal(bytes);
    EXPECT_EQ(fault(bytes), wire_fault::body);
    bytes = encode(with(nack{}));
    bytes[wire_header_bytes + 8] = 99; /* a reason */
    seal(bytes);
    EXPECT_EQ(fault(bytes), wire_fault::body);
    bytes = encode(with(fetch{index_t(9), index_t(1), 1}));
    EXPECT_EQ(fault(bytes), wire_fault::body);
}

TEST(vsr_wire, a_text_too_long_is_cut_not_refused) {
    auto m = with(request{std::string(1000, 'x'), 1});
    auto back = decode(encode(m));
    ASSERT_TRUE(back.ok());
    EXPECT_EQ(std::get<request>(back->body).reason.size(), max_text);
}

TEST(vsr_wire, the_largest_small_message_fits_its_bound) {
    start s;
    s.record = some_view();
    s.record.voids.assign(max_voids, index_t(1));
    s.reach.starts.assign(max_view_starts, {view_t(1), index_t(1)});
    s.sources.assign(member_count, {slot_t(0), index_t(1), index_t(1)});
    EXPECT_LE(encode(with(s)).size(), wire_small_max);
    agree a;
    a.view = s.record;
    a.log = s.reach;
    a.suspects = record_range{index_t(1), index_t(2)};
    a.skip = s.record.voids;
    EXPECT_LE(encode(with(a)).size(), wire_small_max);
}

/* Else the fuzzer would only ever see the first check fail. */
TEST(vsr_wire, the_fuzzers_seeds_are_messages_of_this_version) {
    const char *top = getenv("HARP_TOP");
    if (top == nullptr) {
        GTEST_SKIP() << "make check tells where the sources are";
    }
    std::set<size_t> kinds;
    for (const auto &seed : std::filesystem::directory_iterator(
                 std::string(top) + "/daemon/fuzz/corpus/fuzz_control")) {
        std::ifstream file(seed.path(), std::ios::binary);
        std::vector<uint8_t> bytes{std::istreambuf_iterator<char>(file), {}};
        ASSERT_GT(bytes.size(), wire_header_bytes);
        ASSERT_EQ(bytes[0] & 1, 1) << "length and checksum are the fuzzer's to make";
        bytes.erase(bytes.begin());
        auto put32 = [&](size_t at, uint32_t value) {
            for (size_t i = 0; i < 4; ++i) {
                bytes[at + i] = static_cast<uint8_t>(value >> (8 * i));
            }
        };
        put32(8, static_cast<uint32_t>(bytes.size() - wire_header_bytes));
        put32(64, 0);
        std::span<const uint8_t> all(bytes);
        put32(64, crc32c(all.subspan(wire_header_bytes), crc32c(all.first(wire_header_bytes))));
        auto msg = decode(bytes);
        ASSERT_TRUE(msg.ok()) << seed.path() << ": " << msg.error().text;
        kinds.insert(msg->body.index());
    }
    EXPECT_EQ(kinds.size(), std::variant_size_v<message_body>);
}

TEST(vsr_wire, random_bytes_never_decode) {
    std::mt19937_64 rng(7);
    for (int i = 0; i < 20000; ++i) {
        std::vector<uint8_t> bytes(rng() % 200);
        for (auto &b : bytes) {
            b = static_cast<uint8_t>(rng());
        }
        if (bytes.size() >= 6 && i % 2 == 0) {
            const uint8_t head[] = {0x48, 0x41, 0x52, 0x43, wire_version};
            std::copy(std::begin(head), std::end(head), bytes.begin());
            bytes[5] = static_cast<uint8_t>(1 + rng() % 9);
        }
        ASSERT_FALSE(decode(bytes).ok());
    }
}

} // namespace harp::vsr::test
