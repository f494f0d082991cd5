# SPDX-License-Identifier: GPL-2.0
"""The topmost read-only layer of a lab: agent, names, what is under test."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from . import image
from .machines import Lab
from .stock import Stock
from .util import LAB_D, ROOT, run, say

# Every program that starts costs tens of milliseconds under emulation, and
# four machines boot at once: what does nothing for a test is masked. The
# machine's own NFS server would sit beside those of the groups.
MASKED = """
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer
    e2scrub_all.timer e2scrub_reap.service fstrim.timer
    kmod-static-nodes.service
    systemd-udev-trigger.service systemd-udev-settle.service
    systemd-hwdb-update.service systemd-update-utmp.service
    systemd-update-utmp-runlevel.service systemd-journal-flush.service
    systemd-journal-catalog-update.service systemd-update-done.service
    systemd-random-seed.service systemd-binfmt.service systemd-sysctl.service
    systemd-firstboot.service systemd-machine-id-commit.service
    systemd-pcrphase.service systemd-pcrphase-sysinit.service
    systemd-pcrphase-initrd.service systemd-boot-update.service
    systemd-boot-system-token.service systemd-pstore.service
    systemd-repart.service systemd-sysext.service systemd-sysusers.service
    systemd-tmpfiles-setup-dev.service systemd-tmpfiles-clean.timer
    systemd-ask-password-console.path systemd-ask-password-wall.path
    systemd-remount-fs.service systemd-user-sessions.service
    systemd-logind.service systemd-initctl.socket
    modprobe@configfs.service modprobe@dm_mod.service modprobe@drm.service
    modprobe@efi_pstore.service modprobe@fuse.service modprobe@loop.service
    getty@tty1.service serial-getty@ttyS0.service getty.target
    console-getty.service getty-static.service
    nfs-blkmap.service auth-rpcgss-module.service nfs-server.service
    nfs-client.target rpcbind.service rpcbind.socket remote-fs.target
    nftables.service run-rpc_pipefs.mount proc-fs-nfsd.mount
    proc-sys-fs-binfmt_misc.automount dev-mqueue.mount dev-hugepages.mount
    sys-fs-fuse-connections.mount sys-kernel-config.mount
    sys-kernel-debug.mount sys-kernel-tracing.mount
    cryptsetup.target integritysetup.target veritysetup.target
""".split()
GENERATORS = """
    nfs-server-generator rpc-pipefs-generator
    systemd-bless-boot-generator systemd-cryptsetup-generator
    systemd-debug-generator systemd-fstab-generator systemd-getty-generator
    systemd-gpt-auto-generator systemd-hibernate-resume-generator
    systemd-integritysetup-generator systemd-rc-local-generator
    systemd-run-generator systemd-system-update-generator
    systemd-sysv-generator systemd-veritysetup-generator
""".split()

STAGE = ROOT / "out" / "stage"


def _agent(tree: Path) -> None:
    target = tree / "usr" / "lib" / "harp-lab"
    target.mkdir(parents=True)
    shutil.copy2(LAB_D / "guest" / "agent.py", target)
    units = tree / "etc" / "systemd" / "system"
    wants = units / "sysinit.target.wants"
    wants.mkdir(parents=True)
    shutil.copy2(LAB_D / "guest" / "harp-lab-agent.service", units)
    (wants / "harp-lab-agent.service").symlink_to("../harp-lab-agent.service")


def _mask(tree: Path) -> None:
    for folder, names in (("system", MASKED),
                          ("system-generators", GENERATORS)):
        where = tree / "etc" / "systemd" / folder
        where.mkdir(parents=True, exist_ok=True)
        for name in names:
            (where / name).symlink_to("/dev/null")
    default = tree / "etc" / "systemd" / "system" / "default.target"
    default.symlink_to("/usr/lib/systemd/system/multi-user.target")


def _hosts(tree: Path, lab: Lab) -> None:
    lines = ["127.0.0.1 localhost", "::1 localhost"]
    for node in lab.nodes.values():
        for net in range(lab.networks):
            suffix = "" if net == 0 else f"-net{net}"
            lines.append(f"{node.address(node.host, net)} "
                         f"{node.name}{suffix}")
    (tree / "etc").mkdir(exist_ok=True)
    (tree / "etc" / "hosts").write_text("\n".join(lines) + "\n")


def _module(tree: Path, stock: Stock, module: Path) -> None:
    """harp.ko where DKMS put it, and lists of modules that know it."""
    modules = tree / "usr" / "lib" / "modules" / stock.version
    shutil.copytree(module, modules / "updates" / "dkms")
    # depmod needs every module in place: let it see the stock ones through
    # a tree of links, and keep only the lists it writes.
    scratch = tree.parent / "depmod"
    look = scratch / "lib" / "modules" / stock.version
    look.mkdir(parents=True)
    (look / "kernel").symlink_to(stock.modules_tree / "kernel")
    (look / "updates").symlink_to(modules / "updates")
    for name in ("modules.order", "modules.builtin",
                 "modules.builtin.modinfo"):
        shutil.copy2(stock.modules_tree / name, look)
    run(["depmod", "-b", scratch, stock.version], "listing modules")
    for path in look.iterdir():
        if path.is_file() and not path.is_symlink():
            shutil.copy2(path, modules)


def _stage(tree: Path) -> None:
    if not STAGE.is_dir():
        say("out/stage does not exist: harpd and harpctl will be missing "
            "(make stage)")
        return
    # Merged /usr: what is staged in /sbin and /lib belongs there.
    subprocess.run(["rsync", "-a", f"{STAGE}/", tree], check=True)
    for name in ("bin", "sbin", "lib"):
        if (tree / name).is_dir():
            subprocess.run(["rsync", "-a", f"{tree}/{name}/",
                            tree / "usr" / name], check=True)
            shutil.rmtree(tree / name)


def build(lab: Lab, stock: Stock | None, module: Path | None, stage: bool,
          where: Path) -> Path:
    """Write the layer's image below `where`. Without a stock kernel it is for
    nodes in one kernel: those have no systemd, and take the agent and the
    module from the checkout."""
    tree = where / "layer"
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir()
    if stage:
        _stage(tree)
    _hosts(tree, lab)
    if stock:
        _agent(tree)
        _mask(tree)
        if module:
            _module(tree, stock, module)
    path = where / "layer.img"
    image.mkfs(path, tree, free_mb=4)
    shutil.rmtree(tree)
    shutil.rmtree(where / "depmod", ignore_errors=True)
    return path
