"""Fitting a detector on a reference's sample, and finding what its scores mean.

A detector that knows a row finds it less odd than one like it that it does not know: to its nearest neighbour
the distance is 0. So the scores that percentiles stem from are cross-fitted: the rows are cut into five parts
that follow each other in time, and each part is scored by a detector that is fitted on the others (Vovk
(2015), Cross-conformal predictors, Annals of Mathematics and Artificial Intelligence 74). The detector that
scores records is fitted on all rows.
"""

import hashlib
import json
import logging
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from drift_exporter.errors import ConfigurationError
from drift_exporter.judge.anomaly.encoding import fit_encoding
from drift_exporter.judge.anomaly.model import AnomalyModel, detect, oddness
from drift_exporter.judge.anomaly.overdispersion import find_overdispersion
from drift_exporter.judge.anomaly.percentiles import fit_percentiles
from drift_exporter.judge.anomaly.registry import Detector, make_detector
from drift_exporter.judge.anomaly.settings import AnomalySettings
from drift_exporter.reference.model import Column, FloatArray, IntArray

log = logging.getLogger(__name__)

FOLDS = 5
FEWEST_ROWS = 100
_CHECKED = 256
ALIGNED = 5_000
MOST_ROWS = {"kde": 10_000, "kpca": 2_000, "ocsvm": 10_000, "qmcd": 10_000}
"""Detectors whose cost grows with the square of the rows, or that compare each record with all of them."""

_ROUNDING = 0.01
"""Sums of another batch are rounded otherwise, which moves a value that is just at the edge of a bin."""


def fit_anomaly(
    sample: FloatArray, columns: Sequence[Column], times: IntArray | None, settings: AnomalySettings
) -> AnomalyModel:
    """Fit a detector on a reference's sample (m, C) of these columns (C), with times (m,) in microseconds.

    Raises ConfigurationError where there is no such detector, parameter or column, where the detector cannot
    be used, and where there are too few rows.
    """
    needed = max(FEWEST_ROWS, math.ceil(1 / settings.contamination))
    if len(sample) < needed:
        raise ConfigurationError(
            f"the reference's sample has {len(sample)} rows, and a contamination of "
            f"{settings.contamination:g} needs at least {needed}; build the reference from more records, or "
            "give a larger contamination"
        )
    with _warnings_logged(settings.detector):
        return _fit(sample, columns, times, settings)


def _fit(
    sample: FloatArray, columns: Sequence[Column], times: IntArray | None, settings: AnomalySettings
) -> AnomalyModel:
    places = _places(columns, settings)
    own = tuple(columns[place] for place in places.tolist())
    if times is not None:
        order = np.argsort(times, kind="stable")
        sample, times = sample[order], times[order]
    most = min(len(sample), MOST_ROWS.get(settings.detector, len(sample)))
    some = np.linspace(0, len(sample), most, endpoint=False).astype(np.int64)
    sample, times = sample[some], None if times is None else times[some]
    values = sample[:, places]
    encoding = fit_encoding(values, own, settings.scale, values[:0])
    points = encoding.encode(values)
    _check_batches(settings, points)
    detector = _fitted(settings, points)
    scores, surprisals = _cross_fitted(values, own, settings, detector, points), encoding.surprisal(values)
    by_score, by_missing = fit_percentiles(scores), fit_percentiles(surprisals)
    reached = np.maximum(by_score.of(scores), by_missing.of(surprisals))
    both = fit_percentiles(oddness(reached)) if encoding.missing(values).any() else None
    percentiles = reached if both is None else both.of(oddness(reached))
    flags = (percentiles > 1 - settings.contamination).astype(np.float64)
    return AnomalyModel(
        settings=settings,
        columns=own,
        places=places,
        rows=len(values),
        fingerprint=_fingerprint(settings, own, values),
        overdispersion=find_overdispersion(flags, times),
        encoding=encoding,
        detector=detector,
        by_score=by_score,
        by_missing=by_missing,
        both=both,
    )


