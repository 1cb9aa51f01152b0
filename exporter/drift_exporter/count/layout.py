"""Where each column's counts stand in one long vector, and how its values find their place in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from drift_exporter.count.binner import Binner
from drift_exporter.decode.plan import CODE_FIRST, CODE_MISSING, CODE_OTHER, Plan
from drift_exporter.reference.model import CategoricalColumn, IntArray, Kind, NumericColumn, Reference


@dataclass(frozen=True)
class NumericSlot:
    """A numeric column: the plan's leaf it is read from, its place in counts and sums, and its binner."""

    column: NumericColumn
    leaf: int
    start: int
    sums_start: int
    binner: Binner


@dataclass(frozen=True)
class CategoricalSlot:
    """A categorical column: the plan's leaf, its place in the counts, and a table from code to bin."""

    column: CategoricalColumn
    leaf: int
    start: int
    bins: IntArray


@dataclass(frozen=True)
class Layout:
    """All columns of one reference: ``size`` counts and ``sums_size`` sums, in the reference's order."""

    reference: Reference
    numeric: tuple[NumericSlot, ...]
    categorical: tuple[CategoricalSlot, ...]
    size: int
    sums_size: int

    @cached_property
    def starts(self) -> Mapping[tuple[Kind, str], int]:
        """Where each column's counts begin, by kind and name."""
        slots: list[NumericSlot | CategoricalSlot] = [*self.numeric, *self.categorical]
        return {(slot.column.kind, slot.column.name): slot.start for slot in slots}


def make_layout(reference: Reference, plan: Plan) -> Layout:
    """Lay out a reference's columns; the plan must have a leaf for each."""
    numeric_leaves = {(leaf.kind, leaf.name): i for i, leaf in enumerate(plan.numeric)}
    own = {derivation.digest for derivation in reference.derivations}
    for i, (derived, name) in enumerate(plan.measures, len(plan.numeric)):
        if derived.derivation.digest in own:
            numeric_leaves[derived.derivation.kind, name] = i
    categorical_leaves = {(leaf.kind, leaf.name): i for i, leaf in enumerate(plan.categorical)}
    numeric: list[NumericSlot] = []
    categorical: list[CategoricalSlot] = []
    start = sums_start = 0
    for column in reference.columns:
        key = (column.kind, column.name)
        if isinstance(column, NumericColumn):
            numeric.append(
                NumericSlot(column, numeric_leaves[key], start, sums_start, Binner(column.fine_edges))
            )
            sums_start += len(column.fine_edges) + 1
        else:
            leaf = categorical_leaves[key]
            bins = _bins_of_codes(column, plan.categorical[leaf].categories)
            categorical.append(CategoricalSlot(column, leaf, start, bins))
        start += column.size
    return Layout(reference, tuple(numeric), tuple(categorical), start, sums_start)


def _bins_of_codes(column: CategoricalColumn, known: tuple[str, ...]) -> IntArray:
    other, missing = column.size - 2, column.size - 1
    position = {category: i for i, category in enumerate(column.categories)}
    bins = np.full(CODE_FIRST + len(known), other, dtype=np.int64)
    bins[CODE_MISSING] = missing
    bins[CODE_OTHER] = other
    for i, category in enumerate(known):
        bins[CODE_FIRST + i] = position.get(category, other)
    return bins
