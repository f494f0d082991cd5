#!/usr/bin/python3 -ISB
# SPDX-License-Identifier: GPL-2.0
"""The nodes of a lab in one kernel: what runs in it until it is switched off.

Reads $HARP_OUT/nodes.json. Each node gets namespaces of its own (network,
mounts, processes, host name, IPC), a root of its own over the image, a control
group, and agents on its consoles. The switch, this process's own network
namespace, has one agent.
"""

import ctypes
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import agent  # noqa: E402

LIBC = ctypes.CDLL(None, use_errno=True)
MS_RDONLY, MS_BIND, MS_REC, MS_PRIVATE = 1, 4096, 16384, 1 << 18
MNT_DETACH = 2
SYS_PIVOT_ROOT = 155
# Mounts, UTS, IPC, network; processes: from the next child on.
NAMESPACES = 0x20000 | 0x4000000 | 0x8000000 | 0x40000000 | 0x20000000
IMAGE = "/mnt"          # the image's root, where uml-init.sh left it
MEMORY = "/mnt/mnt"     # and what lies over it
LAYER = MEMORY + "/layer"
GROUPS = "/sys/fs/cgroup"
PIECE = 4096


def checked(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def mount(source: str, target: str, kind: str = "", flags: int = 0,
          options: str = "") -> None:
    if not os.path.exists(target):
        os.makedirs(target)
    checked(LIBC.mount(source.encode(), target.encode(), kind.encode(),
                       ctypes.c_ulong(flags), options.encode()),
            f"mount {target}")


def feed(argv: list, text: str) -> None:
    """Run a program with a text to read."""
    read, write = os.pipe()
    os.write(write, text.encode())
    os.close(write)
    pid = os.posix_spawnp(argv[0], argv, os.environ, file_actions=[
        (os.POSIX_SPAWN_DUP2, read, 0)])
    os.close(read)
    if os.waitpid(pid, 0)[1]:
        raise OSError(f"{' '.join(argv)} failed")


class console_session(agent.session):
    """A session over a console. That has no hang-up of its own, and in User Mode
    Linux no flow control that works, so both sides send pieces, each after its
    length. An empty one from the host is the end; from here it says that one
    more piece was read."""

    def __init__(self, fd: int, raw: bytes) -> None:
        super().__init__(fd)
        self.raw = raw

    def fill(self) -> None:
        before = len(self.buf)
        while len(self.buf) == before:
            self.raw += os.read(self.fd, 65536)
            self.cut()

    def cut(self) -> None:
        while len(self.raw) >= 2:
            end = 2 + int.from_bytes(self.raw[:2], "big")
            if len(self.raw) < end:
                return
            piece, self.raw = self.raw[2:end], self.raw[end:]
            if not piece:
                raise agent.hung_up
            super().put(b"\0\0")
            self.buf += piece

    def put(self, data: bytes) -> None:
        for at in range(0, len(data), PIECE):
            piece = data[at:at + PIECE]
            super().put(len(piece).to_bytes(2, "big") + piece)


def serve(fd: int, cgroup: int) -> None:
    os.write(fd, b"\0\0")  # from here on, what is sent comes as it is
    raw = b""
    while True:
        current = console_session(fd, raw)
        current.cgroup = cgroup
        try:
            current.cut()
            current.handshake()
            current.loop()
        except (agent.hung_up, OSError, ValueError, KeyError):
            pass
        current.close()
        raw = current.raw


def agents(consoles: list, cgroup: int, also: tuple = ()) -> None:
    """A process for each console; then what an init does, until one of them
    or of the other processes named has ended: then nothing can be relied on."""
    needed = set(also)
    for console in consoles:
        pid = os.fork()
        if pid == 0:
            import tty
            fd = os.open(f"/dev/tty{console}", os.O_RDWR | os.O_NOCTTY)
            tty.setraw(fd)
            serve(fd, cgroup)
        needed.add(pid)
    while os.wait()[0] not in needed:
        pass
    sys.exit("lab: an agent or a node has ended")


def own_root(name: str, node: dict) -> None:
    """The node's root instead of ours; it is in memory, over the image."""
    mount("", "/", flags=MS_REC | MS_PRIVATE)
    own = f"{MEMORY}/{name}"
    root = own + "/root"
    for part in ("upper", "work", "root"):
        os.makedirs(f"{own}/{part}")
    mount("overlay", root, "overlay", options=f"lowerdir={LAYER}:{IMAGE},"
          f"upperdir={own}/upper,workdir={own}/work")
    for kind, where in (("proc", "proc"), ("sysfs", "sys"), ("tmpfs", "run"),
                        ("tmpfs", "tmp"), ("cgroup2", "sys/fs/cgroup"),
                        ("configfs", "sys/kernel/config"),
                        ("debugfs", "sys/kernel/debug"),
                        ("tracefs", "sys/kernel/tracing"),
                        ("tmpfs", "run/lock")):
        mount(kind, f"{root}/{where}", kind,
              options="mode=755" if where == "run" else "")
    for where in ("/dev", "/harp/src", "/harp/out"):
        mount(where, root + where, flags=MS_BIND | MS_REC)
    # /dev is everybody's: a name there, and in each node its own disk on it.
    for name_, device in node["disks"].items():
        mount(device, f"{root}/dev/{name_}", flags=MS_BIND)
    os.chdir(root)
    checked(LIBC.syscall(SYS_PIVOT_ROOT, b".", b"mnt"), "pivot_root")
    checked(LIBC.umount2(b"/mnt", MNT_DETACH), "umount")
    os.chdir("/")


def node_process(name: str, node: dict, ready: int, go: int) -> None:
    """Never returns."""
    checked(LIBC.unshare(NAMESPACES), "unshare")
    os.write(ready, b".")
    os.read(go, 1)
    if os.fork():
        os.wait()
        sys.exit(f"lab: {name} has ended")
    own_root(name, node)
    with open("/proc/sys/kernel/hostname", "w") as file:
        file.write(name)
    agents(node["consoles"], node["cgroup"])


def start_node(name: str, node: dict) -> int:
    group = f"{GROUPS}/{name}"
    os.mkdir(group)
    node["cgroup"] = os.open(group + "/cgroup.procs", os.O_WRONLY)
    ready_r, ready_w = os.pipe()
    go_r, go_w = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(ready_r)
        os.close(go_w)
        node_process(name, node, ready_w, go_r)
    os.close(ready_w)
    if not os.read(ready_r, 1):
        raise OSError(f"{name} has not started")
    feed(["ip", "-batch", "-"],
         "\n".join(node["cable"]).replace("PID", str(pid)) + "\n")
    feed(["nsenter", f"--net=/proc/{pid}/ns/net", "ip", "-batch", "-"],
         "\n".join(node["addresses"]) + "\n")
    os.close(go_w)
    for fd in (ready_r, go_r, node["cgroup"]):
        os.close(fd)
    return pid


def main() -> None:
    with open(os.environ["HARP_OUT"] + "/nodes.json") as file:
        plan = json.load(file)
    mount(plan["layer"], LAYER, "ext4", MS_RDONLY)
    for node in plan["nodes"].values():
        for name in node["disks"]:
            os.close(os.open(f"/dev/{name}", os.O_CREAT, 0o600))
    feed(["ip", "-batch", "-"], "\n".join(plan["bridges"]) + "\n")
    feed(["nft", "-f", "-"], plan["rules"])
    nodes = [start_node(name, node) for name, node in plan["nodes"].items()]
    agents([plan["console"]], -1, tuple(nodes))


if __name__ == "__main__":
    main()
