# SPDX-License-Identifier: GPL-2.0
"""User Mode Linux kernels, built from Debian's source package."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from . import apt
from .util import LabError, ROOT, cached, hash_of, need, run

SOURCE = "linux-source-6.1"
CONFIGS = {
    "plain": ("bench.config",),
    "debug": ("bench.config", "debug.config"),
}

# The compiler's flags for the kernel, and not for modules. A third of the debug
# kernel's build was the optimizer, which no checker needs.
FLAGS: dict[str, tuple[str, ...]] = {
    "plain": (),
    "debug": ("-O1",),
}

# Sources that no User Mode Linux kernel is made of; their Kconfigs are read.
UNUSED = ("arch/[!ux]*/*.[chS]", "arch/[!ux]*/*.dts*", "drivers/gpu/*.[ch]",
          "drivers/net/*/*.[ch]", "drivers/media/*.[ch]",
          "drivers/staging/*.[ch]", "sound/*.[ch]", "Documentation/*/*",
          "tools/testing/*", "tools/perf/*")

# Without it no process starts where the host's processor has AMX.
PATCH = ROOT / "scripts" / "lab.d" / "uml-registers.patch"

# Bump when the steps below change what they make.
RECIPE = "1"


def _let_atomic_sleep_be_checked(tree: Path) -> None:
    # Kconfig forbids DEBUG_ATOMIC_SLEEP where ARCH_NO_PREEMPT is set, for the
    # sake of architectures without a preempt count. UML uses the generic one,
    # so the check works there, and a file system wants it more than most.
    path = tree / "lib" / "Kconfig.debug"
    text = path.read_text()
    head, mark, tail = text.partition("\nconfig DEBUG_ATOMIC_SLEEP\n")
    entry, end, rest = tail.partition("\nconfig ")
    if not mark:
        raise LabError(f"{SOURCE} has no DEBUG_ATOMIC_SLEEP")
    entry = entry.replace("\tdepends on !ARCH_NO_PREEMPT\n", "")
    path.write_text(head + mark + entry + end + rest)


def _let_wchan_read_stacks(tree: Path) -> None:
    # /proc/PID/wchan makes User Mode Linux walk another task's stack word by
    # word, red zones included, and it does not tell KASAN so as x86 does.
    path = tree / "arch" / "um" / "kernel" / "Makefile"
    path.write_text(path.read_text() + "\nKASAN_SANITIZE_process.o := n\n")


def _check_config(tree: Path, wanted: list[Path]) -> None:
    """Kconfig drops what it cannot have without a word; we do not."""
    final = set((tree / ".config").read_text().splitlines())
    want: dict[str, str] = {}
    for path in wanted:
        for line in path.read_text().splitlines():
            if line.startswith("CONFIG_"):
                key, _, value = line.partition("=")
                want[key] = value
    lost = [f"{k}={v}" for k, v in want.items()
            if v != "n" and f"{k}={v}" not in final]
    lost += [f"{k}=n" for k, v in want.items()
             if v == "n" and any(line.startswith(f"{k}=") for line in final)]
    if lost:
        raise LabError("the kernel's configuration does not take: "
                       + ", ".join(sorted(lost)))


def _prune(tree: Path) -> None:
    """Keep what `make M=…` reads: headers, scripts, Makefiles, Kconfigs."""
    for name in os.listdir(tree / "arch"):
        path = tree / "arch" / name
        if path.is_dir() and name not in ("um", "x86"):
            shutil.rmtree(path)
    for name in ("Documentation", "drivers", "samples", "sound", "tools"):
        shutil.rmtree(tree / name, ignore_errors=True)
    keep = tree / "scripts"
    for top, dirs, files in os.walk(tree):
        if Path(top) == tree:
            dirs.remove("scripts")
        for name in files:
            if name.endswith((".c", ".S", ".o", ".a", ".rst", ".cmd", ".dts")) \
                    and not name == "auto.conf.cmd":
                os.unlink(os.path.join(top, name))
    for name in ("vmlinux", ".tmp_vmlinux.kallsyms1", ".tmp_vmlinux.kallsyms2"):
        (tree / name).unlink(missing_ok=True)
    if not keep.is_dir():
        raise LabError("pruning removed the kernel's scripts")


def _objects(tree: Path) -> str:
    count = sum(len([f for f in files if f.endswith(".o")])
                for _, _, files in os.walk(tree))
    return f"{count} objects of 1,100 to 1,300"


def _build(kind: str, work: Path) -> None:
    wanted = [ROOT / "selftests" / name for name in CONFIGS[kind]]
    deb = apt.download(SOURCE, work)
    run(["dpkg-deb", "-x", deb, work / "deb"], f"unpacking {SOURCE}")
    run(["tar", "-xJf", work / "deb" / "usr" / "src" / f"{SOURCE}.tar.xz",
         "-C", work, *(f"--exclude={SOURCE}/{name}" for name in UNUSED)],
        f"unpacking {SOURCE}")
    tree = work / "tree"
    (work / SOURCE).rename(tree)
    deb.unlink()
    shutil.rmtree(work / "deb")

    _let_atomic_sleep_be_checked(tree)
    _let_wchan_read_stacks(tree)
    run(["patch", "-d", tree, "-p1", "--fuzz=0", "-i", PATCH], "patching the kernel")
    (tree / ".config").write_text("".join(p.read_text() for p in wanted))
    make = ["make", "-C", str(tree), "ARCH=um"]
    run([*make, "olddefconfig"], "configuring the kernel")
    _check_config(tree, wanted)
    jobs = f"-j{(os.cpu_count() or 1) + 1}"
    run([*make, jobs, f"KCFLAGS={' '.join(FLAGS[kind])}", "all"],
        f"building the {kind} kernel (5 to 25 minutes)",
        log=work / "build.log", low_priority=True, contained=True,
        detail=lambda: _objects(tree))
    shutil.copy2(tree / "linux", work / "linux")
    _prune(tree)


def _key(kind: str) -> str:
    if kind not in CONFIGS:
        raise LabError(f"no kernel '{kind}': there are {', '.join(CONFIGS)}")
    files = [ROOT / "selftests" / name for name in CONFIGS[kind]]
    return hash_of(RECIPE, apt.version(SOURCE), *FLAGS[kind], PATCH, *files)


def entry_name(kind: str) -> str:
    return f"uml-{kind}-{_key(kind)}"


def uml_kernel(kind: str) -> Path:
    """Directory with `linux`, the program, and `tree`, to build modules in."""
    need("apt-get", "dpkg-deb", "tar", "xz", "make", "gcc", "bison", "flex",
         "bc", "patch")
    return cached(entry_name(kind), lambda work: _build(kind, work))
