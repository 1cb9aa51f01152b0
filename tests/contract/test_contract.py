"""What every source promises, tried on each of them through the real exporter.

DRIFT_EXPORTER_KILLS (200 unless set) over 40 is how often each source's exporter is killed; the seed of all
choices but the timing is DRIFT_EXPORTER_KILL_SEED.
"""

import importlib
import os
import random
import secrets
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from contract.harness import Harness
from contract.subject import BYTES, LAGS, PATIENCE, UP, Subject
from support import program
from support.program import Process
from support.servers import until
from support.tally import SOURCE, key
from support.watch import RECORDS

KILLS = max(2, int(os.environ.get("DRIFT_EXPORTER_KILLS", "200")) // 40)
SEED = int(os.environ.get("DRIFT_EXPORTER_KILL_SEED") or secrets.randbelow(10**6))
BACKLOG = 60_000
MEMORY = 420
"""MiB that an exporter may take at the most which decodes in 64 MiB: libraries, state and pages included."""


def harnesses() -> list[type[Harness]]:
    """The classes of all modules here that are called harness_<type>."""
    found = []
    for path in sorted(Path(__file__).parent.glob("harness_*.py")):
        module = importlib.import_module(f"contract.{path.stem}")
        found += [one for name, one in vars(module).items() if name.endswith("Harness") and name != "Harness"]
    return found


HARNESSES = harnesses()
WATERMARK = key("drift_exporter_source_watermark_timestamp_seconds", source=SOURCE)

Make = Callable[..., Subject]


@pytest.fixture(params=HARNESSES, ids=lambda harness: harness.__name__.removesuffix("Harness").lower())
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """Makes the subject of a test; what is behind its source ends with the test."""
    origin = tmp_path / "origin"
    origin.mkdir()
    harness = request.param(origin)
    try:
        yield lambda **limits: Subject(tmp_path, harness, **limits)
    finally:
        harness.close()


def test_all_is_counted_once_whenever_the_exporter_is_killed(make: Make) -> None:
    print(f"DRIFT_EXPORTER_KILL_SEED={SEED}")  # noqa: T201, shown where the test fails
    subject = make()
    chance = random.Random(SEED)  # noqa: S311, no secret
    with subject.publishing():
        for _ in range(KILLS):
            process = subject.start()
            killer = threading.Timer(chance.uniform(0.0, 1.5), process.kill)
            try:
                program.until_listening(subject.address)
                killer.start()
                while killer.is_alive():
                    subject.scrape()
                    killer.join(0.1)
            finally:
                process.kill()
            assert -signal.SIGKILL == process.wait(PATIENCE), subject.log()
            assert [] == subject.watch.problems, subject.log()
    for _ in range(2):
        with subject.running() as process:
            subject.settled()
            process.kill()
            process.wait(PATIENCE)


def test_what_is_malformed_goes_to_the_dead_letters_with_its_place(make: Make) -> None:
    subject = make()
    with subject.running():
        for _ in range(6):
            subject.publish(500)
        subject.settled()
    assert len(subject.tally.malformed) > 10
    places = {line: subject.harness.place(number) for number, line in enumerate(subject.lines)}
    for letter in subject.letters():
        if "raw_base64" in letter or letter["reason"] == "too_long":
            continue
        if (place := places[letter["raw"].encode()]) is not None:
            assert place == (letter["file"], letter["offset"])
        assert letter["detail"]


def test_a_backlog_is_read_in_bounded_memory(make: Make) -> None:
    subject = make(memory="64MiB")
    if subject.harness.repeats:
        with subject.running(command=True) as process:
            for _ in range(20):
                subject.publish(BACKLOG // 20)
            subject.settled()
            peak = _peak(process.pid)
    else:
        for _ in range(20):
            subject.publish(BACKLOG // 20)
        with subject.running(command=True) as process:
            subject.settled()
            peak = _peak(process.pid)
    assert peak < MEMORY, f"{peak:.0f} MiB"


def test_metrics_tell_of_the_source(make: Make) -> None:
    subject = make()
    with subject.running(command=True):
        subject.publish(300)
        series = subject.settled()
        page = requests.get(subject.url, timeout=10).text
    assert (1.0, 300.0) == (series[UP], series[RECORDS])
    assert series[BYTES] > 300 * 100
    assert series[WATERMARK] > 0
    assert all(0.0 == series.get(lag, 0.0) for lag in LAGS)
    assert subject.harness.source()["type"] in page


def test_a_reload_loses_nothing_and_counts_nothing_twice(make: Make) -> None:
    subject = make()
    with subject.running() as process:
        with subject.publishing():
            for team in ("one", "two", "three"):
                reload(subject, process, team)
        subject.settled()
        # What was read before and does not change any more is known in the state, too.
        reload(subject, process, "four")
        until(lambda: subject.scrape().get(UP), PATIENCE, what=subject.log())
        process.kill()
        process.wait(PATIENCE)
    with subject.running():
        subject.settled()


def test_it_stops_in_good_order_while_there_is_more_to_read(make: Make) -> None:
    subject = make()
    with subject.running() as process, subject.publishing(2000):
        until(lambda: subject.scrape().get(RECORDS), PATIENCE, what=subject.log())
        process.send_signal(signal.SIGTERM)
        assert 0 == process.wait(PATIENCE), subject.log()
    with subject.running():
        subject.settled()


def test_the_origin_goes_and_comes_back(make: Make) -> None:
    subject = make()
    if not subject.harness.can_be_interrupted:
        return
    with subject.running():
        subject.publish(200)
        subject.settled()
        subject.harness.interrupt()
        until(lambda: subject.scrape().get(UP) == 0.0, PATIENCE, what=subject.log())
        subject.harness.recover()
        subject.publish(200)
        until(lambda: subject.scrape().get(UP) == 1.0, PATIENCE, what=subject.log())
        subject.settled()


def test_once_reads_all_there_is(make: Make) -> None:
    subject = make()
    if not subject.harness.reads_once:
        return
    for _ in range(3):
        subject.publish(300)
    subject.check_once()


def reload(subject: Subject, process: Process, team: str) -> None:
    """Let the exporter load a configuration in which the model has another team, and wait for that."""
    subject.configure(team=team)
    process.send_signal(signal.SIGHUP)
    until(lambda: _has_team(subject, team), PATIENCE, what=subject.log())


def _has_team(subject: Subject, team: str) -> bool:
    return any(dict(labels).get("team") == team for name, labels in subject.scrape() if name == "model_info")


def _peak(pid: int) -> float:
    """Peak memory of a process in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"no peak memory of process {pid}")
