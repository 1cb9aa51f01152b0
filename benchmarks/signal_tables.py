"""Tables of how bands do on metric series, in Markdown."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- made by benchmarks/signals.py -->", "<!-- end of signals -->"
Rows = Mapping[str, Mapping[str, Any]]
ORDER = (
    "seasonal", "seasonal, 1 min", "prophet", "rules (PromQL)", "3 sigma of all", "3 sigma of a day",
    "PyOD hbos, 12 lags", "PyOD iforest, 12 lags",
)  # fmt: skip


def section(results: Mapping[str, Any]) -> str:
    """All tables."""
    return "\n\n".join(
        [
            "Made-up signals with incidents, every five minutes:",
            _found(results["injected"], results["clean"]),
            "Real signals that people have marked (events that are right of all, incidents found, area):",
            _real(results["real"]),
            "Events a week of clean signals, the mean and in brackets the most of all weeks:",
            _clean(results["clean"]),
            _cost(results["cost"]),
        ]
    )


def _cost(cost: Mapping[str, float]) -> str:
    return (
        f"A fit of 8,064 values takes {cost['fit_ms']:.1f} ms of CPU and a prediction "
        f"{1000 * cost['predict_ms']:.0f} us: 100 signals that are read every minute and learnt anew every "
        f"hour cost {cost['hour_s']:.2f} s an hour."
    )


def false_events(clean: Mapping[str, Rows], method: str) -> float:
    """Mean events of a method a week, over all kinds of clean signals."""
    return sum(kind[method]["mean"] for kind in clean.values()) / len(clean)


def _ordered(rows: Rows) -> Rows:
    return {name: rows[name] for name in ORDER if name in rows}


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    titles = list(head)
    lines = [titles, ["---", *["---:"] * (len(titles) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _share(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"


def _found(rows: Rows, clean: Mapping[str, Rows]) -> str:
    head = [
        "method", "precision of events", "recall of incidents", "delay, steps", "area under precision-recall",
        "false events a clean week", "CPU s",
    ]  # fmt: skip
    return _table(
        head,
        (
            [
                name,
                _share(row["precision"]),
                _share(row["recall"]),
                "none" if row["delay"] is None else f"{row['delay']:.0f}",
                _share(row["area"]),
                f"{false_events(clean, name):.2f}",
                f"{row['seconds']:.1f}",
            ]
            for name, row in _ordered(rows).items()
        ),
    )


def _real(results: Mapping[str, Rows]) -> str:
    methods = _ordered(next(iter(results.values())))

    def cell(row: Mapping[str, Any]) -> str:
        if row["incidents"] == 0 or row["judged"] == 0:
            return "no scores"
        right = round((row["precision"] or 0.0) * row["events"])
        found = round(row["recall"] * row["incidents"])
        return f"{right} of {row['events']}, {found} of {row['incidents']}, {row['area']:.3f}"

    rows = ([name, *(cell(of_case[name]) for of_case in results.values())] for name in methods)
    return _table(["method", *results], rows)


def _clean(clean: Mapping[str, Rows]) -> str:
    methods = _ordered(next(iter(clean.values())))
    rows = [
        [kind, *(f"{row['mean']:.1f} ({row['most']:.0f})" for row in _ordered(by_method).values())]
        for kind, by_method in clean.items()
    ]
    all_kinds = ["mean", *(f"{false_events(clean, name):.2f}" for name in methods)]
    weeks = ["weeks of each", *(str(row["weeks"]) for row in methods.values())]
    return _table(["signal", *methods], [*rows, all_kinds, weeks])


def insert(page: Path, results: Mapping[str, Any]) -> None:
    """Put the tables between their marks in a page."""
    text = page.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    page.write_text(f"{before}{BEGIN}\n{section(results)}\n{END}{after}", encoding="utf-8")
