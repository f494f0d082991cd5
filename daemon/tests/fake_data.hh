/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A data member's kernel in this process: vsr::object with its primary half, a log in
 * memory, and the real wire format on real sockets. While it serves it makes a record
 * every few milliseconds, as a busy client would. It says on stderr what it commits.
 */
#pragma once

#include "cluster/records.hh"
#include "codec.h"
#include "knl/kernel.hh"
#include "knl/replica.hh"
#include "util/loop.hh"
#include "util/text.hh"
#include "vsr/object.hh"

#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

namespace harp::test {

using namespace vsr;
using namespace std::chrono_literals;

class memory_log final : public log_store {
public:
    explicit memory_log(lineage_t lineage) : lineage_(lineage) {}

    log_found inspect() override { return {}; }
    result<void> store_header(const log_header &) override { return {}; }
    result<void> cut_after(index_t top) override {
        records.resize(top + 1 - base);
        return {};
    }
    result<void> restart_at(index_t b, log_anchor anchor) override {
        base = b;
        anchor_crc = anchor.crc;
        records.clear();
        return {};
    }
    result<void> append_view(const view_record &v) override {
        auto section = knl::encode_view(v);
        harp_sec_view s{};
        memcpy(&s, section.data(), sizeof(s));
        build(HARP_REC_VIEW, &s, v.view, 0);
        return {};
    }
    void append_noop(view_t view) { build(HARP_REC_NOOP, nullptr, view, 1); }
    index_t top() const { return base + records.size() - 1; }
    uint32_t crc() const { return records.empty() ? anchor_crc : crc_of(records.back()); }
    uint32_t top_crc() const override { return crc(); }
    static uint32_t crc_of(const std::vector<uint8_t> &r) {
        harp_rec_hdr h{};
        memcpy(&h, r.data(), sizeof(h));
        return le32_to_cpu(h.crc);
    }
    std::vector<uint8_t> bytes(index_t first, index_t last) const {
        std::vector<uint8_t> out;
        for (index_t i = first; i <= last; ++i) {
            const auto &r = records.at(i - base);
            out.insert(out.end(), r.begin(), r.end());
        }
        return out;
    }

    index_t base{1};
    uint32_t anchor_crc = 0;
    std::vector<std::vector<uint8_t>> records;

private:
    void build(uint8_t type, const harp_sec_view *s, view_t view, uint64_t time) {
        std::vector<uint64_t> buf(HARP_REC_OVERHEAD_MAX / 8);
        harp_builder b{};
        harp_build_begin(&b, buf.data(), HARP_REC_OVERHEAD_MAX, type);
        if (s != nullptr) {
            harp_build_view(&b, s, nullptr, 0);
        }
        if (harp_build_finish(&b) != 0) {
            abort();
        }
        harp_rec_seal(static_cast<harp_rec_hdr *>(b.buf), (top() + 1).value(), view.value(),
                      lineage_.value(), time, crc());
        const auto *p = static_cast<const uint8_t *>(b.buf);
        records.emplace_back(p, p + b.len);
    }
    lineage_t lineage_;
};

class fake_data final : public knl::replica {
public:
    fake_data(loop &l, disk_state disk, hooks h)
        : loop_(l), disk_(std::move(disk)), hooks_(std::move(h)), log_(disk_.lineage),
          object_({disk_.members, disk_.self}, log_) {
        timer_ = l.timer([this] { turn(); });
        timer_.set_time(boottime_now());
    }

