/* SPDX-License-Identifier: GPL-2.0 */
#include "cluster/seal_file.hh"

#include "codec.h"
#include "seal_hdr.h"
#include "util/text.hh"

#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>

namespace harp::cluster {
namespace {

namespace fs = std::filesystem;
using namespace harp::vsr;

class sealed : public testing::Test {
protected:
    void SetUp() override {
        dir_ = testing::TempDir() + "harp-sealed-" + std::to_string(getpid());
        fs::remove_all(dir_);
        fs::create_directories(dir_);
        who_.group[0] = 0x42;
        who_.lineage = lineage_t(77);
        who_.epoch = epoch_t(1);
        who_.self = slot_t(1);
        /* Records 1 to 5, of view 4. */
        uint32_t crc = 0;
        for (uint64_t i = 1; i <= 5; i++) {
            std::vector<uint64_t> buf(512);
            harp_builder b{};
            harp_build_begin(&b, buf.data(), 4096, HARP_REC_NOOP);
            EXPECT_EQ(harp_build_finish(&b), 0);
            auto *rec = static_cast<harp_rec_hdr *>(b.buf);
            harp_rec_seal(rec, i, 4, who_.lineage.value(), 1, crc);
            crc = le32_to_cpu(rec->crc);
            const auto *p = static_cast<const uint8_t *>(b.buf);
            records_.emplace_back(p, p + b.len);
        }
    }
    void TearDown() override { fs::remove_all(dir_); }

    static seal_wanted want(uint64_t base, uint64_t top, uint32_t top_crc = 0) {
        seal_wanted w;
        w.formed = view_t(4);
        w.log.base = index_t(base);
        w.log.top = index_t(top);
        w.log.anchor_view = view_t(base > 1 ? 4 : 0);
        if (top >= base) {
            w.log.starts = {{view_t(4), index_t(base)}};
        }
        w.top_crc = top_crc;
        return w;
    }
    /* At most two at a time, as the kernel gives them in portions. */
    seal_file::read_fn reader() {
        return [this](index_t first, index_t last) {
            std::vector<uint8_t> out;
            for (uint64_t i = first.value(); i <= std::min(last.value(), first.value() + 1); i++) {
                out.insert(out.end(), records_[i - 1].begin(), records_[i - 1].end());
            }
            return result<std::vector<uint8_t>>(out);
        };
    }
    uint32_t crc_of(size_t index) const {
        harp_rec_hdr hdr{};
        memcpy(&hdr, records_[index - 1].data(), sizeof(hdr));
        return le32_to_cpu(hdr.crc);
    }
    harp_seal_hdr stored(std::string *rest = nullptr) const {
        const auto text = read_file(dir_ + "/sealed");
        harp_seal_hdr h{};
        EXPECT_TRUE(text && text->size() >= sizeof(h));
        memcpy(&h, text->data(), sizeof(h));
        if (rest != nullptr) {
            *rest = text->substr(sizeof(h));
        }
        return h;
    }

