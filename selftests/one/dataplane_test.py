#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""The data plane against partners that lie, links that break and leases that end.

A real replica in this kernel; its partner is played by this script over the record
link (harpwire), so that it can say what no real member would, and be silent when it
matters. The last tests have two real replicas.
"""
from __future__ import annotations

import errno
import os
import socket
import struct
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable

from one import FID_LAST, UUID, Rig, freeze, libc, parked, run, run_asked, same_copies

import harpnl
import harpwire
from harpwire import ACK, HELLO, LEAVE, REC
from lone import GROUP, PROMISE, WITNESS, YOU_INC, Backup, Lone, counter, serving

FID_FAR, TIME_FAR = 1 << 35, 1 << 62


def expect(number: int, text: str, call: Callable[[], Any]) -> None:
    """A refusal with this errno that says this."""
    try:
        call()
    except harpnl.HarpError as error:
        assert error.errno == number, f"expected {os.strerror(number)}, not {error}"
        assert text in error.text, f"expected \"{text}\" in \"{error.text}\""
        return
    raise AssertionError(f"expected {os.strerror(number)}, but it was done")


def fails(number: int, call: Callable[[], Any]) -> None:
    try:
        call()
    except OSError as error:
        assert error.errno == number, f"expected {os.strerror(number)}, not {error}"
        return
    raise AssertionError(f"expected {os.strerror(number)}, but it was done")


# ------------------------------------------------------------------- netlink refusals

def closed_fd() -> int:
    fd = os.dup(0)
    os.close(fd)
    return fd


def netlink_refusals() -> None:
    import errno as e
    with Lone(hold=60000) as lone:
        h, who = lone.harp, {"group": GROUP, "member": 0}
        tcp, udp, listener = socket.socket(), socket.socket(type=socket.SOCK_DGRAM), \
            socket.create_server(("127.0.0.1", 0))
        dgram = socket.socketpair(type=socket.SOCK_DGRAM)
        half = socket.socketpair()
        half[0].shutdown(socket.SHUT_WR)
        pipe = os.pipe()
        record = lone.record(4, True)
        cases: list[tuple[int, str, str, dict[str, Any]]] = [
            (e.EINVAL, "GROUP is missing", "replica-get", {"member": 0}),
            (e.EINVAL, "MEMBER is missing", "replica-get", {"group": GROUP}),
            (e.ENOENT, "is in this kernel", "replica-get", {"group": "other", "member": 0}),
            (e.ERANGE, "", "replica-get", {"group": GROUP, "member": 3}),
            (e.EBUSY, "mounted", "replica-del", who),
            (e.EINVAL, "LINEAGE", "replica-del", who | {"lineage": 8}),
            (e.EINVAL, "VIEW is missing", "fence", who | {"by": 0}),
            (e.EINVAL, "BY is missing", "fence", who | {"view": 4}),
            (e.ERANGE, "", "fence", who | {"view": 4, "by": 3}),
            (e.EINVAL, "VIEW_RECORD is missing", "view-start", who | {"match": 0}),
            (e.EINVAL, "MATCH is missing", "view-start", who | {"view_record": record}),
            (e.ERANGE, "", "view-start", who | {"view_record": record[:-8], "match": 0}),
            (e.EBUSY, "hold", "view-start", who | {"view_record": record, "match": 0}),
            (e.EINVAL, "FD is missing", "link-add", who | {"peer": 2}),
            (e.EINVAL, "PEER is missing", "link-add", who | {"fd": tcp.fileno()}),
            (e.EINVAL, "another member", "link-add", who | {"peer": 0, "fd": half[1].fileno()}),
            (e.EBADF, "not an open socket", "link-add", who | {"peer": 2, "fd": closed_fd()}),
            (e.ENOTSOCK, "not an open socket", "link-add", who | {"peer": 2, "fd": pipe[0]}),
            (e.EPROTOTYPE, "stream", "link-add", who | {"peer": 2, "fd": udp.fileno()}),
            (e.EPROTOTYPE, "stream", "link-add", who | {"peer": 2, "fd": dgram[0].fileno()}),
            (e.ENOTCONN, "connected", "link-add", who | {"peer": 2, "fd": tcp.fileno()}),
            (e.ENOTCONN, "connected", "link-add", who | {"peer": 2, "fd": listener.fileno()}),
            (e.ENOTCONN, "connected", "link-add", who | {"peer": 2, "fd": half[0].fileno()}),
            (e.ENOTCONN, "no link", "link-drop", who),
            (e.EINVAL, "VIEW is missing", "feed", who | {"peer": 2, "peer_inc": 1, "match": 0}),
            (e.EINVAL, "PEER is missing", "feed", who | {"view": 4, "peer_inc": 1, "match": 0}),
            (e.EINVAL, "PEER_INC is missing", "feed", who | {"view": 4, "peer": 2, "match": 0}),
            (e.EINVAL, "MATCH is missing", "feed", who | {"view": 4, "peer": 2, "peer_inc": 1}),
            (e.EINVAL, "another member", "feed", who | {"view": 4, "peer": 0, "peer_inc": 1,
                                                        "match": 0}),
            (e.ERANGE, "base - 1 to top", "feed", who | {"view": 4, "peer": 2, "peer_inc": 1,
                                                         "match": 1}),
            (e.EINVAL, "IFINDEX is missing", "gate-bind", who),
            (e.ENODEV, "no such device", "gate-bind", who | {"ifindex": 9999}),
            (e.EINVAL, "INDEX is missing", "log-read", who),
            (e.ERANGE, "BASE to TOP", "log-read", who | {"index": 1}),
            (e.EINVAL, "FD is missing", "log-load", who),
            (e.EBADF, "not an open file", "log-load", who | {"fd": closed_fd()}),
            (e.EINVAL, "regular file", "log-load", who | {"fd": pipe[0]}),
            (e.EINVAL, "regular file", "log-load", who | {"fd": tcp.fileno()}),
        ]
        for number, text, cmd, attrs in cases:
            try:
                expect(number, text, lambda c=cmd, a=attrs: h.call(c, **a))
            except AssertionError as error:
                raise AssertionError(f"{cmd} {attrs}: {error}") from None
        state = h.fence(GROUP, 0, 4, 0)
        assert state["result"] == 0 and 0 < state["time_left_ms"] <= 60000, state
        assert lone.state()["view"] == 0
        os.close(pipe[0])
        os.close(pipe[1])
        for sock in (tcp, udp, listener, *dgram, *half):
            sock.close()


def netlink_bad_bytes() -> None:
    """Wrong lengths, unknown attributes, no terminator: refused before any handler."""
    import errno as e
    with Lone() as lone:
        group = harpnl.encode("group", GROUP)
        member = harpnl.encode("member", 0)
        put = harpnl.put_attr
        for name, body in {
                "u8 of two bytes": group + put(harpnl.ATTR["member"], b"\0\0"),
                "no NUL": put(harpnl.ATTR["group"], b"dp") + member,
                "name too long": put(harpnl.ATTR["group"], b"x" * 34 + b"\0") + member,
                "unknown attribute": group + member + put(200, b"\0\0\0\0"),
                "rubbish after": group + member + b"\1",
        }.items():
            try:
                lone.harp.raw(harpnl.CMD["touch"], body)
            except harpnl.HarpError as error:
                assert error.errno in (e.EINVAL, e.ERANGE), f"{name}: {error}"
            else:
                raise AssertionError(f"{name} was taken")
        expect(e.EOPNOTSUPP, "", lambda: lone.harp.raw(99, group + member))


def net_namespaces() -> None:
    """A link's socket is of the mount's network namespace, or of the caller's."""
    namespace = "/run/netns/elsewhere"
    run("ip", "netns", "add", "elsewhere")
    try:
        with Lone() as lone, ThreadPoolExecutor(1) as there:
            def enter() -> tuple[harpnl.Harp, list[socket.socket], list[socket.socket]]:
                with open(namespace, encoding="ascii") as fd:
                    libc("setns", fd.fileno(), 0x40000000)
                run("ip", "link", "set", "lo", "up")
                listener = socket.create_server(("127.0.0.1", 0))
                near = socket.create_connection(listener.getsockname())
                return (harpnl.Harp(), [near, listener.accept()[0], listener],
                        list(socket.socketpair()))
            harp, tcp, unix = there.submit(enter).result()
            for sock in (tcp[0], unix[0]):
                expect(1, "another network namespace",
                       lambda s=sock: lone.harp.link_add(GROUP, 0, WITNESS, s))
            lone.start()
            for ours, theirs in ((tcp[0], tcp[1]), (unix[0], unix[1])):
                # From there it may be handed in.
                there.submit(harp.link_add, GROUP, 0, WITNESS, theirs).result()
                partner = harpwire.Partner(ours, UUID, 7, 3, WITNESS, YOU_INC, lone.view)
                lone.hello(partner)
                partner.wait(REC)
            for sock in tcp + unix:
                sock.close()
            harp.close()
    finally:
        run("ip", "netns", "del", "elsewhere")


