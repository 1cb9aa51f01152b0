"""What a reference is: the bins of each column and how often each was seen.

A column's reference fixes its bins once. The bins never depend on the data that is later compared to it, so
no outlier there can move them, and counts from anywhere can be added.

Counts of one column are one vector:

- numeric: the fine bins, then ``missing``;
- categorical: the categories, then ``other`` (a category not seen in the reference), then ``missing``.

What is exported are the *exported* bins: groups of about ten fine bins for a numeric column, and the
categories as they are for a categorical one, always with ``other`` (categorical) and ``missing`` at the end.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from drift_exporter.decode.measures import EMBEDDING_MEASURES, TEXT_MEASURES, measure_name

if TYPE_CHECKING:
    from drift_exporter.reference.outcomes import ReferenceOutcomes
    from drift_exporter.reference.stacked import Stacked

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int64]
Kind = Literal["feature", "prediction", "score", "label"]

MISSING = "missing"
OTHER = "other"
SPECIAL_BINS = frozenset({MISSING, OTHER})


@dataclass(frozen=True)
class Vocabulary:
    """The words of a text column, most frequent first, from which numbers are derived.

    As bins they are learned from the reference alone: numbers derived under one vocabulary can be counted
    together, under two they cannot.

    ``rare`` are those among them that count as unseen in the reference's own rows: without the row itself a
    word in it would not have been frequent enough to be known. They are not stored.
    """

    type: ClassVar[str] = "text"
    measures: ClassVar[tuple[str, ...]] = TEXT_MEASURES
    name: str
    kind: Kind
    words: tuple[str, ...]
    rare: frozenset[str] = frozenset()

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the numeric columns, in the order of the measures."""
        return tuple(measure_name(self.name, measure) for measure in self.measures)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over what is stored."""
        return _digest([self.kind, self.name, self.type, list(self.words)])


@dataclass(frozen=True)
class Subspace:
    """Where the vectors of an embedding column are: around a ``centroid`` (d,), along ``components`` (k, d).

    The components are orthonormal, k is 0 to 16. ``folds`` are the same learned without one part of the rows
    each, by which that part itself is measured while the reference is built (see
    ``decode.vectors.fold_of``). They are not stored.
    """

    type: ClassVar[str] = "embedding"
    measures: ClassVar[tuple[str, ...]] = EMBEDDING_MEASURES
    name: str
    kind: Kind
    centroid: FloatArray
    components: FloatArray
    folds: tuple["Subspace", ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the numeric columns, in the order of the measures."""
        return tuple(measure_name(self.name, measure) for measure in self.measures)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over what is stored."""
        values = [self.centroid.tolist(), self.components.tolist()]
        return _digest([self.kind, self.name, self.type, values])


Derivation: TypeAlias = Vocabulary | Subspace


@dataclass(frozen=True)
class NumericColumn:
    """A numeric column's bins and reference counts.

    ``edges`` (B-1,) and ``fine_edges`` (F-1,) are finite, strictly ascending, inclusive upper bounds of all
    bins but the last, which is open; every edge is also a fine edge. ``fine_counts`` (F,) and ``fine_sums``
    (F,) are the number of values in each fine bin and their sum; ``missing`` counts the rest.
    """

    name: str
    kind: Kind
    edges: FloatArray
    fine_edges: FloatArray
    fine_counts: IntArray
    fine_sums: FloatArray
    missing: int
    mean: float
    standard_deviation: float
    minimum: float
    maximum: float

    @property
    def size(self) -> int:
        """Length of this column's vector of counts."""
        return len(self.fine_edges) + 2

    @cached_property
    def counts(self) -> IntArray:
        """Reference counts as a vector of ``size``."""
        return np.append(self.fine_counts, self.missing)

    @cached_property
    def bins(self) -> tuple[str, ...]:
        """Names of the exported bins, ``missing`` last."""
        return (*(str(i) for i in range(len(self.edges) + 1)), MISSING)

    @cached_property
    def upper_bounds(self) -> FloatArray:
        """Upper bounds of the exported bins but ``missing``; the last is infinite."""
        return np.append(self.edges, np.inf)

    @cached_property
    def starts(self) -> IntArray:
        """Where each exported bin (len(bins),) begins in a vector of ``size``."""
        inner = np.searchsorted(self.fine_edges, self.edges) + 1
        return np.concatenate([[0], inner, [len(self.fine_edges) + 1]]).astype(np.int64)

    @cached_property
    def exported_counts(self) -> IntArray:
        """Reference counts of the exported bins (len(bins),)."""
        return self.export(self.counts)

    def export(self, counts: NDArray[np.integer]) -> IntArray:
        """Counts of the exported bins (..., len(bins)) from counts (..., size)."""
        return np.add.reduceat(np.asarray(counts, dtype=np.int64), self.starts, axis=-1)


