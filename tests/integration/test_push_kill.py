"""What was acknowledged is counted: the exporter is killed again and again while records are pushed to it.

DRIFT_EXPORTER_KILLS is the number of kills (200), DRIFT_EXPORTER_KILL_SEED the seed of all choices but the
timing, which is that of the machine.
"""

import gzip
import json
import os
import random
import secrets
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

from drift_exporter.reference.bins import categorical_column
from drift_exporter.reference.store import save_reference
from support import program
from support.program import Process
from support.records import reference, write_config
from support.servers import free_port, until
from support.tally import SOURCE, Series, key, parse, show

pytestmark = pytest.mark.xdist_group("push-kill")

KILLS = int(os.environ.get("DRIFT_EXPORTER_KILLS", "200"))
SEED = int(os.environ.get("DRIFT_EXPORTER_KILL_SEED") or secrets.randbelow(10**6))
PATIENCE = 60.0
SENDERS = 3
SLOTS = [f"s{number}" for number in range(40)]
"""Requests are told apart by these, so that a loss here is not made up for by a repetition there."""

KINDS = {"start": 2, "any time": 4, "spool": 3, "state": 2}
SECONDS = key("process_cpu_seconds_total")
"""Differs with every evaluation."""

LAG = key("drift_exporter_source_lag_bytes", source=SOURCE)
START = 1_735_000_000


@dataclass
class Sender:
    """Sends requests, each again and again until it is acknowledged, and counts the records of those.

    Every second record has an id. ``again`` counts the records of attempts whose end is not known: they may
    have been taken all the same.
    """

    name: str
    url: str
    chance: random.Random
    acknowledged: Counter[tuple[str, str]] = field(default_factory=Counter)
    again: Counter[tuple[str, str]] = field(default_factory=Counter)
    answers: Counter[int] = field(default_factory=Counter)
    sent: int = 0
    problem: BaseException | None = None

    def run(self, end: threading.Event) -> None:
        """Send until ``end``; the last request is sent until it is acknowledged, too."""
        try:
            with requests.Session() as session:
                while not end.is_set():
                    self._send(session)
        except BaseException as error:  # noqa: BLE001, shown by the test
            self.problem = error

    def _send(self, session: requests.Session) -> None:
        rows = self.chance.choice([1, 10, 100, 1000])
        slot = SLOTS[self.sent % len(SLOTS)]
        records = [self._record(row, slot) for row in range(rows)]
        held = Counter((record["version"], slot) for record in records)
        self.sent += 1
        body = "\n".join(json.dumps(record) for record in records).encode()
        headers = {"Content-Type": "application/x-ndjson"}
        if self.chance.random() < 0.3:
            body, headers["Content-Encoding"] = gzip.compress(body), "gzip"
        while True:
            try:
                answer = session.post(self.url, data=body, headers=headers, timeout=20)
            except requests.RequestException:
                self.again += held
                # It is down for a while.
                time.sleep(0.02)
                continue
            self.answers[answer.status_code] += 1
            if answer.status_code == 202:
                self.acknowledged += held
                return
            assert answer.status_code in {429, 503}, answer.text
            time.sleep(0.02)

    def _record(self, row: int, slot: str) -> dict[str, object]:
        record: dict[str, object] = {"ts": START + self.sent % 600, "version": "without", "slot": slot}
        if row % 2 == 0:
            record |= {"version": "with", "id": f"{self.name}-{self.sent}-{row}"}
        return record


@dataclass
class Exporters:
    """One exporter after the other on the same state and address; what their scrapes told."""

    folder: Path
    config: Path
    address: str
    chance: random.Random
    killed: Counter[str] = field(default_factory=Counter)
    highest: Series = field(default_factory=dict)
    scrapes: int = 0

    def start(self, *, command: bool = False) -> Process:
        """Start one, as a command line or forked."""
        start = program.start_command if command else program.start
        return start(program.serve(self.config, self.address), self.folder / "log")

    def kill(self, process: Process) -> None:
        """Kill the exporter and wait for its end."""
        process.kill()
        assert -signal.SIGKILL == process.wait(), f"the exporter ended by itself: {self.log()}"

    def scrape(self) -> Series:
        """One scrape; empty where there is no answer. No counter may have gone back."""
        try:
            answer = requests.get(f"http://{self.address}/metrics", timeout=5)
        except requests.RequestException:
            return {}
        series, cumulative = parse(answer.text)
        self.scrapes += 1
        for one in cumulative:
            if not one[0].startswith(("process_", "python_")):
                assert self.highest.get(one, 0.0) <= series[one], f"{show(one)} went back"
                self.highest[one] = series[one]
        return series

    def kill_at_random(self) -> None:
        """Start one, kill it at a random moment, scraping it meanwhile."""
        process = self.start()
        kind = self.chance.choices(list(KINDS), list(KINDS.values()))[0]
        killer = threading.Thread(target=self._kill, args=(process, kind), daemon=True)
        killer.start()
        try:
            while killer.is_alive():
                self.scrape()
                killer.join(0.1)
        finally:
            killer.join()
        assert -signal.SIGKILL == process.wait(), f"the exporter ended by itself: {self.log()}"
        self.killed[kind] += 1

    def _kill(self, process: Process, kind: str) -> None:
        try:
            self._wait_for(kind)
        finally:
            process.kill()

    def _wait_for(self, kind: str) -> None:
        if kind == "start":
            time.sleep(self.chance.uniform(0.0, 0.4))
        else:
            program.until_listening(self.address)
            time.sleep(self.chance.uniform(0.0, 0.5))
        if kind in {"spool", "state"}:
            folder = self.folder / "state" / ("spool/fraud" if kind == "spool" else "")
            before, end = written(folder), time.monotonic() + 1.0
            while before == written(folder) and time.monotonic() < end:
                time.sleep(0.0003)
            time.sleep(self.chance.choice([0.0, 0.0, 0.001, 0.003]))

    def log(self) -> str:
        """The end of what all exporters have said."""
        return (self.folder / "log").read_text(errors="replace")[-3000:]


