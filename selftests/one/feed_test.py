#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""C1: a member that is in no view is fed the history of one that serves.

Two real replicas; one falls out of the view, the other goes on with a witness that is
played here, and from what that holds the first one is fed. Then, alone, a member that is
fed by somebody who lies.

Words: of the tests' names; ext4 or xfs: where it matters, only this lower."""
from __future__ import annotations

import errno
import os
import socket
import sys
import threading
import time
from typing import Any, Callable, Iterator

from one import (UUID, Rig, asked_kinds, difference, freeze, mount, parked, run_asked, same_copies,
                 tree, umount)

import harpnl
import harpwire
from dataplane_test import LIES, expect, liar
from harpwire import ACK, F_FEED, HELLO, LEAVE, REC
from link_test import Load
from lone import GROUP, WITNESS, YOU_INC, Backup, Lone, counter

BATCH = 256 << 10       # bytes of records in a message, unless one is longer
LIMIT = 60


def records_of(data: bytes) -> Iterator[tuple[int, bytes]]:
    while data:
        head = harpnl.record_header(data)
        yield head["index"], data[:head["len"]]
        data = data[head["len"]:]


class Witness(Backup):
    """Keeps what it is sent, and says that it has it on its disk."""

    def __init__(self, partner: harpwire.Partner, log: dict[int, bytes]) -> None:
        self.log = log
        super().__init__(partner)

    def ack(self, message: harpwire.Message, **change: int) -> None:
        self.log.update(records_of(message.records))
        super().ack(message, **{"lb": min(self.top, self.limit), **change})


