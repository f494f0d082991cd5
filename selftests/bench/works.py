# SPDX-License-Identifier: GPL-2.0
"""The work that is timed, and what is expected of it."""
from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

CREATES = 500
TREE_FILES, TREE_DIRS = 1000, 40
SYNC_WRITES, SYNC_SIZE = 500, 4096
STREAM, CHUNK = 64 << 20, 1 << 20
SOURCE = Path("/tmp/bench-source")


def make_source() -> None:
    """About 1,000 small files, sized like a source tree's; the same ones every time."""
    dice = random.Random(590)
    for n in range(TREE_FILES):
        folder = SOURCE / f"d{n % TREE_DIRS // 8}" / f"d{n % TREE_DIRS}"
        folder.mkdir(parents=True, exist_ok=True)
        size = min(64 << 10, int(dice.lognormvariate(8, 1.2)))
        (folder / f"file{n}.c").write_bytes(dice.randbytes(size))


def creates(root: Path, name: str) -> float:
    folder = root / f"creates-{name}"
    folder.mkdir()
    begin = time.perf_counter()
    for n in range(CREATES):
        os.close(os.open(folder / f"f{n}", os.O_WRONLY | os.O_CREAT, 0o644))
    return time.perf_counter() - begin


def tree(root: Path, name: str) -> float:
    begin = time.perf_counter()
    subprocess.run(["cp", "-a", SOURCE, root / f"tree-{name}"], check=True)
    return time.perf_counter() - begin


def sync_writes(root: Path, name: str) -> float:
    block = os.urandom(SYNC_SIZE)
    fd = os.open(root / f"sync-{name}", os.O_WRONLY | os.O_CREAT | os.O_SYNC, 0o644)
    begin = time.perf_counter()
    for _ in range(SYNC_WRITES):
        os.write(fd, block)
    took = time.perf_counter() - begin
    os.close(fd)
    return took


def stream(root: Path, name: str) -> float:
    chunk = os.urandom(CHUNK)
    fd = os.open(root / f"stream-{name}", os.O_WRONLY | os.O_CREAT, 0o644)
    begin = time.perf_counter()
    for _ in range(STREAM // CHUNK):
        os.write(fd, chunk)
    os.fsync(fd)
    took = time.perf_counter() - begin
    os.close(fd)
    return took


def read(root: Path, name: str) -> float:
    buffer = memoryview(bytearray(CHUNK))
    fd = os.open(root / f"stream-{name}", os.O_RDONLY)
    begin = time.perf_counter()
    total = 0
    while n := os.readv(fd, [buffer]):
        total += n
    took = time.perf_counter() - begin
    os.close(fd)
    if total != STREAM:
        raise RuntimeError(f"read {total} bytes of {STREAM}")
    return took


def list_all(root: Path, name: str) -> float:
    begin = time.perf_counter()
    subprocess.run(["ls", "-lR", root / f"tree-{name}"], check=True,
                   stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


@dataclass(frozen=True)
class Work:
    """@amount: what is divided by the seconds for a rate; 0: the seconds themselves.

    @cold: the server's caches are dropped first. The client's always are empty.
    """
    name: str
    title: str
    run: Callable[[Path, str], float]
    unit: str = "s"
    amount: float = 0
    cold: bool = False
    needs: str = ""		# the work whose files it looks at

    def value(self, seconds: float) -> float:
        return self.amount / seconds if self.amount else seconds

    def slower(self, one: float, two: float) -> float:
        """How many times as long @one takes as @two."""
        return two / one if self.amount else one / two


# In this order: the last ones look at what the first have made.
WORKS = [
    Work("creates", f"{CREATES} files created", creates),
    Work("tree", f"tree of {TREE_FILES} small files copied", tree),
    Work("sync_writes", "4 KiB O_SYNC writes", sync_writes, "MB/s",
         SYNC_WRITES * SYNC_SIZE / 1e6),
    Work("stream", "64 MiB written, then fsync", stream, "MB/s", STREAM / 1e6),
    Work("read_cold", "64 MiB read back, cold", read, "MB/s", STREAM / 1e6, cold=True,
         needs="stream"),
    Work("ls_lR", "ls -lR of the tree", list_all, needs="tree"),
    Work("ls_lR_cold", "ls -lR of the tree, cold", list_all, cold=True, needs="tree"),
]
SMALL = ("creates", "tree", "sync_writes")


@dataclass(frozen=True)
class Expectation:
    """Harp may take @factor times as long as the runs of @than, taken together."""
    work: str
    than: tuple[str, ...]
    factor: float
    words: str


LOWER = ("knfsd_sync", "knfsd_async")	# who only reads cannot tell them apart
EXPECTATIONS = [
    *(Expectation(w, ("knfsd_sync",), 1 / 10, "10 times as fast") for w in SMALL),
    *(Expectation(w, ("knfsd_async",), 2, "half as fast at least") for w in SMALL),
    Expectation("read_cold", LOWER, 1 / 0.9, "within 10 %"),
    Expectation("ls_lR", LOWER, 1.5, "within 1.5 times"),
    Expectation("ls_lR_cold", LOWER, 1.5, "within 1.5 times"),
]
