"""Principal components of the vectors of an embedding column."""

from dataclasses import replace

import numpy as np

from drift_exporter.decode.vectors import FOLDS, fold_of
from drift_exporter.reference.model import FloatArray, Kind, Subspace

COMPONENTS = 16
EXPLAINED = 0.8
"""Components are taken until they explain so much of the variance, or there are 16."""

_ROUNDS = 30
_MORE = 8


def fit_subspace(name: str, kind: Kind, vectors: FloatArray) -> Subspace:
    """Centroid and principal components of vectors (rows, d), and the same without each fold of the rows.

    What is stored is rounded to nine digits, which is the precision of single floats.
    """
    centroid = vectors.mean(axis=0)
    apart = vectors - centroid
    products = apart.T @ apart
    values, axes = principal_axes(products, min(COMPONENTS, vectors.shape[1] - 1))
    total = float(np.trace(products))
    explained = np.cumsum(values) / total if total > 0 else np.zeros(0)
    number = min(len(explained), int(np.searchsorted(explained, EXPLAINED)) + 1)
    whole = Subspace(name, kind, _rounded(centroid), _rounded(axes[:number]))
    folds = []
    of = fold_of(vectors)
    for fold in range(FOLDS):
        out = apart[of == fold]
        left = len(vectors) - len(out)
        if not left:
            return whole
        mean = -out.sum(axis=0) / left
        rest = products - out.T @ out - left * np.outer(mean, mean)
        folds.append(Subspace(name, kind, centroid + mean, principal_axes(rest, number)[1]))
    return replace(whole, folds=tuple(folds))


def principal_axes(products: FloatArray, number: int) -> tuple[FloatArray, FloatArray]:
    """The largest eigenvalues (number,) of a symmetric matrix (d, d), and their vectors (number, d).

    By subspace iteration with a few vectors more (Halko, Martinsson and Tropp (2011), Finding structure with
    randomness), which takes a small part of the time of a whole decomposition.
    """
    size = min(len(products), number + _MORE)
    basis = np.random.default_rng(0).standard_normal((len(products), size))
    for _ in range(_ROUNDS):
        basis, _ = np.linalg.qr(products @ basis)
    values, vectors = np.linalg.eigh(basis.T @ products @ basis)
    order = np.argsort(values)[::-1][:number]
    axes = (basis @ vectors[:, order]).T
    # An axis has no direction of its own; one is chosen, so that the same input gives the same file.
    largest = axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)]
    return values[order], axes * np.where(largest < 0, -1.0, 1.0)[:, None]


def _rounded(values: FloatArray) -> FloatArray:
    flat = [float(f"{value:.9g}") for value in values.ravel().tolist()]
    return np.array(flat, dtype=np.float64).reshape(values.shape)
