# SPDX-License-Identifier: GPL-2.0
"""One command as root in a User Mode Linux kernel of its own."""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from . import image, kernel, util
from .util import (LabError, OUT, ROOT, autogroup, die_with_parent, need, need_root,
                   parse_size, say, set_autogroup)

TIMED_OUT = 124
KERNEL_FAILED = 125

# What makes a run fail whatever the command's status: reports that do not
# stop the kernel by themselves even with panic_on_warn.
BAD = re.compile(
    r"Kernel panic|BUG: |Oops|general protection fault|-+\[ cut here|"
    r"WARNING: (possible|suspicious|inconsistent|held lock|bad unlock)|"
    r"INFO: (possible|task .* blocked|rcu|trying to register)|"
    r"DEBUG_LOCKS_WARN_ON|refcount_t: |UBSAN: |list_(add|del) corruption|"
    r"MAX_LOCKDEP_\w+ too low|BUG kmalloc|Segmentation fault in kernel|"
    r"unreferenced object")


@dataclasses.dataclass
class Run:
    command: list[str]
    kernel: str = "debug"
    disks: tuple[str, ...] = ()
    mem: str = "1500M"
    timeout: float = 600
    out: Path | None = None
    env: dict[str, str] = dataclasses.field(default_factory=dict)
    kernel_args: tuple[str, ...] = ()
    kmemleak: bool = True
    harp: bool = False


def write_command(out: Path, command: list[str], env: dict[str, str],
                  harp: bool) -> None:
    """What the kernel runs once it is up; `harp`: with $HARP_KO loaded."""
    lines = ["#!/bin/bash"]
    lines += [f"export {k}={shlex.quote(v)}" for k, v in env.items()]
    if harp:
        lines.append('insmod "$HARP_KO" || exit')
    lines.append("exec " + shlex.join(command))
    path = out / ".command"
    path.write_text("\n".join(lines) + "\n")
    path.chmod(0o755)


def disk_name(number: int) -> str:
    """The kernel's name of the disk that was given as ubdN."""
    return f"/dev/ubd{chr(ord('a') + number)}"


def environment(kind: str, harp: bool) -> dict[str, str]:
    """What every command in a kernel finds; `harp`: build the module."""
    env = {"HARP_SRC": "/harp/src", "HARP_OUT": "/harp/out",
           "HARP_LAB": "uml", "HARP_KERNEL": kind, "HOME": "/root",
           "LC_ALL": "C.UTF-8",
           "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"}
    if harp:
        from . import kmod
        env["HARP_KO"] = "/harp/src/" + str(
            kmod.build_for_uml(kind).relative_to(ROOT))
    return env


def check_paths(*paths: Path) -> None:
    if re.search(r"[\s,]", "".join(map(str, (ROOT, *paths)))):
        raise LabError("User Mode Linux takes no path with blanks or commas: "
                       + ", ".join(map(str, (ROOT, *paths))))


def _make_disks(run: Run, where: Path) -> list[Path]:
    paths = []
    for number, size in enumerate(run.disks):
        path = where / f"disk{number}.img"
        if os.sep in size:
            util.run(["cp", "--sparse=always", size, path], f"copying {size}")
        else:
            with open(path, "wb") as handle:
                handle.truncate(parse_size(size))
        paths.append(path)
    return paths


def _copy(source: int, sink: BinaryIO) -> threading.Thread:
    def loop() -> None:
        with os.fdopen(source, "rb", buffering=0) as pipe:
            while chunk := pipe.read(65536):
                sink.write(chunk)
                sink.flush()
    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    return thread


@dataclasses.dataclass
class Boot:
    """What a kernel is started with, whatever it is to do."""
    kernel: str
    built: Path
    root: Path
    memory: str
    own: Path   # where it keeps its sockets
    out: Path   # .command, and what that writes
    leaks: bool


def boot_args(boot: Boot) -> list[str]:
    argv = [str(boot.built / "linux"), f"mem={boot.memory}",
            f"uml_dir={boot.own}/", "umid=lab",
            f"ubd0r={boot.root}/root.img", "root=/dev/ubda", "ro",
            "init=/usr/lib/harp-lab/uml-init",
            "con0=null,fd:1", "con=null", "console=tty0",
            "panic=-1", "panic_on_warn=1", "null_blk.nr_devices=0",
            "loglevel=7",
            f"harplab.src={ROOT}", f"harplab.out={boot.out}",
            f"harplab.kmemleak={int(boot.leaks)}"]
    if boot.kernel == "debug":
        argv += ["hung_task_panic=1"]
    return argv


def _argv(run: Run, out: Path, tmp: Path, disks: list[Path],
          fds: tuple[int, int]) -> list[str]:
    return [*boot_args(Boot(
        run.kernel, kernel.uml_kernel(run.kernel), image.base_image(),
        run.mem, tmp, out, run.kmemleak)),
        f"con1=null,fd:{fds[0]}", f"con2=null,fd:{fds[1]}",
        *(f"ubd{n}={path}" for n, path in enumerate(disks, 1)),
        *run.kernel_args]


