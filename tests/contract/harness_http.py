"""A server of pages, each of which may grow until it names the next."""

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from support import record_server
from support.servers import free_port, until


class HttpHarness:
    """The log is a file; the server is a process of its own. Places are offsets of lines in pages."""

    can_be_interrupted = True
    repeats = False
    reads_once = True

    def __init__(self, folder: Path) -> None:
        self.file = folder / "records.ndjson"
        self.file.touch()
        self.port = free_port()
        self._lengths: list[int] = []
        self.recover()

    def source(self) -> dict[str, Any]:
        """Pages by their number."""
        url = f"http://127.0.0.1:{self.port}/records"
        return {"type": "http", "url": url, "cursor": {"header": "X-Next-Cursor"}, "interval": "100ms"}

    def predictions(self) -> dict[str, Any]:
        """Nothing comes twice."""
        return {}

    def publish(self, lines: Sequence[bytes], exporter: str) -> None:
        """Append to the log."""
        del exporter
        self._lengths += (len(line) + 1 for line in lines)
        with self.file.open("ab") as file:
            file.write(b"".join(line + b"\n" for line in lines))
            file.flush()
            os.fsync(file.fileno())

    def interrupt(self) -> None:
        """Kill the server."""
        self._process.kill()
        self._process.wait()

    def recover(self) -> None:
        """Start the server."""
        command = [sys.executable, record_server.__file__, str(self.file), str(self.port)]
        self._process = subprocess.Popen(command)
        until(self._answers, what="the server of records")

    def place(self, number: int) -> tuple[str, int] | None:
        """Page and offset in it."""
        page, within = divmod(number, record_server.PAGE)
        first = number - within
        query = f"?cursor={page}" if page else ""
        url = f"http://127.0.0.1:{self.port}/records{query}"
        return url, sum(self._lengths[first:number])

    def close(self) -> None:
        """Kill the server."""
        self.interrupt()

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True
