/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The service of one group on one data server: namespaces, link, mounts, nfsd
 * and its helpers.
 *
 * All real work happens in a child process, the agent (one per service; this
 * same program executed again), and every step there that can hang runs in a
 * child of its own with a deadline: a hanging nfsd, lower or mount never blocks
 * harpd's loop. Calls return at once; the callback is called later, from
 * the sd-event loop, exactly once per call, never from within the call itself.
 *
 * Calls are carried out in the order made, except stop(): it cancels what has
 * not begun, lets the running step end, and takes the link down meanwhile.
 * Callbacks of cancelled calls get ECANCELED; of calls whose agent died, EPIPE:
 * they may be made again. Nothing is undone after a failure: stop() does that.
 *
 * A restarted harpd calls prepare() and then start() where the kernel says that the
 * member serves, stop() where it does not.
 *
 *   prepare ─ mount_lower ─ mount_harp ─ (view started, serving) ─ bind_gate ─ start
 *                                           stop ─ umount ─ teardown
 *
 * bind_gate is needed before V8 says "serves": it works from prepare() on.
 * prepare() and start() are "make it so": repeated, or after a restart of harpd, they
 * adopt what runs and repair what does not. Nothing of this dies with harpd.
 */
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <systemd/sd-event.h>

#include "net/address.hh"
#include "service/config.hh"
#include "util/result.hh"
#include "util/strong.hh"

namespace harp::service {

/* One step done, for logs and the failover timeline. Times are CLOCK_BOOTTIME. */
struct step_report {
    std::string name; /* "nfsd-threads", "link-up", "announce", … */
    time_point_t begin{};
    duration_t took{};
    int code = 0;     /* 0, or errno */
    std::string text; /* what was found or why it failed */
};

/* What there is; of observe(), and beside every outcome. */
struct observed {
    bool prepared = false; /* namespaces pinned, link there, own /run and nfsd fs mounted */
    bool lower_mounted = false;
    bool harp_mounted = false;
    bool link_up = false;
    bool addresses = false;           /* all of them are on the link */
    unsigned threads = 0;             /* nfsd's */
    unsigned stuck = 0;               /* nfsd threads that did not come back when stopping */
    std::string stuck_where;          /* "pid 812: __sb_start_write" */
    std::vector<std::string> helpers; /* running */
};

struct outcome {
    result<void> status;
    std::vector<step_report> steps;
    observed now;
};

using done_fn = std::function<void(outcome)>;

struct hooks {
    /* Each step as it ends; for the journal and the timeline. May be empty. */
    std::function<void(const step_report &)> progress;
    /*
     * During stop(), when the link is down and the namespace's sockets are
     * destroyed: send RELEASE to the kernel (protocol G3). Called from the loop;
     * ESTALE and friends are harpd's to judge, a failure is reported and stop()
     * goes on. May be empty (tests, no harp underneath).
     */
    std::function<result<void>()> release;
    /* The agent died or a helper did while serving: one sentence. May be empty. */
    std::function<void(const failure &)> trouble;
};

struct mount_args {
    std::string source; /* a device; for mount_harp ignored: the lower's mount point is used */
    std::string type; /* "ext4", "xfs"; mount_harp: "", or "bind" to show the bare lower (tests) */
    std::string options; /* "group=g1,member=0,region=…" or "" */
};

struct start_args {
    /*
     * Clients known to have been connected to the member before us: they are
     * tickled, so that a client deep in TCP's retransmission back-off comes
     * back at once. harpd gets them from connections() on the primary, by heartbeat.
     */
    std::vector<net::connection> clients;
};

struct stop_args {
    /* Helpers and harp, after nfsd has gone; the kernel's replica still holds the lower. */
    bool umount = false;
    bool teardown = false; /* and the lower, link and namespaces; implies umount */
    /* Not when a primary hands over: what waits gets its answer, and RELEASE is refused it. */
    bool release = true;
    /* How long nfsd's threads may take to come back before stop() says they are stuck. */
    std::chrono::milliseconds patience{2000};
};

class service {
public:
    /* @event outlives the service. Nothing is started yet. */
    static result<std::unique_ptr<service>> make(sd_event *event, config c, hooks h);
    /* Leaves everything as it is and running: only the agent ends. */
    ~service();
    service(const service &) = delete;
    service &operator=(const service &) = delete;

    const config &settings() const noexcept;

    void observe(done_fn done);
    /* Namespaces, own /run, /var/lib/nfs, nfsd fs, lo, sysctls, link (down), helpers (warm). */
    void prepare(done_fn done);
    /* noatime and errors=remount-ro (ext4) are added. Mounted already: no error. */
    void mount_lower(mount_args args, done_fn done);
    void mount_harp(mount_args args, done_fn done);
    /* What harp's mount laid out on the lower, which is empty yet, goes; harp's mount has gone. */
    void clear_lower(done_fn done);
    /* Harp, then the lower; never lazily. EBUSY is waited out until the deadline. */
    void umount(std::chrono::milliseconds deadline, done_fn done);
    void start(start_args args, done_fn done);
    void stop(stop_args args, done_fn done);

    /*
     * Runs @body on the calling thread inside the group's network namespace:
     * open a generic netlink socket there and send GATE_BIND with @ifindex, the
     * group's link. Must be quick. Synchronous; ENOENT before prepare().
     */
    result<void> bind_gate(const std::function<result<void>(unsigned ifindex)> &body);
    /* The group's link in its namespace, 0 before prepare(). */
    result<unsigned> ifindex();
    /*
     * Clients connected to nfsd at the moment (sock_diag); quick, synchronous.
     * At most @limit.
     */
    result<std::vector<net::connection>> connections(size_t limit);

private:
    class impl;
    explicit service(std::unique_ptr<impl> p);
    std::unique_ptr<impl> impl_;
};

/*
 * First thing in main(): the agent is this program, executed again with
 * argv[0] = "harp-agent". Returns its exit status when this process is one.
 *
 *     if (auto rc = harp::service::agent_main(argc, argv)) return *rc;
 */
std::optional<int> agent_main(int argc, char **argv);

} // namespace harp::service
