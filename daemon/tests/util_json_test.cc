/* SPDX-License-Identifier: GPL-2.0 */
#include "util/json.hh"

#include <gtest/gtest.h>

namespace harp {
namespace {

TEST(util_json, what_is_written_is_read_again) {
    const json j = {{"name", "data"},
                    {"top", UINT64_MAX},
                    {"left", -5},
                    {"on", true},
                    {"none", json()},
                    {"words", std::vector<std::string>{"a", "b"}},
                    {"traits", std::map<std::string, std::string>{{"type", "ext4"}}},
                    {"list", json::array()},
                    {"one", {{"slot", 1}, {"inc", 2}}}};
    for (int indent : {-1, 1}) {
        const json back = json::parse(j.dump(indent));
        EXPECT_EQ(back, j);
        EXPECT_EQ(back.at("top").get<uint64_t>(), UINT64_MAX);
        EXPECT_EQ(back.at("left").get<int>(), -5);
        EXPECT_EQ(back.at("words").get<std::vector<std::string>>().at(1), "b");
        EXPECT_EQ(back["one"]["inc"], 2);
        EXPECT_TRUE(back.at("none").is_null());
    }
}

TEST(util_json, a_list_is_an_object_only_when_all_of_it_are_pairs) {
    EXPECT_EQ(json({{"a", 1}}).dump(), R"({"a":1})");
    EXPECT_EQ(json({{"a", 1}, "b"}).dump(), R"([["a",1],"b"])");
    EXPECT_EQ(json({{1, 2}, {3, 4}}).dump(), "[[1,2],[3,4]]");
    json made;
    made["a"]["b"] = {{"c", 1}};
    made["list"].push_back(7);
    EXPECT_EQ(made.dump(), R"({"a":{"b":{"c":1}},"list":[7]})");
}

TEST(util_json, what_is_not_there_or_of_another_kind_throws) {
    json j = json::parse(R"({"n":300,"s":"x","a":[1],"minus":-1})");
    EXPECT_THROW(j.at("m"), json::exception);
    EXPECT_THROW(j.at("n").get<uint8_t>(), json::exception) << "not cut to a byte";
    EXPECT_THROW(j.at("n").get<bool>(), json::exception);
    EXPECT_THROW(j.at("s").get<int>(), json::exception);
    EXPECT_THROW(j.at("minus").get<uint64_t>(), json::exception);
    EXPECT_THROW(j.at("a").at(size_t{1}), json::exception);
    EXPECT_THROW(j.at("a").get<std::vector<std::string>>(), json::exception);
    EXPECT_THROW(j["s"]["key"] = 1, json::exception);
    EXPECT_THROW(j["s"].push_back(1), json::exception);
    EXPECT_THROW(j.value("s", 5), json::exception);
    EXPECT_EQ(j.value("m", 5), 5);
    EXPECT_EQ(j.value("s", "y"), "x");
    EXPECT_EQ(j.at("s").begin(), j.at("s").end());
}

TEST(util_json, a_text_that_is_none_is_refused_and_not_followed_down) {
    for (const char *text : {"", "{", "nonsense", "[1,]", "{\"a\":1.5}", "[1e400]", "\"\xff\""}) {
        EXPECT_THROW(json::parse(text), json::exception) << text;
        EXPECT_TRUE(json::parse_or_null(text).is_null()) << text;
    }
    EXPECT_THROW(json::parse(std::string(20000, '[')), json::exception);
    EXPECT_THROW(json::parse(std::string(100, '[') + std::string(100, ']')), json::exception);
    EXPECT_NO_THROW(json::parse("[[[[[[[[1]]]]]]]]"));
}

TEST(util_json, bytes_that_are_no_text_are_replaced) {
    EXPECT_EQ(json("a\xff").dump(), "\"a\xef\xbf\xbd\"");
}

} // namespace
} // namespace harp
