// SPDX-License-Identifier: GPL-2.0
// A log over a region that something has scribbled on. An input is a list of damages to a
// sound region; checksums are made to fit where it says so. Whatever it is, opening ends,
// what is found is sound, and what is appended afterwards is found again.
#include "log_cases.h"
#include "port_memory.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

static harp_region *harp_case_region(void *mem, u64 size) {
    return port_region(mem, size);
}

namespace {

constexpr u32 records = 24;
constexpr u8 in_header = 0, in_record = 1, in_payload = 2, in_ring = 3, put_mark = 4,
             move_record = 5, kinds = 6;

void require(bool truth) {
    if (!truth) {
        abort();
    }
}

// A log that has gone round, with two views and a pad, and where its records are.
struct sound_region {
    u8 *mem = static_cast<u8 *>(aligned_alloc(4096, HARP_CASE_SIZE));
    u8 *buf = static_cast<u8 *>(aligned_alloc(4096, (HARP_REC_MAX + 4095) / 4096 * 4096));
    u64 at[records]{};
    u32 len[records]{};

    sound_region() {
        memset(mem, 0, HARP_CASE_SIZE);
        harp_log_env e{};
        e.mem = mem;
        e.buf = buf;
        require(env_start(&e, 0) == 0);
        for (int i = 0; i < 3; i++) {
            require(env_append(&e, HARP_CASE_RING / 4 / 8 * 8) == 0);
        }
        require(env_append(&e, HARP_CASE_RING / 4 / 8 * 8 - 3000) == 0);
        env_discard(&e, 5);
        for (u32 i = 0; i < records; i++) {
            if (i == records / 2) {
                require(env_append_view(&e, 9) == 0);
                env_set_formed(&e, 9, true, harp_log_top(e.log));
                continue;
            }
            const u64 view = i < records / 2 ? HARP_CASE_VIEW : 9;
            require(env_append_cost(&e, 224 + i * 40, view, 1) == 0);
        }
        env_set_wm(&e, harp_log_top(e.log) - 2);
        for (u32 i = 0; i < records; i++) {
            const harp_rec_hdr *rec = harp_log_get(e.log, 6 + i);
            at[i] = static_cast<u64>(reinterpret_cast<const u8 *>(rec) - mem);
            len[i] = le32_to_cpu(rec->len);
        }
        env_close(&e);
        fd_ = memfd_create("region", MFD_CLOEXEC);
        require(fd_ >= 0 &&
                write(fd_, mem, HARP_CASE_SIZE) == static_cast<ssize_t>(HARP_CASE_SIZE));
    }

    // A copy of it that costs only the pages which are written.
    u8 *fresh() const {
        static void *at = nullptr;
        at = mmap(at, HARP_CASE_SIZE, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | (at != nullptr ? MAP_FIXED : 0), fd_, 0);
        require(at != MAP_FAILED);
        return static_cast<u8 *>(at);
    }

private:
    int fd_ = -1;
};

class input {
public:
    input(const uint8_t *data, size_t size) : p_(data), n_(size) {}
    bool empty() const { return n_ == 0; }
    u8 byte() {
        if (n_ == 0) {
            return 0;
        }
        n_--;
        return *p_++;
    }
    u16 word() {
        const u8 low = byte();
        return static_cast<u16>(low | byte() << 8);
    }

private:
    const uint8_t *p_;
    size_t n_;
};

void scribble(input &in, u8 *to, u32 room, u32 off) {
    for (u32 n = in.byte() % 16; n != 0; n--) {
        to[off++ % room] = in.byte();
    }
}

void damage(input &in, const sound_region &sound, u8 *mem) {
    const u8 what = in.byte();
    const bool fit = (what & 0x80) != 0;
    const u32 i = in.byte() % records;
    u8 *rec = mem + sound.at[i];
    auto *hdr = reinterpret_cast<harp_rec_hdr *>(rec);
    switch (what % kinds) {
    case in_header: {
        auto *h = reinterpret_cast<harp_region_hdr *>(mem + (i & 1) * HARP_REGION_HDR_STRIDE);
        scribble(in, reinterpret_cast<u8 *>(h), sizeof(*h), in.byte());
        if (fit) {
            harp_region_seal(h);
        }
        break;
    }
    case in_record:
        scribble(in, rec, sizeof(*hdr), in.byte());
        break;
    case in_payload:
        scribble(in, rec, sound.len[i], in.word());
        break;
    case in_ring:
        scribble(in, mem + HARP_REGION_RING_OFF, HARP_CASE_RING, in.word() * 64U);
        break;
    case put_mark: {
        const __le32 mark = cpu_to_le32((in.byte() & 1) != 0 ? HARP_PAD_MAGIC : HARP_END_MAGIC);
        memcpy(rec, &mark, sizeof(mark));
        return;
    }
    case move_record: {
        const u32 from = in.byte() % records;
        memmove(rec, mem + sound.at[from], std::min(sound.len[i], sound.len[from]));
        break;
    }
    default:
        break;
    }
    if (fit && what % kinds != in_header && le32_to_cpu(hdr->len) == sound.len[i]) {
        harp_sample_resum(hdr, sound.len[i]);
    }
}

// Whatever was found must be sound, and the log must go on from there.
void use(harp_log_env &e, input &in) {
    struct harp_log_pos pos;
    harp_log_pos(e.log, &pos);
    require(e.found.walked == pos.top && pos.top + 1 >= pos.base && pos.used < pos.size);
    for (u64 i = pos.base; i <= pos.top; i++) {
        harp_rec rec;
        require(harp_rec_parse(harp_log_get(e.log, i), HARP_REC_MAX, &rec, nullptr) == 0);
        require(rec.index == i && rec.view <= pos.formed);
        require(harp_log_view_at(e.log, i) == rec.view);
    }
    const bool lossy = pos.top < pos.wm;
    require(!lossy || env_append(&e, 224) == -EUCLEAN);
    const u64 m = pos.top - in.byte() % (pos.top - pos.base + 2);
    require(env_cut(&e, m) == 0);
    if (m >= pos.base && (in.byte() & 1) != 0) {
        env_discard(&e, pos.base + in.byte() % (m - pos.base + 1));
    }
    harp_log_pos(e.log, &pos);
    require(pos.top == m && pos.wm <= m && !(lossy && pos.complete));
    const u64 view = pos.top_view != 0 ? pos.top_view : 1;
    if (env_append_view_as(&e, view + 4, view + 4, m, pos.top_view) == 0) {
        require(harp_log_top(e.log) == m + 1);
        env_set_formed(&e, view + 4, true, m + 1);
        for (u32 n = in.byte() % 8; n != 0; n--) {
            const int err = env_append_cost(&e, 224 + in.word() % 4096 * 8U, view + 4, 0);
            require(err == 0 || err == -ENOSPC);
        }
    }
    const u64 top = harp_log_top(e.log);
    require(env_open(&e) == 0 && e.found.walked == top && e.found.walked >= e.found.wm);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const sound_region sound;
    u8 *mem = sound.fresh();
    input in(data, size);
    for (u32 n = in.byte() % 16; n != 0 && !in.empty(); n--) {
        damage(in, sound, mem);
    }
    harp_log_env e{};
    e.mem = mem;
    e.buf = sound.buf;
    const int err = env_open(&e);
    require(err == 0 || err == -EBUSY);
    require(err == 0 || e.found.why[0] != 0);
    if (err == 0 && e.found.valid) {
        use(e, in);
    }
    env_close(&e);
    return 0;
}
