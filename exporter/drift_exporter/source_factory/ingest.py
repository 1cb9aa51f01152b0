"""What a source has to know of who counts its records: those of predictions, or of labels."""

import threading
from typing import Protocol


class Ingest(Protocol):
    """Counts a source's records."""

    @property
    def lock(self) -> threading.RLock:
        """Held while what the source keeps changes."""
        ...

    def first_time(self, kind: str, header: bytes, lines: bytes) -> int | None:
        """Event time (microseconds) of the first good record in some lines, None where there is none."""
        ...
