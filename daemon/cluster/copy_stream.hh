/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The two ends of a copy (C2): pieces of the file state go from the serving member's harpd
 * to that of the member that lacks them. Each end blocks, on a thread of its own (copy_end);
 * a copy that broke off goes on at the cursor that the target's kernel has made durable.
 */
#pragma once

#include "cluster/copy_piece.hh"
#include "util/fd.hh"
#include "util/loop.hh"

#include <functional>
#include <memory>

namespace harp::cluster {

/* COPY_READ at a cursor: the next piece. EAGAIN: not now; the copy breaks off. */
using copy_read_fn = std::function<result<copy_piece>(const copy_cursor &)>;
/* COPY_WRITE of the piece that was asked for at a cursor. */
using copy_write_fn = std::function<result<void>(const copy_cursor &, const copy_piece &)>;

/*
 * Sends pieces from @at to the last. @rate: bytes a second on average, since clients of this
 * member wait for its disk and its networks meanwhile; 0: as fast as it goes. ECANCELED when
 * the other end has hung up.
 */
result<void> send_copy(int fd, copy_cursor at, uint64_t rate, const copy_read_fn &read);

/*
 * Takes pieces from @at to the last. A source that is silent for @silence_ms has failed, one
 * that ends before the last piece, too. Where it got to is the kernel's to say.
 */
result<void> take_copy(int fd, copy_cursor at, int silence_ms, const copy_write_fn &write);

/* One end at work: one copy at a time. It belongs to the loop's thread. */
class copy_end {
public:
    using work_fn = std::function<result<void>(int fd)>;
    using done_fn = std::function<void(result<void>)>;

    explicit copy_end(loop &l);
    /* The copy under way breaks off; its done is not called. */
    ~copy_end();
    copy_end(const copy_end &) = delete;
    copy_end &operator=(const copy_end &) = delete;

    bool busy() const noexcept { return static_cast<bool>(socket_); }
    /* Only while it is not busy. @work runs on the other thread, @done in the loop's. */
    void begin(unique_fd socket, work_fn work, done_fn done);

private:
    loop &loop_;
    unique_fd socket_;
    std::shared_ptr<bool> alive_;
    std::unique_ptr<worker> worker_;
};

} // namespace harp::cluster
