# SPDX-License-Identifier: GPL-2.0
"""harp.ko for Debian's stock kernels, built by the real dkms.

The root tree dkms runs in holds the headers of every stock kernel. Each build
sees it through an overlay in a mount namespace of its own, so that the tree
stays as it was and no mount outlives the build.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from . import apt, stock
from .util import (LabError, ROOT, cached, hash_of, hash_tree, need,
                   need_root, run)

RECIPE = "1"
SOURCES = ("dkms.conf", "kmod", "uapi")
OBJECTS = ("*.o", "*.ko", "*.mod", "*.mod.c", ".*.cmd", "Module.symvers",
           "modules.order")

SCRIPT = r"""
set -eu
work=$1 tree=$2 name=$3 version=$4 kernel=$5
mount --make-rprivate /
mkdir -p "$work/upper" "$work/over" "$work/root"
mount -t overlay -o "lowerdir=$tree,upperdir=$work/upper,workdir=$work/over" \
	overlay "$work/root"
mount -t proc proc "$work/root/proc"
mount --rbind /dev "$work/root/dev"
cp -a "$work/source" "$work/root/usr/src/$name-$version"
status=0
chroot "$work/root" sh -c '
	set -e
	export PATH=/usr/sbin:/usr/bin HOME=/root LC_ALL=C
	dkms add "$1/$2"
	dkms build -m "$1" -v "$2" -k "$3"
	dkms install -m "$1" -v "$2" -k "$3"
	dkms status
' dkms "$name" "$version" "$kernel" || status=$?
cp "$work/root/var/lib/dkms/$name/$version/build/make.log" "$work/" 2>/dev/null ||
	cp "$work/root/var/lib/dkms/$name/$version/$kernel/"*/log/make.log "$work/" \
	2>/dev/null || :
[ $status = 0 ] || exit $status
cp -a "$work/root/lib/modules/$kernel/updates/dkms" "$work/result"
"""


def _headers() -> list[str]:
    return ["linux-headers-" + stock.kernel_version(r) for r in stock.RELEASES]


def _build_tree(packages: list[str], work: Path) -> None:
    sources = apt.host_sources()
    for package in packages:
        if not apt.version(package):
            sources = apt.backports_sources()
    run(["mmdebstrap", "--mode=root", "--variant=minbase",
         "--aptopt=APT::Install-Recommends \"false\"",
         "--dpkgopt=path-exclude=/usr/share/man/*",
         "--dpkgopt=path-exclude=/usr/share/doc/*",
         "--dpkgopt=path-exclude=/usr/share/locale/*",
         "--include=" + ",".join(packages), apt.RELEASE, work / "root",
         *sources],
        "making a root tree with dkms and kernel headers",
        log=work / "mmdebstrap.log")
    for path in (work / "root/etc/apt").glob("sources.list*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def build_tree() -> Path:
    """The tree dkms runs in."""
    packages = ["dkms", "gcc", "make", "libc6-dev", "kmod", *_headers()]
    name = "dkms-tree-" + hash_of(RECIPE, *packages)
    return cached(name, lambda work: _build_tree(packages, work)) / "root"


def _copy_sources(source: Path, target: Path) -> None:
    target.mkdir()
    for name in SOURCES:
        if not (source / name).exists():
            raise LabError(f"{source}/{name} does not exist: there is no "
                           f"module to build")
    run(["rsync", "-a", *(f"--exclude={p}" for p in OBJECTS),
         *(source / name for name in SOURCES), target], "copying the sources")


def _setting(text: str, key: str) -> str:
    match = re.search(rf'^{key}="?([^"\n]+)"?', text, re.M)
    if not match:
        raise LabError(f"dkms.conf has no {key}")
    return match[1]


def _build(source: Path, tree: Path, version: str, work: Path) -> None:
    _copy_sources(source, work / "source")
    conf = (work / "source" / "dkms.conf").read_text()
    name = _setting(conf, "PACKAGE_NAME")
    try:
        text = run(["unshare", "--mount", "--pid", "--fork", "--kill-child=KILL",
                    "sh", "-c", SCRIPT, "dkms", work,
                    tree, name, _setting(conf, "PACKAGE_VERSION"), version],
                   f"building harp.ko for {version} by dkms")
    except LabError as error:
        log = work / "make.log"
        tail = log.read_text()[-3000:] if log.exists() else ""
        raise LabError(f"{error}\n{tail}".rstrip()) from None
    modules = list((work / "result").glob("*.ko*"))
    if not modules:
        raise LabError(f"dkms installed no module\n{text[-2000:]}")
    (work / "dkms.log").write_text(text)
    for name_ in ("source", "upper", "over", "root"):
        shutil.rmtree(work / name_, ignore_errors=True)


def build(release: str, source: Path = ROOT) -> Path:
    """Directory with the module as dkms installed it."""
    need("mmdebstrap", "rsync", "unshare")
    need_root("building by dkms")
    tree = build_tree()
    version = stock.kernel_version(release)
    for name in SOURCES:
        if not (source / name).exists():
            raise LabError(f"{source}/{name} does not exist: there is no "
                           f"module to build")
    key = hash_of(RECIPE, tree.parent.name, version, *(
        hash_tree(source / name, skip=OBJECTS) for name in SOURCES))
    return cached(f"dkms-{release}-{key}", lambda work: _build(
        source, tree, version, work)) / "result"
