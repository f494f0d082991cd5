/* SPDX-License-Identifier: GPL-2.0 */
#include "ctl/soft_reboot.hh"

#include <algorithm>
#include <fmt/format.h>

namespace harp::ctl {

namespace {

constexpr const char *kind = "harp soft-reboot note 1";

std::string text_of(const json &j, const char *key) {
    const json *v = j.find(key);
    return v != nullptr && v->is_string() ? v->get<std::string>() : std::string();
}

const json *number_of(const json &j, const char *key) {
    const json *v = j.find(key);
    return v != nullptr && v->is_number_unsigned() ? v : nullptr;
}

} // namespace

std::string to_text(const panic_note &note) {
    return json{{"what", kind},
                {"boot", note.boot},
                {"time_ns", note.time_ns},
                {"inc", note.inc},
                {"wm", note.wm}}
                   .dump() +
           "\n";
}

result<panic_note> read_panic_note(const std::string &text) {
    const json j = json::parse_or_null(text);
    if (!j.is_object() || text_of(j, "what") != kind || text_of(j, "boot").empty()) {
        return fail(EBADMSG, "not a note of a soft reboot of version 1");
    }
    const json *time = number_of(j, "time_ns");
    const json *inc = number_of(j, "inc");
    const json *wm = number_of(j, "wm");
    if (time == nullptr || inc == nullptr || wm == nullptr) {
        return fail(EBADMSG, "a note of a soft reboot without its numbers");
    }
    return panic_note{text_of(j, "boot"), time->get<uint64_t>(), inc->get<uint64_t>(),
                      wm->get<uint64_t>()};
}

memory_verdict judge_memory(const panic_note &note, const std::string &boot,
                            const region_found &found) {
    using outcome = memory_verdict::outcome;
    if (boot == note.boot) {
        return {outcome::unknown, "this machine has not started again since the test was begun"};
    }
    if (found.inc <= note.inc) {
        return {outcome::unknown, "this boot's replica is not attached yet: see harpctl status"};
    }
    /* What it found, nobody knows any more. */
    if (found.inc != note.inc + 1) {
        return {outcome::unknown, "this machine has started more than once since: test again"};
    }
    if (found.fresh) {
        return {outcome::lost, "memory was not kept: there is no log in the region" +
                                       (found.why.empty() ? "" : "; " + found.why)};
    }
    if (found.walked < found.wm || found.wm < note.wm) {
        return {outcome::lost, fmt::format("memory was kept in part: the log ends at record {}, "
                                           "and there were records up to {}",
                                           found.walked, std::max(found.wm, note.wm)) +
                                       (found.why.empty() ? "" : "; " + found.why)};
    }
    return {outcome::kept,
            fmt::format("memory is kept: the log was found whole, up to record {}", found.walked)};
}

result<void> may_panic(const json &status, const std::string &group, int panic_timeout) {
    for (const json &g : status.value("groups", json::array())) {
        const std::string name = text_of(g, "name");
        const json *serving = g.find("serving");
        if (serving != nullptr && serving->is_boolean() && serving->get<bool>()) {
            return fail(EBUSY, fmt::format("group {0} is served here: harpctl switchover {0} "
                                           "first",
                                           name));
        }
        if (const std::string loss = text_of(g, "not_survived"); !loss.empty()) {
            return fail(EBUSY, fmt::format("group {}: {}", name, loss));
        }
        if (name != group) {
            continue;
        }
        if (text_of(g, "kind") == "witness") {
            return fail(EINVAL,
                        "a witness has its log in a file: nothing of it is in memory alone");
        }
        const json *replica = g.find("replica");
        const std::string region = replica != nullptr ? text_of(*replica, "region") : "";
        if (region != "memmap" && region != "reserve") {
            return fail(EINVAL, fmt::format("the log is in {}: no soft reboot keeps it (region, "
                                            "harp.conf(5))",
                                            region.empty() ? "no region yet" : region));
        }
    }
    if (panic_timeout == 0) {
        return fail(EBUSY, "kernel.panic is 0: this machine would not start again by itself (set "
                           "panic_timeout in harp.toml)");
    }
    return {};
}

} // namespace harp::ctl
