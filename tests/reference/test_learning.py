from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drift_exporter.config.schema import Config
from drift_exporter.reference import learning
from drift_exporter.reference.build import build_reference
from drift_exporter.reference.inputs import place
from drift_exporter.reference.learning import BinsLearner
from drift_exporter.reference.model import Reference
from drift_exporter.sources.chunk import Chunk
from drift_exporter.sources.memory import MemoryFile
from support.logs import make_config, make_rows, ndjson, write_log


@pytest.fixture(autouse=True)
def _few_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "ENOUGH", 500)
    monkeypatch.setattr(learning, "LEAST", 100)


def learner(config: Config) -> BinsLearner:
    return BinsLearner(config, config.models[0], lambda: 1700000000.0)


def built(config: Config, log: Path) -> Reference:
    return build_reference(
        config, "loans", [log], output=log.parent / "loans.json", clock=lambda: 1700000000.0
    )


def assert_same(expected: Reference, found: Reference | None) -> None:
    assert found is not None
    assert (expected.fingerprint, expected.rows, expected.start, expected.end) == (
        found.fingerprint,
        found.rows,
        found.start,
        found.end,
    )
    assert [c.exported_counts.tolist() for c in expected.columns] == [
        c.exported_counts.tolist() for c in found.columns
    ]
    assert None is found.sample


def chunks_of(name: str, folder: Path, rows: list[dict[str, Any]], sizes: list[int]) -> list[Chunk]:
    """The rows as chunks of so many records, each in a file of its own for Parquet."""
    chunks, done = [], 0
    for number, size in enumerate(sizes):
        part = rows[done : done + size]
        done += size
        log = write_log(part, folder / f"{number}-{name}")
        if name.endswith(".parquet"):
            chunks.append(Chunk(str(log), "parquet", 0, rows=size, size=size))
        elif name.endswith(".csv"):
            header, _, data = log.read_bytes().partition(b"\r\n")
            chunks.append(
                Chunk(str(log), "csv", len(header) + 2, data, header=header + b"\r\n", size=len(data))
            )
        else:
            data = log.read_bytes()
            chunks.append(Chunk(str(log), "ndjson", 0, data, size=len(data)))
    return chunks


@pytest.mark.parametrize("name", ["log.ndjson", "log.csv", "log.parquet"])
def test_bins_are_those_that_reference_build_lays(tmp_path: Path, name: str) -> None:
    rows = make_rows(700)
    config = make_config(tmp_path, path="*")
    expected = built(config, write_log(rows[:500], tmp_path / f"all-{name}"))
    own = learner(config)

    found = []
    for chunk in chunks_of(name, tmp_path, rows, [200, 200, 300]):
        found.append(own.add(chunk))
        # What a chunk points to may be gone when the next one comes.
        Path(chunk.path).unlink()

    assert [None, None] == found[:2]
    assert_same(expected, found[2])
    assert own.problem is None


def test_text_in_a_file_in_memory_is_kept(tmp_path: Path) -> None:
    rows = make_rows(500)
    config = make_config(tmp_path)
    expected = built(config, write_log(rows, tmp_path / "all.ndjson"))
    own, memory = learner(config), MemoryFile()
    for part in (rows[:300], rows[300:]):
        memory.empty()
        memory.append(ndjson(part))
        memory.cut(memory.size)
        found = own.add(Chunk("topic", "ndjson", 0, memory=memory, size=memory.size))
    memory.close()

    assert_same(expected, found)


def test_a_chunk_that_comes_again_is_kept_once(tmp_path: Path) -> None:
    rows = make_rows(500)
    config = make_config(tmp_path)
    expected = built(config, write_log(rows, tmp_path / "all.ndjson"))
    own = learner(config)
    first, half = ndjson(rows[:300]), ndjson(rows[:150])
    for data in (first, first, half, first):
        assert own.add(Chunk("a", "ndjson", 0, data, size=len(data))) is None
    rest = ndjson(rows[300:])

    assert_same(expected, own.add(Chunk("a", "ndjson", len(first), rest, size=len(rest))))


