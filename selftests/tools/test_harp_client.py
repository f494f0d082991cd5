# SPDX-License-Identifier: GPL-2.0
"""Unit tests of harp-client on plain directories: a load's work is found again,
and whatever is damaged meanwhile is told by its name."""
from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).with_name("harp-client.c")
THREADS = 2
ENOUGH = 12             # rounds of each thread: some of each kind
LIMIT = 60              # seconds


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def swap(one: Path, other: Path) -> None:
    between = one.with_name("between")
    for old, new in ((one, between), (other, one), (between, other)):
        old.rename(new)


def recopy(path: Path) -> None:
    """The same bytes in a file of its own."""
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data)


def repoint(path: Path) -> None:
    path.unlink()
    path.symlink_to("g0")


def shorten(path: Path, by: int) -> None:
    os.truncate(path, path.stat().st_size - by)


def zero(path: Path) -> None:
    """As many bytes, none of which was written."""
    path.write_bytes(bytes(path.stat().st_size))


# What happens to one directory of a load, and what recheck says then. Round 0
# leaves g0; 1 leaves g1 and h1, its other name; 2 leaves g2 and s2, a link to
# it; 3 leaves nothing.
Damage = tuple[str, Callable[[Path], object], str]
DAMAGES: tuple[Damage, ...] = (
    ("a byte changed", lambda d: flip(d / "g4"), "/g4: byte "),
    ("the last byte lost", lambda d: shorten(d / "g4", 1),
     "bytes could be read, "),
    ("a byte more", lambda d: (d / "g4").open("ab").write(b"x"), "bytes could be read, "),
    ("emptied", lambda d: (d / "g0").write_bytes(b""), "/g0: 0 bytes could be read"),
    ("zeros for bytes", lambda d: zero(d / "g0"), "/g0: byte 0 "),
    ("a file lost", lambda d: (d / "g0").unlink(), "/g0: No such file"),
    ("two files exchanged", lambda d: swap(d / "g0", d / "g4"), "/g0: "),
    ("permissions changed", lambda d: (d / "g0").chmod(0o600), "/g0: mode 100600 "),
    ("a removed file back", lambda d: (d / "g3").write_text(""), "/g3 is there, and must not"),
    ("an old name back after a rename", lambda d: os.link(d / "g0", d / "f0"),
     "/f0 is there, and must not"),
    ("a name that nobody gave", lambda d: (d / "g00").write_text(""), "/g00 is listed"),
    ("a file of a round that was not", lambda d: (d / "g999999999").write_text(""),
     "/g999999999 is listed"),
    ("a link lost", lambda d: (d / "h1").unlink(), "/h1: No such file"),
    ("a link become a copy", lambda d: recopy(d / "h1"), "/h1 is another file"),
    ("a symbolic link elsewhere", lambda d: repoint(d / "s2"), "/s2 points at g0, expected g2"),
    ("a symbolic link lost", lambda d: (d / "s2").unlink(), "/s2: No such file"),
    ("the directory lost", shutil.rmtree, "opendir "),
)


