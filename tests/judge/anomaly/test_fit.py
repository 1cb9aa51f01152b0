import dataclasses
from pathlib import Path

import numpy as np
import pytest

from drift_exporter.errors import ConfigurationError
from drift_exporter.judge.anomaly import fit
from drift_exporter.judge.anomaly.fit import fit_anomaly
from drift_exporter.judge.anomaly.model import AnomalyModel, detect
from drift_exporter.judge.anomaly.registry import make_detector
from drift_exporter.judge.anomaly.settings import AnomalySettings
from drift_exporter.reference.model import Column, FloatArray
from support.detectors import WIDTH, category, drawn, install_detector, numbers, numeric_columns

ROWS = 2_000
FEWER = {"mcd": 800, "ocsvm": 800}
FAMILIES = {
    "histogram": ("hbos", {}),
    "histograms of projections": ("loda", {"n_random_cuts": 30}),
    "probabilistic": ("ecod", {}),
    "mixture": ("gmm", {"n_components": 2}),
    "linear": ("pca", {}),
    "covariance": ("mcd", {}),
    "ensemble of trees": ("iforest", {"n_estimators": 25}),
    "distance": ("knn", {}),
    "density": ("lof", {}),
    "boundary": ("ocsvm", {}),
}


def fitted(detector: str, rows: FloatArray, **changes: object) -> AnomalyModel:
    settings = dataclasses.replace(AnomalySettings(detector, contamination=0.05), **changes)
    return fit_anomaly(rows, numeric_columns(rows), None, settings)


@pytest.mark.parametrize("family", FAMILIES)
def test_of_fresh_records_as_many_are_anomalies_as_the_contamination_says(family: str) -> None:
    detector, parameters = FAMILIES[family]
    random = np.random.default_rng(1)
    rows = FEWER.get(detector, ROWS)
    model = fitted(detector, numbers(rows, random), parameters=parameters)
    values = numbers(8_000 if rows == ROWS else 2_000, random)
    percentiles = model.percentiles(values)
    ratio = model.anomalous(percentiles).mean()
    # The ratio itself varies, from reference to reference: by its standard deviation three times.
    assert abs(ratio - 0.05) <= 3 * np.sqrt(0.05 * 0.95 * (1 / rows + 1 / len(values)))
    scores = model.scores(values)
    assert (np.diff(percentiles[np.argsort(scores, kind="stable")]) >= 0).all()
    # And they are the scores of the detector itself.
    plain = make_detector(detector, parameters, 0, 0.05)
    plain.fit(numbers(rows, np.random.default_rng(1)))
    np.testing.assert_allclose(plain.decision_function(values), scores)


def test_a_detector_that_knows_its_rows_would_find_more() -> None:
    """What cross-fitting is for: by its own rows' scores neighbours are twice as far as they should be."""
    random = np.random.default_rng(2)
    rows, values = numbers(ROWS, random), numbers(8_000, random)
    model = fitted("knn", rows)
    own = np.quantile(detect(model.detector, rows), 0.95)
    assert (model.scores(values) > own).mean() > 0.06
    assert model.anomalous(model.percentiles(values)).mean() < 0.06


def test_the_same_seed_gives_the_same() -> None:
    random = np.random.default_rng(3)
    rows, values = numbers(500, random), numbers(100, random)
    first, again, other = (
        fitted("iforest", rows, parameters={"n_estimators": 10}, seed=seed) for seed in (1, 1, 2)
    )
    assert first.percentiles(values).tolist() == again.percentiles(values).tolist()
    assert first.percentiles(values).tolist() != other.percentiles(values).tolist()
    assert first.fingerprint == again.fingerprint != other.fingerprint


def test_the_fingerprint_is_of_what_decides() -> None:
    random = np.random.default_rng(4)
    rows = numbers(300, random)
    known = fitted("ecod", rows).fingerprint
    assert known == fitted("ecod", rows, tolerance=0.1).fingerprint
    changed = [
        fitted("copod", rows).fingerprint,
        fitted("ecod", rows, contamination=0.04).fingerprint,
        fitted("ecod", rows, scale="standard").fingerprint,
        fitted("ecod", rows, columns=("a", "b")).fingerprint,
        fitted("ecod", rows[:-1]).fingerprint,
    ]
    assert 6 == len({known, *changed})


def test_records_are_scored_alike_in_any_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(5)
    model, values = fitted("ecod", numbers(500, random)), numbers(1_000, random)
    together = model.percentiles(values)
    monkeypatch.setattr("drift_exporter.judge.anomaly.model.BATCH", 64)
    assert together.tolist() == model.percentiles(values).tolist()
    assert together[7:8].tolist() == model.percentiles(values[7:8]).tolist()
    assert (0,) == model.percentiles(values[:0]).shape


