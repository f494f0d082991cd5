/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sockets between machines, non-blocking, in the loop: the control channel
 * (UDP, heartbeats and view changes, over every network), the record port's
 * listener and the dialler of record ports. A record port is called from a port below
 * 1024 only: a user of a member's machine has its address, and no such port.
 */
#pragma once

#include "cluster/greeting.hh"
#include "util/fd.hh"
#include "util/loop.hh"

#include <functional>
#include <memory>
#include <netinet/in.h>
#include <string>
#include <vector>

namespace harp::cluster {

struct endpoint {
    sockaddr_storage address{};
    socklen_t length = 0;

    bool same_host(const endpoint &other) const noexcept;
    uint16_t port() const noexcept;
    void set_port(uint16_t port) noexcept;
    std::string to_string() const;
};
result<endpoint> make_endpoint(const std::string &ip, uint16_t port);
/* To @from's address and a port that is root's to have: by it harpds know each other. */
result<void> bind_reserved(int fd, endpoint from);

class control_channel {
public:
    using receive_fn = std::function<void(std::vector<uint8_t>, const endpoint &)>;

    /* @listen empty: every address. */
    static result<std::unique_ptr<control_channel>>
    make(loop &l, const std::vector<std::string> &listen, uint16_t port, receive_fn fn);
    /*
     * Best effort: what cannot be sent now is lost, as on any network. @from: our own
     * address on that network, so that the message shows which way it came.
     */
    void send(const endpoint &to, const endpoint &from, const std::vector<uint8_t> &bytes);

private:
    control_channel() = default;
    result<void> add(loop &l, const endpoint &at, bool v6_only);
    void receive(int fd);

    receive_fn fn_;
    std::vector<unique_fd> sockets_;
    std::vector<endpoint> bound_;
    std::vector<event_source> sources_;
};

/* A caller whose greeting has arrived; answer() decides. */
struct caller {
    unique_fd socket;
    greeting hello;
    std::string body; /* ADMIN */
    endpoint from;
};

class record_listener {
public:
    /* The function owns the caller; it answers with cluster::reply(). */
    using accept_fn = std::function<void(caller)>;
    /* Is it the address of a member of a group here? */
    using known_fn = std::function<bool(const endpoint &)>;

    static result<std::unique_ptr<record_listener>> make(loop &l,
                                                         const std::vector<std::string> &listen,
                                                         uint16_t port, known_fn known,
                                                         accept_fn fn);
    ~record_listener();
    uint64_t refused() const noexcept { return refused_; }

private:
    struct pending;
    explicit record_listener(loop &l);
    result<void> add(const endpoint &at, bool v6_only);
    void accept_some(int fd);
    bool make_room(const pending &newcomer);
    void complain(const endpoint &from, const char *why);
    void read_greeting(pending &p);
    void end(pending &p, const char *why);
    void expire();

    loop &loop_;
    known_fn known_;
    accept_fn fn_;
    std::vector<unique_fd> sockets_;
    std::vector<event_source> sources_;
    std::vector<std::unique_ptr<pending>> pending_; /* at most max_pending */
    event_source timer_;
    uint64_t refused_ = 0;
};

/* Sends the answer on a socket that has room for it (it is fresh); false: the peer has gone. */
bool reply(const unique_fd &socket, const answer &a);
/* Both ends of a record link: no delay, and a dead peer found by the kernel's own means. */
void tune_stream(int fd);

/* A way to call: their address, and ours on the same network, by which they know us. */
struct route {
    endpoint to;
    endpoint from;
};

/*
 * Calls a record port: connect, greet, wait for the answer. Each route has its part of
 * the time to connect, so that a network which swallows everything does not keep the
 * next from being tried; a request that was made is not made again elsewhere. The
 * callback gets the socket (blocking again) and the answer's text; never called from
 * within dial().
 */
class dialler {
public:
    struct granted {
        unique_fd socket;
        std::string text;
    };
    using done_fn = std::function<void(result<granted>)>;

    dialler(loop &l, std::vector<route> targets, greeting hello, std::string body, duration_t limit,
            done_fn done);
    ~dialler();
    dialler(const dialler &) = delete;
    dialler &operator=(const dialler &) = delete;

private:
    void next_target();
    void failed(int err);
    void ready(uint32_t events);
    void read_answer();
    void finish(result<granted> r);

    loop &loop_;
    std::vector<route> targets_;
    size_t at_ = 0;
    std::vector<uint8_t> out_;
    size_t sent_ = 0;
    std::vector<uint8_t> in_;
    std::optional<answer> head_;
    size_t text_bytes_ = 0;
    unique_fd socket_;
    event_source source_;
    event_source timer_;
    duration_t each_; /* route's time to connect */
    event_source connecting_;
    failure last_;
    done_fn done_;
    std::shared_ptr<bool> alive_;
};

} // namespace harp::cluster
