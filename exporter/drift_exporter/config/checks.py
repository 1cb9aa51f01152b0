"""Checks that look at several values at once, and say where in what they are given a problem is."""

from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from drift_exporter.config.anomaly import anomaly_problems
from drift_exporter.config.performance import performance_problems
from drift_exporter.config.positions import shorten
from drift_exporter.config.refusal import Part
from drift_exporter.config.streams import stream_problems
from drift_exporter.config.values import DEEPEST_FIELD, parse_duration, parse_size, split_path
from drift_exporter.decode.measures import MEASURES, measure_name
from drift_exporter.decode.patterns import group_of, parse_pattern

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
    # Deeper ones are refused where they stand.
    split = {place: keys for place, keys in split.items() if len(keys) <= DEEPEST_FIELD}
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


def across(data: Mapping[str, Any]) -> Iterator[Part]:
    """Problems between values that stand apart, from the file's data before it is validated.

    So they are found even where other values are wrong; what is not of the type it should be is passed over.
    """
    for place, text in _repeated_windows(_items(data.get("windows"))):
        yield ("windows", *place), text
    models = _items(data.get("models"))
    for place, text in _repeated_names(models):
        yield ("models", *place), text
    most = _mapping(data.get("limits")).get("models", 100)
    if type(most) is int and 0 < most < len(models):
        text = f"there are {len(models)} models, and limits.models is {most}; raise the limit or remove some"
        yield ("models",), text
    limits = _mapping(data.get("limits"))
    line, memory = _bytes(limits.get("line", "1MiB")), _bytes(limits.get("memory", "512MiB"))
    if line is not None and memory is not None and line * 8 > memory >= 64 * 2**20:
        yield ("limits", "memory"), "a line of limits.line takes eight times its size; raise limits.memory"
    for index, model in enumerate(map(_mapping, models)):
        for place, text in _within_model(model):
            yield ("models", index, *place), text


def _within_model(model: Mapping[str, Any]) -> Iterator[Part]:
    fields = _mapping(_mapping(model.get("predictions")).get("fields"))
    for place, text in clashing_paths(_record_paths(fields)):
        yield ("predictions", "fields", *place), text
    for part in ("predictions", "labels"):
        section = _mapping(model.get(part))
        for place, text in _without_group(_mapping(section.get("source")), _mapping(section.get("fields"))):
            yield (part, "fields", *place), text
    if fields and "labels" in model and "id" not in fields:
        yield ("labels",), "labels are joined by id, and predictions.fields names none; add id there"
    if fields and "deduplicate" in _mapping(model.get("predictions")) and "id" not in fields:
        yield (
            ("predictions", "deduplicate"),
            "records are told apart by id, and predictions.fields names none; add id there",
        )
    if fields and "version" in _mapping(model.get("reference")) and "version" not in fields:
        yield (
            ("reference", "version"),
            "a version is named, and predictions.fields names no field that tells them; add version there",
        )
    if _mapping(model.get("drift")).get("multivariate") and not _has_sample(model.get("reference")):
        yield (
            ("drift", "multivariate"),
            "these methods compare to the sample beside a reference file; name one, made by reference build",
        )
    yield from anomaly_problems(model, has_sample=_has_sample(model.get("reference")))
    yield from stream_problems(model)
    yield from performance_problems(model)
    yield from _unknown_names(model, fields)


def _unknown_names(model: Mapping[str, Any], fields: Mapping[str, Any]) -> Iterator[Part]:
    """Columns and weights of what is no feature."""
    features = fields.get("features")
    # With a pattern there may be a feature of any name.
    if fields and (features is None or isinstance(features, dict)):
        known = [*_mapping(features), *(role for role in ROLE_COLUMNS if role in fields)]
        columns = _mapping(model.get("columns"))
        measured = [(name, _mapping(options).get("type")) for name, options in columns.items()]
        known += [
            measure_name(name, measure)
            for name, kind in measured
            if name in known and isinstance(kind, str)
            for measure in MEASURES.get(kind, ())
        ]
        for name in columns:
            if name not in known:
                right = suggest(name, known) if known else "name its field in predictions.fields"
                yield ("columns", name), f"{shorten(name)} is no feature of this model; {right}"
        named = _mapping(features)
        for name in _mapping(_mapping(model.get("drift")).get("importance")):
            if name not in named:
                right = suggest(name, named) if named else "name its field in predictions.fields.features"
                yield ("drift", "importance", name), f"{shorten(name)} is no feature of this model; {right}"


def _has_sample(reference: Any) -> bool:  # noqa: ANN401 (data before it is validated)
    """Whether a reference is a file, or a map of versions to files."""
    files = reference.values() if isinstance(reference, dict) else [reference]
    return all(isinstance(file, str) for file in files) and not {"rolling", "version"} & set(
        reference if isinstance(reference, dict) else ()
    )


def _record_paths(fields: Mapping[str, Any]) -> dict[tuple[str, ...], str]:
    """Record paths by their place in the fields, a pattern for features among them."""
    paths: dict[tuple[str, ...], Any] = {
        (role,): path for role, path in fields.items() if role != "timestamp_format"
    }
    for section in ("latency", "features", "scores"):
        paths |= {
            (section, key): path for key, path in _mapping(fields.get(section)).items() if key != "unit"
        }
    return {place: path for place, path in paths.items() if isinstance(path, str)}


def _without_group(source: Mapping[str, Any], fields: Mapping[str, Any]) -> Iterator[Part]:
    """Fields that lead to no group of the pattern that takes lines of text apart."""
    pattern = source.get("pattern")
    if source.get("format") != "text" or not isinstance(pattern, str):
        return
    try:
        names = parse_pattern(pattern).names
    except ValueError:
        return
    for place, path in _record_paths(fields).items():
        keys = split_path(path)
        if keys[-1] == "*":
            start = group_of((*keys[:-1], ""))
            if not any(name.startswith(start) for name in names):
                yield place, f"no group of the pattern begins with {start}; it has: {', '.join(names[:12])}"
        elif (group := group_of(keys)) not in names:
            yield place, f"the pattern has no group {shorten(group)}; {suggest(group, names)}"


def _repeated_names(models: list[Any]) -> Iterator[Part]:
    seen: dict[str, int] = {}
    for index, model in enumerate(map(_mapping, models)):
        name = model.get("name")
        if isinstance(name, str) and seen.setdefault(name, index) != index:
            yield (
                (index, "name"),
                f"{shorten(name)} is also the name of models[{seen[name]}]; names are unique",
            )


def _repeated_windows(windows: list[Any]) -> Iterator[Part]:
    seen: dict[float, str] = {}
    for index, window in enumerate(windows):
        seconds = parse_duration(window) if isinstance(window, str) else None
        if seconds is not None and seconds in seen:
            same = "is given twice" if seen[seconds] == window else f"is as long as {shorten(seen[seconds])}"
            yield (index,), f"{shorten(window)} {same}; keep one"
        elif seconds is not None:
            seen[seconds] = window


def _bytes(value: Any) -> int | None:  # noqa: ANN401 (data before it is validated)
    return parse_size(value) if isinstance(value, str) else value if type(value) is int else None


def _mapping(value: Any) -> Mapping[str, Any]:  # noqa: ANN401 (data before it is validated)
    return value if isinstance(value, dict) else {}


def _items(value: Any) -> list[Any]:  # noqa: ANN401 (data before it is validated)
    return value if isinstance(value, list) else []
