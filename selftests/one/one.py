# SPDX-License-Identifier: GPL-2.0
"""Two replicas of a group in one kernel, for the tests of this folder.

Runs inside `scripts/lab uml`. A Rig makes {P,B}: each on a disk of its own, their record
link a socket pair or TCP, the gate on a dummy device. Where a test compares with a bare
lower, that is a third disk made alike.
"""
from __future__ import annotations

import ctypes
import errno
import faulthandler
import fcntl
import os
import stat
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Iterator, Sequence, TypeVar

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE.parent / "tools"), str(HERE.parent / "cluster")]

import harpnl  # noqa: E402
from ktap import Ktap, Skip  # noqa: E402,F401

LIBC = ctypes.CDLL(None, use_errno=True)
BASE = Path("/run/one")
UUID = "4f1c8a1e-6a0b-4f6e-9f0e-0123456789ab"
SYS_FSOPEN, SYS_FSCONFIG, SYS_FSMOUNT, SYS_MOVE_MOUNT = 430, 431, 432, 429
FSCONFIG_SET_FLAG, FSCONFIG_SET_STRING, FSCONFIG_CMD_CREATE = 0, 1, 6
HIDDEN = "trusted.harp."
FID_LAST = (1 << 36) - 1024         # HARP_FID_SLOT_MAX: of which every lower has a row
FIFREEZE, FITHAW = 0xc0045877, 0xc0045878
# A test that hangs says where, before the lab ends it.
faulthandler.dump_traceback_later(float(os.environ.get("HARP_TEST_STUCK", "240")), exit=True)


Titled = TypeVar("Titled", bound="tuple[str, Callable[..., Any]]")


def disks() -> list[str]:
    return os.environ.get("HARP_DISKS", "").split()


def asked_kinds() -> list[str]:
    """The lowers named on the command line, or both."""
    kinds = ["ext4", "xfs"]
    return [kind for kind in kinds if kind in sys.argv[1:]] or kinds


def asked(tests: Sequence[Titled]) -> list[Titled]:
    """The tests of whose title the command line has a word, or all."""
    words = [word for word in sys.argv[1:] if word not in ("ext4", "xfs")]
    return [test for test in tests if not words or any(word in test[0] for word in words)]


def run_asked(tests: Sequence[tuple[str, Callable[[], Any]]]) -> int:
    """Run tests that need nothing of each other; exit status."""
    BASE.mkdir(parents=True, exist_ok=True)
    wanted = asked(tests)
    t = Ktap(len(wanted))
    for title, test in wanted:
        t.run(title, test)
    return t.end()


def run(*args: str | Path, ok: bool = True, **kw: Any) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([str(a) for a in args], text=True, capture_output=True, **kw)
    if ok and done.returncode:
        raise RuntimeError(f"{' '.join(map(str, args))}: {done.stdout}{done.stderr}")
    return done


def libc(name: str, *args: Any) -> int:
    """A C function that answers -1 and errno."""
    result = getattr(LIBC, name)(*args)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return int(result)


def task_state(thread: threading.Thread) -> str:
    """The letter that proc(5) has for it; X when it has ended."""
    try:
        stat_line = Path(f"/proc/self/task/{thread.native_id}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return "X"
    return stat_line.rpartition(")")[2].split()[0]


def parked(*threads: threading.Thread, timeout: float = 30) -> None:
    """Until all of them wait in the module: nothing else waits as TASK_IDLE."""
    end = time.monotonic() + timeout
    for thread in threads:
        while (state := task_state(thread)) != "I":
            assert state != "X", "not parked, but has ended"
            assert time.monotonic() < end, f"not parked, but in state {state}"
            time.sleep(0.01)


def mount(source: str | Path, target: str | Path, kind: str, options: str = "",
          flags: int = 0) -> None:
    Path(target).mkdir(parents=True, exist_ok=True)
    libc("mount", str(source).encode(), str(target).encode(), kind.encode(),
         ctypes.c_ulong(flags), options.encode())


def umount(target: str | Path) -> None:
    libc("umount2", str(target).encode(), 0)


MS_NOATIME = 1024


def make_fs(disk: str, kind: str, small: bool = False, block: int = 0) -> None:
    """The same parameters on every disk of a test; a disk that is discarded first takes
    this kernel ten times as long."""
    if kind == "ext4":
        run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard",
            "-I", "256", *(["-N", "4096"] if small else []),
            *(["-b", str(block)] if block else []), disk)
    elif kind == "xfs":
        run("mkfs.xfs", "-q", "-f", "-K", disk)
    else:
        raise ValueError(kind)


