/* SPDX-License-Identifier: GPL-2.0 */
/* harpctl: what a person types. */
#include "bus/server.hh"
#include "ctl/log_show.hh"
#include "ctl/status.hh"
#include "knl/genl.hh"
#include "linux/harp_netlink.h"
#include "util/text.hh"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <systemd/sd-bus.h>
#include <unistd.h>

namespace {

using namespace harp;
using json = nlohmann::json;

/* Creating asks two machines and looks at disks; deleting waits for nfsd to stop. */
constexpr uint64_t call_limit_usec = 90ull * 1000 * 1000;

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

int status(const options &o) {
    auto r = get_status(o);
    if (!r) {
        return complain(r.error(), "");
    }
    if (o.as_json) {
        printf("%s\n", r->c_str());
    } else {
        fputs(ctl::status_table(*r, o.group).c_str(), stdout);
    }
    return 0;
}

int group_create(options o) {
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
        return complain(r.error(), "nothing was created; mend that and give the command again");
    }
    json j = json::parse(*r, nullptr, false);
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
    printf("group %s: switchover under way; see `harpctl status %s`\n", o.group.c_str(),
           o.group.c_str());
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
    auto r = ctl::walk_file(path, o.from, printer(o, left));
    if (!r) {
        return complain(r.error(), "");
    }
    if (!o.as_json) {
        fprintf(stderr, "%s\n%s%s", r->text.c_str(), r->end.c_str(), r->end.empty() ? "" : "\n");
    }
    return 0;
}

int show_kernel(const options &o, uint8_t member, uint64_t top) {
    auto nl = knl::genl::open();
    if (!nl) {
        return complain(nl.error(), "");
    }
    /* Without --from the newest ones: that is what one mostly wants to see. */
    uint64_t at = o.from != 0 ? o.from : (top > o.count ? top - o.count + 1 : 1);
    uint64_t left = 0;
    auto print = printer(o, left);
    while (left != 0) {
        auto r = nl->call(knl::request(HARP_CMD_LOG_READ, o.group, member)
                                  .u64(HARP_A_INDEX, at)
                                  .u32(HARP_A_COUNT, static_cast<uint32_t>(left)));
        if (!r) {
            return at > top ? 0 : complain(r.error(), "");
        }
        std::span<const uint8_t> bytes(r->records);
        if (bytes.empty()) {
            return 0;
        }
        while (bytes.size() >= 16) {
            uint32_t len = 0;
            memcpy(&len, &bytes[8], sizeof(len));
            len = le32toh(len);
            if (len == 0 || len > bytes.size() || !print(bytes.first(len))) {
                return 0;
            }
            bytes = bytes.subspan(len);
            at++;
        }
    }
    return 0;
}

/* One LB pass of this machine's replica: what is applied reaches its disk. */
int sync_now(const options &o) {
    auto r = get_status(o);
    if (!r) {
        return complain(r.error(), "");
    }
    json j = json::parse(*r, nullptr, false);
    for (const json &g : j.is_object() ? j.value("groups", json::array()) : json::array()) {
        if (g.value("name", "") != o.group || g.value("kind", "") == "witness") {
            continue;
        }
        auto nl = knl::genl::open();
        auto done = nl ? nl->call(knl::request(HARP_CMD_SYNC, o.group, g.value("slot", uint8_t{0})))
                       : result<knl::attributes>(nl.error());
        return done ? 0 : complain(done.error(), "");
    }
    return complain(fail(ENOENT, fmt::format("no data member of '{}' here", o.group)), "");
}

int log_show(const options &o) {
    if (o.group.find('/') != std::string::npos) {
        return show_file(o, o.group);
    }
    auto r = get_status(o);
    if (!r) {
        return complain(r.error(), "a file can be shown without harpd: give its path");
    }
    json j = json::parse(*r, nullptr, false);
    for (const json &g : j.is_object() ? j.value("groups", json::array()) : json::array()) {
        if (g.value("name", "") != o.group) {
            continue;
        }
        if (g.value("kind", "") == "witness") {
            return show_file(o, o.state_dir + "/" + o.group + "/log");
        }
        uint64_t top = g.value("log", json::object()).value("top", uint64_t{0});
        return show_kernel(o, g.value("slot", uint8_t{0}), top);
    }
    return complain(fail(ENOENT, fmt::format("no group '{}' here", o.group)), "");
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
    records->add_option("--from", o.from, "First index (default: the newest)")
            ->check(CLI::Range(uint64_t{0}, uint64_t{INT64_MAX}));
    records->add_option("-n,--count", o.count, "How many")
            ->capture_default_str()
            ->check(CLI::Range(uint64_t{1}, uint64_t{UINT32_MAX}));
    records->add_flag("--json", o.as_json, "One object a line");
    records->add_option("--state", o.state_dir, "harpd's state directory")->capture_default_str();
    records->callback([&] { rc = log_show(o); });
}

} // namespace

int main(int argc, char **argv) {
    options o;
    int rc = 0;
    if (const char *bus = getenv("HARP_BUS"); bus != nullptr) {
        o.bus = bus;
    }
    CLI::App app{"Steer Harp's replica groups. See harpctl(1)."};
    app.set_version_flag("--version", std::string("harpctl ") + HARP_VERSION);
    app.add_option("--bus", o.bus, "\"system\" or a D-Bus address (also $HARP_BUS)")
            ->capture_default_str();
    app.require_subcommand(1);
    add_commands(app, o, rc);
    CLI11_PARSE(app, argc, argv);
    return rc;
}
