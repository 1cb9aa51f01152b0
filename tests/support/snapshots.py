"""Snapshots for tests: columns with real quantile bins, windows with scores computed from their counts.

``rich_snapshot`` has two models with everything a snapshot can hold; the small functions build others.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import ncx2

from drift_exporter.reference.model import CategoricalColumn, Column, Kind, NumericColumn, Reference
from drift_exporter.snapshot import (
    CONFIDENCE_BOUNDS,
    EVALUATION_BOUNDS,
    LATENCY_BOUNDS,
    ColumnDrift,
    ColumnTotals,
    Exemplar,
    Histogram,
    ModelSnapshot,
    Snapshot,
    SourceSnapshot,
    VersionSnapshot,
    WindowSnapshot,
)

NOW = 1_767_225_600.0  # 2026-01-01 00:00:00 UTC
HOUR = 3600.0
WINDOW_SECONDS = {"1h": HOUR, "24h": 24 * HOUR, "7d": 168 * HOUR}


def numeric_column(
    name: str, values: ArrayLike, *, kind: Kind = "feature", missing: int = 0, bins: int = 10, fine: int = 40
) -> NumericColumn:
    """A numeric column whose reference is ``values``; one bin each where there are few distinct ones."""
    data = np.sort(np.asarray(values, dtype=np.float64))
    distinct = np.unique(data)
    if len(distinct) <= bins:
        edges = fine_edges = distinct[:-1]
    else:
        fine_edges = _quantiles(data, np.arange(1, fine) / fine)
        edges = _quantiles(data, np.arange(1, bins) / bins)
        fine_edges = np.union1d(edges, fine_edges)
    index = np.searchsorted(fine_edges, data, side="left")
    return NumericColumn(
        name=name,
        kind=kind,
        edges=edges,
        fine_edges=fine_edges,
        fine_counts=np.bincount(index, minlength=len(fine_edges) + 1),
        fine_sums=np.bincount(index, weights=data, minlength=len(fine_edges) + 1),
        missing=missing,
        mean=float(data.mean()),
        standard_deviation=float(data.std()),
        minimum=float(data[0]),
        maximum=float(data[-1]),
    )


def _quantiles(data: NDArray[np.float64], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    edges = np.unique(np.quantile(data, shares, method="inverted_cdf"))
    return edges[edges < data[-1]]


def categorical_column(
    name: str, counts: Mapping[str, int], kind: Kind = "feature", other: int = 0, missing: int = 0
) -> CategoricalColumn:
    """A categorical column whose reference has these counts, most frequent first."""
    by_count = sorted(counts, key=lambda c: -counts[c])
    return CategoricalColumn(
        name, kind, tuple(by_count), np.array([counts[c] for c in by_count], dtype=np.int64), other, missing
    )


def count_numeric(column: NumericColumn, values: ArrayLike, missing: int = 0) -> NDArray[np.int64]:
    """Counts of the exported bins."""
    index = np.searchsorted(column.edges, np.asarray(values, dtype=np.float64), side="left")
    return np.append(np.bincount(index, minlength=len(column.edges) + 1), missing)


def count_categories(
    column: CategoricalColumn, counts: Mapping[str, int], missing: int = 0
) -> NDArray[np.int64]:
    """Counts of the exported bins; an unseen category is ``other``."""
    other = sum(count for category, count in counts.items() if category not in column.categories)
    return np.array([*(counts.get(c, 0) for c in column.categories), other, missing], dtype=np.int64)


def column_drift(
    column: Column,
    current: NDArray[np.int64],
    *,
    tolerance: float = 0.05,
    mean: float | None = None,
    threshold: float = 0.95,
) -> ColumnDrift:
    """One column compared: PSI with half a count in each bin, distances, and the tolerance test."""
    reference = column.export(column.counts)
    used = (reference + current) > 0
    bins = int(used.sum())
    n, m = int(current.sum()), int(reference.sum())
    p = (reference[used] + 0.5) / (m + 0.5 * bins)
    q = (current[used] + 0.5) / (n + 0.5 * bins)
    psi = float(np.sum((q - p) * np.log(q / p)))
    hellinger = float(np.sqrt(max(0.0, 1 - np.sum(np.sqrt(p * q)))))
    middle = (p + q) / 2
    divergence = (np.sum(p * np.log2(p / middle)) + np.sum(q * np.log2(q / middle))) / 2
    scores = {
        "psi": psi,
        "jensenshannon": float(np.sqrt(max(0.0, divergence))),
        "hellinger": hellinger,
        "linf": float(np.max(np.abs(p - q))),
    }
    size = n * m / (n + m)
    confidence = float(ncx2.cdf(size * psi, max(bins - 1, 1), size * tolerance))
    return ColumnDrift(
        column=column,
        current=current,
        scores=scores,
        tolerance=tolerance,
        confidence=confidence,
        adjusted_confidence=confidence**2,
        drifted=confidence**2 >= threshold,
        mean=mean,
    )


def histogram(
    bounds: Sequence[float], values: ArrayLike, exemplars: Mapping[int, Exemplar] | None = None
) -> Histogram:
    """Values counted into inclusive buckets."""
    data = np.asarray(values, dtype=np.float64)
    counts = np.bincount(np.searchsorted(bounds, data, side="left"), minlength=len(bounds) + 1)
    return Histogram(tuple(bounds), counts, float(data.sum()), exemplars or {})


def window(
    name: str, columns: Iterable[ColumnDrift] = (), *, samples: int | None = None, end: float = NOW
) -> WindowSnapshot:
    """A window that holds ``columns``, or none of them where there were too few records."""
    held = tuple(columns)
    counted = int(held[0].current.sum()) if held else 0
    return WindowSnapshot(
        name=name,
        start=end - WINDOW_SECONDS.get(name, HOUR),
        end=end,
        samples=counted if samples is None else samples,
        columns=held,
        drifted_ratio=sum(c.drifted for c in held) / len(held) if held else None,
        dataset_confidence=max(c.adjusted_confidence for c in held) if held else None,
    )


def reference(model: str, columns: Sequence[Column]) -> Reference:
    """A reference over ``columns`` of ninety days before ``NOW``."""
    return Reference(
        model=model,
        rows=int(columns[0].counts.sum()) if columns else 0,
        columns=tuple(columns),
        created=NOW - 90 * 24 * HOUR,
        fingerprint="0f1e2d3c",
        start=NOW - 200 * 24 * HOUR,
        end=NOW - 100 * 24 * HOUR,
    )


def version(
    name: str = "unversioned",
    *,
    model: str = "fraud",
    columns: Sequence[Column] = (),
    windows: Iterable[WindowSnapshot] = (),
    predictions: int = 1000,
    with_reference: bool = True,
    last_timestamp: float | None = NOW,
) -> VersionSnapshot:
    """A version without errors, latency and confidence; its totals are the last window's counts."""
    held = tuple(windows)
    counted = {c.column.name: c.current for w in held for c in w.columns}
    return VersionSnapshot(
        version=name,
        predictions=predictions,
        errors=None,
        latency=None,
        confidence=None,
        last_timestamp=last_timestamp,
        columns=tuple(
            ColumnTotals(c, counted.get(c.name, np.zeros(len(c.bins), dtype=np.int64))) for c in columns
        ),
        windows=held,
        reference=reference(model, columns) if with_reference else None,
    )


