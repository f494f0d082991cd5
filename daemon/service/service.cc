// SPDX-License-Identifier: GPL-2.0
#include "service/service.hh"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>

#include <fmt/format.h>

#include "net/netns.hh"
#include "net/rtnl.hh"
#include "net/tcp.hh"
#include "service/steps.hh"
#include "service/wire.hh"

namespace harp::service {

namespace {

/* Messages wait in the socket while the agent is busy; there are few. */
constexpr int socket_buffer = 4 * static_cast<int>(wire::message_max);

result<pid_t> spawn_agent(int fd) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attr);
    /* dup2 onto itself would keep O_CLOEXEC; posix_spawn clears it there. */
    posix_spawn_file_actions_adddup2(&actions, fd, wire::agent_fd);
    posix_spawn_file_actions_addclosefrom_np(&actions, wire::agent_fd + 1);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    std::string name(wire::agent_name);
    char *argv[] = {name.data(), nullptr};
    pid_t pid = -1;
    const int rc = posix_spawn(&pid, "/proc/self/exe", &actions, &attr, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attr);
    if (rc != 0) {
        return fail(rc, fmt::format("starting the agent: {}", strerror(rc)));
    }
    return pid;
}

} // namespace

class service::impl {
public:
    impl(sd_event *event, config c, hooks h)
        : event_(sd_event_ref(event)), config_(std::move(c)), hooks_(std::move(h)),
          ns_(net::ns_files::under(fmt::format("{}/ns/{}", config_.run_dir, config_.group))) {}
    ~impl() {
        drop_agent();
        sd_event_unref(event_);
    }
    impl(const impl &) = delete;
    impl &operator=(const impl &) = delete;

    void call(const char *op, json args, done_fn done);
    const config &settings() const { return config_; }
    const net::ns_files &ns() const { return ns_; }

private:
    struct pending {
        done_fn done;
        std::vector<step_report> steps;
    };

    result<void> need_agent();
    void drop_agent();
    void fail_later(uint64_t id, failure why);
    void on_message(const json &j);
    void on_step(const json &j);
    void on_done(const json &j);
    void on_ask();
    void on_agent_gone();
    void complete(uint64_t id, result<void> status, observed now);

    static int on_readable(sd_event_source *, int, uint32_t, void *data);
    static int on_exit(sd_event_source *, const siginfo_t *, void *data);
    static int on_deferred(sd_event_source *, void *data);

    sd_event *event_;
    config config_;
    hooks hooks_;
    net::ns_files ns_;
    pid_t pid_ = -1;
    net::unique_fd ctl_;
    sd_event_source *readable_ = nullptr, *deferred_ = nullptr;
    uint64_t last_id_ = 0;
    std::map<uint64_t, pending> pending_;
    std::map<uint64_t, failure> failed_; /* to be told from the loop */
};

result<void> service::impl::need_agent() {
    if (ctl_) {
        return {};
    }
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
        return fail(errno, fmt::format("socketpair: {}", strerror(errno)));
    }
    net::unique_fd ours(ends[0]), theirs(ends[1]);
    fcntl(ours.get(), F_SETFL, O_NONBLOCK); /* harpd's loop does not wait for its agent */
    for (const int fd : ends) {
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &socket_buffer, sizeof(socket_buffer));
    }
    auto pid = spawn_agent(theirs.get());
    if (!pid) {
        return pid.error();
    }
    pid_ = *pid;
    ctl_ = std::move(ours);
    const int rc = sd_event_add_io(event_, &readable_, ctl_.get(), EPOLLIN, on_readable, this);
    if (rc < 0) {
        drop_agent();
        return fail(-rc, fmt::format("the event loop: {}", strerror(-rc)));
    }
    return wire::send(ctl_.get(), {{"config", to_json(config_)}});
}

void service::impl::drop_agent() {
    if (readable_) {
        sd_event_source_disable_unref(readable_);
        readable_ = nullptr;
    }
    if (deferred_) {
        sd_event_source_disable_unref(deferred_);
        deferred_ = nullptr;
    }
    /* It sees its socket closed, ends what it has begun, and goes. */
    ctl_.reset();
    if (pid_ > 0 && waitpid(pid_, nullptr, WNOHANG) == 0) {
        /* Still there: reaped by the loop, or by init when we go before. */
        (void)sd_event_add_child(event_, nullptr, pid_, WEXITED, on_exit, nullptr);
    }
    pid_ = -1;
}

int service::impl::on_exit(sd_event_source *, const siginfo_t *, void *) {
    return 0;
}

void service::impl::call(const char *op, json args, done_fn done) {
    const uint64_t id = ++last_id_;
    pending_[id] = {std::move(done), {}};
    auto r = need_agent();
    if (r.ok()) {
        r = wire::send(ctl_.get(), {{"id", id}, {"op", op}, {"args", std::move(args)}});
    }
    if (!r) {
        fail_later(id, r.error());
    }
}

void service::impl::fail_later(uint64_t id, failure why) {
    failed_[id] = std::move(why);
    if (!deferred_ && sd_event_add_defer(event_, &deferred_, on_deferred, this) < 0) {
        deferred_ = nullptr;
        return;
    }
    sd_event_source_set_enabled(deferred_, SD_EVENT_ONESHOT);
}

int service::impl::on_deferred(sd_event_source *, void *data) {
    auto *self = static_cast<impl *>(data);
    const auto failed = std::exchange(self->failed_, {});
    for (const auto &[id, why] : failed) {
        self->complete(id, why, {});
    }
    return 0;
}

