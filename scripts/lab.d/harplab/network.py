# SPDX-License-Identifier: GPL-2.0
"""The lab's networks: bridges in a namespace that lives as long as the keeper.

The namespace has no name and no mount: it ends with its last process, so
nothing is left behind however the lab ends.
"""

from __future__ import annotations

import subprocess

from .machines import Lab
from .util import LabError

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


def set_up(lab: Lab) -> None:
    """Called by the keeper, in its fresh namespace."""
    lines = ["link set lo up"]
    for net in range(lab.networks):
        lines += [f"link add br{net} type bridge mcast_snooping 0 "
                  f"forward_delay 0 stp_state 0", f"link set br{net} up"]
    _call(["ip", "-batch", "-"], "\n".join(lines) + "\n")
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
    data = json.loads(_call(inside(lab, [
        "nft", "-j", "list", "set", "bridge", "lab", "cut"])))
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
    _call(inside(lab, ["nft", "-f", "-"]), "add element bridge lab cut " +
          _elements(_pairs(lab, a, b, nets, one_way)) + "\n")


def heal(lab: Lab, pair: tuple[str, str] | None, nets: list[int]) -> None:
    present = set(cuts(lab))
    if pair:
        present &= set(_pairs(lab, *pair, nets, one_way=False))
    if present:
        _call(inside(lab, ["nft", "-f", "-"]),
              "delete element bridge lab cut " +
              _elements(sorted(present)) + "\n")
