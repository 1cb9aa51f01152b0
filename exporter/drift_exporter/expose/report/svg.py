"""Bars as inline SVG. Lengths are percentages, so that a drawing fits any width and its text never scales."""

from collections.abc import Mapping

from drift_exporter.expose.report.markup import Markup, join, tag
from drift_exporter.expose.report.words import sureness


def paired_bars(reference: float, current: float, scale: float, *, title: str, drifted: bool) -> Markup:
    """The reference's share above the current one, both against ``scale``, the longest bar of the chart."""
    return _svg(
        22,
        title,
        tag("rect", class_="reference", x=0, y="9%", width=_length(reference, scale), height="37%", rx=1),
        tag("rect", class_="current", x=0, y="54%", width=_length(current, scale), height="37%", rx=1),
        class_="drifted" if drifted else None,
    )


def level(ratio: float, *, title: str, drifted: bool) -> Markup:
    """How much of a whole: one bar on its track."""
    return _svg(
        10,
        title,
        tag("rect", class_="track", x=0, y=0, width="100%", height=10, rx=2),
        tag("rect", class_="current", x=0, y=0, width=_length(ratio, 1), height=10, rx=2),
        class_="drifted" if drifted else None,
    )


def confidence(value: float, *, drifted: bool) -> Markup:
    """A confidence in a table: the number, and its bar."""
    sure = sureness(value)
    return join([tag("span", sure, class_="number"), level(value, title=sure, drifted=drifted)])


def spread(value: float, ends: tuple[float, float], others: Mapping[str, float], *, title: str) -> Markup:
    """A value with its interval, and others marked beside it, on a scale that has them all.

    ``others`` maps classes to values.
    """
    every = [value, *ends, *others.values()]
    low, high = min(every), max(every)
    room = (high - low) * 0.05 or abs(value) * 0.05 or 1.0
    low, high = low - room, high + room

    def at(one: float) -> float:
        return 100 * (one - low) / (high - low)

    marks = [
        tag("rect", class_=kind, x=f"{at(one):.2f}%", y=1, width=3, height=16) for kind, one in others.items()
    ]
    return _svg(
        18,
        title,
        tag("rect", class_="track", x=0, y=6, width="100%", height=6, rx=2),
        tag(
            "rect",
            class_="current",
            x=f"{at(ends[0]):.2f}%",
            y=6,
            width=f"{max(at(ends[1]) - at(ends[0]), 0.5):.2f}%",
            height=6,
        ),
        tag("rect", class_="current", x=f"{at(value):.2f}%", y=2, width=4, height=14, rx=1),
        *marks,
        class_=None,
    )


def key(kind: str) -> Markup:
    """A coloured square for a legend: ``reference``, ``current`` or ``current drifted``."""
    square = tag("rect", class_=kind, x=0, y=0, width="100%", height="100%", rx=2)
    return tag("span", tag("svg", square, aria_hidden="true"), class_="key")


def _svg(height: int, title: str, *shapes: Markup, class_: str | None) -> Markup:
    return tag("svg", tag("title", title), *shapes, role="img", height=height, class_=class_)


def _length(value: float, scale: float) -> str:
    share = 0.0 if scale <= 0 else min(max(value / scale, 0.0), 1.0)
    return f"{100 * share:.2f}%"
