import base64
import os
import resource
from pathlib import Path

import pytest

from drift_exporter.deadletter import write_dead_letters
from drift_exporter.sources.chunk import Rejection
from support.records import Setup, ndjson, read_lines, record

NOW = 1_767_323_045.25


def rejection(raw: bytes, offset: int = 0) -> Rejection:
    return Rejection("/logs/a.ndjson", offset, "malformed", "not JSON", raw, len(raw))


def test_what_a_dead_letter_says(tmp_path: Path) -> None:
    path = write_dead_letters(
        tmp_path / "new" / "folder", "fraud/predictions", [rejection(b'{"a" \xc3\xa9')], NOW
    )

    assert path == tmp_path / "new" / "folder" / "fraud.predictions.ndjson"
    assert read_lines(path) == [
        {
            "time": "2026-01-02T03:04:05.250Z",
            "source": "fraud/predictions",
            "file": "/logs/a.ndjson",
            "offset": 0,
            "reason": "malformed",
            "detail": "not JSON",
            "length": 7,
            "raw": '{"a" é',
        }
    ]


@pytest.mark.parametrize("raw", [b"\xff\x00\xc3", bytes(range(256))])
def test_any_bytes_can_be_had_back(tmp_path: Path, raw: bytes) -> None:
    path = write_dead_letters(
        tmp_path, "m/predictions", [rejection(raw), rejection(b"line\r\x00\xe2\x80\xa8")], NOW
    )

    one, two = read_lines(path)
    assert raw == base64.b64decode(one["raw_base64"])
    assert two["raw"] == "line\r\x00\u2028"
    assert "raw_base64" not in two


def test_a_line_that_was_cut_short_stays_alone(tmp_path: Path) -> None:
    path = tmp_path / "m.predictions.ndjson"
    path.write_bytes(b'{"time": "20')
    write_dead_letters(tmp_path, "m/predictions", [rejection(b"x")], NOW)
    write_dead_letters(tmp_path, "m/predictions", [rejection(b"y")], NOW)

    lines = path.read_bytes().split(b"\n")
    assert lines[0] == b'{"time": "20'
    assert [b'"raw": "x"}', b'"raw": "y"}', b""] == [line[-11:] for line in lines[1:]]


def test_all_are_written_or_none(tmp_path: Path) -> None:
    """A limit on the size of files stands for a full disk."""
    path = write_dead_letters(tmp_path, "m/predictions", [rejection(b"first")], NOW)
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    child = os.fork()
    if child == 0:  # pragma: no cover  # the limit is for one process; this one ends here
        import signal  # noqa: PLC0415

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 5000, hard))
        try:
            write_dead_letters(tmp_path, "m/predictions", [rejection(b"z" * 100)] * 100, NOW)
        except OSError:
            os._exit(7)
        os._exit(0)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 7
    assert before == path.read_bytes()
    assert resource.getrlimit(resource.RLIMIT_FSIZE) == (soft, hard)


@pytest.mark.parametrize("fault", ["the folder is a file", "the file is a folder", "nothing"])
def test_a_fault_loses_and_doubles_nothing(tmp_path: Path, fault: str) -> None:
    setup = Setup(tmp_path)
    folder = tmp_path / "state" / "dead-letter"
    if fault == "the folder is a file":
        folder.parent.mkdir()
        folder.write_text("in the way")
    elif fault == "the file is a folder":
        (folder / "fraud.predictions.ndjson").mkdir(parents=True)
    (setup.logs / "a.ndjson").write_bytes(ndjson(record(), record()) + b"junk\n" + ndjson(record()))
    (setup.logs / "b.ndjson").write_bytes(ndjson(*[record()] * 5))
    model = setup.model(final=True)
    model.source.chunk_size = 400
    for _ in range(3):
        model.read()
    if fault != "nothing":
        assert model.problem is not None
        assert model.problem.startswith(f"rejected records cannot be written to {folder}: ")
        assert model.ingest.records < 8
        assert model.ingest.rejected.total() == 0
        assert not model.source_snapshot().up
        folder.unlink() if folder.is_file() else (folder / "fraud.predictions.ndjson").rmdir()
    for _ in range(3):
        model.read()
    model.close()

    assert model.problem is None
    assert (8, {"malformed": 1}) == (model.ingest.records, dict(model.ingest.rejected))
    assert ["junk"] == [letter["raw"] for letter in setup.dead_letters()]
