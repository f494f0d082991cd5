# SPDX-License-Identifier: GPL-2.0
"""One replica; its partner is played by the test over the record link (harpwire), so that
it can say what no real member would, and be silent when it matters.
"""
from __future__ import annotations

import contextlib
import socket
import threading
from pathlib import Path
from typing import Any, Callable, Iterator

from one import UUID, Member, Rig, disks, make_fs, mount, mount_lower, umount

import harpnl
import harpwire
from harpwire import ACK, HELLO, REC

GROUP = "dp"
PROMISE = 1000
ME_INC, YOU_INC = 11, 99
WITNESS = 2
NO_LIMIT = (1 << 64) - 1


class Lone:
    """One real replica; the partner is slot 2 with incarnation YOU_INC."""

    def __init__(self, slot: int = 0, promise: int = PROMISE, hold: int = 0,
                 more: str = "") -> None:
        self.more = more        # mount options
        self.member = Member(slot, disks()[slot])
        self.slot, self.promise, self.hold = slot, promise, hold
        self.harp = harpnl.Harp()
        self.view = 0
        self.touch: harpnl.Touch | None = None

    def __enter__(self) -> Lone:
        m = self.member
        make_fs(m.disk, "ext4")
        mount_lower(m.disk, m.lower, "ext4")
        self.mount(",init")
        Rig.dummy()
        self.touch = harpnl.Touch((GROUP, self.slot))
        return self

    def __exit__(self, *_: object) -> None:
        if self.touch:
            self.touch.stop()
        self.end()
        umount(self.member.lower)
        self.harp.close()

    def mount(self, more: str = "") -> None:
        """A new replica, its log in memory of its own."""
        mount(self.member.lower, self.member.mnt, "harp",
              f"group={GROUP},uuid={UUID},member={self.slot},inc={ME_INC},lineage=7,epoch=3,"
              f"hold={self.hold},region=mem:8M{self.more}{more}")

    def end(self) -> None:
        """The replica ends, and its log; the lower stays."""
        if self.state()["role"] == "primary":
            self.harp.verb("leave", GROUP, self.slot)
            self.harp.verb("release", GROUP, self.slot)
        umount(self.member.mnt)
        self.harp.verb("replica-del", GROUP, self.slot)

    def state(self) -> harpnl.State:
        return self.harp.get(GROUP, self.slot)

    def record(self, view: int, primary: bool, **change: Any) -> bytes:
        state = self.state()
        me, you = (self.slot, ME_INC), (WITNESS, YOU_INC)
        args = {"lineage": 7, "primary": me if primary else you,
                "backup": you if primary else me, "s": state["top"],
                "view_of_s": state["top_view"], "epoch": 3, "promise_ms": self.promise}
        return harpnl.view_record(view, **{**args, **change})

    def start(self, primary: bool = True) -> None:
        """The next view that the primary-to-be coordinates."""
        state = self.state()
        by = self.slot if primary else WITNESS
        self.view = 4 * (max(state["view"], state["fence"]) // 4 + 1) + by
        assert self.harp.fence(GROUP, self.slot, self.view, by)["result"] == 1
        self.harp.view_start(GROUP, self.slot, self.record(self.view, primary), state["top"])
        self.harp.gate(GROUP, self.slot, "gate0")

    def partner(self, **change: Any) -> harpwire.Partner:
        ours, theirs = socket.socketpair()
        self.harp.link_add(GROUP, self.slot, WITNESS, theirs)
        theirs.close()
        args = {"group": UUID, "lineage": 7, "epoch": 3, "slot": WITNESS, "inc": YOU_INC,
                "view": self.view}
        return harpwire.Partner(ours, **{**args, **change})

    def hello(self, partner: harpwire.Partner, **change: int) -> None:
        """Say truly where the log ends, as if the partner's went as far."""
        top = self.state()["top"]
        last = harpnl.record_header(next(self.harp.log(GROUP, self.slot, top, 1)))
        body = {"top": top, "view_of_top": last["view"], "crc_of_top": last["crc"]}
        partner.send(HELLO, **{**body, **change})

    def wait(self, good: Callable[[harpnl.State], bool], timeout: float = 10.0) -> harpnl.State:
        return self.harp.wait(GROUP, self.slot, good, timeout)


class Backup(threading.Thread):
    """A partner that acks what it is sent until told otherwise."""

    def __init__(self, partner: harpwire.Partner) -> None:
        super().__init__(daemon=True)
        self.partner = partner
        self.promising, self.acking, self.ended = True, True, False
        self.number, self.top, self.limit = 0, 0, NO_LIMIT
        self.recs: list[harpwire.Message] = []
        self.sending = threading.Lock()
        self.start()

    def run(self) -> None:
        while not self.ended:
            try:
                message = self.partner.receive(0.2)
            except TimeoutError:
                continue
            except (ConnectionError, OSError):
                return
            if message.kind != REC:
                continue
            self.recs.append(message)
            self.top = max(self.top, message.body["prev_index"] + message.body["nrec"])
            if self.acking:
                self.ack(message)

    def ack(self, message: harpwire.Message, **change: int) -> None:
        with self.sending:
            self.number += self.promising
            body = {"n": min(self.top, self.limit), "t": message.body["t"],
                    "free_bytes": NO_LIMIT, "free_inodes": NO_LIMIT}
            if self.promising:
                body |= {"promise": self.number, "flags": harpwire.F_PROMISE}
            self.partner.send(ACK, **{**body, **change})

    @contextlib.contextmanager
    def withholding(self) -> Iterator[None]:
        """Nothing new is committed, though the lease goes on."""
        self.limit = self.top
        try:
            yield
        finally:
            self.limit = NO_LIMIT
            self.ack(self.recs[-1])

    def pause(self) -> None:
        """From here on the test listens and answers itself."""
        self.ended = True
        self.join()

    def stop(self) -> None:
        self.pause()
        self.partner.sock.close()


def serving(lone: Lone) -> Backup:
    lone.start()
    partner = lone.partner()
    lone.hello(partner)
    backup = Backup(partner)
    lone.wait(lambda s: s["serving"] == 1)
    return backup


def counter(name: str, slot: int = 0, group: str = GROUP) -> int:
    text = Path(f"/sys/kernel/debug/harp/{group}-{slot}/counters").read_text()
    return int(dict(line.split() for line in text.splitlines())[name])
