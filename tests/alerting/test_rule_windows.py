"""What windows that agree are worth: alerts of simulated traffic, with the exporter's own confidence.

Each model has 504 records an hour of one normal column, which is shifted by a number of standard deviations
for an hour, for ten, or from then on. What the windows 1h and 24h say of it is given to promtool with the
shipped rules, once with windows.yml and once without.
"""

import functools
import json
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from drift_exporter.judge.confidence import drift_confidence
from support.alerting import RULES, groups_of

SLICES_PER_HOUR = 12
RECORDS_PER_SLICE = 42
HOURS = 45
BEGIN = 25
KINDS = {"an hour": 1, "ten hours": 10, "for good": HOURS - BEGIN}
SHIFTS = ("0.5", "1.0", "1.5")
NEVER = "never"
TOLERANCE = 0.05
EDGES = stats.norm.ppf(np.linspace(0, 1, 11))
WINDOWS = {"1h": SLICES_PER_HOUR, "24h": 24 * SLICES_PER_HOUR}

EVER = f'max by (model) (last_over_time(ALERTS{{%s, alertstate="firing"}}[{HOURS}h]))'
NOW = 'max by (model) (ALERTS{%s, alertstate="firing"})'
SINCE = f'min_over_time(timestamp(ALERTS{{%s, alertstate="firing"}})[{HOURS}h:5m])'
AFTER = f"min by (model) ({SINCE} / 60 - {60 * BEGIN})"
PAGE, TICKET = 'severity="page"', 'severity="ticket"'

pytestmark = pytest.mark.servers


def models(*kinds: str) -> list[str]:
    return [f"{kind} {shift}" for kind in kinds for shift in SHIFTS]


def confidences(length: int, shift: float, rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
    """Confidence (slices,) by window of a shift of some hours, NaN where the window is not full yet."""
    plain, shifted = np.diff(stats.norm.cdf(EDGES)), np.diff(stats.norm.cdf(EDGES, loc=shift))
    reference = rng.multinomial(20_000, plain)
    slices = rng.multinomial(RECORDS_PER_SLICE, plain, size=HOURS * SLICES_PER_HOUR)
    start, end = BEGIN * SLICES_PER_HOUR, (BEGIN + length) * SLICES_PER_HOUR
    slices[start:end] = rng.multinomial(RECORDS_PER_SLICE, shifted, size=end - start)
    sums = np.vstack([np.zeros(10, dtype=np.int64), np.cumsum(slices, axis=0)])
    found = {}
    for window, size in WINDOWS.items():
        counts = sums[size + 1 :] - sums[1:-size]
        known = [drift_confidence(reference, c, TOLERANCE, quantiles=True) for c in counts]
        found[window] = np.concatenate([np.full(size, np.nan), known])
    return found


def series_of(model: str, values: dict[str, NDArray[np.float64]]) -> Iterator[dict[str, str]]:
    own = f'model="{model}",version="1"'
    column = f'{own},column="x",kind="feature"'
    yield {"series": f'model_info{{{own},impact="high",team="t"}}', "values": f"1x{HOURS * SLICES_PER_HOUR}"}
    yield {
        "series": f'model_drift_effective_samples{{{column},window="1h"}}',
        "values": f"{RECORDS_PER_SLICE * SLICES_PER_HOUR}x{HOURS * SLICES_PER_HOUR}",
    }
    for window, confidence in values.items():
        shown = " ".join("_" if np.isnan(c) else f"{c:.4f}" for c in confidence)
        yield {"series": f'model_drift_confidence{{{column},window="{window}"}}', "values": shown}
        yield {"series": f'model_dataset_drift_confidence{{{own},window="{window}"}}', "values": shown}


@functools.cache
def traffic() -> Sequence[dict[str, str]]:
    rng = np.random.default_rng(42)
    lengths = {f"{kind} {shift}": (KINDS[kind], float(shift)) for kind in KINDS for shift in SHIFTS}
    lengths[NEVER] = (0, 0.0)
    return [s for model, what in lengths.items() for s in series_of(model, confidences(*what, rng))]


def expects(expression: str, hours: float, expected: list[str]) -> dict[str, Any]:
    samples = [{"labels": f'{{model="{model}"}}', "value": 1} for model in sorted(expected)]
    return {"expr": f"sort({expression})", "eval_time": f"{round(60 * hours)}m", "exp_samples": samples}


def run(folder: Path, files: Sequence[str], cases: list[dict[str, Any]]) -> str:
    """What promtool complains of."""
    paths = [RULES / f"{name}.yml" for name in files]
    names = [group["name"] for path in paths for group in groups_of(path)]
    content = {
        "rule_files": [str(path) for path in paths],
        "evaluation_interval": "5m",
        "group_eval_order": sorted(names, key=lambda name: "thresholds" not in name),
        "tests": [{"interval": "5m", "input_series": traffic(), "promql_expr_test": cases}],
    }
    test = folder / "test.yml"
    test.write_text(json.dumps(content), encoding="utf-8")
    result = subprocess.run(
        ["promtool", "test", "rules", str(test)], capture_output=True, text=True, check=False, timeout=300
    )
    return "" if result.returncode == 0 else result.stdout + result.stderr


def test_windows_that_agree_page_for_what_stays_until_it_is_over(tmp_path: Path) -> None:
    stays = models("ten hours", "for good")
    cases = [
        expects(EVER % PAGE, HOURS, stays),
        expects(EVER % TICKET, HOURS, models(*KINDS)),
        # At most two hours later than at once, as a ticket comes within an hour.
        expects(f"{AFTER % PAGE} <= bool {60 + 120}", HOURS, stays),
        expects(f"{AFTER % TICKET} <= bool 60", HOURS, models(*KINDS)),
        # 90 minutes after its end there is nothing any more of what has ended.
        expects(NOW % PAGE, BEGIN + 10 + 1.5, models("for good")),
        expects(NOW % 'model=~".+"', BEGIN + 1 + 1.5, stays),
    ]
    assert run(tmp_path, ["links", "windows", "drift"], cases) == ""


def test_each_by_itself_pages_for_an_hour_and_long_after_the_end(tmp_path: Path) -> None:
    cases = [
        expects(EVER % PAGE, HOURS, models(*KINDS)),
        expects(f"{AFTER % PAGE} <= bool 60", HOURS, models(*KINDS)),
        expects(NOW % PAGE, BEGIN + 10 + 9, [*models("for good"), "ten hours 1.0", "ten hours 1.5"]),
    ]
    assert run(tmp_path, ["links", "drift"], cases) == ""
