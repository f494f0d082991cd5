/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What of a lower file system an outcome depends on (kernel-notes 55), read off its
 * superblock, so that two members can be compared before a group is made.
 */
#pragma once

#include "util/result.hh"

#include <map>
#include <string>

namespace harp::cluster {

using lower_traits = std::map<std::string, std::string>;

/* EBUSY: it holds files. Blocks (mounts the device once, read only, for itself alone). */
result<lower_traits> probe_lower(const std::string &device, const std::string &type,
                                 const std::string &scratch_dir);
/* Traits of a superblock: the first 4 KiB of the device. */
result<lower_traits> read_traits(const std::string &first_bytes, const std::string &type);
/* The differences as one sentence; empty when there are none. */
std::string compare_lowers(const std::string &name_a, const lower_traits &a,
                           const std::string &name_b, const lower_traits &b);

} // namespace harp::cluster
