# SPDX-License-Identifier: GPL-2.0
"""Debian's stock kernels and the initramfs that boots them."""

from __future__ import annotations

import dataclasses
import lzma
import os
import re
import shutil
import stat
import struct
import subprocess
import zlib
from pathlib import Path

from . import apt, image
from .util import LAB_D, LabError, cached, hash_of, need, run

RELEASES = {"6.1": "linux-image-amd64", "6.12": "linux-image-6.12-amd64"}
RECIPE = "4"

# Drivers no test machine has the hardware for; they are most of the size.
KEEP_DRIVERS = {"acpi", "block", "char", "dax", "firmware", "md", "misc",
                "net", "nvdimm", "nvme", "ptp", "scsi", "tty", "vhost",
                "virtio", "watchdog"}
DROP = ("sound", "drivers/net/ethernet", "drivers/net/wireless",
        "drivers/net/wan", "drivers/net/usb", "drivers/net/can",
        "drivers/net/hamradio", "drivers/net/phy", "drivers/net/dsa",
        "drivers/net/arcnet", "drivers/scsi")
INITRAMFS_MODULES = ("virtio_pci", "virtio_blk", "virtio_net",
                     "virtio_console", "ext4", "overlay", "crc32c_generic")


@dataclasses.dataclass(frozen=True)
class Stock:
    """A stock kernel in the cache."""
    path: Path
    version: str

    @property
    def vmlinuz(self) -> Path:
        return self.path / "vmlinuz"

    @property
    def bootable(self) -> Path:
        """The image to boot: unpacked where that was possible."""
        unpacked = self.path / "vmlinux"
        return unpacked if unpacked.exists() else self.vmlinuz

    @property
    def modules_tree(self) -> Path:
        return self.path / "root" / "usr" / "lib" / "modules" / self.version

    @property
    def layer(self) -> Path:
        return self.path / "modules.img"


def image_package(release: str) -> str:
    """Name of the package with this release's newest kernel."""
    if release not in RELEASES:
        raise LabError(f"no kernel '{release}': there are "
                       f"{', '.join(RELEASES)}")
    meta = RELEASES[release]
    if not apt.version(meta):
        # Where 6.12 is not in the stable sources it is backports' kernel.
        meta = "linux-image-amd64"
    return apt.depends(meta, rf"linux-image-{re.escape(release)}\.[^ ]*-amd64")


def kernel_version(release: str) -> str:
    return image_package(release).removeprefix("linux-image-")


def _prune(kernel: Path) -> None:
    for driver in (kernel / "drivers").iterdir():
        if driver.name not in KEEP_DRIVERS:
            shutil.rmtree(driver)
    for name in DROP:
        shutil.rmtree(kernel / name, ignore_errors=True)


def _decompress(kernel: Path) -> None:
    """Later kernels ship .ko.xz, which emulated processors unpack slowly."""
    for packed in kernel.rglob("*.ko.xz"):
        packed.with_suffix("").write_bytes(lzma.decompress(
            packed.read_bytes()))
        packed.unlink()


def _unpack_kernel(vmlinuz: Path, vmlinux: Path) -> None:
    """The kernel proper out of a bzImage (Documentation/arch/x86/boot.rst):
    an emulated processor takes four seconds to do it at each boot. QEMU
    starts it by the PVH entry, which Debian's kernels have."""
    image_ = vmlinuz.read_bytes()
    sectors = image_[0x1f1] or 4
    offset, length = struct.unpack_from("<II", image_, 0x248)
    start = (sectors + 1) * 512 + offset
    payload = image_[start:start + length]
    if payload.startswith(b"\xfd7zXZ\0"):
        # Four bytes with the unpacked size follow the stream.
        body = lzma.LZMADecompressor().decompress(payload)
    elif payload.startswith(b"\x1f\x8b"):
        body = zlib.decompressobj(31).decompress(payload)
    elif payload.startswith(b"\x28\xb5\x2f\xfd"):
        need("zstd")
        # Whatever follows the frame (the size again) is not zstd's: it
        # complains after having written everything.
        body = subprocess.run(["zstd", "-dcq"], input=payload,
                              capture_output=True, check=False).stdout
    else:
        return
    if body.startswith(b"\x7fELF"):
        vmlinux.write_bytes(body)


