/* SPDX-License-Identifier: GPL-2.0 */
/* Small parsers and file helpers. */
#pragma once

#include "util/result.hh"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace harp {

using uuid_bytes = std::array<uint8_t, 16>;

result<uuid_bytes> parse_uuid(std::string_view text);
std::string format_uuid(const uuid_bytes &uuid);
/* Version 4, from the kernel's generator. */
uuid_bytes random_uuid();
uint64_t random_u64();

/* Group and member names: 1 … HARP_GROUP_NAME_MAX of [a-z0-9-], no leading '-'. */
bool is_name(std::string_view text);

/* What each KEY=… of a kernel's command line says, in order; into @cmdline. */
std::vector<std::string_view> boot_arguments(std::string_view cmdline, std::string_view key);

/* "64M", "1G", "4096" → bytes. */
result<uint64_t> parse_size(std::string_view text);
std::string format_size(uint64_t bytes);

/* The whole of a file, refused above @max bytes. */
result<std::string> read_file(const std::string &path, size_t max = 16u << 20);
/* Through a temporary file, fsync and rename; the directory is fsynced too. */
result<void> replace_file(const std::string &path, std::string_view content, unsigned mode = 0644);
result<void> make_dirs(const std::string &path, unsigned mode = 0755);
result<void> fsync_dir(const std::string &path);

std::string errno_text(int err);
/* The kernel's, changes with every boot. */
std::string boot_id();

/* fail(errno, "what: strerror") */
failure fail_errno(std::string_view what);

} // namespace harp
