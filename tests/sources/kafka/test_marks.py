import logging

import pytest

from drift_exporter.errors import StateError
from drift_exporter.sources.kafka.batch import Key
from drift_exporter.sources.kafka.marks import Marks
from drift_exporter.sources.kafka.settings import TopicFacts

KEY: Key = ("fraud", 0)
FACTS = {"fraud": TopicFacts("id-1", 4)}


def saved(marks: Marks) -> dict[str, bytes]:
    """What a restart finds."""
    changes = dict(marks.changes(everything=True))
    marks.saved()
    return changes


def restored(stored: dict[str, bytes], *, early: bool = True) -> Marks:
    marks = Marks(early)
    marks.restore(stored)
    return marks


def test_a_partition_begins_where_we_or_the_group_ended_whichever_is_further() -> None:
    marks = Marks()
    assert {KEY: -1} == marks.taken([KEY], {}, FACTS)
    marks.advance({KEY: 20})
    again = restored(saved(marks))
    assert {KEY: 20} == again.taken([KEY], {KEY: 10}, FACTS)
    assert {KEY: 30} == again.taken([KEY], {KEY: 30}, FACTS)


def test_what_is_told_to_the_group_is_what_was_saved() -> None:
    marks = Marks()
    marks.taken([KEY], {}, FACTS)
    marks.advance({KEY: 5})
    assert {} == marks.durable
    marks.changes()
    marks.advance({KEY: 6})
    marks.saved()
    assert {KEY: 5} == marks.durable
    # The newer position is still to be saved.
    assert {"fraud/0": b'{"offset": 6, "topic": "id-1"}'} == marks.changes()
    marks.saved()
    assert ({KEY: 6}, {}) == (marks.durable, marks.changes())


def test_changes_that_were_not_saved_come_again() -> None:
    marks = Marks()
    marks.advance({KEY: 5})
    assert marks.changes() == marks.changes() != {}


def test_a_topic_made_anew_is_read_from_its_beginning(caplog: pytest.LogCaptureFixture) -> None:
    marks = Marks(early=False)
    marks.taken([KEY], {}, FACTS)
    marks.advance({KEY: 20})
    again = restored(saved(marks), early=False)
    with caplog.at_level(logging.WARNING):
        assert {KEY: -1} == again.taken([KEY], {}, {"fraud": TopicFacts("id-2", 4)})
    assert "kafka://fraud/0: the topic is another one" in caplog.text
    assert again.starts_early(KEY)
    assert {} == again.durable


def test_a_broker_that_has_no_identities_of_topics_changes_nothing() -> None:
    marks = Marks()
    marks.taken([KEY], {}, FACTS)
    marks.advance({KEY: 20})
    again = restored(saved(marks))
    assert {KEY: 20} == again.taken([KEY], {}, {"fraud": TopicFacts("", 4)})
    assert {KEY: 20} == again.taken([KEY], {}, {})


def test_partitions_that_are_added_are_read_from_their_beginning_whatever_the_start() -> None:
    marks = Marks(early=False)
    marks.taken([KEY], {}, FACTS)
    again = restored(saved(marks), early=False)
    again.taken([("fraud", 4)], {}, {"fraud": TopicFacts("id-1", 6)})
    assert [False, True] == [again.starts_early(("fraud", number)) for number in (3, 4)]
    assert Marks(early=True).starts_early(KEY)


@pytest.mark.parametrize("value", [b"", b"[]", b'{"offset": "x", "topic": ""}', b'{"offset": 3}'])
def test_a_position_that_cannot_be_read_is_refused(value: bytes) -> None:
    with pytest.raises(StateError, match="fraud/0"):
        Marks().restore({"fraud/0": value})
