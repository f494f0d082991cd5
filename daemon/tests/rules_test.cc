/* SPDX-License-Identifier: GPL-2.0 */
/* The table of rules and tests in Documentation/protocol.rst says what is so. */
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <regex>
#include <set>
#include <sstream>

namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path &path) {
    std::stringstream s;
    s << std::ifstream(path).rdbuf();
    return s.str();
}

/* Of the source tree this file was compiled from. */
fs::path source() {
    return fs::path(__FILE__).parent_path();
}

/* Those of the one-kernel ring, by file and function. */
void add_tests_of_one_kernel(std::set<std::string> &out) {
    for (const auto &entry : fs::directory_iterator(source() / "../../selftests/one")) {
        const std::string name = entry.path().stem();
        if (!name.ends_with("_test")) {
            continue;
        }
        std::istringstream lines(text_of(entry.path()));
        for (std::string line; std::getline(lines, line);) {
            if (line.rfind("def ", 0) == 0) {
                out.insert(name + "." + line.substr(4, line.find('(') - 4));
            }
        }
    }
}

std::set<std::string> tests_there_are() {
    std::set<std::string> out;
    add_tests_of_one_kernel(out);
    for (const auto &entry : fs::directory_iterator(source())) {
        const std::string text = entry.path().extension() == ".cc" ? text_of(entry.path()) : "";
        std::istringstream lines(text);
        for (std::string line; std::getline(lines, line);) {
            const auto open = line.find('('), comma = line.find(", "), close = line.find(')');
            if (line.rfind("TEST", 0) == 0 && open < comma && comma < close) {
                out.insert(line.substr(open + 1, comma - open - 1) + "." +
                           line.substr(comma + 2, close - comma - 2));
            }
        }
    }
    return out;
}

/* A rule that no test breaks shows nothing of any test. */
std::set<std::string> broken_rules_there_are() {
    const std::string types = text_of(source() / "../vsr/types.hh");
    const std::string begin = "enum class broken_rule";
    const auto first = types.find(begin), last = types.find("};", first);
    std::istringstream lines(types.substr(first, last - first));
    std::set<std::string> out;
    std::string line;
    std::getline(lines, line);
    while (std::getline(lines, line)) {
        const auto name = line.find_first_not_of(' ');
        out.insert(line.substr(name, line.find(',') - name));
    }
    out.erase("none");
    return out;
}

/* "L1", or "V2, V3", alone in its line, and the rule below it. */
std::set<std::string> rules_there_are(const std::string &doc) {
    static const std::regex names("[A-Z][0-9](, [A-Z][0-9])*");
    std::set<std::string> out;
    std::istringstream lines(doc);
    std::string before;
    for (std::string line; std::getline(lines, line); before = line) {
        const bool told = line.rfind("  ", 0) == 0 && std::regex_match(before, names);
        for (size_t at = 0; told && at < before.size(); at += 4) {
            out.insert(before.substr(at, 2));
        }
    }
    return out;
}

} // namespace

TEST(rules, each_has_a_test_and_each_test_named_exists) {
    const std::set<std::string> tests = tests_there_are();
    const std::string doc = text_of(source() / "../../Documentation/protocol.rst");
    const auto begin = doc.find("Where each rule is tested");
    ASSERT_NE(begin, std::string::npos);
    std::istringstream lines(doc.substr(begin));
    std::string rule;
    std::map<std::string, int> named;
    for (std::string line; std::getline(lines, line);) {
        /* "S1    suite.test", more of them below; a rule's last word may follow others. */
        if (line.size() < 7 || line[0] == '=' || line.substr(2, 4) != "    ") {
            continue;
        }
        rule = line[0] == ' ' ? rule : line.substr(0, 2);
        const std::string test = line.substr(line.rfind(' ') + 1);
        EXPECT_TRUE(tests.contains(test)) << rule << ": no test " << test;
        named[rule]++;
    }
    /* In the paragraphs below as well. */
    static const std::regex in_words("\\b(vsr|witness|state|service|kernel)_?\\w*\\.[A-Za-z]\\w+");
    const std::string where = doc.substr(begin);
    for (std::sregex_iterator it(where.begin(), where.end(), in_words), end; it != end; ++it) {
        const std::string name = it->str();
        EXPECT_TRUE(tests.contains(name) || name.ends_with(".hh") || name.ends_with(".cc"))
                << "no test " << name;
    }
    const std::set<std::string> rules = {"S1", "S2", "S3", "N1", "N2", "N3", "N4", "N5",
                                         "N6", "L1", "L2", "L3", "L4", "L5", "V1", "V2",
                                         "V3", "V4", "V5", "V6", "V7", "V8", "C1", "C2",
                                         "P1", "P2", "D1", "D2", "G1", "G2", "G3"};
    EXPECT_EQ(rules_there_are(doc.substr(0, begin)), rules);
    for (const auto &r : rules) {
        EXPECT_GT(named[r], 0) << r << " has no test";
    }
    for (const auto &[r, tests_of_it] : named) {
        EXPECT_TRUE(rules.contains(r)) << r << " has tests and is not in the document";
    }
}

TEST(rules, each_that_can_be_broken_is_broken_by_a_test) {
    std::string tests;
    for (const auto &entry : fs::directory_iterator(source())) {
        tests += text_of(entry.path());
    }
    const auto rules = broken_rules_there_are();
    EXPECT_EQ(rules.size(), 30U);
    for (const auto &r : rules) {
        EXPECT_TRUE(std::regex_search(tests, std::regex("broken_rule::" + r + "\\b")))
                << r << " is broken by no test";
    }
}
