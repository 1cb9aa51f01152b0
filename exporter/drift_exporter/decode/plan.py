"""Which fields of a record matter, and the SQL that reads them.

A plan is made once per configuration and reference. It names leaves (paths into the record) and how each
is read; the decoders differ only in how a leaf is reached in their format.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drift_exporter.errors import ConfigurationError
from drift_exporter.reference.model import Derivation, Kind

FieldPath = tuple[str, ...]
CodeArray = NDArray[np.uint16]

UNREADABLE = -(2**63)
"""Stands for a timestamp that is absent or cannot be read; no real one has this value."""

COMMON_LOG_FORM = "%d/%b/%Y:%H:%M:%S %z"
"""Timestamps as web servers write them, in the words of strptime."""

UNVERSIONED = "unversioned"

LONGEST_NAME = 128
"""Characters of a model's name or version that is told apart, at most: each is a label of many series."""

# Codes of a categorical value: 0 missing, 1 not among the known categories, 2 not a scalar, 3 and up known.
CODE_MISSING, CODE_OTHER, CODE_INVALID, CODE_FIRST = 0, 1, 2, 3

UNKNOWN = 2
"""Whether a prediction is wrong, or a label positive, where that cannot be told; else it is 0 or 1."""


def quote(identifier: str) -> str:
    """Quote an SQL identifier."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote an SQL string; NUL cannot stand in one and is spelled as a function."""
    return " || chr(0) || ".join("'" + part.replace("'", "''") + "'" for part in text.split("\0"))


def reach(path: FieldPath) -> str:
    """SQL that reaches a path in the columns of a table."""
    sql = quote(path[0])
    for key in path[1:]:
        sql = f"struct_extract({sql}, {literal(key)})"
    return sql


@dataclass(frozen=True)
class NumericLeaf:
    """A number: becomes float64, NaN where missing."""

    path: FieldPath
    name: str
    kind: Kind


@dataclass(frozen=True)
class CategoricalLeaf:
    """A category: becomes a code (see ``CODE_FIRST``) into ``categories``."""

    path: FieldPath
    name: str
    kind: Kind
    categories: tuple[str, ...]


@dataclass(frozen=True)
class Truth:
    """What is asked of the record's label: whether it is the ``prediction``, and whether it is positive.

    ``positive`` are the spellings of positive labels; where either is None it is not asked.
    """

    label: FieldPath
    prediction: FieldPath | None = None
    positive: tuple[str, ...] | None = None

    @property
    def paths(self) -> tuple[FieldPath, ...]:
        """Paths read for it, as text."""
        return (self.label,) if self.prediction is None else (self.label, self.prediction)


@dataclass(frozen=True)
class DerivedLeaf:
    """A text or an embedding: becomes as many float64 as there are measures of it, NaN where missing."""

    path: FieldPath
    derivation: Derivation


@dataclass(frozen=True)
class Names:
    """Names that are told apart as they come: where they stand, and which are known.

    With ``own`` only those in records that hold our model's name there.
    """

    path: FieldPath | None
    known: tuple[str, ...]
    own: FieldPath | None = None


@dataclass(frozen=True)
class Plan:
    """All that is read of a record. Paths that are None are not configured.

    ``id`` is read of all records, ``shown_id`` and ``trace_id`` of those that are shown.

    Where ``model`` is configured, ``models`` are the names to tell apart in it: the first is our own, and of
    the records that name another nothing else is looked at.
    """

    numeric: tuple[NumericLeaf, ...] = ()
    categorical: tuple[CategoricalLeaf, ...] = ()
    derived: tuple[DerivedLeaf, ...] = ()
    timestamp: FieldPath | None = None
    timestamp_format: str | None = None
    version: FieldPath | None = None
    error: FieldPath | None = None
    latency: FieldPath | None = None
    latency_scale: float = 1.0
    trace_id: FieldPath | None = None
    id: FieldPath | None = None
    shown_id: FieldPath | None = None
    versions: tuple[str, ...] = ()
    model: FieldPath | None = None
    models: tuple[str, ...] = ()
    truth: Truth | None = None

    @property
    def version_names(self) -> Names:
        """Versions of our own records."""
        return Names(self.version, self.versions, self.model)

    @property
    def model_names(self) -> Names:
        """Models of all records."""
        return Names(self.model, self.models)

    @property
    def looked_up(self) -> tuple[FieldPath, ...]:
        """Paths that are read of few records."""
        return tuple(path for path in (self.trace_id, self.shown_id) if path is not None)

    @property
    def measures(self) -> tuple[tuple[DerivedLeaf, str], ...]:
        """Leaf and name of each derived numeric column; they stand behind the numeric leaves."""
        return tuple((leaf, column) for leaf in self.derived for column in leaf.derivation.columns)

    def number_paths(self) -> tuple[FieldPath, ...]:
        """Paths read as numbers, latency last."""
        paths = [leaf.path for leaf in self.numeric]
        return (*paths, self.latency) if self.latency is not None else tuple(paths)

    def text_paths(self) -> tuple[FieldPath, ...]:
        """Paths read as text."""
        single = (self.timestamp, self.version, self.error, self.model, self.id)
        truth = () if self.truth is None else self.truth.paths
        leaves = [*(leaf.path for leaf in self.categorical), *(leaf.path for leaf in self.derived)]
        return (*leaves, *(p for p in single if p is not None), *truth)

    def paths(self) -> tuple[FieldPath, ...]:
        """All paths but those that are read of few records."""
        return (*self.number_paths(), *self.text_paths())


