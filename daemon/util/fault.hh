/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fault points: moments at which a test lets harpd die, as the kernel's do for the
 * machine (kmod/fault.h). Where the environment has HARP_FAULT_DIR, and a file of the
 * point's name is in that directory, harpd removes the file and kills itself.
 */
#pragma once

#include <cstdint>
#include <string_view>

namespace harp {

enum class fault : uint8_t {
    half_stored,     /* one copy of the new state is on the disk, the other one is the old */
    stored,          /* both are, and nobody was told */
    asking_attach,   /* the replica object is about to be asked for a new life, … */
    asking_fence,    /* … for a fence, … */
    asking_adopt,    /* … to begin a view, … */
    asking_enter,    /* … to take its role in it, … */
    asking_serve,    /* … to serve, … */
    asking_leave,    /* … to let its partner go, … */
    asking_seal,     /* … to let its log stand still */
    sending_propose, /* the message is about to be sent */
    sending_agree,
    sending_start,
    sending_started,
    sending_request,
    service_starting, /* the agent is about to be asked */
    service_started,  /* it has said so; nobody was told */
    service_stopping,
    service_stopped,
    feeding,      /* the kernel takes what it lacks; it was given nothing */
    filled,       /* it has what the view lacks, which is not entered */
    log_stored,   /* witness: in its log; neither on the disk nor acked */
    log_synced,   /* witness: on the disk; its LB is the old one */
    sealed,       /* the log is on the disk; the state does not say that it counts */
    reading_back, /* the kernel is about to be given it */
    unsealed,     /* the state says that it does not count; the file is there */
    count_,
};

/* As in the file's name: [a-z-]+. */
std::string_view to_string(fault at);

/* Any thread. Does not return where a test wants harpd dead here. */
void fault_point(fault at);

} // namespace harp
