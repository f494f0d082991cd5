# SPDX-License-Identifier: GPL-2.0
"""KTAP output for the tests written in Python."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable


class Skip(Exception):
    """Raised by a test that cannot run here; the text says why."""


class Ktap:
    """Runs named tests and prints one result line for each."""

    def __init__(self, count: int) -> None:
        self.number = 0
        self.failed = 0
        print("KTAP version 1")
        print(f"1..{count}", flush=True)

    def note(self, text: str) -> None:
        for line in text.splitlines():
            print(f"# {line}", flush=True)

    def run(self, name: str, test: Callable[[], str | None]) -> bool:
        """Run one test; its return value, if any, is noted (a measurement)."""
        self.number += 1
        begin = time.monotonic()
        try:
            said = test()
        except Skip as why:
            print(f"ok {self.number} {name} # SKIP {why}", flush=True)
            return True
        except Exception as error:  # a test's failure is data here
            for line in traceback.format_exc().splitlines():
                self.note(line)
            print(f"not ok {self.number} {name}: {error}".splitlines()[0],
                  flush=True)
            self.failed += 1
            return False
        took = time.monotonic() - begin
        self.note(f"{name}: {took:.1f} s" + (f"; {said}" if said else ""))
        print(f"ok {self.number} {name}", flush=True)
        return True

    def end(self) -> int:
        return 1 if self.failed else 0


def eprint(text: str) -> None:
    """Progress for a person; never part of the result."""
    print(text, file=sys.stderr, flush=True)
