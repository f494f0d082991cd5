# SPDX-License-Identifier: GPL-2.0
"""The command line of scripts/lab."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

from . import commands, kernel, stock, up
from .util import LabError, ROOT


KERNELS = {"qemu": tuple(stock.RELEASES), "uml": tuple(kernel.CONFIGS)[::-1]}
ONE_KERNEL = ("A lab with --backend uml has one kernel, so there it takes all "
              "nodes, and must be told --all.")


def _usage(p: argparse.ArgumentParser, tail: str) -> str:
    """The usage line of a verb whose command comes after `--`, which is
    taken off before the options are parsed: they may stand anywhere."""
    return " ".join(p.format_usage().split()).removeprefix(
        "usage: ").replace("%", "%%") + " " + tail


def _rest(words: list[str]) -> list[str]:
    """The command after `--`."""
    if not words:
        raise LabError("no command given: write it after --")
    return words


def _uml(args: argparse.Namespace) -> int:
    from . import uml
    env = dict(pair.partition("=")[::2] for pair in args.env)
    return uml.run_uml(uml.Run(
        command=_rest(args.command), kernel=args.kernel,
        disks=tuple(args.disk), mem=args.mem, timeout=args.timeout,
        out=args.out, env=env, kernel_args=tuple(args.append),
        kmemleak=not args.no_kmemleak, harp=args.harp))


def _add_uml(sub: argparse._SubParsersAction) -> None:
    p = sub.add_parser(
        "uml", help="run one command in a User Mode Linux kernel",
        description="Boots a kernel of its own, runs COMMAND there as root "
        "with the checkout read-only at $HARP_SRC (the working directory) "
        "and an output directory at $HARP_OUT, and powers off. Exit status: "
        "the command's; 124 when out of time; 125 when the kernel panicked, "
        "warned or leaked.")
    p.add_argument("--kernel", choices=("debug", "plain"), default="debug",
                   help="debug: all checkers on (default); plain: for timing")
    p.add_argument("--disk", action="append", default=[], metavar="SIZE|FILE",
                   help="an empty disk, or a copy of FILE (a path with a /); "
                   "the first is /dev/ubdb (all are in $HARP_DISKS); may be "
                   "repeated")
    p.add_argument("--mem", default="1500M", help="memory (default 1500M)")
    p.add_argument("--timeout", type=float, default=600, metavar="S",
                   help="stop after S seconds (default 600)")
    p.add_argument("--out", type=Path, metavar="DIR",
                   help="output directory, kept (default: out/uml/PID, kept "
                   "when the run fails)")
    p.add_argument("--harp", action="store_true",
                   help="build harp.ko and load it before COMMAND "
                   "(path in $HARP_KO)")
    p.add_argument("--env", action="append", default=[], metavar="NAME=VALUE")
    p.add_argument("--append", action="append", default=[], metavar="ARG",
                   help="one more kernel argument; may be repeated")
    p.add_argument("--no-kmemleak", action="store_true",
                   help="skip the leak scan after a module was loaded")
    p.usage = _usage(p, "-- COMMAND …")
    p.set_defaults(run=_uml)


def _kmod(args: argparse.Namespace) -> int:
    from . import kmod
    print(kmod.build_for_uml(args.kernel))
    return 0


def _add_kmod(sub: argparse._SubParsersAction) -> None:
    p = sub.add_parser(
        "kmod", help="build harp.ko for a User Mode Linux kernel",
        description="Prints the path of the module.")
    p.add_argument("--kernel", choices=("debug", "plain"), default="debug")
    p.set_defaults(run=_kmod)


def _images(args: argparse.Namespace) -> int:
    from . import image
    for what in args.what or ["base", "uml-debug"]:
        if what == "base":
            print(image.base_image())
        else:
            print(kernel.uml_kernel(what.removeprefix("uml-")))
    return 0


def _add_images(sub: argparse._SubParsersAction) -> None:
    p = sub.add_parser(
        "images", help="make (or find) the images and kernels the lab uses",
        description="Prints the cache directory of each.")
    p.add_argument("what", nargs="*", metavar="WHAT",
                   help="base, uml-debug, uml-plain (default: the first two)")
    p.set_defaults(run=_images)


def _lab_options(p: argparse.ArgumentParser) -> None:
    p.add_argument("--name", default=os.environ.get("HARP_LAB_NAME",
                                                    "default"),
                   help="which lab (default: $HARP_LAB_NAME or 'default'); "
                   "several can run at once")
    p.add_argument("--dir", type=Path, default=os.environ.get("HARP_LAB_DIR"),
                   help="its directory (default: $HARP_LAB_DIR or "
                   "out/lab/NAME)")


def _up_options(args: argparse.Namespace, tie: int) -> up.UpOptions:
    nodes = [n for n in (args.nodes or "").split(",") if n]
    kinds = KERNELS[args.backend]
    kernel = args.kernel or kinds[0]
    if kernel not in kinds:
        raise LabError(f"the back end {args.backend} has no kernel "
                       f"'{kernel}': there are {', '.join(kinds)}")
    return up.UpOptions(args.name, args.dir, args.profile, args.backend,
                        kernel, nodes, not args.no_module, not args.no_stage,
                        tie, args.timeout)


def _up(args: argparse.Namespace) -> int:
    lab, leash = up.up(_up_options(args, args.tie))
    os.write(leash, b".")
    os.close(leash)
    return commands.status(argparse.Namespace(name=args.name, dir=args.dir,
                                              json=False))


def _run(args: argparse.Namespace) -> int:
    return up.run_in_lab(_up_options(args, 0), _rest(args.command))


def _add_up_options(p: argparse.ArgumentParser) -> None:
    _lab_options(p)
    p.add_argument("--profile", default="default",
                   help="nodes to make: a name in scripts/lab.d/profiles or "
                   "a file")
    p.add_argument("--nodes", metavar="A,B", help="only these nodes of the "
                   "profile")
    p.add_argument("--backend", choices=tuple(KERNELS), default="qemu",
                   help="qemu: a machine for each node, with Debian's stock "
                   "kernel (default); uml: one User Mode Linux kernel, in "
                   "which each node has namespaces and a root of its own, "
                   "without systemd: up in seconds, with every checker on, "
                   "but panics, resets and power cuts take all nodes")
    p.add_argument("--kernel", metavar="KERNEL",
                   help="qemu: 6.1 (default) or 6.12; uml: debug (default) "
                   "or plain")
    p.add_argument("--no-module", action="store_true",
                   help="do not build and install harp.ko")
    p.add_argument("--no-stage", action="store_true",
                   help="do not install what out/stage holds")
    p.add_argument("--timeout", type=float, default=up.BOOT_TIMEOUT,
                   metavar="S", help="give up booting after S seconds")


def _add_lifecycle(sub: argparse._SubParsersAction) -> None:
    p = sub.add_parser("up", help="start a lab of QEMU machines, or of nodes "
                       "in one kernel",
                       description="Starts the nodes and returns once all "
                       "are up. They run until `down`.")
    _add_up_options(p)
    p.add_argument("--tie", type=int, default=0, metavar="PID",
                   help="take the lab down when this process ends")
    p.set_defaults(run=_up)
    p = sub.add_parser("run", help="start a lab for one command on this host",
                       description="Starts a lab, runs COMMAND here with "
                       "$HARP_LAB_NAME set, and takes the lab down.")
    _add_up_options(p)
    p.usage = _usage(p, "-- COMMAND …")
    p.set_defaults(run=_run)
    p = sub.add_parser("down", help="stop a lab and remove what it made "
                       "(logs stay)")
    _lab_options(p)
    p.set_defaults(run=lambda a: 0 if up.down(a.name, a.dir) else 0)
    p = sub.add_parser("status", help="nodes, their state, and what is cut")
    _lab_options(p)
    p.add_argument("--json", action="store_true")
    p.set_defaults(run=commands.status)
    p = sub.add_parser("ls", help="list the labs that run")
    p.set_defaults(run=commands.ls)


def _add_access(sub: argparse._SubParsersAction) -> None:
    p = sub.add_parser("exec", help="run a command in a node",
                       description="Runs CMD as root in NODE, over a channel "
                       "that needs none of its networks. Exit status: the "
                       "command's; 1 with a message when the node went away.")
    _lab_options(p)
    p.add_argument("-t", "--tty", action="store_true", help="with a terminal")
    p.add_argument("-n", "--no-stdin", action="store_true",
                   help="give it an empty stdin")
    p.add_argument("--timeout", type=float, metavar="S")
    p.add_argument("--cwd", metavar="DIR")
    p.add_argument("--env", action="append", default=[], metavar="NAME=VALUE")
    p.add_argument("node")
    p.usage = _usage(p, "-- CMD …")
    p.set_defaults(run=lambda a: commands.exec_(a, _rest(a.command)))
    p = sub.add_parser("shell", help="a shell in a node")
    _lab_options(p)
    p.add_argument("node")
    p.set_defaults(run=lambda a: commands.exec_(argparse.Namespace(
        **vars(a), tty=True, no_stdin=False, timeout=None, cwd=None, env=[]),
        ["bash", "-l"]))
    p = sub.add_parser("push", help="copy files into a directory of a node")
    _lab_options(p)
    p.add_argument("node")
    p.add_argument("source", nargs="+", type=Path)
    p.add_argument("target", help="directory in the node")
    p.set_defaults(run=commands.push)
    p = sub.add_parser("pull", help="copy a file or tree from a node")
    _lab_options(p)
    p.add_argument("node")
    p.add_argument("source", help="path in the node")
    p.add_argument("target", type=Path, help="directory here")
    p.set_defaults(run=commands.pull)
    p = sub.add_parser("console", help="print a node's console log; each "
                       "line begins with the host's time")
    _lab_options(p)
    p.add_argument("-f", "--follow", action="store_true")
    p.add_argument("node")
    p.set_defaults(run=commands.console)


def _add_faults(sub: argparse._SubParsersAction) -> None:
    p = sub.add_parser("crash", help="make a node's kernel panic",
                       description="Returns when the panic is on the node's "
                       "console and prints one line of JSON with its time. "
                       "The node then reboots by itself, its memory kept. "
                       + ONE_KERNEL + " It does not come back by itself.")
    _lab_options(p)
    p.add_argument("--all", action="store_true", help="every node")
    p.add_argument("--nmi", action="store_true",
                   help="by an interrupt from outside: needs no answering "
                   "node")
    p.add_argument("node", nargs="?")
    p.set_defaults(run=commands.crash)
    for verb, run, text in (
            ("reset", commands.reset, "warm reset: memory is kept"),
            ("power-on", commands.power_on, "switch nodes on again")):
        p = sub.add_parser(verb, help=text, description=ONE_KERNEL)
        _lab_options(p)
        p.add_argument("--all", action="store_true", help="every node")
        p.add_argument("--wait", action="store_true",
                       help="until the nodes are up again")
        p.add_argument("--timeout", type=float, default=up.BOOT_TIMEOUT)
        p.add_argument("node", nargs="*")
        p.set_defaults(run=run)
    p = sub.add_parser("wait", help="wait until nodes are up")
    _lab_options(p)
    p.add_argument("--timeout", type=float, default=up.BOOT_TIMEOUT)
    p.add_argument("node", nargs="*")
    p.set_defaults(run=commands.wait)
    p = sub.add_parser("power-cut", help="switch nodes off at once: memory "
                       "is lost", description=ONE_KERNEL)
    _lab_options(p)
    p.add_argument("--all", action="store_true", help="every node")
    p.add_argument("node", nargs="*")
    p.set_defaults(run=commands.power_cut)
    p = sub.add_parser("pause", help="stop a node in its tracks",
                       description="In a lab with --backend uml it stops the "
                       "node's processes, and says that threads of the kernel "
                       "go on.")
    _lab_options(p)
    how = p.add_mutually_exclusive_group()
    how.add_argument("--signal", action="store_true",
                     help="stop the QEMU process: its clock jumps (default)")
    how.add_argument("--qmp", action="store_true",
                     help="stop the virtual machine: its clock stops too")
    p.add_argument("node")
    p.set_defaults(run=commands.pause)
    p = sub.add_parser("resume", help="end a pause of either kind")
    _lab_options(p)
    p.add_argument("node")
    p.set_defaults(run=commands.resume)


def _add_network(sub: argparse._SubParsersAction) -> None:
    p = sub.add_parser("partition", help="cut two nodes off from each other")
    _lab_options(p)
    p.add_argument("--one-way", action="store_true",
                   help="drop only what A sends to B")
    p.add_argument("--net", type=int, metavar="N",
                   help="on network N only (default: on all)")
    p.add_argument("a")
    p.add_argument("b")
    p.set_defaults(run=commands.partition)
    p = sub.add_parser("heal", help="undo partition, for two nodes or "
                       "everywhere")
    _lab_options(p)
    p.add_argument("--net", type=int, metavar="N")
    p.add_argument("a", nargs="?")
    p.add_argument("b", nargs="?")
    p.set_defaults(run=commands.heal)
    p = sub.add_parser("netns", help="run a command where the bridges are",
                       description="For example: scripts/lab netns -- "
                       "tcpdump -i br0 -w out/net0.pcap. Bridges are br0, "
                       "br1; ports are NODE-0, NODE-1.")
    _lab_options(p)
    p.usage = _usage(p, "-- COMMAND …")
    p.set_defaults(run=lambda a: commands.netns(a, _rest(a.command)))


def _dkms(args: argparse.Namespace) -> int:
    from . import dkms
    print(dkms.build(args.kernel, args.source or ROOT))
    return 0


def _add_dkms(sub: argparse._SubParsersAction) -> None:
    p = sub.add_parser("dkms", help="build harp.ko for a stock kernel by DKMS",
                       description="Runs dkms add, build and install in a "
                       "root tree with that kernel's headers, and prints the "
                       "directory of the module.")
    p.add_argument("--kernel", choices=tuple(stock.RELEASES), default="6.1")
    p.add_argument("--source", type=Path, help="a source tree other than the "
                   "checkout")
    p.set_defaults(run=_dkms)


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="lab", description="Test machines for Harp.")
    sub = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for add in (_add_uml, _add_kmod, _add_images, _add_dkms, _add_lifecycle,
                _add_access, _add_faults, _add_network):
        add(sub)
    cut = argv.index("--") if "--" in argv else len(argv)
    args = parser.parse_args(argv[:cut])
    args.command = argv[cut + 1:]
    # Ends by exception, so that every `finally` between here and the
    # machines runs.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    try:
        return args.run(args)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: interrupted", file=sys.stderr)
        return 130
