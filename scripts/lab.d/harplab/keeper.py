# SPDX-License-Identifier: GPL-2.0
"""The process that a lab of QEMU machines lives and dies with.

It owns the network namespace and is the parent of every QEMU, each told to
die with it. So a lab leaves nothing behind whatever happens: told to stop, or
killed, the machines, the namespace and with it bridges and taps are gone.
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

from . import network, qemu
from .machines import Lab, load
from .stock import Stock
from .util import LabError, die_with_parent, parse_size

CLONE_NEWNET = 0x40000000


class Machine:
    """One QEMU, on or off, and the log of its console."""

    def __init__(self, argv: list[str], console: socket.socket, log: Path):
        self.argv = argv
        self.console = console
        self.log = open(log, "ab", buffering=0)
        self.proc: subprocess.Popen[bytes] | None = None
        self._line = b""

    def start(self, errors: Path) -> None:
        if self.proc and self.proc.poll() is None:
            raise LabError("is running already")
        with open(errors, "ab") as sink:
            self.proc = subprocess.Popen(
                self.argv, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink,
                preexec_fn=die_with_parent)

    def stop(self) -> None:
        if self.proc:
            self.proc.kill()
            self.proc.wait()

    def note(self, data: bytes) -> None:
        """Write console output down, each line with the time it began."""
        for piece in data.splitlines(keepends=True):
            if not self._line:
                self.log.write(f"{time.time():.6f} ".encode())
            self.log.write(piece)
            self._line = b"" if piece.endswith(b"\n") else piece


class Keeper:
    def __init__(self, lab: Lab, stock: Stock, initrd: Path,
                 layers: list[Path]):
        self.lab = lab
        self.parts = (stock, initrd, layers)
        self.machines: dict[str, Machine] = {}
        self.select = selectors.DefaultSelector()
        self.stopping = False
        self.control = socket.socket(socket.AF_UNIX)

    def _listen(self, path: Path, backlog: int) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX)
        path.unlink(missing_ok=True)
        sock.bind(str(path))
        sock.listen(backlog)
        sock.setblocking(False)
        return sock

    def set_up(self) -> None:
        lab = self.lab
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
            raise LabError("cannot make a network namespace: "
                           + os.strerror(ctypes.get_errno()))
        lab.keeper = os.getpid()
        network.set_up(lab)
        self.control = self._listen(lab.control, 16)
        self.select.register(self.control, selectors.EVENT_READ,
                             self._accept_control)
        for node in lab.nodes.values():
            for number, size in enumerate(node.disks):
                path = lab.directory / f"{node.name}.disk{number}"
                with open(path, "wb") as disk:
                    disk.truncate(parse_size(size))
            console = self._listen(lab.sockets / f"{node.name}.console", 1)
            machine = Machine(qemu.command(lab, node, *self.parts), console,
                              lab.console(node.name))
            self.machines[node.name] = machine
            self.select.register(
                console, selectors.EVENT_READ,
                lambda sock, m=machine: self._accept_console(sock, m))
            self._start(node.name)
        lab.save()

    def _start(self, name: str) -> None:
        self.machines[name].start(self.lab.directory / f"{name}.qemu.log")

    def _accept_console(self, listener: socket.socket, m: Machine) -> None:
        sock, _ = listener.accept()
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
            return {name: bool(m.proc and m.proc.poll() is None)
                    for name, m in self.machines.items()}
        name = request["node"]
        self.lab.node(name)
        if verb == "power-cut":
            self.machines[name].stop()
        elif verb == "power-on":
            self._start(name)
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
            if machine.proc:
                machine.proc.poll()

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
    parts = json.loads(plan.read_text())
    keeper = Keeper(lab, Stock(Path(parts["stock"]), parts["version"]),
                    Path(parts["initrd"]),
                    [Path(p) for p in parts["layers"]])
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
