#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Many processes at once on the same names and files, with the record link cut meanwhile.

On a machine of several processors they are in the module at the same time. Words: ext4, xfs.
"""
from __future__ import annotations

import errno
import os
import random
import struct
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Callable

from one import BASE, Ktap, Rig, asked_kinds, same_copies

from handles_test import by_handle, to_handle

ROUNDS = 150
LINE = 3000             # not a divisor of a page: most lines are in two
OVER = BASE / "over"    # there when those that only look are to end
LIMIT = 300             # seconds


def tried(call: Callable[[], object], *allowed: int) -> bool:
    try:
        call()
    except OSError as error:
        if error.errno not in allowed:
            raise
        return False
    return True


def line(who: int, n: int) -> bytes:
    return (b"%d %06d " % (who, n)).ljust(LINE - 1, b"%d" % who) + b"\n"


# What each of the crowd does. Those that change something end by themselves.

def names(root: Path, seed: int) -> None:
    """Few names, which the others take and remove as well."""
    rng, done = random.Random(seed), 0
    for _ in range(ROUNDS):
        one, two = (root / f"shared/n{rng.randrange(6)}" for _ in range(2))
        call: Callable[[], object] = rng.choice([
            lambda one=one: os.close(os.open(one, os.O_CREAT | os.O_EXCL | os.O_WRONLY)),
            lambda one=one: one.write_bytes(b"%d" % seed * 2000),
            lambda one=one, two=two: os.rename(one, two),
            lambda one=one, two=two: os.link(one, two),
            lambda one=one: os.unlink(one)])
        done += tried(call, errno.ENOENT, errno.EEXIST)
    assert done > ROUNDS // 5, f"only {done} of {ROUNDS} did anything"


def appends(root: Path, who: int) -> None:
    fd = os.open(root / "lines", os.O_WRONLY | os.O_APPEND)
    for n in range(ROUNDS):
        assert os.write(fd, line(who, n)) == LINE
    os.close(fd)


def directories(root: Path, who: int) -> None:
    for n in range(ROUNDS // 2):
        at = root / f"dirs/{who}-{n}"
        at.mkdir()
        (at / "x").touch()
        assert at.stat().st_nlink == 2 and os.listdir(at) == ["x"]
        if n % 3:
            os.unlink(at / "x")
            at.rmdir()


# Those that look, until it is over.

def sizes(root: Path, _: int) -> None:
    """A size that was seen has all its bytes behind it."""
    fd, seen = os.open(root / "lines", os.O_RDONLY), 0
    while not OVER.exists():
        size = os.fstat(fd).st_size
        assert size >= seen and size % LINE == 0, (seen, size)
        last = os.pread(fd, LINE, size - LINE) if size else b""
        assert not size or last == line(int(last[:1]), int(last[2:8])), last
        seen = size
    os.close(fd)


def lists(root: Path, _: int) -> None:
    while not OVER.exists():
        found = os.listdir(root / "shared")
        assert len(found) == len(set(found)), found


def handles(root: Path, _: int) -> None:
    """Those of objects that are being made, before anybody was given one."""
    (root / "first").touch()
    kind, data = to_handle(root / "first")
    magic, group, fid = struct.unpack("<IIQ", data)
    opened = 0
    while not OVER.exists():
        for at in range(fid + 1, fid + 4):
            try:
                fd = by_handle(root, (kind, struct.pack("<IIQ", magic, group, at)))
            except OSError as error:
                assert error.errno == errno.ESTALE, error
                continue
            assert os.fstat(fd).st_ino == at
            os.close(fd)
            opened, fid = opened + 1, at
        # What is gone never opens.
        with os.scandir(root / "dirs") as entries:
            fid = max(fid, max((entry.inode() for entry in entries), default=0) - 3)
    assert opened > 10, f"only {opened} were met"


def process(work: Callable[[Path, int], None], root: Path, who: int) -> int:
    """Its pid; its status is 0 when all was right."""
    sys.stdout.flush()
    if pid := os.fork():
        return pid
    status = 1
    try:
        work(root, who)
        status = 0
    except BaseException:
        for text in traceback.format_exc().splitlines():
            print(f"# {work.__name__}: {text}", flush=True)
    finally:
        os._exit(status)


def ended(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def cut(rig: Rig) -> None:
    rig.drop_link(1)
    rig.relink()
    rig.harp.wait(rig.group, 0, lambda s: s["link_up"])


def crowd(kind: str) -> str:
    OVER.unlink(missing_ok=True)
    with Rig(kind, region="mem:8M") as rig:
        root, cuts, until = rig.p.mnt, 0, time.monotonic() + LIMIT
        (root / "shared").mkdir()
        (root / "dirs").mkdir()
        (root / "lines").touch()
        looking = [process(work, root, 0) for work in (sizes, lists, handles)]
        working = [process(work, root, who) for who in (1, 2)
                   for work in (names, appends, directories)]
        with ThreadPoolExecutor(len(looking) + len(working)) as pool:
            results = [pool.submit(ended, pid) for pid in working]
            try:
                while wait(results, timeout=1).not_done:
                    assert time.monotonic() < until, "the crowd stands still"
                    cut(rig)
                    cuts += 1
            finally:
                OVER.touch()
            results += [pool.submit(ended, pid) for pid in looking]
            bad = [result.result() for result in results if result.result()]
        assert not bad, f"{len(bad)} of {len(results)} found something wrong"
        found = (root / "lines").read_bytes()
        lines = [found[at:at + LINE] for at in range(0, len(found), LINE)]
        for who in (1, 2):
            mine = [text for text in lines if text.startswith(b"%d " % who)]
            assert mine == [line(who, n) for n in range(ROUNDS)], "lines are missing, or not in order"
        assert len(lines) == 2 * ROUNDS and cuts
        same_copies(rig)
    return f"{cuts} cuts, on {os.cpu_count()} processors"


def main() -> int:
    BASE.mkdir(parents=True, exist_ok=True)
    kinds = asked_kinds()
    t = Ktap(len(kinds))
    for kind in kinds:
        t.run(f"{kind}: many at once", lambda kind=kind: crowd(kind))
    return t.end()


if __name__ == "__main__":
    sys.exit(main())
