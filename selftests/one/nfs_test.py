#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""The share exported by stock nfsd in this kernel, and used over NFSv3 and v4.2."""
from __future__ import annotations

import errno
import os
import shutil
import struct
import sys
import threading
from pathlib import Path
from typing import Any, Callable, Iterator

from one import (BASE, Ktap, Rig, Skip, difference, harpnl, mount, run, same_copies, tree, umount)
from subject import ACCESS, NAMED, Subject

CLIENT = BASE / "nfs"


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
        run("exportfs", "-o", "rw,sync,no_root_squash,no_subtree_check,fsid=0", f"*:{self.path}")
        Path("/proc/fs/nfsd/v4_end_grace").write_text("Y")
        return self

    def __exit__(self, *_: object) -> None:
        run("exportfs", "-ua", ok=False)
        run("rpc.nfsd", "0", ok=False)
        run("exportfs", "-f", ok=False)
        for entry in Path("/proc").iterdir():
            try:
                name = (entry / "comm").read_text().strip()
                if name in ("rpc.mountd", "rpcbind"):
                    os.kill(int(entry.name), 15)
            except (OSError, ValueError):
                continue

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
        for n in range(20):
            path = root / f"dir{d}/file{n}.c"
            path.write_bytes((b"line %d\n" % n) * (n * n * 40 % 9001))
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
    assert len(os.listdir(fd)) == 20
    os.close(fd)
    bad = difference(before, tree(CLIENT / name))
    assert not bad, bad


def many_clients(rig: Rig, name: str) -> None:
    """Eight writers at once in one directory and in several."""
    errors: list[str] = []

    def one(n: int) -> None:
        try:
            for k in range(15):
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
        rig.harp.verb("link-drop", rig.group, 0)
        rig.harp.wait(rig.group, 0, lambda s: not s["link_up"])
        rig.relink()
    thread.join(60)
    assert len(done) == 60, f"{len(done)} of 60"
    same_copies(rig)


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
    t = Ktap(len(plan))
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
    return t.end()


if __name__ == "__main__":
    sys.exit(main())
