"""How much more the share of anomalies varies between windows of the reference than chance makes it.

Anomalies come in bursts: one customer, one night, one broken device. Windows of a length L then have shares
that vary by c(1 - c)(1/n + rho(1 - 1/n)), n records each, where rho is the intra-window correlation of being
an anomaly: the mean correlation of two records of one window (Kish (1965), Survey sampling). It does not
depend on how many of a window's records were drawn, so that it can be found from a sample. By windows of the
reference with n_w records of which k_w are anomalies, Pearson's statistic over its degrees of freedom,

    X^2 / (K - 1) = 1 + rho (n - 1),  X^2 = sum (k_w - n_w r)^2 / (n_w r (1 - r)),

gives rho. From few windows, and from few anomalies, it is known poorly. Where mu are to be expected in a
window the statistic's variance is (2 + 1 / mu) / (K - 1) (Haldane (1937), The exact value of the moments of
the distribution of chi-square, used as a test of goodness of fit, when expectations are small, Biometrika
29), and it is taken larger by 1.28 of its standard deviations.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from drift_exporter.reference.model import FloatArray, IntArray

FEWEST_WINDOWS = 8
_STEP = 2.0
ROWS = 8.0
"""The shortest windows have that many rows of the sample on the average."""
DOUBT = 1.28
"""Standard deviations of the statistic by which it is taken larger: exceeded one time in ten."""


@dataclass(frozen=True)
class Overdispersion:
    """Intra-window correlations of anomalies (k,) by the windows' ``lengths`` (k,), ascending.

    Lengths are seconds, or numbers of records (``by_records``) where the sample has no times. ``windows``
    (k,) is from how many windows each stems. All are empty where nothing is known.
    """

    lengths: FloatArray
    correlations: FloatArray
    windows: IntArray
    by_records: bool

    def correlation(self, scored: int, seconds: float) -> float:
        """That of a window of some seconds with so many scored records, 0 where nothing is known.

        Between lengths it is interpolated by the logarithm of the length. Beyond the longest that of the
        longest holds: records farther apart in time are hardly more alike.
        """
        if not len(self.lengths):
            return 0.0
        length = float(scored) if self.by_records else seconds
        return float(np.interp(np.log(max(length, 1e-9)), np.log(self.lengths), self.correlations))

    @cached_property
    def of_reference(self) -> float:
        """Variance of the reference's own share of anomalies beyond chance, over c(1 - c).

        Its windows of the longest length are taken as independent of each other.
        """
        return float(self.correlations[-1] / self.windows[-1]) if len(self.lengths) else 0.0


NOTHING_KNOWN = Overdispersion(np.empty(0), np.empty(0), np.empty(0, dtype=np.int64), by_records=False)


def find_overdispersion(flags: FloatArray, times: IntArray | None) -> Overdispersion:
    """How the reference's anomalies vary: ``flags`` (m,) are 1 of an anomaly, else 0, in the order of time.

    ``times`` (m,) are microseconds; without them the order of rows stands for it.
    """
    rows = len(flags)
    by_records = times is None
    places = np.arange(rows) if times is None else times - times.min()
    rate, span = float(flags.mean()), float(places.max()) + 1
    if not 0 < rate < 1 or (not by_records and span <= 1):
        return NOTHING_KNOWN
    unit = 1.0 if by_records else 1e6
    found = [
        (length / unit, *one)
        for length in _lengths(rows, span)
        if (one := _correlation(flags, places, length, rate)) is not None
    ]
    if not found:
        return NOTHING_KNOWN
    lengths, correlations, windows = np.array(found).T
    return Overdispersion(lengths, correlations, windows.astype(np.int64), by_records)


def _lengths(rows: int, span: float) -> Sequence[float]:
    longest, shortest = span / FEWEST_WINDOWS, span * ROWS / rows
    if longest < shortest:
        return []
    count = int(np.log(longest / shortest) / np.log(_STEP)) + 1
    return [longest / _STEP**power for power in range(count - 1, -1, -1)]


def _correlation(flags: FloatArray, places: IntArray, length: float, rate: float) -> tuple[float, int] | None:
    """The correlation in windows of one length, and how many of them there are with any pair of rows."""
    window = np.minimum((places / length).astype(np.int64), round(float(places.max() + 1) / length) - 1)
    rows, anomalies = np.bincount(window), np.bincount(window, flags)
    pairs = rows > 1
    rows, anomalies = rows[pairs], anomalies[pairs]
    count = len(rows)
    if count < FEWEST_WINDOWS:
        return None
    statistic = float((np.square(anomalies - rows * rate) / (rows * rate * (1 - rate))).sum()) / (count - 1)
    doubt = 1 + DOUBT * np.sqrt((2 + count / (float(rows.sum()) * rate)) / (count - 1))
    return min((max(statistic, 1.0) * doubt - 1) / (float(rows.mean()) - 1), 1.0), count
