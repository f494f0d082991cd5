/* SPDX-License-Identifier: GPL-2.0 */
/* A copy between two harpds: the kernels are played by the test. */
#include "cluster/copy_stream.hh"

#include "codec.h"
#include "linux/harp_limits.h"
#include "linux/harp_netlink.h"
#include "util/le.hh"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <sys/socket.h>
#include <thread>

namespace harp::cluster {
namespace {

constexpr int silence_ms = 5000;
constexpr uint64_t fids = 5;

copy_piece piece_of(uint64_t fid, size_t bytes) {
    copy_piece p;
    p.next = {HARP_NL_COPY_OBJECTS, fid + 1, 0, 16 + fids};
    p.index = index_t(100 + fid);
    p.count = bytes == 0 ? 0 : 1;
    p.records.assign(bytes, static_cast<uint8_t>(fid));
    return p;
}

/* The header of a good piece, with one byte changed; sealed again unless its checksum is it. */
std::vector<uint8_t> spoiled(size_t at, uint8_t value) {
    auto out = encode(piece_of(16, 24));
    out.resize(copy_header_bytes);
    out[at] = value;
    if (at < 60) {
        put_le(out, 60, harp_crc32c(0, out.data(), 60));
    }
    return out;
}

class copying : public testing::Test {
protected:
    void SetUp() override {
        int ends[2];
        ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        source_ = unique_fd(ends[0]);
        target_ = unique_fd(ends[1]);
    }
    /* One piece for each fid, the last of which is the end. */
    static result<copy_piece> read(const copy_cursor &at) {
        auto p = piece_of(at.fid, 8 * at.fid);
        if (at.fid + 1 >= 16 + fids) {
            p.next = {HARP_NL_COPY_DONE, 1, 0, 16 + fids};
        }
        return p;
    }
    result<void> take(copy_cursor from) {
        return take_copy(target_.get(), from, silence_ms,
                         [this](const copy_cursor &at, const copy_piece &p) -> result<void> {
                             asked_.push_back(at);
                             taken_.push_back(p);
                             return written_;
                         });
    }

    unique_fd source_;
    unique_fd target_;
    std::vector<copy_cursor> asked_;
    std::vector<copy_piece> taken_;
    result<void> written_;
};

const copy_cursor first{HARP_NL_COPY_OBJECTS, 16, 0, 0};

TEST_F(copying, what_is_read_is_written_piece_by_piece) {
    result<void> sent;
    std::thread source([&] { sent = send_copy(source_.get(), first, 0, read); });
    const auto taken = take(first);
    source.join();
    EXPECT_TRUE(sent.ok());
    EXPECT_TRUE(taken.ok());
    ASSERT_EQ(taken_.size(), fids);
    copy_cursor at = first;
    for (size_t i = 0; i < fids; i++) {
        EXPECT_EQ(asked_[i], at);
        EXPECT_EQ(taken_[i], *read(at));
        at = taken_[i].next;
    }
    EXPECT_TRUE(at.done());
}

TEST_F(copying, it_goes_on_where_it_is_asked_to) {
    const copy_cursor at{HARP_NL_COPY_OBJECTS, 18, 0, 16 + fids};
    std::thread source([&] { (void)send_copy(source_.get(), at, 0, read); });
    EXPECT_TRUE(take(at).ok());
    source.join();
    EXPECT_EQ(taken_.size(), 3U);
}

TEST_F(copying, it_is_as_slow_as_it_is_told) {
    /* All but the last piece count: 16 to 19 fids of 8 bytes each, and their headers. */
    const uint64_t bytes = 8 * (16 + 17 + 18 + 19) + 4 * copy_header_bytes;
    const auto begin = std::chrono::steady_clock::now();
    std::thread source([&] { (void)send_copy(source_.get(), first, bytes * 5, read); });
    EXPECT_TRUE(take(first).ok());
    source.join();
    EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(199));
}

TEST_F(copying, a_source_that_cannot_read_ends_it) {
    std::thread source([&] {
        auto r = send_copy(source_.get(), first, 0, [](const copy_cursor &at) {
            return at.fid == 17 ? result<copy_piece>(fail(EAGAIN, "does not serve")) : read(at);
        });
        EXPECT_EQ(r.error().code, EAGAIN);
        source_.reset();
    });
    const auto r = take(first);
    source.join();
    ASSERT_FALSE(r.ok());
    EXPECT_EQ(r.error().text, "the source has ended the copy");
    EXPECT_EQ(taken_.size(), 1U);
}

TEST_F(copying, a_source_whose_target_has_gone_does_not_wait_for_its_time) {
    target_.reset();
    const auto r = send_copy(source_.get(), first, 1, read);
    ASSERT_FALSE(r.ok());
    EXPECT_EQ(r.error().code, ECANCELED);
}

TEST_F(copying, what_the_kernel_refuses_ends_it) {
    written_ = fail(ENOSPC, "no room");
    std::thread source([&] { (void)send_copy(source_.get(), first, 0, read); });
    const auto r = take(first);
    target_.reset();
    source.join();
    ASSERT_FALSE(r.ok());
    EXPECT_EQ(r.error().code, ENOSPC);
    EXPECT_EQ(taken_.size(), 1U);
}

TEST_F(copying, a_silent_source_has_failed) {
    const auto r = take_copy(target_.get(), first, 1, [](auto &, auto &) -> result<void> {
        ADD_FAILURE();
        return {};
    });
    ASSERT_FALSE(r.ok());
    EXPECT_EQ(r.error().code, ETIMEDOUT);
}

TEST_F(copying, records_that_were_damaged_are_not_written) {
    auto bytes = encode(piece_of(16, 24));
    bytes.back() ^= 1;
    ASSERT_EQ(send(source_.get(), bytes.data(), bytes.size(), 0),
              static_cast<ssize_t>(bytes.size()));
    const auto r = take(first);
    ASSERT_FALSE(r.ok());
    EXPECT_EQ(r.error().text, "records of a copy with a wrong checksum");
    EXPECT_TRUE(taken_.empty());
}

TEST_F(copying, a_piece_that_leads_nowhere_is_the_last) {
    copy_piece p = piece_of(16, 24);
    p.next = {HARP_NL_COPY_OBJECTS, 16, 0, 0};
    const auto bytes = encode(p);
    ASSERT_EQ(send(source_.get(), bytes.data(), bytes.size(), 0),
              static_cast<ssize_t>(bytes.size()));
    const auto r = take(first);
    ASSERT_FALSE(r.ok());
    EXPECT_EQ(r.error().code, EPROTO);
}

/* Turns of the loop until something is so. */
template <typename Until>
bool turn(loop &l, Until &&until) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!until() && std::chrono::steady_clock::now() < end) {
        l.turn(std::chrono::milliseconds(20));
    }
    return until();
}

