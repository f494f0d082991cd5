/* SPDX-License-Identifier: GPL-2.0 */
/*
 * harpctl selftest soft-reboot: does this machine keep a log's memory over a panic? A note
 * says what there was before it; what the replica found at the next boot is the answer.
 */
#pragma once

#include "util/json.hh"
#include "util/result.hh"

#include <cstdint>
#include <string>

namespace harp::ctl {

/* Written just before the panic. */
struct panic_note {
    std::string boot;     /* boot_id() */
    uint64_t time_ns = 0; /* since the epoch, UTC */
    uint64_t inc = 0;     /* of the replica that ends with it */
    uint64_t wm = 0;      /* its log's watermark: up to there it must be found again */
};

std::string to_text(const panic_note &note);
/* EBADMSG: not such a note. */
result<panic_note> read_panic_note(const std::string &text);

/* What this boot's replica found in the region when it was made. */
struct region_found {
    uint64_t inc = 0;
    bool fresh = false; /* no header of any log */
    uint64_t walked = 0;
    uint64_t wm = 0;
    std::string why; /* where the walk ended, for people */
};

struct memory_verdict {
    enum class outcome { kept, lost, unknown };
    outcome what = outcome::unknown;
    std::string text; /* one sentence */
};

/* @boot: the one that runs now. */
memory_verdict judge_memory(const panic_note &note, const std::string &boot,
                            const region_found &found);

/*
 * Why the kernel of this machine may not be made to panic, by Status()'s answer and
 * kernel.panic (seconds, 0: it stays in it for ever).
 */
result<void> may_panic(const json &status, const std::string &group, int panic_timeout);

} // namespace harp::ctl
