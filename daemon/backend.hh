/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a member stands on: its replica object and its service. Made by kind: on a data
 * member the kernel's replica and a service in namespaces; on the witness a log file
 * and no service. Tests bring their own.
 */
#pragma once

#include "cluster/copy_stream.hh"
#include "config/group.hh"
#include "knl/replica.hh"
#include "service/service.hh"
#include "util/loop.hh"

#include <functional>
#include <memory>

namespace harp {

/* The service as a member drives it. Callbacks come from the loop, never from within. */
class service_port {
public:
    using done_fn = std::function<void(result<void>)>;

    virtual ~service_port() = default;
    virtual void start(std::vector<net::connection> clients, done_fn done) = 0;
    /*
     * Order of giving up (design.rst): link down, release, nfsd; the mounts stay.
     * @handing_over: the member is primary yet, and what waits gets its answer.
     */
    virtual void stop(bool handing_over, done_fn done) = 0;
    /* And the helpers and harp's mount: the replica may be destroyed, and must be before */
    virtual void unmount(done_fn done) = 0;
    /* the rest goes: the lower, which it holds, link and namespaces. */
    virtual void teardown(done_fn done) = 0;
    /* Between the two: the first life's layout of the lower, if nothing was ever put there. */
    virtual void clear_lower(done_fn done) = 0;
    virtual std::string describe() const = 0;
    /* Connected to the service now; quick. */
    virtual std::vector<net::connection> clients() const { return {}; }
};

struct backend_request {
    loop *events = nullptr;
    const config::group_config *group = nullptr;
    slot_t self;
    vsr::disk_state disk;
    std::string state_dir; /* the group's own */
    std::string run_dir;
    bool keep_memory = true; /* harp.toml */
    knl::replica::hooks hooks;
    std::function<void(vsr::log_source, std::function<void(result<unique_fd>)>)> fetch;
    std::function<void(const service::step_report &)> progress;
    std::function<void(const failure &)> trouble;
};

struct backend {
    std::shared_ptr<void> keep; /* what the two below stand on */
    std::unique_ptr<service_port> service;
    std::unique_ptr<knl::replica> replica;
    /* Records for a FETCH; called from a worker, thread-safe. Empty: none to give. */
    std::function<result<std::vector<uint8_t>>(index_t first, index_t last)> read_log;
    /* Pieces of the file state for a COPY; the same. */
    cluster::copy_read_fn read_copy;
};

using backend_fn = std::function<result<backend>(const backend_request &)>;

/* The real ones. */
result<backend> make_backend(const backend_request &request);

} // namespace harp
