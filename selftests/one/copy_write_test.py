#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""C2: the file state of a member that serves, copied onto an empty lower while it serves, and
made whole by the log.

Member 0 serves with a witness that is played here; member 1 has a new disk, takes the pieces,
and is then fed from what the witness holds.

Words: of the tests' names; ext4 or xfs: only this lower."""
from __future__ import annotations

import errno
import os
import random
import struct
import sys
from pathlib import Path
from typing import Any, Callable

from one import (Rig, asked_kinds, make_fs, mount, mount_lower, run_asked, same_copies, umount)

import harpnl
from copy_test import DONE, ENTRIES, OBJECTS, ROOT, churn, of_everything
from dataplane_test import expect
from feed_test import Away, Feeder
from lone import WITNESS, YOU_INC, counter
from redo import next_fid
from subject import Subject

NONE, PIECES, LOG, ENDED = range(4)
UNENDED = "a copy onto the lower has not ended"
LIMIT = 60
FILLER = 300                    # long names, of which one answer does not hold all
Cursor = tuple[int, int, int]


class Target:
    """Member 1 with a new disk, and the copy onto it."""

    def __init__(self, away: Away) -> None:
        self.away, self.rig, self.harp = away, away.rig, away.rig.harp
        self.inc = 1
        self.cursor: Cursor = (OBJECTS, ROOT, 0)
        self.end = 0
        self.origin = self.source()["ap"]
        self.dismount()
        umount(self.lower)
        make_fs(away.member.disk, self.rig.kind)
        mount_lower(away.member.disk, self.lower, self.rig.kind)
        self.mount(init=True)

    @property
    def lower(self) -> Path:
        return self.away.member.lower

    def source(self) -> harpnl.State:
        return self.harp.get(self.rig.group, 0)

    def state(self) -> harpnl.State:
        return self.away.state()

    def dismount(self) -> None:
        umount(self.away.member.mnt)
        self.harp.verb("replica-del", self.rig.group, 1)

    def mount(self, init: bool = False) -> None:
        self.inc += 1
        options = self.rig.options(self.away.member, init)
        mount(self.lower, self.away.member.mnt, "harp",
              options.replace("inc=1", f"inc={self.inc}"))

    def read(self, cursor: Cursor) -> harpnl.State:
        more = {"copy_end": self.end} if self.end else {}
        return self.harp.call("copy-read", group=self.rig.group, member=0, copy_pass=cursor[0],
                              copy_fid=cursor[1], copy_at=cursor[2], **more)[0]

    def write(self, cursor: Cursor, reply: harpnl.State, **change: Any) -> harpnl.State:
        words = {"index": reply["index"], "records": reply.get("records", b""),
                 "copy_pass": cursor[0], "copy_fid": cursor[1], "copy_at": cursor[2],
                 "copy_end": reply["copy_end"], "copy_from": self.origin,
                 "copy_next_pass": reply["copy_pass"], "copy_next_fid": reply["copy_fid"],
                 "copy_next_at": reply["copy_at"]}
        return self.harp.call("copy-write", group=self.rig.group, member=1,
                              **{**words, **change})[0]

    def step(self) -> None:
        reply = self.read(self.cursor)
        state = self.write(self.cursor, reply)
        self.end = reply["copy_end"]
        self.cursor = reply["copy_pass"], reply["copy_fid"], reply["copy_at"]
        assert state["copy_upto"] >= reply["index"], state
        assert (state["copy_pass"], state["copy_fid"]) == self.cursor[:2], state

    @property
    def done(self) -> bool:
        return self.cursor[0] == DONE

    def resume(self) -> None:
        """From where the lower's note says, after a new life began."""
        state = self.state()
        assert state["copying"] == PIECES, state
        assert (state["copy_from"], state["copy_end"]) == (self.origin, self.end), state
        self.cursor = state["copy_pass"], state["copy_fid"], 0

    def fed(self) -> Feeder:
        """What has been logged since."""
        top = self.away.settled()
        self.away.feed(self.state()["lb"])
        feeder = Feeder(self.away)
        feeder.say(top, top, top)
        feeder.beat(top, top)
        state = self.away.wait(lambda s: s["ap"] >= top or s["media_failure"])
        assert not state["media_failure"], f"void after record {state['ap']}: {state}"
        return feeder

    def ends(self) -> None:
        state = self.away.wait(lambda s: s["copying"] == ENDED or s["media_failure"])
        assert not state["media_failure"], "the copy is void"
        assert state["lb"] >= state["copy_upto"], state

    def is_source(self) -> None:
        """Fed to the end, the copies are equal, and it is a member like any other."""
        feeder = self.fed()
        self.ends()
        feeder.close()
        same_copies(self.rig)
        assert next_fid(self.lower) == next_fid(self.rig.p.lower)
        assert not leftovers(self.lower), leftovers(self.lower)


