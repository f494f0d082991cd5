# SPDX-License-Identifier: GPL-2.0
"""The process that a lab lives and dies with.

It owns the network namespace and is the parent of every QEMU or of the one
kernel, each told to die with it. So a lab leaves nothing behind whatever
happens: told to stop, or killed, the machines, the namespace and with it
bridges and taps are gone.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from . import network, qemu
from .machines import Lab, load
from .stock import Stock
from .util import LabError, die_with_parent, parse_size

CLONE_NEWNET = 0x40000000


class Machine:
    """One QEMU, on or off, and the log of its console."""

    def __init__(self, argv: list[str], log: Path):
        self.argv = argv
        self.log = open(log, "ab", buffering=0)
        self.proc: subprocess.Popen[bytes] | None = None
        self._line = b""

    def start(self, errors: Path) -> None:
        if self.alive():
            raise LabError("is running already")
        with open(errors, "ab") as sink:
            self.proc = subprocess.Popen(
                self.argv, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink,
                preexec_fn=die_with_parent)

    def alive(self) -> bool:
        return self.proc is not None and self.proc.poll() is None

    def stop(self) -> None:
        if self.proc:
            self.proc.kill()
            self.proc.wait()

    def reap(self) -> None:
        """Some child of the keeper has ended: perhaps this one."""
        if self.proc:
            self.proc.poll()

    def note(self, data: bytes) -> None:
        """Write console output down, each line with the time it began."""
        for piece in data.splitlines(keepends=True):
            if not self._line:
                self.log.write(f"{time.time():.6f} ".encode())
            self.log.write(piece)
            self._line = b"" if piece.endswith(b"\n") else piece


def listen(path: Path, backlog: int) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    path.unlink(missing_ok=True)
    sock.bind(str(path))
    sock.listen(backlog)
    return sock


class Keeper:
    """What does not depend on the back end: see the two below."""

    def __init__(self, lab: Lab, plan: dict[str, Any]):
        self.lab = lab
        self.plan = plan
        self.machines: dict[str, Machine] = {}
        self.select = selectors.DefaultSelector()
        self.stopping = False
        self.control = socket.socket(socket.AF_UNIX)

    def make_machines(self) -> None:
        """Fill self.machines, and watch their consoles."""
        raise NotImplementedError

    def machine_of(self, node: str) -> Machine:
        """The machine that a node is, or is in."""
        raise NotImplementedError

    def set_up(self) -> None:
        lab = self.lab
        lab.keeper = os.getpid()
        for node in lab.nodes.values():
            for number, size in enumerate(node.disks):
                path = lab.directory / f"{node.name}.disk{number}"
                with open(path, "wb") as disk:
                    disk.truncate(parse_size(size))
        self.make_machines()
        self.control = listen(lab.control, 16)
        self.control.setblocking(False)
        self.select.register(self.control, selectors.EVENT_READ,
                             self._accept_control)
        for name in self.machines:
            self._start(name)
        lab.save()

    def _start(self, name: str) -> None:
        self.machines[name].start(
            self.lab.directory / f"{name}.{self.lab.backend}.log")

    def watch_console(self, sock: socket.socket, m: Machine) -> None:
        sock.setblocking(False)

        def read(_: socket.socket) -> None:
            try:
                data = sock.recv(65536)
            except BlockingIOError:
                return
            except ConnectionError:
                data = b""
            if data:
                m.note(data)
            else:
                self.select.unregister(sock)
                sock.close()

        self.select.register(sock, selectors.EVENT_READ, read)

    def _accept_control(self, listener: socket.socket) -> None:
        sock, _ = listener.accept()
        with sock:
            sock.settimeout(2)
            try:
                request = json.loads(sock.makefile().readline())
                answer = self._obey(request)
            except (LabError, OSError, ValueError, KeyError) as error:
                answer = {"error": str(error) or type(error).__name__}
            with contextlib.suppress(OSError):
                sock.sendall(json.dumps(answer).encode() + b"\n")

    def _obey(self, request: dict) -> dict:
        verb = request["verb"]
        if verb == "stop":
            self.stopping = True
            return {}
        if verb == "status":
            return {name: self.machine_of(name).alive()
                    for name in self.lab.nodes}
        machine = self.machine_of(self.lab.node(request["node"]).name)
        if verb == "power-cut":
            machine.stop()
        elif verb == "power-on":
            self._start(next(k for k, m in self.machines.items()
                             if m is machine))
        else:
            raise LabError(f"unknown request {verb}")
        return {}

    def run(self, watch: list[int]) -> None:
        """Serve until told to stop or one of the descriptors ends: the pipe
        from the starter before it is done, the process the lab is tied to."""
        wake_r, wake_w = os.pipe()
        os.set_blocking(wake_w, False)
        signal.set_wakeup_fd(wake_w)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: self._stop())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for fd in (wake_r, *watch):
            self.select.register(fd, selectors.EVENT_READ, self._ended)
        while not self.stopping:
            for key, _ in self.select.select():
                if key.fileobj == wake_r:
                    os.read(wake_r, 512)
                    self._reap()
                else:
                    key.data(key.fileobj)

    def _reap(self) -> None:
        for machine in self.machines.values():
            machine.reap()

    def _stop(self) -> None:
        self.stopping = True

    def _ended(self, fd: int) -> None:
        # The starter writes one byte when the lab may outlive it.
        try:
            released = os.read(fd, 1)
        except OSError:
            released = b""  # a pidfd: readable means ended
        if released:
            self.select.unregister(fd)
            os.close(fd)
        else:
            self.stopping = True

    def tear_down(self) -> None:
        for machine in self.machines.values():
            machine.stop()
        for path in self.lab.directory.glob("*.disk*"):
            path.unlink()
        shutil.rmtree(self.lab.sockets, ignore_errors=True)


class QemuKeeper(Keeper):
    """A machine for each node; taps and bridges in our own namespace."""

    def make_machines(self) -> None:
        lab, plan = self.lab, self.plan
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
            raise LabError("cannot make a network namespace: "
                           + os.strerror(ctypes.get_errno()))
        network.set_up(lab)
        stock = Stock(Path(plan["stock"]), plan["version"])
        layers = [Path(p) for p in plan["layers"]]
        efi = Path(plan["efi"]) if plan["efi"] else None
        for node in lab.nodes.values():
            machine = Machine(
                qemu.command(lab, node, stock, Path(plan["initrd"]), layers,
                             efi if node.firmware == "efi" else None),
                lab.console(node.name))
            self.machines[node.name] = machine
            console = listen(lab.sockets / f"{node.name}.console", 1)
            console.setblocking(False)
            self.select.register(
                console, selectors.EVENT_READ,
                lambda sock, m=machine: self.watch_console(
                    sock.accept()[0], m))

    def machine_of(self, node: str) -> Machine:
        return self.machines[node]


def _take_priority() -> None:
    """Run machines before other work, if asked to: emulated machines time
    out where real ones would not when they share processors."""
    wish = os.environ.get("HARP_LAB_NICE")
    if wish:
        os.setpriority(os.PRIO_PROCESS, 0, int(wish))
        with contextlib.suppress(OSError):
            Path("/proc/self/autogroup").write_text(wish)


def main(directory: Path, plan: Path, leash: int, report: int,
         tie: int) -> None:
    """The keeper's life, in a process of its own session."""
    lab = load(directory)
    assert lab
    keeper: Keeper
    if lab.backend == "uml":
        from .umlkeeper import UmlKeeper
        keeper = UmlKeeper(lab, json.loads(plan.read_text()))
    else:
        keeper = QemuKeeper(lab, json.loads(plan.read_text()))
    watch = [leash]
    try:
        _take_priority()
        if tie:
            watch.append(os.pidfd_open(tie))
        keeper.set_up()
        os.write(report, b"ok\n")
        os.close(report)
        keeper.run(watch)
    except (LabError, OSError) as error:
        with contextlib.suppress(OSError):
            os.write(report, f"{error}\n".encode())
    finally:
        keeper.tear_down()


def ask(lab: Lab, verb: str, **arguments: str) -> dict:
    """Send the keeper of a lab one request."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(30)
        try:
            sock.connect(str(lab.control))
        except OSError as error:
            raise LabError(f"lab '{lab.name}' has ended") from error
        try:
            sock.sendall(json.dumps({"verb": verb, **arguments}).encode() +
                         b"\n")
            line = sock.makefile().readline()
        except ConnectionError:  # it is ending: what an empty line says, too
            line = ""
        answer = json.loads(line or '{"error": "the keeper ended"}')
    if "error" in answer:
        raise LabError(f"{arguments.get('node', lab.name)} "
                       f"{answer['error']}")
    return answer
