"""docs/statistics.md says what the code does."""

import re
from pathlib import Path

from drift_exporter.judge import evaluate, intervals, scores
from drift_exporter.judge.estimation import concept, dle, validity

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


def test_the_printed_coverage_keeps_the_promise() -> None:
    below = PAGE.split("### How often they hold")[1].split("\n### ")[0]
    shares = [float(share) for share in re.findall(r"([\d.]+) %(?= \|)", below)]
    assert len(shares) >= 130
    assert min(shares) >= 93.0
    assert f"{100 * intervals.LEVEL:.0f} % confidence interval" in PAGE


def test_the_constants_of_estimates_are_those_of_the_code() -> None:
    assert f"a tolerance: {validity.RATIO_TOLERANCE} for ratios" in PAGE
    assert validity.ERROR_TOLERANCE == 0.1, "a tenth, it says"
    assert f"by more than {100 * validity.DROP_TOLERANCE:.0f} % of it" in PAGE
    assert f"change of `performance.tolerance` ({concept.TOLERANCE})" in PAGE
    assert f"{dle.TREES} boosted trees" in PAGE


def test_the_printed_estimates_are_close_to_those_of_nannyml() -> None:
    below = PAGE.split("<!-- made by benchmarks/estimation.py -->")[1].split("<!-- end -->")[0]
    rows = re.findall(r"\| (\w+) \| `(\w+)` \| [^|]+ \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|", below)
    asked = {"roc_auc", "roc_auc_macro", "accuracy", "root_mean_squared_error"}
    found = [row for row in rows if row[1] in asked]
    assert len(found) == 14
    assert max(float(apart) for *_, apart, _, _ in found) <= 0.01
    # As far off as NannyML's, up to the last digit that is printed.
    assert all(float(off) <= float(theirs) + 1e-4 for *_, off, theirs in found)


def test_the_printed_shares_of_concept_drift_keep_the_promise() -> None:
    below = PAGE.split("<!-- made by benchmarks/concept_drift.py -->")[1].split("<!-- end -->")[0]
    rows = {
        name: [float(share) for share in re.findall(r"([\d.]+) %", cells)]
        for name, cells in re.findall(r"^\| ([^|]+) \|(.*)$", below, flags=re.MULTILINE)
        if name != "window"
    }
    found = {"labels 15 % fewer at each score", "labels 30 % fewer at each score"}
    found.add("the same, scores moved up by 0.5 sd")
    silent = [share for name, shares in rows.items() if name not in found for share in shares]
    assert len(silent) >= 21
    assert max(silent) <= 1.0
    assert max(rows["labels 15 % fewer at each score"]) >= 90.0
    assert min(rows["labels 30 % fewer at each score"]) >= 95.0


def test_signals_are_seldom_said_to_move_together_by_chance() -> None:
    below = PAGE.split("<!-- made by benchmarks/moving_together.py -->")[1].split("<!-- end -->")[0]
    rows = re.findall(r"^\| (.+?) \| ([\d.]+) \| ([\d.]+) % \| ([\d.]+) %", below, flags=re.MULTILINE)
    assert len(rows) == 33
    apart = [row for row in rows if not row[0].startswith("together")]
    plain = [row for row in apart if "by day" not in row[0] and "daily wave" not in row[0]]
    assert len(plain) == 18
    # Three standard deviations of 1,500 pairs.
    assert max(float(often) for _, _, often, _ in plain) <= 6.7
    assert max(float(seldom) for *_, seldom in plain) <= 1.8
    assert max(float(often) for _, _, often, _ in apart) <= 7
