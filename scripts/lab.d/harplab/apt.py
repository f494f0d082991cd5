# SPDX-License-Identifier: GPL-2.0
"""Debian packages from the mirror this machine is set up with."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from pathlib import Path

from .util import LabError, cache_dir, hash_of, need, run

RELEASE = "bookworm"
COMPONENTS = "main"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def _stamp(options: tuple[str, ...]) -> str:
    """Changes whenever apt's answers may."""
    places = ["/var/lib/apt/lists", "/etc/apt", "/etc/apt/sources.list",
              "/etc/apt/sources.list.d", "/etc/apt/preferences.d",
              "/var/lib/dpkg/status"]
    places += [o.partition("=")[2] for o in options if "lists=" in o]
    return " ".join(str(os.stat(p).st_mtime_ns) for p in places
                    if os.path.exists(p))


def _apt_cache(*args: str, options: tuple[str, ...] = ()) -> str:
    """What apt-cache says. Remembered, because reading the lists takes half
    a second, and every command of the lab asks several times."""
    path = cache_dir() / f"apt-{hash_of('answers', *args, *options)}.txt"
    stamp = _stamp(options)
    with contextlib.suppress(OSError):
        head, _, text = path.read_text().partition("\n")
        if head == stamp:
            return text
    text = subprocess.run(["apt-cache", *options, *args], text=True,
                          capture_output=True, check=False).stdout
    fresh = path.with_suffix(f".{os.getpid()}")
    fresh.write_text(f"{stamp}\n{text}")
    fresh.rename(path)
    return text


def host_sources() -> list[str]:
    """The host's sources of this release as one-line entries."""
    need("apt-get")
    text = subprocess.run(
        ["apt-get", "indextargets", "--format",
         "$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)",
         "Identifier: Packages"],
        text=True, capture_output=True, check=True).stdout
    option = f" [signed-by={KEYRING}]" if os.path.exists(KEYRING) else ""
    entries: list[str] = []
    for line in text.splitlines():
        origin, uri, release, component = (line.split() + [""] * 4)[:4]
        if origin != "Debian" or component != COMPONENTS or \
                not release.startswith(RELEASE):
            continue
        entry = f"deb{option} {uri} {release} {component}"
        if entry not in entries:
            entries.append(entry)
    if not entries:
        raise LabError(f"apt knows no source of {RELEASE}: the lab needs a "
                       f"Debian 12 mirror in /etc/apt/sources.list.d, and "
                       f"'apt-get update' to have been run")
    return entries


def backports_sources() -> list[str]:
    """The host's sources and, from the same mirror, backports."""
    main = [e for e in host_sources() if f" {RELEASE} " in e]
    if not main:
        raise LabError(f"apt has no source of {RELEASE} itself")
    return [*host_sources(), main[0].replace(
        f" {RELEASE} ", f" {RELEASE}-backports ")]


def _backports_options() -> tuple[str, ...]:
    """apt options with backports beside the host's sources, kept apart from
    the host: its configuration is read, never changed."""
    lines = backports_sources()
    top = cache_dir() / f"apt-{hash_of(*lines)}"
    (top / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (top / "cache" / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    (top / "sources.list").write_text("\n".join(lines) + "\n")
    options = ("-o", f"Dir::Etc::sourcelist={top}/sources.list",
               "-o", "Dir::Etc::sourceparts=-",
               "-o", f"Dir::State::lists={top}/lists",
               "-o", f"Dir::Cache={top}/cache",
               "-o", "APT::Sandbox::User=root")
    if not list((top / "lists").glob("*Packages*")):
        run(["apt-get", *options, "update"], "reading the list of backports")
    return options


def options_for(package: str) -> tuple[str, ...]:
    """apt options under which this package can be had."""
    if version(package):
        return ()
    options = _backports_options()
    if not version(package, options):
        raise LabError(f"no Debian package {package} in the host's sources or "
                       f"in {RELEASE}-backports; run: apt-get update")
    return options


def version(package: str, options: tuple[str, ...] = ()) -> str:
    """The version apt would install, or an empty string."""
    text = _apt_cache("policy", package, options=options)
    match = re.search(r"Candidate: (\S+)", text)
    return "" if not match or match[1] == "(none)" else match[1]


def depends(package: str, pattern: str) -> str:
    """The first dependency of a package whose name matches."""
    text = _apt_cache("show", "--no-all-versions", package,
                      options=options_for(package))
    for field in re.findall(r"^(?:Pre-)?Depends: (.*)$", text, re.M):
        for name in re.split(r"[,|]\s*", field):
            bare = name.split()[0]
            if re.fullmatch(pattern, bare):
                return bare
    raise LabError(f"{package} depends on nothing like {pattern}")


def download(package: str, where: Path) -> Path:
    """Fetch a package's file into a directory."""
    options = options_for(package)
    try:
        run(["apt-get", "-o", "APT::Sandbox::User=root", *options, "download",
             package], f"downloading {package}", cwd=where)
    except LabError as error:
        raise LabError(f"{error}\nThe lists may be older than the mirror: "
                       f"run apt-get update") from None
    files = list(where.glob(f"{package}_*.deb"))
    if len(files) != 1:
        raise LabError(f"apt-get download {package} left no single file")
    return files[0]
