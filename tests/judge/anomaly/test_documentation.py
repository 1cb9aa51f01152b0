"""docs/statistics.md says what the code does, and its tables are of the detectors that there are."""

import re
from pathlib import Path

from drift_exporter.judge.anomaly import confidence, fit, model, overdispersion, percentiles
from drift_exporter.judge.anomaly.registry import detector_names
from drift_exporter.reference.sample import LEARNED_ROWS

PAGE = (Path(__file__).parents[3] / "docs" / "statistics.md").read_text()
SECTION = PAGE.split("## Anomalies in records\n")[1].split("\n## ")[0]
TEXT = " ".join(SECTION.split())


def table(name: str) -> str:
    return SECTION.split(f"<!-- made by benchmarks/anomalies.py, {name} -->")[1].split("<!-- end -->")[0]


def test_the_constants_are_those_of_the_code() -> None:
    assert f"up to {LEARNED_ROWS:,}" in TEXT
    assert f"batches of {model.BATCH:,}" in TEXT
    assert 5 == fit.FOLDS
    assert f"{confidence.MARGIN} times as large" in TEXT
    assert f"both say of {fit.ALIGNED:,} of the same rows" in TEXT
    assert f"the largest {100 * percentiles.TAIL:.0f} %" in TEXT
    assert f"{overdispersion.DOUBT} of its standard deviations" in TEXT
    assert f"from {overdispersion.ROWS:.0f} rows of the sample to an eighth" in TEXT
    assert 8 == overdispersion.FEWEST_WINDOWS
    assert re.findall(r"`(\w+)`", re.search(r"- ([^-]*) compare each record with each", SECTION)[1]) == list(
        fit.MOST_ROWS
    )


def test_every_detector_is_in_the_table() -> None:
    assert detector_names() == sorted(re.findall(r"`(\w+)`", table("detectors")))


def test_what_is_published_is_what_is_to_be_reached() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([\d.]+) \| ([\d.]+) \|", table("shuttle"), flags=re.MULTILINE)
    assert len(rows) >= 8
    assert max(abs(float(ours) - float(theirs)) for _, ours, theirs in rows) <= 0.005
