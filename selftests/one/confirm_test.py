#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""lease=confirm: a clock that was stopped does not show it, so the backup has the word.

The lease runs all the while here, and long: what is not answered waits for an ACK.
"""
from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Any, Callable

sys.dont_write_bytecode = True

from lone import Lone, serving
from one import parked, run_asked

LONG_MS = 10000
READERS = 8


def refused(mnt: Path) -> None:
    try:
        os.mkdir(mnt / "x")
    except FileExistsError:
        return
    raise AssertionError("made twice")


OPERATIONS: dict[str, Callable[[Path], object]] = {
    "stat": lambda mnt: os.stat(mnt / "x"),
    "statfs": os.statvfs,
    "read": lambda mnt: (mnt / "x").read_bytes(),
    "list": os.listdir,
    "a name that is not there": lambda mnt: os.path.exists(mnt / "y"),
    "the same, cached": lambda mnt: os.path.exists(mnt / "y"),
    "a refusal": refused,
    "xattrs": lambda mnt: os.listxattr(mnt / "x"),
}


def waits(what: str, reader: threading.Thread) -> None:
    try:
        parked(reader)
    except AssertionError as error:
        raise AssertionError(f"{what}: {error}") from error


def each_answer_is_confirmed() -> None:
    with Lone(promise=LONG_MS, more=",lease=confirm") as lone:
        backup = serving(lone)
        mnt = lone.member.mnt
        (mnt / "x").write_bytes(b"x")
        for name, operation in OPERATIONS.items():
            backup.acking = False
            before = backup.recs[-1]
            done: list[object] = []
            reader = threading.Thread(target=lambda: done.append(operation(mnt) or name))
            reader.start()
            waits(name, reader)
            backup.ack(before)
            waits(f"{name}, after an ACK of what was sent before it came", reader)
            assert lone.state()["lease_left_ms"] > 0
            backup.acking = True
            backup.ack(backup.recs[-1])
            reader.join(10)
            assert done, f"{name}: not answered"
        backup.stop()


def one_round_trip_is_for_all() -> str:
    with Lone(promise=LONG_MS, more=",lease=confirm") as lone:
        backup = serving(lone)
        mnt = lone.member.mnt
        os.statvfs(mnt)
        backup.acking = False
        readers = [threading.Thread(target=os.statvfs, args=(mnt,)) for _ in range(READERS)]
        before = len(backup.recs)
        for reader in readers:
            reader.start()
        parked(*readers)
        sent = len(backup.recs) - before
        assert 0 < sent < READERS / 2, f"{sent} messages for {READERS} answers"
        backup.acking = True
        backup.ack(backup.recs[-1])
        for reader in readers:
            reader.join(10)
            assert not reader.is_alive()
        backup.stop()
        return f"{sent} messages before the first ACK, for {READERS} answers"


def a_released_one_ends() -> None:
    """G3: also who waits for an ACK that never comes."""
    with Lone(promise=LONG_MS, more=",lease=confirm") as lone:
        backup = serving(lone)
        (lone.member.mnt / "x").write_bytes(b"x")
        fd = os.open(lone.member.mnt / "x", os.O_RDONLY)
        backup.acking = False
        ended: list[Any] = []

        def ask() -> None:
            try:
                ended.append(os.pread(fd, 1, 0))
            except OSError as error:
                ended.append(error)
        reader = threading.Thread(target=ask)
        reader.start()
        parked(reader)
        lone.harp.verb("leave", "dp", 0)
        lone.harp.verb("release", "dp", 0)
        reader.join(10)
        os.close(fd)
        assert ended and isinstance(ended[0], OSError), ended
        backup.stop()


def by_time_none_is() -> None:
    with Lone(promise=LONG_MS) as lone:
        backup = serving(lone)
        (lone.member.mnt / "x").write_bytes(b"x")
        backup.acking = False
        for operation in OPERATIONS.values():
            operation(lone.member.mnt)
        backup.stop()


TESTS: list[tuple[str, Callable[[], Any]]] = [
    ("confirm: each answer waits for an ACK of what was sent after it came",
     each_answer_is_confirmed),
    ("confirm: one round trip is for all who wait", one_round_trip_is_for_all),
    ("confirm: who is released waits no longer", a_released_one_ends),
    ("time: the lease is enough", by_time_none_is),
]


if __name__ == "__main__":
    sys.exit(run_asked(TESTS))
