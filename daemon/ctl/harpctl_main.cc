/* SPDX-License-Identifier: GPL-2.0 */
/* harpctl: what a person types. */
#include "bus/server.hh"
#include "ctl/events.hh"
#include "ctl/log_show.hh"
#include "ctl/soft_reboot.hh"
#include "ctl/status.hh"
#include "knl/genl.hh"
#include "linux/harp_netlink.h"
#include "util/json.hh"
#include "util/loop.hh"
#include "util/text.hh"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fcntl.h>
#include <fmt/format.h>
#include <iostream>
#include <systemd/sd-bus.h>
#include <unistd.h>

namespace {

using namespace harp;

/*
 * Creating lays out two disks, one after the other; deleting waits for nfsd to stop, a
 * switchover for a backup that lags.
 */
constexpr uint64_t call_limit_usec = 240ull * 1000 * 1000;

struct options {
    std::string bus = "system";
    std::string state_dir = "/var/lib/harp";
    bool as_json = false;
    bool force = false;
    std::string group;
    std::string config;
    std::string to;
    uint64_t from = 0;
    uint64_t count = 20;
    uint64_t lines = 0;
    std::vector<uint64_t> records;
    bool yes = false;
};

struct bus_closer {
    void operator()(sd_bus *b) const { sd_bus_flush_close_unref(b); }
};

int complain(const failure &f, const char *next) {
    fprintf(stderr, "harpctl: %s\n", f.text.c_str());
    if (next != nullptr && *next != '\0') {
        fprintf(stderr, "harpctl: %s\n", next);
    }
    return 1;
}

/* One call; @fill appends the arguments; the reply's first string, if it has one. */
result<std::string> call(const options &o, const char *method,
                         const std::function<int(sd_bus_message *)> &fill) {
    auto bus = bus::connect(o.bus);
    if (!bus) {
        return bus.error();
    }
    std::unique_ptr<sd_bus, bus_closer> closer(*bus);
    sd_bus_message *m = nullptr;
    sd_bus_message *reply = nullptr;
    sd_bus_error error = SD_BUS_ERROR_NULL;
    int r = sd_bus_message_new_method_call(*bus, &m, bus::service_name, bus::object_path,
                                           bus::interface_name, method);
    r = r < 0 ? r : fill(m);
    r = r < 0 ? r : sd_bus_call(*bus, m, call_limit_usec, &error, &reply);
    result<std::string> out = std::string();
    if (r < 0) {
        bool absent = sd_bus_error_has_name(&error, SD_BUS_ERROR_SERVICE_UNKNOWN) != 0 ||
                      sd_bus_error_has_name(&error, SD_BUS_ERROR_NAME_HAS_NO_OWNER) != 0;
        bool denied = sd_bus_error_has_name(&error, SD_BUS_ERROR_ACCESS_DENIED) != 0;
        out = absent   ? fail(ENOENT, "harpd does not run on this machine (systemctl start harpd)")
              : denied ? fail(EACCES, "only root may do this (try sudo)")
                       : fail(-r, error.message != nullptr ? error.message : errno_text(-r));
    } else {
        const char *text = nullptr;
        if (sd_bus_message_read(reply, "s", &text) > 0 && text != nullptr) {
            out = std::string(text);
        }
    }
    sd_bus_error_free(&error);
    sd_bus_message_unref(m);
    sd_bus_message_unref(reply);
    return out;
}

result<std::string> get_status(const options &o) {
    return call(o, "Status", [](sd_bus_message *) { return 0; });
}

/* The group asked for, of Status()'s answer. */
result<json> find_group(const options &o, const std::string &answer) {
    const json all = json::parse_or_null(answer).value("groups", json::array());
    std::string names;
    for (const json &g : all) {
        const std::string name = g.value("name", "");
        if (name == o.group) {
            return g;
        }
        names += (names.empty() ? "" : ", ") + name;
    }
    return fail(ENOENT, fmt::format("no group '{}' on this machine; {}{}", o.group,
                                    names.empty() ? "there is none" : "there is ", names));
}

int status(const options &o) {
    auto r = get_status(o);
    if (!r) {
        return complain(r.error(), "");
    }
    if (!o.group.empty()) {
        if (auto g = find_group(o, *r); !g) {
            return complain(g.error(), "");
        }
    }
    if (o.as_json) {
        printf("%s\n", ctl::status_json(*r, o.group).c_str());
    } else {
        fputs(ctl::status_table(*r, o.group).c_str(), stdout);
    }
    return 0;
}

int events(const options &o) {
    auto bus = bus::connect(o.bus);
    if (!bus) {
        return complain(bus.error(), "");
    }
    std::unique_ptr<sd_bus, bus_closer> closer(*bus);
    auto r = ctl::follow_events(*bus, ctl::event_lines(o.group, o.as_json), o.lines);
    return r ? 0 : complain(r.error(), "");
}

int group_create(const options &o) {
    /* A path is taken for the file it names; harpd reads it from its own place. */
    auto slash = o.config.rfind('/');
    if (!o.config.empty()) {
        std::string base = slash == std::string::npos ? o.config : o.config.substr(slash + 1);
        if (base != o.group + ".toml") {
            return complain(
                    fail(EINVAL, fmt::format("--config names {}, expected a file {}.toml in "
                                             "harpd's groups directory",
                                             o.config, o.group)),
                    "");
        }
    }
    auto r = call(o, "GroupCreate", [&](sd_bus_message *m) {
        return sd_bus_message_append(m, "s", o.group.c_str());
    });
    if (!r) {
        return complain(r.error(), "mend that and give the command again");
    }
    json j = json::parse_or_null(*r);
    printf("group %s created, uuid %s\n", o.group.c_str(),
           j.is_object() ? j.value("uuid", "?").c_str() : "?");
    return 0;
}

int group_delete(const options &o) {
    auto r = call(o, "GroupDelete", [&](sd_bus_message *m) {
        return sd_bus_message_append(m, "sb", o.group.c_str(), o.force ? 1 : 0);
    });
    if (!r) {
        return complain(r.error(), "members named above may still have the group: give the command "
                                   "there, too");
    }
    printf("group %s deleted; the files are still on its lower file systems\n", o.group.c_str());
    return 0;
}

int switchover(const options &o) {
    auto r = call(o, "Switchover", [&](sd_bus_message *m) {
        return sd_bus_message_append(m, "ss", o.group.c_str(), o.to.c_str());
    });
    if (!r) {
        return complain(r.error(), "`harpctl status` shows who serves and who could take over");
    }
    printf("group %s: %s serves now\n", o.group.c_str(),
           o.to.empty() ? "its backup" : o.to.c_str());
    return 0;
}

/* Prints records until @count; how many are left to print. */
ctl::record_fn printer(const options &o, uint64_t &left) {
    left = o.count;
    return [&left, as_json = o.as_json](std::span<const uint8_t> bytes) {
        auto text = ctl::describe_record(bytes, as_json);
        if (!text) {
            fprintf(stderr, "harpctl: a record does not check: %s\n", text.error().text.c_str());
            return false;
        }
        printf("%s\n", text->c_str());
        return --left != 0;
    };
}

int show_file(const options &o, const std::string &path) {
    uint64_t left = 0;
    auto r = ctl::walk_file(path, o.from, o.count, printer(o, left));
    if (!r) {
        return complain(r.error(), "");
    }
    if (!o.as_json) {
        fprintf(stderr, "%s\n%s%s", r->text.c_str(), r->end.c_str(), r->end.empty() ? "" : "\n");
    }
    return 0;
}

/* The kernel's own word for where its log begins: harpd's is of a while ago. */
ctl::log_source kernel_log(knl::genl &nl, const options &o, uint8_t member) {
    ctl::log_source log;
    log.look = [&nl, &o, member]() -> result<ctl::log_source::ends> {
        auto a = nl.call(knl::request(HARP_CMD_REPLICA_GET, o.group, member));
        if (!a) {
            return a.error();
        }
        return ctl::log_source::ends{a->get(HARP_A_BASE), a->get(HARP_A_TOP)};
    };
    log.read = [&nl, &o, member](uint64_t index, uint64_t count) -> result<std::vector<uint8_t>> {
        auto a = nl.call(knl::request(HARP_CMD_LOG_READ, o.group, member)
                                 .u64(HARP_A_INDEX, index)
                                 .u32(HARP_A_COUNT, static_cast<uint32_t>(count)));
        if (!a) {
            return a.error();
        }
        return std::move(a->records);
    };
    return log;
}

int show_kernel(const options &o, uint8_t member) {
    auto nl = knl::genl::open();
    if (!nl) {
        return complain(nl.error(), "");
    }
    const ctl::log_source log = kernel_log(*nl, o, member);
    uint64_t left = 0;
    auto r = ctl::walk_log(log, o.from, o.count, printer(o, left), [](const std::string &text) {
        fprintf(stderr, "harpctl: %s\n", text.c_str());
    });
    return r ? 0 : complain(r.error(), "");
}

/* One LB pass of this machine's replica: what is applied reaches its disk. */
int sync_now(const options &o) {
    auto r = get_status(o);
    if (!r) {
        return complain(r.error(), "");
    }
    auto g = find_group(o, *r);
    if (!g || g->value("kind", "") == "witness") {
        return complain(g ? fail(EINVAL, "a witness holds no files") : g.error(), "");
    }
    auto nl = knl::genl::open();
    auto done = nl ? nl->call(knl::request(HARP_CMD_SYNC, o.group, g->value("slot", uint8_t{0})))
                   : result<knl::attributes>(nl.error());
    return done ? 0 : complain(done.error(), "");
}

int log_show(const options &o) {
    if (o.group.find('/') != std::string::npos) {
        return show_file(o, o.group);
    }
    auto r = get_status(o);
    if (!r) {
        return complain(r.error(), "a file can be shown without harpd: give its path");
    }
    auto g = find_group(o, *r);
    if (!g) {
        return complain(g.error(), "");
    }
    if (g->value("kind", "") == "witness") {
        return show_file(o, o.state_dir + "/" + o.group + "/log");
    }
    return show_kernel(o, g->value("slot", uint8_t{0}));
}

std::string note_path(const options &o) {
    return o.state_dir + "/" + o.group + "/soft-reboot";
}

/* Does not return when it does what it is to do. */
int panic_now(const options &o, const json &all, const knl::attributes &replica) {
    auto setting = read_file("/proc/sys/kernel/panic", 64);
    auto may = setting ? ctl::may_panic(all, o.group, atoi(setting->c_str()))
                       : result<void>(setting.error());
    if (!may) {
        return complain(may.error(), "nothing was done");
    }
    const ctl::panic_note note{boot_id(), static_cast<uint64_t>(realtime_ns()),
                               replica.get(HARP_A_INC), replica.get(HARP_A_WM)};
    if (auto r = replace_file(note_path(o), ctl::to_text(note)); !r) {
        return complain(r.error(), "nothing was done");
    }
    printf("this kernel panics now; when it is up again: harpctl selftest soft-reboot %s\n",
           o.group.c_str());
    fflush(stdout);
    /* Of others' files, too, nothing is to be lost by a test. */
    sync();
    const unique_fd trigger(open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC));
    if (!trigger || write(trigger.get(), "c", 1) != 1) {
        return complain(fail_errno("/proc/sysrq-trigger"), "nothing was done");
    }
    return complain(fail(EIO, "the kernel has not panicked"), "");
}

