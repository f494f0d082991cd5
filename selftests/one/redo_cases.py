# SPDX-License-Identifier: GPL-2.0
"""Sequences on which redo has gone wrong, or would with a simpler rule (kernel-notes, "Redo").

Before ("settled",) is what was there, behind LB; "lower-…" makes the lower write out
something: lower-pass with an LB pass, lower-sync all without one, lower-fsync a file with the
journal, lower-data a file's data alone.
"""
from __future__ import annotations

from subject import EXCHANGE, Op

S: Op = ("settled",)
SYNC: Op = ("lower-sync",)
ROWS: Op = ("lower-data", ".harp/rows")

CASES: list[tuple[str, list[Op]]] = [
    ("unlink by name", [
        ("create", "X"), ("write", "X", 0, b"nine"), ("create", "A"), ("write", "A", 0, b"one"),
        S, ("rename", "X", "B"), ("unlink", "B"), ("rename", "A", "B"), SYNC]),
    ("put by name", [
        ("create", "X"), ("write", "X", 0, b"nine"), ("create", "A"), ("write", "A", 0, b"one"),
        ("create", "B"), S, ("rename", "X", "B"), ("rename", "B", "C"), ("rename", "A", "B"),
        SYNC]),
    ("directory loop", [
        ("mkdir", "a"), ("mkdir", "b"), S, ("rename", "a", "b/a"), ("rename", "b/a", "a"),
        ("rename", "b", "a/b"), SYNC]),
    ("directory loop through one that stays where it is", [
        ("mkdir", "n"), ("mkdir", "x"), ("mkdir", "x/d"), ("create", "x/d/f"),
        ("write", "x/d/f", 0, b"six" * 900), S, ("rename", "n", "x/d/n"),
        ("rename", "x/d/n", "n"), ("rename", "x", "n/x"), SYNC]),
    ("hard link and a row that is not there", [
        S, ("create", "A"), ("write", "A", 0, b"x" * 9000), ("link", "A", "B"), ("unlink", "A"),
        ("lower-fsync", "tree"), SYNC]),
    ("a row says gone before the name is", [
        ("create", "A"), S, ("rename", "A", "B"), ("unlink", "B"), ROWS, SYNC]),
    ("a file made and removed", [
        S, ("create", "A"), ("write", "A", 0, b"y" * 5000), SYNC, ("chmod", "A", 0o600),
        ("unlink", "A"), SYNC]),
    ("a directory made and removed, what was in it lives", [
        S, ("mkdir", "d"), ("create", "d/f"), ("write", "d/f", 0, b"z" * 5000),
        ("rename", "d/f", "f"), ("rmdir", "d"), SYNC]),
    ("a directory goes through one that dies", [
        ("mkdir", "n"), ("mkdir", "o"), S, ("mkdir", "d"), ("rename", "n", "d/n"),
        ("rename", "d/n", "m"), ("rename", "d", "o", EXCHANGE), ("rmdir", "o"), SYNC]),
    ("names exchanged and exchanged back", [
        ("create", "a"), ("mkdir", "d"), ("create", "d/b"), S, ("rename", "a", "d/b", EXCHANGE),
        ("rename", "d", "a", EXCHANGE), ("rename", "a/b", "d", EXCHANGE), SYNC]),
    ("exchanged with what dies", [
        ("create", "a"), S, ("create", "b"), ("rename", "a", "b", EXCHANGE), ("unlink", "a"),
        SYNC]),
    ("replaced by what dies", [
        ("create", "a"), ("create", "d"), ("link", "d", "e"), ("create", "o"), ("keep", "k", "o"),
        S, ("create", "b"), ("rename", "b", "a"), ("rename", "a", "d"), ("rename", "d", "o"),
        ("unlink", "o"), SYNC]),
    ("truncate between writes", [
        ("create", "f"), ("write", "f", 0, b"1" * 9000), S, ("write", "f", 4000, b"2" * 9000),
        ("truncate", "f", 100), SYNC, ("write", "f", 8000, b"3" * 10), ("truncate", "f", 8192),
        SYNC]),
    ("written over in place", [
        ("create", "f"), ("write", "f", 0, b"1" * 9000), S, ("write", "f", 0, b"2" * 9000),
        ("create", "g"), ("lower-fsync", "tree/g"), ("write", "f", 4096, b"3" * 10), SYNC]),
    ("an open file without a name", [
        ("create", "f"), ("keep", "k", "f"), S, ("keep_write", "k", 0, b"4" * 5000),
        ("unlink", "f"), SYNC, ("keep_write", "k", 100, b"5" * 5000), ("create", "f"), SYNC,
        ("drop", "k"), SYNC]),
    ("one name made and removed again and again", [
        S, *[op for n in range(4) for op in (
            ("create", "n"), ("write", "n", 0, b"%d" % n * 3000), ("unlink", "n"))],
        ("mkdir", "n"), ("rmdir", "n"), ("symlink", "t", "n"), SYNC]),
]
