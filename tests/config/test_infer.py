import gzip
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drift_exporter.config import infer_config, load_config
from drift_exporter.config.infer import model_name, quoted
from drift_exporter.config.schema import Fields, Model
from drift_exporter.errors import DecodeError, SourceError

START = datetime(2026, 3, 1, tzinfo=UTC)
Record = dict[str, Any]


def nested(i: int) -> Record:
    rng = np.random.default_rng(i)
    return {
        "ts": (START + timedelta(seconds=i)).isoformat(),
        "request_id": f"r-{i}",
        "model_version": "2" if i % 3 else "1",
        "prediction": int(rng.random() < 0.3),
        "score": rng.random(),
        "latency_ms": rng.gamma(2, 30),
        "error": None,
        "trace_id": f"{i:032x}",
        "features": {"amount": rng.lognormal(3, 1), "country": ["CH", "no", "NL"][rng.integers(3)]},
    }


def flat(i: int) -> Record:
    rng = np.random.default_rng(i)
    return {
        "eventTime": int((START.timestamp() + i * 3600) * 1000),
        "requestId": f"{i}-{rng.random()}",
        "y_pred": "abc"[rng.integers(3)],
        "y_true": "abc"[rng.integers(3)],
        "duration": rng.random(),
        "age": int(rng.integers(90)),
        "floor": int(rng.integers(4)),
        "comment": f"text {rng.random()}",
        "tags": ["x", "y"],
        "y_pred_proba_a": rng.random(),
        "y_pred_proba_b": rng.random(),
    }


def ndjson(path: Path, make: Callable[[int], Record], n: int = 400) -> Path:
    path.write_text("".join(json.dumps(make(i)) + "\n" for i in range(n)), encoding="utf-8")
    return path


def parsed(text: str, folder: Path) -> Model:
    file = folder / "inferred.yml"
    file.write_text(text, encoding="utf-8")
    return load_config(file).models[0]


def inferred(*inputs: Path) -> Model:
    return parsed(infer_config(inputs), inputs[0].parent)


def roles(fields: Fields) -> dict[str, str]:
    values = fields.model_dump(exclude_none=True, exclude={"features"})
    return {role: value if isinstance(value, str) else value["field"] for role, value in values.items()}


def test_nested_features(tmp_path: Path) -> None:
    log = ndjson(tmp_path / "fraud.ndjson", nested)
    model = inferred(log)
    assert ("fraud", "binary", str(log)) == (model.name, model.task, model.predictions.source.path)
    fields = model.predictions.fields
    assert roles(fields) == {
        "timestamp": "ts",
        "id": "request_id",
        "version": "model_version",
        "prediction": "prediction",
        "score": "score",
        "latency": "latency_ms",
        "error": "error",
        "trace_id": "trace_id",
    }
    assert fields.features == "features.*"
    assert fields.latency is not None
    assert fields.latency.unit == "ms"
    assert {name: column.type for name, column in model.columns.items()} == {
        "amount": "numeric",
        "country": "categorical",
    }


def test_what_was_guessed_is_said(tmp_path: Path) -> None:
    text = infer_config([ndjson(tmp_path / "fraud.ndjson", nested)])
    for said in (
        "# Inferred from 400 records of fraud.ndjson.",
        "task: binary  # prediction has 2 different values",
        "timestamp: ts  # RFC 3339 text; UTC where it names no offset",
        "version: model_version  # 2 in the sample",
        "error: error  # by its name; no record of the sample has one",
        "unit by the field's name",
        "country: {type: categorical}  # 3 different: CH, NL, no",
        "drift-exporter reference build --config config.yml --model fraud --input",
        "# reference: references/fraud.json",
    ):
        assert said in text


def test_flat_records(tmp_path: Path) -> None:
    log = ndjson(tmp_path / "flat.jsonl", flat)
    text = infer_config([log])
    model = parsed(text, tmp_path)
    fields = model.predictions.fields
    assert model.task == "multiclass"
    assert roles(fields) == {
        "timestamp": "eventTime",
        "id": "requestId",
        "prediction": "y_pred",
        "label": "y_true",
        "latency": "duration",
    }
    assert fields.features == {"age": "age", "floor": "floor"}
    assert "timestamp: eventTime  # milliseconds since 1970" in text
    assert "unit: s}" in text
    assert "unit guessed" in text
    assert "whole numbers, 4 different from 0 to 3; make it categorical if they are codes" in text
    assert "comment identifies a record" in text
    assert "tags is a list" in text
    assert "y_pred_proba_a looks like one of several probabilities" in text


