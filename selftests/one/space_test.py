#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""A lower that is full: refused before it is logged, whichever copy it is.

The lower of one member is filled from beside harp. The other has room, so what
refuses is the count of that one alone.
"""
from __future__ import annotations

import errno
import itertools
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from one import Ktap, Member, Rig, libc, same_copies

MIB = 1 << 20
ROOM = 12 * MIB         # what is left of the full lower
T = TypeVar("T")


def free_bytes(member: Member) -> int:
    st = os.statvfs(member.lower)
    return st.f_bavail * st.f_frsize


def told(rig: Rig, member: Member) -> int:
    """What the primary believes this member's lower can take."""
    state = rig.harp.get(rig.group, 0)
    return int(state["free_bytes" if member.slot == 0 else "peer_free_bytes"])


class Full:
    """Room bytes are left on the member's lower, and the primary knows."""

    def __init__(self, rig: Rig, member: Member, room: int = ROOM) -> None:
        self.rig, self.member, self.room = rig, member, room
        self.filler = member.lower / "filler"

    def __enter__(self) -> Full:
        fd = os.open(self.filler, os.O_CREAT | os.O_WRONLY)
        libc("posix_fallocate", fd, 0, free_bytes(self.member) - self.room)
        os.close(fd)
        self.wait(lambda free: free <= self.room)
        return self

    def __exit__(self, *_: object) -> None:
        self.filler.unlink()
        self.rig.harp.verb("sync", self.rig.group, self.member.slot)
        self.wait(lambda free: free > 4 * self.room)

    def wait(self, good: object) -> None:
        assert callable(good)
        self.rig.harp.wait(self.rig.group, 0, lambda _: good(told(self.rig, self.member)))


def reserves(rig: Rig) -> list[int]:
    return [os.stat(m.lower / ".harp/reserve").st_blocks * 512 for m in rig.members]


def whole(rig: Rig, before: list[int]) -> None:
    """Nobody had to fall back on the reserve, and nobody has given up."""
    assert reserves(rig) == before, f"reserves were {before}, are {reserves(rig)}"
    for member in rig.members:
        state = rig.harp.get(rig.group, member.slot)
        assert not state["media_failure"], state
    assert rig.harp.get(rig.group, 0)["serving"]


def refused(what: object) -> None:
    assert callable(what)
    try:
        what()
    except OSError as error:
        assert error.errno == errno.ENOSPC, error
        return
    raise AssertionError("it was done")


def until_full(rig: Rig, what: Iterable[T], make: Callable[[T], None]) -> int:
    """Until one is refused first thing after all was applied; how many were made.

    What is not applied yet is charged with more than it will take, so a refusal before that
    does not mean that the next one is refused, too.
    """
    made, since = 0, 1
    for item in what:
        try:
            make(item)
            made, since = made + 1, since + 1
        except OSError as error:
            assert error.errno == errno.ENOSPC, error
            if not since:
                return made
            since, top = 0, rig.harp.get(rig.group, 0)["top"]
            rig.harp.wait(rig.group, 0, lambda s, t=top: min(s["ap"], s["peer_ap"]) >= t)
    raise AssertionError(f"{made} were made, and nothing is full")


