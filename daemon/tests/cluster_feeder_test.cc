/* SPDX-License-Identifier: GPL-2.0 */
/* Feeding this machine's own kernel: a kernel at the other end of the socket judges. */
#include "cluster/feeder.hh"

#include "fake_data.hh"
#include "linux/harp_wire.h"

#include <gtest/gtest.h>

namespace harp::cluster {
namespace {

using namespace std::chrono_literals;
using harp::test::memory_log;

constexpr view_t view_fed{9};

feed_identity identity() {
    feed_identity id;
    id.group[3] = 7;
    id.lineage = lineage_t(77);
    id.epoch = epoch_t(2);
    id.peer = slot_t(2);
    id.peer_inc = incarnation_t(5);
    id.view = view_fed;
    return id;
}

/* What the kernel of a member that is fed checks and answers. */
class fed_kernel {
public:
    explicit fed_kernel(unique_fd fd) : fd_(std::move(fd)) {}

    void greet(index_t top, view_t view, uint32_t crc) {
        top_ = top;
        crc_ = crc;
        harp_wire_hello h{};
        h.top = cpu_to_le64(top.value());
        h.view_of_top = cpu_to_le64(view.value());
        h.crc_of_top = cpu_to_le32(crc);
        say(HARP_WIRE_HELLO, h);
    }
    void ack(index_t n) {
        harp_wire_ack a{};
        a.n = cpu_to_le64(n.value());
        say(HARP_WIRE_ACK, a);
    }
    void say_rubbish() {
        (void)!::send(fd_.get(),
                      "no message at all, but of some length, which "
                      "is that of a header and more: it is refused",
                      88, MSG_NOSIGNAL);
    }
    void hang_up() { fd_.reset(); }
    /* In whose name it speaks. */
    feed_identity own = identity();