@pytest.mark.parametrize(
    ("scale", "said"),
    [
        (1, "seconds since 1970"),
        (1e3, "milliseconds since 1970"),
        (1e6, "microseconds since 1970"),
        (1e9, "nanoseconds since 1970"),
    ],
)
def test_epoch_units(scale: float, said: str, tmp_path: Path) -> None:
    log = ndjson(tmp_path / "a.ndjson", lambda i: {"time": int((START.timestamp() + i) * scale), "x": i / 7})
    assert f"timestamp: time  # {said}" in infer_config([log])


def test_windows_follow_the_rate(tmp_path: Path) -> None:
    def windows(seconds: float) -> str:
        log = ndjson(
            tmp_path / "a.ndjson",
            lambda i: {"ts": (START + timedelta(seconds=i * seconds)).isoformat(), "x": i},
        )
        return next(line for line in infer_config([log]).splitlines() if line.startswith("windows"))

    assert windows(1).startswith("windows: [1h, 24h, 7d]  # the sample has about 86,")
    assert windows(60 * 5).startswith("windows: [24h, 7d, 28d]")
    assert windows(3600 * 6).startswith("windows: [7d, 28d, 84d]")
    assert windows(0) == "windows: [1h, 24h, 7d]  # the defaults"


def test_no_timestamp_is_said(tmp_path: Path) -> None:
    log = ndjson(tmp_path / "a.ndjson", lambda i: {"score": i / 400, "x": i % 7, "year": 2016})
    text = infer_config([log])
    assert parsed(text, tmp_path).predictions.fields.timestamp is None
    assert "No timestamp was found, so a record counts at the time it is read." in text


def test_a_prediction_between_0_and_1_is_a_score(tmp_path: Path) -> None:
    log = ndjson(tmp_path / "a.ndjson", lambda i: {"prediction": i * 0.37 % 1, "x": i % 7})
    fields = inferred(log).predictions.fields
    assert (fields.prediction, fields.score) == (None, "prediction")


def test_regression(tmp_path: Path) -> None:
    log = ndjson(tmp_path / "a.ndjson", lambda i: {"prediction": 100 + i * 0.37 % 1, "x": i % 7})
    assert inferred(log).task == "regression"


def test_nested_below_nested_is_a_map(tmp_path: Path) -> None:
    log = ndjson(
        tmp_path / "a.ndjson",
        lambda i: {"meta": {"ts": START.timestamp() + i}, "input": {"geo": {"lat": i / 9}, "a.b": i % 3}},
    )
    fields = inferred(log).predictions.fields
    assert fields.timestamp == "meta.ts"
    assert fields.features == {"lat": "input.geo.lat", "a.b": "input.a\\.b"}


def test_fields_that_clash_are_left_out(tmp_path: Path) -> None:
    def make(i: int) -> Record:
        return (
            {"features": {"a": i} if i else "none", "x": i}
            if i % 2
            else {"A": i, "a": 1.5, "features": {"a": i}}
        )

    text = infer_config([ndjson(tmp_path / "a.ndjson", make)])
    assert parsed(text, tmp_path).predictions.fields.features == "features.*"
    log = ndjson(
        tmp_path / "b.ndjson", lambda i: {"A": i % 7, "b": i % 5} if i % 3 else {"a": 1, "b": {"c": 1}}
    )
    text = infer_config([log])
    assert parsed(text, tmp_path).predictions.fields.features == {"A": "A", "b": "b"}
    assert "a clashes with another field" in text
    assert "b.c clashes with another field" in text


