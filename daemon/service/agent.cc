// SPDX-License-Identifier: GPL-2.0
#include "service/agent.hh"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>

#include <fmt/format.h>

#include "net/rtnl.hh"

namespace harp::service {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds lock_deadline{30000};
constexpr milliseconds release_deadline{5000};
constexpr milliseconds look_deadline{2000};
/* For a step under way when stop() arrives. */
constexpr milliseconds stop_courtesy{1000};
constexpr milliseconds drain_interval{250};
constexpr milliseconds watch_interval{2000};

time_point_t boottime_now() {
    timespec ts{};
    clock_gettime(CLOCK_BOOTTIME, &ts);
    return time_point_t(std::chrono::seconds(ts.tv_sec) + std::chrono::nanoseconds(ts.tv_nsec));
}

mount_args mount_args_of(const json &j) {
    return {j.value("source", ""), j.value("type", ""), j.value("options", "")};
}

} // namespace

agent::agent(int ctl, config c) : ctl_(ctl), c_(std::move(c)) {
    ctx_.c = &c_;
    void *page = mmap(nullptr, sizeof(*stop_flag_), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        abort(); /* a page, at the very start */
    }
    stop_flag_ = new (page) std::atomic<int>(0);
    ctx_.ns = net::ns_files::under(fmt::format("{}/ns/{}", c_.run_dir, c_.group));
}

