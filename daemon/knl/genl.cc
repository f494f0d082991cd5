/* SPDX-License-Identifier: GPL-2.0 */
#include "knl/genl.hh"

#include "linux/harp_limits.h"
#include "linux/harp_netlink.h"
#include "util/text.hh"

#include <cstring>
#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <sys/socket.h>

namespace harp::knl {

namespace {

static_assert(HARP_A_MAX < 128, "attributes::number is too small");

/* A reply carries at most one record that is longer than 64 KiB, or several shorter ones. */
constexpr size_t receive_max = HARP_REC_MAX + 128 * 1024;
/* Commands are answered at once or say what they wait for; this is a stuck kernel. */
constexpr int receive_seconds = 20;

enum class kind : uint8_t { number, text, binary, views };

kind kind_of(int attr) {
    switch (attr) {
    case HARP_A_GROUP:
    case HARP_A_TEXT:
    case HARP_A_REGION_WHY:
        return kind::text;
    case HARP_A_UUID:
    case HARP_A_VIEW_RECORD:
    case HARP_A_RECORDS:
        return kind::binary;
    case HARP_A_VIEWS:
        return kind::views;
    default:
        return kind::number;
    }
}

result<void> decode_number(const nlattr *a, int type, attributes &out) {
    const void *p = mnl_attr_get_payload(a);
    switch (mnl_attr_get_payload_len(a)) {
    case 1:
        out.number[static_cast<size_t>(type)] = mnl_attr_get_u8(a);
        break;
    case 4: {
        uint32_t v = 0;
        memcpy(&v, p, sizeof(v));
        out.number[static_cast<size_t>(type)] = v;
        break;
    }
    case 8: {
        uint64_t v = 0;
        memcpy(&v, p, sizeof(v));
        out.number[static_cast<size_t>(type)] = v;
        break;
    }
    default:
        return fail(EPROTO, fmt::format("netlink attribute {} has {} bytes", type,
                                        mnl_attr_get_payload_len(a)));
    }
    return {};
}

result<void> decode_views(const nlattr *a, attributes &out) {
    size_t len = mnl_attr_get_payload_len(a);
    const auto *p = static_cast<const uint8_t *>(mnl_attr_get_payload(a));
    if (len % 16 != 0) {
        return fail(EPROTO, "netlink attribute VIEWS is not pairs of numbers");
    }
    for (size_t at = 0; at < len; at += 16) {
        uint64_t pair[2];
        memcpy(pair, p + at, sizeof(pair));
        out.views.emplace_back(le64toh(pair[0]), le64toh(pair[1]));
    }
    return {};
}

result<void> decode_one(const nlattr *a, attributes &out) {
    int type = mnl_attr_get_type(a);
    if (type <= HARP_A_PAD || type > HARP_A_MAX) {
        return {}; /* of a newer module */
    }
    out.present[static_cast<size_t>(type)] = true;
    const auto *p = static_cast<const uint8_t *>(mnl_attr_get_payload(a));
    size_t len = mnl_attr_get_payload_len(a);
    switch (kind_of(type)) {
    case kind::number:
        return decode_number(a, type, out);
    case kind::views:
        return decode_views(a, out);
    case kind::text: {
        std::string s(reinterpret_cast<const char *>(p),
                      strnlen(reinterpret_cast<const char *>(p), len));
        (type == HARP_A_GROUP ? out.group : type == HARP_A_TEXT ? out.text : out.region_why) = s;
        return {};
    }
    case kind::binary: {
        auto &to = type == HARP_A_UUID          ? out.uuid
                   : type == HARP_A_VIEW_RECORD ? out.view_record
                                                : out.records;
        to.insert(to.end(), p, p + len); /* RECORDS may come in several attributes */
        return {};
    }
    }
    return {};
}

/* libmnl's loops are C: they assign void pointers. */
template <typename Fn>
void each_attr(const nlmsghdr *nlh, size_t skip, Fn fn) {
    const auto *a = static_cast<const nlattr *>(mnl_nlmsg_get_payload_offset(nlh, skip));
    const auto *tail = static_cast<const char *>(mnl_nlmsg_get_payload_tail(nlh));
    while (mnl_attr_ok(a, static_cast<int>(tail - reinterpret_cast<const char *>(a)))) {
        fn(a);
        a = mnl_attr_next(a);
    }
}

template <typename Fn>
void each_nested(const nlattr *nest, Fn fn) {
    const auto *a = static_cast<const nlattr *>(mnl_attr_get_payload(nest));
    const auto *tail = static_cast<const char *>(mnl_attr_get_payload(nest)) +
                       mnl_attr_get_payload_len(nest);
    while (mnl_attr_ok(a, static_cast<int>(tail - reinterpret_cast<const char *>(a)))) {
        fn(a);
        a = mnl_attr_next(a);
    }
}

/* The kernel's own sentence, if it gave one. */
std::string extack_text(const nlmsghdr *nlh) {
    if ((nlh->nlmsg_flags & NLM_F_ACK_TLVS) == 0) {
        return {};
    }
    const auto *err = static_cast<const nlmsgerr *>(mnl_nlmsg_get_payload(nlh));
    size_t skip = sizeof(*err);
    if ((nlh->nlmsg_flags & NLM_F_CAPPED) == 0) {
        skip += mnl_nlmsg_get_payload_len(&err->msg);
    }
    if (MNL_ALIGN(skip) > mnl_nlmsg_get_payload_len(nlh)) {
        return {};
    }
    std::string text;
    each_attr(nlh, skip, [&](const nlattr *a) {
        if (mnl_attr_get_type(a) == NLMSGERR_ATTR_MSG) {
            text.assign(mnl_attr_get_str(a),
                        strnlen(mnl_attr_get_str(a), mnl_attr_get_payload_len(a)));
        }
    });
    return text;
}

struct family_info {
    uint16_t id = 0;
    uint32_t events = 0;
};

void read_groups(const nlattr *nested, family_info &out) {
    each_nested(nested, [&](const nlattr *group) {
        std::string name;
        uint32_t id = 0;
        each_nested(group, [&](const nlattr *a) {
            if (mnl_attr_get_type(a) == CTRL_ATTR_MCAST_GRP_NAME) {
                name = mnl_attr_get_str(a);
            } else if (mnl_attr_get_type(a) == CTRL_ATTR_MCAST_GRP_ID) {
                id = mnl_attr_get_u32(a);
            }
        });
        if (name == HARP_GENL_MCGRP_EVENTS) {
            out.events = id;
        }
    });
}

family_info read_family(const nlmsghdr *nlh) {
    family_info out;
    each_attr(nlh, sizeof(genlmsghdr), [&](const nlattr *a) {
        if (mnl_attr_get_type(a) == CTRL_ATTR_FAMILY_ID) {
            out.id = mnl_attr_get_u16(a);
        } else if (mnl_attr_get_type(a) == CTRL_ATTR_MCAST_GROUPS) {
            read_groups(a, out);
        }
    });
    return out;
}

result<family_info> find_family(mnl_socket *s) {
    char buf[8192];
    nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
    nlh->nlmsg_type = GENL_ID_CTRL;
    nlh->nlmsg_flags = NLM_F_REQUEST;
    nlh->nlmsg_seq = 1;
    auto *genl = static_cast<genlmsghdr *>(mnl_nlmsg_put_extra_header(nlh, sizeof(genlmsghdr)));
    genl->cmd = CTRL_CMD_GETFAMILY;
    genl->version = 1;
    mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, HARP_GENL_NAME);
    if (mnl_socket_sendto(s, nlh, nlh->nlmsg_len) < 0) {
        return fail_errno("generic netlink");
    }
    ssize_t n = mnl_socket_recvfrom(s, buf, sizeof(buf));
    if (n < 0) {
        return fail_errno("generic netlink");
    }
    const auto *reply = reinterpret_cast<const nlmsghdr *>(buf);
    if (!mnl_nlmsg_ok(reply, static_cast<int>(n)) || reply->nlmsg_type != GENL_ID_CTRL) {
        return fail(ENOENT, "the kernel has no family 'harp': load the module (modprobe harp)");
    }
    family_info out = read_family(reply);
    if (out.id == 0 || out.events == 0) {
        return fail(EPROTO, "generic netlink family 'harp' lacks its events group");
    }
    return out;
}

} // namespace

