"""Signals of what models run on: queries of a Prometheus server, what is expected of them, and of models."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Literal, TypeVar

from pydantic import Field, model_validator
from pydantic.functional_validators import AfterValidator, BeforeValidator

from drift_exporter.config.fieldtypes import File, Interval, Lag, Name, Period, Step, Text, WindowType
from drift_exporter.config.performance import once_each
from drift_exporter.config.positions import shorten
from drift_exporter.config.refusal import Part, refuse, refuse_parts
from drift_exporter.config.requests import (
    HeaderName,
    HeaderText,
    OpenHeaderName,
    checked_url,
    twice_named,
    useless_files,
)
from drift_exporter.config.section import Section
from drift_exporter.config.values import Window, format_duration

Method = Literal["seasonal", "prophet", "none"]
Direction = Literal["up", "down", "both"]
ModelMetric = Literal[
    "latency_p95", "throughput", "error_ratio", "false_negative_rate", "accuracy", "anomaly_ratio"
]
MODEL_METRICS: tuple[ModelMetric, ...] = (
    *("latency_p95", "throughput", "error_ratio"),
    *("false_negative_rate", "accuracy", "anomaly_ratio"),
)
"""What is asked of models without saying how."""

FINEST_HISTORY = 300.0
"""Seconds between two points of the history, at least, where nothing else is said."""

DAILY = 86_400.0
_FEWEST_STEPS, _MOST_STEPS = 30, 5_000
_MOST_HISTORY = 120_000
_PROPHET_ONLY = ("holidays", "changepoint_prior_scale", "seasonality_mode")

Share = Annotated[float, Field(strict=True, gt=0, lt=1, allow_inf_nan=False)]
Contamination = Annotated[float, Field(strict=True, gt=0, le=0.5, allow_inf_nan=False)]
PriorScale = Annotated[float, Field(strict=True, gt=0, le=100, allow_inf_nan=False)]
TopCount = Annotated[int, Field(strict=True, ge=1, le=100)]
Seed = Annotated[int, Field(strict=True, ge=0, le=2**32 - 1)]
NamedT = TypeVar("NamedT", "Signal", "Group")


def _server(value: str) -> str:
    checked_url(value, "http://localhost:9090")
    if "?" in value:
        raise refuse(f"{shorten(value, 200)} has parameters; name the server, up to what comes before /api")
    return value.rstrip("/")


def _forecast(value: object) -> object:
    return {"method": value} if isinstance(value, str) else value


def _several(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(names) == 1:
        raise refuse(f"{shorten(names[0])} is alone; name two signals at least")
    return once_each(names)


class Forecast(Section):
    """How a signal's expected value is found."""

    method: Method = Field(description="seasonal, prophet (needs the extra prophet) or none")
    refit: Period | None = Field(
        None, description="how often it is learnt anew; default: refit of infrastructure, of prophet 24h"
    )
    holidays: Text | None = Field(None, description="prophet: country whose holidays count, such as DE")
    changepoint_prior_scale: PriorScale | None = Field(
        None, description="prophet: how readily the trend changes; without it 0.05"
    )
    seasonality_mode: Literal["additive", "multiplicative"] | None = Field(
        None, description="prophet: additive, or multiplicative where swings grow with the level"
    )

    @model_validator(mode="after")
    def _checked(self) -> "Forecast":
        wrong = [key for key in _PROPHET_ONLY if self.method != "prophet" and getattr(self, key) is not None]
        if wrong:
            text = f"is of prophet, and the method is {self.method}; remove it, or set method: prophet"
            raise refuse_parts([((key,), text) for key in wrong])
        return self


class Signal(Section):
    """One query whose value may explain what a model does."""

    name: Name = Field(description="the label signal in all metrics, such as network_retransmits")
    query: Text = Field(description="a PromQL query that gives one series")
    forecast: Annotated[Forecast, BeforeValidator(_forecast)] = Field(
        Forecast(method="seasonal"), description="how its expected value is found: a method, or its options"
    )
    direction: Direction = Field("both", description="where harm lies: up, down or both")


class Group(Section):
    """Signals that are judged together."""

    name: Name = Field(description="the label group in all metrics, such as network")
    signals: Annotated[tuple[Name, ...], Field(min_length=1, max_length=50), AfterValidator(_several)] = (
        Field(description="names of the signals, each with a forecast")
    )
    detector: Text = Field("ecod", description="a detector of anomalies, as for records")
    contamination: Contamination = Field(0.001, description="share of time that is odd when all is well")
    seed: Seed = Field(0, description="seed of what is random in the detector")


class CorrelationOptions(Section):
    """How signals are found that move together with what a model does."""

    window: WindowType = Field(Window("6h", 21_600.0), description="how far back is looked")
    max_lag: Lag = Field(1_800.0, description="by how much one may come before the other")
    false_discovery_rate: Share = Field(
        0.05, description="share of the signals that are told of which may be there by chance"
    )
    top: TopCount = Field(5, description="signals told of each model metric, at most")


