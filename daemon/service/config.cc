// SPDX-License-Identifier: GPL-2.0
#include "service/config.hh"

#include <linux/harp_limits.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include <fmt/format.h>

#include "util/json.hh"

namespace harp::service {

namespace {

constexpr unsigned threads_max = 1024;
constexpr size_t addresses_max = 64;
constexpr size_t clients_max = 256;
/* nfsd's own bounds: fs/nfsd/nfsctl.c write_maxblksize(), __nfsd4_write_time(). */
constexpr uint32_t block_min = 1024, block_max = 1024 * 1024;
constexpr std::chrono::seconds time_min{10}, time_max{3600};

/*
 * What may be said of a client. The rest is refused and not passed through: it
 * would break a promise of the group (async, subtree_check, no_root_squash is fine),
 * the handles' identity (fsid, uuid), or means file systems harp does not have.
 */
constexpr std::array<std::string_view, 16> plain_options = {
        "ro",     "rw",       "root_squash",  "no_root_squash", "all_squash", "no_all_squash",
        "secure", "insecure", "secure_locks", "insecure_locks", "wdelay",     "no_wdelay",
        "acl",    "no_acl",   "auth_nlm",     "no_auth_nlm"};
constexpr std::array<std::string_view, 3> valued_options = {"sec", "anonuid", "anongid"};
/* Ours in any case; a person may write them. */
constexpr std::array<std::string_view, 3> forced_options = {"sync", "no_subtree_check", "fsid=0"};

template <typename Array>
bool contains(const Array &a, std::string_view what) {
    return std::find(a.begin(), a.end(), what) != a.end();
}

/* Exports files separate by white space, '(' and ','; '\' and '#' mean something. */
bool plain_word(std::string_view s) {
    return std::all_of(s.begin(), s.end(), [](char c) {
        return c > ' ' && c < 0x7f &&
               std::string_view("(),\\#\"'=").find(c) == std::string_view::npos;
    });
}

bool plain_path(std::string_view p) {
    if (p.size() < 2 || p.size() > 1024 || p.front() != '/' || p.back() == '/' ||
        p.find("//") != std::string_view::npos || p.find("/../") != std::string_view::npos ||
        p.ends_with("/..") || p.find("/./") != std::string_view::npos || p.ends_with("/.")) {
        return false;
    }
    return std::all_of(p.begin(), p.end(), [](char c) {
        return c > ' ' && c < 0x7f && c != '\\' && c != '#' && c != '"';
    });
}

failure bad(const std::string &what) {
    return fail(EINVAL, what);
}

result<void> check_group_name(const std::string &name) {
    const bool chars = std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
    if (name.empty() || name.size() > HARP_GROUP_NAME_MAX || !chars || name.front() == '-') {
        return bad(fmt::format("'{}' is not a group's name: expected 1 to {} of a-z, 0-9 and '-'",
                               name, HARP_GROUP_NAME_MAX));
    }
    return {};
}

result<void> check_link(const link_config &l) {
    if (l.parent.empty() || l.parent.size() >= IFNAMSIZ || !plain_word(l.parent) ||
        l.parent.find('/') != std::string::npos) {
        return bad(fmt::format("'{}' is not an interface's name", l.parent));
    }
    if (l.mode == mac_mode::group && (l.mac.zero() || !l.mac.unicast())) {
        return bad(fmt::format("{} cannot be the group's MAC address", l.mac.to_string()));
    }
    if (l.addresses.empty() || l.addresses.size() > addresses_max) {
        return bad(fmt::format("a group has 1 to {} addresses, not {}", addresses_max,
                               l.addresses.size()));
    }
    for (size_t i = 0; i < l.addresses.size(); i++) {
        for (size_t j = 0; j < i; j++) {
            if (l.addresses[i].address == l.addresses[j].address) {
                return bad(fmt::format("{} is given twice", l.addresses[i].address.to_string()));
            }
        }
    }
    for (const int family : {AF_INET, AF_INET6}) {
        if (std::count_if(l.gateways.begin(), l.gateways.end(),
                          [&](const auto &g) { return g.family == family; }) > 1) {
            return bad("more than one gateway of a family");
        }
    }
    return {};
}

result<void> check_nfsd(const nfsd_config &n) {
    if (n.threads < 1 || n.threads > threads_max) {
        return bad(fmt::format("threads = {}: expected 1 to {}", n.threads, threads_max));
    }
    if (n.versions.empty()) {
        return bad("no NFS version is served");
    }
    for (const auto &v : n.versions) {
        if (v != "3" && v != "4.0" && v != "4.1" && v != "4.2") {
            return bad(fmt::format("NFS version '{}': expected 3, 4.0, 4.1 or 4.2", v));
        }
    }
    if (n.max_block_size < block_min || n.max_block_size > block_max ||
        n.max_block_size % block_min != 0) {
        return bad(fmt::format("max_block_size = {}: expected a multiple of {} up to {}",
                               n.max_block_size, block_min, block_max));
    }
    for (const auto &[name, value] : {std::pair{"lease", n.lease}, std::pair{"grace", n.grace}}) {
        if (value < time_min || value > time_max) {
            return bad(fmt::format("{} = {} s: nfsd takes {} to {} s", name, value.count(),
                                   time_min.count(), time_max.count()));
        }
    }
    if (n.port == 0 || n.mountd_port == 0 || n.statd_port == 0 || n.port == n.mountd_port ||
        n.port == n.statd_port || n.mountd_port == n.statd_port) {
        return bad("the ports of nfsd, mountd and statd must be three different ones");
    }
    return {};
}

const char *name_of(mac_mode m) {
    return m == mac_mode::group ? "group" : "own";
}
const char *name_of(macvlan_mode m) {
    return m == macvlan_mode::bridge ? "bridge" : "private";
}
const char *name_of(helper_backend b) {
    return b == helper_backend::systemd ? "systemd" : "exec";
}

} // namespace

bool config::has_version(std::string_view v) const {
    return std::find(nfsd.versions.begin(), nfsd.versions.end(), v) != nfsd.versions.end();
}

bool config::serves_v4() const {
    return has_version("4.0") || has_version("4.1") || has_version("4.2");
}

result<std::string> export_options(std::string_view options) {
    std::string out;
    bool squash = false, access = false;
    while (!options.empty()) {
        const size_t comma = options.find(',');
        const std::string_view one = options.substr(0, comma);
        options = comma == std::string_view::npos ? "" : options.substr(comma + 1);
        if (contains(forced_options, one)) {
            continue;
        }
        const size_t equals = one.find('=');
        const bool valued = equals != std::string_view::npos &&
                            contains(valued_options, one.substr(0, equals)) &&
                            equals + 1 < one.size() && plain_word(one.substr(equals + 1));
        if (one == "async" || one == "subtree_check") {
            return bad(fmt::format("export option '{}' would break the group's promise to its "
                                   "clients and is refused",
                                   one));
        }
        if (!valued && !contains(plain_options, one)) {
            return bad(fmt::format("export option '{}' is not one a group can have", one));
        }
        squash |= one.ends_with("root_squash");
        access |= one == "rw" || one == "ro";
        out += fmt::format("{},", one);
    }
    if (!access) {
        out += "ro,"; /* as exports(5) has it */
    }
    if (!squash) {
        out += "root_squash,";
    }
    return out + "sync,no_subtree_check,fsid=0";
}

result<void> check(const config &c) {
    if (auto r = check_group_name(c.group); !r) {
        return r;
    }
    if (auto r = check_link(c.link); !r) {
        return r;
    }
    if (auto r = check_nfsd(c.nfsd); !r) {
        return r;
    }
    for (const auto &[name, path] :
         {std::pair{"export path", &c.export_path}, std::pair{"run directory", &c.run_dir},
          std::pair{"state directory", &c.state_dir}}) {
        if (!plain_path(*path)) {
            return bad(fmt::format("{} '{}': expected an absolute path without '.', '..', blanks",
                                   name, *path));
        }
    }
    /* These are the group's own inside its mount namespace, and hidden there. */
    for (const char *hidden : {"/run", "/var/lib/nfs", "/proc", "/sys", "/dev"}) {
        if (c.export_path == hidden || c.export_path.starts_with(std::string(hidden) + "/")) {
            return bad(fmt::format("export path '{}' lies under {}", c.export_path, hidden));
        }
    }
    if (c.helpers == helper_backend::systemd && c.run_dir != "/run/harp") {
        return bad(fmt::format("run directory '{}': the helpers' systemd units expect /run/harp",
                               c.run_dir));
    }
    if (c.clients.empty() || c.clients.size() > clients_max) {
        return bad(fmt::format("an export has 1 to {} clients, not {}", clients_max,
                               c.clients.size()));
    }
    for (const auto &client : c.clients) {
        if (client.client.empty() || client.client.size() > 255 || !plain_word(client.client)) {
            return bad(fmt::format("'{}' is not a client", client.client));
        }
        if (auto r = export_options(client.options); !r) {
            return r.error();
        }
    }
    return {};
}

std::string to_json(const config &c) {
    json addresses = json::array(), gateways = json::array(), clients = json::array();
    for (const auto &a : c.link.addresses) {
        addresses.push_back(a.to_string());
    }
    for (const auto &g : c.link.gateways) {
        gateways.push_back(g.to_string());
    }
    for (const auto &x : c.clients) {
        clients.push_back({{"client", x.client}, {"options", x.options}});
    }
    return json{{"group", c.group},
                {"parent", c.link.parent},
                {"mac_mode", name_of(c.link.mode)},
                {"mac", c.link.mac.to_string()},
                {"macvlan", name_of(c.link.macvlan)},
                {"addresses", addresses},
                {"gateways", gateways},
                {"threads", c.nfsd.threads},
                {"versions", c.nfsd.versions},
                {"max_block_size", c.nfsd.max_block_size},
                {"lease", c.nfsd.lease.count()},
                {"grace", c.nfsd.grace.count()},
                {"port", c.nfsd.port},
                {"mountd_port", c.nfsd.mountd_port},
                {"statd_port", c.nfsd.statd_port},
                {"export_path", c.export_path},
                {"clients", clients},
                {"helpers", name_of(c.helpers)},
                {"run_dir", c.run_dir},
                {"state_dir", c.state_dir}}
            .dump();
}

namespace {

/* What is not given keeps its default. */
template <typename T>
void read(const json &j, const char *key, T &into) {
    if (const json *v = j.find(key); v != nullptr) {
        v->get_to(into);
    }
}

result<void> read_link(const json &j, link_config &l) {
    read(j, "parent", l.parent);
    l.mode = j.value("mac_mode", "group") == std::string("own") ? mac_mode::own : mac_mode::group;
    l.macvlan = j.value("macvlan", "bridge") == std::string("private") ? macvlan_mode::isolated
                                                                       : macvlan_mode::bridge;
    if (l.mode == mac_mode::group) {
        auto mac = net::parse_mac(j.value("mac", ""));
        if (!mac) {
            return mac.error();
        }
        l.mac = *mac;
    }
    for (const auto &text : j.value("addresses", std::vector<std::string>{})) {
        auto p = net::parse_prefix(text);
        if (!p) {
            return p.error();
        }
        l.addresses.push_back(*p);
    }
    for (const auto &text : j.value("gateways", std::vector<std::string>{})) {
        auto g = net::parse_ip(text);
        if (!g) {
            return g.error();
        }
        l.gateways.push_back(*g);
    }
    return {};
}

void read_nfsd(const json &j, nfsd_config &n) {
    read(j, "threads", n.threads);
    read(j, "versions", n.versions);
    read(j, "max_block_size", n.max_block_size);
    n.lease = std::chrono::seconds(j.value("lease", n.lease.count()));
    n.grace = std::chrono::seconds(j.value("grace", n.grace.count()));
    read(j, "port", n.port);
    read(j, "mountd_port", n.mountd_port);
    read(j, "statd_port", n.statd_port);
}

} // namespace

result<config> from_json(std::string_view text) {
    config c;
    try {
        const json j = json::parse(text);
        read(j, "group", c.group);
        if (auto r = read_link(j, c.link); !r) {
            return r.error();
        }
        read_nfsd(j, c.nfsd);
        read(j, "export_path", c.export_path);
        for (const auto &x : j.value("clients", json::array())) {
            c.clients.push_back({x.at("client").get<std::string>(), x.value("options", "")});
        }
        c.helpers = j.value("helpers", "systemd") == std::string("exec") ? helper_backend::exec
                                                                         : helper_backend::systemd;
        read(j, "run_dir", c.run_dir);
        read(j, "state_dir", c.state_dir);
    } catch (const json::exception &e) {
        return fail(EINVAL, fmt::format("a service's configuration: {}", e.what()));
    }
    if (auto r = check(c); !r) {
        return r.error();
    }
    return c;
}

} // namespace harp::service
