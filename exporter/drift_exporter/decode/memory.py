"""A file in memory, so that DuckDB, which reads files, can read bytes that we hold."""

import os
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self


class MemoryFile:
    """A file that lives in memory where the system can (Linux), in the temporary folder elsewhere.

    One is reused for chunk after chunk: its pages are then allocated once.
    """

    def __init__(self) -> None:
        if hasattr(os, "memfd_create"):
            self._descriptor = os.memfd_create("drift-exporter-chunk")
            self.path = f"/proc/{os.getpid()}/fd/{self._descriptor}"
            self._unlink = False
        else:
            self._descriptor, self.path = tempfile.mkstemp(prefix="drift-exporter-chunk-")
            self._unlink = True

    def write(self, *parts: bytes | memoryview) -> None:
        """Replace the content by these parts, one after the other."""
        offset = 0
        for part in parts:
            view = memoryview(part)
            while view:
                written = os.pwrite(self._descriptor, view, offset)
                offset += written
                view = view[written:]
        os.ftruncate(self._descriptor, offset)

    def close(self) -> None:
        """Give the memory back."""
        os.close(self._descriptor)
        if self._unlink:
            Path(self.path).unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
