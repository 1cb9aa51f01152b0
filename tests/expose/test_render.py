"""What scrapers get: checked against golden files, promtool, and two parsers."""

import gzip
import os
import re
import shutil
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.samples import Sample

from drift_exporter.expose.negotiation import Format
from drift_exporter.expose.render import Rendered, render
from drift_exporter.snapshot import Exemplar, Snapshot
from support import snapshots as build
from support.performance_feed import labelled_snapshot

GOLDEN = Path(__file__).parent / "golden"
LIMIT = 50_000
PARSERS = {"text": parse_text, "openmetrics": parse_openmetrics}
FORMATS: tuple[Format, ...] = ("text", "openmetrics")


def rendered(snapshot: Snapshot) -> Rendered:
    return render(snapshot, series_limit=LIMIT, process=False)


def parsed(snapshot: Snapshot, form: Format) -> list[Metric]:
    return list(PARSERS[form](rendered(snapshot).body(form).decode("utf-8")))


def samples(snapshot: Snapshot, form: Format) -> Iterator[Sample]:
    return (sample for family in parsed(snapshot, form) for sample in family.samples)


@pytest.mark.parametrize(
    ("name", "snapshot"), [("small", build.small_snapshot()), ("labelled", labelled_snapshot())]
)
@pytest.mark.parametrize("form", FORMATS)
def test_golden(form: Format, name: str, snapshot: Snapshot) -> None:
    body = rendered(snapshot).body(form).decode("utf-8")
    stable = re.sub(r'python_version="[^"]*",version="[^"]*"', 'python_version="3.x.y",version="x.y.z"', body)
    golden = GOLDEN / f"{name}.{form}"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(stable, encoding="utf-8")
    assert golden.read_text(encoding="utf-8") == stable, "run with UPDATE_GOLDEN=1 if this change is wanted"


