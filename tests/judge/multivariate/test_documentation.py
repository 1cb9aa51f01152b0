"""docs/statistics.md and docs/metrics.md say what the code does."""

import re
from pathlib import Path
from typing import get_args

from drift_exporter.config.drift import Drift, Together
from drift_exporter.judge.multivariate import boosting, classifier, correlation, evaluate, mmd, pca
from drift_exporter.reference.sample import LEAST_ROWS, SAMPLE_ROWS
from drift_exporter.window.sample import slice_size

DOCUMENTS = Path(__file__).parents[3] / "docs"
SECTION = (DOCUMENTS / "statistics.md").read_text().split("## All columns together\n")[1].split("\n## ")[0]
TEXT = " ".join(SECTION.split())
TOLERANCES = {
    "pca": pca.TOLERANCE,
    "domain_classifier": classifier.TOLERANCE,
    "mmd": mmd.TOLERANCE,
    "correlation": correlation.TOLERANCE,
}


def test_every_method_is_described_with_its_tolerance() -> None:
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([\d.]+) \|", SECTION, flags=re.MULTILINE)
    assert TOLERANCES == {method: float(tolerance) for method, tolerance in rows}
    assert list(get_args(Together)) == list(TOLERANCES)
    metrics = " ".join((DOCUMENTS / "metrics.md").read_text().split())
    told = re.search(r"The tolerances are fixed: ([^:]*?)\. Each", metrics)
    assert told is not None
    assert list(TOLERANCES.values()) == [float(number) for number in re.findall(r"\d\.\d+", told[1])]


def test_the_constants_are_those_of_the_code() -> None:
    assert f"keep {100 * pca.VARIANCE_KEPT:.0f} % of the variance" in TEXT
    assert f"{boosting.TREES} boosted trees of depth {boosting.DEPTH} on {boosting.BINS} bins" in TEXT
    assert f"at most {mmd.MOST_ROWS:,} records of each side" in TEXT
    assert f"{mmd.PERMUTATIONS} permutations" in TEXT
    assert f"ends at {mmd.PERMUTATIONS / (mmd.PERMUTATIONS + 1):.3f}" in TEXT
    assert f"up to {SAMPLE_ROWS:,} rows" in TEXT
    assert f"fewer than {LEAST_ROWS} rows" in TEXT
    assert slice_size(Drift().sample) * 8 == Drift().sample
    assert "an eighth of `drift.sample`" in TEXT
    assert (0.9, 5, 10) == (evaluate.NAMED_FROM, evaluate.MOST_COLUMNS, evaluate.MOST_PAIRS)
