/* SPDX-License-Identifier: GPL-2.0 */
#include "cluster/feeder.hh"

#include "cluster/records.hh"
#include "codec.h"
#include "linux/harp_wire.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>

namespace harp::cluster {

using namespace vsr;
using namespace std::chrono_literals;

/* What is told arrives within this also when there is nothing to send. */
static constexpr duration_t beat_interval = 500ms;
static constexpr duration_t fetch_again = 100ms;
/*
 * Of a source's machine that died nothing is heard, for nothing is sent to it. Who serves a
 * FETCH gives up as late.
 */
static constexpr duration_t source_patience = 5s;
/* A portion: the largest message, and the largest record that has come in part. */
static constexpr size_t portion = HARP_WIRE_BATCH_MAX + HARP_REC_MAX;

feeder::feeder(loop &l, feed_identity id, unique_fd kernel, hooks h)
    : loop_(l), id_(id), hooks_(std::move(h)), alive_(std::make_shared<bool>(true)),
      kernel_(std::move(kernel)), buf_(portion / sizeof(uint64_t)) {
    kernel_source_ = loop_.watch(kernel_.get(), EPOLLIN, [this](uint32_t events) {
        if ((events & EPOLLOUT) != 0) {
            flush();
            pass_on();
            if (news_) {
                beat();
            }
        }
        if ((events & ~static_cast<uint32_t>(EPOLLOUT)) != 0) {
            hear_kernel();
        }
    });
    silence_ = loop_.timer([this] { out_.empty() ? source_ended("") : pause_source(); });
    again_ = loop_.timer([this] { fetch_more(); });
    beat_ = loop_.timer([this] { beat(); });
}

feeder::~feeder() {
    *alive_ = false;
    shutdown(kernel_.get(), SHUT_RDWR);
}

/* The caller may destroy this one when it is told: not from within its own functions. */
void feeder::finish(const std::string &why) {
    if (over_) {
        return;
    }
    over_ = true;
    kernel_source_.reset();
    pause_source();
    source_.reset(); /* whoever serves it does so for others, too */
    again_.set_time(time_point_t::max());
    beat_.set_time(time_point_t::max());
    loop_.post([this, alive = alive_, why] {
        if (*alive) {
            hooks_.ended(why);
        }
    });
}

void feeder::tell(index_t upto, index_t cp, index_t ap) {
    const bool news = upto > upto_ || cp > cp_ || ap > ap_;
    upto_ = std::max(upto_, upto);
    cp_ = std::max(cp_, cp);
    ap_ = std::max(ap_, ap);
    news_ = news_ || news;
    if (news && greeted_ && !over_) {
        beat();
        fetch_more();
    }
}

/* ---- from the kernel ---- */

void feeder::hear_kernel() {
    uint8_t buf[4096];
    for (;;) {
        const ssize_t n = recv(kernel_.get(), buf, sizeof(buf), MSG_DONTWAIT);
        if (n > 0) {
            in_.insert(in_.end(), buf, buf + n);
            continue;
        }
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            break;
        }
        finish(n == 0 ? "the kernel takes no more"
                      : fmt::format("the kernel: {}", strerror(errno)));
        return;
    }
    while (!over_ && take_message()) {}
}

/* False: no whole one is here. */
bool feeder::take_message() {
    harp_wire_hdr h{};
    const char *why = "";
    if (in_.size() < sizeof(h)) {
        return false;
    }
    memcpy(&h, in_.data(), sizeof(h));
    if (harp_wire_check_header(&h, &why) != 0) {
        finish(fmt::format("the kernel sends no message: {}", why));
        return false;
    }
    const size_t len = le32_to_cpu(h.len);
    if (len > 256 || len != harp_wire_body_size(h.type)) {
        finish("the kernel sends a message of a wrong length");
        return false;
    }
    if (in_.size() < sizeof(h) + len) {
        return false;
    }
    alignas(8) uint8_t body[256];
    memcpy(body, in_.data() + sizeof(h), len);
    in_.erase(in_.begin(), in_.begin() + static_cast<ptrdiff_t>(sizeof(h) + len));
    if (harp_wire_check_body(&h, body, &why) != 0) {
        finish(fmt::format("the kernel sends a message that does not check: {}", why));
    } else if (const char *other = check_identity(h)) {
        finish(fmt::format("the kernel sends a message of another {}", other));
    } else if (h.type == HARP_WIRE_HELLO) {
        take_hello(body);
    } else if (h.type == HARP_WIRE_ACK && greeted_) {
        take_ack(body);
    } else {
        finish("the kernel sends what only a primary does");
    }
    return true;
}

