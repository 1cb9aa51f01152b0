"""Two exporters in one consumer group, ended and killed in turn while records come.

The broker is Tansu, which speaks Kafka's protocol; it is not Apache Kafka. It rebalances cooperatively, after
three seconds, and misses a member that has died after its session's time. Where the group's leader leaves
while others join, Tansu has them wait for it for ever: here members leave when the group has settled.

What may count twice is what a killed exporter has saved and not yet told the broker: that is looked up in its
state and at the broker right after each kill, and no more may be counted in the end. Tansu takes no offsets
while a group rebalances, so that it may be some seconds' worth.
"""

import contextlib
import json
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests
from confluent_kafka import Consumer, TopicPartition

from drift_exporter.reference.store import save_reference
from support import program
from support.kafka import QUIET, Broker, running_tansu
from support.program import Process
from support.records import FIELDS, NOW, record, usual_reference, write_config
from support.servers import free_port, until
from support.tally import Series, key, parse

pytestmark = pytest.mark.xdist_group("kafka-replicas")

TOPIC, PARTITIONS, GROUP = "predictions", 4, "drift-exporter-fraud"
KILLS = 4
EVERY = 10
"""Every so many records one is malformed: each of those is told by itself, with its place."""

PATIENCE = 60.0
SOURCE = "fraud/predictions"
RECORDS = key("drift_exporter_source_records_total", source=SOURCE)
MALFORMED = key("drift_exporter_source_rejected_total", source=SOURCE, reason="malformed")
LAG = key("drift_exporter_source_lag_records", source=SOURCE)
OPTIONS = {
    "session.timeout.ms": 6000,
    "heartbeat.interval.ms": 500,
    "topic.metadata.refresh.interval.ms": 1000,
}


@dataclass
class Replica:
    """One exporter of two, with a state of its own."""

    folder: Path
    broker: Broker
    config: Path = field(init=False)
    process: Process | None = None
    url: str = ""

    def __post_init__(self) -> None:
        self.folder.mkdir()
        save_reference(usual_reference(), self.folder / "fraud.json")
        source = {
            "type": "kafka",
            "brokers": [self.broker.address],
            "topic": TOPIC,
            "group": GROUP,
            "options": OPTIONS,
        }
        model = {
            "name": "fraud",
            "task": "binary",
            "reference": "fraud.json",
            "predictions": {"source": source, "fields": FIELDS},
        }
        self.config = write_config(self.folder, [model], evaluation_interval="200ms")

    def start(self, *, command: bool = False) -> None:
        """Start it, as a command line or forked, and wait until it answers."""
        address = f"127.0.0.1:{free_port()}"
        self.url = f"http://{address}/metrics"
        start = program.start_command if command else program.start
        self.process = start(program.serve(self.config, address), self.folder / "log")
        until(self.scrape, PATIENCE, what=f"an answer; {self.log()}")

    def kill(self) -> None:
        """Kill it."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.process = None

    def end(self) -> None:
        """End it in good order."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        assert 0 == self.process.wait(PATIENCE), self.log()
        self.process = None

    def scrape(self) -> Series:
        """One scrape; empty where there is no answer."""
        try:
            answer = requests.get(self.url, timeout=5)
        except requests.RequestException:
            return {}
        return parse(answer.text)[0] if answer.ok else {}

    def counted(self) -> int:
        """Records counted and rejected."""
        series = self.scrape()
        return round(series.get(RECORDS, 0) + series.get(MALFORMED, 0))

    def marks(self) -> dict[int, int]:
        """The saved offsets, by partition."""
        (path,) = (path for path in (self.folder / "state").iterdir() if path.suffix in {".sqlite", ".db"})
        with contextlib.closing(sqlite3.connect(path)) as connection:
            rows = connection.execute("SELECT key, value FROM mark").fetchall()
        return {
            int(name.rpartition("/")[2]): json.loads(value)["offset"] for name, value in rows if "/" in name
        }

    def letters(self) -> Counter[tuple[str, int]]:
        """Places of the malformed records that it tells of."""
        found: Counter[tuple[str, int]] = Counter()
        for path in (self.folder / "state" / "dead-letter").glob("*"):
            for line in path.read_bytes().splitlines():
                letter = json.loads(line)
                found[letter["file"], letter["offset"]] += 1
        return found

    def log(self) -> str:
        """The end of what it has said."""
        return (self.folder / "log").read_text(errors="replace")[-3000:]


@dataclass
class Load:
    """What is written to the topic."""

    broker: Broker
    written: int = 0
    malformed: set[tuple[str, int]] = field(default_factory=set)

    @contextlib.contextmanager
    def coming(self) -> Iterator[None]:
        """Write some thousand records a second until the end of the block."""
        end = threading.Event()
        problems: list[BaseException] = []

        def work() -> None:
            try:
                while not end.is_set():
                    self.write(100)
                    end.wait(0.05)
            except BaseException as error:  # noqa: BLE001, told at the end of the block
                problems.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join()
        assert [] == problems

    def write(self, count: int) -> None:
        """Write records to all partitions."""
        numbers = range(self.written, self.written + count)
        values = [
            b"{" if number % EVERY == 0 else json.dumps(record(NOW + number / 1000)).encode()
            for number in numbers
        ]
        places = self.broker.produce_to(
            TOPIC, [(number % PARTITIONS, value) for number, value in zip(numbers, values, strict=True)]
        )
        self.malformed |= {
            (f"kafka://{TOPIC}/{partition}", offset)
            for number, (partition, offset) in zip(numbers, places, strict=True)
            if number % EVERY == 0
        }
        self.written += count