def written(folder: Path) -> list[tuple[str, int, int]]:
    """The files in a folder with their sizes and times."""
    found = []
    for entry in os.scandir(folder) if folder.exists() else ():
        try:
            status = entry.stat()
        except FileNotFoundError:
            continue
        found.append((entry.name, status.st_size, status.st_mtime_ns))
    return sorted(found)


def configure(folder: Path) -> Path:
    """A model that records are pushed to, whose reference tells the slots apart."""
    slots = categorical_column("slot", "feature", dict.fromkeys(SLOTS, 10), 0, 50)
    save_reference(reference(slots), folder / "reference.json")
    fields = {"timestamp": "ts", "version": "version", "id": "id", "features": {"slot": "slot"}}
    model = {
        "name": "fraud",
        "task": "binary",
        "reference": "reference.json",
        "predictions": {"source": {"type": "push"}, "fields": fields, "deduplicate": "24h"},
    }
    return write_config(folder, [model], evaluation_interval="100ms")


def counted(series: Series) -> Counter[tuple[str, str]]:
    """Records by version and slot, as a scrape tells."""
    found: Counter[tuple[str, str]] = Counter()
    for (name, labels), value in series.items():
        own = dict(labels)
        if name == "model_column_bin_total" and value:
            found[own["version"], own["bin"]] = int(value)
    return found


def settled(exporters: Exporters, acknowledged: Counter[tuple[str, str]]) -> Counter[tuple[str, str]]:
    """Wait until all that was acknowledged is counted and durable, and there is nothing more to read."""
    end = time.monotonic() + PATIENCE
    series = exporters.scrape()
    while series.get(LAG) != 0 or acknowledged - counted(series):
        assert time.monotonic() < end, f"{acknowledged - counted(series)} are missing; {exporters.log()}"
        time.sleep(0.05)
        series = exporters.scrape()
    # The lag is newer than the counts where there was nothing to wait for.
    for _ in range(2):
        before = series[SECONDS]
        series = until(
            lambda: found if (found := exporters.scrape()).get(SECONDS, before) != before else None,  # noqa: B023
            PATIENCE,
            what=f"another evaluation; {exporters.log()}",
        )
    return counted(series)


@pytest.mark.fault("SIGKILL while records are pushed")
def test_what_was_acknowledged_is_counted_whenever_the_exporter_is_killed(tmp_path: Path) -> None:
    print(f"DRIFT_EXPORTER_KILL_SEED={SEED}")  # noqa: T201, shown where the test fails
    chance = random.Random(SEED)  # noqa: S311, no secret
    address = f"127.0.0.1:{free_port()}"
    exporters = Exporters(tmp_path, configure(tmp_path), address, chance)
    url = f"http://{address}/v1/predictions/fraud"
    senders = [Sender(f"sender {number}", url, random.Random(SEED + number)) for number in range(SENDERS)]  # noqa: S311, no secret
    end = threading.Event()
    threads = [threading.Thread(target=sender.run, args=(end,), daemon=True) for sender in senders]
    for thread in threads:
        thread.start()
    try:
        for _ in range(KILLS):
            exporters.kill_at_random()
    finally:
        end.set()

    process = exporters.start(command=True)
    try:
        for thread in threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), exporters.log()
        assert [None] * SENDERS == [sender.problem for sender in senders], exporters.log()
        acknowledged = sum((sender.acknowledged for sender in senders), Counter())
        again = sum((sender.again for sender in senders), Counter())
        actual = settled(exporters, acknowledged)
    finally:
        exporters.kill(process)
    process = exporters.start(command=True)
    try:
        # All of it was durable.
        assert actual == settled(exporters, acknowledged)
    finally:
        exporters.kill(process)

    answers = sum((sender.answers for sender in senders), Counter())
    told = f"{exporters.killed}, {exporters.scrapes} scrapes, {answers}, {acknowledged.total()} records"
    with_ids = {one: count for one, count in actual.items() if one[0] == "with"}
    assert {one: count for one, count in acknowledged.items() if one[0] == "with"} == with_ids, told
    assert Counter() == acknowledged - actual, told
    assert Counter() == actual - acknowledged - again, told
    print(told, f"{(actual - acknowledged).total()} more than once")  # noqa: T201
    assert KILLS == sum(exporters.killed.values())
    left = sorted((tmp_path / "state" / "spool" / "fraud").iterdir())
    assert len(left) < 10, "what was read is deleted"
    if KILLS >= 100:
        assert KINDS.keys() == exporters.killed.keys()
