#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""File handles: the same from either copy, and ESTALE for what a client makes up.

Also what is refused because it could not be logged (I8), and what is ours alone.
"""
from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import os
import random
import struct
import sys
from pathlib import Path
from typing import Callable

from one import FID_LAST, Ktap, Rig, libc, same_copies

AT_FDCWD, AT_HANDLE = -100, 16
Handle = tuple[int, bytes]
O_TMPFILE = 0o20200000


def to_handle(path: Path) -> Handle:
    buf = ctypes.create_string_buffer(struct.pack("=Ii", 64, 0) + bytes(64))
    mount_id = ctypes.c_int()
    libc("name_to_handle_at", AT_FDCWD, str(path).encode(), buf, ctypes.byref(mount_id), 0)
    size, kind = struct.unpack_from("=Ii", buf.raw)
    return kind, buf.raw[8:8 + size]


def by_handle(mnt: Path, handle: Handle, flags: int = os.O_RDONLY) -> int:
    kind, data = handle
    buf = ctypes.create_string_buffer(struct.pack("=Ii", len(data), kind) + data)
    root = os.open(mnt, os.O_RDONLY)
    try:
        return libc("open_by_handle_at", root, buf, flags)
    finally:
        os.close(root)


def expect(number: int | tuple[int, ...], what: Callable[[], object], name: str) -> None:
    wanted = number if isinstance(number, tuple) else (number,)
    try:
        got = what()
    except OSError as error:
        if error.errno not in wanted:
            raise AssertionError(f"{name}: {error}, expected {os.strerror(wanted[0])}") from error
        return
    raise AssertionError(f"{name}: worked ({got!r}), expected {os.strerror(wanted[0])}")


def good_handles(rig: Rig) -> None:
    m = rig.p.mnt
    (m / "h").mkdir()
    (m / "h/deep").mkdir()
    (m / "h/deep/f").write_bytes(b"by handle")
    for name in ("", "h", "h/deep", "h/deep/f"):
        handle = to_handle(m / name)
        assert len(handle[1]) == 16, handle
        fd = by_handle(m, handle)
        assert os.fstat(fd).st_ino == os.stat(m / name).st_ino, name
        os.close(fd)
    # A handle holds the fid, and nothing that differs between copies.
    fid = struct.unpack("<Q", os.getxattr(rig.p.tree / "h/deep/f", "trusted.harp.fid"))[0]
    assert fid == os.stat(m / "h/deep/f").st_ino
    assert struct.pack("<Q", fid) in to_handle(m / "h/deep/f")[1]
    rig.settle()
    assert fid == struct.unpack("<Q", os.getxattr(rig.b.tree / "h/deep/f", "trusted.harp.fid"))[0]


def cold_handles(rig: Rig) -> None:
    """With nothing in the caches: parents are found by the row, names by the lower."""
    m = rig.p.mnt
    handle, inside = to_handle(m / "h/deep"), to_handle(m / "h/deep/f")
    Path("/proc/sys/vm/drop_caches").write_text("2")
    fd = by_handle(m, handle)
    assert os.listdir(fd) == ["f"]
    assert os.readlink(f"/proc/self/fd/{fd}") == f"{m}/h/deep"
    os.close(fd)
    os.close(by_handle(m, inside))


def counter(rig: Rig, name: str) -> int:
    text = Path(f"/sys/kernel/debug/harp/{rig.group}-0/counters").read_text()
    return int(dict(line.split() for line in text.splitlines())[name])


def made_up(rig: Rig) -> None:
    m = rig.p.mnt
    kind, data = to_handle(m / "h/deep/f")
    magic, group, fid = struct.unpack("<IIQ", data)

    def handle(**change: int) -> bytes:
        v = {"magic": magic, "group": group, "fid": fid, **change}
        return struct.pack("<IIQ", v["magic"], v["group"], v["fid"])

    cases: dict[str, Handle] = {
        "another type": (1, data), "type 0": (0, data), "type 254": (254, data),
        "type with a parent, without one": (0xa8, data),
        "too short": (kind, data[:12]), "4 bytes": (kind, data[:4]),
        "another magic": (kind, handle(magic=magic ^ 1)),
        "another version": (kind, handle(magic=magic + 1)),
        "another group": (kind, handle(group=group ^ 0x10000)),
        "fid 0": (kind, handle(fid=0)), "fid 2": (kind, handle(fid=2)),
        "fid 15": (kind, handle(fid=15)), "a fid not given yet": (kind, handle(fid=fid + 10**6)),
        "a fid of another lineage": (kind, handle(fid=fid | 1 << 60)),
        "the largest fid": (kind, handle(fid=0xffff << 48 | FID_LAST)),
        "the last slot": (kind, handle(fid=FID_LAST)),
        "beyond the last slot": (kind, handle(fid=FID_LAST + 1)),
        "fid of all ones": (kind, handle(fid=2**64 - 1)),
    }
    # A fid that could be one is looked for; the others are no handles of ours.
    fids = {"a fid not given yet", "a fid of another lineage", "the largest fid",
            "the last slot"}
    for name, bad in cases.items():
        before = counter(rig, "bad_handles")
        expect(errno.ESTALE, lambda b=bad: by_handle(m, b), name)
        found = counter(rig, "bad_handles") - before
        assert found == (name not in fids), f"{name}: {found} refusals counted"
    r = random.Random(7)
    for _ in range(300):
        size = r.choice([4, 8, 12, 16, 20, 24, 32, 64])
        junk = r.randbytes(size)
        if r.random() < 0.5:
            junk = (struct.pack("<II", magic, group) + junk)[:max(size, 8)]
        expect((errno.ESTALE, errno.ETIMEDOUT),
               lambda j=junk: by_handle(m, (r.choice([kind, 0xa8, r.randrange(256)]), j)), "junk")
    os.close(by_handle(m, (kind, data + bytes(8))))     # longer than needed: its start counts


def gone(rig: Rig) -> None:
    m = rig.p.mnt
    (m / "gone").write_bytes(b"x")
    (m / "gonedir").mkdir()
    handle, dir_handle = to_handle(m / "gone"), to_handle(m / "gonedir")
    os.unlink(m / "gone")
    os.rmdir(m / "gonedir")
    expect(errno.ESTALE, lambda: by_handle(m, handle), "an unlinked file")
    expect(errno.ESTALE, lambda: by_handle(m, dir_handle), "a removed directory")
    # In use it is parked, and found; let go it is gone, on both copies.
    (m / "parked").write_bytes(b"still here")
    handle = to_handle(m / "parked")
    with open(m / "parked", "rb") as f:
        os.unlink(m / "parked")
        fd = by_handle(m, handle)
        assert os.pread(fd, 100, 0) == b"still here"
        os.close(fd)
        assert any((rig.p.lower / ".harp/orphans").iterdir()), "nothing is parked"
        assert f.read() == b"still here"
    top = rig.harp.get(rig.group, 0)["top"]
    rig.harp.wait(rig.group, 0, lambda s: s["ap"] > top or
                  not any((rig.p.lower / ".harp/orphans").iterdir()))
    expect(errno.ESTALE, lambda: by_handle(m, handle), "a file let go")
    rig.settle()
    for member in rig.members:
        left = list((member.lower / ".harp/orphans").iterdir())
        assert not left, f"left over on member {member.slot}: {left}"


def many_parked(rig: Rig) -> None:
    """Files let go while others are parked: nothing stays."""
    m, files = rig.p.mnt, []
    for n in range(40):
        files.append(open(m / f"many{n}", "wb"))
        files[-1].write(b"x" * n)
        files[-1].flush()
        os.unlink(m / f"many{n}")
    for f in files:
        f.close()
    rig.harp.wait(rig.group, 0, lambda s: not any((rig.p.lower / ".harp/orphans").iterdir()), 30)
    same_copies(rig)


def refused(rig: Rig) -> None:
    m = rig.p.mnt
    path = m / "r"
    path.write_bytes(b"r" * 8192)
    fd = os.open(path, os.O_RDWR)
    no = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOTTY, errno.EPERM)
    cases: dict[str, Callable[[], object]] = {
        "shared writable mmap": lambda: mmap.mmap(fd, 4096, mmap.MAP_SHARED),
        "shared mmap that mprotect could make writable":
            lambda: mmap.mmap(fd, 4096, mmap.MAP_SHARED, mmap.PROT_READ),
        "O_TMPFILE": lambda: os.open(m, O_TMPFILE | os.O_RDWR),
        "fallocate": lambda: libc("fallocate", fd, 0, ctypes.c_long(0), ctypes.c_long(1 << 20)),
        "punch hole": lambda: libc("fallocate", fd, 3, ctypes.c_long(0), ctypes.c_long(4096)),
        "FICLONE": lambda: fcntl.ioctl(fd, 0x40049409, fd),
        "FS_IOC_SETFLAGS": lambda: fcntl.ioctl(fd, 0x40086602, struct.pack("q", 0x10)),
        "FS_IOC_FSSETXATTR": lambda: fcntl.ioctl(fd, 0x401c5820, bytes(28)),
        "FITRIM": lambda: fcntl.ioctl(fd, 0xc0185879, struct.pack("QQQ", 0, 2**63, 0)),
        "FIBMAP": lambda: fcntl.ioctl(fd, 1, struct.pack("i", 0)),
        "EXT4_IOC_SWAP_BOOT": lambda: fcntl.ioctl(fd, 0x6611),
        "swapon": lambda: libc("swapon", str(path).encode(), 0),
        "rename with WHITEOUT": lambda: libc("renameat2", AT_FDCWD, str(path).encode(), AT_FDCWD,
                                             str(m / "w").encode(), 4),
        "a lease": lambda: fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK),
        "trusted.harp.fid set": lambda: os.setxattr(path, "trusted.harp.fid", b"12345678"),
        "trusted.harp.fid removed": lambda: os.removexattr(path, "trusted.harp.fid"),
        "trusted.harp.x set": lambda: os.setxattr(path, "trusted.harp.x", b"1"),
        "security.ima set": lambda: os.setxattr(path, "security.ima", b"\4junk"),
    }
    before = (path.read_bytes(), os.stat(path).st_mtime_ns)
    top = rig.harp.get(rig.group, 0)["top"]
    for name, what in cases.items():
        expect(no, what, name)
    expect(errno.ENODATA, lambda: os.getxattr(path, "trusted.harp.fid"), "trusted.harp.fid read")
    assert not os.listxattr(path), os.listxattr(path)
    assert (path.read_bytes(), os.stat(path).st_mtime_ns) == before
    assert rig.harp.get(rig.group, 0)["top"] == top, "something was logged"
    # What looks alike and is allowed: a private mapping, O_DIRECT, flock, a copy by bytes.
    with mmap.mmap(fd, 4096, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE) as private:
        private[0:2] = b"ZZ"
    os.close(os.open(path, os.O_RDWR | os.O_DIRECT))
    fcntl.flock(fd, fcntl.LOCK_EX)
    copy = os.open(m / "copy", os.O_CREAT | os.O_RDWR)
    done = os.copy_file_range(fd, copy, 8192)
    assert done == 8192 and (m / "copy").read_bytes() == before[0]
    os.close(copy)
    os.close(fd)
    same_copies(rig)


def cookies(rig: Rig) -> None:
    """Directories give the same order on both, and a cookie leads back to its place."""
    m = rig.p.mnt
    (m / "many").mkdir()
    names = {f"name{n:04}" for n in range(250)}
    for name in names:
        (m / "many" / name).touch()
    listed = [e.name for e in os.scandir(m / "many")]
    assert set(listed) == names and len(listed) == len(names)
    assert listed == [e.name for e in os.scandir(m / "many")]
    ino = {e.name: e.inode() for e in os.scandir(m / "many")}
    assert all(ino[n] == os.stat(m / "many" / n).st_ino for n in listed[:50])
    # Removed while read: every other name is still seen once.
    with os.scandir(m / "many") as entries:
        seen = []
        for n, entry in enumerate(entries):
            seen.append(entry.name)
            if n % 3 == 0:
                os.unlink(entry.path)
    assert len(seen) == len(set(seen)) and set(seen) == names
    for path in list((m / "many").iterdir()):
        path.unlink()
    (m / "many").rmdir()
    same_copies(rig)


def one_index(rig: Rig) -> str:
    """A directory of more names than are kept is sorted once for a reader, not for each batch."""
    bound = Path("/sys/module/harp/parameters/index_names")
    before, folder, some = bound.read_text(), rig.p.mnt / "large", rig.p.mnt / "large/000"
    folder.mkdir()
    some.touch()
    (other := rig.p.mnt / "other").mkdir()
    names = {f"{n:03}".ljust(250 if n else 3, "x") for n in range(300)}
    for name in names - {"000"}:
        os.link(some, folder / name)
    bound.write_text("64")
    try:
        built = counter(rig, "indexes_built")
        assert set(os.listdir(folder)) == names
        built = counter(rig, "indexes_built") - built
        # Another directory that is read takes its place.
        os.listdir(other)
        again = counter(rig, "indexes_built")
        os.listdir(folder)
        again = counter(rig, "indexes_built") - again
    finally:
        bound.write_text(before)
    assert built <= 1 and again == 1, f"{built} and {again} indexes built"
    return f"{built} built"


def no_index(rig: Rig) -> None:
    """Whether a directory is empty is seen without sorting it."""
    m = rig.p.mnt
    for name in ("full", "empty"):
        (m / name).mkdir()
    for n in range(100):
        (m / f"full/{n}").touch()
    built = counter(rig, "indexes_built")
    expect(errno.ENOTEMPTY, lambda: os.rmdir(m / "full"), "rmdir")
    expect(errno.ENOTEMPTY, lambda: os.rename(m / "empty", m / "full"), "rename")
    for n in range(100):
        os.unlink(m / f"full/{n}")
    os.rename(m / "empty", m / "full")
    os.rmdir(m / "full")
    built = counter(rig, "indexes_built") - built
    assert not built, f"{built} indexes built"
    same_copies(rig)


def times_grow(rig: Rig) -> None:
    """ctime and with it the change attribute grow with every modification."""
    path = rig.p.mnt / "grow"
    fd = os.open(path, os.O_CREAT | os.O_RDWR)
    last = 0
    for n in range(200):
        (lambda: os.pwrite(fd, b"x", n), lambda: os.fchmod(fd, 0o600 + n % 8),
         lambda: os.setxattr(path, "user.n", str(n).encode()),
         lambda: os.utime(path, (1, 1)))[n % 4]()
        now = os.stat(path).st_ctime_ns
        assert now > last, f"{n}: {now} after {last}"
        last = now
    os.close(fd)


def not_primary(rig: Rig) -> None:
    """A mount of a member that is not primary answers nothing; nfs_test has what it says
    of handles."""
    b = rig.b.mnt
    os.stat(b)
    for what in (lambda: os.listdir(b), lambda: (b / "x").touch(), lambda: os.stat(b / "h")):
        expect(errno.ETIMEDOUT, what, "on the backup")


TESTS: list[tuple[str, Callable[[Rig], str | None]]] = [
    ("handles lead back, and are made of the fid", good_handles),
    ("handles lead back with cold caches", cold_handles),
    ("made-up handles are ESTALE", made_up),
    ("handles of what is gone are ESTALE; a file in use is parked", gone),
    ("many files parked and let go leave nothing", many_parked),
    ("what cannot be logged is refused", refused),
    ("directories have one order, and cookies last", cookies),
    ("a large directory is sorted once", one_index),
    ("a directory that is not empty is not removed, nor sorted", no_index),
    ("ctime grows with every modification", times_grow),
    ("a mount that is not the primary's answers nothing", not_primary),
]


def main() -> int:
    kinds = sys.argv[1:] or ["ext4", "xfs"]
    t = Ktap(len(kinds) * len(TESTS))
    for kind in kinds:
        with Rig(kind) as rig:
            for title, test in TESTS:
                t.run(f"{kind}: {title}", lambda x=test: x(rig))
    return t.end()


if __name__ == "__main__":
    sys.exit(main())
