#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""C2: a lower onto which a copy was begun, and what its note keeps the member from.

Words: of the tests' names."""
from __future__ import annotations

import errno
import struct
import sys
import uuid
from dataclasses import dataclass
from typing import Any, Callable

from one import UUID, fs_context, run_asked

import harpwire
from dataplane_test import expect
from lone import GROUP, ME_INC, WITNESS, YOU_INC, Lone

NOTE = struct.Struct("<QII16sQQQQQQBBBBI")
STRIDE = 4096
PIECES, LOG, ENDED = 1, 2, 3
OBJECTS, ENTRIES, DONE = range(3)
UNENDED = "a copy onto the lower has not ended"
KEPT = ("role", "view", "formed", "top", "ap", "lb", "feed_view")


@dataclass(frozen=True)
class Note:
    """.harp/copy as a copy leaves it (kmod/copynote.c)."""
    state: int
    step: int
    seq: int = 1
    first: int = 10
    upto: int = 20
    end: int = 100
    fid: int = 1
    group: str = UUID
    lineage: int = 7
    member: int = 0

    def data(self) -> bytes:
        body = NOTE.pack(0x45544f4e5f504348, 1, NOTE.size, uuid.UUID(self.group).bytes,
                         self.lineage, self.seq, self.first, self.upto, self.end, self.fid,
                         self.state, self.step, self.member, 0, 0)
        return body[:-4] + struct.pack("<I", harpwire.crc32c(body))


def store(lone: Lone, *notes: Note) -> bytes:
    """Each at the place of its number; what the file holds then."""
    path = lone.member.lower / ".harp/copy"
    data = bytearray(STRIDE + NOTE.size)
    for note in notes:
        at = note.seq % 2 * STRIDE
        data[at:at + NOTE.size] = note.data()
    path.write_bytes(data)
    return bytes(data)


def kept(lone: Lone) -> dict[str, Any]:
    state = lone.state()
    return {name: state[name] for name in KEPT}


def feed(lone: Lone) -> None:
    state = lone.state()
    view = 4 * (max(state["view"], state["fence"]) // 4 + 1) + WITNESS
    lone.harp.feed(GROUP, 0, view, WITNESS, YOU_INC, state["top"])


def enters_no_view() -> None:
    """While a copy has not ended the member enters no view, and while pieces are to come it is
    not fed; then both."""
    with Lone() as lone:
        for note in (Note(PIECES, OBJECTS), Note(PIECES, ENTRIES, fid=16), Note(LOG, DONE)):
            lone.end()
            data = store(lone, note)
            lone.mount()
            before = kept(lone)
            expect(errno.ENODATA, UNENDED, lone.start)
            if note.state == PIECES:
                expect(errno.ENODATA, UNENDED, lambda: feed(lone))
            assert kept(lone) == before, (before, kept(lone))
            state = lone.state()
            assert (state["copying"], state["copy_from"], state["copy_upto"], state["copy_end"],
                    state["copy_pass"], state["copy_fid"]) == \
                (note.state, note.first, note.upto, note.end, note.step, note.fid), state
            if note.state == LOG:
                feed(lone)
            assert (lone.member.lower / ".harp/copy").read_bytes() == data
        lone.end()
        store(lone, Note(ENDED, DONE))
        lone.mount()
        feed(lone)
        lone.start()
        assert lone.state()["role"] == "primary"


def newer_counts() -> None:
    """Of two notes the one with the higher number counts, wherever it is; a torn one does not."""
    with Lone() as lone:
        for seq in (1, 2):
            lone.end()
            store(lone, Note(PIECES, OBJECTS, seq=seq), Note(ENDED, DONE, seq=seq + 1))
            lone.mount()
            feed(lone)
            lone.end()
            data = bytearray(store(lone, Note(PIECES, OBJECTS, seq=seq),
                                   Note(ENDED, DONE, seq=seq + 1)))
            data[(seq + 1) % 2 * STRIDE + 40] ^= 1
            (lone.member.lower / ".harp/copy").write_bytes(data)
            lone.mount()
            expect(errno.ENODATA, UNENDED, lambda: feed(lone))


def mount_refused(lone: Lone, data: bytes, number: int, words: str) -> None:
    path = lone.member.lower / ".harp/copy"
    path.write_bytes(data)
    options = {"source": str(lone.member.lower), "group": GROUP, "uuid": UUID, "member": "0",
               "inc": str(ME_INC), "lineage": "7", "epoch": "3", "hold": "0", "region": "mem:8M"}
    error, said = fs_context("harp", options)
    assert error is not None and error.errno == number, f"{error} ({said})"
    assert words in said, f"expected {words!r} in {said!r}"
    assert path.read_bytes() == data


def no_note() -> None:
    """Bytes that are no note of this member's are not taken for "no copy"."""
    good = Note(PIECES, OBJECTS)
    damaged = bytearray(good.data())
    damaged[40] ^= 1
    with Lone() as lone:
        lone.end()
        try:
            for data in (b"\0", bytes(STRIDE), bytes(damaged), good.data()[:-1],
                         Note(0, OBJECTS).data(), Note(ENDED + 1, DONE).data(),
                         Note(PIECES, DONE).data(), Note(LOG, OBJECTS).data(),
                         Note(PIECES, OBJECTS, fid=100).data(), Note(PIECES, OBJECTS, fid=0).data(),
                         Note(PIECES, OBJECTS, first=21).data(), Note(ENDED, DONE, end=0).data()):
                mount_refused(lone, data, errno.EUCLEAN, "holds no valid copy note")
            for other in (Note(ENDED, DONE, group=UUID[:-1] + "0"), Note(ENDED, DONE, lineage=8),
                          Note(ENDED, DONE, member=1)):
                mount_refused(lone, other.data(), errno.EBUSY, "belongs to another")
        finally:
            (lone.member.lower / ".harp/copy").unlink()
            lone.mount()
        lone.start()


TESTS: list[tuple[str, Callable[[], Any]]] = [
    ("a member whose copy has not ended enters no view and is not fed", enters_no_view),
    ("the newer of two copy notes counts, a torn one does not", newer_counts),
    ("what is no copy note is refused", no_note),
]


if __name__ == "__main__":
    sys.exit(run_asked(TESTS))
