# SPDX-License-Identifier: GPL-2.0
"""Machines whose power goes in order: logind asks harpd first (protocol P1)."""

from __future__ import annotations

import json

from harness import Group, Lab, on_each, wait_for

# While it lives logind waits for it, too: what harpd does meanwhile can be looked at.
KEEPER = "harp-keeps-power"
KEEPS_S = 120


def logind_begins(group: Group, node: str) -> None:
    """The lab's image masks it, for it takes long; a real poweroff asks it. harpd
    finds it and has it wait."""
    group.lab.run(node, "systemctl unmask systemd-logind && "
                  "systemctl start systemd-logind", timeout=120)
    wait_for(f"logind on {node} to wait for harpd", lambda: group.lab.ok(
        node, "systemd-inhibit --list --no-pager | grep -q 'harpd.*delay'"), 60, 1)


def keep(lab: Lab, node: str) -> None:
    """Before logind begins: a shutdown waits for let_go() as well."""
    lab.run(node, "mkdir -p /run/systemd/logind.conf.d && printf "
            f"'[Login]\\nInhibitDelayMaxSec={KEEPS_S}\\n' > "
            "/run/systemd/logind.conf.d/harp.conf")


def hold(lab: Lab, node: str) -> None:
    lab.run(node, f"systemd-run --unit={KEEPER} systemd-inhibit --what=shutdown "
            f"--mode=delay --who={KEEPER} --why=test sleep {KEEPS_S}")
    wait_for(f"logind on {node} to wait for the test", lambda: lab.ok(
        node, f"systemd-inhibit --list --no-pager | grep -q {KEEPER}"), 60, 1)


def let_go(lab: Lab, node: str) -> None:
    lab.run(node, f"systemctl stop {KEEPER}", check=False)


def begins_to_go(lab: Lab, nodes: str) -> None:
    on_each(nodes, lambda node: lab.run(node, "systemctl --no-block poweroff",
                                        timeout=60, check=False))


def wait_off(lab: Lab, nodes: str) -> None:
    def off() -> bool:
        said = json.loads(lab.call("status", "--json").stdout)
        return all(n["state"] == "off" for n in said["nodes"] if n["node"] in nodes)

    wait_for(f"{', '.join(nodes)} to be off", off, 180, 1)
