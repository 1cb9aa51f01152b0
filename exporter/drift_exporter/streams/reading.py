"""What a stream's values are: where records hold them, and how they come to be between 0 and 1."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from drift_exporter.config.schema import Model
from drift_exporter.config.streams import Stream
from drift_exporter.decode.plan import UNKNOWN, FieldPath, NumericLeaf, Plan, Truth, spellings
from drift_exporter.decode.records import Records
from drift_exporter.errors import ConfigurationError
from drift_exporter.reference.model import CategoricalColumn, FloatArray, Kind, NumericColumn, Reference
from drift_exporter.reference.performance import TRUE_CLASSES, positive_class
from drift_exporter.streams.scale import Scale

MEAN_ERRORS = 10.0
"""Errors of a regression count up to this multiple of the reference's mean error; larger ones as that."""

CUTOFF = 0.5

_SCORE: tuple[Kind, str] = ("score", "score")
_PREDICTION: tuple[Kind, str] = ("prediction", "prediction")
_LABEL: tuple[Kind, str] = ("label", "label")
_TRUE, _FALSE = ("1", "1.0", "true", "True"), ("0", "0.0", "false", "False")

Leaves = dict[tuple[Kind, str], NumericLeaf]
Paths = Mapping[tuple[Kind, str], FieldPath]


def scale_of(stream: Stream, model: Model, reference: Reference | None) -> Scale | None:
    """The scale of a stream, for a version with this reference; None where it cannot be watched without.

    Raises ConfigurationError where the reference does not tell what is needed.
    """
    if stream.stream == "wrong" and model.task == "regression":
        if reference is None:
            return None
        error = reference.performance.get("mean_absolute_error", 0.0)
        if not error > 0:
            raise ConfigurationError(
                f"model {model.name!r}: the stream wrong of a regression is measured by the reference's mean "
                "absolute error, which this reference does not have; build it anew from records with labels"
            )
        return Scale(0.0, MEAN_ERRORS * error)
    if stream.stream == "score" and reference is not None:
        column = reference.by_name.get(_SCORE)
        if isinstance(column, NumericColumn) and column.minimum < column.maximum:
            return Scale(column.minimum, column.maximum)
    return Scale()


def add_leaves(
    model: Model, numeric: Leaves, categorical: Mapping[tuple[Kind, str], object], roles: Paths
) -> None:
    """Add to the numbers to be read those that streams need.

    Raises ConfigurationError where a reference has them as categories.
    """
    for stream in _streams(model):
        for key in _needed_numbers(stream, model):
            if key in categorical:
                raise ConfigurationError(
                    f"model {model.name!r}: the stream {stream.stream} needs a number, and the {key[0]} is "
                    "categorical in the reference; build it anew with columns.*.type numeric"
                )
            numeric.setdefault(key, NumericLeaf(roles[key], key[1], key[0]))


def truth_of(model: Model, references: Sequence[Reference], numeric: Leaves, roles: Paths) -> Truth | None:
    """What is asked of the label as text, for the streams; None where nothing is.

    Raises ConfigurationError where the configured positive label cannot be one.
    """
    compared = any(_by_prediction(one, model) for one in _streams(model))
    positive = any(_by_positive(one, model) for one in _streams(model))
    if positive and _LABEL in numeric:
        positive_number(model)
        positive = False
    if compared and _LABEL in numeric and _PREDICTION in numeric:
        compared = False
    if not compared and not positive:
        return None
    return Truth(
        label=roles[_LABEL],
        prediction=roles[_PREDICTION] if compared else None,
        positive=positive_labels(model, references) if positive else None,
    )


def positive_labels(model: Model, references: Sequence[Reference]) -> tuple[str, ...]:
    """How positive labels may be written: the configured one, or that of the references, or what says yes."""
    known = {
        "1" if category in _TRUE else "0" if category in _FALSE else category
        for reference in references
        for column in (reference.by_name.get(_LABEL),)
        if isinstance(column, CategoricalColumn)
        for category in column.categories
    } | {
        "1" if name in _TRUE else "0" if name in _FALSE else name
        for reference in references
        if reference.outcomes is not None
        for name in reference.outcomes.classes
        if name
    }
    name = _configured(model) or positive_class(sorted(known))
    if name is None:
        return TRUE_CLASSES
    return _TRUE if name in _TRUE else _FALSE if name in _FALSE else spellings(name)