def test_bad_lines_are_skipped_and_counted(tmp_path: Path) -> None:
    log = tmp_path / "a.ndjson"
    good = [json.dumps(nested(i)).encode() for i in range(50)]
    bad = [
        b"not json",
        b"[1, 2]",
        b"{",
        b"3",
        b'{"a": "\xff"}',
        b"\x01\x02",
        b"[" * 5000,
        b'{"n": ' + b"9" * 5000 + b"}",
    ]
    log.write_bytes(b"\xef\xbb\xbf" + b"\r\n".join([*good[:25], *bad, b"", *good[25:]]))
    text = infer_config([log])
    assert "# Inferred from 50 records of a.ndjson; " in text
    assert parsed(text, tmp_path).predictions.fields.features == "features.*"


@pytest.mark.parametrize("compression", ["gz", "zst"])
def test_compressed(compression: str, tmp_path: Path) -> None:
    log = tmp_path / f"fraud.ndjson.{compression}"
    text = "".join(json.dumps(nested(i)) + "\n" for i in range(300)).encode()
    if compression == "gz":
        log.write_bytes(gzip.compress(text))
    else:
        zstandard = pytest.importorskip("zstandard")
        log.write_bytes(zstandard.compress(text))
    model = inferred(log)
    assert (model.name, model.predictions.source.format) == ("fraud", "ndjson")
    assert model.predictions.fields.features == "features.*"


def test_packed_parquet(tmp_path: Path) -> None:
    plain, log = tmp_path / "plain", tmp_path / "fraud.parquet.gz"
    lines = tmp_path / "lines"
    lines.write_text("".join(json.dumps(nested(i)) + "\n" for i in range(300)))
    duckdb.sql(f"COPY (FROM read_json('{lines}')) TO '{plain}' (FORMAT parquet)")
    log.write_bytes(gzip.compress(plain.read_bytes()))
    model = inferred(log)
    assert (model.name, model.predictions.source.format) == ("fraud", "parquet")
    assert model.predictions.fields.features == "features.*"


@pytest.mark.parametrize(
    ("name", "explicit"), [("loans.csv", False), ("loans.log", True), ("loans.csv.gz", False)]
)
def test_csv(name: str, explicit: bool, tmp_path: Path) -> None:  # noqa: FBT001
    log = tmp_path / name
    rows = ["id;timestamp;y_pred;y_pred_proba;income;size, in m²", *("oops", "1;2")]
    rows += [
        f"{i};2018-01-01 00:{i // 60:02}:{i % 60:02};{i % 2};{i / 400};{i * 1.5};{'S' if i % 3 else 'NA'}"
        for i in range(400)
    ]
    raw = "\r\n".join(rows).encode()
    log.write_bytes(gzip.compress(raw) if name.endswith("gz") else raw)
    text = infer_config([log])
    assert explicit == ("format: csv" in text)
    model = parsed(text, tmp_path)
    fields = model.predictions.fields
    assert model.predictions.source.format == "csv"
    assert roles(fields) == {
        "timestamp": "timestamp",
        "id": "id",
        "prediction": "y_pred",
        "score": "y_pred_proba",
    }
    assert fields.features == {"income": "income", "size, in m²": "size, in m²"}
    assert [column.type for column in model.columns.values()] == ["numeric", "categorical"]
    assert "400 records of" in text
    assert "2 lines of it are no records" in text


def test_parquet(tmp_path: Path) -> None:
    log = tmp_path / "houses.parquet"
    connection = duckdb.connect()
    connection.execute(
        "CREATE TABLE houses AS SELECT TIMESTAMP '2020-01-01' + INTERVAL (i) MINUTE AS timestamp, "
        "i AS id, i % 2 = 0 AS y_true, random() AS score, i::DECIMAL(9, 2) AS price, "
        "{'rooms': i % 5, 'kind': 'k' || (i % 3)} AS features FROM range(500) t(i)"
    )
    connection.table("houses").write_parquet(str(log))
    text = infer_config([log])
    model = parsed(text, tmp_path)
    assert (model.task, model.predictions.source.format) == ("binary", "parquet")
    fields = model.predictions.fields
    assert roles(fields) == {"timestamp": "timestamp", "id": "id", "score": "score", "label": "y_true"}
    assert fields.features == "features.*"
    assert "a column of times" in text
    assert "price stands outside of features" in text


def test_only_a_sample_is_read(tmp_path: Path) -> None:
    log = ndjson(tmp_path / "a.ndjson", lambda i: {"x": i / 7}, 10_500)
    assert "# Inferred from 10,000 records of a.ndjson." in infer_config([log])


