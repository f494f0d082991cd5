#!/usr/bin/python3 -ISB
# SPDX-License-Identifier: GPL-2.0
"""Runs commands in a test machine for the lab, over virtio serial ports.

One process a port, one session a port at a time. It talks bytes, not a
network, so it answers while every network of the machine is cut. Imports are
few because under emulation each costs tens of milliseconds.

A session: the host sends MAGIC and an eight-byte token, we answer with the
same; then frames (type, u32 length, body) both ways until either side hangs
up. Host: X exec (JSON), I stdin (empty: end), K signal number. Guest: B boot
id, O stdout, E stderr, Q exit status. Closing the port ends the command.
"""

import errno
import json
import os
import select
import signal
import struct
import time

MAGIC = b"\nHARP-LAB-SESSION"
BOOTED = b"\nHARP-LAB-BOOTED"
PORTS = "/sys/class/virtio-ports"
LIMIT = 1 << 20


class hung_up(Exception):
    pass


class session:
    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.buf = b""
        self.greeting = b""
        self.pid = 0
        self.pidfd = -1
        self.stdin = -1
        self.tty = False
        self.cgroup = -1
        self.outputs: dict[int, bytes] = {}
        self.pending = b""

    def send(self, kind: bytes, body: bytes = b"") -> None:
        data = kind + struct.pack(">I", len(body)) + body
        self.put(data)

    def put(self, data: bytes) -> None:
        while data:
            data = data[os.write(self.fd, data):]

    def fill(self) -> None:
        data = os.read(self.fd, 65536)
        if not data:
            raise hung_up
        self.buf += data

    def handshake(self) -> None:
        """Skip what an earlier session left, up to the next greeting."""
        while True:
            at = self.buf.find(MAGIC)
            if at >= 0 and len(self.buf) >= at + len(MAGIC) + 8:
                break
            if at < 0:
                self.buf = self.buf[-len(MAGIC):]
            self.fill()
        end = at + len(MAGIC) + 8
        self.greeting, self.buf = self.buf[at:end], self.buf[end:]
        self.put(self.greeting)
        with open("/proc/sys/kernel/random/boot_id", "rb") as file:
            self.send(b"B", file.read().strip())

    def frames(self):
        while len(self.buf) >= 5:
            if self.buf.startswith(self.greeting):
                # Said twice by a host that could not know we had heard it.
                self.buf = self.buf[len(self.greeting):]
                continue
            if self.greeting.startswith(self.buf):
                return
            length = struct.unpack(">I", self.buf[1:5])[0]
            if length > LIMIT:
                raise hung_up
            if len(self.buf) < 5 + length:
                return
            kind, body = self.buf[:1], self.buf[5:5 + length]
            self.buf = self.buf[5 + length:]
            yield kind, body

    def start(self, request: dict) -> None:
        self.tty = bool(request.get("tty"))
        if self.tty:
            master, slave = os.openpty()
            ends = (slave, slave, slave)
            self.stdin = master
            self.outputs = {master: b"O"}
            close = (slave,)
        else:
            in_r, self.stdin = os.pipe()
            out_r, out_w = os.pipe()
            err_r, err_w = os.pipe()
            ends = (in_r, out_w, err_w)
            self.outputs = {out_r: b"O", err_r: b"E"}
            close = ends
        self.pid = os.fork()
        if self.pid == 0:
            self.child(request, ends)
        self.pidfd = os.pidfd_open(self.pid)
        for fd in close:
            os.close(fd)
        os.set_blocking(self.stdin, False)

    def child(self, request: dict, ends: tuple) -> None:
        try:
            os.setsid()
            if self.cgroup >= 0:
                os.write(self.cgroup, b"0")
            for number, fd in enumerate(ends):
                os.dup2(fd, number)
            if self.tty:
                import fcntl
                fcntl.ioctl(0, 0x540E, 0)  # TIOCSCTTY
            os.closerange(3, 256)
            for number in (signal.SIGPIPE, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            os.chdir(request.get("cwd") or "/root")
            argv = request["argv"]
            os.execvpe(argv[0], argv, {**os.environ, **request["env"]})
        except OSError as error:
            os.write(2, f"{request['argv'][0]}: {error.strerror}\n".encode())
            os._exit(127 if error.errno == errno.ENOENT else 126)
        finally:
            os._exit(126)

    def feed(self) -> None:
        """Pass on stdin without ever blocking on a command that reads none."""
        while self.pending and self.stdin >= 0:
            try:
                self.pending = self.pending[os.write(self.stdin,
                                                     self.pending):]
            except BlockingIOError:
                return
            except OSError:
                self.close_stdin()

    def close_stdin(self) -> None:
        self.pending = b""
        if self.stdin >= 0 and not self.tty:
            os.close(self.stdin)
            self.stdin = -1

    def handle(self, kind: bytes, body: bytes) -> None:
        if kind == b"X" and not self.pid:
            self.start(json.loads(body))
        elif kind == b"I" and self.pid:
            self.pending += body
            self.feed()
            if not body:
                self.eof = True
        elif kind == b"K" and self.pid:
            os.killpg(self.pid, int(body))

    def drain(self, fd: int) -> bool:
        try:
            data = os.read(fd, 32768)
        except OSError:
            data = b""
        if data:
            self.send(self.outputs[fd], data)
            return True
        del self.outputs[fd]
        if fd != self.stdin:
            os.close(fd)
        return False

    def finish(self) -> None:
        for fd in list(self.outputs):
            os.set_blocking(fd, False)
            while fd in self.outputs and self.drain(fd):
                pass
        status = os.waitpid(self.pid, 0)[1]
        self.pid = 0
        self.send(b"Q", b"%d" % os.waitstatus_to_exitcode(status))

    def loop(self) -> None:
        self.eof = False
        while True:
            for kind, body in self.frames():
                self.handle(kind, body)
            if self.eof and not self.pending:
                self.close_stdin()
                self.eof = False
            poll = select.poll()
            # With stdin backed up, the host has to wait.
            poll.register(self.fd, 0 if len(self.pending) > LIMIT
                          else select.POLLIN)
            if self.pending and self.stdin >= 0:
                poll.register(self.stdin, select.POLLOUT)
            for fd in self.outputs:
                poll.register(fd, select.POLLIN |
                              (select.POLLOUT if fd == self.stdin and
                               self.pending else 0))
            if self.pidfd >= 0:
                poll.register(self.pidfd, select.POLLIN)
            ready = dict(poll.poll())
            if self.pending:
                self.feed()
            for fd in list(self.outputs):
                if ready.get(fd, 0) & (select.POLLIN | select.POLLHUP |
                                       select.POLLERR):
                    self.drain(fd)
            if self.pidfd in ready:
                self.finish()
                return
            if self.fd in ready:
                self.fill()

    def close(self) -> None:
        if self.pid:
            for number in (signal.SIGTERM, signal.SIGKILL):
                try:
                    os.killpg(self.pid, number)
                except ProcessLookupError:
                    pass
                if select.select([self.pidfd], [], [], 2)[0]:
                    break
            os.waitpid(self.pid, 0)
        for fd in {self.pidfd, self.stdin, *self.outputs} - {-1}:
            try:
                os.close(fd)
            except OSError:
                pass


def polls_hup(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return any(event & select.POLLHUP for _, event in poll.poll(0))


def serve(path: str) -> None:
    fd = os.open(path, os.O_RDWR)
    rest = b""
    if not polls_hup(fd):
        # Whoever holds the port waits for a command of the last boot.
        os.write(fd, BOOTED)
    while True:
        # A port whose host side is closed polls as hung up and reads nothing.
        while polls_hup(fd):
            time.sleep(0.05)
        current = session(fd)
        current.buf = rest
        try:
            current.handshake()
            current.loop()
        except (hung_up, OSError, ValueError, KeyError):
            current.buf = b""
        current.close()
        rest = current.buf


def main() -> None:
    os.environ.update(PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
                      HOME="/root", LC_ALL="C.UTF-8", TERM="linux",
                      HARP_LAB="qemu")
    for name in sorted(os.listdir(PORTS)):
        with open(f"{PORTS}/{name}/name") as file:
            if not file.read().startswith("harp."):
                continue
        if os.fork() == 0:
            serve(f"/dev/{name}")
    while True:
        os.wait()


if __name__ == "__main__":
    main()
