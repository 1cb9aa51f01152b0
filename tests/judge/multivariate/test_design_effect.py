"""Streams whose windows differ by themselves: that is no drift, and more than that is."""

from collections import Counter

import numpy as np
import pytest
from scipy import stats

from drift_exporter.judge.calibration import design_effect
from drift_exporter.judge.multivariate.baseline import make_baseline
from drift_exporter.judge.multivariate.classifier import TOLERANCE, tolerance_with
from drift_exporter.judge.multivariate.evaluate import judge_sample
from drift_exporter.judge.multivariate.mmd import mmd_drift
from drift_exporter.judge.multivariate.shares import excess_psi
from drift_exporter.reference.bins import numeric_column
from drift_exporter.reference.model import FloatArray
from support.counting import count_numbers

METHODS = ("pca", "domain_classifier", "mmd", "correlation")
COLUMNS = 6
RECORDS = 800


def stretch(random: np.random.Generator, moved: float, broken: float = 0.0) -> FloatArray:
    """Records of one window: every column's mean is off by chance, and a third of each pair is common."""
    values = random.normal(size=(RECORDS, COLUMNS))
    values[:, 1::2] = 0.6 * values[:, ::2] + 0.8 * values[:, 1::2]
    values[:, 1] += broken * values[:, 0]
    return values + random.normal(0, moved, COLUMNS)


def test_windows_that_differ_by_themselves_do_not_alarm_and_a_broken_relation_does() -> None:
    random = np.random.default_rng(11)
    known = [stretch(random, 0.18) for _ in range(40)]
    reference = np.concatenate(known)
    columns = [numeric_column(f"x{i}", "feature", reference[:, i]) for i in range(COLUMNS)]
    effects = []
    for i, column in enumerate(columns):
        counts = [column.export(count_numbers(column, one[:, i])[0]) for one in known]
        effects.append(design_effect(np.array(counts), column.exported_counts))
    excess = (np.array(effects) - 1) / RECORDS
    baseline = make_baseline(random.permutation(reference)[:10_000], columns, METHODS, 2_000)

    calm: Counter[str] = Counter()
    unknowing: Counter[str] = Counter()
    for _ in range(6):
        window = stretch(random, 0.18)
        sure = [one for one in judge_sample(baseline, window, METHODS, excess) if one.confidence > 0.9]
        calm.update(one.method for one in sure)
        naive = judge_sample(baseline, window, ["domain_classifier", "mmd"])
        unknowing.update(one.method for one in naive if one.confidence > 0.9)
        broken = stretch(random, 0.18, broken=-1.5)
        found = judge_sample(baseline, broken, ["pca", "correlation"], excess)
        assert all(one.confidence > 0.99 for one in found)
    assert min(unknowing["domain_classifier"], unknowing["mmd"]) >= 4
    assert max(calm.values(), default=0) <= 1


def test_what_is_tolerated_grows_with_what_windows_differ_by() -> None:
    columns = [numeric_column("x", "feature", np.arange(1000.0))] * 4
    assert excess_psi(columns, np.full(4, 0.01)) == pytest.approx(4 * 9 * 0.01)
    assert tolerance_with(0.0) == pytest.approx(TOLERANCE)
    # A normal distribution that is one deviation off has a PSI of 1 and an area of 0.76.
    assert tolerance_with(1.0) == pytest.approx(stats.norm.cdf(np.hypot(stats.norm.ppf(0.55), 0.5**0.5)))
    assert 0.76 < tolerance_with(1.0) < 0.77
    x, y = np.random.default_rng(1).normal(size=(2, 300, 3))
    found = [mmd_drift(x, y + 0.3, 0, psi) for psi in (0.0, 3 * 0.3**2, 1.0)]
    sure = [one.confidence for one in found if one is not None]
    assert sure[0] > 0.95 > sure[1] > sure[2]
    assert sure[1] > 0.1
