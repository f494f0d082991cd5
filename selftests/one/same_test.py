#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Each operation gives the same result on harp as on the bare lower.

For each case a fixture is made on both, the operations are done on both, and compared
are: every result and errno, then the whole tree by name, content, attributes and
extended attributes, and which times of which file have moved.
"""
from __future__ import annotations

import os
import shutil
import stat
import sys
from pathlib import Path

from one import (BASE, Ktap, Rig, Skip, difference, disks, make_fs, mount_lower, same_copies,
                 tree, umount, walk)
from subject import (ACCESS, ACL_GROUP_OBJ, ACL_MASK, ACL_OTHER, ACL_USER, ACL_USER_OBJ,
                     DEFAULT, EXCHANGE, MINIMAL, NAMED, NOREPLACE, USER, Op, Result, Subject,
                     acl, agree, tick)

LONG = "n" * 255
# By name: what makes it, and what it needs. A case gets what its operations name.
FIXTURE: dict[str, tuple[list[Op], str]] = {
    "f": ([("create", "f"), ("write", "f", 0, b"0123456789" * 20)], ""),
    "f2": ([("create", "f2", 0o600)], ""),
    "d": ([("mkdir", "d"), ("create", "d/x"), ("mkdir", "d/sub")], ""),
    "e": ([("mkdir", "e")], ""),
    "s": ([("symlink", "f", "s")], "f"),
    "sd": ([("symlink", "d", "sd")], "d"),
    "dangling": ([("symlink", "gone", "dangling")], ""),
    "h1": ([("create", "h1"), ("link", "h1", "h2")], ""),
    "h2": ([], "h1"),
    "p": ([("mknod", "p", stat.S_IFIFO | 0o644)], ""),
    "c": ([("mknod", "c", stat.S_IFCHR | 0o644, 1, 3)], ""),
    "su": ([("create", "su"), ("chmod", "su", 0o4755)], ""),
    "sg": ([("create", "sg"), ("chmod", "sg", 0o2775)], ""),
    "gd": ([("mkdir", "gd"), ("chown", "gd", 0, 100), ("chmod", "gd", 0o2777)], ""),
    "ad": ([("mkdir", "ad"), ("setxattr", "ad", DEFAULT, NAMED)], ""),
    "t": ([("mkdir", "t"), ("chmod", "t", 0o1777), ("create", "t/roots")], ""),
    "x": ([("create", "x"), ("setxattr", "x", "user.a", b"one"),
           ("setxattr", "x", "trusted.t", b"two")], ""),
    "u": ([("mkdir", "u"), ("chown", "u", USER, USER), ("create", "u/mine"),
           ("chown", "u/mine", USER, USER), ("chmod", "u/mine", 0o644)], ""),
}


def fixture(ops: list[Op]) -> list[Op]:
    """What the operations name, each thing once, needs first."""
    made: dict[str, list[Op]] = {}

    def need(name: str) -> None:
        if name in FIXTURE and name not in made:
            what, first = FIXTURE[name]
            need(first)
            made[name] = what

    for op in ops:
        for arg in op[1:]:
            if isinstance(arg, str):
                need(arg.split("/")[0])
    return [op for what in made.values() for op in what]


Case = tuple[str, list[Op]]
NS = 1_000_000_000

NAMES: list[Case] = [
    ("create", [("create", "new"), ("stat", "new")]),
    ("create over a file, exclusively", [("create", "f")]),
    ("create over a file, not exclusively", [("create", "f", 0o600, 0), ("stat", "f")]),
    ("create over a directory", [("create", "d", 0o644, 0)]),
    ("create through a dangling symlink", [("create", "dangling", 0o644, 0), ("stat", "gone")]),
    ("create without a parent", [("create", "nodir/x")]),
    ("create below a file", [("create", "f/x")]),
    ("create with setuid, setgid, sticky", [("create", "m", 0o7777), ("stat", "m")]),
    ("create in a setgid directory", [("create", "gd/x"), ("stat", "gd/x"), ("mkdir", "gd/d"),
                                      ("stat", "gd/d")]),
    ("create with setgid in a setgid directory", [("create", "gd/x", 0o2775), ("stat", "gd/x")]),
    ("create in a directory with a default ACL",
     [("create", "ad/x", 0o666), ("stat", "ad/x"), ("getxattr", "ad/x", ACCESS),
      ("mkdir", "ad/d", 0o777), ("getxattr", "ad/d", DEFAULT), ("getxattr", "ad/d", ACCESS),
      ("symlink", "f", "ad/s"), ("stat", "ad/s"), ("mknod", "ad/p", stat.S_IFIFO | 0o666),
      ("getxattr", "ad/p", ACCESS)]),
    ("a name of 255 bytes", [("create", LONG), ("stat", LONG), ("unlink", LONG)]),
    ("a name of 256 bytes", [("create", LONG + "n"), ("mkdir", LONG + "n"),
                             ("symlink", "f", LONG + "n"), ("rename", "f", LONG + "n"),
                             ("link", "f", LONG + "n"), ("stat", LONG + "n")]),
    ("names of any bytes", [("create", "a\nb"), ("create", "a\\b"), ("create", "\u00e9"),
                            ("create", "\udcff\udc80"), ("create", " "), ("list", "")]),
    ("mkdir", [("mkdir", "new"), ("stat", "new"), ("stat", "")]),
    ("mkdir where there is something", [("mkdir", "d"), ("mkdir", "f"), ("mkdir", "s")]),
    ("mkdir with setgid and sticky", [("mkdir", "new", 0o3777), ("stat", "new")]),
    ("mknod of each kind",
     [("mknod", "n1", stat.S_IFREG | 0o600), ("mknod", "n2", stat.S_IFIFO | 0o600),
      ("mknod", "n3", stat.S_IFSOCK | 0o600), ("mknod", "n4", stat.S_IFBLK | 0o600, 7, 300),
      ("mknod", "n5", stat.S_IFCHR | 0o600, 4095, 255), ("stat", "n1"), ("stat", "n2"),
      ("stat", "n3"), ("stat", "n4"), ("stat", "n5"), ("mknod", "f", stat.S_IFIFO)]),
    ("symlink", [("symlink", "anything at all", "new"), ("stat", "new"), ("readlink", "new")]),
    ("symlink where there is something", [("symlink", "a", "f"), ("symlink", "a", "s")]),
    ("symlink with an empty target", [("symlink", "", "new")]),
    ("symlink targets up to the limit", [("symlink", "t" * 59, "s1"), ("symlink", "t" * 60, "s2"),
                                         ("symlink", "t" * 1000, "s3"), ("readlink", "s1"),
                                         ("readlink", "s2"), ("readlink", "s3")]),
    ("symlink targets around 1 KiB", [("symlink", "t" * 1022, "s1"), ("symlink", "t" * 1023, "s2"),
                                      ("symlink", "t" * 1024, "s3"), ("readlink", "s2")]),
    ("symlink targets around 4 KiB", [("symlink", "t" * 4094, "s1"), ("symlink", "t" * 4095, "s2"),
                                      ("symlink", "t" * 4096, "s3"), ("readlink", "s1")]),
    ("readlink of what is none", [("readlink", "f"), ("readlink", "d"), ("readlink", "none")]),
    ("link", [("link", "f", "new"), ("stat", "f"), ("stat", "new"), ("link", "f", "d/new")]),
    ("link to a directory, a symlink, a special file",
     [("link", "d", "new"), ("link", "s", "s2"), ("stat", "s2"), ("link", "p", "p2")]),
    ("link where there is something", [("link", "f", "f2"), ("link", "f", "d"), ("link", "no", "n")]),
    ("unlink", [("unlink", "f"), ("stat", "f"), ("read", "s")]),
    ("unlink one of two names", [("unlink", "h1"), ("stat", "h2"), ("unlink", "h2")]),
    ("unlink what cannot be", [("unlink", "d"), ("unlink", "none"), ("unlink", "f/x")]),
    ("unlink of a symlink, a fifo, a device", [("unlink", "sd"), ("unlink", "p"), ("unlink", "c"),
                                               ("list", "d")]),
    ("rmdir", [("rmdir", "e"), ("stat", "e"), ("stat", "")]),
    ("rmdir of what cannot be", [("rmdir", "d"), ("rmdir", "f"), ("rmdir", "sd"), ("rmdir", "none"),
                                 ("rmdir", "d/sub/.")]),
    ("a tree removed from below", [("rmdir", "d/sub"), ("unlink", "d/x"), ("rmdir", "d")]),
]

RENAMES: list[Case] = [
    ("rename", [("rename", "f", "new"), ("stat", "new"), ("stat", "f")]),
    ("rename over a file", [("rename", "f", "f2"), ("read", "f2"), ("stat", "f")]),
    ("rename over another name of the same file", [("rename", "h1", "h2"), ("stat", "h1")]),
    ("rename over one of two names", [("rename", "f", "h1"), ("stat", "h2")]),
    ("rename into a directory", [("rename", "f", "d/f"), ("stat", "d/f"), ("rename", "d/x", "x2")]),
    ("rename of a directory between directories",
     [("rename", "d/sub", "e/sub"), ("stat", "d"), ("stat", "e"), ("list", "e/sub/..")]),
    ("rename of a directory over an empty one", [("rename", "d/sub", "e"), ("stat", "d"),
                                                 ("stat", ""), ("stat", "e")]),
    ("rename of a directory over an empty one beside it", [("rename", "gd", "e"), ("stat", "")]),
    ("rename of a directory over a full one", [("rename", "e", "d")]),
    ("rename of a directory over a file, and back", [("rename", "e", "f"), ("rename", "f", "e")]),
    ("rename of a directory into itself", [("rename", "d", "d/sub/d"), ("rename", "d", "d/new")]),
    ("rename of a directory over its parent", [("rename", "d/sub", "d")]),
    ("rename to itself", [("rename", "f", "f"), ("rename", "d", "d")]),
    ("rename of nothing", [("rename", "none", "new"), ("rename", "f", "nodir/f")]),
    ("rename of symlinks and special files", [("rename", "s", "p"), ("rename", "c", "sd"),
                                              ("stat", "sd"), ("readlink", "p")]),
    ("rename NOREPLACE", [("rename", "f", "f2", NOREPLACE), ("rename", "f", "new", NOREPLACE),
                          ("rename", "e", "d", NOREPLACE)]),
    ("rename EXCHANGE of files", [("rename", "f", "f2", EXCHANGE), ("read", "f2"),
                                  ("rename", "f", "none", EXCHANGE)]),
    ("rename EXCHANGE between directories", [("rename", "f", "d/x", EXCHANGE), ("read", "d/x")]),
    ("rename EXCHANGE of a file with a directory",
     [("rename", "f", "d/sub", EXCHANGE), ("stat", "f"), ("stat", "d"), ("stat", ""),
      ("read", "d/sub")]),
    ("rename EXCHANGE of directories",
     [("rename", "d/sub", "e", EXCHANGE), ("stat", "d"), ("create", "e/k"), ("list", "d/sub")]),
    ("rename EXCHANGE with an ancestor", [("rename", "d", "d/sub", EXCHANGE)]),
    ("rename NOREPLACE with EXCHANGE", [("rename", "f", "f2", NOREPLACE | EXCHANGE)]),
]

ATTRIBUTES: list[Case] = [
    ("chmod", [("chmod", "f", 0o7777), ("stat", "f"), ("chmod", "d", 0o700), ("stat", "d")]),
    ("chmod through a symlink", [("chmod", "s", 0o600), ("stat", "f"), ("chmod", "dangling", 0o6)]),
    ("chmod changes the ACL's mask", [("setxattr", "f", ACCESS, NAMED), ("stat", "f"),
                                      ("chmod", "f", 0o751), ("getxattr", "f", ACCESS),
                                      ("stat", "f")]),
    ("chown", [("chown", "f", 5, 6), ("stat", "f"), ("chown", "f", -1, 7), ("stat", "f"),
               ("chown", "s", 8, 9), ("stat", "s"), ("stat", "f")]),
    ("chown takes setuid and setgid away", [("chown", "su", 5, -1), ("stat", "su"),
                                            ("chown", "sg", -1, 6), ("stat", "sg")]),
    ("chown of a setgid directory", [("chown", "gd", 5, 6), ("stat", "gd")]),
    ("times", [("times", "f", 1, 2 * NS + 3), ("times", "d", 0, 0), ("times", "s", 5 * NS, 6),
               ("times", "f", -5 * NS, 4_000_000_000 * NS)]),
    ("times beyond what a lower holds", [("times", "f", 30_000_000_000 * NS, -10_000_000_000 * NS)]),
    ("times, one omitted", [("time_omit", "f", 77 * NS)]),
    ("touch", [("touch", "f"), ("touch", "d"), ("touch", "s")]),
    ("truncate", [("truncate", "f", 10), ("read", "f"), ("truncate", "f", 100_000), ("read", "f"),
                  ("truncate", "f", 0), ("stat", "f")]),
    ("truncate to the same size", [("truncate", "f", 200), ("stat", "f")]),
    ("truncate of what is none", [("truncate", "d", 0), ("truncate", "none", 0)]),
    ("truncate takes setuid away", [("write", "su", 0, b"x" * 10), ("chmod", "su", 0o6755),
                                    ("truncate", "su", 5), ("stat", "su")]),
    ("truncate to a very large size", [("truncate", "f", 1 << 40), ("stat", "f"),
                                       ("read", "f", (1 << 40) - 5), ("truncate", "f", 1)]),
    ("truncate beyond every limit", [("truncate", "f", (1 << 63) - 1), ("stat", "f"),
                                       ("truncate", "f", 1)]),
    ("stat", [("stat", ""), ("stat", "f"), ("stat", "d"), ("stat", "s"), ("stat", "p"),
              ("stat", "c"), ("stat", "none"), ("stat", "f/x"), ("namemax",)]),
]

XATTRS: list[Case] = [
    ("setxattr", [("setxattr", "f", "user.n", b"v"), ("getxattr", "f", "user.n"),
                  ("setxattr", "f", "user.n", b"longer value"), ("getxattr", "f", "user.n"),
                  ("setxattr", "f", "user.empty", b""), ("getxattr", "f", "user.empty")]),
    ("setxattr with CREATE and REPLACE",
     [("setxattr", "x", "user.a", b"2", os.XATTR_CREATE),
      ("setxattr", "x", "user.b", b"2", os.XATTR_CREATE),
      ("setxattr", "x", "user.c", b"2", os.XATTR_REPLACE),
      ("setxattr", "x", "user.a", b"3", os.XATTR_REPLACE), ("listxattr", "x")]),
    ("removexattr", [("removexattr", "x", "user.a"), ("removexattr", "x", "user.a"),
                     ("removexattr", "x", "trusted.t"), ("listxattr", "x")]),
    ("getxattr into buffers of every size",
     [("getxattr_into", "x", "user.a", n) for n in (0, 1, 2, 3, 4)]),
    ("listxattr into buffers of every size",
     [("listxattr_into", "x", n) for n in (0, 1, 6, 7, 8, 16, 17, 18, 4096)]),
    ("xattr names that are none", [("setxattr", "f", "user.", b"v"), ("setxattr", "f", "odd.n", b"v"),
                                   ("setxattr", "f", "system.odd", b"v"), ("getxattr", "f", "odd.n"),
                                   ("setxattr", "f", "user." + "n" * 250, b"v"),
                                   ("setxattr", "f", "user." + "n" * 251, b"v"),
                                   ("getxattr", "f", "user.none"), ("getxattr", "none", "user.a")]),
    ("xattrs where user ones are not", [("setxattr", "s", "user.n", b"v"),
                                        ("setxattr", "p", "user.n", b"v"),
                                        ("setxattr", "s", "trusted.n", b"v"),
                                        ("setxattr", "d", "user.n", b"v"), ("listxattr", "s")]),
    ("an xattr of 2000 bytes", [("setxattr", "f", "user.n", b"v" * 2000),
                                ("getxattr", "f", "user.n")]),
    ("an xattr above 64 KiB", [("setxattr", "f", "user.n", b"v" * 65537)]),
    ("file capabilities, lost by a write",
     [("setxattr", "f", "security.capability", bytes.fromhex("0100000200040000000000000000000000000000")),
      ("getxattr", "f", "security.capability"), ("write", "f", 0, b"x"),
      ("getxattr", "f", "security.capability")]),
    ("file capabilities, lost by chown",
     [("setxattr", "f", "security.capability", bytes.fromhex("0100000200040000000000000000000000000000")),
      ("chown", "f", 5, 5), ("getxattr", "f", "security.capability")]),
    ("an access ACL", [("setxattr", "f", ACCESS, NAMED), ("stat", "f"), ("getxattr", "f", ACCESS),
                       ("listxattr", "f"), ("removexattr", "f", ACCESS), ("stat", "f"),
                       ("listxattr", "f")]),
    ("an access ACL that is but a mode", [("setxattr", "f", ACCESS, MINIMAL), ("stat", "f"),
                                          ("listxattr", "f")]),
    ("a default ACL", [("setxattr", "d", DEFAULT, NAMED), ("listxattr", "d"),
                       ("setxattr", "f", DEFAULT, NAMED), ("removexattr", "d", DEFAULT),
                       ("removexattr", "d", DEFAULT), ("listxattr", "d")]),
    ("ACLs that are none", [("setxattr", "f", ACCESS, b"junk"), ("setxattr", "f", ACCESS, b""),
                            ("setxattr", "f", ACCESS, acl((ACL_USER, 7, 5))),
                            ("setxattr", "f", ACCESS, acl((ACL_USER_OBJ, 9), (ACL_GROUP_OBJ, 0),
                                                          (ACL_OTHER, 0)))]),
    ("an ACL of many entries",
     [("setxattr", "f", ACCESS, acl((ACL_USER_OBJ, 6), *((ACL_USER, 4, uid) for uid in range(n)),
                                    (ACL_GROUP_OBJ, 4), (ACL_MASK, 4), (ACL_OTHER, 0)))
      for n in (100, 600, 6000, 8187)] + [("stat", "f"), ("listxattr", "f")]),
    ("an ACL of a symlink", [("setxattr", "s", ACCESS, NAMED), ("getxattr", "s", ACCESS)]),
    ("an ACL takes setgid away from others", [("setxattr", "sg", ACCESS, NAMED), ("stat", "sg")]),
]

DATA: list[Case] = [
    ("write", [("write", "f", 5, b"abc"), ("read", "f"), ("write", "f", 200, b"end"), ("read", "f")]),
    ("write far behind the end", [("write", "f", 1 << 20, b"far"), ("stat", "f"),
                                  ("read", "f", 190, 20), ("read", "f", (1 << 20) - 3, 10)]),
    ("write of nothing", [("write", "f", 7, b""), ("stat", "f")]),
    ("write of 5 MiB at once", [("write", "f", 3, bytes(range(256)) * 20480), ("stat", "f"),
                                ("read", "f", 4_000_000, 300)]),
    ("writev of odd pieces", [("writev", "f", 1, b"a" * 4095, b"", b"b" * 4097, b"c"),
                              ("read", "f")]),
    ("append", [("append", "f", b"tail"), ("append", "f", b"tail2"), ("read", "f", 195)]),
    ("write takes setuid and setgid away", [("write", "su", 0, b"x"), ("stat", "su"),
                                            ("write", "sg", 0, b"x"), ("stat", "sg")]),
    ("write with O_SYNC, O_DSYNC", [("write", "f", 0, b"x", os.O_SYNC),
                                    ("write", "f", 1, b"y", os.O_DSYNC), ("read", "f")]),
    ("write with O_TRUNC", [("write", "f", 0, b"x", os.O_TRUNC), ("read", "f")]),
    ("open in odd ways", [("open", "d", os.O_WRONLY), ("open", "d", os.O_RDONLY),
                          ("open", "f", os.O_DIRECTORY), ("open", "s", os.O_NOFOLLOW),
                          ("open", "d", os.O_CREAT), ("open", "f", os.O_CREAT | os.O_EXCL),
                          ("open", "sd", os.O_DIRECTORY), ("open", "none", os.O_RDWR),
                          ("open", "c", os.O_RDWR)]),
    ("read", [("read", "f", 3, 4), ("read", "f", 198, 10), ("read", "f", 500, 10), ("read", "d"),
              ("read", "s")]),
    ("seek for data and holes", [("truncate", "f", 0), ("write", "f", 1 << 20, b"x" * 4096),
                                 ("fsync", "f"), ("seek", "f", 0, os.SEEK_END),
                                 ("seek", "f", 2 << 20, os.SEEK_DATA),
                                 ("seek", "f", (1 << 20) + 4096, os.SEEK_HOLE),
                                 ("seek", "f", -1, os.SEEK_SET)]),
    ("fsync", [("fsync", "f"), ("fsync", "f", True), ("fsync", "d")]),
    ("sendfile", [("create", "copy"), ("sendfile", "f", "copy", 200), ("read", "copy")]),
    ("mmap for reading", [("map_read", "f", 150)]),
    ("RLIMIT_FSIZE", [("limited_write", "f", 100, 90, b"x" * 20), ("limited_write", "f", 100, 100, b"x"),
                      ("limited_write", "f", 100, 150, b"x"), ("stat", "f")]),
    ("write at the largest offset", [("write", "f", (1 << 63) - 2, b"xx"),
                                     ("write", "f", (1 << 63) - 4096, b"x"), ("stat", "f"),
                                     ("truncate", "f", 1)]),
    ("a file in use without a name",
     [("keep", "k", "f"), ("unlink", "f"), ("keep_stat", "k"), ("keep_write", "k", 2, b"XYZ"),
      ("keep_read", "k", 0, 10), ("keep_chmod", "k", 0o600), ("keep_truncate", "k", 5),
      ("keep_stat", "k"), ("keep_setxattr", "k", "user.z", b"v"), ("create", "f"),
      ("keep_read", "k", 0, 10), ("drop", "k"), ("stat", "f")]),
    ("a file in use, replaced by rename",
     [("keep", "k", "f2"), ("rename", "f", "f2"), ("keep_write", "k", 0, b"old"),
      ("keep_read", "k", 0, 10), ("read", "f2"), ("keep_stat", "k"), ("drop", "k")]),
    ("a file with two names in use", [("keep", "k", "h1"), ("unlink", "h1"), ("keep_stat", "k"),
                                      ("keep_write", "k", 0, b"w"), ("read", "h2"), ("drop", "k")]),
]

# XFS moves no time, ext4 mtime and ctime, harp on any lower ctime.
TIMES_DIFFER = {"truncate to the same size"}

# Done as uid 1000 without groups or capabilities.
RIGHTS: list[Case] = [
    ("create where one may not", [("create", "new"), ("mkdir", "new"), ("symlink", "a", "new"),
                                  ("create", "u/new"), ("stat", "u/new"), ("mkdir", "u/d")]),
    ("create in another group's setgid directory", [("create", "gd/x", 0o2777), ("stat", "gd/x"),
                                                    ("mkdir", "gd/d"), ("stat", "gd/d")]),
    ("read and write where one may not", [("access", "f", os.R_OK), ("access", "f", os.W_OK),
                                          ("access", "f2", os.R_OK), ("access", "u/mine", os.W_OK)]),
    ("an ACL lets in", [("setxattr", "u/mine", ACCESS,
                         acl((ACL_USER_OBJ, 0), (ACL_USER, 6, 1001), (ACL_GROUP_OBJ, 0),
                             (ACL_MASK, 6), (ACL_OTHER, 4))),
                        ("access", "u/mine", os.R_OK), ("stat", "u/mine")]),
    ("chmod, chown of others' files", [("chmod", "f", 0o777), ("chown", "f", USER, USER),
                                       ("times", "f", 0, 0), ("touch", "f"), ("truncate", "f", 0),
                                       ("setxattr", "f", "user.n", b"v"),
                                       ("setxattr", "f", ACCESS, NAMED)]),
    ("chmod, chown of one's own", [("chmod", "u/mine", 0o6755), ("stat", "u/mine"),
                                   ("chown", "u/mine", -1, 77), ("chown", "u/mine", 77, -1),
                                   ("chown", "u/mine", USER, USER), ("stat", "u/mine")]),
    ("the sticky bit", [("unlink", "t/roots"), ("rename", "t/roots", "t/mine"), ("create", "t/m"),
                        ("rename", "t/m", "t/roots"), ("unlink", "t/m")]),
    ("remove where one may not", [("unlink", "f"), ("rmdir", "e"), ("rename", "u/mine", "mine"),
                                  ("rename", "f", "u/f"), ("link", "f2", "u/f2")]),
    ("a write takes setuid away", [("chmod", "u/mine", 0o6775), ("write", "u/mine", 0, b"x"),
                                   ("stat", "u/mine")]),
    ("mknod of a device", [("mknod", "u/c", stat.S_IFCHR | 0o600, 1, 3),
                           ("mknod", "u/p", stat.S_IFIFO | 0o600)]),
]


Times = dict[int, tuple[str, tuple[int, int, int]]]
Moves = dict[str, tuple[bool, ...]]


def times_of(root: Path) -> Times:
    """By inode: a name it has, and its times."""
    found: Times = {}
    for name, path in [(".", root), *walk(root)]:
        st = os.lstat(path)
        found.setdefault(st.st_ino, (name, (st.st_atime_ns, st.st_mtime_ns, st.st_ctime_ns)))
    return found


def moved(before: Times, after: Times) -> Moves:
    """Which of atime, mtime, ctime moved, by the name that the file had before."""
    return {name: tuple(a != b for a, b in zip(times, after[ino][1]))
            for ino, (name, times) in before.items() if ino in after}


def same_moves(harp: Moves, bare: Moves) -> str:
    """A lower may give an inode number again: only files that both still have count."""
    both = harp.keys() & bare.keys()
    return difference({k: harp[k] for k in both}, {k: bare[k] for k in both})


def swapped(kind: str, ops: list[Op], answers: list[Result]) -> set[str]:
    """What RENAME_EXCHANGE has swapped on an XFS, by the names before it."""
    return {name for op, answer in zip(ops, answers) for name in op[1:3]
            if kind == "xfs" and answer[0] == "ok" and op[0] == "rename" and
            op[3:] == (EXCHANGE,)}


def as_on_ext4(bare: Moves, harp: Moves, names: set[str]) -> Moves:
    """The moves of an XFS as if it had exchanged these in ext4's way, which is harp's on any
    lower: the ctime of both moves, as in every other rename, and no mtime (XFS leaves both,
    but for directories that change their parent, whose mtime it changes as well)."""
    return {k: (v[0], v[1] and harp[k][1], True) if k in names and k in harp else v
            for k, v in bare.items()}


class Pair:
    """The same directory on harp and on a bare lower of its kind."""

    def __init__(self, kind: str, harp: Path, bare: Path) -> None:
        self.kind, self.roots = kind, (harp, bare)

    def case(self, number: int, title: str, ops: list[Op], as_user: bool) -> None:
        answers, trees, times = [], [], []
        for base in self.roots:
            root = base / f"case{number}"
            root.mkdir()
            root.chmod(0o755)
            subject = Subject(root)
            for op in fixture(ops):
                kind, value = subject.do(op)
                if kind != "ok":
                    raise RuntimeError(f"fixture {op} on {base}: {value}")
            before = times_of(root)
            tick()
            do = subject.do_as_user if as_user else subject.do
            answers.append([do(op) for op in ops])
            subject.close()
            times.append(moved(before, times_of(root)))
            trees.append(tree(root))
        for op, one, two in zip(ops, *answers):
            if not agree(op, one, two):
                raise AssertionError(f"{op!r:.200}: harp {one!r:.300}, lower {two!r:.300}")
        bad = difference(*trees)
        if title not in TIMES_DIFFER:
            names = swapped(self.kind, ops, answers[1])
            bad = bad or same_moves(times[0], as_on_ext4(times[1], times[0], names))
        if bad:
            raise AssertionError("harp, lower:\n" + bad)
        for base in self.roots:
            shutil.rmtree(base / f"case{number}")


GROUPS: list[tuple[str, list[Case], bool]] = [
    ("names", NAMES, False), ("renames", RENAMES, False), ("attributes", ATTRIBUTES, False),
    ("xattrs", XATTRS, False), ("data", DATA, False), ("rights", RIGHTS, True),
]


def on(kind: str, t: Ktap) -> None:
    os.umask(0o022)
    bare = BASE / "bare"
    make_fs(disks()[2], kind)
    mount_lower(disks()[2], bare, kind)
    try:
        with Rig(kind) as rig:
            pair = Pair(kind, rig.p.mnt, bare)
            number = 0
            for group, cases, as_user in GROUPS:
                for title, ops in cases:
                    number += 1
                    t.run(f"{kind}: {group}: {title}",
                          lambda n=number, i=title, o=ops, u=as_user:
                          pair.case(n, i, o, u))
            t.run(f"{kind}: after all this both copies are equal", lambda: same_copies(rig))
    finally:
        umount(bare)


def main() -> int:
    kinds = sys.argv[1:] or ["ext4", "xfs"]
    count = sum(len(cases) for _, cases, _ in GROUPS) + 1
    t = Ktap(count * len(kinds))
    if len(disks()) < 3:
        for _ in range(count * len(kinds)):
            t.run("same as the lower", lambda: (_ for _ in ()).throw(Skip("needs three disks")))
        return t.end()
    for kind in kinds:
        on(kind, t)
    return t.end()


if __name__ == "__main__":
    sys.exit(main())
