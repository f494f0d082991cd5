// SPDX-License-Identifier: GPL-2.0
#include "net/tcp.hh"

#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include <fmt/format.h>

#include "net/fd.hh"

namespace harp::net {

namespace {

constexpr size_t buffer_size = 32768;
constexpr uint32_t all_but_listen = 0xfffU & ~(1U << TCP_LISTEN);

struct mnl_closer {
    void operator()(mnl_socket *s) const { mnl_socket_close(s); }
};
using mnl_ptr = std::unique_ptr<mnl_socket, mnl_closer>;

failure errno_failure(const char *what) {
    const int code = errno;
    return fail(code, fmt::format("{}: {}", what, strerror(code)));
}

result<mnl_ptr> open_diag() {
    mnl_ptr s(mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC));
    if (!s || mnl_socket_bind(s.get(), 0, MNL_SOCKET_AUTOPID) < 0) {
        return errno_failure("sock_diag");
    }
    return s;
}

struct found_socket {
    inet_diag_sockid id;
    uint8_t family;
};

struct collector {
    std::vector<found_socket> found;
    size_t limit;
    uint16_t local_port; /* 0: any */
};

int collect(const nlmsghdr *nlh, void *data) {
    auto &c = *static_cast<collector *>(data);
    if (mnl_nlmsg_get_payload_len(nlh) < sizeof(inet_diag_msg)) {
        return MNL_CB_OK;
    }
    const auto *msg = static_cast<const inet_diag_msg *>(mnl_nlmsg_get_payload(nlh));
    const bool wanted = c.local_port == 0 || ntohs(msg->id.idiag_sport) == c.local_port;
    if (wanted && c.found.size() < c.limit) {
        c.found.push_back({msg->id, msg->idiag_family});
    }
    return MNL_CB_OK;
}

result<void> dump(mnl_socket *s, uint8_t family, uint32_t states, collector &into) {
    alignas(nlmsghdr) std::array<char, buffer_size> buffer{};
    nlmsghdr *nlh = mnl_nlmsg_put_header(buffer.data());
    nlh->nlmsg_type = SOCK_DIAG_BY_FAMILY;
    nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    auto *req = static_cast<inet_diag_req_v2 *>(
            mnl_nlmsg_put_extra_header(nlh, sizeof(inet_diag_req_v2)));
    req->sdiag_family = family;
    req->sdiag_protocol = IPPROTO_TCP;
    req->idiag_states = states;
    if (mnl_socket_sendto(s, nlh, nlh->nlmsg_len) < 0) {
        return errno_failure("sock_diag dump");
    }
    for (;;) {
        const ssize_t n = mnl_socket_recvfrom(s, buffer.data(), buffer.size());
        if (n < 0) {
            return errno_failure("sock_diag dump");
        }
        const int rc = mnl_cb_run(buffer.data(), static_cast<size_t>(n), 0,
                                  mnl_socket_get_portid(s), collect, &into);
        if (rc < 0) {
            return errno_failure("sock_diag dump");
        }
        if (rc == MNL_CB_STOP) {
            return {};
        }
    }
}

/* 0, or errno. ENOENT: it went by itself. */
int destroy(mnl_socket *s, const found_socket &victim) {
    alignas(nlmsghdr) std::array<char, buffer_size> buffer{};
    nlmsghdr *nlh = mnl_nlmsg_put_header(buffer.data());
    nlh->nlmsg_type = SOCK_DESTROY;
    nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    auto *req = static_cast<inet_diag_req_v2 *>(
            mnl_nlmsg_put_extra_header(nlh, sizeof(inet_diag_req_v2)));
    req->sdiag_family = victim.family;
    req->sdiag_protocol = IPPROTO_TCP;
    req->idiag_states = ~0U;
    req->id = victim.id;
    if (mnl_socket_sendto(s, nlh, nlh->nlmsg_len) < 0) {
        return errno;
    }
    const ssize_t n = mnl_socket_recvfrom(s, buffer.data(), buffer.size());
    if (n < 0 || mnl_cb_run(buffer.data(), static_cast<size_t>(n), 0, mnl_socket_get_portid(s),
                            nullptr, nullptr) < 0) {
        return errno;
    }
    return 0;
}

/* An IPv4 connection on an IPv6 socket is an IPv4 connection. */
ip_address address_from(uint8_t family, const __be32 *words) {
    static constexpr uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    ip_address a;
    a.family = family;
    memcpy(a.bytes.data(), words, a.size());
    if (family == AF_INET6 && memcmp(a.bytes.data(), mapped, sizeof(mapped)) == 0) {
        ip_address v4;
        v4.family = AF_INET;
        memcpy(v4.bytes.data(), a.bytes.data() + sizeof(mapped), 4);
        return v4;
    }
    return a;
}

uint32_t sum16(std::span<const uint8_t> bytes, uint32_t sum) {
    for (size_t i = 0; i + 1 < bytes.size(); i += 2) {
        sum += static_cast<uint32_t>(bytes[i] << 8 | bytes[i + 1]);
    }
    return sum;
}

uint16_t fold(uint32_t sum) {
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return static_cast<uint16_t>(~sum);
}

void put16(std::vector<uint8_t> &v, size_t at, uint16_t x) {
    v[at] = static_cast<uint8_t>(x >> 8);
    v[at + 1] = static_cast<uint8_t>(x);
}

} // namespace

