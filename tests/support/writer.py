"""A model server's log as it is kept in the field: appended to in bursts, rotated, compressed, truncated.

Everything follows from a seed but the timing. Rotation is that of logrotate: ``a.ndjson`` becomes
``a.ndjson.1``, which becomes ``a.ndjson.2``, and so on; compression leaves ``a.ndjson.2.gz``.
"""

import contextlib
import gzip
import os
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from support.tally import Tally

_MICROSECONDS = 1_000_000
_DAYS = 5
_KEPT = 8


@dataclass
class Log:
    """One log. ``half`` is what is still to come of a line that was begun, and where it belongs."""

    path: Path
    half: tuple[int, bytes] | None = None
    _descriptor: int = -1

    def __post_init__(self) -> None:
        self._open()

    def _open(self) -> None:
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)

    def append(self, data: bytes, cut: int = 0) -> None:
        """Write ``data``, but for its last ``cut`` bytes, which come with ``complete``."""
        self.complete()
        _write(self._descriptor, data[: len(data) - cut])
        if cut:
            self.half = (self._descriptor, data[len(data) - cut :])

    def complete(self) -> None:
        """Write the rest of a line that was begun, be it in a file that was renamed meanwhile."""
        if self.half is not None:
            descriptor, rest = self.half
            self.half = None
            _write(descriptor, rest)
            if descriptor != self._descriptor:
                os.close(descriptor)

    def rotated(self) -> list[Path]:
        """The rotated files, newest first."""
        found = self.path.parent.glob(self.path.name + ".*")
        return sorted(found, key=lambda path: int(path.name.removeprefix(self.path.name + ".").split(".")[0]))

    def shift(self) -> Path:
        """Make room for a rotated file; returns its path."""
        for path in reversed(self.rotated()):
            number, *suffix = path.name.removeprefix(self.path.name + ".").split(".")
            path.rename(path.with_name(".".join([self.path.name, str(int(number) + 1), *suffix])))
        return self.path.with_name(self.path.name + ".1")

    def rotate(self) -> None:
        """Rename the file and go on in a new one."""
        if self.half is not None and self.half[0] != self._descriptor:
            self.complete()
        self.path.rename(self.shift())
        if self.half is None:
            os.close(self._descriptor)
        self._open()

    def compress(self) -> None:
        """Compress the newest rotated file that is not, as gzip does it: the copy first, then the removal."""
        if self.half is not None:
            return
        plain = [path for path in self.rotated() if path.suffix != ".gz"]
        if plain:
            with plain[0].open("rb") as source, gzip.open(f"{plain[0]}.gz", "wb", 1) as target:
                shutil.copyfileobj(source, target)
            plain[0].unlink()

    def truncate(self) -> None:
        """Begin the file anew."""
        self.complete()
        os.truncate(self.path, 0)

    def copy_and_truncate(self) -> None:
        """Rotate by copying. The copy lies under the pattern, too."""
        self.complete()
        shutil.copyfile(self.path, self.shift())
        os.truncate(self.path, 0)

    def delete_old(self) -> None:
        """Remove all rotated files but the newest."""
        self.complete()
        for path in self.rotated()[1:]:
            path.unlink()

    def close(self) -> None:
        """Complete what was begun and give the file back."""
        self.complete()
        os.close(self._descriptor)


@dataclass
class Writer:
    """Writes to two logs in ``folder`` on a thread, until it is stopped; ``tally`` is ahead of the files.

    Event time runs through five days in ``seconds``, so that slices come and go.
    """

    folder: Path
    seed: int
    seconds: float
    tally: Tally = field(default_factory=Tally)
    done: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._random = np.random.default_rng(self.seed)
        self._begun = time.time()
        self._logs = [Log(self.folder / name) for name in ("a.ndjson", "b.ndjson")]
        self._turn = threading.Lock()
        self._stop = threading.Event()
        self._problem: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)

    @contextlib.contextmanager
    def running(self) -> Iterator["Writer"]:
        """Write in the background; nothing is left half-written at the end."""
        self._thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            self._thread.join()
            for log in self._logs:
                log.close()
            if self._problem is not None:
                raise RuntimeError("the writer failed") from self._problem

    @contextlib.contextmanager
    def still(self) -> Iterator[None]:
        """Nothing is written meanwhile, and no line is half-written."""
        with self._turn:
            for log in self._logs:
                log.complete()
            yield

    def cut(self) -> None:
        """Take away what has been read; to be called when ``still``.

        What is written right after it may be longer than what was there.
        """
        for log in self._logs:
            action = str(self._random.choice(["truncate", "copy_and_truncate", "delete_old", "none"]))
            if action == "none":
                continue
            if action == "delete_old":
                log.delete_old()
            else:
                size = min(log.path.stat().st_size, 1 << 20)
                log.truncate() if action == "truncate" else log.copy_and_truncate()
                while self._random.random() < 0.9 and log.path.stat().st_size <= size:
                    log.append(self.tally.write(self._random, 500, self._newest()))
            self._count(action)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                with self._turn:
                    pause = self._step()
                self._stop.wait(pause)
        except BaseException as error:  # noqa: BLE001, told when the writer is stopped
            self._problem = error

    def _step(self) -> float:
        """Do one thing; returns the seconds until the next."""
        random = self._random
        log = self._logs[int(random.integers(len(self._logs)))]
        chance = random.random()
        if chance < 0.05 and len(log.rotated()) < _KEPT:
            log.rotate()
            self._count("rotate")
        elif chance < 0.08:
            log.compress()
            self._count("compress")
        elif chance < 0.1:
            return 1.5
        else:
            rows = int(random.integers(5_000, 15_000)) if chance > 0.995 else int(random.integers(1, 120))
            data = self.tally.write(random, rows, self._newest())
            last = len(data) - data.rfind(b"\n", 0, -1) - 1
            cut = int(random.integers(1, last + 1)) if random.random() < 0.25 else 0
            log.append(data, cut)
            self._count("half" if cut else "burst")
        return float(random.exponential(0.06))

    def _newest(self) -> int:
        """The event time that has been reached, always in the past."""
        now = time.time()
        passed = min(1.0, (now - self._begun) / self.seconds) * _DAYS * 86_400
        return int((min(now, self._begun - _DAYS * 86_400 + passed) - 60) * _MICROSECONDS)

    def _count(self, action: str) -> None:
        self.done[action] = self.done.get(action, 0) + 1


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