@dataclass(frozen=True)
class CategoricalColumn:
    """A categorical column's categories (most frequent first) and reference counts.

    ``other`` counts the reference's own categories that did not fit the limit of categories.
    """

    name: str
    kind: Kind
    categories: tuple[str, ...]
    category_counts: IntArray
    other: int
    missing: int

    @property
    def size(self) -> int:
        """Length of this column's vector of counts."""
        return len(self.categories) + 2

    @cached_property
    def counts(self) -> IntArray:
        """Reference counts as a vector of ``size``."""
        return np.append(self.category_counts, [self.other, self.missing])

    @cached_property
    def bins(self) -> tuple[str, ...]:
        """Names of the exported bins, all different and none empty.

        A category that is itself called "missing" or "other" gets a suffix, and the empty text is "(empty)":
        to Prometheus an empty label is none.
        """
        named: dict[str, None] = {}
        taken = {*SPECIAL_BINS, *self.categories} - {""}
        for category in self.categories:
            name = category
            if category in SPECIAL_BINS or not category:
                name = f"{category} (category)" if category else "(empty)"
                while name in taken:
                    name += " (category)"
                taken.add(name)
            named[name] = None
        return (*named, OTHER, MISSING)

    @cached_property
    def exported_counts(self) -> IntArray:
        """Reference counts of the exported bins (len(bins),)."""
        return self.export(self.counts)

    def export(self, counts: NDArray[np.integer]) -> IntArray:
        """Counts of the exported bins: the counts themselves."""
        return np.asarray(counts, dtype=np.int64)


Column: TypeAlias = NumericColumn | CategoricalColumn


@dataclass(frozen=True)
class WindowCalibration:
    """How much windows of one ``length`` (seconds) vary within the reference, column by column.

    It rests on ``windows`` of ``records`` records on the average, or, where the reference is too short to
    hold enough of them, on as many blocks that windows were put together from (``blocks``).
    ``design_effects`` (columns,) are at least 1. ``alarms`` (columns,) is how many of the ``judged`` windows
    of the reference itself reach confidence 0.95 when compared to the rest of it, with a design effect found
    from other windows than these, and ``plain_alarms`` how many would without any.
    """

    length: float
    windows: int
    records: float
    blocks: bool
    design_effects: FloatArray
    judged: int
    alarms: IntArray
    plain_alarms: IntArray


@dataclass(frozen=True)
class Reference:
    """The reference of one model: what its columns looked like when all was well.

    ``derivations`` are by what numbers are derived of texts and vectors; the fingerprint covers them as well.
    ``start`` and ``end`` are seconds since the epoch, or None where the data had no timestamps.
    ``performance`` maps a metric's name (accuracy, roc_auc, mean_absolute_error, ...) to its value, empty
    where there were no labels, and ``outcomes`` are their counts. ``notes`` are what the builder had to say
    of the data (a constant column, a column left out). ``fingerprint`` is a digest of the bins alone: counts
    made under one fingerprint can be added, counts made under two cannot. ``sample`` is the file name
    of the Parquet sample beside the JSON. ``calibration`` says how much windows vary by themselves, shortest
    first; it is empty where the data had no timestamps, or was too little for that.
    """

    model: str
    rows: int
    columns: tuple[Column, ...]
    created: float
    fingerprint: str
    start: float | None = None
    end: float | None = None
    performance: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    derivations: tuple[Derivation, ...] = field(default=(), kw_only=True)
    sample: str | None = None
    seed: int = 0
    calibration: tuple[WindowCalibration, ...] = ()
    outcomes: "ReferenceOutcomes | None" = field(default=None, compare=False)

    @cached_property
    def sampled(self) -> tuple[Column, ...]:
        """The columns that samples of whole records hold: all but labels, which come late."""
        return tuple(column for column in self.columns if column.kind != "label")

    @cached_property
    def by_name(self) -> Mapping[tuple[Kind, str], Column]:
        """Columns by kind and name (a feature may be called like a role)."""
        return {(c.kind, c.name): c for c in self.columns}

    @cached_property
    def stacked(self) -> "Stacked":
        """All columns in one array each."""
        from drift_exporter.reference.stacked import stack  # noqa: PLC0415 (it needs the classes above)

        return stack(self.columns)

    @cached_property
    def derived(self) -> frozenset[tuple[Kind, str]]:
        """Kind and name of the columns that are derived of others."""
        return frozenset((d.kind, name) for d in self.derivations for name in d.columns)


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, separators=(",", ":")).encode()).hexdigest()
