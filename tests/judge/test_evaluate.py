import math
from dataclasses import replace

import numpy as np
import pytest

from drift_exporter.judge.confidence import drift_confidence
from drift_exporter.judge.evaluate import Criteria, confidences_of, judge_window
from drift_exporter.judge.scores import drift_scores
from drift_exporter.reference.bins import categorical_column, numeric_column
from drift_exporter.reference.model import (
    FloatArray,
    IntArray,
    Kind,
    NumericColumn,
    Reference,
    WindowCalibration,
)
from drift_exporter.snapshot import WindowSnapshot
from support.counting import count_numbers

SAMPLES = 1000
CATEGORIES = {"a": 6000, "b": 3000, "c": 1000}


def reference_of(columns: int) -> Reference:
    """Numeric columns x0, x1, ... with a categorical one, ``kind_of``, in the middle."""
    random = np.random.default_rng(7)
    numeric = [numeric_column(f"x{i}", "feature", random.normal(size=10_000)) for i in range(columns)]
    middle = columns // 2
    categorical = categorical_column("kind_of", "feature", CATEGORIES, 0, 50)
    return Reference("m", 10_000, (*numeric[:middle], categorical, *numeric[middle:]), 0.0, "digest")


def window_of(reference: Reference, shifts: dict[str, float], seed: int) -> tuple[IntArray, FloatArray]:
    random = np.random.default_rng(seed)
    counts, sums = [], []
    for column in reference.columns:
        if isinstance(column, NumericColumn):
            values = random.normal(shifts.get(column.name, 0.0), 1, SAMPLES)
            own_counts, own_sums = count_numbers(column, values)
            counts.append(own_counts)
            sums.append(own_sums)
        else:
            shares = np.array([0.6, 0.3, 0.1, 0.0, 0.0])
            counts.append(random.multinomial(SAMPLES, shares).astype(np.int64))
    return np.concatenate(counts), np.concatenate(sums)


def judged(
    reference: Reference, shifts: dict[str, float], tolerances: dict[str, float], seed: int = 1
) -> WindowSnapshot:
    content = window_of(reference, shifts, seed)
    return judge_window("1h", 0.0, 3600.0, reference, *content, SAMPLES, Criteria(tolerances))


def test_the_shifted_columns_are_told_from_the_others() -> None:
    reference = reference_of(20)
    window = judged(reference, {"x3": 0.5, "x15": -0.5}, {})
    assert ("1h", 0.0, 3600.0, SAMPLES) == (window.name, window.start, window.end, window.samples)
    assert list(reference.columns) == [drift.column for drift in window.columns]
    assert {"x3", "x15"} == {drift.column.name for drift in window.columns if drift.drifted}
    assert window.drifted_ratio == pytest.approx(2 / 21)
    assert window.dataset_confidence == max(drift.adjusted_confidence for drift in window.columns)
    assert window.dataset_confidence is not None
    assert window.dataset_confidence > 0.99


def test_each_column_gets_its_own_counts_and_sums() -> None:
    reference = reference_of(4)
    counts, sums = window_of(reference, {"x1": 1.0}, seed=3)
    window = judge_window("1h", 0.0, 1.0, reference, counts, sums, SAMPLES, Criteria())
    first_count = first_sum = 0
    for drift in window.columns:
        own = counts[first_count : first_count + drift.column.size]
        first_count += drift.column.size
        if isinstance(drift.column, NumericColumn):
            own_sums = sums[first_sum : first_sum + drift.column.size - 1]
            first_sum += drift.column.size - 1
            assert drift_scores(drift.column, own, own_sums) == drift.scores
            assert drift.mean == pytest.approx(1.0 if drift.column.name == "x1" else 0.0, abs=0.15)
        else:
            assert drift_scores(drift.column, own) == drift.scores
            assert drift.mean is None
        assert drift.column.export(own).tolist() == drift.current.tolist()
        assert len(drift.column.bins) == len(drift.current)


def test_tolerances_go_by_name() -> None:
    reference = reference_of(4)
    window = judged(reference, {"x0": 0.5, "x1": 0.5}, {"x0": 0.8})
    by_name = {drift.column.name: drift for drift in window.columns}
    assert by_name["x0"].tolerance == 0.8
    assert not by_name["x0"].drifted
    assert by_name["x1"].tolerance == 0.05
    assert by_name["x1"].drifted
    assert by_name["x0"].scores["psi"] == pytest.approx(by_name["x1"].scores["psi"], rel=0.5)


def test_fewer_than_fifty_records_are_not_judged() -> None:
    reference = reference_of(3)
    counts, sums = window_of(reference, {"x0": 3.0}, seed=1)
    window = judge_window("1h", 0.0, 1.0, reference, counts, sums, 49, Criteria(minimum_records=50))
    assert (49, (), None, None) == (
        window.samples,
        window.columns,
        window.drifted_ratio,
        window.dataset_confidence,
    )


def test_among_many_columns_none_is_called_drifted_by_chance() -> None:
    # Tolerance 0: the plain test, which calls one column in twenty drifted on its own.
    reference = reference_of(60)
    tolerances = {column.name: 0.0 for column in reference.columns}
    windows = [judged(reference, {}, tolerances, seed) for seed in range(20)]
    alone = np.mean([[drift.confidence >= 0.95 for drift in window.columns] for window in windows])
    adjusted = np.mean([[drift.drifted for drift in window.columns] for window in windows])
    assert 0.02 <= alone <= 0.09
    assert adjusted <= 0.005


