from pathlib import Path

import numpy as np
import pytest

from drift_exporter.count.layout import make_layout
from drift_exporter.decode.plan import (
    CODE_FIRST,
    CODE_MISSING,
    CODE_OTHER,
    CategoricalLeaf,
    NumericLeaf,
    Plan,
)
from drift_exporter.errors import ReferenceFileError
from drift_exporter.estimation import load_error_model
from drift_exporter.judge.estimation.dle import (
    ErrorModel,
    estimate_errors,
    estimate_regression,
    fit_error_model,
)
from drift_exporter.reference.bins import numeric_column
from drift_exporter.reference.build import build_reference
from drift_exporter.reference.model import CategoricalColumn, Column, FloatArray, Reference
from drift_exporter.reference.outcomes import ReferenceOutcomes
from support.logs import make_config, write_log

SPREAD = {"flat": 1.0, "house": 4.0}
PATHS = {("feature", "size"): ("size",), ("prediction", "prediction"): ("prediction",)}


def draw(
    random: np.random.Generator, rows: int, houses: float = 0.3, size: float = 1.0
) -> tuple[FloatArray, FloatArray]:
    """Values (rows, 3) of size, kind (flat 0, house 1) and prediction, and labels: errors grow with both."""
    sizes = size * random.lognormal(0, 0.5, rows)
    kinds = (random.random(rows) < houses).astype(np.float64)
    deviation = sizes * np.where(kinds == 1, SPREAD["house"], SPREAD["flat"])
    predictions = 10 * sizes
    return np.column_stack([sizes, kinds, predictions]), predictions + deviation * random.normal(size=rows)


def columns_of(values: FloatArray) -> tuple[Column, ...]:
    counts = np.bincount(values[:, 1].astype(int), minlength=2)
    return (
        numeric_column("size", "feature", values[:, 0]),
        CategoricalColumn("kind", "feature", ("flat", "house"), counts, 0, 0),
        numeric_column("prediction", "prediction", values[:, 2]),
    )


@pytest.fixture(scope="module")
def fitted() -> tuple[ErrorModel, tuple[Column, ...]]:
    values, labels = draw(np.random.default_rng(1), 12_000)
    columns = columns_of(values)
    model = fit_error_model(values, labels, columns)
    assert model is not None
    return model, columns


