# SPDX-License-Identifier: GPL-2.0
"""What every part of the lab uses: places, progress, commands, the cache."""

from __future__ import annotations

import contextlib
import fcntl
import fnmatch
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[3]
LAB_D = ROOT / "scripts" / "lab.d"
OUT = ROOT / "out"

# Days for which a cache entry that nothing asks for any more is kept.
KEEP_DAYS = 14

# Debian package of each program the lab calls, so that what is missing can be
# named in a way a person can act on.
PACKAGE_OF = {
    "apt-get": "apt",
    "bc": "bc",
    "bison": "bison",
    "depmod": "kmod",
    "dpkg-deb": "dpkg",
    "flex": "flex",
    "gcc": "build-essential",
    "ip": "iproute2",
    "make": "build-essential",
    "mkfs.ext4": "e2fsprogs",
    "mmdebstrap": "mmdebstrap",
    "nft": "nftables",
    "nsenter": "util-linux",
    "qemu-system-x86_64": "qemu-system-x86",
    "rsync": "rsync",
    "tar": "tar",
    "tcpdump": "tcpdump",
    "unshare": "util-linux",
    "xz": "xz-utils",
    "zstd": "zstd",
}


class LabError(Exception):
    """Something a person has to know; printed without a traceback."""


def cache_dir() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    path = Path(base) / "harp"
    path.mkdir(parents=True, exist_ok=True)
    return path


def run_dir() -> Path:
    """Where running labs keep their sockets: short paths, for sun_path."""
    path = Path("/run/harp-lab" if os.geteuid() == 0
                else f"/tmp/harp-lab-{os.getuid()}")
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def need(*tools: str) -> None:
    """Refuse, naming the packages, when programs are not installed."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    missing = [t for t in tools if not shutil.which(t, path=path)]
    if missing:
        names = sorted({PACKAGE_OF.get(t, t) for t in missing})
        raise LabError(f"not installed: {', '.join(missing)}; "
                       f"run: apt-get install {' '.join(names)}")
    if "/usr/sbin" not in os.environ.get("PATH", "").split(":"):
        os.environ["PATH"] = path


def need_root(what: str) -> None:
    if os.geteuid() != 0:
        raise LabError(f"{what} needs root: run it with sudo")


def say(text: str) -> None:
    print(f"lab: {text}", file=sys.stderr, flush=True)


class Progress:
    """Tells that a long step is alive: a moving line on a terminal, a line
    now and then elsewhere, and nothing at all for steps under two seconds."""

    def __init__(self, what: str, detail: Callable[[], str] | None = None):
        self._what = what
        self._detail = detail
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._start = time.monotonic()
        self._tty = sys.stderr.isatty()
        self._shown = False

    def _line(self) -> str:
        text = f"lab: {self._what} … {time.monotonic() - self._start:.0f} s"
        detail = self._detail() if self._detail else ""
        return f"{text} ({detail})" if detail else text

    def _loop(self) -> None:
        if self._stop.wait(2):
            return
        self._shown = True
        while True:
            if self._tty:
                sys.stderr.write("\r\033[K" + self._line()[:110])
            else:
                sys.stderr.write(self._line() + "\n")
            sys.stderr.flush()
            if self._stop.wait(1 if self._tty else 20):
                return

    def __enter__(self) -> Progress:
        self._thread.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        if not self._shown:
            return
        took = time.monotonic() - self._start
        end = "failed after" if kind else "done in"
        lead = "\r\033[K" if self._tty else ""
        sys.stderr.write(f"{lead}lab: {self._what}: {end} {took:.0f} s\n")
        sys.stderr.flush()


def die_with_parent() -> None:
    """preexec: a child must not outlive the lab, however the lab ends."""
    import ctypes
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def autogroup() -> str:
    """How nice this session is to others (sched(7), autogroup): a new session is
    to be as nice; "" where the kernel knows no such thing."""
    try:
        return Path("/proc/self/autogroup").read_text().split()[-1]
    except (OSError, IndexError):
        return ""


def set_autogroup(nice: str) -> None:
    """preexec, in a session of its own; @nice: what autogroup() said."""
    if nice:
        Path("/proc/self/autogroup").write_text(nice)


def run(cmd: Sequence[str | Path], what: str, *, log: Path | None = None,
        progress: bool = True, detail: Callable[[], str] | None = None,
        input_text: str | None = None, cwd: Path | None = None,
        env: dict[str, str] | None = None, low_priority: bool = False,
        contained: bool = False) -> str:
    """Run a program; its output is the result, or the tail of the error."""
    argv = [str(c) for c in cmd]
    if contained and os.geteuid() == 0:
        # Killing make leaves its children at work; killing the init of their
        # process namespace does not.
        argv = ["unshare", "--pid", "--fork", "--kill-child=KILL", *argv]
    if low_priority:
        argv = ["nice", "-n", "5", *argv]
    with contextlib.ExitStack() as stack:
        out: IO[str] = stack.enter_context(
            open(log, "w+") if log else tempfile.TemporaryFile("w+"))
        if progress:
            stack.enter_context(Progress(what, detail))
        proc = subprocess.Popen(
            argv, stdout=out, stderr=subprocess.STDOUT, cwd=cwd, env=env,
            stdin=subprocess.PIPE if input_text is not None
            else subprocess.DEVNULL, text=True, preexec_fn=die_with_parent)
        try:
            proc.communicate(input_text)
        except BaseException:
            proc.kill()
            proc.wait()
            raise
        out.seek(0)
        text = out.read()
        if proc.returncode:
            tail = "\n".join(text.splitlines()[-25:])
            where = f" (whole log: {log})" if log else ""
            raise LabError(f"{what}: {argv[0]} exited with "
                           f"{proc.returncode}{where}\n{tail}")
    return text


def hash_of(*parts: str | bytes | Path) -> str:
    """Name for a cache entry: files count by content, strings as they are."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            part = part.read_bytes()
        elif isinstance(part, str):
            part = part.encode()
        digest.update(b"%d:" % len(part))
        digest.update(part)
    return digest.hexdigest()[:16]


