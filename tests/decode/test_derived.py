"""Texts and vectors in every format, against what plain Python makes of the same values."""

import csv
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drift_exporter.decode.formats import make_decoder
from drift_exporter.decode.plan import CategoricalLeaf, DerivedLeaf, NumericLeaf, Plan
from drift_exporter.decode.records import Bounds, Records
from drift_exporter.errors import ChunkTooLargeError
from drift_exporter.reference.model import Subspace, Vocabulary
from drift_exporter.sources.chunk import Chunk
from support.formats import as_logfmt, as_ndjson
from support.texts import measures_of_text, measures_of_vector, words_in

WORDS = ("the", "parcel", "is", "late", "größe", "漢")
RANDOM = np.random.default_rng(5)
CENTROID = RANDOM.normal(1, 1, 12)
COMPONENTS = np.linalg.qr(RANDOM.normal(size=(12, 3)))[0].T
TEXT = Vocabulary("prompt", "feature", WORDS)
VECTOR = Subspace("vector", "feature", CENTROID, COMPONENTS)
PLAN = Plan(
    numeric=(NumericLeaf(("features", "amount"), "amount", "feature"),),
    categorical=(CategoricalLeaf(("features", "country"), "country", "feature", ("a", "b")),),
    derived=(
        DerivedLeaf(("features", "prompt"), TEXT),
        DerivedLeaf(("features", "vector"), VECTOR),
    ),
    timestamp=("ts",),
)
PROMPTS = (
    *("The parcel is LATE", "größe 42\n\ttwice", 'x "y" = z, \\ ; |', "漢字 😀 ok", "don't"),
    *(None, "Is it? IS IT?!", "a" * 3000, "[INST] the {parcel} [/INST]", "e\u0301te\u0301 ٣", "0"),
)
Row = Mapping[str, Any]


def make_rows(count: int) -> list[dict[str, Any]]:
    random = np.random.default_rng(1)
    rows = []
    for i in range(count):
        vector: list[float] | None = [round(float(x), 6) for x in random.normal(1, 1, 12)]
        features = {
            "amount": i if i % 5 else None,
            "country": "abc"[i % 3],
            "prompt": PROMPTS[i % len(PROMPTS)],
            "vector": None if i % 7 == 3 else vector,
        }
        rows.append({"ts": f"2026-01-02T03:{i // 60 % 60:02d}:{i % 60:02d}Z", "features": features})
    return rows


def as_csv(rows: Sequence[Row]) -> tuple[bytes, bytes]:
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    names = ["amount", "country", "prompt", "vector"]
    for row in rows:
        writer.writerow([row["ts"], *(row["features"].get(name) for name in names)])
    header = ",".join(["ts", *(f"features.{name}" for name in names)])
    return f"{header}\n".encode(), lines.getvalue().encode()


def chunk_of(kind: str, rows: Sequence[Row], folder: Path) -> Chunk:
    if kind == "csv":
        header, data = as_csv(rows)
        return Chunk("log.csv", "csv", len(header), data, header=header, size=len(data))
    if kind.startswith("parquet"):
        path = folder / "log.parquet"
        source = folder / "rows.ndjson"
        source.write_bytes(as_ndjson(rows))
        vector = {"parquet": "DOUBLE[]", "parquet float": "FLOAT[]", "parquet text": "VARCHAR"}[kind]
        features = f"STRUCT(amount DOUBLE, country VARCHAR, prompt VARCHAR, vector {vector})"
        with duckdb.connect() as connection:
            connection.execute(
                f"COPY (SELECT * FROM read_json('{source}', format = 'newline_delimited', "
                f"columns = {{ts: 'VARCHAR', features: '{features}'}})) TO '{path}' (FORMAT parquet)"
            )
        return Chunk(str(path), "parquet", 0, b"", rows=len(rows))
    data = as_logfmt(rows) if kind == "logfmt" else as_ndjson(rows)
    return Chunk(f"log.{kind}", kind, 0, data, size=len(data))


