// SPDX-License-Identifier: GPL-2.0
#include "net/sysctl.hh"

#include <fcntl.h>

#include <array>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "net/fd.hh"

namespace harp::net {

std::vector<sysctl> required_sysctls() {
    std::vector<sysctl> out;
    for (const char *where : {"all", "default"}) {
        const auto v4 = [&](const char *key, const char *value) {
            out.push_back({fmt::format("net.ipv4.conf.{}.{}", where, key), value});
        };
        const auto v6 = [&](const char *key, const char *value) {
            out.push_back({fmt::format("net.ipv6.conf.{}.{}", where, key), value});
        };
        v4("arp_ignore", "1");   /* answer only for addresses of the link asked */
        v4("arp_announce", "2"); /* ask only with an address of the link used */
        v4("rp_filter", "0");    /* a client may come by another way than ours back */
        v4("accept_redirects", "0");
        v6("accept_redirects", "0");
        v6("accept_ra", "0"); /* addresses and routes are the group's configuration */
        v6("autoconf", "0");
        v6("accept_dad", "0"); /* 1 s of tentative address at each takeover (kernel-notes 46) */
        v6("dad_transmits", "0");
    }
    return out;
}

result<std::string> sysctl_path(std::string_view name) {
    std::string path = "/proc/sys/";
    char before = '.';
    for (const char c : name) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
        if (!plain && !(c == '.' && before != '.')) {
            return fail(EINVAL, fmt::format("'{}' is not a sysctl's name", name));
        }
        path += c == '.' ? '/' : c;
        before = c;
    }
    if (before == '.') {
        return fail(EINVAL, fmt::format("'{}' is not a sysctl's name", name));
    }
    return path;
}

result<void> set_sysctl(const sysctl &s) {
    auto path = sysctl_path(s.name);
    if (!path) {
        return path.error();
    }
    unique_fd fd(open(path->c_str(), O_RDWR | O_CLOEXEC));
    if (!fd && errno == ENOENT) {
        return {};
    }
    std::array<char, 64> now{};
    if (!fd || write(fd.get(), s.value.data(), s.value.size()) < 0 ||
        pread(fd.get(), now.data(), now.size() - 1, 0) < 0) {
        const int code = errno;
        return fail(code, fmt::format("{} = {}: {}", s.name, s.value, strerror(code)));
    }
    std::string_view got(now.data());
    while (!got.empty() && got.back() == '\n') {
        got.remove_suffix(1);
    }
    if (got != s.value) {
        return fail(EIO, fmt::format("{} is {} after {} was written", s.name, got, s.value));
    }
    return {};
}

} // namespace harp::net
