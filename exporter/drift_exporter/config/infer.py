"""A configuration inferred from a log, with comments that say what was guessed and from what."""

import glob
import json
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from drift_exporter.config.profile import FEW, Profile, profiles
from drift_exporter.config.roles import Roles, assign, guess_task
from drift_exporter.config.sample import Sample, read_sample
from drift_exporter.config.sources import format_of
from drift_exporter.config.values import join_path
from drift_exporter.errors import DecodeError

SAMPLE_SIZE = 10_000
_ROLES = ("timestamp", "id", "version", "prediction", "score", "latency", "error", "trace_id", "label")
_WINDOWS = ((3_600, "1h"), (86_400, "24h"), (7 * 86_400, "7d"), (28 * 86_400, "28d"), (84 * 86_400, "84d"))
_COMFORTABLE = 200
_UNTELLING = re.compile(
    r"(?:logs?|predictions?|inferences?|data|part|stdout|current|out|[\d_.-])+", re.IGNORECASE
)


def infer_config(inputs: Sequence[Path]) -> str:
    """YAML text of a configuration for these logs (NDJSON, JSON, CSV, Parquet or logfmt; gzip or zstd).

    The text loads as it is. Raises SourceError where an input cannot be read, DecodeError where no record or
    nothing of use is found in it.
    """
    paths = [Path(path).absolute() for path in inputs]
    sample = read_sample(paths, SAMPLE_SIZE)
    roles = assign(profiles(sample.records, text_numbers=sample.format in {"csv", "logfmt"}))
    if not roles.fields and not roles.features:
        raise DecodeError(f"{paths[0]}: no field of the records can be used; see what was logged")
    return "\n".join(_lines(paths, sample, roles)) + "\n"


def _lines(paths: Sequence[Path], sample: Sample, roles: Roles) -> Iterator[str]:
    name = model_name(paths[0])
    task, task_reason = guess_task(roles)
    windows, windows_reason = _windows(roles)
    skipped = f"; {sample.skipped:,} lines of it are no records" if sample.skipped else ""
    files = f"{_comment(paths[0].name)}{_more(paths)}"
    yield f"# Inferred from {len(sample.records):,} records of {files}{skipped}."
    yield "# What stands here was guessed from names and values: check it before you rely on it."
    yield f"windows: [{', '.join(windows)}]  # {windows_reason}"
    yield "models:"
    yield f"  - name: {quoted(name)}  # by the file's name; the label model of all metrics"
    yield '    team: ""  # fill in: who is told of alerts'
    yield "    impact: low  # high where revenue, compliance or safety depend on it"
    yield f"    task: {task}  # {task_reason}"
    yield from _reference(paths, name)
    yield "    predictions:"
    yield "      source:"
    yield "        type: file"
    pattern, note = _pattern(paths)
    yield f"        path: {quoted(pattern)}{note}"
    if format_of(pattern) != sample.format:
        yield f"        format: {sample.format}  # by its content; its name does not tell"
    yield from _fields(roles)
    yield from _columns(roles)
    yield from _left_out(roles)


def _more(paths: Sequence[Path]) -> str:
    return f" and {len(paths) - 1} more" if len(paths) > 1 else ""


def _reference(paths: Sequence[Path], name: str) -> Iterator[str]:
    inputs = shlex.join(str(path) for path in paths)
    file = shlex.quote(f"references/{name}.json")
    yield "    # Fill in: the reference is what the model saw while all was well. Without one no drift is"
    yield "    # judged. Make it from a log of such a time (this one?), then remove the # before reference:"
    command = f"drift-exporter reference build --config config.yml --model {shlex.quote(name)}"
    yield f"    #   {command} --input {_comment(inputs)} --output {file}"
    yield f"    # reference: {quoted(f'references/{name}.json')}"


def _fields(roles: Roles) -> Iterator[str]:
    yield "      fields:"
    if "timestamp" not in roles.fields:
        yield "        # No timestamp was found, so a record counts at the time it is read. If there is one:"
        yield "        # timestamp: name of the field"
    if roles.models is not None:
        names = ", ".join(sorted(_comment(name) for name in roles.models.distinct)[:5])
        more = ", ..." if len(roles.models.distinct) > 5 else ""
        yield f"        # If several models write this log ({names}{more}), configure one for each"
        yield "        # of these names, remove this field from its features, and name it here:"
        yield f"        # model: {quoted(join_path(roles.models.path))}"
    for role in _ROLES:
        profile = roles.fields.get(role)
        if profile is None:
            continue
        value = quoted(join_path(profile.path))
        if role == "latency":
            value = f"{{field: {value}, unit: {roles.unit}}}"
        said = "; ".join(part for part in (_said(role, profile), roles.notes.get(role)) if part)
        yield f"        {role}: {value}{f'  # {said}' if said else ''}"
    if roles.pattern is not None:
        yield f"        features: {quoted(roles.pattern)}  # {len(roles.features)} fields of this object"
    elif roles.features:
        yield "        features:  # all fields that are left; remove what is no input of the model"
        for name, profile in roles.features.items():
            yield f"          {quoted(name)}: {quoted(join_path(profile.path))}"


