/* SPDX-License-Identifier: GPL-2.0 */
#include "cluster/channel.hh"

#include "util/log.hh"
#include "util/text.hh"

#include <algorithm>
#include <arpa/inet.h>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

namespace harp::cluster {

namespace {

constexpr size_t datagram_max = 65536;
/* Datagrams handled in one turn of the loop; the rest waits its turn. */
constexpr int receive_burst = 64;
/* Connections whose greeting has not come yet, and how long one may take. */
constexpr size_t max_pending = 32;
constexpr duration_t greeting_limit = std::chrono::seconds(5);
/* A member's call waits behind so many of strangers, and so many are taken in one turn. */
constexpr int accept_queue = 128;
constexpr int accept_burst = 16;
/* Of the ports below IPPORT_RESERVED those that an NFS client takes for such calls. */
constexpr uint16_t first_reserved = 665;

result<unique_fd> bound_socket(int type, const endpoint &at, bool v6_only) {
    int family = at.address.ss_family;
    unique_fd fd(socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) {
        return fail_errno("socket");
    }
    int one = 1;
    if (type == SOCK_STREAM) {
        setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    }
    if (family == AF_INET6 && v6_only) {
        setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
    }
    if (bind(fd.get(), reinterpret_cast<const sockaddr *>(&at.address), at.length) < 0) {
        return fail_errno("bind to " + at.to_string());
    }
    return fd;
}

/* Every address: IPv4, and IPv6 where the kernel has it. */
template <typename Add>
result<void> for_each_listen(const std::vector<std::string> &listen, uint16_t port, Add add) {
    if (listen.empty()) {
        auto v4 = make_endpoint("0.0.0.0", port);
        if (auto r = add(*v4, true); !r) {
            return r;
        }
        auto v6 = make_endpoint("::", port);
        (void)add(*v6, true);
        return {};
    }
    for (const auto &ip : listen) {
        auto at = make_endpoint(ip, port);
        if (!at) {
            return at.error();
        }
        if (auto r = add(*at, true); !r) {
            return r;
        }
    }
    return {};
}

} // namespace

bool endpoint::same_host(const endpoint &o) const noexcept {
    if (address.ss_family != o.address.ss_family) {
        return false;
    }
    if (address.ss_family == AF_INET) {
        return reinterpret_cast<const sockaddr_in *>(&address)->sin_addr.s_addr ==
               reinterpret_cast<const sockaddr_in *>(&o.address)->sin_addr.s_addr;
    }
    return memcmp(&reinterpret_cast<const sockaddr_in6 *>(&address)->sin6_addr,
                  &reinterpret_cast<const sockaddr_in6 *>(&o.address)->sin6_addr,
                  sizeof(in6_addr)) == 0;
}

uint16_t endpoint::port() const noexcept {
    return ntohs(address.ss_family == AF_INET
                         ? reinterpret_cast<const sockaddr_in *>(&address)->sin_port
                         : reinterpret_cast<const sockaddr_in6 *>(&address)->sin6_port);
}

void endpoint::set_port(uint16_t port) noexcept {
    (address.ss_family == AF_INET
             ? reinterpret_cast<sockaddr_in *>(&address)->sin_port
             : reinterpret_cast<sockaddr_in6 *>(&address)->sin6_port) = htons(port);
}

std::string endpoint::to_string() const {
    char text[INET6_ADDRSTRLEN] = "?";
    if (address.ss_family == AF_INET) {
        const auto *in = reinterpret_cast<const sockaddr_in *>(&address);
        inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
        return fmt::format("{}:{}", text, ntohs(in->sin_port));
    }
    const auto *in = reinterpret_cast<const sockaddr_in6 *>(&address);
    inet_ntop(AF_INET6, &in->sin6_addr, text, sizeof(text));
    return fmt::format("[{}]:{}", text, ntohs(in->sin6_port));
}

result<endpoint> make_endpoint(const std::string &ip, uint16_t port) {
    endpoint out;
    auto *v4 = reinterpret_cast<sockaddr_in *>(&out.address);
    auto *v6 = reinterpret_cast<sockaddr_in6 *>(&out.address);
    if (inet_pton(AF_INET, ip.c_str(), &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        out.length = sizeof(*v4);
        return out;
    }
    if (inet_pton(AF_INET6, ip.c_str(), &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        out.length = sizeof(*v6);
        return out;
    }
    return fail(EINVAL, fmt::format("'{}' is not an IP address", ip));
}

result<void> bind_reserved(int fd, endpoint from) {
    constexpr uint16_t count = IPPORT_RESERVED - first_reserved;
    const auto start = static_cast<uint16_t>(random_u64() % count);
    for (uint16_t i = 0; i < count; i++) {
        from.set_port(static_cast<uint16_t>(first_reserved + (start + i) % count));
        if (bind(fd, reinterpret_cast<const sockaddr *>(&from.address), from.length) == 0) {
            /* Only now: the port was free, and whoever comes to listen on it may. */
            int one = 1;
            setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
            return {};
        }
        if (errno != EADDRINUSE) {
            break;
        }
    }
    return fail_errno("calling from " + from.to_string());
}

/* ---- control channel ---- */

result<std::unique_ptr<control_channel>>
control_channel::make(loop &l, const std::vector<std::string> &listen, uint16_t port,
                      receive_fn fn) {
    std::unique_ptr<control_channel> out(new control_channel);
    out->fn_ = std::move(fn);
    auto r = for_each_listen(listen, port, [&](const endpoint &at, bool v6_only) {
        return out->add(l, at, v6_only);
    });
    if (!r) {
        return r.error();
    }
    return out;
}

result<void> control_channel::add(loop &l, const endpoint &at, bool v6_only) {
    auto fd = bound_socket(SOCK_DGRAM, at, v6_only);
    if (!fd) {
        return fd.error();
    }
    int raw = fd->get();
    sources_.push_back(l.watch(raw, EPOLLIN, [this, raw](uint32_t) { receive(raw); }));
    sockets_.push_back(std::move(*fd));
    bound_.push_back(at);
    return {};
}

void control_channel::receive(int fd) {
    for (int i = 0; i < receive_burst; i++) {
        std::vector<uint8_t> buf(datagram_max);
        endpoint from;
        from.length = sizeof(from.address);
        ssize_t n = recvfrom(fd, buf.data(), buf.size(), 0,
                             reinterpret_cast<sockaddr *>(&from.address), &from.length);
        if (n < 0) {
            return;
        }
        buf.resize(static_cast<size_t>(n));
        fn_(std::move(buf), from);
    }
}

/* A socket of every address would take the one that the routes prefer, which may be another. */
static void send_from(int fd, const endpoint &to, const endpoint &from,
                      const std::vector<uint8_t> &bytes) {
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(in6_pktinfo))] = {};
    iovec data{const_cast<uint8_t *>(bytes.data()), bytes.size()};
    msghdr m{};
    m.msg_name = const_cast<sockaddr_storage *>(&to.address);
    m.msg_namelen = to.length;
    m.msg_iov = &data;
    m.msg_iovlen = 1;
    m.msg_control = control;
    m.msg_controllen = sizeof(control);
    cmsghdr *c = CMSG_FIRSTHDR(&m);
    if (from.address.ss_family == AF_INET) {
        in_pktinfo info{};
        info.ipi_spec_dst = reinterpret_cast<const sockaddr_in *>(&from.address)->sin_addr;
        c->cmsg_level = IPPROTO_IP;
        c->cmsg_type = IP_PKTINFO;
        c->cmsg_len = CMSG_LEN(sizeof(info));
        memcpy(CMSG_DATA(c), &info, sizeof(info));
        m.msg_controllen = CMSG_SPACE(sizeof(info));
    } else {
        in6_pktinfo info{};
        info.ipi6_addr = reinterpret_cast<const sockaddr_in6 *>(&from.address)->sin6_addr;
        c->cmsg_level = IPPROTO_IPV6;
        c->cmsg_type = IPV6_PKTINFO;
        c->cmsg_len = CMSG_LEN(sizeof(info));
        memcpy(CMSG_DATA(c), &info, sizeof(info));
    }
    (void)sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void control_channel::send(const endpoint &to, const endpoint &from,
                           const std::vector<uint8_t> &bytes) {
    int chosen = -1;
    for (size_t i = 0; i < sockets_.size(); i++) {
        if (bound_[i].address.ss_family != to.address.ss_family) {
            continue;
        }
        if (chosen < 0 || bound_[i].same_host(from)) {
            chosen = sockets_[i].get();
        }
    }
    if (chosen >= 0) {
        send_from(chosen, to, from, bytes);
    }
}

/* ---- listener ---- */

struct record_listener::pending {
    caller who;
    std::vector<uint8_t> in;
    bool greeted = false;
    bool known = false; /* calls from a member's address */
    time_point_t until{};
    event_source source;
};

record_listener::record_listener(loop &l) : loop_(l) {
    timer_ = l.timer([this] { expire(); });
}

record_listener::~record_listener() = default;

result<std::unique_ptr<record_listener>>
record_listener::make(loop &l, const std::vector<std::string> &listen, uint16_t port,
                      known_fn known, accept_fn fn) {
    std::unique_ptr<record_listener> out(new record_listener(l));
    out->known_ = std::move(known);
    out->fn_ = std::move(fn);
    auto r = for_each_listen(
            listen, port, [&](const endpoint &at, bool v6_only) { return out->add(at, v6_only); });
    if (!r) {
        return r.error();
    }
    return out;
}

result<void> record_listener::add(const endpoint &at, bool v6_only) {
    auto fd = bound_socket(SOCK_STREAM, at, v6_only);
    if (!fd) {
        return fd.error();
    }
    if (listen(fd->get(), accept_queue) < 0) {
        return fail_errno("listen");
    }
    int raw = fd->get();
    sources_.push_back(loop_.watch(raw, EPOLLIN, [this, raw](uint32_t) { accept_some(raw); }));
    sockets_.push_back(std::move(*fd));
    return {};
}

void record_listener::accept_some(int listening) {
    for (int i = 0; i < accept_burst; i++) {
        auto p = std::make_unique<pending>();
        p->who.from.length = sizeof(p->who.from.address);
        p->who.socket.reset(accept4(listening, reinterpret_cast<sockaddr *>(&p->who.from.address),
                                    &p->who.from.length, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!p->who.socket) {
            return;
        }
        p->known = p->who.from.port() < IPPORT_RESERVED && known_(p->who.from);
        if (!make_room(*p)) {
            complain(p->who.from, "too many connections without a greeting");
            continue;
        }
        p->until = boottime_now() + greeting_limit;
        pending *raw = p.get();
        p->source = loop_.watch(p->who.socket.get(), EPOLLIN,
                                [this, raw](uint32_t) { read_greeting(*raw); });
        pending_.push_back(std::move(p));
        timer_.set_time(pending_.front()->until);
    }
}

/*
 * Strangers must not keep a member out, and some strangers have a right to call: a group
 * is created by those who are in none yet. So the oldest of them makes room.
 */
bool record_listener::make_room(const pending &newcomer) {
    if (pending_.size() < max_pending) {
        return true;
    }
    auto victim = std::find_if(pending_.begin(), pending_.end(),
                               [](const auto &p) { return !p->known; });
    if (victim == pending_.end()) {
        if (!newcomer.known) {
            return false;
        }
        victim = pending_.begin();
    }
    end(**victim, "others call, and no greeting came");
    return true;
}

/* A flood is not to become one of the journal as well. */
void record_listener::complain(const endpoint &from, const char *why) {
    if (refused_++ % 1000 < 10) {
        log_warning("record port: {} refused: {} ({} so far)", from.to_string(), why, refused_);
    }
}

void record_listener::end(pending &p, const char *why) {
    if (why != nullptr) {
        complain(p.who.from, why);
    }
    std::erase_if(pending_, [&](const auto &x) { return x.get() == &p; });
}

void record_listener::expire() {
    time_point_t now = boottime_now();
    while (!pending_.empty() && pending_.front()->until <= now) {
        end(*pending_.front(), "no greeting came");
    }
    timer_.set_time(pending_.empty() ? time_point_t::max() : pending_.front()->until);
}

void record_listener::read_greeting(pending &p) {
    size_t want = p.greeted ? p.who.hello.body_bytes : greeting_bytes;
    uint8_t buf[4096];
    ssize_t n = recv(p.who.socket.get(), buf, std::min(sizeof(buf), want - p.in.size()), 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n <= 0) {
        end(p, "went away without a greeting");
        return;
    }
    p.in.insert(p.in.end(), buf, buf + n);
    if (p.in.size() < want) {
        return;
    }
    if (!p.greeted) {
        auto hello = decode_greeting(p.in);
        if (!hello) {
            end(p, hello.error().text.c_str());
            return;
        }
        if (p.who.from.port() >= IPPORT_RESERVED) {
            reply(p.who.socket, {EACCES, "calls are taken from ports below 1024 only"});
            end(p, "called from a port that any user may have");
            return;
        }
        p.who.hello = *hello;
        p.greeted = true;
        p.in.clear();
        if (hello->body_bytes != 0) {
            return;
        }
    }
    p.who.body.assign(p.in.begin(), p.in.end());
    p.source.reset();
    caller who = std::move(p.who);
    end(p, nullptr);
    fn_(std::move(who));
}

bool reply(const unique_fd &socket, const answer &a) {
    auto bytes = encode(a);
    return send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
}

void tune_stream(int fd) {
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
    int idle = 5;
    int interval = 1;
    int count = 5;
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
    unsigned user_timeout = 10000;
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout, sizeof(user_timeout));
    int flags = fcntl(fd, F_GETFL);
    fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
}

/* ---- dialler ---- */

dialler::dialler(loop &l, std::vector<route> targets, greeting hello, std::string body,
                 duration_t limit, done_fn done)
    : loop_(l), targets_(std::move(targets)),
      each_(limit / static_cast<int>(std::max<size_t>(targets_.size(), 1))),
      last_(fail(EHOSTUNREACH, "no address")), done_(std::move(done)),
      alive_(std::make_shared<bool>(true)) {
    hello.body_bytes = static_cast<uint32_t>(body.size());
    out_ = encode(hello);
    out_.insert(out_.end(), body.begin(), body.end());
    timer_ = l.timer([this] { finish(fail(ETIMEDOUT, "no answer: " + last_.text)); });
    timer_.set_time(boottime_now() + limit);
    connecting_ = l.timer([this] { failed(ETIMEDOUT); });
    next_target();
}

dialler::~dialler() {
    *alive_ = false;
}

void dialler::finish(result<granted> r) {
    source_.reset();
    timer_.set_time(time_point_t::max());
    connecting_.set_time(time_point_t::max());
    /* The owner may end us in the callback. */
    auto shared = std::make_shared<result<granted>>(std::move(r));
    loop_.post([this, alive = alive_, shared] {
        if (*alive) {
            auto done = std::move(done_);
            done(std::move(*shared));
        }
    });
}

void dialler::next_target() {
    source_.reset();
    sent_ = 0;
    in_.clear();
    head_.reset();
    while (at_ < targets_.size()) {
        const auto &[to, from] = targets_[at_++];
        socket_.reset(socket(to.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        /* Whoever answers looks where the call comes from. */
        if (auto r = bind_reserved(socket_.get(), from); !r) {
            last_ = r.error();
            continue;
        }
        if (socket_ && (connect(socket_.get(), reinterpret_cast<const sockaddr *>(&to.address),
                                to.length) == 0 ||
                        errno == EINPROGRESS)) {
            source_ = loop_.watch(socket_.get(), EPOLLOUT, [this](uint32_t e) { ready(e); });
            connecting_.set_time(boottime_now() + each_);
            return;
        }
        last_ = fail_errno("connect to " + to.to_string());
    }
    finish(last_);
}

void dialler::failed(int err) {
    last_ = fail(err, targets_[at_ - 1].to.to_string() + ": " + errno_text(err));
    next_target();
}

void dialler::ready(uint32_t events) {
    if ((events & EPOLLIN) != 0 && sent_ == out_.size()) {
        read_answer();
        return;
    }
    int err = 0;
    socklen_t len = sizeof(err);
    getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &err, &len);
    ssize_t n = -1;
    if (err == 0) {
        n = send(socket_.get(), out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
        err = n < 0 ? errno : 0;
    }
    if (err == EAGAIN) {
        return;
    }
    if (err != 0) {
        failed(err);
        return;
    }
    connecting_.set_time(time_point_t::max());
    sent_ += static_cast<size_t>(n);
    if (sent_ == out_.size()) {
        source_.set_events(EPOLLIN);
    }
}

void dialler::read_answer() {
    /* Not a byte more than the answer: what follows is the link's. */
    size_t want = head_ ? text_bytes_ : answer_bytes;
    std::vector<uint8_t> buf(want - in_.size());
    ssize_t n = recv(socket_.get(), buf.data(), buf.size(), 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n <= 0) {
        last_ = fail(ECONNRESET, targets_[at_ - 1].to.to_string() + " hung up");
        next_target();
        return;
    }
    in_.insert(in_.end(), buf.begin(), buf.begin() + n);
    if (in_.size() < want) {
        return;
    }
    if (!head_) {
        auto head = decode_answer(in_, text_bytes_);
        if (!head) {
            finish(head.error());
            return;
        }
        head_ = *head;
        in_.clear();
        if (text_bytes_ != 0) {
            return;
        }
    }
    std::string text(in_.begin(), in_.end());
    if (head_->code != 0) {
        finish(fail(head_->code, text.empty() ? errno_text(head_->code) : text));
        return;
    }
    int flags = fcntl(socket_.get(), F_GETFL);
    fcntl(socket_.get(), F_SETFL, flags & ~O_NONBLOCK);
    finish(granted{std::move(socket_), std::move(text)});
}

} // namespace harp::cluster
