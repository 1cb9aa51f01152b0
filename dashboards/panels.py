"""Panels in one style: thin functions around grafanalib's classes.

Widths are in Grafana's grid of 24 columns, heights in its rows of 30 pixels. Where a panel stands is decided
by ``frame.sections``.
"""

import zlib
from collections.abc import Sequence
from typing import Any

from grafanalib import core

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}

Json = dict[str, Any]

# From what confidence on an alert is an info or a ticket, and from what on a ticket or a page: the severity
# table of the alert rules. No metric says it, as it is a convention of the rules.
CONFIDENCE_STEPS = [
    {"color": "green", "value": 0},
    {"color": "orange", "value": 0.9},
    {"color": "red", "value": 0.99},
]
# A score divided by its own tolerance: 1 is the tolerance, whatever the configuration sets it to.
TIMES_TOLERANCE_STEPS = [{"color": "green", "value": 0}, {"color": "orange", "value": 1}]
# The same in shades, for a map of many columns.
TIMES_TOLERANCE_SHADES = [
    {"color": "green", "value": 0},
    {"color": "yellow", "value": 0.5},
    {"color": "orange", "value": 1},
    {"color": "red", "value": 2},
    {"color": "dark-red", "value": 4},
]
SOME_ARE_BAD = [{"color": "green", "value": 0}, {"color": "red", "value": 1}]
# An axis from 0 ends here or above: beside nothing but zeros Grafana's would end at 100, whatever the unit.
SOFT_MAXIMUM = {"percentunit": 0.01, "cps": 0.01, "reqps": 0.01, "short": 1}
ZERO_IS_BAD = [{"color": "red", "value": 0}, {"color": "green", "value": 1}]


def query(  # noqa: PLR0913
    expr: str,
    legend: str = "",
    *,
    instant: bool = False,
    table: bool = False,
    heatmap: bool = False,
    exemplar: bool = False,
) -> Json:
    """One PromQL query of a panel; a table's query is always an instant one."""
    instant = instant or table
    return {
        "datasource": DATASOURCE,
        "editorMode": "code",
        "exemplar": exemplar,
        "expr": " ".join(expr.split()),
        "format": "table" if table else "heatmap" if heatmap else "time_series",
        "instant": instant,
        "legendFormat": legend or "__auto",
        "range": not instant,
    }


def common(title: str, description: str, queries: Sequence[Json], size: tuple[int, int]) -> Json:
    """What all kinds of panels have."""
    return {
        "id": panel_id(title),
        "title": title,
        "description": description,
        "dataSource": DATASOURCE,
        "targets": [q | {"refId": chr(ord("A") + i)} for i, q in enumerate(queries)],
        "gridPos": core.GridPos(w=size[0], h=size[1], x=0, y=0),
        "maxDataPoints": None,
    }


