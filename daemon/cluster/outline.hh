/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What log a member has, in outline: the answer to an OUTLINE greeting, as JSON. With it one
 * who was away finds out where its own log parts from that of the view that serves (C1).
 */
#pragma once

#include "vsr/match.hh"

#include <string>

namespace harp::cluster {

struct log_outline {
    incarnation_t inc;
    view_t view; /* it is in; 0: none */
    vsr::log_summary log;
    index_t cp;
    index_t ap;

    bool operator==(const log_outline &) const = default;
};

std::string encode(const log_outline &o);
/* From a peer: every key, range and invariant is checked; the error names what is wrong. */
result<log_outline> decode_outline(const std::string &text);

} // namespace harp::cluster
