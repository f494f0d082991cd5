#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Sequences of operations from a seed give the same results on harp as on the lower.

usage: random_test.py [--seed N] [--ops N] [ext4] [xfs]

Names are few, so that operations meet each other, and mostly those of what is there, so
that most operations do something. Every result is compared; the trees are at the end, and
then both copies with each other. A failure names the seed and the operations that led to it.
"""
from __future__ import annotations

import argparse
import os
import random
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from one import (BASE, Ktap, Rig, difference, disks, make_fs, mount_lower, same_copies,
                 tree, umount)
from subject import ACCESS, DEFAULT, EXCHANGE, MINIMAL, NAMED, NOREPLACE, Op, Subject, agree

NAMES = ["a", "b", "c", "n" * 200]
DIRS = ["", "d1/", "d2/", "d1/d3/"]
SIZES = [0, 1, 10, 4095, 4096, 4097, 70_000]
STRAY = 0.1
# Percent that must succeed: operations that fail test little else.
WORK_MIN, WORK_MAX = 60, 97


@dataclass
class Shape:
    """What there is below a root, by relative path."""
    files: list[str]
    others: list[str]       # symlinks, FIFOs
    dirs: list[str]         # without the root
    empty: list[str]        # directories
    free: list[str]         # names that nothing has, in directories that are there

    @classmethod
    def of(cls, root: Path, may_be: list[str]) -> Shape:
        shape, stack = cls([], [], [], [], []), [""]
        while stack:
            at = stack.pop()
            with os.scandir(root / at) as entries:
                found = sorted(entries, key=lambda e: e.name)
            for entry in found:
                path = at + entry.name
                if entry.is_dir(follow_symlinks=False):
                    shape.dirs.append(path)
                    stack.append(path + "/")
                else:
                    (shape.files if entry.is_file(follow_symlinks=False) else
                     shape.others).append(path)
            if at and not found:
                shape.empty.append(at.rstrip("/"))
            names = {entry.name for entry in found}
            shape.free += [at + name for name in may_be if name not in names]
        return shape


class Generator:
    """An endless sequence of operations, the same for the same seed and the same answers.

    Most operations are on what there is: they look at the bare lower first. The others,
    `stray` of them, name anything, and mostly fail.
    """

    names, dirs, stray = NAMES, DIRS, STRAY

    def __init__(self, seed: int, model: Subject) -> None:
        self.r = random.Random(seed)
        self.model = model
        self.made = 0
        self.shape = Shape([], [], [], [], [])
        pick = self.r.choice
        self.weighted: list[tuple[int, Callable[[], Op]]] = [
            (9, lambda: ("create", self.one("free"), self.mode(), pick([0, os.O_EXCL]))),
            (4, lambda: ("mkdir", self.one("free"), self.mode() | 0o700)),
            (2, lambda: ("mkdir", pick(self.dirs[1:]).rstrip("/"), 0o755)),
            (2, lambda: ("symlink", pick(self.names), self.one("free"))),
            (1, lambda: ("mknod", self.one("free"), stat.S_IFIFO | 0o640)),
            (5, lambda: ("link", self.one("files", "others"), self.one("free"))),
            (7, lambda: ("unlink", self.one("files", "others"))),
            (3, lambda: ("rmdir", self.one("empty"))),
            (6, lambda: ("rename", self.one("files", "others"), self.one("free", "files"))),
            (4, lambda: ("rename", self.one("dirs"), self.one("free", "empty"))),
            (1, lambda: ("rename", self.one("dirs"), self.one("dirs"))),
            (2, lambda: ("rename", self.any(), self.one("free"), NOREPLACE)),
            (2, lambda: ("rename", self.any(), self.any(), EXCHANGE)),
            (12, lambda: ("write", self.one("files"), pick(SIZES), self.data())),
            (4, lambda: ("append", self.one("files"), self.data())),
            (4, lambda: ("truncate", self.one("files"), pick(SIZES))),
            (4, lambda: ("chmod", self.any(), self.mode())),
            (2, lambda: ("chown", self.any(), pick([-1, 0, 7]), pick([-1, 8]))),
            (2, lambda: ("times", self.any(), self.r.randrange(2**60), self.r.randrange(2**60))),
            (4, lambda: ("setxattr", self.one("files", "dirs"), pick(["user.a", "trusted.b"]),
                         self.data()[:pick([0, 5, 300])])),
            (2, self.remove_xattr),
            (1, lambda: ("setxattr", self.one("files", "dirs"), ACCESS, pick([NAMED, MINIMAL]))),
            (1, lambda: ("setxattr", self.one("dirs"), DEFAULT, pick([NAMED, MINIMAL]))),
            (4, lambda: ("keep", pick("kl"), self.one("files"))),
            (4, lambda: ("keep_write", self.kept(), pick(SIZES), self.data())),
            (2, lambda: ("keep_read", self.kept(), 0, 200_000)),
            (3, lambda: ("keep_stat", self.kept())),
            (1, lambda: ("keep_truncate", self.kept(), pick(SIZES))),
            (2, lambda: ("drop", self.kept())),
            (6, lambda: ("stat", self.any())),
            (4, lambda: ("read", self.one("files"))),
            (3, lambda: ("list", self.one("dirs"))),
            (2, lambda: ("listxattr", self.any())),
        ]

    def path(self) -> str:
        return self.r.choice(self.dirs) + self.r.choice(self.names)

    def one(self, *kinds: str) -> str:
        """One of these kinds, if there are any; or anything."""
        there = [path for kind in kinds for path in getattr(self.shape, kind)]
        return self.r.choice(there) if there and self.r.random() >= self.stray else self.path()

    def any(self) -> str:
        return self.one(*("dirs",) if self.r.random() < 0.25 else ("files", "others"))

    def kept(self) -> str:
        """A file that is kept open, mostly."""
        there = sorted(self.model.open_files)
        return self.r.choice(there if there and self.r.random() >= self.stray else "kl")

    def remove_xattr(self) -> Op:
        path = self.any()
        try:
            names = sorted(self.model.xattrs(path))
        except OSError:
            names = []
        return "removexattr", path, self.r.choice(names or ["user.a", ACCESS, DEFAULT])

    def mode(self) -> int:
        return self.r.choice([0o644, 0o600, 0o755, 0o4711, 0o2775, 0o1777])

    def data(self) -> bytes:
        self.made += 1
        return (b"%08d" % self.made) * self.r.choice([1, 100, 600, 9000])

    def next(self) -> Op:
        self.shape = Shape.of(self.model.root, self.names)
        return self.r.choices([m for _, m in self.weighted], [w for w, _ in self.weighted])[0]()


def opens_fifo(subject: Subject, op: Op) -> bool:
    """Opening a FIFO waits for its other end: not for this test."""
    if op[0] not in ("create", "write", "append", "truncate", "keep", "read"):
        return False
    try:
        return stat.S_ISFIFO(os.stat(subject.at(op[1])).st_mode)
    except OSError:
        return False


def sequence(harp: Path, bare: Path, seed: int, count: int) -> str:
    roots = [base / f"seed{seed}" for base in (harp, bare)]
    for root in roots:
        root.mkdir()
    one, two = (Subject(root) for root in roots)
    generator, worked = Generator(seed, two), 0
    done: list[Op] = []
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
    share = worked * 100 // len(done)
    assert WORK_MIN <= share <= WORK_MAX, f"seed {seed}: {share} % of the operations succeeded"
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
