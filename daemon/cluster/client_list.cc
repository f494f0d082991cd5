/* SPDX-License-Identifier: GPL-2.0 */
#include "cluster/client_list.hh"

#include "net/tcp.hh"
#include "util/crc32c.h"
#include "util/text.hh"

#include <algorithm>
#include <cerrno>
#include <fmt/format.h>
#include <string_view>

namespace harp::cluster {

namespace {

constexpr size_t packed_max = 64 * 1024;

/* "harp-clients 1 CRC32C", then what CLIENTS has (cluster/notice.hh). */
std::string header_of(std::string_view packed) {
    return fmt::format("harp-clients 1 {:08x}\n",
                       harp_user_crc32c(0, packed.data(), packed.size()));
}

} // namespace

result<void> client_list::load() {
    auto text = read_file(path_, packed_max);
    if (!text) {
        return text.error().code == ENOENT ? result<void>() : text.error();
    }
    const auto eol = text->find('\n');
    const std::string packed = eol == std::string::npos ? "" : text->substr(eol + 1);
    if (text->substr(0, eol + 1) != header_of(packed)) {
        return fail(EBADMSG, path_ + ": not a list of clients of version 1, or damaged");
    }
    auto clients = net::unpack_connections(packed);
    if (!clients) {
        return fail(EBADMSG, path_ + ": " + clients.error().text);
    }
    clients_ = std::move(*clients);
    return {};
}

bool client_list::update(std::vector<net::connection> clients) {
    std::sort(clients.begin(), clients.end());
    if (clients.empty() || clients == clients_) {
        return false;
    }
    clients_ = std::move(clients);
    return true;
}

result<void> client_list::store() const {
    const std::string packed = net::pack_connections(clients_, packed_max - 64);
    return replace_file(path_, header_of(packed) + packed, 0600);
}

} // namespace harp::cluster
