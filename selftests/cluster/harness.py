# SPDX-License-Identifier: GPL-2.0
"""A group of Harp on machines of the lab: what demo and cluster tests share.

Everything goes through the commands a person types: scripts/lab for the
machines, harpctl for the group, mount and harp-client for the client's work.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import json
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any, TypeVar

from ktap import eprint

SRC = Path(__file__).resolve().parents[2]
LAB = SRC / "scripts" / "lab"
GROUP = "demo"
SERVICE = "10.77.0.100/24"
SERVICE_V6 = "fd77::100/64"
SERVICE_MAC = "02:68:61:72:70:01"
MOUNT = "/mnt/share"
STATE_DIR = "/var/lib/harp"
# A lab machine's root is in memory.
STATE_DISK = {"a": "/dev/disk1", "b": "/dev/disk1", "w": "/dev/disk0"}
# What a kernel had to say that it should not have had.
COMPLAINT = (r"WARNING:|BUG:|kernel BUG at|cut here|Oops|invalid opcode|UBSAN|general protection|"
             r"(list|slab|page).* corruption|refcount_t: |INFO: task .* blocked|"
             r"rcu.*(stall|starved)|soft lockup|unable to handle")
COMPLAINTS = f"dmesg | grep -E '{COMPLAINT}'"
LOWER_TREE = "/run/harp/lower/tree"     # in the group's mount namespace
T = TypeVar("T")

GROUP_TOML = """\
name = "{group}"
uuid = "6ff7ff57-4a2b-4c70-8d3c-2c9c5d8e0b11"
promise_ms = {promise_ms}
detect_ms = {detect_ms}
lease = "{lease}"

[[member]]
name = "a"
role = "primary"
addresses = ["10.77.0.1", "10.78.0.1"]
lower = {{ device = "/dev/disk0", type = "{fs}" }}
region = "memmap:0x20000000:64M"

[[member]]
name = "b"
role = "backup"
addresses = ["10.77.0.2", "10.78.0.2"]
lower = {{ device = "/dev/disk0", type = "{fs}" }}
region = "memmap:0x20000000:64M"

[[member]]
name = "w"
role = "witness"
addresses = ["10.77.0.3", "10.78.0.3"]
log_size = "128M"

[service]
addresses = {addresses}
mac = "{mac}"
parent = "eth0"

[nfs]
versions = ["3", "4.2"]
threads = 16
max_block_size = "128K"

[[export]]
client = "*"
options = "rw,no_root_squash"
"""


class LabFailed(Exception):
    """A command of the lab, or one in a machine, failed."""


def wait_for(what: str, probe: Callable[[], T | None], timeout: float,
             interval: float = 0.2) -> T:
    """Ask until the probe answers something true, or say what never came. At
    most half of the time it asks: under emulation that slows down the answer."""
    end = time.monotonic() + timeout
    while True:
        begin = time.monotonic()
        found = probe()
        if found:
            return found
        now = time.monotonic()
        if now >= end:
            raise LabFailed(f"waited {timeout:.0f} s in vain for {what}")
        time.sleep(max(interval, now - begin))


def on_each(nodes: Iterable[str], work: Callable[[str], object]) -> None:
    """The same work on several machines at once; raises what failed first."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(work, nodes))


