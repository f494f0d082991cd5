/* SPDX-License-Identifier: GPL-2.0 */
#include "bus/power.hh"

#include "bus/server.hh"
#include "util/log.hh"
#include "util/text.hh"

#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <systemd/sd-bus.h>

namespace harp::bus {

namespace {

constexpr const char *logind_name = "org.freedesktop.login1";
constexpr const char *logind_path = "/org/freedesktop/login1";
constexpr const char *logind_manager = "org.freedesktop.login1.Manager";
constexpr const char *upower_name = "org.freedesktop.UPower";
constexpr const char *upower_path = "/org/freedesktop/UPower";
constexpr const char *upower_device = "org.freedesktop.UPower.Device";
/* All that supplies the machine, a UPS before batteries, as UPower sums it up. */
constexpr const char *display_path = "/org/freedesktop/UPower/devices/DisplayDevice";
constexpr const char *properties = "org.freedesktop.DBus.Properties";

/* UPower's WarningLevel: 0 unknown, 1 none, 2 discharging, 3 low, 4 critical, 5 action. */
constexpr uint32_t warning_low = 3;
constexpr uint32_t warning_critical = 4;

struct watched {
    const char *path;
    const char *interface;
    const char *property;
    const char *type;
};

watched watched_for(ups_limit limit) {
    return limit == ups_limit::on_battery
                   ? watched{upower_path, upower_name, "OnBattery", "b"}
                   : watched{display_path, upower_device, "WarningLevel", "u"};
}

/* Not there, and not to be started (no unit, or a masked one): normal. */
bool is_absent(const sd_bus_error *e) {
    constexpr const char *no_unit = "org.freedesktop.systemd1.";
    return strncmp(e->name, no_unit, strlen(no_unit)) == 0 ||
           sd_bus_error_has_name(e, SD_BUS_ERROR_SERVICE_UNKNOWN) > 0 ||
           sd_bus_error_has_name(e, SD_BUS_ERROR_NAME_HAS_NO_OWNER) > 0;
}

void say_absent(bool &said, const char *what, const sd_bus_error *e) {
    if (std::exchange(said, true)) {
        return;
    }
    if (is_absent(e)) {
        log_info("{} is not there: nothing is heard of it before the power goes", what);
    } else {
        log_warning("{}: {}", what, e->message != nullptr ? e->message : e->name);
    }
}

} // namespace

template <int (power_watch::*Fn)(sd_bus_message *)>
int power_watch::call(sd_bus_message *m, void *self, void *) {
    return (static_cast<power_watch *>(self)->*Fn)(m);
}

/* sd_bus_message_handler_t has sd_bus_error * for its third argument. */
#define HARP_BUS_CALLBACK(fn)                                                                      \
    [](sd_bus_message *m, void *self, sd_bus_error *e) {                                           \
        return call<&power_watch::fn>(m, self, e);                                                 \
    }

result<std::unique_ptr<power_watch>> power_watch::make(sd_event *event, const std::string &where,
                                                       settings s, hooks h) {
    auto bus = connect(where);
    if (!bus) {
        return bus.error();
    }
    std::unique_ptr<power_watch> out(new power_watch(s, std::move(h)));
    out->bus_ = *bus;
    int r = out->add_matches();
    r = r < 0 ? r : sd_bus_attach_event(out->bus_, event, SD_EVENT_PRIORITY_NORMAL);
    if (r < 0) {
        return fail(-r, fmt::format("bus {}: {}", where, errno_text(-r)));
    }
    out->ask_logind();
    out->ask_upower();
    return out;
}

power_watch::~power_watch() {
    if (bus_ != nullptr) {
        sd_bus_detach_event(bus_);
        sd_bus_flush_close_unref(bus_);
    }
}

/* Before anything is asked: what changes after the answer is heard, too. */
int power_watch::add_matches() {
    int r = 0;
    if (settings_.shutdown) {
        r = sd_bus_match_signal(bus_, nullptr, logind_name, logind_path, logind_manager,
                                "PrepareForShutdown", HARP_BUS_CALLBACK(on_shutdown), this);
    }
    if (r >= 0 && settings_.ups != ups_limit::never) {
        r = sd_bus_match_signal(bus_, nullptr, upower_name, watched_for(settings_.ups).path,
                                properties, "PropertiesChanged", HARP_BUS_CALLBACK(on_properties),
                                this);
    }
    /* Either may come, or come anew, later. */
    for (const char *name : {logind_name, upower_name}) {
        const auto match = fmt::format("type='signal',sender='org.freedesktop.DBus',"
                                       "path='/org/freedesktop/DBus',"
                                       "interface='org.freedesktop.DBus',"
                                       "member='NameOwnerChanged',arg0='{}'",
                                       name);
        r = r < 0 ? r
                  : sd_bus_add_match(bus_, nullptr, match.c_str(), HARP_BUS_CALLBACK(on_owner),
                                     this);
    }
    return r;
}

/* ---- logind ---- */

void power_watch::ask_logind() {
    if (!settings_.shutdown || inhibitor_ || inhibiting_) {
        return;
    }
    const int r = sd_bus_call_method_async(bus_, nullptr, logind_name, logind_path, logind_manager,
                                           "Inhibit", HARP_BUS_CALLBACK(on_inhibited), this, "ssss",
                                           "shutdown", "harpd",
                                           "writes the logs of its groups to the disk", "delay");
    inhibiting_ = r >= 0;
    if (r < 0) {
        log_warning("logind: cannot be asked to wait: {}", errno_text(-r));
    }
    /* Of a shutdown that began before harpd did, another one before this perhaps. */
    const int asked = sd_bus_call_method_async(bus_, nullptr, logind_name, logind_path, properties,
                                               "Get", HARP_BUS_CALLBACK(on_preparing), this, "ss",
                                               logind_manager, "PreparingForShutdown");
    if (asked < 0) {
        log_warning("logind: cannot be asked: {}", errno_text(-asked));
    }
}

int power_watch::on_preparing(sd_bus_message *m) {
    if (sd_bus_message_is_method_error(m, nullptr) != 0) {
        return 0; /* on_inhibited() says so */
    }
    int begun = 0;
    const int r = sd_bus_message_read(m, "v", "b", &begun);
    if (r < 0) {
        log_warning("logind: PreparingForShutdown: {}", errno_text(-r));
    } else if (begun != 0) {
        shutdown_ = true;
        tell();
    }
    return 0;
}

int power_watch::on_inhibited(sd_bus_message *m) {
    inhibiting_ = false;
    if (sd_bus_message_is_method_error(m, nullptr) != 0) {
        say_absent(no_logind_, "logind", sd_bus_message_get_error(m));
        return 0;
    }
    int fd = -1;
    int r = sd_bus_message_read(m, "h", &fd);
    /* The message closes its own. */
    unique_fd own(r < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3));
    if (!own) {
        log_warning("logind: its inhibitor cannot be had: {}", errno_text(r < 0 ? -r : errno));
        return 0;
    }
    no_logind_ = false;
    inhibitor_ = std::move(own);
    return 0;
}

