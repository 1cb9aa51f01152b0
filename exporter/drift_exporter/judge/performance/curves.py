"""Area under the ROC curve and average precision, from the score bins of labelled records.

What is within a bin is known by its counts and by the mean scores of its positives and its negatives.

**ROC AUC** is the share of pairs of a positive and a negative in which the positive has the higher score;
ties count half. Of pairs in one bin that share is taken to be 1/2 + (difference of the means) / width, which
is so for densities that are straight lines there, and for ties. The interval is that of DeLong, DeLong and
Clarke-Pearson (1988), Comparing the areas under two or more correlated receiver operating characteristic
curves, Biometrics 44(3), from the placement values of the bins, on the logit scale (Qin and Hotilovac (2008),
Comparison of non-parametric confidence intervals for the area under the ROC curve, Statistical Methods in
Medical Research 17(2)). With few records of one sort, or where both are all but apart, so that placement
values do not vary, it is the score interval of Newcombe (2006), Confidence intervals for an effect size
measure based on the Mann-Whitney statistic, part 2, Statistics in Medicine 25(4), method 5, with the variance
of Hanley and McNeil (1982), Radiology 143(1).

**Average precision** is the mean over positives of the precision at their score. Positives are spread evenly
over their bin, negatives so that the means are right; where both have one mean score they are ties. The
interval is Wilson's with as many trials as a share would need to vary like it, by the delta method for the
counts of the bins, one at least and no more than there are positives (as the binomial interval of Boyd, Eng
and Page (2013), Area under the precision-recall curve, ECML PKDD): with few of them the delta method is too
short.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from drift_exporter.count.moments import ROUNDING
from drift_exporter.judge.intervals import Z
from drift_exporter.judge.performance.estimates import Estimates
from drift_exporter.judge.performance.intervals import logit_interval, score_interval
from drift_exporter.reference.model import FloatArray

_FEW = 10
"""With fewer positives or negatives, or where these are all but apart, DeLong's interval is too short."""
_NODES = 8
"""Positives of a bin that are looked at one by one; more are summed as so many of them."""
_TIED = 1e-9


@dataclass(frozen=True)
class LabelledScores:
    """Counts of scores by label and the sums of the scores, all (..., B).

    ``edges`` (B - 1,) are inclusive upper bounds of the bins, or (S, B - 1) where each class has its own and
    the other arrays are (..., S, B). Infinite ones at the end are none.
    """

    edges: FloatArray
    negatives: FloatArray
    positives: FloatArray
    negative_sums: FloatArray
    positive_sums: FloatArray

    def of_class(self, place: int) -> "LabelledScores":
        """Scores of one of the classes (..., B)."""
        parts = (self.negatives, self.positives, self.negative_sums, self.positive_sums)
        return LabelledScores(self.edges[place], *(part[..., place, :] for part in parts))

    @cached_property
    def totals(self) -> tuple[FloatArray, FloatArray]:
        """Number of negatives and of positives (...)."""
        return self.negatives.sum(axis=-1), self.positives.sum(axis=-1)

    @cached_property
    def below(self) -> tuple[FloatArray, FloatArray]:
        """Negatives and positives in the bins below each (..., B)."""
        return (
            np.cumsum(self.negatives, axis=-1) - self.negatives,
            np.cumsum(self.positives, axis=-1) - self.positives,
        )

    @cached_property
    def means(self) -> tuple[FloatArray, FloatArray]:
        """Mean score of each bin's negatives and positives (..., B), 0 where there are none."""
        return (
            self.negative_sums / np.maximum(self.negatives, 1),
            self.positive_sums / np.maximum(self.positives, 1),
        )

    @cached_property
    def probabilities(self) -> NDArray[np.bool_]:
        """Whether the scores (...) can be probabilities: the means of all bins are, give or take 1e-6."""
        lower, higher = self.means
        least, most = np.minimum(lower, higher), np.maximum(lower, higher)
        found: NDArray[np.bool_] = (least.min(axis=-1) >= -ROUNDING) & (most.max(axis=-1) <= 1 + ROUNDING)
        return found

    @cached_property
    def apart(self) -> FloatArray:
        """How far each bin's positives are above its negatives (..., B), as a share of its width.

        At most 1/2 either way, and just that for one of each; 0 where there are not both, and in an open bin.
        """
        lower, higher = self.means
        both = (self.negatives > 0) & (self.positives > 0)
        tied = np.abs(higher - lower) <= _TIED * np.abs(higher)
        difference = np.where(both & ~tied, higher - lower, 0.0)
        pair = self.negatives * self.positives == 1
        return np.where(pair, np.sign(difference) / 2, np.clip(difference / self._widths, -0.5, 0.5))

    @property
    def _widths(self) -> FloatArray:
        """Widths (B,) or (S, B); infinite where a bin is open or there is none."""
        finite = np.isfinite(self.edges)
        first = self.edges[..., :1]
        last = np.where(finite, self.edges, -np.inf).max(axis=-1, initial=-np.inf, keepdims=True)
        bounded = (first > 0) & (last < 1) & (last > 0)
        low, high = np.where(bounded, 0.0, -np.inf), np.where(bounded, 1.0, np.inf)
        edges = np.concatenate([low, np.where(finite, self.edges, high), high], axis=-1)
        with np.errstate(invalid="ignore"):  # between two infinite edges is nothing
            widths = np.diff(edges)
        return np.where(widths > 0, widths, np.inf)


