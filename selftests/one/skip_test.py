#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""P2: a record that a later view makes nothing is nothing on both copies.

Two real replicas. A modification is in the primary's log alone when it leaves; the view that
both enter then has the record, and says that it is void.

Words: of the tests' names."""
from __future__ import annotations

import errno
import os
import socket
import sys
import threading
from pathlib import Path
from typing import Any, Callable

from one import UUID, Rig, parked, run_asked, same_copies

import harpnl
import harpwire
from harpwire import F_FEED, HELLO, REC
from lone import WITNESS, YOU_INC

PROMISE = 1000
LIMIT = 60
OLD, NEW, AFTER = b"o" * 4096, b"n" * 4096, b"a" * 512
ATTRIBUTE = "user.color"
VIEW_TYPE = 2


class Parked(threading.Thread):
    """A modification that nobody commits; ends with an error when it is released."""

    def __init__(self, change: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self.change, self.ended = change, 0
        self.start()

    def run(self) -> None:
        try:
            self.change()
        except OSError as error:
            self.ended = error.errno or -1


def leave(rig: Rig) -> None:
    """The primary is out of its view, and the backup has promised nothing any more."""
    for verb in ("leave", "release"):
        rig.harp.verb(verb, rig.group, 0)
    rig.harp.wait(rig.group, 1, lambda s: s["time_left_ms"] == 0, LIMIT)


def form(rig: Rig, voids: list[int]) -> harpnl.State:
    return harpnl.form_view(rig.harp, rig.group, 0, 1, promise_ms=PROMISE, gate="gate0",
                            timeout=LIMIT, voids=voids)


def skipped(rig: Rig, change: Callable[[], Any]) -> int:
    """Makes a modification a record that both hold and nobody applies; its index."""
    rig.settle()
    index = int(rig.harp.get(rig.group, 0)["top"]) + 1
    rig.drop_link(0)
    waiter = Parked(change)
    parked(waiter)
    assert rig.harp.get(rig.group, 0)["top"] == index
    leave(rig)
    waiter.join(LIMIT)
    assert waiter.ended in (errno.ESTALE, errno.ETIMEDOUT), waiter.ended
    form(rig, [index])
    for member in (0, 1):
        kept = harpnl.record_header(next(rig.harp.log(rig.group, member, index, 1)))
        assert kept["index"] == index and kept["type"] != "void", kept
    return index


def void_on_both() -> str:
    """What was written, set and named before and after is there, and it is not."""
    changes: list[tuple[str, Callable[[Path], Any]]] = [
        ("write", lambda file: file.open("r+b", buffering=0).write(NEW)),
        ("truncate", lambda file: os.truncate(file, 7)),
        ("chmod", lambda file: os.chmod(file, 0o600)),
        ("xattr", lambda file: os.setxattr(file, ATTRIBUTE, b"new")),
    ]
    with Rig(promise_ms=PROMISE) as rig:
        for name, change in changes:
            file = rig.p.mnt / name
            file.write_bytes(OLD)
            os.chmod(file, 0o644)
            os.setxattr(file, ATTRIBUTE, b"old")
            skipped(rig, lambda change=change, file=file: change(file))
            assert file.read_bytes() == OLD, f"{name}: not the old content"
            assert file.stat().st_mode & 0o777 == 0o644, f"{name}: not the old mode"
            assert os.getxattr(file, ATTRIBUTE) == b"old", f"{name}: not the old attribute"
            with file.open("r+b") as end:
                end.seek(0, os.SEEK_END)
                end.write(AFTER)
            assert file.read_bytes() == OLD + AFTER, f"{name}: what followed is not behind it"
            same_copies(rig)
    return f"{len(changes)} kinds of records"


def not_what_was_applied() -> str:
    """A record that a copy has applied stays what it is; nothing is changed by asking."""
    with Rig(promise_ms=PROMISE) as rig:
        (rig.p.mnt / "file").write_bytes(OLD)
        rig.settle()
        top = rig.harp.get(rig.group, 0)["top"]
        rig.drop_link(0)
        leave(rig)
        try:
            form(rig, [top])
        except harpnl.HarpError as error:
            assert "a void record was applied here" in str(error), error
        else:
            raise AssertionError("a view voided what was applied")
        for member in (0, 1):
            state = rig.harp.get(rig.group, member)
            assert state["top"] == top and state["formed"] < state["fence"], state
        form(rig, [])
        assert (rig.p.mnt / "file").read_bytes() == OLD
        same_copies(rig)
    return "refused, and the view after it forms"


def feed_view(rig: Rig, view: int, voids: list[int]) -> None:
    """The backup, out of its view, is fed one VIEW record, by who is played here."""
    h, g = rig.harp, rig.group
    me = h.get(g, 1)
    top = me["top"]
    last = harpnl.record_header(next(h.log(g, 1, top, 1)))
    h.feed(g, 1, view, WITNESS, YOU_INC, top)
    ours, theirs = socket.socketpair()
    h.link_add(g, 1, WITNESS, theirs)
    theirs.close()
    partner = harpwire.Partner(ours, UUID, me["lineage"], me["epoch"], WITNESS, YOU_INC, view)
    partner.wait(HELLO)
    section = harpnl.view_record(view, me["lineage"], (0, me["inc"]), (WITNESS, YOU_INC), top,
                                 last["view"], me["epoch"], PROMISE, voids)
    record = harpwire.seal_record(VIEW_TYPE, section, 1, top + 1, view, me["lineage"],
                                  last["crc"], 0)
    partner.send(REC, record, nrec=1, prev_index=top, prev_view=last["view"], cp=top + 1,
                 ap=top + 1, t=5, flags=F_FEED)
    h.wait(g, 1, lambda s: s["ap"] == top + 1 or s["media_failure"] == 1, LIMIT)
    partner.sock.close()


def void_too_late(voids_of: Callable[[int], list[int]]) -> bool:
    """Has the copy failed that is told of a view with these records void?"""
    with Rig(promise_ms=PROMISE) as rig:
        (rig.p.mnt / "file").write_bytes(OLD)
        rig.settle()
        rig.drop_link(0)
        leave(rig)
        state = rig.harp.get(rig.group, 1)
        view = 4 * (max(state["view"], state["fence"]) // 4 + 1)
        assert rig.harp.fence(rig.group, 1, view, 0)["result"] == 1
        feed_view(rig, view, voids_of(state["ap"]))
        return bool(rig.harp.get(rig.group, 1)["media_failure"])


def told_too_late() -> str:
    """What it has applied, the others never had: it is no copy any more."""
    assert not void_too_late(lambda ap: [])
    assert void_too_late(lambda ap: [ap])
    return "a media failure"


if __name__ == "__main__":
    sys.exit(run_asked([("void on both copies", void_on_both),
                        ("what was applied stays", not_what_was_applied),
                        ("told too late", told_too_late)]))
