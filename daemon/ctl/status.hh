/* SPDX-License-Identifier: GPL-2.0 */
/* harpd's status, as JSON, as a table that a person reads at a glance. */
#pragma once

#include <string>

namespace harp::ctl {

/* @json is what Status() returned; @group empty: all. Ends with a newline. */
std::string status_table(const std::string &json, const std::string &group);

/* The same, as JSON: @group's entry of "groups" alone; @group empty: as it is. */
std::string status_json(const std::string &json, const std::string &group);

} // namespace harp::ctl
