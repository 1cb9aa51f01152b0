"""How sure one may be that labels given the scores, or errors given the inputs, are not as they were.

Data drift moves scores; concept drift changes what labels go with them. So a window's labels are compared
with those that the reference had *at the same scores*: the positive labels in about ten groups of scores with
the number expected there. Let D be the differences (groups,) and V their covariance, that of the window's
labels and that of the reference's rates, times the design effect d. Two statistics are used:

- all groups: T = D' V^-1 D is chi-square with as many degrees of freedom as there are groups where nothing
  changed (Hosmer and Lemeshow (1980), Goodness of fit tests for the multiple logistic regression model), and
  non-central where rates changed. What is tolerated is a relative change of at most t of the rate in any
  group, up or down; the largest non-centrality of these is taken.
- their sum, the number of positives less those expected, is normal, and the tolerated change of it is t of
  the expected ones. It finds a change of all rates in one direction from fewer labels.

The p-value of "no rate has changed by more than t" is twice the smaller one of both (Bonferroni); confidence
is 1 - p.
"""

import itertools
import math

import numpy as np
from scipy import special

from drift_exporter.judge.estimation.dle import ErrorModel
from drift_exporter.judge.estimation.estimate import confidence_beyond
from drift_exporter.judge.estimation.strata import make_strata
from drift_exporter.reference.model import FloatArray, IntArray
from drift_exporter.reference.outcomes import ReferenceOutcomes

TOLERANCE = 0.05
GROUPS = 10
_MARGIN = 1.3
"""P-values are taken larger by this factor. With some tens of positive labels counts are skewed, and without
it 1.2 % of windows at the tolerated change reached 0.99 in simulations."""
_EXPECTED = 10.0
"""Positive, and negative, labels to be expected in a group at least; groups with fewer are put together."""


def concept_drift_confidence(  # noqa: PLR0913 - both sides' counts, and two numbers
    reference: ReferenceOutcomes,
    cells: IntArray,
    cell_sums: FloatArray,
    confusion: IntArray,
    *,
    tolerance: float = TOLERANCE,
    design_effect: float = 1.0,
) -> float | None:
    """How sure one may be that labels given the scores changed by more than ``tolerance``, in [0, 1].

    ``cells`` and ``cell_sums`` (scored, 2, 3, bins) are a window's, of the reference's scored classes and
    edges; ``confusion`` (classes + 1, classes + 1) counts its labelled records. Where there are no scores,
    labels given the predicted class are looked at. Of several scored classes the surest counts, adjusted for
    their number (Bonferroni). None where there are too few labels to look at.
    """
    found = [
        _of_class(reference, cells, cell_sums, place, tolerance, design_effect)
        for place in range(len(reference.scored))
    ]
    told = [p for p in found if p is not None]
    if reference.scored:
        return 1.0 - min(1.0, len(told) * min(told)) if told else None
    p_value = _of_answers(reference.confusion, confusion, tolerance, design_effect)
    return None if p_value is None else 1.0 - p_value


def _of_class(  # noqa: PLR0913, PLR0917 - both sides, which class, and two numbers
    reference: ReferenceOutcomes,
    cells: IntArray,
    cell_sums: FloatArray,
    place: int,
    tolerance: float,
    design_effect: float,
) -> float | None:
    """P-value of one scored class; None where it cannot be had."""
    known = reference.cells[place].sum(axis=0)
    strata = make_strata(known[0], known[1], reference.cell_sums[place].sum(axis=(0, 1)))
    labels = cells[place, :, :2].sum(axis=0)
    rows = labels.sum(axis=0)
    if strata is None or not rows.sum():
        return None
    sums = cell_sums[place, :, :2].sum(axis=(0, 1))
    usable = strata.known & (rows > 0)
    weights = strata.weights(sums[usable] / rows[usable])
    groups = _groups(rows[usable], weights @ strata.rates, known.sum(axis=0)[usable])
    if groups is None:
        return None
    count = int(groups.max()) + 1
    shares = np.zeros((count, len(strata.rates)))
    np.add.at(shares, groups, weights * rows[usable][:, None])
    expected = shares @ strata.rates
    apart = np.bincount(groups, labels[1][usable], count) - expected
    chance = _chance(rows[usable], weights @ strata.rates, groups, count)
    doubt = (shares * strata.variances) @ shares.T
    return change_p_value(apart, expected, chance, doubt, tolerance, design_effect)


def _chance(rows: IntArray, rates: FloatArray, groups: IntArray, count: int) -> FloatArray:
    """Variance (groups,) of the positive labels in each group, given the scores."""
    size = np.bincount(groups, rows, count)
    # A rate of nearly 0 or 1 in a bin is not known that well.
    pooled = np.bincount(groups, rows * rates, count) / size
    within: FloatArray = np.maximum(
        np.bincount(groups, rows * rates * (1 - rates), count), 0.5 * size * pooled * (1 - pooled)
    )
    return within


