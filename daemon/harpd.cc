/* SPDX-License-Identifier: GPL-2.0 */
/* harpd: the control plane of Harp's replica groups on one machine. */
#include "bus/power.hh"
#include "bus/server.hh"
#include "knl/host.hh"
#include "node.hh"
#include "util/json.hh"
#include "util/log.hh"

#include <csignal>
#include <cstdio>
#include <fmt/format.h>
#include <getopt.h>
#include <sys/mman.h>
#include <systemd/sd-daemon.h>

namespace {

using namespace harp;
using namespace std::chrono_literals;

/* systemd's status line and harpctl's signal: at most this often. */
constexpr duration_t tell_interval = 200ms;

/* Left for good: harpd.service does not start it again. */
constexpr int left_status = 3;

struct options {
    node_paths paths;
    std::string bus = "system";
    bool verbose = false;
};

void set_panic_timeout(int seconds) {
    auto set = knl::set_panic_timeout(seconds);
    if (!set) {
        log_warning(
                "kernel.panic is 0 (a panicked machine never comes back), and cannot be set: {}",
                set.error().text);
    } else if (*set) {
        log_info("kernel.panic was 0 (a panicked machine never comes back), set to {}", seconds);
    }
}

log_level level_of(const config::node_config &c, bool verbose) {
    if (verbose || c.log_level == "debug") {
        return log_level::debug;
    }
    return c.log_level == "error"     ? log_level::error
           : c.log_level == "warning" ? log_level::warning
                                      : log_level::info;
}

result<std::unique_ptr<bus::server>> open_bus(loop &l, const options &o, node &n) {
    if (o.bus == "none") {
        return std::unique_ptr<bus::server>();
    }
    bus::api a;
    a.status = [&n] { return n.status(); };
    a.group_create = [&n](const std::string &name, auto done) { n.group_create(name, done); };
    a.group_delete = [&n](const std::string &name, bool force, auto done) {
        n.group_delete(name, force, done);
    };
    a.switchover = [&n](const std::string &name, const std::string &to, auto done) {
        n.switchover(name, to, done);
    };
    a.log_skip = [&n](const std::string &name, const std::vector<uint64_t> &records, bool ask_only,
                      auto done) { n.log_skip(name, records, ask_only, done); };
    return bus::server::make(l.raw(), o.bus, std::move(a));
}

bus::power_watch::settings power_settings(const config::node_config &c) {
    const auto ups = c.ups == "low"          ? bus::ups_limit::low
                     : c.ups == "critical"   ? bus::ups_limit::critical
                     : c.ups == "on-battery" ? bus::ups_limit::on_battery
                                             : bus::ups_limit::never;
    return {ups, c.seal_at_shutdown};
}

/* Without it the groups run; only a loss of power finds them as it would without a UPS. */
std::unique_ptr<bus::power_watch>
watch_power(loop &l, const options &o, bus::power_watch::settings s, bus::power_watch::hooks h) {
    if (o.bus == "none" || (s.ups == bus::ups_limit::never && !s.shutdown)) {
        return nullptr;
    }
    auto w = bus::power_watch::make(l.raw(), o.bus, s, std::move(h));
    if (!w) {
        log_warning("no warning is heard before the power goes: {}", w.error().text);
        return nullptr;
    }
    return std::move(*w);
}

std::string json_of(const timeline_event &e) {
    return json{{"what", e.what},
                {"time_ns", e.time_ns},
                {"group", e.group},
                {"fields", std::map<std::string, std::string>(e.fields.begin(), e.fields.end())}}
            .dump();
}

int serve(const options &o) {
    auto c = config::load_node(o.paths.config_dir + "/harp.toml");
    if (!c) {
        log_error("{}", c.error().text);
        return 2;
    }
    log_set_level(level_of(*c, o.verbose));
    set_panic_timeout(c->panic_timeout);
    /* Heartbeats must not wait for a page of this program to be read back. */
    (void)mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
    loop l;
    auto n = node::make(l, *c, o.paths, make_backend);
    if (!n) {
        log_error("{}", n.error().text);
        return 1;
    }
    auto b = open_bus(l, o, **n);
    if (!b) {
        log_error("{}", b.error().text);
        return 1;
    }
    if (*b) {
        log_events_to([&l, &server = **b](const timeline_event &e) {
            l.post([&server, text = json_of(e)] { server.event(text); });
        });
    }
    bool due = false;
    auto tell = l.timer([&] {
        due = false;
        sd_notifyf(0, "STATUS=%s", (*n)->headline().c_str());
        if (*b) {
            (*b)->status_changed();
        }
    });
    std::unique_ptr<bus::power_watch> power;
    auto may_go = [&] {
        if (power && power->goes() && (*n)->sealed()) {
            power->ready();
        }
    };
    (*n)->on_change([&] {
        may_go();
        if (!due) {
            due = true;
            tell.set_time(boottime_now() + tell_interval);
        }
    });
    power = watch_power(l, o, power_settings(*c), {[&](bool goes, const std::string &why) {
                            (*n)->power({goes, why});
                            may_go();
                        }});
    auto term = l.on_signal(SIGTERM, [&] { l.quit(0); });
    auto intr = l.on_signal(SIGINT, [&] { l.quit(0); });
    /* Leaving for good, addresses and all, is a person's decision: `systemctl kill -s USR1`. */
    auto leave = l.on_signal(SIGUSR1, [&] { (*n)->leave_all([&] { l.quit(left_status); }); });
    l.answer_watchdog();
    log_info("harpd {} on {}", HARP_VERSION, c->name);
    sd_notifyf(0, "READY=1\nSTATUS=%s", (*n)->headline().c_str());
    int rc = l.run();
    log_events_to(nullptr);
    sd_notify(0, "STOPPING=1");
    return rc;
}

void usage(FILE *to) {
    fputs("Usage: harpd [--config DIR] [--state DIR] [--run DIR] [--bus ADDRESS] [-v]\n"
          "Control plane of Harp's replica groups. See harpd(8).\n\n"
          "  --config DIR   harp.toml and groups/ are there (/etc/harp)\n"
          "  --state DIR    the groups' state (/var/lib/harp)\n"
          "  --run DIR      namespaces and sockets (/run/harp)\n"
          "  --bus ADDRESS  \"system\", a D-Bus address, or \"none\"\n"
          "  -v, --verbose  say more\n"
          "  --version      print the version\n",
          to);
}

/* An exit status when there is nothing more to do. */
std::optional<int> parse(int argc, char **argv, options &o) {
    static const option longs[] = {
            {"config", required_argument, nullptr, 'c'}, {"state", required_argument, nullptr, 's'},
            {"run", required_argument, nullptr, 'r'},    {"bus", required_argument, nullptr, 'b'},
            {"verbose", no_argument, nullptr, 'v'},      {"version", no_argument, nullptr, 'V'},
            {"help", no_argument, nullptr, 'h'},         {nullptr, 0, nullptr, 0}};
    for (int c = 0; (c = getopt_long(argc, argv, "vh", longs, nullptr)) != -1;) {
        switch (c) {
        case 'c':
            o.paths.config_dir = optarg;
            break;
        case 's':
            o.paths.state_dir = optarg;
            break;
        case 'r':
            o.paths.run_dir = optarg;
            break;
        case 'b':
            o.bus = optarg;
            break;
        case 'v':
            o.verbose = true;
            break;
        case 'V':
            puts("harpd " HARP_VERSION);
            return 0;
        case 'h':
            usage(stdout);
            return 0;
        default:
            usage(stderr);
            return 2;
        }
    }
    if (optind < argc) {
        usage(stderr);
        return 2;
    }
    return std::nullopt;
}

} // namespace

int main(int argc, char **argv) {
    /* First of all: a service's agent is this program, executed again. */
    if (auto rc = service::agent_main(argc, argv)) {
        return *rc;
    }
    options o;
    if (auto rc = parse(argc, argv, o)) {
        return *rc;
    }

    sigset_t blocked;
    sigemptyset(&blocked);
    for (int s : {SIGTERM, SIGINT, SIGUSR1}) {
        sigaddset(&blocked, s);
    }
    sigprocmask(SIG_BLOCK, &blocked, nullptr);
    signal(SIGPIPE, SIG_IGN);
    return serve(o);
}
