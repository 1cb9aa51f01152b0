"""Parquet files that come and go under one name."""

from pathlib import Path

import duckdb
import pytest

from drift_exporter.decode.parquet import ParquetDecoder
from drift_exporter.decode.plan import NumericLeaf, Plan
from drift_exporter.sources.parquet import ParquetFile

PLAN = Plan(numeric=(NumericLeaf(("a",), "a", "feature"), NumericLeaf(("b",), "b", "feature")))


def decoded(decoder: ParquetDecoder, path: Path) -> list[list[float]]:
    """Values of both columns, none where they are missing."""
    (chunk,) = ParquetFile(str(path), (0, 0)).read(1 << 20, final=True)
    columns = decoder.decode(chunk).numeric
    return [[value for value in values.tolist() if value == value] for values in columns]  # noqa: PLR0124  # NaN


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("1 AS a", "2 AS a, 3 AS b", [[2], [3]]),
        ("1 AS a, 2 AS b", "3 AS b", [[], [3]]),
        ("1 AS a, 2 AS b", "4 AS b, 'x' AS c, 3.5 AS a", [[3.5], [4]]),
        ("1 AS a, 2 AS b", "{'of': 1} AS a, '5' AS b", [[], [5]]),
    ],
)
def test_a_file_that_replaces_another_one_is_read_by_its_own_columns(
    tmp_path: Path, before: str, after: str, expected: list[list[float]]
) -> None:
    path = tmp_path / "latest.parquet"
    decoder = ParquetDecoder(PLAN)
    for columns in (before, after):
        duckdb.sql(f"COPY (SELECT {columns}) TO '{path}' (FORMAT parquet)")
        found = decoded(decoder, path)
    decoder.close()
    assert expected == found
