/* SPDX-License-Identifier: GPL-2.0 */
/* Both checksums against the published vectors and against one that goes bit by bit. */
#include "util/crc32c.h"

#include <gtest/gtest.h>

#include <numeric>
#include <random>
#include <string>
#include <vector>

namespace {

uint32_t by_bits(uint32_t crc, const uint8_t *p, size_t len) {
    crc = ~crc;
    while (len-- != 0) {
        crc ^= *p++;
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78 : 0);
        }
    }
    return ~crc;
}

using crc_fn = uint32_t (*)(uint32_t, const void *, size_t);

class crc32c_way : public testing::TestWithParam<std::pair<const char *, crc_fn>> {
protected:
    uint32_t crc(const std::vector<uint8_t> &v) { return GetParam().second(0, v.data(), v.size()); }
};

} // namespace

/* RFC 3720, B.4. */
TEST_P(crc32c_way, gives_the_published_values) {
    std::vector<uint8_t> up(32), down(32);
    std::iota(up.begin(), up.end(), 0);
    std::iota(down.rbegin(), down.rend(), 0);
    EXPECT_EQ(crc(std::vector<uint8_t>(32, 0)), 0x8a9136aau);
    EXPECT_EQ(crc(std::vector<uint8_t>(32, 0xff)), 0x62a8ab43u);
    EXPECT_EQ(crc(up), 0x46dd794eu);
    EXPECT_EQ(crc(down), 0x113fdb5cu);
    std::string digits = "123456789";
    EXPECT_EQ(crc({digits.begin(), digits.end()}), 0xe3069283u);
    EXPECT_EQ(crc({}), 0u);
}

TEST_P(crc32c_way, agrees_with_the_definition_at_every_length_and_alignment) {
    std::mt19937 rng(42);
    std::vector<uint8_t> bytes(4096 + 64);
    for (auto &b : bytes) {
        b = static_cast<uint8_t>(rng());
    }
    for (size_t at = 0; at < 16; at++) {
        for (size_t len = 0; len <= 80; len++) {
            const uint32_t seed = rng();
            EXPECT_EQ(GetParam().second(seed, &bytes[at], len), by_bits(seed, &bytes[at], len))
                    << at << ' ' << len;
        }
        EXPECT_EQ(GetParam().second(0, &bytes[at], 4096), by_bits(0, &bytes[at], 4096));
    }
}

TEST_P(crc32c_way, goes_on_from_where_it_was) {
    std::vector<uint8_t> bytes(100);
    std::iota(bytes.begin(), bytes.end(), 7);
    const uint32_t whole = crc(bytes);
    for (size_t cut = 0; cut <= bytes.size(); cut++) {
        uint32_t first = GetParam().second(0, bytes.data(), cut);
        EXPECT_EQ(GetParam().second(first, bytes.data() + cut, bytes.size() - cut), whole) << cut;
    }
}

INSTANTIATE_TEST_SUITE_P(ways, crc32c_way,
                         testing::Values(std::pair("chosen", &harp_user_crc32c),
                                         std::pair("portable", &harp_user_crc32c_portable)),
                         [](const auto &way) { return way.param.first; });