result<attributes> decode_attributes(const nlmsghdr *nlh) {
    attributes out;
    result<void> bad;
    each_attr(nlh, sizeof(genlmsghdr), [&](const nlattr *a) {
        if (auto r = decode_one(a, out); !r) {
            bad = r;
        }
    });
    return bad ? result<attributes>(std::move(out)) : bad.error();
}

request::request(uint8_t cmd, const std::string &group, uint8_t member) : buf_(512) {
    nlmsghdr *h = mnl_nlmsg_put_header(buf_.data());
    h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    auto *genl = static_cast<genlmsghdr *>(mnl_nlmsg_put_extra_header(h, sizeof(genlmsghdr)));
    genl->cmd = cmd;
    genl->version = HARP_GENL_VERSION;
    mnl_attr_put_strz(h, HARP_A_GROUP, group.c_str());
    mnl_attr_put_u8(h, HARP_A_MEMBER, member);
}

nlmsghdr *request::nlh() {
    return reinterpret_cast<nlmsghdr *>(buf_.data());
}

request &request::u8(int attr, uint8_t value) {
    mnl_attr_put_u8(nlh(), static_cast<uint16_t>(attr), value);
    return *this;
}

request &request::u32(int attr, uint32_t value) {
    mnl_attr_put_u32(nlh(), static_cast<uint16_t>(attr), value);
    return *this;
}