int power_watch::on_shutdown(sd_bus_message *m) {
    int begins = 0;
    const int r = sd_bus_message_read(m, "b", &begins);
    if (r < 0) {
        log_warning("logind: PrepareForShutdown: {}", errno_text(-r));
        return 0;
    }
    shutdown_ = begins != 0;
    tell(shutdown_); /* also where the UPS has told it before: logind waits for an answer */
    if (!shutdown_) {
        ask_logind(); /* it was cancelled: the next one is to wait as well */
    }
    return 0;
}

void power_watch::ready() {
    if (shutdown_ && inhibitor_) {
        log_info("all that was to be written is on the disk: the machine may go");
        inhibitor_.reset();
    }
}

/* ---- UPower ---- */

void power_watch::ask_upower() {
    if (settings_.ups == ups_limit::never) {
        return;
    }
    const watched w = watched_for(settings_.ups);
    const int r = sd_bus_call_method_async(bus_, nullptr, upower_name, w.path, properties, "Get",
                                           HARP_BUS_CALLBACK(on_property), this, "ss", w.interface,
                                           w.property);
    if (r < 0) {
        log_warning("UPower: cannot be asked: {}", errno_text(-r));
    }
}

int power_watch::on_property(sd_bus_message *m) {
    if (sd_bus_message_is_method_error(m, nullptr) != 0) {
        say_absent(no_upower_, "UPower", sd_bus_message_get_error(m));
        return 0;
    }
    no_upower_ = false;
    if (const int r = take_value(m); r < 0) {
        log_warning("UPower: {}: {}", watched_for(settings_.ups).property, errno_text(-r));
    }
    return 0;
}

