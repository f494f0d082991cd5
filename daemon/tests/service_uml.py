#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""A group's service on two nodes of one kernel, with stock nfsd and NFS clients.

Runs inside a test kernel; the lower stands in for harp (both nodes mount the same disk):

    make -f daemon/service/tool.mk check-service
    scripts/lab uml --disk 64M -- python3 daemon/tests/service_uml.py [NAME...]

KTAP on stdout. Outages are printed as "# …" lines; in a kernel full of checkers
they mean little.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import multiprocessing
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts" / "lab.d"))

from harplab import machines, network  # noqa: E402

TOOL = os.environ.get("HARP_SERVICE", "out/daemon/harp-service")
DISK = os.environ.get("HARP_DISKS", "/dev/ubdb").split()[0]
MAC = bytes.fromhex("024841000001")
WORK = Path("/tmp/service")
LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
FIFREEZE, FITHAW = 0xC0045877, 0xC0045878
MNT_FORCE = 1
FORK = multiprocessing.get_context("fork")


def run(*argv: str, check: bool = True) -> str:
    p = subprocess.run(argv, capture_output=True, text=True)
    if check and p.returncode:
        raise AssertionError(f"{' '.join(argv)}: {p.stdout}{p.stderr}")
    return p.stdout


def on(node: str, *argv: str, check: bool = True) -> str:
    return run("nsenter", f"--net=/run/netns/{node}", "--", *argv, check=check)


def wait_for(what: str, condition, timeout: float = 30.0) -> None:
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited {timeout} s for: {what}")
        time.sleep(0.05)


class Node:
    def __init__(self, name: str) -> None:
        self.name = name
        self.dir = WORK / name
        self.dir.mkdir(parents=True, exist_ok=True)
        self.run_dir = f"/run/{name}"
        self.config = self.dir / "group.json"
        self.config.write_text(json.dumps({
            "group": "demo", "parent": "eth0", "mac": "02:48:41:00:00:01",
            "addresses": ["10.77.0.100/24", "fd77::100/64"], "threads": 4,
            "export_path": "/srv/demo", "helpers": "exec",
            "clients": [{"client": "*", "options": "rw,no_root_squash"}],
            "run_dir": self.run_dir, "state_dir": f"{self.dir}/state"}))

    def argv(self, *ops: str) -> list[str]:
        return ["nsenter", f"--net=/run/netns/{self.name}", "--", TOOL,
                str(self.config), *ops]

    def do(self, *ops: str, check: bool = True) -> str:
        p = subprocess.run(self.argv(*ops), capture_output=True, text=True)
        out = p.stdout + p.stderr
        if check and p.returncode:
            raise AssertionError(f"{self.name} {' '.join(ops)}:\n{out}")
        return out

    def stop(self) -> None:
        assert "= stop: ok" in (out := self.do("stop", check=False)), out

    def ready(self) -> None:
        self.do("prepare", f"lower={DISK},ext4", "harp=bind")

    def clients(self) -> str:
        return self.do("clients").strip()


def took(out: str, step: str) -> float:
    m = re.search(rf"^\s*[\d.]+ {re.escape(step)}\s+([\d.]+) ms", out, re.M)
    assert m, f"no step {step} in:\n{out}"
    return float(m.group(1))


class Client:
    """Mounts by one version and keeps writing, noting the longest wait.

    The writer is a process of its own: whoever forks while a file of a mount is open
    waits, as the child closes it, for the server, which may be what is to be started.
    """

    def __init__(self, vers: str) -> None:
        self.vers = vers
        self.dir = WORK / f"mnt-{vers}"
        self.dir.mkdir(exist_ok=True)
        self.counted = FORK.Value("q", 0)
        self.waited = FORK.Value("d", 0.0)
        self.errors = FORK.SimpleQueue()
        self.done = FORK.Event()
        self.writer = FORK.Process(target=self._work, daemon=True)

    @property
    def rounds(self) -> int:
        return self.counted.value

    @property
    def worst(self) -> float:
        """Seconds."""
        return self.waited.value

    def mount(self) -> None:
        what, more = (("/srv/demo", ",nolock") if self.vers == "3" else ("/", ""))
        on("c1", "mount", "-t", "nfs", "-o", f"vers={self.vers},hard{more}",
           f"10.77.0.100:{what}", str(self.dir))

    def start(self) -> None:
        self.writer.start()
        wait_for("the first writes", lambda: self.rounds > 2)

    def _work(self) -> None:
        held = os.open(self.dir / f"held-{self.vers}", os.O_CREAT | os.O_RDWR)
        last = time.monotonic()
        while not self.done.is_set():
            try:
                path = self.dir / f"{self.vers}-{self.rounds}"
                path.write_text(f"{self.rounds}\n")
                os.write(held, b"x" * 64)
                os.fsync(held)
            except OSError as e:
                self.errors.put(str(e))
            now = time.monotonic()
            self.waited.value = max(self.waited.value, now - last)
            last = now
            self.counted.value += 1
        os.close(held)

    def go_on(self) -> None:
        """Two more rounds: the server answers."""
        here = self.rounds
        wait_for(f"v{self.vers} client going on", lambda: self.rounds > here + 2, 60)

    def end(self) -> None:
        self.done.set()
        self.writer.join(30)
        assert not self.writer.is_alive(), "the client hangs"
        assert self.writer.exitcode == 0, f"the client ended with {self.writer.exitcode}"
        assert self.errors.empty(), self.errors.get()
        for i in range(self.rounds):
            text = (self.dir / f"{self.vers}-{i}").read_text()
            assert text == f"{i}\n", f"file {i} holds {text!r}"

    def umount(self) -> None:
        on("c1", "umount", "-f", str(self.dir), check=False)


