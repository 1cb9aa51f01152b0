"""Records as points: one number or a few for each column, fixed by the reference.

Numbers become normal scores: the normal quantile of their rank in the reference. That is what standardising
is for, but no tail and no outlier can outweigh everything else. Categories become indicators.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from drift_exporter.reference.model import Column, FloatArray, IntArray, NumericColumn

MOST_INDICATORS = 256
"""Indicators of categories in all, so that many columns of many categories stay affordable."""

_OF_ONE = 8
_KNOTS = 1025
_LEAST_DEVIATION = 0.1
"""Rare indicators are scaled as if 1 % of the records had them, so that one such record is no outlier."""


@dataclass(frozen=True)
class _Number:
    """``scores`` of the ascending ``knots``; what is between them is interpolated, what is beyond is cut."""

    place: int
    knots: FloatArray
    scores: FloatArray


@dataclass(frozen=True)
class _Indicator:
    """1 for some bins of a column, else 0; then less ``mean`` and divided by ``deviation``."""

    place: int
    bins: IntArray
    mean: float
    deviation: float


@dataclass(frozen=True)
class Encoding:
    """How records (n, C) become points (n, p). ``owner`` (p,) is the place of each coordinate's column."""

    numbers: tuple[_Number, ...]
    indicators: tuple[_Indicator, ...]
    owner: IntArray

    def encode(self, values: FloatArray) -> FloatArray:
        """Points (n, p): in the reference, each coordinate has mean 0 and at most about deviation 1.

        A number that is missing stands at the mean; an indicator says that it is missing.
        """
        points = np.empty((len(values), len(self.owner)))
        for position, number in enumerate(self.numbers):
            own = values[:, number.place]
            scores = np.interp(own, number.knots, number.scores)
            points[:, position] = np.where(np.isnan(own), 0.0, scores)
        for position, one in enumerate(self.indicators, start=len(self.numbers)):
            own = values[:, one.place]
            hit = np.isnan(own) if not len(one.bins) else np.isin(own, one.bins)
            points[:, position] = (hit - one.mean) / one.deviation
        return points


def fit_encoding(reference: FloatArray, columns: Sequence[Column]) -> Encoding:
    """The encoding that a reference's records (m, C), of these columns (C), make.

    A categorical column has indicators of its most frequent bins but the first, of all others together, and
    of ``missing``; a numeric column its score and one of ``missing``.
    """
    numbers: list[_Number] = []
    indicators: list[_Indicator] = []
    categorical = sum(not isinstance(column, NumericColumn) for column in columns)
    most = min(_OF_ONE, max(1, MOST_INDICATORS // max(1, categorical)))
    for place, column in enumerate(columns):
        values = reference[:, place]
        if isinstance(column, NumericColumn):
            numbers.append(_number(place, values))
            sets = [np.empty(0, dtype=np.int64)]
        else:
            missing = column.size - 1
            frequent = np.argsort(-np.bincount(values.astype(np.int64), minlength=column.size)[:missing])
            sets = [frequent[i : i + 1] for i in range(1, min(most, missing))]
            sets += [frequent[most:], np.array([missing])] if missing > most else [np.array([missing])]
        indicators += [_indicator(place, values, bins) for bins in sets]
    owner = [number.place for number in numbers] + [indicator.place for indicator in indicators]
    return Encoding(tuple(numbers), tuple(indicators), np.array(owner, dtype=np.int64))


def _number(place: int, values: FloatArray) -> _Number:
    known = values[~np.isnan(values)]
    if not len(known):
        return _Number(place, np.zeros(1), np.zeros(1))
    knots, counts = np.unique(known, return_counts=True)
    scores = special.ndtri((np.cumsum(counts) - 0.5 * counts) / len(known))
    mean = float(np.average(scores, weights=counts))
    deviation = float(np.sqrt(np.average((scores - mean) ** 2, weights=counts)))
    scores = (scores - mean) / deviation if deviation > 0 else np.zeros(len(knots))
    if len(knots) > _KNOTS:
        kept = np.unique(np.linspace(0, len(knots) - 1, _KNOTS).round().astype(np.int64))
        knots, scores = knots[kept], scores[kept]
    return _Number(place, knots, scores)


def _indicator(place: int, values: FloatArray, bins: IntArray) -> _Indicator:
    hit = np.isnan(values) if not len(bins) else np.isin(values, bins)
    mean = float(hit.mean()) if len(hit) else 0.0
    deviation = max(float(np.sqrt(mean * (1 - mean))), _LEAST_DEVIATION)
    return _Indicator(place, bins, mean, deviation)


def varying(*points: FloatArray) -> IntArray:
    """Coordinates that are not the same everywhere in all of these points (n, p)."""
    lowest = np.min([one.min(axis=0) for one in points], axis=0)
    highest = np.max([one.max(axis=0) for one in points], axis=0)
    return np.flatnonzero(highest > lowest)
