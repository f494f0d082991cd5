#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Speak the generic netlink family "harp" without harpd: for tests.

A module (Harp, form_view, Touch, Events) and a command; each command prints JSON:

  get GROUP MEMBER                  state of a replica
  dump                              state of all
  fence GROUP MEMBER VIEW BY        L4; exits 3 when refused for now
  view-start GROUP MEMBER --view V --primary SLOT:INC --backup SLOT:INC
             [--s N --view-of-s N --match N --promise MS]
  form GROUP P B [--view V] [--promise MS] [--gate DEV] [--tcp ADDR]
                                    both in this kernel: fence, view, gate, link, until serving
  feed GROUP MEMBER VIEW PEER PEER_INC MATCH [--upto N]
                                    C1: be fed the history of VIEW by PEER
  link GROUP A B [--tcp ADDR]       a socketpair, or TCP over ADDR, one end for each
  link-listen GROUP M PEER ADDR PORT / link-connect GROUP M PEER ADDR PORT
  link-drop | touch | leave | release | sync | del   GROUP MEMBER
  gate GROUP MEMBER DEV             DEV in this network namespace
  log GROUP MEMBER INDEX [COUNT]    record headers
  keep GROUP MEMBER…                touch every second until killed
  events [SECONDS]                  print events as they come
  wait GROUP MEMBER KEY VALUE [--timeout S]   until state[KEY] == VALUE (>= for numbers)
"""
from __future__ import annotations

import argparse
import contextlib
import errno
import json
import multiprocessing
import os
import select
import socket
import struct
import sys
import threading
import time
import uuid
from typing import Any, Callable, Iterator, Sequence

FORK = multiprocessing.get_context("fork")

NETLINK_GENERIC = 16
SOL_NETLINK = 270
SO_SNDBUFFORCE, SO_RCVBUFFORCE = 32, 33     # not in the socket module; past net.core's limits
ATTR_MAX = 65528                # bytes of records in one attribute
NETLINK_ADD_MEMBERSHIP = 1
NETLINK_CAP_ACK = 10
NETLINK_EXT_ACK = 11
NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP = 1, 4, 0x300
NLM_F_CAPPED, NLM_F_ACK_TLVS = 0x100, 0x200
NLMSG_ERROR, NLMSG_DONE = 2, 3
GENL_ID_CTRL = 16
CTRL_CMD_GETFAMILY = 3

COMMANDS = ["unspec", "replica-get", "replica-del", "fence", "view-start", "link-add",
            "link-drop", "gate-bind", "touch", "leave", "release", "sync", "log-read", "event",
            "feed", "copy-read", "copy-write", "log-load"]
CMD = {name: number for number, name in enumerate(COMMANDS)}

# In the order of enum harp_nl_attr; name, type.
ATTRS: list[tuple[str, str]] = [
    ("unspec", ""), ("pad", ""), ("group", "s"), ("member", "B"), ("uuid", "uuid"),
    ("epoch", "I"), ("lineage", "Q"), ("inc", "Q"), ("role", "B"), ("view", "Q"),
    ("fence", "Q"), ("serving", "B"), ("formed", "Q"), ("base", "Q"), ("anchor_view", "Q"),
    ("top", "Q"), ("top_view", "Q"), ("wm", "Q"), ("cp", "Q"), ("ap", "Q"), ("lb", "Q"),
    ("acked", "Q"), ("peer_ap", "Q"), ("peer_lb", "Q"), ("peer", "B"), ("intact", "B"),
    ("complete", "B"), ("media_failure", "B"), ("link_up", "B"), ("lease_left_ms", "i"),
    ("time_left_ms", "I"), ("hold_left_ms", "I"), ("promise_ms", "I"), ("result", "B"),
    ("by", "B"), ("view_record", "b"), ("match", "Q"), ("fd", "i"), ("ifindex", "I"),
    ("index", "Q"), ("count", "I"), ("records", "b"), ("event", "I"), ("value", "Q"),
    ("text", "s"), ("region_kind", "B"), ("region_why", "s"), ("found_fresh", "B"),
    ("found_walked", "Q"), ("found_wm", "Q"), ("ring_used", "Q"), ("ring_size", "Q"),
    ("free_bytes", "Q"), ("peer_free_bytes", "Q"), ("wait_full", "Q"), ("wait_lease", "Q"),
    ("refused", "Q"), ("released", "Q"), ("views", "views"), ("gate_bound", "B"),
    ("mounted", "B"), ("applying_first", "Q"), ("applying_count", "I"),
    ("peer_no_control", "B"), ("peer_inc", "Q"), ("feed_view", "Q"), ("feed_peer", "B"),
    ("feed_cp", "Q"), ("feed_ap", "Q"), ("feed_upto", "Q"), ("top_crc", "I"), ("crc_of_s", "I"),
    ("copy_pass", "B"), ("copy_fid", "Q"), ("copy_at", "Q"), ("copy_end", "Q"),
    ("lease_confirm", "B"), ("wait_confirm", "Q"),
    ("copying", "B"), ("copy_from", "Q"), ("copy_upto", "Q"), ("copy_next_pass", "B"),
    ("copy_next_fid", "Q"), ("copy_next_at", "Q"),
]
ATTR = {name: number for number, (name, _) in enumerate(ATTRS)}
ROLES = ["none", "primary", "backup"]
EVENTS = ["", "link-dead", "link-up", "lease-lost", "lease-back", "serving", "started",
          "higher-view", "leave", "no-control", "media-failure", "log-high"]
REC_TYPES = {1: "noop", 2: "view", 3: "void", 16: "create", 17: "mkdir", 18: "symlink",
             19: "link", 20: "unlink", 21: "rmdir", 22: "rename", 23: "exchange",
             24: "setattr", 25: "write", 26: "xattr", 27: "release"}

State = dict[str, Any]


class HarpError(OSError):
    """A refusal; .text is the kernel's extack message."""

    def __init__(self, number: int, text: str) -> None:
        super().__init__(number, f"{os.strerror(number)}: {text}" if text else os.strerror(number))
        self.text = text