class Wire:
    """Frames from the group's MAC that leave a node, seen on the switch's port."""

    def __init__(self, node: str) -> None:
        here = os.open("/proc/self/ns/net", os.O_RDONLY)
        there = os.open("/run/netns/sw", os.O_RDONLY)
        assert LIBC.setns(there, CLONE_NEWNET) == 0
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.sock.bind((f"{node}-0", 3))
        assert LIBC.setns(here, CLONE_NEWNET) == 0
        self.sock.setblocking(False)

    def count(self, quiet_ms: int = 300) -> int:
        n = 0
        while select.select([self.sock], [], [], quiet_ms / 1000)[0]:
            frame, addr = self.sock.recvfrom(2048)
            # What goes out of the port, to the node, is not of it.
            if addr[2] != socket.PACKET_OUTGOING and frame[6:12] == MAC:
                n += 1
        return n


N1, N2 = Node("n1"), Node("n2")


def test_prepare_is_repeatable() -> None:
    N1.ready()
    again = N1.do("prepare")
    for step in ("namespaces", "mounts"):
        assert re.search(rf"{step}\s+[\d.]+ ms found", again), again
    assert again.count("found, pid") == 4, again
    N2.ready()


def test_nothing_answers_before_start() -> None:
    assert on("c1", "ping", "-c1", "-W1", "10.77.0.100", check=False).find("1 received") < 0
    ports = run("nsenter", f"--net={N1.run_dir}/ns/demo/net", "ss", "-Hltn")
    assert ":2049" not in ports, ports


def test_v3_and_v4_clients_outlive_a_takeover() -> None:
    N1.do("start")
    clients = [Client("3"), Client("4.2")]
    for c in clients:
        c.mount()
        c.start()
    known = N1.clients()
    assert known.count(":") >= 2, known
    N1.stop()
    wire = Wire("n1")
    begin = time.monotonic()
    out = N2.do(f"start={known}")
    started = time.monotonic()
    for c in clients:
        c.go_on()
    print(f"# start() {1000 * (started - begin):.0f} ms, nfsd {took(out, 'nfsd-threads'):.0f} ms,"
          f" both clients going on after {1000 * (time.monotonic() - begin):.0f} ms")
    assert wire.count() == 0, "the stopped node still sends"
    for c in clients:
        c.end()
        print(f"# v{c.vers}: {c.rounds} rounds, longest wait {1000 * c.worst:.0f} ms")
        c.umount()


def test_stopping_is_silent_and_leaves_no_connection() -> None:
    c = Client("3")
    c.mount()
    wire = Wire("n2")
    N2.stop()
    wire.count()
    assert N2.clients() == "", "connections are left"
    on("c1", "ping", "-c2", "-W1", "10.77.0.100", check=False)
    assert wire.count() == 0
    N2.do("start")
    c.umount()
    N2.stop()


def test_a_dead_harpd_leaves_the_service_running() -> None:
    p = subprocess.Popen(N1.argv("start", "hold=60"), stdout=subprocess.PIPE, text=True)
    assert p.stdout
    line = ""
    while not line.startswith("= start"):
        line = p.stdout.readline()
        assert line, "the tool ended"
    os.kill(p.pid, signal.SIGKILL)
    p.wait()
    c = Client("4.2")
    c.mount()
    (c.dir / "after").write_text("served")
    out = N1.do("start")
    assert "adopted: 4 threads run" in out, out
    assert (c.dir / "after").read_text() == "served"
    c.umount()


