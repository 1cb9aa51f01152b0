"""Where in a sequence of slices a column began to be off: the most likely change point, and how sure that is.

Before the change records are distributed like the reference or at most as far from it as is tolerated, after
it in any way. The most likely place of a change in such a sequence: Hinkley and Hinkley (1970), Inference
about the change-point in a sequence of binomial variables, Biometrika 57(3); for more than two bins Chen and
Gupta, Parametric Statistical Change Point Analysis, 2nd edition (2012), on multinomial models. The set of
places that are not much less likely: Siegmund (1988), Confidence sets in change-point problems, Int. Stat.
Review 56(1).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import special

from drift_exporter.reference.model import FloatArray, IntArray

_LEVEL = 0.95
_LESS_LIKELY = -math.log(1 - math.sqrt(_LEVEL))
"""How far below its maximum, 3.68, the log-likelihood at the true place lies with that probability at most.

On either side of it the log-likelihood ratio falls like a random walk whose exponential is a martingale of
mean 1 where the shares are known, which ever exceeds e^c with a probability of e^-c at most (Ville's
inequality); on neither side it does with (1 - e^-c)^2.
"""

_FILLED = 20.0
"""Bins with fewer records than these, in the window and as expected there, are taken as one."""

_FEWEST_BLOCKS = 4


class Change(NamedTuple):
    """The first slice after the change, and the first and the last that it may be; 0: before all of them."""

    place: int
    first: int
    last: int


class Part(NamedTuple):
    """Counts (slices, B), oldest first, beside a reference (B,), and what PSI is tolerated; B > 1."""

    counts: IntArray
    reference: IntArray
    tolerance: float


def change_point(parts: Sequence[Part], design_effect: float = 1.0) -> Change:
    """The most likely change, all parts at once: of the same slices, and independent of each other.

    Each slice should hold a record. Before the change records are within the part's tolerance of the
    reference, and within what chance has made of that: the expected PSI of a sample of its size.

    Records count as so many independent ones as ``design_effect`` says or, if that is fewer, as the slices
    on both sides of the change vary: the largest ratio of Pearson's statistic to its degrees of freedom over
    blocks of 1, 2, 4, ... slices (McCullagh and Nelder, Generalized Linear Models, 2nd edition (1989),
    section 4.5), so that cycles within the window do not make it sure of what they did.

    Raises ValueError without a slice.
    """
    if not parts or not len(parts[0].counts):
        raise ValueError("there is no slice to look for a change in")
    used = [_prepared(part, design_effect) for part in parts]
    place = int(np.argmax(_log_likelihood(used, design_effect)))
    effect = max(design_effect, _dispersion(used, place))
    likelihood = _log_likelihood(used, effect)
    place = int(np.argmax(likelihood))
    likely = np.flatnonzero(likelihood >= likelihood[place] - _LESS_LIKELY)
    return Change(place, int(likely[0]), int(likely[-1]))


class _Prepared(NamedTuple):
    """Counts (slices, B), the shares of the reference (B,), and what is tolerated."""

    counts: IntArray
    shares: FloatArray
    tolerance: float


def _prepared(part: Part, design_effect: float) -> _Prepared:
    reference, counts = _pooled(part.reference, part.counts, design_effect)
    bins, rows = len(reference), float(reference.sum())
    shares = _smoothed(reference.astype(np.float64))
    chance = (bins - 1) * design_effect / (rows + 0.5 * bins)
    return _Prepared(counts, shares, max(part.tolerance, 0.0) + chance)


def _pooled(reference: IntArray, counts: IntArray, design_effect: float) -> tuple[IntArray, IntArray]:
    """With the nearly empty bins as one, where there are several of them and others are filled."""
    now = counts.sum(axis=0)
    expected = reference / max(int(reference.sum()), 1) * now.sum()
    few = np.maximum(now, expected) / design_effect < _FILLED
    if few.sum() < 2 or few.all():
        return reference, counts
    rest = np.column_stack([counts[:, ~few], counts[:, few].sum(axis=1)])
    return np.append(reference[~few], reference[few].sum()), rest


def _log_likelihood(parts: Sequence[_Prepared], effect: float) -> FloatArray:
    """Of a change before each slice (slices,), less that of no change at all."""
    found = np.zeros(len(parts[0].counts))
    for part in parts:
        counts, shares = part.counts / effect, part.shares
        after = np.cumsum(counts[::-1], axis=0)[::-1]
        before = counts.sum(axis=0) - after
        found += _likely_before(before, shares, part.tolerance)
        found += (after * (np.log(_smoothed(after)) - np.log(shares))).sum(axis=1)
    return found


def _smoothed(counts: FloatArray) -> FloatArray:
    """Shares (..., B) from counts, half a count added to each."""
    shares: FloatArray = (counts + 0.5) / (counts.sum(axis=-1, keepdims=True) + 0.5 * counts.shape[-1])
    return shares


def _likely_before(before: FloatArray, shares: FloatArray, tolerance: float) -> FloatArray:
    """Log-likelihood (slices,) of counts (slices, B) from before a change, less that of the reference.

    Their distribution is not known but for being near the reference. It is taken as Dirichlet around it, with
    the tolerated PSI as the expected one; what comes of that (a Dirichlet-multinomial distribution) cannot be
    likelier than under the nearest distribution to theirs of those that are tolerated.
    """
    rows = before.sum(axis=1)
    prior = (len(shares) - 1) / tolerance * shares
    whole = prior.sum()
    marginal = special.gammaln(whole) - special.gammaln(rows + whole)
    marginal += (special.gammaln(before + prior) - special.gammaln(prior) - before * np.log(shares)).sum(
        axis=1
    )
    near = before * (np.log(_tolerated(before, shares, tolerance)) - np.log(shares))
    found: FloatArray = np.minimum(marginal, near.sum(axis=1))
    return found


def _tolerated(before: FloatArray, shares: FloatArray, tolerance: float) -> FloatArray:
    """Expected shares (slices, B) of the counts, no further from the reference than is tolerated."""
    prior = (len(shares) - 1) / tolerance
    found = (before + prior * shares) / (before.sum(axis=1, keepdims=True) + prior)
    distance = ((found - shares) * (np.log(found) - np.log(shares))).sum(axis=1, keepdims=True)
    part = np.sqrt(tolerance / np.maximum(distance, tolerance))
    nearest: FloatArray = shares + part * (found - shares)
    return nearest


def _dispersion(parts: Sequence[_Prepared], place: int) -> float:
    """How much more slices vary about what is expected before and after ``place`` than by chance.

    The largest over blocks of slices, of which there are at least ``_FEWEST_BLOCKS``; 0 where there are none.
    """
    expected = [_expected(part, place) for part in parts]
    slices = len(parts[0].counts)
    largest, block = 0.0, 1
    while slices // block >= _FEWEST_BLOCKS:
        starts = np.arange(0, slices, block)
        statistic, freedom = 0.0, 0
        for part, usual in zip(parts, expected, strict=True):
            own, theirs = np.add.reduceat(part.counts, starts), np.add.reduceat(usual, starts)
            filled = theirs.sum(axis=1) > 0
            statistic += float((np.square(own - theirs)[filled] / theirs[filled]).sum())
            freedom += max(int(filled.sum()) - 2, 0) * (len(part.shares) - 1)
        if freedom:
            largest = max(largest, statistic / freedom)
        block *= 2
    return largest


def _expected(part: _Prepared, place: int) -> FloatArray:
    """Counts (slices, B) as they are expected, given how many records each slice has."""
    counts = part.counts
    rows = counts.sum(axis=1, keepdims=True)
    expected: FloatArray = rows * _smoothed(counts[place:].sum(axis=0).astype(np.float64))
    if place:
        before = counts[:place].sum(axis=0, keepdims=True).astype(np.float64)
        expected[:place] = rows[:place] * _tolerated(before, part.shares, part.tolerance)
    return expected