def put_attr(number: int, payload: bytes) -> bytes:
    return struct.pack("=HH", len(payload) + 4, number) + payload + b"\0" * (-len(payload) % 4)


def get_attrs(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(data):
        length, number = struct.unpack_from("=HH", data, at)
        if length < 4:
            return
        yield number & 0x3fff, data[at + 4:at + length]
        at += (length + 3) & ~3


def encode(name: str, value: Any) -> bytes:
    kind = ATTRS[ATTR[name]][1]
    if name == "records":
        return b"".join(put_attr(ATTR[name], value[at:at + ATTR_MAX])
                        for at in range(0, len(value), ATTR_MAX))
    if isinstance(value, bytes):
        return put_attr(ATTR[name], value)
    if kind == "s":
        return put_attr(ATTR[name], value.encode() + b"\0")
    return put_attr(ATTR[name], struct.pack("=" + kind, value))


def decode(data: bytes) -> State:
    state: State = {}
    for number, payload in get_attrs(data):
        name, kind = ATTRS[number] if number < len(ATTRS) else (f"attr{number}", "b")
        if kind in ("", "pad"):
            continue
        if kind == "s":
            value: Any = payload.rstrip(b"\0").decode(errors="replace")
        elif kind == "uuid":
            value = str(uuid.UUID(bytes=payload))
        elif kind == "views":
            flat = struct.unpack(f"<{len(payload) // 8}Q", payload)
            value = [list(pair) for pair in zip(flat[::2], flat[1::2])]
        elif kind == "b":
            value = state.get(name, b"") + payload
        elif name == "lease_left_ms":
            value = struct.unpack("=i", payload)[0]
        else:
            value = struct.unpack("=" + kind, payload)[0]
        state[name] = value
    if "role" in state:
        state["role"] = ROLES[state["role"]]
    if "event" in state:
        state["event"] = EVENTS[state["event"]]
    return state


class Harp:
    """One netlink socket; made in the calling process's network namespace."""

    def __init__(self) -> None:
        self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC,
                                  NETLINK_GENERIC)
        self.sock.bind((0, 0))
        self.sock.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)
        self.sock.setsockopt(SOL_NETLINK, NETLINK_CAP_ACK, 1)
        # Else the ACK of a long reply that is not read yet finds no room, and is dropped.
        # Who may not have so much may not ask for such a reply, either.
        with contextlib.suppress(PermissionError):
            self.sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
            self.sock.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 8 << 20)
        self.seq = 0
        self.lock = threading.Lock()
        self.family, self.groups = self._family()

    def close(self) -> None:
        self.sock.close()

    def _transact(self, family: int, cmd: int, body: bytes, flags: int) -> list[bytes]:
        with self.lock:
            self.seq += 1
            msg = struct.pack("=IHHII", 20 + len(body), family,
                              NLM_F_REQUEST | NLM_F_ACK | flags, self.seq, 0)
            self.sock.send(msg + struct.pack("=BBH", cmd, 1, 0) + body)
            return self._answers()

    def _answers(self) -> list[bytes]:
        replies: list[bytes] = []
        while True:
            data = self.sock.recv(4 << 20)
            at = 0
            while at + 16 <= len(data):
                length, kind, flags, seq, _ = struct.unpack_from("=IHHII", data, at)
                payload = data[at + 16:at + length]
                at += (length + 3) & ~3
                if seq != self.seq:
                    continue
                if kind in (NLMSG_ERROR, NLMSG_DONE):
                    self._check(kind, flags, payload)
                    return replies
                replies.append(payload[4:])

    @staticmethod
    def _check(kind: int, flags: int, payload: bytes) -> None:
        error = struct.unpack_from("=i", payload)[0] if len(payload) >= 4 else 0
        if error >= 0:
            return
        text = ""
        skip = 4 if kind == NLMSG_DONE else 20
        if flags & NLM_F_ACK_TLVS:
            if kind == NLMSG_ERROR and not flags & NLM_F_CAPPED:
                skip = 4 + struct.unpack_from("=I", payload, 4)[0]
            for number, value in get_attrs(payload[skip:]):
                if number == 1:
                    text = value.rstrip(b"\0").decode(errors="replace")
        raise HarpError(-error, text)

    def _family(self) -> tuple[int, dict[str, int]]:
        reply = self._transact(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, put_attr(2, b"harp\0"), 0)[0]
        number, groups = 0, {}
        for attr, value in get_attrs(reply):
            if attr == 1:
                number = struct.unpack("=H", value)[0]
            elif attr == 7:
                for _, group in get_attrs(value):
                    parts = dict(get_attrs(group))
                    groups[parts[1].rstrip(b"\0").decode()] = struct.unpack("=I", parts[2])[0]
        return number, groups

    def call(self, cmd: str, flags: int = 0, **attrs: Any) -> list[State]:
        body = b"".join(encode(name, value) for name, value in attrs.items())
        return [decode(r) for r in self._transact(self.family, CMD[cmd], body, flags)]

    def raw(self, cmd: int, body: bytes, flags: int = 0) -> list[State]:
        """For tests of bad input: any command, any bytes."""
        return [decode(r) for r in self._transact(self.family, cmd, body, flags)]

    def get(self, group: str, member: int) -> State:
        return self.call("replica-get", group=group, member=member)[0]

    def dump(self) -> list[State]:
        return self.call("replica-get", flags=NLM_F_DUMP)

    def fence(self, group: str, member: int, view: int, by: int) -> State:
        return self.call("fence", group=group, member=member, view=view, by=by)[0]

    def view_start(self, group: str, member: int, record: bytes, match: int,
                   crc_of_s: int | None = None) -> State:
        more = {} if crc_of_s is None else {"crc_of_s": crc_of_s}
        return self.call("view-start", group=group, member=member, view_record=record,
                         match=match, **more)[0]

    def feed(self, group: str, member: int, view: int, peer: int, peer_inc: int,
             match: int, upto: int = 0) -> State:
        more = {"feed_upto": upto} if upto else {}
        return self.call("feed", group=group, member=member, view=view, peer=peer,
                         peer_inc=peer_inc, match=match, **more)[0]

    def link_add(self, group: str, member: int, peer: int, sock: socket.socket | int) -> None:
        fd = sock if isinstance(sock, int) else sock.fileno()
        self.call("link-add", group=group, member=member, peer=peer, fd=fd)

    def gate(self, group: str, member: int, dev: str) -> None:
        self.call("gate-bind", group=group, member=member, ifindex=socket.if_nametoindex(dev))

    def verb(self, cmd: str, group: str, member: int) -> State | None:
        replies = self.call(cmd, group=group, member=member)
        return replies[0] if replies else None

    def touch(self, group: str, member: int) -> None:
        self.verb("touch", group, member)

    def log(self, group: str, member: int, index: int, count: int = 0) -> Iterator[bytes]:
        """Whole records from index (or the log's base) on, at most count (0: all)."""
        end = index + count if count else 1 << 63
        state = self.get(group, member)
        index, top = max(index, state["base"]), state["top"]
        while index <= top and index < end:
            try:
                data = self.call("log-read", group=group, member=member, index=index,
                                 count=min(end - index, 0xffffffff))[0]["records"]
            except HarpError as error:
                base = self.get(group, member)["base"]
                if error.errno != errno.ERANGE or base <= index:
                    raise
                index = base        # discarded meanwhile
                continue
            while data:
                length = struct.unpack_from("<I", data, 8)[0]
                yield data[:length]
                data, index = data[length:], index + 1

    def wait(self, group: str, member: int, good: Callable[[State], bool],
             timeout: float = 10.0) -> State:
        end = time.monotonic() + timeout
        while True:
            state = self.get(group, member)
            if good(state):
                return state
            if time.monotonic() > end:
                raise TimeoutError(f"{group}/{member}: waited in vain: {json_text(state)}")
            time.sleep(0.02)