PRIVILEGED = ("touch", "leave", "release", "sync", "replica-del", "link-drop", "log-read",
              "fence", "view-start", "gate-bind", "link-add", "feed", "copy-read", "copy-write",
              "log-load")


def what_nobody_gets() -> str:
    """What somebody without rights is given that he must not have."""
    os.setresuid(65534, 65534, 65534)
    harp = harpnl.Harp()
    if harp.get(GROUP, 0)["group"] != GROUP:
        return "get says nothing"
    for cmd in PRIVILEGED:
        try:
            harp.call(cmd, group=GROUP, member=0)
            return f"{cmd} was done"
        except harpnl.HarpError as error:
            if error.errno != errno.EPERM:
                return f"{cmd}: {error}"
    return ""


def netlink_needs_privilege() -> None:
    with Lone(), ProcessPoolExecutor(1) as nobody:
        assert not (got := nobody.submit(what_nobody_gets).result()), got


# ------------------------------------------------------------------------- the wire

LIES: dict[str, dict[str, Any]] = {
    "magic": {"magic": 1}, "version": {"version": 2}, "type": {"type": 9},
    "length": {"len": 1 << 30}, "short length": {"len": 8}, "flags": {"flags": 1},
    "checksum": {"crc": 1}, "group": {"group": bytes(16)}, "lineage": {"lineage": 8},
    "epoch": {"epoch": 4}, "sender": {"sender": 1}, "incarnation": {"inc": YOU_INC - 1},
    "reserved": {"reserved": b"\1\0\0"},
}


def liar(lone: Lone, said: str, lie: Callable[[harpwire.Partner], None]) -> None:
    """A message that ends the link and is counted; a link made anew works."""
    before = lone.state()["refused"]
    partner = lone.partner()
    lie(partner)
    assert partner.ended(), f"{said}: the link goes on"
    partner.sock.close()
    state = lone.wait(lambda s: s["refused"] > before)
    assert not state["link_up"], f"{said}: the link is up"


