/* SPDX-License-Identifier: GPL-2.0 */
#include "node.hh"

#include "util/dir.hh"
#include "util/json.hh"
#include "util/log.hh"
#include "util/text.hh"
#include "vsr/wire.hh"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace harp {

using namespace std::chrono_literals;
using namespace vsr;

namespace {

/* From the last switchover's end until what was served is taken down. */
constexpr duration_t leave_limit = 15s;
/* For a member's part of a group: its lower is mounted and laid out. */
constexpr duration_t make_limit = 60s;

/* For a witness's log of @size in @dir; it is reserved when the group is made. */
result<void> room_for_log(const std::string &dir, uint64_t size) {
    struct statvfs at {};
    if (access(dir.c_str(), W_OK | X_OK) < 0 || statvfs(dir.c_str(), &at) < 0) {
        return fail_errno(dir);
    }
    const uint64_t free = static_cast<uint64_t>(at.f_bavail) * at.f_frsize;
    if (size > free) {
        return fail(ENOSPC, fmt::format("no room for the log in {}: log_size is {}, {} are free",
                                        dir, format_size(size), format_size(free)));
    }
    return {};
}

/* What is said to who asked for what has no other result. */
result<std::string> answer(const result<void> &r, const char *text) {
    return r ? result<std::string>(std::string(text)) : result<std::string>(r.error());
}

} // namespace

node::node(loop &l, config::node_config c, node_paths p, backend_fn make_backend)
    : loop_(l), config_(std::move(c)), paths_(std::move(p)), make_backend_(std::move(make_backend)),
      probe_worker_(std::make_unique<worker>("harp-probe")) {
    leave_timer_ = l.timer([this] { check_leaving(); });
}

node::~node() {
    probe_worker_.reset();
    calls_.clear();
    groups_.clear();
}

result<std::unique_ptr<node>> node::make(loop &l, config::node_config c, node_paths p,
                                         backend_fn make_backend) {
    std::unique_ptr<node> out(new node(l, std::move(c), std::move(p), std::move(make_backend)));
    for (const auto &dir : {out->paths_.state_dir, out->paths_.run_dir}) {
        if (auto r = make_dirs(dir, 0755); !r) {
            return r.error();
        }
    }
    if (auto r = out->open_sockets(); !r) {
        return r.error();
    }
    if (auto r = out->start_groups(); !r) {
        return r.error();
    }
    return out;
}

result<void> node::open_sockets() {
    auto control = cluster::control_channel::make(
            loop_, config_.listen, config_.control_port,
            [this](const std::vector<uint8_t> &bytes, const cluster::endpoint &from) {
                on_datagram(bytes, from);
            });
    if (!control) {
        return fail(control.error().code, "control port: " + control.error().text);
    }
    control_ = std::move(*control);
    auto listener = cluster::record_listener::make(
            loop_, config_.listen, config_.record_port,
            [this](const cluster::endpoint &from) {
                return std::any_of(groups_.begin(), groups_.end(),
                                   [&](const auto &g) { return g.second->has_address(from); });
            },
            [this](cluster::caller who) { on_caller(std::move(who)); });
    if (!listener) {
        return fail(listener.error().code, "record port: " + listener.error().text);
    }
    listener_ = std::move(*listener);
    return {};
}

/* Without knowing which groups there are harpd does not run: it would be silent about them. */
result<void> node::start_groups() {
    auto names = names_in(paths_.state_dir);
    if (!names) {
        return names.error();
    }
    for (const auto &name : *names) {
        if (!is_name(name) || !cluster::state_file(paths_.state_dir + "/" + name).exists()) {
            continue;
        }
        if (auto r = start_group(name); !r) {
            log_error("group {} cannot run: {}", name, r.error().text);
            broken_[name] = r.error().text; /* I10: status says it, too */
        }
    }
    return {};
}

