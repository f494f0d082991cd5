/* SPDX-License-Identifier: GPL-2.0 */
#include "util/loop.hh"

#include <cassert>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <deque>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <thread>

namespace harp {

time_point_t boottime_now() {
    struct timespec ts {};
    clock_gettime(CLOCK_BOOTTIME, &ts);
    return time_point_t(std::chrono::seconds(ts.tv_sec) + std::chrono::nanoseconds(ts.tv_nsec));
}

int64_t realtime_ns() {
    struct timespec ts {};
    clock_gettime(CLOCK_REALTIME, &ts);
    return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

struct event_source::state {
    sd_event_source *source = nullptr;
    unique_fd own;
    std::function<void(uint32_t)> fn;

    ~state() { sd_event_source_disable_unref(source); }

    static int on_io(sd_event_source *, int, uint32_t revents, void *arg) {
        /* The callback may end this very source: keep what runs alive. */
        auto fn = static_cast<state *>(arg)->fn;
        fn(revents);
        return 0;
    }
    static int on_time(sd_event_source *, uint64_t, void *arg) {
        auto fn = static_cast<state *>(arg)->fn;
        fn(0);
        return 0;
    }
    static int on_signalfd(sd_event_source *, int fd, uint32_t, void *arg) {
        struct signalfd_siginfo info {};
        auto fn = static_cast<state *>(arg)->fn;
        if (read(fd, &info, sizeof(info)) == sizeof(info)) {
            fn(info.ssi_signo);
        }
        return 0;
    }
};

event_source::event_source() noexcept = default;
event_source::event_source(event_source &&) noexcept = default;
event_source &event_source::operator=(event_source &&) noexcept = default;
event_source::~event_source() = default;

void event_source::reset() {
    state_.reset();
}

void event_source::set_time(time_point_t when) {
    assert(state_);
    if (when == time_point_t::max()) {
        sd_event_source_set_enabled(state_->source, SD_EVENT_OFF);
        return;
    }
    auto usec = std::chrono::ceil<std::chrono::microseconds>(when.time_since_epoch()).count();
    sd_event_source_set_time(state_->source, usec > 0 ? static_cast<uint64_t>(usec) : 0);
    sd_event_source_set_enabled(state_->source, SD_EVENT_ONESHOT);
}

void event_source::set_events(uint32_t events) {
    assert(state_);
    sd_event_source_set_io_events(state_->source, events);
}

loop::loop() {
    if (sd_event_new(&event_) < 0) {
        abort(); /* no memory at start: nothing to go on with */
    }
    wake_.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    wake_source_ = watch(wake_.get(), EPOLLIN, [this](uint32_t) { drain(); });
}

loop::~loop() {
    wake_source_.reset();
    sd_event_unref(event_);
}

event_source loop::watch(int fd, uint32_t events, std::function<void(uint32_t)> fn) {
    event_source out;
    out.state_ = std::make_unique<event_source::state>();
    out.state_->fn = std::move(fn);
    if (sd_event_add_io(event_, &out.state_->source, fd, events, event_source::state::on_io,
                        out.state_.get()) < 0) {
        abort();
    }
    return out;
}

event_source loop::timer(std::function<void()> fn) {
    event_source out;
    out.state_ = std::make_unique<event_source::state>();
    out.state_->fn = [f = std::move(fn)](uint32_t) { f(); };
    /* 1 ms: the protocol's times are tens of milliseconds and more. */
    if (sd_event_add_time(event_, &out.state_->source, CLOCK_BOOTTIME, 0, 1000,
                          event_source::state::on_time, out.state_.get()) < 0) {
        abort();
    }
    sd_event_source_set_enabled(out.state_->source, SD_EVENT_OFF);
    return out;
}

event_source loop::on_signal(int signo, std::function<void()> fn) {
    event_source out;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signo);
    out.state_ = std::make_unique<event_source::state>();
    out.state_->fn = [f = std::move(fn)](uint32_t) { f(); };
    out.state_->own.reset(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!out.state_->own ||
        sd_event_add_io(event_, &out.state_->source, out.state_->own.get(), EPOLLIN,
                        event_source::state::on_signalfd, out.state_.get()) < 0) {
        abort();
    }
    return out;
}

void loop::post(std::function<void()> fn) {
    {
        std::lock_guard lock(mutex_);
        posted_.push_back(std::move(fn));
    }
    uint64_t one = 1;
    [[maybe_unused]] ssize_t n = write(wake_.get(), &one, sizeof(one));
}

void loop::drain() {
    uint64_t count = 0;
    [[maybe_unused]] ssize_t n = read(wake_.get(), &count, sizeof(count));
    std::vector<std::function<void()>> now;
    {
        std::lock_guard lock(mutex_);
        now.swap(posted_);
    }
    for (auto &fn : now) {
        fn();
    }
}

int loop::run() {
    return sd_event_loop(event_);
}

void loop::quit(int code) {
    sd_event_exit(event_, code);
}

void loop::turn(duration_t timeout) {
    auto usec = std::chrono::ceil<std::chrono::microseconds>(timeout).count();
    sd_event_run(event_, static_cast<uint64_t>(usec));
}

void loop::answer_watchdog() {
    sd_event_set_watchdog(event_, 1);
}

struct worker::state {
    mutable std::mutex mutex;
    std::condition_variable wake;
    std::deque<std::function<void()>> jobs;
    bool stop = false;
    std::thread thread;

    void main() {
        for (;;) {
            std::function<void()> job;
            {
                std::unique_lock lock(mutex);
                wake.wait(lock, [this] { return stop || !jobs.empty(); });
                if (stop) {
                    return;
                }
                job = std::move(jobs.front());
                jobs.pop_front();
            }
            job();
        }
    }
};

worker::worker(const char *name) : state_(std::make_unique<state>()) {
    state_->thread = std::thread([s = state_.get()] { s->main(); });
    pthread_setname_np(state_->thread.native_handle(), name);
}

worker::~worker() {
    {
        std::lock_guard lock(state_->mutex);
        state_->stop = true;
    }
    state_->wake.notify_one();
    state_->thread.join();
}

void worker::run(std::function<void()> job) {
    {
        std::lock_guard lock(state_->mutex);
        state_->jobs.push_back(std::move(job));
    }
    state_->wake.notify_one();
}

size_t worker::pending() const {
    std::lock_guard lock(state_->mutex);
    return state_->jobs.size();
}

} // namespace harp
