"""Cases: a reference and a stream of windows in files, and what is true of each window.

Records come at a constant rate from a Monday's midnight on, first the reference, then, from the next
midnight, the windows without a gap. Window k of a case of size n is rows k n to (k + 1) n of its file.
"""

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from detection.rows import Rows, write

START = 1_704_067_200.0
"""Monday, 2024-01-01, in seconds since the epoch."""

DAY, HOUR = 86_400.0, 3_600.0


@dataclass(frozen=True)
class Stream:
    """Files with a reference and what came after it, at ``rate`` records an hour; judged at several sizes."""

    name: str
    folder: Path
    task: str
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    rate: int
    records: int
    begin: float
    digest: str

    @property
    def reference(self) -> Path:
        """Where the reference's rows are."""
        return self.folder / "reference.parquet"


@dataclass(frozen=True)
class Trial:
    """What is true of one window: the columns that have ``shifted``, each with its true PSI.

    Columns in ``touched`` may have moved as well, a little (``*``: any of them); all others have not.
    ``event`` numbers what begins with the window at ``position`` 0.
    """

    event: int
    position: int
    shifted: Mapping[str, float] = field(default_factory=dict)
    touched: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Event:
    """A shift that comes, maybe goes, in a number of windows; ``pattern`` says how."""

    pattern: str
    kind: str
    column: str
    amount: str


@dataclass(frozen=True)
class Case:
    """Windows of ``size`` records of one stream. Without ``events`` nothing has shifted."""

    stream: Stream
    windows: Path
    size: int
    count: int
    digest: str
    trials: tuple[Trial, ...] = ()
    events: tuple[Event, ...] = ()

    @property
    def name(self) -> str:
        """Of files and of messages."""
        return f"{self.windows.stem}-{self.size}"

    @property
    def hours(self) -> int:
        """Length of a window."""
        return self.size // self.stream.rate

    def span(self, window: int) -> tuple[float, float]:
        """When a window starts, and the time of its last record, in seconds since the epoch."""
        start = self.stream.begin + window * self.hours * HOUR
        return start, start + self.hours * HOUR - HOUR / self.stream.rate


def write_stream(name: str, folder: Path, task: str, reference: Rows, rate: int) -> Stream:
    """Write a stream's reference into ``folder``."""
    step = HOUR / rate
    write(reference, folder / "reference.parquet", START, step)
    days = math.ceil(len(reference) * step / DAY)
    return Stream(
        name=name,
        folder=folder,
        task=task,
        numeric=tuple(reference.numeric),
        categorical=tuple(reference.codes),
        rate=rate,
        records=len(reference),
        digest=reference.digest,
        begin=START + days * DAY,
    )


def write_windows(stream: Stream, name: str, rows: Rows) -> tuple[Path, str]:
    """Write what came after a stream's reference; the file's path and the rows' digest."""
    path = stream.folder / f"{name}.parquet"
    write(rows, path, stream.begin, HOUR / stream.rate)
    return path, rows.digest


def digest(cases: Iterable[Case]) -> str:
    """Tells these cases, with all that is true of them, from others."""
    found = hashlib.sha256()
    for case in cases:
        truth = (case.stream.name, case.stream.digest, case.digest, case.size, case.count, case.events)
        trials = [(t.event, t.position, sorted(t.shifted.items()), sorted(t.touched)) for t in case.trials]
        found.update(repr((truth, trials)).encode())
    return found.hexdigest()[:16]