result<std::vector<connection>> established(uint16_t local_port, size_t limit) {
    auto s = open_diag();
    if (!s) {
        return s.error();
    }
    collector c{{}, limit, local_port};
    for (const uint8_t family : {uint8_t{AF_INET}, uint8_t{AF_INET6}}) {
        if (auto r = dump(s->get(), family, 1U << TCP_ESTABLISHED, c); !r) {
            return r.error();
        }
    }
    std::vector<connection> out;
    out.reserve(c.found.size());
    for (const auto &f : c.found) {
        out.push_back({address_from(f.family, f.id.idiag_src), ntohs(f.id.idiag_sport),
                       address_from(f.family, f.id.idiag_dst), ntohs(f.id.idiag_dport)});
    }
    return out;
}

result<size_t> destroy_all() {
    auto s = open_diag();
    if (!s) {
        return s.error();
    }
    collector c{{}, SIZE_MAX, 0};
    for (const uint8_t family : {uint8_t{AF_INET}, uint8_t{AF_INET6}}) {
        if (auto r = dump(s->get(), family, all_but_listen, c); !r) {
            return r.error();
        }
    }
    size_t gone = 0;
    int first = 0;
    for (const auto &f : c.found) {
        const int code = destroy(s->get(), f);
        if (code == 0 || code == ENOENT) {
            gone++;
        } else if (first == 0) {
            first = code;
        }
    }
    if (first != 0) {
        return fail(first,
                    fmt::format("{} of {} TCP sockets were not destroyed: {}{}",
                                c.found.size() - gone, c.found.size(), strerror(first),
                                first == EOPNOTSUPP ? " (kernel without INET_DIAG_DESTROY)" : ""));
    }
    return gone;
}

std::vector<uint8_t> tickle_segment(const connection &c) {
    const bool v6 = c.local.family == AF_INET6;
    const size_t tcp_at = v6 ? 40 : 20, asize = c.local.size();
    std::vector<uint8_t> p(tcp_at + 20, 0);
    const size_t from_at = v6 ? 8 : 12;
    if (v6) {
        p[0] = 0x60;
        put16(p, 4, 20);
        p[6] = IPPROTO_TCP;
        p[7] = 64;
    } else {
        p[0] = 0x45;
        put16(p, 2, static_cast<uint16_t>(p.size()));
        p[8] = 64;
        p[9] = IPPROTO_TCP;
    }
    memcpy(&p[from_at], c.local.bytes.data(), asize);
    memcpy(&p[from_at + asize], c.peer.bytes.data(), asize);
    if (!v6) {
        put16(p, 10, fold(sum16(std::span(p).first(20), 0)));
    }
    put16(p, tcp_at, c.local_port);
    put16(p, tcp_at + 2, c.peer_port);
    /* Sequence and acknowledgement 0: outside any window but by rare chance. */
    p[tcp_at + 12] = 5 << 4;
    p[tcp_at + 13] = 0x10; /* ACK */
    const std::span<const uint8_t> all(p);
    const uint32_t pseudo = sum16(all.subspan(from_at, 2 * asize), IPPROTO_TCP + 20);
    put16(p, tcp_at + 16, fold(sum16(all.subspan(tcp_at), pseudo)));
    return p;
}

