"""The rows that are kept of predictions and labels: structured arrays in order of their ids.

An id is two halves of its MD5, ``low`` and ``high`` (both 0: none). The first fields of every row are
``low``, ``high`` and ``time``, by which it expires: microseconds, and for a label never less than those of
the rows that it replaces.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drift_exporter.decode.records import HashArray
from drift_exporter.join.ordering import first_of_each, order_by_id
from drift_exporter.reference.model import IntArray

NEVER = int(np.iinfo(np.int64).min)
"""Stands for no time at all."""

PREDICTIONS, LABELS = "predictions", "labels"
"""The two sides of a join."""

WAITING, JOINED, SPENT = 0, 1, 2
"""What a label's row is: one whose prediction has not come, the one that holds for its prediction, or a mark
that all labels of its id up to here came to nothing, for their prediction had come too early. The latter two
stand for all rows of their id up to them."""

UNTIMED = 4
"""Added to these where the label has no time of its own: it holds against all that came before it."""

Rows = NDArray[Any]
"""Structured (rows,)."""


def id_fields(*others: tuple[str, str]) -> np.dtype[Any]:
    """The type of rows with these fields beside an id's halves and a time."""
    return np.dtype([("low", "<u8"), ("high", "<u8"), ("time", "<i8"), *others])


def label_rows_type(value: np.dtype[Any]) -> np.dtype[Any]:
    """The type of the rows that are kept of labels with such values.

    ``prediction`` is the time of the prediction that a label is joined to, ``stamp`` the label's own time or
    that of its arrival.
    """
    return id_fields(("prediction", "<i8"), ("stamp", "<i8"), ("value", value.str), ("state", "u1"))


def kinds(rows: Rows) -> NDArray[np.uint8]:
    """``WAITING``, ``JOINED`` or ``SPENT`` of rows of labels (rows,)."""
    found: NDArray[np.uint8] = rows["state"] & np.uint8(UNTIMED - 1)
    return found


@dataclass(frozen=True)
class Block:
    """Rows in order of (low, high), equal ids as they came; ``low`` (rows,) once more, without gaps."""

    rows: Rows
    low: HashArray
    newest: int

    @property
    def size(self) -> int:
        """Number of rows."""
        return len(self.rows)


def make_block(rows: Rows) -> Block:
    """A block of rows that are in order, at least one."""
    return Block(rows, np.ascontiguousarray(rows["low"]), int(rows["time"].max()))


def merge_rows(side: str, parts: Sequence[Rows], due: int) -> Rows:
    """Rows of several sorted arrays, older ones first, as one; without those that mean nothing any more.

    Those are the ones whose time is before ``due``, and those that a later row of their id stands for.
    """
    rows = parts[0] if len(parts) == 1 else np.concatenate(parts)
    low, high = np.ascontiguousarray(rows["low"]), np.ascontiguousarray(rows["high"])
    if len(parts) > 1:
        order = order_by_id(low, high)
        rows, low, high = rows[order], low[order], high[order]
    keep = rows["time"] >= due
    first = first_of_each(low, high)
    if not first.all():
        keep &= ~replaced(side, rows, np.cumsum(first) - 1)
    return rows if keep.all() else rows[keep]


def replaced(side: str, rows: Rows, group: IntArray) -> NDArray[np.bool_]:
    """Which rows have a later one in their group that stands for them (rows,); groups are in order."""
    places = np.arange(len(rows))
    standing = places if side == PREDICTIONS else np.where(kinds(rows) != WAITING, places, -1)
    last = np.full(int(group[-1]) + 1 if len(group) else 0, -1)
    np.maximum.at(last, group, standing)
    earlier: NDArray[np.bool_] = places < last[group]
    return earlier
