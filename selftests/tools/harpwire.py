# SPDX-License-Identifier: GPL-2.0
"""Speak the record link (uapi/linux/harp_wire.h) from Python: a partner for a kernel
under test that can do what a real one never would.
"""
from __future__ import annotations

import socket
import struct
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

MAGIC, VERSION = 0x4c524148, 1
HELLO, REC, ACK, LEAVE = 1, 2, 3, 4
HEADER = "<IBBHII16sQQQB3sI"
BODIES = {HELLO: "<QQIIQQ", REC: "<QQQQQQQII", ACK: "<QQQQQQQII", LEAVE: "<"}
FIELDS = {HELLO: ("top", "view_of_top", "crc_of_top", "ring", "lb", "ap"),
          REC: ("prev_index", "prev_view", "cp", "ap", "lb", "t", "heard", "nrec", "flags"),
          ACK: ("n", "t", "promise", "lb", "ap", "free_bytes", "free_inodes", "flags", ""),
          LEAVE: ()}
F_PROMISE, F_NO_CONTROL, F_SERVING, F_FEED = 1, 2, 1, 2


def _table() -> list[int]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
        table.append(crc)
    return table


TABLE = _table()


def crc32c(data: bytes, crc: int = 0) -> int:
    crc ^= 0xffffffff
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 0xff]
    return crc ^ 0xffffffff


def seal_record(kind: int, payload: bytes, nsec: int, index: int, view: int, lineage: int,
                prev_crc: int, time_ns: int = 1) -> bytes:
    """A whole record; NOOP (1) has no payload."""
    head = struct.pack("<IBBHIIIIQQQQII", 0x43524148, 1, kind, 0, 64 + len(payload), nsec,
                       crc32c(payload), prev_crc, index, view, time_ns, lineage, 0, 0)
    return head[:60] + struct.pack("<I", crc32c(head)) + payload


@dataclass
class Message:
    kind: int
    inc: int
    view: int
    body: dict[str, int]
    records: bytes = b""


@dataclass
class Partner:
    """One end of a record link: who it says it is, and the socket."""
    sock: socket.socket
    group: str                  # uuid
    lineage: int
    epoch: int
    slot: int
    inc: int
    view: int
    wrong: dict[str, Any] = field(default_factory=dict)   # header fields to lie about

    def message(self, kind: int, records: bytes = b"", **body: int) -> bytes:
        values = [body.get(name, 0) for name in FIELDS[kind]]
        packed = struct.pack(BODIES[kind], *values)
        h = {"magic": MAGIC, "version": VERSION, "type": kind, "flags": 0,
             "len": len(packed) + len(records), "epoch": self.epoch,
             "group": uuid.UUID(self.group).bytes, "lineage": self.lineage, "inc": self.inc,
             "view": self.view, "sender": self.slot, "reserved": bytes(3), "crc": 0}
        h.update(self.wrong)
        if "crc" not in self.wrong:
            h["crc"] = crc32c(struct.pack(HEADER, *h.values()) + packed)
        return struct.pack(HEADER, *h.values()) + packed + records

    def send(self, kind: int, records: bytes = b"", **body: int) -> None:
        self.sock.sendall(self.message(kind, records, **body))

    def read(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            more = self.sock.recv(length - len(data))
            if not more:
                raise ConnectionError("the kernel ended the link")
            data += more
        return data

    def receive(self, timeout: float = 5.0) -> Message:
        self.sock.settimeout(timeout)
        head = struct.unpack(HEADER, self.read(64))
        kind, length = head[2], head[4]
        size = struct.calcsize(BODIES[kind])
        body = dict(zip(FIELDS[kind], struct.unpack(BODIES[kind], self.read(size))))
        return Message(kind, head[8], head[9], body, self.read(length - size))

    def wait(self, kind: int, timeout: float = 5.0) -> Message:
        end = time.monotonic() + timeout
        while (left := end - time.monotonic()) > 0:
            message = self.receive(left)
            if message.kind == kind:
                return message
        raise TimeoutError(f"no message of type {kind}")

    def ended(self, timeout: float = 5.0) -> bool:
        """Does the other side end the link? It may go on speaking until then."""
        end = time.monotonic() + timeout
        try:
            while (left := end - time.monotonic()) > 0:
                self.sock.settimeout(left)
                if not self.sock.recv(65536):
                    return True
        except ConnectionError:
            return True
        except TimeoutError:
            pass
        return False
