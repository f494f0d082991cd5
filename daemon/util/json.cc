/* SPDX-License-Identifier: GPL-2.0 */
#include "util/json.hh"

#include <nlohmann/json.hpp>
#include <ostream>

namespace harp {

namespace {

/* Deeper than anything that is said here: what follows is recursive. */
constexpr int max_depth = 32;

} // namespace

struct json::text {
    using value_t = nlohmann::json::value_t;

    static json read(const nlohmann::json &j, int depth) {
        if (depth > max_depth) {
            throw exception("nested too deeply");
        }
        json out;
        switch (j.type()) {
        case value_t::null:
            break;
        case value_t::boolean:
            out.v_ = j.get<bool>();
            break;
        case value_t::number_unsigned:
            out.v_ = j.get<uint64_t>();
            break;
        case value_t::number_integer:
            out.v_ = j.get<int64_t>();
            break;
        case value_t::string:
            out.v_ = j.get<std::string>();
            break;
        case value_t::array:
            out = array();
            for (const auto &one : j) {
                out.push_back(read(one, depth + 1));
            }
            break;
        case value_t::object:
            out = object();
            for (const auto &[key, value] : j.items()) {
                out[key] = read(value, depth + 1);
            }
            break;
        default:
            throw exception("a number that is no integer");
        }
        return out;
    }

    static nlohmann::json write(const json &j) {
        if (const auto *a = std::get_if<array_t>(&j.v_)) {
            auto out = nlohmann::json::array();
            for (const json &one : *a) {
                out.push_back(write(one));
            }
            return out;
        }
        if (const auto *o = std::get_if<object_t>(&j.v_)) {
            auto out = nlohmann::json::object();
            for (const auto &[key, value] : *o) {
                out[key] = write(value);
            }
            return out;
        }
        if (const auto *s = std::get_if<std::string>(&j.v_)) {
            return *s;
        }
        if (const auto *b = std::get_if<bool>(&j.v_)) {
            return *b;
        }
        if (const auto *u = std::get_if<uint64_t>(&j.v_)) {
            return *u;
        }
        if (const auto *i = std::get_if<int64_t>(&j.v_)) {
            return *i;
        }
        return nullptr;
    }
};

json::json() noexcept = default;
json::json(const json &other) = default;
json::json(json &&other) noexcept = default;
json &json::operator=(const json &other) = default;
json &json::operator=(json &&other) noexcept = default;
json::~json() = default;

json::json(const char *v) : v_(std::string(v)) {}
json::json(std::string v) : v_(std::move(v)) {}
json::json(std::string_view v) : v_(std::string(v)) {}
json::json(const std::vector<std::string> &v) : v_(array_t(v.begin(), v.end())) {}
json::json(const std::map<std::string, std::string> &v) : v_(object_t(v.begin(), v.end())) {}

json::json(std::initializer_list<json> list) {
    bool pairs = true;
    for (const json &one : list) {
        const auto *a = std::get_if<array_t>(&one.v_);
        pairs = pairs && a != nullptr && a->size() == 2 && a->front().is_string();
    }
    if (!pairs) {
        v_ = array_t(list);
        return;
    }
    object_t out;
    for (const json &one : list) {
        out[one.at(size_t{0}).as_string()] = one.at(size_t{1});
    }
    v_ = std::move(out);
}

void json::set(bool v) {
    v_ = v;
}
void json::set(uint64_t v) {
    v_ = v;
}
void json::set(int64_t v) {
    v_ = v;
}

json json::array() {
    json out;
    out.v_ = array_t();
    return out;
}

json json::object() {
    json out;
    out.v_ = object_t();
    return out;
}

json json::parse(std::string_view in) {
    try {
        return text::read(nlohmann::json::parse(in), 0);
    } catch (const nlohmann::json::exception &e) {
        throw exception(e.what());
    }
}

json json::parse_or_null(std::string_view in) {
    try {
        return parse(in);
    } catch (const exception &) {
        return {};
    }
}

std::string json::dump(int indent) const {
    return text::write(*this).dump(indent, ' ', false, nlohmann::json::error_handler_t::replace);
}

bool json::is_null() const noexcept {
    return std::holds_alternative<std::monostate>(v_);
}
bool json::is_boolean() const noexcept {
    return std::holds_alternative<bool>(v_);
}
bool json::is_number_unsigned() const noexcept {
    return std::holds_alternative<uint64_t>(v_);
}
bool json::is_string() const noexcept {
    return std::holds_alternative<std::string>(v_);
}
bool json::is_object() const noexcept {
    return std::holds_alternative<object_t>(v_);
}
bool json::is_array() const noexcept {
    return std::holds_alternative<array_t>(v_);
}

bool json::as_bool() const {
    const auto *b = std::get_if<bool>(&v_);
    return b != nullptr ? *b : throw exception("a value is not true or false");
}

uint64_t json::as_unsigned() const {
    const auto *u = std::get_if<uint64_t>(&v_);
    return u != nullptr ? *u : throw exception("a value is not a number from 0 up");
}

int64_t json::as_signed() const {
    if (const auto *i = std::get_if<int64_t>(&v_)) {
        return *i;
    }
    const uint64_t u = as_unsigned();
    return u <= INT64_MAX ? static_cast<int64_t>(u) : out_of_range<int64_t>();
}

const std::string &json::as_string() const {
    const auto *s = std::get_if<std::string>(&v_);
    return s != nullptr ? *s : throw exception("a value is not a string");
}

std::vector<std::string> json::as_strings() const {
    const auto *a = std::get_if<array_t>(&v_);
    if (a == nullptr) {
        throw exception("a value is not an array");
    }
    std::vector<std::string> out;
    for (const json &one : *a) {
        out.push_back(one.as_string());
    }
    return out;
}

void json::fail_range() {
    throw exception("a number is out of range");
}

const json *json::find(std::string_view key) const noexcept {
    const auto *o = std::get_if<object_t>(&v_);
    if (o == nullptr) {
        return nullptr;
    }
    const auto it = o->find(key);
    return it != o->end() ? &it->second : nullptr;
}

const json &json::at(std::string_view key) const {
    const json *v = find(key);
    return v != nullptr ? *v : throw exception("no '" + std::string(key) + "'");
}

json &json::operator[](std::string_view key) {
    if (is_null()) {
        v_ = object_t();
    }
    auto *o = std::get_if<object_t>(&v_);
    return o != nullptr ? (*o)[std::string(key)] : throw exception("a value is not an object");
}

const json::object_t &json::items() const {
    const auto *o = std::get_if<object_t>(&v_);
    return o != nullptr ? *o : throw exception("a value is not an object");
}

size_t json::size() const noexcept {
    return static_cast<size_t>(end() - begin());
}

const json &json::at(size_t i) const {
    return i < size() ? begin()[i] : throw exception("an array is too short");
}

void json::push_back(json v) {
    if (is_null()) {
        v_ = array_t();
    }
    auto *a = std::get_if<array_t>(&v_);
    if (a == nullptr) {
        throw exception("a value is not an array");
    }
    a->push_back(std::move(v));
}

const json *json::begin() const noexcept {
    const auto *a = std::get_if<array_t>(&v_);
    return a != nullptr ? a->data() : nullptr;
}

const json *json::end() const noexcept {
    const auto *a = std::get_if<array_t>(&v_);
    return a != nullptr ? a->data() + a->size() : nullptr;
}

bool json::operator==(const json &other) const {
    return v_ == other.v_;
}

std::ostream &operator<<(std::ostream &out, const json &j) {
    return out << j.dump();
}

} // namespace harp
