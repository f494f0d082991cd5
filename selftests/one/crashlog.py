# SPDX-License-Identifier: GPL-2.0
"""What a crash may leave of a disk: its writes, recorded by dm-log-writes, and images made of
some of them.

Disks and logs are files in memory, each below a loop device: what is in them can be read and
changed from beside the device while nothing is mounted, and a log that was read gives its
memory back.
"""
from __future__ import annotations

import ctypes
import fcntl
import os
import random
import struct
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, Iterator

from one import BASE, libc, run

SECTOR = 512
FLUSH, FUA, DISCARD, MARK = 1, 2, 4, 8
LOOP_SET_FD, LOOP_CLR_FD, LOOP_CTL_GET_FREE = 0x4c00, 0x4c01, 0x4c82
PUNCH_HOLE_KEEP_SIZE = 3
LOG_SIZE = 1 << 40                  # of addresses; what is in memory is what was not read yet
DM_HEADER = struct.Struct("=3I7IQ128s129s7s")
DM_TARGET_MSG = 3 << 30 | DM_HEADER.size << 16 | 0xfd << 8 | 14
ENTRY = struct.Struct("<4Q")        # sector, sectors, flags, bytes of a mark


@dataclass(frozen=True)
class Write:
    """One write as it reached the disk; a flush may have no data."""
    offset: int
    data: bytes
    flags: int

    @property
    def ends_a_state(self) -> bool:
        return bool(self.flags & (FLUSH | FUA))


class Loop:
    """A loop device over a sparse file in memory."""

    def __init__(self, name: str, size: int) -> None:
        self.file = BASE / f"{name}.img"
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.fd = os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        os.ftruncate(self.fd, size)
        control = os.open("/dev/loop-control", os.O_RDWR)
        number = fcntl.ioctl(control, LOOP_CTL_GET_FREE)
        os.close(control)
        self.path = f"/dev/loop{number}"
        self.device = os.open(self.path, os.O_RDWR)
        fcntl.ioctl(self.device, LOOP_SET_FD, self.fd)

    def punch(self, begin: int, end: int) -> None:
        libc("fallocate", self.fd, PUNCH_HOLE_KEEP_SIZE, ctypes.c_long(begin),
             ctypes.c_long(end - begin))

    def remove(self) -> None:
        fcntl.ioctl(self.device, LOOP_CLR_FD)
        os.close(self.device)
        os.close(self.fd)
        self.file.unlink()


class RecordedDisk:
    """A disk whose writes are recorded, in the order in which they became durable."""

    def __init__(self, name: str, size: int) -> None:
        self.name, self.marks, self.at = name, 0, SECTOR
        self.data, self.log = Loop(name, size), Loop(name + "-log", LOG_SIZE)
        run("dmsetup", "create", "--noudevsync", "--noudevrules", name, "--table",
            f"0 {size // SECTOR} log-writes {self.data.path} {self.log.path}")
        # Nobody makes the node in /dev/mapper without udev; the kernel makes this one.
        self.path = "/dev/" + run("dmsetup", "info", "-c", "--noheadings", "-o", "blkdevname",
                                  name).stdout.strip()
        self.control = os.open("/dev/mapper/control", os.O_RDWR)

    def remove(self) -> None:
        os.close(self.control)
        run("dmsetup", "remove", "--noudevsync", "--noudevrules", self.name)
        self.data.remove()
        self.log.remove()

    def flush(self) -> None:
        """What is still in the disk's cache is written, and so recorded."""
        fd = os.open(self.path, os.O_RDONLY)
        os.fsync(fd)
        os.close(fd)

    def mark(self) -> bytes:
        self.marks += 1
        label = b"%d" % self.marks
        body = struct.pack("=Q", 0) + b"mark " + label + b"\0"
        size = DM_HEADER.size + len(body)
        head = DM_HEADER.pack(4, 0, 0, size, DM_HEADER.size, 0, 0, 0, 0, 0, 0,
                              self.name.encode(), b"", b"")
        fcntl.ioctl(self.control, DM_TARGET_MSG, bytearray(head + body))
        return label

    def entries(self, label: bytes, timeout: float = 30) -> Iterator[tuple[int, int, int, int]]:
        """(place in the log, sector, sectors, flags) up to the mark; a log is written in order."""
        end = time.monotonic() + timeout
        while True:
            head = os.pread(self.log.fd, SECTOR, self.at)
            sector, count, flags, length = ENTRY.unpack_from(head)
            if not count and not flags:
                assert time.monotonic() < end, f"{self.name}: the mark does not come"
                time.sleep(0.001)
                continue
            place, self.at = self.at + SECTOR, self.at + SECTOR
            if flags & MARK:
                if head[ENTRY.size:ENTRY.size + length].rstrip(b"\0") == label:
                    return
                continue
            if not flags & DISCARD:
                self.at += count * SECTOR
            yield place, sector, count, flags

    def read(self) -> list[Write]:
        """The writes since the last time."""
        begin = self.at
        self.flush()
        found = list(self.entries(self.mark()))
        writes = [Write(sector * SECTOR, b"" if flags & DISCARD else
                        os.pread(self.log.fd, count * SECTOR, place), flags)
                  for place, sector, count, flags in found]
        self.log.punch(begin, self.at)
        return writes


