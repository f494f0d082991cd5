/* SPDX-License-Identifier: GPL-2.0 */
#include "vsr/decide.hh"

#include "util/text.hh"

#include <fmt/format.h>

#include <algorithm>

namespace harp::vsr {

bool never_formed(const agree &a) {
    return !a.formed && !a.view;
}

namespace {

const vote *vote_of(const decide_input &in, slot_t slot) {
    for (const auto &v : in.votes) {
        if (v.member == slot) {
            return &v;
        }
    }
    return nullptr;
}

const member &who(const decide_input &in, slot_t slot) {
    return (*in.members)[slot.value()];
}

std::optional<slot_t> of_kind(const decide_input &in, member_kind kind) {
    for (const auto &m : *in.members) {
        if (m.kind == kind) {
            return m.slot;
        }
    }
    return std::nullopt;
}

/* Who is to be primary: @first, if given, P, B. */
std::vector<slot_t> primary_order(const decide_input &in, std::optional<slot_t> first) {
    std::vector<slot_t> out;
    auto add = [&](std::optional<slot_t> s) {
        if (s && std::find(out.begin(), out.end(), *s) == out.end()) {
            out.push_back(*s);
        }
    };
    if (first && who(in, *first).is_data()) {
        add(first);
    }
    add(of_kind(in, member_kind::primary));
    add(of_kind(in, member_kind::backup));
    return out;
}

view_t formed_of(const decide_input &in, const agree &a) {
    if (in.broken == broken_rule::choose_by_last_record) {
        return a.log.empty() ? a.log.anchor_view : a.log.starts.back().view;
    }
    return in.broken == broken_rule::longest_log ? view_t() : a.formed;
}

bool whole(const decide_input &in, const agree &a) {
    return a.intact || in.broken == broken_rule::count_lossy;
}

/*
 * V4's F. The exception: all three agreed, only one member shows the highest
 * formed, its log is lost, and the other member of that view never entered it: then
 * nothing of that view was ever committed, and it may be left out.
 */
view_t choose_formed(const decide_input &in) {
    view_t best;
    for (const auto &v : in.votes) {
        best = std::max(best, formed_of(in, v.what));
    }
    if (in.votes.size() < member_count && in.broken != broken_rule::discount_unserved_view) {
        return best;
    }
    const vote *holder = nullptr;
    view_t next;
    for (const auto &v : in.votes) {
        if (formed_of(in, v.what) != best) {
            next = std::max(next, formed_of(in, v.what));
        } else if (holder) {
            return best;
        } else {
            holder = &v;
        }
    }
    if (!holder || whole(in, holder->what) || !holder->what.view ||
        holder->what.view->view != best || !holder->what.view->has(holder->member)) {
        return best;
    }
    const view_record &r = *holder->what.view;
    const slot_t other = r.primary.slot == holder->member ? r.backup.slot : r.primary.slot;
    return vote_of(in, other) ? next : best; /* it is one of the other two, and shows less */
}

std::string names_of_formed(const decide_input &in, view_t formed) {
    for (const auto &v : in.votes) {
        if (v.what.view && v.what.view->view == formed) {
            return fmt::format("{} and {}", who(in, v.what.view->primary.slot).name,
                               who(in, v.what.view->backup.slot).name);
        }
    }
    return "members not heard";
}

/*
 * A backup must be able to hold whatever its primary keeps: the replica of a primary
 * refuses the HELLO of a smaller ring, and the view would never serve.
 */
std::string ring_too_small(const decide_input &in, const vote &backup, slot_t primary) {
    const uint64_t its = backup.what.ring;
    const uint64_t needed = vote_of(in, primary)->what.ring;
    const uint64_t unit = HARP_WIRE_RING_UNIT; /* what HELLO tells and is judged by */
    if (its == 0 || needed == 0 || its / unit >= needed / unit) {
        return {};
    }
    return fmt::format("its log region holds {}, expected at least {}'s {}", format_size(its),
                       who(in, primary).name, format_size(needed));
}

/* Intact, formed = F, longest; a tie goes to the coming primary. */
const vote *choose_donor(const decide_input &in, view_t formed) {
    const vote *donor = nullptr;
    auto consider = [&](const vote *v) {
        if (v && formed_of(in, v->what) == formed && whole(in, v->what) &&
            (!donor || v->what.log.top > donor->what.log.top)) {
            donor = v;
        }
    };
    for (slot_t s : primary_order(in, in.prefer)) {
        consider(vote_of(in, s));
    }
    for (const auto &v : in.votes) {
        consider(&v);
    }
    return donor;
}

/* One way to choose the two members; of several the first that finds them counts. */
struct attempt {
    std::optional<slot_t> first; /* to be primary, when eligible */
    bool primary_lag = true;     /* a member that lags is not primary, */
    bool backup_lag = true;      /* nor backup */
    bool both_data = false;      /* the witness is not in question */
};

/* In the coordinator's number is its slot (finding 12). */
slot_t coordinator(const decide_input &in) {
    return slot_t(static_cast<uint8_t>(in.view.value() % 4));
}

/*
 * V5. A switchover is for who serves, not for who is in the view: both data members are, and
 * one that it left out would have to come back (C1). So lag keeps a member from serving, but not
 * from being the backup, and before the witness is taken the one that serves goes on.
 */
std::vector<attempt> attempts_of(const decide_input &in) {
    const attempt strict{}, lenient{{}, false, false};
    if (!in.prefer) {
        return {strict, lenient};
    }
    std::vector<attempt> out{{in.prefer, true, false, true}, {coordinator(in), false, false, true}};
    for (attempt a : {strict, lenient}) {
        a.first = coordinator(in);
        out.push_back(a);
    }
    return out;
}

/*
 * P2: what a member's word, a person's, makes nothing. Not what a copy has applied, for the
 * other would not have it. @kept: which are not void for that reason, and because of whom.
 */
std::vector<index_t> voids_of(const decide_input &in, index_t s, std::string &kept) {
    std::vector<index_t> out;
    for (const auto &v : in.votes) {
        out.insert(out.end(), v.what.skip.begin(), v.what.skip.end());
    }
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    std::erase_if(out, [&](index_t at) {
        for (const auto &v : in.votes) {
            if (who(in, v.member).is_data() && v.what.ap >= at) {
                kept += fmt::format("{}record {} is not skipped: {} has applied it",
                                    kept.empty() ? "" : "; ", at.value(), who(in, v.member).name);
                return true;
            }
        }
        return at == index_t(0) || at > s;
    });
    out.resize(std::min(out.size(), max_voids));
    return out;
}

/* Is what this member died of nothing in the view to be? */
bool absolved(const agree &a, const std::vector<index_t> &voids) {
    return std::any_of(voids.begin(), voids.end(),
                       [&](index_t at) { return a.suspects && a.suspects->has(at); });
}

struct choice {
    const decide_input &in;
    const vote &donor;
    reach_of reach;
    index_t s;
    attempt how;
    std::vector<index_t> voids;
    std::string refused; /* why members were passed over, for a person */

