// SPDX-License-Identifier: GPL-2.0
// The codec's cases (kmod/codec_cases.h, which KUnit runs as well), under the sanitizers.
#include "codec_cases.h"

#include <gtest/gtest.h>
#include <memory>

namespace {

struct buffers {
    // Of exactly the size that the cases were promised, so that ASan sees a byte more.
    std::unique_ptr<u64[]> a{new u64[HARP_SAMPLE_CAP / 8]()};
    std::unique_ptr<u64[]> b{new u64[HARP_SAMPLE_CAP / 8]()};
    u8 *first() { return reinterpret_cast<u8 *>(a.get()); }
    u8 *second() { return reinterpret_cast<u8 *>(b.get()); }
};

template <typename T>
std::string case_name(const testing::TestParamInfo<T> &info) {
    std::string name = info.param.name;
    for (auto &c : name) {
        if (!isalnum(static_cast<unsigned char>(c))) {
            c = '_';
        }
    }
    return name;
}

class codec_case : public testing::TestWithParam<harp_codec_case> {};

TEST_P(codec_case, holds) {
    buffers buf;
    const char *failed = GetParam().run(buf.first(), buf.second());
    EXPECT_EQ(failed, nullptr) << failed;
}

INSTANTIATE_TEST_SUITE_P(codec, codec_case, testing::ValuesIn(harp_codec_cases),
                         case_name<harp_codec_case>);

class codec_damage : public testing::TestWithParam<harp_damage> {};

TEST_P(codec_damage, is_refused) {
    buffers buf;
    const char *failed = harp_check_damage(&GetParam(), buf.first());
    EXPECT_EQ(failed, nullptr) << failed;
}

INSTANTIATE_TEST_SUITE_P(codec, codec_damage, testing::ValuesIn(harp_damages),
                         case_name<harp_damage>);

// A record is parsed where it ends: not one byte after it is read.
TEST(codec, reads_nothing_past_the_end) {
    buffers buf;
    for (u8 type : harp_sample_types) {
        const harp_rec_hdr *hdr = harp_sample(type, buf.first());
        ASSERT_NE(hdr, nullptr);
        const u32 len = le32_to_cpu(hdr->len);
        std::unique_ptr<u64[]> exact(new u64[len / 8]);
        memcpy(exact.get(), hdr, len);
        harp_rec rec;
        EXPECT_EQ(harp_rec_parse(exact.get(), len, &rec, nullptr), 0);
    }
}

} // namespace
