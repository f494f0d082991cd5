/* SPDX-License-Identifier: GPL-2.0 */
#include "cluster/witness_log.hh"

#include "codec.h"
#include "knl/kernel.hh"
#include "util/text.hh"

#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

namespace harp::cluster {

using namespace vsr;

namespace {

constexpr size_t extra_off = 512;
constexpr size_t view_max = sizeof(harp_sec_view) + HARP_VOIDS_MAX * sizeof(__le64);
constexpr uint32_t extra_magic = 0x58574148; /* "HAWX" */
constexpr uint32_t extra_unsynced = 1;       /* flags: log_header::unsynced */

/* Beside struct harp_region_hdr; @crc covers this with @crc zero, then the header's crc. */
struct extra {
    __le32 magic;
    __le32 view_len;
    char boot_id[40];
    __le64 fsynced;
    uint8_t view[view_max];
    __le32 crc;
    __le32 flags;
};

struct header_copy {
    harp_region_hdr region;
    uint8_t pad[extra_off - sizeof(harp_region_hdr)];
    extra more;
};
static_assert(sizeof(header_copy) <= HARP_REGION_HDR_STRIDE);

uint32_t extra_crc(const header_copy &h) {
    extra e = h.more;
    e.crc = 0;
    return harp_crc32c(le32_to_cpu(h.region.crc), &e, sizeof(e));
}

result<void> write_all(int fd, const void *data, size_t len, uint64_t at) {
    const auto *p = static_cast<const uint8_t *>(data);
    while (len != 0) {
        ssize_t n = pwrite(fd, p, len, static_cast<off_t>(at));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return fail_errno("witness log");
        }
        p += n;
        at += static_cast<uint64_t>(n);
        len -= static_cast<size_t>(n);
    }
    return {};
}

bool read_all(int fd, void *data, size_t len, uint64_t at) {
    auto *p = static_cast<uint8_t *>(data);
    while (len != 0) {
        ssize_t n = pread(fd, p, len, static_cast<off_t>(at));
        if (n <= 0) {
            return false;
        }
        p += n;
        at += static_cast<uint64_t>(n);
        len -= static_cast<size_t>(n);
    }
    return true;
}

/* VIEW sections are kept as VIEW_START takes them; a record around it is parsed back. */
std::optional<view_record> view_from(const extra &e) {
    uint32_t len = le32_to_cpu(e.view_len);
    if (len < sizeof(harp_sec_view) || len > view_max) {
        return std::nullopt;
    }
    harp_sec_view s{};
    memcpy(&s, e.view, sizeof(s));
    std::vector<uint64_t> voids(le16_to_cpu(s.nvoid));
    if (sizeof(s) + voids.size() * 8 != len) {
        return std::nullopt;
    }
    if (!voids.empty()) {
        memcpy(voids.data(), e.view + sizeof(s), voids.size() * 8);
    }
    for (auto &v : voids) {
        v = le64_to_cpu(v);
    }
    std::vector<uint64_t> buf(HARP_REC_OVERHEAD_MAX / 8);
    harp_builder b{};
    harp_build_begin(&b, buf.data(), HARP_REC_OVERHEAD_MAX, HARP_REC_VIEW);
    /* The codec's u64 is __u64: unsigned long long, where uint64_t is unsigned long. */
    std::vector<u64> list(voids.begin(), voids.end());
    harp_build_view(&b, &s, list.data(), static_cast<u32>(list.size()));
    if (harp_build_finish(&b) != 0) {
        return std::nullopt;
    }
    harp_rec_seal(static_cast<harp_rec_hdr *>(b.buf), le64_to_cpu(s.s) + 1, le64_to_cpu(s.view),
                  le64_to_cpu(s.lineage), 0, 0);
    const auto *bytes = static_cast<const uint8_t *>(b.buf);
    auto record = knl::decode_view_record({bytes, bytes + b.len});
    return record ? std::optional(*record) : std::nullopt;
}

/*
 * Not posix_fallocate(): where the file system cannot, glibc writes into every block, and
 * harpd's loop, with all its groups, waits until its watchdog kills it.
 */
result<void> reserve(int fd, uint64_t size) {
    int rc = 0;
    do {
        rc = fallocate(fd, 0, 0, static_cast<off_t>(size));
    } while (rc < 0 && errno == EINTR);
    if (rc < 0) {
        return fail(errno, errno == EOPNOTSUPP ? "this file system reserves no space (fallocate); "
                                                 "use ext4 or XFS"
                                               : errno_text(errno));
    }
    return {};
}

struct loaded {
    header_copy raw;
    witness_header parsed;
};

std::optional<loaded> load_copy(int fd, int copy, uint64_t size, std::string &why) {
    loaded out;
    const char *text = "";
    auto at = static_cast<uint64_t>(copy) * HARP_REGION_HDR_STRIDE;
    if (!read_all(fd, &out.raw, sizeof(out.raw), at)) {
        why = "the file is too short";
        return std::nullopt;
    }
    if (harp_region_check(&out.raw.region, size, &text) != 0) {
        why = text;
        return std::nullopt;
    }
    if (le32_to_cpu(out.raw.more.magic) != extra_magic ||
        le32_to_cpu(out.raw.more.crc) != extra_crc(out.raw)) {
        why = "the second part of the header has a wrong checksum";
        return std::nullopt;
    }
    const harp_region_hdr &r = out.raw.region;
    witness_header &p = out.parsed;
    p.header.formed = view_t(le64_to_cpu(r.formed));
    p.header.complete = (r.flags & HARP_REGION_COMPLETE) != 0;
    p.header.base = index_t(le64_to_cpu(r.base));
    p.header.anchor_view = view_t(le64_to_cpu(r.anchor_view));
    p.header.wm = index_t(le64_to_cpu(r.wm));
    p.header.view = view_from(out.raw.more);
    p.header.unsynced = (le32_to_cpu(out.raw.more.flags) & extra_unsynced) != 0;
    p.anchor_crc = le32_to_cpu(r.anchor_crc);
    p.seq = le64_to_cpu(r.seq);
    p.file_size = le64_to_cpu(r.region_size);
    p.boot_id.assign(out.raw.more.boot_id,
                     strnlen(out.raw.more.boot_id, sizeof(out.raw.more.boot_id)));
    p.fsynced = index_t(le64_to_cpu(out.raw.more.fsynced));
    return out;
}

std::optional<loaded> load_newest(int fd, uint64_t size, std::string &why) {
    std::optional<loaded> best;
    for (int copy = 0; copy < 2; copy++) {
        auto one = load_copy(fd, copy, size, why);
        if (one && (!best || one->parsed.seq > best->parsed.seq)) {
            best = one;
        }
    }
    return best;
}

} // namespace

