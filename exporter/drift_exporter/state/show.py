"""A state as a table for the terminal, and as JSON."""

import json
import textwrap
from collections.abc import Mapping

from drift_exporter.state.rows import by_bins, owner_of
from drift_exporter.state.summary import BinsSummary, ModelSummary, StateSummary, VersionSummary
from drift_exporter.state.words import moment, printable, time_text, window_name

InUse = Mapping[str, Mapping[str | None, str]]
"""Fingerprints of the references in use by model and version; the one under None serves every version."""

_WIDTH = 100
_NAME = 20
_PRINT = 16


def show_state(state: StateSummary, in_use: InUse | None = None) -> str:
    """A table of at most 100 characters a line, but for the path; ``in_use`` adds which bins are in use."""
    lines = [
        f"size         {_size(state.size)}",
        f"schema       {state.schema}",
    ]
    for model in state.models:
        lines += ["", *_model(model, in_use)]
    if not state.models:
        lines += ["", "No model was saved yet."]
    # The path is never cut: it is there to be copied.
    return "\n".join([printable(f"file         {state.path}"), *(_fit(line) for line in lines)])


def _model(model: ModelSummary, in_use: InUse | None) -> list[str]:
    lines = [
        f"model        {model.model}",
        f"saved        {time_text(model.saved)}",
        f"records      {model.records:,}",
    ]
    if model.watermark is not None:
        lines.append(f"watermark    {time_text(model.watermark)}")
    rejected = [f"{reason} {count:,}" for reason, count in sorted(model.rejected.items()) if count]
    lines += textwrap.wrap(
        ", ".join(rejected) or "none",
        _WIDTH,
        initial_indent=f"{'rejected':<13}",
        subsequent_indent=" " * 13,
    )
    gone = f", {model.gone:,} of them gone" if model.gone else ""
    lines += [f"files        {model.files:,}{gone}", f"lost         {model.lost_bytes:,} bytes"]
    if model.kept:
        kept = ", ".join(f"{rows:,} {side}" for side, rows in model.kept.items())
        lines.append(f"kept         {kept}")
    if in_use is not None and owner_of(model.model) not in in_use:
        lines.append("configured   no")
    if model.versions:
        width = min(_NAME, max(len("version"), *(len(version.version) for version in model.versions)))
        used = "" if in_use is None else f"  {'in use':<6}"
        lines.append(f"{'version':<{width}}  {'predictions':>13}  {'bins of reference':<17}{used}  slices")
        for version in model.versions:
            lines += _version(version, width, None if in_use is None else in_use.get(model.model, {}))
    return lines


def _version(version: VersionSummary, width: int, in_use: Mapping[str | None, str] | None) -> list[str]:
    start = f"{_cut(version.version, width):<{width}}  {version.predictions:>13,}"
    if not version.bins:
        return [f"{start}  none"]
    lines = []
    for bins in version.bins:
        used = ""
        if in_use is not None:
            known = is_in_use(version, bins, in_use)
            used = f"  {'' if known is None else 'yes' if known else 'no':<6}"
        slices = ", ".join(f"{window_name(window)} {count:,}" for window, count in bins.slices.items())
        lines.append(f"{start}  {bins.fingerprint[:_PRINT]:<17}{used}  {slices or 'none'}")
        start = " " * len(start)
    return lines


def is_in_use(version: VersionSummary, bins: BinsSummary, in_use: Mapping[str | None, str]) -> bool | None:
    """Whether a version is counted under these bins now; None where they are not those of a reference."""
    if not by_bins(bins.fingerprint):
        return None
    return in_use.get(version.version, in_use.get(None)) == bins.fingerprint


def state_json(state: StateSummary, in_use: InUse | None = None) -> str:
    """The same as JSON, with times in RFC 3339 and sizes in bytes; what is not known is left out."""
    document = {
        "file": str(state.path),
        "bytes": state.size,
        "schema": state.schema,
        "models": [_model_document(model, in_use) for model in state.models],
    }
    return json.dumps(document, indent=2)


def _model_document(model: ModelSummary, in_use: InUse | None) -> dict[str, object]:
    document: dict[str, object] = {
        "model": model.model,
        "saved": _rfc3339(model.saved),
        "records": model.records,
    }
    if model.watermark is not None:
        document["watermark"] = _rfc3339(model.watermark)
    document |= {
        "rejected": dict(model.rejected),
        "files": model.files,
        "files_gone": model.gone,
        "lost_bytes": model.lost_bytes,
    }
    if model.kept:
        document["kept"] = dict(model.kept)
    own = None
    if in_use is not None:
        document["configured"] = owner_of(model.model) in in_use
        own = in_use.get(model.model, {})
    document["versions"] = [
        {
            "version": version.version,
            "predictions": version.predictions,
            "bins": [
                {"reference": bins.fingerprint}
                | _in_use(version, bins, own)
                | {"slices": {window_name(window): count for window, count in bins.slices.items()}}
                for bins in version.bins
            ],
        }
        for version in model.versions
    ]
    return document


def _in_use(
    version: VersionSummary, bins: BinsSummary, own: Mapping[str | None, str] | None
) -> dict[str, object]:
    known = None if own is None else is_in_use(version, bins, own)
    return {} if known is None else {"in_use": known}


def _size(size: int) -> str:
    for unit, length in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size >= length:
            return f"{size / length:.1f} {unit}"
    return f"{size} bytes"


def _rfc3339(seconds: float) -> str | float:
    found = moment(seconds)
    return seconds if found is None else found.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 3] + "..."


def _fit(line: str) -> str:
    return _cut(printable(line).rstrip(), _WIDTH)