request &request::u64(int attr, uint64_t value) {
    mnl_attr_put_u64(nlh(), static_cast<uint16_t>(attr), value);
    return *this;
}

request &request::bytes(int attr, const void *data, size_t len) {
    mnl_attr_put(nlh(), static_cast<uint16_t>(attr), len, data);
    return *this;
}

genl::genl(genl &&other) noexcept
    : socket_(std::exchange(other.socket_, nullptr)), family_(other.family_),
      events_group_(other.events_group_), seq_(other.seq_) {}

genl &genl::operator=(genl &&other) noexcept {
    std::swap(socket_, other.socket_);
    family_ = other.family_;
    events_group_ = other.events_group_;
    seq_ = other.seq_;
    return *this;
}

genl::~genl() {
    if (socket_ != nullptr) {
        mnl_socket_close(socket_);
    }
}

result<genl> genl::open() {
    genl out;
    out.socket_ = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
    if (out.socket_ == nullptr || mnl_socket_bind(out.socket_, 0, MNL_SOCKET_AUTOPID) < 0) {
        return fail_errno("generic netlink");
    }
    int fd = mnl_socket_get_fd(out.socket_);
    int one = 1;
    timeval limit{receive_seconds, 0};
    setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    /*
     * A record can be larger than a socket takes by default; and the kernel sends its ACK
     * right after it: without room for both the answer is lost (ENOBUFS), each time.
     */
    int room = 4 * receive_max;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
    auto family = find_family(out.socket_);
    if (!family) {
        return family.error();
    }
    out.family_ = family->id;
    out.events_group_ = family->events;
    return out;
}