def view_record(view: int, lineage: int, primary: tuple[int, int], backup: tuple[int, int],
                s: int, view_of_s: int, epoch: int, promise_ms: int,
                voids: Sequence[int] = ()) -> bytes:
    """A struct harp_sec_view; primary, backup: (slot, incarnation)."""
    return struct.pack(f"<HHIQQQQQQIBBHII{len(voids)}Q", 7, 0, 72 + 8 * len(voids), view, lineage,
                       primary[1], backup[1], s, view_of_s, epoch, primary[0], backup[0],
                       len(voids), promise_ms, 0, *voids)


def record_header(record: bytes) -> State:
    (magic, version, kind, _, length, nsec, _, _, index, view, time_ns, lineage, _,
     crc) = struct.unpack_from("<IBBHIIIIQQQQII", record)
    return {"index": index, "view": view, "type": REC_TYPES.get(kind, kind), "len": length,
            "sections": nsec, "time_ns": time_ns, "lineage": lineage, "crc": crc,
            "good": magic == 0x43524148 and version == 1}


def connected_pair(tcp: str | None) -> tuple[socket.socket, socket.socket]:
    if tcp is None:
        return socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    listener = socket.create_server((tcp, 0), family=socket.AF_INET6 if ":" in tcp
                                    else socket.AF_INET)
    one = socket.create_connection(listener.getsockname()[:2])
    two, _ = listener.accept()
    listener.close()
    return one, two


