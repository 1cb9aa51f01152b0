import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drift_exporter.errors import StateError
from drift_exporter.reference.bins import numeric_column
from drift_exporter.reference.store import load_reference, save_reference
from drift_exporter.state.reading import FILE
from drift_exporter.state.references import fingerprints_in_use
from drift_exporter.state.rows import Changes, ModelState
from drift_exporter.state.show import show_state, state_json
from drift_exporter.state.store import Store
from drift_exporter.state.summary import BinsSummary, ModelSummary, StateSummary, VersionSummary, summarize
from support.records import NOW, Setup, ndjson, record, reference
from support.states import (
    HOUR,
    POSITION,
    PRINT,
    a_slice,
    content,
    holding,
    model_counters,
    run,
    save,
    state,
    version_counters,
)

DAY = 24 * HOUR


def two_models(folder: Path) -> None:
    """A model that has read something, and one that has not."""
    fraud = state(
        a_slice(0), a_slice(60_000_000), a_slice(0, window=DAY), a_slice(0, window=7 * DAY), records=1234567
    )
    counters = model_counters(
        records=1234567,
        watermark=1_767_225_599_500_000,
        rejected={"too_long": 0, "not_object": 3, "malformed": 12},
        lost_bytes=4096,
    )
    versions = {**fraud.versions, "unversioned": version_counters(predictions=5)}
    positions = [POSITION, replace(POSITION, serial=4, gone=True), replace(POSITION, serial=5)]
    save(
        folder,
        fraud=replace(fraud, counters=counters, versions=versions, positions=positions),
        churn=ModelState(counters=model_counters()),
    )


def test_the_table(tmp_path: Path) -> None:
    two_models(tmp_path)
    summary = summarize(tmp_path)
    assert [
        f"file         {tmp_path}/{FILE}",
        f"size         {(tmp_path / FILE).stat().st_size / 1024:.1f} KiB",
        "schema       4",
        "",
        "model        churn",
        "saved        2026-01-01 00:00:00 UTC",
        "records      0",
        "rejected     none",
        "files        0",
        "lost         0 bytes",
        "kept         3 predictions",
        "",
        "model        fraud",
        "saved        2026-01-01 00:00:00 UTC",
        "records      1,234,567",
        "watermark    2025-12-31 23:59:59 UTC",
        "rejected     malformed 12, not_object 3",
        "files        3, 1 of them gone",
        "lost         4,096 bytes",
        "kept         3 predictions",
        "version        predictions  bins of reference  slices",
        "v1               1,234,567  f0f0f0f0f0f0f0f0   1h 2, 24h 1, 7d 1",
        "unversioned              5  none",
    ] == show_state(summary).splitlines()
    in_use: Mapping[str, Mapping[str | None, str]] = {"fraud": {None: PRINT}}
    shown = show_state(summary, in_use).splitlines()
    assert "configured   no" == shown[11]
    assert [
        "version        predictions  bins of reference  in use  slices",
        "v1               1,234,567  f0f0f0f0f0f0f0f0   yes     1h 2, 24h 1, 7d 1",
        "unversioned              5  none",
    ] == shown[-3:]


def test_the_same_as_json(tmp_path: Path) -> None:
    two_models(tmp_path)
    document = json.loads(state_json(summarize(tmp_path), {"fraud": {"v1": "ab"}}))
    saved = "2026-01-01T00:00:00.000Z"
    assert {
        "file": f"{tmp_path}/{FILE}",
        "bytes": (tmp_path / FILE).stat().st_size,
        "schema": 4,
        "models": [
            {
                "model": "churn",
                "saved": saved,
                "records": 0,
                "rejected": {},
                "files": 0,
                "files_gone": 0,
                "lost_bytes": 0,
                "kept": {"predictions": 3},
                "configured": False,
                "versions": [],
            },
            {
                "model": "fraud",
                "saved": saved,
                "records": 1234567,
                "watermark": "2025-12-31T23:59:59.500Z",
                "rejected": {"too_long": 0, "not_object": 3, "malformed": 12},
                "files": 3,
                "files_gone": 1,
                "lost_bytes": 4096,
                "kept": {"predictions": 3},
                "configured": True,
                "versions": [
                    {
                        "version": "v1",
                        "predictions": 1234567,
                        "bins": [
                            {"reference": PRINT, "in_use": False, "slices": {"1h": 2, "24h": 1, "7d": 1}}
                        ],
                    },
                    {"version": "unversioned", "predictions": 5, "bins": []},
                ],
            },
        ],
    } == document
    document = json.loads(state_json(summarize(tmp_path)))
    assert not [model for model in document["models"] if "configured" in model]
    assert {"reference", "slices"} == document["models"][1]["versions"][0]["bins"][0].keys()