def spellings(category: str) -> tuple[str, ...]:
    """How a category may be written in a log: one value has several forms in JSON, CSV and Parquet.

    The whole number 1 is also 1.0, and true is also True.
    """
    if re.fullmatch(r"-?\d{1,15}", category):
        return (category, f"{category}.0")
    if re.fullmatch(r"-?\d{1,15}\.0", category):
        return (category, category[:-2])
    if category in {"true", "false"}:
        return (category, category.capitalize())
    if category in {"True", "False"}:
        return (category, category.lower())
    return (category,)


def timestamp_sql(text: str, form: str | None = None) -> str:
    """SQL for microseconds since the epoch from a timestamp's text; NULL where it cannot be read.

    In the form (of strptime) that is given, else RFC 3339 (UTC where it names no offset), also with a comma
    before the fraction as Python's logging writes it; the form of web servers' logs
    (02/Jan/2026:03:04:05 +0000); or a number of seconds, milliseconds, microseconds or
    nanoseconds, told apart by magnitude: seconds reach 10^11 only in the year 5138. Whatever else DuckDB
    takes for a timestamp is one too: the JSON reader, where it reads timestamps itself, is no stricter.
    """
    if form is not None:
        return f"epoch_us(try_strptime({text}, {literal(form)}))"
    number = f"try_cast({text} AS DOUBLE)"
    scaled = (
        f"CASE WHEN abs({number}) < 1e11 THEN {number} * 1e6 WHEN abs({number}) < 1e14 THEN {number} * 1e3 "
        f"WHEN abs({number}) < 1e17 THEN {number} WHEN abs({number}) < 1e20 THEN {number} / 1e3 END"
    )
    spellings = (text, f"upper({text})", f"replace(upper({text}), ',', '.')")
    return (
        f"CASE WHEN {text}[5] = '-' THEN epoch_us(coalesce("
        f"{', '.join(f'try_cast({spelling} AS TIMESTAMPTZ)' for spelling in spellings)})) "
        f"WHEN {text}[3] = '/' AND {text}[7] = '/' THEN epoch_us(try_strptime({text}, '{COMMON_LOG_FORM}')) "
        f"ELSE coalesce(try_cast(round({scaled}) AS BIGINT), epoch_us(try_cast({text} AS TIMESTAMPTZ))) END"
    )


def error_sql(text: str) -> str:
    """SQL that is 1 where an error field tells of an error: anything but absent, null, false, 0 and ''."""
    return f"CASE WHEN {text} IS NULL OR lower({text}) IN ('', 'false', '0', 'null') THEN 0 ELSE 1 END"


def truth_sql(truth: Truth, text: Callable[[FieldPath], str]) -> list[str]:
    """Select list of what is asked of the label: ``wrong`` and ``positive``, each 0, 1, or UNKNOWN.

    Two texts are the same class where they are equal, as numbers or truth values if they are ones: 1 is 1.0
    and true, 0 is 0.0 and false.
    """
    label = _class_sql(text(truth.label))
    select = []
    if truth.prediction is not None:
        answer = _class_sql(text(truth.prediction))
        select.append(
            f"CASE WHEN {label} IS NULL OR {answer} IS NULL THEN {UNKNOWN} WHEN {label} = {answer} THEN 0 "
            f"WHEN {_canonical_sql(label)} = {_canonical_sql(answer)} THEN 0 ELSE 1 END::UTINYINT AS wrong"
        )
    if truth.positive is not None:
        known = ", ".join(map(literal, truth.positive))
        select.append(
            f"CASE WHEN {label} IS NULL THEN {UNKNOWN} WHEN {label} IN ({known}) THEN 1 ELSE 0 END"
            "::UTINYINT AS positive"
        )
    return select