def positive_number(model: Model) -> float:
    """The number that is a positive label, where labels are numbers."""
    text = _configured(model)
    if text is None or text in _TRUE:
        return 1.0
    try:
        return float(text)
    except ValueError as error:
        raise ConfigurationError(
            f"model {model.name!r}: concept_drift.positive is {text!r}, and the labels are numbers in the "
            "reference; give the number that is positive"
        ) from error


def values_of(stream: Stream, model: Model, plan: Plan, records: Records) -> FloatArray:
    """Values of a stream (rows,) as they are; NaN where a record has none."""
    if stream.stream == "error" and records.error is not None:
        return records.error.astype(np.float64)
    if stream.stream == "score":
        return _finite(_numbers(_SCORE, plan, records))
    if stream.stream == "outcome":
        return _positive(model, plan, records)
    return _wrong(stream, model, plan, records)


def _wrong(stream: Stream, model: Model, plan: Plan, records: Records) -> FloatArray:
    if model.task == "regression":
        return _finite(np.abs(_numbers(_PREDICTION, plan, records) - _numbers(_LABEL, plan, records)))
    if not _by_prediction(stream, model):
        score = _finite(_numbers(_SCORE, plan, records))
        cutoff = CUTOFF if stream.cutoff is None else stream.cutoff
        answer = np.where(np.isnan(score), np.nan, (score >= cutoff).astype(np.float64))
        return _differ(answer, _positive(model, plan, records))
    if records.wrong is not None:
        return _flags(records.wrong)
    return _differ(_numbers(_PREDICTION, plan, records), _numbers(_LABEL, plan, records))


def _streams(model: Model) -> Sequence[Stream]:
    return () if model.concept_drift is None else model.concept_drift.streams


def _needed_numbers(stream: Stream, model: Model) -> Sequence[tuple[Kind, str]]:
    """Roles that a stream needs as numbers."""
    if stream.stream == "score":
        return (_SCORE,)
    if stream.stream != "wrong":
        return ()
    if model.task == "regression":
        return _PREDICTION, _LABEL
    return () if _by_prediction(stream, model) else (_SCORE,)


def _by_prediction(stream: Stream, model: Model) -> bool:
    """Whether a stream compares the prediction itself with the label, as classes."""
    return (
        stream.stream == "wrong"
        and model.task != "regression"
        and stream.cutoff is None
        and model.predictions.fields.prediction is not None
    )


def _by_positive(stream: Stream, model: Model) -> bool:
    """Whether a stream asks if the label is positive."""
    if stream.stream == "wrong":
        return model.task != "regression" and not _by_prediction(stream, model)
    return stream.stream == "outcome"


def _configured(model: Model) -> str | None:
    """The positive label as text, as a log has it."""
    positive = None if model.concept_drift is None else model.concept_drift.positive
    if positive is None:
        positive = model.performance.positive
    if positive is None:
        return None
    return str(positive).lower() if isinstance(positive, bool) else str(positive)


def _numbers(key: tuple[Kind, str], plan: Plan, records: Records) -> FloatArray:
    place = next(i for i, leaf in enumerate(plan.numeric) if (leaf.kind, leaf.name) == key)
    return records.numeric[place]


def _positive(model: Model, plan: Plan, records: Records) -> FloatArray:
    if records.positive is not None:
        return _flags(records.positive)
    label = _numbers(_LABEL, plan, records)
    return np.where(np.isnan(label), np.nan, (label == positive_number(model)).astype(np.float64))


def _flags(values: NDArray[np.uint8]) -> FloatArray:
    return np.where(values == UNKNOWN, np.nan, values.astype(np.float64))


def _differ(one: FloatArray, other: FloatArray) -> FloatArray:
    unknown = np.isnan(one) | np.isnan(other)
    return np.where(unknown, np.nan, (one != other).astype(np.float64))


def _finite(values: FloatArray) -> FloatArray:
    return np.where(np.isfinite(values), values, np.nan)
