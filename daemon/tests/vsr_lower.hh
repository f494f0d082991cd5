/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A data member's lower file system: some files, each with what was written to it last.
 * What is above LB is in its caches: a crash leaves any part of that, file by file.
 */
#pragma once

#include "vsr_store.hh"

#include <array>
#include <deque>

namespace harp::vsr::test {

inline constexpr size_t file_count = 3;

class lower {
public:
    uint64_t read(size_t file) const { return now_.at(file); }
    index_t applied() const { return applied_; }
    index_t durable() const { return durable_; }

    /* @e: nothing for a record that changes no file of these. */
    void apply(index_t at, const entry *e) {
        applied_ = at;
        if (e != nullptr && e->file) {
            now_.at(*e->file) = e->payload;
            cached_.push_back({at, *e->file, e->payload});
        }
    }
    /* A sync pass that began when @upto had been applied has ended. */
    void sync(index_t upto) {
        for (; !cached_.empty() && cached_.front().at <= upto; cached_.pop_front()) {
            disk_.at(cached_.front().file) = cached_.front().value;
        }
        durable_ = std::max(durable_, upto);
    }
    /* @below: a random number below its argument. */
    template <typename Below>
    void crash(Below below) {
        for (size_t file = 0; file < file_count; ++file) {
            for (uint64_t left = below(cached_.size() + 1); const auto &w : cached_) {
                if (left-- == 0) {
                    break;
                }
                disk_.at(file) = w.file == file ? w.value : disk_.at(file);
            }
        }
        cached_.clear();
        now_ = disk_;
        applied_ = durable_;
    }

private:
    struct write {
        index_t at;
        uint8_t file;
        uint64_t value;
    };

    std::array<uint64_t, file_count> now_{};
    std::array<uint64_t, file_count> disk_{};
    std::deque<write> cached_;
    index_t applied_;
    index_t durable_;
};

} // namespace harp::vsr::test
