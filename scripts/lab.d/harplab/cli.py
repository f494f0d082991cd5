# SPDX-License-Identifier: GPL-2.0
"""The command line of scripts/lab."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from .util import LabError


def _rest(words: list[str]) -> list[str]:
    """The command after `--`."""
    words = words[1:] if words[:1] == ["--"] else words
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
    p.add_argument("--disk", action="append", default=[], metavar="SIZE",
                   help="an empty disk; the first is /dev/ubdb (all are in "
                   "$HARP_DISKS); may be repeated")
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
    p.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND")
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
    from . import image, kernel
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


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="lab", description="Test machines for Harp.")
    sub = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for add in (_add_uml, _add_kmod, _add_images):
        add(sub)
    args = parser.parse_args(argv)
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
