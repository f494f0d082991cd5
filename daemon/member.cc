/* SPDX-License-Identifier: GPL-2.0 */
#include "member.hh"

#include "knl/host.hh"
#include "net/tcp.hh"
#include "util/fault.hh"
#include "util/log.hh"
#include "util/text.hh"
#include "vsr/decide.hh"
#include "vsr/wire.hh"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>

namespace harp {

using namespace vsr;
using namespace std::chrono_literals;

namespace {

/* A start or stop of the service that failed is tried again. */
constexpr duration_t service_retry_after = 1s;
/* A beat comes at least every half second. */
constexpr duration_t beat_counts = 3s;

/* Waits scale with Δ: what suits 2 s would be an age for 300 ms. */
timings timings_of(const config::group_config &g) {
    timings t;
    t.promise = std::chrono::milliseconds(g.promise_ms);
    t.detect = std::chrono::milliseconds(g.detect_ms);
    auto scaled = [&](duration_t d) { return std::max<duration_t>(d * g.promise_ms / 2000, 50ms); };
    t.wait = scaled(t.wait);
    t.wait_extra = scaled(t.wait_extra);
    t.window = std::max<duration_t>(scaled(t.window), 1s);
    t.third = scaled(t.third);
    t.retry = std::min<duration_t>(scaled(t.retry), 200ms);
    t.status_interval = std::min<duration_t>(scaled(t.status_interval), 500ms);
    return t;
}

/* In the order of kernel_command_body. */
constexpr fault fault_of(const kernel_command &c) {
    static_assert(std::variant_size_v<kernel_command_body> == 7);
    static_assert(std::is_same_v<std::variant_alternative_t<6, kernel_command_body>, cmd_seal>);
    return fault(static_cast<size_t>(fault::asking_attach) + c.body.index());
}

/* Of those messages that change something. */
std::optional<fault> fault_of(const message_body &m) {
    if (std::holds_alternative<propose>(m)) {
        return fault::sending_propose;
    }
    if (std::holds_alternative<agree>(m)) {
        return fault::sending_agree;
    }
    if (std::holds_alternative<start>(m)) {
        return fault::sending_start;
    }
    if (std::holds_alternative<started>(m)) {
        return fault::sending_started;
    }
    if (std::holds_alternative<request>(m)) {
        return fault::sending_request;
    }
    return std::nullopt;
}

} // namespace

std::string indices_text(const std::vector<index_t> &of) {
    std::string out;
    for (index_t at : of) {
        out += (out.empty() ? "" : " ") + fmt::to_string(at.value());
    }
    return out;
}

vsr::config core_config(const disk_state &disk, const config::group_config &g) {
    vsr::config c;
    c.group = disk.group;
    c.members = disk.members;
    c.self = disk.self;
    c.times = timings_of(g);
    c.stop_at_suspects = g.stop_at_suspects;
    /* A full log would end the view that needs it at once. */
    c.space_min = g.members[disk.members.size() - 1].log_size / 16;
    return c;
}

static cluster::log_room_config room_config(const disk_state &disk, const config::group_config &g) {
    const auto &witness = g.members[disk.members.size() - 1];
    return {witness.log_warn_pct, core_config(disk, g).space_min, vsr::standing_in_min,
            witness.name};
}

group_member::group_member(member_env env, config::group_config group, slot_t self, disk_state disk)
    : env_(std::move(env)), group_(std::move(group)), self_(self), disk_(std::move(disk)),
      state_(env_.state_dir + "/" + group_.name), seal_file_(env_.state_dir + "/" + group_.name),
      seal_named_(disk_.seal.has_value()), clients_(env_.state_dir + "/" + group_.name),
      alive_(std::make_shared<bool>(true)), room_(room_config(disk_, group_)),
      disk_worker_(std::make_unique<worker>("harp-state")),
      clients_worker_(std::make_unique<worker>("harp-clients")),
      fetch_worker_(std::make_unique<worker>("harp-fetch")) {
    for (size_t i = 0; i < peers_.size(); i++) {
        peers_[i].heard.resize(group_.members[i].addresses.size());
    }
    poll_ms_ = std::clamp<uint64_t>(group_.promise_ms / 8, 25, 250);
    if (!seal_named_) {
        disk_worker_->run([this] { drop_sealed(); }); /* an earlier harpd ended in between */
    }
}

group_member::~group_member() {
    *alive_ = false;
    disk_worker_.reset();
    clients_worker_.reset();
    copy_.reset();
    fetch_worker_.reset();
    dialler_.reset();
    catch_up_.reset();
    fetch_dialler_.reset();
    outline_dialler_.reset();
    backend_.replica.reset();
    backend_.service.reset();
}

result<std::unique_ptr<group_member>> group_member::make(member_env env, config::group_config group,
                                                         slot_t self) {
    cluster::state_file state(env.state_dir + "/" + group.name);
    auto disk = state.load();
    if (!disk) {
        return fail(disk.error().code, fmt::format("the state of group {} cannot be read: {}",
                                                   group.name, disk.error().text));
    }
    if (!state.warning().empty()) {
        log_warning("{}: one copy of the state is bad, the other is used: {}", group.name,
                    state.warning());
    }
    if (group.uuid && *group.uuid != disk->group) {
        return fail(EINVAL, fmt::format("{}: uuid is not that of the group as it was created, {}",
                                        group.file, format_uuid(disk->group)));
    }
    for (size_t i = 0; i < member_count; i++) {
        if (disk->members[i].name != group.members[i].name) {
            return fail(EINVAL,
                        fmt::format("{}: member {} was created as '{}', found '{}'", group.file, i,
                                    disk->members[i].name, group.members[i].name));
        }
    }
    std::unique_ptr<group_member> out(
            new group_member(std::move(env), std::move(group), self, *disk));
    if (auto r = out->clients_.load(); !r) {
        log_warning("{}: no client is woken by its list: {}", out->group_.name, r.error().text);
    }
    /* The writer's copy knows the sequence number. */
    (void)out->state_.load();
    if (auto r = out->begin(); !r) {
        return r.error();
    }
    return out;
}

result<void> group_member::begin() {
    backend_request r;
    r.events = env_.events;
    r.group = &group_;
    r.self = self_;
    r.disk = disk_;
    r.state_dir = env_.state_dir + "/" + group_.name;
    r.run_dir = env_.run_dir;
    r.keep_memory = env_.keep_memory;
    r.hooks.event = [this](const kernel_event &e) { on_kernel(e); };
    r.hooks.log_high = [this](unsigned percent) {
        log_warning("{}: the log is {} % full", group_.name, percent);
    };
    r.fetch = [this](const log_source &s, auto done) { dial_fetch(s, std::move(done)); };
    r.progress = [this](const service::step_report &s) { service_step(s); };
    r.trouble = [this](const failure &f) {
        service_trouble_ = f.text;
        log_error("{}: service: {}", group_.name, f.text);
    };
    auto made = env_.make_backend(r);
    if (!made) {
        return made.error();
    }
    backend_ = std::move(*made);
    object_report found = backend_.replica->found();
    own_ = found;
    if (found.inc) {
        /* An earlier harpd's: what it left on, link and service, is not made twice. */
        service_ = service_phase::on;
        link_found_ = found.view && backend_.replica->facts().link_up;
    }
    core_ = std::make_unique<vsr::core>(core_config(disk_, group_), disk_, found, boottime_now());
    make_catch_up();
    const auto &me = group_.members[self_.value()];
    const bool mounted = found.inc ? backend_.replica->facts().confirms : group_.confirms;
    machine_ = me.is_data() ? knl::host_warnings(me.region, {group_.confirms, mounted})
                            : std::vector<std::string>();
    for (const auto &list : {machine_, group_.unfit}) {
        for (const auto &w : list) {
            log_warning("{}: {}", group_.name, w);
        }
    }
    tick_ = env_.events->timer([this] {
        core_->tick(boottime_now());
        carry_out();
    });
    poll_ = env_.events->timer([this] {
        backend_.replica->poll();
        poll_.set_time(boottime_now() + std::chrono::milliseconds(poll_ms_));
    });
    second_ = env_.events->timer([this] { beat_second(); });
    link_timer_ = env_.events->timer([this] { dial_link(); });
    service_timer_ = env_.events->timer([this] {
        bool idle = service_ == service_phase::off || service_ == service_phase::half;
        if (service_wanted_ && idle) {
            serve(service_view_);
        } else if (service_ == service_phase::half) {
            give_up("it has not come to an end yet");
        }
    });
    poll_.set_time(boottime_now());
    second_.set_time(boottime_now());
    carry_out();
    return {};
}

/* ---- carrying out ---- */

void group_member::carry_out() {
    if (carrying_) {
        return; /* whoever is carrying out takes the rest, too */
    }
    carrying_ = true;
    for (;;) {
        output out = core_->take_output();
        if (out.empty()) {
            break;
        }
        for (const auto &n : out.notes) {
            log_line(n.severity == note::level::error     ? log_level::error
                     : n.severity == note::level::warning ? log_level::warning
                                                          : log_level::info,
                     group_.name + ": " + n.text);
        }
        if (out.persist) {
            persist(std::move(*out.persist));
        }
        for (const auto &m : out.messages) {
            send(m);
        }
        ask_replica(out);
        if (out.seal) {
            seal(*out.seal);
        }
        for (const auto &s : out.service) {
            if (const auto *on = std::get_if<service_serve>(&s)) {
                serve(on->view);
            } else if (const auto *off = std::get_if<service_give_up>(&s)) {
                give_up(off->reason);
            } else if (const auto *drain = std::get_if<service_drain>(&s)) {
                give_up("switchover", [this, token = drain->token] {
                    core_->on_service(boottime_now(), service_drained{token});
                    backend_.replica->poll(); /* where the log ends now */
                    carry_out();
                });
            }
        }
        if (out.switchover && switchover_done_) {
            std::exchange(switchover_done_, nullptr)(*out.switchover);
        }
        if (out.status_changed) {
            tell_transition();
            env_.status_changed();
        }
    }
    carrying_ = false;
    arm();
    if (core_->state() == member_state::starting) {
        return;
    }
    const auto started = start_result();
    for (auto &tell : std::exchange(to_tell_started_, {})) {
        tell(started);
    }
}

/* A new link before the commands, which may need it; its end after them: LEAVE goes over it. */
void group_member::ask_replica(output &out) {
    if (out.link && *out.link) {
        set_link(*out.link);
    }
    if (adopting_ && core_->state() != member_state::adopting) {
        adopting_.reset(); /* it has given up: the kernel must not enter alone */
        catch_up_->stop();
    }
    if (out.feed) {
        catch_up_->follow(*out.feed);
    }
    for (auto &k : out.kernel) {
        if (std::get_if<cmd_adopt>(&k.body) != nullptr) {
            adopt(std::move(k));
            continue;
        }
        if (adopting_ && std::get_if<cmd_serve>(&k.body) == nullptr) {
            adopting_.reset(); /* fenced meanwhile: that view is not to be */
            catch_up_->stop();
        }
        execute(std::move(k));
    }
    if (out.link && !*out.link) {
        set_link(std::nullopt);
    }
}

void group_member::execute(kernel_command command) {
    fault_point(fault_of(command));
    backend_.replica->execute(std::move(command));
}

/* V6. What a data member's log lacks is fetched first, so that its header names whole logs only. */
void group_member::adopt(kernel_command command) {
    const auto &cmd = std::get<cmd_adopt>(command.body);
    const view_record &r = cmd.what.record;
    if (r.primary.slot != self_) {
        /* Parked operations may hold records that are to be cut (G3). */
        give_up("another member is to be primary");
    }
    if (!group_.members[self_.value()].is_data() ||
        std::min(cmd.match.index, own_.log.top) >= r.s) {
        execute(std::move(command));
        return;
    }
    if (adopting_ && std::get<cmd_adopt>(adopting_->body).what.record == r) {
        adopting_->token = command.token; /* asked again */
        return;
    }
    adopting_ = std::move(command);
    const auto &kept = std::get<cmd_adopt>(adopting_->body);
    catch_up_->fill(kept.what, kept.match.index, [this](const result<void> &filled) {
        kernel_command ready = std::move(*adopting_);
        adopting_.reset();
        if (!filled) {
            command_done done;
            done.token = ready.token;
            done.why = filled.error().code == EAGAIN ? refusal::retry : refusal::failed;
            done.text = filled.error().text;
            on_kernel(done);
            return;
        }
        auto &whole = std::get<cmd_adopt>(ready.body);
        whole.match = {whole.what.record.s, whole.what.record.view_of_s};
        fault_point(fault::filled);
        execute(std::move(ready));
    });
}

void group_member::make_catch_up() {
    cluster::catch_up_env e;
    e.events = env_.events;
    e.name = group_.name;
    e.group = disk_.group;
    e.lineage = disk_.lineage;
    e.epoch = disk_.epoch;
    e.self = self_;
    e.replica = backend_.replica.get();
    e.outline = [this](slot_t peer, auto done) { dial_outline(peer, std::move(done)); };
    e.fetch = [this](const log_source &s, auto done) { dial_fetch(s, std::move(done)); };
    catch_up_ = std::make_unique<cluster::catch_up>(std::move(e));
    copy_ = std::make_unique<cluster::copy_end>(*env_.events);
    catch_up_->look(own_);
}

void group_member::arm() {
    tick_.set_time(core_->next_deadline());
}

void group_member::beat_second() {
    /* A member that takes part in nothing must not keep its kernel serving (G2). */
    if (core_->state() != member_state::failed) {
        backend_.replica->touch();
    }
    if (link_ && link_->connects && !link_given_ && !dialler_) {
        dial_link();
    }
    if (!clients_kept_ && clients_worker_->pending() == 0) {
        store_clients();
    }
    if (service_ == service_phase::on && service_wanted_) {
        tell_clients();
    }
    second_.set_time(boottime_now() + 1s);
}

std::vector<cluster::endpoint> group_member::endpoints(slot_t peer, uint16_t port) const {
    std::vector<cluster::endpoint> out;
    for (const auto &ip : group_.members[peer.value()].addresses) {
        auto e = cluster::make_endpoint(ip, port);
        if (e) {
            out.push_back(*e);
        }
    }
    return out;
}

/* To a record port, over each network. */
std::vector<cluster::route> group_member::routes(slot_t peer) const {
    auto to = endpoints(peer, group_.members[peer.value()].record_port);
    auto from = endpoints(self_, 0);
    std::vector<cluster::route> out;
    for (size_t network = 0; network < std::min(to.size(), from.size()); network++) {
        out.push_back({to[network], from[network]});
    }
    return out;
}

void group_member::send(const outgoing &out) {
    if (const auto at = fault_of(out.msg.body)) {
        fault_point(*at);
    }
    auto bytes = encode(out.msg);
    auto to = endpoints(out.to, group_.members[out.to.value()].control_port);
    auto from = endpoints(self_, 0);
    for (size_t network = 0; network < std::min(to.size(), from.size()); network++) {
        env_.control->send(to[network], from[network], bytes);
    }
}

/* The next primary must know whom to wake; only we see their ports. */
void group_member::tell_clients() {
    cluster::notice n;
    n.sender = self_;
    n.group = disk_.group;
    n.lineage = disk_.lineage;
    n.inc = core_->disk().inc;
    n.view = service_view_;
    auto clients = backend_.service->clients();
    n.body = net::pack_connections(clients, cluster::notice_body_max);
    note_clients(std::move(clients));
    auto bytes = cluster::encode(n);
    for (uint8_t i = 0; i < member_count; i++) {
        if (slot_t(i) == self_ || !group_.members[i].is_data()) {
            continue;
        }
        auto to = endpoints(slot_t(i), group_.members[i].control_port);
        auto from = endpoints(self_, 0);
        for (size_t network = 0; network < std::min(to.size(), from.size()); network++) {
            env_.control->send(to[network], from[network], bytes);
        }
    }
}

void group_member::on_notice(const cluster::notice &n, const cluster::endpoint &from) {
    size_t network = 0;
    if (n.sender == self_ || n.lineage != disk_.lineage ||
        n.inc < core_->disk().peer_inc[n.sender.value()] || !is_peers_harpd(n.sender, from) ||
        !is_peer_address(n.sender, from, &network)) {
        foreign_++;
        return;
    }
    auto clients = net::unpack_connections(n.body);
    if (clients) {
        note_clients(std::move(*clients));
    } else {
        foreign_++;
    }
}

void group_member::note_clients(std::vector<net::connection> clients) {
    if (clients_.update(std::move(clients))) {
        store_clients();
    }
}

/* What cannot be stored is tried again each second, and complained of once. */
void group_member::store_clients() {
    clients_worker_->run([this, alive = alive_, list = clients_] {
        env_.events->post([this, alive, r = list.store()] {
            if (!*alive) {
                return;
            }
            if (!r && clients_kept_) {
                log_warning("{}: the list of clients is not kept: {}", group_.name, r.error().text);
            }
            clients_kept_ = r.ok();
        });
    });
}

void group_member::persist(disk_write write) {
    disk_worker_->run([this, alive = alive_, write = std::move(write)] {
        disk_done done{write.token, state_.store(write.state)};
        if (done.what && std::exchange(seal_named_, write.state.seal.has_value()) &&
            !write.state.seal) {
            fault_point(fault::unsealed);
            drop_sealed();
        }
        env_.events->post([this, alive, done] {
            if (*alive) {
                core_->on_disk(boottime_now(), done);
                carry_out();
            }
        });
    });
}

/* A log that no state names: where it stays it does no harm but for its room. */
void group_member::drop_sealed() {
    if (auto r = seal_file_.remove(); !r) {
        log_warning("{}: a sealed log that does not count stays: {}", group_.name, r.error().text);
    }
}

/* In the order of the state's writes: what the one names the other has written before. */
void group_member::seal(const seal_wanted &want) {
    auto tell = [this, alive = alive_, token = want.token](const result<void> &r) {
        if (*alive) {
            core_->on_sealed(boottime_now(), {token, r});
            carry_out();
        }
    };
    if (!group_.members[self_.value()].is_data()) {
        backend_.replica->seal(want, tell);
        return;
    }
    const cluster::seal_identity who{disk_.group, disk_.lineage, disk_.epoch, self_};
    disk_worker_->run([this, who, want, tell] {
        auto r = backend_.read_log ? seal_file_.store(who, want, backend_.read_log)
                                   : fail(EOPNOTSUPP, "its log cannot be read");
        fault_point(fault::sealed);
        env_.events->post([tell, r] { tell(r); });
    });
}

/* Warned of when it becomes less; that there is more again is no warning. */
void group_member::look_at_room() {
    if (group_.members[self_.value()].is_data()) {
        return; /* its ring is discarded from: backlog_ */
    }
    const knl::replica_facts f = backend_.replica->facts();
    const auto was = room_.now();
    if (!room_.look(f.ring_used, f.ring_size)) {
        return;
    }
    const std::string text = room_.say(stands_in_for());
    if (room_.now() > was) {
        log_warning("{}: {}", group_.name, text);
    } else {
        log_info("{}: the log of {} has room again{}", group_.name, peer_name(self_),
                 text.empty() ? "" : "; " + text);
    }
    log_event("log-room", group_.name,
              {{"level", std::string(to_string(room_.now()))},
               {"used", fmt::to_string(f.ring_used)},
               {"size", fmt::to_string(f.ring_size)},
               {"text", text}});
    if (env_.status_changed) {
        env_.status_changed();
    }
}

void group_member::on_kernel(const kernel_event &event) {
    if (const auto *link = std::get_if<link_changed>(&event)) {
        if (!link->up && link_ && link_->view == link->view) {
            link_given_ = false;
            dial_link();
        }
    }
    if (const auto *marks = std::get_if<watermarks>(&event)) {
        last_marks_ = *marks;
        own_ = marks->report;
        catch_up_->look(own_);
        backlog_.look(boottime_now(), backend_.replica->facts(), marks->report);
        look_at_room();
    }
    if (const auto *done = std::get_if<command_done>(&event); done && done->report) {
        own_ = *done->report; /* what it was fenced at is newer than the last poll */
        catch_up_->look(own_);
    }
    core_->on_kernel(boottime_now(), event);
    carry_out();
}

bool group_member::is_peer_address(slot_t peer, const cluster::endpoint &from,
                                   size_t *network) const {
    const auto &list = group_.members[peer.value()].addresses;
    for (size_t i = 0; i < list.size(); i++) {
        auto e = cluster::make_endpoint(list[i], 0);
        if (e && e->same_host(from)) {
            *network = i;
            return true;
        }
    }
    return false;
}

/* While it runs, nobody else on its machine has that port. */
bool group_member::is_peers_harpd(slot_t peer, const cluster::endpoint &from) const {
    return from.port() == group_.members[peer.value()].control_port;
}

bool group_member::has_address(const cluster::endpoint &from) const {
    size_t network = 0;
    for (uint8_t i = 0; i < member_count; i++) {
        if (slot_t(i) != self_ && is_peer_address(slot_t(i), from, &network)) {
            return true;
        }
    }
    return false;
}

void group_member::on_other_version(uint8_t version, const cluster::endpoint &from) {
    size_t network = 0;
    for (uint8_t i = 0; i < member_count; i++) {
        auto &p = peers_[i];
        if (slot_t(i) != self_ && is_peers_harpd(slot_t(i), from) &&
            is_peer_address(slot_t(i), from, &network) && p.other_version != version) {
            p.other_version = version;
            log_warning("{}: {}", group_.name, other_versions());
            env_.status_changed();
        }
    }
}

void group_member::on_control(const message &msg, const cluster::endpoint &from) {
    size_t network = 0;
    slot_t sender = msg.header.sender;
    if (sender.value() >= member_count || sender == self_ || !is_peers_harpd(sender, from) ||
        !is_peer_address(sender, from, &network)) {
        foreign_++;
        return;
    }
    /* What the core will refuse is not shown in status either. */
    const auto &h = msg.header;
    if (h.lineage == disk_.lineage && h.epoch == disk_.epoch && h.inc &&
        h.inc >= core_->disk().peer_inc[sender.value()]) {
        auto &p = peers_[sender.value()];
        p.heard[network] = boottime_now();
        p.other_version.reset();
        if (const auto *beat = std::get_if<status_beat>(&msg.body)) {
            p.beat = *beat;
            p.formed = h.view;
            catch_up_->told(h.view, std::min(beat->cp, beat->top),
                            beat->serving ? beat->ap : index_t());
        }
    }
    core_->step(boottime_now(), msg);
    carry_out();
}

/* ---- service ---- */

void group_member::serve(view_t view) {
    service_wanted_ = true;
    service_view_ = view;
    if (service_ == service_phase::stopping || service_ == service_phase::starting) {
        return; /* when that is done it is looked at again */
    }
    log_event("serving", group_.name, {{"view", fmt::to_string(view.value())}});
    service_ = service_phase::starting;
    fault_point(fault::service_starting);
    backend_.service->start(
            clients_.clients(), [this, alive = alive_, view](const result<void> &r) {
                if (!*alive || service_ != service_phase::starting) {
                    return;
                }
                fault_point(fault::service_started);
                if (!r) {
                    service_trouble_ = r.error().text;
                    log_error("{}: the service does not start: {}", group_.name, r.error().text);
                    service_ = service_phase::half;
                    if (service_wanted_ && r.error().code != ECANCELED) {
                        /* A primary without a service serves nobody: try again, and say so. */
                        service_timer_.set_time(boottime_now() + service_retry_after);
                    }
                    return;
                }
                service_trouble_.clear();
                service_ = service_phase::on;
                log_event("addresses-up", group_.name, {{"view", fmt::to_string(view.value())}});
                env_.status_changed();
                if (service_view_ != view && service_wanted_) {
                    serve(service_view_);
                }
            });
}

void group_member::give_up(const std::string &reason, std::function<void()> then) {
    service_wanted_ = false;
    if (service_ == service_phase::off && !then) {
        return;
    }
    log_event("giving-up", group_.name, {{"why", reason}});
    service_ = service_phase::stopping;
    bool handing_over = then != nullptr;
    fault_point(fault::service_stopping);
    backend_.service->stop(handing_over, [this, alive = alive_, then](const result<void> &r) {
        if (!*alive) {
            return;
        }
        fault_point(fault::service_stopped);
        if (!r) {
            service_trouble_ = r.error().text;
            log_error("{}: the service does not stop: {}", group_.name, r.error().text);
            service_ = service_phase::half;
            service_timer_.set_time(boottime_now() + service_retry_after);
        } else {
            log_event("given-up", group_.name, {});
            service_ = service_phase::off;
        }
        if (then) {
            then();
        }
        if (service_wanted_) {
            serve(service_view_);
        }
    });
}

void group_member::service_step(const service::step_report &step) {
    using std::chrono::milliseconds;
    auto ms = std::chrono::duration_cast<milliseconds>(step.took).count();
    /* It is told of after its end, on a busy machine long after. */
    auto ago = std::chrono::duration_cast<milliseconds>(boottime_now() - step.begin).count() - ms;
    log_event("step", group_.name,
              {{"step", step.name},
               {"ms", fmt::to_string(ms)},
               {"ago_ms", fmt::to_string(ago)},
               {"code", fmt::to_string(step.code)},
               {"text", step.text}});
}

/* ---- the timeline ---- */

void group_member::tell_transition() {
    member_state now = core_->state();
    status_report s = core_->status(boottime_now());
    std::string view = fmt::to_string(s.view.value());
    if (now == member_state::proposing && told_state_ != now) {
        bool was_in = told_state_ == member_state::backing_up ||
                      told_state_ == member_state::serving || told_state_ == member_state::waiting;
        if (was_in) {
            log_event("detected", group_.name, {{"why", s.why_not_serving}, {"view", view}});
        }
        log_event("proposed", group_.name, {{"view", view}});
    }
    bool in_view = now == member_state::waiting || now == member_state::serving ||
                   now == member_state::backing_up;
    if (in_view && s.view != told_view_) {
        told_view_ = s.view;
        log_event("view-formed", group_.name,
                  {{"view", view},
                   {"primary", s.primary ? peer_name(*s.primary) : "none"},
                   {"backup", s.backup ? peer_name(*s.backup) : "none"}});
        if (const auto &r = core_->disk().view; r && r->view == s.view && !r->voids.empty()) {
            log_event("skipped", group_.name,
                      {{"view", view}, {"records", indices_text(r->voids)}});
        }
    }
    if (now != told_state_) {
        log_event("state", group_.name,
                  {{"from", std::string(to_string(told_state_))},
                   {"to", std::string(to_string(now))},
                   {"view", view}});
        told_state_ = now;
    }
}

const std::string &group_member::peer_name(slot_t slot) const {
    return group_.members[slot.value()].name;
}

/* ---- requests ---- */

void group_member::switchover(const std::string &to, std::function<void(result<void>)> done) {
    auto slot = to.empty() ? core_->status(boottime_now()).backup : group_.slot_of(to);
    if (!slot) {
        done(to.empty() ? fail(EPERM, "there is no backup to hand over to")
                        : fail(EINVAL, fmt::format("'{}' is no member of {}", to, group_.name)));
        return;
    }
    if (auto r = core_->request(boottime_now(), want_switchover{*slot}); !r) {
        done(r);
        return;
    }
    switchover_done_ = std::move(done);
    carry_out();
}

result<void> group_member::skip(const std::vector<uint64_t> &records, bool ask_only) {
    want_skip what;
    what.ask_only = ask_only;
    for (uint64_t at : records) {
        what.records.emplace_back(at);
    }
    auto r = core_->request(boottime_now(), what);
    if (r && !ask_only) {
        log_event("skip-asked", group_.name, {{"records", indices_text(what.records)}});
    }
    carry_out();
    return r;
}

void group_member::leave() {
    (void)core_->request(boottime_now(), want_leave{});
    carry_out();
}

void group_member::power(const power_news &news) {
    core_->on_power(boottime_now(), news);
    carry_out();
}

bool group_member::sealed() const {
    auto s = core_->state();
    return s == member_state::sealed || s == member_state::failed;
}

bool group_member::serving() const {
    return core_->status(boottime_now()).serving;
}

const std::string &group_member::served_by() const {
    static const std::string nobody;
    if (serving()) {
        return peer_name(self_);
    }
    const time_point_t since = boottime_now() - beat_counts;
    for (uint8_t i = 0; i < member_count; i++) {
        const auto &p = peers_[i];
        if (p.beat && p.beat->serving &&
            std::any_of(p.heard.begin(), p.heard.end(),
                        [&](const auto &at) { return at && *at >= since; })) {
            return peer_name(slot_t(i));
        }
    }
    return nobody;
}

bool group_member::quiet() const {
    auto s = core_->state();
    return (s == member_state::leaving || s == member_state::failed || s == member_state::sealed) &&
           service_ == service_phase::off;
}

bool group_member::handing_over() const {
    return core_->handing_over();
}

bool group_member::stays() const {
    return core_->state() == member_state::serving && !handing_over();
}

result<void> group_member::start_result() const {
    if (core_->state() != member_state::failed) {
        return {};
    }
    return fail(EIO, core_->status(boottime_now()).why_not_serving);
}

void group_member::when_started(std::function<void(result<void>)> done) {
    if (core_->state() == member_state::starting) {
        to_tell_started_.push_back(std::move(done));
    } else {
        done(start_result());
    }
}

void group_member::dissolve(ending how, std::function<void(result<void>)> done) {
    if (core_->state() == member_state::starting) {
        if (std::exchange(dissolving_, true)) {
            done(fail(EBUSY, "it is being deleted already"));
            return;
        }
        /* The log in the region can only be ended through a replica: it is being attached. */
        to_tell_started_.push_back(
                [this, how, done](const result<void> &) { dissolve(how, done); });
        return;
    }
    (void)core_->request(boottime_now(), want_leave{.hand_over = false});
    carry_out();
    service_wanted_ = false;
    service_ = service_phase::stopping;
    /* Each next one only when the one before it is done: what is left can be tried again. */
    auto then = [this, alive = alive_, done](auto next) {
        return [alive, done, next](const result<void> &r) {
            if (!*alive) {
                return;
            }
            r ? next() : done(fail(EBUSY, r.error().text));
        };
    };
    auto forget = [this, done] {
        std::error_code ec;
        std::filesystem::remove_all(env_.state_dir + "/" + group_.name, ec);
        done(ec ? result<void>(fail(ec.value(), ec.message())) : result<void>());
    };
    auto teardown = [this, then, forget] { backend_.service->teardown(then(forget)); };
    auto clear = [this, then, teardown, how] {
        how == ending::undo ? backend_.service->clear_lower(then(teardown)) : teardown();
    };
    auto destroy = [this, then, clear] { backend_.replica->destroy(then(clear)); };
    backend_.service->unmount(then(destroy));
}

} // namespace harp
