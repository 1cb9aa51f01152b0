"""How far scores are from the shares of positives that come true, from the score bins of labelled records.

**Expected calibration error** over ten even bins (a, b]: the sum over bins of the absolute difference between
the number of positives and the sum of scores, over the number of records (Naeini, Cooper and Hauskrecht
(2015), Obtaining well calibrated probabilities using Bayesian binning, AAAI).

Its interval: each bin's difference D is nearly normal. Where it is beyond chance its sign is known, and the
error is a mean over records there. Elsewhere |D| is too large by chance, by the mean of the noise's absolute
value at most, which the lower end does without. No |D| varies more than D. So it is conservative where scores
are calibrated, and holds for the error of these bins.

**Calibration in the large** is the mean score less the share of positives (Van Calster and others (2016), A
calibration hierarchy for risk models was defined, Journal of Clinical Epidemiology 74): unlike the former it
has no bias in small groups.
"""

import math

import numpy as np

from drift_exporter.judge.intervals import Z
from drift_exporter.judge.performance.curves import LabelledScores
from drift_exporter.judge.performance.estimates import Estimates
from drift_exporter.reference.model import FloatArray, IntArray

CALIBRATION_BINS = 10
_BEYOND_CHANCE = 3.0
"""Standard deviations from which on a difference's sign is taken as known."""


def expected_calibration_error(scores: LabelledScores, design_effect: float = 1.0) -> Estimates:
    """Expected calibration error (...); no value without records, nor where even bins are not whole ones."""
    starts = _even_starts(scores.edges)
    number = np.sum(scores.totals, axis=0)
    if starts is None:
        nothing = np.full_like(number, np.nan)
        return Estimates(nothing, nothing, nothing)
    with np.errstate(all="ignore"):
        differences = np.add.reduceat(_differences(scores), starts, axis=-1) / number[..., None]
        squares = np.add.reduceat(_squares(scores), starts, axis=-1) / np.square(number)[..., None]
        variance = np.maximum(squares - np.square(differences) / number[..., None], 0.0) * design_effect
        error = np.abs(differences).sum(axis=-1)
        known = np.abs(differences) > _BEYOND_CHANCE * np.sqrt(variance)
        bias = math.sqrt(2 / math.pi) * np.where(known, 0.0, np.sqrt(variance)).sum(axis=-1)
        reach = Z * np.sqrt(variance.sum(axis=-1))
        found = Estimates(error, error - bias - reach, error + reach)
    return found.within(0.0, 1.0)


def calibration_in_the_large(scores: LabelledScores) -> tuple[FloatArray, FloatArray]:
    """Mean score less the share of positives (...), and its variance (...); NaN without records."""
    number = np.sum(scores.totals, axis=0)
    with np.errstate(all="ignore"):
        difference = -_differences(scores).sum(axis=-1) / number
        squares = _squares(scores).sum(axis=-1) / number
        return difference, np.maximum(squares - np.square(difference), 0.0) / (number - 1)


def _differences(scores: LabelledScores) -> FloatArray:
    return scores.positives - scores.positive_sums - scores.negative_sums


def _squares(scores: LabelledScores) -> FloatArray:
    """Sums (..., B) of squared differences of label and score, as if a bin's scores were their mean."""
    lower, higher = scores.means
    return scores.positives * np.square(1 - higher) + scores.negatives * np.square(lower)


def _even_starts(edges: FloatArray) -> IntArray | None:
    """First bin of each of the even ones, None where their ends are no edges."""
    ends = np.arange(1, CALIBRATION_BINS) / CALIBRATION_BINS
    places = np.searchsorted(edges, ends)
    if len(edges) < CALIBRATION_BINS or not (edges[np.minimum(places, len(edges) - 1)] == ends).all():
        return None
    return np.concatenate([[0], places + 1]).astype(np.int64)
