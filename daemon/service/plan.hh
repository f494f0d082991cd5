/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is done, in which order, for how long at most: decided here, without
 * touching anything, and carried out by the agent step by step. The order is that of
 * design.rst, "A group's service", and kernel-notes 39–49a; tests hold it fast.
 */
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "service/config.hh"
#include "service/service.hh"

namespace harp::service {

enum class action {
    /* prepare */
    modules,    /* nfsd, and the link's kind: loaded */
    namespaces, /* made and pinned, or adopted */
    mounts,     /* own /run, /var/lib/nfs, rpc_pipefs, nfsd fs */
    loopback,   /* lo up: nfsd and lockd talk to rpcbind and statd over it */
    sysctls,
    link,         /* macvlan or ipvlan, down */
    helper_start, /* detail: which; until they are ready */
    /* mounts */
    mount_lower,
    mount_harp,
    /* start */
    exports,
    nfsd_settle, /* leftovers of a start that did not end are cleared */
    nfsd_setup,  /* versions, block size, lease, grace: before its first socket */
    nfsd_listen,
    nfsd_threads,
    link_up,
    addresses,
    routes,
    announce,
    tickle,
    /* stop */
    quiet, /* announcing ends */
    link_down,
    destroy_sockets,
    release, /* harpd's: protocol G3 */
    exports_flush,
    nfsd_drain, /* until no thread is inside a request */
    nfsd_stop,
    helper_stop,
    umount_harp,
    clear_lower,
    umount_lower,
    link_remove,
    namespaces_remove,
};

enum class on_failure {
    end,   /* of the operation: what comes later would be wrong or useless */
    go_on, /* reported, and the rest is done nevertheless */
};

struct step {
    action what;
    std::chrono::milliseconds deadline;
    on_failure then = on_failure::end;
    std::vector<std::string> detail;

    bool operator==(const step &) const = default;
};

using plan = std::vector<step>;

/* The helpers a group's NFS versions need, in the order they start. */
std::vector<std::string> helpers_of(const config &c);

plan plan_prepare(const config &c);
plan plan_mount_lower(const config &c, const mount_args &args);
plan plan_mount_harp(const config &c, const mount_args &args);
plan plan_clear_lower(const config &c);
plan plan_umount(const config &c, std::chrono::milliseconds deadline);
plan plan_start(const config &c, const start_args &args);
plan plan_stop(const config &c, const stop_args &args);

std::string_view name_of(action a);
/* One line a step: "nfsd-listen        2000 ms  tcp 0.0.0.0:2049; tcp [::]:2049". */
std::string to_text(const plan &p);

/* Of the pure sort too: what exactly is written where. */
std::string versions_line(const config &c); /* for /proc/fs/nfsd/versions */
std::string exports_table(const config &c); /* for /var/lib/nfs/etab */
std::vector<std::string> helper_argv(const config &c, const std::string &helper);
std::string helper_environment(const config &c); /* what the units read */

struct mount_flags {
    unsigned long flags = 0;
    std::string data;

    bool operator==(const mount_flags &) const = default;
};
/* "ro,noatime,commit=5" → MS_ flags and what is left for the file system. */
mount_flags split_mount_options(std::string_view options);
mount_flags lower_mount_options(const mount_args &args);

} // namespace harp::service
