#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""The record link cut and made again under load; small logs that fill.

Words: ext4, xfs, and words of the tests' names."""
from __future__ import annotations

import errno
import fcntl
import os
import sys
import threading
import time
from pathlib import Path
from typing import Callable

from one import Ktap, Member, Rig, asked, asked_kinds, harpnl, parked, same_copies

FIFREEZE, FITHAW = 0xc0045877, 0xc0045878
PERIOD = 5.0            # seconds between passes that nothing asks for: HARP_SYNC_PERIOD
HIGH, LOW = 65, 55      # per cent: HARP_REGION_HIGH_PCT, _LOW_PCT
STEP = 224 << 10        # about 3 % of the larger log


class Load(threading.Thread):
    """Writes, renames and removes until told to stop; remembers what must be there."""

    def __init__(self, root: Path, name: str) -> None:
        super().__init__(daemon=True)
        self.root, self.ended = root / name, threading.Event()
        self.done, self.worst, self.error = 0, 0.0, ""
        self.files: dict[str, bytes] = {}
        self.start()

    def run(self) -> None:
        try:
            self.root.mkdir()
            while not self.ended.is_set():
                begin = time.monotonic()
                self.step(self.done)
                self.worst = max(self.worst, time.monotonic() - begin)
                self.done += 1
        except OSError as error:
            self.error = repr(error)

    def step(self, n: int) -> None:
        name, data = f"f{n % 20}", b"%08d" % n * (1 + n % 3000)
        (self.root / "new").write_bytes(data)
        os.rename(self.root / "new", self.root / name)
        self.files[name] = data
        if n % 7 == 0:
            victim = f"f{n * 3 % 20}"
            if self.files.pop(victim, None) is not None:
                os.unlink(self.root / victim)

    def stop(self) -> None:
        self.ended.set()
        self.join()
        assert not self.error, self.error
        found = {p.name: p.read_bytes() for p in self.root.iterdir()}
        assert found == self.files, f"{set(found) ^ set(self.files)} differ"

    def after(self, steps: int, timeout: float = 60) -> None:
        """Until that many more steps have been made."""
        until, end = self.done + steps, time.monotonic() + timeout
        while self.done < until:
            assert not self.error, self.error
            assert time.monotonic() < end, f"load stands still at {self.done}"
            self.ended.wait(0.02)


def cut(rig: Rig) -> str:
    load = Load(rig.p.mnt, "cut")
    load.after(20)
    for n in range(3):
        homes = [rig.p.mnt / f"cut{n}-{k}" for k in range(2)]  # of each its own: mkdir locks it
        for home in homes:
            home.mkdir()
        rig.drop_link(1)
        # Nothing commits without the backup: whoever modifies something waits. What the
        # last ACK committed is done first.
        rig.harp.wait(rig.group, 0, lambda s: s["ap"] == s["cp"])
        seen: list[tuple[int, int]] = []
        others = [threading.Thread(target=(home / "new").mkdir, daemon=True) for home in homes]
        for other in others:
            other.start()
            parked(load, other)
            cp, has = (rig.harp.get(rig.group, 0)["cp"], rig.harp.get(rig.group, 1)["top"])
            assert cp <= has, f"committed {cp}, the backup has {has}"
            seen.append((load.done, cp))
        assert seen[0] == seen[1], f"steps and commits without the backup: {seen}"
        rig.relink()
        load.after(20)
        for other, home in zip(others, homes):
            other.join(30)
            assert not other.is_alive() and (home / "new").is_dir()
    load.stop()
    same_copies(rig)
    return f"{load.done} steps, the longest {load.worst * 1000:.0f} ms"


def cut_and_wait(rig: Rig) -> None:
    """While the link is down operations wait; then they end, all of them with success."""
    rig.drop_link(0)
    loads = [Load(rig.p.mnt, f"wait{n}") for n in range(3)]
    cp = rig.harp.get(rig.group, 0)["cp"]
    # Until the lease has run out: then not even an answer from state is given.
    rig.harp.wait(rig.group, 0, lambda s: s["lease_left_ms"] <= 0, 30)
    reader = threading.Thread(target=os.listdir, args=(rig.p.mnt,), daemon=True)
    reader.start()
    parked(reader)
    assert all(load.done == 0 for load in loads), "something was done without the backup"
    assert rig.harp.get(rig.group, 0)["cp"] == cp, "committed without the backup"
    rig.relink()
    for load in loads:
        load.after(5)
        load.stop()
    reader.join(30)
    assert not reader.is_alive(), "a read still waits"
    same_copies(rig)


def links_in_a_row(rig: Rig) -> None:
    """A new socket takes the old one's place; every record comes once."""
    load = Load(rig.p.mnt, "row")
    for _ in range(6):
        load.after(3)
        rig.relink()
    load.stop()
    same_copies(rig)


def kept_what_is_needed(rig: Rig) -> None:
    """D1: a log lets a record go only when both lowers hold it durably, and says
    nothing of room it has not got."""
    for member in rig.members:
        state = rig.harp.get(rig.group, member.slot)
        for other in rig.members:
            lb = rig.harp.get(rig.group, other.slot)["lb"]
            assert state["base"] <= lb + 1, (f"member {member.slot} let {state['base'] - 1} go, "
                                             f"member {other.slot} holds {lb}")
        assert state["ring_used"] <= state["ring_size"], state


