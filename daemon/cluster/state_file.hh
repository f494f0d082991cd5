/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A member's disk state (protocol.rst, "State"): DIR/state.0 and DIR/state.1, the same
 * content with one sequence number each. A store writes one copy, fsyncs it, and only
 * then the other, so that one of them is whole at any moment, and after a store
 * both carry it: a copy that rots later cannot take `agreed` backwards.
 *
 * The content is JSON behind one line "harp-state 1 SEQ LENGTH CRC32C": a person can
 * read it; nobody is to write it.
 */
#pragma once

#include "util/result.hh"
#include "vsr/types.hh"

#include <string>

namespace harp::cluster {

std::string encode_state(const vsr::disk_state &state, uint64_t seq);
struct decoded_state {
    uint64_t seq = 0;
    vsr::disk_state state;
};
/* I9: every field is checked; the error names the one that is wrong. */
result<decoded_state> decode_state(std::string_view text);

class state_file {
public:
    explicit state_file(std::string dir) : dir_(std::move(dir)) {}

    /* ENOENT: no copy is there, this is not a member (rule S3). */
    result<vsr::disk_state> load();
    /* Durable when it returns. Blocks; called from a worker. */
    result<void> store(const vsr::disk_state &state);
    bool exists() const;
    /* load() found one copy only; says which and why. */
    const std::string &warning() const noexcept { return warning_; }

private:
    std::string path(int copy) const;
    result<void> write_copy(int copy, const std::string &text);

    std::string dir_;
    uint64_t seq_ = 0;
    std::string warning_;
};

} // namespace harp::cluster