def _class_sql(text: str) -> str:
    """SQL for a class's text, NULL where there is none: nothing, an empty text, an object or a list."""
    return f"CASE WHEN {text}[1] IN ('{{', '[', '') THEN NULL ELSE {text} END"


def _canonical_sql(text: str) -> str:
    truth = f"CASE lower({text}) WHEN 'true' THEN '1' WHEN 'false' THEN '0' ELSE {text} END"
    return f"regexp_replace({truth}, '^(-?[0-9]{{1,15}})\\.0$', '\\1')"


def known_spellings(categories: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """All spellings of the categories and, for each, the number of its category (from 0).

    A spelling that is itself another category means that category.
    """
    number: dict[str, int] = {category: position for position, category in enumerate(categories)}
    for position, category in enumerate(categories):
        for spelling in spellings(category):
            number.setdefault(spelling, position)
    return tuple(number), tuple(number.values())


def category_sql(text: str, known: tuple[str, ...]) -> str:
    """SQL for a category's raw code: as in ``CODE_FIRST``, but numbering the known spellings.

    list_position is several times faster here than a cast to an ENUM, which formats an error for every value
    that it does not know.
    """
    unknown = (
        f"CASE WHEN {text} IS NULL THEN {CODE_MISSING} WHEN {text}[1] IN ('{{', '[') THEN {CODE_INVALID} "
        f"ELSE {CODE_OTHER} END"
    )
    if not known:
        return f"({unknown})::USMALLINT"
    position = f"nullif(list_position([{', '.join(map(literal, known))}], {text}), 0)"
    return f"coalesce({position} + {CODE_FIRST - 1}, {unknown})::USMALLINT"


def position_sql(text: str, known: tuple[str, ...]) -> str:
    """SQL for a category's position among the known spellings, from 1; one more where it is missing.

    NULL where it is not among them. This takes half as long as ``category_sql``.
    """
    return f"list_position([{', '.join([*map(literal, known), 'NULL::VARCHAR'])}], {text})"


def known_values(plan: Plan) -> dict[str, int]:
    """How many spellings are known in each column of codes, by the name that ``select_sql`` gives it."""
    known = {f"k{i}": len(known_spellings(leaf.categories)[0]) for i, leaf in enumerate(plan.categorical)}
    if plan.version is not None:
        known["version"] = len(plan.versions)
    if plan.model is not None:
        known["model"] = len(plan.models)
    return known


def codes_of_positions(positions: NDArray[np.int32], known: int) -> CodeArray:
    """Raw codes as of ``category_sql`` from the positions of ``position_sql`` among ``known`` spellings."""
    table = [CODE_OTHER, *range(CODE_FIRST, CODE_FIRST + known), CODE_MISSING]
    codes: CodeArray = np.array(table, dtype=np.uint16).take(positions)
    return codes


def codes_of(raw: CodeArray, categories: tuple[str, ...]) -> CodeArray:
    """Codes (see ``CODE_FIRST``) from the raw codes of ``category_sql``, both (rows,)."""
    _, numbers = known_spellings(categories)
    if numbers == tuple(range(len(categories))):
        return raw
    table = [CODE_MISSING, CODE_OTHER, CODE_INVALID, *(CODE_FIRST + number for number in numbers)]
    codes: CodeArray = np.array(table, dtype=np.uint16).take(raw)
    return codes


def select_sql(
    plan: Plan,
    number: Callable[[FieldPath], str],
    text: Callable[[FieldPath], str],
    timestamp: Callable[[str], str] | None = None,
    category: Callable[[str, tuple[str, ...]], str] = category_sql,
) -> list[str]:
    """Select list of a plan: n0.. numbers, k0.. codes, ts, version, error, latency, low, high, model, truth.

    Of the truth come ``wrong`` and ``positive`` (see ``truth_sql``), as far as they are asked for.

    ``number`` and ``text`` give the SQL that reaches a path as DOUBLE and as VARCHAR, ``timestamp`` that
    which makes microseconds of the timestamp's (by default as it is written), ``category`` what tells a
    category.
    """
    select = [f"{number(leaf.path)} AS n{i}" for i, leaf in enumerate(plan.numeric)] + [
        f"{category(text(leaf.path), known_spellings(leaf.categories)[0])} AS k{i}"
        for i, leaf in enumerate(plan.categorical)
    ]
    if plan.timestamp is not None:
        when = text(plan.timestamp)
        told = timestamp_sql(when, plan.timestamp_format) if timestamp is None else timestamp(when)
        select.append(f"coalesce({told}, {UNREADABLE}) AS ts")
    if plan.version is not None:
        # Versions are names: 1.0 and 1 are two. An empty one is none.
        version = category(f"nullif({text(plan.version)}, '')", plan.versions)
        select.append(f"{version} AS version")
    if plan.error is not None:
        select.append(f"{error_sql(text(plan.error))}::UTINYINT AS error")
    if plan.latency is not None:
        select.append(f"{number(plan.latency)} * {plan.latency_scale!r} AS latency")
    if plan.id is not None:
        # Both halves come from one hash, which DuckDB computes once.
        hashed = f"md5_number(nullif({text(plan.id)}, ''))"
        select += [
            f"coalesce(({hashed} & {2**64 - 1})::UBIGINT, 0) AS low",
            f"coalesce(({hashed} >> 64)::UBIGINT, 0) AS high",
        ]
    if plan.model is not None:
        model = category(f"nullif({text(plan.model)}, '')", plan.models)
        select.append(f"{model} AS model")
    if plan.truth is not None:
        select += truth_sql(plan.truth, text)
    return select or ["0::UTINYINT AS nothing"]


def unknown_sql(name: str, known: tuple[str, ...], source: str, *, where: str = "true") -> str:
    """Query for the names in ``source`` that are not known, most frequent first, with their counts.

    ``name`` is the SQL that reaches one. Those over ``LONGEST_NAME`` characters are not told apart.
    """
    conditions = [f"{name} <> ''", f"({name})[1] NOT IN ('{{', '[')", where]
    conditions.append(f"length({name}) <= {LONGEST_NAME}")
    if known:
        conditions.append(f"{name} NOT IN ({', '.join(map(literal, known))})")
    where = " AND ".join(conditions)
    return f"SELECT {name}, count(*) FROM {source} WHERE {where} GROUP BY 1 ORDER BY 2 DESC, 1"


def wrong_number_flags(
    plan: Plan, value: Callable[[FieldPath], str], number: Callable[[FieldPath], str]
) -> list[str]:
    """Select list of flags: w0.. for the plan's numbers and wl for the latency, 1 where a value is no number.

    ``value`` and ``number`` give the SQL of what stands at a path and of the number it is read as.
    """
    flagged = {f"w{i}": leaf.path for i, leaf in enumerate(plan.numeric)}
    if plan.latency is not None:
        flagged["wl"] = plan.latency
    return [
        f"({value(path)} IS NOT NULL AND {number(path)} IS NULL)::UTINYINT AS {name}"
        for name, path in flagged.items()
    ]


def leaf_types(plan: Plan) -> dict[FieldPath, str]:
    """SQL type in which each path is read: DOUBLE, or VARCHAR where any use of it wants text."""
    types: dict[FieldPath, str] = dict.fromkeys(plan.number_paths(), "DOUBLE")
    types.update(dict.fromkeys(plan.text_paths(), "VARCHAR"))
    check_paths(types)
    return types


def check_paths(paths: Collection[FieldPath]) -> None:
    """Refuse paths that cannot be read side by side."""
    seen: dict[tuple[str, ...], FieldPath] = {}
    for path in paths:
        for end in range(1, len(path) + 1):
            folded = tuple(key.lower() for key in path[:end])
            known = seen.setdefault(folded, path[:end])
            if known != path[:end]:
                raise ConfigurationError(
                    f"fields {'.'.join(known)!r} and {'.'.join(path[:end])!r} differ only in upper and lower "
                    "case; rename one of them in the log, or leave one out of the fields"
                )
        for other in paths:
            if len(other) > len(path) and other[: len(path)] == path:
                raise ConfigurationError(
                    f"field {'.'.join(path)!r} is used as a value and, by {'.'.join(other)!r}, as an object; "
                    "a field can be one of them only"
                )
