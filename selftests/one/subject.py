# SPDX-License-Identifier: GPL-2.0
"""Operations on a directory that answer with a value to compare.

A Subject is a root directory; an operation is a tuple (name, argument…), with paths
relative to the root. do() answers ("ok", value) or ("error", errno name), the same on
every file system that behaves the same.
"""
from __future__ import annotations

import ctypes
import errno
import os
import resource
import signal
import stat
import struct
import time
from pathlib import Path
from typing import Any

from one import LIBC, errno_name, libc, xattrs

Op = tuple[Any, ...]
Result = tuple[str, Any]

AT_FDCWD = -100
CLOCK_REALTIME_COARSE = 5       # not in the time module
NOREPLACE, EXCHANGE, WHITEOUT = 1, 2, 4
USER, GROUP = 1000, 1000
ACL_USER_OBJ, ACL_USER, ACL_GROUP_OBJ, ACL_GROUP, ACL_MASK, ACL_OTHER = 1, 2, 4, 8, 16, 32
ACCESS, DEFAULT = "system.posix_acl_access", "system.posix_acl_default"


def acl(*entries: tuple[int, int] | tuple[int, int, int]) -> bytes:
    """An ACL in the kernel's xattr form: (tag, permissions[, id])…"""
    out = struct.pack("<I", 2)
    for entry in entries:
        tag, perm, who = (*entry, 0xffffffff)[:3]
        out += struct.pack("<HHI", tag, perm, who)
    return out


MINIMAL = acl((ACL_USER_OBJ, 7), (ACL_GROUP_OBJ, 5), (ACL_OTHER, 1))
NAMED = acl((ACL_USER_OBJ, 6), (ACL_USER, 7, USER), (ACL_GROUP_OBJ, 4), (ACL_MASK, 6),
            (ACL_OTHER, 0))


def tick() -> None:
    """Until the clock that file times are taken from has moved on."""
    begin = time.clock_gettime_ns(CLOCK_REALTIME_COARSE)
    while time.clock_gettime_ns(CLOCK_REALTIME_COARSE) <= begin:
        pass


def agree(op: Op, harp: Result, bare: Result) -> bool:
    """rename(2) to a directory that is not empty fails with either, says POSIX: XFS says
    EEXIST, ext4 and harp on any lower ENOTEMPTY."""
    either = {("error", "EEXIST"), ("error", "ENOTEMPTY")}
    return harp == bare or (op[0] == "rename" and harp[0] == bare[0] == "error" and
                            {harp, bare} == either)