def leftovers(lower: Path) -> list[str]:
    """Objects that still say where they are to go back to."""
    found = []
    for root, dirs, _ in os.walk(lower / "tree"):
        found += [f"{root}/{name}" for name in dirs
                  if "trusted.harp.place" in os.listxattr(f"{root}/{name}")]
    return found


def serves(target: Target, primary: int) -> None:
    target.away.back(primary=primary)
    (target.rig.members[primary].mnt / "new").write_bytes(b"by who serves")
    same_copies(target.rig)


def capable(root: Path) -> None:
    """A file with data and capabilities, which writing takes away."""
    (root / "tool").write_bytes(b"#!" * 5000)
    os.setxattr(root / "tool", "security.capability",
                struct.pack("<IIIII", 0x2000001, 1 << 10, 0, 0, 0))


def quiet(kind: str, primary: int) -> str:
    with Rig(kind, promise_ms=5000) as rig:
        with of_everything(rig.p.mnt / "all", kind) as kept:
            capable(rig.p.mnt / "all")
            away = Away(rig)
            away.settled()
            target, answers = Target(away), 0
            while not target.done:
                target.step()
                answers += 1
                if not target.done:
                    expect(errno.ENODATA, UNENDED, lambda: away.feed(0))
            target.ends()
            rig.harp.verb("sync", rig.group, 0)
            target.is_source()
            parked = os.listdir(target.lower / ".harp/orphans")
            assert len(parked) == len(kept), parked
        more = Feeder(away)
        top = away.settled()
        more.give(top, top, top)
        more.close()
        serves(target, primary)
    return f"{answers} answers"


def loaded(kind: str, seed: int) -> str:
    """A load on few names changes them between answers; then the log makes the copy whole."""
    r = random.Random(seed)
    with Rig(kind, promise_ms=5000) as rig, of_everything(rig.p.mnt / "all", kind):
        load = rig.p.mnt / "load"
        load.mkdir()
        subject = Subject(load)
        for _ in range(100):
            churn(subject, r)
        away = Away(rig)
        away.settled()
        target, answers = Target(away), 0
        while not target.done:
            target.step()
            answers += 1
            for _ in range(20):
                churn(subject, r)
        for _ in range(50):
            churn(subject, r)
        target.is_source()
        said = (f"{answers} answers, {target.state()['copy_upto'] - target.origin} records to e, "
                f"{counter('occupants_parked', 1, rig.group)} parked, "
                f"{counter('steps_skipped', 1, rig.group)} skipped")
    return said


def filler(root: Path) -> None:
    root.mkdir()
    (root / "f").touch()
    for n in range(FILLER):
        os.link(root / "f", root / f"{n:x}{'f' * 200}")


def loop(kind: str) -> None:
    """Finding 23: the pieces say that A is in B, and B in A."""
    with Rig(kind, promise_ms=5000) as rig:
        root = rig.p.mnt
        (root / "B").mkdir()
        filler(root / "between")
        (root / "B/A").mkdir()
        inside, between = (os.stat(root / name).st_ino for name in ("B/A", "between"))
        away = Away(rig)
        away.settled()
        target, moved = Target(away), False
        while not target.done:
            target.step()
            if target.cursor[:2] == (ENTRIES, between) and not moved:
                os.rename(root / "B/A", root / "A")
                os.rename(root / "B", root / "A/B")
                moved = True
        assert moved and inside > between
        assert counter("occupants_parked", 1, rig.group), "there was no loop"
        target.is_source()
        assert (target.lower / "tree/A/B").is_dir()


