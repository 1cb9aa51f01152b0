"""docs/statistics.md says what the code does."""

import re
from pathlib import Path

from drift_exporter.judge import evaluate, scores

PAGE = (Path(__file__).parents[2] / "docs" / "statistics.md").read_text(encoding="utf-8")


def test_every_score_is_described_for_the_columns_it_applies_to() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|", PAGE, flags=re.MULTILINE)
    both = set(scores.NUMERIC_SCORES) & set(scores.CATEGORICAL_SCORES)
    expected = {
        name: "all" if name in both else "numeric" if name in scores.NUMERIC_SCORES else "categorical"
        for name in (*scores.NUMERIC_SCORES, *scores.CATEGORICAL_SCORES)
    }
    assert dict(rows) == expected


def test_the_constants_are_those_of_the_code() -> None:
    assert f"fewer than {evaluate.Criteria().minimum_records} records" in PAGE
    assert f"{evaluate.DEFAULT_TOLERANCE} unless `columns.<name>.tolerance` says otherwise" in PAGE
    assert f"from an adjusted {evaluate.DRIFTED_CONFIDENCE} on" in PAGE


def test_the_printed_rates_of_false_alarms_keep_the_promise() -> None:
    tables = re.split(r"\n(?=\| column \| n = 50 \|)", PAGE)
    for table in tables[1:3]:
        shares = [float(share) for share in re.findall(r"([\d.]+) %(?= \|)", table.split("\n\n")[0])]
        assert len(shares) >= 70
        assert max(shares) <= 5.0
