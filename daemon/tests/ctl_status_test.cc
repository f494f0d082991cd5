/* SPDX-License-Identifier: GPL-2.0 */
#include "ctl/log_show.hh"
#include "ctl/status.hh"
#include "util/json.hh"

#include <gtest/gtest.h>

using harp::ctl::status_table;

namespace {

const char *const healthy = R"({"node":"alpha","groups":[{
"name":"data","headline":"alpha serves, beta is its backup","view":4,"serving":true,
"primary":"alpha","backup":"beta","why_not_serving":"","advice":"",
"not_survived":"","log":{"top":120,"cp":120,"ap":119,"lb":80,"intact":true},
"service":{"state":"on","text":"link up, addresses set, 32 nfsd threads","trouble":""},
"replica":{"ring_used":1048576,"ring_size":67108864,"region":"memmap","trouble":"",
 "region_why":"header copies: no header; no header"},
"members":[
{"name":"alpha","kind":"primary","self":true,"networks":[]},
{"name":"beta","kind":"backup","self":false,"top":120,"cp":118,"ap":118,"lb":80,
 "networks":[{"heard_ms":12},{"heard_ms":15}]},
{"name":"gamma","kind":"witness","self":false,
 "networks":[{"heard_ms":14},{"heard_ms":90000}]}]}]})";

} // namespace

TEST(status, a_healthy_group_is_seen_at_a_glance) {
    EXPECT_EQ(status_table(healthy, ""),
              "data: alpha serves, beta is its backup\n"
              "  MEMBER  MADE AS  IN VIEW 4        TOP/CP/AP/LB    HEARD\n"
              "  alpha   primary  primary, serves  120/120/119/80  here\n"
              "  beta    backup   backup           120/118/118/80  12 ms ago\n"
              "  gamma   witness  -                -               14 ms ago (1 of 2 networks "
              "silent)\n"
              "  service:     link up, addresses set, 32 nfsd threads\n"
              "  log:         1.0 MiB of 64.0 MiB in memmap\n");
}

TEST(status, what_is_wrong_is_said_with_what_to_do) {
    std::string t = status_table(R"({"groups":[{"name":"data","headline":"nobody serves",
        "why_not_serving":"beta is silent","not_survived":"any","advice":"start harpd on beta",
        "versions":"gamma's harpd speaks another","disks":"operations wait for the disk of beta",
        "suspects":"it was applying record 7 when it ended",
        "unverified":"skipped on a person's word: record 7",
        "machine":["kernel.panic is 0","a virtual machine",5],
        "config":["g.toml:15: members differ",5],
        "service":{"state":"off","trouble":"nfsd did not start"},
        "log":{"free_bytes":3221225472},
        "members":[{"name":"gamma","kind":"witness","self":true}],
        "replica":{"region_why":"record 9 does not follow",
                   "trouble":"no replica in the kernel yet"}}]})",
                                 "");
    for (const char *said :
         {"machine:     kernel.panic is 0\n  machine:     a virtual machine\n",
          "not serving: beta is silent", "versions:    gamma's harpd",
          "trouble:     nfsd did not start", "replica:     no replica", "region:      record 9",
          "suspects:    it was applying record 7 when it ended\n",
          "unverified:  skipped on a person's word: record 7\n",
          "disks:       operations wait for the disk of beta\n", "room:        3.0 GiB left",
          "beware:      any\n  beware:      g.toml:15: members differ\n",
          "do:          start harpd on beta"}) {
        EXPECT_NE(t.find(said), std::string::npos) << said << "\n" << t;
    }
}

TEST(status, one_group_can_be_asked_for_and_nonsense_does_not_crash) {
    EXPECT_EQ(status_table(healthy, "other"), "no groups\n");
    EXPECT_EQ(status_table("[]", ""), "harpd's answer cannot be read\n");
    EXPECT_EQ(status_table("{", ""), "harpd's answer cannot be read\n");
    EXPECT_EQ(status_table("{\"groups\":[{}]}", "").empty(), false);
}

TEST(status, one_group_can_be_asked_for_as_json) {
    const std::string two = R"({"node":"alpha","groups":[{"name":"a","view":4},{"name":"b"}]})";
    auto j = harp::json::parse(harp::ctl::status_json(two, "a"));
    EXPECT_EQ(j["node"], "alpha");
    ASSERT_EQ(j["groups"].size(), 1u);
    EXPECT_EQ(j["groups"].at(0)["view"], 4);
    EXPECT_EQ(harp::ctl::status_json(two, ""), two);
    EXPECT_EQ(harp::ctl::status_json("{", "a"), "{");
}