    std::string dir_;
    seal_identity who_;
    std::vector<std::vector<uint8_t>> records_;
};

} // namespace

TEST_F(sealed, a_log_is_there_as_it_was) {
    const seal_file file(dir_);
    ASSERT_TRUE(file.store(who_, want(2, 5), reader()));
    std::string rest;
    const auto h = stored(&rest);
    const char *why = "";
    ASSERT_EQ(harp_seal_hdr_check(&h, &why), 0) << why;
    EXPECT_EQ(memcmp(h.group, who_.group.data(), who_.group.size()), 0);
    EXPECT_EQ(le64_to_cpu(h.lineage), 77U);
    EXPECT_EQ(le32_to_cpu(h.epoch), 1U);
    EXPECT_EQ(h.member, 1);
    EXPECT_EQ(le64_to_cpu(h.formed), 4U);
    EXPECT_EQ(le64_to_cpu(h.base), 2U);
    EXPECT_EQ(le64_to_cpu(h.top), 5U);
    EXPECT_EQ(le64_to_cpu(h.anchor_view), 4U);
    EXPECT_EQ(le32_to_cpu(h.anchor_crc), crc_of(1));
    std::string all;
    for (size_t i = 1; i < records_.size(); i++) {
        all.append(records_[i].begin(), records_[i].end());
    }
    EXPECT_EQ(rest, all);
    EXPECT_EQ(le64_to_cpu(h.bytes), all.size());
    EXPECT_TRUE(file.open({view_t(4), index_t(5)}));
    EXPECT_FALSE(fs::exists(dir_ + "/sealed.new"));
}

TEST_F(sealed, a_log_without_records_says_what_comes_after_what) {
    const seal_file file(dir_);
    ASSERT_TRUE(file.store(who_, want(6, 5, crc_of(5)), reader()));
    const auto h = stored();
    EXPECT_EQ(le64_to_cpu(h.bytes), 0U);
    EXPECT_EQ(le64_to_cpu(h.anchor_view), 4U);
    EXPECT_EQ(le32_to_cpu(h.anchor_crc), crc_of(5));
    ASSERT_TRUE(file.store(who_, want(6, 5), reader())) << "its end is not known";
    EXPECT_EQ(le64_to_cpu(stored().anchor_view), 0U);
}

TEST_F(sealed, another_one_than_the_state_names_is_not_read) {
    const seal_file file(dir_);
    const auto none = file.open({view_t(4), index_t(5)});
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, ENOENT);
    ASSERT_TRUE(file.store(who_, want(1, 5), reader()));
    for (const seal_note &other :
         {seal_note{view_t(8), index_t(5)}, seal_note{view_t(4), index_t(4)}}) {
        const auto r = file.open(other);
        ASSERT_FALSE(r);
        EXPECT_EQ(r.error().code, ESTALE);
    }
    std::ofstream(dir_ + "/sealed.new") << "half of";
    EXPECT_TRUE(file.remove());
    EXPECT_FALSE(file.open({view_t(4), index_t(5)}));
    EXPECT_TRUE(fs::is_empty(dir_));
    EXPECT_TRUE(file.remove()) << "there is none any more";
}

TEST_F(sealed, a_damaged_header_is_named) {
    const seal_file file(dir_);
    ASSERT_TRUE(file.store(who_, want(1, 5), reader()));
    {
        unique_fd fd(open((dir_ + "/sealed").c_str(), O_RDWR));
        const uint8_t x = 0xee;
        ASSERT_EQ(pwrite(fd.get(), &x, 1, offsetof(harp_seal_hdr, base)), 1);
    }
    const auto r = file.open({view_t(4), index_t(5)});
    ASSERT_FALSE(r);
    EXPECT_NE(r.error().text.find("checksum of the header"), std::string::npos) << r.error().text;
    ASSERT_EQ(truncate((dir_ + "/sealed").c_str(), 40), 0);
    EXPECT_FALSE(file.open({view_t(4), index_t(5)}));
}

/* What cannot be written whole takes nothing of what is there. */
TEST_F(sealed, an_attempt_that_fails_leaves_the_last_one) {
    const seal_file file(dir_);
    ASSERT_TRUE(file.store(who_, want(1, 3), reader()));
    const auto fails = [](index_t, index_t) {
        return result<std::vector<uint8_t>>(fail(EIO, "the kernel does not answer"));
    };
    const auto r = file.store(who_, want(1, 5), fails);
    ASSERT_FALSE(r);
    EXPECT_EQ(r.error().text, "the kernel does not answer");
    const auto nothing = [](index_t, index_t) {
        return result<std::vector<uint8_t>>(std::vector<uint8_t>());
    };
    EXPECT_FALSE(file.store(who_, want(1, 5), nothing));
    records_[3][sizeof(harp_rec_hdr) - 1] ^= 1;
    EXPECT_FALSE(file.store(who_, want(1, 5), reader())) << "a record is damaged";
    EXPECT_TRUE(file.open({view_t(4), index_t(3)}));
    EXPECT_FALSE(fs::exists(dir_ + "/sealed.new"));
}

} // namespace harp::cluster
