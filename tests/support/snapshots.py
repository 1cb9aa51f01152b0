"""Snapshots for tests: all that builds them under one name, and two whole ones.

``rich_snapshot`` has two models with everything a snapshot can hold; ``small_snapshot`` is one of everything
in numbers that never change.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from drift_exporter.reference.model import CategoricalColumn, Column, NumericColumn
from drift_exporter.snapshot import (
    ANOMALY_BOUNDS,
    CONFIDENCE_BOUNDS,
    EVALUATION_BOUNDS,
    LATENCY_BOUNDS,
    AnomalousRecord,
    AnomalySnapshot,
    AnomalyWindow,
    ColumnDrift,
    ColumnShare,
    ColumnTotals,
    CorrelationChange,
    Exemplar,
    Histogram,
    ModelSnapshot,
    MultivariateDrift,
    OddColumn,
    Onset,
    Snapshot,
    StreamSnapshot,
    VersionSnapshot,
    WindowSnapshot,
)
from support.builders import HOUR, NOW, model, reference, snapshot, source, version, window
from support.columns import (
    categorical_column,
    column_drift,
    count_categories,
    count_numeric,
    histogram,
    numeric_column,
)

__all__ = [
    "HOUR",
    "NOW",
    "categorical_column",
    "column_drift",
    "count_categories",
    "count_numeric",
    "fraud_columns",
    "fraud_window",
    "histogram",
    "model",
    "numeric_column",
    "onsets",
    "reference",
    "rich_snapshot",
    "small_snapshot",
    "snapshot",
    "source",
    "version",
    "window",
]


def onsets() -> tuple[Onset, ...]:
    """One of each sort: found, with one end, older than what is kept, and seen to begin."""
    return (
        Onset(NOW - 30 * HOUR, earliest=NOW - 31 * HOUR, latest=NOW - 20 * HOUR),
        Onset(NOW - 5 * HOUR, latest=NOW - 3 * HOUR),
        Onset(NOW - 24 * HOUR, before=True, latest=NOW - 2 * HOUR),
        Onset(NOW - HOUR),
    )


def fraud_columns() -> tuple[Column, ...]:
    """Columns of a card-fraud model: long-tailed, of few values, many categories, missing values, roles."""
    rng = np.random.default_rng(7)
    merchants = {f"merchant category {i:02d}": int(9000 / (i + 1)) for i in range(40)}
    return (
        numeric_column("amount", rng.lognormal(3.5, 1.2, 20_000).round(2), missing=37),
        numeric_column("age", rng.normal(44, 13, 20_000).round(), missing=37),
        numeric_column("cards_held", rng.binomial(4, 0.3, 20_037)),
        categorical_column("country", {"US": 11_000, "DE": 4000, "FR": 3000, "GB": 2000}, missing=37),
        categorical_column("merchant", merchants, other=100),
        categorical_column("prediction", {"0": 19_537, "1": 500}, kind="prediction"),
        numeric_column("score", rng.beta(1, 12, 20_037).round(6), kind="score"),
    )


def fraud_window(name: str, records: int, shift: float, columns: Sequence[Column]) -> WindowSnapshot:
    """``records`` of the fraud model's traffic; a larger ``shift`` in [0, 1] is older and from elsewhere."""
    rng = np.random.default_rng(records)
    amount, age, held, country, merchant, prediction, score = columns
    ages = rng.normal(44 + 18 * shift, 13, records).round()
    missing = int(0.04 * shift * records)
    places = rng.choice(
        ["US", "DE", "FR", "GB", "BR"], records, p=np.array([11, 4, 3, 2, 8 * shift]) / (20 + 8 * shift)
    )
    shares = np.append(merchant.counts[:-1], 0)[: len(merchant.categories)] / merchant.counts[:40].sum()
    merchants = rng.choice(merchant.categories, records, p=shares)
    positives = int(records * (0.025 + 0.05 * shift))
    amounts = rng.lognormal(3.5 + 0.1 * shift, 1.2, records - missing)
    drifts = (
        column_drift(
            amount, count_numeric(amount, amounts, missing), mean=float(amounts.mean()), tolerance=0.1
        ),
        column_drift(age, count_numeric(age, ages), mean=float(ages.mean())),
        column_drift(held, count_numeric(held, rng.binomial(4, 0.3, records)), mean=1.2),
        column_drift(country, count_categories(country, _tally(places))),
        column_drift(merchant, count_categories(merchant, _tally(merchants))),
        column_drift(prediction, count_categories(prediction, {"0": records - positives, "1": positives})),
        column_drift(score, count_numeric(score, rng.beta(1 + shift, 12, records)), mean=0.1),
    )
    explained = window(name, _explained(drifts))
    return replace(explained, multivariate=_together(columns, records, shift))


