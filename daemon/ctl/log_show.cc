/* SPDX-License-Identifier: GPL-2.0 */
#include "ctl/log_show.hh"

#include "codec.h"
#include "util/fd.hh"
#include "util/json.hh"
#include "util/text.hh"

#include <algorithm>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <vector>

namespace harp::ctl {

namespace {

/* Names are bytes: what is not printable is shown as \xNN. */
std::string printable(const char *p, size_t len) {
    std::string out;
    for (size_t i = 0; i < len; i++) {
        auto c = static_cast<unsigned char>(p[i]);
        out += c >= 0x20 && c < 0x7f && c != '\\' && c != '"' ? std::string(1, p[i])
                                                              : fmt::format("\\x{:02x}", c);
    }
    return out;
}

std::string time_text(uint64_t ns) {
    auto sec = static_cast<time_t>(ns / 1000000000);
    struct tm tm {};
    char buf[40];
    gmtime_r(&sec, &tm);
    strftime(buf, sizeof(buf), "%FT%T", &tm);
    return fmt::format("{}.{:09}Z", buf, ns % 1000000000);
}

json inode_json(const harp_sec_inode &i) {
    static const char *const roles[] = {"?", "object", "dir", "newdir", "replaced"};
    static const char *const states[] = {"live", "parked", "gone"};
    return {{"role", i.role < std::size(roles) ? roles[i.role] : "?"},
            {"state", i.state < std::size(states) ? states[i.state] : "?"},
            {"fid", le64_to_cpu(i.fid)},
            {"mode", fmt::format("{:o}", le32_to_cpu(i.mode))},
            {"nlink", le32_to_cpu(i.nlink)},
            {"uid", le32_to_cpu(i.uid)},
            {"gid", le32_to_cpu(i.gid)},
            {"size", le64_to_cpu(i.size)}};
}

std::vector<uint64_t> voids_of(const harp_sec_view &v) {
    std::vector<uint64_t> out;
    for (unsigned i = 0; i < le16_to_cpu(v.nvoid); i++) {
        out.push_back(le64_to_cpu(reinterpret_cast<const __le64 *>(&v + 1)[i]));
    }
    return out;
}

json record_json(const harp_rec &r) {
    json j = {{"index", r.index},
              {"view", r.view},
              {"type", harp_rec_type_name(r.type)},
              {"bytes", le32_to_cpu(r.hdr->len)},
              {"time", time_text(r.time_ns)}};
    for (unsigned i = 0; i < r.ninode; i++) {
        j["inodes"].push_back(inode_json(*r.inode[i]));
    }
    for (unsigned i = 0; i < r.nname; i++) {
        const harp_sec_name *n = r.name[i];
        j["names"].push_back({{"dir", le64_to_cpu(n->dir)},
                              {"name", printable(harp_name_str(n), harp_name_len(n))},
                              {"expect", le64_to_cpu(n->expect)},
                              {"put", le64_to_cpu(n->put)}});
    }
    for (unsigned i = 0; i < r.nxattr; i++) {
        const harp_sec_xattr *x = r.xattr[i];
        j["xattrs"].push_back({{"name", printable(harp_xattr_name(x), le16_to_cpu(x->name_len))},
                               {"bytes", le32_to_cpu(x->value_len)},
                               {"removed", (le16_to_cpu(x->flags) & HARP_XATTR_REMOVE) != 0}});
    }
    if (r.data_sec != nullptr) {
        j["data"] = {{"offset", le64_to_cpu(r.data_sec->offset)},
                     {"bytes", le32_to_cpu(r.data_sec->len)}};
    }
    if (r.symlink != nullptr) {
        j["target"] = printable(reinterpret_cast<const char *>(r.symlink + 1),
                                harp_symlink_len(r.symlink));
    }
    if (r.req != nullptr) {
        j["request"] = {{"xid", fmt::format("{:08x}", le32_to_cpu(r.req->xid))},
                        {"program", le32_to_cpu(r.req->prog)},
                        {"version", le32_to_cpu(r.req->vers)},
                        {"procedure", le32_to_cpu(r.req->proc)},
                        {"step", le16_to_cpu(r.req->step)}};
    }
    if (r.view_sec != nullptr) {
        const harp_sec_view &v = *r.view_sec;
        j["view_record"] = {{"primary", v.primary},
                            {"backup", v.backup},
                            {"primary_inc", le64_to_cpu(v.primary_inc)},
                            {"backup_inc", le64_to_cpu(v.backup_inc)},
                            {"s", le64_to_cpu(v.s)},
                            {"promise_ms", le32_to_cpu(v.promise_ms)}};
        json voids = json::array();
        for (uint64_t at : voids_of(v)) {
            voids.push_back(at);
        }
        j["view_record"]["voids"] = voids;
    }
    return j;
}

std::string record_line(const harp_rec &r) {
    std::string out = fmt::format("{:>10} view {:<6} {} {:<8}", r.index, r.view,
                                  time_text(r.time_ns), harp_rec_type_name(r.type));
    for (unsigned i = 0; i < r.nname; i++) {
        const harp_sec_name *n = r.name[i];
        out += fmt::format(" {}/\"{}\" {}->{}", le64_to_cpu(n->dir),
                           printable(harp_name_str(n), harp_name_len(n)), le64_to_cpu(n->expect),
                           le64_to_cpu(n->put));
    }
    const harp_sec_inode *object = harp_rec_inode(&r, HARP_ROLE_OBJECT);
    if (object != nullptr) {
        out += fmt::format(" fid {} mode {:o} size {} nlink {}", le64_to_cpu(object->fid),
                           le32_to_cpu(object->mode), le64_to_cpu(object->size),
                           le32_to_cpu(object->nlink));
    }
    if (r.data_sec != nullptr) {
        out += fmt::format(" data {}+{}", le64_to_cpu(r.data_sec->offset),
                           le32_to_cpu(r.data_sec->len));
    }
    for (unsigned i = 0; i < r.nxattr; i++) {
        out += fmt::format(" xattr {}", printable(harp_xattr_name(r.xattr[i]),
                                                  le16_to_cpu(r.xattr[i]->name_len)));
    }
    if (r.view_sec != nullptr) {
        out += fmt::format(" primary {} backup {} s {} promise {} ms", r.view_sec->primary,
                           r.view_sec->backup, le64_to_cpu(r.view_sec->s),
                           le32_to_cpu(r.view_sec->promise_ms));
        for (uint64_t at : voids_of(*r.view_sec)) {
            out += fmt::format(" void {}", at);
        }
    }
    return out;
}

uint32_t magic_at(std::span<const uint8_t> bytes, uint64_t off) {
    uint32_t v = 0;
    if (off + sizeof(v) <= bytes.size()) {
        memcpy(&v, &bytes[off], sizeof(v));
    }
    return le32toh(v);
}

std::optional<harp_region_hdr> newest_header(std::span<const uint8_t> region, std::string &why) {
    std::optional<harp_region_hdr> best;
    for (size_t at : {size_t{0}, size_t{HARP_REGION_HDR_STRIDE}}) {
        harp_region_hdr h{};
        const char *text = "";
        memcpy(&h, &region[at], sizeof(h));
        if (harp_region_check(&h, region.size(), &text) != 0) {
            why = text;
        } else if (!best || le64_to_cpu(h.seq) > le64_to_cpu(best->seq)) {
            best = h;
        }
    }
    return best;
}

} // namespace

namespace {

/* @rec points into @aligned. */
result<void> parse(std::span<const uint8_t> bytes, std::vector<uint64_t> &aligned, harp_rec &rec) {
    const char *why = "";
    aligned.resize((bytes.size() + 7) / 8);
    if (!bytes.empty()) {
        memcpy(aligned.data(), bytes.data(), bytes.size());
    }
    if (harp_rec_parse(aligned.data(), bytes.size(), &rec, &why) != 0) {
        return fail(EBADMSG, why);
    }
    return {};
}

} // namespace

result<std::string> describe_record(std::span<const uint8_t> bytes, bool as_json) {
    harp_rec rec{};
    std::vector<uint64_t> aligned;
    if (auto ok = parse(bytes, aligned, rec); !ok) {
        return ok.error();
    }
    return as_json ? record_json(rec).dump() : record_line(rec);
}

result<void> may_skip(std::span<const uint8_t> bytes, uint64_t index) {
    harp_rec rec{};
    std::vector<uint64_t> aligned;
    if (auto ok = parse(bytes, aligned, rec); !ok) {
        return ok;
    }
    if (rec.index != index) {
        return fail(ERANGE, fmt::format("record {} is not in the log", index));
    }
    switch (rec.type) {
    case HARP_REC_WRITE:
    case HARP_REC_SETATTR:
    case HARP_REC_XATTR:
        return {};
    default:
        return fail(EINVAL, fmt::format("record {} is a {}: later records build upon what it does, "
                                        "so it cannot be skipped; expected write, setattr or xattr",
                                        index, harp_rec_type_name(rec.type)));
    }
}

result<region_summary> walk_region(std::span<const uint8_t> region, uint64_t from,
                                   const record_fn &fn) {
    if (region.size() < HARP_REGION_RING_OFF + sizeof(harp_rec_hdr)) {
        return fail(EINVAL, "too small for a log region");
    }
    std::string no_header;
    auto h = newest_header(region, no_header);
    if (!h) {
        return fail(EBADMSG, "no valid log region: " + no_header);
    }
    auto ring = region.subspan(
            HARP_REGION_RING_OFF,
            std::min<uint64_t>(le64_to_cpu(h->ring_size), region.size() - HARP_REGION_RING_OFF));
    region_summary out;
    uuid_bytes group{};
    memcpy(group.data(), h->group, group.size());
    out.text = fmt::format("group {} member {} formed {} base {} wm {} {}", format_uuid(group),
                           h->member, le64_to_cpu(h->formed), le64_to_cpu(h->base),
                           le64_to_cpu(h->wm),
                           (h->flags & HARP_REGION_COMPLETE) != 0 ? "complete" : "not complete");
    uint64_t at = le64_to_cpu(h->base_off);
    uint64_t index = out.base = out.next = le64_to_cpu(h->base);
    uint64_t walked = 0;
    while (walked < ring.size()) {
        if (magic_at(ring, at) == HARP_PAD_MAGIC || ring.size() - at < sizeof(harp_rec_hdr)) {
            walked += ring.size() - at;
            at = 0;
            continue;
        }
        const char *why = "end mark";
        harp_rec_hdr hdr{};
        memcpy(&hdr, &ring[at], sizeof(hdr));
        if (magic_at(ring, at) == HARP_END_MAGIC ||
            harp_rec_check_header(&hdr, ring.size() - at, &why) != 0 ||
            le32_to_cpu(hdr.len) > ring.size() - at || le64_to_cpu(hdr.index) != index) {
            out.end = fmt::format("ends before {}: {}", index, why);
            return out;
        }
        uint32_t len = le32_to_cpu(hdr.len);
        out.next = index + 1;
        if (index >= from && !fn(ring.subspan(at, len))) {
            return out;
        }
        index++;
        at += len;
        walked += len;
        at = at == ring.size() ? 0 : at;
    }
    return out;
}

uint64_t first_shown(uint64_t from, uint64_t count, uint64_t base, uint64_t next) {
    return from != 0 ? from : std::max(base, next > count ? next - count : 1);
}

namespace {

struct given {
    uint64_t records = 0;
    bool enough = false;
};

/* Up to @count records of @bytes, of which @at is the first, to @fn. */
result<given> give(std::span<const uint8_t> bytes, uint64_t at, uint64_t count,
                   const record_fn &fn) {
    given out;
    while (out.records < count && !out.enough && !bytes.empty()) {
        harp_rec_hdr hdr{};
        memcpy(&hdr, bytes.data(), std::min(sizeof(hdr), bytes.size()));
        const uint32_t len = le32_to_cpu(hdr.len);
        if (len < sizeof(hdr) || len > bytes.size()) {
            return fail(EBADMSG, fmt::format("record {} has {} bytes of {}", at + out.records,
                                             bytes.size(), len));
        }
        out.enough = !fn(bytes.first(len));
        bytes = bytes.subspan(len);
        out.records++;
    }
    return out.records != 0 ? result<given>(out)
                            : fail(EBADMSG, fmt::format("record {} was not given", at));
}

} // namespace

result<void> walk_log(const log_source &log, uint64_t from, uint64_t count, const record_fn &fn,
                      const std::function<void(const std::string &)> &missing) {
    auto now = log.look();
    uint64_t at = now ? first_shown(from, count, now->base, now->top + 1) : 0;
    if (now && at > now->top) {
        missing(now->top < now->base
                        ? fmt::format("the log is empty; its next record is {}", now->base)
                        : fmt::format("no record from {} on: the log holds {} to {}", at, now->base,
                                      now->top));
    }
    while (now && count != 0 && at <= now->top) {
        if (at < now->base) {
            missing(fmt::format("records {} to {} are not kept any more", at, now->base - 1));
            at = now->base;
            continue;
        }
        auto bytes = log.read(at, count);
        if (!bytes && bytes.error().code == ERANGE) {
            now = log.look();
            if (!now || at < now->base || at > now->top) {
                continue; /* discarded, or cut, since it was looked at */
            }
        }
        auto done = bytes ? give(*bytes, at, count, fn) : result<given>(bytes.error());
        if (!done || done->enough) {
            return done ? result<void>() : done.error();
        }
        at += done->records;
        count -= done->records;
    }
    return now ? result<void>() : now.error();
}

result<region_summary> walk_file(const std::string &path, uint64_t from, uint64_t count,
                                 const record_fn &fn) {
    unique_fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat st {};
    if (!fd || fstat(fd.get(), &st) < 0) {
        return fail_errno(path);
    }
    if (st.st_size <= 0) {
        return fail(EINVAL, path + ": is empty");
    }
    auto size = static_cast<size_t>(st.st_size);
    void *p = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
    if (p == MAP_FAILED) {
        return fail_errno(path);
    }
    std::span<const uint8_t> region(static_cast<const uint8_t *>(p), size);
    auto r = walk_region(region, 0, [from](auto) { return from == 0; });
    if (r) {
        std::string end = std::move(r->end);
        r = walk_region(region, first_shown(from, count, r->base, r->next), fn);
        if (r && r->end.empty()) {
            r->end = std::move(end);
        }
    }
    munmap(p, size);
    return r ? r : result<region_summary>(fail(r.error().code, path + ": " + r.error().text));
}

} // namespace harp::ctl