@contextmanager
def _warnings_logged(detector: str) -> Iterator[None]:
    """Log each warning once that comes up meanwhile, but for those to developers."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    told = [one for one in caught if not issubclass(one.category, FutureWarning | DeprecationWarning)]
    for one in {(one.filename, one.lineno): one for one in reversed(told)}.values():
        log.warning("detector %s warned when it was fitted: %s", detector, one.message)


def _places(columns: Sequence[Column], settings: AnomalySettings) -> IntArray:
    features = {column.name: place for place, column in enumerate(columns) if column.kind == "feature"}
    every = {column.name: place for place, column in enumerate(columns)} | features
    names = list(features) if settings.columns is None else settings.columns
    for name in names:
        if name not in every:
            raise ConfigurationError(f"the reference has no column {name!r}; it has: {', '.join(every)}")
    if not names:
        raise ConfigurationError("the reference has no feature; name the columns to look at")
    return np.array([every[name] for name in names], dtype=np.int64)


def _fitted(settings: AnomalySettings, points: FloatArray) -> Detector:
    detector = make_detector(settings.detector, settings.parameters, settings.seed, settings.contamination)
    try:
        detector.fit(points)
    except Exception as error:
        raise ConfigurationError(
            f"detector {settings.detector!r} cannot be fitted on the reference's sample: "
            f"{type(error).__name__}: {error}"
        ) from error
    return detector


def _cross_fitted(
    values: FloatArray,
    columns: Sequence[Column],
    settings: AnomalySettings,
    detector: Detector,
    points: FloatArray,
) -> FloatArray:
    """Scores (m,) of rows (m, C), ``points`` to the ``detector``, by such that have not seen them."""
    scores = np.empty(len(values))
    part = np.arange(len(values)) * FOLDS // len(values)
    some = np.linspace(0, len(values), min(len(values), ALIGNED), endpoint=False).astype(np.int64)
    by_all = detect(detector, points[some])
    for fold in range(FOLDS):
        held = part == fold
        encoding = fit_encoding(values[~held], columns, settings.scale, values[held])
        other = _fitted(settings, encoding.encode(values[~held]))
        seen = part[some] != fold
        by_other = detect(other, encoding.encode(values[some[seen]]))
        scores[held] = _aligned(detect(other, encoding.encode(values[held])), by_other, by_all[seen])
    if not np.isfinite(scores).all():
        raise ConfigurationError(
            f"detector {settings.detector!r} gives {np.count_nonzero(~np.isfinite(scores))} of {len(scores)} "
            "rows of the reference no finite score"
        )
    return scores


def _aligned(scores: FloatArray, before: FloatArray, after: FloatArray) -> FloatArray:
    """Scores (n,) of one detector on the scale of another, by what both (k,) say of the same rows.

    Detectors of fewer rows have sparser neighbours, other histograms and other forests: equal quantiles are
    taken as equal, and beyond the largest both go on as they rise to it from the median.
    """
    before, after = np.sort(before), np.sort(after)
    middle, last = len(before) // 2, len(before) - 1
    rise = before[last] - before[middle]
    slope = (after[last] - after[middle]) / rise if rise > 0 else 1.0
    beyond = np.maximum(scores - before[last], 0.0) * slope
    found: FloatArray = np.interp(scores, before, after) + beyond
    return found


def _check_batches(settings: AnomalySettings, points: FloatArray) -> None:
    """Refuse a detector whose score of a record depends on what it is scored with, or on chance."""
    some = points[
        np.linspace(0, len(points), min(len(points), 2 * _CHECKED), endpoint=False).astype(np.int64)
    ]
    known, others = some[::2], some[1::2]
    detector = _fitted(settings, known)
    try:
        together, again = detect(detector, others), detect(detector, others)
        apart = np.concatenate([detect(detector, part) for part in (others[:1], others[1:17], others[17:])])
    except Exception as error:
        raise ConfigurationError(
            f"detector {settings.detector!r} cannot score records that it was not fitted on, or not one "
            f"alone: {type(error).__name__}: {error}; choose another"
        ) from error
    spread = max(float(together.std()), 1e-9)
    for found, reason in (
        (again, "gives the same record another score each time"),
        (apart, "gives a record another score beside other records"),
    ):
        off = float(np.sqrt(np.square(found - together).mean()))
        if not off <= _ROUNDING * spread:
            raise ConfigurationError(
                f"detector {settings.detector!r} {reason} (off by {off:.3g}, where scores have a standard "
                f"deviation of {spread:.3g}), so its percentiles would mean nothing; choose another"
            )


def _fingerprint(settings: AnomalySettings, columns: Sequence[Column], values: FloatArray) -> str:
    decides = [
        settings.detector,
        dict(settings.parameters),
        settings.contamination,
        settings.seed,
        settings.scale,
        [(column.kind, column.name, column.counts.tolist()) for column in columns],
    ]
    text = json.dumps(decides, sort_keys=True, default=str)
    return hashlib.sha256(text.encode() + np.ascontiguousarray(values).tobytes()).hexdigest()
