/* SPDX-License-Identifier: GPL-2.0 */
#include "config/group.hh"
#include "config/node.hh"

#include <gtest/gtest.h>

using namespace harp;
using namespace harp::config;

namespace {

const std::string good = R"(name = "data"
uuid = "6ff7ff57-4a2b-4c70-8d3c-2c9c5d8e0b11"
promise_ms = 1000
detect_ms = 1500

[[member]]
name = "alpha"
role = "primary"
addresses = ["10.0.0.1", "10.1.0.1"]
lower = { device = "/dev/vdb", type = "ext4" }
region = "memmap:0x20000000:64M"

[[member]]
name = "beta"
role = "backup"
addresses = ["10.0.0.2", "10.1.0.2"]
lower = { device = "/dev/vdb", type = "ext4" }
region = "mem:64M"

[[member]]
name = "gamma"
role = "witness"
addresses = ["10.0.0.3", "10.1.0.3"]
log_size = "64M"

[service]
addresses = ["10.0.0.10/24"]
parent = "eth0"

[nfs]
versions = ["3", "4.2"]
threads = 8

[[export]]
client = "*"
options = "rw,no_root_squash"
)";

result<group_config> read(const std::string &text) {
    auto doc = parse_document("g.toml", text);
    return doc ? read_group(*doc) : result<group_config>(doc.error());
}

std::string replaced(std::string text, const std::string &from, const std::string &to) {
    auto at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

/* What keeps a group from being made; one that was made runs with some of it. */
std::string complaint(const std::string &text) {
    auto g = read(text);
    auto fit = g ? g->may_be_made() : result<void>(g.error());
    return fit ? "accepted" : fit.error().text;
}

/* The complaint about good with @from replaced by @to. */
std::string complaint(const std::string &from, const std::string &to) {
    return complaint(replaced(good, from, to));
}

} // namespace

TEST(config, a_good_group_is_read_whole) {
    auto g = read(good);
    ASSERT_TRUE(g.ok()) << g.error().text;
    EXPECT_EQ(g->name, "data");
    EXPECT_EQ(g->promise_ms, 1000u);
    EXPECT_EQ(g->detect_ms, 1500u);
    EXPECT_EQ(g->members[0].name, "alpha");
    EXPECT_EQ(g->members[0].region.start, 0x20000000u);
    EXPECT_EQ(g->members[0].region.size, 64u << 20);
    EXPECT_EQ(g->members[1].addresses.at(1), "10.1.0.2");
    EXPECT_EQ(g->members[2].log_size, 64u << 20);
    EXPECT_EQ(g->members[2].log_warn_pct, 50u);
    EXPECT_EQ(g->slot_of("gamma"), slot_t(2));
    EXPECT_FALSE(g->slot_of("delta").has_value());
    EXPECT_EQ(g->service.nfsd.threads, 8u);
    EXPECT_EQ(g->service.nfsd.versions, (std::vector<std::string>{"3", "4.2"}));
    EXPECT_EQ(g->service.clients.size(), 1u);
    EXPECT_EQ(g->service.export_path, "/srv/data");
}

TEST(config, a_lease_is_by_time_unless_said_otherwise) {
    EXPECT_FALSE(read(good)->confirms);
    const std::string word = "promise_ms = 1000\nlease = ";
    EXPECT_FALSE(read(replaced(good, "promise_ms = 1000", word + "\"time\""))->confirms);
    EXPECT_TRUE(read(replaced(good, "promise_ms = 1000", word + "\"confirm\""))->confirms);
}

TEST(config, when_a_log_that_fills_is_spoken_of_can_be_said) {
    const std::string text = replaced(good, "log_size = \"64M\"", "log_warn_pct = 70");
    EXPECT_EQ(read(replaced(text, "memmap:0x20000000:64M", "mem:64M"))->members[2].log_warn_pct,
              70u);
}