result<witness_header> read_witness_header(int fd, uint64_t size) {
    std::string why;
    auto best = load_newest(fd, size, why);
    if (!best) {
        return fail(EBADMSG, why);
    }
    return best->parsed;
}

result<std::unique_ptr<witness_log>> witness_log::open(const std::string &path, uint64_t size,
                                                       witness_log_id id, std::string boot) {
    std::unique_ptr<witness_log> out(new witness_log);
    out->fd_.reset(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!out->fd_) {
        return fail_errno(path);
    }
    struct stat st {};
    if (fstat(out->fd_.get(), &st) < 0) {
        return fail_errno(path);
    }
    /* Space is reserved when the group is made (finding 18): a full disk is found now. */
    if (st.st_size == 0) {
        if (auto r = reserve(out->fd_.get(), size); !r) {
            ::unlink(path.c_str()); /* some of it may be there: no log of the size wanted */
            return fail(r.error().code, fmt::format("{}: cannot reserve {}: {}", path,
                                                    format_size(size), r.error().text));
        }
        st.st_size = static_cast<off_t>(size);
    }
    out->size_ = static_cast<uint64_t>(st.st_size);
    out->id_ = id;
    out->boot_ = std::move(boot);
    out->offsets_ = {HARP_REGION_RING_OFF};
    return out;
}

bool witness_log::load_header(log_found &out) {
    auto best = load_newest(fd_.get(), size_, out.why);
    if (!best) {
        return false;
    }
    const harp_region_hdr &r = best->raw.region;
    if (memcmp(r.group, id_.group.data(), id_.group.size()) != 0 ||
        le64_to_cpu(r.lineage) != id_.lineage.value() || r.member != id_.self.value()) {
        out.why = "the log belongs to another group, member or lineage";
        return false;
    }
    header_ = best->parsed.header;
    anchor_crc_ = best->parsed.anchor_crc;
    seq_ = best->parsed.seq;
    fsynced_ = best->parsed.fsynced;
    out.same_boot = best->parsed.boot_id == boot_;
    out.fsynced = best->parsed.fsynced;
    out.header = header_;
    out.valid = true;
    return true;
}

