# SPDX-License-Identifier: GPL-2.0
"""What a lab of QEMU machines consists of, and where its files are."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import tomllib
from pathlib import Path
from typing import Any

from . import firmware
from .session import PORTS
from .util import LAB_D, LabError, OUT, parse_size

# Where the bridges of a lab in one kernel are: no node, but commands run there.
SWITCH = "sw"
# User Mode Linux has sixteen consoles: the kernel's own, two that a command's
# output goes to when there is no lab, and the switch's are taken.
CONSOLES = 12


@dataclasses.dataclass
class Node:
    name: str
    host: int
    memory: str = "512M"
    cpus: int = 1
    disks: list[str] = dataclasses.field(default_factory=list)
    images: list[str] = dataclasses.field(default_factory=list)
    log: str = ""
    append: list[str] = dataclasses.field(default_factory=list)
    firmware: str = "bios"
    watchdog: bool = False

    def mac(self, net: int) -> str:
        return f"52:54:00:77:0{net}:{self.host:02x}"

    def port(self, net: int) -> str:
        """The node's port on the bridge of a network."""
        return f"{self.name}-{net}"

    @staticmethod
    def address(host: int, net: int) -> str:
        return f"10.7{7 + net}.0.{host}"


@dataclasses.dataclass
class Lab:
    """A running lab, as the keeper wrote it down. With the back end "uml" all
    nodes are in one kernel, and so have one console."""
    name: str
    directory: Path
    sockets: Path
    networks: int
    kernel: str
    nodes: dict[str, Node]
    keeper: int = 0
    backend: str = "qemu"

    def node(self, name: str) -> Node:
        if name not in self.nodes:
            raise LabError(f"no node '{name}': there are "
                           f"{', '.join(self.nodes)}")
        return self.nodes[name]

    def console(self, node: str) -> Path:
        name = "uml" if self.backend == "uml" else node
        return self.directory / f"{name}.console"

    def qmp(self, node: str) -> Path:
        return self.sockets / f"{node}.qmp"

    def ports(self, node: str) -> list[Path]:
        """Sockets, each for one command at a time in the node."""
        count = PORTS
        if self.backend == "uml":
            count = 1 if node == SWITCH else max(1, CONSOLES // len(self.nodes))
        return [self.sockets / f"{node}.p{n}" for n in range(count)]

    @property
    def control(self) -> Path:
        return self.sockets / "keeper"

    def save(self) -> None:
        text = json.dumps({
            **{k: str(v) if isinstance(v, Path) else v
               for k, v in dataclasses.asdict(self).items()}}, indent=1)
        path = self.directory / "lab.json"
        fresh = path.with_suffix(".new")
        fresh.write_text(text + "\n")
        fresh.rename(path)


def lab_directory(name: str, directory: Path | None) -> Path:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,30}", name):
        raise LabError(f"'{name}' is no lab's name: use a-z, 0-9, - and _")
    return (directory or OUT / "lab" / name).resolve()


def load(directory: Path) -> Lab | None:
    """The lab kept in a directory, whether it still runs or not."""
    try:
        data: dict[str, Any] = json.loads((directory / "lab.json").read_text())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise LabError(f"{directory}/lab.json: {error}") from error
    data["nodes"] = {k: Node(**v) for k, v in data["nodes"].items()}
    data["directory"] = Path(data["directory"])
    data["sockets"] = Path(data["sockets"])
    return Lab(**data)


def keeper_alive(lab: Lab) -> bool:
    try:
        text = Path(f"/proc/{lab.keeper}/cmdline").read_bytes()
    except OSError:
        return False
    # The number may have been given to another process since.
    return b"__keeper" in text and os.fsencode(lab.directory) in text


def running(name: str, directory: Path | None) -> Lab:
    lab = load(lab_directory(name, directory))
    if not lab or not keeper_alive(lab):
        raise LabError(f"lab '{name}' is not up: run scripts/lab up")
    return lab


def read_profile(name: str, only: list[str]) -> tuple[int, dict[str, Node]]:
    """Networks and nodes of a profile, by name or path."""
    path = LAB_D / "profiles" / f"{name}.toml"
    if "/" in name or name.endswith(".toml"):
        path = Path(name)
    try:
        data = tomllib.loads(path.read_text())
    except FileNotFoundError as error:
        known = sorted(p.stem for p in (LAB_D / "profiles").glob("*.toml"))
        raise LabError(f"no profile {path}: there are {', '.join(known)}, or "
                       f"give a file") from error
    except tomllib.TOMLDecodeError as error:
        raise LabError(f"{path}: {error}") from error
    nodes: dict[str, Node] = {}
    allowed = {f.name for f in dataclasses.fields(Node)} - {"name"}
    for key, value in data.get("node", {}).items():
        if not re.fullmatch(r"[a-z][a-z0-9]{0,7}", key) or key == SWITCH:
            raise LabError(f"{path}: '{key}' is no node's name")
        if wrong := set(value) - allowed:
            raise LabError(f"{path}: node {key}: unknown key "
                           f"{', '.join(sorted(wrong))}")
        nodes[key] = Node(name=key, **value)
        for size in (nodes[key].memory, *nodes[key].disks):
            parse_size(size)
        if nodes[key].firmware not in firmware.KINDS:
            raise LabError(f"{path}: node {key}: firmware = "
                           f"'{nodes[key].firmware}': there are "
                           f"{', '.join(firmware.KINDS)}")
    for name_ in only:
        if name_ not in nodes:
            raise LabError(f"{path}: no node {name_}")
    if only:
        nodes = {k: v for k, v in nodes.items() if k in only}
    networks = data.get("networks", 2)
    if not nodes or networks not in (1, 2, 3):
        raise LabError(f"{path}: needs nodes, and networks from 1 to 3")
    return networks, nodes