def _said(role: str, profile: Profile) -> str:
    if role == "timestamp":
        form = {"RFC 3339": "RFC 3339 text; UTC where it names no offset"}.get(
            str(profile.time_form), profile.time_form
        )
        unread = profile.present - profile.times[str(profile.time_form)]
        return f"{form}{f'; {unread:,} values are none and will be rejected' if unread else ''}"
    if role == "version":
        return f"{len(profile.distinct):,} in the sample"
    if role in {"score", "latency"}:
        return f"{profile.low:.6g} to {profile.high:.6g}"
    return "labels in the log itself: reference build uses them" if role == "label" else ""


def _columns(roles: Roles) -> Iterator[str]:
    if not roles.features:
        return
    yield "    columns:  # tolerance: the PSI up to which a shift is no matter; 0.05 if it is not given"
    for name, profile in roles.features.items():
        kind = "numeric" if profile.numeric else "categorical"
        yield f"      {quoted(name)}: {{type: {kind}}}  # {_spread(profile)}"


def _spread(profile: Profile) -> str:
    count = len(profile.distinct)
    if profile.whole and count <= FEW:
        return (
            f"whole numbers, {count} different from {profile.low:.6g} to {profile.high:.6g}; "
            "make it categorical if they are codes"
        )
    if profile.numeric:
        return f"{profile.low:.6g} to {profile.high:.6g}"
    shown = ", ".join(sorted(_comment(str(value)) for value in profile.distinct)[:5])
    return f"{count} different: {shown}{', ...' if count > 5 else ''}"


def _left_out(roles: Roles) -> Iterator[str]:
    if roles.left_out:
        yield "    # Not used:"
    for path, reason in roles.left_out:
        yield f"    #   {_comment(join_path(path))} {reason}"


def _windows(roles: Roles) -> tuple[list[str], str]:
    """Windows that hold enough records at the sample's rate, and why."""
    names = [name for _, name in _WINDOWS]
    profile = roles.fields.get("timestamp")
    span = profile.last_time - profile.first_time if profile is not None else 0.0
    if profile is None or not 0 < span < float("inf"):
        return names[:3], "the defaults"
    rate = sum(profile.times.values()) / span
    first = next((i for i, (seconds, _) in enumerate(_WINDOWS) if rate * seconds >= _COMFORTABLE), 2)
    per_day = rate * 86_400
    said = f"about {per_day:,.0f}" if per_day >= 1 else "less than 1"
    first = min(first, 2)
    return names[
        first : first + 3
    ], f"the sample has {said} records a day; a window is judged from 50 records on"


def _pattern(paths: Sequence[Path]) -> tuple[str, str]:
    """One pattern for all inputs, and a comment where it takes in more than they are."""
    if len(paths) == 1:
        return glob.escape(str(paths[0])), "  # or a pattern such as *.ndjson for all files of a folder"
    folder = Path(*_common([path.parent.parts for path in paths]))
    ending = "".join(reversed(_common([tuple(reversed(path.name)) for path in paths])))
    ending = ending[ending.find(".") :] if "." in ending else ""
    deep = any(path.parent != folder for path in paths)
    pattern = f"{glob.escape(str(folder))}/{'**/' if deep else ''}*{glob.escape(ending)}"
    matched = glob.glob(pattern, recursive=True)  # noqa: PTH207 (a pattern is text, as in sources)
    extra = len({Path(path) for path in matched if Path(path).is_file()} - set(paths))
    return pattern, f"  # matches {extra:,} files that were not given; check it" if extra else ""


def _common(sequences: Sequence[tuple[str, ...]]) -> list[str]:
    """What all sequences begin with."""
    common = []
    for parts in zip(*sequences, strict=False):
        if len(set(parts)) > 1:
            break
        common.append(parts[0])
    return common


def model_name(path: Path) -> str:
    """A model's name from a log's: the first part of its path that tells more than ``predictions``."""
    for part in (path.name.split(".")[0], *reversed(path.parent.parts[1:])):
        name = re.sub(r"[^A-Za-z0-9_-]+", "-", part).strip("-_")[:64].lower()
        if name and not _UNTELLING.fullmatch(name):
            return name
    return "model"


def quoted(text: str) -> str:
    """Text as a YAML value, in quotes only where it needs them."""
    plain = re.fullmatch(r"[A-Za-z_/][\w./-]*(?:\*[\w./-]*)*", text, re.ASCII)
    return text if plain and yaml.safe_load(text) == text else json.dumps(text, ensure_ascii=False)


def _comment(text: str) -> str:
    """Text fit for a comment: on one line, not too long."""
    shown = "".join(c if c.isprintable() else "?" for c in text)
    return shown if len(shown) <= 200 else f"{shown[:197]}..."