result<config::group_config> node::load_group(const std::string &name) const {
    if (!is_name(name)) {
        return fail(EINVAL, fmt::format("'{}' is no group name: expected 1 to 32 of a-z, 0-9 "
                                        "and '-'",
                                        name));
    }
    auto g = config::load_group(paths_.config_dir + "/groups/" + name + ".toml");
    if (g && g->name != name) {
        return fail(EINVAL,
                    fmt::format("{}: found the group '{}', expected '{}'", g->file, g->name, name));
    }
    return g;
}

result<slot_t> node::own_slot(const config::group_config &g) const {
    auto self = g.slot_of(config_.name);
    if (!self) {
        return fail(EINVAL, fmt::format("{}: no member is named '{}', expected this machine's name "
                                        "(see 'name' in harp.toml)",
                                        g.file, config_.name));
    }
    return *self;
}

/* The others call these, and take what comes from them. */
result<void> node::ports_agree(const config::group_config &g, slot_t self) const {
    const auto &m = g.members[self.value()];
    if (m.control_port == config_.control_port && m.record_port == config_.record_port) {
        return {};
    }
    return fail(EINVAL, fmt::format("{}: gives {} the ports {} and {}, harp.toml {} and {}: "
                                    "expected the same in both",
                                    g.file, m.name, m.control_port, m.record_port,
                                    config_.control_port, config_.record_port));
}

result<void> node::start_group(const std::string &name) {
    auto g = load_group(name);
    if (!g) {
        return g.error();
    }
    auto self = own_slot(*g);
    if (!self) {
        return self.error();
    }
    if (auto r = ports_agree(*g, *self); !r) {
        return r;
    }
    member_env env;
    env.events = &loop_;
    env.control = control_.get();
    env.state_dir = paths_.state_dir;
    env.run_dir = paths_.run_dir;
    env.make_backend = make_backend_;
    env.keep_memory = config_.keep_memory;
    env.status_changed = [this] {
        if (changed_) {
            changed_();
        }
    };
    auto made = group_member::make(std::move(env), std::move(*g), *self);
    if (!made) {
        return made.error();
    }
    broken_.erase(name);
    auto &m = groups_[name] = std::move(*made);
    if (power_.goes) {
        m->power(power_);
    }
    return {};
}

/* ---- what arrives ---- */

void node::on_datagram(const std::vector<uint8_t> &bytes, const cluster::endpoint &from) {
    if (cluster::is_notice(bytes)) {
        on_notice(bytes, from);
        return;
    }
    auto msg = decode(bytes);
    if (!msg) {
        if (fault_of(msg.error()) == wire_fault::version) {
            for (auto &[name, m] : groups_) {
                m->on_other_version(version_of(bytes), from);
            }
        }
        if (malformed_++ % 1000 == 0) {
            log_warning("control port: {} from {} refused ({} so far)", msg.error().text,
                        from.to_string(), malformed_);
        }
        return;
    }
    for (auto &[name, m] : groups_) {
        if (m->uuid() == msg->header.group) {
            m->on_control(*msg, from);
            return;
        }
    }
    unknown_group_++;
}

void node::on_notice(const std::vector<uint8_t> &bytes, const cluster::endpoint &from) {
    auto n = cluster::decode_notice(bytes);
    if (!n) {
        malformed_++;
        return;
    }
    for (auto &[name, m] : groups_) {
        if (m->uuid() == n->group) {
            m->on_notice(*n, from);
            return;
        }
    }
    unknown_group_++;
}

void node::on_caller(cluster::caller who) {
    if (who.hello.kind == cluster::greeting_kind::admin) {
        on_admin(std::move(who));
        return;
    }
    for (auto &[name, m] : groups_) {
        if (m->uuid() == who.hello.group) {
            m->on_caller(std::move(who));
            return;
        }
    }
    unknown_group_++;
    cluster::reply(who.socket, {ENOENT, "no such group here"});
}

