# SPDX-License-Identifier: GPL-2.0
"""The lab's networks: bridges in a namespace that lives as long as the keeper.

The namespace has no name and no mount: it ends with its last process, so
nothing is left behind however the lab ends. A lab in one kernel has its bridges
in that kernel, where commands come by a channel of the switch's.
"""

from __future__ import annotations

import os
import subprocess

from .machines import Lab, Node, SWITCH
from .session import Session
from .util import LabError

SWITCH_TIMEOUT = 30

RULES = """
table bridge lab {
	set cut { typeof iifname . oifname; }
	chain forward {
		type filter hook forward priority 0; policy accept;
		iifname . oifname @cut drop
	}
}
"""


def _call(argv: list[str], text: str | None = None) -> str:
    done = subprocess.run(argv, input=text, text=True, capture_output=True,
                          check=False)
    if done.returncode:
        raise LabError(f"{' '.join(argv[:6])}: {done.stderr.strip()}")
    return done.stdout


def bridges(lab: Lab) -> list[str]:
    """Lines for `ip -batch`."""
    lines = ["link set lo up"]
    for net in range(lab.networks):
        lines += [f"link add br{net} type bridge mcast_snooping 0 "
                  f"forward_delay 0 stp_state 0", f"link set br{net} up"]
    return lines


def cable(lab: Lab, node: Node, pid: str) -> list[str]:
    """Lines for `ip -batch` where the bridges are: veths to a node in the
    network namespace of a process."""
    lines = []
    for net in range(lab.networks):
        port = node.port(net)
        lines += [f"link add {port} type veth peer name eth{net} "
                  f"address {node.mac(net)} netns {pid}",
                  f"link set {port} master br{net} up"]
    return lines


def addresses(lab: Lab, node: Node) -> list[str]:
    """Lines for `ip -batch` in the node."""
    lines = ["link set lo up"]
    for net in range(lab.networks):
        lines += [f"addr add {node.address(node.host, net)}/24 dev eth{net}",
                  f"addr add fd7{7 + net}::{node.host}/64 dev eth{net} nodad",
                  f"link set eth{net} up"]
    return lines


def set_up(lab: Lab) -> None:
    """Called by the keeper, in its fresh namespace."""
    _call(["ip", "-batch", "-"], "\n".join(bridges(lab)) + "\n")
    for node in lab.nodes.values():
        for net in range(lab.networks):
            port = node.port(net)
            _call(["ip", "tuntap", "add", "dev", port, "mode", "tap"])
            _call(["ip", "link", "set", port, "master", f"br{net}", "up"])
    try:
        _call(["nft", "-f", "-"], RULES)
    except LabError as error:
        raise LabError(f"this kernel cannot filter on bridges, so no network "
                       f"could be cut (needs NF_TABLES_BRIDGE): "
                       f"{error}") from error


def inside(lab: Lab, argv: list[str]) -> list[str]:
    """The command, to be run in the lab's network namespace."""
    return ["nsenter", f"--net=/proc/{lab.keeper}/ns/net", "--", *argv]


def at_switch(lab: Lab, argv: list[str], text: str | None = None) -> str:
    """What a command says where the bridges are."""
    if lab.backend != "uml":
        return _call(inside(lab, argv), text)
    said = {b"O": bytearray(), b"E": bytearray()}
    source = None
    if text is not None:
        source, sink = os.pipe()
        with os.fdopen(sink, "w") as file:  # some hundred bytes
            file.write(text)
    session = Session(SWITCH, lab.ports(SWITCH), SWITCH_TIMEOUT)
    try:
        status = session.run(argv, stdin=source, timeout=SWITCH_TIMEOUT,
                             output=lambda kind, data: said[kind].extend(data))
    except TimeoutError:
        raise LabError(f"{' '.join(argv[:6])}: not done within "
                       f"{SWITCH_TIMEOUT} s") from None
    finally:
        session.close()
        if source is not None:
            os.close(source)
    if status:
        raise LabError(f"{' '.join(argv[:6])}: {said[b'E'].decode().strip()}")
    return said[b"O"].decode()


def _pairs(lab: Lab, a: str, b: str, nets: list[int],
           one_way: bool) -> list[tuple[str, str]]:
    pairs = []
    for net in nets:
        ports = lab.node(a).port(net), lab.node(b).port(net)
        pairs.append(ports)
        if not one_way:
            pairs.append(ports[::-1])
    return pairs


def cuts(lab: Lab) -> list[tuple[str, str]]:
    """Pairs of ports between which frames are dropped, from and to."""
    import json
    data = json.loads(at_switch(lab, [
        "nft", "-j", "list", "set", "bridge", "lab", "cut"]))
    for item in data["nftables"]:
        if "set" in item:
            return sorted((e["concat"][0], e["concat"][1])
                          for e in item["set"].get("elem", []))
    return []


def _elements(pairs: list[tuple[str, str]]) -> str:
    return "{ " + ", ".join(f'"{a}" . "{b}"' for a, b in pairs) + " }"


def partition(lab: Lab, a: str, b: str, nets: list[int],
              one_way: bool) -> None:
    if a == b:
        raise LabError("a node cannot be cut off from itself")
    at_switch(lab, ["nft", "-f", "-"], "add element bridge lab cut " +
              _elements(_pairs(lab, a, b, nets, one_way)) + "\n")


def heal(lab: Lab, pair: tuple[str, str] | None, nets: list[int]) -> None:
    present = set(cuts(lab))
    if pair:
        present &= set(_pairs(lab, *pair, nets, one_way=False))
    if present:
        at_switch(lab, ["nft", "-f", "-"], "delete element bridge lab cut " +
                  _elements(sorted(present)) + "\n")
