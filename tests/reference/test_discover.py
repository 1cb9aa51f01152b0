from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drift_exporter.config.schema import Config
from drift_exporter.errors import ConfigurationError, ReferenceFileError
from drift_exporter.reference import inputs, survey
from drift_exporter.reference.discover import Discovery, discover
from drift_exporter.reference.inputs import Reader, find_inputs
from support.logs import make_config, write_log

FEATURES = {"features": "features.*"}
FORMATS = ["log.ndjson", "log.csv", "log.parquet"]


def find(config: Config, *logs: Path) -> Discovery:
    reader = Reader(find_inputs(logs, "ndjson"), config.limits.line, lambda _done, _total: None, passes=2)
    return discover(config, config.models[0], reader)


def rows_of(name: str, values: list[Any]) -> list[dict[str, Any]]:
    return [{"features": {"n": i, name: value}} for i, value in enumerate(values)]


def types(discovery: Discovery) -> dict[str, bool | tuple[str, ...]]:
    return {spec.name: spec.numeric or spec.categories for spec in discovery.specs}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2.5, None, -3e9], True),
        ([True, False, True], ("true", "false")),
        (["b", "a", "a", None], ("a", "b")),
        ([True, None, None], ("true",)),
    ],
)
def test_types_follow_the_values(
    tmp_path: Path,
    name: str,
    values: list[Any],
    expected: bool | tuple[str, ...],  # noqa: FBT001
) -> None:
    log = write_log(rows_of("x", values), tmp_path / name)
    assert types(find(make_config(tmp_path, fields=FEATURES), log)) == {"n": True, "x": expected}


def test_numbers_in_quotes_are_numbers_in_csv_alone(tmp_path: Path) -> None:
    config = make_config(tmp_path, fields=FEATURES)
    rows = rows_of("x", ["1", "2", "2"])
    found = {name: types(find(config, write_log(rows, tmp_path / name)))["x"] for name in FORMATS[:2]}
    assert found == {"log.ndjson": ("2", "1"), "log.csv": True}
    config = make_config(tmp_path, fields=FEATURES, columns={"x": {"type": "numeric"}})
    assert types(find(config, tmp_path / "log.ndjson"))["x"] is True


def test_keys_are_found_in_all_rows_and_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "CHUNK_SIZE", 4096)
    rows = [{"features": {"a": i}} for i in range(3000)] + [{"features": {"late": "x", "a": 1}}]
    discovery = find(make_config(tmp_path, fields=FEATURES), write_log(rows, tmp_path / "log.ndjson"))
    assert types(discovery) == {"a": True, "late": ("x",)}


@pytest.mark.parametrize("name", FORMATS)
def test_text_after_many_numbers(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "CHUNK_SIZE", 4096)
    values: list[Any] = [i % 3 for i in range(2000)] + ["none"] * 40
    if name == "log.parquet":
        values = [str(value) for value in values]
    log = write_log(rows_of("x", values), tmp_path / name)
    discovery = find(make_config(tmp_path, fields=FEATURES), log)
    # The numbers of the first chunks are categories too.
    assert types(discovery)["x"] == ("0", "1", "2", "none")
    if name != "log.parquet":
        line = 2001 + (name == "log.csv")
        (note,) = discovery.notes
        assert note == (
            f"x: categorical, for 40 of its 2040 values are no numbers, such as 'none' in {log}:{line}; with "
            "columns.x.type: numeric those are missing"
        )


def test_roles_have_types_by_task(tmp_path: Path) -> None:
    rows = [{"prediction": i % 2, "score": i / 10, "label": 0.5 * i} for i in range(10)]
    log = write_log(rows, tmp_path / "log.ndjson")
    fields = {name: name for name in ("prediction", "score", "label")}
    kinds = {}
    for task in ("binary", "multiclass", "regression", "ranking"):
        discovery = find(make_config(tmp_path, fields=fields, task=task), log)
        kinds[task] = [spec.numeric for spec in discovery.specs]
    assert kinds == {
        "binary": [False, True, False],
        "multiclass": [False, True, False],
        "regression": [True, True, True],
        "ranking": [True, True, True],
    }


