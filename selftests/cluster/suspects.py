# SPDX-License-Identifier: GPL-2.0
"""A record that kills every kernel that applies it: both data members die of it
twice, and the group goes on when a person has it skipped (protocol N4, P2)."""

from __future__ import annotations

import json
import re

import points
from harness import GROUP, MOUNT, Group, Lab, LabFailed, progress, wait_for

POINT = "applying"
FILE = f"{MOUNT}/suspect"
BLOCK = 4096


def make_file(lab: Lab) -> None:
    """Before: what is written over afterwards."""
    lab.run("c", f"dd if=/dev/zero of={FILE} bs={BLOCK} count=16 conv=fsync status=none")


def write_that_kills(lab: Lab) -> None:
    """One record; its client waits until somebody has applied it."""
    lab.start("c", f"tr '\\0' x < /dev/zero | dd of={FILE} bs={BLOCK} count=1 "
              "iflag=fullblock conv=notrunc oflag=direct status=none")


def wait_struck(group: Group, node: str, times: int) -> None:
    wait_for(f"{node} to panic at {POINT}, {times} times in all",
             lambda: points.panics_at(group.lab, node, POINT) >= times, 120)


def dies_again(group: Group, node: str) -> None:
    """Its next life finds the record in its log and applies it again."""
    group.lab.wait_booted(node)
    times = points.panics_at(group.lab, node, POINT)
    group.begin_harpd(node, points.arm_next_replica(node, POINT))
    wait_struck(group, node, times + 1)
    progress(f"{node} has died of it again")


def stands_still(group: Group, node: str) -> int:
    """It says so, and names the one record."""
    def told() -> str:
        status = group.status(node)
        why = str(status.get("why_not_serving", ""))
        return str(status.get("suspects", "")) if "2 times in a row" in why else ""

    said = wait_for(f"{node} to stand still", told, 60)
    found = re.match(r"it was applying record (\d+) when it ended, and not for the first", said)
    if not found:
        raise LabFailed(f"{node} names no single record: {said}")
    if not group.status(node).get("advice"):
        raise LabFailed(f"{node} does not say what to do")
    return int(found.group(1))


def type_of(group: Group, node: str, index: int) -> str:
    said = group.lab.run(node, f"harpctl log show {GROUP} --from {index} -n 1 --json")
    return str(json.loads(said)["type"])


def refused(group: Group, node: str, words: str, why: str) -> None:
    done = group.lab.call("exec", node, "--", "sh", "-c",
                          f"harpctl log skip {GROUP} {words} 2>&1", check=False)
    if done.returncode != 1 or why not in done.stdout:
        raise LabFailed(f"log skip {words} on {node}: {done.returncode}, {done.stdout}")


def skip(group: Group, node: str, index: int) -> None:
    refused(group, node, f"{index + 1} --yes", "is none of those")
    refused(group, node, f"{index} < /dev/null", "nothing was skipped")
    group.lab.run(node, f"harpctl log skip {GROUP} {index} --yes")


def unverified(group: Group, index: int) -> None:
    for node in "ab":
        if f"record {index};" not in str(group.status(node).get("unverified", "")):
            raise LabFailed(f"{node} does not say that its copy is to be verified")


def written(lab: Lab) -> None:
    """The client whose write was skipped has had no answer, and asks again."""
    want = f"head -c {BLOCK} {FILE} | tr -d x | wc -c"
    wait_for("the client's write", lambda: lab.run("c", want).strip() == "0", 60)
