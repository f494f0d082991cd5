#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Two replicas of a group whose roles and lives change, and what is held across that."""
from __future__ import annotations

import contextlib
import ctypes
import errno
import functools
import os
import re
import struct
import sys
from pathlib import Path
from typing import Any, Callable

from one import BASE, Rig, libc, mount, run, run_asked, same_copies

import harpnl
from dataplane_test import Tap
from handles_test import by_handle, to_handle

AT_FDCWD, RENAME_EXCHANGE = -100, 2
SYS_GETDENTS64 = 217


def switch(rig: Rig, to: int) -> None:
    """The primary leaves, and the other one takes over from it."""
    rig.settle()
    rig.harp.verb("leave", rig.group, 1 - to)
    rig.harp.verb("release", rig.group, 1 - to)
    view = rig.harp.get(rig.group, 1 - to)["fence"] // 4 * 4 + 4 + to
    # LEAVE frees the promise when it has come; until then the fence is refused.
    rig.harp.wait(rig.group, to, lambda _: rig.harp.fence(rig.group, to, view, to)["result"])
    harpnl.form_view(rig.harp, rig.group, to, 1 - to, promise_ms=rig.promise, gate="gate0")


def exchange(one: Path, folder: int, two: str) -> None:
    libc("renameat2", AT_FDCWD, str(one).encode(), folder, two.encode(), RENAME_EXCHANGE)


def moved_elsewhere() -> None:
    """A directory held since an earlier generation is not where its dentry says."""
    with Rig() as rig, contextlib.ExitStack() as held:
        here, there = rig.p.mnt, rig.b.mnt
        for name in ("a", "b", "c"):
            (here / name).mkdir()
        for name in ("a", "b"):
            held.callback(os.close, fd := os.open(here / name, os.O_RDONLY))
        switch(rig, 1)
        os.rename(there / "b", there / "a/b")
        switch(rig, 0)
        # In the dentries, b is still beside a; the VFS sees no loop.
        os.mkdir("c", dir_fd=fd)
        moves: dict[str, Callable[[], Any]] = {
            "a directory": lambda: os.rename(here / "a", "a", dst_dir_fd=fd),
            "an exchange": lambda: exchange(here / "a", fd, "c"),
        }
        for title, move in moves.items():
            try:
                move()
            except OSError as error:
                assert error.errno == errno.EINVAL, f"{title}: {error}"
            else:
                raise AssertionError(f"{title} was moved into itself")
        os.rename(here / "c", "d", dst_dir_fd=fd)
        assert sorted(os.listdir(here / "a/b")) == ["c", "d"]
        same_copies(rig)


def moved_elsewhere_by_handle(kind: str) -> None:
    """A handle leads past all names: what was cached of an earlier generation is gone."""
    with Rig(kind) as rig:
        here, there = rig.p.mnt, rig.b.mnt
        (here / "a/d").mkdir(parents=True)
        (here / "a/file").write_bytes(b"x")
        top, d = here.stat().st_ino, to_handle(here / "a/d")
        switch(rig, 1)
        os.rename(there / "a/d", there / "d")
        os.rename(there / "a", there / "d/a")
        switch(rig, 0)
        fd = by_handle(here, d)
        try:
            assert os.stat("..", dir_fd=fd).st_ino == top, "'..' leads to the parent of before"
            assert os.listdir(fd) == ["a"]
            # A parent of before, now below: no loop.
            assert os.stat("a/file", dir_fd=fd).st_size == 1
            os.rename(here / "d/a/file", "file", dst_dir_fd=fd)
        finally:
            os.close(fd)
        assert sorted(os.listdir(here / "d")) == ["a", "file"]
        same_copies(rig)


def some_names(folder: int, size: int) -> tuple[list[str], int]:
    """What one getdents64() gives, and the cookie to go on from."""
    names, cookie, at = [], 0, 0
    buffer = ctypes.create_string_buffer(size)
    found = libc("syscall", SYS_GETDENTS64, folder, buffer, size)
    while at < found:
        _, cookie, length, _ = struct.unpack_from("<QqHB", buffer, at)
        names.append(buffer.raw[at + 19:at + length].split(b"\0", 1)[0].decode())
        at += length
    return names, cookie


def all_names(folder: Path, cookie: int = 0) -> list[str]:
    fd = os.open(folder, os.O_RDONLY)
    os.lseek(fd, cookie, os.SEEK_SET)
    names = []
    while found := some_names(fd, 4096)[0]:
        names += found
    os.close(fd)
    return names


def cookies_of_either(kind: str) -> str:
    """I7: a reader goes on at the other copy where it was at this one."""
    with Rig(kind) as rig:
        (folder := rig.p.mnt / "many").mkdir()
        for n in range(150):
            (folder / f"name{n}").touch()
        before = all_names(folder)
        parts = []
        fd = os.open(folder, os.O_RDONLY)
        while (part := some_names(fd, 700))[0]:
            parts.append(part)
        os.close(fd)
        switch(rig, 1)
        there = rig.b.mnt / "many"
        assert all_names(there) == before and len(before) == 152
        seen: list[str] = []
        for names, cookie in parts:
            seen += names
            assert seen + all_names(there, cookie) == before, f"after {len(seen)} names"
    return f"{len(parts)} cookies"


