/* SPDX-License-Identifier: GPL-2.0 */
#pragma once

#include "util/result.hh"

#include <string>
#include <vector>

namespace harp {

/* What the directory @dir holds, sorted, without "." and ".."; or why it cannot be read. */
result<std::vector<std::string>> names_in(const std::string &dir);

} // namespace harp