/* Magic, bounds, checksum, index and chain; the view rises only at a VIEW record. */
void witness_log::walk(log_found &out) {
    std::vector<uint64_t> buf(HARP_REC_MAX / 8 + 1);
    uint64_t at = HARP_REGION_RING_OFF;
    std::vector<uint64_t> ends = {at};
    base_ = header_.base;
    top_ = base_ - 1;
    top_view_ = header_.anchor_view;
    top_crc_ = anchor_crc_;
    out.walked = {header_.base, header_.anchor_view, top_, {}};
    for (;;) {
        size_t room = std::min<uint64_t>(size_ - at, HARP_REC_MAX);
        const char *why = "";
        harp_rec rec{};
        auto *hdr = reinterpret_cast<harp_rec_hdr *>(buf.data());
        if (room < sizeof(*hdr) || !read_all(fd_.get(), hdr, sizeof(*hdr), at) ||
            harp_rec_check_header(hdr, room, &why) != 0 ||
            !read_all(fd_.get(), hdr, le32_to_cpu(hdr->len), at) ||
            harp_rec_parse(hdr, le32_to_cpu(hdr->len), &rec, &why) != 0) {
            out.why = fmt::format("record {}: {}", top_.value() + 1, why);
            break;
        }
        bool rises = rec.view > top_view_.value();
        if (rec.index != top_.value() + 1 || rec.view < top_view_.value() ||
            rec.view > header_.formed.value() ||
            (rises && (rec.view_sec == nullptr || le64_to_cpu(rec.view_sec->view) != rec.view)) ||
            (le32_to_cpu(hdr->prev_crc) != top_crc_ && !(ends.size() == 1 && top_crc_ == 0))) {
            out.why = fmt::format("record {} does not follow the one before", top_.value() + 1);
            break;
        }
        top_ = index_t(rec.index);
        top_crc_ = le32_to_cpu(hdr->crc);
        if (out.walked.starts.empty() || rises) {
            out.walked.starts.push_back({view_t(rec.view), top_});
        }
        top_view_ = view_t(rec.view);
        at += le32_to_cpu(hdr->len);
        ends.push_back(at);
    }
    set_ends(std::move(ends));
    out.walked.top = top_;
}

log_found witness_log::inspect() {
    std::lock_guard lock(mutex_);
    log_found out;
    if (load_header(out)) {
        walk(out);
    }
    return out;
}

void witness_log::set_ends(std::vector<uint64_t> offsets) {
    offsets_ = std::move(offsets);
    used_ = offsets_.back() - HARP_REGION_RING_OFF;
}

/* Not whole any more, also to the process that comes after this one, if the file takes that. */
result<void> witness_log::fail_for_good(const failure &why) {
    {
        std::lock_guard lock(mutex_);
        if (failed_) {
            return why_failed_;
        }
        why_failed_ = why;
        if (why.code == ENOSPC) {
            why_failed_.code = EIO; /* a thin volume's; append()'s own leaves a whole log */
        }
        failed_ = true;
        header_.complete = false;
    }
    for (int copy = 0; copy < 2; copy++) {
        (void)write_header();
    }
    return why_failed_;
}

result<void> witness_log::write(const void *data, size_t len, uint64_t at) {
    if (failed_) {
        return why_failed_;
    }
    auto r = write_all(fd_.get(), data, len, at);
    return r ? r : fail_for_good(r.error());
}

result<void> witness_log::flush() {
    if (failed_) {
        return why_failed_;
    }
    return fdatasync(fd_.get()) < 0 ? fail_for_good(fail_errno("witness log: fdatasync"))
                                    : result<void>();
}

