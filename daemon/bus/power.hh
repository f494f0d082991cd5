/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Is the power about to go (protocol P1)? Told by logind, which shuts the machine down, and by
 * UPower, which watches a UPS; a machine may have neither. logind waits for what is to be
 * done before, as long as an inhibitor is held and InhibitDelayMaxSec= allows.
 */
#pragma once

#include "util/fd.hh"
#include "util/result.hh"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

struct sd_bus;
struct sd_bus_message;
struct sd_bus_slot;
struct sd_event;

namespace harp::bus {

/* What of a UPS counts as "the power goes". */
enum class ups_limit : uint8_t { low, critical, on_battery, never };

class power_watch {
public:
    struct hooks {
        /*
         * @goes changed, or a shutdown begins; @why is for a person. From the loop, never from
         * within make().
         */
        std::function<void(bool goes, const std::string &why)> power;
    };
    struct settings {
        ups_limit ups = ups_limit::low;
        bool shutdown = true; /* logind's counts */
    };

    /* @where: as for bus::connect(). An error: the bus itself cannot be had. */
    static result<std::unique_ptr<power_watch>> make(sd_event *event, const std::string &where,
                                                     settings s, hooks h);
    ~power_watch();
    power_watch(const power_watch &) = delete;
    power_watch &operator=(const power_watch &) = delete;

    /* All that is to be done before the power goes is done: the machine may go. */
    void ready();
    bool goes() const noexcept { return told_; }

private:
    power_watch(settings s, hooks h) : settings_(s), hooks_(std::move(h)) {}

    int add_matches();
    void ask_logind();
    void ask_upower();
    int on_shutdown(sd_bus_message *m);
    int on_inhibited(sd_bus_message *m);
    int on_preparing(sd_bus_message *m);
    int on_properties(sd_bus_message *m);
    int on_property(sd_bus_message *m);
    int on_owner(sd_bus_message *m);
    int take_value(sd_bus_message *m);
    void tell(bool again = false);
    /* sd-bus's kind of callback for one of the above. */
    template <int (power_watch::*Fn)(sd_bus_message *)>
    static int call(sd_bus_message *m, void *self, void *error);

    settings settings_;
    hooks hooks_;
    sd_bus *bus_ = nullptr;
    unique_fd inhibitor_;
    bool inhibiting_ = false; /* it was asked for */
    bool shutdown_ = false;
    bool ups_ = false;
    bool told_ = false;
    bool no_logind_ = false; /* said so */
    bool no_upower_ = false;
};

} // namespace harp::bus
