"""From decoded records to rows of predictions that can wait for their labels, and from those to what counts.

A row is compact, since millions of them may wait: 16 bytes of the id's hash, 8 of the time, and what counting
needs, as codes wherever there are names. What the codes stand for is kept beside the rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drift_exporter.config.schema import Model
from drift_exporter.count.moments import (
    MOMENTS,
    moments_of_binary,
    moments_of_multiclass,
    moments_of_ranking,
    moments_of_regression,
)
from drift_exporter.count.tally import UNTOLD, Answers, GroupColumn, TallyLayout
from drift_exporter.decode.plan import CODE_FIRST, CODE_MISSING, CODE_OTHER, Plan
from drift_exporter.decode.records import HashArray, Records
from drift_exporter.judge.estimation.dle import ERRORS, Estimator
from drift_exporter.outcomes.classes import Classes, classes_of
from drift_exporter.outcomes.estimating import ESTIMATES
from drift_exporter.outcomes.leaves import (
    LABEL,
    POSITION,
    PREDICTION,
    SCORE,
    Key,
    group_columns,
    score_key,
)
from drift_exporter.reference.model import (
    CategoricalColumn,
    FloatArray,
    IntArray,
    NumericColumn,
    Reference,
)
from drift_exporter.reference.outcomes import score_edges

Rows = NDArray[Any]
"""A structured array of predictions, see ``Reader.dtype``."""

Dictionary = Mapping[str, Any]
"""What the codes in rows stand for, as JSON values."""

VALUE = np.dtype("<f8")
"""The type of a label's value: a class's code or a number."""

_LABELS = np.dtype([("low", "<u8"), ("high", "<u8"), ("time", "<i8"), ("value", VALUE)])


@dataclass
class Reader:
    """Makes rows of a model's records under one plan.

    ``versions`` are the names that the rows' versions stand for; new ones are added at the end.
    ``estimators`` foresee a regression's errors, by the reference's version.
    """

    model: Model
    plan: Plan
    references: Mapping[str | None, Reference]
    versions: list[str] = field(default_factory=list)
    estimators: Mapping[str | None, Estimator] = field(default_factory=dict)

    def __post_init__(self) -> None:
        references = list(self.references.values())
        self.classes: Classes = classes_of(self.model, references)
        self.scored = self._scored()
        self._numbers = {(leaf.kind, leaf.name): i for i, leaf in enumerate(self.plan.numeric)}
        self._codes = {(leaf.kind, leaf.name): i for i, leaf in enumerate(self.plan.categorical)}
        self._tables = {
            key: self.classes.of_categories(self.plan.categorical[self._codes[key]].categories)
            for key in (PREDICTION, LABEL)
            if key in self._codes
        }
        self.columns = tuple(self._group_column(name) for name in group_columns(self.model))
        self.dtype = np.dtype(
            [
                ("low", "<u8"),
                ("high", "<u8"),
                ("time", "<i8"),
                ("version", "<u2"),
                *([] if self.model.task == "regression" else [("predicted", "<i2")]),
                *([("value", "<f8")] if self.model.task == "regression" else []),
                *([("score", "<f8")] if len(self.scored) == 1 else []),
                *([(_score(i), "<f4") for i in range(len(self.scored))] if len(self.scored) > 1 else []),
                *([("position", "<f4")] if POSITION in self._numbers else []),
                *([(name, "<f4") for name in ERRORS] if self.estimators else []),
                *((_group(i), "<u2") for i in range(len(self.columns))),
            ]
        )

    @property
    def moments(self) -> int:
        """Number of sums that are kept of each group: of the task, and of errors that are foreseen."""
        return len(MOMENTS[self.model.task]) + (ESTIMATES if self.estimators else 0)

    @property
    def dictionary(self) -> Dictionary:
        """What the codes in rows stand for now."""
        return {
            "versions": list(self.versions),
            "classes": list(self.classes.names),
            "scored": list(self.scored),
            "columns": [[one.column, list(one.values)] for one in self.columns],
        }

    def layout(self, version: str) -> TallyLayout:
        """What is counted of a version."""
        reference = self.references.get(version, self.references.get(None))
        return TallyLayout(
            task=self.model.task,
            classes=self.classes.names,
            scored=self.scored,
            edges=self._edges(reference),
            columns=self.columns,
            moments=self.moments,
            centre=self.centre(version) if self.model.task == "regression" else 0.0,
        )

    def rows(self, records: Records, times: IntArray, versions: tuple[Sequence[str], IntArray]) -> Rows:
        """Rows of records, given their times (microseconds) and versions (``versions_of``)."""
        names, version = versions
        for name in names:
            if name not in self.versions:
                self.versions.append(name)
        found = np.zeros(records.rows, dtype=self.dtype)
        wanted = self.dtype.names or ()
        if records.ids is not None:
            found["low"], found["high"] = records.ids
        found["time"] = times
        found["version"] = np.array([self.versions.index(name) for name in names])[version]
        if "value" in wanted:
            found["value"] = _finite(self._number(records, PREDICTION))
        else:
            found["predicted"] = self._predicted(records)
        if "score" in wanted:
            found["score"] = self._score(records, found["predicted"])
        for place, code in enumerate(self.scored if len(self.scored) > 1 else ()):
            key = score_key(self.classes.names[code])
            found[_score(place)] = _finite(self._number(records, key))
        if "position" in wanted:
            found["position"] = _finite(self._number(records, POSITION))
        if self.estimators:
            self._foresee(found, records, names, version)
        for place, one in enumerate(self.columns):
            codes = records.categorical[self._codes["feature", one.column]]
            found[_group(place)] = self._values(one).take(codes)
        return found

    def labels(self, records: Records) -> FloatArray:
        """The labels (rows,) that records hold: numbers or codes of classes, NaN where there is none."""
        if self.model.task == "regression":
            return _finite(self._number(records, LABEL))
        return _told(self._class(records, LABEL))

    def answers(self, rows: Rows, version: str, labels: FloatArray | None = None) -> Answers:
        """What counts of rows of a version: as predictions, or with their ``labels`` (rows,) as outcomes."""
        count = len(rows)
        names = rows.dtype.names or ()
        predicted = np.zeros(count, dtype=np.int64)
        if "predicted" in names:
            predicted = rows["predicted"].astype(np.int64)
        scores = np.zeros((0, count))
        if "score" in names:
            scores = rows["score"][None, :].copy()
        elif self.scored:
            scores = np.stack([rows[_score(i)].astype(np.float64) for i in range(len(self.scored))])
        groups = tuple(rows[_group(i)].astype(np.int64) for i in range(len(self.columns)))
        moments = np.zeros((count, self.moments))
        if self.estimators:
            known = np.isfinite(rows["value"]) & np.isfinite(rows[ERRORS[0]])
            start = self.moments - (ESTIMATES if labels is None else ESTIMATES // 2)
            moments[known, start] = 1
            for place, name in enumerate(ERRORS, start + 1):
                moments[known, place] = rows[name][known]
        if labels is None:
            return Answers(groups, predicted, scores, moments)
        codes = np.zeros(count, dtype=np.int64)
        if self.classes.names:
            codes = labels.astype(np.int64)
        own = self._moments(rows, version, scores, labels)
        moments[:, : own.shape[1]] = own
        return Answers(groups, predicted, scores, moments, codes)

    def _foresee(self, found: Rows, records: Records, names: Sequence[str], version: IntArray) -> None:
        """Fill in the errors that are foreseen of a regression's records."""
        for name in ERRORS:
            found[name] = np.nan
        for index, own in enumerate(names):
            estimator = self.estimators.get(own, self.estimators.get(None))
            if estimator is None:
                continue
            mine = slice(None) if len(names) == 1 else np.flatnonzero(version == index)
            foreseen = estimator(
                [values[mine] for values in records.numeric], [codes[mine] for codes in records.categorical]
            )
            for name, values in zip(ERRORS, foreseen, strict=True):
                found[name][mine] = values

    def remap(self, rows: Rows, dictionary: Dictionary) -> Rows:
        """Rows as they would have been made now, given what their codes stood for when they were made.

        A value that is not told apart any more is another one; what was not kept is missing.
        """
        if dictionary == self.dictionary:
            return rows
        found = np.zeros(len(rows), dtype=self.dtype)
        wanted, names = self.dtype.names or (), rows.dtype.names or ()
        for name in ("low", "high", "time"):
            found[name] = rows[name]
        for name in ("value", "score", "position", *ERRORS):
            if name in wanted:
                found[name] = rows[name] if name in names else np.nan
        for name in dictionary["versions"]:
            if name not in self.versions:
                self.versions.append(name)
        found["version"] = _renamed(rows["version"], dictionary["versions"], self.versions, 0)
        if "predicted" in wanted:
            other = self.classes.other
            known = _renamed(rows["predicted"], dictionary["classes"], self.classes.names, other)
            found["predicted"] = np.where(rows["predicted"] < 0, UNTOLD, known)
        self._remap_scores(found, rows, dictionary)
        self._remap_groups(found, rows, dictionary)
        return found

    def _remap_scores(self, found: Rows, rows: Rows, dictionary: Dictionary) -> None:
        before = [dictionary["classes"][one] for one in dictionary["scored"]]
        for place, code in enumerate(self.scored if len(self.scored) > 1 else ()):
            name = self.classes.names[code]
            there = len(before) > 1 and name in before
            found[_score(place)] = rows[_score(before.index(name))] if there else np.nan

    def _remap_groups(self, found: Rows, rows: Rows, dictionary: Dictionary) -> None:
        before = {name: (place, values) for place, (name, values) in enumerate(dictionary["columns"])}
        for place, one in enumerate(self.columns):
            other, missing = len(one.values) - 2, len(one.values) - 1
            found[_group(place)] = missing
            if one.column in before:
                was, values = before[one.column]
                found[_group(place)] = _renamed(rows[_group(was)], values, one.values, other)

    def _moments(self, rows: Rows, version: str, scores: FloatArray, labels: FloatArray) -> FloatArray:
        if self.model.task == "regression":
            return moments_of_regression(rows["value"].astype(np.float64), labels, self.centre(version))
        positive = (labels == 1).astype(np.float64)
        if self.model.task == "ranking":
            names = rows.dtype.names or ()
            position = np.full(len(rows), np.nan)
            if "position" in names:
                position = rows["position"].astype(np.float64)
            return moments_of_ranking(position, positive)
        if self.model.task == "binary":
            score = scores[0] if len(scores) else np.full(len(rows), np.nan)
            return moments_of_binary(score, positive)
        # In the order of the classes; one without a score has none for any record.
        given = np.full((len(rows), len(self.classes.names)), np.nan)
        given[:, list(self.scored)] = scores.T
        return moments_of_multiclass(given, labels.astype(np.int64))

    def centre(self, version: str) -> float:
        """A number near the mean of a regression's labels, from which sums of them are taken."""
        reference = self.references.get(version, self.references.get(None))
        column = None if reference is None else reference.by_name.get(LABEL)
        return column.mean if isinstance(column, NumericColumn) else 0.0

    def _scored(self) -> tuple[int, ...]:
        fields = self.model.predictions.fields
        if self.model.task == "binary" and fields.score is not None:
            return (1,)
        if self.model.task == "multiclass" and fields.scores is not None:
            return tuple(self.classes.names.index(name) for name in fields.scores)
        return ()

    def _edges(self, reference: Reference | None) -> tuple[FloatArray, ...]:
        found = []
        for code in self.scored:
            key: Key = SCORE if self.model.task == "binary" else score_key(self.classes.names[code])
            column = None if reference is None else reference.by_name.get(key)
            found.append(score_edges(column if isinstance(column, NumericColumn) else None))
        return tuple(found)

    def _group_column(self, name: str) -> GroupColumn:
        known = self.plan.categorical[self._codes["feature", name]].categories
        none = np.zeros(len(known), dtype=np.int64)
        return GroupColumn(name, CategoricalColumn(name, "feature", known, none, 0, 0).bins)

    def _values(self, column: GroupColumn) -> NDArray[np.uint16]:
        """Table from the codes of a group's column to the numbers of its values."""
        other = len(column.values) - 2
        table = np.arange(-CODE_FIRST, other, dtype=np.int64)
        table[:CODE_FIRST] = other
        table[CODE_OTHER], table[CODE_MISSING] = other, other + 1
        return table.astype(np.uint16)

    def _number(self, records: Records, key: Key) -> FloatArray:
        return records.numeric[self._numbers[key]]

    def _class(self, records: Records, key: Key) -> IntArray:
        if key in self._tables:
            return self._tables[key].take(records.categorical[self._codes[key]])
        return self.classes.of_numbers(self._number(records, key))

    def _predicted(self, records: Records) -> IntArray:
        if self.model.task == "ranking":
            # Each record is an item that was shown.
            return np.ones(records.rows, dtype=np.int64)
        if self.model.predictions.fields.prediction is not None:
            return self._class(records, PREDICTION)
        if self.model.predictions.fields.score is None:
            return np.full(records.rows, UNTOLD)
        score = self._number(records, SCORE)
        told = (score >= self.model.performance.threshold).astype(np.int64)
        return np.where(np.isfinite(score), told, UNTOLD)

    def _score(self, records: Records, predicted: IntArray) -> FloatArray:
        score = _finite(self._number(records, SCORE))
        if self.model.performance.score_of == "answer":
            of_positive = np.where(predicted == 1, score, 1 - score)
            return np.where(predicted == UNTOLD, np.nan, of_positive)
        return score