int show_verdict(const options &o, const knl::attributes &replica) {
    auto text = read_file(note_path(o), 4096);
    if (!text) {
        return complain(text.error().code == ENOENT
                                ? fail(ENOENT, "no soft reboot of this machine was tested yet")
                                : text.error(),
                        "with --yes its kernel is made to panic; it backs up or stands aside then");
    }
    auto note = ctl::read_panic_note(*text);
    if (!note) {
        return complain(fail(note.error().code, note_path(o) + ": " + note.error().text), "");
    }
    ctl::region_found found;
    found.inc = replica.get(HARP_A_INC);
    found.fresh = replica.get(HARP_A_FOUND_FRESH) != 0;
    found.walked = replica.get(HARP_A_FOUND_WALKED);
    found.wm = replica.get(HARP_A_FOUND_WM);
    found.why = replica.region_why;
    const auto verdict = ctl::judge_memory(*note, boot_id(), found);
    const bool kept = verdict.what == ctl::memory_verdict::outcome::kept;
    if (o.as_json) {
        const bool lost = verdict.what == ctl::memory_verdict::outcome::lost;
        printf("%s\n", json{{"group", o.group},
                            {"memory", kept   ? "kept"
                                       : lost ? "lost"
                                              : "unknown"},
                            {"text", verdict.text},
                            {"time_ns", note->time_ns}}
                               .dump()
                               .c_str());
    } else {
        printf("%s\n", verdict.text.c_str());
    }
    return kept ? 0 : 1;
}

