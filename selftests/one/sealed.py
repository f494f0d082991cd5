# SPDX-License-Identifier: GPL-2.0
"""A sealed log (uapi/linux/harp_seal.h), made of what a replica holds as harpd makes it, or of
whatever a test wants to be in it."""
from __future__ import annotations

import os
import struct
import uuid
from dataclasses import dataclass, replace

from one import BASE

import harpnl
from harpwire import crc32c

HEADER = "<QII16sQQQQQQIIB3s"
HEADER_LEN = struct.calcsize(HEADER) + 4
MAGIC = int.from_bytes(b"HARPSEAL", "little")
# In struct harp_rec_hdr.
PREV_CRC = 20


@dataclass(frozen=True)
class Sealed:
    group: bytes
    lineage: int
    formed: int
    base: int
    top: int
    anchor_view: int
    anchor_crc: int
    epoch: int
    member: int
    records: list[bytes]
    size: int               # of all records, as the header says
    magic: int = MAGIC
    version: int = 1
    header_len: int = HEADER_LEN
    reserved: bytes = bytes(3)

    @classmethod
    def of(cls, harp: harpnl.Harp, group: str, slot: int) -> Sealed:
        """The log of a replica in which nothing happens."""
        state = harp.get(group, slot)
        records = list(harp.log(group, slot, state["base"]))
        crc = struct.unpack_from("<I", records[0], PREV_CRC)[0] if records else state["top_crc"]
        view = state["anchor_view"]
        return cls(uuid.UUID(state["uuid"]).bytes, state["lineage"], state["formed"],
                   state["base"], state["top"], view, crc if view else 0, state["epoch"], slot,
                   records, 0).sized()

    def sized(self) -> Sealed:
        return replace(self, size=sum(map(len, self.records)))

    def image(self) -> bytes:
        head = struct.pack(HEADER, self.magic, self.version, self.header_len, self.group,
                           self.lineage, self.formed, self.base, self.top, self.anchor_view,
                           self.size, self.anchor_crc, self.epoch, self.member, self.reserved)
        return head + struct.pack("<I", crc32c(head + bytes(4))) + b"".join(self.records)


def load(harp: harpnl.Harp, group: str, slot: int, image: bytes) -> harpnl.State:
    """As harpd does at a start."""
    file = BASE / f"sealed{slot}"
    file.write_bytes(image)
    fd = os.open(file, os.O_RDONLY)
    try:
        return harp.call("log-load", group=group, member=slot, fd=fd)[0]
    finally:
        os.close(fd)
