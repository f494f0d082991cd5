# SPDX-License-Identifier: GPL-2.0
"""Each fault point that the sources name is passed by the cluster's walk."""
from __future__ import annotations

import re
import sys
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
SRC = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SRC / "selftests" / "cluster"))

import points  # noqa: E402


def named(file: str, like: str) -> set[str]:
    return set(re.findall(like, (SRC / file).read_text()))


class Points(unittest.TestCase):
    def test_every_point_of_the_kernel_is_walked(self) -> None:
        names = named("kmod/fault.c", r'\[HARP_FAULT_\w+\] = "([a-z-]+)"')
        self.assertTrue(names)
        self.assertEqual(names, set(points.KERNEL))
        self.assertEqual(names, {p.name for p in points.POINTS if not p.harpd})

    def test_every_point_of_harpd_is_walked(self) -> None:
        names = named("daemon/util/fault.cc", r'std::string_view\("([a-z-]+)"\)')
        self.assertTrue(names)
        self.assertEqual(names, {p.name for p in points.POINTS if p.harpd})

    def test_no_point_is_walked_twice(self) -> None:
        self.assertEqual(len(points.POINTS), len(set(points.POINTS)))
