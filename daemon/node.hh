/* SPDX-License-Identifier: GPL-2.0 */
/*
 * This machine: its configuration, its sockets, its groups, and the making and
 * ending of groups, which one machine does for all three by asking the others.
 */
#pragma once

#include "cluster/lower_probe.hh"
#include "config/node.hh"
#include "member.hh"

#include <map>
#include <set>

namespace harp {

struct node_paths {
    std::string config_dir = "/etc/harp";
    std::string state_dir = "/var/lib/harp";
    std::string run_dir = "/run/harp";
};

class node {
public:
    using text_fn = std::function<void(result<std::string>)>;

    static result<std::unique_ptr<node>> make(loop &l, config::node_config c, node_paths p,
                                              backend_fn make_backend);
    ~node();

    /* JSON for Status(). */
    std::string status() const;
    std::string headline() const; /* one line, for systemd */
    void on_change(std::function<void()> fn) { changed_ = std::move(fn); }

    void group_create(const std::string &name, text_fn done);
    void group_delete(const std::string &name, bool force, text_fn done);
    void switchover(const std::string &name, const std::string &to, text_fn done);
    void log_skip(const std::string &name, const std::vector<uint64_t> &records, bool ask_only,
                  const text_fn &done);
    /*
     * Hand over what can be handed over, leave all views, then @done: not while a group that
     * has a backup for it is served here.
     */
    void leave_all(std::function<void()> done);
    /* P1: the machine's power goes, or stays after all. */
    void power(const vsr::power_news &news);
    /* Nothing of any group is left to be written before it goes. */
    bool sealed() const;

private:
    struct creation;

    node(loop &l, config::node_config c, node_paths p, backend_fn make_backend);
    result<void> open_sockets();
    result<void> start_groups();
    result<void> start_group(const std::string &name);
    void on_datagram(const std::vector<uint8_t> &bytes, const cluster::endpoint &from);
    void on_notice(const std::vector<uint8_t> &bytes, const cluster::endpoint &from);
    void on_caller(cluster::caller who);
    /* A request of another member: {"op": "probe" | "create" | "undo" | "delete", …}. */
    void on_admin(cluster::caller who);
    void admin(const std::string &body, const cluster::endpoint &from, text_fn done);
    void admin_make(const json &j, const config::group_config &g, slot_t self, text_fn done);
    void admin_end(const json &j, text_fn done);
    result<config::group_config> load_group(const std::string &name) const;
    result<slot_t> own_slot(const config::group_config &g) const;
    result<void> ports_agree(const config::group_config &g, slot_t self) const;
    void probe(const config::group_config &g, slot_t self,
               std::function<void(result<cluster::lower_traits>)> done);
    result<void> begin_here(const config::group_config &g, slot_t self, const uuid_bytes &uuid,
                            uint64_t lineage);
    void create_here(const config::group_config &g, slot_t self, const uuid_bytes &uuid,
                     uint64_t lineage, std::function<void(result<void>)> done);
    /* Why groups_ has no such group. */
    failure not_running(const std::string &name) const;
    result<void> may_delete(const std::string &name, bool force) const;
    void end_here(const std::string &name, group_member::ending how,
                  std::function<void(result<void>)> done);
    void ask_peer(const config::group_config &g, slot_t peer, std::string body, text_fn done,
                  duration_t limit = std::chrono::seconds(20));
    void creation_probed(const std::shared_ptr<creation> &c);
    void make_next(const std::shared_ptr<creation> &c);
    void take_back(const std::shared_ptr<creation> &c);
    void check_leaving();

    loop &loop_;
    config::node_config config_;
    node_paths paths_;
    backend_fn make_backend_;
    std::unique_ptr<cluster::control_channel> control_;
    std::unique_ptr<cluster::record_listener> listener_;
    std::map<std::string, std::unique_ptr<group_member>> groups_;
    std::map<std::string, std::string> broken_; /* groups that cannot run, and why */
    std::map<uint64_t, std::unique_ptr<cluster::dialler>> calls_;
    uint64_t next_call_ = 1;
    uint64_t malformed_ = 0;
    uint64_t unknown_group_ = 0;
    vsr::power_news power_; /* told last; groups that come later hear it, too */
    std::function<void()> changed_;
    std::function<void()> left_;
    time_point_t leave_until_{};
    event_source leave_timer_;
    std::unique_ptr<worker> probe_worker_;
};

} // namespace harp
