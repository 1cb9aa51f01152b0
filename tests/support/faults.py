"""A log and an exporter that reads it, started again and again on the same state, and what it should tell."""

import contextlib
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import requests

from drift_exporter.reference.store import save_reference
from drift_exporter.serve import Exporter
from support import program
from support.program import Process
from support.records import model_config, write_config
from support.servers import free_port, until
from support.tally import (
    LINE_LIMIT,
    MODEL,
    SOURCE,
    Key,
    Series,
    Tally,
    dead_letters,
    differences,
    key,
    parse,
)

START = 1_735_000_000
"""Event time of the first records (epoch seconds); it is in the past of any clock here."""

PATIENCE = 120.0
UP = key("drift_exporter_source_up", source=SOURCE)
RECORDS = key("drift_exporter_source_records_total", source=SOURCE)
LOST = key("drift_exporter_source_lost_bytes_total", source=SOURCE)
LAG = key("drift_exporter_source_lag_bytes", source=SOURCE)
EVALUATED = key("drift_exporter_evaluation_success", model=MODEL)
CHECKPOINT = key("drift_exporter_checkpoint_timestamp_seconds", model=MODEL)
RELOADED = key("drift_exporter_config_last_reload_successful")


def rejected(reason: str) -> Key:
    """The counter of lines rejected for ``reason``."""
    return key("drift_exporter_source_rejected_total", source=SOURCE, reason=reason)


def configure(
    folder: Path,
    tally: Tally,
    path: str = "logs/*.ndjson*",
    **options: Any,  # noqa: ANN401
) -> Path:
    """Write the tally's references and a configuration of the logs ``path``, with ``options`` at its top."""
    for version, reference in tally.references.items():
        save_reference(reference, folder / f"{version}.json")
    model = model_config(
        MODEL,
        path=path,
        format="ndjson",
        reference={version: f"{version}.json" for version in tally.references},
    )
    usual = {"evaluation_interval": "100ms", "limits": {"line": f"{LINE_LIMIT}B"}}
    return write_config(folder, [model], **usual | options)


@dataclass(frozen=True)
class Running:
    """An exporter at work: what it tells now, and the configuration's folder.

    ``process`` is there where it is one of its own, and so is the ``url`` of its pages.
    """

    case: "Case"
    scrape: Callable[[], str]
    process: Process | None = None
    url: str = ""

    def series(self) -> Series:
        """All series of a scrape."""
        return _series(self.scrape())

    def until(self, expected: Mapping[Key, float]) -> Series:
        """The first scrape in which these series have these values."""
        return until(lambda: self._shows(expected), PATIENCE, what=f"{expected}; {self.case.log()}")

    def wait(self, check: Callable[[Series], bool]) -> Series:
        """The first scrape that passes ``check``."""
        return until(
            lambda: series if check(series := self.series()) else None, PATIENCE, what=self.case.log()
        )

    def counted(self, *, up: bool = True) -> Series:
        """Wait until all that was written is counted; it is exactly that, also a while later."""
        end = time.monotonic() + PATIENCE
        lines = self.case.tally.records + len(self.case.tally.malformed)
        expected = (up, 1.0, 0.0, self.case.lost)
        series = self.series()
        while not (_lines(series) >= lines and expected == _state(series)) and time.monotonic() < end:
            time.sleep(0.02)
            series = self.series()
        for _ in range(2):
            series = self.another()
        found = differences(self.case.tally, series)
        assert {} == found, self.case.log()
        assert expected == _state(series), self.case.log()
        letters = dead_letters(self.case.letters)
        assert sorted(self.case.tally.malformed) == sorted(letters.elements())
        return series

    def another(self) -> Series:
        """A scrape after another evaluation, be it a failed one: it tells the CPU time until then."""
        seconds = key("process_cpu_seconds_total")
        before = self.series().get(seconds)
        return until(
            lambda: series if (series := self.series()).get(seconds) != before else None,
            PATIENCE,
            what=f"an evaluation; {self.case.log()}",
        )

    def reload(self) -> None:
        """Send the process SIGHUP."""
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)

    def wait_ended(self) -> int:
        """The exit status of the process, once it has ended."""
        assert self.process is not None
        return self.process.wait(timeout=PATIENCE)

    def _shows(self, expected: Mapping[Key, float]) -> Series | None:
        series = self.series()
        return series if all(value == series.get(one) for one, value in expected.items()) else None


