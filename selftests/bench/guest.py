#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""The part of the bench inside the kernel: measures, and writes figures.json to $HARP_OUT.

usage: guest.py JSON      {"rounds": N, "sync_rounds": N, "flush_ms": T, "works": [NAME…]}
"""
from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from lab import Pair, Subject, networks, slow_disk, subjects, touch_memory
from traces import commit_us, percentiles, processor, share, traced
from works import SMALL, WORKS, Work, make_source

CALIBRATE = 50
NAMES = ("primary", "backup", "sync", "async")


def note(text: str) -> None:
    print(f"# {text}", flush=True)


def fsync_ms(folder: Path) -> dict[str, float]:
    """What the disk makes of a 4 KiB append and fsync."""
    took = []
    fd = os.open(folder / "calibrate", os.O_WRONLY | os.O_CREAT, 0o600)
    for _ in range(CALIBRATE):
        begin = time.perf_counter()
        os.write(fd, bytes(4096))
        os.fsync(fd)
        took.append((time.perf_counter() - begin) * 1e3)
    os.close(fd)
    os.unlink(folder / "calibrate")
    return {"p50": round(statistics.median(took), 2), "min": round(min(took), 2),
            "max": round(max(took), 2)}


def settle(pair: Pair, cold: bool) -> None:
    """Nothing of what came before is still to be written, or, if @cold, cached."""
    pair.quiet()
    os.sync()
    if cold:
        Path("/proc/sys/vm/drop_caches").write_text("3")


def measure(work: Work, subject: Subject, pair: Pair, name: str) -> float:
    settle(pair, work.cold)
    with subject.mounted() as root:
        return work.value(work.run(root, name))


def rounds(config: dict[str, Any], found: list[Subject], pair: Pair,
           chosen: list[Work]) -> dict[str, dict[str, list[float]]]:
    """Subjects take turns, so that what disturbs the machine disturbs all of them."""
    runs: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for number in range(config["rounds"]):
        taking = [s for s in found
                  if s.name != "knfsd_sync" or number < config["sync_rounds"]]
        turn = number % len(taking)
        taking = taking[turn:] + taking[:turn]
        for work in chosen:
            for subject in taking:
                value = measure(work, subject, pair, str(number))
                runs[work.name][subject.name].append(round(value, 4))
            note(f"round {number + 1}: {work.name}: " + ", ".join(
                f"{s.name} {runs[work.name][s.name][-1]:.3f}" for s in taking) + f" {work.unit}")
    return runs


def profile(harp: Subject, pair: Pair, chosen: list[Work]) -> dict[str, Any]:
    """The small-file work once more on harp, traced: not among the figures."""
    took: list[float] = []
    by_work: dict[str, Any] = {}
    total: dict[str, float] = defaultdict(float)
    for work in chosen:
        if work.name not in SMALL:
            continue
        settle(pair, work.cold)
        with harp.mounted() as root, traced() as lines:
            seconds = work.run(root, "traced")
        spent = processor(lines, pair.threads)
        commits = commit_us(lines)
        took += commits
        by_work[work.name] = {"seconds": round(seconds, 4), "processor_s": spent,
                              "backup_cpu_share": round(share(spent, "harp_backup"), 4),
                              "commit_us": percentiles(commits)}
        for who, amount in spent.items():
            total[who] += amount
        note(f"traced: {work.name}: {seconds:.3f} s; {json.dumps(by_work[work.name])}")
    if not by_work:
        return {}
    return {"commit_us": percentiles(took),
            "backup_cpu_share": round(share(total, "harp_backup"), 4), "traced": by_work}


def main() -> int:
    config = json.loads(sys.argv[1])
    chosen = [w for w in WORKS if w.name in config["works"]]
    touch_memory()
    make_source()
    networks()
    disks = [slow_disk(disk, name, config["flush_ms"])
             for disk, name in zip(os.environ["HARP_DISKS"].split(), NAMES, strict=True)]
    with subjects(disks) as (found, pair):
        fsync = fsync_ms(found[0].path)
        note(f"a 4 KiB append and fsync on the disk: {fsync['p50']} ms "
             f"({fsync['min']} to {fsync['max']})")
        figures = {"disk": {"flush_ms": config["flush_ms"], "fsync_ms": fsync},
                   "runs": rounds(config, found, pair, chosen),
                   **profile(found[2], pair, chosen)}
        Path(os.environ["HARP_OUT"], "figures.json").write_text(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
