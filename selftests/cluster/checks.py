# SPDX-License-Identifier: GPL-2.0
"""What the tests ask of a group beside its service: what it says of itself, to
whom it listens, what it survives without a change of the view."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from harness import (GROUP, LOWER_TREE, MOUNT, STATE_DIR, Client, Group,
                     LabFailed, on_each, wait_for)

FRESH_MS = 2000         # a heartbeat goes every 500 ms, on busy processors
SILENT_MS = 3000        # what `harpctl status` calls a silent network
HOLD_S = 10             # a kernel acks for so long without its harpd (H)
WATCHDOG_LIMIT_S = 20   # WatchdogSec=5s, the abort, the start; under emulation
NO_MODULE = "/etc/modprobe.d/no-harp.conf"
NOBODY = "setpriv --reuid 65534 --regid 65534 --clear-groups"


def view_unchanged(group: Group, view: int, server: str = "a") -> None:
    if (now := group.serving(server)) != view:
        raise LabFailed(f"{server} serves in view {now} instead of {view}: "
                        f"nothing had to change")


def comes_back(group: Group, node: str, other: str) -> int:
    """A member that was away takes what it missed and has its place again: a
    serves, b is its backup. Who comes back says so meanwhile. The view."""
    wait_for(f"{node} to come back (last said: {group.status(node)})", lambda:
             group.status(node).get("state") in ("returning", "adopting", "waiting",
                                                 "serving", "backup"), 60, 0.2)
    said = group.status(node)
    if said["state"] == "returning" and "comes back" not in said["headline"]:
        raise LabFailed(f"{node} does not say that it comes back: {said}")
    view = group.wait_serving("a", 120)
    wait_for(f"{node} to have its place again", lambda: group.status("b").get(
        "state") == "backup" and group.serving("a"), 60)
    if group.serving(other) and other != "a":
        raise LabFailed(f"{other} serves on: {group.status(other)}")
    return max(view, group.serving("a"))


def was_fed(group: Group, node: str) -> tuple[int, float]:
    """The records that a member was sent when it returned last, and for how long it was."""
    events = group.events(node)
    last = max(n for n, event in enumerate(events) if event["what"] == "fed")
    begin = max(n for n, event in enumerate(events[:last])
                if event["what"] == "state" and event["to"] == "returning")
    return int(events[last]["records"]), \
        (int(events[last]["time_ns"]) - int(events[begin]["time_ns"])) / 1e9


SELFTEST = f"harpctl selftest soft-reboot {GROUP}"


def refused(group: Group, node: str, command: str, words: str) -> None:
    done = group.lab.call("exec", node, "--", "sh", "-c", command, check=False)
    if done.returncode == 0 or words not in done.stderr:
        raise LabFailed(f"{node}: {command}: expected {words!r}, found status "
                        f"{done.returncode}: {done.stdout}{done.stderr}")


def panics_to_test(group: Group, node: str, server: str) -> None:
    """The kernel of @node panics by harpctl's own doing, which would not on @server."""
    refused(group, server, f"{SELFTEST} --yes", "is served here")
    refused(group, node, SELFTEST, "no soft reboot of this machine was tested yet")

    def panics() -> int:
        return group.lab.call("console", node).stdout.count("sysrq triggered crash")
    before = panics()
    group.lab.run(node, f"systemd-run --no-block {SELFTEST} --yes")
    wait_for(f"{node} to panic", lambda: panics() > before, 60, 0.2)


def memory_was(group: Group, node: str, what: str) -> None:
    """What harpctl says of it at the next boot."""
    done = group.lab.call("exec", node, "--", "sh", "-c", f"{SELFTEST} --json", check=False)
    found = json.loads(done.stdout) if done.stdout.strip() else {}
    if found.get("memory") != what or (done.returncode == 0) != (what == "kept"):
        raise LabFailed(f"memory of {node}: expected {what}, found status {done.returncode}: "
                        f"{done.stdout}{done.stderr}")


def all_kept(group: Group, server: str) -> int:
    """Everything that the load was told is done is read again: by the client
    past its caches, and in the copy of who serves. How many rounds there are."""
    lab = group.lab
    lab.run("c", "sync; echo 3 > /proc/sys/vm/drop_caches")
    words = ("--record", Client.RECORD)
    seen = Client(lab, f"recheck {MOUNT} {' '.join(words)}").result()
    lab.put(server, Client.RECORD, lab.run("c", f"cat {Client.RECORD}"))
    kept = group.client_on_lower(server, "recheck", LOWER_TREE, *words)
    if not seen["files"] or (kept["files"], kept["bytes"]) != (
            seen["files"], seen["bytes"]):
        raise LabFailed(f"the client saw {seen}, the copy of {server} {kept}")
    return int(seen["files"])


def every_network_heard(group: Group) -> None:
    """Each member hears each other one over both networks."""
    def fresh(node: str) -> bool:
        heard = group.heard(node)
        return len(heard) == 2 and all(
            len(nets) == 2 and all(0 <= ms < FRESH_MS for ms in nets)
            for nets in heard.values())

    def ask(node: str) -> None:
        wait_for(f"{node} to hear all over both networks (last: "
                 f"{group.heard(node)})", lambda: fresh(node), 30)

    on_each("abw", ask)


