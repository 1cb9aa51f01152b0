"""A model's streams over records, versions, restarts and new configurations."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drift_exporter.errors import StateError
from drift_exporter.setting_up import make_model
from drift_exporter.snapshot import StreamSnapshot
from drift_exporter.state.check import check_state
from drift_exporter.state.store import Store
from support.records import NOW, Setup, ndjson, record
from support.states import run, save, state, version_counters
from support.streams import steps

FIELDS = {"timestamp": "ts", "version": "version", "prediction": "prediction", "label": "label"}
STREAMS = [
    {"stream": "wrong", "detector": "adwin"},
    {"stream": "wrong", "detector": "page_hinkley"},
    {"stream": "wrong", "detector": "ddm"},
    {"stream": "outcome", "detector": "adwin", "delta": 0.01},
]
START = NOW - 5_000


def lines(wrong: np.ndarray, version: str = "v1", start: int = 0) -> list[dict[str, Any]]:
    return [
        record(START + start + i, version=version, prediction="yes", label="no" if value else "yes")
        for i, value in enumerate(wrong.tolist())
    ]


def setup(folder: Path, streams: list[dict[str, Any]] | None = None) -> Setup:
    folder.mkdir(exist_ok=True)
    section = {"streams": STREAMS if streams is None else streams}
    return Setup(folder, fields=FIELDS, references=None, concept_drift=section)


def streams_after(made: Setup, *parts: list[dict[str, Any]]) -> tuple[StreamSnapshot, ...]:
    """Streams of the first version after the exporter has read each part and ended."""
    for part in parts:
        with (made.logs / "a.ndjson").open("ab") as log:
            log.write(ndjson(*part))
        runtime = run(made)
    return runtime.ingest.streams.snapshot("v1")


CHANGE = steps(5, [(2_500, 0.1), (1_500, 0.7)])


def test_a_change_is_found_at_its_time_by_every_detector(tmp_path: Path) -> None:
    found = streams_after(setup(tmp_path), lines(CHANGE))

    assert [("wrong", "adwin"), ("wrong", "page_hinkley"), ("wrong", "ddm"), ("outcome", "adwin")] == [
        (one.stream, one.detector) for one in found
    ]
    for one in found:
        assert 4_000 == one.values
        assert 1 == one.detections
        assert one.last_detection is not None
        assert START + 2_500 <= one.last_detection <= START + 2_900
        assert one.mean is not None
        assert (0.3 if one.stream == "outcome" else 0.7) == pytest.approx(one.mean, abs=0.05)
    assert [None, None, False, None] == [one.warning for one in found]


@pytest.mark.parametrize("cut", [1, 1_000, 2_543, 2_700])
def test_a_run_in_parts_finds_what_a_run_in_one_finds(tmp_path: Path, cut: int) -> None:
    whole, parts = setup(tmp_path / "whole"), setup(tmp_path / "parts")
    records = lines(CHANGE)

    expected = streams_after(whole, records)

    assert expected == streams_after(parts, records[:cut], records[cut:])


def test_versions_are_watched_apart(tmp_path: Path) -> None:
    steady = lines(steps(6, [(4_000, 0.1)]), "v2")
    mixed = [one for pair in zip(lines(CHANGE), steady, strict=True) for one in pair]
    made = setup(tmp_path, STREAMS[:2])
    (made.logs / "a.ndjson").write_bytes(ndjson(*mixed))
    runtime = run(made)

    assert [(1, 4_000)] * 2 == [(o.detections, o.values) for o in runtime.ingest.streams.snapshot("v1")]
    assert [(0, 4_000)] * 2 == [(o.detections, o.values) for o in runtime.ingest.streams.snapshot("v2")]


def test_counters_go_on_under_other_settings_and_the_detector_begins_anew(tmp_path: Path) -> None:
    made = setup(tmp_path, STREAMS[:1])
    streams_after(made, lines(CHANGE))

    changed = setup(tmp_path, [{**STREAMS[0], "delta": 0.5}])
    config = changed.config
    with closing(Store(config.state_dir)) as store:
        model = make_model(config.models[0], config, clock=lambda: NOW, store=store)
        model.restore()
        (found,) = model.evaluate()[0].versions[0].streams
        model.close()

    assert (4_000, 1, None) == (found.values, found.detections, found.mean)
    assert found.last_detection is not None


def test_a_stream_that_is_taken_out_and_put_back_goes_on(tmp_path: Path) -> None:
    first = streams_after(setup(tmp_path, STREAMS[:1]), lines(CHANGE))
    assert () == streams_after(setup_without(tmp_path), [])
    assert first == streams_after(setup(tmp_path, STREAMS[:1]), [])


def setup_without(folder: Path) -> Setup:
    return Setup(folder, fields=FIELDS, references=None)


def test_a_new_configuration_adopts_what_is_known(tmp_path: Path) -> None:
    made = setup(tmp_path)
    (made.logs / "a.ndjson").write_bytes(ndjson(*lines(CHANGE)))
    old = made.model()
    old.read()
    new = setup(tmp_path, STREAMS[:2]).model()
    new.adopt(old)

    assert old.ingest.streams.snapshot("v1")[:2] == new.ingest.streams.snapshot("v1")
    old.close()
    new.close()


def test_streams_are_there_before_their_first_value(tmp_path: Path) -> None:
    found = streams_after(setup(tmp_path, STREAMS[:3]), [record(NOW, label=None)])

    assert [(0, 0, None, None)] * 3 == [(o.values, o.detections, o.last_detection, o.mean) for o in found]


def test_a_detection_is_at_no_time_ahead_of_the_clock(tmp_path: Path) -> None:
    records = lines(CHANGE)
    for one in records:
        one["ts"] = NOW + 10**9
    (found,) = streams_after(setup(tmp_path, STREAMS[:1]), records)
    assert NOW + 3600 == found.last_detection


ENTRY = {
    "stream": "wrong",
    "detector": "ddm",
    "settings": "",
    "values": 0,
    "detections": 0,
    "last_detection": None,
    "state": {"values": 0, "errors": 0, "share": None, "deviation": None},
}


@pytest.mark.parametrize(
    "streams",
    [
        {},
        [5],
        [{**ENTRY, "stream": None}],
        [{**ENTRY, "state": []}],
        [{**ENTRY, "detector": "kswin"}],
        [{**ENTRY, "values": -1}],
        [{**ENTRY, "detections": True}],
        [{**ENTRY, "last_detection": 0.5}],
        [{**ENTRY, "state": {"values": 1}}],
    ],
)
def test_damaged_streams_are_found(tmp_path: Path, streams: object) -> None:
    save(tmp_path, fraud=replace(state(), versions={"v1": version_counters(streams=[ENTRY])}))
    with closing(Store(tmp_path)) as store:
        assert store.load("fraud") is not None
    save(tmp_path, fraud=replace(state(), versions={"v1": version_counters(streams=streams)}))

    assert check_state(tmp_path).problems
    with closing(Store(tmp_path)) as store, pytest.raises(StateError, match="stream"):
        store.load("fraud")
