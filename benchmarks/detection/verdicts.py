"""What a detector says of windows, and what that is worth against the truth."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detection.cases import Case


@dataclass(frozen=True)
class Verdicts:
    """Whether each of a case's ``windows`` alarms by each column: ``alarms`` (windows, columns).

    ``cpu`` is CPU seconds per window, of user and system.
    """

    detector: str
    columns: tuple[str, ...]
    windows: tuple[int, ...]
    alarms: NDArray[np.bool_]
    cpu: float


@dataclass(frozen=True)
class Silence:
    """False alarms: among the columns' windows of a stream that did not shift, or beside a shifted column."""

    detector: str
    stream: str
    size: int
    windows: int
    column_windows: int
    alarms: int
    by_column: dict[str, int]
    cpu: float


@dataclass(frozen=True)
class Found:
    """How one shift of a column was found at one size.

    Of ``events``, ``at_once`` were found in their first window, ``found`` in any. ``delay`` is the median
    number of windows up to the one that alarmed, None where none did. ``psi`` is the true one, the largest
    while it lasts.
    """

    detector: str
    stream: str
    size: int
    pattern: str
    kind: str
    column: str
    amount: str
    psi: float
    events: int
    at_once: int
    found: int
    delay: float | None


def silence(case: Case, verdicts: Verdicts) -> Silence:
    """False alarms of a case, but for columns that may have moved."""
    alarms = verdicts.alarms & ~_touched(case, verdicts)
    by_column = Counter(
        {name: int(count) for name, count in zip(verdicts.columns, alarms.sum(axis=0), strict=True) if count}
    )
    return Silence(
        detector=verdicts.detector,
        stream=case.stream.name,
        size=case.size,
        windows=len(verdicts.windows),
        column_windows=int((~_touched(case, verdicts)).sum()),
        alarms=int(alarms.sum()),
        by_column=dict(by_column.most_common()),
        cpu=float(f"{verdicts.cpu:.3g}"),
    )


def _touched(case: Case, verdicts: Verdicts) -> NDArray[np.bool_]:
    touched = np.zeros(verdicts.alarms.shape, dtype=bool)
    if case.trials:
        for row, window in enumerate(verdicts.windows):
            names = case.trials[window].touched
            touched[row] = ["*" in names or name in names for name in verdicts.columns]
    return touched


def found(case: Case, verdicts: Verdicts) -> list[Found]:
    """How the shifts of a case were found; events of which not all windows were judged are left out."""
    row_of = {window: row for row, window in enumerate(verdicts.windows)}
    place = {name: i for i, name in enumerate(verdicts.columns)}
    outcomes = []
    for number, group in groupby(range(case.count), key=lambda window: case.trials[window].event):
        windows = list(group)
        if not all(window in row_of for window in windows):
            continue
        event = case.events[number]
        for column in case.trials[windows[0]].shifted:
            alarmed = [
                bool(verdicts.alarms[row_of[window], place[column]])
                for window in windows
                if column in case.trials[window].shifted
            ]
            largest = max(case.trials[window].shifted.get(column, 0.0) for window in windows)
            shift = (event.pattern, event.kind, column, event.amount, largest)
            outcomes.append((shift, alarmed))
    outcomes.sort(key=lambda outcome: outcome[0])
    return [
        _found(case, verdicts.detector, shift, [alarmed for _, alarmed in same])
        for shift, same in groupby(outcomes, key=lambda outcome: outcome[0])
    ]


def _found(
    case: Case, detector: str, shift: tuple[str, str, str, str, float], events: Sequence[Sequence[bool]]
) -> Found:
    pattern, kind, column, amount, psi = shift
    delays = [alarmed.index(True) + 1 for alarmed in events if any(alarmed)]
    return Found(
        detector=detector,
        stream=case.stream.name,
        size=case.size,
        pattern=pattern,
        kind=kind,
        column=column,
        amount=amount,
        psi=float(f"{psi:.3g}"),
        events=len(events),
        at_once=sum(alarmed[0] for alarmed in events),
        found=len(delays),
        delay=float(np.median(delays)) if delays else None,
    )


def chosen(case: Case, limit: int) -> tuple[int, ...]:
    """About ``limit`` windows of a case, spread evenly; of events, whole ones, first one of each shift."""
    if not case.trials:
        return tuple(sorted(set(np.linspace(0, case.count - 1, min(limit, case.count)).astype(int).tolist())))
    taken: list[int] = []
    rounds = Counter[object]()
    by_round: list[tuple[int, list[int]]] = []
    for number, group in groupby(range(case.count), key=lambda window: case.trials[window].event):
        event = case.events[number]
        by_round.append((rounds[event], list(group)))
        rounds[event] += 1
    for _, windows in sorted(by_round):
        if taken and len(taken) + len(windows) > limit:
            break
        taken += windows
    return tuple(sorted(taken))


def as_documents(results: Iterable[Silence | Found]) -> list[dict[str, Any]]:
    """As JSON takes them."""
    return [asdict(result) for result in results]
