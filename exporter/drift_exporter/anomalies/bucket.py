"""Which records are scored where there are more than may be: a token bucket in event time.

Every second by which the newest event time advances brings ``rate`` tokens, up to a minute's worth, and a
record that is scored takes one. So how many are scored does not depend on how the stream is cut into chunks.
Where a second has too many records in a chunk, those with the smallest pseudo-random keys are scored.
"""

from dataclasses import dataclass

import numpy as np

from drift_exporter.config.anomaly import BURST
from drift_exporter.reference.model import IntArray
from drift_exporter.window.sample import NO_LIMIT, smallest


@dataclass(frozen=True)
class Bucket:
    """What is left at the end of a second of event time (since the epoch, None before the first record)."""

    tokens: int
    second: int | None = None


def full_bucket(rate: int) -> Bucket:
    """Before the first record."""
    return Bucket(rate * BURST)


def choose(bucket: Bucket, rate: int, seconds: IntArray, keys: IntArray) -> tuple[IntArray, Bucket]:
    """Numbers of the records that are scored, ascending, and the bucket after them.

    ``seconds`` (records,) is the newest event time up to each record, which never falls; ``keys`` (records,)
    are their pseudo-random ones.
    """
    if not len(seconds):
        return np.empty(0, dtype=np.int64), bucket
    most = rate * BURST
    starts = np.flatnonzero(np.append(True, seconds[1:] != seconds[:-1]))
    ticks = seconds[starts]
    counts = np.diff(np.append(starts, len(seconds)))
    before = int(ticks[0]) if bucket.second is None else bucket.second
    # More than fills the bucket is as good as what fills it.
    passed = np.clip(np.diff(ticks, prepend=before), 0, BURST)
    taken, left = _taken(min(bucket.tokens, most), passed * rate, counts, most)
    after = Bucket(left, int(ticks[-1]))
    if taken is None:
        return np.arange(len(seconds)), after
    tick = np.repeat(np.arange(len(ticks)), counts)
    chosen = smallest(keys, tick, np.full(len(ticks), NO_LIMIT), taken)
    return np.sort(chosen), after


def _taken(tokens: int, gained: IntArray, wanted: IntArray, most: int) -> tuple[IntArray | None, int]:
    """How many of those ``wanted`` in each second (seconds,) get a token, None for all; and what is left."""
    # Where all are scored, what overflows is the most by which the sum of all gains exceeded the bucket.
    spent = np.cumsum(wanted) - wanted
    level = tokens + np.cumsum(gained) - spent
    level = level - np.maximum(np.maximum.accumulate(level - most), 0)
    if (level >= wanted).all():
        return None, int(level[-1] - wanted[-1])
    taken = []
    # Seconds, not records: there are more records in a second than tokens.
    for gain, count in zip(gained.tolist(), wanted.tolist(), strict=True):
        tokens = min(most, tokens + gain)
        own = min(tokens, count)
        tokens -= own
        taken.append(own)
    return np.array(taken), tokens
