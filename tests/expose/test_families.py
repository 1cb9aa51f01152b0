"""Snapshots become series: nothing unknown as zero, whole columns within the limit, buckets that add up."""

from dataclasses import replace

import numpy as np
import pytest

from drift_exporter.expose import catalogue
from drift_exporter.expose.families import families, select
from drift_exporter.expose.series import Series, model_parts
from drift_exporter.reference.model import CategoricalColumn
from drift_exporter.snapshot import Exemplar, Histogram, Snapshot
from support import snapshots as build

NO_LIMIT = 10**9


def series_of(snapshot: Snapshot, limit: int = NO_LIMIT) -> list[Series]:
    return list(select(snapshot, limit).series)


def values(snapshot: Snapshot, metric: catalogue.MetricDefinition) -> dict[tuple[str, ...], object]:
    return {s.labels: s.value for s in series_of(snapshot) if s.metric is metric}


def names(series: list[Series]) -> set[str]:
    return {s.metric.name for s in series}


def test_a_model_before_its_first_record_has_its_info_and_no_numbers() -> None:
    series = series_of(build.snapshot([build.model("idle")]))
    info = [s.labels for s in series if s.metric is catalogue.MODEL_INFO]
    assert info == [("idle", "unversioned", "binary", "high", "risk-ml", "idle.json")]
    assert {
        "model_info",
        "drift_exporter_build_info",
        "drift_exporter_config_last_reload_successful",
        "drift_exporter_config_last_reload_success_timestamp_seconds",
        "drift_exporter_evaluation_success",
        "drift_exporter_evaluation_duration_seconds",
        "drift_exporter_checkpoint_timestamp_seconds",
        "drift_exporter_checkpoint_duration_seconds",
        "drift_exporter_dropped_series_total",
    } == names(series)


def test_a_window_with_too_few_records_has_its_count_and_no_scores() -> None:
    columns = build.fraud_columns()
    few = build.version(columns=columns, windows=[build.window("1h", samples=12)])
    series = series_of(build.snapshot([build.model(versions=[few])]))
    absent = {
        catalogue.DRIFT_SCORE.name,
        catalogue.DRIFT_TOLERANCE.name,
        catalogue.DRIFT_CONFIDENCE.name,
        catalogue.DRIFTED_COLUMNS.name,
        catalogue.DATASET_DRIFT_CONFIDENCE.name,
        catalogue.PREDICTION_ERRORS.name,
        catalogue.PREDICTION_LATENCY.name,
        catalogue.PREDICTION_CONFIDENCE.name,
    }
    assert not absent & names(series)
    assert [s.value for s in series if s.metric is catalogue.WINDOW_SAMPLES] == [12]


def test_a_score_that_is_not_a_number_is_absent() -> None:
    column = build.categorical_column("country", {"DE": 5, "FR": 5})
    drift = replace(
        build.column_drift(column, np.array([9, 1, 0, 0])), scores={"psi": 0.5, "chi2": float("nan")}
    )
    one = build.version(columns=[column], windows=[build.window("1h", [drift])])
    scores = values(build.snapshot([build.model(versions=[one])]), catalogue.DRIFT_SCORE)
    assert scores == {("fraud", "unversioned", "country", "feature", "psi", "1h"): 0.5}


def test_intervals_are_those_of_the_methods_that_are_asked_for() -> None:
    column = build.categorical_column("country", {"DE": 5, "FR": 5})
    intervals = {"psi": (0.25, 0.75), "hellinger": (0.125, 0.5)}
    drift = replace(
        build.column_drift(column, np.array([9, 1, 0, 0])), intervals=intervals, scores={"psi": 0.5}
    )
    one = build.version(columns=[column], windows=[build.window("1h", [drift])])
    model = replace(build.model(versions=[one]), interval_methods=("hellinger", "ks"))
    labels = ("fraud", "unversioned", "country", "feature", "hellinger", "1h")
    assert {labels: 0.125} == values(build.snapshot([model]), catalogue.DRIFT_SCORE_LOWER)
    assert {labels: 0.5} == values(build.snapshot([model]), catalogue.DRIFT_SCORE_UPPER)
    without = build.snapshot([replace(model, interval_methods=())])
    assert {} == values(without, catalogue.DRIFT_SCORE_LOWER) | values(without, catalogue.DRIFT_SCORE_UPPER)


