/* SPDX-License-Identifier: GPL-2.0 */
#include "ctl/events.hh"

#include "bus/server.hh"
#include "util/text.hh"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <ctime>
#include <fmt/format.h>
#include <memory>
#include <systemd/sd-bus.h>

namespace harp::ctl {

namespace {

constexpr uint64_t ns_per_s = 1000000000;
constexpr uint64_t ns_per_usec = 1000;
constexpr uint64_t call_limit_usec = 25ull * 1000 * 1000;

std::string text_of(const json &j, const char *key) {
    const json *v = j.find(key);
    return v != nullptr && v->is_string() ? v->get<std::string>() : std::string();
}

/* Local time, to the millisecond. */
std::string clock_text(uint64_t ns) {
    const auto s = static_cast<time_t>(ns / ns_per_s);
    struct tm at {};
    localtime_r(&s, &at);
    char buf[32];
    strftime(buf, sizeof(buf), "%F %T", &at);
    return fmt::format("{}.{:03}", buf, ns % ns_per_s / 1000000);
}

std::string without_digits(std::string text) {
    std::erase_if(text, [](unsigned char c) { return isdigit(c) != 0; });
    return text;
}

uint64_t now_ns() {
    struct timespec now {};
    clock_gettime(CLOCK_REALTIME, &now);
    return static_cast<uint64_t>(now.tv_sec) * ns_per_s + static_cast<uint64_t>(now.tv_nsec);
}

} // namespace

std::optional<std::string> event_lines::event(const std::string &event) const {
    const json j = json::parse_or_null(event);
    const json *at = j.is_object() ? j.find("time_ns") : nullptr;
    if (at == nullptr || !at->is_number_unsigned() || !tells_of(text_of(j, "group"))) {
        return std::nullopt;
    }
    if (as_json_) {
        return event;
    }
    std::string out = fmt::format("{}  {}: {}", clock_text(at->get<uint64_t>()),
                                  text_of(j, "group"), text_of(j, "what"));
    const json *fields = j.find("fields");
    if (fields != nullptr && fields->is_object()) {
        for (const auto &[key, value] : fields->items()) {
            const std::string text = value.is_string() ? value.get<std::string>() : "";
            out += text.empty() ? "" : fmt::format("  {} {}", key, text);
        }
    }
    return out;
}

std::string event_lines::line(const std::string &group, const std::string &member,
                              const std::string &text, uint64_t now) const {
    if (as_json_) {
        return json{{"what", "status"},
                    {"time_ns", now},
                    {"group", group},
                    {"member", member},
                    {"text", text}}
                .dump();
    }
    return fmt::format("{}  {}: {}: {}", clock_text(now), group, member, text);
}

std::vector<std::string> event_lines::status(const std::string &status, uint64_t now) {
    std::vector<std::string> out;
    const json j = json::parse_or_null(status);
    again_ns_ = 0;
    if (!j.is_object()) {
        return out;
    }
    for (const json &g : j.value("groups", json::array())) {
        const std::string group = text_of(g, "name");
        if (!tells_of(group)) {
            continue;
        }
        for (const json &m : g.value("members", json::array())) {
            const json *self = m.find("self");
            const bool here = self != nullptr && self->is_boolean() && self->get<bool>();
            const std::string text = here ? text_of(g, "headline") : text_of(m, "text");
            said &last = last_[group + "/" + text_of(m, "name")];
            if (text.empty() || text == last.text) {
                continue;
            }
            const uint64_t since = now - last.at_ns; /* huge where the clock was set back */
            if (since < ns_per_s && without_digits(text) == without_digits(last.text)) {
                const uint64_t left = ns_per_s - since;
                again_ns_ = again_ns_ == 0 ? left : std::min(again_ns_, left);
                continue;
            }
            last = {text, now};
            out.push_back(line(group, text_of(m, "name"), text, now));
        }
    }
    return out;
}

namespace {

/* One follower, as the bus's callbacks see it. */
struct follower {
    sd_bus *bus;
    event_lines lines;
    uint64_t count;
    uint64_t printed = 0;
    bool ask = true; /* Status() would say something else */
    bool over = false;

