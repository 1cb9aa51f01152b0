"""A reference as a table for the terminal."""

import textwrap
from datetime import UTC, datetime

from drift_exporter.reference.model import Column, Derivation, NumericColumn, Reference, Vocabulary

_WIDTH = 100
_BARS = "▁▂▃▄▅▆▇█"
_PLAIN_BARS = ".:-=+*#@"
_TOP = 3
_BARS_SHOWN = 10
_NAME = 18


def show_reference(reference: Reference, *, ascii_only: bool = False) -> str:
    """A table of at most 100 characters a line: what the reference was built from, and a line per column."""
    lines = [*_header(reference), ""]
    width = min(_NAME, max([6, *(len(column.name) for column in reference.columns)]))
    lines.append(
        f"{'column':<{width}}  {'kind':<10}  {'type':<8}  {'bins':>4}  {'missing':>7}  "
        f"{'shape':<{_BARS_SHOWN}}  values"
    )
    lines += [_line(column, reference.rows, width, ascii_only=ascii_only) for column in reference.columns]
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
    return found + [line for note in reference.notes for line in _wrapped("note", note)]


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
