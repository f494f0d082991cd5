/* SPDX-License-Identifier: GPL-2.0 */
/* What goes over record ports: links of the kernels, records, outlines and copies. */
#include "member.hh"

#include "cluster/records.hh"
#include "util/json.hh"
#include "util/log.hh"

#include <fmt/format.h>
#include <sys/socket.h>

namespace harp {

using namespace vsr;
using namespace std::chrono_literals;

namespace {

constexpr duration_t link_retry_after = 100ms;
constexpr duration_t link_dial_limit = 2s;
constexpr duration_t fetch_dial_limit = 3s;
/* Bytes a second: clients' own work on this disk and these networks goes first. */
constexpr uint64_t copy_rate = 32u << 20;

} // namespace

cluster::greeting group_member::greet(cluster::greeting_kind kind) const {
    cluster::greeting g;
    g.kind = kind;
    g.sender = self_;
    g.group = disk_.group;
    g.lineage = disk_.lineage;
    g.epoch = disk_.epoch;
    g.inc = core_->disk().inc;
    return g;
}

void group_member::set_link(const std::optional<link_wanted> &wanted) {
    const bool found = std::exchange(link_found_, false);
    if (link_ == wanted && !found) {
        return;
    }
    dialler_.reset();
    link_ = wanted;
    link_given_ = found && wanted;
    if (!wanted) {
        backend_.replica->drop_link();
        return;
    }
    dial_link();
}

void group_member::dial_link() {
    if (!link_ || !link_->connects || link_given_ || dialler_) {
        return;
    }
    auto hello = greet(cluster::greeting_kind::link);
    hello.view = link_->view;
    dialler_ = std::make_unique<cluster::dialler>(
            *env_.events, routes(link_->peer), hello, "", link_dial_limit,
            [this, which = *link_](result<cluster::dialler::granted> r) {
                dialler_.reset();
                if (!link_ || *link_ != which) {
                    return;
                }
                if (r) {
                    cluster::tune_stream(r->socket.get());
                    link_given_ = true;
                    backend_.replica->give_link(std::move(r->socket), which);
                    return;
                }
                log_debug("{}: link to {}: {}", group_.name, peer_name(which.peer), r.error().text);
                link_timer_.set_time(boottime_now() + link_retry_after);
            });
}

void group_member::on_caller(cluster::caller who) {
    size_t network = 0;
    if (who.hello.sender == self_ || !is_peer_address(who.hello.sender, who.from, &network)) {
        foreign_++;
        cluster::reply(who.socket, {EACCES, "not the address of that member"});
        return;
    }
    if (who.hello.lineage != disk_.lineage || who.hello.epoch != disk_.epoch ||
        who.hello.inc < core_->disk().peer_inc[who.hello.sender.value()]) {
        cluster::reply(who.socket, {ESTALE, "another lineage, epoch or an earlier incarnation"});
        return;
    }
    if (who.hello.kind == cluster::greeting_kind::fetch) {
        serve_fetch(std::move(who));
    } else if (who.hello.kind == cluster::greeting_kind::copy) {
        serve_copy(std::move(who));
    } else if (who.hello.kind == cluster::greeting_kind::outline) {
        tell_outline(who);
    } else {
        accept_link(std::move(who));
    }
}

void group_member::accept_link(cluster::caller who) {
    bool wanted = link_ && !link_->connects && link_->peer == who.hello.sender &&
                  link_->view == who.hello.view;
    if (!wanted) {
        cluster::reply(who.socket, {EAGAIN, "no link of that view is wanted here now"});
        return;
    }
    if (!cluster::reply(who.socket, {})) {
        return;
    }
    cluster::tune_stream(who.socket.get());
    link_given_ = true;
    backend_.replica->give_link(std::move(who.socket), *link_);
}

void group_member::serve_fetch(cluster::caller who) {
    if (!backend_.read_log || fetch_worker_->pending() > 2) {
        cluster::reply(who.socket, {EAGAIN, "no records to give now"});
        return;
    }
    if (!cluster::reply(who.socket, {})) {
        return;
    }
    cluster::tune_stream(who.socket.get());
    auto caller = std::make_shared<cluster::caller>(std::move(who));
    fetch_worker_->run([read = backend_.read_log, caller, name = group_.name] {
        timeval limit{5, 0};
        setsockopt(caller->socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
        index_t at = caller->hello.first;
        while (at <= caller->hello.last) {
            auto bytes = read(at, caller->hello.last);
            if (!bytes || bytes->empty()) {
                log_warning("{}: FETCH from {}: {}", name, at.value(),
                            bytes ? "no record" : bytes.error().text);
                return;
            }
            size_t sent = 0;
            while (sent < bytes->size()) {
                ssize_t n = ::send(caller->socket.get(), bytes->data() + sent, bytes->size() - sent,
                                   MSG_NOSIGNAL);
                if (n <= 0) {
                    return;
                }
                sent += static_cast<size_t>(n);
            }
            at = at + cluster::count_records(*bytes);
        }
    });
}

/* C2. What is applied here now is in each piece; who takes them needs the log from there on. */
void group_member::serve_copy(cluster::caller who) {
    const auto at = cluster::decode_copy_cursor(who.body);
    if (!at) {
        cluster::reply(who.socket, {EBADMSG, at.error().text});
        return;
    }
    if (!backend_.read_copy || !last_marks_ || !serving()) {
        cluster::reply(who.socket, {EAGAIN, "only the member that serves gives a copy"});
        return;
    }
    if (copy_->busy()) {
        cluster::reply(who.socket, {EBUSY, "a copy is being given"});
        return;
    }
    const index_t from = last_marks_->report.ap;
    if (!cluster::reply(who.socket, {0, json{{"from", from.value()}}.dump()})) {
        return;
    }
    cluster::tune_stream(who.socket.get());
    const std::string to = peer_name(who.hello.sender);
    log_info("{}: {} is given a copy of the files, from record {} on", group_.name, to,
             from.value());
    copy_->begin(
            std::move(who.socket),
            [read = backend_.read_copy, at = *at](int fd) {
                return cluster::send_copy(fd, at, copy_rate, read);
            },
            [this, to](const result<void> &r) {
                if (r) {
                    log_info("{}: {} has been given a copy of the files", group_.name, to);
                } else {
                    log_warning("{}: the copy for {} has broken off: {}", group_.name, to,
                                r.error().text);
                }
            });
}

void group_member::tell_outline(const cluster::caller &who) {
    if (!last_marks_) {
        cluster::reply(who.socket, {EAGAIN, "the log is not known yet"});
        return;
    }
    const object_report &r = last_marks_->report;
    cluster::reply(who.socket, {0, cluster::encode(cluster::log_outline{core_->disk().inc, r.view,
                                                                        tidy(r.log), r.cp, r.ap})});
}

void group_member::dial_fetch(const log_source &source,
                              std::function<void(result<unique_fd>)> done) {
    auto hello = greet(cluster::greeting_kind::fetch);
    hello.first = source.first;
    hello.last = source.last;
    fetch_dialler_ = std::make_unique<cluster::dialler>(
            *env_.events, routes(source.member), hello, "", fetch_dial_limit,
            [this, done = std::move(done)](result<cluster::dialler::granted> r) {
                fetch_dialler_.reset();
                if (r) {
                    done(std::move(r->socket));
                } else {
                    done(r.error());
                }
            });
}

void group_member::dial_outline(slot_t peer,
                                std::function<void(result<cluster::log_outline>)> done) {
    outline_dialler_ = std::make_unique<cluster::dialler>(
            *env_.events, routes(peer), greet(cluster::greeting_kind::outline), "",
            fetch_dial_limit, [this, done = std::move(done)](result<cluster::dialler::granted> r) {
                outline_dialler_.reset();
                done(r ? cluster::decode_outline(r->text) : r.error());
            });
}

} // namespace harp