def label_rows(values: FloatArray, times: IntArray, ids: tuple[HashArray, HashArray]) -> Rows:
    """Rows of labels; all (rows,)."""
    found = np.zeros(len(values), dtype=_LABELS)
    found["low"], found["high"] = ids
    found["time"], found["value"] = times, values
    return found


def renamed_labels(rows: Rows, dictionary: Dictionary, classes: Classes) -> Rows:
    """Rows of labels that were kept when codes stood for other classes, as they are now."""
    if not classes.names or dictionary["classes"] == list(classes.names):
        return rows
    found = rows.copy()
    found["value"] = _renamed(rows["value"], dictionary["classes"], classes.names, classes.other)
    return found


def _score(place: int) -> str:
    """The field of the score of one of several classes."""
    return f"score_{place}"


def _group(place: int) -> str:
    """The field of the value of one of the columns that tell groups."""
    return f"group_{place}"


def _renamed(codes: NDArray[Any], before: Sequence[str], now: Sequence[str], other: int) -> IntArray:
    """Codes (rows,) of ``now`` from codes of ``before``; what is in both alike goes by its name."""
    places = {name: place for place, name in enumerate(now)}
    table = np.array([*(places.get(name, other) for name in before), other], dtype=np.int64)
    return table.take(np.clip(codes.astype(np.int64), 0, len(before)))


def _finite(values: FloatArray) -> FloatArray:
    return np.where(np.isfinite(values), values, np.nan)


def _told(codes: IntArray) -> FloatArray:
    return np.where(codes == UNTOLD, np.nan, codes.astype(np.float64))