int selftest_soft_reboot(const options &o) {
    auto r = get_status(o);
    auto g = r ? find_group(o, *r) : result<json>(r.error());
    if (!g) {
        return complain(g.error(), "");
    }
    auto nl = knl::genl::open();
    auto replica = nl ? nl->call(knl::request(HARP_CMD_REPLICA_GET, o.group,
                                              g->value("slot", uint8_t{0})))
                      : result<knl::attributes>(nl.error());
    if (g->value("kind", "") == "witness") {
        return complain(ctl::may_panic(json::parse_or_null(*r), o.group, 1).error(), "");
    }
    if (!replica) {
        return complain(replica.error(), "harpctl status says more");
    }
    return o.yes ? panic_now(o, json::parse_or_null(*r), *replica) : show_verdict(o, *replica);
}

void add_selftest(CLI::App &app, options &o, int &rc) {
    auto *selftest = app.add_subcommand("selftest", "Is this machine fit?")->require_subcommand(1);
    auto *reboot = selftest->add_subcommand("soft-reboot",
                                            "Does it keep memory over a panic? What the last "
                                            "test found");
    reboot->add_option("NAME", o.group, "The group whose log is looked for")->required();
    reboot->add_flag("--yes", o.yes, "Test: its kernel panics now");
    reboot->add_flag("--json", o.as_json, "The result as an object");
    reboot->add_option("--state", o.state_dir, "harpd's state directory")->capture_default_str();
    reboot->callback([&] { rc = selftest_soft_reboot(o); });
}

