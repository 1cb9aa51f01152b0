"""Checks that look at several values at once, and say where in what they are given a problem is."""

from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from drift_exporter.config.positions import shorten
from drift_exporter.config.refusal import Part
from drift_exporter.config.values import parse_duration, split_path

ROLE_COLUMNS = ("prediction", "score", "label")


def suggest(word: str, known: Collection[str], most: int = 12) -> str:
    """``did you mean "x"?`` where a known word is close, else the known words."""
    close = get_close_matches(word, known, n=1)
    if close:
        return f'did you mean "{close[0]}"?'
    listed = list(known)
    return f"one of: {', '.join(listed[:most])}{', ...' if len(listed) > most else ''}"


def clashing_paths(paths: Mapping[tuple[str, ...], str]) -> Iterator[Part]:
    """Fields that cannot be read side by side. ``paths`` maps places in the configuration to record paths."""
    split = {place: split_path(path) for place, path in paths.items()}
    seen: dict[tuple[str, ...], tuple[str, ...]] = {}
    values = set(split.values())
    for place, keys in split.items():
        for end in range(1, len(keys) + 1):
            known = seen.setdefault(tuple(key.lower() for key in keys[:end]), keys[:end])
            if known != keys[:end]:
                names = f"{shorten('.'.join(known))} and {shorten('.'.join(keys[:end]))}"
                yield place, f"the fields {names} differ only in upper and lower case; leave one of them out"
                break
            if end < len(keys) and keys[:end] in values:
                names = f"{shorten('.'.join(keys[:end]))} is used as a value and, by {shorten(paths[place])}"
                yield place, f"the field {names}, as an object; it can be one of them only"
                break


def unknown_columns(
    columns: Collection[str], features: Mapping[str, str] | str | None, roles: Collection[str]
) -> list[Part]:
    """Columns that are neither a feature nor a role with a field. With a pattern any feature may exist."""
    if isinstance(features, str):
        return []
    known = [*(features or {}), *(role for role in ROLE_COLUMNS if role in roles)]
    hint = "name a feature or role of fields here" if not known else None
    return [
        ((name,), f"{shorten(name)} is no feature of this model; {hint or suggest(name, known)}")
        for name in columns
        if name not in known
    ]


def repeated_names(models: Any) -> Iterator[Part]:  # noqa: ANN401 (the file's data before it is validated)
    """Models called like an earlier one."""
    seen: dict[str, int] = {}
    for index, model in enumerate(models if isinstance(models, list) else []):
        name = model.get("name") if isinstance(model, dict) else None
        if isinstance(name, str) and seen.setdefault(name, index) != index:
            yield (
                (index, "name"),
                f"{shorten(name)} is also the name of models[{seen[name]}]; names are unique",
            )


def repeated_windows(windows: Any) -> Iterator[Part]:  # noqa: ANN401 (the file's data before it is validated)
    """Windows of the same length as an earlier one."""
    seen: dict[float, str] = {}
    for index, window in enumerate(windows if isinstance(windows, list) else []):
        seconds = parse_duration(window) if isinstance(window, str) else None
        if seconds is not None and seconds in seen:
            same = "is given twice" if seen[seconds] == window else f"is as long as {shorten(seen[seconds])}"
            yield (index,), f"{shorten(window)} {same}; keep one"
        elif seconds is not None:
            seen[seconds] = window
