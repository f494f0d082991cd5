/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Generic netlink family "harp" (uapi/linux/harp_netlink.h) through libmnl: one
 * socket for commands, another for events, in the network namespace of whoever
 * opens them. Messages not sent by the kernel (nl_pid != 0) are dropped.
 */
#pragma once

#include "util/fd.hh"
#include "util/result.hh"

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

struct mnl_socket;
struct nlmsghdr;

namespace harp::knl {

/* Reply or event, attributes decoded; absent ones are zero. */
struct attributes {
    std::array<uint64_t, 128> number{}; /* by HARP_A_*, integers of any width */
    std::array<bool, 128> present{};
    std::string group;
    std::string text;
    std::string region_why;
    std::vector<uint8_t> uuid;
    std::vector<uint8_t> view_record;
    std::vector<uint8_t> records;
    std::vector<std::pair<uint64_t, uint64_t>> views; /* view, first index */

    uint64_t get(int attr) const { return number[static_cast<size_t>(attr)]; }
    bool has(int attr) const { return present[static_cast<size_t>(attr)]; }
};

/* I9: lengths are checked against each attribute's type. */
result<attributes> decode_attributes(const nlmsghdr *nlh);

/* A request under construction. */
class request {
public:
    request(uint8_t cmd, const std::string &group, uint8_t member);
    request &u8(int attr, uint8_t value);
    request &u32(int attr, uint32_t value);
    request &u64(int attr, uint64_t value);
    request &bytes(int attr, const void *data, size_t len);

private:
    friend class genl;
    std::vector<uint64_t> buf_; /* aligned */
    nlmsghdr *nlh();
};

class genl {
public:
    /* ENOENT: the module is not loaded. */
    static result<genl> open();
    genl(genl &&) noexcept;
    genl &operator=(genl &&) noexcept;
    ~genl();

    /* One request, its reply (empty for a bare acknowledgement). Error text is extack's. */
    result<attributes> call(request req);
    /* Joins the events group on a socket of its own. */
    result<unique_fd> subscribe();

private:
    genl() = default;
    result<attributes> receive(uint32_t seq);

    mnl_socket *socket_ = nullptr;
    uint16_t family_ = 0;
    uint32_t events_group_ = 0;
    uint32_t seq_ = 0;
};

/*
 * Reads what is there on a subscribe()d socket. false: the kernel dropped
 * events (ENOBUFS), the state must be read anew.
 */
bool read_events(int fd, const std::function<void(const attributes &)> &fn);

} // namespace harp::knl
