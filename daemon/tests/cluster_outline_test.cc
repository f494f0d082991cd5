/* SPDX-License-Identifier: GPL-2.0 */
#include "cluster/outline.hh"

#include "util/json.hh"

#include <gtest/gtest.h>

namespace harp::cluster {
namespace {

log_outline some() {
    log_outline o;
    o.inc = incarnation_t(4);
    o.view = view_t(9);
    o.log = {index_t(11),
             view_t(4),
             index_t(30),
             {{view_t(4), index_t(11)}, {view_t(9), index_t(20)}}};
    o.cp = index_t(29);
    o.ap = index_t(25);
    return o;
}

TEST(cluster_outline, comes_through_whole) {
    auto back = decode_outline(encode(some()));
    ASSERT_TRUE(back.ok()) << back.error().text;
    EXPECT_EQ(*back, some());
    log_outline empty;
    back = decode_outline(encode(empty));
    ASSERT_TRUE(back.ok()) << back.error().text;
    EXPECT_EQ(*back, empty);
}

TEST(cluster_outline, what_a_peer_may_not_say_is_named) {
    const auto refused = [](const char *key, const json &value) {
        json j = json::parse(encode(some()));
        j[key] = value;
        auto r = decode_outline(j.dump());
        return r.ok() ? std::string("taken") : r.error().text;
    };
    for (const char *key : {"inc", "view", "base", "anchor_view", "top", "cp", "ap"}) {
        EXPECT_NE(refused(key, json(-1)).find(key), std::string::npos) << refused(key, json(-1));
        EXPECT_NE(refused(key, json("x")).find(key), std::string::npos);
    }
    EXPECT_NE(refused("colour", json(3)).find("colour: expected no such key"), std::string::npos);
    EXPECT_NE(refused("starts", json(3)).find("starts: expected"), std::string::npos);
    EXPECT_NE(refused("starts", json::parse(R"([["4",11]])")).find("pairs"), std::string::npos);
    EXPECT_NE(refused("starts", json::parse("[[4,11],[9]]")).find("pairs"), std::string::npos);
    EXPECT_NE(refused("starts", json::parse("[[4,11],[3,20]]")), "taken") << "views ascend";
    EXPECT_NE(refused("top", json(9)), "taken") << "ends before it begins";
    json many = json::array();
    for (uint64_t i = 0; i <= vsr::max_view_starts; ++i) {
        json pair = json::array();
        pair.push_back(4 + i);
        pair.push_back(11 + i);
        many.push_back(pair);
    }
    EXPECT_NE(refused("starts", many).find("expected"), std::string::npos);
    for (const char *key : {"inc", "view", "base", "anchor_view", "top", "starts", "cp", "ap"}) {
        auto all = json::parse(encode(log_outline())).items();
        all.erase(key);
        json rest = json::object();
        for (const auto &[name, value] : all) {
            rest[name] = value;
        }
        auto r = decode_outline(rest.dump());
        ASSERT_FALSE(r.ok()) << key;
        EXPECT_NE(r.error().text.find(std::string(key) + ": expected"), std::string::npos);
    }
    EXPECT_FALSE(decode_outline("").ok());
    EXPECT_FALSE(decode_outline("[]").ok());
}

} // namespace
} // namespace harp::cluster
