/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What of this machine would break what a group relies on: memory that a reset clears,
 * boot arguments that do not fit the region, a clock that does not see a pause
 * (kernel-notes 1, 6 and 59).
 */
#pragma once

#include "config/group.hh"
#include "util/result.hh"

#include <string>
#include <vector>

namespace harp::knl {

/* Tests have their own. */
struct host_paths {
    std::string proc = "/proc";
    std::string sys = "/sys";
};

/* lease = "confirm": as the group has it, and as its replica has it since it was mounted. */
struct confirm_mode {
    bool wanted = false;
    bool mounted = false;
};

/*
 * Of a data member whose log is in @region; a sentence each, with what to do. Where the
 * replica confirms, a pause that a clock does not show harms nothing.
 */
std::vector<std::string> host_warnings(const config::region_config &region, confirm_mode confirm,
                                       const host_paths &at = {});

/*
 * Kernel-notes 59: Debian's kernels stay in a panic for ever, and a server that never
 * comes back needs a person. Only what nobody has set is set (0 @seconds: nothing).
 * Was it?
 */
result<bool> set_panic_timeout(int seconds, const host_paths &at = {});

/*
 * Kernel-notes 1: Linux asks UEFI firmware at each boot to clear all memory at the next
 * reset that is not clean. Takes that back, and reads it back. false: nobody asked.
 * Fails where it stands all the same: the firmware may have it locked.
 */
result<bool> keep_memory(const host_paths &at = {});

} // namespace harp::knl
