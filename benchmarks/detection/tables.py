"""The results as the tables of docs/statistics.md."""

from collections.abc import Sequence
from pathlib import Path

from detection.summary import (
    CLASSES,
    ENOUGH,
    FALSE_ALARMS,
    FOUND,
    LARGE,
    PEER_SHARE,
    Rate,
    Result,
    at_once,
    beside_peer,
    detectors_of,
    false_alarms,
    large_found,
    sizes_of,
)
from page import replace_between

BEGIN, END = "<!-- begin: make bench-detection -->", "<!-- end: make bench-detection -->"
OURS = "drift_exporter"

PICTURE = """\
![False alarms and shifts found, by size of window and by PSI](detection.png)"""
SHIFTS = """\
**Shifts.** Share found in their first window, in brackets how many there were, by the true PSI of the
shifted column (less than 0.05 is tolerated by default):"""
DELAY = """\
**Delay.** Windows up to the first alarm: the median of the shifts that were found, in brackets how many of
how many were. Gradual ones grow by a tenth each window; recurring ones stay for two windows, are gone for
two, and come again:"""
LARGE_SHIFTS = (
    f"shifts with a PSI of at least {LARGE}, windows of {ENOUGH:,} records and more: "
    f"at least {FOUND:.0%} found in the first one"
)


def section(results: Result) -> str:
    """Everything between the markers."""
    return "\n\n".join(
        [
            targets(results),
            PICTURE,
            "**No shift.** False alarms per 1,000 columns' windows, in brackets how many were judged:",
            steady(results),
            SHIFTS,
            shifts(results),
            f"**Kinds.** Shifts with a PSI of at least 0.1, found in the first window of {ENOUGH:,} records:",
            kinds(results),
            DELAY,
            delays(results),
            "**Beside a shifted column.** False alarms per 1,000 windows of columns that were not touched:",
            beside(results),
            "**Cost.** Milliseconds of CPU per window of the employment data's 18 columns:",
            cost(results),
        ]
    )


def insert(page: Path, results: Result) -> None:
    """Put the section into a page, between the markers. Raises ValueError where they are not there."""
    replace_between(BEGIN, END, section(results), page)


def targets(results: Result) -> str:
    """What is to be reached, and what was."""
    ours = false_alarms(results["steady"], OURS)
    streams = {row["stream"] for row in results["steady"]}
    by_stream = {name: false_alarms(results["steady"], OURS, stream=name) for name in sorted(streams)}
    noisiest = max(by_stream, key=lambda name: by_stream[name].share or 0.0)
    rows = [
        [
            f"false alarms per 1,000 columns' windows at severity page: at most {FALSE_ALARMS:g}",
            _per_thousand(ours),
            _met((ours.share or 0.0) * 1000 <= FALSE_ALARMS),
        ],
        [
            f"the same in the stream where it is highest: {noisiest}",
            _per_thousand(by_stream[noisiest]),
            _met((by_stream[noisiest].share or 0.0) * 1000 <= FALSE_ALARMS),
        ],
    ]
    for peer in ("Evidently", "NannyML"):
        if peer in detectors_of(results):
            own, theirs = beside_peer(results, OURS, peer)
            share = (own.share or 0.0) / theirs.share if theirs.share else float("inf")
            rows.append(
                [
                    f"and at most a tenth of {peer}'s, which are {_per_thousand(theirs)}",
                    f"{share:.4f} of them",
                    _met(share <= PEER_SHARE),
                ]
            )
    large = large_found(results, OURS)
    rows.append(
        [
            LARGE_SHIFTS,
            _share(large),
            _met((large.share or 0.0) >= FOUND),
        ]
    )
    return _table(["to reach", "measured", ""], rows, numbers=0)


