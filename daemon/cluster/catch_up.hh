/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How a data member gets records it lacks into its kernel: harpd finds out where the logs
 * part, has the kernel give up what differs (FEED), fetches the rest from who has it and
 * passes it on (feeder.hh). For two purposes, one at a time:
 *
 *	follow	out of every view, the committed history of the view that serves (C1),
 *		for as long as it is wanted;
 *	fill	what START names and this log lacks, once, before the view is entered (V6).
 *
 * Everything belongs to the loop's thread.
 */
#pragma once

#include "cluster/feeder.hh"
#include "cluster/outline.hh"
#include "knl/replica.hh"

#include <variant>

namespace harp::cluster {

struct catch_up_env {
    loop *events = nullptr;
    std::string name; /* of the group, for the journal */
    vsr::group_id group{};
    lineage_t lineage;
    epoch_t epoch;
    slot_t self;
    knl::replica *replica = nullptr;
    std::function<void(slot_t, std::function<void(result<log_outline>)>)> outline;
    std::function<void(vsr::log_source, std::function<void(result<unique_fd>)>)> fetch;
};

class catch_up {
public:
    using filled = std::function<void(result<void>)>;

    explicit catch_up(catch_up_env env);
    ~catch_up();

    /* Nothing: no more. Fails and tries again until then. */
    void follow(std::optional<vsr::feed_wanted> wanted);
    /*
     * Records up to @what's s, after @match. @done: they are all here; or why not, and
     * nothing is under way any more. Not called when something else takes its place.
     */
    void fill(const vsr::start &what, index_t match, filled done);
    void stop();

    /* This member's own object, as it was told last. */
    void look(const vsr::object_report &own);
    /*
     * What a member of @view says is committed there, and applied by its primary. Of another
     * view than the one followed it says nothing of this history (I2).
     */
    void told(view_t view, index_t cp, index_t ap);
    /* Why it does not get on; empty: it does. For `harpctl status`. */
    const std::string &trouble() const noexcept { return trouble_; }
    /* The trouble is that the history at hand does not reach back to this disk. */
    bool needs_copy() const noexcept { return needs_copy_; }

private:
    struct following {
        vsr::feed_wanted wanted;
        std::optional<index_t> after; /* of its own log, since the kernel is fed */
    };
    struct filling {
        vsr::start what;
        filled done;
    };

    bool is(uint64_t round) const noexcept { return round == round_; }
    void begin(duration_t later = {});
    void ask_outline();
    void join(const log_outline &theirs);
    void attach(const knl::feed_args &args);
    void feed(const knl::feed_args &args, unique_fd end);
    void fetch(index_t first, index_t last, std::function<void(result<unique_fd>)> done);
    void progress(index_t top);
    void failed(const std::string &why);
    index_t upto() const;

    catch_up_env env_;
    std::variant<std::monostate, following, filling> purpose_;
    uint64_t round_ = 0; /* answers to an earlier one are dropped */
    vsr::object_report own_;
    index_t cp_; /* of the view followed; both only rise */
    index_t ap_;
    unsigned fetches_failed_ = 0; /* one after the other */
    index_t top_;                 /* the kernel's log reaches to here */
    index_t polled_;              /* it has been asked since */
    std::string trouble_;
    bool needs_copy_ = false;
    event_source again_;
    std::unique_ptr<feeder> feeder_;
};

} // namespace harp::cluster
