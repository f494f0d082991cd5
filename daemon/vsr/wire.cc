/* SPDX-License-Identifier: GPL-2.0 */
#include "vsr/wire.hh"

#include "util/crc32c.h"

#include <fmt/format.h>

#include <array>

namespace harp::vsr {

namespace {

constexpr uint32_t wire_magic = 0x43524148; /* "HARC" */

class writer {
public:
    explicit writer(std::vector<uint8_t> &out) : out_(out) {}

    template <typename Int>
    void number(Int value) {
        for (size_t i = 0; i < sizeof(Int); ++i) {
            out_.push_back(static_cast<uint8_t>(static_cast<uint64_t>(value) >> (8 * i)));
        }
    }
    template <typename Tag, typename Rep>
    void put(strong<Tag, Rep> s) {
        number(s.value());
    }
    void flag(bool b) { number<uint8_t>(b ? 1 : 0); }
    void time(duration_t d) { number<int64_t>(d.count()); }
    void text(const std::string &s) {
        size_t n = std::min(s.size(), max_text);
        number<uint16_t>(static_cast<uint16_t>(n));
        out_.insert(out_.end(), s.begin(), s.begin() + static_cast<ptrdiff_t>(n));
    }
    void bytes(std::span<const uint8_t> b) {
        number<uint32_t>(static_cast<uint32_t>(b.size()));
        out_.insert(out_.end(), b.begin(), b.end());
    }
    void slot(std::optional<slot_t> s) { number<uint8_t>(s ? s->value() : 0xff); }
    void log(const log_summary &log) {
        put(log.base);
        put(log.anchor_view);
        put(log.top);
        number<uint16_t>(static_cast<uint16_t>(log.starts.size()));
        for (const auto &s : log.starts) {
            put(s.view);
            put(s.first);
        }
    }
    void view(const view_record &r) {
        put(r.view);
        put(r.epoch);
        put(r.lineage);
        for (const auto &m : {r.primary, r.backup}) {
            put(m.slot);
            put(m.inc);
        }
        time(r.promise);
        put(r.s);
        put(r.view_of_s);
        indices(r.voids);
    }
    void indices(const std::vector<index_t> &of) {
        number<uint16_t>(static_cast<uint16_t>(of.size()));
        for (index_t at : of) {
            put(at);
        }
    }

private:
    std::vector<uint8_t> &out_;
};

/* Reads as long as all is well; a fault sticks, and what is read then is zero. */
class reader {
public:
    explicit reader(std::span<const uint8_t> in) : in_(in) {}

    bool ok() const noexcept { return fault_ == nullptr; }
    const char *fault() const noexcept { return fault_; }
    bool at_end() const noexcept { return in_.empty(); }
    void spoil(const char *why) {
        if (fault_ == nullptr) {
            fault_ = why;
        }
    }

