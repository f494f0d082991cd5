# SPDX-License-Identifier: GPL-2.0
"""As much of NFSv3 as it takes to see a server's answers, not a client's idea of them.

A client makes ESTALE of much, and of NFS3ERR_JUKEBOX a wait.
"""
from __future__ import annotations

import socket
import struct
from pathlib import PurePath

OK, STALE, BADHANDLE, JUKEBOX = 0, 70, 10001, 10008
PORTMAP, NFS, MOUNT = (100000, 2), (100003, 3), (100005, 3)
GETPORT, MNT, GETATTR, LOOKUP = 3, 1, 1, 3


def opaque(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data + bytes(-len(data) % 4)


def take_opaque(data: bytes, at: int) -> bytes:
    length = struct.unpack_from(">I", data, at)[0]
    return data[at + 4:at + 4 + length]


class Program:
    """A program of a server's, over TCP, from a port that only root may use, as root."""

    def __init__(self, address: str, program: tuple[int, int], port: int) -> None:
        self.program, self.xid = program, 0
        self.sock = self.connect(address, port)

    @staticmethod
    def connect(address: str, port: int) -> socket.socket:
        for own in range(1023, 900, -1):
            sock = socket.socket()
            try:
                sock.bind(("", own))
                sock.settimeout(120)
                sock.connect((address, port))
                return sock
            except OSError as error:
                sock.close()
                last = error
        raise last

    def call(self, procedure: int, args: bytes) -> bytes:
        """What it answers, after the RPC's own header."""
        self.xid += 1
        auth = opaque(struct.pack(">IIIII", 0, 0, 0, 0, 0))     # stamp, name, uid, gid, groups
        call = struct.pack(">IIIIII", self.xid, 0, 2, *self.program, procedure) + \
            struct.pack(">I", 1) + auth + struct.pack(">II", 0, 0) + args
        self.sock.sendall(struct.pack(">I", 1 << 31 | len(call)) + call)
        reply, last = b"", False
        while not last:
            mark = struct.unpack(">I", self.read(4))[0]
            last = bool(mark >> 31)
            reply += self.read(mark & 0x7fffffff)
        xid, kind, denied, _, verifier = struct.unpack_from(">IIIII", reply)
        at = 20 + (verifier + 3 & ~3)
        refused = denied or struct.unpack_from(">I", reply, at)[0]
        if (xid, kind) != (self.xid, 1) or refused:
            raise RuntimeError(f"RPC {self.program}, {procedure}: {reply[:40].hex()}")
        return reply[at + 4:]

    def read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self.sock.recv(size - len(data))
            if not more:
                raise ConnectionResetError("the server has closed the connection")
            data += more
        return data

    def close(self) -> None:
        self.sock.close()


def mount_root(address: str, path: PurePath) -> bytes:
    """The handle of what is exported there."""
    portmap = Program(address, PORTMAP, 111)
    port = struct.unpack(">I", portmap.call(GETPORT, struct.pack(">IIII", *MOUNT, 6, 0)))[0]
    portmap.close()
    mountd = Program(address, MOUNT, port)
    answer = mountd.call(MNT, opaque(str(path).encode()))
    mountd.close()
    status = struct.unpack_from(">I", answer)[0]
    if status:
        raise OSError(status, f"mountd refuses {path}")
    return take_opaque(answer, 4)


class Nfs(Program):
    """NFS version 3: answers are statuses, never exceptions."""

    def __init__(self, address: str) -> None:
        super().__init__(address, NFS, 2049)

    def getattr(self, handle: bytes) -> int:
        return int(struct.unpack_from(">I", self.call(GETATTR, opaque(handle)))[0])

    def lookup(self, folder: bytes, name: str) -> bytes:
        answer = self.call(LOOKUP, opaque(folder) + opaque(name.encode()))
        status = struct.unpack_from(">I", answer)[0]
        if status:
            raise RuntimeError(f"LOOKUP of {name}: {status}")
        return take_opaque(answer, 4)
