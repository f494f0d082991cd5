#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""The share exported by stock nfsd in this kernel, and used over NFSv3 and v4.2."""
from __future__ import annotations

import errno
import os
import select
import shutil
import struct
import sys
import threading
from pathlib import Path
from typing import Any, Callable, Iterator

from one import (BASE, FID_LAST, Ktap, Rig, Skip, difference, harpnl, mount, run, same_copies,
                 tree, umount)
from faults_test import Failing, drop_caches
from subject import ACCESS, NAMED, Subject

import nfs3  # of the folder that one has added

CLIENT = BASE / "nfs"
FILES = 12      # in each directory of a tree that is copied


class Server:
    """rpcbind, mountd and nfsd of this machine, with the mount exported."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Server:
        for program in ("rpcbind", "rpc.nfsd", "rpc.mountd", "exportfs", "mount.nfs"):
            if not shutil.which(program, path="/usr/sbin:/sbin:/usr/bin:/bin"):
                raise Skip(f"needs {program}")
        for place, kind in (("/proc/fs/nfsd", "nfsd"), ("/run/rpc_pipefs", "rpc_pipefs")):
            if not os.path.ismount(place):
                mount(kind, place, kind)
        for folder in ("/var/lib/nfs/sm", "/var/lib/nfs/v4recovery", "/run/rpcbind"):
            Path(folder).mkdir(parents=True, exist_ok=True)
        for name in ("etab", "rmtab", "state"):
            Path("/var/lib/nfs", name).touch()
        run("rpcbind", "-w")
        # Nobody has locks to reclaim: no grace period to sit out.
        Path("/proc/fs/nfsd/nfsv4gracetime").write_text("10")
        Path("/proc/fs/nfsd/nfsv4leasetime").write_text("10")
        run("rpc.nfsd", "8")
        run("rpc.mountd")
        # Version 4's root itself: those above it are of an overlay, which has no handles.
        self.export(self.path, 0)
        Path("/proc/fs/nfsd/v4_end_grace").write_text("Y")
        return self

    def __exit__(self, *_: object) -> None:
        run("exportfs", "-ua", ok=False)
        run("rpc.nfsd", "0", ok=False)
        run("exportfs", "-f", ok=False)
        for entry in Path("/proc").iterdir():
            try:
                if (entry / "comm").read_text().strip() in ("rpc.mountd", "rpcbind"):
                    self.end(int(entry.name))
            except (OSError, ValueError):
                continue

    @staticmethod
    def end(pid: int) -> None:
        """The next server's need its port."""
        fd = os.pidfd_open(pid)
        try:
            os.kill(pid, 15)
            select.select([fd], [], [], 10)
        finally:
            os.close(fd)

    @staticmethod
    def export(path: Path, fsid: int) -> None:
        run("exportfs", "-o", f"rw,sync,no_root_squash,no_subtree_check,fsid={fsid}", f"*:{path}")

    def mount(self, version: str) -> None:
        CLIENT.mkdir(exist_ok=True)
        run("mount.nfs", f"127.0.0.1:{self.path if version == '3' else '/'}", CLIENT, "-o",
            f"vers={version},hard,nolock,timeo=600" + (",proto=tcp,mountproto=tcp"
                                                         if version == "3" else ""))


def make_tree(root: Path) -> None:
    """Something like a source tree: small files, directories, links of both kinds."""
    root.mkdir()
    for d in range(6):
        (root / f"dir{d}").mkdir()
        for n in range(FILES):
            path = root / f"dir{d}/file{n}.c"
            path.write_bytes((b"line %d\n" % n) * (n * n * 100 % 9001))
            path.chmod(0o600 + n % 8)
    os.link(root / "dir0/file1.c", root / "dir1/hard")
    os.symlink("../dir0/file2.c", root / "dir1/soft")
    os.utime(root / "dir0/file3.c", (1_000_000_000, 1_100_000_000))
    (root / "big").write_bytes(bytes(range(256)) * 12_000)


def seen(root: Path) -> dict[str, Any]:
    """tree(), without the ACL that a version 4 client has of every file."""
    found = tree(root)
    for name, entry in found.items():
        if name != ".":
            entry[1][-1].pop("system.nfs4_acl", None)
    return found


