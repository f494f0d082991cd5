/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What clients asked of one file and were told, and whether one order of it all explains
 * that (linearizability). Each value is written once, so each read says which write it saw.
 */
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

namespace harp::vsr::test {

class history {
public:
    using stamp = uint64_t; /* of asking or answer; no two are equal */
    static constexpr stamp never = std::numeric_limits<stamp>::max();

    /* 0 is what was there before anybody wrote. */
    history() { writes_[0] = {0, 0, false}; }

    void wrote(uint64_t value, stamp asked) { writes_[value] = {asked, never, false}; }
    /* Until told, it may have happened or may yet. */
    void write_done(uint64_t value, stamp told) { writes_.at(value).told = told; }
    /* The client was told that it did not happen. */
    void write_failed(uint64_t value) { writes_.at(value).failed = true; }
    void read(uint64_t value, stamp asked, stamp told) { reads_.push_back({value, asked, told}); }

    size_t reads() const { return reads_.size(); }

    /*
     * Empty, or what no order explains (Gibbons and Korach, "Testing shared memories"): a value
     * is there from the first answer about it to the last question that it answered. No two
     * values may have to be there at one moment, nor one that begins and ends while another must.
     */
    std::string wrong() const {
        std::map<uint64_t, zone> zones;
        for (const auto &r : reads_) {
            const auto w = writes_.find(r.value);
            if (w == writes_.end() || r.told < w->second.asked) {
                return fmt::format("{} was read before anybody wrote it", r.value);
            }
            if (w->second.failed) {
                return fmt::format("{} was read, and who wrote it was told that it did not "
                                   "happen",
                                   r.value);
            }
            zone &z = zones.try_emplace(r.value, w->second.told, w->second.asked).first->second;
            z.first_told = std::min(z.first_told, r.told);
            z.last_asked = std::max(z.last_asked, r.asked);
        }
        for (const auto &[value, w] : writes_) {
            if (w.told != never && !w.failed) { /* else it need not have happened */
                zones.try_emplace(value, w.told, w.asked);
            }
        }
        return clash(zones);
    }

private:
    struct write {
        stamp asked;
        stamp told;
        bool failed;
    };
    struct one_read {
        uint64_t value;
        stamp asked;
        stamp told;
    };
    struct zone {
        stamp first_told;
        stamp last_asked;

        zone(stamp told, stamp asked) : first_told(told), last_asked(asked) {}
        bool must_be() const { return first_told < last_asked; }
    };

    static std::string clash(const std::map<uint64_t, zone> &zones) {
        std::vector<std::pair<uint64_t, zone>> there;
        for (const auto &[value, z] : zones) {
            if (z.must_be()) {
                there.emplace_back(value, z);
            }
        }
        std::sort(there.begin(), there.end(), [](const auto &a, const auto &b) {
            return a.second.first_told < b.second.first_told;
        });
        for (size_t i = 1; i < there.size(); ++i) {
            if (there[i].second.first_told < there[i - 1].second.last_asked) {
                return fmt::format("{} was there until {} or later, and {} from {} on",
                                   there[i - 1].first, there[i - 1].second.last_asked,
                                   there[i].first, there[i].second.first_told);
            }
        }
        for (const auto &[value, z] : zones) {
            auto after = std::upper_bound(
                    there.begin(), there.end(), z.last_asked,
                    [](stamp at, const auto &t) { return at < t.second.first_told; });
            if (z.must_be() || after == there.begin()) {
                continue;
            }
            const auto &[other, o] = *std::prev(after);
            if (z.first_told < o.last_asked) {
                return fmt::format("{} was written and read between {} and {}, while {} was there",
                                   value, z.last_asked, z.first_told, other);
            }
        }
        return {};
    }

    std::map<uint64_t, write> writes_;
    std::vector<one_read> reads_;
};

} // namespace harp::vsr::test