@pytest.mark.parametrize(
    ("detector", "reason"),
    [
        ("theirs", "gives a record another score beside other records"),
        ("cof", "cannot score records that it was not fitted on, or not one alone"),
        ("mad", "cannot be fitted on the reference's sample: .*univariate"),
    ],
)
def test_a_detector_whose_scores_mean_nothing_is_refused(
    detector: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_detector(tmp_path, "theirs", "pyod.models.ecod:ECOD", monkeypatch)
    with pytest.raises(ConfigurationError, match=f"detector '{detector}' {reason}"):
        fitted(detector, numbers(300, np.random.default_rng(6)))


def test_times_cut_the_folds_and_the_order_of_rows_does_not_matter() -> None:
    random = np.random.default_rng(7)
    rows = numbers(500, random)
    times = np.arange(500) * 10**6
    columns, settings = numeric_columns(rows), AnomalySettings("knn")
    order = random.permutation(500)
    one, other = (
        fit_anomaly(rows, columns, times, settings),
        fit_anomaly(rows[order], columns, times[order], settings),
    )
    assert one.by_score.known.tolist() == other.by_score.known.tolist()
    assert not one.overdispersion.by_records


@pytest.mark.parametrize("detector", ["hbos", "ecod", "iforest", "knn"])
def test_the_column_that_is_odd_is_named(detector: str) -> None:
    random = np.random.default_rng(8)
    rows = np.column_stack([numbers(1_000, random), drawn([700, 290, 10], random)])
    columns = (*numeric_columns(rows[:, :WIDTH]), category("kind", {"x": 700, "y": 290, "z": 10}))
    # Neighbours are sought where numbers are of one scale.
    settings = AnomalySettings(
        detector, {"n_estimators": 50} if detector == "iforest" else {}, scale="standard"
    )
    model = fit_anomaly(rows, columns, None, settings)
    odd = np.tile(np.append(np.median(rows[:, :WIDTH], axis=0), 0.0), (WIDTH + 2, 1))
    for place in range(WIDTH):
        odd[place, place] = rows[:, place].max() * 3
    odd[WIDTH, WIDTH] = 3.0
    shares = model.explain(odd)
    assert list(range(WIDTH + 1)) == shares[:-1].argmax(axis=1).tolist()
    assert (shares[:-1].max(axis=1) > 0.5).all()
    np.testing.assert_allclose(np.ones(WIDTH + 1), shares[:-1].sum(axis=1))
    # The last record is the usual one.
    assert [0.0] * (WIDTH + 1) == shares[-1].tolist()


@pytest.mark.parametrize("detector", ["hbos", "ecod", "iforest"])
def test_a_missing_value_is_odd_only_where_the_reference_hardly_misses_any(detector: str) -> None:
    random = np.random.default_rng(9)
    rows = np.column_stack([numbers(2_000, random), drawn([1_200, 800], random)])
    rows[random.uniform(size=2_000) < 0.3, 1] = np.nan
    rows[random.uniform(size=2_000) < 0.3, WIDTH] = 3.0
    counts = np.bincount(rows[:, WIDTH].astype(int), minlength=4).tolist()
    columns = (
        *numeric_columns(rows[:, :WIDTH]),
        category("kind", {"x": counts[0], "y": counts[1]}, missing=counts[3]),
    )
    settings = AnomalySettings(detector, {"n_estimators": 25} if detector == "iforest" else {})
    model = fit_anomaly(rows, columns, None, settings)
    usual = np.append(np.nanmedian(rows[:, :WIDTH], axis=0), 0.0)
    odd, fine, both = (usual.copy() for _ in range(3))
    odd[0], fine[1], both[[1, WIDTH]] = np.nan, np.nan, (np.nan, 3.0)
    found = model.percentiles(np.stack([usual, odd, fine, both]))
    assert found[1] > 0.999
    assert max(found[0], found[2]) < 0.9
    assert found[3] < 0.99
    assert [1.0, 0.0, 0.0, 0.0, 0.0] == model.explain(odd[None])[0].tolist()
    fresh = np.column_stack([numbers(5_000, random), drawn([3_000, 2_000], random)])
    fresh[random.uniform(size=5_000) < 0.3, 1] = np.nan
    fresh[random.uniform(size=5_000) < 0.3, WIDTH] = 3.0
    assert model.anomalous(model.percentiles(fresh)).mean() < 0.02


def test_columns_are_chosen_by_name() -> None:
    random = np.random.default_rng(10)
    rows = numbers(300, random)
    role: Column = dataclasses.replace(numeric_columns(rows)[0], name="score", kind="score")
    columns = (*numeric_columns(rows)[:3], role)
    assert ["a", "b", "c"] == [
        c.name for c in fit_anomaly(rows, columns, None, AnomalySettings("ecod")).columns
    ]
    model = fit_anomaly(rows, columns, None, AnomalySettings("ecod", columns=("c", "score")))
    assert [2, 3] == model.places.tolist()
    assert (300, 2) == model.explain(rows).shape
    with pytest.raises(ConfigurationError, match="the reference has no column 'x'; it has: a, b, c, score"):
        fit_anomaly(rows, columns, None, AnomalySettings("ecod", columns=("x",)))
    with pytest.raises(ConfigurationError, match="the reference has no feature; name the columns"):
        fit_anomaly(rows, (role,) * 4, None, AnomalySettings("ecod"))


@pytest.mark.parametrize(("rows", "contamination"), [(99, 0.1), (999, 0.001)])
def test_too_few_rows_are_refused(rows: int, contamination: float) -> None:
    message = rf"sample has {rows} rows, and a contamination of {contamination} needs at least {rows + 1}"
    with pytest.raises(ConfigurationError, match=message):
        fitted("ecod", numbers(rows, np.random.default_rng(11)), contamination=contamination)


def test_a_detector_that_would_take_too_long_is_fitted_on_some_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit, "MOST_ROWS", {"ecod": 200})
    assert 200 == fitted("ecod", numbers(500, np.random.default_rng(12))).rows


def test_huge_and_infinite_numbers_are_scored() -> None:
    random = np.random.default_rng(13)
    model = fitted("iforest", numbers(300, random), parameters={"n_estimators": 10})
    values = np.full((3, WIDTH), 1.0)
    values[0, 0], values[1, 1] = 1e300, -1e300
    found = model.percentiles(values)
    assert np.isfinite(found).all()
    assert min(found[:2]) > found[2]
