/* SPDX-License-Identifier: GPL-2.0 */
/* Namespaces: made, pinned to a file so that they outlive their processes, entered. */
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "net/fd.hh"
#include "util/result.hh"

namespace harp::net {

/* The three namespaces of one group (design.rst, "A group's service"). */
struct ns_files {
    std::string net, mnt, uts;

    static ns_files under(const std::string &dir);
};

/* Is @path a namespace's pin (a file of nsfs mounted on it)? */
bool is_pinned(const std::string &path);

/*
 * @dir becomes a mount of its own that is not propagated: a mount namespace cannot
 * be pinned where its own copy would see the pin (kernel: mnt_ns_loop()).
 */
result<void> make_pin_dir(const std::string &dir);

/*
 * New network, mount and UTS namespaces, pinned at @at, nodename @nodename. Mounts
 * of the host still arrive in the new mount namespace, none leaves it.
 */
result<void> make_namespaces(const ns_files &at, const std::string &nodename);
/* Forgets the pins; a namespace ends with its last process, mount or socket. */
result<void> unpin(const ns_files &at);

/*
 * The calling process enters all three for good. Its root and working directory
 * become the mount namespace's. For processes with one thread.
 */
result<void> enter(const ns_files &at);

/* The calling thread's own network namespace. */
result<unique_fd> current_netns();
result<unique_fd> open_netns(const std::string &path);
result<void> set_netns(int fd);

/* Runs @body with the calling thread in the network namespace @path, and comes back. */
result<void> within_netns(const std::string &path, const std::function<result<void>()> &body);

} // namespace harp::net
