/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One group on this machine: the view-change core tied to its replica object, its
 * disk state, its peers and its service. It decides nothing by itself; it carries out
 * what the core puts out and feeds back what comes of it.
 */
#pragma once

#include "backend.hh"
#include "cluster/catch_up.hh"
#include "cluster/channel.hh"
#include "cluster/client_list.hh"
#include "cluster/log_room.hh"
#include "cluster/notice.hh"
#include "cluster/seal_file.hh"
#include "cluster/state_file.hh"
#include "config/group.hh"
#include "knl/backlog.hh"
#include "util/loop.hh"
#include "vsr/core.hh"

#include <array>
#include <memory>
#include <optional>
#include <vector>

namespace harp {

class json;

/* What members of one harpd share. */
struct member_env {
    loop *events = nullptr;
    cluster::control_channel *control = nullptr;
    std::string state_dir;
    std::string run_dir;
    backend_fn make_backend;
    bool keep_memory = true; /* harp.toml */
    std::function<void()> status_changed;
};

/* What the group's file means for the core. */
/* "7 9" */
std::string indices_text(const std::vector<index_t> &of);
vsr::config core_config(const vsr::disk_state &disk, const config::group_config &g);

class group_member {
public:
    /* Loads the state and begins. The error says why this group cannot run here. */
    static result<std::unique_ptr<group_member>> make(member_env env, config::group_config group,
                                                      slot_t self);
    ~group_member();

    const std::string &name() const noexcept { return group_.name; }
    const vsr::group_id &uuid() const noexcept { return disk_.group; }
    lineage_t lineage() const noexcept { return disk_.lineage; }
    const config::group_config &settings() const noexcept { return group_; }

    /* @done: once the replica is attached and it takes part; or why it never will. */
    void when_started(std::function<void(result<void>)> done);
    /* Is it one of another member's? */
    bool has_address(const cluster::endpoint &from) const;
    void on_control(const vsr::message &msg, const cluster::endpoint &from);
    /* Control messages of another version than ours: said in status. */
    void on_other_version(uint8_t version, const cluster::endpoint &from);
    void on_notice(const cluster::notice &n, const cluster::endpoint &from);
    /* LINK and FETCH of a caller whose group is ours. */
    void on_caller(cluster::caller who);
    /* @done: when the other serves, or why it does not. */
    void switchover(const std::string &to, std::function<void(result<void>)> done);
    /*
     * Leaves the view for good (harpd stops on purpose); what it serves it hands over first,
     * if the backup can take it, and stays when that comes to nothing.
     */
    void leave();
    /* P1: this machine's power goes, or stays after all. */
    void power(const vsr::power_news &news);
    /* Nothing of it is left to be written before the power goes. */
    bool sealed() const;
    /*
     * Service, mounts, object and state: all of it goes. The files stay; undo is for a
     * group whose creation has failed: of its lower, too, nothing is left but what it was.
     */
    enum class ending : uint8_t { keep_files, undo };
    void dissolve(ending how, std::function<void(result<void>)> done);
    json status() const;
    bool serving() const;
    /* Who serves, by its own word of late; empty: nobody that is heard of. */
    const std::string &served_by() const;
    bool quiet() const; /* leave() has been carried out */
    /* harpctl log skip. */
    result<void> skip(const std::vector<uint64_t> &records, bool ask_only);
    bool handing_over() const; /* not yet: the switchover is under way */
    bool stays() const;        /* nor will it be: that came to nothing */

private:
    group_member(member_env env, config::group_config group, slot_t self, vsr::disk_state disk);

    /* half: a start or a stop has failed, and what is left of it is to be stopped. */
    enum class service_phase : uint8_t { off, starting, on, stopping, half };