def mount_lower(disk: str, target: Path, kind: str) -> None:
    options = "errors=remount-ro,acl,user_xattr,noinit_itable" if kind == "ext4" else ""
    mount(disk, target, kind, options, MS_NOATIME)


def freeze(path: Path) -> Callable[[], None]:
    """Stop changes of the file system at @path and write all of it back; the call that ends it."""
    fd = os.open(path, os.O_RDONLY)
    fcntl.ioctl(fd, FIFREEZE, 0)

    def thaw() -> None:
        fcntl.ioctl(fd, FITHAW, 0)
        os.close(fd)
    return thaw


def fs_context(kind: str, options: dict[str, str | None] | list[tuple[str, str | None]]
               ) -> tuple[OSError | None, str]:
    """Make a mount by fsopen() but attach it nowhere; its error and the kernel's words, which
    are about this mount and no other. A list can give an option twice."""
    fd = libc("syscall", SYS_FSOPEN, kind.encode(), 1)
    error: OSError | None = None
    try:
        for key, value in options.items() if isinstance(options, dict) else options:
            if value is None:
                libc("syscall", SYS_FSCONFIG, fd, FSCONFIG_SET_FLAG, key.encode(), None, 0)
            else:
                libc("syscall", SYS_FSCONFIG, fd, FSCONFIG_SET_STRING, key.encode(),
                     value.encode(), 0)
        libc("syscall", SYS_FSCONFIG, fd, FSCONFIG_CMD_CREATE, None, None, 0)
    except OSError as caught:
        error = caught
    words = []
    while True:
        try:
            words.append(os.read(fd, 8192).decode(errors="replace").strip())
        except OSError:
            break
    os.close(fd)
    return error, "\n".join(words)


@dataclass
class Member:
    """One replica: its disk, where its lower and its mount are."""
    slot: int
    disk: str
    lower: Path = field(init=False)
    mnt: Path = field(init=False)

    def __post_init__(self) -> None:
        self.lower = BASE / f"lower{self.slot}"
        self.mnt = BASE / f"mnt{self.slot}"

    @property
    def tree(self) -> Path:
        return self.lower / "tree"


class Rig:
    """{P,B}: member 0 is primary, member 1 backup.

    Nobody here changes the view when all of this machine has stood still for two promises
    and no more are given (protocol L2, finding 11): a promise is as long as may be.
    """

    def __init__(self, kind: str = "ext4", region: str = "mem:32M", tcp: str | None = None,
                 promise_ms: int = 10000, group: str = "one", small: bool = False,
                 block: int = 0) -> None:
        if len(disks()) < 2:
            raise Skip("needs two disks in HARP_DISKS")
        self.kind, self.region, self.tcp, self.promise = kind, region, tcp, promise_ms
        self.group, self.small, self.block = group, small, block
        self.members = [Member(0, disks()[0]), Member(1, disks()[1])]
        self.p, self.b = self.members
        self.harp = harpnl.Harp()
        self.touch: harpnl.Touch | None = None

    def options(self, member: Member, init: bool) -> str:
        return (f"group={self.group},uuid={UUID},member={member.slot},inc=1,lineage=7,"
                f"hold=0,region={self.region}" + (",init" if init else ""))

    def __enter__(self) -> Rig:
        try:
            for member in self.members:
                make_fs(member.disk, self.kind, self.small, self.block)
                mount_lower(member.disk, member.lower, self.kind)
                self.mount(member, init=True)
            self.dummy()
            self.touch = harpnl.Touch(*((self.group, m.slot) for m in self.members))
            self.form()
        except BaseException:
            self.__exit__(None)
            raise
        return self

    def mount(self, member: Member, init: bool = False) -> None:
        mount(member.lower, member.mnt, "harp", self.options(member, init))

    @staticmethod
    def dummy() -> None:
        if not Path("/sys/class/net/gate0").exists():
            run("ip", "link", "add", "gate0", "type", "dummy")
        run("ip", "link", "set", "gate0", "up")
        run("ip", "link", "set", "lo", "up")

    def form(self, timeout: float = 30) -> harpnl.State:
        return harpnl.form_view(self.harp, self.group, 0, 1, promise_ms=self.promise,
                                gate="gate0", tcp=self.tcp, timeout=timeout)

    def drop_link(self, slot: int) -> None:
        """A member drops the record link; until both know."""
        self.harp.verb("link-drop", self.group, slot)
        for member in self.members:
            self.harp.wait(self.group, member.slot, lambda s: not s["link_up"])

    def relink(self) -> None:
        harpnl.link(self.harp, self.group, 0, 1, self.tcp)

    def settle(self, timeout: float = 60) -> None:
        """Both have applied everything, and the backup's lower is as the primary's."""
        top = self.harp.get(self.group, 0)["top"]
        for member in self.members:
            self.harp.wait(self.group, member.slot, lambda s: s["ap"] >= top, timeout)

    def let_go(self) -> None:
        """Nothing is served any more: whatever is parked ends with an error."""
        for member in self.members:
            for verb in ("leave", "release"):
                try:
                    self.harp.verb(verb, self.group, member.slot)
                except harpnl.HarpError as error:
                    if error.errno != errno.ENOENT:
                        raise

    def __exit__(self, kind: object, *_: object) -> None:
        if self.touch:
            self.touch.stop()
        if kind:
            self.let_go()
        for member in self.members:
            for step in (lambda m=member: umount(m.mnt),
                         lambda m=member: self.harp.verb("replica-del", self.group, m.slot),
                         lambda m=member: umount(m.lower)):
                try:
                    step()
                except OSError as error:
                    if error.errno not in (2, 22):
                        print(f"# tearing down member {member.slot}: {error}", flush=True)
        self.harp.close()


