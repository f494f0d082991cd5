#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Fault points: each is reached by what it is named for, and the file refuses what it cannot
do. That the machine panics there is not seen here: the test would not outlive it."""
from __future__ import annotations

import errno
import sys
from pathlib import Path

from one import Rig, run_asked
from feed_test import Away, Feeder, reborn, work
from sealed import Sealed, load

import points as walked

PRIMARY, BACKUP, VIEW = set(walked.PRIMARY), set(walked.BACKUP), {*walked.VIEW, "serving"}


def file_of(slot: int, group: str = "one") -> Path:
    return Path(f"/sys/kernel/debug/harp/{group}-{slot}/fault")


def points(slot: int) -> dict[str, tuple[str, int]]:
    """What each is set to, and how often it was reached."""
    found = {}
    for line in file_of(slot).read_text().splitlines():
        name, rest = line.split(" ", 1)
        what, reached = rest.split(" reached ")
        found[name] = (what, int(reached))
    return found


def count_all(slot: int) -> None:
    for name in points(slot):
        file_of(slot).write_text(f"{name} count\n")


def reached(slot: int) -> set[str]:
    return {name for name, (_, times) in points(slot).items() if times}


def each_is_reached() -> str:
    with Rig() as rig:
        for slot in (0, 1):
            assert not reached(slot), "counted, and nobody had asked for it"
            count_all(slot)
        rig.harp.verb("sync", rig.group, 1)
        (rig.p.mnt / "x").write_bytes(b"x")
        rig.settle()
        for slot in (1, 0):
            rig.harp.verb("sync", rig.group, slot)
        top = rig.harp.get(rig.group, 0)["top"]
        for slot in (0, 1):
            rig.harp.wait(rig.group, slot, lambda s: s["base"] > top)
        assert (reached(0), reached(1)) == (PRIMARY, BACKUP), (reached(0), reached(1))
        all_of_them = set(points(0))
        away = Away(rig)
        assert reached(0) == PRIMARY | VIEW, reached(0)
        assert reached(1) == BACKUP | {"fenced"}, reached(1)
        log = Sealed.of(rig.harp, rig.group, 1)
        lb = reborn(away)
        assert not reached(1), "a new life begins with what the last one had armed"
        count_all(1)
        load(rig.harp, rig.group, 1, log.image())
        assert reached(1) == {"loaded"}, reached(1)
        top = work(away, 1)
        away.feed(lb)
        feeder = Feeder(away)
        feeder.give(top, top, top)
        feeder.close()
        here = reached(1)
        assert here >= {"fed", "stored", "acked", "redo", "applying", "applied"}, here
        missing = all_of_them - reached(0) - here
        assert not missing, f"never reached: {missing}"
        away.back(primary=0)
    return f"{len(all_of_them)} points"


def bad_commands_change_nothing() -> None:
    with Rig() as rig:
        file_of(0).write_text("sent panic 1000000\n")
        file_of(0).write_text("acked count")
        before = points(0)
        assert (before["sent"][0], before["acked"][0]) == ("panic 1000000", "count"), before
        for command in ("", "\n", " ", "sent", "sent panic 0", "sent panic -1", "sent panic x",
                        "sent panic 2147483648", "sent panic 1 1", "sent count 1", "sent off 1",
                        "sent  off", "sent stop", "sen off", "sentt off", "Sent off",
                        "off", "sent off" + " " * 64):
            try:
                file_of(0).write_text(command)
            except OSError as error:
                assert error.errno == errno.EINVAL, f"{command!r}: {error}"
            else:
                assert not command, f"{command!r} was taken"
        assert points(0) == before, points(0)
        (rig.p.mnt / "x").touch()
        what, times = points(0)["sent"]
        assert times and what == f"panic {1000000 - times}", (what, times)
        file_of(0).write_text("sent off")
        (rig.p.mnt / "y").touch()
        assert points(0)["sent"] == ("off", times), points(0)


if __name__ == "__main__":
    sys.exit(run_asked([("each fault point is reached", each_is_reached),
                        ("bad commands change nothing", bad_commands_change_nothing)]))
