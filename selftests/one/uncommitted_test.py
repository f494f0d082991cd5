#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""I6: what is not committed is not read.

One replica, whose partner is played here. While a modification waits for its ACK, whatever
would show it is asked for through the mount. Attributes, content and names that the dcache
holds are answered at once, from the committed state. Who must look into a directory, or
wants a file that is being made or removed, waits with the modification and sees it then.

Who asks nfsd for a change is told what was right before it, be that committed or not.

Words: of the tests' names."""
from __future__ import annotations

import contextlib
import mmap
import os
import socket
import struct
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

from one import BASE, Ktap, asked, libc, parked, task_state, umount
from handles_test import AT_FDCWD, Handle, by_handle, to_handle
from lone import Backup, Lone, serving
from nfs_test import CLIENT, Server
from subject import ACCESS, EXCHANGE, NAMED

LIMIT = 60
Probe = Callable[[], Any]


@dataclass
class Case:
    """A modification, and what shows it: answered at once, or with the modification."""
    change: Callable[[], Any]
    at_once: dict[str, Probe]
    later: dict[str, Probe] = field(default_factory=dict)

    def answers(self) -> dict[str, Any]:
        return {name: outcome(probe) for name, probe in (self.at_once | self.later).items()}


Setup = Callable[[Path, contextlib.ExitStack], Case]


def outcome(probe: Probe) -> Any:
    try:
        return probe()
    except OSError as error:
        return os.strerror(error.errno or 0)


class Asker(threading.Thread):
    """Asks in a thread of its own, because the answer may have to wait."""

    def __init__(self, probe: Probe) -> None:
        super().__init__(daemon=True)
        self.probe = probe
        self.answers: list[Any] = []
        self.start()

    def run(self) -> None:
        self.answers.append(outcome(self.probe))

    def answer(self) -> Any:
        self.join(LIMIT)
        assert self.answers, f"no answer, in state {task_state(self)}"
        return self.answers[0]

    def waits(self) -> None:
        """Until it sleeps as who waits for a lock of the VFS does, or has an answer."""
        end = time.monotonic() + LIMIT
        while not self.answers and task_state(self) != "D":
            assert time.monotonic() < end, f"in state {task_state(self)}"
            time.sleep(0.01)


def unseen(lone: Lone, backup: Backup, folder: Path, setup: Setup) -> str:
    folder.mkdir()
    with contextlib.ExitStack() as held:
        case = setup(folder, held)
        before = case.answers()
        with backup.withholding():
            change = Asker(case.change)
            parked(change)
            later = {name: Asker(probe) for name, probe in case.later.items()}
            for asker in later.values():
                asker.waits()
            meanwhile = {name: Asker(probe).answer() for name, probe in case.at_once.items()}
            state = lone.state()
            assert state["cp"] < state["top"] and not change.answers, state
            early = {name: asker.answers[0] for name, asker in later.items() if asker.answers}
            assert not early, f"did not wait: {early}"
        assert not isinstance(done := change.answer(), str), done
        waited = {name: asker.answer() for name, asker in later.items()}
        after = case.answers()
    for name, answer in meanwhile.items():
        assert answer == before[name], f"{name}: {answer}, not committed; {before[name]} was"
    for name, answer in waited.items():
        assert answer == after[name], f"{name}: {answer} to who waited, then {after[name]}"
    for name, answer in after.items():
        assert answer != before[name], f"{name} does not show the change: {answer}"
    return f"{len(meanwhile)} answered at once, {len(waited)} with it"


# -------------------------------------------------------------------- what shows it

def stat_of(what: Path | int) -> Probe:
    def ask() -> tuple[Any, ...]:
        st = os.stat(what) if isinstance(what, int) else os.lstat(what)
        return (st.st_ino, oct(st.st_mode), st.st_nlink, st.st_size, st.st_mtime_ns,
                st.st_ctime_ns)
    return ask


def content(path: Path) -> Probe:
    return path.read_bytes


def entries(folder: Path) -> Probe:
    return lambda: sorted((entry.name, entry.inode()) for entry in os.scandir(folder))


def end_of(fd: int) -> Probe:
    return lambda: os.lseek(fd, 0, os.SEEK_END)


def attribute(path: Path, name: str) -> Probe:
    return lambda: os.getxattr(path, name)


def inode_by(mnt: Path, handle: Handle) -> Probe:
    def ask() -> int:
        fd = by_handle(mnt, handle)
        try:
            return os.fstat(fd).st_ino
        finally:
            os.close(fd)
    return ask


def next_handle(path: Path) -> Handle:
    """Of what is made after @path, as a client may guess it."""
    kind, data = to_handle(path)
    magic, group, fid = struct.unpack("<IIQ", data)
    return kind, struct.pack("<IIQ", magic, group, fid + 1)


def place_by(mnt: Path, handle: Handle) -> Probe:
    """A directory has one dentry, and that one has its name and its parent."""
    def ask() -> tuple[str, int]:
        fd = by_handle(mnt, handle)
        try:
            return os.readlink(f"/proc/self/fd/{fd}"), os.stat("..", dir_fd=fd).st_ino
        finally:
            os.close(fd)
    return ask


