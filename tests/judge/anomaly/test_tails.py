import numpy as np
import pytest
from scipy import stats

from drift_exporter.judge.anomaly.tails import Tails
from support.detectors import numbers


def one_at_a_time(name: str, known: np.ndarray, values: np.ndarray) -> list[float]:
    """The formulas as they are written: each record added to the rows alone."""
    found = []
    for value in values:
        score = 0.0
        for column, own in zip(known.T, value, strict=True):
            every = np.append(column, own)
            left, right = -np.log((every <= own).mean()), -np.log((every >= own).mean())
            skewness = stats.skew(column) if np.ptp(column) else 0.0
            side = right if skewness > 0 else left if skewness < 0 else left + right
            score += max(side, left, right) if name == "ecod" else max(side, (left + right) / 2)
        found.append(score)
    return found


@pytest.mark.parametrize("name", ["ecod", "copod"])
def test_scores_are_those_of_the_formulas(name: str) -> None:
    random = np.random.default_rng(3)
    known = np.column_stack([numbers(400, random), random.integers(0, 3, 400), np.ones(400)])
    values = np.vstack(
        [known[:50], np.column_stack([numbers(50, random) * 3, random.integers(-1, 4, 50), np.ones(50)])]
    )
    np.testing.assert_allclose(
        one_at_a_time(name, known, values), Tails(name).fit(known).decision_function(values), rtol=1e-12
    )


@pytest.mark.parametrize("name", ["ecod", "copod"])
def test_scores_of_the_rows_themselves_are_in_the_order_of_pyod(name: str) -> None:
    from pyod.models.copod import COPOD  # noqa: PLC0415 - heavy
    from pyod.models.ecod import ECOD  # noqa: PLC0415 - heavy

    known = numbers(1_000, np.random.default_rng(4))
    theirs = (ECOD() if name == "ecod" else COPOD()).fit(known).decision_scores_
    ours = Tails(name).fit(known).decision_function(known)
    assert stats.spearmanr(theirs, ours).statistic > 0.9999


def test_a_score_does_not_depend_on_the_batch() -> None:
    random = np.random.default_rng(5)
    known, values = numbers(500, random), numbers(64, random)
    tails = Tails("ecod").fit(known)
    together = tails.decision_function(values)
    assert together.tolist() == [tails.decision_function(value[None])[0] for value in values]