def link(harp: Harp, group: str, one: int, two: int, tcp: str | None = None) -> None:
    ends = connected_pair(tcp)
    harp.link_add(group, one, two, ends[0])
    harp.link_add(group, two, one, ends[1])
    for end in ends:
        end.close()


def start_view(harp: Harp, group: str, primary: int, backup: int, view: int = 0,
               promise_ms: int = 2000, voids: Sequence[int] = ()) -> int:
    """Fence and start a view on both, from the primary's log; both in this kernel."""
    states = {m: harp.get(group, m) for m in (primary, backup)}
    if not view:
        high = max(max(s["view"], s["fence"], s["formed"]) for s in states.values())
        view = 4 * (high // 4 + 1) + primary
    for member in (primary, backup):
        state = harp.fence(group, member, view, primary)
        if not state["result"]:
            raise TimeoutError(f"fence refused for {state['time_left_ms']} ms by {member}")
    p, b = states[primary], states[backup]
    record = view_record(view, p["lineage"], (primary, p["inc"]), (backup, b["inc"]), p["top"],
                         p["top_view"], p["epoch"], promise_ms, voids)
    for member in (backup, primary):
        harp.view_start(group, member, record, min(p["top"], states[member]["top"]))
    return view


def form_view(harp: Harp, group: str, primary: int, backup: int, view: int = 0,
              promise_ms: int = 2000, gate: str | None = None, tcp: str | None = None,
              timeout: float = 10.0, voids: Sequence[int] = ()) -> State:
    view = start_view(harp, group, primary, backup, view, promise_ms, voids)
    for member in (primary, backup):
        harp.touch(group, member)
        if gate:
            harp.gate(group, member, gate)
    link(harp, group, primary, backup, tcp)
    return harp.wait(group, primary, lambda s: s["serving"] and s["view"] == view, timeout)


class Touch:
    """Touches replicas every second, as harpd does.

    In a process of its own: whoever starts a program while a file of an NFS mount is open
    holds all threads up until the server has answered the child's close of it, and the
    server answers as long as somebody touches it.
    """

    def __init__(self, *replicas: tuple[str, int]) -> None:
        self.process = FORK.Process(target=self._work, args=replicas, daemon=True)
        self.process.start()

    @staticmethod
    def _work(*replicas: tuple[str, int]) -> None:
        harp = Harp()
        while True:
            time.sleep(1)
            for group, member in replicas:
                try:
                    harp.touch(group, member)
                except HarpError:
                    pass

    def stop(self) -> None:
        self.process.kill()
        self.process.join()


class Events:
    """Listens to events of the calling process's network namespace."""

    def __init__(self) -> None:
        self.harp = Harp()
        self.harp.sock.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP,
                                  self.harp.groups["events"])

    def fileno(self) -> int:
        return self.harp.sock.fileno()

    def read(self, timeout: float | None = None) -> list[State]:
        if not select.select([self], [], [], timeout)[0]:
            return []
        data, at, events = self.harp.sock.recv(1 << 16), 0, []
        while at + 20 <= len(data):
            length = struct.unpack_from("=I", data, at)[0]
            events.append(decode(data[at + 20:at + length]))
            at += (length + 3) & ~3
        return events

    def wait(self, event: str, member: int | None = None, timeout: float = 10.0) -> State:
        end = time.monotonic() + timeout
        while (left := end - time.monotonic()) > 0:
            for found in self.read(left):
                if found.get("event") == event and member in (None, found["member"]):
                    return found
        raise TimeoutError(f"event {event} did not come within {timeout} s")


