"""PromQL that several panels share.

Everything is summed (counters) or the highest taken (gauges) over exporters, so that neither job nor instance
matters: one process or many, the panels are the same.
"""


def rate(metric: str, matchers: str, by: str) -> str:
    """Increase per second of a counter, for each value of the labels ``by``."""
    return f"sum by ({by}) (rate({metric}{{{matchers}}}[$__rate_interval]))"


def errors(matchers: str, by: str) -> str:
    """Share of predictions that failed; absent where there were none."""
    failed = rate("model_prediction_errors_total", matchers, by)
    return f"{failed} / ({rate('model_predictions_total', matchers, by)} > 0)"


def quantile(q: float, metric: str, matchers: str, by: str) -> str:
    """A quantile of a histogram, estimated from its buckets."""
    buckets = rate(f"{metric}_bucket", matchers, f"{by}, le" if by else "le")
    return f"histogram_quantile({q}, {buckets})"


def highest(metric: str, matchers: str, by: str) -> str:
    """A gauge's highest value over exporters."""
    return f"max by ({by}) ({metric}{{{matchers}}})"


def share_of_bin(name: str, matchers: str, by: str) -> str:
    """Share of a column's values that fell into the bin of that name."""
    part = rate("model_column_bin_total", f'{matchers}, bin="{name}"', by)
    return f"{part} / ({rate('model_column_bin_total', matchers, by)} > 0)"


def threshold(name: str) -> str:
    """A threshold of the alert rules, as they record it; absent where the rules are not loaded."""
    return f"max(drift_exporter:threshold:{name})"


def recorded_rate(name: str, matchers: str, by: str = "") -> str:
    """A rate over all exporters that the rules record for 1h, 24h and 7d, for the chosen window."""
    return f'max by ({by}) ({{__name__="model:{name}:ratio_increase$window", {matchers}}})'