def wire_refuses_strangers() -> None:
    with Lone() as lone:
        lone.start()
        for said, wrong in LIES.items():
            def lie(partner: harpwire.Partner) -> None:
                partner.wrong = wrong
                lone.hello(partner)
            liar(lone, said, lie)
        top = lone.state()["top"]
        liar(lone, "HELLO beyond", lambda p: lone.hello(p, top=top + 1))
        liar(lone, "HELLO of another log", lambda p: lone.hello(p, crc_of_top=1))
        liar(lone, "HELLO with LB beyond top", lambda p: lone.hello(p, lb=top + 1))
        events, ring = harpnl.Events(), lone.state()["ring_size"] // 4096
        liar(lone, "HELLO of a smaller log", lambda p: lone.hello(p, ring=ring - 1))
        while "smaller than ours" not in events.wait("link-dead")["text"]:
            pass
        events.harp.close()
        liar(lone, "REC to a primary", lambda p: p.send(REC, prev_index=top))

        def early_ack(p: harpwire.Partner) -> None:
            lone.hello(p)
            p.send(ACK, n=top + 1)
        liar(lone, "ACK of what was not sent", early_ack)
        state = lone.state()
        assert state["cp"] == 0 and not state["serving"], state
        partner = lone.partner()
        lone.hello(partner, ring=ring)
        backup = Backup(partner)
        lone.wait(lambda s: s["serving"] == 1)
        backup.stop()


def wire_views() -> None:
    """A lower view is refused, a higher one told to harpd; neither ends the link."""
    events = harpnl.Events()
    with Lone() as lone:
        backup = serving(lone)
        before = lone.state()["refused"]
        backup.partner.view = lone.view - 1
        lone.wait(lambda s: s["refused"] > before)
        backup.partner.view = lone.view + 4
        told = events.wait("higher-view")
        assert told["value"] == lone.view + 4, told
        backup.partner.view = lone.view
        before = len(backup.recs)
        (lone.member.mnt / "x").write_bytes(b"x")
        assert len(backup.recs) > before
        backup.stop()
    events.harp.close()


def backup_refuses() -> None:
    """What a backup takes must follow its top, record for record (N2)."""
    with Lone(slot=1) as lone:
        lone.start(primary=False)
        partner = lone.partner()
        where = partner.wait(HELLO).body
        assert where["top"] == 1 and where["view_of_top"] == lone.view, where

        def noop(index: int, crc: int, view: int = lone.view, lineage: int = 7) -> bytes:
            return harpwire.seal_record(1, b"", 0, index, view, lineage, crc)

        good = noop(2, where["crc_of_top"])
        bad = bytearray(good)
        bad[20] ^= 1
        body = {"prev_index": 1, "prev_view": lone.view, "nrec": 1, "t": 5}
        partner.sock.close()
        for said, records, change in (
                ("a gap", noop(3, 0), {"prev_index": 2}),
                ("another view before", good, {"prev_view": lone.view - 1}),
                ("out of order", noop(3, where["crc_of_top"]), {}),
                ("wrong chain", noop(2, 1), {}),
                ("a damaged record", bytes(bad), {}),
                ("a record of another view", noop(2, where["crc_of_top"], lone.view - 1), {}),
                ("another lineage", noop(2, where["crc_of_top"], lineage=8), {}),
                ("too many announced", good, {"nrec": 2}),
                ("too few announced", good + noop(3, 0), {}),
                ("half a record", good[:32], {}),
                ("rubbish", b"\xff" * 64, {})):
            liar(lone, said, lambda p, r=records, c=change: p.send(REC, r, **{**body, **c}))
            assert lone.state()["top"] == 1, said
        partner = lone.partner()
        partner.wait(HELLO)
        partner.send(REC, good, **body)
        answer = partner.wait(ACK).body
        assert (answer["n"], answer["t"]) == (2, 5), answer
        # Told neither CP nor AP, it has applied nothing (N4).
        state = lone.state()
        assert (state["top"], state["wm"], state["cp"], state["ap"]) == (2, 2, 0, 0), state
        partner.send(REC, prev_index=2, prev_view=lone.view, cp=2, ap=1, t=6)
        lone.wait(lambda s: s["ap"] == 1)
        partner.send(REC, prev_index=2, prev_view=lone.view, cp=2, ap=2, t=7)
        lone.wait(lambda s: s["ap"] == 2)
        partner.sock.close()


def release(fid: int, index: int, view: int, crc: int, time: int = 0) -> bytes:
    """A record that says that a regular file is gone, in the section that names it."""
    inode = struct.pack("<HHIBBHIQ104x", 1, 0, 128, 1, 2, 0, 0o100600, fid)
    return harpwire.seal_record(27, inode, 1, index, view, 7, crc, time)


def every_fid_has_its_row() -> None:
    """A peer's record is about no fid whose row would be another's, or beyond the file (I9)."""
    with Lone(slot=1) as lone:
        head = (lone.member.lower / ".harp/rows").read_bytes()[:64]
        lone.start(primary=False)
        partner = lone.partner()
        crc = partner.wait(HELLO).body["crc_of_top"]
        partner.sock.close()
        body = {"prev_index": 1, "prev_view": lone.view, "nrec": 1, "t": 5}
        for said, fid in (("the head's row", 1 << 48), ("nobody's row", 15),
                          ("another root", 1 << 48 | 1), ("beyond every row", FID_LAST + 1),
                          ("the last of all", (1 << 64) - 1)):
            liar(lone, said, lambda p, f=fid: p.send(REC, release(f, 2, lone.view, crc), **body))
        assert lone.state()["top"] == 1
        partner = lone.partner()
        partner.wait(HELLO)
        partner.send(REC, release(FID_LAST, 2, lone.view, crc), **body)
        partner.wait(ACK)
        partner.send(REC, prev_index=2, prev_view=lone.view, cp=2, ap=2, t=6)
        lone.wait(lambda s: s["ap"] == 2)
        partner.sock.close()
        lone.harp.verb("sync", GROUP, 1)
        state = lone.state()
        assert state["lb"] == 2 and not state["media_failure"], state
        with (lone.member.lower / ".harp/rows").open("rb") as file:
            now = file.read(64)
            file.seek(FID_LAST * 64)
            last = file.read()
        assert now == head, (head, now)
        assert len(last) == 64 and last.strip(b"\0"), last
        lone.wait(lambda s: s["time_left_ms"] == 0)
        backup = serving(lone)
        # None is left to give.
        fails(errno.ENOSPC, (lone.member.mnt / "new").touch)
        backup.stop()


