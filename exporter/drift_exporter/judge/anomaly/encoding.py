"""Records as the detector sees them: one coordinate for each column, and how odd it is what they miss.

Numbers stay as they are, unless they are to be scaled. A category becomes its surprisal, minus the logarithm
of its share of the reference, so that rare categories are far from frequent ones; one that the reference did
not keep counts as half a record, below the rarest.

A number that is missing stands at the reference's median, so that a detector sees nothing odd there. How odd
it is that it is missing follows from how often the reference misses it: with p_j the share of rows that miss
column j, a record's patterns has the surprisal sum of -ln p_j over what it misses and -ln(1 - p_j) over what
it has.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from drift_exporter.judge.anomaly.settings import Scale
from drift_exporter.reference.model import Column, FloatArray, NumericColumn

_FAR = 1e6
"""Numbers farther from the reference's middle than this many of its ranges count as so far: beyond are powers
that overflow, and single-precision trees."""


@dataclass(frozen=True)
class Encoding:
    """How values (n, C) become points (n, C).

    By column: ``tables`` holds the surprisal of each bin, None of a number; a number is cut to ``lowest`` and
    ``highest``, less ``shift`` and divided by ``divisor``. ``centres`` is what is usual: the median, or the
    most frequent category. ``absent`` and ``present`` are the surprisals of missing it and of having it.
    """

    tables: tuple[FloatArray | None, ...]
    centres: FloatArray
    lowest: FloatArray
    highest: FloatArray
    shift: FloatArray
    divisor: FloatArray
    absent: FloatArray
    present: FloatArray

    def encode(self, values: FloatArray) -> FloatArray:
        """Points (n, C), all finite."""
        points = np.empty(values.shape)
        for place, table in enumerate(self.tables):
            own = values[:, place]
            if table is not None:
                points[:, place] = table[own.astype(np.int64)]
                continue
            cut = np.clip(own, self.lowest[place], self.highest[place])
            scaled = (cut - self.shift[place]) / self.divisor[place]
            points[:, place] = np.where(np.isnan(own), self.centres[place], scaled)
        return points

    def missing(self, values: FloatArray) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
        """Which values (n, C) are missing."""
        found = np.isnan(values)
        for place, table in enumerate(self.tables):
            if table is not None:
                found[:, place] = values[:, place] == len(table) - 1
        return found

    def surprisal(self, values: FloatArray) -> FloatArray:
        """How odd it is what records (n, C) miss and have (n,), in nats."""
        missed = self.missing(values)
        found: FloatArray = self.present.sum() + missed @ (self.absent - self.present)
        return found


def fit_encoding(values: FloatArray, columns: Sequence[Column], scale: Scale, held: FloatArray) -> Encoding:
    """The encoding that reference rows (m, C) of these columns (C) make.

    Categories count as often as in all of the reference but in the rows ``held`` (h, C), which are not to be
    known.
    """
    parts = [
        _number(values[:, place], column, scale)
        if isinstance(column, NumericColumn)
        else (0.0, -np.inf, np.inf, 0.0, 1.0)
        for place, column in enumerate(columns)
    ]
    tables = tuple(
        None if isinstance(column, NumericColumn) else _surprisals(column, held[:, place])
        for place, column in enumerate(columns)
    )
    centres, lowest, highest, shift, divisor = np.array(parts).reshape(-1, 5).T.copy()
    for place, table in enumerate(tables):
        if table is not None:
            centres[place] = table.min()
    rows = np.array([column.counts.sum() for column in columns], dtype=np.float64)
    absent = np.array([column.missing for column in columns], dtype=np.float64)
    share = (absent + 0.5) / (rows + 1)
    return Encoding(tables, centres, lowest, highest, shift, divisor, -np.log(share), -np.log1p(-share))


def _number(
    values: FloatArray, column: NumericColumn, scale: Scale
) -> tuple[float, float, float, float, float]:
    """Centre, bounds, shift and divisor of a column's numbers (m,)."""
    known = values[~np.isnan(values)]
    known = known if len(known) else np.array([column.mean])
    low, high = float(known.min()), float(known.max())
    median = float(np.median(known))
    far = _FAR * ((high - low) or abs(high) or 1.0)
    shift, divisor = 0.0, 1.0
    if scale == "standard":
        shift, divisor = float(known.mean()), float(known.std())
    elif scale == "robust":
        quartiles = np.quantile(known, [0.25, 0.75])
        shift, divisor = median, float(quartiles[1] - quartiles[0])
    divisor = divisor if divisor > 0 else (high - low) or 1.0
    return (median - shift) / divisor, low - far, high + far, shift, divisor


def _surprisals(column: Column, held: FloatArray) -> FloatArray:
    """Surprisal of each bin (size,), in nats."""
    counts = column.counts - np.bincount(held.astype(np.int64), minlength=column.size)
    counts = np.maximum(counts, 0)
    # Each of those that were not kept is rarer than any that was, however many they are together.
    counts[-2] = 0
    smoothed = counts + 0.5
    found: FloatArray = -np.log(smoothed / smoothed.sum())
    return found
