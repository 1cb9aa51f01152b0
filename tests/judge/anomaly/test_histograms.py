import numpy as np
import pytest

from drift_exporter.judge.anomaly.histograms import Histograms
from support.detectors import numbers


@pytest.mark.parametrize(
    "parameters", [{}, {"n_bins": 25, "alpha": 0.3, "tol": 0.1}, {"n_bins": 3, "tol": 0.99}]
)
def test_scores_are_those_of_pyod(parameters: dict[str, float]) -> None:
    from pyod.models.hbos import HBOS  # noqa: PLC0415 - heavy

    random = np.random.default_rng(1)
    known = np.column_stack([numbers(500, random), random.integers(0, 4, 500), np.ones(500)])
    spread = np.ptp(known, axis=0)
    inside = random.uniform(known.min(axis=0), known.max(axis=0), (500, 6))
    around = known.mean(axis=0) + random.normal(size=(500, 6)) * (spread + 0.5)
    values = np.vstack([known, inside, around])
    theirs = HBOS(**parameters).fit(known).decision_function(values)
    np.testing.assert_allclose(
        theirs, Histograms(**parameters).fit(known).decision_function(values), rtol=1e-12
    )


@pytest.mark.parametrize("parameters", [{"n_bins": 1}, {"n_bins": 2.5}, {"alpha": -1}, {"tol": "a"}])
def test_what_cannot_be_is_refused(parameters: dict[str, float]) -> None:
    (name,) = parameters
    with pytest.raises(ValueError, match=f"{name} is {parameters[name]!r}; give a "):
        Histograms(**parameters)
