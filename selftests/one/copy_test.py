#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""C2: the file state of a member that serves, read in pieces.

What the pieces say is put together here and compared with the lower, object by object.

Words: of the tests' names; ext4 or xfs: only this lower."""
from __future__ import annotations

import contextlib
import errno
import os
import random
import socket
import stat
import struct
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Iterator

from one import Rig, asked_kinds, harpnl, run_asked, walk

from dataplane_test import expect
from redo import COMPARE
from subject import ACCESS, DEFAULT, EXCHANGE, MINIMAL, NAMED, Subject

OBJECTS, ENTRIES, DONE = range(3)
ROOT, FIRST = 1, 16
HEADER, INODE = struct.Struct("<IBBHIIIIQQQQII"), struct.Struct("<HHIBBHIQQIIIIQQ" + "QII" * 4)
NAME, DATA, XATTR = (struct.Struct(f) for f in ("<HHIQQQ", "<HHIQII", "<HHIHHIB7s"))
SEC_INODE, SEC_NAME, SEC_DATA, SEC_XATTR = 1, 2, 3, 4
SETATTR, WRITE, XATTR_REC, LINK = "setattr", "write", "xattr", "link"
DIFFERS_BY_LOWER = ("trusted.harp.fid",)
State = tuple[Any, ...]


@dataclass(frozen=True)
class Inode:
    role: int
    state: int
    fid: int
    parent: int
    mode: int
    nlink: int
    owner: tuple[int, int]
    rdev: int
    size: int
    times: tuple[tuple[int, int], ...]      # atime, mtime, ctime, btime

    @classmethod
    def of(cls, data: bytes) -> Inode:
        (_, _, _, role, state, _, mode, fid, parent, nlink, uid, gid, rdev, _, size,
         *times) = INODE.unpack(data)
        return cls(role, state, fid, parent, mode, nlink, (uid, gid), rdev, size,
                   tuple((times[i], times[i + 1]) for i in range(0, 12, 3)))


@dataclass
class Piece:
    kind: str
    index: int
    view: int
    inodes: list[Inode] = field(default_factory=list)
    names: list[tuple[int, str, int]] = field(default_factory=list)
    xattrs: dict[str, bytes] = field(default_factory=dict)
    data: tuple[int, bytes] | None = None

    def add(self, kind: int, sec: bytes) -> None:
        if kind == SEC_INODE:
            self.inodes.append(Inode.of(sec))
        elif kind == SEC_NAME:
            _, _, _, parent, _, put = NAME.unpack_from(sec)
            self.names.append((parent, os.fsdecode(sec[NAME.size:]), put))
        elif kind == SEC_DATA:
            _, _, _, offset, length, _ = DATA.unpack_from(sec)
            assert len(sec) == DATA.size + length, len(sec)
            self.data = offset, sec[DATA.size:]
        else:
            assert kind == SEC_XATTR, kind
            _, _, _, _, name_len, _, _, _ = XATTR.unpack_from(sec)
            body = sec[XATTR.size:]
            self.xattrs[body[:name_len].decode()] = body[name_len + 1:]


def pieces_of(data: bytes) -> Iterator[Piece]:
    while data:
        head = harpnl.record_header(data)
        assert head["good"], head
        piece = Piece(head["type"], head["index"], head["view"])
        at = HEADER.size
        for _ in range(head["sections"]):
            kind, _, length = struct.unpack_from("<HHI", data, at)
            piece.add(kind, data[at:at + length])
            at += length + -length % 8
        assert at == head["len"], head
        yield piece
        data = data[at:]


class Reader:
    """Reads the pieces, from a cursor that can be put anywhere."""

    def __init__(self, rig: Rig, member: int = 0) -> None:
        self.rig, self.member = rig, member
        self.cursor, self.end = (OBJECTS, ROOT, 0), 0
        self.index = 0

    def ask(self, pass_: int, fid: int, at: int, end: int = 0) -> harpnl.State:
        more = {"copy_end": end} if end else {}
        return self.rig.harp.call("copy-read", group=self.rig.group, member=self.member,
                                  copy_pass=pass_, copy_fid=fid, copy_at=at, **more)[0]

    @property
    def done(self) -> bool:
        return self.cursor[0] == DONE

    def next(self) -> list[Piece]:
        before = self.rig.harp.get(self.rig.group, self.member)
        reply = self.ask(*self.cursor, self.end)
        pieces = list(pieces_of(reply.get("records", b"")))
        assert len(pieces) == reply["count"], (len(pieces), reply["count"])
        assert reply["index"] >= max(self.index, before["cp"]), (reply["index"], before["cp"])
        assert {(p.index, p.view) for p in pieces} <= {(reply["index"], before["view"])}
        cursor = reply["copy_pass"], reply["copy_fid"], reply["copy_at"]
        assert cursor > self.cursor, f"{cursor} is not after {self.cursor}"
        assert self.end in (0, reply["copy_end"]), reply
        self.cursor, self.end, self.index = cursor, reply["copy_end"], reply["index"]
        return pieces

    def whole(self) -> None:
        """Back to the beginning of the fid, as who was interrupted."""
        self.cursor = (*self.cursor[:2], 0)