def refused_records_leave_nothing() -> None:
    """What a backup refuses raises neither the next fid nor the next time (I9)."""
    with Lone(slot=1) as lone:
        lone.start(primary=False)
        partner = lone.partner()
        where = partner.wait(HELLO).body
        partner.sock.close()
        body = {"prev_index": 1, "prev_view": lone.view, "nrec": 2, "t": 5}
        first = release(FID_FAR, 2, lone.view, where["crc_of_top"], TIME_FAR)
        chain = harpnl.record_header(first)["crc"]
        other = release(FID_FAR + 1, 3, lone.view, chain, TIME_FAR)
        second = bytearray(other)
        second[70] ^= 1
        for said, records, change in (
                ("the second is damaged", first + bytes(second), {}),
                ("they do not follow", first + other, {"prev_view": lone.view - 1})):
            liar(lone, said, lambda p, r=records, c=change: p.send(REC, r, **{**body, **c}))
        assert lone.state()["top"] == 1
        lone.wait(lambda s: s["time_left_ms"] == 0)
        backup = serving(lone)
        new = lone.member.mnt / "new"
        new.touch()
        st = os.stat(new)
        assert st.st_ino < FID_FAR, f"fid {st.st_ino:x} was given"
        assert st.st_ctime < 1 << 32, f"ctime is {st.st_ctime}"
        backup.stop()


def hints_are_made_again() -> None:
    """A file was on the disk before a crash, but not which fid its inode number has: redo says
    so again, and does not leave what another file with that number had (I7)."""
    with Lone() as lone:
        hidden, mnt = lone.member.lower / ".harp", lone.member.mnt
        note = (hidden / "lb").read_bytes()
        backup = serving(lone)
        old, new = (os.stat(path) for path in (mnt / "old", mnt / "new") if not path.touch())
        records = list(lone.harp.log(GROUP, 0, 2))
        backup.stop()
        number = os.stat(lone.member.lower / "tree/new").st_ino
        lone.end()
        # As it was before anything was applied, but for what the crash has left.
        (hidden / "lb").write_bytes(note)
        with (hidden / "ino2fid").open("r+b") as file:
            file.seek(number * 8)
            assert file.read(8) == struct.pack("<Q", new.st_ino)
            file.seek(number * 8)
            file.write(struct.pack("<Q", old.st_ino))
        lone.mount()
        assert lone.state()["lb"] == 0
        lone.start(primary=False)
        partner = lone.partner()
        where = partner.wait(HELLO).body
        crc, again = where["crc_of_top"], []
        for index, record in enumerate(records, where["top"] + 1):
            head = harpnl.record_header(record)
            again.append(harpwire.seal_record(record[5], record[64:], head["sections"], index,
                                              lone.view, 7, crc, head["time_ns"]))
            crc = harpnl.record_header(again[-1])["crc"]
        top = where["top"] + len(again)
        partner.send(REC, b"".join(again), prev_index=where["top"], prev_view=lone.view,
                     nrec=len(again), t=5)
        partner.wait(ACK)
        partner.send(REC, prev_index=top, prev_view=lone.view, cp=top, ap=top, t=6)
        lone.wait(lambda s: s["ap"] == top)
        partner.sock.close()
        lone.wait(lambda s: s["time_left_ms"] == 0)
        backup = serving(lone)
        with os.scandir(mnt) as entries:
            found = {entry.name: entry.inode() for entry in entries}
        assert found == {"old": old.st_ino, "new": new.st_ino}, found
        backup.stop()


def strange_files_have_no_row() -> None:
    """A fid that no file can have is none on the lower either: its row would be the head's."""
    with Lone() as lone:
        backup = serving(lone)
        rows, strange = lone.member.lower / ".harp/rows", lone.member.lower / "tree/strange"
        (lone.member.mnt / "file").touch()
        lone.harp.verb("sync", GROUP, 0)
        head = rows.read_bytes()[:64]
        strange.touch()
        os.setxattr(strange, "trusted.harp.fid", struct.pack("<Q", 1 << 48))
        fails(errno.ETIMEDOUT, (lone.member.mnt / "strange").stat)
        (lone.member.mnt / "file").chmod(0o600)
        lone.harp.verb("sync", GROUP, 0)
        assert rows.read_bytes()[:64] == head
        backup.stop()


