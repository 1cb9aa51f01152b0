"""Errors of a regression expected from its inputs alone (direct loss estimation, DLE).

A model of the error is fitted on the reference: from a record's features and prediction it foresees the
absolute and the squared error. The mean of these over a window is an estimate of the mean absolute error and
of the mean squared error without a label. The method is NannyML's; that a model can learn the loss of another
one: Yoo and Kweon (2019), Learning loss for active learning, CVPR. As with CBPE it is assumed that errors
given the inputs are as in the reference.

The interval is that of the value realised on the same records. An error is off its estimate by chance, and so
is what the reference's records say of the level: both have the variance of errors around their estimates,
which is measured on records that the model was not fitted on. How far the model is off where inputs have
moved to what the reference has little of is not in it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from drift_exporter.count.binner import Binner
from drift_exporter.count.layout import Layout
from drift_exporter.decode.plan import CodeArray as LeafCodes
from drift_exporter.judge.estimation.estimate import Estimate, magnitude
from drift_exporter.judge.estimation.forest import BINS, CodeArray, Forest, fit_forest
from drift_exporter.reference.model import Column, FloatArray, IntArray, Kind, NumericColumn
from drift_exporter.reference.outcomes import ReferenceOutcomes

ERRORS = ("absolute", "squared")
"""What is foreseen of each record, in this order."""

LEAST_LABELLED = 200
"""Labelled records of the sample with fewer of which no model is fitted."""

TREES = 300
RATE = 0.1
_HELD_TREES = 100
_OF_TREE = 20_000
_LEAST = 50
_HELD = 3
_SAME = 1e-9
_WEIGHTS = np.array([4.0, 1.0])
"""Large errors weigh so much in the squares that what is told of the absolute ones would be drowned."""

_BLOCK = 1 << 16


@dataclass(frozen=True)
class Coder:
    """Bins of a column's values, 0 for what is missing: between ``edges``, or by a table of categories."""

    kind: Kind
    name: str
    binner: Binner | None
    table: CodeArray

    def numbers(self, values: FloatArray) -> CodeArray:
        """Bins of numbers (n,)."""
        assert self.binner is not None  # noqa: S101 - the caller knows which columns are numeric
        codes = (self.binner.bin(values) + 1).astype(np.uint8)
        finite = np.isfinite(values)
        if not finite.all():
            codes[~finite] = 0
        return codes


@dataclass(frozen=True)
class ErrorModel:
    """What foresees the errors of a model's records.

    An estimate is ``scale`` (2,) times [``means`` (2,) + ``spreads`` (2,) times what the forest says], at
    least 0. ``variances`` (2,) are those of an error around its estimate, in units of the mean estimate's
    square, on records that were held out; ``rows`` are the labelled records of the reference.
    """

    coders: tuple[Coder, ...]
    forest: Forest
    means: FloatArray
    spreads: FloatArray
    scale: FloatArray
    variances: FloatArray
    rows: int

    def of_codes(self, codes: CodeArray) -> FloatArray:
        """Estimates (2, n) of records' codes (columns, n)."""
        found = self.means[:, None] + self.spreads[:, None] * self.forest.predict(codes)
        estimates: FloatArray = np.maximum(found * self.scale[:, None], 0.0)
        return estimates


def fit_error_model(
    values: FloatArray,
    labels: FloatArray,
    columns: Sequence[Column],
    outcomes: ReferenceOutcomes | None = None,
    seed: int = 0,
) -> ErrorModel | None:
    """The error model of a reference's sample (rows, columns) with its labels (rows,).

    Categories are numbers of their bins. ``outcomes`` are those of the whole reference: where there are, the
    estimates are scaled so that their mean over the sample is the error of all. None where the sample has
    fewer than LEAST_LABELLED records with prediction and label, or all errors are the same.
    """
    place = next((i for i, column in enumerate(columns) if column.kind == "prediction"), None)
    if place is None:
        return None
    error = np.abs(values[:, place] - labels)
    known = np.isfinite(error)
    if known.sum() < LEAST_LABELLED or np.ptp(error[known]) <= _SAME * error[known].max():
        return None
    values, error = values[known], error[known]
    random = np.random.default_rng(seed)
    order = random.permutation(len(error))
    values, error = values[order], error[order]
    targets = np.stack([error, np.square(error)])
    held = np.arange(len(error)) % _HELD == 0
    coders = [_coder(column, values[:, i], error) for i, column in enumerate(columns)]
    codes = _codes(coders, values)
    tried = _fit(coders, codes[:, ~held], targets[:, ~held], random, _HELD_TREES)
    foreseen = tried.of_codes(codes[:, held])
    variances = np.square(targets[:, held] - foreseen).mean(axis=1) / np.square(foreseen.mean(axis=1))
    model = _fit(coders, codes, targets, random, TREES)
    level = targets.mean(axis=1)
    rows = len(error)
    if outcomes is not None and outcomes.rows and set(ERRORS) <= set(outcomes.errors):
        rows = outcomes.rows
        level = np.array([outcomes.errors[name] / rows for name in ERRORS])
    scale = level / model.of_codes(codes).mean(axis=1)
    return ErrorModel(model.coders, model.forest, model.means, model.spreads, scale, variances, rows)