def decode(chunk: Chunk, plan: Plan = PLAN, bounds: Bounds | None = None) -> Records:
    decoder = make_decoder(chunk.format, plan, 1 << 20, bounds or Bounds())
    try:
        return decoder.decode(chunk)
    finally:
        decoder.close()


def expected_of(rows: Sequence[Row], *, single: bool = False) -> np.ndarray:
    """Measures (measures, rows); of vectors in single precision where ``single``."""
    found = []
    for row in rows:
        vector = row["features"].get("vector")
        if single and vector is not None:
            vector = np.array(vector, dtype=np.float32).tolist()
        text = measures_of_text(row["features"].get("prompt"), WORDS)
        found.append([*text, *measures_of_vector(vector, CENTROID, COMPONENTS)])
    return np.array(found).T


@pytest.mark.parametrize("kind", ["ndjson", "logfmt", "csv", "parquet", "parquet float", "parquet text"])
def test_measures_in_each_format(tmp_path: Path, kind: str) -> None:
    rows = make_rows(500)
    records = decode(chunk_of(kind, rows, tmp_path))
    assert (500, {}, ()) == (records.rows, records.invalid, records.rejections)
    found = np.stack(records.numeric[1:])
    expected = expected_of(rows, single=kind == "parquet float")
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9)
    amounts = [math.nan if row["features"]["amount"] is None else row["features"]["amount"] for row in rows]
    np.testing.assert_array_equal(records.numeric[0], amounts)
    assert [3, 4, 1] * 2 == records.categorical[0][:6].tolist()
    assert records.timestamps is not None
    assert 1767323040_000_000 - 240_000_000 == int(records.timestamps[0])


BAD_VECTORS: Mapping[str, object] = {
    "shorter": [1.0] * 11,
    "longer": [1.0] * 13,
    "empty": [],
    "with a gap": [*[1.0] * 11, None],
    "with a text": [*[1.0] * 11, "a"],
    "a text": "hello",
    "a number": 5,
    "an object": {"a": 1},
    "too large": [1e308] * 12,
    "nested": [[1.0] * 12],
}


@pytest.mark.parametrize("kind", ["ndjson", "logfmt", "csv"])
@pytest.mark.parametrize("what", BAD_VECTORS)
def test_what_is_no_vector_is_counted_and_missing(tmp_path: Path, kind: str, what: str) -> None:
    rows = make_rows(30)
    for place in (4, 5, 20):
        value = BAD_VECTORS[what]
        text = value if isinstance(value, str) else json.dumps(value)
        rows[place]["features"]["vector"] = value if kind == "ndjson" else text
    records = decode(chunk_of(kind, rows, tmp_path))
    assert (30, {("feature", "vector"): 3}) == (records.rows, records.invalid)
    for place in (4, 5, 20):
        rows[place]["features"]["vector"] = None
    np.testing.assert_allclose(np.stack(records.numeric[1:]), expected_of(rows), rtol=1e-7, atol=1e-9)


def test_what_is_not_finite_is_counted_and_missing(tmp_path: Path) -> None:
    rows = make_rows(10)
    rows[2]["features"]["vector"][3] = math.nan
    rows[4]["features"]["vector"][3] = math.inf
    for kind in ("ndjson", "csv", "parquet text"):
        records = decode(chunk_of(kind, rows, tmp_path))
        assert {("feature", "vector"): 2} == dict(records.invalid)
        np.testing.assert_allclose(np.stack(records.numeric[8:]), expected_of(rows)[7:], rtol=1e-7, atol=1e-9)


def test_a_vector_of_zeros_has_no_angle() -> None:
    rows = [{"ts": 1767323045, "features": {"vector": [0.0] * 12}}]
    records = decode(Chunk("log", "ndjson", 0, as_ndjson(rows)))
    distance, norm, error = (float(values[0]) for values in records.numeric[8:])
    assert math.isnan(distance)
    assert norm == 0
    assert error > 0
    assert {} == dict(records.invalid)