def suspects_wait_for_started() -> None:
    """A new primary tries what the old one died of only when another holds it (finding 19)."""
    with Lone(slot=1) as lone:
        lone.start(primary=False)
        partner = lone.partner()
        where = partner.wait(HELLO).body
        record = harpwire.seal_record(1, b"", 0, 2, lone.view, 7, where["crc_of_top"])
        partner.send(REC, record, prev_index=1, prev_view=lone.view, nrec=1, t=5)
        partner.wait(ACK)
        partner.send(REC, prev_index=2, prev_view=lone.view, cp=2, ap=1, t=6)
        lone.wait(lambda s: s["ap"] == 1)
        partner.sock.close()
        lone.wait(lambda s: s["time_left_ms"] == 0)
        lone.start(primary=True)
        for _ in range(50):
            assert lone.state()["ap"] == 1, "applied before STARTED"
        partner = lone.partner()
        lone.hello(partner)
        backup = Backup(partner)
        assert lone.wait(lambda s: s["serving"] == 1)["ap"] >= 2
        backup.stop()


def promises() -> None:
    """L2, L4: who is heard and serves gets a promise, and the fence waits for it."""
    with Lone(slot=1) as lone:
        lone.start(primary=False)
        partner = lone.partner()
        partner.wait(HELLO)
        beat = {"prev_index": 1, "prev_view": lone.view, "flags": harpwire.F_SERVING}
        partner.send(REC, **beat, t=1)
        first = partner.wait(ACK).body
        assert first["flags"] & harpwire.F_PROMISE and first["promise"] == 1, first
        fence = lone.harp.fence(GROUP, 1, lone.view + 4, 1)
        assert fence["result"] == 0 and 0 < fence["time_left_ms"] <= PROMISE, fence
        # A primary that hears nothing of us: for 2 Δ of a young view, then no more.
        refused = time.monotonic() + 3 * PROMISE / 1000
        while time.monotonic() < refused:
            partner.send(REC, **beat, t=2)
            last = partner.wait(ACK).body
            if not last["flags"] & harpwire.F_PROMISE:
                break
            time.sleep(0.05)
        assert not last["flags"] & harpwire.F_PROMISE, "a deaf primary is kept for ever"
        lone.wait(lambda s: s["time_left_ms"] == 0)
        assert lone.harp.fence(GROUP, 1, lone.view + 4, 1)["result"] == 1
        # Fenced: nothing of the view is stored or acked any more.
        before = lone.state()
        partner.send(REC, **beat, t=3)
        lone.wait(lambda s: s["refused"] > before["refused"])
        partner.sock.close()


def leave_frees() -> None:
    with Lone(slot=1) as lone:
        lone.start(primary=False)
        partner = lone.partner()
        partner.wait(HELLO)
        partner.send(REC, prev_index=1, prev_view=lone.view, t=1, flags=1)
        partner.wait(ACK)
        assert lone.harp.fence(GROUP, 1, lone.view + 4, 1)["result"] == 0
        events = harpnl.Events()
        partner.send(LEAVE)
        events.wait("leave")
        assert lone.harp.fence(GROUP, 1, lone.view + 4, 1)["result"] == 1
        partner.sock.close()
        events.harp.close()


def longest_pause(hear: Callable[[], Any], promise: int) -> float:
    """Seconds between two of what is heard on an idle link; of five."""
    pauses: list[float] = []
    # A busy machine may be late now and then.
    while min(pauses, default=promise) > promise / 4000 and len(pauses) < 3:
        heard = []
        for _ in range(5):
            assert not hear().records, "the link is not idle"
            heard.append(time.monotonic())
        pauses.append(max(later - first for first, later in zip(heard, heard[1:])))
    assert min(pauses) <= promise / 4000, f"seconds without a word: {pauses}"
    return min(pauses)


def idle_link_beats() -> str:
    """L1: who has nothing to say says so every Δ / 4 at least, primary or backup."""
    promise = 4000
    with Lone(promise=promise) as lone:
        backup = serving(lone)
        backup.pause()

        def beat() -> harpwire.Message:
            backup.ack(message := backup.partner.wait(REC))
            return message
        primary = longest_pause(beat, promise)
        backup.stop()
    with Lone(slot=1, promise=promise) as lone:
        lone.start(primary=False)
        partner = lone.partner()
        partner.wait(HELLO)
        partner.send(REC, prev_index=1, prev_view=lone.view, t=1, flags=harpwire.F_SERVING)
        second = longest_pause(lambda: partner.wait(ACK), promise)
        partner.sock.close()
    return f"{1000 * primary:.0f} and {1000 * second:.0f} ms of {promise}"


# ------------------------------------------------------------------ commit, lease, gate

def nothing_is_answered_before_its_ack() -> None:
    with Lone(promise=5000) as lone:
        backup = serving(lone)
        done: list[str] = []
        backup.acking = False
        writer = threading.Thread(target=lambda: done.append(
            str((lone.member.mnt / "x").write_bytes(b"x"))))
        top = lone.state()["top"]
        writer.start()
        lone.wait(lambda s: s["top"] > top)
        state = lone.state()
        assert not done and state["cp"] == top and state["ap"] == top, state
        assert not (lone.member.tree / "x").exists()
        backup.acking = True
        writer.join(10)
        assert done == ["1"], done
        backup.stop()


def untouched_ends() -> None:
    """G2: nobody has touched the object for H: no beats, and the lease ends."""
    with Lone() as lone:
        backup = serving(lone)
        assert lone.touch
        lone.touch.stop()
        lone.touch = None
        lone.wait(lambda s: s["lease_left_ms"] < 0, 14)
        beats = len(backup.recs)
        lone.wait(lambda s: s["lease_left_ms"] < -PROMISE)
        assert len(backup.recs) == beats, "it still beats"
        lone.harp.touch(GROUP, 0)
        lone.wait(lambda s: s["lease_left_ms"] > 0)
        backup.stop()