def copied(rig: Rig, name: str) -> None:
    """cp -a through the client is what it was, there and on both lowers."""
    source = BASE / "source"
    if not source.exists():
        make_tree(source)
    run("cp", "-a", source, CLIENT / name)
    os.sync()
    bad = difference(seen(source), seen(CLIENT / name)) or \
        difference(seen(source), seen(rig.p.mnt / name))
    assert not bad, bad
    st, want = os.stat(CLIENT / name / "dir0/file3.c"), os.stat(source / "dir0/file3.c")
    assert st.st_mtime_ns == want.st_mtime_ns
    same_copies(rig)


def operations(rig: Rig, name: str) -> None:
    root = CLIENT / name
    root.mkdir()
    s = Subject(root)
    ok: list[tuple[object, ...]] = [
        ("create", "excl"), ("create", "plain", 0o640, 0), ("mkdir", "d"), ("symlink", "plain", "s"),
        ("link", "plain", "h"), ("rename", "h", "d/h"), ("write", "plain", 5, b"x" * 100_000),
        ("append", "plain", b"tail"), ("truncate", "plain", 70_000), ("chmod", "plain", 0o751),
        ("chown", "plain", 5, 6), ("times", "plain", 10**18, 2 * 10**18), ("mknod", "p", 0o10644),
        ("fsync", "plain"), ("rename", "excl", "plain2"), ("unlink", "p"), ("list", "d"),
        ("sendfile", "plain", "plain2", 50_000),
    ]
    for op in ok:
        kind, value = s.do(op)
        assert kind == "ok", f"{op!r:.80}: {value}"
    wrong = [(("create", "plain"), "EEXIST"), (("rmdir", "d"), "ENOTEMPTY"),
             (("unlink", "none"), "ENOENT"), (("mkdir", "d"), "EEXIST"),
             (("create", "n" * 256), "ENAMETOOLONG"), (("rename", "d", "d/d"), "EINVAL")]
    for op, number in wrong:
        got = s.do(op)
        assert got == ("error", number), f"{op!r:.60}: {got}"
    st = os.stat(root / "plain")
    here = os.stat(rig.p.mnt / name / "plain")
    for key in ("st_mode", "st_uid", "st_gid", "st_size", "st_nlink", "st_ino", "st_mtime_ns",
                "st_ctime_ns"):
        assert getattr(st, key) == getattr(here, key), key
    assert (root / "plain").read_bytes() == (rig.p.mnt / name / "plain").read_bytes()
    # Open without a name: the client renames it, and removes it when closed.
    with open(root / "plain2", "r+b") as f:
        os.unlink(root / "plain2")
        f.write(b"still")
        f.flush()
        assert os.fstat(f.fileno()).st_size >= 5
    assert not [n for n in os.listdir(root) if n.startswith(".nfs")]
    same_copies(rig)


def user_xattrs(rig: Rig, name: str) -> None:
    """NFSv4.2 only."""
    path = CLIENT / name / "xattrs"
    path.write_bytes(b"x")
    os.setxattr(path, "user.n", b"value")

    def names() -> list[str]:
        return [n for n in os.listxattr(path) if n.startswith("user.")]

    assert os.getxattr(path, "user.n") == b"value" and names() == ["user.n"]
    try:
        os.getxattr(path, "user.none")
    except OSError as error:
        assert error.errno == errno.ENODATA, error
    os.removexattr(path, "user.n")
    assert names() == []
    assert os.getxattr(rig.p.tree / name / "xattrs", "trusted.harp.fid")
    same_copies(rig)


def acls(rig: Rig, name: str) -> None:
    """NFSv3's side protocol."""
    path = CLIENT / name / "acl"
    path.write_bytes(b"x")
    os.setxattr(path, ACCESS, NAMED)
    assert os.getxattr(path, ACCESS) == os.getxattr(rig.p.mnt / name / "acl", ACCESS) == NAMED
    assert os.stat(path).st_mode & 0o777 == os.stat(rig.p.mnt / name / "acl").st_mode & 0o777
    same_copies(rig)


def identity(rig: Rig, name: str) -> None:
    """Records that nfsd caused carry the request's identity (xid, call, address, step)."""
    path = CLIENT / name / "identity"
    base = rig.harp.get(rig.group, 0)["top"]
    path.write_bytes(b"x" * 100)
    seen = []
    for record in rig.harp.log(rig.group, 0, base + 1):
        kind = harpnl.record_header(record)["type"]
        for section, body in sections(record):
            if section == 6:
                family, step, xid, prog, vers, proc = struct.unpack_from("<HHIIII", body)
                seen.append((kind, prog, vers, step))
                assert family == 2 and body[24:28] == bytes([127, 0, 0, 1]), body
                assert xid
    assert seen, "no record has one"
    assert {s[1] for s in seen} == {100003}, seen
    top = rig.harp.get(rig.group, 0)["top"]
    (rig.p.mnt / name / "local").touch()
    local = list(rig.harp.log(rig.group, 0, top + 1))
    assert local and all(section != 6 for r in local for section, _ in sections(r))


