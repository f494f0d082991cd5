/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The invariants (protocol.rst), looked at from outside: what was committed, started, applied
 * and discarded, by whomever. The first one that is broken is kept in violation().
 */
#pragma once

#include "vsr_node.hh"

#include <fmt/format.h>

namespace harp::vsr::test {

class checker {
public:
    checker(const node_table &nodes, const time_point_t &now, uint64_t seed)
        : nodes_(nodes), now_(now), seed_(seed) {}

    const std::string &violation() const { return violation_; }
    void broke(std::string what) {
        if (violation_.empty()) {
            violation_ = fmt::format("seed {} at {} ms: {}", seed_,
                                     now_.time_since_epoch().count() / 1000000, what);
        }
    }
    /* From here on only what a client is told counts. */
    void look_away() { blind_ = true; }

    index_t committed_top() const {
        return committed_.empty() ? index_t() : index_t(committed_.rbegin()->first);
    }
    uint64_t views() const { return records_.size(); }
    /* Who would answer a client now. A paused machine sends nothing before it goes on. */
    bool answers(const node &n) const {
        return n.up && now_ >= n.paused_until && n.replica->may_answer(n.local(now_));
    }

    /* After every event. */
    void look() {
        const node *serving = nullptr;
        for (const auto &n : nodes_) {
            if (!n.up) {
                continue;
            }
            note_commits(n);
            if (!answers(n)) {
                continue;
            }
            if (serving) {
                wrong(fmt::format("{} (view {}) and {} (view {}) both answer", serving->name(),
                                  serving->replica->view().view.value(), n.name(),
                                  n.replica->view().view.value()));
                return;
            }
            serving = &n;
        }
        if (serving) {
            check_lease(*serving);
            check_fresh(*serving);
        }
    }
    void remember(index_t i, const entry &e) {
        auto [it, fresh] = made_.try_emplace({i.value(), e.view.value()}, e.payload);
        if (!fresh && it->second != e.payload) {
            wrong(fmt::format("(index {}, view {}) names two records", i.value(), e.view.value()));
        }
    }
    /* What this member has committed as primary. */
    void note_commits(const node &n) {
        auto &seen = noted_[n.slot.value()];
        if (n.replica->current_role() != role::primary) {
            return;
        }
        const auto &log = n.replica->log();
        view_t view = n.replica->view().view;
        if (seen.view != view) {
            seen = {log.base - 1, view};
        }
        for (index_t i = std::max(log.base, seen.index + 1); i <= n.replica->cp(); ++i) {
            view_t v = view_at(log, i).value_or(view_t());
            auto [it, fresh] = committed_.try_emplace(i.value(), v);
            if (fresh) {
                committed_in_[i.value()] = view;
            }
            if (!fresh && it->second != v) {
                wrong(fmt::format("record {} was committed in view {}, and again in view {}",
                                  i.value(), it->second.value(), v.value()));
            }
            seen.index = i;
        }
    }
    /* What HELLO compares: the backup's last record and the primary's under its index. */
    void chained(const node &p, slot_t from, view_t view, index_t top, uint32_t crc) {
        const auto mine = p.store.entries.find(top.value());
        if (p.replica->current_role() == role::primary && p.replica->view().view == view &&
            mine != p.store.entries.end() && crc != mine->second.crc()) {
            wrong(fmt::format("{}'s record {} in view {} is not {}'s", at(from).name(), top.value(),
                              view.value(), p.name()));
        }
    }
    void started(const struct start &what) {
        auto [it, fresh] = records_.try_emplace(what.record.view.value(), what.record);
        if (!fresh && !(it->second == what.record)) {
            wrong(fmt::format("view {} is started twice, differently", what.record.view.value()));
        }
        if (!fresh) {
            return;
        }
        /*
         * All that earlier views committed. A START of a proposal that a later view has
         * overtaken need not know of that one: its members have agreed past it.
         */
        for (const auto &[i, v] : committed_) {
            if (committed_in_.at(i) < what.record.view && index_t(i) >= what.reach.base &&
                view_at(what.reach, index_t(i)) != v) {
                wrong(fmt::format("START of view {} lacks committed record {} of view {}",
                                  what.record.view.value(), i, v.value()));
                return;
            }
        }
    }
    /* V5, D1: a source that is in the view itself still has what @n lacks. */
    void filled(const node &n, const node &source, const log_source &want) {
        const struct start *what = n.up ? n.replica->adopting() : nullptr;
        if (!what || n.replica->wants() != want ||
            source.replica->report(source.local(now_)).formed != what->record.view) {
            return; /* an old question, or it has not cut its own log yet */
        }
        if (source.replica->log().base > want.first) {
            wrong(fmt::format("{} is to have record {} in view {} from {}, which has discarded it",
                              n.name(), want.first.value(), what->record.view.value(),
                              source.name()));
        }
    }
    void entered(const node &n, const view_record &r) {
        const member_life &mine = r.primary.slot == n.slot ? r.primary : r.backup;
        if (mine.slot != n.slot || mine.inc != n.disk.inc || !records_.contains(r.view.value())) {
            wrong(fmt::format("{} enters view {} that is not its own life's", n.name(),
                              r.view.value()));
        }
        if (n.disk.formed < r.view) {
            wrong(fmt::format("{} takes a role in view {} before its disk says so", n.name(),
                              r.view.value()));
        }
    }
    /* C1: a member in no view is given what is committed and nothing else. */
    void fed(const node &n, index_t i, view_t view) {
        auto it = committed_.find(i.value());
        if (it == committed_.end() ? i > committed_top() : it->second != view) {
            wrong(fmt::format("{} is fed record {} of view {}, which is not committed", n.name(),
                              i.value(), view.value()));
        }
    }
    /* I2, I3: committed, and by a primary before anybody else. */
    void applied(const node &n, index_t i) {
        const auto &log = n.replica->log();
        auto it = committed_.find(i.value());
        if (it == committed_.end() || (i >= log.base && view_at(log, i) != it->second)) {
            wrong(fmt::format("{} applies record {}, which is not committed", n.name(), i.value()));
        }
        /* Also one that is fenced goes on with what it has committed. */
        if (n.replica->view().view && n.replica->view().primary.slot == n.slot &&
            !n.replica->fed()) {
            first_applied_ = std::max(first_applied_, i);
        } else if (i > first_applied_) {
            wrong(fmt::format("{} applies record {} before any primary has", n.name(), i.value()));
        }
    }
    /* Finding 17: what a disk lacks another member has in its log. */
    void discarded(const node &by, index_t first, index_t last) {
        for (const auto &d : nodes_) {
            const index_t from = std::max(first, d.files.durable() + 1);
            if (d.slot == slot_w || from > last) {
                continue;
            }
            const auto holds = [&](const node &n) {
                return n.slot != d.slot && n.slot != by.slot &&
                       (n.damaged || (n.store.valid && n.store.header.base <= from &&
                                      n.store.entries.contains(last.value())));
            };
            if (std::none_of(nodes_.begin(), nodes_.end(), holds)) {
                wrong(fmt::format("{} discards record {}, which {}'s disk has not and no other "
                                  "log holds",
                                  by.name(), from.value(), d.name()));
            }
        }
    }
    /* A crash that left its memory alone costs no member its log (finding 4). */
    void attached(const node &n) {
        if (n.whole_at_crash && !n.replica->intact()) {
            wrong(fmt::format("{} finds its log not whole, and its memory is what it was",
                              n.name()));
        }
    }

private:
    const node &at(slot_t s) const { return nodes_[s.value()]; }
    void wrong(std::string what) {
        if (!blind_) {
            broke(std::move(what));
        }
    }
    /* While a lease holds, its promise does, on the giver's own clock. */
    void check_lease(const node &p) {
        const auto &b = p.replica->view().backup;
        const node &giver = at(b.slot);
        if (!giver.up) {
            return;
        }
        const object &g = *giver.replica;
        const time_point_t now = giver.local(now_);
        if (g.inc() == b.inc ? g.promise_until() <= now : g.inc() && g.hold_until() <= now) {
            wrong(fmt::format("{} serves in view {} after {}'s promise", p.name(),
                              p.replica->view().view.value(), giver.name()));
        }
    }
    /* I6: whoever answers has every committed record. */
    void check_fresh(const node &p) {
        if (committed_.empty()) {
            return;
        }
        auto [i, v] = *committed_.rbegin();
        const auto &log = p.replica->log();
        if (index_t(i) >= log.base && view_at(log, index_t(i)) != v) {
            wrong(fmt::format("{} answers in view {} without committed record {} of view {}",
                              p.name(), p.replica->view().view.value(), i, v.value()));
        }
    }

    const node_table &nodes_;
    const time_point_t &now_;
    uint64_t seed_;
    bool blind_ = false;
    std::string violation_;
    std::map<std::pair<uint64_t, uint64_t>, uint64_t> made_;
    std::map<uint64_t, view_t> committed_;    /* index: the record's view */
    std::map<uint64_t, view_t> committed_in_; /* index: the view that committed it first */
    std::array<position, member_count> noted_{};
    std::map<uint64_t, view_record> records_;
    index_t first_applied_; /* by a primary */
};

} // namespace harp::vsr::test
