/* SPDX-License-Identifier: GPL-2.0 */
#include "cluster/catch_up.hh"

#include "util/fault.hh"
#include "util/log.hh"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>
#include <sys/socket.h>

namespace harp::cluster {

using namespace vsr;
using namespace std::chrono_literals;

/* After a failure; a member that is not in the view yet, or not heard, is soon. */
static constexpr duration_t try_again = 300ms;
/* A tenth of a second apart; then another view, without that source, is worth more. */
static constexpr unsigned fetches_max = 15;

catch_up::catch_up(catch_up_env env)
    : env_(std::move(env)), again_(env_.events->timer([this] { begin(); })) {}

catch_up::~catch_up() {
    stop();
}

void catch_up::stop() {
    const auto *f = std::get_if<following>(&purpose_);
    if (f != nullptr && f->after) {
        log_event("fed", env_.name,
                  {{"view", fmt::to_string(f->wanted.view.value())},
                   {"after", fmt::to_string(f->after->value())},
                   {"records", fmt::to_string(std::max(top_, *f->after) - *f->after)}});
    }
    ++round_;
    purpose_ = std::monostate();
    feeder_.reset();
    trouble_.clear();
    needs_copy_ = false;
}

void catch_up::follow(std::optional<feed_wanted> wanted) {
    if (!wanted) {
        if (std::get_if<following>(&purpose_) != nullptr) {
            stop();
        }
        return;
    }
    stop();
    cp_ = ap_ = index_t();
    purpose_ = following{*wanted, {}};
    begin();
}

void catch_up::fill(const start &what, index_t match, filled done) {
    stop();
    const view_record &r = what.record;
    /* Whose words they are said to be: of the other member of the view. */
    const member_life other = r.primary.slot == env_.self ? r.backup : r.primary;
    /* To be stored, no more: what of it is committed the view will say. */
    cp_ = ap_ = index_t();
    purpose_ = filling{what, std::move(done)};
    attach({other.slot, other.inc, r.view, match, r.s});
}

void catch_up::look(const object_report &own) {
    own_ = own;
}

void catch_up::told(view_t view, index_t cp, index_t ap) {
    const auto *f = std::get_if<following>(&purpose_);
    if (f == nullptr || f->wanted.view != view) {
        return;
    }
    cp_ = std::max(cp_, cp);
    ap_ = std::max(ap_, std::min(ap, cp_));
    if (feeder_) {
        feeder_->tell(upto(), cp_, ap_);
    }
}

index_t catch_up::upto() const {
    const auto *fill = std::get_if<filling>(&purpose_);
    return fill != nullptr ? fill->what.record.s : cp_;
}

/* ---- follow ---- */

void catch_up::begin(duration_t later) {
    ++round_;
    feeder_.reset();
    if (later != duration_t()) {
        again_.set_time(boottime_now() + later);
    } else if (std::get_if<following>(&purpose_) != nullptr) {
        ask_outline();
    }
}

void catch_up::ask_outline() {
    env_.outline(std::get<following>(purpose_).wanted.from,
                 [this, round = round_](result<log_outline> r) {
                     if (!is(round)) {
                         return;
                     }
                     r ? join(*r) : failed(r.error().text);
                 });
}

void catch_up::join(const log_outline &theirs) {
    const feed_wanted wanted = std::get<following>(purpose_).wanted;
    if (theirs.view != wanted.view) {
        failed(fmt::format("the member asked is in view {}", theirs.view.value()));
        return;
    }
    told(theirs.view, std::min(theirs.cp, theirs.log.top), theirs.ap);
    needs_copy_ = false;
    /*
     * The first CP the kernel is told is as far as it redoes (I4). An earlier life of this
     * member applied nothing above the s of a later view, but a CP may be from before that.
     */
    for (const auto &s : theirs.log.starts) {
        if (s.view == wanted.view && cp_ < s.first) {
            failed(fmt::format("nothing of view {} is known to be committed yet",
                               wanted.view.value()));
            return;
        }
    }
    const auto match = continue_point(own_.log, own_.lb, theirs.log,
                                      std::min(theirs.cp, theirs.log.top));
    if (!match) {
        needs_copy_ = true;
        failed(fmt::format("the log of view {} begins at record {}, and this disk ends at {}: "
                           "it needs a copy",
                           wanted.view.value(), theirs.log.base.value(), own_.lb.value()));
        return;
    }
    attach({wanted.from, theirs.inc, wanted.view, match->index, std::nullopt});
}

/* ---- both ---- */

void catch_up::attach(const knl::feed_args &args) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        failed(fmt::format("socketpair: {}", strerror(errno)));
        return;
    }
    auto mine = std::make_shared<unique_fd>(ends[0]);
    env_.replica->feed(args, unique_fd(ends[1]), [this, round = round_, args, mine](auto r) {
        if (!is(round)) {
            return;
        }
        r ? feed(args, std::move(*mine)) : failed(r.error().text);
    });
}