@dataclass
class Scene:
    """A broker, two exporters, and what is written."""

    broker: Broker
    replicas: tuple[Replica, Replica]
    load: Load

    def log(self) -> str:
        """The end of what both have said."""
        return "\n\n".join(replica.log() for replica in self.replicas)

    def until_counting(self, replica: Replica) -> None:
        """Wait until an exporter has counted something more than what it began with."""
        until(lambda: RECORDS in replica.scrape(), PATIENCE, what=self.log())
        before = replica.counted()
        until(lambda: replica.counted() > before, PATIENCE, what=self.log())

    def until_all(self, least: int, most: int) -> int:
        """Wait until partitions are read to their end and so many records are counted; returns how many."""

        def read() -> object:
            scrapes = [replica.scrape() for replica in self.replicas]
            return all(LAG in series and series[LAG] == 0 for series in scrapes) and self.counted() >= least

        until(read, PATIENCE, what=f"{least} of {self.counted()}; {self.log()}")
        for _ in range(5):
            time.sleep(0.2)
            assert least <= self.counted() <= most, self.log()
        return self.counted()

    def counted(self) -> int:
        """Records counted and rejected by both."""
        return sum(replica.counted() for replica in self.replicas)

    def letters(self) -> Counter[tuple[str, int]]:
        """Places of the malformed records that both tell of."""
        return self.replicas[0].letters() + self.replicas[1].letters()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Both exporters at work."""
    (tmp_path / "broker").mkdir()
    with running_tansu(tmp_path / "broker") as broker:
        broker.create(TOPIC, PARTITIONS)
        replicas = Replica(tmp_path / "one", broker), Replica(tmp_path / "two", broker)
        try:
            for replica in replicas:
                replica.start(command=True)
                # The group has given it partitions.
                until(lambda: LAG in replica.scrape(), PATIENCE, what=replica.log())  # noqa: B023
            yield Scene(broker, replicas, Load(broker))
        finally:
            for replica in replicas:
                if replica.process is not None:
                    replica.kill()


def committed(broker: Broker) -> dict[int, int]:
    """The offsets that the group has told the broker, by partition; 0 where none."""
    consumer = Consumer({"bootstrap.servers": broker.address, "group.id": GROUP, **QUIET})
    try:
        asked = [TopicPartition(TOPIC, number) for number in range(PARTITIONS)]
        return {one.partition: max(0, one.offset) for one in consumer.committed(asked, timeout=10)}
    finally:
        consumer.close()


def test_replicas_that_come_and_go_in_good_order_count_everything_once(scene: Scene) -> None:
    with scene.load.coming():
        for replica in scene.replicas:
            scene.until_counting(replica)
        for number in (0, 1):
            scene.replicas[number].end()
            # The other one has all partitions now.
            before = scene.load.written
            other = scene.replicas[1 - number]
            counted = other.counted()
            until(lambda: scene.load.written > before + 200, PATIENCE)  # noqa: B023
            until(lambda: other.counted() > counted + 200, PATIENCE, what=scene.log())  # noqa: B023
            scene.replicas[number].start()
            scene.until_counting(scene.replicas[number])
    scene.until_all(scene.load.written, scene.load.written)
    assert Counter(scene.load.malformed) == scene.letters()


def test_replicas_that_are_killed_in_turn_lose_nothing_and_repeat_at_most_what_was_not_told(
    scene: Scene,
) -> None:
    untold: list[int] = []
    with scene.load.coming():
        for replica in scene.replicas:
            scene.until_counting(replica)
        for number in range(KILLS):
            replica = scene.replicas[number % 2]
            replica.kill()
            told = committed(scene.broker)
            marks = replica.marks()
            untold.append(sum(max(0, mark - told[one]) for one, mark in marks.items()))
            if number < KILLS // 2:
                # The other one takes its partitions over; else it is back before it is missed.
                until(
                    lambda: all(now > told[one] for one, now in committed(scene.broker).items()),  # noqa: B023
                    PATIENCE,
                    interval=0.5,
                    what=scene.log(),
                )
            replica.start()
            scene.until_counting(replica)
    # What is counted twice stands for others that are not counted yet: the malformed ones tell them apart.
    until(lambda: not scene.load.malformed - scene.letters().keys(), PATIENCE, what=scene.log())
    counted = scene.until_all(scene.load.written, scene.load.written + sum(untold))
    repeated = counted - scene.load.written
    print(  # noqa: T201
        f"{KILLS} kills, {scene.load.written} records, {repeated} counted twice; saved and not told: {untold}"
    )
    letters = scene.letters()
    assert (set(), set()) == (scene.load.malformed - letters.keys(), letters.keys() - scene.load.malformed)
    assert sum(letters.values()) - len(letters) <= repeated
