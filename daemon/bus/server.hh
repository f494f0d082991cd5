/* SPDX-License-Identifier: GPL-2.0 */
/* org.harp.Harp1 on a bus: what harpctl talks to. */
#pragma once

#include "util/result.hh"

#include <functional>
#include <memory>
#include <string>
#include <vector>

struct sd_bus;
struct sd_event;

namespace harp::bus {

inline constexpr const char *service_name = "org.harp.Harp1";
inline constexpr const char *object_path = "/org/harp/Harp1";
inline constexpr const char *interface_name = "org.harp.Harp1";

/* What the methods do. Callbacks of the slow ones come once, from the loop. */
struct api {
    using text_fn = std::function<void(result<std::string>)>;

    std::function<std::string()> status;
    std::function<void(const std::string &name, text_fn)> group_create;
    std::function<void(const std::string &name, bool force, text_fn)> group_delete;
    std::function<void(const std::string &name, const std::string &to, text_fn)> switchover;
    std::function<void(const std::string &name, const std::vector<uint64_t> &records, bool ask_only,
                       text_fn)>
            log_skip;
};

/* "system", "session" or a D-Bus address. */
result<sd_bus *> connect(const std::string &where);

class server {
public:
    static result<std::unique_ptr<server>> make(sd_event *event, const std::string &where, api a);
    ~server();
    server(const server &) = delete;
    server &operator=(const server &) = delete;

    void status_changed();
    /* @json: of one event; every follower of harpctl events gets it. */
    void event(const std::string &json);
    const api &calls() const noexcept { return api_; }

private:
    server() = default;

    api api_;
    sd_bus *bus_ = nullptr;
};

} // namespace harp::bus
