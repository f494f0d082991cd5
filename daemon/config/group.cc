/* SPDX-License-Identifier: GPL-2.0 */
#include "config/group.hh"

#include "codec.h"
#include "linux/harp_limits.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <set>

namespace harp::config {

namespace {

constexpr std::string_view region_expected =
        "mem:SIZE, memmap:ADDRESS:SIZE or reserve:LABEL (SIZE from 4M)";
/* The witness's log must be able to hold what a data member's region can. */
constexpr uint64_t log_size_min = 16u << 20;
/* It has a region's header, which names no more: a larger one could not be read again. */
constexpr uint64_t log_size_max = HARP_REGION_MAX;
constexpr uint64_t page = 4096;

result<uint64_t> region_size(std::string_view text) {
    auto size = parse_size(text);
    if (!size) {
        return size;
    }
    if (*size < HARP_REGION_MIN || *size > HARP_REGION_MAX || *size % page != 0) {
        return fail(ERANGE, fmt::format("a log of {} bytes, expected 4M to 64G, a multiple of 4096",
                                        *size));
    }
    return size;
}

void read_lower(table_reader &r, member_config &m, complaints &out, const std::string &where) {
    const node *n = r.subtable("lower", true);
    if (n == nullptr) {
        return;
    }
    table_reader lower(*n, where + ".lower", out);
    m.device = lower.string("device", "a block device with an absolute path");
    if (!m.device.empty() && m.device[0] != '/') {
        lower.wrong("device", fmt::format("found '{}', expected an absolute path of a block device",
                                          m.device));
    }
    m.fs_type = lower.choice("type", {"ext4", "xfs"}, true);
    m.fs_options = lower.string_or("options", "", "mount options");
    m.fs_options_line = lower.line("options");
    lower.finish();
}

void read_data_member(table_reader &r, member_config &m, complaints &out,
                      const std::string &where) {
    read_lower(r, m, out, where);
    std::string text = r.string("region", region_expected);
    if (!text.empty()) {
        auto region = parse_region(text);
        if (region) {
            m.region = *region;
            m.region.line = r.line("region");
        } else {
            r.wrong("region", region.error().text);
        }
    }
    m.parent = r.string_or("parent", "", "a network interface");
}

std::optional<member_config> read_member(const node &n, complaints &out) {
    table_reader r(n, "[[member]]", out);
    member_config m;
    m.name = r.string("name", "the machine's name");
    if (!m.name.empty() && !is_name(m.name)) {
        r.wrong("name", fmt::format("found '{}', expected 1 to 32 of a-z, 0-9 and '-'", m.name));
    }
    std::string role = r.choice("role", {"primary", "backup", "witness"}, true);
    m.kind = role == "primary"  ? vsr::member_kind::primary
             : role == "backup" ? vsr::member_kind::backup
                                : vsr::member_kind::witness;
    for (const auto &[text, line] :
         r.strings("addresses", true, "addresses, one for each network")) {
        auto ip = net::parse_ip(text);
        if (!ip) {
            out.add(line, fmt::format("addresses: found '{}', expected an IP address", text));
        }
        m.addresses.push_back(text);
    }
    m.control_port = static_cast<uint16_t>(
            r.integer_or("control_port", default_control_port, 1, 65535));
    m.record_port = static_cast<uint16_t>(
            r.integer_or("record_port", default_record_port, 1, 65535));
    if (m.is_data()) {
        read_data_member(r, m, out, "[[member]] " + m.name);
    } else {
        std::string size = r.string_or("log_size", "256M", "a size");
        auto bytes = parse_size(size);
        if (!bytes || *bytes < log_size_min || *bytes > log_size_max || *bytes % page != 0) {
            r.wrong("log_size",
                    fmt::format("found '{}', expected 16M to 64G, a multiple of 4096", size));
        } else {
            m.log_size = *bytes;
            m.log_size_line = r.line("log_size");
        }
        m.log_warn_pct = static_cast<unsigned>(r.integer_or("log_warn_pct", m.log_warn_pct, 1, 99));
    }
    r.finish();
    return m;
}

std::multiset<std::string> words_of(std::string_view options) {
    std::multiset<std::string> out;
    while (!options.empty()) {
        auto comma = std::min(options.find(','), options.size());
        out.emplace(options.substr(0, comma));
        options.remove_prefix(std::min(comma + 1, options.size()));
    }
    return out;
}

/* The same operation must end in the same way on both, whatever of it an option decides. */
void check_lowers(const group_config &g, complaints &out) {
    const member_config &first = g.members[0], &second = g.members[1];
    if (words_of(first.fs_options) != words_of(second.fs_options)) {
        out.add(second.fs_options_line,
                fmt::format("lower: member '{}' has the options '{}', expected those that member "
                            "'{}' has in line {}, '{}'",
                            second.name, second.fs_options, first.name, first.fs_options_line,
                            first.fs_options));
    }
}

/*
 * Of two rings the smaller would be full, and the link stand still, while the larger one's
 * member sees no reason yet to write back. And a promoted witness takes the whole log a
 * data member retains (V6). Behind a label's size harpd looks when it makes the group.
 */
void check_sizes(const group_config &g, complaints &out) {
    const member_config &first = g.members[0], &second = g.members[1], &witness = g.members[2];
    if (first.region.size != 0 && second.region.size != 0 &&
        first.region.size != second.region.size) {
        out.add(second.region.line,
                fmt::format("region: found '{}', expected the size that member '{}' has in line "
                            "{}, '{}'",
                            second.region.text, first.name, first.region.line, first.region.text));
    }
    const region_config &larger = first.region.size < second.region.size ? second.region
                                                                         : first.region;
    if (witness.log_size_line != 0 && witness.log_size < larger.size) {
        out.add(witness.log_size_line,
                fmt::format("log_size: found {}, expected at least a data member's region, '{}'",
                            format_size(witness.log_size), larger.text));
    }
}

void read_members(table_reader &r, group_config &g, complaints &out) {
    auto list = r.subtables("member", true);
    std::array<bool, vsr::member_count> seen{};
    std::set<std::string> names;
    for (const node *n : list) {
        auto m = read_member(*n, out);
        auto slot = static_cast<size_t>(m->kind);
        if (seen[slot]) {
            out.add(n->line, "a second member with this role, expected one primary, one backup and "
                             "one witness");
        }
        if (!m->name.empty() && !names.insert(m->name).second) {
            out.add(n->line, fmt::format("member '{}' is there twice", m->name));
        }
        seen[slot] = true;
        g.members[slot] = std::move(*m);
    }
    static const char *const role_names[] = {"primary", "backup", "witness"};
    for (size_t slot = 0; slot < seen.size() && !list.empty(); slot++) {
        if (!seen[slot]) {
            out.add(1, fmt::format("no member with role = \"{}\", expected one primary, one backup "
                                   "and one witness",
                                   role_names[slot]));
        }
    }
    for (const auto &m : g.members) {
        if (m.addresses.size() != g.members[0].addresses.size() && !list.empty()) {
            out.add(list.front()->line,
                    fmt::format("member '{}' has {} addresses and '{}' has {}, expected one for "
                                "each network, in the same order",
                                m.name, m.addresses.size(), g.members[0].name,
                                g.members[0].addresses.size()));
            break;
        }
    }
}

void read_link(table_reader &r, group_config &g, complaints &out) {
    auto &link = g.service.link;
    for (const auto &[text, line] :
         r.strings("addresses", true, "addresses with a prefix length, as \"192.0.2.10/24\"")) {
        auto prefix = net::parse_prefix(text);
        if (prefix) {
            link.addresses.push_back(*prefix);
        } else {
            out.add(line, fmt::format("addresses: {}", prefix.error().text));
        }
    }
    for (const auto &[text, line] : r.strings("gateways", false, "gateway addresses")) {
        auto ip = net::parse_ip(text);
        if (ip) {
            link.gateways.push_back(*ip);
        } else {
            out.add(line, fmt::format("gateways: {}", ip.error().text));
        }
    }
    std::string mac = r.string_or("mac", "", "a MAC address or \"own\"");
    if (mac == "own") {
        link.mode = service::mac_mode::own;
    } else if (!mac.empty()) {
        auto parsed = net::parse_mac(mac);
        if (parsed && parsed->unicast() && !parsed->zero()) {
            link.mac = *parsed;
            g.mac_given = true;
        } else {
            r.wrong("mac",
                    fmt::format("found '{}', expected a unicast MAC address or \"own\"", mac));
        }
    }
    link.parent = r.string_or("parent", "", "a network interface");
    link.macvlan = r.choice("macvlan", {"bridge", "isolated"}, false) == "bridge"
                           ? service::macvlan_mode::bridge
                           : service::macvlan_mode::isolated;
    g.service.export_path = r.string_or("path", "/srv/" + g.name, "an absolute path");
    g.service.helpers = r.choice("helpers", {"systemd", "exec"}, false) == "exec"
                                ? service::helper_backend::exec
                                : service::helper_backend::systemd;
    r.finish();
}

void read_nfs(const node *n, group_config &g, complaints &out) {
    if (n == nullptr) {
        return;
    }
    table_reader r(*n, "[nfs]", out);
    auto &nfs = g.service.nfsd;
    if (r.has("versions")) {
        nfs.versions.clear();
    }
    static const std::set<std::string> known = {"3", "4.0", "4.1", "4.2"};
    for (const auto &[text, line] : r.strings("versions", false, "NFS versions")) {
        if (!known.contains(text)) {
            out.add(line, fmt::format("versions: found '{}', expected \"3\", \"4.0\", \"4.1\" or "
                                      "\"4.2\"",
                                      text));
        }
        nfs.versions.push_back(text);
    }
    nfs.threads = static_cast<unsigned>(r.integer_or("threads", nfs.threads, 1, 1024));
    std::string block = r.string_or("max_block_size", "1M", "a size");
    auto bytes = parse_size(block);
    if (!bytes || *bytes < 4096 || *bytes > HARP_DATA_MAX || *bytes % 1024 != 0) {
        r.wrong("max_block_size",
                fmt::format("found '{}', expected 4K to 1M, a multiple of 1024", block));
    } else {
        nfs.max_block_size = static_cast<uint32_t>(*bytes);
    }
    nfs.lease = std::chrono::seconds(r.integer_or("lease", nfs.lease.count(), 10, 3600));
    nfs.grace = std::chrono::seconds(r.integer_or("grace", nfs.grace.count(), 10, 3600));
    nfs.port = static_cast<uint16_t>(r.integer_or("port", nfs.port, 1, 65535));
    nfs.mountd_port = static_cast<uint16_t>(r.integer_or("mountd_port", nfs.mountd_port, 1, 65535));
    nfs.statd_port = static_cast<uint16_t>(r.integer_or("statd_port", nfs.statd_port, 1, 65535));
    r.finish();
}

void read_exports(table_reader &r, group_config &g, complaints &out) {
    for (const node *n : r.subtables("export", true)) {
        table_reader e(*n, "[[export]]", out);
        service::export_client client;
        client.client = e.string("client", "a host, a network or \"*\"");
        client.options = e.string_or("options", "rw", "export options");
        auto checked = service::export_options(client.options);
        if (!checked) {
            e.wrong("options", checked.error().text);
        }
        e.finish();
        g.service.clients.push_back(client);
    }
}

void read_times(table_reader &r, group_config &g) {
    g.confirms = r.choice("lease", {"time", "confirm"}, false) == "confirm";
    g.stop_at_suspects = r.choice("suspects", {"try", "stop"}, false) == "stop";
    g.promise_ms = static_cast<uint32_t>(
            r.integer_or("promise_ms", 2000, HARP_PROMISE_MIN_MS, HARP_PROMISE_CAP_MS));
    g.detect_ms = static_cast<uint32_t>(
            r.integer_or("detect_ms", g.promise_ms, HARP_PROMISE_MIN_MS, 60000));
    /* V1: T_detect >= Δ, or the lease is still running when the proposal is made. */
    if (g.detect_ms < g.promise_ms) {
        r.wrong("detect_ms", fmt::format("found {}, expected at least promise_ms ({})", g.detect_ms,
                                         g.promise_ms));
    }
}

/* Parents may differ per machine, or be the same everywhere. */
void check_parents(group_config &g, complaints &out) {
    for (const auto &m : g.members) {
        if (m.is_data() && m.parent.empty() && g.service.link.parent.empty() && !m.name.empty()) {
            out.add(1, fmt::format("no 'parent' for member '{}', expected the network interface "
                                   "under the group's addresses, in [service] or [[member]]",
                                   m.name));
        }
    }
}

} // namespace

result<region_config> parse_region(std::string_view text) {
    region_config out;
    out.text = std::string(text);
    auto colon = text.find(':');
    std::string_view kind = text.substr(0, colon);
    std::string_view rest = colon == std::string_view::npos ? "" : text.substr(colon + 1);
    if (kind == "mem") {
        auto size = region_size(rest);
        if (!size) {
            return size.error();
        }
        out.what = region_config::kind::mem;
        out.size = *size;
        return out;
    }
    if (kind == "reserve" && !rest.empty() && rest.size() < 32) {
        out.what = region_config::kind::reserve;
        out.label = std::string(rest);
        return out;
    }
    auto second = rest.find(':');
    if (kind != "memmap" || second == std::string_view::npos) {
        return fail(EINVAL, fmt::format("found '{}', expected {}", text, region_expected));
    }
    std::string_view address = rest.substr(0, second);
    int base = address.starts_with("0x") ? 16 : 10;
    address.remove_prefix(base == 16 ? 2 : 0);
    auto [end, ec] = std::from_chars(address.data(), address.data() + address.size(), out.start,
                                     base);
    if (ec != std::errc() || end != address.data() + address.size() || out.start % page != 0) {
        return fail(EINVAL, fmt::format("found '{}', expected a physical address that is a "
                                        "multiple of 4096",
                                        rest.substr(0, second)));
    }
    auto size = region_size(rest.substr(second + 1));
    if (!size) {
        return size.error();
    }
    out.what = region_config::kind::memmap;
    out.size = *size;
    return out;
}

/* reserve_mem=SIZE:ALIGNMENT:LABEL, the kernel's Documentation/admin-guide. */
result<uint64_t> region_bytes(const region_config &region, std::string_view cmdline) {
    if (region.what != region_config::kind::reserve) {
        return region.size;
    }
    for (std::string_view word : boot_arguments(cmdline, "reserve_mem")) {
        auto first = word.find(':'), last = word.rfind(':');
        if (first != last && word.substr(last + 1) == region.label) {
            return region_size(word.substr(0, first));
        }
    }
    return fail(ENOENT, fmt::format("region '{}': the kernel was started without "
                                    "reserve_mem=SIZE:ALIGNMENT:{}",
                                    region.text, region.label));
}

result<group_config> read_group(const document &doc) {
    complaints out(doc.file);
    table_reader r(doc.root, "the file", out);
    group_config g;
    g.file = doc.file;
    g.name = r.string("name", "the group's name");
    if (!g.name.empty() && !is_name(g.name)) {
        r.wrong("name", fmt::format("found '{}', expected 1 to 32 of a-z, 0-9 and '-'", g.name));
    }
    std::string uuid = r.string_or("uuid", "", "a UUID");
    if (!uuid.empty()) {
        auto parsed = parse_uuid(uuid);
        if (parsed) {
            g.uuid = *parsed;
        } else {
            r.wrong("uuid", parsed.error().text);
        }
    }
    read_times(r, g);
    read_members(r, g, out);
    if (const node *svc = r.subtable("service", true)) {
        table_reader s(*svc, "[service]", out);
        read_link(s, g, out);
    }
    complaints differ(doc.file);
    check_lowers(g, differ);
    check_sizes(g, differ);
    g.unfit = differ.list();
    read_nfs(r.subtable("nfs", false), g, out);
    read_exports(r, g, out);
    r.finish();
    check_parents(g, out);
    g.service.group = g.name;
    if (!out.empty()) {
        return out.to_failure();
    }
    return g;
}

result<group_config> load_group(const std::string &path) {
    auto text = read_file(path, 1u << 20);
    if (!text) {
        return text.error();
    }
    auto doc = parse_document(path, *text);
    if (!doc) {
        return doc.error();
    }
    auto g = read_group(*doc);
    if (g) {
        g->digest = harp_crc32c(0, text->data(), text->size());
    }
    return g;
}

result<void> group_config::may_be_made() const {
    return unfit.empty() ? result<void>() : fail(EINVAL, fmt::format("{}", fmt::join(unfit, "\n")));
}

std::optional<slot_t> group_config::slot_of(const std::string &node) const {
    for (size_t i = 0; i < members.size(); i++) {
        if (members[i].name == node) {
            return slot_t(static_cast<uint8_t>(i));
        }
    }
    return std::nullopt;
}

} // namespace harp::config
