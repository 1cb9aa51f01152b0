"""A reference as a table for the terminal."""

import textwrap
from datetime import UTC, datetime

from drift_exporter.reference.model import (
    Column,
    Derivation,
    NumericColumn,
    Reference,
    Vocabulary,
    WindowCalibration,
)
from drift_exporter.reference.outcomes import ReferenceOutcomes

_WIDTH = 100
_BARS = "▁▂▃▄▅▆▇█"
_PLAIN_BARS = ".:-=+*#@"
_TOP = 3
_BARS_SHOWN = 10
_NAME = 18
_LENGTHS_SHOWN = 2


def show_reference(reference: Reference, *, ascii_only: bool = False) -> str:
    """A table of at most 100 characters a line: what the reference was built from, and a line per column."""
    lines = [*_header(reference), ""]
    width = min(_NAME, max([6, *(len(column.name) for column in reference.columns)]))
    lines.append(
        f"{'column':<{width}}  {'kind':<10}  {'type':<8}  {'bins':>4}  {'missing':>7}  "
        f"{'shape':<{_BARS_SHOWN}}  values"
    )
    lines += [_line(column, reference.rows, width, ascii_only=ascii_only) for column in reference.columns]
    lines += ["", *_calibration(reference, width)]
    return "\n".join(_fit(line, ascii_only=ascii_only) for line in lines)


def _header(reference: Reference) -> list[str]:
    found = [f"model        {reference.model}", f"rows         {reference.rows:,}"]
    if reference.start is not None and reference.end is not None:
        found.append(f"time         {_time(reference.start)} to {_time(reference.end)}")
    found.append(f"built        {_time(reference.created)}")
    found.append(f"fingerprint  {reference.fingerprint[:16]}")
    if reference.sample is not None:
        found.append(f"sample       {reference.sample}")
    found += [line for derivation in reference.derivations for line in _wrapped(*_learned(derivation))]
    if reference.performance:
        metrics = [f"{name} {value:.4g}" for name, value in reference.performance.items()]
        found += _wrapped("performance", ", ".join(metrics))
    if reference.outcomes is not None:
        found += _wrapped("labels", _labelled(reference.outcomes))
    return found + [line for note in reference.notes for line in _wrapped("note", note)]


def _labelled(outcomes: ReferenceOutcomes) -> str:
    """How many labels there are, by class, and of which classes there are scores."""
    found = f"{outcomes.rows:,} rows"
    if outcomes.classes:
        shares = zip(outcomes.classes, outcomes.confusion.sum(axis=0).tolist(), strict=True)
        found += ": " + ", ".join(
            f"{_cut(name, 16)} {_percent(count, outcomes.rows)}" for name, count in shares
        )
    if outcomes.scored:
        found += "; scores of " + ", ".join(_cut(outcomes.classes[number], 16) for number in outcomes.scored)
    return found


def _learned(derivation: Derivation) -> tuple[str, str]:
    """Type of a column that is measured, and what of it is known."""
    if isinstance(derivation, Vocabulary):
        return derivation.type, f"{derivation.name}: {len(derivation.words):,} words are known"
    dimension, components = len(derivation.centroid), len(derivation.components)
    return derivation.type, f"{derivation.name}: {dimension:,} dimensions, {components} principal components"


def _wrapped(label: str, text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=f"{label:<13}", subsequent_indent=" " * 13)


def _line(column: Column, rows: int, width: int, *, ascii_only: bool) -> str:
    missing = _percent(column.missing, rows)
    counts = column.exported_counts.tolist()
    if isinstance(column, NumericColumn):
        kind, counts = "numeric", counts[:-1]
        bins = len(counts)
        values = (
            f"{column.mean:.4g} ± {column.standard_deviation:.4g}, "
            f"{column.minimum:.4g} to {column.maximum:.4g}"
        )
    else:
        kind, counts = "category", counts[: min(len(column.categories), _BARS_SHOWN)]
        bins = len(column.categories)
        top = [_cut(name, 16) for name in column.categories[:_TOP]]
        shares = list(zip(top, counts, strict=False))
        shares = [*shares, ("other", column.other)] if column.other else shares
        values = ", ".join(f"{name} {_percent(count, rows)}" for name, count in shares)
    bars = _bars(counts, ascii_only=ascii_only)
    return (
        f"{_cut(column.name, width):<{width}}  {column.kind:<10}  {kind:<8}  {bins:>4}  {missing:>7}  "
        f"{bars:<{_BARS_SHOWN}}  {values}"
    )


def _calibration(reference: Reference, width: int) -> list[str]:
    """How much windows vary by themselves, and how often they would alarm for that."""
    if not reference.calibration:
        why = "the rows have no time" if reference.start is None else "there is too little data for it"
        return _wrapped("calibration", f"none, for {why}: records are taken as independent of each other")
    said = "; ".join(_basis(one) for one in reference.calibration)
    lines = _wrapped("calibration", said)
    for first in range(0, len(reference.calibration), _LENGTHS_SHOWN):
        shown = reference.calibration[first : first + _LENGTHS_SHOWN]
        names = "".join(f"{_length(one.length) + ' effect':>12} {'false alarms':<16}" for one in shown)
        lines += ["", f"{'column':<{width}}{names}"]
        lines += [
            f"{_cut(column.name, width):<{width}}"
            + "".join(f"{one.design_effects[i]:>12.2f} {_alarms(one, i):<16}" for one in shown)
            for i, column in enumerate(reference.columns)
        ]
    return [
        *lines,
        "",
        *textwrap.wrap(
            "effect: so many records tell what one independent record would. false alarms: windows of the "
            "reference itself that reach confidence 0.95, in brackets those that would without the effect.",
            _WIDTH,
        ),
    ]


def _basis(one: WindowCalibration) -> str:
    if one.blocks:
        basis = f"put together from {one.windows} blocks of it"
        return f"{_length(one.length)}: about {one.records:,.0f} records, {basis}"
    return f"{_length(one.length)}: {one.windows} windows of {one.records:,.0f} records"


def _alarms(one: WindowCalibration, column: int) -> str:
    if not one.judged:
        return "unknown"
    with_effect, without = int(one.alarms[column]), int(one.plain_alarms[column])
    return f"{_percent(with_effect, one.judged)} ({_percent(without, one.judged)})"


def _length(seconds: float) -> str:
    """A length of time in the largest unit that it is whole in; a day is 24h, as in the configuration."""
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds % size == 0 and seconds > (86_400 if unit == "d" else 0):
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds:g}s"


def _bars(counts: list[int], *, ascii_only: bool) -> str:
    marks = _PLAIN_BARS if ascii_only else _BARS
    most = max(counts, default=0)
    return "".join(
        " " if not count else marks[min(len(marks) - 1, count * len(marks) // (most + 1))] for count in counts
    )


def _percent(part: int, whole: int) -> str:
    share = 100 * part / whole if whole else 0.0
    if 0 < share < 0.1:
        return "<0.1 %"
    return f"{share:.1f} %" if 0 < share < 10 else f"{share:.0f} %"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 3] + "..."


def _fit(line: str, *, ascii_only: bool) -> str:
    line = "".join(character if character.isprintable() else "?" for character in line)
    if ascii_only:
        line = line.replace("±", "+-").encode("ascii", "replace").decode()
    return _cut(line.rstrip(), _WIDTH)
