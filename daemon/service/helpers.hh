/* SPDX-License-Identifier: GPL-2.0 */
/* Two ways to keep rpcbind, statd, nfsdcld and mountd running; same questions. */
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "service/steps.hh"

namespace harp::service {

/* From the host's namespaces; none waits for the helper to be of use. */
struct helper_control {
    virtual ~helper_control() = default;
    virtual result<void> start(const std::string &name) = 0;
    virtual result<void> stop(const std::string &name) = 0;
    /* 0: does not run. */
    virtual pid_t pid(const std::string &name) = 0;
};

std::unique_ptr<helper_control> exec_helpers(const context &ctx);
std::unique_ptr<helper_control> systemd_helpers(const context &ctx);
std::unique_ptr<helper_control> helpers_for(const context &ctx);

/* "harp-mountd@g1.service" */
std::string unit_of(const std::string &helper, const std::string &group);

} // namespace harp::service