def hash_tree(*tops: Path, skip: Sequence[str] = ()) -> str:
    """One hash over names, modes and contents below the given paths, but for
    names that match a pattern of `skip`."""
    digest = hashlib.sha256()
    for top in tops:
        files = [top] if top.is_file() else sorted(
            p for p in top.rglob("*") if p.is_file() or p.is_symlink())
        for path in files:
            if any(fnmatch.fnmatch(path.name, pattern) for pattern in skip):
                continue
            name = path.relative_to(top.parent)
            if path.is_symlink():
                body, mode = os.readlink(path).encode(), 0
            else:
                body, mode = path.read_bytes(), path.stat().st_mode & 0o777
            digest.update(f"{name}\0{mode:o}\0{len(body)}\0".encode())
            digest.update(body)
    return digest.hexdigest()[:16]


@contextlib.contextmanager
def lock_file(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with Progress(f"waiting for another lab that makes {path.stem}"):
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _forget(kind: str) -> None:
    """Remove what this entry superseded long ago, and abandoned builds."""
    old = time.time() - KEEP_DAYS * 86400
    for path in (*cache_dir().glob(f"{kind}-????????????????"),
                 *cache_dir().glob(".new-*")):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < old:
                shutil.rmtree(path, ignore_errors=True)


def cached(name: str, build: Callable[[Path], None]) -> Path:
    """The cache entry of this name, made by build(dir) when not there.

    The entry appears by one rename, so an interrupted build leaves nothing
    that a later run could take for whole.
    """
    final = cache_dir() / name
    if final.exists():
        os.utime(final)
        return final
    with lock_file(cache_dir() / "locks" / f"{name}.lock"):
        if final.exists():
            return final
        for stale in cache_dir().glob(f".new-{name}-*"):
            shutil.rmtree(stale, ignore_errors=True)
        work = Path(tempfile.mkdtemp(prefix=f".new-{name}-", dir=cache_dir()))
        try:
            build(work)
            work.chmod(0o755)
            work.rename(final)
            _forget(name.rpartition("-")[0])
        except BaseException:
            shutil.rmtree(work, ignore_errors=True)
            raise
    return final


def parse_size(text: str) -> int:
    """Bytes of a size such as 512M."""
    units = {"K": 10, "M": 20, "G": 30}
    number, unit = (text[:-1], text[-1:].upper()) if text[-1:].isalpha() \
        else (text, "")
    if not number.isdigit() or (unit and unit not in units):
        raise LabError(f"'{text}' is no size: write 512M, 2G or a number")
    return int(number) << units.get(unit, 0)
