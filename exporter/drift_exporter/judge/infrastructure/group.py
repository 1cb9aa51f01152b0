"""Signals that are odd together: a detector of PyOD on what several signals are off by at the same time.

A detector's scores have no unit, so they are scaled such that 1 is where the detector's scores of the past,
each from a detector that was fitted without its part of the past, are exceeded as rarely as a band is left:
the same rule of false events as for single signals.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from drift_exporter.judge.anomaly.registry import Detector, make_detector
from drift_exporter.judge.infrastructure.band import AT_ONCE, WEEK, BoolArray, confirmed, outside_share
from drift_exporter.judge.infrastructure.tail import largest_but, tail_quantile
from drift_exporter.reference.model import FloatArray

LEAST = 2000
"""Rows with fewer of which no detector is fitted: a week of five minutes."""

_PARTS = 4
_FAR = 1e3


@dataclass(frozen=True)
class GroupFit:
    """A fitted detector; its scores are ``middle`` half of the time and rarely above ``threshold``."""

    detector: Detector
    middle: float
    threshold: float

    def scores(self, residuals: FloatArray) -> FloatArray:
        """Scores (n,) of residuals (n, S), at least 0, above 1 where odd; NaN where a signal is not known."""
        known = ~np.isnan(residuals).any(axis=1)
        found = np.full(len(residuals), np.nan)
        if known.any():
            raw = _scores(self.detector, residuals[known])
            found[known] = np.maximum(raw - self.middle, 0.0) / (self.threshold - self.middle)
        return found

    def anomalous(self, residuals: FloatArray) -> BoolArray:
        """Which of residuals (n, S), in time order one a step, are an anomaly (n,), see ``confirmed``."""
        return confirmed(self.scores(residuals))


def fit_group(  # noqa: PLR0913 - the residuals, and a detector's settings
    residuals: FloatArray,
    detector: str,
    contamination: float,
    seed: int,
    *,
    step: float = 60.0,
    spacing: float = 300.0,
    parameters: Mapping[str, Any] | None = None,
) -> GroupFit | None:
    """A detector of residuals (n, S), in half-widths of their signals' bands, ``spacing`` seconds apart.

    It will score a row every ``step`` seconds; the share ``contamination`` of these has scores above 1, or
    less where that would make more than one false event a week. Rows in which a signal is not known, or alone
    an anomaly, are not learnt from. None with less than ``LEAST`` others, or where scores do not differ.
    Raises ConfigurationError where there is no such detector.
    """
    known = residuals[(np.abs(residuals) <= AT_ONCE).all(axis=1)]
    if len(known) < LEAST:
        return None

    def fitted(rows: FloatArray) -> Detector:
        found = make_detector(detector, parameters or {}, seed, contamination)
        found.fit(np.clip(rows, -_FAR, _FAR))
        return found

    part = np.arange(len(known)) * _PARTS // len(known)
    past = np.concatenate(
        [_scores(fitted(known[part != held]), known[part == held]) for held in range(_PARTS)]
    )
    share = min(contamination, outside_share(step))
    # Scores of detectors that compare ranks or cells (ECOD, HBOS, isolation forests) have an upper end beyond
    # which the tail may not be extended. So it is at most what one stretch in two weeks was above.
    stretches = max(round(len(past) * spacing / WEEK / 2), 1)
    threshold = min(tail_quantile(past, share, incidents=2 * stretches), largest_but(past, stretches))
    middle = float(np.median(past))
    if not threshold > middle:
        return None
    return GroupFit(fitted(known), middle, threshold)


def _scores(detector: Detector, residuals: FloatArray) -> FloatArray:
    return np.asarray(detector.decision_function(np.clip(residuals, -_FAR, _FAR)), dtype=np.float64)
