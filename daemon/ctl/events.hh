/* SPDX-License-Identifier: GPL-2.0 */
/* harpctl events: what happens to the groups of a machine, as it happens. */
#pragma once

#include "util/json.hh"
#include "util/result.hh"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

struct sd_bus;

namespace harp::ctl {

/*
 * What is told: events of harpd's timeline (Event of org.harp.Harp1), and what each member
 * says of itself, whenever that is another thing than before. A sentence that differs from
 * the last one in its numbers only ("comes back: 120 of 2590 records") comes once a second.
 */
class event_lines {
public:
    /* @group: of this one alone; empty: of all. */
    event_lines(std::string group, bool as_json) : group_(std::move(group)), as_json_(as_json) {}

    /* @event: the signal's text. Nothing: it is of another group, or cannot be read. */
    std::optional<std::string> event(const std::string &event) const;
    /* @status: Status()'s answer at @now_ns (since the epoch, UTC). */
    std::vector<std::string> status(const std::string &status, uint64_t now_ns);
    /* How long after that it is to be asked again, for what was held back; nothing was: 0. */
    uint64_t again_ns() const { return again_ns_; }

private:
    struct said {
        std::string text;
        uint64_t at_ns = 0;
    };

    bool tells_of(const std::string &group) const { return group_.empty() || group == group_; }
    std::string line(const std::string &group, const std::string &member, const std::string &text,
                     uint64_t now_ns) const;

    std::string group_;
    bool as_json_;
    std::map<std::string, said> last_; /* by "group/member" */
    uint64_t again_ns_ = 0;
};

/*
 * Prints lines to stdout until @count of them are out (0: for ever), or nobody reads them.
 * harpd may end and come again meanwhile, which is told on stderr.
 */
result<void> follow_events(sd_bus *bus, event_lines lines, uint64_t count);

} // namespace harp::ctl