class Load(unittest.TestCase):
    top: Path
    tool: Path
    share: Path
    record: Path
    loaded: dict[str, Any]

    @classmethod
    def setUpClass(cls) -> None:
        cls.top = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.tool = cls.top / "harp-client"
        subprocess.run(["cc", "-O1", "-pthread", "-o", cls.tool, SOURCE], check=True)
        cls.share, cls.record = cls.top / "share", cls.top / "record"
        cls.share.mkdir()
        cls.loaded = cls.load(cls.share, cls.record)

    @classmethod
    def load(cls, share: Path, record: Path,
             meanwhile: Callable[[subprocess.Popen[str]], None] = lambda client: None
             ) -> dict[str, Any]:
        """Until there is enough of everything, and @meanwhile was done."""
        client = subprocess.Popen(
            [cls.tool, "load", share, "--seconds", str(LIMIT),
             "--threads", str(THREADS), "--record", record],
            text=True, stdout=subprocess.PIPE)
        try:
            for number in range(THREADS):
                cls.wait_for(client, share / f"load.{number}.{client.pid}/g{ENOUGH}")
            meanwhile(client)
            client.terminate()
            out, _ = client.communicate(timeout=LIMIT)
        finally:
            client.kill()
        if client.returncode:
            raise AssertionError(f"status {client.returncode}: {out}")
        return json.loads(out)

    @staticmethod
    def wait_for(client: subprocess.Popen[str], path: Path) -> None:
        end = time.monotonic() + LIMIT
        while not path.exists():
            if time.monotonic() > end or client.poll() is not None:
                raise AssertionError(f"the load does not come to {path}")

    @staticmethod
    def pause(client: subprocess.Popen[str]) -> None:
        client.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, client.pid, os.WSTOPPED)

    def recheck(self, share: Path, record: Path | None = None
                ) -> tuple[int, dict[str, Any], str]:
        done = subprocess.run(
            [self.tool, "recheck", share, "--record", record or self.record],
            text=True, capture_output=True, timeout=LIMIT, check=False)
        return done.returncode, json.loads(done.stdout), done.stderr

    def test_all_of_a_load_is_found_again(self) -> None:
        status, said, errors = self.recheck(self.share)
        self.assertEqual((status, said["errors"], errors), (0, 0, ""))
        rounds = [line.split() for line in self.record.read_text().splitlines()]
        self.assertEqual({name for name, _ in rounds},
                         {path.name for path in self.share.iterdir()})
        self.assertEqual(said["files"], sum(int(n) for _, n in rounds))
        self.assertEqual(said["files"], self.loaded["files"])
        there = [p for p in self.share.glob("*/g*") if not p.is_symlink()]
        self.assertEqual(said["bytes"], sum(p.stat().st_size for p in there))
        self.assertGreater(len(there), ENOUGH)

    def test_no_two_files_are_alike(self) -> None:
        there = list(self.share.glob("*/g*"))
        contents = {path.read_bytes()[:64] for path in there if path.stat().st_size >= 8}
        self.assertGreater(len(contents), len(there) * 9 // 10)

    def damaged(self, damage: Callable[[Path], object], words: str) -> None:
        """A copy is good before, and afterwards the damage is told."""
        copy = Path(self.enterContext(tempfile.TemporaryDirectory(dir=self.top)))
        subprocess.run(["cp", "-a", f"{self.share}/.", copy], check=True)
        self.assertEqual(self.recheck(copy)[0], 0)
        first = copy / self.record.read_text().split()[0]
        damage(first)
        status, said, errors = self.recheck(copy)
        self.assertEqual(status, 1)
        self.assertGreaterEqual(said["errors"], 1)
        self.assertIn(words, errors)
        self.assertIn(first.name, errors)

    def test_a_creation_that_comes_again_is_carried_on(self) -> None:
        """The file is there, without the permissions that come afterwards."""
        other = Path(self.enterContext(tempfile.TemporaryDirectory(dir=self.top)))

        def create_ahead(client: subprocess.Popen[str]) -> None:
            self.pause(client)
            mine = other / f"load.0.{client.pid}"
            last = max(int(path.name[1:]) for path in mine.iterdir())
            (mine / f"f{last + 9}").touch(0)
            client.send_signal(signal.SIGCONT)
            self.wait_for(client, mine / f"g{last // 4 * 4 + 16}")

        record = self.top / "created"
        said = self.load(other, record, create_ahead)
        self.assertEqual((said["repeated"], said["errors"]), (1, 0))
        self.assertEqual(self.recheck(other, record)[::2], (0, ""))

    def test_no_record_is_no_success(self) -> None:
        for text in ("", "load.0.1\n", "load.0.1 many\n"):
            bad = self.top / "bad"
            bad.write_text(text)
            status, said, errors = self.recheck(self.share, bad)
            self.assertEqual((status, said["errors"]), (1, 1), text)
            self.assertIn("is no record of a load", errors, text)
        self.assertEqual(self.recheck(self.share, self.top / "nowhere")[0], 1)
        done = subprocess.run([self.tool, "load", self.share, "--seconds", "1"],
                              capture_output=True, check=False)
        self.assertEqual(done.returncode, 2)

    def test_the_longest_waits_are_told_with_their_ends(self) -> None:
        other = Path(self.enterContext(tempfile.TemporaryDirectory(dir=self.top)))
        pauses = []

        def stall_twice(client: subprocess.Popen[str]) -> None:
            for wait in (0.6, 0.3):
                self.pause(client)
                begin = time.time()
                time.sleep(wait)
                pauses.append((begin, time.time()))
                client.send_signal(signal.SIGCONT)
                time.sleep(0.1)         # it works between two waits

        said = self.load(other, self.top / "another", stall_twice)
        gaps = said["gaps"]
        self.assertEqual(gaps, sorted(gaps, key=lambda gap: -gap["ms"]))
        self.assertEqual(gaps[0]["ms"], said["worst_gap_ms"])
        waits = [(gap["end_ns"] / 1e9 - gap["ms"] / 1e3, gap["end_ns"] / 1e9) for gap in gaps]
        for begin, end in pauses:       # milliseconds are rounded down
            self.assertTrue(any(first < begin + 0.002 and last >= end
                                for first, last in waits), (begin, end, waits))


def told(damage: Callable[[Path], object], words: str) -> Callable[[Load], None]:
    return lambda test: test.damaged(damage, words)


for title, harm, expected in DAMAGES:
    setattr(Load, f"test_told_{title.replace(' ', '_')}",
            told(harm, expected))


if __name__ == "__main__":
    unittest.main()
