# SPDX-License-Identifier: GPL-2.0
"""What the bench stands on, inside one kernel: disks, networks, the three subjects.

Disks. Data lives on ubd disks, whose transfers cost this kernel's processor as little as
DMA does; the flush of their cache takes a fixed time. That is dm-delay with no delay of its
own (it counts in ticks of 10 ms here) whose flush class is another device: a null_blk with a
write cache that completes by a high-resolution timer. A write with FUA is not delayed, which
favours those who flush.

Networks. The server is in the first namespace; bak and cli are joined to it by veth pairs:

  cli eth0 10.79.0.2 - eth0 10.79.0.1			clients of the plain exports
  cli eth1 10.79.1.2 - eth1, macvlan grp 10.79.1.1, gated	clients of harp
  bak eth0 10.79.2.2 - eth2 10.79.2.1			the record link

Addresses outside 127/8 and a namespace of its own for the client: nfsd does not take it for
a local one.
"""
from __future__ import annotations

import ctypes
import os
import socket
import sys
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, TypeVar

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "one"))

from nfs_test import Server  # noqa: E402
from one import (BASE, Member, Rig, harpnl, libc, make_fs, mount, mount_lower,  # noqa: E402
                 run, umount)

T = TypeVar("T")
CLONE_NEWNET = 0x40000000
NULLB = Path("/sys/kernel/config/nullb")
REGION = "mem:256M"		# as README has it for a real pair
CLIENT = BASE / "client"
WARM = BASE / "warm"


# ----------------------------------------------------------------------- memory

