"""The source of what is pushed: every acknowledged line once, over restarts, saves and deletions."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from drift_exporter.sources.chunk import Chunk
from drift_exporter.sources.push import source as push
from drift_exporter.sources.push.events import Pairing
from drift_exporter.sources.push.source import PushSource
from drift_exporter.sources.push.spool import Kind
from drift_exporter.sources.source import REQUESTS, UNPAIRED, Counts, SourceState

TIMEOUT = 30


@dataclass
class Store:
    """What is saved of a source, and the lines that were counted at that moment."""

    state: SourceState = field(default_factory=SourceState)
    counted: list[bytes] = field(default_factory=list)


@dataclass
class Subject:
    """A source that is started again and again on the same folder and store."""

    folder: Path
    events: str = "none"
    now: float = 1000.0
    limit: int = 100
    line_limit: int = 200
    chunk_size: int = 1 << 20
    store: Store = field(default_factory=Store)
    counted: list[bytes] = field(default_factory=list)
    rejected: list[tuple[str, int]] = field(default_factory=list)
    source: PushSource = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def make(self) -> PushSource:
        """A source that nothing was restored to."""
        source = PushSource(
            str(self.folder / "spool"),
            Pairing(self.events, None, 60.0, self.limit),
            self.line_limit,
            self.chunk_size,
            clock=lambda: self.now,
            segment_size=100,
        )
        source.bind(self.save)
        return source

    def start(self) -> None:
        """Start one from what is saved."""
        self.source = self.make()
        self.source.restore(self.store.state)
        self.counted = list(self.store.counted)

    def push(self, *lines: bytes, kind: Kind = "ndjson") -> None:
        """Push until it is acknowledged."""
        self.source.append(b"".join(line + b"\n" for line in lines), kind).result(TIMEOUT)

    def read(self, most: int = 1 << 30) -> None:
        """Count some chunks."""
        reading = self.source.poll()
        for number, chunk in enumerate(reading):
            if number >= most:
                break
            self._count(chunk)
        reading.close()

    def _count(self, chunk: Chunk) -> None:
        self.counted += [line for line in chunk.content.split(b"\n") if line.strip()]
        self.rejected += [(one.path, one.offset) for one in chunk.located(chunk.rejections)]
        self.source.accept()

    def save(self) -> None:
        """Save the state with what was counted, as one."""
        changes = self.source.changes()
        marks = {key: mark for key, mark in self.store.state.marks.items() if key not in changes.unmarked}
        self.store = Store(
            SourceState(marks=marks | dict(changes.marks), counts=self.source.counts.copy()),
            list(self.counted),
        )
        self.source.saved()

    def restart(self) -> None:
        """As after a crash."""
        self.source.close()
        self.start()


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    return Subject(tmp_path)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "spool").iterdir())


def test_lines_are_read_in_the_order_in_which_they_came(subject: Subject) -> None:
    subject.push(b"one", b"two")
    subject.push(b"three")
    subject.read()
    subject.push(b"four")
    subject.read()
    assert [b"one", b"two", b"three", b"four"] == subject.counted
    assert 0 == subject.source.lag().bytes == subject.source.backlog


def test_making_one_touches_nothing_and_nothing_is_there(subject: Subject, tmp_path: Path) -> None:
    subject.read()
    assert [] == list(tmp_path.iterdir()) == subject.counted
    assert subject.source.problem is None


def test_a_chunk_that_was_not_accepted_comes_again(subject: Subject) -> None:
    subject.push(b"one")
    next(subject.source.poll())
    assert 4 == subject.source.lag().bytes
    subject.read()
    assert [b"one"] == subject.counted


def test_what_was_read_is_deleted_when_that_is_saved(subject: Subject, tmp_path: Path) -> None:
    for number in range(5):
        subject.push(b"%d" % number + b"x" * 110)
    subject.read()
    subject.read()
    assert 5 == len(files(tmp_path))
    subject.save()
    assert 5 == len(files(tmp_path))
    subject.read()
    assert ["0000000005.ndjson"] == files(tmp_path)
    subject.restart()
    subject.read()
    subject.save()
    subject.read()
    assert [] == files(tmp_path)
    subject.push(b"more")
    subject.read()
    assert 6 == len(subject.counted)
    assert b"more" == subject.counted[-1]


def test_it_saves_by_itself_before_too_much_is_kept(
    subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push, "KEPT_BYTES", 300)
    for _ in range(4):
        subject.push(b"x" * 110)
    subject.read()
    assert 4 == len(files(tmp_path))
    subject.push(b"y" * 110)
    subject.read()
    assert 2 > len(subject.store.counted) - 4 >= 0
    assert 2 >= len(files(tmp_path))


def test_a_line_over_the_limit_is_rejected_with_its_place(subject: Subject, tmp_path: Path) -> None:
    subject.push(b"one", b"x" * 300, b"two")
    subject.read()
    assert [b"one", b"two"] == subject.counted
    assert [(str(tmp_path / "spool" / "0000000001.ndjson"), 4)] == subject.rejected


def test_smaller_chunks_when_they_hold_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(push, "SMALLEST_CHUNK", 64)
    subject = Subject(tmp_path)
    subject.push(*[b"%06d" % number for number in range(300)])
    sizes = []
    for chunk in subject.source.poll():
        sizes.append(chunk.size)
        if chunk.size > 500:
            subject.source.read_smaller()
        else:
            subject.counted += chunk.content.split()
            subject.source.accept()
    assert sizes[0] == 2100
    assert [b"%06d" % number for number in range(300)] == subject.counted


def test_what_is_set_aside_is_not_passed_over(subject: Subject) -> None:
    subject.push(b"one")
    for _ in subject.source.poll():
        subject.source.set_aside("no memory")
    assert "no memory" == subject.source.problem
    subject.push(b"two")
    subject.read()
    assert [b"one", b"two"] == subject.counted
    assert subject.source.problem is None


@pytest.mark.fault("file of the spool deleted")
def test_a_file_that_somebody_deleted_is_counted_as_lost(subject: Subject, tmp_path: Path) -> None:
    for _ in range(3):
        subject.push(b"x" * 110)
    (tmp_path / "spool" / "0000000002.ndjson").unlink()
    subject.read()
    assert 2 == len(subject.counted)
    assert 111 == subject.source.lost_bytes


def test_so_is_what_somebody_cut_off(subject: Subject, tmp_path: Path) -> None:
    subject.push(b"one", b"x" * 110)
    subject.push(b"two")
    (tmp_path / "spool" / "0000000001.ndjson").write_bytes(b"one\n")
    subject.read()
    assert b"two" == subject.counted[-1]
    assert 111 + 4 == subject.source.lost_bytes + sum(len(line) + 1 for line in subject.counted[:-1])


def test_answers_are_counted_when_they_are_saved(subject: Subject) -> None:
    subject.source.spool.count_answer("202")
    assert Counts() == subject.source.counts
    subject.save()
    assert Counts({(REQUESTS, "202"): 1}) == subject.source.counts
    subject.restart()
    assert Counts({(REQUESTS, "202"): 1}) == subject.source.counts


def test_there_is_nothing_to_read_for_once(tmp_path: Path) -> None:
    subject = Subject(tmp_path)
    subject.push(b"one")
    final = subject.make()
    final.final = True
    assert [] == list(final.poll())
    assert final.problem is not None
    assert "serve" in final.problem


def test_another_one_goes_on_with_what_is_sent_to_the_old_one(subject: Subject) -> None:
    subject.push(b"one")
    subject.read()
    old, new = subject.source, subject.make()
    new.adopt(old)
    old.close()
    subject.push(b"two")
    subject.source = new
    subject.push(b"three")
    subject.read()
    assert [b"one", b"two", b"three"] == subject.counted
    subject.save()
    subject.restart()
    subject.read()
    assert [b"one", b"two", b"three"] == subject.counted


def half(kind: str, key: str, received: float = 1000.0) -> bytes:
    """An event as the endpoint writes it."""
    data = {"instances": [[1]]} if kind == "request" else {"predictions": ["yes"]}
    head = dict.fromkeys(("time", "model", "version", "trace_id"))
    return json.dumps(
        head | {"event": kind, "id": key, "key": key, "received": received, "data": data}
    ).encode()


def ids(lines: list[bytes]) -> list[str]:
    return [json.loads(line)["id"] for line in lines]


@pytest.fixture
def pairs(tmp_path: Path) -> Subject:
    return Subject(tmp_path, events="all", line_limit=1000)


def test_an_event_that_waits_is_saved_and_leaves_with_its_record(pairs: Subject) -> None:
    pairs.push(half("response", "a"), kind="events")
    pairs.read()
    pairs.save()
    assert {"place", "response:a"} == set(pairs.store.state.marks)
    pairs.restart()
    pairs.push(half("request", "a"), kind="events")
    pairs.read()
    assert ["a"] == ids(pairs.counted)
    pairs.restart()
    pairs.read()
    assert ["a"] == ids(pairs.counted)
    pairs.save()
    assert {"place"} == set(pairs.store.state.marks)


def test_an_event_stays_alone_when_its_time_is_up(pairs: Subject) -> None:
    pairs.push(half("request", "a"), half("request", "b", received=1050.0), kind="events")
    pairs.read()
    pairs.save()
    pairs.now = 1061.0
    pairs.read()
    assert Counts({(UNPAIRED, "request"): 1}) == pairs.source.counts
    pairs.save()
    assert {"place", "request:b"} == set(pairs.store.state.marks)


def test_an_old_event_that_was_not_read_yet_finds_its_pair(pairs: Subject) -> None:
    pairs.push(half("request", "a"), kind="events")
    pairs.push(half("response", "a", received=1003.0), kind="events")
    pairs.now = 9999.0
    pairs.read()
    assert ["a"] == ids(pairs.counted)
    assert Counts() == pairs.source.counts


def test_everything_is_told_anew_where_a_model_is_configured_anew(pairs: Subject) -> None:
    pairs.push(half("request", "a"), kind="events")
    pairs.read()
    pairs.save()
    assert {} == dict(pairs.source.changes().marks)
    assert {"place", "request:a"} == set(pairs.source.changes(everything=True).marks)


def test_events_and_records_that_alternate_are_all_read(pairs: Subject) -> None:
    for number in range(4):
        pairs.push(half("request", str(number)), kind="events")
        pairs.push(b'{"id": "record %d"}' % number)
        pairs.push(half("response", str(number)), kind="events")
    pairs.read()
    pairs.read()
    assert [name for n in range(4) for name in (f"record {n}", str(n))] == ids(pairs.counted)


def test_a_line_that_is_no_event_is_rejected_with_its_place(pairs: Subject, tmp_path: Path) -> None:
    pairs.push(half("request", "a"), b"{}", half("response", "a"), b"x" * 1001, kind="events")
    pairs.read()
    path = str(tmp_path / "spool" / "0000000001.events")
    length = len(half("request", "a")) + 1
    assert [(path, length), (path, length + 3 + len(half("response", "a")) + 1)] == pairs.rejected
    assert ["a"] == ids(pairs.counted)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("push"), st.integers(1, 5)),
        st.tuples(st.just("read"), st.integers(1, 3)),
        st.tuples(st.sampled_from(["read all", "save", "crash", "stop", "torn", "adopt"]), st.just(0)),
    ),
    max_size=40,
)


@settings(max_examples=100)
@given(STEPS, st.sampled_from(["none", "all"]))
def test_every_acknowledged_line_counts_once(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]], events: str
) -> None:
    folder = tmp_path_factory.mktemp("push")
    subject = Subject(folder, events=events, line_limit=1000)
    acknowledged: list[str] = []
    number = 0
    for action, count in steps:
        event(action)
        if action == "push":
            names = [str(number + each) for each in range(count)]
            number += count
            acknowledged += names
            if events == "all":
                # The second event of each is in the next request.
                subject.push(*[half("request", name) for name in names], kind="events")
                subject.push(*[half("response", name) for name in reversed(names)], kind="events")
            else:
                subject.push(*[json.dumps({"id": name}).encode() for name in names])
        elif action in {"read", "read all"}:
            subject.read(count or 1 << 30)
        elif action == "save":
            subject.save()
        elif action == "adopt":
            new = subject.make()
            new.adopt(subject.source)
            subject.source.close()
            subject.source = new
        else:
            if action == "stop":
                subject.save()
            subject.restart()
            if action == "torn" and (folder / "spool").exists() and files(folder):
                with (folder / "spool" / files(folder)[-1]).open("ab") as file:
                    file.write(b'{"id": "never acknow')
                subject.start()
    subject.read()
    subject.read()
    assert sorted(acknowledged) == sorted(ids(subject.counted))
    assert [] == subject.rejected
    subject.save()
    subject.restart()
    subject.read()
    assert sorted(acknowledged) == sorted(ids(subject.counted))
    assert 0 == subject.source.backlog
    assert len(files(folder)) <= 1 if acknowledged else not (folder / "spool").exists()
    subject.source.close()
