"""Signals of the infrastructure on the landing page: how each stands, and which cannot be asked for."""

from drift_exporter.expose.report.markup import Markup, join, named, tag
from drift_exporter.expose.report.tables import listing
from drift_exporter.expose.report.words import EN_DASH, moment, plural
from drift_exporter.infrastructure.snapshot import InfrastructureSnapshot, QuerySnapshot, Standing

_MOST = 200
_COLUMNS = (
    ("Signal", ""),
    ("State", "whole"),
    ("Value", "number"),
    ("Expected", "number"),
    ("Newest value", ""),
)


def signals_table(snapshot: InfrastructureSnapshot) -> Markup:
    """A row for each query, those that failed or stand out first."""
    standings = {signal.name: signal.standing for signal in snapshot.signals}
    ordered = sorted(snapshot.queries, key=lambda query: _place(query, standings.get(query.name)))
    rows = [_row(query, standings.get(query.name)) for query in ordered[:_MOST]]
    table = listing(_COLUMNS, rows)
    more = len(ordered) - _MOST
    left = tag("p", plural(more, "more", "more"), class_="quiet") if more > 0 else None
    return table if left is None else join([table, left])


def _place(query: QuerySnapshot, standing: Standing | None) -> int:
    if query.success is False:
        return 0
    return 1 if standing is not None and standing.anomalous else 2


def _row(query: QuerySnapshot, standing: Standing | None) -> list[str | Markup]:
    problem = [] if query.problem is None else [tag("div", query.problem, class_="quiet")]
    newest = None if standing is None else standing.timestamp
    return [
        named(query.name),
        join([_state(query, standing), *problem]),
        _number(None if standing is None else standing.value),
        _band(standing),
        EN_DASH if newest is None else moment(newest),
    ]


def _state(query: QuerySnapshot, standing: Standing | None) -> Markup:
    if query.success is None:
        return tag("span", "not asked yet", class_="badge")
    if not query.success:
        return tag("span", "not answered", class_="badge bad")
    if standing is None:
        return tag("span", "answered", class_="badge good")
    if standing.value is None or standing.anomalous is None:
        return tag("span", "no value" if standing.value is None else "no band yet", class_="badge")
    if standing.anomalous:
        return tag("span", "anomalous", class_="badge bad")
    return tag("span", "as expected", class_="badge good")


def _band(standing: Standing | None) -> str:
    if standing is None or standing.expected is None:
        return EN_DASH
    return f"{_number(standing.expected)} ({_number(standing.lower)} to {_number(standing.upper)})"


def _number(value: float | None) -> str:
    return EN_DASH if value is None else f"{value:.4g}"
