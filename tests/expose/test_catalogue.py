"""Names follow Prometheus's conventions, and docs/metrics.md says exactly what the catalogue says."""

import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from drift_exporter.expose.catalogue import METRICS
from drift_exporter.expose.definition import MetricDefinition

DOCUMENT = Path(__file__).parents[2] / "docs" / "metrics.md"
BY_NAME = {metric.name: metric for metric in METRICS}


def sections() -> dict[str, str]:
    _, *parts = re.split(r"^### `(\w+)`\n", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE)
    bodies = (re.split(r"^## ", body, flags=re.MULTILINE)[0] for body in parts[1::2])
    return dict(zip(parts[::2], bodies, strict=True))


def test_names_are_unique() -> None:
    assert len(METRICS) == len(BY_NAME)


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
def test_names_and_labels_follow_the_conventions(metric: MetricDefinition) -> None:
    assert re.fullmatch(r"(model|infra|drift_exporter)_[a-z_]+", metric.name)
    assert (metric.type == "counter") == metric.name.endswith("_total")
    assert (metric.type == "histogram") == bool(metric.bounds)
    assert list(metric.bounds) == sorted(set(metric.bounds))
    assert all(re.fullmatch(r"[a-z][a-z_]*", label) for label in metric.labels)
    assert len(set(metric.labels)) == len(metric.labels)
    # Prometheus adds these itself, and would rename ours.
    assert not {"job", "instance", "le"} & set(metric.labels)
    assert metric.help.endswith(".")


def test_latency_has_a_bucket_at_200_milliseconds() -> None:
    assert 0.2 in BY_NAME["model_prediction_latency_seconds"].bounds


def test_confidence_has_twenty_even_buckets() -> None:
    assert tuple(round(0.05 * i, 2) for i in range(1, 21)) == BY_NAME["model_prediction_confidence"].bounds


def test_the_document_lists_exactly_the_catalogue_in_its_order() -> None:
    assert [metric.name for metric in METRICS] == list(sections())


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
def test_the_document_says_of_each_metric_what_the_catalogue_says(metric: MetricDefinition) -> None:
    section = sections()[metric.name]
    flowing = " ".join(section.split())
    facts = dict(re.findall(r"^- (\w+): (.*)$", section, flags=re.MULTILINE))
    expected = {
        "Type": metric.type,
        "Unit": metric.unit,
        "Labels": ", ".join(f"`{label}`" for label in metric.labels) or "none",
    }
    if metric.bounds:
        expected["Buckets"] = ", ".join([*(f"{bound:g}" for bound in metric.bounds), "+Inf"])
    assert flowing.startswith(metric.help)
    assert expected == facts


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
def test_the_document_shows_an_example_with_all_labels(metric: MetricDefinition) -> None:
    found = re.search(r"```\n(.+)\n```", sections()[metric.name])
    assert found is not None
    [family] = text_string_to_metric_families(found[1] + "\n")
    [sample] = family.samples
    suffix = "_bucket" if metric.type == "histogram" else ""
    assert metric.name + suffix == sample.name
    assert {*metric.labels, *(["le"] if suffix else [])} == set(sample.labels)