def test_a_column_without_a_share_of_the_drift_has_no_series_of_it() -> None:
    columns = [build.categorical_column(name, {"DE": 5, "FR": 5}) for name in ("country", "city", "street")]
    shares = (0.75, None, 0.0)
    drifts = [
        replace(build.column_drift(column, np.array([9, 1, 0, 0])), contribution=share)
        for column, share in zip(columns, shares, strict=True)
    ]
    one = build.version(columns=columns, windows=[build.window("1h", drifts)])
    expected = {
        ("fraud", "unversioned", "country", "feature", "1h"): 0.75,
        ("fraud", "unversioned", "street", "feature", "1h"): 0.0,
    }
    assert expected == values(build.snapshot([build.model(versions=[one])]), catalogue.DRIFT_CONTRIBUTION)


def test_the_tolerance_is_said_once_for_all_windows() -> None:
    snapshot = build.rich_snapshot()
    labels = [s.labels for s in series_of(snapshot) if s.metric is catalogue.DRIFT_TOLERANCE]
    assert len(set(labels)) == len(labels) == 14
    tolerances = values(snapshot, catalogue.DRIFT_TOLERANCE)
    assert tolerances["fraud", "2.1.0", "amount", "feature", "psi"] == 0.1


def test_the_confidence_is_that_of_the_column_alone() -> None:
    exposed = values(build.small_snapshot(), catalogue.DRIFT_CONFIDENCE)
    assert exposed["churn", "1.4.0", "age", "feature", "24h"] == 0.9921875


def test_reference_ratios_are_raw_shares_that_add_up_to_one() -> None:
    snapshot = build.rich_snapshot()
    shares: dict[tuple[str, ...], float] = {}
    for labels, value in values(snapshot, catalogue.COLUMN_REFERENCE).items():
        shares[labels[:-1]] = shares.get(labels[:-1], 0.0) + float(str(value))
    assert len(shares) == 14
    assert pytest.approx(1.0) == min(shares.values())
    assert pytest.approx(1.0) == max(shares.values())
    ratios = values(build.small_snapshot(), catalogue.COLUMN_REFERENCE)
    assert {k[-1]: v for k, v in ratios.items() if k[2] == "age"} == {
        "0": 0.4,
        "1": 0.4,
        "2": 0.16,
        "missing": 0.04,
    }
    assert {k[-1]: v for k, v in ratios.items() if k[2] == "prediction"} == {
        "no": 0.75,
        "yes": 0.25,
        "other": 0.0,
        "missing": 0.0,
    }


def test_bins_of_the_reference_and_of_the_counter_are_the_same() -> None:
    snapshot = build.rich_snapshot()
    assert set(values(snapshot, catalogue.COLUMN_BIN)) == set(values(snapshot, catalogue.COLUMN_REFERENCE))


def test_upper_bounds_are_those_of_numeric_bins_and_end_open() -> None:
    bounds = values(build.small_snapshot(), catalogue.COLUMN_UPPER_BOUND)
    assert {
        ("churn", "1.4.0", "age", "feature", "0"): 30.0,
        ("churn", "1.4.0", "age", "feature", "1"): 50.0,
        ("churn", "1.4.0", "age", "feature", "2"): float("inf"),
    } == bounds


def test_a_feature_called_like_a_role_keeps_its_own_bins_and_shares_the_invalid_values() -> None:
    feature = build.numeric_column("score", np.arange(100.0))
    role = build.numeric_column("score", np.arange(100.0) / 100, kind="score")
    one = build.version(columns=[feature, role])
    invalid = {("feature", "score"): 2, ("score", "score"): 3}
    snapshot = build.snapshot([build.model(versions=[one], invalid=invalid)])
    bounds = values(snapshot, catalogue.COLUMN_UPPER_BOUND)
    assert bounds["fraud", "unversioned", "score", "feature", "0"] == 9.0
    assert bounds["fraud", "unversioned", "score", "score", "0"] == 0.09
    assert values(snapshot, catalogue.INVALID_VALUES) == {("fraud", "score"): 5}


def test_a_failed_evaluation_shows_for_its_model_alone() -> None:
    snapshot = build.rich_snapshot()
    assert values(snapshot, catalogue.EVALUATION_SUCCESS) == {("fraud",): 1, ("ranker",): 0}
    assert values(snapshot, catalogue.SOURCE_UP) == {("fraud/predictions",): 1, ("ranker/predictions",): 0}


def test_no_two_series_are_the_same() -> None:
    keys = [(s.metric.name, s.labels) for s in series_of(build.rich_snapshot())]
    assert len(set(keys)) == len(keys)


def test_labels_are_as_many_as_the_catalogue_says() -> None:
    assert all(len(s.metric.labels) == len(s.labels) for s in series_of(build.rich_snapshot()))