def network_falls_silent(group: Group, view: int, net: int = 1) -> None:
    """One of two networks breaks between a and both others: the group goes on
    as it is, and a says what is silent."""
    for peer in "bw":
        group.lab.call("partition", "a", peer, "--net", str(net))

    def silent() -> bool:
        return all(nets[net] > SILENT_MS and 0 <= nets[1 - net] < FRESH_MS
                   for nets in group.heard("a").values())

    wait_for(f"a to hear the others over one network (last: "
             f"{group.heard('a')})", silent, 30)
    text = group.lab.run("a", "harpctl status")
    if text.count("(1 of 2 networks silent)") != 2:
        raise LabFailed(f"a does not tell of two silent networks: {text}")
    group.lab.call("heal")
    every_network_heard(group)
    view_unchanged(group, view)


def only_root_changes(group: Group, node: str, view: int) -> None:
    """Anyone may read, by the system bus; nobody but root may change."""
    lab = group.lab
    said = json.loads(lab.run(node, f"{NOBODY} harpctl status --json"))
    if [g["name"] for g in said["groups"]] != [GROUP]:
        raise LabFailed(f"status is not for everybody: {said}")
    for words in (f"switchover {GROUP}", f"group delete --force {GROUP}"):
        done = lab.call("exec", node, "--", *NOBODY.split(), "harpctl",
                        *words.split(), check=False)
        if not done.returncode or "only root may do this" not in done.stderr:
            raise LabFailed(f"harpctl {words} by nobody: status "
                            f"{done.returncode}, {done.stdout}{done.stderr}")
    view_unchanged(group, view)


def records_shown(group: Group, node: str) -> list[int]:
    """Five records that follow one another."""
    said = group.lab.run(node, f"harpctl log show {GROUP} -n 5 --json")
    found = [json.loads(line)["index"] for line in said.splitlines()]
    if len(found) != 5 or found != list(range(found[0], found[0] + 5)):
        raise LabFailed(f"log show -n 5 on {node} gave the records {found}")
    return found


def newest_records_shown(group: Group, node: str) -> None:
    top = group.status(node)["log"]["top"]
    found = records_shown(group, node)
    if found[-1] < top:
        raise LabFailed(f"log show on {node} gave {found}: {top} is newer")


def harpd_again(group: Group, node: str, before: str, limit: float,
                meanwhile: Callable[[], bool] = lambda: True) -> None:
    """systemd started another harpd; @meanwhile is done, and well."""
    wait_for(f"harpd to be started again on {node}", lambda: meanwhile()
             and group.harpd(node) not in ("", before), limit, 0.5)


def frozen_harpd_is_replaced(group: Group, node: str) -> float:
    """By the watchdog, while the client works; seconds until the next one knows
    the group."""
    lab, before = group.lab, group.harpd(node)
    begin = time.monotonic()
    lab.run(node, f"kill -STOP {before}")
    harpd_again(group, node, before, WATCHDOG_LIMIT_S,
                lambda: lab.ok("c", f"touch {MOUNT}/while-frozen"))
    if not lab.ok(node, "journalctl -u harpd --no-pager | "
                  "grep -q 'Watchdog timeout'"):
        raise LabFailed(f"harpd on {node} ended, but not by its watchdog")
    wait_for(f"{node} to know the group again", lambda: group.status(node).get(
        "state") in ("backup", "returning"), 30)
    return time.monotonic() - begin


def creation_fails(group: Group, why: str) -> None:
    """Refused with these words; nothing of the group is left on any machine."""
    done = group.lab.call("exec", "a", "--", "harpctl", "group", "create",
                          GROUP, timeout=120, check=False)
    if not done.returncode or why not in done.stderr:
        raise LabFailed(f"group create should fail for {why}: status "
                        f"{done.returncode}, {done.stdout}{done.stderr}")

    def nothing(node: str) -> None:
        if left := group.left(node) or str(group.status(node) or ""):
            raise LabFailed(f"the group not made left on {node}: {left}")

    on_each("abw", nothing)


def mismatch_is_refused(group: Group) -> None:
    """Lowers that are not alike: no group."""
    group.make_lower("b", "-I 512")
    creation_fails(group, "inode size")
    # Fails where the file system is still in use.
    group.make_lower("b")


def half_made_is_taken_back(group: Group) -> None:
    """The last member, a, cannot make its part: the others' go. Where this is
    done the group is made next, which takes a lower as mkfs left it."""
    group.lab.run("a", f"mount -o remount,ro {STATE_DIR}")
    creation_fails(group, "Read-only file system")
    group.lab.run("a", f"mount -o remount,rw {STATE_DIR}")
    # What only its kernel can say, when the others have made theirs.
    group.lab.run("a", f"modprobe -r harp && echo install harp /bin/false >{NO_MODULE}")
    creation_fails(group, "the replica cannot be attached")
    group.lab.run("a", f"rm {NO_MODULE}")


def unfit_groups_are_not_made(group: Group) -> None:
    mismatch_is_refused(group)
    half_made_is_taken_back(group)
