"""Numbers, times and lists as people read them."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np

from drift_exporter.expose.report.markup import Markup, join, tag
from drift_exporter.reference.model import MISSING, OTHER, Column, FloatArray, NumericColumn
from drift_exporter.snapshot import Onset

THIN = "\N{NARROW NO-BREAK SPACE}"
EN_DASH = "\N{EN DASH}"
ARROW = "\N{RIGHTWARDS ARROW}"

_LARGE = ((1e6, "M"), (1e9, "B"), (1e12, "T"))


def number(value: float, digits: int = 4) -> str:
    """A value with ``digits`` significant digits: 0.0312, 12.5, 68,785, 1.25 B."""
    if not math.isfinite(value):
        return str(value)
    for size, name in _LARGE:
        if size <= abs(value) < 1000 * size and abs(value) >= 1e7:
            return f"{value / size:.{max(digits, 3)}g}{THIN}{name}"
    if value == int(value) and abs(value) < 1e7:
        return count(int(value))
    if abs(value) >= 10 ** (digits - 1) and abs(value) < 1e7:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def score(value: float) -> str:
    """A drift score: three significant digits, and none below a thousandth."""
    return f"<{THIN}0.001" if 0 < value < 0.001 else number(value, 3)


def count(value: int) -> str:
    """A whole number with thousands set apart."""
    return f"{value:,}"


def percent(ratio: float) -> str:
    """A share as a percentage. What is not quite none (all) is never shown as 0 (100) per cent."""
    value = 100 * ratio
    if 0 < value < 0.05:
        return f"<{THIN}0.1{THIN}%"
    if 99.95 <= value < 100:
        return f">{THIN}99.9{THIN}%"
    return f"{value:.0f}{THIN}%" if value in {0, 100} else f"{value:.1f}{THIN}%"


def sureness(confidence: float) -> str:
    """A confidence as a percentage; statistics are never entirely sure."""
    if confidence >= 0.9995:
        return f">{THIN}99.9{THIN}%"
    if confidence < 0.0005:
        return f"<{THIN}0.1{THIN}%"
    return f"{100 * confidence:.1f}{THIN}%"


def moment(seconds: float) -> Markup:
    """A time in UTC, to the minute; the bare number where it is no date."""
    try:
        time = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return tag("span", f"{seconds:g} s")
    return tag("time", time.strftime("%Y-%m-%d %H:%M UTC"), datetime=time.strftime("%Y-%m-%dT%H:%M:%SZ"))


def span(start: float, end: float) -> Markup:
    """From one time to another, in UTC."""
    return join([moment(start), f" {EN_DASH} ", moment(end)])


def began(onset: Onset) -> Markup:
    """When something began, without how sure that is: a time, "about" one, or one "or earlier"."""
    if onset.before:
        return join([moment(onset.time), " or earlier"])
    if onset.latest is not None:
        return join(["about ", moment(onset.time)])
    return moment(onset.time)


def began_between(onset: Onset) -> Markup:
    """When something began, and between when and when that most likely was."""
    if onset.latest is None or (onset.before and onset.latest <= onset.time):
        return began(onset)
    ends = (onset.latest,) if onset.earliest is None else (onset.earliest, onset.latest)
    *earliest, latest = _briefly(ends, onset.time)
    if not earliest:
        return join([began(onset), " (", latest, " at the latest)"])
    return join([began(onset), " (between ", *earliest, " and ", latest, ")"])


def _briefly(ends: Sequence[float], beside: float) -> list[Markup]:
    """Times in UTC after another one, without the date where that is the same for all."""
    try:
        times = [datetime.fromtimestamp(seconds, UTC) for seconds in ends]
        same = {time.date() for time in times} == {datetime.fromtimestamp(beside, UTC).date()}
    except (ValueError, OverflowError, OSError):
        return [moment(seconds) for seconds in ends]
    shown = "%H:%M" if same else "%Y-%m-%d %H:%M"
    return [tag("time", time.strftime(shown), datetime=time.strftime("%Y-%m-%dT%H:%M:%SZ")) for time in times]


def plural(amount: int, one: str, many: str) -> str:
    """``amount`` with the noun in the right number."""
    return f"{count(amount)} {one if amount == 1 else many}"


def bin_labels(column: Column) -> tuple[str, ...]:
    """What to call each of ``column.bins``: a range for a numeric bin, else the category itself."""
    if not isinstance(column, NumericColumn):
        return tuple(name if name.strip() else "(empty)" for name in column.bins)
    return (*_ranges(column), MISSING)


def is_special(column: Column, index: int) -> bool:
    """Whether the bin at ``index`` is ``missing`` or ``other`` and not a category of that name."""
    specials = 1 if isinstance(column, NumericColumn) else 2
    return index >= len(column.bins) - specials and column.bins[index] in {MISSING, OTHER}


def _ranges(column: NumericColumn) -> tuple[str, ...]:
    if len(column.edges) == 0:
        return ("any value",)
    edges = _distinct(column.edges)
    if _one_value_each(column):
        last = _distinct(np.append(column.edges, column.maximum))[-1]
        return (f"\N{LESS-THAN OR EQUAL TO} {edges[0]}", *edges[1:], f"\N{GREATER-THAN OR EQUAL TO} {last}")
    # A dash in front of a minus sign cannot be read.
    link = "to" if column.edges[0] < 0 else EN_DASH
    between = (f"{low} {link} {high}" for low, high in pairwise(edges))
    return (f"\N{LESS-THAN OR EQUAL TO} {edges[0]}", *between, f"> {edges[-1]}")


def _one_value_each(column: NumericColumn) -> bool:
    """Whether each bin of the reference holds one value only.

    A bin's mean can reach its inclusive upper bound (the last bin's: the maximum) only if all its values do.
    """
    rows = column.exported_counts[:-1]
    sums = np.add.reduceat(
        column.fine_sums, np.append(0, np.searchsorted(column.fine_edges, column.edges) + 1)
    )
    tops = np.append(column.edges, column.maximum)
    return bool(np.all(rows > 0) and np.allclose(sums / np.maximum(rows, 1), tops, rtol=1e-12, atol=0))


def _distinct(values: FloatArray) -> Sequence[str]:
    """Values with as few digits as keep them apart, at least three."""
    for digits in range(3, 17):
        shown = [number(value, digits) for value in values.tolist()]
        if len(set(shown)) == len(shown):
            return shown
    return [repr(value) for value in values.tolist()]