def json_text(value: Any) -> str:
    return json.dumps(value, default=lambda b: b.hex() if isinstance(b, bytes) else str(b))


def slot_inc(text: str) -> tuple[int, int]:
    slot, inc = text.split(":")
    return int(slot), int(inc)


def parse(argv: list[str]) -> argparse.Namespace:
    top = argparse.ArgumentParser(description=__doc__,
                                  formatter_class=argparse.RawDescriptionHelpFormatter)
    sub = top.add_subparsers(dest="cmd", required=True)

    def add(name: str, *positional: str) -> argparse.ArgumentParser:
        p = sub.add_parser(name)
        for word in positional:
            p.add_argument(word, type=str if word in ("group", "addr", "dev", "key", "value")
                           else int)
        return p

    for name in ("get", "link-drop", "touch", "leave", "release", "sync", "del"):
        add(name, "group", "member")
    sub.add_parser("dump")
    add("fence", "group", "member", "view", "by")
    p = add("feed", "group", "member", "view", "peer", "peer_inc", "match")
    p.add_argument("--upto", type=int, default=0)
    p = add("view-start", "group", "member")
    for option in ("view", "s", "view-of-s", "match", "promise"):
        p.add_argument("--" + option, type=int, default=2000 if option == "promise" else 0)
    for option in ("primary", "backup"):
        p.add_argument("--" + option, type=slot_inc, required=True)
    for name in ("form", "link"):
        p = add(name, "group", "one", "two")
        p.add_argument("--tcp")
        p.add_argument("--view", type=int, default=0)
        p.add_argument("--promise", type=int, default=2000)
        p.add_argument("--gate")
        p.add_argument("--timeout", type=float, default=10.0)
    for name in ("link-listen", "link-connect"):
        add(name, "group", "member", "peer", "addr", "port")
    add("gate", "group", "member", "dev")
    p = add("log", "group", "member", "index")
    p.add_argument("count", type=int, nargs="?", default=0)
    p = add("keep", "group")
    p.add_argument("members", type=int, nargs="+")
    p = add("events")
    p.add_argument("seconds", type=float, nargs="?")
    p = add("wait", "group", "member", "key", "value")
    p.add_argument("--timeout", type=float, default=10.0)
    return top.parse_args(argv)


