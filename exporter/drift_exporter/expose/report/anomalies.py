"""Odd records on the report page: how many by window, how odd all are, and the most anomalous ones."""

from itertools import pairwise

from drift_exporter.expose.report import svg
from drift_exporter.expose.report.markup import Markup, join, named, tag
from drift_exporter.expose.report.tables import commas, listing
from drift_exporter.expose.report.words import EN_DASH, THIN, count, moment, percent
from drift_exporter.judge.evaluate import DRIFTED_CONFIDENCE
from drift_exporter.snapshot import (
    ANOMALY_BOUNDS,
    AnomalousRecord,
    AnomalySnapshot,
    AnomalyWindow,
    OddColumn,
    VersionSnapshot,
)

_HIGHEST = 0.9999
_COLUMNS = (
    ("Window", ""),
    ("Confidence", "sure"),
    ("Anomalies", "number"),
    ("Expected", "number"),
    ("Tolerated", "number"),
    ("Of records", "number"),
    ("Not scored", "number"),
)


def anomaly_section(version: VersionSnapshot, window: str | None) -> list[Markup]:
    """The section, or nothing where no detector has seen a record; ``window`` is the one that is shown."""
    if not version.anomalies:
        return []
    found = [tag("h2", "Anomalies", id="anomalies"), _legend()]
    for one in version.anomalies:
        found.append(tag("h3", "Detector ", named(one.detector, 40)))
        found.append(_windows(one))
        shown = next((own for own in one.windows if own.name == window), None)
        if shown is not None and shown.scored:
            found.append(_scores(shown))
        if one.records:
            found.append(_records(one))
    return found


def _legend() -> Markup:
    return tag(
        "p",
        "Each record gets a percentile: the share of the reference's records that are less odd. Those above "
        "1 less the expected share are anomalies. Confidence is how sure it is that there are more of them "
        "than tolerated.",
    )


def _windows(found: AnomalySnapshot) -> Markup:
    return listing(_COLUMNS, [_window(found, window) for window in found.windows])


def _window(found: AnomalySnapshot, window: AnomalyWindow) -> list[str | Markup]:
    sure: Markup = tag("span", EN_DASH, class_="quiet")
    if window.confidence is not None:
        sure = svg.confidence(window.confidence, drifted=window.confidence >= DRIFTED_CONFIDENCE)
    share = f" ({percent(window.ratio)})" if window.ratio is not None else ""
    return [
        named(window.name),
        sure,
        f"{count(window.anomalies)}{share}",
        percent(found.expected),
        percent(found.tolerated),
        count(window.scored),
        count(window.skipped),
    ]


def _scores(window: AnomalyWindow) -> Markup:
    """Bars of the window's percentiles beside those that the reference has by definition."""
    edges = (0.0, *ANOMALY_BOUNDS)
    expected = [high - low for low, high in pairwise(edges)]
    now = [int(counted) / window.scored for counted in window.counts[: len(expected)]]
    scale = max(*expected, *now)
    rows = [
        _bar(f"{percentile(low)} {EN_DASH} {percentile(high)}", usual, own, scale)
        for (low, high), usual, own in zip(pairwise(edges), expected, now, strict=True)
    ]
    header = tag(
        "tr",
        tag("th", "Percentile", scope="col"),
        tag("th", "Share of records", scope="col"),
        tag("th", svg.key("reference"), "exp.", scope="col", class_="number"),
        tag("th", svg.key("current"), "now", scope="col", class_="number"),
    )
    title = tag("p", "Percentiles in the window ", named(window.name))
    table = tag("table", tag("thead", header), tag("tbody", *rows), class_="bins")
    return tag("div", title, table, class_="card")


def _bar(name: str, usual: float, own: float, scale: float) -> Markup:
    title = f"{percent(own)}, expected {percent(usual)}"
    return tag(
        "tr",
        tag("th", name, scope="row"),
        tag("td", svg.paired_bars(usual, own, scale, title=title, drifted=False)),
        _number(percent(usual)),
        _number(percent(own)),
    )


def _records(found: AnomalySnapshot) -> Markup:
    identified = any(one.id is not None for one in found.records)
    traced = any(one.trace_id is not None for one in found.records)
    names = [
        ("Time", ""),
        ("Percentile", "number"),
        *([("Record", "")] if identified else []),
        *([("Trace", "whole")] if traced else []),
        ("What makes it odd", "whole"),
    ]
    rows = [_record(one, identified=identified, traced=traced) for one in found.records]
    return listing(names, rows, "The most anomalous records of the last 24 hours")


def _record(one: AnomalousRecord, *, identified: bool, traced: bool) -> list[str | Markup]:
    return [
        moment(one.time),
        percentile(one.percentile),
        *([_name(one.id)] if identified else []),
        *([_name(one.trace_id)] if traced else []),
        commas([_column(column) for column in one.columns]) or EN_DASH,
    ]


def _column(column: OddColumn) -> Markup:
    share = f" {percent(column.share)}"
    if column.value is None:
        return join([named(column.name, 40), share])
    return join([named(column.name, 40), " = ", named(column.value, 40), share])


def _name(text: str | None) -> str | Markup:
    return EN_DASH if text is None else named(text, 40)


def percentile(value: float) -> str:
    """A percentile as a percentage; no record is odder than all that there could be."""
    if _HIGHEST < value < 1:
        return f">{THIN}99.99{THIN}%"
    return f"{100 * value:.4g}{THIN}%"


def _number(text: str) -> Markup:
    return tag("td", text, class_="number")
