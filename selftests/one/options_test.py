#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Bad mount options are refused, and the refusal names the option."""
from __future__ import annotations

import errno
import os
import signal
import struct
import sys
from dataclasses import dataclass
from pathlib import Path

from one import (BASE, SYS_MOVE_MOUNT, UUID, Ktap, Member, Skip, disks, fs_context, harpnl, libc,
                 make_fs, mount, mount_lower, run, umount)

MS_BIND = 4096
AT_FDCWD, AT_EMPTY_PATH = -100, 0x1000
CLONE_NEWUSER = 0x10000000
SYS_OPEN_TREE, SYS_MOUNT_SETATTR = 428, 442
OPEN_TREE_CLONE, MOVE_MOUNT_F_EMPTY_PATH, MOUNT_ATTR_IDMAP = 1, 4, 0x100000

GOOD: dict[str, str | None] = {
    "source": str(BASE / "lower0"), "group": "opts", "uuid": UUID, "member": "0", "inc": "1",
    "lineage": "7", "hold": "0", "region": "mem:8M", "init": None,
}

# Title; what to change (a None in DROP leaves the option out); errno; words expected.
BAD: list[tuple[str, dict[str, str | None], int, str]] = [
    ("no group", {"group": "-"}, errno.EINVAL, "group=: missing"),
    ("no uuid", {"uuid": "-"}, errno.EINVAL, "uuid=: missing"),
    ("no member", {"member": "-"}, errno.EINVAL, "member=: missing"),
    ("no incarnation", {"inc": "-"}, errno.EINVAL, "inc=: missing"),
    ("no lineage", {"lineage": "-"}, errno.EINVAL, "lineage=: missing"),
    ("no hold", {"hold": "-"}, errno.EINVAL, "hold=: missing"),
    ("no region", {"region": "-"}, errno.EINVAL, "region=: missing"),
    ("no lower", {"source": "-"}, errno.EINVAL, "source: missing"),
    ("a group of odd characters", {"group": "A_b"}, errno.EINVAL, "a-z, 0-9 and -"),
    ("a group of 33 characters", {"group": "g" * 33}, errno.EINVAL, "1 to 32 characters"),
    ("an empty group", {"group": ""}, errno.EINVAL, "group"),
    ("a uuid that is none", {"uuid": "0123"}, errno.EINVAL, "uuid=0123: expected"),
    ("a uuid of zero", {"uuid": "00000000-0000-0000-0000-000000000000"}, errno.EINVAL, "not zero"),
    ("member 3", {"member": "3"}, errno.EINVAL, "member=3: expected a number from 0 to 2"),
    ("a member that is no number", {"member": "a"}, errno.EINVAL, "member=a: expected a number"),
    ("incarnation 0", {"inc": "0"}, errno.EINVAL, "inc=0"),
    ("lineage 0", {"lineage": "0"}, errno.EINVAL, "lineage=0"),
    ("a lineage beyond 64 bits", {"lineage": "18446744073709551616"}, errno.EINVAL, "lineage="),
    ("hold beyond its bound", {"hold": "1000000000"}, errno.EINVAL, "hold="),
    ("a lease of an unknown kind", {"lease": "trust"}, errno.EINVAL,
     "lease=trust: expected time or confirm"),
    ("a region of an unknown kind", {"region": "disk:1M"}, errno.EINVAL, "expected mem:SIZE"),
    ("a region without a size", {"region": "mem:"}, errno.EINVAL, "expected a size"),
    ("a region too small", {"region": "mem:1M"}, errno.EINVAL, "expected 4M"),
    ("a region too large", {"region": "mem:65G"}, errno.EINVAL, "to 64G"),
    ("a region of half a page", {"region": "mem:4194305"}, errno.EINVAL, "a multiple of"),
    ("a region with junk behind it", {"region": "mem:8Mx"}, errno.EINVAL, "expected a size"),
    ("memmap without a size", {"region": "memmap:0x1000000"}, errno.EINVAL, "memmap:ADDRESS:SIZE"),
    ("memmap between pages", {"region": "memmap:0x1000001:8M"}, errno.EINVAL, "address at a page"),
    ("memmap beyond the end", {"region": "memmap:0xfffffffffffff000:8M"}, errno.EINVAL, "memmap"),
    ("a reserve without a label", {"region": "reserve:"}, errno.EINVAL, "reserve:LABEL"),
    ("a label too long", {"region": "reserve:" + "l" * 32}, errno.EINVAL, "reserve:LABEL"),
    ("memory that this kernel cannot map", {"region": "reserve:label"}, errno.EOPNOTSUPP,
     "region=: cannot use it: this kernel can map plain memory only"),
    ("an option that does not exist", {"colour": "red"}, errno.EINVAL, "colour"),
    ("init with a value", {"init": "yes"}, errno.EINVAL, "init"),
    ("a lower that does not exist", {"source": "/nowhere"}, errno.ENOENT, "source=/nowhere"),
    ("a lower that is a file", {"source": "/etc/passwd"}, errno.ENOTDIR, "source=/etc/passwd"),
    ("a lower of another type", {"source": "/proc"}, errno.EINVAL, "proc: expected ext4 or xfs"),
    ("a lower below its mount point", {"source": str(BASE / "lower0/lost+found")}, errno.EINVAL,
     "expected a mount point"),
    ("a lower never laid out, without init", {"init": "-"}, errno.ENOENT,
     "the lower is not laid out"),
]


