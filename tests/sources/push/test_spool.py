"""The spool on real files: what is durable is there after a crash, once, and nothing else is read."""

import errno
import os
from collections.abc import Sequence
from concurrent.futures import wait
from pathlib import Path

import pytest

from drift_exporter.errors import SourceError
from drift_exporter.sources.push import spool as module
from drift_exporter.sources.push.spool import Kind, Spool

TIMEOUT = 30


def opened(folder: Path, after: int = 0, segment_size: int = 1 << 20) -> Spool:
    spool = Spool(str(folder / "spool" / "fraud"), segment_size)
    spool.open(after)
    return spool


def write(spool: Spool, *parts: bytes, kind: Kind = "ndjson") -> None:
    for part in [spool.append(part, kind) for part in parts]:
        part.result(TIMEOUT)


def contents(folder: Path) -> list[tuple[str, bytes]]:
    return [(path.name, path.read_bytes()) for path in sorted((folder / "spool" / "fraud").iterdir())]


def test_what_is_done_is_in_the_file(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    write(spool, b"one\n", b"two\n")
    assert [("0000000001.ndjson", b"one\ntwo\n")] == contents(tmp_path)
    assert (8, 0) == (spool.unread(0, 0), spool.waiting)
    spool.close()


def test_many_senders_share_writes_and_each_keeps_its_lines_together(tmp_path: Path) -> None:
    spool = opened(tmp_path, segment_size=5000)
    parts = [b"".join(b"%d %d\n" % (number, row) for row in range(20)) for number in range(200)]
    wait([spool.append(part, "ndjson") for part in parts], TIMEOUT)
    spool.close()
    whole = b"".join(data for _, data in contents(tmp_path))
    assert b"".join(parts) == whole
    assert len(contents(tmp_path)) > 3


def test_other_lines_go_to_another_file(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    write(spool, b"record\n")
    write(spool, b"event\n", kind="events")
    write(spool, b"record\n")
    spool.close()
    names = [name for name, _ in contents(tmp_path)]
    assert ["0000000001.ndjson", "0000000002.events", "0000000003.ndjson"] == names


def test_a_file_that_another_process_left_is_not_appended_to_and_its_torn_end_is_not_there(
    tmp_path: Path,
) -> None:
    spool = opened(tmp_path)
    write(spool, b"one\n")
    spool.close()
    with (tmp_path / "spool" / "fraud" / "0000000001.ndjson").open("ab") as file:
        file.write(b"two\nthr")
    again = opened(tmp_path)
    write(again, b"four\n")
    again.close()
    assert [("0000000001.ndjson", b"one\ntwo\nthr"), ("0000000002.ndjson", b"four\n")] == contents(tmp_path)
    first, second = again.at(0), again.at(2)
    assert first is not None
    assert second is not None
    assert (8, 5, 13) == (first.size, second.size, again.unread(0, 0))


@pytest.mark.parametrize("tail", [b"", b"x" * 200_000])
def test_a_file_without_a_whole_line_is_empty(tmp_path: Path, tail: bytes) -> None:
    folder = tmp_path / "spool" / "fraud"
    folder.mkdir(parents=True)
    (folder / "0000000007.ndjson").write_bytes(tail)
    spool = opened(tmp_path)
    assert 0 == spool.unread(0, 0)
    write(spool, b"one\n")
    spool.close()
    assert "0000000008.ndjson" == contents(tmp_path)[-1][0]


def test_a_number_that_was_read_is_never_used_again(tmp_path: Path) -> None:
    spool = opened(tmp_path, after=12)
    write(spool, b"one\n")
    spool.close()
    assert [("0000000013.ndjson", b"one\n")] == contents(tmp_path)


def test_files_before_a_number_are_deleted_but_not_the_one_in_use(tmp_path: Path) -> None:
    spool = opened(tmp_path, segment_size=1)
    write(spool, b"one\n")
    write(spool, b"two\n")
    write(spool, b"three\n")
    spool.remove_before(9)
    assert [("0000000003.ndjson", b"three\n")] == contents(tmp_path)
    assert 6 == spool.unread(0, 0)
    spool.close()


class FailingDisk:
    """``os.write`` and ``os.fdatasync`` of a disk that may be full or broken."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fail_write: int | None = None
        self.fail_sync = False
        self._write, self._sync = os.write, os.fdatasync
        monkeypatch.setattr(module.os, "write", self.write)
        monkeypatch.setattr(module.os, "fdatasync", self.sync)

    def write(self, descriptor: int, data: bytes) -> int:
        """Write what there is room for."""
        if self.fail_write is None:
            return self._write(descriptor, data)
        if not self.fail_write:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        size = min(self.fail_write, len(data))
        self.fail_write -= size
        return self._write(descriptor, data[:size])

    def sync(self, descriptor: int) -> None:
        """Sync, if the disk still can."""
        if self.fail_sync:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self._sync(descriptor)


@pytest.mark.parametrize("before", [0, 3, 5])
def test_a_write_that_fails_is_not_acknowledged_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    disk = FailingDisk(monkeypatch)
    spool = opened(tmp_path)
    write(spool, b"one\n")
    disk.fail_write = before
    with pytest.raises(SourceError, match=r"cannot be written to .*fraud: No space left on device; .* 503"):
        spool.append(b"two\nthree\n", "ndjson").result(TIMEOUT)
    assert spool.problem is not None
    assert [("0000000001.ndjson", b"one\n")] == contents(tmp_path)
    disk.fail_write = None
    write(spool, b"two\nthree\n")
    assert spool.problem is None
    spool.close()
    assert [("0000000001.ndjson", b"one\n"), ("0000000002.ndjson", b"two\nthree\n")] == contents(tmp_path)
    assert (14, 0) == (spool.unread(0, 0), spool.waiting)


def test_what_could_not_be_synced_is_not_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = FailingDisk(monkeypatch)
    spool = opened(tmp_path)
    write(spool, b"one\n")
    disk.fail_sync = True
    with pytest.raises(SourceError, match="Input/output error"):
        write(spool, b"two\n")
    assert 4 == spool.unread(0, 0)
    disk.fail_sync = False
    write(spool, b"two\n")
    spool.close()
    assert b"one\ntwo\n" == b"".join(data for _, data in contents(tmp_path))


def test_what_goes_to_a_file_that_somebody_deleted_is_not_acknowledged(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    write(spool, b"one\n")
    (tmp_path / "spool" / "fraud" / "0000000001.ndjson").unlink()
    with pytest.raises(SourceError, match="it was deleted"):
        write(spool, b"two\n")
    write(spool, b"two\n")
    spool.close()
    assert [("0000000002.ndjson", b"two\n")] == contents(tmp_path)


def test_nothing_is_taken_before_it_is_open_nor_after_it_is_closed(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path))
    futures = [spool.append(b"one\n", "ndjson")]
    spool.open(0)
    spool.close()
    futures.append(spool.append(b"two\n", "ndjson"))
    for future in futures:
        with pytest.raises(SourceError, match="not ready"):
            future.result(TIMEOUT)
    assert [] == list(tmp_path.iterdir())


def test_closing_writes_what_waits(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    futures: Sequence[object] = [spool.append(b"%d\n" % number, "ndjson") for number in range(50)]
    spool.close()
    assert 50 == len(futures)
    assert b"".join(b"%d\n" % number for number in range(50)) == contents(tmp_path)[0][1]


def test_answers_are_taken_once(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path))
    spool.count_answer("202")
    spool.count_answer("202")
    spool.count_answer("413")
    assert {"202": 2, "413": 1} == spool.take_answers()
    assert {} == spool.take_answers()
