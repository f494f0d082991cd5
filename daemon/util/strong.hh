/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Numbers that must not be mixed up. A view is not an index is not an
 * incarnation: each is its own type, ordered, hashable, and turned into a bare
 * integer only by value().
 */
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <functional>

namespace harp {

template <typename Tag, typename Rep = uint64_t>
class strong {
public:
    using rep = Rep;

    constexpr strong() noexcept = default;
    constexpr explicit strong(Rep value) noexcept : value_(value) {}

    constexpr Rep value() const noexcept { return value_; }
    constexpr explicit operator bool() const noexcept { return value_ != 0; }
    constexpr auto operator<=>(const strong &) const noexcept = default;

    constexpr strong operator+(Rep n) const noexcept {
        return strong(static_cast<Rep>(value_ + n));
    }
    constexpr strong operator-(Rep n) const noexcept {
        return strong(static_cast<Rep>(value_ - n));
    }
    constexpr Rep operator-(strong other) const noexcept {
        return static_cast<Rep>(value_ - other.value_);
    }
    constexpr strong &operator++() noexcept {
        ++value_;
        return *this;
    }

private:
    Rep value_{};
};

/* v = 4n + the coordinator's slot (protocol.rst, "State"). */
using view_t = strong<struct view_tag>;
/* A record's number in its group's log, from 1; 0 stands for "before the first". */
using index_t = strong<struct index_tag>;
/* One life of a member's replica object; grows at every start. */
using incarnation_t = strong<struct incarnation_tag>;
/* Which history; changed by forced recovery. */
using lineage_t = strong<struct lineage_tag>;
/* Which membership; changed by replace-member. */
using epoch_t = strong<struct epoch_tag, uint32_t>;
/* A member's name for ever: ids are never used again, slots are. */
using member_id = strong<struct member_id_tag, uint32_t>;
/* A member's place in the group: 0 … HARP_MEMBERS - 1. */
using slot_t = strong<struct slot_tag, uint8_t>;
/* Pairs a command with its completion. 0 is no token. */
using token_t = strong<struct token_tag>;

/*
 * CLOCK_BOOTTIME, always supplied from outside: it counts suspend and is not
 * touched by wall-clock jumps (protocol, finding 7). It has no now() on purpose.
 */
struct boottime_clock {
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<boottime_clock>;
    static constexpr bool is_steady = true;
};

using duration_t = std::chrono::nanoseconds;
using time_point_t = boottime_clock::time_point;

} // namespace harp

template <typename Tag, typename Rep>
struct std::hash<harp::strong<Tag, Rep>> {
    size_t operator()(const harp::strong<Tag, Rep> &s) const noexcept {
        return std::hash<Rep>()(s.value());
    }
};
