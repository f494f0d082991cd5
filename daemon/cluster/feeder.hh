/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Passes records on to this machine's own kernel, which takes them as a member in no view
 * does (C1; harp_wire.h, HARP_REC_F_FEED). They are fetched by portions from whoever has
 * them; what does not check goes no further. In the loop, on sockets that do not block; each
 * turn takes a bounded part.
 */
#pragma once

#include "util/fd.hh"
#include "util/loop.hh"
#include "vsr/types.hh"

#include <functional>
#include <memory>
#include <string>
#include <vector>

struct harp_wire_hdr;

namespace harp::cluster {

/* In whose name: the kernel checks it against what FEED said. */
struct feed_identity {
    vsr::group_id group{};
    lineage_t lineage;
    epoch_t epoch;
    slot_t peer;
    incarnation_t peer_inc;
    view_t view;
};

class feeder {
public:
    /* Called in the loop, and never from within the feeder's own functions. */
    struct hooks {
        /* Opens a FETCH of first..last; answered in the loop. A failure is not the end. */
        std::function<void(index_t first, index_t last, std::function<void(result<unique_fd>)>)>
                fetch;
        /* The kernel's log reaches to here. */
        std::function<void(index_t top)> progress;
        /* Once, and nothing afterwards. */
        std::function<void(const std::string &why)> ended;
    };

    /* @kernel: the other end of the socket that LINK_ADD was given. */
    feeder(loop &l, feed_identity id, unique_fd kernel, hooks h);
    ~feeder();
    feeder(const feeder &) = delete;
    feeder &operator=(const feeder &) = delete;

    /* Records up to @upto are to be sent; CP and the primary's AP are to be told. All only rise. */
    void tell(index_t upto, index_t cp, index_t ap);

private:
    void hear_kernel();
    bool take_message();
    const char *check_identity(const harp_wire_hdr &h) const;
    void take_hello(const uint8_t *body);
    void take_ack(const uint8_t *body);
    void fetch_more();
    void fetched(result<unique_fd> r);
    void listen_to_source();
    void pause_source();
    void hear_source();
    bool pass_message();
    void pass_on();
    void source_ended(const std::string &why);
    void beat();
    void queue(uint32_t nrec, const uint8_t *records, size_t len);
    void flush();
    void finish(const std::string &why);
    void ask_again();

    loop &loop_;
    feed_identity id_;
    hooks hooks_;
    std::shared_ptr<bool> alive_;
    bool over_ = false;

    unique_fd kernel_;
    std::vector<uint8_t> in_;  /* of the kernel, the part of a message that has come */
    std::vector<uint8_t> out_; /* to the kernel; at most one message of records and a beat */
    size_t sent_ = 0;
    event_source kernel_source_;

    bool greeted_ = false;
    index_t top_; /* passed on; the records before it are in out_ or with the kernel */
    view_t view_of_top_;
    uint32_t crc_of_top_ = 0;
    index_t upto_;
    index_t cp_;
    index_t ap_;
    index_t told_top_;  /* to hooks_.progress */
    bool news_ = false; /* told while a message was on its way */

    bool fetching_ = false; /* asked for, or under way */
    unique_fd source_;
    index_t source_last_;
    std::vector<uint64_t> buf_; /* of the source; records are aligned to 8 */
    size_t have_ = 0;
    event_source source_source_;
    event_source silence_; /* of the source */
    event_source again_;
    event_source beat_;
};

} // namespace harp::cluster
