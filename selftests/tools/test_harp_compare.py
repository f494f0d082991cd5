#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Unit tests of harp-compare, on plain directories: fids come from a table here."""
from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import struct
import tempfile
import unittest
from importlib.machinery import SourceFileLoader
from pathlib import Path
from unittest import mock

TOOL = Path(__file__).with_name("harp-compare")
loader = SourceFileLoader("harp_compare", str(TOOL))
spec = importlib.util.spec_from_loader("harp_compare", loader)
assert spec
compare = importlib.util.module_from_spec(spec)
import sys  # noqa: E402
sys.dont_write_bytecode = True
sys.modules["harp_compare"] = compare
loader.exec_module(compare)


def row_bytes(state: int = 0, ctime: int = 5, parent: int = 0) -> bytes:
    raw = compare.ROW.pack(compare.ROW_MAGIC, 1, state, 1, 2, 0, b"h" * 16, ctime, 4, 7, 8,
                           parent, 0, 0)
    return raw[:-4] + struct.pack("<I", compare.crc32c(raw))


class Lower:
    """A made-up lower under a directory; xattrs by inode number."""

    def __init__(self, root: Path, xattrs: dict[int, dict[str, bytes]]) -> None:
        self.root, self.xattrs = root, xattrs
        (root / ".harp" / "orphans").mkdir(parents=True)
        (root / ".harp" / "rows").write_bytes(b"")
        (root / "tree").mkdir()
        self.stamp(root / "tree", 1)

    def stamp(self, path: Path, fid: int, **more: bytes) -> None:
        self.xattrs[path.lstat().st_ino] = {compare.FID_XATTR: struct.pack("<Q", fid), **more}
        os.utime(path, ns=(10, 20), follow_symlinks=False)
        self.row(fid)

    def row(self, fid: int, **fields: int) -> None:
        with (self.root / ".harp" / "rows").open("r+b") as file:
            file.seek(fid * 64)
            file.write(row_bytes(**fields))

    def file(self, name: str, fid: int, data: bytes = b"data") -> Path:
        path = self.root / "tree" / name
        path.write_bytes(data)
        self.stamp(path, fid)
        os.utime(self.root / "tree", ns=(10, 20))
        return path


class CompareTest(unittest.TestCase):
    def setUp(self) -> None:
        self.tmp = tempfile.TemporaryDirectory()
        self.addCleanup(self.tmp.cleanup)
        self.xattrs: dict[int, dict[str, bytes]] = {}
        patch = mock.patch.object(compare, "read_xattrs",
                                  lambda path: dict(self.xattrs.get(os.lstat(path).st_ino, {})))
        patch.start()
        self.addCleanup(patch.stop)
        self.a = Lower(Path(self.tmp.name, "a"), self.xattrs)
        self.b = Lower(Path(self.tmp.name, "b"), self.xattrs)
        for lower in (self.a, self.b):
            lower.file("f", 16)

    def run_tool(self, *args: str) -> tuple[int, str]:
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            status = compare.main([*args, str(self.a.root), str(self.b.root)])
        return status, out.getvalue()

    def differs(self, *words: str) -> None:
        status, out = self.run_tool()
        self.assertEqual(status, 1, out)
        for word in words:
            self.assertIn(word, out)
        self.assertIn('"same": false', out)

    def test_equal_lowers_are_the_same(self) -> None:
        status, out = self.run_tool()
        self.assertEqual(status, 0, out)
        self.assertIn('"objects": 2', out)

    def test_crc_is_castagnoli(self) -> None:
        self.assertEqual(compare.crc32c(b"123456789"), 0xe3069283)

    def test_content(self) -> None:
        path = self.b.file("f", 16, b"dxta")
        os.utime(path, ns=(10, 20))
        self.differs("fid 10", "content differs from byte 1")

    def test_mode_size_and_mtime(self) -> None:
        path = self.b.file("f", 16, b"longer")
        path.chmod(0o600)
        os.utime(path, ns=(10, 21))
        self.differs("mode", "size 4 | 6", "mtime 20 | 21")

    def test_missing_and_foreign(self) -> None:
        self.a.file("only", 17)
        (self.b.root / "tree" / "stranger").write_bytes(b"")
        os.utime(self.b.root / "tree", ns=(10, 20))
        self.differs("fid 11: only in", "stranger: has no fid")

    def test_another_fid_under_a_name(self) -> None:
        self.b.stamp(self.b.root / "tree" / "f", 18)
        self.differs("fid 10: only in", "fid 12: only in")

    def test_hard_link(self) -> None:
        os.link(self.b.root / "tree" / "f", self.b.root / "tree" / "g")
        os.utime(self.b.root / "tree", ns=(10, 20))
        self.differs("names 1/f | 1/f, 1/g", "links 1 | 2")

    def test_xattr(self) -> None:
        self.b.stamp(self.b.root / "tree" / "f", 16, **{"user.x": b"1"})
        self.differs("xattr user.x None | b'1'")

    def test_row(self) -> None:
        self.b.row(16, ctime=6)
        self.differs("ctime (5, 7) | (6, 7)")
        self.assertEqual(self.run_tool("--no-rows")[0], 0)

    def test_damaged_and_missing_row(self) -> None:
        with (self.b.root / ".harp" / "rows").open("r+b") as file:
            file.seek(16 * 64 + 30)
            file.write(b"!")
        self.differs("bad checksum")
        with (self.b.root / ".harp" / "rows").open("r+b") as file:
            file.truncate(16 * 64)
        self.differs("no row in")

    def test_orphan(self) -> None:
        orphan = self.b.root / ".harp" / "orphans" / f"{19:016x}"
        orphan.write_bytes(b"")
        self.b.stamp(orphan, 19)
        self.differs("fid 13: only in")

    def test_not_a_lower(self) -> None:
        (self.b.root / "tree" / "f").unlink()
        (self.b.root / "tree").rmdir()
        self.assertEqual(self.run_tool()[0], 2)

    def test_plain(self) -> None:
        plain = Path(self.tmp.name, "plain")
        plain.mkdir()
        (plain / "f").write_bytes(b"data")
        os.utime(plain / "f", ns=(10, 20))

        def run() -> tuple[int, str]:
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                status = compare.main(["--plain", str(self.a.root), str(plain)])
            return status, out.getvalue()

        self.assertEqual(run()[0], 0)
        (plain / "f").write_bytes(b"dat!")
        (plain / "g").write_bytes(b"")
        status, out = run()
        self.assertEqual(status, 1)
        for word in ("content differs from byte 3", "g: only in", "mtime"):
            self.assertIn(word, out)


if __name__ == "__main__":
    unittest.main()
