# SPDX-License-Identifier: GPL-2.0
"""Bringing labs up and down."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from . import firmware, image, keeper, layer, machines, stock
from .machines import Lab
from .session import NodeGone, Session
from .util import (LAB_D, LabError, Progress, need, need_root, parse_size,
                   run_dir, say)

BOOT_TIMEOUT = 240


def _new_lab(args: "UpOptions") -> Lab:
    networks, nodes = machines.read_profile(args.profile, args.nodes)
    directory = machines.lab_directory(args.name, args.directory)
    directory.mkdir(parents=True, exist_ok=True)
    for stale in (*directory.glob("*.console"), *directory.glob("*.log")):
        stale.unlink()
    sockets = Path(tempfile.mkdtemp(prefix="", dir=run_dir()))
    return Lab(args.name, directory, sockets, networks, args.kernel, nodes,
               backend=args.backend)


def _plan_qemu(lab: Lab, args: "UpOptions") -> dict:
    kernel = stock.stock_kernel(args.kernel)
    base = image.base_image()
    initrd = stock.initramfs(kernel, base)
    module = None
    if args.module:
        from . import dkms
        module = dkms.build(args.kernel)
    top = layer.build(lab, kernel, module, args.stage, lab.directory)
    efi = any(node.firmware == "efi" for node in lab.nodes.values())
    return {"efi": str(firmware.efi()) if efi else "", "stock": str(kernel.path), "version": kernel.version,
            "initrd": str(initrd),
            "layers": [str(base / "root.img"), str(kernel.layer), str(top)]}


def _plan_uml(lab: Lab, args: "UpOptions") -> dict:
    from . import kernel, uml, umlkeeper
    uml.check_paths(lab.directory)
    built, root = kernel.uml_kernel(lab.kernel), image.base_image()
    out = lab.directory / "uml"
    out.mkdir(exist_ok=True)
    uml.write_command(out, ["python3", "-ISB",
                            "/harp/src/scripts/lab.d/guest/nodes.py"],
                      uml.environment(lab.kernel, args.module), args.module)
    (out / "nodes.json").write_text(json.dumps(umlkeeper.guest_plan(lab)))
    memory = sum(parse_size(node.memory) for node in lab.nodes.values())
    return {"built": str(built), "root": str(root),
            "memory": f"{memory >> 20}M",
            "layer": str(layer.build(lab, None, None, args.stage,
                                     lab.directory))}


def _prepare(args: "UpOptions") -> tuple[Lab, Path]:
    """Everything that exists before the first process: files only."""
    lab = _new_lab(args)
    try:
        make = _plan_uml if lab.backend == "uml" else _plan_qemu
        plan = lab.directory / "plan.json"
        plan.write_text(json.dumps(make(lab, args)))
        lab.save()
    except BaseException:
        shutil.rmtree(lab.sockets, ignore_errors=True)
        raise
    return lab, plan


@dataclasses.dataclass
class UpOptions:
    name: str
    directory: Path | None
    profile: str
    backend: str
    kernel: str
    nodes: list[str]
    module: bool
    stage: bool
    tie: int
    timeout: float


def _start_keeper(lab: Lab, plan: Path, tie: int) -> int:
    """Start the keeper; the descriptor whose end of life would end it."""
    leash_r, leash_w = os.pipe()
    report_r, report_w = os.pipe()
    code = ("import sys; sys.dont_write_bytecode = True; "
            "sys.path.insert(0, sys.argv[1]); "
            "from harplab import keeper; from pathlib import Path; "
            "a = sys.argv[2:]; keeper.main(Path(a[1]), Path(a[2]), "
            "*map(int, a[3:]))")
    with open(lab.directory / "keeper.log", "wb") as log:
        subprocess.Popen(
            ["/usr/bin/python3", "-c", code, str(LAB_D), "__keeper",
             str(lab.directory), str(plan), str(leash_r), str(report_w),
             str(tie)], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            pass_fds=(leash_r, report_w), start_new_session=True, cwd="/")
    os.close(leash_r)
    os.close(report_w)
    with os.fdopen(report_r) as report:
        answer = report.read().strip()
    if answer != "ok":
        os.close(leash_w)
        log_text = (lab.directory / "keeper.log").read_text()[-2000:]
        raise LabError(f"the lab did not start: {answer}\n{log_text}".strip())
    return leash_w


def _last_words(lab: Lab, name: str) -> str:
    if lab.backend == "uml":
        log = lab.console(name)
        return f"the kernel ended ({log}): {log.read_text()[-500:]}"
    return "QEMU ended: " + (
        lab.directory / f"{name}.qemu.log").read_text()[-500:]


def _wait_for(lab: Lab, name: str, deadline: float,
              ready: dict[str, str]) -> None:
    """Until systemd says the machine is up, or the reason why not."""
    out = bytearray()
    while time.monotonic() < deadline:
        try:
            session = Session(name, lab.ports(name),
                              deadline - time.monotonic())
        except NodeGone:
            try:
                power = keeper.ask(lab, "status")
            except LabError as error:
                ready[name] = str(error)
                return
            if not power.get(name):
                ready[name] = _last_words(lab, name)
                return
            time.sleep(0.1)  # QEMU has not made its sockets yet
            continue
        except LabError as error:
            ready[name] = f"{error} (console: {lab.console(name)})"
            return
        if lab.backend == "uml":  # which has no systemd to wait for
            session.close()
            ready[name] = "running"
            return
        try:
            session.run(["systemctl", "is-system-running", "--wait"],
                        timeout=deadline - time.monotonic(),
                        output=lambda _, data: out.extend(data))
            ready[name] = out.decode().strip()
        except (TimeoutError, LabError) as error:
            ready[name] = str(error) or "systemd did not finish starting"
        finally:
            session.close()
        return


def wait_ready(lab: Lab, names: list[str], timeout: float) -> None:
    """Wait until the machines are up; LabError says which are not."""
    ready: dict[str, str] = {}
    deadline = time.monotonic() + timeout
    threads = [threading.Thread(target=_wait_for, daemon=True,
                                args=(lab, n, deadline, ready))
               for n in names]

    def detail() -> str:
        waiting = [n for n in names if n not in ready]
        return "waiting for " + ", ".join(waiting)

    with Progress(f"booting {', '.join(names)}", detail):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    bad = [f"{n}: {ready.get(n, 'did not answer')}" for n in names
           if ready.get(n) not in ("running", "degraded")]
    for name in names:
        if ready.get(name) == "degraded":
            say(f"{name}: some unit failed (scripts/lab exec {name} -- "
                f"systemctl --failed)")
    if bad:
        raise LabError("not up: " + "; ".join(bad))


def up(args: UpOptions) -> tuple[Lab, int]:
    """A running lab and its leash: write a byte to let it outlive us."""
    if args.backend == "uml":
        need_root("a lab in User Mode Linux")
        need("unshare", "mkfs.ext4", "rsync")
    else:
        need_root("a lab of QEMU machines")
        need("qemu-system-x86_64", "ip", "nft", "nsenter", "mkfs.ext4",
             "rsync")
    directory = machines.lab_directory(args.name, args.directory)
    old = machines.load(directory)
    if old and machines.keeper_alive(old):
        raise LabError(f"lab '{args.name}' is up already: run scripts/lab "
                       f"down, or give another --name")
    if old:
        _remove_leftovers(old)
    lab, plan = _prepare(args)
    try:
        leash = _start_keeper(lab, plan, args.tie)
        lab = machines.load(directory) or lab
        try:
            wait_ready(lab, list(lab.nodes), args.timeout)
        except BaseException:
            down(args.name, args.directory)
            os.close(leash)
            raise
    except BaseException:
        shutil.rmtree(lab.sockets, ignore_errors=True)
        raise
    return lab, leash


def _remove_leftovers(lab: Lab) -> None:
    """What stays when a keeper was killed: files, and for a moment the
    machines, which the kernel is still taking down."""
    mark = os.fsencode(lab.sockets)
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            argv = (entry / "cmdline").read_bytes()
            if mark in argv and (argv.startswith(b"qemu-system") or
                                 b"uml_dir=" in argv):
                pidfd = os.pidfd_open(int(entry.name))
                os.kill(int(entry.name), signal.SIGKILL)
                select.select([pidfd], [], [], 15)
                os.close(pidfd)
    shutil.rmtree(lab.sockets, ignore_errors=True)
    for path in lab.directory.glob("*.disk*"):
        path.unlink(missing_ok=True)


def down(name: str, directory: Path | None) -> bool:
    """Stop a lab and wait until its keeper is gone; whether there was one."""
    lab = machines.load(machines.lab_directory(name, directory))
    if not lab:
        return False
    was_alive = machines.keeper_alive(lab)
    if was_alive:
        try:
            pidfd = os.pidfd_open(lab.keeper)
        except ProcessLookupError:
            pidfd = -1
        if pidfd >= 0:
            os.kill(lab.keeper, signal.SIGTERM)
            if not select.select([pidfd], [], [], 15)[0]:
                os.kill(lab.keeper, signal.SIGKILL)
                select.select([pidfd], [], [], 15)
            os.close(pidfd)
    _remove_leftovers(lab)
    (lab.directory / "lab.json").unlink(missing_ok=True)
    return was_alive


def run_in_lab(args: UpOptions, command: list[str]) -> int:
    """A lab for as long as one command runs."""
    lab, leash = up(args)
    try:
        env = {**os.environ, "HARP_LAB_NAME": args.name,
               "HARP_LAB_DIR": str(lab.directory)}
        return subprocess.run(command, env=env, check=False).returncode
    except FileNotFoundError as error:
        print(f"lab: {command[0]}: {error.strerror}", file=sys.stderr)
        return 127
    finally:
        down(args.name, args.directory)
        os.close(leash)
