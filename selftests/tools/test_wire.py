# SPDX-License-Identifier: GPL-2.0
"""What the cluster tests make of frames on the wire."""
from __future__ import annotations

import sys
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cluster"))

from harness import Frame, LabFailed, on_the_way, one_server_at_a_time  # noqa: E402

REPLY = "10.9.9.9.2049 > 10.9.9.10.700"
SAID = f"""\
100.000100 IP {REPLY}: Flags [P.], seq 1:125, ack 9, win 501, options [nop,nop,TS val 5000 ecr 7], \
length 124: NFS reply xid 1 reply ok 120
100.500000 ARP, Request who-has 10.9.9.10 tell 10.9.9.9, length 28
101.000000 IP6 fd00::9.2049 > fd00::a.701: Flags [.], ack 1, win 501, length 0
"""


def segment(at: float, made: float, flow: str = REPLY, port: str = "a") -> Frame:
    return Frame(at, port, flow, made)


class Read(unittest.TestCase):
    def test_each_line_is_a_frame(self) -> None:
        self.assertEqual(Frame.read("a", SAID), [
            Frame(100.0001, "a", REPLY, 5.0), Frame(100.5, "a"),
            Frame(101.0, "a", "fd00::9.2049 > fd00::a.701")])


class OnTheWay(unittest.TestCase):
    # Its timestamps are 90 s behind the host's clock, and it stands still from 100 on.
    BEFORE = [segment(95.003, 5.0), segment(96.0, 6.0)]

    def late(self, *frames: Frame) -> list[Frame]:
        return on_the_way([*self.BEFORE, *frames], 100.0)

    def test_what_was_made_before(self) -> None:
        sent = [segment(104.0, 9.999), segment(104.001, 10.0)]
        self.assertEqual(self.late(*sent), sent)

    def test_what_was_made_when_it_went_on(self) -> None:
        self.assertEqual(self.late(segment(104.0, 14.0), segment(104.0, 10.1)), [])

    def test_what_has_no_clock(self) -> None:
        self.assertEqual(self.late(Frame(104.0, "a"), Frame(104.0, "a", REPLY),
                                   segment(104.0, 9.9, "another flow")), [])


class Turns(unittest.TestCase):
    def test_one_after_the_other(self) -> None:
        frames = {"a": [segment(1.0, 1), segment(4.0, 4)], "b": [segment(2.5, 1, port="b")]}
        self.assertEqual(one_server_at_a_time(frames, "a", "b", "a"), [1500.0, 1500.0])

    def test_who_comes_in_between_is_named(self) -> None:
        frames = {"a": [segment(1.0, 1), segment(3.0, 3)],
                  "b": [segment(2.0, 1, port="b"), segment(4.0, 3, port="b")]}
        with self.assertRaisesRegex(LabFailed, f"a, then b, then a, then b: .*3.000 of a: {REPLY}"):
            one_server_at_a_time(frames, "a", "b")
