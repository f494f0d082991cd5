# SPDX-License-Identifier: GPL-2.0
"""Unit tests of the demonstration's timeline, without its machines."""
from __future__ import annotations

import contextlib
import importlib.util
import io
import sys
import unittest
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

sys.dont_write_bytecode = True
DEMO = Path(__file__).resolve().parents[2] / "scripts" / "demo"
loader = SourceFileLoader("harp_demo", str(DEMO))
spec = importlib.util.spec_from_loader("harp_demo", loader)
assert spec
demo: Any = importlib.util.module_from_spec(spec)
sys.modules["harp_demo"] = demo
loader.exec_module(demo)

PANIC = 1000.0          # seconds, this machine's clock
AHEAD = 50.0            # of the client's and b's clock before this machine's


class Clocks:
    def here(self, _: str, at_ns: str | int) -> float:
        return int(at_ns) / 1e9 - AHEAD


def at(after_panic: float) -> int:
    """What a node's clock says so many seconds after the panic."""
    return int((PANIC + after_panic + AHEAD) * 1e9)


def gap(ms: int, after_panic: float) -> dict[str, int]:
    return {"ms": ms, "end_ns": at(after_panic)}


class Group:
    """The journal of b: each milestone, so many seconds after the panic."""

    def __init__(self, **seconds: float) -> None:
        self.seconds = seconds

    def events(self, _: str) -> list[dict[str, str]]:
        found = [{"what": what.replace("_", "-"), "time_ns": str(at(when))}
                 for what, when in self.seconds.items() if what != "addresses"]
        if "addresses" in self.seconds:
            found.append({"what": "step", "step": "addresses", "ago_ms": "500",
                          "time_ns": str(at(self.seconds["addresses"] + 0.5))})
        return found


OUTAGE = gap(3900, 4.0)
WHOLE = {"detected": 1.5, "view_formed": 2.0, "serving": 2.5, "addresses": 3.0}


class TimelineTest(unittest.TestCase):
    def reply(self, *gaps: dict[str, int]) -> float:
        """Seconds after the panic."""
        return demo.first_reply(list(gaps), Clocks(), PANIC) - PANIC

    def test_the_reply_ends_the_longest_wait(self) -> None:
        self.assertAlmostEqual(self.reply(OUTAGE, gap(700, 9.0)), 4.0, 3)

    def test_a_longer_stall_before_is_passed_over(self) -> None:
        self.assertAlmostEqual(
            self.reply(gap(6000, -20.0), OUTAGE, gap(700, -1.0)), 4.0, 3)

    def test_no_wait_after_the_panic_is_a_failure(self) -> None:
        stalls = [gap(6000, -20.0), gap(50, -0.001)]
        for gaps in ([], stalls):
            with self.assertRaisesRegex(demo.LabFailed, "all ended before the panic"):
                demo.timeline(Group(**WHOLE), Clocks(), PANIC, gaps)

    def test_the_timeline_begins_with_the_panic(self) -> None:
        moments = demo.timeline(Group(**WHOLE), Clocks(), PANIC,
                                [gap(6000, -20.0), OUTAGE])
        self.assertEqual([round(when - PANIC, 3) for when, _ in moments],
                         [0.0, 1.5, 2.0, 2.5, 3.0, 4.0])
        self.assertEqual((moments[0][1], moments[-1][1]),
                         ("a panics", "first reply the client got"))
        with contextlib.redirect_stdout(io.StringIO()) as said:
            demo.print_timeline(moments)
        self.assertIn("       0  a panics\n", said.getvalue())
        self.assertIn("    4000  first reply", said.getvalue())

    def test_a_missing_or_earlier_milestone_is_a_failure(self) -> None:
        for seconds in ({**WHOLE, "detected": -5.0},
                        {k: v for k, v in WHOLE.items() if k != "detected"}):
            with self.assertRaisesRegex(demo.LabFailed, "not tell of: detected"):
                demo.timeline(Group(**seconds), Clocks(), PANIC, [OUTAGE])


if __name__ == "__main__":
    unittest.main()
