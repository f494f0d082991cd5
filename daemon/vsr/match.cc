/* SPDX-License-Identifier: GPL-2.0 */
#include "vsr/match.hh"

#include <algorithm>
#include <cassert>

namespace harp::vsr {

result<void> validate(const log_summary &log) {
    if (log.base < index_t(1)) {
        return fail(EPROTO, "log base is 0");
    }
    if (log.top + 1 < log.base) {
        return fail(EPROTO, "log ends before it begins");
    }
    if (log.base == index_t(1) && log.anchor_view) {
        return fail(EPROTO, "log from index 1 has an anchor");
    }
    if (log.starts.size() > max_view_starts) {
        return fail(EPROTO, "log has too many views");
    }
    if (log.empty() != log.starts.empty()) {
        return fail(EPROTO, "log's views do not fit its length");
    }
    view_t view = log.anchor_view;
    index_t first = log.base - 1;
    for (const auto &start : log.starts) {
        /* Only the first may go on in the anchor's view. */
        bool goes_on = first + 1 == log.base && start.first == log.base && start.view == view;
        if ((!goes_on && start.view <= view) || start.first <= first || start.first > log.top ||
            !start.view) {
            return fail(EPROTO, "log's views do not ascend");
        }
        view = start.view;
        first = start.first;
    }
    if (!log.empty() && log.starts.front().first != log.base) {
        return fail(EPROTO, "log's first view does not begin at its base");
    }
    return {};
}

result<void> validate(const view_record &r) {
    if (!r.view || r.view <= r.view_of_s) {
        return fail(EPROTO, "VIEW record's view is not above the one before");
    }
    if ((r.s == index_t(0)) != (r.view_of_s == view_t(0))) {
        return fail(EPROTO, "VIEW record has an index and no view before it");
    }
    if (r.primary.slot == r.backup.slot || r.primary.slot.value() >= member_count ||
        r.backup.slot.value() >= member_count) {
        return fail(EPROTO, "VIEW record names no two members");
    }
    if (!r.primary.inc || !r.backup.inc) {
        return fail(EPROTO, "VIEW record names an incarnation 0");
    }
    if (r.promise < std::chrono::milliseconds(HARP_PROMISE_MIN_MS) ||
        r.promise > std::chrono::milliseconds(HARP_PROMISE_CAP_MS)) {
        return fail(EPROTO, "VIEW record's promise is out of bounds");
    }
    if (r.voids.size() > max_voids) {
        return fail(EPROTO, "VIEW record voids too many records");
    }
    if (std::any_of(r.voids.begin(), r.voids.end(),
                    [&](index_t at) { return at == index_t(0) || at > r.s; })) {
        return fail(EPROTO, "VIEW record voids what is not before it");
    }
    return {};
}

log_summary tidy(log_summary log) {
    auto &s = log.starts;
    std::erase_if(s, [&](const view_start &v) { return v.first > log.top || log.empty(); });
    while (s.size() > 1 && s[1].first <= log.base) {
        s.erase(s.begin());
    }
    if (!s.empty() && s.front().first < log.base) {
        s.front().first = log.base;
    }
    if (!s.empty() && s.front().first > log.base) {
        /* Nobody says what is before it; the first view told is the anchor of the next. */
        log.base = s.front().first;
        log.anchor_view = view_t();
        log = s.size() > 1 ? drop_below(log, s[1].first) : log;
    }
    while (s.size() > max_view_starts) {
        log = drop_below(log, s[1].first);
    }
    return log;
}

std::optional<view_t> view_at(const log_summary &log, index_t at) {
    if (at + 1 < log.base || at > log.top) {
        return std::nullopt;
    }
    if (at < log.base) {
        return log.anchor_view;
    }
    auto it = std::upper_bound(log.starts.begin(), log.starts.end(), at,
                               [](index_t i, const view_start &s) { return i < s.first; });
    assert(it != log.starts.begin());
    return std::prev(it)->view;
}

/* First index of the run of one view that @at lies in; the anchor is its own run. */
static index_t run_begin(const log_summary &log, index_t at) {
    if (at < log.base) {
        return at;
    }
    auto it = std::upper_bound(log.starts.begin(), log.starts.end(), at,
                               [](index_t i, const view_start &s) { return i < s.first; });
    return std::prev(it)->first;
}

std::optional<position> match_point(const log_summary &a, const log_summary &b, index_t limit) {
    index_t at = std::min({a.top, b.top, limit});
    const index_t low = std::max(a.base - 1, b.base - 1);
    /* Each turn leaves one run of one log behind: at most 2 * max_view_starts + 2. */
    while (at >= low) {
        auto va = view_at(a, at);
        auto vb = view_at(b, at);
        if (!va || !vb) {
            return std::nullopt;
        }
        /* View 0 above index 0 is an anchor nobody knows: it matches nothing. */
        if (*va == *vb && (*va || at == index_t(0))) {
            return position{at, *va};
        }
        /*
         * Views never fall along a log: below @at the other log has only lower
         * views than the higher one of the two, so that whole run cannot match.
         */
        index_t begin = *va > *vb ? run_begin(a, at) : run_begin(b, at);
        if (begin == index_t(0) || begin <= low) {
            return std::nullopt;
        }
        at = begin - 1;
    }
    return std::nullopt;
}

std::optional<position> continue_point(const log_summary &own, index_t lb,
                                       const log_summary &theirs, index_t limit) {
    if (own.top > lb) {
        const auto match = match_point(own, theirs, limit);
        /* What follows the lost end is of a START that came to nothing. */
        const bool unanchored = own.base == lb + 1 && !own.anchor_view;
        if (match || !unanchored) {
            return match;
        }
    }
    const auto view = lb <= limit ? view_at(theirs, lb) : std::nullopt;
    return view ? std::optional(position{lb, *view}) : std::nullopt;
}

log_summary cut_summary(const log_summary &log, index_t top) {
    log_summary out = log;
    assert(top + 1 >= log.base);
    if (top >= log.top) {
        return out;
    }
    out.top = top;
    while (!out.starts.empty() && out.starts.back().first > top) {
        out.starts.pop_back();
    }
    return out;
}

log_summary drop_below(const log_summary &log, index_t base) {
    assert(base >= log.base && base <= log.top + 1);
    log_summary out = log;
    out.anchor_view = view_at(log, base - 1).value_or(log.anchor_view);
    out.base = base;
    while (!out.starts.empty() && out.starts.front().first < base) {
        bool covers = out.starts.size() == 1 ? out.top >= base : out.starts[1].first > base;
        if (covers) {
            out.starts.front().first = base;
            break;
        }
        out.starts.erase(out.starts.begin());
    }
    return out;
}

void extend_summary(log_summary &log, view_t view, index_t first, index_t last) {
    assert(first == log.top + 1 && last >= first);
    if (log.starts.empty() || log.starts.back().view != view) {
        log.starts.push_back({view, first});
    }
    log.top = last;
}

/* @lower matches @reach just below its base: put its older records before reach's. */
static void extend_down(log_summary &reach, const log_summary &lower) {
    log_summary front = cut_summary(lower, reach.base - 1);
    auto starts = front.starts;
    for (const auto &s : reach.starts) {
        if (starts.empty() || starts.back().view != s.view) {
            starts.push_back(s);
        }
    }
    reach.base = lower.base;
    reach.anchor_view = lower.anchor_view;
    reach.starts = std::move(starts);
    while (reach.starts.size() > max_view_starts) {
        reach = drop_below(reach, reach.starts[1].first);
    }
}

reach_of extend_reach(const candidate_log &donor, std::span<const candidate_log> others) {
    reach_of out{*donor.log, {}};
    out.sources.push_back({donor.member, donor.log->base, donor.log->top});
    /* Two rounds: the second member may match only what the first one added. */
    for (size_t round = 0; round < member_count; ++round) {
        for (const auto &other : others) {
            index_t below = out.log.base - 1;
            if (other.log->base >= out.log.base ||
                view_at(*other.log, below) != out.log.anchor_view ||
                out.sources.size() >= member_count) {
                continue;
            }
            index_t last = below;
            extend_down(out.log, *other.log);
            out.sources.push_back({other.member, out.log.base, last});
        }
    }
    return out;
}

} // namespace harp::vsr
