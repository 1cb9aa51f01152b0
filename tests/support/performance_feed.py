"""What an exporter with labels exposes, for dashboards and rules: a binary model with fairness."""

from collections.abc import Iterator, Mapping

VERSION = {"model": "clicks", "version": "1"}
METRICS = {"roc_auc": 0.71, "log_loss": 0.36}
WINDOWS = ("1h", "24h", "7d")
GROUPS = {"f": 0.25, "m": 0.4}
GROUP_METRICS = (
    "true_positive_rate",
    "false_positive_rate",
    "positive_predictive_value",
    "calibration_error",
)

Sample = tuple[str, Mapping[str, str], float]


def exposition(n: int) -> str:
    """The metrics as text, counters ``n`` times what they begin with."""
    samples = [*_gauges(), *((name, labels, value * n) for name, labels, value in _counters())]
    return "".join(f"{name}{{{_text(VERSION | dict(labels))}}} {value}\n" for name, labels, value in samples)


def _text(labels: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{value}"' for name, value in labels.items())


def _gauges() -> Iterator[Sample]:
    yield "model_info", {"task": "binary", "impact": "high", "team": "recommend", "reference": "r.json"}, 1
    yield "model_predictions_pending", {}, 40
    yield "model_labels_early", {}, 3
    for window in WINDOWS:
        w = {"window": window}
        yield "model_label_coverage_ratio", w, 0.6
        yield "model_concept_drift_confidence", w, 0.995
        yield "model_dataset_drift_confidence", w, 0.2
        yield (
            "model_drift_score",
            w | {"column": "score", "kind": "score", "method": "psi"},
            0.2,
        )
        for metric, value in METRICS.items():
            m = w | {"metric": metric}
            everything = m | {"segment": "", "segment_value": ""}
            yield "model_performance_reference", everything, value + 0.1
            for labels in (everything, m | {"segment": "country", "segment_value": "DE"}):
                yield "model_performance", labels, value
                yield "model_performance_lower", labels, value - 0.02
                yield "model_performance_upper", labels, value + 0.02
            yield "model_performance_drop_confidence", m, 0.999
            yield "model_performance_estimated", m, value + 0.05
            yield "model_performance_estimated_lower", m, value + 0.04
            yield "model_performance_estimated_upper", m, value + 0.06
            yield "model_performance_estimation_error", m, 0.05
            yield "model_performance_estimation_error_confidence", m, 0.3
        yield from _fairness(w | {"attribute": "gender"})


def _fairness(labels: Mapping[str, str]) -> Iterator[Sample]:
    for group, rate in GROUPS.items():
        g = dict(labels) | {"group": group}
        yield "model_fairness", g | {"metric": "records"}, 500
        yield "model_fairness", g | {"metric": "selection_rate"}, rate
        yield "model_fairness_lower", g | {"metric": "selection_rate"}, rate - 0.03
        yield "model_fairness_upper", g | {"metric": "selection_rate"}, rate + 0.03
        for metric in GROUP_METRICS:
            yield "model_fairness", g | {"metric": metric}, 0.3
    every = dict(labels) | {"group": ""}
    ratio = every | {"metric": "demographic_parity_ratio"}
    yield "model_fairness", ratio, 0.625
    yield "model_fairness_lower", ratio, 0.55
    yield "model_fairness_upper", ratio, 0.7
    yield "model_fairness_confidence", ratio, 0.995
    yield "model_fairness", every | {"metric": "equal_opportunity_difference"}, 0.1


def _counters() -> Iterator[Sample]:
    yield "model_predictions_total", {}, 300
    yield "model_labels_total", {}, 200
    yield "model_labels_rejected_total", {"reason": "unknown"}, 20
    for le, count in {"60": 120, "3600": 180, "+Inf": 200}.items():
        yield "model_label_delay_seconds_bucket", {"le": le}, count
    yield "model_label_delay_seconds_count", {}, 200
    for segment, value in (("", ""), ("gender", "f"), ("gender", "m")):
        for prediction in "01":
            for label in "01":
                yield (
                    "model_outcomes_total",
                    {"prediction": prediction, "label": label, "segment": segment, "segment_value": value},
                    150 if prediction == label else 50,
                )
    for bin_number in range(1, 21):
        upper = f"{bin_number / 20:g}"
        yield "model_score_outcomes_total", {"bin": upper, "label": "positive"}, bin_number
        yield "model_score_outcomes_total", {"bin": upper, "label": "negative"}, 21 - bin_number
        yield "model_score_outcomes_score_sum_total", {"bin": upper}, 21 * (bin_number - 0.5) / 20
