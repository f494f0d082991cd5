/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The event loop: sd-event behind owners that end their sources when they go.
 * Everything here belongs to the loop's own thread except post().
 */
#pragma once

#include "util/fd.hh"
#include "util/result.hh"
#include "util/strong.hh"

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

struct sd_event;
struct sd_event_source;

namespace harp {

/* Now, on the protocol's clock. The only place of the daemon that reads it. */
time_point_t boottime_now();
int64_t realtime_ns();

class loop;

/* A source of events; none after its destruction. */
class event_source {
public:
    event_source() noexcept;
    event_source(event_source &&) noexcept;
    event_source &operator=(event_source &&) noexcept;
    ~event_source();
    explicit operator bool() const noexcept { return state_ != nullptr; }

    void reset();
    /* Timer sources: the next time; time_point_t::max() for never. */
    void set_time(time_point_t when);
    /* Descriptor sources: EPOLLIN, EPOLLOUT … */
    void set_events(uint32_t events);

private:
    friend class loop;
    struct state;
    std::unique_ptr<state> state_;
};

class loop {
public:
    loop();
    ~loop();
    loop(const loop &) = delete;
    loop &operator=(const loop &) = delete;

    [[nodiscard]] event_source watch(int fd, uint32_t events, std::function<void(uint32_t)> fn);
    /* Calls @fn at each time set with set_time(), once each. */
    [[nodiscard]] event_source timer(std::function<void()> fn);
    /* The signal must be blocked in every thread. */
    [[nodiscard]] event_source on_signal(int signo, std::function<void()> fn);

    /* Runs @fn in the loop's thread, soon. From any thread. */
    void post(std::function<void()> fn);

    /* Until quit(). Returns its argument. */
    int run();
    void quit(int code);
    /* One turn of at most @timeout; for tests. */
    void turn(duration_t timeout);
    /* Answers systemd's watchdog from inside the loop, if systemd asks for it. */
    void answer_watchdog();
    sd_event *raw() { return event_; }

private:
    void drain();

    sd_event *event_ = nullptr;
    unique_fd wake_;
    event_source wake_source_;
    std::mutex mutex_;
    std::vector<std::function<void()>> posted_;
};

/*
 * One thread that does jobs in order, for what may block (fsync, netlink, mount).
 * A job's completion is the caller's affair: usually loop.post().
 */
class worker {
public:
    explicit worker(const char *name);
    /* Jobs not begun are dropped; waits for the one that runs. */
    ~worker();
    worker(const worker &) = delete;
    worker &operator=(const worker &) = delete;

    void run(std::function<void()> job);
    size_t pending() const;

private:
    struct state;
    std::unique_ptr<state> state_;
};

} // namespace harp