# ------------------------------------------------------------------ looking at trees

def xattrs(path: str | Path, hidden: bool = False) -> dict[str, bytes]:
    names = os.listxattr(path, follow_symlinks=False)
    return {n: os.getxattr(path, n, follow_symlinks=False) for n in sorted(names)
            if hidden or not n.startswith(HIDDEN)}


def content(path: Path, st: os.stat_result) -> Any:
    if stat.S_ISLNK(st.st_mode):
        return os.readlink(path)
    if stat.S_ISREG(st.st_mode):
        return path.read_bytes()
    return None


def look(path: Path, times: bool, hidden: bool = False) -> tuple[Any, ...]:
    """What there is to see of one file but its identity and its directory's size."""
    st = os.lstat(path)
    size = None if stat.S_ISDIR(st.st_mode) else st.st_size
    when = (st.st_atime_ns, st.st_mtime_ns) if times else ()
    return (oct(st.st_mode), st.st_nlink, st.st_uid, st.st_gid, size, st.st_rdev, when,
            content(path, st), xattrs(path, hidden))


def walk(root: Path) -> Iterator[tuple[str, Path]]:
    stack = [root]
    while stack:
        at = stack.pop()
        for entry in sorted(os.scandir(at), key=lambda e: e.name):
            path = Path(entry.path)
            yield str(path.relative_to(root)), path
            if entry.is_dir(follow_symlinks=False):
                stack.append(path)


def tree(root: Path, times: bool = False, hidden: bool = False,
         skip: tuple[str, ...] = ("lost+found",)) -> dict[str, Any]:
    """Everything below root, and root; hard links by the first name of each inode."""
    first: dict[int, str] = {}
    found: dict[str, Any] = {".": look(root, times, hidden)[:6]}
    for name, path in walk(root):
        if name.split("/")[0] in skip:
            continue
        inode = os.lstat(path).st_ino
        found[name] = (first.setdefault(inode, name), look(path, times, hidden))
    return found


def difference(one: dict[str, Any], two: dict[str, Any]) -> str:
    """The first few differences, for people; empty when there are none."""
    said = []
    for name in sorted(set(one) | set(two)):
        if one.get(name) != two.get(name):
            said.append(f"{name}: {one.get(name, 'missing')!r:.300} != "
                        f"{two.get(name, 'missing')!r:.300}")
    return "\n".join(said[:8])


def same_copies(rig: Rig) -> None:
    """I2, I7: both lowers hold the same, fids included, and nothing is left over."""
    rig.settle()
    bad = difference(tree(rig.p.tree, True, True), tree(rig.b.tree, True, True))
    if bad:
        raise AssertionError("the copies differ:\n" + bad)
    for member in rig.members:
        rig.harp.verb("sync", rig.group, member.slot)
    done = run(HERE.parent / "tools" / "harp-compare", rig.p.lower, rig.b.lower, ok=False)
    if done.returncode:
        raise AssertionError(f"harp-compare: {done.stdout}{done.stderr}")


def errno_name(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, str(error.errno))
