/* SPDX-License-Identifier: GPL-2.0 */
/* What is heard of the power: with a logind and a UPower that say what a test wants. */
#include "bus/power.hh"
#include "bus/server.hh"
#include "private_bus.hh"
#include "util/loop.hh"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <poll.h>
#include <systemd/sd-bus.h>
#include <vector>

namespace harp::bus {
namespace {

using namespace std::chrono_literals;

constexpr const char *upower_path = "/org/freedesktop/UPower";
constexpr const char *display_path = "/org/freedesktop/UPower/devices/DisplayDevice";
constexpr const char *device_interface = "org.freedesktop.UPower.Device";
constexpr const char *upower_interface = "org.freedesktop.UPower";

/* Owns both names, on a connection of its own. */
class fake_machine {
public:
    fake_machine(loop &l, const std::string &address) {
        auto made = connect(address);
        EXPECT_TRUE(made.ok());
        bus_ = *made;
        for (const char *path : {"/org/freedesktop/login1", upower_path, display_path}) {
            EXPECT_GE(sd_bus_add_object(bus_, nullptr, path, &fake_machine::called, this), 0);
        }
        EXPECT_GE(sd_bus_attach_event(bus_, l.raw(), SD_EVENT_PRIORITY_NORMAL), 0);
    }
    ~fake_machine() {
        sd_bus_detach_event(bus_);
        sd_bus_flush_close_unref(bus_);
    }
    fake_machine(const fake_machine &) = delete;
    fake_machine &operator=(const fake_machine &) = delete;

    void own(const char *name) { EXPECT_GE(sd_bus_request_name(bus_, name, 0), 0); }
    void own_both() {
        own("org.freedesktop.login1");
        own("org.freedesktop.UPower");
    }
    void prepare_for_shutdown(bool begins) {
        EXPECT_GE(sd_bus_emit_signal(bus_, "/org/freedesktop/login1",
                                     "org.freedesktop.login1.Manager", "PrepareForShutdown", "b",
                                     begins ? 1 : 0),
                  0);
    }
    void set_level(uint32_t to) {
        level = to;
        EXPECT_GE(sd_bus_emit_signal(bus_, display_path, "org.freedesktop.DBus.Properties",
                                     "PropertiesChanged", "sa{sv}as", device_interface, 3,
                                     "UpdateTime", "t", uint64_t{1}, "WarningLevel", "u", to,
                                     "Energy", "d", 5.5, 0),
                  0);
    }
    void set_on_battery(bool to) {
        on_battery = to;
        EXPECT_GE(sd_bus_emit_signal(bus_, upower_path, "org.freedesktop.DBus.Properties",
                                     "PropertiesChanged", "sa{sv}as", upower_interface, 1,
                                     "OnBattery", "b", to ? 1 : 0, 0),
                  0);
    }
    /* It has changed, and is not told: whoever wants to know asks. */
    void invalidate_level(uint32_t to) {
        level = to;
        EXPECT_GE(sd_bus_emit_signal(bus_, display_path, "org.freedesktop.DBus.Properties",
                                     "PropertiesChanged", "sa{sv}as", device_interface, 0, 1,
                                     "WarningLevel"),
                  0);
    }
    /* As logind sees it: is what it gave away last still open somewhere? */
    bool is_inhibited() const {
        pollfd p{inhibitor_.get(), POLLIN, 0};
        return inhibitor_ && ::poll(&p, 1, 0) == 0;
    }