void catch_up::feed(const knl::feed_args &args, unique_fd end) {
    trouble_.clear();
    top_ = polled_ = index_t();
    fetches_failed_ = 0;
    fault_point(fault::feeding);
    if (auto *f = std::get_if<following>(&purpose_); f != nullptr && !f->after) {
        f->after = args.match;
    }
    feeder::hooks h;
    h.fetch = [this](index_t first, index_t last, auto done) {
        fetch(first, last, std::move(done));
    };
    h.progress = [this](index_t top) { progress(top); };
    h.ended = [this, round = round_](const std::string &why) {
        if (is(round)) {
            failed(why);
        }
    };
    feeder_ = std::make_unique<feeder>(*env_.events,
                                       feed_identity{env_.group, env_.lineage, env_.epoch,
                                                     args.peer, args.peer_inc, args.view},
                                       std::move(end), std::move(h));
    feeder_->tell(upto(), cp_, ap_);
}

/* Whoever follows can wait for its source; a view that is to be entered cannot. */
void catch_up::fetch(index_t first, index_t last, std::function<void(result<unique_fd>)> done) {
    const auto *fill = std::get_if<filling>(&purpose_);
    log_source from{slot_t(), first, last};
    if (const auto *f = std::get_if<following>(&purpose_)) {
        from.member = f->wanted.from;
    } else if (fill != nullptr) {
        const auto &all = fill->what.sources;
        const auto it = std::find_if(all.begin(), all.end(), [&](const log_source &s) {
            return s.first <= first && first <= s.last && s.member != env_.self;
        });
        if (it == all.end()) {
            failed(fmt::format("nobody has record {}", first.value()));
            return;
        }
        from.member = it->member;
        from.last = std::min(last, it->last);
    }
    env_.fetch(from, [this, round = round_, done = std::move(done)](result<unique_fd> r) {
        if (!is(round)) {
            return;
        }
        fetches_failed_ = r ? 0 : fetches_failed_ + 1;
        if (fetches_failed_ > fetches_max && std::holds_alternative<filling>(purpose_)) {
            failed("records are not to be had: " + r.error().text);
        } else {
            done(std::move(r));
        }
    });
}

void catch_up::progress(index_t top) {
    top_ = top;
    if (top < upto() || top == polled_) {
        return;
    }
    polled_ = top;
    if (auto *f = std::get_if<filling>(&purpose_)) {
        auto done = std::move(f->done);
        stop();
        done({});
        return;
    }
    env_.replica->poll(); /* the core tells the primary, who may be waiting for just this */
}

void catch_up::failed(const std::string &why) {
    if (auto *f = std::get_if<filling>(&purpose_)) {
        auto done = std::move(f->done);
        stop();
        done(fail(fetches_failed_ > fetches_max ? EHOSTUNREACH : EAGAIN, why));
        return;
    }
    if (why != trouble_) {
        log_warning("{}: coming back: {}", env_.name, why);
        trouble_ = why;
    }
    begin(try_again);
}

} // namespace harp::cluster