result<void> agent::take_run_dir() {
    const std::string dir = fmt::format("{}/{}", c_.run_dir, c_.group);
    for (const auto &d : {c_.run_dir, dir}) {
        if (mkdir(d.c_str(), 0755) < 0 && errno != EEXIST) {
            return fail(errno, fmt::format("{}: {}", d, strerror(errno)));
        }
    }
    run_fd_.reset(open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    lock_.reset(openat(run_fd_.get(), "agent.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!run_fd_ || !lock_) {
        return fail(errno, fmt::format("{}: {}", dir, strerror(errno)));
    }
    ctx_.run_fd = run_fd_.get();
    return {};
}

/* The agent of harpd's life before may still be ending what it began. */
result<void> agent::take_lock(milliseconds deadline) {
    const auto end = clock::now() + deadline;
    while (!locked_) {
        if (flock(lock_.get(), LOCK_EX | LOCK_NB) == 0) {
            locked_ = true;
        } else if (clock::now() >= end) {
            return fail(EBUSY, fmt::format("another agent of group {} is still at work", c_.group));
        } else {
            pump(-1, clock::now() + milliseconds(20));
        }
    }
    return {};
}

int agent::run() {
    if (auto r = take_run_dir(); !r) {
        (void)wire::send(ctl_.get(), {{"trouble", r.error().text}, {"code", r.error().code}});
        return 1;
    }
    for (;;) {
        if (queue_.empty()) {
            if (gone_) {
                return 0;
            }
            pump(-1, clock::time_point::max());
            continue;
        }
        const json j = std::move(queue_.front());
        queue_.pop_front();
        handle(j);
        reap_all();
    }
}

agent::clock::time_point agent::next_timer() const {
    auto next = clock::time_point::max();
    if (announcing_) {
        next = std::min(next, announce_at_);
    }
    if (drain_at_) {
        next = std::min(next, *drain_at_);
    }
    if (watch_at_) {
        next = std::min(next, *watch_at_);
    }
    return next;
}

bool agent::pump(int also, clock::time_point until) {
    std::array<pollfd, 2> fds{{{gone_ ? -1 : ctl_.get(), POLLIN, 0}, {also, POLLIN, 0}}};
    /* While a step runs no timer but the announcements' is served. */
    const auto timer = also >= 0 ? (announcing_ ? announce_at_ : clock::time_point::max())
                                 : next_timer();
    const auto wake = std::min(until, timer);
    int timeout = -1;
    if (wake != clock::time_point::max()) {
        const auto left = std::chrono::ceil<milliseconds>(wake - clock::now()).count();
        timeout = static_cast<int>(std::clamp<int64_t>(left, 0, 60000));
    }
    if (poll(fds.data(), fds.size(), timeout) < 0) {
        return false;
    }
    if (fds[0].revents != 0) {
        listen();
    }
    if (announcing_ && clock::now() >= announce_at_) {
        (void)announce_now();
    }
    if (also < 0) {
        run_timers();
    }
    return fds[1].revents != 0;
}

void agent::run_timers() {
    if (drain_at_ && clock::now() >= *drain_at_ && queue_.empty()) {
        retry_drain();
    }
    if (watch_at_ && clock::now() >= *watch_at_ && queue_.empty()) {
        watch_helpers();
    }
}

void agent::listen() {
    auto m = wire::receive(ctl_.get());
    if (!m || !*m) {
        gone_ = true;
        return;
    }
    on_message(std::move(**m));
}

void agent::on_message(json j) {
    if (j.contains("answer")) {
        answer_ = std::move(j);
        return;
    }
    if (j.value("op", "") == "stop") {
        /* What waits is not begun; and the link does not wait for what has. */
        for (const auto &waiting : queue_) {
            finish(waiting.value("id", uint64_t{0}),
                   fail(ECANCELED, "the service is being stopped"));
        }
        queue_.clear();
        if (stopping_) {
            /* One is at it; this one may ask for more, and finds less to do. */
            queue_.push_back(std::move(j));
            return;
        }
        stop_asked_ = true;
        stop_flag_->store(1);
        announcing_ = false;
        if (net::is_pinned(ctx_.ns.net)) {
            const step down{action::link_down, milliseconds(0), on_failure::go_on, {}};
            if (auto aside = spawn_step(down); aside.ok()) {
                asides_.push_back(std::move(*aside));
            }
        }
    }
    queue_.push_back(std::move(j));
}

result<plan> agent::plan_for(const json &j) {
    const std::string op = j.value("op", "");
    const json args = j.value("args", json::object());
    if (op == "observe") {
        return plan{};
    }
    if (op == "prepare") {
        return plan_prepare(c_);
    }
    if (op == "mount_lower") {
        ctx_.mount = mount_args_of(args);
        return plan_mount_lower(c_, ctx_.mount);
    }
    if (op == "mount_harp") {
        ctx_.mount = mount_args_of(args);
        return plan_mount_harp(c_, ctx_.mount);
    }
    if (op == "clear_lower") {
        return plan_clear_lower(c_);
    }
    if (op == "umount") {
        return plan_umount(c_, milliseconds(args.value("deadline", int64_t{15000})));
    }
    if (op == "start") {
        ctx_.start.clients.clear();
        for (const auto &x : args.value("clients", json::array())) {
            if (auto client = wire::connection_from(x); client.ok()) {
                ctx_.start.clients.push_back(*client);
            }
        }
        return plan_start(c_, ctx_.start);
    }
    if (op == "stop") {
        stop_args a;
        a.umount = args.value("umount", false);
        a.teardown = args.value("teardown", false);
        a.release = args.value("release", true);
        a.patience = milliseconds(args.value("patience", int64_t{2000}));
        return plan_stop(c_, a);
    }
    return fail(EBADMSG, fmt::format("the agent does not know '{}'", op));
}

void agent::handle(const json &j) {
    const uint64_t id = j.value("id", uint64_t{0});
    stopping_ = j.value("op", "") == "stop";
    if (stopping_) {
        stop_asked_ = false;
        stop_flag_->store(0);
        drain_at_.reset();
        watch_at_.reset();
    }
    auto r = take_lock(lock_deadline);
    if (r.ok()) {
        auto p = plan_for(j);
        r = p.ok() ? carry_out_plan(*p, id) : result<void>(p.error());
    }
    const std::string op = j.value("op", "");
    if ((op == "prepare" || op == "start") && c_.helpers == helper_backend::exec) {
        watch_at_ = clock::now() + watch_interval;
    }
    if (op == "umount") {
        watch_at_.reset();
    }
    if (stopping_) {
        asides_.clear(); /* the plan's own link-down has been done */
    }
    stopping_ = false;
    finish(id, r);
}

result<void> agent::carry_out_plan(const plan &p, uint64_t id) {
    result<void> first;
    /* True: the plan goes on. */
    const auto judge = [&](const step &s, const result<std::string> &r) {
        if (r.ok()) {
            return true;
        }
        if (first.ok()) {
            first = fail(r.error().code, fmt::format("{}: {}", name_of(s.what), r.error().text));
        }
        return s.then == on_failure::go_on;
    };
    const std::span<const step> all(p);
    for (size_t i = 0; i < all.size();) {
        if (stop_asked_) {
            return fail(ECANCELED, "the service is being stopped");
        }
        size_t n = 0;
        while (i + n < all.size() && is_inside(all[i + n].what)) {
            n++;
        }
        if (n > 0) {
            auto done = carry_out_inside_steps(all.subspan(i, n), id, judge);
            if (!done) {
                return first.ok() ? result<void>(done.error()) : first;
            }
            i += *done;
            continue;
        }
        const auto begin = clock::now();
        const auto boot = boottime_now();
        const auto r = carry_out_step(all[i]);
        report(all[i], id, begin, boot, r);
        if (!judge(all[i], r)) {
            return first;
        }
        i++;
    }
    return first;
}

/* How many were done; an error when the plan ends with the last of them. */
result<size_t> agent::carry_out_inside_steps(std::span<const step> steps, uint64_t id,
                                             const judge_fn &judge) {
    auto c = child::spawn_many([&](const child::say_fn &say) {
        lock_.reset();
        ctl_.reset();
        size_t i = 0;
        carry_out_inside(ctx_, steps, [&](const result<std::string> &r) {
            say(r);
            const bool go_on = r.ok() || steps[i].then == on_failure::go_on;
            i++;
            return go_on && !stop_flag_->load();
        });
    });
    if (!c) {
        return c.error();
    }
    for (size_t i = 0; i < steps.size(); i++) {
        const auto begin = clock::now();
        const auto boot = boottime_now();
        auto r = next_word(*c, steps[i].deadline);
        const bool cancelled = !r && r.error().code == ECHILD && stop_asked_;
        if (!cancelled) {
            report(steps[i], id, begin, boot, r);
        }
        if (cancelled) {
            return fail(ECANCELED, "the service is being stopped");
        }
        if (!judge(steps[i], r)) {
            return r.error();
        }
        if (!r && c->fd() < 0) {
            return i + 1; /* it hung and was left behind: another process does the rest */
        }
    }
    c->finish();
    return steps.size();
}

/* The child's next word, or its end at the deadline. */
result<std::string> agent::next_word(child &c, milliseconds deadline) {
    const auto begin = clock::now();
    auto end = begin + deadline;
    bool hurried = stop_asked_;
    while (!pump(c.fd(), end)) {
        if (stop_asked_ && !hurried) {
            /* What hangs may wait for the release that only stop() brings. */
            end = std::min(end, clock::now() + stop_courtesy);
            hurried = true;
        }
        if (clock::now() >= end) {
            const auto took = std::chrono::ceil<milliseconds>(clock::now() - begin);
            const std::string where = c.abandon();
            return fail(ETIMEDOUT, fmt::format("no end after {} ms{}{}", took.count(),
                                               where.empty() ? "" : ", in the kernel's ", where));
        }
    }
    return c.next();
}

result<std::string> agent::carry_out_step(const step &s) {
    switch (s.what) {
    case action::announce: {
        announcer_.reset();
        announcing_ = true;
        announced_ = 0;
        announce_since_ = clock::now();
        return announce_now();
    }
    case action::quiet:
        announcing_ = false;
        return std::string();
    case action::release:
        return ask_release();
    default:
        return in_child(s);
    }
}

/* A child that hangs must not keep the lock, nor harpd's socket, from the next agent. */
result<child> agent::spawn_step(const step &s) {
    return child::spawn([this, &s]() -> result<std::string> {
        lock_.reset();
        ctl_.reset();
        return carry_out(ctx_, s);
    });
}

result<std::string> agent::in_child(const step &s) {
    auto c = spawn_step(s);
    if (!c) {
        return c.error();
    }
    auto r = next_word(*c, s.deadline);
    c->finish();
    return r;
}

result<std::string> agent::announce_now() {
    if (!announcer_) {
        auto r = net::within_netns(ctx_.ns.net, [&]() -> result<void> {
            auto nl = net::rtnl::open();
            if (!nl) {
                return nl.error();
            }
            auto link = nl->find(net::group_link);
            if (!link) {
                return link.error();
            }
            if (!*link) {
                return fail(ENODEV, "the group's link is gone");
            }
            auto a = net::announcer::open((*link)->index);
            if (!a) {
                return a.error();
            }
            announcer_.emplace(std::move(*a));
            frames_ = net::announcements((*link)->mac, c_.link.addresses);
            return {};
        });
        if (!r) {
            announcing_ = false;
            return r.error();
        }
    }
    auto sent = announcer_->send(frames_);
    announced_++;
    announce_at_ = announced_ < net::announce_schedule.size()
                           ? announce_since_ + net::announce_schedule[announced_]
                           : clock::now() + net::announce_refresh;
    if (!sent) {
        return sent.error();
    }
    return fmt::format("{} frames", frames_.size());
}

result<std::string> agent::ask_release() {
    answer_.reset();
    if (gone_ || !wire::send(ctl_.get(), {{"ask", "release"}})) {
        return fail(EPIPE, "harpd is gone: parked operations are not released");
    }
    const auto end = clock::now() + release_deadline;
    while (!answer_ && !gone_ && clock::now() < end) {
        pump(-1, end);
    }
    if (!answer_) {
        return fail(ETIMEDOUT, "harpd did not say that it released the parked operations");
    }
    const int code = answer_->value("code", 0);
    const std::string text = answer_->value("text", "");
    if (code != 0) {
        return fail(code, text);
    }
    return text;
}

void agent::report(const step &s, uint64_t id, clock::time_point begin, time_point_t boot,
                   const result<std::string> &r) {
    step_report rep;
    rep.name = name_of(s.what);
    if (s.what == action::helper_start || s.what == action::helper_stop) {
        rep.name += " " + s.detail.at(0);
    }
    rep.begin = boot;
    rep.took = clock::now() - begin;
    rep.code = r.ok() ? 0 : r.error().code;
    rep.text = r.ok() ? *r : r.error().text;
    if (stopping_ && !r && (s.what == action::nfsd_drain || s.what == action::nfsd_stop)) {
        drain_at_ = clock::now() + drain_interval;
    }
    if (!gone_) {
        (void)wire::send(ctl_.get(), {{"step", wire::to_json(rep)}, {"id", id}});
    }
}

std::string agent::look() {
    auto c = child::spawn(
            [&]() -> result<std::string> { return observed_to_json(observe_now(ctx_)); });
    if (!c) {
        return "";
    }
    auto r = next_word(*c, look_deadline);
    c->finish();
    return r.value_or("");
}

void agent::finish(uint64_t id, const result<void> &r) {
    if (gone_) {
        return;
    }
    json j{{"done", id},
           {"code", r.ok() ? 0 : r.error().code},
           {"text", r.ok() ? "" : r.error().text}};
    /* Cancelled calls are not worth a look, and stop() is waiting. */
    if (r.ok() || r.error().code != ECANCELED) {
        j["now"] = look();
    }
    (void)wire::send(ctl_.get(), j);
}

void agent::retry_drain() {
    drain_at_.reset();
    const step drain{action::nfsd_drain, milliseconds(100), on_failure::end, {}};
    auto r = in_child(drain);
    if (r.ok()) {
        const step end{action::nfsd_stop, milliseconds(15000), on_failure::end, {}};
        const auto begin = clock::now();
        const auto boot = boottime_now();
        r = in_child(end);
        report(end, 0, begin, boot, r);
    }
    if (!r && !stop_asked_) {
        drain_at_ = clock::now() + drain_interval;
    }
}

void agent::watch_helpers() {
    watch_at_ = clock::now() + watch_interval;
    for (const auto &name : helpers_of(c_)) {
        if (helper_pid(ctx_, name) > 0) {
            continue;
        }
        const step again{action::helper_start, milliseconds(5000), on_failure::go_on, {name}};
        auto r = in_child(again);
        (void)wire::send(ctl_.get(), {{"trouble", fmt::format("{} had died: {}", name,
                                                              r.ok() ? *r : r.error().text)},
                                      {"code", r.ok() ? ECHILD : r.error().code}});
    }
}

std::optional<int> agent_main(int argc, char **argv) {
    if (argc < 1 || strcmp(argv[0], wire::agent_name) != 0) {
        return std::nullopt;
    }
    signal(SIGPIPE, SIG_IGN);
    auto first = wire::receive(wire::agent_fd);
    if (!first || !*first || !(**first).contains("config")) {
        return 1;
    }
    auto c = from_json((**first)["config"].get<std::string>());
    if (!c) {
        (void)wire::send(wire::agent_fd, {{"trouble", c.error().text}, {"code", c.error().code}});
        return 1;
    }
    return agent(wire::agent_fd, std::move(*c)).run();
}

} // namespace harp::service