    /* Takes what has come. */
    void take() {
        uint8_t buf[65536];
        ssize_t n = 0;
        while (fd_ && (n = recv(fd_.get(), buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
            in_.insert(in_.end(), buf, buf + n);
        }
        while (message()) {}
    }

    index_t top() const { return top_; }
    index_t cp, ap;
    uint64_t beats = 0;
    size_t largest = 0;
    std::string wrong;

private:
    template <typename Body>
    void say(uint8_t type, const Body &body) {
        struct {
            harp_wire_hdr h;
            Body b;
        } m{};
        m.h.type = type;
        memcpy(m.h.group, own.group.data(), own.group.size());
        m.h.lineage = cpu_to_le64(own.lineage.value());
        m.h.epoch = cpu_to_le32(own.epoch.value());
        m.h.inc = cpu_to_le64(8);
        m.h.view = cpu_to_le64(own.view.value());
        m.b = body;
        harp_wire_seal(&m.h, &m.b, 0);
        ASSERT_EQ(::send(fd_.get(), &m, sizeof(m), MSG_NOSIGNAL), ssize_t(sizeof(m)));
    }
    bool message() {
        harp_wire_hdr h{};
        harp_wire_rec r{};
        if (in_.size() < sizeof(h) + sizeof(r)) {
            return false;
        }
        const char *why = "";
        memcpy(&h, in_.data(), sizeof(h));
        memcpy(&r, in_.data() + sizeof(h), sizeof(r));
        if (harp_wire_check_header(&h, &why) != 0 || harp_wire_check_body(&h, &r, &why) != 0) {
            wrong = why;
            return false;
        }
        const size_t len = le32_to_cpu(h.len) - sizeof(r);
        if (in_.size() < sizeof(h) + sizeof(r) + len) {
            return false;
        }
        judge(h, r,
              {in_.begin() + sizeof(h) + sizeof(r),
               in_.begin() + ptrdiff_t(sizeof(h) + sizeof(r) + len)});
        in_.erase(in_.begin(), in_.begin() + ptrdiff_t(sizeof(h) + sizeof(r) + len));
        return wrong.empty();
    }
    void judge(const harp_wire_hdr &h, const harp_wire_rec &r, std::vector<uint8_t> bytes) {
        const feed_identity id = identity();
        if (h.type != HARP_WIRE_REC || memcmp(h.group, id.group.data(), 16) != 0 ||
            le64_to_cpu(h.lineage) != 77 || le32_to_cpu(h.epoch) != 2 || h.sender != 2 ||
            le64_to_cpu(h.inc) != 5 || le64_to_cpu(h.view) != view_fed.value()) {
            wrong = "in whose name?";
        } else if (le32_to_cpu(r.flags) != HARP_REC_F_FEED) {
            wrong = "no feed";
        } else if (index_t(le64_to_cpu(r.prev_index)) != top_) {
            wrong = "does not follow";
        }
        largest = std::max(largest, bytes.size());
        cp = index_t(le64_to_cpu(r.cp));
        ap = index_t(le64_to_cpu(r.ap));
        beats += bytes.empty() ? 1 : 0;
        std::vector<uint64_t> aligned(bytes.size() / 8 + 1);
        std::copy(bytes.begin(), bytes.end(), reinterpret_cast<uint8_t *>(aligned.data()));
        auto run = check_records({reinterpret_cast<uint8_t *>(aligned.data()), bytes.size()}, top_,
                                 crc_, crc_ != 0, id.lineage);
        if (!run || run->ends.size() != le32_to_cpu(r.nrec)) {
            wrong = run ? "count" : run.error().text;
            return;
        }
        top_ = run->last;
        crc_ = run->crc;
    }

    unique_fd fd_;
    std::vector<uint8_t> in_;
    index_t top_;
    uint32_t crc_ = 0;
};

/* A log of somebody, a kernel, and the feeder between. */
class feeding {
public:
    /* @room: bytes on their way to the kernel; 0: as many as there may be. */
    explicit feeding(int room = 0) : log(lineage_t(77)) {
        int ends[2];
        EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        if (room != 0) {
            EXPECT_EQ(setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)), 0);
        }
        kernel = std::make_unique<fed_kernel>(unique_fd(ends[1]));
        feeder::hooks h;
        h.fetch = [this](index_t first, index_t last, auto done) { give(first, last, done); };
        h.progress = [this](index_t top) { progress = top; };
        h.ended = [this](const std::string &why) {
            ++ends_;
            ended = why;
        };
        f = std::make_unique<feeder>(events, identity(), unique_fd(ends[0]), std::move(h));
    }
    ~feeding() { f.reset(); } /* before those who write to it are waited for */
    void records(int n) {
        for (int i = 0; i < n; ++i) {
            log.append_noop(view_fed);
        }
    }
    template <typename Stop>
    bool until(Stop stop, duration_t limit = 5s) {
        for (const auto end = boottime_now() + limit; boottime_now() < end;) {
            if (takes_) {
                kernel->take();
            }
            if (stop()) {
                return true;
            }
            events.turn(5ms);
        }
        return false;
    }
    bool fed(index_t top) {
        return until([&] {
                   return kernel->top() == top || !kernel->wrong.empty() || ends_ != 0;
               }) &&
               kernel->top() == top;
    }

    loop events;
    memory_log log;
    std::unique_ptr<fed_kernel> kernel;
    std::unique_ptr<feeder> f;
    int fetches = 0;
    int refuse = 0;        /* so many fetches */
    bool generous = false; /* all there is, whatever was asked for */
    bool stalls = false;   /* the next source says nothing, and does not hang up */
    std::function<void(std::vector<uint8_t> &)> spoil;
    index_t progress;
    std::string ended;
    int ends_ = 0;
    bool takes_ = true;

private:
    void give(index_t first, index_t last, const std::function<void(result<unique_fd>)> &done) {
        ++fetches;
        if (refuse-- > 0) {
            done(fail(EAGAIN, "not now"));
            return;
        }
        int ends[2];
        ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        if (std::exchange(stalls, false)) {
            stalled_.reset(ends[1]);
            done(unique_fd(ends[0]));
            return;
        }
        auto bytes = log.bytes(first, generous ? log.top() : std::min(last, log.top()));
        if (spoil) {
            spoil(bytes);
        }
        writers_.emplace_back([fd = ends[1], bytes] {
            (void)!::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            close(fd);
        });
        done(unique_fd(ends[0]));
    }

