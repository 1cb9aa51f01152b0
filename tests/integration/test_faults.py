"""Ends, restarts, clocks and mistakes through the whole exporter: the fault table in docs/operations.md."""

import json
import signal
import sqlite3
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drift_exporter import reader
from drift_exporter.reference.bins import numeric_column
from drift_exporter.reference.store import save_reference
from support.faults import CHECKPOINT, EVALUATED, RECORDS, RELOADED, START, UP, Case
from support.records import ndjson, reference
from support.tally import MODEL, Key, Series, key

DAY = 86_400.0


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "POLL_INTERVAL", 0.02)


def change(case: Case, edit: Callable[[dict[str, Any]], object]) -> None:
    """Change the configuration file."""
    document = json.loads(case.config.read_text())
    edit(document)
    case.config.write_text(json.dumps(document))


def total(series: Series, name: str, **labels: str) -> float:
    """Sum of the series that have these labels."""
    return sum(value for (own, has), value in series.items() if own == name and labels.items() <= has)


def late(reason: str) -> Key:
    return key("drift_exporter_late_records_total", model=MODEL, reason=reason)


@pytest.mark.fault("SIGTERM while there is much to read")
def test_ending_with_a_large_backlog(tmp_path: Path) -> None:
    case = Case(tmp_path)
    batch = case.lines(20_000)
    with case.log_file.open("wb") as log:
        # More than two chunks of 32 MiB.
        log.writelines([batch] * 20)
    case.tally.repeat(20)
    seconds = []
    for _ in range(2):
        with case.process() as running:
            seen = running.wait(lambda series: series.get(RECORDS, 0) > 0)[RECORDS]
            assert running.process is not None
            begun = time.monotonic()
            running.process.send_signal(signal.SIGTERM)
            assert 0 == running.wait_ended()
            seconds.append(time.monotonic() - begun)
        with sqlite3.connect(tmp_path / "state" / "state.sqlite") as connection:
            ((counters,),) = connection.execute("SELECT counters FROM model")
        connection.close()
        assert seen <= json.loads(counters)["records"]
    print("seconds to end:", seconds)  # noqa: T201  # for a person who runs this
    with case.process() as running:
        running.counted()


