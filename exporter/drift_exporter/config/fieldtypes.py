"""The types of single values in the configuration, each with its own words for what it refuses."""

import glob
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, PlainSerializer, Tag, ValidationInfo
from pydantic.functional_validators import AfterValidator, BeforeValidator
from pydantic_core import PydanticKnownError

from drift_exporter.config.mask import mask_text
from drift_exporter.config.positions import kind_of, shorten
from drift_exporter.config.refusal import refuse
from drift_exporter.config.values import (
    DEEPEST_FIELD,
    Window,
    format_duration,
    format_size,
    parse_duration,
    parse_size,
    split_path,
)

_LONGEST_NAME = 128
_LONGEST_PATTERN = 4096


def printable(value: str) -> str:
    """Refuse text that cannot be shown, such as one with a line's end in it."""
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in value):
        raise refuse(f"{shorten(value)} holds control characters; remove them")
    return value


def _text(value: str) -> str:
    if not value.strip():
        raise refuse(f"{shorten(value)} is empty; give it a text or remove the line")
    return printable(value)


# Checks are composed as functions: releases of pydantic differ in the order of several validators.
Text = Annotated[str, Field(strict=True), AfterValidator(_text)]


def _name(value: str) -> str:
    _text(value)
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", value):
        raise refuse(f"{shorten(value)} cannot be a name; use letters, digits, _, . and - only")
    if len(value) > _LONGEST_NAME:
        raise refuse(f"{shorten(value)} has {len(value)} characters; a name has at most {_LONGEST_NAME}")
    if not value.strip("."):
        raise refuse(f"{shorten(value)} cannot stand in a URL; use a name with a letter or digit")
    return value


Name = Annotated[str, Field(strict=True), AfterValidator(_name)]


