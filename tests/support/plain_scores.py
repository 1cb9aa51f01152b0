"""Drift scores of one column, formula by formula: what those of all columns at once have to agree with."""

import math

import numpy as np

from drift_exporter.judge.scores import Counts
from drift_exporter.reference.model import Column, FloatArray, IntArray, NumericColumn


def smoothed_shares(reference: Counts, current: Counts) -> tuple[FloatArray, FloatArray]:
    """Shares with half a count added to each bin that either side has seen."""
    seen = (reference + current) > 0
    p = reference[seen] + 0.5
    q = current[seen] + 0.5
    return p / p.sum(), q / q.sum()


def psi(reference: Counts, current: Counts) -> float:
    """Population stability index."""
    p, q = smoothed_shares(reference, current)
    return float(np.dot(q - p, np.log(q / p)))


def jensenshannon(reference: Counts, current: Counts) -> float:
    """Jensen-Shannon distance in bits."""
    p, q = _shares(reference, current)
    middle = (p + q) / 2
    bits = _information(p, middle) + _information(q, middle)
    return math.sqrt(max(bits, 0.0) / 2)


def hellinger(reference: Counts, current: Counts) -> float:
    """Hellinger distance."""
    p, q = _shares(reference, current)
    difference = np.sqrt(p) - np.sqrt(q)
    return min(math.sqrt(np.dot(difference, difference) / 2), 1.0)


def chi2(reference: Counts, current: Counts) -> float:
    """Cramer's V."""
    p, q = _shares(reference, current)
    weight = current.sum() / (reference.sum() + current.sum())
    pooled = (1 - weight) * p + weight * q
    difference = q - p
    return min(math.sqrt(weight * (1 - weight) * np.dot(difference, difference / pooled)), 1.0)


def linf(reference: Counts, current: Counts) -> float:
    """Largest difference of a share."""
    return float(np.abs(reference / reference.sum() - current / current.sum()).max())


def ks(reference: Counts, current: Counts) -> float:
    """Kolmogorov-Smirnov distance at the fine edges."""
    return float(np.abs(_distribution_difference(reference, current)).max(initial=0.0))


def wasserstein(
    edges: FloatArray,
    reference: Counts,
    current: Counts,
    reference_sums: FloatArray,
    current_sums: FloatArray,
) -> float:
    """Wasserstein-1 distance from counts and sums."""
    centre = reference_sums.sum() / reference.sum()
    edges = edges - centre
    m, n = reference.sum(), current.sum()
    reference_means = (reference_sums - centre * reference) / m
    current_means = (current_sums - centre * current) / n
    difference = _distribution_difference(reference, current)
    integrals = np.diff(np.concatenate([[0.0], edges * difference, [0.0]])) - (
        reference_means - current_means
    )
    distance = np.abs(integrals)
    crossed = np.flatnonzero(difference[:-1] * difference[1:] < 0)
    if len(crossed):
        inner = crossed + 1
        distance[inner] = _three_steps(
            edges[crossed],
            edges[crossed + 1],
            difference[crossed],
            difference[crossed + 1],
            (reference[inner] / m, reference_means[inner]),
            (current[inner] / n, current_means[inner]),
        )
    return float(distance.sum())


def drift_scores(column: Column, counts: IntArray, sums: FloatArray | None = None) -> dict[str, float]:
    """All scores that apply to a column, by method."""
    if not counts.any():
        return {}
    reference, current = column.exported_counts, column.export(counts)
    scores = {
        "psi": psi(reference, current),
        "jensenshannon": jensenshannon(reference, current),
        "hellinger": hellinger(reference, current),
    }
    if not isinstance(column, NumericColumn):
        scores["chi2"] = chi2(reference, current)
        scores["linf"] = linf(reference, current)
        return scores
    fine = counts[:-1]
    if fine.any():
        scores["ks"] = ks(column.fine_counts, fine)
        if sums is not None and column.standard_deviation > 0:
            with np.errstate(over="ignore", invalid="ignore"):
                distance = wasserstein(column.fine_edges, column.fine_counts, fine, column.fine_sums, sums)
                normalised = float(np.divide(distance, column.standard_deviation))
            if math.isfinite(normalised):
                scores["wasserstein"] = normalised
    return scores


def _shares(reference: Counts, current: Counts) -> tuple[FloatArray, FloatArray]:
    seen = (reference + current) > 0
    return reference[seen] / reference.sum(), current[seen] / current.sum()


def _information(p: FloatArray, q: FloatArray) -> float:
    positive = p > 0
    p = p[positive]
    return float(np.dot(p, np.log2(p / q[positive])))


def _distribution_difference(reference: Counts, current: Counts) -> FloatArray:
    """F_reference - F_current at the edges, (F-1,) from counts (F,)."""
    below_reference = np.cumsum(reference)
    below_current = np.cumsum(current)
    difference: FloatArray = below_reference / below_reference[-1] - below_current / below_current[-1]
    return difference[:-1]


def _three_steps(  # noqa: PLR0917 - two ends with two values each, two masses
    left: FloatArray,
    right: FloatArray,
    at_left: FloatArray,
    at_right: FloatArray,
    reference: tuple[FloatArray, FloatArray],
    current: tuple[FloatArray, FloatArray],
) -> FloatArray:
    """Integral of |D| from left to right where each side is one atom: its share, and its share x place."""
    place_reference = _place(*reference, left, right)
    place_current = _place(*current, left, right)
    first, last = np.minimum(place_reference, place_current), np.maximum(place_reference, place_current)
    between = np.where(place_reference < place_current, at_left + reference[0], at_left - current[0])
    steps: FloatArray = np.abs(at_left) * (first - left) + np.abs(between) * (last - first)
    return steps + np.abs(at_right) * (right - last)


def _place(share: FloatArray, moment: FloatArray, left: FloatArray, right: FloatArray) -> FloatArray:
    """Mean of the values in a bin, kept inside of it; any place will do where there are none."""
    mean = np.divide(moment, share, out=left.copy(), where=share > 0)
    return np.clip(mean, left, right)
