#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Bad mount options are refused, and the refusal names the option."""
from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

from one import (BASE, UUID, Ktap, Member, disks, fs_context, harpnl, make_fs, mount, mount_lower,
                 run, umount)

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
    ("a label that no kernel argument has", {"region": "reserve:nowhere"}, 0, "region"),
    ("an option that does not exist", {"colour": "red"}, errno.EINVAL, "colour"),
    ("init with a value", {"init": "yes"}, errno.EINVAL, "init"),
    ("a lower that does not exist", {"source": "/nowhere"}, errno.ENOENT, "source=/nowhere"),
    ("a lower that is a file", {"source": "/etc/passwd"}, errno.ENOTDIR, "source=/etc/passwd"),
    ("a lower of another type", {"source": "/proc"}, errno.EINVAL, "proc: expected ext4 or xfs"),
    ("a lower below its mount point", {"source": str(BASE / "lower0/lost+found")}, errno.EINVAL,
     "expected a mount point"),
    ("a lower never laid out, without init", {"init": "-"}, 0, ""),
]


def refused(change: dict[str, str | None], number: int, words: str) -> None:
    options = {**GOOD, **change}
    options = {k: v for k, v in options.items() if v != "-"}
    error, said = fs_context("harp", options)
    assert error is not None, f"mounted: {options}"
    assert not number or error.errno == number, f"{error} ({said})"
    assert words in said, f"expected {words!r} in {said!r}"
    assert said or error.errno == errno.ENOENT, "refused without a word"


def refused_twice() -> None:
    error, said = fs_context("harp", {"group": "a"})
    assert error and "missing" in said, said
    fd = os.popen("mount -t harp -o group=a,group=b none /mnt 2>&1; dmesg | tail -3").read()
    assert "given twice" in fd, fd


def read_only_lower() -> None:
    mount("", BASE / "lower0", "", "", 32 | 1)      # MS_REMOUNT | MS_RDONLY
    try:
        refused({}, errno.EINVAL, "read-only")
    finally:
        mount("", BASE / "lower0", "", "", 32 | 1024)


def full_lower() -> None:
    """init wants an empty lower."""
    path = BASE / "lower0" / "somebody"
    path.write_text("data")
    try:
        refused({}, 0, "")
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
                     "lineage=7", "epoch=1", "region=mem:8388608"):
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
    finally:
        umount(m.mnt)


def mounted_again() -> None:
    """The replica outlives the mount: it comes back with the same options only."""
    m = Member(0, disks()[0])
    for change in ({"inc": "2"}, {"lineage": "8"}, {"region": "mem:16M"},
                   {"uuid": UUID[:-1] + "0"}):
        error, said = fs_context("harp", {k: v for k, v in {**GOOD, **change}.items()
                                          if k != "init"})
        assert error and error.errno == errno.EBUSY, f"{change}: {error} {said}"
    mount(m.lower, m.mnt, "harp", options_text({"init": "-"}))
    try:
        run("mount", "-o", "remount,ro", m.mnt)
        assert " ro," in mounts_line(), mounts_line()
        for change, word in (("inc=9", "inc"), ("region=mem:16M", "region")):
            done = run("mount", "-i", "-o", f"remount,{change}", m.mnt, ok=False)
            assert done.returncode, f"remount with {change} worked"
            assert f"{word}: cannot be changed" in run("dmesg").stdout
    finally:
        umount(m.mnt)
    harpnl.Harp().verb("replica-del", "opts", 0)


def main() -> int:
    t = Ktap(len(BAD) + 5)
    m = Member(0, disks()[0])
    make_fs(m.disk, "ext4")
    mount_lower(m.disk, m.lower, "ext4")
    try:
        for title, change, number, words in BAD:
            t.run(f"refused: {title}", lambda c=change, n=number, w=words: refused(c, n, w))
        t.run("refused: an option given twice", refused_twice)
        t.run("refused: a read-only lower", read_only_lower)
        t.run("refused: init where there are files", full_lower)
        t.run("/proc/mounts shows the options; without a view nothing else works", shown)
        t.run("the replica outlives the mount", mounted_again)
    finally:
        umount(m.lower)
    return t.end()


if __name__ == "__main__":
    sys.exit(main())
