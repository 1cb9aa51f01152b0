"""One source against noida-db and Tansu, two brokers that speak Kafka's protocol; neither is Apache Kafka."""

import itertools
import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from drift_exporter.errors import SourceError, StateError
from drift_exporter.sources.chunk import Chunk
from drift_exporter.sources.kafka.settings import KafkaSettings, PayloadSettings
from drift_exporter.sources.kafka.source import CHUNK, KafkaSource
from drift_exporter.sources.source import SourceState
from support.kafka import QUIET, Broker, Wire, answers, running_noida, running_tansu, tansu
from support.servers import free_port, until

pytestmark = pytest.mark.xdist_group("kafka")

OPTIONS = {
    "session.timeout.ms": "6000",
    "heartbeat.interval.ms": "500",
    "topic.metadata.refresh.interval.ms": "500",
    "reconnect.backoff.max.ms": "300",
}
_names = (f"topic-{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def noida(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with running_noida(tmp_path_factory.mktemp("noida")) as broker:
        yield broker


@pytest.fixture(scope="module")
def group_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with running_tansu(tmp_path_factory.mktemp("tansu")) as broker:
        yield broker


@pytest.fixture
def topic() -> str:
    return next(_names)


_made: list["Reading"] = []


@pytest.fixture(autouse=True)
def _close_all() -> Iterator[None]:
    """Leave no group unclosed where a test fails.

    The collector of garbage would leave it, on any thread, which waits for minutes where the broker is gone.
    """
    yield
    for reading in _made:
        reading.source.close()
    _made.clear()


class Reading:
    """A source, what it has handed on, and what was saved of it."""

    def __init__(
        self,
        broker: Broker,
        topic: str,
        *,
        payload: PayloadSettings | None = None,
        state: SourceState | None = None,
        chunk_size: int = 1 << 20,
        line_limit: int = 1000,
        **settings: Any,  # noqa: ANN401
    ) -> None:
        options = OPTIONS | settings.pop("options", {})
        told = {"topics": (topic,), "group": f"group-of-{topic}", "options": options} | settings
        self.source = KafkaSource(
            KafkaSettings((broker.address,), **told), payload or PayloadSettings(), line_limit, chunk_size
        )
        self.records: list[bytes] = []
        self.places: list[tuple[str, int]] = []
        self.rejected: list[tuple[str, str, int]] = []
        self.marks: dict[str, bytes] = {}
        self.saves = 0
        _made.append(self)
        self.source.bind(self.save)
        if state is not None:
            self.source.restore(state)
            self.marks = dict(state.marks)

    def look(self) -> None:
        """One look, all of it counted and saved."""
        for chunk in self.source.poll():
            self.count(chunk)
        self.save()

    def count(self, chunk: Chunk) -> None:
        """Take a chunk in."""
        with self.source.guard:
            start = 0
            for line in chunk.content.split(b"\n"):
                if line.strip():
                    assert chunk.locate is not None
                    self.records.append(line)
                    self.places.append(chunk.locate(start))
                start += len(line) + 1
            self.rejected += [(one.reason, one.path, one.offset) for one in chunk.located(chunk.rejections)]
            self.source.accept()

    def save(self) -> None:
        """Save what changed."""
        with self.source.guard:
            changes = self.source.changes()
            self.marks |= changes.marks
            for mark in changes.unmarked:
                del self.marks[mark]
            self.source.saved()
            self.saves += 1

    def until(self, check: Callable[[], object]) -> None:
        """Look until it is so."""

        def looked() -> object:
            self.look()
            return check()

        until(looked, 40, what=f"{len(self.records)} records; {self.source.problem}")

    def read(self, count: int) -> list[bytes]:
        """Look until so many records came."""
        self.until(lambda: len(self.records) >= count)
        return self.records

    @property
    def state(self) -> SourceState:
        """What a restart finds."""
        return SourceState(marks=self.marks, counts=self.source.counts)

    def offset(self, topic: str, partition: int = 0) -> int | None:
        """The saved offset of a partition."""
        stored = self.marks.get(f"{topic}/{partition}")
        return None if stored is None else json.loads(stored)["offset"]


def committed(broker: Broker, topic: str, partition: int = 0) -> int:
    """What the group of a topic has told the broker."""
    consumer = Consumer({"bootstrap.servers": broker.address, "group.id": f"group-of-{topic}", **QUIET})
    try:
        return consumer.committed([TopicPartition(topic, partition)], timeout=10)[0].offset
    finally:
        consumer.close()


def numbered(*numbers: int) -> list[bytes]:
    return [b"%d" % number for number in numbers]


def test_records_come_once_over_restarts_and_offsets_are_told_after_they_are_saved(
    noida: Broker, topic: str
) -> None:
    noida.create(topic, 2)
    places = noida.produce_to(topic, [(number % 2, b"%d" % number) for number in range(10)])
    first = Reading(noida, topic)
    assert sorted(numbered(*range(10))) == sorted(first.read(10))
    assert {f"kafka://{topic}/{partition}": 5 for partition in (0, 1)} == {
        path: sum(place[0] == path for place in first.places) for path, _ in first.places
    }
    by_record = dict(zip(first.records, first.places, strict=True))
    for number, (partition, offset) in enumerate(places):
        assert (f"kafka://{topic}/{partition}", offset) == by_record[b"%d" % number]
    first.until(lambda: [5, 5] == [committed(noida, topic, partition) for partition in (0, 1)])
    assert 0 == first.source.lag().records
    first.source.close()
    noida.produce(topic, numbered(10, 11))
    second = Reading(noida, topic, state=first.state)
    assert numbered(10, 11) == second.read(2)
    second.source.close()


def test_what_is_not_saved_is_not_told(noida: Broker, topic: str) -> None:
    noida.create(topic, 1)
    noida.produce(topic, numbered(1, 2, 3))
    first = Reading(noida, topic)

    def counted() -> object:
        for chunk in first.source.poll():
            first.count(chunk)
        return len(first.records) == 3

    until(counted, 30)
    first.source.close()
    assert committed(noida, topic) < 0
    second = Reading(noida, topic)
    assert numbered(1, 2, 3) == second.read(3)
    second.source.close()


def test_a_chunk_that_was_not_counted_comes_again(noida: Broker, topic: str) -> None:
    noida.create(topic, 1)
    noida.produce(topic, numbered(1, 2, 3))
    reading = Reading(noida, topic)

    def refused() -> object:
        poll = reading.source.poll()
        chunk = next(poll, None)
        poll.close()
        return chunk

    until(refused, 30)
    reading.save()
    assert reading.offset(topic) is None
    assert numbered(1, 2, 3) == reading.read(3)
    assert 3 == reading.offset(topic)
    reading.source.close()


def test_what_cannot_be_counted_waits_and_is_told(noida: Broker, topic: str) -> None:
    noida.create(topic, 1)
    noida.produce(topic, numbered(1, 2))
    reading = Reading(noida, topic)

    def set_aside() -> object:
        for _ in reading.source.poll():
            reading.source.set_aside("no memory")
        return reading.source.problem

    assert "no memory" == until(set_aside, 30)
    assert numbered(1, 2) == reading.read(2)
    assert reading.source.problem is None
    reading.source.close()


def test_a_chunk_that_is_too_large_comes_in_smaller_ones(noida: Broker, topic: str) -> None:
    noida.create(topic, 1)
    noida.produce(topic, numbered(*range(100, 200)))
    reading = Reading(noida, topic)
    sizes = []

    def look() -> object:
        for chunk in reading.source.poll():
            sizes.append(chunk.size)
            if chunk.size > 100:
                assert chunk.divisible
                reading.source.read_smaller()
            else:
                reading.count(chunk)
        return len(reading.records) == 100

    until(look, 30)
    assert numbered(*range(100, 200)) == reading.records
    assert list(range(100)) == [offset for _, offset in reading.places]
    assert 400 in sizes
    reading.source.close()


def test_tombstones_empty_messages_long_ones_and_several_records_in_one(noida: Broker, topic: str) -> None:
    noida.create(topic, 1)
    pretty = json.dumps({"a": [1, {"b": 2}]}, indent=2).encode()
    noida.produce(topic, [None, b"", b'{"a":1}\n{"a":2}\n', b"x" * 1001, pretty, None])
    reading = Reading(noida, topic)
    reading.until(lambda: reading.offset(topic) == 6)
    assert [{"a": 1}, {"a": 2}, {"a": [1, {"b": 2}]}] == [json.loads(record) for record in reading.records]
    assert [2, 2, 4] == [offset for _, offset in reading.places]
    assert [("too_long", f"kafka://{topic}/0", 3)] == reading.rejected
    assert 0 == reading.source.lag().records
    reading.source.close()


def test_start_latest_leaves_out_what_was_there_and_remembers_that(noida: Broker, topic: str) -> None:
    noida.create(topic, 1)
    noida.produce(topic, numbered(1, 2))
    first = Reading(noida, topic, start="latest")
    first.until(lambda: first.offset(topic) == 2)
    first.source.close()
    # While nobody reads.
    noida.produce(topic, numbered(3))
    second = Reading(noida, topic, start="latest", state=first.state)
    assert numbered(3) == second.read(1)
    second.source.close()


def test_added_partitions_are_found_and_read_from_their_beginning(noida: Broker, topic: str) -> None:
    noida.create(topic, 1)
    reading = Reading(noida, topic, start="latest")
    reading.until(lambda: reading.offset(topic) == 0)
    noida.grow(topic, 3)
    noida.produce_to(topic, [(2, b"2"), (1, b"1")])
    assert numbered(1, 2) == sorted(reading.read(2))
    reading.source.close()


def test_records_beyond_the_retention_are_counted_as_lost(noida: Broker, topic: str) -> None:
    noida.create(topic, 1)
    noida.produce(topic, numbered(*range(10)))
    admin = AdminClient({"bootstrap.servers": noida.address, **QUIET})
    for future in admin.delete_records([TopicPartition(topic, 0, 6)]).values():
        future.result(30)
    state = SourceState(marks={f"{topic}/0": b'{"offset": 2, "topic": ""}'})
    reading = Reading(noida, topic, state=state)
    assert numbered(6, 7, 8, 9) == reading.read(4)
    assert {("lost_records", "retention"): 4} == dict(reading.source.counts)
    reading.until(lambda: committed(noida, topic) == 10)
    reading.source.close()


def test_a_position_beyond_the_end_begins_anew(
    noida: Broker, topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    noida.create(topic, 1)
    noida.produce(topic, numbered(0, 1, 2))
    state = SourceState(marks={f"{topic}/0": b'{"offset": 50, "topic": ""}'})
    reading = Reading(noida, topic, state=state)
    assert numbered(0, 1, 2) == reading.read(3)
    assert f"kafka://{topic}/0: record 50" in caplog.text
    assert (3, {("lost_records", "retention"): 0}) == (reading.offset(topic), dict(reading.source.counts))
    reading.until(lambda: committed(noida, topic) == 3)
    reading.source.close()


def test_another_topic_of_the_same_name_is_read_from_its_beginning(group_broker: Broker, topic: str) -> None:
    """Only Tansu tells topics apart."""
    group_broker.create(topic, 1)
    group_broker.produce(topic, numbered(0, 1, 2))
    marks = {f"{topic}/0": b'{"offset": 2, "topic": "AAAAAAAAAAAAAAAAAAAAQQ"}'}
    reading = Reading(group_broker, topic, state=SourceState(marks=marks))
    assert numbered(0, 1, 2) == reading.read(3)
    reading.source.close()


def test_several_topics_and_patterns(noida: Broker, topic: str) -> None:
    names = [f"{topic}-{end}" for end in ("a", "b", "c")]
    for number, name in enumerate(names):
        noida.create(name, 2)
        noida.produce(name, numbered(number), partition=1)
    listed = Reading(noida, topic, topics=names[:2], group="listed")
    assert numbered(0, 1) == sorted(listed.read(2))
    assert {f"kafka://{name}/1" for name in names[:2]} == {path for path, _ in listed.places}
    listed.source.close()
    matched = Reading(noida, topic, topics=(f"^{topic}-[bc]$",), group="matched")
    assert numbered(1, 2) == sorted(matched.read(2))
    assert {f"kafka://{name}/1" for name in names[1:]} == {path for path, _ in matched.places}
    matched.source.close()


def test_a_backlog_is_collected_while_it_is_counted(noida: Broker, topic: str) -> None:
    noida.create(topic, 2)
    noida.produce_to(topic, [(number // 100 % 2, b"%07d" % number) for number in range(60_000)])
    reading = Reading(noida, topic, chunk_size=1 << 16)
    threads = set()

    def look() -> object:
        for chunk in reading.source.poll():
            threads.update(thread.name for thread in threading.enumerate())
            reading.count(chunk)
        reading.save()
        return len(reading.records) >= 60_000

    until(look, 40)
    assert [b"%07d" % number for number in range(60_000)] == sorted(reading.records)
    assert "collect" in threads
    assert "collect" not in {thread.name for thread in threading.enumerate()}
    for partition in (0, 1):
        mine = [offset for path, offset in reading.places if path.endswith(f"/{partition}")]
        assert list(range(30_000)) == mine
    reading.source.close()


def test_chunks_of_a_backlog_are_small_first_and_grow(noida: Broker, topic: str) -> None:
    noida.create(topic, 1)
    message = b"x" * 499
    noida.produce_to(topic, [(0, message)] * 16_000)
    reading = Reading(noida, topic, final=True, chunk_size=CHUNK)
    sizes = []
    for chunk in reading.source.poll():
        sizes.append(chunk.size)
        reading.count(chunk)
    assert 16_000 * 500 == sum(sizes)
    # A lot of a thousand messages may be more than what is wanted.
    assert sizes[0] <= (1 << 20) + 500_000
    assert sizes[0] < sizes[1] < sizes[2]
    reading.source.close()


def test_all_there_is_is_read_once_outside_of_any_group(noida: Broker, topic: str) -> None:
    noida.create(topic, 3)
    noida.produce_to(topic, [(number % 2, b"%d" % number) for number in range(1000)])
    reading = Reading(noida, topic, final=True)
    for chunk in reading.source.poll():
        reading.count(chunk)
    assert sorted(numbered(*range(1000))) == sorted(reading.records)
    assert reading.source.problem is None
    reading.source.close()
    assert committed(noida, topic) < 0


def test_a_topic_that_is_not_there_is_told_and_waited_for(noida: Broker, topic: str) -> None:
    once = Reading(noida, topic, final=True)
    assert [] == list(once.source.poll())
    assert f"no topic {topic}" in (once.source.problem or "")
    once.source.close()
    reading = Reading(noida, topic)
    reading.until(lambda: topic in (reading.source.problem or ""))
    noida.create(topic, 1)
    noida.produce(topic, numbered(1))
    assert numbered(1) == reading.read(1)
    reading.until(lambda: reading.source.problem is None)
    reading.source.close()


def test_brokers_that_are_away_are_told_of_and_come_back(tmp_path: Path, topic: str) -> None:
    port = free_port()
    wire = Wire(port)
    broker = tansu(tmp_path, port, wire.address)
    try:
        until(lambda: answers(broker), 30)
        broker.create(topic, 1)
        broker.produce(topic, numbered(1))
        reading = Reading(broker, topic)
        assert numbered(1) == reading.read(1)
        wire.cut()
        reading.until(lambda: reading.source.problem)
        assert f"kafka {broker.address}: no broker can be reached" in (reading.source.problem or "")
        told = reading.source.problem
        for _ in range(5):
            reading.look()
        assert told == reading.source.problem
        wire.mend()
        reading.until(lambda: reading.source.problem is None)
        broker.produce(topic, numbered(2))
        assert numbered(1, 2) == reading.read(2)
        reading.source.close()
    finally:
        wire.cut()
        broker.stop()


def test_no_broker_at_all_is_told_and_closing_does_not_wait_for_one(topic: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = f"127.0.0.1:{taken.getsockname()[1]}"
        source = KafkaSource(
            KafkaSettings((nobody,), (topic,), "group", options=OPTIONS), PayloadSettings(), 1000
        )

        def told() -> object:
            assert [] == list(source.poll())
            return source.problem

        assert "no broker can be reached" in str(until(told, 30))
        assert source.lag().records is None
        source.close()


@pytest.mark.parametrize(
    ("options", "secrets", "message"),
    [
        ({"no.such.setting": "1"}, {}, "no.such.setting"),
        ({"session.timeout.ms": "soon"}, {}, "session.timeout.ms"),
        ({}, {"sasl.password": "missing"}, r"secrets: sasl\.password: .*missing: cannot be read"),
    ],
)
def test_settings_that_cannot_be_used_are_told(
    tmp_path: Path, options: Mapping[str, str], secrets: Mapping[str, str], message: str
) -> None:
    files = {name: tmp_path / file for name, file in secrets.items()}
    settings = KafkaSettings(("127.0.0.1:1",), ("x",), "group", options=options, secrets=files)
    with pytest.raises(SourceError, match=message):
        list(KafkaSource(settings, PayloadSettings(), 1000).poll())


def test_a_missing_client_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    for module in ("intake", "member", "whole", "collector", "client", "trouble"):
        monkeypatch.delitem(sys.modules, f"drift_exporter.sources.kafka.{module}", raising=False)
    source = KafkaSource(KafkaSettings(("127.0.0.1:1",), ("x",), "group"), PayloadSettings(), 1000)
    with pytest.raises(SourceError, match=r"pip install 'drift-exporter\[kafka\]'"):
        list(source.poll())
    source.close()


def test_a_client_that_may_lose_messages_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drift_exporter.sources.kafka.client.version", lambda _: "2.12.0")
    source = KafkaSource(KafkaSettings(("127.0.0.1:1",), ("x",), "group"), PayloadSettings(), 1000)
    with pytest.raises(SourceError, match=r"confluent-kafka 2\.12\.0 may lose messages; 2\.16 or newer"):
        list(source.poll())


def test_messages_wait_for_their_schemas(noida: Broker, topic: str, tmp_path: Path) -> None:
    """The registry's password is not there yet: nothing is lost, and the group still hears from us."""
    noida.create(topic, 1)
    noida.produce(topic, [b"\0\0\0\0\7x", b"{}"])
    password = tmp_path / "password"
    payload = PayloadSettings("avro", "http://127.0.0.1:1", "user", password)
    reading = Reading(noida, topic, payload=payload)
    reading.until(lambda: "schema_registry_password_file" in (reading.source.problem or ""))
    password.write_text("secret")
    reading.until(lambda: "schema registry http://127.0.0.1:1" in (reading.source.problem or ""))
    assert ([], None) == (reading.records, reading.offset(topic))
    reading.source.close()
    # With what can be read as JSON it is not held up.
    plain = Reading(noida, topic, state=reading.state, payload=PayloadSettings("json_schema"))
    assert [b"x", b"{}"] == plain.read(2)
    plain.source.close()


def test_a_reload_keeps_the_place_in_the_group(noida: Broker, topic: str) -> None:
    noida.create(topic, 1)
    noida.produce(topic, numbered(1, 2))
    first = Reading(noida, topic)
    first.read(2)
    noida.produce(topic, numbered(3))
    # Counted and not saved, as a reload finds it.
    until(lambda: [first.count(chunk) for chunk in first.source.poll()], 20)
    second = Reading(noida, topic)
    second.source.adopt(first.source)
    first.source.close()
    assert f"{topic}/0" in second.source.changes(everything=True).marks
    noida.produce(topic, numbered(4))
    assert numbered(4) == second.read(1)
    assert numbered(1, 2, 3) == first.records
    third = Reading(noida, topic, options={"client.id": "another"})
    third.source.adopt(second.source)
    second.source.close()
    noida.produce(topic, numbered(5))
    assert numbered(5) == third.read(1)
    third.source.close()


def test_members_share_partitions_and_lose_and_repeat_nothing(group_broker: Broker, topic: str) -> None:
    group_broker.create(topic, 4)
    produced = itertools.count()
    end = threading.Event()

    def produce() -> None:
        while not end.is_set():
            first = [next(produced) for _ in range(40)]
            group_broker.produce_to(topic, [(number % 4, b"%d" % number) for number in first])
            time.sleep(0.02)

    producer = threading.Thread(target=produce)
    producer.start()
    one, two = Reading(group_broker, topic), Reading(group_broker, topic)
    stop_two = threading.Event()

    def read_two() -> None:
        while not stop_two.is_set():
            two.look()
        two.source.close()

    reader = threading.Thread(target=read_two)
    try:
        one.read(40)
        reader.start()
        one.until(lambda: len(two.records) > 40)
        # The other one goes in good order.
        stop_two.set()
        alone = len(one.places)
        one.until(lambda: len({path for path, _ in one.places[alone:]}) == 4 and not reader.is_alive())
    finally:
        stop_two.set()
        end.set()
        producer.join()
        if reader.ident is not None:
            reader.join()
    whole = next(produced)
    one.until(lambda: len(one.records) + len(two.records) >= whole)
    one.look()
    assert sorted(numbered(*range(whole))) == sorted(one.records + two.records)
    assert one.saves > 1
    one.source.close()


class Log:
    """Numbered lines in a topic of four partitions."""

    def __init__(self, broker: Broker, topic: str) -> None:
        broker.create(topic, 4)
        self.lines: list[bytes] = []
        self._broker, self._topic = broker, topic

    def write(self, count: int) -> None:
        """Write so many lines more."""
        more = [
            (number % 4, b"%0100d" % number) for number in range(len(self.lines), len(self.lines) + count)
        ]
        self.lines += (line for _, line in more)
        self._broker.produce_to(self._topic, more)

    def write_until(self, check: Callable[[], object], end: threading.Event) -> None:
        """Write on until it is so, or until the end."""
        while not check() and not end.wait(0.1):
            self.write(1000)


def test_partitions_come_and_go_while_a_chunk_is_counted_and_another_one_is_saved(
    group_broker: Broker, topic: str
) -> None:
    """Whoever collects waits for who counts, who counts for who saves; none of them waits for the other."""
    log = Log(group_broker, topic)
    log.write(60_000)
    one, two = Reading(group_broker, topic, chunk_size=1 << 16), Reading(group_broker, topic)
    end = threading.Event()

    def save() -> None:
        while not end.wait(0.001):
            with one.source.guard:
                one.save()
                one.source.lag()

    def read_two() -> None:
        while not end.wait(0.05):
            two.look()

    # However long the group takes to give the second member some of it, there is something to read.
    writer = threading.Thread(target=log.write_until, args=(lambda: two.records, end))
    threads = [threading.Thread(target=save), threading.Thread(target=read_two), writer]

    def slowly() -> object:
        for chunk in one.source.poll():
            # So long that the group asks for partitions meanwhile.
            time.sleep(0.08)
            one.count(chunk)
        return not writer.is_alive() and len(one.records) + len(two.records) >= len(log.lines)

    until(lambda: slowly() or one.records, 40)
    for thread in threads:
        thread.start()
    try:
        until(slowly, 60, what=f"{len(one.records)} and {len(two.records)}")
    finally:
        end.set()
        for thread in threads:
            thread.join()
    assert log.lines == sorted(one.records + two.records)
    one.source.close()
    two.source.close()


def test_a_partition_is_given_up_also_where_it_cannot_be_saved(
    group_broker: Broker, topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    group_broker.create(topic, 2)
    group_broker.produce_to(topic, [(0, b"0"), (1, b"1")])
    one = Reading(group_broker, topic)
    one.read(2)

    def save() -> None:
        raise StateError("the disk is full")

    one.source.bind(save)
    two = Reading(group_broker, topic)

    def both() -> object:
        list(two.source.poll())
        return "given up though it is not saved: the disk is full" in caplog.text

    one.until(both)
    two.source.close()
    one.source.close()
