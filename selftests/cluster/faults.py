# SPDX-License-Identifier: GPL-2.0
"""What can happen to the machines of a group, and to the networks between them,
and how it is mended."""

from __future__ import annotations

import dataclasses
import random
import time
from collections.abc import Callable

import points
from harness import Group, Lab

MEMBERS = "abw"
FLAPS = 5


def others(node: str) -> str:
    return MEMBERS.replace(node, "")


@dataclasses.dataclass(frozen=True)
class Fault:
    """One kind of trouble, at a node or between two; of a fault point, @peer is its
    name."""
    kind: str
    node: str
    peer: str = ""

    def __str__(self) -> str:
        return KINDS[self.kind].text.format(node=self.node, peer=self.peer)


@dataclasses.dataclass(frozen=True)
class Kind:
    """How a fault is brought about; @stops: the machine answers nobody after it,
    @boots: until it has started again."""
    text: str
    strike: Callable[[Lab, Fault], object]
    pair: bool = False
    stops: bool = False
    boots: bool = False
    asks: bool = False      # a command in the machine does it


def _cut(lab: Lab, fault: Fault) -> None:
    lab.call("partition", fault.node, fault.peer)


def _cut_one_way(lab: Lab, fault: Fault) -> None:
    lab.call("partition", fault.node, fault.peer, "--one-way")


def _isolate(lab: Lab, fault: Fault) -> None:
    for peer in others(fault.node):
        lab.call("partition", fault.node, peer)


def _mute(lab: Lab, fault: Fault) -> None:
    for peer in others(fault.node):
        lab.call("partition", fault.node, peer, "--one-way")


def _deafen(lab: Lab, fault: Fault) -> None:
    for peer in others(fault.node):
        lab.call("partition", peer, fault.node, "--one-way")


def _network(lab: Lab, fault: Fault) -> None:
    for peer in others(fault.node):
        lab.call("partition", fault.node, peer, "--net", "0")


def _flap(lab: Lab, fault: Fault) -> None:
    for _ in range(FLAPS):
        lab.call("partition", fault.node, fault.peer)
        lab.call("heal", fault.node, fault.peer)


def _harpd(signal: str) -> Callable[[Lab, Fault], None]:
    def strike(lab: Lab, fault: Fault) -> None:
        # Itself: its agents, which end with it, are others' to freeze.
        lab.run(fault.node, f"systemctl kill --kill-whom=main -s {signal} harpd")
    return strike


def _point(lab: Lab, fault: Fault) -> points.Armed:
    return points.Armed(lab, fault.node, fault.peer)


def _verb(verb: str) -> Callable[[Lab, Fault], None]:
    def strike(lab: Lab, fault: Fault) -> None:
        lab.call(verb, fault.node)
    return strike


KINDS = {
    "panic": Kind("{node}'s kernel panics", _verb("crash"), stops=True, boots=True),
    "reset": Kind("{node} is reset", _verb("reset"), stops=True, boots=True),
    "power": Kind("{node} loses its power", _verb("power-cut"), stops=True,
                  boots=True),
    "pause": Kind("{node} stands still", _verb("pause"), stops=True),
    "cut": Kind("{node} and {peer} are cut off from each other", _cut, pair=True),
    "one-way": Kind("{node} cannot send to {peer}", _cut_one_way, pair=True),
    "isolate": Kind("{node} is cut off from both others", _isolate),
    "mute": Kind("{node} cannot send to the others", _mute),
    "deaf": Kind("{node} cannot hear the others", _deafen),
    "network": Kind("{node}'s first network is silent", _network),
    "flap": Kind(f"{{node}} and {{peer}} lose each other {FLAPS} times", _flap,
                 pair=True),
    "kill": Kind("{node}'s harpd is killed", _harpd("KILL"), asks=True),
    "freeze": Kind("{node}'s harpd is frozen", _harpd("STOP"), asks=True),
    # It may do so much later, or never; a kernel that has just booted has none armed.
    "point": Kind("{node}'s kernel panics where {peer} is reached", _point,
                  stops=True, boots=True, asks=True),
}


def every() -> list[Fault]:
    """Each kind at each place."""
    places = [Fault(name, node, peer) for name, kind in KINDS.items() if name != "point"
              for node in MEMBERS
              for peer in (others(node) if kind.pair else ("",))
              if name not in ("cut", "flap") or node < peer]
    return places + [Fault("point", node, name) for node in points.SLOTS
                     for name in points.KERNEL]


def possible_after(first: Fault, second: Fault) -> bool:
    """Can @second happen while @first lasts, and does the group promise anything
    then? Two members that lose their memory at once are more than it survives (I1)."""
    if first == second or first.kind == second.kind == "power":
        return False
    gone = KINDS[first.kind].stops and first.node == second.node
    return not (gone and (KINDS[second.kind].stops or KINDS[second.kind].asks))


def pairs(rng: random.Random, count: int) -> list[tuple[Fault, Fault]]:
    """So many pairs in random order; kinds come about equally often, whatever the
    number of places."""
    names = [(one, two) for one in KINDS for two in KINDS]
    out: list[tuple[Fault, Fault]] = []
    while len(out) < count:
        rng.shuffle(names)
        for one, two in names:
            able = [(first, second) for first in every() if first.kind == one
                    for second in every() if second.kind == two
                    and possible_after(first, second)]
            if able:
                out.append(rng.choice(able))
    return out[:count]


class Trouble:
    """What is wrong at the moment."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self.lab = group.lab
        self.faults: list[Fault] = []
        self.armed: list[points.Armed] = []

    def strike(self, fault: Fault) -> None:
        self.faults.append(fault)
        struck = KINDS[fault.kind].strike(self.lab, fault)
        if isinstance(struck, points.Armed):
            self.armed.append(struck)

    def mend(self) -> None:
        """The networks carry again, and every machine runs."""
        self.lab.call("heal")
        for fault in self.faults:
            if fault.kind == "pause":
                self.lab.call("resume", fault.node)
            if fault.kind == "power":
                self.lab.call("power-on", fault.node)
        survivors = [armed.node for armed in self.armed if armed.disarm()]
        for fault in self.faults:
            if KINDS[fault.kind].boots and not (fault.kind == "point" and
                                                fault.node in survivors):
                self.boots_again(fault.node)
        self.faults.clear()
        self.armed.clear()

    def boots_again(self, node: str) -> None:
        self.lab.wait_booted(node)
        self.group.begin_harpd(node)


def pass_time(seconds: float) -> None:
    """A schedule's own: nothing is waited for."""
    time.sleep(seconds)
