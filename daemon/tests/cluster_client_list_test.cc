/* SPDX-License-Identifier: GPL-2.0 */
#include "cluster/client_list.hh"

#include "util/text.hh"

#include <cstring>
#include <filesystem>
#include <gtest/gtest.h>
#include <unistd.h>

namespace harp::cluster {
namespace {

namespace fs = std::filesystem;

net::connection from(const char *peer, uint16_t port) {
    return {net::parse_ip(strchr(peer, ':') != nullptr ? "fd77::100" : "10.77.0.100").value(), 2049,
            net::parse_ip(peer).value(), port};
}

class client_list_file : public testing::Test {
protected:
    void SetUp() override {
        dir_ = testing::TempDir() + "harp-clients-" + std::to_string(getpid());
        fs::remove_all(dir_);
        fs::create_directories(dir_);
    }
    void TearDown() override { fs::remove_all(dir_); }
    std::string dir_;
};

} // namespace

TEST_F(client_list_file, what_was_stored_is_there_after_a_restart) {
    client_list list(dir_);
    ASSERT_TRUE(list.load().ok()) << "none is there";
    EXPECT_TRUE(list.clients().empty());
    EXPECT_TRUE(list.update({from("fd77::10", 700), from("10.77.0.10", 900)}));
    ASSERT_TRUE(list.store().ok());
    client_list again(dir_);
    ASSERT_TRUE(again.load().ok());
    EXPECT_EQ(again.clients(), list.clients());
    EXPECT_EQ(again.clients().size(), 2U);
}

TEST_F(client_list_file, only_news_is_stored) {
    client_list list(dir_);
    EXPECT_TRUE(list.update({from("10.77.0.10", 900), from("10.77.0.11", 901)}));
    EXPECT_FALSE(list.update({from("10.77.0.11", 901), from("10.77.0.10", 900)}));
    EXPECT_FALSE(list.update({})) << "a new primary, to whom nobody has come yet";
    EXPECT_EQ(list.clients().size(), 2U);
    EXPECT_TRUE(list.update({from("10.77.0.11", 901)}));
}

TEST_F(client_list_file, one_that_is_damaged_is_an_error_and_empty) {
    client_list list(dir_);
    list.update({from("10.77.0.10", 900)});
    ASSERT_TRUE(list.store().ok());
    const std::string good = read_file(dir_ + "/clients").value();
    for (size_t i = 0; i < good.size(); ++i) {
        std::string bad = good;
        bad[i] = static_cast<char>(bad[i] ^ 4);
        ASSERT_TRUE(replace_file(dir_ + "/clients", bad).ok());
        client_list again(dir_);
        auto r = again.load();
        ASSERT_FALSE(r.ok()) << i;
        EXPECT_NE(r.error().text.find("/clients: "), std::string::npos) << r.error().text;
        EXPECT_TRUE(again.clients().empty());
    }
    for (const std::string &bad : {std::string(), good.substr(0, good.size() - 1), good + "x"}) {
        ASSERT_TRUE(replace_file(dir_ + "/clients", bad).ok());
        EXPECT_FALSE(client_list(dir_).load().ok());
    }
}

} // namespace harp::cluster
