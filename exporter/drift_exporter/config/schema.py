"""The configuration's schema: every key, its type, its default and what it means.

Attributes are called as the keys of the YAML file. Durations are seconds, sizes are bytes, paths are resolved
against the folder that validation's context names (that of the configuration file), else the working folder.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic.functional_validators import AfterValidator, BeforeValidator

from drift_exporter.config.anomaly import Anomaly, AnomalyType
from drift_exporter.config.drift import Drift
from drift_exporter.config.fieldtypes import (
    ColumnType,
    DeadLetterSize,
    Delay,
    Features,
    File,
    Interval,
    LineSize,
    MemorySize,
    Name,
    Period,
    RecordPath,
    Text,
    TimestampFormat,
    WindowType,
    printable,
)
from drift_exporter.config.infrastructure import Infrastructure
from drift_exporter.config.performance import Fairness, Performance, once_each
from drift_exporter.config.positions import shorten
from drift_exporter.config.references import ReferenceType, RollingReference, VersionReference
from drift_exporter.config.refusal import refuse, refuse_parts
from drift_exporter.config.requests import checked_url
from drift_exporter.config.section import Section
from drift_exporter.config.sources import Source
from drift_exporter.config.streams import ConceptDrift
from drift_exporter.config.values import Window

DEFAULT_TOLERANCE = 0.05
LATENCY_SCALES: Mapping[str, float] = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
PositiveInt = Annotated[int, Field(strict=True, ge=1, le=10**9)]
IdCount = Annotated[int, Field(strict=True, ge=1000, le=40_000_000)]
"""What SQLite takes as one value holds 40 million ids."""

PositiveNumber = Annotated[float, Field(strict=True, gt=0, le=100, allow_inf_nan=False)]
PositiveAmount = Annotated[int, Field(strict=True, ge=1, le=10_000)]


class Limits(Section):
    """What one exporter may use at most. What does not fit is counted, not silently lost."""

    series: PositiveInt = Field(50_000, description="time series exported for all models together")
    models: PositiveAmount = Field(
        100, description="models in this file, and names in a shared log that are told apart beside them"
    )
    versions: PositiveAmount = Field(100, description="versions of one model that are told apart")
    categories: PositiveInt = Field(50, description="categories of one column that are told apart")
    ids: IdCount = Field(
        5_000_000, description="ids of one model that are remembered to count records once, 24 bytes each"
    )
    line: LineSize = Field(2**20, description="size of one record in a log; longer ones are rejected")
    memory: MemorySize = Field(
        512 * 2**20,
        description="memory for decoding; at least eight times line",
    )
    dead_letter: DeadLetterSize = Field(
        100 * 2**20,
        description="size of one dead-letter file; a larger one is put away, and five of those stay",
    )


class Latency(Section):
    """Where a record holds its latency, and in which unit."""

    field: RecordPath = Field(description="the field, such as latency_ms")
    unit: Literal["s", "ms", "us", "ns"] = Field("s", description="s, ms, us or ns")

    @property
    def scale(self) -> float:
        """Seconds per unit."""
        return LATENCY_SCALES[self.unit]


def _latency(value: object) -> object:
    return {"field": value} if isinstance(value, str) else value


class Fields(Section):
    r"""Where a record holds what. Dots reach nested fields; ``\.`` is a dot that belongs to a name."""

    timestamp: RecordPath | None = Field(None, description="when the prediction was made")
    timestamp_format: TimestampFormat | None = Field(
        None,
        description="how timestamps are written, as for strptime, where they are in no form that is known",
    )
    id: RecordPath | None = Field(None, description="identifies the prediction, to join labels")
    model: RecordPath | None = Field(None, description="names the model, where several models share a log")
    version: RecordPath | None = Field(None, description="version of the model that answered")
    prediction: RecordPath | None = Field(None, description="what the model answered")
    score: RecordPath | None = Field(None, description="confidence or probability of the answer")
    latency: Annotated[Latency | None, BeforeValidator(_latency)] = Field(None, description="time to answer")
    error: RecordPath | None = Field(
        None, description="tells of an error unless absent, null, false, 0 or empty"
    )
    trace_id: RecordPath | None = Field(None, description="trace of the request, for exemplars")
    label: RecordPath | None = Field(None, description="the true answer, where the log holds it")
    scores: Annotated[Mapping[Text, RecordPath], Field(min_length=1)] | None = Field(
        None, description="multiclass: the probability of each class, as a map class: field"
    )
    position: RecordPath | None = Field(None, description="ranking: place in the list that was shown, from 1")
    features: Features | None = Field(
        None, description="an object's fields (features.*), or a map name: field"
    )

    @model_validator(mode="after")
    def _checked(self) -> "Fields":
        if not self.model_fields_set:
            raise refuse("no field is named; name at least one, such as timestamp: ts")
        if self.timestamp_format is not None and self.timestamp is None:
            text = "it says how timestamps are written, and no field holds them; add timestamp"
            raise refuse_parts([(("timestamp_format",), text)])
        return self


class Predictions(Section):
    """Where a model's predictions come from, and what a record holds."""

    source: Source = Field(
        description="where the records come from, such as {type: file, path: logs/*.ndjson}"
    )
    fields: Fields = Field(description="which field of a record holds what")
    deduplicate: Period | None = Field(
        None, description="count a record once whose id comes again within this event time; needs fields.id"
    )