class Lab:
    """One lab of QEMU machines, by its command."""

    def __init__(self, name: str, kernel: str = "6.1") -> None:
        self.name = name
        self.kernel = kernel

    def call(self, *args: str, timeout: float = 120,
             check: bool = True, text: str | None = None
             ) -> subprocess.CompletedProcess[str]:
        argv = [str(LAB), args[0], "--name", self.name, *args[1:]]
        try:
            done = subprocess.run(argv, input=text, text=True, check=False,
                                  capture_output=True, timeout=timeout)
        except subprocess.TimeoutExpired as error:
            raise LabFailed(f"{' '.join(args[:5])}: no end in "
                            f"{timeout:.0f} s") from error
        if check and done.returncode:
            raise LabFailed(f"{' '.join(args)[:200]}: status "
                            f"{done.returncode}: "
                            f"{(done.stderr or done.stdout)[-800:].strip()}")
        return done

    def up(self, nodes: Iterable[str] = (),
           profile: Path | None = None) -> None:
        """Boot; the lab ends with this process at the latest."""
        argv = [str(LAB), "up", "--name", self.name, "--kernel", self.kernel,
                "--tie", str(os.getpid())]
        if nodes:
            argv += ["--nodes", ",".join(nodes)]
        if profile:
            argv += ["--profile", str(profile)]
        if subprocess.run(argv, check=False).returncode:
            raise LabFailed("the lab did not come up")

    def down(self) -> None:
        self.call("down", check=False)

    def is_up(self) -> bool:
        return self.call("status", check=False).returncode == 0

    def disk(self, node: str, number: int = 0) -> Path:
        """The file on this machine that is a node's disk."""
        said = json.loads(self.call("status", "--json").stdout)
        return Path(said["directory"]) / f"{node}.disk{number}"

    def crash(self, node: str) -> float:
        """Panic; the moment it was on the console, by this machine's clock."""
        said = json.loads(self.call("crash", node).stdout)
        return float(said["panicked"])

    def run(self, node: str, command: str, timeout: float = 60,
            check: bool = True, text: str | None = None) -> str:
        """A shell command in a node; its output."""
        return self.call("exec", node, "--", "sh", "-c", command,
                         timeout=timeout, check=check, text=text).stdout

    def ok(self, node: str, command: str, timeout: float = 60) -> bool:
        return self.call("exec", node, "--", "sh", "-c", command,
                         timeout=timeout, check=False).returncode == 0

    def tell(self, nodes: str = "abw") -> str:
        """What the members say, for who wants to know why something failed."""
        said = []
        for node in nodes:
            try:
                text = self.run(
                    node, "harpctl status; journalctl -u harpd -o short-precise"
                    " --no-pager | tail -40; dmesg | tail -15",
                    check=False, timeout=30)
            except LabFailed as error:
                text = str(error)
            said += [f"{node}: {line}" for line in text.splitlines()]
        return "\n".join(said)

    def wait_booted(self, node: str) -> None:
        """A machine that failed answers again."""
        wait_for(f"{node} to boot again", lambda: self.ok(node, "true"), 120, 1)

    def check_console(self, node: str) -> None:
        """Of every boot since the lab is up, what ended in a panic included."""
        said = self.call("console", node).stdout
        if bad := [line for line in said.splitlines() if re.search(COMPLAINT, line)]:
            raise LabFailed(f"the kernel of {node} complained: " + "; ".join(bad[:5]))

    def start(self, node: str, command: str) -> subprocess.Popen[str]:
        """A shell command in a node, in the background here."""
        return subprocess.Popen(
            [str(LAB), "exec", "--name", self.name, node, "--",
             "sh", "-c", command], text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def put(self, node: str, path: str, text: str) -> None:
        self.run(node, f"mkdir -p $(dirname {path}) && cat > {path}",
                 text=text)


@dataclasses.dataclass
class Settings:
    fs: str = "ext4"
    promise_ms: int = 1500
    detect_ms: int = 1500
    version: str = "3"
    lease: str = "time"
    # The group's own; "own": each file server's, and clients learn of another one.
    mac: str = SERVICE_MAC
    # Of the group; the client mounts by the first.
    addresses: tuple[str, ...] = (SERVICE,)


class Group:
    """The group `demo` on a, b and w, mounted by c."""

    # What it has on a machine: state, namespaces.
    LEFT = f"find {STATE_DIR}/{GROUP} /run/harp/ns -mindepth 1 2>/dev/null"

    def __init__(self, lab: Lab, settings: Settings | None = None) -> None:
        self.lab = lab
        self.settings = settings or Settings()

    def create(self) -> None:
        """From whatever was there before to a served group on fresh disks."""
        self.prepare()
        self.make()

    def prepare(self) -> None:
        """All that a group is made of: its file, fresh disks, harpd."""
        self.config = GROUP_TOML.format(
            group=GROUP,
            **{**dataclasses.asdict(self.settings),
               "addresses": json.dumps(self.settings.addresses)})

        def prepare(node: str) -> None:
            lower = [] if node == "w" else [self.mkfs()]
            self.begin_harpd(node, *lower, f"mkfs.ext4 -q -F {STATE_DISK[node]}")

        on_each("abw", prepare)

    def mkfs(self, options: str = "") -> str:
        kind = {"ext4": "mkfs.ext4 -q -F -O ^fast_commit",
                "xfs": "mkfs.xfs -q -f"}[self.settings.fs]
        return f"{kind} {options} /dev/disk0"

    def make_lower(self, node: str, options: str = "") -> None:
        self.lab.run(node, self.mkfs(options), timeout=120)

    def make(self) -> None:
        """One command on one machine, as a user would."""
        self.lab.run("a", f"harpctl group create {GROUP}", timeout=120)

    def begin_harpd(self, node: str, *before: str) -> None:
        """With the group's file, and /var/lib/harp on a disk. One command: each
        costs an emulated second."""
        path = f"/etc/harp/groups/{GROUP}.toml"
        self.lab.run(node, " && ".join([
            f"mkdir -p $(dirname {path})", f"cat > {path}", *before,
            f"mkdir -p {STATE_DIR}", f"mount {STATE_DISK[node]} {STATE_DIR}",
            f"chmod 700 {STATE_DIR}", "systemctl start harpd"]),
            timeout=210, text=self.config)

    def delete(self) -> None:
        """The group ends, with a person's command; the machines are as before
        it was made, those that restarted under it as well."""
        lab = self.lab
        lab.call("heal")
        lab.run("c", f"umount {MOUNT}", timeout=90)
        on_each("abw", self.revive)
        lab.run("b", f"harpctl group delete --force {GROUP}", timeout=90)
        on_each("abw", self.check_deleted)
        for node in "abwc":
            lab.check_console(node)

    def revive(self, node: str) -> None:
        """harpd runs, also when the machine restarted in between."""
        lab = self.lab
        if not lab.ok(node, f"mountpoint -q {STATE_DIR} && "
                      "systemctl start harpd", 90):
            lab.wait_booted(node)
            self.begin_harpd(node)

    def check_deleted(self, node: str) -> None:
        """Nothing of the group is left, and nothing of it holds the module."""
        ends = f"systemctl stop harpd && rm /etc/harp/groups/{GROUP}.toml"
        if left := self.lab.run(node, f"{ends} && {{ {self.LEFT}; true; }}", 90):
            raise LabFailed(f"the deleted group left on {node}: {left}")
        if node != "w":
            self.lab.run(node, "modprobe -r harp && modprobe harp")
        self.lab.run(node, f"umount {STATE_DIR}")

    def left(self, node: str) -> str:
        return self.lab.run(node, self.LEFT, check=False)

    def harpd(self, node: str) -> str:
        """The process that harpd is; "" while there is none."""
        said = self.lab.run(node, "systemctl show -p MainPID --value harpd")
        return said.strip().lstrip("0")

    def wait_settled(self) -> None:
        """Both copies are at the last record."""
        def at_top() -> bool:
            said = [self.status(node)["log"] for node in "ab"]
            return said[0]["top"] == said[1]["top"] and all(
                log["ap"] == log["cp"] == log["top"] for log in said)
        wait_for("both copies to be at the last record", at_top, 60)

    def log_outlived(self, node: str) -> bool:
        """Did harpd's replica find its log whole when it was attached last?"""
        found = self.lab.run(node, "journalctl -u harpd --no-pager | "
                             "grep 'last view formed' | tail -n 1").strip()
        if not found.endswith(("log whole", "log not whole")):
            raise LabFailed(f"{node} does not say what it found: {found!r}")
        return found.endswith("log whole")

    def copies_equal(self, kernel: str = "debug") -> str:
        """I7 of the deleted group's lowers, as a kernel without harp sees
        both machines' disks: every object by fid, every attribute."""
        mounts = "".join(
            f"mkdir -p /run/{node}; mount -o ro{extra} {disk} /run/{node}; "
            for node, disk, extra in (("a", "/dev/ubdb", ""),
                                      ("b", "/dev/ubdc", ",nouuid"
                                       if self.settings.fs == "xfs" else "")))
        done = subprocess.run(
            [str(LAB), "uml", "--kernel", kernel, "--timeout", "300",
             "--disk", str(self.lab.disk("a")),
             "--disk", str(self.lab.disk("b")), "--", "sh", "-ec",
             mounts + "selftests/tools/harp-compare /run/a /run/b"],
            text=True, capture_output=True, check=False)
        if done.returncode:
            raise LabFailed(f"the copies differ: {done.stdout[-1500:]}"
                            f"{done.stderr[-500:]}")
        return f"copies equal: {done.stdout.strip().splitlines()[-1]}"

    def status(self, node: str) -> dict[str, Any]:
        """What harpctl on a node says of the group; {} when it says nothing."""
        out = self.lab.call("exec", node, "--", "harpctl", "status", "--json",
                            timeout=30, check=False).stdout
        try:
            data = json.loads(out)
        except ValueError:
            return {}
        for group in data.get("groups", []):
            if group.get("name") == GROUP:
                return group
        return {}

    def heard(self, node: str) -> dict[str, list[int]]:
        """ms since the last heartbeat of each other member, by network; -1
        for never."""
        return {m["name"]: [n["heard_ms"] for n in m["networks"]]
                for m in self.status(node).get("members", [])
                if not m["self"]}

    def serving(self, node: str) -> int:
        """The view in which a node serves, or 0."""
        status = self.status(node)
        return int(status.get("view", 0)) if status.get("serving") else 0

    def wait_serving(self, node: str, timeout: float = 90,
                     above: int = 0) -> int:
        def probe() -> int:
            view = self.serving(node)
            return view if view > above else 0
        try:
            return wait_for(f"node {node} to serve the group", probe, timeout)
        except LabFailed as error:
            raise LabFailed(f"{error}; it says {self.status(node)}") from error

    def mount(self, node: str = "c") -> None:
        version = self.settings.version
        host = self.settings.addresses[0].partition("/")[0]
        proto, path = "tcp", "/"
        if ":" in host:
            proto, host = "tcp6", f"[{host}]"
        options = f"vers={version},proto={proto},hard,timeo=50,retrans=2,sec=sys"
        if version == "3":
            options += f",nolock,mountproto={proto}"
            path = f"/srv/{GROUP}"
        self.lab.run(node, f"mkdir -p {MOUNT}; umount -f -l {MOUNT} "
                     f"2>/dev/null; mount -t nfs -o {options} {host}:{path} "
                     f"{MOUNT}", timeout=120)

    def client_on_lower(self, node: str, *args: str) -> dict[str, Any]:
        """What harp-client says of a member's own copy, which nobody sees but
        the group's mount namespace."""
        said = self.lab.call(
            "exec", node, "--", "nsenter",
            f"--mount=/run/harp/ns/{GROUP}/mnt", "harp-client", *args,
            timeout=600, check=False)
        if said.returncode:
            raise LabFailed(f"the copy on {node} is not as it must be: "
                            f"{said.stdout}{said.stderr[-1500:]}")
        return json.loads(said.stdout)

    def events(self, node: str) -> list[dict[str, str]]:
        """harpd's timeline (what=, time_ns=, …) from the journal."""
        out = self.lab.run(node, "journalctl -u harpd -o cat --no-pager",
                           check=False)
        return [dict(re.findall(r"([\w-]+)=(\"[^\"]*\"|\S+)", line))
                for line in out.splitlines()
                if line.startswith("harp-event: what=")]


class Client:
    """harp-client at work on c, watched through its progress file."""

    PROGRESS = "/run/harp-client.progress"
    # Seen in a group's mount namespace, too, which has a /run of its own.
    RECORD = "/var/tmp/harp-client.record"

    def __init__(self, lab: Lab, args: str, node: str = "c") -> None:
        self.lab = lab
        self.node = node
        lab.run(node, f"rm -f {self.PROGRESS}")
        self.process = lab.start(
            node, f"exec harp-client {args} --progress {self.PROGRESS}")

    def operations(self) -> int:
        out = self.lab.run(self.node, f"cat {self.PROGRESS} 2>/dev/null",
                           check=False).split()
        return int(out[0]) if out else 0

    def wait_operations(self, count: int, timeout: float = 120) -> int:
        def probe() -> int:
            if self.process.poll() is not None:
                raise LabFailed(f"harp-client ended early: "
                                f"{self.process.communicate()}")
            done = self.operations()
            return done if done >= count else 0
        return wait_for(f"{count} operations of the client", probe, timeout,
                        interval=0.5)

    def stop(self) -> None:
        """A load has gone on for long enough."""
        self.lab.run(self.node, "kill $(pidof harp-client)")

    def result(self, timeout: float = 600) -> dict[str, Any]:
        """Its line of JSON; raises unless every check of it was good."""
        try:
            out, err = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired as error:
            self.process.send_signal(signal.SIGTERM)
            raise LabFailed(f"harp-client did not end in {timeout:.0f} s "
                            f"(at {self.operations()} operations)") from error
        try:
            data = json.loads(out)
        except ValueError as error:
            raise LabFailed(f"harp-client said {out!r}, {err[-800:]!r}"
                            ) from error
        if data["errors"] or self.process.returncode:
            raise LabFailed(f"{data['errors']} wrong results: {err[-1500:]}")
        return data


@dataclasses.dataclass(frozen=True)
class Frame:
    at: float           # seconds, the host's one clock for all ports
    port: str
    flow: str = ""      # who sends it to whom
    made: float | None = None   # of a TCP segment: when, seconds of a clock of its flow

    LINE = re.compile(r"^(\d+\.\d+) (?:IP6? (\S+ > \S+):)?(?:.*\bTS val (\d+) )?", re.M)

    @classmethod
    def read(cls, port: str, said: str) -> list[Frame]:
        """Of tcpdump's lines."""
        return [cls(float(at), port, flow or "", int(made) / 1000 if made else None)
                for at, flow, made in cls.LINE.findall(said)]

    def __str__(self) -> str:
        return f"{self.at:.3f} of {self.port}: {self.flow or 'not IP'}"


class Wire:
    """Frames that carry the group's MAC, as they leave each server's port."""

    def __init__(self, lab: Lab, nodes: Iterable[str]) -> None:
        self.captures: dict[str, subprocess.Popen[str]] = {}
        # Files, not pipes: a full pipe would end a capture without a word.
        self.files: dict[str, IO[str]] = {}
        for node in nodes:
            port = f"{node}-0"
            self.files[node] = tempfile.TemporaryFile("w+")
            self.captures[node] = subprocess.Popen(
                [str(LAB), "netns", "--name", lab.name, "--", "tcpdump", "-i",
                 port, "-Q", "in", "-tt", "-n", "-l", "--immediate-mode",
                 "-s", "128", "ether", "src", SERVICE_MAC],
                text=True, stdout=self.files[node], stderr=subprocess.PIPE)
        for node, process in self.captures.items():
            assert process.stderr
            line = ""
            while "listening on" not in line:
                line = process.stderr.readline()
                if not line:
                    raise LabFailed(f"no capture on the port of {node}")

    def stop(self) -> dict[str, list[Frame]]:
        found: dict[str, list[Frame]] = {}
        for node, process in self.captures.items():
            process.send_signal(signal.SIGINT)
        for node, process in self.captures.items():
            _, err = process.communicate(timeout=30)
            if dropped := re.search(r"^([1-9]\d*) packets? dropped", err, re.M):
                raise LabFailed(f"the capture on {node}'s port missed "
                                f"{dropped[1]} frames")
            with self.files[node] as file:
                file.seek(0)
                found[node] = Frame.read(node, file.read())
        return found


STAMP_S = 0.02          # what a timestamp may be off, and its clock


def on_the_way(frames: list[Frame], stopped: float) -> list[Frame]:
    """What a machine that has stood still since @stopped had given to its network
    device before that, which sends it when the machine goes on. TCP's timestamps
    (RFC 7323) say when a segment was made, by a clock that goes on all the while."""
    zero: dict[str, float] = {}     # by the host's clock
    for f in frames:
        if f.made is not None and f.at <= stopped:
            zero[f.flow] = min(zero.get(f.flow, f.at), f.at - f.made)
    return [f for f in frames if f.at > stopped and f.made is not None and f.flow in zero
            and zero[f.flow] + f.made <= stopped + STAMP_S]


def one_server_at_a_time(frames: dict[str, list[Frame]],
                         *turns: str) -> list[float]:
    """I5 on the wire: who sends frames of the group, in turn, are just these.
    The silence between one and the next, in milliseconds."""
    sent = sorted((frame for seen in frames.values() for frame in seen),
                  key=lambda frame: frame.at)
    changes = [(before, after) for before, after in zip(sent, sent[1:])
               if before.port != after.port]
    order = [*(frame.port for frame in sent[:1]), *(after.port for _, after in changes)]
    if order != list(turns):
        raise LabFailed(f"expected frames of {', then '.join(turns)}; there are "
                        f"those of {', then '.join(order[:9])}"
                        f"{' …' if order[9:] else ''}: "
                        + "; ".join(str(after) for _, after in changes[:9]))
    return [(after.at - before.at) * 1000 for before, after in changes]


def default_lab_name() -> str:
    return os.environ.get("HARP_LAB", f"test-{os.getpid()}")


def progress(text: str) -> None:
    eprint(f"    {time.strftime('%H:%M:%S')} {text}")
