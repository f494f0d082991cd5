/* SPDX-License-Identifier: GPL-2.0 */
/* What the documents tell people to write is what the parser takes. */
/* gcc 12 with sanitizers takes <regex> for using what it has not set. */
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <regex>

#include "config/group.hh"
#include "config/node.hh"
#include "service/config.hh"
#include "util/text.hh"

#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>

using namespace harp;
using namespace harp::config;

namespace {

std::string file(const std::string &name) {
    const char *top = getenv("HARP_TOP"); /* daemon/tests/run sets it */
    auto text = read_file((std::filesystem::path(top ? top : "..") / name).string(), 1u << 20);
    EXPECT_TRUE(text.ok()) << name;
    return text.ok() ? *text : std::string();
}

/* The indented block that begins with @first, without its indentation. */
std::string block(const std::string &text, const std::string &first) {
    auto at = text.find("    " + first);
    EXPECT_NE(at, std::string::npos) << first;
    std::string out;
    while (at < text.size()) {
        auto end = std::min(text.find('\n', at), text.size());
        std::string line = text.substr(at, end - at);
        if (!line.empty() && !line.starts_with("    ")) {
            break;
        }
        out += (line.empty() ? line : line.substr(4)) + "\n";
        at = end + 1;
    }
    return out;
}

result<group_config> parse(const std::string &name, const std::string &text) {
    auto doc = parse_document(name, text);
    return doc ? read_group(*doc) : result<group_config>(doc.error());
}

/* All that harpd checks before it touches anything. */
void usable(group_config g) {
    g.service.link.mac = net::mac_of_group(vsr::group_id{1});
    for (const auto &m : g.members) {
        if (m.is_data()) {
            auto ok = service::check(g.service);
            EXPECT_TRUE(ok.ok()) << m.name << ": " << (ok ? "" : ok.error().text);
        }
    }
}

} // namespace

TEST(documents, the_readmes_group_is_one) {
    std::string readme = file("README.md");
    auto g = parse("README.md", block(readme, "name = \"home\""));
    ASSERT_TRUE(g.ok()) << g.error().text;
    usable(*g);
    /* What is kept free is what the log is to live in, and what clients mount is there. */
    std::smatch m;
    ASSERT_TRUE(std::regex_search(readme, m, std::regex(R"(memmap=(\w+)\\\$(0x\w+))")));
    for (const auto &member : g->members) {
        if (member.is_data()) {
            EXPECT_EQ(member.region.text, "memmap:" + m[2].str() + ":" + m[1].str());
        }
    }
    auto address = g->service.link.addresses.at(0).address.to_string();
    EXPECT_NE(readme.find("vers=3 " + address + ":" + g->service.export_path + " "),
              std::string::npos);
    EXPECT_NE(readme.find("vers=4.2 " + address + ":/ "), std::string::npos);
    EXPECT_NE(readme.find("/etc/harp/groups/" + g->name + ".toml"), std::string::npos);
    EXPECT_NE(readme.find("harpctl group create " + g->name), std::string::npos);
}

TEST(documents, the_installed_examples_parse) {
    auto g = parse("group.toml.example", file("daemon/etc/group.toml.example"));
    ASSERT_TRUE(g.ok()) << g.error().text;
    usable(*g);
    std::string node = file("daemon/etc/harp.toml.example");
    auto doc = parse_document("harp.toml.example", node);
    ASSERT_TRUE(doc.ok());
    EXPECT_TRUE(read_node(*doc, "alpha").ok());
    /* Also with every line that is there to be uncommented. */
    auto all = parse_document("harp.toml.example",
                              std::regex_replace(node, std::regex(R"(\n#(\w+ = ))"), "\n$1"));
    ASSERT_TRUE(all.ok());
    auto c = read_node(*all, "alpha");
    ASSERT_TRUE(c.ok()) << c.error().text;
    node_config plain;
    EXPECT_EQ(c->control_port, plain.control_port) << "what is commented out is the default";
    EXPECT_EQ(c->record_port, plain.record_port);
    EXPECT_EQ(c->panic_timeout, plain.panic_timeout);
    EXPECT_EQ(c->keep_memory, plain.keep_memory);
    EXPECT_EQ(c->log_level, plain.log_level);
    EXPECT_EQ(c->ups, plain.ups);
    EXPECT_EQ(c->seal_at_shutdown, plain.seal_at_shutdown);
}

/* systemd gives up after five quick ends, unless told otherwise; a group would stay as it is. */
TEST(documents, the_unit_starts_harpd_again_for_ever) {
    std::string unit = "\n" + file("daemon/etc/harpd.service");
    auto in_section = [&](const std::string &section, const std::string &line) {
        auto begin = unit.find("\n[" + section + "]\n");
        auto at = unit.find("\n" + line + "\n", begin);
        return begin != std::string::npos && at != std::string::npos &&
               at < unit.find("\n[", begin + 1);
    };
    EXPECT_TRUE(in_section("Unit", "StartLimitIntervalSec=0"));
    EXPECT_TRUE(in_section("Service", "Restart=always"));
}
