"""PromQL that several panels share.

Everything is summed (counters) or the highest taken (gauges) over exporters, so that neither job nor instance
matters: one process or many, the panels are the same.
"""

EXPORTED_BINS = 10  # of a numeric column, at most


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


def of_bins(matchers: str) -> str:
    """Share of each bin among the values that were counted in the chosen window, over exporters."""
    counted = f"increase(model_column_bin_total{{{matchers}}}[$window])"
    return f"sum by (bin) ({counted}) / scalar(sum({counted}) > 0)"


def of_reference_bins(matchers: str) -> str:
    """Share of each bin in the reference."""
    return f"avg by (bin) (model_column_reference_ratio{{{matchers}}})"


def bounds(matchers: str) -> str:
    """1 for each bin of a numeric column, with the bin's upper bound as label ``le``."""
    return f'count_values by (bin) ("le", max by (bin) (model_column_bin_upper_bound{{{matchers}}}))'


def named_bins(by_bin: str, matchers: str) -> str:
    """Something by bin, with a label ``values``: the bound that its numbers go up to, or the bin's own name.

    Of the bound's decimals three are shown, not counting zeros at their beginning.
    """
    joined = f"({by_bin}) * on (bin) group_left (le) {bounds(matchers)} or on (bin) {by_bin}"
    own = f'label_replace({joined}, "values", "$1", "bin", "(.+)")'
    shown = "(-?[0-9]+([.]0*[0-9]{1,3})?)[0-9]*"
    numeric = f'label_replace({own}, "values", "≤ $1", "le", "{shown}")'
    return f'label_replace({numeric}, "values", "above", "le", "[+]Inf")'


def bin_quantile(q: float, by_bin: str, matchers: str) -> str:
    """A quantile of a numeric column from its bins; ``by_bin`` has BINS where the chosen bins belong.

    Between the bounds of a bin it is interpolated. The outermost bins are open: above the highest bound it is
    that bound; below the lowest one it is interpolated from 0 on where that is above 0, and that bound where
    it is not.
    """
    up_to = ["|".join(map(str, range(last + 1))) for last in range(EXPORTED_BINS)]
    cumulated = " or ".join(
        f'label_replace(sum({by_bin.replace("BINS", bins)}), "bin", "{last}", "", "")'
        for last, bins in enumerate(up_to)
    )
    buckets = f"({cumulated}) * on (bin) group_left (le) {bounds(matchers)}"
    return f"histogram_quantile({q}, sum by (le) ({buckets}))"