def refused(change: dict[str, str | None], number: int, words: str) -> None:
    options = {**GOOD, **change}
    options = {k: v for k, v in options.items() if v != "-"}
    error, said = fs_context("harp", options)
    assert error is not None, f"mounted: {options}"
    assert error.errno == number, f"{error} ({said})"
    assert words in said, f"expected {words!r} in {said!r}"


def refused_twice() -> None:
    for option in ("group", "inc", "source"):
        twice = (option, GOOD[option])
        error, said = fs_context("harp", [*GOOD.items(), twice])
        assert error and error.errno == errno.EINVAL, f"{option}: {error} ({said})"
        assert f"{option}: given twice" in said, said


def read_only_lower() -> None:
    mount("", BASE / "lower0", "", "", 32 | 1)      # MS_REMOUNT | MS_RDONLY
    try:
        refused({}, errno.EINVAL, "read-only")
    finally:
        mount("", BASE / "lower0", "", "", 32 | 1024)


@dataclass(frozen=True)
class Lower:
    """A file system that will not do as a lower, and why not."""
    title: str
    words: str                      # of the refusal
    kind: str = "ext4"              # to mount it as; {0} {1} are disks
    make: str = ""                  # the command that makes it
    options: str = ""
    below: str = ""                 # what is given is this folder of it, bound elsewhere
    unless: str = ""                # why this kernel may be unable to mount it


def other_owners() -> int:
    """A user namespace in which all owners are others."""
    ready, told = os.pipe()
    child = os.fork()
    if not child:
        try:
            libc("unshare", CLONE_NEWUSER)
            os.write(told, b"!")
            signal.pause()
        finally:
            os._exit(1)
    os.close(told)
    try:
        assert os.read(ready, 1), "no user namespace"
        for name in ("uid_map", "gid_map"):
            Path(f"/proc/{child}/{name}").write_text("0 100000 65536")
        return os.open(f"/proc/{child}/ns/user", os.O_RDONLY)
    finally:
        os.close(ready)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def mapped_mount(path: Path) -> int:
    """A mount, yet nowhere, of what is mounted at @path, with other owners."""
    tree = libc("syscall", SYS_OPEN_TREE, AT_FDCWD, str(path).encode(), OPEN_TREE_CLONE)
    owners = other_owners()
    attr = struct.pack("=QQQQ", MOUNT_ATTR_IDMAP, 0, 0, owners)
    try:
        libc("syscall", SYS_MOUNT_SETATTR, tree, b"", AT_EMPTY_PATH, attr, len(attr))
    except OSError:
        os.close(tree)
        raise
    finally:
        os.close(owners)
    return tree


def mapped_lower() -> None:
    """Owners in the records would not be those on the disk."""
    place = BASE / "mapped"
    place.mkdir(exist_ok=True)
    tree = mapped_mount(BASE / "lower0")
    libc("syscall", SYS_MOVE_MOUNT, tree, b"", AT_FDCWD, str(place).encode(),
         MOVE_MOUNT_F_EMPTY_PATH)
    os.close(tree)
    try:
        refused({"source": str(place)}, errno.EINVAL, "mapped to other owners")
    finally:
        umount(place)