def _fit(
    coders: Sequence[Coder], codes: CodeArray, targets: FloatArray, random: np.random.Generator, trees: int
) -> ErrorModel:
    means, spreads = targets.mean(axis=1), targets.std(axis=1)
    spreads = np.where(spreads > 0, spreads, 1.0) / _WEIGHTS
    least = min(_LEAST, max(1, codes.shape[1] // 50))
    standard = (targets - means[:, None]) / spreads[:, None]
    sample = min(_OF_TREE, max(1, codes.shape[1] // 2))
    forest = fit_forest(codes, standard, random, trees, RATE, sample, least)
    return ErrorModel(tuple(coders), forest, means, spreads, np.ones(2), np.zeros(2), targets.shape[1])


def _coder(column: Column, values: FloatArray, error: FloatArray) -> Coder:
    if isinstance(column, NumericColumn):
        known = values[np.isfinite(values)]
        shares = np.arange(1, BINS - 1) / (BINS - 1)
        edges = np.unique(np.quantile(known, shares)) if len(known) else np.empty(0)
        return Coder(column.kind, column.name, Binner(edges), np.zeros(0, dtype=np.uint8))
    # Categories stand in the order of their mean error, so that a threshold parts them well: Fisher (1958),
    # On grouping for maximum homogeneity. Rare ones are drawn to the middle.
    codes = values.astype(np.int64)
    counts = np.bincount(codes, minlength=column.size)
    mean = (np.bincount(codes, error, column.size) + 10 * error.mean()) / (counts + 10)
    order = np.argsort(mean[:-1], kind="stable")
    before = np.cumsum(counts[order]) - counts[order] / 2
    if len(order) < BINS:
        groups = np.arange(len(order))
    else:
        groups = np.minimum(before * (BINS - 1) / max(1, counts[:-1].sum()), BINS - 2).astype(np.int64)
    table = np.zeros(column.size, dtype=np.uint8)
    table[order] = groups + 1
    return Coder(column.kind, column.name, None, table)


def _codes(coders: Sequence[Coder], values: FloatArray) -> CodeArray:
    """Codes (columns, n) of a sample's values (n, columns)."""
    return np.stack(
        [
            coder.table[values[:, i].astype(np.int64)]
            if coder.binner is None
            else coder.numbers(values[:, i])
            for i, coder in enumerate(coders)
        ]
    )


Estimator = Callable[[Sequence[FloatArray], Sequence[LeafCodes]], tuple[FloatArray, FloatArray]]


def error_estimator(model: ErrorModel, layout: Layout) -> Estimator:
    """What estimates errors of decoded records: see ``estimate_errors``. To be made once for a layout."""
    numeric = {(slot.column.kind, slot.column.name): slot.leaf for slot in layout.numeric}
    tables: dict[tuple[Kind, str], tuple[int, IntArray]] = {
        (slot.column.kind, slot.column.name): (slot.leaf, slot.bins) for slot in layout.categorical
    }

    def estimate(
        numbers: Sequence[FloatArray], categories: Sequence[LeafCodes]
    ) -> tuple[FloatArray, FloatArray]:
        rows = len(numbers[0]) if len(numbers) else len(categories[0])
        found = np.empty((len(ERRORS), rows))
        for start in range(0, rows, _BLOCK):
            part = slice(start, start + _BLOCK)
            codes = np.empty((len(model.coders), len(range(rows)[part])), dtype=np.uint8)
            for place, coder in enumerate(model.coders):
                if coder.binner is None:
                    leaf, bins = tables[coder.kind, coder.name]
                    codes[place] = coder.table[bins].take(categories[leaf][part])
                else:
                    codes[place] = coder.numbers(numbers[numeric[coder.kind, coder.name]][part])
            found[:, part] = model.of_codes(codes)
        return found[0], found[1]

    return estimate


def estimate_errors(
    model: ErrorModel, layout: Layout, numeric: Sequence[FloatArray], categorical: Sequence[LeafCodes]
) -> tuple[FloatArray, FloatArray]:
    """Absolute and squared errors (n,) that are foreseen of records.

    ``numeric`` and ``categorical`` are a plan's leaves (n,), and ``layout`` is the plan's with the model's
    reference. What is missing has a place of its own in every column, so each record has an estimate; one
    without a prediction has no error, and the caller leaves it out.
    """
    return error_estimator(model, layout)(numeric, categorical)


def estimate_regression(
    model: ErrorModel, sums: FloatArray, rows: int, design_effect: float = 1.0
) -> Mapping[str, Estimate]:
    """Expected mean_absolute_error and root_mean_squared_error of records, from sums (2,) of estimates."""
    if rows <= 0:
        return {}
    means = np.asarray(sums, dtype=np.float64) / rows
    if not (means > 0).all():
        return {}
    variances = np.square(means) * model.variances * (1 / rows + 1 / model.rows) * design_effect
    root = float(np.sqrt(means[1]))
    return {
        "mean_absolute_error": magnitude(float(means[0]), float(variances[0])),
        "root_mean_squared_error": magnitude(root, float(variances[1]) / (4 * float(means[1]))),
    }
