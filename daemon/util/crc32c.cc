/* SPDX-License-Identifier: GPL-2.0 */
#include "util/crc32c.h"

#include <array>
#include <cstring>
#include <endian.h>

namespace {

constexpr uint32_t polynomial = 0x82f63b78; /* reflected */

/* Row k: what a byte does to the checksum when k bytes of zero follow it. */
using tables = std::array<std::array<uint32_t, 256>, 8>;

constexpr tables make_tables() {
    tables t{};
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int bit = 0; bit < 8; bit++) {
            c = (c >> 1) ^ ((c & 1) != 0 ? polynomial : 0);
        }
        t[0][i] = c;
    }
    for (size_t k = 1; k < t.size(); k++) {
        for (uint32_t i = 0; i < 256; i++) {
            t[k][i] = (t[k - 1][i] >> 8) ^ t[0][t[k - 1][i] & 0xff];
        }
    }
    return t;
}

constexpr tables table = make_tables();

uint64_t load64(const uint8_t *p) {
    uint64_t v = 0;
    memcpy(&v, p, sizeof(v));
    return le64toh(v);
}

/* By eight bytes a step ("slicing"); a table lookup for each, none waits for another. */
uint32_t by_tables(uint32_t c, const uint8_t *p, size_t len) {
    for (; len >= 8; p += 8, len -= 8) {
        uint64_t v = load64(p) ^ c;
        c = 0;
        for (size_t k = 0; k < 8; k++) {
            c ^= table[7 - k][(v >> (8 * k)) & 0xff];
        }
    }
    for (; len != 0; p++, len--) {
        c = (c >> 8) ^ table[0][(c ^ *p) & 0xff];
    }
    return c;
}

#if defined(__x86_64__)

__attribute__((target("sse4.2"))) uint32_t by_instruction(uint32_t crc, const uint8_t *p,
                                                          size_t len) {
    uint64_t c = crc;
    for (; len >= 8; p += 8, len -= 8) {
        c = __builtin_ia32_crc32di(c, load64(p));
    }
    for (; len != 0; p++, len--) {
        c = __builtin_ia32_crc32qi(static_cast<uint32_t>(c), *p);
    }
    return static_cast<uint32_t>(c);
}

/* Read before it is set, in another's static initialiser, it only means the tables. */
const bool has_instruction = [] {
    __builtin_cpu_init();
    return __builtin_cpu_supports("sse4.2") != 0;
}();

#else

constexpr bool has_instruction = false;
uint32_t by_instruction(uint32_t crc, const uint8_t *p, size_t len) {
    return by_tables(crc, p, len);
}

#endif

} // namespace

uint32_t harp_user_crc32c_portable(uint32_t crc, const void *p, size_t len) {
    return ~by_tables(~crc, static_cast<const uint8_t *>(p), len);
}

uint32_t harp_user_crc32c(uint32_t crc, const void *p, size_t len) {
    const auto *bytes = static_cast<const uint8_t *>(p);
    return ~(has_instruction ? by_instruction(~crc, bytes, len) : by_tables(~crc, bytes, len));
}