result<void> witness_log::write_header() {
    std::lock_guard one_at_a_time(header_mutex_);
    std::unique_lock lock(mutex_);
    header_copy h{};
    seq_++;
    harp_region_hdr &r = h.region;
    memcpy(r.group, id_.group.data(), id_.group.size());
    r.lineage = cpu_to_le64(id_.lineage.value());
    r.member = id_.self.value();
    r.flags = header_.complete ? HARP_REGION_COMPLETE : 0;
    r.epoch = cpu_to_le32(id_.epoch.value());
    r.seq = cpu_to_le64(seq_);
    r.region_size = cpu_to_le64(size_);
    r.ring_size = cpu_to_le64(size_ - HARP_REGION_RING_OFF);
    r.formed = cpu_to_le64(header_.formed.value());
    r.base = cpu_to_le64(header_.base.value());
    r.anchor_view = cpu_to_le64(header_.anchor_view.value());
    r.anchor_crc = cpu_to_le32(anchor_crc_);
    r.wm = cpu_to_le64(header_.wm.value());
    r.lb = cpu_to_le64(fsynced_.load().value());
    r.top = cpu_to_le64(top_.value());
    harp_region_seal(&r);
    h.more.magic = cpu_to_le32(extra_magic);
    memcpy(h.more.boot_id, boot_.data(), std::min(boot_.size(), sizeof(h.more.boot_id) - 1));
    h.more.fsynced = cpu_to_le64(fsynced_.load().value());
    h.more.flags = cpu_to_le32(header_.unsynced ? extra_unsynced : 0);
    if (header_.view) {
        auto bytes = knl::encode_view(*header_.view);
        h.more.view_len = cpu_to_le32(static_cast<uint32_t>(bytes.size()));
        memcpy(h.more.view, bytes.data(), std::min(bytes.size(), sizeof(h.more.view)));
    }
    h.more.crc = cpu_to_le32(extra_crc(h));
    const uint64_t at = (seq_ & 1) * HARP_REGION_HDR_STRIDE;
    lock.unlock();
    return write_all(fd_.get(), &h, sizeof(h), at);
}

/*
 * A wm may go back with the power, together with the records it stood for. The rest of
 * what intact is judged by may not; and what takes trust away is in both copies, for a
 * torn write of a later header falls back to the other one.
 */
result<void> witness_log::store_header(const log_header &header) {
    bool durable = false;
    bool lowers = false;
    {
        std::lock_guard lock(mutex_);
        if (failed_) {
            return why_failed_;
        }
        if (kept_ && header == header_) {
            return {}; /* append() has said it */
        }
        lowers = !kept_ || header.unsynced > header_.unsynced || header.complete < header_.complete;
        durable = lowers || header.formed != header_.formed ||
                  header.complete != header_.complete || header.unsynced != header_.unsynced;
        header_ = header;
        kept_ = !durable;
    }
    dirty_ = true;
    if (!durable) {
        auto r = write_header();
        return r ? r : fail_for_good(r.error());
    }
    for (int copies = lowers ? 2 : 1; copies > 0; copies--) {
        if (auto r = write_header(); !r) {
            return fail_for_good(r.error());
        }
        if (auto r = flush(); !r) {
            return r;
        }
    }
    kept_ = true;
    return {};
}

/* The end mark, where the next record goes. */
result<void> witness_log::write_end() {
    uint64_t at = offsets_.back();
    __le32 mark[2] = {cpu_to_le32(HARP_END_MAGIC), 0};
    return at + sizeof(mark) <= size_ ? write(mark, sizeof(mark), at) : result<void>();
}

result<void> witness_log::cut_after(index_t top) {
    if (top > top_ || top + 1 < base_) {
        return fail(ERANGE, "witness log: cut outside of the log");
    }
    if (top == top_) {
        return {};
    }
    size_t keep = top + 1 - base_;
    harp_rec_hdr hdr{};
    if (keep != 0 && !read_all(fd_.get(), &hdr, sizeof(hdr), offsets_[keep - 1])) {
        return fail_errno("witness log");
    }
    {
        std::lock_guard lock(mutex_);
        set_ends({offsets_.begin(), offsets_.begin() + static_cast<ptrdiff_t>(keep) + 1});
        top_ = top;
        cut_to_ = std::min(cut_to_, top);
        fsynced_ = std::min(fsynced_.load(), top);
        top_view_ = keep != 0 ? view_t(le64_to_cpu(hdr.view)) : header_.anchor_view;
        top_crc_ = keep != 0 ? le32_to_cpu(hdr.crc) : anchor_crc_;
    }
    dirty_ = true;
    if (auto r = write_header(); !r) {
        return fail_for_good(r.error());
    }
    return write_end();
}

result<void> witness_log::restart_at(index_t base, log_anchor anchor) {
    {
        std::lock_guard lock(mutex_);
        base_ = base;
        header_.base = base;
        header_.anchor_view = anchor.view;
        anchor_crc_ = anchor.crc;
        cut_to_ = index_t();
        top_ = base - 1;
        top_view_ = anchor.view;
        top_crc_ = anchor.crc;
        fsynced_ = index_t();
        set_ends({HARP_REGION_RING_OFF});
    }
    dirty_ = true;
    if (auto r = write_end(); !r) {
        return r;
    }
    auto r = write_header();
    return r ? r : fail_for_good(r.error());
}

