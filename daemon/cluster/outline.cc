/* SPDX-License-Identifier: GPL-2.0 */
#include "cluster/outline.hh"

#include "util/json.hh"

#include <cerrno>
#include <fmt/format.h>

namespace harp::cluster {

std::string encode(const log_outline &o) {
    json starts = json::array();
    for (const auto &s : o.log.starts) {
        json pair = json::array();
        pair.push_back(s.view.value());
        pair.push_back(s.first.value());
        starts.push_back(std::move(pair));
    }
    const json j = {{"inc", o.inc.value()},       {"view", o.view.value()},
                    {"base", o.log.base.value()}, {"anchor_view", o.log.anchor_view.value()},
                    {"top", o.log.top.value()},   {"starts", std::move(starts)},
                    {"cp", o.cp.value()},         {"ap", o.ap.value()}};
    return j.dump();
}

static uint64_t number(const json &j, const char *key) {
    if (!j.contains(key) || !j.at(key).is_number_unsigned()) {
        throw json::exception(fmt::format("{}: expected a number", key));
    }
    return j.at(key).get<uint64_t>();
}

result<log_outline> decode_outline(const std::string &text) {
    log_outline o;
    try {
        const json j = json::parse(text);
        o.inc = incarnation_t(number(j, "inc"));
        o.view = view_t(number(j, "view"));
        o.log.base = index_t(number(j, "base"));
        o.log.anchor_view = view_t(number(j, "anchor_view"));
        o.log.top = index_t(number(j, "top"));
        o.cp = index_t(number(j, "cp"));
        o.ap = index_t(number(j, "ap"));
        for (const json &s : j.at("starts")) {
            if (o.log.starts.size() == vsr::max_view_starts || s.size() != 2) {
                return fail(EBADMSG, fmt::format("outline: starts: expected up to {} pairs of view "
                                                 "and first index",
                                                 vsr::max_view_starts));
            }
            o.log.starts.push_back(
                    {view_t(s.at(0).get<uint64_t>()), index_t(s.at(1).get<uint64_t>())});
        }
    } catch (const json::exception &e) {
        return fail(EBADMSG, fmt::format("outline: {}", e.what()));
    }
    if (auto r = vsr::validate(o.log); !r) {
        return fail(EBADMSG, "outline: " + r.error().text);
    }
    return o;
}

} // namespace harp::cluster
