"""Whatever happens to objects, in whatever order: every line that stays is counted once."""

import gzip
from itertools import count, islice
from typing import Any
from uuid import uuid4

import fsspec
import pytest
import zstandard
from hypothesis import event, given, settings
from hypothesis import strategies as st

from support.objects import ObjectWatch
from support.tailing import line

NAMES = ["9.ndjson", "1.ndjson", "late/0.ndjson", "8.ndjson.gz", "7.ndjson.zst"]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(NAMES),
        st.one_of(
            st.tuples(st.sampled_from(["append", "append", "overwrite"]), st.integers(1, 9)),
            st.tuples(st.sampled_from(["again", "delete", "look", "save", "restart"])),
            st.tuples(st.just("read"), st.integers(1, 4), st.booleans()),
        ),
    ),
    max_size=25,
)


class Bucket:
    """Objects in memory, and the numbers of the lines that they hold."""

    def __init__(self) -> None:
        self.name = f"bucket-{uuid4().hex}"
        self.numbers = count()
        self.held: dict[str, list[int]] = {}
        self._system = fsspec.filesystem("memory")

    @property
    def url(self) -> str:
        """A pattern that all objects are under."""
        return f"memory://{self.name}/**/*.ndjson*"

    def append(self, name: str, lines: int) -> None:
        """Write an object with more lines than it has."""
        self.held.setdefault(name, []).extend(islice(self.numbers, lines))
        self.again(name)

    def overwrite(self, name: str, lines: int) -> None:
        """Write an object with other lines."""
        self.held[name] = list(islice(self.numbers, lines))
        self.again(name)

    def again(self, name: str) -> None:
        """Write an object as it is."""
        content = b"".join(map(line, self.held[name]))
        if name.endswith(".gz"):
            content = gzip.compress(content)
        elif name.endswith(".zst"):
            content = zstandard.compress(content)
        self._system.pipe_file(f"/{self.name}/{name}", content)

    def delete(self, name: str) -> None:
        """Delete an object."""
        del self.held[name]
        self._system.rm_file(f"/{self.name}/{name}")

    def clear(self) -> None:
        """Delete everything."""
        if self._system.exists(f"/{self.name}"):
            self._system.rm(f"/{self.name}", recursive=True)


@settings(max_examples=150)
@given(steps=STEPS)
def test_every_line_once(steps: list[tuple[str, tuple[Any, ...]]]) -> None:
    bucket = Bucket()
    watch = ObjectWatch(bucket.url)
    try:
        check(bucket, watch, steps)
    finally:
        watch.close()
        bucket.clear()


def check(bucket: Bucket, watch: ObjectWatch, steps: list[tuple[str, tuple[Any, ...]]]) -> None:
    replaced: set[int] = set()
    for name, (action, *arguments) in steps:
        event(action)
        before = list(bucket.held.get(name, ()))
        match action:
            case "append":
                bucket.append(name, *arguments)
            case "overwrite":
                bucket.overwrite(name, *arguments)
            case "again" | "delete" if before:
                getattr(bucket, action)(name)
            case "look" | "save" | "restart":
                getattr(watch, action)()
            case "read":
                watch.poll(arguments[0], accept=arguments[1])
        replaced |= set(before) - set(bucket.held.get(name, ()))
    watch.settle()
    watch.restart(save=True)
    watch.settle()

    assert sorted(set(watch.counted)) == sorted(watch.counted)
    there = {number for numbers in bucket.held.values() for number in numbers}
    assert there == set(watch.counted) - replaced
    assert 0 == watch.source.lag().bytes
    if not replaced:
        assert 0 == watch.source.lost_bytes


@pytest.mark.parametrize("name", NAMES)
def test_lines_of_objects_that_are_gone_are_lost_only_if_they_were_not_read(name: str) -> None:
    bucket = Bucket()
    bucket.append("0.ndjson", 3)
    watch = ObjectWatch(bucket.url)
    watch.look()
    bucket.append(name, 3)
    watch.look()
    bucket.delete(name)
    watch.settle()
    assert 0 == watch.source.lost_bytes
    assert list(range(6)) == sorted(watch.counted)
    watch.close()
    bucket.clear()
