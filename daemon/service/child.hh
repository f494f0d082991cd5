/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A step carried out by a process of its own, so that a system call that never
 * returns costs one process and no more.
 */
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>

#include "net/fd.hh"
#include "util/result.hh"

namespace harp::service {

class child {
public:
    using body_fn = std::function<result<std::string>()>;

    /* @body runs in the child; its text and error come back by collect(). */
    static result<child> spawn(const body_fn &body);
    child(child &&o) noexcept;
    child &operator=(child &&) = delete;
    /* Kills what still runs; does not wait for what cannot be killed. */
    ~child();

    /* Readable when the child has ended, or said its last word. */
    int fd() const noexcept { return out_.get(); }
    pid_t pid() const noexcept { return pid_; }
    result<std::string> collect();
    /* SIGKILL, and where in the kernel it sits, for the message. */
    std::string abandon();

private:
    child(pid_t pid, net::unique_fd out) : pid_(pid), out_(std::move(out)) {}
    pid_t pid_;
    net::unique_fd out_;
};

/* The kernel function @pid sleeps in ("svc_recv"), or "" when it runs or is gone. */
std::string wait_channel(pid_t pid);
/* /proc/PID/stat's start time; 0: no such process. A pid alone may be somebody else by now. */
uint64_t start_time(pid_t pid);
/* Ended children are reaped; called now and then by the agent. */
void reap_all();

} // namespace harp::service
