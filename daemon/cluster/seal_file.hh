/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A data member's sealed log (protocol P1): DIR/sealed, in the format of
 * uapi/linux/harp_seal.h. It is read only where the state file names it: a file that is there
 * says nothing by itself (finding 20).
 */
#pragma once

#include "util/fd.hh"
#include "util/result.hh"
#include "vsr/core.hh"

#include <functional>
#include <string>
#include <vector>

namespace harp::cluster {

/* Whose log it is. */
struct seal_identity {
    vsr::group_id group{};
    lineage_t lineage;
    epoch_t epoch;
    slot_t self;
};

class seal_file {
public:
    /* Whole records from @first on, up to @last at most; at least one. */
    using read_fn = std::function<result<std::vector<uint8_t>>(index_t first, index_t last)>;

    explicit seal_file(const std::string &dir) : dir_(dir), path_(dir + "/sealed") {}

    /* Durable when it returns, or as it was before. Blocks; called from a worker. */
    result<void> store(const seal_identity &who, const vsr::seal_wanted &want,
                       const read_fn &read) const;
    /* The file, if it is what @note names; its records are the reader's to check. */
    result<unique_fd> open(const vsr::seal_note &note) const;
    /* What no state names any more, and what a store that did not end has left. */
    result<void> remove() const;
    const std::string &path() const noexcept { return path_; }

private:
    std::string temporary_path() const { return path_ + ".new"; }

    std::string dir_;
    std::string path_;
};

} // namespace harp::cluster