void node::on_admin(cluster::caller who) {
    auto caller = std::make_shared<cluster::caller>(std::move(who));
    admin(caller->body, caller->from, [caller](const result<std::string> &r) {
        cluster::answer a;
        a.code = r ? 0
                   : static_cast<uint8_t>(
                             r.error().code > 0 && r.error().code < 256 ? r.error().code : EIO);
        a.text = r ? *r : r.error().text;
        cluster::reply(caller->socket, a);
    });
}

void node::admin(const std::string &body, const cluster::endpoint &from, text_fn done) {
    json j = json::parse_or_null(body);
    if (!j.is_object() || !j.contains("op") || !j.contains("group") || !j["op"].is_string() ||
        !j["group"].is_string()) {
        done(fail(EBADMSG, "not a request"));
        return;
    }
    const auto name = j["group"].get<std::string>();
    const auto op = j["op"].get<std::string>();
    const bool ends = op == "undo" || op == "delete";
    auto it = groups_.find(name);
    /* What runs is ended as what it is; its file may have become another one since. */
    auto g = ends && it != groups_.end() ? result<config::group_config>(it->second->settings())
                                         : load_group(name);
    auto self = g ? own_slot(*g) : result<slot_t>(g.error());
    if (!self) {
        done(fail(EINVAL, fmt::format("{}: {}", config_.name, self.error().text)));
        return;
    }
    bool known = false;
    for (const auto &m : g->members) {
        for (const auto &ip : m.addresses) {
            auto e = cluster::make_endpoint(ip, 0);
            known = known || (m.name != config_.name && e && e->same_host(from));
        }
    }
    if (!known) {
        done(fail(EACCES, fmt::format("{}: {} is not an address of a member of {}", config_.name,
                                      from.to_string(), name)));
    } else if (ends) {
        admin_end(j, std::move(done));
    } else {
        admin_make(j, *g, *self, std::move(done));
    }
}

void node::admin_make(const json &j, const config::group_config &g, slot_t self, text_fn done) {
    if (!j.contains("digest") || j["digest"] != g.digest) {
        done(fail(EINVAL, fmt::format("{}: {} differs from the caller's: expected the same file on "
                                      "all three members",
                                      config_.name, g.file)));
    } else if (j["op"] == "probe") {
        probe(g, self, [done](const result<cluster::lower_traits> &r) {
            done(r ? result<std::string>(json(*r).dump()) : result<std::string>(r.error()));
        });
    } else if (j["op"] == "create" && j.contains("uuid") && j.contains("lineage") &&
               j["uuid"].is_string() && j["lineage"].is_number_unsigned()) {
        auto uuid = parse_uuid(j["uuid"].get<std::string>());
        if (!uuid) {
            done(uuid.error());
            return;
        }
        create_here(g, self, *uuid, j["lineage"].get<uint64_t>(),
                    [done](const result<void> &made) { done(answer(made, "{}")); });
    } else {
        done(fail(EBADMSG, "unknown request"));
    }
}

/* The UUID, and of a creation that is undone its lineage too, say which group is meant. */
void node::admin_end(const json &j, text_fn done) {
    const auto name = j["group"].get<std::string>();
    const bool undo = j["op"] == "undo";
    const bool force = undo || (j.contains("force") && j["force"] == true);
    auto it = groups_.find(name);
    if (it != groups_.end()) {
        const auto &m = *it->second;
        const bool same = j.contains("uuid") && j["uuid"] == format_uuid(m.uuid()) &&
                          (!undo || (j.contains("lineage") && j["lineage"] == m.lineage().value()));
        if (!same && undo) {
            done(std::string("{}")); /* nothing of that creation is here */
            return;
        }
        if (!same) {
            done(fail(EINVAL, fmt::format("{}: {} is another group here, with the UUID {}",
                                          config_.name, name, format_uuid(m.uuid()))));
            return;
        }
    }
    if (auto r = may_delete(name, force); !r) {
        done(fail(r.error().code, config_.name + ": " + r.error().text));
        return;
    }
    end_here(name, undo ? group_member::ending::undo : group_member::ending::keep_files,
             [done](const result<void> &r) { done(answer(r, "{}")); });
}

