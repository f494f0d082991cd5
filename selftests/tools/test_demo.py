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
    """The journals: each event, so many seconds after the panic."""

    def __init__(self, **nodes: dict[str, float]) -> None:
        self.nodes = nodes

    def events(self, node: str) -> list[dict[str, str]]:
        found = []
        for what, when in self.nodes[node].items():
            event = {"what": what, "time_ns": str(at(when))}
            if what == "addresses":
                event = {"what": "step", "step": what, "ago_ms": "500",
                         "time_ns": str(at(when + 0.5))}
            elif what in ("holding", "returning"):
                event |= {"what": "state", "to": what}
            elif what == "fed":
                event["records"] = "77"
            found.append(event)
        return found


OUTAGE = gap(3900, 4.0)
TAKEOVER = {"detected": 1.5, "view-formed": 2.0, "serving": 2.5, "addresses": 3.0}
RETURN = {"holding": 30.0, "returning": 32.0, "fed": 40.0, "view-formed": 40.1,
          "serving": 40.2, "addresses": 40.3}


class TimelineTest(unittest.TestCase):
    def reply(self, *gaps: dict[str, int]) -> float:
        """Seconds after the panic."""
        return demo.longest_wait(list(gaps), Clocks(), PANIC, "the panic")[0] - PANIC

    def test_the_reply_ends_the_longest_wait(self) -> None:
        self.assertAlmostEqual(self.reply(OUTAGE, gap(700, 9.0)), 4.0, 3)

    def test_a_longer_stall_before_is_passed_over(self) -> None:
        self.assertAlmostEqual(
            self.reply(gap(6000, -20.0), OUTAGE, gap(700, -1.0)), 4.0, 3)

    def test_no_wait_after_the_panic_is_a_failure(self) -> None:
        stalls = [gap(6000, -20.0), gap(50, -0.001)]
        for gaps in ([], stalls):
            with self.assertRaisesRegex(demo.LabFailed, "all ended before the panic"):
                demo.timeline(Group(b=TAKEOVER), Clocks(), PANIC, gaps)

    def test_the_timeline_begins_with_the_panic(self) -> None:
        moments = demo.timeline(Group(b=TAKEOVER), Clocks(), PANIC,
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
        for seconds in ({**TAKEOVER, "detected": -5.0},
                        {k: v for k, v in TAKEOVER.items() if k != "detected"}):
            with self.assertRaisesRegex(demo.LabFailed, "not tell of: detected"):
                demo.timeline(Group(b=seconds), Clocks(), PANIC, [OUTAGE])

    def test_the_way_back_has_its_own_figures(self) -> None:
        group = Group(a=RETURN, b={**TAKEOVER, "giving-up": 39.5})
        moments, figures = demo.rejoin(group, Clocks(), PANIC + 29,
                                       [OUTAGE, gap(700, 40.4)])
        self.assertEqual(figures, {"rejoin_ms": 10200, "catch_up_records": 77,
                                   "service_pause_on_rejoin_ms": 700})
        self.assertEqual(len(moments), len(RETURN) + 2)
        self.assertEqual(moments[-1][1], "first reply the client got")
        with self.assertRaisesRegex(demo.LabFailed, "before the service's rest"):
            demo.rejoin(group, Clocks(), PANIC + 29, [OUTAGE])
        with self.assertRaisesRegex(demo.LabFailed, "a does not tell of: fed"):
            demo.rejoin(Group(a={k: v for k, v in RETURN.items() if k != "fed"},
                              b={"giving-up": 39.5}), Clocks(), PANIC + 29,
                        [gap(700, 40.4)])


COPIED = {"errors": 0, "files": 5000, "bytes": 1 << 27, "worst_gap_ms": 3900,
          "repeated": 2, "gaps": [OUTAGE]}


class LastLineTest(unittest.TestCase):
    """Whatever becomes of it, the last line is JSON."""

    def run_demo(self, copied: Any, *args: str, down: Any = None
                 ) -> tuple[int, dict[str, Any], str]:
        """Exit status, the last line and what was said on stderr; @copied is what
        the part with the machines returns or, an exception, raises."""
        parts = {"prepare": None, "check_trees": None, "copy_through": copied,
                 "check_copies": None}
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
            "repeated": 2, "view_before": 4, "view_after": 9, "rejoin_ms": 10200,
            "catch_up_records": 77, "service_pause_on_rejoin_ms": 700,
            "log_survived": True}

    def test_all_is_well(self) -> None:
        status, line, said = self.run_demo(self.GOOD)
        self.assertEqual((status, said), (0, ""))
        self.assertEqual(line, {**self.GOOD, "tree_equal": True, "copies_equal": True})

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
        self.assertIsNone(line["copies_equal"])
        status, _, said = self.run_demo({**self.GOOD, "log_survived": False})
        self.assertEqual(status, 1)
        self.assertIn("did not outlive", said)

    def test_machines_that_do_not_end_are_a_failure(self) -> None:
        status, _, said = self.run_demo(self.GOOD, down=demo.LabFailed("no end"))
        self.assertEqual((status, said), (1, "demo: no end\n"))

    def test_the_line_has_what_the_client_counted(self) -> None:
        class Machines:
            """Lab and group: nothing happens there."""
            def __getattr__(self, name: str) -> Any:
                return lambda *_, **__: 4 if name == "wait_serving" else "7"

        def accident(*_: Any) -> Any:
            return demo.Accident(9, lambda gaps: ([], {"waits": gaps}))

        client = unittest.mock.Mock()
        client.return_value.result.return_value = COPIED
        with unittest.mock.patch.multiple(demo, Client=client, Clocks=unittest.mock.Mock(),
                                          print_timeline=unittest.mock.Mock()), \
                contextlib.redirect_stdout(io.StringIO()):
            line = demo.copy_through(Machines(), Machines(), accident)
        self.assertEqual((line["repeated"], line["outage_ms"], line["view_after"],
                          line["waits"]), (2, 3900, 9, COPIED["gaps"]))


if __name__ == "__main__":
    unittest.main()
