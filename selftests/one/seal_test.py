#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""P1: a log that was sealed in a file comes back into a region that has lost its own.

Two real replicas. The log of one is read as harpd reads it, and written as harpd writes it
(sealed.py); its object ends, and a new one, with new memory, is given the file. It redoes
what is in it, on a lower that lags or is ahead of what its note says; and what is no
such log is refused and costs nothing.

Words: of the tests' names."""
from __future__ import annotations

import errno
import os
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable

from one import (BASE, Member, Rig, difference, freeze, mount, parked, run_asked, same_copies, tree,
                 umount)
from dataplane_test import expect
from feed_test import Away, Feeder, work
from sealed import HEADER_LEN, Sealed

import harpnl
import harpwire
import sealed

FILE = BASE / "a log"
LIMIT = 60
NOTE = ".harp/lb"
# What a member holds, and what counts of it.
KEPT = ("base", "anchor_view", "top", "top_view", "top_crc", "wm", "formed", "complete", "intact",
        "cp", "ap", "lb", "view", "fence", "feed_view", "media_failure")


def held(rig: Rig, slot: int) -> harpnl.State:
    state = rig.harp.get(rig.group, slot)
    return {name: state[name] for name in KEPT}


def reborn(rig: Rig, member: Member, region: str = "", inc: int = 2) -> harpnl.State:
    """The power was away: a new object with new memory, on the same lower."""
    umount(member.mnt)
    rig.harp.verb("replica-del", rig.group, member.slot)
    options = rig.options(member, False).replace("inc=1", f"inc={inc}")
    mount(member.lower, member.mnt, "harp", options.replace(rig.region, region or rig.region))
    state = held(rig, member.slot)
    lb = state["lb"]
    assert (state["base"], state["top"], state["ap"]) == (lb + 1, lb, lb), state
    assert not state["complete"] and not state["intact"] and not state["formed"], state
    return state


def load(rig: Rig, slot: int, what: Sealed | bytes) -> harpnl.State:
    image = what if isinstance(what, bytes) else what.image()
    return sealed.load(rig.harp, rig.group, slot, image)


def is_back(rig: Rig, slot: int, before: harpnl.State, lb: int) -> None:
    """The log is what it was; of the lower is known what its note says."""
    state = held(rig, slot)
    kept = {name: before[name] for name in ("base", "anchor_view", "top", "top_view", "top_crc",
                                            "formed")}
    kept |= {"wm": before["top"], "complete": 1, "intact": 1, "cp": lb, "ap": lb, "lb": lb,
             "view": 0, "feed_view": 0, "media_failure": 0}
    differs = {name: (state[name], value) for name, value in kept.items() if state[name] != value}
    assert not differs, f"what is, and what should be: {differs}"