/* ---- making a group ---- */

/* Refuses early what would fail late, and leave the others with what they have made. */
void node::probe(const config::group_config &g, slot_t self,
                 std::function<void(result<cluster::lower_traits>)> done) {
    auto refuse = [&](const failure &f) { done(fail(f.code, config_.name + ": " + f.text)); };
    if (cluster::state_file(paths_.state_dir + "/" + g.name).exists()) {
        refuse(fail(EEXIST, fmt::format("group {} exists already; `harpctl group delete {}` ends "
                                        "it",
                                        g.name, g.name)));
        return;
    }
    if (auto r = ports_agree(g, self); !r) {
        refuse(r.error());
        return;
    }
    const auto &m = g.members[self.value()];
    if (!m.is_data()) {
        auto room = room_for_log(paths_.state_dir, m.log_size);
        room ? done(cluster::lower_traits{}) : refuse(room.error());
        return;
    }
    std::string scratch = paths_.run_dir + "/probe";
    probe_worker_->run([this, m, scratch, done, name = config_.name] {
        auto r = cluster::probe_lower(m.device, m.fs_type, scratch);
        auto region = config::region_bytes(m.region, read_file("/proc/cmdline").value_or(""));
        if (r && region) {
            (*r)["log region's bytes"] = fmt::format("{}", *region);
        } else if (r) {
            r = region.error();
        }
        result<cluster::lower_traits> out = r ? r
                                              : result<cluster::lower_traits>(
                                                        fail(r.error().code,
                                                             name + ": " + r.error().text));
        loop_.post([done, out] { done(out); });
    });
}

/* Its part of a group that begins: state, and a member that is attaching its replica. */
result<void> node::begin_here(const config::group_config &g, slot_t self, const uuid_bytes &uuid,
                              uint64_t lineage) {
    std::string dir = paths_.state_dir + "/" + g.name;
    cluster::state_file file(dir);
    if (file.exists()) {
        return fail(EEXIST, fmt::format("group {} exists already", g.name));
    }
    std::error_code ec;
    const bool ours = !std::filesystem::exists(dir, ec);
    if (auto r = make_dirs(dir, 0700); !r) {
        return r;
    }
    disk_state s;
    s.group = uuid;
    s.epoch = epoch_t(1);
    s.lineage = lineage_t(lineage);
    s.self = self;
    for (uint8_t i = 0; i < member_count; i++) {
        s.members[i] = {member_id(i + 1u), slot_t(i), g.members[i].kind, g.members[i].name};
    }
    auto made = file.store(s);
    made = made ? start_group(g.name) : made;
    if (!made) {
        /* With what was begun beside the state, a log that was reserved, say. */
        (void)::unlink((dir + "/state.0").c_str());
        (void)::unlink((dir + "/state.1").c_str());
        if (ours) {
            std::filesystem::remove_all(dir, ec);
        }
    }
    return made;
}

/* @done: it takes part. If not, what is there is left to who asked: it takes all parts back. */
void node::create_here(const config::group_config &g, slot_t self, const uuid_bytes &uuid,
                       uint64_t lineage, std::function<void(result<void>)> done) {
    auto tell = [this, name = g.name, uuid, done](const result<void> &r) {
        if (!r) {
            done(fail(r.error().code, config_.name + ": " + r.error().text));
            return;
        }
        log_event("group-created", name, {{"uuid", format_uuid(uuid)}});
        done({});
    };
    auto begun = begin_here(g, self, uuid, lineage);
    begun ? groups_.at(g.name)->when_started(tell) : tell(begun);
}

