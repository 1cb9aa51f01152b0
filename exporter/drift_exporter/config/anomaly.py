"""How odd single records are found, and what is shown of them."""

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag
from pydantic.functional_validators import AfterValidator, BeforeValidator

from drift_exporter.config.fieldtypes import Text
from drift_exporter.config.performance import once_each
from drift_exporter.config.positions import kind_of, shorten
from drift_exporter.config.refusal import Part, refuse
from drift_exporter.config.section import Section

MOST_DETECTORS = 5
BURST = 60
"""Seconds whose records may come at once."""

Contamination = Annotated[float, Field(strict=True, gt=0, le=0.5, allow_inf_nan=False)]
Tolerance = Annotated[float, Field(strict=True, ge=0, le=100, allow_inf_nan=False)]
Seed = Annotated[int, Field(strict=True, ge=0, le=2**32 - 1)]
Rate = Annotated[int, Field(strict=True, ge=1, le=10_000_000)]
ExampleCount = Annotated[int, Field(strict=True, ge=0, le=100)]
Names = Annotated[tuple[Text, ...], Field(min_length=1, max_length=1000), AfterValidator(once_each)]


def _detector(name: str) -> str:
    if name != name.lower():
        raise refuse(f"{shorten(name)} is written in capitals; detectors are named as {name.lower()}")
    return name


def _parameter(value: object) -> object:
    values = value if isinstance(value, list | tuple) else [value]
    for one in values:
        if not isinstance(one, str | int | float):
            raise refuse(f"{kind_of(one)} is no single value; write a text, a number, true, false or a list")
        if isinstance(one, float) and not math.isfinite(one):
            raise refuse(f"{one} is not finite; write a number such as 0.1")
    return list(values) if isinstance(value, tuple) else value


Parameter = Annotated[Any, BeforeValidator(_parameter)]


def _show(value: object) -> object:
    if isinstance(value, str) and value not in {"none", "all"}:
        raise refuse(f"{shorten(value)} is neither none nor all; write one of them, or a list of columns")
    if not isinstance(value, str | list | tuple):
        raise refuse(f"{kind_of(value)} names no columns; write none, all or a list of columns")
    return value


def _show_form(value: object) -> str:
    return "<text>" if isinstance(value, str) else "<names>"


Show = Annotated[
    Annotated[Literal["none", "all"], Tag("<text>")] | Annotated[Names, Tag("<names>")],
    Discriminator(_show_form),
    BeforeValidator(_show),
]


class Anomaly(Section):
    """Finding single odd records, by one detector."""

    detector: Annotated[Text, AfterValidator(_detector)] = Field(
        "hbos", description="the detector: a PyOD one by the name of its module, or one that is installed"
    )
    parameters: Mapping[Text, Parameter] = Field({}, description="what the detector is made with")
    contamination: Contamination = Field(0.01, description="share of records that are odd when all is well")
    tolerance: Tolerance = Field(
        1.0, description="how much larger, in terms of contamination, the share of odd records may be"
    )
    seed: Seed = Field(0, description="seed of what the detector draws at random")
    scale: Literal["none", "standard", "robust"] = Field(
        "none", description="how numbers are scaled for the detector: none, standard or robust"
    )
    rate: Rate = Field(10_000, description="records scored for each second of event time, at most")
    columns: Names | None = Field(
        None, description="columns that the detector sees; default: all features of the reference"
    )
    examples: ExampleCount = Field(10, description="oddest records of the last day that are kept to be shown")
    show: Show = Field("none", description="columns whose values may be shown: none, all or a list")


def _form(value: object) -> str:
    return "<detectors>" if isinstance(value, list | tuple) else "<detector>"


def _all(value: Anomaly | tuple[Anomaly, ...]) -> tuple[Anomaly, ...]:
    return (value,) if isinstance(value, Anomaly) else value


AnomalyType = Annotated[
    Annotated[Anomaly, Tag("<detector>")]
    | Annotated[tuple[Anomaly, ...], Field(max_length=MOST_DETECTORS), Tag("<detectors>")],
    Discriminator(_form),
    AfterValidator(_all),
]
"""One detector, or several side by side: a tuple of them."""


def anomaly_problems(model: Mapping[str, Any], *, has_sample: bool) -> Iterator[Part]:
    """What does not go together, from a model's data before it is validated; places are within the model.

    ``has_sample`` is whether its reference has a sample.
    """
    section = model.get("anomaly")
    if section is None or section == []:
        return
    if not has_sample:
        text = (
            "a detector learns from the sample beside a reference file; name one, made by reference build "
            "(a rolling reference and another version have none)"
        )
        yield ("anomaly",), text
    several = isinstance(section, list)
    seen: dict[str, int] = {}
    for index, entry in enumerate(section if several else [section]):
        at: tuple[str | int, ...] = ("anomaly", index) if several else ("anomaly",)
        if isinstance(entry, dict):
            name = entry.get("detector", "hbos")
            if isinstance(name, str) and seen.setdefault(name, index) != index:
                yield at, f"the detector {shorten(name)} is given twice; keep one"
            for place, text in _hidden_columns(entry):
                yield (*at, *place), text


def _hidden_columns(entry: Mapping[str, Any]) -> Iterator[Part]:
    columns, shown = entry.get("columns"), entry.get("show")
    if not isinstance(columns, list) or not isinstance(shown, list):
        return
    for place, column in enumerate(shown):
        if isinstance(column, str) and column not in columns:
            yield (
                ("show", place),
                f"{shorten(column)} is not among columns, so nothing is shown of it; remove it",
            )