def test_several_files_become_a_pattern(tmp_path: Path) -> None:
    folder = tmp_path / "ads [eu]"
    (folder / "monday").mkdir(parents=True)
    logs = [ndjson(folder / f"part-{i}.ndjson", nested, 50) for i in range(2)]
    text = infer_config(logs)
    assert "# Inferred from 100 records of part-0.ndjson and 1 more." in text
    model = parsed(text, folder)
    assert model.name == "ads-eu"
    assert sorted(Path("/").glob(model.predictions.source.path[1:])) == logs
    ndjson(folder / "other.ndjson", nested, 1)
    assert "matches 1 files that were not given" in infer_config(logs)
    deep = ndjson(folder / "monday" / "part-3.ndjson", nested, 50)
    assert "/**/*.ndjson" in infer_config([*logs, deep])


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no input file is named"):
        infer_config([])
    with pytest.raises(SourceError, match=r"none\.ndjson: cannot be read: No such file"):
        infer_config([tmp_path / "none.ndjson"])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.ndjson", b""),
        ("a.ndjson", b"[\n{}\n]\n"),
        ("a.ndjson", b"\x00\xff" * 50),
        ("a.csv", b"a,b\n"),
        ("a.csv", b""),
        ("a.parquet", b"not parquet"),
        ("a.parquet", b"PAR1 but cut"),
        ("a.parquet.gz", b"not gzip"),
        ("a.parquet.gz", gzip.compress(b"not parquet", mtime=0)),
        ("a.ndjson.gz", b"not gzip"),
        ("a.ndjson.zst", b"not zstd"),
        ("a.ndjson", b'{"a": [1]}\n{"b": null}\n'),
    ],
)
def test_content_that_is_no_log(name: str, content: bytes, tmp_path: Path) -> None:
    log = tmp_path / name
    log.write_bytes(content)
    with pytest.raises(DecodeError) as caught:
        infer_config([log])
    assert str(caught.value).startswith(f"{log}: ")
    assert "\n" not in str(caught.value)


def test_files_of_several_formats(tmp_path: Path) -> None:
    logs = [ndjson(tmp_path / "a.ndjson", nested, 3), tmp_path / "a.csv"]
    logs[1].write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(DecodeError, match="the input files are csv and ndjson; give files of one format"):
        infer_config(logs)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/logs/fraud.ndjson", "fraud"),
        ("/logs/fraud/predictions.ndjson.gz", "fraud"),
        ("/srv/Ads EU/2026-03-01/part-0001.parquet", "ads-eu"),
        ("/logs/predictions.ndjson", "model"),
        ("/logs/Größe.csv", "gr-e"),
    ],
)
def test_model_name(path: str, expected: str) -> None:
    # Names of folders above are tried too, so the root must tell nothing.
    assert expected == model_name(Path(path))


@given(st.text(min_size=1).filter(str.isprintable))
def test_quoted_text_reads_as_itself(text: str) -> None:
    import yaml  # noqa: PLC0415

    assert yaml.safe_load(quoted(text)) == text
    assert yaml.safe_load(f"{{{quoted(text)}: {quoted(text)}}}  # comment") == {text: text}


KEYS = st.text(max_size=6) | st.sampled_from(
    [
        "ts",
        "TS",
        "score",
        "Score",
        "prediction",
        "id",
        "features",
        "latency",
        "label",
        "no",
        "1",
        "a.b",
        "a",
        "*",
    ]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.just("2026-01-01T00:00:00Z"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.dictionaries(KEYS, VALUES, max_size=6), min_size=1, max_size=5))
def test_any_records_give_a_configuration_that_loads(tmp_path: Path, records: list[Record]) -> None:
    log = tmp_path / "a.ndjson"
    log.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    try:
        text = infer_config([log])
    except DecodeError:
        return
    parsed(text, tmp_path)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.sampled_from(["a.ndjson", "a.csv", "a.log"]))
def test_any_bytes_give_a_configuration_or_are_refused(tmp_path: Path, content: bytes, name: str) -> None:
    log = tmp_path / name
    log.write_bytes(content)
    try:
        text = infer_config([log])
    except DecodeError:
        return
    parsed(text, tmp_path)