result<std::string> ask_skip(const options &o, bool ask_only) {
    return call(o, "LogSkip", [&](sd_bus_message *m) {
        int r = sd_bus_message_append(m, "s", o.group.c_str());
        r = r < 0 ? r
                  : sd_bus_message_append_array(m, 't', o.records.data(),
                                                o.records.size() * sizeof(uint64_t));
        return r < 0 ? r : sd_bus_message_append(m, "b", ask_only ? 1 : 0);
    });
}

/* Shows them; one that later records build upon is not to be skipped. */
result<void> show_skipped(const options &o, uint8_t member) {
    auto nl = knl::genl::open();
    if (!nl) {
        return nl.error();
    }
    const ctl::log_source log = kernel_log(*nl, o, member);
    for (uint64_t at : o.records) {
        result<void> fits = fail(ERANGE, fmt::format("record {} is not in the log", at));
        auto shown = ctl::walk_log(
                log, at, 1,
                [&](std::span<const uint8_t> bytes) {
                    fits = ctl::may_skip(bytes, at);
                    if (auto text = ctl::describe_record(bytes, false)) {
                        printf("%s\n", text->c_str());
                    }
                    return false;
                },
                [](const std::string &text) { fprintf(stderr, "harpctl: %s\n", text.c_str()); });
        if (!shown || !fits) {
            return shown ? fits : shown;
        }
    }
    return {};
}

bool said_yes(const options &o) {
    if (o.yes) {
        return true;
    }
    printf("Skip %s for good, on both copies? What clients were told was written is lost. "
           "Type yes: ",
           o.records.size() == 1 ? "this record" : "these records");
    fflush(stdout);
    std::string line;
    return std::getline(std::cin, line) && line == "yes";
}

int log_skip(const options &o) {
    auto may = ask_skip(o, true);
    if (!may) {
        return complain(may.error(), "");
    }
    auto r = get_status(o);
    auto g = r ? find_group(o, *r) : result<json>(r.error());
    auto shown = g ? show_skipped(o, g->value("slot", uint8_t{0})) : result<void>(g.error());
    if (!shown) {
        return complain(shown.error(), "nothing was skipped");
    }
    if (!said_yes(o)) {
        return complain(fail(ECANCELED, "nothing was skipped"), "");
    }
    auto done = ask_skip(o, false);
    if (!done) {
        return complain(done.error(), "nothing was skipped");
    }
    printf("group %s: the next view skips %s\n", o.group.c_str(),
           o.records.size() == 1 ? "it" : "them");
    return 0;
}

