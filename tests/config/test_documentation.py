import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from drift_exporter.config import load_config
from drift_exporter.config.anomaly import Anomaly
from drift_exporter.config.drift import Drift
from drift_exporter.config.infrastructure import (
    CorrelationOptions,
    Forecast,
    Group,
    Infrastructure,
    ModelSeries,
    Signal,
)
from drift_exporter.config.performance import Fairness, Performance
from drift_exporter.config.references import RollingReference, VersionReference
from drift_exporter.config.schema import (
    ColumnOptions,
    Config,
    Fields,
    LabelFields,
    Labels,
    Latency,
    Limits,
    Model,
    Predictions,
)
from drift_exporter.config.sources import (
    PLANNED_TYPES,
    FileSource,
    HttpCursor,
    HttpLink,
    HttpSince,
    HttpSource,
    KafkaSource,
    ObjectsSource,
    PushSource,
)
from drift_exporter.config.streams import ConceptDrift, Stream

DOCUMENTS = Path(__file__).parents[2] / "docs"
TEXT = (DOCUMENTS / "configuration.md").read_text(encoding="utf-8")
SOURCES_TEXT = (DOCUMENTS / "sources.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
SOURCE_EXAMPLES = [
    example
    for example in re.findall(r"```yaml\n(.*?)```", SOURCES_TEXT, re.DOTALL)
    # What configures others says so.
    if not example.startswith("apiVersion:")
]
HEADINGS: Mapping[str, type[BaseModel]] = {
    "Top level": Config,
    "`limits`": Limits,
    "`models[*]`": Model,
    "`models[*].reference`: a version's own past": RollingReference,
    "`models[*].reference`: another version": VersionReference,
    "`models[*].predictions`": Predictions,
    "`models[*].predictions.fields`": Fields,
    "`models[*].predictions.fields.latency`": Latency,
    "`models[*].columns.<name>`": ColumnOptions,
    "`models[*].drift`": Drift,
    "`models[*].concept_drift`": ConceptDrift,
    "`models[*].concept_drift.streams[*]`": Stream,
    "`models[*].labels`": Labels,
    "`models[*].labels.fields`": LabelFields,
    "`models[*].performance`": Performance,
    "`models[*].fairness`": Fairness,
    "`models[*].anomaly`": Anomaly,
    "`infrastructure`": Infrastructure,
    "`infrastructure.signals[*]`": Signal,
    "`infrastructure.signals[*].forecast`": Forecast,
    "`infrastructure.groups[*]`": Group,
    "`infrastructure.correlation`": CorrelationOptions,
    "`infrastructure.models`": ModelSeries,
}
SOURCE_HEADINGS: Mapping[str, type[BaseModel]] = {
    "`file`": FileSource,
    "`http`": HttpSource,
    "`http.cursor`": HttpCursor,
    "`http.since`": HttpSince,
    "`http.link`": HttpLink,
    "`kafka`": KafkaSource,
    "`objects`": ObjectsSource,
    "`push`": PushSource,
}
ALL = HEADINGS | SOURCE_HEADINGS


def sections(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 (a type)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from sections(field.annotation)
    else:
        for argument in get_args(annotation):
            if argument is not Ellipsis:
                yield from sections(argument)


def table(heading: str) -> dict[str, str]:
    """Keys with their defaults, as the table below a heading says."""
    text = SOURCES_TEXT if heading in SOURCE_HEADINGS else TEXT
    below = re.split(r"^#{2,3} ", text.split(f"# {heading}\n")[1], flags=re.MULTILINE)[0]
    return dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", below, re.MULTILINE))


def test_every_section_is_documented() -> None:
    known = {section.__name__ for section in sections(Config)}
    assert known == {section.__name__ for section in ALL.values()}


@pytest.mark.parametrize("heading", ALL)
def test_every_key_is_documented_and_no_other(heading: str) -> None:
    assert list(table(heading)) == list(ALL[heading].model_fields)


@pytest.mark.parametrize("heading", ALL)
def test_defaults_are_as_documented(heading: str) -> None:
    shown = ALL[heading].model_construct().model_dump(mode="json", warnings=False)
    for key, said in table(heading).items():
        field = ALL[heading].model_fields[key]
        assert field.is_required() == (said == "required")
        if said == "none":
            assert field.default is None
        elif re.fullmatch("`[^`]+`", said):
            default = shown[key]
            listed = f"[{', '.join(default)}]" if isinstance(default, list) else default
            written = '""' if listed == "" else str(listed)
            assert said == f"`{written}`"


@pytest.mark.parametrize("kind", sorted(PLANNED_TYPES))
def test_planned_types_of_sources_are_documented(kind: str) -> None:
    assert f"source type `{kind}`" in TEXT.split("## Reserved keys")[1]


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 3


@pytest.mark.parametrize("example", EXAMPLES + SOURCE_EXAMPLES)
def test_examples_load(example: str, tmp_path: Path) -> None:
    file = tmp_path / "config.yml"
    file.write_text(example, encoding="utf-8")
    assert load_config(file).models


def test_the_longest_example_has_every_key() -> None:
    example = max(EXAMPLES, key=len)
    for heading in HEADINGS:
        for key in table(heading):
            assert re.search(rf"\b{key}:", example), key


@pytest.mark.parametrize("heading", SOURCE_HEADINGS)
def test_some_example_has_every_key_of_a_source(heading: str) -> None:
    kind = heading.strip("`").split(".")[0]
    examples = [example for example in SOURCE_EXAMPLES if re.search(rf"type: {kind}\b", example)]
    for key in table(heading):
        assert any(re.search(rf"\b{key}:", example) for example in examples), key