    void refuse(const vote &v, std::string_view why) {
        auto text = fmt::format("{}: {}", who(in, v.member).name, why);
        if (refused.find(text) == std::string::npos) {
            refused += (refused.empty() ? "" : "; ") + text;
        }
    }

    std::optional<position> match(const agree &a) const { return match_point(a.log, reach.log, s); }
    /* V6: its log is cut to this record, or begins anew at its disk's; what follows is sent. */
    index_t kept(const agree &a) const {
        return std::max(a.lb, match(a).value_or(position()).index);
    }

    /*
     * The VIEW record is chained to record s. A member whose log begins after that one, for
     * its disk has all up to there, or because it had no log, is told the checksum.
     */
    bool chained(const vote &v) {
        const agree &a = v.what;
        const auto own = view_at(a.log, s), chosen = view_at(reach.log, s);
        const bool begins = who(in, v.member).is_data() ? a.lb >= s : reach.log.base > s;
        if (!s || !begins || own == chosen) {
            return true;
        }
        if (own.value_or(view_t())) {
            refuse(v, fmt::format("its record {} is of another view", s.value()));
            return false;
        }
        if (donor.what.top_crc == 0) {
            refuse(v, "lost its log, and nobody tells what it is to go on from");
            return false;
        }
        return true;
    }

    /* Finding 19, suspects = "stop": what one has died of the other does not try. */
    bool may_try(const vote &v) {
        for (const auto &other : in.votes) {
            const agree &o = other.what;
            if (o.stop && o.poisoned && o.suspects && v.what.ap < o.suspects->last &&
                !absolved(o, voids)) {
                refuse(v, fmt::format("would apply what {} may have died of",
                                      who(in, other.member).name));
                return false;
            }
        }
        return true;
    }

    bool eligible(const vote &v, bool as_primary) {
        const agree &a = v.what;
        if (!who(in, v.member).is_data()) {
            return false;
        }
        if (a.needs_copy) {
            refuse(v, "needs a copy of the files");
            return false;
        }
        if (as_primary && a.poisoned && !absolved(a, voids)) {
            refuse(v, "died of a record it was applying");
            return false;
        }
        if (as_primary && !may_try(v)) {
            return false;
        }
        if (reach.log.base > a.lb + 1) {
            refuse(v, "the logs at hand do not reach back to its disk; needs a copy");
            return false;
        }
        if (a.ap > s) {
            refuse(v, "has applied records the chosen log lacks");
            return false;
        }
        if (!chained(v)) {
            return false;
        }
        uint64_t lag = s - std::min(kept(a), std::max(a.ap, a.lb));
        if ((as_primary ? how.primary_lag : how.backup_lag) && lag > in.lag_limit) {
            refuse(v, fmt::format("{} records behind", lag));
            return false;
        }
        return true;
    }

    /*
     * One that stood in when F was formed has the whole log, but for the tail that was
     * never acknowledged: it goes on while there is room for the VIEW record and a message.
     */
    bool has_room(const vote &witness) const {
        const bool stands_in = whole(in, witness.what) &&
                               formed_of(in, witness.what) == formed_of(in, donor.what);
        return witness.what.free_bytes >=
               (stands_in ? std::min(in.space_min, standing_in_min) : in.space_min);
    }