class Doer(threading.Thread):
    """A modification, in a thread of its own, because its answer has to wait."""

    def __init__(self, change: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self.change = change
        self.error: OSError | None = None
        self.start()

    def run(self) -> None:
        try:
            self.change()
        except OSError as error:
            self.error = error


def overwrite(fd: int) -> None:
    """Some of it, and beyond its end: one record."""
    try:
        os.pwrite(fd, b"anew" * 5000, 100)
    finally:
        os.close(fd)


def changes(root: Path) -> list[Callable[[], Any]]:
    """One in each directory, so that none waits for another's, and a record each."""
    folders = [root / f"d{n}" for n in range(8)]
    fd = os.open(folders[7] / "f", os.O_WRONLY)
    return [lambda: (folders[0] / "new").mkdir(),
            lambda: os.rename(folders[1] / "f", folders[1] / "moved"),
            lambda: os.unlink(folders[2] / "f"),
            lambda: os.symlink("target" * 20, folders[3] / "link"),
            lambda: os.link(folders[4] / "f", folders[4] / "hard"),
            lambda: os.truncate(folders[5] / "f", 7),
            lambda: os.setxattr(folders[6] / "f", "user.word", b"value" * 50),
            lambda: overwrite(fd)]


def prepare(rig: Rig, root: Path) -> int:
    """All of it is on both disks, and discarded; up to here."""
    root.mkdir(exist_ok=True)
    for n in range(8):
        (root / f"d{n}").mkdir()
        (root / f"d{n}/f").write_bytes(b"%d" % n * 1000)
    rig.settle()
    top = int(rig.harp.get(rig.group, 0)["top"])
    for slot in (1, 0):
        rig.harp.verb("sync", rig.group, slot)
    for slot in (0, 1):
        rig.harp.wait(rig.group, slot, lambda s: s["base"] > top)
    return top


def done_since(rig: Rig, root: Path) -> tuple[int, bytes]:
    """changes() and more that both have applied and none has discarded; after this record,
    and the backup's note that says so."""
    lb = prepare(rig, root)
    durable = (rig.b.lower / NOTE).read_bytes()
    for change in changes(root):
        change()
    os.rename(root / "d1", root / "d0/new/d1")
    os.unlink(root / "d0/new/d1/moved")
    rig.settle()
    return lb, durable


def on_a_lower_that_lags() -> str:
    """The primary's disk stalls: what it logs is committed, and applied by nobody. So all of it
    is in the backup's memory alone when its power goes, and those who wait at the primary
    are answered in the next view."""
    with Rig() as rig:
        h, g = rig.harp, rig.group
        lb = prepare(rig, rig.p.mnt)
        todo = changes(rig.p.mnt)
        thaw = freeze(rig.p.lower)
        try:
            doers = [Doer(change) for change in todo]
            parked(*doers)
            top = h.get(g, 0)["top"]
            assert top >= lb + len(doers), (top, lb)
            h.wait(g, 1, lambda s: s["top"] == top and s["wm"] == top)
            before = held(rig, 1)
            assert before["ap"] < top and before["base"] <= before["ap"] + 1, before
            log = Sealed.of(h, g, 1)
            assert len(log.records) == top + 1 - before["base"], log
            reborn(rig, rig.b)
            load(rig, 1, log)
            is_back(rig, 1, before, lb)
        finally:
            thaw()
        rig.form()
        for doer in doers:
            doer.join(LIMIT)
            assert not doer.is_alive() and not doer.error, doer.error
        assert not (rig.p.mnt / "d2/f").exists()
        same_copies(rig)
        (rig.p.mnt / "d0/new/after").write_bytes(b"in the view after it")
        same_copies(rig)
    return f"records {lb + 1} to {top}"


def on_a_lower_that_is_ahead() -> str:
    """All of it was applied, and much of it written back; the note says the old LB (I4). And
    then it is the one who has the log that was sealed that serves."""
    with Rig("xfs") as rig:
        h, g = rig.harp, rig.group
        log, lb, tries, durable = None, 0, 0, b""
        while log is None or log.base > lb + 1:
            # Disks are synced at any time, and what both have is discarded.
            lb, durable = done_since(rig, rig.p.mnt / f"try{tries}")
            before, log = held(rig, 1), Sealed.of(h, g, 1)
            tries += 1
        want = tree(rig.p.tree, True, True)
        umount(rig.b.mnt)
        h.verb("replica-del", g, 1)
        (rig.b.lower / NOTE).write_bytes(durable)
        mount(rig.b.lower, rig.b.mnt, "harp", rig.options(rig.b, False).replace("inc=1", "inc=2"))
        assert held(rig, 1)["ap"] == lb < before["ap"]
        load(rig, 1, log)
        is_back(rig, 1, before, lb)
        h.verb("leave", g, 0)
        for member in (0, 1):
            h.wait(g, member, lambda s: s["time_left_ms"] == 0, LIMIT)
        harpnl.form_view(h, g, 1, 0, promise_ms=rig.promise, gate="gate0", timeout=LIMIT)
        h.wait(g, 0, lambda s: s["ap"] >= before["top"], LIMIT)
        bad = difference(want, tree(rig.b.tree, True, True))
        assert not bad, f"redone it is something else:\n{bad}"
        (rig.b.mnt / "after").write_bytes(b"a fid that nobody had")
        top = h.get(g, 1)["top"]
        for member in (0, 1):
            h.wait(g, member, lambda s: s["ap"] >= top, LIMIT)
        same_copies(rig)
    return f"records {lb + 1} to {before['top']}"


def all_of_it_was_on_the_disk() -> None:
    """A seal without records: what comes next is chained to what was last."""
    with Rig() as rig:
        lb = prepare(rig, rig.p.mnt)
        before, log = held(rig, 1), Sealed.of(rig.harp, rig.group, 1)
        assert before["top"] == lb and not log.records, (before, log)
        reborn(rig, rig.b)
        load(rig, 1, log)
        is_back(rig, 1, before, lb)
        rig.form()
        (rig.p.mnt / "after").write_bytes(b"x")
        same_copies(rig)


def larger_than_the_region() -> None:
    """Refused whole; in a region that it fits into it is there."""
    with Rig() as rig:
        for n in range(6):
            (rig.p.mnt / f"f{n}").write_bytes(os.urandom(900_000))
        rig.settle()
        before, log = held(rig, 1), Sealed.of(rig.harp, rig.group, 1)
        empty = reborn(rig, rig.b, "mem:4M")
        expect(errno.ENOSPC, "does not fit into the region", lambda: load(rig, 1, log))
        assert held(rig, 1) == empty, (held(rig, 1), empty)
        reborn(rig, rig.b, inc=3)
        load(rig, 1, log)
        is_back(rig, 1, before, empty["lb"])
        rig.form()
        same_copies(rig)


def damaged(image: bytes, at: int) -> bytes:
    return image[:at] + bytes([image[at] ^ 0x11]) + image[at + 1:]


def lies(good: Sealed) -> list[tuple[str, int, str, Sealed]]:
    """Headers whose checksum is right."""
    def with_(**change: Any) -> Sealed:
        return replace(good, **change)

    bad, other, inval = errno.EBADMSG, errno.EPROTO, errno.EINVAL
    return [
        ("magic", bad, "not a sealed log", with_(magic=1)),
        ("version", other, "another version", with_(version=2)),
        ("length of the header", other, "another version", with_(header_len=HEADER_LEN + 8)),
        ("group", inval, "another group's", with_(group=bytes(15) + b"\1")),
        ("lineage", inval, "another lineage", with_(lineage=good.lineage + 1)),
        ("no lineage", bad, "view or lineage", with_(lineage=0)),
        ("no view", bad, "view or lineage", with_(formed=0)),
        ("an earlier view", bad, "a later view", with_(formed=good.formed - 1)),
        ("no base", bad, "base or top", with_(base=0)),
        ("base above top", bad, "base or top", with_(base=good.top + 2)),
        ("base of another record", bad, "does not follow", with_(base=good.base + 1)),
        ("top above the last", bad, "ends before its last", with_(top=good.top + 1)),
        ("top below the last", bad, "goes on after its last", with_(top=good.top - 1)),
        ("top of no log", bad, "base or top", with_(top=(1 << 64) - 1)),
        ("view of the anchor", bad, "does not follow", with_(anchor_view=good.formed + 4)),
        ("checksum of the anchor", bad, "does not follow", with_(anchor_crc=good.anchor_crc ^ 1)),
        ("more bytes", bad, "not as long", with_(size=good.size + 8)),
        ("no bytes", bad, "bytes of records", with_(size=0)),
        ("odd bytes", bad, "bytes of records", with_(size=good.size + 1)),
        ("bytes of no region", bad, "bytes of records", with_(size=(1 << 64) - 8)),
        ("epoch", inval, "another epoch", with_(epoch=good.epoch + 1)),
        ("member", inval, "another member's", with_(member=0)),
        ("no member", bad, "member", with_(member=3)),
        ("reserved", bad, "member", with_(reserved=b"\0\1\0")),
    ]


def other_records(good: Sealed) -> list[tuple[str, int, str, Sealed]]:
    r, last = good.records, harpnl.record_header(good.records[-1])
    assert len(r) > 4

    def ends_with(view: int, lineage: int) -> Sealed:
        """Another last record, sound by itself."""
        crc = harpnl.record_header(r[-2])["crc"]
        return replace(good, records=[*r[:-1], harpwire.seal_record(
            1, b"", 0, last["index"], view, lineage, crc)]).sized()

    bad = errno.EBADMSG
    cases = [("out of order", [*r[:2], r[3], r[2], *r[4:]], "does not follow"),
             ("one is missing", [*r[:2], *r[3:]], "does not follow"),
             ("the last is missing", r[:-1], "ends before its last"),
             ("one comes twice", [*r[:2], r[2], *r[2:]], "does not follow"),
             ("none", [], "bytes of records")]
    return [*((name, bad, text, replace(good, records=records).sized())
              for name, records, text in cases),
            ("a record of a later view", bad, "a later view",
             ends_with(good.formed + 1, good.lineage)),
            ("a record of an earlier view", bad, "does not follow",
             ends_with(good.formed - 1, good.lineage)),
            ("a record of another lineage", bad, "does not follow",
             ends_with(good.formed, good.lineage + 1))]


def what_is_wrong_is_refused() -> str:
    """Each field of it, where it begins and ends, and each byte of its header and of a record's:
    nothing but the whole log of this member is taken, and the region is empty as before."""
    with Rig() as rig:
        done_since(rig, rig.p.mnt)
        before, good = held(rig, 1), Sealed.of(rig.harp, rig.group, 1)
        image = good.image()
        empty = reborn(rig, rig.b)
        tried = 0

        def refused(name: str, number: int, text: str, what: Sealed | bytes) -> None:
            nonlocal tried
            try:
                expect(number, text, lambda: load(rig, 1, what))
                assert held(rig, 1) == empty, f"left behind: {held(rig, 1)}, before: {empty}"
            except AssertionError as error:
                raise AssertionError(f"{name}: {error}") from None
            tried += 1

        for case in (*lies(good), *other_records(good)):
            refused(*case)
        for at in range(HEADER_LEN):
            number, text = (errno.EBADMSG, "not a sealed log") if at < 8 else \
                (errno.EPROTO, "another version") if at < 16 else \
                (errno.EBADMSG, "checksum of the header")
            refused(f"byte {at} of the header", number, text, damaged(image, at))
        middle = HEADER_LEN + sum(map(len, good.records[:2]))
        for at in range(middle, middle + len(good.records[2])):
            refused(f"byte {at - middle} of a record", errno.EBADMSG, "record", damaged(image, at))
        for size in (0, 1, HEADER_LEN - 1):
            refused(f"{size} bytes", errno.EBADMSG, "too short", image[:size])
        for size in (HEADER_LEN, HEADER_LEN + 1, middle, middle + 63, len(image) - 8,
                     len(image) - 1):
            refused(f"{size} bytes", errno.EBADMSG, "not as long", image[:size])
        for more in (b"\0", bytes(8), good.records[-1]):
            refused(f"{len(more)} bytes more", errno.EBADMSG, "not as long", image + more)
        load(rig, 1, good)
        is_back(rig, 1, before, empty["lb"])
        rig.form()
        same_copies(rig)
    return f"{tried} of them"


def files_that_are_none() -> None:
    with Rig() as rig:
        h, g = rig.harp, rig.group
        (rig.p.mnt / "x").write_bytes(b"x")
        rig.settle()
        (rig.p.mnt / "log").write_bytes(Sealed.of(h, g, 1).image())
        rig.settle()
        before, good = held(rig, 1), Sealed.of(h, g, 1)
        FILE.write_bytes(good.image())
        empty = reborn(rig, rig.b)
        for path, flags, text in ((FILE, os.O_WRONLY, "open for reading"),
                                  (FILE, os.O_PATH, ""),
                                  (BASE, os.O_RDONLY | os.O_DIRECTORY, "regular file"),
                                  (Path("/dev/zero"), os.O_RDONLY, "regular file"),
                                  (rig.p.mnt / "log", os.O_RDONLY, "not read from harp")):
            fd = os.open(path, flags)
            number = errno.EBADF if flags == os.O_PATH else errno.EINVAL
            expect(number, text, lambda f=fd: h.call("log-load", group=g, member=1, fd=f))
            os.close(fd)
            assert held(rig, 1) == empty, path
        # Where it is read from is not where whoever opened it has got to.
        fd = os.open(FILE, os.O_RDONLY)
        os.lseek(fd, 50, os.SEEK_SET)
        h.call("log-load", group=g, member=1, fd=fd)
        assert os.lseek(fd, 0, os.SEEK_CUR) == 50
        os.close(fd)
        is_back(rig, 1, before, empty["lb"])
        rig.form()
        same_copies(rig)


def a_log_that_counts_is_not_replaced() -> None:
    """Whole, or newer than any seal: one that serves, its backup, one that was read back, and
    one that has been fed."""
    with Rig() as rig:
        h, g = rig.harp, rig.group
        (rig.p.mnt / "x").write_bytes(b"x")
        rig.settle()
        good = Sealed.of(h, g, 1)
        for slot in (0, 1):
            state = held(rig, slot)
            expect(errno.EBUSY, "has been in a view",
                   lambda s=slot: load(rig, s, replace(good, member=s)))
            assert held(rig, slot) == state, slot
        (rig.p.mnt / "y").write_bytes(b"it serves")
        rig.settle()
        good, lb = Sealed.of(h, g, 1), reborn(rig, rig.b)["lb"]
        load(rig, 1, good)
        state = held(rig, 1)
        expect(errno.EBUSY, "is whole", lambda: load(rig, 1, good))
        assert held(rig, 1) == state
        rig.form()
        same_copies(rig)
        good = Sealed.of(h, g, 1)
        away = Away(rig)
        lb = reborn(rig, rig.b, inc=3)["lb"]
        top = work(away, 0)
        away.feed(lb)
        feeder = Feeder(away)
        feeder.give(top, top, top)
        state = held(rig, 1)
        expect(errno.EBUSY, "was fed", lambda: load(rig, 1, good))
        assert held(rig, 1) == state
        feeder.close()
        h.verb("leave", g, 1)       # ends the feed; what was fed stays
        expect(errno.EBUSY, "was fed", lambda: load(rig, 1, good))
        assert away.state()["top"] == top
        away.back(primary=0)
        same_copies(rig)


if __name__ == "__main__":
    sys.exit(run_asked([
        ("on a lower that lags", on_a_lower_that_lags),
        ("on a lower that is ahead", on_a_lower_that_is_ahead),
        ("all of it was on the disk", all_of_it_was_on_the_disk),
        ("larger than the region", larger_than_the_region),
        ("what is wrong is refused", what_is_wrong_is_refused),
        ("files that are none", files_that_are_none),
        ("a log that counts is not replaced", a_log_that_counts_is_not_replaced)]))
