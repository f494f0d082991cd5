/* SPDX-License-Identifier: GPL-2.0 */
#include "ctl/status.hh"

#include "util/json.hh"
#include "util/text.hh"

#include <fmt/format.h>
#include <vector>

namespace harp::ctl {

namespace {

std::string text_of(const json &j, const char *key) {
    const json *v = j.find(key);
    return v != nullptr && v->is_string() ? v->get<std::string>() : std::string();
}

uint64_t number_of(const json &j, const char *key) {
    const json *v = j.find(key);
    return v != nullptr && v->is_number_unsigned() ? v->get<uint64_t>() : 0;
}

bool flag_of(const json &j, const char *key) {
    const json *v = j.find(key);
    return v != nullptr && v->is_boolean() && v->get<bool>();
}

/* "12 ms", "3 s", "never"; with several networks the best, and how many are silent. */
std::string heard(const json &member) {
    if (flag_of(member, "self")) {
        return "here";
    }
    int64_t best = -1;
    size_t silent = 0;
    size_t all = 0;
    for (const json &n : member.value("networks", json::array())) {
        int64_t ms = n.value("heard_ms", static_cast<int64_t>(-1));
        all++;
        silent += ms < 0 || ms > 3000 ? 1 : 0;
        best = ms >= 0 && (best < 0 || ms < best) ? ms : best;
    }
    std::string out = best < 0       ? "never heard"
                      : best < 10000 ? fmt::format("{} ms ago", best)
                                     : fmt::format("{} s ago", best / 1000);
    if (all > 1 && silent != 0 && silent != all) {
        out += fmt::format(" ({} of {} networks silent)", silent, all);
    }
    return out;
}

/* Not heard for so long, what it last said of itself is history. */
constexpr int64_t stale_ms = 10000;

bool fresh(const json &member) {
    for (const json &n : member.value("networks", json::array())) {
        int64_t ms = n.value("heard_ms", static_cast<int64_t>(-1));
        if (ms >= 0 && ms < stale_ms) {
            return true;
        }
    }
    return false;
}

/* What a member does in the view, whoever it was made to be. */
std::string does(const json &group, const json &member) {
    std::string name = text_of(member, "name");
    std::string text = name == text_of(group, "primary")  ? "primary"
                       : name == text_of(group, "backup") ? "backup"
                                                          : "-";
    return (fresh(member) && flag_of(member, "serving")) ||
                           (flag_of(member, "self") && flag_of(group, "serving"))
                   ? text + ", serves"
                   : text;
}

void member_lines(const json &group, std::vector<std::array<std::string, 5>> &rows) {
    for (const json &m : group.value("members", json::array())) {
        const json &log = flag_of(m, "self") && group.contains("log") ? group["log"] : m;
        rows.push_back(
                {text_of(m, "name"), text_of(m, "kind"), does(group, m),
                 log.contains("top")
                         ? fmt::format("{}/{}/{}/{}", number_of(log, "top"), number_of(log, "cp"),
                                       number_of(log, "ap"), number_of(log, "lb"))
                         : "-",
                 heard(m)});
    }
}

/* What keeps a promoted witness going: the one figure to watch after a failure. */
std::string witness_room(const json &group) {
    for (const json &m : group.value("members", json::array())) {
        if (flag_of(m, "self") && text_of(m, "kind") == "witness" && group.contains("log") &&
            group["log"].contains("free_bytes")) {
            return format_size(number_of(group["log"], "free_bytes")) + " left for the log here";
        }
    }
    return {};
}

std::string group_block(const json &g) {
    std::string out = fmt::format("{}: {}\n", text_of(g, "name"), text_of(g, "headline"));
    std::vector<std::array<std::string, 5>> rows = {
            {"MEMBER", "MADE AS", "IN VIEW " + std::to_string(number_of(g, "view")), "TOP/CP/AP/LB",
             "HEARD"}};
    member_lines(g, rows);
    std::array<size_t, 5> width{};
    for (const auto &row : rows) {
        for (size_t i = 0; i < row.size(); i++) {
            width[i] = std::max(width[i], row[i].size());
        }
    }
    for (const auto &row : rows) {
        if (rows.size() == 1) {
            break;
        }
        std::string line = " ";
        for (size_t i = 0; i < row.size(); i++) {
            line += fmt::format(" {:<{}} ", row[i], width[i]);
        }
        line.erase(line.find_last_not_of(' ') + 1);
        out += line + "\n";
    }
    const json &service = g.value("service", json::object());
    const json &replica = g.value("replica", json::object());
    auto say = [&](const char *what, const std::string &text) {
        if (!text.empty()) {
            out += fmt::format("  {:<12} {}\n", what, text);
        }
    };
    say("not serving:", text_of(g, "why_not_serving"));
    say("versions:", text_of(g, "versions"));
    say("service:", text_of(service, "state") == "on" ? text_of(service, "text") : "");
    say("trouble:", text_of(service, "trouble"));
    if (number_of(replica, "ring_size") != 0) {
        say("log:",
            fmt::format("{} of {} in {}", format_size(number_of(replica, "ring_used")),
                        format_size(number_of(replica, "ring_size")), text_of(replica, "region")));
    }
    /* Of a region that was new, or whose log is whole in spite of it, nobody need know. */
    if (!g.contains("log") || !flag_of(g["log"], "intact")) {
        say("region:", text_of(replica, "region_why"));
    }
    say("suspects:", text_of(g, "suspects"));
    say("unverified:", text_of(g, "unverified"));
    say("disks:", text_of(g, "disks"));
    say("room:", witness_room(g));
    say("replica:", text_of(replica, "trouble"));
    say("beware:", text_of(g, "not_survived"));
    for (const json &w : g.value("config", json::array())) {
        say("beware:", w.is_string() ? w.get<std::string>() : "");
    }
    say("do:", text_of(g, "advice"));
    for (const json &w : g.value("machine", json::array())) {
        say("machine:", w.is_string() ? w.get<std::string>() : "");
    }
    return out;
}

} // namespace

std::string status_table(const std::string &text, const std::string &group) {
    json j = json::parse_or_null(text);
    if (!j.is_object()) {
        return "harpd's answer cannot be read\n";
    }
    std::string out;
    for (const json &g : j.value("groups", json::array())) {
        if (group.empty() || text_of(g, "name") == group) {
            out += (out.empty() ? "" : "\n") + group_block(g);
        }
    }
    return out.empty() ? "no groups\n" : out;
}

std::string status_json(const std::string &text, const std::string &group) {
    json j = json::parse_or_null(text);
    if (group.empty() || !j.is_object()) {
        return text;
    }
    json only = json::array();
    for (const json &g : j.value("groups", json::array())) {
        if (text_of(g, "name") == group) {
            only.push_back(g);
        }
    }
    j["groups"] = only;
    return j.dump(2);
}

} // namespace harp::ctl
