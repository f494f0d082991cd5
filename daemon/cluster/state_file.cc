/* SPDX-License-Identifier: GPL-2.0 */
#include "cluster/state_file.hh"

#include "codec.h"
#include "util/fault.hh"
#include "util/fd.hh"
#include "util/json.hh"
#include "util/text.hh"
#include "vsr/match.hh"

#include <cinttypes>
#include <cstdio>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

namespace harp::cluster {

using namespace vsr;

namespace {

constexpr int copies = 2;
constexpr size_t max_size = 64 * 1024;

json to_json(const member_life &life) {
    return {{"slot", life.slot.value()}, {"inc", life.inc.value()}};
}

json to_json(const view_record &v) {
    json voids = json::array();
    for (index_t at : v.voids) {
        voids.push_back(at.value());
    }
    return {{"view", v.view.value()},
            {"epoch", v.epoch.value()},
            {"lineage", v.lineage.value()},
            {"primary", to_json(v.primary)},
            {"backup", to_json(v.backup)},
            {"promise_ms",
             std::chrono::duration_cast<std::chrono::milliseconds>(v.promise).count()},
            {"s", v.s.value()},
            {"view_of_s", v.view_of_s.value()},
            {"voids", voids}};
}

member_life life_from(const json &j) {
    return {slot_t(j.at("slot").get<uint8_t>()), incarnation_t(j.at("inc").get<uint64_t>())};
}

/* Not there: none, as in a file of a version that knew of none. */
std::vector<index_t> indices_of(const json &j, const char *name) {
    std::vector<index_t> out;
    if (j.contains(name)) {
        for (const json &at : j.at(name)) {
            out.emplace_back(at.get<uint64_t>());
        }
    }
    return out;
}

view_record record_from(const json &j) {
    view_record v;
    v.view = view_t(j.at("view").get<uint64_t>());
    v.epoch = epoch_t(j.at("epoch").get<uint32_t>());
    v.lineage = lineage_t(j.at("lineage").get<uint64_t>());
    v.primary = life_from(j.at("primary"));
    v.backup = life_from(j.at("backup"));
    v.promise = std::chrono::milliseconds(j.at("promise_ms").get<uint32_t>());
    v.s = index_t(j.at("s").get<uint64_t>());
    v.view_of_s = view_t(j.at("view_of_s").get<uint64_t>());
    for (const json &at : j.at("voids")) {
        v.voids.emplace_back(at.get<uint64_t>());
    }
    return v;
}

void read_members(const json &j, disk_state &out) {
    if (j.size() != member_count) {
        throw json::exception("members: not three");
    }
    for (size_t i = 0; i < member_count; i++) {
        member &m = out.members[i];
        m.id = member_id(j.at(i).at("id").get<uint32_t>());
        m.slot = slot_t(static_cast<uint8_t>(i));
        auto kind = j.at(i).at("kind").get<unsigned>();
        if (kind > static_cast<unsigned>(member_kind::witness)) {
            throw json::exception("members: no such kind");
        }
        m.kind = static_cast<member_kind>(kind);
        m.name = j.at(i).at("name").get<std::string>();
        out.peer_inc[i] = incarnation_t(j.at(i).at("inc").get<uint64_t>());
    }
}

result<disk_state> from_json(std::string_view text) {
    try {
        json j = json::parse(text);
        disk_state s;
        auto uuid = parse_uuid(j.at("group").get<std::string>());
        if (!uuid) {
            return uuid.error();
        }
        s.group = *uuid;
        s.epoch = epoch_t(j.at("epoch").get<uint32_t>());
        s.lineage = lineage_t(j.at("lineage").get<uint64_t>());
        read_members(j.at("members"), s);
        s.self = slot_t(j.at("self").get<uint8_t>());
        s.inc = incarnation_t(j.at("inc").get<uint64_t>());
        s.agreed = view_t(j.at("agreed").get<uint64_t>());
        s.formed = view_t(j.at("formed").get<uint64_t>());
        if (j.contains("view")) {
            s.view = record_from(j.at("view"));
            if (auto ok = validate(*s.view); !ok) {
                return ok.error();
            }
        }
        if (j.contains("seal")) {
            s.seal = seal_note{view_t(j.at("seal").at("formed").get<uint64_t>()),
                               index_t(j.at("seal").at("top").get<uint64_t>())};
        }
        if (j.contains("suspects")) {
            const json &of = j.at("suspects");
            s.suspects = suspect_note{{index_t(of.at("first").get<uint64_t>()),
                                       index_t(of.at("last").get<uint64_t>())},
                                      of.at("deaths").get<uint32_t>()};
        }
        s.skip = indices_of(j, "skip");
        s.unverified = indices_of(j, "unverified");
        if (s.self.value() >= member_count) {
            return fail(EINVAL, "self: no such slot");
        }
        return s;
    } catch (const json::exception &e) {
        return fail(EINVAL, e.what());
    }
}

void put_indices(json &j, const char *name, const std::vector<index_t> &of) {
    for (index_t at : of) {
        j[name].push_back(at.value());
    }
}

} // namespace

std::string encode_state(const disk_state &s, uint64_t seq) {
    json members = json::array();
    for (size_t i = 0; i < member_count; i++) {
        members.push_back({{"id", s.members[i].id.value()},
                           {"kind", static_cast<unsigned>(s.members[i].kind)},
                           {"name", s.members[i].name},
                           {"inc", s.peer_inc[i].value()}});
    }
    json j = {{"group", format_uuid(s.group)}, {"epoch", s.epoch.value()},
              {"lineage", s.lineage.value()},  {"members", members},
              {"self", s.self.value()},        {"inc", s.inc.value()},
              {"agreed", s.agreed.value()},    {"formed", s.formed.value()}};
    if (s.view) {
        j["view"] = to_json(*s.view);
    }
    if (s.seal) {
        j["seal"] = {{"formed", s.seal->formed.value()}, {"top", s.seal->top.value()}};
    }
    if (s.suspects) {
        j["suspects"] = {{"first", s.suspects->records.first.value()},
                         {"last", s.suspects->records.last.value()},
                         {"deaths", s.suspects->deaths}};
    }
    put_indices(j, "skip", s.skip);
    put_indices(j, "unverified", s.unverified);
    std::string body = j.dump(1) + "\n";
    return fmt::format("harp-state 1 {} {} {:08x}\n{}", seq, body.size(),
                       harp_crc32c(static_cast<uint32_t>(seq), body.data(), body.size()), body);
}

result<decoded_state> decode_state(std::string_view text) {
    auto eol = text.find('\n');
    if (eol == std::string_view::npos || eol > 80) {
        return fail(EBADMSG, "no header line");
    }
    std::string head(text.substr(0, eol));
    uint64_t seq = 0;
    size_t len = 0;
    uint32_t crc = 0;
    int used = 0;
    if (sscanf(head.c_str(), "harp-state 1 %" SCNu64 " %zu %8x%n", &seq, &len, &crc, &used) != 3 ||
        static_cast<size_t>(used) != head.size()) {
        return fail(EBADMSG, "not a state file of version 1");
    }
    std::string_view body = text.substr(eol + 1);
    if (body.size() != len) {
        return fail(EBADMSG, fmt::format("{} bytes, expected {}", body.size(), len));
    }
    if (harp_crc32c(static_cast<uint32_t>(seq), body.data(), body.size()) != crc) {
        return fail(EBADMSG, "checksum is wrong");
    }
    auto state = from_json(body);
    if (!state) {
        return state.error();
    }
    return decoded_state{seq, std::move(*state)};
}

std::string state_file::path(int copy) const {
    return fmt::format("{}/state.{}", dir_, copy);
}

bool state_file::exists() const {
    struct stat st {};
    return stat(path(0).c_str(), &st) == 0 || stat(path(1).c_str(), &st) == 0;
}

result<disk_state> state_file::load() {
    std::optional<decoded_state> best;
    std::string bad;
    int missing = 0;
    for (int copy = 0; copy < copies; copy++) {
        auto text = read_file(path(copy), max_size);
        missing += !text && text.error().code == ENOENT ? 1 : 0;
        auto state = text ? decode_state(*text) : result<decoded_state>(text.error());
        if (!state) {
            bad += fmt::format("{}{}: {}", bad.empty() ? "" : "; ", path(copy), state.error().text);
        } else if (!best || state->seq > best->seq) {
            best = *state;
        }
    }
    if (!best) {
        return fail(missing == copies ? ENOENT : EBADMSG, bad);
    }
    warning_ = bad;
    seq_ = best->seq;
    return best->state;
}

result<void> state_file::write_copy(int copy, const std::string &text) {
    unique_fd fd(open(path(copy).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    if (!fd) {
        return fail_errno(path(copy));
    }
    size_t done = 0;
    while (done < text.size()) {
        ssize_t n = pwrite(fd.get(), text.data() + done, text.size() - done,
                           static_cast<off_t>(done));
        if (n < 0) {
            return fail_errno(path(copy));
        }
        done += static_cast<size_t>(n);
    }
    if (ftruncate(fd.get(), static_cast<off_t>(text.size())) < 0 || fsync(fd.get()) < 0) {
        return fail_errno(path(copy));
    }
    return {};
}

result<void> state_file::store(const disk_state &state) {
    bool fresh = !exists();
    std::string text = encode_state(state, seq_ + 1);
    for (int copy = 0; copy < copies; copy++) {
        if (auto r = write_copy(copy, text); !r) {
            return r;
        }
        fault_point(copy + 1 < copies ? fault::half_stored : fault::stored);
    }
    seq_++;
    return fresh ? fsync_dir(dir_) : result<void>();
}

} // namespace harp::cluster