/* Not who it is: that is harpd's to say, and FEED's to have checked. */
const char *feeder::check_identity(const harp_wire_hdr &h) const {
    if (memcmp(h.group, id_.group.data(), id_.group.size()) != 0) {
        return "group";
    }
    if (le64_to_cpu(h.lineage) != id_.lineage.value()) {
        return "lineage";
    }
    if (le32_to_cpu(h.epoch) != id_.epoch.value()) {
        return "epoch";
    }
    return le64_to_cpu(h.view) == id_.view.value() ? nullptr : "view";
}

void feeder::take_ack(const uint8_t *body) {
    harp_wire_ack a{};
    memcpy(&a, body, sizeof(a));
    const index_t top(le64_to_cpu(a.n));
    if (top > top_) {
        finish(fmt::format("the kernel acknowledges record {}, which it was not sent",
                           top.value()));
        return;
    }
    loop_.post([this, alive = alive_, top] {
        if (*alive && !over_ && top > told_top_) {
            told_top_ = top;
            hooks_.progress(top);
        }
    });
}

void feeder::take_hello(const uint8_t *body) {
    harp_wire_hello hello{};
    memcpy(&hello, body, sizeof(hello));
    if (greeted_) {
        finish("the kernel greets twice");
        return;
    }
    greeted_ = true;
    top_ = index_t(le64_to_cpu(hello.top));
    view_of_top_ = view_t(le64_to_cpu(hello.view_of_top));
    crc_of_top_ = le32_to_cpu(hello.crc_of_top);
    beat();
    fetch_more();
}

/* ---- to the kernel ---- */

void feeder::queue(uint32_t nrec, const uint8_t *records, size_t len) {
    struct {
        harp_wire_hdr h;
        harp_wire_rec r;
    } m{};
    static_assert(sizeof(m) == sizeof(m.h) + sizeof(m.r));
    m.h.type = HARP_WIRE_REC;
    memcpy(m.h.group, id_.group.data(), id_.group.size());
    m.h.lineage = cpu_to_le64(id_.lineage.value());
    m.h.epoch = cpu_to_le32(id_.epoch.value());
    m.h.inc = cpu_to_le64(id_.peer_inc.value());
    m.h.view = cpu_to_le64(id_.view.value());
    m.h.sender = id_.peer.value();
    m.r.prev_index = cpu_to_le64(top_.value());
    m.r.prev_view = cpu_to_le64(view_of_top_.value());
    m.r.cp = cpu_to_le64(cp_.value());
    m.r.ap = cpu_to_le64(ap_.value());
    m.r.t = cpu_to_le64(static_cast<uint64_t>(boottime_now().time_since_epoch().count()));
    m.r.nrec = cpu_to_le32(nrec);
    m.r.flags = cpu_to_le32(HARP_REC_F_FEED);
    harp_wire_seal(&m.h, &m.r, static_cast<uint32_t>(len));
    const auto *raw = reinterpret_cast<const uint8_t *>(&m);
    out_.insert(out_.end(), raw, raw + sizeof(m));
    out_.insert(out_.end(), records, records + len);
    news_ = false;
}

/* While something is on its way, what is told goes with the next message. */
void feeder::beat() {
    if (!over_ && greeted_ && out_.empty()) {
        queue(0, nullptr, 0);
        flush();
    }
    if (!over_) {
        beat_.set_time(boottime_now() + beat_interval);
    }
}

