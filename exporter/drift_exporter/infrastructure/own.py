"""What is asked of the models themselves: PromQL over the metrics of this exporter and its replicas.

Each query gives one series for every model and version. Counters are added up over replicas first. Where a
model has no records in the range there is no value.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from drift_exporter.config.infrastructure import Direction
from drift_exporter.config.values import format_duration

SHORTEST_RANGE = 300.0

DIRECTIONS: Mapping[str, Direction] = {
    "latency_p95": "up",
    "error_ratio": "up",
    "false_negative_rate": "up",
    "accuracy": "down",
    "anomaly_ratio": "up",
}
"""Where harm lies; of any other metric on both sides."""


@dataclass(frozen=True)
class ModelFacts:
    """What a model's metrics are about. ``positive`` is its positive class as metrics name it, if any."""

    name: str
    latency: bool
    errors: bool
    outcomes: bool
    positive: str | None
    anomalies: bool


def built_in(metric: str, models: Sequence[ModelFacts], step: float) -> str | None:
    """The query of a metric; None where no model has it."""
    return _BUILDERS[metric](models, format_duration(max(SHORTEST_RANGE, 5 * step)))


def _latency(models: Sequence[ModelFacts], range_: str) -> str | None:
    of = _names([model.name for model in models if model.latency])
    if of is None:
        return None
    rate = f"rate(model_prediction_latency_seconds_bucket{{{of}}}[{range_}])"
    return f"histogram_quantile(0.95, sum by (model, version, le) ({rate}))"


def _throughput(models: Sequence[ModelFacts], range_: str) -> str | None:
    of = _names([model.name for model in models])
    return f"sum by (model, version) (rate(model_predictions_total{{{of}}}[{range_}]))"


def _error_ratio(models: Sequence[ModelFacts], range_: str) -> str | None:
    of = _names([model.name for model in models if model.errors])
    if of is None:
        return None
    errors, all_ = (
        f"sum by (model, version) (rate({name}{{{of}}}[{range_}]))"
        for name in ("model_prediction_errors_total", "model_predictions_total")
    )
    return f"{errors} / ({all_} > 0)"


def _false_negative_rate(models: Sequence[ModelFacts], range_: str) -> str | None:
    by_class: dict[str, list[str]] = {}
    for model in models:
        if model.outcomes and model.positive is not None:
            by_class.setdefault(model.positive, []).append(model.name)
    parts = []
    for positive, names in by_class.items():
        label = _quoted(positive)
        of = f'{_names(names)}, segment="", label={label}'
        total, missed = (
            f"sum by (model, version) (increase(model_outcomes_total{{{of}{more}}}[{range_}]))"
            for more in ("", f", prediction!={label}")
        )
        # Without a miss there may be no series of misses.
        parts.append(f"({missed} or {total} * 0) / ({total} > 0)")
    return " or ".join(parts) or None


def _accuracy(models: Sequence[ModelFacts], range_: str) -> str | None:
    of = _names([model.name for model in models if model.outcomes])
    if of is None:
        return None
    known = _outcomes(of, range_, ', label!="other"')
    same = f'label_replace(sum by (model, version, label) ({known}), "prediction", "$1", "label", "(.+)")'
    right = f"sum by (model, version) ({known} and on (model, version, prediction, label) {same})"
    total = f"sum by (model, version) ({_outcomes(of, range_)})"
    return f"({right} or {total} * 0) / ({total} > 0)"


def _outcomes(of: str, range_: str, more: str = "") -> str:
    increase = f'increase(model_outcomes_total{{{of}, segment=""{more}}}[{range_}])'
    return f"sum by (model, version, prediction, label) ({increase})"


def _anomaly_ratio(models: Sequence[ModelFacts], range_: str) -> str | None:
    of = _names([model.name for model in models if model.anomalies])
    if of is None:
        return None
    found, scored = (
        f"sum by (model, version, detector) (rate({name}{{{of}}}[{range_}]))"
        for name in ("model_anomalies_total", "model_anomaly_scored_records_total")
    )
    return f"max by (model, version) ({found} / ({scored} > 0))"


_BUILDERS: Mapping[str, Callable[[Sequence[ModelFacts], str], str | None]] = {
    "latency_p95": _latency,
    "throughput": _throughput,
    "error_ratio": _error_ratio,
    "false_negative_rate": _false_negative_rate,
    "accuracy": _accuracy,
    "anomaly_ratio": _anomaly_ratio,
}


def _names(names: Sequence[str]) -> str | None:
    """A matcher of models by name; None where there are none."""
    if not names:
        return None
    # Names have no other character that means something in a regular expression.
    return f"model=~{_quoted('|'.join(name.replace('.', '[.]') for name in names))}"


def _quoted(text: str) -> str:
    """A text as PromQL writes it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