def start(argv: list[str], console: BinaryIO | int,
          fds: Sequence[int]) -> subprocess.Popen[bytes]:
    """Start a kernel that ends with us.

    It has a process namespace of its own: User Mode Linux keeps helper
    processes, and nothing but the death of their init ends them for certain.
    """
    nice = autogroup()

    def begin() -> None:
        die_with_parent()
        set_autogroup(nice)

    return subprocess.Popen(
        ["unshare", "--pid", "--fork", "--kill-child=KILL",
         "sh", "-c", 'ulimit -c 0; "$@"; exit $?', "uml", *argv],
        stdin=subprocess.DEVNULL, stdout=console, stderr=console,
        pass_fds=fds, env={**os.environ, "TMPDIR": "/dev/shm"},
        start_new_session=True, preexec_fn=begin)


def _spawn(run: Run, argv: list[str], log: BinaryIO,
           fds: tuple[int, int]) -> int | None:
    """Run the kernel to its end; None if it had to be stopped."""
    proc = start(argv, log, fds)
    for fd in fds:
        os.close(fd)
    try:
        return proc.wait(run.timeout)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if proc.poll() is None:
            proc.kill()
            proc.wait()


def complaints(log: Path) -> list[str]:
    """The lines around the first thing the kernel complained of."""
    lines = log.read_text(errors="replace").splitlines()
    for number, line in enumerate(lines):
        if BAD.search(line):
            if "suspicious RCU" in line and any(
                    "force_flush_all" in l for l in lines[number:number + 60]):
                continue  # User Mode Linux's own, at the first fork
            block = lines[max(0, number - 3):number + 120]
            # "?" marks what merely lay on the stack.
            return [b for b in block if "] ? " not in b][:60]
    return []


def _verdict(run: Run, out: Path, ended: int | None) -> int:
    log = out / "console.log"
    bad = complaints(log)
    status_file = out / ".status"
    status = None
    if status_file.exists():
        text = status_file.read_text().strip()
        status = int(text) if text.isdigit() else None
    if bad:
        say(f"the kernel complained (whole log: {log}):")
        print("\n".join(bad), file=sys.stderr)
    if (out / "kmemleak.txt").exists():
        say(f"kmemleak found ({out}/kmemleak.txt):")
        print("\n".join((out / "kmemleak.txt").read_text()
                        .splitlines()[:60]), file=sys.stderr)
        return KERNEL_FAILED
    if bad:
        return KERNEL_FAILED
    if ended is None:
        say(f"stopped after {run.timeout:.0f} s; console: {log}")
        tail = log.read_text(errors="replace").splitlines()[-15:]
        print("\n".join(tail), file=sys.stderr)
        return TIMED_OUT
    if status is None:
        say(f"the kernel ended before the command did; console: {log}")
        tail = log.read_text(errors="replace").splitlines()[-30:]
        print("\n".join(tail), file=sys.stderr)
        return KERNEL_FAILED
    return status


def _remove_stale() -> None:
    """Disks of runs that were killed outright."""
    for path in Path(tempfile.gettempdir()).glob("harp-uml-*-*"):
        owner = path.name.split("-")[2]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            shutil.rmtree(path, ignore_errors=True)


def run_uml(run: Run, stdout: BinaryIO | None = None,
            stderr: BinaryIO | None = None) -> int:
    """Exit status of the command; 124 when out of time, 125 when the kernel
    died or complained."""
    need_root("a User Mode Linux machine")
    need("unshare")
    keep = run.out is not None
    out = (run.out or OUT / "uml" / str(os.getpid())).resolve()
    check_paths(out)
    out.mkdir(parents=True, exist_ok=True)
    for stale in (".status", "kmemleak.txt", "console.log"):
        (out / stale).unlink(missing_ok=True)
    env = {**environment(run.kernel, run.harp), "HARP_DISKS": " ".join(
        disk_name(n) for n in range(1, 1 + len(run.disks))), **run.env}
    _remove_stale()
    with tempfile.TemporaryDirectory(
            prefix=f"harp-uml-{os.getpid()}-") as name:
        tmp = Path(name)
        write_command(out, run.command, env, run.harp)
        disks = _make_disks(run, tmp)
        pipes = [os.pipe(), os.pipe()]
        fds = (pipes[0][1], pipes[1][1])
        argv = _argv(run, out, tmp, disks, fds)
        copiers = [_copy(pipes[0][0], stdout or sys.stdout.buffer),
                   _copy(pipes[1][0], stderr or sys.stderr.buffer)]
        with open(out / "console.log", "wb") as log:
            ended = _spawn(run, argv, log, fds)
        for thread in copiers:
            thread.join(5)
    status = _verdict(run, out, ended)
    if not keep and status == 0:
        shutil.rmtree(out, ignore_errors=True)
    return status