@dataclass
class Case:
    """A folder with references, a configuration and logs; ``tally`` is what was written.

    ``lost`` is the number of bytes that nobody can have read. ``letters`` is the dead-letter folder.
    ``options`` are those of ``configure``.
    """

    folder: Path
    path: str = "logs/*.ndjson*"
    options: Mapping[str, Any] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    lost: int = 0
    letters: Path = field(init=False)
    config: Path = field(init=False)
    clock: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        self._random = np.random.default_rng(1)
        self._written = 0
        self.logs = self.folder / "logs"
        self.logs.mkdir(exist_ok=True)
        self.log_file = self.logs / "a.ndjson"
        self.letters = self.folder / self.options.get("dead_letter", "state/dead-letter")
        self.config = configure(self.folder, self.tally, self.path, **self.options)

    def lines(self, rows: int = 60) -> bytes:
        """Records that nobody has written yet; they are in the tally, so they must come to a log."""
        self._written += 1
        return self.tally.write(self._random, rows, (START + 60 * self._written) * 1_000_000)

    def bad(self, reason: str, line: bytes) -> bytes:
        """A line that is rejected for ``reason``; it is in the tally, so it must come to a log."""
        self.tally.malformed.append((reason, line))
        self.tally.size += len(line) + 1
        return line + b"\n"

    def append(self, path: Path | None = None, rows: int = 60) -> None:
        """Write records at the end of a file, the usual one or another."""
        with (path or self.log_file).open("ab") as file:
            file.write(self.lines(rows))

    @contextlib.contextmanager
    def inside(self) -> Iterator[Running]:
        """An exporter in this process, until it is stopped in good order."""
        exporter = Exporter(self.config, self.clock)
        exporter.start()
        try:
            yield Running(self, lambda: exporter.current().body("text").decode())
        finally:
            exporter.stop()

    @contextlib.contextmanager
    def process(self, wrapper: Sequence[str] = ()) -> Iterator[Running]:
        """An exporter in a process of its own, ended by SIGTERM where it still runs at the end."""
        process, address = self.spawn(wrapper)
        url = f"http://{address}"
        try:
            until(lambda: _is_ready(process, url), PATIENCE, what=f"ready; {self.log()}")
            yield Running(self, lambda: requests.get(url + "/metrics", timeout=10).text, process, url)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            _reap(process)

    def spawn(self, wrapper: Sequence[str] = ()) -> tuple[Process, str]:
        """Start an exporter, within a command or forked; returns its process and its address.

        What it says is in ``log``.
        """
        address = f"127.0.0.1:{free_port()}"
        serve, log = program.serve(self.config, address), self.folder / "log"
        if wrapper:
            return program.start_command(serve, log, wrapper), address
        return program.start(serve, log), address

    def refused(self, wrapper: Sequence[str] = ()) -> str:
        """Start an exporter that must not start; returns what it says about that."""
        (self.folder / "log").unlink(missing_ok=True)
        process, _ = self.spawn(wrapper)
        try:
            assert process.wait(timeout=PATIENCE) in {1, 2}
        finally:
            process.kill()
            process.wait()
        return self.log()

    def log(self) -> str:
        """The end of what all processes have said."""
        path = self.folder / "log"
        return path.read_text(errors="replace")[-3000:] if path.exists() else ""


@lru_cache(maxsize=1)
def _series(text: str) -> Series:
    """Parsing takes longer than an evaluation, and whoever waits asks again and again."""
    return parse(text)[0]


def _reap(process: Process) -> None:
    """Wait for a process to end, and make it in the end."""
    try:
        process.wait(timeout=PATIENCE)
    finally:
        process.kill()
        process.wait()


def _lines(series: Series) -> float:
    """Lines counted and rejected."""
    names = {"drift_exporter_source_records_total", "drift_exporter_source_rejected_total"}
    return sum(value for (name, _), value in series.items() if name in names)


def _state(series: Series) -> tuple[bool, float, float, float]:
    """Whether the source is up and the model was evaluated; bytes not read yet, and bytes lost."""
    return bool(series[UP]), series[EVALUATED], series[LAG], series[LOST]


def _is_ready(process: Process, url: str) -> bool:
    assert process.poll() is None, "the exporter ended by itself"
    try:
        return requests.get(url + "/-/ready", timeout=10).ok
    except requests.RequestException:
        return False