def test_bins_of_a_reference_before_and_after(tmp_path: Path) -> None:
    setup = Setup(tmp_path)
    (setup.logs / "a.ndjson").write_bytes(ndjson(record()))
    run(setup)
    before = load_reference(tmp_path / "reference.json").fingerprint[:16]
    changed = reference(numeric_column("amount", "feature", np.arange(5.0)))
    save_reference(changed, tmp_path / "reference.json")
    (setup.logs / "b.ndjson").write_bytes(ndjson(record(NOW + 1)))
    run(setup, NOW + 60)
    shown = show_state(summarize(tmp_path / "state"), fingerprints_in_use(setup.config)).splitlines()
    assert [
        f"v1                   2  {before}   no      1h 1, 24h 1, 7d 1",
        f"                        {changed.fingerprint[:16]}   yes     1h 1, 24h 1, 7d 1",
    ] == shown[-2:]
    assert "saved        2026-01-02 03:05:05 UTC" in shown


def test_while_another_process_saves(tmp_path: Path) -> None:
    with holding(tmp_path) as holder:
        holder.save(77)
        summary = summarize(tmp_path)
        assert [("held", 77)] == [(model.model, model.records) for model in summary.models]
        on_disk = content(tmp_path)
        assert len(on_disk[FILE]) + len(on_disk[f"{FILE}-wal"]) == summary.size
        holder.save(78)
        assert 78 == summarize(tmp_path).models[0].records


def test_a_state_without_models(tmp_path: Path) -> None:
    Store(tmp_path).close()
    assert "No model was saved yet." == show_state(summarize(tmp_path)).splitlines()[-1]


def test_a_damaged_state_is_told(tmp_path: Path) -> None:
    with closing(Store(tmp_path)) as store:
        store.save("fraud", Changes(ModelState(counters={"records": 1})))
    with pytest.raises(
        StateError, match=r"damaged .model fraud: the counter invalid is missing.; .* --model fraud$"
    ):
        summarize(tmp_path)
    (tmp_path / FILE).write_bytes(b"")
    with pytest.raises(StateError, match="is empty: nothing was saved there yet"):
        summarize(tmp_path)


NAMES = st.text(min_size=1, max_size=120)
COUNTS = st.integers(0, 2**63)


@given(
    NAMES,
    st.dictionaries(NAMES, COUNTS, max_size=9),
    st.lists(st.tuples(NAMES, st.dictionaries(st.floats(0.001, 1e9), COUNTS, max_size=12)), max_size=4),
    st.none() | st.floats(-1e15, 1e15),
    st.booleans(),
)
def test_it_fits_a_terminal(
    name: str,
    rejected: Mapping[str, int],
    bins: list[tuple[str, Mapping[float, int]]],
    watermark: float | None,
    known: bool,  # noqa: FBT001
) -> None:
    versions = [VersionSummary(name, 2**63, [BinsSummary(one, slices) for one, slices in bins])] * 2
    model = ModelSummary(name, 0.0, 2**63, watermark, rejected, 2**63, 2**62, 2**63, versions)
    summary = StateSummary(Path("state.sqlite"), 2**50, 1, [model])
    in_use = {name: {None: bins[0][0]}} if known and bins else None
    lines = show_state(summary, in_use).split("\n")
    assert max(map(len, lines)) <= 100
    assert all(line.isprintable() for line in lines)
    assert name == json.loads(state_json(summary, in_use))["models"][0]["model"]