void add_commands(CLI::App &app, options &o, int &rc) {
    auto *group = app.add_subcommand("group", "Make and end groups")->require_subcommand(1);
    auto *create = group->add_subcommand("create", "Make a group on its three machines; its file "
                                                   "must be in groups/ on each");
    create->add_option("NAME", o.group, "The group")->required();
    create->add_option("--config", o.config, "Its file, groups/NAME.toml")->type_name("FILE");
    create->callback([&] { rc = group_create(o); });
    auto *remove = group->add_subcommand("delete", "End a group; the files stay on the lowers");
    remove->add_option("NAME", o.group, "The group")->required();
    remove->add_flag("--force", o.force, "Also while it serves");
    remove->callback([&] { rc = group_delete(o); });

    auto *show = app.add_subcommand("status", "Who serves, who could take over, what is wrong");
    show->add_option("NAME", o.group, "One group only");
    show->add_flag("--json", o.as_json, "Everything, for programs");
    show->callback([&] { rc = status(o); });

    auto *follow = app.add_subcommand("events",
                                      "What happens, and what each member says, as it is");
    follow->add_option("NAME", o.group, "One group only");
    follow->add_flag("--json", o.as_json, "One object a line");
    follow->add_option("-n,--count", o.lines, "End after so many lines (default: never)")
            ->check(CLI::Range(uint64_t{1}, uint64_t{UINT32_MAX}));
    follow->callback([&] { rc = events(o); });

    auto *over = app.add_subcommand("switchover", "Hand the service to the backup");
    over->add_option("NAME", o.group, "The group")->required();
    over->add_option("TO", o.to, "The member to take over (default: the backup)");
    over->callback([&] { rc = switchover(o); });

    auto *sync = app.add_subcommand("sync", "Write this member's copy to its disk now");
    sync->add_option("NAME", o.group, "The group")->required();
    sync->callback([&] { rc = sync_now(o); });

    auto *log = app.add_subcommand("log", "The log of records")->require_subcommand(1);
    auto *records = log->add_subcommand("show", "Decoded records of a group here, or of a file");
    records->add_option("NAME", o.group, "A group, or the path of a witness log or region dump")
            ->required();
    /* "-1" would become the largest number there is. */
    records->add_option("--from", o.from, "First index (default: of the newest)")
            ->check(CLI::Range(uint64_t{0}, uint64_t{INT64_MAX}));
    records->add_option("-n,--count", o.count, "How many")
            ->capture_default_str()
            ->check(CLI::Range(uint64_t{1}, uint64_t{UINT32_MAX}));
    records->add_flag("--json", o.as_json, "One object a line");
    records->add_option("--state", o.state_dir, "harpd's state directory")->capture_default_str();
    records->callback([&] { rc = log_show(o); });
    auto *skip = log->add_subcommand("skip", "Make records that kill their kernel nothing");
    skip->add_option("NAME", o.group, "The group")->required();
    skip->add_option("INDEX", o.records, "The records, suspects of the member here")
            ->required()
            ->check(CLI::Range(uint64_t{1}, uint64_t{INT64_MAX}));
    skip->add_flag("--yes", o.yes, "Do not ask");
    skip->callback([&] { rc = log_skip(o); });
    add_selftest(app, o, rc);
}

/* "group create, group delete" of the command group, all of them of the whole. */
std::string commands_of(const CLI::App &app, const std::string &before = "") {
    std::string out;
    for (const auto *c : app.get_subcommands({})) {
        const std::string name = before + c->get_name();
        const std::string inner = commands_of(*c, name + " ");
        out += (out.empty() ? "" : ", ") + (inner.empty() ? name : inner);
    }
    return out;
}

/* Names what is wrong and what was expected instead; CLI11 says the one or the other. */
int wrong_usage(const CLI::App &app, const CLI::ParseError &e) {
    const CLI::App *at = &app;
    std::string said;
    while (at->remaining().empty() && !at->get_subcommands().empty()) {
        at = at->get_subcommands().front();
        said += (said.empty() ? "" : " ") + at->get_name();
    }
    const auto left = at->remaining();
    const std::string expected = commands_of(*at, said.empty() ? "" : said + " ");
    std::string text = e.what();
    if (!left.empty() && left.front().rfind('-', 0) == 0) {
        text = fmt::format("'{}' is not an option {}", left.front(),
                           said.empty() ? "before the command" : "of " + said);
    } else if (!left.empty() && !expected.empty()) {
        text = fmt::format("'{}{}{}' is not a command; there are: {}", said,
                           said.empty() ? "" : " ", left.front(), expected);
    } else if (!left.empty()) {
        text = fmt::format("'{}' is one argument too many for {}", left.front(), said);
    } else if (!expected.empty() && dynamic_cast<const CLI::RequiredError *>(&e) != nullptr) {
        text = fmt::format("expected a command: {}", expected);
    }
    complain(fail(EINVAL, text),
             fmt::format("`harpctl {}{}--help` tells more", said, said.empty() ? "" : " ").c_str());
    return 2;
}

} // namespace

int main(int argc, char **argv) {
    options o;
    int rc = 0;
    if (const char *bus = getenv("HARP_BUS"); bus != nullptr) {
        o.bus = bus;
    }
    CLI::App app{"Steer Harp's replica groups. See harpctl(1).", "harpctl"};
    app.set_version_flag("--version", std::string("harpctl ") + HARP_VERSION);
    app.add_option("--bus", o.bus, "\"system\" or a D-Bus address (also $HARP_BUS)")
            ->capture_default_str();
    app.require_subcommand(1);
    add_commands(app, o, rc);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError &e) {
        return e.get_exit_code() == 0 ? app.exit(e) : wrong_usage(app, e);
    }
    return rc;
}