def stays(kind: str) -> None:
    """A directory that gives way to a loop and is not moved by any record goes back."""
    with Rig(kind, promise_ms=5000) as rig:
        root = rig.p.mnt
        # B/A/C: C stays in A; A leaves B, and B goes below C.
        (root / "B").mkdir()
        filler(root / "between")
        (root / "B/A/C").mkdir(parents=True)
        os.utime(root / "B/A", ns=(5, 7))
        between = os.stat(root / "between").st_ino
        away = Away(rig)
        away.settled()
        target, moved = Target(away), False
        while not target.done:
            target.step()
            if target.cursor[:2] == (ENTRIES, between) and not moved:
                os.rename(root / "B/A", root / "A")
                os.rename(root / "B", root / "A/C/B")
                moved = True
        assert moved
        target.is_source()
        assert (target.lower / "tree/A/C/B").is_dir()


def interrupted(kind: str, seed: int) -> str:
    """New lives at random, some on a lower that is ahead of its note, as a crash leaves it."""
    r = random.Random(seed)
    with Rig(kind, promise_ms=5000) as rig, of_everything(rig.p.mnt / "all", kind):
        load = rig.p.mnt / "load"
        load.mkdir()
        subject = Subject(load)
        for _ in range(60):
            churn(subject, r)
        away = Away(rig)
        away.settled()
        target, lives = Target(away), 0
        note, durable, noted = target.lower / ".harp/copy", b"", -1
        while not target.done:
            target.step()
            for _ in range(5):
                churn(subject, r)
            if target.cursor[0] != noted:
                rig.harp.verb("sync", rig.group, 1)
                durable, noted = note.read_bytes(), target.cursor[0]
            elif r.random() < 0.3:
                target.dismount()
                if r.random() < 0.5:
                    note.write_bytes(durable)
                target.mount()
                target.resume()
                lives += 1
        assert lives, "never interrupted"
        lives += interrupted_log(target, r)
        target.is_source()
    return f"{lives} lives"


def interrupted_log(target: Target, r: random.Random) -> int:
    """Fed a part of what it needs, then again from an older LB note."""
    note = target.lower / ".harp/lb"
    upto = target.state()["copy_upto"]
    assert upto > target.origin + 2, "nothing to redo"
    for _ in range(2):
        top = target.away.settled()
        lb, durable = target.state()["lb"], note.read_bytes()
        if lb + 1 >= upto:
            break
        target.away.feed(lb)
        feeder = Feeder(target.away)
        part = r.randrange(lb + 1, upto)
        # Whoever feeds tells all that is committed: an earlier life may have applied it.
        feeder.say(top, top, part)
        feeder.beat(top, part)
        feeder.heard(lambda ack, part=part: ack["ap"] >= part)
        feeder.close()
        assert target.state()["copying"] == LOG and top >= upto, target.state()
        expect(errno.ENODATA, UNENDED, lambda: start(target))
        target.dismount()
        note.write_bytes(durable)
        target.mount()
        assert (target.state()["lb"], target.state()["copying"]) == (lb, LOG), target.state()
    return 2