@pytest.mark.parametrize("name", FORMATS)
def test_what_has_a_role_is_no_feature(tmp_path: Path, name: str) -> None:
    deep = {"p": 1, "q": 2}
    rows = [
        {
            "features": {
                "when": 1700000000 + i,
                "id": f"i{i}",
                "v": "7",
                "ms": i,
                "x": i,
                "deep": {"p": 1, "q": 2},
            }
        }
        for i in range(9)
    ]
    fields = {
        "timestamp": "features.when",
        "id": "features.id",
        "version": "features.v",
        "latency": {"field": "features.ms", "unit": "ms"},
        "prediction": "features.deep.p",
        "features": "features.*",
    }
    if name == "log.csv":
        for row in rows:
            row["features"].pop("deep")
            row["features"] |= {f"deep.{key}": value for key, value in deep.items()}  # type: ignore[attr-defined]
    discovery = find(make_config(tmp_path, fields=fields), write_log(rows, tmp_path / name))
    expected = {"x": True, "prediction": ("1",)} | ({"deep.q": True} if name == "log.csv" else {})
    assert types(discovery) == expected


def test_a_map_of_features(tmp_path: Path) -> None:
    rows = [{"in": {"amount": i, "who.is": "x"}, "other": 5} for i in range(9)]
    fields = {"features": {"sum": "in.amount", "who": r"in.who\.is"}}
    discovery = find(make_config(tmp_path, fields=fields), write_log(rows, tmp_path / "log.ndjson"))
    assert [(spec.name, spec.path) for spec in discovery.specs] == [
        ("sum", ("in", "amount")),
        ("who", ("in", "who.is")),
    ]


@pytest.mark.parametrize("name", FORMATS)
def test_a_column_like_an_id_is_left_out(tmp_path: Path, name: str) -> None:
    log = write_log(rows_of("user", [f"u{i}" for i in range(200)]), tmp_path / name)
    discovery = find(make_config(tmp_path, fields=FEATURES), log)
    assert types(discovery) == {"n": True}
    (note,) = discovery.notes
    assert note == (
        "user: left out, for it is like an id: about 200 different values in 200 rows; name it in columns to "
        "keep it"
    )
    kept = find(make_config(tmp_path, fields=FEATURES, columns={"user": {"type": "categorical"}}), log)
    assert len(kept.specs[1].categories) == 50


def test_ids_beyond_what_is_counted_exactly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey, "TEXTS", 100)
    monkeypatch.setattr(survey, "_HASHES", 64)
    monkeypatch.setattr(inputs, "CHUNK_SIZE", 4096)
    values = [f"u{i}" for i in range(3000)]
    log = write_log(rows_of("user", values), tmp_path / "log.ndjson")
    (note,) = find(make_config(tmp_path, fields=FEATURES), log).notes
    assert note.startswith("user: left out, for it is like an id: about ")
    # One text in three is common: it stays in the count although most others do not.
    values = ["common" if i % 3 else f"u{i % 1200}" for i in range(3000)]
    log = write_log(rows_of("user", values), tmp_path / "log.ndjson")
    (_, user) = find(make_config(tmp_path, fields=FEATURES), log).specs
    assert user.categories[0] == "common"
    assert user.distinct == pytest.approx(401, rel=0.4)


def test_many_categories(tmp_path: Path) -> None:
    log = write_log(rows_of("shop", [f"s{i % 60}" for i in range(600)]), tmp_path / "log.ndjson")
    discovery = find(make_config(tmp_path, fields=FEATURES), log)
    assert discovery.specs[1].distinct == 60
    assert discovery.notes == (
        "shop: the 50 most frequent of 60 categories are told apart, the rest is other (limits.categories)",
    )


@pytest.mark.parametrize(
    ("values", "name"),
    [([1, "1.0", 1.0, 2, "2"], "1"), (["True", True, "true", False, "False"], "true")],
)
def test_spellings_of_one_value_are_one_category(tmp_path: Path, values: list[Any], name: str) -> None:
    config = make_config(tmp_path, fields=FEATURES, columns={"x": {"type": "categorical"}})
    (_, found) = find(config, write_log(rows_of("x", values), tmp_path / "log.ndjson")).specs
    assert len(found.categories) == 2
    assert found.categories[0] in {name, f"{name}.0"}


def test_records_that_are_rejected_bring_no_category(tmp_path: Path) -> None:
    rows = [{"ts": 1700000000 + i, "features": {"x": "a" if i % 2 else "b"}} for i in range(10)]
    rows += [{"ts": "never", "features": {"x": "c"}}, {"features": {"x": "d"}}]  # type: ignore[dict-item]
    config = make_config(tmp_path, fields={"timestamp": "ts", **FEATURES})
    for name in FORMATS:
        (found,) = find(config, write_log(rows, tmp_path / name)).specs
        assert set(found.categories) == {"a", "b"}


