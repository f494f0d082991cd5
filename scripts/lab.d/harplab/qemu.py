# SPDX-License-Identifier: GPL-2.0
"""QEMU command lines, and talking to a QEMU that runs."""

from __future__ import annotations

import contextlib
import fcntl
import json
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import firmware
from .machines import Lab, Node
from .session import PORTS
from .stock import Stock
from .util import LabError

# What the kernel is told beside the node's own needs. Tests of crashes want
# its last words on the console and a reboot by itself; time is spent only on
# what the machine is for.
KERNEL_ARGS = ("console=ttyS0", "loglevel=6", "panic=1", "nokaslr",
               "unknown_nmi_panic", "mitigations=off", "net.ifnames=0",
               "random.trust_cpu=on", "audit=0", "apparmor=0", "lsm=yama",
               "tsc=reliable", "no_timer_check", "cryptomgr.notests",
               "rcupdate.rcu_expedited=1", "nmi_watchdog=0",
               "systemd.show_status=0",
               "systemd.firstboot=off", "systemd.gpt_auto=0")


# Little more than Debian asks for: with wide vector registers, protection
# keys and the like, programs take paths that are slow to emulate (a boot takes
# a third longer with "max"). crc32 is in SSE 4.2.
CPU = "qemu64,+ssse3,+sse4.1,+sse4.2,+popcnt,+rdrand"


def kernel_args(lab: Lab, node: Node) -> list[str]:
    args = [*KERNEL_ARGS, f"harplab.node={node.name}",
            f"harplab.host={node.host}", f"harplab.nets={lab.networks}"]
    names = [f"disk{n}" for n in range(len(node.disks))] + \
        [f"image{n}" for n in range(len(node.images))]
    if names:
        args.append("harplab.disks=" + ",".join(names))
    if node.log:
        args.append("memmap=" + node.log.replace("@", "$"))
    return args + node.append


def _drive(name: str, path: Path, options: str) -> list[str]:
    return ["-drive", f"if=none,id={name},file={path},format=raw,{options}",
            "-device", f"virtio-blk-pci,drive={name},serial={name}"]


def _firmware(lab: Lab, node: Node, efi: Path) -> list[str]:
    """Its variables are the machine's own, for as long as the lab is up."""
    own = lab.directory / f"{node.name}.disk-efi"
    shutil.copyfile(efi / firmware.VARS, own)
    return ["-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={efi}/{firmware.CODE}",
            "-drive", f"if=pflash,unit=1,format=raw,file={own}"]


def command(lab: Lab, node: Node, stock: Stock, initrd: Path,
            layers: list[Path], efi: Path | None) -> list[str]:
    argv = ["qemu-system-x86_64", "-name", f"harp-{lab.name}-{node.name}",
            "-machine", "pc,usb=off,vmport=off,dump-guest-core=off",
            # With a thread for each processor, one can go on for ever with what it
            # translated before another patched the code (a static key): int3, retry.
            "-accel", "tcg,thread=" + ("multi" if node.cpus == 1 else "single"),
            "-cpu", CPU, "-smp", str(node.cpus), "-m", node.memory,
            "-nodefaults", "-no-user-config", "-display", "none",
            "-action", "reboot=reset,shutdown=poweroff,watchdog=reset",
            "-kernel", str(stock.vmlinuz if efi else stock.bootable),
            "-initrd", str(initrd),
            "-append", " ".join(kernel_args(lab, node)),
            "-qmp", f"unix:{lab.qmp(node.name)},server=on,wait=off",
            "-chardev", f"socket,id=console,path={lab.sockets}/"
            f"{node.name}.console,reconnect=0",
            "-serial", "chardev:console",
            "-device", "virtio-serial-pci,max_ports=16"]
    if efi:
        argv += _firmware(lab, node, efi)
    if node.watchdog:
        argv += ["-device", "i6300esb"]
    for number, layer in enumerate(layers):
        argv += _drive(f"layer{number}", layer,
                       "readonly=on,cache=unsafe,file.locking=off")
    for number in range(len(node.disks)):
        argv += _drive(f"disk{number}",
                       lab.directory / f"{node.name}.disk{number}",
                       "cache=writeback,discard=unmap")
    for number, image in enumerate(node.images):
        argv += _drive(f"image{number}", Path(image),
                       "readonly=on,cache=unsafe,file.locking=off")
    for number, path in enumerate(lab.ports(node.name)):
        argv += ["-chardev", f"socket,id=p{number},path={path},server=on,"
                 "wait=off",
                 "-device", f"virtserialport,chardev=p{number},"
                 f"name=harp.{number}"]
    for net in range(lab.networks):
        argv += ["-netdev", f"tap,id=net{net},ifname={node.port(net)},"
                 "script=no,downscript=no",
                 "-device", f"virtio-net-pci,netdev=net{net},romfile=,"
                 f"mac={node.mac(net)}"]
    assert len(lab.ports(node.name)) == PORTS
    return argv


class Qmp:
    """QEMU's machine protocol; one talker at a time."""

    def __init__(self, path: Path, node: str):
        self.node = node
        self._sock = socket.socket(socket.AF_UNIX)
        self._sock.settimeout(20)
        try:
            self._sock.connect(str(path))
        except OSError as error:
            self._sock.close()
            raise LabError(f"{node} is not running") from error
        self._file = self._sock.makefile("rw")
        self._read()
        self.do("qmp_capabilities")

    def _read(self) -> dict[str, Any]:
        try:
            line = self._file.readline()
        except TimeoutError:
            raise LabError(f"{self.node}: QEMU does not answer") from None
        except ConnectionError:
            line = ""
        if not line:
            raise LabError(f"{self.node}: QEMU ended")
        return json.loads(line)

    def do(self, verb: str, **arguments: Any) -> Any:
        try:
            self._file.write(json.dumps({"execute": verb,
                                         "arguments": arguments}) + "\n")
            self._file.flush()
        except ConnectionError:
            raise LabError(f"{self.node}: QEMU ended") from None
        while True:
            answer = self._read()
            if "error" in answer:
                raise LabError(f"{self.node}: {verb}: "
                               f"{answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def close(self) -> None:
        # What could not be sent is still to be flushed, and there is nobody to take it.
        with contextlib.suppress(ConnectionError):
            self._file.close()
        self._sock.close()


@contextlib.contextmanager
def qmp(lab: Lab, node: str) -> Iterator[Qmp]:
    path = lab.qmp(node)
    if not path.exists():
        raise LabError(f"{node} is not running")
    with open(f"{path}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        talk = Qmp(path, node)
        try:
            yield talk
        finally:
            talk.close()
