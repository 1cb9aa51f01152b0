from pathlib import Path

import duckdb
import numpy as np
import pytest

from drift_exporter.errors import ReferenceFileError
from drift_exporter.reference.bins import categorical_column, numeric_column
from drift_exporter.reference.model import Reference
from drift_exporter.reference.sample import read_sample, sample_names, sample_path, sample_rows, write_sample


def test_it_stands_beside_the_reference() -> None:
    assert sample_path(Path("refs/fraud.json")) == Path("refs/fraud.sample.parquet")
    assert sample_path(Path("fraud.v2")) == Path("fraud.v2.sample.parquet")


def test_features_called_like_a_role() -> None:
    names = sample_names(
        [("score", "score"), ("feature", "Score"), ("feature", "label"), ("feature", "timestamp")]
    )
    assert names == {
        ("score", "score"): "score",
        ("feature", "Score"): "feature.Score",
        ("feature", "label"): "label",
        ("feature", "timestamp"): "feature.timestamp",
    }


def test_values_come_back(tmp_path: Path) -> None:
    path = tmp_path / "s.parquet"
    numbers, texts = np.array([0.1, np.nan, 3.0]), np.array(["ü", None, 'a"b'], dtype=object)
    columns = {
        'odd "name"': numbers,
        "text": texts,
        "none": np.array([None] * 3, dtype=object),
        "timestamp": np.array([1_700_000_000_123_456, 0, -1]),
    }
    write_sample(columns, path)
    with duckdb.connect() as connection:
        found = connection.read_parquet(str(path))
        types = dict(zip(found.columns, map(str, found.types), strict=True))
        rows = found.select('"odd ""name""", text, none, epoch_us(timestamp)').fetchall()
    assert types == {
        'odd "name"': "DOUBLE",
        "text": "VARCHAR",
        "none": "VARCHAR",
        "timestamp": "TIMESTAMP WITH TIME ZONE",
    }
    assert rows == [(0.1, "ü", None, 1_700_000_000_123_456), (None, None, None, 0), (3.0, 'a"b', None, -1)]
    assert [path] == list(tmp_path.iterdir())


def test_where_it_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "s.parquet"
    path.mkdir()
    with pytest.raises(ReferenceFileError, match=r"s\.parquet: cannot be written: "):
        write_sample({"a": np.zeros(1)}, path)
    assert [path] == list(tmp_path.iterdir())


def sampled_reference() -> Reference:
    return Reference(
        "m",
        60,
        (
            numeric_column("amount", "feature", np.arange(60.0)),
            categorical_column("label", "label", {"1": 60}, 0, 50),
            categorical_column("label", "feature", {"a": 40, "b": 20}, 0, 50),
        ),
        0.0,
        "digest",
    )


def test_a_sample_is_read_as_the_reference_bins_it(tmp_path: Path) -> None:
    path = tmp_path / "s.parquet"
    amounts = np.array([1.5, np.nan, np.inf, *range(57)])
    texts = np.array(["b", None, "new", *["a"] * 57], dtype=object)
    write_sample({"amount": amounts, "label": np.array(["1"] * 60), "feature.label": texts}, path)
    found = read_sample(path, sampled_reference())
    assert (60, 2) == found.shape
    np.testing.assert_array_equal([[1.5, 1], [np.nan, 3], [np.nan, 2], [0, 0]], found[:4])


def test_the_sample_of_another_reference_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.parquet"
    write_sample({"amount": np.zeros(60)}, path)
    with pytest.raises(
        ReferenceFileError, match=r"is no sample of this reference: .*; build the reference anew"
    ):
        read_sample(path, sampled_reference())


def test_a_regression_keeps_more_rows_as_far_as_they_are_narrow() -> None:
    assert [10_000, 60_000, 40_000, 10_000] == [
        sample_rows(20, learned=False),
        sample_rows(20, learned=True),
        sample_rows(200, learned=True),
        sample_rows(2_000, learned=True),
    ]
