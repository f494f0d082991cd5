/* SPDX-License-Identifier: GPL-2.0 */
#include "bus/server.hh"

#include "bus/vtable.h"
#include "util/text.hh"

#include <fmt/format.h>
#include <memory>
#include <systemd/sd-bus.h>

using harp::failure;
using harp::result;
using harp::bus::server;

namespace {

/* One D-Bus error for all; the text is what a person reads. */
constexpr const char *error_name = "org.harp.Error";

struct message_unref {
    void operator()(sd_bus_message *m) const { sd_bus_message_unref(m); }
};
using message_ptr = std::unique_ptr<sd_bus_message, message_unref>;

void answer(sd_bus_message *m, const result<std::string> &r, bool with_text) {
    if (!r) {
        sd_bus_reply_method_errorf(m, error_name, "%s", r.error().text.c_str());
    } else if (with_text) {
        sd_bus_reply_method_return(m, "s", r->c_str());
    } else {
        sd_bus_reply_method_return(m, "");
    }
}

/* Keeps the call until its answer is known. */
harp::bus::api::text_fn later(sd_bus_message *m, bool with_text) {
    std::shared_ptr<sd_bus_message> held(sd_bus_message_ref(m), message_unref{});
    return [held, with_text](const result<std::string> &r) { answer(held.get(), r, with_text); };
}

} // namespace

extern "C" int harp_bus_status(sd_bus_message *m, void *userdata, sd_bus_error *) {
    return sd_bus_reply_method_return(m, "s",
                                      static_cast<server *>(userdata)->calls().status().c_str());
}

extern "C" int harp_bus_group_create(sd_bus_message *m, void *userdata, sd_bus_error *) {
    const char *name = nullptr;
    int r = sd_bus_message_read(m, "s", &name);
    if (r < 0) {
        return r;
    }
    static_cast<server *>(userdata)->calls().group_create(name, later(m, true));
    return 1;
}

extern "C" int harp_bus_group_delete(sd_bus_message *m, void *userdata, sd_bus_error *) {
    const char *name = nullptr;
    int force = 0;
    int r = sd_bus_message_read(m, "sb", &name, &force);
    if (r < 0) {
        return r;
    }
    static_cast<server *>(userdata)->calls().group_delete(name, force != 0, later(m, false));
    return 1;
}

extern "C" int harp_bus_switchover(sd_bus_message *m, void *userdata, sd_bus_error *) {
    const char *name = nullptr;
    const char *to = nullptr;
    int r = sd_bus_message_read(m, "ss", &name, &to);
    if (r < 0) {
        return r;
    }
    static_cast<server *>(userdata)->calls().switchover(name, to, later(m, false));
    return 1;
}

extern "C" int harp_bus_log_skip(sd_bus_message *m, void *userdata, sd_bus_error *) {
    const char *name = nullptr;
    const void *records = nullptr;
    size_t bytes = 0;
    int ask_only = 0;
    int r = sd_bus_message_read(m, "s", &name);
    r = r < 0 ? r : sd_bus_message_read_array(m, 't', &records, &bytes);
    r = r < 0 ? r : sd_bus_message_read(m, "b", &ask_only);
    if (r < 0) {
        return r;
    }
    const auto *first = static_cast<const uint64_t *>(records);
    static_cast<server *>(userdata)->calls().log_skip(
            name, std::vector<uint64_t>(first, first + bytes / sizeof(*first)), ask_only != 0,
            later(m, false));
    return 1;
}

extern "C" int harp_bus_version(sd_bus *, const char *, const char *, const char *,
                                sd_bus_message *reply, void *, sd_bus_error *) {
    return sd_bus_message_append(reply, "s", HARP_VERSION);
}

namespace harp::bus {

result<sd_bus *> connect(const std::string &where) {
    sd_bus *out = nullptr;
    int r = 0;
    if (where == "system") {
        r = sd_bus_open_system(&out);
    } else if (where == "session") {
        r = sd_bus_open_user(&out);
    } else {
        r = sd_bus_new(&out);
        r = r < 0 ? r : sd_bus_set_address(out, where.c_str());
        r = r < 0 ? r : sd_bus_set_bus_client(out, 1);
        r = r < 0 ? r : sd_bus_start(out);
    }
    if (r < 0) {
        sd_bus_unref(out);
        return fail(-r, fmt::format("bus {}: {}", where, errno_text(-r)));
    }
    return out;
}

result<std::unique_ptr<server>> server::make(sd_event *event, const std::string &where, api a) {
    auto bus = connect(where);
    if (!bus) {
        return bus.error();
    }
    std::unique_ptr<server> out(new server);
    out->api_ = std::move(a);
    out->bus_ = *bus;
    int r = sd_bus_add_object_vtable(out->bus_, nullptr, object_path, interface_name,
                                     harp_bus_vtable, out.get());
    r = r < 0 ? r : sd_bus_request_name(out->bus_, service_name, 0);
    r = r < 0 ? r : sd_bus_attach_event(out->bus_, event, SD_EVENT_PRIORITY_NORMAL);
    if (r < 0) {
        return fail(-r, fmt::format("bus {}: name {}: {}", where, service_name, errno_text(-r)));
    }
    return out;
}

server::~server() {
    if (bus_ != nullptr) {
        sd_bus_detach_event(bus_);
        sd_bus_flush_close_unref(bus_);
    }
}

void server::status_changed() {
    sd_bus_emit_signal(bus_, object_path, interface_name, "StatusChanged", "");
}

void server::event(const std::string &json) {
    sd_bus_emit_signal(bus_, object_path, interface_name, "Event", "s", json.c_str());
}

} // namespace harp::bus