class Copy:
    """What pieces say, put together."""

    def __init__(self) -> None:
        self.objects: dict[int, Inode] = {}
        self.xattrs: dict[int, dict[str, bytes]] = {}
        self.contents: dict[int, bytearray] = {}
        self.written: dict[int, int] = {}
        self.targets: dict[int, bytes] = {}
        self.entries: dict[tuple[int, str], int] = {}

    def take(self, piece: Piece) -> None:
        if piece.kind == LINK:
            child, parent = piece.inodes
            (at, name, put), = piece.names
            assert (child.fid, parent.fid) == (put, at), piece
            self.entries[at, name] = put
            self.objects[at] = parent
            return
        inode, = piece.inodes
        assert piece.kind in (SETATTR, WRITE, XATTR_REC), piece.kind
        assert piece.kind != SETATTR or not stat.S_ISLNK(inode.mode)
        if inode.fid not in self.objects:
            # The first of a fid says all.
            assert piece.kind != XATTR_REC and (piece.kind == SETATTR or
                                                stat.S_ISLNK(inode.mode)), piece
        self.objects[inode.fid] = inode
        self.xattrs.setdefault(inode.fid, {}).update(piece.xattrs)
        if piece.data:
            self.take_data(inode, *piece.data)

    def take_data(self, inode: Inode, offset: int, data: bytes) -> None:
        if stat.S_ISLNK(inode.mode):
            assert not offset, offset
            self.targets[inode.fid] = data
            return
        assert stat.S_ISREG(inode.mode), inode
        held = self.contents.setdefault(inode.fid, bytearray())
        held.extend(b"\0" * (offset + len(data) - len(held)))
        held[offset:offset + len(data)] = data
        self.written[inode.fid] = self.written.get(inode.fid, 0) + len(data)

    def content(self, fid: int) -> bytes:
        size = self.objects[fid].size
        return bytes(self.contents.get(fid, b"")[:size].ljust(size, b"\0"))


def seen(inode: Inode) -> State:
    return (inode.state, inode.mode, inode.nlink, inode.owner, inode.rdev, inode.size, inode.parent,
            inode.times)


