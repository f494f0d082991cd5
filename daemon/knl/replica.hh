/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A member's replica object as harpd sees it: on a data member the kernel's, behind
 * generic netlink (kernel.hh); on the witness cluster/witness.hh; in tests a model.
 * The view-change core's commands go in, its events come out.
 *
 * Everything belongs to the loop's thread; nothing blocks it.
 */
#pragma once

#include "util/fd.hh"
#include "vsr/core.hh"

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace harp::knl {

/* Numbers for `harpctl status`, beyond what vsr::object_report says. */
struct replica_facts {
    bool present = false;   /* the object could be asked */
    std::string trouble;    /* why not, one sentence */
    std::string region;     /* "memmap", "plain memory", "file" */
    std::string region_why; /* what opening it found wrong */
    std::string read_back;  /* what of a sealed log is there again, or why it is not (P1) */
    uint64_t ring_used = 0;
    uint64_t ring_size = 0;
    uint64_t acked = 0;
    uint64_t peer_ap = 0;
    uint64_t peer_lb = 0;
    uint64_t refused = 0;   /* messages of the record link */
    uint64_t wait_full = 0; /* operations that waited for room in the log */
    uint64_t wait_lease = 0;
    bool confirms = false;     /* lease=confirm */
    uint64_t wait_confirm = 0; /* answers that waited for the backup's word */
    uint64_t released = 0;
    bool link_up = false;
    bool mounted = false;
    int64_t lease_left_ms = 0;
    std::vector<std::pair<std::string, uint64_t>> counters; /* by name, for --json */
};

/* What the kernel is to be fed, by whom, and after which record of its own (FEED). */
struct feed_args {
    slot_t peer;
    incarnation_t peer_inc;
    view_t view;
    index_t match;
    std::optional<index_t> upto; /* may be stored though they are not committed (V6) */
};

class replica {
public:
    struct hooks {
        std::function<void(vsr::kernel_event)> event;
        /* The log is filling: per cent. May be empty. */
        std::function<void(unsigned)> log_high;
    };

    virtual ~replica() = default;

    /* What there is at start: inc = 0 when there is no object yet. May block. */
    virtual vsr::object_report found() = 0;
    virtual void execute(vsr::kernel_command command) = 0;
    /* harpd lives (finding 14); once a second. Answered by a watermarks event. */
    virtual void touch() = 0;
    /* Asks for a watermarks event; dropped while one is under way. */
    virtual void poll() = 0;
    /* A connected, greeted record link to @peer for @view. The replica owns it now. */
    virtual void give_link(unique_fd socket, vsr::link_wanted which) = 0;
    virtual void drop_link() = 0;
    /* A data member's: it is fed over @link from now on. Others have no use for it. */
    virtual void feed(feed_args, unique_fd, std::function<void(result<void>)> done) {
        done(fail(EOPNOTSUPP, "this member is not fed"));
    }
    /* P1, where the log is a file already: durable as it is by now. */
    virtual void seal(const vsr::seal_wanted &, std::function<void(result<void>)> done) {
        done(fail(EOPNOTSUPP, "its log is written apart"));
    }
    virtual replica_facts facts() const = 0;
    /* The object ends, and the log in its region; for group delete. */
    virtual void destroy(std::function<void(result<void>)> done) = 0;
};

} // namespace harp::knl