class Large(Rig):
    """So much room on both lowers that only inodes are short: sparse files."""

    def __init__(self) -> None:
        super().__init__(small=True)
        BASE.mkdir(parents=True, exist_ok=True)
        for member in self.members:
            file = BASE / f"large{member.slot}"
            file.touch()
            os.truncate(file, 3 << 30)
            member.disk = run("losetup", "--find", "--show", file).stdout.strip()

    def __exit__(self, *args: object) -> None:
        super().__exit__(*args)
        for member in self.members:
            run("losetup", "--detach", member.disk)
            (BASE / f"large{member.slot}").unlink()


def told_inodes_are_as_of_its_ap() -> str:
    """As dataplane_test has it for bytes, when of those there are plenty."""
    count = 150
    with Large() as rig:
        rig.settle()
        tap = Tap(rig)
        top = rig.harp.get(rig.group, 0)["top"]
        said = tap.applied(top)
        free = said["free_inodes"]
        assert said["free_bytes"] > 1 << 30, said
        for n in range(count):
            os.mknod(rig.p.mnt / f"inode{n}")
        rig.settle()
        rig.harp.wait(rig.group, 0, lambda s: s["peer_ap"] == top + count)
        told = {a["ap"]: a["free_inodes"] for a in tap.acks if a["ap"] > top}
        for ap, left in told.items():
            assert left <= free - (ap - top), f"{left} of {free} told with {ap - top} made"
        tap.stop()
    return f"{len(told)} application points told"


class Trace:
    """Events of the harp system: (name, member, fields), in the order they happened."""
    ROOT = Path("/sys/kernel/tracing")
    LINE = re.compile(r" harp_(\w+): \S+/(\d) (.*)")

    def __enter__(self) -> Trace:
        if not (self.ROOT / "trace").exists():
            mount("tracefs", self.ROOT, "tracefs")
        (self.ROOT / "trace").write_text("")
        (self.ROOT / "events/harp/enable").write_text("1")
        return self

    def __exit__(self, *_: object) -> None:
        (self.ROOT / "events/harp/enable").write_text("0")

    def events(self) -> list[tuple[str, int, dict[str, int]]]:
        found = self.LINE.findall((self.ROOT / "trace").read_text())
        return [(name, int(member), {key: int(value) for key, _, value in
                                     (word.partition("=") for word in fields.split())})
                for name, member, fields in found]


def traced() -> str:
    """A record's way, as the tracepoints tell it."""
    with Rig() as rig:
        h, g = rig.harp, rig.group
        rig.settle()
        with Trace() as trace:
            before = h.get(g, 0)["top"]
            (rig.p.mnt / "x").write_bytes(b"x" * 5000)
            rig.settle()
            top = h.get(g, 0)["top"]
            for member in (1, 0):
                h.verb("sync", g, member)
            for member in (0, 1):
                h.wait(g, member, lambda s: s["base"] == top + 1)
            events = trace.events()

    def of(name: str, member: int, field: str = "index") -> list[int]:
        return [f[field] for n, m, f in events if (n, m) == (name, member)]

    def when(name: str, member: int, index: int) -> int:
        """The first event that says that much."""
        return next(at for at, (n, m, f) in enumerate(events)
                    if (n, m) == (name, member) and f["index"] >= index)

    new = list(range(before + 1, top + 1))
    assert of("append", 0) == new and len(new) >= 2, (of("append", 0), before, top)
    assert max(of("append", 0, "bytes")) > 5000
    sent = [i for n, m, f in events if (n, m) == ("send", 0)
            for i in range(f["after"] + 1, f["after"] + 1 + f["records"])]
    assert sent == new, sent
    for name, member in (("ack", 1), ("commit", 0), ("apply", 0), ("apply", 1), ("discard", 0),
                         ("discard", 1)):
        said = of(name, member)
        assert said == sorted(said) and said[-1] == top, f"{name} of {member}: {said}, not {top}"
    for index in new:
        way = [when("append", 0, index), when("ack", 1, index), when("commit", 0, index),
               when("apply", 0, index), when("apply", 1, index), when("discard", 0, index)]
        assert way == sorted(way), f"record {index}: {way}"
    return f"{len(events)} events"


TESTS: list[tuple[str, Callable[[], Any]]] = [
    ("switchover: no directory is moved into itself", moved_elsewhere),
    *((f"{kind}: switchover: a handle leads to where a directory is",
       functools.partial(moved_elsewhere_by_handle, kind)) for kind in ("ext4", "xfs")),
    *((f"{kind}: a directory's cookies are those of the other copy",
       functools.partial(cookies_of_either, kind)) for kind in ("ext4", "xfs")),
    ("space: the inodes a backup tells are as of the AP it tells", told_inodes_are_as_of_its_ap),
    ("trace: the way of a record", traced),
]


if __name__ == "__main__":
    sys.exit(run_asked(TESTS))