def copy_sparse(source: int, target: int) -> None:
    """All that is not a hole; the target has been empty."""
    at = 0
    while True:
        try:
            at = os.lseek(source, at, os.SEEK_DATA)
        except OSError:
            return
        end = os.lseek(source, at, os.SEEK_HOLE)
        while at < end:
            at += os.pwrite(target, os.pread(source, min(end - at, 1 << 20), at), at)


@dataclass(frozen=True)
class State:
    """What a crash leaves: the first writes, and some of those after them that the disk had
    in its cache."""
    first: int
    some: tuple[int, ...] = ()

    def __str__(self) -> str:
        more = f" and those at {', '.join(map(str, self.some))}" if self.some else ""
        return f"the first {self.first} writes{more}"

    def of(self, writes: list[Write]) -> list[Write]:
        return writes[:self.first] + [writes[i] for i in self.some]


def flush_states(writes: list[Write]) -> list[State]:
    """The states that flushes and FUA writes end, and the one before all."""
    states, fresh = [State(0)], False
    for number, write in enumerate(writes, 1):
        fresh |= bool(write.data)
        if write.ends_a_state and fresh:
            states.append(State(number))
            fresh = False
    return states


def state_between(writes: list[Write], r: random.Random) -> State:
    """After some flush and before the next: the writes up to a moment, or any of them."""
    ends = [0] + [n for n, w in enumerate(writes, 1) if w.ends_a_state] + [len(writes)]
    gaps = [(a, b) for a, b in zip(ends, ends[1:]) if b - a > 1]
    if not gaps:
        return State(r.randrange(len(writes) + 1))
    begin, end = r.choice(gaps)
    if r.random() < 0.4:
        return State(r.randrange(begin + 1, end))
    some = [i for i in range(begin, end) if writes[i].data and r.random() < 0.5]
    return State(begin, tuple(some))


class CrashImage:
    """A disk that is given the contents which a crash left on another."""

    def __init__(self, name: str, source: RecordedDisk) -> None:
        size = os.fstat(source.data.fd).st_size
        self.disk = RecordedDisk(name, size)
        # What was durable on the source before the writes that states are made of.
        self.before = os.open(BASE / f"{name}-before.img", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        os.ftruncate(self.before, size)
        copy_sparse(source.data.fd, self.before)
        copy_sparse(source.data.fd, self.disk.data.fd)
        self.differs: set[tuple[int, int]] = set()

    def remove(self) -> None:
        os.close(self.before)
        Path(BASE / f"{self.disk.name}-before.img").unlink()
        self.disk.remove()

    def differ(self, writes: Iterable[Write]) -> None:
        self.differs.update((w.offset, len(w.data)) for w in writes if w.data)

    def make(self, writes: list[Write]) -> None:
        """The contents before, and these writes; nothing is mounted."""
        self.differ(self.disk.read())
        for offset, length in self.differs:
            os.pwrite(self.disk.data.fd, os.pread(self.before, length, offset), offset)
        self.differs.clear()
        for write in writes:
            os.pwrite(self.disk.data.fd, write.data, write.offset)
        self.differ(writes)

    def advance(self, writes: list[Write]) -> None:
        """From here on these writes come before."""
        for write in writes:
            os.pwrite(self.before, write.data, write.offset)
        self.differ(writes)
