/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The witness's log: one preallocated file, laid out like a log region
 * (harp_region.h), except that records never wrap (a promoted witness discards
 * nothing, rule D2) and that each header copy is followed, at +512, by what a file must
 * know beside: the boot it was written in, what of it was fsynced, whether records may
 * have been acknowledged that were not (log_header::unsynced), and the VIEW record of
 * `formed`.
 *
 * A record counts as stored when write(2) has returned: it then outlives this
 * process. sync() makes it outlive the machine, in a thread of its own. What changes the
 * log is called by one thread at a time; a mutex inside protects positions for the
 * others and is never held over I/O, so that nobody waits for a disk to learn them.
 *
 * A write or sync that fails is the end of this log: what the disk did not take is not
 * tried for a second time, for the kernel may have dropped it and then report success.
 */
#pragma once

#include "util/fd.hh"
#include "vsr/object.hh"

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace harp::cluster {

struct witness_log_id {
    vsr::group_id group{};
    lineage_t lineage;
    epoch_t epoch;
    slot_t self;
};

/* A header copy and what follows it, as found in a file; also for harpctl. */
struct witness_header {
    vsr::log_header header;
    uint32_t anchor_crc = 0;
    uint64_t seq = 0;
    uint64_t file_size = 0;
    std::string boot_id;
    index_t fsynced;
};

class witness_log final : public vsr::log_store {
public:
    /* @boot: the kernel's boot id; tests give their own. */
    static result<std::unique_ptr<witness_log>> open(const std::string &path, uint64_t size,
                                                     witness_log_id id, std::string boot);

    vsr::log_found inspect() override;
    result<void> store_header(const vsr::log_header &header) override;
    result<void> cut_after(index_t top) override;
    result<void> restart_at(index_t base, vsr::log_anchor anchor) override;
    result<void> append_view(const vsr::view_record &record) override;
    uint32_t top_crc() const override { return end().crc; }

    /*
     * Whole records that follow the top, checked by the caller with the codec. @raise: the
     * header's wm too, as a backup's (N2); store_header() then finds it said. ENOSPC, and
     * only from here: it is full, and keeps what it has.
     */
    enum class raise_wm : bool { no, yes };
    result<void> append(const uint8_t *bytes, size_t len, raise_wm raise = raise_wm::no);
    /* Everything appended before the call is durable when it returns; the new fsynced. */
    result<index_t> sync();
    index_t fsynced() const noexcept { return fsynced_; }
    bool dirty() const noexcept { return dirty_; }

    struct tail {
        index_t top;
        view_t view; /* of top; of the anchor when empty */
        uint32_t crc = 0;
    };
    tail end() const;
    uint64_t used() const noexcept { return used_; }
    uint64_t size() const noexcept { return size_; }
    /* For records to come; none in a log that has failed. */
    uint64_t room() const noexcept;
    /* Whole records from @first on, up to @max bytes but at least one. */
    result<std::vector<uint8_t>> read(index_t first, index_t last, size_t max) const;

private:
    witness_log() = default;
    result<void> write_header();
    result<void> write_end();
    result<void> write(const void *data, size_t len, uint64_t at);
    result<void> flush();
    result<void> fail_for_good(const failure &why);
    void set_ends(std::vector<uint64_t> offsets);
    bool load_header(vsr::log_found &out);
    void walk(vsr::log_found &out);

    mutable std::mutex mutex_;
    std::mutex header_mutex_; /* one header is written at a time, in their order */
    unique_fd fd_;
    uint64_t size_ = 0;
    witness_log_id id_;
    std::string boot_;
    vsr::log_header header_;
    uint32_t anchor_crc_ = 0;
    uint64_t seq_ = 0;
    std::atomic<index_t> fsynced_{index_t()};
    index_t cut_to_;  /* lowest cut since the sync that runs began */
    index_t base_{1}; /* of offsets_; the header's may already be the next one */
    index_t top_;
    view_t top_view_;
    uint32_t top_crc_ = 0;
    std::vector<uint64_t> offsets_; /* of base .. top, and the end */
    std::atomic<uint64_t> used_{0}; /* the end of offsets_ */
    std::atomic<bool> dirty_{false};
    std::atomic<bool> failed_{false};
    failure why_failed_; /* set before failed_ */
    bool kept_ = false;  /* header_ but for wm and base survives a power cut */
};

/* The newer good header of a witness file; for harpctl log show. */
result<witness_header> read_witness_header(int fd, uint64_t size);

} // namespace harp::cluster
