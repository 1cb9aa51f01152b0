"""Whatever happens to the files, in whatever order: every line is counted once."""

import gzip
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from drift_exporter.sources import tracker
from support.tailing import Watch, append, copy_and_truncate, line, pack

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["app.log", "web.log"]),
        st.one_of(
            st.tuples(st.just("append"), st.integers(1, 9)),
            st.tuples(st.just("half"), st.integers(1, 60)),
            st.tuples(
                st.sampled_from(["rotate", "copytruncate", "gzip", "poll", "poll", "save", "restart", "wait"])
            ),
            st.tuples(st.just("read"), st.integers(1, 3), st.booleans()),
        ),
    ),
    max_size=30,
)


class Writer:
    """A log that is written, rotated and packed. Several share the numbers of lines."""

    def __init__(self, log: Path, numbers: Iterator[int]) -> None:
        self.log = log
        self._numbers = numbers
        self._half = b""

    def append(self, count: int) -> None:
        """Write lines."""
        self.finish()
        append(self.log, *islice(self._numbers, count))

    def half(self, length: int) -> None:
        """Write the beginning of a line."""
        self.finish()
        text = line(next(self._numbers))
        with self.log.open("ab") as log:
            log.write(text[:length])
        self._half = text[length:]

    def finish(self) -> None:
        """Write the rest of a line."""
        with self.log.open("ab") as log:
            log.write(self._half)
        self._half = b""

    def shift(self) -> None:
        """Make room for the number 1."""
        for number in range(30, 0, -1):
            for suffix in ("", ".gz"):
                path = self.log.with_name(f"{self.log.name}.{number}{suffix}")
                if path.exists():
                    path.rename(self.log.with_name(f"{self.log.name}.{number + 1}{suffix}"))

    def rotate(self) -> None:
        """Rename the log; the next one is new."""
        self.finish()
        self.shift()
        self.log.rename(self.log.with_name(f"{self.log.name}.1"))

    def copytruncate(self) -> None:
        """Copy the log and cut it off."""
        self.finish()
        self.shift()
        copy_and_truncate(self.log, self.log.with_name(f"{self.log.name}.1"))

    def gzip(self) -> None:
        """Pack the oldest rotated file."""
        plain = [path for path in self.log.parent.glob(f"{self.log.name}.*") if path.suffix != ".gz"]
        if plain:
            pack(max(plain))


@settings(max_examples=300)
@given(steps=STEPS, open_files=st.sampled_from([1, 200]))
def test_every_line_once(
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[str, tuple]],  # type: ignore[type-arg]
    open_files: int,
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        # A file that is not held open can be deleted, and its inode be given to another.
        patch.setattr(tracker, "OPEN_FILES", open_files)
        check(tmp_path_factory.mktemp("logs"), steps)


def check(folder: Path, steps: list[tuple[str, tuple]]) -> None:  # type: ignore[type-arg]
    numbers = count()
    writers = {name: Writer(folder / name, numbers) for name in ("app.log", "web.log")}
    watch = Watch(folder / "*.log*")
    for log, (name, *arguments) in steps:
        writer = writers[log]
        match name:
            case "append" | "half" | "gzip":
                getattr(writer, name)(*arguments)
            case "rotate" if writer.log.exists():
                writer.rotate()
            case "copytruncate" if writer.log.exists():
                writer.copytruncate()
            case "poll":
                watch.poll()
            case "read":
                watch.poll(arguments[0], accept=arguments[1])
            case "save" | "restart":
                getattr(watch, name)()
            case "wait":
                watch.now += 61
        event(name)
    for writer in writers.values():
        writer.finish()
    watch.settle()
    watch.restart(save=True)
    watch.settle()

    assert list(range(next(numbers))) == sorted(watch.counted)
    assert 0 == watch.source.lost_bytes
    assert 0 == watch.source.lag().bytes
    watch.source.close()


@pytest.mark.parametrize("open_files", [1, 200])
def test_an_inode_goes_from_a_packed_log_to_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, open_files: int
) -> None:
    monkeypatch.setattr(tracker, "OPEN_FILES", open_files)
    logs = [tmp_path / f"{name}.log.1" for name in ("app", "web")]
    watch = Watch(tmp_path / "*.log*")
    append(logs[0], *range(10))
    append(logs[1], *range(10, 20))
    watch.settle()
    watch.restart(save=True)
    watch.poll()
    inode = logs[0].stat().st_ino
    # As gzip would for both at the same time: the second gets the inode that the first log had.
    pack(logs[0])
    spare = []
    for number in range(100):
        packed = tmp_path / f"web.log.1.gz.{number}"
        packed.write_bytes(gzip.compress(logs[1].read_bytes()))
        if packed.stat().st_ino == inode:
            break
        spare.append(packed)
    else:
        pytest.skip("this file system does not use inodes again")
    packed.rename(tmp_path / "web.log.1.gz")
    logs[1].unlink()
    for path in spare:
        path.unlink()
    watch.settle()
    watch.restart(save=True)
    watch.settle()

    assert list(range(20)) == sorted(watch.counted)
    watch.source.close()
