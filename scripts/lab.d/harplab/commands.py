# SPDX-License-Identifier: GPL-2.0
"""What can be done to the machines of a running lab."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import termios
import threading
import time
import tty
from collections.abc import Iterator
from pathlib import Path

from . import keeper, machines, network, up
from .machines import Lab
from .qemu import qmp
from .session import Session
from .util import LabError, Progress, need, say

ANSWER_TIMEOUT = 30


def lab_of(args: argparse.Namespace) -> Lab:
    return machines.running(args.name, args.dir)


def _session(lab: Lab, name: str, timeout: float = ANSWER_TIMEOUT
             ) -> contextlib.AbstractContextManager[Session]:
    return _channel(lab, lab.node(name).name, timeout)


@contextlib.contextmanager
def _channel(lab: Lab, name: str,
             timeout: float = ANSWER_TIMEOUT) -> Iterator[Session]:
    """To a node, or to the switch of a lab in one kernel."""
    session = Session(name, lab.ports(name), timeout)
    try:
        yield session
    finally:
        session.close()


def _to_stdio(kind: bytes, data: bytes) -> None:
    sink = sys.stdout.buffer if kind == b"O" else sys.stderr.buffer
    sink.write(data)
    sink.flush()


@contextlib.contextmanager
def _raw_terminal(wanted: bool) -> Iterator[None]:
    if not wanted:
        yield
        return
    saved = termios.tcgetattr(0)
    tty.setraw(0)
    try:
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, saved)


def exec_(args: argparse.Namespace, argv: list[str]) -> int:
    lab = lab_of(args)
    env = dict(pair.partition("=")[::2] for pair in args.env)
    with _session(lab, args.node) as session, \
            _raw_terminal(args.tty and os.isatty(0)):
        try:
            return session.run(argv, env=env, cwd=args.cwd,
                               stdin=None if args.no_stdin else 0,
                               tty=args.tty, timeout=args.timeout,
                               output=_to_stdio)
        except TimeoutError:
            say(f"{args.node}: stopped after {args.timeout:.0f} s")
            return 124


def _transfer(lab: Lab, node: str, argv: list[str], what: str,
              stdin: int | None, output: int | None) -> None:
    errors = bytearray()

    def sink(kind: bytes, data: bytes) -> None:
        if kind == b"O" and output is not None:
            while data:
                data = data[os.write(output, data):]
        else:
            errors.extend(data)

    with _session(lab, node) as session, Progress(what):
        status = session.run(argv, stdin=stdin, output=sink)
    if status:
        raise LabError(f"{node}: {argv[0]} exited with {status}: "
                       f"{errors.decode(errors='replace').strip()}")


def push(args: argparse.Namespace) -> int:
    """Copy files into a directory of a node."""
    need("tar")
    for path in args.source:
        if not path.exists():
            raise LabError(f"{path} does not exist")
    tar = ["tar", "-c", "--owner=0", "--group=0"]
    for path in args.source:
        whole = path.resolve()
        tar += ["-C", str(whole.parent), whole.name]
    proc = subprocess.Popen(tar, stdout=subprocess.PIPE)
    assert proc.stdout
    with proc.stdout:
        _transfer(lab_of(args), args.node,
                  ["sh", "-c", 'mkdir -p "$1" && exec tar -C "$1" -xf -',
                   "push", args.target],
                  f"copying to {args.node}", proc.stdout.fileno(), None)
    return proc.wait()


def pull(args: argparse.Namespace) -> int:
    """Copy a file or tree of a node into a directory here."""
    need("tar")
    args.target.mkdir(parents=True, exist_ok=True)
    source = Path(args.source)
    proc = subprocess.Popen(["tar", "-C", str(args.target), "-xf", "-"],
                            stdin=subprocess.PIPE)
    assert proc.stdin
    with proc.stdin:
        _transfer(lab_of(args), args.node,
                  ["tar", "-C", str(source.parent), "-cf", "-", source.name],
                  f"copying from {args.node}", None, proc.stdin.fileno())
    return proc.wait()


def console(args: argparse.Namespace) -> int:
    directory = machines.lab_directory(args.name, args.dir)
    path = directory / f"{args.node}.console"
    lab = machines.load(directory)
    if lab and lab.backend == "uml":
        path = lab.console(lab.node(args.node).name)
    if not path.exists():
        raise LabError(f"no console log of '{args.node}' in {path.parent}")
    with open(path, "rb") as log:
        while True:
            shutil.copyfileobj(log, sys.stdout.buffer)
            sys.stdout.buffer.flush()
            if not args.follow:
                return 0
            time.sleep(0.2)


def _chosen(lab: Lab, args: argparse.Namespace) -> list[str]:
    """The nodes a verb names, or all. In a lab of one kernel what a machine
    would do by itself can only be done to all nodes, and that must be said."""
    names = [args.node] if isinstance(args.node, str) else args.node or []
    if args.all == bool(names):
        raise LabError("name the nodes, or say --all")
    for name in names:
        lab.node(name)
    if lab.backend == "uml" and names:
        raise LabError(
            f"{names[0]} is in one kernel with all nodes of this lab, so "
            f"{args.verb} can only take them all: say --all. For one machine "
            f"of several use QEMU's back end (scripts/lab up); what one node "
            f"can suffer here is partition and pause")
    return names or list(lab.nodes)


def crash(args: argparse.Namespace) -> int:
    """Make kernels panic; return once the panic is on the console."""
    lab = lab_of(args)
    names = _chosen(lab, args)
    if lab.backend == "uml":
        if args.nmi:
            raise LabError("User Mode Linux has no NMI: leave --nmi out")
        names = [machines.SWITCH]  # one kernel: one panic
    for name in names:
        _crash(lab, name, args.nmi)
    return 0


def _crash(lab: Lab, name: str, nmi: bool) -> None:
    log = lab.console(name)
    start = log.stat().st_size if log.exists() else 0
    if nmi:
        with qmp(lab, name) as talk:
            asked = time.time()
            talk.do("inject-nmi")
    else:
        with _channel(lab, name) as session:
            asked = time.time()
            session.send(b"X", json.dumps({
                "argv": ["sh", "-c", "echo c >/proc/sysrq-trigger"],
                "env": {}}).encode())
            _await_panic(log, start, name)
    panicked = _await_panic(log, start, name)
    if lab.backend == "uml":
        _await_end(lab)
    node = "all" if lab.backend == "uml" else name
    print(json.dumps({"node": node, "asked": asked, "panicked": panicked}))


def _await_end(lab: Lab) -> None:
    """A User Mode Linux kernel ends with its panic."""
    deadline = time.monotonic() + 30
    while any(keeper.ask(lab, "status").values()):
        if time.monotonic() > deadline:
            raise LabError("the kernel has panicked and does not end")
        time.sleep(0.02)


def _await_panic(log: Path, start: int, node: str) -> float:
    """Time of the panic's line in the console log."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with open(log, "rb") as file:
            file.seek(start)
            for line in file:
                if b"Kernel panic" in line:
                    return float(line.split()[0])
        time.sleep(0.02)
    raise LabError(f"{node} did not panic within 30 s")


