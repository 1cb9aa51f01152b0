"""Records scored once: the exporter is killed again and again while its log is written.

DRIFT_EXPORTER_ANOMALY_KILLS is the number of kills (6).
"""

import os
import random
import threading
import time
from pathlib import Path

import pytest

from drift_exporter.once import run_once
from support import program
from support.anomalies import Odd, rows
from support.labelled import values
from support.records import ndjson
from support.scrapes import scrape
from support.servers import free_port, until

pytestmark = pytest.mark.xdist_group("anomaly_kill")

KILLS = int(os.environ.get("DRIFT_EXPORTER_ANOMALY_KILLS", "6"))
PATIENCE = 60.0
COUNTERS = (
    "model_anomaly_scored_records_total",
    "model_anomaly_skipped_records_total",
    "model_anomalies_total",
)


def counted(text: str) -> dict[tuple[str, ...], float]:
    """Counters by name and detector, and the histograms' buckets."""
    found = {
        (name, *key): value for name in COUNTERS for key, value in values(text, name, "detector").items()
    }
    buckets = values(text, "model_anomaly_score_bucket", "detector", "le")
    sums = values(text, "model_anomaly_score_sum", "detector")
    return {**found, **buckets, **{("sum", *key): value for key, value in sums.items()}}


def test_killed_exporters_score_each_record_once(tmp_path: Path) -> None:
    setup = Odd(tmp_path)
    # One scores all records, the other as many as it may.
    setup.anomaly = [{"detector": "ecod"}, {"detector": "copod", "rate": 1}]
    setup.write()
    lines = ndjson(*rows(20_000, 2, odd=range(0, 20_000, 30), every=1 / 3))
    log, chance, written = setup.logs / "a.ndjson", random.Random(5), 0  # noqa: S311  # no secret
    most: dict[tuple[str, ...], float] = {}

    def append(share: float) -> None:
        nonlocal written
        end = min(len(lines), written + int(share * len(lines)) + 1)
        with log.open("ab") as file:
            file.write(lines[written:end])
        written = end

    def start() -> tuple[program.Process, str]:
        address = f"127.0.0.1:{free_port()}"
        process = program.start(program.serve(setup.config_path, address), tmp_path / "log")
        return process, f"http://{address}/metrics"

    for _ in range(KILLS):
        process, url = start()
        append(chance.uniform(0, 1.5 / KILLS))
        killer = threading.Timer(chance.uniform(0.3, 1.5), process.kill)
        killer.start()
        while process.poll() is None:
            for key, value in counted(scrape(url)).items():
                # What was told is never taken back.
                assert value >= most.get(key, 0)
                most[key] = value
            time.sleep(0.05)
        killer.join()
        assert -9 == process.wait(), (tmp_path / "log").read_text()
    append(1)
    process, url = start()
    source = "drift_exporter_source_records_total"
    try:
        until(
            lambda: {("fraud/predictions",): 20_000} == values(scrape(url), source, "source"),
            PATIENCE,
            what="all to be read",
        )
        found = counted(scrape(url))
    finally:
        process.kill()
        process.wait()
    assert "Traceback" not in (tmp_path / "log").read_text()
    metrics, problems = run_once(setup.config_path)
    assert [] == problems
    expected = counted(metrics.decode())
    assert {key for key, value in most.items() if value} <= set(expected)
    # Which ones are scored of those that are too many depends on the cut; how many does not.
    by_chance = {key for key in expected if "copod" in key and not key[0].endswith("records_total")}
    assert {key: value for key, value in expected.items() if key not in by_chance} == {
        key: value for key, value in found.items() if key not in by_chance
    }
    assert 20_000 == expected["model_anomaly_scored_records_total", "ecod"]
    assert 13_000 < expected["model_anomaly_skipped_records_total", "copod"] < 14_000