EXT4 = "mkfs.ext4 -q -F -E lazy_itable_init=1,lazy_journal_init=1,nodiscard "
LOWERS = [
    Lower("tmpfs", "is tmpfs: expected ext4 or xfs", "tmpfs"),
    Lower("an overlay", "is overlay: expected ext4 or xfs", "overlay",
          options="lowerdir=/run/one/lower0,upperdir=/run/one/ovl/up,workdir=/run/one/ovl/work"),
    Lower("ext3", "ext3 on {0}: expected ext4 or xfs", "ext3", "mkfs.ext3 -q -F -E nodiscard {0}"),
    Lower("a folder of an ext4", "not the root of its file system", make=EXT4 + "{0}",
          below="lost+found"),
    Lower("ext4 mounted nobarrier", "mounted nobarrier; needs barriers", make=EXT4 + "{0}",
          options="nobarrier"),
    Lower("ext4 with a bound of directories", "mounted with max_dir_size_kb",
          make=EXT4 + "{0}", options="max_dir_size_kb=1024"),
    Lower("ext4 with quotas", "ext4 on {0}: with quotas; needs them off",
          make=EXT4 + "-O quota {0}", unless="this kernel has no CONFIG_QUOTA"),
    Lower("ext4 without a journal", "ext4 without a journal", make=EXT4 + "-O ^has_journal {0}"),
    Lower("ext4 with its journal elsewhere", "ext4 with an external journal",
          make=f"mke2fs -q -F -E nodiscard -O journal_dev {{1}} && {EXT4} -J device={{1}} {{0}}"),
    Lower("ext4 with fast_commit", "ext4 with fast_commit; needs it off",
          make=EXT4 + "-O fast_commit {0}"),
    Lower("ext4 with inodes of 128 bytes", "ext4 with 128-byte inodes", make=EXT4 + "-I 128 {0}"),
    Lower("ext4 without extents", "ext4 without extents; needs them",
          make=EXT4 + "-O ^extent,^64bit {0}"),
    Lower("ext4 with bigalloc", "ext4 with bigalloc; needs it off", make=EXT4 + "-O bigalloc {0}"),
    Lower("ext4 with casefold", "ext4 with casefold", make=EXT4 + "-O casefold {0}",
          unless="this kernel has no CONFIG_UNICODE"),
    Lower("ext4 with encrypt", "ext4 with encrypt", make=EXT4 + "-O encrypt {0}",
          unless="this kernel has no CONFIG_FS_ENCRYPTION"),
    Lower("XFS of format version 4", "XFS of format version 4", "xfs",
          "mkfs.xfs -q -f -K -m crc=0 {0}"),
    Lower("XFS with quotas", "xfs on {0}: with quotas; needs them off", "xfs",
          "mkfs.xfs -q -f -K {0}", "uqnoenforce", unless="this kernel has no CONFIG_XFS_QUOTA"),
    Lower("XFS with an extent size for all files", "with an extent size for new files", "xfs",
          "mkfs.xfs -q -f -K -d extszinherit=16 {0}"),
    Lower("XFS with its log elsewhere", "XFS with an external log", "xfs",
          "mkfs.xfs -q -f -K -l logdev={1},size=64m {0}", "logdev={1}"),
    Lower("XFS with a realtime device", "XFS with a realtime device", "xfs",
          "mkfs.xfs -q -f -K -r rtdev={1} {0}", "rtdev={1}",
          unless="this kernel has no CONFIG_XFS_RT"),
]


def bad_lower(lower: Lower) -> None:
    """Refused, and nothing is left on it."""
    pair = disks()[1:3]
    place, given = BASE / "bad", BASE / "bad"
    for name in ("ovl/up", "ovl/work"):
        (BASE / name).mkdir(parents=True, exist_ok=True)
    if lower.make:
        run("sh", "-c", lower.make.format(*pair))
    try:
        mount(pair[0] if lower.make else lower.kind, place, lower.kind,
              lower.options.format(*pair))
    except OSError as error:
        raise (Skip(f"{lower.unless}: {error}") if lower.unless else error) from error
    try:
        if lower.below:
            given = BASE / "bound"
            mount(place / lower.below, given, "", flags=MS_BIND)
        words = lower.words.format(*(Path(disk).name for disk in pair))
        refused({"source": str(given)}, errno.EINVAL, words)
        assert not (given / ".harp").exists() and not (given / "tree").exists()
    finally:
        if lower.below:
            umount(given)
        umount(place)


def lay_out(m: Member, change: dict[str, str | None]) -> None:
    mount(m.lower, m.mnt, "harp", options_text(change))
    umount(m.mnt)
    harpnl.Harp().verb("replica-del", "opts", 0)


def make_anew(m: Member) -> None:
    run("umount", m.lower)
    make_fs(m.disk, "ext4")
    mount_lower(m.disk, m.lower, "ext4")


def taken_back() -> None:
    """What init makes is what harpd removes when the creation of a group has failed, by these
    names and without a mount (daemon/service/mounts.cc); then another group can have it."""
    m = Member(0, disks()[0])
    files, dirs = ("ino2fid", "lb", "reserve", "rows"), (".harp/orphans", ".harp", "tree")
    lay_out(m, {})
    made = {str(path.relative_to(m.lower)) for path in m.lower.rglob("*")}
    assert made == {*dirs, *(f".harp/{name}" for name in files), "lost+found"}, made
    for name in files:
        (m.lower / ".harp" / name).unlink()
    for name in dirs:
        (m.lower / name).rmdir()
    lay_out(m, {"uuid": UUID[:-1] + "0", "lineage": "9"})
    make_anew(m)