def change_p_value(  # noqa: PLR0913, PLR0917 - what was found, its two sorts of doubt, what is tolerated
    apart: FloatArray,
    expected: FloatArray,
    chance: FloatArray,
    known: FloatArray,
    tolerance: float,
    design_effect: float = 1.0,
) -> float:
    """P-value of "no group's count has changed by more than ``tolerance`` times what is expected".

    ``apart`` and ``expected`` (k,) are the counts' differences and what is expected; ``chance`` (k,) are the
    variances of the counts, ``known`` (k, k) is the covariance of what is expected.
    """
    total, expected_total = float(apart.sum()), float(expected.sum())
    grown = (1 + tolerance) * _scale(
        total, expected_total, float(chance.sum()), float(known.sum()), tolerance
    )
    # At the largest change that is tolerated the window's count is of a rate that is as much larger, and the
    # reference's doubt counts as many times.
    covariance = design_effect * grown * (np.diag(chance) + (1 + tolerance) * known)
    inverse: FloatArray = np.linalg.inv(covariance).astype(np.float64)
    value = float(apart @ inverse @ apart)
    tolerated = _largest(inverse, tolerance * expected)
    of_groups = 1.0 - float(special.chndtr(value, float(len(apart)), tolerated))
    deviation = math.sqrt(float(covariance.sum()))
    of_sum = 1.0 - confidence_beyond(abs(total), tolerance * expected_total, deviation)
    return min(1.0, _MARGIN * 2 * min(of_groups, of_sum))


def _scale(apart: float, expected: float, chance: float, known: float, tolerance: float) -> float:
    """How many times larger variances are than they look where the reference has too few positives by chance.

    Both sides together tell the rate better, were the change as large as is tolerated.
    """
    if apart <= 0 or known <= 0:
        return 1.0
    of_window = (expected + apart) / (1 + tolerance)
    both = (of_window / chance + expected / known) / (1 / chance + 1 / known)
    return max(1.0, both / expected)


def _largest(inverse: FloatArray, most: FloatArray) -> float:
    """Largest x' A x over all x with |x_i| <= most_i; it is at a corner, for A is positive definite."""
    scaled = inverse * np.outer(most, most)
    signs = np.array([(1.0, *rest) for rest in itertools.product((1.0, -1.0), repeat=len(most) - 1)])
    return float(((signs @ scaled) * signs).sum(axis=1).max())


def _groups(rows: IntArray, rates: FloatArray, reference: IntArray) -> IntArray | None:
    """Group (bins,) of each bin: about equal shares of the reference, with enough labels of either kind.

    None where there are too few labels for one group.
    """
    total = reference.sum()
    middle = np.cumsum(reference) - reference / 2
    wanted = np.minimum((GROUPS * middle / max(total, 1)).astype(np.int64), GROUPS - 1)
    positives, negatives = rows * rates, rows * (1 - rates)
    found = np.zeros(len(rows), dtype=np.int64)
    number, before = 0, wanted[0]
    has = np.zeros(2)
    for place in range(len(rows)):
        if wanted[place] != before and (has >= _EXPECTED).all():
            number, has = number + 1, np.zeros(2)
        before = wanted[place]
        found[place] = number
        has = has + np.array([positives[place], negatives[place]])
    if (has < _EXPECTED).any():
        if number == 0:
            return None
        found[found == number] = number - 1
    return found


def _of_answers(
    reference: IntArray, confusion: IntArray, tolerance: float, design_effect: float
) -> float | None:
    """P-value from the labels of each predicted class, (classes, classes) and (classes + 1, classes + 1)."""
    classes = len(reference)
    value = tolerated = 0.0
    freedom = 0
    for answer in range(classes):
        known, found = reference[answer].astype(np.float64), confusion[answer, :classes].astype(np.float64)
        m, n = float(known.sum()), float(found.sum())
        if not m or not n:
            continue
        expected = n * known / m
        rare = np.minimum(expected, known) < _EXPECTED
        # Rare labels together, as far as there are enough of them.
        parts = [(known[i], found[i]) for i in np.flatnonzero(~rare)]
        if rare.any() and n * known[rare].sum() / m >= _EXPECTED:
            parts.append((known[rare].sum(), found[rare].sum()))
        if len(parts) < 2:
            continue
        share = np.array([one for one, _ in parts]) / m
        seen = np.array([one for _, one in parts])
        factor = (1 + n / m) * design_effect
        value += float((np.square(seen - n * share) / (n * share * factor)).sum())
        tolerated += float((np.square(tolerance * n * share) / (n * share * factor)).sum())
        freedom += len(parts) - 1
    if not freedom:
        return None
    grown = 1.0 + tolerance
    return 1.0 - float(special.chndtr(value / grown, float(freedom), tolerated / grown))


def error_drift_confidence(  # noqa: PLR0913 - the same of errors
    model: ErrorModel,
    absolute: float,
    estimated: float,
    labelled: int,
    *,
    tolerance: float = TOLERANCE,
    design_effect: float = 1.0,
) -> float | None:
    """How sure one may be that a regression's errors given the inputs changed by more than ``tolerance``.

    ``absolute`` is the sum of absolute errors of ``labelled`` records and ``estimated`` that of the error
    model's estimates of them. Their ratio is 1 up to the variance of errors around estimates, of the window
    and of the reference. None without labels.
    """
    if labelled <= 0 or estimated <= 0:
        return None
    ratio = absolute / estimated
    variance = float(model.variances[0]) * (1 / labelled + 1 / model.rows) * design_effect
    return confidence_beyond(abs(ratio - 1), tolerance, (1 + tolerance) * math.sqrt(variance))
