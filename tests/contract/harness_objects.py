"""Objects in an S3 server on loopback, some of them compressed; each batch of lines is a new one."""

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from support.s3 import S3, SECRET


class ObjectsHarness:
    """A bucket; its places are objects and offsets in their content."""

    can_be_interrupted = True
    repeats = False
    reads_once = True

    def __init__(self, folder: Path) -> None:
        self._server = S3()
        self._secret = folder / "secret"
        self._secret.write_text(SECRET)
        self._places: list[tuple[str, int]] = []
        self._objects = 0

    def source(self) -> dict[str, Any]:
        """A pattern that all objects are under."""
        return {
            "type": "objects",
            "url": f"s3://{self._server.bucket}/logs/**/*.ndjson*",
            "interval": "200ms",
            "options": self._server.options,
            "credentials": {"secret": str(self._secret)},
        }

    def predictions(self) -> dict[str, Any]:
        """Nothing more is needed."""
        return {}

    def publish(self, lines: Sequence[bytes], exporter: str) -> None:
        """Write an object."""
        del exporter
        self._objects += 1
        packed = self._objects % 3 == 0
        # The order of names is not that of writing.
        name = f"logs/{self._objects % 7}/{self._objects:06d}.ndjson{'.gz' if packed else ''}"
        offset = 0
        for line in lines:
            self._places.append((f"s3://{self._server.bucket}/{name}", offset))
            offset += len(line) + 1
        content = b"".join(line + b"\n" for line in lines)
        self._server.put(name, gzip.compress(content) if packed else content)

    def interrupt(self) -> None:
        """The server answers no more."""
        self._server.stop()

    def recover(self) -> None:
        """The server is back with what it had."""
        self._server.start()

    def place(self, number: int) -> tuple[str, int] | None:
        """The object, and where in its content the line begins."""
        return self._places[number]

    def close(self) -> None:
        """End the server."""
        self._server.close()
