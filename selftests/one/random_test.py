#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Sequences of operations from a seed give the same results on harp as on the lower.

usage: random_test.py [--seed N] [--ops N] [ext4] [xfs]

Names are few, so that operations meet each other. Every result is compared; the
trees are at the end, and then both copies with each other. A failure names the seed and
the operations that led to it.
"""
from __future__ import annotations

import argparse
import os
import random
import stat
import sys
from pathlib import Path
from typing import Callable

from one import (BASE, Ktap, Rig, difference, disks, make_fs, mount_lower, same_copies,
                 tree, umount)
from subject import ACCESS, DEFAULT, EXCHANGE, MINIMAL, NAMED, NOREPLACE, Op, Subject

NAMES = ["a", "b", "c", "n" * 200]
DIRS = ["", "d1/", "d2/", "d1/d3/"]
SIZES = [0, 1, 10, 4095, 4096, 4097, 70_000]


class Generator:
    """An endless sequence of operations, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self.r = random.Random(seed)
        self.made = 0
        self.weighted: list[tuple[int, Callable[[], Op]]] = [
            (8, lambda: ("create", self.path(), self.mode(), self.r.choice([0, os.O_EXCL]))),
            (4, lambda: ("mkdir", self.any(), self.mode() | 0o700)),
            (2, lambda: ("mkdir", self.r.choice(DIRS[1:]).rstrip("/"), 0o755)),
            (2, lambda: ("symlink", self.r.choice(NAMES), self.path())),
            (1, lambda: ("mknod", self.path(), stat.S_IFIFO | 0o640)),
            (5, lambda: ("link", self.path(), self.path())),
            (8, lambda: ("unlink", self.path())),
            (4, lambda: ("rmdir", self.any())),
            (10, lambda: ("rename", self.any(), self.any())),
            (4, lambda: ("rename", self.any(), self.any(), self.r.choice([NOREPLACE, EXCHANGE]))),
            (12, lambda: ("write", self.path(), self.r.choice(SIZES), self.data())),
            (4, lambda: ("append", self.path(), self.data())),
            (4, lambda: ("truncate", self.path(), self.r.choice(SIZES))),
            (4, lambda: ("chmod", self.any(), self.mode())),
            (2, lambda: ("chown", self.any(), self.r.choice([-1, 0, 7]), self.r.choice([-1, 8]))),
            (2, lambda: ("times", self.any(), self.r.randrange(2**60), self.r.randrange(2**60))),
            (4, lambda: ("setxattr", self.any(), self.r.choice(["user.a", "trusted.b"]),
                         self.data()[:self.r.choice([0, 5, 300])])),
            (2, lambda: ("removexattr", self.any(), self.r.choice(["user.a", ACCESS, DEFAULT]))),
            (2, lambda: ("setxattr", self.any(), self.r.choice([ACCESS, DEFAULT]),
                         self.r.choice([NAMED, MINIMAL]))),
            (4, lambda: ("keep", self.r.choice("kl"), self.path())),
            (4, lambda: ("keep_write", self.r.choice("kl"), self.r.choice(SIZES), self.data())),
            (2, lambda: ("keep_read", self.r.choice("kl"), 0, 200_000)),
            (3, lambda: ("keep_stat", self.r.choice("kl"))),
            (1, lambda: ("keep_truncate", self.r.choice("kl"), self.r.choice(SIZES))),
            (3, lambda: ("drop", self.r.choice("kl"))),
            (6, lambda: ("stat", self.any())),
            (4, lambda: ("read", self.path())),
            (3, lambda: ("list", self.r.choice(DIRS).rstrip("/"))),
            (2, lambda: ("listxattr", self.any())),
        ]

    def path(self) -> str:
        return self.r.choice(DIRS) + self.r.choice(NAMES)

    def any(self) -> str:
        """A file's path, or one of the directories."""
        return self.r.choice(DIRS[1:]).rstrip("/") if self.r.random() < 0.25 else self.path()

    def mode(self) -> int:
        return self.r.choice([0o644, 0o600, 0o755, 0o4711, 0o2775, 0o1777])

    def data(self) -> bytes:
        self.made += 1
        return (b"%08d" % self.made) * self.r.choice([1, 100, 600, 9000])

    def next(self) -> Op:
        return self.r.choices([m for _, m in self.weighted], [w for w, _ in self.weighted])[0]()


def opens_fifo(subject: Subject, op: Op) -> bool:
    """Opening a FIFO waits for its other end: not for this test."""
    if op[0] not in ("create", "write", "append", "truncate", "keep", "read"):
        return False
    try:
        return stat.S_ISFIFO(os.stat(subject.at(op[1])).st_mode)
    except OSError:
        return False


def agree(op: tuple, harp: tuple, bare: tuple) -> bool:
    """rename(2) to a directory that is not empty fails with either, says POSIX: XFS says
    EEXIST, harp on any lower ENOTEMPTY."""
    either = {("error", "EEXIST"), ("error", "ENOTEMPTY")}
    return harp == bare or (op[0] == "rename" and {harp, bare} == either)


def sequence(harp: Path, bare: Path, seed: int, count: int) -> str:
    generator, done = Generator(seed), []
    roots = [base / f"seed{seed}" for base in (harp, bare)]
    for root in roots:
        root.mkdir()
    one, two = (Subject(root) for root in roots)
    worked = 0
    try:
        for number in range(count):
            op = generator.next()
            if opens_fifo(two, op):
                continue
            done.append(op)
            answers = one.do(op), two.do(op)
            worked += answers[0][0] == "ok"
            if not agree(op, *answers):
                last = "\n".join(f"{o!r:.120}" for o in done[-25:])
                raise AssertionError(f"seed {seed}, operation {number} {op!r:.120}: harp "
                                     f"{answers[0]!r:.200}, lower {answers[1]!r:.200}; "
                                     f"after:\n{last}")
        bad = difference(tree(roots[0]), tree(roots[1]))
    finally:
        one.close()
        two.close()
    if bad:
        raise AssertionError(f"seed {seed}, after {count} operations: harp, lower:\n{bad}")
    return f"{worked} of {len(done)} operations succeeded"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--ops", type=int, default=400)
    parser.add_argument("kinds", nargs="*", default=["ext4", "xfs"])
    args = parser.parse_args()
    if len(disks()) < 3:
        print("1..0 # SKIP needs three disks in HARP_DISKS")
        return 0
    os.umask(0o022)
    t = Ktap(len(args.kinds) * (args.seeds + 1))
    for kind in args.kinds:
        bare = BASE / "bare"
        make_fs(disks()[2], kind)
        mount_lower(disks()[2], bare, kind)
        try:
            with Rig(kind) as rig:
                for seed in range(args.seed, args.seed + args.seeds):
                    t.run(f"{kind}: {args.ops} operations from seed {seed}",
                          lambda s=seed: sequence(rig.p.mnt, bare, s, args.ops))
                t.run(f"{kind}: both copies are equal after it", lambda: same_copies(rig))
        finally:
            umount(bare)
    return t.end()


if __name__ == "__main__":
    sys.exit(main())
