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
#include <string_view>

#include "net/fd.hh"
#include "util/result.hh"

namespace harp::service {

class child {
public:
    using body_fn = std::function<result<std::string>()>;
    using say_fn = std::function<void(const result<std::string> &)>;

    /* @body runs in the child; its text and error come back by collect(). */
    static result<child> spawn(const body_fn &body);
    /* @body says several things, which come back by next(). */
    static result<child> spawn_many(const std::function<void(const say_fn &)> &body);
    child(child &&o) noexcept;
    child &operator=(child &&) = delete;
    /* Kills what still runs; does not wait for what cannot be killed. */
    ~child();

    /* Readable when the child has said something, or has ended. */
    int fd() const noexcept { return out_.get(); }
    pid_t pid() const noexcept { return pid_; }
    /* What it says next, waiting for it; ECHILD when it has ended without. */
    result<std::string> next();
    /* The one thing it says; waits for its end. */
    result<std::string> collect();
    /* It has said all: waits for its end. After abandon(): nothing. */
    void finish();
    /* SIGKILL, and where in the kernel it sits, for the message. */
    std::string abandon();

private:
    child(pid_t pid, net::unique_fd out) : pid_(pid), out_(std::move(out)) {}
    pid_t pid_;
    net::unique_fd out_;
};

/* Where in the kernel a process sleeps. */
struct kernel_place {
    bool known = false;      /* the kernel told */
    std::string where;       /* the function that made it sleep; "" when it runs or is gone */
    bool in_request = false; /* an nfsd thread: below svc_process() */
};
kernel_place place_of(pid_t pid);
/* From the text of /proc/PID/stack, "[<0>] name+0x1/0x2 [module]" a line. */
kernel_place place_from_stack(std::string_view stack);
/* /proc/PID/stat's start time; 0: no such process. A pid alone may be somebody else by now. */
uint64_t start_time(pid_t pid);
/* Ended children are reaped; called now and then by the agent. */
void reap_all();

} // namespace harp::service