    uint32_t level = 1;
    bool on_battery = false;
    int inhibits = 0;
    int asked = 0; /* for a property */
    bool wrong_type = false;
    bool preparing = false; /* for a shutdown */
    std::string inhibit_args;

private:
    static int called(sd_bus_message *m, void *self, sd_bus_error *) {
        return static_cast<fake_machine *>(self)->answer(m);
    }
    int answer(sd_bus_message *m) {
        if (sd_bus_message_is_method_call(m, "org.freedesktop.login1.Manager", "Inhibit") > 0) {
            const char *what = nullptr;
            const char *who = nullptr;
            const char *why = nullptr;
            const char *mode = nullptr;
            EXPECT_GT(sd_bus_message_read(m, "ssss", &what, &who, &why, &mode), 0);
            inhibit_args = std::string(what) + " " + who + " " + mode;
            int fds[2];
            EXPECT_EQ(pipe2(fds, O_CLOEXEC), 0);
            inhibitor_.reset(fds[0]);
            const unique_fd given(fds[1]);
            inhibits++;
            return sd_bus_reply_method_return(m, "h", given.get());
        }
        if (sd_bus_message_is_method_call(m, "org.freedesktop.DBus.Properties", "Get") > 0) {
            const char *interface = nullptr;
            const char *property = nullptr;
            EXPECT_GT(sd_bus_message_read(m, "ss", &interface, &property), 0);
            if (strcmp(property, "PreparingForShutdown") == 0) {
                return sd_bus_reply_method_return(m, "v", "b", preparing ? 1 : 0);
            }
            asked++;
            if (wrong_type) {
                return sd_bus_reply_method_return(m, "v", "s", "high");
            }
            return strcmp(property, "OnBattery") == 0
                           ? sd_bus_reply_method_return(m, "v", "b", on_battery ? 1 : 0)
                           : sd_bus_reply_method_return(m, "v", "u", level);
        }
        return 0;
    }

    sd_bus *bus_ = nullptr;
    unique_fd inhibitor_; /* the other end */
};

class power : public testing::Test {
protected:
    void SetUp() override {
        if (!private_bus::is_installed()) {
            GTEST_SKIP() << "dbus-daemon is not installed";
        }
        bus_.emplace(testing::TempDir() + "harp-power-" + std::to_string(getpid()));
        machine_.emplace(loop_, bus_->address());
    }
    void TearDown() override {
        watch_.reset();
        machine_.reset();
        bus_.reset();
    }
    void watch(power_watch::settings s = {}) {
        auto made = power_watch::make(loop_.raw(), bus_->address(), s,
                                      {[this](bool goes, const std::string &why) {
                                          told_.push_back(goes ? why : "stays");
                                      }});
        ASSERT_TRUE(made.ok()) << made.error().text;
        watch_ = std::move(*made);
    }
    bool until(const std::function<bool()> &done) {
        const auto end = boottime_now() + 10s;
        while (!done() && boottime_now() < end) {
            loop_.turn(20ms);
        }
        return done();
    }
    bool told(size_t n) {
        return until([&] { return told_.size() >= n; });
    }
    /* What was sent before has been taken when a later question is answered. */
    void settle() {
        const int before = machine_->asked;
        machine_->invalidate_level(machine_->level);
        ASSERT_TRUE(until([&] { return machine_->asked > before; }));
        for (int i = 0; i < 5; i++) {
            loop_.turn(20ms);
        }
    }

