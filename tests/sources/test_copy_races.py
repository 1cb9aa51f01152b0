"""Copies that are made while they are looked at: none of their lines counts twice."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from drift_exporter.sources.text import Glimpse, TextFile
from support.tailing import Watch, append, line

LINES = range(100)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "a.log"
    append(path, *LINES)
    return path


def once_after_a_look(
    monkeypatch: pytest.MonkeyPatch, copy: Path, happens: Callable[[], None], *, glimpses: int
) -> None:
    """Let something happen right after the copy was looked at so many times."""
    look = TextFile.glimpse
    seen = []

    def glimpse(file: TextFile, offset: int, head: int, tail: int) -> Glimpse:
        found = look(file, offset, head, tail)
        if file.path == str(copy):
            seen.append(found)
            if len(seen) == glimpses:
                happens()
        return found

    monkeypatch.setattr(TextFile, "glimpse", glimpse)


@pytest.mark.parametrize("glimpses", [1, 2, 3])
@pytest.mark.parametrize("written", [30, 99])
def test_the_original_is_cut_while_its_copy_is_looked_at(
    log: Path, monkeypatch: pytest.MonkeyPatch, written: int, glimpses: int
) -> None:
    watch = Watch(log.with_name("a.log*"))
    watch.poll()
    watch.save()
    copy = log.with_name("a.log.1")
    append(copy, *LINES[:written])

    def finish() -> None:
        if copy.stat().st_size == len(LINES) * len(line(0)):
            return
        append(copy, *LINES[written:])
        os.truncate(log, 0)
        append(log, 1000)

    once_after_a_look(monkeypatch, copy, finish, glimpses=glimpses)
    watch.poll()
    finish()
    watch.restart(save=True)
    watch.settle()
    assert [*LINES, 1000] == sorted(watch.counted)
    assert 0 == watch.source.lost_bytes


@pytest.mark.parametrize("glimpses", [1, 2])
def test_the_copy_is_finished_while_it_is_looked_at(
    log: Path, monkeypatch: pytest.MonkeyPatch, glimpses: int
) -> None:
    watch = Watch(log.with_name("a.log*"))
    watch.poll()
    copy = log.with_name("a.log.1")
    append(copy, *LINES[:50])
    once_after_a_look(monkeypatch, copy, lambda: append(copy, *LINES[50:]), glimpses=glimpses)
    watch.poll()
    os.truncate(log, 0)
    append(log, 1000)
    watch.settle()
    assert [*LINES, 1000] == sorted(watch.counted)
    assert 0 == watch.source.lost_bytes


def test_another_file_beside_a_log_that_is_cut_is_read(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch(log.with_name("a.log*"))
    watch.poll()
    other = log.with_name("a.log.1")
    append(other, 500, 501)
    once_after_a_look(monkeypatch, other, lambda: os.truncate(log, 0), glimpses=2)
    watch.settle()
    assert [*LINES, 500, 501] == sorted(watch.counted)