    template <typename Int>
    Int number() {
        if (in_.size() < sizeof(Int)) {
            spoil("ends early");
            in_ = {};
            return Int{};
        }
        uint64_t value = 0;
        for (size_t i = 0; i < sizeof(Int); ++i) {
            value |= static_cast<uint64_t>(in_[i]) << (8 * i);
        }
        in_ = in_.subspan(sizeof(Int));
        return static_cast<Int>(value);
    }
    template <typename Strong>
    Strong get() {
        return Strong(number<typename Strong::rep>());
    }
    bool flag() {
        auto v = number<uint8_t>();
        if (v > 1) {
            spoil("a flag is neither 0 nor 1");
        }
        return v == 1;
    }
    duration_t time() {
        auto ns = number<int64_t>();
        if (ns < 0) {
            spoil("a duration is negative");
            return {};
        }
        return duration_t(ns);
    }
    template <typename Enum>
    Enum choice(uint8_t low, uint8_t high) {
        auto v = number<uint8_t>();
        if (v < low || v > high) {
            spoil("an enumeration is out of range");
            v = low;
        }
        return static_cast<Enum>(v);
    }
    std::string text() {
        auto n = number<uint16_t>();
        if (n > max_text || n > in_.size()) {
            spoil("a text is too long");
            return {};
        }
        std::string s(in_.begin(), in_.begin() + n);
        in_ = in_.subspan(n);
        return s;
    }
    std::vector<uint8_t> bytes(size_t max) {
        auto n = number<uint32_t>();
        if (n > max || n > in_.size()) {
            spoil("a run of bytes is too long");
            return {};
        }
        std::vector<uint8_t> b(in_.begin(), in_.begin() + n);
        in_ = in_.subspan(n);
        return b;
    }
    slot_t slot() {
        auto s = get<slot_t>();
        if (s.value() >= member_count) {
            spoil("a slot is out of range");
            return {};
        }
        return s;
    }
    std::optional<slot_t> maybe_slot() {
        auto s = number<uint8_t>();
        if (s == 0xff) {
            return std::nullopt;
        }
        if (s >= member_count) {
            spoil("a slot is out of range");
            return std::nullopt;
        }
        return slot_t(s);
    }
    log_summary log() {
        log_summary log;
        log.base = get<index_t>();
        log.anchor_view = get<view_t>();
        log.top = get<index_t>();
        auto n = number<uint16_t>();
        if (n > max_view_starts) {
            spoil("a log has too many views");
            return log;
        }
        log.starts.reserve(n);
        for (uint16_t i = 0; i < n && ok(); ++i) {
            auto view = get<view_t>();
            auto first = get<index_t>();
            log.starts.push_back({view, first});
        }
        return log;
    }
    std::vector<index_t> indices(const char *too_many) {
        std::vector<index_t> out;
        auto n = number<uint16_t>();
        if (n > max_voids) {
            spoil(too_many);
            return out;
        }
        for (uint16_t i = 0; i < n && ok(); ++i) {
            out.push_back(get<index_t>());
        }
        return out;
    }
    view_record view() {
        view_record r;
        r.view = get<view_t>();
        r.epoch = get<epoch_t>();
        r.lineage = get<lineage_t>();
        for (auto *m : {&r.primary, &r.backup}) {
            m->slot = slot();
            m->inc = get<incarnation_t>();
        }
        r.promise = time();
        r.s = get<index_t>();
        r.view_of_s = get<view_t>();
        r.voids = indices("a VIEW record voids too many records");
        return r;
    }

private:
    std::span<const uint8_t> in_;
    const char *fault_ = nullptr;
};

void put(writer &w, const propose &p) {
    w.flag(p.voluntary);
    w.slot(p.prefer);
}
void get(reader &r, propose &p) {
    p.voluntary = r.flag();
    p.prefer = r.maybe_slot();
}

void put(writer &w, const agree &a) {
    w.put(a.formed);
    w.flag(a.view.has_value());
    if (a.view) {
        w.view(*a.view);
    }
    w.flag(a.intact);
    w.flag(a.needs_copy);
    w.flag(a.poisoned);
    w.flag(a.stop);
    w.flag(a.suspects.has_value());
    if (a.suspects) {
        w.put(a.suspects->first);
        w.put(a.suspects->last);
    }
    w.indices(a.skip);
    w.log(a.log);
    w.number<uint32_t>(a.top_crc);
    w.put(a.lb);
    w.put(a.ap);
    w.number<uint64_t>(a.free_bytes);
    w.number<uint64_t>(a.ring);
}
void get(reader &r, agree &a) {
    a.formed = r.get<view_t>();
    if (r.flag()) {
        a.view = r.view();
    }
    a.intact = r.flag();
    a.needs_copy = r.flag();
    a.poisoned = r.flag();
    a.stop = r.flag();
    if (r.flag()) {
        auto first = r.get<index_t>();
        a.suspects = record_range{first, r.get<index_t>()};
    }
    a.skip = r.indices("too many records are to be skipped");
    a.log = r.log();
    a.top_crc = r.number<uint32_t>();
    a.lb = r.get<index_t>();
    a.ap = r.get<index_t>();
    a.free_bytes = r.number<uint64_t>();
    a.ring = r.number<uint64_t>();
}

void put(writer &w, const nack &n) {
    w.put(n.agreed);
    w.number<uint8_t>(static_cast<uint8_t>(n.why));
    w.time(n.time_left);
    w.slot(n.live_primary);
    w.put(n.live_view);
    w.text(n.text);
}
void get(reader &r, nack &n) {
    n.agreed = r.get<view_t>();
    n.why = r.choice<nack_reason>(static_cast<uint8_t>(nack_reason::not_higher),
                                  static_cast<uint8_t>(nack_reason::not_member));
    n.time_left = r.time();
    n.live_primary = r.maybe_slot();
    n.live_view = r.get<view_t>();
    n.text = r.text();
}

void put(writer &w, const start &s) {
    w.view(s.record);
    w.number<uint32_t>(s.crc_of_s);
    w.put(s.donor);
    w.log(s.reach);
    w.number<uint8_t>(static_cast<uint8_t>(s.sources.size()));
    for (const auto &source : s.sources) {
        w.put(source.member);
        w.put(source.first);
        w.put(source.last);
    }
}
void get(reader &r, start &s) {
    s.record = r.view();
    s.crc_of_s = r.number<uint32_t>();
    s.donor = r.slot();
    s.reach = r.log();
    auto n = r.number<uint8_t>();
    if (n > member_count) {
        r.spoil("START names too many sources");
        return;
    }
    for (uint8_t i = 0; i < n && r.ok(); ++i) {
        auto member = r.slot();
        auto first = r.get<index_t>();
        auto last = r.get<index_t>();
        s.sources.push_back({member, first, last});
    }
}

void put(writer &w, const started &s) {
    w.put(s.primary_inc);
}
void get(reader &r, started &s) {
    s.primary_inc = r.get<incarnation_t>();
}

void put(writer &w, const request &q) {
    w.text(q.reason);
    w.number<uint64_t>(q.lag);
}
void get(reader &r, request &q) {
    q.reason = r.text();
    q.lag = r.number<uint64_t>();
}

void put(writer &w, const status_beat &s) {
    w.number<uint8_t>(static_cast<uint8_t>(s.current_role));
    for (bool b : {s.serving, s.lease_held, s.leaving, s.comes_back, s.needs_copy, s.no_control,
                   s.wants_answer, s.started_heard}) {
        w.flag(b);
    }
    w.put(s.agreed);
    w.slot(s.live_primary);
    w.put(s.live_view);
    for (index_t i : {s.top, s.cp, s.ap, s.lb}) {
        w.put(i);
    }
    w.number<uint64_t>(s.free_bytes);
    w.text(s.text);
}
void get(reader &r, status_beat &s) {
    s.current_role = r.choice<role>(0, static_cast<uint8_t>(role::backup));
    for (bool *b : {&s.serving, &s.lease_held, &s.leaving, &s.comes_back, &s.needs_copy,
                    &s.no_control, &s.wants_answer, &s.started_heard}) {
        *b = r.flag();
    }
    s.agreed = r.get<view_t>();
    s.live_primary = r.maybe_slot();
    s.live_view = r.get<view_t>();
    for (index_t *i : {&s.top, &s.cp, &s.ap, &s.lb}) {
        *i = r.get<index_t>();
    }
    s.free_bytes = r.number<uint64_t>();
    s.text = r.text();
}

void put(writer &w, const fetch &f) {
    w.put(f.first);
    w.put(f.last);
    w.number<uint32_t>(f.max_bytes);
}
void get(reader &r, fetch &f) {
    f.first = r.get<index_t>();
    f.last = r.get<index_t>();
    f.max_bytes = r.number<uint32_t>();
    if (f.last < f.first || f.max_bytes > max_fetch_bytes) {
        r.spoil("FETCH asks for nothing, or too much");
    }
}

void put(writer &w, const records &c) {
    w.put(c.first);
    w.put(c.last);
    w.put(c.prev.index);
    w.put(c.prev.view);
    w.bytes(c.bytes);
}
void get(reader &r, records &c) {
    c.first = r.get<index_t>();
    c.last = r.get<index_t>();
    c.prev.index = r.get<index_t>();
    c.prev.view = r.get<view_t>();
    c.bytes = r.bytes(max_fetch_bytes);
    if (c.first != c.prev.index + 1 || c.last + 1 < c.first) {
        r.spoil("RECS do not follow one another");
    }
}

template <size_t... I>
message_body empty_body(size_t which, std::index_sequence<I...>) {
    message_body body;
    ((which == I ? (void)body.emplace<I>() : void()), ...);
    return body;
}

constexpr size_t version_at = 4;
constexpr size_t body_kinds = std::variant_size_v<message_body>;
constexpr size_t records_type = body_kinds; /* RECS is the last one */

uint32_t crc_of(std::span<const uint8_t> bytes) {
    std::array<uint8_t, wire_header_bytes> head{};
    std::copy_n(bytes.begin(), wire_header_bytes, head.begin());
    std::fill_n(head.begin() + 64, 4, uint8_t(0));
    return crc32c(bytes.subspan(wire_header_bytes), crc32c(head));
}

failure refuse(wire_fault fault, std::string text) {
    return fail(static_cast<int>(fault), std::move(text));
}

} // namespace

uint32_t crc32c(std::span<const uint8_t> bytes, uint32_t seed) {
    return harp_user_crc32c(seed, bytes.data(), bytes.size());
}

wire_fault fault_of(const failure &f) {
    return static_cast<wire_fault>(f.code);
}

std::string_view to_string(wire_fault fault) {
    static constexpr std::array<std::string_view, wire_fault_count> names = {
            "too short", "wrong magic",  "wrong version",  "unknown type",
            "flags",     "wrong length", "wrong checksum", "malformed body"};
    auto i = static_cast<size_t>(fault) - 1;
    return i < names.size() ? names[i] : "unknown";
}

std::vector<uint8_t> encode(const message &msg) {
    std::vector<uint8_t> out;
    out.reserve(512);
    writer w(out);
    const auto &h = msg.header;
    w.number<uint32_t>(wire_magic);
    w.number<uint8_t>(wire_version);
    w.number<uint8_t>(static_cast<uint8_t>(msg.body.index() + 1));
    w.number<uint16_t>(0);
    w.number<uint32_t>(0); /* length, below */
    w.put(h.epoch);
    out.insert(out.end(), h.group.begin(), h.group.end());
    w.put(h.lineage);
    w.put(h.sender);
    out.insert(out.end(), 3, 0);
    w.put(h.sender_id);
    w.put(h.inc);
    w.put(h.view);
    w.number<uint64_t>(0); /* crc, below, and reserved */
    std::visit([&](const auto &body) { put(w, body); }, msg.body);
    auto patch = [&](size_t at, uint32_t value) {
        for (size_t i = 0; i < 4; ++i) {
            out[at + i] = static_cast<uint8_t>(value >> (8 * i));
        }
    };
    patch(8, static_cast<uint32_t>(out.size() - wire_header_bytes));
    patch(64, crc_of(out));
    return out;
}

uint8_t version_of(std::span<const uint8_t> bytes) {
    return bytes[version_at];
}

result<size_t> message_bytes(std::span<const uint8_t> header) {
    if (header.size() < wire_header_bytes) {
        return refuse(wire_fault::too_short, "fewer bytes than a header");
    }
    reader r(header);
    if (r.number<uint32_t>() != wire_magic) {
        return refuse(wire_fault::magic, "not a control message");
    }
    auto version = r.number<uint8_t>();
    if (version != wire_version) {
        return refuse(wire_fault::version,
                      fmt::format("control message version {}, this is {}", version, wire_version));
    }
    auto type = r.number<uint8_t>();
    if (type < 1 || type > body_kinds) {
        return refuse(wire_fault::type, fmt::format("control message of unknown type {}", type));
    }
    if (r.number<uint16_t>() != 0) {
        return refuse(wire_fault::flags, "control message with unknown flags");
    }
    auto length = r.number<uint32_t>();
    if (length > (type == records_type ? wire_body_max : wire_small_max)) {
        return refuse(wire_fault::length, fmt::format("control message of {} bytes", length));
    }
    return wire_header_bytes + length;
}

result<message> decode(std::span<const uint8_t> bytes) {
    auto whole = message_bytes(bytes);
    if (!whole) {
        return whole.error();
    }
    if (*whole != bytes.size()) {
        return refuse(wire_fault::length,
                      fmt::format("control message says {} bytes, {} came", *whole, bytes.size()));
    }
    reader h(bytes.subspan(5, wire_header_bytes - 5));
    auto type = h.number<uint8_t>();
    h.number<uint16_t>();
    h.number<uint32_t>();
    message msg;
    msg.header.epoch = h.get<epoch_t>();
    for (auto &b : msg.header.group) {
        b = h.number<uint8_t>();
    }
    msg.header.lineage = h.get<lineage_t>();
    msg.header.sender = h.get<slot_t>();
    unsigned reserved = h.number<uint8_t>();
    reserved |= h.number<uint16_t>();
    msg.header.sender_id = h.get<member_id>();
    msg.header.inc = h.get<incarnation_t>();
    msg.header.view = h.get<view_t>();
    auto crc = h.number<uint32_t>();
    reserved |= h.number<uint32_t>();
    if (crc != crc_of(bytes)) {
        return refuse(wire_fault::checksum, "control message with a wrong checksum");
    }
    if (reserved != 0) {
        return refuse(wire_fault::flags, "control message with reserved bytes set");
    }
    reader r(bytes.subspan(wire_header_bytes));
    msg.body = empty_body(type - 1, std::make_index_sequence<body_kinds>());
    std::visit([&](auto &body) { get(r, body); }, msg.body);
    if (r.ok() && !r.at_end()) {
        r.spoil("is longer than its type");
    }
    if (!r.ok()) {
        return refuse(wire_fault::body, fmt::format("{} {}", message_name(msg.body), r.fault()));
    }
    return msg;
}

} // namespace harp::vsr
