// SPDX-License-Identifier: GPL-2.0
#include "service/config.hh"

#include <gtest/gtest.h>

namespace harp::service {
namespace {

config good() {
    config c;
    c.group = "g1";
    c.link.parent = "eth0";
    c.link.mac = net::parse_mac("02:48:41:00:00:01").value();
    c.link.addresses = {net::parse_prefix("192.0.2.10/24").value()};
    c.export_path = "/srv/g1";
    c.clients = {{"*", "rw"}};
    return c;
}

void expect_refused(const config &c, const char *word) {
    auto r = check(c);
    ASSERT_FALSE(r.ok()) << word;
    EXPECT_NE(r.error().text.find(word), std::string::npos) << r.error().text;
}

TEST(service_config, a_good_one_is_accepted_and_survives_json) {
    const config c = good();
    ASSERT_TRUE(check(c).ok());
    auto back = from_json(to_json(c));
    ASSERT_TRUE(back.ok()) << back.error().text;
    EXPECT_EQ(to_json(*back), to_json(c));
}

TEST(service_config, bad_values_are_named) {
    config c = good();
    c.group = "G1";
    expect_refused(c, "group's name");
    c = good();
    c.group = "../x";
    expect_refused(c, "group's name");
    c = good();
    c.group = std::string(33, 'a');
    expect_refused(c, "group's name");
    c = good();
    c.link.parent = "a-name-longer-than-15";
    expect_refused(c, "interface");
    c = good();
    c.link.mac = {};
    expect_refused(c, "MAC");
    c = good();
    c.link.mode = mac_mode::own;
    c.link.mac = {};
    EXPECT_TRUE(check(c).ok());
    c = good();
    c.link.addresses.clear();
    expect_refused(c, "addresses");
    c = good();
    c.link.addresses.push_back(net::parse_prefix("192.0.2.10/16").value());
    expect_refused(c, "twice");
    c = good();
    c.nfsd.threads = 0;
    expect_refused(c, "threads");
    c = good();
    c.nfsd.versions = {"2"};
    expect_refused(c, "version '2'");
    c = good();
    c.nfsd.lease = std::chrono::seconds(9);
    expect_refused(c, "lease");
    c = good();
    c.nfsd.max_block_size = 2 * 1024 * 1024;
    expect_refused(c, "max_block_size");
    c = good();
    c.nfsd.mountd_port = 2049;
    expect_refused(c, "ports");
    c = good();
    c.run_dir = "/tmp/x";
    expect_refused(c, "systemd");
    c = good();
    c.clients.clear();
    expect_refused(c, "clients");
    c = good();
    c.clients = {{"a b", "rw"}};
    expect_refused(c, "not a client");
}

TEST(service_config, export_paths) {
    config c = good();
    for (const char *path : {"srv", "/", "/srv/", "/srv//x", "/srv/../etc", "/srv/a b", "/run/x",
                             "/var/lib/nfs", "/proc/x", ""}) {
        c.export_path = path;
        EXPECT_FALSE(check(c).ok()) << path;
    }
    c.export_path = "/runs/x";
    EXPECT_TRUE(check(c).ok());
}

TEST(service_config, export_options_keep_the_promise) {
    EXPECT_EQ(export_options("rw,no_root_squash").value(),
              "rw,no_root_squash,sync,no_subtree_check,fsid=0");
    EXPECT_EQ(export_options("").value(), "ro,root_squash,sync,no_subtree_check,fsid=0");
    EXPECT_EQ(export_options("rw,sync,no_subtree_check,fsid=0,anonuid=99,sec=sys").value(),
              "rw,anonuid=99,sec=sys,root_squash,sync,no_subtree_check,fsid=0");
    for (const char *bad :
         {"rw,async", "subtree_check", "fsid=1", "fsid=root", "crossmnt", "nohide", "rw,,ro",
          "refer=/x@y", "pnfs", "mp", "anonuid=", "rw)(", "rw\n"}) {
        EXPECT_FALSE(export_options(bad).ok()) << bad;
    }
}

TEST(service_config, json_that_is_not_one) {
    for (const char *text : {"", "{", "[]", "{}", "{\"group\":1}", "{\"group\":\"g\",\"mac\":5}"}) {
        EXPECT_FALSE(from_json(text).ok()) << text;
    }
}

} // namespace
} // namespace harp::service