def of_another() -> None:
    """A lower knows whose it is."""
    m = Member(0, disks()[0])
    lay_out(m, {})
    refused({"init": "-", "uuid": UUID[:-1] + "0"}, errno.EBUSY, "belongs to another group")
    refused({"init": "-", "lineage": "8"}, errno.EBUSY, "belongs to another lineage")
    refused({"init": "-", "member": "1"}, errno.EBUSY, "belongs to another member")
    refused({}, errno.EEXIST, "laid out already")
    make_anew(m)


def full_lower() -> None:
    """init wants an empty lower."""
    path = BASE / "lower0" / "somebody"
    path.write_text("data")
    try:
        refused({}, errno.ENOTEMPTY, "the lower is not empty")
        assert path.read_text() == "data"
        assert not (BASE / "lower0" / "tree").exists(), "something was made"
    finally:
        path.unlink()


def options_text(change: dict[str, str | None]) -> str:
    options = {k: v for k, v in {**GOOD, **change}.items() if v != "-" and k != "source"}
    return ",".join(k if v is None else f"{k}={v}" for k, v in options.items())


def mounts_line() -> str:
    lines = [x for x in Path("/proc/mounts").read_text().splitlines() if " harp " in x]
    assert len(lines) == 1, lines
    return lines[0]


def shown() -> None:
    """/proc/mounts shows what it takes to mount it again."""
    m = Member(0, disks()[0])
    mount(m.lower, m.mnt, "harp", options_text({}))
    try:
        line = mounts_line()
        for word in (f"{m.lower} {m.mnt} harp", "group=opts", f"uuid={UUID}", "member=0", "inc=1",
                     "lineage=7", "epoch=1", "hold=0", "region=mem:8388608", "lease=time"):
            assert word in line, f"{word} is not in {line}"
        said = run("dmesg").stdout
        assert "log does not survive a soft reboot" in said, said[-500:]
        # What works without a view: root's getattr and statfs; everything else: later.
        os.stat(m.mnt)
        os.statvfs(m.mnt)
        for what in (lambda: os.listdir(m.mnt), lambda: os.stat(m.mnt / "x"),
                     lambda: (m.mnt / "x").write_text("x"), lambda: os.chmod(m.mnt, 0o700)):
            try:
                what()
            except OSError as error:
                assert error.errno == errno.ETIMEDOUT, error
            else:
                raise AssertionError("an operation worked without a view")
        try:
            os.close(mapped_mount(m.mnt))
        except OSError as error:
            assert error.errno == errno.EINVAL, error
        else:
            raise AssertionError("mounted once more with other owners")
    finally:
        umount(m.mnt)


def mounted_again() -> None:
    """The replica outlives the mount: it comes back with the same options only."""
    m = Member(0, disks()[0])
    for change in ({"inc": "2"}, {"lineage": "8"}, {"region": "mem:16M"},
                   {"lease": "confirm"},
                   {"uuid": UUID[:-1] + "0"}):
        error, said = fs_context("harp", {k: v for k, v in {**GOOD, **change}.items()
                                          if k != "init"})
        assert error and error.errno == errno.EBUSY, f"{change}: {error} {said}"
    mount(m.lower, m.mnt, "harp", options_text({"init": "-"}))
    try:
        run("mount", "-o", "remount,ro", m.mnt)
        assert " ro," in mounts_line(), mounts_line()
        for change, word in (("inc=9", "inc"), ("hold=9", "hold"),
                             ("region=mem:16M", "region"), ("lease=confirm", "lease")):
            done = run("mount", "-i", "-o", f"remount,{change}", m.mnt, ok=False)
            assert done.returncode, f"remount with {change} worked"
            assert f"{word}: cannot be changed" in run("dmesg").stdout
    finally:
        umount(m.mnt)
    harpnl.Harp().verb("replica-del", "opts", 0)


def main() -> int:
    t = Ktap(len(BAD) + len(LOWERS) + 8)
    m = Member(0, disks()[0])
    make_fs(m.disk, "ext4")
    mount_lower(m.disk, m.lower, "ext4")
    try:
        for title, change, number, words in BAD:
            t.run(f"refused: {title}", lambda c=change, n=number, w=words: refused(c, n, w))
        t.run("refused: an option given twice", refused_twice)
        t.run("refused: a read-only lower", read_only_lower)
        t.run("refused: a lower mounted with other owners", mapped_lower)
        for lower in LOWERS:
            t.run(f"refused as a lower: {lower.title}", lambda x=lower: bad_lower(x))
        t.run("refused: a lower of another group, lineage or member", of_another)
        t.run("a layout that is taken back makes room for another group", taken_back)
        t.run("refused: init where there are files", full_lower)
        t.run("/proc/mounts shows the options; without a view nothing else works", shown)
        t.run("the replica outlives the mount", mounted_again)
    finally:
        umount(m.lower)
    return t.end()


if __name__ == "__main__":
    sys.exit(main())