def through(rig: Rig) -> tuple[float, int]:
    """Four writers put 24 MiB through the log; seconds, and how often somebody waited."""
    block, paths = os.urandom(1 << 20), [rig.p.mnt / f"big{n}" for n in range(4)]

    def write(path: Path) -> None:
        with open(path, "wb", buffering=0) as f:
            for _ in range(6):
                f.write(block)

    before, begin = rig.harp.get(rig.group, 0), time.monotonic()
    writers = [threading.Thread(target=write, args=(path,), daemon=True) for path in paths]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        kept_what_is_needed(rig)
    took = time.monotonic() - begin
    after = rig.harp.get(rig.group, 0)
    # 24 MiB do not fit into 4: all that was there before must have gone.
    assert after["base"] > before["top"], "the log holds more than it can"
    for path in paths:
        assert path.read_bytes() == block * 6, path.name
    return took, after["wait_full"] - before["wait_full"]


def log_fills(rig: Rig) -> str:
    """The ring holds 4 MiB, two records of one for certain: who waits for room waits for
    both lowers' write-back, which is asked for."""
    runs = [through(rig)]
    # It is full six times at least; unasked, the backup's pass would take five seconds to
    # come each time. A machine that is busy may need longer now and then.
    while min(runs)[0] >= 4 * PERIOD and len(runs) < 3:
        runs.append(through(rig))
    assert all(waits for _, waits in runs), f"nobody had to wait: {runs}"
    assert min(runs)[0] < 4 * PERIOD, f"seconds, waits for room: {runs}"
    same_copies(rig)
    return ", ".join(f"{took:.1f} s with {waits} waits for room" for took, waits in runs)


def fill(rig: Rig) -> float:
    """Per cent of the primary's ring that is taken."""
    state = rig.harp.get(rig.group, 0)
    return 100 * state["ring_used"] / state["ring_size"]


def emptied(rig: Rig) -> None:
    """Nothing is left in the logs that the lowers have not got."""
    rig.settle()
    for member in rig.members:
        rig.harp.verb("sync", rig.group, member.slot)
    for member in rig.members:
        rig.harp.wait(rig.group, member.slot, lambda s: s["ring_used"] == 0)


def write_until(rig: Rig, fd: int, good: Callable[[], bool]) -> None:
    """The backup is never more than a quarter of the log behind: that holds nobody up."""
    at = os.fstat(fd).st_size
    for _ in range(30):
        if good():
            return
        at += os.pwrite(fd, bytes(STEP), at)
        rig.harp.wait(rig.group, 0, lambda s: s["peer_ap"] + 8 >= s["top"])
    raise AssertionError(f"as much as the log holds was written, {fill(rig):.0f} % are taken")


def marks(rig: Rig) -> str:
    """Above the high mark both lowers are written back, before anybody has to wait and
    long before the pass that comes every five seconds; below it nothing is told."""
    events, told, took = harpnl.Events(), [], []

    def is_told() -> bool:
        while new := events.read(0):
            told.extend(e["value"] for e in new if (e["event"], e["member"]) == ("log-high", 0))
        return bool(told)

    def once(fd: int) -> float:
        begin = time.monotonic()
        emptied(rig)
        is_told()
        told.clear()
        before = rig.harp.get(rig.group, 0)["wait_full"]
        write_until(rig, fd, lambda: fill(rig) >= HIGH - 5)
        assert not is_told(), f"told at {told} per cent"
        write_until(rig, fd, is_told)
        assert HIGH <= told[0] < HIGH + 5, f"told at {told} per cent"
        after = rig.harp.wait(rig.group, 0,
                              lambda s: 100 * s["ring_used"] < LOW * s["ring_size"])
        assert after["wait_full"] == before, "somebody had to wait"
        return time.monotonic() - begin

    with open(rig.p.mnt / "marks", "wb") as f:
        # Unasked, the next pass of the backup's would come no sooner after that of emptied().
        # A machine that is busy may need longer now and then.
        while min(took, default=PERIOD) >= PERIOD and len(took) < 5:
            took.append(once(f.fileno()))
    events.harp.close()
    assert min(took) < PERIOD, f"nobody asked for write-back: {took}"
    same_copies(rig)
    return ", ".join(f"{seconds:.1f}" for seconds in took) + " s"


class Frozen:
    """A lower that takes nothing."""

    def __init__(self, member: Member) -> None:
        self.fd = os.open(member.lower, os.O_RDONLY)

    def __enter__(self) -> Frozen:
        fcntl.ioctl(self.fd, FIFREEZE, 0)
        return self

    def __exit__(self, *_: object) -> None:
        fcntl.ioctl(self.fd, FITHAW, 0)
        os.close(self.fd)