void node::ask_peer(const config::group_config &g, slot_t peer, std::string body, text_fn done,
                    duration_t limit) {
    cluster::greeting hello;
    hello.kind = cluster::greeting_kind::admin;
    hello.sender = g.slot_of(config_.name).value_or(slot_t());
    const auto &m = g.members[peer.value()];
    const auto &own = g.members[hello.sender.value()].addresses;
    std::vector<cluster::route> to;
    for (size_t network = 0; network < std::min(m.addresses.size(), own.size()); network++) {
        auto there = cluster::make_endpoint(m.addresses[network], m.record_port);
        auto here = cluster::make_endpoint(own[network], 0);
        if (there && here) {
            to.push_back({*there, *here});
        }
    }
    uint64_t id = next_call_++;
    calls_[id] = std::make_unique<cluster::dialler>(
            loop_, to, hello, std::move(body), limit,
            [this, id, done = std::move(done), name = m.name](result<cluster::dialler::granted> r) {
                calls_.erase(id);
                if (r) {
                    done(r->text);
                } else if (r.error().text.starts_with(name + ":")) {
                    done(r.error());
                } else {
                    done(fail(r.error().code, fmt::format("{}: {}", name, r.error().text)));
                }
            });
}

struct node::creation {
    config::group_config group;
    slot_t self;
    uuid_bytes uuid{};
    uint64_t lineage = 0;
    text_fn done;
    int waiting = 0;
    std::string trouble;
    std::array<cluster::lower_traits, member_count> lowers;
    std::vector<slot_t> asked; /* to make their parts; of the last one it may not be known */

    void complain(const failure &f) { trouble += (trouble.empty() ? "" : "\n") + f.text; }
    std::string request(const char *op) const {
        return json{{"op", op},
                    {"group", group.name},
                    {"digest", group.digest},
                    {"uuid", format_uuid(uuid)},
                    {"lineage", lineage}}
                .dump();
    }
    void refuse() const { done(fail(EINVAL, trouble + "\nnothing was created")); }
};

void node::group_create(const std::string &name, text_fn done) {
    auto c = std::make_shared<creation>();
    auto g = load_group(name);
    auto fit = g ? g->may_be_made() : result<void>(g.error());
    auto self = fit ? own_slot(*g) : result<slot_t>(fit.error());
    if (!self) {
        done(self.error());
        return;
    }
    c->group = std::move(*g);
    c->self = *self;
    c->uuid = c->group.uuid ? *c->group.uuid : random_uuid();
    c->lineage = random_u64() | 1;
    c->done = std::move(done);
    c->waiting = static_cast<int>(member_count);
    for (uint8_t i = 0; i < member_count; i++) {
        if (slot_t(i) == c->self) {
            probe(c->group, c->self, [this, c, i](const result<cluster::lower_traits> &r) {
                r ? void(c->lowers[i] = *r) : c->complain(r.error());
                creation_probed(c);
            });
            continue;
        }
        ask_peer(c->group, slot_t(i), c->request("probe"),
                 [this, c, i](const result<std::string> &r) {
                     json j = r ? json::parse_or_null(*r) : json();
                     if (!r) {
                         c->complain(r.error());
                     } else if (!j.is_object()) {
                         c->complain(
                                 fail(EPROTO, c->group.members[i].name + ": no answer of harpd"));
                     } else {
                         for (const auto &[key, value] : j.items()) {
                             c->lowers[i][key] = value.is_string() ? value.get<std::string>() : "";
                         }
                     }
                     creation_probed(c);
                 });
    }
}

void node::creation_probed(const std::shared_ptr<creation> &c) {
    if (--c->waiting != 0) {
        return;
    }
    const auto &m = c->group.members;
    if (c->trouble.empty()) {
        std::string differ = cluster::compare_lowers(m[0].name, c->lowers[0], m[1].name,
                                                     c->lowers[1]);
        if (!differ.empty()) {
            c->trouble = "the data members differ in what outcomes depend on: " + differ;
        }
    }
    if (c->trouble.empty()) {
        make_next(c);
    } else {
        c->refuse();
    }
}

/*
 * One after the other, the witness first: a data member lays its lower out, which should
 * not be for nothing, and forms a view with the other one, which should be the last thing
 * to happen.
 */