# -------------------------------------------------------------------- modifications

def opened(path: Path, held: contextlib.ExitStack, flags: int) -> int:
    fd = os.open(path, flags)
    held.callback(os.close, fd)
    return fd


def file_in(folder: Path, name: str = "file") -> Path:
    path = folder / name
    path.write_bytes(name.encode() * 100)
    return path


def write(folder: Path, held: contextlib.ExitStack) -> Case:
    """Some bytes anew, and some beyond the end."""
    file = file_in(folder)
    fd, other = opened(file, held, os.O_RDWR), opened(file, held, os.O_RDONLY)
    mapped = held.enter_context(mmap.mmap(fd, 400, mmap.MAP_PRIVATE, mmap.PROT_READ))
    return Case(lambda: os.pwrite(fd, b"FILE" * 2, 396), {
        "stat": stat_of(file), "fstat": stat_of(other), "content": content(file),
        "pread": lambda: os.pread(other, 1000, 0), "mapping": lambda: mapped[:],
        "SEEK_END": end_of(other), "SEEK_HOLE": lambda: os.lseek(other, 0, os.SEEK_HOLE)})


def truncate(folder: Path, held: contextlib.ExitStack) -> Case:
    file = file_in(folder)
    fd = opened(file, held, os.O_RDONLY)
    return Case(lambda: os.truncate(file, 3), {
        "stat": stat_of(file), "content": content(file), "SEEK_END": end_of(fd)})


def chmod(folder: Path, held: contextlib.ExitStack) -> Case:
    """The mode, and with it the ACL."""
    file = file_in(folder)
    os.setxattr(file, ACCESS, NAMED)
    return Case(lambda: os.chmod(file, 0o710), {
        "stat": stat_of(file), "ACL": attribute(file, ACCESS)})


def set_acl(folder: Path, held: contextlib.ExitStack) -> Case:
    file = file_in(folder)
    return Case(lambda: os.setxattr(file, ACCESS, NAMED), {
        "stat": stat_of(file), "ACL": attribute(file, ACCESS)})


def set_attribute(folder: Path, held: contextlib.ExitStack) -> Case:
    file = file_in(folder)
    return Case(lambda: os.setxattr(file, "user.new", b"value"), {
        "stat": stat_of(file), "value": attribute(file, "user.new"),
        "list": lambda: os.listxattr(file)})


def create(folder: Path, held: contextlib.ExitStack) -> Case:
    new, handle = folder / "new", next_handle(file_in(folder))
    return Case(lambda: os.close(os.open(new, os.O_CREAT | os.O_EXCL)), {
        "stat": stat_of(new), "content": content(new), "folder": stat_of(folder)}, {
        "entries": entries(folder), "handle": inode_by(folder, handle)})


def mkdir(folder: Path, held: contextlib.ExitStack) -> Case:
    new, handle = folder / "new", next_handle(file_in(folder))
    return Case(new.mkdir, {"stat": stat_of(new), "folder": stat_of(folder)},
                {"entries": entries(folder), "place": place_by(folder, handle)})


def symlink(folder: Path, held: contextlib.ExitStack) -> Case:
    new = folder / "new"
    return Case(lambda: os.symlink("target", new), {
        "target": lambda: os.readlink(new), "folder": stat_of(folder)},
        {"entries": entries(folder)})


def link(folder: Path, held: contextlib.ExitStack) -> Case:
    file, new = file_in(folder), folder / "new"
    return Case(lambda: os.link(file, new), {
        "stat": stat_of(file), "new": stat_of(new), "folder": stat_of(folder)},
        {"entries": entries(folder)})


def unlink(folder: Path, held: contextlib.ExitStack) -> Case:
    """Of a file that nobody uses: the name is taken out of the dcache."""
    file = file_in(folder)
    return Case(lambda: os.unlink(file), {"folder": stat_of(folder)}, {
        "stat": stat_of(file), "content": content(file), "entries": entries(folder)})


def unlink_open(folder: Path, held: contextlib.ExitStack) -> Case:
    file = file_in(folder)
    fd = opened(file, held, os.O_RDONLY)
    return Case(lambda: os.unlink(file), {
        "stat": stat_of(file), "fstat": stat_of(fd), "content": content(file),
        "folder": stat_of(folder)}, {"entries": entries(folder)})


def rmdir(folder: Path, held: contextlib.ExitStack) -> Case:
    (gone := folder / "gone").mkdir()
    return Case(gone.rmdir, {"stat": stat_of(gone), "folder": stat_of(folder)},
                {"entries": entries(folder)})


def replace(folder: Path, held: contextlib.ExitStack) -> Case:
    """Rename to a name that there is, of a file that nobody uses."""
    one, two = file_in(folder, "one"), file_in(folder, "two")
    return Case(lambda: os.rename(one, two), {
        "stat": stat_of(one), "content": content(one), "folder": stat_of(folder)}, {
        "new stat": stat_of(two), "new content": content(two), "entries": entries(folder)})


