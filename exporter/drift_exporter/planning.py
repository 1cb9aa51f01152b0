"""From the configuration and the references to what is read of each record."""

from collections.abc import Sequence

from drift_exporter.config.checks import suggest
from drift_exporter.config.references import RollingReference
from drift_exporter.config.schema import Fields, Model
from drift_exporter.config.values import split_path
from drift_exporter.decode.measures import MEASURES, measure_name
from drift_exporter.decode.plan import CategoricalLeaf, DerivedLeaf, FieldPath, NumericLeaf, Plan
from drift_exporter.errors import ConfigurationError
from drift_exporter.judge.evaluate import Criteria
from drift_exporter.outcomes.leaves import add_outcome_leaves
from drift_exporter.reference.model import (
    Column,
    Derivation,
    Kind,
    NumericColumn,
    Reference,
    Subspace,
    Vocabulary,
)
from drift_exporter.streams.reading import add_leaves, truth_of
from drift_exporter.window.history import Rolling
from drift_exporter.window.slices import MICROSECONDS

Paths = dict[tuple[Kind, str], FieldPath]


def feature_path(fields: Fields, name: str) -> FieldPath | None:
    """Where a record holds the feature ``name``; None where the fields do not say."""
    if fields.features is None:
        return None
    if isinstance(fields.features, str):
        # A pattern: everything before the last key.
        return (*split_path(fields.features)[:-1], name)
    path = fields.features.get(name)
    return None if path is None else split_path(path)


SCORES = "scores."
"""What the name of a class's score begins with."""


def role_paths(fields: Fields) -> Paths:
    """Paths of the roles that are judged like columns: prediction, score (one for each class) and label."""
    paths: Paths = {}
    if fields.prediction is not None:
        paths["prediction", "prediction"] = split_path(fields.prediction)
    if fields.score is not None:
        paths["score", "score"] = split_path(fields.score)
    for name, path in (fields.scores or {}).items():
        paths["score", f"{SCORES}{name}"] = split_path(path)
    if fields.label is not None:
        paths["label", "label"] = split_path(fields.label)
    return paths


def make_plan(
    model: Model, references: Sequence[Reference], versions: Sequence[str] = (), names: Sequence[str] = ()
) -> Plan:
    """Plan for a model: its traffic's fields and every column of its references.

    Where models share the log, ``names`` are those of models to tell apart beside the model's own.

    Raises ConfigurationError where a reference has a column that the fields cannot reach, or of another type
    than the configuration (or another reference) says, or has none for which the configuration has a weight.
    """
    check_importance(model, references)
    fields = model.predictions.fields
    roles = role_paths(fields)
    numeric: dict[tuple[Kind, str], NumericLeaf] = {}
    categories: dict[tuple[Kind, str], list[str]] = {}
    for reference in references:
        for column in reference.columns:
            key = (column.kind, column.name)
            if key in reference.derived:
                continue
            path = _path_of(model, column, roles)
            if isinstance(column, NumericColumn):
                numeric[key] = NumericLeaf(path, column.name, column.kind)
            else:
                known = categories.setdefault(key, [])
                known += [category for category in column.categories if category not in known]
            if key in numeric and key in categories:
                raise ConfigurationError(
                    f"model {model.name!r}: column {column.name!r} is numeric in one reference and "
                    "categorical in another; build them anew with the same columns.*.type"
                )
    derived = {
        derivation.digest: DerivedLeaf(_path_of(model, derivation, roles), derivation)
        for reference in references
        for derivation in reference.derivations
    }
    told_by_id = model.predictions.deduplicate is not None or model.labels is not None
    score = roles.get(("score", "score"))
    if score is not None and ("score", "score") not in categories:
        numeric.setdefault(("score", "score"), NumericLeaf(score, "score", "score"))
    add_leaves(model, numeric, categories, roles)
    add_outcome_leaves(model, references, numeric, categories, roles)
    return Plan(
        numeric=tuple(numeric.values()),
        categorical=tuple(
            CategoricalLeaf(_column_path(fields, key, roles), key[1], key[0], tuple(known))
            for key, known in categories.items()
        ),
        derived=tuple(derived.values()),
        timestamp=_optional(fields.timestamp),
        timestamp_format=fields.timestamp_format,
        version=_optional(fields.version),
        error=_optional(fields.error),
        latency=None if fields.latency is None else split_path(fields.latency.field),
        latency_scale=1.0 if fields.latency is None else fields.latency.scale,
        trace_id=_optional(fields.trace_id),
        id=_optional(fields.id) if told_by_id else None,
        shown_id=_optional(fields.id) if model.anomaly else None,
        versions=tuple(versions),
        model=_optional(fields.model),
        models=() if fields.model is None else tuple(dict.fromkeys((model.name, *names))),
        truth=truth_of(model, references, numeric, roles),
    )


def criteria_of(model: Model) -> Criteria:
    """By what the model's windows are judged. What a column is measured by shares its tolerance."""
    tolerances = {
        measure_name(name, measure): options.tolerance
        for name, options in model.columns.items()
        for measure in MEASURES.get(options.type or "", ())
    }
    return Criteria(
        tolerances=tolerances | {name: options.tolerance for name, options in model.columns.items()},
        minimum_records=model.drift.minimum_records,
        persistence=model.drift.persistence,
        importance=model.drift.importance,
    )


def check_importance(model: Model, references: Sequence[Reference]) -> None:
    """Raise ConfigurationError where a weight is given to a feature that none of the references has."""
    features = dict.fromkeys(
        column.name for one in references for column in one.columns if column.kind == "feature"
    )
    for name in model.drift.importance or {}:
        if references and name not in features:
            raise ConfigurationError(
                f"model {model.name!r}: drift.importance has a weight for {name!r}, which is no feature of "
                f"the reference; {suggest(name, features) if features else 'remove it'}"
            )


def rolling_of(model: Model) -> Rolling | None:
    """The rolling reference of a model, None where its reference is of another kind."""
    kind = model.reference
    if not isinstance(kind, RollingReference):
        return None
    season = None if kind.season is None else round(kind.season * MICROSECONDS)
    return Rolling(round(kind.rolling * MICROSECONDS), round(kind.offset * MICROSECONDS), season)


def _type_of(column: Column | Derivation) -> str:
    if isinstance(column, Vocabulary | Subspace):
        return column.type
    return "numeric" if isinstance(column, NumericColumn) else "categorical"


def _optional(path: str | None) -> FieldPath | None:
    return None if path is None else split_path(path)


def _column_path(fields: Fields, key: tuple[Kind, str], roles: Paths) -> FieldPath:
    path = roles.get(key) if key in roles else feature_path(fields, key[1])
    if path is None:
        raise KeyError(key)
    return path


def _path_of(model: Model, column: Column | Derivation, roles: Paths) -> FieldPath:
    fields = model.predictions.fields
    path = (
        feature_path(fields, column.name)
        if column.kind == "feature"
        else roles.get((column.kind, column.name))
    )
    if path is None:
        where = "features" if column.kind == "feature" else column.kind
        raise ConfigurationError(
            f"model {model.name!r}: the reference has the {column.kind} {column.name!r}, which "
            f"predictions.fields.{where} does not lead to; name it there or build the reference anew"
        )
    found = _type_of(column)
    wanted = model.columns[column.name].type if column.name in model.columns else None
    if wanted is not None and wanted != found:
        raise ConfigurationError(
            f"model {model.name!r}: column {column.name!r} is {found} in the reference and {wanted} in the "
            "configuration; build the reference anew"
        )
    return path
