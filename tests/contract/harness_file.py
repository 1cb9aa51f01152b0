"""A log file that is appended to."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any


class FileHarness:
    """One log; its places are offsets of lines."""

    can_be_interrupted = False
    repeats = False
    reads_once = True

    def __init__(self, folder: Path) -> None:
        self.path = folder / "a.ndjson"
        self.path.touch()
        self._offsets = [0]

    def source(self) -> dict[str, Any]:
        return {"type": "file", "path": str(self.path)}

    def predictions(self) -> dict[str, Any]:
        return {}

    def publish(self, lines: Sequence[bytes], exporter: str) -> None:
        del exporter
        for line in lines:
            self._offsets.append(self._offsets[-1] + len(line) + 1)
        with self.path.open("ab") as file:
            file.write(b"".join(line + b"\n" for line in lines))

    def interrupt(self) -> None:
        raise NotImplementedError

    def recover(self) -> None:
        raise NotImplementedError

    def place(self, number: int) -> tuple[str, int] | None:
        return str(self.path), self._offsets[number]

    def close(self) -> None:
        pass