def move(folder: Path, held: contextlib.ExitStack) -> Case:
    """A directory, to another one."""
    here, there = folder / "here", folder / "there"
    (here / "moved").mkdir(parents=True)
    there.mkdir()
    fd = opened(here / "moved", held, os.O_RDONLY)
    return Case(lambda: os.rename(here / "moved", there / "moved"), {
        "old stat": stat_of(here / "moved"), "new stat": stat_of(there / "moved"),
        "old folder": stat_of(here), "new folder": stat_of(there), "fstat": stat_of(fd),
        "parent": lambda: os.stat("..", dir_fd=fd).st_ino,
        "path": lambda: os.readlink(f"/proc/self/fd/{fd}")}, {
        "old entries": entries(here), "new entries": entries(there)})


def exchange(folder: Path, held: contextlib.ExitStack) -> Case:
    one, two = file_in(folder, "one"), file_in(folder, "two")
    return Case(lambda: libc("renameat2", AT_FDCWD, str(one).encode(), AT_FDCWD,
                             str(two).encode(), EXCHANGE), {
        "one": stat_of(one), "two": stat_of(two), "content of one": content(one),
        "content of two": content(two)}, {"entries": entries(folder)})


SETUPS: list[tuple[str, Setup]] = [
    ("write", write), ("truncate", truncate), ("chmod", chmod), ("ACL", set_acl),
    ("extended attribute", set_attribute), ("create", create), ("mkdir", mkdir),
    ("symlink", symlink), ("link", link), ("unlink", unlink),
    ("unlink of an open file", unlink_open), ("rmdir", rmdir), ("rename", replace),
    ("move of a directory", move), ("exchange", exchange),
]


# ------------------------------------------------------------------------- over NFS

OP_SETXATTR = 73
ETH_P_ALL = 3


class Tap:
    """What nfsd says on the wire of a file that it has changed."""

    def __enter__(self) -> Tap:
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.sock.bind(("lo", 0))
        self.sock.setblocking(False)
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def set_xattr(self) -> tuple[int, int]:
        """The change attributes before and after, of the last answer to a SETXATTR."""
        done = struct.pack(">III", OP_SETXATTR, 0, 1)       # the operation, OK, atomic
        found = None
        with contextlib.suppress(BlockingIOError):
            while packet := self.sock.recv(1 << 16):
                head, mark, rest = packet.partition(done)
                if mark:
                    found = struct.unpack_from(">QQ", rest)
        assert found, "no answer was seen"
        return found


def change_of(path: Path) -> int:
    """As nfsd makes it of a ctime, in any kernel."""
    seconds, ns = divmod(os.stat(path).st_ctime_ns, 10**9)
    return (seconds << 32) + ns


def nfsd_waits() -> None:
    """Until one of its threads waits in the module."""
    end = time.monotonic() + LIMIT
    while True:
        for comm in Path("/proc").glob("[0-9]*/comm"):
            with contextlib.suppress(OSError):
                line = (comm.parent / "stat").read_text()
                if comm.read_text() == "nfsd\n" and line.rpartition(")")[2].split()[0] == "I":
                    return
        assert time.monotonic() < end, "no thread of nfsd waits in the module"
        time.sleep(0.01)


def right_before(lone: Lone, backup: Backup) -> None:
    """A write that is not committed yet is part of what was before a client's change: it must
    not take its cache for what the file was then."""
    here, there = lone.member.mnt / "shared", CLIENT / "shared"
    here.write_bytes(b"cached")
    with contextlib.ExitStack() as held:
        server = held.enter_context(Server(lone.member.mnt))
        server.mount("4.2")
        held.callback(umount, CLIENT)
        tap, fd = held.enter_context(Tap()), opened(here, held, os.O_WRONLY)
        assert there.read_bytes() == b"cached"
        os.setxattr(there, "user.first", b"1")
        _, cached = tap.set_xattr()
        assert cached == change_of(here), f"{cached:#x}, not {change_of(here):#x}"
        with backup.withholding():
            write = Asker(lambda: os.pwrite(fd, b"written", 0))
            parked(write)
            change = Asker(lambda: os.setxattr(there, "user.second", b"2"))
            nfsd_waits()
            assert change_of(here) == cached and not write.answers and not change.answers
        assert write.answer() == 7 and change.answer() is None
        before, after = tap.set_xattr()
        assert cached < before < after == change_of(here), \
            f"{before:#x} to {after:#x}; cached is {cached:#x}"
        assert there.read_bytes() == b"written"


def main() -> int:
    BASE.mkdir(parents=True, exist_ok=True)
    setups = asked(SETUPS)
    nfs = asked([("what nfsd says was right before a change", right_before)])
    t = Ktap(len(setups) + len(nfs))
    with Lone(promise=5000) as lone:
        backup = serving(lone)
        for title, setup in setups:
            folder = lone.member.mnt / setup.__name__
            t.run(f"not seen before its commit: {title}",
                  lambda f=folder, s=setup: unseen(lone, backup, f, s))
        for title, test in nfs:
            t.run(title, lambda x=test: x(lone, backup))
        backup.stop()
    return t.end()


if __name__ == "__main__":
    sys.exit(main())
