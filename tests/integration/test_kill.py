"""Every record counted once: the exporter is killed again and again while its log is written and rotated.

DRIFT_EXPORTER_KILLS is the number of kills (200), DRIFT_EXPORTER_KILL_SEED the seed of all choices but the
timing, which is that of the machine.
"""

import os
import random
import secrets
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

from support import program
from support.faults import configure
from support.program import Process
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
"""For all kills; one takes 0.8 s on average."""

PATIENCE = 60.0
DELAYS = {"start": 0.15, "listening": 0.4, "told": 0.7, "write": 1.0}
"""Seconds until a kill, at most, after what it waits for."""

LAG = key("drift_exporter_source_lag_bytes", source=SOURCE)


@dataclass
class Exporters:
    """Starts one exporter after the other on the same state."""

    folder: Path
    config: Path
    watch: Watch
    chance: random.Random = field(default_factory=lambda: random.Random(SEED))  # noqa: S311, no secret
    killed: Counter[str] = field(default_factory=Counter)

    def start(self, *, command: bool = False) -> tuple[Process, str]:
        """Start one, as a command line or forked; returns it and its address."""
        address = f"127.0.0.1:{free_port()}"
        start = program.start_command if command else program.start
        return start(program.serve(self.config, address), self.folder / "log"), address

    def scrape(self, address: str) -> Series:
        """One scrape; empty where there is no answer."""
        try:
            answer = requests.get(f"http://{address}/metrics", timeout=5)
        except requests.RequestException:
            return {}
        return self.watch.look(answer.text) if answer.ok else {}

    def catch_up(self, process: Process, address: str) -> Series:
        """Wait until all that was written is read and durable; returns the scrape that says so."""
        rejected = "drift_exporter_source_rejected_total"
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            series = self.scrape(address)
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
        process, address = self.start()
        kind = self.chance.choices(["start", "listening", "told", "write"], [1, 2, 5, 3])[0]
        told = threading.Event()
        killer = threading.Thread(target=self._kill, args=(process, kind, address, told), daemon=True)
        killer.start()
        series: Series = {}
        try:
            while killer.is_alive():
                series = self.scrape(address) or series
                if RECORDS in series:
                    told.set()
                killer.join(0.1)
        finally:
            killer.join()
        assert -9 == process.wait(), f"the exporter ended by itself: {self.log()}"
        if kind in {"listening", "told"}:
            kind = "before metrics" if RECORDS not in series else "idle" if not series[LAG] else "reading"
        self.killed[kind] += 1

    def kill_after_catching_up(self, writer: Writer) -> None:
        """Let one read all there is, cut the logs, and kill it soon after."""
        process, address = self.start()
        try:
            with writer.still():
                self.catch_up(process, address)
                writer.cut()
            if self.chance.random() < 0.7:
                time.sleep(self.chance.uniform(0, 1.5))
                self.scrape(address)
        finally:
            process.kill()
            process.wait()
        self.killed["after a cut"] += 1

    def _kill(self, process: Process, kind: str, address: str, told: threading.Event) -> None:
        try:
            self._wait_for(kind, address, told)
        finally:
            process.kill()

    def _wait_for(self, kind: str, address: str, told: threading.Event) -> None:
        """Wait a while after the start, after somebody listens, or after records are ``told`` of.

        With "write" it is until right after a change of a file of the state, too.
        """
        if kind != "start":
            program.until_listening(address)
        if kind == "told":
            told.wait(PATIENCE)
        time.sleep(self.chance.uniform(0, DELAYS[kind]))
        if kind == "write":
            before, end = self._written(), time.monotonic() + 1.0
            while before == self._written() and time.monotonic() < end:
                time.sleep(0.0005)
            time.sleep(self.chance.choice([0, 0, 0.001, 0.003]))

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
    writer = Writer(logs, SEED, seconds=0.8 * max(1, KILLS))
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
        process, address = exporters.start(command=True)
        try:
            series = exporters.catch_up(process, address)
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
