// SPDX-License-Identifier: GPL-2.0
// What a peer or a resumed region may hand to the codec: records, messages of the record
// link, headers of a region and of a sealed log. The first byte of an input says which, the second
// whether checksums are made to fit, without which nothing would ever get past them.
#include "codec.h"
#include "seal_hdr.h"

#include <cstdlib>
#include <cstring>
#include <memory>

namespace {

constexpr u8 as_record = 0, as_wire = 1, as_region = 2, as_seal = 3;

void require(bool truth) {
    if (!truth) {
        abort();
    }
}

// Of exactly @size bytes, aligned, so that the sanitizer sees every byte too many.
std::unique_ptr<u64[]> copy_of(const u8 *data, size_t size) {
    std::unique_ptr<u64[]> p(new u64[size / 8]);
    memcpy(p.get(), data, size / 8 * 8);
    return p;
}

// A row of a member's row file that is no other file's, nor its head.
void require_row(__le64 fid) {
    const u64 slot = le64_to_cpu(fid) & HARP_FID_SLOT_MASK;
    require(slot != 0 && slot <= HARP_FID_SLOT_MAX);
}

u32 all_of(const harp_rec &rec) {
    u32 crc = harp_crc32c(0, rec.hdr, le32_to_cpu(rec.hdr->len));
    for (u32 i = 0; i < rec.nname; i++) {
        crc = harp_crc32c(crc, harp_name_str(rec.name[i]), harp_name_len(rec.name[i]));
    }
    for (u32 i = 0; i < rec.nxattr; i++) {
        crc = harp_crc32c(crc, harp_xattr_name(rec.xattr[i]),
                          strlen(harp_xattr_name(rec.xattr[i])));
        crc = harp_crc32c(crc, harp_xattr_value(rec.xattr[i]),
                          le32_to_cpu(rec.xattr[i]->value_len));
    }
    if (rec.data_sec != nullptr) {
        crc = harp_crc32c(crc, rec.data, le32_to_cpu(rec.data_sec->len));
    }
    if (rec.symlink != nullptr) {
        crc = harp_crc32c(crc, harp_symlink_target(rec.symlink), harp_symlink_len(rec.symlink));
    }
    return crc;
}

// What was accepted can be built again, and is the same bytes.
void rebuild(const harp_rec &rec) {
    const u32 len = le32_to_cpu(rec.hdr->len);
    std::unique_ptr<u64[]> again(new u64[len / 8]);
    harp_builder b;
    harp_build_begin(&b, again.get(), len, rec.type);
    b.len = len;
    b.nsec = le32_to_cpu(rec.hdr->nsec);
    memcpy(reinterpret_cast<u8 *>(again.get()) + sizeof(harp_rec_hdr), rec.hdr + 1,
           len - sizeof(harp_rec_hdr));
    require(harp_build_finish(&b) == 0);
    auto *hdr = reinterpret_cast<harp_rec_hdr *>(again.get());
    harp_rec_seal(hdr, rec.index, rec.view, le64_to_cpu(rec.hdr->lineage), rec.time_ns,
                  le32_to_cpu(rec.hdr->prev_crc));
    require(memcmp(hdr, rec.hdr, len) == 0);
}

void fuzz_as_record(u64 *p, size_t size, bool fit) {
    auto *hdr = reinterpret_cast<harp_rec_hdr *>(p);
    if (fit && size >= sizeof(*hdr)) {
        const u32 len = le32_to_cpu(hdr->len);
        if (len >= sizeof(*hdr) && len <= size) {
            hdr->payload_crc = cpu_to_le32(harp_crc32c(0, hdr + 1, len - sizeof(*hdr)));
        }
        harp_rec_seal(hdr, le64_to_cpu(hdr->index), le64_to_cpu(hdr->view),
                      le64_to_cpu(hdr->lineage), le64_to_cpu(hdr->time_ns),
                      le32_to_cpu(hdr->prev_crc));
    }
    harp_rec rec;
    const char *why = nullptr;
    const int err = harp_rec_parse(p, size, &rec, &why);
    require(err == 0 || err == -EBADMSG || err == -EAGAIN);
    require(err == 0 || (why != nullptr && rec.hdr == nullptr));
    if (err != 0) {
        return;
    }
    require(harp_rec_check_header(p, sizeof(*hdr), nullptr) == 0);
    for (u32 i = 0; i < rec.ninode; i++) {
        require_row(rec.inode[i]->fid);
    }
    require(all_of(rec) != 1);
    rebuild(rec);
}

void fuzz_as_wire(u64 *p, size_t size, bool fit) {
    auto *h = reinterpret_cast<harp_wire_hdr *>(p);
    const u8 *body = reinterpret_cast<u8 *>(h + 1);
    if (size < sizeof(*h) || harp_wire_check_header(h, nullptr) != 0) {
        return;
    }
    const u32 body_size = harp_wire_body_size(h->type);
    require(body_size <= 64 && le32_to_cpu(h->len) >= body_size);
    require(le32_to_cpu(h->len) - body_size <= HARP_WIRE_BATCH_MAX);
    if (size < sizeof(*h) + body_size) {
        return;
    }
    if (fit) {
        harp_wire_seal(h, body, le32_to_cpu(h->len) - body_size);
    }
    const char *why = nullptr;
    require(harp_wire_check_body(h, body, &why) == 0 || why != nullptr);
}

void fuzz_as_region(u64 *p, size_t size, bool fit) {
    // Its reader copies a whole stride out of the region first.
    std::unique_ptr<u64[]> stride(new u64[HARP_REGION_HDR_STRIDE / 8]());
    memcpy(stride.get(), p, size < HARP_REGION_HDR_STRIDE ? size : HARP_REGION_HDR_STRIDE);
    auto *h = reinterpret_cast<harp_region_hdr *>(stride.get());
    const u32 len = le32_to_cpu(h->len);
    if (fit && len >= 4 && len <= HARP_REGION_HDR_STRIDE) {
        auto *last = reinterpret_cast<u8 *>(h) + len - 4;
        memset(last, 0, 4);
        const __le32 crc = cpu_to_le32(harp_crc32c(0, h, len));
        memcpy(last, &crc, 4);
    }
    const char *why = nullptr;
    if (harp_region_check(h, 0, &why) != 0) {
        require(why != nullptr);
        return;
    }
    require(le64_to_cpu(h->base_off) < le64_to_cpu(h->ring_size));
    require(le64_to_cpu(h->wm) + 1 >= le64_to_cpu(h->base));
}

void fuzz_as_seal(const u64 *p, size_t size, bool fit) {
    harp_seal_hdr h{};
    if (size < sizeof(h)) {
        return;
    }
    memcpy(&h, p, sizeof(h));
    if (fit) {
        harp_seal_hdr_finish(&h);
    }
    const char *why = nullptr;
    const int err = harp_seal_hdr_check(&h, &why);
    require(err == 0 || err == -EBADMSG || err == -EPROTO);
    require((err == 0) == (why == nullptr));
    if (err != 0) {
        return;
    }
    // What its readers add to and count on.
    const u64 base = le64_to_cpu(h.base);
    require(base >= 1 && base - 1 <= le64_to_cpu(h.top) && le64_to_cpu(h.top) <= HARP_INDEX_MAX);
    require(le64_to_cpu(h.bytes) <= HARP_REGION_MAX && h.member < HARP_MEMBERS);
    require((le64_to_cpu(h.bytes) == 0) == (base > le64_to_cpu(h.top)));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) {
        return 0;
    }
    auto p = copy_of(data + 2, size - 2);
    const size_t n = (size - 2) / 8 * 8;
    const bool fit = (data[1] & 1) != 0;
    switch (data[0]) {
    case as_record:
        fuzz_as_record(p.get(), n, fit);
        break;
    case as_wire:
        fuzz_as_wire(p.get(), n, fit);
        break;
    case as_region:
        fuzz_as_region(p.get(), n, fit);
        break;
    case as_seal:
        fuzz_as_seal(p.get(), n, fit);
        break;
    default:
        break;
    }
    return 0;
}
