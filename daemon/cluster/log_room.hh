/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How full a witness's log is, and what to do: for `harpctl status`, the journal and the
 * timeline. It only grows while the witness stands in (D2), so it is said long before it is
 * full, and once: a level is left only when the log is clearly below where it begins.
 */
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace harp::cluster {

struct log_room_config {
    unsigned warn_pct = 50; /* of the log: from here on it is said */
    uint64_t begin_min = 0; /* with less left it does not begin to stand in (V5) */
    uint64_t go_on_min = 0; /* nor, with less than this, goes on in another view */
    std::string member;     /* whose log it is */
};

class log_room {
public:
    enum class level : uint8_t { ample, filling, scarce, full };

    explicit log_room(log_room_config c) : config_(std::move(c)) {}

    /* Is it another level than before? @size is 0 while nothing is known. */
    bool look(uint64_t used, uint64_t size);
    level now() const noexcept { return level_; }
    /*
     * Empty: nothing that a person need know. @absent: the data member in whose place the
     * witness stands; empty when it stands by.
     */
    std::string say(const std::string &absent) const;

private:
    level at(uint64_t used) const;

    log_room_config config_;
    uint64_t used_ = 0;
    uint64_t size_ = 0;
    level level_ = level::ample;
};

std::string_view to_string(log_room::level l);

} // namespace harp::cluster
