"""A program that has imported what the exporter needs, and forks a process for each that it is asked for.

It is asked on a socket by ``support.program``. Like a command that was just started, each process has the
arguments, the environment, the folder and the standard output it was given, the usual signal handlers and one
thread. What differs: libraries read the environment when they are loaded, which was before, and all processes
of one server hash strings alike.
"""

import contextlib
import importlib
import json
import os
import selectors
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from drift_exporter import cli

LOADED = (
    "confluent_kafka",
    "drift_exporter.once",
    "drift_exporter.serve",
    "drift_exporter.sources.kafka.source",
    "drift_exporter.sources.objects.source",
    "fastavro",
    "s3fs",
    "uvicorn.lifespan.on",
    "uvicorn.loops.auto",
    "uvicorn.protocols.http.auto",
)
"""All that an exporter of any test loads while it starts."""

LONGEST = 1 << 20
"""Bytes of a request: mostly the environment."""


class Server:
    """Answers requests, and tells how the processes end."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._told: dict[int, int] = {}
        """Where to write how a process has ended, by process."""
        self._wake, self._woken = os.pipe()
        os.set_blocking(self._woken, False)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._woken)

    def run(self) -> dict[str, Any] | None:
        """Answer until nobody asks any more; in a process that was forked, return what it was asked for."""
        selector = selectors.DefaultSelector()
        selector.register(self._connection, selectors.EVENT_READ)
        selector.register(self._wake, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj == self._wake:
                    os.read(self._wake, 4096)
                    self._reap()
                    continue
                message, descriptors, _, _ = socket.recv_fds(self._connection, LONGEST, 3)
                if not message:
                    self._end()
                    return None
                process = self._fork(descriptors)
                if not process:
                    selector.close()
                    return dict(json.loads(message))
                self._connection.send(b"%d" % process)

    def _fork(self, descriptors: Sequence[int]) -> int:
        *outputs, told = descriptors
        threads = list(Path("/proc/self/task").iterdir())
        assert len(threads) == 1, f"{len(threads)} threads; a fork would lose all but one"
        process = os.fork()
        if process:
            self._told[process] = told
        else:
            for number, output in enumerate(outputs, start=1):
                os.dup2(output, number)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            for mine in (told, self._wake, self._woken, *self._told.values()):
                os.close(mine)
            self._connection.close()
        for output in outputs:
            os.close(output)
        return process

    def _reap(self) -> None:
        """Several processes may have ended since a signal came."""
        while self._told:
            process, status = os.waitpid(-1, os.WNOHANG)
            if not process:
                return
            told = self._told.pop(process)
            # Who started it may be gone.
            with contextlib.suppress(BrokenPipeError):
                os.write(told, b"%d" % os.waitstatus_to_exitcode(status))
            os.close(told)

    def _end(self) -> None:
        for process in self._told:
            os.kill(process, signal.SIGKILL)


def main() -> int:
    """Serve on the socket whose descriptor is the one argument."""
    cli._set_up_process()  # noqa: SLF001  # what libraries read when they are loaded
    for name in LOADED:
        importlib.import_module(name)
    asked = Server(socket.socket(fileno=int(sys.argv[1]))).run()
    if asked is None:
        return 0
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.argv = [cli.__file__, *asked["arguments"]]
    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
