"""Joining labels that come late to the predictions that wait for them: by id, in either order, each once.

A prediction waits for ``max_delay`` (and ``grace``) after its event time, until the newest prediction is that
much later; a label whose prediction has not come waits as long after its own time. A label more than
``max_delay`` after its prediction is late; once the prediction is gone, it is unknown. What is in one batch
is taken in the order of its rows, so that it does not matter how streams are cut into batches. Labels that
wait are taken in their order when their prediction comes, as if they had come just after it, so that it does
not matter which of the two came first.

Time goes in steps of a 64th of that wait: what has expired is known from the number of rows in each step,
whatever of them is still on the disk.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from drift_exporter.join.batch import accept, sort_by_id
from drift_exporter.join.matched import Matched
from drift_exporter.join.merge import Merge
from drift_exporter.join.ordering import order_by_id
from drift_exporter.join.outcomes import (
    Outcomes,
    find_outcomes,
    is_late,
    no_outcomes,
    numbered,
    some_labels,
)
from drift_exporter.join.progress import Progress, expired, moved, read_progress
from drift_exporter.join.resolve import LabelArray
from drift_exporter.join.rows import (
    JOINED,
    LABELS,
    NEVER,
    PREDICTIONS,
    SPENT,
    UNTIMED,
    WAITING,
    Block,
    Rows,
    kinds,
    label_rows_type,
    make_block,
    replaced,
)
from drift_exporter.join.run import Document, Fetch, Remap, Run, nothing_saved
from drift_exporter.join.tree import RUN_ROWS, Tree
from drift_exporter.reference.model import IntArray

_STEPS = 64
_NONE = np.empty(0, dtype=np.int64)


class LabelJoin:
    """Joins labels to predictions. What is not saved is in memory; ``fetch`` reads the rest.

    Rows of predictions are of ``prediction``: ``low``, ``high``, ``time`` and any further fields; rows of
    labels have ``low``, ``high``, ``time`` (``NEVER`` where they have none) and a number ``value``, which is
    not NaN. Times and delays are in microseconds. ``remap`` brings rows that were kept under another header
    to the present one. ``run_rows`` and ``chunk`` are the most rows of a run and of a chunk (0: as fit).
    """

    def __init__(  # noqa: PLR0913  # what a join is, once
        self,
        prediction: np.dtype[Any],
        value: np.dtype[Any],
        max_delay: int,
        *,
        fetch: Fetch = nothing_saved,
        grace: int = 0,
        header: Document | None = None,
        remap: Remap | None = None,
        run_rows: int = RUN_ROWS,
        chunk: int = 0,
    ) -> None:
        self.max_delay = max_delay
        self.progress = Progress()
        own = dict(header or {})
        self.predictions = Tree(PREDICTIONS, prediction, fetch, remap, own, run_rows, chunk)
        self.labels = Tree(LABELS, label_rows_type(value), fetch, remap, own, run_rows, chunk)
        self._wait = max_delay + grace
        self._step = max(1, self._wait // _STEPS)

    @property
    def pending(self) -> int:
        """Number of predictions that wait for a label."""
        return sum(self.progress.pending.values())

    @property
    def early(self) -> int:
        """Number of labels that wait for their prediction."""
        return sum(self.progress.early.values())

    @property
    def unsaved(self) -> int:
        """Bytes in memory that are not saved."""
        return self.predictions.unsaved + self.labels.unsaved

    def match_predictions(self, rows: Rows, horizon: int, unread: int | None = None) -> Matched:
        """What predictions mean, and the labels that have waited for them; changes nothing.

        Times after ``horizon`` (microseconds) are not to be believed. Where labels are read later than their
        predictions, those from the time ``unread`` on are still to come: as long as they have not been read,
        what may be theirs does not expire. Raises StateError where what was saved cannot be read.
        """
        time = np.ascontiguousarray(rows["time"])
        newest = np.maximum.accumulate(np.where(time <= horizon, time, NEVER))
        newest = np.maximum(newest, self.progress.newest)
        due = self._due(newest, unread)
        named = _is_named(rows)
        usable = named & (time <= horizon) & (time >= due)
        counts = Counter(
            prediction_without_id=_count(~named),
            future_prediction=_count(named & (time > horizon)),
            late_prediction=_count(named & (time < due)),
        )
        batch = sort_by_id(rows, np.flatnonzero(usable))
        known = np.full(len(batch.low), NEVER)
        index, stored = self.predictions.newest(batch.low, batch.high)
        known[index] = stored["time"]
        places, first = accept(batch, time[batch.rows], due[batch.rows], known)
        counts["duplicate_prediction"] = len(batch.rows) - len(places)
        kept = rows[batch.rows[places]]
        owners = kept[first]
        index, waiting = self.labels.find(owners["low"], owners["high"])
        outcomes, more, labels, taken, joined = self._join_waiting(
            owners, due[batch.rows[places[first]]], index, waiting
        )
        last = int(newest[-1]) if len(newest) else self.progress.newest
        pending = moved(self.progress.pending, self._step, kept["time"], joined)
        early = moved(self.progress.early, self._step, _NONE, taken)
        now = int(due[-1] if len(due) else self._due(np.array([last]), unread)[0])
        kept_pending, _ = expired(pending, now)
        kept_early, unknown = expired(early, now)
        progress = Progress(last, now, kept_pending, kept_early)
        counts.update(more)
        counts["unknown"] += unknown
        return Matched(outcomes, +counts, progress, _block(kept), _block(labels))

    def match_labels(self, rows: Rows, horizon: int) -> Matched:
        """What labels mean; changes nothing. As ``match_predictions``."""
        named = _is_named(rows)
        counts = Counter(no_id=_count(~named))
        batch = sort_by_id(rows, np.flatnonzero(named))
        given = rows[batch.rows]
        untimed = given["time"] == NEVER
        arrival = horizon if self.progress.newest == NEVER else self.progress.newest
        labels = LabelArray(np.where(untimed, arrival, given["time"]), untimed, given["value"])
        index, found = self.predictions.newest(batch.low, batch.high)
        alive = found["time"] >= self.progress.due
        index, found = index[alive], found[alive]
        owner = np.full(len(batch.low), -1)
        owner[index] = np.arange(len(index))
        own = owner[batch.group]

        waiting = self._waiting(given[own < 0], some_labels(labels, own < 0), horizon)
        counts["unknown"] = _count(own < 0) - len(waiting)

        known = np.flatnonzero(own >= 0)
        late = is_late(some_labels(labels, known), found["time"][own[known]], self.max_delay)
        counts["late"] = _count(late)
        known = known[~late]
        outcomes, more, joined, answered = self._join_known(found, own[known], some_labels(labels, known))
        counts.update(more)
        changed = np.concatenate([waiting, joined])
        changed = changed[order_by_id(changed["low"].copy(), changed["high"].copy())]
        progress = Progress(
            self.progress.newest,
            self.progress.due,
            moved(self.progress.pending, self._step, _NONE, answered),
            moved(self.progress.early, self._step, waiting["time"], _NONE),
        )
        return Matched(outcomes, +counts, progress, None, _block(changed))

    def take(self, matched: Matched) -> None:
        """Remember what was matched last."""
        self.progress = matched.progress
        self.predictions.add(matched.predictions, self.progress.due)
        self.labels.add(matched.labels, self.progress.due)

    def relabel(self, header: Document) -> None:
        """Keep rows under another header from now on."""
        self.predictions.relabel(header)
        self.labels.relabel(header)

    def adopt(self, old: "LabelJoin") -> None:
        """Go on where another join of the same model stands, whose rows may be of another type."""
        self.progress = old.progress
        # Rows are counted in its steps.
        self._step = old._step  # noqa: SLF001  # of its own kind
        self.predictions.adopt(old.predictions)
        self.labels.adopt(old.labels)

    def merges(self) -> Sequence[Merge]:
        """What a save has to do beside keeping ``document``; changes nothing."""
        found = (tree.merge(self.progress.due) for tree in (self.predictions, self.labels))
        return [merge for merge in found if merge is not None]

    def saved(self, merges: Iterable[Merge]) -> None:
        """What ``merges`` told is saved; nothing was taken since."""
        for merge in merges:
            (self.predictions if merge.side == PREDICTIONS else self.labels).saved(merge)

    def document(self) -> Document:
        """What is kept beside the rows, as JSON."""
        return {**self.progress.document(), "step": self._step}

    def restore(self, document: Document, runs: Mapping[str, Sequence[Run]]) -> None:
        """Go on from what was saved: ``document``, and the runs of each side."""
        self.progress = read_progress(document)
        # Rows are counted in its steps.
        self._step = document["step"]
        self.predictions.restore(runs.get(PREDICTIONS, ()))
        self.labels.restore(runs.get(LABELS, ()))

    def _due(self, newest: IntArray, unread: int | None) -> IntArray:
        """The time before which all has expired (n,), for newest event times."""
        now = newest if unread is None else np.minimum(newest, unread)
        limit = NEVER + self._wait + self._step + 1
        due = (np.maximum(now, limit) - self._wait) // self._step * self._step
        # What has expired does not come back.
        found: IntArray = np.maximum(due, self.progress.due)
        return found

    def _waiting(self, given: Rows, labels: LabelArray, horizon: int) -> Rows:
        """Rows of labels whose prediction is not known, without those that have waited long enough."""
        rows = np.zeros(len(given), dtype=self.labels.dtype)
        rows["low"], rows["high"] = given["low"], given["high"]
        # One of the far future would wait for ever.
        rows["time"] = np.minimum(labels.stamp, horizon)
        rows["stamp"], rows["value"] = labels.stamp, labels.value
        rows["state"] = WAITING + UNTIMED * labels.untimed
        return rows[rows["time"] >= self.progress.due]

    def _join_known(
        self, predictions: Rows, own: IntArray, labels: LabelArray
    ) -> tuple[Outcomes, Mapping[str, int], Rows, IntArray]:
        """Join labels to some of the predictions by number; the outcomes, counts, and rows to keep.

        The last are the times of predictions that had no label before.
        """
        none = np.empty(0, dtype=self.labels.dtype)
        if not len(own):
            return no_outcomes(self.predictions.dtype, none.dtype["value"]), {}, none, _NONE
        owners, group = numbered(own)
        predictions = predictions[owners]
        stored: Rows = np.zeros(len(owners), dtype=none.dtype)
        index, rows = self.labels.newest(predictions["low"], predictions["high"])
        stored[index] = rows
        # What held for an older prediction of the same id does not hold for this one.
        other = (stored["prediction"] != predictions["time"]) | (kinds(stored) != JOINED)
        stored["state"][other] = WAITING
        found = find_outcomes(predictions, group, labels, stored, waited=False)
        held = found.held
        held["low"], held["high"] = predictions["low"], predictions["high"]
        held["time"] = predictions["time"]
        held["time"][index] = np.maximum(held["time"][index], rows["time"])
        answered = predictions["time"][other]
        return found.outcomes, found.counts, held[found.changed], answered

    def _join_waiting(
        self, owners: Rows, due: IntArray, index: IntArray, known: Rows
    ) -> tuple[Outcomes, Mapping[str, int], Rows, IntArray, IntArray]:
        """Join labels that waited (known rows by number of their prediction) to the first to come.

        Returns outcomes, counts, rows of labels to keep, times of the labels that wait no more, and of the
        predictions that have a label now.
        """
        some = (kinds(known) == WAITING) & (known["time"] >= due[index])
        some &= ~replaced(LABELS, known, index)
        taken = known[some]
        none = no_outcomes(self.predictions.dtype, self.labels.dtype["value"])
        if not len(taken):
            return none, {}, taken, _NONE, _NONE
        newest = np.array(owners["time"], dtype=np.int64)
        np.maximum.at(newest, index, known["time"])
        met, group = numbered(index[some])
        own: Rows = owners[met]
        spent: Rows = np.zeros(len(met), dtype=taken.dtype)
        spent["low"], spent["high"] = own["low"], own["high"]
        spent["time"], spent["prediction"] = newest[met], own["time"]
        spent["state"] = SPENT
        labels = LabelArray(taken["stamp"], taken["state"] >= UNTIMED, taken["value"])
        late = is_late(labels, own["time"][group], self.max_delay)
        counts = Counter(late=_count(late))
        if late.all():
            return none, counts, spent, taken["time"], _NONE
        joined, group = numbered(group[~late])
        predictions = own[joined]
        found = find_outcomes(
            predictions, group, some_labels(labels, ~late), np.zeros(len(joined), spent.dtype), waited=True
        )
        for name in ("prediction", "stamp", "value", "state"):
            spent[name][joined] = found.held[name]
        counts.update(found.counts)
        return found.outcomes, counts, spent, taken["time"], predictions["time"]


def _is_named(rows: Rows) -> Any:  # noqa: ANN401
    return (rows["low"] | rows["high"]) != 0


def _count(which: Any) -> int:  # noqa: ANN401
    return int(np.count_nonzero(which))


def _block(rows: Rows) -> Block | None:
    return make_block(rows) if len(rows) else None