def roc_auc(scores: LabelledScores, design_effect: float = 1.0) -> Estimates:
    """Area under the ROC curve (...); no value without records of both sorts."""
    negatives, positives = scores.totals
    negatives_below, _ = scores.below
    with np.errstate(all="ignore"):
        pairs = negatives * positives
        ordered = scores.positives * (negatives_below + scores.negatives * (0.5 + scores.apart))
        area = np.where(pairs > 0, ordered.sum(axis=-1) / pairs, np.nan)
        delong = logit_interval(area, _delong(scores) * design_effect)
        fewer = np.minimum(negatives, positives) / design_effect
        few = (fewer < _FEW) | (np.minimum(area, 1 - area) * fewer < 1)
    lower, upper = delong.lower, delong.upper
    if (few & (pairs > 0)).any():
        newcombe = _newcombe(area, negatives / design_effect, positives / design_effect)
        lower, upper = np.where(few, newcombe[0], lower), np.where(few, newcombe[1], upper)
    return Estimates(area, lower, upper)


def _delong(scores: LabelledScores) -> FloatArray:
    """Variance (...) of the area, from the share of the other sort that each record stands above or below."""
    negatives, positives = scores.totals
    negatives_below, positives_below = scores.below
    above = (positives[..., None] - positives_below - scores.positives / 2) / positives[..., None]
    below = (negatives_below + scores.negatives / 2) / negatives[..., None]
    variance = np.zeros_like(negatives)
    for counts, placed, number in (
        (scores.positives, below, positives),
        (scores.negatives, above, negatives),
    ):
        mean = (counts * placed).sum(axis=-1) / number
        squares = (counts * np.square(placed - mean[..., None])).sum(axis=-1)
        variance += squares / (number - 1) / number
    return variance


def _newcombe(
    area: FloatArray, negatives: FloatArray, positives: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Areas (...) below and above which what was seen is Z standard deviations off, by bisection."""
    pairs = np.maximum(negatives * positives, 1e-12)
    others = np.maximum((negatives + positives) / 2 - 1, 0.0)

    def beyond(true: FloatArray) -> FloatArray:
        part = (1 - true) / (2 - true) + true / (1 + true)
        return np.square(area - true) - Z * Z * true * (1 - true) * (1 + others * part) / pairs

    ends = []
    for outer in (np.zeros_like(area), np.ones_like(area)):
        far, near = outer, area
        for _ in range(40):
            middle = (far + near) / 2
            outside = beyond(middle) > 0
            far, near = np.where(outside, middle, far), np.where(outside, near, middle)
        ends.append((far + near) / 2)
    return ends[0], ends[1]


def average_precision(scores: LabelledScores, design_effect: float = 1.0) -> Estimates:
    """Average precision (...); no value without positives."""
    _, number = scores.totals
    negatives_below, positives_below = scores.below
    negatives, _ = scores.totals
    with np.errstate(all="ignore"):
        true = number[..., None] - positives_below - scores.positives
        false = negatives[..., None] - negatives_below - scores.negatives
        value = np.where(number > 0, _precisions(scores, true, false).sum(axis=-1) / number, np.nan)
        variance = _average_precision_variance(scores, true, false, value)
        trials = np.where(variance > 0, value * (1 - value) / variance, number)
        # With both sorts apart within one bin the value is 1, and its derivatives are of the bin's middle.
        trials = np.minimum(np.maximum(trials, 1.0), number)
    return score_interval(value, trials / design_effect)


def _precisions(scores: LabelledScores, true: FloatArray, false: FloatArray) -> FloatArray:
    """Sum of the precisions at each bin's positives (..., B), with ``true`` and ``false`` ones above it."""
    sums = np.zeros_like(scores.positives)
    place = np.nonzero(scores.positives)
    positives, negatives = scores.positives[place], scores.negatives[place]
    above, wrong, apart = true[place], false[place], scores.apart[place]
    lower, higher = (means[place] for means in scores.means)
    tied = (negatives > 0) & (np.abs(higher - lower) <= _TIED * np.abs(higher))
    few = positives <= _NODES
    # With this, negatives that are passed add up to the share of pairs out of order.
    bend = np.where(few, 6 * (positives + 1) / (positives + 2), 6.0) * apart
    total = np.zeros_like(positives)
    for node in range(1, _NODES + 1):
        rank = np.where(few, float(node), positives * (node - 0.5) / _NODES + 0.5)
        depth = np.where(few, rank / (positives + 1), (node - 0.5) / _NODES)
        weight = np.where(few, node <= positives, positives / _NODES)
        passed = negatives * np.clip(depth - bend * depth * (1 - depth), 0.0, 1.0)
        total += weight * (above + rank) / (above + rank + wrong + passed)
    everything = positives * (above + positives) / (above + positives + wrong + negatives)
    sums[place] = np.where(tied, everything, total)
    return sums


def _average_precision_variance(
    scores: LabelledScores, true: FloatArray, false: FloatArray, value: FloatArray
) -> FloatArray:
    """Variance (...) by the derivatives for each bin's count, with the middle of each bin for all of it.

    Average precision does not change when all counts are multiplied, so the derivatives' mean is 0.
    """
    right = true + scores.positives / 2
    wrong = false + scores.negatives / 2
    seen = np.maximum(right + wrong, 0.5)
    by_positive = scores.positives * wrong / np.square(seen)
    by_negative = -scores.positives * right / np.square(seen)
    _, number = scores.totals
    derivatives = [np.cumsum(part, axis=-1) - part / 2 for part in (by_positive, by_negative)]
    own = right / seen - value[..., None]
    squares = scores.positives * np.square(derivatives[0] + own)
    squares += scores.negatives * np.square(derivatives[1])
    found: FloatArray = squares.sum(axis=-1) / np.square(number)
    return found
