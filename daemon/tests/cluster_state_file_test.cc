/* SPDX-License-Identifier: GPL-2.0 */
#include "cluster/state_file.hh"
#include "util/text.hh"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>

using namespace harp;
using namespace harp::vsr;
using cluster::state_file;
namespace fs = std::filesystem;

namespace {

class state_test : public testing::Test {
protected:
    void SetUp() override {
        dir = testing::TempDir() + "harp-state-" + std::to_string(getpid());
        fs::remove_all(dir);
        fs::create_directories(dir);
        state.group = random_uuid();
        state.epoch = epoch_t(1);
        state.lineage = lineage_t(0xfedcba9876543210ULL);
        for (uint8_t i = 0; i < member_count; i++) {
            state.members[i] = {member_id(i + 1u), slot_t(i), static_cast<member_kind>(i),
                                "node" + std::to_string(i)};
            state.peer_inc[i] = incarnation_t(i * 7u);
        }
        state.self = slot_t(1);
        state.inc = incarnation_t(9);
        state.agreed = view_t(12);
        state.formed = view_t(8);
        view_record v;
        v.view = view_t(8);
        v.epoch = state.epoch;
        v.lineage = state.lineage;
        v.primary = {slot_t(0), incarnation_t(3)};
        v.backup = {slot_t(1), incarnation_t(9)};
        v.promise = std::chrono::milliseconds(2000);
        v.s = index_t(41);
        v.view_of_s = view_t(4);
        v.voids = {index_t(40)};
        state.view = v;
        state.seal = seal_note{view_t(8), index_t(77)};
        state.suspects = suspect_note{{index_t(5), index_t(9)}, 2};
        state.skip = {index_t(7), index_t(8)};
        state.unverified = {index_t(2)};
    }
    void TearDown() override { fs::remove_all(dir); }

    std::string copy(int n) { return dir + "/state." + std::to_string(n); }
    void scribble(int n) {
        std::fstream f(copy(n), std::ios::in | std::ios::out);
        f.seekp(60);
        f << "#";
    }

    std::string dir;
    disk_state state;
};

} // namespace

TEST_F(state_test, round_trips_every_field) {
    state_file f(dir);
    EXPECT_FALSE(f.exists());
    EXPECT_EQ(f.load().error().code, ENOENT);
    ASSERT_TRUE(f.store(state).ok());
    state_file again(dir);
    auto got = again.load();
    ASSERT_TRUE(got.ok()) << got.error().text;
    EXPECT_EQ(*got, state);
    EXPECT_EQ(again.warning(), "");
}

TEST_F(state_test, either_copy_suffices_and_the_loss_is_told) {
    for (int n = 0; n < 2; n++) {
        state_file f(dir);
        ASSERT_TRUE(f.store(state).ok());
        scribble(n);
        state_file again(dir);
        auto got = again.load();
        ASSERT_TRUE(got.ok());
        EXPECT_EQ(*got, state);
        EXPECT_NE(again.warning().find(copy(n)), std::string::npos);
        fs::remove(copy(0));
        fs::remove(copy(1));
    }
}

TEST_F(state_test, the_newer_of_two_good_copies_counts) {
    state_file f(dir);
    ASSERT_TRUE(f.store(state).ok());
    fs::copy_file(copy(1), dir + "/old");
    state.agreed = view_t(16);
    ASSERT_TRUE(f.store(state).ok());
    /* As after a crash between the two copies. */
    fs::copy_file(dir + "/old", copy(1), fs::copy_options::overwrite_existing);
    auto got = state_file(dir).load();
    ASSERT_TRUE(got.ok());
    EXPECT_EQ(got->agreed, view_t(16));
}

TEST_F(state_test, two_bad_copies_are_refused_not_taken_for_a_new_member) {
    state_file f(dir);
    ASSERT_TRUE(f.store(state).ok());
    scribble(0);
    fs::resize_file(copy(1), 100);
    auto got = state_file(dir).load();
    ASSERT_FALSE(got.ok());
    EXPECT_EQ(got.error().code, EBADMSG);
}

TEST_F(state_test, checksummed_nonsense_is_refused) {
    std::string text = cluster::encode_state(state, 1);
    EXPECT_TRUE(cluster::decode_state(text).ok());
    state.self = slot_t(7);
    EXPECT_FALSE(cluster::decode_state(cluster::encode_state(state, 1)).ok());
    EXPECT_FALSE(cluster::decode_state("harp-state 1 1 2 00000000\n{}").ok());
    EXPECT_FALSE(cluster::decode_state("").ok());
}