def _build(package: str, work: Path) -> None:
    deb = apt.download(package, work)
    unpacked = work / "deb"
    run(["dpkg-deb", "-x", deb, unpacked], f"unpacking {package}")
    version = package.removeprefix("linux-image-")
    shutil.copy2(unpacked / "boot" / f"vmlinuz-{version}", work / "vmlinuz")
    _unpack_kernel(work / "vmlinuz", work / "vmlinux")
    tree = work / "root" / "usr" / "lib" / "modules" / version
    tree.parent.mkdir(parents=True)
    shutil.move(unpacked / "lib" / "modules" / version, tree)
    _prune(tree / "kernel")
    _decompress(tree / "kernel")
    (work / "root" / "boot").mkdir()
    shutil.copy2(unpacked / "boot" / f"config-{version}", work / "root/boot")
    shutil.rmtree(unpacked)
    deb.unlink()
    # depmod looks below /lib; the image has /usr/lib only.
    link = work / "root" / "lib"
    link.symlink_to("usr/lib")
    run(["depmod", "-b", work / "root", version], "listing modules")
    link.unlink()
    image.mkfs(work / "modules.img", work / "root", free_mb=4)
    (work / "version").write_text(version)


def stock_kernel(release: str) -> Stock:
    need("apt-get", "dpkg-deb", "depmod", "mkfs.ext4")
    package = image_package(release)
    key = hash_of(RECIPE, package, apt.version(
        package, apt.options_for(package)), *sorted(KEEP_DRIVERS), *DROP)
    path = cached(f"stock-{release}-{key}",
                  lambda work: _build(package, work))
    return Stock(path, (path / "version").read_text())


def _cpio(entries: list[tuple[str, int, bytes]]) -> bytes:
    """A newc archive of (name, mode, content); see
    Documentation/driver-api/early-userspace/buffer-format.rst."""
    out = bytearray()
    for number, (name, mode, body) in enumerate(
            [*entries, ("TRAILER!!!", 0, b"")], 1):
        encoded = name.encode() + b"\0"
        fields = (number, mode, 0, 0, 1, 0, len(body), 0, 0, 0, 0,
                  len(encoded), 0)
        out += b"070701" + b"".join(b"%08X" % f for f in fields) + encoded
        out += b"\0" * (-len(out) % 4)
        out += body
        out += b"\0" * (-len(out) % 4)
    return bytes(out)


def _module_order(tree: Path) -> list[str]:
    """Files of INITRAMFS_MODULES with what they depend on, in load order."""
    deps: dict[str, list[str]] = {}
    for line in (tree / "modules.dep").read_text().splitlines():
        name, _, rest = line.partition(":")
        deps[name] = rest.split()
    by_name = {Path(f).name.split(".")[0].replace("-", "_"): f for f in deps}
    builtin = (tree / "modules.builtin").read_text().replace("-", "_")
    order: list[str] = []
    for module in INITRAMFS_MODULES:
        if module not in by_name:
            if f"/{module}.ko" in builtin:
                continue
            raise LabError(f"the stock kernel has no module {module}")
        file = by_name[module]
        for name in [*reversed(deps[file]), file]:
            if name not in order:
                order.append(name)
    return order


def _build_initramfs(stock: Stock, base: Path, work: Path) -> None:
    directory, plain = stat.S_IFDIR | 0o755, stat.S_IFREG | 0o755
    entries = [(name, directory, b"") for name in
               ("bin", "dev", "proc", "sys", "modules", "memory", "new",
                "layer0", "layer1", "layer2")]
    entries.append(("init", plain,
                    (LAB_D / "guest" / "initramfs-init").read_bytes()))
    busybox = base / "root" / "usr" / "bin" / "busybox"
    if not busybox.exists():
        busybox = base / "root" / "bin" / "busybox"
    entries.append(("bin/busybox", plain, busybox.read_bytes()))
    # printk's /dev/console for init: devtmpfs is mounted by init itself.
    order = _module_order(stock.modules_tree)
    for name in order:
        entries.append((f"modules/{os.path.basename(name)}", plain,
                        (stock.modules_tree / name).read_bytes()))
    entries.append(("modules/order", plain, "".join(
        os.path.basename(n) + "\n" for n in order).encode()))
    (work / "initrd.img").write_bytes(_cpio(entries))


def initramfs(stock: Stock, base: Path) -> Path:
    key = hash_of(stock.path.name, base.name, *INITRAMFS_MODULES,
                  LAB_D / "guest" / "initramfs-init", Path(__file__))
    return cached(f"initramfs-{key}", lambda work: _build_initramfs(
        stock, base, work)) / "initrd.img"