    void print(const std::string &text) {
        if (over) {
            return;
        }
        over = printf("%s\n", text.c_str()) < 0 || fflush(stdout) != 0 || ++printed == count;
    }
};

struct message_unref {
    void operator()(sd_bus_message *m) const { sd_bus_message_unref(m); }
};
struct slot_unref {
    void operator()(sd_bus_slot *s) const { sd_bus_slot_unref(s); }
};

int on_event(sd_bus_message *m, void *userdata, sd_bus_error *) {
    auto *f = static_cast<follower *>(userdata);
    const char *text = nullptr;
    if (sd_bus_message_read(m, "s", &text) > 0) {
        if (auto line = f->lines.event(text)) {
            f->print(*line);
        }
    }
    return 0;
}

int on_change(sd_bus_message *, void *userdata, sd_bus_error *) {
    static_cast<follower *>(userdata)->ask = true;
    return 0;
}

/* NameOwnerChanged: name, old owner, new owner. */
int on_owner(sd_bus_message *m, void *userdata, sd_bus_error *) {
    const char *name = nullptr;
    const char *before = nullptr;
    const char *after = nullptr;
    if (sd_bus_message_read(m, "sss", &name, &before, &after) > 0) {
        const bool there = *after != '\0';
        fprintf(stderr, "harpctl: harpd %s\n",
                there ? "is there again" : "has ended; waiting for it");
        static_cast<follower *>(userdata)->ask = there;
    }
    return 0;
}

result<void> ask_status(follower &f) {
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_message *reply = nullptr;
    int r = sd_bus_call_method(f.bus, bus::service_name, bus::object_path, bus::interface_name,
                               "Status", &error, &reply, "");
    std::unique_ptr<sd_bus_message, message_unref> held(reply);
    const bool absent = sd_bus_error_has_name(&error, SD_BUS_ERROR_SERVICE_UNKNOWN) != 0 ||
                        sd_bus_error_has_name(&error, SD_BUS_ERROR_NAME_HAS_NO_OWNER) != 0 ||
                        sd_bus_error_has_name(&error, SD_BUS_ERROR_NO_REPLY) != 0;
    const std::string why = error.message != nullptr ? error.message : errno_text(-r);
    sd_bus_error_free(&error);
    const char *text = nullptr;
    if (r >= 0 && sd_bus_message_read(reply, "s", &text) > 0) {
        for (const auto &line : f.lines.status(text, now_ns())) {
            f.print(line);
        }
        return {};
    }
    return absent ? fail(ENOENT, "harpd does not run on this machine (systemctl start harpd)")
                  : fail(-r, why);
}

} // namespace

result<void> follow_events(sd_bus *bus, event_lines lines, uint64_t count) {
    follower f{bus, std::move(lines), count};
    (void)sd_bus_set_method_call_timeout(bus, call_limit_usec);
    const std::string owner = fmt::format(
            "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='{}'",
            bus::service_name);
    std::array<std::unique_ptr<sd_bus_slot, slot_unref>, 3> slots;
    auto match = [&](size_t at, const char *signal, sd_bus_message_handler_t handler) {
        sd_bus_slot *slot = nullptr;
        int r = signal != nullptr
                        ? sd_bus_match_signal(bus, &slot, bus::service_name, bus::object_path,
                                              bus::interface_name, signal, handler, &f)
                        : sd_bus_add_match(bus, &slot, owner.c_str(), handler, &f);
        slots[at].reset(slot);
        return r;
    };
    int r = match(0, "Event", on_event);
    r = r < 0 ? r : match(1, "StatusChanged", on_change);
    r = r < 0 ? r : match(2, nullptr, on_owner);
    bool began = false;
    while (r >= 0 && !f.over) {
        if (f.ask) {
            f.ask = false;
            auto asked = ask_status(f);
            /* Who ends in the middle is told by its name's end; at first it must be there. */
            if (!asked && !began) {
                return asked;
            }
            began = true;
        }
        r = sd_bus_process(bus, nullptr);
        if (r == 0 && !f.ask) {
            const uint64_t again = f.lines.again_ns();
            r = sd_bus_wait(bus, again == 0 ? UINT64_MAX : again / ns_per_usec + 1);
            f.ask = r == 0;
        }
    }
    return r < 0 ? result<void>(fail(-r, fmt::format("bus: {}", errno_text(-r)))) : result<void>();
}

} // namespace harp::ctl
