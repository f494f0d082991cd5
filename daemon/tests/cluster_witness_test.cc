/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The witness's replica with a primary at the other end of its record link: real
 * threads, a real file, a socket pair. The primary here says what a test wants it to.
 */
#include "cluster/witness.hh"
#include "codec.h"
#include "test_disk.hh"

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace harp {
namespace {

using namespace vsr;
using namespace std::chrono_literals;
using cluster::witness;

constexpr slot_t slot_b{1};
constexpr slot_t slot_w{2};
constexpr incarnation_t primary_inc{3};
constexpr incarnation_t own_inc{1};

/* The primary's end of a record link. */
struct primary_end {
    unique_fd fd;

    bool say(const void *p, size_t len) {
        return send(fd.get(), p, len, MSG_NOSIGNAL) == static_cast<ssize_t>(len);
    }
    /* Reads @len bytes; false when the link ends or nothing comes for five seconds. */
    bool hear(void *p, size_t len) {
        auto *at = static_cast<uint8_t *>(p);
        pollfd waiting{fd.get(), POLLIN, 0};
        while (len != 0 && poll(&waiting, 1, 5000) == 1) {
            ssize_t n = recv(fd.get(), at, len, 0);
            if (n <= 0) {
                return false;
            }
            at += n;
            len -= static_cast<size_t>(n);
        }
        return len == 0;
    }
    template <typename Body>
    bool hear(uint8_t type, Body &body) {
        harp_wire_hdr h{};
        const char *why = "";
        return hear(&h, sizeof(h)) && harp_wire_check_header(&h, &why) == 0 && h.type == type &&
               hear(&body, sizeof(body)) && harp_wire_check_body(&h, &body, &why) == 0;
    }
};

/* A message before it is sealed, so that a test can spoil it. */
struct rec_message {
    harp_wire_hdr h{};
    harp_wire_rec body{};
    std::vector<uint8_t> records;
    uint64_t last = 0; /* of the records */
    uint32_t crc = 0;  /* of that one */

    std::vector<uint8_t> bytes() const {
        std::vector<uint8_t> out(sizeof(h) + sizeof(body));
        memcpy(out.data(), &h, sizeof(h));
        memcpy(out.data() + sizeof(h), &body, sizeof(body));
        out.insert(out.end(), records.begin(), records.end());
        return out;
    }
    void seal() { harp_wire_seal(&h, &body, static_cast<u32>(records.size())); }
};

class witness_link : public testing::Test {
protected:
    void SetUp() override {
        path_ = testing::TempDir() + "harp-witness-" + std::to_string(getpid());
        std::filesystem::remove(path_);
        config_.id.group.fill(7);
        config_.id.lineage = lineage_t(5);
        config_.id.epoch = epoch_t(1);
        config_.id.self = slot_w;
        config_.members[0] = {member_id(1), slot_t(0), member_kind::primary, "a"};
        config_.members[1] = {member_id(2), slot_b, member_kind::backup, "b"};
        config_.members[2] = {member_id(3), slot_w, member_kind::witness, "w"};
        config_.path = path_;
        config_.size = 16u << 20;
        config_.boot = "boot-1";
        view_.view = view_t(5);
        view_.epoch = config_.id.epoch;
        view_.lineage = config_.id.lineage;
        view_.primary = {slot_b, primary_inc};
        view_.backup = {slot_w, own_inc};
        view_.promise = 2s;
        auto made = witness::make(loop_, config_,
                                  {[this](const kernel_event &e) { events_.push_back(e); }, {}},
                                  [this](const log_source &, const witness::got_source &got) {
                                      fetched_++;
                                      source_     ? got(std::move(source_))
                                      : hangs_up_ ? got(ended_source())
                                                  : got(fail(ENOENT, "no source"));
                                  });
        ASSERT_TRUE(made.ok()) << made.error().text;
        witness_ = std::move(*made);
        ASSERT_TRUE(run(cmd_attach{own_inc, {}, {}, {}, {}}));
    }
    void TearDown() override {
        witness_.reset();
        std::filesystem::remove(path_);
    }

    static unique_fd ended_source() {
        int fds[2] = {-1, -1};
        EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        close(fds[1]);
        return unique_fd(fds[0]);
    }
    bool wait(const std::function<bool()> &done) {
        auto end = boottime_now() + 10s;
        while (!done() && boottime_now() < end) {
            loop_.turn(20ms);
        }
        return done();
    }
    token_t ask(kernel_command_body body) {
        token_t token(++last_token_);
        witness_->execute({token, std::move(body)});
        return token;
    }
    /* Carries a command out; its answer. */
    bool run(kernel_command_body body) { return done(ask(std::move(body))); }
    bool done(token_t token) {
        const command_done *found = nullptr;
        wait([&] {
            for (const auto &e : events_) {
                const auto *d = std::get_if<command_done>(&e);
                found = d != nullptr && d->token == token ? d : found;
            }
            return found != nullptr;
        });
        return found != nullptr && found->ok;
    }
    /* What the object says when it is asked now; an empty one if it does not answer. */
    object_report report() {
        const size_t asked = events_.size();
        object_report last;
        wait([&] {
            witness_->poll();
            for (size_t i = asked; i < events_.size() && !last.inc; i++) {
                const auto *marks = std::get_if<watermarks>(&events_[i]);
                last = marks != nullptr ? marks->report : last;
            }
            return static_cast<bool>(last.inc);
        });
        EXPECT_EQ(last.inc, own_inc);
        return last;
    }
    bool adopt() {
        start what;
        what.record = view_;
        what.donor = slot_b;
        return run(cmd_adopt{what, {}, index_t(1)});
    }
    bool enter() { return run(cmd_enter{view_, role::backup}); }

    primary_end give_link() {
        int fds[2] = {-1, -1};
        EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        witness_->give_link(unique_fd(fds[0]), {slot_b, view_.view, false});
        return {unique_fd(fds[1])};
    }
    /* In the view, with a link on which HELLO has come. */
    primary_end greeted() {
        EXPECT_TRUE(entered_ || (adopt() && enter()));
        entered_ = true;
        primary_end p = give_link();
        EXPECT_TRUE(p.hear(HARP_WIRE_HELLO, hello_));
        return p;
    }

    /* A REC of @count records, each with @data bytes in it, that follow what HELLO told. */
    rec_message next_record(uint32_t count = 1, uint32_t data = 0) {
        rec_message m;
        m.last = le64_to_cpu(hello_.top);
        m.crc = le32_to_cpu(hello_.crc_of_top);
        std::vector<uint64_t> buf((data + HARP_REC_OVERHEAD_MAX) / 8);
        for (uint32_t i = 0; i < count; i++) {
            harp_builder b{};
            harp_build_begin(&b, buf.data(), data + HARP_REC_OVERHEAD_MAX,
                             data != 0 ? HARP_REC_WRITE : HARP_REC_NOOP);
            if (data != 0) {
                void *bytes = nullptr;
                harp_build_inode(&b, HARP_ROLE_OBJECT, 16)->mode = cpu_to_le32(S_IFREG);
                harp_build_data(&b, 0, data, &bytes);
                memset(bytes, 'x', data);
            }
            EXPECT_EQ(harp_build_finish(&b), 0);
            auto *hdr = static_cast<harp_rec_hdr *>(b.buf);
            harp_rec_seal(hdr, ++m.last, view_.view.value(), view_.lineage.value(), 1, m.crc);
            m.crc = le32_to_cpu(hdr->crc);
            const auto *p = static_cast<const uint8_t *>(b.buf);
            m.records.insert(m.records.end(), p, p + b.len);
        }
        m.h.type = HARP_WIRE_REC;
        memcpy(m.h.group, config_.id.group.data(), config_.id.group.size());
        m.h.lineage = cpu_to_le64(config_.id.lineage.value());
        m.h.epoch = cpu_to_le32(config_.id.epoch.value());
        m.h.inc = cpu_to_le64(primary_inc.value());
        m.h.view = cpu_to_le64(view_.view.value());
        m.h.sender = slot_b.value();
        m.body.prev_index = hello_.top;
        m.body.prev_view = hello_.view_of_top;
        m.body.nrec = cpu_to_le32(count);
        m.body.t = cpu_to_le64(12345);
        m.body.flags = cpu_to_le32(HARP_REC_F_SERVING);
        m.seal();
        return m;
    }
    /* What is made next follows @m. */
    void follow(const rec_message &m) {
        hello_.top = cpu_to_le64(m.last);
        hello_.view_of_top = m.h.view;
        hello_.crc_of_top = cpu_to_le32(m.crc);
    }
    /* Also those of the link before, whose thread has ended and whose events are posted. */
    void forget_events() {
        bool here = false;
        loop_.post([&here] { here = true; });
        ASSERT_TRUE(wait([&here] { return here; }));
        events_.clear();
    }
    const link_changed *last_end() const {
        const link_changed *found = nullptr;
        for (const auto &e : events_) {
            const auto *l = std::get_if<link_changed>(&e);
            found = l != nullptr && !l->up ? l : found;
        }
        return found;
    }
    /*
     * The bytes end the link with these words, are counted, and leave the log as it was;
     * the next link finds a witness that takes a record.
     */
    /* The next record, spoiled and sealed again, on a link that has just been greeted. */
    std::vector<uint8_t> spoiled(const std::function<void(rec_message &)> &spoil) {
        greeted();
        auto m = next_record();
        spoil(m);
        m.seal();
        return m.bytes();
    }
    void is_refused(const std::vector<uint8_t> &bytes, const std::string &words) {
        SCOPED_TRACE(words);
        primary_end p = greeted();
        harp_wire_hello before = hello_;
        uint64_t refused = witness_->facts().refused;
        forget_events();
        ASSERT_TRUE(p.say(bytes.data(), bytes.size()));
        shutdown(p.fd.get(), SHUT_WR); /* what is shorter than it says is at its end */
        ASSERT_TRUE(wait([&] { return last_end() != nullptr; }));
        EXPECT_NE(last_end()->text.find(words), std::string::npos) << last_end()->text;
        EXPECT_EQ(witness_->facts().refused, refused + 1);
        EXPECT_FALSE(witness_->facts().link_up);
        primary_end again = greeted();
        EXPECT_EQ(memcmp(&hello_, &before, sizeof(before)), 0);
        takes_a_record(again);
    }
    void takes_a_record(primary_end &p, uint32_t data = 0) {
        rec_message m = next_record(1, data);
        auto bytes = m.bytes();
        ASSERT_TRUE(p.say(bytes.data(), bytes.size()));
        harp_wire_ack ack{};
        do {
            ASSERT_TRUE(p.hear(HARP_WIRE_ACK, ack));
        } while (le64_to_cpu(ack.n) < m.last);
        EXPECT_EQ(le64_to_cpu(ack.n), m.last);
        EXPECT_EQ(le64_to_cpu(ack.t), 12345u);
        follow(m);
    }

    std::string path_;
    cluster::witness_config config_;
    view_record view_;
    loop loop_;
    std::vector<kernel_event> events_;
    std::unique_ptr<witness> witness_;
    unique_fd source_; /* what a FETCH gets */
    int fetched_ = 0;
    bool hangs_up_ = false; /* who is asked, at once */
    uint64_t last_token_ = 0;
    bool entered_ = false;
    harp_wire_hello hello_{};
};

} // namespace

TEST_F(witness_link, hello_tells_the_view_record_and_records_are_acked) {
    primary_end p = greeted();
    EXPECT_EQ(le64_to_cpu(hello_.top), 1u);
    EXPECT_EQ(le64_to_cpu(hello_.view_of_top), 5u);
    takes_a_record(p);
    EXPECT_TRUE(wait([&] { return witness_->facts().link_up; }));
    EXPECT_EQ(witness_->log().end().top, index_t(2));
}

/* The link may be there before START is: its HELLO waits for the view. */
TEST_F(witness_link, a_link_that_comes_before_the_view_is_greeted_when_it_is_entered) {
    primary_end p = give_link();
    ASSERT_TRUE(adopt());
    pollfd quiet{p.fd.get(), POLLIN, 0};
    EXPECT_EQ(poll(&quiet, 1, 0), 0) << "HELLO of a log that has no role yet";
    ASSERT_TRUE(enter());
    ASSERT_TRUE(p.hear(HARP_WIRE_HELLO, hello_));
    EXPECT_EQ(le64_to_cpu(hello_.top), 1u);
    takes_a_record(p);
}

TEST_F(witness_link, a_link_replaced_before_the_view_is_never_greeted) {
    primary_end first = give_link();
    primary_end second = give_link();
    ASSERT_TRUE(adopt() && enter());
    ASSERT_TRUE(second.hear(HARP_WIRE_HELLO, hello_));
    char byte = 0;
    EXPECT_EQ(recv(first.fd.get(), &byte, 1, 0), 0);
}

/*
 * A disk that stalls, from now on and until it is told to go on; but not the whole test.
 * The witness's threads may still be in it when the test has ended.
 */
class stalled_disk {
public:
    enum class at { records, headers, sync };

    explicit stalled_disk(at what) {
        if (what == at::sync) {
            test_disk::on_fdatasync = [s = state_](int) {
                s->wait();
                return 0;
            };
            return;
        }
        test_disk::before_pwrite = [s = state_, what](int, off_t off) {
            if ((off < static_cast<off_t>(HARP_REGION_RING_OFF)) == (what == at::headers)) {
                s->wait();
            }
        };
    }
    ~stalled_disk() { go_on(); }

    void go_on() {
        std::lock_guard lock(state_->mutex);
        state_->over = true;
        state_->changed.notify_all();
    }
    bool is_waited_for() const { return state_->waiting; }
    /* Waits for that, without a turn of the loop. */
    bool reached() const {
        for (auto end = boottime_now() + 10s; !is_waited_for() && boottime_now() < end;) {
            std::this_thread::yield();
        }
        return is_waited_for();
    }

private:
    struct state {
        void wait() {
            std::unique_lock lock(mutex);
            waiting = waiting || !over;
            changed.wait_for(lock, 5s, [this] { return over; });
        }

        std::mutex mutex;
        std::condition_variable changed;
        bool over = false;
        std::atomic<bool> waiting{false};
    };
    std::shared_ptr<state> state_ = std::make_shared<state>();
};

class witness_disk : public witness_link {
protected:
    void TearDown() override {
        witness_link::TearDown(); /* ends the threads that may be in them */
        test_disk::on_fdatasync = {};
        test_disk::before_pwrite = {};
    }
};

class witness_stalls : public witness_disk, public testing::WithParamInterface<stalled_disk::at> {};

INSTANTIATE_TEST_SUITE_P(disk, witness_stalls,
                         testing::Values(stalled_disk::at::records, stalled_disk::at::headers,
                                         stalled_disk::at::sync));

/* Finding 18: promises come from a thread that waits for no disk; nor does the loop. */
TEST_P(witness_stalls, a_disk_that_stalls_holds_neither_promises_nor_the_loop) {
    primary_end p = greeted();
    stalled_disk disk(GetParam());
    auto rec = next_record();
    auto bytes = rec.bytes();
    ASSERT_TRUE(p.say(bytes.data(), bytes.size()));
    harp_wire_ack ack{};
    ASSERT_TRUE(p.hear(HARP_WIRE_ACK, ack)) << "at once, of what is already stored";
    ASSERT_TRUE(wait([&] { return disk.is_waited_for(); }));
    auto begin = boottime_now();
    forget_events();
    witness_->poll();
    ASSERT_TRUE(wait([&] { return !events_.empty(); }));
    rec_message beat = rec;
    beat.records.clear();
    beat.body.nrec = 0;
    beat.body.prev_index = cpu_to_le64(le64_to_cpu(rec.body.prev_index) + 1);
    beat.body.t = cpu_to_le64(777);
    beat.seal();
    bytes = beat.bytes();
    ASSERT_TRUE(p.say(bytes.data(), bytes.size()));
    do {
        ASSERT_TRUE(p.hear(HARP_WIRE_ACK, ack));
    } while (le64_to_cpu(ack.t) != 777);
    EXPECT_NE(ack.promise, 0u);
    EXPECT_LT(boottime_now() - begin, view_.promise / 4);
    disk.go_on();
    EXPECT_TRUE(wait([&] { return witness_->log().end().top == index_t(2); }));
    EXPECT_TRUE(wait([&] { return witness_->log().fsynced() == index_t(2); }));
}

/* Records are accepted ahead of the writer: also behind one that then has no room. */
TEST_F(witness_disk, a_full_log_takes_nothing_behind_what_did_not_fit) {
    primary_end p = greeted();
    while (witness_->log().room() > HARP_WIRE_BATCH_MAX) {
        ASSERT_NO_FATAL_FAILURE(takes_a_record(p, HARP_DATA_MAX));
    }
    const index_t held = witness_->log().end().top + 1;
    stalled_disk disk(stalled_disk::at::records);
    auto accepted = [&](const rec_message &m) {
        auto bytes = m.bytes();
        harp_wire_ack ack{};
        ASSERT_TRUE(p.say(bytes.data(), bytes.size()) && p.hear(HARP_WIRE_ACK, ack));
        follow(m);
    };
    accepted(next_record());
    ASSERT_TRUE(wait([&] { return disk.is_waited_for(); }));
    auto large = next_record(2, HARP_DATA_MAX);
    ASSERT_GT(large.records.size(), witness_->log().room());
    accepted(large);
    accepted(next_record());
    disk.go_on();
    ASSERT_TRUE(run(cmd_fence{view_t(9), slot_b})) << "behind all of them";
    EXPECT_EQ(witness_->log().end().top, held);
    EXPECT_EQ(report().log.top, held);
    witness_.reset();
    auto after = cluster::witness_log::open(path_, 0, config_.id, config_.boot);
    ASSERT_TRUE(after.ok());
    auto found = (*after)->inspect();
    EXPECT_EQ(found.walked.top, held);
    EXPECT_EQ(found.header.wm, held) << "or the next process calls the log lost";
}

/* The object is kept by whoever waits for the disk: the writer, or the sync thread. */
TEST_F(witness_disk, a_command_that_waits_for_the_disk_does_not_hold_the_loop) {
    stalled_disk disk(stalled_disk::at::sync);
    ask(cmd_fence{view_.view, slot_b}); /* after each command the loop looks what to fetch */
    start what;
    what.record = view_;
    what.donor = slot_b;
    token_t adopted = ask(cmd_adopt{what, {}, index_t(1)});
    ASSERT_TRUE(disk.reached());
    const auto begin = boottime_now();
    forget_events();
    EXPECT_LT(boottime_now() - begin, 1s);
    disk.go_on();
    EXPECT_TRUE(done(adopted));
}

/* Its thread has taken a message, and waits for the object. */
TEST_F(witness_disk, a_link_that_waits_for_the_disk_ends_without_holding_the_loop) {
    primary_end p = greeted();
    ASSERT_TRUE(run(cmd_fence{view_t(9), slot_b}));
    stalled_disk disk(stalled_disk::at::sync);
    view_.view = view_t(9);
    view_.s = index_t(1);
    view_.view_of_s = view_t(5);
    start what;
    what.record = view_;
    what.donor = slot_b;
    what.reach = {index_t(1), {}, index_t(1), {{view_t(5), index_t(1)}}};
    ask(cmd_adopt{what, {index_t(1), view_t(5)}, index_t(1)});
    ASSERT_TRUE(disk.reached());
    auto bytes = next_record().bytes();
    ASSERT_TRUE(p.say(bytes.data(), bytes.size()));
    int unread = 1;
    for (auto end = boottime_now() + 10s; unread != 0 && boottime_now() < end;) {
        ASSERT_EQ(ioctl(p.fd.get(), SIOCOUTQ, &unread), 0);
    }
    ASSERT_EQ(unread, 0);
    const auto begin = boottime_now();
    witness_->drop_link();
    give_link();
    EXPECT_LT(boottime_now() - begin, 1s);
}

/* Nothing is written any more that a sync would be for. */
TEST_F(witness_link, a_view_that_ends_after_the_last_sync_leaves_a_log_a_power_cut_does_not_spoil) {
    primary_end p = greeted();
    takes_a_record(p);
    ASSERT_TRUE(wait([&] { return report().lb == index_t(2) && !witness_->log().dirty(); }));
    auto unsynced = [this] {
        unique_fd fd(open(path_.c_str(), O_RDONLY | O_CLOEXEC));
        auto h = cluster::read_witness_header(fd.get(), config_.size);
        return h && h->header.unsynced;
    };
    EXPECT_TRUE(unsynced()) << "while the view goes on";
    ASSERT_TRUE(run(cmd_fence{view_t(9), slot_b}));
    EXPECT_TRUE(wait([&] { return !unsynced(); }));
}

class witness_sync_fails : public witness_disk, public testing::WithParamInterface<int> {};

/* A thin volume has no room for what its file had reserved. */
INSTANTIATE_TEST_SUITE_P(disk, witness_sync_fails, testing::Values(EIO, ENOSPC));

/* The kernel tells of a lost write once; the next fdatasync succeeds. */
TEST_P(witness_sync_fails, it_ends_the_log) {
    primary_end p = greeted();
    std::atomic<int> failed = 0;
    test_disk::on_fdatasync = [this, &failed](int) {
        if (failed++ != 0) {
            return 0;
        }
        errno = GetParam();
        return -1;
    };
    takes_a_record(p);
    ASSERT_TRUE(wait([this] { return !report().intact; }));
    EXPECT_EQ(report().current_role, role::none);
    EXPECT_EQ(report().free_bytes, 0u) << "no backup for another view";
    EXPECT_EQ(witness_->log().fsynced(), index_t(0));
    view_.view = view_t(9);
    EXPECT_FALSE(adopt());
    witness_.reset();
    auto after = cluster::witness_log::open(path_, 0, config_.id, config_.boot);
    ASSERT_TRUE(after.ok());
    EXPECT_FALSE((*after)->inspect().header.complete) << "nor does the next process trust it";
}

/* The donor's end of a FETCH, and an adopt that needs records 1 to @count of it. */
struct donor {
    unique_fd fd;
    token_t adopt;
    std::vector<uint8_t> records;

    bool give(size_t from, size_t to) {
        return send(fd.get(), records.data() + from, to - from, MSG_NOSIGNAL) ==
               static_cast<ssize_t>(to - from);
    }
};

class witness_fill : public witness_link {
protected:
    donor adopting(uint64_t count) {
        donor d{};
        uint32_t crc = 0;
        for (uint64_t i = 1; i <= count; i++) {
            std::vector<uint64_t> buf(512);
            harp_builder b{};
            harp_build_begin(&b, buf.data(), 4096, HARP_REC_NOOP);
            EXPECT_EQ(harp_build_finish(&b), 0);
            auto *hdr = static_cast<harp_rec_hdr *>(b.buf);
            harp_rec_seal(hdr, i, 4, view_.lineage.value(), 1, crc);
            crc = le32_to_cpu(hdr->crc);
            const auto *p = static_cast<const uint8_t *>(b.buf);
            d.records.insert(d.records.end(), p, p + b.len);
        }
        int fds[2] = {-1, -1};
        EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        source_.reset(fds[0]);
        d.fd.reset(fds[1]);
        start what;
        view_.s = index_t(count);
        view_.view_of_s = view_t(4);
        what.record = view_;
        what.donor = slot_b;
        what.reach = {index_t(1), {}, index_t(count), {{view_t(4), index_t(1)}}};
        what.sources = {{slot_b, index_t(1), index_t(count)}};
        d.adopt = ask(cmd_adopt{what, {}, index_t(1)});
        EXPECT_TRUE(wait([this] { return fetched_ == 1; }));
        return d;
    }
};

TEST_F(witness_fill, records_come_in_pieces) {
    donor d = adopting(50);
    const size_t n = d.records.size();
    ASSERT_TRUE(d.give(0, 7));
    loop_.turn(200ms); /* longer than a turn of the writer's */
    ASSERT_TRUE(d.give(7, n / 2 + 3));
    loop_.turn(200ms);
    ASSERT_TRUE(d.give(n / 2 + 3, n));
    EXPECT_TRUE(done(d.adopt));
    EXPECT_EQ(witness_->log().end().top, index_t(51)) << "and the VIEW record";
}

/* A fence must not wait for a donor that gives a byte now and then. */
TEST_F(witness_fill, a_source_that_drips_does_not_hold_the_writer) {
    donor d = adopting(2000);
    std::atomic<bool> stop = false;
    std::thread drip([&] {
        for (size_t i = 0; !stop && d.give(i, i + 1); i++) {
            poll(nullptr, 0, 5);
        }
    });
    EXPECT_TRUE(run(cmd_fence{view_t(9), slot_b}));
    stop = true;
    drip.join();
}

TEST_F(witness_fill, a_source_of_something_else_is_given_up) {
    donor d = adopting(3);
    const std::string text(4096, 'x');
    ASSERT_GT(send(d.fd.get(), text.data(), text.size(), MSG_NOSIGNAL), 0);
    EXPECT_TRUE(wait([this] { return fetched_ > 1; })) << "asked again, of whom there is";
    EXPECT_EQ(witness_->log().end().top, index_t(0));
}

TEST_F(witness_fill, a_source_that_gives_nothing_is_asked_a_few_times_a_second) {
    donor d = adopting(3);
    hangs_up_ = true;
    d.fd.reset();
    const auto end = boottime_now() + 1s;
    while (boottime_now() < end) {
        loop_.turn(20ms);
    }
    EXPECT_GT(fetched_, 2);
    EXPECT_LT(fetched_, 12);
}

TEST_F(witness_link, garbage_is_refused) {
    is_refused(std::vector<uint8_t>(4096, 0x5a), "magic");
    auto good = (greeted(), next_record());
    auto bad = good;
    bad.h.version = HARP_WIRE_VERSION + 1;
    is_refused(bad.bytes(), "version");
    bad = good;
    bad.h.len = cpu_to_le32(HARP_WIRE_BATCH_MAX + HARP_WIRE_BATCH_MAX);
    is_refused(bad.bytes(), "length out of bounds");
    bad = good;
    bad.body.cp = cpu_to_le64(1); /* after it was sealed */
    is_refused(bad.bytes(), "checksum");
}

/* Protocol, "Messages": group, lineage, epoch, sender, incarnation, view. */
TEST_F(witness_link, what_is_not_of_this_view_is_refused) {
    is_refused(spoiled([](rec_message &m) { m.h.group[3] ^= 1; }), "another group");
    is_refused(spoiled([](rec_message &m) { m.h.lineage = cpu_to_le64(6); }), "another lineage");
    is_refused(spoiled([](rec_message &m) { m.h.epoch = cpu_to_le32(2); }), "another epoch");
    is_refused(spoiled([](rec_message &m) { m.h.sender = 0; }), "another sender");
    is_refused(spoiled([](rec_message &m) { m.h.inc = cpu_to_le64(2); }), "refused");
    is_refused(spoiled([](rec_message &m) { m.h.view = cpu_to_le64(1); }), "refused");
    is_refused(spoiled([](rec_message &m) { m.body.flags |= cpu_to_le32(HARP_REC_F_FEED); }),
               "for a member in no view");
    auto unknown = (greeted(), next_record());
    unknown.h.type = HARP_WIRE_LEAVE + 1;
    is_refused(unknown.bytes(), "unknown type");
}

TEST_F(witness_link, records_that_do_not_follow_or_do_not_check_are_refused) {
    is_refused(spoiled([](rec_message &m) { m.body.prev_index = cpu_to_le64(9); }),
               "records that do not check");
    is_refused(spoiled([](rec_message &m) { m.body.prev_view = cpu_to_le64(1); }), "refused");
    is_refused(spoiled([](rec_message &m) { m.records[40] ^= 1; }), "records that do not check");
    is_refused(spoiled([](rec_message &m) { m.body.nrec = cpu_to_le32(2); }), "number of records");
    is_refused(
            spoiled([](rec_message &m) { m.records.erase(m.records.end() - 8, m.records.end()); }),
            "number of records");
    auto cut_off = (greeted(), next_record().bytes());
    cut_off.erase(cut_off.end() - 8, cut_off.end());
    is_refused(cut_off, "the link ended within a message");
}

TEST_F(witness_link, only_a_primarys_messages_are_taken) {
    greeted();
    auto m = next_record();
    harp_wire_ack ack{};
    m.h.type = HARP_WIRE_ACK;
    harp_wire_seal(&m.h, &ack, 0);
    std::vector<uint8_t> bytes(sizeof(m.h) + sizeof(ack));
    memcpy(bytes.data(), &m.h, sizeof(m.h));
    memcpy(bytes.data() + sizeof(m.h), &ack, sizeof(ack));
    is_refused(bytes, "a message that only a primary takes");
}

/* I9, N2: a primary that does not wait for HELLO cannot know what follows. */
TEST_F(witness_link, records_before_hello_are_refused) {
    hello_ = {};
    primary_end p = give_link();
    auto m = next_record().bytes();
    ASSERT_TRUE(p.say(m.data(), m.size()));
    ASSERT_TRUE(wait([&] { return last_end() != nullptr; }));
    EXPECT_EQ(last_end()->text, "records before HELLO");
    EXPECT_EQ(witness_->facts().refused, 1u);
}

/* A primary that goes away is no refused message. */
TEST_F(witness_link, the_end_of_a_link_is_told_and_not_counted_as_refused) {
    primary_end p = greeted();
    p.fd.reset();
    ASSERT_TRUE(wait([&] { return last_end() != nullptr; }));
    EXPECT_EQ(last_end()->text, "the primary hung up");
    EXPECT_EQ(witness_->facts().refused, 0u);
}

} // namespace harp