def steady(results: Result) -> str:
    """False alarms by stream and size, and of all together."""
    names = detectors_of(results)
    streams = list(dict.fromkeys(row["stream"] for row in results["steady"]))
    rows = []
    for stream in streams:
        own = [row for row in results["steady"] if row["stream"] == stream]
        rows += [
            [stream, f"{size:,}", *(_per_thousand(false_alarms(own, name, size=size)) for name in names)]
            for size in sizes_of(own)
        ]
    rows.append(["**all**", "", *(_per_thousand(false_alarms(results["steady"], name)) for name in names)])
    return _table(["stream", "n", *names], rows, numbers=len(names) + 1)


def shifts(results: Result) -> str:
    """Share found at once by PSI and size."""
    names = detectors_of(results)
    rows = [
        [_class(psi), f"{size:,}", *map(_share, rates)]
        for psi in CLASSES
        for size in sizes_of(results["shifts"])
        for rates in [[at_once(results["shifts"], name, psi, size=size) for name in names]]
        if any(rate.total for rate in rates)
    ]
    return _table(["PSI", "n", *names], rows, numbers=len(names) + 1)


def kinds(results: Result) -> str:
    """Share found at once by what happened."""
    names = detectors_of(results)
    found = list(dict.fromkeys(row["kind"] for row in results["shifts"]))
    rows = [
        [
            kind,
            *(
                _share(at_once(results["shifts"], name, (0.1, float("inf")), size=ENOUGH, kind=kind))
                for name in names
            ),
        ]
        for kind in found
    ]
    return _table(["kind", *names], rows, numbers=len(names))


def delays(results: Result) -> str:
    """Delay of shifts that come gradually, or come and go."""
    names = detectors_of(results)
    lasting = [row for row in results["shifts"] if row["pattern"] in {"gradual", "recurring"}]
    rows = []
    for shift in sorted({_shift(row) for row in lasting}):
        for size in sizes_of(lasting):
            own = {row["detector"]: row for row in lasting if _shift(row) == shift and row["size"] == size}
            rows.append([shift, f"{size:,}", *(_delay(own.get(name)) for name in names)])
    return _table(["shift", "n", *names], rows, numbers=len(names) + 1)


def beside(results: Result) -> str:
    """False alarms of columns beside a shifted one."""
    names = detectors_of(results)
    rows = [
        [f"{size:,}", *(_per_thousand(false_alarms(results["beside"], name, size=size)) for name in names)]
        for size in sizes_of(results["beside"])
    ]
    return _table(["n", *names], rows, numbers=len(names) + 1)


def cost(results: Result) -> str:
    """CPU per window by size."""
    names = [name for name in detectors_of(results) if ", " not in name]
    own = [row for row in results["steady"] if row["stream"] == "employment, shuffled"]
    rows = []
    for size in sizes_of(own):
        spent = {row["detector"]: row["cpu"] for row in own if row["size"] == size}
        rows.append([f"{size:,}", *(f"{1000 * spent[name]:,.1f}" if name in spent else "" for name in names)])
    return _table(["n", *names], rows, numbers=len(names) + 1)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], numbers: int) -> str:
    """A Markdown table whose last ``numbers`` columns are numbers."""
    rule = ["---"] * (len(head) - numbers) + ["---:"] * numbers
    lines = [f"| {' | '.join(head)} |", f"|{'|'.join(rule)}|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _per_thousand(rate: Rate) -> str:
    return "" if rate.share is None else f"{1000 * rate.share:.2f} ({rate.total:,})"


def _share(rate: Rate) -> str:
    return "" if rate.share is None else f"{100 * rate.share:.1f} % ({rate.total:,})"


def _shift(row: Result) -> str:
    return f"{row['pattern']}: {row['column']}, {row['kind']} {row['amount']}, PSI {row['psi']:.2f}"


def _delay(row: Result | None) -> str:
    if row is None:
        return ""
    median = "none" if row["delay"] is None else f"{row['delay']:g}"
    return f"{median} ({row['found']} of {row['events']})"


def _class(psi: tuple[float, float]) -> str:
    return f"{psi[0]:g} and more" if psi[1] == float("inf") else f"{psi[0]:g} to {psi[1]:g}"


def _met(reached: object) -> str:
    return "met" if reached else "**missed**"
