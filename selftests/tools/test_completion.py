# SPDX-License-Identifier: GPL-2.0
"""Unit tests of harpctl's completion in bash, with a harpctl that knows two groups."""
from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
COMPLETION = Path(__file__).resolve().parents[2] / "daemon" / "etc" / "harpctl.bash"

# Completes the last of the words that it is given; a word a line.
ASK = """
. "$1"
shift
_harpctl_files() { echo planned; }
COMP_WORDS=(harpctl "$@") COMP_CWORD=$#
_harpctl
printf '%s\\n' "${COMPREPLY[@]}"
"""


def group(name: str, *members: str) -> dict[str, object]:
    """As harpd's status has it."""
    return {"name": name, "member": members[0], "refused": {"name": "none"}, "members": [
        {"name": m, "networks": [{"address": "192.0.2.1"}], "slot": i}
        for i, m in enumerate(members)]}


GROUPS = [group("home", "alpha", "beta", "gamma"), group("log", "one", "two", "three")]
OPTIONS_OF_LOG_SHOW = {"--from", "--count", "-n", "--json", "--state"}


class CompletionTest(unittest.TestCase):
    def setUp(self) -> None:
        self.place = tempfile.TemporaryDirectory()
        self.addCleanup(self.place.cleanup)
        top = Path(self.place.name)
        for groups, name in ((GROUPS, "all"), (GROUPS[:1], "home"), (GROUPS[1:], "log")):
            # As the program's JSON: indented by two, keys in order.
            (top / name).write_text(json.dumps({"groups": groups, "node": "alpha"},
                                               indent=2, sort_keys=True))
        (top / "harpctl").write_text(
            "#!/bin/sh\n"
            'case $* in "status --json") cat "${0%/*}/all" ;;\n'
            '"status home --json" | "status log --json") cat "${0%/*}/$2" ;;\n'
            "*) exit 1 ;; esac\n")
        (top / "harpctl").chmod(0o755)

    def offers(self, *words: str) -> set[str]:
        """What completes the last word."""
        done = subprocess.run(
            ["bash", "--norc", "-c", ASK, "bash", COMPLETION, *words], text=True,
            capture_output=True, check=True, cwd=self.place.name,
            env={**os.environ, "PATH": f"{self.place.name}:{os.environ['PATH']}"})
        self.assertEqual(done.stderr, "")
        return set(done.stdout.split())

    def test_commands_come_first(self) -> None:
        commands = {"group", "status", "events", "switchover", "sync", "log", "selftest"}
        self.assertEqual(self.offers(""), commands | {"--bus", "--help", "--version"})
        self.assertEqual(self.offers("s"), {"status", "switchover", "sync", "selftest"})
        self.assertEqual(self.offers("--bus", "none", "sw"), {"switchover"})
        self.assertEqual(self.offers("group", ""), {"create", "delete", "--help"})
        self.assertEqual(self.offers("log", ""), {"show", "skip", "--help"})

    def test_groups_follow(self) -> None:
        names = {"home", "log"}
        self.assertEqual(self.offers("status", ""), names | {"--json"})
        self.assertEqual(self.offers("status", "--json", "h"), {"home"})
        self.assertEqual(self.offers("events", ""), names | {"--json", "--count", "-n"})
        self.assertEqual(self.offers("switchover", ""), names)
        self.assertEqual(self.offers("sync", ""), names)
        self.assertEqual(self.offers("group", "delete", ""), names | {"--force"})
        self.assertEqual(self.offers("group", "create", ""), {"planned", "--config"})
        self.assertEqual(self.offers("log", "show", ""), names | OPTIONS_OF_LOG_SHOW)
        self.assertEqual(self.offers("log", "show", "-"), OPTIONS_OF_LOG_SHOW)
        self.assertEqual(self.offers("selftest", ""), {"soft-reboot", "--help"})
        self.assertEqual(self.offers("selftest", "soft-reboot", ""),
                         names | {"--yes", "--json", "--state"})
        self.assertEqual(self.offers("log", "skip", ""), names | {"--yes"})
        self.assertEqual(self.offers("log", "skip", "home", "7", ""), {"--yes"})

    def test_a_switchover_is_to_a_member(self) -> None:
        self.assertEqual(self.offers("switchover", "home", ""), {"alpha", "beta", "gamma"})
        self.assertEqual(self.offers("switchover", "log", "t"), {"two", "three"})
        self.assertEqual(self.offers("switchover", "home", "beta", ""), set())

    def test_a_group_may_be_called_as_a_command_is(self) -> None:
        self.assertEqual(self.offers("status", "log", ""), {"--json"})
        self.assertEqual(self.offers("sync", "log", ""), set())
        self.assertEqual(self.offers("group", "delete", "status", ""), {"--force"})
        self.assertEqual(self.offers("log", "show", "sync", ""), OPTIONS_OF_LOG_SHOW)
        self.assertEqual(self.offers("log", "show", "log", "--c"), {"--count"})

    def test_what_follows_an_option_is_its_value(self) -> None:
        self.assertEqual(self.offers("log", "show", "-n", ""), set())
        self.assertEqual(self.offers("log", "show", "-n", "5", "h"), {"home"})
        self.assertEqual(self.offers("log", "show", "--from", "9", "home", "--j"), {"--json"})
        self.assertEqual(self.offers("log", "show", "home", "--state", "h"), {"home", "harpctl"})
        self.assertEqual(self.offers("group", "create", "--config", "harp"), {"harpctl"})

    def test_a_path_is_completed_as_one(self) -> None:
        path = f"{self.place.name}/harp"
        self.assertEqual(self.offers("log", "show", path), {f"{path}ctl"})


if __name__ == "__main__":
    unittest.main()