    std::optional<slot_t> pick_primary() {
        for (slot_t slot : primary_order(in, how.first)) {
            const vote *v = vote_of(in, slot);
            if (v && eligible(*v, true)) {
                return slot;
            }
        }
        return std::nullopt;
    }

    std::optional<slot_t> pick_backup(slot_t primary) {
        const vote *data = nullptr;
        const vote *witness = nullptr;
        for (const auto &v : in.votes) {
            if (v.member != primary) {
                (who(in, v.member).is_data() ? data : witness) = &v;
            }
        }
        bool witness_fits = witness && !how.both_data && has_room(*witness) && chained(*witness);
        bool data_fits = data && eligible(*data, false);
        if (data_fits) {
            if (auto why = ring_too_small(in, *data, primary); !why.empty()) {
                refuse(*data, why);
                data_fits = false;
            }
        }
        if (data_fits && !(witness_fits && in.avoid_backup == data->member)) {
            return data->member;
        }
        if (witness && !how.both_data && !witness_fits) {
            refuse(*witness, "has no room for a log");
        }
        return witness_fits ? std::optional(witness->member) : std::nullopt;
    }
};

start make_start(const decide_input &in, const choice &c, slot_t primary, slot_t backup) {
    start out;
    out.record.view = in.view;
    out.record.epoch = in.epoch;
    out.record.lineage = in.lineage;
    out.record.primary = {primary, vote_of(in, primary)->inc};
    out.record.backup = {backup, vote_of(in, backup)->inc};
    out.record.promise = in.promise;
    out.record.s = c.s;
    out.record.voids = c.voids;
    out.record.view_of_s = view_at(c.reach.log, c.s).value_or(view_t());
    out.crc_of_s = c.donor.what.top_crc;
    out.donor = c.donor.member;
    out.reach = c.reach.log;
    out.sources = c.reach.sources;
    return out;
}

/*
 * First formation: nobody was ever in a view. Only {P, B} may be first, with empty
 * logs: then every later pair of members contains one that knows of a view, and a
 * state file gone back to its beginning can never found the group a second time.
 */
result<start> decide_first(const decide_input &in) {
    const vote *donor = nullptr;
    for (slot_t slot : primary_order(in, in.prefer)) {
        const vote *v = vote_of(in, slot);
        if (!v) {
            return fail(EAGAIN,
                        fmt::format("the group's first view needs {} as well", who(in, slot).name));
        }
        if (!v->what.log.empty() || v->what.log.base != index_t(1) || v->what.lb || v->what.ap ||
            v->what.needs_copy) {
            return fail(EPROTO, fmt::format("{} was never in a view and yet is not empty",
                                            who(in, slot).name));
        }
        donor = donor ? donor : v;
    }
    choice c{in, *donor, {donor->what.log, {}}, index_t(), {}, {}, {}};
    auto order = primary_order(in, in.prefer);
    if (auto why = ring_too_small(in, *vote_of(in, order[1]), order[0]); !why.empty()) {
        return fail(EINVAL, fmt::format("{}: {}", who(in, order[1]).name, why));
    }
    return make_start(in, c, order[0], order[1]);
}

} // namespace

result<start> decide(const decide_input &in, std::string *passed_over) {
    if (in.votes.size() < 2) {
        return fail(EAGAIN, "only one member agrees");
    }
    if (std::all_of(in.votes.begin(), in.votes.end(),
                    [](const vote &v) { return never_formed(v.what); })) {
        return decide_first(in);
    }
    view_t formed = choose_formed(in);
    const vote *donor = choose_donor(in, formed);
    if (!donor) {
        return fail(ENODATA,
                    fmt::format("the whole log of view {} is not at hand: it was {} that held it",
                                formed.value(), names_of_formed(in, formed)));
    }
    std::vector<candidate_log> others;
    for (const auto &v : in.votes) {
        if (v.member != donor->member) {
            others.push_back({v.member, &v.what.log});
        }
    }
    choice c{in,
             *donor,
             extend_reach({donor->member, &donor->what.log}, others),
             donor->what.log.top,
             {},
             {},
             {}};
    std::string kept;
    c.voids = voids_of(in, c.s, kept);
    for (const attempt &how : attempts_of(in)) {
        c.how = how;
        if (!in.prefer) {
            c.refused.clear(); /* who lags is not passed over where lag does not matter */
        }
        auto primary = c.pick_primary();
        auto backup = primary ? c.pick_backup(*primary) : std::nullopt;
        if (primary && backup) {
            if (passed_over) {
                *passed_over = c.refused + (c.refused.empty() || kept.empty() ? "" : "; ") + kept;
            }
            return make_start(in, c, *primary, *backup);
        }
    }
    return fail(EHOSTUNREACH, c.refused.empty() ? "no two members can make a view" : c.refused);
}

} // namespace harp::vsr