def _explained(drifts: Sequence[ColumnDrift]) -> list[ColumnDrift]:
    """With shares of the drift, those of the features' PSI."""
    parts = [d.scores["psi"] if d.drifted and d.column.kind == "feature" else 0.0 for d in drifts]
    return [replace(d, contribution=p / sum(parts)) if p else d for d, p in zip(drifts, parts, strict=True)]


def _together(columns: Sequence[Column], records: int, shift: float) -> tuple[MultivariateDrift, ...]:
    """All columns together, by every method."""
    amount, age, _, country, *_ = columns
    kept = min(records, 2_000)
    drifted = shift > 0.5
    shares = (ColumnShare(age, 0.5), ColumnShare(country, 0.25)) if drifted else ()
    pairs = (CorrelationChange(amount, age, -0.31, 0.998),) if drifted else ()
    sure = 0.4 + 0.598 * shift
    return (
        MultivariateDrift("pca", 0.1 + 0.5 * shift, 0.2, sure, kept, shares),
        MultivariateDrift("domain_classifier", 0.5 + 0.2 * shift, 0.55, sure, kept, shares[:1]),
        MultivariateDrift("mmd", 0.1 * shift, 0.03, sure, min(kept, 1_000)),
        MultivariateDrift("correlation", 0.06 + 0.25 * shift, 0.1, sure, kept, pairs=pairs),
    )


def _tally(values: NDArray[np.str_]) -> dict[str, int]:
    names, counts = np.unique(values, return_counts=True)
    return dict(zip(names.tolist(), counts.tolist(), strict=True))


def odd_records() -> tuple[AnomalousRecord, ...]:
    """Records with everything that may be shown of one, and one with nothing."""
    columns = (OddColumn("feature", "amount", 0.75, "9999"), OddColumn("feature", "country", 0.25))
    return (
        AnomalousRecord(NOW - 60, 0.999995, columns, "order 17", "4bf92f3577b34da6a3ce929d0e0e4736"),
        AnomalousRecord(NOW - HOUR, 0.9975, (), None, None),
    )


def anomalies(
    detector: str, *, confidence: float = 0.984375, records: tuple[AnomalousRecord, ...] | None = None
) -> AnomalySnapshot:
    """What a detector found in 1000 records: 31 anomalies in the last hour and day, where 10 are expected."""
    counts = np.array([500, 240, 140, 45, 30, 14, 10, 12, 6, 3, 0])
    exemplars = {
        7: Exemplar("4bf92f3577b34da6a3ce929d0e0e4736", 0.9975, NOW - 61.25),
        9: Exemplar("order 17", 0.999995, NOW - 60, "id"),
    }
    few = AnomalyWindow("1h", NOW - HOUR, NOW, 31, 5, 2, np.array([20, 9, 0, 0, 0, 0, 0, 2, 0, 0, 0]))
    return AnomalySnapshot(
        detector,
        expected=0.01,
        tolerated=0.02,
        scores=Histogram(ANOMALY_BOUNDS, counts, 515.625, exemplars),
        anomalies=31,
        skipped=250,
        windows=(
            few,
            AnomalyWindow("24h", NOW - 24 * HOUR, NOW, 1000, 250, 31, counts, 0.03125, confidence),
        ),
        records=odd_records() if records is None else records,
    )


def rich_snapshot() -> Snapshot:
    """Two models, three versions, windows of all kinds, exemplars, late, rejected and left out things."""
    columns = fraud_columns()
    rng = np.random.default_rng(11)
    drifted = version(
        "2.1.0",
        columns=columns,
        windows=(
            window("1h", samples=31),
            fraud_window("24h", 4000, 1.0, columns),
            fraud_window("7d", 30_000, 0.1, columns),
        ),
        predictions=30_000,
    )
    latency = histogram(
        LATENCY_BOUNDS,
        rng.lognormal(-2.5, 0.6, 30_000),
        {
            7: Exemplar("4bf92f3577b34da6a3ce929d0e0e4736", 0.181, NOW - 61.25),
            11: Exemplar("00f067aa0ba902b7", 0.7, NOW - 5),
            12: Exemplar("x" * 200, 1.7, NOW - 9),
        },
    )
    drifted = VersionSnapshot(
        version=drifted.version,
        predictions=drifted.predictions,
        errors=41,
        latency=latency,
        confidence=histogram(CONFIDENCE_BOUNDS, rng.beta(1, 12, 30_000)),
        last_timestamp=NOW - 2.5,
        columns=drifted.columns,
        windows=drifted.windows,
        reference=drifted.reference,
        streams=(
            StreamSnapshot("wrong", "adwin", 30_000, 1, NOW - HOUR, 0.0625, None),
            StreamSnapshot("wrong", "ddm", 30_000, 0, None, 0.05, warning=True),
        ),
        anomalies=(anomalies("hbos"), anomalies("iforest", confidence=0.25, records=())),
    )
    older = version(
        "2.0.3",
        columns=columns,
        windows=(
            window("1h", samples=0),
            window("24h", samples=12),
            fraud_window("7d", 9000, 0.0, columns),
        ),
        predictions=9000,
        last_timestamp=NOW - 30 * HOUR,
    )
    fraud = model(
        "fraud",
        (older, drifted),
        invalid={("feature", "amount"): 17, ("feature", "score"): 2, ("score", "score"): 3},
        late={"late": 5, "future": 1},
        dropped_series={"categories": 4},
    )
    unreferenced = version(with_reference=False, model="ranker", windows=(window("24h", samples=800),))
    ranker = model("ranker", (unreferenced,), problem="the reference ranker.json does not exist")
    broken = source("ranker/predictions", problem="logs/ranker: permission denied")
    return snapshot((fraud, ranker), (source(), broken))