def lags(rig: Rig) -> str:
    """A backup that cannot apply holds the primary up when half of the ring is its to
    apply: what it has to redo at a takeover is part of the outage."""
    blocks, done = [os.urandom(STEP) for _ in range(28)], threading.Event()

    def write() -> None:
        with open(rig.p.mnt / "lags", "wb", buffering=0) as f:
            for block in blocks:
                f.write(block)
        done.set()

    emptied(rig)
    before = rig.harp.get(rig.group, 0)
    writer = threading.Thread(target=write, daemon=True)
    with Frozen(rig.b):
        writer.start()
        rig.harp.wait(rig.group, 0, lambda s: s["wait_full"] > before["wait_full"], 30)
        parked(writer)
        state, percent = rig.harp.get(rig.group, 0), fill(rig)
        assert 50 < percent < 60, f"held up with {percent:.0f} % of the log taken"
        assert state["peer_ap"] < state["ap"] == state["top"], state
        assert state["serving"] and not done.is_set(), state
    writer.join(30)
    assert done.is_set(), "the writer still waits"
    assert (rig.p.mnt / "lags").read_bytes() == b"".join(blocks)
    same_copies(rig)
    return f"held up at {percent:.0f} %"


def log_fills_with_names(rig: Rig) -> str:
    """Small records fill it as well."""
    before = rig.harp.get(rig.group, 0)
    for n in range(60):
        path = rig.p.mnt / f"n{n}"
        path.write_bytes(b"x" * 100_000)
        os.truncate(path, 5)
        os.rename(path, rig.p.mnt / f"m{n}")
        kept_what_is_needed(rig)
    for n in range(60):
        assert (rig.p.mnt / f"m{n}").read_bytes() == b"x" * 5
        os.unlink(rig.p.mnt / f"m{n}")
    after = rig.harp.get(rig.group, 0)
    assert after["base"] > before["top"], "6 MB of records, and none of 4 MiB has gone"
    # Made, written, truncated, renamed, removed: a record each at least.
    records = after["top"] - before["top"]
    assert records >= 5 * 60, f"only {records} records"
    same_copies(rig)
    return f"{records} records"


def released(rig: Rig) -> None:
    """Who waits for a commit waits on when the member has left its view, and is let go by
    a release, with ESTALE: it may have been committed by then, or may never be."""
    results: dict[int, int] = {}
    homes = [rig.p.mnt / f"released{n}" for n in range(4)]  # of each its own: mkdir locks it
    for home in homes:
        home.mkdir()

    def one(n: int) -> None:
        try:
            (homes[n] / "new").mkdir()
            results[n] = 0
        except OSError as error:
            results[n] = error.errno or 0

    rig.settle()
    rig.drop_link(0)
    before = rig.harp.get(rig.group, 0)
    waiting = [threading.Thread(target=one, args=(n,), daemon=True) for n in range(4)]
    for thread in waiting:
        thread.start()
    parked(*waiting)
    # A lease that runs out on a slow machine keeps the last of them from the log.
    logged = rig.harp.get(rig.group, 0)["top"] - before["top"]
    assert 0 < logged <= 4, f"{logged} of four were logged"
    rig.harp.verb("leave", rig.group, 0)
    assert sum(t.is_alive() for t in waiting) >= logged, f"left, and answered: {results}"
    rig.harp.verb("release", rig.group, 0)
    for thread in waiting:
        thread.join(30)
        assert not thread.is_alive(), "an operation still waits"
    # mkdir(2) tries once more after ESTALE, and is then told that this is no primary.
    assert len(results) == 4 and set(results.values()) <= {errno.ESTALE, errno.ETIMEDOUT}, results
    after = rig.harp.get(rig.group, 0)
    released_now = after["released"] - before["released"]
    assert logged <= released_now <= 4, f"{logged} were logged, {released_now} released"
    assert after["cp"] == before["cp"], "a release committed something"
    for member in rig.members:
        assert not any((member.tree / home.name / "new").exists() for home in homes)


LARGER: list[tuple[str, Callable[[Rig], str | None]]] = [
    ("the backup's link cut and made again under load", cut),
    ("without the backup operations wait, and end with success", cut_and_wait),
    ("six links in a row under load", links_in_a_row),
    ("write-back begins at the high mark", marks),
    ("a backup that lags by half of the log holds writers up", lags),
]
SMALLEST: list[tuple[str, Callable[[Rig], str | None]]] = [
    ("a log of 4 MiB takes 24 MiB of data", log_fills),
    ("a log of 4 MiB takes many small files", log_fills_with_names),
    ("what waits is let go by a release", released),
]


def main() -> int:
    kinds, larger, smallest = asked_kinds(), asked(LARGER), asked(SMALLEST)
    t = Ktap(len(kinds) * (len(larger) + len(smallest)))
    for kind in kinds:
        for tests, rig in ((larger, Rig(kind, region="mem:7M")),
                           (smallest, Rig(kind, region="mem:4M", tcp="127.0.0.1"))):
            if not tests:
                continue
            with rig:
                for title, test in tests:
                    if not t.run(f"{kind}: {title}", lambda x=test, r=rig: x(r)):
                        rig.let_go()    # its loads are still at work
                        break
    return t.end()


if __name__ == "__main__":
    sys.exit(main())
