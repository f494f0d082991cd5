/* SPDX-License-Identifier: GPL-2.0 */
/* A log in memory, as a region or the witness's file is to its object. */
#pragma once

#include "vsr/object.hh"

#include <algorithm>
#include <map>

namespace harp::vsr::test {

struct entry {
    view_t view;
    uint64_t payload = 0;
    bool is_view = false;
    uint32_t prev_crc = 0;            /* the chain */
    std::optional<uint8_t> file = {}; /* that a client writes payload to */

    uint32_t crc() const {
        uint64_t h = (payload ^ (uint64_t{prev_crc} << 32)) * 0x9e3779b97f4a7c15;
        return static_cast<uint32_t>(h >> 32) | 1; /* 0: not known */
    }
};

/* What was written apart when the power was about to go (P1). */
struct sealed_log {
    log_header header;
    uint32_t anchor_crc = 0;
    std::map<uint64_t, entry> entries;
};

/* A region (or the witness's file) that outlives its object as the crash allows. */
class memory_store : public log_store {
public:
    bool valid = false;
    bool same_boot = true;
    index_t fsynced;
    std::optional<index_t> damaged;
    bool header_fails = false;
    log_header header;
    log_header on_disk; /* W: what a power cut leaves of the header */
    uint32_t anchor_crc = 0;
    std::map<uint64_t, entry> entries;

    std::optional<sealed_log> sealed; /* on the disk; given when it is opened */
    broken_rule broken = broken_rule::none;
    /* W: up to here a sync under way will have brought it. */
    std::optional<index_t> syncing;
    log_header syncing_header;

    log_found inspect() override {
        log_found f;
        f.valid = valid;
        f.header = header;
        f.same_boot = same_boot;
        f.fsynced = fsynced;
        f.walked = {header.base, header.anchor_view, header.base - 1, {}};
        view_t before = header.anchor_view;
        for (uint64_t i = header.base.value(); valid; ++i) {
            auto it = entries.find(i);
            /* After an end that nobody knows it is taken as it comes (kmod/log_priv.h). */
            const bool unanchored = i > 1 && !before;
            bool good = it != entries.end() && damaged != index_t(i) &&
                        it->second.view <= header.formed && it->second.view >= before &&
                        (it->second.view == before || it->second.is_view || unanchored);
            if (!good) {
                break;
            }
            extend_summary(f.walked, it->second.view, index_t(i), index_t(i));
            before = it->second.view;
        }
        /* Opening a log puts an end mark after the walk. */
        entries.erase(entries.upper_bound(f.walked.top.value()), entries.end());
        damaged.reset();
        return f;
    }
    result<void> store_header(const log_header &h) override {
        if (header_fails) {
            return fail(EIO, "the header cannot be written");
        }
        if (h.formed != header.formed || h.complete != header.complete ||
            h.unsynced != header.unsynced) {
            on_disk = syncing_header = h;
        }
        header = h;
        valid = same_boot = true; /* it names the boot that stored it */
        if (auto before = entries.find(h.base.value() - 1); before != entries.end()) {
            anchor_crc = before->second.crc();
        }
        entries.erase(entries.begin(), entries.lower_bound(h.base.value()));
        return {};
    }
    result<void> cut_after(index_t top) override {
        if (broken != broken_rule::cut_without_view_record) {
            entries.erase(entries.upper_bound(top.value()), entries.end());
        }
        fsynced = std::min(fsynced, top);
        if (syncing) {
            syncing = std::min(*syncing, top);
        }
        return {};
    }
    result<void> restart_at(index_t base, log_anchor anchor) override {
        entries.clear();
        header.base = base;
        header.anchor_view = anchor.view;
        anchor_crc = anchor.crc;
        fsynced = index_t();
        syncing.reset();
        return {};
    }
    result<void> append_view(const view_record &r) override {
        if (broken == broken_rule::cut_without_view_record && r.s) {
            return {};
        }
        put(r.index(), {r.view, 1000000 * r.view.value(), true, top_crc()});
        return {};
    }
    void begin_sync(index_t top) {
        syncing = top;
        syncing_header = header;
    }
    /* False when all that it was about has gone meanwhile. */
    bool end_sync() {
        if (!syncing) {
            return false;
        }
        fsynced = std::max(fsynced, *syncing);
        syncing.reset();
        on_disk = syncing_header;
        return true;
    }
    /* Of a data member; the witness's log is on its disk already, and is only synced. */
    result<log_found> unseal(const seal_note &note) override {
        if (!sealed) {
            return fail(ENOENT, "no log was sealed");
        }
        const bool fits = sealed->header.formed == note.formed && sealed->header.wm == note.top;
        if (!fits && broken != broken_rule::seal_not_cleared) {
            return fail(EBADMSG, "not the log that was sealed");
        }
        header = sealed->header;
        header.formed = note.formed;
        anchor_crc = sealed->anchor_crc;
        entries = sealed->entries;
        valid = same_boot = true;
        return inspect();
    }
    /* The part of it up to @top. */
    sealed_log apart(index_t top) const {
        sealed_log out{header, anchor_crc, entries};
        out.entries.erase(out.entries.upper_bound(top.value()), out.entries.end());
        out.header.wm = top;
        return out;
    }
    uint32_t top_crc() const override {
        return entries.empty() ? anchor_crc : entries.rbegin()->second.crc();
    }
    /* Does @e follow the last record? Of a log that was begun anew the first one says. */
    bool follows(const entry &e) const { return top_crc() == 0 || top_crc() == e.prev_crc; }
    void put(index_t at, entry e) {
        if (entries.empty()) {
            anchor_crc = e.prev_crc;
        }
        entries[at.value()] = e;
    }
};

} // namespace harp::vsr::test