def small_snapshot() -> Snapshot:
    """One of everything with numbers that are written down here, the same under every version of numpy."""
    age = NumericColumn(
        name="age",
        kind="feature",
        edges=np.array([30.0, 50.0]),
        fine_edges=np.array([20.0, 30.0, 50.0]),
        fine_counts=np.array([100, 300, 400, 160]),
        fine_sums=np.array([1900.0, 7800.0, 16400.0, 10000.0]),
        missing=40,
        mean=37.6,
        standard_deviation=13.5,
        minimum=18.0,
        maximum=90.0,
    )
    prediction = CategoricalColumn("prediction", "prediction", ("no", "yes"), np.array([750, 250]), 0, 0)
    drifts = (
        ColumnDrift(
            age,
            np.array([50, 75, 125, 0]),
            {"psi": 0.625, "ks": 0.25},
            0.1,
            0.9921875,
            0.984375,
            drifted=True,
            mean=51.5,
            effective_samples=62.5,
            intervals={"psi": (0.375, 0.9375), "ks": (0.125, 0.5)},
            contribution=1.0,
        ),
        ColumnDrift(
            prediction,
            np.array([190, 60, 0, 0]),
            {"psi": 0.015625},
            0.05,
            0.03125,
            0.0,
            drifted=False,
            mean=None,
            effective_samples=250.0,
        ),
    )
    together = (
        MultivariateDrift(
            "domain_classifier",
            0.6875,
            0.55,
            0.984375,
            250,
            (ColumnShare(age, 0.75), ColumnShare(prediction, 0.25)),
        ),
        MultivariateDrift(
            "correlation",
            0.375,
            0.1,
            0.96875,
            250,
            pairs=(CorrelationChange(age, prediction, -0.375, 0.96875),),
        ),
    )
    one = VersionSnapshot(
        version="1.4.0",
        predictions=1250,
        errors=3,
        latency=Histogram(
            LATENCY_BOUNDS,
            np.array([0, 0, 10, 200, 400, 300, 200, 100, 30, 5, 2, 1, 1, 0, 0, 1, 0]),
            118.75,
            {7: Exemplar("4bf92f3577b34da6a3ce929d0e0e4736", 0.1875, NOW - 61.25)},
        ),
        confidence=Histogram(CONFIDENCE_BOUNDS, np.array([62] * 20 + [0]), 651.5),
        last_timestamp=NOW - 2.5,
        columns=(
            ColumnTotals(age, np.array([400, 500, 310, 40])),
            ColumnTotals(prediction, np.array([940, 305, 0, 5])),
        ),
        windows=(
            WindowSnapshot("1h", NOW - HOUR, NOW, 31, (), None, None),
            WindowSnapshot("24h", NOW - 24 * HOUR, NOW, 250, drifts, 0.5, 0.984375, multivariate=together),
        ),
        reference=reference("churn", (age, prediction)),
        streams=(
            StreamSnapshot("wrong", "adwin", 1200, 1, NOW - HOUR, 0.0625, None),
            StreamSnapshot("error", "ddm", 1250, 0, None, 0.0024, warning=False),
        ),
        anomalies=(anomalies("hbos"),),
    )
    churn = ModelSnapshot(
        name="churn",
        task="binary",
        impact="high",
        team="growth",
        reference="churn.json",
        versions=(one,),
        invalid={("feature", "age"): 7},
        late={"late": 5, "future": 1},
        dropped_series={"categories": 4},
        problem=None,
        evaluation_duration=Histogram(EVALUATION_BOUNDS, np.array([0, 3, 9, 0, 1] + [0] * 9), 0.1875),
        interval_methods=("psi",),
    )
    idle = ModelSnapshot(
        "idle",
        "ranking",
        "low",
        "growth",
        "idle.json",
        (),
        {},
        {},
        {},
        "idle.json does not exist",
        Histogram(EVALUATION_BOUNDS, np.array([2] + [0] * 13), 0.0078125),
    )
    return snapshot(
        (churn, idle), (source("churn/predictions"), source("idle/predictions", problem="permission denied"))
    )
