/* SPDX-License-Identifier: GPL-2.0 */
#include "cluster/greeting.hh"
#include "cluster/notice.hh"
#include "cluster/records.hh"
#include "cluster/witness_log.hh"
#include "codec.h"
#include "ctl/log_show.hh"
#include "test_disk.hh"
#include "vsr/object.hh"

#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <gtest/gtest.h>
#include <unistd.h>

using namespace harp;
using namespace harp::vsr;
using cluster::witness_log;

namespace {

class witness_log_test : public testing::Test {
protected:
    void SetUp() override {
        path = testing::TempDir() + "harp-wlog-" + std::to_string(getpid());
        std::filesystem::remove(path);
        id.group.fill(7);
        id.lineage = lineage_t(5);
        id.epoch = epoch_t(1);
        id.self = slot_t(2);
        log = reopen("boot-1");
    }
    void TearDown() override {
        test_disk::on_fdatasync = {};
        test_disk::on_fallocate = {};
        std::filesystem::remove(path);
        std::filesystem::remove(path + ".disk");
    }
    /* From here on a power cut leaves what was there at the last fdatasync. */
    void keep_only_what_is_synced() {
        test_disk::on_fdatasync = [this](int) {
            std::filesystem::copy_file(path, path + ".disk",
                                       std::filesystem::copy_options::overwrite_existing);
            return 0;
        };
        test_disk::on_fdatasync(-1);
    }
    void cut_power() {
        log.reset();
        std::filesystem::rename(path + ".disk", path);
        log = reopen("boot-2");
    }

    std::unique_ptr<witness_log> reopen(const std::string &boot) {
        auto r = witness_log::open(path, 16u << 20, id, boot);
        EXPECT_TRUE(r.ok());
        return r ? std::move(*r) : nullptr;
    }
    view_record view(uint64_t v, uint64_t s, uint64_t view_of_s) {
        view_record r;
        r.view = view_t(v);
        r.epoch = id.epoch;
        r.lineage = id.lineage;
        r.primary = {slot_t(1), incarnation_t(1)};
        r.backup = {slot_t(2), incarnation_t(1)};
        r.promise = std::chrono::milliseconds(2000);
        r.s = index_t(s);
        r.view_of_s = view_t(view_of_s);
        return r;
    }
    /* As V6 does it: VIEW record, then the header. */
    void adopt(uint64_t v, uint64_t s, uint64_t view_of_s) {
        auto record = view(v, s, view_of_s);
        ASSERT_TRUE(log->append_view(record).ok());
        header.formed = record.view;
        header.view = record;
        header.complete = true;
        header.wm = record.index();
        ASSERT_TRUE(log->store_header(header).ok());
    }
    /* One that follows the log; @after: so many later. */
    std::vector<uint8_t> noop(uint64_t after = 0) {
        auto end = log->end();
        std::vector<uint64_t> buf(512);
        harp_builder b{};
        harp_build_begin(&b, buf.data(), 4096, HARP_REC_NOOP);
        EXPECT_EQ(harp_build_finish(&b), 0);
        harp_rec_seal(static_cast<harp_rec_hdr *>(b.buf), end.top.value() + 1 + after,
                      end.view.value(), id.lineage.value(), 1, end.crc);
        const auto *p = static_cast<const uint8_t *>(b.buf);
        return {p, p + b.len};
    }
    void append(int n) {
        while (n-- > 0) {
            auto r = noop();
            ASSERT_TRUE(log->append(r.data(), r.size()).ok());
        }
        header.wm = log->end().top;
        ASSERT_TRUE(log->store_header(header).ok());
    }
    void scribble(uint64_t at) {
        unique_fd fd(open(path.c_str(), O_RDWR));
        uint8_t x = 0xee;
        ASSERT_EQ(pwrite(fd.get(), &x, 1, static_cast<off_t>(at)), 1);
    }

    std::string path;
    cluster::witness_log_id id;
    std::unique_ptr<witness_log> log;
    log_header header;
};

} // namespace

TEST_F(witness_log_test, a_fresh_file_is_not_valid) {
    EXPECT_FALSE(log->inspect().valid);
}

