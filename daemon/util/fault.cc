/* SPDX-License-Identifier: GPL-2.0 */
#include "util/fault.hh"

#include <array>
#include <csignal>
#include <cstdlib>
#include <string>
#include <unistd.h>

namespace harp {

namespace {

constexpr std::array names = {
        std::string_view("half-stored"),      std::string_view("stored"),
        std::string_view("asking-attach"),    std::string_view("asking-fence"),
        std::string_view("asking-adopt"),     std::string_view("asking-enter"),
        std::string_view("asking-serve"),     std::string_view("asking-leave"),
        std::string_view("asking-seal"),      std::string_view("sending-propose"),
        std::string_view("sending-agree"),    std::string_view("sending-start"),
        std::string_view("sending-started"),  std::string_view("sending-request"),
        std::string_view("service-starting"), std::string_view("service-started"),
        std::string_view("service-stopping"), std::string_view("service-stopped"),
        std::string_view("feeding"),          std::string_view("filled"),
        std::string_view("log-stored"),       std::string_view("log-synced"),
        std::string_view("sealed"),           std::string_view("reading-back"),
        std::string_view("unsealed"),
};
static_assert(names.size() == static_cast<size_t>(fault::count_));

} // namespace

std::string_view to_string(fault at) {
    return names.at(static_cast<size_t>(at));
}

void fault_point(fault at) {
    const char *dir = std::getenv("HARP_FAULT_DIR");
    if (dir == nullptr) {
        return;
    }
    const std::string path = std::string(dir) + "/" + std::string(to_string(at));
    if (unlink(path.c_str()) < 0) {
        return;
    }
    kill(getpid(), SIGKILL);
    for (;;) { /* another thread may be what it ends first */
        pause();
    }
}

} // namespace harp