void node::make_next(const std::shared_ptr<creation> &c) {
    if (c->asked.size() == member_count) {
        c->done(json{{"group", c->group.name}, {"uuid", format_uuid(c->uuid)}}.dump());
        return;
    }
    slot_t next(static_cast<uint8_t>(member_count - 1 - c->asked.size()));
    c->asked.push_back(next);
    auto made = [this, c](const failure *trouble) {
        if (trouble == nullptr) {
            make_next(c);
        } else {
            c->complain(*trouble);
            take_back(c);
        }
    };
    if (next == c->self) {
        create_here(c->group, c->self, c->uuid, c->lineage,
                    [made](const result<void> &r) { made(r ? nullptr : &r.error()); });
        return;
    }
    ask_peer(
            c->group, next, c->request("create"),
            [made](const result<std::string> &r) { made(r ? nullptr : &r.error()); }, make_limit);
}

/*
 * All or none. Of the member that failed as well: its answer may be what was lost. What
 * cannot be taken back is told.
 */
void node::take_back(const std::shared_ptr<creation> &c) {
    if (c->asked.empty()) {
        c->refuse();
        return;
    }
    c->waiting = static_cast<int>(c->asked.size());
    auto one = [c, left = std::make_shared<bool>(false)](const failure *trouble) {
        if (trouble != nullptr) {
            *left = true;
            c->complain(fail(trouble->code,
                             fmt::format("{}; what was made there stays until `harpctl group "
                                         "delete {}` is given there",
                                         trouble->text, c->group.name)));
        }
        if (--c->waiting != 0) {
            return;
        }
        if (*left) {
            c->done(fail(EIO, c->trouble));
        } else {
            c->refuse();
        }
    };
    for (slot_t s : c->asked) {
        auto told = [one](const result<std::string> &r) { one(r ? nullptr : &r.error()); };
        if (s == c->self) {
            admin_end(json::parse(c->request("undo")), told);
        } else {
            ask_peer(c->group, s, c->request("undo"), told);
        }
    }
}

/* ---- ending one ---- */

failure node::not_running(const std::string &name) const {
    auto it = broken_.find(name);
    if (it == broken_.end()) {
        return fail(ENOENT, fmt::format("no group '{}' here", name));
    }
    return fail(EBUSY, fmt::format("group {} is here and cannot run ({}): mend that, restart "
                                   "harpd, then try again",
                                   name, it->second));
}

void node::end_here(const std::string &name, group_member::ending how,
                    std::function<void(result<void>)> done) {
    auto it = groups_.find(name);
    if (it == groups_.end()) {
        failure f = not_running(name);
        /* It is not there: as asked. */
        done(f.code == ENOENT ? result<void>()
                              : fail(f.code, fmt::format("{}: {}", config_.name, f.text)));
        return;
    }
    it->second->dissolve(how, [this, name, done](const result<void> &r) {
        if (!r) {
            done(fail(r.error().code, config_.name + ": " + r.error().text));
            return;
        }
        log_event("group-deleted", name, {});
        loop_.post([this, name, done] {
            groups_.erase(name);
            done({});
        });
    });
}

/* Whoever is asked: that all members are would end the service, too. */
result<void> node::may_delete(const std::string &name, bool force) const {
    auto it = groups_.find(name);
    if (force || it == groups_.end() || it->second->served_by().empty()) {
        return {};
    }
    return fail(EBUSY, fmt::format("group {} is served by {}; --force ends it all the same", name,
                                   it->second->served_by()));
}

