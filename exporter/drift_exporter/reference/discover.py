"""Which columns there are, and of which type: from the configuration and from what the survey found."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from drift_exporter.config.schema import Config, Fields, Model
from drift_exporter.config.sources import pattern_of
from drift_exporter.config.values import split_path
from drift_exporter.decode.measures import MEASURES
from drift_exporter.decode.plan import DerivedLeaf, FieldPath
from drift_exporter.errors import ReferenceFileError
from drift_exporter.planning import SCORES, feature_path, role_paths
from drift_exporter.reference.deriving import Learner, make_learner, stored
from drift_exporter.reference.fields import Which
from drift_exporter.reference.inputs import Passes, place
from drift_exporter.reference.model import Derivation, Kind
from drift_exporter.reference.survey import Found, Survey

_SHOWN = 40


@dataclass(frozen=True)
class Spec:
    """A column to be: where it is read from, whether it is numeric, and its categories, most frequent first.

    ``distinct`` is the number of all its categories, kept ones or not. With a ``derivation`` numbers are not
    read but measured of what stands at the path.
    """

    kind: Kind
    name: str
    path: FieldPath
    numeric: bool
    categories: tuple[str, ...] = ()
    distinct: int = 0
    configured: bool = False
    derivation: Derivation | None = None

    @property
    def is_score(self) -> bool:
        """Whether it is the one score of a record."""
        return self.kind == "score" and self.name == "score"

    @property
    def score_of(self) -> str | None:
        """The class whose score it is, where each class has one of its own."""
        return self.name.removeprefix(SCORES) if self.kind == "score" and not self.is_score else None


@dataclass(frozen=True)
class Discovery:
    """Columns, derived ones last, what there is to say of them, and how many rows there are at most."""

    specs: tuple[Spec, ...]
    notes: tuple[str, ...]
    rows: int


@dataclass(frozen=True)
class _Field:
    kind: Kind
    name: str
    path: FieldPath


def discover(config: Config, model: Model, reader: Passes, seed: int = 0) -> Discovery:
    """Look at all rows of the input, and decide on the columns. Samples of them depend on the ``seed``.

    Raises ReferenceFileError where a column that the configuration names holds no value or values of another
    type, or where no column is left.
    """
    fields = model.predictions.fields
    named = _named(model)
    pattern = split_path(fields.features)[:-1] if isinstance(fields.features, str) else None
    roles = _role_fields(fields)
    which = which_records(model)
    by_path: dict[FieldPath, list[_Field]] = {}
    for field in named:
        by_path.setdefault(field.path, []).append(field)

    def wanted(path: FieldPath) -> str | None:
        types = {_wanted(model, field) for field in by_path.get(path, [_Field("feature", path[-1], path)])}
        return "categorical" if "categorical" in types else types.pop() if len(types) == 1 else None

    lines = pattern_of(model.predictions.source)
    learners = _learners(model, named, pattern, seed)
    survey = Survey(config.limits.line, which, wanted, lines, learners)
    try:
        for chunk in reader.chunks():
            survey.add(chunk, by_path, pattern, roles)
        late = [path for path, found in survey.found.items() if found.uncounted]
    finally:
        survey.close()
    if late:
        again = Survey(config.limits.line, which, lambda _path: "categorical", lines)
        _count_again(again, reader, survey.found, late)
    if pattern is not None:
        known = {field.path for field in named}
        named += [
            _Field("feature", path[-1], path)
            for path in survey.found
            if path not in known and path[: len(pattern)] == pattern and len(path) == len(pattern) + 1
        ]
        if survey.rows and not any(path[: len(pattern)] == pattern for path in survey.found):
            raise ReferenceFileError(
                f"{'.'.join(pattern)}.* (predictions.fields.features) leads to no field in all {survey.rows} "
                f"rows of the input; CSV and flat Parquet name such columns {'.'.join(pattern)}.NAME"
            )
    specs, notes = [], []
    named = named if survey.rows else []
    derived = [field for field in named if _wanted(model, field) in MEASURES]
    for field in (field for field in named if field not in derived):
        spec, note = _decide(config, model, field, survey.found.get(field.path, Found()), survey.rows)
        specs += [] if spec is None else [spec]
        unknown = spec is None and field.kind == "label" and field.path == late_label(model)
        notes += [] if note is None or unknown else [note]
    for field in derived:
        derivation, said = _derived(field, learners[field.path], survey.found[field.path], survey.rows)
        notes += said
        specs += [
            Spec(field.kind, name, field.path, numeric=True, derivation=derivation)
            for name in derivation.columns
        ]
    twice = [key for key, count in Counter((spec.kind, spec.name) for spec in specs).items() if count > 1]
    if twice:
        raise ReferenceFileError(
            f"column {twice[0][1]!r} is there twice: as a field, and as what is measured of another; rename "
            "the feature in predictions.fields.features"
        )
    return Discovery(tuple(specs), tuple(notes), survey.rows)


def _learners(
    model: Model, named: Sequence[_Field], pattern: FieldPath | None, seed: int
) -> dict[FieldPath, Learner]:
    """What learns by which numbers are derived, by path."""
    below = [] if pattern is None else [_Field("feature", name, (*pattern, name)) for name in model.columns]
    types = {field.path: _wanted(model, field) for field in (*named, *below)}
    return {path: make_learner(kind, seed) for path, kind in types.items() if kind in MEASURES}


def _derived(field: _Field, learner: Learner, found: Found, rows: int) -> tuple[Derivation, tuple[str, ...]]:
    """By what numbers are derived of a field, and what there is to say of it."""
    derivation, notes = learner.learned(field.name, field.kind)
    if derivation is None or not found.present:
        why = "; ".join(notes) if found.present else f"it has no value in all {rows} rows of the input"
        shown = f", such as {_show(found)}" if found.example is not None else ""
        raise ReferenceFileError(
            f"column {field.name!r} cannot be measured (field {'.'.join(field.path)}{shown}): {why}; correct "
            f"predictions.fields, or columns.{field.name}.type"
        )
    return derivation, notes


def derived_leaves(specs: Sequence[Spec]) -> tuple[DerivedLeaf, ...]:
    """What columns are derived of, in the order of the columns."""
    found = {
        spec.derivation.digest: DerivedLeaf(spec.path, spec.derivation)
        for spec in specs
        if spec.derivation is not None
    }
    return tuple(found.values())


def derivations_of(specs: Sequence[Spec]) -> tuple[Derivation, ...]:
    """By what numbers are derived, as it is stored."""
    return tuple(stored(leaf.derivation) for leaf in derived_leaves(specs))


def which_records(model: Model) -> Which:
    """Which records of the input are the model's."""
    fields = model.predictions.fields
    return Which(
        timestamp=None if fields.timestamp is None else split_path(fields.timestamp),
        timestamp_format=fields.timestamp_format,
        model=None if fields.model is None else split_path(fields.model),
        name=model.name,
    )


