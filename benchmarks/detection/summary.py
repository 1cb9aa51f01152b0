"""What the results add up to: rates by detector, stream, size and PSI."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

DETECTORS = (
    "drift_exporter",
    "drift_exporter, confidence 0.95",
    "Evidently",
    "NannyML",
    "alibi-detect",
)
CLASSES = ((0.0, 0.05), (0.05, 0.1), (0.1, 0.25), (0.25, float("inf")))
"""From and below which PSI shifts are taken together."""

FALSE_ALARMS = 1.0
"""At most so many per 1,000 columns' windows are to come."""

PEER_SHARE = 0.1
"""And at most this share of Evidently's and of NannyML's."""

LARGE, FOUND, ENOUGH = 0.25, 0.95, 1_000
"""Of shifts with a PSI of at least LARGE this share is to be found within one window of ENOUGH records."""

Result = Mapping[str, Any]


@dataclass(frozen=True)
class Rate:
    """So many of ``total``."""

    hits: int
    total: int

    @property
    def share(self) -> float | None:
        """Their share, None where the total is 0."""
        return self.hits / self.total if self.total else None


def detectors_of(results: Result) -> list[str]:
    """Those that there are results of, in order."""
    there = {row["detector"] for row in results["steady"]}
    return [name for name in DETECTORS if name in there]


def false_alarms(rows: Iterable[Result], detector: str, **where: object) -> Rate:
    """Alarms of a detector among columns' windows."""
    own = [row for row in _chosen(rows, where) if row["detector"] == detector]
    return Rate(sum(row["alarms"] for row in own), sum(row["column_windows"] for row in own))


def beside_peer(results: Result, ours: str, peer: str) -> tuple[Rate, Rate]:
    """False alarms of ours and of a peer, in the streams and sizes that the peer judged."""
    judged = {(row["stream"], row["size"]) for row in results["steady"] if row["detector"] == peer}
    rows = [row for row in results["steady"] if (row["stream"], row["size"]) in judged]
    return false_alarms(rows, ours), false_alarms(rows, peer)


def at_once(rows: Iterable[Result], detector: str, psi: tuple[float, float], **where: object) -> Rate:
    """Of the events of abrupt or real shifts with such a PSI, those found in their first window."""
    own = [
        row
        for row in _chosen(rows, where)
        if row["detector"] == detector
        and row["pattern"] in {"abrupt", "real"}
        and psi[0] <= row["psi"] < psi[1]
    ]
    return Rate(sum(row["at_once"] for row in own), sum(row["events"] for row in own))


def sizes_of(rows: Iterable[Result]) -> list[int]:
    """Sizes of the windows."""
    return sorted({row["size"] for row in rows})


def large_found(results: Result, detector: str) -> Rate:
    """Of the large shifts, those found in their first window, of all sizes that are enough."""
    rates = [
        at_once(results["shifts"], detector, (LARGE, float("inf")), size=size)
        for size in sizes_of(results["shifts"])
        if size >= ENOUGH
    ]
    return Rate(sum(rate.hits for rate in rates), sum(rate.total for rate in rates))


def _chosen(rows: Iterable[Result], where: Mapping[str, object]) -> Sequence[Result]:
    return [row for row in rows if all(row[key] == value for key, value in where.items())]