/* A variant; of another type than it should be it is an error. */
int power_watch::take_value(sd_bus_message *m) {
    if (settings_.ups == ups_limit::on_battery) {
        int on = 0;
        const int r = sd_bus_message_read(m, "v", "b", &on);
        if (r < 0) {
            return r;
        }
        ups_ = on != 0;
    } else {
        uint32_t level = 0;
        const int r = sd_bus_message_read(m, "v", "u", &level);
        if (r < 0) {
            return r;
        }
        ups_ = level >= (settings_.ups == ups_limit::low ? warning_low : warning_critical);
    }
    tell();
    return 0;
}

/* sa{sv}as. Others of the same object change all the time. */
int power_watch::on_properties(sd_bus_message *m) {
    const watched w = watched_for(settings_.ups);
    const char *interface = nullptr;
    int r = sd_bus_message_read(m, "s", &interface);
    if (r < 0 || strcmp(interface, w.interface) != 0) {
        return 0;
    }
    r = sd_bus_message_enter_container(m, 'a', "{sv}");
    while (r > 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
        const char *name = nullptr;
        r = sd_bus_message_read(m, "s", &name);
        if (r > 0) {
            r = strcmp(name, w.property) == 0 ? take_value(m) : sd_bus_message_skip(m, "v");
        }
        r = r < 0 ? r : sd_bus_message_exit_container(m);
    }
    r = r < 0 ? r : sd_bus_message_exit_container(m);
    /* "It has changed, ask": as good. */
    r = r < 0 ? r : sd_bus_message_enter_container(m, 'a', "s");
    const char *name = nullptr;
    while (r > 0 && (r = sd_bus_message_read(m, "s", &name)) > 0) {
        if (strcmp(name, w.property) == 0) {
            ask_upower();
        }
    }
    if (r < 0) {
        log_warning("UPower: PropertiesChanged: {}", errno_text(-r));
    }
    return 0;
}

/* ---- both ---- */

/*
 * Who is new is asked. What one that has gone said last stays: its end may be that of the
 * machine.
 */
int power_watch::on_owner(sd_bus_message *m) {
    const char *name = nullptr;
    const char *before = nullptr;
    const char *now = nullptr;
    if (sd_bus_message_read(m, "sss", &name, &before, &now) < 0) {
        return 0;
    }
    const bool is_logind = strcmp(name, logind_name) == 0;
    if (is_logind) {
        inhibitor_.reset(); /* the one who knew of it has gone */
        inhibiting_ = false;
    }
    if (*now == '\0') {
        return 0;
    }
    is_logind ? ask_logind() : ask_upower();
    return 0;
}

void power_watch::tell(bool again) {
    const bool goes = shutdown_ || ups_;
    if (goes == told_ && !again) {
        return;
    }
    told_ = goes;
    const char *why = shutdown_                                ? "the machine shuts down"
                      : settings_.ups == ups_limit::on_battery ? "the machine runs on its battery"
                                                               : "the UPS is low";
    hooks_.power(goes, goes ? why : "");
}

} // namespace harp::bus
