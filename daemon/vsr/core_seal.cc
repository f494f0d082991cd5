/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Loss of power with warning (P1, finding 20). The object is fenced, so that its log stays what
 * it is; the log is written to the disk; then the state file says that it counts, and for which
 * view. That fence is left behind by the next view like any other one. A seal is cleared on the
 * disk before anything happens to the log: when the power is back after all, before START is
 * adopted (core_view.cc), and before the member is fed (core_return.cc).
 */
#include "vsr/core_impl.hh"

#include <fmt/format.h>

#include <algorithm>

namespace harp::vsr {

void core::impl::on_power(const power_news &news) {
    if (in<phase::failed>() || news.goes == !power_why_.empty()) {
        return;
    }
    if (!news.goes) {
        power_is_back();
        return;
    }
    power_why_ = news.why.empty() ? "the power goes" : news.why;
    if (!in<phase::starting>()) {
        begin_sealing();
    }
}

void core::impl::begin_sealing() {
    if (switchover_) {
        switchover_->leaves = false;
        end_switchover(fail(ECANCELED, power_why_));
    }
    phase::sealing s;
    s.why = power_why_;
    const auto *again = std::get_if<phase::sealing>(&phase_);
    s.leaves = in<phase::leaving>() || (again != nullptr && again->leaves);
    note_line(note::level::warning, power_why_ + ": seals its log");
    fence_.reset();
    set_phase(std::move(s));
    const view_t highest = std::max({disk_.agreed, disk_.formed, seen_, report_.fence});
    ask(cmd_seal{highest + 1});
    set_link(std::nullopt);
    give_up_service(power_why_);
    beat();
}

void core::impl::seal_failed(std::string why) {
    auto &s = as<phase::sealing>();
    note_line(note::level::error, fmt::format("{}, and its log is not sealed: {}", s.why, why));
    s.failure = std::move(why);
    s.at = phase::sealing::step::done;
    out_.status_changed = true;
}

void core::impl::object_sealed(const command_done &done) {
    if (!in<phase::sealing>() || as<phase::sealing>().at != phase::sealing::step::object) {
        return;
    }
    if (!done.ok) {
        seal_failed(done.text);
        return;
    }
    seen_ = std::max(seen_, report_.fence);
    if (report_.formed > disk_.formed && report_.view_of_formed) {
        disk_.formed = report_.formed; /* as at a start (S1): V6 had come so far */
        disk_.view = report_.view_of_formed;
        dirty_ = true;
    }
    if (!report_.intact || report_.formed != disk_.formed) {
        seal_failed("it is not whole");
        return;
    }
    /* What was fetched or fed from later views is no part of it: a walk ends before that. */
    log_summary log = report_.log;
    for (const auto &start : report_.log.starts) {
        if (start.view > report_.formed) {
            log = cut_summary(log, start.first - 1);
            break;
        }
    }
    auto &s = as<phase::sealing>();
    const uint32_t crc = log.top == report_.log.top ? report_.top_crc : 0;
    s.what = {{}, disk_.formed, std::move(log), crc};
    if (durable_.seal == seal_note{s.what.formed, s.what.log.top} && disk_.seal == durable_.seal &&
        durable_.formed == disk_.formed) {
        s.at = phase::sealing::step::done; /* of an earlier warning, and nothing has happened */
        out_.status_changed = true;
        return;
    }
    s.at = phase::sealing::step::old;
    if (disk_.seal) {
        disk_.seal.reset();
        dirty_ = true;
    }
    if (!durable_.seal) {
        write_log();
    }
}

/* Nothing that is on the disk is named by the state file any more: it may be written over. */
void core::impl::write_log() {
    auto &s = as<phase::sealing>();
    s.at = phase::sealing::step::log;
    s.what.token = token_t(++last_token_);
    out_.seal = s.what;
}

/* fence, file, disk: as with formed, what the state file names is there. */
void core::impl::on_sealed(const seal_done &done) {
    if (!in<phase::sealing>() || as<phase::sealing>().at != phase::sealing::step::log ||
        as<phase::sealing>().what.token != done.token) {
        ++counts_.stale_token;
        return;
    }
    if (!done.what) {
        seal_failed(done.what.error().text);
        return;
    }
    auto &s = as<phase::sealing>();
    s.at = phase::sealing::step::disk;
    disk_.seal = seal_note{s.what.formed, s.what.log.top};
    dirty_ = true;
}

void core::impl::seal_written() {
    if (!in<phase::sealing>()) {
        return;
    }
    auto &s = as<phase::sealing>();
    if (s.at == phase::sealing::step::old && !durable_.seal) {
        write_log();
    } else if (s.at == phase::sealing::step::disk && durable_.seal && durable_.seal == disk_.seal) {
        s.at = phase::sealing::step::done;
        out_.status_changed = true;
        note_line(note::level::warning,
                  fmt::format("its log of view {} is sealed to record {}",
                              durable_.seal->formed.value(), durable_.seal->top.value()));
    } else if (s.at == phase::sealing::step::clear &&
               (!durable_.seal || cfg_.broken == broken_rule::seal_not_cleared)) {
        next_try_ = now_ + own_wait();
        const bool leaves = s.leaves;
        if (leaves) {
            set_phase(phase::leaving{});
        } else {
            set_phase(phase::outside{});
        }
        beat();
    }
}

/* It goes on as one that is out of its view: in another one, or where it is asked for its log. */
void core::impl::power_is_back() {
    power_why_.clear();
    if (!in<phase::sealing>()) {
        return; /* it had not begun */
    }
    note_line(note::level::info, "the power stays: its log is not sealed any more");
    auto &s = as<phase::sealing>();
    command_.reset();
    s.at = phase::sealing::step::clear;
    if (cfg_.broken != broken_rule::seal_not_cleared) {
        disk_.seal.reset();
    }
    dirty_ = true;
    out_.status_changed = true;
}

std::string core::impl::seal_headline() const {
    using step = phase::sealing::step;
    const auto &s = as<phase::sealing>();
    if (s.at == step::clear) {
        return "its power is back: takes the seal from its log";
    }
    if (s.at != step::done) {
        return fmt::format("{}: writes its log to the disk", s.why);
    }
    return s.failure.empty() ? fmt::format("sealed: waits for the power to go ({})", s.why)
                             : fmt::format("{}, and its log is not sealed: {}", s.why, s.failure);
}

} // namespace harp::vsr
