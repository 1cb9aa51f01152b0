import json
from collections.abc import Sequence

import numpy as np
import pytest

from drift_exporter.sources.kafka.batch import Batch, Key, Messages, make_batch, straighten
from drift_exporter.sources.kafka.payload import plain
from drift_exporter.sources.kafka.pile import Pile
from drift_exporter.sources.memory import MemoryFile

KEYS: list[Key] = [("a", 0), ("a", 1), ("b", 0)]
LIMIT = 100


def messages(*told: tuple[int, int, bytes | None], ends: Sequence[tuple[int, Key, int]] = ()) -> Messages:
    """Messages: partition by number, offset, value."""
    return Messages(
        KEYS,
        [value for _, _, value in told],
        np.array([number for number, _, _ in told], dtype=np.int64),
        np.array([offset for _, offset, _ in told], dtype=np.int64),
        ends,
    )


def batch_of(*told: tuple[int, int, bytes | None], ends: Sequence[tuple[int, Key, int]] = ()) -> Batch:
    return make_batch(messages(*told, ends=ends), plain, LIMIT)


def places(batch: Batch) -> list[tuple[bytes, tuple[str, int]]]:
    """Each line that is not blank, and where it is said to come from."""
    found, start = [], 0
    for line in batch.text.split(b"\n"):
        if line.strip():
            found.append((line, batch.locate(start)))
        start += len(line) + 1
    return found


def test_each_message_is_a_line_that_can_be_found_again() -> None:
    batch = batch_of((0, 7, b"{}"), (1, 70, b'{"a":1}'), (0, 9, b"[]"))
    assert b'{}\n{"a":1}\n[]\n' == batch.text
    assert [
        (b"{}", ("kafka://a/0", 7)),
        (b'{"a":1}', ("kafka://a/1", 70)),
        (b"[]", ("kafka://a/0", 9)),
    ] == places(batch)
    assert {("a", 0): 10, ("a", 1): 71} == batch.ends
    # Inside of a line it is the same message.
    assert ("kafka://a/1", 70) == batch.locate(batch.text.index(b"1}"))


def test_messages_without_content_are_no_records_but_move_the_position() -> None:
    batch = batch_of((0, 1, b"{}"), (0, 2, None), (1, 5, b""), (0, 3, None))
    assert b"{}\n" == batch.text
    assert {("a", 0): 4, ("a", 1): 6} == batch.ends
    only = batch_of((2, 8, None))
    assert (b"", {("b", 0): 9}) == (only.text, only.ends)


def test_the_end_of_a_partition_counts_only_as_far_as_it_came_last() -> None:
    key = ("a", 0)
    assert {key: 12} == batch_of((0, 9, b"{}"), ends=[(1, key, 12)]).ends
    # Made anew: the end is before what was read.
    assert {key: 0} == batch_of((0, 9, b"{}"), ends=[(1, key, 0)]).ends
    assert {key: 21} == batch_of((0, 20, b"{}"), ends=[(0, key, 12)]).ends
    assert {key: 3} == batch_of(ends=[(0, key, 3)]).ends


def test_a_message_may_hold_several_records_or_end_in_a_newline() -> None:
    batch = batch_of((0, 1, b'{"a":1}\n{"a":2}\n'), (0, 2, b'{"a":3}\r\n'), (0, 3, b'{"a":4}'))
    assert [1, 2, 3, 4] == [json.loads(line)["a"] for line, _ in places(batch)]
    assert [1, 1, 2, 3] == [place[1] for _, place in places(batch)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'{\n  "a": 1,\n  "b": {\n  }\n}', b'{   "a": 1,   "b": {   } }'),
        (b'{"a": 1}\n{"a": 2}', None),
        (b'\n\n{"a": 1}\n', None),
        # A record that is no record, before one that is.
        (b'oops\n{"a": 2}', None),
        # One broken record over several lines is one rejection.
        (b'{\n  "a": 1,\n', b'{   "a": 1, '),
        (b'[\n{"a": 1},\n{"a": 2}\n]', b'[ {"a": 1}, {"a": 2} ]'),
        (b"[\n" * 5000, b"[ " * 5000),
    ],
)
def test_what_a_newline_inside_of_a_message_means(text: bytes, expected: bytes | None) -> None:
    assert (text if expected is None else expected) == straighten(text)


