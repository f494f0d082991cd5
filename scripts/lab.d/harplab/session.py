# SPDX-License-Identifier: GPL-2.0
"""The host's side of the agent's channel: one command in one machine."""

from __future__ import annotations

import fcntl
import json
import os
import select
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from .util import LabError

MAGIC = b"\nHARP-LAB-SESSION"
BOOTED = b"\nHARP-LAB-BOOTED"
PORTS = 6
CHUNK = 32768


class NodeGone(LabError):
    """The machine went away, or started anew, under the command."""


class Session:
    """An exclusive, greeted port of a machine."""

    def __init__(self, node: str, ports: list[Path], timeout: float):
        self.node = node
        self._deadline = time.monotonic() + timeout
        self._buf = b""
        self._lock, self._sock = self._acquire(ports)
        try:
            self._greet()
        except BaseException:
            self.close()
            raise

    def _acquire(self, ports: list[Path]) -> tuple[IO[str], socket.socket]:
        """A port nobody else uses: QEMU serves one connection a port."""
        while True:
            for port in ports:
                if not port.exists():
                    raise NodeGone(f"{self.node} is not running")
                lock = open(f"{port}.lock", "w")
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    lock.close()
                    continue
                sock = socket.socket(socket.AF_UNIX)
                try:
                    sock.connect(str(port))
                except OSError as error:
                    lock.close()
                    sock.close()
                    raise NodeGone(f"{self.node} is not running") from error
                return lock, sock
            if time.monotonic() > self._deadline:
                raise LabError(f"{self.node}: all {len(ports)} command "
                               f"channels are busy")
            time.sleep(0.05)

    def _fill(self, timeout: float) -> None:
        if not select.select([self._sock], [], [], max(0, timeout))[0]:
            raise TimeoutError
        try:
            data = self._sock.recv(65536)
        except ConnectionError:
            data = b""
        if not data:
            raise NodeGone(f"{self.node} was switched off")
        self._buf += data

    def _greet(self) -> None:
        token = MAGIC + os.urandom(8)
        self._say(token)
        while token not in self._buf:
            try:
                self._fill(self._deadline - time.monotonic())
                if BOOTED in self._buf:
                    # What we said may have been heard by the boot before.
                    self._buf = self._buf.partition(BOOTED)[2]
                    self._say(token)
            except TimeoutError:
                raise LabError(f"{self.node} does not answer on its command "
                               f"channel") from None
        self._buf = self._buf.partition(token)[2]
        kind, self.boot_id = self._frame(5)
        if kind != b"B":
            raise LabError(f"{self.node}: the command channel is confused")

    def _frame(self, timeout: float) -> tuple[bytes, bytes]:
        deadline = time.monotonic() + timeout
        while len(self._buf) < 5 or len(self._buf) < 5 + struct.unpack(
                ">I", self._buf[1:5])[0]:
            self._fill(deadline - time.monotonic())
        length = struct.unpack(">I", self._buf[1:5])[0]
        kind, body = self._buf[:1], self._buf[5:5 + length]
        self._buf = self._buf[5 + length:]
        return kind, body

    def send(self, kind: bytes, body: bytes = b"") -> None:
        self._say(kind + struct.pack(">I", len(body)) + body)

    def _say(self, data: bytes) -> None:
        try:
            self._sock.sendall(data)
        except OSError as error:
            raise NodeGone(f"{self.node} was switched off") from error

    def _send_some(self, data: bytes) -> int:
        try:
            return self._sock.send(data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise NodeGone(f"{self.node} was switched off") from error

    def _frames_ready(self) -> bool:
        return len(self._buf) >= 5 and len(self._buf) >= 5 + struct.unpack(
            ">I", self._buf[1:5])[0]

    def run(self, argv: list[str], *, env: dict[str, str] | None = None,
            cwd: str | None = None, stdin: int | None = None,
            tty: bool = False, timeout: float | None = None,
            output: Callable[[bytes, bytes], None]) -> int:
        """Run to the end; output(b"O" or b"E", data) gets what it says."""
        deadline = None if timeout is None else time.monotonic() + timeout
        self.send(b"X", json.dumps({"argv": argv, "env": env or {},
                                    "cwd": cwd, "tty": tty}).encode())
        if stdin is None:
            self.send(b"I")
        # Never waits to send without reading: the other side may do the same.
        outgoing = b""
        while True:
            while self._frames_ready():
                kind, body = self._frame(0)
                if kind in (b"O", b"E"):
                    output(kind, body)
                elif kind == b"Q":
                    code = int(body)
                    return code if code >= 0 else 128 - code
            if deadline and time.monotonic() > deadline:
                raise TimeoutError
            watch = [self._sock,
                     *([] if stdin is None or outgoing else [stdin])]
            wait = None if deadline is None else max(
                0, deadline - time.monotonic())
            ready, writable, _ = select.select(
                watch, [self._sock] if outgoing else [], [], wait)
            if writable:
                outgoing = outgoing[self._send_some(outgoing):]
            if self._sock in ready:
                self._fill(0)
                if BOOTED in self._buf:
                    raise NodeGone(f"{self.node} started anew under the "
                                   f"command")
            if stdin is not None and stdin in ready:
                data = os.read(stdin, CHUNK)
                outgoing = b"I" + struct.pack(">I", len(data)) + data
                if not data:
                    stdin = None

    def close(self) -> None:
        self._sock.close()
        self._lock.close()
