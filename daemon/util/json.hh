/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A JSON value. Reading and writing text is nlohmann's, inside json.cc alone: its
 * templates cost every file that includes them more to compile than all the rest of it.
 *
 * What is looked for and is not there, or is of another kind, throws json::exception.
 */
#pragma once

#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace harp {

class json {
public:
    struct exception : std::runtime_error {
        using std::runtime_error::runtime_error;
    };
    using array_t = std::vector<json>;
    using object_t = std::map<std::string, json, std::less<>>;

    json() noexcept;
    json(const json &other);
    json(json &&other) noexcept;
    json &operator=(const json &other);
    json &operator=(json &&other) noexcept;
    ~json();

    /* Templates, so that no pointer becomes a bool. */
    template <typename T>
    requires(std::is_same_v<T, bool>) json(T v) { set(v); }
    template <typename T>
    requires(std::is_integral_v<T> && !std::is_same_v<T, bool>) json(T v) {
        if (std::is_signed_v<T> && v < 0) {
            set(static_cast<int64_t>(v));
        } else {
            set(static_cast<uint64_t>(v));
        }
    }
    json(const char *v);
    json(std::string v);
    json(std::string_view v);
    json(const std::vector<std::string> &v);
    json(const std::map<std::string, std::string> &v);
    /* An object if each of @list is a pair that begins with a string, else an array. */
    json(std::initializer_list<json> list);
    static json array();
    static json object();

    /* Nothing of ours has numbers with a fraction, or is deep: such a text throws, too. */
    static json parse(std::string_view text);
    /* The same, but null. */
    static json parse_or_null(std::string_view text);
    /* In one line, or indented by @indent; what is not UTF-8 is replaced. */
    std::string dump(int indent = -1) const;

    bool is_null() const noexcept;
    bool is_boolean() const noexcept;
    bool is_number_unsigned() const noexcept;
    bool is_string() const noexcept;
    bool is_object() const noexcept;
    bool is_array() const noexcept;

    /* string, bool, any integer that it fits, vector<string>. */
    template <typename T>
    T get() const {
        if constexpr (std::is_same_v<T, bool>) {
            return as_bool();
        } else if constexpr (std::is_integral_v<T> && std::is_unsigned_v<T>) {
            const uint64_t v = as_unsigned();
            return std::in_range<T>(v) ? static_cast<T>(v) : out_of_range<T>();
        } else if constexpr (std::is_integral_v<T>) {
            const int64_t v = as_signed();
            return std::in_range<T>(v) ? static_cast<T>(v) : out_of_range<T>();
        } else if constexpr (std::is_same_v<T, std::string>) {
            return as_string();
        } else {
            static_assert(std::is_same_v<T, std::vector<std::string>>);
            return as_strings();
        }
    }
    template <typename T>
    void get_to(T &into) const {
        into = get<T>();
    }

    /* Of an object. */
    bool contains(std::string_view key) const noexcept { return find(key) != nullptr; }
    const json *find(std::string_view key) const noexcept;
    const json &at(std::string_view key) const;
    const json &operator[](std::string_view key) const { return at(key); }
    json &operator[](std::string_view key); /* is made; null becomes an object */
    const object_t &items() const;
    template <typename T>
    T value(std::string_view key, T otherwise) const {
        const json *v = find(key);
        if (v == nullptr) {
            return otherwise;
        }
        if constexpr (std::is_same_v<T, json>) {
            return *v;
        } else {
            return v->get<T>();
        }
    }
    std::string value(std::string_view key, const char *otherwise) const {
        return value<std::string>(key, otherwise);
    }

    /* Of an array. */
    size_t size() const noexcept;
    const json &at(size_t i) const;
    void push_back(json v); /* null becomes an array */
    const json *begin() const noexcept;
    const json *end() const noexcept;

    bool operator==(const json &other) const;
    friend std::ostream &operator<<(std::ostream &out, const json &j);

private:
    struct text; /* to nlohmann's values and back */

    void set(bool v);
    void set(uint64_t v);
    void set(int64_t v);
    bool as_bool() const;
    uint64_t as_unsigned() const;
    int64_t as_signed() const;
    const std::string &as_string() const;
    std::vector<std::string> as_strings() const;
    template <typename T>
    [[noreturn]] static T out_of_range() {
        fail_range();
    }
    [[noreturn]] static void fail_range();

    /* A number is int64_t only below zero. */
    std::variant<std::monostate, bool, uint64_t, int64_t, std::string, array_t, object_t> v_;
};

} // namespace harp
