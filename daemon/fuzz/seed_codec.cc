// SPDX-License-Identifier: GPL-2.0
// Writes the corpora of fuzz_record and fuzz_region: seed_codec DIRECTORY. What is sound
// is taken from the unit tests' samples, so that the corpora follow the formats.
#include "codec_cases.h"
#include "seal_hdr.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

namespace fs = std::filesystem;

namespace {

void write(const fs::path &file, std::string_view head, const void *body, size_t size) {
    std::ofstream out(file, std::ios::binary);
    out.write(head.data(), static_cast<std::streamsize>(head.size()));
    out.write(static_cast<const char *>(body), static_cast<std::streamsize>(size));
    out.close();
    if (!out) {
        fprintf(stderr, "seed_codec: cannot write %s\n", file.c_str());
        exit(1);
    }
}

std::string head(u8 what) {
    return {static_cast<char>(what), '\1'};
}

void seed_records(const fs::path &dir, u8 *buf) {
    for (u8 type : harp_sample_types) {
        const harp_rec_hdr *rec = harp_sample(type, buf);
        write(dir / harp_rec_type_name(type), head(0), rec, le32_to_cpu(rec->len));
    }
    // Fids at the ends of what a row file can hold: fuzz_record makes the checksums fit.
    const std::pair<const char *, u64> fids[] = {{"fid_of_the_head", 1ULL << 48},
                                                 {"fid_last", HARP_FID_SLOT_MAX},
                                                 {"fid_beyond", HARP_FID_SLOT_MAX + 1}};
    for (const auto &[name, fid] : fids) {
        harp_rec_hdr *rec = harp_sample(HARP_REC_RELEASE, buf);
        reinterpret_cast<harp_sec_inode *>(rec + 1)->fid = cpu_to_le64(fid);
        write(dir / name, head(0), rec, le32_to_cpu(rec->len));
    }
    struct {
        harp_wire_hdr h;
        u8 body[64];
    } message;
    for (u8 type = HARP_WIRE_HELLO; type <= HARP_WIRE_LEAVE; type++) {
        const u32 size = harp_sample_wire(type, &message.h, message.body,
                                          type == HARP_WIRE_REC ? 64 : 0);
        write(dir / ("wire" + std::to_string(type)), head(1), &message, sizeof(message.h) + size);
    }
    auto *region = reinterpret_cast<harp_region_hdr *>(buf);
    harp_sample_region(region);
    write(dir / "region", head(2), region, sizeof(*region));
    harp_seal_hdr seal{};
    seal.lineage = cpu_to_le64(7);
    seal.formed = cpu_to_le64(4);
    seal.base = cpu_to_le64(2);
    seal.top = cpu_to_le64(3);
    seal.anchor_view = cpu_to_le64(4);
    seal.bytes = cpu_to_le64(2 * sizeof(harp_rec_hdr));
    harp_seal_hdr_finish(&seal);
    write(dir / "seal", head(3), &seal, sizeof(seal));
    seal.base = cpu_to_le64(4);
    seal.bytes = 0;
    harp_seal_hdr_finish(&seal);
    write(dir / "seal_empty", head(3), &seal, sizeof(seal));
}

// Damages by hand: fuzz_region.cc says what the bytes mean.
void seed_regions(const fs::path &dir) {
    const std::vector<std::pair<std::string, std::vector<u8>>> seeds = {
            {"none", {0, 1, 1, 1, 3, 4, 5}},
            {"wm", {1, 0x80, 0, 120, 1, 90, 0}},
            {"base", {1, 0x80, 1, 80, 1, 9, 0}},
            {"base_off", {1, 0x80, 1, 88, 2, 64, 1, 0}},
            {"both_headers", {2, 0, 0, 4, 1, 9, 0, 1, 4, 1, 9}},
            {"record_view", {1, 0x81, 5, 32, 1, 3, 0}},
            {"record_index", {1, 0x81, 5, 24, 1, 200, 0}},
            {"record_len", {1, 0x01, 5, 8, 2, 255, 255, 0}},
            {"payload", {1, 0x02, 7, 100, 0, 3, 1, 2, 3}},
            {"payload_fit", {1, 0x82, 7, 100, 0, 3, 1, 2, 3}},
            {"pad", {1, 4, 6, 1, 0}},
            {"end", {1, 4, 6, 0, 2, 1, 3}},
            {"moved", {1, 5, 6, 7, 0}},
            {"ring", {1, 3, 0, 9, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8}},
    };
    for (const auto &[name, bytes] : seeds) {
        write(dir / name, "", bytes.data(), bytes.size());
    }
}

} // namespace

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "Usage: seed_codec DIRECTORY\n");
        return 2;
    }
    const fs::path dir = argv[1];
    fs::create_directories(dir / "fuzz_record");
    fs::create_directories(dir / "fuzz_region");
    std::unique_ptr<u64[]> buf(new u64[HARP_SAMPLE_CAP / 8]());
    seed_records(dir / "fuzz_record", reinterpret_cast<u8 *>(buf.get()));
    seed_regions(dir / "fuzz_region");
    return 0;
}
