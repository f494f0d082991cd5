/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Messages between a service (in harpd) and its agent: one JSON text each, over
 * a SOCK_SEQPACKET pair. Both ends are the same program; what is read is checked
 * all the same, for a wrong message must be an error and not a crash.
 */
#pragma once

#include <optional>
#include <string>

#include "service/service.hh"
#include "util/json.hh"
#include "util/result.hh"

namespace harp::service::wire {

inline constexpr size_t message_max = 128 * 1024;
/* The agent's end of the pair. */
inline constexpr int agent_fd = 3;
inline constexpr const char *agent_name = "harp-agent";

result<void> send(int fd, const json &j);
/* Nothing when the other end has gone. */
result<std::optional<json>> receive(int fd);

json to_json(const step_report &r);
result<step_report> step_from(const json &j);
json to_json(const net::connection &c);
result<net::connection> connection_from(const json &j);

} // namespace harp::service::wire