    result<void> begin();
    result<void> start_result() const;
    void carry_out();
    void ask_replica(vsr::output &out);
    void execute(vsr::kernel_command command);
    void adopt(vsr::kernel_command command);
    void make_catch_up();
    void send(const vsr::outgoing &out);
    void tell_clients();
    void note_clients(std::vector<net::connection> clients);
    void store_clients();
    void persist(vsr::disk_write write);
    void drop_sealed();
    void seal(const vsr::seal_wanted &want);
    void on_kernel(const vsr::kernel_event &event);
    void set_link(const std::optional<vsr::link_wanted> &wanted);
    void dial_link();
    void accept_link(cluster::caller who);
    void serve_fetch(cluster::caller who);
    void serve_copy(cluster::caller who);
    void tell_outline(const cluster::caller &who);
    void dial_fetch(const vsr::log_source &source, std::function<void(result<unique_fd>)> done);
    void dial_outline(slot_t peer, std::function<void(result<cluster::log_outline>)> done);
    void serve(view_t view);
    void give_up(const std::string &reason, std::function<void()> then = {});
    void service_step(const service::step_report &step);
    void tell_transition();
    void arm();
    void beat_second();
    cluster::greeting greet(cluster::greeting_kind kind) const;
    std::vector<cluster::endpoint> endpoints(slot_t peer, uint16_t port) const;
    std::vector<cluster::route> routes(slot_t peer) const;
    bool is_peer_address(slot_t peer, const cluster::endpoint &from, size_t *network) const;
    bool is_peers_harpd(slot_t peer, const cluster::endpoint &from) const;
    const std::string &peer_name(slot_t slot) const;
    /* Of members whose harpd cannot be understood; empty: none. */
    std::string other_versions() const;
    /* Of which records its kernel may have died; empty: of none. */
    std::string suspects() const;
    std::string unverified() const;
    /* What is not on a disk yet, and who waits for it; empty: nothing to say. */
    std::string slow_disks(const vsr::status_report &s) const;
    /* A witness: in whose place it stands; empty: in nobody's. */
    std::string stands_in_for() const;
    void look_at_room();

    member_env env_;
    config::group_config group_;
    slot_t self_;
    vsr::disk_state disk_;
    cluster::state_file state_;
    cluster::seal_file seal_file_;
    bool seal_named_;              /* by the state file; the disk worker's */
    cluster::client_list clients_; /* of the primary before us */
    std::shared_ptr<bool> alive_;
    backend backend_;
    std::unique_ptr<vsr::core> core_;
    bool carrying_ = false;
    std::vector<std::function<void(result<void>)>> to_tell_started_;
    bool dissolving_ = false;
    std::function<void(result<void>)> switchover_done_;

    std::optional<vsr::link_wanted> link_;
    bool link_given_ = false;
    bool link_found_ = false; /* of an earlier harpd, still up */
    event_source link_timer_;
    event_source service_timer_;
    std::unique_ptr<cluster::dialler> dialler_;
    std::unique_ptr<cluster::dialler> fetch_dialler_;
    std::unique_ptr<cluster::dialler> outline_dialler_;
    std::unique_ptr<cluster::catch_up> catch_up_;
    std::unique_ptr<cluster::copy_end> copy_;     /* that is given to another member */
    std::optional<vsr::kernel_command> adopting_; /* waits for records (V6) */

    service_phase service_ = service_phase::off;
    view_t service_view_; /* the view it is to serve in */
    bool service_wanted_ = false;
    std::string service_trouble_;

    vsr::member_state told_state_ = vsr::member_state::starting;
    view_t told_view_;

    struct peer_news {
        std::vector<std::optional<time_point_t>> heard; /* by network */
        std::optional<vsr::status_beat> beat;
        std::optional<uint8_t> other_version; /* of its control messages, if not ours */
        view_t formed;
    };
    std::array<peer_news, vsr::member_count> peers_;
    std::optional<vsr::watermarks> last_marks_;
    vsr::object_report own_; /* as told last, in an answer or by itself */
    knl::backlog backlog_;
    cluster::log_room room_;           /* of a witness's log */
    std::vector<std::string> machine_; /* what of it is not as it should be */
    uint64_t foreign_ = 0;             /* control messages from where the sender's harpd is not */
    uint64_t poll_ms_ = 250;

    event_source tick_;
    event_source poll_;
    event_source second_;
    bool clients_kept_ = true; /* the list in the file is the one here */
    std::unique_ptr<worker> disk_worker_;
    std::unique_ptr<worker> clients_worker_; /* no state waits for a list's fsync */
    std::unique_ptr<worker> fetch_worker_;
};

} // namespace harp
