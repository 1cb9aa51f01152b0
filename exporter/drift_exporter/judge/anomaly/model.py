"""A detector at work: scores, percentiles, and which columns make a record odd."""

from dataclasses import dataclass

import numpy as np

from drift_exporter.judge.anomaly.encoding import Encoding
from drift_exporter.judge.anomaly.overdispersion import Overdispersion
from drift_exporter.judge.anomaly.percentiles import HIGHEST, Percentiles
from drift_exporter.judge.anomaly.registry import Detector
from drift_exporter.judge.anomaly.settings import AnomalySettings
from drift_exporter.reference.model import Column, FloatArray, IntArray

BATCH = 65_536
"""Records that a detector sees at once."""


@dataclass(frozen=True)
class AnomalyModel:
    """A detector fitted on a reference's sample of ``rows`` rows.

    ``columns`` (C') are those it looks at and ``places`` (C') theirs among the reference's sampled columns.
    ``fingerprint`` is a digest of everything that decides which records are anomalies. ``by_score`` and
    ``by_missing`` turn scores and surprisals of what is missing into percentiles; ``both``, of the larger one
    of these in the reference, is None where the reference misses nothing.
    """

    settings: AnomalySettings
    columns: tuple[Column, ...]
    places: IntArray
    rows: int
    fingerprint: str
    overdispersion: Overdispersion
    encoding: Encoding
    detector: Detector
    by_score: Percentiles
    by_missing: Percentiles
    both: Percentiles | None

    def scores(self, values: FloatArray) -> FloatArray:
        """The detector's own scores (n,) of records (n, C), higher where they are odder.

        Values are those of ``reference.sampled``, categories as bins.
        """
        return detect(self.detector, self.encoding.encode(values[:, self.places]))

    def percentiles(self, values: FloatArray) -> FloatArray:
        """Where records (n, C) are among the reference's, in [0, 1); NaN where the detector gives no number.

        A record is an anomaly where this is above 1 - contamination. Records that miss nothing, or the same,
        are in the order of their scores.
        """
        own = values[:, self.places]
        found = np.maximum(
            self.by_score.of(detect(self.detector, self.encoding.encode(own))),
            self.by_missing.of(self.encoding.surprisal(own)),
        )
        return found if self.both is None else self.both.of(oddness(found))

    def anomalous(self, percentiles: FloatArray) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Which records (n,) are anomalies."""
        found: np.ndarray[tuple[int], np.dtype[np.bool_]] = percentiles > 1 - self.settings.contamination
        return found

    def explain(self, values: FloatArray) -> FloatArray:
        """Share (k, C') of each column in the oddness of records (k, C).

        A column's share is what the score falls by where its value is replaced with what is usual: the
        reference's median or most frequent category. Where what a record misses is odder than its values, it
        is the surprisal that falls. Rows sum to 1, or are 0 where no column stands out.
        """
        own = values[:, self.places]
        points = self.encoding.encode(own)
        scores, surprisals = detect(self.detector, points), self.encoding.surprisal(own)
        drops = self._drops(points, scores)
        missed = self.by_missing.of(surprisals) > self.by_score.of(scores)
        absence = self.encoding.missing(own) * (self.encoding.absent - self.encoding.present)
        drops[missed] = np.maximum(absence[missed], 0.0)
        total = drops.sum(axis=1, keepdims=True)
        shares: FloatArray = np.divide(drops, total, out=np.zeros_like(drops), where=total > 0)
        return shares

    def _drops(self, points: FloatArray, scores: FloatArray) -> FloatArray:
        width = points.shape[1]
        drops = np.empty(points.shape)
        step = max(1, BATCH // max(width, 1))
        for first in range(0, len(points), step):
            own = points[first : first + step]
            changed = np.repeat(own, width, axis=0).reshape(len(own), width, width)
            each = np.arange(width)
            changed[:, each, each] = self.encoding.centres
            left = detect(self.detector, changed.reshape(-1, width)).reshape(len(own), width)
            drops[first : first + step] = scores[first : first + step, None] - left
        return np.where(np.isfinite(drops), np.maximum(drops, 0.0), 0.0)


def detect(detector: Detector, points: FloatArray) -> FloatArray:
    """Scores (n,) of points (n, p), a batch at a time."""
    scores = [
        np.asarray(detector.decision_function(points[first : first + BATCH]), dtype=np.float64).ravel()
        for first in range(0, len(points), BATCH)
    ]
    return np.concatenate(scores) if scores else np.empty(0)


def oddness(percentiles: FloatArray) -> FloatArray:
    """-ln(1 - percentile), which is finite."""
    return -np.log1p(-np.minimum(percentiles, HIGHEST))
