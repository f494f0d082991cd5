#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""lease=confirm: a clock that was stopped does not show it, so the backup has the word.

The lease runs all the while here, and long: what is not answered waits for an ACK.
"""
from __future__ import annotations

import errno
import os
import sys
import threading
from pathlib import Path
from typing import Any, Callable

sys.dont_write_bytecode = True

from lone import Lone, counter, serving
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


def waits_of(operation: Callable[[], object], error: int = 0) -> int:
    """How often it waits for the backup's word until it ends as it should."""
    before = counter("wait_confirm")
    try:
        operation()
        number = 0
    except OSError as refusal:
        number = refusal.errno or 0
    assert number == error, (operation, os.strerror(number))
    return counter("wait_confirm") - before


def what_harp_refuses_is_confirmed() -> None:
    """Beside what the VFS asks on its way there, which is as much where it refuses itself."""
    with Lone(promise=LONG_MS, more=",lease=confirm") as lone:
        backup = serving(lone)
        mnt = lone.member.mnt
        (mnt / "full/x").mkdir(parents=True)
        (mnt / "empty").mkdir()
        (mnt / "file").write_bytes(b"x")
        here = os.open(mnt, os.O_RDONLY)
        file = os.open(mnt / "file", os.O_RDONLY)
        os.setxattr(file, "trusted.x", b"1")

        def rename(old: str) -> Callable[[], None]:
            return lambda: os.rename(old, "full", src_dir_fd=here, dst_dir_fd=here)

        for what, by_harp, by_vfs in (
                ("rmdir", waits_of(lambda: os.rmdir("full", dir_fd=here), errno.ENOTEMPTY),
                 waits_of(lambda: os.unlink("full", dir_fd=here), errno.EISDIR)),
                ("rename", waits_of(rename("empty"), errno.ENOTEMPTY),
                 waits_of(rename("file"), errno.EISDIR)),
                ("a new xattr that is there", waits_of(
                    lambda: os.setxattr(file, "trusted.x", b"2", os.XATTR_CREATE),
                    errno.EEXIST), 0),
                ("an xattr to be changed that is not there", waits_of(
                    lambda: os.setxattr(file, "trusted.y", b"2", os.XATTR_REPLACE),
                    errno.ENODATA), 0),
                ("an xattr to be removed", waits_of(
                    lambda: os.removexattr(file, "trusted.y"), errno.ENODATA), 0),
                ("xattrs that are too many", waits_of(
                    lambda: os.setxattr(file, "trusted.y", bytes(4096)), errno.ENOSPC), 0)):
            assert by_harp == by_vfs + 1, (what, by_harp, by_vfs)
        # What is logged is confirmed by that.
        assert waits_of(lambda: os.setxattr(file, "trusted.x", b"2")) == 0
        os.close(file)
        os.close(here)
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
    ("confirm: what harp refuses waits for it as well", what_harp_refuses_is_confirmed),
    ("confirm: one round trip is for all who wait", one_round_trip_is_for_all),
    ("confirm: who is released waits no longer", a_released_one_ends),
    ("time: the lease is enough", by_time_none_is),
]


if __name__ == "__main__":
    sys.exit(run_asked(TESTS))