class Away:
    """Member 1 - who of a pair is in no view; the other serves with a witness."""

    def __init__(self, rig: Rig, who: int = 0) -> None:
        h, g = rig.harp, rig.group
        self.rig, self.who, self.out = rig, who, 1 - who
        self.server, self.member = rig.members[who], rig.members[1 - who]
        if h.get(g, who)["link_up"]:
            rig.drop_link(who)
        if who:
            # What it has promised to the other must run out, and the other must give up.
            h.verb("leave", g, 0)
            h.wait(g, who, lambda s: s["time_left_ms"] == 0, LIMIT)
        high = max(max(s["view"], s["fence"]) for s in (self.state(), h.get(g, who)))
        self.view = 4 * (high // 4 + 1) + who
        for member in (who, self.out):
            assert h.fence(g, member, self.view, who)["result"] == 1, member
        self.log: dict[int, bytes] = {}
        self.witness = self.start()

    def state(self) -> harpnl.State:
        return self.rig.harp.get(self.rig.group, self.out)

    def start(self) -> Witness:
        h, g, who = self.rig.harp, self.rig.group, self.who
        me = h.get(g, who)
        record = harpnl.view_record(self.view, me["lineage"], (who, me["inc"]),
                                    (WITNESS, YOU_INC), me["top"], me["top_view"], me["epoch"],
                                    self.rig.promise)
        h.view_start(g, who, record, me["top"])
        h.gate(g, who, "gate0")
        for index, data in enumerate(h.log(g, who, me["base"]), me["base"]):
            self.log[index] = data
        ours, theirs = socket.socketpair()
        h.link_add(g, who, WITNESS, theirs)
        theirs.close()
        partner = harpwire.Partner(ours, UUID, me["lineage"], me["epoch"], WITNESS, YOU_INC,
                                   self.view)
        last = harpnl.record_header(self.log[me["top"] + 1])
        partner.send(HELLO, top=last["index"], view_of_top=self.view, crc_of_top=last["crc"])
        witness = Witness(partner, self.log)
        h.wait(g, who, lambda s: s["serving"] == 1, LIMIT)
        return witness

    def settled(self) -> int:
        """The server has applied everything; up to here."""
        top = self.rig.harp.get(self.rig.group, self.who)["top"]
        self.rig.harp.wait(self.rig.group, self.who, lambda s: s["ap"] >= top, LIMIT)
        assert top in self.log, f"the witness has no record {top}"
        return int(top)

    def feed(self, match: int | None = None, upto: int = 0) -> harpnl.State:
        match = self.state()["top"] if match is None else match
        return self.rig.harp.feed(self.rig.group, self.out, self.view, WITNESS, YOU_INC, match,
                                  upto)

    def wait(self, good: Callable[[harpnl.State], bool]) -> harpnl.State:
        return self.rig.harp.wait(self.rig.group, self.out, good, LIMIT)

    def over(self) -> None:
        """The server leaves its view, and the witness goes."""
        self.rig.harp.verb("leave", self.rig.group, self.who)
        self.witness.stop()

    def back(self, primary: int) -> None:
        """Both are in a view again, and nothing needs be cut."""
        self.over()
        self.enter(primary)

    def agree(self, primary: int) -> None:
        """Nobody serves any more, and both wait for START of a view of both."""
        h, g = self.rig.harp, self.rig.group
        self.over()
        high = max(max(s["view"], s["fence"]) for s in (h.get(g, 0), h.get(g, 1)))
        self.view = 4 * (high // 4 + 1) + primary
        for member in (0, 1):
            h.wait(g, member, lambda s: s["time_left_ms"] == 0, LIMIT)
            assert h.fence(g, member, self.view, primary)["result"] == 1, member

    def enter(self, primary: int, view: int = 0) -> None:
        h, g = self.rig.harp, self.rig.group
        top = {h.get(g, member)["top"] for member in (0, 1)}
        assert len(top) == 1, top
        for member in (0, 1):
            h.wait(g, member, lambda s: s["time_left_ms"] == 0, LIMIT)
        harpnl.form_view(h, g, primary, 1 - primary, view, self.rig.promise, gate="gate0",
                         timeout=LIMIT)
        for member in (0, 1):
            state = h.get(g, member)
            assert (state["intact"], state["complete"], state["feed_view"]) == (1, 1, 0), state


class Feeder:
    """A link to the member that is out, over which it is fed from the witness's log."""

    def __init__(self, away: Away) -> None:
        self.away = away
        ours, theirs = socket.socketpair()
        away.rig.harp.link_add(away.rig.group, away.out, WITNESS, theirs)
        theirs.close()
        state = away.state()
        self.partner = harpwire.Partner(ours, UUID, state["lineage"], state["epoch"], WITNESS,
                                        YOU_INC, away.view)
        hello = self.partner.wait(HELLO)
        assert (hello.view, hello.inc) == (away.view, state["inc"]), hello
        self.hello = hello.body
        self.next = self.hello["top"] + 1
        self.told = 0

    def body(self, cp: int, ap: int) -> dict[str, int]:
        before = self.away.log.get(self.next - 1)
        view = harpnl.record_header(before)["view"] if before else self.hello["view_of_top"]
        self.told = max(self.told, min(cp, ap))
        return {"prev_index": self.next - 1, "prev_view": view, "cp": cp, "ap": ap, "t": 5,
                "flags": F_FEED}

    def say(self, last: int, cp: int, ap: int) -> None:
        """Records up to @last, and nothing else; whoever takes them may be slow."""
        while self.next <= last:
            body, some, size = self.body(cp, ap), [], 0
            while self.next <= last and (not some or size < BATCH):
                some.append(self.away.log[self.next])
                size += len(some[-1])
                self.next += 1
            self.partner.send(REC, b"".join(some), nrec=len(some), **body)

    def beat(self, cp: int, ap: int) -> None:
        self.partner.send(REC, **self.body(cp, ap))

    def heard(self, good: Callable[[dict[str, int]], bool]) -> dict[str, int]:
        """The first ACK that says so; each must be what a member in no view may say."""
        end = time.monotonic() + LIMIT
        while True:
            ack = self.partner.wait(ACK, max(end - time.monotonic(), 0.1)).body
            assert not ack["promise"] and not ack["flags"] & harpwire.F_PROMISE, ack
            assert ack["ap"] <= max(self.told, self.hello["ap"]), f"told {self.told}: {ack}"
            assert ack["lb"] <= ack["ap"] <= ack["n"] and ack["n"] < self.next, ack
            if good(ack):
                return ack

    def give(self, last: int, cp: int, ap: int) -> None:
        self.say(last, cp, ap)
        self.beat(cp, ap)
        self.heard(lambda ack: ack["n"] == last and ack["ap"] >= min(cp, ap, last))

    def close(self) -> None:
        self.partner.sock.close()


def work(away: Away, n: int) -> int:
    """Something of everything; the last record of it."""
    root = away.server.mnt / f"work{n}"
    root.mkdir()
    for k in range(6):
        (root / f"f{k}").write_bytes(b"%d-%d" % (n, k) * (1 + 700 * k))
    os.rename(root / "f0", root / "g0")
    os.rename(root / "f1", root / "f2")
    os.link(root / "g0", root / "hard")
    os.symlink("hard", root / "soft")
    os.truncate(root / "f3", 5)
    os.chmod(root / "f4", 0o640)
    os.setxattr(root / "f4", "user.word", b"%d" % n)
    os.unlink(root / "f5")
    if n:
        before = away.server.mnt / f"work{n - 1}"
        os.rename(before / "hard", root / "from before")
        os.unlink(before / "g0")
        (before / "f4").write_bytes(b"again")
    return away.settled()


def copy(away: Away) -> dict[str, Any]:
    return tree(away.server.tree, True, True)


def is_copy(away: Away, want: dict[str, Any]) -> None:
    bad = difference(want, tree(away.member.tree, True, True))
    assert not bad, f"the member that is fed holds something else:\n{bad}"


KEPT = ("role", "view", "fence", "formed", "wm", "complete", "intact", "promise_ms")


def fed_while_others_work() -> str:
    """At each point told the tree is what the server's was, and it is never ahead of it. The
    log of the old view stays what it was, over links that end; and at the end the member
    that was out serves."""
    with Rig() as rig:
        (rig.p.mnt / "old").write_bytes(b"before")
        rig.settle()
        away = Away(rig)
        before, points = away.state(), []
        for n in range(3):
            points.append((work(away, n), copy(away)))
        top = points[-1][0]
        state = away.feed()
        assert (state["feed_view"], state["feed_peer"]) == (away.view, WITNESS), state
        feeder = Feeder(away)
        assert feeder.hello["top"] == before["top"], feeder.hello
        feeder.say(points[0][0] + 3, top, before["ap"])
        feeder.beat(top, before["ap"])
        feeder.heard(lambda ack: ack["n"] == points[0][0] + 3)
        assert away.state()["ap"] == before["ap"], "applied what nobody said is applied"
        for n, (point, want) in enumerate(points):
            feeder.give(top if n else points[0][0] + 3, top, point)
            state = away.state()
            assert (state["ap"], state["feed_cp"], state["feed_ap"]) == (point, top, point), state
            assert state["link_up"] == 1, state
            is_copy(away, want)
            feeder.close()
            away.wait(lambda s: s["link_up"] == 0)
            feeder = Feeder(away)
            assert feeder.hello["top"] == feeder.next - 1 == state["top"], feeder.hello
        kept = {name: before[name] for name in KEPT}
        assert kept == {name: away.state()[name] for name in KEPT}, away.state()
        load = Load(rig.p.mnt, "load")
        while load.done < 30:
            point = away.settled()
            feeder.give(point, point, point)
            assert not load.error, load.error
        load.stop()
        point = away.settled()
        feeder.give(point, point, point)
        is_copy(away, copy(away))
        assert kept == {name: away.state()[name] for name in KEPT}, away.state()
        feeder.close()
        away.back(primary=1)
        assert (rig.b.mnt / "work2/from before").read_bytes() == b"1-0"
        assert (rig.b.mnt / "old").read_bytes() == b"before"
        (rig.b.mnt / "new").write_bytes(b"by who was out")
        same_copies(rig)
    return f"{point - before['top']} records, {load.done} steps of a load beside them"


def what_differs_is_cut() -> None:
    """A primary that was cut off gives up what nobody else has, but not before those who wait
    for it have been released; and its log counts for nothing from then on."""
    with Rig(promise_ms=5000) as rig:
        h, g = rig.harp, rig.group
        (rig.p.mnt / "x").write_bytes(b"x")
        rig.settle()
        rig.drop_link(0)
        match, results = h.get(g, 1)["top"], []

        def make() -> None:
            try:
                (rig.p.mnt / "lost").mkdir()
            except OSError as error:
                results.append(error.errno)
        maker = threading.Thread(target=make)
        maker.start()
        h.wait(g, 0, lambda s: s["top"] > match)
        parked(maker)
        away = Away(rig, who=1)
        (rig.b.mnt / "won").mkdir()
        top = away.settled()
        for at in (match, away.state()["top"]):
            expect(errno.EBUSY, "RELEASE first", lambda at=at: away.feed(at))
        state = away.state()
        assert (state["top"] > match, state["complete"], state["feed_view"]) == (1, 1, 0), state
        h.verb("release", g, 0)
        maker.join(LIMIT)
        assert results and set(results) <= {errno.ESTALE, errno.ETIMEDOUT}, results
        state = away.feed(match)
        assert (state["top"], state["complete"], state["intact"]) == (match, 0, 0), state
        assert state["formed"] < away.view, state
        feeder = Feeder(away)
        feeder.give(top, top, top)
        is_copy(away, copy(away))
        feeder.close()
        away.back(primary=0)
        assert sorted(os.listdir(rig.p.mnt)) == ["won", "x"]
        same_copies(rig)


def reborn(away: Away) -> int:
    """A new life, that has yet to learn of what the one before it has applied; its LB."""
    rig, b = away.rig, away.rig.b
    note = b.lower / ".harp/lb"
    lb, durable = away.state()["lb"], note.read_bytes()
    top = work(away, 0)
    away.feed()
    feeder = Feeder(away)
    feeder.give(top, top, top)
    feeder.close()
    umount(b.mnt)
    rig.harp.verb("replica-del", rig.group, 1)
    # As if nothing had been synced since.
    note.write_bytes(durable)
    mount(b.lower, b.mnt, "harp", rig.options(b, False).replace("inc=1", "inc=2"))
    return int(lb)


def fresh_region() -> str:
    """A new object on the same lower, its log in new memory, begins after what its disk has;
    what an earlier life has applied beyond that is redone, and not before all of it is here."""
    with Rig() as rig:
        h, g = rig.harp, rig.group
        (rig.p.mnt / "x").write_bytes(b"x")
        rig.settle()
        away = Away(rig)
        h.verb("sync", g, 1)
        lb = reborn(away)
        top, state = work(away, 1), away.state()
        assert (state["base"], state["top"], state["lb"], state["complete"], state["inc"]) == \
            (lb + 1, lb, lb, 0, 2), state
        for match in (lb - 1, lb + 1):
            expect(errno.ERANGE, "base - 1 to top", lambda m=match: away.feed(m))
        away.feed(lb)
        feeder = Feeder(away)
        assert (feeder.hello["top"], feeder.hello["view_of_top"]) == (lb, 0), feeder.hello
        feeder.say(top - 5, top, top)
        feeder.beat(top, top)
        feeder.heard(lambda ack: ack["n"] == top - 5)
        assert away.state()["ap"] == lb, "redo began before all of it was there"
        feeder.give(top, top, top)
        is_copy(away, copy(away))
        state = away.state()
        assert (state["base"], state["complete"], state["intact"]) == (lb + 1, 0, 0), state
        feeder.close()
        away.back(primary=0)
        same_copies(rig)
    return f"from {lb + 1} to {top}"


def full_ring_and_fence() -> str:
    """A member whose disk stalls takes no more than its log holds; a fence ends the feed at
    once, full or not. Fed again it makes room by its own LB, and says that the old log is
    not whole before that has gone."""
    with Rig(region="mem:4M") as rig:
        h, g = rig.harp, rig.group
        rig.settle()
        away = Away(rig)
        for n in range(8):
            (rig.p.mnt / f"f{n}").write_bytes(os.urandom(900_000))
        top = away.settled()
        before = away.feed()
        feeder, thaw = Feeder(away), freeze(rig.b.lower)
        sender = threading.Thread(target=feeder_says, args=(feeder, top))
        try:
            sender.start()
            full = away.wait(lambda s: s["wait_full"] > before["wait_full"])
            assert full["top"] < top and full["base"] <= full["lb"] + 1, full
            assert full["ring_used"] < full["ring_size"], full
            assert h.fence(g, 1, full["fence"] + 4, 0)["result"] == 1
            away.wait(lambda s: s["refused"] > before["refused"])
            state = away.state()
            assert (state["feed_view"], state["top"], state["complete"]) == (0, full["top"], 1), \
                state
        finally:
            thaw()
        # What was being applied is; of what follows nothing is, though it was told.
        h.verb("sync", g, 1)
        after = away.state()
        assert after["ap"] <= state["ap"] + 1 and after["top"] == state["top"], (state, after)
        assert after["ap"] < after["top"], "there was nothing left to apply"
        feeder.close()
        sender.join(LIMIT)
        away.feed()
        feeder = Feeder(away)
        seen: list[harpnl.State] = []
        sender = threading.Thread(target=feeder_says, args=(feeder, top))
        sender.start()
        while not seen or seen[-1]["ap"] < top:
            feeder.heard(lambda ack: True)
            state = away.state()
            assert state["base"] <= state["lb"] + 1, state
            if state["base"] > before["top"] + 1:
                assert not state["complete"] and not state["intact"], state
            seen.append(state)
        sender.join(LIMIT)
        assert seen[-1]["base"] > before["top"] + 1, "the log holds more than it can"
        is_copy(away, copy(away))
        feeder.close()
        away.back(primary=0)
        same_copies(rig)
    return f"{seen[-1]['wait_full'] - before['wait_full']} waits for room"


def feeder_says(feeder: Feeder, top: int) -> None:
    try:
        feeder.say(top, top, top)
    except OSError:
        pass        # the link was ended under it


# ------------------------------------------------------- before a view is entered

def before_a_view(kind: str) -> str:
    """Member 1, which was cut off, is fed all that START has, and of that only what it knew is
    said to be committed: it applies nothing, and enters the view with a whole log."""
    primary = int(kind == "xfs")
    with Rig(kind, promise_ms=5000) as rig:
        (rig.p.mnt / "old").write_bytes(b"before")
        rig.settle()
        away = Away(rig)
        before, s = away.state(), [work(away, n) for n in range(2)][-1]
        away.agree(primary)
        expect(errno.ESTALE, "below the fence",
               lambda: rig.harp.feed(rig.group, 1, away.view - 1, WITNESS, YOU_INC,
                                     before["top"], s))
        state = away.feed(upto=s)
        assert (state["feed_view"], state["feed_upto"]) == (away.view, s), state
        feeder = Feeder(away)
        feeder.say(s, before["cp"], before["ap"])
        feeder.heard(lambda ack: ack["n"] == s)
        feeder.close()
        state = away.state()
        same = ("cp", "ap", "wm", "formed", "view", "complete", "intact")
        assert [state[name] for name in same] == [before[name] for name in same], (before, state)
        is_entered(away, primary, s)
    return f"{s - before['top']} records"


def is_entered(away: Away, primary: int, s: int) -> None:
    """A view whose VIEW record comes after @s; then both hold the same, and it serves."""
    away.enter(primary, away.view)
    state = away.state()
    assert (state["view"], state["formed"], state["intact"], state["complete"],
            state["feed_view"]) == (away.view, away.view, 1, 1, 0), state
    assert state["role"] == ("primary" if primary else "backup"), state
    same_copies(away.rig)
    assert away.state()["ap"] == s + 1, state
    (away.rig.members[primary].mnt / "new").write_bytes(b"by who serves")
    same_copies(away.rig)


def redone_after_a_feed(kind: str, primary: int) -> str:
    """A new life whose lower is ahead of its log is fed all that START has, some of it said to
    be committed: it redoes when it is in the view, and everything is."""
    with Rig(kind, promise_ms=5000) as rig:
        (rig.p.mnt / "x").write_bytes(b"x")
        rig.settle()
        away = Away(rig)
        rig.harp.verb("sync", rig.group, 1)
        lb = reborn(away)
        known, s = work(away, 1), work(away, 2)
        away.agree(primary)
        away.feed(lb, s)
        feeder = Feeder(away)
        # First a part of what an earlier life has applied is told: too early to redo.
        feeder.say(known - 5, lb + 3, lb + 3)
        feeder.say(s, known, known)
        feeder.beat(known, known)
        feeder.heard(lambda ack: ack["n"] == s)
        feeder.close()
        state = away.state()
        assert (state["ap"], state["cp"], state["top"]) == (lb, known, s), state
        is_entered(away, primary, s)
        skipped = counter("steps_skipped", 1, rig.group)
    return f"from {lb + 1} to {s}, {skipped} steps skipped"


# ---------------------------------------------------------------------- who lies

class Fed(Lone):
    """Was a backup, is fenced, and is fed by member WITNESS."""

    def __init__(self) -> None:
        super().__init__(slot=1)

    def fence(self, primary: bool = False) -> None:
        """Out of the view, for one that has this one as its primary or as its backup."""
        by = self.slot if primary else WITNESS
        self.view = 4 * (max(self.state()["view"], self.state()["fence"]) // 4 + 1) + by
        self.wait(lambda s: s["time_left_ms"] == 0)
        assert self.harp.fence(GROUP, self.slot, self.view, by)["result"] == 1

    def begin(self) -> None:
        self.start(primary=False)
        old = self.view
        assert self.harp.fence(GROUP, 1, old + 4, WITNESS)["result"] == 1
        self.view = old + 8
        self.harp.feed(GROUP, 1, self.view, WITNESS, YOU_INC, self.state()["top"])


def feed_refuses() -> None:
    """Whatever is not the history of that view from that member, committed and in its place,
    ends the link and is counted; nothing is lost by it."""
    with Fed() as lone:
        lone.begin()
        partner = lone.partner()
        where = partner.wait(HELLO).body
        partner.sock.close()
        old, crc = where["view_of_top"], where["crc_of_top"]
        before = lone.state()

        def noop(index: int, chain: int, view: int = old, lineage: int = 7) -> bytes:
            return harpwire.seal_record(1, b"", 0, index, view, lineage, chain)

        good = noop(2, crc)
        bad = bytearray(good)
        bad[20] ^= 1
        later = harpwire.seal_record(2, lone.record(lone.view + 4, False), 1, 2, lone.view + 4, 7,
                                     crc)
        body = {"prev_index": 1, "prev_view": old, "nrec": 1, "t": 5, "cp": 2, "ap": 2,
                "flags": F_FEED}
        for said, wrong in LIES.items():
            def lie(p: harpwire.Partner) -> None:
                p.wait(HELLO)
                p.wrong = wrong
                p.send(REC, good, **body)
            liar(lone, said, lie)
            assert lone.state()["top"] == 1, said
        for said, data, change in (
                ("no flag", good, {"flags": 0}),
                ("the flag of a view", good, {"flags": harpwire.F_SERVING}),
                ("an unknown flag", good, {"flags": F_FEED | 4}),
                ("not committed", good, {"cp": 1}),
                ("the second not committed", good + noop(3, harpnl.record_header(good)["crc"]),
                 {"nrec": 2}),
                ("a later view", later, {}),
                ("a view without its record", noop(2, crc, lone.view), {}),
                ("a gap", noop(3, crc), {"prev_index": 2, "cp": 3}),
                ("another view before", good, {"prev_view": old - 1}),
                ("out of order", noop(3, crc), {"cp": 3}),
                ("wrong chain", noop(2, 1), {}),
                ("a damaged record", bytes(bad), {}),
                ("another lineage", noop(2, crc, lineage=8), {}),
                ("too many announced", good, {"nrec": 2}),
                ("half a record", good[:32], {}),
                ("rubbish", b"\xff" * 64, {})):
            liar(lone, said, lambda p, d=data, c=change: p.send(REC, d, **{**body, **c}))
            state = lone.state()
            assert (state["top"], state["feed_view"]) == (1, lone.view), (said, state)
        liar(lone, "HELLO", lambda p: p.send(HELLO, top=1, view_of_top=old, crc_of_top=crc))
        liar(lone, "ACK", lambda p: p.send(ACK, n=1))
        liar(lone, "LEAVE", lambda p: p.send(LEAVE))
        after = lone.state()
        assert all(before[name] == after[name] for name in (*KEPT, "cp", "ap", "top")), after
        other = socket.socketpair()
        expect(errno.EINVAL, "partner in the view or feed",
               lambda: lone.harp.link_add(GROUP, 1, 0, other[0]))
        for end in other:
            end.close()
        views_of_a_feed(lone, good, body)


def views_of_a_feed(lone: Fed, good: bytes, body: dict[str, int]) -> None:
    """A message of another view is refused and the link goes on; the right one is taken."""
    events, partner = harpnl.Events(), lone.partner()
    partner.wait(HELLO)
    for view in (lone.view - 1, lone.view + 4):
        refused = lone.state()["refused"]
        partner.view = view
        partner.send(REC, good, **body)
        lone.wait(lambda s, r=refused: s["refused"] > r)
    assert events.wait("higher-view")["value"] == lone.view + 4
    partner.view = lone.view
    partner.send(REC, good, **body)
    answer = partner.wait(ACK).body
    assert (answer["n"], answer["t"], answer["promise"]) == (2, 5, 0), answer
    state = lone.wait(lambda s: s["ap"] == 2)
    assert (state["top"], state["wm"]) == (2, 1), state
    # Fenced: nothing of the feed is stored or acked any more.
    assert lone.harp.fence(GROUP, 1, lone.view + 4, WITNESS)["result"] == 1
    partner.send(REC, **{**body, "prev_index": 2, "nrec": 0})
    lone.wait(lambda s: s["refused"] > state["refused"])
    partner.sock.close()
    events.harp.close()


def start_decides() -> None:
    """What is fed for a START and is not committed is stored and not applied; that START, or
    another, keeps it or cuts it."""
    with Fed() as lone:
        lone.start(primary=False)
        for primary in (False, True):
            for cut in (0, 1, 2):
                known, s = fed_for_start(lone, primary, cut)
                state = lone.state()
                assert (state["formed"], state["top"], state["wm"]) == (lone.view, s + 1, s + 1), \
                    state
                assert (state["complete"], state["intact"], state["feed_view"]) == (1, 1, 0), state
                assert (state["cp"], state["ap"]) == (known, known), state
                (serves if primary else follows)(lone, s)


def fed_for_start(lone: Fed, primary: bool, cut: int) -> tuple[int, int]:
    """Three records, of which the first is committed; then a view without the last @cut."""
    before = lone.state()
    lone.harp.verb("leave", GROUP, 1)
    lone.fence(primary)
    top, old = before["top"], before["top_view"]
    known, upto = top + 1, top + 3

    def feed(to: int) -> None:
        lone.harp.feed(GROUP, 1, lone.view, WITNESS, YOU_INC, top, to)
    expect(errno.ERANGE, "expected MATCH to", lambda: feed((1 << 63) - 1))
    feed(upto)
    partner = lone.partner()
    crc, records = partner.wait(HELLO).body["crc_of_top"], []
    for index in range(top + 1, upto + 2):
        records.append(harpwire.seal_record(1, b"", 0, index, old, 7, crc))
        crc = harpnl.record_header(records[-1])["crc"]
    body = {"prev_index": top, "prev_view": old, "t": 5, "cp": known, "ap": known, "flags": F_FEED}
    partner.send(REC, b"".join(records[:3]), nrec=3, **body)
    while partner.wait(ACK).body["n"] < upto:
        pass
    state = lone.wait(lambda s: s["ap"] == known)
    assert (state["top"], state["cp"], state["feed_upto"]) == (upto, known, upto), state
    kept = [name for name in KEPT if name not in ("fence", "role")]
    assert [state[name] for name in kept] == [before[name] for name in kept], (before, state)
    partner.send(REC, records[3], nrec=1, **{**body, "prev_index": upto})
    assert partner.ended(), "a record above UPTO is taken"
    partner.sock.close()
    lone.wait(lambda s: s["refused"] > state["refused"])

    def start(s: int) -> None:
        lone.harp.view_start(GROUP, 1, lone.record(lone.view, primary, s=s, view_of_s=old), s)
    expect(errno.EINVAL, "would cut", lambda: start(top))
    start(upto - cut)
    return known, upto - cut


def serves(lone: Fed, s: int) -> None:
    lone.harp.gate(GROUP, 1, "gate0")
    partner = lone.partner()
    lone.hello(partner)
    backup = Backup(partner)
    lone.wait(lambda state: state["serving"] == 1 and state["ap"] == s + 1)
    backup.stop()


def follows(lone: Fed, s: int) -> None:
    partner = lone.partner()
    partner.wait(HELLO)
    for ap in (s, s + 1):
        partner.send(REC, prev_index=s + 1, prev_view=lone.view, t=5, cp=s + 1, ap=ap)
        lone.wait(lambda state, ap=ap: state["ap"] == ap)
    partner.sock.close()


def views_refuse_what_is_fed() -> None:
    """N2: what counts comes without the flag."""
    with Lone(slot=1) as lone:
        lone.start(primary=False)
        partner = lone.partner()
        crc = partner.wait(HELLO).body["crc_of_top"]
        partner.sock.close()
        record = harpwire.seal_record(1, b"", 0, 2, lone.view, 7, crc)
        body = {"prev_index": 1, "prev_view": lone.view, "nrec": 1, "t": 5, "cp": 2, "ap": 2}
        liar(lone, "the flag of a feed", lambda p: p.send(REC, record, flags=F_FEED, **body))
        assert lone.state()["top"] == 1
        expect(errno.EBUSY, "in a view",
               lambda: lone.harp.feed(GROUP, 1, lone.view + 4, WITNESS, YOU_INC, 1))
        partner = lone.partner()
        partner.wait(HELLO)
        partner.send(REC, record, **body)
        assert partner.wait(ACK).body["n"] == 2
        partner.sock.close()


def link_waits_for_its_feed() -> None:
    """As in a view: a link may be there before. REPLICA_DEL ends both."""
    with Fed() as lone:
        lone.start(primary=False)
        assert lone.harp.fence(GROUP, 1, lone.view + 4, WITNESS)["result"] == 1
        lone.view += 8
        early = lone.partner()
        lone.harp.feed(GROUP, 1, lone.view, WITNESS, YOU_INC, 1)
        assert early.wait(HELLO).view == lone.view
        # Another feed replaces it, and its link.
        lone.view += 4
        lone.harp.feed(GROUP, 1, lone.view, WITNESS, YOU_INC, 1)
        assert early.ended()
        early.sock.close()
        last = lone.partner()
        assert last.wait(HELLO).view == lone.view
    assert last.ended()
    last.sock.close()


TESTS: list[tuple[str, Callable[[], Any]]] = [
    ("fed while others work: equal at each point told", fed_while_others_work),
    ("what differs is cut, and the log counts no more", what_differs_is_cut),
    ("a fresh region is fed from LB + 1", fresh_region),
    ("a full ring waits, a fence ends the feed", full_ring_and_fence),
    *((f"{kind}: fed before it enters", lambda k=kind: before_a_view(k))
      for kind in asked_kinds()),
    *((f"{kind}: fed, and redone as {role}", lambda k=kind, p=primary: redone_after_a_feed(k, p))
      for kind in asked_kinds() for primary, role in enumerate(("backup", "primary"))),
    ("START decides on what was fed for it", start_decides),
    ("wire: a member that is fed refuses what is no feed", feed_refuses),
    ("wire: a backup refuses what is fed", views_refuse_what_is_fed),
    ("a link waits for its feed", link_waits_for_its_feed),
]


if __name__ == "__main__":
    sys.exit(run_asked(TESTS))