def touch_memory(spare_mb: int = 192) -> None:
    """Use this kernel's memory once.

    The host gives it page by page when first touched; whoever happens to do that pays for it,
    a fifth of the time of a stream.
    """
    free = next(int(line.split()[1]) >> 10 for line in
                Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemFree:"))
    mount("tmpfs", WARM, "tmpfs", "size=100%")
    try:
        chunk = bytes(1 << 20)
        with open(WARM / "all", "wb", buffering=0) as file:
            for _ in range(free - spare_mb):
                file.write(chunk)
    finally:
        umount(WARM)


# ------------------------------------------------------------------------ disks

def flush_device(flush_ms: float, size_mb: int) -> str:
    """A null_blk that does nothing but take @flush_ms for a flush."""
    # Kernels differ in whether the device is called by index or by this folder's name.
    name = f"nullb{sum(1 for at in NULLB.iterdir() if at.is_dir())}"
    at = NULLB / name
    at.mkdir()
    for key, value in (("size", size_mb), ("memory_backed", 1), ("cache_size", 1),
                       ("queue_mode", 2), ("irqmode", 2),
                       ("completion_nsec", round(flush_ms * 1e6)), ("power", 1)):
        (at / key).write_text(str(value))
    return f"/dev/{name}"


def slow_disk(disk: str, name: str, flush_ms: float) -> str:
    """@disk, with flushes that take @flush_ms."""
    sectors = int(Path("/sys/class/block", Path(disk).name, "size").read_text())
    flush = flush_device(flush_ms, sectors // 2048 + 1)
    run("dmsetup", "create", "--noudevsync", "--noudevrules", name, "--table",
        f"0 {sectors} delay {disk} 0 0 {disk} 0 0 {flush} 0 0")
    # Nobody makes the node in /dev/mapper without udev; the kernel makes this one.
    return "/dev/" + run("dmsetup", "info", "-c", "--noheadings", "-o", "blkdevname",
                         name).stdout.strip()


# --------------------------------------------------------------------- networks

def set_netns(path: str) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        libc("setns", fd, ctypes.c_int(CLONE_NEWNET))
    finally:
        os.close(fd)


@contextmanager
def netns(name: str) -> Iterator[None]:
    """This thread in another namespace, then back in the first."""
    set_netns(f"/run/netns/{name}")
    try:
        yield
    finally:
        set_netns("/proc/1/ns/net")


def networks() -> None:
    for name in ("bak", "cli"):
        run("ip", "netns", "add", name)
    for there, dev, here, net in (("cli", "eth0", "eth0", 0), ("cli", "eth1", "eth1", 1),
                                  ("bak", "eth0", "eth2", 2)):
        run("ip", "link", "add", here, "type", "veth", "peer", "name", dev, "netns", there)
        run("ip", "-n", there, "addr", "add", f"10.79.{net}.2/24", "dev", dev)
        run("ip", "-n", there, "link", "set", dev, "up")
        run("ip", "link", "set", here, "up")
        holder = "grp" if net == 1 else here
        if net == 1:
            run("ip", "link", "add", "grp", "link", here, "type", "macvlan", "mode", "bridge")
            run("ip", "link", "set", "grp", "up")
        run("ip", "addr", "add", f"10.79.{net}.1/24", "dev", holder)


# --------------------------------------------------------------------- subjects

def harp_threads() -> set[int]:
    """Every kernel thread of the module's."""
    found = set()
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "comm").read_text().startswith("harp"):
                found.add(int(entry.name))
        except OSError:
            continue
    return found


class Pair(Rig):
    """A primary and its backup; the record link is TCP over the veth to bak."""

    def __init__(self) -> None:
        super().__init__("ext4", REGION, promise_ms=2000, group="bench")
        self.threads: dict[int, set[int]] = {0: set(), 1: set()}

    def _owned(self, member: int, step: Callable[[], T]) -> T:
        """Run a step; the kernel threads it starts are that member's."""
        before = harp_threads()
        done = step()
        self.threads[member] |= harp_threads() - before
        return done

    def mount(self, member: Member, init: bool = False) -> None:
        self._owned(member.slot, lambda: Rig.mount(self, member, init))

    @staticmethod
    def dummy() -> None:
        """No dummy gate: it is on grp."""

    def form(self, timeout: float = 30) -> harpnl.State:
        view = harpnl.start_view(self.harp, self.group, 0, 1, promise_ms=self.promise)
        for member in (0, 1):
            self.harp.touch(self.group, member)
        self.harp.gate(self.group, 0, "grp")
        with netns("bak"):
            listener = socket.create_server(("10.79.2.2", 0))
            # A socket is handed in from the namespace that it is of.
            there = harpnl.Harp()
        with listener, socket.create_connection(listener.getsockname()) as near, \
                listener.accept()[0] as far:
            self._owned(0, lambda: self.harp.link_add(self.group, 0, 1, near))
            self._owned(1, lambda: there.link_add(self.group, 1, 0, far))
        there.close()
        return self.harp.wait(self.group, 0, lambda s: s["serving"] and s["view"] == view,
                              timeout)

    def quiet(self) -> None:
        """Everything applied and on both disks."""
        self.settle()
        for member in self.members:
            self.harp.verb("sync", self.group, member.slot)


@dataclass(frozen=True)
class Subject:
    """An export and how the client reaches it."""
    name: str
    path: Path
    address: str
    option: str
    fsid: int

    def export(self) -> None:
        run("exportfs", "-o", f"rw,{self.option},no_root_squash,no_subtree_check,"
            f"fsid={self.fsid}", f"*:{self.path}")

    @contextmanager
    def mounted(self) -> Iterator[Path]:
        """A client that knows nothing yet."""
        CLIENT.mkdir(exist_ok=True)
        run("nsenter", "--net=/run/netns/cli", "mount.nfs", f"{self.address}:{self.path}",
            CLIENT, "-o", "vers=3,hard,nolock,proto=tcp,mountproto=tcp")
        try:
            yield CLIENT
        finally:
            umount(CLIENT)


@contextmanager
def subjects(disks: list[str]) -> Iterator[tuple[list[Subject], Pair]]:
    """All three on disks alike, exported by one nfsd."""
    plain = [Subject("knfsd_sync", BASE / "sync", "10.79.0.1", "sync", 1),
             Subject("knfsd_async", BASE / "async", "10.79.0.1", "async", 2)]
    for subject, disk in zip(plain, disks[2:], strict=True):
        make_fs(disk, "ext4")
        mount_lower(disk, subject.path, "ext4")
    os.environ["HARP_DISKS"] = " ".join(disks[:2])
    pair = Pair()
    with pair:
        harp = Subject("harp", pair.p.mnt, "10.79.1.1", "sync", 3)
        with Server(pair.p.mnt):
            for subject in (*plain, harp):
                subject.export()
            yield [*plain, harp], pair
