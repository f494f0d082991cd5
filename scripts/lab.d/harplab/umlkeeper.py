# SPDX-License-Identifier: GPL-2.0
"""The keeper of a lab whose nodes are in one User Mode Linux kernel.

Each of a node's sockets is carried over a console of the kernel. A console has
no hang-up that the other side would see, and one that was ever told to wait
(4 KiB unread) is never heard again in 6.1: so both sides send pieces, each after
its length in two bytes. Inwards an empty piece says that the client has gone;
outwards it says that one more was read, and the first that there is a reader.
A client skips what was meant for the one before it.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from pathlib import Path
from typing import Any

from . import network, uml
from .keeper import Keeper, Machine, listen
from .machines import Lab, SWITCH
from .util import LabError

PIECE = 2048
LAST_DISK = 15  # ubda to ubdp, and the first is the root


class Port:
    """One socket of a node, and the console behind it."""

    def __init__(self, path: Path):
        self._path = path
        self._listener = listen(path, 1)
        self._ours, self.theirs = socket.socketpair()
        self._client: socket.socket | None = None
        self._may_send = threading.Semaphore(0)
        for loop in (self._inwards, self._outwards):
            threading.Thread(target=loop, daemon=True).start()

    def _inwards(self) -> None:
        with contextlib.suppress(OSError):  # closed: the kernel has ended
            while True:
                client = self._listener.accept()[0]
                self._client = client
                with client:
                    self._carry(client)
                    self._client = None
                self._ours.sendall(b"\0\0")

    def _carry(self, client: socket.socket) -> None:
        while True:
            try:
                data = client.recv(PIECE)
            except ConnectionError:
                return
            if not data:
                return
            self._may_send.acquire()
            self._ours.sendall(len(data).to_bytes(2, "big") + data)

    def _outwards(self) -> None:
        rest = b""
        with contextlib.suppress(OSError):
            while data := self._ours.recv(65536):
                rest = self._deliver(rest + data)
        if client := self._client:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        self._may_send.release()

    def _deliver(self, data: bytes) -> bytes:
        """Pass on whole pieces; what is left is of the next one."""
        while len(data) >= 2:
            end = 2 + int.from_bytes(data[:2], "big")
            if len(data) < end:
                break
            if end == 2:
                self._may_send.release()
            elif client := self._client:
                with contextlib.suppress(OSError):
                    client.sendall(data[2:end])
            data = data[end:]
        return data

    def started(self) -> None:
        """The kernel has its end now: with it, ours is hung up."""
        self.theirs.close()

    def close(self) -> None:
        self._path.unlink(missing_ok=True)
        for sock in (self._listener, self._ours):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()


class Kernel(Machine):
    """The kernel of a lab, its console and its ports."""

    def __init__(self, keeper: UmlKeeper, log: Path):
        super().__init__([], log)
        self._keeper = keeper
        self._ports: list[Port] = []

    def start(self, errors: Path) -> None:
        if self.alive():
            raise LabError("is running already")
        keeper, lab = self._keeper, self._keeper.lab
        self._drop_ports()
        self._ports = [Port(path) for name in (SWITCH, *lab.nodes)
                       for path in lab.ports(name)]
        ends = [port.theirs.fileno() for port in self._ports]
        ours, theirs = socket.socketpair()
        # A descriptor can be but one console's: what a command would say goes
        # to the kernel's log, but by two others.
        with theirs, theirs.dup() as out, theirs.dup() as errors_:
            said = [out.fileno(), errors_.fileno()]
            self.proc = uml.start(kernel_argv(lab, keeper.plan, said, ends),
                                  theirs.fileno(), said + ends)
        for port in self._ports:
            port.started()
        keeper.watch_console(ours, self)

    def _drop_ports(self) -> None:
        for port in self._ports:
            port.close()
        self._ports = []

    def stop(self) -> None:
        super().stop()
        self._drop_ports()

    def reap(self) -> None:
        super().reap()
        if not self.alive():
            self._drop_ports()


def guest_plan(lab: Lab) -> dict:
    """What guest/nodes.py is told. Disks are numbered as in kernel_argv(),
    consoles as the ports are there."""
    disk, console = 1, 4
    nodes: dict[str, dict[str, Any]] = {}
    for node in lab.nodes.values():
        count = len(lab.ports(node.name))
        nodes[node.name] = {
            "cable": network.cable(lab, node, "PID"),
            "addresses": network.addresses(lab, node),
            "consoles": list(range(console, console + count)),
            "disks": {f"disk{n}": uml.disk_name(disk + n)
                      for n in range(len(node.disks))}}
        console += count
        disk += len(node.disks)
    layer = disk
    for node in lab.nodes.values():
        nodes[node.name]["disks"].update(
            {f"image{n}": uml.disk_name(disk + 1 + n)
             for n in range(len(node.images))})
        disk += len(node.images)
    if disk > LAST_DISK:
        raise LabError(f"User Mode Linux takes {LAST_DISK} disks, and the "
                       f"profile with the lab's own has {disk}")
    return {"bridges": network.bridges(lab), "rules": network.RULES,
            "console": 3, "layer": uml.disk_name(layer), "nodes": nodes}


def kernel_argv(lab: Lab, plan: dict, said: list[int],
                ends: list[int]) -> list[str]:
    disks = [lab.directory / f"{node.name}.disk{n}"
             for node in lab.nodes.values() for n in range(len(node.disks))]
    images = [Path(plan["layer"]), *(
        Path(image) for node in lab.nodes.values() for image in node.images)]
    argv = uml.boot_args(uml.Boot(
        kernel=lab.kernel, built=Path(plan["built"]),
        root=Path(plan["root"]), memory=plan["memory"], own=lab.sockets,
        out=lab.directory / "uml", leaks=False))
    argv += [f"con{n}=null,fd:{fd}" for n, fd in enumerate(said, 1)]
    argv += [f"con{n}=fd:{fd},fd:{fd}" for n, fd in enumerate(ends, 3)]
    argv += [f"ubd{n}={path}" for n, path in enumerate(disks, 1)]
    argv += [f"ubd{n}r={path}" for n, path in enumerate(images,
                                                        1 + len(disks))]
    return argv


class UmlKeeper(Keeper):
    def make_machines(self) -> None:
        self.machines["uml"] = Kernel(self, self.lab.console(""))

    def machine_of(self, node: str) -> Machine:
        return self.machines["uml"]