def on_lower(lower: Any, found: Any, row: Any) -> State:
    """The same of an object of the lower: attributes are its own, or its row's."""
    st = found.st
    directory = stat.S_ISDIR(st.st_mode)
    size = st.st_size if stat.S_ISREG(st.st_mode) or stat.S_ISLNK(st.st_mode) else 0
    rdev = os.major(st.st_rdev) << 8 | os.minor(st.st_rdev)     # as new_encode_dev(), below 256
    times = [(t // 10**9, t % 10**9) for t in (st.st_atime_ns, st.st_mtime_ns)]
    return (row.state, st.st_mode, 0 if row.state else st.st_nlink, (st.st_uid, st.st_gid), rdev, size,
            row.parent if directory else 0, (*times, row.ctime, row.btime))


def differences(copy: Copy, root: Path, only: Callable[[int], bool] = lambda fid: True
                ) -> Iterator[str]:
    lower = COMPARE.load(str(root))
    fids = {fid for fid in {ROOT, *lower.objects, *copy.objects} if only(fid)}
    for fid in sorted(fids):
        found, inode = lower.objects.get(fid), copy.objects.get(fid)
        if not found or not inode:
            yield f"fid {fid:x}: only in {'the copy' if inode else 'the lower'}"
            continue
        have, want = seen(inode), on_lower(lower, found,
                                           COMPARE.read_row(root / ".harp/rows", fid))
        if have != want:
            yield f"fid {fid:x}: {have} | {want}"
        xattrs = {n: v for n, v in found.xattrs.items() if n not in DIFFERS_BY_LOWER}
        if copy.xattrs[fid] != xattrs:
            yield f"fid {fid:x}: xattrs {copy.xattrs[fid]!r:.200} | {xattrs!r:.200}"
        if stat.S_ISLNK(found.st.st_mode) and copy.targets.get(fid) != \
                os.readlink(os.fsencode(found.path)):
            yield f"fid {fid:x}: target {copy.targets.get(fid)!r:.100}"
        if stat.S_ISREG(found.st.st_mode) and copy.content(fid) != Path(found.path).read_bytes():
            yield f"fid {fid:x}: content"
    mine = {name: fid for name, fid in copy.entries.items() if only(name[0])}
    theirs = {name: fid for name, fid in lower.entries.items() if only(name[0])}
    if mine != theirs:
        yield f"entries {set(mine.items()) ^ set(theirs.items())!r:.300}"


def is_lower(copy: Copy, root: Path, only: Callable[[int], bool] = lambda fid: True) -> None:
    said = list(differences(copy, root, only))
    assert not said, "the pieces are not what the lower holds:\n" + "\n".join(said[:8])


MANY = 200                      # names, of which one answer does not hold all
LARGE = 300 << 10               # bytes, likewise
HOLE = 3 << 20


@contextlib.contextmanager
def of_everything(root: Path, kind: str) -> Iterator[list[int]]:
    """Every kind of object; the files that are open have no name."""
    root.mkdir()
    kept = [os.open(root / name, os.O_CREAT | os.O_RDWR) for name in ("parked", "parked too")]
    try:
        os.write(kept[0], b"nobody sees this")
        os.unlink(root / "parked")
        os.symlink("large", root / "short link")
        os.rename(root / "short link", root / "parked too")
        make_everything(root)
        attributes(root, kind)
        yield kept
    finally:
        for fd in kept:
            os.close(fd)


def make_everything(root: Path) -> None:
    (root / "large").write_bytes(random.Random(1).randbytes(LARGE))
    fd = os.open(root / "holes", os.O_CREAT | os.O_RDWR)
    for at in (0, HOLE, 3 * HOLE):
        os.pwrite(fd, b"%d" % at * 100, at)
    os.ftruncate(fd, 4 * HOLE)
    os.close(fd)
    (root / "empty").write_bytes(b"")
    os.link(root / "large", root / "large's other name")
    os.symlink("t" * 1000, root / "long link")
    os.mkfifo(root / "fifo", 0o600)
    os.mknod(root / "device", stat.S_IFBLK | 0o640, os.makedev(7, 130))
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(root / "socket"))
    sock.close()
    (root / ("n" * 255)).write_bytes(b"long name")
    deep = root
    for n in range(40):
        deep /= f"d{n}"
        deep.mkdir()
    (deep / "bottom").write_bytes(b"here")
    os.rename(root / "d0/d1/d2", root / "moved up")
    names = root / "names"
    names.mkdir()
    for n in range(MANY):
        os.link(root / "empty", names / f"{n:x}{'e' * 200}")
    os.chown(root / "empty", 1000, 1001)
    os.chmod(root / "empty", 0o4711)
    os.utime(root / "large", ns=(123456789, 987654321))


def attributes(root: Path, kind: str) -> None:
    subject = Subject(root)
    # ext4 has one block for them.
    for n, size in enumerate([30000] * 12 if kind == "xfs" else [100] * 11):
        subject.op_setxattr("large", f"user.{n}", b"%x" % n * size)
    subject.op_setxattr("fifo", "trusted.word", b"")
    subject.op_setxattr("names", DEFAULT, MINIMAL)
    subject.op_setxattr("empty", ACCESS, NAMED)
    subject.op_setxattr("empty", "security.capability",
                        struct.pack("<IIIII", 0x2000001, 1 << 10, 0, 0, 0))


def read_all(kind: str) -> str:
    with Rig(kind) as rig, of_everything(rig.p.mnt / "all", kind) as kept:
        rig.settle()
        rig.harp.verb("sync", rig.group, 0)
        reader, copy, answers, pieces = Reader(rig), Copy(), 0, 0
        while not reader.done:
            for piece in reader.next():
                copy.take(piece)
                pieces += 1
            answers += 1
        is_lower(copy, rig.p.lower)
        assert reader.index == rig.harp.get(rig.group, 0)["cp"]
        parked = [inode for inode in copy.objects.values() if inode.state]
        assert len(parked) == len(kept), parked
        holes = next(fid for (_, name), fid in copy.entries.items() if name == "holes")
        assert copy.written[holes] < HOLE, f"{copy.written[holes]} bytes: holes are filled"
    return f"{pieces} pieces in {answers} answers"


def interrupted(kind: str) -> str:
    """Whoever goes on from the last whole fid, once for each, misses nothing."""
    with Rig(kind) as rig, of_everything(rig.p.mnt / "all", kind):
        rig.settle()
        rig.harp.verb("sync", rig.group, 0)
        reader, copy = Reader(rig), Copy()
        again: set[tuple[int, int]] = set()
        while not reader.done:
            for piece in reader.next():
                copy.take(piece)
            if reader.cursor[2] and reader.cursor[:2] not in again:
                again.add(reader.cursor[:2])
                reader.whole()
        is_lower(copy, rig.p.lower)
    # Of a file whose data and a directory whose names are more than an answer holds.
    assert {pass_ for pass_, _ in again} == {OBJECTS, ENTRIES}, again
    return f"{len(again)} of them begun again"


def churn(subject: Subject, r: random.Random) -> None:
    """A step of a load on few names; many fail, as in any load."""
    names = ["a", "b", "c", "a/a", "a/b", "b/a", "b/b", "a/a/b"]
    one, two = r.choice(names), r.choice(names)
    subject.do(r.choice([
        ("create", one), ("mkdir", one), ("rename", one, two), ("rename", one, two),
        ("rename", one, two, EXCHANGE), ("unlink", one), ("rmdir", one), ("link", one, two),
        ("write", one, r.randrange(9000), b"w" * r.randrange(1, 9000)),
        ("truncate", one, r.randrange(9000)), ("setxattr", one, "user.x", b"%d" % r.random()),
        ("symlink", two, one), ("chmod", one, r.randrange(0o1000))]))


def read_beside_a_load(kind: str) -> str:
    """What a load does not touch is read as it is, whatever comes and goes around it."""
    r = random.Random(11)
    with Rig(kind) as rig, of_everything(rig.p.mnt / "all", kind) as kept:
        load = rig.p.mnt / "load"
        load.mkdir()
        subject, steps = Subject(load), 0
        for _ in range(100):
            churn(subject, r)
        rig.settle()
        still = {os.lstat(path).st_ino for _, path in walk(rig.p.mnt / "all")}
        still |= {os.fstat(fd).st_ino for fd in kept}
        reader, copy = Reader(rig), Copy()
        while not reader.done:
            for piece in reader.next():
                copy.take(piece)
            for _ in range(20):
                churn(subject, r)
                steps += 1
        assert max(copy.objects) < reader.end, (max(copy.objects), reader.end)
        rig.settle()
        rig.harp.verb("sync", rig.group, 0)
        assert rig.harp.get(rig.group, 0)["cp"] > reader.index - 1
        is_lower(copy, rig.p.lower, lambda fid: fid in still)
    return f"{len(still)} objects, beside {steps} steps"


def refused() -> None:
    """I9: a cursor is anybody's; what is no cursor is named."""
    with Rig() as rig:
        (rig.p.mnt / "x").write_bytes(b"x")
        rig.settle()
        reader = Reader(rig)
        end = reader.ask(OBJECTS, ROOT, 0)["copy_end"]
        assert end > FIRST, end
        for fid in (2, FIRST - 1, end, end + 1, 1 << 47, (1 << 64) - 1):
            expect(errno.ERANGE, "COPY_FID", lambda f=fid: reader.ask(OBJECTS, f, 0))
        for wrong in (1, FIRST - 1, end + 1, (1 << 64) - 1):
            expect(errno.ERANGE, "COPY_END", lambda w=wrong: reader.ask(OBJECTS, ROOT, 0, w))
        expect(errno.ERANGE, "COPY_AT", lambda: reader.ask(ENTRIES, ROOT, 1 << 63))
        for pass_ in (DONE, 255):
            expect(errno.ERANGE, "", lambda p=pass_: reader.ask(p, ROOT, 0))
        # Positions that none was given lead nowhere, or somewhere.
        for pass_, at in ((OBJECTS, (1 << 64) - 1), (OBJECTS, (1 << 63) - 1),
                          (ENTRIES, (1 << 63) - 1)):
            reply = reader.ask(pass_, ROOT, at, end)
            assert (reply["copy_pass"], reply["copy_fid"]) > (pass_, ROOT), reply
        words = [("group", rig.group), ("member", 0), ("copy_pass", 0), ("copy_fid", 1),
                 ("copy_at", 0)]
        for left_out in words[2:]:
            some = dict(word for word in words if word != left_out)
            expect(errno.EINVAL, f"{left_out[0].upper()} is missing",
                   lambda s=some: rig.harp.call("copy-read", **s))
        expect(errno.EAGAIN, "expected the primary, serving",
               lambda: Reader(rig, 1).ask(OBJECTS, ROOT, 0))
        rig.harp.verb("leave", rig.group, 0)
        expect(errno.EAGAIN, "expected the primary, serving",
               lambda: reader.ask(OBJECTS, ROOT, 0))


TESTS: list[tuple[str, Callable[[], Any]]] = [
    *((f"{kind}: {title}", lambda t=test, k=kind: t(k)) for kind in asked_kinds()
      for title, test in (("all kinds of objects are read", read_all),
                          ("interrupted, and read on from the last whole fid", interrupted),
                          ("read beside a load", read_beside_a_load))),
    ("what is no cursor is refused", refused),
]


if __name__ == "__main__":
    sys.exit(run_asked(TESTS))