def no_control_is_told() -> None:
    """G2: a backup whose harpd is silent says so; the event may be lost, the state not."""
    with Lone() as lone:
        backup = serving(lone)
        assert lone.state()["peer_no_control"] == 0
        events = harpnl.Events()
        silent = harpwire.F_PROMISE | harpwire.F_NO_CONTROL
        backup.acking = False
        backup.ack(backup.recs[-1], flags=silent)
        lone.wait(lambda s: s["peer_no_control"] == 1)
        events.wait("no-control")
        backup.ack(backup.recs[-1])
        lone.wait(lambda s: s["peer_no_control"] == 0)
        events.harp.close()
        backup.stop()


class Wire:
    """A veth pair; the gate watches one end, a raw socket the other."""

    def __enter__(self) -> Wire:
        run("ip", "link", "add", "gw0", "type", "veth", "peer", "name", "gw1")
        for dev in ("gw0", "gw1"):
            Path(f"/proc/sys/net/ipv6/conf/{dev}/disable_ipv6").write_text("1")
            run("ip", "link", "set", dev, "up")
        self.out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.out.bind(("gw0", 0))
        self.tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x88b5))
        self.tap.bind(("gw1", 0x88b5))
        return self

    def passes(self) -> bool:
        """Does a frame leave? (A local experimental EtherType: nobody else sends it.)"""
        try:
            self.out.send(b"\xff" * 6 + b"\2" + bytes(5) + struct.pack(">H", 0x88b5) + bytes(46))
        except OSError as error:
            assert error.errno == 105, error    # dropped on the way: ENOBUFS
        self.tap.settimeout(0.05)
        try:
            return bool(self.tap.recv(100))
        except TimeoutError:
            return False

    def __exit__(self, *_: object) -> None:
        self.out.close()
        self.tap.close()
        run("ip", "link", "del", "gw0", ok=False)


def gate_binds_the_lease() -> str:
    """G1, L3: past the lease no frame leaves, ARP or not; with it, they go again."""
    events = harpnl.Events()
    with Wire() as wire, Lone() as lone:
        assert wire.passes(), "nothing is watched yet"
        lone.start()
        lone.harp.gate(GROUP, 0, "gw0")
        assert not wire.passes(), "open before serving"
        partner = lone.partner()
        lone.hello(partner)
        backup = Backup(partner)
        lone.wait(lambda s: s["serving"] == 1)
        assert wire.passes(), "shut while serving"
        (lone.member.mnt / "x").write_bytes(b"x")
        backup.promising = False
        dropped = counter("gate_out_dropped")
        while wire.passes():
            pass
        shut = time.clock_gettime(time.CLOCK_BOOTTIME)
        late = counter("gate_last_out_ns") - counter("lease_until_ns")
        assert late < 0, f"a frame left {late} ns after the lease"
        events.wait("lease-lost")
        assert counter("gate_out_dropped") > dropped
        reader = threading.Thread(target=lambda: os.stat(lone.member.mnt / "x"))
        reader.start()
        parked(reader)
        backup.promising = True
        events.wait("lease-back")
        reader.join(10)
        assert not reader.is_alive() and wire.passes()
        lone.harp.fence(GROUP, 0, lone.view + 4, 0)
        assert not wire.passes(), "open after the fence"
        backup.stop()
    events.harp.close()
    return f"shut {shut - late / 1e9:.3f}"


def gate_lets_go_of_devices() -> None:
    with Lone() as lone:
        for how in (("del", "gw9"), ("set", "gw9", "netns", "gate-ns")):
            run("ip", "netns", "add", "gate-ns")
            run("ip", "link", "add", "gw9", "type", "dummy")
            lone.harp.gate(GROUP, 0, "gw9")
            assert lone.state()["gate_bound"] == 1
            run("ip", "link", *how)
            assert lone.state()["gate_bound"] == 0, how
            run("ip", "netns", "del", "gate-ns")
        backup = serving(lone)
        try:
            lone.harp.gate(GROUP, 0, "lo")
        except harpnl.HarpError as error:
            assert error.errno == 16 and "serves" in error.text, error
        else:
            raise AssertionError("the gate of a serving member was moved")
        run("ip", "link", "del", "gate0")
        assert lone.state()["serving"] == 0, "frames would leave unwatched (G1)"
        Rig.dummy()
        lone.harp.gate(GROUP, 0, "gate0")
        lone.wait(lambda s: s["serving"] == 1)
        backup.stop()


def release_answers_stale() -> None:
    """G3: a parked operation ends with -ESTALE, and only after the member has left."""
    with Lone(promise=5000) as lone:
        backup = serving(lone)
        failed: list[int | None] = []
        fd = os.open(lone.member.mnt / "x", os.O_RDWR | os.O_CREAT)
        backup.acking = False

        def write() -> None:
            try:
                os.write(fd, b"x")
                failed.append(None)
            except OSError as error:
                failed.append(error.errno)
        maker = threading.Thread(target=write)
        top = lone.state()["top"]
        maker.start()
        lone.wait(lambda s: s["top"] > top)
        expect(16, "FENCE or LEAVE", lambda: lone.harp.verb("release", GROUP, 0))
        lone.harp.verb("leave", GROUP, 0)
        parked(maker)
        assert not failed, "ended by LEAVE alone"
        lone.harp.verb("release", GROUP, 0)
        maker.join(10)
        os.close(fd)
        assert failed == [116], failed
        try:
            os.listdir(lone.member.mnt)
        except OSError as error:
            assert error.errno == 110, error
        else:
            raise AssertionError("answered by who is no primary")
        backup.stop()