@pytest.mark.parametrize("kind", ["ndjson", "logfmt", "csv"])
def test_records_beside_rejected_ones(tmp_path: Path, kind: str) -> None:
    rows = make_rows(40)
    rows[3]["ts"] = "yesterday"
    rows[30]["ts"] = None
    rows[5]["features"]["amount"] = "many"
    rows[6]["features"]["vector"] = [1.0]
    chunk = chunk_of(kind, rows, tmp_path)
    if kind == "ndjson":
        chunk = replace(chunk, data=b"{bad\n" + chunk.data + b"null\n[1]\n")
    records = decode(chunk)
    assert 38 == records.rows
    assert {("feature", "amount"): 1, ("feature", "vector"): 1} == dict(records.invalid)
    good = [row for i, row in enumerate(rows) if i not in {3, 30}]
    np.testing.assert_allclose(np.stack(records.numeric[1:]), expected_of(good), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("kind", ["ndjson", "logfmt"])
def test_strangers_are_not_measured(kind: str) -> None:
    rows = make_rows(30)
    for i, row in enumerate(rows):
        row["model"] = "fraud" if i % 3 else "other"
    rows[0]["features"]["vector"] = [1.0]
    plan = replace(PLAN, model=("model",), models=("fraud", "other"))
    data = as_ndjson(rows) if kind == "ndjson" else as_logfmt(rows)
    records = decode(Chunk("log", kind, 0, data), plan)
    assert (20, {}) == (records.rows, dict(records.invalid))
    own = [row for i, row in enumerate(rows) if i % 3]
    np.testing.assert_allclose(np.stack(records.numeric[1:]), expected_of(own), rtol=1e-7, atol=1e-9)


def test_a_text_may_be_of_any_type() -> None:
    values = [5, True, {"role": "user"}, ["the", 1], "null"]
    rows = [{"ts": 1767323045, "features": {"prompt": value}} for value in values]
    records = decode(Chunk("log", "ndjson", 0, as_ndjson(rows)))
    texts = ["5", "true", '{"role":"user"}', '["the",1]', "null"]
    assert [float(len(text)) for text in texts] == records.numeric[1].tolist()
    assert {} == dict(records.invalid)


def test_a_field_below_what_is_no_object_is_invalid() -> None:
    rows = [{"ts": 1767323045, "features": 5}, {"ts": 1767323045, "features": {"prompt": "the"}}]
    records = decode(Chunk("log", "ndjson", 0, as_ndjson(rows)))
    wrong = {("feature", name): 1 for name in ("amount", "country", "prompt", "vector")}
    assert wrong == dict(records.invalid)
    np.testing.assert_array_equal(records.numeric[1], [math.nan, 3])


def test_chunks_without_records() -> None:
    for data in (b"", b"\n", b"{bad\n"):
        records = decode(Chunk("log", "ndjson", 0, data))
        assert [0] * 11 == [len(values) for values in records.numeric]
        assert {"float64"} == {str(values.dtype) for values in records.numeric}


def test_too_many_records_are_refused() -> None:
    chunk = Chunk("log", "ndjson", 0, as_ndjson(make_rows(30)), divisible=True)
    with pytest.raises(ChunkTooLargeError):
        decode(chunk, bounds=Bounds(rows=20))


def test_lines_of_text() -> None:
    plan = Plan(derived=(DerivedLeaf(("prompt",), TEXT), DerivedLeaf(("vector",), VECTOR)), timestamp=("ts",))
    lines = ["1767323045 <The parcel> [1,1,1,1,1,1,1,1,1,1,1,1]", "1767323046 <> [1]", "1767323047 <x> -"]
    decoder = make_decoder("text", plan, 1 << 20, pattern=r"^(?P<ts>\d+) <(?P<prompt>.*)> (?P<vector>.*)$")
    records = decoder.decode(Chunk("log", "text", 0, "\n".join(lines).encode()))
    decoder.close()
    expected = np.array(
        [
            [*measures_of_text(text, WORDS), *measures_of_vector(vector, CENTROID, COMPONENTS)]
            for text, vector in (("The parcel", [1.0] * 12), (None, None), ("x", None))
        ]
    ).T
    np.testing.assert_allclose(np.stack(records.numeric), expected, rtol=1e-9)
    assert {("feature", "vector"): 1} == dict(records.invalid)


Writer = Callable[[Sequence[Row]], bytes]


@pytest.fixture(scope="module")
def decoders() -> Any:  # noqa: ANN401
    made = {kind: make_decoder(kind, PLAN, 1 << 20) for kind in ("ndjson", "csv")}
    yield made
    for decoder in made.values():
        decoder.close()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), min_size=1, max_size=6))
