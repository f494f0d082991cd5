# SPDX-License-Identifier: GPL-2.0
"""A crash image brought up again: a new replica on it, whose log the test gives it as the
primary of its first view, or feeds it before that; and what must come of that (I4).
"""
from __future__ import annotations

import contextlib
import importlib.machinery
import importlib.util
import io
import os
import socket
import struct
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from one import (BASE, MS_NOATIME, UUID, harpnl, mount, umount)

import harpwire
from harpwire import ACK, F_FEED, HELLO, REC
from lone import Backup

GROUP, SLOT, INC, VIEW = "redo", 0, 2, 4002
FEEDER, FEEDER_INC = 2, 99
BATCH = 256 << 10
VIEW_TYPE, LINEAGE = 2, 7
PROMISE = 10000
LOWER, MNT = BASE / "redo", BASE / "redone"
COUNTERS = Path(f"/sys/kernel/debug/harp/{GROUP}-{SLOT}/counters")


def load_compare() -> Any:
    """harp-compare is a program; here its parts are used."""
    path = str(Path(__file__).resolve().parents[1] / "tools" / "harp-compare")
    loader = importlib.machinery.SourceFileLoader("harp_compare", path)
    spec = importlib.util.spec_from_loader("harp_compare", loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    sys.modules["harp_compare"] = module
    loader.exec_module(module)
    return module


COMPARE = load_compare()


class Discarded(Exception):
    """Records went before they were gathered: both disks had them within that time."""


class History:
    """Records as one replica has made them, by index; its log forgets them."""

    def __init__(self, harp: harpnl.Harp, group: str, slot: int) -> None:
        self.harp, self.group, self.slot = harp, group, slot
        self.records: list[bytes] = []
        self.base = harp.get(group, slot)["top"] + 1

    @property
    def top(self) -> int:
        return self.base + len(self.records) - 1

    def gather(self) -> None:
        top = self.harp.get(self.group, self.slot)["top"]
        for record in self.harp.log(self.group, self.slot, self.top + 1):
            if harpnl.record_header(record)["index"] != self.top + 1:
                raise Discarded
            self.records.append(record)
        if self.top < top:
            raise Discarded

    def after(self, index: int) -> list[bytes]:
        assert index + 1 >= self.base, (index, self.base)
        return self.records[index + 1 - self.base:]

    def crc(self, index: int) -> int:
        return int(harpnl.record_header(self.records[index - self.base])["crc"])


@dataclass(frozen=True)
class Way:
    """How a new replica comes by its records: as backup, from the view's primary; or it is fed
    them before it enters (C1), that part of them as committed."""
    fed: float | None = None
    primary: bool = False

    def __str__(self) -> str:
        if self.fed is None:
            return "backup"
        return f"{'primary' if self.primary else 'backup'}, fed, {self.fed:.0%} committed"


LINKED = Way()


class Feeder:
    """The partner in the view in which a replica redoes: its link, and all it has to say."""

    def __init__(self, harp: harpnl.Harp, history: History, way: Way = LINKED) -> None:
        self.harp, self.history, self.way = harp, history, way
        state = harp.get(GROUP, SLOT)
        self.lb = state["lb"]
        s = max(history.top, self.lb)
        last = harpnl.record_header(history.records[-1])["view"] if history.records else 0
        members = [(FEEDER, FEEDER_INC), (SLOT, INC)]
        if way.primary:
            members.reverse()
        self.section = harpnl.view_record(VIEW, LINEAGE, *members, s, last, state["epoch"],
                                          PROMISE)
        self.s, self.epoch = s, state["epoch"]
        if way.fed is not None:
            self.feed_before(self.lb + int((s - self.lb) * way.fed))
        harp.view_start(GROUP, SLOT, self.section, self.lb if way.fed is None else s,
                        self.crc_of_s())
        self.link = self.connect()
        self.backup = self.serve() if way.primary else None

    def connect(self) -> harpwire.Partner:
        ours, theirs = socket.socketpair()
        self.harp.link_add(GROUP, SLOT, FEEDER, theirs)
        theirs.close()
        return harpwire.Partner(ours, UUID, LINEAGE, self.epoch, FEEDER, FEEDER_INC, VIEW)

    def feed_before(self, cp: int) -> None:
        """All records before the view, which are committed up to @cp. Before that is all that
        an earlier life can have applied, none of it is."""
        self.harp.feed(GROUP, SLOT, VIEW, FEEDER, FEEDER_INC, self.lb, self.s)
        link = self.connect()
        top = link.wait(HELLO).body["top"]
        assert top == self.lb, (top, self.lb)
        self.send(link, self.history.after(top) if top < self.s else [], top, cp=cp, ap=cp,
                  flags=F_FEED)
        while self.s > top and link.wait(ACK).body["n"] < self.s:
            pass
        link.sock.close()
        state = self.harp.get(GROUP, SLOT)
        assert state["top"] == self.s and (cp == self.s or state["ap"] == self.lb), (state, cp)

    def serve(self) -> Backup:
        """It is the primary: here is a backup that has what it has."""
        self.harp.touch(GROUP, SLOT)
        last = harpnl.record_header(next(self.harp.log(GROUP, SLOT, self.s + 1, 1)))
        self.link.send(HELLO, top=self.s + 1, view_of_top=VIEW, crc_of_top=last["crc"])
        return Backup(self.link)

    def crc_of_s(self) -> int:
        """0 where all of the history is on the disk, and more: nothing compares it."""
        known = self.history.base <= self.s <= self.history.top
        return self.history.crc(self.s) if known else 0

    def view_record(self) -> bytes:
        return harpwire.seal_record(VIEW_TYPE, self.section, 1, self.s + 1, VIEW, LINEAGE,
                                    self.crc_of_s(), 0)

    def feed(self, ap: int) -> None:
        """All records; @ap of them may be applied (N4). A primary applies what it can."""
        if self.way.primary:
            return
        top = self.link.wait(HELLO).body["top"]
        records = self.history.after(top) if top < self.s else []
        if top <= self.s:
            records = [*records, self.view_record()]
        self.send(self.link, records, top, cp=self.s + 1, ap=ap)
        if top > self.s:
            self.allow(ap)

    @staticmethod
    def send(link: harpwire.Partner, records: list[bytes], index: int, **body: int) -> None:
        """Records after @index, which begin the log here."""
        view = 0
        while records:
            count, size = 0, 0
            while count < len(records) and (not count or size + len(records[count]) <= BATCH):
                size += len(records[count])
                count += 1
            link.send(REC, b"".join(records[:count]), prev_index=index, prev_view=view,
                      nrec=count, t=1, **body)
            view = harpnl.record_header(records[count - 1])["view"]
            records, index = records[count:], index + count

    def allow(self, ap: int) -> None:
        if self.way.primary:
            return
        self.link.send(REC, prev_index=self.s + 1, prev_view=VIEW, cp=self.s + 1, ap=ap, t=1)

    def wait(self, ap: int, timeout: float = 30) -> None:
        """Until so many are applied."""
        end = time.monotonic() + timeout
        while (state := self.harp.get(GROUP, SLOT))["ap"] < ap:
            if state["media_failure"] or time.monotonic() > end:
                break
            time.sleep(0.001)
        else:
            return
        raise AssertionError(f"redo from {self.lb} to {self.s} stops after {state['ap']}"
                             + (": media failure" if state["media_failure"] else ""))

    def close(self) -> None:
        if self.backup:
            for verb in ("leave", "release"):
                self.harp.verb(verb, GROUP, SLOT)
            self.backup.pause()
        self.link.sock.close()


def counters() -> dict[str, int]:
    return {name: int(value) for name, value in
            (line.split() for line in COUNTERS.read_text().splitlines())
            if name in ("fids_searched", "steps_skipped", "occupants_parked", "nlink_set")}


class Redone:
    """A lower that a crash has left, mounted; redo() makes it what the records say."""

    def __init__(self, harp: harpnl.Harp, disk: str, kind: str) -> None:
        self.harp, self.disk, self.kind = harp, disk, kind
        self.lb = 0
        self.counters: dict[str, int] = {}

    def __enter__(self) -> Redone:
        # The lower it is a copy of is mounted, too, and XFS knows a file system by its UUID.
        options = "nouuid" if self.kind == "xfs" else "errors=remount-ro,acl,user_xattr,noinit_itable"
        mount(self.disk, LOWER, self.kind, options, MS_NOATIME)
        return self

    def __exit__(self, *_: object) -> None:
        umount(LOWER)

    def redo(self, history: History, rest: float | None, way: Way = LINKED) -> None:
        """Perhaps with an LB pass when that part of it is done; a primary's, any part."""
        mount(LOWER, MNT, "harp", f"group={GROUP},uuid={UUID},member={SLOT},inc={INC},"
              f"lineage={LINEAGE},hold=0,region=mem:4M")
        feeder = None
        try:
            feeder = Feeder(self.harp, history, way)
            self.lb = feeder.lb
            end = feeder.s + 1
            if rest is not None and not way.primary:
                end = feeder.lb + int((end - feeder.lb) * rest)
            feeder.feed(end)
            if not way.primary or rest is None:
                feeder.wait(end)
            if rest is not None:
                self.harp.verb("sync", GROUP, SLOT)
                feeder.allow(feeder.s + 1)
                feeder.wait(feeder.s + 1)
            self.counters = counters()
        finally:
            if feeder:
                feeder.close()
            umount(MNT)
            # Makes an LB pass: all rows are in their file.
            self.harp.verb("replica-del", GROUP, SLOT)

    def compare(self, model: Model) -> str:
        """Differences from what applying each record once made; empty when there are none."""
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            redone = COMPARE.load(str(LOWER))
            COMPARE.compare_lowers(model.copy, redone)
        lines = said.getvalue().splitlines()
        if next_fid(LOWER) != model.next_fid:
            lines.append(f"next fid {model.next_fid} | {next_fid(LOWER)}")
        return "\n".join(lines + list(wrong_hints(redone)))


class Model:
    """What the records lead to: the other member's lower, which has applied each once."""

    def __init__(self, lower: Path) -> None:
        self.copy = COMPARE.load(str(lower))
        self.next_fid = next_fid(lower)


def next_fid(lower: Path) -> int:
    with (lower / ".harp/rows").open("rb") as rows:
        return int(struct.unpack_from("<Q", rows.read(64), 40)[0])


def wrong_hints(copy: Any) -> list[str]:
    """Lower inode numbers that lead to another fid than the inode's (readdir shows it, I7)."""
    wrong = []
    fd = os.open(os.path.join(copy.root, ".harp/ino2fid"), os.O_RDONLY)
    for fid, found in copy.objects.items():
        hint = struct.unpack("<Q", os.pread(fd, 8, found.st.st_ino * 8).ljust(8, b"\0"))[0]
        if hint not in (0, fid):
            wrong.append(f"fid {fid:x}: inode {found.st.st_ino} leads to fid {hint:x}")
    os.close(fd)
    return wrong
