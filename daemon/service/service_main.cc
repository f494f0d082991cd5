// SPDX-License-Identifier: GPL-2.0
/*
 * harp-service: a group's service driven by hand, without harpd, for tests and
 * for looking at what goes wrong. Prints each step as it ends.
 *
 *	harp-service CONFIG.json OPERATION...
 *	    plan  observe  prepare  lower=DEVICE,TYPE[,OPTIONS]  harp=OPTIONS | harp=bind
 *	    start[=ADDRESS:PORT;...]  stop  stop-umount  teardown  clients  hold=SECONDS
 */
#include <signal.h>
#include <systemd/sd-event.h>
#include <time.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>

#include <fmt/format.h>

#include "service/plan.hh"
#include "service/service.hh"

namespace {

using harp::service::outcome;
using harp::service::service;

struct driver {
    sd_event *event = nullptr;
    std::unique_ptr<service> s;
    int failed = 0;

    void wait(const std::string &what, outcome o) {
        fmt::print("= {}: {}{}\n", what, o.status.ok() ? "ok" : o.status.error().text,
                   o.now.stuck ? fmt::format(" ({} stuck: {})", o.now.stuck, o.now.stuck_where)
                               : "");
        failed += !o.status.ok();
        fflush(stdout);
        sd_event_exit(event, 0);
    }
};

std::string rest(const std::string &op, const char *key) {
    return op.starts_with(key) ? op.substr(strlen(key)) : "";
}

/* "192.0.2.7:801;192.0.2.8:702": their connections with the group's first address. */
harp::service::start_args clients_of(const std::string &text, const harp::service::config &c) {
    harp::service::start_args a;
    for (size_t at = 0; at < text.size();) {
        const size_t end = std::min(text.find(';', at), text.size());
        const std::string one = text.substr(at, end - at);
        const size_t colon = one.rfind(':');
        auto peer = harp::net::parse_ip(one.substr(0, colon));
        if (peer.ok() && colon != std::string::npos) {
            a.clients.push_back({c.link.addresses.front().address, c.nfsd.port, *peer,
                                 static_cast<uint16_t>(atoi(one.c_str() + colon + 1))});
        }
        at = end + 1;
    }
    return a;
}

int print_plans(const harp::service::config &c) {
    using namespace harp::service;
    const mount_args lower{"/dev/DEVICE", "ext4", ""}, harp{"", "", "group=" + c.group};
    fmt::print("# prepare\n{}# mount_lower\n{}# mount_harp\n{}# start\n{}# teardown\n{}",
               to_text(plan_prepare(c)), to_text(plan_mount_lower(c, lower)),
               to_text(plan_mount_harp(c, harp)), to_text(plan_start(c, {})),
               to_text(plan_stop(c, {.umount = true, .teardown = true})));
    return 0;
}

int print_clients(service &s) {
    auto found = s.connections(1000);
    if (!found) {
        fmt::print("! {}\n", found.error().text);
        return 1;
    }
    std::string line;
    for (const auto &c : *found) {
        line += fmt::format("{}{}:{}", line.empty() ? "" : ";", c.peer.to_string(), c.peer_port);
    }
    fmt::print("{}\n", line);
    return 0;
}

/* True when the loop is to run until the operation has ended. */
bool begin(driver &d, const std::string &op) {
    const auto done = [&d, op](outcome o) { d.wait(op, std::move(o)); };
    auto &s = *d.s;
    if (op == "observe") {
        s.observe(done);
    } else if (op == "prepare") {
        s.prepare(done);
    } else if (op.starts_with("lower=")) {
        const std::string args = rest(op, "lower=");
        const size_t a = args.find(','), b = args.find(',', a + 1);
        s.mount_lower({args.substr(0, a), args.substr(a + 1, b - a - 1),
                       b == std::string::npos ? "" : args.substr(b + 1)},
                      done);
    } else if (op == "harp=bind") {
        s.mount_harp({"", "bind", ""}, done);
    } else if (op.starts_with("harp=")) {
        s.mount_harp({"", "", rest(op, "harp=")}, done);
    } else if (op.starts_with("start")) {
        s.start(clients_of(rest(op, "start="), s.settings()), done);
    } else if (op == "stop" || op == "stop-umount" || op == "teardown") {
        s.stop({.umount = op == "stop-umount", .teardown = op == "teardown"}, done);
    } else {
        fmt::print("! unknown operation '{}'\n", op);
        d.failed++;
        return false;
    }
    return true;
}

int on_time(sd_event_source *, uint64_t, void *data) {
    return sd_event_exit(static_cast<sd_event *>(data), 0);
}

} // namespace

int main(int argc, char **argv) {
    if (auto rc = harp::service::agent_main(argc, argv)) {
        return *rc;
    }
    if (argc < 3) {
        fmt::print(stderr, "usage: harp-service CONFIG.json OPERATION...\n");
        return 2;
    }
    std::ifstream file(argv[1]);
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    auto c = harp::service::from_json(text);
    if (!c) {
        fmt::print(stderr, "{}: {}\n", argv[1], c.error().text);
        return 2;
    }
    int failed = 0;
    for (int i = 2; i < argc; i++) {
        const std::string op = argv[i];
        if (op == "plan") {
            print_plans(*c);
            continue;
        }
        driver d; /* an event loop that has ended does not run again: each has its own */
        sd_event_new(&d.event);
        harp::service::hooks hooks;
        hooks.progress = [](const harp::service::step_report &r) {
            fmt::print("{:>14.3f} {:<22} {:>8.1f} ms {}{}\n",
                       static_cast<double>(r.begin.time_since_epoch().count()) / 1e9, r.name,
                       static_cast<double>(r.took.count()) / 1e6,
                       r.code ? fmt::format("FAILED ({}) ", strerror(r.code)) : "", r.text);
            fflush(stdout);
        };
        hooks.release = []() -> harp::result<void> { return {}; };
        hooks.trouble = [](const harp::failure &f) { fmt::print("! {}\n", f.text); };
        auto made = service::make(d.event, *c, std::move(hooks));
        if (!made) {
            fmt::print(stderr, "{}\n", made.error().text);
            return 2;
        }
        d.s = std::move(*made);
        if (op == "clients") {
            d.failed += print_clients(*d.s);
        } else if (op.starts_with("hold=")) {
            /* Announcing, watching: what an agent does besides. */
            d.s->observe([](const outcome &) {});
            sd_event_add_time_relative(d.event, nullptr, CLOCK_MONOTONIC,
                                       std::stoull(rest(op, "hold=")) * 1000000, 0, on_time,
                                       d.event);
            sd_event_loop(d.event);
        } else if (begin(d, op)) {
            sd_event_loop(d.event);
        }
        failed += d.failed;
        d.s.reset();
        sd_event_unref(d.event);
    }
    return failed ? 1 : 0;
}
