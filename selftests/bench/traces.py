# SPDX-License-Identifier: GPL-2.0
"""Tracepoints: how long a record takes to commit, and who has the processor."""
from __future__ import annotations

import re
import statistics
from collections import defaultdict
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

TRACING = Path("/sys/kernel/tracing")
EVENTS = ("harp/harp_append", "harp/harp_commit", "sched/sched_switch")
LINE = re.compile(r"^.{16}-\d+ +\[\d+\] \S+ +(?P<at>[\d.]+): (?P<event>\w+): (?P<rest>.*)$")
INDEX = re.compile(r"^\S+/(?P<member>\d+) index=(?P<index>\d+)")
SWITCH = re.compile(r"prev_comm=(?P<comm>.*?) prev_pid=(?P<pid>\d+) ")


@contextmanager
def traced() -> Iterator[list[str]]:
    """The list is filled with the trace's lines at the end."""
    lines: list[str] = []
    (TRACING / "trace_clock").write_text("mono")	# "local" counts in ticks here
    (TRACING / "buffer_size_kb").write_text("65536")
    (TRACING / "trace").write_text("")
    for event in EVENTS:
        (TRACING / "events" / event / "enable").write_text("1")
    try:
        yield lines
    finally:
        for event in EVENTS:
            (TRACING / "events" / event / "enable").write_text("0")
        stats = (TRACING / "per_cpu/cpu0/stats").read_text()
        if not re.search(r"^overrun: 0$", stats, re.MULTILINE):
            raise RuntimeError("the trace did not fit its buffer")
        lines += (TRACING / "trace").read_text().splitlines()
        (TRACING / "buffer_size_kb").write_text("64")


def events(lines: list[str]) -> Iterator[tuple[float, str, str]]:
    for line in lines:
        if found := LINE.match(line):
            yield float(found["at"]), found["event"], found["rest"]


def commit_us(lines: list[str], member: int = 0) -> list[float]:
    """Append to commit of each record at the primary; one commit may cover several."""
    waiting: dict[int, float] = {}
    took: list[float] = []
    committed = 0
    for at, event, rest in events(lines):
        found = INDEX.match(rest) if event.startswith("harp_") else None
        if not found or int(found["member"]) != member:
            continue
        index = int(found["index"])
        if event == "harp_append" and index > committed:
            waiting[index] = at
        elif event == "harp_commit":
            committed = index
            for one in [i for i in waiting if i <= index]:
                took.append((at - waiting.pop(one)) * 1e6)
    return took


def percentiles(values: list[float]) -> dict[str, float | int]:
    if len(values) < 100:
        raise RuntimeError(f"{len(values)} records were traced")
    cut = statistics.quantiles(values, n=100)
    return {"p50": round(cut[49], 1), "p99": round(cut[98], 1), "records": len(values)}


def processor(lines: list[str], threads: dict[int, set[int]]) -> dict[str, float]:
    """Seconds of the one processor by whom they went to; @threads: of each member.

    What an interrupt does counts for the thread it came upon.
    """
    owner = {pid: ("harp_primary", "harp_backup")[m] for m, pids in threads.items()
             for pid in pids}
    spent: dict[str, float] = defaultdict(float)
    since: float | None = None
    for at, event, rest in events(lines):
        found = SWITCH.match(rest) if event == "sched_switch" else None
        if not found:
            continue
        if since is not None:
            pid, comm = int(found["pid"]), found["comm"]
            who = "idle" if pid == 0 else owner.get(pid) or kind(comm)
            spent[who] += at - since
        since = at
    return {who: round(seconds, 4) for who, seconds in sorted(spent.items())}


def kind(comm: str) -> str:
    """Groups of other threads; work queues serve the client's RPC and much else."""
    if comm.startswith("kworker"):
        return "kworker"
    if comm == "nfsd":
        return "nfsd"
    return "client" if comm.startswith(("cp", "python", "ls")) else "other"


def share(spent: dict[str, float], who: str) -> float:
    busy = sum(seconds for name, seconds in spent.items() if name != "idle")
    return spent.get(who, 0) / busy if busy else 0
