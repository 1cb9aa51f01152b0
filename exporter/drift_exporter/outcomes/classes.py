"""Which class a prediction or a label is, however a log spells it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from drift_exporter.config.schema import Model
from drift_exporter.count.tally import UNTOLD
from drift_exporter.decode.plan import CODE_FIRST, CODE_OTHER, known_spellings, spellings
from drift_exporter.errors import ConfigurationError
from drift_exporter.reference.model import CategoricalColumn, FloatArray, IntArray, Kind, Reference
from drift_exporter.streams.reading import positive_labels

_NO = ("0", "0.0", "false", "False")
_ROLES: tuple[tuple[Kind, str], ...] = (("label", "label"), ("prediction", "prediction"))


@dataclass(frozen=True)
class Classes:
    """The classes of a model, by code, each with how it may be spelled; none where the task has none.

    Where ``binary``, class 1 is the positive one, and whatever is spelled otherwise is the negative one.
    """

    names: tuple[str, ...]
    spellings: tuple[tuple[str, ...], ...]
    binary: bool

    @cached_property
    def known(self) -> tuple[str, ...]:
        """All spellings."""
        return tuple(dict.fromkeys(text for texts in self.spellings for text in texts))

    @cached_property
    def codes(self) -> Mapping[str, int]:
        """Code of each spelling; one that is of two classes is of the first."""
        found: dict[str, int] = {}
        for code, texts in enumerate(self.spellings):
            for text in texts:
                found.setdefault(text, code)
        return found

    @property
    def other(self) -> int:
        """Code of what is no known class."""
        return 0 if self.binary else len(self.names)

    def code(self, text: str) -> int:
        """Code of a class as it is spelled."""
        return self.codes.get(text, self.other)

    def of_categories(self, categories: Sequence[str]) -> IntArray:
        """Table from a categorical leaf's codes to codes of classes, ``UNTOLD`` where nothing is told."""
        table = np.full(CODE_FIRST + len(categories), UNTOLD, dtype=np.int64)
        table[CODE_OTHER] = self.other
        for place, category in enumerate(categories):
            table[CODE_FIRST + place] = self.code(category)
        return table

    def of_numbers(self, values: FloatArray) -> IntArray:
        """Codes (rows,) of classes that are numbers in the reference."""
        found = np.full(len(values), self.other, dtype=np.int64)
        for text, code in self.codes.items():
            try:
                number = float(text)
            except ValueError:
                continue
            found[values == number] = code
        found[~np.isfinite(values)] = UNTOLD
        return found


def classes_of(model: Model, references: Sequence[Reference]) -> Classes:
    """The classes of a model's predictions and labels.

    Raises ConfigurationError where a multiclass model has none: neither configured, nor in a reference.
    """
    if model.task == "regression":
        return Classes((), (), binary=False)
    if model.task in {"binary", "ranking"}:
        return _binary(model, references)
    configured = model.performance.classes
    names = tuple(map(text_of, configured)) if configured is not None else _categories(references)
    if model.predictions.fields.scores is not None:
        names = tuple(dict.fromkeys((*names, *model.predictions.fields.scores)))
    if not names:
        raise ConfigurationError(
            f"model {model.name!r}: the classes are not known, for there is no reference with labels or "
            "predictions; name them in performance.classes"
        )
    return Classes(names, tuple(spellings(name) for name in names), binary=False)


def missing_spellings(known: Sequence[str], classes: Classes) -> list[str]:
    """Spellings of classes to add to the categories of a leaf, so that each class can be told."""
    found = list(known)
    for text in classes.known:
        if text not in known_spellings(tuple(found))[0]:
            found.append(text)
    return found[len(known) :]


def _binary(model: Model, references: Sequence[Reference]) -> Classes:
    positive = positive_labels(model, references)
    seen = _categories(references)
    name = next((text for text in seen if text in positive), None) or positive[0]
    others = [text for text in seen if text not in positive]
    negative = others[0] if others else "0" if "1" in positive else "negative"
    known = dict.fromkeys((*others, *spellings(negative), *(() if positive == _NO else _NO)))
    kept = tuple(text for text in known if text not in positive)
    return Classes((negative, name), (kept, positive), binary=True)


def _categories(references: Sequence[Reference]) -> tuple[str, ...]:
    """All categories of labels and predictions, in order."""
    columns = [reference.by_name.get(role) for reference in references for role in _ROLES]
    return tuple(
        sorted(
            {
                text
                for column in columns
                if isinstance(column, CategoricalColumn)
                for text in column.categories
            }
        )
    )


def text_of(value: object) -> str:
    """A value of the configuration as a log has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
