"""docs/statistics.md says of streams what the code does."""

import re
from pathlib import Path

from drift_exporter.config.streams import DDM_THRESHOLD
from drift_exporter.streams import adwin, ddm, detector, page_hinkley

PAGE = (Path(__file__).parents[2] / "docs" / "statistics.md").read_text(encoding="utf-8")
SECTION = " ".join(PAGE.split("## Concept drift on streams\n")[1].split("\n## ")[0].split())


def test_the_constants_are_those_of_the_code() -> None:
    assert f"It looks every {adwin.BLOCK} values" in SECTION
    assert f"ln(1 + {detector.RUN_LENGTH:,} u `delta`) / u" in SECTION
    assert "`delta` is a tenth of the standard deviation" in SECTION
    assert 0.1 == page_hinkley.DEVIATIONS
    assert f"({ddm.WARNING:g} and {ddm.THRESHOLD:g} standard deviations instead of 2 and 3)" in SECTION
    assert DDM_THRESHOLD == ddm.THRESHOLD
    assert f"once there are {ddm.MINIMUM} errors" in SECTION


def test_the_printed_rates_of_false_alarms_keep_the_promise() -> None:
    table = re.search(r"\| stream \| adwin \| page_hinkley \| ddm \|.*?\n\n", PAGE, flags=re.DOTALL)
    assert table is not None
    rows = [line.split("|")[2:5] for line in table[0].splitlines()[2:] if line]
    rates = [float(cell) for row in rows for cell in row if cell.strip()]
    assert len(rates) >= 19
    assert max(rates) <= 1.0
