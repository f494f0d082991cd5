// SPDX-License-Identifier: GPL-2.0
// The log's cases (kmod/log_cases.h, which KUnit runs as well) over the model of memory
// of port/, and what only that model can do: a crash before every single store.

// In C a function and a structure may share a name.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#include "log_cases.h"
#pragma GCC diagnostic pop
#include "port_memory.h"

#include <atomic>
#include <cstdlib>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <thread>
#include <vector>

static harp_region *harp_case_region(void *mem, u64 size) {
    return port_region(mem, size);
}

namespace {

struct free_deleter {
    void operator()(u8 *p) const { free(p); }
};

using memory = std::unique_ptr<u8[], free_deleter>;

memory make_memory(size_t size) {
    void *p = std::aligned_alloc(4096, (size + 4095) / 4096 * 4096);
    memset(p, 0, size);
    return memory(static_cast<u8 *>(p));
}

class env {
public:
    env() {
        e.mem = mem_.get();
        e.buf = buf_.get();
    }
    env(const env &) = delete;
    env &operator=(const env &) = delete;
    ~env() { env_close(&e); }
    harp_log_env e{};

private:
    memory mem_ = make_memory(HARP_CASE_SIZE);
    memory buf_ = make_memory(HARP_REC_MAX);
};

class log_case : public testing::TestWithParam<harp_log_case> {};

TEST_P(log_case, holds) {
    env x;
    const char *failed = GetParam().run(&x.e);
    EXPECT_EQ(failed, nullptr) << failed << "; found: " << x.e.found.why;
}

INSTANTIATE_TEST_SUITE_P(log, log_case, testing::ValuesIn(harp_log_cases),
                         [](const auto &c) { return std::string(c.param.name); });

// What a log must be found to be after a crash. A record is told by its header's crc.
struct state {
    u64 base = 1, top = 0, wm = 0, formed = 0;
    bool complete = false;
    std::map<u64, u32> records;
};

// Runs operations on a log and crashes the machine before every store and flush of each.
class crasher {
public:
    crasher() { image_ = make_memory(HARP_CASE_SIZE); }

    void start() {
        ASSERT_EQ(env_open(&live_.e), 0);
        ASSERT_EQ(env_format(&live_.e, 1, 0, 0, 0, false), 0);
        port_memory_watch(live_.e.mem, HARP_CASE_SIZE, &crasher::event, this);
    }
    ~crasher() { port_memory_unwatch(); }

