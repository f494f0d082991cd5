#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""A file made, written and read over harp is on both copies."""
from __future__ import annotations

import os
import sys

from one import Ktap, Rig, same_copies


def smoke(kind: str) -> None:
    with Rig(kind) as rig:
        m = rig.p.mnt
        (m / "a").mkdir()
        (m / "a/f").write_bytes(b"hello\n" * 1000)
        os.symlink("a/f", m / "s")
        os.link(m / "a/f", m / "h")
        assert (m / "s").read_bytes() == b"hello\n" * 1000
        os.rename(m / "h", m / "a/h2")
        os.unlink(m / "a/f")
        assert os.stat(m / "a/h2").st_nlink == 1
        same_copies(rig)


def main() -> int:
    t = Ktap(2)
    for kind in ("ext4", "xfs"):
        t.run(f"smoke on {kind}", lambda k=kind: smoke(k))
    return t.end()


if __name__ == "__main__":
    sys.exit(main())
