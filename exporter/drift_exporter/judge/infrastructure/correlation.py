"""Which signals move together with a model's metric that misbehaves: lagged correlation of residuals.

Residuals are distances from what was expected, in half-widths of the band, so 0 is "as expected" in both
series and the correlation is about 0, not about the window's own mean: two disturbances that do not overlap
have a product of 0 and not a negative one, and a disturbance as long as the window is not subtracted from
itself. Residuals are winsorised, so that one wild value says no more than one that is clearly outside.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view
from scipy import fft

from drift_exporter.judge.infrastructure.band import Direction
from drift_exporter.judge.multiple import benjamini_hochberg
from drift_exporter.reference.model import FloatArray, IntArray

MOST = 3.0
"""Half-widths of the band beyond which a residual counts as this one."""

FEWEST_SHIFTS = 19
"""Time shifts below which no p-value could be 0.05, so that there is none."""

_LEAST_ENERGY = 1e-6
_KNOWN: Final = 2
_PAIRS: Final = ((0, 0), (1, _KNOWN), (_KNOWN, 1), (_KNOWN, _KNOWN))

ComplexArray = npt.NDArray[np.complex128]


@dataclass(frozen=True)
class Correlation:
    """The largest correlation, by absolute value, of a target with a signal.

    ``lag`` is in steps; above 0 the signal moves first. ``p_value`` is that of "they have nothing to do with
    each other", all lags considered.
    """

    coefficient: float
    lag: int
    p_value: float


@dataclass(frozen=True)
class _Series:
    """Values (n,), 0 where absent, their squares and whether they are known: rows (3, n), and transformed."""

    rows: FloatArray
    spectra: ComplexArray
    number: int

    def key(self, row: int) -> int:
        """A number of the row, which is below 0 where series of this length have it in common."""
        shared = row == _KNOWN and bool(self.rows[row].all())
        return -self.rows.shape[1] if shared else self.number


def harm(residuals: FloatArray, direction: Direction) -> FloatArray:
    """Residuals (n,) on the side where harm lies; 0 on the other. NaN stays."""
    if direction == "both":
        return residuals
    return np.maximum(residuals, 0.0) if direction == "up" else np.minimum(residuals, 0.0)


def misbehaviour(residuals: FloatArray, direction: Direction) -> FloatArray:
    """Residuals (n,) outside of the band, on the side where harm lies; 0 elsewhere. NaN stays.

    What a target does inside of its band is as expected. Without this, a signal that was disturbed at another
    time would be compared with the target's noise of that time, and chance is measured with a signal that is
    not disturbed: they would go together by far too often.
    """
    return np.where(np.abs(residuals) <= 1, 0.0, harm(residuals, direction))


def correlate(
    target: FloatArray, signal: FloatArray, *, most_lag: int, permutations: int = 999, seed: int = 0
) -> Correlation | None:
    """Correlation of a target (n,) with a signal (h,), h at least n; both end at the same step.

    None where they have too few steps in common, or the signal too little history for a p-value: at least
    ``2 n + 2 most_lag + 19 (2 most_lag + 1)`` steps. See correlate_all.
    """
    return correlate_all([target], [signal], most_lag=most_lag, permutations=permutations, seed=seed)[0][0]


def correlate_all(
    targets: Sequence[FloatArray],
    signals: Sequence[FloatArray],
    *,
    most_lag: int,
    permutations: int = 999,
    seed: int = 0,
) -> list[list[Correlation | None]]:
    """Correlations of each target (n,) with each signal (h,), a list a target; NaN is a step without value.

    The coefficient at a lag is the sum of products over the root of the products of both sums of squares,
    over the steps that both have; at least half of the target's. For lags below 0, where the target moves
    first, the signal's last steps are not there yet: these pairs are left out.

    The p-value is that of the largest absolute coefficient over all lags, so it needs no correction for their
    number. What it is compared to are the same target and the same signal as it was before the window, at
    ``permutations`` shifts at most: a shift in time keeps the autocorrelation of both, which alone makes
    unrelated series look alike (Yule (1926), Why do we sometimes get nonsense-correlations between
    time-series?, J. R. Stat. Soc. 89). Shifts are truncated, not circular, as histories do not end where they
    begin (Yuan and Shou (2024), A rigorous and versatile statistical test for correlations between stationary
    time series, PLOS Biology 22(8)), lie before the window, so that what disturbs it now is not among
    them, and apart by as much as lags span, so that no pair is counted twice. p = (1 + k) / (1 + N), where k
    of N shifts reach the observed one (Phipson and Smyth (2010), Permutation p-values should never be zero,
    Stat. Appl. Genet. Mol. Biol. 9(1)).
    """
    if not targets or not signals:
        return [[] for _ in targets]
    steps = len(targets[0])
    if {len(t) for t in targets} != {steps} or min(len(s) for s in signals) < steps or most_lag >= steps:
        raise ValueError("targets are of one length, signals at least as long, lags shorter")
    length = fft.next_fast_len(max(len(s) for s in signals) + most_lag, real=True)
    ready = [_series(target, length, number) for number, target in enumerate(targets)]
    found: list[list[Correlation | None]] = [[] for _ in targets]
    complete: dict[tuple[int, int, int, int], FloatArray] = {}
    for number, values in enumerate(signals):
        signal = _series(values, length, number)
        shifts = _shifts(len(values), steps, most_lag, permutations, seed)
        for own, target in zip(found, ready, strict=True):
            if not len(shifts):
                own.append(None)
                continue
            sums = _sums(target, signal, length, complete)
            own.append(_correlation(target, signal, sums, shifts, most_lag))
    return found


def significant(
    correlations: Sequence[Correlation | None], false_discovery_rate: float
) -> list[float | None]:
    """P-values adjusted for their number, where at most the share of false ones that is accepted; else None.

    What has no correlation is no test and has None. See benjamini_hochberg.
    """
    tested = [c.p_value for c in correlations if c is not None]
    adjusted = iter(benjamini_hochberg(np.array(tested)).tolist())
    found = [None if c is None else next(adjusted) for c in correlations]
    return [p if p is not None and p <= false_discovery_rate else None for p in found]


def _series(values: FloatArray, length: int, number: int) -> _Series:
    known = ~np.isnan(values)
    kept = np.where(known, np.clip(values, -MOST, MOST), 0.0)
    rows = np.stack([kept, kept**2, known.astype(np.float64)])
    return _Series(rows, fft.rfft(rows, length), number)


def _shifts(history: int, steps: int, most_lag: int, permutations: int, seed: int) -> IntArray:
    """Steps (k,) back in time, ascending; none where they are too few."""
    first, last, apart = steps + most_lag, history - steps - most_lag, 2 * most_lag + 1
    count = max(0, (last - first) // apart + 1)
    if min(count, permutations) < FEWEST_SHIFTS:
        return np.empty(0, dtype=np.int64)
    random = np.random.default_rng(seed)
    begin = first + random.integers(last - first - (count - 1) * apart + 1)
    chosen = np.arange(count) if count <= permutations else random.permutation(count)[:permutations]
    return begin + apart * np.sort(chosen)


def _correlation(
    target: _Series, signal: _Series, sums: Sequence[FloatArray], shifts: IntArray, most_lag: int
) -> Correlation | None:
    steps, starts = target.rows.shape[1], signal.rows.shape[1] - target.rows.shape[1] - shifts
    first = signal.rows.shape[1] - steps - most_lag
    observed = _coefficients(np.stack([own[first : first + 2 * most_lag + 1] for own in sums]), steps)
    if np.isnan(observed).all():
        return None
    # Column c is of lag most_lag - c.
    before = np.stack([sliding_window_view(own, 2 * most_lag + 1)[starts - most_lag] for own in sums])
    if most_lag:
        before[:, :, most_lag + 1 :] -= _later(target, signal, starts, most_lag)
    others = np.abs(_coefficients(before, steps))
    others = others[~np.isnan(others).all(axis=1)]
    if len(others) < FEWEST_SHIFTS:
        return None
    largest = np.nanmax(np.abs(observed))
    lag = min((most_lag - np.flatnonzero(np.abs(observed) == largest)).tolist(), key=abs)
    p_value = (1 + int(np.count_nonzero(np.nanmax(others, axis=1) >= largest))) / (1 + len(others))
    return Correlation(float(observed[most_lag - lag]), lag, p_value)


def _sums(
    target: _Series, signal: _Series, length: int, complete: dict[tuple[int, int, int, int], FloatArray]
) -> list[FloatArray]:
    """Sums (length,) with the target's first step at each of the signal's steps, and those after its last.

    They are of products, of the target's squares, of the signal's squares and of steps, where both are known.
    What depends on one side only, as the other has no gap, is found once and kept in ``complete``.
    """
    found = []
    for one, other in _PAIRS:
        key = (one, other, target.key(one), signal.key(other))
        own = complete.get(key)
        if own is None:
            own = np.asarray(fft.irfft(np.conj(target.spectra[one]) * signal.spectra[other], length))
            if min(key) < 0:
                complete[key] = own
        found.append(own)
    return found


def _later(target: _Series, signal: _Series, starts: IntArray, most_lag: int) -> FloatArray:
    """What came after the target's last step, in sums (4, k, most_lag) at lags -1, -2, ...

    Now it is unknown. With these pairs the past would be measured with more steps than the present, and
    vary less.
    """
    steps = target.rows.shape[1]
    later = sliding_window_view(signal.rows, most_lag, axis=1)[:, starts + steps]
    # A target moved forward by j steps has its last j ones at the first j of the later steps.
    place = steps - np.arange(1, most_lag + 1) + np.arange(most_lag)[:, None]
    own = np.where(place < steps, target.rows[:, np.minimum(place, steps - 1)], 0.0)
    return np.stack([later[other] @ own[one] for one, other in _PAIRS])


def _coefficients(sums: FloatArray, steps: int) -> FloatArray:
    """Coefficients from sums (4, ...): 0 where one side is as expected all along, NaN of too few steps."""
    products, targets, signals, common = sums
    moving = np.minimum(targets, signals) > _LEAST_ENERGY
    scale = np.sqrt(np.where(moving, targets * signals, 1.0))
    # Rounded, so that what is equal but for the arithmetic is equal.
    found = np.where(moving, np.clip(products / scale, -1.0, 1.0), 0.0).round(9)
    return np.where(np.rint(common) * 2 >= steps, found, np.nan)