def model(
    name: str = "fraud",
    versions: Iterable[VersionSnapshot] = (),
    *,
    problem: str | None = None,
    dropped_series: Mapping[str, int] | None = None,
    invalid: Mapping[tuple[Kind, str], int] | None = None,
    late: Mapping[str, int] | None = None,
) -> ModelSnapshot:
    """A binary model of high impact."""
    return ModelSnapshot(
        name=name,
        task="binary",
        impact="high",
        team="risk-ml",
        reference=f"{name}.json",
        versions=tuple(versions),
        invalid=invalid or {},
        late=late or {},
        dropped_series=dropped_series or {},
        problem=problem,
        evaluation_duration=histogram(EVALUATION_BOUNDS, [0.004, 0.012, 0.3]),
    )


def snapshot(models: Iterable[ModelSnapshot] = (), sources: Iterable[SourceSnapshot] = ()) -> Snapshot:
    """A snapshot as of ``NOW``."""
    return Snapshot(
        NOW, tuple(models), tuple(sources), config_reload_successful=True, config_reload_timestamp=NOW - HOUR
    )


def source(name: str = "fraud/predictions", *, problem: str | None = None) -> SourceSnapshot:
    """A file source that has read most of what there is."""
    return SourceSnapshot(
        name=name,
        type="file",
        up=problem is None,
        records=123_456,
        bytes=51_357_696,
        rejected={"not JSON": 12, "no timestamp": 3},
        lag_bytes=4096,
        watermark=NOW - 2.5,
        problem=problem,
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
    return window(name, drifts)


def _tally(values: NDArray[np.str_]) -> dict[str, int]:
    names, counts = np.unique(values, return_counts=True)
    return dict(zip(names.tolist(), counts.tolist(), strict=True))


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
            WindowSnapshot("24h", NOW - 24 * HOUR, NOW, 250, drifts, 0.5, 0.984375),
        ),
        reference=reference("churn", (age, prediction)),
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
