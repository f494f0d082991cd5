/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Records of a log, decoded for people or programs: from the kernel, from a
 * witness's file, or from a dump of a region; the latter two share their layout.
 */
#pragma once

#include "util/result.hh"

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace harp::ctl {

/* One record, its bytes whole; false: enough. */
using record_fn = std::function<bool(std::span<const uint8_t>)>;

/* One line of text, or one object of JSON, without a newline. */
result<std::string> describe_record(std::span<const uint8_t> bytes, bool json);

/*
 * Can the record at @index be nothing? Only what sets the content or attributes of one file: the
 * names and files that others make, later records build upon.
 */
result<void> may_skip(std::span<const uint8_t> bytes, uint64_t index);

struct region_summary {
    std::string text;  /* the header in one line */
    std::string end;   /* why the walk ended */
    uint64_t base = 0; /* first index there */
    uint64_t next = 0; /* and the one behind the last that was walked */
};

/* Where records come from that are discarded meanwhile: the kernel's log. */
struct log_source {
    struct ends {
        uint64_t base = 0;
        uint64_t top = 0;
    };
    std::function<result<ends>()> look;
    /* Some whole records from @index on, at most @count; ERANGE: it is not there. */
    std::function<result<std::vector<uint8_t>>(uint64_t index, uint64_t count)> read;
};

/*
 * @count records from @from on (0: the newest), or from the first that is still there when
 * their turn comes; @missing is told in words which were left out, or that there is none.
 */
result<void> walk_log(const log_source &log, uint64_t from, uint64_t count, const record_fn &fn,
                      const std::function<void(const std::string &)> &missing);

/* The first index to show: @from, or of the @count newest of those that are there. */
uint64_t first_shown(uint64_t from, uint64_t count, uint64_t base, uint64_t next);
/* I9: everything is checked; what does not check ends the walk and is named. */
result<region_summary> walk_region(std::span<const uint8_t> region, uint64_t from,
                                   const record_fn &fn);
/* Maps @path (a file or a device) and walks it. @from 0: its @count newest. */
result<region_summary> walk_file(const std::string &path, uint64_t from, uint64_t count,
                                 const record_fn &fn);

} // namespace harp::ctl
