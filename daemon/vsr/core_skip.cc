/* SPDX-License-Identifier: GPL-2.0 */
/* Records that a kernel may have died of (N4, finding 19), and their being skipped (P2). */
#include "vsr/core_impl.hh"

#include <fmt/format.h>

#include <algorithm>

namespace harp::vsr {

namespace {

std::string name_of(const record_range &r) {
    return r.first == r.last ? fmt::format("record {}", r.first.value())
                             : fmt::format("records {} to {}", r.first.value(), r.last.value());
}

/* Both ascending and each once. */
void add(std::vector<index_t> &to, const std::vector<index_t> &more) {
    to.insert(to.end(), more.begin(), more.end());
    std::sort(to.begin(), to.end());
    to.erase(std::unique(to.begin(), to.end()), to.end());
}

} // namespace

/*
 * A kernel that ended while it applied records need not have died of them, and they are tried
 * again. Where the next one ends over the same, this member is no primary, who would apply them
 * before another holds them; with its AP past them all is forgotten.
 */
void core::impl::note_suspects() {
    const auto before = disk_.suspects;
    disk_.suspects.reset();
    if (report_.suspects) {
        const bool again = before && before->records.overlaps(*report_.suspects);
        disk_.suspects = suspect_note{*report_.suspects, again ? before->deaths + 1 : 1};
    }
    dirty_ = dirty_ || disk_.suspects != before;
}

/* What is to be skipped kills nobody any more. */
bool core::impl::poisoned(const object_report &report) const {
    const uint32_t tried = cfg_.stop_at_suspects ? 1 : 2;
    if (!report.suspects || !disk_.suspects || disk_.suspects->deaths < tried) {
        return false;
    }
    return std::none_of(disk_.skip.begin(), disk_.skip.end(),
                        [&](index_t at) { return report.suspects->has(at); });
}

std::string core::impl::stopped_by() const {
    if (!poisoned(report_)) {
        return {};
    }
    const uint32_t deaths = disk_.suspects->deaths;
    return fmt::format("its kernel ended {} while it applied {}",
                       deaths == 1 ? "once" : fmt::format("{} times in a row", deaths),
                       name_of(*report_.suspects));
}

result<void> core::impl::may_skip(const want_skip &what) const {
    if (!me().is_data()) {
        return fail(EINVAL, "a witness applies no records; ask the member that died of one");
    }
    if (in<phase::starting>() || in<phase::failed>() || in<phase::leaving>()) {
        return fail(EAGAIN, "this member takes part in nothing now");
    }
    if (what.records.empty()) {
        return fail(EINVAL, "no record is named");
    }
    if (const view_record *r = current_record()) {
        return fail(EBUSY, fmt::format("this member is in view {}: it applies its records as they "
                                       "come, and only one that stands still can skip any",
                                       r->view.value()));
    }
    if (auto live = live_primary()) {
        return fail(EBUSY, fmt::format("{} serves: it has applied these records, or will, and what "
                                       "one copy has the other may not skip",
                                       who(live->primary).name));
    }
    for (index_t at : what.records) {
        if (!report_.suspects) {
            return fail(EINVAL, "this member's kernel was applying nothing when it ended");
        }
        if (!report_.suspects->has(at)) {
            return fail(EINVAL, fmt::format("record {} is none of those that its kernel was "
                                            "applying when it ended: {}",
                                            at.value(), name_of(*report_.suspects)));
        }
    }
    auto all = disk_.skip;
    add(all, what.records);
    if (all.size() > max_voids) {
        return fail(E2BIG, fmt::format("{} records, expected at most {}", all.size(), max_voids));
    }
    return {};
}

/* On disk before a word of it leaves: each AGREE is sent after a write. */
result<void> core::impl::skip(const want_skip &what) {
    auto may = may_skip(what);
    if (!may || what.ask_only) {
        return may;
    }
    add(disk_.skip, what.records);
    dirty_ = true;
    for (index_t at : what.records) {
        note_line(note::level::warning,
                  fmt::format("record {} is to be skipped, on a person's word", at.value()));
    }
    next_try_ = now_ + own_wait();
    out_.status_changed = true;
    return {};
}

/* Past them there is nothing left to skip. */
void core::impl::skip_settled() {
    if (!disk_.skip.empty() &&
        std::erase_if(disk_.skip, [&](index_t at) { return at <= report_.ap; }) != 0) {
        dirty_ = true;
    }
}

void core::impl::mark_unverified(const view_record &record) {
    auto &marked = disk_.unverified;
    add(marked, record.voids);
    if (marked.size() > max_voids) {
        marked.erase(marked.begin(), marked.end() - static_cast<ptrdiff_t>(max_voids));
    }
    dirty_ = true;
}

} // namespace harp::vsr