class ColumnOptions(Section):
    """How one column is treated."""

    type: ColumnType | None = Field(
        None, description="numeric, categorical, text or embedding; default: as found in the reference"
    )
    tolerance: PositiveNumber = Field(DEFAULT_TOLERANCE, description="PSI up to which a shift is tolerated")


class LabelFields(Section):
    """Where a record with a label holds what."""

    id: RecordPath = Field(description="the prediction's id")
    label: RecordPath = Field(description="the true answer")
    timestamp: RecordPath | None = Field(None, description="when the label came")
    timestamp_format: TimestampFormat | None = Field(
        None,
        description="how timestamps are written, as for strptime, where they are in no form that is known",
    )

    @model_validator(mode="after")
    def _checked(self) -> "LabelFields":
        if self.timestamp_format is not None and self.timestamp is None:
            text = "it says how timestamps are written, and no field holds them; add timestamp"
            raise refuse_parts([(("timestamp_format",), text)])
        return self


class Labels(Section):
    """Labels that come later than their predictions, and apart from them."""

    source: Source = Field(
        description="where the labels come from, such as {type: file, path: labels/*.ndjson}"
    )
    fields: LabelFields = Field(description="which field of a record holds what")
    max_delay: Delay = Field(14 * 86_400.0, description="how long a prediction waits for its label")


class Model(Section):
    """One model: who owns it, its reference, and where its predictions are."""

    name: Name = Field(description="the label model in all metrics, such as fraud")
    team: Annotated[str, Field(strict=True), AfterValidator(printable)] = Field(
        "", description="who is told of alerts"
    )
    impact: Literal["high", "low"] = Field(
        "low", description="high where revenue, compliance or safety depend on it"
    )
    task: Literal["binary", "multiclass", "regression", "ranking"] = Field(
        description="binary, multiclass, regression or ranking"
    )
    reference: ReferenceType | None = Field(
        None,
        description="file made by reference build, a map version: file, {rolling: 7d} or {version: NAME}",
    )
    predictions: Predictions = Field(description="the source and the fields of the model's records")
    columns: Mapping[Text, ColumnOptions] = Field({}, description="type and tolerance of columns")
    drift: Drift = Field(Drift(), description="how drift is judged")
    concept_drift: ConceptDrift | None = Field(None, description="streams that are watched for changes")
    labels: Labels | None = Field(None, description="labels that come later, in a log of their own")
    performance: Performance = Field(Performance(), description="how performance is told from labels")
    segments: Annotated[tuple[Text, ...], Field(max_length=10), AfterValidator(once_each)] = Field(
        (), description="categorical columns by whose values performance is split"
    )
    fairness: Fairness | None = Field(None, description="groups that are to be treated alike")
    anomaly: AnomalyType = Field((), description="detector of odd records, or a list of several")

    @property
    def detectors(self) -> tuple[Anomaly, ...]:
        """The detectors of odd records, however many there are."""
        return self.anomaly if isinstance(self.anomaly, tuple) else (self.anomaly,)

    def reference_file(self, version: str) -> Path | None:
        """The file with the bins of a version, None where there is none."""
        if isinstance(self.reference, Path):
            return self.reference
        if isinstance(self.reference, RollingReference | VersionReference):
            return self.reference.bins
        return self.reference.get(version) if isinstance(self.reference, Mapping) else None


def _runbooks(value: str) -> str:
    checked_url(value, "http://localhost:9090/user/runbooks")
    if "?" in value:
        raise refuse(f"{shorten(value, 200)} has parameters; name the folder that <AlertName>.md is in")
    return value.rstrip("/")


class Config(Section):
    """The whole configuration."""

    evaluation_interval: Interval = Field(15.0, description="how often drift is judged")
    state_dir: File = Field(
        Path("drift-exporter-state"),
        validate_default=True,
        description="folder for what is kept across restarts",
    )
    dead_letter: File = Field(
        default_factory=lambda data: data.get("state_dir", Path()) / "dead-letter",
        description="folder for rejected lines; default: dead-letter in state_dir",
    )
    windows: Annotated[tuple[WindowType, ...], Field(min_length=1, max_length=10)] = Field(
        (Window("1h", 3_600.0), Window("24h", 86_400.0), Window("7d", 604_800.0)),
        description="lengths of event time over which drift is judged",
    )
    limits: Limits = Field(Limits(), description="what the exporter may use at most")
    models: Annotated[tuple[Model, ...], Field(min_length=1)] = Field(description="the list of models")
    infrastructure: Infrastructure | None = Field(None, description="signals of what the models run on")
    runbooks: Annotated[Text, AfterValidator(_runbooks)] | None = Field(
        None, description="URL of the folder with the alerts' runbooks, for links on report pages"
    )