TEST(config, suspects_are_tried_unless_said_otherwise) {
    EXPECT_FALSE(read(good)->stop_at_suspects);
    const std::string word = "promise_ms = 1000\nsuspects = ";
    EXPECT_FALSE(read(replaced(good, "promise_ms = 1000", word + "\"try\""))->stop_at_suspects);
    EXPECT_TRUE(read(replaced(good, "promise_ms = 1000", word + "\"stop\""))->stop_at_suspects);
}

TEST(config, the_witness_log_that_is_not_given_is_compared_as_well) {
    std::string text = replaced(good, "log_size = \"64M\"\n", "");
    EXPECT_TRUE(read(text).ok());
    text = replaced(replaced(text, "20000000:64M", "20000000:512M"), "mem:64M", "mem:512M");
    EXPECT_NE(complaint(text).find("g.toml:20: log_size: found 256.0 MiB, expected at least"),
              std::string::npos)
            << complaint(text);
}

TEST(config, every_complaint_names_file_and_line_what_was_found_and_expected) {
    struct {
        const char *from, *to, *said;
    } cases[] = {
            {"promise_ms = 1000", "promise_ms = \"x\"",
             "g.toml:3: promise_ms: found 'x', expected a "},
            {"promise_ms = 1000", "promise_ms = 50", "g.toml:3: promise_ms: found the number 50"},
            {"detect_ms = 1500", "detect_ms = 500",
             "g.toml:4: detect_ms: found 500, expected at least promise_ms (1000)"},
            {"promise_ms = 1000", "promise_ms = 1000\nlease = \"trust\"",
             "g.toml:4: lease: found 'trust', expected one of"},
            {"promise_ms = 1000", "promise_ms = 1000\nsuspects = \"skip\"",
             "g.toml:4: suspects: found 'skip', expected one of"},
            {"promise_ms = 1000", "promise_mss = 1000",
             "g.toml:3: unknown key 'promise_mss' in the file, expected 'promise_ms'?"},
            {"threads = 8", "treads = 8", "g.toml:32: unknown key 'treads' in [nfs]"},
            {"role = \"backup\"", "role = \"slave\"",
             "g.toml:15: role: found 'slave', expected one of"},
            {"role = \"backup\"", "role = \"primary\"", "a second member with this role"},
            {"\"10.1.0.2\"]", "\"10.1.0.999\"]", "g.toml:16: addresses: found '10.1.0.999'"},
            {"\"10.1.0.2\"]", "]", "expected one for each network"},
            {"\"/dev/vdb\"", "\"vdb\"", "g.toml:10: device: found 'vdb'"},
            {"\"ext4\"", "\"btrfs\"", "g.toml:10: type: found 'btrfs', expected one of"},
            {"mem:64M", "mem:1M", "g.toml:18: region: "},
            {"mem:64M", "disk:1M", "g.toml:18: region: found 'disk:1M', expected mem:SIZE"},
            {"memmap:0x20000000:64M", "memmap:0x20000001:64M", "multiple of 4096"},
            {"mem:64M", "mem:32M",
             "g.toml:18: region: found 'mem:32M', expected the size that member 'alpha' has in "
             "line 11, 'memmap:0x20000000:64M'"},
            {"\"/dev/vdb\", type = \"ext4\"", "\"/dev/vdb\", type = \"ext4\", options = \"noacl\"",
             "g.toml:17: lower: member 'beta' has the options '', expected those that member "
             "'alpha' has in line 10, 'noacl'"},
            {"mem:64M", "memmap:0x20000000:128M", "g.toml:18: region: found 'memmap:0x20000000:"},
            {"log_size = \"64M\"", "log_warn_pct = 100",
             "g.toml:24: log_warn_pct: found the number 100, expected a number from 1 to 99"},
            {"log_size = \"64M\"", "log_size = \"63M\"",
             "g.toml:24: log_size: found 63.0 MiB, expected at least a data member's region, "
             "'memmap:0x20000000:64M'"},
            {"log_size = \"64M\"", "log_size = \"15M\"",
             "g.toml:24: log_size: found '15M', expected 16M to 64G, a multiple of 4096"},
            {"log_size = \"64M\"", "log_size = \"65G\"",
             "g.toml:24: log_size: found '65G', expected 16M to 64G, a multiple of 4096"},
            {"log_size = \"64M\"", "log_size = \"99999999999G\"",
             "g.toml:24: log_size: found '99999999999G', expected 16M to 64G"},
            {"log_size = \"64M\"", "log_size = \"67108865\"",
             "g.toml:24: log_size: found '67108865', expected 16M to 64G, a multiple of 4096"},
            {"10.0.0.10/24", "10.0.0.10", "g.toml:27: addresses: "},
            {"\"4.2\"]", "\"5\"]", "g.toml:31: versions: found '5'"},
            {"rw,no_root_squash", "rw,async", "async"},
            {"rw,no_root_squash", "rw,subtree_check", "subtree_check"},
            {"6ff7ff57-", "6ff7ff57", "g.toml:2: uuid: "},
            {"name = \"beta\"", "name = \"alpha\"", "member 'alpha' is there twice"},
            {"parent = \"eth0\"", "", "no 'parent' for member 'alpha'"},
            {"name = \"data\"", "name = \"Data!\"", "g.toml:1: name: found 'Data!'"},
    };
    for (const auto &c : cases) {
        EXPECT_NE(complaint(c.from, c.to).find(c.said), std::string::npos)
                << c.to << " gave: " << complaint(c.from, c.to);
    }
}