def refused(find_it: Callable[[], Discovery]) -> str:
    with pytest.raises(ReferenceFileError) as caught:
        find_it()
    return str(caught.value)


@pytest.mark.parametrize("name", FORMATS)
def test_text_where_numbers_are_configured(tmp_path: Path, name: str) -> None:
    config = make_config(tmp_path, fields=FEATURES, columns={"x": {"type": "numeric"}})
    values = ["1", "high", "low", None, "none"]
    log = write_log(rows_of("x", values), tmp_path / name)
    where = {"log.ndjson": f"{log}:2", "log.csv": f"{log}:3", "log.parquet": f"{log}: row 2"}[name]
    assert refused(lambda: find(config, log)) == (
        f"column 'x' is to be numeric, and 3 of 4 of its values are not numbers, such as 'high' in {where}; "
        "set columns.x.type: categorical, or correct predictions.fields"
    )


def test_a_few_texts_among_configured_numbers_are_told(tmp_path: Path) -> None:
    config = make_config(tmp_path, fields=FEATURES, columns={"x": {"type": "numeric"}})
    log = write_log(rows_of("x", [*range(30), "n/a", {"deep": 1}]), tmp_path / "log.ndjson")
    discovery = find(config, log)
    assert types(discovery)["x"] is True
    assert discovery.notes == (
        f"x: 2 of 32 values are not numbers, such as 'n/a' in {log}:31; they count as missing",
    )


def test_columns_without_values(tmp_path: Path) -> None:
    rows = rows_of("x", [None] * 5)
    log = write_log(rows, tmp_path / "log.ndjson")
    discovery = find(make_config(tmp_path, fields=FEATURES), log)
    assert discovery.notes == ("x: left out, for it has no value in all 5 rows",)
    config = make_config(tmp_path, fields=FEATURES, columns={"x": {"tolerance": 0.1}})
    assert refused(lambda: find(config, log)) == (
        "column 'x' has no value in all 5 rows of the input (field features.x); correct predictions.fields, "
        "or leave the column out"
    )
    config = make_config(tmp_path, fields={"prediction": "answer", **FEATURES})
    assert "column 'prediction' has no value in all 5 rows of the input (field answer)" in refused(
        lambda: find(config, log)
    )


def test_objects_are_no_values(tmp_path: Path) -> None:
    log = write_log(rows_of("x", [{"a": 1}, [1, 2]]), tmp_path / "log.ndjson")
    discovery = find(make_config(tmp_path, fields=FEATURES), log)
    assert discovery.notes == (
        f"x: left out, for it holds objects or arrays, such as '{{\"a\":1}}' in {log}:1 in all 2 rows",
    )


@pytest.mark.parametrize("name", FORMATS)
def test_a_pattern_that_leads_nowhere(tmp_path: Path, name: str) -> None:
    log = write_log([{"amount": i} for i in range(4)], tmp_path / name)
    assert refused(lambda: find(make_config(tmp_path, fields=FEATURES), log)) == (
        "features.* (predictions.fields.features) leads to no field in all 4 rows of the input; CSV and flat "
        "Parquet name such columns features.NAME"
    )


def test_names_that_differ_only_in_case(tmp_path: Path) -> None:
    log = write_log([{"features": {"a": 1, "A": 2}}], tmp_path / "log.ndjson")
    with pytest.raises(ConfigurationError, match="differ only in upper and lower case"):
        find(make_config(tmp_path, fields=FEATURES), log)


def test_too_many_fields(tmp_path: Path) -> None:
    log = write_log([{"features": {f"k{i}": i for i in range(survey.FIELDS + 1)}}], tmp_path / "log.ndjson")
    assert "features.* leads to more than 2000 fields" in refused(
        lambda: find(make_config(tmp_path, fields=FEATURES), log)
    )


def test_odd_bytes_do_not_stop_it(tmp_path: Path) -> None:
    log = tmp_path / "log.ndjson"
    log.write_bytes(
        b'\xef\xbb\xbf{"features": {"x": "a"}}\r\n\r\n{"features": {"x": "\xff"}}\n{"features": 3}\n[]\n'
        b'null\n{"features": {"x": "b\\u0000c"}}\n{"features": {"x": "a"}'
    )
    (found,) = find(make_config(tmp_path, fields=FEATURES), log).specs
    assert found.categories == ("a", "b\0c")
