"""The content of a compressed file as a file of its own, for what has to be read from its end."""

import os
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryFile
from typing import BinaryIO

from drift_exporter.sources.compressed import CorruptArchiveError, UselessArchiveError, parts


class UnpackedFile:
    """What the compressed file ``raw`` holds, at ``path`` until it is closed.

    It is on the disk, in ``folder`` or in the temporary folder, and has no name where the system can do
    without (Linux), so that nothing is left behind whatever happens. Raises UselessArchiveError where not
    all of it can be had, and OSError where there is no room.
    """

    def __init__(self, name: str, raw: BinaryIO, folder: Path | None = None) -> None:
        """``name`` is that of the compressed file: its end says how it is compressed."""
        nameless = Path("/proc/self/fd").is_dir()
        self._file = (TemporaryFile if nameless else NamedTemporaryFile)(dir=folder, prefix="drift-exporter-")
        try:
            for part in parts(name, raw):
                self._file.write(part)
            self._file.flush()
        except CorruptArchiveError as error:
            self.close()
            raise UselessArchiveError(str(error)) from error
        except BaseException:
            self.close()
            raise
        self.path = f"/proc/{os.getpid()}/fd/{self._file.fileno()}" if nameless else str(self._file.name)

    def close(self) -> None:
        """Give the room back. More than once is once."""
        self._file.close()