    void view(u64 v) {
        run([&] { ASSERT_EQ(env_append_view(&live_.e, v), 0); },
            [&](state &s) { note(s, s.top + 1); });
        view_ = v;
    }
    void append(u32 len) {
        make_room(len);
        run([&] { ASSERT_EQ(env_append_cost(&live_.e, len, view_, 0), 0); },
            [&](state &s) { note(s, s.top + 1); });
    }
    void set_wm(u64 wm) {
        run([&] { env_set_wm(&live_.e, wm); }, [&](state &s) { s.wm = std::max(s.wm, wm); });
    }
    void set_formed(u64 formed, u64 wm) {
        run([&] { env_set_formed(&live_.e, formed, true, wm); },
            [&](state &s) {
                s.formed = formed;
                s.complete = true;
                s.wm = wm;
            });
    }
    void discard(u64 index) {
        run([&] { env_discard(&live_.e, index); },
            [&](state &s) {
                s.base = index + 1;
                s.wm = std::max(s.wm, index);
            });
    }
    void cut(u64 m) {
        run([&] { ASSERT_EQ(env_cut(&live_.e, m), 0); },
            [&](state &s) {
                s.top = m;
                s.wm = std::min(s.wm, m);
                s.records.erase(s.records.upper_bound(m), s.records.end());
            });
        live_.e.tag++;
    }
    u64 top() { return harp_log_top(live_.e.log); }
    u64 crashes() const { return crashes_; }
    u64 torn() const { return torn_; }

private:
    void make_room(u32 len) {
        struct harp_log_pos pos;
        harp_log_pos(live_.e.log, &pos);
        if (pos.used + len > 400000) { // few bytes to walk in each crash, many laps
            set_wm(pos.top);
            discard(pos.base + (pos.top - pos.base) / 2);
        }
    }
    void note(state &s, u64 index) {
        // In the middle of the operation nobody knows its crc yet: 0 accepts any.
        const harp_rec_hdr *rec = harp_log_get(live_.e.log, index);
        s.top = index;
        s.records[index] = rec != nullptr ? le32_to_cpu(rec->crc) : 0;
    }
    template <typename Op, typename Model>
    void run(Op op, Model model) {
        after_ = before_;
        model(after_);
        op();
        // Now it has happened, whatever comes: not one of the unflushed words is needed.
        after_ = before_;
        model(after_);
        before_ = after_;
        crash(0);
    }
    static void event(void *arg) {
        auto *self = static_cast<crasher *>(arg);
        self->check_live();
        self->crash(0);
        self->crash(self->crashes_ % 4 != 0 ? 128 : 250);
    }
    // A record is there for readers, or its bytes free for the next, only when what says
    // so is in memory: not before any store or flush of the operation.
    void check_live() {
        struct harp_log_pos pos;
        harp_log_pos(live_.e.log, &pos);
        EXPECT_LE(harp_log_top(live_.e.log), before_.top);
        EXPECT_EQ(harp_log_get(live_.e.log, before_.top + 1), nullptr);
        EXPECT_EQ(pos.base, before_.base);
        EXPECT_LE(pos.wm, before_.wm);
    }
    void crash(unsigned int chance) {
        crashes_++;
        port_memory_crash(image_.get(), chance, static_cast<unsigned int>(crashes_));
        env_close(&dead_.e);
        u8 *own = dead_.e.mem;
        dead_.e.mem = image_.get();
        const int err = env_open(&dead_.e);
        dead_.e.mem = own;
        ASSERT_EQ(err, 0);
        check(dead_.e.found);
        env_close(&dead_.e);
    }
    void check(const harp_log_found &f) {
        ASSERT_TRUE(f.valid) << f.why;
        ASSERT_GE(f.walked, f.wm) << "a false loss: " << f.why;
        ASSERT_TRUE(f.base == before_.base || f.base == after_.base) << f.base;
        ASSERT_TRUE(f.wm == before_.wm || f.wm == after_.wm) << f.wm;
        ASSERT_TRUE(f.formed == before_.formed || f.formed == after_.formed);
        ASSERT_TRUE(f.complete == before_.complete || f.complete == after_.complete);
        // A VIEW record whose view is not formed yet, and what follows, is not walked.
        const u64 low = walkable(std::min(before_.top, after_.top), f.formed);
        const u64 high = walkable(std::max(before_.top, after_.top), f.formed);
        ASSERT_TRUE(f.walked == low || f.walked == high)
                << f.walked << " not " << low << " or " << high << ": " << f.why;
        torn_ += f.why[0] != 0;
        for (u64 i = f.base; i <= f.walked; i++) {
            const u32 crc = le32_to_cpu(harp_log_get(dead_.e.log, i)->crc);
            ASSERT_TRUE(known(before_, i, crc) || known(after_, i, crc)) << i;
        }
    }
    u64 walkable(u64 top, u64 formed) {
        for (const auto &[index, view] : view_records_) {
            if (index <= top && view > formed) {
                return index - 1;
            }
        }
        return top;
    }
    static bool known(const state &s, u64 index, u32 crc) {
        const auto it = s.records.find(index);
        return it != s.records.end() && (it->second == crc || it->second == 0);
    }

public:
    // VIEW records that were appended and not cut: index to view.
    std::map<u64, u64> view_records_;

private:
    env live_, dead_;
    memory image_;
    state before_, after_;
    u64 view_ = 0, crashes_ = 0, torn_ = 0;
};

// I1 for one log, at every moment: what was flushed is found, what was cut is not, a loss
// is never invented.
TEST(log, survives_a_crash_before_every_store) {
    crasher c;
    c.start();
    c.view_records_ = {{1, 4}};
    c.view(4);
    c.set_formed(4, 1);
    u32 seed = 7;
    const auto random = [&](u32 n) {
        seed = seed * 1103515245U + 12345U;
        return (seed >> 16) % n;
    };
    u64 formed = 4;
    for (int round = 0; round < 12 && !testing::Test::HasFatalFailure(); round++) {
        for (int i = 0; i < 8; i++) {
            c.append(224 + random(65536) * 2 / 8 * 8);
            if (random(2) != 0) {
                c.set_wm(c.top());
            }
        }
        const u64 m = c.top() - random(3);
        c.cut(m);
        std::erase_if(c.view_records_, [&](const auto &r) { return r.first > m; });
        formed += 4;
        c.view_records_[m + 1] = formed;
        c.view(formed);
        c.set_formed(formed, m + 1);
    }
    EXPECT_GT(c.crashes(), 1000U);
    EXPECT_GT(c.torn(), 100U); // else the model tears nothing and the test shows nothing
}

// Every allocation may fail; the log is then as before, and goes on.
TEST(log, runs_out_of_memory) {
    env x;
    ASSERT_EQ(env_start(&x.e, 300), 0);
    int failures = 0;
    for (long n = 0; n < 20; n++) {
        const u64 top = harp_log_top(x.e.log);
        port_fail_alloc(0);
        int err = 0;
        while (err == 0 && harp_log_top(x.e.log) < top + 300) {
            err = env_append(&x.e, 224);
        }
        port_fail_alloc(-1);
        EXPECT_TRUE(err == -ENOMEM || err == 0);
        failures += err == -ENOMEM;
        ASSERT_EQ(env_append(&x.e, 224), 0);
    }
    EXPECT_GT(failures, 10);
    for (long n = 0;; n++) {
        port_fail_alloc(n);
        const int err = env_open(&x.e);
        port_fail_alloc(-1);
        if (err == 0) {
            EXPECT_GT(n, 10);
            break;
        }
        ASSERT_EQ(err, -ENOMEM);
    }
    EXPECT_TRUE(env_has(&x.e, harp_log_top(x.e.log)));
}

// Readers need no lock: what they are given is whole, whatever is being appended.
TEST(log, is_read_while_it_grows) {
    env x;
    ASSERT_EQ(env_start(&x.e, 0), 0);
    std::atomic<bool> stop{false};
    std::atomic<u64> read{0};
    std::thread reader([&] {
        u64 next = 1;
        while (!stop || next <= harp_log_top(x.e.log)) {
            const harp_rec_hdr *hdr = harp_log_get(x.e.log, next);
            if (hdr == nullptr) {
                continue;
            }
            harp_rec rec;
            EXPECT_EQ(harp_rec_parse(hdr, HARP_REC_MAX, &rec, nullptr), 0);
            EXPECT_EQ(rec.index, next);
            struct harp_log_pos pos;
            harp_log_pos(x.e.log, &pos);
            EXPECT_GE(pos.top, next);
            EXPECT_LE(pos.wm, pos.top);
            EXPECT_LE(pos.used, pos.size);
            read = next++;
        }
    });
    EXPECT_EQ(env_append_n(&x.e, 900), 0);
    stop = true;
    reader.join();
    EXPECT_EQ(read, 901U);
}

} // namespace
