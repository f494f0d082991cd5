# SPDX-License-Identifier: GPL-2.0
"""Unit tests of the demonstration's timeline, without its machines."""
from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import sys
import unittest
import unittest.mock
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


COPIED = {"errors": 0, "files": 5000, "bytes": 1 << 27, "worst_gap_ms": 3900,
          "repeated": 2, "gaps": [OUTAGE]}


class LastLineTest(unittest.TestCase):
    """Whatever becomes of it, the last line is JSON."""

    def run_demo(self, copied: Any, *args: str, down: Any = None
                 ) -> tuple[int, dict[str, Any], str]:
        """Exit status, the last line and what was said on stderr; @copied is what
        the part with the machines returns or, an exception, raises."""
        parts = {"prepare": None, "check_trees": None, "copy_through_a_panic": copied,
                 "wait_for": None}
        with contextlib.ExitStack() as stack:
            for name, value in parts.items():
                stack.enter_context(unittest.mock.patch.object(
                    demo, name, side_effect=[value]))
            lab = stack.enter_context(unittest.mock.patch.object(demo, "Lab"))
            lab.return_value.tell.return_value = "a: stands by"
            lab.return_value.down.side_effect = [down]
            stack.enter_context(unittest.mock.patch.object(sys, "argv", ["demo", *args]))
            said = stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
            complaint = stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
            status = demo.main()
            self.assertEqual(lab.return_value.down.called, "--keep" not in args)
        return status, json.loads(said.getvalue().splitlines()[-1]), complaint.getvalue()

    GOOD = {"client_errors": 0, "files": 5000, "bytes": 1 << 27, "outage_ms": 3900,
            "repeated": 2, "view_before": 4, "view_after": 9}

    def test_all_is_well(self) -> None:
        status, line, said = self.run_demo(self.GOOD)
        self.assertEqual((status, said), (0, ""))
        self.assertEqual(line, {**self.GOOD, "tree_equal": True})

    def test_any_exception_is_a_failure_with_its_line(self) -> None:
        for error in (demo.LabFailed("no a"), demo.LabError(""), KeyError("gaps"),
                      ValueError("not a number"), json.JSONDecodeError("x", "", 0),
                      OSError("full"), AssertionError(), KeyboardInterrupt(),
                      SystemExit(0)):
            with self.subTest(error=error):
                status, line, said = self.run_demo(error)
                self.assertEqual(status, 1)
                self.assertFalse(line["tree_equal"])
                self.assertIn(f"demo: {str(error) if str(error) == 'no a' else repr(error)}\n",
                              said)

    def test_a_promise_not_kept_is_a_failure(self) -> None:
        status, line, said = self.run_demo({**self.GOOD, "client_errors": 3}, "--keep")
        self.assertEqual((status, said), (1, "a: stands by\ndemo: the client saw 3 errors\n"))
        self.assertTrue(line["tree_equal"])

    def test_machines_that_do_not_end_are_a_failure(self) -> None:
        status, _, said = self.run_demo(self.GOOD, down=demo.LabFailed("no end"))
        self.assertEqual((status, said), (1, "demo: no end\n"))

    def test_the_line_has_what_the_client_counted(self) -> None:
        class Machines:
            """Lab and group: nothing happens there."""
            def __getattr__(self, name: str) -> Any:
                return lambda *_, **__: 4 if name == "wait_serving" else "7"

        client = unittest.mock.Mock()
        client.return_value.result.return_value = COPIED
        with unittest.mock.patch.multiple(demo, Client=client, Clocks=unittest.mock.Mock(),
                                          timeline=unittest.mock.Mock(return_value=[])), \
                unittest.mock.patch.object(demo, "print_timeline"), \
                contextlib.redirect_stdout(io.StringIO()):
            line = demo.copy_through_a_panic(Machines(), Machines())
        self.assertEqual((line["repeated"], line["outage_ms"]), (2, 3900))


if __name__ == "__main__":
    unittest.main()
