"""How performance is told from labels, and whether groups of people are treated alike."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, PlainSerializer
from pydantic.functional_validators import AfterValidator, BeforeValidator

from drift_exporter.config.fieldtypes import Lag, Scalar, Text
from drift_exporter.config.positions import kind_of, shorten
from drift_exporter.config.refusal import Part, refuse, refuse_parts
from drift_exporter.config.section import Section

MINIMUM_LABELS = 30
MINIMUM_GROUP = 100
TOLERANCE = 0.05
THRESHOLD = 0.5

_TASKS = ("binary", "multiclass", "regression", "ranking")
_DEFAULTS: Mapping[str, object] = {"threshold": THRESHOLD, "score_of": "positive"}

Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
LabelCount = Annotated[int, Field(strict=True, ge=10, le=10**9)]
Share = Annotated[float, Field(strict=True, gt=0, lt=1, allow_inf_nan=False)]


def _classes(classes: tuple[object, ...]) -> tuple[object, ...]:
    texts = [str(name) for name in classes]
    again = [i for i, name in enumerate(texts) if name in texts[:i]]
    if again:
        raise refuse_parts([((i,), f"{shorten(texts[i])} is given twice; keep one") for i in again])
    return classes


def _names(value: object) -> object:
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list | tuple):
        raise refuse(f"{kind_of(value)} names no column; write a name, or a list of names")
    return value


def once_each(names: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse a name that is given twice."""
    again = [i for i, name in enumerate(names) if name in names[:i]]
    if again:
        raise refuse_parts([((i,), f"{shorten(names[i])} is given twice; keep one") for i in again])
    return names


class Performance(Section):
    """How performance is told from labels."""

    positive: Scalar | None = Field(
        None, description="the positive label; default: the reference's, or 1, true and yes"
    )
    classes: Annotated[
        tuple[Scalar, ...] | None, Field(min_length=2, max_length=1000), AfterValidator(_classes)
    ] = Field(None, description="multiclass: the classes; default: those of the reference")
    threshold: Number = Field(
        THRESHOLD, description="binary, without a prediction field: the score from which on it is positive"
    )
    score_of: Literal["positive", "answer"] = Field(
        "positive", description="binary: whether the score is of the positive class or of the answer given"
    )
    offset: Lag = Field(
        0.0, description="how long before the newest prediction windows end, for labels that take long"
    )
    minimum_labels: LabelCount = Field(
        MINIMUM_LABELS, description="labels that a window or segment needs before its performance is told"
    )
    tolerance: Share = Field(
        TOLERANCE, description="relative change of labels, given the score, that is tolerated"
    )


class Fairness(Section):
    """Whether groups are treated alike."""

    attribute: Annotated[
        tuple[Text, ...],
        BeforeValidator(_names),
        Field(min_length=1, max_length=10),
        AfterValidator(once_each),
        PlainSerializer(list),
    ] = Field(description="the column that tells the groups, or a list of such columns")
    favourable: Scalar = Field(description="the answer that people want")
    minimum_group: LabelCount = Field(
        MINIMUM_GROUP, description="records that a group needs before it is compared"
    )


def performance_problems(model: Mapping[str, Any]) -> Iterator[Part]:
    """What does not go together, from a model's data before it is validated; places are within the model."""
    predictions = model.get("predictions")
    fields = predictions.get("fields") if isinstance(predictions, dict) else None
    task = model.get("task")
    if not isinstance(fields, dict) or task not in _TASKS:
        return
    labelled = model.get("labels") is not None or fields.get("label") is not None
    if not labelled and model.get("segments"):
        yield ("segments",), "needs labels, and there are none; add labels, or predictions.fields.label"
    yield from _of_task(model, fields, task)
    for key in ("segments", "fairness"):
        if model.get(key) and model.get("reference") is None:
            yield (key,), "the reference tells which groups there are, and there is none; add reference"
    yield from _unknown_columns(model, fields)


def _of_task(model: Mapping[str, Any], fields: Mapping[str, Any], task: str) -> Iterator[Part]:
    section = model.get("performance")
    options = section if isinstance(section, dict) else {}
    only = {
        "positive": ("binary", "ranking"),
        "classes": ("multiclass",),
        "threshold": ("binary",),
        "score_of": ("binary",),
    }
    for key, tasks in only.items():
        # What a dump of the defaults says asks for nothing.
        if task not in tasks and options.get(key) not in (None, _DEFAULTS.get(key)):
            yield ("performance", key), f"is for a task {' or '.join(tasks)}, and this is {task}; remove it"
    if options.get("score_of") == "answer" and fields.get("prediction") is None:
        text = "the score is that of the answer, and predictions.fields names no prediction; add it there"
        yield ("performance", "score_of"), text
    if fields.get("scores") and task != "multiclass":
        text = f"scores by class are for a task multiclass, and this is {task}; name one score instead"
        yield ("predictions", "fields", "scores"), text
    if fields.get("position") and task != "ranking":
        text = f"the place in a list is for a task ranking, and this is {task}; remove it"
        yield ("predictions", "fields", "position"), text
    if model.get("fairness") and task not in {"binary", "multiclass"}:
        yield ("fairness",), f"a task {task} has no answer that people want; fairness is of classes"
    answered = fields.get("prediction") or (task == "binary" and fields.get("score"))
    if not answered and task != "ranking":
        what = "prediction or score" if task == "binary" else "prediction"
        for place in ("labels", "fairness"):
            if model.get(place):
                yield (place,), f"predictions.fields names no {what} to compare; add it there"


def _unknown_columns(model: Mapping[str, Any], fields: Mapping[str, Any]) -> Iterator[Part]:
    features = fields.get("features")
    # With a pattern there may be a feature of any name.
    if features is not None and not isinstance(features, dict):
        return
    known = [*(features or {})]
    fairness = model.get("fairness")
    attribute = fairness.get("attribute") if isinstance(fairness, dict) else None
    named: list[tuple[tuple[int | str, ...], object]] = []
    if isinstance(model.get("segments"), list):
        named += [(("segments", i), name) for i, name in enumerate(model["segments"])]
    if isinstance(attribute, list):
        named += [(("fairness", "attribute", i), name) for i, name in enumerate(attribute)]
    elif isinstance(attribute, str):
        named.append((("fairness", "attribute"), attribute))
    for place, name in named:
        if isinstance(name, str) and name not in known:
            listed = ", ".join(known[:12])
            right = f"one of: {listed}" if known else "name its field in predictions.fields.features"
            yield place, f"{shorten(name)} is no feature of this model; {right}"
