"""What each window is compared with: the one place where a reference is chosen.

The counts that a fixed reference holds come from its file. Those of a rolling reference come from the history
of the version itself, and those of a reference that is a version from the same window of that version; the
bins are those of a file either way.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from drift_exporter.config.references import ENOUGH, RollingReference, VersionReference
from drift_exporter.config.values import format_duration
from drift_exporter.ingest import ModelIngest
from drift_exporter.judge.calibration import FEWEST_BLOCKS
from drift_exporter.judge.past import calibrate_on_slices
from drift_exporter.reference.counted import with_counts
from drift_exporter.reference.model import Reference
from drift_exporter.window.history import Past, seasonal_past, whole_past
from drift_exporter.window.ring import Ring, Slice, WindowSum
from drift_exporter.window.slices import MICROSECONDS, Window

Sums = Mapping[str, Sequence[WindowSum]]
"""The windows' sums by version, shortest window first, all of one moment."""

_OLDER = 2 / 3

LEAST_SHARE = 0.5
"""Share of a rolling reference's length, or of its seasons, that the history must reach over."""


@dataclass(frozen=True)
class Choice:
    """A reference, or why there is none (a sentence without its full stop; None without any reference)."""

    reference: Reference | None = None
    absent: str | None = None


def reference_for(ingest: ModelIngest, version: str, window: WindowSum, sums: Sums) -> Choice:
    """What a window of a version is compared with. The caller holds the lock."""
    layout, kind = ingest.layout(version), ingest.model.reference
    if layout is None:
        return _without_bins(ingest)
    if isinstance(kind, RollingReference):
        return _rolling(ingest, version, layout.reference, (window.start, window.end), window.window)
    if isinstance(kind, VersionReference):
        return _other_version(kind.version, version, ingest, layout.reference, (window, sums))
    return Choice(layout.reference)


def current_reference(ingest: ModelIngest, version: str, sums: Sums) -> Choice:
    """What stands for a version's references in metrics that have no window. The caller holds the lock.

    That is the whole of a rolling reference, as it is for windows not longer than its offset, and the longest
    window of another version.
    """
    layout, kind = ingest.layout(version), ingest.model.reference
    if layout is None:
        return _without_bins(ingest)
    if isinstance(kind, RollingReference):
        if ingest.watermark is None:
            return Choice(absent="there is no record with a time yet")
        return _rolling(ingest, version, layout.reference, (ingest.watermark, ingest.watermark), None)
    if isinstance(kind, VersionReference):
        windows = sums.get(version, ())
        if not windows:
            return Choice(absent="there is no record with a time yet")
        return _other_version(kind.version, version, ingest, layout.reference, (windows[-1], sums))
    return Choice(layout.reference)


def _without_bins(ingest: ModelIngest) -> Choice:
    if isinstance(ingest.model.reference, RollingReference | VersionReference):
        return Choice(
            absent=f"its bins are not laid yet: that takes the first {ENOUGH:,} records that are read"
        )
    return Choice()


def _rolling(
    ingest: ModelIngest, version: str, bins: Reference, span: tuple[int, int], window: Window | None
) -> Choice:
    if ingest.rolling is None or ingest.past is None:
        raise ValueError(f"model {ingest.model.name!r} keeps no history")
    rolling, level = ingest.rolling, ingest.past
    ring = ingest.rings[version]
    whole = window is None or rolling.season is None or window.length >= rolling.season
    if window is None or rolling.season is None or whole:
        past = whole_past(rolling, ring.windows[level], *span)
        short = _too_short(past, ring.slices[level], rolling.length)
    else:
        # Up to the window's next slice: what lies a season ago then changes once a slice.
        span = span[0], -(-span[1] // window.slice) * window.slice
        past = seasonal_past(rolling, rolling.season, ring.windows[level], *span)
        bins = _uncalibrated(bins)
        short = _too_few_seasons(past, ring.slices[level])
    if short is not None:
        return Choice(absent=short)
    weights = past.weights
    # Records are only ever added to a slice: as long as none came, the sum is the same.
    held = tuple(
        (start, weight, ring.slices[level][start].rows)
        for start, weight in weights.items()
        if start in ring.slices[level]
    )
    place = version, "" if window is None else window.name
    known = ingest.compared.get(place)
    if known is None or known[0] != held:
        told = min(start for start, _, _ in held) / MICROSECONDS, past.end / MICROSECONDS
        reference = with_counts(bins, *ring.weigh(level, weights), told)
        if window is not None and whole and not bins.calibration:
            reference = _calibrated(reference, ring, level, window.length, [start for start, _, _ in held])
        known = held, reference
        ingest.compared[place] = known
    return _enough(known[1], ingest)


def _calibrated(
    reference: Reference, ring: Ring, level: int, length: int, starts: Sequence[int]
) -> Reference:
    """With how much windows of ``length`` microseconds varied in the slices that begin at ``starts``.

    Only the older ones of them tell: a shift that is in the newest ones already would hide itself.
    """
    slices, ordered = ring.slices[level], sorted(starts)
    ordered = ordered[: max(FEWEST_BLOCKS, round(len(ordered) * _OLDER))]
    calibration = calibrate_on_slices(
        reference.columns,
        np.array([slices[start].counts for start in ordered]),
        np.array([slices[start].rows for start in ordered]),
        np.array(ordered),
        (ring.windows[level].slice, length),
    )
    return replace(reference, calibration=calibration)


def _uncalibrated(bins: Reference) -> Reference:
    """Without how much windows vary over all times: what is compared here is of the same time on both sides.

    A daily cycle varies most, and would leave nothing that alarms.
    """
    return replace(bins, calibration=())


def _too_short(past: Past, slices: Mapping[int, Slice], length: int) -> str | None:
    oldest = min((start for start in past.weights if start in slices), default=past.end)
    reach = past.end - oldest
    if reach >= LEAST_SHARE * length:
        return None
    return (
        f"the version's history reaches back over {_told(reach)} of the reference, and at least "
        f"{_told(LEAST_SHARE * length)} are needed"
    )


def _too_few_seasons(past: Past, slices: Mapping[int, Slice]) -> str | None:
    seen = sum(any(start in slices for start in part) for part in past.seasons)
    if past.seasons and seen >= LEAST_SHARE * len(past.seasons):
        return None
    return (
        f"the version's history has records at the same time of {seen} of the reference's "
        f"{len(past.seasons)} seasons, and at least half of them are needed"
    )


def _other_version(
    stable: str, version: str, ingest: ModelIngest, bins: Reference, when: tuple[WindowSum, Sums]
) -> Choice:
    if version == stable:
        return Choice(absent="it is the version that the others are compared with")
    window, sums = when
    theirs = next((one for one in sums.get(stable, ()) if one.window == window.window), None)
    if theirs is None:
        return Choice(absent=f"there is no record of version {stable!r}")
    span = theirs.start / MICROSECONDS, theirs.end / MICROSECONDS
    held = ((theirs.start, float(theirs.end), theirs.rows),)
    place = stable, window.window.name
    known = ingest.compared.get(place)
    if known is None or known[0] != held:
        reference = with_counts(_uncalibrated(bins), theirs.counts, theirs.sums, theirs.rows, span)
        ingest.compared[place] = known = held, reference
    return _enough(known[1], ingest)


def _enough(reference: Reference, ingest: ModelIngest) -> Choice:
    least = ingest.criteria.minimum_records
    if reference.rows >= least:
        return Choice(reference)
    return Choice(
        absent=f"the reference holds {reference.rows} records at that time, and at least {least} are needed"
    )


def _told(length: float) -> str:
    return format_duration(round(length / MICROSECONDS))
