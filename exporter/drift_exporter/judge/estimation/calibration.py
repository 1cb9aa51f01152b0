"""Scores to probabilities, as labels went with scores on the reference, from counts by bins of the score.

Isotonic regression by pooling adjacent violators: Ayer, Brunk, Ewing, Reid and Silverman (1955), An empirical
distribution function for sampling with incomplete information, Ann. Math. Statist. 26(4); for scores of
classifiers: Zadrozny and Elkan (2002), Transforming classifier scores into accurate multiclass probability
estimates, KDD.
"""

from dataclasses import dataclass

import numpy as np

from drift_exporter.reference.model import FloatArray, IntArray

FOLDS = 5
GROUPS = 10


@dataclass(frozen=True)
class Calibration:
    """Probabilities of one class by its score.

    ``scores`` (points,) ascending and ``rates`` (points,) are the calibration curve. ``calibrated`` says
    whether it is used; else the score itself is the probability. ``blocks`` (bins,) is the number of the
    block of bins that share a rate, ``block_rates`` and ``block_rows`` (blocks,) are what the reference
    knows of each: the positive share, drawn a little to the middle, and its records.
    """

    scores: FloatArray
    rates: FloatArray
    calibrated: bool
    blocks: IntArray
    block_rates: FloatArray
    block_rows: FloatArray

    def probabilities(self, scores: FloatArray) -> FloatArray:
        """Probabilities of scores, of any shape; interpolated between points, constant beyond them."""
        if not self.calibrated:
            return np.clip(scores, 0.0, 1.0)
        found: FloatArray = np.interp(scores, self.scores, self.rates)
        return found


def pool_adjacent_violators(rates: FloatArray, weights: FloatArray) -> IntArray:
    """Number of the block (k,) of each of ``rates`` (k,) in their isotonic regression by ``weights`` (k,)."""
    blocks: list[tuple[float, float, int]] = []
    for rate, weight in zip(rates.tolist(), weights.tolist(), strict=True):
        mean, total, size = rate, weight, 1
        while blocks and blocks[-1][0] >= mean:
            before, heavy, many = blocks.pop()
            mean = (before * heavy + mean * total) / (heavy + total)
            total, size = heavy + total, many + size
        blocks.append((mean, total, size))
    return np.repeat(np.arange(len(blocks)), [size for _, _, size in blocks])


def fit_calibration(negatives: IntArray, positives: IntArray, sums: FloatArray) -> Calibration | None:
    """The calibration of a class from the reference's records in each bin of its score.

    ``negatives`` and ``positives`` (bins,) count records by label, ``sums`` (bins,) are those of the score.
    None without a record of each label: then nothing is known of how they go with scores.
    """
    if not positives.sum() or not negatives.sum():
        return None
    scores, rates, numbers = _curve(negatives, positives, sums)
    rows = negatives + positives
    # A bin without a record shares the block of the next lower one that has some.
    filled = np.maximum(np.cumsum(rows > 0) - 1, 0)
    blocks = numbers[filled]
    block_rows = np.bincount(blocks, rows).astype(np.float64)
    block_rates = (np.bincount(blocks, positives) + 0.5) / (block_rows + 1)
    worth = _is_worth_it(negatives, positives, sums)
    return Calibration(scores, rates, worth, blocks, block_rates, block_rows)


def _curve(
    negatives: IntArray, positives: IntArray, sums: FloatArray
) -> tuple[FloatArray, FloatArray, IntArray]:
    """Mean scores, rates and blocks (points,) of the bins that hold records."""
    rows = negatives + positives
    filled = rows > 0
    weights = rows[filled].astype(np.float64)
    blocks = pool_adjacent_violators(positives[filled] / weights, weights)
    rates = np.bincount(blocks, positives[filled]) / np.bincount(blocks, weights)
    return sums[filled] / weights, rates[blocks], blocks


def _is_worth_it(negatives: IntArray, positives: IntArray, sums: FloatArray) -> bool:
    """Whether calibrated scores have a lower expected calibration error on records that were held out.

    That of ten groups of equal size, each record calibrated by the folds that it is not in. Scores that are
    no probabilities are always calibrated.
    """
    rows = negatives + positives
    means = np.divide(sums, rows, out=np.zeros(len(rows)), where=rows > 0)
    if means.min() < 0 or means.max() > 1:
        return True
    random = np.random.default_rng(0)
    shares = np.full(FOLDS, 1 / FOLDS)
    held_negatives = random.multinomial(negatives, shares)
    held_positives = random.multinomial(positives, shares)
    expected = np.zeros(len(rows))
    for fold in range(FOLDS):
        known = negatives - held_negatives[:, fold], positives - held_positives[:, fold]
        if not known[0].sum() or not known[1].sum():
            return False
        scores, rates, _ = _curve(*known, means * (known[0] + known[1]))
        held = held_negatives[:, fold] + held_positives[:, fold]
        expected += held * np.interp(means, scores, rates)
    return _calibration_error(expected, rows, positives) < _calibration_error(sums, rows, positives)


def _calibration_error(expected: FloatArray, rows: IntArray, positives: IntArray) -> float:
    """Expected calibration error of bins (bins,), of which so many are ``expected`` to be positive."""
    before = np.cumsum(rows) - rows / 2
    group = np.minimum((GROUPS * before / rows.sum()).astype(np.int64), GROUPS - 1)
    return float(np.abs(np.bincount(group, expected - positives)).sum() / rows.sum())