def sections(record: bytes) -> Iterator[tuple[int, bytes]]:
    at = 64
    while at < len(record):
        kind, _, length = struct.unpack_from("<HHI", record, at)
        yield kind, record[at + 8:at + length]
        at += (length + 7) & ~7


def cold_reads(rig: Rig, name: str) -> None:
    """Server and client start from cold caches: handles lead back."""
    before = tree(CLIENT / name)
    fd = os.open(CLIENT / name / "dir2", os.O_RDONLY)
    Path("/proc/sys/vm/drop_caches").write_text("3")
    assert len(os.listdir(fd)) == FILES
    os.close(fd)
    bad = difference(before, tree(CLIENT / name))
    assert not bad, bad


def many_clients(rig: Rig, name: str) -> None:
    """Eight writers at once in one directory and in several."""
    errors: list[str] = []

    def one(n: int) -> None:
        try:
            for k in range(8):
                for path in (CLIENT / name / f"w{n}-{k}", CLIENT / name / f"dir{n % 6}/w{n}-{k}"):
                    path.write_bytes(b"%d" % n * (k * 700))
                    assert path.read_bytes() == b"%d" % n * (k * 700)
        except (OSError, AssertionError) as error:
            errors.append(repr(error))

    threads = [threading.Thread(target=one, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors
    same_copies(rig)


def link_cut(rig: Rig, name: str) -> None:
    """The client waits while the backup is away, and sees no error."""
    done: list[int] = []

    def work() -> None:
        for n in range(60):
            (CLIENT / name / f"cut{n}").write_bytes(b"x" * n * 100)
            done.append(n)

    thread = threading.Thread(target=work)
    thread.start()
    for _ in range(2):
        seen = len(done)
        while len(done) < seen + 5 and thread.is_alive():
            thread.join(0.02)
        rig.drop_link(0)
        rig.relink()
    thread.join(60)
    assert len(done) == 60, f"{len(done)} of 60"
    same_copies(rig)


# --------------------------------------------------------- answers, as on the wire

class Wire:
    """A connection to the server, and handles taken apart."""

    def __init__(self, path: Path) -> None:
        self.nfs, self.root = nfs3.Nfs("127.0.0.1"), nfs3.mount_root("127.0.0.1", path)

    def handle(self, name: str) -> bytes:
        at = self.root
        for part in name.split("/"):
            at = self.nfs.lookup(at, part)
        return at

    def expect(self, status: int, handles: dict[str, bytes], where: str) -> None:
        got = {name: self.nfs.getattr(handle) for name, handle in handles.items()}
        bad = {name: answer for name, answer in got.items() if answer != status}
        assert not bad, f"{where}: expected {status}: {bad}"


# nfsd's header: version, kinds of authentication, of fsid (a number) and of what follows.
HEADER, OURS = "=BBBBI", "<IIQ"


def exported_as(fsid: int, handle: bytes) -> bytes:
    return handle[:4] + struct.pack("=I", fsid) + handle[8:]


def made_up(handle: bytes) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """What cannot be one of the group's, and what can, but is not yet."""
    version, auth, fsid_kind, kind, fsid = struct.unpack_from(HEADER, handle)
    magic, group, fid = struct.unpack_from(OURS, handle, 8)
    assert (version, auth, fsid_kind, len(handle)) == (1, 0, 1, 24), handle.hex()

    def make(**change: int) -> bytes:
        v = {"kind": kind, "magic": magic, "group": group, "fid": fid, **change}
        return struct.pack(HEADER, version, auth, fsid_kind, v["kind"], fsid) + \
            struct.pack(OURS, v["magic"], v["group"], v["fid"])

    return {
        "another type": make(kind=1), "one with a parent": make(kind=kind + 1),
        "another magic": make(magic=magic ^ 1), "another version": make(magic=magic + 1),
        "another group": make(group=group ^ 0x10000), "too short": handle[:20],
        "fid 0": make(fid=0), "fid 2": make(fid=2), "fid 15": make(fid=15),
        "beyond the last slot": make(fid=FID_LAST + 1), "all ones": make(fid=2**64 - 1),
    }, {
        "not given yet": make(fid=fid + 10**6), "of another lineage": make(fid=fid | 1 << 60),
        "the largest": make(fid=0xffff << 48 | FID_LAST), "the last slot": make(fid=FID_LAST),
    }


def handles(rig: Rig) -> None:
    """STALE is for what is certain to be gone or never was; else a client must try again."""
    folder = rig.p.mnt / "wire"
    folder.mkdir()
    (folder / "file").write_bytes(b"here")
    (folder / "gone").write_bytes(b"gone")
    (folder / "dir").mkdir()
    wire = Wire(rig.p.mnt)
    there = {name: wire.handle(f"wire/{name}") for name in ("file", "gone", "dir")}
    wire.expect(nfs3.OK, there, "at the primary")
    (folder / "gone").unlink()
    (folder / "dir").rmdir()
    gone = {name: there.pop(name) for name in ("gone", "dir")}
    never, not_yet = made_up(there["file"])
    wire.expect(nfs3.OK, there, "at the primary")
    wire.expect(nfs3.STALE, {**gone, **never, **not_yet}, "at the primary")
    # From either copy they are the same, and only the primary knows what is gone.
    rig.settle()
    Server.export(rig.b.mnt, 1)
    at_backup = {name: exported_as(1, h) for name, h in {**there, **gone, **not_yet}.items()}
    wire.expect(nfs3.JUKEBOX, at_backup, "at the backup")
    wire.expect(nfs3.STALE, {name: exported_as(1, h) for name, h in never.items()},
                "at the backup")
    wire.nfs.close()


def unreadable(kind: str) -> str:
    """A lower that cannot be read says nothing of whether a file is there."""
    with Failing(kind, 0) as rig, Server(rig.p.mnt):
        names = [f"d{d}/f{n}" for d in range(10) for n in range(10)]
        for name in names:
            path = rig.p.mnt / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b"x")
        wire = Wire(rig.p.mnt)
        files = {name: wire.handle(name) for name in names}
        wire.expect(nfs3.OK, files, "before")
        rig.settle()
        rig.harp.verb("sync", rig.group, 0)
        answers: list[int] = []

        def ask() -> None:
            for handle in files.values():
                answers.append(wire.nfs.getattr(handle))
                if answers[-1]:
                    return
        events = harpnl.Events()
        drop_caches()
        rig.dm.fail()
        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        events.wait("media-failure", timeout=60)
        events.harp.close()
        # A member that has left its view answers nothing until it is released.
        rig.gave_up()
        asking.join(60)
        assert not asking.is_alive(), "a call still waits"
        assert answers[-1] == nfs3.JUKEBOX, answers
        never, _ = made_up(files[names[0]])
        wire.expect(nfs3.STALE, never, "after")
        wire.nfs.close()
    return f"after {len(answers) - 1} that were in memory"


TESTS: list[tuple[str, Callable[[Rig, str], None], str]] = [
    ("a tree copied is the same at the client and on both copies", copied, ""),
    ("operations, and refusals, as a client sees them", operations, ""),
    ("user xattrs", user_xattrs, "4.2"),
    ("ACLs", acls, "3"),
    ("records carry the request's identity", identity, ""),
    ("cold caches", cold_reads, ""),
    ("eight writers at once", many_clients, ""),
    ("the backup's link cut and made again", link_cut, ""),
]
PLACE = {operations: "ops", user_xattrs: "ops", acls: "ops", identity: "ops"}


def main() -> int:
    kinds = sys.argv[1:] or ["ext4", "xfs"]
    plan = [(k, v, t, f) for k in kinds for v in ("3", "4.2") for t, f, only in TESTS
            if only in ("", v)]
    t = Ktap(len(plan) + 2 * len(kinds))
    for kind in kinds:
        with Rig(kind) as rig, Server(rig.p.mnt) as server:
            for version in ("3", "4.2"):
                server.mount(version)
                try:
                    for k, v, title, test in plan:
                        if (k, v) == (kind, version):
                            name = f"{PLACE.get(test, 'copy')}{version}"
                            t.run(f"{kind}: NFSv{version}: {title}",
                                  lambda x=test, n=name: x(rig, n))
                finally:
                    umount(CLIENT)
            t.run(f"{kind}: on the wire: what is gone, and what the backup does not know",
                  lambda: handles(rig))
        t.run(f"{kind}: on the wire: what cannot be read", lambda k=kind: unreadable(k))
    return t.end()


if __name__ == "__main__":
    sys.exit(main())
