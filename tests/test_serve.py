"""The exporter started, stopped and started again on the same state."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import uvicorn

from drift_exporter.errors import StateError
from drift_exporter.reference.bins import numeric_column
from drift_exporter.reference.store import save_reference
from drift_exporter.serve import Exporter, listen
from drift_exporter.sources.listing import Shard
from drift_exporter.state.store import Store
from support.records import NOW, Setup, ndjson, record, reference
from support.scrapes import series

TOTAL = 'model_predictions_total{model="fraud",version="v1"}'
RECORDS = 'drift_exporter_source_records_total{source="fraud/predictions"}'
LAG = 'drift_exporter_source_lag_bytes{source="fraud/predictions"}'
BIN = 'model_column_bin_total{bin="0",column="amount",kind="feature",model="fraud",version="v1"}'


def setup(folder: Path, **options: object) -> Setup:
    made = Setup(folder, **options)
    text = made.config_path.read_text()
    made.config_path.write_text(text.replace('"state_dir"', '"evaluation_interval": "100ms", "state_dir"', 1))
    return made


@contextmanager
def running(config: Path, *, shard: Shard | None = None) -> Iterator[Exporter]:
    exporter = Exporter(config, clock=lambda: NOW, shard=shard)
    exporter.start()
    try:
        yield exporter
    finally:
        exporter.stop()


def metrics(exporter: Exporter) -> dict[str, float]:
    return series(exporter.current().body("text").decode())


def until(exporter: Exporter, reached: Callable[[dict[str, float]], bool]) -> dict[str, float]:
    """The first metrics that ``reached`` accepts."""
    pause = threading.Event()
    for _ in range(600):
        found = metrics(exporter)
        if reached(found):
            return found
        pause.wait(0.05)
    pytest.fail(f"it did not come: {found}")


def test_everything_goes_on_after_a_restart(tmp_path: Path) -> None:
    made = setup(tmp_path)
    log = made.logs / "a.ndjson"
    log.write_bytes(ndjson(*[record()] * 60) + b"junk\n")
    with running(made.config_path) as exporter:
        before = until(exporter, lambda found: found.get(RECORDS) == 60)
    with log.open("ab") as file:
        file.write(ndjson(*[record()] * 5))
    with running(made.config_path) as exporter:
        after = until(exporter, lambda found: found.get(RECORDS) == 65)

    rejected = 'drift_exporter_source_rejected_total{reason="malformed",source="fraud/predictions"}'
    window = 'model_window_samples{model="fraud",version="v1",window="1h"}'
    assert (60, 60, 1, 60) == (before[TOTAL], before[BIN], before[rejected], before[window])
    assert (65, 65, 1, 65) == (after[TOTAL], after[BIN], after[rejected], after[window])
    checkpoints = 'drift_exporter_checkpoint_duration_seconds_count{model="fraud"}'
    evaluations = 'drift_exporter_evaluation_duration_seconds_count{model="fraud"}'
    assert before[checkpoints] < after[checkpoints]
    assert before[evaluations] < after[evaluations]
    assert NOW == after['drift_exporter_checkpoint_timestamp_seconds{model="fraud"}']
    assert log.stat().st_size == after['drift_exporter_source_bytes_total{source="fraud/predictions"}']
    assert 1 == len(made.dead_letters())


def test_bytes_that_were_cut_off_unread_stay_counted(tmp_path: Path) -> None:
    made = setup(tmp_path)
    log = made.logs / "a.ndjson"
    log.write_bytes(ndjson(record()) + b'{"half')
    lost = 'drift_exporter_source_lost_bytes_total{source="fraud/predictions"}'
    with running(made.config_path) as exporter:
        assert 0 == until(exporter, lambda found: found.get(RECORDS) == 1)[lost]
        log.write_bytes(b"")
        until(exporter, lambda found: found[lost] == 6)
    with running(made.config_path) as exporter:
        assert 6 == until(exporter, lambda found: RECORDS in found)[lost]


def test_shards_share_the_files(tmp_path: Path) -> None:
    made = setup(tmp_path)
    for number in range(20):
        (made.logs / f"{number}.ndjson").write_bytes(ndjson(*[record()] * (number + 1)) + b"junk\n")
    found, letters = [], []
    for shard in ((0, 2), (1, 2)):
        with running(made.config_path, shard=shard) as exporter:
            found.append(until(exporter, lambda one: one.get(LAG) == 0 and one[RECORDS] > 0))
        folder = f"shard-{shard[0] + 1}-of-2"
        assert (tmp_path / "state" / folder / "state.sqlite").exists()
        path = tmp_path / "state" / "dead-letter" / folder / "fraud.predictions.ndjson"
        letters.append(path.read_text().count("\n"))

    assert 210 == sum(one[TOTAL] for one in found)
    assert 20 == sum(letters)
    assert not (tmp_path / "state" / "state.sqlite").exists()


def test_shards_run_side_by_side(tmp_path: Path) -> None:
    made = setup(tmp_path)
    with running(made.config_path, shard=(0, 2)):
        with running(made.config_path, shard=(1, 2)):
            pass
        with pytest.raises(StateError, match="in use"):
            Exporter(made.config_path, shard=(0, 2))


def test_a_reference_with_other_bins_begins_anew_and_the_old_counts_come_back_with_it(tmp_path: Path) -> None:
    made = setup(tmp_path)
    log = made.logs / "a.ndjson"
    log.write_bytes(ndjson(*[record()] * 5))
    old = (tmp_path / "reference.json").read_bytes()
    with running(made.config_path) as exporter:
        until(exporter, lambda found: found.get(BIN) == 5)
    other = reference(numeric_column("amount", "feature", np.arange(-5.0, 5.0)))
    save_reference(other, tmp_path / "reference.json")
    with running(made.config_path) as exporter:
        found = until(exporter, lambda one: RECORDS in one)
        assert 5 == found[TOTAL]
        assert 0 == found[BIN]
    (tmp_path / "reference.json").write_bytes(old)
    with running(made.config_path) as exporter:
        found = until(exporter, lambda one: RECORDS in one)
    assert (5, 5) == (found[TOTAL], found[BIN])


def test_windows_as_long_as_before_go_on(tmp_path: Path) -> None:
    made = setup(tmp_path, windows=["1h", "24h"])
    (made.logs / "a.ndjson").write_bytes(ndjson(*[record()] * 5))
    samples = 'model_window_samples{model="fraud",version="v1",window="%s"}'
    with running(made.config_path) as exporter:
        until(exporter, lambda found: found.get(samples % "24h") == 5)
    text = made.config_path.read_text().replace('"1h"', '"2h"')
    made.config_path.write_text(text)
    with running(made.config_path) as exporter:
        found = until(exporter, lambda one: RECORDS in one)
        assert (0, 5) == (found[samples % "2h"], found[samples % "24h"])
        made.config_path.write_text(text.replace('"24h"', '"24h", "7d"'))
        exporter.reload()
        found = until(exporter, lambda one: samples % "7d" in one)
        assert (0, 5, 0) == tuple(found[samples % name] for name in ("2h", "24h", "7d"))


def test_a_state_that_lacks_something_is_refused_with_the_way_out(tmp_path: Path) -> None:
    made = setup(tmp_path)
    with running(made.config_path):
        pass
    store = Store(tmp_path / "state")
    store._connection.execute("UPDATE model SET counters = json_remove(counters, '$.watermark')")  # noqa: SLF001  # damage that no checksum shows
    store.close()
    with pytest.raises(StateError, match=r"model fraud: the counter watermark is missing.*state reset"):
        Exporter(made.config_path)


def test_a_model_that_was_not_there_for_a_while_goes_on(tmp_path: Path) -> None:
    made = setup(tmp_path)
    log = made.logs / "a.ndjson"
    log.write_bytes(ndjson(*[record()] * 5))
    with running(made.config_path) as exporter:
        until(exporter, lambda found: found.get(TOTAL) == 5)
    text = made.config_path.read_text()
    made.config_path.write_text(text.replace('"fraud"', '"other"'))
    with running(made.config_path) as exporter:
        found = until(exporter, lambda one: one.get(TOTAL.replace("fraud", "other")) == 5)
        assert TOTAL not in found
        with log.open("ab") as file:
            file.write(ndjson(record()))
        made.config_path.write_text(text)
        exporter.reload()
        until(exporter, lambda one: one.get(TOTAL) == 6)


def test_the_configuration_of_a_reload_keeps_the_state(tmp_path: Path) -> None:
    made = setup(tmp_path)
    log = made.logs / "a.ndjson"
    log.write_bytes(ndjson(*[record()] * 5))
    with running(made.config_path) as exporter:
        until(exporter, lambda found: found.get(TOTAL) == 5)
        made.config_path.write_text(made.config_path.read_text().replace('"task"', '"team": "risk", "task"'))
        exporter.reload()
        with log.open("ab") as file:
            file.write(ndjson(record()))
        until(exporter, lambda found: found.get(TOTAL) == 6)
    with running(made.config_path) as exporter:
        found = until(exporter, lambda one: RECORDS in one)
    assert (6, 6, 6) == (found[TOTAL], found[RECORDS], found[BIN])


def test_the_counter_of_dropped_series_never_goes_back(tmp_path: Path) -> None:
    made = setup(tmp_path, limits={"series": 60})
    (made.logs / "a.ndjson").write_bytes(ndjson(*[record()] * 60))
    dropped = 'drift_exporter_dropped_series_total{model="fraud",reason="limit"}'
    with running(made.config_path) as exporter:
        before = until(exporter, lambda found: found.get(RECORDS) == 60 and found[dropped] > 0)[dropped]
    with running(made.config_path) as exporter:
        after = until(exporter, lambda found: RECORDS in found)[dropped]
        assert before <= after
        until(exporter, lambda found: found[dropped] > after)


def test_small_answers_are_sent_at_once() -> None:
    with listen(uvicorn.Config(lambda: None, host="127.0.0.1", port=0, log_config=None)) as listening:
        listening.listen()
        with socket.create_connection(listening.getsockname()), listening.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