def data(rig: Rig, member: Member) -> str:
    before, block, size = reserves(rig), os.urandom(256 << 10), 0
    with Full(rig, member):
        fd = os.open(rig.p.mnt / "data", os.O_CREAT | os.O_RDWR)

        def write(_: object) -> None:
            nonlocal size
            size += os.pwrite(fd, block, size)
        until_full(rig, range(2 * ROOM // len(block)), write)
        left = free_bytes(member)
        assert size < ROOM, f"{size} bytes went where {ROOM} were free"
        assert left < ROOM // 4, f"refused with {left} bytes free"
        assert os.fstat(fd).st_size == size
        refused(lambda: os.pwrite(fd, block, size))
        # Nothing of what was refused is in the log, and what takes no room works.
        top = rig.harp.get(rig.group, 0)["top"]
        refused(lambda: os.pwrite(fd, block, size))
        assert rig.harp.get(rig.group, 0)["top"] == top, "a refused write was logged"
        os.fchmod(fd, 0o600)
        os.close(fd)
        rig.settle()
        whole(rig, before)
        os.truncate(rig.p.mnt / "data", 1)
        os.unlink(rig.p.mnt / "data")
        # Freed blocks count when the lower's journal has let them go.
        rig.settle()
        rig.harp.verb("sync", rig.group, member.slot)
        rig.harp.wait(rig.group, 0, lambda _: told(rig, member) > ROOM * 3 // 4)
        (rig.p.mnt / "again").write_bytes(block * 4)
    same_copies(rig)
    return f"{size >> 10} KiB written, {left >> 10} KiB left"


def names(rig: Rig, member: Member) -> str:
    """What is no data takes blocks as well."""
    before, folder = reserves(rig), rig.p.mnt / f"names{member.slot}"
    with Full(rig, member, room=2 * MIB):
        folder.mkdir()
        made = until_full(rig, (f"{n:0100}" for n in range(1500)),
                          lambda name: os.symlink("x" * 900, folder / name))
        assert 100 < made < 1499, made
        refused(lambda: (folder / "directory").mkdir())
        rig.settle()
        whole(rig, before)
        for path in list(folder.iterdir()):
            path.unlink()
        whole(rig, before)
    same_copies(rig)
    return f"{made} symbolic links made"


def inodes(rig: Rig, member: Member) -> str:
    """ext4 has only so many; some are kept for what is committed."""
    before, eaten = reserves(rig), member.lower / "eaten"
    eaten.mkdir()
    room = 160
    for n in range(os.statvfs(member.lower).f_favail - room):
        os.mknod(eaten / str(n))
    rig.harp.verb("sync", rig.group, member.slot)
    # The primary hears of it with the next beat.
    rig.harp.wait(rig.group, 0, lambda _: os.statvfs(rig.p.mnt).f_favail <= room)
    made = 0
    try:
        for made in range(2 * room):
            (rig.p.mnt / f"inode{made}").touch()
    except OSError as error:
        assert error.errno == errno.ENOSPC, error
    assert room // 4 <= made < room - 16, made
    (rig.p.mnt / "inode0").write_bytes(b"room for data there is")
    rig.settle()
    whole(rig, before)
    for n in range(made):
        (rig.p.mnt / f"inode{n}").unlink()
    rig.harp.wait(rig.group, 0, lambda _: not refuses(rig), 30)
    for path in eaten.iterdir():
        path.unlink()
    eaten.rmdir()
    same_copies(rig)
    return f"{made} of {room} inodes"


def longest(n: int) -> str:
    return f"{n:08}".ljust(255, "n")


def crowd(place: Path, size: int) -> int:
    """Names beside harp, so not its own, until the directory has a size; how many."""
    (first := place / "first").touch()
    for n in itertools.count():
        os.link(first, place / longest(n))
        if os.stat(place).st_size >= size:
            return n
    raise AssertionError("the numbers have ended")


def crowded(rig: Rig) -> str:
    """ext4's index of names ends before the disk does; the bound is far below its end."""
    folder, room = rig.p.mnt / "crowded", (rig.block // 16) ** 2 * rig.block
    folder.mkdir()
    (inside := folder / "inside").touch()
    (outside := rig.p.mnt / "outside").touch()
    (rig.p.mnt / "folder").mkdir()
    rig.settle()
    before, place = reserves(rig), rig.p.tree / folder.name
    names = crowd(place, room)
    for what in (lambda: (folder / "new").touch(), lambda: (folder / "dir").mkdir(),
                 lambda: os.symlink("x", folder / "symlink"),
                 lambda: os.link(inside, folder / "link"),
                 lambda: os.rename(outside, folder / "outside"),
                 lambda: os.rename(inside, folder / "longer"),
                 lambda: os.rename(rig.p.mnt / "folder", folder / "folder")):
        refused(what)
    # What takes no new name works, and other directories do not suffer.
    os.rename(outside, inside)
    inside.write_bytes(b"data")
    (rig.p.mnt / "folder" / "new").touch()
    inside.unlink()
    whole(rig, before)
    return f"{names} names, {os.stat(place).st_size >> 10} KiB"


def refuses(rig: Rig) -> bool:
    try:
        (rig.p.mnt / "back").touch()
    except OSError as error:
        assert error.errno == errno.ENOSPC, error
        return True
    return False


def main() -> int:
    kinds = sys.argv[1:] or ["ext4", "xfs"]
    t = Ktap(len(kinds) * 4 + ("ext4" in kinds) * 3)
    if "ext4" in kinds:
        with Rig("ext4", block=1024) as rig:
            t.run("ext4: a directory at its bound", lambda: crowded(rig))
    for kind in kinds:
        with Rig(kind, small=True) as rig:
            tests = [("data", data), ("symbolic links", names)]
            if kind == "ext4":
                tests.append(("inodes", inodes))    # XFS does not run out of them
            for title, test in tests:
                for member, who in ((rig.p, "primary"), (rig.b, "backup")):
                    t.run(f"{kind}: {title}: the {who}'s lower is full",
                          lambda x=test, m=member: x(rig, m))
    return t.end()


if __name__ == "__main__":
    sys.exit(main())