def estimate(
    fitted: tuple[ErrorModel, tuple[Column, ...]], values: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Estimates of records as the decoders give them, here with a category that was never seen known too."""
    model, columns = fitted
    plan = Plan(
        numeric=tuple(NumericLeaf(path, key[1], key[0]) for key, path in PATHS.items()),
        categorical=(CategoricalLeaf(("kind",), "kind", "feature", ("castle", "flat", "house")),),
    )
    layout = make_layout(Reference("prices", 1, columns, 0.0, ""), plan)
    codes = (values[:, 1] + CODE_FIRST + 1).astype(np.uint16)
    return estimate_errors(model, layout, (values[:, 0].copy(), values[:, 2].copy()), (codes,))


def test_intervals_hold_what_is_realised(fitted: tuple[ErrorModel, tuple[Column, ...]]) -> None:
    random = np.random.default_rng(2)
    inside = {"mean_absolute_error": 0, "root_mean_squared_error": 0}
    for _ in range(100):
        values, labels = draw(random, 1_000)
        absolute, squared = estimate(fitted, values)
        found = estimate_regression(fitted[0], np.array([absolute.sum(), squared.sum()]), 1_000)
        error = np.abs(values[:, 2] - labels)
        realised = {
            "mean_absolute_error": error.mean(),
            "root_mean_squared_error": np.sqrt(np.square(error).mean()),
        }
        assert set(inside) == set(found)
        for name, value in realised.items():
            inside[name] += found[name].lower <= value <= found[name].upper
    assert all(count >= 88 for count in inside.values()), inside


def test_a_shift_of_inputs_is_foreseen(fitted: tuple[ErrorModel, tuple[Column, ...]]) -> None:
    values, labels = draw(np.random.default_rng(3), 20_000, houses=0.8, size=1.3)
    absolute, squared = estimate(fitted, values)
    error = np.abs(values[:, 2] - labels)
    assert absolute.mean() == pytest.approx(error.mean(), rel=0.05)
    assert np.sqrt(squared.mean()) == pytest.approx(np.sqrt(np.square(error).mean()), rel=0.08)


def test_missing_and_unseen_values_have_estimates(fitted: tuple[ErrorModel, tuple[Column, ...]]) -> None:
    model, columns = fitted
    plan = Plan(
        numeric=tuple(NumericLeaf(path, key[1], key[0]) for key, path in PATHS.items()),
        categorical=(CategoricalLeaf(("kind",), "kind", "feature", ("flat", "house")),),
    )
    layout = make_layout(Reference("prices", 1, columns, 0.0, ""), plan)
    nothing = np.array([np.nan, np.inf, 1.0])
    codes = np.array([CODE_MISSING, CODE_OTHER, CODE_FIRST], dtype=np.uint16)
    absolute, squared = estimate_errors(model, layout, (nothing, nothing), (codes,))
    assert np.isfinite(absolute).all()
    assert np.isfinite(squared).all()
    assert min(absolute.min(), squared.min()) >= 0


def test_the_level_is_that_of_the_whole_reference() -> None:
    values, labels = draw(np.random.default_rng(4), 1_000)
    sums = {"absolute": 5_000.0, "squared": 80_000.0}
    columns = columns_of(values)
    model = fit_error_model(values, labels, columns, ReferenceOutcomes(2_000, errors=sums))
    assert model is not None
    assert model.rows == 2_000
    absolute, squared = estimate((model, columns), values)
    assert (2.5, 40.0) == pytest.approx((absolute.mean(), squared.mean()), rel=0.01)


def test_the_same_sample_gives_the_same_model() -> None:
    values, labels = draw(np.random.default_rng(5), 600)
    models = [fit_error_model(values, labels, columns_of(values)) for _ in range(2)]
    assert models[0] is not None
    assert models[1] is not None
    np.testing.assert_array_equal(models[0].forest.values, models[1].forest.values)


def test_why_there_is_no_model() -> None:
    values, labels = draw(np.random.default_rng(6), 300)
    columns = columns_of(values)
    assert fit_error_model(values[:, :2], labels, columns[:2]) is None
    assert fit_error_model(values[:150], labels[:150], columns) is None
    assert fit_error_model(values, values[:, 2] + 1.0, columns) is None
    assert fit_error_model(values, np.full(300, np.nan), columns) is None


def test_no_records_have_no_error(fitted: tuple[ErrorModel, tuple[Column, ...]]) -> None:
    assert {} == estimate_regression(fitted[0], np.zeros(2), 0)


def test_from_the_sample_of_a_reference(tmp_path: Path) -> None:
    values, labels = draw(np.random.default_rng(7), 12_000)
    names = ["flat", "house"]
    rows = [
        {"id": str(i), "prediction": own[2], "size": own[0], "kind": names[int(own[1])], "label": label}
        for i, (own, label) in enumerate(zip(values.tolist(), labels.tolist(), strict=True))
    ]
    fields = {"id": "id", "prediction": "prediction", "features": {"size": "size", "kind": "kind"}}
    later = {"source": {"type": "file", "path": "labels/*"}, "fields": {"id": "id", "label": "label"}}
    config = make_config(tmp_path, task="regression", fields=fields, labels=later)
    log = write_log(rows, tmp_path / "log.parquet")
    reference = build_reference(config, "loans", [log], output=tmp_path / "loans.json")
    assert [column.name for column in reference.columns] == ["prediction", "kind", "size"]
    model = load_error_model(config.models[0], None, reference)
    assert model is not None
    assert model.rows == 12_000
    # It is fitted once for all reloads.
    assert model is load_error_model(config.models[0], None, reference)
    error = np.abs(values[:, 2] - labels)
    assert reference.outcomes is not None
    assert reference.outcomes.errors["squared"] == pytest.approx(np.square(error).sum())
    (tmp_path / "loans.sample.parquet").unlink()
    with pytest.raises(ReferenceFileError, match="no such file"):
        load_error_model(config.models[0], None, reference)


def test_without_labels_there_is_none(tmp_path: Path) -> None:
    config = make_config(tmp_path, task="regression", fields={"prediction": "prediction"})
    log = write_log([{"prediction": float(i)} for i in range(300)], tmp_path / "log.ndjson")
    reference = build_reference(config, "loans", [log], output=tmp_path / "loans.json")
    assert load_error_model(config.models[0], None, reference) is None
