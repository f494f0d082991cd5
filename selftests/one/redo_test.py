#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Redo is invisible (I4): from what a crash leaves of a lower at any moment, the records after
its LB lead to the same tree as applying each once.

usage: redo_test.py [ext4] [xfs] [--random] [--seconds S] [--sequences N] [--seed N]
                    [--state K] [WORD…]

A sequence is some operations, made from its seed, on a pair whose primary's lower has its
writes recorded; among them are LB passes and what else makes the lower write something out.
Then for each flush, and for a sample of the moments between, the lower is made as a crash at
that moment would have left it, mounted, and given the records to redo: as a backup on the record link,
or fed to it before it enters its view as backup or primary; for a sample of those the same again
from a crash during redo. WORD: only fixed cases whose title has it.
A failure names seed and state: --seed N --sequences 1 --state K does that one again.
"""
from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import random
import shutil
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterator

from crashlog import CrashImage, RecordedDisk, Write, flush_states, state_between
from one import Ktap, Rig, disks, freeze, libc, walk
from random_test import Generator, opens_fifo
from redo import LINKED, Discarded, History, Model, Redone, Way
from redo_cases import CASES
from subject import EXCHANGE, Op, Subject

SIZES = {"ext4": 64 << 20, "xfs": 320 << 20}
BEFORE, OPS = 8, (4, 32)            # operations before the states begin, and of a sequence
BETWEEN = 0.25                      # states between flushes, for each flush
RESTS = 0.2                         # of the states: an LB pass during redo
AGAIN = 0.12                        # of the states: a crash during redo, too
TRIES = 5                           # of a sequence that both disks have too soon
WAYS = [LINKED] * 4 + [Way(0.0), Way(0.6), Way(1.0), Way(0.0, True), Way(0.6, True),
                       Way(1.0, True)]
READS = ("stat", "read", "list", "listxattr", "keep_read", "keep_stat")
WAIT_WRITE_WAIT = 7                 # sync_file_range(2): all that is dirty, and wait
SETTLED = "settled"                 # LB is behind everything so far, and the states begin


class Rough(Generator):
    """What redo may stumble over: few names, that are taken, given up and taken again."""
    names, dirs, stray = ["a", "b", "c"], ["", "a/", "b/"], 0.03

    def __init__(self, seed: int, model: Subject) -> None:
        super().__init__(seed, model)
        self.weighted += [
            (15, lambda: ("rename", self.any(), self.any())),
            (12, lambda: ("rename", self.any(), self.one("free"))),
            (8, lambda: ("rename", self.one("dirs"), self.one("free", "empty"))),
            (8, lambda: ("rename", self.any(), self.any(), EXCHANGE)),
            (8, lambda: ("mkdir", self.one("free"), 0o755)),
            (8, lambda: ("create", self.one("free"))),
            (8, lambda: ("unlink", self.one("files", "others"))),
            (5, lambda: ("rmdir", self.one("empty"))),
        ]

    def next(self) -> Op:
        while (op := super().next())[0] in READS:
            pass
        return op


class Writer:
    """Does the operations, and what makes the primary's lower write something out."""

    def __init__(self, rig: Rig) -> None:
        self.rig, self.subject = rig, Subject(rig.p.mnt)
        self.history = History(rig.harp, rig.group, 0)

    def do(self, op: Op) -> bool:
        if op[0].startswith("lower-"):
            getattr(self, op[0].replace("-", "_"))(*op[1:])
            return True
        if opens_fifo(self.subject, op):
            return False
        done = self.subject.do(op)[0] == "ok"
        self.history.gather()
        return done

    def lower_pass(self) -> None:
        """An LB pass."""
        self.rig.harp.verb("sync", self.rig.group, 0)

    def lower_sync(self) -> None:
        """All that is dirty, but LB does not know."""
        fd = os.open(self.rig.p.lower, os.O_RDONLY)
        libc("syncfs", fd)
        os.close(fd)

    def lower_fsync(self, path: str) -> None:
        """One file, or with it the journal, or its data alone; often it is none by now."""
        try:
            fd = os.open(self.rig.p.lower / path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        except OSError:
            return
        try:
            os.fsync(fd)
        except OSError:
            pass                    # a FIFO has nothing to sync
        os.close(fd)

    def lower_data(self, path: str) -> None:
        """A file's data, in place, ahead of the journal."""
        try:
            fd = os.open(self.rig.p.lower / path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        except OSError:
            return
        libc("sync_file_range", fd, ctypes.c_long(0), ctypes.c_long(0), WAIT_WRITE_WAIT)
        os.close(fd)

    def lower_freeze(self) -> None:
        freeze(self.rig.p.lower)()

    def close(self) -> None:
        self.subject.close()
        self.history.gather()


def random_ops(seed: int, writer: Writer) -> Iterator[Op]:
    """What is there first, then what the states are made of."""
    generator = Rough(seed, writer.subject)
    r = random.Random(f"{seed} lower")
    yield from (("mkdir", "a"), ("mkdir", "b"), ("create", "c"), ("create", "a/b"))
    for _ in range(r.randrange(BEFORE)):
        yield generator.next()
    yield (SETTLED,)
    count = r.randrange(*OPS)
    written = r.sample(range(count), r.randrange(4))
    for number in range(count):
        yield generator.next()
        if number in written:
            yield lower_op(r, writer)


def lower_op(r: random.Random, writer: Writer) -> Op:
    """Some part of what is dirty on the lower is written out."""
    found = [f"tree/{name}" for name, _ in walk(writer.rig.p.tree)]
    return r.choices([("lower-pass",), ("lower-sync",), ("lower-freeze",),
                      ("lower-fsync", r.choice([*found, ".harp/orphans"])),
                      ("lower-data", ".harp/rows")], [3, 5, 1, 8, 3])[0]


@dataclass
class Tally:
    sequences: int = 0
    states: int = 0
    fed: int = 0
    primaries: int = 0
    again: int = 0
    discarded: int = 0
    records: int = 0
    seen: dict[str, int] = field(default_factory=dict)

    def note(self, redone: Redone, way: Way) -> None:
        self.states += 1
        self.fed += way.fed is not None and not way.primary
        self.primaries += way.primary
        for name, count in redone.counters.items():
            self.seen[name] = self.seen.get(name, 0) + count

    def __str__(self) -> str:
        seen = ", ".join(f"{name} {count}" for name, count in self.seen.items())
        return (f"{self.sequences} sequences, {self.records} records, {self.states} states, "
                f"{self.fed} fed before, {self.primaries} primaries, {self.again} crashes during redo, "
                f"{self.discarded} begun anew; {seen}")


class Bench:
    """The pair, the record of its primary's disk, and the disk that crash images are made on."""

    def __init__(self, kind: str) -> None:
        self.kind, self.tally = kind, Tally()
        self.stack = contextlib.ExitStack()
        self.rig = Rig(kind, region="mem:16M", small=kind == "ext4", block=4096)

    def __enter__(self) -> Bench:
        self.disk = RecordedDisk(f"p-{self.kind}", SIZES[self.kind])
        self.stack.callback(self.disk.remove)
        self.rig.p.disk = self.disk.path
        self.stack.enter_context(self.rig)
        self.settle()
        self.disk.read()
        self.image = CrashImage(f"crash-{self.kind}", self.disk)
        self.stack.callback(self.image.remove)
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def settle(self) -> None:
        """Everything is applied, and durable, on both."""
        self.rig.settle()
        for member in self.rig.members:
            self.rig.harp.verb("sync", self.rig.group, member.slot)

    def empty(self) -> None:
        for entry in os.scandir(self.rig.p.mnt):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            else:
                os.unlink(entry.path)

    def sequence(self, title: str, seed: int, ops: list[Op] | None, only: int | None) -> None:
        """One sequence, and all states of it, or one."""
        for left in reversed(range(TRIES)):
            try:
                self.once(title, seed, iter(ops) if ops else None, only)
                return
            except Discarded:
                self.tally.discarded += 1
                if not left:
                    raise
                self.settle()
                self.image.advance(self.disk.read())

    def once(self, title: str, seed: int, ops: Iterator[Op] | None, only: int | None) -> None:
        self.empty()
        with contextlib.closing(Writer(self.rig)) as writer:
            done = self.write(writer, ops or random_ops(seed, writer))
            writes, model = self.disk.read(), Model(self.rig.b.lower)
            said = self.explore(writes, model, writer.history, seed, only)
        self.image.advance(writes)
        self.tally.sequences += 1
        self.tally.records += len(writer.history.records)
        if said:
            raise AssertionError(f"{title}: {said}\nafter:\n" + "\n".join(done))

    def write(self, writer: Writer, ops: Iterator[Op]) -> list[str]:
        """What was done."""
        done = []
        for op in ops:
            if op[0] == SETTLED:
                writer.history.gather()
                self.settle()
                self.image.advance(self.disk.read())
                writer.history = History(self.rig.harp, self.rig.group, 0)
            elif writer.do(op):
                done.append(f"{writer.history.top} {op!r:.100}")
                continue
            done.append(f"{op!r:.100}")
        writer.history.gather()
        self.settle()
        return done

    def explore(self, writes: list[Write], model: Model, history: History, seed: int,
                only: int | None) -> str:
        """What is wrong with the first state that something is wrong with."""
        r = random.Random(f"{seed} states")
        states = flush_states(writes)
        states += [state_between(writes, r) for _ in range(1 + int(len(states) * BETWEEN))]
        for number, state in enumerate(states):
            again = random.Random(f"{seed} {number}")
            rest = again.random() if again.random() < RESTS else None
            if only not in (None, number):
                continue
            said = self.crash(state.of(writes), model, history, again.choice(WAYS), rest)
            if not said and again.random() < AGAIN:
                said = self.crash_again(state.of(writes), model, history, again)
            if said:
                return (f"--seed {seed} --state {number} of {len(states)}, {state} of "
                        f"{len(writes)}: {said}")
        return ""

    def crash(self, writes: list[Write], model: Model, history: History, way: Way,
              rest: float | None = None) -> str:
        self.image.make(writes)
        with Redone(self.rig.harp, self.image.disk.path, self.kind) as redone:
            try:
                redone.redo(history, rest, way)
            except AssertionError as error:
                return f"as {way}: {error}"
            self.tally.note(redone, way)
            bad = redone.compare(model)
        return f"after redo as {way} from {redone.lb} to {history.top}:\n{bad}" if bad else ""

    def crash_again(self, writes: list[Write], model: Model, history: History,
                    r: random.Random) -> str:
        """From a crash during the redo that was just done."""
        redo = self.image.disk.read()
        self.image.differ(redo)
        state = r.choice([*flush_states(redo), state_between(redo, r)])
        self.tally.again += 1
        said = self.crash(writes + state.of(redo), model, history, r.choice(WAYS))
        return f"redone from a crash during redo, {state} of {len(redo)}: {said}" if said else ""


def sequences(bench: Bench, args: argparse.Namespace) -> str:
    bench.tally = Tally()
    end = time.monotonic() + args.seconds
    seed = args.seed
    while seed < args.seed + args.sequences and time.monotonic() < end:
        bench.sequence(f"seed {seed}", seed, None, args.state)
        seed += 1
    return str(bench.tally)


def case(bench: Bench, title: str, ops: list[Op], only: int | None) -> str:
    bench.tally = Tally()
    bench.sequence(title, 0, ops, only)
    return str(bench.tally)


def parse() -> tuple[argparse.Namespace, list[str]]:
    """And the lowers, which are out of its words then."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=90)
    parser.add_argument("--sequences", type=int, default=1 << 30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--state", type=int)
    parser.add_argument("--random", action="store_true")
    parser.add_argument("words", nargs="*")
    args = parser.parse_args()
    kinds = [kind for kind in SIZES if kind in args.words] or list(SIZES)
    args.words = [word for word in args.words if word not in SIZES]
    return args, kinds


def main() -> int:
    args, kinds = parse()
    cases = [] if args.random else [
        c for c in CASES if not args.words or any(word in c[0] for word in args.words)]
    if len(disks()) < 2:
        print("1..0 # SKIP needs two disks in HARP_DISKS")
        return 0
    os.umask(0o022)
    # Writing out is the test's to time.
    Path("/proc/sys/vm/dirty_writeback_centisecs").write_text("0")
    t = Ktap(len(kinds) * (len(cases) + (not args.words)))
    for kind in kinds:
        with Bench(kind) as bench:
            for title, ops in cases:
                t.run(f"{kind}: {title}", lambda o=ops, n=title: case(bench, n, o, args.state))
            if not args.words:
                t.run(f"{kind}: random sequences from seed {args.seed}",
                      lambda: sequences(bench, args))
    return t.end()


if __name__ == "__main__":
    sys.exit(main())