result<attributes> genl::receive(uint32_t seq) {
    std::vector<uint64_t> buf(4096);
    attributes out;
    bool answered = false;
    for (;;) {
        ssize_t size = recv(mnl_socket_get_fd(socket_), nullptr, 0, MSG_PEEK | MSG_TRUNC);
        if (size > static_cast<ssize_t>(receive_max)) {
            return fail(EMSGSIZE, "generic netlink 'harp': reply is too long");
        }
        if (size > 0 && static_cast<size_t>(size) > buf.size() * sizeof(uint64_t)) {
            buf.resize(static_cast<size_t>(size) / sizeof(uint64_t) + 1);
        }
        ssize_t n = size < 0 ? size
                             : mnl_socket_recvfrom(socket_, buf.data(),
                                                   buf.size() * sizeof(uint64_t));
        if (n < 0) {
            return fail_errno("generic netlink 'harp'");
        }
        int left = static_cast<int>(n);
        for (const auto *h = reinterpret_cast<const nlmsghdr *>(buf.data()); mnl_nlmsg_ok(h, left);
             h = mnl_nlmsg_next(h, &left)) {
            if (h->nlmsg_seq != seq) {
                continue; /* the late answer to a request that was given up */
            }
            if (h->nlmsg_type == NLMSG_ERROR) {
                const auto *err = static_cast<const nlmsgerr *>(mnl_nlmsg_get_payload(h));
                if (err->error == 0) {
                    return out;
                }
                std::string text = extack_text(h);
                return fail(-err->error, text.empty() ? errno_text(-err->error) : text);
            }
            if (h->nlmsg_type == NLMSG_DONE) {
                return out;
            }
            auto decoded = decode_attributes(h);
            if (!decoded) {
                return decoded.error();
            }
            auto records = std::move(out.records);
            out = std::move(*decoded);
            if (answered) { /* LOG_READ may come in parts */
                out.records.insert(out.records.begin(), records.begin(), records.end());
            }
            answered = true;
        }
    }
}

result<attributes> genl::call(request req) {
    nlmsghdr *h = req.nlh();
    h->nlmsg_type = family_;
    h->nlmsg_seq = ++seq_;
    if (mnl_socket_sendto(socket_, h, h->nlmsg_len) < 0) {
        return fail_errno("generic netlink 'harp'");
    }
    return receive(seq_);
}

result<unique_fd> genl::subscribe() {
    unique_fd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_GENERIC));
    struct sockaddr_nl addr {};
    addr.nl_family = AF_NETLINK;
    if (!fd || bind(fd.get(), reinterpret_cast<struct sockaddr *>(&addr), sizeof(addr)) < 0) {
        return fail_errno("generic netlink events");
    }
    int size = 1 << 20;
    setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
    if (setsockopt(fd.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &events_group_,
                   sizeof(events_group_)) < 0) {
        return fail_errno("generic netlink events");
    }
    return fd;
}

bool read_events(int fd, const std::function<void(const attributes &)> &fn) {
    std::vector<uint64_t> buf(8192);
    for (;;) {
        struct sockaddr_nl from {};
        iovec iov{buf.data(), buf.size() * sizeof(uint64_t)};
        struct msghdr msg {};
        msg.msg_name = &from;
        msg.msg_namelen = sizeof(from);
        msg.msg_iov = &iov;
        msg.msg_iovlen = 1;
        ssize_t n = recvmsg(fd, &msg, 0);
        if (n < 0) {
            return errno != ENOBUFS;
        }
        if (from.nl_pid != 0 || (msg.msg_flags & MSG_TRUNC) != 0) {
            continue; /* not from the kernel, or longer than any event of ours */
        }
        int left = static_cast<int>(n);
        for (const auto *h = reinterpret_cast<const nlmsghdr *>(buf.data()); mnl_nlmsg_ok(h, left);
             h = mnl_nlmsg_next(h, &left)) {
            auto decoded = decode_attributes(h);
            if (h->nlmsg_type >= NLMSG_MIN_TYPE && decoded) {
                fn(*decoded);
            }
        }
    }
}

} // namespace harp::knl
