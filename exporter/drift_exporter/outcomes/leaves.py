"""What is read of a record beside what drift needs, so that predictions and their outcomes can be counted."""

from collections.abc import Mapping, Sequence

from drift_exporter.config.performance import Performance
from drift_exporter.config.schema import Model
from drift_exporter.config.values import split_path
from drift_exporter.decode.plan import FieldPath, NumericLeaf
from drift_exporter.errors import ConfigurationError
from drift_exporter.outcomes.classes import classes_of, missing_spellings
from drift_exporter.reference.model import CategoricalColumn, Kind, NumericColumn, Reference

Key = tuple[Kind, str]
PREDICTION: Key = ("prediction", "prediction")
LABEL: Key = ("label", "label")
SCORE: Key = ("score", "score")
POSITION: Key = ("prediction", "position")


def counts_outcomes(model: Model, references: Sequence[Reference]) -> bool:
    """Whether predictions are counted with what came true, or by groups.

    Where the only reason is a label in the prediction's own record, which may be there for drift alone, or
    that performance can be estimated, they are counted if the references have both as what the task needs.
    """
    asked = model.performance != Performance() or model.segments
    fields = model.predictions.fields
    if model.labels is not None or model.fairness is not None:
        return True
    estimated = any(reference.outcomes is not None for reference in references)
    if fields.label is None and not estimated:
        return False
    if asked or model.task == "ranking":
        return True
    if fields.prediction is None:
        return model.task == "binary" and fields.score is not None
    wrong = CategoricalColumn if model.task == "regression" else NumericColumn
    told = model.task != "multiclass" or model.performance.classes is not None or bool(references)
    return told and not any(_is_of(wrong, reference) for reference in references)


def _is_of(kind: type, reference: Reference) -> bool:
    """Whether a reference has the prediction or the label as a column of a kind."""
    return any(isinstance(reference.by_name.get(key), kind) for key in (PREDICTION, LABEL))


def score_key(name: str) -> Key:
    """Leaf of the probability of one of several classes."""
    return "score", f"scores.{name}"


def group_columns(model: Model) -> tuple[str, ...]:
    """Features by whose values records are told apart."""
    fairness = () if model.fairness is None else model.fairness.attribute
    return tuple(dict.fromkeys((*model.segments, *fairness)))


def add_outcome_leaves(
    model: Model,
    references: Sequence[Reference],
    numeric: dict[Key, NumericLeaf],
    categories: dict[Key, list[str]],
    roles: Mapping[Key, FieldPath],
) -> None:
    """Add to the numbers and categories to be read those that counting outcomes needs.

    Raises ConfigurationError where a reference has them as what they cannot be.
    """
    if not counts_outcomes(model, references):
        return
    _add_classes(model, references, numeric, categories, roles)
    fields = model.predictions.fields
    if SCORE in roles and model.task == "binary":
        _number(model, SCORE, roles[SCORE], numeric, categories)
    for name, path in (fields.scores or {}).items():
        key = score_key(name)
        numeric[key] = NumericLeaf(split_path(path), key[1], key[0])
    if fields.position is not None:
        numeric[POSITION] = NumericLeaf(split_path(fields.position), POSITION[1], POSITION[0])
    for name in group_columns(model):
        if ("feature", name) not in categories:
            where = "segments" if name in model.segments else "fairness.attribute"
            found = "numeric" if ("feature", name) in numeric else "no column"
            raise ConfigurationError(
                f"model {model.name!r}: {where} names {name!r}, which is {found} in the reference; build it "
                f"anew with columns.{name}.type categorical"
            )


def _add_classes(
    model: Model,
    references: Sequence[Reference],
    numeric: dict[Key, NumericLeaf],
    categories: dict[Key, list[str]],
    roles: Mapping[Key, FieldPath],
) -> None:
    """Add the prediction and the label: numbers of a regression, else categories that tell classes."""
    classes = classes_of(model, references)
    for key in (PREDICTION, LABEL):
        if key not in roles:
            continue
        if model.task == "regression":
            _number(model, key, roles[key], numeric, categories)
        elif key not in numeric:
            known = categories.setdefault(key, [])
            known += missing_spellings(known, classes)
        elif model.task == "multiclass":
            raise ConfigurationError(
                f"model {model.name!r}: the {key[0]} is numeric in the reference, and the task is multiclass;"
                f" build it anew with columns.{key[0]}.type categorical"
            )


def _number(
    model: Model,
    key: Key,
    path: FieldPath,
    numeric: dict[Key, NumericLeaf],
    categories: Mapping[Key, object],
) -> None:
    if key in categories:
        raise ConfigurationError(
            f"model {model.name!r}: performance needs a number, and the {key[0]} is categorical in the "
            f"reference; build it anew with columns.{key[0]}.type numeric"
        )
    numeric.setdefault(key, NumericLeaf(path, key[1], key[0]))