TEST(config, the_largest_log_is_what_the_format_can_name) {
    EXPECT_EQ(complaint("log_size = \"64M\"", "log_size = \"64G\""), "accepted");
}

TEST(config, the_order_of_mount_options_does_not_matter) {
    auto with = [](const std::string &first, const std::string &second) {
        const std::string lower = "type = \"ext4\" }", open = "type = \"ext4\", options = \"";
        auto at = good.find(lower);
        std::string text = good;
        text.replace(good.find(lower, at + 1), lower.size(), open + second + "\" }");
        return complaint(text.replace(at, lower.size(), open + first + "\" }")) == "accepted";
    };
    EXPECT_TRUE(with("discard,journal_checksum", "journal_checksum,discard"));
    EXPECT_FALSE(with("discard,journal_checksum", "journal_checksum"));
    EXPECT_FALSE(with("discard", "discard,discard"));
}

/* It would end a service that had been fine until harp was upgraded. */
TEST(config, members_that_differ_keep_a_group_from_being_made_not_from_running) {
    for (auto [from, to] :
         {std::pair("\"/dev/vdb\", type = \"ext4\"",
                    "\"/dev/vdb\", type = \"ext4\", options = \"noacl\""),
          std::pair("mem:64M", "mem:32M"), std::pair("log_size = \"64M\"", "log_size = \"63M\"")}) {
        auto g = read(replaced(good, from, to));
        ASSERT_TRUE(g.ok()) << g.error().text;
        EXPECT_EQ(g->unfit.size(), 1u) << to;
        EXPECT_FALSE(g->may_be_made().ok());
    }
    EXPECT_TRUE(read(good)->may_be_made().ok());
}

/* What the kernel calls reserved memory says nothing of its size. */
TEST(config, the_size_behind_a_label_is_not_judged_here) {
    EXPECT_EQ(complaint("mem:64M", "reserve:harp"), "accepted");
}

