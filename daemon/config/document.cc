/* SPDX-License-Identifier: GPL-2.0 */
#include "config/document.hh"

#include "util/text.hh"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sstream>
#include <toml++/toml.h>

namespace harp::config {

namespace {

/* Deeper than any real file; the parser has a limit of its own (256). */
constexpr int max_depth = 16;

node convert(const toml::node &in, int depth) {
    node out;
    out.line = in.source().begin.line;
    if (depth > max_depth) {
        out.value = other{"something nested too deeply"};
    } else if (const auto *t = in.as_table()) {
        table made;
        for (const auto &[key, value] : *t) {
            made.emplace(std::string(key.str()), convert(value, depth + 1));
        }
        out.value = std::move(made);
    } else if (const auto *a = in.as_array()) {
        array made;
        for (const auto &value : *a) {
            made.push_back(convert(value, depth + 1));
        }
        out.value = std::move(made);
    } else if (const auto *s = in.as_string()) {
        out.value = s->get();
    } else if (const auto *i = in.as_integer()) {
        out.value = i->get();
    } else if (const auto *b = in.as_boolean()) {
        out.value = b->get();
    } else {
        std::ostringstream text;
        text << in.type();
        out.value = other{"a " + text.str()};
    }
    return out;
}

/* Edit distance at most 2 is taken for a slip of the finger. */
size_t distance(std::string_view a, std::string_view b) {
    std::vector<size_t> row(b.size() + 1);
    for (size_t j = 0; j <= b.size(); j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a.size(); i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.size(); j++) {
            size_t above = row[j];
            size_t same = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, same});
            diagonal = above;
        }
    }
    return row[b.size()];
}

} // namespace

std::string node::describe() const {
    struct visitor {
        std::string operator()(const std::string &s) const {
            return fmt::format("'{}'", s.size() > 64 ? s.substr(0, 61) + "..." : s);
        }
        std::string operator()(int64_t i) const { return fmt::format("the number {}", i); }
        std::string operator()(bool b) const { return b ? "true" : "false"; }
        std::string operator()(const table &) const { return "a table"; }
        std::string operator()(const array &) const { return "a list"; }
        std::string operator()(const other &o) const { return o.what; }
    };
    return std::visit(visitor{}, value);
}

result<document> parse_document(const std::string &file, std::string_view text) {
    try {
        toml::table parsed = toml::parse(text);
        document out;
        out.file = file;
        out.root = convert(parsed, 0);
        out.root.line = 1;
        return out;
    } catch (const toml::parse_error &e) {
        return fail(EINVAL, fmt::format("{}:{}: {}", file, e.source().begin.line, e.description()));
    }
}

result<document> load_document(const std::string &path) {
    auto text = read_file(path, 1u << 20);
    if (!text) {
        return text.error();
    }
    return parse_document(path, *text);
}

void complaints::add(uint32_t line, std::string text) {
    lines_.emplace_back(line, std::move(text));
}

std::vector<std::string> complaints::list() const {
    auto sorted = lines_;
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const auto &a, const auto &b) { return a.first < b.first; });
    std::vector<std::string> out;
    for (const auto &[line, text] : sorted) {
        out.push_back(fmt::format("{}:{}: {}", file_, line, text));
    }
    return out;
}

failure complaints::to_failure() const {
    return fail(EINVAL, fmt::format("{}", fmt::join(list(), "\n")));
}

table_reader::table_reader(const node &n, std::string where, complaints &out)
    : line_(n.line), where_(std::move(where)), out_(out) {
    table_ = std::get_if<table>(&n.value);
    if (table_ == nullptr) {
        out_.add(line_, fmt::format("{}: found {}, expected a table", where_, n.describe()));
    }
}

bool table_reader::has(std::string_view key) const {
    return table_ != nullptr && table_->contains(std::string(key));
}

uint32_t table_reader::line(std::string_view key) const {
    return has(key) ? table_->at(std::string(key)).line : line_;
}

const node *table_reader::find(std::string_view key, bool required, std::string_view expected) {
    asked_.emplace_back(key);
    if (has(key)) {
        return &table_->at(std::string(key));
    }
    if (required && table_ != nullptr) {
        out_.add(line_, fmt::format("{} has no '{}', expected {}", where_, key, expected));
    }
    return nullptr;
}