def _role_fields(fields: Fields) -> list[FieldPath]:
    """Fields that are no features, whatever object they stand in."""
    paths = [getattr(fields, role) for role in type(fields).model_fields if role != "timestamp_format"]
    if fields.latency is not None:
        paths.append(fields.latency.field)
    return [split_path(path) for path in paths if isinstance(path, str) and path != fields.features]


def _named(model: Model) -> list[_Field]:
    """Fields that the configuration names, roles first."""
    fields = model.predictions.fields
    found = [_Field(kind, name, path) for (kind, name), path in role_paths(fields).items()]
    label = late_label(model)
    found += [] if label is None else [_Field("label", "label", label)]
    if fields.features is not None and not isinstance(fields.features, str):
        for name in fields.features:
            path = feature_path(fields, name)
            found += [] if path is None else [_Field("feature", name, path)]
    return found


def late_label(model: Model) -> FieldPath | None:
    """Where the input may hold labels that come apart from the predictions when serving.

    None where a record holds its label itself, and where that field of a prediction is something else.
    """
    if model.labels is None or model.predictions.fields.label is not None:
        return None
    path = split_path(model.labels.fields.label)
    return None if path in _role_fields(model.predictions.fields) else path


def _wanted(model: Model, field: _Field) -> str | None:
    """The type that the configuration or a role asks for."""
    if field.name in model.columns and model.columns[field.name].type is not None:
        return model.columns[field.name].type
    if field.kind == "score":
        return "numeric"
    if field.kind in {"prediction", "label"}:
        return {"binary": "categorical", "multiclass": "categorical", "regression": "numeric"}.get(model.task)
    return None


