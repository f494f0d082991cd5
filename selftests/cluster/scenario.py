# SPDX-License-Identifier: GPL-2.0
"""What a cluster test is made of: machines, a group on them under a load that
checks every answer, and what is asked of both when it is over."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable
from typing import Any

import checks
from harness import (MOUNT, Client, Group, Lab, LabFailed, Settings,
                     progress)

WARM_UP = 200           # operations before something fails
AFTERWARDS = 200        # and after the others have gone on without it
LOAD_SECONDS = 400      # the end of a load that nobody ends
LOAD_THREADS = 3
MORE_SECONDS = 2        # a load after all that is to be seen was seen
# An upper bound that means something under emulation, where all five machines
# share two processors; the demo has the bar of 8 s.
OUTAGE_LIMIT_MS = 20000
# Whoever waits for file servers to boot and come back waits for long under it.
BOOTS_LIMIT_MS = 180000
WHOLE_S = 240           # T_stable, a return, another view
# Where no view changes, nothing of the service stops.
QUIET_LIMIT_MS = 4000
# What half of several takeovers must stay below: the demo's bar.
MEDIAN_LIMIT_MS = 8000


@dataclasses.dataclass
class Machines:
    """They outlive a good test; so does a group that a test left whole."""
    lab: Lab
    left: Group | None = None


@dataclasses.dataclass
class Kind:
    """One test and what its repetitions measured."""
    machines: Machines
    leaves: bool = False        # the next test takes this one's group
    outages: list[int] = dataclasses.field(default_factory=list)
    repeated: int = 0
    operations: int = 0

    def summary(self) -> str:
        least, most = min(self.outages), max(self.outages)
        middle = statistics.median(self.outages)
        outages = f"outage {most} ms" if len(self.outages) == 1 else \
            f"outage min {least} ms, median {middle:.0f} ms, max {most} ms"
        return f"runs {len(self.outages)}, {outages}, {self.repeated} repeated"


class Scenario:
    """A group under load, fresh unless the test shares one, and what every test
    asks at the end."""

    def __init__(self, kind: Kind, settings: Settings | None = None,
                 first: Callable[[Group], None] | None = None,
                 limit_ms: int = OUTAGE_LIMIT_MS,
                 load_seconds: int = LOAD_SECONDS) -> None:
        self.kind = kind
        self.limit_ms = limit_ms
        self.load_seconds = load_seconds
        self.lab = kind.machines.lab
        self.settings = settings
        self.first = first      # before a group is made
        self.result: dict[str, Any] = {}

    def __enter__(self) -> Scenario:
        try:
            self.begin()
        except BaseException:
            self.give_up()
            raise
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind:
            self.give_up()

    def begin(self) -> None:
        left, self.kind.machines.left = self.kind.machines.left, None
        self.group = left or self.fresh()
        self.view = self.group.wait_serving("a")
        checks.every_network_heard(self.group)
        if not left:
            self.group.mount()
        progress("the group serves")
        self.client = self.load(self.load_seconds, Client.RECORD)
        self.client.wait_operations(WARM_UP)
        # Records as large as the server takes are among those that a witness is
        # given that is to stand in.
        self.lab.run("c", f"dd if=/dev/urandom of={MOUNT}/large bs=1M count=4 "
                     "conv=fsync status=none", timeout=120)
        progress("now it fails")

    def fresh(self) -> Group:
        if not self.lab.is_up():
            self.lab.up()
        self.group = Group(self.lab, self.settings)
        self.group.prepare()
        if self.first:
            self.first(self.group)
        self.group.make()
        return self.group

    def load(self, seconds: int, record: str) -> Client:
        return Client(self.lab, f"load {MOUNT} --seconds {seconds} "
                      f"--threads {LOAD_THREADS} --record {record}")

    def give_up(self) -> None:
        """What the members say; the next test gets other machines."""
        for line in self.lab.tell().splitlines():
            print(f"# {line}")
        self.lab.down()

    def taken_over(self) -> int:
        """b serves in a later view."""
        return self.group.wait_serving("b", above=self.view)

    def is_whole(self) -> bool:
        """As it was made: a serves, b is its backup."""
        return bool(self.group.serving("a")) and \
            self.group.status("b").get("state") == "backup"

    def server(self) -> tuple[str, int]:
        """Who serves, and in which view."""
        for node in "ab":
            if view := self.group.serving(node):
                return node, view
        raise LabFailed("nobody serves at the end")

    def rest(self) -> None:
        """The others have gone on for long enough; what is still to come, a boot
        as a rule, gets the processors. finish() puts a client to work again."""
        self.client.wait_operations(self.client.operations() + AFTERWARDS)
        self.client.stop()
        self.result = self.client.result()
        progress(f"{self.result['operations']} operations")

    def boots_again(self, node: str) -> None:
        """What failed comes back, with the same disks, and harpd starts."""
        self.lab.wait_booted(node)
        self.group.begin_harpd(node)
        progress(f"{node} is back")

    def finish(self) -> str:
        """The client's verdict, the outage it saw, and the group's end."""
        said = self.verdict()
        self.delete()
        return said

    def finish_whole(self) -> str:
        """The same where a and b hold the whole share: they must hold the same.
        The next test may take the group over, and ask that at its end."""
        said = self.verdict()
        if self.kind.leaves:
            self.kind.machines.left = self.group
            return said
        self.group.wait_settled()
        self.delete()
        return f"{said}; {self.group.copies_equal()}"

    def delete(self) -> None:
        self.group.delete()
        progress("the group is deleted")

    def verdict(self) -> str:
        if not self.result:
            self.rest()
        result = self.result
        gap = result["worst_gap_ms"]
        self.kind.outages.append(gap)
        if gap > self.limit_ms:
            raise LabFailed(f"the client waited {gap} ms")
        server, view = self.server()
        repeated = result["repeated"]
        self.kind.repeated += repeated
        self.kind.operations += result["operations"]
        # One request of each thread can be under way when a server goes; one
        # that stays answers a repetition as it did the first time. Each view has
        # a round of its own, in steps of four (protocol.rst, V2).
        rounds = view // 4 - self.view // 4
        if repeated > LOAD_THREADS * rounds:
            raise LabFailed(f"{repeated} requests were answered as if they had "
                            f"been carried out before, from view {self.view} "
                            f"to {view}")
        said = (f"outage {gap} ms, {result['operations']} operations checked, "
                f"{repeated} repeated")
        try:
            self.load(MORE_SECONDS, "/dev/null").result()
            kept = checks.all_kept(self.group, server)
        except LabFailed as error:
            raise LabFailed(f"{error} ({said})") from error
        progress("all is there")
        return f"{said}, {kept} rounds found again, 0 wrong"
