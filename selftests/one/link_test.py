#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""The record link cut and made again under load; a small log that fills."""
from __future__ import annotations

import errno
import os
import sys
import threading
import time
from pathlib import Path

from one import Ktap, Rig, same_copies


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


def parked(*threads: threading.Thread, timeout: float = 30) -> None:
    """Until all of them wait in the module: nothing else waits as TASK_IDLE."""
    end = time.monotonic() + timeout
    for thread in threads:
        stat = Path(f"/proc/self/task/{thread.native_id}/stat")
        while (state := stat.read_text().rpartition(")")[2].split()[0]) != "I":
            assert time.monotonic() < end, f"not parked, but in state {state}"
            time.sleep(0.01)


def cut(rig: Rig) -> str:
    load = Load(rig.p.mnt, "cut")
    load.after(20)
    for n in range(3):
        homes = [rig.p.mnt / f"cut{n}-{k}" for k in range(2)]  # of each its own: mkdir locks it
        for home in homes:
            home.mkdir()
        rig.harp.verb("link-drop", rig.group, 1)
        rig.harp.wait(rig.group, 0, lambda s: not s["link_up"])
        # Nothing commits without the backup: whoever modifies something waits. The first
        # to do so gives the last ACK the time to be heard.
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
    rig.harp.verb("link-drop", rig.group, 0)
    rig.harp.wait(rig.group, 1, lambda s: not s["link_up"])
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


def log_fills(rig: Rig) -> str:
    """The ring holds 4 MiB: 24 MiB go through it, waiting for the lowers' write-back."""
    before = rig.harp.get(rig.group, 0)
    block = os.urandom(1 << 20)
    fd = os.open(rig.p.mnt / "big", os.O_CREAT | os.O_RDWR, 0o600)
    begin = time.monotonic()
    for n in range(24):
        assert os.pwrite(fd, block, n << 20) == 1 << 20
        kept_what_is_needed(rig)
    took = time.monotonic() - begin
    os.close(fd)
    after = rig.harp.get(rig.group, 0)
    waits = after["wait_full"] - before["wait_full"]
    # Left to the pass that comes every five seconds, a wait would take half of that.
    assert waits and took < 1.5 * waits, f"{waits} waits for room took {took:.1f} s"
    # 24 MiB do not fit into 4: all that was there before must have gone.
    assert after["base"] > before["top"], "the log holds more than it can"
    data = (rig.p.mnt / "big").read_bytes()
    assert data == block * 24
    same_copies(rig)
    return f"{waits} waits for room, {took:.1f} s"


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
    rig.harp.verb("link-drop", rig.group, 0)
    before = rig.harp.wait(rig.group, 0, lambda s: not s["link_up"])
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


def main() -> int:
    kinds = sys.argv[1:] or ["ext4", "xfs"]
    t = Ktap(len(kinds) * 6)
    for kind in kinds:
        with Rig(kind) as rig:
            for title, test in (
                    ("the backup's link cut and made again under load", cut),
                    ("without the backup operations wait, and end with success", cut_and_wait),
                    ("six links in a row under load", links_in_a_row)):
                t.run(f"{kind}: {title}", lambda x=test: x(rig))
        with Rig(kind, region="mem:4M", tcp="127.0.0.1") as rig:
            for title, test in (
                    ("a log of 4 MiB takes 24 MiB of data", log_fills),
                    ("a log of 4 MiB takes many small files", log_fills_with_names),
                    ("what waits is let go by a release", released)):
                t.run(f"{kind}: {title}", lambda x=test: x(rig))
    return t.end()


if __name__ == "__main__":
    sys.exit(main())