@pytest.mark.parametrize("key", ["model", "modelName", "model_id"])
@pytest.mark.parametrize("make", [nested, flat])
def test_a_field_that_may_name_several_models_is_pointed_out(
    tmp_path: Path, key: str, make: Callable[[int], Record]
) -> None:
    text = infer_config([ndjson(tmp_path / "log.ndjson", lambda i: make(i) | {key: f"m{i % 7}"})])

    assert f"        # model: {key}\n" in text
    assert "If several models write this log (m0, m1, m2, m3, m4, ...)" in text
    assert parsed(text, tmp_path).predictions.fields.model is None


@pytest.mark.parametrize("values", [["one"], [1, 2, 3], [f"m{i}" for i in range(100)]])
def test_a_field_that_names_no_models_is_not(tmp_path: Path, values: list[Any]) -> None:
    log = ndjson(tmp_path / "log.ndjson", lambda i: nested(i) | {"model": values[i % len(values)]})

    assert "# model:" not in infer_config([log])


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize(("name", "pack"), [("a.json", bytes), ("a.log.gz", gzip.compress)])
def test_a_json_array(tmp_path: Path, name: str, pack: Callable[[bytes], bytes], indent: int | None) -> None:
    log = tmp_path / name
    log.write_bytes(pack(json.dumps([nested(i) for i in range(400)], indent=indent).encode()))

    text = infer_config([log])

    assert "format: json  # by its content" in text
    assert "Inferred from 400 records" in text
    model = parsed(text, tmp_path)
    assert ("json", "features.*") == (model.predictions.source.format, model.predictions.fields.features)


def test_objects_over_several_lines(tmp_path: Path) -> None:
    log = tmp_path / "predictions.log"
    log.write_text("\n".join(json.dumps(nested(i), indent=1) for i in range(50)) + "\ngarbage\n")

    text = infer_config([log])

    assert "format: json" in text
    assert "Inferred from 50 records" in text
    assert "1 lines of it are no records" in text


def test_logfmt(tmp_path: Path) -> None:
    log = tmp_path / "scorer.log"
    lines = []
    for i in range(200):
        row = nested(i)
        amount, country = row["features"]["amount"], row["features"]["country"]
        lines.append(
            f'ts={row["ts"]} level=info msg="scored, with a=b" request_id=r-{i} score={row["score"]:.3f} '
            f"prediction={row['prediction']} latency_ms={row['latency_ms']:.1f} "
            f"features.amount={amount:.2f} features.country={country}\n"
        )
    log.write_text("".join(lines) + "Traceback (most recent call last):\n")

    text = infer_config([log])

    assert "format: logfmt  # by its content" in text
    assert "1 lines of it are no records" in text
    model = parsed(text, tmp_path)
    fields = model.predictions.fields
    assert ("ts", "score", "request_id") == (fields.timestamp, fields.score, fields.id)
    assert isinstance(fields.features, Mapping)
    assert r"features\.amount" in fields.features.values()
    assert "numeric" == next(o.type for n, o in model.columns.items() if n.endswith("amount"))


def test_lines_of_text_need_a_pattern(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_text("INFO all is well\n" * 10)

    with pytest.raises(DecodeError, match="format: text and a pattern"):
        infer_config([log])


def test_texts_and_vectors_are_pointed_at(tmp_path: Path) -> None:
    def with_text(i: int) -> dict[str, Any]:
        vector = [i / (k + 1) for k in range(16)]
        return {
            "ts": START.timestamp() + i,
            "prompt": f"Where is my order {i}?",
            "vector": vector,
            "x": i / 7,
        }

    text = infer_config([ndjson(tmp_path / "a.ndjson", with_text)])
    assert "#   prompt is free text: " in text
    assert "#   vector holds 16 numbers a record: name it in features, with type: embedding" in text
    assert {"x": "x"} == parsed(text, tmp_path).predictions.fields.features
    log = tmp_path / "b.csv"
    lines = [f'{i / 7},"{[float(k) for k in range(16)]}"' for i in range(50)]
    log.write_text("\n".join(["x,vector", *lines]))
    assert "#   vector holds 16 numbers a record: " in infer_config([log])
