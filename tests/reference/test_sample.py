from pathlib import Path

import duckdb
import numpy as np
import pytest

from drift_exporter.errors import ReferenceFileError
from drift_exporter.reference.sample import sample_names, sample_path, write_sample


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
