"""Panels of distributions: buckets over time, and bars of a column's bins beside its reference's."""

from collections.abc import Sequence

from grafanalib import core

from panels import Json, common, query, repeated
from queries import named_bins, of_bins, of_reference_bins
from tables import joined

WORDS = {"id": "unit", "value": "string"}


def heatmap(
    title: str,
    description: str,
    expr: str,
    *,
    unit: str,
    size: tuple[int, int] = (12, 8),
) -> core.Heatmap:
    """Buckets of a Prometheus histogram over time. grafanalib's own options are of an older panel."""
    return core.Heatmap(
        **common(title, description, [query(expr, "{{le}}", heatmap=True)], size),
        options={
            "calculate": False,
            "cellGap": 1,
            "cellValues": {"unit": "short"},
            "color": {
                "exponent": 0.5,
                "fill": "dark-orange",
                "mode": "scheme",
                "reverse": False,
                "scale": "exponential",
                "scheme": "Oranges",
                "steps": 64,
            },
            "exemplars": {"color": "rgba(255,0,255,0.7)"},
            "filterValues": {"le": 1e-9},
            "legend": {"show": True},
            "rowsFrame": {"layout": "auto"},
            "showValue": "never",
            "tooltip": {"mode": "single", "showColorScale": False, "yHistogram": True},
            "yAxis": {"axisPlacement": "left", "reverse": False, "unit": unit},
        },
        extraJson={
            "fieldConfig": {
                "defaults": {
                    "unit": "short",
                    "custom": {
                        "hideFrom": {"legend": False, "tooltip": False, "viz": False},
                        "scaleDistribution": {"type": "linear"},
                    },
                },
            },
        },
    )


def bar_chart(  # noqa: PLR0913
    title: str,
    description: str,
    *queries: Json,
    transformations: Sequence[Json],
    unit: str,
    x: str,
    repeat: str | None = None,
    links: Sequence[Json] = (),
    size: tuple[int, int] = (8, 8),
) -> core.BarChart:
    """Bars side by side for each value of field ``x``. ``repeat`` is a variable: one panel for each value."""
    return core.BarChart(
        **common(title, description, queries, size),
        transformations=list(transformations),
        repeat=repeated(repeat, size),
        thresholdSteps=[],
        showValue="never",
        tooltipMode="multi",
        # A name such as 0 is no number, least of all a share.
        overrides=[{"matcher": {"id": "byName", "options": x}, "properties": [WORDS]}],
        extraJson={
            "fieldConfig": {
                "defaults": {"unit": unit, "min": 0, "color": {"fixedColor": None}, "links": list(links)}
            },
            "options": {
                "fullHighlight": False,
                "xField": x,
                "xTickLabelMaxLength": 12,
                "xTickLabelSpacing": 60,
            },
        },
    )


def bins_chart(
    title: str, description: str, matchers: str, size: tuple[int, int], links: Sequence[Json] = ()
) -> core.BarChart:
    """Share of each bin of the chosen column in the reference and in the chosen window, by the bin's name."""
    return bar_chart(
        title,
        description,
        query(named_bins(of_reference_bins(matchers), matchers), table=True),
        query(named_bins(of_bins(matchers), matchers), table=True),
        transformations=joined(
            {"values": "Values", "Value #A": "Reference", "Value #B": "Current"},
            hide=["bin", "le"],
            sort="bin",
        ),
        unit="percentunit",
        x="Values",
        links=links,
        size=size,
    )
