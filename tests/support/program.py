"""The exporter as a process, its command line in full or forked from a process that has imported everything.

Most of what a command does until it answers is to import: a second of CPU time. What a test shows of a
running exporter is the same without that.
"""

import atexit
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Protocol

from support import fork_server
from support.servers import until

COMMAND = (sys.executable, "-m", "drift_exporter.cli")
PATIENCE = 60.0


class Process(Protocol):
    """What a test needs of ``subprocess.Popen``."""

    pid: int
    returncode: int | None

    def poll(self) -> int | None:
        """The exit status, minus the signal where one ended it; None while it runs."""
        ...

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the exit status; subprocess.TimeoutExpired where it takes longer."""
        ...

    def send_signal(self, sig: int) -> None:
        """Send a signal; nothing happens where it has ended."""
        ...

    def kill(self) -> None:
        """Send SIGKILL."""
        ...


def serve(config: Path, address: str) -> list[str]:
    """Arguments of an exporter that answers at ``address``."""
    return ["serve", "--config", str(config), "--web.listen-address", address]


def start(arguments: Sequence[str | Path], log: Path) -> Process:
    """Fork an exporter with these arguments; what it says is appended to ``log``."""
    with log.open("ab") as output:
        return _server().start(arguments, output.fileno(), output.fileno())


def start_command(arguments: Sequence[str | Path], log: Path, wrapper: Sequence[str] = ()) -> Process:
    """Start the command line, within the command ``wrapper``; what it says is appended to ``log``."""
    with log.open("ab") as output:
        return subprocess.Popen([*wrapper, *COMMAND, *map(str, arguments)], stdout=output, stderr=output)


def run(*arguments: str | Path, timeout: float = 120.0) -> "subprocess.CompletedProcess[bytes]":
    """Fork an exporter with these arguments and wait for its end; TimeoutExpired where it takes longer."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = _server().start(arguments, out.fileno(), err.fileno())
        try:
            status = process.wait(timeout)
        finally:
            process.kill()
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(arguments, status, out.read(), err.read())


def until_listening(address: str) -> None:
    """Wait until somebody listens there, with as little delay as can be."""
    host, _, port = address.rpartition(":")
    until(lambda: not _refused(host, int(port)), PATIENCE, interval=0.005, what=f"{address} to listen")


def _refused(host: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) != 0


class _Forked:
    """A process that is a child of the server. ``ended`` tells how it ends."""

    def __init__(self, pid: int, ended: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._ended = ended
        self._lock = threading.Lock()
        weakref.finalize(self, os.close, ended)

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        # Not select, which takes no descriptor above 1023.
        ready = select.poll()
        ready.register(self._ended, select.POLLIN)
        if not ready.poll(None if timeout is None else 1000 * timeout):
            raise subprocess.TimeoutExpired("drift-exporter", timeout or 0)
        with self._lock:
            if self.returncode is None:
                told = os.read(self._ended, 16)
                assert told, "the server of processes is gone"
                self.returncode = int(told)
            return self.returncode

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, sig)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class _Server:
    """The running program ``support.fork_server``."""

    def __init__(self) -> None:
        self._connection, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with its:
            command = [sys.executable, "-P", fork_server.__file__, str(its.fileno())]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[its.fileno()])
        self._lock = threading.Lock()
        atexit.register(self._close)

    def start(self, arguments: Sequence[str | Path], out: int, err: int) -> _Forked:
        asked = {
            "arguments": [str(one) for one in arguments],
            "environment": dict(os.environ),
            "folder": str(Path.cwd()),
        }
        ended, told = os.pipe()
        try:
            with self._lock:
                socket.send_fds(self._connection, [json.dumps(asked).encode()], [out, err, told])
                pid = self._connection.recv(16)
        finally:
            os.close(told)
        assert pid, "the server of processes is gone"
        return _Forked(int(pid), ended)

    def _close(self) -> None:
        self._connection.close()
        self._process.wait(30)


@cache
def _server() -> _Server:
    return _Server()