@pytest.mark.parametrize("limit", [0, 1, 80, 200, 400, 600, 10_000])
def test_the_limit_keeps_totals_then_drift_then_bins_in_whole_columns(limit: int) -> None:
    snapshot = build.rich_snapshot()
    series = select(snapshot, limit).series
    kept = {(s.metric, s.labels) for s in series}
    inside, outside = [], []
    for part in model_parts(snapshot):
        held = {(s.metric, s.labels) in kept for s in part.series}
        assert len(held) == 1
        (inside if held == {True} else outside).append(part)
    assert sum(part.size for part in inside) <= limit
    assert max((part.rank for part in inside), default=()) <= min((p.rank for p in outside), default=(9,))
    counted = {s.labels: s.value for s in series if s.metric is catalogue.DROPPED_SERIES}
    dropped = select(snapshot, limit).dropped
    for model in ("fraud", "ranker"):
        assert sum(part.size for part in outside if part.model == model) == dropped.get(model, 0)
    assert counted["fraud", "categories"] == 4


def test_what_is_about_the_exporter_itself_is_never_dropped() -> None:
    snapshot = build.rich_snapshot()
    kept = names(series_of(snapshot, 0))
    assert kept >= {"model_info", "drift_exporter_source_up", "drift_exporter_evaluation_success"}
    assert not kept & {"model_predictions_total", "model_drift_score", "model_column_bin_total"}


def test_series_that_are_dropped_are_counted_once_they_are_saved() -> None:
    kept, unkept = build.model("fraud"), replace(build.model("fraud"), checkpoint=None)
    version = build.rich_snapshot().models[0].versions
    for model, counted in ((kept, 7), (unkept, None)):
        snapshot = build.snapshot([replace(model, versions=version, dropped_series={"limit": 7})])
        selection = select(snapshot, 100)
        now = selection.dropped["fraud"]
        assert now > 0
        (series,) = [one for one in selection.series if one.metric is catalogue.DROPPED_SERIES]
        assert (("fraud", "limit"), 7 + now if counted is None else counted) == (series.labels, series.value)


def test_a_limit_starves_no_model() -> None:
    columns = [build.numeric_column(f"feature {i}", np.arange(100.0)) for i in range(20)]
    versions = [build.version(columns=columns)]
    both = build.snapshot([build.model("first", versions), build.model("second", versions)])
    bins = {s.labels[0] for s in series_of(both, 200) if s.metric is catalogue.COLUMN_BIN}
    assert {"first", "second"} == bins


def test_predictions_and_scores_are_kept_before_features() -> None:
    snapshot = build.rich_snapshot()
    fraud = replace(snapshot, models=snapshot.models[:1])
    totals = sum(part.size for part in model_parts(fraud) if part.rank[0] == 0)
    drift = sum(part.size for part in model_parts(fraud) if part.rank[0] == 1)
    kinds = {s.labels[3] for s in series_of(fraud, totals + drift + 60) if s.metric is catalogue.COLUMN_BIN}
    assert {"prediction"} <= kinds <= {"prediction", "score"}


def test_size_is_what_prometheus_counts() -> None:
    series = series_of(build.rich_snapshot())
    assert sum(s.size for s in series) == sum(len(family.samples) for family in families(series))


def histogram_samples(histogram: Histogram) -> list[tuple[str, str | None, float]]:
    [family] = families([Series(catalogue.EVALUATION_DURATION, ("m",), histogram)])
    return [(s.name.removeprefix(family.name), s.labels.get("le"), s.value) for s in family.samples]


def test_buckets_are_cumulative_and_end_with_the_count() -> None:
    samples = histogram_samples(Histogram((0.2, 1.0), np.array([3, 0, 2]), 7.5))
    assert samples == [
        ("_bucket", "0.2", 3),
        ("_bucket", "1.0", 3),
        ("_bucket", "+Inf", 5),
        ("_count", None, 5),
        ("_sum", None, 7.5),
    ]


def exemplar_of(trace_id: str) -> object:
    exemplars = {0: Exemplar(trace_id, 0.125, build.NOW)}
    series = Series(
        catalogue.EVALUATION_DURATION, ("m",), Histogram((0.2,), np.array([1, 0]), 0.125, exemplars)
    )
    return families([series])[0].samples[0].exemplar


def test_a_trace_becomes_an_exemplar_unless_openmetrics_has_no_room_for_it() -> None:
    assert exemplar_of("t" * 120) == ({"trace_id": "t" * 120}, 0.125, build.NOW)
    assert exemplar_of("t" * 121) is None
    assert exemplar_of("") is None


def test_a_lone_surrogate_does_not_break_the_output() -> None:
    column = CategoricalColumn("c\ud800", "feature", ("\udfff",), np.array([1]), 0, 0)
    one = build.version(columns=[column])
    labels = [
        s.labels
        for f in families(series_of(build.snapshot([build.model(versions=[one])])))
        for s in f.samples
    ]
    assert "c?" in {label["column"] for label in labels if "column" in label}
    "".join(value for label in labels for value in label.values()).encode()