def _duration(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise refuse(f"{kind_of(value)} has no unit; write a duration such as 15s, 1h30m or 7d")
    seconds = parse_duration(value) if isinstance(value, str) else None
    if seconds is None:
        raise refuse(f"{kind_of(value)} is not a duration; write one such as 500ms, 15s, 1h30m or 7d")
    return seconds


def _between(low: str, high: str) -> AfterValidator:
    least, most = parse_duration(low) or 0.0, parse_duration(high) or 0.0

    def check(seconds: float) -> float:
        if not least <= seconds <= most:
            small = seconds < least
            wrong = f"{format_duration(seconds)} is too {'short' if small else 'long'}"
            raise refuse(f"{wrong}; {'at least ' + low if small else 'at most ' + high}")
        return seconds

    return AfterValidator(check)


_Seconds = Annotated[float, BeforeValidator(_duration), PlainSerializer(format_duration)]
Interval = Annotated[_Seconds, _between("100ms", "1h")]
Step = Annotated[_Seconds, _between("1s", "1h")]
Pause = Annotated[_Seconds, _between("0s", "1d")]
Delay = Annotated[_Seconds, _between("1s", "366d")]
Period = Annotated[_Seconds, _between("1m", "366d")]
Lag = Annotated[_Seconds, _between("0s", "366d")]


def _window(value: object) -> Window:
    if isinstance(value, Window):
        return value
    seconds = _duration(value)
    return Window(str(value), seconds)


def _checked_window(window: Window) -> Window:
    least, most = 60.0, 366 * 86_400.0
    if not least <= window.seconds <= most:
        small = window.seconds < least
        wrong = f"{shorten(window.name)} is too {'short' if small else 'long'} for a window"
        raise refuse(f"{wrong}; {'at least 1m' if small else 'at most 366d'}")
    if window.seconds % 60:
        raise refuse(f"{shorten(window.name)} is not a whole number of minutes; write one such as 1h")
    return window


WindowType = Annotated[
    Window,
    BeforeValidator(_window),
    AfterValidator(_checked_window),
    PlainSerializer(lambda window: window.name),
]


def _size(value: object) -> int:
    size = value if isinstance(value, int) and not isinstance(value, bool) else None
    size = parse_size(value) if isinstance(value, str) else size
    if size is None:
        raise refuse(f"{kind_of(value)} is not a size; write bytes, or a size such as 512KiB, 1MiB or 2GiB")
    return size


def _at_least(low: str) -> AfterValidator:
    least = parse_size(low) or 0

    def check(size: int) -> int:
        if size < least:
            raise refuse(f"{format_size(size)} is too small; at least {low}")
        return size

    return AfterValidator(check)


_Bytes = Annotated[int, BeforeValidator(_size), PlainSerializer(format_size)]
LineSize = Annotated[_Bytes, _at_least("64B")]
MemorySize = Annotated[_Bytes, _at_least("64MiB")]
PageSize = Annotated[_Bytes, _at_least("64KiB")]
DeadLetterSize = Annotated[_Bytes, _at_least("1KiB")]
RequestSize = Annotated[_Bytes, _at_least("1KiB")]


def _local(value: str) -> str:
    if "://" in value:
        raise refuse(f"{shorten(mask_text(value))} is a URL; give the path of a local file")
    if value.startswith("~"):
        raise refuse(f"{shorten(value)} starts with ~, which is not expanded; write the whole path")
    return value


def _folder(info: ValidationInfo) -> Path:
    return Path(info.context["folder"]) if info.context else Path.cwd()


def _file(value: object, info: ValidationInfo) -> Path:
    if isinstance(value, Path):
        return _folder(info) / value
    if not isinstance(value, str):
        raise PydanticKnownError("string_type")
    return _folder(info) / _local(_text(value))


def _file_pattern(value: str, info: ValidationInfo) -> str:
    if len(value) > _LONGEST_PATTERN:
        raise refuse(f"{shorten(value)} has {len(value)} characters; at most {_LONGEST_PATTERN}")
    # Brackets in the folder's own name are not part of the pattern.
    return str(Path(glob.escape(str(_folder(info)))) / _local(_text(value)))


File = Annotated[Path, BeforeValidator(_file), PlainSerializer(str)]
FilePattern = Annotated[str, Field(strict=True), AfterValidator(_file_pattern)]


def _record_path(value: str) -> str:
    keys = split_path(_text(value))
    if len(keys) > DEEPEST_FIELD:
        raise refuse(f"{shorten(value)} reaches {len(keys)} levels deep; at most {DEEPEST_FIELD}")
    if "" in keys:
        raise refuse(f"{shorten(value)} has an empty part; write a field, or nested ones by dots: a.b")
    if keys[-1] == "*":
        raise refuse(f"{shorten(value)} is a pattern; name one field here")
    return value


RecordPath = Annotated[str, Field(strict=True), AfterValidator(_record_path)]


def _timestamp_format(value: str) -> str:
    if "%" not in _text(value):
        raise refuse(f"{shorten(value)} holds no part of a time; write it as for strptime: %d.%m.%Y %H:%M:%S")
    return value


TimestampFormat = Annotated[str, Field(strict=True), AfterValidator(_timestamp_format)]


def _features(value: object) -> object:
    if isinstance(value, dict):
        return value
    if not isinstance(value, str):
        raise refuse(f"{kind_of(value)} cannot name features; write features.* or a map of names to fields")
    keys = split_path(value)
    if len(keys) > DEEPEST_FIELD:
        raise refuse(f"{shorten(value)} reaches {len(keys)} levels deep; at most {DEEPEST_FIELD}")
    if "" in keys or keys[-1] != "*" or "*" in keys[:-1] or len(keys) < 2:
        raise refuse(
            f"{shorten(value)} is not a pattern for features; write features.* for all fields of the object "
            "features, or a map of names to fields"
        )
    return value


def _map_or_text(value: object) -> str:
    return "<map>" if isinstance(value, dict) else "<text>"


FeatureMap = Annotated[Mapping[Text, RecordPath], Field(min_length=1)]
Features = Annotated[
    Annotated[str, Tag("<text>")] | Annotated[FeatureMap, Tag("<map>")],
    Discriminator(_map_or_text),
    BeforeValidator(_features),
]


def _scalar(value: object) -> object:
    if isinstance(value, str | int | float):
        return value
    raise refuse(f"{kind_of(value)} is not a single value; write a text, a number, true or false")


Scalar = Annotated[Any, BeforeValidator(_scalar)]


def reference_kind(value: object) -> object:
    """Refuse what can be no reference of any kind."""
    if isinstance(value, dict | str | Path):
        return value
    raise refuse(
        f"{kind_of(value)} is not a reference; write a file, a map of versions to files, {{rolling: 7d}} or "
        "{version: NAME}"
    )


def reference_form(value: object) -> str:
    """The tag of a reference's form. A mapping's keys tell: no version can be called like one of them."""
    for key in ("rolling", "version"):
        if key in value if isinstance(value, dict) else hasattr(value, key):
            return f"<{key}>"
    return "<map>" if isinstance(value, dict) else "<file>"


ColumnType = Literal["numeric", "categorical", "text", "embedding"]
