# SPDX-License-Identifier: GPL-2.0
"""Debian's EFI firmware for QEMU, for machines whose profile asks for one."""

from __future__ import annotations

import shutil
from pathlib import Path

from . import apt
from .util import cached, hash_of, need, run

PACKAGE = "ovmf"
KINDS = ("bios", "efi")
CODE, VARS = "OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd"


def _build(work: Path) -> None:
    deb = apt.download(PACKAGE, work)
    unpacked = work / "deb"
    run(["dpkg-deb", "-x", deb, unpacked], f"unpacking {PACKAGE}")
    for name in (CODE, VARS):
        shutil.copy2(unpacked / "usr/share/OVMF" / name, work / name)
    shutil.rmtree(unpacked)
    deb.unlink()


def efi() -> Path:
    """Where its code is, and the variables a machine begins with."""
    need("apt-get", "dpkg-deb")
    key = hash_of("1", PACKAGE, apt.version(PACKAGE, apt.options_for(PACKAGE)))
    return cached(f"efi-{key}", _build)
