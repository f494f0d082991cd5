# SPDX-License-Identifier: GPL-2.0
"""The root image of every test machine, and image files in general."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from . import apt
from .util import LAB_D, cached, hash_of, hash_tree, need, need_root, run

PACKAGES = """
    systemd systemd-sysv udev dbus kmod procps psmisc util-linux busybox-static
    nfs-kernel-server nfs-common rpcbind
    iproute2 iputils-ping iputils-arping ethtool nftables tcpdump
    e2fsprogs xfsprogs dmsetup acl attr quota fio strace rsync jq socat
    nfs4-acl-tools libasan8 libubsan1
    libstdc++6 libnl-3-200 libnl-genl-3-200 libnl-route-3-200 libmnl0
    libsystemd0 libfmt9 libtomlplusplus3 libinih1
    python3-minimal python3 python3-yaml
""".split()

RECIPE = "1"


def base_name() -> str:
    return "base-" + hash_of(RECIPE, *PACKAGES, hash_tree(LAB_D / "image"))


def _build(work: Path) -> None:
    root = work / "root"
    log = work / "mmdebstrap.log"
    run(["mmdebstrap", "--mode=root", "--variant=minbase",
         "--aptopt=APT::Install-Recommends \"false\"",
         "--dpkgopt=path-exclude=/usr/share/man/*",
         "--dpkgopt=path-exclude=/usr/share/doc/*",
         "--dpkgopt=path-exclude=/usr/share/locale/*",
         "--include=" + ",".join(PACKAGES), apt.RELEASE, root,
         *apt.host_sources()],
        "making the root image", log=log)
    _configure(root)
    mkfs(work / "root.img", root, free_mb=16)


def _configure(root: Path) -> None:
    (root / "etc/hostname").write_text("node\n")
    (root / "etc/fstab").write_text("")
    # Sources name the mirror of the machine that made the image: keep them
    # out of an image that may be handed on.
    for path in (root / "etc/apt").glob("sources.list*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    (root / "etc/machine-id").write_text("")
    (root / "etc/passwd").write_text(
        (root / "etc/passwd").read_text().replace("root:x:", "root::", 1))
    for name in ("lower", "mnt", "srv/harp", "harp/src", "harp/out"):
        (root / name).mkdir(parents=True, exist_ok=True)
    shutil.copytree(LAB_D / "image", root, dirs_exist_ok=True)


def mkfs(image: Path, tree: Path, free_mb: int) -> None:
    """An ext4 image that holds the tree, made without mounting anything."""
    need("mkfs.ext4")
    used = int(subprocess.run(["du", "-sm", "--apparent-size", str(tree)],
                              text=True, capture_output=True,
                              check=True).stdout.split()[0])
    inodes = sum(len(d) + len(f) for _, d, f in os.walk(tree)) + 256
    size = used + used // 8 + inodes // 256 + free_mb
    image.unlink(missing_ok=True)
    with open(image, "wb") as handle:
        handle.truncate(size << 20)
    run(["mkfs.ext4", "-q", "-F", "-O", "^has_journal,^resize_inode", "-m0",
         "-N", str(inodes + 256), "-E", "lazy_itable_init=1,root_owner=0:0",
         "-d", tree, image], f"writing {image.name}")


def base_image() -> Path:
    """Directory with `root`, the tree, and `root.img`, the same as ext4."""
    need("mmdebstrap", "mkfs.ext4")
    need_root("making the root image")
    return cached(base_name(), _build)