def _count_again(
    survey: Survey, reader: Passes, found: Mapping[FieldPath, Found], late: list[FieldPath]
) -> None:
    """Count the texts of fields that turned out to hold text only after a while."""
    reader.passes += 1
    try:
        for chunk in reader.chunks():
            survey.add(chunk, late)
    finally:
        survey.close()
    for path in late:
        found[path].values = survey.found[path].values


def _decide(
    config: Config, model: Model, field: _Field, found: Found, rows: int
) -> tuple[Spec | None, str | None]:
    """Make a column of a field, or say why not."""
    wanted = _wanted(model, field)
    configured = field.name in model.columns or field.kind in {"prediction", "score"}
    usable = found.present - found.containers
    if not usable:
        why = f"holds objects or arrays, such as {_show(found)}" if found.containers else "has no value"
        if configured:
            raise ReferenceFileError(
                f"column {field.name!r} {why} in all {rows} rows of the input (field "
                f"{'.'.join(field.path)}); correct predictions.fields, or leave the column out"
            )
        return None, f"{field.name}: left out, for it {why} in all {rows} rows"
    numeric = found.present == found.numbers if wanted is None else wanted == "numeric"
    if numeric:
        return _numeric(field, found, configured=configured)
    return _categorical(config, field, found, configured=configured, wanted=wanted)


def _numeric(field: _Field, found: Found, *, configured: bool) -> tuple[Spec, str | None]:
    wrong = found.texts + found.containers
    if wrong and 2 * wrong >= found.present:
        raise ReferenceFileError(
            f"column {field.name!r} is to be numeric, and {_amount(wrong, found.present)} of its values are "
            f"not numbers, such as {_show(found)}; set columns.{field.name}.type: categorical, or correct "
            "predictions.fields"
        )
    note = None
    if wrong:
        note = (
            f"{field.name}: {wrong} of {found.present} values are not numbers, such as {_show(found)}; "
            "they count as missing"
        )
    return Spec(field.kind, field.name, field.path, numeric=True, configured=configured), note


def _categorical(
    config: Config, field: _Field, found: Found, *, configured: bool, wanted: str | None
) -> tuple[Spec | None, str | None]:
    counts = {} if found.values is None else _merged(found.values.counts)
    distinct = 0 if found.values is None else min(found.values.distinct, found.present)
    limit = config.limits.categories
    if not configured and field.kind == "feature" and distinct > limit and 2 * distinct > found.present:
        return None, (
            f"{field.name}: left out, for it is like an id: about {distinct} different values in "
            f"{found.present} rows; name it in columns to keep it"
        )
    kept = sorted(counts, key=lambda category: (-counts[category], category))[:limit]
    note = None
    if found.values is not None and distinct > limit:
        about = "" if found.values.exact else "about "
        note = (
            f"{field.name}: the {limit} most frequent of {about}{distinct} categories are told apart, "
            "the rest is other (limits.categories)"
        )
    if found.containers:
        note = f"{field.name}: {found.containers} values are objects or arrays; they count as missing"
    wrong = found.present - found.numbers
    if wanted is None and found.numbers > 9 * wrong:
        note = (
            f"{field.name}: categorical, for {wrong} of its {found.present} values are "
            f"no numbers, such as {_show(found)}; with columns.{field.name}.type: numeric those are missing"
        )
    spec = Spec(
        field.kind,
        field.name,
        field.path,
        numeric=False,
        categories=tuple(kept),
        distinct=distinct,
        configured=configured,
    )
    return spec, note


def _merged(counts: Mapping[str, int]) -> dict[str, int]:
    """Put spellings of one value together (true and True, 1 and 1.0) as the decoders do.

    The more frequent spelling gives the name; true and false are written small.
    """
    merged: dict[str, dict[str, int]] = {}
    for text, count in counts.items():
        key = text.lower() if text in {"True", "False"} else text
        key = re.sub(r"^(-?\d{1,15})\.0$", r"\1", key)
        merged.setdefault(key, {})[text] = count
    named = {}
    for key, group in merged.items():
        best = key if key in {"true", "false"} else min(group, key=lambda text: (-group[text], text))
        named[best] = sum(group.values())
    return named


def _show(found: Found) -> str:
    if found.example is None:
        return "true"
    text, path, offset = found.example
    shown = text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
    return f"{shown!r} in {place(path, offset)}"


def _amount(part: int, whole: int) -> str:
    return "all" if part == whole else f"{part} of {whole}"