def reset(args: argparse.Namespace) -> int:
    lab = lab_of(args)
    names = _chosen(lab, args)
    if lab.backend == "uml":
        raise LabError("User Mode Linux has no reset that keeps memory: say "
                       "power-cut --all, then power-on --all")
    for node in names:
        with qmp(lab, node) as talk:
            talk.do("system_reset")
    if args.wait:
        # The agent of the boot that just ended may still answer for a moment:
        # what is asked for is systemd's word, and a reset machine has none.
        up.wait_ready(lab, names, args.timeout)
    return 0


def _switch(args: argparse.Namespace) -> tuple[Lab, list[str]]:
    lab = lab_of(args)
    names = _chosen(lab, args)
    # One kernel has one switch, whichever node is named.
    for node in names[:1] if lab.backend == "uml" else names:
        keeper.ask(lab, args.verb, node=node)
    return lab, names


def power_cut(args: argparse.Namespace) -> int:
    _switch(args)
    return 0


def power_on(args: argparse.Namespace) -> int:
    lab, names = _switch(args)
    if args.wait:
        up.wait_ready(lab, names, args.timeout)
    return 0


def wait(args: argparse.Namespace) -> int:
    lab = lab_of(args)
    names = args.node or list(lab.nodes)
    for name in names:
        lab.node(name)
    up.wait_ready(lab, names, args.timeout)
    return 0


def _qemu_pid(lab: Lab, node: str) -> int:
    want = os.fsencode(f"harp-{lab.name}-{node}")
    children = Path(f"/proc/{lab.keeper}/task/{lab.keeper}/children")
    for pid in children.read_text().split():
        argv = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if want in argv:
            return int(pid)
    raise LabError(f"{node} is not running")


def _freeze(lab: Lab, node: str, wish: int) -> None:
    """Stop a node's processes, or let them go on; return when it is so."""
    group = f"/sys/fs/cgroup/{node}"
    network.at_switch(lab, ["sh", "-c", f"echo {wish} >{group}/cgroup.freeze; "
                            f"until grep -q 'frozen {wish}' "
                            f"{group}/cgroup.events; do :; done"])


def _frozen(lab: Lab) -> set[str]:
    lines = network.at_switch(lab, [
        "grep", "-H", "", *(f"/sys/fs/cgroup/{name}/cgroup.freeze"
                            for name in lab.nodes)]).splitlines()
    return {line.split("/")[4] for line in lines if line.endswith(":1")}


def pause(args: argparse.Namespace) -> int:
    lab = lab_of(args)
    lab.node(args.node)
    if lab.backend == "uml":
        if args.qmp:
            raise LabError("User Mode Linux has no QMP: leave --qmp out")
        _freeze(lab, args.node, 1)
        say(f"{args.node}: its processes stand still; the kernel is all "
            f"nodes', so its threads for this one (nfsd, the module's) go on, "
            f"and so does the clock")
    elif args.qmp:
        with qmp(lab, args.node) as talk:
            talk.do("stop")
    else:
        os.kill(_qemu_pid(lab, args.node), signal.SIGSTOP)
    return 0


