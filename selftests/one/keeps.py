#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""In a machine: a pair of replicas whose logs are in memory that its next kernel finds.

usage: keeps.py make 1 FS REGION REGION      records that no disk has; says what both hold
       keeps.py look LIFE FS REGION REGION   after the reset: what the logs in memory say
       keeps.py redo LIFE FS REGION REGION   after look: a view, redo, what was written is
                                             there; and make again
       keeps.py starve                       the watchdog is opened, and never fed
       keeps.py kexec KERNEL INITRD          the next kernel is started by this one
"""
from __future__ import annotations

import ctypes
import fcntl
import json
import os
import struct
import sys
import time
from pathlib import Path
from typing import Any

from one import Member, Rig, freeze, mount_lower, run, same_copies

import harpnl

COUNT = 300
TOLD = ("top", "top_view", "top_crc", "wm", "formed", "complete", "found_walked", "found_wm",
        "found_fresh", "region_why")
KEXEC_FILE_LOAD, LINUX_REBOOT_CMD_KEXEC = 320, 0x45584543
WDIOC_SETTIMEOUT = 0xc0045706


class Pair(Rig):
    """A region for each; another life when it is not the first."""

    def __init__(self, fs: str, regions: list[str], inc: int) -> None:
        super().__init__(fs, group="keeps")
        self.regions, self.inc = regions, inc

    def options(self, member: Member, init: bool) -> str:
        return super().options(member, init).replace(
            f"region={self.region}", f"region={self.regions[member.slot]}").replace(
            "inc=1", f"inc={self.inc}")

    def told(self) -> list[dict[str, Any]]:
        states = [self.harp.get(self.group, m.slot) for m in self.members]
        return [{name: state[name] for name in TOLD} for state in states]

    def attach(self) -> None:
        for member in self.members:
            member.mnt.mkdir(parents=True, exist_ok=True)
            member.lower.mkdir(parents=True, exist_ok=True)
            mount_lower(member.disk, member.lower, self.kind)
            self.mount(member)


def content(n: int) -> bytes:
    return b"%d is there" % n * (1 + n * 37 % 900)


def write(pair: Pair) -> None:
    """None of it gets into the backup's lower, and so none of it is discarded."""
    freeze(pair.b.lower)
    folder = pair.p.mnt / f"{pair.inc}"
    folder.mkdir()
    for n in range(COUNT):
        (folder / f"f{n}").write_bytes(content(n))
    top = pair.harp.get(pair.group, 0)["top"]
    pair.harp.wait(pair.group, 1, lambda s: s["top"] == top)
    pair.harp.wait(pair.group, 0, lambda s: s["cp"] == top)
    print(json.dumps(pair.told()), flush=True)


def make(life: str, fs: str, *regions: str) -> None:
    pair = Pair(fs, list(regions), int(life))
    pair.__enter__()
    write(pair)


def look(life: str, fs: str, *regions: str) -> None:
    pair = Pair(fs, list(regions), int(life))
    pair.attach()
    print(json.dumps(pair.told()), flush=True)


def redo(life: str, fs: str, *regions: str) -> None:
    pair = Pair(fs, list(regions), int(life))
    pair.dummy()
    pair.touch = harpnl.Touch(*((pair.group, m.slot) for m in pair.members))
    pair.form()
    same_copies(pair)
    for earlier in range(1, pair.inc):
        for n in range(COUNT):
            found = (pair.p.mnt / f"{earlier}/f{n}").read_bytes()
            assert found == content(n), f"{earlier}/f{n}: {found[:40]!r}"
    write(pair)


def starve() -> None:
    run("modprobe", "i6300esb")
    fd = os.open("/dev/watchdog", os.O_WRONLY)
    fcntl.ioctl(fd, WDIOC_SETTIMEOUT, struct.pack("i", 2))
    print("the watchdog is not fed", flush=True)
    while True:
        time.sleep(60)


def kexec(kernel: str, initrd: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    words = Path("/proc/cmdline").read_bytes().strip() + b"\0"
    k, i = os.open(kernel, os.O_RDONLY), os.open(initrd, os.O_RDONLY)
    if libc.syscall(KEXEC_FILE_LOAD, k, i, len(words), words, ctypes.c_ulong(0)):
        raise OSError(ctypes.get_errno(), "kexec_file_load: " + os.strerror(ctypes.get_errno()))
    print("the next kernel is loaded", flush=True)
    libc.reboot(LINUX_REBOOT_CMD_KEXEC)


if __name__ == "__main__":
    {f.__name__: f for f in (make, look, redo, starve, kexec)}[sys.argv[1]](*sys.argv[2:])
