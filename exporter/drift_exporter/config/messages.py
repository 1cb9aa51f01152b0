"""Validation's findings in plain words, with the place in the file."""

import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from drift_exporter.config.checks import suggest
from drift_exporter.config.document import Document, KeyPath, Problem, kind_of, show_path
from drift_exporter.config.refusal import REFUSED
from drift_exporter.config.schema import Config

_CONSEQUENCES = frozenset({"default_factory_not_called"})
"""Found only because another value, which has its own finding, is wrong."""


def problems_of(error: ValidationError, document: Document) -> list[Problem]:
    """One problem for each finding, leaving out those at places that already have one."""
    found = []
    for detail in error.errors(include_url=False):
        path: KeyPath = tuple(part for part in detail["loc"] if not _is_marker(part))
        # A list whose every item has a finding counts as empty: what is said of the items is enough.
        consequence = detail["type"] in _CONSEQUENCES or (detail["type"] == "too_short" and detail["input"])
        if consequence or _is_faulty(path, document):
            continue
        for at, text in _texts(detail, path, document):
            shown = _existing(at, document) if detail["type"] != "missing" else at
            found.append(Problem(document.line(at), show_path(shown), text))
    return found


def _is_marker(part: str | int) -> bool:
    """Whether a part of a location is validation's own: a form of a union, or a mapping's key as such."""
    return part in {"<text>", "<file>", "<map>", "<rolling>", "[key]"}


def _is_faulty(path: KeyPath, document: Document) -> bool:
    return any(path[:end] in document.faulty for end in range(len(path) + 1))


def _existing(path: KeyPath, document: Document) -> KeyPath:
    """The path without what the file does not have, such as the field of a latency given in short."""
    while path and path not in document.lines:
        path = path[:-1]
    return path


def _texts(detail: ErrorDetails, path: KeyPath, document: Document) -> Iterator[tuple[KeyPath, str]]:
    kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == REFUSED:
        for relative, text in context["parts"]:
            yield (*path, *relative), text
    elif kind == "missing":
        yield path, f"is missing; add {path[-1]}: {description(path)}"
    elif kind == "extra_forbidden":
        yield path, f"unknown key; {suggest(str(path[-1]), keys_at(path[:-1]))}"
    elif kind == "literal_error":
        known = str(context["expected"]).replace(" or ", ", ").replace("'", "")
        yield path, f"{_said(path, value, document)} is not known here; one of: {known}"
    else:
        wrong, right = _plain(kind, path, context, document)
        yield path, f"{_said(path, value, document)} {wrong}; {right}"


def _said(path: KeyPath, value: object, document: Document) -> str:
    """The value in words, with its spelling where YAML reads something else than what is written."""
    raw = document.raw.get(path)
    if isinstance(value, bool) and raw is not None and raw.lower() != str(value).lower():
        return f"{kind_of(value)} (YAML reads {raw} so)"
    return kind_of(value)


def _plain(kind: str, path: KeyPath, context: Mapping[str, Any], document: Document) -> tuple[str, str]:
    """What is wrong and what would be right, for the kinds of findings that validation has names for."""
    raw = document.raw.get(path)
    if kind == "string_type":
        return "is not text", "write text" if raw is None else f'quote it: "{raw}"'
    if kind in {"model_type", "dict_type", "mapping_type", "model_attributes_type"}:
        keys = keys_at(path)
        return (
            "is not a mapping",
            f"write keys and values: {', '.join(keys)}" if keys else "write key: value pairs",
        )
    if kind in {"tuple_type", "list_type"}:
        return "is not a list", "write [a, b], or one item a line after a dash"
    if kind == "too_short":
        return "is empty", "give it at least one entry"
    if kind == "too_long":
        return f"has {context.get('actual_length')} entries", f"at most {context['max_length']}"
    if kind in {"int_type", "int_from_float", "int_parsing"}:
        return "is not a whole number", "write one such as 100"
    if kind in {"float_type", "float_parsing"}:
        return "is not a number", "write one such as 0.1"
    if kind == "finite_number":
        return "is not finite", "write a number such as 0.1"
    bounds = {"greater_than": "gt", "greater_than_equal": "ge", "less_than": "lt", "less_than_equal": "le"}
    words = {"gt": "is too small; more than", "ge": "is too small; at least"}
    words |= {"lt": "is too large; less than", "le": "is too large; at most"}
    if kind in bounds:
        wrong, right = words[bounds[kind]].split("; ")
        return wrong, f"{right} {context[bounds[kind]]:.12g}"
    return "cannot be used", f"see {show_path(path[-1:])} in docs/configuration.md"


def keys_at(path: KeyPath) -> list[str]:
    """Keys that may stand at a place of the configuration; empty where the names are the user's own."""
    return sorted({key for section in _sections(Config, path) for key in section.model_fields})


def description(path: KeyPath) -> str:
    """What the schema says of the key at a place."""
    fields = (section.model_fields.get(str(path[-1])) for section in _sections(Config, path[:-1]))
    return next((field.description for field in fields if field is not None and field.description), "a value")


def _sections(annotation: Any, path: Sequence[str | int]) -> Iterator[type[BaseModel]]:  # noqa: ANN401 (a type)
    """Sections that the schema has at a place, following types of lists, mappings and unions."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from _sections(arguments[0], path)
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