def test_a_mean_that_is_not_finite_is_none() -> None:
    column = numeric_column("x", "feature", np.arange(100.0))
    reference = Reference("m", 100, (column,), 0.0, "digest")
    values = np.full(60, 1.7e308)
    window = judge_window("1h", 0.0, 1.0, reference, *count_numbers(column, values), 60, Criteria())
    assert window.columns[0].mean is None
    assert window.columns[0].drifted
    assert all(math.isfinite(score) for score in window.columns[0].scores.values())


def test_a_column_that_is_all_missing_has_no_mean_and_has_drifted() -> None:
    column = numeric_column("x", "feature", np.arange(1000.0))
    reference = Reference("m", 1000, (column,), 0.0, "digest")
    content = count_numbers(column, np.full(60, np.nan))
    window = judge_window("1h", 0.0, 1.0, reference, *content, 60, Criteria())
    assert window.columns[0].mean is None
    assert window.columns[0].drifted
    assert "ks" not in window.columns[0].scores


def test_no_columns_nothing_to_say() -> None:
    reference = Reference("m", 100, (), 0.0, "digest")
    window = judge_window("1h", 0.0, 1.0, reference, np.empty(0, np.int64), np.empty(0), 60, Criteria())
    assert window.columns == ()
    assert window.drifted_ratio is None


def test_counts_of_another_reference_are_refused() -> None:
    reference = reference_of(2)
    counts, sums = window_of(reference, {}, seed=1)
    with pytest.raises(ValueError, match="do not fit the reference's columns"):
        judge_window("1h", 0.0, 1.0, reference, counts[:-1], sums, SAMPLES, Criteria())
    with pytest.raises(ValueError, match="do not fit the reference's columns"):
        judge_window("1h", 0.0, 1.0, reference, counts, sums[:-1], SAMPLES, Criteria())


def test_labels_that_are_not_there_yet_are_no_drift() -> None:
    feature = categorical_column("country", "feature", {"de": 500, "fr": 500}, 0, 50)
    label = categorical_column("label", "label", {"0": 900, "1": 100}, 0, 50)
    reference = Reference("fraud", 1000, (feature, label), 0.0, "f")
    without = np.concatenate([feature.counts, [0, 0, 0, 1000]])
    window = judge_window("1h", 0.0, 1.0, reference, without, np.zeros(0), 1000, Criteria())
    assert ["country"] == [drift.column.name for drift in window.columns]
    with_labels = np.concatenate([feature.counts, [0, 900, 0, 100]])
    window = judge_window("1h", 0.0, 1.0, reference, with_labels, np.zeros(0), 1000, Criteria())
    assert [("country", False), ("label", True)] == [(d.column.name, d.drifted) for d in window.columns]


def test_a_shift_has_to_hold() -> None:
    reference = reference_of(20)
    content = window_of(reference, {"x3": 0.5, "x15": -0.5}, 1)

    def judged_after(earlier: list[dict[tuple[Kind, str], float]] | None) -> WindowSnapshot:
        return judge_window("1h", 0.0, 3600.0, reference, *content, SAMPLES, Criteria(), earlier)

    first = judged_after([])
    sure = dict(confidences_of(first))
    unsure = sure | {("feature", "x3"): 0.5}

    assert (first.drifted_ratio, first.dataset_confidence) == (
        judged_after([sure, sure]).drifted_ratio,
        judged_after([sure, sure]).dataset_confidence,
    )
    later = judged_after([sure, unsure])
    assert {"x15"} == {drift.column.name for drift in later.columns if drift.drifted}
    # What a column's own evaluation says stays as it is.
    assert [one.confidence for one in first.columns] == [one.confidence for one in later.columns]
    # A column that was not there before has not held.
    assert {"x15"} == {
        drift.column.name
        for drift in judged_after([{key: p for key, p in sure.items() if key != ("feature", "x3")}]).columns
        if drift.drifted
    }
    unknown = judged_after(None)
    assert (None, None) == (unknown.drifted_ratio, unknown.dataset_confidence)
    assert [] == [drift for drift in unknown.columns if drift.drifted]
    assert [one.confidence for one in first.columns] == [one.confidence for one in unknown.columns]


def test_records_that_depend_on_each_other_count_less() -> None:
    reference = reference_of(2)
    content = window_of(reference, {"x0": 0.3, "x1": 0.3}, 1)
    effects = np.ones(len(reference.columns))
    effects[0] = 20.0
    none = np.zeros(len(effects), dtype=np.int64)
    known = WindowCalibration(3600.0, 100, float(SAMPLES), False, effects, 0, none, none)  # noqa: FBT003
    window = judge_window(
        "1h", 0.0, 3600.0, replace(reference, calibration=(known,)), *content, SAMPLES, Criteria()
    )
    plain = judge_window("1h", 0.0, 3600.0, reference, *content, SAMPLES, Criteria())

    assert [SAMPLES / 20, SAMPLES] == pytest.approx([one.effective_samples for one in window.columns[:2]])
    assert window.columns[2].confidence == plain.columns[2].confidence
    column = reference.columns[0]
    assert window.columns[0].confidence == pytest.approx(
        drift_confidence(column.exported_counts, plain.columns[0].current, 0.05, 20.0, quantiles=True)
    )
    assert window.columns[0].confidence < plain.columns[0].confidence
    assert window.columns[0].scores == plain.columns[0].scores
