/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's replica object of a data member, over generic netlink. What may block
 * (netlink, whose verbs wait for the log's mutex) runs in a worker thread; mounting is
 * the service's.
 */
#pragma once

#include "config/group.hh"
#include "knl/genl.hh"
#include "knl/replica.hh"
#include "service/service.hh"
#include "util/loop.hh"

#include <atomic>
#include <memory>

namespace harp::knl {

struct kernel_config {
    std::string group;
    vsr::group_id uuid{};
    slot_t self;
    epoch_t epoch;
    lineage_t lineage;
    config::member_config member;
    bool confirms = false;              /* lease=confirm */
    std::optional<vsr::seal_note> seal; /* that counted when harpd began */
    /* P1: what was sealed, if it is what the note names. Called from a worker. May be empty. */
    std::function<result<unique_fd>(const vsr::seal_note &)> sealed;
    std::string harp_options; /* more mount options, for tests */
};

/* REPLICA_GET's attributes as the core wants them; @view_of_formed is filled elsewhere. */
vsr::object_report report_of(const attributes &a);
/* What a look at the object tells: what any multicast about it could have said. */
vsr::watermarks marks_of(const attributes &a, const vsr::object_report &report, time_point_t now);
/* struct harp_sec_view as VIEW_START takes it, and back from a record's section. */
std::vector<uint8_t> encode_view(const vsr::view_record &record);
result<vsr::view_record> decode_view_record(const std::vector<uint8_t> &record_bytes);

class kernel_replica final : public replica {
public:
    /* @svc outlives this. */
    kernel_replica(loop &l, kernel_config c, service::service &svc, hooks h);
    ~kernel_replica() override;

    vsr::object_report found() override;
    void execute(vsr::kernel_command command) override;
    void touch() override;
    void poll() override;
    void give_link(unique_fd socket, vsr::link_wanted which) override;
    void drop_link() override;
    void feed(feed_args args, unique_fd link, std::function<void(result<void>)> done) override;
    replica_facts facts() const override;
    void destroy(std::function<void(result<void>)> done) override;
    /* G3; called by the service once the namespace's sockets are gone. Synchronous. */
    result<void> release();

private:
    struct io; /* the worker's side */

    void mount(const vsr::kernel_command &command, const vsr::cmd_attach &cmd);
    void mounted(const result<void> &r);
    void enter(token_t token, const vsr::cmd_enter &cmd);
    void answer(token_t token, result<vsr::object_report> what, vsr::refusal why, std::string text,
                duration_t left = {});
    void was_read_back(std::string what, bool whole);
    void state_arrived(const attributes &a);
    void judge_link();
    void on_event(const attributes &a);
    void watch_events(unique_fd fd);
    void subscribe_in_group();
    void resync();
    void try_link();
    void end_links_below(view_t view);
    template <typename Job>
    void in_worker(Job job);

    loop &loop_;
    kernel_config config_;
    service::service &service_;
    hooks hooks_;
    std::shared_ptr<io> io_;
    std::shared_ptr<bool> alive_; /* completions after our end are dropped */
    std::vector<std::pair<unique_fd, event_source>> events_;
    bool group_events_ = false; /* subscribed inside the group's namespace */
    replica_facts facts_;
    bool polling_ = false;
    token_t attach_token_;               /* of the attach under way */
    std::optional<vsr::seal_note> seal_; /* that counts there */
    view_t entered_;                     /* the view whose links may be added */
    std::optional<std::pair<unique_fd, vsr::link_wanted>> waiting_link_;
    view_t link_view_;
    slot_t link_peer_;
    bool link_added_ = false; /* the kernel has the link of entered_ */
    time_point_t link_patience_{};
    std::string link_why_;
    std::unique_ptr<worker> worker_; /* last: joined first */
};

} // namespace harp::knl