result<void> witness_log::append(const uint8_t *bytes, size_t len, raise_wm raise) {
    const auto *first = reinterpret_cast<const harp_rec_hdr *>(bytes);
    if (index_t(le64_to_cpu(first->index)) != top_ + 1) {
        return fail(EINVAL, "records that do not follow the witness's log");
    }
    uint64_t at = offsets_.back();
    /* Room for the end mark, too. */
    if (at + len + 8 > size_) {
        return fail(ENOSPC, "the witness's log is full");
    }
    /* The end mark behind them first, then the records: a torn write ends the walk. */
    __le32 mark[2] = {cpu_to_le32(HARP_END_MAGIC), 0};
    if (auto r = write(mark, sizeof(mark), at + len); !r) {
        return r;
    }
    if (auto r = write(bytes, len, at); !r) {
        return r;
    }
    {
        std::lock_guard lock(mutex_);
        if (offsets_.size() == 1 && anchor_crc_ == 0) {
            anchor_crc_ = le32_to_cpu(first->prev_crc);
        }
        for (size_t off = 0; off < len;) {
            const auto *hdr = reinterpret_cast<const harp_rec_hdr *>(bytes + off);
            off += le32_to_cpu(hdr->len);
            offsets_.push_back(at + off);
            ++top_;
            top_view_ = view_t(le64_to_cpu(hdr->view));
            top_crc_ = le32_to_cpu(hdr->crc);
        }
        used_ = at + len - HARP_REGION_RING_OFF;
        if (raise == raise_wm::yes) {
            header_.wm = std::max(header_.wm, top_);
        }
    }
    dirty_ = true;
    if (raise == raise_wm::no) {
        return {};
    }
    auto r = write_header();
    return r ? r : fail_for_good(r.error());
}

/* Every member writes the same bytes: time 0, nothing but the VIEW section. */
result<void> witness_log::append_view(const view_record &record) {
    std::vector<uint64_t> buf(HARP_REC_OVERHEAD_MAX / 8);
    auto section = knl::encode_view(record);
    harp_sec_view s{};
    memcpy(&s, section.data(), sizeof(s));
    std::vector<u64> voids;
    for (index_t at : record.voids) {
        voids.push_back(at.value());
    }
    harp_builder b{};
    harp_build_begin(&b, buf.data(), HARP_REC_OVERHEAD_MAX, HARP_REC_VIEW);
    harp_build_view(&b, &s, voids.data(), static_cast<u32>(voids.size()));
    if (harp_build_finish(&b) != 0 || top_ != record.s) {
        return fail(EPROTO, "witness log: the VIEW record does not fit the log");
    }
    harp_rec_seal(static_cast<harp_rec_hdr *>(b.buf), record.index().value(), record.view.value(),
                  record.lineage.value(), 0, top_crc_);
    return append(static_cast<const uint8_t *>(b.buf), b.len);
}

result<index_t> witness_log::sync() {
    index_t upto;
    {
        std::lock_guard lock(mutex_);
        upto = top_;
        cut_to_ = top_;
        dirty_ = false;
    }
    if (auto r = flush(); !r) {
        return r.error();
    }
    {
        std::lock_guard lock(mutex_);
        /* A cut meanwhile: what was cut does not count, what came after was not synced. */
        fsynced_ = std::max(fsynced_.load(), std::min(upto, cut_to_));
    }
    if (auto r = write_header(); !r) {
        return fail_for_good(r.error()).error();
    }
    return fsynced();
}

uint64_t witness_log::room() const noexcept {
    return failed_ ? 0 : size_ - HARP_REGION_RING_OFF - used_;
}

witness_log::tail witness_log::end() const {
    std::lock_guard lock(mutex_);
    return {top_, top_view_, top_crc_};
}

result<std::vector<uint8_t>> witness_log::read(index_t first, index_t last, size_t max) const {
    uint64_t begin = 0;
    uint64_t end = 0;
    {
        std::lock_guard lock(mutex_);
        last = std::min(last, top_);
        if (first < base_ || first > last) {
            return fail(ERANGE, "records are not in the witness's log");
        }
        size_t from = first - base_;
        size_t to = last + 1 - base_;
        begin = offsets_[from];
        end = offsets_[from + 1];
        for (size_t i = from + 1; i < to && offsets_[i + 1] - begin <= max; i++) {
            end = offsets_[i + 1];
        }
    }
    std::vector<uint8_t> out(end - begin);
    if (!read_all(fd_.get(), out.data(), out.size(), begin)) {
        return fail_errno("witness log");
    }
    return out;
}

} // namespace harp::cluster
