"""Judging a window's sample by the configured methods."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from drift_exporter.judge.evaluate import DRIFTED_CONFIDENCE
from drift_exporter.judge.multiple import dataset_p_value
from drift_exporter.judge.multivariate import classifier, correlation, mmd, pca
from drift_exporter.judge.multivariate.baseline import Baseline
from drift_exporter.judge.multivariate.encoding import varying
from drift_exporter.judge.multivariate.shares import excess_psi
from drift_exporter.reference.model import FloatArray
from drift_exporter.snapshot import ColumnShare, CorrelationChange, MultivariateDrift

NAMED_FROM = 0.9
"""Confidence from which on columns are named: below it, what sets a window apart is mostly chance."""

MOST_COLUMNS = 5
MOST_PAIRS = 10
_SEED = 0


def judge_sample(
    baseline: Baseline, current: FloatArray, methods: Sequence[str], excess: FloatArray | None = None
) -> tuple[MultivariateDrift, ...]:
    """Compare a window's records (n, C), in random order, to the baseline by each method.

    ``excess`` (C,) is what the columns' windows vary without any drift beyond what independent records would:
    (d - 1) / N with d the design effect of a window of N records, of which ``current`` is a sample. So a
    column's records in it have a design effect of 1 + n excess. None: they are independent.

    A method that cannot tell anything of these columns is left out: PCA and MMD where nothing varies, the
    classifier where there are fewer than 3 records, correlation where there is no pair of varying columns.
    """
    more = np.zeros(len(baseline.columns)) if excess is None else excess
    return tuple(drift for method in methods for drift in _METHODS[method](baseline, current, more))


def _pca(baseline: Baseline, current: FloatArray, excess: FloatArray) -> Iterator[MultivariateDrift]:
    if baseline.pca is None or len(current) < 2:
        return
    owner, columns = baseline.encoding.owner, len(baseline.columns)
    points = baseline.encoding.encode(current)
    effect = 1 + len(current) * float(excess.max(initial=0.0))
    score, confidence, shares = pca.pca_drift(baseline.pca, points, owner, columns, effect)
    named = _named(baseline, shares, confidence)
    yield MultivariateDrift("pca", score, pca.TOLERANCE, confidence, len(current), named)


def _classifier(baseline: Baseline, current: FloatArray, excess: FloatArray) -> Iterator[MultivariateDrift]:
    if min(len(current), len(baseline.values)) < classifier.FOLDS:
        return
    tolerance = classifier.tolerance_with(excess_psi(baseline.columns, excess))
    area, confidence, shares = classifier.classifier_drift(
        baseline.values, current, baseline.columns, _SEED, tolerance
    )
    named = _named(baseline, shares, confidence)
    yield MultivariateDrift("domain_classifier", area, tolerance, confidence, len(current), named)


def _mmd(baseline: Baseline, current: FloatArray, excess: FloatArray) -> Iterator[MultivariateDrift]:
    points = baseline.encoding.encode(current[: mmd.MOST_ROWS])
    if not len(points):
        return
    used = varying(baseline.points, points)
    psi = excess_psi(baseline.columns, excess)
    found = mmd.mmd_drift(baseline.points[:, used], points[:, used], _SEED, psi)
    if found is not None:
        yield MultivariateDrift("mmd", found.distance, found.tolerance, found.confidence, len(points))


def _correlation(baseline: Baseline, current: FloatArray, excess: FloatArray) -> Iterator[MultivariateDrift]:
    if baseline.correlations is None:
        return
    now = correlation.correlations(current, baseline.columns, baseline.members)
    pairs = correlation.correlation_drift(
        baseline.correlations, now, baseline.members[0], effects=1 + len(current) * excess
    )
    if pairs is None:
        return
    columns = baseline.columns
    surest = np.lexsort((-np.abs(pairs.change), pairs.adjusted))[:MOST_PAIRS].tolist()
    yield MultivariateDrift(
        "correlation",
        float(np.abs(pairs.change).max()),
        correlation.TOLERANCE,
        1.0 - dataset_p_value(pairs.p_values),
        len(current),
        pairs=tuple(
            CorrelationChange(
                columns[pairs.one[i]],
                columns[pairs.other[i]],
                float(pairs.change[i]),
                float(1.0 - pairs.adjusted[i]),
            )
            for i in surest
            if 1.0 - pairs.adjusted[i] >= DRIFTED_CONFIDENCE
        ),
    )


def _named(baseline: Baseline, shares: FloatArray, confidence: float) -> tuple[ColumnShare, ...]:
    if confidence < NAMED_FROM:
        return ()
    largest = np.argsort(-shares, kind="stable")[:MOST_COLUMNS].tolist()
    return tuple(ColumnShare(baseline.columns[i], float(shares[i])) for i in largest if shares[i] > 0)


_METHODS: Mapping[str, Callable[[Baseline, FloatArray, FloatArray], Iterator[MultivariateDrift]]] = {
    "pca": _pca,
    "domain_classifier": _classifier,
    "mmd": _mmd,
    "correlation": _correlation,
}