    struct joined : std::thread {
        using std::thread::thread;
        joined(joined &&) = default;
        ~joined() {
            if (joinable()) {
                join();
            }
        }
    };
    std::vector<joined> writers_;
    unique_fd stalled_;
};

TEST(cluster_feeder, all_that_may_be_sent_arrives_in_order_and_no_more) {
    feeding t;
    t.records(5000);
    t.f->tell(index_t(4000), index_t(4000), index_t(3000));
    t.kernel->greet(index_t(), view_t(), 0);
    ASSERT_TRUE(t.fed(index_t(4000))) << t.kernel->wrong << t.ended;
    EXPECT_EQ(t.kernel->cp, index_t(4000));
    EXPECT_EQ(t.kernel->ap, index_t(3000));
    EXPECT_LE(t.kernel->largest, HARP_WIRE_BATCH_MAX);
    EXPECT_FALSE(t.until([&] { return t.kernel->top() > index_t(4000); }, 700ms));
    t.f->tell(index_t(4500), index_t(4500), index_t(4500));
    ASSERT_TRUE(t.fed(index_t(4500))) << t.kernel->wrong << t.ended;
    EXPECT_EQ(t.ended, "");
}

TEST(cluster_feeder, what_a_source_gives_beyond_what_may_be_sent_goes_no_further) {
    feeding t;
    t.records(100);
    t.generous = true;
    t.f->tell(index_t(40), index_t(40), index_t(40));
    t.kernel->greet(index_t(), view_t(), 0);
    ASSERT_TRUE(t.fed(index_t(40))) << t.kernel->wrong << t.ended;
    EXPECT_FALSE(t.until([&] { return t.kernel->top() > index_t(40); }, 700ms));
    t.f->tell(index_t(60), index_t(60), index_t(60));
    ASSERT_TRUE(t.fed(index_t(60))) << t.kernel->wrong << t.ended;
}

TEST(cluster_feeder, what_is_passed_on_is_whole_records_and_no_larger_than_a_message) {
    memory_log log(lineage_t(77));
    for (int i = 0; i < 9; ++i) {
        log.append_noop(view_fed);
    }
    auto bytes = log.bytes(index_t(1), index_t(9));
    const size_t one = bytes.size() / 9;
    EXPECT_EQ(whole_records(bytes, 9, HARP_WIRE_BATCH_MAX).value_or(0), 9 * one);
    EXPECT_EQ(whole_records(bytes, 4, HARP_WIRE_BATCH_MAX).value_or(0), 4 * one) << "no more";
    EXPECT_EQ(whole_records(bytes, 9, 3 * one).value_or(0), 3 * one);
    EXPECT_EQ(whole_records(bytes, 9, 3 * one - 1).value_or(0), 2 * one);
    EXPECT_EQ(whole_records(bytes, 9, one - 1).value_or(0), one) << "the first in any case";
    EXPECT_EQ(whole_records({bytes.data(), 2 * one - 1}, 9, HARP_WIRE_BATCH_MAX).value_or(0), one);
    EXPECT_EQ(whole_records({bytes.data(), one - 1}, 9, HARP_WIRE_BATCH_MAX).value_or(1), 0u);
    bytes[one] ^= 1;
    EXPECT_EQ(whole_records(bytes, 9, HARP_WIRE_BATCH_MAX).value_or(0), one);
    EXPECT_FALSE(whole_records(std::span(bytes).subspan(one), 8, HARP_WIRE_BATCH_MAX).ok());
}

TEST(cluster_feeder, it_goes_on_after_the_kernels_top_and_its_checksum) {
    feeding t;
    t.records(100);
    t.f->tell(index_t(100), index_t(100), index_t(100));
    const auto crc = memory_log::crc_of(t.log.records[39]);
    t.kernel->greet(index_t(40), view_fed, crc);
    ASSERT_TRUE(t.fed(index_t(100))) << t.kernel->wrong << t.ended;
}

TEST(cluster_feeder, records_that_do_not_continue_the_kernels_are_not_passed_on) {
    feeding t;
    t.records(100);
    t.f->tell(index_t(100), index_t(100), index_t(100));
    t.kernel->greet(index_t(40), view_fed, 12345);
    ASSERT_TRUE(t.until([&] { return !t.ended.empty(); }));
    EXPECT_NE(t.ended.find("record 41"), std::string::npos) << t.ended;
    EXPECT_EQ(t.kernel->top(), index_t(40));
}

TEST(cluster_feeder, rubbish_from_the_source_ends_it_with_a_reason) {
    for (size_t at : {size_t(3), size_t(40)}) {
        feeding t;
        t.records(10);
        t.spoil = [at](std::vector<uint8_t> &b) { b[at] ^= 0x40; };
        t.f->tell(index_t(10), index_t(10), index_t(10));
        t.kernel->greet(index_t(), view_t(), 0);
        ASSERT_TRUE(t.until([&] { return !t.ended.empty(); })) << at;
        EXPECT_NE(t.ended.find("record 1"), std::string::npos) << t.ended;
        EXPECT_EQ(t.kernel->top(), index_t()) << at;
    }
}

TEST(cluster_feeder, a_gap_between_records_ends_it_with_a_reason) {
    feeding t;
    t.records(10);
    t.spoil = [&](std::vector<uint8_t> &b) {
        const auto record = ptrdiff_t(b.size() / 10);
        b.erase(b.begin() + 4 * record, b.begin() + 5 * record);
    };
    t.f->tell(index_t(10), index_t(10), index_t(10));
    t.kernel->greet(index_t(), view_t(), 0);
    ASSERT_TRUE(t.until([&] { return !t.ended.empty(); }));
    EXPECT_NE(t.ended.find("record 6"), std::string::npos) << t.ended;
    EXPECT_LE(t.kernel->top(), index_t(4));
}

/* Its machine may have died: then nothing says so. */
TEST(cluster_feeder, a_source_of_which_nothing_is_heard_is_given_up) {
    feeding t;
    t.records(10);
    t.stalls = true;
    t.f->tell(index_t(10), index_t(10), index_t(10));
    t.kernel->greet(index_t(), view_t(), 0);
    ASSERT_TRUE(t.until([&] { return t.kernel->top() == index_t(10); }, 20s)) << t.ended;
    EXPECT_EQ(t.fetches, 2);
    EXPECT_EQ(t.ended, "");
}

TEST(cluster_feeder, a_source_that_fails_or_gives_less_is_asked_again) {
    feeding t;
    t.records(50);
    t.refuse = 2;
    t.spoil = [&](std::vector<uint8_t> &b) {
        if (t.fetches == 3) {
            b.resize(b.size() / 2 + 5); /* within a record */
        }
    };
    t.f->tell(index_t(50), index_t(50), index_t(50));
    t.kernel->greet(index_t(), view_t(), 0);
    ASSERT_TRUE(t.fed(index_t(50))) << t.kernel->wrong << t.ended;
    EXPECT_GE(t.fetches, 4);
}

TEST(cluster_feeder, what_is_told_arrives_though_there_is_nothing_to_send) {
    feeding t;
    t.f->tell(index_t(7), index_t(7), index_t(1));
    t.kernel->greet(index_t(7), view_fed, 1);
    ASSERT_TRUE(t.until([&] { return t.kernel->cp == index_t(7); }));
    t.f->tell(index_t(7), index_t(7), index_t(5));
    ASSERT_TRUE(t.until([&] { return t.kernel->ap == index_t(5); }, 200ms)) << "at once";
    t.f->tell(index_t(7), index_t(6), index_t(2));
    const auto before = t.kernel->beats;
    ASSERT_TRUE(t.until([&] { return t.kernel->beats > before; }, 2s)) << "and now and then";
    EXPECT_EQ(t.kernel->ap, index_t(5)) << "it only rises";
    EXPECT_EQ(t.fetches, 0);
}

TEST(cluster_feeder, what_is_told_while_a_message_is_on_its_way_follows_at_once) {
    feeding t(4096);
    t.records(2000);
    t.takes_ = false;
    t.f->tell(index_t(2000), index_t(2000), index_t(1));
    t.kernel->greet(index_t(), view_t(), 0);
    t.until([] { return false; }, 200ms);
    t.f->tell(index_t(2000), index_t(2000), index_t(5));
    t.takes_ = true;
    ASSERT_TRUE(t.fed(index_t(2000))) << t.kernel->wrong << t.ended;
    EXPECT_TRUE(t.until([&] { return t.kernel->ap == index_t(5); }, 200ms));
}

TEST(cluster_feeder, progress_is_what_the_kernel_acknowledges) {
    feeding t;
    t.records(5);
    t.f->tell(index_t(5), index_t(5), index_t(5));
    t.kernel->greet(index_t(), view_t(), 0);
    ASSERT_TRUE(t.fed(index_t(5)));
    EXPECT_EQ(t.progress, index_t());
    t.kernel->ack(index_t(3));
    ASSERT_TRUE(t.until([&] { return t.progress == index_t(3); }));
    t.kernel->ack(index_t(5));
    ASSERT_TRUE(t.until([&] { return t.progress == index_t(5); }));
}

TEST(cluster_feeder, a_kernel_that_does_not_read_stops_nobody) {
    feeding t;
    t.records(60000);
    t.takes_ = false;
    t.f->tell(index_t(60000), index_t(60000), index_t(1));
    t.kernel->greet(index_t(), view_t(), 0);
    t.until([] { return false; }, 500ms);
    EXPECT_EQ(t.ended, "");
    t.takes_ = true;
    ASSERT_TRUE(t.fed(index_t(60000))) << t.kernel->wrong << t.ended;
    t.takes_ = false;
    t.f.reset();
}

/* As when it stands between a kernel that waits for room and a source that is done. */
TEST(cluster_feeder, a_source_that_hangs_up_while_the_kernel_does_not_read_costs_nothing) {
    feeding t(4096);
    t.records(2000);
    t.takes_ = false;
    t.f->tell(index_t(2000), index_t(2000), index_t(1));
    t.kernel->greet(index_t(), view_t(), 0);
    t.until([] { return false; }, 200ms);
    int turns = 0;
    t.until([&] { return ++turns < 0; }, 300ms);
    EXPECT_LT(turns, 200) << "60 of 5 ms each";
    t.takes_ = true;
    ASSERT_TRUE(t.fed(index_t(2000))) << t.kernel->wrong << t.ended;
}

TEST(cluster_feeder, a_kernel_of_another_group_or_view_ends_it) {
    const std::pair<std::string, std::function<void(feed_identity &)>> wrongs[] = {
            {"group", [](feed_identity &id) { id.group[3] = 8; }},
            {"lineage", [](feed_identity &id) { id.lineage = lineage_t(78); }},
            {"epoch", [](feed_identity &id) { id.epoch = epoch_t(3); }},
            {"view", [](feed_identity &id) { id.view = view_t(5); }},
    };
    for (const auto &[what, make_wrong] : wrongs) {
        feeding t;
        make_wrong(t.kernel->own);
        t.kernel->greet(index_t(), view_t(), 0);
        ASSERT_TRUE(t.until([&] { return !t.ended.empty(); })) << what;
        EXPECT_NE(t.ended.find("another " + what), std::string::npos) << t.ended;
    }
}

TEST(cluster_feeder, a_kernel_that_acknowledges_what_it_was_not_sent_ends_it) {
    feeding t;
    t.records(3);
    t.f->tell(index_t(3), index_t(3), index_t(3));
    t.kernel->greet(index_t(), view_t(), 0);
    ASSERT_TRUE(t.fed(index_t(3)));
    t.kernel->ack(index_t(4));
    ASSERT_TRUE(t.until([&] { return !t.ended.empty(); }));
    EXPECT_EQ(t.ended, "the kernel acknowledges record 4, which it was not sent");
    EXPECT_EQ(t.progress, index_t());
}

TEST(cluster_feeder, a_kernel_that_hangs_up_or_talks_rubbish_ends_it_once) {
    for (bool hangs_up : {true, false}) {
        feeding t;
        t.records(3);
        t.f->tell(index_t(3), index_t(3), index_t(3));
        t.kernel->greet(index_t(), view_t(), 0);
        ASSERT_TRUE(t.fed(index_t(3)));
        hangs_up ? t.kernel->hang_up() : t.kernel->say_rubbish();
        ASSERT_TRUE(t.until([&] { return !t.ended.empty(); })) << hangs_up;
        t.until([] { return false; }, 100ms);
        EXPECT_EQ(t.ends_, 1);
    }
}

} // namespace
} // namespace harp::cluster
