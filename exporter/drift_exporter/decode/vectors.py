"""Numbers derived from vectors that stand end to end in one array."""

import numpy as np
from numpy.typing import NDArray

from drift_exporter.decode.measures import EMBEDDING_MEASURES
from drift_exporter.reference.model import FloatArray, IntArray, Subspace

FOLDS = 8
_BLOCK = 1 << 18
_MIX = np.uint64(0x9E3779B97F4A7C15)


def rows_of_length(values: FloatArray, lengths: IntArray, length: int) -> FloatArray:
    """Those (rows, length) of the vectors that have this ``length``; all ``values`` stand end to end."""
    whole = lengths == length
    if not whole.all():
        values = values[np.repeat(whole, lengths)]
    return values.reshape(-1, length)


def fold_of(vectors: FloatArray) -> IntArray:
    """To which of the folds each vector (rows, d) belongs, by its own content: equal ones share a fold.

    Vectors are compared as single precision, which they have in common however they were written.
    """
    with np.errstate(over="ignore"):
        bits = vectors.astype(np.float32).view(np.uint32).sum(axis=1, dtype=np.uint64)
    folds: IntArray = ((bits * _MIX) >> np.uint64(61)).astype(np.int64)
    return folds


def embedding_measures(
    subspace: Subspace, values: FloatArray, lengths: IntArray, given: NDArray[np.uint8]
) -> tuple[tuple[FloatArray, ...], NDArray[np.uint8]]:
    """Measures of vectors (rows,), in the order of EMBEDDING_MEASURES, and which rows are invalid (rows,).

    ``values`` are all vectors end to end, ``lengths`` (rows,) theirs, ``given`` (rows,) is 1 where a record
    has a value of any type. A value is invalid where it is no vector of the subspace's dimension, or not
    finite; measures are NaN there, and where there is no value.
    """
    found = np.full((len(EMBEDDING_MEASURES), len(lengths)), np.nan)
    dimension = len(subspace.centroid)
    rows = np.flatnonzero((lengths == dimension) & (given == 1))
    vectors = rows_of_length(values, np.where(given == 1, lengths, 0), dimension)
    step = max(1, _BLOCK // dimension)
    for first in range(0, len(rows), step):
        some = vectors[first : first + step]
        found[:, rows[first : first + step]] = _in_folds(subspace, some)
    # Of a vector that is not finite no norm is either.
    invalid = ((given == 1) & ~np.isfinite(found[1])).astype(np.uint8)
    found[:, invalid == 1] = np.nan
    return tuple(found), invalid


def _in_folds(subspace: Subspace, vectors: FloatArray) -> FloatArray:
    if not subspace.folds:
        return measure_vectors(subspace, vectors)
    found = np.empty((len(EMBEDDING_MEASURES), len(vectors)))
    folds = fold_of(vectors)
    for number, fold in enumerate(subspace.folds):
        mine = folds == number
        found[:, mine] = measure_vectors(fold, vectors[mine])
    return found


def measure_vectors(subspace: Subspace, vectors: FloatArray) -> FloatArray:
    """Cosine distance, norm and reconstruction error (3, rows) of vectors (rows, d).

    The error is the length of what is left of the distance from the centroid without its projection on the
    components (the root of the statistic Q of Jackson and Mudholkar (1979), Control procedures for residuals
    associated with principal component analysis).
    """
    centroid, components = subspace.centroid, subspace.components
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        norm = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
        cosine = (vectors @ centroid) / (norm * np.sqrt(centroid @ centroid))
        apart = vectors - centroid
        along = apart @ components.T
        left = np.einsum("ij,ij->i", apart, apart) - np.einsum("ij,ij->i", along, along)
        # Of a vector without length no angle is known: 0 / 0.
        distance = 1.0 - np.clip(cosine, -1.0, 1.0)
        return np.stack([distance, norm, np.sqrt(np.maximum(left, 0.0))])
