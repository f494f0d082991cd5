#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Lowers that are slow or fail, memory that is short; each does harm to no other."""
from __future__ import annotations

import contextlib
import errno
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any, Callable

from one import (BASE, UUID, Member, Rig, asked_kinds, disks, freeze, harpnl, make_fs,
                 mount, mount_lower, run, run_asked, same_copies, umount)
from subject import (ACCESS, ACL_GROUP_OBJ, ACL_MASK, ACL_OTHER, ACL_USER, ACL_USER_OBJ, DEFAULT,
                     MINIMAL, NAMED, Subject, acl)


class Dm:
    """A disk that can be made to wait, and to fail."""

    def __init__(self, name: str, disk: str) -> None:
        self.name = name
        size = run("blockdev", "--getsz", disk).stdout.strip()
        self.good, self.bad = f"0 {size} linear {disk} 0", f"0 {size} error"
        self.setup("create", name, "--table", self.good)
        # Nobody makes the node in /dev/mapper without udev; the kernel makes this one.
        self.path = "/dev/" + run("dmsetup", "info", "-c", "--noheadings", "-o", "blkdevname",
                                  name).stdout.strip()

    @staticmethod
    def setup(verb: str, name: str, *args: str) -> None:
        run("dmsetup", verb, "--noudevsync", "--noudevrules", name, *args)

    def suspend(self) -> None:
        """As it is: nothing is written out first, and whoever asks for a block waits."""
        run("dmsetup", "suspend", "--noudevsync", "--noflush", "--nolockfs", self.name)

    def resume(self) -> None:
        self.setup("resume", self.name)

    def fail(self) -> None:
        self.suspend()
        run("dmsetup", "load", self.name, "--table", self.bad)
        self.resume()

    def remove(self) -> None:
        self.setup("remove", self.name)


def drop_caches() -> None:
    for _ in range(3):
        os.sync()
        Path("/proc/sys/vm/drop_caches").write_text("3")


def refused(number: int, what: Callable[[], Any]) -> None:
    try:
        what()
    except OSError as error:
        assert error.errno == number, f"expected {errno.errorcode[number]}, not {error}"
        return
    raise AssertionError(f"expected {errno.errorcode[number]}, but it was done")


# ---------------------------------------------------------------------- slow lowers

