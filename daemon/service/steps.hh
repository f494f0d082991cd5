/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The steps of a plan, carried out. Each runs in a child of the agent and may
 * change that process's namespaces; the text returned says what was found or done.
 */
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "net/netns.hh"
#include "service/plan.hh"
#include "service/service.hh"
#include "util/result.hh"

namespace harp::service {

struct context {
    const config *c = nullptr;
    net::ns_files ns;
    int run_fd = -1; /* run_dir/GROUP on the host: bookkeeping, reachable from inside too */
    mount_args mount;
    start_args start;
};

/* Carried out in the group's namespaces? (The others: in the host's, or by the agent.) */
bool is_inside(action a);
/* All but announce, quiet and release, which are the agent's own. */
result<std::string> carry_out(const context &ctx, const step &s);
/*
 * Several steps of the inside, in one process that enters once: a fork and three
 * setns() a step are dear on a takeover's path. @said after each; false ends it.
 */
void carry_out_inside(const context &ctx, std::span<const step> steps,
                      const std::function<bool(const result<std::string> &)> &said);

/* Inside the group's namespaces already: */
result<std::string> do_mounts(const context &ctx);
result<std::string> do_mount_lower(const context &ctx);
result<std::string> do_mount_harp(const context &ctx);
result<std::string> do_clear_lower(const context &ctx);
result<std::string> do_umount(const std::string &path, std::chrono::milliseconds deadline);
result<std::string> do_exports(const context &ctx);
result<std::string> do_exports_flush();
result<std::string> do_nfsd_settle(const context &ctx);
result<std::string> do_nfsd_setup(const context &ctx);
result<std::string> do_nfsd_listen(const context &ctx);
result<std::string> do_nfsd_threads(const context &ctx, int host_lock);
result<std::string> do_nfsd_drain(const context &ctx, std::chrono::milliseconds patience);
result<std::string> do_nfsd_stop(const context &ctx);

/* Helpers (helpers.cc): from the host's namespaces. */
result<std::string> do_helper_start(const context &ctx, const std::string &name,
                                    std::chrono::milliseconds deadline);
result<std::string> do_helper_stop(const context &ctx, const std::string &name,
                                   std::chrono::milliseconds deadline);
/* Its pid, or 0. */
pid_t helper_pid(const context &ctx, const std::string &name);

/* Number of nfsd's threads in this network namespace; from /proc/fs/nfsd. */
result<unsigned> nfsd_thread_count();
/* Threads of this group inside a request, and where: for status. */
struct busy_threads {
    unsigned count = 0;
    std::string where;
};
busy_threads nfsd_busy(const context &ctx);

observed observe_now(const context &ctx);
std::string observed_to_json(const observed &o);
result<observed> observed_from_json(std::string_view text);

/* Small files, whole: proc, nfsd and our own. */
result<std::string> read_text(int dir, const std::string &path);
result<void> write_text(int dir, const std::string &path, std::string_view text, int flags = 0);

/* The layout that the module's init made below @root, if nothing was put there since. */
result<void> remove_layout(const std::string &root);

struct mount_entry {
    std::string point, type, source;
};
/* What is mounted at @path (the topmost), in this mount namespace. */
result<mount_entry> mounted_at(const std::string &path);
std::vector<mount_entry> parse_mountinfo(std::string_view text);

} // namespace harp::service