def start(target: Target) -> None:
    state = target.state()
    view = 4 * (max(state["view"], state["fence"], target.away.view) // 4 + 1) + WITNESS
    record = harpnl.view_record(view, state["lineage"], (WITNESS, YOU_INC), (1, state["inc"]),
                                state["top"], state["top_view"], state["epoch"], 5000)
    target.harp.view_start(target.rig.group, 1, record, state["top"])


def refused() -> None:
    """What is no next answer leaves everything as it was, and the copy goes on."""
    with Rig(promise_ms=5000) as rig, of_everything(rig.p.mnt / "all", "ext4"):
        away = Away(rig)
        away.settled()
        target = Target(away)
        reply = target.read(target.cursor)
        target.end = reply["copy_end"]
        target.step()
        first, old = target.cursor, reply
        reply = target.read(first)
        before = target.state()

        def no(number: int, words: str, cursor: Cursor = first, answer: harpnl.State = reply,
               **change: Any) -> None:
            expect(number, words, lambda: target.write(cursor, answer, **change))
            state = target.state()
            kept = ("copying", "copy_pass", "copy_fid", "copy_upto", "lb", "ap", "media_failure")
            assert [state[n] for n in kept] == [before[n] for n in kept], (before, state)
        data = reply["records"]
        for at in (0, 8, 70, len(data) // 2, len(data) - 1):
            bad = bytearray(data)
            bad[at] ^= 1
            no(errno.EBADMSG, "", records=bytes(bad))
        no(errno.EBADMSG, "", records=data[:-8])
        no(errno.EBADMSG, "", records=data + b"\0" * 64)
        no(errno.EBADMSG, "another index", index=reply["index"] + 1)
        no(errno.EBADMSG, "between both cursors", records=old["records"])
        no(errno.ERANGE, "what REPLICA_GET tells", cursor=(OBJECTS, ROOT, 0), answer=old)
        no(errno.ERANGE, "the reply's cursor", copy_next_pass=first[0], copy_next_fid=first[1],
           copy_next_at=first[2])
        no(errno.ERANGE, "the reply's cursor", copy_next_fid=reply["copy_end"])
        no(errno.ERANGE, "COPY_END", copy_end=3)
        no(errno.ERANGE, "INDEX", index=target.origin - 1)
        no(errno.EINVAL, "the copy that was begun", copy_from=target.origin - 1)
        no(errno.EINVAL, "the copy that was begun", copy_end=reply["copy_end"] - 1,
           copy_next_pass=ENTRIES, copy_next_fid=ROOT, copy_next_at=0)
        no(errno.EMSGSIZE, "more than one answer", records=b"\0" * (2 << 20))
        expect(errno.ENODATA, UNENDED, lambda: start(target))
        expect(errno.EBUSY, "in a view", lambda: target.harp.call(
            "copy-write", group=rig.group, member=0, index=1, copy_pass=0, copy_fid=1, copy_at=0,
            copy_end=16, copy_from=0, copy_next_pass=1, copy_next_fid=1, copy_next_at=0))
        while not target.done:
            target.step()
        expect(errno.EALREADY, "all pieces", lambda: target.write(first, reply))
        target.is_source()
        state = target.state()
        target.dismount()
        target.mount()
        assert target.state()["copying"] == ENDED, target.state()
        assert state["copying"] == ENDED, state


def in_use() -> None:
    """A lower that ever was a member's is no place for a copy."""
    with Rig(promise_ms=5000) as rig:
        (rig.p.mnt / "x").write_bytes(b"x")
        rig.settle()
        away = Away(rig)
        away.settled()
        target = Target.__new__(Target)
        target.away, target.rig, target.harp = away, rig, rig.harp
        target.cursor, target.end, target.origin = (OBJECTS, ROOT, 0), 0, rig.harp.get(
            rig.group, 0)["ap"]
        reply = target.read(target.cursor)
        expect(errno.ENOTEMPTY, "was in use", lambda: target.write(target.cursor, reply))
        assert target.state()["copying"] == NONE
        assert not (rig.b.lower / ".harp/copy").exists()


def void() -> None:
    """Something that a record speaks of never comes: the copy is void, and nothing is served."""
    with Rig(promise_ms=5000) as rig:
        (rig.p.mnt / "d").mkdir()
        (rig.p.mnt / "d/f").write_bytes(b"f")
        away = Away(rig)
        away.settled()
        target = Target(away)
        fid = os.stat(rig.p.mnt / "d/f").st_ino
        reply = target.read(target.cursor)
        # All but the file's own pieces.
        kept, data = b"", reply["records"]
        while data:
            length, = struct.unpack_from("<I", data, 8)
            role_fid = struct.unpack_from("<Q", data, 64 + 16)[0]
            kind = data[5]
            if kind == 19 or role_fid != fid:
                kept += data[:length]
            data = data[length:]
        target.write(target.cursor, reply, records=kept)
        state = away.wait(lambda s: s["media_failure"] == 1)
        assert state["copying"] == LOG, state
        expect(errno.ENODATA, UNENDED, lambda: start(target))


TESTS: list[tuple[str, Callable[[], Any]]] = [
    *((f"{kind}: {title}", lambda t=test, k=kind, w=words: t(k, *w)) for kind in asked_kinds()
      for title, test, words in (
          ("all kinds of objects are copied, and it is backup", quiet, (0,)),
          ("all kinds of objects are copied, and it is primary", quiet, (1,)),
          ("a loop is in the pieces", loop, ()),
          ("a directory goes back", stays, ()),
          *((f"beside a load, seed {seed}", loaded, (seed,)) for seed in (1, 2)),
          *((f"interrupted, seed {seed}", interrupted, (seed,)) for seed in (1, 2)))),
    ("what is no next answer is refused", refused),
    ("a lower in use takes no copy", in_use),
    ("what never comes makes a copy void", void),
]


if __name__ == "__main__":
    sys.exit(run_asked(TESTS))
