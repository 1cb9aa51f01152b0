"""Whatever happens to the files, in whatever order: every line is counted once."""

from pathlib import Path

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from support.tailing import Watch, append, copy_and_truncate, line, pack

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 9)),
        st.tuples(st.just("half"), st.integers(1, 60)),
        st.tuples(
            st.sampled_from(["rotate", "copytruncate", "gzip", "poll", "poll", "save", "restart", "wait"])
        ),
        st.tuples(st.just("read"), st.integers(1, 3), st.booleans()),
    ),
    max_size=30,
)


class Writer:
    """A log that is written, rotated and packed."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "app.log"
        self.written = 0
        self._half = b""

    def append(self, count: int) -> None:
        """Write lines."""
        self.finish()
        append(self.log, *range(self.written, self.written + count))
        self.written += count

    def half(self, length: int) -> None:
        """Write the beginning of a line."""
        self.finish()
        text = line(self.written)
        with self.log.open("ab") as log:
            log.write(text[:length])
        self._half = text[length:]
        self.written += 1

    def finish(self) -> None:
        """Write the rest of a line."""
        with self.log.open("ab") as log:
            log.write(self._half)
        self._half = b""

    def shift(self) -> None:
        """Make room for app.log.1."""
        for number in range(30, 0, -1):
            for suffix in ("", ".gz"):
                path = self.log.with_name(f"app.log.{number}{suffix}")
                if path.exists():
                    path.rename(self.log.with_name(f"app.log.{number + 1}{suffix}"))

    def rotate(self) -> None:
        """Rename the log; the next one is new."""
        self.finish()
        self.shift()
        self.log.rename(self.log.with_name("app.log.1"))

    def copytruncate(self) -> None:
        """Copy the log and cut it off."""
        self.finish()
        self.shift()
        copy_and_truncate(self.log, self.log.with_name("app.log.1"))

    def gzip(self) -> None:
        """Pack the oldest rotated file."""
        plain = [path for path in self.log.parent.glob("app.log.*") if path.suffix != ".gz"]
        if plain:
            pack(max(plain))


@settings(deadline=None, max_examples=200)
@given(steps=STEPS)
def test_every_line_once(tmp_path_factory: pytest.TempPathFactory, steps: list[tuple]) -> None:  # type: ignore[type-arg]
    folder = tmp_path_factory.mktemp("logs")
    writer = Writer(folder)
    watch = Watch(folder / "app.log*")
    for name, *arguments in steps:
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
    writer.finish()
    watch.settle()
    watch.restart(save=True)
    watch.settle()

    assert list(range(writer.written)) == sorted(watch.counted)
    assert 0 == watch.source.lost_bytes
    assert 0 == watch.source.unread_bytes()
    watch.source.close()