TEST_F(witness_log_test, its_space_is_reserved_or_there_is_no_file) {
    EXPECT_EQ(std::filesystem::file_size(path), 16u << 20);
    std::filesystem::remove(path);
    int calls = 0;
    test_disk::on_fallocate = [&](int) {
        errno = calls++ == 0 ? EINTR : EOPNOTSUPP;
        return -1;
    };
    auto r = witness_log::open(path, 16u << 20, id, "boot-1");
    ASSERT_FALSE(r.ok());
    EXPECT_EQ(calls, 2) << "a signal is no reason";
    EXPECT_EQ(r.error().code, EOPNOTSUPP);
    EXPECT_EQ(r.error().text, path + ": cannot reserve 16.0 MiB: this file system reserves no "
                                     "space (fallocate); use ext4 or XFS");
    EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(witness_log_test, what_was_written_is_found_by_the_next_process) {
    ASSERT_TRUE(log->restart_at(index_t(1), {}).ok());
    adopt(6, 0, 0);
    append(10);
    log = reopen("boot-1");
    auto found = log->inspect();
    ASSERT_TRUE(found.valid);
    EXPECT_EQ(found.header, header);
    EXPECT_EQ(found.walked.top, index_t(11));
    EXPECT_TRUE(found.same_boot);
    EXPECT_EQ(found.fsynced, index_t(0)) << "nothing was synced";
    EXPECT_EQ(found.walked.starts, (std::vector<view_start>{{view_t(6), index_t(1)}}));
}

TEST_F(witness_log_test, another_boot_is_seen_and_only_what_was_synced_counts) {
    ASSERT_TRUE(log->restart_at(index_t(1), {}).ok());
    adopt(6, 0, 0);
    append(4);
    EXPECT_EQ(log->sync().value_or({}), index_t(5));
    append(3);
    log = reopen("boot-2");
    auto found = log->inspect();
    EXPECT_FALSE(found.same_boot);
    EXPECT_EQ(found.fsynced, index_t(5));
    EXPECT_LT(found.fsynced, found.header.wm);
}

/*
 * Acknowledged records that were not synced go back with the power, and so does the
 * watermark: what is left looks whole, and must not be taken for it (finding 18).
 */
TEST_F(witness_log_test, a_power_cut_after_an_unsynced_ack_is_a_loss) {
    object_config c;
    c.self = id.self;
    c.members[2] = {member_id(3), slot_t(2), member_kind::witness, "w"};
    auto run = [&](object &o, uint64_t token, kernel_command_body body) {
        o.execute({}, {token_t(token), std::move(body)});
        auto events = o.take_events();
        auto *done = events.empty() ? nullptr : std::get_if<command_done>(&events.back());
        return done != nullptr && done->ok ? done->report : std::nullopt;
    };
    start what;
    what.record = view(5, 0, 0);
    {
        object o(c, *log);
        ASSERT_TRUE(run(o, 1, cmd_attach{incarnation_t(1), {}, {}, {}, {}}));
        ASSERT_TRUE(run(o, 2, cmd_adopt{what, {}, index_t(1)}));
        ASSERT_TRUE(log->sync().ok());
        keep_only_what_is_synced();
        ASSERT_TRUE(run(o, 3, cmd_enter{what.record, role::backup}));
        link_records rec;
        rec.sender = what.record.primary.slot;
        rec.inc = what.record.primary.inc;
        rec.view = what.record.view;
        rec.prev = {index_t(1), rec.view};
        rec.last = index_t(2);
        rec.starts = {{rec.view, index_t(2)}};
        ASSERT_TRUE(o.accept({}, rec).ok());
        auto bytes = noop();
        ASSERT_TRUE(log->append(bytes.data(), bytes.size()).ok());
        auto ack = o.stored({}, rec.last);
        ASSERT_TRUE(ack && ack->n == rec.last);
    }
    cut_power();
    object again(c, *log);
    auto report = run(again, 1, cmd_attach{incarnation_t(2), view_t(5), view_t(5), {}, {}});
    ASSERT_TRUE(report);
    EXPECT_EQ(report->log.top, index_t(1)) << "the record was not synced";
    EXPECT_FALSE(report->intact);
}

/* A torn write of the newest header falls back to the other copy. */
TEST_F(witness_log_test, both_headers_say_what_is_not_to_be_trusted) {
    ASSERT_TRUE(log->restart_at(index_t(1), {}).ok());
    adopt(6, 0, 0);
    ASSERT_TRUE(log->sync().ok());
    keep_only_what_is_synced();
    header.unsynced = true;
    ASSERT_TRUE(log->store_header(header).ok());
    for (uint64_t copy : {0, HARP_REGION_HDR_STRIDE}) {
        std::filesystem::copy_file(path + ".disk", path,
                                   std::filesystem::copy_options::overwrite_existing);
        scribble(copy + 16);
        auto found = reopen("boot-2")->inspect();
        ASSERT_TRUE(found.valid);
        EXPECT_TRUE(found.header.unsynced) << "copy at " << copy << " is torn";
    }
}

TEST_F(witness_log_test, a_cut_suffix_is_never_walked_again) {
    ASSERT_TRUE(log->restart_at(index_t(1), {}).ok());
    adopt(6, 0, 0);
    append(10);
    header.wm = index_t(5);
    ASSERT_TRUE(log->store_header(header).ok());
    ASSERT_TRUE(log->cut_after(index_t(5)).ok());
    adopt(10, 5, 6);
    log = reopen("boot-1");
    auto found = log->inspect();
    EXPECT_EQ(found.walked.top, index_t(6));
    EXPECT_EQ(found.walked.starts,
              (std::vector<view_start>{{view_t(6), index_t(1)}, {view_t(10), index_t(6)}}));
    /* A sync that ran over the cut must not call the new tail durable. */
    EXPECT_LE(found.fsynced, index_t(5));
}

TEST_F(witness_log_test, a_damaged_record_ends_the_walk_below_the_watermark) {
    ASSERT_TRUE(log->restart_at(index_t(1), {}).ok());
    adopt(6, 0, 0);
    append(10);
    scribble(HARP_REGION_RING_OFF + log->used() / 2);
    log = reopen("boot-1");
    auto found = log->inspect();
    EXPECT_TRUE(found.valid);
    EXPECT_LT(found.walked.top, found.header.wm);
    EXPECT_FALSE(found.why.empty());
}

TEST_F(witness_log_test, one_damaged_header_is_survived_two_are_not_trusted) {
    ASSERT_TRUE(log->restart_at(index_t(1), {}).ok());
    adopt(6, 0, 0);
    append(2);
    append(2);
    scribble(16);
    EXPECT_TRUE(reopen("boot-1")->inspect().valid);
    scribble(HARP_REGION_HDR_STRIDE + 16);
    EXPECT_FALSE(reopen("boot-1")->inspect().valid);
}

TEST_F(witness_log_test, a_log_of_another_group_is_not_ours) {
    ASSERT_TRUE(log->restart_at(index_t(1), {}).ok());
    adopt(6, 0, 0);
    id.group.fill(8);
    EXPECT_FALSE(reopen("boot-1")->inspect().valid);
    id.group.fill(7);
    id.lineage = lineage_t(6);
    EXPECT_FALSE(reopen("boot-1")->inspect().valid);
}

TEST_F(witness_log_test, a_full_log_refuses_and_keeps_what_it_has) {
    ASSERT_TRUE(log->restart_at(index_t(1), {}).ok());
    adopt(6, 0, 0);
    std::vector<uint8_t> r;
    for (int i = 0; i < 300000; i++) {
        r = noop();
        if (!log->append(r.data(), r.size())) {
            break;
        }
    }
    EXPECT_EQ(log->append(r.data(), r.size()).error().code, ENOSPC);
    auto top = log->end().top;
    header.wm = top;
    ASSERT_TRUE(log->store_header(header).ok());
    EXPECT_EQ(reopen("boot-1")->inspect().walked.top, top);
}

TEST_F(witness_log_test, records_that_do_not_follow_are_refused) {
    ASSERT_TRUE(log->restart_at(index_t(1), {}).ok());
    adopt(6, 0, 0);
    append(3);
    for (uint64_t gap : {1, 7}) {
        auto r = noop(gap);
        auto refused = log->append(r.data(), r.size(), witness_log::raise_wm::yes);
        ASSERT_FALSE(refused.ok());
        EXPECT_EQ(refused.error().code, EINVAL);
    }
    EXPECT_EQ(log->end().top, index_t(4));
    auto found = reopen("boot-1")->inspect();
    EXPECT_EQ(found.walked.top, index_t(4));
    EXPECT_EQ(found.header.wm, index_t(4)) << "or the log is taken for lost";
}

TEST_F(witness_log_test, records_are_read_back_whole) {
    ASSERT_TRUE(log->restart_at(index_t(1), {}).ok());
    adopt(6, 0, 0);
    append(10);
    auto bytes = log->read(index_t(3), index_t(20), 1 << 20);
    ASSERT_TRUE(bytes.ok());
    EXPECT_EQ(cluster::count_records(*bytes), 9u);
    auto run = cluster::check_records(*bytes, index_t(2), 0, false, id.lineage);
    ASSERT_TRUE(run.ok()) << run.error().text;
    EXPECT_EQ(run->last, index_t(11));
    EXPECT_FALSE(cluster::check_records(*bytes, index_t(3), 0, false, id.lineage).ok());
    EXPECT_FALSE(cluster::check_records(*bytes, index_t(2), 1, true, id.lineage).ok());
    EXPECT_FALSE(cluster::check_records(*bytes, index_t(2), 0, false, lineage_t(6)).ok());
    EXPECT_FALSE(log->read(index_t(12), index_t(20), 1).ok());
    bytes->back() ^= 1;
    EXPECT_FALSE(cluster::check_records(*bytes, index_t(2), 0, false, id.lineage).ok());
}

TEST_F(witness_log_test, harpctl_shows_the_file) {
    ASSERT_TRUE(log->restart_at(index_t(1), {}).ok());
    adopt(6, 0, 0);
    append(3);
    std::vector<std::string> lines;
    auto take = [&](std::span<const uint8_t> bytes) {
        lines.push_back(ctl::describe_record(bytes, true).value_or("bad"));
        return true;
    };
    auto r = ctl::walk_file(path, 2, 1, take);
    ASSERT_TRUE(r.ok()) << r.error().text;
    ASSERT_EQ(lines.size(), 3u);
    EXPECT_NE(lines[0].find("\"index\":2"), std::string::npos) << lines[0];
    EXPECT_NE(r->text.find("formed 6"), std::string::npos);
    lines.clear();
    r = ctl::walk_file(path, 0, 2, take);
    ASSERT_TRUE(r.ok()) << r.error().text;
    ASSERT_EQ(lines.size(), 2u);
    EXPECT_NE(lines[0].find("\"index\":3"), std::string::npos) << "the newest: " << lines[0];
    EXPECT_EQ(r->end, "ends before 5: end mark");
    EXPECT_FALSE(ctl::walk_file("/dev/null", 0, 1, take).ok());
}

TEST(greeting, round_trips_and_refuses_what_does_not_check) {
    cluster::greeting g;
    g.kind = cluster::greeting_kind::fetch;
    g.sender = slot_t(1);
    g.group.fill(9);
    g.lineage = lineage_t(4);
    g.epoch = epoch_t(1);
    g.inc = incarnation_t(3);
    g.view = view_t(8);
    g.first = index_t(10);
    g.last = index_t(20);
    auto bytes = cluster::encode(g);
    ASSERT_EQ(bytes.size(), cluster::greeting_bytes);
    EXPECT_EQ(cluster::decode_greeting(bytes).value_or({}), g);
    for (size_t i = 0; i < bytes.size(); i++) {
        auto bad = bytes;
        bad[i] ^= 0x40;
        EXPECT_FALSE(cluster::decode_greeting(bad).ok()) << i;
    }
    g.last = index_t(9);
    EXPECT_FALSE(cluster::decode_greeting(cluster::encode(g)).ok());
    g.last = index_t(20);
    g.body_bytes = 5;
    EXPECT_FALSE(cluster::decode_greeting(cluster::encode(g)).ok());
    g.kind = cluster::greeting_kind::copy;
    EXPECT_TRUE(cluster::decode_greeting(cluster::encode(g)).ok());
    g.body_bytes = 33;
    EXPECT_FALSE(cluster::decode_greeting(cluster::encode(g)).ok()) << "more than a cursor";
}

TEST(notice, round_trips_and_refuses_what_does_not_check) {
    cluster::notice n;
    n.sender = slot_t(1);
    n.group.fill(3);
    n.lineage = lineage_t(4);
    n.inc = incarnation_t(5);
    n.view = view_t(6);
    n.body = "some clients";
    auto bytes = cluster::encode(n);
    EXPECT_TRUE(cluster::is_notice(bytes));
    EXPECT_EQ(cluster::decode_notice(bytes).value_or({}), n);
    for (size_t i = 0; i < bytes.size(); i++) {
        auto bad = bytes;
        bad[i] ^= 0x10;
        EXPECT_FALSE(cluster::decode_notice(bad).ok()) << i;
        EXPECT_FALSE(cluster::decode_notice(std::span(bytes).first(i)).ok()) << i;
    }
}