# --------------------------------------------------------------------- two real ones

def links_come_and_go() -> str:
    """A link that breaks under load loses nothing and doubles nothing."""
    with Rig(tcp="127.0.0.1") as rig:
        stop = threading.Event()
        written = 0

        def write() -> None:
            nonlocal written
            while not stop.is_set():
                (rig.p.mnt / f"f{written % 50}").write_bytes(os.urandom(3000))
                written += 1
        writer = threading.Thread(target=write)
        writer.start()
        for turn in range(12):
            before = written
            if turn % 3 == 2:
                rig.harp.verb("link-drop", rig.group, turn % 2)
            rig.relink()
            end = time.monotonic() + 30
            while written < before + 2:
                assert time.monotonic() < end, "writes have stopped"
                time.sleep(0.01)
        stop.set()
        writer.join()
        same_copies(rig)
        assert rig.harp.get(rig.group, 0)["acked"] == rig.harp.get(rig.group, 0)["top"]
    return f"{written} files written over 12 links"


def backup_is_filled() -> None:
    """A backup that lacks the last records of the view before is sent them (V6, N2)."""
    with Rig() as rig:
        h, g = rig.harp, rig.group
        (rig.p.mnt / "x").write_bytes(b"x")
        rig.settle()
        h.verb("link-drop", g, 0)
        b, top = h.get(g, 1), h.get(g, 0)["top"]
        writer = threading.Thread(target=lambda: (rig.p.mnt / "y").write_bytes(b"y"))
        writer.start()
        p = h.wait(g, 0, lambda s: s["top"] > top)
        assert b["top"] == top
        view = harpnl.start_view(h, g, 0, 1, promise_ms=rig.promise)
        b = h.get(g, 1)
        assert (b["top"], b["formed"], b["intact"]) == (top, p["formed"], 0), b
        rig.relink()
        h.wait(g, 0, lambda s: s["serving"])
        writer.join(10)
        assert not writer.is_alive()
        same_copies(rig)
        b = h.get(g, 1)
        assert (b["formed"], b["intact"], b["complete"]) == (view, 1, 1), b


class Tap(threading.Thread):
    """Stands between two real members and keeps what the backup's ACKs say."""

    def __init__(self, rig: Rig) -> None:
        super().__init__(daemon=True)
        self.acks: list[dict[str, int]] = []
        ends = [socket.socketpair() for _ in range(2)]
        for member, (mine, theirs) in enumerate(ends):
            rig.harp.link_add(rig.group, member, 1 - member, theirs)
            theirs.close()
        self.primary, self.backup = ends[0][0], ends[1][0]
        self.start()
        threading.Thread(target=self.down, daemon=True).start()

    def down(self) -> None:
        try:
            while data := self.primary.recv(1 << 16):
                self.backup.sendall(data)
        except OSError:
            return

    def run(self) -> None:
        reader = harpwire.Partner(self.backup, UUID, 7, 1, 1, 1, 0)
        head, body = struct.Struct(harpwire.HEADER), struct.Struct(harpwire.BODIES[ACK])
        try:
            while True:
                raw = reader.read(head.size)
                kind, length = head.unpack(raw)[2], head.unpack(raw)[4]
                raw += reader.read(length)
                if kind == ACK:
                    self.acks.append(dict(zip(harpwire.FIELDS[ACK],
                                              body.unpack_from(raw, head.size))))
                self.primary.sendall(raw)
        except (ConnectionError, OSError):
            return

    def applied(self, index: int) -> dict[str, int]:
        """The first ACK here by which the backup has applied so much; the primary may know
        it by the link before."""
        end = time.monotonic() + 30
        while not (said := [ack for ack in self.acks if ack["ap"] >= index]):
            assert time.monotonic() < end, f"no ACK says that {index} is applied: {self.acks[-3:]}"
            time.sleep(0.01)
        return said[0]

    def stop(self) -> None:
        for sock in (self.primary, self.backup):
            sock.close()


def told_space_is_as_of_its_ap() -> str:
    """The free space a backup tells lacks all that it had applied, and said so, by then."""
    size, count = 64 << 10, 120
    with Rig() as rig:
        fd = os.open(rig.p.mnt / "data", os.O_CREAT | os.O_WRONLY)
        os.pwrite(fd, bytes(size), 0)
        rig.settle()
        tap = Tap(rig)
        top = rig.harp.get(rig.group, 0)["top"]
        free = tap.applied(top)["free_bytes"]
        for n in range(1, count + 1):
            os.pwrite(fd, bytes(size), n * size)
        os.close(fd)
        rig.settle()
        rig.harp.wait(rig.group, 0, lambda s: s["peer_ap"] == top + count)
        told = {a["ap"]: a["free_bytes"] for a in tap.acks if a["ap"] > top}
        for ap, left in told.items():
            taken = (ap - top) * size
            assert left <= free - taken, f"{left} free told, {free} less {taken} taken by {ap}"
        tap.stop()
    return f"{len(told)} application points told"


def statfs_believes_a_full_backup() -> None:
    """A backup that can take nothing says so with zeros; that is a report like any other."""
    with Lone(promise=5000) as lone:
        backup = serving(lone)
        assert os.statvfs(lone.member.mnt).f_bavail > 0
        backup.acking = False
        backup.ack(backup.recs[-1], free_bytes=0, free_inodes=0)
        lone.wait(lambda s: s["peer_free_bytes"] == 0)
        found = os.statvfs(lone.member.mnt)
        backup.ack(backup.recs[-1])
        backup.stop()
        assert (found.f_bavail, found.f_favail) == (0, 0), found


