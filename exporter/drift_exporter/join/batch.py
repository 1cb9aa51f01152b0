"""Batches in order of their ids, and which predictions of one are to be kept."""

from dataclasses import dataclass

import numpy as np

from drift_exporter.decode.records import HashArray
from drift_exporter.join.ordering import first_of_each, order_by_id
from drift_exporter.join.rows import Rows
from drift_exporter.reference.model import IntArray


@dataclass(frozen=True)
class Batch:
    """Rows of a batch in order of their ids: ``rows`` (n,) of it, equal ids as they came.

    ``group`` (n,) is the number of each row's id, ``starts`` (ids,) where each begins; ``low`` and ``high``
    (ids,) are the ids.
    """

    rows: IntArray
    group: IntArray
    starts: IntArray
    low: HashArray
    high: HashArray


def sort_by_id(rows: Rows, some: IntArray) -> Batch:
    """Some rows (n,) of a batch in order."""
    low, high = rows["low"][some], rows["high"][some]
    order = order_by_id(low, high)
    some, low, high = some[order], low[order], high[order]
    first = first_of_each(low, high)
    starts = np.flatnonzero(first)
    return Batch(some, np.cumsum(first) - 1, starts, low[starts], high[starts])


def accept(batch: Batch, time: IntArray, due: IntArray, known: IntArray) -> tuple[IntArray, IntArray]:
    """Which rows are kept: the first of each id, and later ones once the one before has expired.

    ``time`` and ``due`` (n,) are those of the sorted rows, in microseconds: a row expires when a later one of
    the batch is due after its time. ``known`` (ids,) is the time of the row that each id has already, the
    least integer where it has none. Returns the places (kept,) among the sorted rows, in order, and where in
    there the first one of an id is (ids with one,).
    """
    # Within an id neither batch nor due goes back, so that both are one ascending number.
    steps = np.unique(due)
    ascending = batch.group * (len(steps) + 1) + np.searchsorted(steps, due)
    ends = np.append(batch.starts[1:], len(batch.rows))
    ids, last = np.arange(len(batch.starts)), known
    kept: list[IntArray] = []
    while len(ids):
        wanted = ids * (len(steps) + 1) + np.searchsorted(steps, last, side="right")
        place = np.searchsorted(ascending, wanted)
        some = place < ends[ids]
        ids, place = ids[some], place[some]
        last = time[place]
        kept.append(place)
    if not kept:
        return ids, ids
    places = np.sort(np.concatenate(kept))
    return places, np.searchsorted(places, kept[0])