@example(["", "\0", "a\0b", "😀", "\ufeff", "\r", "\u2028"])
def test_any_text_in_ndjson(decoders: Mapping[str, Any], texts: list[str]) -> None:
    rows = [{"ts": 1767323045, "features": {"prompt": text}} for text in texts]
    records = decoders["ndjson"].decode(Chunk("log", "ndjson", 0, as_ndjson(rows)))
    expected = np.array([measures_of_text(text, WORDS) for text in texts]).T
    np.testing.assert_allclose(np.stack(records.numeric[1:8]), expected, rtol=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text("aZ é漢,\"'\n;|\t9", max_size=20), min_size=1, max_size=6))
def test_any_text_in_csv(decoders: Mapping[str, Any], texts: list[str]) -> None:
    rows = [{"ts": 1767323045, "features": {"prompt": text}} for text in texts]
    header, data = as_csv(rows)
    records = decoders["csv"].decode(Chunk("log.csv", "csv", len(header), data, header=header))
    # What is empty in CSV is missing.
    expected = np.array([measures_of_text(text or None, WORDS) for text in texts]).T
    np.testing.assert_allclose(np.stack(records.numeric[1:8]), expected, rtol=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.none() | st.lists(st.floats(width=64), min_size=11, max_size=13), min_size=1, max_size=4))
@example([[0.0] * 12, [-0.0] * 12, [5e-324] * 12, [1.7e308] * 12, None])
def test_any_vector_in_ndjson_and_csv(decoders: Mapping[str, Any], vectors: list[list[float] | None]) -> None:
    rows = [{"ts": 1767323045, "features": {"vector": vector}} for vector in vectors]
    header, data = as_csv(rows)
    chunks = (
        Chunk("log", "ndjson", 0, as_ndjson(rows)),
        Chunk("log.csv", "csv", len(header), data, header=header),
    )
    with np.errstate(over="ignore", invalid="ignore"):
        truth = np.array([measures_of_vector(vector, CENTROID, COMPONENTS) for vector in vectors]).T
    usable = np.isfinite(truth[1])
    wrong = sum(vector is not None for vector in vectors) - int(np.count_nonzero(usable))
    for chunk in chunks:
        records = decoders[chunk.format].decode(chunk)
        assert ({("feature", "vector"): wrong} if wrong else {}) == dict(records.invalid)
        found = np.stack(records.numeric[8:])
        np.testing.assert_array_equal(np.isfinite(found[1]), usable)
        # Where squares vanish or lengths are beyond all others, digits do.
        usual = usable & (truth[1] > 1e-100) & (truth[1] < 1e100)
        np.testing.assert_allclose(found[0, usual], truth[0, usual], atol=1e-9)
        np.testing.assert_allclose(found[1, usual], truth[1, usual], rtol=1e-9)
        assert (np.abs(found[2] - truth[2])[usual] <= 1e-7 * (1 + truth[1, usual])).all()


def test_words_of_the_truth_are_words() -> None:
    text = "Don't größe 漢字 e\u0301t X1"
    assert ["don", "t", "größe", "漢", "字", "e\u0301t", "x1"] == words_in(text)