void node::group_delete(const std::string &name, bool force, text_fn done) {
    auto it = groups_.find(name);
    if (it == groups_.end()) {
        done(not_running(name));
        return;
    }
    if (auto r = may_delete(name, force); !r) {
        done(r.error());
        return;
    }
    auto g = it->second->settings();
    struct ending {
        int waiting = static_cast<int>(member_count);
        std::string trouble;
    };
    auto e = std::make_shared<ending>();
    auto one = [e, done](const result<void> &r) {
        if (!r) {
            e->trouble += (e->trouble.empty() ? "" : "\n") + r.error().text;
        }
        if (--e->waiting == 0) {
            done(e->trouble.empty() ? result<std::string>(std::string("{}"))
                                    : result<std::string>(fail(EIO, e->trouble)));
        }
    };
    std::string body = json{
            {"op", "delete"},
            {"group", name},
            {"uuid", format_uuid(it->second->uuid())},
            {"force", force}}.dump();
    for (uint8_t i = 0; i < member_count; i++) {
        if (g.members[i].name == config_.name) {
            end_here(name, group_member::ending::keep_files, one);
        } else {
            ask_peer(g, slot_t(i), body, [one](const result<std::string> &r) {
                one(r ? result<void>() : result<void>(r.error()));
            });
        }
    }
}

/* ---- requests ---- */

void node::switchover(const std::string &name, const std::string &to, text_fn done) {
    auto it = groups_.find(name);
    if (it == groups_.end()) {
        done(not_running(name));
        return;
    }
    it->second->switchover(
            to, [done = std::move(done)](const result<void> &r) { done(answer(r, "")); });
}

void node::log_skip(const std::string &name, const std::vector<uint64_t> &records, bool ask_only,
                    const text_fn &done) {
    auto it = groups_.find(name);
    done(it == groups_.end() ? not_running(name) : answer(it->second->skip(records, ask_only), ""));
}

void node::leave_all(std::function<void()> done) {
    left_ = std::move(done);
    leave_until_ = boottime_now() + leave_limit;
    for (auto &[name, m] : groups_) {
        m->leave();
    }
    check_leaving();
}

void node::power(const power_news &news) {
    power_ = news;
    if (news.goes) {
        log_warning("{}: the groups write their logs to the disk", news.why);
    } else {
        log_info("the power stays");
    }
    for (auto &[name, m] : groups_) {
        m->power(news);
    }
}

bool node::sealed() const {
    return std::all_of(groups_.begin(), groups_.end(),
                       [](const auto &g) { return g.second->sealed(); });
}

void node::check_leaving() {
    bool all = true;
    bool handing_over = false;
    std::string stay;
    for (const auto &[name, m] : groups_) {
        all = all && m->quiet();
        handing_over = handing_over || m->handing_over();
        stay += m->stays() ? (stay.empty() ? "" : ", ") + name : "";
    }
    if (handing_over) {
        leave_until_ = boottime_now() + leave_limit; /* each ends by itself */
    } else if (!stay.empty()) {
        /* Ended, it would leave them to a kernel that serves ten seconds more. */
        log_error("harpd does not end: {} could not be handed over, as said above, and is served "
                  "on; try again, or `systemctl stop harpd` ends the service",
                  stay);
        left_ = nullptr;
        return;
    }
    if (all || boottime_now() >= leave_until_) {
        auto done = std::move(left_);
        left_ = nullptr;
        if (done) {
            done();
        }
        return;
    }
    leave_timer_.set_time(boottime_now() + 100ms);
}

std::string node::status() const {
    json groups = json::array();
    for (const auto &[name, m] : groups_) {
        groups.push_back(m->status());
    }
    for (const auto &[name, why] : broken_) {
        groups.push_back({{"name", name},
                          {"state", "cannot run"},
                          {"headline", why},
                          {"serving", false},
                          {"advice", "mend that and restart harpd"}});
    }
    return json{{"node", config_.name},
                {"version", HARP_VERSION},
                {"groups", groups},
                {"refused",
                 {{"malformed", malformed_},
                  {"unknown_group", unknown_group_},
                  {"connections", listener_ ? listener_->refused() : 0}}}}
            .dump(2);
}

std::string node::headline() const {
    std::string out;
    for (const auto &[name, m] : groups_) {
        json s = m->status();
        out += fmt::format("{}{}: {}", out.empty() ? "" : "; ", name,
                           s["headline"].get<std::string>());
    }
    return out.empty() ? "no groups" : out;
}

} // namespace harp
