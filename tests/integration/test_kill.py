"""Every record counted once: the exporter is killed again and again while its log is written and rotated.

DRIFT_EXPORTER_KILLS is the number of kills (200), DRIFT_EXPORTER_KILL_SEED the seed of all choices but the
timing, which is that of the machine.
"""

import os
import random
import secrets
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

from support.faults import configure
from support.servers import free_port
from support.tally import (
    SOURCE,
    Series,
    dead_letters,
    differences,
    key,
    show,
)
from support.watch import RECORDS, Watch
from support.writer import Writer

pytestmark = pytest.mark.xdist_group("kill")

KILLS = int(os.environ.get("DRIFT_EXPORTER_KILLS", "200"))
SEED = int(os.environ.get("DRIFT_EXPORTER_KILL_SEED") or secrets.randbelow(10**6))
SECONDS = 540.0
"""For all kills; one takes 1.5 s on average."""

PATIENCE = 60.0
LAG = key("drift_exporter_source_lag_bytes", source=SOURCE)


@dataclass
class Exporters:
    """Starts one exporter after the other on the same state."""

    folder: Path
    config: Path
    watch: Watch
    chance: random.Random = field(default_factory=lambda: random.Random(SEED))  # noqa: S311, no secret
    killed: Counter[str] = field(default_factory=Counter)

    def start(self) -> tuple[subprocess.Popen[bytes], str]:
        """Start one; returns it and the URL of its metrics."""
        address = f"127.0.0.1:{free_port()}"
        serve = ["-m", "drift_exporter.cli", "serve", "--config", str(self.config)]
        command = [sys.executable, *serve, "--web.listen-address", address]
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log), f"http://{address}/metrics"

    def scrape(self, url: str) -> Series:
        """One scrape; empty where there is no answer."""
        try:
            answer = requests.get(url, timeout=5)
        except requests.RequestException:
            return {}
        return self.watch.look(answer.text) if answer.ok else {}

    def catch_up(self, process: subprocess.Popen[bytes], url: str) -> Series:
        """Wait until all that was written is read and durable; returns the scrape that says so."""
        rejected = "drift_exporter_source_rejected_total"
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            series = self.scrape(url)
            lines = sum(value for (name, _), value in series.items() if name == rejected)
            whole = self.watch.tally.records + len(self.watch.tally.malformed)
            if series.get(LAG) == 0 and series[RECORDS] + lines >= whole:
                return series
            assert process.poll() is None, f"the exporter ended by itself: {self.log()}"
            time.sleep(0.05)
        newest = {show(one): value for one, value in self.watch.newest.items() if "_source_" in one[0]}
        pytest.fail(
            f"not all was read in {PATIENCE:g} s: {whole} lines of {self.watch.tally.size} bytes; "
            f"{newest}; {self.log()}"
        )

    def kill_at_random(self) -> None:
        """Start one, kill it at a random moment, scraping it meanwhile."""
        process, url = self.start()
        kind = self.chance.choices(["start", "any time", "write"], [1, 7, 3])[0]
        delay = self.chance.uniform(0, 0.3) if kind == "start" else self.chance.uniform(0.3, 2.5)
        linger = self.chance.choice([0, 0, 0.001, 0.003]) if kind == "write" else None
        killer = threading.Thread(target=self._kill, args=(process, delay, linger), daemon=True)
        killer.start()
        series: Series = {}
        try:
            while killer.is_alive():
                series = self.scrape(url) or series
                killer.join(0.1)
        finally:
            killer.join()
        assert -9 == process.wait(), f"the exporter ended by itself: {self.log()}"
        if kind == "any time":
            kind = "before metrics" if RECORDS not in series else "idle" if not series[LAG] else "reading"
        self.killed[kind] += 1

    def kill_after_catching_up(self, writer: Writer) -> None:
        """Let one read all there is, cut the logs, and kill it soon after."""
        process, url = self.start()
        try:
            with writer.still():
                self.catch_up(process, url)
                writer.cut()
            if self.chance.random() < 0.7:
                time.sleep(self.chance.uniform(0, 1.5))
                self.scrape(url)
        finally:
            process.kill()
            process.wait()
        self.killed["after a cut"] += 1

    def _kill(self, process: subprocess.Popen[bytes], delay: float, linger: float | None) -> None:
        """Kill after ``delay``; with ``linger``, that long after the next change of a file of the state."""
        time.sleep(delay)
        if linger is not None:
            before, end = self._written(), time.monotonic() + 1.0
            while before == self._written() and time.monotonic() < end:
                time.sleep(0.0005)
            time.sleep(linger)
        process.kill()

    def _written(self) -> list[tuple[str, int, int]]:
        found = []
        for folder, _, files in os.walk(self.folder / "state"):
            for file in files:
                try:
                    status = (Path(folder) / file).stat()
                except FileNotFoundError:
                    continue
                found.append((file, status.st_size, status.st_mtime_ns))
        return sorted(found)

    def log(self) -> str:
        """The end of what all exporters have said."""
        return (self.folder / "log").read_text(errors="replace")[-3000:]


@pytest.mark.fault("SIGKILL at any moment")
def test_every_record_is_counted_once_whenever_the_exporter_is_killed(tmp_path: Path) -> None:
    print(f"DRIFT_EXPORTER_KILL_SEED={SEED}")  # noqa: T201, shown where the test fails
    logs = tmp_path / "logs"
    logs.mkdir()
    writer = Writer(logs, SEED, seconds=1.5 * max(1, KILLS))
    watch = Watch(writer.tally)
    exporters = Exporters(tmp_path, configure(tmp_path, writer.tally), watch)
    begun = time.monotonic()
    with writer.running():
        for number in range(1, KILLS + 1):
            assert time.monotonic() - begun < SECONDS, (
                f"{number - 1} of {KILLS} kills only; {exporters.killed}"
            )
            if number % 10 == 0:
                exporters.kill_after_catching_up(writer)
            else:
                exporters.kill_at_random()
            assert not watch.problems, (
                f"{watch.problems}; after {number} kills; {exporters.killed}; {writer.done}"
            )

    for _ in range(2):
        process, url = exporters.start()
        try:
            series = exporters.catch_up(process, url)
        finally:
            process.kill()
            process.wait()
        told = f"{exporters.killed}, {writer.done}, {watch.scrapes} scrapes, {writer.tally.records} records"
        assert {} == differences(writer.tally, series), told
        assert [] == watch.problems, told
        letters = dead_letters(tmp_path / "state" / "dead-letter")
        assert Counter() == Counter(writer.tally.malformed) - letters, "not in the dead-letter file"
        assert Counter() == letters - Counter(writer.tally.malformed), (
            "more than once in the dead-letter file"
        )
    print(told)  # noqa: T201
    assert KILLS == sum(exporters.killed.values())
    if KILLS >= 100:
        for moment in ("start", "before metrics", "reading", "idle", "write", "after a cut"):
            assert exporters.killed[moment], f"never killed: {moment}; {exporters.killed}"
        for action in ("rotate", "compress", "half", "truncate", "copy_and_truncate", "delete_old"):
            assert writer.done.get(action), f"never done: {action}; {writer.done}"