std::string pack_connections(std::span<const connection> clients, size_t bytes_max) {
    std::string out;
    const auto put_end = [&out](const ip_address &a, uint16_t port) {
        out.append(reinterpret_cast<const char *>(a.bytes.data()), a.size());
        out += static_cast<char>(port >> 8);
        out += static_cast<char>(port);
    };
    for (const auto &c : clients) {
        const size_t size = 1 + 2 * (c.local.size() + 2);
        if (c.local.family != c.peer.family || out.size() + size > bytes_max) {
            continue;
        }
        out += c.local.family == AF_INET6 ? '6' : '4';
        put_end(c.local, c.local_port);
        put_end(c.peer, c.peer_port);
    }
    return out;
}

result<std::vector<connection>> unpack_connections(std::string_view bytes) {
    std::vector<connection> out;
    const auto take_end = [&bytes](ip_address &a, uint16_t &port, int family) {
        a.family = family;
        memcpy(a.bytes.data(), bytes.data(), a.size());
        const auto byte = [&](size_t i) { return static_cast<uint8_t>(bytes[a.size() + i]); };
        port = static_cast<uint16_t>(byte(0) << 8 | byte(1));
        bytes.remove_prefix(a.size() + 2);
        return parse_ip(a.to_string()).ok() && port != 0;
    };
    while (!bytes.empty()) {
        const char kind = bytes.front();
        bytes.remove_prefix(1);
        const int family = kind == '6' ? AF_INET6 : AF_INET;
        const size_t need = 2 * (family == AF_INET6 ? 18 : 6);
        connection c;
        if ((kind != '4' && kind != '6') || bytes.size() < need || out.size() == connections_max ||
            !take_end(c.local, c.local_port, family) || !take_end(c.peer, c.peer_port, family)) {
            return fail(EBADMSG, "a peer's list of clients is damaged");
        }
        out.push_back(c);
    }
    return out;
}

result<size_t> tickle(std::span<const connection> clients) {
    unique_fd v4(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW));
    unique_fd v6(socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW));
    size_t sent = 0;
    int first = 0;
    for (const auto &c : clients) {
        if (c.local.family != c.peer.family) {
            continue;
        }
        const auto p = tickle_segment(c);
        sockaddr_in6 to6{};
        sockaddr_in to4{};
        ssize_t n = 0;
        if (c.peer.family == AF_INET6) {
            to6.sin6_family = AF_INET6;
            memcpy(&to6.sin6_addr, c.peer.bytes.data(), 16);
            n = sendto(v6.get(), p.data(), p.size(), 0, reinterpret_cast<const sockaddr *>(&to6),
                       sizeof(to6));
        } else {
            to4.sin_family = AF_INET;
            memcpy(&to4.sin_addr, c.peer.bytes.data(), 4);
            n = sendto(v4.get(), p.data(), p.size(), 0, reinterpret_cast<const sockaddr *>(&to4),
                       sizeof(to4));
        }
        if (n == static_cast<ssize_t>(p.size())) {
            sent++;
        } else if (first == 0) {
            first = n < 0 ? errno : EIO;
        }
    }
    if (sent == 0 && first != 0) {
        return fail(first, fmt::format("tickling clients: {}", strerror(first)));
    }
    return sent;
}

} // namespace harp::net