def repeated(variable: str | None, size: tuple[int, int]) -> core.Repeat:
    """One panel for each value of a variable, beside each other."""
    if variable is None:
        return core.Repeat()
    return core.Repeat(direction="h", variable=variable, maxPerRow=24 // size[0])


def panel_id(title: str) -> int:
    """Comes from the title, so that links to a panel survive panels added before it."""
    return zlib.crc32(title.encode()) % 1_000_000 + 1


def timeseries(  # noqa: PLR0913
    title: str,
    description: str,
    *queries: Json,
    unit: str,
    size: tuple[int, int] = (12, 8),
    decimals: int | None = None,
    minimum: int | None = 0,
    maximum: int | None = None,
    stacked: bool = False,
    dashed: str | None = None,
    overrides: Sequence[Json] = (),
    repeat: str | None = None,
    links: Sequence[Json] = (),
    interval: str | None = None,
) -> core.TimeSeries:
    """Lines over time, from 0 on unless there is another ``minimum`` or None.

    ``dashed`` is a regex of legends to draw as dashed limit lines; ``repeat`` a variable: one panel for each
    value; ``interval`` the shortest time from point to point, for rates that need many records.
    """
    soft_maximum = SOFT_MAXIMUM.get(unit) if minimum == 0 and maximum is None else None
    return core.TimeSeries(
        **common(title, description, queries, size),
        interval=interval,
        unit=unit,
        valueDecimals=decimals,
        valueMax=maximum,
        valueMin=minimum,
        fillOpacity=40 if stacked else 0,
        showPoints="never",
        stacking={"mode": "normal" if stacked else "none", "group": "A"},
        legendDisplayMode="table",
        legendCalcs=["lastNotNull", "max"],
        tooltipMode="multi",
        tooltipSort="desc",
        overrides=[*overrides, *([_dashed(dashed)] if dashed else [])],
        repeat=repeated(repeat, size),
        extraJson={
            "fieldConfig": {
                "defaults": {
                    "links": list(links),
                    "custom": {"axisSoftMax": soft_maximum, "scaleDistribution": {"log": None}},
                },
            },
            "options": {"legend": {"showLegend": True, "sortBy": "Last *", "sortDesc": True}},
        },
    )


def band(name: str, colour: str) -> list[Json]:
    """Overrides that draw the legend ``name`` as a line, and the area from its "upper" to its "lower"."""
    edge = [
        {"id": "custom.lineWidth", "value": 0},
        {"id": "custom.hideFrom", "value": {"legend": True, "tooltip": False, "viz": False}},
    ]
    filled = [
        {"id": "custom.fillBelowTo", "value": f"{name} lower"},
        {"id": "custom.fillOpacity", "value": 20},
    ]
    plain = [{"id": "custom.fillOpacity", "value": 0}]
    parts = {name: plain, f"{name} upper": edge + filled, f"{name} lower": edge + plain}
    return [
        {
            "matcher": {"id": "byName", "options": legend},
            "properties": [
                {"id": "color", "value": {"mode": "fixed", "fixedColor": colour}},
                *properties,
            ],
        }
        for legend, properties in parts.items()
    ]


def _dashed(pattern: str) -> Json:
    return {
        "matcher": {"id": "byRegexp", "options": pattern},
        "properties": [
            {"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [10, 10]}},
            {"id": "custom.fillOpacity", "value": 0},
            {"id": "custom.lineWidth", "value": 2},
            {"id": "color", "value": {"mode": "fixed", "fixedColor": "red"}},
        ],
    }


def stat(  # noqa: PLR0913
    title: str,
    description: str,
    expr: str,
    *,
    unit: str,
    decimals: int | None = None,
    steps: Sequence[Json] = (),
    texts: Json | None = None,
    none: str = "no data",
    legend: str = "",
    links: Sequence[Json] = (),
    size: tuple[int, int] = (4, 4),
) -> core.Stat:
    """The newest value, large. ``texts`` maps values to words, ``none`` is shown when there is no series."""
    return core.Stat(
        **common(title, description, [query(expr, legend, instant=True)], size),
        format=unit,
        decimals=decimals,
        noValue=none,
        reduceCalc="lastNotNull",
        colorMode="value" if steps else "none",
        graphMode="none",
        mappings=[{"type": "value", "options": texts}] if texts else [],
        thresholds=list(steps),
        color={"mode": "thresholds"} if steps else {"mode": "fixed", "fixedColor": "text"},
        extraJson={
            "fieldConfig": {"defaults": {"links": list(links)}},
            "options": {
                "percentChangeColorMode": "standard",
                "showPercentChange": False,
                "wideLayout": True,
            },
        },
    )


def state_timeline(  # noqa: PLR0913
    title: str,
    description: str,
    *queries: Json,
    unit: str,
    steps: Sequence[Json],
    decimals: int | None = None,
    texts: Json | None = None,
    links: Sequence[Json] = (),
    size: tuple[int, int] = (24, 8),
) -> core.StateTimeline:
    """A coloured band for each series."""
    return core.StateTimeline(
        **common(title, description, queries, size),
        thresholds=list(steps),
        mappings=[{"type": "value", "options": texts}] if texts else [],
        showValue="never",
        extraJson={
            "fieldConfig": {"defaults": {"unit": unit, "decimals": decimals, "links": list(links)}},
            "options": {
                "legend": {"showLegend": True, "calcs": []},
                "tooltip": {"mode": "multi", "sort": "none"},
            },
        },
    )
