/* SPDX-License-Identifier: GPL-2.0 */
/*
 * result<T>: a value, or an error with an errno-like code and one sentence for a
 * person. Returned up to the boundary and logged there once.
 */
#pragma once

#include <cassert>
#include <cerrno>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace harp {

struct failure {
    int code = EINVAL; /* positive, errno's numbers */
    std::string text;

    bool operator==(const failure &) const = default;
};

inline failure fail(int code, std::string text) {
    return failure{code, std::move(text)};
}

template <typename T>
class [[nodiscard]] result {
public:
    result(T value) : v_(std::in_place_index<0>, std::move(value)) {}
    result(failure e) : v_(std::in_place_index<1>, std::move(e)) {}

    bool ok() const noexcept { return v_.index() == 0; }
    explicit operator bool() const noexcept { return ok(); }

    T &value() & {
        assert(ok());
        return *std::get_if<0>(&v_);
    }
    const T &value() const & {
        assert(ok());
        return *std::get_if<0>(&v_);
    }
    T &&value() && {
        assert(ok());
        return std::move(*std::get_if<0>(&v_));
    }
    T &operator*() & { return value(); }
    const T &operator*() const & { return value(); }
    T *operator->() { return &value(); }
    const T *operator->() const { return &value(); }

    const failure &error() const & {
        assert(!ok());
        return *std::get_if<1>(&v_);
    }

    T value_or(T other) const { return ok() ? value() : std::move(other); }

private:
    std::variant<T, failure> v_;
};

template <>
class [[nodiscard]] result<void> {
public:
    result() = default;
    result(failure e) : e_(std::move(e)) {}

    bool ok() const noexcept { return !e_; }
    explicit operator bool() const noexcept { return ok(); }
    const failure &error() const & {
        assert(!ok());
        return *e_;
    }

private:
    std::optional<failure> e_;
};

} // namespace harp
