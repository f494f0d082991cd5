/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Clients that read and write some files, and what they are told. One keeps asking P and one
 * B, whoever serves; the others go on where they were answered last. What a member has not
 * answered stays parked there until it can (V8), or is released (G3).
 */
#pragma once

#include "vsr_history.hh"
#include "vsr_world.hh"

namespace harp::vsr::test {

class clients : public load {
public:
    /* @confirm: as lease=confirm has it. */
    clients(world &w, bool confirm, size_t count = 4) : w_(w), confirm_(confirm), asking_(count) {
        w_.set_load(this);
        for (size_t c = 0; c < count; ++c) {
            asking_[c].server = c % 2 == 0 ? slot_p : slot_b;
            asking_[c].loyal = c < 2;
            think(c);
        }
    }

    uint64_t reads() const { return reads_; }
    uint64_t writes() const { return writes_; }
    uint64_t late() const { return late_; }
    /* The first file whose history no order explains. */
    std::string wrong() const {
        for (size_t file = 0; file < file_count; ++file) {
            if (auto what = histories_.at(file).wrong(); !what.empty()) {
                return fmt::format("clients, file {}: {}", file, what);
            }
        }
        return {};
    }
    /* Each file is read at @s, if that may be done at once, and nobody asks any more. */
    void end(slot_t s) {
        ended_ = true;
        for (uint8_t file = 0; file < file_count && !confirm_; ++file) {
            const history::stamp asked = ++stamp_;
            histories_.at(file).read(w_.at(s).files.read(file), asked, ++stamp_);
        }
    }

    void stepped() override {
        for (slot_t s : {slot_p, slot_b}) {
            auto &parked = parked_[s.value()];
            for (size_t i = 0; i < parked.size();) {
                if (go_on(w_.at(s), parked[i])) {
                    parked.erase(parked.begin() + static_cast<ptrdiff_t>(i));
                } else {
                    ++i;
                }
            }
        }
    }
    void released(slot_t s) override {
        for (const auto &r : parked_[s.value()]) {
            release(r);
        }
        parked_[s.value()].clear();
    }
    void crashed(slot_t s) override { parked_[s.value()].clear(); }

private:
    enum class stage { asks, reads, confirms, logged };
    struct request {
        uint64_t id;
        size_t client;
        bool writes;
        uint8_t file;
        uint64_t value;
        history::stamp asked;
        stage at = stage::asks;
        position record{};
        time_point_t decided{}; /* by the member's clock */
    };
    struct client {
        slot_t server;
        bool loyal = false;
        uint64_t id = 0; /* what it waits for */
    };

    void think(size_t c) {
        w_.after(w_.some(2ms, 30ms), std::nullopt, [this, c] { ask(c); });
    }
    void ask(size_t c) {
        if (ended_) {
            return;
        }
        client &me = asking_[c];
        request r{++last_id_, c,       w_.below(2) == 0, static_cast<uint8_t>(w_.below(file_count)),
                  0,          ++stamp_};
        me.id = r.id;
        w_.after(w_.some(100us, 2ms), me.server, [this, s = me.server, r] { arrives(s, r); });
        w_.after(w_.some(20ms, 250ms), std::nullopt, [this, c, id = r.id] { give_up(c, id); });
    }
    void give_up(size_t c, uint64_t id) {
        client &me = asking_[c];
        if (me.id == id) {
            me.id = 0;
            if (!me.loyal) {
                me.server = me.server == slot_p ? slot_b : slot_p;
            }
            ask(c);
        }
    }
    void arrives(slot_t s, const request &r) {
        static constexpr size_t limit = 16;
        const node &n = w_.at(s);
        if (n.up && (n.service || w_.check().answers(n)) && parked_[s.value()].size() < limit) {
            parked_[s.value()].push_back(r);
        }
    }
    /* True when it is done with. */
    bool go_on(node &n, request &r) {
        if (r.at == stage::logged) {
            return committed(n, r);
        }
        if (r.at == stage::confirms) {
            return confirmed(n, r);
        }
        if (r.at == stage::reads || !(r.writes ? w_.check().answers(n) : may_read(n))) {
            return false;
        }
        if (r.writes) {
            r.value = w_.next_payload();
            const auto record = w_.append(n, r.value, r.file);
            if (record) {
                histories_.at(r.file).wrote(r.value, r.asked);
                r.record = *record;
                r.at = stage::logged;
            }
            return false;
        }
        r.at = stage::reads;
        w_.after(w_.below(12) == 0 ? w_.some(20ms, 2500ms) : w_.some(10us, 2ms), n.slot,
                 [this, s = n.slot, id = r.id] { take(s, id); });
        return false;
    }
    bool may_read(const node &n) const {
        return w_.check().answers(n) || (w_.broken() == broken_rule::read_without_lease &&
                                         w_.now() >= n.paused_until && n.replica->serving());
    }
    /* N5: looked at again; and the gate, in the same instant. */
    void take(slot_t s, uint64_t id) {
        auto &parked = parked_[s.value()];
        auto r = std::find_if(parked.begin(), parked.end(),
                              [&](const request &other) { return other.id == id; });
        if (r == parked.end() || !w_.at(s).up) {
            return;
        }
        if (!may_read(w_.at(s))) {
            r->at = stage::asks;
            return;
        }
        r->value = w_.at(s).files.read(r->file);
        if (confirm_) {
            r->decided = w_.local(w_.at(s));
            r->record.view = w_.replica(s).view().view;
            r->at = stage::confirms;
            return;
        }
        answer(s, *r);
        parked.erase(r);
    }
    bool confirmed(const node &n, request &r) {
        if (n.replica->view().view != r.record.view) {
            r.at = stage::asks; /* decided anew */
            return false;
        }
        if (n.replica->confirmed() <= r.decided || !may_read(n)) {
            return false;
        }
        answer(n.slot, r);
        return true;
    }
    void answer(slot_t s, const request &r) {
        ++reads_;
        histories_.at(r.file).read(r.value, r.asked, ++stamp_);
        told(s, r);
    }
    bool committed(node &n, const request &r) {
        const auto &log = n.replica->log();
        const index_t i = r.record.index;
        if (i >= log.base && view_at(log, i) != r.record.view) {
            release(r); /* its record was cut (V6) */
            return true;
        }
        if (n.replica->cp() < i || n.replica->ap() < i || !w_.check().answers(n)) {
            return false;
        }
        ++writes_;
        late_ += n.replica->view().view != r.record.view ? 1 : 0;
        histories_.at(r.file).write_done(r.value, ++stamp_);
        told(n.slot, r);
        return true;
    }
    void told(slot_t s, const request &r) {
        client &me = asking_[r.client];
        if (me.id == r.id) {
            me.id = 0;
            me.server = me.loyal ? me.server : s;
            think(r.client);
        }
    }
    void release(const request &r) {
        if (r.at == stage::logged && w_.broken() == broken_rule::error_while_parked) {
            histories_.at(r.file).write_failed(r.value);
        }
    }

    world &w_;
    bool confirm_;
    std::vector<client> asking_;
    std::array<std::vector<request>, member_count> parked_;
    std::array<history, file_count> histories_;
    history::stamp stamp_ = 1;
    uint64_t last_id_ = 0;
    uint64_t reads_ = 0;
    uint64_t writes_ = 0;
    uint64_t late_ = 0; /* writes answered in a view after their own */
    bool ended_ = false;
};

} // namespace harp::vsr::test
