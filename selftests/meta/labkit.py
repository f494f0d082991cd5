# SPDX-License-Identifier: GPL-2.0
"""What the tests of the lab's two back ends share: one lab, and what it leaves."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

SRC = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SRC / "selftests" / "cluster"))

from ktap import Ktap, Skip  # noqa: E402

LAB = str(SRC / "scripts" / "lab")
NAME = f"meta-{os.getpid()}"


def lab(*args: str, status: int | None = 0, timeout: float = 400,
        text: str | None = None) -> str:
    """What scripts/lab prints, once it has ended as it should."""
    return call(*args, status=status, timeout=timeout, text=text).stdout


def call(*args: str, status: int | None = 0, timeout: float = 400,
         text: str | None = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([LAB, args[0], "--name", NAME, *args[1:]],
                          text=True, input=text, capture_output=True,
                          check=False, timeout=timeout)
    if status is not None and done.returncode != status:
        raise AssertionError(f"lab {' '.join(args)[:80]}: status "
                             f"{done.returncode}, not {status}: "
                             f"{done.stderr[-600:]}")
    return done


def in_node(node: str, script: str, status: int | None = 0) -> str:
    return lab("exec", "-n", "--timeout", "60", node, "--", "sh", "-c",
               script, status=status)


def reaches(script: str) -> bool:
    return "1 received" in in_node("a", f"ping -c1 -W2 {script}", None)


def leftovers() -> list[str]:
    """Processes of this lab, and taps or bridges in our own namespace."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                argv = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if any(f"harp-{NAME}-".encode() in a for a in argv[:4]) or (
                    any(a == b"__keeper" or a.startswith(b"uml_dir=")
                        for a in argv) and any(NAME.encode() in a
                                               for a in argv)):
                found.append(argv[0].decode())
    found += [p.name for p in Path("/sys/class/net").iterdir()
              if p.name in ("br0", "br1", "a-0", "a-1", "b-0", "b-1")]
    if NAME in Path("/proc/self/mounts").read_text():
        found.append("a mount")
    return found


def wait(good: Callable[[], bool], seconds: float, complaint: str) -> None:
    end = time.monotonic() + seconds
    while not good():
        if time.monotonic() > end:
            raise AssertionError(complaint)
        time.sleep(0.1)


def gone() -> None:
    try:
        wait(lambda: not leftovers(), 30, "")
    except AssertionError:
        raise AssertionError(f"left behind: {leftovers()}") from None


def networks_are_cut() -> None:
    for address in ("10.77.0.2", "10.78.0.2", "fd77::2"):
        if not reaches(address):
            raise AssertionError(f"no {address} at first")
    lab("partition", "--one-way", "--net", "0", "b", "a")
    if reaches("10.77.0.2") or not reaches("10.78.0.2"):
        raise AssertionError("one way on one network was not what was cut")
    lab("partition", "a", "b")
    if reaches("10.78.0.2"):
        raise AssertionError("the second network was not cut")
    lab("heal")
    if not (reaches("10.77.0.2") and reaches("10.78.0.2")):
        raise AssertionError("not healed")


def down_leaves_nothing() -> None:
    lab("down")
    gone()
    lab("status", status=1)


def killed_while_starting(up: Sequence[str], program: str) -> None:
    """Kill `lab up` once the program runs: all of it must go."""
    proc = subprocess.Popen([LAB, up[0], "--name", NAME, *up[1:]],
                            stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)
    end = time.monotonic() + 180
    while not any(program in p for p in leftovers()):
        if proc.poll() is not None or time.monotonic() > end:
            proc.kill()
            raise AssertionError(f"no machine was started, status {proc.wait()}")
        time.sleep(0.1)
    proc.kill()
    proc.wait()
    gone()


def run_tests(what: str, tests: Sequence[Callable[[], None]]) -> int:
    """Run them in turn; unless the first is good the others cannot run."""
    ktap = Ktap(len(tests))
    ran = True
    try:
        for test in tests:
            def guarded(test: Callable[[], None] = test) -> None:
                if os.geteuid():
                    raise Skip("needs root")
                if not ran:
                    raise AssertionError("the machines did not boot")
                test()
            good = ktap.run(f"{what}: " + test.__name__.replace("_", " "),
                            guarded)
            ran = ran and (good or test is not tests[0])
    finally:
        subprocess.run([LAB, "down", "--name", NAME], check=False)
    return ktap.end()
