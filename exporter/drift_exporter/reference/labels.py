"""Performance of a model on its reference, where the log holds the labels."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from drift_exporter.decode.plan import CODE_FIRST
from drift_exporter.decode.records import Records
from drift_exporter.reference.discover import Spec
from drift_exporter.reference.model import FloatArray
from drift_exporter.reference.performance import (
    Errors,
    Scores,
    as_positive,
    classification,
    positive_class,
    roc_auc,
)

_SAME = {"true": "1", "True": "1", "false": "0", "False": "0", "1.0": "1", "0.0": "0"}


class LabelStudy:
    """Adds up what the metrics of a task need.

    ``extra`` are two fields for a reservoir beside the columns: answers and labels as 0 or 1 (positive), NaN
    where missing, from which the area under the ROC curve is computed.
    """

    def __init__(self, task: str, numeric: Sequence[Spec], categorical: Sequence[Spec]) -> None:
        self.task = task
        self.rows = 0
        self.problem: str | None = None
        self._score = next((i for i, spec in enumerate(numeric) if spec.kind == "score"), None)
        self._errors = Errors()
        self._scores = Scores()
        self._classes: tuple[str, ...] = ()
        self._positive: int | None = None
        specs = (*numeric, *categorical)
        prediction = next((spec for spec in specs if spec.kind == "prediction"), None)
        label = next((spec for spec in specs if spec.kind == "label"), None)
        self.enabled = prediction is not None and label is not None and task != "ranking"
        if prediction is None or label is None or not self.enabled:
            return
        if prediction.numeric != label.numeric or prediction.numeric != (task == "regression"):
            self._refuse("labels and predictions are not of the type that the task has")
        elif prediction.numeric:
            self._places = numeric.index(prediction), numeric.index(label)
        else:
            self._places = categorical.index(prediction), categorical.index(label)
            self._learn_classes(prediction, label)

    @property
    def binary(self) -> bool:
        """Whether there is a positive class, and so the extra fields mean something."""
        return self.enabled and self._positive is not None

    def add(self, records: Records) -> tuple[FloatArray, FloatArray]:
        """Add records; returns the extra fields."""
        nothing = np.full(records.rows, np.nan)
        if not self.enabled:
            return nothing, nothing
        prediction, label = self._places
        if self.task == "regression":
            self._errors.add(records.numeric[prediction], records.numeric[label])
            self.rows = self._errors.rows
            return nothing, nothing
        answers = self._tables[0][records.categorical[prediction]]
        truths = self._tables[1][records.categorical[label]]
        both = (answers >= 0) & (truths >= 0)
        self.rows += int(both.sum())
        size = len(self._classes)
        self._confusion += np.bincount(answers[both] * size + truths[both], minlength=size * size).reshape(
            size, size
        )
        if self._positive is None:
            return nothing, nothing
        answered, truth = _flags(answers, self._positive), _flags(truths, self._positive)
        if self._score is not None:
            self._scores.add(records.numeric[self._score], answered, truth)
        return answered, truth

    def metrics(
        self, scores: FloatArray | None, answered: FloatArray, truth: FloatArray
    ) -> tuple[Mapping[str, float], tuple[str, ...]]:
        """Metrics by name, and notes. The arrays (rows,) are those of a reservoir."""
        if self.problem is not None:
            return {}, (self.problem,)
        if not self.enabled:
            return {}, ()
        if not self.rows:
            return {}, ("performance: no row has both a prediction and a label",)
        if self.task == "regression":
            return self._errors.metrics(), ()
        found = dict(classification(self._confusion, self._positive))
        if self._positive is None:
            return found, ()
        notes = [f"performance: the positive class is {self._classes[self._positive]!r}"]
        if scores is not None:
            known = np.isfinite(scores) & ~np.isnan(answered) & ~np.isnan(truth)
            ranked = scores[known]
            if self._scores.answers:
                ranked = as_positive(ranked, answered[known])
                notes.append("performance: no score is below 0.5, so it is taken as that of the answer")
            area, loss = roc_auc(ranked, truth[known]), self._scores.log_loss()
            found |= {} if area is None else {"roc_auc": area}
            found |= {} if loss is None else {"log_loss": loss}
        return found, tuple(notes)

    def _learn_classes(self, prediction: Spec, label: Spec) -> None:
        same = _SAME if self.task == "binary" else {}
        names = [[same.get(name, name) for name in spec.categories] for spec in (prediction, label)]
        self._classes = tuple(sorted({name for known in names for name in known}))
        if any(spec.distinct > len(spec.categories) for spec in (prediction, label)):
            self._refuse("there are more classes than limits.categories")
        elif not set(names[0]) & set(names[1]):
            self._refuse(
                f"labels ({', '.join(names[1][:3])}) and predictions ({', '.join(names[0][:3])}) have no "
                "class in common"
            )
        elif self.task == "binary" and len(self._classes) > 2:
            self._refuse(f"the task is binary, and there are {len(self._classes)} classes")
        if not self.enabled:
            return
        if self.task == "binary":
            positive = positive_class(self._classes)
            self._positive = None if positive is None else self._classes.index(positive)
        self._confusion = np.zeros((len(self._classes),) * 2, dtype=np.int64)
        self._tables = [
            np.array([-1] * CODE_FIRST + [self._classes.index(name) for name in known], dtype=np.int64)
            for known in names
        ]

    def _refuse(self, why: str) -> None:
        self.enabled = False
        self.problem = f"performance: not computed, for {why}"


def _flags(classes: NDArray[np.int64], positive: int) -> FloatArray:
    return np.where(classes < 0, np.nan, (classes == positive).astype(np.float64))