def log_full() -> str:
    """The backup's disk stalls: operations wait, counted; the lease stays; then all goes on."""
    promise = 4000
    with Rig(region="mem:4M", promise_ms=promise) as rig:
        thaw = freeze(rig.b.lower)
        data, written = os.urandom(256 << 10), 0

        def write() -> None:
            nonlocal written
            for i in range(32):
                (rig.p.mnt / f"f{i % 8}").write_bytes(data)
                written += 1
        writer = threading.Thread(target=write)
        writer.start()
        try:
            rig.harp.wait(rig.group, 0, lambda s: s["wait_full"] > 0, 60)
            stalled, end = written, time.monotonic() + 1.2 * promise / 1000
            while time.monotonic() < end:
                state = rig.harp.get(rig.group, 0)
                assert state["serving"] and state["lease_left_ms"] > 0, state
                assert state["link_up"] and state["ring_used"] < state["ring_size"], state
                time.sleep(0.05)
            assert written <= stalled + 1 and written < 32, "the log is not full"
        finally:
            thaw()
            writer.join(60)
        assert written == 32, written
        same_copies(rig)
    return f"stalled after {stalled} of 32 writes"


def takeover() -> str:
    """The backup's kernel goes on with the witness; no promise is broken, nothing lost."""
    delta = 5000
    with Rig(promise_ms=delta) as rig:
        h, g = rig.harp, rig.group
        for i in range(20):
            (rig.p.mnt / f"f{i}").write_bytes(b"%d" % i * 100)
        old = h.get(g, 0)
        # The primary's machine is "gone": its link ends, its harpd says nothing more.
        h.verb("link-drop", g, 0)
        fence = h.fence(g, 1, old["view"] + 1, 1)
        assert fence["result"] == 0, "fenced under a live promise"
        while not fence["result"]:
            fence = h.fence(g, 1, old["view"] + 1, 1)
        fenced = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        lease = counter("lease_until_ns", 0, g)
        promise = counter("promise_until_ns", 1, g)
        assert lease < promise <= fenced, (lease, promise, fenced)
        b = h.get(g, 1)
        view, inc = old["view"] + 1, b["inc"]
        record = harpnl.view_record(view, b["lineage"], (1, inc), (WITNESS, YOU_INC), b["top"],
                                    b["top_view"], b["epoch"], delta)
        h.view_start(g, 1, record, b["top"])
        ours, theirs = socket.socketpair()
        h.link_add(g, 1, WITNESS, theirs)
        theirs.close()
        last = list(h.log(g, 1, b["top"] + 1, 1))[0]
        head = harpnl.record_header(last)
        witness = harpwire.Partner(ours, b["uuid"], b["lineage"], b["epoch"], WITNESS, YOU_INC,
                                   view)
        witness.send(HELLO, top=head["index"], view_of_top=view, crc_of_top=head["crc"])
        backup = Backup(witness)
        h.wait(g, 1, lambda s: s["serving"] == 1)
        for i in range(20):
            assert (rig.b.mnt / f"f{i}").read_bytes() == b"%d" % i * 100
        (rig.b.mnt / "new").write_bytes(b"by the new primary")
        assert not h.get(g, 0)["serving"] or h.get(g, 0)["lease_left_ms"] <= 0
        # The old one gives up: leave, then release (protocol G3).
        h.verb("leave", g, 0)
        h.verb("release", g, 0)
        h.verb("leave", g, 1)
        h.verb("release", g, 1)
        backup.stop()
    return f"the lease ended {(promise - lease) // 1000000} ms before the promise"


TESTS: list[tuple[str, Callable[[], Any]]] = [
    ("netlink: each refusal says what was expected", netlink_refusals),
    ("netlink: malformed attributes are refused", netlink_bad_bytes),
    ("netlink: changes need CAP_NET_ADMIN", netlink_needs_privilege),
    ("netlink: a link's socket is of this network namespace", net_namespaces),
    ("wire: a stranger's message ends the link", wire_refuses_strangers),
    ("wire: a lower view is refused, a higher one told", wire_views),
    ("wire: a backup takes only what follows its top", backup_refuses),
    ("wire: every fid has its own row", every_fid_has_its_row),
    ("wire: refused records raise no fid and no time", refused_records_leave_nothing),
    ("redo: which fid an inode number has", hints_are_made_again),
    ("lower: a fid that no file can have", strange_files_have_no_row),
    ("takeover: what killed the primary waits for STARTED", suspects_wait_for_started),
    ("lease: an idle link has a beat every quarter of a promise", idle_link_beats),
    ("lease: promises are given to who is heard", promises),
    ("lease: LEAVE frees the promise", leave_frees),
    ("lease: an untouched primary lets it end", untouched_ends),
    ("touch: a backup without control is known (G2)", no_control_is_told),
    ("commit: nothing is answered before its ACK", nothing_is_answered_before_its_ack),
    ("gate: no frame leaves past the lease", gate_binds_the_lease),
    ("gate: a device that goes takes no hook along", gate_lets_go_of_devices),
    ("release: parked operations answer ESTALE", release_answers_stale),
    ("link: broken and made again under load", links_come_and_go),
    ("view: a backup is sent what it lacks", backup_is_filled),
    ("space: what a backup tells is as of the AP it tells", told_space_is_as_of_its_ap),
    ("space: a backup that can take nothing is believed", statfs_believes_a_full_backup),
    ("log: full while the backup's disk stalls", log_full),
    ("takeover: the backup goes on with the witness", takeover),
]


if __name__ == "__main__":
    sys.exit(run_asked(TESTS))
