// SPDX-License-Identifier: GPL-2.0
/* Helpers as template units: not in harpd's control group, so they survive its death. */
#include <fcntl.h>
#include <systemd/sd-bus.h>

#include <cstring>

#include <fmt/format.h>

#include "service/helpers.hh"

namespace harp::service {

namespace {

constexpr const char *destination = "org.freedesktop.systemd1";
constexpr const char *object = "/org/freedesktop/systemd1";
constexpr const char *manager = "org.freedesktop.systemd1.Manager";
constexpr const char *service_interface = "org.freedesktop.systemd1.Service";

struct bus_closer {
    void operator()(sd_bus *bus) const { sd_bus_flush_close_unref(bus); }
};
struct message_closer {
    void operator()(sd_bus_message *m) const { sd_bus_message_unref(m); }
};
struct bus_error {
    sd_bus_error e = SD_BUS_ERROR_NULL;
    ~bus_error() { sd_bus_error_free(&e); }
};

class systemd_control final : public helper_control {
public:
    explicit systemd_control(const context &ctx) : ctx_(ctx) {}

    result<void> start(const std::string &name) override {
        /* The units read what harpd's configuration says of their arguments. */
        if (auto r = write_text(ctx_.run_fd, "helpers.env", helper_environment(*ctx_.c),
                                O_CREAT | O_TRUNC);
            !r) {
            return r;
        }
        const std::string unit = unit_of(name, ctx_.c->group);
        /* Failed too often, long ago or just now: a takeover is worth another try. */
        (void)call("ResetFailedUnit", unit, nullptr);
        return call("StartUnit", unit, "replace");
    }

    result<void> stop(const std::string &name) override {
        return call("StopUnit", unit_of(name, ctx_.c->group), "replace");
    }

    pid_t pid(const std::string &name) override {
        if (!connect()) {
            return 0;
        }
        bus_error error;
        sd_bus_message *raw = nullptr;
        const std::string unit = unit_of(name, ctx_.c->group);
        if (sd_bus_call_method(bus_.get(), destination, object, manager, "LoadUnit", &error.e, &raw,
                               "s", unit.c_str()) < 0) {
            return 0;
        }
        std::unique_ptr<sd_bus_message, message_closer> reply(raw);
        const char *path = nullptr;
        uint32_t main_pid = 0;
        bus_error unread;
        if (sd_bus_message_read(raw, "o", &path) < 0 ||
            sd_bus_get_property_trivial(bus_.get(), destination, path, service_interface, "MainPID",
                                        &unread.e, 'u', &main_pid) < 0) {
            return 0;
        }
        return static_cast<pid_t>(main_pid);
    }

private:
    result<void> connect() {
        if (bus_) {
            return {};
        }
        sd_bus *raw = nullptr;
        if (const int rc = sd_bus_open_system(&raw); rc < 0) {
            return fail(-rc, fmt::format("the system bus: {}", strerror(-rc)));
        }
        bus_.reset(raw);
        return {};
    }

    result<void> call(const char *method, const std::string &unit, const char *mode) {
        if (auto r = connect(); !r) {
            return r;
        }
        bus_error error;
        const int rc = mode ? sd_bus_call_method(bus_.get(), destination, object, manager, method,
                                                 &error.e, nullptr, "ss", unit.c_str(), mode)
                            : sd_bus_call_method(bus_.get(), destination, object, manager, method,
                                                 &error.e, nullptr, "s", unit.c_str());
        if (rc < 0) {
            return fail(-rc, fmt::format("{} {}: {}", method, unit,
                                         error.e.message ? error.e.message : strerror(-rc)));
        }
        return {};
    }

    context ctx_;
    std::unique_ptr<sd_bus, bus_closer> bus_;
};

} // namespace

std::string unit_of(const std::string &helper, const std::string &group) {
    return fmt::format("harp-{}@{}.service", helper, group);
}

std::unique_ptr<helper_control> systemd_helpers(const context &ctx) {
    return std::make_unique<systemd_control>(ctx);
}

} // namespace harp::service
