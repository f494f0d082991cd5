/* SPDX-License-Identifier: GPL-2.0 */
#include "cluster/outline.hh"

#include "util/json.hh"

#include <algorithm>
#include <cerrno>
#include <fmt/format.h>
#include <iterator>
#include <string_view>

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

static constexpr std::string_view keys[] = {"inc", "view",   "base", "anchor_view",
                                            "top", "starts", "cp",   "ap"};

static void check_keys(const json &j) {
    if (!j.is_object()) {
        throw json::exception("expected an object");
    }
    for (const auto &[key, value] : j.items()) {
        if (std::find(std::begin(keys), std::end(keys), key) == std::end(keys)) {
            throw json::exception(fmt::format("{}: expected no such key", key));
        }
    }
}

static uint64_t number(const json &j, const char *key) {
    if (!j.contains(key) || !j.at(key).is_number_unsigned()) {
        throw json::exception(fmt::format("{}: expected a number", key));
    }
    return j.at(key).get<uint64_t>();
}

static std::vector<vsr::view_start> starts_of(const json &j) {
    const json *list = j.find("starts");
    bool good = list != nullptr && list->is_array() && list->size() <= vsr::max_view_starts;
    std::vector<vsr::view_start> out;
    for (size_t i = 0; good && i < list->size(); i++) {
        const json &pair = list->at(i);
        good = pair.is_array() && pair.size() == 2 && pair.at(size_t{0}).is_number_unsigned() &&
               pair.at(size_t{1}).is_number_unsigned();
        if (good) {
            out.push_back({view_t(pair.at(size_t{0}).get<uint64_t>()),
                           index_t(pair.at(size_t{1}).get<uint64_t>())});
        }
    }
    if (!good) {
        throw json::exception(fmt::format("starts: expected up to {} pairs of view and first index",
                                          vsr::max_view_starts));
    }
    return out;
}

result<log_outline> decode_outline(const std::string &text) {
    log_outline o;
    try {
        const json j = json::parse(text);
        check_keys(j);
        o.inc = incarnation_t(number(j, "inc"));
        o.view = view_t(number(j, "view"));
        o.log.base = index_t(number(j, "base"));
        o.log.anchor_view = view_t(number(j, "anchor_view"));
        o.log.top = index_t(number(j, "top"));
        o.cp = index_t(number(j, "cp"));
        o.ap = index_t(number(j, "ap"));
        o.log.starts = starts_of(j);
    } catch (const json::exception &e) {
        return fail(EBADMSG, fmt::format("outline: {}", e.what()));
    }
    if (auto r = vsr::validate(o.log); !r) {
        return fail(EBADMSG, "outline: " + r.error().text);
    }
    return o;
}

} // namespace harp::cluster