@pytest.mark.servers
@pytest.mark.parametrize(
    "snapshot", [build.small_snapshot(), build.rich_snapshot(), labelled_snapshot(), build.snapshot()]
)
def test_promtool_has_nothing_to_say(snapshot: Snapshot) -> None:
    body = render(snapshot, series_limit=LIMIT).body("text")
    promtool = shutil.which("promtool")
    assert promtool is not None, "promtool comes with Prometheus"
    result = subprocess.run([promtool, "check", "metrics"], input=body, capture_output=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")


def test_both_formats_say_the_same() -> None:
    snapshot = build.rich_snapshot()
    in_text, in_openmetrics = (
        Counter((s.name, frozenset(s.labels.items()), s.value) for s in samples(snapshot, form))
        for form in FORMATS
    )
    assert in_text == in_openmetrics
    assert max(in_text.values()) == 1


def test_openmetrics_reads_back_the_exemplars() -> None:
    exemplars = {
        (s.name, s.labels["version"], s.labels["le"]): s.exemplar
        for s in samples(build.rich_snapshot(), "openmetrics")
        if s.exemplar and "detector" not in s.labels
    }
    bucket = "model_prediction_latency_seconds_bucket"
    # The third trace's id is too long for OpenMetrics.
    assert {(bucket, "2.1.0", "0.2"), (bucket, "2.1.0", "0.75")} == set(exemplars)
    exemplar = exemplars[bucket, "2.1.0", "0.2"]
    assert exemplar.labels == {"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"}
    assert exemplar.value == 0.181
    assert float(exemplar.timestamp) == build.NOW - 61.25


def test_exemplars_of_anomalies_are_traces_or_ids_that_are_not_too_long() -> None:
    found = build.anomalies("hbos")
    longest = {
        5: Exemplar("x" * 126, 0.99, build.NOW, "id"),
        6: Exemplar("x" * 127, 0.99, build.NOW, "id"),
        8: Exemplar("x" * 120, 0.99, build.NOW),
    }
    scores = replace(found.scores, exemplars={**found.scores.exemplars, **longest})
    version = replace(build.version(), anomalies=(replace(found, scores=scores),))
    snapshot = build.snapshot([build.model(versions=[version])])
    labels = {s.labels["le"]: s.exemplar.labels for s in samples(snapshot, "openmetrics") if s.exemplar}
    assert {
        "0.99": {"id": "x" * 126},
        "0.999": {"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"},
        "0.9999": {"trace_id": "x" * 120},
        "1.0": {"id": "order 17"},
    } == labels


def test_series_of_a_detector_are_left_out_as_a_whole() -> None:
    version = replace(build.version(), anomalies=(build.anomalies("hbos"), build.anomalies("ecod")))
    snapshot = build.snapshot([build.model(versions=[version])])
    of_one = 13 + 4 + 4
    made = render(snapshot, series_limit=2 + of_one + of_one - 1, process=False)
    text = made.body("text").decode()
    assert {"fraud": of_one} == made.dropped
    assert of_one == len(re.findall('^model_anomal.*detector="hbos"', text, re.MULTILINE))
    assert 'detector="ecod"' not in text


def test_the_text_format_has_no_exemplars() -> None:
    assert b"trace_id" not in rendered(build.rich_snapshot()).body("text")


def test_histograms_add_up() -> None:
    histograms: dict[tuple[str, str], list[float]] = {}
    counts: dict[tuple[str, str], float] = {}
    for sample in samples(build.rich_snapshot(), "openmetrics"):
        key = sample.labels.get("model", ""), sample.labels.get("version", "")
        if sample.name == "model_prediction_latency_seconds_bucket":
            histograms.setdefault(key, []).append(sample.value)
        elif sample.name == "model_prediction_latency_seconds_count":
            counts[key] = sample.value
    assert counts == {("fraud", "2.1.0"): 30_000}
    assert {key: max(buckets) for key, buckets in histograms.items()} == counts
    assert all(buckets == sorted(buckets) for buckets in histograms.values())


@pytest.mark.parametrize("form", FORMATS)
def test_gzip_is_the_same_bytes_and_smaller(form: Format) -> None:
    made = rendered(build.rich_snapshot())
    compressed = made.body(form, compressed=True)
    assert made.body(form) == gzip.decompress(compressed)
    assert len(compressed) < len(made.body(form)) / 5


def test_process_metrics_are_added_on_request() -> None:
    with_process = render(build.snapshot(), series_limit=LIMIT).body("openmetrics").decode()
    names = {family.name for family in parse_openmetrics(with_process)}
    assert {"process_cpu_seconds", "process_resident_memory_bytes", "python_info"} <= names
    without = {family.name for family in parsed(build.snapshot(), "openmetrics")}
    assert not {name for name in without if name.startswith(("process_", "python_"))}


def test_a_body_is_made_once_even_if_many_ask_at_once() -> None:
    made = rendered(build.rich_snapshot())
    start = threading.Barrier(4)

    def ask(_: int) -> bytes:
        start.wait(timeout=10)
        return made.body("text")

    with ThreadPoolExecutor(4) as pool:
        bodies = list(pool.map(ask, range(4)))
    assert len({id(body) for body in bodies}) == 1


def test_forms_that_were_asked_for_are_ready_with_the_next_snapshot() -> None:
    first = rendered(build.small_snapshot())
    first.body("openmetrics", compressed=True)
    second = render(build.small_snapshot(), series_limit=LIMIT, previous=first, process=False)
    assert second.cached("openmetrics", compressed=True) == first.body("openmetrics", compressed=True)
    assert second.cached("text", compressed=False) is None


def test_a_scrape_of_ten_thousand_series_hands_out_the_very_bytes_that_are_there() -> None:
    columns = [build.numeric_column(f"feature {i}", np.arange(1000.0) + i) for i in range(320)]
    made = rendered(build.snapshot([build.model(versions=[build.version(columns=columns)])]))
    assert made.body("openmetrics").count(b"\n") > 10_000
    first = made.body("openmetrics", compressed=True)
    assert all(made.body("openmetrics", compressed=True) is first for _ in range(100))


TEXT = st.text(max_size=20)
NAMES = st.text(min_size=1, max_size=20)


@settings(max_examples=60)
@given(model=NAMES, column=NAMES, category=NAMES, version=NAMES, reason=TEXT)
def test_any_text_renders_and_reads_back(
    model: str, column: str, category: str, version: str, reason: str
) -> None:
    held = build.categorical_column(column, {category: 60, category + "'": 40})
    drift = build.column_drift(held, np.array([40, 60, 0, 0]))
    one = build.version(version, model=model, columns=[held], windows=[build.window("1h", [drift])])
    snapshot = build.snapshot([build.model(model, [one], late={reason: 3})])
    for form in FORMATS:
        found = list(samples(snapshot, form))
        bins = {s.labels["bin"]: s.value for s in found if s.name == "model_column_bin_total"}
        assert bins == dict(zip(held.bins, [40, 60, 0, 0], strict=True))
        assert {s.labels["column"] for s in found if "column" in s.labels} == {column}
        assert {s.labels["model"] for s in found if "model" in s.labels} == {model}
        assert {s.labels["version"] for s in found if s.name.startswith("model_")} == {version}
        assert [s.labels["reason"] for s in found if s.name == "drift_exporter_late_records_total"] == [
            reason
        ]