void feeder::flush() {
    while (sent_ < out_.size()) {
        const ssize_t n = send(kernel_.get(), out_.data() + sent_, out_.size() - sent_,
                               MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno == EAGAIN) {
            kernel_source_.set_events(EPOLLIN | EPOLLOUT);
            return;
        }
        if (n <= 0) {
            finish("the kernel takes no more");
            return;
        }
        sent_ += static_cast<size_t>(n);
    }
    out_.clear();
    sent_ = 0;
    kernel_source_.set_events(EPOLLIN);
    if (source_ && !source_source_) {
        listen_to_source(); /* there is room again */
    }
}

/* ---- from who has the records ---- */

void feeder::ask_again() {
    again_.set_time(boottime_now() + fetch_again);
}

void feeder::fetch_more() {
    if (over_ || !greeted_ || fetching_ || top_ >= upto_) {
        return;
    }
    fetching_ = true;
    source_last_ = upto_;
    loop_.post([this, alive = alive_, first = top_ + 1, last = upto_] {
        if (*alive && !over_) {
            hooks_.fetch(first, last, [this, alive](result<unique_fd> r) {
                if (*alive && !over_) {
                    fetched(std::move(r));
                }
            });
        }
    });
}

void feeder::fetched(result<unique_fd> r) {
    if (!r) {
        fetching_ = false;
        ask_again();
        return;
    }
    source_ = std::move(*r);
    have_ = 0;
    listen_to_source();
}

void feeder::listen_to_source() {
    source_source_ = loop_.watch(source_.get(), EPOLLIN, [this](uint32_t) { hear_source(); });
    silence_.set_time(boottime_now() + source_patience);
}

/* Not watched at all: that it hung up would be told again and again. flush() goes on. */
void feeder::pause_source() {
    source_source_.reset();
    silence_.set_time(time_point_t::max());
}

void feeder::source_ended(const std::string &why) {
    pause_source();
    source_.reset();
    fetching_ = false;
    if (!why.empty()) {
        finish(why);
    } else if (top_ < source_last_) {
        ask_again(); /* it gave less than it was asked for */
    } else {
        fetch_more();
    }
}

void feeder::hear_source() {
    if (!out_.empty()) {
        pause_source();
        return;
    }
    auto *raw = reinterpret_cast<uint8_t *>(buf_.data());
    const ssize_t n = recv(source_.get(), raw + have_, buf_.size() * sizeof(uint64_t) - have_,
                           MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n <= 0) {
        source_ended("");
        return;
    }
    have_ += static_cast<size_t>(n);
    silence_.set_time(boottime_now() + source_patience);
    pass_on();
}

/* False: there is none yet, or no more. */
bool feeder::pass_message() {
    auto *raw = reinterpret_cast<uint8_t *>(buf_.data());
    const auto whole = whole_records({raw, have_}, upto_ - top_, HARP_WIRE_BATCH_MAX);
    if (!whole) {
        source_ended(fmt::format("record {}: {}", top_.value() + 1, whole.error().text));
        return false;
    }
    if (*whole == 0) {
        return false;
    }
    const auto run = check_records({raw, *whole}, top_, crc_of_top_, crc_of_top_ != 0, id_.lineage);
    if (!run) {
        source_ended(run.error().text);
        return false;
    }
    queue(static_cast<uint32_t>(run->ends.size()), raw, *whole);
    top_ = run->last;
    view_of_top_ = run->starts.back().view;
    crc_of_top_ = run->crc;
    have_ -= *whole;
    memmove(raw, raw + *whole, have_);
    flush();
    return !over_;
}

void feeder::pass_on() {
    while (!over_ && source_ && out_.empty()) {
        if (top_ >= source_last_) {
            source_ended("");
        } else if (!pass_message()) {
            return;
        }
    }
}

} // namespace harp::cluster
