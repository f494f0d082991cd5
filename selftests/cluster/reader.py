# SPDX-License-Identifier: GPL-2.0
"""Somebody on a file server who reads a file of the share again and again, and says
on the machine's console what is in it: the lab writes down when, by a clock that goes
on while the machine does not."""

from __future__ import annotations

import re

from harness import GROUP, Lab, LabFailed, wait_for

PACE_S = 0.02
LINE = re.compile(r"^(\d+\.\d+) .*harp-reader (\S+)")
PROGRAM = """
import os, sys, time
console = os.open("/dev/console", os.O_WRONLY)
while True:
    try:
        fd = os.open(sys.argv[1], os.O_RDONLY)
        said = os.pread(fd, 16, 0).decode() or "nothing"
        os.close(fd)
    except OSError as error:
        said = f"errno-{error.errno}"
    os.write(console, f"harp-reader {said}\\n".encode())
    time.sleep(float(sys.argv[2]))
"""


class Reader:
    def __init__(self, lab: Lab, node: str, name: str) -> None:
        self.lab = lab
        self.node = node
        path = "/run/harp-reader.py"
        lab.put(node, path, PROGRAM)
        # /run is another one in there: the program comes by its standard input.
        self.process = lab.start(
            node, f"exec nsenter --mount=/run/harp/ns/{GROUP}/mnt "
            f"python3 - /srv/{GROUP}/{name} {PACE_S} < {path}")

    def said(self, since: float = 0) -> list[str]:
        """What it read, after a moment of this machine's clock."""
        if self.process.poll() is not None:
            raise LabFailed(f"the reader has ended: {self.process.communicate()}")
        lines = self.lab.call("console", self.node).stdout.splitlines()
        return [found[2] for line in lines
                if (found := LINE.match(line)) and float(found[1]) > since]

    def wait(self, value: str, since: float = 0) -> None:
        wait_for(f"{self.node} to read {value}", lambda: value in self.said(since), 60)

    def stop(self) -> None:
        self.lab.run(self.node, "pkill -f '[p]ython3 - /srv/'; true")
        self.process.wait(30)