class Caller(threading.Thread):
    """A call that may take long."""

    def __init__(self, what: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self.what = what
        self.error: OSError | None = None
        self.start()

    def run(self) -> None:
        try:
            self.what()
        except OSError as error:
            self.error = error

    def waits_in(self, function: str, timeout: float = 60) -> None:
        end = time.monotonic() + timeout
        stack = Path(f"/proc/self/task/{self.native_id}/stack")
        while self.is_alive() and function not in (at := stack.read_text()):
            assert time.monotonic() < end, f"it is not in {function}, but here:\n{at}"
        assert self.is_alive(), f"it does not wait at all: {self.error}"


def mounter(lower: Path, mnt: Path) -> Caller:
    return Caller(lambda: mount(lower, mnt, "harp", f"group=slow,uuid={UUID},member=2,inc=1,"
                                "lineage=9,hold=0,region=mem:8M,init"))


def answered(what: Callable[[], Any]) -> float:
    """Milliseconds it took, if it came to an end."""
    took: list[float] = []

    def call() -> None:
        begin = time.monotonic()
        what()
        took.append((time.monotonic() - begin) * 1000)
    caller = threading.Thread(target=call, daemon=True)
    caller.start()
    caller.join(20)
    assert not caller.is_alive(), "it waits for another group's lower"
    assert took, "it failed"
    return took[0]


def mounts_wait_alone() -> str:
    """A mount whose lower does not answer keeps no other group from its lease."""
    dm = Dm("slow", disks()[2])
    slow, again = Member(2, dm.path), BASE / "again"
    make_fs(dm.path, "ext4")
    mount_lower(dm.path, slow.lower, "ext4")
    drop_caches()
    with Rig() as rig:
        dm.suspend()
        try:
            first = mounter(slow.lower, slow.mnt)
            first.waits_in("harp_lower_open")
            # One of the same name is for the first one to make.
            second = mounter(slow.lower, again)
            second.waits_in("harp_replica_mount")
            harp = harpnl.Harp()
            worst = max(answered(call) for call in (
                lambda: harp.touch(rig.group, 0), lambda: harp.get(rig.group, 1),
                lambda: harp.dump(), lambda: harp.verb("sync", rig.group, 0)))
            harp.close()
            (rig.p.mnt / "file").write_bytes(b"served")
            state = rig.harp.get(rig.group, 0)
            assert state["serving"] and state["lease_left_ms"] > 0, state
            assert first.is_alive() and second.is_alive()
        finally:
            dm.resume()
        for caller in (first, second):
            caller.join(60)
            assert not caller.is_alive() and not caller.error, caller.error
        assert os.stat(slow.mnt).st_dev == os.stat(again).st_dev, "there are two of it"
        for place in (again, slow.mnt):
            umount(place)
        rig.harp.verb("replica-del", "slow", 2)
        umount(slow.lower)
        dm.remove()
    return f"the slowest answer took {worst:.0f} ms"


# ------------------------------------------------------------------- failing lowers

class Failing(Rig):
    """One member's lower is on a disk that can be made to fail."""

    def __init__(self, kind: str, slot: int) -> None:
        super().__init__(kind)
        self.victim = self.members[slot]
        self.dm = Dm("failing", self.victim.disk)
        self.victim.disk = self.dm.path

    def __enter__(self) -> Failing:
        super().__enter__()
        return self

    def __exit__(self, *args: object) -> None:
        super().__exit__(*args)
        self.dm.remove()

    def gave_up(self) -> None:
        """It says so, and has left the view; its partner's lower is as good as ever."""
        slot = self.victim.slot
        state = self.harp.wait(self.group, slot, lambda s: s["media_failure"] == 1)
        assert not state["serving"] and state["fence"] > state["view"], state
        other = self.harp.get(self.group, 1 - slot)
        assert not other["media_failure"], other
        # What waits for a commit that cannot come must not keep the mounts.
        for member in self.members:
            self.harp.verb("leave", self.group, member.slot)
            self.harp.verb("release", self.group, member.slot)


def read_fails(kind: str) -> str:
    """Names and inodes that cannot be read: try later, at the other member."""
    with Failing(kind, 0) as rig:
        for d in range(20):
            (rig.p.mnt / f"d{d}").mkdir()
            for n in range(20):
                os.symlink("t" * 200, rig.p.mnt / f"d{d}/s{n}")
        rig.settle()
        rig.harp.verb("sync", rig.group, 0)
        events = harpnl.Events()
        drop_caches()
        rig.dm.fail()
        seen: list[object] = []

        def read() -> None:
            try:
                for d in range(20):
                    names = os.listdir(rig.p.mnt / f"d{d}")
                    if len(names) != 20 or os.readlink(rig.p.mnt / f"d{d}/s7") != "t" * 200:
                        seen.append(f"d{d} read wrong")
            except OSError as error:
                seen.append(error.errno)
        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        said = events.wait("media-failure", timeout=60)["text"]
        events.harp.close()
        rig.gave_up()
        reader.join(60)
        assert not reader.is_alive(), "a read still waits"
        # Nothing was answered from what could not be read, and no client hears of it.
        assert seen and set(seen) <= {errno.ETIMEDOUT, errno.ESTALE}, seen
    return said


def write_back_fails(kind: str) -> str:
    """What a backup has applied cannot be written out: LB stays, and it leaves (N6)."""
    with Failing(kind, 1) as rig:
        for n in range(10):
            (rig.p.mnt / f"f{n}").write_bytes(b"x" * 5000)
        rig.settle()
        rig.harp.verb("sync", rig.group, 1)
        before = rig.harp.get(rig.group, 1)["lb"]
        events = harpnl.Events()
        rig.dm.fail()
        # Committed by the backup's memory; what it has applied by now no disk has.
        writer = threading.Thread(target=lambda: (rig.p.mnt / "more").write_bytes(b"more"),
                                  daemon=True)
        writer.start()
        try:
            rig.harp.verb("sync", rig.group, 1)
        except harpnl.HarpError:
            pass
        said = events.wait("media-failure", timeout=60)["text"]
        events.harp.close()
        state = rig.harp.get(rig.group, 1)
        assert state["lb"] == before, "LB moved over what is on no disk"
        rig.gave_up()
    return said


def link_of_the_deposed() -> None:
    """A target that was read for who is deposed meanwhile: ETIMEDOUT, and its memory is let go."""
    with Failing("xfs", 0) as rig, contextlib.ExitStack() as held:
        path = rig.p.mnt / "symlink"
        os.symlink("t" * 900, path)         # in a block of its own
        fd = os.open(path, os.O_PATH | os.O_NOFOLLOW)
        held.callback(os.close, fd)
        assert len(os.readlink("", dir_fd=fd)) == 900
        rig.settle()
        rig.harp.verb("sync", rig.group, 0)
        # Held, the inode stays, and with it its lower; the block does not, once it is
        # written where it belongs.
        freeze(rig.p.lower)()
        drop_caches()
        rig.dm.suspend()
        reader = Caller(lambda: os.readlink("", dir_fd=fd))
        try:
            reader.waits_in("xfs_readlink")
            for member in rig.members:
                rig.harp.verb("leave", rig.group, member.slot)
                rig.harp.verb("release", rig.group, member.slot)
        finally:
            rig.dm.resume()
            reader.join(60)
        assert reader.error and reader.error.errno == errno.ETIMEDOUT, reader.error


# ------------------------------------------------------------ refused, so not logged

def acls_are_vetted(kind: str) -> str:
    """An ACL that cannot be is refused before it is logged, whoever asks."""
    with Rig(kind) as rig:
        folder = rig.p.mnt / "acls"
        folder.mkdir()
        (folder / "f").touch()
        subject = Subject(folder)
        many = acl((ACL_USER_OBJ, 6), *((ACL_USER, 4, n) for n in range(8000)),
                   (ACL_GROUP_OBJ, 4), (ACL_MASK, 4), (ACL_OTHER, 0))
        as_root, as_user = subject.do, subject.do_as_user
        top = rig.harp.get(rig.group, 0)["top"]
        for do, path, name, value, answers in (
                (as_root, "f", ACCESS, many, ("ENOSPC", "E2BIG")),
                (as_root, "", DEFAULT, many, ("ENOSPC", "E2BIG")),
                (as_root, "f", ACCESS, b"junk", ("ENOTSUP",)),      # of another version
                (as_root, "f", ACCESS, NAMED[:-4], ("EINVAL",)),
                (as_root, "f", ACCESS, acl((ACL_USER, 7, 5)), ("EINVAL",)),
                (as_root, "f", ACCESS, acl((ACL_USER_OBJ, 255), (ACL_GROUP_OBJ, 0),
                                           (ACL_OTHER, 0)), ("EINVAL",)),
                (as_root, "f", DEFAULT, NAMED, ("EACCES",)),
                (as_user, "f", ACCESS, MINIMAL, ("EPERM",)),
                (as_user, "", DEFAULT, NAMED, ("EPERM",))):
            answer = do(("setxattr", path, name, value))
            assert answer[0] == "error" and answer[1] in answers, \
                f"{name} of {len(value)} bytes on {path or 'the folder'}: {answer}"
        state = rig.harp.get(rig.group, 0)
        assert state["top"] == top, f"{state['top'] - top} of them were logged"
        assert as_root(("setxattr", "f", ACCESS, NAMED))[0] == "ok"
        same_copies(rig)
        # Who asks is admitted first (N5): a backup knows of no ACL.
        refused(errno.ETIMEDOUT, lambda: os.getxattr(rig.b.mnt, ACCESS))
    return "nine ways"


# ---------------------------------------------------------------------- short memory

def inodes_cached() -> int:
    # KASAN keeps what was freed for a while, and counts it; not when a cache is shrunk.
    Path("/sys/kernel/slab/harp_inode/shrink").write_text("1")
    for line in Path("/proc/slabinfo").read_text().splitlines():
        if line.startswith("harp_inode "):
            return int(line.split()[1])
    raise AssertionError("no harp_inode in /proc/slabinfo")


class Reclaim:
    """The kernel wants more free memory than there can be, and takes back what it may."""

    KNOB = Path("/proc/sys/vm/min_free_kbytes")

    def __enter__(self) -> Reclaim:
        Path("/proc/sys/vm/drop_caches").write_text("1")
        self.old = self.KNOB.read_text()
        free = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
        # kswapd begins a quarter above it and goes on up to a half, which it cannot reach;
        # who asks for memory need not wait. It gives up in the end, for good: a kernel can
        # do this once (see run).
        self.KNOB.write_text(str(int(free["MemFree"].split()[0]) * 79 // 100))
        return self

    def until(self, good: Callable[[], bool], timeout: float = 60) -> None:
        end = time.monotonic() + timeout
        while not good():
            assert time.monotonic() < end, f"nothing is taken back: {inodes_cached()} inodes"
            # What is read takes memory, which wakes kswapd.
            with open(disks()[2], "rb") as disk:
                for _ in range(64):
                    disk.read(1 << 20)

    def __exit__(self, *_: object) -> None:
        self.KNOB.write_text(self.old)


def memory_is_short(kind: str) -> str:
    """Reclaim takes inodes, nodes and indexes back, which it may do at any moment: no lock
    that it needs may be held while memory is asked for (lockdep)."""
    folders, files = 60, 8
    bare = BASE / "bare"
    make_fs(disks()[2], kind)
    mount_lower(disks()[2], bare, kind)
    for n in range(40):
        # The lower's own users ask for memory under its directories' locks.
        (bare / f"b{n}").mkdir()
        os.chmod(bare / f"b{n}", 0o711)
        os.setxattr(bare / f"b{n}", "user.x", b"x" * 300)
    umount(bare)
    with Rig(kind) as rig:
        for d in range(folders):
            folder = rig.p.mnt / f"d{d}"
            folder.mkdir()
            for n in range(files):
                (folder / f"f{n}").touch()
            assert len(os.listdir(folder)) == files
        rig.settle()
        before = inodes_cached()
        with Reclaim() as reclaim:
            reclaim.until(lambda: inodes_cached() < before // 4)
            left = inodes_cached()
        for d in range(folders):
            assert len(os.listdir(rig.p.mnt / f"d{d}")) == files
        same_copies(rig)
    return f"{before} inodes, then {left}"


def main() -> int:
    kinds = asked_kinds()
    tests: list[tuple[str, Callable[[], Any]]] = []
    if "ext4" in kinds:
        tests.append(("ext4: a mount that waits for its lower keeps nobody waiting",
                      mounts_wait_alone))
    if "xfs" in kinds:
        tests.append(("xfs: a symbolic link read for who is deposed", link_of_the_deposed))
    for kind in kinds:
        for title, test in (("ACLs that cannot be are not logged", acls_are_vetted),
                            ("memory is short", memory_is_short),
                            ("the primary's lower cannot be read", read_fails),
                            ("the backup's lower cannot be written", write_back_fails)):
            tests.append((f"{kind}: {title}", lambda x=test, k=kind: x(k)))
    return run_asked(tests)


if __name__ == "__main__":
    sys.exit(main())
