"""Samples of whole records by slice of time, for what counts of single columns cannot show.

Every record has a pseudo-random key that follows from its number in the stream alone, and a slice keeps the
records with the smallest keys. So a sample is the same however the stream is cut into chunks, samples of
slices merge to those of windows, and a restart goes on where the last save was: bottom-k sampling, Cohen and
Kaplan (2007), Summarizing data using bottom-k sketches, PODC.

Memory: at most slices x records x columns x 8 bytes for a window, and 8 more for each record's key.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from drift_exporter.reference.model import FloatArray, IntArray

NO_LIMIT = 2**63 - 1
"""Above every key."""

_SHARE = 8
"""A slice keeps this part of a window's sample, so a window has it whole from so many full slices on."""

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(1))


@dataclass(frozen=True)
class Sample:
    """Records of a stretch of time: all those with a key of at most ``limit``, and no others.

    ``keys`` (records,) ascend; ``values`` (records, columns) are the reference's ``sampled`` columns: numbers
    (NaN where missing) and the bins of categories. Neither array is ever changed.
    """

    keys: IntArray
    values: FloatArray
    limit: int = NO_LIMIT


def slice_size(window_size: int) -> int:
    """Records that a slice keeps for windows of ``window_size`` sampled records."""
    return -(-window_size // _SHARE)


def keys_of(first: int, records: int) -> IntArray:
    """Keys (records,) of the records with numbers from ``first`` on, uniform in 0..2^63-1.

    The finaliser of SplitMix64: Steele, Lea and Flood (2014), Fast splittable pseudorandom number generators.
    """
    mixed = np.arange(first + 1, first + 1 + records, dtype=np.uint64)
    mixed *= _GOLDEN
    mixed ^= mixed >> _SHIFTS[0]
    mixed *= _FIRST
    mixed ^= mixed >> _SHIFTS[1]
    mixed *= _SECOND
    mixed ^= mixed >> _SHIFTS[2]
    mixed >>= _SHIFTS[3]
    return mixed.view(np.int64)


def smallest(keys: IntArray, group: IntArray, limits: IntArray, size: int | IntArray) -> IntArray:
    """Numbers of the rows that have one of the ``size`` smallest keys of their group, by group and key.

    ``keys`` and ``group`` (rows,); of group g only keys up to ``limits[g]`` (groups,) count, which is -1 for
    groups without a sample. There may be a size for each group (groups,).
    """
    size = np.broadcast_to(size, limits.shape)
    rows = np.maximum(np.bincount(group, minlength=len(limits)), 1)
    # So many of the keys suffice almost surely, and to look for the smallest among all of them takes longer.
    share = (size + 8 * np.sqrt(size) + 8) / rows
    small = share < 0.9
    guess = limits.copy()
    guess[small] = np.minimum(limits[small], (share[small] * NO_LIMIT).astype(np.int64))
    found = np.flatnonzero(keys <= guess[group])
    few = (np.bincount(group[found], minlength=len(limits)) < size) & (guess < limits)
    if few.any():
        guess[few] = limits[few]
        found = np.flatnonzero(keys <= guess[group])
    found = found[np.lexsort((keys[found], group[found]))]
    of = group[found]
    rank = np.arange(len(found)) - np.searchsorted(of, of)
    return found[rank < size[of]]


def merge(one: Sample | None, other: Sample, size: int) -> Sample:
    """Both together, cut to the ``size`` smallest keys; ``one`` itself where nothing of ``other`` is in."""
    if one is None:
        return cut(other, size)
    limit = min(one.limit, other.limit)
    if limit == one.limit and not np.any(other.keys <= limit):
        return one
    keys = np.concatenate([one.keys, other.keys])
    order = np.argsort(keys, kind="stable")
    order = order[keys[order] <= limit]
    joined = np.concatenate([one.values, other.values])[order[: size + 1]]
    return cut(Sample(keys[order[: size + 1]], joined, limit), size)


def cut(sample: Sample, size: int) -> Sample:
    """The ``size`` smallest keys of a sample. One that is full takes no key above those it has."""
    if len(sample.keys) < size:
        return sample
    return Sample(sample.keys[:size], sample.values[:size], int(sample.keys[size - 1]))


def sampled_values(samples: Sequence[Sample], most: int) -> FloatArray:
    """A uniform sample (records, columns) of all that the samples stand for, at most ``most`` records.

    A record is in it by its key alone, so busy slices have more of them, in proportion. The order is random,
    so its first rows are a uniform sample, too.
    """
    if not samples:
        return np.empty((0, 0))
    limit = min(sample.limit for sample in samples)
    keys = np.concatenate([sample.keys[: _upto(sample, limit)] for sample in samples])
    if len(keys) > most:
        limit = int(np.partition(keys, most - 1)[most - 1])
        keys = keys[keys <= limit]
    values = np.concatenate([sample.values[: _upto(sample, limit)] for sample in samples])
    return values[np.argsort(keys, kind="stable")][:most]


def _upto(sample: Sample, limit: int) -> int:
    return int(np.searchsorted(sample.keys, limit, side="right"))
