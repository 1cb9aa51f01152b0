"""Which streams of values are watched for changes, and by which detectors."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from drift_exporter.config.fieldtypes import Scalar
from drift_exporter.config.positions import shorten
from drift_exporter.config.refusal import Part
from drift_exporter.config.section import Section

StreamName = Literal["error", "wrong", "outcome", "score"]
DetectorName = Literal["adwin", "page_hinkley", "ddm"]

Chance = Annotated[float, Field(strict=True, gt=0, lt=1, allow_inf_nan=False)]
Level = Annotated[float, Field(strict=True, gt=0, le=10**9, allow_inf_nan=False)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]

DETECTOR_KEYS: Mapping[str, tuple[str, ...]] = {
    "adwin": ("delta", "direction"),
    "page_hinkley": ("delta", "threshold", "direction"),
    "ddm": ("warning", "threshold"),
}
"""What can be set of each detector."""


DDM_THRESHOLD = 4.0
"""Standard deviations that are a change to ddm, by default."""


class Stream(Section):
    """One stream, watched by one detector."""

    stream: StreamName = Field(
        description="what is watched: error (predictions that failed), wrong (predictions that were not the "
        "label; of numbers how far off), outcome (labels that are positive) or score"
    )
    detector: DetectorName = Field(description="what finds changes: adwin, page_hinkley or ddm")
    direction: Literal["up", "down", "both"] | None = Field(
        None, description="changes that count: up, down or both (not of ddm, which looks up)"
    )
    delta: Chance | None = Field(
        None,
        description="adwin: chance that a look finds a change where there is none; "
        "page_hinkley: change of the mean that is tolerated",
    )
    threshold: Level | None = Field(
        None, description="page_hinkley: sum that is a change; ddm: standard deviations that are one"
    )
    warning: Level | None = Field(None, description="ddm: standard deviations that may be a change")
    cutoff: Number | None = Field(
        None, description="wrong: score from which on a binary prediction is positive"
    )


class ConceptDrift(Section):
    """Finding that what is right has changed, by streams of values."""

    streams: Annotated[tuple[Stream, ...], Field(min_length=1, max_length=12)] = Field(
        description="the streams, such as {stream: wrong, detector: adwin}"
    )
    positive: Scalar | None = Field(
        None, description="the label that is positive; default: the reference's, or 1, true and yes"
    )


def stream_problems(model: Mapping[str, Any]) -> Iterator[Part]:
    """Streams that a model cannot have, from its data before it is validated; places are within the model."""
    section = model.get("concept_drift")
    streams = section.get("streams") if isinstance(section, dict) else None
    seen: dict[tuple[object, object], int] = {}
    for index, entry in enumerate(streams if isinstance(streams, list) else []):
        if not isinstance(entry, dict):
            continue
        for place, text in (*_of_detector(entry), *_of_stream(entry, model)):
            yield ("concept_drift", "streams", index, *place), text
        pair = (entry.get("stream"), entry.get("detector"))
        if all(isinstance(name, str) for name in pair) and seen.setdefault(pair, index) != index:
            text = f"the stream {pair[0]} has the detector {pair[1]} twice; keep one"
            yield ("concept_drift", "streams", index), text


def _of_detector(entry: Mapping[str, Any]) -> Iterator[Part]:
    detector = entry.get("detector")
    keys = DETECTOR_KEYS.get(detector) if isinstance(detector, str) else None
    if keys is None:
        return
    for key in ("delta", "direction", "threshold", "warning"):
        if key in entry and key not in keys:
            yield (key,), f"{detector} has no {key}; it has: {', '.join(keys)}"
    warning, threshold = entry.get("warning"), entry.get("threshold", DDM_THRESHOLD)
    if isinstance(warning, int | float) and isinstance(threshold, int | float) and warning > threshold:
        yield ("warning",), "is above threshold, so nothing would be suspected before it is found; lower it"


def _of_stream(entry: Mapping[str, Any], model: Mapping[str, Any]) -> Iterator[Part]:
    stream, task = entry.get("stream"), model.get("task")
    predictions = model.get("predictions")
    fields = predictions.get("fields") if isinstance(predictions, dict) else None
    if not isinstance(stream, str) or not isinstance(task, str) or not isinstance(fields, dict):
        return
    if stream in {"error", "score"} and stream not in fields:
        yield ("stream",), f"predictions.fields names no {stream}; add it there"
    if stream in {"wrong", "outcome"} and "label" not in fields:
        yield ("stream",), f"{stream} needs the label, and predictions.fields names none; add label there"
    if stream == "outcome" and task not in {"binary", "ranking"}:
        yield ("stream",), f"a task {task} has no positive label; outcome is for binary and ranking"
    if stream == "wrong":
        yield from _of_wrong(entry, task, fields, has_reference="reference" in model)
    elif "cutoff" in entry:
        yield ("cutoff",), f"is for the stream wrong, not for {stream}; remove it"
    if entry.get("detector") == "ddm" and (stream == "score" or (stream, task) == ("wrong", "regression")):
        what = "a score" if stream == "score" else "the error of a regression"
        yield (
            ("detector",),
            f"ddm is for values of 0 and 1, and {what} is a number; take adwin or page_hinkley",
        )


def _of_wrong(
    entry: Mapping[str, Any], task: str, fields: Mapping[str, Any], *, has_reference: bool
) -> Iterator[Part]:
    if task == "ranking":
        yield ("stream",), "a ranking is neither right nor wrong; take outcome, the share of positive labels"
        return
    if task != "binary" and "prediction" not in fields:
        yield ("stream",), "wrong needs the prediction, and predictions.fields names none; add it there"
    if task == "binary" and not {"prediction", "score"} & {*fields}:
        text = "wrong needs the prediction or the score, and predictions.fields names neither; add one there"
        yield ("stream",), text
    if "cutoff" in entry and (task != "binary" or "score" not in fields):
        cutoff = shorten(str(entry["cutoff"]))
        yield ("cutoff",), f"{cutoff} is for the score of a binary model; name it in fields or remove this"
    if task == "regression" and not has_reference:
        text = "the error of a regression is measured by the reference's, and there is no reference; name one"
        yield ("stream",), text
