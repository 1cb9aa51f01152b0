"""Records whose id comes again, through a whole model: counted once, however the log is cut and restarted."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from drift_exporter.runtime import ModelRuntime
from drift_exporter.setting_up import make_model
from drift_exporter.state.store import Store
from support.records import FIELDS, NOW, Setup, model_config, ndjson, record, write_config

HOUR = 3600.0


def configured(folder: Path, **options: object) -> Setup:
    """A model that counts ids once within an hour."""
    made = Setup(folder)
    model = model_config(
        path=str(options.pop("path", "logs/*.ndjson")),
        fields={**FIELDS, "id": "id"},
        reference="reference.json",
    )
    model["predictions"]["deduplicate"] = "1h"
    write_config(folder, [model], **options)
    return made


def numbered(*ids: object, time: float = NOW) -> Iterator[dict[str, object]]:
    for id_ in ids:
        yield {**record(ts=time), "id": id_}


def counts(model: ModelRuntime) -> tuple[int, int | None]:
    """Records counted and records left out."""
    snapshot, (source,) = model.evaluate()
    assert source.records == sum(version.predictions for version in snapshot.versions)
    return source.records, snapshot.duplicates


def test_an_id_counts_once_within_the_window(tmp_path: Path) -> None:
    made = configured(tmp_path)
    log = made.logs / "a.ndjson"
    log.write_bytes(ndjson(*numbered("a", "b", "a", 7, "7", None, None, "", "", time=NOW - 2 * HOUR)))
    model = made.model()
    model.read()
    # Numbers are ids like their text; without an id every record counts.
    assert (7, 2) == counts(model)
    with log.open("ab") as file:
        file.write(ndjson(*numbered("b", time=NOW - 1.5 * HOUR)))
    model.read()
    assert (7, 3) == counts(model)
    with log.open("ab") as file:
        file.write(ndjson(*numbered("a", time=NOW - 0.9 * HOUR), *numbered("b", time=NOW - 0.6 * HOUR)))
    model.read()
    # The first came more than an hour ago, the second less.
    assert (8, 4) == counts(model)
    model.close()


def test_duplicates_are_in_no_bin_and_no_window(tmp_path: Path) -> None:
    made = configured(tmp_path)
    (made.logs / "a.ndjson").write_bytes(ndjson(*numbered(*range(60), *range(60))))
    model = made.model()
    model.read()
    (version,) = model.evaluate()[0].versions
    model.close()

    assert [60, 60, 60] == [window.samples for window in version.windows]
    assert {60} == {int(column.counts.sum()) for column in version.columns}
    assert version.latency is not None
    assert 60 == version.latency.counts.sum()


@pytest.mark.parametrize("kind", ["ndjson", "csv", "parquet", "ndjson.gz"])
def test_every_format(tmp_path: Path, kind: str) -> None:
    made = configured(tmp_path, path=f"logs/*.{kind}")
    ids = [*range(500), *range(250, 750)]
    if kind == "parquet":
        with duckdb.connect() as connection:
            connection.execute(
                f"COPY (SELECT {NOW} AS ts, unnest({ids}) AS id) TO '{made.logs}/a.parquet' (FORMAT parquet)"
            )
    elif kind == "csv":
        (made.logs / "a.csv").write_text("ts,id\n" + "".join(f"{NOW},{id_}\n" for id_ in ids))
    else:
        data = ndjson(*numbered(*ids))
        (made.logs / f"a.{kind}").write_bytes(gzip.compress(data) if kind.endswith("gz") else data)
    model = made.model(final=True)
    model.read()
    assert (750, 250) == counts(model)
    model.close()


def test_ids_beside_bad_lines_and_across_chunks(tmp_path: Path) -> None:
    made = configured(tmp_path)
    lines = [ndjson(*numbered(number % 300)) for number in range(900)]
    lines[100] = b"junk\n"
    lines[500] = b'{"id": 500}\n'
    (made.logs / "a.ndjson").write_bytes(b"".join(lines))
    model = made.model()
    model.source.chunk_size = 1 << 16
    model.read()
    assert (300, 598) == counts(model)
    assert 2 == model.ingest.rejected.total()
    model.close()


def test_ids_are_remembered_over_restarts(tmp_path: Path) -> None:
    made = configured(tmp_path)
    log = made.logs / "a.ndjson"
    config = made.config
    for step in range(6):
        store = Store(config.state_dir)
        model = make_model(config.models[0], config, clock=lambda: NOW, store=store)
        model.restore()
        with log.open("ab") as file:
            file.write(ndjson(*numbered(*range(100 * step, 100 * step + 200), time=NOW - HOUR + step)))
        model.read()
        assert (100 * step + 200, 100 * step) == counts(model)
        model.close()
        store.close()


def test_ids_are_remembered_over_a_reload(tmp_path: Path) -> None:
    made = configured(tmp_path)
    log = made.logs / "a.ndjson"
    log.write_bytes(ndjson(*numbered(*range(100))))
    old = made.model()
    old.read()
    made.config_path.write_text(made.config_path.read_text().replace('"1h"', '"2h"'))
    new = made.model()
    assert not new.continues(old)
    new.adopt(old)
    with log.open("ab") as file:
        file.write(ndjson(*numbered(*range(50, 150))))
    new.read()
    assert (150, 50) == counts(new)
    old.close()
    new.close()


def test_a_limit_forgets_and_says_so(tmp_path: Path) -> None:
    made = configured(tmp_path, limits={"ids": 1000})
    log = made.logs / "a.ndjson"
    log.write_bytes(
        b"".join(ndjson(*numbered(number, time=NOW - 1000 + number / 10)) for number in range(2000))
    )
    model = made.model()
    model.source.chunk_size = 1 << 16
    model.read()
    snapshot, _ = model.evaluate()
    assert (2000, 0) == counts(model)
    assert snapshot.forgotten_ids is not None
    assert 1000 <= snapshot.forgotten_ids < 2000
    with log.open("ab") as file:
        file.write(ndjson(*numbered(0, 1999, time=NOW)))
    model.read()
    assert (2001, 1) == counts(model)
    model.close()


def test_without_deduplicate_nothing_is_said_of_it(tmp_path: Path) -> None:
    made = Setup(tmp_path)
    (made.logs / "a.ndjson").write_bytes(ndjson(*numbered(1, 1)))
    model = made.model()
    model.read()
    assert (2, None) == counts(model)
    model.close()
