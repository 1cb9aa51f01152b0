"""How much more a stream varies than independent records would, found from the reference itself.

Records of real traffic are not independent: users come back, batches belong together, nights differ from
days. Windows of such a stream differ from each other more than samples of its distribution do, and a test
that takes its records as independent is surer than it may be. The *design effect* d is by how much: n records
tell what n / d independent ones would (Kish (1965), Survey Sampling, section 8.2).

The reference is cut into windows, and each is compared to the rest of it. Were records independent, Pearson's
statistic of a window over B bins would follow a chi-square distribution with B - 1 degrees of freedom. By how
much its mean is larger is the first-order correction of Rao and Scott (1981), The analysis of categorical
data from complex sample surveys, J. Am. Stat. Assoc. 76; what one direction of movement (a daily cycle, say)
adds to the tail beyond that is their second-order correction; where there are enough windows, the tail is
looked at itself.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from scipy import special

from drift_exporter.reference.model import FloatArray, IntArray, WindowCalibration

FEWEST_WINDOWS = 8
"""A reference of fewer windows than these says nothing of how they vary."""

FEWEST_BLOCKS = 20
"""Blocks from which windows longer than a reference can show are put together."""

FEWEST_RECORDS = 30
"""A window of fewer records than these is not compared."""

_FILLED = 5.0
_TAIL = 0.01
_TAILS = (0.1, 0.05, 0.01)
_DRAWS = 500
_DAY = 86_400_000_000
_BEYOND = 5
"""A quantile is looked at where this many windows are beyond it."""


def design_effect(windows: IntArray, total: IntArray) -> float:
    """Design effect, at least 1, of windows (K, B) of the reference with counts (B,) in total.

    Every window has to hold a record, and none all of them. Fewer than ``FEWEST_WINDOWS`` windows say
    nothing: NaN. A column with one well filled bin does not vary: 1.
    """
    if len(windows) < FEWEST_WINDOWS:
        return math.nan
    deviations = _deviations(windows, total)
    m = float(total.sum())
    n = windows.sum(axis=1)
    # Against the rest, whose shares differ from the total's by what the window itself adds.
    return _effect(deviations * np.sqrt(m / (m - n))[:, None], len(windows))


def design_effect_of_blocks(
    blocks: IntArray, total: IntArray, length: float, seed: int = 0, phases: IntArray | None = None
) -> float:
    """Design effect, at least 1, of windows ``length`` blocks long, from blocks (K, B) of the reference.

    Windows are put together from blocks drawn with replacement (a block bootstrap, Kuensch (1989), The
    jackknife and the bootstrap for general stationary observations, Ann. Stat. 17(3)), so what blocks further
    apart than one have to do with each other is not in it. ``phases`` (K,) number the times of day that the
    blocks are of, from 0: a window of whole days is then put together of as many blocks of each (Politis
    (2001), Resampling time series with seasonal components), and a daily cycle is not in it either. Fewer
    than ``FEWEST_BLOCKS`` say nothing: NaN.
    """
    if len(blocks) < FEWEST_BLOCKS:
        return math.nan
    known = () if phases is None else tuple(phases.tolist())
    chosen = _chosen(len(blocks), max(1, round(length)), seed, known)
    return _effect(_deviations(chosen @ blocks, total), len(blocks))


@lru_cache(maxsize=16)
def _chosen(blocks: int, parts: int, seed: int, phases: tuple[int, ...]) -> IntArray:
    """How often each block is in each of the windows that are put together (draws, blocks).

    All columns of a model have the same.
    """
    random = np.random.default_rng(seed)
    chosen = np.zeros((_DRAWS, blocks), dtype=np.int64)
    for drawn, members in _strata(blocks, parts, np.array(phases, dtype=np.int64)):
        chosen[:, members] = random.multinomial(drawn, np.full(len(members), 1 / len(members)), size=_DRAWS)
    return chosen


def _strata(blocks: int, parts: int, phases: IntArray) -> list[tuple[int, IntArray]]:
    """How many blocks a window has of which, by the time of day where it has whole days of them."""
    if len(phases):
        number = int(phases.max()) + 1
        members = [np.flatnonzero(phases == phase) for phase in range(number)]
        if parts % number == 0 and min(map(len, members)) > 1:
            return [(parts // number, own) for own in members]
    return [(parts, np.arange(blocks))]


def phases_of_day(starts: IntArray, length: int) -> IntArray | None:
    """Which part of the day (UTC) begins at ``starts`` (K,), microseconds, for parts of ``length``.

    None where a day has no whole number of them.
    """
    if _DAY % length or length >= _DAY:
        return None
    return (starts % _DAY) // length


def effects_in_window(
    calibration: Sequence[WindowCalibration], columns: int, length: float, samples: int
) -> FloatArray:
    """Design effects (columns,) of a window of ``samples`` records in ``length`` seconds.

    Between the lengths that the reference was calibrated for they are interpolated by the logarithm of the
    length; beyond, that of the nearest one holds. Where the window has more records than those of the
    reference had, what is not chance weighs more: d - 1 grows in proportion. Where it has fewer it stays, for
    they may be as many records of fewer users. All are 1 where nothing is known.
    """
    if not calibration:
        return np.ones(columns)
    lengths = np.log([one.length for one in calibration])
    place = float(np.interp(math.log(max(length, 1e-6)), lengths, np.arange(len(lengths))))
    low, high = calibration[math.floor(place)], calibration[math.ceil(place)]
    share = place - math.floor(place)
    effects: FloatArray = low.design_effects * (1 - share) + high.design_effects * share
    records = low.records * (high.records / low.records) ** share
    scaled: FloatArray = 1 + (effects - 1) * max(1.0, samples / records)
    return scaled


def _deviations(windows: IntArray, total: IntArray) -> FloatArray:
    """Deviations (K, B') of windows (K, B), by well filled bin: Pearson's statistic is their squares' sum."""
    n = windows.sum(axis=1)
    shares = total / total.sum()
    filled = shares * float(np.median(n)) >= _FILLED
    rest = ~filled & (shares > 0)
    kept, expected = windows[:, filled], shares[filled]
    if rest.any():
        pooled, share = windows[:, rest].sum(axis=1), float(shares[rest].sum())
        if share * float(np.median(n)) >= _FILLED or not filled.any():
            kept, expected = np.column_stack([kept, pooled]), np.append(expected, share)
        else:
            smallest = int(np.argmin(expected))
            kept = kept.copy()
            kept[:, smallest] += pooled
            expected = expected.copy()
            expected[smallest] += share
    found: FloatArray = np.sqrt(n)[:, None] * (kept / n[:, None] - expected) / np.sqrt(expected)
    return found


def _effect(deviations: FloatArray, independent: int) -> float:
    """The largest of the first-order, the second-order and the tail's own correction, at least 1.

    ``independent`` is the number of windows or blocks that it rests on: from a few of them it is known poorly
    only, so what is above 1 is taken larger by the ratio of the quantiles of F and chi-square (Thomas and Rao
    (1987), Small-sample comparisons of level and power for simple goodness-of-fit statistics under cluster
    sampling, J. Am. Stat. Assoc. 82).
    """
    windows, bins = deviations.shape
    if bins < 2:
        return 1.0
    freedom = bins - 1
    statistics = np.square(deviations).sum(axis=1)
    trace = float(statistics.mean())
    second, own_freedom = _second_order(deviations, trace, freedom, independent)
    # Of windows from blocks there are as many as one likes; that does not make their tail known better.
    seen = [tail for tail in _TAILS if min(windows, independent) * tail >= _BEYOND]
    tails = [float(np.quantile(statistics, 1 - tail) / special.chdtri(freedom, tail)) for tail in seen]
    effect = max(trace / freedom, second, *tails)
    denominator = max(independent - 1, 1) * own_freedom
    known = float(special.chdtri(own_freedom, _TAIL)) / own_freedom
    doubt = float(special.fdtri(own_freedom, denominator, 1 - _TAIL)) / known
    return 1.0 + max(0.0, float(effect) - 1.0) * max(1.0, doubt)


def _second_order(
    deviations: FloatArray, trace: float, freedom: int, independent: int
) -> tuple[float, float]:
    """Design effect at the far tail by Satterthwaite's approximation, and its degrees of freedom.

    A sum of chi-squares with weights l_i is about as c times a chi-square with f degrees of freedom, c = sum
    l_i^2 / sum l_i and f = (sum l_i)^2 / sum l_i^2. The sum of squares is estimated without the bias that few
    windows give it: for normal deviations the expected squared norm of their covariance from K of them is
    (1 + 1/K) times its true one, plus the squared trace over K.
    """
    covariance = deviations.T @ deviations / len(deviations)
    squares = float(np.square(covariance).sum())
    if trace <= 0:
        return 1.0, float(freedom)
    unbiased = (squares - trace**2 / independent) / (1 + 1 / independent)
    unbiased = min(max(unbiased, trace**2 / freedom), trace**2)
    scale, own_freedom = unbiased / trace, trace**2 / unbiased
    quantile = scale * float(special.chdtri(own_freedom, _TAIL))
    return quantile / float(special.chdtri(freedom, _TAIL)), own_freedom
