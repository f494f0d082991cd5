/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Lines for people and programs: to the journal when stderr is connected to it
 * (systemd's JOURNAL_STREAM), with their fields kept apart, else to stderr.
 *
 * Timeline lines have a stable form that the demo and the tests read:
 *
 *	harp-event: what=serving time_ns=1732222222000000000 group=data view=9 ...
 */
#pragma once

#include <cstdint>
#include <fmt/format.h>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace harp {

enum class log_level : int { error = 3, warning = 4, notice = 5, info = 6, debug = 7 };

void log_line(log_level level, std::string_view text);
/* Messages above this level are dropped. */
void log_set_level(log_level level);

template <typename... Args>
void log_error(fmt::format_string<Args...> f, Args &&...args) {
    log_line(log_level::error, fmt::format(f, std::forward<Args>(args)...));
}
template <typename... Args>
void log_warning(fmt::format_string<Args...> f, Args &&...args) {
    log_line(log_level::warning, fmt::format(f, std::forward<Args>(args)...));
}
template <typename... Args>
void log_info(fmt::format_string<Args...> f, Args &&...args) {
    log_line(log_level::info, fmt::format(f, std::forward<Args>(args)...));
}
template <typename... Args>
void log_debug(fmt::format_string<Args...> f, Args &&...args) {
    log_line(log_level::debug, fmt::format(f, std::forward<Args>(args)...));
}

using log_field = std::pair<std::string_view, std::string>;

/* A line of the timeline, taken apart. */
struct timeline_event {
    std::string what;
    uint64_t time_ns = 0; /* CLOCK_REALTIME */
    std::string group;
    std::vector<std::pair<std::string, std::string>> fields;
};
/* Each is given to @sink as well, in whatever thread it happens. For main(), once. */
void log_events_to(std::function<void(const timeline_event &)> sink);

/* One line of the timeline; the time (CLOCK_REALTIME, ns) is taken here. */
void log_event(std::string_view what, std::string_view group,
               std::initializer_list<log_field> fields);

} // namespace harp