@pytest.mark.fault("state deleted while it is in use")
def test_the_state_is_deleted_in_use(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.append()
    with case.inside() as running:
        before = running.counted()
        for path in (tmp_path / "state").glob("state.sqlite*"):
            path.unlink()
        case.append()
        after = running.until({EVALUATED: 0, UP: 1})
        # One more save may have come between the look and the deletion.
        later = running.another()
        assert before[RECORDS] == after[RECORDS]
        assert [after[one] for one in (RECORDS, CHECKPOINT)] == [later[one] for one in (RECORDS, CHECKPOINT)]
    # What it rejected before is rejected again.
    (tmp_path / "state" / "dead-letter" / f"{MODEL}.predictions.ndjson").unlink(missing_ok=True)
    with case.inside() as running:
        running.counted()


@pytest.mark.fault("state damaged")
def test_the_state_is_damaged(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.append()
    with case.inside() as running:
        running.counted()
    state = tmp_path / "state" / "state.sqlite"
    damaged = b"\xaa" * 4096 + state.read_bytes()[4096:]
    state.write_bytes(damaged)
    assert f"{state} is damaged" in case.refused()
    assert damaged == state.read_bytes()
    state.rename(tmp_path / "away")
    (tmp_path / "state" / "dead-letter" / f"{MODEL}.predictions.ndjson").unlink(missing_ok=True)
    with case.inside() as running:
        running.counted()


@pytest.mark.fault("two exporters with one state")
def test_two_exporters_with_one_state(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.append()
    with case.inside() as running:
        running.counted()
        assert "is in use by another drift-exporter" in case.refused()
        case.append()
        running.counted()
    with case.inside() as running:
        running.counted()


@pytest.mark.fault("clock jumps forward")
def test_the_clock_jumps_forward_and_back(tmp_path: Path) -> None:
    now = START + DAY
    case = Case(tmp_path, clock=lambda: now)
    case.append()
    with case.inside() as running:
        running.counted()
        now += 1000 * DAY
        case.append()
        running.counted()
    with case.inside() as running:
        running.counted()
        now -= 1000 * DAY
        case.append()
        running.counted()
    with case.inside() as running:
        running.counted()


@pytest.mark.fault("clock jumps back")
def test_the_clock_jumps_back(tmp_path: Path) -> None:
    now = START + DAY
    case = Case(tmp_path, clock=lambda: now)
    case.append(rows=100)
    with case.inside() as running:
        before = running.counted()
        now = START - DAY
        case.append(rows=50)
        ahead = running.until({late("future"): 50, RECORDS: 150})
    with case.inside() as running:
        running.until({late("future"): 50, RECORDS: 150})
        now = START + DAY
        case.append(rows=25)
        after = running.until({late("future"): 50, RECORDS: 175})

    for series, counted, shown in ((before, 100, 100), (ahead, 150, 100), (after, 175, 125)):
        assert counted == total(series, "model_predictions_total")
        assert counted == total(series, "model_column_bin_total", column="amount")
        assert shown == total(series, "model_window_samples", window="7d")


@pytest.mark.fault("clock wrong while records have no timestamp")
def test_the_clock_gives_the_time_of_records(tmp_path: Path) -> None:
    now = START + DAY
    case = Case(tmp_path, clock=lambda: now)
    change(case, lambda document: document["models"][0]["predictions"]["fields"].pop("timestamp"))
    case.log_file.write_bytes(ndjson(*[{"version": "v1"}] * 10))
    with case.inside() as running:
        running.until({RECORDS: 10, late("late"): 0})
        now += 10 * DAY
        append(case, ndjson(*[{"version": "v1"}] * 5))
        running.until({RECORDS: 15, late("late"): 0})
    now -= 10 * DAY
    with case.inside() as running:
        append(case, ndjson(*[{"version": "v1"}] * 3))
        series = running.until({RECORDS: 18, late("late"): 3})
        assert (18, 5) == (
            total(series, "model_predictions_total"),
            total(series, "model_window_samples", window="7d"),
        )
        now += 10 * DAY
        append(case, ndjson(*[{"version": "v1"}] * 2))
        series = running.until({RECORDS: 20, late("late"): 3})
        assert 7 == total(series, "model_window_samples", window="7d")


@pytest.mark.fault("records of the future, and of long ago")
def test_records_out_of_their_time(tmp_path: Path) -> None:
    case = Case(tmp_path, clock=lambda: START + DAY)
    case.append(rows=100)
    far = {"version": "v1", "prediction": "yes", "features": {"amount": 1, "items": 1, "country": "a"}}
    times = ["9999-12-31T23:59:59Z", START + 10 * DAY, START - 3000 * DAY, "1970-01-01T00:00:00Z"]
    with case.inside() as running:
        before = running.counted()
        append(case, ndjson(*({"ts": ts, **far} for ts in times)))
        running.until({late("future"): 2, late("late"): 2})
    with case.inside() as running:
        after = running.until({RECORDS: 104, UP: 1})
        for name in ("model_window_samples", "drift_exporter_source_watermark_timestamp_seconds"):
            assert total(before, name) == total(after, name)
        assert 104 == total(after, "model_predictions_total")
        case.append(rows=6)
        series = running.until({RECORDS: 110, late("future"): 2, late("late"): 2})
        assert 106 == total(series, "model_window_samples", window="7d")


@pytest.mark.fault("reference of one model broken")
def test_a_broken_reference_beside_a_good_model(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.append()
    good = case.config.read_text()
    (tmp_path / "broken.json").write_text("{")
    with case.process() as running:
        running.counted()
        change(case, lambda document: document["models"].append(another_model()))
        running.reload()
        running.until({RELOADED: 0})
        case.append()
        running.counted()
    assert "broken.json" in case.refused()
    case.config.write_text(good)
    case.append()
    with case.process() as running:
        running.counted()


def another_model() -> Mapping[str, Any]:
    source = {"type": "file", "path": "other/*", "format": "ndjson"}
    predictions = {"source": source, "fields": {"features": "features.*"}}
    return {"name": "other", "task": "binary", "reference": "broken.json", "predictions": predictions}


@pytest.mark.fault("another reference after a restart")
def test_another_reference(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.append(rows=100)
    old = (tmp_path / "v1.json").read_bytes()
    with case.inside() as running:
        first = running.counted()
    save_reference(reference(numeric_column("amount", "feature", np.arange(9.0))), tmp_path / "v1.json")
    with case.inside() as running:
        second = running.until({RECORDS: 100})
        assert [0, 0] == [total(second, name, version="v1") for name in (BINS, SAMPLES)]
        case.append(rows=50)
        second = running.until({RECORDS: 150})
    (tmp_path / "v1.json").write_bytes(old)
    with case.inside() as running:
        third = running.until({RECORDS: 150})

    records = [total(series, "model_predictions_total", version="v1") for series in (first, second, third)]
    assert total(second, "model_predictions_total") == 150
    assert records[1] == records[2]
    amounts = [total(series, BINS, version="v1", column="amount") for series in (first, second, third)]
    assert [records[0], records[1] - records[0], records[0]] == amounts
    # The other version has its reference, and its bins.
    assert total(second, BINS, version="v2") == total(third, BINS, version="v2") > 0


BINS = "model_column_bin_total"
SAMPLES = "model_window_samples"


@pytest.mark.fault("other windows after a restart")
def test_other_windows(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.append(rows=100)
    with case.inside() as running:
        before = running.counted()
    change(case, lambda document: document.update(windows=["1h", "48h"]))
    with case.inside() as running:
        after = running.until({RECORDS: 100})
        assert total(before, SAMPLES, window="1h") == total(after, SAMPLES, window="1h") > 0
        assert [0, 0] == [total(after, SAMPLES, window=window) for window in ("24h", "48h")]
        case.append(rows=50)
        after = running.until({RECORDS: 150})
        assert 50 == total(after, SAMPLES, window="48h")
        assert 150 == total(after, BINS, column="amount")


def test_folders_that_are_not_there_are_made(tmp_path: Path) -> None:
    case = Case(tmp_path, options={"state_dir": "a/b/state", "dead_letter": "c/d/letters"})
    case.append()
    append(case, case.bad("malformed", b"garbage"))
    with case.inside() as running:
        running.counted()
    with case.inside() as running:
        running.counted()


def append(case: Case, data: bytes) -> None:
    with case.log_file.open("ab") as log:
        log.write(data)
