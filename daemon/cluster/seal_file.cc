/* SPDX-License-Identifier: GPL-2.0 */
#include "cluster/seal_file.hh"

#include "cluster/records.hh"
#include "seal_hdr.h"
#include "util/text.hh"

#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace harp::cluster {

namespace {

result<void> write_at(int fd, const void *data, size_t len, uint64_t at, const std::string &path) {
    const auto *p = static_cast<const uint8_t *>(data);
    while (len != 0) {
        const ssize_t n = pwrite(fd, p, len, static_cast<off_t>(at));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return fail_errno(path);
        }
        p += n;
        at += static_cast<uint64_t>(n);
        len -= static_cast<size_t>(n);
    }
    return {};
}

uint32_t first_prev_crc(const std::vector<uint8_t> &bytes) {
    harp_rec_hdr hdr{};
    memcpy(&hdr, bytes.data(), sizeof(hdr));
    return le32_to_cpu(hdr.prev_crc);
}

/* The records behind the header's place; what they say of what was before them into @h. */
result<void> write_records(int fd, const seal_identity &who, const vsr::log_summary &log,
                           const seal_file::read_fn &read, harp_seal_hdr &h,
                           const std::string &path) {
    uint64_t at = sizeof(h);
    uint32_t crc = 0;
    for (index_t next = log.base; next <= log.top;) {
        auto bytes = read(next, log.top);
        if (!bytes) {
            return bytes.error();
        }
        if (bytes->size() < sizeof(harp_rec_hdr)) {
            return fail(EPROTO, fmt::format("record {} of the log is not to be had", next.value()));
        }
        if (next == log.base) {
            crc = first_prev_crc(*bytes);
            h.anchor_crc = cpu_to_le32(log.anchor_view ? crc : 0);
        }
        auto run = check_records(*bytes, next - 1, crc, true, who.lineage);
        if (!run) {
            return run.error();
        }
        if (run->last < next || run->last > log.top) {
            return fail(EPROTO, fmt::format("record {} of the log is not to be had", next.value()));
        }
        if (auto r = write_at(fd, bytes->data(), bytes->size(), at, path); !r) {
            return r;
        }
        at += bytes->size();
        crc = run->crc;
        next = run->last + 1;
    }
    h.bytes = cpu_to_le64(at - sizeof(h));
    return {};
}

} // namespace

result<void> seal_file::store(const seal_identity &who, const vsr::seal_wanted &want,
                              const read_fn &read) const {
    const std::string temporary = temporary_path();
    unique_fd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!fd) {
        return fail_errno(temporary);
    }
    /* An end that is not known is not told either: the log then goes on after anything. */
    const bool known = !want.log.empty() || want.top_crc != 0;
    harp_seal_hdr h{};
    memcpy(h.group, who.group.data(), who.group.size());
    h.lineage = cpu_to_le64(who.lineage.value());
    h.epoch = cpu_to_le32(who.epoch.value());
    h.member = who.self.value();
    h.formed = cpu_to_le64(want.formed.value());
    h.base = cpu_to_le64(want.log.base.value());
    h.top = cpu_to_le64(want.log.top.value());
    h.anchor_view = cpu_to_le64(known ? want.log.anchor_view.value() : 0);
    h.anchor_crc = cpu_to_le32(known && want.log.anchor_view ? want.top_crc : 0);
    auto r = write_records(fd.get(), who, want.log, read, h, temporary);
    if (r) {
        harp_seal_hdr_finish(&h);
        r = write_at(fd.get(), &h, sizeof(h), 0, temporary);
    }
    if (r && fsync(fd.get()) < 0) {
        r = fail_errno(temporary);
    }
    if (r && rename(temporary.c_str(), path_.c_str()) < 0) {
        r = fail_errno(path_);
    }
    if (!r) {
        unlink(temporary.c_str());
        return r;
    }
    return fsync_dir(dir_);
}

result<unique_fd> seal_file::open(const vsr::seal_note &note) const {
    unique_fd fd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) {
        return fail_errno(path_);
    }
    harp_seal_hdr h{};
    const ssize_t n = pread(fd.get(), &h, sizeof(h), 0);
    if (n < 0) {
        return fail_errno(path_);
    }
    const char *why = "";
    if (n != sizeof(h) || harp_seal_hdr_check(&h, &why) != 0) {
        return fail(EBADMSG, fmt::format("{}: {}", path_, n != sizeof(h) ? "too short" : why));
    }
    if (le64_to_cpu(h.formed) != note.formed.value() || le64_to_cpu(h.top) != note.top.value()) {
        return fail(ESTALE,
                    fmt::format("{}: the log of view {} to record {}, expected view {} and record "
                                "{}",
                                path_, le64_to_cpu(h.formed), le64_to_cpu(h.top),
                                note.formed.value(), note.top.value()));
    }
    return fd;
}

result<void> seal_file::remove() const {
    for (const auto &path : {path_, temporary_path()}) {
        if (unlink(path.c_str()) < 0 && errno != ENOENT) {
            return fail_errno(path);
        }
    }
    return {};
}

} // namespace harp::cluster
