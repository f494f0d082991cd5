// SPDX-License-Identifier: GPL-2.0
#include "service/wire.hh"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include <fmt/format.h>

namespace harp::service::wire {

namespace {

failure errno_failure(const char *what) {
    const int code = errno;
    return fail(code, fmt::format("{}: {}", what, strerror(code)));
}

} // namespace

result<void> send(int fd, const json &j) {
    const std::string text = j.dump();
    if (text.size() > message_max) {
        return fail(EMSGSIZE, "a message too long for the agent");
    }
    while (::send(fd, text.data(), text.size(), MSG_NOSIGNAL) < 0) {
        if (errno != EINTR) {
            return errno_failure("talking to the agent");
        }
    }
    return {};
}

result<std::optional<json>> receive(int fd) {
    std::vector<char> buffer(message_max + 1);
    ssize_t n = 0;
    while ((n = recv(fd, buffer.data(), buffer.size(), 0)) < 0) {
        if (errno == ECONNRESET) {
            return std::optional<json>{};
        }
        if (errno != EINTR) {
            return errno_failure("listening to the agent");
        }
    }
    if (n == 0) {
        return std::optional<json>{};
    }
    json j = json::parse_or_null({buffer.data(), static_cast<size_t>(n)});
    if (!j.is_object()) {
        return fail(EBADMSG, "the agent's message is not an object");
    }
    return std::optional<json>(std::move(j));
}

json to_json(const step_report &r) {
    return {{"name", r.name},
            {"begin", r.begin.time_since_epoch().count()},
            {"took", r.took.count()},
            {"code", r.code},
            {"text", r.text}};
}

result<step_report> step_from(const json &j) {
    try {
        step_report r;
        j.at("name").get_to(r.name);
        r.begin = time_point_t(duration_t(j.at("begin").get<int64_t>()));
        r.took = duration_t(j.at("took").get<int64_t>());
        j.at("code").get_to(r.code);
        j.at("text").get_to(r.text);
        return r;
    } catch (const json::exception &e) {
        return fail(EBADMSG, e.what());
    }
}

json to_json(const net::connection &c) {
    return {{"local", c.local.to_string()},
            {"local_port", c.local_port},
            {"peer", c.peer.to_string()},
            {"peer_port", c.peer_port}};
}

result<net::connection> connection_from(const json &j) {
    try {
        auto local = net::parse_ip(j.at("local").get<std::string>());
        auto peer = net::parse_ip(j.at("peer").get<std::string>());
        if (!local || !peer) {
            return local.ok() ? peer.error() : local.error();
        }
        return net::connection{*local, j.at("local_port").get<uint16_t>(), *peer,
                               j.at("peer_port").get<uint16_t>()};
    } catch (const json::exception &e) {
        return fail(EBADMSG, e.what());
    }
}

} // namespace harp::service::wire