class Subject:
    """A root directory, and what was opened there."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.open_files: dict[str, int] = {}

    def at(self, path: str) -> bytes:
        return os.fsencode(str(self.root) + "/" + path if path else str(self.root))

    def do(self, op: Op) -> Result:
        name, *args = op
        try:
            return "ok", getattr(self, "op_" + name)(*args)
        except OSError as error:
            return "error", errno_name(error)

    def do_as_user(self, op: Op) -> Result:
        """As uid 1000: fsuid takes the capabilities that files ask for with it."""
        os.setgroups([])
        LIBC.setfsgid(GROUP)
        LIBC.setfsuid(USER)
        try:
            return self.do(op)
        finally:
            LIBC.setfsuid(0)
            LIBC.setfsgid(0)

    def close(self) -> None:
        for fd in self.open_files.values():
            os.close(fd)
        self.open_files.clear()

    # ------------------------------------------------------------------ names

    def op_create(self, path: str, mode: int = 0o644, flags: int = os.O_EXCL) -> None:
        os.close(os.open(self.at(path), os.O_CREAT | os.O_WRONLY | flags, mode))

    def op_mkdir(self, path: str, mode: int = 0o755) -> None:
        os.mkdir(self.at(path), mode)

    def op_mknod(self, path: str, mode: int, major: int = 0, minor: int = 0) -> None:
        os.mknod(self.at(path), mode, os.makedev(major, minor))

    def op_symlink(self, target: str, path: str) -> None:
        os.symlink(target, self.at(path))

    def op_link(self, old: str, new: str) -> None:
        os.link(self.at(old), self.at(new), follow_symlinks=False)

    def op_unlink(self, path: str) -> None:
        os.unlink(self.at(path))

    def op_rmdir(self, path: str) -> None:
        os.rmdir(self.at(path))

    def op_rename(self, old: str, new: str, flags: int = 0) -> None:
        if flags:
            libc("renameat2", AT_FDCWD, self.at(old), AT_FDCWD, self.at(new), flags)
        else:
            os.rename(self.at(old), self.at(new))

    def op_readlink(self, path: str) -> bytes:
        return os.readlink(self.at(path))

    def op_list(self, path: str) -> list[tuple[bytes, bool]]:
        with os.scandir(self.at(path)) as entries:
            return sorted((e.name, e.is_dir(follow_symlinks=False)) for e in entries)

    # ------------------------------------------------------------- attributes

    def op_stat(self, path: str) -> tuple[Any, ...]:
        st = os.lstat(self.at(path))
        size = 0 if stat.S_ISDIR(st.st_mode) else st.st_size
        return oct(st.st_mode), st.st_nlink, st.st_uid, st.st_gid, size, st.st_rdev

    def op_chmod(self, path: str, mode: int) -> None:
        os.chmod(self.at(path), mode)

    def op_chown(self, path: str, uid: int, gid: int) -> None:
        os.chown(self.at(path), uid, gid, follow_symlinks=False)

    def op_times(self, path: str, atime_ns: int, mtime_ns: int) -> tuple[int, int]:
        os.utime(self.at(path), ns=(atime_ns, mtime_ns), follow_symlinks=False)
        st = os.lstat(self.at(path))
        return st.st_atime_ns, st.st_mtime_ns

    def op_touch(self, path: str) -> bool:
        os.utime(self.at(path), follow_symlinks=False)
        return abs(os.lstat(self.at(path)).st_mtime - time.time()) < 60

    def op_time_omit(self, path: str, atime_ns: int) -> int:
        """utimensat() with UTIME_OMIT for mtime."""
        spec = (ctypes.c_long * 4)(atime_ns // 10**9, atime_ns % 10**9, 0, (1 << 30) - 2)
        libc("utimensat", AT_FDCWD, self.at(path), spec, 0x100)
        return os.lstat(self.at(path)).st_atime_ns

    def op_truncate(self, path: str, size: int) -> int:
        os.truncate(self.at(path), size)
        return os.stat(self.at(path)).st_size

    def op_access(self, path: str, mode: int) -> None:
        # access(2) asks for the real uid; a real open or lookup is what is meant here.
        flags = {os.R_OK: os.O_RDONLY, os.W_OK: os.O_WRONLY}[mode]
        os.close(os.open(self.at(path), flags | os.O_NONBLOCK))

    def op_namemax(self) -> int:
        return os.statvfs(self.root).f_namemax

    # ------------------------------------------------------------------ xattrs

    def op_setxattr(self, path: str, name: str, value: bytes, flags: int = 0) -> None:
        os.setxattr(self.at(path), name, value, flags, follow_symlinks=False)

    def op_getxattr(self, path: str, name: str) -> bytes:
        return os.getxattr(self.at(path), name, follow_symlinks=False)

    def op_listxattr(self, path: str) -> list[str]:
        return sorted(n for n in os.listxattr(self.at(path), follow_symlinks=False))

    def op_listxattr_into(self, path: str, size: int) -> int:
        return libc("llistxattr", self.at(path), ctypes.create_string_buffer(max(size, 1)), size)

    def op_getxattr_into(self, path: str, name: str, size: int) -> int:
        buf = ctypes.create_string_buffer(max(size, 1))
        return libc("lgetxattr", self.at(path), name.encode(), buf, size)

    def op_removexattr(self, path: str, name: str) -> None:
        os.removexattr(self.at(path), name, follow_symlinks=False)

    # -------------------------------------------------------------------- data

    def op_open(self, path: str, flags: int, mode: int = 0o644) -> None:
        os.close(os.open(self.at(path), flags, mode))

    def op_write(self, path: str, offset: int, data: bytes, flags: int = 0) -> int:
        fd = os.open(self.at(path), os.O_WRONLY | flags)
        try:
            return os.pwrite(fd, data, offset)
        finally:
            os.close(fd)

    def op_append(self, path: str, data: bytes) -> int:
        fd = os.open(self.at(path), os.O_WRONLY | os.O_APPEND)
        try:
            return os.write(fd, data)
        finally:
            os.close(fd)

    def op_writev(self, path: str, offset: int, *parts: bytes) -> int:
        fd = os.open(self.at(path), os.O_WRONLY)
        try:
            return os.pwritev(fd, parts, offset)
        finally:
            os.close(fd)

    def op_read(self, path: str, offset: int = 0, size: int = 1 << 20) -> bytes:
        fd = os.open(self.at(path), os.O_RDONLY)
        try:
            return os.pread(fd, size, offset)
        finally:
            os.close(fd)

    def op_seek(self, path: str, offset: int, whence: int) -> int:
        fd = os.open(self.at(path), os.O_RDONLY)
        try:
            return os.lseek(fd, offset, whence)
        finally:
            os.close(fd)

    def op_fsync(self, path: str, data_only: bool = False) -> None:
        fd = os.open(self.at(path), os.O_RDONLY)
        try:
            (os.fdatasync if data_only else os.fsync)(fd)
        finally:
            os.close(fd)

    def op_sendfile(self, source: str, target: str, size: int) -> int:
        """Through a pipe: splice out of one file and into another."""
        one = os.open(self.at(source), os.O_RDONLY)
        two = os.open(self.at(target), os.O_WRONLY)
        try:
            return os.sendfile(two, one, 0, size)
        finally:
            os.close(one)
            os.close(two)

    def op_map_read(self, path: str, size: int) -> bytes:
        import mmap
        with open(self.at(path), "rb") as f, \
                mmap.mmap(f.fileno(), size, mmap.MAP_PRIVATE, mmap.PROT_READ) as m:
            return m[:size]

    def op_limited_write(self, path: str, limit: int, offset: int, data: bytes) -> int:
        """With RLIMIT_FSIZE."""
        old = resource.getrlimit(resource.RLIMIT_FSIZE)
        was = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, old[1]))
        try:
            return self.op_write(path, offset, data)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, old)
            signal.signal(signal.SIGXFSZ, was)

    # ------------------------------------------------------- files kept open

    def op_keep(self, key: str, path: str, flags: int = os.O_RDWR) -> None:
        fd = os.open(self.at(path), flags)
        if key in self.open_files:
            os.close(self.open_files[key])
        self.open_files[key] = fd

    def op_keep_write(self, key: str, offset: int, data: bytes) -> int:
        return os.pwrite(self.kept(key), data, offset)

    def op_keep_read(self, key: str, offset: int, size: int) -> bytes:
        return os.pread(self.kept(key), size, offset)

    def op_keep_stat(self, key: str) -> tuple[Any, ...]:
        st = os.fstat(self.kept(key))
        return oct(st.st_mode), st.st_nlink, st.st_uid, st.st_gid, st.st_size

    def op_keep_chmod(self, key: str, mode: int) -> None:
        os.fchmod(self.kept(key), mode)

    def op_keep_truncate(self, key: str, size: int) -> None:
        os.ftruncate(self.kept(key), size)

    def op_keep_setxattr(self, key: str, name: str, value: bytes) -> dict[str, bytes]:
        os.setxattr(self.kept(key), name, value)
        return {n: os.getxattr(self.kept(key), n) for n in os.listxattr(self.kept(key))}

    def op_drop(self, key: str) -> None:
        fd = self.kept(key)
        del self.open_files[key]
        os.close(fd)

    def kept(self, key: str) -> int:
        if key not in self.open_files:
            raise OSError(errno.EBADF, "not open")
        return self.open_files[key]

    def xattrs(self, path: str) -> dict[str, bytes]:
        return xattrs(os.fsdecode(self.at(path)))
