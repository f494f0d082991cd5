# SPDX-License-Identifier: GPL-2.0
"""harp.ko for the User Mode Linux kernels."""

from __future__ import annotations

import os
from pathlib import Path

from . import kernel
from .util import LabError, OUT, ROOT, lock_file, need, run

SOURCES = ("kmod", "uapi")
# What a build leaves among the copied sources. The probes' answers, too: without
# them all would be compiled again.
MADE = ("*.o", "*.ko", "*.mod", "*.mod.c", "*.cmd", "Module.symvers",
        "modules.order", "*.probe", "*.probe.log", "compat_config.h")


def _mirror(target: Path) -> None:
    """Copy the sources, so that builds for several kernels do not share
    objects; unchanged files keep their times and are not built again."""
    need("rsync")
    target.mkdir(parents=True, exist_ok=True)
    run(["rsync", "-a", "--delete",
         *(f"--exclude={p}" for p in MADE),
         *(ROOT / name for name in SOURCES), target], "copying the sources")


def build_for_uml(kind: str) -> Path:
    """Build the module against a lab kernel; the path of harp.ko."""
    if not (ROOT / "kmod" / "Kbuild").exists():
        raise LabError("kmod/Kbuild does not exist: there is no module to "
                       "build")
    built = kernel.uml_kernel(kind)
    target = OUT / "kmod" / f"uml-{kind}"
    with lock_file(OUT / "kmod" / f".uml-{kind}.lock"):
        _mirror(target)
        text = run(["make", "-C", built / "tree", "ARCH=um",
                    f"-j{os.cpu_count() or 1}", f"M={target / 'kmod'}",
                    "HARP_KUNIT=y",  # where the kernel has KUnit
                    "modules"],
                   f"building harp.ko for the {kind} kernel",
                   low_priority=True)
        (target / "build.log").write_text(text)
    for line in text.splitlines():
        if "warning:" in line:
            print(line)
    result = target / "kmod" / "harp.ko"
    if not result.exists():
        raise LabError(f"kmod/Kbuild makes no harp.ko ({target}/build.log)")
    return result
