/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A TOML file as a tree that remembers where everything stood, and a reader of its
 * tables that collects every complaint ("FILE:LINE: found …, expected …") instead of
 * stopping at the first. toml++ is used inside document.cc only.
 */
#pragma once

#include "util/result.hh"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace harp::config {

struct node;
using table = std::map<std::string, node>;
using array = std::vector<node>;
/* Dates, times and floats: nothing here takes one; the text says what was found. */
struct other {
    std::string what;
};

struct node {
    std::variant<std::string, int64_t, bool, table, array, other> value;
    uint32_t line = 0;

    /* "the number 5", "a table" */
    std::string describe() const;
};

struct document {
    std::string file; /* as messages name it */
    node root;        /* a table */
};

/* The error is FILE:LINE: and the parser's own words. */
result<document> parse_document(const std::string &file, std::string_view text);
result<document> load_document(const std::string &path);

/* Where complaints go; one per document. */
class complaints {
public:
    explicit complaints(std::string file) : file_(std::move(file)) {}
    void add(uint32_t line, std::string text);
    bool empty() const noexcept { return lines_.empty(); }
    /* "FILE:LINE: …" each, sorted by line. */
    std::vector<std::string> list() const;
    failure to_failure() const;

private:
    std::string file_;
    std::vector<std::pair<uint32_t, std::string>> lines_;
};

/*
 * Reads one table. Every key must be asked for before finish(), which complains
 * about the others. A missing or wrong value is complained about and the default
 * (or an empty value) returned, so reading goes on.
 */
class table_reader {
public:
    /* @where: how messages name the table ("[nfs]"). */
    table_reader(const node &n, std::string where, complaints &out);

    bool has(std::string_view key) const;
    /* Line of a key, or of the table when the key is absent. */
    uint32_t line(std::string_view key) const;

    std::string string(std::string_view key, std::string_view expected);
    std::string string_or(std::string_view key, std::string_view fallback,
                          std::string_view expected);
    int64_t integer_or(std::string_view key, int64_t fallback, int64_t min, int64_t max);
    bool boolean_or(std::string_view key, bool fallback);
    std::vector<std::pair<std::string, uint32_t>> strings(std::string_view key, bool required,
                                                          std::string_view expected);
    /* One of @choices; the first is the default when !required. */
    std::string choice(std::string_view key, std::vector<std::string_view> choices, bool required);
    const node *subtable(std::string_view key, bool required);
    std::vector<const node *> subtables(std::string_view key, bool required);
    /* "expected …" at @key's line. */
    void wrong(std::string_view key, std::string_view text);
    void finish();

private:
    const node *find(std::string_view key, bool required, std::string_view expected);

    const table *table_ = nullptr;
    uint32_t line_;
    std::string where_;
    complaints &out_;
    std::vector<std::string> asked_;
};

} // namespace harp::config