TEST(config, the_size_behind_a_label_is_the_command_lines) {
    const std::string line =
            "root=/dev/vda ro reserve_mem=16M:4096:other reserve_mem=64M:4096:harp "
            "quiet\n";
    auto label = parse_region("reserve:harp");
    ASSERT_TRUE(label.ok());
    EXPECT_EQ(region_bytes(*label, line).value_or(0), 64u << 20);
    EXPECT_EQ(region_bytes(*parse_region("mem:8M"), line).value_or(0), 8u << 20);
    auto none = region_bytes(*parse_region("reserve:nothing"), line);
    ASSERT_FALSE(none.ok());
    EXPECT_EQ(none.error().text, "region 'reserve:nothing': the kernel was started without "
                                 "reserve_mem=SIZE:ALIGNMENT:nothing");
    EXPECT_FALSE(region_bytes(*label, "").ok());
    EXPECT_FALSE(region_bytes(*label, "reserve_mem=harp").ok());
    EXPECT_FALSE(region_bytes(*label, "reserve_mem=1M:4096:harp").ok()) << "below the least";
}

TEST(config, all_complaints_come_at_once) {
    std::string text = replaced(replaced(good, "threads = 8", "threads = 0"), "ext4", "vfat");
    auto g = read(text);
    ASSERT_FALSE(g.ok());
    EXPECT_NE(g.error().text.find("vfat"), std::string::npos);
    EXPECT_NE(g.error().text.find("threads"), std::string::npos);
}

TEST(config, a_truncated_file_is_refused_at_every_length) {
    for (size_t n = 0; n < good.size(); n++) {
        auto g = read(good.substr(0, n));
        /* Cut after the last table's first key it is still whole. */
        if (n < good.find("client = \"*\"") + 12) {
            EXPECT_FALSE(g.ok()) << n;
        }
    }
}

TEST(config, bytes_that_are_no_toml_give_a_line) {
    auto doc = parse_document("g.toml", "name = \"a\"\n= 3\n");
    ASSERT_FALSE(doc.ok());
    EXPECT_EQ(doc.error().text.rfind("g.toml:2:", 0), 0u) << doc.error().text;
    EXPECT_FALSE(parse_document("g.toml", std::string("a = \"\0\xff\"", 9)).ok());
}

TEST(config, the_node_file_has_defaults_and_is_strict) {
    auto node = [](const std::string &text) {
        auto doc = parse_document("harp.toml", text);
        return doc ? read_node(*doc, "alpha") : result<node_config>(doc.error());
    };
    auto n = node("");
    ASSERT_TRUE(n.ok());
    EXPECT_EQ(n->name, "alpha");
    EXPECT_EQ(n->control_port, default_control_port);
    EXPECT_EQ(node("control_port = 70000").error().text,
              "harp.toml:1: control_port: found the number 70000, expected a number from 1 to "
              "65535");
    EXPECT_FALSE(node("listen = [\"nowhere\"]").ok());
    EXPECT_FALSE(node("colour = 1").ok());
    EXPECT_EQ(node("log_level = \"debug\"").value_or({}).log_level, "debug");
    EXPECT_TRUE(n->keep_memory);
    EXPECT_FALSE(node("keep_memory = false").value_or({}).keep_memory);
    EXPECT_NE(node("keep_memory = 1").error().text.find("harp.toml:1: keep_memory: "),
              std::string::npos);
    EXPECT_EQ(n->ups, "low");
    EXPECT_TRUE(n->seal_at_shutdown);
    const auto power = node("[power]\nups = \"on-battery\"\nshutdown = false\n");
    ASSERT_TRUE(power.ok()) << power.error().text;
    EXPECT_EQ(power->ups, "on-battery");
    EXPECT_FALSE(power->seal_at_shutdown);
    EXPECT_FALSE(node("[power]\nups = \"always\"\n").ok());
    EXPECT_FALSE(node("[power]\nupower = true\n").ok());
}

TEST(config, a_missing_node_file_is_a_node_with_defaults) {
    EXPECT_TRUE(load_node("/nonexistent/harp.toml").ok());
    EXPECT_EQ(load_group("/nonexistent/g.toml").error().code, ENOENT);
}
