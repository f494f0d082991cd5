# SPDX-License-Identifier: GPL-2.0
"""Fault points: where a test lets a member's kernel (kmod/fault.h) or its harpd
(daemon/util/fault.hh) die, and what makes a group pass them."""

from __future__ import annotations

import dataclasses
import re

from harness import GROUP, Group, Lab, LabFailed

SLOTS = {"a": 0, "b": 1}
HARPD_DIR = "/run/harp-faults"
DROP_IN = "/run/systemd/system/harpd.service.d/faults.conf"
BOOT_ID = "cat /proc/sys/kernel/random/boot_id"

# In which order a primary's records pass them, then a backup's.
PRIMARY = ("appended", "sent", "committed", "applying", "applied", "answered", "synced",
           "lb-noted", "discarded")
BACKUP = ("stored", "acked", "applying", "applied", "synced", "lb-noted", "discarded")
VIEW = ("fenced", "cut", "view-record", "entered")
RETURN = ("fed", "redo")
KERNEL = tuple(dict.fromkeys((*PRIMARY, *BACKUP, *VIEW, "serving", *RETURN, "loaded")))

VOTE = ("half-stored", "stored", "asking-fence", "asking-adopt", "asking-enter")


@dataclasses.dataclass(frozen=True)
class Point:
    """@by: what the group does when it is passed: "load", "switchover", "return"
    (b leaves, and comes back), "boot" (the node, after a panic), "power-off" (the
    node, in order), "power-on" (after that)."""
    name: str
    node: str
    by: str
    harpd: bool = False

    def __str__(self) -> str:
        who = "harpd" if self.harpd else "kernel"
        return f"{self.node}'s {who} at {self.name} ({self.by})"


def _all(by: str, node: str, *names: str) -> list[Point]:
    return [Point(name, node, by) for name in names]


def _harpd(by: str, node: str, *names: str) -> list[Point]:
    return [Point(name, node, by, True) for name in names]


POINTS = [
    *_all("load", "a", *PRIMARY),
    *_all("load", "b", *BACKUP),
    *_all("switchover", "a", *VIEW),
    *_all("switchover", "b", *VIEW, "serving"),
    *_all("boot", "a", *RETURN),
    *_all("boot", "b", *RETURN),
    *_all("power-on", "b", "loaded"),
    *_harpd("switchover", "a", *VOTE, "sending-propose", "sending-start", "sending-started",
            "service-stopping", "service-stopped"),
    *_harpd("switchover", "b", *VOTE, "sending-agree", "asking-serve",
            "service-starting", "service-started"),
    *_harpd("return", "a", *VOTE, "sending-propose", "sending-start"),
    *_harpd("return", "b", "asking-leave", "feeding", "filled",
            "sending-request", *VOTE, "sending-agree", "sending-started"),
    *_harpd("return", "w", *VOTE, "sending-agree", "sending-started", "log-stored",
            "log-synced"),
    # A harpd that starts anew finds its kernel's replica, and asks for none.
    *_harpd("boot", "b", "asking-attach"),
    *_harpd("power-off", "b", "asking-seal", "sealed"),
    *_harpd("power-on", "b", "reading-back", "unsealed"),
]


class Armed:
    """A point of a running kernel: it panics there the next time."""

    def __init__(self, lab: Lab, node: str, name: str) -> None:
        self.lab, self.node, self.name = lab, node, name
        self.file = kernel_file(node)
        self.before = self.panics()
        self.boot = lab.run(node, f"{mount_debugfs()}; {BOOT_ID} && {self.write('panic')}")

    def write(self, what: str) -> str:
        return f"echo {self.name} {what} > {self.file}"

    def panics(self) -> int:
        return panics_at(self.lab, self.node, self.name)

    def struck(self) -> bool:
        return self.panics() > self.before

    def disarm(self) -> bool:
        """Whether that was in time: the machine has not panicked, and will not."""
        done = self.lab.call("exec", self.node, "--", "sh", "-c",
                             f"{BOOT_ID} && {self.write('off')}", timeout=30,
                             check=False)
        return done.returncode == 0 and done.stdout == self.boot


def kernel_file(node: str) -> str:
    return f"/sys/kernel/debug/harp/{GROUP}-{SLOTS[node]}/fault"


def mount_debugfs() -> str:
    return "mountpoint -q /sys/kernel/debug || mount -t debugfs none /sys/kernel/debug"


def panics_at(lab: Lab, node: str, name: str) -> int:
    """How often it has, since the lab is up."""
    said = lab.call("console", node).stdout
    return len(re.findall(f"Kernel panic - not syncing: harp: {GROUP}/{SLOTS[node]}: "
                          rf"fault point {name}\s", said))


def arm_next_replica(node: str, name: str) -> str:
    """A command that arms a point as soon as a kernel that has just booted has a
    replica, and before that is told of a view: many heartbeats later."""
    return (f"{{ {mount_debugfs()}; ( until echo {name} panic > {kernel_file(node)}; "
            "do sleep 0.01; done ) > /dev/null 2>&1 < /dev/null & }")


def let_next_harpd_die(lab: Lab, node: str) -> None:
    """Its points work until the machine boots again."""
    lab.put(node, DROP_IN, f"[Service]\nEnvironment=HARP_FAULT_DIR={HARPD_DIR}\n")
    lab.run(node, f"mkdir -p {HARPD_DIR} && systemctl daemon-reload")


def let_harpd_die(group: Group) -> None:
    """Before the group is made: harpd is started anew."""
    for node in "abw":
        let_next_harpd_die(group.lab, node)
        group.lab.run(node, "systemctl restart harpd")


def arm_harpd(lab: Lab, node: str, name: str) -> None:
    lab.run(node, f"touch {HARPD_DIR}/{name}")


def harpd_died(lab: Lab, point: Point) -> bool:
    said = lab.call("exec", point.node, "--", "ls", HARPD_DIR, check=False)
    if said.returncode:
        raise LabFailed(f"{point.node}: {said.stderr}")
    return point.name not in said.stdout.split()
