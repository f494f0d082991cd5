/* SPDX-License-Identifier: GPL-2.0 */
#include "cluster/copy_stream.hh"

#include "util/text.hh"

#include <algorithm>
#include <array>
#include <cassert>
#include <chrono>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

namespace harp::cluster {

namespace {

using namespace std::chrono;

result<void> send_all(int fd, std::span<const uint8_t> bytes) {
    while (!bytes.empty()) {
        const ssize_t n = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return fail(ECANCELED, "who takes the copy has hung up");
        }
        bytes = bytes.subspan(static_cast<size_t>(n));
    }
    return {};
}

/* Its time has come, or the other end has gone: false. Nothing is ever said to a source. */
bool wait_until(int fd, steady_clock::time_point when) {
    for (;;) {
        const auto left = ceil<milliseconds>(when - steady_clock::now());
        pollfd p{fd, POLLIN | POLLRDHUP, 0};
        const int n = poll(&p, 1, static_cast<int>(std::clamp<int64_t>(left.count(), 0, 60000)));
        if (n > 0) {
            return false;
        }
        if (left.count() <= 0) {
            return true;
        }
    }
}

result<void> take_all(int fd, std::span<uint8_t> bytes, int silence_ms) {
    while (!bytes.empty()) {
        pollfd p{fd, POLLIN, 0};
        const int ready = poll(&p, 1, silence_ms);
        if (ready < 0 && errno == EINTR) {
            continue;
        }
        if (ready <= 0) {
            return fail(ETIMEDOUT, fmt::format("the source was silent for {} ms", silence_ms));
        }
        const ssize_t n = recv(fd, bytes.data(), bytes.size(), 0);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return fail(EPIPE, "the source has ended the copy");
        }
        bytes = bytes.subspan(static_cast<size_t>(n));
    }
    return {};
}

} // namespace

result<void> send_copy(int fd, copy_cursor at, uint64_t rate, const copy_read_fn &read) {
    const auto begin = steady_clock::now();
    uint64_t sent = 0;
    while (!at.done()) {
        const auto when = rate == 0
                                  ? begin
                                  : begin + milliseconds(static_cast<int64_t>(sent * 1000 / rate));
        if (!wait_until(fd, when)) {
            return fail(ECANCELED, "who takes the copy has hung up");
        }
        auto piece = read(at);
        if (!piece) {
            return piece.error();
        }
        const auto bytes = encode(*piece);
        if (auto r = send_all(fd, bytes); !r) {
            return r;
        }
        sent += bytes.size();
        at = piece->next;
    }
    return {};
}

result<void> take_copy(int fd, copy_cursor at, int silence_ms, const copy_write_fn &write) {
    while (!at.done()) {
        std::array<uint8_t, copy_header_bytes> header{};
        if (auto r = take_all(fd, header, silence_ms); !r) {
            return r;
        }
        auto piece = decode_copy_header(header);
        if (!piece) {
            return piece.error();
        }
        auto r = take_all(fd, piece->records, silence_ms);
        r = r ? check_copy_records(header, piece->records) : r;
        r = r ? write(at, *piece) : r;
        if (!r) {
            return r;
        }
        if (piece->next == at) {
            return fail(EPROTO, "a piece of the copy leads nowhere");
        }
        at = piece->next;
    }
    return {};
}

copy_end::copy_end(loop &l)
    : loop_(l), alive_(std::make_shared<bool>(true)),
      worker_(std::make_unique<worker>("harp-copy")) {}

copy_end::~copy_end() {
    *alive_ = false;
    if (socket_) {
        shutdown(socket_.get(), SHUT_RDWR); /* whatever the thread waits for there ends */
    }
    worker_.reset();
}

void copy_end::begin(unique_fd socket, work_fn work, done_fn done) {
    assert(!busy());
    socket_ = std::move(socket);
    worker_->run([this, alive = alive_, fd = socket_.get(), work = std::move(work),
                  done = std::move(done)] {
        loop_.post([this, alive, done, r = work(fd)] {
            if (*alive) {
                socket_.reset();
                done(r);
            }
        });
    });
}

} // namespace harp::cluster
