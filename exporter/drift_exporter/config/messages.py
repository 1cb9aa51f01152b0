"""Validation's findings in plain words, with the place in the file."""

import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, Tag, ValidationError
from pydantic_core import ErrorDetails

from drift_exporter.config.checks import suggest
from drift_exporter.config.positions import Document, KeyPath, Problem, kind_of, shorten, show_path
from drift_exporter.config.refusal import REFUSED
from drift_exporter.config.schema import UNSUPPORTED, Config
from drift_exporter.config.sources import SOURCE_TYPES, source_tag


def problems_of(
    error: ValidationError, document: Document, schema: type[BaseModel] = Config
) -> list[Problem]:
    """One problem for each finding, leaving out those at places that already have one.

    ``schema`` is what the document was validated by.
    """
    found = []
    for detail in error.errors(include_url=False):
        path: KeyPath = tuple(part for part in detail["loc"] if not _is_marker(part))
        if _is_consequence(detail, path, document) or _is_faulty(path, document):
            continue
        for at, text in _texts(detail, path, document, schema):
            shown = _existing(at, document) if detail["type"] != "missing" else at
            found.append(Problem(document.line(at), show_path(shown), text))
    return found


def _is_marker(part: str | int) -> bool:
    """Whether a part of a location is validation's own: a form of a union, or a mapping's key as such."""
    return part in _MARKERS


_MARKERS = {
    *("[key]", "<text>", "<names>", "<file>", "<map>", "<rolling>", "<version>", "<detector>", "<detectors>"),
    *map(source_tag, SOURCE_TYPES),
}


def _is_consequence(detail: ErrorDetails, path: KeyPath, document: Document) -> bool:
    """Whether a finding only follows from another, as when every item of a list has one and none is left."""
    if detail["type"] == "too_short":
        return bool(detail["input"]) or show_path(path) in {problem.path for problem in document.problems}
    return detail["type"] == "default_factory_not_called"


def _is_faulty(path: KeyPath, document: Document) -> bool:
    return any(path[:end] in document.faulty for end in range(len(path) + 1))


def _existing(path: KeyPath, document: Document) -> KeyPath:
    """The path without what the file does not have, such as the field of a latency given in short."""
    while path and path not in document.lines:
        path = path[:-1]
    return path


def _texts(
    detail: ErrorDetails, path: KeyPath, document: Document, schema: type[BaseModel]
) -> Iterator[tuple[KeyPath, str]]:
    kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == REFUSED:
        for relative, text in context["parts"]:
            yield (*path, *relative), text
    elif kind == "missing":
        yield path, f"is missing; add it ({description(detail['loc'], schema)})"
    elif kind == "extra_forbidden":
        yield path, f"unknown key; {suggest(str(path[-1]), keys_at(detail['loc'][:-1], schema))}"
    elif kind == "literal_error":
        known = str(context["expected"]).replace(" or ", ", ").replace("'", "")
        yield path, f"{_said(path, value, document)} is not known here; one of: {known}"
    else:
        keys = keys_at(detail["loc"], schema) if kind == "model_type" else []
        yield path, f"{_said(path, value, document)} {_plain(kind, path, context, document, keys)}"


def _said(path: KeyPath, value: object, document: Document) -> str:
    """The value in words, with its spelling where YAML reads something else than what is written."""
    raw = document.raw.get(path)
    if isinstance(value, bool) and raw is not None and raw.lower() != str(value).lower():
        return f"{kind_of(value)} (YAML reads {raw} so)"
    if isinstance(value, dict | list | tuple) and not value:
        return "the mapping" if isinstance(value, dict) else "the list"
    return kind_of(value)


# Kinds of findings that validation has names for: what is wrong, what would be right.
_PLAIN = {
    "string_type": ("is not text", "write text"),
    "bool_type": ("is neither true nor false", "write one of them"),
    "int_type": ("is not a whole number", "write one such as 100"),
    "float_type": ("is not a number", "write one such as 0.1"),
    "finite_number": ("is not finite", "write a number such as 0.1"),
    "greater_than": ("is too small", "more than {gt:.12g}"),
    "greater_than_equal": ("is too small", "at least {ge:.12g}"),
    "less_than": ("is too large", "less than {lt:.12g}"),
    "less_than_equal": ("is too large", "at most {le:.12g}"),
    "dict_type": ("is not a mapping", "write key: value"),
    "mapping_type": ("is not a mapping", "write key: value"),
    "model_type": ("is not a mapping", "write key: value"),
    "tuple_type": ("is not a list", "write [a, b], or one item a line after a dash"),
    "too_short": ("is empty", "give it at least one entry"),
    "too_long": ("has {actual_length} entries", "at most {max_length}"),
}


def _plain(
    kind: str, path: KeyPath, context: Mapping[str, Any], document: Document, keys: Sequence[str]
) -> str:
    words = _PLAIN.get(kind, ("cannot be used here", "see the documentation of this key"))
    wrong, right = (text.format(**context) for text in words)
    raw = document.raw.get(path)
    if kind == "string_type" and raw is not None:
        right = f"quote it: {shorten(raw)}"
    elif keys:
        right = f"its keys are: {', '.join(keys)}"
    return f"{wrong}; {right}"


def keys_at(path: KeyPath, schema: type[BaseModel] = Config) -> list[str]:
    """Keys to write at a place of the configuration; empty where the names are the user's own.

    The path may hold the tags of unions, and means all forms of one where it does not.
    """
    found = [key for section in _sections(schema, path) for key in section.model_fields]
    return [key for key in dict.fromkeys(found) if key not in UNSUPPORTED]


def description(path: KeyPath, schema: type[BaseModel] = Config) -> str:
    """What the schema says of the key at a place."""
    fields = (section.model_fields.get(str(path[-1])) for section in _sections(schema, path[:-1]))
    return next((field.description for field in fields if field is not None and field.description), "a value")


def _within_form(metadata: Sequence[object], path: Sequence[str | int]) -> Sequence[str | int] | None:
    """The path below a type with this metadata; None where the path goes into another form of a union."""
    tags = [part.tag for part in metadata if isinstance(part, Tag)]
    if not tags or not path or path[0] not in _MARKERS:
        return path
    return path[1:] if path[0] in tags else None


def _sections(annotation: Any, path: Sequence[str | int]) -> Iterator[type[BaseModel]]:  # noqa: ANN401 (a type)
    """Sections that the schema has at a place, following types of lists, mappings and unions."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        if (inner := _within_form(arguments[1:], path)) is not None:
            yield from _sections(arguments[0], inner)
    elif origin in {Union, types.UnionType}:
        for argument in arguments:
            yield from _sections(argument, path)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if not path:
            yield annotation
        elif (known := annotation.model_fields.get(str(path[0]))) is not None:
            yield from _sections(known.annotation, path[1:])
    elif origin is tuple and path and isinstance(path[0], int):
        yield from _sections(arguments[0], path[1:])
    elif isinstance(origin, type) and issubclass(origin, Mapping) and path:
        yield from _sections(arguments[1], path[1:])