    object_report found() override { return {}; }
    void execute(kernel_command c) override {
        if (const auto *a = std::get_if<cmd_attach>(&c.body)) {
            inc_ = a->inc;
        }
        object_.execute(boottime_now(), c);
        flush();
    }
    void touch() override {
        object_.touch(boottime_now());
        poll();
    }
    void poll() override {
        loop_.post([this] { hooks_.event(object_.marks(boottime_now())); });
    }
    void give_link(unique_fd s, link_wanted which) override {
        source_.reset();
        socket_ = std::move(s);
        which_ = which;
        in_.clear();
        fcntl(socket_.get(), F_SETFL, fcntl(socket_.get(), F_GETFL) | O_NONBLOCK);
        source_ = loop_.watch(socket_.get(), EPOLLIN, [this](uint32_t) { readable(); });
        if (!which.connects) {
            harp_wire_hello h{};
            h.top = cpu_to_le64(log_.top().value());
            auto v = view_at(object_.log(), log_.top());
            h.view_of_top = cpu_to_le64(v ? v->value() : 0);
            h.crc_of_top = cpu_to_le32(log_.crc());
            transmit(HARP_WIRE_HELLO, &h, sizeof(h), {});
        }
    }
    void drop_link() override {
        source_.reset();
        socket_.reset();
    }
    knl::replica_facts facts() const override {
        knl::replica_facts f;
        f.present = true;
        f.region = "test";
        return f;
    }
    void destroy(std::function<void(result<void>)> done) override { done({}); }
    result<std::vector<uint8_t>> read(index_t first, index_t last) const {
        return log_.bytes(first, std::min({last, first + 63, log_.top()}));
    }

private:
    void flush() {
        for (auto &e : object_.take_events()) {
            loop_.post([this, e = std::move(e)] { hooks_.event(e); });
        }
    }
    void turn() {
        auto now = boottime_now();
        object_.tick(now);
        if (object_.may_answer(now)) {
            auto at = object_.append(now);
            if (at) {
                log_.append_noop(at->view);
            }
        }
        if (object_.current_role() == role::primary) {
            send_records();
        }
        if (object_.cp() != told_cp_) {
            told_cp_ = object_.cp();
            fprintf(stderr, "fake: role=%d cp=%llu top=%llu\n",
                    static_cast<int>(object_.current_role()),
                    static_cast<unsigned long long>(told_cp_.value()),
                    static_cast<unsigned long long>(log_.top().value()));
        }
        flush();
        timer_.set_time(now + 20ms);
    }
    void send_records() {
        if (!socket_) {
            return;
        }
        auto rec = object_.make_records(boottime_now());
        if (!rec) {
            return;
        }
        harp_wire_rec body{};
        body.prev_index = cpu_to_le64(rec->prev.index.value());
        body.prev_view = cpu_to_le64(rec->prev.view.value());
        body.cp = cpu_to_le64(rec->cp.value());
        body.ap = cpu_to_le64(rec->ap.value());
        body.lb = cpu_to_le64(rec->lb.value());
        body.t = cpu_to_le64(static_cast<uint64_t>(rec->t.time_since_epoch().count()));
        body.heard = cpu_to_le64(rec->heard);
        body.nrec = cpu_to_le32(static_cast<uint32_t>(rec->last - rec->prev.index));
        body.flags = cpu_to_le32(rec->serving ? HARP_REC_F_SERVING : 0);
        transmit(HARP_WIRE_REC, &body, sizeof(body), log_.bytes(rec->prev.index + 1, rec->last));
    }
    void transmit(uint8_t type, const void *body, size_t len, const std::vector<uint8_t> &records) {
        harp_wire_hdr h{};
        h.type = type;
        memcpy(h.group, disk_.group.data(), disk_.group.size());
        h.lineage = cpu_to_le64(disk_.lineage.value());
        h.epoch = cpu_to_le32(disk_.epoch.value());
        h.inc = cpu_to_le64(inc_.value());
        h.view = cpu_to_le64(which_.view.value());
        h.sender = disk_.self.value();
        harp_wire_seal(&h, body, static_cast<u32>(records.size()));
        std::vector<uint8_t> out(sizeof(h) + len);
        memcpy(out.data(), &h, sizeof(h));
        memcpy(out.data() + sizeof(h), body, len);
        out.insert(out.end(), records.begin(), records.end());
        if (send(socket_.get(), out.data(), out.size(), MSG_NOSIGNAL) !=
            static_cast<ssize_t>(out.size())) {
            dead("cannot send");
        }
    }
    void dead(const char *why) {
        source_.reset();
        socket_.reset();
        loop_.post([this, why, w = which_] {
            hooks_.event(link_changed{w.peer, w.view, false, why});
        });
    }
    void readable() {
        uint8_t buf[65536];
        ssize_t n = recv(socket_.get(), buf, sizeof(buf), 0);
        if (n <= 0) {
            dead("hung up");
            return;
        }
        in_.insert(in_.end(), buf, buf + n);
        while (socket_ && in_.size() >= sizeof(harp_wire_hdr)) {
            harp_wire_hdr h{};
            memcpy(&h, in_.data(), sizeof(h));
            const char *why = "";
            if (harp_wire_check_header(&h, &why) != 0) {
                dead(why);
                return;
            }
            size_t len = sizeof(h) + le32_to_cpu(h.len);
            if (in_.size() < len) {
                return;
            }
            take(h, in_.data() + sizeof(h), len - sizeof(h));
            in_.erase(in_.begin(), in_.begin() + static_cast<ptrdiff_t>(len));
        }
    }
    void take(const harp_wire_hdr &h, const uint8_t *body, size_t len) {
        auto now = boottime_now();
        slot_t sender(h.sender);
        incarnation_t inc(le64_to_cpu(h.inc));
        if (h.type == HARP_WIRE_HELLO) {
            harp_wire_hello m{};
            memcpy(&m, body, sizeof(m));
            object_.on_hello(sender, inc, index_t(le64_to_cpu(m.top)));
        } else if (h.type == HARP_WIRE_ACK) {
            harp_wire_ack m{};
            memcpy(&m, body, sizeof(m));
            link_ack a;
            a.sender = sender;
            a.inc = inc;
            a.view = view_t(le64_to_cpu(h.view));
            a.n = index_t(le64_to_cpu(m.n));
            a.t = time_point_t(std::chrono::nanoseconds(le64_to_cpu(m.t)));
            a.promise = le64_to_cpu(m.promise);
            a.lb = index_t(le64_to_cpu(m.lb));
            object_.on_ack(now, a);
        } else if (h.type == HARP_WIRE_REC) {
            take_records(h, body, len);
        }
        flush();
    }
    void take_records(const harp_wire_hdr &h, const uint8_t *body, size_t len) {
        harp_wire_rec m{};
        memcpy(&m, body, sizeof(m));
        /* Never empty: the bytes of a BEAT have an address, too. */
        std::vector<uint64_t> aligned((len - sizeof(m) + 7) / 8 + 1);
        memcpy(aligned.data(), body + sizeof(m), len - sizeof(m));
        const auto *raw = reinterpret_cast<const uint8_t *>(aligned.data());
        index_t after(le64_to_cpu(m.prev_index));
        auto run = cluster::check_records({raw, len - sizeof(m)}, after, log_.crc(),
                                          after == log_.top(), disk_.lineage);
        if (!run) {
            dead("bad records");
            return;
        }
        link_records r;
        r.sender = slot_t(h.sender);
        r.inc = incarnation_t(le64_to_cpu(h.inc));
        r.view = view_t(le64_to_cpu(h.view));
        r.prev = {after, view_t(le64_to_cpu(m.prev_view))};
        r.last = run->last;
        r.starts = run->starts;
        r.cp = index_t(le64_to_cpu(m.cp));
        r.ap = index_t(le64_to_cpu(m.ap));
        r.lb = index_t(le64_to_cpu(m.lb));
        r.t = time_point_t(std::chrono::nanoseconds(le64_to_cpu(m.t)));
        r.heard = le64_to_cpu(m.heard);
        r.serving = (le32_to_cpu(m.flags) & HARP_REC_F_SERVING) != 0;
        auto got = object_.accept(boottime_now(), r);
        if (!got) {
            dead(got.error().text.c_str());
            return;
        }
        auto ack = got->ack;
        for (index_t i = got->first; i <= got->last; ++i) {
            size_t k = i - run->first;
            size_t begin = k == 0 ? 0 : run->ends[k - 1];
            log_.records.emplace_back(raw + begin, raw + run->ends[k]);
        }
        if (got->first <= got->last) {
            ack = object_.stored(boottime_now(), got->last);
        }
        if (ack) {
            harp_wire_ack a{};
            a.n = cpu_to_le64(ack->n.value());
            a.t = cpu_to_le64(static_cast<uint64_t>(ack->t.time_since_epoch().count()));
            /* stored() acknowledges; the promise was given when the records were taken. */
            uint64_t promise = got->ack ? got->ack->promise : ack->promise;
            a.promise = cpu_to_le64(promise);
            a.flags = cpu_to_le32(promise != 0 ? HARP_ACK_F_PROMISE : 0);
            transmit(HARP_WIRE_ACK, &a, sizeof(a), {});
        }
    }

    loop &loop_;
    disk_state disk_;
    hooks hooks_;
    memory_log log_;
    object object_;
    incarnation_t inc_;
    unique_fd socket_;
    event_source source_;
    link_wanted which_{};
    std::vector<uint8_t> in_;
    index_t told_cp_;
    event_source timer_;
};

} // namespace harp::test