def test_a_log_that_models_share_is_read_until_there_are_own_records_enough(tmp_path: Path) -> None:
    rows = [
        row | {"model": "loans" if i > 600 and i % 4 == 0 else "x"} for i, row in enumerate(make_rows(4000))
    ]
    fields = {"timestamp": "ts", "model": "model", "features": "features.*"}
    config = make_config(tmp_path, fields=fields)
    own, found = learner(config), None
    for read in range(0, 4000, 500):
        data = ndjson(rows[read : read + 500])
        found = own.add(Chunk("a", "ndjson", read, data, size=len(data)))

    assert found is not None
    assert 450 <= found.rows <= 700
    assert own.problem is None


def test_where_there_are_no_columns_that_is_told_and_tried_again_later(tmp_path: Path) -> None:
    config = make_config(tmp_path, fields={"timestamp": "ts", "features": "features.*"})
    own = learner(config)
    bare = b'{"ts": 1700000000, "features": {}}\n' * 500
    assert own.add(Chunk("a", "ndjson", 0, bare, size=len(bare))) is None
    assert own.problem is not None
    assert own.problem.startswith("the bins of its reference cannot be laid from its records: features.*")
    assert own.problem.endswith("reference: {..., bins: FILE}")

    good = ndjson(make_rows(500))
    found = [own.add(Chunk("a", "ndjson", 1 + i, good, size=len(good))) for i in range(2)]

    # The first ones are passed over: trying again at once would find the same.
    assert found[0] is None
    assert found[1] is not None
    assert own.problem is None


def test_large_records_are_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "MEMORY", 60_000)
    config = make_config(tmp_path)
    own, found = learner(config), None
    rows = make_rows(500)
    for read in range(0, 450, 50):
        data = ndjson(rows[read : read + 50])
        found = own.add(Chunk("a", "ndjson", read, data, size=len(data)))

    assert found is not None
    assert 100 <= found.rows < 500


def test_a_damaged_file_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 no file PAR1")
    own = learner(make_config(tmp_path))

    assert own.add(Chunk(str(tmp_path / "a.parquet"), "parquet", 0, rows=600, size=600)) is None

    assert own.problem is not None
    own.close()


def test_what_nobody_foresaw_is_told_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("made for this test")

    monkeypatch.setattr(learning, "discover", fail)
    own = learner(make_config(tmp_path))
    data = ndjson(make_rows(500))

    assert own.add(Chunk("a", "ndjson", 0, data, size=len(data))) is None

    assert own.problem is not None
    assert "ZeroDivisionError: made for this test" in own.problem


def test_values_in_places_that_are_no_files(tmp_path: Path) -> None:
    rows = make_rows(500)
    for row in rows[:10]:
        row["features"]["income"] = "much"
    config = make_config(tmp_path, columns={"income": {"type": "numeric"}})
    data = ndjson(rows)
    chunk = Chunk("topic", "ndjson", 0, data, size=len(data), locate=lambda offset: ("topic/3", offset + 7))

    found = learner(config).add(chunk)

    assert found is not None
    assert (
        "income: 10 of 500 values are not numbers, such as 'much' in topic/3, offset 7; they count as missing"
        in found.notes
    )
    assert "nowhere, offset 12" == place("nowhere", 12)


def test_lines_are_cut_where_there_are_enough() -> None:
    data = b"a\nb\nc\n"
    assert [b"a\n", b"a\nb\n", data, data] == [learning._first_lines(data, most) for most in (1, 2, 3, 9)]  # noqa: SLF001
    assert [2, 2, 0] == [learning._lines(text) for text in (b"a\nb\n", b"a\nb", b"")]  # noqa: SLF001


def test_counts_of_a_learned_reference_add_up(tmp_path: Path) -> None:
    data = ndjson(make_rows(500))
    found = learner(make_config(tmp_path)).add(Chunk("a", "ndjson", 0, data, size=len(data)))
    assert found is not None
    assert {500} == {int(column.counts.sum()) for column in found.columns}
    assert np.isfinite(replace(found).created)