def test_records_over_the_limit_are_rejected_with_their_place() -> None:
    batch = batch_of((0, 1, b"{}"), (1, 2, b"x" * 101), (0, 3, b"{}"))
    (rejection,) = batch.rejections
    assert ("too_long", 101) == (rejection.reason, rejection.length)
    assert ("kafka://a/1", 2) == batch.locate(rejection.offset)
    assert [b"{}", b"{}"] == batch.text.split()


def with_faults(values: Sequence[bytes]) -> tuple[list[bytes], dict[int, str]]:
    bad = {index: "bad" for index, value in enumerate(values) if value == b"bad"}
    return [b"" if index in bad else value for index, value in enumerate(values)], bad


def make(*told: tuple[int, int, bytes | None]) -> Batch:
    return make_batch(messages(*told), with_faults, LIMIT)


def rejected(batch: Batch) -> list[tuple[bytes, tuple[str, int]]]:
    return [(one.raw, batch.locate(one.offset)) for one in batch.rejections]


def joined(*batches: Batch, memory: MemoryFile) -> Batch:
    pile = Pile(memory)
    for batch in batches:
        pile.add(batch)
    return pile.batch()


def test_batches_are_joined_halved_and_rid_of_partitions_with_every_place_kept() -> None:
    memory = MemoryFile()
    first = make((0, 1, b"bad"), (1, 5, b'{"n":1}'), (0, 2, b'{"n":2}'))
    second = make((1, 6, b"bad"), (2, 9, b'{"n":3}'), (1, 7, b"x" * 200), (1, 8, b'{"n":4}'))
    whole = joined(first, second, memory=memory)
    assert whole.chunk("kafka://a,b").content == first.text + second.text
    everything = [
        (b'{"n":1}', ("kafka://a/1", 5)),
        (b'{"n":2}', ("kafka://a/0", 2)),
        (b'{"n":3}', ("kafka://b/0", 9)),
        (b'{"n":4}', ("kafka://a/1", 8)),
    ]
    bad = [(b"bad", ("kafka://a/0", 1)), (b"bad", ("kafka://a/1", 6)), (b"x" * 200, ("kafka://a/1", 7))]
    assert (everything, bad) == (places(whole), rejected(whole))
    assert {("a", 0): 3, ("a", 1): 9, ("b", 0): 10} == whole.ends

    left, right = whole.halves()
    assert everything == places(left) + places(right)
    assert bad == rejected(left) + rejected(right)
    assert {("a", 0): 2, ("a", 1): 6} | {("a", 0): 3} == left.ends
    assert whole.ends == right.ends

    kept = whole.without({("a", 1)})
    assert [one for one in everything if one[1][0] != "kafka://a/1"] == places(kept)
    assert [one for one in bad if one[1][0] != "kafka://a/1"] == rejected(kept)
    assert {("a", 0): 3, ("b", 0): 10} == kept.ends
    nothing = whole.without(KEYS)
    assert (b"", {}, ()) == (nothing.text, nothing.ends, nothing.rejections)
    memory.close()


def test_a_pile_drops_partitions_and_goes_on() -> None:
    memory = MemoryFile()
    pile = Pile(memory)
    pile.drop({("a", 0)})
    assert not pile
    pile.add(make((0, 1, b'{"n":1}\n{"n":2}'), (1, 5, b"bad"), (1, 6, b'{"n":3}')))
    pile.drop({("a", 0)})
    pile.add(make((2, 9, b'{"n":4}\n{"n":5}'), (2, 10, b"bad"), (2, 11, b'{"n":6}')))
    whole = pile.batch()
    assert [
        (b'{"n":3}', ("kafka://a/1", 6)),
        (b'{"n":4}', ("kafka://b/0", 9)),
        (b'{"n":5}', ("kafka://b/0", 9)),
        (b'{"n":6}', ("kafka://b/0", 11)),
    ] == places(whole)
    assert [(b"bad", ("kafka://a/1", 5)), (b"bad", ("kafka://b/0", 10))] == rejected(whole)
    assert {("a", 1): 7, ("b", 0): 12} == whole.ends
    left, right = whole.halves()
    assert places(whole) == places(left) + places(right)
    memory.close()


def test_messages_that_wait_are_rid_of_partitions() -> None:
    told = messages(
        (0, 1, b"x"), (1, 5, b"y"), (0, 2, b"z"), ends=[(1, ("a", 0), 3), (2, ("a", 1), 6), (3, ("a", 0), 4)]
    )
    kept = told.without({("a", 1)})
    assert ([b"x", b"z"], [1, 2]) == (kept.values, kept.offsets.tolist())
    assert [(1, ("a", 0), 3), (2, ("a", 0), 4)] == kept.ends