void table_reader::wrong(std::string_view key, std::string_view text) {
    out_.add(line(key), fmt::format("{}: {}", key, text));
}

std::string table_reader::string(std::string_view key, std::string_view expected) {
    const node *n = find(key, true, expected);
    if (n == nullptr) {
        return {};
    }
    if (const auto *s = std::get_if<std::string>(&n->value)) {
        return *s;
    }
    wrong(key, fmt::format("found {}, expected {}", n->describe(), expected));
    return {};
}

std::string table_reader::string_or(std::string_view key, std::string_view fallback,
                                    std::string_view expected) {
    if (!has(key)) {
        asked_.emplace_back(key);
        return std::string(fallback);
    }
    return string(key, expected);
}

int64_t table_reader::integer_or(std::string_view key, int64_t fallback, int64_t min, int64_t max) {
    const node *n = find(key, false, "");
    if (n == nullptr) {
        return fallback;
    }
    const auto *i = std::get_if<int64_t>(&n->value);
    if (i != nullptr && *i >= min && *i <= max) {
        return *i;
    }
    wrong(key, fmt::format("found {}, expected a number from {} to {}", n->describe(), min, max));
    return fallback;
}

bool table_reader::boolean_or(std::string_view key, bool fallback) {
    const node *n = find(key, false, "");
    if (n == nullptr) {
        return fallback;
    }
    if (const auto *b = std::get_if<bool>(&n->value)) {
        return *b;
    }
    wrong(key, fmt::format("found {}, expected true or false", n->describe()));
    return fallback;
}

std::vector<std::pair<std::string, uint32_t>>
table_reader::strings(std::string_view key, bool required, std::string_view expected) {
    std::vector<std::pair<std::string, uint32_t>> out;
    const node *n = find(key, required, expected);
    if (n == nullptr) {
        return out;
    }
    const auto *list = std::get_if<array>(&n->value);
    if (list == nullptr || (required && list->empty())) {
        wrong(key, fmt::format("found {}, expected a list of {}",
                               list != nullptr ? "an empty list" : n->describe(), expected));
        return out;
    }
    for (const node &item : *list) {
        if (const auto *s = std::get_if<std::string>(&item.value)) {
            out.emplace_back(*s, item.line);
        } else {
            out_.add(item.line, fmt::format("{}: found {} in the list, expected {}", key,
                                            item.describe(), expected));
        }
    }
    return out;
}

std::string table_reader::choice(std::string_view key, std::vector<std::string_view> choices,
                                 bool required) {
    std::string expected = fmt::format("one of \"{}\"", fmt::join(choices, "\", \""));
    if (!required && !has(key)) {
        asked_.emplace_back(key);
        return std::string(choices.front());
    }
    std::string got = string(key, expected);
    if (has(key) && std::find(choices.begin(), choices.end(), got) == choices.end()) {
        if (std::holds_alternative<std::string>(table_->at(std::string(key)).value)) {
            wrong(key, fmt::format("found '{}', expected {}", got, expected));
        }
        return std::string(choices.front());
    }
    return got;
}

const node *table_reader::subtable(std::string_view key, bool required) {
    return find(key, required, fmt::format("a table [{}]", key));
}

std::vector<const node *> table_reader::subtables(std::string_view key, bool required) {
    std::vector<const node *> out;
    const node *n = find(key, required, fmt::format("tables [[{}]]", key));
    if (n == nullptr) {
        return out;
    }
    const auto *list = std::get_if<array>(&n->value);
    if (list == nullptr) {
        wrong(key, fmt::format("found {}, expected tables [[{}]]", n->describe(), key));
        return out;
    }
    for (const node &item : *list) {
        out.push_back(&item);
    }
    return out;
}

void table_reader::finish() {
    if (table_ == nullptr) {
        return;
    }
    for (const auto &[key, value] : *table_) {
        if (std::find(asked_.begin(), asked_.end(), key) != asked_.end()) {
            continue;
        }
        std::string_view near;
        for (const std::string &known : asked_) {
            if (distance(key, known) <= 2) {
                near = known;
            }
        }
        out_.add(value.line, near.empty()
                                     ? fmt::format("unknown key '{}' in {}, expected one of: {}",
                                                   key, where_, fmt::join(asked_, ", "))
                                     : fmt::format("unknown key '{}' in {}, expected '{}'?", key,
                                                   where_, near));
    }
}

} // namespace harp::config