TEST_F(copying, both_ends_work_beside_the_loop) {
    loop l;
    copy_end source(l);
    copy_end target(l);
    std::optional<result<void>> sent;
    std::optional<result<void>> taken;
    source.begin(
            std::move(source_), [](int fd) { return send_copy(fd, first, 0, read); },
            [&](const result<void> &r) { sent = r; });
    target.begin(
            std::move(target_),
            [&](int fd) {
                return take_copy(fd, first, silence_ms,
                                 [&](const copy_cursor &, const copy_piece &p) -> result<void> {
                                     taken_.push_back(p);
                                     return {};
                                 });
            },
            [&](const result<void> &r) { taken = r; });
    EXPECT_TRUE(source.busy());
    ASSERT_TRUE(turn(l, [&] { return sent && taken; }));
    EXPECT_TRUE(sent->ok());
    EXPECT_TRUE(taken->ok());
    EXPECT_FALSE(source.busy());
    EXPECT_EQ(taken_.size(), fids);
}

TEST_F(copying, an_end_that_goes_breaks_it_off) {
    loop l;
    auto source = std::make_unique<copy_end>(l);
    bool called = false;
    source->begin(
            std::move(source_),
            [](int fd) { return send_copy(fd, first, 1, read); }, /* a minute for each piece */
            [&](const result<void> &) { called = true; });
    const auto begin = std::chrono::steady_clock::now();
    source.reset();
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
    l.turn(std::chrono::milliseconds(20));
    EXPECT_FALSE(called);
}

TEST(copy_piece, a_cursor_is_read_as_it_was_written) {
    const copy_cursor at{HARP_NL_COPY_ENTRIES, 1, 77, 4000};
    const std::string bytes = encode(at);
    ASSERT_EQ(bytes.size(), copy_cursor_bytes);
    EXPECT_EQ(decode_copy_cursor(bytes).value_or({}), at);
    for (size_t i : {size_t{0}, size_t{1}, size_t{7}}) {
        std::string bad = bytes;
        bad[i] = HARP_NL_COPY_DONE;
        EXPECT_FALSE(decode_copy_cursor(bad).ok()) << i;
    }
    EXPECT_FALSE(decode_copy_cursor(bytes.substr(1)).ok());
}

TEST(copy_piece, a_header_is_read_as_it_was_written) {
    const auto p = piece_of(16, 24);
    auto bytes = encode(p);
    ASSERT_EQ(bytes.size(), copy_header_bytes + 24);
    const std::span<const uint8_t> all(bytes);
    auto read = decode_copy_header(all.first(copy_header_bytes));
    ASSERT_TRUE(read.ok()) << read.error().text;
    EXPECT_EQ(read->next, p.next);
    EXPECT_EQ(read->index, p.index);
    EXPECT_EQ(read->count, p.count);
    EXPECT_EQ(read->records.size(), 24U);
    EXPECT_TRUE(check_copy_records(all.first(copy_header_bytes), p.records).ok());
}

TEST(copy_piece, what_is_none_is_refused) {
    struct {
        size_t at;
        uint8_t value;
        const char *says;
    } const bad[] = {
            {0, 'X', "not a piece of a copy"},
            {4, 2, "piece of a copy of version 2, expected 1"},
            {5, HARP_NL_COPY_DONE + 1, "piece of a copy that contradicts itself"},
            {8, 0, "piece of a copy that contradicts itself"},
            {12, 0, "piece of a copy that contradicts itself"},
            {11, 1, "piece of a copy of 16777240 bytes, expected at most 1187840"},
            {60, 0, "piece of a copy with a wrong checksum"},
    };
    for (const auto &b : bad) {
        auto bytes = spoiled(b.at, b.value);
        auto r = decode_copy_header(bytes);
        ASSERT_FALSE(r.ok()) << b.says;
        EXPECT_EQ(r.error().text, b.says);
    }
    EXPECT_FALSE(decode_copy_header({}).ok());
    EXPECT_EQ(HARP_REC_MAX, 1187840U) << "as above";
}

} // namespace
} // namespace harp::cluster