class ModelSeries(Section):
    """What is asked of the models themselves."""

    built_in: Annotated[tuple[ModelMetric, ...], AfterValidator(once_each)] = Field(
        MODEL_METRICS, description="metrics whose queries are built in"
    )
    metrics: Mapping[Name, Text] = Field(
        {}, description="further ones, or other queries of these, as a map metric: PromQL query"
    )


class Infrastructure(Section):
    """Signals of what the models run on."""

    prometheus: Annotated[Text, AfterValidator(_server)] = Field(description="URL of a Prometheus server")
    headers: Mapping[OpenHeaderName, HeaderText] = Field({}, description="headers to send; no secrets")
    header_files: Mapping[HeaderName, File] = Field(
        {}, description="headers to send whose values, such as secrets, are in files"
    )
    timeout: Interval = Field(30.0, description="time without a byte after which a query has failed")
    ca_file: File | None = Field(None, description="certificates to trust instead of the system's")
    certificate_file: File | None = Field(None, description="our own certificate, where the server wants one")
    key_file: File | None = Field(None, description="its key, where that is in another file")
    step: Step = Field(60.0, description="how often signals are asked for, and between points of recent data")
    history: Period = Field(28 * DAILY, description="how much of the past a forecast learns from")
    history_step: Step | None = Field(
        None, description="between points of the history, a multiple of step; default: 5m, or what comes next"
    )
    refit: Period = Field(21_600.0, description="how often forecasts are learnt anew")
    correlation: CorrelationOptions = Field(
        CorrelationOptions(), description="how signals are found that move together with a model"
    )
    signals: Annotated[tuple[Signal, ...], Field(min_length=1, max_length=1000)] = Field(
        description="the signals"
    )
    groups: Annotated[tuple[Group, ...], Field(max_length=100)] = Field(
        (), description="signals that are judged together"
    )
    models: ModelSeries = Field(ModelSeries(), description="what is asked of the models themselves")

    @property
    def resolution(self) -> float:
        """Seconds between two points of the history: as many steps as make five minutes, or as is said."""
        if self.history_step is not None:
            return self.history_step
        return self.step * max(1.0, -(-FINEST_HISTORY // self.step))

    def refit_of(self, forecast: Forecast) -> float:
        """Seconds after which a forecast is learnt anew."""
        if forecast.refit is not None:
            return forecast.refit
        return DAILY if forecast.method == "prophet" else self.refit

    @model_validator(mode="after")
    def _checked(self) -> "Infrastructure":
        files = {key: getattr(self, key) for key in ("ca_file", "certificate_file", "key_file")}
        parts = [
            *twice_named(self.headers, self.header_files),
            *useless_files("prometheus", self.prometheus, files),
            *self._wrong_lengths(),
            *_repeated("signals", self.signals),
            *_repeated("groups", self.groups),
            *self._wrong_groups(),
        ]
        if parts:
            raise refuse_parts(parts)
        return self

    def _wrong_lengths(self) -> Iterator[Part]:
        window, lag = self.correlation.window, self.correlation.max_lag
        if self.resolution < self.step or self.resolution % self.step:
            yield ("history_step",), f"is no multiple of step, {format_duration(self.step)}; take one"
            return
        steps = window.seconds / self.resolution
        if steps < _FEWEST_STEPS:
            text = f"the window, {window.name}, has only {steps:g} points of the history; at least"
            yield (
                ("correlation", "window"),
                f"{text} {_FEWEST_STEPS}: a longer one, or a shorter history_step",
            )
        elif window.seconds / self.step > _MOST_STEPS:
            text = (
                f"the window, {window.name}, has {window.seconds / self.step:g} steps; at most {_MOST_STEPS}"
            )
            yield ("correlation", "window"), f"{text}: a shorter one, or a longer step"
        if lag * 2 > window.seconds:
            text = f"max_lag, {format_duration(lag)}, is more than half of the window; take a shorter one"
            yield ("correlation", "max_lag"), text
        if self.history < window.seconds + lag:
            text = f"the history, {format_duration(self.history)}, is shorter than correlation.window and"
            yield ("history",), f"{text} max_lag; take a longer one"
        elif self.history / self.resolution > _MOST_HISTORY:
            points = self.history / self.resolution
            text = f"the history, {format_duration(self.history)}, has {points:.0f} points; at most"
            yield ("history",), f"{text} {_MOST_HISTORY}: a shorter one, or a longer history_step"

    def _wrong_groups(self) -> Iterator[Part]:
        known = {signal.name: signal for signal in self.signals}
        for index, group in enumerate(self.groups):
            for place, name in enumerate(group.signals):
                at = ("groups", index, "signals", place)
                if name not in known:
                    yield at, f"{shorten(name)} is no signal; name one of those in signals"
                elif known[name].forecast.method == "none":
                    yield at, f"{shorten(name)} has no forecast; give it one, or leave it out"


def _repeated(key: str, named: Sequence[NamedT]) -> Iterator[Part]:
    seen: dict[str, int] = {}
    for index, one in enumerate(named):
        if seen.setdefault(one.name, index) != index:
            text = f"{shorten(one.name)} is also the name of {key}[{seen[one.name]}]; names are unique"
            yield (key, index, "name"), text