def resume(args: argparse.Namespace) -> int:
    lab = lab_of(args)
    lab.node(args.node)
    if lab.backend == "uml":
        _freeze(lab, args.node, 0)
        return 0
    os.kill(_qemu_pid(lab, args.node), signal.SIGCONT)
    with qmp(lab, args.node) as talk:
        if talk.do("query-status")["status"] == "paused":
            talk.do("cont")
    return 0


def _nets(lab: Lab, net: int | None) -> list[int]:
    if net is None:
        return list(range(lab.networks))
    if not 0 <= net < lab.networks:
        raise LabError(f"no network {net}: there are 0 to "
                       f"{lab.networks - 1}")
    return [net]


def partition(args: argparse.Namespace) -> int:
    lab = lab_of(args)
    network.partition(lab, args.a, args.b, _nets(lab, args.net), args.one_way)
    return 0


def heal(args: argparse.Namespace) -> int:
    lab = lab_of(args)
    if args.a and not args.b:
        raise LabError("heal takes two nodes, or none to heal everything")
    pair = (args.a, args.b) if args.a else None
    network.heal(lab, pair, _nets(lab, args.net))
    return 0


def netns(args: argparse.Namespace, argv: list[str]) -> int:
    """Run a command where the bridges are: captures, counters."""
    lab = lab_of(args)
    if lab.backend == "uml":
        with _channel(lab, machines.SWITCH) as session:
            return session.run(argv, output=_to_stdio)
    command = network.inside(lab, argv)
    os.execvp(command[0], command)


def _node_state(lab: Lab, name: str, on: bool) -> dict:
    state = {"node": name, "state": "off", "agent": False,
             "addresses": [machines.Node.address(lab.nodes[name].host, net)
                           for net in range(lab.networks)],
             "mac": [lab.nodes[name].mac(net) for net in range(lab.networks)],
             "console": str(lab.console(name))}
    if not on:
        return state
    if lab.backend == "uml":
        state["state"] = "running"
        with contextlib.suppress(LabError), _session(lab, name, 2):
            state["agent"] = True
        return state
    # It may power off meanwhile, and be gone at any of these.
    with contextlib.suppress(LabError, FileNotFoundError, ProcessLookupError):
        pid = _qemu_pid(lab, name)
        text = Path(f"/proc/{pid}/stat").read_text()
        if text.rpartition(")")[2].split()[0] == "T":
            state["state"] = "stopped by signal"
            return state
    with contextlib.suppress(LabError), qmp(lab, name) as talk:
        state["state"] = talk.do("query-status")["status"]
    if state["state"] == "running":
        with contextlib.suppress(LabError), _session(lab, name, 2):
            state["agent"] = True
    return state


def _show_complaints(lab: Lab) -> None:
    from . import uml
    log = lab.console("")
    if lines := uml.complaints(log):
        say(f"the kernel complained (whole log: {log}):")
        print("\n".join(lines), file=sys.stderr)


def status(args: argparse.Namespace) -> int:
    lab = machines.load(machines.lab_directory(args.name, args.dir))
    if not lab or not machines.keeper_alive(lab):
        if args.json:
            print(json.dumps({"name": args.name, "up": False}))
        else:
            print(f"lab '{args.name}' is not up")
        return 1
    power = keeper.ask(lab, "status")
    states: dict[str, dict] = {}

    def look(up: Lab, name: str) -> None:
        states[name] = _node_state(up, name, power[name])

    threads = [threading.Thread(target=look, args=(lab, n))
               for n in lab.nodes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cuts: list[list[str]] = []
    if lab.backend != "uml" or all(power.values()):
        cuts = [list(pair) for pair in network.cuts(lab)]
    if lab.backend == "uml" and all(power.values()):
        for name in _frozen(lab):
            states[name]["state"] = "processes stopped"
    if args.json:
        print(json.dumps({"name": lab.name, "up": True,
                          "backend": lab.backend, "kernel": lab.kernel,
                          "directory": str(lab.directory),
                          "keeper": lab.keeper, "cuts": cuts,
                          "nodes": [states[n] for n in lab.nodes]}, indent=1))
        return 0
    print(f"lab '{lab.name}', {lab.backend}, kernel {lab.kernel}, files in "
          f"{lab.directory}")
    if lab.backend == "uml":
        _show_complaints(lab)
    for name in lab.nodes:
        state = states[name]
        shown = state["state"]
        if shown == "running" and not state["agent"]:
            shown += ", does not answer"
        print(f"  {name:8} {shown:28} {' '.join(state['addresses'])}")
    for a, b in cuts:
        print(f"  cut: what {a} sends to {b}")
    return 0


def ls(args: argparse.Namespace) -> int:
    """Labs that run, found by their keepers."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError, ValueError):
            argv = (entry / "cmdline").read_bytes().split(b"\0")
            if b"__keeper" in argv:
                where = Path(os.fsdecode(argv[argv.index(b"__keeper") + 1]))
                lab = machines.load(where)
                if lab:
                    print(f"{lab.name:16} {lab.backend:4} {lab.kernel:5} "
                          f"{','.join(lab.nodes):16} {where}")
    return 0
