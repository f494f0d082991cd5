/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The witness's replica object: vsr::object on a witness_log, behind a record link
 * that speaks the kernel's wire format (uapi/linux/harp_wire.h). Threads (finding 18):
 *
 *	link	reads the socket; checks; promises and acknowledges at once what is
 *		already stored. Does no I/O on a disk; real-time where allowed.
 *	writer	commands, write(2) of records, then the ACK that counts.
 *	sync	fdatasync in batches; LB := what is durable.
 *
 * object_mutex_ protects the object; the log has its own. Everything public is
 * called from the loop.
 */
#pragma once

#include "cluster/witness_log.hh"
#include "knl/replica.hh"
#include "linux/harp_wire.h"
#include "util/loop.hh"

#include <array>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

namespace harp::cluster {

struct witness_config {
    witness_log_id id;
    vsr::member_table members;
    std::string path;
    uint64_t size = 0;
    std::string boot;
};

struct fill_state;

class witness final : public knl::replica {
public:
    using got_source = std::function<void(result<unique_fd>)>;
    /* Opens a FETCH at a member; called in the loop. */
    using fetch_fn = std::function<void(vsr::log_source, got_source)>;

    static result<std::unique_ptr<witness>> make(loop &l, witness_config c, hooks h, fetch_fn f);
    ~witness() override;

    vsr::object_report found() override;
    void execute(vsr::kernel_command command) override;
    void touch() override;
    void poll() override;
    void give_link(unique_fd socket, vsr::link_wanted which) override;
    void drop_link() override;
    void seal(const vsr::seal_wanted &want, std::function<void(result<void>)> done) override;
    knl::replica_facts facts() const override;
    void destroy(std::function<void(result<void>)> done) override;

    const witness_log &log() const noexcept { return *log_; }

private:
    struct link;
    struct batch;

    witness(loop &l, witness_config c, hooks h, fetch_fn f, std::unique_ptr<witness_log> log);
    /* Takes the object's events to the loop. object_mutex_ is held. */
    void flush_events_locked();
    void end_link();
    void start_link(const std::shared_ptr<link> &l);
    void link_main(const std::shared_ptr<link> &l);
    const char *take_message(const std::shared_ptr<link> &l, const harp_wire_hdr &h,
                             const uint8_t *body);
    const char *take_records(const std::shared_ptr<link> &l, const harp_wire_hdr &h,
                             const uint8_t *body);
    const char *check_identity(const link &l, const harp_wire_hdr &h) const;
    void write_batch(const std::shared_ptr<link> &l, const batch &b);
    void store_batch(const std::shared_ptr<link> &l, const batch &b);
    void greet_when_backup(std::shared_ptr<link> l);
    void send_hello(const std::shared_ptr<link> &l);
    void send_ack(const std::shared_ptr<link> &l, const vsr::link_ack &ack);
    void link_failed(const std::shared_ptr<link> &l, const std::string &why);
    std::optional<vsr::log_source> wanted();
    void start_fill(const std::optional<vsr::log_source> &want);
    void fill_some(std::shared_ptr<fill_state> f);
    result<index_t> take_filled(fill_state &f, size_t len);
    void sync_main();
    void post_event(vsr::kernel_event e);

    loop &loop_;
    witness_config config_;
    hooks hooks_;
    fetch_fn fetch_;
    std::shared_ptr<bool> alive_;
    std::optional<vsr::log_source> fill_retry_;
    event_source fill_timer_;
    std::unique_ptr<witness_log> log_;
    mutable std::mutex object_mutex_;
    vsr::object object_;
    incarnation_t inc_;
    std::shared_ptr<link> link_;
    std::mutex link_thread_mutex_; /* of the writer, and of the end of all */
    std::thread link_thread_;
    std::shared_ptr<link> waiting_; /* writer thread: HELLO is due when the view is entered */
    bool filling_ = false;          /* loop thread */
    std::atomic<uint64_t> refused_{0};
    std::atomic<bool> touched_{false}; /* by harpd, not told to the object yet */
    std::atomic<bool> stop_{false};
    std::mutex sync_mutex_;
    std::condition_variable sync_wake_;
    std::thread sync_thread_;
    std::unique_ptr<worker> writer_;
};

} // namespace harp::cluster
