import gzip
import os
from pathlib import Path

import pytest

from drift_exporter.errors import ReferenceFileError
from drift_exporter.reference.inputs import Reader, find_inputs, place
from support.logs import make_rows, ndjson, write_log


def test_formats_follow_names(tmp_path: Path) -> None:
    expected = {
        "a.ndjson": "ndjson",
        "b.JSONL": "ndjson",
        "c.json.gz": "ndjson",
        "d.csv.zst": "csv",
        "e.parquet": "parquet",
        "f.pq": "parquet",
        "g.log": "csv",
        "h.log.gz": "csv",
    }
    for name in expected:
        (tmp_path / name).write_bytes(b"")
    found = find_inputs([tmp_path / "*"], "csv")
    assert expected == {Path(file.path).name: file.format for file in found}


def test_no_file_is_taken_twice(tmp_path: Path) -> None:
    log = write_log(make_rows(2), tmp_path / "a.ndjson")
    (tmp_path / "folder").mkdir()
    files = find_inputs([log, tmp_path / "*", tmp_path / "folder" / ".." / "a.ndjson"], "ndjson")
    assert [str(log)] == [file.path for file in files]


def test_brackets_in_a_name_are_no_pattern(tmp_path: Path) -> None:
    log = write_log(make_rows(2), tmp_path / "a[1].ndjson")
    assert [str(log)] == [file.path for file in find_inputs([log], "ndjson")]


def test_what_cannot_be_an_input(tmp_path: Path) -> None:
    with pytest.raises(ReferenceFileError, match="no input file; name at least one: --input FILE"):
        find_inputs([], "ndjson")
    with pytest.raises(ReferenceFileError, match=r"none\.csv: there is no such input file"):
        find_inputs([tmp_path / "none.csv"], "ndjson")
    with pytest.raises(ReferenceFileError, match=r"none\*: there is no such input file"):
        find_inputs([tmp_path / "none*"], "ndjson")
    with pytest.raises(ReferenceFileError, match=r": a folder; name its files, such as .*/\*\.ndjson"):
        find_inputs([tmp_path], "ndjson")


def read(*logs: Path) -> int:
    reader = Reader(find_inputs(logs, "ndjson"), 1 << 20, lambda _done, _total: None, passes=1)
    return sum(len(chunk.data) + chunk.rows for chunk in reader.chunks())


@pytest.mark.parametrize("name", ["a.ndjson.gz", "a.ndjson.zst", "a.parquet.gz", "a.parquet.zst"])
def test_damaged_archives(tmp_path: Path, name: str) -> None:
    log = write_log(make_rows(300), tmp_path / name)
    log.write_bytes(log.read_bytes()[:-50])
    with pytest.raises(ReferenceFileError, match="compressed data is damaged or ends too early") as caught:
        read(log)
    assert str(caught.value).startswith(str(log))


def test_a_file_that_changes_while_it_is_read(tmp_path: Path) -> None:
    log = write_log(make_rows(30), tmp_path / "a.ndjson")
    reader = Reader(find_inputs([log], "ndjson"), 1 << 20, lambda _done, _total: None, passes=2)
    assert sum(len(chunk.data) for chunk in reader.chunks()) == log.stat().st_size
    with log.open("ab") as file:
        file.write(b"{}\n")
    with pytest.raises(
        ReferenceFileError, match="changed while it was read; build from files that are no longer"
    ):
        list(reader.chunks())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    log = write_log(make_rows(3), tmp_path / "a.ndjson")
    log.chmod(0)
    with pytest.raises(ReferenceFileError, match=r"a\.ndjson: cannot be read: Permission denied"):
        read(log)


def test_places(tmp_path: Path) -> None:
    data = ndjson(make_rows(20))
    plain, packed = tmp_path / "a.ndjson", tmp_path / "a.ndjson.gz"
    plain.write_bytes(data)
    packed.write_bytes(gzip.compress(data))
    offset = data.index(b'"r12"') - data[: data.index(b'"r12"')][::-1].index(b"\n")
    assert [f"{plain}:13", f"{packed}:13"] == [place(str(path), offset) for path in (plain, packed)]
    assert place("b.parquet", 4) == "b.parquet: row 5"
    assert place("b.parquet.gz", 4) == "b.parquet.gz: row 5"
