"""Performance of a model on its reference, where the input holds the labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from drift_exporter.config.performance import Performance
from drift_exporter.decode.plan import CODE_FIRST
from drift_exporter.decode.records import Records
from drift_exporter.reference.discover import Spec
from drift_exporter.reference.model import Column, FloatArray, IntArray, NumericColumn
from drift_exporter.reference.outcomes import ReferenceOutcomes, count_outcomes
from drift_exporter.reference.performance import (
    Errors,
    Scores,
    as_positive,
    classification,
    of_scores,
    positive_class,
)

_SAME = {"true": "1", "True": "1", "false": "0", "False": "0", "1.0": "1", "0.0": "0"}
_OF_ANSWER = (
    "performance: no score is below 0.5, so it is taken as that of the answer; say performance.score_of: "
    "answer, so that it is when serving, too"
)


@dataclass(frozen=True)
class Study:
    """What labels say of a reference: metrics by name, counts of them, and notes."""

    metrics: Mapping[str, float]
    outcomes: ReferenceOutcomes | None
    notes: tuple[str, ...]


class LabelStudy:
    """Adds up what the metrics of a task need.

    ``extra`` is how many fields a reservoir is to hold beside the columns: for classes 2, the numbers of the
    answered and of the true class (binary: 0 negative, 1 positive), NaN where missing.
    """

    def __init__(
        self,
        task: str,
        numeric: Sequence[Spec],
        categorical: Sequence[Spec],
        told: Performance | None = None,
    ) -> None:
        self.task = task
        self.rows = 0
        self.problem: str | None = None
        self._told = told or Performance()
        self._numeric = tuple(numeric)
        self._score = next((i for i, spec in enumerate(numeric) if spec.is_score), None)
        self._errors = Errors()
        self._scores = Scores()
        self._classes: tuple[str, ...] = ()
        self._positive = False
        specs = (*numeric, *categorical)
        prediction = next((spec for spec in specs if spec.kind == "prediction"), None)
        label = next((spec for spec in specs if spec.kind == "label"), None)
        by_score = prediction is None and task == "binary" and self._score is not None
        self.enabled = label is not None and task != "ranking" and (prediction is not None or by_score)
        if label is None or not self.enabled:
            return
        types = {spec.numeric for spec in (prediction, label) if spec is not None}
        if types != {task == "regression"}:
            self._refuse("labels and predictions are not of the type that the task has")
        elif prediction is not None and prediction.numeric:
            self._places = numeric.index(prediction), numeric.index(label)
        else:
            self._places = (
                -1 if prediction is None else categorical.index(prediction),
                categorical.index(label),
            )
            self._learn_classes(prediction, label)

    @property
    def extra(self) -> int:
        """Fields beside the columns."""
        return 2 if self.enabled and self.task != "regression" else 0

    def add(self, records: Records) -> tuple[FloatArray, ...]:
        """Add records; returns the extra fields (rows,)."""
        if not self.enabled:
            return ()
        prediction, label = self._places
        if self.task == "regression":
            self._errors.add(records.numeric[prediction], records.numeric[label])
            self.rows = self._errors.rows
            return ()
        truths = self._numbers[1][records.categorical[label]]
        if prediction < 0 and self._score is not None:
            score = records.numeric[self._score]
            answers = np.where(np.isfinite(score), score >= self._told.threshold, np.nan)
        else:
            answers = self._numbers[0][records.categorical[prediction]]
        both = ~np.isnan(answers) & ~np.isnan(truths)
        self.rows += int(both.sum())
        size = len(self._classes)
        place = (answers[both] * size + truths[both]).astype(np.int64)
        self._confusion += np.bincount(place, minlength=size * size).reshape(size, size)
        if self._positive and self._score is not None:
            self._scores.add(records.numeric[self._score], answers, truths)
        return answers, truths

    def result(self, columns: Sequence[Column], numeric: FloatArray, extra: FloatArray) -> Study:
        """What there is to say. ``columns`` are the reference's, the arrays (fields, rows) a reservoir's."""
        if self.problem is not None:
            return Study({}, None, (self.problem,))
        if not self.enabled:
            return Study({}, None, ())
        if not self.rows:
            return Study({}, None, ("performance: no row has both a prediction and a label",))
        if self.task == "regression":
            return Study(self._errors.metrics(), ReferenceOutcomes(self.rows, errors=self._errors.sums()), ())
        found = dict(classification(self._confusion, 1 if self._positive else None))
        notes: list[str] = []
        answers, truths = extra
        known = {(column.kind, column.name): column for column in columns}
        scored, scores, laid = [], [], []
        for number, place in self._scored():
            column = known.get(("score", self._numeric[place].name))
            scored.append(number)
            scores.append(numeric[place])
            laid.append(column if isinstance(column, NumericColumn) else None)
        if self._positive:
            notes.append(f"performance: the positive class is {self._classes[1]!r}")
        if self._positive and scores:
            of_positive = self._of_positive(scores[0], answers, notes)
            found |= of_scores(of_positive, answers, truths, self._scores)
            if "score_of" in self._told.model_fields_set:
                scores = [of_positive]
        if len(self._classes) < 2:
            return Study(found, None, (*notes, "performance: there is but one class"))
        outcomes = count_outcomes(self._classes, answers, truths, scored, scores, laid)
        return Study(found, outcomes, tuple(notes))

    def _of_positive(self, scores: FloatArray, answers: FloatArray, notes: list[str]) -> FloatArray:
        """Scores of the positive class, where they may be those of the answer."""
        if "score_of" in self._told.model_fields_set:
            self._scores.told = self._told.score_of
        elif self._scores.answers:
            notes.append(_OF_ANSWER)
        return as_positive(scores, answers) if self._scores.answers else scores

    def _scored(self) -> list[tuple[int, int]]:
        """Numbers of the classes that have a score, each with its place among the numbers."""
        if self._positive:
            return [] if self._score is None else [(1, self._score)]
        places = {spec.score_of: place for place, spec in enumerate(self._numeric) if spec.score_of}
        return [(number, places[name]) for number, name in enumerate(self._classes) if name in places]

    def _learn_classes(self, prediction: Spec | None, label: Spec) -> None:
        same = _SAME if self.task == "binary" else {}
        told = [label.categories if prediction is None else prediction.categories, label.categories]
        names = [[same.get(name, name) for name in categories] for categories in told]
        classes = sorted({name for known in names for name in known})
        if any(spec.distinct > len(spec.categories) for spec in (prediction, label) if spec is not None):
            self._refuse("there are more classes than limits.categories")
        elif not set(names[0]) & set(names[1]):
            self._refuse(
                f"labels ({', '.join(names[1][:3])}) and predictions ({', '.join(names[0][:3])}) have no "
                "class in common"
            )
        elif self.task == "binary" and len(classes) > 2:
            self._refuse(f"the task is binary, and there are {len(classes)} classes")
        if not self.enabled:
            return
        if self.task == "binary":
            positive = self._positive_of(classes, same)
            if positive is not None:
                self._positive = True
                # The negative one first; where it was never seen, nothing is known of its name.
                classes = [*(name for name in classes if name != positive), positive]
                classes = classes if len(classes) > 1 else ["", positive]
        self._classes = tuple(classes)
        self._confusion: IntArray = np.zeros((len(classes),) * 2, dtype=np.int64)
        self._numbers = [
            np.array([np.nan] * CODE_FIRST + [float(classes.index(name)) for name in known])
            for known in names
        ]

    def _positive_of(self, classes: Sequence[str], same: Mapping[str, str]) -> str | None:
        told = self._told.positive
        name = str(told).lower() if isinstance(told, bool) else str(told)
        if told is not None and same.get(name, name) in classes:
            return same.get(name, name)
        return positive_class(classes)

    def _refuse(self, why: str) -> None:
        self.enabled = False
        self.problem = f"performance: not computed, for {why}"