    loop loop_;
    std::optional<private_bus> bus_;
    std::optional<fake_machine> machine_;
    std::unique_ptr<power_watch> watch_;
    std::vector<std::string> told_;
};

} // namespace

TEST_F(power, logind_waits_until_all_is_written) {
    machine_->own_both();
    watch();
    ASSERT_TRUE(until([&] { return machine_->is_inhibited(); }));
    EXPECT_EQ(machine_->inhibit_args, "shutdown harpd delay");
    watch_->ready();
    settle();
    EXPECT_TRUE(machine_->is_inhibited()) << "nothing shuts down";
    machine_->prepare_for_shutdown(true);
    ASSERT_TRUE(told(1));
    EXPECT_EQ(told_.back(), "the machine shuts down");
    EXPECT_TRUE(watch_->goes());
    settle();
    EXPECT_TRUE(machine_->is_inhibited()) << "it is not written yet";
    watch_->ready();
    EXPECT_TRUE(until([&] { return !machine_->is_inhibited(); }));
}

TEST_F(power, a_shutdown_that_is_cancelled_is_followed_by_another_inhibitor) {
    machine_->own_both();
    watch();
    ASSERT_TRUE(until([&] { return machine_->is_inhibited(); }));
    machine_->prepare_for_shutdown(true);
    ASSERT_TRUE(told(1));
    watch_->ready();
    machine_->prepare_for_shutdown(false);
    ASSERT_TRUE(told(2));
    EXPECT_EQ(told_.back(), "stays");
    EXPECT_TRUE(until([&] { return machine_->inhibits == 2 && machine_->is_inhibited(); }));
}

/* Who heard of it was another harpd. */
TEST_F(power, a_shutdown_that_has_begun_is_told_at_once) {
    machine_->own_both();
    machine_->preparing = true;
    watch();
    ASSERT_TRUE(told(1));
    EXPECT_EQ(told_.back(), "the machine shuts down");
}

TEST_F(power, a_ups_that_is_low_is_told_and_so_is_its_end) {
    machine_->own_both();
    watch();
    ASSERT_TRUE(until([&] { return machine_->asked > 0; }));
    machine_->set_level(2); /* discharges */
    settle();
    EXPECT_TRUE(told_.empty());
    machine_->set_level(3);
    ASSERT_TRUE(told(1));
    EXPECT_EQ(told_.back(), "the UPS is low");
    machine_->set_level(4);
    settle();
    EXPECT_EQ(told_.size(), 1U) << "nothing new";
    machine_->set_level(1);
    ASSERT_TRUE(told(2));
    EXPECT_EQ(told_.back(), "stays");
}

TEST_F(power, a_ups_that_is_low_before_harpd_starts_is_told_at_once) {
    machine_->own_both();
    machine_->level = 4;
    watch();
    EXPECT_TRUE(told(1));
}

TEST_F(power, which_level_acts_is_a_matter_of_configuration) {
    machine_->own_both();
    watch({ups_limit::critical, true});
    machine_->set_level(3);
    settle();
    EXPECT_TRUE(told_.empty());
    machine_->set_level(4);
    EXPECT_TRUE(told(1));
}

TEST_F(power, on_battery_may_be_enough) {
    machine_->own_both();
    watch({ups_limit::on_battery, true});
    ASSERT_TRUE(until([&] { return machine_->asked > 0; }));
    machine_->set_on_battery(true);
    ASSERT_TRUE(told(1));
    EXPECT_EQ(told_.back(), "the machine runs on its battery");
    machine_->set_on_battery(false);
    EXPECT_TRUE(told(2));
}

TEST_F(power, a_level_that_is_not_told_is_asked_for) {
    machine_->own_both();
    watch();
    ASSERT_TRUE(until([&] { return machine_->asked > 0; }));
    machine_->invalidate_level(3);
    EXPECT_TRUE(told(1));
}

/* A UPS that is low shuts the machine down in the end: logind waits for its own answer. */
TEST_F(power, a_shutdown_after_the_warning_is_told_as_well) {
    machine_->own_both();
    watch();
    ASSERT_TRUE(until([&] { return machine_->is_inhibited(); }));
    machine_->set_level(3);
    ASSERT_TRUE(told(1));
    watch_->ready();
    settle();
    EXPECT_TRUE(machine_->is_inhibited());
    machine_->prepare_for_shutdown(true);
    ASSERT_TRUE(told(2));
    EXPECT_EQ(told_.back(), "the machine shuts down");
    machine_->prepare_for_shutdown(false);
    settle();
    EXPECT_EQ(told_.size(), 2U) << "the UPS is low as before";
}

TEST_F(power, neither_need_be_there_and_either_may_come_later) {
    watch();
    for (int i = 0; i < 5; i++) {
        loop_.turn(20ms);
    }
    EXPECT_TRUE(told_.empty());
    machine_->level = 3;
    machine_->own("org.freedesktop.UPower");
    EXPECT_TRUE(told(1));
    machine_->own("org.freedesktop.login1");
    EXPECT_TRUE(until([&] { return machine_->is_inhibited(); }));
}

TEST_F(power, what_is_not_what_it_should_be_is_no_warning) {
    machine_->own_both();
    machine_->wrong_type = true;
    watch();
    ASSERT_TRUE(until([&] { return machine_->asked > 0; }));
    settle();
    EXPECT_TRUE(told_.empty());
    machine_->set_level(3);
    EXPECT_TRUE(told(1)) << "it is heard all the same";
}

TEST_F(power, what_is_not_wanted_is_not_asked_for) {
    machine_->own_both();
    watch({ups_limit::never, false});
    machine_->prepare_for_shutdown(true);
    machine_->set_level(5);
    for (int i = 0; i < 5; i++) {
        loop_.turn(20ms);
    }
    EXPECT_TRUE(told_.empty());
    EXPECT_EQ(machine_->inhibits, 0);
    EXPECT_EQ(machine_->asked, 0);
}

} // namespace harp::bus
