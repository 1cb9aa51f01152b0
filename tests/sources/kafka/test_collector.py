import numpy as np
from confluent_kafka import Message
from hypothesis import given
from hypothesis import strategies as st

from drift_exporter.sources.kafka.collector import offsets_of

ROWS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 1 << 40), st.lists(st.integers(1, 2), max_size=5)), min_size=1
)


@given(ROWS)
def test_offsets_are_those_of_the_messages_with_or_without_some_missing(
    rows: list[tuple[int, int, list[int]]],
) -> None:
    places, ends = [], dict.fromkeys(range(3), 0)
    for partition, jump, steps in rows:
        # A partition only goes on.
        offset = ends[partition] + jump
        for step in [0, *steps]:
            offset += step
            places.append((partition, offset))
        ends[partition] = offset + 1
    lot = [Message(topic="a", partition=partition, offset=offset) for partition, offset in places]
    partitions = np.array([partition for partition, _ in places], dtype=np.int64)
    assert [offset for _, offset in places] == offsets_of(lot, partitions).tolist()
