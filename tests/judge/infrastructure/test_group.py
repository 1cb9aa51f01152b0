import numpy as np
import pytest

from drift_exporter.errors import ConfigurationError
from drift_exporter.judge.infrastructure.group import GroupFit, fit_group
from drift_exporter.reference.model import FloatArray

DETECTORS = ["ecod", "iforest", "pca"]


def past(count: int, seed: int) -> FloatArray:
    """Two signals that move together and one of its own."""
    random = np.random.default_rng(seed)
    common = random.normal(0, 0.25, (count, 1))
    return np.hstack([common, common, np.zeros((count, 1))]) + random.normal(0, 0.1, (count, 3))


def known(fit: GroupFit | None) -> GroupFit:
    assert fit is not None
    return fit


@pytest.mark.parametrize("detector", DETECTORS)
def test_what_is_odd_together_is_found_and_what_is_usual_is_not(detector: str) -> None:
    residuals = past(4032, 1)
    residuals[3000:3012] = 5.0
    fit = known(fit_group(residuals, detector, 0.001, 0))
    assert (fit.scores(past(4032, 2)) > 1).mean() < 0.002
    odd = np.vstack([np.zeros((2, 3)), np.tile([1.6, 1.5, 1.4], (3, 1)), np.zeros((3, 3))])
    assert [False] * 2 + [True] * 3 + [False] * 3 == (fit.scores(odd) > 1).tolist()
    assert [True, True, True, True, False] == fit.anomalous(odd).tolist()[3:]


def test_signals_that_part_are_odd_though_each_is_within_its_band() -> None:
    fit = known(fit_group(past(4032, 1), "knn", 0.001, 0))
    parted = np.array([[0.6, -0.6, 0.0]])
    assert (fit.scores(parted) > 1).all()
    assert not (fit.scores(np.array([[0.6, 0.6, 0.0]])) > 1).any()


def test_a_row_that_is_not_wholly_known_has_no_score() -> None:
    residuals = past(4032, 1)
    residuals[::3, 1] = np.nan
    fit = known(fit_group(residuals, "ecod", 0.001, 0))
    scores = fit.scores(np.array([[0.0, np.nan, 0.0], [9.0, 9.0, 9.0], [np.inf, 0.0, -np.inf]]))
    assert [True, False, False] == np.isnan(scores).tolist()
    assert scores[1] > 1


def test_fits_of_one_seed_are_alike() -> None:
    first, second = (known(fit_group(past(2016, 1), "loda", 0.01, 7)) for _ in range(2))
    assert first.scores(past(50, 2)).tolist() == second.scores(past(50, 2)).tolist()


def test_too_few_rows_or_none_that_differ_make_no_fit() -> None:
    assert fit_group(past(1999, 1), "ecod", 0.001, 0) is None
    assert fit_group(np.zeros((2016, 2)), "ecod", 0.001, 0) is None


def test_an_unknown_detector_or_parameter_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="there is no detector 'ekod'; did you mean"):
        fit_group(past(2016, 1), "ekod", 0.001, 0)
    with pytest.raises(ConfigurationError, match="has no parameter 'bins'"):
        fit_group(past(2016, 1), "loda", 0.001, 0, parameters={"bins": 3})
