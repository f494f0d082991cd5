/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which clients had connections to the group's primary, as it told last: the next one wakes
 * them. In DIR/clients as well, for when both file servers restart at once: nobody is left
 * to tell then, and a client deep in its retransmission back-off sleeps for long.
 */
#pragma once

#include "net/address.hh"
#include "util/result.hh"

#include <string>
#include <vector>

namespace harp::cluster {

class client_list {
public:
    explicit client_list(std::string dir) : path_(std::move(dir) + "/clients") {}

    /* What an earlier harpd kept. A file that cannot be read is no list, and an error. */
    result<void> load();
    /* Nobody at all is no news: they have yet to come. True: it should be stored. */
    bool update(std::vector<net::connection> clients);
    const std::vector<net::connection> &clients() const noexcept { return clients_; }
    /* Durable when it returns. Blocks; called from a worker, with a copy. */
    result<void> store() const;

private:
    std::string path_;
    std::vector<net::connection> clients_; /* ascending */
};

} // namespace harp::cluster