def is_good(state: State, key: str, want: str) -> bool:
    have = state[key]
    return have >= int(want) if isinstance(have, int) else str(have) == want


def run(args: argparse.Namespace) -> Any:
    if args.cmd == "events":
        events, end = Events(), time.monotonic() + (args.seconds or 1e9)
        while (left := end - time.monotonic()) > 0:
            for event in events.read(left):
                print(json_text(event), flush=True)
        return None
    harp = Harp()
    if args.cmd == "dump":
        return harp.dump()
    if args.cmd == "get":
        return harp.get(args.group, args.member)
    if args.cmd == "fence":
        return harp.fence(args.group, args.member, args.view, args.by)
    if args.cmd == "feed":
        return harp.feed(args.group, args.member, args.view, args.peer, args.peer_inc,
                         args.match, args.upto)
    if args.cmd == "view-start":
        me = harp.get(args.group, args.member)
        record = view_record(args.view, me["lineage"], args.primary, args.backup, args.s,
                             args.view_of_s, me["epoch"], args.promise)
        return harp.view_start(args.group, args.member, record, args.match)
    if args.cmd == "form":
        return form_view(harp, args.group, args.one, args.two, args.view, args.promise,
                         args.gate, args.tcp, args.timeout)
    if args.cmd == "link":
        return link(harp, args.group, args.one, args.two, args.tcp)
    if args.cmd == "link-listen":
        listener = socket.create_server((args.addr, args.port))
        with listener.accept()[0] as conn:
            return harp.link_add(args.group, args.member, args.peer, conn)
    if args.cmd == "link-connect":
        with socket.create_connection((args.addr, args.port)) as conn:
            return harp.link_add(args.group, args.member, args.peer, conn)
    if args.cmd == "gate":
        return harp.gate(args.group, args.member, args.dev)
    if args.cmd == "log":
        return [record_header(r) for r in harp.log(args.group, args.member, args.index,
                                                   args.count)]
    if args.cmd == "keep":
        Touch(*((args.group, m) for m in args.members)).process.join()
    if args.cmd == "wait":
        return harp.wait(args.group, args.member, lambda s: is_good(s, args.key, args.value),
                         args.timeout)
    return harp.verb("replica-del" if args.cmd == "del" else args.cmd, args.group, args.member)


def main() -> int:
    args = parse(sys.argv[1:])
    try:
        result = run(args)
    except HarpError as error:
        print(json_text({"error": errno.errorcode.get(error.errno, error.errno),
                         "text": error.text}))
        return 1
    except TimeoutError as error:
        print(json_text({"error": "timeout", "text": str(error)}))
        return 2
    except KeyboardInterrupt:
        return 130
    if result is not None:
        print(json_text(result))
    if isinstance(result, dict) and result.get("result") == 0:
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