def test_a_dead_helper_comes_back() -> None:
    pid_file = Path(f"{N1.run_dir}/demo/mountd.pid")
    old = int(pid_file.read_text().split()[0])
    os.kill(old, signal.SIGKILL)
    out = N1.do("start")
    assert re.search(r"mountd started", out), out
    assert int(pid_file.read_text().split()[0]) != old
    c = Client("3")
    c.mount()
    c.umount()


def test_stop_does_not_hang_on_a_frozen_lower() -> None:
    c = Client("3")
    c.mount()
    (c.dir / "before").write_text("x")
    low = WORK / "low"
    low.mkdir(exist_ok=True)
    run("mount", DISK, str(low))
    fd = os.open(low, os.O_RDONLY)
    fcntl.ioctl(fd, FIFREEZE, 0)
    try:
        writer = FORK.Process(target=(c.dir / "stuck").write_text, args=("y",), daemon=True)
        writer.start()
        wait_for("a thread inside a request",
                 lambda: any("svc_process" in read(f"/proc/{p}/stack") for p in nfsd_pids()))
        begin = time.monotonic()
        out = N1.do("stop", check=False)
        print(f"# stop() with a stuck thread: {1000 * (time.monotonic() - begin):.0f} ms")
        assert "stuck in a request" in out, out
        assert "1 stuck" in N1.do("observe")
        assert "stuck in a request" in N1.do("start", check=False)
        # Another group of this host is not held up by it (nfsd's global mutex).
        N2.do("start")
        N2.stop()
    finally:
        fcntl.ioctl(fd, FITHAW, 0)
        os.close(fd)
    N1.stop()
    N1.do("start")
    writer.join(60)
    assert not writer.is_alive()
    assert (c.dir / "stuck").read_text() == "y"
    c.umount()
    run("umount", str(low))


def test_teardown_leaves_nothing() -> None:
    for node in (N1, N2):
        pids = [int(p.read_text().split()[0]) for p in Path(f"{node.run_dir}/demo").glob("*.pid")]
        assert pids
        node.stop()
        node.do("teardown", check=False)
        assert not list(Path(f"{node.run_dir}/ns").iterdir())
        assert not any(Path(f"/proc/{p}").exists() for p in pids)
        node.do("teardown")
    assert not nfsd_pids()
    # The disk is free again: nobody holds a mount of it.
    fd = os.open(DISK, os.O_RDWR | os.O_EXCL)
    os.close(fd)


def read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def nfsd_pids() -> list[str]:
    return [p.name for p in Path("/proc").iterdir()
            if p.name.isdigit() and read(f"/proc/{p.name}/comm") == "nfsd\n"]


def ip_batch(lines: list[str], node: str = "") -> None:
    subprocess.run(["ip", *(["-n", node] if node else []), "-batch", "-"], text=True,
                   input="\n".join(lines) + "\n", check=True)


def set_up() -> None:
    WORK.mkdir(parents=True, exist_ok=True)
    run("mkfs.ext4", "-q", "-F", "-E", "nodiscard", DISK)
    nodes = {name: machines.Node(name, host)
             for name, host in (("n1", 1), ("n2", 2), ("c1", 10))}
    lab = machines.Lab("service", WORK, WORK, 2, "", nodes)
    ip_batch([f"netns add {name}" for name in ("sw", *nodes)])
    ip_batch(network.bridges(lab) + [line for node in nodes.values()
                                     for line in network.cable(lab, node, node.name)], "sw")
    for node in nodes.values():
        ip_batch(network.addresses(lab, node), node.name)
    for name in ("nlm_timeout", "nlm_grace_period"):
        path = Path(f"/proc/sys/fs/nfs/{name}")
        if path.exists():
            path.write_text("3\n")


def main() -> int:
    tests = [(k[5:], v) for k, v in globals().items() if k.startswith("test_")]
    if len(sys.argv) > 1:
        tests = [t for t in tests if any(a in t[0] for a in sys.argv[1:])]
    set_up()
    print(f"KTAP version 1\n1..{len(tests)}", flush=True)
    failed = 0
    for i, (name, test) in enumerate(tests, 1):
        begin = time.monotonic()
        try:
            test()
            print(f"ok {i} {name} # {time.monotonic() - begin:.1f} s", flush=True)
        except (AssertionError, OSError, subprocess.SubprocessError) as e:
            failed += 1
            for line in str(e).splitlines():
                print(f"# {line}")
            print(f"not ok {i} {name}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
