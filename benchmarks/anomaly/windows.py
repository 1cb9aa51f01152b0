"""How often windows reach a confidence: of real records, and of simulated ones at what is tolerated."""

from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from detection.datasets import employment
from detection.rows import Rows
from drift_exporter.judge.anomaly.confidence import anomaly_confidence
from drift_exporter.judge.anomaly.fit import fit_anomaly
from drift_exporter.judge.anomaly.model import AnomalyModel
from drift_exporter.judge.anomaly.overdispersion import find_overdispersion
from drift_exporter.judge.anomaly.settings import AnomalySettings
from drift_exporter.reference.bins import categorical_column, numeric_column
from drift_exporter.reference.model import Column, FloatArray
from drift_exporter.reference.sample import LEARNED_ROWS

WINDOW = 1_000
TOLERANCES = (1.0, 0.0)
Generator = np.random.Generator


def real_windows() -> str:
    """Windows of 1,000 census answers of 2016 to 2018 against those of 2015."""
    lines = [
        "| order | detector | windows | anomalies | in the worst | tolerance 1: 0.9 | 0.99 | 0: 0.9 | 0.99 |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for order in ("random", "survey"):
        people = employment(order)
        columns = _columns(people.reference)
        some = np.sort(np.random.default_rng(0).permutation(len(people.reference))[:LEARNED_ROWS])
        known, records = _values(people.reference, columns)[some], _values(people.steady, columns)
        for detector in ("hbos", "ecod", "iforest"):
            model = fit_anomaly(known, columns, None, AnomalySettings(detector))
            flags = model.anomalous(model.percentiles(records))
            counts = flags[: len(flags) // WINDOW * WINDOW].reshape(-1, WINDOW).sum(axis=1).tolist()
            told = []
            for tolerance in TOLERANCES:
                sure = np.array([_confidence(model, count, WINDOW, 0.0, tolerance) for count in counts])
                told += [f"{np.count_nonzero(sure >= level)}" for level in (0.9, 0.99)]
            name = "shuffled within each year" if order == "random" else "as surveyed"
            lines.append(
                f"| {name} | `{detector}` | {len(counts)} | {100 * flags.mean():.2f} % | "
                f"{100 * max(counts) / WINDOW:.1f} % | {' | '.join(told)} |"
            )
            print(lines[-1], flush=True)
    return "\n".join(lines)


def _confidence(model: AnomalyModel, found: int, scored: int, seconds: float, tolerance: float) -> float:
    judged = _with(model, AnomalySettings(contamination=model.settings.contamination, tolerance=tolerance))
    confidence = anomaly_confidence(found, scored, seconds, judged)
    return -1.0 if confidence is None else confidence


def _with(model: AnomalyModel, settings: AnomalySettings) -> AnomalyModel:
    return AnomalyModel(**{**vars(model), "settings": settings})


def _columns(rows: Rows) -> list[Column]:
    columns: list[Column] = [
        numeric_column(name, "feature", values) for name, values in rows.numeric.items() if name != "score"
    ]
    for name, codes in rows.codes.items():
        if name != "prediction":
            counts = np.bincount(codes[codes >= 0], minlength=len(rows.categories[name])).tolist()
            seen = {text: count for text, count in zip(rows.categories[name], counts, strict=True) if count}
            columns.append(categorical_column(name, "feature", seen, int((codes < 0).sum()), 50))
    return columns


def _values(rows: Rows, columns: list[Column]) -> FloatArray:
    """Values (n, C) as ``reference.sampled`` has them."""
    found = []
    for column in columns:
        if column.name in rows.numeric:
            found.append(rows.numeric[column.name])
            continue
        known = {text: place for place, text in enumerate(column.categories)}
        other, missing = column.size - 2, column.size - 1
        table = np.array([*(known.get(text, other) for text in rows.categories[column.name]), missing])
        # Missing is -1, the last one.
        found.append(table[rows.codes[column.name]].astype(np.float64))
    return np.column_stack(found)


@dataclass(frozen=True)
class Traffic:
    """How the share of anomalies varies: its logarithm has a deviation, and is forgotten over some hours."""

    name: str
    deviation: float
    hours: float


TRAFFIC = (
    Traffic("independent records", 0.0, 1.0),
    Traffic("bursts of an hour, half to twice as many", 0.5, 1.0),
    Traffic("half days, half to twice as many", 0.5, 12.0),
    Traffic("hours, a third to three times as many", 1.0, 3.0),
)
WINDOWS = ((50, 1), (1_000, 1), (24_000, 24), (1_000_000, 168))
"""Records and hours."""

_STEPS = 6
"""Of an hour."""

REFERENCE, DAYS, REFERENCES, OF_EACH, SHARE = 20_000, 28, 100, 40, 0.01


def simulated_windows() -> str:
    """Of windows with just the tolerated share of anomalies, how many reach 0.9 and 0.99, in percent."""
    lines = [
        "| traffic | tolerance | " + " | ".join(f"{count:,} in {hours} h" for count, hours in WINDOWS) + " |",
        "|---|---:|" + "---:|" * len(WINDOWS),
    ]
    for traffic in TRAFFIC:
        for tolerance in (0.0, 1.0):
            cells = [_share(traffic, tolerance, *window) for window in WINDOWS]
            lines.append(f"| {traffic.name} | {tolerance:g} | {' | '.join(cells)} |")
            print(lines[-1], flush=True)
    return "\n".join(lines)


def _share(traffic: Traffic, tolerance: float, scored: int, hours: int) -> str:
    random = np.random.default_rng(1)
    some = random.normal(size=(100, 1))
    # Any model: its rows and bursts are replaced, and no record is scored.
    base = fit_anomaly(
        some,
        [numeric_column("x", "feature", some[:, 0])],
        None,
        AnomalySettings("ecod", contamination=SHARE, tolerance=tolerance),
    )
    sure: list[float] = []
    for _ in range(REFERENCES):
        times = np.sort(random.uniform(0, DAYS * 24, REFERENCE))
        rates = _rates(traffic, DAYS * 24, random)
        scores = 1 - random.uniform(size=REFERENCE) / rates[(times * _STEPS).astype(int)]
        threshold = np.sort(scores)[-round(SHARE * REFERENCE)]
        flags = (scores >= threshold).astype(float)
        known = find_overdispersion(flags, (times * 3.6e9).astype(np.int64))
        model = AnomalyModel(**{**vars(base), "rows": REFERENCE, "overdispersion": known})
        told: dict[int, float] = {}
        for _ in range(OF_EACH):
            rate = _rates(traffic, hours, random)[: hours * _STEPS].mean()
            found = int(random.binomial(scored, min(1.0, (1 + tolerance) * (1 - threshold) * rate)))
            if found not in told:
                told[found] = _confidence(model, found, scored, hours * 3600.0, tolerance)
            sure.append(told[found])
    return ", ".join(f"{100 * np.mean(np.array(sure) >= level):.1f}" for level in (0.9, 0.99))


def _rates(traffic: Traffic, hours: int, random: Generator) -> FloatArray:
    """How many times as many anomalies there are in each step of some hours; 1 on the average."""
    count = hours * _STEPS + 1
    if not traffic.deviation:
        return np.ones(count)
    kept = np.exp(-1 / (_STEPS * traffic.hours))
    noise = random.normal(size=count)
    noise[1:] *= np.sqrt(1 - kept**2)
    logarithm = traffic.deviation * lfilter([1.0], [1.0, -kept], noise)
    rates: FloatArray = np.exp(logarithm - traffic.deviation**2 / 2)
    return rates
