/* SPDX-License-Identifier: GPL-2.0 */
/* A message bus of a test's own, on which anybody may do anything. */
#pragma once

#include "util/fd.hh"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <string>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace harp::bus {

class private_bus {
public:
    static bool is_installed() { return system("command -v dbus-daemon >/dev/null") == 0; }

    explicit private_bus(std::string dir) : dir_(std::move(dir)) {
        std::filesystem::remove_all(dir_);
        std::filesystem::create_directories(dir_);
        const std::string config = dir_ + "/bus.conf";
        std::ofstream(config) << "<busconfig><listen>unix:dir=" << dir_
                              << "</listen><policy context=\"default\"><allow user=\"*\"/>"
                                 "<allow own=\"*\"/><allow send_destination=\"*\"/>"
                                 "<allow receive_sender=\"*\"/></policy></busconfig>\n";
        int fds[2];
        EXPECT_EQ(pipe(fds), 0);
        daemon_ = fork();
        if (daemon_ == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            dup2(fds[1], STDOUT_FILENO);
            execlp("dbus-daemon", "dbus-daemon", "--nofork", "--nopidfile", "--print-address",
                   ("--config-file=" + config).c_str(), nullptr);
            _exit(127);
        }
        close(fds[1]);
        const unique_fd out(fds[0]);
        for (char c = 0; read(out.get(), &c, 1) == 1 && c != '\n';) {
            address_ += c;
        }
        EXPECT_NE(address_, "");
    }
    ~private_bus() {
        if (daemon_ > 0) {
            kill(daemon_, SIGKILL);
            waitpid(daemon_, nullptr, 0);
        }
        std::filesystem::remove_all(dir_);
    }
    private_bus(const private_bus &) = delete;
    private_bus &operator=(const private_bus &) = delete;

    const std::string &address() const noexcept { return address_; }

private:
    std::string dir_;
    std::string address_;
    pid_t daemon_ = -1;
};

} // namespace harp::bus