int service::impl::on_readable(sd_event_source *, int, uint32_t, void *data) {
    auto *self = static_cast<impl *>(data);
    auto m = wire::receive(self->ctl_.get());
    if (m.ok() && *m) {
        self->on_message(**m);
    } else if (m.ok() || m.error().code != EAGAIN) {
        self->on_agent_gone();
    }
    return 0;
}

void service::impl::on_message(const json &j) {
    try {
        if (j.contains("step")) {
            on_step(j);
        } else if (j.contains("done")) {
            on_done(j);
        } else if (j.contains("ask")) {
            on_ask();
        } else if (j.contains("trouble") && hooks_.trouble) {
            hooks_.trouble(fail(j.value("code", EIO), j.at("trouble").get<std::string>()));
        }
    } catch (const json::exception &e) {
        on_agent_gone();
    }
}

void service::impl::on_step(const json &j) {
    auto r = wire::step_from(j.at("step"));
    if (!r) {
        return;
    }
    if (const auto it = pending_.find(j.value("id", uint64_t{0})); it != pending_.end()) {
        it->second.steps.push_back(*r);
    }
    if (hooks_.progress) {
        hooks_.progress(*r);
    }
}

void service::impl::on_done(const json &j) {
    const int code = j.value("code", EIO);
    auto now = observed_from_json(j.value("now", ""));
    complete(j.at("done").get<uint64_t>(),
             code == 0 ? result<void>() : result<void>(fail(code, j.value("text", ""))),
             now.ok() ? *now : observed{});
}

void service::impl::complete(uint64_t id, result<void> status, observed now) {
    auto node = pending_.extract(id);
    if (node.empty()) {
        return;
    }
    if (node.mapped().done) {
        node.mapped().done({std::move(status), std::move(node.mapped().steps), std::move(now)});
    }
}

void service::impl::on_ask() {
    const auto r = hooks_.release ? hooks_.release() : result<void>();
    (void)wire::send(ctl_.get(), {{"answer", "release"},
                                  {"code", r.ok() ? 0 : r.error().code},
                                  {"text", r.ok() ? "" : r.error().text}});
}

void service::impl::on_agent_gone() {
    drop_agent();
    const auto lost = std::exchange(pending_, {});
    failed_.clear();
    const auto why = fail(EPIPE, fmt::format("the agent of group {} died", config_.group));
    for (const auto &[id, p] : lost) {
        if (p.done) {
            p.done({why, p.steps, {}});
        }
    }
    if (hooks_.trouble) {
        hooks_.trouble(why);
    }
}

result<std::unique_ptr<service>> service::make(sd_event *event, config c, hooks h) {
    if (auto r = check(c); !r) {
        return r.error();
    }
    return std::unique_ptr<service>(
            new service(std::make_unique<impl>(event, std::move(c), std::move(h))));
}

service::service(std::unique_ptr<impl> p) : impl_(std::move(p)) {}
service::~service() = default;

const config &service::settings() const noexcept {
    return impl_->settings();
}

void service::observe(done_fn done) {
    impl_->call("observe", json::object(), std::move(done));
}

void service::prepare(done_fn done) {
    impl_->call("prepare", json::object(), std::move(done));
}

namespace {

json to_json(const mount_args &a) {
    return {{"source", a.source}, {"type", a.type}, {"options", a.options}};
}

} // namespace

void service::mount_lower(mount_args args, done_fn done) {
    impl_->call("mount_lower", to_json(args), std::move(done));
}

void service::mount_harp(mount_args args, done_fn done) {
    impl_->call("mount_harp", to_json(args), std::move(done));
}

void service::clear_lower(done_fn done) {
    impl_->call("clear_lower", json::object(), std::move(done));
}

void service::umount(std::chrono::milliseconds deadline, done_fn done) {
    impl_->call("umount", {{"deadline", deadline.count()}}, std::move(done));
}

void service::start(start_args args, done_fn done) {
    json clients = json::array();
    for (const auto &c : args.clients) {
        clients.push_back(wire::to_json(c));
    }
    impl_->call("start", {{"clients", std::move(clients)}}, std::move(done));
}

void service::stop(stop_args args, done_fn done) {
    impl_->call("stop",
                {{"umount", args.umount},
                 {"teardown", args.teardown},
                 {"release", args.release},
                 {"patience", args.patience.count()}},
                std::move(done));
}

result<unsigned> service::ifindex() {
    unsigned index = 0;
    auto r = net::within_netns(impl_->ns().net, [&]() -> result<void> {
        auto nl = net::rtnl::open();
        if (!nl) {
            return nl.error();
        }
        auto link = nl->find(net::group_link);
        if (!link) {
            return link.error();
        }
        index = *link ? (*link)->index : 0;
        return {};
    });
    if (!r && r.error().code != ENOENT) {
        return r.error();
    }
    return index;
}

result<void> service::bind_gate(const std::function<result<void>(unsigned ifindex)> &body) {
    auto index = ifindex();
    if (!index) {
        return index.error();
    }
    if (*index == 0) {
        return fail(ENOENT, "the group's link is not there yet");
    }
    return net::within_netns(impl_->ns().net, [&] { return body(*index); });
}

result<std::vector<net::connection>> service::connections(size_t limit) {
    std::vector<net::connection> out;
    auto r = net::within_netns(impl_->ns().net, [&]() -> result<void> {
        auto found = net::established(impl_->settings().nfsd.port, limit);
        if (!found) {
            return found.error();
        }
        out = std::move(*found);
        return {};
    });
    if (!r) {
        return r.error();
    }
    return out;
}

} // namespace harp::service
