/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The agent: carries a service's plans out. It never waits in the kernel itself:
 * steps run in children, and while one does, the agent listens for stop().
 */
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <list>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "net/announce.hh"
#include "service/child.hh"
#include "service/steps.hh"
#include "service/wire.hh"

namespace harp::service {

class agent {
public:
    agent(int ctl, config c);
    /* Until the other end closes; what was begun is ended before. Returns the exit status. */
    int run();

private:
    using clock = std::chrono::steady_clock;

    result<void> take_run_dir();
    result<void> take_lock(std::chrono::milliseconds deadline);

    /* One poll(): messages, announcements, watches. Returns when @also is readable. */
    bool pump(int also, clock::time_point until);
    void listen();
    void on_message(json j);
    clock::time_point next_timer() const;
    void run_timers();

    void handle(const json &j);
    result<plan> plan_for(const json &j);
    result<void> carry_out_plan(const plan &p, uint64_t id);
    result<std::string> carry_out_step(const step &s);
    result<child> spawn_step(const step &s);
    result<std::string> in_child(const step &s);
    using judge_fn = std::function<bool(const step &, const result<std::string> &)>;
    result<size_t> carry_out_inside_steps(std::span<const step> steps, uint64_t id,
                                          const judge_fn &judge);
    result<std::string> next_word(child &c, std::chrono::milliseconds deadline);
    result<std::string> announce_now();
    result<std::string> ask_release();
    void report(const step &s, uint64_t id, clock::time_point begin, time_point_t boot,
                const result<std::string> &r);
    void finish(uint64_t id, const result<void> &r);
    std::string look();

    /* nfsd was not stopped: tried again until it is. */
    void retry_drain();
    /* Helpers of the exec backend are nobody's but ours to watch. */
    void watch_helpers();

    net::unique_fd ctl_;
    config c_;
    context ctx_;
    net::unique_fd run_fd_, lock_;
    bool locked_ = false;
    bool gone_ = false;     /* harpd's end is closed */
    bool stopping_ = false; /* a stop is being carried out: it is not stopped */
    bool stop_asked_ = false;
    std::atomic<int> *stop_flag_; /* the same, for children between two steps */
    std::deque<json> queue_;
    std::optional<json> answer_;

    std::optional<net::announcer> announcer_;
    std::vector<net::frame> frames_;
    bool announcing_ = false;
    size_t announced_ = 0;
    clock::time_point announce_at_{}, announce_since_{};
    std::optional<clock::time_point> drain_at_;
    std::optional<clock::time_point> watch_at_;
    std::list<child> asides_; /* link-down while another step hangs */
};

} // namespace harp::service
